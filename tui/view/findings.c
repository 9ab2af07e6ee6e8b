#include "tui/view/findings.h"
#include "engine/base/memory.h"
#include "tui/view/columns.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- curves */
/* Its place among the curves; −1: there is none. */
static int curve_find(const struct findings *f, struct insertion insert, struct unit_id unit,
                      const char *cls)
{
    for (int i = 0; i < f->n_curves; i++)
        if (insertion_alike(f->dicts, f->curve[i].insert, insert) &&
            unit_same(f->curve[i].unit, unit) && strcmp(f->curve[i].cls, cls) == 0)
            return i;
    return -1;
}

static struct findings_curve *curve_for(struct findings *f, struct insertion insert,
                                        struct unit_id unit, const char *cls)
{
    int at = curve_find(f, insert, unit, cls);
    if (at >= 0)
        return &f->curve[at];
    f->curve = grow(f->curve, &f->cap_curves, (size_t)f->n_curves + 1, sizeof *f->curve);
    struct findings_curve *c = &f->curve[f->n_curves++];
    *c = (struct findings_curve){.insert = insert, .unit = unit, .cls = xstrdup(cls), .base = NAN};
    return c;
}

static void add_point(struct findings_curve *c, double value, double loss)
{
    if (c->n == STUDY_MAX_VALUES || !isfinite(loss))
        return;
    int at = c->n++;
    for (; at > 0 && c->value[at - 1] > value; at--) {
        c->value[at] = c->value[at - 1];
        c->loss[at] = c->loss[at - 1];
    }
    c->value[at] = value;
    c->loss[at] = loss;
}

static void forget_curves(struct findings *f)
{
    for (int i = 0; i < f->n_curves; i++)
        free(f->curve[i].cls);
    f->n_curves = 0;
}

static void read_curves(struct findings *f)
{
    static const struct dict_set none;
    const struct table *t = watch_table(&f->sweep, "rows");
    forget_curves(f);
    if (!t)
        return;
    int32_t value = table_find(t, "value"), insert = table_find(t, "insert"), unit = column_unit(t),
            cls = table_find(t, "class"), loss = table_find(t, "loss_sentence_mean");
    if (value < 0 || insert < 0 || unit < 0 || cls < 0 || loss < 0)
        return;
    for (int64_t i = 0; i < t->n_rows; i++) {
        const char *name = table_str(t, i, insert), *k = table_str(t, i, cls);
        struct insertion in;
        if (!name || !k || !insertion_parse(f->dicts ? f->dicts : &none, name, &in, NULL))
            continue;
        if (!table_has(t, i, value)) { /* unmodified */
            curve_for(f, in, UNIT_NONE, k)->base = table_f64(t, i, loss);
            continue;
        }
        const struct unit_id of = unit_in(f->sweep.job.dicts, t, i, unit);
        add_point(curve_for(f, in, of, k), table_f64(t, i, value), table_f64(t, i, loss));
    }
}

/* What was recalled takes the place of the sweep at hand only once it is there. */
static bool take_recalled(struct findings *f)
{
    if (!f->recall.job.id || job_is_pending(&f->recall.job))
        return false;
    if (f->recall.job.status != JOB_DONE) {
        watch_release(&f->recall);
        return false;
    }
    watch_release(&f->sweep);
    f->sweep = f->recall;
    f->recall = (struct watch){0};
    read_curves(f);
    return true;
}

/* ---- shares */
static void forget_shares(struct findings *f)
{
    free(f->shares.row);
    f->shares = (struct findings_shares){0};
}

static void find_classes(struct findings_shares *s, const struct table *t)
{
    static const char prefix[] = "fire_share.";
    size_t n = sizeof prefix - 1;
    for (int32_t c = 0; c < t->n_cols && s->n_classes < CORPUS_MAX_CLASSES; c++)
        if (strncmp(t->cols[c].name, prefix, n) == 0 && t->cols[c].type == COLUMN_F64) {
            s->cls[s->n_classes] = t->cols[c].name + n;
            s->col[s->n_classes++] = c;
        }
}

