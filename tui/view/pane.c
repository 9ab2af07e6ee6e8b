#include "tui/view/pane.h"
#include "engine/base/memory.h"
#include "tui/unit_words.h"
#include "tui/view/job_line.h"
#include "tui/widget/list.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- units and requests */
int32_t pane_units(const struct view_in *in, struct unit_id out[UNITS_MAX])
{
    if (in->shared)
        return shared_units(in->shared, out);
    if (!in->workbench)
        return 0;
    memcpy(out, in->workbench->chosen, (size_t)in->workbench->n_chosen * sizeof *out);
    return in->workbench->n_chosen;
}

bool pane_request(const struct view_in *in, const struct query *query, const char *target,
                  struct request *r)
{
    struct unit_id unit[UNITS_MAX];
    if (!in->host || !in->host->ask || !in->workbench || !in->workbench->dict)
        return false;
    int32_t n = pane_units(in, unit);
    if (n <= 0)
        return false;
    request_init(r, query);
    if (in->corpus) {
        corpus_choice_release(&r->corpus);
        corpus_choice_copy(&r->corpus, in->corpus);
    }
    request_set_units(r, unit, n);
    if (target)
        params_set_text(&r->params, "target", target);
    return true;
}

/* ---- drawing */
void corpus_label(const struct corpus_choice *c, bool ascii, int columns, char *out, size_t n)
{
    char name[256], glyph[GRID_GLYPH_MAX];
    const char *dots = ascii ? "..." : "…";
    size_t at = 0, len;
    int w = 0, more = 0;
    corpus_choice_name(c, name, sizeof name);
    len = strlen(name);
    if (text_columns(name, len) <= columns) {
        snprintf(out, n, "%s", name);
        return;
    }
    while (at < len) {
        size_t k = text_cluster(name + at, len - at, &more, glyph);
        if (w + more + text_columns(dots, strlen(dots)) > columns)
            break;
        w += more;
        at += k;
    }
    snprintf(out, n, "%.*s%s", (int)at, name, dots);
}

enum theme_role class_role(int cls)
{
    static const enum theme_role role[] = {ROLE_CLASS_1, ROLE_CLASS_2, ROLE_CLASS_3, ROLE_CLASS_4};
    return cls < 0 ? ROLE_DIM : role[cls % 4];
}

struct rect rect_clip(struct rect r, struct rect within)
{
    int right = r.x + r.w < within.x + within.w ? r.x + r.w : within.x + within.w;
    int bottom = r.y + r.h < within.y + within.h ? r.y + r.h : within.y + within.h;
    r.x = r.x > within.x ? r.x : within.x;
    r.y = r.y > within.y ? r.y : within.y;
    r.w = right > r.x ? right - r.x : 0;
    r.h = bottom > r.y ? bottom - r.y : 0;
    return r;
}

int text_width(const char *s)
{
    return text_columns(s, strlen(s));
}

int pane_say(struct grid *g, struct rect r, struct style style, const char *text)
{
    size_t n = strlen(text), at = 0;
    int y = 0;
    while (r.w > 0 && y < r.h && at < n) {
        size_t i = at, end = at;
        int w = 0, columns;
        char glyph[GRID_GLYPH_MAX];
        while (i < n) {
            size_t k = text_cluster(text + i, n - i, &columns, glyph);
            if (w + columns > r.w && i > at)
                break;
            end = text[i] == ' ' ? i : end;
            w += columns;
            i += k;
        }
        size_t stop = i == n || end == at ? i : end;
        grid_text(g, r, r.x, r.y + y++, style, text + at, stop - at);
        for (at = stop; at < n && text[at] == ' '; at++) {
        }
    }
    return y;
}

struct rect pane_inner(struct rect r, bool framed, bool folded)
{
    if (folded || r.w <= 0 || r.h <= 0)
        return (struct rect){r.x, r.y, 0, 0};
    return framed && r.h >= 3 && r.w >= 3 ? rect_inner(r, 1, 1) : r;
}

