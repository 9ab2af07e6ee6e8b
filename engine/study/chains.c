/* Chains of units: the runs and what is measured in them. */
#include "engine/base/memory.h"
#include "engine/study/activity.h"
#include "engine/study/chains_private.h"
#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* ---- opening */
static void chains_free(struct study *s)
{
    if (!s)
        return;
    two_runs_release(&s->whole);
    for (int32_t i = 0; i < s->n; i++)
        for (int base = 0; base < N_BASES; base++)
            two_runs_release(&s->moved[i][base]);
    doc_means_release(&s->docs);
    free(s);
}

static const struct param params[] = {
    STUDY_RUNS_ROWS,
    ACTIVITY_FROM_ROW,
    ACTIVITY_TO_ROW,
    CHAINS_TOP_ROW,
    {"seed", "N", "of the intervals", PARAM_SEED, "0", .in_key = true},
    {.name = NULL},
};

/* Where a later unit of the set is read, and behind it moved. */
static struct point step_at(const struct study *s, struct unit_id u)
{
    return pre_activation_read(&s->whole.set.place[u.dict]);
}

static bool take_later(struct study *s, const struct params *p, struct error *e)
{
    const struct unit_id *unit;
    const double *shift;
    const int32_t n = params_units(p, "shifted", &unit),
                  n_shift = params_values(p, "shift", &shift);
    if (n < 1 || n > CHAINS_MOST || n_shift != n || params_has(p, "shifted-at"))
        return error_set(e, ERROR_INPUT,
                         "chains: found %d later units, expected 1 to %d with a shift for each",
                         (int)n, CHAINS_MOST);
    for (int32_t i = 0; i < n; i++) { /* in the order of execution */
        int32_t at = i;
        for (; at > 0 && point_compare(step_at(s, s->unit[at - 1]), step_at(s, unit[i])) > 0; at--)
            s->unit[at] = s->unit[at - 1], s->shift[at] = s->shift[at - 1];
        s->unit[at] = unit[i], s->shift[at] = shift[i];
    }
    for (int32_t i = 0; i < n; i++)
        for (int32_t k = 0; k < s->whole.n_units; k++) {
            char later[UNIT_NAME_MAX], name[UNIT_NAME_MAX];
            const struct unit_id u = s->whole.unit[k];
            if (point_compare(step_at(s, s->unit[i]), s->whole.set.place[u.dict].at) > 0)
                continue;
            unit_full_name(&s->whole.set, s->unit[i], later);
            unit_full_name(&s->whole.set, u, name);
            return error_set(e, ERROR_INPUT, "chains: found %s, expected units behind %s", later,
                             name);
        }
    s->n = n;
    return true;
}

/* Runs in which one later unit is moved, or (i < 0) none. */
static bool take_runs(struct study *s, struct two_runs *r, const struct params *all, int32_t i,
                      int base, struct error *e)
{
    struct params p;
    const double *at;
    params_copy(&p, all);
    const int32_t n = params_values(all, base == CHAINS_ON ? "at" : "off-at", &at);
    const double shift = i < 0 ? 0 : base == CHAINS_ON ? s->shift[i] : -s->shift[i];
    params_set_units(&p, "shifted", s->unit + (i < 0 ? 0 : i), i >= 0);
    params_set_values(&p, "shift", &shift, i >= 0);
    if (i >= 0) {
        double both[STUDY_MAX_VALUES];
        memcpy(both, at, (size_t)n * sizeof *both);
        params_set_values(&p, "at", both, n);
        params_set_values(&p, "off-at", both, n);
    }
    const bool ok = two_runs_take(r, "chains", &s->in, &p, e);
    params_release(&p);
    return ok;
}

static bool take_all_runs(struct study *s, const struct params *p, struct error *e)
{
    const double *at;
    if (params_values(p, "at", &at) < 1)
        return error_set(e, ERROR_INPUT, "chains: found no values of the units on, expected some");
    if (!take_runs(s, &s->whole, p, -1, CHAINS_ON, e) || !take_later(s, p, e))
        return false;
    const int32_t n = s->n;
    for (s->n = 0; s->n < n; s->n++) { /* what is counted is what is there to release */
        if (!take_runs(s, &s->moved[s->n][CHAINS_ON], p, s->n, CHAINS_ON, e))
            return false;
        if (!take_runs(s, &s->moved[s->n][CHAINS_OFF], p, s->n, CHAINS_OFF, e)) {
            two_runs_release(&s->moved[s->n][CHAINS_ON]);
            return false;
        }
    }
    return true;
}

