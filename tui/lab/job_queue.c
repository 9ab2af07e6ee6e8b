#include "tui/lab/job_queue.h"
#include "engine/base/memory.h"
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define NEWS_S 0.05 /* progress is news at most so often */

struct job_queue {
    pthread_mutex_t lock;
    void (*changed)(void *);
    void *arg;
    struct job **job; /* oldest first */
    size_t n, cap;
    struct job_run *running[2]; /* innermost last: a short one may run inside a long one */
    int n_running;
    uint64_t last_id;
    bool closed;
    double news_at;
};

static double now_s(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

struct job_queue *job_queue_new(void (*changed)(void *), void *arg)
{
    struct job_queue *q = xcalloc(1, sizeof *q);
    pthread_mutex_init(&q->lock, NULL);
    q->changed = changed;
    q->arg = arg;
    return q;
}

void job_release(struct job *j)
{
    request_release(&j->request);
    table_set_unref(j->tables);
    *j = (struct job){0};
}

void job_queue_free(struct job_queue *q)
{
    if (!q)
        return;
    for (size_t i = 0; i < q->n; i++) {
        job_release(q->job[i]);
        free(q->job[i]);
    }
    free(q->job);
    pthread_mutex_destroy(&q->lock);
    free(q);
}

bool job_is_pending(const struct job *j)
{
    return j->status == JOB_QUEUED || j->status == JOB_RUNNING;
}

/* ---- under the lock */
static struct job *find(struct job_queue *q, uint64_t id)
{
    for (size_t i = q->n; i-- > 0;)
        if (q->job[i]->id == id)
            return q->job[i];
    return NULL;
}

static void forget_oldest(struct job_queue *q)
{
    for (size_t i = 0; i < q->n && q->n >= JOBS_KEPT; i++)
        if (!job_is_pending(q->job[i])) {
            job_release(q->job[i]);
            free(q->job[i]);
            memmove(&q->job[i], &q->job[i + 1], (q->n - i - 1) * sizeof *q->job);
            q->n--;
            return;
        }
}

static struct job *equal_job(struct job_queue *q, const struct request *r)
{
    for (size_t i = q->n; i-- > 0;)
        if ((job_is_pending(q->job[i]) || q->job[i]->status == JOB_DONE) &&
            request_equal(&q->job[i]->request, r))
            return q->job[i];
    return NULL;
}

/* ---- the UI's side */
uint64_t job_queue_ask(struct job_queue *q, const struct request *r)
{
    pthread_mutex_lock(&q->lock);
    struct job *j = equal_job(q, r);
    bool added = !j;
    if (added) {
        forget_oldest(q);
        j = xcalloc(1, sizeof *j);
        j->id = ++q->last_id;
        j->version = 1;
        request_copy(&j->request, r);
        q->job = grow(q->job, &q->cap, q->n + 1, sizeof(void *));
        q->job[q->n++] = j;
    }
    uint64_t id = j->id;
    pthread_mutex_unlock(&q->lock);
    if (added)
        q->changed(q->arg);
    return id;
}

void job_queue_cancel(struct job_queue *q, uint64_t id)
{
    pthread_mutex_lock(&q->lock);
    struct job *j = find(q, id);
    if (j && j->status == JOB_QUEUED) {
        j->status = JOB_CANCELLED;
        j->version++;
    }
    for (int i = 0; i < q->n_running; i++)
        if (q->running[i]->id == id)
            atomic_store(&q->running[i]->cancel, true);
    pthread_mutex_unlock(&q->lock);
    q->changed(q->arg);
}

bool job_queue_get(struct job_queue *q, uint64_t id, struct job *out)
{
    pthread_mutex_lock(&q->lock);
    const struct job *j = find(q, id);
    if (j) {
        *out = *j;
        request_copy(&out->request, &j->request);
        out->tables = j->tables ? table_set_ref(j->tables) : NULL;
    }
    pthread_mutex_unlock(&q->lock);
    return j != NULL;
}

int job_queue_ids(struct job_queue *q, uint64_t *id, int max)
{
    pthread_mutex_lock(&q->lock);
    int n = 0;
    for (size_t i = q->n; i-- > 0;) {
        if (q->job[i]->request.only_kept || q->job[i]->request.passing) /* no work to look after */
            continue;
        if (n < max)
            id[n] = q->job[i]->id;
        n++;
    }
    pthread_mutex_unlock(&q->lock);
    return n;
}

int job_queue_pending(struct job_queue *q)
{
    int n = 0;
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < q->n; i++)
        n += job_is_pending(q->job[i]);
    pthread_mutex_unlock(&q->lock);
    return n;
}

