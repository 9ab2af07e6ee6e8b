/* Who listens hears the final rows of every token, those that its losses were computed from. */
#include "engine/base/memory.h"
#include "tests/support/session_oracle.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

enum { TOKENS_MAX = 256 };
static const char text[] = "Hun køber brød hver morgen, og så går hun hjem igen til sit hus.\n\n"
                           "He\r\nThe Council now has to formally approve the position.";

struct heard {
    const struct model *model;
    int32_t n_tokens, n_calls;
    bool there[TOKENS_MAX];
    float *h[TOKENS_MAX];
};

static void hear(void *arg, struct run *run, int32_t first, int32_t n_tokens, struct tensor h)
{
    struct heard *x = arg;
    assert_true(first >= 0 && h.rows > 0 && first + h.rows <= n_tokens && n_tokens <= TOKENS_MAX);
    assert_true(x->n_calls++ == 0 || x->n_tokens == n_tokens);
    x->n_tokens = n_tokens;
    for (int32_t i = 0; i < h.rows; i++) {
        if (!x->h[first + i])
            x->h[first + i] = xcalloc((size_t)h.cols, sizeof(float));
        run_get(run, x->h[first + i], tensor_rows(h, i, 1));
        x->there[first + i] = true;
    }
}

/* Losses of the rows, against those of the shown lane. */
static void check_losses(struct tiny_model *t, struct heard *x, const struct snapshot *p)
{
    struct run run = {.queue = t->queue, .arena = arena_new(t->queue)};
    int32_t with_loss = 0;
    assert_int_equal(x->n_tokens, p->n_tokens);
    for (int32_t i = 0; i < p->n_tokens; i++) {
        int32_t in_line;
        const struct line_view *v = snapshot_line_of(p, i, &in_line);
        float expected = v->loss[LANE_FIXED]->loss[in_line], loss;
        assert_true(x->there[i]);
        if (isnan(expected))
            continue;
        struct tensor h = run_put(&run, 1, model_config(t->model)->d_model, x->h[i - 1]);
        model_loss(&run, t->model, h, &v->tokens->token[in_line].id, &loss);
        assert_true(run_ok(&run));
        assert_memory_equal(&loss, &expected, sizeof loss);
        with_loss++;
    }
    assert_true(with_loss > 20);
    arena_free(run.arena);
}

static void check(const struct tiny_spec *spec, enum insert insert, bool fix, bool bos)
{
    struct tiny_model t;
    struct error e = {0};
    tiny_open(&t, spec);
    struct heard x = {.model = t.model};
    struct session *s =
        session_new(t.backend, t.model, t.tokenizer, &t.set, t.at, tiny_sets, 2, &e);
    struct wish w = {.text = text,
                     .n_text = strlen(text),
                     .bos = bos,
                     .insert = insertion_of(insert),
                     .watch = UNIT_NONE,
                     .losses = true,
                     .refsets = true}; /* of which nothing is heard */
    if (fix) {
        w.n_units = 2;
        w.unit[0] = (struct chosen_unit){{0, 3}, true, 2.0f};
        w.unit[1] = (struct chosen_unit){{0, 17}, true, -1.0f};
    }
    session_listen(s, hear, &x);
    session_set(s, &w);
    session_run_to_idle(s);
    struct snapshot *p = session_snapshot(s);
    check_losses(&t, &x, p);
    snapshot_unref(p);
    session_free(s);
    for (int32_t i = 0; i < TOKENS_MAX; i++)
        free(x.h[i]);
    tiny_close(&t);
}

static void every_row_is_heard(void **unused)
{
    (void)unused;
    static const struct tiny_spec whole = {.hook = "layers.1.mlp.act"},
                                  pieces = {.hook = "layers.1.attn.out", .rows_per_job = 5},
                                  windows = {.hook = "layers.1.mlp.act", .n_ctx = 8};
    check(&whole, INSERT_NONE, false, false);
    check(&whole, INSERT_SAE, true, false);
    check(&pieces, INSERT_SAE, false, true);
    check(&pieces, INSERT_ERROR, true, false);
    check(&windows, INSERT_SAE, true, true);
}

static void refuse(void *arg, struct run *run, int32_t first, int32_t n_tokens, struct tensor h)
{
    (void)arg, (void)first, (void)n_tokens, (void)h;
    error_set(&run->err, ERROR_SYSTEM, "no room for rows");
}

static void its_error_is_the_sessions(void **unused)
{
    (void)unused;
    struct tiny_model t;
    struct error e = {0};
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct session *s = session_new(t.backend, t.model, t.tokenizer, &t.set, t.at, NULL, 0, &e);
    session_listen(s, refuse, NULL);
    session_set(s, &(struct wish){
                       .text = text, .n_text = strlen(text), .watch = UNIT_NONE, .losses = true});
    while (session_step(s, NULL) != STAGE_IDLE)
        ;
    assert_string_equal(session_error(s)->text, "no room for rows");
    session_free(s);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_is_heard),
        cmocka_unit_test(its_error_is_the_sessions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
