/* glimt generate: continues a prompt, token by token, with keys and values kept; latents may be
 * held at fixed values.
 */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/lane/lane.h"
#include "engine/text/utf8.h"
#include "tui/cli/command.h"
#include "tui/term/grid.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct generate_values {
    int tokens;
    double temperature;
};

#define AT(member) .offset = offsetof(struct generate_values, member)
static const struct option_row generate_options[] = {
    {"tokens", "N", "length with the prompt, in tokens; default: 20", OPTION_INT, AT(tokens),
     .min = 1, .max = 1 << 24},
    {"temperature", "T", "draw from the softmax of logits/T; default: 0, the most likely token",
     OPTION_REAL, AT(temperature), .min = 0, .max = 1000},
    {.name = NULL},
};
#undef AT
static const struct generate_values generate_defaults = {.tokens = 20};

struct generation {
    const struct cli *cli;
    const struct workbench *wb;
    const struct generate_values *values;
    int32_t *ids;
    int32_t n, n_prompt;
    bool with_bos;
    struct kv *kv;
    struct lane_place place;
    struct lane lane;
    struct directions directions; /* of its units */
    float *logits;                /* [n_vocab] after the last token */
    double *weight;
    struct rng rng;
    bool streams;
    struct strbuf held; /* bytes of a character that is not complete yet */
};

/* Characters as they become complete; on a terminal nothing that it would obey. */
static void stream(struct generation *g, int32_t id, bool last)
{
    size_t n = 0;
    const char *bytes = id >= 0 ? tokenizer_bytes(g->wb->tokenizer, id, &n) : NULL;
    bool raw = !isatty(STDOUT_FILENO);
    if (!g->streams)
        return;
    if (n > 0)
        strbuf_add(&g->held, bytes, n);
    size_t at = 0, len;
    for (; at < g->held.len; at += len) {
        bool valid;
        utf8_decode(g->held.s + at, g->held.len - at, &len, &valid);
        if (!valid && !last && g->held.len - at < 4)
            break; /* may be the beginning of a character */
        char glyph[GRID_GLYPH_MAX];
        int columns;
        if (!valid)
            fputs("\xef\xbf\xbd", stdout);
        else if (raw || g->held.s[at] == '\n' || g->held.s[at] == '\t')
            fwrite(g->held.s + at, 1, len, stdout);
        else {
            text_cluster(g->held.s + at, len, &columns, glyph);
            fputs(glyph, stdout);
        }
    }
    char *rest = xstrndup(g->held.s + at, g->held.len - at);
    size_t n_rest = g->held.len - at;
    strbuf_clear(&g->held);
    strbuf_add(&g->held, rest, n_rest);
    free(rest);
    fflush(stdout);
}

/* The lane's state at the landing: the rows of the batch with latents held. */
static struct state hold(struct generation *g, struct run *run, const struct batch *batch)
{
    const struct lane *lane = &g->lane;
    struct landed landed;
    const bool inserted = lane->inserted & dict_bit(g->place.first);
    unsigned want = g->place.dict && inserted ? LAND_INSERTED : lane->n_units > 0 ? LAND_CODES : 0;
    lane_front(run, &g->place, batch, NULL, want, &landed);
    struct lane_rows rows = {.lane = lane,
                             .plain = landed.plain.value,
                             .inserted = landed.inserted.value,
                             .base = landed.plain.base};
    struct state from = lane_pack(run, &g->place, &rows, 1);
    int32_t n;
    const struct unit *first = lane_units(lane, g->place.first, &n);
    int32_t *unit = xcalloc((size_t)n + 1, sizeof *unit);
    for (int32_t i = 0; i < n; i++)
        unit[i] = first[i].id.index;
    if (n > 0 && directions_set(run, &g->place, &g->directions, unit, n))
        lane_change(run, &g->place, lane, from.value,
                    dict_values(run, g->place.dict, &landed.codes, unit, n), landed.codes.scale,
                    g->directions.u);
    free(unit);
    return from;
}

