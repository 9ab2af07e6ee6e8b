/* The Corpus view drawn. */
#include "engine/base/memory.h"
#include "tui/unit_words.h"
#include "tui/view/corpus/corpus_private.h"
#include "tui/view/label.h"
#include "tui/widget/wrap.h"
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int corpus_subject(const struct corpus_view *v)
{
    return v->index.n_units == 1 ? 1 : v->subject;
}

/* ---- where things stand */
static int tag_width(const struct corpus_view *v)
{
    int w = 0;
    for (int i = 0; i < v->index.classes.n; i++) {
        int k = text_width(v->index.classes.name[i]);
        w = k > w ? k : w;
    }
    return w > 8 ? 8 : w;
}

struct corpus_areas corpus_areas(const struct corpus_view *v, struct rect r)
{
    struct corpus_areas a = {.frame = r};
    struct rect in = r.h < 4 || r.w < 10 ? r : rect_inner(r, 1, 1);
    if (in.h == r.h)
        a.frame = (struct rect){r.x, r.y, 0, 0};
    in.h = in.h < 0 ? 0 : in.h;
    in.w = in.w < 0 ? 0 : in.w;
    if (in.h >= 5)
        a.tabs = (struct rect){in.x, in.y, in.w, 1};
    if (in.h >= 4)
        a.legend = (struct rect){in.x, in.y + in.h - 1, in.w, 1};
    a.rows = (struct rect){in.x, in.y + a.tabs.h, in.w, in.h - a.tabs.h - a.legend.h};
    int tag = tag_width(v), full = 1 + tag + 1 + v->index.digits + 1;
    a.gutter = in.w >= full + 24 ? full : in.w >= tag + 2 + 12 ? tag + 2 : in.w >= 8 ? 1 : 0;
    return a;
}

int corpus_text_width(const struct corpus_view *v, struct rect r)
{
    struct corpus_areas a = corpus_areas(v, r);
    return a.rows.w - a.gutter > 1 ? a.rows.w - a.gutter : 1;
}

void corpus_page_make(const struct corpus_view *v, struct rect r, struct corpus_page *p)
{
    struct corpus_areas a = corpus_areas(v, r);
    int width = corpus_text_width(v, r);
    *p = (struct corpus_page){0};
    if (a.rows.h <= 0 || a.rows.w <= 0)
        return;
    p->line = xcalloc((size_t)a.rows.h, sizeof *p->line);
    p->text = xcalloc((size_t)a.rows.h, sizeof *p->text);
    for (struct corpus_at at = v->top; at.doc < corpus_n_shown(v) && p->n_lines < a.rows.h;
         at = (struct corpus_at){at.doc + 1, 0}) {
        int32_t n;
        struct corpus_text *t = &p->text[p->n_texts];
        corpus_text_make(&v->index, corpus_shown(v, at.doc), t);
        struct text_row *row = text_rows(t->s, t->n, width, &n);
        at.row = at.row < n ? at.row : n - 1;
        for (; at.row < n && p->n_lines < a.rows.h; at.row++)
            p->line[p->n_lines++] = (struct corpus_line){at, row[at.row], p->n_texts};
        p->n_texts++;
        free(row);
    }
}

void corpus_page_release(struct corpus_page *p)
{
    for (int i = 0; i < p->n_texts; i++)
        corpus_text_release(&p->text[i]);
    free(p->text);
    free(p->line);
    *p = (struct corpus_page){0};
}

