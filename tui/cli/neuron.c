/* glimt neuron …: what neurons (or latents) of one class do. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include "tui/plot/tokens.h"
#include <limits.h>
#include <math.h>
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
    return true;
}

/* One of the names, commas between them, is no neuron's. */
static bool names_latent(const char *names)
{
    struct unit_word w;
    bool latent = false;
    for (const char *s = names; *s && unit_word_read(&s, &w, NULL); s += *s == ',')
        latent = latent || w.layer < 0;
    return latent;
}

/* All neurons of layers, in place of some units. */
static bool asks_for_layers(const struct inquiry *q)
{
    const struct params *p = &q->request.params;
    const struct query *query = q->request.query;
    return q->n_words == 0 && ((query == &classify_query && params_has(p, "layer")) ||
                               (query == &groups_query && params_has(p, "layers")));
}

/* A latent, a dictionary or an insertion is asked for; without any unit the bundle's are meant. */
static bool asks_for_sae(const struct inquiry *q)
{
    static const char *const names[] = {"off", "later"};
    const struct options *o = &q->cli->opt;
    const struct params *p = &q->request.params;
    const char *places = NULL;
    bool sae = o->n_latents > 0 || (q->n_words == 0 && o->n_units == 0 && !asks_for_layers(q));
    for (int32_t i = 0; i < q->n_words; i++)
        sae = sae || q->word[i].layer < 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        if (params_know(p, names[i]) && params_has(p, names[i]))
            sae = sae || names_latent(params_text(p, names[i]));
    if (params_know(p, "insert"))
        sae = sae || params_insert(p, "insert", &places) & ~(1u << INSERT_NONE) || places;
    return sae || (params_know(p, "dict") && params_has(p, "dict"));
}

/* A neuron's name is enough: its layer's neurons are opened without --neurons, beside the SAE of
 * the bundle where that is asked for, else in its place. */
static bool open_what_is_named(struct inquiry *q, struct error *e)
{
    struct options *o = &q->cli->opt;
    for (int32_t i = 0; i < q->n_words; i++)
        if (q->word[i].layer >= 0 && !open_layer(o, q->word[i].layer, e))
            return error_prefix(e, "%s", q->cli->command->name);
    o->neurons = o->neurons || ((o->n_places > 0 || asks_for_layers(q)) && !asks_for_sae(q));
    return true;
}

static bool ask(struct inquiry *q, struct cli *cli, const void *values, int n, char **operand,
                struct error *e)
{
    if (cli->opt.bos == UNSAID)
        cli->opt.bos = SAID_YES; /* positions count it */
    return inquiry_take(q, cli, values, cli->command->query, n, operand, e) &&
           open_what_is_named(q, e) && inquiry_answer(q, e);
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

/* Tables for JSON and CSV, and those for people; tokens (NULL: none): one that they read aloud. */
static bool print(struct cli *cli, const void *values, int n, char **operand,
                  const char *const *json, const char *const *text, const char *tokens,
                  struct error *e)
{
    struct inquiry q;
    bool ok = ask(&q, cli, values, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, json),
                            cli->opt.output == OUTPUT_TEXT ? text : json, NULL, e) &&
              (!tokens || print_running_text(&q, tokens, e));
    inquiry_release(&q);
    return ok;
}

static bool plain(struct cli *cli, const void *values, int n, char **operand,
                  const char *const *names, struct error *e)
{
    return print(cli, values, n, operand, names, names, NULL, e);
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
    return print(cli, values, n, operand, all, text, NULL, e);
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
    return print(cli, values, n, operand, json, text, NULL, e);
}

const struct command shift_command = NEURON_COMMAND(
    "neuron shift", "what later units change by when units are switched off", shift_query, shift);

static bool examples(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const json[] = {"rows", "examples", NULL}, *const text[] = {"examples",
                                                                                   NULL};
    return print(cli, values, n, operand, json, text, "rows", e);
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
    return print(cli, values, n, operand, names, names, "tokens", e);
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