/* Runs the tokens from `past` on through the model and leaves the logits after the last one. */
static bool advance(struct generation *g, struct run *run, int32_t past, struct error *e)
{
    const int32_t start[2] = {0, g->n - past};
    struct batch batch = {.n_rows = g->n - past,
                          .ids = g->ids + past,
                          .seqs = {.n = 1, .start = start, .past = &past, .kv = &g->kv}};
    struct arena_mark mark = arena_mark(run->arena);
    struct state from = hold(g, run, &batch), end;
    struct lane_hooks hooks = {0};
    lane_hooks_add(&hooks, &g->place, &g->lane, NULL, 0);
    model_forward(run, g->wb->model, &batch, &from, model_end(g->wb->model), hooks.hook, hooks.n,
                  &end);
    lane_hooks_release(&hooks);
    model_logits(run, g->wb->model, tensor_rows(end.value, batch.n_rows - 1, 1), g->logits);
    bool ok = run_ok(run);
    arena_reset(run->arena, mark);
    if (!ok)
        *e = run->err;
    return ok;
}

/* Ids that the tokenizer does not know (padding of the vocabulary) are never drawn: they have no
 * text. */
static int32_t draw(struct generation *g)
{
    int32_t n = model_config(g->wb->model)->n_vocab, known = tokenizer_n_vocab(g->wb->tokenizer),
            best = 0;
    n = known < n ? known : n;
    for (int32_t i = 1; i < n; i++)
        if (g->logits[i] > g->logits[best])
            best = i;
    if (!(g->values->temperature > 0))
        return best;
    double sum = 0;
    for (int32_t i = 0; i < n; i++)
        sum += g->weight[i] =
            exp(((double)g->logits[i] - (double)g->logits[best]) / g->values->temperature);
    double at = rng_unit(&g->rng) * sum;
    for (int32_t i = 0; i < n; i++)
        if ((at -= g->weight[i]) < 0)
            return i;
    return best;
}

static bool continue_prompt(struct generation *g, struct error *e)
{
    struct run run = {
        .queue = g->wb->jobs, .arena = arena_new(g->wb->jobs), .cancel = interrupt_flag()};
    int32_t past = 0, eot = tokenizer_eot(g->wb->tokenizer);
    bool ok = true;
    while (g->n < g->values->tokens) {
        if (!(ok = advance(g, &run, past, e))) {
            if (g->cli->opt.n_fix > 0 && e->kind == ERROR_INPUT)
                error_prefix(e, "with --fix");
            break;
        }
        for (int32_t i = g->with_bos; past == 0 && i < g->n_prompt; i++)
            stream(g, g->ids[i], false);
        past = g->n;
        g->ids[g->n++] = draw(g);
        if (g->ids[g->n - 1] == eot)
            break;
        stream(g, g->ids[g->n - 1], false);
    }
    stream(g, -1, true);
    if (g->streams && past > 0)
        fputc('\n', stdout);
    arena_free(run.arena);
    return ok && (!g->streams || output_flush(e));
}

static bool prompt_encode(struct generation *g, const struct input *in, struct error *e)
{
    const struct options *o = &g->cli->opt;
    struct token *token = NULL;
    size_t n = 0, cap = 0;
    int32_t n_ctx = model_config(g->wb->model)->n_ctx;
    struct cut whole = {.context = INT32_MAX,
                        .bos = model_cut(g->wb->model, g->wb->tokenizer, g->wb->bos).bos};
    struct sequences seq = {0};
    tokenizer_encode(g->wb->tokenizer, in->text, in->n, o->special, &token, &n, &cap);
    bool ok = false;
    input_note_special(in, g->cli, g->wb->tokenizer);
    lane_sequences(&seq, token, (int32_t)n, whole);
    g->with_bos = whole.bos >= 0;
    g->n_prompt = seq.n_rows;
    if (g->n_prompt == 0)
        error_set(e, ERROR_INPUT, "generate: found an empty prompt, expected text or --bos");
    else if (g->n_prompt >= n_ctx)
        error_set(
            e, ERROR_INPUT,
            "generate: found a prompt of %d tokens, expected at most %d: the context of %s has "
            "%d",
            g->n_prompt, n_ctx - 1, g->wb->model_name, n_ctx);
    else if (g->values->tokens > n_ctx)
        error_set(e, ERROR_INPUT, "--tokens: found %d, expected at most %d, the context of %s",
                  g->values->tokens, n_ctx, g->wb->model_name);
    else if (g->n_prompt >= g->values->tokens)
        error_set(e, ERROR_INPUT, "--tokens: found %d for a prompt of %d tokens, expected more",
                  g->values->tokens, g->n_prompt);
    else
        ok = true;
    if (ok) {
        g->ids = xcalloc((size_t)g->values->tokens, sizeof *g->ids);
        memcpy(g->ids, seq.ids, (size_t)seq.n_rows * sizeof *g->ids);
        g->n = g->n_prompt;
    }
    sequences_release(&seq);
    free(token);
    return ok;
}

