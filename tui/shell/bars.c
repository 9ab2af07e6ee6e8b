/* Title above; status line and keys below; what is typed into a prompt. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static void draw_tabs(const struct drawing *d, struct rect r, int from)
{
    int x[N_VIEWS], w[N_VIEWS];
    views_tabs(r, x, w);
    if (x[0] < from) /* a long name of a model */
        grid_fill(d->grid, (struct rect){x[0] - 1, r.y, r.w, 1}, draw_style(d, ROLE_TEXT));
    for (int i = 0; i < N_VIEWS; i++) {
        bool now = d->ex->views.now == (enum view_id)i;
        grid_printf(d->grid, r, x[i], r.y, draw_style(d, ROLE_KEY), "%d", i + 1);
        grid_printf(d->grid, r, x[i] + 2, r.y, draw_style(d, now ? ROLE_SELECTION : ROLE_DIM), "%s",
                    view_title((enum view_id)i, d->wb));
    }
}

static void draw_title(const struct drawing *d)
{
    struct rect r = d->ex->layout.title;
    struct style s = draw_style(d, ROLE_TITLE), dim = draw_style(d, ROLE_DIM);
    if (r.h <= 0)
        return;
    int x = grid_text(d->grid, r, r.x + 1, r.y, s, "glimt", 5);
    const char *title = d->ex->title[0]        ? d->ex->title
                        : d->ex->status.failed ? ""
                        : d->ascii             ? "loading"
                                               : "loading …";
    x = grid_text(d->grid, r, x + 2, r.y, dim, title, strlen(title));
    if (r.w >= TABS_FROM) {
        draw_tabs(d, r, x + 2);
        return;
    }
    const struct view_ops *view = view_table[d->ex->views.now];
    char state[64];
    if (view)
        snprintf(state, sizeof state, d->ascii ? "%s - 1-6" : "%s · 1–6",
                 view_title(d->ex->views.now, d->wb));
    else if (d->ex->typing)
        snprintf(state, sizeof state, "typing %s Esc for commands", d->ascii ? "-" : "·");
    else
        snprintf(state, sizeof state, d->ascii ? "1-6 views - ? keys" : "1–6 views · ? keys");
    int w = text_columns(state, strlen(state));
    if (r.x + r.w - w - 1 > x + 1)
        grid_text(d->grid, r, r.x + r.w - w - 1, r.y, dim, state, strlen(state));
}

static int draw_progress(const struct drawing *d, struct rect r, int x, struct style s,
                         double share)
{
    int w = r.w >= 60 ? 20 : 8;
    struct style bar = s;
    for (int i = 0; i < w; i++)
        grid_put(d->grid, r, x + i, r.y, bar, d->ascii ? "." : "░", 1);
    draw_bar(d, r, x, r.y, w, share, bar);
    return grid_printf(d->grid, r, x + w, r.y, s, " %.0f %%",
                       100 * (share < 0   ? 0
                              : share > 1 ? 1
                                          : share));
}

static int draw_work(const struct drawing *d, struct rect r, struct style s)
{
    const struct service_status *w = &d->ex->status;
    const struct snapshot *snap = d->snap;
    const char *dot = d->ascii ? " - " : " · ";
    int x = r.x + 1;
    if (w->failed)
        return grid_printf(d->grid, r, x, r.y, draw_style(d, ROLE_ERROR), "%s", w->error.text);
    if (w->loading && !d->wb) {
        x = grid_printf(d->grid, r, x, r.y, s, "%s ", w->what[0] ? w->what : "loading");
        return draw_progress(d, r, x, s, w->progress);
    }
    if (!snap)
        return grid_printf(d->grid, r, x, r.y, s, "%s", d->ascii ? "..." : "…");
    x = grid_printf(d->grid, r, x, r.y, s, "%d tokens", snap->n_tokens);
    if (snap->progress < .999 && snap->n_tokens > 64)
        x = grid_printf(d->grid, r, x, r.y, s, "%s%.0f %%", dot, 100 * snap->progress);
    float ms = snap->latents.ms + snap->loss.ms;
    if (d->ex->still)
        return x;
    if (r.w >= 100)
        x = grid_printf(d->grid, r, x, r.y, s, "%scolours %.1f ms%sloss %.1f ms", dot,
                        (double)snap->latents.ms, dot, (double)snap->loss.ms);
    else
        x = grid_printf(d->grid, r, x, r.y, s, "%s%.1f ms", dot, (double)ms);
    if (snap->refset_progress < .999 && !d->ex->refsets_paused && r.w >= 60)
        x = grid_printf(d->grid, r, x, r.y, s, "%sreference %.0f %%", dot,
                        100 * snap->refset_progress);
    if (d->ex->status.job[0])
        x = grid_printf(d->grid, r, x, r.y, s, "%s%s", dot, d->ex->status.job);
    return x;
}

