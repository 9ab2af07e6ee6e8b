/* glimt analyze: what each token of a text does to the latents, and what it costs. */
#include "engine/text/utf8.h"
#include "tui/cli/analysis.h"
#include "tui/cli/cli.h"
#include "tui/unit_json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct analyze_values {
    int top; /* −1: all in JSON, a few in a table */
    int predictions;
    const char *logits;
};

#define AT(member) .offset = offsetof(struct analyze_values, member)
static const struct option_row analyze_options[] = {
    {"top", "N", "active latents shown for each token; default: all in JSON, 4 in the table",
     OPTION_INT, AT(top), .min = 0, .max = 1 << 20},
    {"predictions", "N", "the most likely next tokens after each token", OPTION_INT,
     AT(predictions), .min = 0, .max = 1000},
    {"logits", "FILE", "write the logits [tokens, vocabulary] as safetensors, f32", OPTION_TEXT,
     AT(logits)},
    {.name = NULL},
};
#undef AT
static const struct analyze_values analyze_defaults = {.top = -1};

enum { TABLE_TOP = 4 };

/* ---- JSON */

static json_t *array(void)
{
    json_t *a = json_array();
    if (!a)
        panic("writing JSON: out of memory");
    return a;
}

/* In a set of several its name beside its number. */
static json_t *unit_value(const struct analysis *a, struct unit_id unit, float pre, float act)
{
    json_t *v = json_pack("{s:i, s:o, s:o}", "latent", (int)unit.index, "pre", json_number(pre),
                          "act", json_number(act));
    if (a->wb->dicts.n > 1)
        json_object_set_new(v, "unit", unit_json(&a->wb->dicts, unit));
    return v;
}

static json_t *token_top(const struct analysis *a, const struct analysis_token *t, int32_t limit)
{
    json_t *top = array();
    for (int32_t p = 0; p < a->wb->dicts.n; p++) {
        int32_t n = analysis_n_top(a, t, p, limit);
        for (int32_t i = 0; i < n; i++) {
            struct unit_id id;
            float value; /* no ReLU, or a positive value: the pre-activation itself */
            analysis_top(a, t, p, i, &id, &value);
            json_array_append_new(top, unit_value(a, id, value, value));
        }
    }
    return top;
}

static json_t *token_chosen(const struct analysis *a, const struct analysis_token *t)
{
    json_t *chosen = array();
    for (int32_t i = 0; i < a->n_chosen; i++) {
        float pre, act;
        analysis_unit(a, t, a->chosen[i], &pre, &act);
        json_array_append_new(chosen, unit_value(a, a->chosen[i], pre, act));
    }
    return chosen;
}

static json_t *token_next(const struct analysis *a, const struct analysis_token *t)
{
    json_t *next = array();
    for (int32_t i = 0; i < a->n_next; i++) {
        int32_t at = t->index * a->n_next + i;
        json_t *row = json_token(a->wb->tokenizer, a->next_id[at]);
        json_object_set_new(row, "p", json_number(expf(a->next_logp[at])));
        json_array_append_new(next, row);
    }
    return next;
}

static json_t *tokens_json(const struct analysis *a, int32_t top)
{
    json_t *tokens = array();
    struct analysis_iterator i = {0};
    struct analysis_token t;
    while (analysis_next(a, &i, &t)) {
        json_t *row = json_pack("{s:i}", "index", (int)t.index);
        json_t *token = json_token(a->wb->tokenizer, t.id);
        json_object_update(row, token);
        json_decref(token);
        json_object_set_new(row, "start", json_integer((json_int_t)t.start));
        json_object_set_new(row, "end", json_integer((json_int_t)t.end));
        json_object_set_new(row, "loss", json_number(t.loss));
        if (t.begins_window)
            json_object_set_new(row, "window", json_true());
        json_object_set_new(row, "top", token_top(a, &t, top));
        json_object_set_new(row, "chosen", token_chosen(a, &t));
        if (a->n_next > 0)
            json_object_set_new(row, "next", token_next(a, &t));
        json_array_append_new(tokens, row);
    }
    return tokens;
}

static json_t *model_json(const struct workbench *wb, const char *hash)
{
    const struct model_config *c = model_config(wb->model);
    return json_pack("{s:o, s:s, s:i, s:i}", "name", json_text(wb->model_name), "hash", hash,
                     "n_layers", (int)c->n_layers, "d_model", (int)c->d_model);
}

static json_t *sae_json(const struct analysis *a, int32_t place, const char *hash)
{
    if (place < 0)
        return json_null();
    const struct dict_spec *s = dict_spec(a->wb->dicts.place[place].dict);
    char *name = workbench_dict_name(a->wb->dicts.place[place].dict);
    json_t *o = json_pack("{s:o, s:s, s:i, s:i, s:o, s:s}", "name", json_text(name), "hash", hash,
                          "d_in", (int)s->n, "d_sae", (int)s->m, "k",
                          s->k > 0 ? json_integer(s->k) : json_null(), "format", s->format);
    free(name);
    return o;
}

