/* Whole models on the shim: the live text, studies, what travels for a key and a slider; and every
 * call that may fail does, one after the other. What is right is the CPU's, and the long way's. */
#include "engine/study/harvest_private.h"
#include "engine/study/sweep.h"
#include "gpu/cuda.h"
#include "tests/engine/study/chunks.h"
#include "tests/support/session_oracle.h"
#include "tests/support/unit.h"

#define TOLERANCE 2e-4 /* of sums in float, in another order */
#define HOOK "layers.1.mlp.act"

static struct backend *on_shim(struct error *e)
{
    return glimt_backend_new(&(struct backend_want){.precision = PRECISION_F32}, e);
}

static const struct tiny_spec on_cpu = {.hook = HOOK}, on_card = {.hook = HOOK, .device = on_shim};

/* ---- the live text */
static const struct wish first_wish = {
    .generation = 1,
    .text = "Hun køber brød hver morgen.\nThe train leaves at eight",
    .n_text = 55,
    .insert = {.sae = UINT32_MAX},
    .n_units = 2,
    .unit = {{{0, 3}, true, 2}, {{0, 17}, false, 0}},
    .watch = {0, 40},
    .cursor = 55,
    .n_next = 3,
    .losses = true,
};

static struct wish key_wish(void)
{
    struct wish w = first_wish;
    w.generation = 2, w.text = "Hun køber brød hver morgen.\nThe train leaves at eight o",
    w.n_text = 57;
    w.cursor = w.n_text;
    return w;
}
static struct wish slider_wish(void)
{
    struct wish w = key_wish();
    w.generation = 3, w.unit[0].value = -1.5f;
    return w;
}

/* Keys at the end of a text, or values of a slider. */
static struct wish wish_at(int i, bool key, char *text, size_t room)
{
    struct wish w = first_wish;
    w.generation = (uint64_t)i + 10;
    snprintf(text, room, "Hun køber brød hver morgen og ser %.*s", key ? i : 1, "udadeneretaverud");
    w.text = text, w.n_text = w.cursor = strlen(text);
    w.unit[0].value = key ? 1 : 0.25f * (float)i;
    return w;
}

/* False: the session has an error. */
static bool to_idle(struct session *s, const struct wish *w)
{
    int steps = 0;
    session_set(s, w);
    while (session_step(s, NULL) != STAGE_IDLE)
        assert_in_range(++steps, 1, 1000);
    return !error_is_set(session_error(s));
}

static struct session *new_session(const struct tiny_model *t, int32_t n_sets, struct error *e)
{
    return session_new(t->backend, t->model, t->tokenizer, &t->set, t->at, tiny_sets, n_sets, e);
}

/* What the CPU shows of these wishes. */
struct expected {
    struct tiny_model t;
    struct session *s;
};
static void expected_open(struct expected *x)
{
    struct error e = {0};
    tiny_open(&x->t, &on_cpu);
    x->s = new_session(&x->t, 0, &e);
    assert_non_null(x->s);
}
static void expected_close(struct expected *x)
{
    session_free(x->s);
    tiny_close(&x->t);
}
static void check_against(struct expected *x, struct session *s, const struct wish *w)
{
    assert_true(to_idle(x->s, w));
    struct snapshot *right = session_snapshot(x->s), *got = session_snapshot(s);
    snapshot_check_same(got, right, TOLERANCE);
    snapshot_unref(right);
    snapshot_unref(got);
}

