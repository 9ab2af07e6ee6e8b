/* Rows of activations and keys and values of the windows, on the device, under a budget. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <stdlib.h>

/* ---- the slabs */
static bool keeps_x(const struct session *s, bool reference)
{
    return s->dict && (!reference || dict_spec(s->place.dict)->identity);
}

static bool keeps_y(const struct session *s, bool reference)
{
    return s->dict && !reference && dict_spec(s->dict)->transcodes;
}

static bool keeps_scale(const struct session *s)
{
    const struct dict_spec *d = s->place.dict ? dict_spec(s->place.dict) : NULL;
    return d && d->norm != NORM_IN_NONE && !d->transcodes;
}

/* Units come and go one at a time: columns for some more than are watched now. */
static int32_t watch_cols(const struct session *s)
{
    enum { FEW = 17, STEP = 16 };
    return s->n_watch <= FEW ? FEW : min32(WATCH_MAX, FEW + (s->n_watch - 1) / STEP * STEP);
}

static void shape_rows(struct session *s, bool reference)
{
    struct slab *slab = reference ? &s->of_references : &s->of_text;
    const int32_t f = slab->part[ROW_F].cols, cols = watch_cols(s);
    slab_shape(slab, s->run.queue,
               (const int32_t[SLAB_PARTS]){
                   [ROW_X] = keeps_x(s, reference) ? dict_spec(line_dict(s, reference))->n : 0,
                   [ROW_Y] = keeps_y(s, reference) ? dict_spec(s->dict)->n_out : 0,
                   [ROW_VALUE] = s->place.width,
                   [ROW_RESID] = s->place.base,
                   [ROW_INSERTED] = s->sae ? s->place.width : 0,
                   [ROW_F] = !s->dict   ? 0
                             : f > cols ? f
                                        : cols,
                   [ROW_SCALE] = keeps_scale(s)},
               s->run.queue->backend->caps.real);
}

void rows_shape(struct session *s)
{
    shape_rows(s, false);
    shape_rows(s, true);
    slab_shape(&s->finals, s->run.queue, (const int32_t[SLAB_PARTS]){s->d_model},
               s->run.queue->backend->caps.real);
    slab_shape(&s->sums, s->run.queue,
               (const int32_t[SLAB_PARTS]){s->dict ? dict_spec(s->dict)->n_out : 0}, DTYPE_F64);
}

static void free_spare(struct session *s, size_t i)
{
    model_kv_free(s->run.queue, s->spare[i].kv);
    s->spare_bytes -= s->spare[i].bytes;
    s->spare[i] = s->spare[--s->n_spare];
}

void rows_release(struct session *s)
{
    slab_release(&s->of_text);
    slab_release(&s->of_references);
    slab_release(&s->finals);
    slab_release(&s->sums);
    while (s->n_spare > 0)
        free_spare(s, 0);
    free(s->spare);
}

/* ---- the list of the text's */
static void unlink_rows(struct session *s, struct rows *r)
{
    if (s->text_rows == r)
        s->text_rows = r->next;
    if (r->prev)
        r->prev->next = r->next;
    if (r->next)
        r->next->prev = r->prev;
    r->prev = r->next = NULL;
}

static bool is_listed(const struct session *s, const struct rows *r)
{
    return r->prev || r->next || s->text_rows == r;
}

static void count(struct session *s, struct rows *r, size_t rows, size_t kv)
{
    if (!is_listed(s, r))
        return;
    r->bytes += rows, s->row_bytes += rows;
    r->kv_bytes += kv, s->kv_bytes += kv;
}

static void discount(struct session *s, struct rows *r, size_t rows, size_t kv)
{
    if (!is_listed(s, r))
        return;
    r->bytes -= rows, s->row_bytes -= rows;
    r->kv_bytes -= kv, s->kv_bytes -= kv;
}

/* ---- numbers */
static void give(struct session *s, struct rows *r, struct slab *slab, struct row_numbers *k,
                 int32_t keep)
{
    if (k->n <= keep)
        return;
    slab_give(slab, k->at + keep, k->n - keep);
    discount(s, r, (size_t)(k->n - keep) * slab_row_bytes(slab), 0);
    k->n = keep;
}

/* As many as the budget has rows, when most of it are of the text. */
static int32_t most_rows(const struct session *s, const struct slab *slab)
{
    const size_t most = s->row_budget / (slab_row_bytes(slab) + 1);
    return slab == &s->of_references ? 0 : most < INT32_MAX ? (int32_t)most + 1 : INT32_MAX;
}

