/* What switching units off does to the residual stream: the two runs and what is made of them. */
#include "engine/base/memory.h"
#include "engine/study/stream_private.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { METRIC_LOSS, METRIC_LOGIT };
const char *const stream_measures[] = {"attribution", "patch", "effects", NULL};
const char *const stream_metrics[] = {"loss", "logit", NULL};

/* ---- opening */
static void stream_free(struct study *s)
{
    if (!s)
        return;
    two_runs_release(&s->runs);
    doc_means_release(&s->docs);
    vocabulary_release(&s->vocabulary);
    free(s->gamma);
    free(s->point);
    free(s);
}

static const struct param params[] = {
    STUDY_RUNS_ROWS,
    {"measure", "attribution|patch|effects", "what is measured", PARAM_CHOICE, "attribution",
     .choices = stream_measures, .in_key = true},
    STREAM_METRIC_ROW,
    STREAM_FROZEN_ROW,
    {"no-tl-weights", NULL, "the mean over the vocabulary stays", PARAM_FLAG, .in_key = true},
    {"seed", "N", "of the intervals", PARAM_SEED, "0", .in_key = true},
    {.name = NULL},
};

/* Where what a unit at a point writes is added to the stream. */
static struct point written_at(struct point at)
{
    switch ((enum site)at.site) {
    case SITE_ATTN_Z:
    case SITE_ATTN_MODULE:
    case SITE_ATTN_OUT: at.site = SITE_ATTN_OUT; break;
    case SITE_MLP_NORMALIZED:
    case SITE_MLP_IN:
    case SITE_MLP_PRE:
    case SITE_MLP_ACT:
    case SITE_MLP_MODULE:
    case SITE_MLP_OUT: at.site = SITE_MLP_OUT; break;
    default: break;
    }
    return at;
}

static bool is_of_the_stream(struct point at)
{
    const struct point out = written_at(at);
    return out.site != SITE_ATTN_OUT && out.site != SITE_MLP_OUT;
}

/* What is written adds up only where no SAE stands in the stream behind it. */
static bool check_inserted(const struct study *s, struct error *e)
{
    char name[POINT_NAME_MAX];
    for (int32_t p = 0; p < s->runs.set.n; p++) {
        const struct point at = s->runs.set.place[p].at;
        const bool adds_up = !is_of_the_stream(at) || s->measure == STREAM_ATTRIBUTION ||
                             point_compare(at, s->group[0].from) <= 0;
        if (!(s->runs.inserted & dict_bit(p)) || (adds_up && point_compare(at, s->end) <= 0))
            continue;
        point_name(at, name);
        return error_set(e, ERROR_INPUT,
                         "stream: found the SAE at %s inserted, %s, expected it elsewhere", name,
                         adds_up ? "behind the stream that is looked at"
                                 : "in the stream behind the units, where what they write does not "
                                   "add up");
    }
    return true;
}

static bool make_groups(struct study *s, struct error *e)
{
    char name[POINT_NAME_MAX];
    for (int32_t p = 0; p < s->runs.set.n; p++) {
        const struct point at = s->runs.set.place[p].at, out = written_at(at);
        bool there = false;
        for (int32_t i = 0; i < s->runs.n_units; i++)
            there = there || s->runs.unit[i].dict == p;
        if (!there)
            continue;
        point_name(at, name);
        if (point_compare(at, s->end) > 0)
            return error_set(e, ERROR_INPUT,
                             "stream: units at %s write nothing to the residual stream, expected "
                             "units before it",
                             name);
        if (s->n_groups > 0 && point_compare(s->group[s->n_groups - 1].out, out) == 0 &&
            !s->group[s->n_groups - 1].itself)
            continue;
        s->group[s->n_groups++] = (struct stream_group){at, out, is_of_the_stream(at)};
    }
    return true;
}

static void make_streams(struct study *s)
{
    const int32_t n = model_config(s->in.model)->n_layers;
    s->point = xcalloc((size_t)n + 1, sizeof *s->point);
    for (int32_t layer = 0; layer < n; layer++)
        s->point[s->n_points++] = (struct point){(int16_t)layer, SITE_RESID_PRE};
    s->point[s->n_points++] = s->end;
}

static int by_point(const void *a, const void *b)
{
    return point_compare(*(const struct point *)a, *(const struct point *)b);
}

static void make_components(struct study *s)
{
    const int32_t n = model_config(s->in.model)->n_layers;
    s->point = xcalloc(2 * (size_t)n + (size_t)s->n_groups + 1, sizeof *s->point);
    for (int32_t i = 0; i < 2 * n; i++) {
        const struct point at = {(int16_t)(i / 2), i % 2 ? SITE_MLP_OUT : SITE_ATTN_OUT};
        if (point_compare(at, s->group[0].from) >= 0)
            s->point[s->n_points++] = at;
    }
    for (int32_t g = 0; g < s->n_groups; g++)
        if (s->group[g].itself)
            s->point[s->n_points++] = s->group[g].out;
    qsort(s->point, (size_t)s->n_points, sizeof *s->point, by_point);
}

