/* The table of all latents, and the selected one in detail: histogram, examples, what it writes. */
#include "engine/base/memory.h"
#include "tui/unit_words.h"
#include "tui/view/latents/latents_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct latents *v = view;
    v->made = xcalloc(1, sizeof *v->made);
    v->latent_col = v->name_col = -1;
    v->rows = NULL;
    prompt_set(&v->prompt, "");
    latents_forget(v);
}

static void release(void *view)
{
    struct latents *v = view;
    latents_forget(v);
    watch_release(&v->watch);
    latents_take(v, NULL);
    corpus_choice_release(&v->of);
    free(v->order);
    free(v->shown);
    free(v->sort_name);
    free(v->target);
    table_free(v->made->table);
    free(v->made);
    *v = (struct latents){0};
}

/* The class asked about belongs to its corpus. */
static void drop_target_of_another_corpus(struct latents *v, const struct view_in *in)
{
    if (!v->watch.asked || !in->corpus || corpus_choice_equal(in->corpus, &v->watch.request.corpus))
        return;
    free(v->target);
    v->target = NULL;
}

static void enter(void *view, const struct view_in *in)
{
    struct latents *v = view;
    drop_target_of_another_corpus(v, in);
    latents_ask_table(v, in);
    latents_hear_table(v, in);
    latents_look(v, in);
}

static bool update(void *view, const struct view_in *in)
{
    struct latents *v = view;
    bool news = latents_hear_table(v, in);
    return latents_look(v, in) || news;
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct latents *v = view;
    v->area = r;
    latents_bounds(v);
    latents_look(v, in);
}

/* ---- drawing */
/* "Latents", of several dictionaries also which. */
static void title_units(const struct latents_drawing *d, char *out, size_t n)
{
    const struct workbench *wb = d->in->workbench;
    const int32_t place = d->v->rows ? d->v->place : latents_wanted(d->in);
    char name[UNIT_NAME_MAX] = "";
    if (wb && wb->dicts.n > 1)
        unit_place_name(&wb->dicts, place, name);
    snprintf(out, n, "%s%s%s", unit_words_of(wb, place)->title, *name ? " of " : "", name);
}

static void title_of(const struct latents_drawing *d, enum latents_part p, char *out, size_t n)
{
    const struct latents *v = d->v;
    const char *dot = d->in->ascii ? " - " : " · ";
    char corpus[96] = "", unit[UNIT_NAME_MAX] = "", units[UNIT_NAME_MAX + 16];
    title_units(d, units, sizeof units);
    if (v->rows && p == PART_TABLE) /* the one before, until the next is there */
        corpus_choice_name(&v->of, corpus, sizeof corpus);
    else if (v->watch.asked)
        corpus_choice_name(&v->watch.request.corpus, corpus, sizeof corpus);
    if (v->unit >= 0)
        unit_label(d->in->workbench, latents_unit(v, v->unit), unit);
    int32_t target = latents_target(v);
    const char *of = strstr(units, " of ") ? dot : " of ";
    switch (p) {
    case PART_TABLE:
        if (v->n_classes == 2)
            snprintf(out, n, "%s%s%s%s%s against %s", units, of, corpus, dot,
                     latents_class(v, target), latents_class(v, 1 - target));
        else if (v->n_classes > 2)
            snprintf(out, n, "%s%s%s%s%s against the others", units, of, corpus, dot,
                     latents_class(v, target));
        else
            snprintf(out, n, "%s%s%s", units, *corpus ? of : "", corpus);
        break;
    case PART_HISTOGRAM:
        snprintf(out, n, "Pre-activations%s%s%s%s%s", *unit ? " of " : "", unit,
                 v->log ? ", log" : "", *corpus ? dot : "", corpus);
        if (text_width(out) + 4 > d->layout.part[p].w && *unit)
            snprintf(out, n, "Values of %s%s%s", unit, *corpus ? dot : "", corpus);
        break;
    case PART_EXAMPLES:
        snprintf(out, n, "%s%sin context%s%s", unit, *unit ? " " : "", *corpus ? dot : "", corpus);
        break;
    default: snprintf(out, n, "What %s writes", *unit ? unit : "it"); break;
    }
    if (p == PART_EXAMPLES && !*unit)
        snprintf(out, n, "In context%s%s", *corpus ? dot : "", corpus);
}

