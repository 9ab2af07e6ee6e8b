/* The largest pre-activations, or those above a threshold, without all digits of all of them: which
 * they may be is seen by products with the nearest bf16, what they are is computed as linear does,
 * a panel at a time. */
#include "engine/cpu/codes.h"
#include "engine/cpu/product.h"
#include "engine/cpu/select.h"
#include <math.h>
#include <string.h>

/* Measured: so few rows wait for memory, of which the nearest bf16 are half; of so many the
 * instructions for pairs, twice as quick, are worth what is computed again. */
#define ROUGH_ROWS 2
#define DOTS_ROWS 64
#define AT_ONCE (32 << 20) /* bytes of pre-activations at a time, and at least so many rows: */
#define LEAST_ROWS 64
#define LEAST_ROOM 256 /* for who may be active, of each row */
#define AGAIN_ROWS 24  /* rows that go through a panel again together */

struct hit { /* a row that has candidates in a panel: ids[at], ids[at + 1] … of the row */
    int32_t row, at;
};

struct encode {
    struct queue *q;
    const struct kernels *k;
    const struct weight *w;
    const struct select *by;
    const float *x, *bias, *threshold; /* threshold NULL: 0 */
    size_t ldx;
    int32_t n_thresholds; /* 1 or m */
    int32_t rows, room;
    float *pre;   /* [rows, m]: rough, of candidates exact later */
    float *pairs; /* [rows, in/2] pairs of bf16 */
    struct row_margin *margin;
    int32_t *ids, *n_ids; /* [rows, room], [rows]: candidates; −1: the row is computed in full */
    int32_t *start;       /* [n_panels + 1]: hits of each panel */
    int32_t *panel;       /* [n_panels]: those that have any */
    struct hit *hits;
    size_t thread_bytes;
    float most_bias, most_threshold;
    enum sweep_how how;
};

/* ---- working space */
static void *take(char *memory, size_t *at, size_t n)
{
    void *p = memory ? memory + *at : NULL;
    *at += (n + 63) / 64 * 64;
    return p;
}

/* Bytes that are wanted; lays them out unless memory is NULL. */
static size_t lay_out(struct encode *e, char *memory)
{
    const size_t rows = (size_t)e->rows, m = (size_t)e->w->out, panels = (size_t)e->w->n_panels;
    size_t n = 0;
    e->pre = take(memory, &n, rows * m * sizeof(float));
    e->pairs = take(memory, &n, rows * (size_t)(e->w->in / 2) * sizeof(float));
    e->margin = take(memory, &n, rows * sizeof *e->margin);
    e->ids = take(memory, &n, rows * (size_t)e->room * sizeof(int32_t));
    e->n_ids = take(memory, &n, rows * sizeof(int32_t));
    e->start = take(memory, &n, (panels + 1) * sizeof(int32_t));
    e->panel = take(memory, &n, panels * sizeof(int32_t));
    e->hits = take(memory, &n, rows * (size_t)e->room * sizeof(struct hit));
    return n;
}

/* So many bytes for each thread, from cpu_scratch_of. */
static bool take_for_threads(struct encode *e, size_t n)
{
    e->thread_bytes = (n + 63) / 64 * 64;
    return cpu_scratch(e->q, SCRATCH_THREADS,
                       e->thread_bytes * (size_t)pool_threads(cpu_of(e->q)->pool)) != NULL;
}

static float *row_of(const struct encode *e, int32_t t)
{
    return e->pre + (size_t)t * (size_t)e->w->out;
}
static int32_t *ids_of(const struct encode *e, int32_t t)
{
    return e->ids + (size_t)t * (size_t)e->room;
}

/* ---- the products of rounded numbers */
static uint32_t nearest(float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    return (bits + 0x8000) & UINT32_C(0xffff0000);
}

/* x's length, and how far the pairs are from it. */
static void round_rows(void *arg, int thread, int32_t first, int32_t n)
{
    (void)thread;
    const struct encode *e = arg;
    const int32_t in = e->w->in;
    for (int32_t t = first; t < first + n; t++) {
        const float *x = e->x + (size_t)t * e->ldx;
        float *to = e->pairs + (size_t)t * (size_t)(in / 2);
        double square = 0, off = 0;
        for (int32_t i = 0; i < in; i++)
            square += (double)x[i] * (double)x[i];
        for (int32_t i = 0; i < in && e->how == SWEEP_DOTS; i += 2) {
            const uint32_t a = nearest(x[i]), b = nearest(x[i + 1]), pair = a >> 16 | b;
            float near[2];
            memcpy(&near[0], &a, sizeof a);
            memcpy(&near[1], &b, sizeof b);
            memcpy(&to[i / 2], &pair, sizeof pair);
            const double da = (double)x[i] - (double)near[0],
                         db = (double)x[i + 1] - (double)near[1];
            off += da * da + db * db;
        }
        e->margin[t] = rounded_row_margin(e->w->share, e->w->largest, (float)sqrt(square),
                                          (float)sqrt(off), e->most_bias, in);
    }
}

