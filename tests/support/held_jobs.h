/* Jobs that a fixture holds in a row, by their numbers from 1: two answers of its job_host. */
#ifndef GLIMT_TEST_HELD_JOBS_H
#define GLIMT_TEST_HELD_JOBS_H
#include "tui/lab/job.h"

/* A copy of a job, its tables referenced; false: there is none of that number. */
static inline bool held_job(const struct job *job, int n, uint64_t id, struct job *out)
{
    if (id == 0 || id > (uint64_t)n)
        return false;
    *out = job[id - 1];
    request_copy(&out->request, &job[id - 1].request);
    if (out->tables)
        table_set_ref(out->tables);
    return true;
}

/* Their numbers, the youngest first. */
static inline int held_jobs(int n, uint64_t *id, int max)
{
    for (int i = 0; i < n && i < max; i++)
        id[i] = (uint64_t)(n - i);
    return n;
}
#endif
