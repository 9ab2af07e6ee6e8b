#include "engine/base/hash.h"
#include "engine/formats/bundle.h"
#include "engine/formats/tensors.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Statistics of 2 classes and 4 latents; element `at` of tensor `which` replaced by `value`, which
 * -1: none. */
static void write_statistics(const char *name, int which, float value)
{
    static const char *const names[4] = {"fire_share", "mean_pre", "pre_median", "abs_pre_p99"};
    float data[4][8] = {
        {0, .25F, .5F, 1, 0, 0, .125F, 1}, {-1, 2, -3, 4, 5, 6, 7, 8}, {-1, 0, 1, 2}, {0, 1, 2, 3}};
    struct tensor_out out[4];
    for (int i = 0; i < 4; i++)
        out[i] = (struct tensor_out){.name = names[i],
                                     .type = DTYPE_F32,
                                     .n_dims = i < 2 ? 2 : 1,
                                     .dim = {i < 2 ? 2 : 4, 4},
                                     .data = data[i]};
    if (which >= 0)
        data[which][3] = value;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    struct error e = {0};
    if (!tensors_save_safetensors(path, out, 4, NULL, &e))
        fail_msg("%s", e.text);
}

/* One statistic has another shape or dtype. */
static void write_odd_statistics(const char *name, int which, struct tensor_out odd)
{
    static const char *const names[4] = {"fire_share", "mean_pre", "pre_median", "abs_pre_p99"};
    static const float zero[64];
    struct tensor_out out[4];
    for (int i = 0; i < 4; i++)
        out[i] = (struct tensor_out){.name = names[i],
                                     .type = DTYPE_F32,
                                     .n_dims = i < 2 ? 2 : 1,
                                     .dim = {i < 2 ? 2 : 4, 4},
                                     .data = zero};
    odd.data = zero;
    if (odd.name == NULL)
        odd.name = names[which];
    out[which] = odd;
    char path[256];
    snprintf(path, sizeof path, "%s/%s", test_folder, name);
    struct error e = {0};
    if (!tensors_save_safetensors(path, out, 4, NULL, &e))
        fail_msg("%s", e.text);
}

static void write_text(const char *name, const char *s)
{
    free(testdata_write(test_folder, name, s, strlen(s)));
}

static int write_files(void **state)
{
    test_folder_make(state);
    write_statistics("statistics.safetensors", -1, 0);
    write_text("da.txt", "R\xc3\xa5"
                         "det godkender.\r\n Ja \nNej");
    write_text("en.txt", "\xef\xbb\xbf"
                         "The Council approves.\nYes\nNo\n");
    write_text("two.txt", "one\ntwo\n");
    write_text("empty.txt", "");
    write_text("gap.txt", "one\n\nthree\n");
    write_text("latin1.txt", "R\xe5"
                             "det\n");
    free(testdata_write(test_folder, "nul.txt", "a\0b\n", 4));
    return 0;
}

static bool open_text(const char *text, struct bundle **b, struct error *e)
{
    char *path = testdata_write(test_folder, "x.glimt", text, strlen(text));
    const bool ok = bundle_open(path, b, e);
    free(path);
    return ok;
}

#define CLASSES                                                                                    \
    "\"classes\":[{\"name\":\"da\",\"label\":\"Danish\",\"reference\":\"da.txt\"},"                \
    "{\"name\":\"en\",\"label\":\"English\",\"reference\":\"en.txt\"}]"
#define WHOLE                                                                                      \
    "{\"glimt_bundle\":1,\"title\":\"Demo\",\"model\":\"model\",\"sae\":\"sub/sae.safetensors\","  \
    "\"hook\":\"layers.3.mlp.act\"," CLASSES                                                       \
    ",\"chosen\":[3,0],\"statistics\":\"statistics.safetensors\",\"later\":{}}"

