/* Analysing a text: a session run to its end; predictions and logits come from its rows. */
#include "tui/cli/analysis.h"
#include "engine/base/memory.h"
#include "engine/formats/tensors.h"
#include "engine/lane/sequences.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

static bool add_unit(struct wish *w, const struct unit *u, bool fixed, struct error *e)
{
    int32_t i = 0;
    while (i < w->n_units && !unit_same(w->unit[i].id, u->id))
        i++;
    if (i == UNITS_MAX)
        return error_set(
            e, ERROR_INPUT,
            "--fix: found %d chosen and fixed units and one more, expected at most %d together",
            UNITS_MAX, UNITS_MAX);
    if (i == w->n_units)
        w->unit[w->n_units++].id = u->id;
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
                       .bos = a->wb->bos,
                       .special = o->special,
                       .insert = a->wb->insert,
                       .watch = UNIT_NONE,
                       .further = dict_set_all(&a->wb->dicts) & ~dict_bit(0),
                       .losses = true};
    for (int32_t i = 0; i < a->n_chosen; i++)
        if (!add_unit(w, &(struct unit){.id = a->chosen[i]}, false, e))
            return false;
    for (int32_t i = 0; i < a->wb->n_fix; i++)
        if (!add_unit(w, &a->wb->fix[i], true, e))
            return false;
    return true;
}

/* ---- predictions and logits, from the rows that the losses come from */
struct hearing {
    struct analysis *a;
    bool wants_logits;
    float *logits; /* [n_tokens, vocabulary] */
};

static bool reserve(struct hearing *h, int32_t n_tokens, struct error *e)
{
    struct analysis *a = h->a;
    size_t n = (size_t)n_tokens, n_vocab = (size_t)model_config(a->wb->model)->n_vocab, size;
    if (a->n_next > 0 && !a->next_id) {
        a->next_id = xcalloc(n * (size_t)a->n_next + 1, sizeof *a->next_id);
        a->next_logp = xcalloc(n * (size_t)a->n_next + 1, sizeof *a->next_logp);
    }
    if (!h->wants_logits || h->logits)
        return true;
    if (size_mul(n, n_vocab * sizeof(float), &size) && (h->logits = malloc(size + 1)))
        return true;
    return error_set(e, ERROR_SYSTEM,
                     "--logits: found no memory for %zu × %zu logits, expected a shorter text", n,
                     n_vocab);
}

static void hear(void *arg, struct run *run, int32_t first, int32_t n_tokens, struct tensor rows)
{
    struct hearing *h = arg;
    struct analysis *a = h->a;
    const struct model *m = a->wb->model;
    size_t at = (size_t)first;
    if (!reserve(h, n_tokens, &run->err))
        return;
    if (a->n_next > 0)
        model_topn(run, m, rows, a->n_next, a->next_id + at * (size_t)a->n_next,
                   a->next_logp + at * (size_t)a->n_next);
    if (h->wants_logits)
        model_logits(run, m, rows, h->logits + at * (size_t)model_config(m)->n_vocab);
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

static bool compute(struct analysis *a, struct wish *wish, const char *logits_file, struct error *e)
{
    struct hearing h = {.a = a, .wants_logits = logits_file != NULL};
    bool wants = a->n_next > 0 || logits_file;
    bool ok = cli_session(a->cli, a->wb, wish, wants ? hear : NULL, &h, &a->snap, e) &&
              reserve(&h, a->snap->n_tokens, e) &&
              (!logits_file || logits_write(a, logits_file, h.logits, e));
    free(h.logits);
    return ok;
}

bool analysis_run(struct analysis *a, struct cli *cli, const struct options *o,
                  const struct input *in, int32_t n_next, const char *logits_file, struct error *e)
{
    struct wish wish;
    *a = (struct analysis){.cli = cli, .in = in, .n_next = n_next};
    if (logits_file && strcmp(logits_file, "-") == 0)
        return error_set(e, ERROR_INPUT,
                         "--logits: found -, expected the name of a file: logits are no text, and "
                         "the analysis is on standard output");
    if (!cli_open(cli, o, &a->wb, e))
        return false;
    a->n_chosen = a->wb->n_chosen;
    a->chosen = a->wb->chosen;
    a->lane = o->n_fix > 0 ? LANE_FIXED : insertion_any(a->wb->insert) ? LANE_BASE : LANE_PLAIN;
    input_note_special(in, cli, a->wb->tokenizer);
    if (!wish_fill(&wish, a, o, e) || !compute(a, &wish, logits_file, e))
        return false;
    note_windows(cli, a->wb, a->snap);
    cli_note_saturated(cli, a->snap->saturated);
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

void analysis_unit(const struct analysis *a, const struct analysis_token *t, struct unit_id unit,
                   float *pre, float *act)
{
    const struct line_latents *l = t->line->latents;
    (void)a;
    *pre = *act = NAN;
    for (int32_t i = 0; l && i < l->n_watch; i++)
        if (unit_same(l->watch[i], unit)) {
            *pre = l->pre[t->in_line * l->n_watch + i];
            *act = l->act[t->in_line * l->n_watch + i];
            return;
        }
}

static const struct line_latents *latents_at(const struct analysis *a,
                                             const struct analysis_token *t, int32_t place)
{
    const ptrdiff_t line = t->line - a->snap->line;
    return place == a->snap->dict         ? t->line->latents
           : a->snap->further[place].line ? a->snap->further[place].line[line]
                                          : NULL;
}

int32_t analysis_n_top(const struct analysis *a, const struct analysis_token *t, int32_t place,
                       int32_t limit)
{
    const struct line_latents *l = latents_at(a, t, place);
    if (!l || !a->wb->dict)
        return 0;
    int32_t n = l->list[t->in_line].n;
    return limit >= 0 && limit < n ? limit : n;
}

void analysis_top(const struct analysis *a, const struct analysis_token *t, int32_t place,
                  int32_t i, struct unit_id *id, float *value)
{
    const struct line_latents *l = latents_at(a, t, place);
    const struct active_latent *active;
    latents_of_token(l, t->in_line, &active);
    *id = (struct unit_id){l->dict, active[i].id};
    *value = active[i].value;
}

int32_t analysis_sae(const struct analysis *a)
{
    for (int32_t i = 0; i < a->wb->dicts.n; i++)
        if (!a->wb->dicts.place[i].neurons)
            return i;
    return -1;
}

double analysis_fvu(const struct analysis *a, int32_t place)
{
    return place == a->snap->dict ? a->snap->fvu : a->snap->further[place].fvu;
}
