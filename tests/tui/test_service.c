/* Workbench and service on a tiny bundle: what is opened, what is refused, and that the newest wish
 * wins. */
#include "engine/base/memory.h"
#include "tests/engine/dict/sae.h"
#include "tests/support/effort.h"
#include "tests/support/hash_weights.h"
#include "tests/support/requests.h"
#include "tests/support/session_oracle.h"
#include "tests/support/tiny_model.h"
#include "tests/support/unit.h"
#include "tui/service.h"
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

#define HOOK "layers.1.mlp.act"
enum { DEADLINE_MS = 60000 }; /* of a test that hangs */

static char dir[64], bundle[128], model[128], sae[128];

static int setup(void **state)
{
    (void)state;
    test_dir_new(dir);
    tiny_write(dir, &(struct tiny_spec){.hook = HOOK});
    tiny_write_bundle(dir, HOOK);
    snprintf(bundle, sizeof bundle, "%s/tiny.glimt", dir);
    snprintf(model, sizeof model, "%s/model", dir);
    snprintf(sae, sizeof sae, "%s/sae.safetensors", dir);
    unsetenv("GLIMT_DATA");
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    tiny_remove(dir);
    return 0;
}

/* ---- workbench */
static struct workbench *opens(struct options o)
{
    struct workbench *wb = NULL;
    struct error e = {0};
    if (!workbench_open(&o, NULL, NULL, &wb, &e))
        fail_msg("workbench_open: %s", e.text);
    return wb;
}

static void refuses(struct options o, enum error_kind kind, const char *part)
{
    struct workbench *wb = NULL;
    struct error e = {0};
    assert_false(workbench_open(&o, NULL, NULL, &wb, &e));
    assert_null(wb);
    assert_int_equal(e.kind, kind);
    if (!strstr(e.text, part))
        fail_msg("'%s' does not say '%s'", e.text, part);
}

static void progress(void *arg, double share, const char *what)
{
    double *last = arg;
    assert_true(share >= *last && share <= 1 && what[0] != 0);
    *last = share;
}

static void test_bundle(void **state)
{
    (void)state;
    struct workbench *wb = NULL;
    struct error e = {0};
    double last = 0;
    assert_true(workbench_open(&(struct options){.bundle = bundle}, progress, &last, &wb, &e));
    assert_true(last > 0.99);
    assert_true(wb->bundle_is_ours && wb->dict && wb->model && wb->tokenizer);
    assert_string_equal(wb->model_name, "tiny");
    assert_string_equal(wb->sae_name, "sae");
    assert_int_equal(wb->n_chosen, 3);
    assert_unit(wb->chosen[2], 40);
    assert_int_equal(wb->n_sets, 2);
    assert_string_equal(wb->set[1].label, "English");
    assert_int_equal(wb->set[0].n, tiny_sets[0].n);
    struct point p;
    assert_true(point_parse(HOOK, &(struct model_config){.n_layers = 3}, &p, NULL) &&
                point_compare(p, wb->at) == 0);
    workbench_free(wb);
}

static void test_options(void **state)
{
    (void)state;
    struct workbench *wb = opens(
        (struct options){.bundle = bundle, .n_units = 2, .unit = {UNIT_WORD(7), UNIT_WORD(8)}});
    assert_int_equal(wb->n_chosen, 2);
    assert_unit(wb->chosen[1], 8);
    workbench_free(wb);
    wb = opens((struct options){.bundle = bundle,
                                .neurons = true,
                                .n_units = 1,
                                .unit = {UNIT_WORD(47)},
                                .hook = "layers.0.mlp.act"});
    assert_true(dict_spec(wb->dict)->identity && !wb->bundle_is_ours && wb->at.layer == 0);
    assert_int_equal(wb->n_chosen, 1);
    assert_int_equal(wb->n_sets, 2);
    workbench_free(wb);
    wb = opens((struct options){.bundle = bundle,
                                .neurons = true}); /* the chosen latents are no neurons */
    assert_int_equal(wb->n_chosen, 0);
    workbench_free(wb);
    wb = opens((struct options){.bundle = bundle,
                                .model = model}); /* another model: texts, nothing else */
    assert_true(!wb->dict && !wb->bundle_is_ours && wb->n_chosen == 0 && wb->n_sets == 2);
    assert_int_equal(wb->n_live, 2);
    assert_string_equal(wb->model_name, "model");
    workbench_free(wb);
    wb = opens((struct options){
        .model = model, .sae = sae, .device = "cpu", .dtype = "f32", .threads = 1});
    assert_true(wb->dict && wb->at.layer == 1 && wb->at.site == SITE_MLP_ACT &&
                !wb->bundle_is_ours);
    assert_int_equal(wb->n_live, 0); /* the demo's, and the model is another */
    workbench_free(wb);
    wb = opens((struct options){.bundle = bundle,
                                .hook = "layers.2.mlp.act"}); /* same SAE, another place */
    assert_true(wb->at.layer == 2 && !wb->bundle_is_ours && wb->n_chosen == 0);
    workbench_free(wb);
}