static void whole_bundle(void **state)
{
    (void)state;
    struct bundle *b = NULL;
    struct error e = {0};
    if (!open_text(WHOLE, &b, &e))
        fail_msg("%s", e.text);
    char want[256];
    assert_string_equal(b->title, "Demo");
    snprintf(want, sizeof want, "%s/x.glimt", test_folder);
    assert_string_equal(b->path, want);
    snprintf(want, sizeof want, "%s/model", test_folder);
    assert_string_equal(b->model, want);
    snprintf(want, sizeof want, "%s/sub/sae.safetensors", test_folder);
    assert_int_equal(b->n_dicts, 1);
    assert_string_equal(b->dict[0].sae, want);
    assert_string_equal(b->hook, "layers.3.mlp.act");
    assert_string_equal(b->dict[0].hook, "layers.3.mlp.act");
    assert_null(b->theme);
    assert_int_equal(b->n_classes, 2);
    assert_string_equal(b->cls[0].name, "da");
    assert_string_equal(b->cls[1].label, "English");
    assert_int_equal(b->cls[0].n_sentences, 3);
    assert_int_equal(b->cls[1].n_sentences, 3);
    assert_string_equal(b->cls[0].sentence[0], "R\xc3\xa5"
                                               "det godkender.");
    assert_string_equal(b->cls[0].sentence[1], " Ja ");
    assert_string_equal(b->cls[0].sentence[2], "Nej");
    assert_string_equal(b->cls[1].sentence[0], "The Council approves.");
    assert_int_equal(b->n_chosen, 2);
    assert_string_equal(b->chosen[0], "3");
    assert_string_equal(b->chosen[1], "0");
    const struct bundle_statistics *is = &b->dict[0].is;
    assert_int_equal(is->n_units, 4);
    assert_true(is->fire_share[1] == .25F && is->fire_share[4 + 2] == .125F &&
                is->mean_pre[2] == -3);
    assert_true(is->pre_median[0] == -1 && is->abs_pre_p99[3] == 3);
    bundle_free(b);
    bundle_free(NULL);
}

static void small_bundles(void **state)
{
    (void)state;
    static const struct {
        const char *text, *model; /* NULL: resolved beside the bundle */
    } cases[] = {
        {"{\"glimt_bundle\":1,\"model\":\"EleutherAI/pythia-70m@main\"}",
         "EleutherAI/pythia-70m@main"},
        {"{\"glimt_bundle\":1,\"model\":\"o/n@refs/pr/1\",\"sae\":null,\"hook\":null}",
         "o/n@refs/pr/1"},
        {"{\"glimt_bundle\":1,\"model\":\"m\",\"chosen\":[],\"classes\":[]}", NULL},
        {"{\"glimt_bundle\":1,\"model\":\"m\",\"chosen\":[2147483647]}", NULL},
        {"{\"glimt_bundle\":1,\"model\":\"a/b..c/..d/.\",\"classes\":[{\"name\":\"x\"}]}", NULL},
        {"{\"glimt_bundle\":1,\"model\":\"m@1/"
         "x\",\"classes\":[{\"name\":\"x\",\"reference\":\"da.txt\"},"
         "{\"name\":\"y\"}]}",
         NULL},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bundle *b = NULL;
        struct error e = {0};
        if (!open_text(cases[i].text, &b, &e))
            fail_msg("case %zu: %s", i, e.text);
        assert_null(b->hook);
        assert_int_equal(b->n_dicts, 0);
        assert_non_null(strstr(b->title, "x.glimt"));
        if (cases[i].model != NULL)
            assert_string_equal(b->model, cases[i].model);
        else
            assert_memory_equal(b->model, test_folder, strlen(test_folder));
        if (b->n_classes > 0)
            assert_string_equal(b->cls[0].label, "x");
        bundle_free(b);
    }
}