/* What is said from column x on; too long, its middle goes: the beginning says what was being done,
 * the end why not. */
static void draw_said(const struct drawing *d, struct rect r, int x, struct style s,
                      const char *text)
{
    int room = r.x + r.w - x, columns;
    size_t n = strlen(text), from = 0;
    char glyph[GRID_GLYPH_MAX];
    if (text_columns(text, n) <= room) {
        grid_text(d->grid, r, x, r.y, s, text, n);
        return;
    }
    struct rect head = {r.x, r.y, x + room / 3 - r.x, 1};
    x = grid_text(d->grid, head, x, r.y, s, text, n);
    x = grid_text(d->grid, r, x, r.y, s, d->ascii ? "." : "…", strlen(d->ascii ? "." : "…"));
    while (from < n && text_columns(text + from, n - from) > r.x + r.w - x)
        from += text_cluster(text + from, n - from, &columns, glyph);
    grid_text(d->grid, r, x, r.y, s, text + from, n - from);
}

static void draw_status(const struct drawing *d)
{
    struct rect r = d->ex->layout.status;
    struct style s = draw_style(d, ROLE_STATUS);
    const struct explore *ex = d->ex;
    if (r.h <= 0)
        return;
    grid_fill(d->grid, r, s);
    int x = draw_work(d, r, s), w = text_columns(ex->link, strlen(ex->link));
    int right = r.x + r.w;
    bool said = ex->message[0] &&
                (ex->message_is_error || !ex->status.error.text[0]); /* what is wrong comes first */
    bool error = !said || ex->message_is_error;
    const char *text = said ? ex->message : ex->status.failed ? "" : ex->status.error.text;
    if (!*text && d->lifted) {
        text = "without the fixed values: Space puts them back";
        error = false;
    }
    int need = text_columns(text, strlen(text));
    if (w > 0 && r.w >= 60 && x + need + 4 + w < right)
        grid_text(d->grid, r, right - w - 1, r.y, s, ex->link, strlen(ex->link));
    if (!*text)
        return;
    if (x + 3 + need > right) { /* what was said last matters more than how fast it went */
        grid_fill(d->grid, r, s);
        x = r.x - 1;
    }
    struct style message = s;
    if (error) {
        message = draw_style(d, ROLE_ERROR);
        message.bg = s.bg;
        message.attr |= s.attr & ATTR_REVERSE;
    }
    draw_said(d, r, x + 2, message, text);
}

/* ---- prompts */
static void prompt_label(const struct explore *ex, bool ascii, char *out, size_t n)
{
    int row = slider_of_row(ex->rows.selected);
    if (ex->overlay == OVERLAY_PALETTE)
        snprintf(out, n, ":");
    else if (ex->overlay == OVERLAY_ASK)
        question_label(ex, ex->layout.w, ascii, out, n);
    else if (ex->overlay == OVERLAY_COPY)
        snprintf(out, n, "Copy: t text, c command line that reproduces this, l state as a line ");
    else if (row == SLIDER_ALL)
        snprintf(out, n, "value of all %d = ", ex->sliders.n);
    else
        snprintf(out, n, "value of %d = ", ex->sliders.unit[row].index);
}

static void draw_prompt(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    struct rect r = ex->layout.keys.h > 0 ? ex->layout.keys : ex->layout.status;
    char label[WANT_ARG_MAX + 80];
    if (r.h <= 0) /* one row is all there is */
        r = (struct rect){0, ex->layout.h - 1, ex->layout.w, 1};
    prompt_label(ex, d->ascii, label, sizeof label);
    grid_fill(d->grid, r, draw_style(d, ROLE_TEXT));
    int x = grid_text(d->grid, r, r.x, r.y, draw_style(d, ROLE_HEADING), label, strlen(label));
    int w = text_columns(ex->prompt.s, ex->prompt.cursor), hidden = x + w + 1 - (r.x + r.w);
    if (hidden > 0) { /* keep the cursor in sight */
        grid_fill(d->grid, r, draw_style(d, ROLE_TEXT));
        x -= hidden;
    }
    grid_text(d->grid, r, x, r.y, draw_style(d, ROLE_TEXT), ex->prompt.s, ex->prompt.n);
    d->grid->cursor_x = x + w < r.x + r.w ? x + w : r.x + r.w - 1;
    d->grid->cursor_y = r.y;
}

