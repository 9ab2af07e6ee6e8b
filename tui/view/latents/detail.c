/* What the Latents view asks for, and what it hears. */
#include "engine/base/memory.h"
#include "tui/view/latents/latents_private.h"
#include <stdlib.h>
#include <string.h>

const char *const lens_table[3] = {"promoted", "suppressed", "neighbours"};
static const struct query *const detail_query[N_DETAILS] = {&bins_query, &examples_query,
                                                            &lens_query};

static const struct job_host *host_of(const struct view_in *in)
{
    return in->host && in->host->ask && in->host->job ? in->host : NULL;
}

bool latents_request(const struct latents *v, const struct view_in *in, int detail,
                     struct request *r)
{
    if (!in->workbench || !in->workbench->dict || (detail >= 0 && v->unit < 0))
        return false;
    request_init(r, detail < 0 ? &latents_query : detail_query[detail]);
    if (in->corpus && detail != DETAIL_LENS) /* the lens reads no text */
        corpus_choice_copy(&r->corpus, in->corpus);
    if (detail < 0) {
        params_set_text(&r->params, "target", v->target);
        request_set_dict(r, &in->workbench->dicts, latents_wanted(in)); /* as Explore lists them */
    } else {
        request_set_units(r, (const struct unit_id[]){latents_unit(v, v->unit)}, 1);
    }
    return true;
}

/* ---- the table */
void latents_ask_table(struct latents *v, const struct view_in *in)
{
    struct request r;
    if (!host_of(in) || !latents_request(v, in, -1, &r))
        return;
    if (watch_ask(&v->watch, host_of(in), &r)) {
        v->stale = v->rows != NULL;
        v->asked_place = latents_wanted(in);
        latents_forget(v);
    }
}

bool latents_hear_table(struct latents *v, const struct view_in *in)
{
    if (!host_of(in) || !v->watch.job.id)
        return false;
    bool news = watch_update(&v->watch, host_of(in));
    const struct table *rows = watch_table(&v->watch, "rows");
    if (rows && (v->stale || v->set != v->watch.job.tables) &&
        (rows->n_rows > 0 || v->watch.job.status == JOB_DONE)) {
        v->moved = v->moved && v->place == v->asked_place; /* another's numbers are other latents */
        v->place = v->asked_place;
        latents_take(v, v->watch.job.tables);
        corpus_choice_release(&v->of);
        corpus_choice_copy(&v->of, &v->watch.request.corpus);
        v->stale = false;
        news = true;
    }
    return news;
}

/* ---- the selected latent */
static void drop(struct latents *v)
{
    for (int k = 0; k < N_DETAILS; k++) {
        if (v->detail[k].id)
            job_release(&v->detail[k]);
        v->detail[k] = (struct job){0};
    }
}

void latents_forget(struct latents *v)
{
    drop(v);
    v->unit = v->pending_unit = -1;
    memset(v->pending, 0, sizeof v->pending);
    for (int i = 0; i < LATENTS_KEPT; i++)
        v->asked[i] = (struct latents_asked){.unit = -1};
}

/* The place of a latent among those asked about lately; the one not looked at for longest goes. */
static struct latents_asked *place_of(struct latents *v, int32_t unit)
{
    struct latents_asked *oldest = &v->asked[0];
    for (int i = 0; i < LATENTS_KEPT; i++) {
        if (v->asked[i].unit == unit)
            return &v->asked[i];
        if (v->asked[i].used < oldest->used)
            oldest = &v->asked[i];
    }
    *oldest = (struct latents_asked){.unit = unit, .used = v->selections};
    return oldest;
}

static bool under_way(const struct view_in *in, uint64_t id)
{
    struct job j;
    if (!id || !host_of(in)->job(in->host->arg, id, &j))
        return false;
    bool yes = job_is_pending(&j);
    job_release(&j);
    return yes;
}

/* While another latent's answers are on their way the next ones wait: who runs through the table
 * asks about where they stop. */
static bool may_ask(struct latents *v, const struct view_in *in)
{
    if (v->pending_unit == v->unit)
        return true;
    for (int k = 0; k < N_DETAILS; k++)
        if (under_way(in, v->pending[k]))
            return false;
    v->pending_unit = v->unit;
    memset(v->pending, 0, sizeof v->pending);
    return true;
}

static bool hear(struct latents *v, const struct view_in *in, int k, uint64_t id)
{
    struct job j;
    struct job *old = &v->detail[k];
    if (!host_of(in)->job(in->host->arg, id, &j))
        return false;
    bool news = old->id != j.id || old->version != j.version || old->status != j.status;
    if (old->id)
        job_release(old);
    *old = j;
    return news;
}

static bool ask_detail(struct latents *v, const struct view_in *in, int k)
{
    struct latents_asked *place = place_of(v, v->unit);
    struct job j;
    if (place->job[k] && !v->detail[k].id) { /* looked at again: is it still there? */
        bool there = host_of(in)->job(in->host->arg, place->job[k], &j);
        bool again = !there || j.status == JOB_CANCELLED;
        if (there)
            job_release(&j);
        place->job[k] = again ? 0 : place->job[k];
    }
    if (!place->job[k]) {
        struct request r;
        if (!may_ask(v, in) || !latents_request(v, in, k, &r))
            return false;
        place->job[k] = v->pending[k] = host_of(in)->ask(in->host->arg, &r);
        request_release(&r);
    }
    return place->job[k] && hear(v, in, k, place->job[k]);
}

bool latents_look(struct latents *v, const struct view_in *in)
{
    static const enum latents_part part[N_DETAILS] = {PART_HISTOGRAM, PART_EXAMPLES, PART_LENS};
    struct latents_layout l;
    int64_t row = latents_row(v, v->list.selected), id = -1;
    bool news = false;
    if (row >= 0)
        id = v->latent_col >= 0 ? table_i64(v->rows, row, v->latent_col) : row;
    if (id > INT32_MAX)
        id = -1;
    if (v->unit != (int32_t)id) {
        drop(v);
        v->unit = (int32_t)id;
        v->examples.selected = v->examples.top = v->lens.selected = v->lens.top = 0;
        v->selections++;
        news = true;
    }
    bool settled = v->watch.job.status == JOB_DONE && !v->stale;
    latents_layout_of(v, v->area, &l);
    if (v->unit >= 0 && settled && host_of(in)) {
        place_of(v, v->unit)->used = v->selections;
        for (int k = 0; k < N_DETAILS; k++)
            if (latents_open(&l, part[k]))
                news = ask_detail(v, in, k) || news;
    }
    latents_bounds(v);
    return news;
}

const struct table *latents_detail_table(const struct latents *v, int detail, const char *name)
{
    return job_table(&v->detail[detail], name);
}
