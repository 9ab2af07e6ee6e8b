#include "tui/service.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/device.h"
#include "engine/devices.h"
#include "engine/formats/packs.h"
#include "tui/lab/job_queue.h"
#include "tui/lab/lab.h"
#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* A wish that comes while another is under way interrupts it: the newest wins. But wishes that come
 * faster than one can be shown (a slider being dragged over a long text) would then never show
 * anything. So when the first wish that nothing was shown for is this old, the one under way is
 * carried to its first picture before a newer one is taken. */
#define HUNGER_MS 120.0
/* While a job runs, the reference sets get this share of the time. */
#define REFSETS_SHARE 0.5
/* So often the budgets of a device without memory are halved. */
#define HALVINGS 3
/* So often a card's memory is looked at, where there is nothing else to do. */
#define MEMORY_MS 1000.0
/* So often jobs that wait are looked at again: what is quick changes. */
#define LOOK_MS 250.0

struct mail { /* a wish and its own copy of the text */
    struct wish wish;
    char text[];
};

struct service {
    pthread_t thread;
    int fd;
    struct options options;
    atomic_bool cancel; /* stops the step under way */
    atomic_bool quit;
    atomic_bool patient; /* a newer wish must not interrupt; set under the lock */

    pthread_mutex_t lock; /* guards what follows; held for a few instructions only */
    pthread_cond_t posted;
    struct mail *mail;
    struct snapshot *latest;
    struct service_status status;
    struct workbench *workbench; /* the first, which the UI knows */

    /* the worker's own */
    struct workbench *bench; /* what it works with */
    struct mail *current;    /* the wish at hand */
    struct error leave;      /* set: why the device is to be left */
    int halvings;
    size_t budget[2]; /* of the session: rows, keys and values */
    bool normed;      /* it knows the tokens' norms */
    struct session *session;
    struct lab *lab;
    struct timespec waiting;  /* since then a wish waits for its first picture */
    bool live_idle, shown;    /* nothing left to do for the wish; something was shown for it */
    bool refsets_only;        /* what is left of the wish can wait */
    double refsets_ms;        /* of the worker's time that the reference sets took during a job, */
    struct timespec job_from; /* which began then */
    struct timespec looked;   /* when jobs that wait were looked at */
    struct timespec measured; /* when a card's memory was */

    struct job_queue *queue;
    atomic_bool news; /* a wish or a short job may be waiting */
};

static double ms_since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)(now.tv_sec - t->tv_sec) * 1e3 + (double)(now.tv_nsec - t->tv_nsec) * 1e-6;
}

static void tell(struct service *s)
{
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(s->fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
}

/* ---- the worker */
static void loading(void *arg, double share, const char *what)
{
    struct service *s = arg;
    pthread_mutex_lock(&s->lock);
    s->status.progress = share;
    snprintf(s->status.what, sizeof s->status.what, "%s", what);
    pthread_mutex_unlock(&s->lock);
    tell(s);
}

/* On the CPU what a session takes by itself; a card has memory for little else. */
static void set_budget(struct service *s)
{
    const struct device_memory m = device_memory(s->bench->backend);
    const size_t quarter = s->bench->backend->caps.capability ? (size_t)(m.free / 4) : 0;
    s->budget[0] = quarter > SESSION_ROWS ? quarter : SESSION_ROWS;
    s->budget[1] = quarter > SESSION_KEYS ? quarter : SESSION_KEYS;
    s->halvings = 0;
    session_budget(s->session, s->budget[0], s->budget[1]);
}

static void measure(struct service *s)
{
    struct backend *b = s->bench->backend;
    const struct device_memory m =
        b->caps.capability ? device_memory(b) : (struct device_memory){0};
    clock_gettime(CLOCK_MONOTONIC, &s->measured);
    pthread_mutex_lock(&s->lock);
    s->status.memory = m;
    pthread_mutex_unlock(&s->lock);
}

static bool open_all(struct service *s)
{
    struct workbench *wb = NULL;
    struct error e = {0};
    bool ok = workbench_open_cancellable(&s->options, loading, s, &s->quit, &wb, &e);
    if (ok) {
        s->session = session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at, wb->set,
                                 wb->n_live, &e);
        ok = s->session != NULL;
    }
    if (ok) {
        s->bench = wb;
        s->lab = lab_new(wb, &s->options);
        s->normed = false;
        set_budget(s);
        measure(s);
    }
    pthread_mutex_lock(&s->lock);
    s->status.loading = false;
    s->status.failed = !ok;
    s->status.error = e;
    if (ok) {
        if (!s->workbench)
            s->workbench = wb;
        snprintf(s->status.device, sizeof s->status.device, "%s", wb->backend->name);
        snprintf(s->status.card, sizeof s->status.card, "%s", wb->backend->caps.device);
        snprintf(s->status.precision, sizeof s->status.precision, "%s", model_precision(wb->model));
        snprintf(s->status.said, sizeof s->status.said, "%s%s%s", wb->said,
                 wb->said[0] && packs_said(wb->packs)[0] ? "; " : "", packs_said(wb->packs));
    }
    pthread_mutex_unlock(&s->lock);
    if (!ok)
        workbench_free(wb);
    tell(s);
    return ok;
}

