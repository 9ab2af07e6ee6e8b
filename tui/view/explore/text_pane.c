/* The text with its colours, the rail, the legend, and what the token under the cursor is. */
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include "tui/view/label.h"
#include "tui/widget/text_rows.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char *const colouring_name[N_COLOURINGS] = {"pre-activation", "activation", "loss",
                                                         "loss difference"};

static struct style level_style(const struct drawing *d, int level, enum colouring c)
{
    if ((c == COLOUR_ACT || c == COLOUR_LOSS) && level > 0)
        return theme_sequential(d->theme, level);
    return theme_diverging(d->theme, level);
}

struct span { /* of the shown text */
    size_t from, to;
};
struct text_look { /* what decides how a byte looks, walked along with it */
    const struct drawing *d;
    const struct paint *paint;
    size_t next; /* first token that ends behind the byte */
    struct span selection, here;
};

static const struct paint_token *token_at(struct text_look *l, size_t at)
{
    while (l->next < l->paint->n && l->paint->token[l->next].end <= at)
        l->next++;
    const struct paint_token *t = &l->paint->token[l->next];
    return l->next < l->paint->n && t->start <= at ? t : NULL;
}

static struct style style_at(struct text_look *l, size_t at, const struct paint_token *t)
{
    struct style s = draw_style(l->d, ROLE_TEXT);
    if (t && t->level != 0)
        s = level_style(l->d, t->level, l->d->ex->sh->colouring);
    if (t && t->stale)
        s.attr |= ATTR_DIM;
    unsigned marks = 0;
    if (at >= l->selection.from && at < l->selection.to)
        marks |= MARK_SELECTED;
    if (at >= l->here.from && at < l->here.to)
        marks |= MARK_TOKEN;
    return theme_marked(l->d->theme, s, marks);
}

static void draw_rail(const struct drawing *d, int x, int y, int w, float v)
{
    static const char *const block[] = {" ", "▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"};
    struct text_area a = text_area(d->ex);
    int k = !isfinite(v) || fabsf(v) < .04f ? 0 : (int)ceilf(fabsf(v) * 8 - 1e-4f);
    k = k > 8 ? 8 : k;
    struct style s = draw_style(d, v < 0 ? ROLE_RAIL_NEGATIVE : ROLE_RAIL_POSITIVE);
    char ascii[2] = {(char)(k == 0 ? ' ' : (v < 0 ? 'a' : '1') + k), 0};
    const char *glyph = d->ascii ? ascii : block[k];
    if (!d->ascii && v < 0 &&
        k > 0) { /* hangs from above: what is left of the block, turned over */
        glyph = block[8 - k];
        s.attr ^= ATTR_REVERSE;
    }
    for (int i = 0; i < w; i++)
        grid_put(d->grid, a.rows, x + i, y, s, glyph, 1);
}

static bool cut_at(const struct paint_token *t, size_t at)
{
    return t && t->cut && t->start == at;
}

/* Where the context was full: a bar in a blank, else a cell that no value looks like. */
static void mark_cut(const struct drawing *d, struct style *s, char glyph[GRID_GLYPH_MAX])
{
    struct style warning = draw_style(d, ROLE_WARNING);
    if (strcmp(glyph, " ") != 0) {
        *s = warning;
        s->attr |= ATTR_REVERSE | ATTR_BOLD | ATTR_UNDERLINE;
        return;
    }
    s->fg = warning.fg;
    s->attr |= warning.attr | ATTR_BOLD;
    snprintf(glyph, GRID_GLYPH_MAX, "%s", d->ascii ? "|" : "│");
}

