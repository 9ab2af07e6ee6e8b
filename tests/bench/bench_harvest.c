/* Tokens a second of a harvest, beside what the arithmetic allows.
 *
 * bench_harvest [BUNDLE [DEVICE [rows]]] (default store/demo/demo.glimt; rows, $BENCH_QUICK: as in
 * bench_live): its reference texts repeated to about 20,000 tokens. The floor of a token is the
 * larger of: the multiply-adds of the products up to the hook and of the SAE's encoder at the rate
 * of this machine's best product (the encoder at 256 rows, measured here), and the bytes of those
 * weights, read once a sub-batch, at the rate at which this machine reads that many bytes again and
 * again (measured here). */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/device.h"
#include "engine/study/harvest.h"
#include "tests/support/counting.h"
#include "tests/support/machine.h"
#include "tui/workbench.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { ROWS = 256 /* of a product at a time */, MOST = 5 };
#define TOKENS (quick() ? 500 : 20000)
#define REPEATS (quick() ? 1 : MOST)

static bool tabs; /* a row for programs, too */
static bool quick(void)
{
    return getenv("BENCH_QUICK") != NULL;
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Multiply-adds a token of all products up to the hook (attention's own left out) and of the
 * encoder. */
static double weights_of(const struct workbench *wb)
{
    const struct model_config *c = model_config(wb->model);
    double d = c->d_model, f = c->d_mlp, n = 0;
    n += (4 * d * d + 2 * d * f) * (wb->at.layer > 0 ? wb->at.layer : 0);
    n += wb->at.site >= SITE_ATTN_OUT && wb->at.layer >= 0 ? 4 * d * d : 0;
    n += wb->at.site >= SITE_MLP_PRE && wb->at.layer >= 0 ? d * f : 0;
    n += wb->at.site >= SITE_MLP_OUT && wb->at.layer >= 0 ? d * f : 0;
    if (wb->dict && !dict_spec(wb->dict)->identity)
        n += (double)dict_spec(wb->dict)->n * dict_spec(wb->dict)->m;
    return n;
}

/* ---- the corpus */
static struct corpus *repeated(const struct workbench *wb)
{
    struct corpus_list list[CORPUS_MAX_CLASSES];
    struct corpus *c = NULL;
    struct error e = {0};
    size_t n_tokens = 0;
    for (int32_t i = 0; i < wb->n_sets; i++)
        for (int32_t k = 0; k < wb->set[i].n; k++) {
            struct token *t = NULL;
            size_t n = 0, cap = 0;
            const char *s = wb->set[i].sentence[k];
            tokenizer_encode(wb->tokenizer, s, strlen(s), false, &t, &n, &cap);
            n_tokens += n;
            free(t);
        }
    int32_t times = (int32_t)(TOKENS / (n_tokens + 1)) + 1;
    for (int32_t i = 0; i < wb->n_sets; i++) {
        const char **text = xcalloc((size_t)wb->set[i].n * (size_t)times, sizeof *text);
        for (int32_t k = 0; k < wb->set[i].n * times; k++)
            text[k] = wb->set[i].sentence[k % wb->set[i].n];
        list[i] = (struct corpus_list){wb->set[i].name, text, (int64_t)wb->set[i].n * times};
    }
    if (!corpus_from_lists("references", list, wb->n_sets, false, 0, CORPUS_ALL, &c, &e)) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    for (int32_t i = 0; i < wb->n_sets; i++)
        free((void *)(uintptr_t)list[i].text);
    return c;
}

/* ---- the dense statistics alone, on as many tokens */
static double dense_seconds(struct queue *q, int32_t m, int32_t n_classes, int64_t tokens)
{
    struct run run = {.queue = q, .arena = arena_new(q)};
    int32_t cls[ROWS];
    float *v = xreallocarray(NULL, (size_t)ROWS * (size_t)m, sizeof *v);
    double t, best = 1e30;
    for (int32_t r = 0; r < ROWS; r++)
        cls[r] = r * n_classes / ROWS;
    for (size_t i = 0; i < (size_t)ROWS * (size_t)m; i++)
        v[i] = (float)((double)(rng_at(1, i) >> 11) * 0x1p-53 - 0.5);
    struct hist h = run_hist(&run, m, n_classes);
    struct tensor pre = run_put(&run, ROWS, m, v), of = run_put_ids(&run, ROWS, 1, cls);
    op_hist_clear(&run, &h);
    for (int i = 0; i < REPEATS && run_ok(&run); i++) {
        t = now();
        op_hist(&run, &h, pre, of);
        device_sync(q);
        t = now() - t;
        best = t < best ? t : best;
    }
    arena_free(run.arena);
    free(v);
    return best / ROWS * (double)tokens;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void bench(struct workbench *wb)
{
    struct corpus *c = repeated(wb);
    struct study_in in = {.queue = wb->jobs,
                          .model = wb->model,
                          .tokenizer = wb->tokenizer,
                          .dict = wb->dict,
                          .at = wb->at,
                          .corpus = c};
    struct params params;
    struct error e = {0};
    double seconds[MOST];
    int64_t tokens = 0;
    params_init(&params, harvest_study.params);
    counting_install(wb->backend);
    struct counted crossed = {0};
    int32_t m = dict_spec(wb->dict)->m;
    for (int i = 0; i < REPEATS; i++) {
        struct study *s = NULL;
        double t = now();
        if (!harvest_study.open(&in, &params, &s, &e) ||
            !study_run(&harvest_study, s, wb->jobs, 0, NULL, &e)) {
            fprintf(stderr, "%s\n", e.text);
            exit(1);
        }
        seconds[i] = now() - t;
        crossed = counting_take();
        tokens = 0;
        for (int32_t k = 0; k < c->n_classes; k++)
            tokens += harvest_class(s, k)->tokens;
        harvest_study.free(s);
    }
    qsort(seconds, (size_t)REPEATS, sizeof *seconds, compare);
    double n = weights_of(wb), dense = dense_seconds(wb->jobs, m, c->n_classes, tokens);
    double rate = machine_product_rate(wb->backend, m, dict_spec(wb->dict)->n);
    double bytes = (double)dtype_size(model_file_dtype(wb->model)) * n;
    double memory = machine_memory_rate(wb->backend, (size_t)bytes);
    double took = seconds[REPEATS / 2];
    double by_flops = 2 * n / rate, by_bytes = bytes / memory / ROWS;
    double floor_s = by_flops > by_bytes ? by_flops : by_bytes;
    printf("%s on %s: product %.1f GFLOP/s, memory %.1f GB/s\n", wb->model_name,
           wb->backend->caps.device, rate * 1e-9, memory * 1e-9);
    printf("%lld tokens, %d latents, %.2f MFLOP a token up to the hook and through the encoder\n",
           (long long)tokens, m, 2e-6 * n);
    printf("%-36s %12s %12s\n", "", "tokens/s", "us a token");
    printf("%-36s %12.0f %12.2f\n", "harvest", (double)tokens / took, took / (double)tokens * 1e6);
    printf("%-36s %12.0f %12.0f bytes to the device and from it a token\n", "   crossing",
           (double)crossed.put / (double)tokens, (double)crossed.got / (double)tokens);
    printf("%-36s %12.0f %12.2f\n", "floor of the products", 1 / floor_s, floor_s * 1e6);
    printf("%-36s %12.0f %12.2f  (%.0f %% of the harvest)\n", "dense statistics alone",
           (double)tokens / dense, dense / (double)tokens * 1e6, 100 * dense / took);
    if (tabs)
        printf("row\tharvest, us a token\t%.4f\t%.4f\t%.4f\n", took / (double)tokens * 1e6,
               seconds[REPEATS - 1] / (double)tokens * 1e6, floor_s * 1e6);
    corpus_free(c);
}

int main(int argc, char **argv)
{
    const char *bundle = argc > 1 ? argv[1] : "store/demo/demo.glimt";
    struct options o = {.bundle = bundle, .device = argc > 2 ? argv[2] : NULL};
    struct workbench *wb = NULL;
    struct error e = {0};
    tabs = argc > 3 && strcmp(argv[3], "rows") == 0;
    if (tabs && o.device && strncmp(o.device, "cuda", 4) == 0)
        o.dtype = "f16"; /* as PyTorch beside it */
    if (access(bundle, R_OK) != 0) {
        printf("skipped: %s is not there\n", bundle);
        return 0;
    }
    if (!workbench_open(&o, NULL, NULL, &wb, &e) || wb->n_sets == 0 || !wb->dict) {
        fprintf(stderr, "%s\n",
                error_is_set(&e) ? e.text : "the bundle has no reference sentences or no SAE");
        return 1;
    }
    bench(wb);
    workbench_free(wb);
    return 0;
}
