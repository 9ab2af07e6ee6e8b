/* glimt contrast words, ttest, points, probe, regress, kept, compare. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct study_values none;

/* ---- words */
static bool words(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"words", NULL};
    return inquiry_plain(cli, values, cli->command->query, n, operand, names, e);
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
enum { FEW = 20 };

/* The first rows for people, unless they say how many. New; NULL: as it is. */
static struct table *few_rows(const struct inquiry *q)
{
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

/* ---- points */
static bool points(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", NULL};
    return inquiry_plain(cli, values, cli->command->query, n, operand, names, e);
}

const struct command contrast_points_command = {
    .name = "contrast points",
    .operands = "[WORDS]",
    .summary = "words as points on two units",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &points_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = points,
};

/* ---- probes */
static bool probe(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "sets", "words", NULL};
    return inquiry_plain(cli, values, cli->command->query, n, operand, names, e);
}

const struct command contrast_probe_command = {
    .name = "contrast probe",
    .operands = "[WORDS]",
    .summary = "linear probes with control tasks",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &probe_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = probe,
};

/* The heaviest coefficients of each set of units, whose list begins where the units are others or
 * the weight grows. New. */
static struct table *heaviest(const struct table *t)
{
    enum { HEAVIEST = 10 };
    const int32_t units = table_find(t, "units"), weight = table_find(t, "weight");
    int64_t *row = xcalloc((size_t)t->n_rows + 1, sizeof *row), n = 0, of_set = 0;
    for (int64_t i = 0; i < t->n_rows; i++) {
        if (i > 0 && (strcmp(table_str(t, i, units), table_str(t, i - 1, units)) != 0 ||
                      fabs(table_f64(t, i, weight)) > fabs(table_f64(t, i - 1, weight))))
            of_set = 0;
        if (of_set++ < HEAVIEST)
            row[n++] = i;
    }
    struct table *few = table_select(t, row, n);
    if (n < t->n_rows)
        table_note(few, "the %d heaviest of each; --json has all %lld", HEAVIEST,
                   (long long)t->n_rows);
    free(row);
    return few;
}

static bool regress(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "coefficients", "words", NULL}, *const text[] = {
                                                                                    "coefficients",
                                                                                    "rows", "words",
                                                                                    NULL};
    struct inquiry q;
    const bool people = cli->opt.output == OUTPUT_TEXT;
    bool ok = inquiry_run(&q, cli, values, &regress_query, n, operand, e);
    const struct table *t = ok ? inquiry_table(&q, "coefficients") : NULL;
    struct table *few = people && t && inquiry_rows(&q) == 0 ? heaviest(t) : NULL;
    ok = ok && inquiry_print(&q, inquiry_json(&q, names), people ? text : names, few, e);
    table_free(few);
    inquiry_release(&q);
    return ok;
}

const struct command contrast_regress_command = {
    .name = "contrast regress",
    .operands = "[WORDS]",
    .summary = "logistic regression, and how many coefficients carry it",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &regress_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = regress,
};

const struct command contrast_kept_command = {
    .name = "contrast kept",
    .operands = "[WORDS]",
    .summary = "how few of the best units tell the classes apart",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &kept_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = probe,
};

static bool compare(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "words", NULL};
    return inquiry_plain(cli, values, cli->command->query, n, operand, names, e);
}

const struct command contrast_compare_command = {
    .name = "contrast compare",
    .operands = "[WORDS]",
    .summary = "neurons against latents in one table",
    .max_operands = 1,
    .csv = true,
    .query = &compare_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = compare,
};
