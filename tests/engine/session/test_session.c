/* The live session against itself from scratch and against the long way round, after every kind of
 * edit. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/session/session.h"
#include "tests/support/effort.h"
#include "tests/support/session_oracle.h"
#include "tests/support/tiny_model.h"
#include "tests/support/unit.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

/* ---- cancels at any operation: the n-th norm or product from now raises the flag */
static struct {
    atomic_bool cancel;
    int left; /* < 0: never */
    void (*linear)(struct queue *, struct tensor, struct tensor, const struct weight *,
                   struct tensor, enum epilogue);
    void (*norm)(struct queue *, struct tensor, struct tensor, struct tensor, struct tensor, float,
                 enum norm_kind, struct tensor, struct tensor);
} fuse = {.left = -1};

static void burn(void)
{
    if (fuse.left >= 0 && fuse.left-- == 0)
        atomic_store(&fuse.cancel, true);
}

static void fused_linear(struct queue *q, struct tensor y, struct tensor x, const struct weight *w,
                         struct tensor bias, enum epilogue e)
{
    burn();
    fuse.linear(q, y, x, w, bias, e);
}

static void fused_norm(struct queue *q, struct tensor y, struct tensor x, struct tensor g,
                       struct tensor h, float eps, enum norm_kind kind, struct tensor out,
                       struct tensor in)
{
    burn();
    fuse.norm(q, y, x, g, h, eps, kind, out, in);
}

static void fuse_install(struct backend *b)
{
    fuse.linear = b->linear, fuse.norm = b->norm;
    b->linear = fused_linear, b->norm = fused_norm;
}

/* ---- an editor that types at random */
struct editor {
    struct rng rng;
    char text[6000];
    size_t n;
    char undo[6000];
    size_t n_undo;
    struct wish wish;
    const struct dict_set *set;
    int32_t m; /* units that each dictionary has */
    struct {   /* snapshots that somebody still looks at while the session goes on */
        struct snapshot *p;
        uint64_t digest;
    } held[6];
    unsigned n_held;
};

static uint64_t below(struct editor *e, uint64_t n)
{
    return rng_below(&e->rng, n);
}

