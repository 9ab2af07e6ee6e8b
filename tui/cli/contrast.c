/* glimt contrast words, ttest. */
#include "tui/cli/study.h"

static const struct study_values none;

/* ---- words */
static bool words(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"words", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, &words_query, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, names), names, NULL, e);
    inquiry_release(&q);
    return ok;
}

const struct command contrast_words_command = {
    .name = "contrast words",
    .operands = "[WORDS]",
    .summary = "what a list of words has, by class and kind",
    .max_operands = 1,
    .csv = true,
    .query = &words_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = words,
};

/* ---- ttest */
/* The first rows for people, unless they say how many. New; NULL: as it is. */
static struct table *few_rows(const struct inquiry *q)
{
    enum { FEW = 20 };
    const struct table *t = inquiry_table(q, "rows");
    int64_t row[FEW];
    if (q->cli->opt.output != OUTPUT_TEXT || inquiry_rows(q) > 0 || t->n_rows <= FEW)
        return NULL;
    for (int64_t i = 0; i < FEW; i++)
        row[i] = i;
    struct table *few = table_select(t, row, FEW);
    table_note(few, "%d of %lld; --rows for more", FEW, (long long)t->n_rows);
    return few;
}

static bool ttest(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const json[] = {"rows", "neurons", "sets", "histogram", "words", NULL},
                             *const text[] = {"rows", "sets", "words", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, &ttest_query, n, operand, e);
    struct table *few = ok ? few_rows(&q) : NULL;
    ok = ok && inquiry_print(&q, inquiry_json(&q, json), text, few, e);
    table_free(few);
    inquiry_release(&q);
    return ok;
}

const struct command contrast_ttest_command = {
    .name = "contrast ttest",
    .operands = "[WORDS]",
    .summary = "a t-test a unit, corrected for their number",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &ttest_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = ttest,
};
