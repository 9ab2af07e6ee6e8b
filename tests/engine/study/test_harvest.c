/* Harvest against an independent script (tests/reference/harvest.py), plain loops, and itself. */
#include "engine/base/rng.h"
#include "engine/study/harvest_private.h"
#include "tests/engine/dict/sae.h"
#include "tests/engine/study/chunks.h"
#include "tests/support/golden_tensors.h"

#define nothing given(&harvest_study, "")
#define keeping given(&harvest_study, "keep-activations=true")

/* ---- the demo bundle against the script */
static const void *gold(const char *name, size_t n)
{
    const struct named_tensor *t = golden_tensor("%s", name);
    if (n > 0)
        assert_int_equal(t->n_bytes, n * 4);
    return t->data;
}

static void check_counts(const struct study *s, int32_t m)
{
    const int32_t *tokens = gold("tokens", 2), *words = gold("words", 2);
    const int32_t *fired = gold("fired", 2 * (size_t)m), *ties = gold("fired_ties", 2 * (size_t)m);
    const float *mean = gold("mean_pre", 2 * (size_t)m);
    const int32_t *exponent = gold("exponent", (size_t)m);
    for (int32_t c = 0; c < 2; c++) {
        assert_int_equal(harvest_class(s, c)->sentences, 64);
        assert_int_equal(harvest_class(s, c)->tokens, tokens[c]);
        assert_int_equal(harvest_class(s, c)->sampled, tokens[c]);
        assert_int_equal(harvest_class(s, c)->words, words[c]);
        for (int32_t j = 0; j < m; j++) {
            struct latent_detail *d = harvest_detail(s, j);
            int32_t i = c * m + j;
            assert_int_equal(d->exponent, exponent[j]);
            assert_int_equal(d->cls[c].n, tokens[c]);
            if (llabs(d->cls[c].fired - fired[i]) > ties[i])
                fail_msg("latent %d fired %ld times, expected %d", j, (long)d->cls[c].fired,
                         fired[i]);
            near(d->cls[c].sum / (double)d->cls[c].n, (double)mean[i], 1e-4, "mean", j, c);
            free(d);
        }
    }
}

static void check_examples(const struct example *x, int32_t n, const float *want, int32_t latent)
{
    for (int32_t k = 0; k < HARVEST_TOP; k++, want += 3) {
        assert_true(k < n ? !isnan(want[0]) : isnan(want[0]));
        if (k >= n)
            continue;
        near((double)x[k].value, (double)want[2], 1e-4, "example", latent, k);
        assert_int_equal(x[k].doc, (int32_t)want[0]);
        assert_int_equal(x[k].pos, (int32_t)want[1]);
    }
}

static void check_shown(const struct study *s, int32_t m)
{
    const struct named_tensor *t = golden_tensor("shown");
    size_t n = (size_t)t->dim[0];
    const int32_t *shown = t->data, *bins = gold("bins", n * 2 * HARVEST_BINS);
    const int32_t *edges = gold("near_edges", 2 * (size_t)m);
    const float *top = gold("top", n * 2 * HARVEST_TOP * 3);
    const float *sample = gold("sample", n * 2 * HARVEST_TOP * 3);
    for (size_t i = 0; i < 2 * n; i++) {
        struct latent_detail *d = harvest_detail(s, shown[i / 2]);
        const struct latent_class *c = &d->cls[i % 2];
        int64_t differ = 0;
        for (int32_t b = 0; b < HARVEST_BINS; b++)
            differ += llabs((int64_t)c->bin[b] - bins[i * HARVEST_BINS + (size_t)b]);
        if (differ > 2 * edges[(int32_t)(i % 2) * m + d->latent])
            fail_msg("latent %d: %ld values in other bins", d->latent, (long)differ / 2);
        check_examples(c->top, c->n_top, top + i * HARVEST_TOP * 3, d->latent);
        check_examples(c->sample, c->n_sample, sample + i * HARVEST_TOP * 3, d->latent);
        free(d);
    }
}

static int32_t column(const struct table *t, const char *name)
{
    int32_t col = table_find(t, name);
    if (col < 0)
        fail_msg("no column %s", name);
    return col;
}