static void test_refusals(void **state)
{
    (void)state;
    refuses((struct options){.bundle = bundle, .device = "cuda:1"}, ERROR_INPUT,
            "--device: cuda: no plugin at ");
    refuses((struct options){.bundle = bundle, .device = "gpu"}, ERROR_INPUT, "gpu");
    refuses((struct options){.bundle = bundle, .dtype = "bf16"}, ERROR_INPUT, "bf16");
    refuses((struct options){.bundle = bundle, .hook = "layers.1.mlp.out"}, ERROR_INPUT,
            "48"); /* the SAE's width */
    refuses((struct options){.bundle = bundle, .hook = "layers.1.mlp.out"}, ERROR_INPUT, "32");
    refuses((struct options){.bundle = bundle, .hook = "layers.9.mlp.act"}, ERROR_INPUT,
            "layers.9.mlp.act");
    refuses((struct options){.bundle = bundle, .n_units = 1, .unit = {UNIT_WORD(80)}}, ERROR_INPUT,
            "80");
    refuses((struct options){.bundle = "/nowhere.glimt"}, ERROR_INPUT, "/nowhere.glimt");
    refuses((struct options){.model = "/nowhere"}, ERROR_INPUT, "/nowhere");
    refuses((struct options){.model = model, .sae = "/nowhere.safetensors"}, ERROR_INPUT,
            "/nowhere.safetensors");
}

/* Every point in every spelling, said by the SAE's file and by --hook: opened, and a text runs. */
static void open_at(const char *name, const char *ours, int32_t width)
{
    const struct sae_case small = {"small", width, 40, 4, "never", true, true, DTYPE_F32, NULL, 0};
    char path[128], other[128], found[POINT_NAME_MAX];
    snprintf(path, sizeof path, "%s/spelt.safetensors", dir);
    snprintf(other, sizeof other, "%s/silent.safetensors", dir);
    sae_write(path, &small, "hook", name);
    sae_write(other, &small, "hook", NULL);
    const struct options by_file = {.model = model, .sae = path},
                         by_option = {.model = model, .sae = other, .hook = name},
                         over_the_file = {.model = model, .sae = path, .hook = name};
    const struct options o[] = {by_file, by_option, over_the_file};
    for (size_t i = 0; i < sizeof o / sizeof *o; i++) {
        struct error e = {0};
        struct workbench *wb = opens(o[i]);
        point_name(wb->at, found);
        assert_string_equal(found, ours);
        struct session *s =
            session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at, NULL, 0, &e);
        assert_non_null(s);
        struct wish w = {.text = "Hej med dig", .n_text = 11, .watch = UNIT_NONE, .losses = true};
        w.insert = insertion_of(INSERT_SAE);
        session_set(s, &w);
        while (session_step(s, NULL) != STAGE_IDLE)
            ;
        assert_no_error(session_error(s));
        session_free(s);
        workbench_free(wb);
    }
    unlink(path);
    unlink(other);
}

