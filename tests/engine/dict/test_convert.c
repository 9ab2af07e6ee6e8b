/* What glimt convert writes of each kind against what the packages save themselves
 * (tests/golden/dict/converted.json, by tests/reference/dict_convert.py, which reads glimt's files
 * with them): the same tensors in the same shapes, every entry of the configuration in its kind,
 * what decides the numbers in its value; and what a format has no way to say is refused by name. */
#include "engine/base/file.h"
#include "engine/dict/convert.h"
#include "engine/formats/mapping.h"
#include "engine/formats/tensors.h"
#include "tests/engine/dict/sae.h"
#include "tests/support/testdata.h"
#include <jansson.h>
#include <stdlib.h>

enum { N = 12, M = 40 };

/* An SAE, or a transcoder of width n_out, as a file of glimt's own. */
struct source {
    const char *select, *relu, *norm;
    int32_t k, n_out;
    bool centre, skip, transcodes;
};

static void source_write(const char *path, const struct source *c)
{
    const bool gated = strcmp(c->select, "gated") == 0,
               threshold = strcmp(c->select, "threshold") == 0;
    char k[16];
    snprintf(k, sizeof k, "%d", c->k);
    const char *truth[] = {"false", "true"};
    const char *metadata[] = {"format",
                              "glimt-sae",
                              "version",
                              "1",
                              "select",
                              c->select,
                              "relu",
                              c->relu,
                              "norm",
                              c->norm ? c->norm : "none",
                              "k",
                              k,
                              "centre",
                              truth[c->centre],
                              "norm_rescale",
                              "false",
                              "skip",
                              truth[c->skip],
                              "hook",
                              c->transcodes ? "layers.3.mlp.in" : "layers.3.mlp.out",
                              c->transcodes ? "out" : NULL,
                              "layers.3.mlp.out",
                              NULL};
    const struct {
        struct hash_tensor t;
        bool there;
    } all[] = {
        {{"encoder.weight", NULL, HASH_UNIFORM, 1, 2, {M, N}, DTYPE_F32, NULL}, true},
        {{"W_dec", NULL, HASH_UNIFORM, 1, 2, {M, c->n_out}, DTYPE_F32, NULL}, true},
        {{"b_dec", NULL, HASH_UNIFORM, 1, 1, {c->n_out}, DTYPE_F32, NULL}, true},
        {{"encoder.bias", NULL, HASH_UNIFORM, 3, 1, {M}, DTYPE_F32, NULL}, !gated},
        {{"gate_bias", NULL, HASH_UNIFORM, 3, 1, {M}, DTYPE_F32, NULL}, gated},
        {{"mag_bias", NULL, HASH_UNIFORM, 2, 1, {M}, DTYPE_F32, NULL}, gated},
        {{"r_mag", NULL, HASH_UNIFORM, 1, 1, {M}, DTYPE_F32, NULL}, gated},
        {{"threshold", NULL, HASH_UNIFORM, 2, 1, {M}, DTYPE_F32, NULL}, threshold},
        {{"W_skip", NULL, HASH_UNIFORM, 1, 2, {c->n_out, N}, DTYPE_F32, NULL}, c->skip},
    };
    struct hash_tensor has[sizeof all / sizeof *all];
    size_t n = 0;
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (all[i].there)
            has[n++] = all[i].t;
    hash_file_write(path, has, n, metadata);
}

static void check_tensors(const char *kind, const char *path, const json_t *want)
{
    struct tensors *ts = NULL;
    struct error e = {0};
    const char *name;
    json_t *dim;
    assert_true(tensors_open(path, &ts, &e));
    assert_int_equal(tensors_count(ts), json_object_size(want));
    json_object_foreach((json_t *)(uintptr_t)want, name, dim)
    {
        const struct named_tensor *t = tensors_find(ts, name);
        if (!t)
            fail_msg("%s: has no tensor %s", kind, name);
        assert_int_equal(t->type, DTYPE_F32);
        assert_int_equal(t->n_dims, json_array_size(dim));
        for (int32_t i = 0; i < t->n_dims; i++)
            if (t->dim[i] != json_integer_value(json_array_get(dim, (size_t)i)))
                fail_msg("%s: %s is of another shape", kind, name);
    }
    tensors_close(ts);
}

/* In training it counts, or it can be anything where another entry is there. */
static bool is_free(const char *key)
{
    static const char *const free_ones[] = {"expansion_factor", "normalize_decoder", NULL};
    for (int i = 0; free_ones[i]; i++)
        if (strcmp(free_ones[i], key) == 0)
            return true;
    return false;
}