void pane_edge(struct grid *g, const struct theme *theme, struct rect frame, const char *text)
{
    struct style dim = theme_style(theme, ROLE_DIM);
    if (frame.h < 3 || frame.w < 12 || !*text)
        return;
    struct rect edge = {frame.x + 2, frame.y + frame.h - 1, frame.w - 4, 1};
    int x = grid_text(g, edge, edge.x, edge.y, dim, " ", 1);
    x = grid_text(g, edge, x, edge.y, dim, text, strlen(text));
    grid_text(g, edge, x, edge.y, dim, " ", 1);
}

/* One job runs at a time: what a queued one waits for. */
static void draw_running(const struct view_in *in, struct grid *g, struct rect r)
{
    enum { MOST = 32 };
    uint64_t id[MOST];
    const struct job_host *host = in->host;
    const int all = host && host->jobs ? host->jobs(host->arg, id, MOST) : 0,
              n = all < MOST ? all : (int)MOST;
    bool found = false;
    for (int i = 0; i < n && !found; i++) {
        struct job j;
        if (!host->job(host->arg, id[i], &j))
            continue;
        found = j.status == JOB_RUNNING;
        if (found) {
            const int x = grid_text(g, r, r.x, r.y, theme_style(in->theme, ROLE_DIM), "for ", 4);
            job_line_draw(&j, in->theme, g, r, x, r.y);
        }
        job_release(&j);
    }
}

void pane_waiting(const struct view_in *in, const struct watch *w, struct grid *g, struct rect r)
{
    const char *text = "";
    char none[40];
    struct unit_id unit[UNITS_MAX];
    if (r.w <= 0 || r.h <= 0)
        return;
    if (w->job.id && w->job.status == JOB_FAILED) {
        pane_say(g, r, theme_style(in->theme, ROLE_ERROR), w->job.error.text);
        return;
    }
    if (w->job.id) {
        job_line_draw(&w->job, in->theme, g, r, r.x, r.y);
        if (w->job.status == JOB_QUEUED && r.h > 1)
            draw_running(in, g, (struct rect){r.x, r.y + 1, r.w, 1});
        return;
    }
    if (!in->workbench)
        text = in->ascii ? "loading" : "loading …";
    else if (!in->workbench->dict)
        text = "no SAE: start with --sae";
    else if (pane_units(in, unit) == 0) {
        snprintf(none, sizeof none, "no %s is chosen: f takes one", unit_words(in->workbench)->one);
        text = none;
    } else
        text = in->ascii ? "..." : "…";
    grid_text(g, r, r.x, r.y, theme_style(in->theme, ROLE_DIM), text, strlen(text));
}

void pane_progress(const struct view_in *in, const struct watch *w, struct grid *g, struct rect r)
{
    if (r.h > 0 && watch_shows_line(w))
        job_line_draw(&w->job, in->theme, g, r, r.x + (r.w > 40), r.y);
}

void share_bar(struct grid *g, struct rect clip, int x, int y, int w, double share,
               struct style style, bool ascii)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
    share = !(share > 0) ? 0 : share > 1 ? 1 : share;
    int n = (int)lround(share * w * 8);
    if (n == 0 && share > 0)
        n = 1; /* a little is not nothing */
    for (int i = 0; i < n / 8; i++)
        grid_put(g, clip, x + i, y, style, ascii ? "#" : "█", 1);
    if (n % 8 && ascii)
        grid_put(g, clip, x + n / 8, y, style, n % 8 >= 4 ? "=" : "-", 1);
    else if (n % 8)
        grid_put(g, clip, x + n / 8, y, style, eighth[n % 8], 1);
}

/* ---- keys */
bool list_key(const struct list *l, enum action_id action, int *row)
{
    const int page = l->height > 1 ? l->height - 1 : 1;
    switch (action) {
    case ACTION_VIEW_UP: *row = l->selected - 1; return true;
    case ACTION_VIEW_DOWN: *row = l->selected + 1; return true;
    case ACTION_VIEW_PAGE_UP: *row = l->selected - page; return true;
    case ACTION_VIEW_PAGE_DOWN: *row = l->selected + page; return true;
    case ACTION_VIEW_HOME: *row = 0; return true;
    case ACTION_VIEW_END: *row = l->n - 1; return true;
    default: return false;
    }
}
