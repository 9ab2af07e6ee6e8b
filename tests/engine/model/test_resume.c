/* The forward stopped and resumed at every point, in pieces, in batches, with keys and values kept.
 */
#include "tests/engine/model/small.h"
#include <stdio.h>

static const int32_t starts[] = {0, 7, 11};
enum { N_ROWS = 11 };

static struct batch whole(const struct fixture *f, int32_t ids[N_ROWS])
{
    for (int32_t i = 0; i < N_ROWS; i++)
        ids[i] = (i * 37 + 5) % model_config(f->m)->n_vocab;
    return (struct batch){.n_rows = N_ROWS, .ids = ids, .seqs = {.n = 2, .start = starts}};
}

static void test_from_every_point_to_every_point(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids), no_ids = b;
        no_ids.ids = NULL;
        struct point p[64];
        struct state straight[64];
        int32_t n = all_points(f.m, p);
        for (int32_t i = 0; i < n; i++)
            model_forward(&f.run, f.m, &b, NULL, p[i], NULL, 0, &straight[i]);
        for (int32_t i = 0; i < n; i++) {
            float *before = to_host(&f.run, straight[i].value);
            for (int32_t j = i; j < n; j++) {
                struct arena_mark mark = arena_mark(f.arena);
                struct state end;
                model_forward(&f.run, f.m, &no_ids, &straight[i], p[j], NULL, 0, &end);
                char a[POINT_NAME_MAX], z[POINT_NAME_MAX], what[128];
                point_name(p[i], a);
                point_name(p[j], z);
                snprintf(what, sizeof what, "%s from %s to %s", f.name, a, z);
                assert_int_equal(point_compare(end.at, p[j]), 0);
                assert_tensors_close(&f.run, what, end.value, straight[j].value, 1e-5f);
                assert_int_equal(end.base.buf != NULL, straight[j].base.buf != NULL);
                if (end.base.buf)
                    assert_tensors_close(&f.run, what, end.base, straight[j].base, 1e-5f);
                arena_reset(f.arena, mark);
            }
            /* a state is not consumed */
            float *after = to_host(&f.run, straight[i].value);
            assert_memory_equal(before, after,
                                (size_t)straight[i].value.rows * (size_t)straight[i].value.cols *
                                    sizeof *before);
            free(before);
            free(after);
        }
        fixture_close(&f);
    }
}

/* GET without wanting the state at `to` skips the attention of the last layer; the value must be
 * the same. */
static void test_get_without_state(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids);
        for (uint8_t site = SITE_ATTN_Z; site <= SITE_MLP_OUT; site++) {
            struct point at = {1, site};
            struct tensor io, pre;
            if (!model_check_point(f.m, at, NULL))
                continue;
            const struct hook hook[] = {{.at = {1, SITE_RESID_PRE}, .op = HOOK_GET, .io = &pre},
                                        {.at = at, .op = HOOK_GET, .io = &io}};
            struct state with, start;
            model_forward(&f.run, f.m, &b, NULL, (struct point){1, SITE_RESID_PRE}, NULL, 0,
                          &start);
            model_forward(&f.run, f.m, &b, NULL, at, NULL, 0, &with);
            model_forward(&f.run, f.m, &b, NULL, at, hook, 2, NULL);
            assert_tensors_close(&f.run, f.name, io, with.value, 1e-5f);
            assert_tensors_close(&f.run, f.name, pre, start.value, 1e-5f);
        }
        fixture_close(&f);
    }
}

static void test_sequences_one_by_one(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids);
        struct state all;
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &all);
        for (int32_t s = 0; s < 2; s++) {
            int32_t n = starts[s + 1] - starts[s];
            const int32_t start[] = {0, n};
            struct batch one = {
                .n_rows = n, .ids = ids + starts[s], .seqs = {.n = 1, .start = start}};
            struct state end;
            model_forward(&f.run, f.m, &one, NULL, model_end(f.m), NULL, 0, &end);
            assert_tensors_close(&f.run, f.name, end.value, tensor_rows(all.value, starts[s], n),
                                 1e-5f);
        }
        fixture_close(&f);
    }
}