static bool take(struct session *s, struct rows *r, struct slab *slab, struct row_numbers *k,
                 int32_t n)
{
    give(s, r, slab, k, n);
    if (k->n == n)
        return true;
    const size_t bytes = (size_t)(n - k->n) * slab_row_bytes(slab);
    if (is_listed(s, r))
        rows_make_room(s, bytes);
    k->at = grow(k->at, &k->room, (size_t)n, sizeof *k->at);
    if (!slab_take(slab, k->at + k->n, n - k->n, most_rows(s, slab), &s->run.err))
        return error_prefix(&s->run.err, "keeping %d rows of the text", n);
    k->n = n;
    count(s, r, bytes, 0);
    return true;
}

struct tensor rows_numbers(struct session *s, const struct row_numbers *k, int32_t from, int32_t n)
{
    return run_put_ids(&s->run, n, 1, k->at + from);
}

/* ---- dropping */
static void let_go_kv(struct session *s, struct rows *r, enum track t)
{
    struct kept_kv *k = &r->kv[t];
    if (!k->kv)
        return;
    s->spare = grow(s->spare, &s->cap_spare, s->n_spare + 1, sizeof *s->spare);
    s->spare[s->n_spare++] = *k;
    s->spare_bytes += k->bytes;
    discount(s, r, 0, k->bytes);
    *k = (struct kept_kv){0};
}

static void drop_kv(struct session *s, struct rows *r)
{
    for (int t = 0; t < N_TRACKS; t++) {
        let_go_kv(s, r, (enum track)t);
        r->back_kv[t] = 0;
    }
    r->front_kv = 0;
}

void rows_drop_h(struct session *s, struct rows *r, enum track t)
{
    give(s, r, &s->finals, &r->h[t], 0);
    r->back_rows[t] = 0;
}

void rows_drop(struct session *s, struct rows *r)
{
    drop_kv(s, r);
    for (int t = 0; t < N_TRACKS; t++)
        rows_drop_h(s, r, (enum track)t);
    give(s, r, r->slab, &r->row, 0);
    r->front_rows = 0;
}

void rows_free(struct session *s, struct rows *r)
{
    if (!r)
        return;
    rows_drop(s, r);
    if (is_listed(s, r))
        unlink_rows(s, r);
    for (int t = 0; t < N_TRACKS; t++)
        free(r->h[t].at);
    free(r->row.at);
    free(r);
}

void rows_truncate(struct rows *r, int32_t n)
{
    if (!r)
        return;
    r->front_rows = min32(r->front_rows, n);
    r->front_kv = min32(r->front_kv, n);
    for (int t = 0; t < N_TRACKS; t++) {
        r->back_rows[t] = min32(r->back_rows[t], n);
        r->back_kv[t] = min32(r->back_kv[t], n);
    }
}

int32_t rows_front_start(const struct window *w)
{
    return w->rows ? min32(w->rows->front_rows, w->rows->front_kv) : 0;
}

int32_t rows_back_start(const struct window *w, enum track t)
{
    return w->rows ? min32(w->rows->back_rows[t], w->rows->back_kv[t]) : 0;
}

/* Those least recently used that none of the last steps touched: a microbatch's windows pass from
 * the front to the lanes in neighbouring steps, and dropping them between the two would never end.
 */
static struct rows *oldest(const struct session *s, bool kv)
{
    struct rows *best = NULL;
    for (struct rows *r = s->text_rows; r; r = r->next) {
        bool holds = kv ? r->kv_bytes > 0 : r->bytes > 0;
        if (holds && r->used + HOLD_STEPS < s->tick && (!best || r->used < best->used))
            best = r;
    }
    return best;
}

static void touch_cursor_line(struct session *s)
{
    if (s->n_lines == 0)
        return;
    const struct line *l = s->line[s->cursor_line];
    for (int32_t i = 0; i < l->n_windows; i++)
        if (l->window[i].rows)
            l->window[i].rows->used = s->tick;
}

/* False: there is nothing to drop. */
static bool drop_oldest_kv(struct session *s)
{
    if (s->n_spare > 0) {
        free_spare(s, 0);
        return true;
    }
    struct rows *r = oldest(s, true);
    if (r)
        drop_kv(s, r);
    return r != NULL;
}

