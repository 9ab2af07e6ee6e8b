/* Against float64 results of tests/reference/lens.py. */
#include "engine/base/best.h"
#include "engine/formats/tensors.h"
#include "engine/text/utf8.h"
#include "tests/engine/study/chunks.h"

enum { ROWS = 10 };

static json_t *golden;

static int read_golden(void **state)
{
    (void)state;
    golden = golden_json("study/lens.json");
    return golden == NULL;
}
static int drop_golden(void **state)
{
    (void)state;
    json_decref(golden);
    return 0;
}

static void must(bool ok, const struct error *e)
{
    if (!ok || error_is_set(e))
        fail_msg("%s", e->text);
}

static struct table_set *lens_of(const struct study_in *in, const char *params)
{
    struct study *s = study_done(&lens_study, in, given(&lens_study, params));
    struct table_set *set = lens_study.tables(s);
    lens_study.free(s);
    return set;
}

/* ---- rows against the reference */
/* Rows of one unit, from *row on: [[id, value], …]. */
static void expect_rows(const struct table *t, int64_t *row, int32_t unit, const json_t *want,
                        const char *id, const char *value, double within)
{
    const int32_t c_unit = table_find(t, "latent"), c_id = table_find(t, id),
                  c_value = table_find(t, value);
    assert_true(c_unit >= 0 && c_id >= 0 && c_value >= 0);
    for (size_t i = 0; i < json_array_size(want); i++, ++*row) {
        const json_t *pair = json_array_get(want, i);
        const double v = json_number_value(json_array_get(pair, 1));
        assert_true(*row < t->n_rows);
        assert_int_equal(table_i64(t, *row, c_unit), unit);
        assert_int_equal(table_i64(t, *row, c_id), json_integer_value(json_array_get(pair, 0)));
        if (!(fabs(table_f64(t, *row, c_value) - v) <= within))
            fail_msg("%s of unit %d, rank %zu: %.8g, expected %.8g", t->name, unit, i,
                     table_f64(t, *row, c_value), v);
    }
}

static void expect_golden(const struct study_in *in, const char *name)
{
    json_t *want = json_object_get(golden, name), *one;
    struct strbuf params;
    const char *key;
    strbuf_init(&params);
    json_object_foreach(want, key, one)
        strbuf_addf(&params, "%s%s", params.len > 0 ? "," : "units=", key);
    assert_true(params.len > 0);
    strbuf_addf(&params, " rows=%d", ROWS);
    struct table_set *set = lens_of(in, params.s);
    strbuf_release(&params);
    const struct table *up = table_set_find(set, "promoted"),
                       *down = table_set_find(set, "suppressed"),
                       *nearest = table_set_find(set, "neighbours");
    int64_t at[3] = {0};
    json_object_foreach(want, key, one)
    {
        const int32_t unit = atoi(key);
        expect_rows(up, &at[0], unit, json_object_get(one, "promoted"), "id", "logit", 1e-4);
        expect_rows(down, &at[1], unit, json_object_get(one, "suppressed"), "id", "logit", 1e-4);
        expect_rows(nearest, &at[2], unit, json_object_get(one, "neighbours"), "other", "cosine",
                    1e-5);
    }
    assert_int_equal(up->n_rows, at[0]);
    assert_int_equal(down->n_rows, at[1]);
    assert_int_equal(nearest->n_rows, at[2]);
    table_set_unref(set);
}

static void demo_sae(void **state)
{
    (void)state;
    struct demo d;
    demo_open(&d);
    const struct study_in in = demo_in(&d, NULL);
    assert_true(in.at.layer == 1 && in.at.site == SITE_ATTN_OUT);
    expect_golden(&in, "demo");
    demo_close(&d);
}