static void test_live_text(void **state)
{
    (void)state;
    struct tiny_model t, cpu;
    struct error e = {0};
    const struct wish key = key_wish();
    struct wish slider = slider_wish();
    shim_seed(5);
    tiny_open(&cpu, &on_cpu);
    tiny_open(&t, &on_card);
    struct session *s = new_session(&t, 0, &e);
    for (int i = 0; i < 4; i++) {
        if (i == 3)
            slider.insert = insertion_of(INSERT_ERROR), slider.unit[1].fixed = true;
        const struct wish *w = i == 0 ? &first_wish : i == 1 ? &key : &slider;
        if (!to_idle(s, w))
            fail_msg("%s", session_error(s)->text);
        struct snapshot *got = session_snapshot(s);
        session_check_direct(&cpu, tiny_sets, 0, w, got, TOLERANCE);
        snapshot_unref(got);
    }
    session_free(s);
    tiny_close(&t);
    tiny_close(&cpu);
    assert_int_equal(shim_bytes(), 0);
}

/* ---- studies */
static void check_tables(const struct study_ops *ops, const struct params *a)
{
    struct table_set *set[2];
    struct corpus *c = tiny_corpus(quick() ? 2 : 4, true);
    for (int i = 0; i < 2; i++) {
        struct tiny_model t;
        shim_seed(9);
        tiny_open(&t, i ? &on_card : &on_cpu);
        t.backend->caps.chunk_docs = 3; /* the same chunks */
        const struct study_in in = tiny_in(&t, c);
        struct study *s = study_done(ops, &in, a);
        set[i] = ops->tables(s);
        ops->free(s);
        tiny_close(&t);
    }
    corpus_free(c);
    assert_int_equal(set[0]->n, set[1]->n);
    for (int32_t i = 0; i < set[0]->n; i++) {
        const struct table *x = set[0]->table[i], *y = set[1]->table[i];
        assert_int_equal(x->n_rows, y->n_rows);
        assert_int_equal(x->n_cols, y->n_cols);
        for (int64_t r = 0; r < x->n_rows; r++)
            for (int32_t k = 0; k < x->n_cols; k++)
                near(table_f64(y, r, k), table_f64(x, r, k), 1e-3, x->cols[k].name, (long)r, i);
    }
    table_set_unref(set[0]);
    table_set_unref(set[1]);
}

static void test_studies(void **state)
{
    (void)state;
    check_tables(&sweep_study, given(&sweep_study, "units=3,17 values=-2,1.5 insert=sae,error"));
    check_tables(&harvest_study, given(&harvest_study, ""));
}

/* ---- two sub-batches at once */
static struct {
    void (*select)(struct queue *, struct csr *, int32_t first, struct tensor pre,
                   const struct select *);
    bool (*pending)(struct queue *, uint64_t mark);
    const struct study *study;
    int batches, beside; /* whose codes were asked for; while those before were on their way */
} overlap;

static void seen_select(struct queue *q, struct csr *f, int32_t first, struct tensor pre,
                        const struct select *by)
{
    if (overlap.study && q->kind == QUEUE_JOB) {
        overlap.batches++;
        overlap.beside += overlap.study->batch[0].to || overlap.study->batch[1].to;
    }
    overlap.select(q, f, first, pre, by);
}

/* A device that is done when it is asked. */
static bool never_pending(struct queue *q, uint64_t mark)
{
    q->backend->queue_sync(q);
    return overlap.pending(q, mark);
}

struct between { /* the live text, whose key or slider comes while a harvest is under way */
    struct session *s;
    int polls, wishes, done;
    struct snapshot *got[8];
};

static void live_between(void *arg)
{
    struct between *b = arg;
    char text[128];
    if (b->polls++ % 40 == 0 && b->wishes < 8) {
        if (b->wishes > 0)
            b->got[b->done++] = session_snapshot(b->s);
        const struct wish w = wish_at(b->wishes, b->wishes % 2 == 1, text, sizeof text);
        b->wishes++;
        session_set(b->s, &w);
    }
    while (session_step(b->s, NULL) != STAGE_IDLE)
        ;
}