static bool kv_fits(const struct session *s, size_t more)
{
    return s->kv_bytes + s->spare_bytes + more <= s->kv_budget;
}

void rows_make_room(struct session *s, size_t rows)
{
    struct rows *r;
    touch_cursor_line(s);
    while (!kv_fits(s, 0) && drop_oldest_kv(s))
        ;
    while (s->row_bytes + rows > s->row_budget && (r = oldest(s, false)))
        rows_drop(s, r);
}

/* ---- rows */
static struct rows *rows_new(struct session *s, bool reference)
{
    struct rows *r = xcalloc(1, sizeof *r);
    r->slab = reference ? &s->of_references : &s->of_text;
    if (reference)
        return r;
    r->next = s->text_rows;
    if (s->text_rows)
        s->text_rows->prev = r;
    s->text_rows = r;
    return r;
}

size_t rows_token_bytes(const struct session *s, bool reference)
{
    return slab_row_bytes(reference ? &s->of_references : &s->of_text);
}

bool rows_reserve_watch(struct session *s, struct slab *slab)
{
    const size_t before = slab_row_bytes(slab);
    if (slab->part[ROW_F].cols == 0)
        return true;
    if (!slab_widen(slab, ROW_F, watch_cols(s), &s->run.err))
        return error_prefix(&s->run.err, "keeping the activations of %d units", s->n_watch);
    const size_t more = slab_row_bytes(slab) - before;
    for (struct rows *r = s->text_rows; more > 0 && slab == &s->of_text && r; r = r->next)
        count(s, r, (size_t)r->row.n * more, 0);
    return true;
}

bool rows_reserve(struct session *s, struct window *w, bool reference)
{
    if (!w->rows)
        w->rows = rows_new(s, reference);
    struct rows *r = w->rows;
    r->used = s->tick;
    return rows_reserve_watch(s, r->slab) && take(s, r, r->slab, &r->row, w->n);
}

bool rows_reserve_h(struct session *s, struct window *w, enum track t)
{
    return take(s, w->rows, &s->finals, &w->rows->h[t], w->n);
}

/* ---- sums */
bool rows_reserve_sum(struct session *s, struct window *w)
{
    if (!w->summed && !slab_take(&s->sums, &w->sum, 1, 0, &s->run.err))
        return error_prefix(&s->run.err, "keeping the sums of a line");
    w->summed = true;
    return true;
}

void rows_drop_sum(struct session *s, struct window *w)
{
    if (w->summed)
        slab_give(&s->sums, &w->sum, 1);
    w->summed = false;
    w->sum_rows = 0;
}

void rows_clear_sums(struct session *s, struct tensor sums)
{
    double *zero = xcalloc((size_t)sums.rows * (size_t)sums.cols, sizeof *zero);
    device_put(s->run.queue, sums, zero);
    free(zero);
}

struct tensor rows_sum(const struct session *s, const struct window *w)
{
    return tensor_rows(s->sums.part[0], w->sum, 1);
}

/* ---- keys and values */
bool rows_wants_kv(const struct session *s, const struct piece *p)
{
    if (p->line->reference)
        return false;
    return p->row > 0 || p->n < p->window->n || p->window->n > s->rows_per_job ||
           (s->n_lines > 0 && p->line == s->line[s->cursor_line]);
}

/* Room for some more positions than n, in few sizes, so that a line that grows seldom moves and
 * what one line let go of fits another. */
static int32_t kv_room(const struct session *s, int32_t n)
{
    const int32_t n_ctx = model_config(s->model)->n_ctx;
    int32_t step = 16;
    while (step * 8 < n + n / 8)
        step *= 2;
    const int64_t cap = ((int64_t)n + n / 8 + step - 1) / step * step;
    return cap < 64 ? min32(64, n_ctx) : cap < n_ctx ? (int32_t)cap : n_ctx;
}

/* The smallest that has room, unless it is much too large. */
static bool take_spare(struct session *s, int32_t first, int32_t n, struct kept_kv *out)
{
    size_t best = s->n_spare;
    for (size_t i = 0; i < s->n_spare; i++)
        if (s->spare[i].first == first && s->spare[i].cap >= n &&
            s->spare[i].cap / 8 <= kv_room(s, n) &&
            (best == s->n_spare || s->spare[i].cap < s->spare[best].cap))
            best = i;
    if (best == s->n_spare)
        return false;
    *out = s->spare[best];
    s->spare_bytes -= out->bytes;
    s->spare[best] = s->spare[--s->n_spare];
    return true;
}

