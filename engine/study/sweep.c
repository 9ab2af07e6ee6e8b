/* Sweep: a sub-batch goes to the hook and to the landing once; from there every lane is more rows.
 * Intervals and tables: sweep_tables.c. */
#include "engine/study/sweep.h"
#include "engine/base/memory.h"
#include "engine/device.h"
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
static void add_lane(struct study *s, struct sweep_lane is, int32_t same_as, int32_t base)
{
    s->lane[s->n_lanes++] = (struct lane){is, same_as, base};
}

static void add_insertion(struct study *s, int32_t insert)
{
    int32_t base = s->n_lanes, all = base + 1;
    /* with the error kept an unmodified reconstruction is the plain value again */
    add_lane(s, (struct sweep_lane){insert, ALL_UNITS, (double)NAN},
             insert == INSERT_ERROR ? 0 : -1, base);
    for (int32_t v = 0; v < s->n_values; v++)
        add_lane(s, (struct sweep_lane){insert, ALL_UNITS, s->value[v]}, -1, base);
    for (int32_t j = 0; j < s->units.n && s->each; j++)
        for (int32_t v = 0; v < s->n_values; v++)
            add_lane(s, (struct sweep_lane){insert, j, s->value[v]}, s->units.n == 1 ? all + v : -1,
                     base);
}

static void make_lanes(struct study *s)
{
    size_t values = (size_t)s->n_values * (1 + (size_t)s->units.n);
    s->lane = xcalloc(1 + 2 * (1 + values), sizeof *s->lane);
    add_lane(s, (struct sweep_lane){INSERT_NONE, ALL_UNITS, (double)NAN}, -1, 0);
    for (int32_t insert = INSERT_SAE; insert <= INSERT_ERROR; insert++)
        if (s->insert[insert])
            add_insertion(s, insert);
}

/* ---- opening */
static void sweep_free(struct study *s)
{
    if (!s)
        return;
    if (s->pushed.buf)
        device_buf_free(s->in.backend, s->pushed.buf);
    units_release(&s->units);
    free(s->lane);
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
                         STUDY_MAX_UNITS);
    if (in == 0)
        return error_set(e, ERROR_INPUT, "sweep: no insertion, expected sae, error or both");
    s->insert[INSERT_SAE] = in & 1u << IN_SAE;
    s->insert[INSERT_ERROR] = in & 1u << IN_ERROR;
    s->each = params_flag(p, "each");
    s->seed = params_seed(p, "seed");
    return true;
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
    if (!take_params(s, p, e) || !units_init(&s->units, "sweep", in, p, e))
        goto fail;
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

/* ---- u_j, once a study */
static bool push_units(struct study *s, struct run *run)
{
    if (s->has_pushed || s->units.n < 1)
        return true;
    struct backend *b = s->in.backend;
    const struct linear *behind = model_linear_behind(s->in.model, s->in.at);
    int32_t width = behind ? behind->out : dict_spec(s->in.dict)->n;
    if (!s->pushed.buf)
        s->pushed = tensor_new(b, s->units.n, width, b->caps.real, &run->err);
    if (!s->pushed.buf)
        return error_prefix(&run->err, "sweep: keeping the directions of %d units", s->units.n);
    struct arena_mark mark = arena_mark(run->arena);
    struct tensor u = dict_push(run, s->in.dict, behind, s->units.id, s->units.n);
    if (run_ok(run))
        device_copy(b, s->pushed, u);
    arena_reset(run->arena, mark);
    return s->has_pushed = run_ok(run);
}

/* ---- a sub-batch */
struct work {
    struct study *s;
    struct partial *p;
    struct run *run;
    const struct pass_batch *b;
    struct state plain, inserted; /* at the landing */
    float *act;                   /* [n_rows, n_units] */
    int32_t n_eval, *eval;        /* rows with a loss */
};

/* A state at the hook taken to where the lanes part. */
static void to_landing(struct work *w, struct tensor value, struct state *out)
{
    const struct study_in *in = &w->s->in;
    struct batch batch = {.n_rows = w->b->n_rows, .ids = w->b->ids, .seqs = w->b->seqs};
    struct state from = w->b->state;
    from.value = value;
    model_forward(w->run, in->model, &batch, &from, model_landing(in->model, in->at), NULL, 0, out);
}

