/* Codes of places of the set beside the one that is shown: of the same rows, in the same forward.
 * They go with the line's tokens; a line that is edited computes them anew. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>

static bool is_further(const struct session *s, int32_t place)
{
    return s->further & dict_bit(place);
}

void further_free(struct session *s, struct line *l)
{
    for (int32_t i = 0; l->further && i < s->set->n; i++) {
        line_latents_unref(l->further[i].latents);
        free(l->further[i].stats);
        device_buf_free(s->run.queue, l->further[i].sums.buf);
    }
    free(l->further);
    l->further = NULL;
}

/* For all of the line's tokens. False with the run's error set. */
static bool further_new(struct session *s, struct line *l)
{
    l->further = xcalloc((size_t)s->set->n, sizeof *l->further);
    for (int32_t i = 0; i < s->set->n; i++) {
        struct further *k = &l->further[i];
        if (!is_further(s, i))
            continue;
        const int32_t n = dict_spec(s->set->place[i].dict)->n_out;
        k->latents = line_latents_new(l->tokens->n, 0);
        k->latents->dict = i;
        k->stats = xcalloc((size_t)l->tokens->n + 1, sizeof *k->stats);
        const size_t bytes = (size_t)l->n_windows * (size_t)n * sizeof(double);
        k->sums = (struct tensor){.dtype = DTYPE_F64, .rows = l->n_windows, .cols = n, .ld = n};
        if (l->n_windows == 0)
            continue;
        k->sums.buf = device_alloc(s->run.queue, bytes, &s->run.err);
        if (!k->sums.buf)
            return error_prefix(&s->run.err, "keeping the sums of a line");
        rows_clear_sums(s, k->sums);
    }
    return true;
}

bool further_begin(struct session *s, struct line *l)
{
    return l->further || s->further == 0 || further_new(s, l);
}

struct tensor further_sum(const struct line *l, int32_t place, const struct window *w)
{
    return tensor_rows(l->further[place].sums, (int32_t)(w - l->window), 1);
}

/* Where every token is there. */
static void finish(struct line *l, struct further *k)
{
    if (k->latents->complete)
        return;
    line_latents_own(&k->latents);
    k->latents->complete = true;
    k->latents->sse = k->latents->sum_sq = 0;
    for (int32_t i = 0; i < l->tokens->n; i++)
        if (!token_is_bos(l, i)) {
            k->latents->sse += k->stats[i][1];
            k->latents->sum_sq += k->stats[i][0];
        }
}

/* NaN with the run's error set. */
static double square_of_sum(struct session *s, int32_t place)
{
    struct run *run = &s->run;
    struct arena_mark mark = arena_mark(run->arena);
    double square[2] = {NAN, 0};
    struct tensor sum = run_sums(run, dict_spec(s->set->place[place].dict)->n_out);
    for (int32_t i = 0; i < s->n_lines; i++)
        if (s->line[i]->n_windows > 0)
            op_col_sums(run, sum, s->line[i]->further[place].sums, 1);
    run_get_f64(run, square, op_row_stats(run, sum, (struct tensor){0}));
    arena_reset(run->arena, mark);
    return square[0];
}

static double unexplained(struct session *s, int32_t place)
{
    double sse = 0, sq = 0;
    for (int32_t i = 0; i < s->n_lines; i++) {
        sse += s->line[i]->further[place].latents->sse;
        sq += s->line[i]->further[place].latents->sum_sq;
    }
    return session_unexplained(s, sse, sq, square_of_sum(s, place));
}

bool further_view(struct session *s, struct snapshot *p)
{
    for (int32_t i = 0; i < s->n_lines; i++)
        if (!further_begin(s, s->line[i])) /* a line without tokens has not begun */
            return false;
    for (int32_t k = 0; k < s->set->n; k++) {
        struct further_view *v = &p->further[k];
        if (!is_further(s, k))
            continue;
        v->line = xcalloc((size_t)s->n_lines + 1, sizeof *v->line);
        for (int32_t i = 0; i < s->n_lines; i++) {
            struct further *of = &s->line[i]->further[k];
            finish(s->line[i], of);
            atomic_fetch_add(&of->latents->refs, 1);
            v->line[i] = of->latents;
        }
        if (!s->fvu_valid)
            s->further_fvu[k] = unexplained(s, k);
        v->fvu = s->further_fvu[k];
    }
    return run_ok(&s->run);
}
