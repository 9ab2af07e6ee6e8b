/* Rows of activations and keys and values of the windows, on the device, under a budget. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <stdlib.h>

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

static void free_tensor(struct session *s, struct tensor *t)
{
    if (t->buf)
        device_buf_free(s->run.queue, t->buf);
    *t = (struct tensor){0};
}

static void drop_kv(struct session *s, struct rows *r)
{
    for (int t = 0; t < N_TRACKS; t++) {
        model_kv_free(s->run.queue, r->kv[t]);
        r->kv[t] = NULL;
        r->back_kv[t] = 0;
    }
    r->front_kv = 0;
    if (is_listed(s, r))
        s->kv_bytes -= r->kv_bytes;
    r->kv_bytes = 0;
}

void rows_drop(struct session *s, struct rows *r)
{
    drop_kv(s, r);
    free_tensor(s, &r->x);
    free_tensor(s, &r->value);
    free_tensor(s, &r->resid);
    free_tensor(s, &r->inserted);
    free_tensor(s, &r->f);
    for (int t = 0; t < N_TRACKS; t++) {
        free_tensor(s, &r->h[t]);
        r->back_rows[t] = 0;
    }
    r->front_rows = 0;
    r->cap = 0;
    if (is_listed(s, r))
        s->row_bytes -= r->bytes;
    r->bytes = 0;
}

void rows_drop_h(struct session *s, struct rows *r, enum track t)
{
    if (!r->h[t].buf)
        return;
    size_t bytes = (size_t)r->cap * (size_t)s->d_model * sizeof(float);
    free_tensor(s, &r->h[t]);
    r->back_rows[t] = 0;
    r->bytes -= bytes;
    if (is_listed(s, r))
        s->row_bytes -= bytes;
}

void rows_free(struct session *s, struct rows *r)
{
    if (!r)
        return;
    rows_drop(s, r);
    if (is_listed(s, r))
        unlink_rows(s, r);
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

/* Those least recently used that none of the last steps touched: a pack's windows pass from the
 * front to the lanes in neighbouring steps, and dropping them between the two would never end. */
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

void rows_make_room(struct session *s, size_t rows, size_t kv)
{
    if (s->n_lines > 0) {
        const struct line *l = s->line[s->cursor_line];
        for (int32_t i = 0; i < l->n_windows; i++)
            if (l->window[i].rows)
                l->window[i].rows->used = s->tick;
    }
    struct rows *r;
    while (s->kv_bytes + kv > s->kv_budget && (r = oldest(s, true)))
        drop_kv(s, r);
    while (s->row_bytes + rows > s->row_budget && (r = oldest(s, false)))
        rows_drop(s, r);
}

static void count(struct session *s, struct rows *r, size_t rows, size_t kv)
{
    r->bytes += rows;
    r->kv_bytes += kv;
    if (is_listed(s, r)) {
        s->row_bytes += rows;
        s->kv_bytes += kv;
    }
}

static bool add_tensor(struct session *s, struct rows *r, struct tensor *t, int32_t cols)
{
    *t = tensor_new(s->run.queue, r->cap, cols, s->run.queue->backend->caps.real, &s->run.err);
    if (!t->buf)
        return error_prefix(&s->run.err, "keeping %d rows of the text", r->cap);
    count(s, r, (size_t)r->cap * (size_t)cols * sizeof(float), 0);
    return true;
}

static struct rows *rows_new(struct session *s, bool reference)
{
    struct rows *r = xcalloc(1, sizeof *r);
    if (reference)
        return r;
    r->next = s->text_rows;
    if (s->text_rows)
        s->text_rows->prev = r;
    s->text_rows = r;
    return r;
}

/* Where people type there is a little room to grow, so that a line doesn't begin anew at every
 * token. */
static int32_t capacity(const struct session *s, const struct line *l, int32_t n)
{
    if (l->reference || l != s->line[s->cursor_line])
        return n;
    int64_t cap = ((int64_t)n + n / 4 + 32 + 31) / 32 * 32;
    int32_t n_ctx = model_config(s->model)->n_ctx;
    return cap < n_ctx ? (int32_t)cap : n_ctx;
}

