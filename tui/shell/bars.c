/* Title above; status line and keys below; what is typed into a prompt. */
#include "tui/shell/shell_private.h"
#include "tui/unit_words.h"
#include "tui/view/pane.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static int draw_progress(const struct painting *d, struct rect r, int x, struct style s,
                         double share)
{
    int w = r.w >= 60 ? 20 : 8;
    struct style bar = s;
    for (int i = 0; i < w; i++)
        grid_put(d->grid, r, x + i, r.y, bar, d->ascii ? "." : "░", 1);
    share_bar(d->grid, r, x, r.y, w, share, bar, d->ascii);
    return grid_printf(d->grid, r, x + w, r.y, s, " %.0f %%",
                       100 * (share < 0   ? 0
                              : share > 1 ? 1
                                          : share));
}

static int draw_work(const struct painting *d, struct rect r, struct style s)
{
    const struct service_status *w = &d->shell->sh.status;
    const struct snapshot *snap = d->shell->sh.snapshot;
    const char *dot = d->ascii ? " - " : " · ";
    int x = r.x + 1;
    if (w->failed)
        return grid_printf(d->grid, r, x, r.y, theme_style(d->theme, ROLE_ERROR), "%s",
                           w->error.text);
    if (w->loading) { /* also when a device was lost */
        x = grid_printf(d->grid, r, x, r.y, s, "%s ", w->what[0] ? w->what : "loading");
        return draw_progress(d, r, x, s, w->progress);
    }
    if (!snap)
        return grid_printf(d->grid, r, x, r.y, s, "%s", d->ascii ? "..." : "…");
    x = grid_printf(d->grid, r, x, r.y, s, "%d tokens", snap->n_tokens);
    if (snap->progress < .999 && snap->n_tokens > 64)
        x = grid_printf(d->grid, r, x, r.y, s, "%s%.0f %%", dot, 100 * snap->progress);
    float ms = snap->latents.ms + snap->loss.ms;
    if (d->shell->sh.still)
        return x;
    if (r.w >= 100 && snap->loss.valid)
        x = grid_printf(d->grid, r, x, r.y, s, "%scolours %.1f ms%sloss %.1f ms", dot,
                        (double)snap->latents.ms, dot, (double)snap->loss.ms);
    else if (r.w >= 100)
        x = grid_printf(d->grid, r, x, r.y, s, "%scolours %.1f ms%sloss %s ms", dot,
                        (double)snap->latents.ms, dot, d->ascii ? "..." : "…");
    else
        x = grid_printf(d->grid, r, x, r.y, s, "%s%.1f ms", dot, (double)ms);
    if (snap->refset_progress < .999 && !d->shell->sh.refsets_paused && r.w >= 60)
        x = grid_printf(d->grid, r, x, r.y, s, "%sreference %.0f %%", dot,
                        100 * snap->refset_progress);
    if (d->shell->sh.status.job[0])
        x = grid_printf(d->grid, r, x, r.y, s, "%s%s", dot, d->shell->sh.status.job);
    return x;
}

/* What is said from column x on; too long, its middle goes: the beginning says what was being done,
 * the end why not. */
