/* The panes about the selected latent: histogram, examples in context, what it writes. */
#include "engine/base/strbuf.h"
#include "tui/view/job_line.h"
#include "tui/view/label.h"
#include "tui/view/latents/latents_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

struct style latents_style(const struct latents_drawing *d, enum theme_role role)
{
    return theme_style(d->in->theme, role);
}

struct style latents_class_style(const struct latents_drawing *d, int32_t cls)
{
    return latents_style(d, class_role(cls));
}

int latents_say(const struct latents_drawing *d, struct rect r, enum theme_role role,
                const char *text)
{
    return pane_say(d->grid, r, latents_style(d, role), text);
}

void latents_detail_says(const struct latents_drawing *d, int detail, char *out, size_t n,
                         enum theme_role *role)
{
    const struct latents *v = d->v;
    const struct job *j = &v->detail[detail];
    const char *dots = d->in->ascii ? "..." : "…";
    *role = ROLE_DIM;
    if (d->in->workbench && !d->in->workbench->dict)
        snprintf(out, n, "no SAE");
    else if (v->unit < 0)
        snprintf(out, n, "%s", v->rows ? "" : dots);
    else if (!j->id && job_is_pending(&v->watch.job))
        snprintf(out, n, "once the table is complete %s", dots);
    else if (!j->id && v->watch.job.id && v->watch.job.status != JOB_DONE)
        snprintf(out, n, "not harvested");
    else if (j->id && j->status == JOB_DONE)
        snprintf(out, n, "nothing is known of it");
    else if (j->id && j->status == JOB_FAILED) {
        *role = ROLE_ERROR;
        snprintf(out, n, "%s", j->error.text);
    } else if (j->id && j->status == JOB_CANCELLED) {
        *role = ROLE_WARNING;
        snprintf(out, n, "cancelled");
    } else
        snprintf(out, n, "%s", dots);
}

static void draw_says(const struct latents_drawing *d, struct rect r, int detail)
{
    char text[sizeof((struct error *)0)->text + 16];
    enum theme_role role;
    latents_detail_says(d, detail, text, sizeof text, &role);
    latents_say(d, r, role, text);
}

/* ---- histogram */
void latents_plot_options(const struct latents *v, struct plot_options *o)
{
    plot_options_init(o);
    o->mirrored = !v->overlaid;
    o->log_y = v->log;
}

void latents_draw_histogram(const struct latents *v, const struct view_in *in, struct grid *g,
                            struct rect inner, struct plot_layout *layout)
{
    struct latents_drawing d = {.v = v, .in = in, .grid = g};
    const struct table *t = latents_detail_table(v, DETAIL_BINS, "rows");
    struct plot_options o;
    if (layout)
        layout->n_panels = 0;
    if (!t) {
        draw_says(&d, inner, DETAIL_BINS);
        return;
    }
    latents_plot_options(v, &o);
    o.title = ""; /* the frame has it */
    o.glyphs = in->ascii ? PLOT_ASCII : PLOT_BLOCKS;
    if (in->shared) {
        double here = shared_value_here(in->shared, latents_unit(v, v->unit)),
               fixed = shared_fixed_value(in->shared, latents_unit(v, v->unit));
        if (isfinite(here)) {
            o.at_label[o.n_at] = "here";
            o.at[o.n_at++] = here;
        }
        if (isfinite(fixed)) {
            o.at_label[o.n_at] = "fixed";
            o.at[o.n_at++] = fixed;
        }
    }
    struct column cols[12];
    struct table plain = *t;
    int32_t facet = table_with_role(t, COLUMN_FACET);
    if (facet >= 0 && t->n_cols <= (int32_t)(sizeof cols / sizeof *cols)) {
        memcpy(cols, t->cols, (size_t)t->n_cols * sizeof *cols);
        cols[facet].role = COLUMN_TEXT; /* there is one latent, and the frame names it */
        plain.cols = cols;
    }
    plot_cells(&plain, &o, in->theme, g, inner, layout);
}

/* ---- examples */
struct example_columns {
    int32_t cls, quantile, value, text, start, end, exact; /* exact −1: all are */
};

static struct example_columns example_columns(const struct table *t)
{
    return (struct example_columns){column_text(t, "class"),   column_number(t, "quantile"),
                                    column_number(t, "value"), column_text(t, "text"),
                                    column_number(t, "start"), column_number(t, "end"),
                                    table_find(t, "exact")};
}

struct rect latents_examples_rows(const struct latents *v, struct rect inner)
{
    (void)v;
    return inner;
}

/* Text on one line: newlines and tabs as marks, everything else as the grid shows it. */
static void one_line(const char *s, size_t n, bool ascii, struct strbuf *out)
{
    for (size_t i = 0; i < n; i++) {
        const char *mark = s[i] == '\n'   ? (ascii ? "^J" : "⏎")
                           : s[i] == '\t' ? (ascii ? "^I" : "⇥")
                           : s[i] == '\r' ? (ascii ? "^M" : "␍")
                                          : NULL;
        if (mark)
            strbuf_adds(out, mark);
        else
            strbuf_addc(out, s[i]);
    }
}