static void front(struct work *w)
{
    struct study *s = w->s;
    struct tensor x = w->b->state.value;
    struct sparse f = {0};
    bool sae = s->insert[INSERT_SAE];
    to_landing(w, x, &w->plain);
    dict_encode(w->run, s->in.dict, x, &f, NULL);
    if (sae)
        to_landing(w, dict_decode(w->run, s->in.dict, &f), &w->inserted);
    units_act(w->run, &s->units, &s->in, &f, w->act);
}

struct pack { /* lanes side by side in one batch */
    int32_t n;
    const int32_t *lane;
};

static void copy_rows(struct run *run, struct tensor to, struct tensor from)
{
    if (run_ok(run))
        device_copy(run->backend, to, from);
}

/* r′ = B + Σ c_j·u_j, c_j(t) = v − f_j(t) */
static void fix_units(struct work *w, const struct pack *pack, struct tensor value)
{
    struct study *s = w->s;
    size_t T = (size_t)w->b->n_rows, J = (size_t)s->units.n, at = 0;
    float *c = xcalloc((size_t)pack->n * T * J + 1, sizeof *c);
    for (int32_t l = 0; l < pack->n; l++) {
        struct sweep_lane lane = s->lane[pack->lane[l]].is;
        size_t first = lane.unit < 0 ? 0 : (size_t)lane.unit, end = lane.unit < 0 ? J : first + 1;
        for (size_t t = 0; t < T && !isnan(lane.value); t++)
            for (size_t j = first; j < end; j++)
                c[at++] = (float)lane.value - w->act[t * J + j];
    }
    struct tensor all = {0};
    if (at > 0)
        all = run_put(w->run, 1, (int32_t)at, c);
    free(c);
    for (int32_t l = 0; l < pack->n && at > 0; l++) {
        struct sweep_lane lane = s->lane[pack->lane[l]].is;
        if (isnan(lane.value))
            continue;
        int32_t n = lane.unit < 0 ? s->units.n : 1;
        struct tensor C = all;
        C.rows = w->b->n_rows, C.cols = C.ld = n;
        op_add_outer(w->run, tensor_rows(value, l * w->b->n_rows, w->b->n_rows), C,
                     tensor_rows(s->pushed, lane.unit < 0 ? 0 : lane.unit, n));
        all.off += T * (size_t)n * sizeof(float);
    }
}

static struct state lanes_state(struct work *w, const struct pack *pack)
{
    int32_t T = w->b->n_rows, rows = T * pack->n;
    struct state st = {.at = w->plain.at, .value = run_tensor(w->run, rows, w->plain.value.cols)};
    bool has_base = w->plain.base.buf != NULL;
    if (has_base)
        st.base = run_tensor(w->run, rows, w->plain.base.cols);
    for (int32_t l = 0; l < pack->n; l++) {
        bool sae = w->s->lane[pack->lane[l]].is.insert == INSERT_SAE;
        copy_rows(w->run, tensor_rows(st.value, l * T, T),
                  sae ? w->inserted.value : w->plain.value);
        if (has_base)
            copy_rows(w->run, tensor_rows(st.base, l * T, T), w->plain.base);
    }
    fix_units(w, pack, st.value);
    return st;
}

