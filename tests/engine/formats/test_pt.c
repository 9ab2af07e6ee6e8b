/* Files of PyTorch: true ones (golden, and two probes of the test data), and archives and pickles
 * built to be refused.
 */
#include "engine/formats/pickle.h"
#include "tests/engine/formats/expected.h"
#include "tests/engine/formats/zip_build.h"
#include "tests/support/effort.h"
#include <math.h>
#include <stdio.h>

/* ---- pickles, as C strings of opcodes: {"a": tensor over storage 0 of 6 floats} in parts */

#define GLOBAL(module, name) "c" module "\n" name "\n"
#define STR1(s, n) "X" n "\0\0\0" s
#define STORAGE_OF(type, count)                                                                    \
    "(" STR1("storage", "\7") GLOBAL("torch", type) STR1("0", "\1") STR1("cpu", "\3") "K" count "tQ"
#define STORAGE STORAGE_OF("FloatStorage", "\6")
#define TENSOR_ARGS(storage, offset, size, stride)                                                 \
    storage offset size stride "\x89" GLOBAL("collections", "OrderedDict") ")R"
#define TENSOR(storage, offset, size, stride)                                                      \
    GLOBAL("torch._utils", "_rebuild_tensor_v2") "(" TENSOR_ARGS(storage, offset, size, stride) "tR"
#define GOOD_TENSOR TENSOR(STORAGE, "K\0", "K\2K\3\x86", "K\3K\1\x86")
#define DICT_OF(value) "\x80\2}" STR1("a", "\1") value "s."
#define PICKLE(s) s, sizeof(s) - 1

static const float six[6] = {1, 2, 3, 4, 5, 6};

static bool open_pickle(const void *pickle, size_t n, size_t n_data, struct tensors **ts,
                        struct error *e)
{
    static struct bytes b;
    const struct entry entries[] = {{"archive/data.pkl", pickle, n, 0, 0},
                                    {"archive/byteorder", "little", 6, 0, 0},
                                    {"archive/data/0", six, n_data, 0, 0}};
    zip_build(&b, entries, 3, &(struct options){0});
    char *path = testdata_write(test_folder, "x.pt", b.p, b.n);
    const bool ok = tensors_open(path, ts, e);
    free(path);
    return ok;
}

static void golden_files(void **state)
{
    (void)state;
    static const char *const files[] = {"types.pt",    "views.pt",   "module.pt", "parameter.pt",
                                        "nested.pt",   "shared.pt",  "gaps.pt",   "strided.pt",
                                        "expanded.pt", "deflated.pt"};
    for (size_t i = 0; i < sizeof files / sizeof *files; i++)
        expected_check(files[i]);
}

static void other_types_are_listed(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
        size_t n_bytes;
    } want[] = {{"bool", "BOOL", 2}, {"c64", "C64", 8},  {"f64", "F64", 16}, {"i16", "I16", 2},
                {"i32", "I32", 12},  {"i64", "I64", 24}, {"i8", "I8", 1},    {"u8", "U8", 5}};
    char *path = golden_path("formats/others.pt");
    struct tensors *ts = NULL;
    struct error e = {0};
    if (!tensors_open(path, &ts, &e))
        fail_msg("%s", e.text);
    assert_int_equal(tensors_count(ts), 8);
    for (size_t i = 0; i < 8; i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        assert_string_equal(t->name, want[i].name);
        assert_string_equal(t->type_name, want[i].type);
        assert_int_equal(t->n_bytes, want[i].n_bytes);
        assert_int_equal(t->type, strcmp(want[i].type, "I32") == 0 ? (int)DTYPE_I32 : -1);
    }
    assert_int_equal(((const uint8_t *)tensors_find(ts, "i64")->data)[16], 2);
    tensors_close(ts);
    free(path);
}

static void later_protocols(void **state)
{
    (void)state;
    struct tensors *ts = NULL;
    struct error e = {0};
    float v[2];
    char *path = golden_path("formats/protocol4.pt");
    if (!tensors_open(path, &ts, &e))
        fail_msg("%s", e.text);
    assert_int_equal(tensors_count(ts), 1);
    const struct named_tensor *t = tensors_find(ts, "a");
    assert_true(t->n_dims == 1 && t->dim[0] == 2);
    tensor_to_f32(v, t->data, DTYPE_F32, 2);
    assert_true(v[0] > .999f && v[0] < 1.001f && v[1] > .999f && v[1] < 1.001f);
    tensors_close(ts);
    free(path);
}

