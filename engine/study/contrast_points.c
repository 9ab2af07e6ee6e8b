/* Words as points on two units. */
#include "engine/base/memory.h"
#include "engine/study/contrast.h"
#include <stdlib.h>

enum { P_WORD, P_CLASS, P_KIND, P_X, P_Y };

static void value_column(struct table *t, int32_t unit, enum column_role role)
{
    char *name = xasprintf("value.%d", (int)unit);
    table_column(t, name, "", "value of the unit", COLUMN_F64, role);
    free(name);
}

/* 0: not selected. */
static double value_of(const struct word_columns *c, int32_t doc, int32_t unit)
{
    for (int64_t i = c->start[doc]; i < c->start[doc + 1]; i++)
        if (c->id[i] == unit)
            return (double)c->value[i];
    return 0;
}

struct pointing {
    struct table *t;
    enum word_units units;
    int32_t x, y;
};

static void add_point(const struct pointing *p, const struct study *words, int32_t doc,
                      bool labelled)
{
    const struct corpus *c = words_corpus(words);
    const struct corpus_doc *d = &c->doc[doc];
    const struct word_columns *of = words_columns(words, p->units);
    const int64_t row = table_row(p->t);
    table_set_strn(p->t, row, P_WORD, d->text, d->n);
    if (labelled)
        table_set_str(p->t, row, P_CLASS, c->cls[d->cls].name);
    if (labelled && d->kind >= 0)
        table_set_str(p->t, row, P_KIND, c->kind[d->kind]);
    table_set_f64(p->t, row, P_X, value_of(of, doc, p->x));
    table_set_f64(p->t, row, P_Y, value_of(of, doc, p->y));
}

struct table *contrast_points(const struct study *words, enum word_units u, int32_t x, int32_t y,
                              const struct study *one)
{
    struct word_list l;
    const struct pointing p = {
        table_new("rows", u == WORD_LATENTS ? "Words on two latents" : "Words on two neurons",
                  MARK_SCATTER),
        u, x, y};
    table_column(p.t, "word", "", "as it stands in the list", COLUMN_STR, COLUMN_TEXT);
    table_column(p.t, "class", "", "class of the word", COLUMN_STR, COLUMN_SERIES);
    table_column(p.t, "kind", "", "what the list says of it", COLUMN_STR, COLUMN_TEXT);
    value_column(p.t, x, COLUMN_X);
    value_column(p.t, y, COLUMN_Y);
    word_list_init(&l, words_corpus(words), (struct word_question){-1, -1});
    table_reserve(p.t, l.n + 1);
    for (int32_t i = 0; i < l.n; i++)
        add_point(&p, words, l.doc[i], true);
    word_list_release(&l);
    if (one)
        add_point(&p, one, 0, false);
    return p.t;
}
