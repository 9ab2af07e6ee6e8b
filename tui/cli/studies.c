/* glimt harvest, latents, find, histogram, examples, sweep, logit-lens, coactive. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define AT(member) .offset = offsetof(struct study_values, member)

static bool class_call(void *values, const char *value, struct error *e)
{
    struct study_values *v = values;
    if (v->n_files == CORPUS_MAX_CLASSES)
        return error_set(e, ERROR_INPUT, "found one more class, %s, expected at most %d", value,
                         CORPUS_MAX_CLASSES);
    v->file[v->n_files++] = value;
    return true;
}

static bool inserts_call(void *values, const char *value, struct error *e)
{
    struct study_values *v = values;
    v->inserts = 0;
    for (const char *p = value; *p;) {
        size_t n = strcspn(p, ",");
        if (n == 3 && strncmp(p, "sae", n) == 0)
            v->inserts |= 1u << INSERT_SAE;
        else if (n == 5 && strncmp(p, "error", n) == 0)
            v->inserts |= 1u << INSERT_ERROR;
        else
            return error_set(e, ERROR_INPUT, "found %s, expected sae, error or sae,error", value);
        p += n + (p[n] == ',');
    }
    return true;
}

static bool share_call(const char *value, double *out, struct error *e)
{
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || !(v >= 0 && v <= 1))
        return error_set(e, ERROR_INPUT, "found %s, expected a share from 0 to 1", value);
    *out = v;
    return true;
}

static bool min_share_call(void *values, const char *value, struct error *e)
{
    ((struct study_values *)values)->rule_given = true;
    return share_call(value, &((struct study_values *)values)->min_share, e);
}

static bool max_other_call(void *values, const char *value, struct error *e)
{
    ((struct study_values *)values)->rule_given = true;
    return share_call(value, &((struct study_values *)values)->max_other, e);
}

#define ROW_CLASS                                                                                  \
    {                                                                                              \
        "class", "NAME=FILE", "a class of the corpus in a file of its own; as often as needed",    \
            OPTION_CALL, .call = class_call                                                        \
    }
#define ROW_LIMIT                                                                                  \
    {                                                                                              \
        "limit", "N", "the first N sentences of each class", OPTION_INT, AT(limit),                \
            .min = 1, .max = INT32_MAX                                                             \
    }
#define ROW_HEADER                                                                                 \
    {                                                                                              \
        "header", NULL, "the first of the lines text<TAB>label is a header: skip it", OPTION_FLAG, \
            AT(header)                                                                             \
    }
#define ROW_TARGET                                                                                 \
    {                                                                                              \
        "target", "NAME", "the class asked about; default: the first", OPTION_TEXT, AT(target)     \
    }
#define ROW_ROWS                                                                                   \
    {                                                                                              \
        "rows", "N", "rows printed", OPTION_INT, AT(rows), .min = 1, .max = INT32_MAX              \
    }
#define ROW_RULE                                                                                   \
    {"min-share", "SHARE", "more than this share of the target's tokens; default .5", OPTION_CALL, \
     .call = min_share_call},                                                                      \
    {                                                                                              \
        "max-other", "SHARE", "less than this share of the others'; default .01", OPTION_CALL,     \
            .call = max_other_call                                                                 \
    }
#define END                                                                                        \
    {                                                                                              \
        .name = NULL                                                                               \
    }

static const struct study_values defaults = {.min_share = .5, .max_other = .01};

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
    bool ok = inquiry_run(&q, cli, values, REQUEST_HARVEST, false, true, n, operand, e);
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

static const struct option_row harvest_options[] = {
    ROW_CLASS,  ROW_LIMIT,
    ROW_HEADER, {"keep-activations", NULL, "also keep every activation", OPTION_FLAG, AT(keep)},
    END,
};
const struct command harvest_command = {
    .name = "harvest",
    .operands = "[CORPUS]",
    .summary = "statistics of all latents over a corpus, once",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .options = harvest_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = harvest,
};

/* ---- latents */

/* Classes are the references' here: what completion can know. */
static const char *const sort_columns[] = {
    "latent",        "difference",    "overlap",     "higher",      "density",
    "fire_share.da", "fire_share.en", "mean_pre.da", "mean_pre.en", NULL};

static json_t *class_names(const struct inquiry *q)
{
    json_t *names = json_array();
    const struct table *t = inquiry_table(q, "classes");
    for (int64_t i = 0; t && i < t->n_rows; i++)
        json_array_append_new(names, json_text(table_str(t, i, table_find(t, "class"))));
    return names;
}

static int32_t sort_column(const struct table *t, const struct study_values *v, struct error *e)
{
    int32_t c = table_find(t, v->sort ? v->sort : "difference");
    if (c >= 0 || !v->sort)
        return c >= 0 ? c : 0;
    struct strbuf names;
    strbuf_init(&names);
    for (int32_t i = 0; i < t->n_cols; i++)
        strbuf_addf(&names, "%s%s", i ? ", " : "", t->cols[i].name);
    error_set(e, ERROR_INPUT, "--sort: found %s, expected one of %s", v->sort, names.s);
    strbuf_release(&names);
    return -1;
}