static size_t boundary(const struct editor *e, size_t at)
{
    while (at > 0 && at < e->n && ((unsigned char)e->text[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static void splice(struct editor *e, size_t at, size_t gone, const char *s, size_t n)
{
    if (e->n - gone + n >= sizeof e->text)
        return;
    memmove(e->text + at + n, e->text + at + gone, e->n - at - gone);
    memcpy(e->text + at, s, n);
    e->n += n - gone;
    e->wish.cursor = at + n;
}

static const char *const typed[] = {"e",    "å",   "r",    " ",    "n",  ".",  "s",
                                    "ø",    "t",   "T",    "1",    "\t", "é",  "世",
                                    "🙂", " og", " the", "\r\n", "'s", "  ", "<|endoftext|>",
                                    ">"};
static const char *const pasted[] = {
    "Rådet skal nu formelt godkende Parlamentets holdning.\nThe Council has to formally approve "
    "it.\n",
    "Hun læser en bog om vejret, og han hører radio i køkkenet hver eneste morgen.",
    "\n\n",
    "et<|endoftext|>to <|endoftext|>",
    "one\r\ntwo\r\nthree",
    "En gang for længe siden var der en konge\nder boede i et slot.\nSlut",
    ("There was once a very long line without any end in sight that went on and on, past the "
     "context of the small "
     "model, past every budget, og videre endnu, fordi ingen standsede den i tide, so it had to be "
     "cut into windows.")};

static void edit_text(struct editor *e)
{
    size_t at = boundary(e, below(e, e->n + 1));
    if (below(e, 2)) /* people type where they are */
        at = boundary(e, e->wish.cursor < e->n ? e->wish.cursor : e->n);
    memcpy(e->undo, below(e, 4) ? e->undo : e->text, sizeof e->undo);
    switch (below(e, 8)) {
    case 0:
    case 1:
    case 2:
    case 3: {
        const char *s = typed[below(e, sizeof typed / sizeof *typed)];
        splice(e, at, 0, s, strlen(s));
        break;
    }
    case 4: splice(e, at, 0, "\n", 1); break;
    case 5:
    case 6: {
        size_t end = boundary(e, at + below(e, below(e, 5) ? 4 : 200));
        splice(e, at, end > at && end <= e->n ? end - at : 0, "", 0);
        break;
    }
    default: {
        const char *s = pasted[below(e, sizeof pasted / sizeof *pasted)];
        splice(e, at, 0, s, strlen(s));
    }
    }
}

static void swap_undo(struct editor *e)
{
    char text[sizeof e->text];
    size_t n = e->n;
    memcpy(text, e->text, n);
    memcpy(e->text, e->undo, e->n_undo);
    e->n = e->n_undo;
    memcpy(e->undo, text, n);
    e->n_undo = n;
}

/* Of a set of one the first, and no number is drawn. */
static int32_t some_place(struct editor *e)
{
    return e->set->n > 1 ? (int32_t)below(e, (uint64_t)e->set->n) : 0;
}

static void choose_units(struct editor *e)
{
    struct wish *w = &e->wish;
    if (below(e, 6) == 0) { /* more than rows keep columns for, and again fewer */
        w->n_units = 12 + (int32_t)below(e, 30);
        for (int32_t i = 0; i < w->n_units; i++)
            w->unit[i] = (struct chosen_unit){UNIT(i % (e->m > 0 ? e->m : 1)), below(e, 2), 0.5f};
        return;
    }
    w->n_units = (int32_t)below(e, 4);
    for (int32_t i = 0; i < w->n_units; i++)
        w->unit[i] = (struct chosen_unit){
            {some_place(e), i * (e->m > 8 ? e->m / 4 : 1) + (int32_t)below(e, 5)},
            below(e, 2),
            0.5f};
    if (w->n_units == 3 && below(e, 4) == 0)
        w->unit[2].id.index = 1 << 20; /* there is no such unit */
}

/* A unit on and off, other values, a bound of the lists, or none. */
static void choose_pair(struct editor *e)
{
    struct pair *p = &e->wish.pair;
    p->wanted = e->m > 0 && below(e, 5) > 0;
    if (below(e, 2) || p->unit.index >= e->m)
        p->unit = (struct unit_id){some_place(e), (int32_t)below(e, (uint64_t)e->m + 1)};
    p->at[below(e, 2)] = (float)((double)(int)below(e, 160) / 10.0 - 8.0);
    p->least = below(e, 3) ? -4 : -1e9;
}

static void edit_wish(struct editor *e)
{
    struct wish *w = &e->wish;
    switch (below(e, 22)) {
    case 18:
    case 19: choose_pair(e); break;
    case 0:
    case 1:
    case 2:
    case 3:
    case 4:
        if (w->n_units > 0) {
            struct chosen_unit *u = &w->unit[below(e, (uint64_t)w->n_units)];
            u->value = (float)((double)(int)below(e, 160) / 10.0 - 8.0);
            u->fixed = true;
        }
        break;
    case 5:
        if (w->n_units > 0)
            w->unit[below(e, (uint64_t)w->n_units)].fixed = false;
        break;
    case 6: w->insert = insertion_of((enum insert)below(e, 3)); break;
    case 7:
        w->watch = e->m > 0 && below(e, (uint64_t)e->m + 1) > 0
                       ? (struct unit_id){some_place(e), (int32_t)below(e, (uint64_t)e->m)}
                       : UNIT_NONE;
        break;
    case 8:
    case 9: w->cursor = boundary(e, below(e, e->n + 1)); break;
    case 10: choose_units(e); break;
    case 11: w->losses = below(e, 4) != 0; break;
    case 12: w->refsets = below(e, 2); break;
    case 13: w->n_next = (int32_t)below(e, 4); break;
    case 14:
        if (below(e, 3) == 0)
            w->join = !w->join;
        break;
    case 15:
        if (below(e, 3) == 0) {
            bool *which = below(e, 2) ? &w->bos : &w->special;
            *which = !*which;
        }
        break;
    case 16: swap_undo(e); break;
    case 17:
        if (e->set->n > 1 && below(e, 2))
            w->dict = some_place(e);
        else if (e->set->n > 1 && below(e, 2))
            w->further = (dict_places)below(e, 1u << e->set->n);
        else if (e->set->n > 1)
            w->insert = (struct insertion){.sae = (uint32_t)below(e, 1u << e->set->n)};
        else
            edit_text(e);
        break;
    default: edit_text(e);
    }
}

static void next_wish(struct editor *e)
{
    do
        below(e, 2) ? edit_text(e) : edit_wish(e);
    while (below(e, 3) == 0);
    e->wish.text = e->text;
    e->wish.n_text = e->n;
    e->wish.generation++;
    if (e->wish.cursor > e->n)
        e->wish.cursor = e->n;
}

/* Takes the snapshot; the one that it displaces must still be what it was. */
static void hold(struct editor *e, struct snapshot *p)
{
    unsigned i = e->n_held++ % 6;
    if (e->held[i].p && snapshot_digest(e->held[i].p) != e->held[i].digest)
        fail_msg("a snapshot has changed in its reader's hands");
    snapshot_unref(e->held[i].p);
    e->held[i].p = p;
    e->held[i].digest = p ? snapshot_digest(p) : 0;
}

/* Some steps of the wish, often cut off in the middle of one. */
static void some_steps(struct editor *e, struct session *s)
{
    atomic_store(&fuse.cancel, false);
    fuse.left = below(e, 3) ? (int)below(e, 60) : -1;
    for (uint64_t n = below(e, 12); n > 0 && session_step(s, &fuse.cancel) != STAGE_IDLE; n--) {
        if (atomic_load(&fuse.cancel) && below(e, 2)) {
            atomic_store(&fuse.cancel, false);
            fuse.left = (int)below(e, 60);
        }
        if (session_should_publish(s) && below(e, 4) == 0)
            hold(e, session_snapshot(s));
    }
    fuse.left = -1;
    atomic_store(&fuse.cancel, false);
    if (error_is_set(session_error(s)))
        fail_msg("session: %s", session_error(s)->text);
}

static int rounds(int n)
{
    return quick() ? (n + 39) / 40 : n;
}

static struct reference_set sets[2];

static struct session *new_session(const struct tiny_model *t)
{
    struct error err = {0};
    struct session *s =
        session_new(t->backend, t->model, t->tokenizer, &t->set, t->at, sets, 2, &err);
    if (!s)
        fail_msg("session_new: %s", err.text);
    return s;
}

/* A further place has what a session has where it is the one that is shown. */
static void compare_further(const struct tiny_model *t, const struct editor *e,
                            const struct snapshot *p)
{
    for (int32_t k = 0; k < t->set.n; k++) {
        struct wish w = e->wish;
        assert_int_equal(p->further[k].line != NULL, k != w.dict && (w.further & dict_bit(k)) != 0);
        if (!p->further[k].line)
            continue;
        w.dict = k, w.further = 0, w.losses = w.refsets = false;
        struct session *s = new_session(t);
        session_set(s, &w);
        session_run_to_idle(s);
        struct snapshot *q = session_snapshot(s);
        for (int32_t i = 0; i < p->n_lines; i++) {
            const struct line_latents *a = p->further[k].line[i], *b = q->line[i].latents;
            assert_true(a->complete && a->dict == k && a->n_watch == 0);
            for (int32_t token = 0; token < b->n; token++) {
                const struct active_latent *x, *y;
                const int32_t n = latents_of_token(a, token, &x);
                assert_int_equal(n, latents_of_token(b, token, &y));
                for (int32_t j = 0; j < n; j++) {
                    assert_int_equal(x[j].id, y[j].id);
                    assert_true(fabsf(x[j].value - y[j].value) < 1e-5f);
                }
            }
        }
        assert_int_equal(isnan(p->further[k].fvu), isnan(q->fvu));
        assert_true(isnan(q->fvu) || fabs(p->further[k].fvu - q->fvu) < 1e-6);
        snapshot_unref(q);
        session_free(s);
    }
}

static void compare(const struct tiny_model *t, struct editor *e, struct session *s, bool direct)
{
    session_run_to_idle(s);
    struct snapshot *p = session_snapshot(s);
    assert_int_equal(p->generation, e->wish.generation);
    assert_true(p->tokens.valid && p->latents.valid);
    assert_int_equal(p->loss.valid, e->wish.losses);
    assert_int_equal(p->refsets.valid, e->wish.refsets);
    assert_true(p->progress > 0.999);
    struct session *fresh = new_session(t);
    session_set(fresh, &e->wish);
    session_run_to_idle(fresh);
    struct snapshot *q = session_snapshot(fresh);
    snapshot_check_same(p, q, 1e-5);
    snapshot_unref(q);
    session_free(fresh);
    compare_further(t, e, p);
    if (direct)
        session_check_direct(t, sets, 2, &e->wish, p, 1e-4);
    hold(e, p);
}

static void live(const struct tiny_spec *spec, uint64_t seed, int rounds, size_t rows, size_t kv)
{
    struct tiny_model t;
    for (int c = 0; c < 2; c++) {
        sets[c] = tiny_sets[c];
        sets[c].n = quick() ? 5 : tiny_sets[c].n - c; /* one more in one class than in the other */
    }
    tiny_open(&t, spec);
    fuse_install(t.backend);
    struct session *s = new_session(&t);
    if (rows > 0)
        session_budget(s, rows, kv);
    struct editor *e = xcalloc(1, sizeof *e);
    const char *more = getenv("GLIMT_SEED"); /* another random text */
    rng_seed(&e->rng, seed + (more ? strtoull(more, NULL, 10) : 0) * 1000);
    e->set = &t.set;
    e->m = t.m;
    for (int32_t i = 0; i < t.set.n; i++)
        e->m = t.set.place[i].m < e->m ? t.set.place[i].m : e->m;
    e->wish = (struct wish){.insert = insertion_of(INSERT_SAE),
                            .watch = UNIT_NONE,
                            .n_next = 3,
                            .losses = true,
                            .refsets = true};
    choose_units(e);
    for (int i = 0; i < rounds; i++) {
        next_wish(e);
        session_set(s, &e->wish);
        if (below(e, 3))
            some_steps(e, s);
        if (below(e, 3) == 0 || i == rounds - 1)
            compare(&t, e, s, below(e, 3) == 0 || i == rounds - 1);
    }
    session_free(s);
    for (int i = 0; i < 6; i++) /* snapshots outlive their session */
        hold(e, NULL);
    free(e);
    tiny_close(&t);
}

static void test_mlp_act(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act"}, 1, rounds(240), 0, 0);
}
static void test_small_pieces(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .rows_per_job = 8, .n_ctx = 80}, 2,
         rounds(120), 0, 0);
}
static void test_small_budget(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.0.mlp.act", .rows_per_job = 16}, 3, rounds(120), 60000,
         60000);
}
static void test_no_budget(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .rows_per_job = 16}, 4, rounds(60), 1, 1);
}
static void test_resid_post(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.resid.post"}, 5, rounds(60), 0, 0);
}
static void test_resid_last(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.2.resid.post", .rows_per_job = 16}, 6, rounds(60), 0,
         0);
}
static void test_mlp_out(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.out"}, 7, rounds(60), 0, 0);
}
static void test_attn_out(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.attn.out"}, 8, rounds(60), 0, 0);
}
static void test_mlp_pre(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.pre"}, 9, rounds(60), 0, 0);
}
static void test_resid_pre(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.0.resid.pre"}, 10, rounds(40), 0, 0);
}
static void test_embed(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "embed"}, 11, rounds(40), 0, 0);
}
static void test_sequential_attn_out(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.attn.out", .sequential = true}, 12, rounds(60), 0,
         0);
}
static void test_sequential_mlp_act(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.2.mlp.act", .sequential = true}, 13, rounds(60), 0, 0);
}
static void test_neurons(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .neurons = true}, 14, rounds(80), 0, 0);
}
static void test_no_dict(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .no_dict = true}, 15, rounds(60), 0, 0);
}