static void golden_files_to_refuse(void **state)
{
    (void)state;
    static const struct {
        const char *file, *word;
    } cases[] = {
        {"legacy.pt", "before release 1.6"},
        {"list.pt", "state dict"},
        {"whole_module.pt", "'torch.nn.modules.container.Sequential'"},
        {"evil.pt", "'posix.system'"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char name[64];
        snprintf(name, sizeof name, "formats/%s", cases[i].file);
        char *path = golden_path(name);
        struct tensors *ts = NULL;
        struct error e = {0};
        assert_false(tensors_open(path, &ts, &e));
        assert_null(ts);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, path) == NULL)
            fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
        free(path);
    }
}

/* The published norms of the two stored probes and the bias of the first: .808, −7e-5 and .0052. */
static void true_probes(void **state)
{
    (void)state;
    static const struct {
        const char *file;
        double norm, tolerance;
    } cases[] = {{"paper/probes/lambda0.09999999999999999.layers.16.pt", 0.808, 5e-4},
                 {"paper/probes/lambda8.445976423531823.layers.16.pt", 0.0052, 5e-5}};
    for (size_t i = 0; i < 2; i++) {
        char *path = testdata_path(cases[i].file);
        if (path == NULL)
            skip();
        struct tensors *ts = NULL;
        struct error e = {0};
        if (!tensors_open(path, &ts, &e))
            fail_msg("%s", e.text);
        const struct named_tensor *w =
            tensors_need(ts, "linear.weight", 2, (const int64_t[]){1, 8192}, &e);
        const struct named_tensor *b = tensors_need(ts, "linear.bias", 1, (const int64_t[]){1}, &e);
        assert_non_null(w);
        assert_non_null(b);
        assert_int_equal(tensors_count(ts), 2);
        static float x[8192];
        float bias = 0;
        double sum = 0;
        tensor_to_f32(x, w->data, (enum dtype)w->type, 8192);
        tensor_to_f32(&bias, b->data, (enum dtype)b->type, 1);
        for (size_t k = 0; k < 8192; k++)
            sum += (double)x[k] * (double)x[k];
        if (fabs(sqrt(sum) - cases[i].norm) > cases[i].tolerance)
            fail_msg("norm %g", sqrt(sum));
        if (i == 0 && fabs((double)bias + 7e-5) > 5e-6)
            fail_msg("bias %g", (double)bias);
        tensors_close(ts);
        free(path);
    }
}

static void built_pickle_is_read(void **state)
{
    (void)state;
    struct tensors *ts = NULL;
    struct error e = {0};
    if (!open_pickle(PICKLE(DICT_OF(GOOD_TENSOR)), sizeof six, &ts, &e))
        fail_msg("%s", e.text);
    const struct named_tensor *t = tensors_need(ts, "a", 2, (const int64_t[]){2, 3}, &e);
    assert_non_null(t);
    assert_memory_equal(t->data, six, sizeof six);
    tensors_done(ts, t);
    assert_memory_equal(t->data, six, sizeof six);
    tensors_close(ts);
    /* The same two rows further on, and transposed. */
    assert_true(open_pickle(PICKLE(DICT_OF(TENSOR(STORAGE, "K\2", "K\2K\2\x86", "K\1K\2\x86"))),
                            sizeof six, &ts, &e));
    t = tensors_find(ts, "a");
    assert_memory_equal(t->data, ((const float[]){3, 5, 4, 6}), 16);
    tensors_done(ts, t);
    tensors_close(ts);
}

