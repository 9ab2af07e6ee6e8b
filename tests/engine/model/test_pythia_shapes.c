/* Two layers of all seven true Pythia configurations in hash weights, one at a time, against
 * transformers. */
#include "tests/engine/model/small.h"
#include "tests/support/golden_tensors.h"
#include <stdio.h>

#define PYTHIA(name, d, heads, e)                                                                  \
    {                                                                                              \
        name, 2, d, 4 * (d), heads, 50304, 2048, 0.25, .type = DTYPE_F16, .exponent = e            \
    }
static const struct hash_model pythia[] = {
    PYTHIA("pythia-14m", 128, 4, 3),    PYTHIA("pythia-70m", 512, 8, 4),
    PYTHIA("pythia-160m", 768, 12, 4),  PYTHIA("pythia-410m", 1024, 16, 4),
    PYTHIA("pythia-1b", 2048, 8, 5),    PYTHIA("pythia-1.4b", 2048, 16, 5),
    PYTHIA("pythia-2.8b", 2560, 32, 5),
};

/* "Rådet skal nu formelt godkende Parlamentets holdning." and "The Council has to formally approve
 * Parliament's position." with the tokenizer of Pythia */
static const int32_t ids[] = {51,   2768,  5992,  34997, 8794, 830,  2585, 7122, 76,
                              9747, 33867, 1507,  2186,  920,  15,   510,  6456, 556,
                              281,  19186, 23255, 13171, 434,  1899, 15};
enum { N_DA = 15, N_IDS = sizeof ids / sizeof ids[0] };
static const int32_t starts[] = {0, N_DA, N_IDS};
static const char *const language[] = {"da", "en"};

static const void *gold(const char *config, int s, const char *name, size_t bytes)
{
    const struct named_tensor *t = golden_tensor("%s/%s/%s", config, language[s], name);
    assert_int_equal(t->n_bytes, bytes);
    return t->data;
}

static void check_logits(struct fixture *f, const char *config, struct tensor h)
{
    static const int32_t column[] = {0, 1, 2, 777, 31415, 50302, 50303};
    enum { N_COLUMNS = sizeof column / sizeof column[0] };
    size_t V = 50304;
    float *logits = calloc(N_IDS * V, sizeof *logits);
    model_logits(&f->run, f->m, h, logits);
    for (int s = 0; s < 2; s++) {
        size_t n = (size_t)(starts[s + 1] - starts[s]);
        const float *want = gold(config, s, "logits", n * N_COLUMNS * sizeof *want);
        const int32_t *top = gold(config, s, "top1", n * sizeof *top);
        for (size_t i = 0; i < n; i++) {
            const float *row = logits + ((size_t)starts[s] + i) * V;
            int32_t best = 0;
            for (int32_t v = 1; v < (int32_t)V; v++)
                best = row[v] > row[best] ? v : best;
            assert_int_equal(best, top[i]);
            for (size_t c = 0; c < N_COLUMNS; c++)
                assert_close(config, &row[column[c]], &want[i * N_COLUMNS + c], 1, 2e-4f);
        }
    }
    free(logits);
}

static void check_losses(struct fixture *f, const char *config, struct tensor h)
{
    int32_t target[N_IDS];
    for (int32_t i = 0; i < N_IDS; i++)
        target[i] = i == N_DA - 1 || i == N_IDS - 1 ? -1 : ids[i + 1];
    float *loss = calloc(N_IDS, sizeof *loss);
    model_loss(&f->run, f->m, h, target, loss);
    for (int s = 0; s < 2; s++) {
        size_t n = (size_t)(starts[s + 1] - starts[s]);
        assert_close(config, loss + starts[s], gold(config, s, "loss", n * sizeof *loss), n, 1e-4f);
    }
    free(loss);
}

static void check_act(struct fixture *f, const char *config, struct tensor act)
{
    size_t width = (size_t)act.cols;
    float *v = to_host(&f->run, act);
    for (int s = 0; s < 2; s++) {
        const float *want = gold(config, s, "act", width / 64 * sizeof *want);
        for (size_t i = 0; i < width / 64; i++)
            assert_close(config, &v[(size_t)(starts[s + 1] - 1) * width + i * 64], &want[i], 1,
                         1e-4f);
    }
    free(v);
}

static void test_shapes(void **state)
{
    (void)state;
    const char *preload = getenv("LD_PRELOAD");
    if (preload && strstr(preload, "vgpreload")) {
        print_message("1.3 billion weights are too many under valgrind\n");
        skip();
    }
    for (size_t c = 0; c < sizeof pythia / sizeof pythia[0]; c++) {
        struct fixture f;
        fixture_open(&f, &pythia[c]);
        struct batch b = {.n_rows = N_IDS, .ids = ids, .seqs = {.n = 2, .start = starts}};
        struct tensor act;
        struct hook get = {.at = {1, SITE_MLP_ACT}, .op = HOOK_GET, .io = &act};
        struct state end;
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), &get, 1, &end);
        assert_no_error(&f.run.err);
        check_act(&f, pythia[c].name, act);
        check_losses(&f, pythia[c].name, end.value);
        check_logits(&f, pythia[c].name, end.value);
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_shapes)};
    golden_tensors = "model/pythia.safetensors";
    return cmocka_run_group_tests(tests, golden_open, golden_close);
}
