/* What tests/reference/model.py wrote of each small model: two sequences, their numbers. */
#ifndef GLIMT_TEST_MODEL_GOLDEN_H
#define GLIMT_TEST_MODEL_GOLDEN_H
#include "tests/engine/model/small.h"
#include "tests/support/golden_tensors.h"
#include <stdlib.h>

enum { N_ROWS = 11 };
static const int32_t starts[] = {0, 7, N_ROWS};

/* n floats; to be freed by the caller, who may write into them. */
static inline float *golden_values(const char *config, const char *name, size_t n)
{
    const struct named_tensor *t = golden_tensor("%s/%s", config, name);
    assert_int_equal(t->n_bytes, n * sizeof(float));
    float *v = malloc(t->n_bytes);
    memcpy(v, t->data, t->n_bytes);
    return v;
}

static inline struct batch golden_batch(const char *config, int32_t ids[N_ROWS])
{
    const struct named_tensor *t = golden_tensor("%s/ids", config);
    assert_int_equal(t->n_bytes, N_ROWS * sizeof(int32_t));
    memcpy(ids, t->data, t->n_bytes);
    return (struct batch){.n_rows = N_ROWS, .ids = ids, .seqs = {.n = 2, .start = starts}};
}
#endif
