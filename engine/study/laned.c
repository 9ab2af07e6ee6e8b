/* Losses of documents under lanes: sub-batches, folding, checkpoints. */
#include "engine/study/laned.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- lanes */
bool laned_init(struct laned *s, const char *name, const struct study_in *in, struct error *e)
{
    *s = (struct laned){.in = *in, .name = name};
    if (!units_check_in(name, in, e))
        return false;
    s->set = units_set(&s->in, &s->one);
    s->place = lane_place_of(in->model, &s->set, dict_set_all(&s->set), 0);
    return true;
}

void laned_release(struct laned *s)
{
    if (s->in.queue)
        directions_free(s->in.queue, &s->directions);
    for (int32_t l = 0; l < s->n_lanes; l++)
        free(s->lane[l].column);
    free(s->lane);
    doc_means_release(&s->docs);
}

static int32_t column_of(struct laned *s, int32_t unit)
{
    int32_t i = 0;
    while (i < s->n_first && s->first[i] != unit)
        i++;
    if (i == s->n_first)
        s->first[s->n_first++] = unit;
    return i;
}

int32_t laned_add(struct laned *s, const struct lane *lane, int32_t same_as, int32_t base)
{
    int32_t n;
    const struct unit *units = lane_units(lane, 0, &n);
    s->lane = grow(s->lane, &s->cap, (size_t)s->n_lanes + 1, sizeof *s->lane);
    struct laned_lane *l = &s->lane[s->n_lanes];
    *l = (struct laned_lane){.lane = *lane,
                             .same_as = same_as,
                             .base = base,
                             .n_columns = n,
                             .column = xcalloc((size_t)n + 1, sizeof *l->column)};
    for (int32_t i = 0; i < n; i++)
        l->column[i] = column_of(s, units[i].id.index);
    return s->n_lanes++;
}

bool laned_ready(struct laned *s, struct error *e)
{
    return doc_means_init(&s->docs, s->name, "lanes", s->in.corpus, s->n_lanes, e);
}

/* ---- a sub-batch */
struct work {
    struct laned *s;
    struct doc_part *p;
    struct run *run;
    const struct pass_batch *b;
    struct landed landed;
    struct tensor act;     /* [n_rows, n_first] */
    int32_t n_eval, *eval; /* rows with a loss */
    struct sequences seq;  /* of the lanes of a microbatch */
    struct lane_rows *rows;
    int32_t *row; /* of the microbatch, in order: those of a lane side by side */
    struct lane_hooks hooks;
};

/* Some lane has the reconstruction in place of what the first dictionary reads. */
static bool inserts(const struct laned *s)
{
    for (int32_t l = 0; l < s->n_lanes && !s->set.place[0].neurons; l++)
        if (s->lane[l].lane.inserted & 1u)
            return true;
    return false;
}

static void front(struct work *w)
{
    struct laned *s = w->s;
    unsigned want = LAND_CODES | (inserts(s) ? LAND_INSERTED : 0u);
    struct batch batch = sequences_batch(w->b->seq);
    lane_front(w->run, &s->place, &batch, &w->b->state, want, &w->landed);
    if (s->n_first > 0)
        w->act = dict_values(w->run, s->place.dict, &w->landed.codes, s->first, s->n_first);
}

struct microbatch { /* lanes side by side in one batch */
    int32_t n;
    const int32_t *lane;
};

static bool side_by_side(const int32_t *column, int32_t n)
{
    for (int32_t i = 1; i < n; i++)
        if (column[i] != column[0] + i)
            return false;
    return true;
}

/* What a lane does where all part; what it does behind is done on the way. */
static void fix_units(struct work *w, const struct laned_lane *l, struct tensor value)
{
    const int32_t n = l->n_columns;
    struct tensor act, u;
    if (n == 0)
        return;
    if (side_by_side(l->column, n)) {
        act = tensor_cols(w->act, l->column[0], n);
        u = tensor_rows(w->s->directions.u, l->column[0], n);
    } else {
        struct tensor ids = run_put_ids(w->run, n, 1, l->column);
        act = op_cols_get(w->run, w->act, ids);
        u = op_rows_get(w->run, w->s->directions.u, ids);
    }
    lane_change(w->run, &w->s->place, &l->lane, value, act, w->landed.codes.scale, u);
}

