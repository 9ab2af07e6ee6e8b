/* A question that somebody waits for: the job that answers it and what has come of it. */
#ifndef GLIMT_VIEW_WATCH_H
#define GLIMT_VIEW_WATCH_H
#include "tui/lab/job.h"

struct watch {
    bool asked;
    struct request request; /* valid while asked */
    struct job job;         /* the last news; id 0: none */
};
void watch_release(struct watch *);
/* Asks (again); takes the request over. True: it is another than before, and what was there is
 * gone. */
bool watch_ask(struct watch *, const struct job_host *, struct request *);
/* Fetches news. True: something changed. */
bool watch_update(struct watch *, const struct job_host *);
const struct table *watch_table(const struct watch *, const char *name); /* NULL: not there */
/* A table of a job's, NULL: not there, or not what such a request is answered with (other marks or
 * columns: nothing that a pane for it could show). */
const struct table *job_table(const struct job *, const char *name);
/* Not at its end: progress or an error is to be shown. */
bool watch_shows_line(const struct watch *);
/* What was asked for, a copy; false: nothing yet. */
bool watch_request(const struct watch *, struct request *out);
#endif
