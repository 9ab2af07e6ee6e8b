/* Requests in, snapshots out: a worker thread that owns workbench and session.
 *
 * The UI thread posts whole wishes; the newest wins and interrupts what runs for an older one.
 * Snapshots come back by an atomic swap, an eventfd tells. Studies are
 * jobs, one at a time: a live request overtakes them between two operations, reference sets share
 * the time with them.
 *
 * A device that has too little memory gets smaller budgets; one that still has, or that is lost, is
 * left for the CPU, on which all is opened again: the wish at hand goes on there, jobs end. But
 * where the device was asked for by name a lost one is the end, and too little memory an error. */
#ifndef GLIMT_TUI_SERVICE_H
#define GLIMT_TUI_SERVICE_H
#include "tui/lab/job.h"
#include "tui/workbench.h"

struct service;

/* Starts the worker, which opens what `options` names (copied shallowly: strings must outlive the
 * service). */
struct service *service_new(const struct options *, struct error *e);
/* Cancels what runs, joins the thread, frees all but snapshots still referenced. */
void service_free(struct service *);

void service_post(struct service *, const struct wish *); /* copies; never waits */
/* The newest snapshot, a reference of the caller's; NULL before the first. */
struct snapshot *service_latest(struct service *);
int service_fd(struct service *); /* readable when there is news; read 8 bytes to clear it */

struct service_status {
    bool loading, failed, idle;  /* idle: nothing left to do for the newest wish */
    bool lost;                   /* failed, with the device that was asked for by name */
    double progress;             /* while loading, 0 … 1 */
    char what[96];               /* what is being loaded */
    struct error error;          /* why it failed, or the last error of the session */
    int n_jobs;                  /* queued or running */
    char job[80];                /* "harvest 43 %": the running one */
    char device[32];             /* that computes: "cpu", "cuda:0"; "": not known yet */
    char card[300];              /* more of it: "cpu AVX2, 2 threads", "cuda:0 NVIDIA H200" */
    char precision[8];           /* what its products are of: "f32", "f16", "bf16" */
    struct device_memory memory; /* of a card, a second ago at most when it is idle; else zeros */
    char said[1024];             /* of the device and the cache: not to be had, set aside; "" */
};
void service_status(struct service *, struct service_status *);
/* Not NULL once loaded; stays valid and unchanged until service_free. When its device is lost
 * another one computes the same on the CPU: names and shapes stay as they are here. */
const struct workbench *service_workbench(struct service *);
/* How views ask for studies; valid until service_free. */
struct job_host service_jobs(struct service *);
#endif
