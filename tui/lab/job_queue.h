/* The jobs of a service: asked for by the UI thread, run one after the other by the worker; quick
 * ones (struct query) inside a long one. All functions lock; any thread. */
#ifndef GLIMT_LAB_JOB_QUEUE_H
#define GLIMT_LAB_JOB_QUEUE_H
#include "tui/lab/job.h"

struct job_queue;

/* changed: called (outside the lock, on whichever thread) when there is news. */
struct job_queue *job_queue_new(void (*changed)(void *), void *arg);
void job_queue_free(struct job_queue *);

/* ---- the UI's side: as in struct job_host */
uint64_t job_queue_ask(struct job_queue *, const struct request *);
void job_queue_cancel(struct job_queue *, uint64_t id);
bool job_queue_get(struct job_queue *, uint64_t id, struct job *out);
int job_queue_ids(struct job_queue *, uint64_t *id, int max);
int job_queue_pending(struct job_queue *); /* queued and running ones */
/* "sweep 43 %" of the running one; "" when none runs. */
void job_queue_line(struct job_queue *, char *out, size_t n);
/* Nothing more is run: raises the cancel of the running one. */
void job_queue_close(struct job_queue *);

/* ---- the worker's side */
struct job_run { /* one that runs */
    struct job_queue *queue;
    uint64_t id;
    struct request request; /* released by job_queue_end */
    atomic_bool cancel;
};
/* The first queued one behind `after` that may be quick: a copy of its request and its id; false:
 * none. */
bool job_queue_waits(struct job_queue *, uint64_t after, uint64_t *id, struct request *);
/* A queued one (0: the oldest) runs now, inside another where one runs; false: there is none. */
bool job_queue_begin(struct job_queue *, uint64_t id, struct job_run *);
void job_run_progress(struct job_run *, const struct study_progress *, const char *what);
void job_run_partial(struct job_run *, struct table_set *);
/* set: a reference that is taken over, NULL: *e says why not. */
void job_queue_end(struct job_run *, struct table_set *set, bool cached, double seconds,
                   const struct error *e);
#endif