/* The tables of a harvest in chunks of several sub-batches. */
static struct table_set *harvested(const struct tiny_model *t, struct corpus *c, bool alone,
                                   struct between *live)
{
    const struct study_in in = tiny_in(t, c);
    const struct study_loop loop = {.poll = live ? live_between : NULL, .poll_arg = live};
    struct error e = {0};
    struct study *s = study_new(&harvest_study, &in, given(&harvest_study, "keep-activations"));
    overlap.select = t->backend->select, overlap.pending = t->backend->queue_pending;
    overlap.study = s, overlap.batches = overlap.beside = 0;
    t->backend->select = seen_select;
    t->backend->queue_pending = alone ? never_pending : overlap.pending;
    if (!study_run(&harvest_study, s, t->queue, 0, &loop, &e))
        fail_msg("%s", e.text);
    t->backend->select = overlap.select, t->backend->queue_pending = overlap.pending;
    overlap.study = NULL;
    static const char *const cls[] = {"da", "en"};
    struct harvest_view v;
    harvest_view_of(s, cls, &v);
    struct table_set *set = harvest_study.tables(s);
    table_set_add(set, latents_table(&v, 0, true));
    struct latent_detail *d = harvest_detail(s, 3);
    table_set_add(set, detail_examples(d, &in, 20));
    free(d);
    harvest_view_release(&v);
    harvest_study.free(s);
    return set;
}

static void test_two_sub_batches(void **state)
{
    (void)state;
    struct corpus *c = tiny_corpus(quick() ? 6 : 8, true);
    struct table_set *alone = NULL;
    for (int i = 0; i < 4; i++) {
        struct tiny_model t;
        struct error e = {0};
        struct between live = {0};
        shim_seed((uint64_t)i);
        tiny_open(&t, &(struct tiny_spec){.hook = HOOK, .device = on_shim, .rows_per_job = 10});
        t.backend->caps.chunk_docs = 5;
        if (i == 3)
            live.s = new_session(&t, 0, &e);
        struct table_set *got = harvested(&t, c, i == 0, live.s ? &live : NULL);
        assert_in_range(overlap.batches, 6, 60);
        if (i == 0) {
            assert_int_equal(overlap.beside, 0);
            alone = got;
        } else {
            assert_in_range(overlap.beside, overlap.batches / 2, overlap.batches - 1);
            same_tables(got, alone);
            table_set_unref(got);
        }
        for (int k = 0; k < live.done; k++) { /* as they are alone */
            char text[128];
            struct session *s = new_session(&t, 0, &e);
            const struct wish w = wish_at(k, k % 2 == 1, text, sizeof text);
            assert_true(to_idle(s, &w));
            struct snapshot *right = session_snapshot(s);
            snapshot_check_same(live.got[k], right, TOLERANCE);
            snapshot_unref(right);
            snapshot_unref(live.got[k]);
            session_free(s);
        }
        if (i == 3)
            assert_in_range(live.done, 3, 8);
        session_free(live.s);
        tiny_close(&t);
    }
    table_set_unref(alone);
    corpus_free(c);
    assert_int_equal(shim_bytes(), 0);
}

/* ---- what travels */
static struct shim_traffic since(struct shim_traffic from)
{
    const struct shim_traffic *now = &shim_traffic;
    return (struct shim_traffic){now->up - from.up,         now->down - from.down,
                                 now->copies - from.copies, now->asked - from.asked,
                                 now->graphs - from.graphs, now->captured - from.captured,
                                 now->waits - from.waits};
}

static struct shim_traffic travels(struct session *s, const struct wish *w)
{
    const struct shim_traffic from = shim_traffic;
    assert_true(to_idle(s, w));
    return since(from);
}

/* In a text that is known what changes is what travels: never activations, which would be 3,200
 * bytes of the stream and 8,000 of pre-activations. */
