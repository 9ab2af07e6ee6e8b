/* Values against the dictionary itself, an independent script, and plain loops. */
#include "engine/base/statistics.h"
#include "engine/study/values.h"
#include "tests/engine/study/chunks.h"
#include "tests/support/hash_weights.h"

static const int32_t three_units[] = {3, 17, 40};
#define three given(&values_study, "units=3,17,40")

static double cell(const struct table *t, int64_t row, const char *column)
{
    int32_t col = table_find(t, column);
    if (col < 0)
        fail_msg("no column %s", column);
    return table_f64(t, row, col);
}

static const char *word(const struct table *t, int64_t row, const char *column)
{
    return table_str(t, row, table_find(t, column));
}

/* ---- rows */
struct text { /* one sentence the direct way */
    struct token *token;
    size_t n;
    float *pre, *act; /* [n, m] */
};

static void text_init(struct text *x, const struct study_in *in, int64_t doc)
{
    const struct corpus_doc *d = &in->corpus->doc[doc];
    const struct model_config *c = model_config(in->model);
    size_t cap = 0, m = (size_t)dict_spec(in->dict)->m;
    int32_t bos = in->bos ? 1 : 0, ids[256];
    *x = (struct text){0};
    tokenizer_encode(in->tokenizer, d->text, d->n, false, &x->token, &x->n, &cap);
    x->pre = xcalloc(x->n * m + 1, sizeof(float));
    x->act = xcalloc(x->n * m + 1, sizeof(float));
    ids[0] = c->bos_id >= 0 ? c->bos_id : tokenizer_eot(in->tokenizer);
    for (size_t at = 0; at < x->n;) {
        int32_t n = bos, start[2] = {0, 0};
        size_t first = at;
        while (n < c->n_ctx && at < x->n)
            ids[n++] = x->token[at++].id;
        start[1] = n;
        struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
        struct batch batch = {.n_rows = n, .ids = ids, .seqs = {.n = 1, .start = start}};
        struct state hook;
        struct code f;
        struct tensor pre;
        model_forward(&run, in->model, &batch, NULL, in->at, NULL, 0, &hook);
        struct tensor value = tensor_rows(hook.value, bos, n - bos);
        dict_encode(&run, in->dict, value, &f, &pre);
        run_get(&run, x->pre + first * m, pre);
        struct csr_host codes = {0};
        if (f.dense.buf)
            run_get(&run, x->act + first * m, f.dense);
        else if (run_get_csr(&run, &codes, &f.sparse))
            for (size_t t = 0; t < at - first; t++)
                for (int32_t i = codes.start[t]; i < codes.start[t + 1]; i++)
                    x->act[(first + t) * m + (size_t)codes.ids[i]] = codes.vals[i];
        assert_true(run_ok(&run));
        csr_host_release(&codes);
        arena_free(run.arena);
    }
}

