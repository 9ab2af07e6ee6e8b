/* Jobs: what runs, waits and has run; how fast, how long still, or what went wrong. */
#include "engine/base/memory.h"
#include "tui/plot/plot.h"
#include "tui/unit_words.h"
#include "tui/view/job_line.h"
#include "tui/view/pane.h"
#include "tui/view/view.h"
#include "tui/widget/list.h"
#include "tui/widget/text_rows.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DETAIL_ROWS = 7 };

struct jobs {
    struct job *job; /* [n] newest first */
    int n, n_all;
    struct list list;
    struct table *table; /* of what is listed; made with it */
    bool zoom;           /* the list alone */
    struct rect r;
};

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct jobs *v = view;
    *v = (struct jobs){0};
}

static void forget(struct jobs *v)
{
    for (int i = 0; i < v->n; i++)
        job_release(&v->job[i]);
    free(v->job);
    table_free(v->table);
    v->job = NULL;
    v->table = NULL;
    v->n = 0;
}

static void release(void *view)
{
    forget(view);
}

/* ---- as a table, for files and the clipboard */
static const char *const status_name[] = {[JOB_QUEUED] = "waits",
                                          [JOB_RUNNING] = "runs",
                                          [JOB_DONE] = "done",
                                          [JOB_FAILED] = "failed",
                                          [JOB_CANCELLED] = "cancelled"};

static void command_of(const struct job *j, const struct view_in *in, struct strbuf *out)
{
    struct options plain, said;
    options_init(&plain);
    request_options(&j->request, in->options ? in->options : &plain, in->workbench, &said);
    request_command(&j->request, &said, j->dicts, out);
}

static struct table *table_of(const struct jobs *v, const struct view_in *in)
{
    struct table *t = table_new("jobs", "Jobs", MARK_LIST);
    enum { ID, STATUS, WHAT, CORPUS, SHARE, SECONDS, CACHED, COMMAND };
    table_column(t, "id", "", "in the order they were asked", COLUMN_I64, COLUMN_KEY);
    table_column(t, "status", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "what", "", "what was asked", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "corpus", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "share", "share", "done", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "seconds", "s", "it has taken", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "cached", "", "found in the cache", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "command", "", "gives the same", COLUMN_STR, COLUMN_TEXT);
    for (int i = 0; i < v->n; i++) {
        const struct job *j = &v->job[i];
        char what[64], corpus[128];
        struct strbuf command;
        strbuf_init(&command);
        command_of(j, in, &command);
        job_line_what(j, what, sizeof what);
        unit_words_in(in->workbench, what);
        corpus_choice_name(&j->request.corpus, corpus, sizeof corpus);
        int64_t row = table_row(t);
        table_set_i64(t, row, ID, (int64_t)j->id);
        table_set_str(t, row, STATUS, status_name[j->status]);
        table_set_str(t, row, WHAT, what);
        table_set_str(t, row, CORPUS, corpus);
        table_set_f64(t, row, SHARE, j->status == JOB_DONE ? 1 : job_share(j));
        table_set_f64(t, row, SECONDS, j->seconds);
        table_set_bool(t, row, CACHED, j->cached);
        table_set_str(t, row, COMMAND, command.s);
        strbuf_release(&command);
    }
    return t;
}

/* ---- what there is */
static uint64_t selected_id(const struct jobs *v)
{
    return v->list.selected < v->n && v->n > 0 ? v->job[v->list.selected].id : 0;
}

/* The selection stays with its job when newer ones come; at the top it stays with the newest. */
static void select_id(struct jobs *v, uint64_t id)
{
    list_resize(&v->list, v->n, v->list.height);
    for (int i = 0; id && v->list.selected > 0 && i < v->n; i++)
        if (v->job[i].id == id)
            list_select(&v->list, i);
}

static bool same_job(const struct job *a, const struct job *b)
{
    return a->id == b->id && a->status == b->status && a->version == b->version &&
           a->progress.done == b->progress.done && a->progress.total == b->progress.total &&
           memcmp(&a->progress.left, &b->progress.left, sizeof a->progress.left) == 0 &&
           memcmp(&a->seconds, &b->seconds, sizeof a->seconds) == 0 &&
           strcmp(a->what, b->what) == 0;
}

