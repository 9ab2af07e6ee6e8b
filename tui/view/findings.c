#include "tui/view/findings.h"
#include <math.h>
#include <string.h>

void findings_release(struct findings *f)
{
    table_set_unref(f->bins);
    table_set_unref(f->sweep);
    *f = (struct findings){0};
}

void findings_look_at(struct findings *f, const struct job_host *host,
                      const struct corpus_choice *corpus, int32_t unit)
{
    struct request r;
    if (unit == f->bins_unit && f->bins_job)
        return;
    table_set_unref(f->bins);
    f->bins = NULL;
    f->bins_unit = unit;
    f->bins_job = 0;
    f->bins_running = false;
    if (unit < 0 || !host->ask)
        return;
    request_init(&r, REQUEST_BINS);
    corpus_choice_copy(&r.corpus, corpus);
    r.n_units = 1;
    r.unit[0] = unit;
    f->bins_job = host->ask(host->arg, &r);
    f->bins_version = 0;
    request_release(&r);
}

void sweep_request(struct request *r, const struct corpus_choice *corpus, const int32_t *unit,
                   int32_t n)
{
    request_init(r, REQUEST_SWEEP);
    corpus_choice_copy(&r->corpus, corpus);
    r->n_units = n;
    memcpy(r->unit, unit, (size_t)n * sizeof *unit);
    r->inserts = 1u << INSERT_SAE | 1u << INSERT_ERROR;
    r->each = true;
}

static void use_sweep(struct findings *f, uint64_t job, const int32_t *unit, int32_t n)
{
    if (job != f->sweep_job) {
        table_set_unref(f->sweep);
        f->sweep = NULL;
        f->sweep_version = 0;
        f->n_curves = 0;
    }
    f->n_units = n;
    memmove(f->unit, unit, (size_t)n * sizeof *unit);
    f->sweep_job = job;
}

static uint64_t ask_sweep(const struct job_host *host, const struct corpus_choice *corpus,
                          const int32_t *unit, int32_t n, bool only_kept)
{
    struct request r;
    sweep_request(&r, corpus, unit, n);
    r.only_kept = only_kept;
    uint64_t job = host->ask(host->arg, &r);
    request_release(&r);
    return job;
}

void findings_sweep(struct findings *f, const struct job_host *host,
                    const struct corpus_choice *corpus, const int32_t *unit, int32_t n)
{
    if (n > 0 && host->ask)
        use_sweep(f, ask_sweep(host, corpus, unit, n, false), unit, n);
}

void findings_recall(struct findings *f, const struct job_host *host,
                     const struct corpus_choice *corpus, const int32_t *unit, int32_t n)
{
    if (n == 0 || !host->ask || f->sweep_running || findings_apply(f, unit, n))
        return;
    f->recall_job = ask_sweep(host, corpus, unit, n, true);
    f->n_recalled = n;
    memcpy(f->recalled, unit, (size_t)n * sizeof *unit);
}

/* What was recalled takes the place of the sweep at hand only once it is there. */
static void take_recalled(struct findings *f, const struct job_host *host)
{
    struct job job;
    if (!f->recall_job || !host->job || !host->job(host->arg, f->recall_job, &job))
        return;
    if (job.status == JOB_DONE)
        use_sweep(f, f->recall_job, f->recalled, f->n_recalled);
    if (job.status != JOB_QUEUED && job.status != JOB_RUNNING)
        f->recall_job = 0;
    job_release(&job);
}

static bool take(const struct job_host *host, uint64_t id, uint64_t *version, bool *running,
                 struct table_set **set)
{
    struct job job;
    if (!id || !host->job || !host->job(host->arg, id, &job))
        return false;
    bool news = job.version != *version;
    *version = job.version;
    *running = job.status == JOB_QUEUED || job.status == JOB_RUNNING;
    if (news) {
        struct table_set *old = *set;
        *set = job.tables ? table_set_ref(job.tables) : NULL;
        table_set_unref(old);
    }
    job_release(&job);
    return news;
}

