/* How long a keypress and a slider take on the live path, beside what the arithmetic allows.
 *
 * bench_live [BUNDLE [DEVICE [rows]]] (default store/demo/demo.glimt; rows: fewer, for
 * tests/gpu/run.sh, each also as row<TAB>NAME<TAB>p50<TAB>p95<TAB>floor; $BENCH_QUICK: to see that
 * it runs). The floor of a row of the table is the larger of: the multiply-adds of the rows that
 * were computed at the rate of this machine's best product (the SAE's encoder at 256 rows, measured
 * here), and the bytes of the weights that they need at the rate at which this machine reads that
 * many bytes again and again (measured here). */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "tests/support/counting.h"
#include "tests/support/machine.h"
#include "tui/workbench.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 41, OPENS = 7 };
enum { FEWEST = 3, LONG_MS = 6000 };
static bool quick(void)
{
    return getenv("BENCH_QUICK") != NULL;
}

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

/* A row of a model of billions is measured a few times. */
static bool again(int done, double since)
{
    return done < FEWEST || (!quick() && done < MOST && now_ms() - since < LONG_MS);
}

static struct { /* rows since the last reset */
    double front, back, unembedded;
    int last_layer;
    void (*attn)(struct queue *, struct tensor, struct tensor, struct tensor, struct tensor,
                 const struct attn_shape *, int32_t, const struct seqs *);
    void (*xent)(struct queue *, struct tensor, struct tensor, const struct weight *, struct tensor,
                 float);
} rows;

static void counting_attn(struct queue *q, struct tensor y, struct tensor Q, struct tensor K,
                          struct tensor V, const struct attn_shape *shape, int32_t layer,
                          const struct seqs *s)
{
    rows.front += layer == 0 ? Q.rows : 0;
    rows.back += layer == rows.last_layer ? Q.rows : 0;
    rows.attn(q, y, Q, K, V, shape, layer, s);
}

static void counting_xent(struct queue *q, struct tensor loss, struct tensor h,
                          const struct weight *u, struct tensor target, float soft_cap)
{
    rows.unembedded += h.rows;
    rows.xent(q, loss, h, u, target, soft_cap);
}

/* ---- what a row costs */
struct cost {
    double front, back, unembed;                   /* floating-point operations a row */
    double front_bytes, back_bytes, unembed_bytes; /* of weights, as they are stored */
    double flops, bandwidth;                       /* a millisecond */
};

/* Bytes of a number of the encoder that must be read: in the SAE's file, which is hardly more than
 * encoder and decoder, or the half that says which latents are the largest. */
static double sae_width(const struct dict *sae)
{
    if (dict_encodes_largest(sae))
        return 2;
    const struct dict_spec *d = dict_spec(sae);
    struct stat st;
    if (stat(dict_path(sae), &st) != 0)
        return 4;
    return round((double)st.st_size / ((double)d->m * (d->n + d->n_out)));
}

static struct cost cost_of(const struct workbench *wb)
{
    const struct model_config *c = model_config(wb->model);
    const struct dict_spec *s = wb->dict ? dict_spec(wb->dict) : NULL;
    const bool sae = s && !s->identity;
    double d = c->d_model, f = c->d_mlp, layer = 4 * d * d + 2 * d * f;
    double width = (double)dtype_size(model_file_dtype(wb->model));
    double model = (wb->at.layer + 1) * layer + (sae ? d * f : 0);
    double encoder = sae ? (double)s->n * s->m : 0;
    double back = (c->n_layers - 1 - wb->at.layer) * layer, unembed = d * c->n_vocab;
    return (struct cost){.front = 2 * (model + encoder),
                         .back = 2 * back,
                         .unembed = 2 * unembed,
                         .front_bytes = width * model + (sae ? sae_width(wb->dict) * encoder : 0),
                         .back_bytes = width * back,
                         .unembed_bytes = width * unembed};
}

static double floor_of(const struct cost *k, double front, double back, double unembed)
{
    double flops = front * k->front + back * k->back + unembed * k->unembed;
    double bytes = (front > 0 ? k->front_bytes : 0) + (back > 0 ? k->back_bytes : 0) +
                   (unembed > 0 ? k->unembed_bytes : 0);
    return fmax(flops / k->flops, bytes / k->bandwidth);
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return x < y ? -1 : x > y;
}

static bool tabs; /* rows for programs, too */

static void report(const char *name, double *ms, int n, double least)
{
    qsort(ms, (size_t)n, sizeof *ms, by_value);
    double p50 = ms[n / 2], p95 = ms[(n * 95 + 99) / 100 - 1];
    printf("%-52s %9.2f %9.2f %9.2f", name, p50, p95, least);
    if (least > 0)
        printf(" %7.1f x", p50 / least);
    printf("\n");
    if (tabs)
        printf("row\t%s\t%.4f\t%.4f\t%.4f\n", name, p50, p95, least);
    fflush(stdout);
}

/* ---- measurements */
struct bench {
    struct workbench *wb;
    struct session *s;
    struct cost cost;
    struct wish wish;
    char *text;
    size_t n_text;
};