static void test_spellings_of_points(void **state)
{
    (void)state;
    static const struct {
        const char *ours, *theirs[4];
        int32_t width;
    } point[] = {
        {"embed", {"gpt_neox.embed_in", "embed_in", "hook_embed"}, 32},
        {"layers.1.resid.pre", {"blocks.1.hook_resid_pre"}, 32},
        {"layers.1.attn.out",
         {"gpt_neox.layers.1.attention", "layers.1.attention", "blocks.1.hook_attn_out"},
         32},
        {"layers.1.mlp.pre",
         {"gpt_neox.layers.1.mlp.dense_h_to_4h", "layers.1.mlp.dense_h_to_4h",
          "blocks.1.mlp.hook_pre"},
         48},
        {"layers.1.mlp.act",
         {"gpt_neox.layers.1.mlp.act", "layers.1.mlp.act", "blocks.1.mlp.hook_post"},
         48},
        {"layers.1.mlp.out",
         {"gpt_neox.layers.1.mlp", "layers.1.mlp", "blocks.1.hook_mlp_out"},
         32},
        {"layers.2.resid.post", {"gpt_neox.layers.2", "layers.2", "blocks.2.hook_resid_post"}, 32},
        {"final_norm",
         {"gpt_neox.final_layer_norm", "final_layer_norm", "ln_final.hook_normalized"},
         32},
    };
    for (size_t i = 0; i < sizeof point / sizeof *point; i++) {
        open_at(point[i].ours, point[i].ours, point[i].width);
        for (int j = 0; j < 4 && point[i].theirs[j]; j++)
            open_at(point[i].theirs[j], point[i].ours, point[i].width);
    }
}

/* What the file says is of the file, what the option says of the option. */
static void test_points_that_are_not_there(void **state)
{
    (void)state;
    const struct sae_case small = {"small", 48, 40, 4, "never", true, true, DTYPE_F32, NULL, 0};
    char path[128];
    snprintf(path, sizeof path, "%s/spelt.safetensors", dir);
    sae_write(path, &small, "hook", "gpt_neox.layers.3.mlp.act");
    refuses((struct options){.model = model, .sae = path}, ERROR_INPUT, path);
    refuses((struct options){.model = model, .sae = path}, ERROR_INPUT,
            "'gpt_neox.layers.3.mlp.act': layer 3 of a model with layers 0 to 2");
    refuses((struct options){.model = model, .sae = path, .hook = "layers.7.mlp.act"}, ERROR_INPUT,
            "--hook: hook point 'layers.7.mlp.act': layer 7 of a model with layers 0 to 2");
    unlink(path);
}

static void test_program_data(void **state)
{
    (void)state;
    assert_null(program_data("no such file of ours"));
    setenv("GLIMT_DATA", dir, 1);
    char *path = program_data("tiny.glimt");
    assert_string_equal(path, bundle);
    free(path);
    assert_null(program_data("demo/demo.glimt"));
    refuses((struct options){0}, ERROR_INPUT, "--model");
    unsetenv("GLIMT_DATA");
}

/* ---- service */
static void await(struct service *s)
{
    struct pollfd p = {.fd = service_fd(s), .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, DEADLINE_MS) != 1)
        fail_msg("the service says nothing");
    assert_int_equal(read(p.fd, &n, sizeof n), (ssize_t)sizeof n);
}

/* Colours and losses of that wish. */
static void await_answer(struct service *s, uint64_t generation)
{
    for (bool there = false; !there;) {
        await(s);
        struct snapshot *p = service_latest(s);
        there = p && p->generation == generation && p->latents.valid && p->loss.valid;
        snapshot_unref(p);
    }
}

static void await_idle(struct service *s)
{
    struct service_status st;
    for (service_status(s, &st); !st.idle; service_status(s, &st)) {
        if (st.failed)
            fail_msg("service: %s", st.error.text);
        await(s);
    }
    assert_false(error_is_set(&st.error));
}

static struct service *starts(const char *path)
{
    struct error e = {0};
    struct service *s = service_new(&(struct options){.bundle = path, .threads = 2}, &e);
    if (!s)
        fail_msg("service_new: %s", e.text);
    return s;
}

static const char text[] =
    "Rådet skal nu formelt godkende Parlamentets holdning.\nThe Council has to formally approve "
    "it.\n"
    "Hun læser en bog, og toget kører klokken otte hver eneste morgen hele året.\nJa.";

static struct wish wish_for(uint64_t generation, float value)
{
    struct wish w = {.generation = generation,
                     .text = text,
                     .n_text = sizeof text - 1,
                     .insert = insertion_of(INSERT_SAE),
                     .watch = UNIT_NONE,
                     .cursor = 20,
                     .n_next = 3,
                     .losses = true,
                     .refsets = true,
                     .n_units = 2};
    w.unit[0] = (struct chosen_unit){UNIT(3), true, value};
    w.unit[1] = (struct chosen_unit){UNIT(17), value > 0, 1.5f};
    return w;
}

