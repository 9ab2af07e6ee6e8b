#include "tui/service.h"
#include "engine/base/memory.h"
#include <errno.h>
#include <pthread.h>
#include <signal.h>
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
    struct workbench *workbench;

    /* the worker's own */
    struct session *session;
    struct timespec waiting; /* since then a wish waits for its first picture */
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

static bool open_all(struct service *s)
{
    struct workbench *wb = NULL;
    struct error e = {0};
    bool ok = workbench_open_cancellable(&s->options, loading, s, &s->quit, &wb, &e);
    if (ok) {
        s->session = session_new(wb->backend, wb->model, wb->tokenizer, wb->dict, wb->at, wb->set,
                                 wb->n_sets, &e);
        ok = s->session != NULL;
    }
    pthread_mutex_lock(&s->lock);
    s->status.loading = false;
    s->status.failed = !ok;
    s->status.error = e;
    if (ok)
        s->workbench = wb;
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
    while (wait && !s->mail && !atomic_load(&s->quit))
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

static void run(struct service *s)
{
    bool idle = true, shown = true; /* shown: a picture was published since the wish was taken */
    while (!atomic_load(&s->quit)) {
        bool hungry = !shown && ms_since(&s->waiting) > HUNGER_MS;
        set_patience(s, hungry);
        struct mail *mail = hungry ? NULL : next_mail(s, idle);
        if (mail) {
            if (shown)
                clock_gettime(CLOCK_MONOTONIC, &s->waiting);
            session_set(s->session, &mail->wish);
            free(mail);
            idle = shown = false;
        }
        if (idle || atomic_load(&s->quit))
            continue;
        idle = session_step(s->session, &s->cancel) == STAGE_IDLE;
        if (!idle && !session_should_publish(s->session))
            continue;
        publish(s, idle);
        shown = true;
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
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_BLOCK, &all,
                    &old); /* the worker inherits it: signals are the UI thread's */
    int failed = pthread_create(&s->thread, NULL, work, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    if (!failed)
        return s;
    error_set(e, ERROR_SYSTEM, "starting the worker: %s", strerror(failed));
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
    pthread_mutex_lock(&s->lock);
    atomic_store(&s->quit, true);
    atomic_store(&s->cancel, true);
    pthread_cond_signal(&s->posted);
    pthread_mutex_unlock(&s->lock);
    pthread_join(s->thread, NULL);
    session_free(s->session);
    workbench_free(s->workbench);
    snapshot_unref(s->latest);
    free(s->mail);
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
}

const struct workbench *service_workbench(struct service *s)
{
    pthread_mutex_lock(&s->lock);
    const struct workbench *wb = s->workbench;
    pthread_mutex_unlock(&s->lock);
    return wb;
}