static void numbers_of_every_kind(void **state)
{
    (void)state;
    static const struct {
        const char *op;
        size_t n;
        const char *want;
    } cases[] = {
        {PICKLE(DICT_OF("K\xff")), "255"},
        {PICKLE(DICT_OF("M\xff\xff")), "65535"},
        {PICKLE(DICT_OF("J\xff\xff\xff\xff")), "-1"},
        {PICKLE(DICT_OF("J\0\0\0\x80")), "-2147483648"},
        {PICKLE(DICT_OF("\x8a\0")), "0"},
        {PICKLE(DICT_OF("\x8a\1\x80")), "-128"},
        {PICKLE(DICT_OF("\x8a\2\xff\0")), "255"},
        {PICKLE(DICT_OF("\x8a\5\0\0\0\0\1")), "4294967296"},
        {PICKLE(DICT_OF("\x8a\10\xff\xff\xff\xff\xff\xff\xff\x7f")), "9223372036854775807"},
        {PICKLE(DICT_OF("\x8a\10\0\0\0\0\0\0\0\x80")), "-9223372036854775808"},
        {PICKLE(DICT_OF("G\x3f\xe0\0\0\0\0\0\0")), "0.5"},
        {PICKLE(DICT_OF("G\x3f\xb9\x99\x99\x99\x99\x99\x9a")), "0.1"},
        {PICKLE(DICT_OF("G\x7f\xf0\0\0\0\0\0\0")), "inf"},
        {PICKLE(DICT_OF("\x88")), "true"},
        {PICKLE(DICT_OF("\x89")), "false"},
        {PICKLE(DICT_OF("N")), NULL},
        {PICKLE(DICT_OF(STR1("\xc3\xa6", "\2"))), "\xc3\xa6"},
        /* put, get and their long forms: the key again as the value */
        {PICKLE("\x80\2}" STR1("a", "\1") "q\5h\5s."), "a"},
        {PICKLE("\x80\2}" STR1("a", "\1") "r\5\0\0\0j\5\0\0\0s."), "a"},
        {PICKLE("\x80\2}(" STR1("b", "\1") "K\1" STR1("a", "\1") "K\2u."), "2"},
        {PICKLE("\x80\2}."), NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct tensors *ts = NULL;
        struct error e = {0};
        if (!open_pickle(cases[i].op, cases[i].n, 4, &ts, &e))
            fail_msg("case %zu: %s", i, e.text);
        const char *found = tensors_metadata(ts, "a");
        if (cases[i].want == NULL)
            assert_null(found);
        else
            assert_string_equal(found, cases[i].want);
        tensors_close(ts);
    }
}

static const struct {
    const char *pickle;
    size_t n;
    size_t n_data;
    const char *word;
} bad[] = {
    {PICKLE(""), 24, "ends in the middle"},
    {PICKLE("\x80\2"), 24, "ends in the middle"},
    {PICKLE("\x80\1}."), 24, "protocol 1"},
    {PICKLE("\x80\6}."), 24, "protocol 6"},
    {PICKLE("\x80\4\x95\x09\0\0\0\0\0\0\0}."), 24, "beyond the pickle's end"},
    {PICKLE("\x80\4\x95\2\0\0\0"), 24, "ends in the middle"},
    {PICKLE("\x80\4\x94."), 24, "too few"},
    {PICKLE("\x80\4\x8c\x09"
            "a."),
     24, "ends in the middle"},
    {PICKLE("\x80\4K\1K\2\x93."), 24, "a name that is no string"},
    {PICKLE("\x80\4\x8c\5posix\x8c\6system\x93."), 24, "'posix.system'"},
    {PICKLE("\x80\2."), 24, "other than one value"},
    {PICKLE("\x80\2}}."), 24, "other than one value"},
    {PICKLE("\x80\2}(."), 24, "other than one value"},
    {PICKLE("\x80\2}(N."), 24, "other than one value"},
    {PICKLE("\x80\2K\1."), 24, "state dict"},
    {PICKLE("\x80\2s."), 24, "too few"},
    {PICKLE("\x80\2}K\1s."), 24, "too few"},
    {PICKLE("\x80\2}(K\1s."), 24, "too few"},
    {PICKLE("\x80\2}u."), 24, "no mark"},
    {PICKLE("\x80\2t."), 24, "no mark"},
    {PICKLE("\x80\2(u."), 24, "too few"},
    {PICKLE("\x80\2}(K\1u."), 24, "a key and no value"},
    {PICKLE("\x80\2K\1K\1K\1s."), 24, "no dict"},
    {PICKLE("\x80\2}K\1a."), 24, "no list"},
    {PICKLE("\x80\2}(K\1e."), 24, "no list"},
    {PICKLE("\x80\2](K\1K\1u."), 24, "no dict"},
    {PICKLE("\x80\2q\1."), 24, "too few"},
    {PICKLE("\x80\2h\1."), 24, "never put"},
    {PICKLE("\x80\2}r\xff\xff\xff\x7f."), 24, "a memo index beyond"},
    {PICKLE("\x80\2}q\xff."), 24, "a memo index beyond"},
    {PICKLE("\x80\2j\xff\xff\xff\xff."), 24, "never put"},
    {PICKLE("\x80\2}r\xff\xff\xff\xff."), 24, "memo index"},
    {PICKLE("\x80\2}X\xff\xff\xff\xff"
            "a"),
     24, "ends in the middle"},
    {PICKLE("\x80\2}X\2\0\0\0a\0K\1s."), 24, "NUL"},
    {PICKLE("\x80\2\x8a\11\1\1\1\1\1\1\1\1\1."), 24, "64 bits"},
    {PICKLE("\x80\2\x8a\10\1\1\1\1\1."), 24, "ends in the middle"},
    {PICKLE("\x80\2G\1\1"), 24, "ends in the middle"},
    {PICKLE("\x80\2J\1"), 24, "ends in the middle"},
    {PICKLE("\x80\2}N\x88s."), 24, "neither a string nor an integer"},
    {PICKLE("\x80\2" GLOBAL("os", "system") "."), 24, "'os.system'"},
    {PICKLE("\x80\2" GLOBAL("torch", "FloatStorageX") "."), 24, "'torch.FloatStorageX'"},
    {PICKLE("\x80\2" GLOBAL("torch.FloatStorage", "") "."), 24, "'torch.FloatStorage.'"},
    {PICKLE("\x80\2" GLOBAL("builtins\x1b[31m", "eval") "."), 24, "'builtins?[31m.eval'"},
    {PICKLE("\x80\2"
            "cos\nsystem"),
     24, "without an end"},
    {PICKLE("\x80\2"
            "cos"),
     24, "without an end"},
    {PICKLE("\x80\2" GLOBAL("torch", "FloatStorage") ")R."), 24, "call of a storage type"},
    {PICKLE("\x80\2"
            "K\1)R."),
     24, "call of what is no name"},
    {PICKLE("\x80\2" GLOBAL("collections", "OrderedDict") "}R."), 24, "call of what is no name"},
    {PICKLE("\x80\2" GLOBAL("collections", "OrderedDict") "K\1\x85R."), 24,
     "OrderedDict with arguments"},
    {PICKLE("\x80\2" GLOBAL("torch", "Size") ")R."), 24, "torch.Size"},
    {PICKLE("\x80\2" GLOBAL("torch", "Size") "N\x85R."), 24, "torch.Size"},
    {PICKLE("\x80\2" GLOBAL("torch._utils", "_rebuild_parameter") ")R."), 24, "_rebuild_parameter"},
    {PICKLE("\x80\2" GLOBAL("torch._utils", "_rebuild_parameter") "NNN\x87R."), 24,
     "_rebuild_parameter"},
    {PICKLE("\x80\2" GLOBAL("torch._utils", "_rebuild_tensor_v2") ")R."), 24, "_rebuild_tensor_v2"},
    {PICKLE("\x80\2" GLOBAL("torch._utils", "_rebuild_tensor_v2") "(NNNNNNtR."), 24,
     "_rebuild_tensor_v2"},
    {PICKLE(DICT_OF(TENSOR("N", "K\0", "K\2K\3\x86", "K\3K\1\x86"))), 24, "_rebuild_tensor_v2"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "N", "K\2K\3\x86", "K\3K\1\x86"))), 24, "_rebuild_tensor_v2"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\2N\x86", "K\3K\1\x86"))), 24, "_rebuild_tensor_v2"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\2K\3\x86", "K\1\x85"))), 24, "_rebuild_tensor_v2"},
    {PICKLE(DICT_OF(GLOBAL("torch._utils", "_rebuild_tensor_v2") "(" TENSOR_ARGS(
         STORAGE, "K\0", "K\2K\3\x86", "K\3K\1\x86") "}" STR1("conj", "\4") "\x88stR")),
     24, "metadata"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\2K\4\x86", "K\4K\1\x86"))), 24,
     "outside its storage"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\1", "K\2K\3\x86", "K\3K\1\x86"))), 24,
     "outside its storage"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "J\xff\xff\xff\xff", "K\2K\3\x86", "K\3K\1\x86"))), 24,
     "outside its storage"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "\x8a\10\0\0\0\0\0\0\0\x40", "K\1\x85", "K\1\x85"))), 24,
     "outside its storage"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "J\xff\xff\xff\xff\x85", "K\1\x85"))), 24,
     "impossible shape"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "\x8a\10\0\0\0\0\0\0\0\x40\x85", "K\1\x85"))), 24,
     "impossible shape"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "(K\1K\1K\1K\1K\1t", "(K\1K\1K\1K\1K\1t"))), 24,
     "5 dimensions"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\2K\3\x86", "K\1K\3\x86"))), 24,
     "outside its storage"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\xffK\xff\x86", "K\0K\0\x86"))), 24,
     "too many strided views"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\2K\3\x86",
                           "\x8a\x08\xff\xff\xff\xff\xff\xff\xff\x7f"
                           "K\1\x86"))),
     24, "impossible strides"},
    {PICKLE(DICT_OF(TENSOR(STORAGE, "K\0", "K\2K\3\x86", "J\xff\xff\xff\xffK\1\x86"))), 24,
     "impossible strides"},
    {PICKLE(DICT_OF(GOOD_TENSOR)), 23, "data/0 has 23 bytes"},
    {PICKLE(DICT_OF(TENSOR(STORAGE_OF("DoubleStorage", "\6"), "K\0", "K\1\x85", "K\1\x85"))), 24,
     "data/0 has 24 bytes"},
    {PICKLE(DICT_OF(TENSOR(STORAGE_OF("QInt8Storage", "\6"), "K\0", "K\1\x85", "K\1\x85"))), 24,
     "QInt8Storage"},
    {PICKLE(DICT_OF("K\1Q")), 24, "no storage"},
    {PICKLE(DICT_OF("(NNNNNtQ")), 24, "no storage"},
    {PICKLE(DICT_OF("(" STR1("storage", "\7") GLOBAL("torch", "FloatStorage") STR1("0", "\1")
                        STR1("cpu", "\3") "J\xff\xff\xff\xfftQ")),
     24, "negative size"},
    {PICKLE(DICT_OF("(" STR1("storage", "\7") GLOBAL("torch", "Size") STR1("0", "\1")
                        STR1("cpu", "\3") "K\1tQ")),
     24, "without a type"},
    {PICKLE(DICT_OF(TENSOR("(" STR1("storage", "\7") GLOBAL("torch", "FloatStorage") STR1("9", "\1")
                               STR1("cpu", "\3") "K\6tQ",
                           "K\0", "K\1\x85", "K\1\x85"))),
     24, "no entry data/9"},
    {PICKLE("\x80\2}(" STR1("a", "\1") GOOD_TENSOR STR1("a", "\1") GOOD_TENSOR "u."), 24,
     "'a' is there twice"},
    {PICKLE(DICT_OF("K\1}b")), 24, "attributes"},
    {PICKLE("\x80\2}K\1b."), 24, "attributes"},
    /* A dict in itself. */
    {PICKLE("\x80\2}q\1" STR1("a", "\1") "h\1s."), 24, "nested too deeply"},
    {PICKLE("\x80\2"
            "0."),
     24, "0x30 (POP)"},
    {PICKLE("\x80\2"
            "c"),
     24, "without an end"},
    {PICKLE("\x80\2"
            "\x93"),
     24, "too few"},
    {PICKLE("\x80\2"
            "\x81"),
     24, "0x81 (NEWOBJ)"},
    {PICKLE("\x80\2"
            "ios\nsystem\n"),
     24, "0x69 (INST)"},
    {PICKLE("\x80\2"
            "o"),
     24, "0x6f (OBJ)"},
    {PICKLE("\x80\2"
            "\x82\1"),
     24, "0x82 (EXT1)"},
    {PICKLE("\x80\2"
            "\xfe"),
     24, "0xfe (unknown)"},
};