/* The first token that ends behind a byte. */
static int32_t token_from(const struct corpus_text *t, size_t byte)
{
    int32_t lo = 0, hi = t->n_tokens;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if (t->token[mid].end <= byte)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

int32_t corpus_token_at(const struct corpus_view *v, struct rect rows, int line, int x)
{
    const struct corpus_line *l = &v->page.line[line];
    const struct corpus_text *t = &v->page.text[l->text];
    int at = rows.x + corpus_areas(v, v->r).gutter, columns;
    for (size_t i = l->bytes.start, k; i < l->bytes.end; i += k, at += columns) {
        k = cluster_at(t->s, t->n, i, &columns);
        if (x < at || x >= at + columns)
            continue;
        int32_t token = token_from(t, i);
        return token < t->n_tokens && t->token[token].start <= i ? token : -1;
    }
    return -1;
}

/* ---- colours */
static struct style style_of(const struct corpus_view *v, const struct view_in *in, int64_t row,
                             int cls)
{
    int subject = corpus_subject(v), n = theme_levels(in->theme);
    if (!v->by_value) {
        int active = corpus_active(&v->index, row, subject), of = v->index.n_units;
        if (active == 0)
            return theme_style(in->theme, ROLE_TEXT);
        /* one latent: a plain mark; all of them: the more the stronger, from a third up */
        int level = subject > 0 ? (2 * n + 2) / 3 : (n + 2) / 3 + (n - (n + 2) / 3) * active / of;
        return theme_sequential(in->theme, level > n ? n : level);
    }
    double pre = corpus_pre(&v->index, row, subject);
    if (cls < 0 || isnan(pre))
        return theme_style(in->theme, ROLE_TEXT);
    const struct corpus_extent *e = &v->index.extent[cls][subject];
    double scale = pre > 0 ? e->max : -e->min;
    int level = scale > 0 ? theme_level(in->theme, pre / scale, INT_MIN) : 0;
    return level ? theme_diverging(in->theme, level) : theme_style(in->theme, ROLE_TEXT);
}

static void draw_gutter(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                        struct corpus_areas a, const struct corpus_line *l, int y)
{
    const struct corpus_doc_rows *d = &v->index.doc[corpus_shown(v, l->at.doc)];
    struct rect clip = {a.rows.x, y, a.gutter - 1, 1};
    bool here = l->at.doc == v->at.doc;
    if (a.gutter <= 0)
        return;
    if (here && l->at.row == v->at.row)
        grid_text(g, a.rows, a.rows.x, y, theme_style(in->theme, ROLE_FOCUS), in->ascii ? ">" : "▸",
                  in->ascii ? 1 : strlen("▸"));
    if (l->at.row > 0 || a.gutter < 3)
        return;
    int tag = tag_width(v);
    const char *name = d->cls < 0 ? "" : v->index.classes.name[d->cls];
    struct rect room = {clip.x + 1, y, tag, 1};
    grid_text(g, room, room.x, y, theme_style(in->theme, here ? ROLE_FOCUS : class_role(d->cls)),
              name, strlen(name));
    char number[24];
    int w = snprintf(number, sizeof number, "%lld", (long long)d->number);
    if (a.gutter > tag + 2)
        grid_text(g, clip, clip.x + 1 + tag + 1 + v->index.digits - w, y,
                  theme_style(in->theme, ROLE_DIM), number, (size_t)w);
}

static void draw_text(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                      struct corpus_areas a, const struct corpus_page *p, int line)
{
    const struct corpus_line *l = &p->line[line];
    const struct corpus_text *t = &p->text[l->text];
    int64_t doc = corpus_shown(v, l->at.doc);
    const struct corpus_doc_rows *d = &v->index.doc[doc];
    int32_t token = token_from(t, l->bytes.start), drawn = -1;
    int x = a.rows.x + a.gutter, y = a.rows.y + line;
    struct style s = theme_style(in->theme, ROLE_TEXT), plain = s;
    for (size_t i = l->bytes.start, k; i < l->bytes.end && x < a.rows.x + a.rows.w; i += k) {
        int columns;
        k = cluster_at(t->s, t->n, i, &columns);
        while (token < t->n_tokens && t->token[token].end <= i)
            token++;
        bool inside = token < t->n_tokens && t->token[token].start <= i;
        if (inside && token != drawn)
            s = style_of(v, in, d->first + token, d->cls);
        drawn = inside ? token : -1;
        struct style now = inside ? s : plain;
        unsigned marks = 0;
        if (inside && l->at.doc == v->at.doc && token == v->token)
            marks |= MARK_TOKEN;
        if (v->match_n > 0 && doc == v->match_doc && i >= v->match_at &&
            i < v->match_at + v->match_n)
            marks |= MARK_SELECTED;
        grid_text(g, a.rows, x, y, theme_marked(in->theme, now, marks), t->s + i, k);
        x += columns;
    }
}

/* ---- around the text */
static void subject_name(const struct corpus_view *v, int subject, char out[UNIT_NAME_MAX])
{
    if (subject > 0)
        unit_name(v->watch.job.dicts, v->index.unit[subject - 1], out);
    else
        snprintf(out, UNIT_NAME_MAX, "all %d", (int)v->index.n_units);
}

/* Where a subject's name begins, counted from the first. */
static int tab_offset(const struct corpus_view *v, int subject, int *w)
{
    int x = 0;
    for (int i = v->index.n_units == 1;; i++) {
        char name[UNIT_NAME_MAX];
        subject_name(v, i, name);
        *w = text_width(name) + 2;
        if (i >= subject)
            return x;
        x += *w + 1;
    }
}

/* The names stand so that the selected one is in sight. */
static int tab_x(const struct corpus_view *v, struct rect r, int subject, int *w)
{
    int selected_w, end = tab_offset(v, corpus_subject(v), &selected_w) + selected_w;
    return r.x + tab_offset(v, subject, w) - (end > r.w ? end - r.w : 0);
}

int corpus_tab_at(const struct corpus_view *v, struct rect r, int x)
{
    for (int i = v->index.n_units == 1; i <= v->index.n_units; i++) {
        int w, from = tab_x(v, r, i, &w);
        if (x >= from && x < from + w)
            return i;
    }
    return -1;
}

static void draw_tabs(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                      struct rect r)
{
    int end = r.x, subject = corpus_subject(v);
    for (int i = v->index.n_units == 1; i <= v->index.n_units && r.h > 0; i++) {
        char name[UNIT_NAME_MAX];
        int w, x = tab_x(v, r, i, &w);
        subject_name(v, i, name);
        struct style s = theme_style(in->theme, i == subject ? ROLE_SELECTION : ROLE_DIM);
        grid_printf(g, r, x, r.y, s, i == subject && in->ascii ? "[%s]" : " %s ", name);
        end = x + w;
    }
    const char *classes = v->cls < 0 ? "t: all classes" : "t: only ";
    int cls_w = text_width(classes) + (v->cls < 0 ? 0 : text_width(v->index.classes.name[v->cls]));
    int x = r.x + r.w - cls_w - 1;
    if (r.h <= 0 || x < end + 2)
        return;
    x = grid_text(g, r, x, r.y, theme_style(in->theme, ROLE_DIM), classes, strlen(classes));
    if (v->cls >= 0)
        grid_text(g, r, x, r.y, theme_style(in->theme, class_role(v->cls)),
                  v->index.classes.name[v->cls], strlen(v->index.classes.name[v->cls]));
}

static int draw_scale(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                      struct rect r, int x, int cls)
{
    const struct corpus_extent *e = &v->index.extent[cls][corpus_subject(v)];
    struct style dim = theme_style(in->theme, ROLE_DIM);
    int n = theme_levels(in->theme);
    char number[32];
    signed_number(e->min < 0 ? e->min : 0, 2, in->ascii, number, sizeof number);
    x = grid_printf(g, r, x, r.y, dim, " %s ", number);
    for (int i = n; i > 0; i--)
        x = grid_text(g, r, x, r.y, theme_diverging(in->theme, -i), "-", 1);
    x = grid_text(g, r, x, r.y, dim, "0", 1);
    for (int i = 1; i <= n; i++)
        x = grid_text(g, r, x, r.y, theme_diverging(in->theme, i), "+", 1);
    signed_number(e->max > 0 ? e->max : 0, 2, in->ascii, number, sizeof number);
    return grid_printf(g, r, x, r.y, dim, " %s", number);
}

static int draw_active(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                       struct rect r, int x, int cls, bool roomy)
{
    const struct corpus_extent *e = &v->index.extent[cls][corpus_subject(v)];
    int64_t n = v->index.class_tokens[cls];
    double share = n > 0 ? 100 * (double)e->active / (double)n : 0;
    return grid_printf(g, r, x, r.y, theme_style(in->theme, ROLE_DIM), "%s %.*f %%%s",
                       roomy ? " active on" : "", share > 0 && share < 10, share,
                       roomy ? " of tokens" : "");
}

static void draw_prompt(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                        struct rect r)
{
    grid_fill(g, r, theme_style(in->theme, ROLE_TEXT));
    int x = grid_text(g, r, r.x, r.y, theme_style(in->theme, ROLE_KEY), "/", 1);
    grid_text(g, r, x, r.y, theme_style(in->theme, ROLE_TEXT), v->prompt.s, v->prompt.n);
    x += text_columns(v->prompt.s, v->prompt.cursor);
    g->cursor_x = x < r.x + r.w ? x : r.x + r.w - 1;
    g->cursor_y = r.y;
}

static void draw_legend(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                        struct rect r)
{
    int x = r.x;
    if (r.h <= 0 || r.w <= 0)
        return;
    int n = v->cls < 0 ? v->index.classes.n : 1;
    bool roomy = r.w >= 32 * n;
    if (!v->by_value && !roomy)
        x = grid_printf(g, r, x, r.y, theme_style(in->theme, ROLE_DIM), " active:");
    for (int c = 0; c < v->index.classes.n && x + 8 < r.x + r.w; c++) {
        if (v->cls >= 0 && c != v->cls)
            continue;
        x = grid_text(g, r, x + (x > r.x && roomy ? 3 : 1), r.y,
                      theme_style(in->theme, class_role(c)), v->index.classes.name[c],
                      strlen(v->index.classes.name[c]));
        x = v->by_value ? draw_scale(v, in, g, r, x, c) : draw_active(v, in, g, r, x, c, roomy);
    }
}

/* The clicked token in words: what it is, its values under each subject at hand. */
static bool token_note(const struct corpus_view *v, const struct view_in *in, char *out, size_t n)
{
    if (v->token < 0 || corpus_n_shown(v) == 0)
        return false;
    const struct corpus_doc_rows *d = &v->index.doc[corpus_shown(v, v->at.doc)];
    if (v->token >= d->n)
        return false;
    int64_t row = d->first + v->token;
    int subject = corpus_subject(v);
    const char *s = column_str(v->index.tokens, row, v->index.col_text);
    char label[LABEL_MAX], pre[32];
    token_label(s, strlen(s), in->ascii, label);
    signed_number(corpus_pre(&v->index, row, subject), 2, in->ascii, pre, sizeof pre);
    int active = corpus_active(&v->index, row, subject);
    if (subject > 0)
        snprintf(out, n, "%s  pre %s  %s", label, pre, active ? "active" : "not active");
    else
        snprintf(out, n, "%s  largest pre %s  %d of %d active", label, pre, active,
                 (int)v->index.n_units);
    return true;
}

static void edge_note(const struct corpus_view *v, const struct view_in *in, int w, char *out,
                      size_t n)
{
    const char *dot = in->ascii ? "-" : "·", *arrows = in->ascii ? "<>" : "←→";
    if (v->no_match)
        snprintf(out, n, "no %.60s", v->words);
    else if (v->words[0])
        snprintf(out, n, "/%.60s %s n next %s N before", v->words, dot, dot);
    else if (token_note(v, in, out, n))
        return;
    else if (w >= 64)
        snprintf(out, n, "colour: %s %s c %s %s %s %s %s / finds %s Enter edits",
                 v->by_value ? "pre-activation" : "active", dot,
                 v->by_value ? "active" : "pre-activation", dot, arrows,
                 unit_words(in->workbench)->one, dot, dot);
    else
        snprintf(out, n, "%s %s c %s", v->by_value ? "pre" : "active", dot,
                 v->by_value ? "active" : "pre");
}

static void draw_frame(const struct corpus_view *v, const struct view_in *in, struct grid *g,
                       struct corpus_areas a)
{
    char title[200], name[100] = "", note[200], number[24];
    if (v->watch.asked)
        corpus_choice_name(&v->watch.request.corpus, name, sizeof name);
    snprintf(title, sizeof title, "Corpus");
    if (*name && v->index.n_docs > 0) {
        snprintf(number, sizeof number, "%lld", (long long)corpus_n_shown(v));
        snprintf(title, sizeof title, "Corpus %s %s %s %s documents", in->ascii ? "-" : "·", name,
                 in->ascii ? "-" : "·", number);
    }
    if (a.frame.h <= 0)
        return;
    grid_box(g, a.frame, title, true, in->theme);
    edge_note(v, in, a.frame.w, note, sizeof note);
    if (v->index.n_docs > 0)
        pane_edge(g, in->theme, a.frame, note);
}

void corpus_draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    const struct corpus_view *v = view;
    struct corpus_areas a = corpus_areas(v, r);
    struct corpus_page own = {0}, *p = &own;
    bool same = memcmp(&r, &v->r, sizeof r) == 0;
    if (r.w <= 0 || r.h <= 0)
        return;
    draw_frame(v, in, g, a);
    g->cursor_x = a.rows.x;
    g->cursor_y = a.rows.y;
    if (v->index.n_docs == 0) {
        struct rect room = a.frame.h > 0 ? rect_inner(r, 2, 1) : r;
        pane_waiting(in, &v->watch, g, room);
        return;
    }
    if (same)
        own = v->page;
    else
        corpus_page_make(v, r, &own);
    draw_tabs(v, in, g, a.tabs);
    for (int i = 0; i < p->n_lines; i++) {
        draw_gutter(v, in, g, a, &p->line[i], a.rows.y + i);
        draw_text(v, in, g, a, p, i);
        if (p->line[i].at.doc == v->at.doc && p->line[i].at.row == v->at.row)
            g->cursor_y = a.rows.y + i;
    }
    if (watch_shows_line(&v->watch) && a.legend.h > 0)
        pane_progress(in, &v->watch, g, a.legend);
    else
        draw_legend(v, in, g, a.legend);
    if (v->typing)
        draw_prompt(v, in, g, a.legend.h > 0 ? a.legend : a.rows);
    if (!same)
        corpus_page_release(&own);
}
