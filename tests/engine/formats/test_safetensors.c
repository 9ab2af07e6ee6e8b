#include "engine/base/hash.h"
#include "tests/engine/formats/expected.h"
#include <stdio.h>

/* A file of this header and n bytes of data, counting up. */
static char *write_file(const char *name, const char *header, size_t n_data)
{
    const size_t n_header = strlen(header), n = 8 + n_header + n_data;
    uint8_t *p = malloc(n + 1);
    assert_non_null(p);
    for (int i = 0; i < 8; i++)
        p[i] = (uint8_t)((uint64_t)n_header >> 8 * i);
    memcpy(p + 8, header, n_header);
    for (size_t i = 0; i < n_data; i++)
        p[8 + n_header + i] = (uint8_t)i;
    char *path = testdata_write(test_folder, name, p, n);
    free(p);
    return path;
}

/* Opening fails with one line that names the file and holds `word`. */
static void refused(const char *path, const char *word)
{
    struct tensors *ts = NULL;
    struct error e = {0};
    if (tensors_open(path, &ts, &e))
        fail_msg("%s was not refused, expected '%s'", path, word);
    assert_null(ts);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (strstr(e.text, word) == NULL || strstr(e.text, path) == NULL)
        fail_msg("'%s' does not say '%s' of %s", e.text, word, path);
}

static void golden_types(void **state)
{
    (void)state;
    expected_check("types.safetensors");
}

static void other_types_are_listed(void **state)
{
    (void)state;
    char *path = golden_path("formats/others.safetensors");
    struct tensors *ts = NULL;
    struct error e = {0};
    assert_true(tensors_open(path, &ts, &e));
    static const char *const want[][2] = {
        {"f64", "F64"}, {"f8", "F8_E4M3"}, {"i64", "I64"}, {"u8", "U8"}};
    assert_int_equal(tensors_count(ts), 4);
    for (size_t i = 0; i < 4; i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        assert_string_equal(t->name, want[i][0]);
        assert_string_equal(t->type_name, want[i][1]);
        assert_int_equal(t->type, -1);
        assert_null(tensors_need(ts, t->name, t->n_dims, t->dim, &e));
        assert_non_null(strstr(e.text, want[i][1]));
        e = (struct error){0};
    }
    tensors_close(ts);
    free(path);
}

static void all_16_bit_patterns(void **state)
{
    (void)state;
    json_t *all = expected_load();
    static float x[65536];
    /* One byte off, since a tensor may be. */
    static uint8_t src[2 * 65536 + 1];
    for (uint32_t i = 0; i < 65536; i++) {
        const uint16_t h = (uint16_t)i;
        memcpy(src + 1 + 2 * i, &h, 2);
    }
    static const struct {
        enum dtype type;
        const char *key;
        size_t n_nan;
    } cases[] = {{DTYPE_F16, "all f16", 2046}, {DTYPE_BF16, "all bf16", 254}};
    for (size_t c = 0; c < 2; c++) {
        tensor_to_f32(x, src + 1, cases[c].type, 65536);
        size_t n = 0;
        for (size_t i = 0; i < 65536; i++)
            if (x[i] <= 0 || x[i] >= 0)
                x[n++] = x[i];
        assert_int_equal(n, 65536 - cases[c].n_nan);
        const struct sha256 h = sha256_bytes(x, n * sizeof *x);
        char hex[65];
        sha256_hex(&h, hex);
        assert_string_equal(hex, json_string_value(json_object_get(all, cases[c].key)));
    }
    json_decref(all);
}

static void integers_become_floats(void **state)
{
    (void)state;
    const int32_t in[3] = {-7, 0, 1 << 24};
    float out[3];
    tensor_to_f32(out, in, DTYPE_I32, 3);
    assert_true(out[0] == -7 && out[1] == 0 && out[2] == 16777216);
    tensor_to_f32(NULL, NULL, DTYPE_F32, 0);
}