static void check_config(const char *kind, const char *path, const json_t *want)
{
    json_t *have = json_load_file(path, 0, NULL), *value;
    const char *key;
    assert_non_null(have);
    json_object_del(have, "metadata");
    json_object_foreach((json_t *)(uintptr_t)want, key, value)
    {
        const json_t *v = json_object_get(have, key);
        const bool truth = json_is_boolean(value);
        if (!v || (truth ? !json_is_boolean(v) : json_typeof(v) != json_typeof(value)))
            fail_msg("%s: %s is missing, or of another kind", kind, key);
        if (!is_free(key) && !json_equal(v, value))
            fail_msg("%s: %s has another value", kind, key);
    }
    if (json_object_size(have) != json_object_size(want))
        fail_msg("%s: entries that the package has not", kind);
    json_decref(have);
}

static void check_points(const char *path)
{
    json_t *have = json_load_file(path, 0, NULL), *meta = json_object_get(have, "metadata");
    const char *out = json_string_value(json_object_get(meta, "hook_name_out"));
    const bool transcodes = json_object_get(have, "d_out") != NULL;
    assert_string_equal(json_string_value(json_object_get(meta, "hook_name")),
                        transcodes ? "blocks.3.mlp.hook_in" : "blocks.3.hook_mlp_out");
    assert_true(transcodes == (out != NULL));
    if (out)
        assert_string_equal(out, "blocks.3.hook_mlp_out");
    json_decref(have);
}

/* Of every kind that a package saves, one that says the same. */
static const struct {
    const char *kind;
    struct source from;
} kinds[] = {
    {"saelens/standard", {"all", "before", .n_out = N, .centre = true}},
    {"saelens/gated", {"gated", "before", .n_out = N, .centre = true}},
    {"saelens/jumprelu", {"threshold", "before", .n_out = N, .centre = true}},
    {"saelens/topk", {"topk", "after", .k = 5, .n_out = N, .centre = true}},
    {"saelens/abstopk", {"abstopk", "never", .k = 5, .n_out = N, .centre = true}},
    {"saelens/transcoder-12", {"all", "before", .n_out = N, .transcodes = true}},
    {"saelens/transcoder-10", {"all", "before", .n_out = 10, .transcodes = true}},
    {"saelens/skip_transcoder-12", {"all", "before", .n_out = N, .skip = true, .transcodes = true}},
    {"saelens/skip_transcoder-10",
     {"all", "before", .n_out = 10, .skip = true, .transcodes = true}},
    {"saelens/jumprelu_transcoder-12", {"threshold", "before", .n_out = N, .transcodes = true}},
    {"saelens/jumprelu_transcoder-10", {"threshold", "before", .n_out = 10, .transcodes = true}},
    {"saelens/jumprelu_skip_transcoder-12",
     {"threshold", "before", .n_out = N, .skip = true, .transcodes = true}},
    {"saelens/jumprelu_skip_transcoder-10",
     {"threshold", "before", .n_out = 10, .skip = true, .transcodes = true}},
    {"sparsify/topk", {"topk", "before", .k = 6, .n_out = N, .centre = true}},
    {"sparsify/topk-skip", {"topk", "before", .k = 6, .n_out = N, .centre = true, .skip = true}},
    {"sparsify/topk-transcode", {"topk", "before", .k = 6, .n_out = N, .transcodes = true}},
    {"sparsify/topk-skip-transcode",
     {"topk", "before", .k = 6, .n_out = N, .skip = true, .transcodes = true}},
    {"sparsify/groupmax", {"groupmax", "before", .k = 8, .n_out = N, .centre = true}},
    {"sparsify/groupmax-skip",
     {"groupmax", "before", .k = 8, .n_out = N, .centre = true, .skip = true}},
    {"sparsify/groupmax-transcode", {"groupmax", "before", .k = 8, .n_out = N, .transcodes = true}},
    {"sparsify/groupmax-skip-transcode",
     {"groupmax", "before", .k = 8, .n_out = N, .skip = true, .transcodes = true}},
};

static bool try(const char *dir, const struct source *from, enum convert_target target,
                struct error *e)
{
    char path[96], out[96];
    snprintf(path, sizeof path, "%s/from.safetensors", dir);
    snprintf(out, sizeof out, "%s/layers.3.mlp", dir);
    source_write(path, from);
    return dict_convert(path, NULL, target, out, NULL, e);
}