void job_queue_line(struct job_queue *q, char *out, size_t n)
{
    out[0] = '\0';
    pthread_mutex_lock(&q->lock);
    const struct job *j = q->n_running > 0 ? find(q, q->running[0]->id) : NULL;
    if (j && j->what[0])
        snprintf(out, n, "%s %.0f %%", j->what, 100 * j->progress.share);
    pthread_mutex_unlock(&q->lock);
}

void job_queue_close(struct job_queue *q)
{
    pthread_mutex_lock(&q->lock);
    q->closed = true;
    for (int i = 0; i < q->n_running; i++)
        atomic_store(&q->running[i]->cancel, true);
    pthread_mutex_unlock(&q->lock);
}

/* ---- the worker's side */
bool job_queue_waits(struct job_queue *q, uint64_t after, uint64_t *id, struct request *out)
{
    bool found = false;
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < q->n && !found; i++) {
        const struct job *j = q->job[i];
        found = j->id > after && j->status == JOB_QUEUED &&
                (j->request.query->quick || j->request.only_kept);
        if (found) {
            *id = j->id;
            request_copy(out, &j->request);
        }
    }
    pthread_mutex_unlock(&q->lock);
    return found;
}

bool job_queue_begin(struct job_queue *q, uint64_t id, struct job_run *run)
{
    struct job *j = NULL;
    pthread_mutex_lock(&q->lock);
    for (size_t i = 0; i < q->n && !j && !q->closed && q->n_running < 2; i++)
        if (q->job[i]->status == JOB_QUEUED && (id == 0 || q->job[i]->id == id))
            j = q->job[i];
    if (j) {
        j->status = JOB_RUNNING;
        j->version++;
        run->queue = q;
        run->id = j->id;
        request_copy(&run->request, &j->request);
        atomic_init(&run->cancel, false);
        q->running[q->n_running++] = run;
    }
    pthread_mutex_unlock(&q->lock);
    if (j)
        q->changed(q->arg);
    return j != NULL;
}

void job_run_progress(struct job_run *run, const struct study_progress *p, const char *what)
{
    struct job_queue *q = run->queue;
    pthread_mutex_lock(&q->lock);
    struct job *j = find(q, run->id);
    j->progress = *p;
    snprintf(j->what, sizeof j->what, "%s", what);
    bool news = now_s() - q->news_at >= NEWS_S;
    if (news) {
        q->news_at = now_s();
        j->version++;
    }
    pthread_mutex_unlock(&q->lock);
    if (news)
        q->changed(q->arg);
}

void job_run_partial(struct job_run *run, struct table_set *set)
{
    struct job_queue *q = run->queue;
    pthread_mutex_lock(&q->lock);
    struct job *j = find(q, run->id);
    struct table_set *old = j->tables;
    j->tables = table_set_ref(set);
    j->version++;
    pthread_mutex_unlock(&q->lock);
    table_set_unref(old);
    q->changed(q->arg);
}

void job_queue_end(struct job_run *run, struct table_set *set, bool cached, double seconds,
                   const struct error *e)
{
    struct job_queue *q = run->queue;
    pthread_mutex_lock(&q->lock);
    struct job *j = find(q, run->id);
    struct table_set *old = NULL;
    j->status = set ? JOB_DONE : e->kind == ERROR_CANCELLED ? JOB_CANCELLED : JOB_FAILED;
    j->cached = cached;
    j->seconds = seconds;
    if (set) {
        old = j->tables;
        j->tables = set;
        j->progress.share = 1;
    } else {
        j->error = *e;
    }
    j->version++;
    q->n_running--;
    pthread_mutex_unlock(&q->lock);
    table_set_unref(old);
    request_release(&run->request);
    q->changed(q->arg);
}