static void bad_pickles_are_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tensors *ts = NULL;
        struct error e = {0};
        if (open_pickle(bad[i].pickle, bad[i].n, bad[i].n_data, &ts, &e))
            fail_msg("case %zu was not refused, expected '%s'", i, bad[i].word);
        assert_null(ts);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, bad[i].word) == NULL || strstr(e.text, "x.pt") == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, e.text, bad[i].word);
    }
}

/* Sixteen lists in one another, and one more; a pickle of the most bytes, and one more. */
static void limits(void **state)
{
    (void)state;
    static struct bytes b;
    for (int depth = 15; depth <= 16; depth++) {
        b.n = 0;
        put(&b, PICKLE("\x80\2}" STR1("a", "\1")));
        for (int i = 0; i <= depth; i++)
            put(&b, "]", 1);
        for (int i = 0; i < depth; i++)
            put(&b, "a", 1);
        put(&b, "s.", 2);
        struct tensors *ts = NULL;
        struct error e = {0};
        assert_int_equal(open_pickle(b.p, b.n, 24, &ts, &e), depth == 15);
        assert_true(depth == 15 || strstr(e.text, "'a.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0'"));
        tensors_close(ts);
    }
    uint8_t *p = calloc(PICKLE_MAX + 1, 1);
    memcpy(p, "\x80\2}.", 4);
    struct error e = {0};
    struct pickle *ok = pickle_read(p, PICKLE_MAX, "x.pt", &e);
    assert_non_null(ok);
    pickle_free(ok);
    assert_null(pickle_read(p, PICKLE_MAX + 1, "x.pt", &e));
    assert_non_null(strstr(e.text, "x.pt: a pickle of 4194305 bytes, expected at most 4194304"));
    free(p);
}

