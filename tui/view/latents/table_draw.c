/* The table of all latents drawn: only the rows in sight. */
#include "tui/unit_words.h"
#include "tui/view/job_line.h"
#include "tui/view/label.h"
#include "tui/view/latents/latents_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* What is known of the sliders, once a frame. */
struct marks {
    int32_t n;
    struct unit_id unit[UNITS_MAX];
};

static const char *mark_of(const struct latents_drawing *d, const struct marks *m, int32_t latent)
{
    struct unit_id unit = latents_unit(d->v, latent);
    for (int32_t i = 0; i < m->n; i++)
        if (unit_same(m->unit[i], unit)) {
            bool fixed = d->in->shared && !isnan(shared_fixed_value(d->in->shared, unit));
            return fixed ? (d->in->ascii ? "*" : "●") : d->in->ascii ? "o" : "○";
        }
    return " ";
}

/* ---- numbers */
/* A share as per cent in four columns; a little is not nothing. */
static void percent_text(double v, char *out, size_t n)
{
    double p = 100 * v;
    if (!isfinite(p))
        snprintf(out, n, "-");
    else if (!(fabs(p) > 0))
        snprintf(out, n, "0");
    else if (p > 0 && p < 0.05)
        snprintf(out, n, "<0.1");
    else
        snprintf(out, n, p >= 99.95 ? "%.0f" : "%.1f", p);
}

static void density_text(double v, char *out, size_t n)
{
    double p = 100 * v;
    if (!isfinite(p))
        snprintf(out, n, "-");
    else if (p > 0 && p < 0.005)
        snprintf(out, n, "<0.01");
    else
        snprintf(out, n, p >= 10 ? "%.1f" : "%.2f", p);
}

static void cell_label(const struct latents_drawing *d, const struct shown_column *c, int64_t row,
                       char *out, size_t n)
{
    const struct table *t = d->v->rows;
    double v = table_f64(t, row, c->col);
    bool ascii = d->in->ascii;
    if (!table_has(t, row, c->col)) {
        snprintf(out, n, "%s", ascii ? "-" : "–");
        return;
    }
    switch (c->kind) {
    case CELL_LATENT: snprintf(out, n, "%lld", (long long)table_i64(t, row, c->col)); break;
    case CELL_SHARE: percent_text(v, out, n); break;
    case CELL_PERCENT: density_text(v, out, n); break;
    case CELL_SIGNED:
        if (strcmp(t->cols[c->col].name, "difference") == 0)
            signed_number(100 * v, 1, ascii, out, n);
        else
            signed_number(v, 2, ascii, out, n);
        break;
    case CELL_PLAIN:
        if (t->cols[c->col].type == COLUMN_F64)
            plain_number(v, 2, ascii, out, n);
        else
            snprintf(out, n, "%lld", (long long)table_i64(t, row, c->col));
        break;
    case CELL_TEXT: snprintf(out, n, "%s", table_str(t, row, c->col)); break;
    }
}

/* ---- a row */
static void draw_cell(const struct latents_drawing *d, struct rect r, int y,
                      const struct shown_column *c, int64_t row, struct style s, bool plain)
{
    char text[64], bar[3 * 16 + 1];
    cell_label(d, c, row, text, sizeof text);
    int w = c->bar > 0 ? c->w - c->bar - 1 : c->w, x = r.x + c->x, n = text_width(text);
    struct rect cell = rect_clip((struct rect){x, y, c->w, 1}, r);
    struct style coloured = plain || c->cls < 0 ? s : latents_class_style(d, c->cls);
    if (c->kind == CELL_TEXT) {
        int32_t cls = latents_class_of(d->v, text);
        grid_text(d->grid, cell, x, y, plain || cls < 0 ? s : latents_class_style(d, cls), text,
                  strlen(text));
        return;
    }
    grid_text(d->grid, cell, n < w ? x + w - n : x, y, s, text, strlen(text));
    double share = table_f64(d->v->rows, row, c->col);
    if (c->bar > 0 && share > 0) {
        double least = 0.51 / (8 * c->bar);
        bar_text(share < least ? least : share, c->bar, d->in->ascii, bar, sizeof bar);
        grid_text(d->grid, cell, x + w + 1, y, coloured, bar, strlen(bar));
    }
}

static void draw_row(const struct latents_drawing *d, struct rect r, int y, int at,
                     const struct shown_column *c, int n, const struct marks *m)
{
    const struct latents *v = d->v;
    int64_t row = latents_row(v, at);
    bool selected = at == v->list.selected, focused = v->focus == PART_TABLE;
    struct style s = latents_style(d, v->stale ? ROLE_STALE : ROLE_TEXT);
    int64_t id = v->latent_col >= 0 ? table_i64(v->rows, row, v->latent_col) : row;
    const char *mark = id >= 0 && id <= INT32_MAX ? mark_of(d, m, (int32_t)id) : " ";
    bool plain = (selected && focused) || v->stale;
    if (selected && focused) {
        if (v->stale)
            s.attr |= ATTR_REVERSE;
        else
            s = latents_style(d, ROLE_SELECTION);
        grid_fill(d->grid, (struct rect){r.x, y, r.w, 1}, s);
    }
    struct style marked = plain ? s : latents_style(d, ROLE_FIXED);
    if (selected)
        grid_text(d->grid, r, r.x, y, focused ? s : latents_style(d, ROLE_FOCUS),
                  d->in->ascii ? ">" : "▸", d->in->ascii ? 1 : 3);
    grid_text(d->grid, r, r.x + 1, y, marked, mark, strlen(mark));
    for (int i = 0; i < n; i++)
        draw_cell(d, r, y, &c[i], row, c[i].kind == CELL_LATENT && *mark != ' ' ? marked : s,
                  plain);
}

