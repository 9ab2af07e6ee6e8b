/* Analysing a text: a session run to its end, and a forward pass where logits or predictions are
 * wanted. */
#include "tui/cli/analysis.h"
#include "engine/base/memory.h"
#include "engine/formats/tensors.h"
#include "engine/lane/sequences.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const insert_name[] = {"none", "sae", "error"};

static bool add_unit(struct wish *w, const struct unit *u, bool fixed, struct error *e)
{
    int32_t i = 0;
    while (i < w->n_units && w->unit[i].index != u->index)
        i++;
    if (i == SESSION_MAX_UNITS)
        return error_set(
            e, ERROR_INPUT,
            "--fix: found %d chosen and fixed units and one more, expected at most %d together",
            SESSION_MAX_UNITS, SESSION_MAX_UNITS);
    if (i == w->n_units)
        w->unit[w->n_units++].index = u->index;
    w->unit[i].fixed = fixed;
    w->unit[i].value = u->value;
    return true;
}

static bool wish_fill(struct wish *w, const struct analysis *a, const struct options *o,
                      struct error *e)
{
    *w = (struct wish){.text = a->in->text,
                       .n_text = o->join ? a->in->n : text_without_end(a->in->text, a->in->n),
                       .join = o->join,
                       .bos = o->bos,
                       .special = o->special,
                       .insert = a->insert,
                       .watch = -1,
                       .losses = true};
    for (int32_t i = 0; i < a->n_chosen; i++)
        if (!add_unit(w, &(struct unit){.index = a->chosen[i]}, false, e))
            return false;
    for (int32_t i = 0; i < o->n_fix; i++)
        if (!add_unit(w, &o->fix[i], true, e))
            return false;
    return true;
}

/* One window of one line through the model under the insertion; predictions and logits of its rows.
 */
