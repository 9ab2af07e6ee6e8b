/* The driver and the pass over documents, by a real study. */
#include "engine/study/harvest.h"
#include "tests/engine/study/chunks.h"

/* ---- the driver */
struct heard { /* what the loop said */
    struct study_progress last;
    int64_t n, stop_after, saved_at, n_saved, parts;
    atomic_bool cancel;
    bool refuse;
    struct strbuf state;
};

static void hear(void *arg, const struct study_progress *p)
{
    struct heard *h = arg;
    assert_true(p->tokens >= h->last.tokens && p->elapsed >= h->last.elapsed);
    assert_true(p->tokens_per_s >= 0 && (isnan(p->left) || p->left >= 0));
    near(p->share, ((double)p->done + p->part) / (double)p->total, 1e-12, "share", (long)p->done,
         0);
    if (p->part > 0) { /* of the chunk behind the last one */
        assert_true(p->part <= 1 && p->done == (h->n == 0 ? p->done : h->last.done));
        assert_true(p->left > 0);
        h->parts++;
        return;
    }
    assert_int_equal(p->done, h->n == 0 ? p->done : h->last.done + 1);
    h->last = *p;
    if (++h->n == h->stop_after)
        atomic_store(&h->cancel, true);
}

static bool keep_state(void *arg, const struct study *study, int64_t next, struct error *e)
{
    struct heard *h = arg;
    if (h->refuse)
        return error_set(e, ERROR_SYSTEM, "the disk is full");
    h->saved_at = next;
    h->n_saved++;
    strbuf_clear(&h->state);
    state_save(&harvest_study, study, &h->state);
    return true;
}

static struct study_loop loop_of(struct heard *h)
{
    strbuf_init(&h->state);
    return (struct study_loop){.cancel = &h->cancel,
                               .progress = hear,
                               .progress_arg = h,
                               .checkpoint = keep_state,
                               .checkpoint_arg = h};
}

static struct strbuf state_of(struct study *s)
{
    struct strbuf b;
    strbuf_init(&b);
    state_save(&harvest_study, s, &b);
    return b;
}

static void assert_same_state(struct study *a, struct study *b)
{
    struct strbuf x = state_of(a), y = state_of(b);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.s, y.s, x.len);
    strbuf_release(&x);
    strbuf_release(&y);
}

static void progress_counts_chunks_and_tokens(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c);
    struct study *s = study_new(&harvest_study, &in, given(&harvest_study, ""));
    struct heard h = {0};
    struct study_loop loop = loop_of(&h);
    struct error e = {0};
    loop.checkpoint_s = 1e-9; /* after every chunk but the last */
    assert_true(study_run(&harvest_study, s, t.queue, 0, &loop, &e));
    assert_int_equal(h.n, 3); /* 40 documents, 16 a chunk */
    assert_true(h.parts > 0); /* the first part that is told of */
    assert_int_equal(h.last.done, 3);
    assert_int_equal(h.n_saved, 2);
    assert_int_equal(h.saved_at, 2);
    assert_true(h.last.share >= 1 && h.last.left <= 0);
    assert_int_equal((int64_t)h.last.tokens,
                     harvest_class(s, 0)->tokens + harvest_class(s, 1)->tokens);
    assert_false(study_run(&harvest_study, s, t.queue, 4, NULL, &e));
    assert_non_null(strstr(e.text, "expected 0 to 3"));
    assert_true(study_run(&harvest_study, s, t.queue, 3, NULL, NULL)); /* nothing is left */
    strbuf_release(&h.state);
    harvest_study.free(s);
    corpus_free(c);
    tiny_close(&t);
}

