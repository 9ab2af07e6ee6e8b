/* What long work of the lab reports to, and what stops it. */
#ifndef GLIMT_LAB_LOOP_H
#define GLIMT_LAB_LOOP_H
#include "engine/study/study.h"

struct lab_loop { /* all may be NULL */
    const atomic_bool *cancel;
    void (*poll)(void *); /* between two operations */
    void *poll_arg;
    void (*progress)(void *, const struct study_progress *, const char *what);
    void *progress_arg;
    /* Tables while they grow; the receiver takes a reference. */
    void (*partial)(void *, struct table_set *);
    void *partial_arg;
    double partial_every; /* seconds at least between two of them; 0: after each chunk */
};
#endif