static void check_table(const struct harvest_view *h, int32_t m)
{
    const float *overlap = gold("overlap", (size_t)m), *mean = gold("mean_pre", 2 * (size_t)m);
    const int32_t *fired = gold("fired", 2 * (size_t)m), *edges = gold("near_edges", 2 * (size_t)m);
    const int32_t *tokens = gold("tokens", 2);
    struct table *t = latents_table(h, 0, true), *some = latents_table(h, 1, false);
    int64_t n_fired = 0;
    assert_int_equal(t->n_rows, m);
    for (int32_t j = 0; j < m; j++) {
        double da = (double)fired[j] / tokens[0], en = (double)fired[m + j] / tokens[1];
        double doubt = (double)(edges[j] + edges[m + j]) / 700;
        n_fired += fired[j] + fired[m + j] > 0;
        assert_int_equal(table_i64(t, j, column(t, "latent")), j);
        near(table_f64(t, j, column(t, "fire_share.da")), da, 1e-9, "share", j, 0);
        near(table_f64(t, j, column(t, "fire_share.en")), en, 1e-9, "share", j, 1);
        near(table_f64(t, j, column(t, "mean_pre.en")), (double)mean[m + j], 1e-4, "mean", j, 1);
        near(table_f64(t, j, column(t, "difference")), da - en, 1e-9, "difference", j, 0);
        near(table_f64(t, j, column(t, "overlap")), (double)overlap[j], 1e-6 + doubt, "overlap", j,
             0);
        near(table_f64(t, j, column(t, "density")),
             (double)(fired[j] + fired[m + j]) / (tokens[0] + tokens[1]), 1e-9, "density", j, 0);
        if (fabsf(mean[j] - mean[m + j]) > 1e-4f)
            assert_string_equal(table_str(t, j, column(t, "higher")),
                                mean[j] > mean[m + j] ? "da" : "en");
    }
    assert_int_equal(some->n_rows, n_fired);
    int64_t j = table_i64(some, 0, column(some, "latent"));
    near(table_f64(some, 0, column(some, "difference")), -table_f64(t, j, column(t, "difference")),
         1e-12, "difference", (long)j, 1);
    table_free(t);
    table_free(some);
}

static void check_rules(const struct harvest_view *h)
{
    static const struct {
        const char *name;
        struct rule rule;
    } rules[] = {{"paper", {0.5, 0.01}}, {"notebook", {0.2, 0.05}}};
    for (int i = 0; i < 4; i++) {
        char name[40];
        snprintf(name, sizeof name, "rule.%s.%d", rules[i / 2].name, i % 2);
        const int32_t *want = gold(name, 0);
        int32_t n, *got = rule_pick(h, i % 2, &rules[i / 2].rule, &n);
        assert_int_equal(n, want[0]);
        assert_memory_equal(got, want + 1, (size_t)n * sizeof *got);
        free(got);
    }
    assert_false(rule_holds(&rules[0].rule, 0.5, 0)); /* strictly more, strictly less */
    assert_false(rule_holds(&rules[0].rule, 0.6, 0.01));
    assert_false(rule_holds(&rules[0].rule, NAN, NAN));
    assert_true(rule_holds(&rules[0].rule, 0.51, 0.0099));
}

static void demo_agrees_with_the_script(void **unused)
{
    (void)unused;
    if (quick()) {
        print_message("the demo's reference texts take minutes under valgrind\n");
        skip();
    }
    struct demo d;
    struct harvest_view h;
    demo_open(&d);
    struct corpus *c = corpus_of(d.line[0], 64, d.line[1], 64, true, CORPUS_ALL);
    struct study_in in = demo_in(&d, c);
    struct study *s = study_done(&harvest_study, &in, nothing);
    int32_t m = harvest_n_latents(s);
    const char *names[] = {c->cls[0].name, c->cls[1].name};
    check_counts(s, m);
    check_shown(s, m);
    harvest_view_of(s, names, &h);
    check_table(&h, m);
    check_rules(&h);
    harvest_view_release(&h);
    struct table_set *set = harvest_study.tables(s);
    const struct table *t = table_set_find(set, "classes");
    assert_int_equal(table_i64(t, 1, column(t, "tokens")), ((const int32_t *)gold("tokens", 2))[1]);
    near(table_f64(t, 0, column(t, "tokens_per_word")),
         (double)harvest_class(s, 0)->tokens / (double)harvest_class(s, 0)->words, 1e-12,
         "tokens per word", 0, 0);
    table_set_unref(set);
    harvest_study.free(s);
    corpus_free(c);
    demo_close(&d);
}

/* ---- against itself */
static struct strbuf all_of(const struct study *s)
{
    struct strbuf b;
    strbuf_init(&b);
    state_save(&harvest_study, s, &b);
    for (int32_t j = 0; j < harvest_n_latents(s); j++) {
        struct latent_detail *d = harvest_detail(s, j);
        latent_detail_print(d, &b);
        free(d);
    }
    return b;
}

