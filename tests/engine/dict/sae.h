/* SAE files in hash weights, as in tests/reference/dict.py, and what every test of dictionaries
 * starts from. */
#ifndef GLIMT_TEST_DICT_SAE_H
#define GLIMT_TEST_DICT_SAE_H
#include "engine/cpu/cpu.h"
#include "engine/dict/dict.h"
#include "tests/engine/numbers.h"
#include "tests/support/hash_weights.h"
#include <stdio.h>
#include <string.h>

struct device {
    struct backend *b;
    struct queue *q;
    struct arena *arena;
    struct run run;
};

static inline void device_open(struct device *d)
{
    struct error e = {0};
    memset(d, 0, sizeof *d);
    d->b = cpu_backend_new(2, &e);
    assert_no_error(&e);
    d->q = d->b->queue_new(d->b, QUEUE_JOB, &e);
    assert_no_error(&e);
    d->arena = arena_new(d->q);
    d->run = (struct run){.queue = d->q, .arena = d->arena};
}

static inline void device_close(struct device *d)
{
    assert_no_error(&d->run.err);
    arena_free(d->arena);
    d->b->queue_free(d->q);
    d->b->free(d->b);
}

struct sae_case {
    const char *name;
    int32_t n, m, k;
    const char *relu;
    bool centre, bias;
    enum dtype type;
    const char *select;   /* NULL: topk */
    int32_t n_thresholds; /* of "threshold" */
};

/* PATH in glimt's own format; `key` and `value` replace or, with value NULL, drop one fact. */
static inline void sae_write(const char *path, const struct sae_case *c, const char *key,
                             const char *value)
{
    char k[16];
    const char *select = c->select ? c->select : "topk";
    bool gated = strcmp(select, "gated") == 0, threshold = strcmp(select, "threshold") == 0;
    snprintf(k, sizeof k, "%d", c->k);
    const char *facts[][2] = {{"format", "glimt-sae"},
                              {"version", "1"},
                              {"hook", "layers.3.mlp.act"},
                              {"k", k},
                              {"select", select},
                              {"relu", c->relu},
                              {"norm", "none"},
                              {"centre", c->centre ? "true" : "false"},
                              {"norm_rescale", "false"},
                              {"skip", "false"}};
    const char *metadata[32];
    int n = 0;
    for (size_t i = 0; i < sizeof facts / sizeof facts[0]; i++) {
        bool changed = key && strcmp(key, facts[i][0]) == 0;
        if (changed && !value)
            continue;
        metadata[n++] = facts[i][0];
        metadata[n++] = changed ? value : facts[i][1];
    }
    metadata[n] = NULL;
    const struct hash_tensor t[] = {
        {"encoder.weight", NULL, HASH_UNIFORM, 1, 2, {c->m, c->n}, c->type, NULL},
        {"W_dec", NULL, HASH_UNIFORM, 1, 2, {c->m, c->n}, c->type, NULL},
        {"encoder.bias", NULL, HASH_UNIFORM, 3, 1, {c->m}, c->type, NULL},
        {"b_dec", NULL, HASH_UNIFORM, 1, 1, {c->n}, c->type, NULL},
        {"gate_bias", NULL, HASH_UNIFORM, 3, 1, {c->m}, c->type, NULL},
        {"mag_bias", NULL, HASH_UNIFORM, 2, 1, {c->m}, c->type, NULL},
        {"r_mag", NULL, HASH_UNIFORM, 1, 1, {c->m}, c->type, NULL},
        {"threshold", NULL, HASH_UNIFORM, 1, 1, {c->n_thresholds}, c->type, NULL},
    };
    struct hash_tensor has[8];
    size_t n_has = 0;
    for (size_t i = 0; i < sizeof t / sizeof *t; i++)
        if (i < 2 || (i == 2 && !gated) || (i == 3 && c->bias) || (i > 3 && i < 7 && gated) ||
            (i == 7 && threshold))
            has[n_has++] = t[i];
    hash_file_write(path, has, n_has, metadata);
}

static inline struct tensor hash_input(struct run *run, const char *key, int32_t rows, int32_t cols)
{
    float *v = malloc((size_t)rows * (size_t)cols * sizeof *v);
    hash_fill(v, DTYPE_F32, key, HASH_UNIFORM, 0, 0, (size_t)rows * (size_t)cols);
    struct tensor t = run_put(run, rows, cols, v);
    free(v);
    return t;
}

#endif