static void test_what_travels(void **state)
{
    (void)state;
    struct tiny_model t;
    struct error e = {0};
    struct wish w = first_wish, more = first_wish;
    tiny_open(&t, &on_card);
    struct session *s = new_session(&t, 0, &e);
    w.n_next = 0, w.cursor = 0;
    assert_true(to_idle(s, &w));
    struct snapshot *snap = session_snapshot(s);
    const uint64_t n = (uint64_t)snap->n_tokens;
    snapshot_unref(snap);
    w.generation++, w.unit[0].value = 1;
    struct shim_traffic slider = travels(s, &w);
    assert_in_range(slider.down, 4 * n, 4 * n + 256); /* a loss a token, and what was found wrong */
    assert_in_range(slider.up, 1, 16 * n + 512);      /* where rows lie, who follows whom */
    more.n_next = 3, more.generation = 9;
    assert_true(to_idle(s, &more));
    const struct wish key = key_wish();
    struct shim_traffic one = travels(s, &key);
    assert_in_range(one.up, 1, 1024);
    assert_in_range(one.down, 1, 2048);
    assert_in_range(one.copies, 1, 48);
    session_free(s);
    tiny_close(&t);
}

/* ---- memory */
static void total_of(void *arg, uint64_t done, uint64_t total)
{
    uint64_t *to = arg;
    assert_true(done <= total);
    *to = total;
}

/* What the screen tells of (device_memory), what was asked for before anything was loaded, and what
 * model and SAE say that they take are what the device was asked for. */
static void test_memory_adds_up(void **state)
{
    (void)state;
    enum { OF_A_QUEUE = 64 << 10 }; /* vectors, faults, working space */
    struct tiny_model files, t;
    struct error e = {0};
    char path[160];
    uint64_t need = 0;
    tiny_open(&files, &on_cpu);
    t = files;
    t.backend = on_shim(&e);
    const size_t before = shim_device_bytes();
    snprintf(path, sizeof path, "%s/model", t.dir);
    const struct model_how how = {.progress = total_of, .progress_arg = &need};
    assert_true(model_open(t.backend, path, &how, &t.model, &e));
    const size_t with_model = shim_device_bytes();
    assert_in_range(with_model - before, need, need + OF_A_QUEUE);
    assert_in_range(with_model - before, model_bytes(t.model), model_bytes(t.model) + OF_A_QUEUE);
    snprintf(path, sizeof path, "%s/sae.safetensors", t.dir);
    assert_true(dict_open(t.backend, path, NULL, &t.dict, &e));
    const size_t opened = shim_device_bytes() - with_model, kept = dict_bytes(t.dict);
    assert_in_range(opened, kept, kept + OF_A_QUEUE);
    assert_in_range(dict_need(t.dict) + 1024, kept, kept + OF_A_QUEUE);
    t.set = (struct dict_set){0};
    assert_true(dict_set_add(&t.set, t.dict, t.at, &e));
    struct session *s = new_session(&t, 0, &e);
    for (int i = 0; i < 2; i++) {
        const struct device_memory m = t.backend->memory(t.backend);
        assert_int_equal(m.total - m.free, shim_device_bytes());
        assert_true(i == 0 || to_idle(s, &first_wish));
    }
    assert_true(shim_device_bytes() > with_model + opened + (1 << 20)); /* arena, rows, keys */
    session_free(s);
    assert_in_range(shim_device_bytes(), with_model + opened, with_model + opened + OF_A_QUEUE);
    dict_set_release(&t.set);
    model_free(t.model);
    t.backend->free(t.backend);
    tiny_close(&files);
    assert_int_equal(shim_bytes(), 0);
}

/* ---- what comes again is asked for as one thing */
enum { STEPS = 12 };
struct taken { /* what a slider, or a key, came to */
    struct snapshot *got;
    struct shim_traffic asked;
};

static void type_and_drag(struct session *s, struct taken taken[2][STEPS])
{
    char text[128];
    for (int key = 0; key < 2; key++)
        for (int i = 0; i < STEPS; i++) {
            const struct wish w = wish_at(i, key == 1, text, sizeof text);
            const struct shim_traffic from = shim_traffic;
            if (!to_idle(s, &w))
                fail_msg("%s", session_error(s)->text);
            taken[key][i] = (struct taken){session_snapshot(s), since(from)};
        }
}

