/* Sweep: a sub-batch goes to the hook and to the landing once; from there every lane is more rows.
 * Intervals and tables: sweep_tables.c. */
#include "engine/study/sweep.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/sweep_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CELLS (INT64_C(1) << 27) /* losses held: 1 GiB */
#define ALL_UNITS (-1)

struct partial { /* means of one chunk's documents */
    int64_t first, tokens;
    int32_t n, n_lanes;
    int32_t *n_loss; /* [n] */
    double *loss;    /* [n, n_lanes]: sums until the chunk is whole */
};

/* ---- lanes */
enum { NO_VALUE = -1 };

static void add_lane(struct study *s, enum insert insert, int32_t unit, int32_t value,
                     int32_t same_as, int32_t base)
{
    struct swept *l = &s->lane[s->n_lanes++];
    *l = (struct swept){.is = {(int32_t)insert, unit, (double)NAN},
                        .same_as = same_as,
                        .base = base,
                        .lane.insert = insert};
    if (value < 0)
        return;
    l->is.value = s->value[value];
    l->lane.n_units = unit == ALL_UNITS ? s->n_units : 1;
    l->lane.units = s->fixed + value * s->n_units + (unit == ALL_UNITS ? 0 : unit);
}

static void add_insertion(struct study *s, enum insert insert)
{
    int32_t base = s->n_lanes, all = base + 1;
    /* with the error kept an unmodified reconstruction is the plain value again */
    add_lane(s, insert, ALL_UNITS, NO_VALUE, insert == INSERT_ERROR ? 0 : -1, base);
    for (int32_t v = 0; v < s->n_values; v++)
        add_lane(s, insert, ALL_UNITS, v, -1, base);
    for (int32_t j = 0; j < s->n_units && s->each; j++)
        for (int32_t v = 0; v < s->n_values; v++)
            add_lane(s, insert, j, v, s->n_units == 1 ? all + v : -1, base);
}

static void make_lanes(struct study *s)
{
    size_t n_values = (size_t)s->n_values, J = (size_t)s->n_units;
    s->lane = xcalloc(1 + 2 * (1 + n_values * (1 + J)), sizeof *s->lane);
    s->fixed = xcalloc(n_values * J + 1, sizeof *s->fixed);
    for (size_t i = 0; i < n_values * J; i++)
        s->fixed[i] = (struct unit){.id = s->unit[i % J], .value = (float)s->value[i / J]};
    add_lane(s, INSERT_NONE, ALL_UNITS, NO_VALUE, -1, 0);
    for (enum insert insert = INSERT_SAE; insert <= INSERT_ERROR; insert++)
        if (s->insert[insert])
            add_insertion(s, insert);
}

/* ---- opening */
static void sweep_free(struct study *s)
{
    if (!s)
        return;
    directions_free(s->in.queue, &s->directions);
    free(s->lane);
    free(s->fixed);
    free(s->loss);
    free(s->n_loss);
    free(s);
}

enum { IN_SAE, IN_ERROR }; /* choices of `insert` */
static const char *const inserts[] = {"sae", "error", NULL};
static const struct param params[] = {
    {"values", "LIST", "FROM:TO:STEP or a list", PARAM_VALUES, "-8:8:2", .in_key = true},
    {"insert", "sae|error|sae,error", "what the values are set in", PARAM_SET, "sae",
     .choices = inserts, .in_key = true},
    {"each", NULL, "also every latent alone", PARAM_FLAG, .in_key = true},
    {"seed", "N", "of the intervals", PARAM_SEED, "0", .in_key = true},
    STUDY_UNITS_ROW,
    {.name = NULL},
};

