#include "tui/history.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

#define HISTORY_MAX_BYTES (64u << 20)
#define HISTORY_MAX_CHANGES 10000u

void history_init(struct history *h)
{
    *h = (struct history){0};
}

static size_t bytes_of(const struct change *c)
{
    return c->kind == CHANGE_TEXT ? c->edit.n_removed + c->edit.n_inserted : sizeof *c->sliders;
}

static void change_release(struct history *h, struct change *c)
{
    h->n_bytes -= bytes_of(c);
    free(c->sliders);
    free(c->edit.removed);
    free(c->edit.inserted);
}

void history_release(struct history *h)
{
    for (size_t i = 0; i < h->n; i++)
        change_release(h, &h->change[i]);
    free(h->change);
    *h = (struct history){0};
}

static void forget_oldest(struct history *h)
{
    size_t k = 0;
    while (k + 1 < h->n && (h->n_bytes > HISTORY_MAX_BYTES || h->n - k > HISTORY_MAX_CHANGES))
        change_release(h, &h->change[k++]);
    if (k == 0)
        return;
    memmove(h->change, h->change + k, (h->n - k) * sizeof *h->change);
    h->n -= k;
    h->done = h->done > k ? h->done - k : 0;
}

static void note(const struct history *h, const struct history_note *n)
{
    if (h->note)
        h->note(h->note_arg, n);
}

void history_push(struct history *h, const struct change *c)
{
    h->n_bytes += bytes_of(c);
    while (h->n > h->done)
        change_release(h, &h->change[--h->n]);
    h->change = grow(h->change, &h->cap, h->n + 1, sizeof *h->change);
    h->change[h->n++] = *c;
    h->done = h->n;
    forget_oldest(h);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\n' || c == '\t';
}

static char *joined(char *a, size_t n_a, const char *b, size_t n_b)
{
    a = xrealloc(a, n_a + n_b + 1);
    if (n_b > 0)
        memcpy(a + n_a, b, n_b);
    return a;
}

/* Typing onwards joins until the next word begins; deleting joins deleting next to it. */
static bool join(struct history *h, struct edit *last, const struct edit *e)
{
    bool inserts =
        last->n_removed == 0 && e->n_removed == 0 && e->at == last->at + last->n_inserted;
    bool new_word = inserts && last->n_inserted > 0 && e->n_inserted > 0 &&
                    !is_space(e->inserted[0]) && is_space(last->inserted[last->n_inserted - 1]);
    bool deletes = last->n_inserted == 0 && e->n_inserted == 0;
    if (inserts && !new_word) {
        last->inserted = joined(last->inserted, last->n_inserted, e->inserted, e->n_inserted);
        last->n_inserted += e->n_inserted;
    } else if (deletes && e->at == last->at) { /* forwards */
        last->removed = joined(last->removed, last->n_removed, e->removed, e->n_removed);
        last->n_removed += e->n_removed;
    } else if (deletes && e->at + e->n_removed == last->at) { /* backwards */
        last->removed = joined(last->removed, last->n_removed, e->removed, e->n_removed);
        memmove(last->removed + e->n_removed, last->removed, last->n_removed);
        memcpy(last->removed, e->removed, e->n_removed);
        last->n_removed += e->n_removed;
        last->at = e->at;
    } else {
        return false;
    }
    last->cursor_after = e->cursor_after;
    h->n_bytes += e->n_removed + e->n_inserted;
    return true;
}

void history_edit(struct history *h, const struct edit *e, bool typing)
{
    note(h, &(struct history_note){.kind = NOTE_EDIT, .joins = typing, .edit = e});
    if (typing && h->done > 0 && h->done == h->n) {
        struct change *last = &h->change[h->n - 1];
        if (last->open && last->kind == CHANGE_TEXT && join(h, &last->edit, e))
            return;
    }
    struct change c = {.kind = CHANGE_TEXT, .open = typing, .edit = *e};
    c.edit.removed = joined(NULL, 0, e->removed, e->n_removed);
    c.edit.inserted = joined(NULL, 0, e->inserted, e->n_inserted);
    history_push(h, &c);
}

/* Values of the same sliders moved, nothing else: a further step of the same movement. */
static bool moves_on(const struct change *last, const struct sliders *before,
                     const struct sliders *after)
{
    if (!last->open || last->kind != CHANGE_SLIDERS ||
        !sliders_equal(&last->sliders->after, before))
        return false;
    for (int i = 0; i < after->n; i++) {
        const struct sliders *a = &last->sliders->before, *b = &last->sliders->after;
        bool moved_then = i < a->n && a->unit[i].value != b->unit[i].value;
        bool moves_now = before->unit[i].value != after->unit[i].value;
        if (moved_then != moves_now)
            return false;
    }
    return before->n == after->n;
}