static int draw_cluster(struct text_look *l, struct text_area a, size_t at, size_t end, int x,
                        int y, size_t *n)
{
    const struct editor *e = &l->d->ex->sh->editor;
    const struct paint_token *t = token_at(l, at);
    int columns;
    char glyph[GRID_GLYPH_MAX];
    *n = text_cluster(e->text.s + at, end - at, &columns, glyph);
    struct style s = style_at(l, at, t);
    if (cut_at(t, at))
        mark_cut(l->d, &s, glyph);
    if (columns <= 2)
        grid_put(l->d->grid, a.rows, x, y, s, glyph, columns);
    else
        grid_text(l->d->grid, a.rows, x, y, s, e->text.s + at, *n);
    if (a.step == 2 && t)
        draw_rail(l->d, x, y + 1, columns, t->value);
    return columns;
}

/* Behind a row: what is seen of its newline. */
static void draw_newline(struct text_look *l, struct text_area a, size_t at, int x, int y)
{
    bool selected = at >= l->selection.from && at < l->selection.to,
         cut = cut_at(token_at(l, at), at);
    struct style s = style_at(l, at, NULL);
    char glyph[GRID_GLYPH_MAX] = " ";
    if (cut)
        mark_cut(l->d, &s, glyph);
    if (selected || cut)
        grid_put(l->d->grid, a.rows, x, y, s, glyph, 1);
}

static bool is_cut(const struct paint *p, size_t at)
{
    size_t i = paint_find(p, at);
    return i < p->n && cut_at(&p->token[i], at);
}

/* A side of the token, in a blank beside it (where no cut is marked): a line at the cell's edge, no
 * character that one could have typed; in ASCII a bracket in a cell turned over. */
static void draw_side(const struct drawing *d, struct rect rows, int x, int y, bool left)
{
    if (!rect_has(rows, x, y))
        return;
    struct style s = d->grid->cell[(size_t)y * (size_t)d->grid->w + (size_t)x].style;
    s.attr |= ATTR_BOLD;
    if (d->ascii)
        s.attr ^= ATTR_REVERSE;
    grid_put(d->grid, rows, x, y, s, d->ascii ? (left ? "[" : "]") : (left ? "▕" : "▏"), 1);
}

static void draw_sides(const struct drawing *d, struct span here)
{
    const struct editor *e = &d->ex->sh->editor;
    struct text_area a = text_area(d->ex);
    if (d->ex->typing || here.to <= here.from)
        return;
    size_t first = wrap_row_of(&e->wrap, here.from), last = wrap_row_of(&e->wrap, here.to);
    int y = a.rows.y + ((int)first - (int)e->top) * a.step,
        y2 = a.rows.y + ((int)last - (int)e->top) * a.step;
    int x = a.rows.x + wrap_column(&e->wrap, &e->text, here.from);
    int x2 = a.rows.x + wrap_column(&e->wrap, &e->text, here.to);
    if (e->text.s[here.from] == ' ' && !is_cut(&d->ex->paint, here.from) && first >= e->top)
        draw_side(d, a.rows, x, y, true);
    if ((here.to == e->text.n || e->text.s[here.to] == ' ' || e->text.s[here.to] == '\n') &&
        !is_cut(&d->ex->paint, here.to) && last >= e->top)
        draw_side(d, a.rows, x2, y2, false);
}

/* In the margin: the cursor's line and, lighter, its twin. */
static void draw_twin_marks(const struct drawing *d, struct text_area a)
{
    const struct editor *e = &d->ex->sh->editor;
    size_t line[2], at = textbuf_line_of(&e->text, e->cursor);
    struct rect inner = layout_inner(&d->ex->layout, PANE_TEXT);
    if (!d->ex->twin || a.rows.x == inner.x || twin_lines(d->ex, line) == 1)
        return;
    for (int i = 0; i < 2; i++) {
        size_t row = wrap_row_of(&e->wrap, e->text.line[line[i]]);
        int y = a.rows.y + ((int)row - (int)e->top) * a.step;
        bool own = line[i] == at;
        if (row >= e->top && rect_has(a.rows, a.rows.x, y))
            grid_put(d->grid, inner, inner.x, y, draw_style(d, own ? ROLE_FOCUS : ROLE_DIM),
                     d->ascii ? (own ? ">" : "-") : (own ? "▸" : "▹"), 1);
    }
}