/* Both sequences in pieces of 3+4 and 1+3 tokens, and token by token. */
static void test_keys_and_values(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        struct error e = {0};
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids);
        struct state all;
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &all);
        struct kv *kv[] = {model_kv_new(f.m, f.q, 0, 7, &e), model_kv_new(f.m, f.q, 0, 4, &e)};
        assert_no_error(&e);
        const int32_t first[] = {ids[0], ids[1], ids[2], ids[7]}, start1[] = {0, 3, 4},
                      past1[] = {0, 0};
        const int32_t second[] = {ids[3], ids[4], ids[5], ids[6], ids[8], ids[9], ids[10]},
                      start2[] = {0, 4, 7}, past2[] = {3, 1};
        struct batch one = {.n_rows = 4, .ids = first, .seqs = {2, start1, past1, kv}};
        struct batch two = {.n_rows = 7, .ids = second, .seqs = {2, start2, past2, kv}};
        struct state end;
        model_forward(&f.run, f.m, &one, NULL, model_end(f.m), NULL, 0, &end);
        assert_tensors_close(&f.run, "first 3", tensor_rows(end.value, 0, 3),
                             tensor_rows(all.value, 0, 3), 1e-5f);
        model_forward(&f.run, f.m, &two, NULL, model_end(f.m), NULL, 0, &end);
        assert_tensors_close(&f.run, "next 4", tensor_rows(end.value, 0, 4),
                             tensor_rows(all.value, 3, 4), 1e-5f);
        assert_tensors_close(&f.run, "next 3", tensor_rows(end.value, 4, 3),
                             tensor_rows(all.value, 8, 3), 1e-5f);
        for (int32_t i = 0; i < 7;
             i++) { /* over the same cache from the start: past says what counts */
            const int32_t start[] = {0, 1};
            struct batch token = {.n_rows = 1, .ids = ids + i, .seqs = {1, start, &i, kv}};
            model_forward(&f.run, f.m, &token, NULL, model_end(f.m), NULL, 0, &end);
            assert_tensors_close(&f.run, "token", end.value, tensor_rows(all.value, i, 1), 1e-5f);
        }
        model_kv_free(f.q, kv[0]);
        model_kv_free(f.q, kv[1]);
        fixture_close(&f);
    }
}

/* Keys and values of the layers after a hook only: a lane that goes on from a state. */
static void test_later_layers_keep_keys(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &small_model[0]);
    struct error e = {0};
    int32_t ids[N_ROWS];
    struct batch b = whole(&f, ids);
    struct state all, at;
    struct point resid = {0, SITE_RESID_POST};
    model_forward(&f.run, f.m, &b, NULL, resid, NULL, 0, &at);
    model_forward(&f.run, f.m, &b, &at, model_end(f.m), NULL, 0, &all);
    struct kv *kv = model_kv_new(f.m, f.q, 1, 7, &e);
    assert_no_error(&e);
    for (int32_t from = 0; from < 7; from += 4) {
        int32_t n = from ? 3 : 4;
        const int32_t start[] = {0, n};
        struct batch piece = {.n_rows = n, .seqs = {1, start, &from, &kv}};
        struct state s = {.at = resid, .value = tensor_rows(at.value, from, n)}, end;
        model_forward(&f.run, f.m, &piece, &s, model_end(f.m), NULL, 0, &end);
        assert_tensors_close(&f.run, "piece", end.value, tensor_rows(all.value, from, n), 1e-5f);
    }
    model_kv_free(f.q, kv);
    fixture_close(&f);
}

/* Keys are kept also where nobody asks for the residual. */
static void test_get_keeps_keys(void **state)
{
    (void)state;
    struct fixture f;
    fixture_open(&f, &small_model[0]);
    struct error e = {0};
    int32_t ids[N_ROWS];
    struct batch b = whole(&f, ids);
    struct point act = {2, SITE_MLP_ACT};
    struct state all, end;
    model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &all);
    struct kv *kv = model_kv_new(f.m, f.q, 0, 7, &e);
    assert_no_error(&e);
    const int32_t start[] = {0, 4}, later[] = {0, 3}, past[] = {4};
    struct batch first = {.n_rows = 4, .ids = ids, .seqs = {.n = 1, .start = start, .kv = &kv}};
    struct batch rest = {.n_rows = 3, .ids = ids + 4, .seqs = {1, later, past, &kv}};
    struct tensor io;
    struct hook get = {.at = act, .op = HOOK_GET, .io = &io};
    model_forward(&f.run, f.m, &first, NULL, act, &get, 1, NULL);
    model_forward(&f.run, f.m, &rest, NULL, model_end(f.m), NULL, 0, &end);
    assert_tensors_close(&f.run, "rest", end.value, tensor_rows(all.value, 4, 3), 1e-5f);
    model_kv_free(f.q, kv);
    fixture_close(&f);
}