/* Tuples of ten times the one before, twelve deep: 10^12 values in some 300 bytes. */
static void shared_values_do_not_multiply(void **state)
{
    (void)state;
    static struct bytes b;
    b.n = 0;
    put(&b, PICKLE("\x80\2}" STR1("a", "\1") "(K\1q\0"));
    for (uint8_t level = 0; level < 12; level++) {
        put(&b, "(", 1);
        for (int i = 0; i < 10; i++)
            put(&b, (const uint8_t[]){'h', level}, 2);
        put(&b, (const uint8_t[]){'t', 'q', (uint8_t)(level + 1)}, 3);
    }
    put(&b, PICKLE("ts."));
    struct tensors *ts = NULL;
    struct error e = {0};
    assert_false(open_pickle(b.p, b.n, 24, &ts, &e));
    if (strstr(e.text, "bytes of names") == NULL)
        fail_msg("%s", e.text);
}

/* Each transposed view of a storage needs a copy; those of an honest file fit into the file's size.
 */
static void transposed_views_do_not_multiply(void **state)
{
    (void)state;
    static struct bytes pickle, zip;
    static const uint8_t data[8192];
    pickle.n = 0;
    put(&pickle, PICKLE("\x80\2}("));
    for (uint8_t i = 0; i < 8; i++) {
        put(&pickle, (const uint8_t[]){'K', i}, 2);
        put(&pickle, PICKLE(TENSOR("(" STR1("storage", "\7") GLOBAL("torch", "FloatStorage")
                                       STR1("0", "\1") STR1("cpu", "\3") "M\0\10tQ",
                                   "K\0", "K\x20K\x40\x86", "K\1K\x20\x86")));
    }
    put(&pickle, PICKLE("u."));
    const struct entry entries[] = {{"a/data.pkl", pickle.p, pickle.n, 0, 0},
                                    {"a/data/0", data, sizeof data, 0, 0}};
    zip_build(&zip, entries, 2, &(struct options){0});
    char *path = testdata_write(test_folder, "views.pt", zip.p, zip.n);
    struct tensors *ts = NULL;
    struct error e = {0};
    assert_false(tensors_open(path, &ts, &e));
    if (strstr(e.text, "too many strided views") == NULL)
        fail_msg("%s", e.text);
    free(path);
}