static bool keeps_x(const struct session *s, bool reference)
{
    return s->dict && (!reference || dict_spec(s->place.dict)->identity);
}

/* Units come and go one at a time: columns for some more than are watched now. */
static int32_t watch_cols(const struct session *s)
{
    enum { FEW = 17, STEP = 16 };
    return s->n_watch <= FEW ? FEW : min32(WATCH_MAX, FEW + (s->n_watch - 1) / STEP * STEP);
}

size_t rows_token_bytes(const struct session *s, bool reference)
{
    size_t cols = (size_t)s->place.width * (s->sae ? 2 : 1) + (size_t)s->place.base +
                  (keeps_x(s, reference) ? (size_t)dict_spec(line_dict(s, reference))->n : 0) +
                  (s->dict ? (size_t)watch_cols(s) : 0);
    return cols * sizeof(float);
}

bool rows_reserve_watch(struct session *s, struct rows *r)
{
    if (!r->f.buf || r->f.cols >= s->n_watch)
        return true;
    size_t bytes = (size_t)r->cap * (size_t)r->f.cols * sizeof(float);
    free_tensor(s, &r->f);
    r->bytes -= bytes;
    if (is_listed(s, r))
        s->row_bytes -= bytes;
    if (add_tensor(s, r, &r->f, watch_cols(s)))
        return true;
    rows_drop(s, r);
    return false;
}

bool rows_reserve(struct session *s, const struct line *l, struct window *w, bool reference)
{
    if (!w->rows)
        w->rows = rows_new(s, reference);
    struct rows *r = w->rows;
    r->used = s->tick;
    if (r->cap >= w->n && r->value.buf)
        return rows_reserve_watch(s, r);
    rows_drop(s, r);
    int32_t cap = capacity(s, l, w->n);
    r->with_x = keeps_x(s, reference);
    if (!reference)
        rows_make_room(s, (size_t)cap * rows_token_bytes(s, false), 0);
    r->cap = cap;
    if (add_tensor(s, r, &r->value, s->place.width) &&
        (!s->place.base || add_tensor(s, r, &r->resid, s->place.base)) &&
        (!s->sae || add_tensor(s, r, &r->inserted, s->place.width)) &&
        (!s->dict || add_tensor(s, r, &r->f, watch_cols(s))) &&
        (!r->with_x || add_tensor(s, r, &r->x, dict_spec(line_dict(s, reference))->n)))
        return true;
    rows_drop(s, r);
    return false;
}

bool rows_reserve_h(struct session *s, struct window *w, enum track t)
{
    struct rows *r = w->rows;
    if (r->h[t].buf)
        return true;
    rows_make_room(s, (size_t)r->cap * (size_t)s->d_model * sizeof(float), 0);
    return add_tensor(s, r, &r->h[t], s->d_model);
}

bool rows_wants_kv(const struct session *s, const struct piece *p)
{
    if (p->line->reference)
        return false;
    return p->row > 0 || p->n < p->window->n || p->window->n > s->rows_per_job ||
           (s->n_lines > 0 && p->line == s->line[s->cursor_line]);
}

bool rows_reserve_kv(struct session *s, struct window *w, enum track t)
{
    struct rows *r = w->rows;
    const struct model_config *c = model_config(s->model);
    int32_t first = t == TRACK_PLAIN ? 0 : s->place.layer;
    if (r->kv[t] || first >= c->n_layers)
        return true;
    size_t bytes = 2 * (size_t)(c->n_layers - first) * (size_t)c->n_kv_heads * (size_t)c->head_dim *
                   (size_t)r->cap * sizeof(float);
    rows_make_room(s, 0, bytes);
    r->kv[t] = model_kv_new(s->model, s->run.queue, first, r->cap, &s->run.err);
    if (!r->kv[t])
        return error_prefix(&s->run.err, "keeping the keys and values of %d tokens", r->cap);
    count(s, r, 0, bytes);
    r->back_kv[t] = 0;
    if (t == TRACK_PLAIN)
        r->front_kv = 0;
    return true;
}