/* Points between attention and MLP; other architectures. */
static void test_parallel_attn_z(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.attn.z"}, 31, rounds(20), 0, 0);
}
static void test_parallel_mlp_in(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.in", .rows_per_job = 16}, 32, rounds(20), 0, 0);
}
static void test_gpt2(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.attn.z", .arch = "gpt2", .rows_per_job = 16}, 33,
         rounds(20), 0, 0);
}
static void test_gpt2_resid_mid(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.resid.mid",
                             .arch = "gpt2",
                             .more = {{"layers.0.attn.out", false}, {"layers.2.mlp.in", true}}},
         34, rounds(20), 0, 0);
}
static void test_llama(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .arch = "llama"}, 35, rounds(20), 0, 0);
}
static void test_llama_gate(void **state) /* its state has the other half beside it */
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.pre", .arch = "llama", .rows_per_job = 16}, 36,
         rounds(20), 60000, 60000);
}
static void test_llama_attn_z(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.attn.z",
                             .arch = "llama",
                             .more = {{"layers.1.mlp.act", true}, {"layers.2.resid.mid", false}}},
         37, rounds(20), 0, 0);
}
static void test_gemma2(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .arch = "gemma2"}, 38, rounds(20), 0, 0);
}
static void test_gemma2_modules(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "model.layers.1.mlp",
                             .arch = "gemma2",
                             .more = {{"layers.0.attn.z", false}, {"layers.2.attn.out", false}}},
         39, rounds(20), 0, 0);
}

