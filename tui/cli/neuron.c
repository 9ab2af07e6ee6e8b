/* glimt neuron …: what neurons (or latents) of one class do. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
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

/* A neuron's name is enough: its layer's neurons are opened without --neurons. */
static bool open_what_is_named(struct cli *cli, const struct study_values *v, int n,
                               char *const *operand, struct error *e)
{
    struct params p;
    bool ok = true, text = cli->command->query->text && n > 0;
    query_params(cli->command->query, &p);
    for (int i = 0; ok && i < p.n; i++) {
        const struct param *of = p.value[i].of;
        text = text && !(v->given[i] && strcmp(of->name, "text") == 0);
        if (v->given[i] && cli->command == &classify_command && strcmp(of->name, "layer") == 0)
            ok = open_layer(&cli->opt, atoi(v->given[i]), e);
        else if (v->given[i] && (strcmp(of->name, "off") == 0 || strcmp(of->name, "later") == 0))
            ok = open_names(&cli->opt, v->given[i], e);
    }
    n -= text; /* the last operand, whatever it looks like */
    params_release(&p);
    for (int i = 0; ok && i < n; i++)
        ok = open_names(&cli->opt, operand[i], e);
    return ok;
}

static bool ask(struct inquiry *q, struct cli *cli, const void *values, int n, char **operand,
                struct error *e)
{
    *q = (struct inquiry){.cli = cli};
    if (cli->opt.bos == UNSAID)
        cli->opt.bos = SAID_YES; /* positions count it */
    if (!open_what_is_named(cli, values, n, operand, e))
        return error_prefix(e, "%s", cli->command->name);
    return inquiry_run(q, cli, values, cli->command->query, n, operand, e);
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

static bool position(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    static const char *const names[] = {"rows", "tokens", NULL};
    return plain(cli, values, n, operand, names, e);
}

const struct command position_command = {.name = "neuron position",
                                         .operands = "[ID…] [CORPUS] TEXT",
                                         .summary =
                                             "what is likely at one position with units on and off",
                                         .max_operands = UNITS_MAX + 2,
                                         .csv = true,
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