/* Those of other windows than the last few are let go of. */
static void keep_few(struct session *s)
{
    int32_t n = 0;
    for (const struct rows *r = s->text_rows; r; r = r->next)
        n += r->kv_bytes > 0;
    for (struct rows *r; n >= KV_WINDOWS && (r = oldest(s, true)); n--)
        drop_kv(s, r);
}

/* A spare one, also of those that are let go of for it; or a new one. */
static bool find_kv(struct session *s, int32_t first, int32_t n, struct kept_kv *out)
{
    const int32_t cap = kv_room(s, n);
    const size_t bytes = model_kv_bytes(s->model, first, cap);
    touch_cursor_line(s);
    while (!take_spare(s, first, n, out))
        if (kv_fits(s, bytes) || !drop_oldest_kv(s)) {
            *out = (struct kept_kv){NULL, first, cap, bytes};
            out->kv = model_kv_new(s->model, s->run.queue, first, cap, &s->run.err);
            return out->kv ||
                   error_prefix(&s->run.err, "keeping the keys and values of %d tokens", cap);
        }
    return true;
}

bool rows_reserve_kv(struct session *s, struct window *w, enum track t)
{
    struct rows *r = w->rows;
    struct kept_kv new;
    const int32_t first = t == TRACK_PLAIN ? 0 : s->place.layer,
                  front = t == TRACK_PLAIN ? r->front_kv : 0,
                  filled = front > r->back_kv[t] ? front : r->back_kv[t];
    if (r->kv[t].cap >= w->n || first >= model_config(s->model)->n_layers)
        return true;
    if (r->kv_bytes == 0)
        keep_few(s);
    if (!find_kv(s, first, w->n, &new))
        return false;
    if (r->kv[t].kv) {
        device_kv_copy(s->run.queue, new.kv, r->kv[t].kv, min32(filled, r->kv[t].cap));
        let_go_kv(s, r, t);
    } else {
        r->back_kv[t] = 0;
        if (t == TRACK_PLAIN)
            r->front_kv = 0;
    }
    r->kv[t] = new;
    count(s, r, 0, new.bytes);
    return true;
}

/* ---- giving memory back */
struct renumbering { /* of the rows of a slab, window by window */
    struct slab *slab;
    int32_t n, *row; /* the numbers so far */
    bool done;       /* they are 0, 1, … now */
};

static void renumber(struct renumbering *k, int32_t *at, int32_t n)
{
    for (int32_t i = 0; i < n; i++, k->n++)
        *(k->done ? &at[i] : &k->row[k->n]) = k->done ? k->n : at[i];
}

static void renumber_lines(struct session *s, struct renumbering *k, struct line *const *line,
                           int32_t n)
{
    for (int32_t i = 0; i < n; i++)
        for (int32_t j = 0; j < line[i]->n_windows; j++) {
            struct window *w = &line[i]->window[j];
            if (k->slab == &s->sums && w->summed)
                renumber(k, &w->sum, 1);
            if (w->rows && k->slab == w->rows->slab)
                renumber(k, w->rows->row.at, w->rows->row.n);
            for (int t = 0; w->rows && k->slab == &s->finals && t < N_TRACKS; t++)
                renumber(k, w->rows->h[t].at, w->rows->h[t].n);
        }
}

static void renumber_all(struct session *s, struct renumbering *k)
{
    k->n = 0;
    renumber_lines(s, k, s->line, s->n_lines);
    renumber_lines(s, k, s->retired, s->n_retired);
    renumber_lines(s, k, s->refs.line, s->refs.n);
    if (k->n != slab_held(k->slab))
        panic("%d rows of a slab are held, %d by windows", slab_held(k->slab), k->n);
}

void rows_settle(struct session *s)
{
    struct slab *const slab[] = {&s->of_text, &s->of_references, &s->finals, &s->sums};
    for (size_t i = 0; i < sizeof slab / sizeof *slab; i++) {
        if (!slab_is_sparse(slab[i]))
            continue;
        struct renumbering k = {.slab = slab[i]};
        k.row = xcalloc((size_t)slab_held(slab[i]) + 1, sizeof *k.row);
        renumber_all(s, &k);
        k.done = slab_shrink(slab[i], &s->run, k.row, k.n);
        if (k.done)
            renumber_all(s, &k);
        free(k.row);
    }
}