/* Sets: two SAEs; with neurons between them; several in one layer, before the landing of the first;
 * and rows in small pieces under small budgets. */
static void test_set_of_two(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.0.mlp.act", .more = {{"layers.1.resid.post", false}}},
         21, rounds(160), 0, 0);
}
static void test_set_of_three(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act",
                             .more = {{"layers.0.resid.post", false}, {"layers.2.mlp.act", true}}},
         22, rounds(160), 0, 0);
}
static void test_set_in_one_layer(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act",
                             .more = {{"layers.1.attn.out", false},
                                      {"layers.1.mlp.out", false},
                                      {"layers.1.resid.post", false}}},
         23, rounds(120), 0, 0);
}
static void test_set_sequential(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.0.attn.out",
                             .sequential = true,
                             .more = {{"layers.0.mlp.act", true}, {"layers.2.mlp.out", false}}},
         24, rounds(80), 0, 0);
}
static void test_set_in_small_pieces(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act",
                             .rows_per_job = 8,
                             .n_ctx = 80,
                             .more = {{"embed", false}, {"layers.2.resid.post", false}}},
         25, rounds(120), 60000, 60000);
}
static void test_set_of_neurons(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.0.mlp.act",
                             .neurons = true,
                             .rows_per_job = 16,
                             .more = {{"layers.1.mlp.act", true}, {"layers.2.mlp.act", true}}},
         26, rounds(80), 1, 1);
}