/* Several dictionaries, classes of as many sentences or not, names in the cache. */
static void several_dictionaries(void **state)
{
    (void)state;
    struct bundle *b = NULL;
    struct error e = {0};
    char text[1024];
    snprintf(text, sizeof text,
             "{\"glimt_bundle\":2,\"model\":\"o/n@0a1b\",\"theme\":\"light\",\"classes\":["
             "{\"name\":\"da\",\"reference\":\"da.txt\"},{\"name\":\"x\"},"
             "{\"name\":\"c\",\"reference\":\"two.txt\"}],\"dictionaries\":["
             "{\"sae\":\"o/s@main:layers.3/sae.safetensors\",\"hook\":\"layers.3.mlp.out\"},"
             "{\"sae\":\"sub\"},{\"neurons\":\"layers.1.mlp.act\"}],"
             "\"chosen\":[\"mlp_3/7\",\"L1N5\"],"
             "\"sha256\":{\"o/n@0a1b:config.json\":\"%064d\"}}",
             0);
    if (!open_text(text, &b, &e))
        fail_msg("%s", e.text);
    assert_string_equal(b->model, "o/n@0a1b");
    assert_string_equal(b->theme, "light");
    assert_int_equal(b->n_dicts, 3);
    assert_string_equal(b->dict[0].sae, "o/s@main:layers.3/sae.safetensors");
    assert_string_equal(b->dict[0].hook, "layers.3.mlp.out");
    assert_null(b->dict[1].hook);
    assert_non_null(strstr(b->dict[1].sae, "/sub"));
    assert_null(b->dict[2].sae);
    assert_string_equal(b->dict[2].hook, "layers.1.mlp.act");
    assert_string_equal(b->chosen[0], "mlp_3/7");
    assert_string_equal(b->chosen[1], "L1N5");
    assert_int_equal(b->cls[0].n_sentences, 3);
    assert_int_equal(b->cls[1].n_sentences, 0);
    assert_int_equal(b->cls[2].n_sentences, 2);
    assert_non_null(strstr(b->cls[2].reference, "/two.txt"));
    assert_int_equal(b->n_files, 1);
    assert_string_equal(b->file[0].path, "o/n@0a1b:config.json");
    bundle_free(b);
}

#define ZEROS "0000000000000000000000000000000000000000000000000000000000000000"
#define HEAD "{\"glimt_bundle\":1,\"model\":\"m\","
#define DICTS(list) HEAD "\"dictionaries\":" list "}"
#define WITH(file) HEAD "\"sae\":\"s\"," CLASSES ",\"statistics\":\"" file "\"}"
#define REFERENCE(file) HEAD "\"classes\":[{\"name\":\"da\",\"reference\":\"" file "\"}]}"