/* Picture and status change together: who sees `idle` finds the last picture. */
static void publish(struct service *s, bool idle)
{
    struct snapshot *p = session_snapshot(s->session), *old;
    if (idle && s->bench->backend->caps.capability && ms_since(&s->measured) > MEMORY_MS)
        measure(s);
    pthread_mutex_lock(&s->lock);
    old = s->latest;
    s->latest = p;
    s->status.idle = idle && !s->mail;
    if (idle)
        s->status.error = *session_error(s->session);
    pthread_mutex_unlock(&s->lock);
    snapshot_unref(old);
    tell(s);
}

/* Waits for a wish when there is nothing to do; NULL: go on with the one at hand, or quit. */
static struct mail *next_mail(struct service *s, bool wait)
{
    pthread_mutex_lock(&s->lock);
    while (wait && !s->mail && !atomic_load(&s->quit) && job_queue_pending(s->queue) == 0)
        pthread_cond_wait(&s->posted, &s->lock);
    struct mail *mail = s->mail;
    s->mail = NULL;
    if (mail) {
        s->status.idle = false;
        atomic_store(&s->cancel, false);
    }
    pthread_mutex_unlock(&s->lock);
    return mail;
}

/* Lets the wish under way go on undisturbed, or not. */
static void set_patience(struct service *s, bool patient)
{
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->patient, patient);
    if (patient && !atomic_load(&s->quit))
        atomic_store(&s->cancel, false);
    pthread_mutex_unlock(&s->lock);
}

/* Whether it is the device's fault that the step failed; then it is tried again, with less or
 * elsewhere. */
static bool device_failed(struct service *s)
{
    const struct error *e = session_error(s->session);
    const bool memory = e->kind == ERROR_MEMORY;
    if (!s->current || (!memory && e->kind != ERROR_LOST))
        return false;
    if (memory && s->halvings < HALVINGS) {
        s->halvings++;
        session_budget(s->session, s->budget[0] >> s->halvings, s->budget[1] >> s->halvings);
        session_set(s->session, &s->current->wish);
        return true;
    }
    if (memory && !(s->bench->backend->caps.capability && device_is_free_choice(s->options.device)))
        return false;
    s->leave = *e;
    return true;
}

/* Lists of tokens leave some out by their norms; without these they leave out none. */
static void give_norms(struct service *s, const struct wish *w)
{
    struct error e = {0};
    if (!w->pair.wanted || s->normed)
        return;
    session_norms(s->session, lab_norms(s->lab, &e));
    s->normed = true;
}

/* One turn of the live text: takes a wish that has come, does the next piece, publishes. */
static void live_turn(struct service *s, bool wait)
{
    bool hungry = !s->shown && ms_since(&s->waiting) > HUNGER_MS;
    set_patience(s, hungry);
    struct mail *mail = hungry ? NULL : next_mail(s, wait && s->live_idle);
    if (mail) {
        if (s->shown)
            clock_gettime(CLOCK_MONOTONIC, &s->waiting);
        give_norms(s, &mail->wish);
        session_set(s->session, &mail->wish);
        free(s->current);
        s->current = mail;
        s->live_idle = s->shown = s->refsets_only = false;
    }
    if (s->live_idle || atomic_load(&s->quit))
        return;
    enum stage stage = session_step(s->session, &s->cancel);
    if (stage == STAGE_IDLE && device_failed(s)) {
        s->live_idle = error_is_set(&s->leave);
        return;
    }
    s->live_idle = stage == STAGE_IDLE;
    s->refsets_only = stage == STAGE_REFSETS;
    if (!s->live_idle && !session_should_publish(s->session))
        return;
    publish(s, s->live_idle);
    s->shown = true;
}

/* ---- jobs: studies, between whose operations live requests go first, and quick jobs */
struct working {
    struct service *service;
    struct job_run *run;
};

static void run_job(struct service *s, uint64_t id, bool inside);

/* Those that wait and that nothing has to be computed for first. */
static void run_quick(struct service *s, bool inside)
{
    struct request r;
    clock_gettime(CLOCK_MONOTONIC, &s->looked);
    for (uint64_t id = 0; !atomic_load(&s->quit) && job_queue_waits(s->queue, id, &id, &r);) {
        const bool quick = lab_is_quick(s->lab, &r);
        request_release(&r);
        if (quick)
            run_job(s, id, inside);
    }
}

