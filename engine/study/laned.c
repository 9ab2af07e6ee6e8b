/* Losses of documents under lanes: sub-batches, folding, checkpoints. */
#include "engine/study/laned.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CELLS (INT64_C(1) << 27) /* losses held: 1 GiB */

struct partial { /* means of one chunk's documents */
    int64_t first, tokens;
    int32_t n, n_lanes;
    int32_t *n_loss; /* [n] */
    double *loss;    /* [n, n_lanes]: sums until the chunk is whole */
};

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
    free(s->loss);
    free(s->n_loss);
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
    int64_t docs = s->in.corpus->n_docs, cells = docs * s->n_lanes;
    if (cells > MAX_CELLS)
        return error_set(
            e, ERROR_INPUT, "%s: %d lanes of %lld sentences are %lld losses, expected at most %lld",
            s->name, s->n_lanes, (long long)docs, (long long)cells, (long long)MAX_CELLS);
    s->loss = malloc((size_t)cells * sizeof *s->loss);
    s->n_loss = malloc((size_t)docs * sizeof *s->n_loss);
    return (s->loss && s->n_loss) ||
           error_set(e, ERROR_SYSTEM, "%s: no memory for %lld losses", s->name, (long long)cells);
}

/* ---- a sub-batch */
struct work {
    struct laned *s;
    struct partial *p;
    struct run *run;
    const struct pass_batch *b;
    struct landed landed;
    struct tensor act;     /* [n_rows, n_first] */
    int32_t n_eval, *eval; /* rows with a loss */
    struct sequences seq;  /* of the lanes of a pack */
    struct lane_rows *rows;
    int32_t *row; /* of the pack, in order: those of a lane side by side */
    struct lane_hooks hooks;
};

/* Some lane has the reconstruction in place of what the first dictionary reads. */
static bool inserts(const struct laned *s)
{
    for (int32_t l = 0; l < s->n_lanes && !s->set.place[0].neurons; l++)
        if (s->lane[l].lane.insert == INSERT_SAE)
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

struct pack { /* lanes side by side in one batch */
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
    lane_change(w->run, &w->s->place, &l->lane, value, act, u);
}

/* Losses [pack, n_eval] to the host. */
static void losses_of(struct work *w, const struct pack *pack, float *loss)
{
    int32_t T = w->b->n_rows;
    sequences_clear(&w->seq);
    w->hooks.n = 0;
    for (int32_t l = 0; l < pack->n; l++) {
        for (int32_t i = 0; i < w->b->seq->n; i++)
            sequences_add(&w->seq, w->b->seq, i);
        w->rows[l] = (struct lane_rows){.lane = &w->s->lane[pack->lane[l]].lane,
                                        .plain = w->landed.plain.value,
                                        .inserted = w->landed.inserted.value,
                                        .base = w->landed.plain.base};
        lane_hooks_add(&w->hooks, &w->s->place, w->rows[l].lane, w->row + l * T, T);
    }
    struct state from = lane_pack(w->run, &w->s->place, w->rows, pack->n);
    for (int32_t l = 0; l < pack->n; l++)
        fix_units(w, &w->s->lane[pack->lane[l]], tensor_rows(from.value, l * T, T));
    lane_losses(w->run, w->s->in.model, &w->seq, &from, &w->hooks, loss);
}

static void add_losses(struct work *w, const struct pack *pack, const float *loss)
{
    struct partial *p = w->p;
    for (int32_t l = 0; l < pack->n; l++)
        for (int32_t i = 0; i < w->n_eval; i++) {
            int64_t doc = w->b->row[w->eval[i]].doc - p->first;
            p->loss[doc * p->n_lanes + pack->lane[l]] += (double)loss[l * w->n_eval + i];
        }
}

/* All lanes of the sub-batch, so many at a time that an operation stays short. */
static void back(struct work *w)
{
    struct laned *s = w->s;
    int32_t rows = w->run->queue->backend->caps.rows_per_job, per_pack = rows / w->b->n_rows;
    per_pack = per_pack < 1 ? 1 : per_pack;
    int32_t *lane = xcalloc((size_t)per_pack, sizeof *lane);
    w->rows = xcalloc((size_t)per_pack, sizeof *w->rows);
    w->row = xcalloc((size_t)per_pack * (size_t)w->b->n_rows, sizeof *w->row);
    for (int32_t i = 0; i < per_pack * w->b->n_rows; i++)
        w->row[i] = i;
    float *loss = xcalloc((size_t)per_pack * (size_t)w->n_eval, sizeof *loss);
    struct pack pack = {.lane = lane};
    for (int32_t l = 0; l < s->n_lanes && run_ok(w->run); l++) {
        if (s->lane[l].same_as < 0)
            lane[pack.n++] = l;
        if (pack.n == 0 || (pack.n < per_pack && l + 1 < s->n_lanes))
            continue;
        struct arena_mark mark = arena_mark(w->run->arena);
        losses_of(w, &pack, loss);
        arena_reset(w->run->arena, mark);
        if (run_ok(w->run))
            add_losses(w, &pack, loss);
        pack.n = 0;
    }
    free(lane);
    free(w->rows);
    free(w->row);
    free(loss);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    w->run = run, w->b = b, w->n_eval = 0;
    w->eval = xcalloc((size_t)b->n_rows + 1, sizeof *w->eval);
    for (int32_t i = 0; i < b->n_rows; i++) {
        w->p->tokens += b->row[i].pos >= 0;
        if (b->seq->target[i] < 0)
            continue;
        w->p->n_loss[b->row[i].doc - w->p->first]++;
        w->eval[w->n_eval++] = i;
    }
    if (w->n_eval > 0) {
        front(w);
        back(w);
    }
    free(w->eval);
}

/* ---- a chunk */
void laned_partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->n_loss);
    free(p->loss);
    free(p);
}

