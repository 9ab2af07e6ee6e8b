/* The proof of an SAE against plain loops in double over its file: codes, reconstruction under each
 * reading, and the losses of a model whose activation is replaced by them. */
#include "engine/formats/tensors.h"
#include "tests/engine/study/chunks.h"

enum { READINGS = 5, K = 6, ROWS_MAX = 96 };
static const char *const reading[READINGS] = {"as_read", "centre", "relu", "centre_and_relu",
                                              "norm"};
#define nothing given(&proof_study, "")

struct sae { /* of the file, in double */
    int32_t n, m;
    double *encoder, *bias, *decoder, *shift, *skip; /* skip: of a transcoder; else NULL */
    const char *norm;
};

static double *doubles(const struct tensors *ts, const char *name, int64_t *n)
{
    const struct named_tensor *t = tensors_find(ts, name);
    assert_non_null(t);
    size_t count = t->n_bytes / sizeof(float);
    float *f = xcalloc(count, sizeof *f);
    double *d = xcalloc(count, sizeof *d);
    tensor_to_f32(f, t->data, DTYPE_F32, count);
    for (size_t i = 0; i < count; i++)
        d[i] = (double)f[i];
    *n = t->dim[0];
    free(f);
    return d;
}

static void sae_read(struct sae *s, const struct tiny_model *t)
{
    struct error e = {0};
    struct tensors *ts = NULL;
    int64_t n, m;
    if (!tensors_open(dict_path(t->dict), &ts, &e))
        fail_msg("%s", e.text);
    s->encoder = doubles(ts, "encoder.weight", &m);
    s->bias = doubles(ts, "encoder.bias", &m);
    s->decoder = doubles(ts, "W_dec", &m);
    s->shift = doubles(ts, "b_dec", &n);
    if (dict_spec(t->dict)->transcodes)
        s->skip = doubles(ts, "W_skip", &n);
    s->norm = tensors_metadata(ts, "norm");
    s->norm = strcmp(s->norm, "none") == 0    ? ""
              : strcmp(s->norm, "layer_norm") ? "length"
                                              : "layer";
    s->n = (int32_t)n, s->m = (int32_t)m;
    tensors_close(ts);
}

static void sae_release(struct sae *s)
{
    free(s->encoder);
    free(s->bias);
    free(s->decoder);
    free(s->shift);
    free(s->skip);
}

/* (x − shift)/by of one row, and what of ŷ it undoes; eps is outside of the root. */
struct normed {
    double shift, by, back;
};
static struct normed norm_of(const struct sae *s, const double *x, bool other)
{
    struct normed r = {0, 1, 1};
    const char *name = !other ? s->norm : *s->norm ? "" : "length";
    double squares = 0;
    for (int32_t i = 0; i < s->n && strcmp(name, "layer") == 0; i++)
        r.shift += x[i] / s->n;
    for (int32_t i = 0; i < s->n; i++)
        squares += (x[i] - r.shift) * (x[i] - r.shift);
    if (strcmp(name, "layer") == 0)
        r.back = sqrt(squares / (s->n - 1)), r.by = r.back + 1e-5;
    else if (*name)
        r.back = r.by = sqrt(squares / s->n);
    return r;
}

/* ŷ of one row, and how many latents are not 0. */
static int32_t rebuild(const struct sae *s, const double *x, bool centre, bool relu,
                       bool other_norm, double *out)
{
    double *pre = xcalloc((size_t)s->m, sizeof *pre);
    const struct normed norm = norm_of(s, x, other_norm);
    int32_t active = 0;
    for (int32_t j = 0; j < s->m; j++) {
        pre[j] = s->bias[j];
        for (int32_t i = 0; i < s->n; i++)
            pre[j] += s->encoder[j * s->n + i] *
                      ((x[i] - norm.shift) / norm.by - (centre ? s->shift[i] : 0));
    }
    memcpy(out, s->shift, (size_t)s->n * sizeof *out);
    for (int k = 0; k < K; k++) {
        int32_t best = 0;
        for (int32_t j = 1; j < s->m; j++)
            best = pre[j] > pre[best] ? j : best;
        double v = relu && pre[best] < 0 ? 0 : pre[best];
        active += v < 0 || v > 0;
        for (int32_t i = 0; i < s->n; i++)
            out[i] += v * s->decoder[best * s->n + i];
        pre[best] = (double)-INFINITY;
    }
    for (int32_t i = 0; i < s->n; i++) {
        if (!s->skip)
            out[i] = out[i] * norm.back + norm.shift;
        for (int32_t j = 0; j < s->n && s->skip; j++)
            out[i] += s->skip[i * s->n + j] * x[j];
    }
    free(pre);
    return active;
}