/* ---- headings */
static const char *order_mark(const struct latents_drawing *d)
{
    if (d->in->ascii)
        return d->v->descending ? "v" : "^";
    return d->v->descending ? "▼" : "▲";
}

static void draw_heads(const struct latents_drawing *d, struct rect r, const struct shown_column *c,
                       int n)
{
    const struct latents *v = d->v;
    const char *mark = order_mark(d);
    for (int i = 0; i < n; i++) {
        struct style s = latents_style(d, v->stale ? ROLE_STALE : ROLE_HEADING);
        bool chosen = c[i].col == v->column && v->focus == PART_TABLE;
        bool sorted = c[i].col == v->sort_col, right = c[i].kind != CELL_TEXT;
        if (chosen) {
            s = latents_style(d, ROLE_FOCUS);
            s.attr |= ATTR_UNDERLINE;
        }
        char head[sizeof c->head];
        snprintf(head, sizeof head, "%s", c[i].head);
        if (c[i].kind == CELL_LATENT)
            unit_words_in(d->in->workbench, head);
        char *about = strstr(head, "≈");
        if (about && d->in->ascii)
            snprintf(about, sizeof "≈", "~");
        int w = c[i].bar > 0 ? c[i].w - c[i].bar - 1 : c[i].w, len = text_width(head);
        struct rect cell = rect_clip((struct rect){r.x + c[i].x, r.y, c[i].w + 1, 1}, r);
        int x = right && len < w ? cell.x + w - len : cell.x;
        x = grid_text(d->grid, cell, x, r.y, s, head, strlen(head));
        if (sorted)
            grid_text(d->grid, cell, x, r.y, latents_style(d, ROLE_FOCUS), mark, strlen(mark));
    }
}

/* ---- the line of the filter */
static void draw_words(const struct latents_drawing *d, struct rect r, int x, int y)
{
    const struct prompt *p = &d->v->prompt;
    const struct filter *f = &d->v->filter;
    size_t at = 0;
    for (int i = 0; i < f->n && f->term[i].end <= p->n && f->term[i].start >= at; i++) {
        const struct filter_term *t = &f->term[i];
        struct style s = latents_style(d, t->kind == FILTER_BAD ? ROLE_ERROR : ROLE_TEXT);
        x = grid_text(d->grid, r, x, y, latents_style(d, ROLE_TEXT), p->s + at, t->start - at);
        x = grid_text(d->grid, r, x, y, s, p->s + t->start, t->end - t->start);
        at = t->end;
    }
    grid_text(d->grid, r, x, y, latents_style(d, ROLE_TEXT), p->s + at, p->n - at);
}

static void draw_prompt(const struct latents_drawing *d, struct rect r)
{
    const struct latents *v = d->v;
    const struct filter_term *bad = filter_bad(&v->filter);
    int typed = text_columns(v->prompt.s, v->prompt.n),
        before = text_columns(v->prompt.s, v->prompt.cursor), room = r.w - 3;
    int shift = before > room ? before - room : 0; /* the cursor stays in sight */
    if (r.h <= 0)
        return;
    grid_text(d->grid, r, r.x, r.y, latents_style(d, ROLE_KEY), "/", 1);
    struct rect line = rect_clip((struct rect){r.x + 2, r.y, r.w - 2, 1}, r);
    draw_words(d, line, line.x - shift, r.y);
    if (bad) {
        int w = text_width(bad->why), x = r.x + r.w - w;
        if (x < line.x + typed - shift + 2)
            x = line.x + typed - shift + 2;
        grid_text(d->grid, line, x, r.y, latents_style(d, ROLE_ERROR), bad->why, strlen(bad->why));
    }
    if (v->typing) {
        int x = r.x + 2 + before - shift;
        d->grid->cursor_x = x < r.x + r.w ? x : r.x + r.w - 1;
        d->grid->cursor_y = r.y;
    }
}

/* ---- all of it */
static bool unfinished(const struct job *j)
{
    return j->id && job_is_pending(j);
}