/* The service's last picture is that of a session without threads. */
static void check_last(struct service *s, const struct wish *w)
{
    const struct workbench *wb = service_workbench(s);
    struct error e = {0};
    struct snapshot *p = service_latest(s);
    assert_non_null(p);
    assert_int_equal(p->generation, w->generation);
    assert_true(p->tokens.valid && p->latents.valid && p->loss.valid && p->next.valid &&
                p->refsets.valid);
    struct session *alone = session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at,
                                        wb->set, wb->n_sets, &e);
    assert_non_null(alone);
    session_set(alone, w);
    session_run_to_idle(alone);
    struct snapshot *q = session_snapshot(alone);
    snapshot_check_same(p, q, 1e-5);
    snapshot_unref(q);
    snapshot_unref(p);
    session_free(alone);
}

static void test_one_wish(void **state)
{
    (void)state;
    struct service *s = starts(bundle);
    struct wish w = wish_for(7, 2);
    service_post(s, &w); /* before it is loaded */
    await_idle(s);
    assert_non_null(service_workbench(s));
    check_last(s, &w);
    service_free(s);
}

static void test_newest_wins(void **state)
{
    (void)state;
    struct service *s = starts(bundle);
    struct wish w = wish_for(1, 0);
    for (uint64_t i = 1; i <= 2000; i++) {
        w = wish_for(i, (float)(i % 160) / 10 - 8);
        w.n_text -= i % 40; /* bytes of ASCII at the end */
        w.cursor = i % 7 ? w.n_text : 20;
        service_post(s, &w);
        if (i % 97 == 0)
            await_idle(s);
        snapshot_unref(service_latest(s));
    }
    await_idle(s);
    check_last(s, &w);
    service_free(s);
}

/* Wishes that never stop coming still show something from time to time. */
static void test_pictures_while_dragging(void **state)
{
    (void)state;
    struct service *s = starts(bundle);
    uint64_t i = 1, last = 0;
    for (int seen = 0; seen < 4; i++) {
        struct wish w = wish_for(i, (float)(i % 160) / 10 - 8);
        service_post(s, &w);
        struct snapshot *p = service_latest(s);
        if (p && p->generation > last && p->line[0].loss[LANE_FIXED] &&
            p->line[0].loss[LANE_FIXED]->key == p->lane_key[LANE_FIXED]) {
            last = p->generation;
            seen++;
        }
        snapshot_unref(p);
        struct service_status st;
        service_status(s, &st);
        assert_false(st.failed);
    }
    service_free(s);
}

/* ---- jobs */
static struct request sweep_of_three(void)
{
    struct request r;
    request_init(&r, &sweep_query);
    request_say(&r, "units=3,17,40 values=-2,2 each=true");
    return r;
}

static enum job_status await_job(struct service *s, uint64_t id)
{
    struct job_host host = service_jobs(s);
    for (;;) {
        struct job job;
        assert_true(host.job(host.arg, id, &job));
        enum job_status status = job.status;
        bool there = job.tables != NULL;
        job_release(&job);
        if (status != JOB_QUEUED && status != JOB_RUNNING) {
            assert_true(status != JOB_DONE || there);
            return status;
        }
        await(s);
    }
}

static struct service *starts_without_cache(void)
{
    struct error e = {0};
    struct service *s =
        service_new(&(struct options){.bundle = bundle, .threads = 2, .cache = "none"}, &e);
    if (!s)
        fail_msg("service_new: %s", e.text);
    return s;
}

