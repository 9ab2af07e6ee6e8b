/* Files that are nearly right, 500 changed ones of each format (GLIMT_MUTATIONS: as many): each
 * opens, or one line names it. */
#include "engine/base/memory.h"
#include "engine/cpu/cpu.h"
#include "engine/dict/dict.h"
#include "engine/formats/bundle.h"
#include "engine/formats/hf.h"
#include "engine/formats/tensors_private.h"
#include "engine/text/tokenizer.h"
#include "tests/support/hash_archs.h"
#include "tests/support/mutate.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* after its prerequisites */
#include <cmocka.h>

enum { EACH = 500, SECONDS = 60 /* of one file: it hangs */ };

static uint64_t how_many(void)
{
    const char *said = getenv("GLIMT_MUTATIONS");
    return said ? strtoull(said, NULL, 10) : EACH;
}

/* A folder made for one original; `file` is what is changed in it, `open` what is opened. */
struct original {
    char *dir, *file, *open;
    uint8_t *p;
    size_t n;
};

static uint64_t tried, opened, refused;

static void check_error(const char *format, uint64_t seed, const struct error *e, const char *name)
{
    if (!e->text[0] || strchr(e->text, '\n') || !strstr(e->text, name))
        fail_msg("%s, seed %llu: “%s”, expected one line that names %s", format,
                 (unsigned long long)seed, e->text, name);
}

static void judge(const char *format, uint64_t seed, bool ok, const struct error *e,
                  const char *name)
{
    tried++;
    if (ok == error_is_set(e))
        fail_msg("%s, seed %llu: it opened: %d, and “%s”", format, (unsigned long long)seed, ok,
                 e->text);
    if (ok)
        opened++;
    else
        refused++, check_error(format, seed, e, name);
    alarm(SECONDS);
}

/* Asserts that as many were tried as are asked for, that some were refused and some not (what a
 * configuration says may not matter), and begins anew. */
static void told(const char *format)
{
    print_message("    %s: %llu changed files, %llu refused\n", format, (unsigned long long)tried,
                  (unsigned long long)refused);
    assert_int_equal(tried, how_many());
    assert_true(how_many() < 100 || (refused > 0 && opened > 0));
    tried = opened = refused = 0;
    alarm(0);
}

/* ---- tensors, in memory */
static void read_all(struct tensors *ts)
{
    for (size_t i = 0; i < tensors_count(ts); i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        free(xmemdup(t->data, t->n_bytes));
        assert_ptr_equal(tensors_find(ts, t->name), t);
    }
    tensors_close(ts);
}

static void tensors_of(const char *format, const char *const *file, size_t n_files)
{
    for (uint64_t seed = 0; seed < how_many(); seed++) {
        size_t n;
        char *p = golden_read(file[seed % n_files], &n);
        const char *name = strrchr(file[seed % n_files], '/') + 1;
        struct mutated m = mutate_bytes((uint8_t *)p, n, seed);
        struct tensors *ts = NULL;
        struct error e = {0};
        const bool ok = tensors_open_bytes(name, m.p, m.n, &ts, &e);
        judge(format, seed, ok, &e, name);
        if (ok)
            read_all(ts);
        free(m.p);
        free(p);
    }
    told(format);
}
#define TENSORS(format, ...)                                                                       \
    tensors_of(format, (const char *const[]){__VA_ARGS__},                                         \
               sizeof((const char *const[]){__VA_ARGS__}) / sizeof(char *))

static void test_tensors(void **state)
{
    (void)state;
    TENSORS("safetensors", "formats/types.safetensors", "formats/others.safetensors",
            "dict/formats/sparsify/skip/layers.1/sae.safetensors");
    TENSORS(".pt", "formats/types.pt", "formats/views.pt", "formats/nested.pt", "formats/module.pt",
            "formats/protocol4.pt", "formats/shared.pt", "formats/strided.pt",
            "dict/formats/openai/topk.pt");
    TENSORS("pytorch_model.bin", "model/bin/pytorch_model.bin",
            "model/bin-shards/pytorch_model-00001-of-00002.bin");
    TENSORS(".npz",
            "dict/formats/gemma/gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_7/params.npz",
            "dict/formats/gemma/gemma-scope-2b-pt-res/layer_2/width_16k/average_l0_9/params.npz");
}

/* ---- files in a folder */
static bool open_config(const char *path, struct error *e)
{
    static struct model_config c;
    return hf_config_read(path, &c, e);
}

static bool open_tokenizer(const char *path, struct error *e)
{
    struct tokenizer *t = NULL;
    if (!tokenizer_open(path, &t, e))
        return false;
    tokenizer_free(t);
    return true;
}

static bool open_tensors(const char *path, struct error *e)
{
    struct tensors *ts = NULL;
    if (!tensors_open(path, &ts, e))
        return false;
    read_all(ts);
    return true;
}

static struct backend *device;