int64_t laned_partial_tokens(const struct partial *p)
{
    return p->tokens;
}

static void sums_to_means(const struct laned *s, struct partial *p)
{
    for (int32_t d = 0; d < p->n; d++) {
        double *loss = p->loss + (size_t)d * (size_t)p->n_lanes;
        for (int32_t l = 0; l < p->n_lanes; l++)
            loss[l] = s->lane[l].same_as >= 0 ? loss[s->lane[l].same_as]
                      : p->n_loss[d] > 0      ? loss[l] / p->n_loss[d]
                                              : (double)NAN;
    }
}

struct partial *laned_chunk(struct laned *s, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    const struct pass_range of = pass_range(&s->in, i);
    p->first = of.first, p->n = of.n;
    p->n_lanes = s->n_lanes;
    p->n_loss = xcalloc((size_t)p->n, sizeof *p->n_loss);
    p->loss = xcalloc((size_t)p->n * (size_t)p->n_lanes, sizeof *p->loss);
    struct work w = {.s = s, .p = p};
    const struct pass_how how = {.to = s->place.at, .most = s->first_window ? INT_MAX : 0};
    if (directions_set(run, &s->place, &s->directions, s->first, s->n_first))
        pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    sequences_release(&w.seq);
    lane_hooks_release(&w.hooks);
    if (!run_ok(run)) {
        laned_partial_free(p);
        return NULL;
    }
    sums_to_means(s, p);
    return p;
}

void laned_fold(struct laned *s, const struct partial *p)
{
    size_t first = (size_t)p->first, n = (size_t)p->n, L = (size_t)s->n_lanes;
    memcpy(s->n_loss + first, p->n_loss, n * sizeof *s->n_loss);
    memcpy(s->loss + first * L, p->loss, n * L * sizeof *s->loss);
    if (s->docs_done == s->docs_from)
        s->docs_from = p->first; /* a segment begins where it begins */
    s->docs_done = p->first + p->n;
}

void laned_merge(struct laned *to, const struct laned *from)
{
    const size_t first = (size_t)from->docs_from, n = (size_t)(from->docs_done - from->docs_from),
                 L = (size_t)to->n_lanes;
    if (n == 0)
        return;
    memcpy(to->n_loss + first, from->n_loss + first, n * sizeof *to->n_loss);
    memcpy(to->loss + first * L, from->loss + first * L, n * L * sizeof *to->loss);
    if (to->docs_done == to->docs_from)
        to->docs_from = from->docs_from;
    to->docs_done = from->docs_done;
}

/* ---- checkpoints */
void laned_save(const struct laned *s, struct blob_writer *b)
{
    blob_add_i64(b, s->n_lanes);
    blob_add_i64(b, s->docs_from);
    blob_add_i64(b, s->docs_done);
    for (int64_t d = s->docs_from; d < s->docs_done; d++) {
        blob_add_u32(b, (uint32_t)s->n_loss[d]);
        for (int32_t l = 0; l < s->n_lanes; l++)
            blob_add_f64(b, s->loss[d * s->n_lanes + l]);
    }
}

bool laned_load(struct laned *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    int64_t n_lanes = blob_i64(r), from = blob_i64(r), docs = blob_i64(r);
    size_t doc = 4 + 8 * (size_t)s->n_lanes;
    bool ok = !r->bad && n_lanes == s->n_lanes && from >= 0 && docs >= from &&
              docs <= s->in.corpus->n_docs && r->left % doc == 0 &&
              (uint64_t)(docs - from) == r->left / doc;
    s->docs_from = s->docs_done = 0;
    for (int64_t d = from; ok && d < docs; d++) {
        uint32_t n_loss = blob_u32(r);
        ok = n_loss <= INT32_MAX;
        s->n_loss[d] = ok ? (int32_t)n_loss : 0;
        for (int32_t l = 0; l < s->n_lanes; l++)
            s->loss[d * s->n_lanes + l] = blob_f64(r);
    }
    if (!ok || !blob_end(r))
        return error_set(e, ERROR_INPUT,
                         "%s: a checkpoint of %llu bytes does not hold losses of %d lanes", s->name,
                         n, s->n_lanes);
    s->docs_from = from;
    s->docs_done = docs;
    return true;
}

/* ---- looking */
double laned_loss(const struct laned *s, int32_t lane, int64_t doc)
{
    if (lane < 0 || lane >= s->n_lanes || doc < s->docs_from || doc >= s->docs_done)
        return (double)NAN;
    return s->loss[doc * s->n_lanes + lane];
}

double laned_difference(const struct laned *s, int32_t lane, int64_t doc)
{
    return laned_loss(s, lane, doc) - laned_loss(s, s->lane[lane].base, doc);
}

bool laned_counts(const struct laned *s, int64_t doc, int32_t cls)
{
    return s->n_loss[doc] > 0 && s->in.corpus->doc[doc].cls == cls;
}
