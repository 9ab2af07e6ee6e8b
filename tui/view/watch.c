#include "tui/view/watch.h"
#include "engine/base/table.h"
#include <string.h>

static void forget(struct watch *w)
{
    if (w->job.id)
        job_release(&w->job);
    w->job = (struct job){0};
}

void watch_release(struct watch *w)
{
    forget(w);
    if (w->asked)
        request_release(&w->request);
    *w = (struct watch){0};
}

bool watch_ask(struct watch *w, const struct job_host *host, struct request *r)
{
    bool another = !w->asked || !request_equal(&w->request, r);
    if (another) {
        watch_release(w);
        w->request = *r;
        w->asked = true;
    } else {
        request_release(r);
    }
    uint64_t id = host && host->ask ? host->ask(host->arg, &w->request) : 0;
    struct job news;
    if (id && id != w->job.id && host->job(host->arg, id, &news)) {
        forget(w);
        w->job = news;
    }
    return another;
}

static bool same_double(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static bool same_news(const struct job *a, const struct job *b)
{
    return a->version == b->version && a->status == b->status && a->tables == b->tables &&
           a->progress.done == b->progress.done && a->progress.total == b->progress.total &&
           same_double(a->progress.share, b->progress.share) &&
           same_double(a->progress.left, b->progress.left) &&
           same_double(a->progress.tokens_per_s, b->progress.tokens_per_s) &&
           strcmp(a->what, b->what) == 0;
}

bool watch_update(struct watch *w, const struct job_host *host)
{
    struct job news;
    if (!host || !host->job || !w->job.id || !host->job(host->arg, w->job.id, &news))
        return false;
    bool changed = !same_news(&w->job, &news);
    if (!news.tables && w->job.tables) /* cancelled or failed: what was there stays */
        news.tables = table_set_ref(w->job.tables);
    forget(w);
    w->job = news;
    return changed;
}

bool watch_request(const struct watch *w, struct request *out)
{
    if (w->asked)
        request_copy(out, &w->request);
    return w->asked;
}

static bool keeps(const struct promise *p, const struct table *t)
{
    if (t->mark != p->mark)
        return false;
    for (size_t i = 0; i < sizeof p->column / sizeof *p->column && p->column[i]; i++)
        if (table_find(t, p->column[i]) < 0)
            return false;
    return true;
}

const struct table *job_table(const struct job *j, const char *name)
{
    const struct table *t = j->id && j->tables ? table_set_find(j->tables, name) : NULL;
    for (int i = 0; t && i < 3; i++) {
        const struct promise *p = &j->request.query->promise[i];
        if (p->table && strcmp(p->table, name) == 0 && !keeps(p, t))
            return NULL;
    }
    return t;
}

const struct table *watch_table(const struct watch *w, const char *name)
{
    return job_table(&w->job, name);
}

bool watch_shows_line(const struct watch *w)
{
    return w->job.id && w->job.status != JOB_DONE;
}