static void assert_same(const struct study *a, const struct study *b)
{
    struct strbuf x = all_of(a), y = all_of(b);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.s, y.s, x.len);
    strbuf_release(&x);
    strbuf_release(&y);
}

/* After every chunk saved, loaded in a fresh study and gone on with: the same bytes. */
static void check_cuts(const struct study_in *in, const struct params *args)
{
    struct study *whole = study_done(&harvest_study, in, args);
    for (int64_t i = 0; i <= harvest_study.n_chunks(whole); i++) {
        struct study *s = study_new(&harvest_study, in, args);
        struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
        struct strbuf state;
        struct error e = {0};
        for (int64_t k = 0; k < i; k++)
            assert_true(study_chunk(&harvest_study, s, k, &run));
        strbuf_init(&state);
        state_save(&harvest_study, s, &state);
        harvest_study.free(s);
        s = study_new(&harvest_study, in, args);
        assert_true(state_load(&harvest_study, s, state.s, state.len, &e));
        assert_true(study_run(&harvest_study, s, in->queue, i, NULL, &e));
        assert_same(whole, s);
        strbuf_release(&state);
        arena_free(run.arena);
        harvest_study.free(s);
    }
    harvest_study.free(whole);
}

static void any_cut_gives_the_same_bytes(void **unused)
{
    (void)unused;
    static const struct tiny_spec specs[] = {
        {.hook = "layers.1.mlp.act"},
        {.hook = "layers.2.attn.out", .n_ctx = 8, .rows_per_job = 3},
        {.hook = "layers.1.mlp.act", .neurons = true},
    };
    for (size_t i = quick() ? 1 : 0; i < (quick() ? 2 : sizeof specs / sizeof *specs); i++) {
        struct tiny_model t;
        tiny_open(&t, &specs[i]);
        struct corpus *c = tiny_corpus(20, i == 1);
        struct study_in in = tiny_in(&t, c);
        in.bos = i == 1;
        check_cuts(&in, nothing);
        check_resume(&harvest_study, &in, nothing);
        check_segments(&harvest_study, &in, nothing);
        check_segments(&harvest_study, &in, keeping);
        check_bad_states(&harvest_study, &in, nothing);
        check_cancel(&harvest_study, &in, nothing, quick() ? 97 : 5);
        corpus_free(c);
        tiny_close(&t);
    }
}

/* A chunk depends on nothing that came before it: neither on chunks nor on threads. */
static void chunks_are_pure(void **unused)
{
    (void)unused;
    struct tiny_model t, two;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    tiny_open(&two, &(struct tiny_spec){.hook = "layers.1.mlp.act", .threads = 2});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c), in_two = tiny_in(&two, c);
    struct study *a = study_done(&harvest_study, &in, nothing);
    struct study *b = study_done(&harvest_study, &in_two, nothing);
    assert_same(a, b);
    struct study *s = study_new(&harvest_study, &in, nothing);
    struct run run = {.queue = t.queue, .arena = arena_new(t.queue)};
    struct partial *last = harvest_study.chunk(s, 2, &run), *p[3];
    harvest_study.partial_free(last); /* its memory is used again */
    for (int64_t i = 0; i < 3; i++)
        p[i] = harvest_study.chunk(s, 2 - i, &run);
    for (int64_t i = 0; i < 3; i++) {
        harvest_study.fold(s, i, p[2 - i]);
        harvest_study.partial_free(p[2 - i]);
    }
    assert_same(a, s);
    arena_free(run.arena);
    harvest_study.free(s);
    harvest_study.free(a);
    harvest_study.free(b);
    corpus_free(c);
    tiny_close(&t);
    tiny_close(&two);
}

/* ---- postings against counts, neurons and SAE */
struct posted {
    const struct study *s;
    int64_t fired[128], tokens, pairs;
    int32_t doc, pos, k; /* k: expected a token; −1: any */
    int64_t above;       /* pairs above 0 */
};

static void take_posting(void *arg, int32_t doc, int32_t pos, int32_t n, const int32_t *id,
                         const float *value)
{
    struct posted *p = arg;
    assert_true(p->tokens == 0 || doc > p->doc || (doc == p->doc && pos == p->pos + 1));
    p->doc = doc, p->pos = pos;
    p->tokens++;
    p->pairs += n;
    assert_true(p->k < 0 || n == p->k);
    for (int32_t i = 0; i < n; i++) {
        p->fired[id[i]]++;
        p->above += value[i] > 0;
    }
}

