/* Small models of every architecture but GPT-NeoX (hash_weights.h) in hash weights, as folders in
 * their true form: names, shapes, config.json. The same as in tests/reference/model.py. */
#ifndef GLIMT_TEST_HASH_ARCHS_H
#define GLIMT_TEST_HASH_ARCHS_H
#include "tests/support/hash_weights.h"

enum hash_family {
    FAMILY_GPT2,
    FAMILY_GPT_NEO,
    FAMILY_GPTJ,
    FAMILY_LLAMA /* and kin */,
    FAMILY_PHI,
    FAMILY_PHI3
};

struct hash_arch {
    const char *name;
    enum hash_family family;
    int32_t n_layers, d_model, d_mlp, n_heads, n_kv_heads, head_dim, n_vocab, n_ctx;
    bool untied, attn_bias /* of q, k, v */, proj_bias, mlp_bias, post_norms, head_norms,
        gain_plus_1;
    enum dtype type;
    int exponent;       /* of matrices */
    int32_t shards;     /* 0: one file */
    bool no_prefix;     /* tensor names without "transformer." or "model." */
    bool buffers;       /* what files hold beside weights */
    const char *config; /* config.json */
};
enum { N_HASH_ARCHS = 19 };
extern const struct hash_arch hash_archs[N_HASH_ARCHS];
const struct hash_arch *hash_arch_named(const char *name);

void hash_arch_write(const char *dir, const struct hash_arch *);
#endif