/* Through W2, and behind the final norm. */
static void demo_neurons(void **state)
{
    (void)state;
    static const char *const hook[] = {"layers.2.mlp.act", "final_norm"},
                             *const name[] = {"demo layers.2.mlp.act", "demo final_norm"};
    struct demo d;
    demo_open(&d);
    for (int i = 0; i < 2; i++) {
        struct study_in in = demo_in(&d, NULL);
        struct error e = {0};
        must(point_parse(hook[i], model_config(d.model), &in.at, &e), &e);
        struct dict *neurons = dict_neurons(in.at, model_width(d.model, in.at));
        in.dict = neurons;
        expect_golden(&in, name[i]);
        dict_free(neurons);
    }
    demo_close(&d);
}

/* Latents through W2, and a vocabulary that is longer than the tokenizer's. */
static void padded_vocabulary(void **state)
{
    (void)state;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct study_in in = tiny_in(&t, NULL);
    assert_true(tokenizer_n_vocab(t.tokenizer) < model_config(t.model)->n_vocab);
    expect_golden(&in, "tiny");
    tiny_close(&t);
}

/* ---- what a row says of its token */
static void tokens_and_bytes(void **state)
{
    (void)state;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.2.resid.post"});
    struct study_in in = tiny_in(&t, NULL);
    const int32_t n_tokens = tokenizer_n_vocab(t.tokenizer);
    struct table_set *set = lens_of(&in, "units=5 rows=1000");
    const struct table *up = table_set_find(set, "promoted"),
                       *down = table_set_find(set, "suppressed");
    assert_int_equal(up->n_rows, n_tokens); /* all, and no padding row */
    assert_int_equal(down->n_rows, n_tokens);
    assert_int_equal(table_set_find(set, "neighbours")->n_rows, t.m - 1);
    const int32_t id = table_find(up, "id"), text = table_find(up, "text"),
                  bytes = table_find(up, "bytes"), logit = table_find(up, "logit");
    double sum = 0;
    int n_missing = 0;
    for (int64_t r = 0; r < up->n_rows; r++) {
        size_t n = 0;
        char hex[256] = "";
        const char *b = tokenizer_bytes(t.tokenizer, (int32_t)table_i64(up, r, id), &n);
        for (size_t i = 0; i < n && i < 100; i++)
            snprintf(hex + 2 * i, 3, "%02x", (unsigned)(unsigned char)b[i]);
        assert_string_equal(table_str(up, r, bytes), hex);
        assert_int_equal(table_has(up, r, text), n > 0 && utf8_is_valid(b, n));
        if (table_has(up, r, text))
            assert_memory_equal(table_str(up, r, text), b, n);
        else
            n_missing++;
        assert_true(r == 0 || table_f64(up, r, logit) <= table_f64(up, r - 1, logit));
        assert_true(r == 0 || table_f64(down, r, logit) >= table_f64(down, r - 1, logit));
        sum += table_f64(up, r, logit);
    }
    assert_true(n_missing > 100); /* single bytes of longer characters */
    assert_true(fabs(sum) < 1e-6);
    table_set_unref(set);
    tiny_close(&t);
}

/* ---- neighbours of more units than one pass takes */
static void many_units(void **state)
{
    (void)state;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    const int32_t m = t.m, n = dict_spec(t.dict)->n, rows = 7;
    int32_t unit[80], ids[80 * 7];
    double cosine[80 * 7];
    assert_int_equal(m, 80);
    for (int32_t i = 0; i < m; i++)
        unit[i] = m - 1 - i;
    struct run run = {.queue = t.queue, .arena = arena_new(t.queue)};
    float *row = calloc((size_t)m * (size_t)n, sizeof *row);
    run_get(&run, row, dict_push(&run, t.dict, NULL, unit, m));
    assert_true(dict_neighbours(&run, t.dict, unit, m, rows, ids, cosine));
    for (int32_t i = 0; i < m; i++) {
        struct best best;
        best_init(&best, rows);
        for (int32_t j = 0; j < m; j++) {
            double dot = 0, a = 0, b = 0;
            for (int32_t c = 0; c < n; c++) {
                const double x = (double)row[i * n + c], y = (double)row[j * n + c];
                dot += x * y, a += x * x, b += y * y;
            }
            if (i != j)
                best_offer(&best, dot / sqrt(a * b), unit[j]);
        }
        best_sort(&best);
        for (int32_t r = 0; r < rows; r++) {
            assert_int_equal(ids[i * rows + r], best.item[r].id);
            assert_true(fabs(cosine[i * rows + r] - best.item[r].value) < 1e-12);
        }
        best_release(&best);
    }
    must(true, &run.err);
    free(row);
    arena_free(run.arena);
    tiny_close(&t);
}

