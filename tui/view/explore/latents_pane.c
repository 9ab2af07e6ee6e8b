/* The active latents of the token under the cursor, largest first. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include "tui/view/job_line.h"
#include "tui/view/label.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* How often each latent fires in a class: on the corpus in use once it is harvested, until then as
 * the bundle's statistics have it. */
static bool has_statistics(const struct drawing *d)
{
    return workbench_statistics(d->wb, (struct unit_id){shared_dict(d->ex->sh), 0}) != NULL;
}

static int n_shares(const struct drawing *d)
{
    int n = d->ex->sh->findings.shares.n_classes;
    return n > 0 ? n : has_statistics(d) ? d->wb->bundle->n_classes : 0;
}

static const char *share_class(const struct drawing *d, int c)
{
    const struct findings_shares *s = &d->ex->sh->findings.shares;
    return s->n_classes > 0 ? s->cls[c] : d->wb->bundle->cls[c].name;
}

static double share_of(const struct drawing *d, int c, struct unit_id id)
{
    const struct bundle_statistics *is = workbench_statistics(d->wb, id);
    if (d->ex->sh->findings.shares.n_classes > 0)
        return findings_share(&d->ex->sh->findings, c, id);
    return is && id.dict == shared_dict(d->ex->sh)
               ? (double)is->fire_share[(size_t)c * (size_t)is->n_units + (size_t)id.index]
               : (double)NAN;
}

static int share_width(struct rect r)
{
    return r.w >= 46 ? 9 : 6;
}

/* Classes that have room beside a bar: all, of many as many as fit; none of few, where half would
 * be taken for all. */
static int shown_shares(const struct drawing *d, struct rect r)
{
    enum { FEW = 4, BEFORE = 15, BAR = 4 };
    int n = n_shares(d), room = (r.w - BEFORE - BAR) / share_width(r);
    return n <= room ? n : n > FEW && room > 1 ? room : 0;
}

/* Columns of a bar beside the shares, which go where there is no room for both. */
static int bar_width(const struct drawing *d, struct rect r)
{
    int shown = shown_shares(d, r), w = r.w - 15 - shown * share_width(r);
    return w >= 4 && (shown > 0 || n_shares(d) == 0) ? w : r.w - 15 > 4 ? r.w - 15 : 0;
}

static void draw_shares(const struct drawing *d, struct rect r, int x, int y, struct unit_id id,
                        bool roomy, bool selected)
{
    for (int c = 0; c < shown_shares(d, r); c++) {
        double share = 100 * share_of(d, c, id);
        if (!isfinite(share))
            return;
        x = grid_printf(d->grid, r, x, y, draw_style(d, selected ? ROLE_SELECTION : class_role(c)),
                        "%s%.2s", roomy ? "  " : " ", share_class(d, c));
        x = grid_printf(d->grid, r, x, y, draw_style(d, selected ? ROLE_SELECTION : ROLE_TEXT),
                        roomy ? "%3.0f %%" : "%3.0f", share);
    }
}

/* The Latents view shows all. */
static void some_of(const struct drawing *d, struct rect r, int at, char *out, size_t n)
{
    int shown = shown_shares(d, r), all = n_shares(d);
    if (shown < all && at >= 0 && (size_t)at < n)
        snprintf(out + at, n - (size_t)at, ", %d of %d classes", shown, all);
}

/* What the shares are of; why there are none. In `columns` where it can be shorter. */
static void shares_note(const struct drawing *d, struct rect r, int columns, char *out, size_t n)
{
    const struct job *j = &d->ex->sh->findings.latents.job;
    const char *kept = "not harvested: H harvests";
    char name[96];
    out[0] = 0;
    if (d->ex->sh->findings.shares.n_classes > 0) {
        corpus_choice_name(&j->request.corpus, name, sizeof name);
        if (shown_shares(d, r) > 0)
            some_of(d, r, snprintf(out, n, "%s%s", r.w >= 46 ? "shares of " : "", name), out, n);
    } else if (j->id && job_is_pending(j) && !j->request.only_kept) {
        job_working_text(j, d->ascii, columns, out, n);
    } else if (n_shares(d) > 0) {
        if (shown_shares(d, r) > 0)
            some_of(d, r, snprintf(out, n, "%s", r.w >= 46 ? "shares of the bundle" : "bundle"),
                    out, n);
    } else if (d->wb && d->wb->dict) {
        const struct job *bins = &d->ex->sh->findings.bins.job;
        if (bins->id && job_is_pending(bins))
            job_working_text(bins, d->ascii, columns, out, n);
        else
            snprintf(out, n, "%s", r.w >= 28 ? kept : "H harvests");
    }
}