static void postings_hold_every_activation(void **unused)
{
    (void)unused;
    for (int neurons = 0; neurons < 2; neurons++) {
        struct tiny_model t;
        tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = neurons});
        struct corpus *c = tiny_corpus(12, false);
        struct study_in in = tiny_in(&t, c);
        struct study *s = study_done(&harvest_study, &in, keeping);
        struct posted p = {.s = s, .k = neurons ? -1 : 6};
        harvest_postings(s, take_posting, &p);
        assert_int_equal(p.tokens, harvest_class(s, 0)->tokens + harvest_class(s, 1)->tokens);
        for (int32_t j = 0; j < t.m; j++) {
            struct latent_detail *d = harvest_detail(s, j);
            assert_int_equal(d->cls[0].fired + d->cls[1].fired, p.fired[j]);
            free(d);
        }
        assert_true(p.pairs > 0 && (!neurons || p.above == p.pairs));
        check_cuts(&in, keeping); /* they are part of the state */
        check_bad_states(&harvest_study, &in, keeping);
        harvest_study.free(s);
        corpus_free(c);
        tiny_close(&t);
    }
}

/* Among the k active without a ReLU, a negative one counts; with one it does not. */
static void signs_count_as_the_sae_says(void **unused)
{
    (void)unused;
    static const char *const relu[] = {"never", "before", "after"};
    struct tiny_model t;
    struct posted p[3];
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(20, true);
    for (int i = 0; i < 3; i++) {
        struct sae_case sae = {"signs", 48, 80, 60, relu[i], true, true, DTYPE_F32, NULL, 0};
        struct study_in in = tiny_in(&t, c);
        struct dict *d = NULL;
        struct error e = {0};
        char path[100];
        snprintf(path, sizeof path, "%s/signs.safetensors", t.dir);
        sae_write(path, &sae, NULL, NULL);
        assert_true(dict_open(t.backend, path, &(struct dict_hint){0}, &d, &e));
        in.dict = d;
        struct study *s = study_done(&harvest_study, &in, keeping);
        p[i] = (struct posted){.s = s, .k = i == 0 ? 60 : -1};
        harvest_postings(s, take_posting, &p[i]);
        int64_t fired = 0;
        for (int32_t j = 0; j < 80; j++) {
            struct latent_detail *x = harvest_detail(s, j);
            fired += x->cls[0].fired + x->cls[1].fired;
            free(x);
        }
        assert_int_equal(fired, p[i].pairs);
        harvest_study.free(s);
        dict_free(d);
    }
    assert_true(p[0].above < p[0].pairs); /* the test has negative ones */
    for (int i = 1; i < 3; i++) {
        assert_int_equal(p[i].pairs, p[0].above);
        assert_memory_equal(p[i].fired, p[1].fired, sizeof p[i].fired);
    }
    corpus_free(c);
    tiny_close(&t);
}

/* Neurons: what a plain loop over the values at the hook counts. */
struct plain {
    double sum[64];
    int64_t n, fired[64];
    float max[64];
};

static void add_plain(void *arg, struct run *run, const struct pass_batch *b)
{
    struct plain *p = arg;
    int32_t n = b->state.value.cols;
    float *v = xcalloc((size_t)b->n_rows * (size_t)n, sizeof *v);
    run_get(run, v, b->state.value);
    for (int32_t r = 0; r < b->n_rows; r++)
        for (int32_t j = 0; j < n && b->row[r].pos >= 0; j++) {
            float x = v[r * n + j];
            p->sum[j] += (double)x;
            p->fired[j] += x > 0;
            p->max[j] = x > p->max[j] ? x : p->max[j];
        }
    for (int32_t r = 0; r < b->n_rows; r++)
        p->n += b->row[r].pos >= 0;
    free(v);
}