static void rough_sink(void *arg, int thread, const struct block *b)
{
    (void)thread;
    const struct encode *e = arg;
    const float *bias = e->bias ? e->bias + b->col : NULL;
    for (int32_t r = 0; r < b->rows; r++)
        e->k->epilogue(row_of(e, b->row + r) + b->col, b->c + (size_t)r * b->ldc, bias, b->cols,
                       EPILOGUE_NONE);
}

static bool rough_products(struct encode *e)
{
    struct sweep s = {.q = e->q,
                      .w = e->w,
                      .x = e->x,
                      .ldx = e->ldx,
                      .how = e->how,
                      .rows = e->rows,
                      .sink = rough_sink,
                      .arg = e};
    cpu_for_rows(e->q, e->rows, e->w->in, round_rows, e);
    if (e->how == SWEEP_DOTS)
        s.x = e->pairs, s.ldx = (size_t)(e->w->in / 2);
    if (!sweep_plan(&s))
        return false;
    sweep_run(&s);
    return true;
}

/* ---- who may be active */
/* What each may be at least (sign −1) or at most, sums of floats included. */
static void bounds(const struct encode *e, int32_t t, float sign, float *to)
{
    const int32_t m = e->w->out;
    const float *x = row_of(e, t), all = sign * e->margin[t].all;
    const bool by_size = e->by->kind == SELECT_ABSTOPK;
    for (int32_t i = 0; i < m; i++)
        to[i] = (by_size ? fabsf(x[i]) : x[i]) + all;
    e->k->add(to, e->w->size, sign * e->margin[t].each, m);
}

/* What all that are among the k largest reach: at least k are no smaller than the k-th largest of
 * what they are at least. */
static float least_of_top(const struct encode *e, int32_t t, float *bound)
{
    const int32_t m = e->w->out;
    bounds(e, t, -1, bound);
    const uint64_t *top = select_top(e->k, bound, m, e->by->k, bound + (m + 15) / 16 * 16);
    const float kth = select_value(top[e->by->k - 1]);
    return kth - 0x1p-21f * fabsf(kth);
}

/* bound: what they are above their thresholds, at most. */
static float above_thresholds(const struct encode *e, float *bound)
{
    if (e->n_thresholds > 1)
        e->k->add(bound, e->threshold, -1, e->w->out);
    return (e->n_thresholds == 1 ? *e->threshold : 0) - 0x1p-21f * e->most_threshold;
}

static void find_rows(void *arg, int thread, int32_t first, int32_t n)
{
    struct encode *e = arg;
    const int32_t m = e->w->out;
    float *bound = cpu_scratch_of(cpu_of(e->q), thread, e->thread_bytes);
    for (int32_t t = first; t < first + n; t++) {
        int32_t next = 0;
        float least = 0;
        e->n_ids[t] = -1;
        if (!isfinite(e->margin[t].each))
            continue;
        if (select_is_top(e->by))
            least = least_of_top(e, t, bound);
        bounds(e, t, 1, bound);
        if (!select_is_top(e->by))
            least = above_thresholds(e, bound);
        const int32_t found =
            e->k->above(bound, 0, m, nextafterf(least, -INFINITY), ids_of(e, t), e->room, &next);
        if (next == m)
            e->n_ids[t] = found;
    }
}

static bool find(struct encode *e)
{
    const size_t m = ((size_t)e->w->out + 15) / 16 * 16;
    const size_t top = select_is_top(e->by) ? select_bytes(e->w->out, e->by->k) : 0;
    if (!take_for_threads(e, m * sizeof(float) + top))
        return false;
    cpu_for_rows(e->q, e->rows, 4 * (int64_t)e->w->out, find_rows, e);
    return true;
}

