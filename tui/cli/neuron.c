/* glimt neuron …: what neurons (or latents) of one class do. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include "tui/plot/tokens.h"
#include "tui/unit_list.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static const struct study_values none;

/* ---- what must be opened */
static bool open_layer(struct options *o, int32_t layer, struct error *e)
{
    const struct point at = {(int16_t)layer, SITE_MLP_ACT};
    for (int32_t i = 0; i < o->n_places; i++)
        if (point_compare(o->place[i], at) == 0)
            return true;
    if (o->n_places == DICT_SET_MAX)
        return error_set(e, ERROR_INPUT, "found neurons of more than %d layers", DICT_SET_MAX);
    o->place[o->n_places++] = at;
    o->neurons = true;
    return true;
}

/* The layers of names like L3N669, commas between them. What is none is told where it is read. */
static bool open_names(struct options *o, const char *names, struct error *e)
{
    struct unit_word w;
    for (const char *s = names; *s && unit_word_read(&s, &w, NULL); s += *s == ',')
        if (w.layer >= 0 && !open_layer(o, w.layer, e))
            return false;
    return true;
}

/* Layers of a list of numbers, as a parameter has it. */
static bool open_layers(struct options *o, const char *list, struct error *e)
{
    struct params p;
    const double *layer;
    static const struct param row[] = {{"layers", "LIST", "", .type = PARAM_VALUES},
                                       {.name = NULL}};
    params_init(&p, row);
    bool ok = params_parse(&p, "layers", list, e);
    const int32_t n = ok ? params_values(&p, "layers", &layer) : 0;
    for (int32_t i = 0; ok && i < n; i++)
        ok = layer[i] >= 0 && layer[i] <= INT16_MAX
                 ? open_layer(o, (int32_t)layer[i], e)
                 : error_set(e, ERROR_INPUT, "--layers: found %.9g, expected a layer", layer[i]);
    params_release(&p);
    return ok;
}

static const char *value_of(const struct cli *cli, const struct study_values *v, const char *name)
{
    struct params p;
    const char *found = NULL;
    query_params(cli->command->query, &p);
    for (int i = 0; i < p.n; i++)
        if (strcmp(p.value[i].of->name, name) == 0)
            found = v->given[i];
    params_release(&p);
    return found;
}

/* Where units are asked for that come behind others, and not which: those of every layer behind.
 * Latents stay those of the SAE, whichever later neurons are named. */
static void open_behind(struct cli *cli, const struct study_values *v, int n, char *const *operand,
                        bool neurons)
{
    struct unit_word w;
    int32_t first = INT32_MAX;
    bool latents = false;
    const bool chains = cli->command == &chains_command;
    if (!chains && cli->command != &downstream_command)
        return;
    for (int i = 0; i < n; i++)
        for (const char *s = operand[i]; *s && unit_word_read(&s, &w, NULL); s += *s == ',')
            if (w.layer >= 0 && w.layer < first)
                first = w.layer;
            else if (w.layer < 0)
                latents = true;
    if (latents)
        cli->opt.neurons = neurons;
    if (value_of(cli, v, "layers") || value_of(cli, v, "dict") ||
        (chains && value_of(cli, v, "later")))
        return;
    if (latents || first < INT16_MAX)
        cli->opt.layers_from = latents ? -1 : first + 1;
}

/* A neuron's name is enough: its layer's neurons are opened without --neurons. */
static bool open_what_is_named(struct cli *cli, const struct study_values *v, int n,
                               char *const *operand, struct error *e)
{
    static const char *const names[] = {"off", "later"};
    const bool neurons = cli->opt.neurons;
    const char *layer = cli->command == &classify_command ? value_of(cli, v, "layer") : NULL,
               *layers = value_of(cli, v, "layers");
    bool ok = !layer || open_layer(&cli->opt, atoi(layer), e);
    ok = ok && (!layers || open_layers(&cli->opt, layers, e));
    for (size_t i = 0; ok && i < sizeof names / sizeof *names; i++) {
        const char *given = value_of(cli, v, names[i]);
        ok = !given || open_names(&cli->opt, given, e);
    }
    if (cli->command->query->text && !value_of(cli, v, "text"))
        n -= n > 0; /* the last operand is the text, whatever it looks like */
    for (int i = 0; ok && i < n; i++)
        ok = open_names(&cli->opt, operand[i], e);
    if (ok)
        open_behind(cli, v, n, operand, neurons);
    return ok;
}

/* The operands with the names of @LIST in its place; a text is what it is. The words of lists are
 * in *names, which outlives them. */