/* ---- curves */
static struct findings_curve *curve_for(struct findings *f, enum insert insert, int32_t unit,
                                        const char *cls)
{
    for (int i = 0; i < f->n_curves; i++)
        if (f->curve[i].insert == insert && f->curve[i].unit == unit &&
            strcmp(f->curve[i].cls, cls) == 0)
            return &f->curve[i];
    if (f->n_curves == FINDINGS_MAX_CURVES || strlen(cls) >= sizeof f->curve->cls)
        return NULL;
    struct findings_curve *c = &f->curve[f->n_curves++];
    *c = (struct findings_curve){.insert = insert, .unit = unit, .base = NAN};
    memcpy(c->cls, cls, strlen(cls) + 1);
    return c;
}

static void add_point(struct findings_curve *c, double value, double loss)
{
    if (!c || c->n == STUDY_MAX_VALUES || !isfinite(loss))
        return;
    int at = c->n++;
    for (; at > 0 && c->value[at - 1] > value; at--) {
        c->value[at] = c->value[at - 1];
        c->loss[at] = c->loss[at - 1];
    }
    c->value[at] = value;
    c->loss[at] = loss;
}

static void read_curves(struct findings *f)
{
    const struct table *t = f->sweep ? table_set_find(f->sweep, "rows") : NULL;
    f->n_curves = 0;
    if (!t)
        return;
    int32_t value = table_find(t, "value"), insert = table_find(t, "insert"),
            unit = table_find(t, "unit"), cls = table_find(t, "class"),
            loss = table_find(t, "loss_sentence_mean");
    if (value < 0 || insert < 0 || unit < 0 || cls < 0 || loss < 0)
        return;
    for (int64_t i = 0; i < t->n_rows; i++) {
        const char *in = table_str(t, i, insert), *k = table_str(t, i, cls);
        if (!in || !k)
            continue;
        if (!table_has(t, i, value)) { /* unmodified; with the error kept that is the plain model */
            enum insert of = strcmp(in, "none") == 0 ? INSERT_ERROR : INSERT_SAE;
            struct findings_curve *c = curve_for(f, of, -1, k);
            if (c)
                c->base = table_f64(t, i, loss);
            continue;
        }
        int32_t of = table_has(t, i, unit) ? (int32_t)table_i64(t, i, unit) : -1;
        add_point(curve_for(f, strcmp(in, "error") == 0 ? INSERT_ERROR : INSERT_SAE, of, k),
                  table_f64(t, i, value), table_f64(t, i, loss));
    }
}

bool findings_update(struct findings *f, const struct job_host *host)
{
    take_recalled(f, host);
    bool a = take(host, f->bins_job, &f->bins_version, &f->bins_running, &f->bins);
    bool b = take(host, f->sweep_job, &f->sweep_version, &f->sweep_running, &f->sweep);
    if (b)
        read_curves(f);
    return a || b;
}

double findings_loss(const struct findings *f, enum insert insert, int32_t unit, const char *cls,
                     double v)
{
    const struct findings_curve *c = NULL;
    for (int i = 0; i < f->n_curves && !c; i++)
        if (f->curve[i].insert == insert && f->curve[i].unit == unit &&
            strcmp(f->curve[i].cls, cls) == 0)
            c = &f->curve[i];
    if (!c || c->n == 0 || v < c->value[0] || v > c->value[c->n - 1])
        return NAN;
    int i = 0;
    while (i + 1 < c->n && c->value[i + 1] <= v)
        i++;
    if (i + 1 == c->n)
        return c->loss[i];
    double share = (v - c->value[i]) / (c->value[i + 1] - c->value[i]);
    return c->loss[i] + share * (c->loss[i + 1] - c->loss[i]);
}

double findings_base(const struct findings *f, enum insert insert, const char *cls)
{
    for (int i = 0; i < f->n_curves; i++)
        if (f->curve[i].insert == insert && f->curve[i].unit < 0 &&
            strcmp(f->curve[i].cls, cls) == 0)
            return f->curve[i].base;
    return NAN;
}

bool findings_apply(const struct findings *f, const int32_t *unit, int32_t n)
{
    return f->n_curves > 0 && f->n_units == n &&
           memcmp(f->unit, unit, (size_t)n * sizeof *unit) == 0;
}
