/* Tokens as running text, each on the colour of its value. */
#include "tui/plot/tokens.h"
#include "engine/base/memory.h"
#include "tui/plot/scale.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct flow {
    const struct table *t;
    struct canvas *c;
    struct rect r;
    int x, row;
};

static void put(const struct flow *f, enum ink ink, const char *s)
{
    if (f->c && f->row < f->r.y + f->r.h)
        f->c->ops->text(f->c, f->r, f->r.x + f->x, f->row, ANCHOR_LEFT, (struct pen){.ink = ink}, s,
                        strlen(s));
}

static void next_row(struct flow *f)
{
    f->row++;
    f->x = 0;
}

void tokens_shown(const struct table *t, int64_t row, struct strbuf *out)
{
    const char *text = table_str(t, row, table_find(t, "text")),
               *hex = table_str(t, row, table_find(t, "bytes"));
    struct strbuf bytes;
    unsigned byte;
    strbuf_init(&bytes);
    strbuf_adds(&bytes, text ? text : "");
    for (; !text && hex && sscanf(hex, "%2x", &byte) == 1; hex += 2)
        strbuf_addc(&bytes, (char)byte);
    strbuf_clear(out);
    for (size_t at = 0; at < bytes.len;) {
        char glyph[GRID_GLYPH_MAX];
        int width;
        at += text_cluster(bytes.s + at, bytes.len - at, &width, glyph);
        strbuf_adds(out, glyph);
    }
    strbuf_release(&bytes);
}

static void add_number(const struct table *t, int64_t row, int32_t col, bool ascii,
                       struct strbuf *out)
{
    char number[NUMBER_MAX];
    if (!table_has(t, row, col))
        return;
    strbuf_addf(out, "%s%s ", out->len > 0 ? ", " : "", t->cols[col].name);
    strbuf_add(out, number, number_text(table_f64(t, row, col), 4, ascii, number));
}

/* Its value, and what else is known of it. */
static char *said(const struct flow *f, int64_t row, int32_t y)
{
    static const char *const also[] = {"logp_a", "logp_b", "loss_a", "loss_b"};
    struct strbuf out;
    strbuf_init(&out);
    add_number(f->t, row, y, f->c->ascii, &out);
    for (size_t i = 0; i < sizeof also / sizeof *also; i++)
        add_number(f->t, row, table_find(f->t, also[i]), f->c->ascii, &out);
    char *s = xstrdup(out.s);
    strbuf_release(&out);
    return s;
}

static void draw_token(struct flow *f, int64_t row, int32_t y, const char *s)
{
    const size_t blanks = strspn(s, " ");
    const int w = text_columns(s, strlen(s)) - (int)blanks;
    const double value = table_f64(f->t, row, y);
    if (f->x > 0 && f->x + (int)blanks + w > f->r.w)
        next_row(f);
    else
        f->x += (int)blanks;
    if (!f->c || f->row >= f->r.y + f->r.h) {
        f->x += w;
        return;
    }
    if (!isfinite(value) || fabs(value) < TOKENS_FULL / 10) {
        put(f, INK_TEXT, s + blanks);
    } else {
        const struct rect at = {f->r.x + f->x, f->row, w, 1};
        const struct tile tile = {fmax(-1, fmin(1, value / TOKENS_FULL)), true, s + blanks};
        char *title = f->c->exact ? said(f, row, y) : NULL;
        f->c->ops->tile(f->c, at, &tile, title);
        free(title);
    }
    f->x += w;
}

bool tokens_head(const struct table *t, int64_t row, bool ascii, struct strbuf *out)
{
    const int32_t doc = table_find(t, "doc");
    const char *cls = table_str(t, row, table_find(t, "class"));
    strbuf_clear(out);
    if (doc < 0 || (row > 0 && table_i64(t, row, doc) == table_i64(t, row - 1, doc)))
        return false;
    strbuf_addf(out, "%s%s%lld", cls ? cls : "", cls ? " " : "", (long long)table_i64(t, row, doc));
    add_number(t, row, table_find(t, "score"), ascii, out);
    return true;
}

int tokens_draw(const struct table *t, const char *title, struct canvas *c, struct rect r)
{
    struct flow f = {.t = t, .c = c, .r = r, .row = r.y};
    const int32_t y = table_with_role(t, COLUMN_Y);
    struct strbuf s;
    strbuf_init(&s);
    if (*title) {
        put(&f, INK_TITLE, title);
        next_row(&f);
    }
    for (int64_t i = 0; i < t->n_rows; i++) {
        if (tokens_head(t, i, c && c->ascii, &s)) {
            if (f.x > 0)
                next_row(&f);
            put(&f, INK_DIM, s.s);
            next_row(&f);
        }
        tokens_shown(t, i, &s);
        draw_token(&f, i, y, s.s);
    }
    if (f.x > 0)
        next_row(&f);
    if (t->note && *t->note) {
        put(&f, INK_DIM, t->note);
        next_row(&f);
    }
    strbuf_release(&s);
    return f.row - r.y;
}
