/* Facts that are missing or not supported, files that contradict themselves, units that are not
 * there, memory. */
#include "tests/engine/dict/sae.h"
#include "tests/support/spoil.h"
#include <sys/stat.h>
#include <unistd.h>

static const struct sae_case small = {"small", 24, 48, 4, "never", true, true, DTYPE_F32, NULL, 0};

static void must_refuse(struct backend *b, const char *path, const char *word)
{
    struct dict *d = NULL;
    struct error e = {0};
    assert_false(dict_open(b, path, NULL, &d, &e));
    assert_null(d);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, word))
        fail_msg("expected '%s' in: %s", word, e.text);
}

static void test_facts(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        {"format", NULL},
        {"format", "sae"},
        {"version", NULL},
        {"version", "2"},
        {"select", NULL},
        {"select", "best"},
        {"relu", NULL},
        {"relu", "sometimes"},
        {"norm", NULL},
        {"norm", "layer"},
        {"centre", NULL},
        {"centre", "maybe"},
        {"norm_rescale", NULL},
        {"skip", NULL},
        {"norm_rescale", "maybe"},
        {"skip", "true"},
        {"k", NULL},
        {"k", "0"},
        {"k", "49"},
        {"k", "-4"},
        {"k", "four"},
        {"k", "99999999999999"},
        {"k", "4x"},
        {"k", ""},
        {"hook", "layers.x"},
    };
    struct device dev;
    device_open(&dev);
    char dir[64], path[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        sae_write(path, &small, bad[i][0], bad[i][1]);
        must_refuse(dev.b, path, bad[i][0]);
    }
    struct sae_case no_bias = small;
    no_bias.bias = false;
    sae_write(path, &no_bias, NULL, NULL);
    must_refuse(dev.b, path, "b_dec");
    sae_write(path, &small, "hook", NULL); /* the only one that somebody else may say */
    struct dict *d = NULL;
    struct error e = {0};
    assert_true(dict_open(dev.b, path, NULL, &d, &e));
    assert_int_equal(dict_spec(d)->at.layer, -2);
    dict_free(d);
    test_dir_remove(dir);
    device_close(&dev);
}

static struct device_memory little(const struct backend *b)
{
    (void)b;
    return (struct device_memory){.total = 1600, .free = 1200, .work = 100};
}

static void test_what_does_not_fit(void **state)
{
    (void)state;
    struct device dev;
    struct dict *d = NULL;
    struct error e = {0};
    char dir[64], path[96];
    device_open(&dev);
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    sae_write(path, &small, NULL, NULL);
    dev.b->memory = little;
    assert_false(dict_open(dev.b, path, NULL, &d, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    assert_non_null(strstr(e.text, "GB needed, 1.2e-06 free of 1.6e-06"));
    test_dir_remove(dir);
    device_close(&dev);
}

/* What is packed is looked at when the file is opened, what is gathered when it is. */
static void test_values_that_are_no_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *tensor;
        size_t at;
        float value;
        const char *says;
    } bad[] = {{"encoder.weight", 40, NAN, "encoder.weight: the value at ["},
               {"encoder.bias", 7, INFINITY, "encoder.bias: the value at [7] is no finite"},
               {"b_dec", 1, -INFINITY, "b_dec: the value at [1] is no finite"},
               {"b_dec", 1, 3.4e38f, "too large for float32"}}; /* with b_dec folded in */
    struct device dev;
    device_open(&dev);
    char dir[64], path[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    struct sae_case f32 = small;
    f32.type = DTYPE_F32, f32.centre = f32.bias = true;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        sae_write(path, &f32, NULL, NULL);
        if (bad[i].value > 1e38f && !isinf(bad[i].value))
            spoil(path, "encoder.weight", 1, 100);
        spoil(path, bad[i].tensor, bad[i].at, bad[i].value);
        must_refuse(dev.b, path, bad[i].says);
    }
    sae_write(path, &f32, NULL, NULL);
    spoil(path, "W_dec", 2 * (size_t)f32.n + 1, NAN);
    struct dict *d = NULL;
    struct error e = {0};
    assert_true(dict_open(dev.b, path, NULL, &d, &e));
    const int32_t fine = 3, broken = 2;
    dict_push(&dev.run, d, NULL, &fine, 1);
    assert_true(run_ok(&dev.run));
    dict_push(&dev.run, d, NULL, &broken, 1);
    assert_false(run_ok(&dev.run));
    assert_non_null(strstr(dev.run.err.text, "W_dec: the value at [2, 1] is no finite number"));
    dev.run.err = (struct error){0};
    float *x = calloc((size_t)f32.n, sizeof *x);
    x[0] = 1e38f; /* what a layer made of finite weights */
    struct code code;
    dict_encode(&dev.run, d, run_put(&dev.run, 1, f32.n, x), &code, NULL);
    bool finite = run_ok(&dev.run);
    x[0] = NAN;
    dev.run.err = (struct error){0};
    dict_encode(&dev.run, d, run_put(&dev.run, 1, f32.n, x), &code, NULL);
    assert_false(run_ok(&dev.run));
    assert_non_null(strstr(dev.run.err.text, "has a value that is no finite number"));
    assert_true(finite);
    dev.run.err = (struct error){0};
    free(x);
    dict_free(d);
    test_dir_remove(dir);
    device_close(&dev);
}