static void neurons_are_counted_above_zero(void **unused)
{
    (void)unused;
    struct tiny_model t;
    struct plain p = {0};
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    struct corpus *c = tiny_corpus(20, false);
    struct study_in in = tiny_in(&t, c);
    in.bos = true;
    struct study *s = study_done(&harvest_study, &in, nothing);
    struct run run = {.queue = t.queue, .arena = arena_new(t.queue)};
    for (int64_t i = 0; i < pass_chunks(&in); i++)
        pass_chunk(&run, &in, i, add_plain, &p);
    assert_true(run_ok(&run));
    assert_int_equal(p.n, harvest_class(s, 0)->tokens + harvest_class(s, 1)->tokens);
    for (int32_t j = 0; j < t.m; j++) {
        struct latent_detail *d = harvest_detail(s, j);
        float max = d->cls[0].max > d->cls[1].max ? d->cls[0].max : d->cls[1].max;
        assert_int_equal(d->cls[0].fired + d->cls[1].fired, p.fired[j]);
        near(d->cls[0].sum + d->cls[1].sum, p.sum[j], 1e-9, "sum", j, 0);
        assert_true(max == p.max[j]);
        for (int k = 0; k < 2; k++)
            assert_true(d->cls[k].n_top == 0 || d->cls[k].top[0].value == d->cls[k].max);
        free(d);
    }
    arena_free(run.arena);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- a class of more tokens than the sample takes */
static void large_classes_are_sampled(void **unused)
{
    (void)unused;
    enum { DOCS = 300, WORDS = 800 };
    if (quick())
        skip();
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.0.attn.out"});
    char *text = xcalloc(WORDS, 4);
    const char *da[DOCS], *en[] = {"a b c", "She sleeps."};
    for (int i = 0; i < WORDS; i++)
        memcpy(text + 2 * i, i % 3 ? "x " : "å", 2);
    for (int i = 0; i < DOCS; i++)
        da[i] = text;
    struct corpus *c = corpus_of(da, DOCS, en, 2, false, CORPUS_ALL);
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&harvest_study, &in, nothing);
    const struct harvest_class *big = harvest_class(s, 0), *small = harvest_class(s, 1);
    struct latent_detail *d = harvest_detail(s, 3);
    assert_true(big->tokens > HARVEST_SAMPLE);
    assert_true(big->sampled <= HARVEST_SAMPLE && big->sampled > HARVEST_SAMPLE - 6000);
    assert_int_equal(small->sampled, small->tokens);
    assert_int_equal(d->cls[0].n, big->sampled);
    int64_t fired = 0;
    for (int32_t j = 0; j < t.m; j++) {
        struct latent_detail *x = harvest_detail(s, j);
        fired += x->cls[0].fired;
        free(x);
    }
    assert_int_equal(fired, 6 * big->tokens); /* all tokens, sampled or not */
    free(d);
    harvest_study.free(s);
    corpus_free(c);
    free(text);
    tiny_close(&t);
}

/* ---- examples against sorting all of them */
static int best_first(const void *a, const void *b)
{
    const struct example *x = a, *y = b;
    return x->value != y->value ? (x->value < y->value) - (x->value > y->value)
                                : (x->pos > y->pos) - (x->pos < y->pos);
}

static void best_examples_stay(void **unused)
{
    (void)unused;
    enum { N = 500, LATENTS = 40 };
    int64_t sampled_late = 0;
    for (int32_t latent = 0; latent < LATENTS; latent++) {
        struct example x[N];
        struct examples forward = {0}, backward = {0};
        for (int32_t i = 0; i < N; i++)
            x[i] = (struct example){3, i, (float)(rng_at((uint64_t)latent, (uint64_t)i) % 50)};
        for (int32_t i = 0; i < N; i++) {
            examples_add(&forward, latent, x[i]);
            examples_add(&backward, latent, x[N - 1 - i]);
        }
        assert_memory_equal(&forward, &backward, sizeof forward);
        for (int32_t i = 0; i < HARVEST_TOP; i++)
            sampled_late += forward.sample[i].pos >= N / 2;
        qsort(x, N, sizeof *x, best_first);
        assert_memory_equal(forward.top, x, sizeof forward.top);
    }
    near((double)sampled_late / (LATENTS * HARVEST_TOP), 0.5, 0.08, "late ones", 0, 0);
}

/* ---- texts of details */
static struct latent_detail *one_detail(struct study **s, struct tiny_model *t, struct corpus **c)
{
    tiny_open(t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(t, *c);
    *s = study_done(&harvest_study, &in, nothing);
    for (int32_t j = 0; j < t->m; j++) {
        struct latent_detail *d = harvest_detail(*s, j);
        if (d->cls[0].fired > 10 && d->cls[1].fired > HARVEST_TOP)
            return d;
        free(d);
    }
    fail_msg("no latent fires often enough");
    return NULL;
}

static void numbers_too_long_are_refused(void **unused)
{
    (void)unused;
    static const char *const texts[] = {"latent 9999999999999999999 exponent -8 classes 1\n",
                                        "latent -0 exponent",
                                        "latent 07 exponent -8 classes 1\n",
                                        "latent 1 exponent -9 classes 1\n",
                                        "latent 1 exponent 124 classes 1\n",
                                        "latent 1 exponent -8 classes 33\n",
                                        ""};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct error e = {0};
        assert_null(latent_detail_parse(texts[i], strlen(texts[i]), &e));
        assert_true(e.kind == ERROR_INPUT);
    }
}