/* ---- what they are */
/* Calls for each row and panel that have candidates together: the first of them. */
static void for_hits(struct encode *e, void (*fn)(struct encode *, int32_t panel, struct hit))
{
    for (int32_t t = 0; t < e->rows; t++)
        for (int32_t i = 0, last = -1; i < e->n_ids[t]; i++) {
            const int32_t panel = ids_of(e, t)[i] / e->w->width;
            if (panel != last)
                fn(e, panel, (struct hit){t, i});
            last = panel;
        }
}
static void count_hit(struct encode *e, int32_t panel, struct hit hit)
{
    (void)hit;
    e->start[panel + 1]++;
}
static void put_hit(struct encode *e, int32_t panel, struct hit hit)
{
    e->hits[e->start[panel]++] = hit;
}

/* The hits panel by panel; returns how many panels have any. */
static int32_t sort_hits(struct encode *e)
{
    const int32_t panels = e->w->n_panels;
    int32_t n = 0;
    memset(e->start, 0, ((size_t)panels + 1) * sizeof *e->start);
    for_hits(e, count_hit);
    for (int32_t p = 0; p < panels; p++) {
        if (e->start[p + 1] > 0)
            e->panel[n++] = p;
        e->start[p + 1] += e->start[p];
    }
    for_hits(e, put_hit);
    memmove(e->start + 1, e->start, (size_t)panels * sizeof *e->start);
    e->start[0] = 0;
    return n;
}

struct again { /* working space of a thread */
    float *x, *c, *y, *room;
};

static size_t lay_out_again(const struct encode *e, struct again *a, char *memory)
{
    const size_t width = (size_t)e->w->width;
    size_t n = 0;
    a->x = take(memory, &n, AGAIN_ROWS * (size_t)e->w->in * sizeof(float));
    a->c = take(memory, &n, AGAIN_ROWS * width * sizeof(float));
    a->y = take(memory, &n, width * sizeof(float));
    a->room = take(memory, &n, panels_room());
    return n;
}

/* c: of the row in the panel. */
static void put_values(const struct encode *e, const struct again *a, int32_t panel, struct hit hit,
                       const float *c)
{
    const int32_t from = panel * e->w->width, rest = e->w->out - from,
                  cols = rest < e->w->width ? rest : e->w->width, *ids = ids_of(e, hit.row);
    e->k->epilogue(a->y, c, e->bias ? e->bias + from : NULL, cols, EPILOGUE_NONE);
    for (int32_t i = hit.at; i < e->n_ids[hit.row] && ids[i] < from + cols; i++)
        row_of(e, hit.row)[ids[i]] = a->y[ids[i] - from];
}

static void again_panel(void *arg, int thread, int64_t i)
{
    const struct encode *e = arg;
    const int32_t panel = e->panel[i], width = e->w->width, in = e->w->in;
    struct again a;
    lay_out_again(e, &a, cpu_scratch_of(cpu_of(e->q), thread, e->thread_bytes));
    struct panels p = {
        .w = e->w, .first = panel, .n = 1, .how = SWEEP_EXACT, .c = a.c, .room = a.room};
    for (int32_t from = e->start[panel]; from < e->start[panel + 1]; from += p.rows) {
        const struct hit *hit = e->hits + from;
        const int32_t rest = e->start[panel + 1] - from;
        p.rows = rest < AGAIN_ROWS ? rest : AGAIN_ROWS;
        p.x = e->x + (size_t)hit->row * e->ldx, p.ldx = e->ldx;
        if (hit[p.rows - 1].row - hit->row + 1 != p.rows) {
            for (int32_t r = 0; r < p.rows; r++)
                memcpy(a.x + (size_t)r * (size_t)in, e->x + (size_t)hit[r].row * e->ldx,
                       (size_t)in * sizeof(float));
            p.x = a.x, p.ldx = (size_t)in;
        }
        panels_product(e->k, &p);
        for (int32_t r = 0; r < p.rows; r++)
            put_values(e, &a, panel, hit[r], a.c + (size_t)r * (size_t)width);
    }
}

static bool compute_again(struct encode *e)
{
    struct again a;
    if (!take_for_threads(e, lay_out_again(e, &a, NULL)))
        return false;
    pool_run(cpu_of(e->q)->pool, sort_hits(e), again_panel, e);
    return true;
}