static const struct {
    const char *text, *word;
} bad[] = {
    {"", "not valid JSON"},
    {"[1]", "found a list"},
    {"{}", "glimt_bundle is nothing"},
    {"{\"glimt_bundle\":\"1\"}", "glimt_bundle is a string"},
    {"{\"glimt_bundle\":0}", "less than 1"},
    {"{\"glimt_bundle\":3,\"model\":5}", "newer glimt: glimt_bundle is 3, expected 2"},
    {"{\"glimt_bundle\":1}", "model is nothing"},
    {"{\"glimt_bundle\":1,\"model\":7}", "model is an integer"},
    {"{\"glimt_bundle\":1,\"model\":\"\"}", "model is ''"},
    {"{\"glimt_bundle\":1,\"model\":\"/abs\"}", "model is '/abs'"},
    {"{\"glimt_bundle\":1,\"model\":\"..\"}", "not upward"},
    {"{\"glimt_bundle\":1,\"model\":\"a/../../b\"}", "not upward"},
    {"{\"glimt_bundle\":1,\"model\":\"/n@main\"}", "OWNER/NAME@REV"},
    {"{\"glimt_bundle\":1,\"model\":\"o/@main\"}", "OWNER/NAME@REV"},
    {"{\"glimt_bundle\":1,\"model\":\"o/n@\"}", "OWNER/NAME@REV"},
    {"{\"glimt_bundle\":1,\"model\":\"o/n/x@main\"}", "OWNER/NAME@REV"},
    {HEAD "\"sae\":\"../x\"}", "sae is '../x'"},
    {HEAD "\"sae\":3}", "sae is an integer"},
    {HEAD "\"hook\":3}", "hook is an integer"},
    {HEAD "\"title\":[]}", "title is a list"},
    {HEAD "\"classes\":{}}", "classes is an object"},
    {HEAD "\"classes\":[1]}", "a class is an integer"},
    {HEAD "\"classes\":[{}]}", "has no name"},
    {HEAD "\"classes\":[{\"name\":\"\"}]}", "has no name"},
    {HEAD "\"classes\":[{\"name\":1}]}", "name is an integer"},
    {HEAD "\"classes\":[{\"name\":\"a\",\"label\":1}]}", "label is an integer"},
    {HEAD "\"classes\":[{\"name\":\"a\"},{\"name\":\"a\"}]}", "class 'a' is there twice"},
    {REFERENCE("nowhere.txt"), "No such file"},
    {REFERENCE("../da.txt"), "not upward"},
    {REFERENCE("empty.txt"), "no sentence"},
    {REFERENCE("gap.txt"), "line 2 is empty"},
    {REFERENCE("latin1.txt"), "UTF-8"},
    {REFERENCE("nul.txt"), "UTF-8"},
    {HEAD "\"classes\":[{\"name\":\"a\",\"reference\":7}]}", "reference is an integer"},
    {HEAD "\"chosen\":5}", "chosen is an integer"},
    {HEAD "\"chosen\":[null]}", "entry 0 of chosen is null"},
    {HEAD "\"chosen\":[\"\"]}", "entry 0 of chosen is no name"},
    {HEAD "\"chosen\":[\"mlp_3/5\",\"mlp_3/5\"]}", "chosen names mlp_3/5 twice"},
    {DICTS("{}"), "dictionaries is an object"},
    {DICTS("[3]"), "a dictionary is an integer"},
    {DICTS("[{}]"), "neither or both"},
    {DICTS("[{\"sae\":\"s\",\"neurons\":\"embed\"}]"), "neither or both"},
    {DICTS("[{\"neurons\":5}]"), "neurons is an integer"},
    {DICTS("[{\"sae\":\"s\",\"hook\":5}]"), "hook is an integer"},
    {DICTS("[{\"sae\":\"../s\"}]"), "sae is '../s'"},
    {DICTS("[{\"sae\":\"o/n@:x\"}]"), "OWNER/NAME@REV:FILE"},
    {DICTS("[{\"sae\":\"o/n@main:../x\"}]"), "OWNER/NAME@REV:FILE"},
    {DICTS("[{\"sae\":\"o/n@main:/x\"}]"), "OWNER/NAME@REV:FILE"},
    {DICTS("[{\"sae\":\"s\",\"statistics\":\"statistics.safetensors\"}]"),
     "statistics without classes"},
    {HEAD "\"sae\":\"s\",\"dictionaries\":[]}", "found sae beside dictionaries"},
    {"{\"glimt_bundle\":1,\"model\":\"o/n@main:x\"}", "expected a path or OWNER/NAME@REV"},
    {HEAD "\"theme\":\"\"}", "theme is ''"},
    {HEAD "\"theme\":\"../../x\"}", "theme is '../../x'"},
    {HEAD "\"theme\":7}", "theme is an integer"},
    {HEAD "\"sha256\":[]}", "sha256 is a list"},
    {HEAD "\"sha256\":{\"../x\":\"" ZEROS "\"}}", "not upward"},
    {HEAD "\"sha256\":{\"/x\":\"" ZEROS "\"}}", "not upward"},
    {HEAD "\"sha256\":{\"x\":\"" ZEROS "0\"}}", "64 hexadecimal"},
    {HEAD "\"sha256\":{\"x\":5}}", "64 hexadecimal"},
    {REFERENCE("o/n@main:da.txt"), "expected a path relative to the bundle"},
    {HEAD "\"chosen\":[1,-1]}", "entry 1 of chosen is out of range"},
    {HEAD "\"chosen\":[2147483648]}", "out of range"},
    {HEAD "\"chosen\":[5,1,5]}", "chosen names 5 twice"},
    {HEAD "\"sae\":\"s\"," CLASSES ",\"chosen\":[4],\"statistics\":\"statistics.safetensors\"}",
     "that the statistics have"},
    {HEAD "\"statistics\":\"statistics.safetensors\"}", "statistics without an SAE"},
    {HEAD "\"sae\":\"s\",\"statistics\":\"statistics.safetensors\"}", "statistics without classes"},
    {HEAD "\"sae\":\"s\",\"classes\":[{\"name\":\"a\"}],\"statistics\":\"statistics.safetensors\"}",
     "is [2, 4], expected [1, any]"},
    {WITH("nowhere.safetensors"), "No such file"},
    {WITH("../x"), "not upward"},
    {WITH("da.txt"), "da.txt"},
    {WITH("share.safetensors"), "value 3 of tensor 'fire_share' is 1.5"},
    {WITH("nan.safetensors"), "value 3 of tensor 'mean_pre' is nan"},
    {WITH("inf.safetensors"), "value 3 of tensor 'pre_median' is inf"},
    {WITH("negative.safetensors"), "value 3 of tensor 'abs_pre_p99' is -1"},
    {WITH("half.safetensors"), "'pre_median' has dtype F16, expected F32"},
    {WITH("three.safetensors"), "'mean_pre' is [3, 4], expected [2, 4]"},
    {WITH("five.safetensors"), "'abs_pre_p99' is [5], expected [4]"},
    {WITH("none.safetensors"), "'fire_share' is empty"},
    {WITH("missing.safetensors"), "no tensor 'pre_median' [4]"},
};