static void print_json(struct cli *cli, const struct generation *g, const struct input *in)
{
    json_t *ids = json_array(), *fixed = json_object();
    struct strbuf text;
    strbuf_init(&text);
    for (int32_t i = 0; i < g->n; i++) {
        size_t n;
        const char *bytes = tokenizer_bytes(g->wb->tokenizer, g->ids[i], &n);
        json_array_append_new(ids, json_integer(g->ids[i]));
        bool special = (i == 0 && g->with_bos) ||
                       (i >= g->n_prompt && g->ids[i] == tokenizer_eot(g->wb->tokenizer));
        if (!special)
            strbuf_add(&text, bytes, n);
    }
    for (int32_t i = 0; i < g->wb->n_fix; i++) {
        char id[UNIT_NAME_MAX];
        unit_name(&g->wb->dicts, g->wb->fix[i].id, id);
        json_object_set_new(fixed, id, json_number(g->wb->fix[i].value));
    }
    size_t n;
    char *repaired = utf8_repair(text.s, text.len, &n, NULL);
    output_json(cli, json_pack("{s:o, s:o, s:o, s:o}", "prompt", json_stringn(in->text, in->n),
                               "text", json_stringn(repaired, n), "ids", ids, "fixed", fixed));
    free(repaired);
    strbuf_release(&text);
}

static void print_text(struct cli *cli, const struct generation *g)
{
    int32_t first = g->with_bos ? 1 : 0, n = g->n;
    char *text;
    size_t length;
    if (n > g->n_prompt && g->ids[n - 1] == tokenizer_eot(g->wb->tokenizer))
        n--;
    tokenizer_decode(g->wb->tokenizer, g->ids + first, (size_t)(n - first), &text, &length);
    strbuf_add(&cli->out, text, length);
    strbuf_addc(&cli->out, '\n');
    free(text);
}

static bool generate(struct cli *cli, const void *given, int n_operands, char **operand,
                     struct error *e)
{
    struct workbench *wb = NULL;
    struct input in;
    struct generation g = {.cli = cli, .values = given};
    bool ok = false;
    strbuf_init(&g.held);
    if (!input_read(&in, cli, n_operands > 0 ? operand[0] : NULL, e) ||
        !cli_open(cli, &cli->opt, &wb, e))
        goto cleanup;
    g.wb = wb;
    g.lane = (struct lane){wb->insert.sae, wb->n_fix, wb->fix};
    g.place = wb->dicts.n > 0
                  ? lane_place_of(wb->model, &wb->dicts, lane_acts(&g.lane, &wb->dicts), 0)
                  : lane_place(wb->model, NULL, wb->at);
    g.streams = cli->opt.output == OUTPUT_TEXT && !cli->opt.output_file;
    rng_seed(&g.rng, cli->opt.seed);
    if (!prompt_encode(&g, &in, e) ||
        !(g.kv = model_kv_new(wb->model, wb->jobs, 0, g.values->tokens, e)))
        goto cleanup;
    g.logits = xcalloc((size_t)model_config(wb->model)->n_vocab, sizeof *g.logits);
    g.weight = xcalloc((size_t)model_config(wb->model)->n_vocab, sizeof *g.weight);
    ok = continue_prompt(&g, e);
    if (ok && cli->opt.output == OUTPUT_JSON)
        print_json(cli, &g, &in);
    else if (ok && !g.streams)
        print_text(cli, &g);
cleanup:
    if (wb)
        directions_free(wb->jobs, &g.directions);
    if (g.kv)
        model_kv_free(wb->jobs, g.kv);
    free(g.ids);
    free(g.logits);
    free(g.weight);
    strbuf_release(&g.held);
    workbench_free(wb);
    input_release(&in);
    return ok;
}

const struct command generate_command = {
    .name = "generate",
    .operands = "PROMPT|-",
    .text = true,
    .summary = "continue a prompt",
    .max_operands = 1,
    .options = generate_options,
    .defaults = &generate_defaults,
    .values_size = sizeof generate_defaults,
    .run = generate,
};