/* Of a set: all of its dictionaries in order, each with its point. */
static json_t *saes_json(const struct analysis *a, char hash[][65])
{
    json_t *all = array();
    for (int32_t i = 0; i < a->wb->dicts.n; i++) {
        const struct dict_place *p = &a->wb->dicts.place[i];
        char hook[POINT_NAME_MAX];
        json_t *o = p->neurons ? json_pack("{s:s, s:i}", "name", "neurons", "d_in", (int)p->m)
                               : sae_json(a, i, hash[i]);
        point_name(p->at, hook);
        json_object_set_new(o, "hook", json_string(hook));
        json_array_append_new(all, o);
    }
    return all;
}

static json_t *fvu_at(const struct analysis *a, int32_t place)
{
    const bool neurons = place < 0 || a->wb->dicts.place[place].neurons;
    return json_number(neurons ? NAN : analysis_fvu(a, place));
}

/* A number, of a set an object by point. */
static json_t *fvu_json(const struct analysis *a)
{
    if (a->wb->dicts.n < 2)
        return fvu_at(a, analysis_sae(a));
    json_t *o = json_object();
    for (int32_t i = 0; i < a->wb->dicts.n; i++) {
        char hook[POINT_NAME_MAX];
        point_name(a->wb->dicts.place[i].at, hook);
        json_object_set_new(o, hook, fvu_at(a, i));
    }
    return o;
}

static json_t *fixed_json(const struct workbench *wb)
{
    json_t *fixed = json_object();
    for (int32_t i = 0; i < wb->n_fix; i++) {
        char id[UNIT_NAME_MAX];
        unit_name(&wb->dicts, wb->fix[i].id, id);
        json_object_set_new(fixed, id, json_number(wb->fix[i].value));
    }
    return fixed;
}

static json_t *chosen_json(const struct analysis *a)
{
    json_t *chosen = array();
    for (int32_t i = 0; i < a->n_chosen; i++)
        json_array_append_new(chosen, unit_json(&a->wb->dicts, a->chosen[i]));
    return chosen;
}

static bool print_json(const struct analysis *a, int32_t top, struct error *e)
{
    const struct dict_set *set = &a->wb->dicts;
    const char *path[1 + DICT_SET_MAX] = {model_dir(a->wb->model)};
    char hash[1 + DICT_SET_MAX][65], hook[POINT_NAME_MAX];
    const int32_t sae = analysis_sae(a);
    for (int32_t i = 0; i < set->n; i++)
        path[1 + i] = dict_path(set->place[i].dict);
    if (!cli_weights_hash(a->cli, path, 1 + (size_t)(set->n > 0 ? set->n : 1), hash, e))
        return false;
    point_name(a->wb->at, hook);
    json_t *root =
        json_pack("{s:o, s:o, s:s, s:s, s:s, s:o, s:o}", "model", model_json(a->wb, hash[0]), "sae",
                  sae_json(a, sae, hash[1 + (sae > 0 ? sae : 0)]), "hook", hook, "device",
                  a->wb->backend->name, "dtype", model_precision(a->wb->model), "insert",
                  insertion_json(set, a->wb->insert), "fixed", fixed_json(a->wb));
    if (set->n > 1)
        json_object_set_new(root, "saes", saes_json(a, hash + 1));
    json_object_set_new(root, "tokens", tokens_json(a, top));
    json_object_set_new(root, "chosen", chosen_json(a));
    json_object_set_new(root, "loss_mean", json_number(a->snap->loss_mean[a->lane]));
    json_object_set_new(root, "loss_plain", json_number(a->snap->loss_mean[LANE_PLAIN]));
    json_object_set_new(root, "fvu", fvu_json(a));
    output_json(a->cli, root);
    return true;
}

/* ---- CSV: a row a token; what is missing is empty */

static void csv_text(struct strbuf *out, const char *s, size_t n)
{
    strbuf_addc(out, '"');
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '"')
            strbuf_addc(out, '"');
        strbuf_addc(out, s[i]);
    }
    strbuf_addc(out, '"');
}

static void csv_number(struct strbuf *out, float v)
{
    strbuf_addc(out, ',');
    if (isfinite(v))
        strbuf_addf(out, "%.9g", (double)v);
}

/* A token's strongest, of a set those of each place side by side. */
static void csv_top(const struct analysis *a, const struct analysis_token *t, int32_t place,
                    int32_t top)
{
    struct strbuf *out = &a->cli->out;
    const int32_t n_top = analysis_n_top(a, t, place, top);
    for (int32_t i = 0; i < top; i++) {
        struct unit_id id = {0};
        char name[UNIT_NAME_MAX];
        float value = NAN;
        if (i < n_top)
            analysis_top(a, t, place, i, &id, &value);
        strbuf_addc(out, ',');
        unit_name(&a->wb->dicts, id, name);
        if (i < n_top)
            strbuf_adds(out, name);
        csv_number(out, value);
    }
}