static bool read_lists(struct cli *cli, const struct study_values *v, int n, char **operand,
                       struct strbuf *names, char **out, struct error *e)
{
    size_t at[UNITS_MAX + 2];
    const int n_ids = n - (cli->command->query->text && !value_of(cli, v, "text") && n > 0);
    for (int i = 0; i < n; i++) {
        const bool list = i < n_ids && i < UNITS_MAX + 2 && operand[i][0] == '@';
        struct strbuf one;
        out[i] = operand[i];
        if (!list)
            continue;
        at[i] = names->len;
        strbuf_init(&one);
        const bool ok = unit_list_read(operand[i] + 1, &one, e);
        strbuf_add(names, one.s, one.len + 1); /* with its end */
        strbuf_release(&one);
        if (!ok)
            return false;
        out[i] = NULL;
    }
    for (int i = 0; i < n; i++)
        out[i] = out[i] ? out[i] : names->s + at[i];
    return true;
}

static bool ask(struct inquiry *q, struct cli *cli, const void *values, int n, char **operand,
                struct error *e)
{
    struct strbuf names;
    char *word[UNITS_MAX + 3];
    *q = (struct inquiry){.cli = cli};
    if (cli->opt.bos == UNSAID)
        cli->opt.bos = SAID_YES; /* positions count it */
    strbuf_init(&names);
    const bool ok = read_lists(cli, values, n, operand, &names, word, e) &&
                    open_what_is_named(cli, values, n, word, e);
    if (!ok)
        error_prefix(e, "%s", cli->command->name);
    const bool done = ok && inquiry_run(q, cli, values, cli->command->query, n, word, e);
    strbuf_release(&names);
    return done;
}

static bool plain(struct cli *cli, const void *values, int n, char **operand,
                  const char *const *names, struct error *e)
{
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, names), names, NULL, e);
    inquiry_release(&q);
    return ok;
}

/* ---- tokens in colour, where there is any */
static struct style token_style(const struct theme *theme, double value)
{
    if (!isfinite(value))
        return (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0};
    return theme_diverging(theme,
                           theme_level(theme, fmax(-1, fmin(1, value / TOKENS_FULL)), INT_MIN));
}

static void add_running_text(const struct table *t, const struct theme *theme, struct strbuf *out)
{
    const struct style dim = theme_style(theme, ROLE_DIM);
    const int32_t y = table_with_role(t, COLUMN_Y);
    struct strbuf s;
    strbuf_init(&s);
    for (int64_t i = 0; i < t->n_rows; i++) {
        if (tokens_head(t, i, false, &s)) {
            strbuf_adds(out, "\n");
            color_add(out, theme, dim, s.s);
            strbuf_adds(out, "\n");
        } else if (i == 0) {
            strbuf_adds(out, "\n");
        }
        tokens_shown(t, i, &s);
        color_add(out, theme, token_style(theme, table_f64(t, i, y)), s.s);
        if (i + 1 == t->n_rows || tokens_head(t, i + 1, false, &s))
            strbuf_adds(out, "\n");
    }
    color_add(out, theme, dim, "colour: loss in the second run minus the first, full at 1 nat\n");
    strbuf_release(&s);
}

/* What a table of tokens says, below what was printed for people. */
static bool print_running_text(const struct inquiry *q, const char *name, struct error *e)
{
    const struct table *t = inquiry_table(q, name);
    const bool picture = q->cli->opt.svg && strcmp(q->cli->opt.svg, "-") == 0;
    struct theme *theme = NULL;
    if (q->cli->opt.output != OUTPUT_TEXT || picture || !t || !color_theme(q->cli, &theme, e))
        return !error_is_set(e);
    if (theme)
        add_running_text(t, theme, &q->cli->out);
    theme_free(theme);
    return true;
}

#define NEURON_COMMAND(name_, what, query_, run_)                                                  \
    {                                                                                              \
        .name = name_, .operands = "[ID…] [CORPUS]", .summary = what,                              \
        .max_operands = UNITS_MAX + 1, .csv = true, .svg = true, .query = &(query_),               \
        .defaults = &none, .values_size = sizeof none, .run = run_                                 \
    }

/* ---- means */
static bool rows(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", NULL};
    return plain(cli, values, n, operand, names, e);
}

const struct command means_command =
    NEURON_COMMAND("neuron means", "mean activation of units on each class", means_query, rows);

/* ---- classify */
/* The best of a layer, for people. */
static struct table *best_rows(const struct inquiry *q)
{
    enum { SHOWN = 20 };
    const struct table *t = inquiry_table(q, "rows");
    int64_t row[SHOWN];
    if (inquiry_rows(q) > 0 || t->n_rows <= SHOWN || q->cli->opt.output != OUTPUT_TEXT)
        return NULL;
    for (int64_t i = 0; i < SHOWN; i++)
        row[i] = i;
    struct table *best = table_select(t, row, SHOWN);
    table_note(best, "%s; the best %d of %lld, --rows for more", t->note, SHOWN,
               (long long)t->n_rows);
    return best;
}