static void details_print_and_parse(void **unused)
{
    (void)unused;
    struct tiny_model t;
    struct corpus *c;
    struct study *s;
    struct latent_detail *d = one_detail(&s, &t, &c);
    struct strbuf text, again;
    struct error e = {0};
    strbuf_init(&text);
    strbuf_init(&again);
    latent_detail_print(d, &text);
    struct latent_detail *back = latent_detail_parse(text.s, text.len, &e);
    assert_non_null(back);
    assert_memory_equal(back, d, sizeof *d + 2 * sizeof *d->cls);
    free(back);
    for (size_t n = 0; n < text.len; n += quick() ? 29 : 1) {
        char *cut = xmemdup(text.s, n + 1);
        cut = xrealloc(cut, n > 0 ? n : 1);
        e = (struct error){0};
        assert_null(latent_detail_parse(cut, n, &e));
        assert_true(e.kind == ERROR_INPUT);
        free(cut);
    }
    for (size_t n = 0; n < text.len;
         n += quick() ? 29 : 1) { /* another character: refused, or the same text again */
        char was = text.s[n];
        text.s[n] = was == '7' ? '3' : '7';
        back = latent_detail_parse(text.s, text.len, NULL);
        if (back) {
            strbuf_clear(&again);
            latent_detail_print(back, &again);
            assert_string_equal(again.s, text.s);
        }
        free(back);
        text.s[n] = was;
    }
    strbuf_release(&text);
    strbuf_release(&again);
    free(d);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void what_never_was_has_no_numbers(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_new(&harvest_study, &in, nothing);
    struct latent_detail *d = harvest_detail(s, 7);
    const char *names[] = {"da", "en"};
    struct strbuf text;
    struct harvest_view h;
    struct error e = {0};
    strbuf_init(&text);
    latent_detail_print(d, &text);
    struct latent_detail *back = latent_detail_parse(text.s, text.len, &e);
    assert_true(back && isnan(back->cls[1].min) && back->cls[1].n == 0);
    struct table *hist = detail_histogram(d, names);
    assert_int_equal(hist->n_rows, 0);
    harvest_view_of(s, names, &h);
    struct table *all = latents_table(&h, 0, true), *some = latents_table(&h, 0, false);
    assert_int_equal(all->n_rows, t.m);
    assert_int_equal(some->n_rows, 0);
    assert_false(table_has(all, 0, column(all, "overlap")));
    assert_false(table_has(all, 0, column(all, "fire_share.da")));
    assert_false(table_has(all, 0, column(all, "higher")));
    table_free(hist);
    table_free(all);
    table_free(some);
    harvest_view_release(&h);
    strbuf_release(&text);
    free(back);
    free(d);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- tables of one latent */
static void histograms_sum_to_one(void **unused)
{
    (void)unused;
    struct tiny_model t;
    struct corpus *c;
    struct study *s;
    const char *names[] = {"da", "en"};
    struct latent_detail *d = one_detail(&s, &t, &c);
    struct table *h = detail_histogram(d, names);
    double sum[2] = {0}, mean[2] = {0};
    for (int64_t r = 0; r < h->n_rows; r++) {
        int k = strcmp(table_str(h, r, column(h, "class")), "en") == 0;
        double lo = table_f64(h, r, column(h, "lo")), hi = table_f64(h, r, column(h, "hi"));
        double p = table_f64(h, r, column(h, "density")) * (hi - lo);
        assert_int_equal(table_i64(h, r, column(h, "latent")), d->latent);
        near(hi - lo, ldexp(1, d->exponent), 1e-12, "width", (long)r, 0);
        near(p * (double)d->cls[k].n, table_f64(h, r, column(h, "count")), 1e-9, "count", (long)r,
             0);
        sum[k] += p;
        mean[k] += p * (lo + hi) / 2;
    }
    for (int k = 0; k < 2; k++) {
        near(sum[k], 1, 1e-9, "sum", k, 0);
        near(mean[k], d->cls[k].sum / (double)d->cls[k].n, ldexp(1, d->exponent), "mean", k, 0);
    }
    table_free(h);
    free(d);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* Off by a bin at most from the values themselves. */
static void quantiles_are_those_of_the_values(void **unused)
{
    (void)unused;
    enum { N = 999 };
    static double value[N], size[N];
    struct latent_detail *d = calloc(1, sizeof *d + 2 * sizeof *d->cls);
    double median, p99;
    d->n_classes = 2;
    detail_quantiles(d, &median, &p99);
    assert_true(median == 0 && p99 == 0);
    d->exponent = -2;
    for (int c = 0; c < 2; c++)
        d->cls[c].min = INFINITY, d->cls[c].max = -INFINITY;
    for (int i = 0; i < N; i++) {
        const double v = 1.5 + 5 * sin(i * 0.7) * cos(i * 0.31);
        struct latent_class *k = &d->cls[i % 3 > 0];
        k->bin[(int)floor(v * 4) + HARVEST_BINS / 2]++;
        k->n++;
        k->min = fminf(k->min, (float)v), k->max = fmaxf(k->max, (float)v);
        value[i] = v, size[i] = fabs(v);
    }
    qsort(value, N, sizeof *value, by_value);
    qsort(size, N, sizeof *size, by_value);
    detail_quantiles(d, &median, &p99);
    near(median, value[N / 2], .25, "median", 0, 0);
    near(p99, size[(int)(.99 * N)], .25, "99th percentile", 0, 0);
    assert_true(p99 <= size[N - 1]);
    free(d);
}

static void check_example_text(const struct table *x, int64_t r, const struct study_in *in)
{
    int64_t doc = doc_of_row(in->corpus, x, r), pos = table_i64(x, r, column(x, "pos"));
    const char *text = table_str(x, r, column(x, "text"));
    int64_t start = table_i64(x, r, column(x, "start")), end = table_i64(x, r, column(x, "end"));
    struct pass_doc *p = pass_docs(in, doc, 1);
    const struct corpus_doc *d = &in->corpus->doc[doc];
    const struct token *token = &p->token[pos];
    assert_int_equal(end - start, token->end - token->start);
    assert_memory_equal(text + start, d->text + token->start, (size_t)(end - start));
    size_t n = strlen(text), at = (size_t)token->start - (size_t)start;
    assert_memory_equal(text, d->text + at, n);
    assert_true((at == 0 || start >= 60) && start <= 63);
    assert_true((at + n == d->n || n - (size_t)end > 56) && n - (size_t)end <= 60);
    assert_true(((unsigned char)text[0] & 0xc0) != 0x80); /* no half character at either end */
    assert_true(at + n == d->n || ((unsigned char)d->text[at + n] & 0xc0) != 0x80);
    pass_docs_free(p, 1);
}

static void examples_show_their_token(void **unused)
{
    (void)unused;
    static const char *const da =
        "Rådet skal nu formelt godkende Parlamentets holdning, og så går "
        "børnene hjem til Åse på Ærø, hvor køerne står på græs året rundt.";
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = 16});
    const char *texts[] = {da, da + 31, da + 54, da + 7};
    struct corpus *c = corpus_of(texts, 4, tiny_sets[1].sentence, 20, false, CORPUS_ALL);
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&harvest_study, &in, nothing);
    int64_t rows = 0;
    for (int32_t j = 0; j < t.m; j++) {
        struct latent_detail *d = harvest_detail(s, j);
        struct table *x = detail_examples(d, &in, 6);
        int64_t n[2] = {0};
        double last = INFINITY;
        for (int64_t r = 0; r < x->n_rows; r++, rows++) {
            int k = strcmp(table_str(x, r, column(x, "class")), "en") == 0;
            double q = table_f64(x, r, column(x, "quantile"));
            double value = table_f64(x, r, column(x, "value"));
            if (n[k] < 3) /* the best are exact */
                near(q, 1 - (double)(n[k] + 1) / (double)d->cls[k].fired, 1e-12, "quantile", j, r);
            last = n[k]++ == 0 ? INFINITY : last;
            assert_true(q >= 0 && q < 1 && value <= last);
            last = value;
            check_example_text(x, r, &in);
        }
        for (int k = 0; k < 2; k++) {
            int64_t most = d->cls[k].fired < 6 ? d->cls[k].fired : 6;
            assert_true(n[k] == most);
        }
        table_free(x);
        d->cls[0].fired = d->cls[0].n_top = 1, d->cls[0].n_sample = 0;
        d->cls[0].top[0] = (struct example){INT32_MAX, 5, 1.0f}; /* of another corpus */
        x = detail_examples(d, &in, 6);
        assert_false(table_has(x, 0, column(x, "text")));
        table_free(x);
        free(d);
    }
    assert_true(rows > 100);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- what is refused */
static void (*real_hist)(struct queue *, const struct hist *, struct tensor, struct tensor);

static void poisoning_hist(struct queue *q, const struct hist *h, struct tensor pre,
                           struct tensor cls)
{
    q->backend->put(q, tensor_cols(tensor_rows(pre, 0, 1), 3, 1), &(float){NAN});
    real_hist(q, h, pre, cls);
}

/* Nothing that is no number gets into a result: the run ends and says where. */
static void values_that_are_no_numbers_end_the_run(void **unused)
{
    (void)unused;
    for (int neurons = 0; neurons < 2; neurons++) {
        struct tiny_model t;
        tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = neurons});
        struct corpus *c = tiny_corpus(4, true);
        struct study_in in = tiny_in(&t, c);
        struct study *s = study_new(&harvest_study, &in, nothing);
        struct error e = {0};
        real_hist = t.backend->hist;
        t.backend->hist = poisoning_hist;
        assert_false(study_run(&harvest_study, s, t.queue, 0, NULL, &e));
        assert_true(e.kind == ERROR_INPUT);
        assert_non_null(strstr(e.text, "sentences 1 to "));
        assert_non_null(strstr(e.text, "latent 3 has a value that is no finite number"));
        t.backend->hist = real_hist;
        study_finish(&harvest_study, s, t.queue); /* nothing of it stayed */
        struct study *clean = study_done(&harvest_study, &in, nothing);
        assert_same(clean, s);
        harvest_study.free(clean);
        harvest_study.free(s);
        corpus_free(c);
        tiny_close(&t);
    }
}

