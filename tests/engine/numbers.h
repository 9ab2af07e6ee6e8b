/* What the tests of engine compute with: errors, tensors on the host, numbers compared. */
#ifndef GLIMT_TEST_ENGINE_NUMBERS_H
#define GLIMT_TEST_ENGINE_NUMBERS_H
#include "engine/run.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
/* after its prerequisites */
#include <cmocka.h>

static inline void assert_no_error(const struct error *e)
{
    if (error_is_set(e))
        print_error("%s\n", e->text);
    assert_false(error_is_set(e));
}

/* Contents of a tensor on the heap. */
static inline float *to_host(struct run *run, struct tensor t)
{
    float *p = calloc((size_t)t.rows * (size_t)t.cols + 1, sizeof *p);
    run_get(run, p, t);
    assert_no_error(&run->err);
    return p;
}

static inline void assert_close(const char *what, const float *a, const float *b, size_t n,
                                float tolerance)
{
    for (size_t i = 0; i < n; i++)
        if (!(fabsf(a[i] - b[i]) <= tolerance) && !(isnan(a[i]) && isnan(b[i])))
            fail_msg("%s: element %zu of %zu is %.8g, expected %.8g", what, i, n, (double)a[i],
                     (double)b[i]);
}
#endif