static struct session *new_session(struct workbench *wb)
{
    struct error e = {0};
    struct session *s = session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at,
                                    wb->set, wb->n_sets, &e);
    if (!s) {
        fprintf(stderr, "%s\n", e.text);
        exit(1);
    }
    return s;
}

/* About n tokens of the reference sentences, in one line or each in its own. */
static void make_text(struct bench *b, int32_t n, bool lines)
{
    struct token *token = NULL;
    size_t count = 0, cap = 0, at = 0;
    b->text = xrealloc(b->text, 1 << 16);
    for (int32_t i = 0; (int32_t)count < n && at < 60000; i++) {
        const struct reference_set *set = &b->wb->set[i % b->wb->n_sets];
        at += (size_t)snprintf(b->text + at, 4096, "%s%c",
                               set->sentence[i / b->wb->n_sets % set->n], lines ? '\n' : ' ');
        count = 0;
        tokenizer_encode(b->wb->tokenizer, b->text, at, false, &token, &count, &cap);
    }
    b->n_text = (size_t)token[n - 1].end;
    while (b->n_text < at && ((unsigned char)b->text[b->n_text] & 0xc0) == 0x80)
        b->n_text++;
    free(token);
}

static void post(struct bench *b)
{
    b->wish.text = b->text;
    b->wish.n_text = b->n_text;
    b->wish.generation++;
    session_set(b->s, &b->wish);
}

static void to_idle(struct bench *b)
{
    while (session_step(b->s, NULL) != STAGE_IDLE)
        continue;
}

/* Steps until the part that `done` looks at is complete; the snapshots are part of what is
 * measured. */
static double until(struct bench *b, double start, bool (*done)(const struct snapshot *))
{
    for (;;) {
        enum stage stage = session_step(b->s, NULL);
        if (stage != STAGE_IDLE && !session_should_publish(b->s))
            continue;
        struct snapshot *p = session_snapshot(b->s);
        bool yes = done(p);
        snapshot_unref(p);
        if (yes || stage == STAGE_IDLE)
            return now_ms() - start;
    }
}

static bool latents_done(const struct snapshot *p)
{
    return p->latents.valid;
}
static bool losses_done(const struct snapshot *p)
{
    return p->loss.valid;
}
static bool look_done(const struct snapshot *p)
{
    return p->n_refsets == 0 ||
           (p->refset[0].n >= 1 && p->refset[0].key == p->lane_key[LANE_FIXED]);
}
static bool refsets_done(const struct snapshot *p)
{
    return p->refsets.valid;
}

static void reset_rows(void)
{
    rows.front = rows.back = rows.unembedded = 0;
}

/* What crossed between host and device since the last take. */
static void report_crossing(const char *name, int n)
{
    const struct counted c = counting_take();
    printf("%-52s %9.0f %9.0f %9.1f\n", name, (double)c.put / n, (double)c.got / n,
           (double)c.allocs / n);
}

/* pause_ms: nothing happens for so long before each key, as between the keys of a person: threads
 * sleep, and cores have forgotten them. */
static void keypresses(struct bench *b, int32_t n, bool at_end, int pause_ms)
{
    double first[MOST], second[MOST], front = 0, back = 0, unembed = 0;
    char name[80], place[48];
    snprintf(place, sizeof place, "%s of %d tokens%s", at_end ? "end" : "middle", n,
             pause_ms > 0 ? ", after a pause" : "");
    make_text(b, n, false);
    size_t at = at_end ? b->n_text : b->n_text / 2;
    while (at < b->n_text && ((unsigned char)b->text[at] & 0xc0) == 0x80)
        at++;
    b->wish.cursor = at;
    b->wish.refsets = false;
    post(b);
    to_idle(b);
    const double since = now_ms();
    int done = 0;
    for (int i = -4; again(i, since); i++) { /* the first ones warm up */
        if (i & 1) {
            memmove(b->text + at, b->text + at + 1, b->n_text - at - 1);
            b->n_text--;
        } else {
            memmove(b->text + at + 1, b->text + at, b->n_text - at);
            b->text[at] = (char)('a' + (i + 4) % 26);
            b->n_text++;
        }
        reset_rows();
        if (i == 0)
            counting_take();
        usleep((useconds_t)pause_ms * 1000);
        double t = now_ms();
        post(b);
        double one = until(b, t, latents_done), two = until(b, t, losses_done);
        to_idle(b);
        if (i < 0)
            continue;
        first[i] = one, second[i] = two, done = i + 1;
        front += rows.front, back += rows.back, unembed += rows.unembedded;
    }
    snprintf(name, sizeof name, "key at the %s -> colours", place);
    report(name, first, done, floor_of(&b->cost, front / done, 0, 0));
    snprintf(name, sizeof name, "key at the %s -> losses", place);
    report(name, second, done, floor_of(&b->cost, front / done, back / done, unembed / done));
    report_crossing("   bytes to the device, from it; allocations", done);
}

