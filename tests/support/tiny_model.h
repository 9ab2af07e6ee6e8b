/* A model small enough to compute everything twice: random weights (d_model 32, three layers), of
 * GPT-NeoX where nothing else is said, the small tokenizer of tests/golden/text, a random TopK SAE.
 * Files lie in a folder of their own. Aborts the test on failure. */
#ifndef GLIMT_TEST_TINY_MODEL_H
#define GLIMT_TEST_TINY_MODEL_H
#include "engine/dict/dict.h"
#include "engine/model/model.h"
#include "engine/session/session.h"
#include "engine/text/tokenizer.h"

struct tiny_spec {
    const char *hook;  /* "layers.1.mlp.act" … */
    bool neurons;      /* the identity in place of an SAE */
    const char *norm;  /* of its input; NULL: none. The second of `more` has it too */
    bool transcodes;   /* from `reads` to `hook`, with a skip connection */
    const char *reads; /* a part of the same layer; NULL: mlp.in */
    bool no_dict;
    struct tiny_more { /* further dictionaries of the set */
        const char *hook;
        bool neurons;
    } more[3];
    unsigned more_transcode; /* bit i: more[i], from mlp.in, as `transcodes` */
    bool sequential;         /* residual; of GPT-NeoX */
    const char *arch;        /* NULL: gpt_neox; else gpt2, llama or gemma2, of n_ctx 96 */
    int32_t n_ctx;           /* 0: 96 */
    int32_t rows_per_job;    /* 0: the device's */
    int threads;             /* 0: 1 */
    struct backend *(*device)(struct error *); /* NULL: the CPU */
};
struct tiny_model {
    char dir[64];
    struct backend *backend;
    struct queue *queue; /* of jobs */
    struct model *model;
    struct tokenizer *tokenizer;
    struct dict_set set;
    struct dict *dict; /* that of `hook`; NULL: none */
    struct point at;
    int32_t m; /* its units */
};
void tiny_open(struct tiny_model *, const struct tiny_spec *);
void tiny_close(struct tiny_model *);

/* The files alone: DIR/model (config.json, tokenizer.json, model.safetensors), DIR/sae.safetensors
 * for the hook. */
void tiny_write(const char *dir, const struct tiny_spec *);
void tiny_remove(const char *dir);
/* DIR/tiny.glimt with two classes of reference sentences over the files of tiny_write. */
void tiny_write_bundle(const char *dir, const char *hook);

/* Two classes of parallel reference sentences. */
extern const struct reference_set tiny_sets[2];
#endif