/* For a model of six layers, as whoever opens one has it. */
static bool open_dict(const char *path, struct error *e)
{
    const struct model_config model = {.arch = arch_find("gpt_neox"), .n_layers = 6};
    struct dict *d = NULL;
    if (!dict_open(device, path, &(struct dict_hint){.model = &model}, &d, e))
        return false;
    dict_free(d);
    return true;
}

static bool open_bundle(const char *path, struct error *e)
{
    struct bundle *b = NULL;
    if (!bundle_open(path, &b, e))
        return false;
    bundle_free(b);
    return true;
}

static void put(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(p, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
}

static void make_folders(char *path)
{
    for (char *slash = strchr(path + 1, '/'); slash; slash = strchr(slash + 1, '/')) {
        *slash = 0;
        mkdir(path, 0777);
        *slash = '/';
    }
}

/* Golden DIR in a folder with the same names, of which FILE is one's own; OPEN below DIR, or "". */
static struct original copy_of(const char *dir, const char *file, const char *open)
{
    struct original o = {.dir = xasprintf("%s/%s", test_folder, dir)};
    char *from = golden_path(dir), *golden = xasprintf("%s/%s", dir, file);
    o.file = xasprintf("%s/%s", o.dir, file);
    o.open = *open ? xasprintf("%s/%s", o.dir, open) : xstrdup(o.dir);
    o.p = (uint8_t *)golden_read(golden, &o.n);
    make_folders(o.file);
    char *command = xasprintf("cp -r '%s'/. '%s'/", from, o.dir);
    assert_int_equal(system(command), 0);
    free(command);
    free(golden);
    free(from);
    return o;
}

/* A file of this text in a folder of its own. */
static struct original text_of(const char *dir, const char *file, const char *open,
                               const char *text)
{
    struct original o = {.dir = xasprintf("%s/%s", test_folder, dir),
                         .p = (uint8_t *)xstrdup(text),
                         .n = strlen(text)};
    o.file = xasprintf("%s/%s", o.dir, file);
    o.open = *open ? xasprintf("%s/%s", o.dir, open) : xstrdup(o.dir);
    make_folders(o.file);
    return o;
}

static void release(struct original *o, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(o[i].dir);
        free(o[i].file);
        free(o[i].open);
        free(o[i].p);
    }
}

/* As many changed ones, in turn of each original, of its bytes and of what it says. */
static void changed(const char *format, struct original *o, size_t n, bool is_json,
                    bool (*open)(const char *path, struct error *e))
{
    for (size_t i = 0; i < n; i++) {
        struct error e = {0};
        put(o[i].file, o[i].p, o[i].n);
        if (!open(o[i].open, &e))
            fail_msg("%s: %s", format, e.text);
    }
    for (uint64_t seed = 0; seed < how_many(); seed++) {
        const struct original *of = &o[seed / 2 % n];
        struct mutated m = seed % 2 || !is_json ? mutate_bytes(of->p, of->n, seed)
                                                : mutate_json(of->p, of->n, seed);
        struct error e = {0};
        put(of->file, m.p, m.n);
        free(m.p);
        judge(format, seed, open(of->open, &e), &e, of->dir);
    }
    told(format);
    release(o, n);
}
static void test_models(void **state)
{
    (void)state;
    struct original config[N_HASH_ARCHS];
    for (int i = 0; i < N_HASH_ARCHS; i++)
        config[i] = text_of(hash_archs[i].name, "config.json", "", hash_archs[i].config);
    changed("config.json", config, N_HASH_ARCHS, true, open_config);
    struct original tokenizer[] = {copy_of("text", "tokenizer.json", "tokenizer.json")};
    changed("tokenizer.json", tokenizer, 1, true, open_tokenizer);
    struct original index[] = {copy_of("model/bin-shards", "pytorch_model.bin.index.json", "")};
    changed("index.json", index, 1, true, open_tensors);
}