/* Two sessions of one wish: the same bits. */
/* ---- normed inputs and transcoders */
static void test_layer_norm(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.act", .norm = "layer_norm"}, 51, rounds(30), 0,
         0);
}
static void test_length_norm(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.resid.post",
                             .norm = "constant_norm_rescale",
                             .rows_per_job = 16},
         52, rounds(30), 60000, 30000);
}
static void test_transcoder(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.out", .transcodes = true}, 53, rounds(30), 0, 0);
}
static void test_transcoder_llama(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.out",
                             .transcodes = true,
                             .norm = "layer_norm",
                             .arch = "llama",
                             .rows_per_job = 16},
         54, rounds(30), 60000, 30000);
}
/* Read before the norm, in it, and over the whole block. */
static void test_transcoder_elsewhere(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.out",
                             .transcodes = true,
                             .reads = "mlp.normalized",
                             .arch = "llama",
                             .rows_per_job = 16},
         56, rounds(20), 60000, 30000);
    live(&(struct tiny_spec){.hook = "layers.1.mlp.out",
                             .transcodes = true,
                             .reads = "resid.mid",
                             .norm = "layer_norm",
                             .sequential = true},
         57, rounds(20), 0, 0);
    live(&(struct tiny_spec){.hook = "layers.1.resid.post",
                             .transcodes = true,
                             .reads = "resid.pre",
                             .more = {{"layers.1.resid.pre", false}, {"layers.2.mlp.out", false}},
                             .more_transcode = 2},
         58, rounds(20), 0, 0);
}
static void test_set_of_transcoders(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.out",
                             .transcodes = true,
                             .norm = "layer_norm",
                             .more = {{"layers.0.attn.out", false},
                                      {"layers.1.resid.post", false},
                                      {"layers.2.mlp.out", false}},
                             .more_transcode = 4},
         55, rounds(40), 0, 0);
}
static void test_set_reads_what_was_replaced(void **state)
{
    (void)state;
    live(&(struct tiny_spec){.hook = "layers.1.mlp.in",
                             .rows_per_job = 16,
                             .sequential = true,
                             .more = {{"layers.1.mlp.out", false}},
                             .more_transcode = 1},
         56, rounds(30), 0, 0);
}