static bool update(void *view, const struct view_in *in)
{
    struct jobs *v = view;
    uint64_t id[JOBS_KEPT], selected = selected_id(v);
    struct jobs fresh = {.list = v->list, .zoom = v->zoom, .r = v->r};
    if (!in->host || !in->host->jobs)
        return false;
    fresh.n_all = in->host->jobs(in->host->arg, id, JOBS_KEPT);
    fresh.job = xcalloc(JOBS_KEPT, sizeof *fresh.job);
    for (int i = 0; i < fresh.n_all && i < JOBS_KEPT; i++)
        fresh.n += in->host->job(in->host->arg, id[i], &fresh.job[fresh.n]);
    bool same = fresh.n == v->n && v->table;
    for (int i = 0; same && i < v->n; i++)
        same = same_job(&v->job[i], &fresh.job[i]);
    if (same) {
        forget(&fresh);
        return false;
    }
    fresh.table = table_of(&fresh, in);
    forget(v);
    *v = fresh;
    select_id(v, selected);
    return true;
}

static void enter(void *view, const struct view_in *in)
{
    update(view, in);
}

/* ---- where things stand */
struct areas { /* h 0: not drawn */
    struct rect list, detail;
};

static struct areas areas(const struct jobs *v, struct rect r)
{
    struct areas a = {.list = r};
    if (!v->zoom && r.h >= DETAIL_ROWS + 5 && r.w >= 20) {
        a.list.h = r.h - DETAIL_ROWS;
        a.detail = (struct rect){r.x, r.y + a.list.h, r.w, DETAIL_ROWS};
    }
    return a;
}

static struct rect inside(struct rect r)
{
    return r.h < 3 || r.w < 6 ? r : rect_inner(r, 1, 1);
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct jobs *v = view;
    (void)in;
    v->r = r;
    list_resize(&v->list, v->n, inside(areas(v, r).list).h);
}

/* ---- drawing */
struct jobs_drawing {
    const struct jobs *v;
    const struct view_in *in;
    struct grid *g;
};

static struct style look(const struct jobs_drawing *d, enum theme_role role)
{
    return theme_style(d->in->theme, role);
}

static void draw_status(const struct jobs_drawing *d, struct rect r, int y, enum job_status status)
{
    static const char *const glyph[] = {"○", "▸", "●", "×", "–"};
    static const char *const ascii[] = {".", ">", "*", "x", "-"};
    static const enum theme_role role[] = {ROLE_DIM, ROLE_FOCUS, ROLE_GOOD, ROLE_ERROR,
                                           ROLE_WARNING};
    grid_put(d->g, r, r.x + 1, y, look(d, role[status]),
             d->in->ascii ? ascii[status] : glyph[status], 1);
}

static void draw_row(const struct jobs_drawing *d, struct rect r, int y, int row)
{
    const struct job *j = &d->v->job[row];
    bool selected = row == d->v->list.selected;
    struct job_line state;
    char what[64], corpus[128];
    int what_w = r.w >= 70 ? 26 : r.w >= 60 ? 22 : r.w >= 40 ? 16 : r.w - 8;
    int corpus_w = r.w >= 90 ? 22 : r.w >= 60 ? 13 : 0;
    if (selected)
        grid_fill(d->g, (struct rect){r.x, y, r.w, 1}, look(d, ROLE_SELECTION));
    draw_status(d, r, y, j->status);
    job_line_what(j, what, sizeof what);
    unit_words_in(d->in->workbench, what);
    corpus_choice_name(&j->request.corpus, corpus, sizeof corpus);
    struct rect cell = rect_clip((struct rect){r.x + 3, y, what_w - 1, 1}, r);
    grid_text(d->g, cell, cell.x, y, look(d, ROLE_TEXT), what, strlen(what));
    cell = rect_clip((struct rect){r.x + 3 + what_w, y, corpus_w - 1, 1}, r);
    if (corpus_w > 0 && j->request.query->corpus)
        grid_text(d->g, cell, cell.x, y, look(d, ROLE_DIM), corpus, strlen(corpus));
    int x = r.x + 3 + what_w + corpus_w;
    if (r.w >= 40) {
        job_line_state(j, d->in->ascii, r.x + r.w - x, &state);
        job_segments_draw(&state, d->in->theme, d->g, r, x, y);
    } else if (j->status == JOB_RUNNING && r.w >= 16) {
        grid_printf(d->g, r, r.x + r.w - 5, y, look(d, ROLE_HEADING), "%3.0f %%",
                    100 * job_share(j));
    }
    if (selected)
        grid_style(d->g, rect_clip((struct rect){r.x, y, r.w, 1}, r), look(d, ROLE_SELECTION));
}