/* Bit for bit the same; and once they have been there twice a slider is two waits, of the losses
 * and of the predictions, and a graph for each of them, a key three. */
static void test_replay(void **state)
{
    (void)state;
    struct tiny_model t;
    struct error e = {0};
    struct taken with[2][STEPS], without[2][STEPS];
    shim_seed(5);
    tiny_open(&t, &on_card);
    for (int graphs = 0; graphs < 2; graphs++) {
        setenv("GLIMT_GRAPHS", graphs ? "1" : "0", 1);
        struct session *s = new_session(&t, 0, &e);
        type_and_drag(s, graphs ? with : without);
        session_free(s);
    }
    unsetenv("GLIMT_GRAPHS");
    for (int key = 0; key < 2; key++)
        for (int i = 0; i < STEPS; i++) {
            const struct shim_traffic *a = &with[key][i].asked, *b = &without[key][i].asked;
            snapshot_check_same(with[key][i].got, without[key][i].got, 0);
            assert_int_equal(a->asked + a->captured, b->asked);
            assert_int_equal(b->graphs, 0);
            assert_true(a->waits == b->waits && a->up == b->up && a->down == b->down);
            if (i == STEPS - 1) {
                assert_int_equal(a->asked, 0);
                assert_int_equal(a->graphs, key ? 4 : 2);
                assert_int_equal(a->waits, key ? 4 : 2);
                assert_in_range(b->asked, 30, key ? 120 : 50);
            }
            snapshot_unref(with[key][i].got);
            snapshot_unref(without[key][i].got);
        }
    tiny_close(&t);
    assert_int_equal(shim_bytes(), 0);
}

/* ---- every call fails once */
enum doing { OPENING, FIRST_TEXT, A_KEY, A_SLIDER, A_HARVEST, N_DOING };

struct scene { /* one go at all of it, in which call n of `at` fails; n 0: none */
    enum doing at;
    int n;
    cudaError_t code;
    int calls; /* of `at` */
    bool failed;
    struct error error;
    struct expected *right;
    struct corpus *corpus;
};

static int begin(struct scene *c, enum doing what)
{
    if (what == c->at && c->n > 0)
        shim_fail(c->n, c->code);
    return shim_calls();
}

/* True: it went well. Behind a failure what was asked of the device is asked again. */
static bool end(struct scene *c, enum doing what, int from, bool ok, const struct error *e)
{
    if (what != c->at)
        return ok;
    c->calls = shim_calls() - from;
    shim_fail(0, cudaSuccess);
    c->failed = !ok;
    if (!ok)
        c->error = *e;
    return ok;
}

/* Up to the wish behind the one that fails; a text that is short enough to be read so often. */
static void live_scene(struct scene *c, struct session *s)
{
    static const char text[] = "Hun køber\nThe tr", *more = "Hun køber\nThe tra";
    const struct wish wish[] = {first_wish, key_wish(), slider_wish()};
    for (int i = 0; i < 3 && FIRST_TEXT + i <= (int)c->at + 1; i++) {
        struct wish w = wish[i];
        const enum doing what = (enum doing)(FIRST_TEXT + i);
        w.text = i ? more : text, w.n_text = strlen(w.text), w.cursor = w.n_text;
        const int from = begin(c, what);
        const bool ok = to_idle(s, &w);
        if (end(c, what, from, ok, session_error(s))) {
            if (what > c->at || c->n == 0)
                check_against(c->right, s, &w);
            continue;
        }
        if (c->error.kind == ERROR_LOST)
            return;
        w.generation += 100;
        if (!to_idle(s, &w))
            fail_msg("call %d of %d: %s", c->n, c->at, session_error(s)->text);
        check_against(c->right, s, &w);
    }
}