/* Stopped after any chunk, the checkpoint leads to the bytes of an undisturbed run. */
static void cancelled_runs_go_on(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(20, false);
    struct study_in in = tiny_in(&t, c);
    struct study *whole = study_done(&harvest_study, &in, given(&harvest_study, ""));
    for (int64_t n = 1; n <= 3; n++) {
        struct heard h = {.stop_after = n};
        struct study_loop loop = loop_of(&h);
        struct study *s = study_new(&harvest_study, &in, given(&harvest_study, ""));
        struct error e = {0};
        bool ok = study_run(&harvest_study, s, t.queue, 0, &loop, &e);
        assert_true(ok == (n == 3)); /* raised after the last chunk it comes too late */
        if (!ok) {
            assert_true(e.kind == ERROR_CANCELLED);
            assert_int_equal(h.saved_at, n);
            harvest_study.free(s);
            s = study_new(&harvest_study, &in, given(&harvest_study, ""));
            e = (struct error){0};
            assert_true(state_load(&harvest_study, s, h.state.s, h.state.len, &e));
            assert_true(study_run(&harvest_study, s, t.queue, h.saved_at, NULL, &e));
        }
        assert_same_state(whole, s);
        strbuf_release(&h.state);
        harvest_study.free(s);
    }
    harvest_study.free(whole);
    corpus_free(c);
    tiny_close(&t);
}

/* Raised between any two operations. */
static void cancel_inside_a_chunk(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .rows_per_job = 8});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c);
    struct study *whole = study_done(&harvest_study, &in, given(&harvest_study, ""));
    int64_t stops = 0;
    for (int n = 1;; n += quick() ? 41 : 7) {
        struct heard h = {0};
        struct study_loop loop = loop_of(&h);
        struct countdown down = {.left = n};
        struct study *s = study_new(&harvest_study, &in, given(&harvest_study, ""));
        struct error e = {0};
        loop.cancel = &down.cancel;
        loop.poll = count_down;
        loop.poll_arg = &down;
        bool ok = study_run(&harvest_study, s, t.queue, 0, &loop, &e);
        if (!ok) {
            assert_true(e.kind == ERROR_CANCELLED);
            assert_int_equal(h.n_saved, 1);
            assert_true(study_run(&harvest_study, s, t.queue, h.saved_at, NULL, NULL));
            stops++;
        }
        assert_same_state(whole, s);
        strbuf_release(&h.state);
        harvest_study.free(s);
        if (ok)
            break;
    }
    assert_true(stops > 3);
    harvest_study.free(whole);
    corpus_free(c);
    tiny_close(&t);
}

static void a_refused_checkpoint_ends_the_run(void **unused)
{
    (void)unused;
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.0.mlp.out"});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c);
    for (int stop = 0; stop < 2; stop++) { /* on time; on cancelling */
        struct study *s = study_new(&harvest_study, &in, given(&harvest_study, ""));
        struct heard h = {.refuse = true, .stop_after = stop};
        struct study_loop loop = loop_of(&h);
        struct error e = {0};
        loop.checkpoint_s = stop ? 0 : 1e-9;
        assert_false(study_run(&harvest_study, s, t.queue, 0, &loop, &e));
        assert_true(e.kind == ERROR_SYSTEM);
        assert_non_null(strstr(e.text, "harvest"));
        assert_non_null(strstr(e.text, "the disk is full"));
        assert_int_equal(h.n, 1);
        strbuf_release(&h.state);
        harvest_study.free(s);
    }
    corpus_free(c);
    tiny_close(&t);
}

/* ---- the pass */
struct seen { /* rows in the order they came */
    const struct study_in *in;
    int64_t n, n_batches, most;
    struct pass_row row[4096];
    int32_t id[4096], target[4096];
    bool first[4096]; /* of a sequence */
};

static void check_state(struct run *run, const struct study_in *in, const struct pass_batch *b)
{
    int32_t width = model_width(in->model, in->at);
    float *all = xcalloc((size_t)b->n_rows * (size_t)width, sizeof *all);
    float *one = xcalloc((size_t)b->n_rows * (size_t)width, sizeof *one);
    run_get(run, all, b->state.value);
    for (int32_t s = 0; s < b->seq->n; s++) { /* each window by itself */
        int32_t at = b->seq->start[s], n = b->seq->start[s + 1] - at, start[2] = {0, n};
        struct batch batch = {
            .n_rows = n, .ids = b->seq->ids + at, .seqs = {.n = 1, .start = start}};
        struct state state;
        model_forward(run, in->model, &batch, NULL, in->at, NULL, 0, &state);
        run_get(run, one, state.value);
        for (int64_t i = 0; i < (int64_t)n * width; i++)
            near((double)all[(int64_t)at * width + i], (double)one[i], 1e-5, "state", s, (long)i);
    }
    assert_true(run_ok(run));
    free(all);
    free(one);
}

