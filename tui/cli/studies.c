/* glimt harvest, latents, find, histogram, examples, sweep, logit-lens, coactive. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include "tui/lab/param_json.h"
#include "tui/unit_json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct study_values none;

/* ---- harvest */
static void add_time(struct strbuf *out, const struct lab_facts *f, const struct table *classes)
{
    const char *what = f->cached    ? "already there, read"
                       : f->resumed ? "resumed, finished"
                                    : "done";
    double s = f->seconds, tokens = 0;
    for (int64_t i = 0; i < classes->n_rows; i++)
        tokens += table_f64(classes, i, table_find(classes, "tokens"));
    if (s >= 100)
        strbuf_addf(out, "\n%s in %d min %d s", what, (int)(s / 60), (int)s % 60);
    else
        strbuf_addf(out, "\n%s in %.*f s", what, s < 0.1 ? 2 : 1, s);
    if (!f->cached && !f->resumed && s > 0)
        strbuf_addf(out, ", %.0f tokens a second", tokens / s);
    strbuf_addc(out, '\n');
}

static bool harvest(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"classes", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, &harvest_query, n, operand, e);
    if (ok) {
        json_t *tokens = json_object(), *sentences = json_object(), *cut = json_object();
        const struct table *t = inquiry_table(&q, "classes");
        for (int64_t i = 0; i < t->n_rows; i++) {
            const char *cls = table_str(t, i, table_find(t, "class"));
            json_object_set_new(tokens, cls,
                                json_integer(table_i64(t, i, table_find(t, "tokens"))));
            json_object_set_new(sentences, cls,
                                json_integer(table_i64(t, i, table_find(t, "sentences"))));
            json_object_set_new(cut, cls, json_integer(q.cut.of_class[i]));
        }
        json_t *root = json_pack("{s:o, s:o, s:o, s:b, s:b, s:f}", "tokens", tokens, "sentences",
                                 sentences, "cut", cut, "resumed", q.facts.resumed, "cached",
                                 q.facts.cached, "seconds", q.facts.seconds);
        ok = inquiry_print(&q, root, names, NULL, e);
        if (ok && cli->opt.output == OUTPUT_TEXT)
            add_time(&cli->out, &q.facts, t);
    }
    inquiry_release(&q);
    return ok;
}

const struct command harvest_command = {
    .name = "harvest",
    .operands = "[CORPUS]",
    .summary = "statistics of all latents over a corpus, once",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &harvest_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = harvest,
};

/* ---- latents */

static json_t *class_names(const struct inquiry *q)
{
    json_t *names = json_array();
    const struct table *t = inquiry_table(q, "classes");
    for (int64_t i = 0; t && i < t->n_rows; i++)
        json_array_append_new(names, json_text(table_str(t, i, table_find(t, "class"))));
    return names;
}

static int32_t sort_column(const struct table *t, const char *sort, struct error *e)
{
    int32_t c = table_find(t, sort ? sort : "difference");
    if (c >= 0 || !sort)
        return c >= 0 ? c : 0;
    struct strbuf names;
    strbuf_init(&names);
    for (int32_t i = 0; i < t->n_cols; i++)
        strbuf_addf(&names, "%s%s", i ? ", " : "", t->cols[i].name);
    error_set(e, ERROR_INPUT, "--sort: found %s, expected one of %s", sort, names.s);
    strbuf_release(&names);
    return -1;
}

/* The rows of `t` in the order asked for: by the rule, at most so many. A new table. */
static struct table *sorted_rows(const struct inquiry *q, const struct table *t, struct error *e)
{
    const struct params *p = &q->request.params;
    const char *target = params_text(p, "target");
    const int64_t asked = inquiry_rows(q);
    struct rule rule;
    const bool by_rule = request_rule(&q->request, &rule);
    int32_t by = sort_column(t, params_text(p, "sort"), e), share = -1;
    if (by < 0)
        return NULL;
    int64_t *order = xcalloc((size_t)t->n_rows + 1, sizeof *order);
    /* what tells classes apart first: a small overlap does */
    table_sort(t, by, by != 0 && strcmp(t->cols[by].name, "overlap") != 0, order);
    const struct corpus *c = lab_corpus(q->lab, &q->request.corpus, CORPUS_ALL, NULL);
    char *name = xasprintf("fire_share.%s", target ? target : c->cls[0].name);
    share = table_find(t, name);
    int32_t difference = table_find(t, "difference");
    int64_t kept = 0, most = asked > 0 ? asked : q->cli->opt.output != OUTPUT_TEXT ? t->n_rows : 20;
    for (int64_t i = 0; i < t->n_rows; i++) {
        double s = table_f64(t, order[i], share), d = table_f64(t, order[i], difference);
        if ((!by_rule || rule_holds(&rule, s, s - d)) && kept < most)
            order[kept++] = order[i];
    }
    struct table *rows = table_select(t, order, kept);
    if (kept < t->n_rows && q->cli->opt.output == OUTPUT_TEXT)
        table_note(rows, "%lld of %lld latents that fired%s", (long long)kept, (long long)t->n_rows,
                   asked > 0 || by_rule ? "" : "; --rows for more");
    free(name);
    free(order);
    return rows;
}

static bool latents(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "classes", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, &latents_query, n, operand, e);
    struct table *rows = ok ? sorted_rows(&q, inquiry_table(&q, "rows"), e) : NULL;
    ok = ok && rows;
    if (ok) {
        json_t *classes = class_names(&q);
        struct table_set *set = table_set_new();
        table_set_add(set, rows);
        table_set_add(set, table_copy(inquiry_table(&q, "classes")));
        table_set_unref(q.set);
        q.set = set;
        ok =
            inquiry_print(&q, json_pack("{s:o, s:o}", "classes", classes, "rows", table_json(rows)),
                          names, NULL, e);
    }
    inquiry_release(&q);
    return ok;
}

