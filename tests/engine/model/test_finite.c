/* What is no finite number: refused where it is read, or by the name of the layer that made it. */
#include "engine/cpu/cpu.h"
#include "engine/formats/tensors.h"
#include "engine/model/model.h"
#ifdef __x86_64__ /* where the shim's fibers are */
#include "gpu/cuda.h"
#endif
#include "tests/support/hash_weights.h"
#include "tests/support/spoil.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

enum { D = 16, D_MLP = 24, LAYERS = 2, VOCAB = 40, T = 5 };
static const int32_t ids[T] = {7, 3, 9, 3, 11};

/* One that knows at once, and one that finds out later: names are the same. */
static struct backend *open_cpu(struct error *e)
{
    return cpu_backend_new(1, e);
}
#ifdef __x86_64__
static struct backend *open_cuda(struct error *e)
{
    return glimt_backend_new(&(struct backend_want){0}, e);
}
static struct backend *(*const devices[])(struct error *) = {open_cpu, open_cuda};
#else
static struct backend *(*const devices[])(struct error *) = {open_cpu};
#endif
enum { N_DEVICES = sizeof devices / sizeof *devices };

struct fixture {
    char dir[64], path[96];
    struct backend *backend;
    struct queue *queue;
    struct model *model;
    struct arena *arena;
    struct run run;
};

static void write_model(struct fixture *f, int device, bool sequential)
{
    struct hash_model m = {.name = "finite",
                           .n_layers = LAYERS,
                           .d_model = D,
                           .d_mlp = D_MLP,
                           .n_heads = 2,
                           .n_vocab = VOCAB,
                           .n_ctx = 16,
                           .rotary_pct = 0.5,
                           .sequential = sequential,
                           .type = DTYPE_F32,
                           .exponent = 2};
    struct error e = {0};
    *f = (struct fixture){0};
    test_dir_new(f->dir);
    hash_model_write(f->dir, &m);
    snprintf(f->path, sizeof f->path, "%s/model.safetensors", f->dir);
    f->backend = devices[device](&e);
    assert_non_null(f->backend);
    f->queue = f->backend->queue_new(f->backend, QUEUE_JOB, &e);
    f->arena = arena_new(f->queue);
    f->run = (struct run){.queue = f->queue, .arena = f->arena};
}

static void must_open(struct fixture *f)
{
    struct error e = {0};
    if (!model_open(f->backend, f->dir, NULL, &f->model, &e))
        fail_msg("%s", e.text);
}

static void release(struct fixture *f)
{
    model_free(f->model);
    arena_free(f->arena);
    f->backend->queue_free(f->queue);
    f->backend->free(f->backend);
    test_dir_remove(f->dir);
}