/* Losses [pack, n_eval] to the host. */
static void lanes_losses(struct work *w, const struct pack *pack, float *loss)
{
    const struct pass_batch *b = w->b;
    int32_t T = b->n_rows, S = b->seqs.n, n = pack->n * w->n_eval;
    int32_t *start = xcalloc((size_t)pack->n * (size_t)S + 1, sizeof *start);
    int32_t *row = xcalloc((size_t)n + 1, sizeof *row),
            *target = xcalloc((size_t)n + 1, sizeof *target);
    for (int32_t l = 0; l < pack->n; l++) {
        for (int32_t i = 0; i < S; i++)
            start[l * S + i] = l * T + b->seqs.start[i];
        for (int32_t i = 0; i < w->n_eval; i++) {
            row[l * w->n_eval + i] = l * T + w->eval[i];
            target[l * w->n_eval + i] = b->target[w->eval[i]];
        }
    }
    start[pack->n * S] = pack->n * T;
    struct batch batch = {.n_rows = pack->n * T, .seqs = {.n = pack->n * S, .start = start}};
    struct state from = lanes_state(w, pack), end = {0};
    const struct model *m = w->s->in.model;
    model_forward(w->run, m, &batch, &from, model_end(m), NULL, 0, &end);
    struct tensor h = op_rows_get(w->run, end.value, run_put_ids(w->run, n, 1, row));
    run_get(w->run, loss, model_loss(w->run, m, h, target));
    free(start);
    free(row);
    free(target);
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
    int32_t rows = w->run->backend->caps.rows_per_job, per_pack = rows / w->b->n_rows;
    per_pack = per_pack < 1 ? 1 : per_pack;
    int32_t *lane = xcalloc((size_t)per_pack, sizeof *lane);
    float *loss = xcalloc((size_t)per_pack * (size_t)w->n_eval, sizeof *loss);
    struct pack pack = {.lane = lane};
    for (int32_t l = 0; l < s->n_lanes && run_ok(w->run); l++) {
        if (s->lane[l].same_as < 0)
            lane[pack.n++] = l;
        if (pack.n == 0 || (pack.n < per_pack && l + 1 < s->n_lanes))
            continue;
        struct arena_mark mark = arena_mark(w->run->arena);
        lanes_losses(w, &pack, loss);
        arena_reset(w->run->arena, mark);
        if (run_ok(w->run))
            add_losses(w, &pack, loss);
        pack.n = 0;
    }
    free(lane);
    free(loss);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    size_t T = (size_t)b->n_rows;
    w->run = run, w->b = b, w->n_eval = 0;
    w->eval = xcalloc(T + 1, sizeof *w->eval);
    w->act = xcalloc(T * (size_t)w->s->units.n + 1, sizeof *w->act);
    for (int32_t i = 0; i < b->n_rows; i++) {
        w->p->tokens += b->row[i].pos >= 0;
        if (b->target[i] < 0)
            continue;
        w->p->n_loss[b->row[i].doc - w->p->first]++;
        w->eval[w->n_eval++] = i;
    }
    if (w->n_eval > 0) {
        front(w);
        back(w);
    }
    free(w->eval);
    free(w->act);
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
    p->first = i * PASS_DOCS;
    int64_t left = s->in.corpus->n_docs - p->first;
    p->n = left < PASS_DOCS ? (int32_t)left : PASS_DOCS;
    p->n_lanes = s->n_lanes;
    p->n_loss = xcalloc((size_t)p->n, sizeof *p->n_loss);
    p->loss = xcalloc((size_t)p->n * (size_t)p->n_lanes, sizeof *p->loss);
    struct work w = {.s = s, .p = p};
    if (push_units(s, run))
        pass_chunk(run, &s->in, i, take_batch, &w);
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
    s->docs_done = p->first + p->n;
}

/* ---- checkpoints */
static void sweep_save(const struct study *s, struct strbuf *b)
{
    blob_add_i64(b, s->n_lanes);
    blob_add_i64(b, s->docs_done);
    for (int64_t d = 0; d < s->docs_done; d++) {
        blob_add_u32(b, (uint32_t)s->n_loss[d]);
        for (int32_t l = 0; l < s->n_lanes; l++)
            blob_add_f64(b, s->loss[d * s->n_lanes + l]);
    }
}

static bool sweep_load(struct study *s, const void *p, size_t n, struct error *e)
{
    struct blob_reader r = {.p = p, .n = n};
    int64_t n_lanes = blob_i64(&r), docs = blob_i64(&r);
    size_t doc = 4 + 8 * (size_t)s->n_lanes;
    bool ok = !r.bad && n_lanes == s->n_lanes && docs >= 0 && docs <= s->in.corpus->n_docs &&
              r.n % doc == 0 && (uint64_t)docs == r.n / doc;
    s->docs_done = 0;
    for (int64_t d = 0; d < docs && ok; d++) {
        uint32_t n_loss = blob_u32(&r);
        ok = n_loss <= INT32_MAX;
        s->n_loss[d] = ok ? (int32_t)n_loss : 0;
        for (int32_t l = 0; l < s->n_lanes; l++)
            s->loss[d * s->n_lanes + l] = blob_f64(&r);
    }
    if (!ok || r.bad)
        return error_set(e, ERROR_INPUT,
                         "sweep: a checkpoint of %zu bytes does not hold losses of %d lanes", n,
                         s->n_lanes);
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
    if (lane < 0 || lane >= s->n_lanes || doc < 0 || doc >= s->docs_done)
        return (double)NAN;
    return s->loss[doc * s->n_lanes + lane];
}

const struct study_ops sweep_study = {.name = "sweep",
                                      .params = params,
                                      .open = sweep_open,
                                      .free = sweep_free,
                                      .n_chunks = sweep_chunks,
                                      .chunk = sweep_chunk,
                                      .partial_free = partial_free,
                                      .partial_tokens = partial_tokens,
                                      .fold = sweep_fold,
                                      .save = sweep_save,
                                      .load = sweep_load,
                                      .tables = sweep_tables};