static int draw_piece(const struct latents_drawing *d, struct rect clip, int x, int y,
                      struct style s, const char *text, size_t n, bool right_aligned)
{
    struct strbuf b;
    strbuf_init(&b);
    one_line(text, n, d->in->ascii, &b);
    if (right_aligned)
        x -= text_columns(b.s, b.len);
    x = grid_text(d->grid, clip, x, y, s, b.s, b.len);
    strbuf_release(&b);
    return x;
}

/* Words before and after stand on either side of one column, so that the eye runs down the tokens.
 */
static void draw_context(const struct latents_drawing *d, struct rect r, int y,
                         const struct table *t, const struct example_columns *c, int64_t row,
                         struct style plain, struct style token)
{
    const char *text = column_str(t, row, c->text);
    size_t n = strlen(text);
    double from = column_f64(t, row, c->start), to = column_f64(t, row, c->end);
    size_t a = from >= 0 && from <= (double)n ? (size_t)from : 0,
           b = to >= (double)a && to <= (double)n ? (size_t)to : a;
    int x = r.x + r.w * 9 / 20;
    draw_piece(d, (struct rect){r.x, y, x - r.x, 1}, x, y, plain, text, a, true);
    x = draw_piece(d, r, x, y, token, text + a, b - a, false);
    draw_piece(d, r, x, y, plain, text + b, n - b, false);
}

/* "da top 4.21": how many columns it takes. */
static int example_head(struct rect r)
{
    return r.w >= 56 ? 19 : r.w >= 30 ? 9 : 0;
}

static void quantile_text(double q, bool about, bool ascii, char *out, size_t n)
{
    if (!isfinite(q))
        snprintf(out, n, "-");
    else if (q >= 0.9995)
        snprintf(out, n, "top");
    else
        snprintf(out, n, "%s%.*f %%", !about ? "" : ascii ? "~" : "≈", q >= 0.99 ? 1 : 0, 100 * q);
}

static void draw_example(const struct latents_drawing *d, struct rect r, int y,
                         const struct table *t, const struct example_columns *c, int64_t row)
{
    const struct latents *v = d->v;
    bool selected = v->examples.selected == row && v->focus == PART_EXAMPLES;
    const char *cls = column_str(t, row, c->cls);
    struct style s = latents_style(d, selected ? ROLE_SELECTION : ROLE_TEXT);
    struct style mark = selected ? s : latents_class_style(d, latents_class_of(v, cls));
    struct style token = mark;
    char value[32], quantile[32];
    int head = example_head(r);
    token.attr |= ATTR_BOLD | ATTR_UNDERLINE;
    if (selected)
        grid_fill(d->grid, (struct rect){r.x, y, r.w, 1}, s);
    plain_number(column_f64(t, row, c->value), 2, d->in->ascii, value, sizeof value);
    bool about =
        c->exact >= 0 && t->cols[c->exact].type == COLUMN_BOOL && table_i64(t, row, c->exact) == 0;
    quantile_text(column_f64(t, row, c->quantile), about, d->in->ascii, quantile, sizeof quantile);
    if (head > 0) {
        struct rect name = rect_clip((struct rect){r.x, y, 3, 1}, r);
        grid_text(d->grid, name, r.x, y, mark, cls, strlen(cls));
        grid_text(d->grid, r, r.x + 8 - text_width(value), y, s, value, strlen(value));
    }
    if (head > 9)
        grid_text(d->grid, r, r.x + 17 - text_width(quantile), y,
                  selected ? s : latents_style(d, ROLE_DIM), quantile, strlen(quantile));
    struct rect text = {r.x + head, y, r.w - head, 1};
    draw_context(d, text, y, t, c, row, s, token);
}

void latents_draw_examples(const struct latents_drawing *d, struct rect inner)
{
    const struct latents *v = d->v;
    const struct table *t = latents_detail_table(v, DETAIL_EXAMPLES, "rows");
    struct rect r = latents_examples_rows(v, inner);
    int at = v->examples.selected - v->examples.top;
    if (v->focus == PART_EXAMPLES && r.h > 0) {
        d->grid->cursor_x = r.x;
        d->grid->cursor_y = r.y + (at >= 0 && at < r.h ? at : 0);
    }
    if (!t || t->n_rows == 0) {
        if (t)
            latents_say(d, r, ROLE_DIM, "it was active on no token");
        else
            draw_says(d, r, DETAIL_EXAMPLES);
        return;
    }
    struct example_columns c = example_columns(t);
    for (int i = 0; i < r.h && v->examples.top + i < t->n_rows; i++)
        draw_example(d, r, r.y + i, t, &c, v->examples.top + i);
}