/* Wishes that come while jobs run are answered as if there were none, and the jobs too. */
static void test_wishes_while_jobs_run(void **state)
{
    (void)state;
    struct service *s = starts_without_cache();
    struct job_host host = service_jobs(s);
    struct request r = sweep_of_three(), h, lens;
    request_init(&h, &latents_query);
    request_init(&lens, &lens_query);
    request_say(&lens, "units=0");
    uint64_t sweep = host.ask(host.arg, &r), harvest = host.ask(host.arg, &h),
             short_one = host.ask(host.arg, &lens), ids[8];
    struct wish w = wish_for(1, 0);
    assert_true(sweep && harvest && short_one && sweep != harvest);
    assert_int_equal(host.ask(host.arg, &r), sweep); /* an equal one is the same */
    for (uint64_t i = 1; i <= 300; i++) {
        w = wish_for(i, (float)(i % 160) / 10 - 8);
        service_post(s, &w);
        if (i % 50 == 0)
            await_idle(s);
    }
    assert_int_equal(await_job(s, sweep), JOB_DONE);
    assert_int_equal(await_job(s, harvest), JOB_DONE);
    assert_int_equal(await_job(s, short_one), JOB_DONE);
    assert_int_equal(host.jobs(host.arg, ids, 8), 3);
    assert_int_equal(ids[0], short_one);
    await_idle(s);
    check_last(s, &w);
    request_release(&r);
    request_release(&h);
    request_release(&lens);
    service_free(s);
}

/* A tensor of `bytes` zeros, of which nothing lies on the disk, at the end of a safetensors file.
 */
static void append_tensor(const char *path, uint64_t bytes)
{
    struct stat st;
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &st), 0);
    char *file = xmalloc((size_t)st.st_size);
    assert_int_equal(fread(file, 1, (size_t)st.st_size, f), st.st_size);
    fclose(f);
    uint64_t n;
    memcpy(&n, file, sizeof n);
    const uint64_t data = (uint64_t)st.st_size - 8 - n;
    char *end = memrchr(file + 8, '}', (size_t)n);
    char *header = xasprintf("%.*s,\"zeros\":{\"dtype\":\"F32\",\"shape\":[%llu],"
                             "\"data_offsets\":[%llu,%llu]}}",
                             (int)(end - file - 8), file + 8, (unsigned long long)bytes / 4,
                             (unsigned long long)data, (unsigned long long)(data + bytes));
    const uint64_t n_header = strlen(header);
    assert_int_equal(unlink(path), 0);
    f = fopen(path, "wb");
    assert_non_null(f);
    fwrite(&n_header, sizeof n_header, 1, f);
    fwrite(header, 1, (size_t)n_header, f);
    fwrite(file + 8 + n, 1, (size_t)data, f);
    assert_int_equal(fflush(f), 0);
    assert_int_equal(ftruncate(fileno(f), (off_t)(8 + n_header + data + bytes)), 0);
    fclose(f);
    free(header);
    free(file);
}

static bool hashes(const struct job_host *host, uint64_t id)
{
    struct job job;
    assert_true(host->job(host->arg, id, &job));
    if (job.status > JOB_RUNNING)
        fail_msg("the job is over (status %d): %s", job.status, job.error.text);
    bool is = job.status == JOB_RUNNING && strcmp(job.what, "hashing weights") == 0;
    job_release(&job);
    return is;
}

/* The first harvest hashes gigabytes of weights: what is typed meanwhile is answered before. */
static void test_a_wish_while_weights_are_hashed(void **state)
{
    (void)state;
    char *weights = xasprintf("%s/model.safetensors", model),
         *small = xasprintf("%s.small", weights);
    assert_int_equal(link(weights, small), 0);
    append_tensor(weights, (uint64_t)(quick() ? 64 : 512) << 20);
    struct service *s = starts_without_cache();
    struct job_host host = service_jobs(s);
    struct request r;
    request_init(&r, &latents_query);
    uint64_t id = host.ask(host.arg, &r);
    while (!hashes(&host, id))
        await(s);
    struct wish w = wish_for(1, 0);
    service_post(s, &w);
    await_answer(s, w.generation);
    assert_true(hashes(&host, id));
    host.cancel(host.arg, id); /* in the middle of it */
    assert_int_equal(await_job(s, id), JOB_CANCELLED);
    request_release(&r);
    service_free(s);
    assert_int_equal(rename(small, weights), 0);
    free(small);
    free(weights);
}

static char *write_lines(const char *name, int lines)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int i = 0; i < lines; i++)
        strbuf_addf(&b,
                    "Sætning %d er en af mange, og nummer %d er ikke langt.\tda\n"
                    "Sentence %d is one of many.\ten\n",
                    i, i + 1, i);
    char *path = xasprintf("%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b.s, 1, b.len, f), b.len);
    fclose(f);
    strbuf_release(&b);
    return path;
}

