/* Rows of activations and keys and values of the windows, on the device, under a budget. */
#include "engine/base/memory.h"
#include "engine/session/internal.h"
#include <stdlib.h>

static int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

static void unlink_store(struct session *s, struct store *st)
{
    if (s->stores == st)
        s->stores = st->next;
    if (st->prev)
        st->prev->next = st->next;
    if (st->next)
        st->next->prev = st->prev;
    st->prev = st->next = NULL;
}

static bool is_listed(const struct session *s, const struct store *st)
{
    return st->prev || st->next || s->stores == st;
}

static void free_tensor(struct session *s, struct tensor *t)
{
    if (t->buf)
        s->backend->buf_free(s->backend, t->buf);
    *t = (struct tensor){0};
}

static void drop_kv(struct session *s, struct store *st)
{
    for (int t = 0; t < N_TRACKS; t++) {
        model_kv_free(s->model, st->kv[t]);
        st->kv[t] = NULL;
        st->back_kv[t] = 0;
    }
    st->front_kv = 0;
    if (is_listed(s, st))
        s->kv_bytes -= st->kv_bytes;
    st->kv_bytes = 0;
}

void store_drop(struct session *s, struct store *st)
{
    drop_kv(s, st);
    free_tensor(s, &st->x);
    free_tensor(s, &st->value);
    free_tensor(s, &st->resid);
    free_tensor(s, &st->inserted);
    for (int t = 0; t < N_TRACKS; t++) {
        free_tensor(s, &st->h[t]);
        st->back_rows[t] = 0;
    }
    st->front_rows = 0;
    st->cap = 0;
    if (is_listed(s, st))
        s->row_bytes -= st->bytes;
    st->bytes = 0;
}

void store_drop_h(struct session *s, struct store *st, enum track t)
{
    if (!st->h[t].buf)
        return;
    size_t bytes = (size_t)st->cap * (size_t)s->d_model * sizeof(float);
    free_tensor(s, &st->h[t]);
    st->back_rows[t] = 0;
    st->bytes -= bytes;
    if (is_listed(s, st))
        s->row_bytes -= bytes;
}

void store_free(struct session *s, struct store *st)
{
    if (!st)
        return;
    store_drop(s, st);
    if (is_listed(s, st))
        unlink_store(s, st);
    free(st);
}

void store_truncate(struct store *st, int32_t rows)
{
    if (!st)
        return;
    st->front_rows = min32(st->front_rows, rows);
    st->front_kv = min32(st->front_kv, rows);
    for (int t = 0; t < N_TRACKS; t++) {
        st->back_rows[t] = min32(st->back_rows[t], rows);
        st->back_kv[t] = min32(st->back_kv[t], rows);
    }
}

int32_t store_front_start(const struct window *w)
{
    return w->store ? min32(w->store->front_rows, w->store->front_kv) : 0;
}

int32_t store_back_start(const struct window *w, enum track t)
{
    return w->store ? min32(w->store->back_rows[t], w->store->back_kv[t]) : 0;
}

/* The least recently used store that none of the last steps touched: a pack's windows pass from the
 * front to the lanes in neighbouring steps, and dropping them between the two would never end. */
static struct store *oldest(const struct session *s, bool kv)
{
    struct store *best = NULL;
    for (struct store *st = s->stores; st; st = st->next) {
        bool holds = kv ? st->kv_bytes > 0 : st->bytes > 0;
        if (holds && st->used + HOLD_STEPS < s->tick && (!best || st->used < best->used))
            best = st;
    }
    return best;
}

void store_make_room(struct session *s, size_t rows, size_t kv)
{
    if (s->n_lines > 0) {
        const struct line *l = s->line[s->cursor_line];
        for (int32_t i = 0; i < l->n_windows; i++)
            if (l->window[i].store)
                l->window[i].store->used = s->tick;
    }
    struct store *st;
    while (s->kv_bytes + kv > s->kv_budget && (st = oldest(s, true)))
        drop_kv(s, st);
    while (s->row_bytes + rows > s->row_budget && (st = oldest(s, false)))
        store_drop(s, st);
}

static void count(struct session *s, struct store *st, size_t rows, size_t kv)
{
    st->bytes += rows;
    st->kv_bytes += kv;
    if (is_listed(s, st)) {
        s->row_bytes += rows;
        s->kv_bytes += kv;
    }
}

static bool add_rows(struct session *s, struct store *st, struct tensor *t, int32_t cols)
{
    *t = tensor_new(s->backend, st->cap, cols, s->backend->caps.real, &s->run.err);
    if (!t->buf)
        return error_prefix(&s->run.err, "keeping %d rows of the text", st->cap);
    count(s, st, (size_t)st->cap * (size_t)cols * sizeof(float), 0);
    return true;
}

static struct store *store_new(struct session *s, bool reference)
{
    struct store *st = xcalloc(1, sizeof *st);
    if (reference)
        return st;
    st->next = s->stores;
    if (s->stores)
        s->stores->prev = st;
    s->stores = st;
    return st;
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
    return reference ? s->identity : s->dict != NULL;
}

size_t store_row_bytes(const struct session *s, bool reference)
{
    size_t cols = (size_t)s->width * (s->sae ? 2 : 1) + (s->has_resid ? (size_t)s->d_model : 0) +
                  (keeps_x(s, reference) ? (size_t)s->n_in : 0);
    return cols * sizeof(float);
}

bool store_reserve(struct session *s, const struct line *l, struct window *w, bool reference)
{
    if (!w->store)
        w->store = store_new(s, reference);
    struct store *st = w->store;
    st->used = s->tick;
    if (st->cap >= w->n && st->value.buf)
        return true;
    store_drop(s, st);
    int32_t cap = capacity(s, l, w->n);
    st->with_x = keeps_x(s, reference);
    if (!reference)
        store_make_room(s, (size_t)cap * store_row_bytes(s, false), 0);
    st->cap = cap;
    if (add_rows(s, st, &st->value, s->width) &&
        (!s->has_resid || add_rows(s, st, &st->resid, s->d_model)) &&
        (!s->sae || add_rows(s, st, &st->inserted, s->width)) &&
        (!st->with_x || add_rows(s, st, &st->x, s->n_in)))
        return true;
    store_drop(s, st);
    return false;
}

bool store_reserve_h(struct session *s, struct window *w, enum track t)
{
    struct store *st = w->store;
    if (st->h[t].buf)
        return true;
    store_make_room(s, (size_t)st->cap * (size_t)s->d_model * sizeof(float), 0);
    return add_rows(s, st, &st->h[t], s->d_model);
}

bool store_reserve_kv(struct session *s, struct window *w, enum track t)
{
    struct store *st = w->store;
    const struct model_config *c = model_config(s->model);
    int32_t first = t == TRACK_PLAIN ? 0 : s->first_back;
    if (st->kv[t] || first >= c->n_layers)
        return true;
    size_t bytes =
        2 * (size_t)(c->n_layers - first) * (size_t)c->d_model * (size_t)st->cap * sizeof(float);
    store_make_room(s, 0, bytes);
    st->kv[t] = model_kv_new(s->model, first, st->cap, &s->run.err);
    if (!st->kv[t])
        return error_prefix(&s->run.err, "keeping the keys and values of %d tokens", st->cap);
    count(s, st, 0, bytes);
    st->back_kv[t] = 0;
    if (t == TRACK_PLAIN)
        st->front_kv = 0;
    return true;
}