static void draw_rows(const struct drawing *d)
{
    const struct explore *ex = d->ex;
    const struct editor *e = &ex->sh->editor;
    struct text_area a = text_area(ex);
    struct text_look l = {.d = d, .paint = &ex->paint};
    editor_selection(e, &l.selection.from, &l.selection.to);
    if (d->here.valid && !d->here.stale &&
        !map_to_new(&ex->sh->map, d->here.start, d->here.end, &l.here.from, &l.here.to))
        l.here = (struct span){0, 0};
    for (int row = 0; row < e->height && e->top + (size_t)row < e->wrap.n_rows; row++) {
        size_t r = e->top + (size_t)row, at = e->wrap.row[r].start,
               end = wrap_row_end(&e->wrap, &e->text, r), n;
        int x = a.rows.x, y = a.rows.y + row * a.step;
        if (row == 0)
            l.next = paint_find(&ex->paint, at);
        for (; at < end && x < a.rows.x + a.rows.w; at += n)
            x += draw_cluster(&l, a, at, end, x, y, &n);
        if (at == end && at < e->text.n)
            draw_newline(&l, a, at, x, y);
    }
    draw_sides(d, l.here);
    draw_twin_marks(d, a);
    if (ex->focus != PANE_TEXT || d->covered)
        return;
    int column, row;
    editor_cursor_cell(e, &column, &row);
    if (row >= 0 && row < e->height) {
        d->grid->cursor_x = a.rows.x + (column < a.rows.w ? column : a.rows.w - 1);
        d->grid->cursor_y = a.rows.y + row * a.step;
    }
}

/* ---- what the colours mean */
static void subject(const struct drawing *d, char *out, size_t n)
{
    const struct explore *ex = d->ex;
    const char *name = colouring_name[ex->sh->colouring];
    char unit[UNIT_NAME_MAX];
    if (ex->sh->colouring == COLOUR_LOSS || ex->sh->colouring == COLOUR_DELTA)
        snprintf(out, n, "%s", name);
    else if (unit_same(ex->sh->colour_unit, UNIT_ALL) && ex->sh->sliders.n == 0)
        snprintf(out, n, "strongest %s (Tab, f takes one)", unit_words(d->wb)->one);
    else if (unit_same(ex->sh->colour_unit, UNIT_ALL) && ex->sh->sliders.n == 1)
        snprintf(out, n, "%s of %s", name, unit_label(d->wb, ex->sh->sliders.unit[0].id, unit));
    else if (unit_same(ex->sh->colour_unit, UNIT_ALL))
        snprintf(out, n, "%s of all %d", name, ex->sh->sliders.n);
    else if (ex->sh->colour_unit.dict >= 0)
        snprintf(out, n, "%s of %s", name, unit_label(d->wb, ex->sh->colour_unit, unit));
    else
        snprintf(out, n, "%s", name);
}

static void draw_colour_edge(const struct drawing *d)
{
    static const char *const brief[N_COLOURINGS] = {"pre", "activation", "loss", "difference"};
    const struct explore *ex = d->ex;
    char text[200], what[120];
    subject(d, what, sizeof what);
    bool roomy = ex->layout.pane[PANE_TEXT].w >= 64;
    size_t n = (size_t)snprintf(text, sizeof text, "%s%s", roomy ? "colour: " : "", what);
    if (roomy)
        for (int i = 1; i < N_COLOURINGS; i++)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s%s", d->ascii ? " - " : " · ",
                                  i > 1        ? ""
                                  : ex->typing ? "F2 "
                                               : "c ",
                                  brief[((int)ex->sh->colouring + i) % N_COLOURINGS]);
    else
        snprintf(text + n, sizeof text - n, "%s%s next", d->ascii ? " - " : " · ",
                 ex->typing ? "F2" : "c");
    draw_edge(d, PANE_TEXT, text);
}

