/* How long a keypress takes to its colours while a harvest runs, beside the same without one.
 *
 * bench_jobs [BUNDLE] (default store/demo/demo.glimt): the service of the explorer on the bundle; a
 * letter is put into the middle of 100 tokens, and the time until a snapshot holds the latents of
 * that text is taken: idle, then while a harvest of the reference texts repeated many times goes
 * on. Prints both and how far the harvest came meanwhile. Then the longest time in which a study
 * lets nobody through, while it is computed and saved each second, and while its result is kept. */
#include "engine/base/memory.h"
#include "tests/support/testdata.h"
#include "tui/lab/lab.h"
#include "tui/service.h"
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { REPEATS = 60, COPIES = 200 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static void wait_for_news(struct service *s)
{
    struct pollfd p = {.fd = service_fd(s), .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, 1000) > 0 && read(p.fd, &n, sizeof n) < 0)
        perror("bench_jobs: read");
}

static double keypress(struct service *s, const char *text, uint64_t generation)
{
    struct wish w = {.generation = generation,
                     .text = text,
                     .n_text = strlen(text),
                     .watch = UNIT_NONE,
                     .cursor = strlen(text) / 2,
                     .losses = true};
    double from = now_ms();
    service_post(s, &w);
    for (;;) {
        wait_for_news(s);
        struct snapshot *p = service_latest(s);
        bool there = p && p->latents.generation == generation && p->latents.valid;
        snapshot_unref(p);
        if (there)
            return now_ms() - from;
    }
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void measure(struct service *s, const char *what, char *text, uint64_t *generation,
                    double out[2])
{
    double ms[REPEATS];
    for (int i = 0; i < REPEATS; i++) {
        text[strlen(text) / 2] = (char)('a' + i % 26);
        ms[i] = keypress(s, text, ++*generation);
        struct timespec pause = {0, 20000000};
        nanosleep(&pause, NULL);
    }
    qsort(ms, REPEATS, sizeof *ms, by_size);
    out[0] = ms[REPEATS / 2];
    out[1] = ms[REPEATS * 95 / 100];
    printf("%-44s %8.2f %8.2f\n", what, out[0], out[1]);
}

static char *write_corpus(const struct workbench *wb)
{
    char *path = xstrdup("/tmp/glimt-bench-XXXXXX");
    int fd = mkstemp(path);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");
    if (!f) {
        perror("bench_jobs: a corpus in /tmp");
        exit(1);
    }
    for (int k = 0; k < COPIES; k++)
        for (int32_t c = 0; c < wb->n_sets; c++)
            for (int32_t i = 0; i < wb->set[c].n; i++)
                fprintf(f, "%s\t%s\n", wb->set[c].sentence[i], wb->set[c].name);
    fclose(f);
    return path;
}

/* ---- the longest stretch without a poll */
struct stretch {
    double last, computing, keeping; /* ms */
    bool computed;
};

static void polled(void *arg)
{
    struct stretch *s = arg;
    const double now = now_ms(), ms = now - s->last;
    double *most = s->computed ? &s->keeping : &s->computing;
    *most = ms > *most ? ms : *most;
    s->last = now;
}

static void progressed(void *arg, const struct study_progress *p, const char *what)
{
    struct stretch *s = arg;
    (void)what;
    polled(s); /* of the last chunk, too */
    s->computed = p->done == p->total && p->total > 0;
}

static void measure_stretch(struct lab *lab, const char *what, const struct request *r)
{
    struct stretch s = {.last = now_ms()};
    const struct lab_loop loop = {
        .poll = polled, .poll_arg = &s, .progress = progressed, .progress_arg = &s};
    struct table_set *set = NULL;
    struct error e = {0};
    const double from = now_ms();
    if (!lab_run(lab, r, &loop, &set, NULL, &e)) {
        fprintf(stderr, "bench_jobs: %s: %s\n", what, e.text);
        exit(1);
    }
    polled(&s);
    printf("%-44s %8.1f %8.1f %8.1f\n", what, s.computing, s.keeping, (now_ms() - from) / 1e3);
    table_set_unref(set);
}

static void measure_stretches(const struct workbench *wb, const struct options *of,
                              const char *corpus)
{
    struct options o = *of;
    char *folder = testdata_folder();
    struct request r;
    o.cache = folder;
    setenv("GLIMT_CHECKPOINT", "1", 1);
    struct lab *lab = lab_new(wb, &o);
    printf("%-44s %8s %8s %8s\n", "longest stretch without letting others in, ms", "computed",
           "kept", "seconds");
    const struct query *const query[] = {&harvest_query, &examples_query, &histogram_query,
                                         &sweep_query};
    static const char *const what[] = {"harvest", "harvest with every activation",
                                       "histogram of the chosen latents", "sweep"};
    for (size_t i = 0; i < sizeof query / sizeof *query; i++) {
        request_init(&r, query[i]);
        if (query[i] != &sweep_query)
            r.corpus.path = xstrdup(corpus);
        if (query[i] == &examples_query)
            params_set_flag(&r.params, "all", true);
        measure_stretch(lab, what[i], &r);
        request_release(&r);
    }
    lab_free(lab);
    testdata_remove(folder);
}

int main(int argc, char **argv)
{
    struct options o;
    struct error e = {0};
    options_init(&o);
    o.bundle = argc > 1 ? argv[1] : "store/demo/demo.glimt";
    o.cache = "none";
    struct service *s = service_new(&o, &e);
    while (s && !service_workbench(s)) {
        struct service_status status;
        service_status(s, &status);
        if (status.failed) {
            fprintf(stderr, "bench_jobs: %s\n", status.error.text);
            return 1;
        }
        wait_for_news(s);
    }
    char *text =
        xstrdup("Rådet skal nu formelt godkende Parlamentets holdning, og det er vigtigt at "
                "alle kan acceptere den løsning som Kommissionen har lovet at finde. The "
                "Council must now formally approve the position of Parliament, and it is "
                "important that everyone can accept the solution the Commission promised "
                "to find. Børnene cyklede hjem, og the children cycled home.");
    uint64_t generation = 0;
    double idle[2], busy[2];
    char *path = write_corpus(service_workbench(s));
    struct job_host host = service_jobs(s);
    struct request r;
    struct job job;
    request_init(&r, &harvest_query);
    r.corpus.path = path;
    printf("%-44s %8s %8s\n", "a key in the middle of about 100 tokens, ms", "p50", "p95");
    measure(s, "to its colours, nothing else runs", text, &generation, idle);
    uint64_t id = host.ask(host.arg, &r);
    measure(s, "to its colours, a harvest runs", text, &generation, busy);
    if (host.job(host.arg, id, &job)) {
        printf("harvest meanwhile: %s, %.0f %%, %.0f tokens/s; p50 %.2f × idle\n",
               job.status == JOB_RUNNING ? "running" : "over", 100 * job.progress.share,
               job.progress.tokens_per_s, busy[0] / idle[0]);
        job_release(&job);
    }
    host.cancel(host.arg, id);
    measure_stretches(service_workbench(s), &o, path);
    service_free(s);
    unlink(path);
    request_release(&r); /* frees path */
    free(text);
    return 0;
}