/* ---- the codes */
/* The k largest of a row's candidates, in their order, to the beginning of its ids. */
static int32_t largest(const struct encode *e, const float *x, int32_t *ids, int32_t n,
                       uint64_t *key)
{
    for (int32_t i = 0; i < n; i++)
        key[i] = select_key(e->by->kind == SELECT_ABSTOPK ? fabsf(x[ids[i]]) : x[ids[i]], ids[i]);
    select_keys(key, n, e->by->k);
    for (int32_t i = 0; i < e->by->k; i++)
        ids[i] = select_index(key[i]);
    return e->by->k;
}

static int32_t above(const struct encode *e, const float *x, int32_t *ids, int32_t n)
{
    int32_t kept = 0, id;
    for (int32_t i = 0; i < n; i++) {
        const float least = e->threshold ? e->threshold[e->n_thresholds > 1 ? ids[i] : 0] : 0;
        float v = x[ids[i]];
        if (v > least && codes_keep(e->by, ids[i], v, &id, &v, 0) > 0)
            ids[kept++] = ids[i];
    }
    return kept;
}

static void choose_rows(void *arg, int thread, int32_t first, int32_t n)
{
    const struct encode *e = arg;
    uint64_t *key = cpu_scratch_of(cpu_of(e->q), thread, e->thread_bytes);
    for (int32_t t = first; t < first + n; t++)
        if (e->n_ids[t] >= 0)
            e->n_ids[t] = select_is_top(e->by)
                              ? largest(e, row_of(e, t), ids_of(e, t), e->n_ids[t], key)
                              : above(e, row_of(e, t), ids_of(e, t), e->n_ids[t]);
}

static bool choose(struct encode *e)
{
    if (!take_for_threads(e, (size_t)e->room * sizeof(uint64_t)))
        return false;
    cpu_for_rows(e->q, e->rows, 4 * (int64_t)e->room, choose_rows, e);
    return true;
}

/* A row, or all of them, as linear and select have them. */
static void plain_rows(const struct encode *e, struct csr *f, int32_t to, int32_t t, int32_t n)
{
    const int32_t m = e->w->out;
    struct buf x = {(char *)(uintptr_t)e->x, SIZE_MAX}, pre = {(char *)e->pre, SIZE_MAX},
               bias = {(char *)(uintptr_t)e->bias, SIZE_MAX};
    const struct tensor
        from = tensor_rows((struct tensor){.buf = &x,
                                           .rows = e->rows,
                                           .cols = e->w->in,
                                           .ld = (int32_t)e->ldx,
                                           .dtype = DTYPE_F32},
                           t, n),
        all = tensor_rows(
            (struct tensor){.buf = &pre, .rows = e->rows, .cols = m, .ld = m, .dtype = DTYPE_F32},
            t, n),
        with = {.buf = e->bias ? &bias : NULL, .rows = 1, .cols = m, .ld = m, .dtype = DTYPE_F32};
    cpu_linear(e->q, all, from, e->w, with, EPILOGUE_NONE);
    cpu_select(e->q, f, to, all, e->by);
}

static void put_row(const struct encode *e, const struct codes *to, int32_t row, int32_t t)
{
    const float *x = row_of(e, t);
    const int32_t at = to->start[row], *ids = ids_of(e, t), n_ids = e->n_ids[t];
    int32_t n = 0;
    if (at > INT32_MAX - n_ids) {
        error_set(&e->q->err, ERROR_INPUT, "cpu encode: %lld entries are too many",
                  (long long)at + n_ids);
        return;
    }
    for (int32_t i = 0; i < n_ids && at + n_ids <= to->capacity; i++)
        n = codes_keep(e->by, ids[i], x[ids[i]], to->ids + at, to->vals + at, n);
    to->start[row + 1] = at + (at + n_ids <= to->capacity ? n : n_ids);
}

static void put_rows(struct encode *e, struct csr *f, const struct codes *to, int32_t first)
{
    for (int32_t t = 0; t < e->rows && !cpu_failed(e->q); t++)
        if (e->n_ids[t] < 0)
            plain_rows(e, f, first + t, t, 1);
        else
            put_row(e, to, first + t, t);
}

/* Of an encoder whose candidates are too many time after time the product is computed in full, and
 * seldom it is tried again. */
enum { DOUBTS = 4, TRIED_AGAIN = 260 };
static bool is_doubted(const struct weight *w)
{
    const int n = atomic_load_explicit(w->doubt, memory_order_relaxed);
    if (n >= DOUBTS)
        atomic_store_explicit(w->doubt, n < TRIED_AGAIN ? n + 1 : DOUBTS - 1, memory_order_relaxed);
    return n >= DOUBTS;
}
static void judge(const struct weight *w, bool too_many)
{
    const int n = atomic_load_explicit(w->doubt, memory_order_relaxed);
    atomic_store_explicit(w->doubt, too_many ? n + 1 : 0, memory_order_relaxed);
}