static void list_title(const struct jobs *v, char *out, size_t n)
{
    int running = 0, waiting = 0;
    for (int i = 0; i < v->n; i++) {
        running += v->job[i].status == JOB_RUNNING;
        waiting += v->job[i].status == JOB_QUEUED;
    }
    if (running + waiting == 0)
        snprintf(out, n, "Jobs");
    else if (waiting == 0)
        snprintf(out, n, "Jobs: %d running", running);
    else
        snprintf(out, n, "Jobs: %d running, %d waiting", running, waiting);
}

static void draw_list(const struct jobs_drawing *d, struct rect r)
{
    const struct jobs *v = d->v;
    char title[80], more[48];
    struct rect in = inside(r);
    list_title(v, title, sizeof title);
    if (in.h < r.h)
        grid_box(d->g, r, title, true, d->in->theme);
    if (v->n == 0 && in.w >= 60)
        grid_printf(d->g, in, in.x + 1, in.y, look(d, ROLE_DIM),
                    "nothing was asked yet: 2 %s, 3 histograms, 4 sweep, 5 corpus",
                    unit_words(d->in->workbench)->many);
    else if (v->n == 0)
        grid_printf(d->g, in, in.x + 1, in.y, look(d, ROLE_DIM), "nothing was asked yet");
    for (int i = 0; i < in.h && v->list.top + i < v->n; i++)
        draw_row(d, in, in.y + i, v->list.top + i);
    if (v->n > in.h) {
        snprintf(more, sizeof more, "%d%s%d of %d", v->list.top + 1, d->in->ascii ? "-" : "–",
                 v->list.top + in.h < v->n ? v->list.top + in.h : v->n, v->n_all);
        pane_edge(d->g, d->in->theme, r, more);
    } else if (v->n > 0) {
        pane_edge(d->g, d->in->theme, r,
                  d->in->ascii ? "Enter shows it - x cancels" : "Enter shows it · x cancels");
    }
    d->g->cursor_x = in.x;
    d->g->cursor_y = in.y + (v->n > 0 && in.h > 0 ? v->list.selected - v->list.top : 0);
}

/* Wraps text into r; the rows it took. */
static int draw_wrapped(const struct jobs_drawing *d, struct rect r, struct style s,
                        const char *text)
{
    int32_t n;
    if (r.w <= 0 || r.h <= 0)
        return 0;
    struct text_row *row = text_rows(text, strlen(text), r.w, &n);
    for (int32_t i = 0; i < n && i < r.h; i++)
        grid_text(d->g, r, r.x, r.y + i, s, text + row[i].start, row[i].end - row[i].start);
    free(row);
    return n < r.h ? n : r.h;
}

static void draw_facts(const struct jobs_drawing *d, struct rect r, const struct job *j)
{
    char tokens[32], time[32];
    int x = r.x;
    if (r.h <= 0)
        return;
    if (j->status == JOB_FAILED) {
        draw_wrapped(d, r, look(d, ROLE_ERROR), j->error.text);
        return;
    }
    duration_text(j->seconds, time, sizeof time);
    x = grid_printf(d->g, r, x, r.y, look(d, ROLE_DIM), "%s", status_name[j->status]);
    if (j->status == JOB_RUNNING && j->what[0])
        x = grid_printf(d->g, r, x, r.y, look(d, ROLE_DIM), ", %s", j->what);
    if (j->seconds > 0)
        x = grid_printf(d->g, r, x, r.y, look(d, ROLE_DIM), ", %s%s", time,
                        j->cached ? " from the cache" : "");
    count_text(j->progress.tokens, tokens, sizeof tokens);
    if (j->progress.tokens > 0)
        x = grid_printf(d->g, r, x, r.y, look(d, ROLE_DIM), ", %s tokens", tokens);
    if (j->progress.total > 0 && j->status != JOB_DONE)
        grid_printf(d->g, r, x, r.y, look(d, ROLE_DIM), ", part %lld of %lld",
                    (long long)j->progress.done, (long long)j->progress.total);
}