static const struct {
    const char *header;
    size_t n_data;
    const char *word;
} bad[] = {
    {"", 0, "not valid JSON"},
    {"[]", 0, "found a list"},
    {"{", 0, "not valid JSON"},
    {"{} x", 0, "not valid JSON"},
    {"{\"a\":1}", 0, "dtype"},
    {"{\"a\":{}}", 0, "dtype"},
    {"{\"a\":{\"dtype\":7,\"shape\":[],\"data_offsets\":[0,4]}}", 4, "dtype"},
    {"{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}", 4, "has nothing for a shape"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "a number"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "negative"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1],\"data_offsets\":[0,4]}}", 4, "5 dimensions"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":\"0-4\"}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0.0,4]}}", 4, "data_offsets"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "lies at"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "lies at"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 3, "cut off"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 4, "cut off"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "F32 [2]"},
    {"{\"a\":{\"dtype\":\"F16\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F16 [1]"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904],\"data_offsets\":[0,0]}}", 0,
     "does not take"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,0]}}", 0,
     "does not take"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999],\"data_offsets\":[0,0]}}", 0,
     "not valid JSON"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}",
     12, "a hole"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[4,12]}}",
     12, "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
     4, "overlaps"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}", 8, "expected 0"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 8, "cover 4"},
    {"{}", 4, "without a tensor"},
    {"{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
     "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
     8, "not valid JSON"},
    {"{\"__metadata__\":[]}", 0, "__metadata__"},
    {"{\"__metadata__\":{\"k\":32}}", 0, "'k' of __metadata__"},
    {"{\"a\\u0000b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4,
     "not valid JSON"},
    {"{\"a\xff\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "not valid JSON"},
};

static void bad_headers_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char *path = write_file("bad.safetensors", bad[i].header, bad[i].n_data);
        refused(path, bad[i].word);
        free(path);
    }
}

static void good_headers_are_not(void **state)
{
    (void)state;
    static const struct {
        const char *header;
        size_t n_data, n_tensors;
    } good[] = {
        {"{}", 0, 0},
        {"{ }   ", 0, 0},
        {"{\"__metadata__\":{}}", 0, 0},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[],\"data_offsets\":[0,4],\"later\":1}}", 4, 1},
        {"{\"a\":{\"dtype\":\"F32\",\"shape\":[0,9223372036854775807],\"data_offsets\":[0,0]}}", 0,
         1},
        {"{\"b\":{\"dtype\":\"Q5_NEW\",\"shape\":[3],\"data_offsets\":[4,5]},"
         "\"a\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[0,4]}}",
         5, 2},
        {"{\"b\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]},"
         "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]},"
         "\"c\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
         8, 3},
    };
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        char *path = write_file("good.safetensors", good[i].header, good[i].n_data);
        struct tensors *ts = NULL;
        struct error e = {0};
        if (!tensors_open(path, &ts, &e))
            fail_msg("%s", e.text);
        assert_int_equal(tensors_count(ts), good[i].n_tensors);
        for (size_t k = 0; k < tensors_count(ts); k++)
            assert_ptr_equal(tensors_find(ts, tensors_at(ts, k)->name), tensors_at(ts, k));
        tensors_close(ts);
        free(path);
    }
}

/* Every proper prefix of a true file. */
static void cut_off_files_are_refused(void **state)
{
    (void)state;
    size_t n = 0;
    char *p = golden_read("formats/types.safetensors", &n);
    for (size_t k = 0; k < n; k++) {
        char *path = testdata_write(test_folder, "cut.safetensors", p, k);
        refused(path, path);
        free(path);
    }
    char *path = testdata_write(test_folder, "cut.safetensors", p, n);
    struct tensors *ts = NULL;
    struct error e = {0};
    assert_true(tensors_open(path, &ts, &e));
    tensors_close(ts);
    free(path);
    memset(p, 0xff, 8);
    path = testdata_write(test_folder, "cut.safetensors", p, n);
    refused(path, "header of 18446744073709551615");
    free(path);
    free(p);
}

static void missing_and_odd_paths(void **state)
{
    (void)state;
    refused("/nowhere/x.safetensors", "No such file");
    refused(test_folder, "neither model.safetensors nor pytorch_model.bin");
    refused("/dev/null", "device");
}