static bool take_params(struct study *s, const struct params *p, struct error *e)
{
    const double *value;
    const unsigned in = params_set(p, "insert");
    s->n_values = params_values(p, "values", &value);
    if (s->n_values > STUDY_MAX_VALUES)
        return error_set(e, ERROR_INPUT, "sweep: %d values, expected at most %d", s->n_values,
                         STUDY_MAX_VALUES);
    for (int32_t v = 0; v < s->n_values; v++) {
        if (!isfinite((float)value[v]))
            return error_set(e, ERROR_INPUT, "sweep: value %d is %g, expected a finite number",
                             v + 1, value[v]);
        s->value[v] = value[v];
    }
    if (s->n_values > 0 && !params_has(p, "units"))
        return error_set(e, ERROR_INPUT, "sweep: values but no unit to fix, expected 1 to %d units",
                         UNITS_MAX);
    if (in == 0)
        return error_set(e, ERROR_INPUT, "sweep: no insertion, expected sae, error or both");
    s->insert[INSERT_SAE] = in & 1u << IN_SAE;
    s->insert[INSERT_ERROR] = in & 1u << IN_ERROR;
    s->each = params_flag(p, "each");
    s->seed = params_seed(p, "seed");
    return true;
}

/* A lane wants the units of a place side by side, places in order; in each as they were given. */
static bool take_units(struct study *s, const struct params *p, struct error *e)
{
    if (!units_check_in("sweep", &s->in, e))
        return false;
    s->set = units_set(&s->in, &s->one);
    s->n_units = units_take("sweep", &s->in, p, s->unit, e);
    for (int32_t i = 1; i < s->n_units; i++) {
        const struct unit_id u = s->unit[i];
        int32_t at = i;
        for (; at > 0 && s->unit[at - 1].dict > u.dict; at--)
            s->unit[at] = s->unit[at - 1];
        s->unit[at] = u;
    }
    for (int32_t i = 0; i < s->n_units && s->unit[i].dict == 0; i++)
        s->first[s->n_first++] = s->unit[i].index;
    return s->n_units >= 0;
}

/* Reconstructions are of every SAE there is, whichever units are fixed. */
static uint32_t sweep_places(const struct dict_set *set, const struct params *p)
{
    uint32_t places = units_places(set, p);
    for (int32_t i = 0; i < set->n; i++)
        if ((params_set(p, "insert") & 1u << IN_SAE) && !set->place[i].neurons)
            places |= 1u << i;
    return places;
}

static bool reserve_losses(struct study *s, struct error *e)
{
    int64_t docs = s->in.corpus->n_docs, cells = docs * s->n_lanes;
    if (cells > MAX_CELLS)
        return error_set(e, ERROR_INPUT,
                         "sweep: %d lanes of %lld sentences are %lld losses, expected at most %lld",
                         s->n_lanes, (long long)docs, (long long)cells, (long long)MAX_CELLS);
    s->loss = malloc((size_t)cells * sizeof *s->loss);
    s->n_loss = malloc((size_t)docs * sizeof *s->n_loss);
    return (s->loss && s->n_loss) ||
           error_set(e, ERROR_SYSTEM, "sweep: no memory for %lld losses", (long long)cells);
}

static bool sweep_open(const struct study_in *in, const struct params *p, struct study **out,
                       struct error *e)
{
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    if (!take_params(s, p, e) || !take_units(s, p, e))
        goto fail;
    s->place = lane_place_of(in->model, &s->set, dict_set_all(&s->set), 0);
    make_lanes(s);
    if (!reserve_losses(s, e))
        goto fail;
    *out = s;
    return true;
fail:
    sweep_free(s);
    return false;
}

static int64_t sweep_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a sub-batch */
struct work {
    struct study *s;
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

static void front(struct work *w)
{
    struct study *s = w->s;
    const bool rebuilt = s->insert[INSERT_SAE] && !s->set.place[0].neurons;
    unsigned want = LAND_CODES | (rebuilt ? LAND_INSERTED : 0u);
    struct batch batch = sequences_batch(w->b->seq);
    lane_front(w->run, &s->place, &batch, &w->b->state, want, &w->landed);
    if (s->n_first > 0)
        w->act = dict_values(w->run, s->place.dict, &w->landed.codes, s->first, s->n_first);
}

struct pack { /* lanes side by side in one batch */
    int32_t n;
    const int32_t *lane;
};

/* What a lane does where all part; what it does behind is done on the way. */
static void fix_units(struct work *w, const struct lane *lane, struct tensor value)
{
    struct study *s = w->s;
    int32_t n;
    const struct unit *units = lane_units(lane, 0, &n);
    const int32_t first = (int32_t)((units - s->fixed) % s->n_units);
    if (n > 0)
        lane_change(w->run, &s->place, lane, value, tensor_cols(w->act, first, n),
                    tensor_rows(s->directions.u, first, n));
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
        if (w->rows[l].lane->n_units > 0)
            fix_units(w, w->rows[l].lane, tensor_rows(from.value, l * T, T));
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
    struct study *s = w->s;
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
static void partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->n_loss);
    free(p->loss);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->tokens;
}