static void print_csv(const struct analysis *a, int32_t top)
{
    const int32_t places = a->wb->dicts.n > 0 ? a->wb->dicts.n : 1;
    struct strbuf *out = &a->cli->out;
    strbuf_adds(out, "index,id,text,bytes,start,end,loss");
    for (int32_t i = 0; i < a->n_chosen; i++) {
        char name[UNIT_NAME_MAX];
        unit_name(&a->wb->dicts, a->chosen[i], name);
        strbuf_addf(out, ",pre.%s", name);
    }
    for (int32_t i = 0; i < places * top; i++)
        strbuf_addf(out, ",top.%d.latent,top.%d.act", i, i);
    strbuf_addc(out, '\n');
    struct analysis_iterator it = {0};
    struct analysis_token t;
    while (analysis_next(a, &it, &t)) {
        size_t n;
        const char *bytes = tokenizer_bytes(a->wb->tokenizer, t.id, &n);
        strbuf_addf(out, "%d,%d,", t.index, t.id);
        if (n > 0 && utf8_is_valid(bytes, n))
            csv_text(out, bytes, n);
        strbuf_addc(out, ',');
        for (size_t i = 0; i < n; i++)
            strbuf_addf(out, "%02x", (unsigned char)bytes[i]);
        strbuf_addf(out, ",%zu,%zu", t.start, t.end);
        csv_number(out, t.loss);
        for (int32_t i = 0; i < a->n_chosen; i++) {
            float pre, act;
            analysis_unit(a, &t, a->chosen[i], &pre, &act);
            csv_number(out, pre);
        }
        for (int32_t p = 0; p < places; p++)
            csv_top(a, &t, p, top);
        strbuf_addc(out, '\n');
    }
}

/* ---- the command */

static bool print(const struct analysis *a, const struct options *o, int32_t top, struct error *e)
{
    struct theme *theme = NULL;
    switch (o->output) {
    case OUTPUT_JSON: return print_json(a, top, e);
    case OUTPUT_CSV: print_csv(a, top < 0 ? TABLE_TOP : top); return true;
    case OUTPUT_TEXT: break;
    }
    if (!color_theme(a->cli, &theme, e))
        return false;
    analysis_text(a, theme, top < 0 ? TABLE_TOP : top);
    theme_free(theme);
    return true;
}

static bool analyze(struct cli *cli, const void *given, int n_operands, char **operand,
                    struct error *e)
{
    const struct analyze_values *values = given;
    struct input in;
    struct analysis a = {0};
    bool ok = input_read(&in, cli, n_operands > 0 ? operand[0] : NULL, e) &&
              analysis_run(&a, cli, &cli->opt, &in, values->predictions, values->logits, e) &&
              print(&a, &cli->opt, values->top, e);
    analysis_release(&a);
    input_release(&in);
    return ok;
}

const struct command analyze_command = {
    .name = "analyze",
    .operands = "[TEXT|-]",
    .text = true,
    .summary = "the latents and the loss of each token",
    .max_operands = 1,
    .csv = true,
    .options = analyze_options,
    .defaults = &analyze_defaults,
    .values_size = sizeof analyze_defaults,
    .run = analyze,
};

int cli_analyze(const struct options *o, const char *text, size_t n)
{
    static const char example[] =
        "Rådet skal nu formelt godkende Parlamentets holdning.\n"
        "The Council now has to formally approve Parliament's position.\n";
    struct cli cli = {.opt = *o, .command = &analyze_command};
    struct error e = {0};
    struct input in;
    struct analysis a = {0};
    if (!text && (o->model || o->bundle)) { /* the example is in the demo's languages */
        fputs("glimt: found no text, expected it on standard input (glimt < FILE), or a terminal "
              "for the explorer\n",
              stderr);
        return 2;
    }
    interrupt_install();
    cli.progress.terminal = isatty(STDERR_FILENO);
    cli.progress.on = (cli.progress.terminal && !o->quiet) || o->progress;
    strbuf_init(&cli.out);
    input_repair(&in, text ? text : example, text ? n : sizeof example - 1);
    input_note(&in, o);
    bool ok = analysis_run(&a, &cli, &cli.opt, &in, 0, NULL, &e) && print(&a, &cli.opt, -1, &e) &&
              output_write(&cli, &e);
    analysis_release(&a);
    input_release(&in);
    strbuf_release(&cli.out);
    if (!ok)
        fprintf(stderr, "glimt: %s\n", e.text);
    return ok ? 0 : error_exit_status(&e);
}