static void need_says_what_it_found(void **state)
{
    (void)state;
    char *path =
        write_file("need.safetensors",
                   "{\"w\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                   "\"i\":{\"dtype\":\"I32\",\"shape\":[1],\"data_offsets\":[24,28]},"
                   "\"z\":{\"dtype\":\"F32\",\"shape\":[0,3000000000],\"data_offsets\":[28,28]}}",
                   28);
    struct tensors *ts = NULL;
    struct error e = {0};
    assert_true(tensors_open(path, &ts, &e));
    assert_non_null(tensors_need(ts, "w", 2, (const int64_t[]){2, 3}, &e));
    assert_non_null(tensors_need(ts, "w", 2, (const int64_t[]){-1, 3}, &e));
    assert_false(error_is_set(&e));
    static const struct {
        const char *name;
        int32_t n_dims;
        int64_t dim[2];
        const char *word;
    } cases[] = {
        {"w", 2, {3, 2}, "'w' is [2, 3], expected [3, 2]"},
        {"w", 2, {-1, 4}, "expected [any, 4]"},
        {"w", 1, {6}, "expected [6]"},
        {"w", 0, {0}, "expected []"},
        {"v", 1, {6}, "no tensor 'v' [6]"},
        {"i", 1, {1}, "dtype I32, expected F32, F16 or BF16"},
        {"z", 2, {0, -1}, "[0, 3000000000]"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        e = (struct error){0};
        assert_null(tensors_need(ts, cases[i].name, cases[i].n_dims, cases[i].dim, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, path) == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
    }
    tensors_close(ts);
    free(path);
}

#define ONE(name) "{\"" name "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}"

static void shards_are_one(void **state)
{
    (void)state;
    static const char index[] =
        "{\"metadata\":{},\"weight_map\":{\"b\":\"m-2.safetensors\",\"a\":\"m-1.safetensors\"}}";
    char *made[] = {write_file("shards/m-1.safetensors", ONE("a"), 4),
                    write_file("shards/m-2.safetensors", ONE("b"), 4),
                    testdata_write(test_folder, "shards/model.safetensors.index.json", index,
                                   sizeof index - 1)};
    char folder[256];
    snprintf(folder, sizeof folder, "%s/shards", test_folder);
    struct tensors *ts = NULL;
    struct error e = {0};
    if (!tensors_open(folder, &ts, &e))
        fail_msg("%s", e.text);
    assert_int_equal(tensors_count(ts), 2);
    assert_string_equal(tensors_find(ts, "a")->file, made[0]);
    assert_string_equal(tensors_find(ts, "b")->file, made[1]);
    tensors_done(ts, tensors_find(ts, "b"));
    assert_memory_equal(tensors_find(ts, "b")->data, "\0\1\2\3", 4);
    tensors_close(ts);
    for (size_t i = 0; i < 3; i++)
        free(made[i]);
}

static void bad_indexes_are_refused(void **state)
{
    (void)state;
    free(write_file("index/m-1.safetensors", ONE("a"), 4));
    free(write_file("index/m-2.safetensors", ONE("a"), 4));
    char folder[256];
    snprintf(folder, sizeof folder, "%s/index", test_folder);
    static const struct {
        const char *index, *word;
    } cases[] = {
        {"", "not valid JSON"},
        {"{}", "weight_map is nothing"},
        {"{\"weight_map\":{}}", "weight_map is empty"},
        {"{\"weight_map\":{\"a\":1}}", "an integer"},
        {"{\"weight_map\":{\"a\":\"../index/m-1.safetensors\"}}", "beside it"},
        {"{\"weight_map\":{\"a\":\"/etc/passwd\"}}", "beside it"},
        {"{\"weight_map\":{\"a\":\"..\"}}", "beside it"},
        {"{\"weight_map\":{\"a\":\"\"}}", "beside it"},
        {"{\"weight_map\":{\"a\":\"m-3.safetensors\"}}", "No such file"},
        {"{\"weight_map\":{\"b\":\"m-1.safetensors\"}}", "'b' should lie in m-1.safetensors"},
        {"{\"weight_map\":{\"a\":\"m-1.safetensors\",\"b\":\"m-2.safetensors\"}}",
         "'a' is there twice"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        free(testdata_write(test_folder, "index/model.safetensors.index.json", cases[i].index,
                            strlen(cases[i].index)));
        struct tensors *ts = NULL;
        struct error e = {0};
        assert_false(tensors_open(folder, &ts, &e));
        if (strstr(e.text, cases[i].word) == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
    }
    /* A whole model file wins over an index. */
    free(write_file("index/model.safetensors", ONE("whole"), 4));
    struct tensors *ts = NULL;
    struct error e = {0};
    assert_true(tensors_open(folder, &ts, &e));
    assert_non_null(tensors_find(ts, "whole"));
    tensors_close(ts);
}

static void saved_is_read_back(void **state)
{
    (void)state;
    static const float w[6] = {1, 2, 3, -4, 5, 6};
    static const uint16_t h[3] = {0x3c00, 0xbc00, 0x7bff};
    static const int32_t i[1] = {-9};
    const struct tensor_out out[] = {
        {.name = "w", .type = DTYPE_F32, .n_dims = 2, .dim = {2, 3}, .data = w},
        {.name = "h", .type = DTYPE_F16, .n_dims = 1, .dim = {3}, .data = h},
        {.name = "b", .type = DTYPE_BF16, .n_dims = 3, .dim = {1, 3, 1}, .data = h},
        {.name = "i", .type = DTYPE_I32, .n_dims = 0, .data = i},
        {.name = "none", .type = DTYPE_F32, .n_dims = 1, .dim = {0}, .data = NULL},
    };
    const char *const facts[] = {"format", "glimt-sae", "hook", "layers.3.mlp.act",
                                 "æ",      "ø\n",       NULL};
    char path[256];
    snprintf(path, sizeof path, "%s/saved.safetensors", test_folder);
    struct error e = {0};
    if (!tensors_save_safetensors(path, out, 5, facts, &e))
        fail_msg("%s", e.text);
    struct tensors *ts = NULL;
    if (!tensors_open(path, &ts, &e))
        fail_msg("%s", e.text);
    assert_int_equal(tensors_count(ts), 5);
    for (size_t k = 0; k < 5; k++) {
        const struct named_tensor *t = tensors_find(ts, out[k].name);
        assert_non_null(t);
        assert_int_equal(t->type, out[k].type);
        assert_int_equal(t->n_dims, out[k].n_dims);
        for (int32_t d = 0; d < t->n_dims; d++)
            assert_int_equal(t->dim[d], out[k].dim[d]);
        if (t->n_bytes > 0)
            assert_memory_equal(t->data, out[k].data, t->n_bytes);
    }
    /* f32 data come first here, and the header is padded: they may be used where they lie. */
    assert_int_equal((uintptr_t)tensors_find(ts, "w")->data % 8, 0);
    for (size_t k = 0; facts[k] != NULL; k += 2)
        assert_string_equal(tensors_metadata(ts, facts[k]), facts[k + 1]);
    tensors_close(ts);
}

static void what_cannot_be_saved_leaves_nothing(void **state)
{
    (void)state;
    static const float w[1] = {1};
    static const struct {
        struct tensor_out t[2];
        const char *facts[3], *word;
    } cases[] = {
        {{{"w", DTYPE_F32, 1, {1}, w}, {"w", DTYPE_F32, 1, {1}, w}}, {NULL}, "twice"},
        {{{"w", DTYPE_F32, 1, {1}, w}, {"v", DTYPE_F32, 1, {-1}, w}}, {NULL}, "impossible"},
        {{{"w", DTYPE_F32, 1, {1}, w}, {"v", DTYPE_F32, 5, {1}, w}}, {NULL}, "impossible"},
        {{{"w", DTYPE_F32, 1, {1}, w}, {"\xff", DTYPE_F32, 1, {1}, w}}, {NULL}, "UTF-8"},
        {{{"w", DTYPE_F32, 1, {1}, w}, {"v", DTYPE_F32, 1, {1}, w}},
         {"key", "\xff", NULL},
         "UTF-8"},
    };
    char *folder = testdata_folder(), path[256];
    snprintf(path, sizeof path, "%s/x.safetensors", folder);
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        assert_false(tensors_save_safetensors(path, cases[i].t, 2, cases[i].facts, &e));
        if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, path) == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
    }
    /* rmdir refuses a folder with anything left in it. */
    assert_int_equal(remove(folder), 0);
    struct error e = {0};
    assert_false(tensors_save_safetensors(path, cases[0].t, 1, NULL, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    free(folder);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_types),
        cmocka_unit_test(other_types_are_listed),
        cmocka_unit_test(all_16_bit_patterns),
        cmocka_unit_test(integers_become_floats),
        cmocka_unit_test(bad_headers_are_refused),
        cmocka_unit_test(good_headers_are_not),
        cmocka_unit_test(cut_off_files_are_refused),
        cmocka_unit_test(missing_and_odd_paths),
        cmocka_unit_test(need_says_what_it_found),
        cmocka_unit_test(shards_are_one),
        cmocka_unit_test(bad_indexes_are_refused),
        cmocka_unit_test(saved_is_read_back),
        cmocka_unit_test(what_cannot_be_saved_leaves_nothing),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