static float full_scale(const struct drawing *d, const char **source)
{
    const struct explore *ex = d->ex;
    bool from_bundle = false;
    if (ex->sh->colouring == COLOUR_LOSS || ex->sh->colouring == COLOUR_DELTA) {
        *source = "nats, a fixed scale";
        return ex->sh->colouring == COLOUR_LOSS ? PAINT_LOSS_SCALE : PAINT_DELTA_SCALE;
    }
    if (unit_same(ex->sh->colour_unit, UNIT_ALL) && ex->sh->sliders.n == 0) {
        *source = "p99 of the strongest on this text";
        return ex->strongest > 0 ? ex->strongest : 1;
    }
    if (ex->sh->colour_unit.dict < 0) {
        *source = "mean of value / scale of each";
        return 1;
    }
    float s = explore_scale(ex, d->wb, ex->sh->colour_unit, &from_bundle);
    *source = from_bundle ? "p99 of |pre|, the bundle's" : "p99 of |pre| on this text";
    return s;
}

static void draw_legend(const struct drawing *d, struct rect r)
{
    const char *source;
    float scale = full_scale(d, &source);
    bool one_sided = d->ex->sh->colouring == COLOUR_LOSS;
    int n = theme_levels(d->theme), x = r.x;
    char number[32];
    if (r.h < 2)
        return;
    if (!one_sided) {
        signed_number(-(double)scale, 2, d->ascii, number, sizeof number);
        x = grid_printf(d->grid, r, x, r.y, draw_style(d, ROLE_DIM), "%s ", number);
        for (int i = n; i > 0; i--)
            x = grid_text(d->grid, r, x, r.y, level_style(d, -i, d->ex->sh->colouring), "- ",
                          n > 6 ? 1 : 2);
    }
    x = grid_text(d->grid, r, x, r.y, draw_style(d, ROLE_DIM), " 0 ", 3);
    for (int i = 1; i <= n; i++)
        x = grid_text(d->grid, r, x, r.y, level_style(d, i, d->ex->sh->colouring), "+ ",
                      n > 6 ? 1 : 2);
    signed_number((double)scale, 2, d->ascii, number, sizeof number);
    grid_printf(d->grid, r, x, r.y, draw_style(d, ROLE_DIM), " %s", number);
    x = grid_printf(d->grid, r, r.x, r.y + 1, draw_style(d, ROLE_DIM), "full: %s", source);
    if (!snapshot_is_cut(d->snap))
        return;
    char mark[GRID_GLYPH_MAX] = " ";
    struct style s = draw_style(d, ROLE_TEXT);
    mark_cut(d, &s, mark);
    x = grid_printf(d->grid, r, x, r.y + 1, draw_style(d, ROLE_DIM), "  ");
    x = grid_text(d->grid, r, x, r.y + 1, s, mark, strlen(mark));
    grid_printf(d->grid, r, x, r.y + 1, draw_style(d, ROLE_DIM), " a new context begins");
}

/* ---- the token looked at, in words */
static double loss_of(const struct here *h, enum lane_kind lane)
{
    const struct line_losses *l = h->line->loss[lane];
    return l && h->i < l->n ? (double)l->loss[h->i] : NAN;
}

static int add_words(const struct drawing *d, struct rect r, int x, const char *words)
{
    if (!*words || x + 2 + text_columns(words, strlen(words)) > r.x + r.w)
        return x;
    return grid_printf(d->grid, r, x, r.y, draw_style(d, ROLE_DIM), "  %s", words);
}

/* Why a token has no loss, or less before it than the text has. */
static int add_window(const struct drawing *d, struct rect r, int x)
{
    const struct here *h = &d->here;
    const struct line_tokens *t = h->line->tokens;
    int32_t w = 0, first;
    while (w + 1 < t->n_windows && t->window_start[w + 1] <= h->i)
        w++;
    first = t->window_start[w];
    bool bos = first < t->n && t->token[first].start >= t->token[first].end;
    if (h->i > first + (bos ? 1 : 0))
        return x;
    if (w == 0)
        return bos ? x : add_words(d, r, x, "no loss: nothing before it");
    char words[64];
    const char *none = bos ? "" : "no loss: ";
    snprintf(words, sizeof words, "%sa new context of %d tokens begins", none,
             t->window_start[1] - t->window_start[0]);
    int to = add_words(d, r, x, words);
    snprintf(words, sizeof words, "%sa new context", none);
    return to > x ? to : add_words(d, r, x, words);
}