static void edge_of(const struct latents_drawing *d, enum latents_part p, char *out, size_t n)
{
    const struct latents *v = d->v;
    bool focused = v->focus == p, ascii = d->in->ascii;
    const char *dash = ascii ? "-" : "–";
    out[0] = 0;
    if (p == PART_TABLE) {
        latents_table_note(d, out, n);
    } else if (p == PART_HISTOGRAM && focused) {
        snprintf(out, n, ascii ? "L log - b mirror" : "L log · b mirror");
    } else if (p == PART_EXAMPLES) {
        struct latents_layout l = d->layout;
        int h = latents_examples_rows(v, latents_inner(&l, p)).h, more = v->examples.n - h;
        if (more > 0)
            snprintf(out, n, "%d%s%d of %d%s", v->examples.top + 1, dash, v->examples.top + h,
                     v->examples.n,
                     !focused ? ""
                     : ascii  ? " - Enter edits it"
                              : " · Enter edits it");
        else if (focused && v->examples.n > 0)
            snprintf(out, n, "Enter edits it");
    } else if (p == PART_LENS && focused && v->lens_column == 2) {
        snprintf(out, n, "Enter goes to it");
    }
}

static void draw_part(const struct latents_drawing *d, enum latents_part p)
{
    const struct theme *theme = d->in->theme;
    const struct latents_layout *l = &d->layout;
    struct rect r = l->part[p];
    char title[256], edge[600];
    if (r.w <= 0 || r.h <= 0)
        return;
    title_of(d, p, title, sizeof title);
    if (l->folded[p]) {
        int x = grid_text(d->grid, r, r.x, r.y, theme_style(theme, ROLE_FRAME),
                          d->in->ascii ? "> " : "▸ ", d->in->ascii ? 2 : 4);
        grid_text(d->grid, r, x, r.y, theme_style(theme, ROLE_DIM), title, strlen(title));
        return;
    }
    bool focused = d->v->focus == p;
    if (focused) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y;
    }
    if (l->frame && r.h >= 3) {
        grid_box(d->grid, r, title, focused, theme);
        edge_of(d, p, edge, sizeof edge);
        pane_edge(d->grid, theme, r, edge);
    }
    struct rect inner = latents_inner(l, p);
    switch (p) {
    case PART_TABLE: latents_draw_table(d, inner); break;
    case PART_HISTOGRAM: latents_draw_histogram(d->v, d->in, d->grid, inner, NULL); break;
    case PART_EXAMPLES: latents_draw_examples(d, inner); break;
    default: latents_draw_lens(d, inner); break;
    }
}

static void draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    struct latents_drawing d = {.v = view, .in = in, .grid = g};
    grid_fill(g, r, theme_style(in->theme, ROLE_TEXT));
    latents_layout_of(d.v, r, &d.layout);
    for (int p = 0; p < N_PARTS; p++)
        draw_part(&d, (enum latents_part)p);
}

/* ---- what is taken home */
static bool typing(const void *view)
{
    return ((const struct latents *)view)->typing;
}

static const struct table *table(const void *view)
{
    const struct latents *v = view;
    switch (v->focus) {
    case PART_HISTOGRAM: return latents_detail_table(v, DETAIL_BINS, "rows");
    case PART_EXAMPLES: return latents_detail_table(v, DETAIL_EXAMPLES, "rows");
    case PART_LENS: return latents_detail_table(v, DETAIL_LENS, lens_table[v->lens_column]);
    default: return v->stale ? NULL : latents_made_table(v);
    }
}

static void plot(const void *view, struct plot_options *o)
{
    latents_plot_options(view, o);
}

static bool request(const void *view, const struct view_in *in, struct request *r)
{
    static const int detail[N_PARTS] = {-1, DETAIL_BINS, DETAIL_EXAMPLES, DETAIL_LENS};
    const struct latents *v = view;
    return latents_request(v, in, detail[v->focus], r);
}

const struct view_ops latents_view = {
    .name = "latents",
    .title = "Latents",
    .where = IN_LATENTS_VIEW,
    .size = sizeof(struct latents),
    .init = init,
    .release = release,
    .enter = enter,
    .update = update,
    .draw = draw,
    .arrange = arrange,
    .act = latents_act,
    .event = latents_event,
    .end_typing = latents_end_typing,
    .typing = typing,
    .table = table,
    .plot = plot,
    .request = request,
};