static void index_rows(struct findings_shares *s, const struct table *t, int32_t latent)
{
    for (int64_t i = 0; i < t->n_rows; i++) {
        int64_t id = table_i64(t, i, latent);
        if (id >= s->n_units && id < INT32_MAX)
            s->n_units = (int32_t)id + 1;
    }
    s->row = xmalloc(((size_t)s->n_units + 1) * sizeof *s->row);
    memset(s->row, 0xff, ((size_t)s->n_units + 1) * sizeof *s->row);
    for (int64_t i = 0; i < t->n_rows; i++) {
        int64_t id = table_i64(t, i, latent);
        if (id >= 0 && id < s->n_units)
            s->row[id] = i;
    }
}

static void read_shares(struct findings *f)
{
    const struct table *t =
        f->latents.job.status == JOB_DONE ? watch_table(&f->latents, "rows") : NULL;
    int32_t latent = t ? table_find(t, "latent") : -1;
    forget_shares(f);
    if (latent < 0 || t->cols[latent].type != COLUMN_I64)
        return;
    find_classes(&f->shares, t);
    index_rows(&f->shares, t, latent);
}

double findings_share(const struct findings *f, int c, struct unit_id unit)
{
    const struct findings_shares *s = &f->shares;
    if (unit.dict != f->place)
        return NAN;
    int64_t row = unit.index >= 0 && unit.index < s->n_units ? s->row[unit.index] : -1;
    return row < 0 ? 0 : table_f64(watch_table(&f->latents, "rows"), row, s->col[c]);
}

static bool ask_shares(struct findings *f, const struct job_host *host,
                       const struct corpus_choice *corpus, bool only_kept)
{
    struct request r;
    if (!host->ask || f->shares.n_classes > 0 ||
        (f->latents.job.id && job_is_pending(&f->latents.job)))
        return false;
    request_init(&r, &latents_query);
    corpus_choice_copy(&r.corpus, corpus);
    request_set_dict(&r, f->dicts, f->place);
    r.only_kept = only_kept;
    watch_ask(&f->latents, host, &r);
    read_shares(f);
    return f->shares.n_classes > 0;
}

void findings_of_dict(struct findings *f, int32_t place)
{
    if (f->place == place)
        return;
    f->place = place;
    forget_shares(f);
    watch_release(&f->latents);
}

bool findings_seek_shares(struct findings *f, const struct job_host *host,
                          const struct corpus_choice *corpus)
{
    return ask_shares(f, host, corpus, true);
}

void findings_harvest(struct findings *f, const struct job_host *host,
                      const struct corpus_choice *corpus)
{
    ask_shares(f, host, corpus, false);
    if (f->bins.job.id && !job_is_pending(&f->bins.job) && f->bins.job.status != JOB_DONE)
        watch_release(&f->bins); /* to be asked for again */
}

/* A histogram comes from a harvest: then the shares are there too. */
static bool seek_after_bins(struct findings *f, const struct job_host *host)
{
    const struct job *j = &f->bins.job;
    if (!j->id || j->status != JOB_DONE || f->sought == j->id)
        return false;
    f->sought = j->id;
    return ask_shares(f, host, &f->bins.request.corpus, true);
}

static bool hear_shares(struct findings *f, const struct job_host *host)
{
    bool news = watch_update(&f->latents, host);
    if (news)
        read_shares(f);
    return news;
}

/* ---- asking */
void findings_release(struct findings *f)
{
    watch_release(&f->bins);
    watch_release(&f->sweep);
    watch_release(&f->recall);
    forget_shares(f);
    watch_release(&f->latents);
    f->sought = 0;
    forget_curves(f);
    free(f->curve);
    f->curve = NULL;
    f->cap_curves = 0;
}

static void about_units(struct request *r, const struct query *query,
                        const struct corpus_choice *corpus, const struct unit_id *unit, int32_t n)
{
    request_init(r, query);
    corpus_choice_copy(&r->corpus, corpus);
    request_set_units(r, unit, n);
}

bool findings_look_at(struct findings *f, const struct job_host *host,
                      const struct corpus_choice *corpus, struct unit_id unit)
{
    struct request r;
    const struct unit_id *shown;
    if (f->bins.job.id && request_units(&f->bins.request, &shown) > 0 && unit_same(shown[0], unit))
        return false;
    watch_release(&f->bins);
    if (unit.dict < 0 || !host->ask)
        return false;
    about_units(&r, &bins_query, corpus, &unit, 1);
    bool another = watch_ask(&f->bins, host, &r);
    seek_after_bins(f, host);
    return another;
}