void history_sliders(struct history *h, const struct sliders *before, const struct sliders *after,
                     bool more)
{
    if (sliders_equal(before, after))
        return;
    note(h, &(struct history_note){
                .kind = NOTE_SLIDERS, .joins = more, .before = before, .after = after});
    if (more && h->done > 0 && h->done == h->n && moves_on(&h->change[h->n - 1], before, after)) {
        h->change[h->n - 1].sliders->after = *after;
        return;
    }
    struct change c = {
        .kind = CHANGE_SLIDERS, .open = more, .sliders = xcalloc(1, sizeof *c.sliders)};
    c.sliders->before = *before;
    c.sliders->after = *after;
    history_push(h, &c);
}

static bool close_last(struct history *h)
{
    bool open = h->done > 0 && h->change[h->done - 1].open;
    if (open)
        h->change[h->done - 1].open = false;
    return open;
}

void history_break(struct history *h)
{
    if (close_last(h))
        note(h, &(struct history_note){.kind = NOTE_BREAK});
}

static const struct sliders *sliders_of(const struct change *c, bool undo)
{
    if (c->kind != CHANGE_SLIDERS)
        return NULL;
    return undo ? &c->sliders->before : &c->sliders->after;
}

const struct change *history_undo(struct history *h)
{
    close_last(h);
    if (h->done == 0)
        return NULL;
    const struct change *c = &h->change[--h->done];
    note(h, &(struct history_note){.kind = NOTE_UNDO, .after = sliders_of(c, true)});
    return c;
}

const struct change *history_redo(struct history *h)
{
    close_last(h);
    if (h->done == h->n)
        return NULL;
    const struct change *c = &h->change[h->done++];
    note(h, &(struct history_note){.kind = NOTE_REDO, .after = sliders_of(c, false)});
    return c;
}

struct unit_id unit_moved(struct unit_id u, const int32_t *place, int32_t n)
{
    u.dict = u.dict >= 0 && u.dict < n ? place[u.dict] : -1;
    return u;
}

void sliders_move(struct sliders *s, const int32_t *place, int32_t n)
{
    for (int j = 0; j < s->n; j++)
        s->unit[j].id = unit_moved(s->unit[j].id, place, n);
    s->dict = s->dict < n && place[s->dict] >= 0 ? place[s->dict] : 0;
    s->insert = insertion_moved(s->insert, place, n);
}

void history_move_units(struct history *h, const int32_t *place, int32_t n)
{
    for (size_t i = 0; i < h->n; i++) {
        struct slider_change *c = h->change[i].sliders;
        if (c) {
            sliders_move(&c->before, place, n);
            sliders_move(&c->after, place, n);
        }
    }
}

static bool has_unit_beyond(const struct sliders *s, const int32_t *limit, int32_t n)
{
    if (s->dict >= (n > 0 ? n : 1))
        return true;
    for (int i = 0; i < s->n; i++)
        if (s->unit[i].id.dict < 0 || s->unit[i].id.dict >= n ||
            s->unit[i].id.index >= limit[s->unit[i].id.dict])
            return true;
    return false;
}

void history_drop_sliders(struct history *h, const int32_t *limit, int32_t n_limits)
{
    size_t kept = 0, done = 0;
    for (size_t i = 0; i < h->n; i++) {
        struct change *c = &h->change[i];
        bool drops =
            c->kind == CHANGE_SLIDERS && (has_unit_beyond(&c->sliders->before, limit, n_limits) ||
                                          has_unit_beyond(&c->sliders->after, limit, n_limits));
        if (drops) {
            change_release(h, c);
            continue;
        }
        done += i < h->done;
        h->change[kept++] = *c;
    }
    if (kept == h->n)
        return;
    h->n = kept;
    h->done = done;
    note(h, &(struct history_note){.kind = NOTE_DROP, .limit = limit, .n_limits = n_limits});
}

static size_t size_of(const struct change *c)
{
    return c->kind == CHANGE_TEXT ? c->edit.n_removed + c->edit.n_inserted : 0;
}

void history_window(const struct history *h, size_t max_bytes, size_t *from, size_t *to)
{
    size_t left = max_bytes;
    for (*from = h->done; *from > 0 && size_of(&h->change[*from - 1]) <= left; --*from)
        left -= size_of(&h->change[*from - 1]);
    for (*to = h->done; *to < h->n && size_of(&h->change[*to]) <= left; ++*to)
        left -= size_of(&h->change[*to]);
}