/* The rows of `t` in the order asked for: by the rule, at most so many. A new table. */
static struct table *sorted_rows(const struct inquiry *q, const struct table *t, struct error *e)
{
    const struct study_values *v = q->values;
    int32_t by = sort_column(t, v, e), share = -1;
    if (by < 0)
        return NULL;
    int64_t *order = xcalloc((size_t)t->n_rows + 1, sizeof *order);
    /* what tells classes apart first: a small overlap does */
    table_sort(t, by, by != 0 && strcmp(t->cols[by].name, "overlap") != 0, order);
    const struct corpus *c = lab_corpus(q->lab, &q->request.corpus, CORPUS_ALL, NULL);
    char *name = xasprintf("fire_share.%s", v->target ? v->target : c->cls[0].name);
    share = table_find(t, name);
    int32_t difference = table_find(t, "difference");
    int64_t kept = 0, most = v->rows > 0                         ? v->rows
                             : q->cli->opt.output != OUTPUT_TEXT ? t->n_rows
                                                                 : 20;
    for (int64_t i = 0; i < t->n_rows; i++) {
        double s = table_f64(t, order[i], share), d = table_f64(t, order[i], difference);
        if ((!v->rule_given || rule_holds(&q->request.rule, s, s - d)) && kept < most)
            order[kept++] = order[i];
    }
    struct table *rows = table_select(t, order, kept);
    if (kept < t->n_rows && q->cli->opt.output == OUTPUT_TEXT)
        table_note(rows, "%lld of %lld latents that fired%s", (long long)kept, (long long)t->n_rows,
                   v->rows > 0 || v->rule_given ? "" : "; --rows for more");
    free(name);
    free(order);
    return rows;
}

static bool latents(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "classes", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, REQUEST_LATENTS, false, true, n, operand, e);
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

static const struct option_row latents_options[] = {
    ROW_CLASS,
    ROW_LIMIT,
    ROW_HEADER,
    ROW_TARGET,
    {"sort", "COLUMN", "a column of the table; default: difference", OPTION_TEXT, AT(sort),
     .choices = sort_columns},
    ROW_ROWS,
    ROW_RULE,
    END,
};
const struct command latents_command = {
    .name = "latents",
    .operands = "[CORPUS]",
    .summary = "how often every latent fires on each class",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .options = latents_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = latents,
};

/* ---- find */
static bool find(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "latents", "classes", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, REQUEST_FIND, false, true, n, operand, e);
    if (ok) {
        json_t *words = json_object();
        const struct table *t = inquiry_table(&q, "classes");
        for (int64_t i = 0; i < t->n_rows; i++)
            json_object_set_new(words, table_str(t, i, table_find(t, "class")),
                                json_number(table_f64(t, i, table_find(t, "tokens_per_word"))));
        json_t *root = inquiry_json(&q, (const char *const[]){"rows", "latents", NULL});
        json_object_set_new(root, "rule",
                            json_pack("{s:o, s:f, s:f}", "target",
                                      json_text(table_str(t, 0, table_find(t, "class"))),
                                      "min_share", q.request.rule.min_share, "max_other",
                                      q.request.rule.max_other));
        if (q.request.target)
            json_object_set_new(json_object_get(root, "rule"), "target",
                                json_text(q.request.target));
        json_object_set_new(root, "tokens_per_word", words);
        ok = inquiry_print(&q, root, names, NULL, e);
    }
    inquiry_release(&q);
    return ok;
}

static const struct option_row find_options[] = {
    ROW_CLASS, ROW_LIMIT, ROW_HEADER, ROW_TARGET, ROW_ROWS, ROW_RULE, END,
};
const struct command find_command = {
    .name = "find",
    .operands = "[CORPUS]",
    .summary = "latents of a class by a rule, verified on the other half",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .options = find_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = find,
};

/* ---- those that print their tables as they are */
static bool plain(struct cli *cli, const void *values, enum request_kind kind, bool corpus, int n,
                  char **operand, const char *const *names, struct error *e)
{
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, kind, kind != REQUEST_SWEEP, corpus, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, names), names, NULL, e);
    inquiry_release(&q);
    return ok;
}

static bool histogram(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "latents", NULL}, *const each[] = {"tokens", NULL};
    bool tokens = ((const struct study_values *)values)->tokens;
    return plain(cli, values, tokens ? REQUEST_TOKENS : REQUEST_HISTOGRAM, true, n, operand,
                 tokens ? each : names, e);
}

static const struct option_row histogram_options[] = {
    ROW_CLASS,
    ROW_LIMIT,
    ROW_HEADER,
    ROW_TARGET,
    {"as-published", NULL, "30 bins over each class's own range", OPTION_FLAG, AT(own_range)},
    {"tokens", NULL, "the values themselves, token by token", OPTION_FLAG, AT(tokens)},
    ROW_ROWS,
    END,
};
const struct command histogram_command = {
    .name = "histogram",
    .operands = "[ID…] [CORPUS]",
    .summary = "pre-activations by class, exact overlap",
    .max_operands = STUDY_MAX_UNITS + 1,
    .csv = true,
    .svg = true,
    .options = histogram_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = histogram,
};