static bool does(const struct job_host *host, uint64_t id, const char *what)
{
    struct job job;
    assert_true(host->job(host->arg, id, &job));
    if (job.status > JOB_RUNNING)
        fail_msg("the job is over (status %d): %s", job.status, job.error.text);
    bool is = job.status == JOB_RUNNING && strcmp(job.what, what) == 0;
    assert_true(!is || strcmp(what, "reading") != 0 ||
                (job.progress.total > 0 && job.progress.bytes_per_s > 0 && job.progress.share > 0));
    job_release(&job);
    return is;
}

/* A large corpus is read: what is typed meanwhile is answered before, and it can be cancelled. */
static void test_a_wish_while_a_corpus_opens(void **state)
{
    (void)state;
    char *corpus = write_lines("large.tsv", quick() ? 400000 : 1600000);
    struct service *s = starts_without_cache();
    struct job_host host = service_jobs(s);
    struct request r;
    request_init(&r, &harvest_query);
    r.corpus.path = corpus;
    uint64_t id = host.ask(host.arg, &r);
    while (!does(&host, id, "reading"))
        await(s);
    struct wish w = wish_for(1, 0);
    service_post(s, &w);
    await_answer(s, w.generation);
    assert_true(does(&host, id, "reading"));
    host.cancel(host.arg, id);
    assert_int_equal(await_job(s, id), JOB_CANCELLED);
    service_free(s);
    assert_int_equal(unlink(corpus), 0);
    request_release(&r);
}

static enum job_status status_of(const struct job_host *host, uint64_t id)
{
    struct job job;
    assert_true(host->job(host->arg, id, &job));
    const enum job_status status = job.status;
    job_release(&job);
    return status;
}

/* What takes a moment does not wait for what takes long: a lens, and examples of a corpus that is
 * harvested; those of one that isn't wait. */
static void test_quick_jobs_overtake(void **state)
{
    (void)state;
    char *corpus = write_lines("long.tsv", 4000);
    struct service *s = starts_without_cache();
    struct job_host host = service_jobs(s);
    struct request references, sweep, lens, examples, later;
    request_init(&references, &latents_query);
    assert_int_equal(await_job(s, host.ask(host.arg, &references)), JOB_DONE);
    request_init(&sweep, &sweep_query);
    request_say(&sweep, "units=3,17,40 values=-8:8:1 each=true");
    sweep.corpus.path = corpus;
    request_init(&lens, &lens_query);
    request_say(&lens, "units=3");
    request_init(&examples, &examples_query);
    request_say(&examples, "units=3");
    request_copy(&later, &examples);
    later.corpus.path = xstrdup(corpus);
    uint64_t long_one = host.ask(host.arg, &sweep);
    while (!does(&host, long_one, "sweep"))
        await(s);
    uint64_t waits = host.ask(host.arg, &later);
    uint64_t quick[2] = {host.ask(host.arg, &lens), host.ask(host.arg, &examples)};
    for (int i = 0; i < 2; i++)
        assert_int_equal(await_job(s, quick[i]), JOB_DONE);
    assert_int_equal(status_of(&host, long_one), JOB_RUNNING);
    assert_int_equal(status_of(&host, waits), JOB_QUEUED);
    host.cancel(host.arg, waits);
    host.cancel(host.arg, long_one);
    assert_int_equal(await_job(s, long_one), JOB_CANCELLED);
    service_free(s);
    assert_int_equal(unlink(corpus), 0);
    request_release(&references);
    request_release(&sweep);
    request_release(&lens);
    request_release(&examples);
    request_release(&later);
}

static void test_job_cancelled(void **state)
{
    (void)state;
    struct service *s = starts_without_cache();
    struct job_host host = service_jobs(s);
    struct request r = sweep_of_three(), h;
    request_init(&h, &harvest_query);
    uint64_t first = host.ask(host.arg, &r), second = host.ask(host.arg, &h);
    host.cancel(host.arg, second); /* queued or running, never done before the first */
    enum job_status status = await_job(s, second);
    assert_int_equal(status, JOB_CANCELLED);
    assert_int_equal(await_job(s, first), JOB_DONE);
    uint64_t again = host.ask(host.arg, &h); /* a cancelled one is asked anew */
    assert_true(again != second);
    assert_int_equal(await_job(s, again), JOB_DONE);
    assert_false(host.job(host.arg, 99, &(struct job){0}));
    request_release(&r);
    request_release(&h);
    service_free(s);
}

