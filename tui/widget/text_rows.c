#include "tui/widget/text_rows.h"
#include "engine/base/memory.h"
#include "tui/widget/wrap.h"
struct wrapping {
    size_t n_text;
    struct text_row *row;
    size_t cap;
    int32_t n;
};

static void add_row(struct wrapping *w, size_t start)
{
    if (w->n > 0)
        w->row[w->n - 1].end = start;
    w->row = grow(w->row, &w->cap, (size_t)w->n + 1, sizeof *w->row);
    w->row[w->n++] = (struct text_row){start, w->n_text};
}

struct row_state { /* of the row that is being filled */
    size_t start, after_blank;
    int column, column_at_blank;
};

static void break_row(struct wrapping *w, struct row_state *s, size_t i, int columns, int width)
{
    if (s->after_blank > s->start) { /* the word moves down whole */
        s->start = s->after_blank;
        s->column -= s->column_at_blank;
        add_row(w, s->start);
    }
    if (s->column + columns > width && i > s->start) {
        s->start = i;
        s->column = 0;
        add_row(w, s->start);
    }
    s->after_blank = s->start;
    s->column_at_blank = 0;
}

struct text_row *text_rows(const char *text, size_t n, int width, int32_t *n_rows)
{
    struct wrapping w = {.n_text = n};
    struct row_state s = {0};
    width = width < 1 ? 1 : width;
    add_row(&w, 0);
    for (size_t i = 0; i < n;) {
        int columns;
        size_t k = cluster_at(text, n, i, &columns);
        bool blank = text[i] == ' ' || text[i] == '\t';
        if (text[i] == '\n') {
            add_row(&w, i + 1);
            w.row[w.n - 2].end = i;
            s = (struct row_state){.start = i + 1, .after_blank = i + 1};
            i++;
            continue;
        }
        if (!blank && s.column + columns > width && i > s.start)
            break_row(&w, &s, i, columns, width);
        i += k;
        s.column += columns;
        if (blank) {
            s.after_blank = i;
            s.column_at_blank = s.column;
        }
    }
    *n_rows = w.n;
    return w.row;
}