static void see(void *arg, struct run *run, const struct pass_batch *b)
{
    struct seen *x = arg;
    x->n_batches++;
    x->most = b->n_rows > x->most ? b->n_rows : x->most;
    assert_int_equal(b->seq->start[0], 0);
    assert_int_equal(b->seq->start[b->seq->n], b->n_rows);
    for (int32_t s = 0; s < b->seq->n; s++)
        x->first[x->n + b->seq->start[s]] = true;
    for (int32_t r = 0; r < b->n_rows; r++, x->n++) {
        x->row[x->n] = b->row[r];
        x->id[x->n] = b->seq->ids[r];
        x->target[x->n] = b->seq->target[r];
    }
    check_state(run, x->in, b);
}

/* All tokens of all documents come once and in order, in windows of the context. */
static void check_rows(const struct seen *x, const struct study_in *in, int32_t n_ctx)
{
    int32_t bos = in->bos ? tokenizer_eot(in->tokenizer) : -1, room = n_ctx - (in->bos ? 1 : 0);
    int64_t at = 0;
    for (int64_t d = 0; d < in->corpus->n_docs; d++) {
        struct pass_doc *doc = pass_docs(in, d, 1);
        assert_int_equal(doc->doc, d);
        for (int32_t i = 0; i < doc->n; i++) {
            bool first = i % room == 0;
            if (first && in->bos) {
                assert_true(x->first[at] && x->row[at].pos == -1 && x->id[at] == bos);
                assert_int_equal(x->target[at], doc->token[i].id);
                assert_int_equal(x->row[at++].doc, d);
            }
            bool last = i % room == room - 1 || i == doc->n - 1;
            assert_int_equal(x->row[at].doc, d);
            assert_int_equal(x->row[at].pos, i);
            assert_int_equal(x->id[at], doc->token[i].id);
            assert_int_equal(x->target[at], last ? -1 : doc->token[i + 1].id);
            assert_true(x->first[at] == (first && !in->bos));
            at++;
        }
        pass_docs_free(doc, 1);
    }
    assert_int_equal(x->n, at);
}

static void documents_become_windows(void **unused)
{
    (void)unused;
    static const char *const da[] = {"Hun køber brød hver morgen, og så går hun hjem igen.", "å"};
    static const char *const en[] = {"She buys bread every morning, and then she goes home again.",
                                     "a"};
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = 8, .rows_per_job = 5});
    struct corpus *c = corpus_of(da, 2, en, 2, false, CORPUS_ALL);
    for (int bos = 0; bos < 2; bos++) {
        struct study_in in = tiny_in(&t, c);
        struct run run = {.queue = t.queue, .arena = arena_new(t.queue)};
        struct seen *x = xcalloc(1, sizeof *x);
        in.bos = bos;
        x->in = &in;
        for (int64_t i = 0; i < pass_chunks(&in); i++)
            pass_chunk(&run, &in, i, see, x);
        assert_true(run_ok(&run));
        assert_true(x->n_batches > 1 && x->most <= 20); /* 5 rows a job, four times for its size */
        check_rows(x, &in, 8);
        arena_free(run.arena);
        free(x);
    }
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(progress_counts_chunks_and_tokens),
        cmocka_unit_test(cancelled_runs_go_on),
        cmocka_unit_test(cancel_inside_a_chunk),
        cmocka_unit_test(a_refused_checkpoint_ends_the_run),
        cmocka_unit_test(documents_become_windows),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
