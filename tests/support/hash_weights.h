/* Weights that a test and its reference script (tests/reference/hash_weights.py) compute bit for
 * bit alike, so that golden files hold results only: element i of a tensor is k/1024 · 2^−exponent
 * with −1024 ≤ k < 1024 from a hash of the tensor's name and i. Exact in f32 and f16; for bf16 the
 * low three bits of k are cleared, in the script too. */
#ifndef GLIMT_TEST_HASH_WEIGHTS_H
#define GLIMT_TEST_HASH_WEIGHTS_H
#include "engine/backend.h"
#include <stdint.h>
#include <stdio.h>

enum hash_kind { HASH_UNIFORM, HASH_GAMMA /* 1 ± ¼, exact in all types */ };

/* Elements first … first+n−1 of the tensor `name`. */
void hash_fill(void *dst, enum dtype type, const char *name, enum hash_kind kind, int exponent,
               uint64_t first, size_t n);

struct hash_tensor {
    char name[96];   /* in the file */
    const char *key; /* hashed in place of the name when not NULL */
    enum hash_kind kind;
    int exponent;
    int n_dims;
    int64_t dim[2];
    enum dtype type;
    const char *
        raw; /* not NULL: a buffer of this safetensors type in zeros, to be ignored by the reader */
};
/* Writes a safetensors file, streaming. metadata: key, value, …, NULL (may be NULL). Aborts the
 * test on failure. */
void hash_file_write(const char *path, const struct hash_tensor *, size_t n,
                     const char *const *metadata);

/* model.safetensors of a folder, or so many shards and their index. */
void hash_tensors_write(const char *dir, const struct hash_tensor *, size_t n, int32_t shards);

struct hash_model { /* a GPT-NeoX model in random weights */
    const char *name;
    int32_t n_layers, d_model, d_mlp, n_heads, n_vocab, n_ctx;
    double rotary_pct;
    bool sequential, tied, no_attention_bias;
    enum dtype type;
    int exponent;    /* of matrices */
    int32_t shards;  /* 0: one file */
    bool no_prefix;  /* tensor names without "gpt_neox." */
    bool new_config; /* rotation as rope_parameters */
    bool buffers;    /* attention.bias, masked_bias and inv_freq, as in the published files */
};
/* config.json and the weights into the folder. */
void hash_model_write(const char *dir, const struct hash_model *);

/* A fresh folder under $TMPDIR or /tmp; its removal with all files in it. */
void test_dir_new(char out[64]);
void test_dir_remove(const char *dir);
#endif
