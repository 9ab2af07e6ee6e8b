/* Means over documents, with intervals by bootstrap. */
#include "engine/base/memory.h"
#include "engine/study/doc_means.h"
#include <math.h>
#include <stdlib.h>

enum { DRAWS = 2000 };

/* ---- bootstrap */
enum { BLOCK = 256 }; /* columns that share a pass over the draws */

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static bool column_varies(const double *x, int64_t n, int32_t L)
{
    for (int64_t i = 1; i < n; i++)
        if (x[i * L] != x[0])
            return true;
    return false;
}

/* NaN when a mean is. */
static struct interval percentiles(double *mean, int32_t draws)
{
    for (int32_t d = 0; d < draws; d++)
        if (isnan(mean[d]))
            return (struct interval){(double)NAN, (double)NAN};
    qsort(mean, (size_t)draws, sizeof *mean, by_value);
    return (struct interval){quantile_sorted(mean, draws, 0.025),
                             quantile_sorted(mean, draws, 0.975)};
}

static void bootstrap_block(const double *x, int64_t n, int32_t L, int32_t width, int32_t draws,
                            uint64_t seed, struct interval *out)
{
    double *mean = xcalloc((size_t)draws * (size_t)width, sizeof *mean);
    struct rng rng;
    rng_seed(&rng, seed);
    for (int32_t d = 0; d < draws; d++) {
        double sum[BLOCK] = {0};
        for (int64_t i = 0; i < n; i++) {
            const double *row = x + rng_below(&rng, (uint64_t)n) * (size_t)L;
            for (int32_t l = 0; l < width; l++)
                sum[l] += row[l];
        }
        for (int32_t l = 0; l < width; l++)
            mean[(size_t)l * (size_t)draws + (size_t)d] = sum[l] / (double)n;
    }
    for (int32_t l = 0; l < width; l++)
        out[l] = column_varies(x + l, n, L) ? percentiles(mean + (size_t)l * (size_t)draws, draws)
                                            : (struct interval){(double)NAN, (double)NAN};
    free(mean);
}

void sample_bootstrap(const double *x, int64_t n, int32_t L, int32_t draws, uint64_t seed,
                      struct interval *out)
{
    for (int32_t l = 0; l < L && n < 1; l++)
        out[l] = (struct interval){(double)NAN, (double)NAN};
    for (int32_t l = 0; l < L && n > 0; l += BLOCK)
        bootstrap_block(x + l, n, L, L - l < BLOCK ? L - l : BLOCK, draws, seed, out + l);
}

/* ---- samples */
void sample_init(struct sample *q, int64_t most, int32_t L)
{
    *q = (struct sample){.L = L,
                         .x = xcalloc((size_t)most * (size_t)L + 1, sizeof *q->x),
                         .ci = xcalloc((size_t)L, sizeof *q->ci)};
}

void sample_release(struct sample *q)
{
    free(q->x);
    free(q->ci);
}

double sample_mean(const struct sample *q, int32_t lane)
{
    double sum = 0;
    for (int64_t i = 0; i < q->n; i++)
        sum += q->x[i * q->L + lane];
    return q->n > 0 ? sum / (double)q->n : (double)NAN;
}

void sample_intervals(struct sample *q, uint64_t seed)
{
    sample_bootstrap(q->x, q->n, q->L, DRAWS, seed, q->ci);
}

void sample_of_class(struct sample *q, const struct doc_means *s, int32_t cls, const int32_t *less,
                     uint64_t seed)
{
    int64_t n = 0;
    for (int64_t d = s->from; d < s->done; d++)
        n += doc_counts(s, d, cls);
    sample_init(q, n, s->n);
    for (int64_t d = s->from; d < s->done; d++) {
        if (!doc_counts(s, d, cls))
            continue;
        for (int32_t l = 0; l < q->L; l++)
            q->x[q->n * q->L + l] = doc_mean(s, l, d) - (less ? doc_mean(s, less[l], d) : 0);
        q->n++;
    }
    sample_intervals(q, seed);
}