static void make_steps(struct study *s)
{
    for (int32_t i = 0; i < s->n; i++) {
        int32_t k = 0;
        while (k < s->n_steps && s->step[k].place != s->unit[i].dict)
            k++;
        if (k == s->n_steps) {
            s->step[k].at = step_at(s, s->unit[i]);
            s->step[k].place = s->unit[i].dict;
            s->n_steps++;
        }
        s->step_of[i] = k;
        s->step[k].index[s->step[k].n] = s->unit[i].index;
        s->step[k].column[s->step[k].n++] = i;
    }
}

static bool chains_open(const struct study_in *in, const struct params *p, struct study **out,
                        struct error *e)
{
    if (!units_check_in("chains", in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->bos = model_cut(in->model, in->tokenizer, in->bos).bos >= 0;
    s->from = (int32_t)params_int(p, "from");
    s->last = (int32_t)params_int(p, "to");
    s->top = (int32_t)params_int(p, "top");
    s->seed = params_seed(p, "seed");
    if (!take_all_runs(s, p, e) ||
        !doc_means_init(&s->docs, "chains", "columns", in->corpus, chains_columns(s), e)) {
        chains_free(s);
        return false;
    }
    make_steps(s);
    *out = s;
    return true;
}

static int64_t chains_chunks(const struct study *s)
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
    int32_t n_eval, *eval;                 /* rows with a loss */
    int32_t n_row, *row;                   /* rows whose values count */
    struct state at[N_BASES][CHAINS_MOST]; /* before what is done at each step */
    float *value[N_BASES], *moved;         /* [n_row, n] of the later units */
    struct tensor x[CHAINS_MOST];          /* at the steps */
};

static double *sum_of(const struct work *w, int32_t row)
{
    struct doc_part *p = w->p;
    return p->sum + (w->b->row[row].doc - p->first) * p->n;
}

static void add_losses(struct work *w, const struct state *end, int32_t column)
{
    float *loss = xcalloc((size_t)w->n_eval + 1, sizeof *loss);
    lane_losses(w->run, w->s->in.model, w->b->seq, end, NULL, loss);
    for (int32_t i = 0; i < w->n_eval && run_ok(w->run); i++)
        sum_of(w, w->eval[i])[column] += (double)loss[i];
    free(loss);
}

/* Hooks of a run with those that bring the steps from `first` on, where `to` has its own left out:
 * it is a state before them. New; how many. */
static int32_t hooks_to(struct work *w, const struct lane_hooks *own, int32_t first, int32_t n,
                        const struct point *to, struct hook **out)
{
    const struct study *s = w->s;
    struct hook *all = xcalloc((size_t)own->n + (size_t)n + 1, sizeof *all);
    int32_t count = 0;
    for (int32_t k = first; k < first + n; k++) /* as the SAE reads it that is inserted there */
        if (s->whole.inserted & dict_bit(s->step[k].place))
            all[count++] = (struct hook){.at = s->step[k].at, .op = HOOK_GET, .io = &w->x[k]};
    for (int32_t i = 0; i < own->n; i++)
        if (!to || point_compare(own->hook[i].at, *to) != 0)
            all[count++] = own->hook[i];
    for (int32_t k = first; k < first + n; k++)
        if (!(s->whole.inserted & dict_bit(s->step[k].place)))
            all[count++] = (struct hook){.at = s->step[k].at, .op = HOOK_GET, .io = &w->x[k]};
    *out = all;
    return count;
}

/* The values of a step's units on the rows that count, into their columns. */
static void read_step(struct work *w, int32_t k, float *value)
{
    const struct study *s = w->s;
    const struct chains_step *step = &s->step[k];
    const struct dict *dict = s->whole.set.place[step->place].dict;
    struct arena_mark mark = arena_mark(w->run->arena);
    float *all = xcalloc((size_t)w->n_row * (size_t)step->n + 1, sizeof *all);
    struct code f = {0};
    dict_encode(w->run, dict,
                op_rows_get(w->run, w->x[k], run_put_ids(w->run, w->n_row, 1, w->row)), &f, NULL);
    run_get(w->run, all, dict_values(w->run, dict, &f, step->index, step->n));
    dict_check_values(w->run, dict, all, w->n_row, step->index, step->n);
    for (int32_t t = 0; t < w->n_row && run_ok(w->run); t++)
        for (int32_t i = 0; i < step->n; i++)
            value[t * s->n + step->column[i]] = all[t * step->n + i];
    free(all);
    arena_reset(w->run->arena, mark);
}

/* The units on, or off: states at the steps, the later units' values, losses. */
static void run_base(struct work *w, int base)
{
    const struct study *s = w->s;
    const struct lane_hooks *own = &s->whole.run[base == CHAINS_ON ? RUN_A : RUN_B].hooks;
    struct state at = w->b->state;
    for (int32_t k = 0; k <= s->n_steps && run_ok(w->run); k++) {
        const bool last = k == s->n_steps;
        const struct point to = last ? model_end(s->in.model) : s->step[k].at;
        struct state next;
        struct hook *hook;
        const int32_t n = hooks_to(w, own, k - 1, k > 0, last ? NULL : &to, &hook);
        model_forward(w->run, s->in.model, &w->batch, &at, to, hook, n, &next);
        free(hook);
        if (k > 0 && w->n_row > 0)
            read_step(w, k - 1, w->value[base]);
        if (!last)
            w->at[base][k] = next;
        at = next;
    }
    if (run_ok(w->run))
        add_losses(w, &at, chains_loss(base));
}

/* One later unit moved. */
static void run_moved(struct work *w, int32_t i, int base)
{
    const struct study *s = w->s;
    const int32_t step = s->step_of[i];
    struct arena_mark mark = arena_mark(w->run->arena);
    struct state end;
    struct hook *hook;
    const int32_t n = hooks_to(w, &s->moved[i][base].run[RUN_B].hooks, step + 1,
                               s->n_steps - step - 1, NULL, &hook);
    model_forward(w->run, s->in.model, &w->batch, &w->at[base][step], model_end(s->in.model), hook,
                  n, &end);
    free(hook);
    for (int32_t k = step + 1; k < s->n_steps && run_ok(w->run) && w->n_row > 0; k++)
        read_step(w, k, w->moved);
    if (run_ok(w->run))
        add_losses(w, &end, chains_moved_loss(i, base));
    arena_reset(w->run->arena, mark);
    for (int32_t t = 0; t < w->n_row && run_ok(w->run); t++)
        for (int32_t k = 0; k < s->n; k++) {
            const size_t cell = (size_t)t * (size_t)s->n + (size_t)k;
            const double change = (double)w->moved[cell] - (double)w->value[base][cell];
            if (s->step_of[k] > step)
                sum_of(w, w->row[t])[chains_link(s, i, k, base)] +=
                    base == CHAINS_ON ? change : -change;
        }
}

static void add_whole(struct work *w)
{
    const struct study *s = w->s;
    for (int32_t t = 0; t < w->n_row; t++) {
        double *sum = sum_of(w, w->row[t]);
        sum[chains_counted(s)] += 1;
        for (int32_t k = 0; k < s->n; k++) {
            const size_t cell = (size_t)t * (size_t)s->n + (size_t)k;
            sum[chains_whole(s, k)] +=
                (double)w->value[CHAINS_OFF][cell] - (double)w->value[CHAINS_ON][cell];
        }
    }
}

static void take_rows(struct work *w)
{
    const struct study *s = w->s;
    for (int32_t i = 0; i < w->b->n_rows; i++) {
        const int32_t at = w->b->row[i].pos + s->bos;
        if (at >= s->from && at <= s->last)
            w->row[w->n_row++] = i;
    }
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work w = *(struct work *)arg;
    const size_t n = (size_t)b->n_rows + 1;
    w.run = run, w.b = b;
    w.batch = sequences_batch(b->seq);
    w.eval = xcalloc(n, sizeof *w.eval);
    w.row = xcalloc(n, sizeof *w.row);
    w.n_eval = doc_part_count(w.p, b, w.eval);
    take_rows(&w);
    for (int base = 0; base < N_BASES; base++)
        w.value[base] = xcalloc(n * (size_t)w.s->n, sizeof *w.moved);
    w.moved = xcalloc(n * (size_t)w.s->n, sizeof *w.moved);
    for (int base = 0; base < N_BASES && w.n_eval > 0; base++) {
        const double runs = N_BASES * (1.0 + w.s->n), behind = base * (1.0 + w.s->n);
        run_base(&w, base);
        run_tell(run, (behind + 1) / runs);
        for (int32_t i = 0; i < w.s->n && run_ok(run); i++) {
            run_moved(&w, i, base);
            run_tell(run, (behind + 2 + i) / runs);
        }
    }
    if (w.n_eval > 0 && run_ok(run))
        add_whole(&w);
    for (int base = 0; base < N_BASES; base++)
        free(w.value[base]);
    free(w.moved);
    free(w.eval);
    free(w.row);
}

/* ---- a chunk */
static struct partial *chains_chunk(struct study *s, int64_t i, struct run *run)
{
    struct work w = {.s = s, .p = doc_partial_new(s, &s->in, i)};
    const struct pass_how how = {.to = s->whole.first, .most = INT_MAX};
    pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    return doc_partial_end(w.p, run);
}

const struct study_ops chains_study = {.name = "chains",
                                       .params = params,
                                       .places = two_runs_places,
                                       .open = chains_open,
                                       .free = chains_free,
                                       .n_chunks = chains_chunks,
                                       .chunk = chains_chunk,
                                       DOC_MEANS_OPS,
                                       .tables = chains_tables};