/* Five decoder rows, two of zeros; then one that is no number: refused, and named. */
static void rows_without_direction(void **state)
{
    (void)state;
    static const float zero[10];
    float w_dec[10] = {1, 0, 0, 0, 2, 0, -1, -1, 0, 0};
    const struct tensor_out t[] = {{"encoder.weight", DTYPE_F32, 2, {5, 2}, zero},
                                   {"encoder.bias", DTYPE_F32, 1, {5}, zero},
                                   {"W_dec", DTYPE_F32, 2, {5, 2}, w_dec}};
    const char *const facts[] = {
        "format", "glimt-sae", "version", "1",     "hook",         "embed", "k",
        "2",      "select",    "topk",    "relu",  "never",        "norm",  "none",
        "centre", "false",     "skip",    "false", "norm_rescale", "false", NULL};
    char *dir = testdata_folder(), path[200];
    struct error e = {0};
    struct dict *d = NULL;
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    must(tensors_save_safetensors(path, t, 3, facts, &e), &e);
    struct backend *b = cpu_backend_new(1, &e);
    must(dict_open(b, path, NULL, &d, &e), &e);
    struct queue *q = b->queue_new(b, QUEUE_JOB, &e);
    must(q != NULL, &e);
    struct run run = {.queue = q, .arena = arena_new(q)};
    const int32_t unit[] = {0, 1, 3, 4};
    static const int32_t want[4][3] = {{2, 3, -1}, {-1, -1, -1}, {0, 2, -1}, {-1, -1, -1}};
    int32_t ids[4][3];
    double cosine[4][3];
    assert_true(dict_neighbours(&run, d, unit, 4, 3, ids[0], cosine[0]));
    assert_memory_equal(ids, want, sizeof want);
    for (int i = 0; i < 12; i++)
        assert_int_equal(isnan(cosine[i / 3][i % 3]), want[i / 3][i % 3] < 0);
    assert_true(fabs(cosine[0][0] - 1) < 1e-12);
    assert_true(fabs(cosine[0][1] + sqrt(0.5)) < 1e-12);
    dict_free(d);
    w_dec[8] = NAN;
    must(tensors_save_safetensors(path, t, 3, facts, &e), &e);
    must(dict_open(b, path, NULL, &d, &e), &e);
    assert_false(dict_neighbours(&run, d, unit, 1, 3, ids[0], cosine[0]));
    assert_int_equal(run.err.kind, ERROR_INPUT);
    assert_non_null(strstr(run.err.text, "W_dec: the value at [4, 0] is no finite number"));
    arena_free(run.arena);
    dict_free(d);
    b->queue_free(q);
    b->free(b);
    testdata_remove(dir);
}

/* Cosines that floats can't tell apart, and products that are too large or too small for them: row
 * i stands at an angle of about rank/10,000 from row 0. */
