/* A model and an SAE from what was packed before: the same bits, without a look at the weights; and
 * what is damaged is packed anew. */
#include "engine/formats/packs.h"
#include "tests/engine/model/small.h"
#include "tests/support/spoil.h"
#include <dirent.h>
#include <stdio.h>
#include <unistd.h>

enum { N_IDS = 9 };
static const int32_t ids[N_IDS] = {3, 1, 4, 1, 5, 9, 2, 6, 5};

/* A content that does not change when the file does: so that one sees from where a weight came. */
static bool hash(void *arg, const char *const *path, size_t n, struct sha256 *out, struct error *e)
{
    (void)arg;
    (void)e;
    for (size_t i = 0; i < n; i++)
        out[i] = sha256_bytes(path[i], strlen(path[i]));
    return true;
}

struct opened {
    struct backend *b;
    struct queue *q;
    struct packs *packs;
    struct model *m;
    struct dict *d;
    struct arena *arena;
    struct run run;
};

static void open_all(struct opened *o, const char *dir, const char *sae, const char *kept)
{
    struct error e = {0};
    o->b = cpu_backend_new(2, &e);
    o->packs = kept ? packs_new(kept, 1, hash, NULL) : NULL;
    if (!model_open(o->b, dir, &(struct model_how){.packs = o->packs}, &o->m, &e) ||
        !dict_open(o->b, sae, &(struct dict_hint){.packs = o->packs}, &o->d, &e))
        fail_msg("%s", e.text);
    o->q = o->b->queue_new(o->b, QUEUE_JOB, &e);
    o->arena = arena_new(o->q);
    o->run = (struct run){.queue = o->q, .arena = o->arena};
}

static void close_all(struct opened *o)
{
    packs_stop(o->packs);
    dict_free(o->d);
    model_free(o->m);
    packs_free(o->packs);
    arena_free(o->arena);
    o->b->queue_free(o->q);
    o->b->free(o->b);
}

struct numbers {
    size_t n;
    float *logits, *bias;
};

/* Logits of the ids, and all pre-activations of 0, which are the SAE's bias. */
static struct numbers compute(const char *dir, const char *sae, const char *kept)
{
    struct opened o;
    open_all(&o, dir, sae, kept);
    const int32_t start[2] = {0, N_IDS};
    const struct batch batch = {.n_rows = N_IDS, .ids = ids, .seqs = {.n = 1, .start = start}};
    struct state end;
    model_forward(&o.run, o.m, &batch, NULL, model_end(o.m), NULL, 0, &end);
    struct numbers r = {.n = (size_t)N_IDS * (size_t)model_config(o.m)->n_vocab};
    r.logits = calloc(r.n, sizeof *r.logits);
    model_logits(&o.run, o.m, end.value, r.logits);
    const int32_t n = dict_spec(o.d)->n;
    float *zero = calloc((size_t)n, sizeof *zero);
    struct code f;
    struct tensor pre;
    dict_encode(&o.run, o.d, run_put(&o.run, 1, n, zero), &f, &pre);
    r.bias = to_host(&o.run, pre);
    assert_no_error(&o.run.err);
    if (o.packs) {
        packs_write(o.packs);
        assert_true(packs_wait(o.packs));
    }
    close_all(&o);
    free(zero);
    return r;
}

static void release(struct numbers *r)
{
    free(r->logits);
    free(r->bias);
}

static void write_sae(const char *path)
{
    const struct hash_tensor t[] = {
        {"encoder.weight", NULL, HASH_UNIFORM, 1, 2, {50, 32}, DTYPE_F32, NULL},
        {"encoder.bias", NULL, HASH_UNIFORM, 3, 1, {50}, DTYPE_F32, NULL},
        {"W_dec", NULL, HASH_UNIFORM, 1, 2, {50, 32}, DTYPE_F32, NULL},
        {"b_dec", NULL, HASH_UNIFORM, 1, 1, {32}, DTYPE_F32, NULL},
    };
    hash_file_write(
        path, t, 4,
        (const char *const[]){
            "format", "glimt-sae", "version", "1",    "hook",         "layers.1.mlp.act",
            "k",      "3",         "select",  "topk", "relu",         "never",
            "norm",   "none",      "centre",  "true", "norm_rescale", "false",
            "skip",   "false",     NULL});
}

/* Cuts the first file that is kept. */
static void damage_one(const char *kept)
{
    DIR *d = opendir(kept);
    struct dirent *f;
    assert_non_null(d);
    while ((f = readdir(d)) && f->d_name[0] == '.')
        ;
    assert_non_null(f);
    char path[512];
    snprintf(path, sizeof path, "%s/%s", kept, f->d_name);
    assert_int_equal(truncate(path, 5000), 0);
    closedir(d);
}

static void assert_same(const struct numbers *a, const struct numbers *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->logits, b->logits, a->n * sizeof *a->logits);
    assert_memory_equal(a->bias, b->bias, 50 * sizeof *a->bias);
}