/* What the trainers write beside the weights. */
static void test_saes(void **state)
{
    (void)state;
    struct error e = {0};
    device = cpu_backend_new(1, &e);
    assert_non_null(device);
#define F "dict/formats/"
    struct original saelens[] = {
        copy_of(F "saelens/topk", "cfg.json", ""),
        copy_of(F "saelens/gated", "cfg.json", ""),
        copy_of(F "saelens/old-standard", "cfg.json", ""),
        copy_of(F "saelens/jumprelu-skip-transcoder", "cfg.json", ""),
        copy_of(F "saelens/matryoshka-checkpoint", "cfg.json", ""),
        copy_of(F "saelens/scaled-checkpoint", "activation_scaler.json", "")};
    changed("cfg.json of sae-lens", saelens, 6, true, open_dict);
    struct original sparsify[] = {copy_of(F "sparsify/groupmax/embed_in", "cfg.json", ""),
                                  copy_of(F "sparsify/skip/layers.1", "cfg.json", ""),
                                  copy_of(F "sparsify/transcode/layers.2.mlp", "cfg.json", "")};
    changed("cfg.json of sparsify", sparsify, 3, true, open_dict);
    struct original learning[] = {
        copy_of(F "dictionary_learning/topk", "config.json", "ae.pt"),
        copy_of(F "dictionary_learning/gated", "config.json", "ae.pt"),
        copy_of(F "dictionary_learning/matryoshka", "config.json", "ae.pt")};
    changed("config.json of dictionary_learning", learning, 3, true, open_dict);
    struct original gemma[] = {
        copy_of(F "gemma/gemma-scope-2/layer_5_width_16k", "config.json", ""),
        copy_of(F "gemma/gemma-scope-2/transcoder/layer_5_width_16k", "config.json", "")};
    changed("config.json of Gemma Scope 2", gemma, 2, true, open_dict);
    struct original llama[] = {copy_of(F "llama/Llama3_1-8B-Base-L3R-8x", "hyperparams.json", "")};
    changed("hyperparams.json of Llama Scope", llama, 1, true, open_dict);
    struct original llama_later[] = {
        copy_of(F "llama/800M-Slimpajama-0-OpenR1-Math-220k/L3R", "config.json", "")};
    changed("config.json of Llama Scope", llama_later, 1, true, open_dict);
    struct original z[] = {
        copy_of(F "heindrich", "gpt2-small_L2_Hcat_z_v4_cfg.json", "gpt2-small_L2_Hcat_z_v4.pt")};
    changed("NAME_cfg.json", z, 1, true, open_dict);
#undef F
    struct original authors[] = {
        copy_of("dict/topk4", "gpt_neox.layers.1.mlp.act.json", "gpt_neox.layers.1.mlp.act.pt")};
    changed("JSON of the Danish paper", authors, 1, true, open_dict);
    device->free(device);
}

/* glimt's own SAE, whose facts stand in its head. */
static void test_glimt_sae(void **state)
{
    (void)state;
    static const char *const facts[] = {"format",
                                        "glimt-sae",
                                        "version",
                                        "1",
                                        "hook",
                                        "layers.1.mlp.act",
                                        "select",
                                        "topk",
                                        "k",
                                        "2",
                                        "relu",
                                        "before",
                                        "norm",
                                        "none",
                                        "centre",
                                        "true",
                                        "norm_rescale",
                                        "false",
                                        "skip",
                                        "false",
                                        "prepend_bos",
                                        "true",
                                        NULL};
    float w[24];
    for (int i = 0; i < 24; i++)
        w[i] = (float)(i % 5) - 2;
    const struct tensor_out t[] = {{"encoder.weight", DTYPE_F32, 2, {6, 4}, w},
                                   {"encoder.bias", DTYPE_F32, 1, {6}, w},
                                   {"W_dec", DTYPE_F32, 2, {6, 4}, w},
                                   {"b_dec", DTYPE_F32, 1, {4}, w}};
    struct error e = {0};
    struct original o = text_of("own", "sae.safetensors", "sae.safetensors", "");
    assert_true(tensors_save_safetensors(o.file, t, 4, facts, &e));
    free(o.p);
    char *whole = NULL;
    assert_true(file_read(o.file, 1 << 20, &whole, &o.n, &e));
    o.p = (uint8_t *)whole;
    device = cpu_backend_new(1, &e);
    changed("glimt-sae", &o, 1, false, open_dict);
    device->free(device);
}

static void test_bundles(void **state)
{
    (void)state;
    static const float zero[8];
    const struct tensor_out t[] = {{"fire_share", DTYPE_F32, 2, {2, 4}, zero},
                                   {"mean_pre", DTYPE_F32, 2, {2, 4}, zero},
                                   {"pre_median", DTYPE_F32, 1, {4}, zero},
                                   {"abs_pre_p99", DTYPE_F32, 1, {4}, zero}};
    struct error e = {0};
    struct original o = text_of(
        "bundle", "b.glimt", "b.glimt",
        "{\"glimt_bundle\":1,\"title\":\"T\",\"model\":\"model\",\"sae\":\"sae.safetensors\","
        "\"hook\":\"layers.3.mlp.act\",\"classes\":[{\"name\":\"da\",\"label\":\"Danish\","
        "\"reference\":\"r.txt\"},{\"name\":\"en\",\"reference\":\"r.txt\"}],\"chosen\":[1,0],"
        "\"statistics\":\"s.safetensors\",\"theme\":\"dark\",\"sha256\":{\"r.txt\":"
        "\"e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855\"}}");
    char *statistics = xasprintf("%s/s.safetensors", o.dir);
    assert_true(tensors_save_safetensors(statistics, t, 4, NULL, &e));
    free(statistics);
    free(testdata_write(o.dir, "r.txt", "to\nord\n", 7));
    changed("bundle", &o, 1, true, open_bundle);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_tensors), cmocka_unit_test(test_models),
        cmocka_unit_test(test_saes),    cmocka_unit_test(test_glimt_sae),
        cmocka_unit_test(test_bundles),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