static void rough_rows(struct encode *e, struct csr *f, const struct codes *to, int32_t first)
{
    int32_t again = 0;
    if (!rough_products(e) || !find(e))
        return;
    for (int32_t t = 0; t < e->rows; t++)
        again += e->n_ids[t] < 0;
    e->q->redone += (uint64_t)again;
    judge(e->w, again > e->rows / 2);
    if (again > e->rows / 2)
        plain_rows(e, f, first, 0, e->rows);
    else if (compute_again(e) && choose(e))
        put_rows(e, f, to, first);
}

/* ---- the operation */
static int32_t room_for(const struct weight *w, const struct select *by)
{
    const int32_t many = select_is_top(by) && 8 * by->k > LEAST_ROOM ? 8 * by->k : LEAST_ROOM,
                  room = many > w->n_panels ? many : w->n_panels;
    return room < w->out ? room : w->out;
}

static enum sweep_how how_for(const struct cpu *c, const struct weight *w, int32_t rows)
{
    return !w->planes || is_doubted(w)    ? SWEEP_EXACT
           : rows <= ROUGH_ROWS           ? SWEEP_ROUGH
           : c->dots && rows >= DOTS_ROWS ? SWEEP_DOTS
                                          : SWEEP_EXACT;
}

static float greatest_size(const float *v, int32_t n)
{
    float most = 0;
    for (int32_t i = 0; i < n && v; i++)
        most = fabsf(v[i]) > most ? fabsf(v[i]) : most; /* a call of fmaxf each would be seen */
    return most;
}

static bool check_kind(struct encode *e, const struct codes *to, int32_t first, int32_t rows)
{
    const struct select *by = e->by;
    if (!(e->q->backend->caps.encodes >> by->kind & 1) || (by->kind == SELECT_ALL && !by->relu))
        return error_set(&e->q->err, ERROR_SYSTEM, "cpu encode: no such codes (%d)", (int)by->kind);
    if (select_is_bounded(by))
        return codes_bounded(e->q, "encode", to, first, rows, by->k, e->w->out);
    if (by->kind != SELECT_THRESHOLD)
        return true;
    e->n_thresholds = by->threshold.cols == 1 ? 1 : e->w->out;
    return (e->threshold =
                cpu_f32(e->q, "encode", "threshold", by->threshold, 1, e->n_thresholds)) != NULL;
}

void cpu_encode(struct queue *q, struct csr *f, int32_t first, struct tensor x,
                const struct weight *w, struct tensor bias, const struct select *by)
{
    struct codes to;
    struct encode all = {.q = q, .k = cpu_of(q)->k, .w = w, .by = by, .ldx = (size_t)x.ld};
    if (cpu_failed(q) || !sweep_check(q, "encode", w, x.cols) ||
        !(all.x = cpu_f32(q, "encode", "x", x, -1, w->in)) ||
        (bias.buf && !(all.bias = cpu_f32(q, "encode", "bias", bias, 1, w->out))) ||
        !codes_view(q, "encode", f, &to) || !codes_have_rows(q, "encode", &to, first, x.rows) ||
        !check_kind(&all, &to, first, x.rows))
        return;
    all.room = room_for(w, by);
    all.most_bias = greatest_size(all.bias, w->out);
    all.most_threshold = greatest_size(all.threshold, all.n_thresholds);
    const int32_t fit = AT_ONCE / (w->out * (int32_t)sizeof(float)),
                  at_once = fit < LEAST_ROWS ? LEAST_ROWS : fit;
    for (int32_t t = 0; t < x.rows && !cpu_failed(q); t += at_once) {
        struct encode e = all;
        e.x += (size_t)t * e.ldx;
        e.rows = x.rows - t < at_once ? x.rows - t : at_once;
        e.how = how_for(cpu_of(q), w, e.rows);
        char *memory = cpu_scratch(q, SCRATCH_ENCODE, lay_out(&e, NULL));
        if (!memory)
            return;
        lay_out(&e, memory);
        if (e.how != SWEEP_EXACT)
            rough_rows(&e, f, &to, first + t);
        else
            plain_rows(&e, f, first + t, 0, e.rows);
    }
}