static void true_archive_shapes(void **state)
{
    (void)state;
    static const struct {
        struct options o;
        const char *prefix;
    } cases[] = {
        {{0}, "archive/"},
        {{0}, "gpt_neox.layers.16.mlp.act/"},
        {{0}, ""},
        {{.zip64 = true}, "archive/"},
        {{.comment = "a comment at the end"}, "archive/"},
        {{.zip64 = true, .comment = "PK\5\6"}, "archive/"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct bytes b;
        char name[3][64];
        snprintf(name[0], sizeof name[0], "%sdata.pkl", cases[i].prefix);
        snprintf(name[1], sizeof name[1], "%sdata/0", cases[i].prefix);
        snprintf(name[2], sizeof name[2], "%sversion", cases[i].prefix);
        const struct entry entries[] = {{name[0], PICKLE(DICT_OF(GOOD_TENSOR)), 0, 0},
                                        {name[1], six, sizeof six, 0, 8},
                                        {name[2], "3\n", 2, 0, 0}};
        zip_build(&b, entries, 3, &cases[i].o);
        char *path = testdata_write(test_folder, "y.pt", b.p, b.n);
        struct tensors *ts = NULL;
        struct error e = {0};
        if (!tensors_open(path, &ts, &e))
            fail_msg("case %zu: %s", i, e.text);
        assert_memory_equal(tensors_find(ts, "a")->data, six, sizeof six);
        tensors_close(ts);
        free(path);
    }
}

static void bad_archives_are_refused(void **state)
{
    (void)state;
    static const struct {
        struct entry e[3];
        struct options o;
        const char *word;
    } cases[] = {
        {{{"a/data.pkl", PICKLE("\x80\2}."), 8, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "deflated data are damaged"},
        {{{"a/data.pkl", PICKLE("\x80\2}."), 12, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "is compressed"},
        {{{"a/data.pkl", PICKLE("\x80\2}."), 0, 1}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "encrypted"},
        {{{"a/data.txt", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "without data.pkl"},
        {{{"a/b/data.pkl", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "without data.pkl"},
        {{{"adata.pkl", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "without data.pkl"},
        {{{"a/data.pkl", "", 0, 0, 0}, {"b/data.pkl", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "two data.pkl"},
        {{{"a/data.pkl", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}},
         {0},
         "'a/x' is there twice"},
        {{{"a/data.pkl", "", 0, 0, 0}, {"a/byteorder", "big", 3, 0, 0}, {"a/y", "", 0, 0, 0}},
         {0},
         "'big'"},
        {{{"a/data.pkl", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {.more_entries = 1},
         "4 entries"},
        {{{"a/data.pkl", "", 0, 0, 0},
          {"a/x", "", 0, 0, 0},
          {"a/a name that would make room for one more", "", 0, 0, 0}},
         {.more_entries = 1},
         "broken zip directory"},
        {{{"a/data.pkl", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {.more_entries = 1000},
         "1003 entries"},
        {{{"a/data.pkl", "", 0, 0, 0}, {"a/x", "", 0, 0, 0}, {"a/y", "", 0, 0, 0}},
         {.zip64 = true, .more_entries = SIZE_MAX / 2},
         "outside the file"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        static struct bytes b;
        zip_build(&b, cases[i].e, 3, &cases[i].o);
        char *path = testdata_write(test_folder, "z.pt", b.p, b.n);
        struct tensors *ts = NULL;
        struct error e = {0};
        if (tensors_open(path, &ts, &e))
            fail_msg("case %zu was not refused", i);
        if (strstr(e.text, cases[i].word) == NULL || strstr(e.text, path) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, e.text, cases[i].word);
        free(path);
    }
}

/* Every proper prefix of a true file, and every byte of it inverted: the first are refused, the
 * second must only do no harm (under the sanitizers). */
static void cut_and_flipped_files(void **state)
{
    (void)state;
    static const char *const files[] = {"formats/module.pt", "formats/views.pt"};
    for (size_t f = 0; f < 2; f++) {
        size_t n = 0;
        const size_t step = (f == 0 ? 1U : 7U) * (quick() ? 5U : 1U);
        char *p = golden_read(files[f], &n);
        for (size_t k = 0; k < n; k += step) {
            char *path = testdata_write(test_folder, "cut.pt", p, k);
            struct tensors *ts = NULL;
            struct error e = {0};
            assert_false(tensors_open(path, &ts, &e));
            assert_non_null(strstr(e.text, path));
            free(path);
        }
        for (size_t k = 0; k < n; k += step) {
            p[k] = (char)~p[k];
            char *path = testdata_write(test_folder, "flip.pt", p, n);
            struct tensors *ts = NULL;
            struct error e = {0};
            if (tensors_open(path, &ts, &e))
                tensors_close(ts);
            else
                assert_true(error_is_set(&e));
            free(path);
            p[k] = (char)~p[k];
        }
        free(p);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(golden_files),
        cmocka_unit_test(other_types_are_listed),
        cmocka_unit_test(later_protocols),
        cmocka_unit_test(golden_files_to_refuse),
        cmocka_unit_test(true_probes),
        cmocka_unit_test(built_pickle_is_read),
        cmocka_unit_test(numbers_of_every_kind),
        cmocka_unit_test(bad_pickles_are_refused),
        cmocka_unit_test(limits),
        cmocka_unit_test(shared_values_do_not_multiply),
        cmocka_unit_test(transposed_views_do_not_multiply),
        cmocka_unit_test(true_archive_shapes),
        cmocka_unit_test(bad_archives_are_refused),
        cmocka_unit_test(cut_and_flipped_files),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