static void test_as_the_packages_save(void **state)
{
    (void)state;
    json_t *golden = json_load_file("tests/golden/dict/converted.json", 0, NULL);
    assert_int_equal(json_object_size(golden), sizeof kinds / sizeof *kinds);
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        const char *kind = kinds[i].kind;
        const bool lens = strncmp(kind, "saelens/", 8) == 0;
        const json_t *want = json_object_get(golden, kind);
        char dir[64], path[160], config[128];
        struct error e = {0};
        test_dir_new(dir);
        if (!try(dir, &kinds[i].from, lens ? CONVERT_SAELENS : CONVERT_SPARSIFY, &e))
            fail_msg("%s: %s", kind, e.text);
        snprintf(path, sizeof path, "%s/layers.3.mlp/%s", dir,
                 json_string_value(json_object_get(want, "file")));
        snprintf(config, sizeof config, "%s/layers.3.mlp/cfg.json", dir);
        check_tensors(kind, path, json_object_get(want, "tensors"));
        check_config(kind, config, json_object_get(want, "config"));
        if (lens)
            check_points(config);
        snprintf(path, sizeof path, "%s/layers.3.mlp", dir);
        test_dir_remove(path);
        test_dir_remove(dir);
    }
    json_decref(golden);
}

/* sparsify's readers take the hook from the folder's name. */
static void test_folder_says_the_hook(void **state)
{
    (void)state;
    static const struct {
        const char *folder, *says; /* NULL: done */
    } cases[] = {
        {"layers.3.mlp", NULL},
        {"h.3.mlp/", NULL},
        {"any", NULL},
        {"layers.2.mlp", "layers.2.mlp: sparsify takes this name for hook point layers.2.mlp.out, "
                         "expected that of a module for layers.3.mlp.out, or none"},
        {"layers.3", "for hook point layers.3.resid.post, expected"},
    };
    const struct source from = {"topk", "before", .k = 6, .n_out = N, .centre = true};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char dir[64], path[96], out[96];
        struct error e = {0};
        test_dir_new(dir);
        snprintf(path, sizeof path, "%s/from.safetensors", dir);
        snprintf(out, sizeof out, "%s/%s", dir, cases[i].folder);
        source_write(path, &from);
        const bool ok = dict_convert(path, NULL, CONVERT_SPARSIFY, out, NULL, &e);
        if (ok == (cases[i].says != NULL) || (!ok && !strstr(e.text, cases[i].says)))
            fail_msg("%s: %s", cases[i].folder, e.text);
        if (ok)
            test_dir_remove(out);
        test_dir_remove(dir);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const struct {
        enum convert_target target;
        struct source from;
        const char *says;
    } bad[] = {
        {CONVERT_SAELENS,
         {"topk", "before", .k = 6, .n_out = N, .transcodes = true},
         "select topk with relu before of a transcoder, which SAELens can't express"},
        {CONVERT_SAELENS,
         {"groupmax", "before", .k = 8, .n_out = N},
         "select groupmax with relu before, which SAELens"},
        {CONVERT_SAELENS,
         {"topk", "never", .k = 5, .n_out = N},
         "select topk with relu never, which SAELens"},
        {CONVERT_SAELENS,
         {"topk", "after", .k = 5, .n_out = N, .skip = true},
         "a skip connection of an SAE, which SAELens"},
        {CONVERT_SPARSIFY,
         {"all", "before", .n_out = N, .transcodes = true},
         "select all with relu before of a transcoder, which sparsify"},
        {CONVERT_SPARSIFY,
         {"threshold", "before", .n_out = N, .centre = true},
         "select threshold with relu before, which sparsify"},
        {CONVERT_SPARSIFY,
         {"topk", "before", .k = 5, .n_out = 10, .transcodes = true},
         "another width of what it gives, which sparsify"},
        {CONVERT_SPARSIFY,
         {"topk", "before", "layer_norm", .k = 5, .n_out = N, .transcodes = true},
         "a norm of the input, which sparsify"},
        {CONVERT_SPARSIFY,
         {"topk", "before", .k = 5, .n_out = N},
         "a decoder bias that is not subtracted before encoding, which sparsify"},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        char dir[64];
        struct error e = {0};
        test_dir_new(dir);
        assert_false(try(dir, &bad[i].from, bad[i].target, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        if (!strstr(e.text, bad[i].says) || strchr(e.text, '\n'))
            fail_msg("%s, expected '%s'", e.text, bad[i].says);
        test_dir_remove(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_as_the_packages_save),
        cmocka_unit_test(test_folder_says_the_hook),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