static void bad_bundles_are_refused(void **state)
{
    (void)state;
    write_statistics("share.safetensors", 0, 1.5F);
    write_statistics("nan.safetensors", 1, __builtin_nanf(""));
    write_statistics("inf.safetensors", 2, __builtin_inff());
    write_statistics("negative.safetensors", 3, -1);
    write_odd_statistics("half.safetensors", 2,
                         (struct tensor_out){.type = DTYPE_F16, .n_dims = 1, .dim = {4}});
    write_odd_statistics("three.safetensors", 1,
                         (struct tensor_out){.type = DTYPE_F32, .n_dims = 2, .dim = {3, 4}});
    write_odd_statistics("five.safetensors", 3,
                         (struct tensor_out){.type = DTYPE_F32, .n_dims = 1, .dim = {5}});
    write_odd_statistics("none.safetensors", 0,
                         (struct tensor_out){.type = DTYPE_F32, .n_dims = 2, .dim = {2, 0}});
    write_odd_statistics(
        "missing.safetensors", 2,
        (struct tensor_out){.name = "x", .type = DTYPE_F32, .n_dims = 1, .dim = {4}});
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bundle *b = NULL;
        struct error e = {0};
        if (open_text(bad[i].text, &b, &e))
            fail_msg("case %zu was not refused, expected '%s'", i, bad[i].word);
        assert_null(b);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (strstr(e.text, bad[i].word) == NULL || strstr(e.text, test_folder) == NULL)
            fail_msg("case %zu: '%s' does not say '%s'", i, e.text, bad[i].word);
    }
    for (size_t n = 0; n < sizeof WHOLE - 1; n++) {
        char text[sizeof WHOLE] = "";
        memcpy(text, WHOLE, n);
        struct bundle *b = NULL;
        struct error e = {0};
        assert_false(open_text(text, &b, &e));
    }
}

static void bundle_without_a_folder(void **state)
{
    (void)state;
    struct bundle *b = NULL;
    struct error e = {0};
    assert_false(bundle_open("no-such.glimt", &b, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "no-such.glimt"));
}

static bool hash_each(void *arg, const char *const *path, size_t n, struct sha256 *out,
                      struct error *e)
{
    (void)arg;
    for (size_t i = 0; i < n; i++)
        if (!sha256_file(path[i], &out[i], e))
            return false;
    return true;
}

static void hashes_are_verified(void **state)
{
    (void)state;
    struct sha256 h = sha256_bytes("one\ntwo\n", 8);
    char hex[65], text[1024];
    sha256_hex(&h, hex);
    static const struct {
        const char *list, *word; /* %s: the right hash; word NULL: it verifies */
        enum error_kind kind;
    } cases[] = {
        {"", NULL, 0},
        {",\"sha256\":null", NULL, 0},
        {",\"sha256\":{}", NULL, 0},
        {",\"sha256\":{\"two.txt\":\"%s\"}", NULL, 0},
        {",\"sha256\":{\"two.txt\":\"%s\",\"en.txt\":\"%s\"}", "en.txt: SHA-256 is", ERROR_INPUT},
        {",\"sha256\":{\"gone.txt\":\"%s\"}", "gone.txt", ERROR_SYSTEM},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char list[512];
        int n = 0;
        for (const char *s = cases[i].list; *s != '\0'; s++)
            if (s[0] == '%' && s[1] == 's')
                n += snprintf(list + n, sizeof list - (size_t)n, "%s", hex), s++;
            else
                list[n++] = *s;
        list[n] = '\0';
        snprintf(text, sizeof text, "{\"glimt_bundle\":1,\"model\":\"m\"%s}", list);
        struct bundle *b = NULL;
        struct error e = {0};
        assert_true(open_text(text, &b, &e));
        const bool ok = bundle_verify(b, hash_each, NULL, &e);
        assert_int_equal(ok, cases[i].word == NULL);
        if (!ok) {
            assert_int_equal(e.kind, cases[i].kind);
            if (strstr(e.text, cases[i].word) == NULL)
                fail_msg("'%s' does not say '%s'", e.text, cases[i].word);
        }
        bundle_free(b);
    }
}