static void harvest_scene(struct scene *c, const struct tiny_model *t)
{
    const struct study_in in = tiny_in(t, c->corpus);
    struct study *s = NULL;
    struct error e = {0};
    const int from = begin(c, A_HARVEST);
    bool ok = harvest_study.open(&in, given(&harvest_study, ""), &s, &e) &&
              study_run(&harvest_study, s, t->queue, 0, &(struct study_loop){0}, &e);
    ok = end(c, A_HARVEST, from, ok, &e);
    if (ok)
        table_set_unref(harvest_study.tables(s));
    if (s)
        harvest_study.free(s);
}

static bool open_scene(struct scene *c, struct tiny_model *t)
{
    char path[160];
    struct error e = {0};
    const int from = begin(c, OPENING);
    snprintf(path, sizeof path, "%s/model", t->dir);
    t->backend = on_shim(&e);
    t->queue = t->backend ? t->backend->queue_new(t->backend, QUEUE_JOB, &e) : NULL;
    bool ok = t->queue && model_open(t->backend, path, NULL, &t->model, &e);
    snprintf(path, sizeof path, "%s/sae.safetensors", t->dir);
    ok = ok && dict_open(t->backend, path, NULL, &t->dict, &e) &&
         dict_set_add(&t->set, t->dict, t->at, &e);
    return end(c, OPENING, from, ok, &e);
}

/* All of it, with the files of `t`. */
static void play(struct scene *c, const struct tiny_model *files)
{
    struct tiny_model t = *files;
    struct error e = {0};
    t.model = NULL, t.dict = NULL, t.set = (struct dict_set){0};
    if (open_scene(c, &t) && c->at != OPENING) {
        struct session *s = c->at == A_HARVEST ? NULL : new_session(&t, 0, &e);
        if (s)
            live_scene(c, s);
        else
            harvest_scene(c, &t);
        session_free(s);
    }
    dict_set_release(&t.set);
    model_free(t.model);
    if (t.queue)
        t.backend->queue_free(t.queue);
    if (t.backend)
        t.backend->free(t.backend);
    if (c->failed && c->error.kind == ERROR_LOST)
        shim_reset();
    assert_int_equal(shim_bytes(), 0);
}

static void each_call_fails(cudaError_t code, enum error_kind kind)
{
    struct expected right;
    struct corpus *corpus = tiny_corpus(2, true);
    expected_open(&right);
    for (int at = 0; at < N_DOING; at++) {
        struct scene usual = {.at = (enum doing)at, .right = &right, .corpus = corpus};
        int failures = 0;
        play(&usual, &right.t);
        assert_false(usual.failed);
        const int step = 1 + usual.calls / (quick() ? 1 : lengthy() ? 100000 : 3);
        for (int n = 1; n <= usual.calls; n += step) {
            struct scene c = usual;
            c.n = n, c.code = code;
            play(&c, &right.t);
            if (!c.failed)
                continue;
            failures++;
            if (c.error.kind != kind && n > 4) /* the first look for a device */
                fail_msg("call %d of %d: %s", n, at, c.error.text);
        }
        assert_true(failures > 0);
        print_message("%d: %d calls, step %d, %d failures\n", at, usual.calls, step, failures);
    }
    corpus_free(corpus);
    expected_close(&right);
}

static void test_each_call_has_no_memory(void **state)
{
    (void)state;
    each_call_fails(cudaErrorMemoryAllocation, ERROR_MEMORY);
}
static void test_each_call_loses_the_device(void **state)
{
    (void)state;
    each_call_fails(cudaErrorIllegalAddress, ERROR_LOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_live_text),
        cmocka_unit_test(test_studies),
        cmocka_unit_test(test_two_sub_batches),
        cmocka_unit_test(test_what_travels),
        cmocka_unit_test(test_memory_adds_up),
        cmocka_unit_test(test_replay),
        cmocka_unit_test(test_each_call_has_no_memory),
        cmocka_unit_test(test_each_call_loses_the_device),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
