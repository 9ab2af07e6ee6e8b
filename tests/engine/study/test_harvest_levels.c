/* Levels of activations, and the quantiles of examples that are read off them: against counting. */
#include "engine/base/rng.h"
#include "engine/study/harvest_private.h"
#include "tests/engine/study/chunks.h"
#include <float.h>

/* ---- levels */
static void levels_grow_with_the_value(void **unused)
{
    (void)unused;
    static const float v[] = {-FLT_MAX, -3,     -1.5f, -1e-30f, 0, 1e-30f,
                              1,        1.125f, 1.3f,  2,       9, FLT_MAX};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++) {
        int32_t level = level_of(v[i]);
        assert_true(level_from(level) <= v[i] && (v[i] > 1e38f || level_from(level + 1) > v[i]));
        assert_true(i == 0 || level > level_of(v[i - 1]));
    }
    assert_int_equal(level_of(2) - level_of(1), 8); /* eighths of an octave */
    assert_true(level_from(level_of(1)) == 1);
}

/* Whatever the order and wherever it is cut, the counts are those of the largest value's levels. */
static void levels_do_not_depend_on_order(void **unused)
{
    (void)unused;
    enum { N = 5000 };
    static float v[N];
    struct rng r;
    rng_seed(&r, 4);
    for (int i = 0; i < N; i++) /* over many octaves, some below 0 */
        v[i] = (float)(exp(12 * rng_unit(&r) - 6) - 0.1);
    struct levels forth, back, part[7], folded;
    levels_clear(&forth);
    levels_clear(&back);
    levels_clear(&folded);
    for (int i = 0; i < N; i++) {
        levels_add(&forth, v[i]);
        levels_add(&back, v[N - 1 - i]);
    }
    for (int p = 0; p < 7; p++) {
        levels_clear(&part[p]);
        for (int i = p; i < N; i += 7)
            levels_add(&part[p], v[i]);
    }
    for (int p = 6; p >= 0; p--)
        levels_fold(&folded, &part[p]);
    assert_memory_equal(&forth, &back, sizeof forth);
    assert_memory_equal(&forth, &folded, sizeof forth);
    uint32_t n[HARVEST_LEVELS] = {0};
    for (int i = 0; i < N; i++) {
        int32_t below = forth.largest - level_of(v[i]);
        assert_true(below >= 0);
        n[below < HARVEST_LEVELS ? HARVEST_LEVELS - 1 - below : 0]++;
    }
    assert_memory_equal(forth.n, n, sizeof n);
    assert_true(n[0] > 0 && n[1] > 0);
}

/* ---- quantiles against all activations */
struct active {
    int32_t latent, doc, pos;
    float value;
};
struct all {
    struct active *x;
    size_t n, cap;
};

static void take(void *arg, int32_t doc, int32_t pos, int32_t n, const int32_t *id,
                 const float *value)
{
    struct all *a = arg;
    for (int32_t i = 0; i < n; i++) {
        a->x = grow(a->x, &a->cap, a->n + 1, sizeof *a->x);
        a->x[a->n++] = (struct active){id[i], doc, pos, value[i]};
    }
}

/* The class's active tokens that rank behind an example; *n: all of them. */
static int64_t behind(const struct all *a, const struct corpus *c, int32_t latent,
                      struct example of, int64_t *n)
{
    int64_t below = 0;
    *n = 0;
    for (size_t i = 0; i < a->n; i++) {
        struct example x = {a->x[i].doc, a->x[i].pos, a->x[i].value};
        if (a->x[i].latent != latent || c->doc[x.doc].cls != c->doc[of.doc].cls)
            continue;
        ++*n;
        below += example_better(of, x);
    }
    return below;
}

static void quantiles_are_counted(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c);
    struct study *s =
        study_done(&harvest_study, &in, given(&harvest_study, "keep-activations=true"));
    struct all all = {0};
    double off = 0;
    int64_t counted = 0, about = 0, few = 0;
    harvest_postings(s, take, &all);
    for (int32_t j = 0; j < t.m; j++) {
        struct latent_detail *d = harvest_detail(s, j);
        struct table *x = detail_examples(d, &in, 10);
        for (int64_t r = 0; r < x->n_rows; r++) {
            struct example of = {(int32_t)doc_of_row(c, x, r),
                                 (int32_t)table_i64(x, r, table_find(x, "pos")),
                                 (float)table_f64(x, r, table_find(x, "value"))};
            double q = table_f64(x, r, table_find(x, "quantile"));
            int64_t n, below = behind(&all, c, j, of, &n);
            double error = fabs(q - (double)below / (double)n);
            if (table_i64(x, r, table_find(x, "exact"))) {
                near(q, (double)below / (double)n, 1e-12, "counted", j, (long)r);
                counted++;
                few += n <= HARVEST_TOP;
            } else {
                const struct levels *l = &d->cls[c->doc[of.doc].cls].levels;
                uint32_t same = l->n[level_index(l, level_of(of.value))];
                assert_true(n > HARVEST_TOP && below < n - HARVEST_TOP);
                assert_true(error <= (double)(same - 1) / (double)n); /* inside its level */
                off += error;
                about++;
            }
        }
        table_free(x);
        free(d);
    }
    assert_true(counted > 100 && few > 20 && about > 100);
    assert_true(off / (double)about < 0.02);
    free(all.x);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(levels_grow_with_the_value),
        cmocka_unit_test(levels_do_not_depend_on_order),
        cmocka_unit_test(quantiles_are_counted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
