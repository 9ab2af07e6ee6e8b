/* How soon a large model with an SAE is there, and with how much memory: opened by a new process
 * each time, from files that are in the page cache already.
 *
 * bench_open [tiny|70m|160m|410m|1.4b [FOLDER [DEVICE|none]]] (default 160m; 1.4b needs 12 GB of
 * disk; none: the files are made, and shape.glimt with the demo's reference texts, for bench_live):
 * shapes of Pythia, f16, in random weights, with an SAE on mlp.act, f32. FOLDER keeps the files,
 * and takes them where they lie already; without it they are made in $TMPDIR and removed. Per
 * opening: until all is open, until the first sentence has its colours, a key at its end after that
 * (median of 20), the peak of resident memory, the part of it that is no mapped file, and what the
 * peak may be: 1.15 times what is packed (the weights of products, in their dtype), and 64 MiB. */
#include "engine/base/memory.h"
#include "engine/formats/mapping.h"
#include "engine/formats/packs.h"
#include "engine/session/session.h"
#include "tests/support/hash_weights.h"
#include "tui/lab/content.h"
#include "tui/workbench.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define KEYS 20
#define SENTENCE "Rådet skal nu formelt godkende Parlamentets holdning"

struct shape {
    const char *name;
    int32_t n_layers, d_model, n_heads, latents;
    const char *hook;
};
static const struct shape shapes[] = {
    {"tiny", 2, 64, 4, 256, "layers.0.mlp.act"},
    {"70m", 6, 512, 8, 16384, "layers.3.mlp.act"},
    {"160m", 12, 768, 12, 16384, "layers.6.mlp.act"},
    {"410m", 24, 1024, 16, 32768, "layers.6.mlp.act"},
    {"1.4b", 24, 2048, 16, 65536, "layers.6.mlp.act"},
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* ---- the files */
static void copy_file(const char *from, const char *dir, const char *name)
{
    struct mapping m;
    struct error e = {0};
    char *to = xasprintf("%s/%s", dir, name);
    if (!mapping_open(&m, from, &e) || !file_write(to, m.p, m.n, &e))
        panic("%s", e.text);
    mapping_close(&m);
    free(to);
}

static void write_bundle(const char *dir, const struct shape *s)
{
    struct error e = {0};
    char *to = xasprintf("%s/shape.glimt", dir),
         *text = xasprintf(
             "{\"glimt_bundle\":1,\"title\":\"pythia-%s\",\"model\":\"model\","
             "\"sae\":\"sae.safetensors\",\"hook\":\"%s\",\"classes\":["
             "{\"name\":\"da\",\"label\":\"Danish\",\"reference\":\"reference-da.txt\"},"
             "{\"name\":\"en\",\"label\":\"English\",\"reference\":\"reference-en.txt\"}],"
             "\"chosen\":[1,20,33,104,150,201]}\n",
             s->name, s->hook);
    copy_file("store/demo/reference-da.txt", dir, "reference-da.txt");
    copy_file("store/demo/reference-en.txt", dir, "reference-en.txt");
    if (!file_write(to, text, strlen(text), &e))
        panic("%s", e.text);
    free(text);
    free(to);
}

static void write_sae(const char *path, const struct shape *s)
{
    const int64_t n = 4 * s->d_model, m = s->latents;
    const struct hash_tensor t[] = {
        {"encoder.weight", NULL, HASH_UNIFORM, 4, 2, {m, n}, DTYPE_F32, NULL},
        {"encoder.bias", NULL, HASH_UNIFORM, 3, 1, {m}, DTYPE_F32, NULL},
        {"W_dec", NULL, HASH_UNIFORM, 4, 2, {m, n}, DTYPE_F32, NULL},
        {"b_dec", NULL, HASH_UNIFORM, 3, 1, {n}, DTYPE_F32, NULL},
    };
    hash_file_write(path, t, 4,
                    (const char *const[]){
                        "format", "glimt-sae", "version",      "1",     "hook",  s->hook, "k",
                        "32",     "select",    "topk",         "relu",  "never", "norm",  "none",
                        "centre", "true",      "norm_rescale", "false", "skip",  "false", NULL});
}

static void write_files(const char *dir, const struct shape *s)
{
    char *model = xasprintf("%s/model", dir), *sae = xasprintf("%s/sae.safetensors", dir);
    const struct hash_model m = {.name = s->name,
                                 .n_layers = s->n_layers,
                                 .d_model = s->d_model,
                                 .d_mlp = 4 * s->d_model,
                                 .n_heads = s->n_heads,
                                 .n_vocab = 50304,
                                 .n_ctx = 2048,
                                 .rotary_pct = 0.25,
                                 .type = DTYPE_F16,
                                 .exponent = 4};
    if (mkdir(model, 0700) == 0) {
        hash_model_write(model, &m);
        copy_file("store/demo/model/tokenizer.json", model, "tokenizer.json");
        write_sae(sae, s);
        write_bundle(dir, s);
    }
    free(sae);
    free(model);
}

/* ---- one opening */
struct opening {
    double open, colours, key, peak, own, packed; /* s, s, s, bytes, bytes, bytes */
};

static double bound(double packed)
{
    return 1.15 * packed + 64.0 * 1024 * 1024;
}

static double status_bytes(const char *what)
{
    char line[256];
    double kb = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (strncmp(line, what, strlen(what)) == 0)
            kb = strtod(line + strlen(what), NULL);
    if (f)
        fclose(f);
    return kb * 1024;
}

static void colour(struct session *s, const char *text, size_t n)
{
    static uint64_t generation;
    const struct wish w = {
        .generation = ++generation, .text = text, .n_text = n, .watch = UNIT_NONE, .cursor = n};
    session_set(s, &w);
    while (session_step(s, NULL) != STAGE_IDLE)
        ;
}

static int by_value(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double keys(struct session *s)
{
    double t[KEYS];
    char text[sizeof SENTENCE + KEYS];
    memcpy(text, SENTENCE, sizeof SENTENCE);
    for (size_t i = 0; i < KEYS; i++) {
        text[sizeof SENTENCE - 1 + i] = "abcdefgh"[i % 8];
        const double start = now();
        colour(s, text, sizeof SENTENCE + i);
        t[i] = now() - start;
    }
    qsort(t, KEYS, sizeof *t, by_value);
    return t[KEYS / 2];
}

static struct opening open_once(const char *dir, const char *cache, const char *device)
{
    char *model = xasprintf("%s/model", dir), *sae = xasprintf("%s/sae.safetensors", dir);
    struct options o;
    struct workbench *wb;
    struct error e = {0};
    struct opening r;
    options_init(&o);
    o.model = model, o.sae = sae, o.cache = cache, o.device = device;
    const double start = now();
    if (!workbench_open(&o, NULL, NULL, &wb, &e))
        panic("%s", e.text);
    r.open = now() - start;
    struct session *s =
        session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at, NULL, 0, &e);
    if (!s)
        panic("%s", e.text);
    colour(s, SENTENCE, sizeof SENTENCE - 1);
    r.colours = now() - start;
    r.key = keys(s);
    r.peak = status_bytes("VmHWM:");
    r.own = status_bytes("RssAnon:");
    r.packed = (double)(model_bytes(wb->model) + dict_bytes(wb->dicts.place[0].dict));
    if (wb->packs) /* the next one finds all */
        packs_wait(wb->packs);
    session_free(s);
    workbench_free(wb);
    free(sae);
    free(model);
    return r;
}

static void in_a_process(const char *what, const char *dir, const char *cache, const char *device)
{
    struct opening r;
    int to[2], status = 1;
    if (pipe(to) != 0)
        panic("no pipe");
    const pid_t child = fork();
    if (child == 0) {
        r = open_once(dir, cache, device);
        _exit(write(to[1], &r, sizeof r) == sizeof r ? 0 : 1);
    }
    close(to[1]);
    const bool ok = read(to[0], &r, sizeof r) == sizeof r;
    close(to[0]);
    if (waitpid(child, &status, 0) < 0 || status != 0 || !ok)
        panic("bench_open: %s failed", what);
    printf("%-20s %7.2f s %7.2f s %7.1f ms %7.2f GB %7.2f GB %7.2f GB %7.2f GB%s\n", what, r.open,
           r.colours, 1e3 * r.key, 1e-9 * r.peak, 1e-9 * r.own, 1e-9 * r.packed,
           1e-9 * bound(r.packed), r.peak > bound(r.packed) ? " exceeded" : "");
    fflush(stdout);
}

static void hash_once(const char *what, const char *dir, const char *cache)
{
    char *model = xasprintf("%s/model", dir), *sae = xasprintf("%s/sae.safetensors", dir);
    struct hash_memory memory = {.dir = xstrdup(cache)};
    struct sha256 h[2];
    struct error e = {0};
    const double start = now();
    if (!weights_hash((const char *const[]){model, sae}, 2, &memory, NULL, h, &e))
        panic("%s", e.text);
    printf("%-20s %7.2f s\n", what, now() - start);
    hash_memory_close(&memory);
    free(sae);
    free(model);
}

static void remove_all(const char *dir)
{
    char *line = xasprintf("rm -rf '%s'", dir);
    if (system(line) != 0)
        fprintf(stderr, "bench_open: %s is left behind\n", dir);
    free(line);
}

int main(int argc, char **argv)
{
    const struct shape *s = &shapes[2];
    char own[64] = "";
    for (size_t i = 0; argc > 1 && i < sizeof shapes / sizeof *shapes; i++)
        if (strcmp(argv[1], shapes[i].name) == 0)
            s = &shapes[i];
    if (access("store/demo/model/tokenizer.json", R_OK) != 0) {
        printf("skipped: store/demo/model is not there\n");
        return 0;
    }
    if (argc <= 2)
        test_dir_new(own);
    const char *dir = argc > 2 ? argv[2] : own, *device = argc > 3 ? argv[3] : NULL;
    char *cache = xasprintf("%s/cache", dir);
    mkdir(dir, 0700);
    remove_all(cache);
    write_files(dir, s);
    if (device && strcmp(device, "none") == 0) {
        free(cache);
        return 0;
    }
    printf("pythia-%s, f16, SAE %d x %d f32\n%-20s %9s %9s %10s %10s %10s %10s %10s\n", s->name,
           4 * s->d_model, s->latents, "", "open", "colours", "a key", "peak", "its own", "packed",
           "bound");
    in_a_process("without a cache", dir, "none", device);
    in_a_process("hashed and kept", dir, cache, device);
    in_a_process("from what is kept", dir, cache, device);
    in_a_process("once more", dir, cache, device);
    hash_once("hashes", dir, cache);
    hash_once("hashes, once more", dir, cache);
    remove_all(argc > 2 ? cache : dir);
    free(cache);
    return 0;
}