static void check_direct(const struct tiny_spec *spec, bool bos)
{
    struct tiny_model t;
    tiny_open(&t, spec);
    struct corpus *c = tiny_corpus(quick() ? 2 : 20, true);
    struct study_in in = tiny_in(&t, c);
    in.bos = bos;
    struct study *s = study_done(&values_study, &in, three);
    int64_t row = 0, active = 0;
    size_t m = (size_t)t.m;
    for (int64_t d = 0; d < c->n_docs; d++) {
        struct text x;
        text_init(&x, &in, d);
        for (size_t i = 0; i < x.n; i++, row++) {
            int32_t doc, pos, start, end;
            assert_true(values_row(s, row, &doc, &pos, &start, &end));
            assert_true(doc == d && pos == (int32_t)i);
            assert_true(start == x.token[i].start && end == x.token[i].end);
            for (int32_t j = 0; j < 3; j++) {
                size_t at = i * m + (size_t)three_units[j];
                near((double)values_pre(s, j)[row], (double)x.pre[at], 2e-5, "pre", (long)row, j);
                near((double)values_act(s, j)[row], (double)x.act[at], 2e-5, "act", (long)row, j);
                active += values_act(s, j)[row] != 0.0f;
            }
        }
        free(x.token);
        free(x.pre);
        free(x.act);
    }
    int32_t none;
    assert_int_equal(values_n(s), row);
    assert_true(active > 0 && (spec->neurons || active < 3 * row));
    assert_false(values_row(s, row, &none, &none, &none, &none));
    assert_false(values_row(s, -1, &none, &none, &none, &none));
    assert_null(values_pre(s, 3));
    assert_null(values_act(s, -1));
    values_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void test_direct(void **state)
{
    (void)state;
    check_direct(&(struct tiny_spec){.hook = "layers.1.mlp.act"}, false);
    check_direct(&(struct tiny_spec){.hook = "layers.2.attn.out"}, true);
    check_direct(&(struct tiny_spec){.hook = "layers.0.mlp.pre", .n_ctx = 8}, true);
    check_direct(&(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true, .n_ctx = 9},
                 false);
}

/* A value of 0 is not active, selected or not. */
static void test_zero_is_not_active(void **state)
{
    enum { N = 32, M = 80 };
    struct tiny_model t;
    struct error e = {0};
    char path[160];
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.resid.post"});
    struct hash_tensor w[] = {
        {.name = "encoder.weight", .exponent = 200, .n_dims = 2, .dim = {M, N}},
        {.name = "encoder.bias", .exponent = 200, .n_dims = 1, .dim = {M}},
        {.name = "W_dec", .exponent = 2, .n_dims = 2, .dim = {M, N}},
        {.name = "b_dec", .exponent = 200, .n_dims = 1, .dim = {N}},
    };
    snprintf(path, sizeof path, "%s/zero.safetensors", t.dir);
    for (int relu = 0; relu < 2; relu++) {
        hash_file_write(
            path, w, 4,
            (const char *const[]){
                "format", "glimt-sae", "version", "1",    "hook",         "layers.1.resid.post",
                "k",      "6",         "select",  "topk", "relu",         relu ? "before" : "never",
                "norm",   "none",      "centre",  "true", "norm_rescale", "false",
                "skip",   "false",     NULL});
        dict_set_release(&t.set);
        t.dict = NULL;
        if (!dict_open(t.backend, path, NULL, &t.dict, &e) ||
            !dict_set_add(&t.set, t.dict, t.at, &e))
            fail_msg("%s", e.text);
        struct corpus *c = tiny_corpus(2, true);
        struct study_in in = tiny_in(&t, c);
        struct study *s = study_done(&values_study, &in, three); /* 3 is selected, 17 is not */
        for (int64_t i = 0; i < values_n(s); i++) {
            assert_true(values_act(s, 0)[i] == 0.0f && values_act(s, 1)[i] == 0.0f);
            assert_false(signbit(values_act(s, 0)[i]) || signbit(values_act(s, 1)[i]));
        }
        assert_true(values_n(s) > 8);
        values_study.free(s);
        corpus_free(c);
    }
    remove(path);
    tiny_close(&t);
}

/* ---- three classes, plain loops */
struct three_classes {
    struct tiny_model t;
    struct corpus *c;
    struct study *s;
};

static void three_open(struct three_classes *q)
{
    struct error e = {0};
    const char *const xx[] = {"0 1 2 3", "!!", "x", "a b c d e f g"};
    const struct corpus_list list[3] = {
        {"da", tiny_sets[0].sentence, 12}, {"en", tiny_sets[1].sentence, 7}, {"xx", xx, 4}};
    tiny_open(&q->t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    if (!corpus_from_lists("three", list, 3, false, 0, CORPUS_ALL, &q->c, &e))
        fail_msg("%s", e.text);
    struct study_in in = tiny_in(&q->t, q->c);
    q->s = study_done(&values_study, &in, three);
}

static void three_close(struct three_classes *q)
{
    values_study.free(q->s);
    corpus_free(q->c);
    tiny_close(&q->t);
}

static int32_t class_of(const struct three_classes *q, int64_t row)
{
    int32_t doc, pos, start, end;
    assert_true(values_row(q->s, row, &doc, &pos, &start, &end));
    return q->c->doc[doc].cls;
}

static void bounds(const struct three_classes *q, int32_t unit, int32_t cls, double *lo, double *hi)
{
    *lo = INFINITY, *hi = -INFINITY;
    for (int64_t i = 0; i < values_n(q->s); i++)
        if (cls < 0 || class_of(q, i) == cls) {
            *lo = fmin(*lo, (double)values_pre(q->s, unit)[i]);
            *hi = fmax(*hi, (double)values_pre(q->s, unit)[i]);
        }
}

static void check_histogram(const struct three_classes *q, bool own_range)
{
    struct table *t = values_histogram(q->s, own_range);
    int32_t bins = own_range ? 30 : 29;
    int64_t row = 0;
    assert_int_equal(t->mark, MARK_HIST);
    for (int32_t j = 0; j < 3; j++)
        for (int32_t c = 0; c < 3; c++) {
            double lo, hi, area = 0;
            int64_t n = 0, all = 0;
            bounds(q, j, own_range ? c : -1, &lo, &hi);
            for (int64_t i = 0; i < values_n(q->s); i++)
                all += class_of(q, i) == c;
            for (int32_t b = 0; b < bins; b++, row++) {
                double from = cell(t, row, "lo"), to = cell(t, row, "hi");
                int64_t count = 0;
                near(from, lo + b * (hi - lo) / bins, 1e-12, "lo", j, b);
                near(to, lo + (b + 1) * (hi - lo) / bins, 1e-12, "hi", j, b);
                for (int64_t i = 0; i < values_n(q->s); i++) {
                    double x = (double)values_pre(q->s, j)[i];
                    count += class_of(q, i) == c && x >= from && (x < to || b == bins - 1);
                }
                assert_true(cell(t, row, "latent") == three_units[j]);
                assert_string_equal(word(t, row, "class"), q->c->cls[c].name);
                assert_true(cell(t, row, "count") == (double)count);
                near(cell(t, row, "density"), (double)count / (double)all / (to - from), 1e-12,
                     "density", j, b);
                area += cell(t, row, "density") * (to - from);
                n += count;
            }
            assert_int_equal(n, all);
            near(area, 1, 1e-12, "area", j, c);
        }
    assert_int_equal(t->n_rows, row);
    table_free(t);
}

static void check_overlap(const struct three_classes *q, int32_t target)
{
    struct table *t = values_overlap(q->s, target);
    assert_int_equal(t->n_rows, 3);
    for (int32_t j = 0; j < 3; j++) {
        double lo, hi, mine[29] = {0}, others[29] = {0}, n_mine = 0, n_others = 0, overlap = 0;
        double sum[3] = {0}, n[3] = {0};
        bounds(q, j, -1, &lo, &hi);
        for (int64_t i = 0; i < values_n(q->s); i++) {
            double x = (double)values_pre(q->s, j)[i];
            int32_t b = 0, c = class_of(q, i);
            while (b < 28 && x >= lo + (b + 1) * ((hi - lo) / 29))
                b++;
            (c == target ? mine : others)[b]++;
            *(c == target ? &n_mine : &n_others) += 1;
            sum[c] += x, n[c]++;
        }
        for (int32_t b = 0; b < 29; b++)
            overlap += fmin(mine[b] / n_mine, others[b] / n_others);
        int32_t best = 0;
        for (int32_t c = 1; c < 3; c++)
            if (sum[c] / n[c] > sum[best] / n[best])
                best = c;
        near(cell(t, j, "overlap"), overlap, 1e-12, "overlap", j, target);
        assert_string_equal(word(t, j, "higher"), q->c->cls[best].name);
    }
    table_free(t);
}

static void test_histograms(void **state)
{
    struct three_classes q;
    (void)state;
    three_open(&q);
    check_histogram(&q, false);
    check_histogram(&q, true);
    for (int32_t target = 0; target < 3; target++)
        check_overlap(&q, target);
    three_close(&q);
}

static void test_tokens(void **state)
{
    struct three_classes q;
    (void)state;
    three_open(&q);
    struct table *t = values_tokens(q.s);
    assert_int_equal(t->n_rows, values_n(q.s));
    assert_string_equal(t->name, "tokens");
    struct strbuf text;
    strbuf_init(&text);
    for (int64_t i = 0; i < t->n_rows; i++) {
        int32_t doc, pos, start, end;
        assert_true(values_row(q.s, i, &doc, &pos, &start, &end));
        assert_true(cell(t, i, "doc") == q.c->doc[doc].line - 1 && cell(t, i, "pos") == pos);
        assert_true(cell(t, i, "start") == start && cell(t, i, "end") == end);
        assert_string_equal(word(t, i, "class"), q.c->cls[q.c->doc[doc].cls].name);
        near(cell(t, i, "pre.17"), (double)values_pre(q.s, 1)[i], 0, "pre", (long)i, 1);
        near(cell(t, i, "act.40"), (double)values_act(q.s, 2)[i], 0, "act", (long)i, 2);
        if (doc == q.c->n_docs - 1)
            strbuf_adds(&text, word(t, i, "text"));
    }
    assert_string_equal(text.s, "a b c d e f g");
    strbuf_release(&text);
    table_free(t);
    three_close(&q);
}

/* ---- an independent script */
static double number(const json_t *j, const char *a, const char *b)
{
    return json_number_value(json_object_get(json_object_get(j, a), b));
}

/* A value beside an edge may fall on its other side: the program computes in float32. */
static void golden_histogram(const struct table *t, int64_t row, const json_t *count,
                             const json_t *density, int32_t bins)
{
    double off = 0, width = cell(t, row, "hi") - cell(t, row, "lo"), total = 0;
    for (int32_t b = 0; b < bins; b++)
        total += cell(t, row + b, "count");
    for (int32_t b = 0; b < bins; b++) {
        off +=
            fabs(cell(t, row + b, "count") - json_number_value(json_array_get(count, (size_t)b)));
        if (density)
            near(cell(t, row + b, "density"), json_number_value(json_array_get(density, (size_t)b)),
                 2.5 / total / width, "density", (long)row, b);
    }
    if (off > 4)
        fail_msg("histogram at row %ld: %g tokens in other bins", (long)row, off / 2);
}

static void golden_values(struct study *s, const struct corpus *c, const json_t *golden)
{
    int64_t seen[2] = {0}, tokens[2] = {0};
    for (int64_t i = 0; i < values_n(s); i++) {
        int32_t doc, pos, start, end;
        assert_true(values_row(s, i, &doc, &pos, &start, &end));
        int32_t cls = c->doc[doc].cls;
        const json_t *rows = json_object_get(json_object_get(golden, "rows"), c->cls[cls].name);
        size_t at = (size_t)seen[cls]++;
        tokens[cls]++;
        if (at >= json_array_size(json_object_get(rows, "pre")))
            continue;
        const json_t *pre = json_array_get(json_object_get(rows, "pre"), at),
                     *act = json_array_get(json_object_get(rows, "act"), at);
        for (int32_t j = 0; j < 6; j++) {
            near((double)values_pre(s, j)[i], json_number_value(json_array_get(pre, (size_t)j)),
                 1e-4, "pre", (long)i, j);
            near((double)values_act(s, j)[i], json_number_value(json_array_get(act, (size_t)j)),
                 1e-4, "act", (long)i, j);
        }
    }
    for (int32_t k = 0; k < 2; k++)
        assert_int_equal(tokens[k], number(golden, "tokens", c->cls[k].name));
}

#define chosen given(&values_study, "units=" DEMO_CHOSEN)

static void test_golden(void **state)
{
    struct on_demo on;
    (void)state;
    skip_when_quick();
    on_demo_open(&on, &values_study, chosen, CORPUS_ALL);
    struct study *s = on.study;
    json_t *golden = golden_json("study/values.json"),
           *latents = json_object_get(golden, "latents");
    struct table *joint = values_histogram(s, false), *own = values_histogram(s, true),
                 *overlap = values_overlap(s, 0);
    golden_values(s, on.corpus, golden);
    for (int32_t j = 0; j < 6; j++) {
        const json_t *g = json_array_get(latents, (size_t)j);
        near(cell(joint, j * 58, "lo"), json_number_value(json_object_get(g, "lo")), 1e-4, "lo", j,
             0);
        near(cell(joint, j * 58 + 28, "hi"), json_number_value(json_object_get(g, "hi")), 1e-4,
             "hi", j, 0);
        for (int32_t k = 0; k < 2; k++) {
            const char *cls = on.corpus->cls[k].name;
            golden_histogram(joint, j * 58 + k * 29,
                             json_object_get(json_object_get(g, "count"), cls),
                             json_object_get(json_object_get(g, "density"), cls), 29);
            golden_histogram(own, j * 60 + k * 30,
                             json_object_get(json_object_get(g, "own_count"), cls), NULL, 30);
        }
        near(cell(overlap, j, "overlap"), json_number_value(json_object_get(g, "overlap")), 4e-3,
             "overlap", j, 0);
        assert_string_equal(word(overlap, j, "higher"),
                            json_string_value(json_object_get(g, "higher")));
    }
    table_free(joint);
    table_free(own);
    table_free(overlap);
    json_decref(golden);
    on_demo_close(&on);
}

/* ---- verification */
struct found { /* a finding half whose classes stand in another order */
    const json_t *latents;
    struct latent_detail *detail;
};

static const struct latent_detail *found_detail(void *arg, int32_t latent)
{
    struct found *f = arg;
    free(f->detail);
    f->detail = xcalloc(1, sizeof *f->detail + 2 * sizeof f->detail->cls[0]);
    f->detail->latent = latent, f->detail->n_classes = 2;
    for (size_t i = 0; i < json_array_size(f->latents); i++) {
        const json_t *g = json_array_get(f->latents, i);
        if (json_integer_value(json_object_get(g, "latent")) == latent) {
            f->detail->cls[0].fired = (int64_t)number(g, "fired_even", "en");
            f->detail->cls[1].fired = (int64_t)number(g, "fired_even", "da");
        }
    }
    return f->detail;
}

static void check_interval(const struct study *s, const struct corpus *c, int32_t unit,
                           const struct verify_in *v, const struct table *t, int64_t row)
{
    double active[64] = {0}, tokens[64] = {0};
    int32_t last = -1, n = 0;
    for (int64_t i = 0; i < values_n(s); i++) {
        int32_t doc, pos, start, end;
        assert_true(values_row(s, i, &doc, &pos, &start, &end));
        if (c->doc[doc].cls != v->target)
            continue;
        n += doc != last;
        last = doc;
        tokens[n - 1]++;
        active[n - 1] += values_act(s, unit)[i] != 0.0f;
    }
    struct interval ci = bootstrap_ratio(active, tokens, n, 2000, v->seed);
    near(cell(t, row, "ci95.lo"), ci.lo, 0, "ci95.lo", unit, 0);
    near(cell(t, row, "ci95.hi"), ci.hi, 0, "ci95.hi", unit, 0);
    if (isnan(ci.lo)) { /* no two sentences differ */
        for (int32_t i = 1; i < n; i++)
            assert_true(active[i] * tokens[0] == active[0] * tokens[i]);
        return;
    }
    const char *name = v->target == 0 ? "verified_share.da" : "verified_share.en";
    assert_true(ci.lo <= cell(t, row, name) && cell(t, row, name) <= ci.hi);
}

static void test_verify(void **state)
{
    struct on_demo on;
    (void)state;
    skip_when_quick();
    on_demo_open(&on, &values_study, chosen, CORPUS_ODD);
    struct study *s = on.study;
    json_t *golden = golden_json("study/values.json");
    struct found found = {.latents = json_object_get(golden, "latents")};
    const char *const names[] = {"en", "da"};
    struct harvest_class counts[2] = {{.tokens = (int64_t)number(golden, "tokens_even", "en")},
                                      {.tokens = (int64_t)number(golden, "tokens_even", "da")}};
    struct harvest_view view = {names, 2, 1024, counts, found_detail, &found};
    struct rule rule = {0.2, 0.05};
    struct verify_in v = {&view, &rule, 0, 1024, 5};
    struct table *t = values_verify(s, &v);
    int32_t n_verified = 0;
    for (int32_t j = 0; j < 6; j++) {
        const json_t *g = json_array_get(found.latents, (size_t)j);
        double p = json_number_value(json_object_get(g, "p")), fired, share[2];
        for (int32_t k = 0; k < 2; k++) {
            char name[40];
            const char *cls = on.corpus->cls[k].name;
            fired = number(g, "fired_even", cls) / number(golden, "tokens_even", cls);
            snprintf(name, sizeof name, "fire_share.%s", cls);
            near(cell(t, j, name), fired, 1e-12, name, j, k);
            snprintf(name, sizeof name, "verified_share.%s", cls);
            share[k] = cell(t, j, name);
            near(share[k], number(g, "verified_share", cls), 1e-12, name, j, k);
        }
        near(cell(t, j, "t"), json_number_value(json_object_get(g, "t")), 1e-9, "t", j, 0);
        near(cell(t, j, "p") / p, 1, 1e-9, "p", j, 0);
        near(cell(t, j, "p_adjusted") / fmin(1, 1024 * p), 1, 1e-9, "p·m", j, 0);
        check_interval(s, on.corpus, j, &v, t, j);
        bool holds = share[0] > 0.2 && share[1] < 0.05 && 1024 * p < 0.05;
        assert_true(cell(t, j, "verified") == (holds ? 1.0 : 0.0));
        n_verified += holds;
    }
    assert_true(n_verified > 0);
    table_free(t);
    v.target = 1; /* none is more English */
    t = values_verify(s, &v);
    for (int32_t j = 0; j < 6; j++) {
        assert_true(cell(t, j, "t") < 0 && cell(t, j, "p") == 1 && cell(t, j, "p_adjusted") == 1);
        assert_true(cell(t, j, "verified") == 0);
        check_interval(s, on.corpus, j, &v, t, j);
    }
    table_free(t);
    free(found.detail);
    json_decref(golden);
    on_demo_close(&on);
}

/* Sentences without tokens count nowhere; a class without any is no error. */
static void test_verify_empty(void **state)
{
    const char *const text[] = {"hus", "hest", "ko"}, *const none[] = {"horse"};
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = corpus_of(text, 3, none, 1, false, CORPUS_ALL);
    c->doc[0].n = c->doc[2].n = c->doc[3].n = 0;
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_new(&values_study, &in, three);
    const char *const names[] = {"da", "en"};
    struct harvest_class counts[2] = {{0}};
    struct found found = {0};
    struct harvest_view view = {names, 2, 80, counts, found_detail, &found};
    struct rule rule = {0.5, 0.01};
    struct verify_in v = {&view, &rule, 0, 80, 5};
    for (int step = 0; step < 2; step++) {
        struct table *r = values_verify(s, &v);
        assert_int_equal(r->n_rows, 3);
        assert_false(table_has(r, 0, table_find(r, "p")));
        assert_false(table_has(r, 0, table_find(r, "verified_share.en")));
        assert_int_equal(table_has(r, 0, table_find(r, "verified_share.da")), step);
        assert_true(cell(r, 0, "verified") == 0);
        table_free(r);
        struct table_set *set = values_study.tables(s);
        assert_int_equal(set->n, 2);
        table_set_unref(set);
        if (step == 0)
            study_finish(&values_study, s, t.queue);
    }
    assert_true(values_n(s) > 0);
    free(found.detail);
    values_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* ---- going on, and what is refused */
static void test_resume(void **state)
{
    (void)state;
    check_going_on(&values_study, "layers.1.attn.out", three);
}

static void test_bad_rows(void **state)
{
    static const struct {
        size_t at;
        unsigned char byte;
    } bad[] = {{19, 0xff}, {23, 0x80}, {24, 0xf0}, {29, 0x40}, {31, 0x80}};
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(2, true);
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_done(&values_study, &in, three);
    struct strbuf state_of;
    strbuf_init(&state_of);
    state_save(&values_study, s, &state_of);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        char kept = state_of.s[bad[i].at];
        state_of.s[bad[i].at] = (char)bad[i].byte;
        assert_false(state_load(&values_study, s, state_of.s, state_of.len, &e));
        assert_non_null(strstr(e.text, "no token of the corpus"));
        state_of.s[bad[i].at] = kept;
    }
    strbuf_release(&state_of);
    values_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

static void test_refused(void **state)
{
    (void)state;
    check_units_refused(&values_study, three);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_direct),       cmocka_unit_test(test_zero_is_not_active),
        cmocka_unit_test(test_histograms),   cmocka_unit_test(test_tokens),
        cmocka_unit_test(test_golden),       cmocka_unit_test(test_verify),
        cmocka_unit_test(test_verify_empty), cmocka_unit_test(test_resume),
        cmocka_unit_test(test_bad_rows),     cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