/* In place of rows. */
static void draw_waiting(const struct latents_drawing *d, struct rect r)
{
    const struct job *j = &d->v->watch.job;
    const struct workbench *wb = d->in->workbench;
    char text[sizeof j->error.text + 64], bar[3 * 64 + 1];
    if (j->id && j->status == JOB_FAILED) {
        latents_say(d, r, ROLE_ERROR, j->error.text);
    } else if (j->id && j->status == JOB_CANCELLED) {
        latents_say(d, r, ROLE_WARNING, "cancelled: H harvests again");
    } else if (unfinished(j)) {
        job_working_text(j, d->in->ascii, 1000, text, sizeof text);
        int n = latents_say(d, r, ROLE_TEXT, text), w = r.w < 60 ? r.w : 60;
        if (j->progress.total > 0 && n + 1 < r.h && w > 0) {
            grid_fill(d->grid, (struct rect){r.x, r.y + n, w, 1}, latents_style(d, ROLE_TEXT));
            for (int i = 0; i < w; i++)
                grid_put(d->grid, r, r.x + i, r.y + n, latents_style(d, ROLE_TRACK),
                         d->in->ascii ? "." : "░", 1);
            bar_text(job_share(j), w, d->in->ascii, bar, sizeof bar);
            size_t k = strcspn(bar, " ");
            grid_text(d->grid, r, r.x, r.y + n, latents_style(d, ROLE_BAR), bar, k);
        }
    } else if (!wb || wb->dict) {
        latents_say(d, r, ROLE_DIM, !wb ? "loading" : d->in->ascii ? "..." : "…");
    } else {
        latents_say(d, r, ROLE_DIM, "no SAE: start with --sae, or with --neurons");
    }
}

void latents_table_note(const struct latents_drawing *d, char *out, size_t n)
{
    const struct latents *v = d->v;
    const struct job *j = &v->watch.job;
    char shown[32], all[32];
    out[0] = 0;
    if (!v->rows)
        return;
    if (unfinished(j)) {
        job_working_text(j, d->in->ascii, d->layout.part[PART_TABLE].w - 6, out, n);
        return;
    }
    if (j->id && j->status == JOB_FAILED) {
        snprintf(out, n, "%s", j->error.text);
        return;
    }
    if (j->id && j->status == JOB_CANCELLED) {
        corpus_choice_name(&j->request.corpus, shown, sizeof shown);
        snprintf(out, n, "%s: cancelled, H harvests again", shown);
        return;
    }
    count_text(v->n_shown, shown, sizeof shown);
    count_text((double)v->rows->n_rows, all, sizeof all);
    struct latents_layout l = d->layout;
    struct table_area a = latents_table_area(v, latents_inner(&l, PART_TABLE));
    const char *dash = d->in->ascii ? "-" : "–", *dot = d->in->ascii ? " - " : " · ";
    struct shown_column c[LATENTS_COLUMNS];
    int columns = latents_columns(v, a.rows.w, c), w;
    if (v->n_shown < v->rows->n_rows)
        w = snprintf(out, n, "%s of %s", shown, all);
    else if (v->n_shown > a.rows.h)
        w = snprintf(out, n, "%d%s%d of %s", v->list.top + 1, dash, v->list.top + a.rows.h, all);
    else
        w = snprintf(out, n, "%s", all);
    bool sort_shown = false;
    for (int i = 0; i < columns; i++)
        sort_shown = sort_shown || c[i].col == v->sort_col;
    if (w > 0 && (size_t)w < n && !sort_shown)
        w += snprintf(out + w, n - (size_t)w, " by %.24s %s", v->rows->cols[v->sort_col].name,
                      order_mark(d));
    if (w > 0 && (size_t)w < n && columns < latents_n_columns(v))
        snprintf(out + w, n - (size_t)w, "%s+%d %s", dot, latents_n_columns(v) - columns,
                 d->in->ascii ? "<>" : "←→");
}

void latents_draw_table(const struct latents_drawing *d, struct rect inner)
{
    const struct latents *v = d->v;
    struct table_area a = latents_table_area(v, inner);
    struct shown_column c[LATENTS_COLUMNS];
    struct marks m = {.n = 0};
    int n = latents_columns(v, a.rows.w, c);
    if (v->focus == PART_TABLE && !v->typing && a.rows.h > 0) {
        d->grid->cursor_x = a.rows.x;
        d->grid->cursor_y = a.rows.y;
    }
    if (a.rows.h <= 0 || v->n_shown == 0) {
        if (!v->rows || v->rows->n_rows == 0)
            draw_waiting(d, a.rows);
        else if (a.rows.h > 0) {
            char none[64];
            snprintf(none, sizeof none, "no %s is left: Esc clears the filter",
                     unit_words_of(d->in->workbench, v->place)->one);
            latents_say(d, a.rows, ROLE_DIM, none);
        }
        draw_prompt(d, a.prompt);
        return;
    }
    m.n = pane_units(d->in, m.unit);
    if (a.heads.h > 0)
        draw_heads(d, a.heads, c, n);
    for (int i = 0; i < a.rows.h && v->list.top + i < v->n_shown; i++)
        draw_row(d, a.rows, a.rows.y + i, v->list.top + i, c, n, &m);
    draw_prompt(d, a.prompt);
    int at = v->list.selected - v->list.top;
    if (v->focus == PART_TABLE && !v->typing && at >= 0 && at < a.rows.h)
        d->grid->cursor_y = a.rows.y + at;
}