static void test_shapes(void **state)
{
    (void)state;
    struct device dev;
    device_open(&dev);
    char dir[64], path[96], second[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    static const char *const facts[] = {"format", "glimt-sae", "version", "1",    "k",
                                        "4",      "select",    "topk",    "relu", "never",
                                        "norm",   "none",      "centre",  "true", "norm_rescale",
                                        "false",  "skip",      "false",   NULL};
    static const char *const names[] = {"encoder.weight", "encoder.bias", "W_dec", "b_dec"};
    for (int wrong = 0; wrong < 4; wrong++)
        for (int missing = 0; missing < 2; missing++) {
            struct hash_tensor t[] = {
                {"encoder.weight", NULL, HASH_UNIFORM, 1, 2, {48, 24}, DTYPE_F32, NULL},
                {"encoder.bias", NULL, HASH_UNIFORM, 3, 1, {48}, DTYPE_F32, NULL},
                {"W_dec", NULL, HASH_UNIFORM, 1, 2, {48, 24}, DTYPE_F32, NULL},
                {"b_dec", NULL, HASH_UNIFORM, 1, 1, {24}, DTYPE_F32, NULL},
            };
            t[wrong].dim[0] = 47;
            if (missing)
                snprintf(t[wrong].name, sizeof t[wrong].name, "other");
            hash_file_write(path, t, 4, facts);
            /* the encoder's shape is the measure of the others */
            must_refuse(dev.b, path, wrong == 0 && !missing ? "W_dec" : names[wrong]);
        }
    sae_write(path, &small, NULL, NULL);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(truncate(path, st.st_size - 3), 0);
    must_refuse(dev.b, path, "sae.safetensors");
    snprintf(second, sizeof second, "%s/other.safetensors", dir);
    sae_write(second, &small, NULL, NULL);
    must_refuse(dev.b, dir, "expected one");
    must_refuse(dev.b, "/nonexistent.pt", "/nonexistent.pt");
    must_refuse(dev.b, "/nonexistent", "/nonexistent");
    must_refuse(dev.b, "tests/golden/dict/topk4/gpt_neox.layers.1.mlp.act.json", ".json");
    test_dir_remove(dir);
    device_close(&dev);
}

static void failed(struct device *dev, const char *word)
{
    assert_int_equal(dev->run.err.kind, ERROR_INPUT);
    if (!strstr(dev->run.err.text, word))
        fail_msg("expected '%s' in: %s", word, dev->run.err.text);
    dev->run.err = (struct error){0};
}

static void test_run_errors(void **state)
{
    (void)state;
    struct device dev;
    device_open(&dev);
    char dir[64], path[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    sae_write(path, &small, NULL, NULL);
    struct error e = {0};
    struct dict *d = NULL;
    assert_true(dict_open(dev.b, path, NULL, &d, &e));
    struct run *r = &dev.run;
    struct tensor x = hash_input(r, "x", 3, 24), narrow = hash_input(r, "x", 3, 23), pre;
    struct code f;
    dict_encode(r, d, narrow, &f, &pre);
    assert_int_equal(f.sparse.n_rows, 3);
    assert_int_equal(pre.cols, 48);
    assert_null(pre.buf);
    failed(&dev, "width 23");
    dict_insert(r, d, narrow, narrow, true, NULL, 0);
    failed(&dev, "width 23");
    const int32_t units[] = {0, 48}, negative[] = {-1};
    assert_int_equal(dict_encode_units(r, d, x, units, 2).cols, 2);
    failed(&dev, "no unit 48");
    dict_push(r, d, NULL, negative, 1);
    failed(&dev, "no unit -1");
    const struct unit u[] = {{{0, 48}, 1, UNIT_ADD}};
    struct tensor y = dict_insert(r, d, x, x, false, u, 1);
    assert_int_equal(y.cols, 24);
    failed(&dev, "no unit 48");
    struct linear behind = {.out = 8, .in = 23};
    dict_push(r, d, &behind, units, 1);
    failed(&dev, "takes 23");
    /* after an error nothing happens */
    error_set(&r->err, ERROR_SYSTEM, "first");
    assert_null(dict_encode_units(r, d, x, units, 1).buf);
    dict_encode(r, d, x, &f, NULL);
    assert_null(dict_decode(r, d, &f).buf);
    assert_string_equal(r->err.text, "first");
    r->err = (struct error){0};
    dict_free(d);
    test_dir_remove(dir);
    device_close(&dev);
}

/* Without the wish for them, the pre-activations of many rows are never in memory together, and the
 * codes of the chunks are those of the whole. */
static void test_chunks(void **state)
{
    (void)state;
    enum { ROWS = 270 };
    const struct sae_case wide = {"wide", 8, 65536, 8, "never", true, true, DTYPE_F16, NULL, 0};
    struct device dev;
    device_open(&dev);
    char dir[64], path[96];
    test_dir_new(dir);
    snprintf(path, sizeof path, "%s/sae.safetensors", dir);
    sae_write(path, &wide, NULL, NULL);
    struct error e = {0};
    struct dict *d = NULL;
    assert_true(dict_open(dev.b, path, NULL, &d, &e));
    struct run *r = &dev.run;
    struct tensor x = hash_input(r, "x", ROWS, 8), pre;
    struct code f, g;
    dict_encode(r, d, x, &f, NULL);
    assert_no_error(&r->err);
    assert_true(arena_peak(dev.arena) < (size_t)48 << 20); /* all at once would be 67 MiB */
    float *vals = to_host(r, f.sparse.vals);
    for (int32_t from = 0; from < ROWS; from += 120) { /* across the chunks' borders */
        struct arena_mark mark = arena_mark(dev.arena);
        int32_t n = 20;
        dict_encode(r, d, tensor_rows(x, from, n), &g, &pre);
        float *some = to_host(r, g.sparse.vals);
        assert_close("chunk", vals + (size_t)from * 8, some, (size_t)n * 8, 1e-6f);
        free(some);
        arena_reset(dev.arena, mark);
    }
    free(vals);
    dict_free(d);
    test_dir_remove(dir);
    device_close(&dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_facts),
        cmocka_unit_test(test_what_does_not_fit),
        cmocka_unit_test(test_values_that_are_no_numbers),
        cmocka_unit_test(test_shapes),
        cmocka_unit_test(test_run_errors),
        cmocka_unit_test(test_chunks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