/* Of parallel blocks, sequential ones, those with post-norms. */
static const enum site lands[3][SITE_FINAL_NORM] = {
    {[SITE_RESID_PRE] = SITE_RESID_PRE,
     [SITE_ATTN_Z] = SITE_RESID_POST,
     [SITE_ATTN_OUT] = SITE_RESID_POST,
     [SITE_MLP_NORMALIZED] = SITE_MLP_NORMALIZED,
     [SITE_MLP_IN] = SITE_MLP_IN,
     [SITE_MLP_PRE] = SITE_MLP_PRE,
     [SITE_MLP_ACT] = SITE_RESID_POST,
     [SITE_MLP_OUT] = SITE_RESID_POST,
     [SITE_RESID_POST] = SITE_RESID_POST},
    {[SITE_RESID_PRE] = SITE_RESID_PRE,
     [SITE_ATTN_Z] = SITE_RESID_MID,
     [SITE_ATTN_OUT] = SITE_RESID_MID,
     [SITE_RESID_MID] = SITE_RESID_MID,
     [SITE_MLP_NORMALIZED] = SITE_MLP_NORMALIZED,
     [SITE_MLP_IN] = SITE_MLP_IN,
     [SITE_MLP_PRE] = SITE_MLP_PRE,
     [SITE_MLP_ACT] = SITE_RESID_POST,
     [SITE_MLP_OUT] = SITE_RESID_POST,
     [SITE_RESID_POST] = SITE_RESID_POST},
    {[SITE_RESID_PRE] = SITE_RESID_PRE,
     [SITE_ATTN_Z] = SITE_ATTN_MODULE,
     [SITE_ATTN_MODULE] = SITE_ATTN_MODULE,
     [SITE_ATTN_OUT] = SITE_RESID_MID,
     [SITE_RESID_MID] = SITE_RESID_MID,
     [SITE_MLP_NORMALIZED] = SITE_MLP_NORMALIZED,
     [SITE_MLP_IN] = SITE_MLP_IN,
     [SITE_MLP_PRE] = SITE_MLP_PRE,
     [SITE_MLP_ACT] = SITE_MLP_MODULE,
     [SITE_MLP_MODULE] = SITE_MLP_MODULE,
     [SITE_MLP_OUT] = SITE_RESID_POST,
     [SITE_RESID_POST] = SITE_RESID_POST},
};

/* A fixed value through the landing point equals the insertion at the hook: r′ = B + Σ c·u. */
static void test_landing(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids);
        const struct unit unit[] = {{{0, 5}, 1.5f, UNIT_FIX}, {{0, 11}, 0, UNIT_ZERO}};
        const int32_t index[] = {5, 11};
        for (uint8_t site = SITE_RESID_PRE; site <= SITE_RESID_POST; site++) {
            struct point at = {0, site}, land = model_landing(f.m, at);
            const struct linear *behind = model_linear_behind(f.m, at);
            if (!model_check_point(f.m, at, NULL))
                continue;
            assert_int_equal(land.site, lands[model_config(f.m)->arch->post_norms    ? 2
                                              : model_config(f.m)->parallel_residual ? 0
                                                                                     : 1][site]);
            assert_int_equal(behind != NULL, site == SITE_MLP_ACT || site == SITE_ATTN_Z);
            struct dict *d = dict_neurons(at, model_width(f.m, at));
            struct hook insert = {
                .at = at, .op = HOOK_INSERT, .dict = d, .units = unit, .n_units = 2};
            struct tensor x;
            struct hook get = {.at = at, .op = HOOK_GET, .io = &x};
            struct state want, base;
            model_forward(&f.run, f.m, &b, NULL, land, &insert, 1, &want);
            model_forward(&f.run, f.m, &b, NULL, land, &get, 1, &base);
            struct code code;
            dict_encode(&f.run, d, x, &code, NULL);
            struct tensor r = op_copy(&f.run, base.value);
            op_add_outer(&f.run, r, dict_unit_change(&f.run, d, &code, unit, 2),
                         dict_push(&f.run, d, behind, index, 2));
            assert_tensors_close(&f.run, f.name, r, want.value, 1e-5f);
            dict_free(d);
        }
        fixture_close(&f);
    }
}

/* A forward gives the scratch of its layers back. */
static void test_arena_stays_small(void **state)
{
    (void)state;
    struct hash_model deep = small_model[0];
    deep.n_layers = 24;
    struct fixture f;
    fixture_open(&f, &deep);
    int32_t ids[N_ROWS];
    struct batch b = whole(&f, ids);
    struct state end;
    model_forward(&f.run, f.m, &b, NULL, (struct point){0, SITE_RESID_POST}, NULL, 0, &end);
    size_t one = arena_peak(f.arena);
    model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &end);
    assert_true(arena_peak(f.arena) <= 3 * one);
    fixture_close(&f);
}

/* What the tape holds views of is not overwritten later in the pass: every norm and product can be
 * done again. */