/* Losses [microbatch, n_eval] to the host. */
static void losses_of(struct work *w, const struct microbatch *micro, float *loss)
{
    int32_t T = w->b->n_rows;
    sequences_clear(&w->seq);
    w->hooks.n = 0;
    for (int32_t l = 0; l < micro->n; l++) {
        for (int32_t i = 0; i < w->b->seq->n; i++)
            sequences_add(&w->seq, w->b->seq, i);
        w->rows[l] = (struct lane_rows){.lane = &w->s->lane[micro->lane[l]].lane,
                                        .plain = w->landed.plain.value,
                                        .inserted = w->landed.inserted.value,
                                        .base = w->landed.plain.base};
        lane_hooks_add(&w->hooks, &w->s->place, w->rows[l].lane, w->row + l * T, T);
    }
    struct state from = lane_pack(w->run, &w->s->place, w->rows, micro->n);
    for (int32_t l = 0; l < micro->n; l++)
        fix_units(w, &w->s->lane[micro->lane[l]], tensor_rows(from.value, l * T, T));
    lane_losses(w->run, w->s->in.model, &w->seq, &from, &w->hooks, loss);
}

static void add_losses(struct work *w, const struct microbatch *micro, const float *loss)
{
    struct doc_part *p = w->p;
    for (int32_t l = 0; l < micro->n; l++)
        for (int32_t i = 0; i < w->n_eval; i++) {
            int64_t doc = w->b->row[w->eval[i]].doc - p->first;
            p->sum[doc * p->n + micro->lane[l]] += (double)loss[l * w->n_eval + i];
        }
}

/* All lanes of the sub-batch, so many at a time that an operation stays short. */
static void back(struct work *w)
{
    struct laned *s = w->s;
    int32_t rows = w->run->queue->backend->caps.rows_per_job, per_batch = rows / w->b->n_rows;
    per_batch = per_batch < 1 ? 1 : per_batch;
    int32_t *lane = xcalloc((size_t)per_batch, sizeof *lane);
    w->rows = xcalloc((size_t)per_batch, sizeof *w->rows);
    w->row = xcalloc((size_t)per_batch * (size_t)w->b->n_rows, sizeof *w->row);
    for (int32_t i = 0; i < per_batch * w->b->n_rows; i++)
        w->row[i] = i;
    float *loss = xcalloc((size_t)per_batch * (size_t)w->n_eval, sizeof *loss);
    struct microbatch micro = {.lane = lane};
    for (int32_t l = 0; l < s->n_lanes && run_ok(w->run); l++) {
        if (s->lane[l].same_as < 0)
            lane[micro.n++] = l;
        if (micro.n == 0 || (micro.n < per_batch && l + 1 < s->n_lanes))
            continue;
        struct arena_mark mark = arena_mark(w->run->arena);
        losses_of(w, &micro, loss);
        arena_reset(w->run->arena, mark);
        if (run_ok(w->run))
            add_losses(w, &micro, loss);
        micro.n = 0;
        run_tell(w->run, (l + 1.0) / s->n_lanes);
    }
    free(lane);
    free(w->rows);
    free(w->row);
    free(loss);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    w->run = run, w->b = b;
    w->eval = xcalloc((size_t)b->n_rows + 1, sizeof *w->eval);
    w->n_eval = doc_part_count(w->p, b, w->eval);
    if (w->n_eval > 0) {
        front(w);
        back(w);
    }
    free(w->eval);
}

/* ---- a chunk */
static void copy_same(const struct laned *s, struct doc_part *p)
{
    for (int32_t d = 0; d < p->n_docs; d++)
        for (int32_t l = 0; l < p->n; l++)
            if (s->lane[l].same_as >= 0)
                p->sum[d * p->n + l] = p->sum[d * p->n + s->lane[l].same_as];
}

struct partial *laned_chunk(struct study *study, int64_t i, struct run *run)
{
    struct laned *s = (struct laned *)(void *)study;
    struct work w = {.s = s, .p = doc_partial_new(study, &s->in, i)};
    const struct pass_how how = {.to = s->place.reads, .most = s->first_window ? INT_MAX : 0};
    if (directions_set(run, &s->place, &s->directions, s->first, s->n_first))
        pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    sequences_release(&w.seq);
    lane_hooks_release(&w.hooks);
    copy_same(s, w.p);
    return doc_partial_end(w.p, run);
}

int64_t laned_chunks(const struct study *study)
{
    return pass_chunks(&((const struct laned *)(const void *)study)->in);
}

/* ---- looking */
double laned_loss(const struct laned *s, int32_t lane, int64_t doc)
{
    return doc_mean(&s->docs, lane, doc);
}

double laned_difference(const struct laned *s, int32_t lane, int64_t doc)
{
    return laned_loss(s, lane, doc) - laned_loss(s, s->lane[lane].base, doc);
}

void laned_sample(struct sample *q, const struct laned *s, int32_t cls, bool difference,
                  uint64_t seed)
{
    int32_t *base = xcalloc((size_t)s->n_lanes + 1, sizeof *base);
    for (int32_t l = 0; l < s->n_lanes; l++)
        base[l] = s->lane[l].base;
    sample_of_class(q, &s->docs, cls, difference ? base : NULL, seed);
    free(base);
}