static void check(const struct hash_model *config)
{
    char dir[64], kept[64], other[64], sae[128], weights[128];
    test_dir_new(dir);
    test_dir_new(kept);
    test_dir_new(other);
    snprintf(sae, sizeof sae, "%s/sae.safetensors", other);
    snprintf(weights, sizeof weights, "%s/model.safetensors", dir);
    hash_model_write(dir, config);
    write_sae(sae);
    struct numbers plain = compute(dir, sae, NULL), first = compute(dir, sae, kept);
    assert_same(&first, &plain);
    /* four weights a layer, the unembedding, the encoder and its bias */
    const int64_t files = 4 * config->n_layers + 3;
    assert_int_equal(packs_count(kept).files, files);
    /* what was packed is not looked at again: a value that would be refused, or show */
    float was[2] = {spoil(sae, "encoder.weight", 7, NAN), 0};
    const bool whole = config->type == DTYPE_F32 && !config->no_prefix;
    if (whole)
        was[1] = spoil(weights, "gpt_neox.layers.0.mlp.dense_h_to_4h.weight", 5, NAN);
    struct numbers second = compute(dir, sae, kept);
    assert_memory_equal(second.logits, plain.logits, plain.n * sizeof *plain.logits);
    spoil(sae, "encoder.weight", 7, was[0]);
    if (whole)
        spoil(weights, "gpt_neox.layers.0.mlp.dense_h_to_4h.weight", 5, was[1]);
    damage_one(kept);
    struct numbers third = compute(dir, sae, kept);
    assert_same(&third, &plain);
    assert_int_equal(packs_count(kept).files,
                     files); /* the damaged one went before it was written */
    assert_int_equal(packs_prune(kept, -1, -1).files, 0);
    release(&plain);
    release(&first);
    release(&second);
    release(&third);
    test_dir_remove(other);
    test_dir_remove(kept);
    test_dir_remove(dir);
}

static void the_same_from_what_is_kept(void **state)
{
    (void)state;
    for (int i = 0; i < N_SMALL; i++)
        check(&small_model[i]);
}

/* ---- no room */
static struct device_memory little(const struct backend *b)
{
    (void)b;
    return (struct device_memory){.total = 16000, .free = 6000};
}

static bool hash_never(void *arg, const char *const *path, size_t n, struct sha256 *out,
                       struct error *e)
{
    (void)path, (void)n, (void)out, (void)e;
    ++*(int *)arg;
    return false;
}

/* What is larger than memory is refused before it is hashed, where nothing is kept of anything. */
static void refused_at_once(void **state)
{
    (void)state;
    char dir[64], kept[64], sae[128];
    struct error e = {0}, of_sae = {0};
    struct model *m = NULL;
    struct dict *d = NULL;
    int hashed = 0;
    test_dir_new(dir);
    test_dir_new(kept);
    snprintf(sae, sizeof sae, "%s/sae.safetensors", dir);
    hash_model_write(dir, &small_model[0]);
    write_sae(sae);
    struct backend *b = cpu_backend_new(2, &e);
    b->memory = little;
    struct packs *packs = packs_new(kept, 1, hash_never, &hashed);
    assert_false(model_open(b, dir, &(struct model_how){.packs = packs}, &m, &e));
    assert_int_equal(e.kind, ERROR_MEMORY);
    assert_non_null(strstr(e.text, "would fit"));
    assert_false(dict_open(b, sae, &(struct dict_hint){.packs = packs}, &d, &of_sae));
    assert_int_equal(of_sae.kind, ERROR_MEMORY);
    assert_int_equal(hashed, 0);
    packs_free(packs);
    b->free(b);
    test_dir_remove(kept);
    test_dir_remove(dir);
}

/* A weight that is refused after others were put: nothing is left to be read. */
static void refused_in_the_middle(void **state)
{
    (void)state;
    char dir[64], kept[64], weights[128];
    struct error e = {0};
    struct model *m = NULL;
    test_dir_new(dir);
    test_dir_new(kept);
    snprintf(weights, sizeof weights, "%s/model.safetensors", dir);
    hash_model_write(dir, &small_model[0]);
    spoil(weights, "gpt_neox.layers.2.mlp.dense_4h_to_h.weight", 11, NAN);
    struct backend *b = cpu_backend_new(2, &e);
    struct packs *packs = packs_new(kept, 1, hash, NULL);
    assert_false(model_open(b, dir, &(struct model_how){.packs = packs}, &m, &e));
    assert_non_null(strstr(e.text, "layers.2.mlp.dense_4h_to_h.weight"));
    packs_write(packs); /* whoever asks now gets nothing */
    packs_free(packs);
    assert_int_equal(packs_count(kept).files, 0);
    b->free(b);
    test_dir_remove(kept);
    test_dir_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_same_from_what_is_kept),
        cmocka_unit_test(refused_at_once),
        cmocka_unit_test(refused_in_the_middle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