struct sums {
    double *y, sq, sse[READINGS], loss[3];
    int64_t tokens, active, n_losses;
};

/* One window: ids, of which the first may be BOS. */
static void add_window(struct sums *q, const struct study_in *in, const struct sae *s,
                       const int32_t *ids, int32_t n, bool bos)
{
    struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
    const int32_t start[2] = {0, n};
    int32_t target[ROWS_MAX];
    size_t cells = (size_t)n * (size_t)s->n;
    float *x = xcalloc(cells, sizeof *x), *was = xcalloc(cells, sizeof *x), *with[3],
          loss[ROWS_MAX];
    double row[256], y[256];
    struct batch batch = {.n_rows = n, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state at, end;
    const struct point reads = {in->at.layer, s->skip ? SITE_MLP_IN : in->at.site};
    model_forward(&run, in->model, &batch, NULL, reads, NULL, 0, &at);
    run_get(&run, x, at.value);
    model_forward(&run, in->model, &batch, NULL, in->at, NULL, 0, &at);
    run_get(&run, was, at.value);
    with[0] = was, with[1] = xcalloc(cells, sizeof *x), with[2] = xcalloc(cells, sizeof *x);
    for (int32_t t = 0; t < n; t++) {
        target[t] = t + 1 < n ? ids[t + 1] : -1;
        for (int32_t i = 0; i < s->n; i++)
            row[i] = (double)x[t * s->n + i];
        for (int r = 0; r < READINGS; r++) {
            int32_t active = rebuild(s, row, !(r & 1) != !!s->skip, r & 2, r == 4, y);
            bool counts = !(bos && t == 0);
            for (int32_t i = 0; i < s->n && counts; i++)
                q->sse[r] += pow((double)was[t * s->n + i] - y[i], 2);
            for (int32_t i = 0; i < s->n && r == 0; i++)
                with[1][t * s->n + i] = (float)y[i];
            for (int32_t i = 0; i < s->n && r == 0 && counts; i++)
                q->y[i] += (double)was[t * s->n + i], q->sq += pow((double)was[t * s->n + i], 2);
            q->active += r == 0 && counts ? active : 0;
            q->tokens += r == 0 && counts;
        }
    }
    for (int kind = 0; kind < 3; kind++) {
        struct tensor value = run_put(&run, n, s->n, with[kind]);
        struct hook set = {.at = in->at, .op = HOOK_SET, .io = &value};
        model_forward(&run, in->model, &batch, NULL, model_end(in->model), &set, 1, &end);
        model_loss(&run, in->model, end.value, target, loss);
        for (int32_t t = 0; t + 1 < n; t++) {
            q->loss[kind] += (double)loss[t];
            q->n_losses += kind == 0;
        }
    }
    assert_true(run_ok(&run));
    free(x);
    free(was);
    free(with[1]);
    free(with[2]);
    arena_free(run.arena);
}

static void add_text(struct sums *q, const struct study_in *in, const struct sae *s,
                     const struct corpus_doc *d)
{
    struct token *token = NULL;
    size_t n = 0, cap = 0;
    int32_t n_ctx = model_config(in->model)->n_ctx, ids[ROWS_MAX];
    tokenizer_encode(in->tokenizer, d->text, d->n, in->special, &token, &n, &cap);
    for (size_t at = 0; at < n;) {
        int32_t rows = 0;
        if (in->bos)
            ids[rows++] = tokenizer_eot(in->tokenizer);
        while (rows < n_ctx && at < n)
            ids[rows++] = token[at++].id;
        add_window(q, in, s, ids, rows, in->bos);
    }
    free(token);
}

static double number(const struct table_set *set, const char *name)
{
    const struct table *t = table_set_find(set, "numbers");
    assert_int_equal(t->n_rows, 1);
    assert_true(table_find(t, name) >= 0);
    return table_f64(t, 0, table_find(t, name));
}

static void check_tables(const struct table_set *set, const struct sums *q, int32_t n, int64_t docs,
                         bool transcodes)
{
    double of_sum = 0, N = (double)q->tokens, fvu[READINGS];
    for (int32_t i = 0; i < n; i++)
        of_sum += q->y[i] * q->y[i];
    const struct table *t = table_set_find(set, "readings");
    assert_int_equal(t->n_rows, READINGS);
    int best = 0;
    for (int r = 0; r < READINGS; r++) {
        fvu[r] = q->sse[r] / (q->sq - of_sum / N);
        assert_string_equal(table_str(t, r, table_find(t, "reading")), reading[r]);
        near(table_f64(t, r, table_find(t, "fvu")), fvu[r], 1e-5, "FVU of reading", r, 0);
        if (fvu[r] < .99 * fvu[0] && (best == 0 || fvu[r] < fvu[best]))
            best = r;
    }
    near(number(set, "fvu"), fvu[0], 1e-5, "FVU", 0, 0);
    near(number(set, "sentences"), (double)docs, 0, "sentences", 0, 0);
    near(number(set, "tokens"), N, 0, "tokens", 0, 0);
    near(number(set, "l0"), (double)q->active / N, 1e-9, "L0", 0, 0);
    double mean[3];
    static const char *const loss[3] = {"loss_plain", "loss_sae", "loss_zero"};
    for (int kind = 0; kind < 3; kind++) {
        mean[kind] = q->loss[kind] / (double)q->n_losses;
        near(number(set, loss[kind]), mean[kind], 2e-5, loss[kind], 0, 0);
    }
    near(number(set, "loss_recovered"), (mean[2] - mean[1]) / (mean[2] - mean[0]), 1e-2,
         "loss recovered", 0, 0);
    const struct table *numbers = table_set_find(set, "numbers");
    const char *better = table_str(numbers, 0, table_find(numbers, "better_reading"));
    assert_string_equal(better ? better : reading[0], reading[best]);
    assert_true((numbers->note[0] != '\0') == (best != 0));
    const struct table *facts = table_set_find(set, "facts");
    assert_int_equal(facts->n_rows, DICT_N_FACTS);
    assert_string_equal(table_str(facts, 0, table_find(facts, "fact")), "centre");
    assert_string_equal(table_str(facts, 0, table_find(facts, "value")), transcodes ? "no" : "yes");
    assert_string_equal(table_str(facts, 0, table_find(facts, "source")), "metadata");
}

static void check(const struct tiny_spec *spec, bool bos)
{
    static const char *const da[] = {"Hun køber brød hver morgen, og så går hun hjem igen.", "å",
                                     "Rådet skal nu formelt godkende."};
    static const char *const en[] = {"She buys bread every morning.", "a"};
    struct tiny_model t;
    struct sae s = {0};
    tiny_open(&t, spec);
    sae_read(&s, &t);
    assert_true(s.n <= 256);
    struct corpus *c = corpus_of(da, 3, en, 2, false, CORPUS_ALL);
    struct study_in in = tiny_in(&t, c);
    struct sums q = {.y = xcalloc((size_t)s.n, sizeof(double))};
    in.bos = bos;
    for (int64_t i = 0; i < c->n_docs; i++)
        add_text(&q, &in, &s, &c->doc[i]);
    struct study *study = study_done(&proof_study, &in, nothing);
    struct table_set *set = proof_study.tables(study);
    check_tables(set, &q, s.n, c->n_docs, spec->transcodes);
    table_set_unref(set);
    proof_study.free(study);
    free(q.y);
    sae_release(&s);
    corpus_free(c);
    tiny_close(&t);
}

static void against_plain_loops(void **unused)
{
    (void)unused;
    check(&(struct tiny_spec){.hook = "layers.1.mlp.act"}, false);
    check(&(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = 8}, true);
    check(&(struct tiny_spec){.hook = "layers.1.attn.out", .sequential = true, .n_ctx = 8}, false);
    check(&(struct tiny_spec){.hook = "layers.2.resid.post"}, true);
    check(&(struct tiny_spec){.hook = "layers.2.resid.post", .norm = "layer_norm"}, true);
    check(&(struct tiny_spec){.hook = "layers.1.mlp.act", .norm = "constant_norm_rescale"}, false);
    check(&(struct tiny_spec){.hook = "layers.1.mlp.out", .transcodes = true}, true);
    check(&(struct tiny_spec){.hook = "layers.1.mlp.out", .transcodes = true, .norm = "layer_norm"},
          false);
}

static void stopped_spoilt_cancelled(void **unused)
{
    (void)unused;
    check_going_on(&proof_study, "layers.1.mlp.out", nothing);
}

static void refused(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    struct corpus *c = tiny_corpus(2, true);
    struct study_in in = tiny_in(&t, c);
    check_refused(&proof_study, &in, nothing, "found neurons, expected an SAE");
    in.dict = NULL;
    check_refused(&proof_study, &in, nothing, "there is no SAE");
    corpus_free(c);
    in.corpus = NULL;
    check_refused(&proof_study, &in, nothing, "there is no text");
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(against_plain_loops),
        cmocka_unit_test(stopped_spoilt_cancelled),
        cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