static void draw_row(const struct drawing *d, struct rect r, int y, int rank, double largest)
{
    struct unit_id id;
    float v;
    char number[32];
    if (!here_active(&d->here, rank, &id, &v))
        return;
    const struct explore *ex = d->ex;
    bool selected = ex->focus == PANE_LATENTS && ex->latents.selected == rank;
    bool chosen = sliders_find(&ex->sh->sliders, id) >= 0, roomy = r.w >= 46;
    struct style s = draw_style(d, d->here.stale ? ROLE_STALE : chosen ? ROLE_FIXED : ROLE_TEXT);
    if (selected)
        grid_fill(d->grid, (struct rect){r.x, y, r.w, 1}, draw_style(d, ROLE_SELECTION));
    if (selected)
        s = draw_style(d, ROLE_SELECTION);
    grid_text(d->grid, r, r.x, y, s, chosen ? (d->ascii ? ">" : "▸") : " ",
              chosen && !d->ascii ? 3 : 1);
    plain_number((double)v, 2, d->ascii, number, sizeof number);
    grid_printf(d->grid, r, r.x + 2, y, s, "%5d", id.index);
    grid_printf(d->grid, r, r.x + 8 + 6 - text_columns(number, strlen(number)), y, s, "%s", number);
    int w = bar_width(d, r);
    draw_bar(d, r, r.x + 15, y, w, fabs((double)v) / largest,
             selected ? s : draw_style(d, ROLE_BAR));
    if (shown_shares(d, r) > 0)
        draw_shares(d, r, r.x + 15 + w, y, id, roomy, selected);
}

/* What parts the brushed phrase from the rest: shares inside and outside. */
static void draw_brush(const struct drawing *d, struct rect r)
{
    const struct brush *b = &d->ex->brush;
    const struct list *l = &d->ex->latents;
    bool roomy = r.w >= 34;
    for (int i = 0; i < r.h && l->top + i < b->n; i++) {
        const struct brush_row *row = &b->row[l->top + i];
        bool selected = l->selected == l->top + i && d->ex->focus == PANE_LATENTS;
        struct style s = draw_style(d, selected ? ROLE_FOCUS : ROLE_TEXT);
        int y = r.y + i, w = r.w - (roomy ? 27 : 20);
        grid_printf(d->grid, r, r.x + 1, y, s, "%d", (int)row->latent);
        if (w > 0)
            draw_bar(d, r, r.x + 8, y, w, (double)(row->inside - row->rest),
                     selected ? s : draw_style(d, ROLE_BAR));
        grid_printf(d->grid, r, r.x + r.w - (roomy ? 18 : 11), y, s,
                    roomy ? "%4.0f %% rest %3.0f %%" : "%4.0f %4.0f %%", 100 * (double)row->inside,
                    100 * (double)row->rest);
    }
}

/* "Latents", of several dictionaries also which; or, where that has no room beside `beside`
 * columns, its place alone. */
static void title_units(const struct drawing *d, int32_t dict, int beside, char *out, size_t n)
{
    char place[UNIT_NAME_MAX];
    const char *units = unit_words_of(d->wb, dict)->title;
    snprintf(out, n, "%s", units);
    if (!d->wb || d->wb->dicts.n < 2)
        return;
    unit_place_name(&d->wb->dicts, dict, place);
    snprintf(out, n, "%s of %s", units, place);
    if (text_width(out) + beside + 4 > d->ex->layout.pane[PANE_LATENTS].w)
        snprintf(out, n, "%s", place);
}

