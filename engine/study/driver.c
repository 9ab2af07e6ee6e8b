/* The loop over a study's chunks: progress, cancelling, checkpoints. */
#include "engine/study/study.h"
#include <math.h>
#include <time.h>

enum { MARKS = 32 };
#define MARK_EVERY 0.2 /* seconds between two marks */
#define RATE_SPAN 5.0  /* seconds that a rate looks back */

struct instant { /* how far the run was */
    double time, tokens;
    int64_t done;
};
struct meter { /* the last few marks, oldest first from `first` */
    struct instant mark[MARKS];
    int first, n;
    double start;
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static struct instant *instant_at(struct meter *m, int i)
{
    return &m->mark[(m->first + i) % MARKS];
}

/* Keeps marks a fraction of a second apart, and of those older than the span only the youngest. */
static void meter_add(struct meter *m, struct instant x)
{
    while (m->n > 1 && x.time - instant_at(m, 1)->time >= RATE_SPAN) {
        m->first = (m->first + 1) % MARKS;
        m->n--;
    }
    if (m->n > 0 && (m->n == MARKS || x.time - instant_at(m, m->n - 1)->time < MARK_EVERY))
        return;
    *instant_at(m, m->n++) = x;
}

/* Tokens are known of whole chunks. */
static void meter_read(struct meter *m, struct study_progress *p)
{
    double time = now();
    struct instant here = {time, p->tokens, p->done}, then = *instant_at(m, 0);
    double seconds = here.time - then.time;
    const double done = (double)p->done + p->part;
    double chunks_per_s = seconds > 0 ? (done - (double)then.done) / seconds : 0;
    p->elapsed = time - m->start;
    p->share = p->total > 0 ? done / (double)p->total : 1.0;
    p->left = p->done >= p->total ? 0.0
              : chunks_per_s > 0  ? ((double)p->total - done) / chunks_per_s
                                  : (double)NAN;
    if (p->part > 0)
        return;
    p->tokens_per_s = seconds > 0 ? (here.tokens - then.tokens) / seconds : 0;
    meter_add(m, here);
}

struct loop { /* one run of a study */
    const struct study_ops *ops;
    struct study *study;
    const struct study_loop *to;
    struct run run;
    struct meter meter;
    struct study_progress progress; /* done: chunks that are folded */
    struct partial *left;           /* the one behind them, on its way */
    uint64_t left_mark;
    double saved; /* when the last checkpoint was made */
    double said;  /* … the last word about a part of a chunk */
};

static bool collect(struct loop *l, struct error *e)
{
    return !l->ops->collect || l->ops->collect(l->study, e) ||
           error_prefix(e, "study %s", l->ops->name);
}

static bool checkpoint(struct loop *l, struct error *e)
{
    if (!l->to->checkpoint)
        return true;
    if (!collect(l, e))
        return false;
    bool ok = l->to->checkpoint(l->to->checkpoint_arg, l->study, l->progress.done, e);
    l->saved = now();
    if (!ok && !error_is_set(e))
        error_set(e, ERROR_SYSTEM, "a checkpoint could not be made");
    return ok || error_prefix(e, "study %s, chunk %lld", l->ops->name, (long long)l->progress.done);
}

static bool failed(struct loop *l, struct error *e)
{
    *e = l->run.err;
    return e->kind == ERROR_CANCELLED ? false : error_prefix(e, "study %s", l->ops->name);
}

static void fold(struct loop *l, struct partial *p)
{
    const int64_t i = l->progress.done;
    if (l->ops->segment > 0 && l->ops->end_segment && i % l->ops->segment == 0)
        l->ops->end_segment(l->study);
    l->ops->fold(l->study, i, p);
    l->progress.tokens += (double)l->ops->partial_tokens(p);
    l->progress.done++;
    l->ops->partial_free(p);
}

/* Folds the chunk that was left on its way, where there is one. */
static bool settle(struct loop *l, struct error *e)
{
    struct partial *p = l->left;
    l->left = NULL;
    if (!p)
        return true;
    if (l->ops->on_its_way(l->study, p))
        l->ops->land(l->study, &l->run);
    if (run_reach(&l->run, l->left_mark)) {
        fold(l, p);
        return true;
    }
    l->ops->partial_free(p);
    return failed(l, e);
}

/* A chunk is folded when it is whole and all of it known to be well: at once, or, of a device that
 * is still at it, when the next one has been asked for. */
static bool one_chunk(struct loop *l, struct error *e)
{
    const int64_t i = l->progress.done + (l->left != NULL);
    struct arena_mark mark = arena_mark(l->run.arena);
    struct partial *p = l->ops->chunk(l->study, i, &l->run);
    arena_reset(l->run.arena, mark);
    const uint64_t made = p && l->ops->on_its_way ? run_mark(&l->run) : 0;
    const bool ok = settle(l, e);
    if (ok && p && l->ops->on_its_way && l->ops->on_its_way(l->study, p)) {
        l->left = p, l->left_mark = made;
        return true;
    }
    if (ok && p && (!l->run.queue->unsure || run_well(&l->run))) {
        fold(l, p);
        return true;
    }
    if (p)
        l->ops->partial_free(p);
    else if (ok && run_ok(&l->run))
        return error_set(e, ERROR_SYSTEM, "study %s: chunk %lld gave nothing", l->ops->name,
                         (long long)i);
    return ok && failed(l, e);
}

static bool cancelled(struct loop *l, struct error *e)
{
    const atomic_bool *c = l->to->cancel;
    if (c && atomic_load_explicit(c, memory_order_relaxed))
        error_set(e, ERROR_CANCELLED, "cancelled");
    return e->kind == ERROR_CANCELLED;
}

/* How far the chunk at work is; of one that a device is still at nobody tells. */
static void told(void *arg, double share)
{
    struct loop *l = arg;
    const double time = now();
    if (l->left || !(share > 0) || time - l->said < MARK_EVERY)
        return;
    l->said = time;
    l->progress.part = share < 1 ? share : 1;
    meter_read(&l->meter, &l->progress);
    l->to->progress(l->to->progress_arg, &l->progress);
    l->progress.part = 0;
}

static bool run_chunks(struct loop *l, struct error *e)
{
    double every = l->to->checkpoint_s > 0 ? l->to->checkpoint_s : 20.0;
    while (l->progress.done < l->progress.total) {
        const bool last = l->left && l->progress.done + 1 == l->progress.total;
        if (cancelled(l, e) || !(last ? settle(l, e) : one_chunk(l, e)))
            return false;
        meter_read(&l->meter, &l->progress);
        if (l->to->progress)
            l->to->progress(l->to->progress_arg, &l->progress);
        if (l->progress.done < l->progress.total && now() - l->saved >= every &&
            (!settle(l, e) || !checkpoint(l, e)))
            return false;
    }
    return collect(l, e);
}

bool study_run(const struct study_ops *ops, struct study *s, struct queue *q, int64_t first,
               const struct study_loop *to, struct error *e)
{
    static const struct study_loop nobody = {0};
    struct error own = {0}, saving = {0};
    struct loop l = {.ops = ops, .study = s, .to = to ? to : &nobody};
    l.progress = (struct study_progress){.done = first, .total = ops->n_chunks(s)};
    if (l.to->end > 0 && l.to->end < l.progress.total)
        l.progress.total = l.to->end;
    if (first < 0 || first > l.progress.total)
        return error_set(e, ERROR_INPUT, "study %s: to go on from chunk %lld, expected 0 to %lld",
                         ops->name, (long long)first, (long long)l.progress.total);
    l.run = (struct run){.queue = q,
                         .arena = arena_new(q),
                         .cancel = l.to->cancel,
                         .poll = l.to->poll,
                         .poll_arg = l.to->poll_arg,
                         .told = l.to->progress ? told : NULL,
                         .told_arg = &l};
    l.meter.start = l.saved = now();
    meter_add(&l.meter, (struct instant){l.meter.start, 0, first});
    bool ok = run_chunks(&l, &own);
    if (l.left)
        ops->partial_free(l.left);
    if (own.kind == ERROR_CANCELLED && !checkpoint(&l, &saving))
        own = saving;
    arena_free(l.run.arena);
    if (!ok)
        error_set(e, own.kind, "%s", own.text);
    return ok;
}