static void serve_live(void *arg)
{
    struct working *w = arg;
    struct service *s = w->service;
    while (!s->live_idle && !s->refsets_only && !atomic_load(&s->quit))
        live_turn(s, false);
}

/* Inside a quick job: live requests alone. */
static void serve_inside(void *arg)
{
    struct service *s = ((struct working *)arg)->service;
    if (atomic_load(&s->news)) { /* it stays: jobs are looked at by the one around */
        s->refsets_only = false;
        live_turn(s, false);
    }
    serve_live(arg);
}

static void serve(void *arg)
{
    struct working *w = arg;
    struct service *s = w->service;
    const bool news = atomic_exchange(&s->news, false);
    if (news || ms_since(&s->looked) > LOOK_MS) /* a corpus that has come makes jobs quick */
        run_quick(s, true);
    if (news) {
        s->refsets_only = false;
        live_turn(s, false);
    }
    serve_live(arg);
    if (s->live_idle || s->refsets_ms > REFSETS_SHARE * ms_since(&s->job_from))
        return;
    struct timespec from;
    clock_gettime(CLOCK_MONOTONIC, &from);
    live_turn(s, false);
    s->refsets_ms += ms_since(&from);
}

static void job_progress(void *arg, const struct study_progress *p, const char *what)
{
    struct working *w = arg;
    job_run_progress(w->run, p, what);
}

static void job_partial(void *arg, struct table_set *set)
{
    struct working *w = arg;
    job_run_partial(w->run, set);
}

static void run_job(struct service *s, uint64_t id, bool inside)
{
    struct job_run run;
    if (!job_queue_begin(s->queue, id, &run))
        return;
    if (!inside) {
        s->refsets_ms = 0;
        clock_gettime(CLOCK_MONOTONIC, &s->job_from);
    }
    struct working w = {s, &run};
    struct lab_loop loop = {.cancel = &run.cancel,
                            .poll = inside ? serve_inside : serve,
                            .poll_arg = &w,
                            .progress = job_progress,
                            .progress_arg = &w,
                            .partial = job_partial,
                            .partial_every = .25,
                            .partial_arg = &w};
    struct table_set *set = NULL;
    struct lab_facts facts = {0};
    struct error e = {0};
    lab_run(s->lab, &run.request, &loop, &set, &facts, &e);
    job_queue_end(&run, set, facts.cached, facts.seconds, &e);
    if (e.kind == ERROR_LOST)
        s->leave = e;
    pthread_mutex_lock(&s->lock);
    if (lab_said(s->lab)[0]) /* else what was said of the device stays */
        snprintf(s->status.said, sizeof s->status.said, "%s", lab_said(s->lab));
    pthread_mutex_unlock(&s->lock);
    tell(s);
}

static void end_with_device(struct service *s)
{
    pthread_mutex_lock(&s->lock);
    s->status.failed = s->status.lost = true;
    s->status.error = s->leave;
    pthread_mutex_unlock(&s->lock);
    tell(s);
}

/* What was on the device goes, without a word to it where it is lost; all is opened on the CPU, and
 * the wish at hand begins again there. */
static bool go_to_the_cpu(struct service *s)
{
    const struct error why = s->leave;
    struct workbench *left = s->bench;
    const bool halves = strcmp(model_precision(left->model), "f32") != 0;
    s->leave = (struct error){0};
    session_free(s->session);
    lab_free(s->lab);
    s->session = NULL, s->lab = NULL, s->bench = NULL;
    if (left != s->workbench)
        workbench_free(left);
    s->options.device = "cpu", s->options.dtype = "f32";
    pthread_mutex_lock(&s->lock);
    s->status.loading = true;
    s->status.idle = false;
    pthread_mutex_unlock(&s->lock);
    if (!open_all(s))
        return false;
    pthread_mutex_lock(&s->lock);
    snprintf(s->status.said, sizeof s->status.said,
             "%s; going on on the CPU%s; restart to use the GPU again", why.text,
             halves ? " in f32" : "");
    pthread_mutex_unlock(&s->lock);
    if (s->current) {
        session_set(s->session, &s->current->wish);
        s->live_idle = s->shown = s->refsets_only = false;
    }
    tell(s);
    return true;
}

static void run(struct service *s)
{
    s->live_idle = s->shown = true;
    while (!atomic_load(&s->quit)) {
        if (error_is_set(&s->leave) && !device_is_free_choice(s->options.device)) {
            end_with_device(s);
            return;
        }
        if (error_is_set(&s->leave) && !go_to_the_cpu(s))
            return;
        atomic_store(&s->news, false);
        bool jobs = (s->live_idle || s->refsets_only) && job_queue_pending(s->queue) > 0;
        if (jobs) {
            run_quick(s, false);
            run_job(s, 0, false);
        }
        live_turn(s, !jobs);
    }
}