static void draw_brushed(const struct drawing *d)
{
    const struct brush *b = &d->ex->brush;
    char units[UNIT_NAME_MAX + 16], title[UNIT_NAME_MAX + 64], edge[64];
    const char *s = b->n_inside == 1 ? "" : "s";
    title_units(d, b->dict, 0, units, sizeof units);
    snprintf(title, sizeof title, "%s of the selection: %d token%s", units, (int)b->n_inside, s);
    if (d->ex->layout.pane[PANE_LATENTS].w < text_width(title) + 4) {
        title_units(d, b->dict, (int)strlen(" of 99 tokens"), units, sizeof units);
        snprintf(title, sizeof title, "%s of %d token%s", units, (int)b->n_inside, s);
    }
    draw_frame(d, PANE_LATENTS, title);
    struct rect r = pane_rows(d->ex, PANE_LATENTS);
    if (r.h <= 0)
        return;
    draw_brush(d, r);
    snprintf(edge, sizeof edge, "share here; of the other %d", (int)b->n_rest);
    draw_edge(d, PANE_LATENTS, edge);
    if (d->ex->focus == PANE_LATENTS && !d->covered) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y + (d->ex->latents.selected - d->ex->latents.top);
    }
}

static const char *nothing_active(const struct drawing *d)
{
    const struct line_latents *l = d->here.valid ? d->here.line->latents : NULL;
    if (l && l->complete && !d->here.stale)
        return "none is active";
    return missing(d, d->snap && d->snap->tokens.valid && !d->here.valid);
}

static void draw_lower_edge(const struct drawing *d, struct rect r, int32_t n)
{
    const struct list *l = &d->ex->latents;
    char edge[256] = "", part[200];
    if (n > r.h) {
        snprintf(part, sizeof part, "%d%s%d of %d", l->top + 1, d->ascii ? "-" : "–", l->top + r.h,
                 n);
        edge_add(d, PANE_LATENTS, edge, sizeof edge, part);
    }
    shares_note(d, r, r.w - 7 - text_columns(edge, strlen(edge)), part, sizeof part);
    if (n > 0)
        edge_add(d, PANE_LATENTS, edge, sizeof edge, part);
    if (n > 0 && n <= r.h && d->ex->focus == PANE_LATENTS) {
        edge_add(d, PANE_LATENTS, edge, sizeof edge, "f slider");
        edge_add(d, PANE_LATENTS, edge, sizeof edge, "Enter colour");
    }
    draw_edge(d, PANE_LATENTS, edge);
}

void draw_latents_pane(const struct drawing *d)
{
    char units[UNIT_NAME_MAX + 16], title[UNIT_NAME_MAX + LABEL_MAX + 32], label[LABEL_MAX];
    if (d->ex->brush.n > 0) {
        draw_brushed(d);
        return;
    }
    here_label(d, label);
    const struct line_latents *latents = d->here.valid ? d->here.line->latents : NULL;
    title_units(d, latents ? latents->dict : shared_dict(d->ex->sh),
                d->here.valid ? 4 + text_width(label) : 0, units, sizeof units);
    snprintf(title, sizeof title, "%s at %s", units, label);
    draw_frame(d, PANE_LATENTS, d->here.valid ? title : units);
    struct rect r = pane_rows(d->ex, PANE_LATENTS);
    const struct list *l = &d->ex->latents;
    int32_t n = here_n_active(&d->here);
    struct unit_id id;
    float largest = 1;
    if (r.h <= 0)
        return;
    if (d->wb && !d->wb->dict)
        grid_printf(d->grid, r, r.x, r.y, draw_style(d, ROLE_DIM), "no SAE: start with --sae");
    else if (n == 0)
        grid_printf(d->grid, r, r.x, r.y, draw_style(d, ROLE_DIM), "%s", nothing_active(d));
    if (here_active(&d->here, 0, &id, &largest))
        largest = fabsf(largest) > 0 ? fabsf(largest) : 1;
    for (int i = 0; i < r.h && l->top + i < n; i++)
        draw_row(d, r, r.y + i, l->top + i, (double)largest);
    draw_lower_edge(d, r, n);
    if (d->ex->focus == PANE_LATENTS && !d->covered) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y + (l->selected - l->top);
    }
}