static bool classify(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const json[] = {"rows", "histogram", NULL}, *const text[] = {"rows", NULL};
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e);
    struct table *best = ok ? best_rows(&q) : NULL;
    ok = ok && inquiry_print(&q, inquiry_json(&q, json), text, best, e);
    table_free(best);
    inquiry_release(&q);
    return ok;
}

const struct command classify_command =
    NEURON_COMMAND("neuron classify", "how well the activation of one unit tells a class",
                   classify_query, classify);

/* ---- ablate */
static bool ablate(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "backup", NULL};
    return plain(cli, values, n, operand, names, e);
}

const struct command ablate_command = NEURON_COMMAND(
    "neuron ablate", "what the loss gains by holding units at the other class's mean", ablate_query,
    ablate);

/* ---- boosts and unigrams */
static bool boosts(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const text[] = {"boosted", "inhibited", NULL}, *const all[] = {
                                                                          "rows", "boosted",
                                                                          "inhibited", "histogram",
                                                                          NULL};
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, all), cli->opt.output == OUTPUT_TEXT ? text : all,
                            NULL, e);
    inquiry_release(&q);
    return ok;
}

const struct command boosts_command =
    NEURON_COMMAND("neuron boosts", "tokens that units boost and inhibit", boosts_query, boosts);

/* ---- two runs */
const struct command attribution_command = NEURON_COMMAND(
    "neuron attribution", "how much of the next token's logit units give, layer by layer",
    attribution_query, rows);
const struct command patch_command = NEURON_COMMAND(
    "neuron patch", "the loss with one component's output as with units off", patch_query, rows);
const struct command effects_command = NEURON_COMMAND(
    "neuron effects", "direct and indirect effects of switching units off", effects_query, rows);

const struct command downstream_command =
    NEURON_COMMAND("neuron downstream", "later units by how they change with units on and off",
                   downstream_query, rows);

static bool shift(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const json[] = {"rows", "losses", "histogram", NULL}, *const text[] = {
                                                                                 "rows", "losses",
                                                                                 NULL};
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, json), text, NULL, e);
    inquiry_release(&q);
    return ok;
}

const struct command shift_command = NEURON_COMMAND(
    "neuron shift", "what later units change by when units are switched off", shift_query, shift);

static bool examples(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const json[] = {"rows", "examples", NULL}, *const text[] = {"examples",
                                                                                   NULL};
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, json),
                            cli->opt.output == OUTPUT_TEXT ? text : json, NULL, e) &&
              print_running_text(&q, "rows", e);
    inquiry_release(&q);
    return ok;
}

const struct command neuron_examples_command = NEURON_COMMAND(
    "neuron examples", "texts whose tokens units help most", neuron_examples_query, examples);

static bool chains(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "links", "losses", NULL};
    return plain(cli, values, n, operand, names, e);
}

const struct command chains_command = NEURON_COMMAND(
    "neuron chains", "how switching units off goes on through later ones", chains_query, chains);

static bool similar(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "pairs", NULL};
    return plain(cli, values, n, operand, names, e);
}

const struct command similar_command = {.name = "neuron similar",
                                        .operands = "[ID…]",
                                        .summary = "units that write alike",
                                        .max_operands = UNITS_MAX,
                                        .csv = true,
                                        .query = &similar_query,
                                        .defaults = &none,
                                        .values_size = sizeof none,
                                        .run = similar};

static bool groups(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const json[] = {"rows", "groups", NULL}, *const text[] = {"groups", "rows",
                                                                                 NULL};
    return plain(cli, values, n, operand, cli->opt.output == OUTPUT_JSON ? json : text, e);
}

const struct command groups_command = {.name = "neuron groups",
                                       .operands = "[ID…]",
                                       .summary = "groups of units that write alike",
                                       .max_operands = UNITS_MAX,
                                       .csv = true,
                                       .query = &groups_query,
                                       .defaults = &none,
                                       .values_size = sizeof none,
                                       .run = groups};

static bool position(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "tokens", NULL};
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, names), names, NULL, e) &&
              print_running_text(&q, "tokens", e);
    inquiry_release(&q);
    return ok;
}

const struct command position_command = {.name = "neuron position",
                                         .operands = "[ID…] [CORPUS] TEXT",
                                         .summary =
                                             "what is likely at one position with units on and off",
                                         .max_operands = UNITS_MAX + 2,
                                         .csv = true,
                                         .svg = true,
                                         .query = &position_query,
                                         .defaults = &none,
                                         .values_size = sizeof none,
                                         .run = position};

static bool unigrams(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "classes", NULL};
    return plain(cli, values, n, operand, names, e);
}

const struct command unigrams_command = NEURON_COMMAND(
    "neuron unigrams", "how units boost each class's frequent tokens", unigrams_query, unigrams);