void sweep_lanes(struct request *r, const struct dict_set *dicts, struct insertion insert)
{
    struct strbuf places;
    strbuf_init(&places);
    if (!insertion_everywhere(insert, NULL))
        insertion_print(dicts, insert, &places);
    params_parse(&r->params, "insert", strchr(places.s, '=') ? places.s : "sae,error", NULL);
    params_set_flag(&r->params, "each", true);
    strbuf_release(&places);
}

void findings_sweep(struct findings *f, const struct job_host *host,
                    const struct corpus_choice *corpus, struct insertion insert,
                    const struct unit_id *unit, int32_t n)
{
    struct request r;
    if (n == 0 || !host->ask)
        return;
    about_units(&r, &sweep_query, corpus, unit, n);
    sweep_lanes(&r, f->dicts, insert);
    watch_ask(&f->sweep, host, &r);
    read_curves(f);
}

bool findings_recall(struct findings *f, const struct job_host *host,
                     const struct corpus_choice *corpus, struct insertion insert,
                     const struct unit_id *unit, int32_t n)
{
    struct request r;
    bool running = f->sweep.job.id && job_is_pending(&f->sweep.job);
    if (n == 0 || !host->ask || running || findings_apply(f, insert, unit, n))
        return false;
    about_units(&r, &sweep_query, corpus, unit, n);
    sweep_lanes(&r, f->dicts, insert);
    r.only_kept = true;
    watch_ask(&f->recall, host, &r);
    return take_recalled(f);
}

bool findings_update(struct findings *f, const struct job_host *host)
{
    bool bins = watch_update(&f->bins, host), sweep = watch_update(&f->sweep, host);
    bool shares = hear_shares(f, host) || seek_after_bins(f, host);
    watch_update(&f->recall, host);
    if (sweep)
        read_curves(f);
    return take_recalled(f) || bins || sweep || shares;
}

/* ---- reading */
double findings_loss(const struct findings *f, struct insertion insert, struct unit_id unit,
                     const char *cls, double v)
{
    int at = curve_find(f, insert, unit, cls);
    return at >= 0 ? findings_curve_loss(&f->curve[at], v) : NAN;
}

int findings_curves(const struct findings *f, struct insertion insert, struct unit_id unit,
                    const struct findings_curve *out[CORPUS_MAX_CLASSES])
{
    int n = 0;
    for (int i = 0; i < f->n_curves && n < CORPUS_MAX_CLASSES; i++)
        if (f->curve[i].n > 0 && insertion_alike(f->dicts, f->curve[i].insert, insert) &&
            unit_same(f->curve[i].unit, unit))
            out[n++] = &f->curve[i];
    return n;
}

double findings_curve_loss(const struct findings_curve *c, double v)
{
    if (c->n == 0 || v < c->value[0] || v > c->value[c->n - 1])
        return NAN;
    int i = 0;
    while (i + 1 < c->n && c->value[i + 1] <= v)
        i++;
    if (i + 1 == c->n)
        return c->loss[i];
    double share = (v - c->value[i]) / (c->value[i + 1] - c->value[i]);
    return c->loss[i] + share * (c->loss[i + 1] - c->loss[i]);
}

double findings_base(const struct findings *f, struct insertion insert, const char *cls)
{
    int at = curve_find(f, insert, UNIT_NONE, cls);
    return at >= 0 ? f->curve[at].base : NAN;
}

bool findings_apply(const struct findings *f, struct insertion insert, const struct unit_id *unit,
                    int32_t n)
{
    const struct unit_id *swept;
    bool under = false;
    if (!insertion_any(insert)) /* what fixing inserts */
        insert = insertion_of(INSERT_SAE);
    for (int i = 0; !under && i < f->n_curves; i++)
        under = insertion_alike(f->dicts, f->curve[i].insert, insert);
    return under && f->n_curves > 0 && f->sweep.asked &&
           request_units(&f->sweep.request, &swept) == n &&
           memcmp(swept, unit, (size_t)n * sizeof *unit) == 0;
}