/* What goes wrong where chunks are put together is told with the next chunk, or at the end. */
static void failing_move(struct queue *q, const struct hist *to, const struct hist *from)
{
    q->backend->hist_clear(q,
                           &(struct hist){.exponent = to->exponent}); /* shapes that do not fit */
    (void)from;
}

static void a_failing_device_ends_the_run(void **unused)
{
    (void)unused;
    for (int32_t n = 4; n <= 20; n += 16) { /* one chunk; several */
        struct tiny_model t;
        tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
        struct corpus *c = tiny_corpus(n, true);
        struct study_in in = tiny_in(&t, c);
        struct study *s = study_new(&harvest_study, &in, nothing);
        struct error e = {0};
        t.backend->hist_move = failing_move;
        assert_false(study_run(&harvest_study, s, t.queue, 0, NULL, &e));
        if (!strstr(e.text, "study harvest: cpu hist_clear"))
            fail_msg("%s", e.text);
        harvest_study.free(s);
        corpus_free(c);
        tiny_close(&t);
    }
}

static void inputs_that_make_no_sense_are_refused(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(4, true), empty = {.n_classes = 1};
    struct study_in in = tiny_in(&t, c), no = in;
    no.dict = NULL;
    check_refused(&harvest_study, &no, nothing, "an SAE or --neurons");
    no = in, no.corpus = NULL;
    check_refused(&harvest_study, &no, nothing, "expected a corpus");
    no.corpus = &empty;
    check_refused(&harvest_study, &no, nothing, "expected a corpus");
    no = in, no.at = (struct point){1, SITE_ATTN_OUT};
    check_refused(&harvest_study, &no, nothing, "width");
    no.at = (struct point){9, SITE_ATTN_OUT};
    check_refused(&harvest_study, &no, nothing, "layers.9");
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo_agrees_with_the_script),
        cmocka_unit_test(any_cut_gives_the_same_bytes),
        cmocka_unit_test(chunks_are_pure),
        cmocka_unit_test(postings_hold_every_activation),
        cmocka_unit_test(signs_count_as_the_sae_says),
        cmocka_unit_test(neurons_are_counted_above_zero),
        cmocka_unit_test(large_classes_are_sampled),
        cmocka_unit_test(best_examples_stay),
        cmocka_unit_test(numbers_too_long_are_refused),
        cmocka_unit_test(details_print_and_parse),
        cmocka_unit_test(what_never_was_has_no_numbers),
        cmocka_unit_test(histograms_sum_to_one),
        cmocka_unit_test(quantiles_are_those_of_the_values),
        cmocka_unit_test(examples_show_their_token),
        cmocka_unit_test(values_that_are_no_numbers_end_the_run),
        cmocka_unit_test(a_failing_device_ends_the_run),
        cmocka_unit_test(inputs_that_make_no_sense_are_refused),
    };
    golden_tensors = "study/harvest.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}