/* ---- what it writes */
struct lens_area latents_lens_area(struct rect r)
{
    struct lens_area a = {.n = r.w >= 40 ? 3 : r.w >= 24 ? 2 : 1};
    if (r.w <= 0 || r.h <= 0)
        return (struct lens_area){.n = 0};
    if (r.h >= 2) {
        a.head = (struct rect){r.x, r.y, r.w, 1};
        r.y++;
        r.h--;
    }
    for (int i = 0, x = r.x; i < a.n; i++) {
        int w = (r.w - (a.n - 1)) / a.n;
        a.list[i] = (struct rect){x, r.y, i == a.n - 1 ? r.x + r.w - x : w, r.h};
        x += w + 1;
    }
    return a;
}

static int hex_digit(char c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The bytes of a token that is no text by itself; 0: not given as hex. */
static size_t unhex(const char *hex, char out[LABEL_MAX])
{
    size_t n = 0;
    for (; hex[0] && n < 16; hex += 2) {
        int high = hex_digit(hex[0]), low = high < 0 ? -1 : hex_digit(hex[1]);
        if (low < 0)
            return 0;
        out[n++] = (char)(high * 16 + low);
    }
    return n;
}

static void token_of(const struct latents_drawing *d, const struct table *t, int64_t row,
                     char out[LABEL_MAX])
{
    const char *text = column_str(t, row, column_text(t, "text"));
    char bytes[LABEL_MAX];
    size_t n = strlen(text);
    if (n == 0) {
        n = unhex(column_str(t, row, column_text(t, "bytes")), bytes);
        text = bytes;
    }
    if (n > 0)
        token_label(text, n, d->in->ascii, out);
    else
        padding_label(table_i64(t, row, column_number(t, "id")), out);
}

static void draw_lens_row(const struct latents_drawing *d, struct rect r, int y, int which,
                          const struct table *t, int64_t row, bool selected)
{
    char label[LABEL_MAX], number[32];
    bool other = which == 2;
    double v = column_f64(t, row, column_number(t, other ? "cosine" : "logit"));
    if (other)
        snprintf(label, sizeof label, "%.0f", column_f64(t, row, column_number(t, "other")));
    else
        token_of(d, t, row, label);
    struct style s = latents_style(d, selected ? ROLE_SELECTION : ROLE_TEXT);
    if (selected)
        grid_fill(d->grid, (struct rect){r.x, y, r.w, 1}, s);
    signed_number(v, 2, d->in->ascii, number, sizeof number);
    int w = text_width(number), room = r.w - w - 1;
    struct rect name = {r.x, y, room > 0 ? room : r.w, 1};
    grid_text_cut(d->grid, name, r.x, y, s, label, strlen(label), d->in->ascii);
    if (room > 0)
        grid_text(d->grid, r, r.x + r.w - w, y,
                  selected     ? s
                  : other      ? latents_style(d, ROLE_DIM)
                  : which == 0 ? latents_style(d, ROLE_RAIL_POSITIVE)
                               : latents_style(d, ROLE_RAIL_NEGATIVE),
                  number, strlen(number));
}

void latents_draw_lens(const struct latents_drawing *d, struct rect inner)
{
    static const char *const head[3] = {"promoted", "suppressed", "neighbours"};
    const struct latents *v = d->v;
    struct lens_area a = latents_lens_area(inner);
    bool focused = v->focus == PART_LENS;
    if (a.n > 0 && focused) {
        d->grid->cursor_x = a.list[0].x;
        d->grid->cursor_y = a.list[0].y;
    }
    if (a.n == 0 || !v->detail[DETAIL_LENS].id || !v->detail[DETAIL_LENS].tables) {
        draw_says(d, inner, DETAIL_LENS);
        return;
    }
    int first = v->lens_column >= a.n ? v->lens_column - a.n + 1 : 0;
    for (int i = 0; i < a.n; i++) {
        int which = first + i;
        const struct table *t = latents_detail_table(v, DETAIL_LENS, lens_table[which]);
        struct style s = latents_style(d, ROLE_HEADING);
        if (focused && which == v->lens_column) {
            s = latents_style(d, ROLE_FOCUS);
            s.attr |= ATTR_UNDERLINE;
        }
        struct rect top = {a.list[i].x, a.head.y, a.list[i].w, a.head.h};
        grid_text(d->grid, top, top.x, top.y, s, head[which], strlen(head[which]));
        if (which == 2 && (!t || t->n_rows == 0))
            latents_say(d, a.list[i], ROLE_DIM, "none");
        for (int y = 0; t && y < a.list[i].h && v->lens.top + y < t->n_rows; y++) {
            int64_t row = v->lens.top + y;
            bool selected = focused && which == v->lens_column && row == v->lens.selected;
            draw_lens_row(d, a.list[i], a.list[i].y + y, which, t, row, selected);
            if (selected) {
                d->grid->cursor_x = a.list[i].x;
                d->grid->cursor_y = a.list[i].y + y;
            }
        }
    }
}
