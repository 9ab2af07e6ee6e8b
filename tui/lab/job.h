/* A request on its way through the worker. */
#ifndef GLIMT_LAB_JOB_H
#define GLIMT_LAB_JOB_H
#include "tui/lab/request.h"

enum job_status { JOB_QUEUED, JOB_RUNNING, JOB_DONE, JOB_FAILED, JOB_CANCELLED };

struct job {     /* a copy of the reader's: job_release */
    uint64_t id; /* 0: none */
    struct request request;
    const struct dict_set *dicts; /* what its units are of, borrowed; NULL: one dictionary */
    enum job_status status;
    struct study_progress progress;
    char what[64]; /* "harvest", "tokenising" */
    bool cached;
    double seconds; /* it has taken */
    struct table_set
        *tables;      /* the result, while it runs what there is so far; NULL: nothing yet */
    uint64_t version; /* counts changes of tables and status */
    struct error error;
};
enum { JOBS_KEPT = 300 }; /* while so many are there, finished ones go, the oldest first */
void job_release(struct job *);
bool job_is_pending(const struct job *); /* queued or running */

/* Whoever answers requests: the service, or in a test whatever runs them at once. Called on the UI
 * thread. */
struct job_host {
    uint64_t (*ask)(void *, const struct request *); /* copies; the id of the job, an equal request
                                                        that is there already keeps its id */
    void (*cancel)(void *, uint64_t id);
    bool (*job)(void *, uint64_t id, struct job *out); /* false: no such */
    /* Ids of all jobs, newest first; at most max, how many in all. */
    int (*jobs)(void *, uint64_t *id, int max);
    void *arg;
};
#endif