const struct command latents_command = {
    .name = "latents",
    .operands = "[CORPUS]",
    .summary = "how often every latent fires on each class",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &latents_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = latents,
};

/* ---- find */
static bool find(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "latents", "classes", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, &find_query, n, operand, e);
    if (ok) {
        json_t *words = json_object();
        struct rule rule;
        request_rule(&q.request, &rule);
        const struct table *t = inquiry_table(&q, "classes");
        for (int64_t i = 0; i < t->n_rows; i++)
            json_object_set_new(words, table_str(t, i, table_find(t, "class")),
                                json_number(table_f64(t, i, table_find(t, "tokens_per_word"))));
        json_t *root = inquiry_json(&q, (const char *const[]){"rows", "latents", NULL});
        json_object_set_new(root, "rule",
                            json_pack("{s:o, s:f, s:f}", "target",
                                      json_text(table_str(t, 0, table_find(t, "class"))),
                                      "min_share", rule.min_share, "max_other", rule.max_other));
        const char *target = params_text(&q.request.params, "target");
        if (target)
            json_object_set_new(json_object_get(root, "rule"), "target", json_text(target));
        json_object_set_new(root, "tokens_per_word", words);
        ok = inquiry_print(&q, root, names, NULL, e);
    }
    inquiry_release(&q);
    return ok;
}

const struct command find_command = {
    .name = "find",
    .operands = "[CORPUS]",
    .summary = "latents of a class by a rule, verified on the other half",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &find_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = find,
};

/* ---- those that print their tables as they are */
static bool histogram(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "latents", NULL}, *const each[] = {"tokens", NULL};
    bool tokens = ((const struct study_values *)values)->tokens;
    return inquiry_plain(cli, values, tokens ? &tokens_query : &histogram_query, n, operand,
                         tokens ? each : names, e);
}

#define AT(member) .offset = offsetof(struct study_values, member)
static const struct option_row histogram_options[] = {
    {"tokens", NULL, "the values themselves, token by token", OPTION_FLAG, AT(tokens)},
    {.name = NULL},
};
const struct command histogram_command = {
    .name = "histogram",
    .operands = "[ID…] [CORPUS]",
    .summary = "pre-activations by class, exact overlap",
    .max_operands = UNITS_MAX + 1,
    .csv = true,
    .svg = true,
    .options = histogram_options,
    .query = &histogram_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = histogram,
};

static bool examples(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const some[] = {"rows", NULL}, *const all[] = {"activations", NULL};
    struct inquiry q;
    struct table *text = NULL;
    bool ok = inquiry_run(&q, cli, values, &examples_query, n, operand, e);
    const char *const *names = params_flag(&q.request.params, "all") ? all : some;
    if (ok && names == some && cli->opt.output == OUTPUT_TEXT)
        text = examples_text(&q);
    ok = ok && inquiry_print(&q, inquiry_json(&q, names), names, text, e);
    table_free(text);
    inquiry_release(&q);
    return ok;
}

const struct command examples_command = {
    .name = "examples",
    .operands = "[ID…] [CORPUS]",
    .summary = "where latents fire, at several quantiles",
    .max_operands = UNITS_MAX + 1,
    .csv = true,
    .svg = true,
    .query = &examples_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = examples,
};

static bool lens(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"promoted", "suppressed", "neighbours", NULL};
    struct inquiry q;
    struct table *csv = NULL;
    bool ok = inquiry_run(&q, cli, values, &lens_query, n, operand, e);
    if (ok && cli->opt.output == OUTPUT_CSV)
        csv = lens_csv(&q);
    ok = ok && inquiry_print(&q, inquiry_json(&q, names), names, csv, e);
    table_free(csv);
    inquiry_release(&q);
    return ok;
}

const struct command lens_command = {
    .name = "logit-lens",
    .operands = "[ID…]",
    .summary = "tokens that latents promote and suppress",
    .max_operands = UNITS_MAX,
    .csv = true,
    .svg = true,
    .query = &lens_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = lens,
};

static bool coactive(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", NULL};
    return inquiry_plain(cli, values, &coactive_query, n, operand, names, e);
}

const struct command coactive_command = {
    .name = "coactive",
    .operands = "[ID…] [CORPUS]",
    .summary = "latents that fire on the same tokens",
    .max_operands = UNITS_MAX + 1,
    .csv = true,
    .svg = true,
    .query = &coactive_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = coactive,
};

/* ---- sweep */
static bool sweep(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "differences", "pairs", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, &sweep_query, n, operand, e);
    if (ok) {
        json_t *root = inquiry_json(&q, names), *latents = json_array(),
               *asked = params_json(&q.request.params, PARAMS_THERE, &q.wb->dicts);
        for (int32_t i = 0; i < q.wb->n_chosen; i++)
            json_array_append_new(latents, unit_json(&q.wb->dicts, q.wb->chosen[i]));
        json_object_set_new(root, "latents", latents);
        json_object_set(root, "insert", json_object_get(asked, "insert"));
        json_decref(asked);
        ok = inquiry_print(&q, root, names, NULL, e);
    }
    inquiry_release(&q);
    return ok;
}

const struct command sweep_command = {
    .name = "sweep",
    .operands = "[CORPUS]",
    .summary = "loss with the chosen latents at one value after another",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .query = &sweep_query,
    .defaults = &none,
    .values_size = sizeof none,
    .run = sweep,
};