static void sliders(struct bench *b, int32_t n, bool lines)
{
    double text[MOST], look[MOST], all[MOST], back = 0, unembed = 0, back_text = 0,
                                              unembed_text = 0;
    double back_look = 0, unembed_look = 0;
    char name[80];
    make_text(b, n, lines);
    b->wish.cursor = b->n_text;
    b->wish.refsets = !tabs;
    post(b);
    to_idle(b);
    counting_take();
    const double since = now_ms();
    int done = 0;
    for (; again(done, since); done++) {
        for (int32_t j = 0; j < b->wish.n_units; j++)
            b->wish.unit[j] =
                (struct chosen_unit){b->wish.unit[j].id, true, (float)(done + 1) / 10};
        reset_rows();
        double t = now_ms();
        post(b);
        text[done] = until(b, t, losses_done);
        back_text += rows.back, unembed_text += rows.unembedded;
        look[done] = until(b, t, look_done);
        back_look += rows.back, unembed_look += rows.unembedded;
        all[done] = until(b, t, refsets_done);
        back += rows.back, unembed += rows.unembedded;
    }
    snprintf(name, sizeof name, "slider -> losses of %d tokens%s", n, lines ? " in lines" : "");
    report(name, text, done, floor_of(&b->cost, 0, back_text / done, unembed_text / done));
    if (tabs)
        return;
    report("slider -> first look at the references", look, done,
           floor_of(&b->cost, 0, back_look / done, unembed_look / done));
    report("slider -> all references", all, done,
           floor_of(&b->cost, 0, back / done, unembed / done));
    report_crossing("   bytes to the device, from it; allocations", done);
}

static void cold_opens(const char *bundle, const char *device, const char *sentence)
{
    double ms[OPENS];
    for (int i = 0; i < OPENS; i++) {
        struct options o = {.bundle = bundle, .device = device};
        struct error e = {0};
        struct bench b = {
            .wish = {.insert = insertion_of(INSERT_SAE), .watch = UNIT_NONE, .losses = true}};
        double t = now_ms();
        if (!workbench_open(&o, NULL, NULL, &b.wb, &e)) {
            fprintf(stderr, "%s\n", e.text);
            exit(1);
        }
        b.s = new_session(b.wb);
        b.text = xstrdup(sentence);
        b.n_text = strlen(sentence);
        post(&b);
        ms[i] = until(&b, t, latents_done);
        session_free(b.s);
        workbench_free(b.wb);
        free(b.text);
    }
    report("open the bundle -> first colours", ms, OPENS, 0);
}

static void bench_all(const char *bundle, const char *device, struct workbench *wb)
{
    struct bench b = {.wb = wb, .cost = cost_of(wb)};
    const struct dict_spec *d = wb->dict ? dict_spec(wb->dict) : NULL;
    const struct model_config *c = model_config(wb->model);
    rows.last_layer = c->n_layers - 1;
    rows.attn = wb->backend->attn, rows.xent = wb->backend->xent;
    wb->backend->attn = counting_attn, wb->backend->xent = counting_xent;
    counting_install(wb->backend);
    b.cost.flops =
        1e-3 * (d && !d->identity ? machine_product_rate(wb->backend, d->m, d->n)
                                  : machine_product_rate(wb->backend, c->d_mlp, c->d_model));
    b.cost.bandwidth =
        1e-3 * machine_memory_rate(wb->backend, (size_t)(b.cost.front_bytes + b.cost.back_bytes +
                                                         b.cost.unembed_bytes));
    b.wish = (struct wish){.insert = insertion_of(INSERT_SAE),
                           .watch = UNIT_NONE,
                           .losses = true,
                           .n_next = 5,
                           .n_units = wb->n_chosen};
    for (int32_t i = 0; i < wb->n_chosen; i++)
        b.wish.unit[i] = (struct chosen_unit){wb->chosen[i], true, 2.0f};
    printf("%s on %s: product %.1f GFLOP/s, memory %.1f GB/s\n", wb->model_name,
           wb->backend->caps.device, b.cost.flops / 1e6, b.cost.bandwidth / 1e6);
    printf("%-52s %9s %9s %9s\n", "ms", "p50", "p95", "floor");
    b.s = new_session(wb);
    if (tabs) {
        keypresses(&b, quick() ? 16 : 64, true, 0);
        sliders(&b, quick() ? 16 : 64, false);
        sliders(&b, quick() ? 60 : 2000, true);
        session_free(b.s);
        free(b.text);
        return;
    }
    const int32_t size[] = {20, 100, 400};
    for (int i = 0; i < 3; i++) {
        keypresses(&b, size[i], true, 0);
        keypresses(&b, size[i], false, 0);
        keypresses(&b, size[i], true, 30);
    }
    sliders(&b, 100, false);
    cold_opens(bundle, device, wb->set[0].sentence[0]);
    session_free(b.s);
    free(b.text);
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
    if (!workbench_open(&o, NULL, NULL, &wb, &e) || wb->n_sets == 0) {
        fprintf(stderr, "%s\n",
                error_is_set(&e) ? e.text : "the bundle has no reference sentences");
        return 1;
    }
    bench_all(bundle, o.device, wb);
    workbench_free(wb);
    return 0;
}