static void assert_same_bits(const struct snapshot *a, const struct snapshot *b)
{
    assert_true(a->loss.valid && b->loss.valid && a->refsets.valid && b->refsets.valid);
    assert_int_equal(a->n_lines, b->n_lines);
    for (int32_t i = 0; i < a->n_lines; i++) {
        const struct line_view *x = &a->line[i], *y = &b->line[i];
        const struct line_latents *l = x->latents, *m = y->latents;
        for (int lane = 0; lane < N_LANES; lane++)
            assert_memory_equal(x->loss[lane]->loss, y->loss[lane]->loss,
                                (size_t)x->tokens->n * sizeof(float));
        assert_memory_equal(l->pre, m->pre, (size_t)(l->n * l->n_watch) * sizeof *l->pre);
        assert_memory_equal(l->act, m->act, (size_t)(l->n * l->n_watch) * sizeof *l->act);
        for (int32_t t = 0; t < l->n; t++) {
            const struct active_latent *p, *q;
            int32_t n = latents_of_token(l, t, &p);
            assert_int_equal(n, latents_of_token(m, t, &q));
            assert_memory_equal(p, q, (size_t)n * sizeof *p);
        }
    }
    assert_memory_equal(&a->fvu, &b->fvu, sizeof a->fvu);
    for (int c = 0; c < a->n_refsets; c++)
        assert_memory_equal(&a->refset[c].diff, &b->refset[c].diff, sizeof a->refset[c].diff);
}

/* Where nothing is inserted at the others, a set gives the bits of the one dictionary: lanes part
 * where they did. */
static void test_bare_places_change_no_bit(void **state)
{
    (void)state;
    struct tiny_model t;
    struct error e = {0};
    sets[0] = tiny_sets[0], sets[1] = tiny_sets[1];
    tiny_open(&t, &(struct tiny_spec){
                      .hook = "layers.1.mlp.act",
                      .more = {{"layers.0.resid.post", false}, {"layers.2.resid.post", false}}});
    struct dict_place middle = t.set.place[1];
    const struct dict_set one = {.n = 1, .place = &middle};
    const char text[] = "Rådet skal nu godkende det.\n\nHun læser en bog om vejret.";
    for (enum insert insert = INSERT_NONE; insert <= INSERT_ERROR; insert++) {
        struct insertion in = insertion_of(INSERT_NONE);
        insertion_put(&in, 1, insert);
        struct wish w = {.text = text,
                         .n_text = sizeof text - 1,
                         .insert = in,
                         .dict = 1,
                         .n_units = 2,
                         .unit = {{{1, 3}, true, 1.5f}, {{1, 17}, true, -2}},
                         .watch = {1, 40},
                         .losses = true,
                         .refsets = true};
        struct session *s = new_session(&t);
        session_set(s, &w);
        session_run_to_idle(s);
        struct snapshot *p = session_snapshot(s);
        w.insert = insertion_of(insert), w.dict = 0,
        w.watch.dict = w.unit[0].id.dict = w.unit[1].id.dict = 0;
        struct session *alone =
            session_new(t.backend, t.model, t.tokenizer, &one, t.at, sets, 2, &e);
        assert_non_null(alone);
        session_set(alone, &w);
        session_run_to_idle(alone);
        struct snapshot *q = session_snapshot(alone);
        assert_same_bits(p, q);
        snapshot_unref(p);
        snapshot_unref(q);
        session_free(s);
        session_free(alone);
    }
    tiny_close(&t);
}