static int add_number(const struct drawing *d, struct rect r, int x, const char *name, double v,
                      bool sign)
{
    char number[32];
    if (!isfinite(v))
        return x;
    (sign ? signed_number : plain_number)(v, 2, d->ascii, number, sizeof number);
    int need = 3 + text_columns(name, strlen(name)) + text_columns(number, strlen(number));
    if (x + need > r.x + r.w) /* half a number is another number */
        return r.x + r.w;
    x = grid_printf(d->grid, r, x, r.y, draw_style(d, ROLE_DIM), "  %s ", name);
    return grid_text(d->grid, r, x, r.y, draw_style(d, ROLE_TEXT), number, strlen(number));
}

static void draw_info(const struct drawing *d, struct rect r)
{
    const struct here *h = &d->here;
    if (r.h <= 0 || !h->valid)
        return;
    char label[LABEL_MAX];
    here_label(d, label);
    struct style s = draw_style(d, h->stale ? ROLE_STALE : ROLE_HEADING);
    int x = grid_text(d->grid, r, r.x, r.y, s, label, strlen(label));
    float pre, act;
    struct unit_id unit = d->ex->sh->colour_unit;
    if (unit.dict >= 0 && here_unit(h, unit, &pre, &act)) {
        x = add_number(d, r, x, "pre", (double)pre, true);
        x = add_number(d, r, x, "act", (double)act, false);
    }
    bool fixed = sliders_any_fixed(&d->in_force),
         inserted = insertion_any(sliders_insert(&d->in_force));
    double base = loss_of(h, inserted ? LANE_BASE : LANE_PLAIN);
    x = add_number(d, r, x, "loss", base, false);
    if (fixed && h->line->loss[LANE_FIXED])
        x = add_number(d, r, x, d->ascii ? "->" : "→", loss_of(h, LANE_FIXED), false);
    x = add_window(d, r, x);
    char more[64];
    snprintf(more, sizeof more, "id %d  token %d of %d", h->line->tokens->token[h->i].id,
             h->token + 1, d->snap->n_tokens);
    add_words(d, r, x, more);
}

/* What to do with nothing there; the cursor's row stays free where there are others. */
static void draw_hint(const struct drawing *d, struct rect r)
{
    char text[400];
    const char *of = !d->wb || d->wb->dict ? unit_words(d->wb)->many : "loss";
    if (r.w < 10)
        return;
    snprintf(text, sizeof text,
             "Type or paste a text: every token is coloured by its %s.\n"
             "%s; Tab then goes to the other panes, : to all commands.\n"
             "%s shows the keys. Text files: :open FILE, glimt < FILE.",
             of, d->ex->typing ? "Esc leaves the text" : "i goes into the text",
             d->ex->typing ? "F1" : "?");
    int32_t n;
    struct text_row *row = text_rows(text, strlen(text), r.w, &n);
    for (int32_t i = 0, top = r.h > 2; i < n && top + i < r.h; i++)
        grid_text(d->grid, r, r.x, r.y + top + i, draw_style(d, ROLE_DIM), text + row[i].start,
                  row[i].end - row[i].start);
    free(row);
}

void draw_text_pane(const struct drawing *d)
{
    draw_frame(d, PANE_TEXT, d->ex->typing ? "Text: typing" : "Text");
    if (!layout_open(&d->ex->layout, PANE_TEXT))
        return;
    struct text_area a = text_area(d->ex);
    draw_rows(d);
    if (d->ex->sh->hint && d->ex->sh->editor.text.n == 0)
        draw_hint(d, a.rows);
    draw_legend(d, a.legend);
    draw_info(d, a.info);
    draw_colour_edge(d);
}