static bool examples(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const some[] = {"rows", NULL}, *const all[] = {"activations", NULL};
    const char *const *names = ((const struct study_values *)values)->keep ? all : some;
    struct inquiry q;
    struct table *text = NULL;
    bool ok = inquiry_run(&q, cli, values, REQUEST_EXAMPLES, true, true, n, operand, e);
    if (ok && names == some && cli->opt.output == OUTPUT_TEXT)
        text = examples_text(&q);
    ok = ok && inquiry_print(&q, inquiry_json(&q, names), names, text, e);
    table_free(text);
    inquiry_release(&q);
    return ok;
}

static const struct option_row examples_options[] = {
    ROW_CLASS,
    ROW_LIMIT,
    ROW_HEADER,
    {"rows", "N", "examples of each class; default: 10", OPTION_INT, AT(rows), .min = 1,
     .max = 2 * HARVEST_TOP},
    {"all", NULL, "every activation, as --keep-activations keeps them", OPTION_FLAG, AT(keep)},
    END,
};
const struct command examples_command = {
    .name = "examples",
    .operands = "[ID…] [CORPUS]",
    .summary = "where latents fire, at several quantiles",
    .max_operands = STUDY_MAX_UNITS + 1,
    .csv = true,
    .svg = true,
    .options = examples_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = examples,
};

static bool lens(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"promoted", "suppressed", "neighbours", NULL};
    struct inquiry q;
    struct table *csv = NULL;
    bool ok = inquiry_run(&q, cli, values, REQUEST_LENS, true, false, n, operand, e);
    if (ok && cli->opt.output == OUTPUT_CSV)
        csv = lens_csv(&q);
    ok = ok && inquiry_print(&q, inquiry_json(&q, names), names, csv, e);
    table_free(csv);
    inquiry_release(&q);
    return ok;
}

static const struct option_row lens_options[] = {
    {"rows", "N", "tokens and neighbours of each latent; default: 10", OPTION_INT, AT(rows),
     .min = 1, .max = 1000},
    END,
};
const struct command lens_command = {
    .name = "logit-lens",
    .operands = "[ID…]",
    .summary = "tokens that latents promote and suppress",
    .max_operands = STUDY_MAX_UNITS,
    .csv = true,
    .svg = true,
    .options = lens_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = lens,
};

static bool coactive(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", NULL};
    return plain(cli, values, REQUEST_COACTIVE, true, n, operand, names, e);
}

static const struct option_row coactive_options[] = {
    ROW_CLASS,
    ROW_LIMIT,
    ROW_HEADER,
    {"rows", "N", "others of each latent; default: 10", OPTION_INT, AT(rows), .min = 1,
     .max = INT32_MAX},
    END,
};
const struct command coactive_command = {
    .name = "coactive",
    .operands = "[ID…] [CORPUS]",
    .summary = "latents that fire on the same tokens",
    .max_operands = STUDY_MAX_UNITS + 1,
    .csv = true,
    .svg = true,
    .options = coactive_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = coactive,
};

/* ---- sweep */
static bool sweep(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "differences", "pairs", NULL};
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, values, REQUEST_SWEEP, false, true, n, operand, e);
    if (ok) {
        json_t *root = inquiry_json(&q, names), *latents = json_array();
        for (int32_t i = 0; i < q.wb->n_chosen; i++)
            json_array_append_new(latents, json_integer(q.wb->chosen[i]));
        unsigned both = 1u << INSERT_SAE | 1u << INSERT_ERROR;
        json_object_set_new(root, "latents", latents);
        json_object_set_new(root, "insert",
                            json_string(q.request.inserts == both                 ? "sae,error"
                                        : q.request.inserts == 1u << INSERT_ERROR ? "error"
                                                                                  : "sae"));
        ok = inquiry_print(&q, root, names, NULL, e);
    }
    inquiry_release(&q);
    return ok;
}

static const struct option_row sweep_options[] = {
    {"values", "LIST", "FROM:TO:STEP or a list; default -8:8:2", OPTION_TEXT, AT(values)},
    {"insert", "sae|error|sae,error", "what the values are set in; default: sae", OPTION_CALL,
     .call = inserts_call},
    {"each", NULL, "also every latent alone", OPTION_FLAG, AT(each)},
    ROW_CLASS,
    ROW_LIMIT,
    ROW_HEADER,
    ROW_ROWS,
    END,
};
const struct command sweep_command = {
    .name = "sweep",
    .operands = "[CORPUS]",
    .summary = "loss with the chosen latents at one value after another",
    .max_operands = 1,
    .csv = true,
    .svg = true,
    .options = sweep_options,
    .defaults = &defaults,
    .values_size = sizeof defaults,
    .run = sweep,
};