/* Losses of the tokens; false and the run's error where there are none. */
static bool run_losses(struct fixture *f, const struct hook *hook, int32_t n_hooks)
{
    const int32_t start[2] = {0, T}, target[T] = {3, 9, 3, 11, -1};
    struct batch batch = {.n_rows = T, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state end;
    f->run.err = (struct error){0};
    model_forward(&f->run, f->model, &batch, NULL, model_end(f->model), hook, n_hooks, &end);
    float loss[T];
    model_loss(&f->run, f->model, end.value, target, loss);
    return run_ok(&f->run);
}

static void must_name(const struct error *e, const char *name)
{
    assert_int_equal(e->kind, ERROR_INPUT);
    if (!strstr(e->text, name))
        fail_msg("'%s' does not name %s", e->text, name);
}

/* Every tensor but the embedding, whose rows are looked at when a text has their token. */
static void test_weights(void **state)
{
    (void)state;
    static const float bad[] = {NAN, INFINITY, -INFINITY};
    struct fixture f;
    struct error e = {0};
    struct tensors *ts;
    write_model(&f, 0, false);
    assert_true(tensors_open(f.path, &ts, &e));
    size_t n = tensors_count(ts), tried = 0;
    for (size_t i = 0; i < n; i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        size_t last = t->n_bytes / sizeof(float) - 1;
        if (strstr(t->name, "embed_in"))
            continue;
        float was = spoil(f.path, t->name, last, bad[i % 3]);
        e = (struct error){0};
        assert_false(model_open(f.backend, f.dir, NULL, &f.model, &e));
        must_name(&e, t->name);
        must_name(&e, f.dir);
        must_name(&e, ": model.safetensors: ");
        must_name(&e, "is no finite number");
        spoil(f.path, t->name, last, was);
        tried++;
    }
    assert_true(tried > 20);
    tensors_close(ts);
    must_open(&f);
    assert_true(run_losses(&f, NULL, 0));
    release(&f);
}

static void check_embedding(int device)
{
    struct fixture f;
    write_model(&f, device, false);
    spoil(f.path, "gpt_neox.embed_in.weight", 12 * D + 4, NAN); /* in no text */
    must_open(&f);
    assert_true(run_losses(&f, NULL, 0));
    model_free(f.model);
    spoil(f.path, "gpt_neox.embed_in.weight", 9 * D + 4, -INFINITY);
    must_open(&f);
    assert_false(run_losses(&f, NULL, 0));
    must_name(&f.run.err, "gpt_neox.embed_in.weight: the value at [9, 4] is no finite number");
    must_name(&f.run.err, f.path);
    release(&f);
}

static void test_embedding(void **state)
{
    (void)state;
    for (int i = 0; i < N_DEVICES; i++)
        check_embedding(i);
}

/* Finite weights that float32 can't compute with. */
static void check_overflow(int device)
{
    static const struct {
        const char *tensor;
        bool sequential;
        const char *names;
    } cases[] = {
        {"gpt_neox.layers.0.mlp.dense_4h_to_h.bias", false, "layers.0.resid.post: "},
        {"gpt_neox.layers.1.mlp.dense_4h_to_h.bias", false, "layers.1.resid.post: "},
        {"gpt_neox.layers.1.attention.dense.bias", false, "layers.1.resid.post: "},
        {"gpt_neox.layers.1.attention.dense.bias", true, "layers.1.resid.mid: "},
        {"gpt_neox.layers.1.mlp.dense_4h_to_h.bias", true, "layers.1.resid.post: "},
        {"gpt_neox.embed_in.weight", false, "embed: "},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct fixture f;
        write_model(&f, device, cases[i].sequential);
        size_t at = strstr(cases[i].tensor, "embed") ? 3 * D : 1;
        spoil(f.path, cases[i].tensor, at, 1e25f); /* its square is too large */
        must_open(&f);
        assert_false(run_losses(&f, NULL, 0));
        must_name(&f.run.err, cases[i].names);
        must_name(&f.run.err, "too large for a LayerNorm");
        release(&f);
        write_model(&f, device, cases[i].sequential);
        spoil(f.path, cases[i].tensor, at, 1e15f); /* its square is not */
        must_open(&f);
        assert_true(run_losses(&f, NULL, 0));
        release(&f);
    }
}

static void test_overflow(void **state)
{
    (void)state;
    for (int i = 0; i < N_DEVICES; i++)
        check_overflow(i);
}

/* Behind the last norm there is nothing but the unembedding. */
static void check_behind_the_norm(int device)
{
    struct fixture f;
    write_model(&f, device, false);
    must_open(&f);
    float rows[T * D] = {0}, logits[T * VOCAB], logp[T];
    int32_t best[T];
    rows[2 * D] = INFINITY;
    struct tensor value = run_put(&f.run, T, D, rows);
    struct hook hook = {.at = model_end(f.model), .op = HOOK_SET, .io = &value};
    assert_false(run_losses(&f, &hook, 1));
    must_name(&f.run.err, "losses: ");
    f.run.err = (struct error){0};
    model_topn(&f.run, f.model, value, 1, best, logp);
    assert_false(run_ok(&f.run));
    must_name(&f.run.err, "predictions: ");
    f.run.err = (struct error){0};
    model_logits(&f.run, f.model, value, logits);
    assert_false(run_ok(&f.run));
    must_name(&f.run.err, "logits: ");
    release(&f);
}

static void test_behind_the_norm(void **state)
{
    (void)state;
    for (int i = 0; i < N_DEVICES; i++)
        check_behind_the_norm(i);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_weights),
        cmocka_unit_test(test_embedding),
        cmocka_unit_test(test_overflow),
        cmocka_unit_test(test_behind_the_norm),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
