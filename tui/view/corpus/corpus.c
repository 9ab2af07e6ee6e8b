/* The corpus as running text, each token coloured by a latent: where it is among
 * the active, or its pre-activation around zero on the scale of the shown corpus of that class. */
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/plot/plot.h"
#include "tui/view/corpus/corpus_private.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct corpus_view *v = view;
    *v = (struct corpus_view){.cls = -1, .token = -1};
}

static void release(void *view)
{
    struct corpus_view *v = view;
    corpus_page_release(&v->page);
    corpus_index_release(&v->index);
    table_set_unref(v->indexed);
    free(v->shown);
    watch_release(&v->watch);
    *v = (struct corpus_view){.cls = -1, .token = -1};
}

/* ---- documents shown: all, or those of a class */
int64_t corpus_n_shown(const struct corpus_view *v)
{
    return v->cls < 0 ? v->index.n_docs : v->n_shown;
}

int64_t corpus_shown(const struct corpus_view *v, int64_t i)
{
    return v->cls < 0 ? i : v->shown[i];
}

/* The first shown document at or behind `doc`. */
static int64_t place_of(const struct corpus_view *v, int64_t doc)
{
    int64_t lo = 0, hi = corpus_n_shown(v);
    while (lo < hi) {
        int64_t mid = lo + (hi - lo) / 2;
        if (corpus_shown(v, mid) < doc)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

static void filter(struct corpus_view *v)
{
    size_t cap = 0;
    free(v->shown);
    v->shown = NULL;
    v->n_shown = 0;
    if (v->cls >= v->index.classes.n)
        v->cls = -1;
    for (int64_t i = 0; v->cls >= 0 && i < v->index.n_docs; i++)
        if (v->index.doc[i].cls == v->cls) {
            v->shown = grow(v->shown, &cap, (size_t)v->n_shown + 1, sizeof *v->shown);
            v->shown[v->n_shown++] = i;
        }
}

/* ---- positions: a row of a shown document */
static int32_t rows_of(const struct corpus_view *v, int64_t shown)
{
    struct corpus_text t;
    int32_t n;
    corpus_text_make(&v->index, corpus_shown(v, shown), &t);
    free(text_rows(t.s, t.n, corpus_text_width(v, v->r), &n));
    corpus_text_release(&t);
    return n;
}

static bool before(struct corpus_at a, struct corpus_at b)
{
    return a.doc != b.doc ? a.doc < b.doc : a.row < b.row;
}

static struct corpus_at bounded(const struct corpus_view *v, struct corpus_at at)
{
    int64_t n = corpus_n_shown(v);
    if (at.doc >= n)
        at = (struct corpus_at){n > 0 ? n - 1 : 0, INT32_MAX};
    if (at.doc < 0 || n == 0)
        at = (struct corpus_at){0, 0};
    int32_t rows = n > 0 ? rows_of(v, at.doc) : 1;
    at.row = at.row >= rows ? rows - 1 : at.row < 0 ? 0 : at.row;
    return at;
}

/* `rows` on (or back); as far as it goes. */
static struct corpus_at moved(const struct corpus_view *v, struct corpus_at at, int rows)
{
    int64_t n = corpus_n_shown(v);
    at = bounded(v, at);
    while (rows > 0 && n > 0) {
        int32_t left = rows_of(v, at.doc) - 1 - at.row;
        if (rows <= left || at.doc + 1 >= n) {
            at.row += rows <= left ? rows : left;
            break;
        }
        rows -= left + 1;
        at = (struct corpus_at){at.doc + 1, 0};
    }
    while (rows < 0 && n > 0) {
        if (-rows <= at.row || at.doc == 0) {
            at.row = -rows <= at.row ? at.row + rows : 0;
            break;
        }
        rows += at.row + 1;
        at = (struct corpus_at){at.doc - 1, rows_of(v, at.doc - 1) - 1};
    }
    return at;
}

/* After anything that moves rows: the cursor's row is in sight, and the page is made anew. */
void corpus_arrange(struct corpus_view *v)
{
    int height = corpus_areas(v, v->r).rows.h;
    v->at = bounded(v, v->at);
    v->top = bounded(v, v->top);
    struct corpus_at lowest = moved(v, v->top, height - 1);
    if (before(v->at, v->top))
        v->top = v->at;
    else if (before(lowest, v->at))
        v->top = moved(v, v->at, 1 - height);
    /* no blank rows below the end while there is something above */
    struct corpus_at last = moved(v, (struct corpus_at){corpus_n_shown(v), 0}, 1 - height);
    if (before(last, v->top))
        v->top = last;
    corpus_page_release(&v->page);
    corpus_page_make(v, v->r, &v->page);
}

static void go(struct corpus_view *v, int rows)
{
    v->at = moved(v, v->at, rows);
    v->token = -1;
    corpus_arrange(v);
}

static void scroll(struct corpus_view *v, int rows)
{
    int height = corpus_areas(v, v->r).rows.h;
    v->top = moved(v, v->top, rows);
    struct corpus_at lowest = moved(v, v->top, height - 1);
    if (before(v->at, v->top))
        v->at = v->top;
    else if (before(lowest, v->at))
        v->at = lowest;
    corpus_arrange(v);
}

/* The row of a shown document that shows a byte. */
static int32_t row_of(const struct corpus_view *v, const struct corpus_text *t, size_t byte)
{
    int32_t n, row = 0;
    struct text_row *rows = text_rows(t->s, t->n, corpus_text_width(v, v->r), &n);
    while (row + 1 < n && rows[row + 1].start <= byte)
        row++;
    free(rows);
    return row;
}

/* ---- what is asked */
static void index_anew(struct corpus_view *v)
{
    struct table_set *set = v->watch.job.id ? v->watch.job.tables : NULL;
    if (set == v->indexed)
        return;
    corpus_page_release(&v->page);
    corpus_index_release(&v->index);
    table_set_unref(v->indexed);
    v->indexed = set ? table_set_ref(set) : NULL;
    const struct unit_id *unit = NULL;
    int32_t n = set ? request_units(&v->watch.request, &unit) : 0;
    if (set)
        corpus_index_make(&v->index, watch_table(&v->watch, "tokens"), v->watch.job.dicts, unit, n);
    if (v->subject > v->index.n_units)
        v->subject = 0;
    v->token = -1;
    v->match_n = 0;
    filter(v);
    corpus_arrange(v);
}

static void enter(void *view, const struct view_in *in)
{
    struct corpus_view *v = view;
    struct request r;
    if (pane_request(in, &tokens_query, NULL, &r)) {
        if (watch_ask(&v->watch, in->host, &r))
            v->at = v->top = (struct corpus_at){0, 0};
    } else if (in->workbench) {
        watch_release(&v->watch);
    }
    index_anew(v);
}

static bool update(void *view, const struct view_in *in)
{
    struct corpus_view *v = view;
    bool changed = watch_update(&v->watch, in->host);
    index_anew(v);
    return changed;
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct corpus_view *v = view;
    (void)in;
    if (memcmp(&r, &v->r, sizeof r) == 0)
        return;
    v->r = r;
    corpus_arrange(v);
}

/* ---- finding */
static bool match_in(struct corpus_view *v, int64_t shown, size_t from, size_t to, bool last)
{
    struct corpus_text t;
    size_t start, end;
    corpus_text_make(&v->index, corpus_shown(v, shown), &t);
    bool found = corpus_find(&t, v->words, from, to, last, &start, &end);
    if (found) {
        v->match_doc = corpus_shown(v, shown);
        v->match_at = start;
        v->match_n = end - start;
        v->at = (struct corpus_at){shown, row_of(v, &t, start)};
        v->token = -1;
    }
    corpus_text_release(&t);
    return found;
}

/* From the match at hand, else from the cursor's document, round the end. */
static void find(struct corpus_view *v, bool back)
{
    int64_t n = corpus_n_shown(v), at = v->at.doc;
    if (n == 0 || !v->words[0])
        return;
    bool here = v->match_n > 0 && corpus_shown(v, at) == v->match_doc;
    size_t from = !here ? 0 : v->match_at + 1, to = !here ? SIZE_MAX : v->match_at;
    bool found =
        back ? match_in(v, at, 0, here ? to : 0, true) : match_in(v, at, from, SIZE_MAX, false);
    for (int64_t i = 1; !found && i <= n; i++)
        found = match_in(v, back ? (at - i + n) % n : (at + i) % n, 0, SIZE_MAX, back);
    v->no_match = !found;
    if (!found)
        v->match_n = 0;
    corpus_arrange(v);
}

static bool type(struct corpus_view *v, const struct event *e)
{
    if (e->kind == EVENT_KEY && e->key == KEYS_ENTER) {
        v->typing = false;
        memcpy(v->words, v->prompt.s, sizeof v->words);
        v->match_n = 0;
        v->no_match = false;
        find(v, false);
        return true;
    }
    bool leave = (e->kind == EVENT_KEY && e->key == KEYS_ESC) ||
                 (e->kind == EVENT_KEY && e->key == KEYS_BACKSPACE && v->prompt.n == 0);
    if (leave) {
        v->typing = false;
        return true;
    }
    return prompt_event(&v->prompt, e);
}

/* ---- the mouse */
static bool click(struct corpus_view *v, const struct event *e)
{
    struct corpus_areas a = corpus_areas(v, v->r);
    if (rect_has(a.tabs, e->x, e->y)) {
        int subject = corpus_tab_at(v, a.tabs, e->x);
        v->subject = subject >= 0 ? subject : v->subject;
        return subject >= 0;
    }
    int line = e->y - a.rows.y;
    if (!rect_has(a.rows, e->x, e->y) || line >= v->page.n_lines)
        return false;
    const struct corpus_line *l = &v->page.line[line];
    v->at = l->at;
    v->token = corpus_token_at(v, a.rows, line, e->x);
    corpus_arrange(v);
    return true;
}

static bool mouse(struct corpus_view *v, const struct event *e)
{
    if (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN) {
        scroll(v, e->mouse == MOUSE_WHEEL_UP ? -3 : 3);
        return true;
    }
    return e->mouse == MOUSE_PRESS && e->button == 1 && click(v, e);
}

/* ---- actions */
static void open_document(const struct corpus_view *v, const struct view_in *in)
{
    if (!in->shared || corpus_n_shown(v) == 0)
        return;
    struct corpus_text t;
    corpus_text_make(&v->index, corpus_shown(v, v->at.doc), &t);
    size_t n, cursor = v->token >= 0 && v->token < t.n_tokens ? t.token[v->token].start : 0;
    char *clean = utf8_repair(t.s, t.n, &n, NULL);
    cursor = cursor > n || n != t.n ? 0 : cursor;
    shared_show_text(in->shared, clean, n, cursor);
    free(clean);
    corpus_text_release(&t);
}

static void next_class(struct corpus_view *v)
{
    int64_t doc = corpus_n_shown(v) > 0 ? corpus_shown(v, v->at.doc) : 0;
    v->cls = v->cls + 1 < v->index.classes.n ? v->cls + 1 : -1;
    filter(v);
    v->at = v->top = (struct corpus_at){place_of(v, doc), 0};
    v->token = -1;
    corpus_arrange(v);
}

static void next_subject(struct corpus_view *v, int by)
{
    int n = v->index.n_units > 1 ? v->index.n_units + 1 : 1;
    v->subject = ((v->subject + by) % n + n) % n;
}

static void take(const struct corpus_view *v, const struct view_in *in)
{
    int subject = corpus_subject(v);
    if (in->shared && subject > 0)
        shared_take(in->shared, v->index.unit[subject - 1], 0);
}

/* Esc: first the match, then the class. */
static bool back(struct corpus_view *v)
{
    if (v->words[0]) {
        v->words[0] = 0;
        v->match_n = 0;
        v->no_match = false;
    } else if (v->cls >= 0) {
        v->cls = v->index.classes.n;
        next_class(v);
    } else {
        return false;
    }
    return true;
}

static bool move(struct corpus_view *v, enum action_id action)
{
    int page = corpus_areas(v, v->r).rows.h;
    page = page > 1 ? page - 1 : 1;
    switch (action) {
    case ACTION_VIEW_UP: go(v, -1); return true;
    case ACTION_VIEW_DOWN: go(v, 1); return true;
    case ACTION_VIEW_PAGE_UP: go(v, -page); return true;
    case ACTION_VIEW_PAGE_DOWN: go(v, page); return true;
    case ACTION_VIEW_HOME:
        v->at = (struct corpus_at){0, 0};
        go(v, 0);
        return true;
    case ACTION_VIEW_END:
        v->at = (struct corpus_at){corpus_n_shown(v), 0};
        go(v, 0);
        return true;
    default: return false;
    }
}

static bool event(void *view, const struct view_in *in, const struct event *e)
{
    struct corpus_view *v = view;
    (void)in;
    if (v->typing)
        return type(v, e);
    return e->kind == EVENT_MOUSE && mouse(v, e);
}

static void end_typing(void *view, const struct view_in *in)
{
    event(view, in, &(struct event){.kind = EVENT_KEY, .key = KEYS_ENTER});
}

static bool act(void *view, const struct view_in *in, enum action_id action, bool extend)
{
    struct corpus_view *v = view;
    (void)extend;
    switch (action) {
    case ACTION_VIEW_LEFT:
    case ACTION_PREVIOUS_PANE: next_subject(v, -1); return true;
    case ACTION_VIEW_RIGHT:
    case ACTION_NEXT_PANE: next_subject(v, 1); return true;
    case ACTION_COLOUR_KIND: v->by_value = !v->by_value; return true;
    case ACTION_TARGET: next_class(v); return true;
    case ACTION_FILTER:
        v->typing = true;
        prompt_set(&v->prompt, v->words);
        return true;
    case ACTION_NEXT_MATCH: find(v, false); return true;
    case ACTION_PREVIOUS_MATCH: find(v, true); return true;
    case ACTION_VIEW_ENTER: open_document(v, in); return true;
    case ACTION_VIEW_TAKE: take(v, in); return true;
    case ACTION_VIEW_BACK: return back(v);
    default: return move(v, action);
    }
}

static bool typing(const void *view)
{
    const struct corpus_view *v = view;
    return v->typing;
}

static const struct table *table(const void *view)
{
    const struct corpus_view *v = view;
    return v->index.tokens;
}

static void plot(const void *view, struct plot_options *o)
{
    (void)view; /* running text is no plot */
    o->title = NULL;
}

static bool request(const void *view, const struct view_in *in, struct request *out)
{
    const struct corpus_view *v = view;
    (void)in;
    return watch_request(&v->watch, out);
}

const struct view_ops corpus_view = {.name = "corpus",
                                     .title = "Corpus",
                                     .where = IN_CORPUS_VIEW,
                                     .size = sizeof(struct corpus_view),
                                     .init = init,
                                     .release = release,
                                     .enter = enter,
                                     .update = update,
                                     .draw = corpus_draw,
                                     .arrange = arrange,
                                     .act = act,
                                     .event = event,
                                     .end_typing = end_typing,
                                     .typing = typing,
                                     .table = table,
                                     .plot = plot,
                                     .request = request};