static void *work(void *arg)
{
    struct service *s = arg;
    if (open_all(s))
        run(s);
    return NULL;
}

/* ---- the UI's side */
static void jobs_changed(void *arg)
{
    struct service *s = arg;
    atomic_store(&s->news, true);
    tell(s);
    pthread_mutex_lock(&s->lock);
    pthread_cond_signal(&s->posted);
    pthread_mutex_unlock(&s->lock);
}

struct service *service_new(const struct options *o, struct error *e)
{
    struct service *s = xcalloc(1, sizeof *s);
    s->options = *o;
    s->status = (struct service_status){.loading = true, .what = "device"};
    s->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
    if (s->fd < 0) {
        error_set(e, ERROR_SYSTEM, "starting the worker: eventfd: %s", strerror(errno));
        free(s);
        return NULL;
    }
    pthread_mutex_init(&s->lock, NULL);
    pthread_cond_init(&s->posted, NULL);
    s->queue = job_queue_new(jobs_changed, s);
    int failed = thread_start(&s->thread, work, s);
    if (!failed)
        return s;
    error_set(e, ERROR_SYSTEM, "starting the worker: %s", strerror(failed));
    job_queue_free(s->queue);
    pthread_cond_destroy(&s->posted);
    pthread_mutex_destroy(&s->lock);
    close(s->fd);
    free(s);
    return NULL;
}

void service_free(struct service *s)
{
    if (!s)
        return;
    job_queue_close(s->queue);
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->quit, true);
    atomic_store(&s->cancel, true);
    pthread_cond_signal(&s->posted);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    session_free(s->session);
    lab_free(s->lab);
    job_queue_free(s->queue);
    if (s->bench != s->workbench)
        workbench_free(s->bench);
    workbench_free(s->workbench);
    snapshot_unref(s->latest);
    free(s->mail);
    free(s->current);
    pthread_cond_destroy(&s->posted);
    pthread_mutex_destroy(&s->lock);
    close(s->fd);
    free(s);
}

void service_post(struct service *s, const struct wish *w)
{
    size_t n = w->text ? w->n_text : 0;
    struct mail *mail = xmalloc(sizeof *mail + n + 1), *old;
    mail->wish = *w;
    mail->wish.text = mail->text;
    mail->wish.n_text = n;
    if (n > 0)
        memcpy(mail->text, w->text, n);
    mail->text[n] = '\0';
    pthread_mutex_lock(&s->lock);
    old = s->mail;
    s->mail = mail;
    atomic_store(&s->news, true);
    s->status.idle = false;
    if (!atomic_load(&s->patient))
        atomic_store(&s->cancel, true);
    pthread_cond_signal(&s->posted);
    pthread_mutex_unlock(&s->lock);
    free(old);
}

struct snapshot *service_latest(struct service *s)
{
    pthread_mutex_lock(&s->lock);
    struct snapshot *p = s->latest;
    if (p)
        snapshot_ref(p);
    pthread_mutex_unlock(&s->lock);
    return p;
}

int service_fd(struct service *s)
{
    return s->fd;
}

void service_status(struct service *s, struct service_status *out)
{
    pthread_mutex_lock(&s->lock);
    *out = s->status;
    pthread_mutex_unlock(&s->lock);
    out->n_jobs = job_queue_pending(s->queue);
    job_queue_line(s->queue, out->job, sizeof out->job);
}

const struct workbench *service_workbench(struct service *s)
{
    pthread_mutex_lock(&s->lock);
    const struct workbench *wb = s->workbench;
    pthread_mutex_unlock(&s->lock);
    return wb;
}

/* ---- jobs, as the UI sees them */
static uint64_t host_ask(void *arg, const struct request *r)
{
    return job_queue_ask(((struct service *)arg)->queue, r);
}

static void host_cancel(void *arg, uint64_t id)
{
    job_queue_cancel(((struct service *)arg)->queue, id);
}

static bool host_job(void *arg, uint64_t id, struct job *out)
{
    struct service *s = arg;
    const struct workbench *wb = service_workbench(s);
    bool there = job_queue_get(s->queue, id, out);
    if (there)
        out->dicts = wb ? &wb->dicts : NULL;
    return there;
}

static int host_jobs(void *arg, uint64_t *id, int max)
{
    return job_queue_ids(((struct service *)arg)->queue, id, max);
}

struct job_host service_jobs(struct service *s)
{
    return (struct job_host){host_ask, host_cancel, host_job, host_jobs, s};
}