static void test_job_that_fails(void **state)
{
    (void)state;
    struct service *s = starts_without_cache();
    struct job_host host = service_jobs(s);
    struct request r = sweep_of_three();
    struct job job;
    request_say(&r, "units=3,17,4000");
    uint64_t id = host.ask(host.arg, &r);
    assert_int_equal(await_job(s, id), JOB_FAILED);
    assert_true(host.job(host.arg, id, &job));
    assert_non_null(strstr(job.error.text, "4000"));
    job_release(&job);
    request_release(&r);
    service_free(s);
}

static void test_free_while_a_job_runs(void **state)
{
    (void)state;
    for (int i = 0; i < 6; i++) {
        struct service *s = starts_without_cache();
        struct job_host host = service_jobs(s);
        struct request r = sweep_of_three();
        uint64_t id = host.ask(host.arg, &r);
        struct job job = {.status = JOB_QUEUED};
        for (int j = 0; j < 3 * i && job.status <= JOB_RUNNING; j++) {
            await(s);
            assert_true(host.job(host.arg, id, &job));
            job_release(&(struct job){.request = job.request, .tables = job.tables});
        }
        request_release(&r);
        service_free(s);
    }
}

static void test_free_at_any_time(void **state)
{
    (void)state;
    for (int i = 0; i < 12; i++) {
        struct service *s = starts(bundle);
        struct wish w = wish_for(1, 2);
        service_post(s, &w);
        struct service_status st;
        service_status(s, &st);
        for (int j = 0; j < i && !st.idle; j++, service_status(s, &st))
            await(s);
        service_free(s);
    }
}

static void test_failure_is_told(void **state)
{
    (void)state;
    struct service *s = starts("/nowhere.glimt");
    struct service_status st;
    for (service_status(s, &st); st.loading; service_status(s, &st))
        await(s);
    assert_true(st.failed && strstr(st.error.text, "/nowhere.glimt"));
    assert_null(service_workbench(s));
    assert_null(service_latest(s));
    service_free(s);
}

static pthread_t caught_on;
static volatile sig_atomic_t caught;
static void on_signal(int number)
{
    (void)number;
    caught_on = pthread_self();
    caught++;
}

static void test_signals_are_the_callers(void **state)
{
    (void)state;
    struct sigaction action = {.sa_handler = on_signal}, old;
    struct service *s = starts(bundle);
    struct wish w = wish_for(1, 2);
    service_post(s, &w);
    await_idle(s); /* the worker and the device's threads are there */
    sigset_t usr1, before;
    sigemptyset(&usr1);
    sigaddset(&usr1, SIGUSR1);
    assert_int_equal(sigaction(SIGUSR1, &action, &old), 0);
    pthread_sigmask(SIG_BLOCK, &usr1,
                    &before); /* here too: so it stays pending unless a thread of theirs takes it */
    kill(getpid(), SIGUSR1);
    service_free(s);
    assert_int_equal(caught, 0);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    assert_int_equal(caught, 1);
    assert_true(pthread_equal(caught_on, pthread_self()));
    sigaction(SIGUSR1, &old, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bundle),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_spellings_of_points),
        cmocka_unit_test(test_points_that_are_not_there),
        cmocka_unit_test(test_program_data),
        cmocka_unit_test(test_one_wish),
        cmocka_unit_test(test_newest_wins),
        cmocka_unit_test(test_pictures_while_dragging),
        cmocka_unit_test(test_wishes_while_jobs_run),
        cmocka_unit_test(test_a_wish_while_weights_are_hashed),
        cmocka_unit_test(test_a_wish_while_a_corpus_opens),
        cmocka_unit_test(test_quick_jobs_overtake),
        cmocka_unit_test(test_job_cancelled),
        cmocka_unit_test(test_job_that_fails),
        cmocka_unit_test(test_free_while_a_job_runs),
        cmocka_unit_test(test_free_at_any_time),
        cmocka_unit_test(test_failure_is_told),
        cmocka_unit_test(test_signals_are_the_callers),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