static void draw_detail(const struct jobs_drawing *d, struct rect r)
{
    const struct jobs *v = d->v;
    if (r.h <= 0 || r.w <= 0)
        return;
    char what[64];
    bool any = v->list.selected < v->n;
    if (any) {
        job_line_what(&v->job[v->list.selected], what, sizeof what);
        unit_words_in(d->in->workbench, what);
    }
    grid_box(d->g, r, any ? what : "", false, d->in->theme);
    struct rect in = rect_inner(r, 2, 1);
    if (!any || in.h <= 0)
        return;
    const struct job *j = &v->job[v->list.selected];
    struct strbuf command;
    strbuf_init(&command);
    command_of(j, d->in, &command);
    int used = draw_wrapped(d, in, look(d, ROLE_TEXT), command.s);
    strbuf_release(&command);
    if (used + 1 < in.h)
        used++; /* a blank row between */
    in.y += used;
    in.h -= used;
    draw_facts(d, in, j);
}

static void draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct jobs *v = view;
    struct jobs_drawing d = {v, in, g};
    if (r.w <= 0 || r.h <= 0)
        return;
    struct areas a = areas(v, r);
    draw_list(&d, a.list);
    draw_detail(&d, a.detail);
}

/* ---- events */
static void open_job(const struct jobs *v, const struct view_in *in)
{
    if (in->shared && v->list.selected < v->n)
        shared_go(in->shared, v->job[v->list.selected].request.query->view);
}

static void cancel(const struct jobs *v, const struct view_in *in)
{
    if (!in->host || !in->host->cancel || v->list.selected >= v->n)
        return;
    const struct job *j = &v->job[v->list.selected];
    if (job_is_pending(j))
        in->host->cancel(in->host->arg, j->id);
}

static bool mouse(struct jobs *v, const struct view_in *in, const struct event *e)
{
    struct rect rows = inside(areas(v, v->r).list);
    if (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN) {
        list_scroll(&v->list, e->mouse == MOUSE_WHEEL_UP ? -3 : 3);
        return true;
    }
    int row = v->list.top + e->y - rows.y;
    if (e->mouse != MOUSE_PRESS || e->button != 1 || !rect_has(rows, e->x, e->y) || row >= v->n)
        return false;
    list_select(&v->list, row);
    if (e->clicks >= 2)
        open_job(v, in);
    return true;
}

static bool event(void *view, const struct view_in *in, const struct event *e)
{
    return e->kind == EVENT_MOUSE && mouse(view, in, e);
}

static bool act(void *view, const struct view_in *in, enum action_id action, bool extend)
{
    struct jobs *v = view;
    int row;
    (void)extend;
    if (list_key(&v->list, action, &row)) {
        list_select(&v->list, row);
        return true;
    }
    switch (action) {
    case ACTION_VIEW_ENTER: open_job(v, in); break;
    case ACTION_JOB_CANCEL: cancel(v, in); break;
    case ACTION_ZOOM: v->zoom = !v->zoom; break;
    default: return false;
    }
    return true;
}

static const struct table *table(const void *view)
{
    const struct jobs *v = view;
    return v->table;
}

static void plot(const void *view, struct plot_options *o)
{
    (void)view; /* a list */
    o->title = NULL;
}

static bool request(const void *view, const struct view_in *in, struct request *out)
{
    const struct jobs *v = view;
    (void)in;
    if (v->list.selected >= v->n)
        return false;
    request_copy(out, &v->job[v->list.selected].request);
    return true;
}

const struct view_ops jobs_view = {.name = "jobs",
                                   .title = "Jobs",
                                   .where = IN_JOBS_VIEW,
                                   .size = sizeof(struct jobs),
                                   .init = init,
                                   .release = release,
                                   .enter = enter,
                                   .update = update,
                                   .draw = draw,
                                   .arrange = arrange,
                                   .act = act,
                                   .event = event,
                                   .table = table,
                                   .plot = plot,
                                   .request = request};