/* What is written is read as it was, under names that the folder has. */
static void written_and_read(void **state)
{
    (void)state;
    struct bundle *b = NULL, *back = NULL;
    struct error e = {0};
    free(testdata_write(test_folder, "model.bin", "m", 1));
    free(testdata_write(test_folder, "sub.pt", "s", 1));
    if (!open_text(
            "{\"glimt_bundle\":2,\"title\":\"t\",\"model\":\"model.bin\",\"theme\":\"x\","
            "\"classes\":[{\"name\":\"d/a\",\"label\":\"D\",\"reference\":\"da.txt\"},"
            "{\"name\":\"c\",\"reference\":\"two.txt\"}],\"dictionaries\":["
            "{\"sae\":\"sub.pt\",\"hook\":\"embed\",\"statistics\":\"statistics.safetensors\"}"
            ",{\"neurons\":\"layers.1.mlp.act\"}],\"chosen\":[\"embed/2\",7],"
            "\"sha256\":{\"model.bin\":\"" ZEROS "\"}}",
            &b, &e))
        fail_msg("%s", e.text);
    free(b->path);
    b->path = malloc(strlen(test_folder) + 16);
    sprintf(b->path, "%s/./again.glimt", test_folder);
    if (!bundle_write(b, false, hash_each, NULL, &e))
        fail_msg("%s", e.text);
    if (!bundle_open(b->path, &back, &e) || !bundle_verify(back, hash_each, NULL, &e))
        fail_msg("%s", e.text);
    assert_string_equal(back->title, "t");
    assert_string_equal(back->theme, "x");
    assert_int_equal(back->n_dicts, 2);
    assert_non_null(strstr(back->dict[0].sae, "/sub.pt"));
    assert_null(back->dict[1].sae);
    assert_memory_equal(back->dict[0].is.mean_pre, b->dict[0].is.mean_pre, 8 * sizeof(float));
    assert_memory_equal(back->dict[0].is.pre_median, b->dict[0].is.pre_median, 4 * sizeof(float));
    assert_int_equal(back->dict[1].is.n_units, 0);
    /* not as it would be written: "\r\n", and its name is none of a file */
    assert_non_null(strstr(back->cls[0].reference, "/again-1.txt"));
    assert_non_null(strstr(back->cls[1].reference, "/two.txt"));
    for (int32_t i = 0; i < 3; i++)
        assert_string_equal(back->cls[0].sentence[i], b->cls[0].sentence[i]);
    assert_string_equal(back->chosen[0], "embed/2");
    assert_string_equal(back->chosen[1], "7");
    assert_int_equal(back->n_files, 4);
    assert_false(bundle_write(back, false, hash_each, NULL, &e));
    assert_non_null(strstr(e.text, "is already there"));
    bundle_free(back);
    e = (struct error){0};
    free(b->model);
    b->model = strdup("/etc/passwd");
    assert_false(bundle_write(b, true, hash_each, NULL, &e));
    assert_non_null(strstr(e.text, "not in the bundle's folder"));
    bundle_free(b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole_bundle),
        cmocka_unit_test(small_bundles),
        cmocka_unit_test(several_dictionaries),
        cmocka_unit_test(bad_bundles_are_refused),
        cmocka_unit_test(bundle_without_a_folder),
        cmocka_unit_test(hashes_are_verified),
        cmocka_unit_test(written_and_read),
    };
    return cmocka_run_group_tests(tests, write_files, test_folder_drop);
}