static void closer_than_floats_can_tell(void **state)
{
    (void)state;
    enum { M = 97 };
    static float zero[2 * M], w_dec[2 * M];
    int32_t with[M], ids[ROWS];
    double cosine[ROWS];
    for (int32_t i = 0; i < M; i++) {
        const int32_t rank = i * 31 % M; /* each once */
        const float size = i % 3 == 0 ? 1e30f : i % 3 == 1 ? 1 : 1e-30f;
        with[rank] = i;
        w_dec[2 * i] = size, w_dec[2 * i + 1] = size * (float)rank * 1e-4f;
    }
    const struct tensor_out t[] = {{"encoder.weight", DTYPE_F32, 2, {M, 2}, zero},
                                   {"encoder.bias", DTYPE_F32, 1, {M}, zero},
                                   {"W_dec", DTYPE_F32, 2, {M, 2}, w_dec}};
    const char *const facts[] = {
        "format", "glimt-sae", "version", "1",     "hook",         "embed", "k",
        "2",      "select",    "topk",    "relu",  "never",        "norm",  "none",
        "centre", "false",     "skip",    "false", "norm_rescale", "false", NULL};
    char *dir = testdata_folder(), path[200];
    struct error e = {0};
    struct dict *d = NULL;
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    must(tensors_save_safetensors(path, t, 3, facts, &e), &e);
    struct backend *b = cpu_backend_new(1, &e);
    must(dict_open(b, path, NULL, &d, &e), &e);
    struct queue *q = b->queue_new(b, QUEUE_JOB, &e);
    must(q != NULL, &e);
    struct run run = {.queue = q, .arena = arena_new(q)};
    for (int turn = 0; turn < 2; turn++) { /* the second finds what the first knew of the rows */
        assert_true(dict_neighbours(&run, d, (const int32_t[]){0}, 1, ROWS, ids, cosine));
        for (int32_t r = 0; r < ROWS; r++)
            assert_int_equal(ids[r], with[r + 1]);
        assert_true(dict_neighbours(&run, d, &with[62], 1, ROWS, ids, cosine));
        for (int32_t r = 0; r < ROWS; r++) /* five on either side */
            assert_in_range(ids[r] * 31 % M, 57, 67);
    }
    assert_int_equal(with[62] % 3, 2);
    arena_free(run.arena);
    dict_free(d);
    b->queue_free(q);
    b->free(b);
    testdata_remove(dir);
}

/* ---- refusals, going on */
static void refuses(const struct study_in *in, const char *params, const char *says)
{
    check_refused(&lens_study, in, given(&lens_study, params), says);
}

static void refusals(void **state)
{
    (void)state;
    struct tiny_model t;
    struct error e = {0};
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct study_in in = tiny_in(&t, NULL);
    refuses(&in, "units=80", "found unit 80, expected 0 to 79");
    refuses(&in, "", "0 latents, expected 1 to 256");
    check_refused(&lens_study, &in,
                  given_units(&lens_study, given(&lens_study, ""), &(struct unit_id){0, -1}, 1),
                  "found unit ε, expected 0 to 79");
    in.dict = NULL;
    refuses(&in, "units=0", "needs an SAE or neurons");
    in = tiny_in(&t, NULL);
    must(point_parse("layers.1.attn.out", model_config(in.model), &in.at, &e), &e);
    refuses(&in, "units=0", "a width of 48, layers.1.attn.out of the model has 32");
    must(point_parse("layers.1.mlp.pre", model_config(in.model), &in.at, &e), &e);
    refuses(&in, "units=0", "what layers.1.mlp.pre writes");
    in.at.layer = 9;
    refuses(&in, "units=0", "the model");
    tiny_close(&t);
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true});
    in = tiny_in(&t, NULL);
    refuses(&in, "units=48", "found unit 48, expected 0 to 47");
    tiny_close(&t);
}

/* Units in several chunks of tokens and of neighbours, one of them twice. */
static void goes_on(void **state)
{
    (void)state;
    struct strbuf params;
    strbuf_init(&params);
    strbuf_adds(&params, "rows=3 units=7");
    for (int i = 0; i < 66; i++)
        strbuf_addf(&params, ",%d", i);
    check_going_on(&lens_study, "layers.1.mlp.act", given(&lens_study, params.s));
    strbuf_release(&params);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo_sae),
        cmocka_unit_test(demo_neurons),
        cmocka_unit_test(padded_vocabulary),
        cmocka_unit_test(tokens_and_bytes),
        cmocka_unit_test(many_units),
        cmocka_unit_test(rows_without_direction),
        cmocka_unit_test(closer_than_floats_can_tell),
        cmocka_unit_test(refusals),
        cmocka_unit_test(goes_on),
    };
    return cmocka_run_group_tests(tests, read_golden, drop_golden);
}