static bool window_forward(const struct analysis *a, struct run *run, const struct token *token,
                           int32_t n, const struct hook *hook, int32_t n_hooks, int32_t *next_id,
                           float *next_logp, float *logits)
{
    struct arena_mark mark = arena_mark(run->arena);
    int32_t *ids = xmalloc((size_t)n * sizeof *ids);
    for (int32_t i = 0; i < n; i++)
        ids[i] = token[i].id;
    const int32_t start[2] = {0, n};
    struct batch batch = {.n_rows = n, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state end;
    model_forward(run, a->wb->model, &batch, NULL, model_end(a->wb->model), hook, n_hooks, &end);
    if (a->n_next > 0)
        model_topn(run, a->wb->model, end.value, a->n_next, next_id, next_logp);
    if (logits)
        model_logits(run, a->wb->model, end.value, logits);
    bool ok = run_ok(run);
    free(ids);
    arena_reset(run->arena, mark);
    return ok;
}

static bool forward(struct analysis *a, const struct options *o, float *logits, struct error *e)
{
    const struct snapshot *s = a->snap;
    size_t n_vocab = (size_t)model_config(a->wb->model)->n_vocab, n_next = (size_t)a->n_next;
    struct run run = {
        .backend = a->wb->backend, .arena = arena_new(a->wb->backend), .cancel = interrupt_flag()};
    const struct hook hook = {.at = a->wb->at,
                              .op = HOOK_INSERT,
                              .dict = a->wb->dict,
                              .keep_error = a->insert == INSERT_ERROR,
                              .units = o->fix,
                              .n_units = o->n_fix};
    bool ok = true;
    for (int32_t l = 0; ok && l < s->n_lines; l++) {
        const struct line_view *line = &s->line[l];
        for (int32_t w = 0; ok && w < line->tokens->n_windows; w++) {
            int32_t first = line->tokens->window_start[w],
                    n = line->tokens->window_start[w + 1] - first;
            size_t row = (size_t)(line->first_token + first);
            ok = n == 0 || window_forward(a, &run, line->tokens->token + first, n, &hook,
                                          a->insert != INSERT_NONE, a->next_id + row * n_next,
                                          a->next_logp + row * n_next,
                                          logits ? logits + row * n_vocab : NULL);
            progress_show(&a->cli->progress, (double)row / s->n_tokens, "predicting");
        }
    }
    progress_clear(&a->cli->progress);
    arena_free(run.arena);
    if (!ok)
        *e = run.err;
    return ok;
}

static bool logits_write(const struct analysis *a, const char *path, const float *logits,
                         struct error *e)
{
    struct tensor_out out = {.name = "logits",
                             .type = DTYPE_F32,
                             .n_dims = 2,
                             .dim = {a->snap->n_tokens, model_config(a->wb->model)->n_vocab},
                             .data = logits};
    return tensors_save_safetensors(path, &out, 1, NULL, e);
}

static bool predict(struct analysis *a, const struct options *o, const char *logits_file,
                    struct error *e)
{
    size_t n_tokens = (size_t)a->snap->n_tokens,
           n_vocab = (size_t)model_config(a->wb->model)->n_vocab, size;
    float *logits = NULL;
    if (a->n_next == 0 && !logits_file)
        return true;
    if (a->n_next > 0) {
        a->next_id = xcalloc(n_tokens * (size_t)a->n_next + 1, sizeof *a->next_id);
        a->next_logp = xcalloc(n_tokens * (size_t)a->n_next + 1, sizeof *a->next_logp);
    }
    if (logits_file) {
        if (!size_mul(n_tokens, n_vocab * sizeof(float), &size) || !(logits = malloc(size + 1)))
            return error_set(
                e, ERROR_SYSTEM,
                "--logits: found no memory for %zu × %zu logits, expected a shorter text", n_tokens,
                n_vocab);
    }
    bool ok = forward(a, o, logits, e) && (!logits_file || logits_write(a, logits_file, logits, e));
    free(logits);
    return ok;
}

bool analysis_run(struct analysis *a, struct cli *cli, const struct options *o,
                  const struct input *in, int32_t n_next, const char *logits_file, struct error *e)
{
    struct wish wish;
    *a = (struct analysis){.cli = cli, .in = in, .insert = options_insert(o), .n_next = n_next};
    if (logits_file && strcmp(logits_file, "-") == 0)
        return error_set(e, ERROR_INPUT,
                         "--logits: found -, expected the name of a file: logits are no text, and "
                         "the analysis is on standard output");
    if (!cli_open(cli, o, &a->wb, e))
        return false;
    a->n_chosen = o->n_units ? o->n_units : a->wb->n_chosen;
    a->chosen = o->n_units ? o->unit : a->wb->chosen;
    a->lane = o->n_fix > 0 ? LANE_FIXED : a->insert != INSERT_NONE ? LANE_BASE : LANE_PLAIN;
    input_note_special(in, cli, a->wb->tokenizer);
    if (!wish_fill(&wish, a, o, e) || !cli_session(cli, a->wb, &wish, &a->snap, e) ||
        !predict(a, o, logits_file, e))
        return false;
    note_windows(cli, a->wb, a->snap);
    return true;
}

void analysis_release(struct analysis *a)
{
    snapshot_unref(a->snap);
    workbench_free(a->wb);
    free(a->next_id);
    free(a->next_logp);
    *a = (struct analysis){0};
}

static bool begins_window(const struct line_tokens *t, int32_t in_line)
{
    for (int32_t w = 1; w < t->n_windows; w++)
        if (t->window_start[w] == in_line)
            return true;
    return false;
}

void note_windows(const struct cli *cli, const struct workbench *wb, const struct snapshot *s)
{
    int32_t lines = 0, windows = 0, first = -1, n_ctx = model_config(wb->model)->n_ctx;
    for (int32_t i = 0; i < s->n_lines; i++) {
        if (s->line[i].tokens->n_windows < 2)
            continue;
        lines++;
        windows += s->line[i].tokens->n_windows;
        first = first < 0 ? i : first;
    }
    if (lines == 0 || cli->opt.quiet)
        return;
    if (lines == 1)
        fprintf(stderr, "glimt: note: line %d is", first + 1);
    else
        fprintf(stderr, "glimt: note: %d lines, the first line %d, are", lines, first + 1);
    fprintf(stderr,
            " longer than the context of %d tokens, cut into %d windows that do not see each "
            "other\n",
            n_ctx, windows);
}

bool analysis_next(const struct analysis *a, struct analysis_iterator *i,
                   struct analysis_token *out)
{
    const struct snapshot *s = a->snap;
    while (i->line < s->n_lines && i->in_line >= s->line[i->line].tokens->n)
        i->line++, i->in_line = 0;
    if (i->line >= s->n_lines)
        return false;
    const struct line_view *line = &s->line[i->line];
    const struct token *t = &line->tokens->token[i->in_line];
    const struct line_losses *loss = line->loss[a->lane];
    *out = (struct analysis_token){.index = i->index,
                                   .in_line = i->in_line,
                                   .line = line,
                                   .id = t->id,
                                   .start = input_offset(a->in, line->start + (size_t)t->start),
                                   .end = input_offset(a->in, line->start + (size_t)t->end),
                                   .loss = loss ? loss->loss[i->in_line] : NAN,
                                   .begins_window = begins_window(line->tokens, i->in_line)};
    i->in_line++;
    i->index++;
    return true;
}

void analysis_unit(const struct analysis *a, const struct analysis_token *t, int32_t unit,
                   float *pre, float *act)
{
    const struct line_latents *l = t->line->latents;
    (void)a;
    *pre = *act = NAN;
    for (int32_t i = 0; l && i < l->n_watch; i++)
        if (l->watch[i] == unit) {
            *pre = l->pre[t->in_line * l->n_watch + i];
            *act = l->act[t->in_line * l->n_watch + i];
            return;
        }
}

int32_t analysis_n_top(const struct analysis *a, const struct analysis_token *t, int32_t limit)
{
    const struct line_latents *l = t->line->latents;
    if (!l || !a->wb->dict)
        return 0;
    int32_t n = l->list[t->in_line].n;
    return limit >= 0 && limit < n ? limit : n;
}

void analysis_top(const struct analysis_token *t, int32_t i, int32_t *id, float *value)
{
    const struct active_latent *active;
    latents_of_token(t->line->latents, t->in_line, &active);
    *id = active[i].id;
    *value = active[i].value;
}

bool analysis_has_sae(const struct analysis *a)
{
    return a->wb->dict && !dict_spec(a->wb->dict)->identity;
}