static void sums_to_means(const struct study *s, struct partial *p)
{
    for (int32_t d = 0; d < p->n; d++) {
        double *loss = p->loss + (size_t)d * (size_t)p->n_lanes;
        for (int32_t l = 0; l < p->n_lanes; l++)
            loss[l] = s->lane[l].same_as >= 0 ? loss[s->lane[l].same_as]
                      : p->n_loss[d] > 0      ? loss[l] / p->n_loss[d]
                                              : (double)NAN;
    }
}

static struct partial *sweep_chunk(struct study *s, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    const struct pass_range of = pass_range(&s->in, i);
    p->first = of.first, p->n = of.n;
    p->n_lanes = s->n_lanes;
    p->n_loss = xcalloc((size_t)p->n, sizeof *p->n_loss);
    p->loss = xcalloc((size_t)p->n * (size_t)p->n_lanes, sizeof *p->loss);
    struct work w = {.s = s, .p = p};
    if (directions_set(run, &s->place, &s->directions, s->first, s->n_first))
        pass_chunk(run, &s->in, i, take_batch, &w);
    sequences_release(&w.seq);
    lane_hooks_release(&w.hooks);
    if (!run_ok(run)) {
        partial_free(p);
        return NULL;
    }
    sums_to_means(s, p);
    return p;
}

static void sweep_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    size_t first = (size_t)p->first, n = (size_t)p->n, L = (size_t)s->n_lanes;
    memcpy(s->n_loss + first, p->n_loss, n * sizeof *s->n_loss);
    memcpy(s->loss + first * L, p->loss, n * L * sizeof *s->loss);
    if (s->docs_done == s->docs_from)
        s->docs_from = p->first; /* a segment begins where it begins */
    s->docs_done = p->first + p->n;
}

static void sweep_merge(struct study *to, const struct study *from)
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
static void sweep_save(const struct study *s, struct blob_writer *b)
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

static bool sweep_load(struct study *s, struct blob_reader *r, struct error *e)
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
                         "sweep: a checkpoint of %llu bytes does not hold losses of %d lanes", n,
                         s->n_lanes);
    s->docs_from = from;
    s->docs_done = docs;
    return true;
}

/* ---- looking */
int32_t sweep_n_lanes(const struct study *s)
{
    return s->n_lanes;
}

struct sweep_lane sweep_lane(const struct study *s, int32_t lane)
{
    return s->lane[lane].is;
}

double sweep_loss(const struct study *s, int32_t lane, int64_t doc)
{
    if (lane < 0 || lane >= s->n_lanes || doc < s->docs_from || doc >= s->docs_done)
        return (double)NAN;
    return s->loss[doc * s->n_lanes + lane];
}

const struct study_ops sweep_study = {.name = "sweep",
                                      .params = params,
                                      .places = sweep_places,
                                      .open = sweep_open,
                                      .free = sweep_free,
                                      .n_chunks = sweep_chunks,
                                      .chunk = sweep_chunk,
                                      .partial_free = partial_free,
                                      .partial_tokens = partial_tokens,
                                      .fold = sweep_fold,
                                      .segment = STUDY_SEGMENT,
                                      .merge = sweep_merge,
                                      .save = sweep_save,
                                      .load = sweep_load,
                                      .tables = sweep_tables};