static bool make_columns(struct study *s, struct error *e)
{
    int32_t n = N_ENDS;
    if (s->measure == STREAM_ATTRIBUTION) {
        make_streams(s);
        n = TWO_RUNS * s->n_points;
    } else if (s->measure == STREAM_PATCH) {
        make_components(s);
        n = 1 + s->n_points;
    }
    return doc_means_init(&s->docs, "stream", "columns", s->in.corpus, n, e);
}

static bool stream_open(const struct study_in *in, const struct params *p, struct study **out,
                        struct error *e)
{
    if (!units_check_in("stream", in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->measure = params_choice(p, "measure");
    s->metric = params_choice(p, "metric");
    s->frozen = params_flag(p, "frozen-scale");
    s->centred = !params_flag(p, "no-tl-weights");
    s->seed = params_seed(p, "seed");
    s->end = (struct point){(int16_t)(model_config(in->model)->n_layers - 1), SITE_RESID_POST};
    s->reads_logits = s->measure == STREAM_ATTRIBUTION ||
                      (s->measure == STREAM_EFFECTS && s->metric == METRIC_LOGIT);
    if (!two_runs_take(&s->runs, "stream", &s->in, p, e) || !make_groups(s, e) ||
        !check_inserted(s, e) || !make_columns(s, e)) {
        stream_free(s);
        return false;
    }
    *out = s;
    return true;
}

static int64_t stream_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a sub-batch */
struct work {
    struct study *s;
    struct doc_part *p;
    struct run *run;
    const struct pass_batch *b;
    struct batch batch;
    int32_t n_eval, *eval;       /* rows with a target */
    struct tensor *x[TWO_RUNS];  /* [n_points] of the two runs */
    struct hook *hook[TWO_RUNS]; /* that bring them */
    int32_t n_early;             /* points that the runs have in common */
    double *reads;               /* [n_eval, d] what the next token's logit reads of a stream */
};

static void add(struct work *w, int32_t i, int32_t column, double value)
{
    struct doc_part *p = w->p;
    p->sum[(w->b->row[w->eval[i]].doc - p->first) * p->n + column] += value;
}

/* γ ⊙ (U_t − Ū) of each next token. */
static void find_reads(struct work *w)
{
    const struct study *s = w->s;
    const size_t d = (size_t)model_config(s->in.model)->d_model;
    int32_t *id = xcalloc((size_t)w->n_eval, sizeof *id);
    float *u = xcalloc((size_t)w->n_eval * d, sizeof *u);
    for (int32_t i = 0; i < w->n_eval; i++)
        id[i] = w->b->seq->target[w->eval[i]];
    run_get(w->run, u, model_unembed_rows(w->run, s->in.model, id, w->n_eval));
    w->reads = xcalloc((size_t)w->n_eval * d, sizeof *w->reads);
    for (size_t i = 0; i < (size_t)w->n_eval; i++)
        for (size_t k = 0; k < d; k++)
            w->reads[i * d + k] = (double)s->gamma[k] *
                                  ((double)u[i * d + k] - (s->centred ? s->vocabulary.mean[k] : 0));
    free(id);
    free(u);
}

static bool norm_centres(const struct study *s)
{
    return model_final_norm(s->in.model)->kind != NORM_RMS;
}

static double mean_of_row(const struct study *s, const float *r, size_t d)
{
    double mean = 0;
    for (size_t k = 0; norm_centres(s) && k < d; k++)
        mean += (double)r[k] / (double)d;
    return mean;
}

/* By what the final norm divides. */
static double scale_of_row(const struct study *s, const float *r, size_t d)
{
    const double mean = mean_of_row(s, r, d);
    double sq = 0;
    for (size_t k = 0; k < d; k++)
        sq += ((double)r[k] - mean) * ((double)r[k] - mean) / (double)d;
    return sqrt(sq + (double)model_final_norm(s->in.model)->eps);
}

/* A stream to the host, [n_rows, d]; the caller's. */
static float *fetch(struct work *w, struct tensor x)
{
    float *to = xcalloc((size_t)x.rows * (size_t)x.cols, sizeof *to);
    run_get(w->run, to, x);
    return to;
}

/* [n_eval] scales of a stream; the caller's. */
static double *scales_of(struct work *w, const float *x)
{
    const size_t d = (size_t)model_config(w->s->in.model)->d_model;
    double *scale = xcalloc((size_t)w->n_eval, sizeof *scale);
    for (int32_t i = 0; i < w->n_eval; i++)
        scale[i] = scale_of_row(w->s, x + (size_t)w->eval[i] * d, d);
    return scale;
}

/* What a stream says of the next tokens, into a column. */
static void add_said(struct work *w, const float *x, const double *scale, int32_t column)
{
    const size_t d = (size_t)model_config(w->s->in.model)->d_model;
    for (int32_t i = 0; i < w->n_eval && run_ok(w->run); i++) {
        const float *r = x + (size_t)w->eval[i] * d;
        const double *reads = w->reads + (size_t)i * d, mean = mean_of_row(w->s, r, d);
        double sum = 0;
        for (size_t k = 0; k < d; k++)
            sum += ((double)r[k] - mean) * reads[k];
        add(w, i, column, sum / scale[i]);
    }
}

static void forward(struct work *w, int which, struct state *end)
{
    two_runs_forward(&w->s->runs, which, w->run, &w->s->in, &w->batch, &w->b->state, w->s->end,
                     w->hook[which] + w->n_early, w->s->n_points - w->n_early, end);
}

static void attribute(struct work *w)
{
    const struct study *s = w->s;
    float *last[TWO_RUNS];
    double *scale[TWO_RUNS];
    struct state end;
    find_reads(w);
    for (int which = 0; which < TWO_RUNS; which++) {
        forward(w, which, &end);
        last[which] = fetch(w, end.value);
        scale[which] = scales_of(w, last[which]);
    }
    for (int which = 0; which < TWO_RUNS; which++)
        for (int32_t p = 0; p < s->n_points; p++) {
            float *x = fetch(w, w->x[p < w->n_early ? RUN_A : which][p]);
            add_said(w, x, scale[s->frozen ? RUN_A : which], which * s->n_points + p);
            free(x);
        }
    for (int which = 0; which < TWO_RUNS; which++) {
        free(last[which]);
        free(scale[which]);
    }
}

/* ---- what units write themselves */
/* Run a on the way to where a group begins, itself without what is done there. */
static void go_on(struct work *w, struct state *at, struct point to)
{
    const struct lane_hooks *own = &w->s->runs.run[RUN_A].hooks;
    struct hook *some = xcalloc((size_t)own->n + 1, sizeof *some);
    struct state next;
    int32_t n = 0;
    for (int32_t i = 0; i < own->n; i++)
        if (point_compare(own->hook[i].at, to) != 0)
            some[n++] = own->hook[i];
    if (point_compare(at->at, to) != 0) {
        model_forward(w->run, w->s->in.model, &w->batch, at, to, some, n, &next);
        *at = next;
    }
    free(some);
}

/* What each group writes more in run b, all before it as in run a. */
static void find_written(struct work *w, struct tensor written[DICT_SET_MAX])
{
    const struct study *s = w->s;
    struct state at = w->b->state;
    for (int32_t g = 0; g < s->n_groups; g++) {
        struct state out[TWO_RUNS];
        go_on(w, &at, s->group[g].from);
        for (int which = 0; which < TWO_RUNS; which++)
            two_runs_forward(&s->runs, which, w->run, &s->in, &w->batch, &at, s->group[g].out, NULL,
                             0, &out[which]);
        written[g] = op_copy(w->run, out[RUN_B].value);
        op_add(w->run, written[g], out[RUN_A].value, -1);
    }
}

/* ---- losses */
static void add_losses(struct work *w, struct tensor end, int32_t column)
{
    const struct state from = {.at = w->s->end, .value = end};
    float *loss = xcalloc((size_t)w->n_eval, sizeof *loss);
    struct arena_mark mark = arena_mark(w->run->arena);
    lane_losses(w->run, w->s->in.model, w->b->seq, &from, NULL, loss);
    arena_reset(w->run->arena, mark);
    for (int32_t i = 0; i < w->n_eval && run_ok(w->run); i++)
        add(w, i, column, (double)loss[i]);
    free(loss);
}

static const struct tensor *written_by(const struct study *s, const struct tensor *written,
                                       struct point at)
{
    for (int32_t g = 0; g < s->n_groups; g++)
        if (s->group[g].itself && point_compare(s->group[g].out, at) == 0)
            return &written[g];
    return NULL;
}

static void patch(struct work *w)
{
    const struct study *s = w->s;
    struct tensor written[DICT_SET_MAX];
    struct state end[TWO_RUNS];
    forward(w, RUN_A, &end[RUN_A]);
    forward(w, RUN_B, &end[RUN_B]);
    find_written(w, written);
    add_losses(w, end[RUN_A].value, 0);
    for (int32_t p = 0; p < s->n_points; p++) {
        const struct tensor *own = written_by(s, written, s->point[p]);
        struct arena_mark mark = arena_mark(w->run->arena);
        struct tensor r = op_copy(w->run, end[RUN_A].value);
        if (own) {
            op_add(w->run, r, *own, 1);
        } else {
            op_add(w->run, r, w->x[RUN_B][p], 1);
            op_add(w->run, r, w->x[RUN_A][p], -1);
        }
        add_losses(w, r, 1 + p);
        arena_reset(w->run->arena, mark);
    }
}

static void effects(struct work *w)
{
    const struct study *s = w->s;
    struct tensor written[DICT_SET_MAX], stream[N_ENDS];
    struct state end;
    double *frozen = NULL;
    for (int which = 0; which < TWO_RUNS; which++) {
        forward(w, which, &end);
        stream[which] = end.value;
    }
    find_written(w, written);
    stream[END_DIRECT] = op_copy(w->run, stream[END_A]);
    stream[END_INDIRECT] = op_copy(w->run, stream[END_B]);
    for (int32_t g = 0; g < s->n_groups; g++) {
        op_add(w->run, stream[END_DIRECT], written[g], 1);
        op_add(w->run, stream[END_INDIRECT], written[g], -1);
    }
    if (s->metric == METRIC_LOGIT)
        find_reads(w);
    for (int32_t i = 0; i < N_ENDS; i++) {
        if (s->metric == METRIC_LOSS) {
            add_losses(w, stream[i], i);
            continue;
        }
        float *x = fetch(w, stream[i]);
        double *scale = s->frozen && i > 0 ? NULL : scales_of(w, x);
        frozen = i == 0 ? scale : frozen;
        add_said(w, x, scale ? scale : frozen, i);
        if (i > 0)
            free(scale);
        free(x);
    }
    free(frozen);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    w->run = run, w->b = b;
    w->batch = sequences_batch(b->seq);
    w->eval = xcalloc((size_t)b->n_rows + 1, sizeof *w->eval);
    w->n_eval = doc_part_count(w->p, b, w->eval);
    if (w->n_eval > 0 && w->s->measure == STREAM_ATTRIBUTION)
        attribute(w);
    else if (w->n_eval > 0 && w->s->measure == STREAM_PATCH)
        patch(w);
    else if (w->n_eval > 0)
        effects(w);
    free(w->eval);
    free(w->reads);
    w->reads = NULL;
}

/* ---- a chunk */
static bool be_ready(struct study *s, struct run *run)
{
    const struct norm *norm = model_final_norm(s->in.model);
    const size_t d = (size_t)model_config(s->in.model)->d_model;
    if (s->ready || !s->reads_logits)
        return true;
    if (s->centred && !vocabulary_init(&s->vocabulary, run, &s->in, false))
        return false;
    free(s->gamma);
    s->gamma = xcalloc(d, sizeof *s->gamma);
    for (size_t k = 0; k < d; k++)
        s->gamma[k] = 1;
    if (norm->gamma.buf)
        run_get(run, s->gamma, norm->gamma);
    s->ready = run_ok(run);
    if (!s->ready)
        vocabulary_release(&s->vocabulary);
    return s->ready;
}

static struct partial *stream_chunk(struct study *s, int64_t i, struct run *run)
{
    struct work w = {.s = s, .p = doc_partial_new(s, &s->in, i)};
    const size_t n = (size_t)s->n_points;
    for (int which = 0; which < TWO_RUNS; which++) {
        w.x[which] = xcalloc(n + 1, sizeof *w.x[which]);
        w.hook[which] = xcalloc(n + 1, sizeof *w.hook[which]);
        for (int32_t p = 0; p < s->n_points; p++)
            w.hook[which][p] =
                (struct hook){.at = s->point[p], .op = HOOK_GET, .io = &w.x[which][p]};
    }
    while (w.n_early < s->n_points && point_compare(s->point[w.n_early], s->runs.first) < 0)
        w.n_early++;
    const struct pass_how how = {
        .to = s->runs.first, .hook = w.hook[RUN_A], .n_hooks = w.n_early, .most = INT_MAX};
    if (be_ready(s, run))
        pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    for (int which = 0; which < TWO_RUNS; which++) {
        free(w.x[which]);
        free(w.hook[which]);
    }
    return doc_partial_end(w.p, run);
}

const struct study_ops stream_study = {.name = "stream",
                                       .params = params,
                                       .places = two_runs_places,
                                       .open = stream_open,
                                       .free = stream_free,
                                       .n_chunks = stream_chunks,
                                       .chunk = stream_chunk,
                                       DOC_MEANS_OPS,
                                       .tables = stream_tables};