static void draw_said(const struct painting *d, struct rect r, int x, struct style s,
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

static void draw_status(const struct painting *d)
{
    struct rect r = d->shell->bars.status;
    struct style s = theme_style(d->theme, ROLE_STATUS);
    const struct shell *shell = d->shell;
    if (r.h <= 0)
        return;
    grid_fill(d->grid, r, s);
    int x = draw_work(d, r, s), w = text_columns(shell->link, strlen(shell->link));
    int right = r.x + r.w;
    bool said =
        shell->sh.message[0] && (shell->sh.message_is_error ||
                                 !shell->sh.status.error.text[0]); /* what is wrong comes first */
    bool error = !said || shell->sh.message_is_error;
    const char *text = said                      ? shell->sh.message
                       : shell->sh.status.failed ? ""
                                                 : shell->sh.status.error.text;
    if (!*text && shared_lifted(&d->shell->sh)) {
        text = "without the fixed values: Space puts them back";
        error = false;
    }
    int need = text_columns(text, strlen(text));
    if (w > 0 && r.w >= 60 && x + need + 4 + w < right)
        grid_text(d->grid, r, right - w - 1, r.y, s, shell->link, strlen(shell->link));
    if (!*text)
        return;
    if (x + 3 + need > right) { /* what was said last matters more than how fast it went */
        grid_fill(d->grid, r, s);
        x = r.x - 1;
    }
    struct style message = s;
    if (error) {
        message = theme_style(d->theme, ROLE_ERROR);
        message.bg = s.bg;
        message.attr |= s.attr & ATTR_REVERSE;
    }
    draw_said(d, r, x + 2, message, text);
}

/* ---- prompts */
static void prompt_label(const struct shell *shell, bool ascii, char *out, size_t n)
{
    int row = shared_slider(&shell->sh);
    char name[UNIT_NAME_MAX];
    if (shell->overlay == OVERLAY_PALETTE)
        snprintf(out, n, ":");
    else if (shell->overlay == OVERLAY_ASK)
        question_label(shell, shell->bars.w, ascii, out, n);
    else if (shell->overlay == OVERLAY_COPY)
        snprintf(out, n, "Copy: t text, c command line that reproduces this, l state as a line ");
    else if (row == SLIDER_ALL)
        snprintf(out, n, "value of all %d = ", shell->sh.sliders.n);
    else
        snprintf(out, n, "value of %s = ",
                 unit_label(shell->sh.workbench, shell->sh.sliders.unit[row].id, name));
}

static void draw_prompt(const struct painting *d)
{
    const struct shell *shell = d->shell;
    struct rect r = shell->bars.keys.h > 0 ? shell->bars.keys : shell->bars.status;
    char label[WANT_ARG_MAX + 80];
    if (r.h <= 0) /* one row is all there is */
        r = (struct rect){0, shell->bars.h - 1, shell->bars.w, 1};
    prompt_label(shell, d->ascii, label, sizeof label);
    grid_fill(d->grid, r, theme_style(d->theme, ROLE_TEXT));
    int x =
        grid_text(d->grid, r, r.x, r.y, theme_style(d->theme, ROLE_HEADING), label, strlen(label));
    int w = text_columns(shell->prompt.s, shell->prompt.cursor), hidden = x + w + 1 - (r.x + r.w);
    if (hidden > 0) { /* keep the cursor in sight */
        grid_fill(d->grid, r, theme_style(d->theme, ROLE_TEXT));
        x -= hidden;
    }
    grid_text(d->grid, r, x, r.y, theme_style(d->theme, ROLE_TEXT), shell->prompt.s,
              shell->prompt.n);
    d->grid->cursor_x = x + w < r.x + r.w ? x + w : r.x + r.w - 1;
    d->grid->cursor_y = r.y;
}

static void draw_choices(const struct painting *d)
{
    const struct shell *shell = d->shell;
    struct palette_item item[PALETTE_MAX];
    int n = palette_find(shell, item),
        shown = shell->choices.height > 0 ? shell->choices.height : shell->bars.h / 2;
    shown = shown > 10 ? 10 : shown;
    shown = n < shown ? n : shown;
    int bottom = shell->bars.keys.h > 0 ? shell->bars.keys.y : shell->bars.h - 1;
    if (shell->files.n > 0) {
        draw_files(d, (struct rect){0, 0, shell->bars.w < 84 ? shell->bars.w : 84, bottom});
        return;
    }
    struct rect box = {0, bottom - shown - 2, shell->bars.w < 84 ? shell->bars.w : 84, shown + 2};
    if (box.y < 0 || shown < 1)
        return;
    grid_fill(d->grid, box, theme_style(d->theme, ROLE_TEXT));
    struct rect r = grid_box(d->grid, box, "Commands: Tab completes", true, d->theme);
    for (int i = 0; i < shown && shell->choices.top + i < n; i++) {
        const struct palette_item *it = &item[shell->choices.top + i];
        bool selected = shell->choices.top + i == shell->choices.selected;
        struct style s = theme_style(d->theme, selected ? ROLE_SELECTION : ROLE_TEXT);
        char key[32] = "";
        if (it->action != ACTION_NONE)
            action_key(it->action, key, sizeof key);
        grid_fill(d->grid, (struct rect){r.x, r.y + i, r.w, 1}, s);
        int x = grid_printf(d->grid, r, r.x + 1, r.y + i, s, "%s %s", it->name, it->args);
        char help[200];
        snprintf(help, sizeof help, "%s", it->help);
        unit_words_in(d->shell->sh.workbench, help);
        grid_text(d->grid, r, x + 2 > r.x + 32 ? x + 2 : r.x + 32, r.y + i, s, help, strlen(help));
        int w = text_columns(key, strlen(key));
        grid_printf(d->grid, r, r.x + r.w - w - 2, r.y + i,
                    selected ? s : theme_style(d->theme, ROLE_KEY), " %s ", key);
    }
}

/* In the smallest layout the one line says what the pane would. */
static void draw_tiny_loss(const struct painting *d)
{
    const struct shell *shell = d->shell;
    struct rect r = shell->bars.status;
    struct style s = theme_style(d->theme, ROLE_STATUS);
    if (r.h <= 0)
        return;
    grid_fill(d->grid, r, s);
    if (shell->sh.message[0] && (shell->sh.message_is_error || !shell->sh.status.error.text[0]))
        draw_said(d, r, r.x, s, shell->sh.message);
    else if (shell->sh.status.error.text[0])
        grid_printf(d->grid, r, r.x, r.y, theme_style(d->theme, ROLE_ERROR), "%s",
                    shell->sh.status.error.text);
    else if (!d->shell->sh.workbench && shell->sh.status.loading)
        grid_printf(d->grid, r, r.x, r.y, s, "loading %.0f %%", 100 * shell->sh.status.progress);
    else if (!shell->sh.loss.valid)
        grid_printf(d->grid, r, r.x, r.y, s, "loss %s", d->ascii ? "-" : "–");
    else {
        bool inserted = insertion_any(sliders_insert(&shell->sh.loss.of)),
             fixed = sliders_any_fixed(&shell->sh.loss.of);
        double without = shell->sh.loss.mean[inserted ? LANE_BASE : LANE_PLAIN],
               with = shell->sh.loss.mean[LANE_FIXED];
        int x = isfinite(without)
                    ? grid_printf(d->grid, r, r.x, r.y, s, "loss %.2f", without)
                    : grid_printf(d->grid, r, r.x, r.y, s, "loss %s", d->ascii ? "-" : "–");
        if (fixed && isfinite(with))
            grid_printf(d->grid, r, x, r.y, s, d->ascii ? ">%.2f" : "→%.2f", with);
    }
}

void draw_bars(const struct painting *d)
{
    draw_title(d);
    if (d->shell->bars.mode == LAYOUT_TINY)
        draw_tiny_loss(d);
    else
        draw_status(d);
    draw_keys(d);
}

void draw_overlay(const struct painting *d)
{
    switch (d->shell->overlay) {
    case OVERLAY_NONE: return;
    case OVERLAY_HELP:
    case OVERLAY_MESSAGES:
    case OVERLAY_PROOF: draw_page(d); return;
    case OVERLAY_PALETTE: draw_choices(d); break;
    default: break;
    }
    draw_prompt(d);
}