static void test_tape_views_stay(void **state)
{
    (void)state;
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids);
        struct state plain, taped;
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &plain);
        struct tape *tape = tape_new();
        f.run.tape = tape;
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &taped);
        f.run.tape = NULL;
        assert_tensors_close(&f.run, f.name, taped.value, plain.value, 1e-5f);
        int norms = 0;
        for (size_t i = 0; i < tape_length(tape); i++) {
            const struct op_record *op = tape_at(tape, i);
            struct tensor again = {0};
            if (op->kind == OP_NORM)
                again = op_norm(&f.run, op->in[0],
                                &(struct norm){.kind = op->p.norm.kind,
                                               .eps = op->p.norm.eps,
                                               .gamma = op->in[1],
                                               .beta = op->in[2]},
                                (struct tensor){0});
            else if (op->kind == OP_ACT)
                again = op_act(&f.run, op->in[0], op->in[1], op->p.act, DTYPE_F32);
            else
                continue;
            norms += op->kind == OP_NORM;
            assert_tensors_close(&f.run, f.name, op->out, again, 1e-6f);
        }
        const struct model_config *config = model_config(f.m);
        const int each = (config->arch->post_norms ? 4 : 2) + (config->arch->names.q_norm ? 2 : 0);
        assert_int_equal(norms, each * config->n_layers + 1);
        tape_free(tape);
        fixture_close(&f);
    }
}

/* A hook on the second sequence's rows alone: the first is what it is without, the second what it
 * is with the hook on all rows. */
static void test_hooks_on_some_rows(void **state)
{
    (void)state;
    static const int32_t second[] = {7, 8, 9, 10}, beyond[] = {10, 11};
    enum { FIRST = 7, SECOND = 4, WIDTH_MAX = 256 };
    for (int c = 0; c < N_ALL; c++) {
        struct fixture f;
        fixture_open_any(&f, c);
        int32_t ids[N_ROWS];
        struct batch b = whole(&f, ids);
        for (uint8_t site = SITE_ATTN_Z; site <= SITE_RESID_POST; site++) {
            const struct point at = {0, site};
            const int32_t n = model_width(f.m, at);
            if (!model_check_point(f.m, at, NULL))
                continue;
            float value[N_ROWS * WIDTH_MAX];
            assert_true(n <= WIDTH_MAX);
            for (int32_t i = 0; i < N_ROWS * n; i++)
                value[i] = (float)((i * 29) % 17) / 17.0f;
            struct tensor all = run_put(&f.run, N_ROWS, n, value);
            struct tensor some = tensor_rows(all, FIRST, SECOND), got;
            struct dict *neurons = dict_neurons(at, n);
            const struct unit unit = {{0, 3}, 1.5f, UNIT_FIX};
            for (enum hook_op op = HOOK_GET; op <= HOOK_INSERT; op++) {
                struct hook whole_hook = {.at = at, .op = op, .io = &all, .dict = neurons};
                whole_hook.units = &unit, whole_hook.n_units = 1;
                struct hook hook = whole_hook;
                struct state plain, with, want;
                hook.rows = second, hook.n_rows = SECOND;
                hook.io = op == HOOK_GET ? &got : &some;
                model_forward(&f.run, f.m, &b, NULL, model_end(f.m), NULL, 0, &plain);
                model_forward(&f.run, f.m, &b, NULL, model_end(f.m), &hook, 1, &with);
                struct tensor here = {0};
                whole_hook.io = op == HOOK_GET ? &here : &all;
                model_forward(&f.run, f.m, &b, NULL, model_end(f.m), &whole_hook, 1, &want);
                assert_tensors_close(&f.run, "rows without the hook",
                                     tensor_rows(with.value, 0, FIRST),
                                     tensor_rows(plain.value, 0, FIRST), 1e-6f);
                assert_tensors_close(&f.run, "rows with the hook",
                                     tensor_rows(with.value, FIRST, SECOND),
                                     tensor_rows(want.value, FIRST, SECOND), 1e-6f);
                if (op == HOOK_GET)
                    assert_tensors_close(&f.run, "got", got, tensor_rows(here, FIRST, SECOND),
                                         1e-6f);
            }
            dict_free(neurons);
        }
        struct tensor io;
        struct state end;
        const struct hook wrong = {
            .at = {0, SITE_MLP_ACT}, .op = HOOK_GET, .rows = beyond, .n_rows = 2, .io = &io};
        model_forward(&f.run, f.m, &b, NULL, model_end(f.m), &wrong, 1, &end);
        assert_string_equal(f.run.err.text,
                            "intervention at layers.0.mlp.act: found row 11, expected 0 to 10");
        f.run.err = (struct error){0};
        fixture_close(&f);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_from_every_point_to_every_point),
        cmocka_unit_test(test_get_without_state),
        cmocka_unit_test(test_sequences_one_by_one),
        cmocka_unit_test(test_keys_and_values),
        cmocka_unit_test(test_later_layers_keep_keys),
        cmocka_unit_test(test_get_keeps_keys),
        cmocka_unit_test(test_hooks_on_some_rows),
        cmocka_unit_test(test_landing),
        cmocka_unit_test(test_arena_stays_small),
        cmocka_unit_test(test_tape_views_stay),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