/* ---- a device that fails while a snapshot is made */
static void (*real_fetch_f64)(struct queue *, double *, struct tensor);
static int fetches_until_failure;

static void failing_fetch_f64(struct queue *q, double *dst, struct tensor src)
{
    if (fetches_until_failure-- == 0)
        error_set(&q->err, ERROR_SYSTEM, "the sums did not come");
    else
        real_fetch_f64(q, dst, src);
}

static void test_what_fails_in_a_snapshot_is_told(void **state)
{
    (void)state;
    struct tiny_model t;
    sets[0] = tiny_sets[0], sets[1] = tiny_sets[1];
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act",
                                      .more = {{"layers.2.resid.post", false}}});
    const char text[] = "Hun læser en bog om vejret.";
    struct wish w = {.text = text, .n_text = sizeof text - 1, .watch = UNIT_NONE, .further = 2};
    real_fetch_f64 = t.backend->fetch_f64;
    for (int place = 0; place < 2; place++) { /* the one shown, and a further one */
        struct session *s = new_session(&t);
        session_set(s, &w);
        session_run_to_idle(s);
        t.backend->fetch_f64 = failing_fetch_f64;
        fetches_until_failure = place;
        struct snapshot *p = session_snapshot(s);
        t.backend->fetch_f64 = real_fetch_f64;
        assert_true(isnan(place ? p->further[1].fvu : p->fvu));
        assert_string_equal(session_error(s)->text, "the sums did not come");
        snapshot_unref(p);
        session_set(s, &w); /* it is asked again */
        session_run_to_idle(s);
        p = session_snapshot(s);
        assert_false(error_is_set(session_error(s)));
        assert_true(isfinite(p->fvu) && isfinite(p->further[1].fvu));
        snapshot_unref(p);
        session_free(s);
    }
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_fails_in_a_snapshot_is_told),
        cmocka_unit_test(test_mlp_act),
        cmocka_unit_test(test_small_pieces),
        cmocka_unit_test(test_small_budget),
        cmocka_unit_test(test_no_budget),
        cmocka_unit_test(test_resid_post),
        cmocka_unit_test(test_resid_last),
        cmocka_unit_test(test_mlp_out),
        cmocka_unit_test(test_attn_out),
        cmocka_unit_test(test_mlp_pre),
        cmocka_unit_test(test_resid_pre),
        cmocka_unit_test(test_embed),
        cmocka_unit_test(test_sequential_attn_out),
        cmocka_unit_test(test_sequential_mlp_act),
        cmocka_unit_test(test_neurons),
        cmocka_unit_test(test_no_dict),
        cmocka_unit_test(test_parallel_attn_z),
        cmocka_unit_test(test_parallel_mlp_in),
        cmocka_unit_test(test_gpt2),
        cmocka_unit_test(test_gpt2_resid_mid),
        cmocka_unit_test(test_llama),
        cmocka_unit_test(test_llama_gate),
        cmocka_unit_test(test_llama_attn_z),
        cmocka_unit_test(test_gemma2),
        cmocka_unit_test(test_gemma2_modules),
        cmocka_unit_test(test_set_of_two),
        cmocka_unit_test(test_set_of_three),
        cmocka_unit_test(test_set_in_one_layer),
        cmocka_unit_test(test_set_sequential),
        cmocka_unit_test(test_set_in_small_pieces),
        cmocka_unit_test(test_layer_norm),
        cmocka_unit_test(test_length_norm),
        cmocka_unit_test(test_transcoder),
        cmocka_unit_test(test_transcoder_llama),
        cmocka_unit_test(test_transcoder_elsewhere),
        cmocka_unit_test(test_set_of_transcoders),
        cmocka_unit_test(test_set_reads_what_was_replaced),
        cmocka_unit_test(test_set_of_neurons),
        cmocka_unit_test(test_bare_places_change_no_bit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