static void draw_choices(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    struct palette_item item[PALETTE_MAX];
    int n = palette_find(ex->prompt.s, palette_where(ex), item),
        shown = ex->choices.height > 0 ? ex->choices.height : ex->layout.h / 2;
    shown = shown > 10 ? 10 : shown;
    shown = n < shown ? n : shown;
    int bottom = ex->layout.keys.h > 0 ? ex->layout.keys.y : ex->layout.h - 1;
    if (ex->files.n > 0) {
        draw_files(d, (struct rect){0, 0, ex->layout.w < 84 ? ex->layout.w : 84, bottom});
        return;
    }
    struct rect box = {0, bottom - shown - 2, ex->layout.w < 84 ? ex->layout.w : 84, shown + 2};
    if (box.y < 0 || shown < 1)
        return;
    grid_fill(d->grid, box, draw_style(d, ROLE_TEXT));
    struct rect r = grid_box(d->grid, box, "Commands: Tab completes", true, d->theme);
    for (int i = 0; i < shown && ex->choices.top + i < n; i++) {
        const struct palette_item *it = &item[ex->choices.top + i];
        bool selected = ex->choices.top + i == ex->choices.selected;
        struct style s = draw_style(d, selected ? ROLE_SELECTION : ROLE_TEXT);
        char key[32] = "";
        if (it->action != ACTION_NONE)
            action_key(it->action, key, sizeof key);
        grid_fill(d->grid, (struct rect){r.x, r.y + i, r.w, 1}, s);
        int x = grid_printf(d->grid, r, r.x + 1, r.y + i, s, "%s %s", it->name, it->args);
        char help[200];
        snprintf(help, sizeof help, "%s", it->help);
        unit_words_in(d->wb, help);
        grid_text(d->grid, r, x + 2 > r.x + 32 ? x + 2 : r.x + 32, r.y + i, s, help, strlen(help));
        int w = text_columns(key, strlen(key));
        grid_printf(d->grid, r, r.x + r.w - w - 2, r.y + i, selected ? s : draw_style(d, ROLE_KEY),
                    " %s ", key);
    }
}

/* In the smallest layout the one line says what the pane would. */
static void draw_tiny_loss(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    struct rect r = ex->layout.status;
    struct style s = draw_style(d, ROLE_STATUS);
    if (r.h <= 0)
        return;
    grid_fill(d->grid, r, s);
    if (ex->message[0] && (ex->message_is_error || !ex->status.error.text[0]))
        draw_said(d, r, r.x, s, ex->message);
    else if (ex->status.error.text[0])
        grid_printf(d->grid, r, r.x, r.y, draw_style(d, ROLE_ERROR), "%s", ex->status.error.text);
    else if (!d->wb && ex->status.loading)
        grid_printf(d->grid, r, r.x, r.y, s, "loading %.0f %%", 100 * ex->status.progress);
    else if (!ex->loss.valid)
        grid_printf(d->grid, r, r.x, r.y, s, "loss %s", d->ascii ? "-" : "–");
    else {
        bool inserted = sliders_insert(&ex->loss.of) != INSERT_NONE,
             fixed = sliders_any_fixed(&ex->loss.of);
        double without = ex->loss.mean[inserted ? LANE_BASE : LANE_PLAIN],
               with = ex->loss.mean[LANE_FIXED];
        int x = isfinite(without)
                    ? grid_printf(d->grid, r, r.x, r.y, s, "loss %.2f", without)
                    : grid_printf(d->grid, r, r.x, r.y, s, "loss %s", d->ascii ? "-" : "–");
        if (fixed && isfinite(with))
            grid_printf(d->grid, r, x, r.y, s, d->ascii ? ">%.2f" : "→%.2f", with);
    }
}

void draw_bars(const struct drawing *d)
{
    draw_title(d);
    if (d->ex->layout.mode == LAYOUT_TINY)
        draw_tiny_loss(d);
    else
        draw_status(d);
    draw_keys(d);
}

void draw_overlay(const struct drawing *d)
{
    switch (d->ex->overlay) {
    case OVERLAY_NONE: return;
    case OVERLAY_HELP:
    case OVERLAY_MESSAGES: draw_page(d); return;
    case OVERLAY_PALETTE: draw_choices(d); break;
    default: break;
    }
    draw_prompt(d);
}
