/* What the session does not do again: rows of operations are counted. */
#include "engine/base/memory.h"
#include "engine/session/session_private.h"
#include "tests/support/counting.h"
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

static struct { /* rows that went through since the last reset */
    int front, back, unembedded;
    void (*attn)(struct queue *, struct tensor, struct tensor, struct tensor, struct tensor,
                 const struct attn_shape *, int32_t, const struct seqs *);
    void (*xent)(struct queue *, struct tensor, struct tensor, const struct weight *, struct tensor,
                 float);
} count;

static void counting_attn(struct queue *q, struct tensor y, struct tensor Q, struct tensor K,
                          struct tensor V, const struct attn_shape *shape, int32_t layer,
                          const struct seqs *s)
{
    if (layer == 0)
        count.front += Q.rows;
    if (layer == 2)
        count.back += Q.rows;
    count.attn(q, y, Q, K, V, shape, layer, s);
}

static void counting_xent(struct queue *q, struct tensor loss, struct tensor h,
                          const struct weight *u, struct tensor target, float soft_cap)
{
    count.unembedded += h.rows;
    count.xent(q, loss, h, u, target, soft_cap);
}

struct fixture {
    struct tiny_model t;
    struct session *s;
    struct wish w;
    char text[20000];
};

static void set(struct fixture *f, const char *text)
{
    if (text != f->text)
        snprintf(f->text, sizeof f->text, "%s", text);
    f->w.text = f->text;
    f->w.n_text = strlen(f->text);
    f->w.generation++;
    count.front = count.back = count.unembedded = 0;
    session_set(f->s, &f->w);
    session_run_to_idle(f->s);
}

static int setup(void **state)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    struct error e = {0};
    tiny_open(&f->t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    count.attn = f->t.backend->attn, count.xent = f->t.backend->xent;
    f->t.backend->attn = counting_attn, f->t.backend->xent = counting_xent;
    f->s =
        session_new(f->t.backend, f->t.model, f->t.tokenizer, &f->t.set, f->t.at, tiny_sets, 2, &e);
    assert_non_null(f->s);
    f->w = (struct wish){
        .insert = insertion_of(INSERT_SAE), .watch = UNIT_NONE, .losses = true, .n_units = 2};
    f->w.unit[0] = (struct chosen_unit){UNIT(5), true, 1.0f};
    f->w.unit[1] = (struct chosen_unit){UNIT(9), false, 0.0f};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    session_free(f->s);
    tiny_close(&f->t);
    free(f);
    return 0;
}

static struct snapshot *look(struct fixture *f)
{
    struct snapshot *p = session_snapshot(f->s);
    assert_true(p->loss.valid && p->latents.valid);
    return p;
}

static int32_t tokens_of(struct fixture *f)
{
    struct snapshot *p = look(f);
    int32_t n = p->n_tokens;
    snapshot_unref(p);
    return n;
}

static void test_edit_touches_one_line(void **state)
{
    struct fixture *f = *state;
    set(f, "Hun læser en bog.\nToget kører klokken otte.\nThe train leaves.");
    int32_t n = tokens_of(f);
    assert_int_equal(count.front, n);
    assert_int_equal(count.back, 3 * n); /* three lanes */
    assert_int_equal(count.unembedded, 3 * (n - 3));
    f->w.cursor = strlen("Hun læser en bog.\nToget");
    set(f, "Hun læser en bog.\nToget kører klokken ti.\nThe train leaves."); /* the line's keys are
                                                                                kept from now on */
    set(f, "Hun læser en bog.\nToget kører klokken nu.\nThe train leaves.");
    assert_true(count.front > 0 && count.front <= 6);
    assert_true(count.back <= 18 && count.unembedded <= 18);
    set(f, "Hun læser en bog.\nny\nToget kører klokken nu.\nThe train leaves.");
    assert_true(count.front <= 2);
    set(f, "The train leaves.\nny\nToget kører klokken nu.\nHun læser en bog."); /* moved */
    assert_int_equal(count.front + count.back + count.unembedded, 0);
    set(f, "The train leaves.\nToget kører klokken nu.\nHun læser en bog."); /* removed */
    assert_int_equal(count.front + count.back + count.unembedded, 0);
    set(f, "The train leaves.\nny\nToget kører klokken nu.\nHun læser en bog."); /* and back */
    assert_int_equal(count.front + count.back + count.unembedded, 0);
}

static void test_typing_goes_on(void **state)
{
    struct fixture *f = *state;
    char text[600] = "";
    for (int i = 0; i < 60; i++)
        strcat(text, i % 7 ? "en " : "hest ");
    f->w.cursor = strlen(text);
    set(f, text);
    for (int i = 0; i < 10; i++) { /* a letter at a time at the end: the last word's tokens only */
        size_t n = strlen(text);
        text[n] = "konge rig "[i], text[n + 1] = '\0';
        f->w.cursor = n + 1;
        set(f, text);
        assert_true(count.front <= 6 && count.back <= 18 && count.unembedded <= 18);
    }
}

/* A special token that is read as text is told, wherever typing goes on; read as its token it is
 * not. */
static void test_special_tokens_are_told(void **state)
{
    struct fixture *f = *state;
    static const char filling[] =
        "Rådet skal nu formelt godkende Parlamentets holdning, og så går børnene hjem til Åse på "
        "Ærø, hvor køerne står på græs året rundt, and the children cycled home, and so on and on "
        "and on, og det var det, som de sagde, da de kom hjem til byen igen efter ferien i år. ";
    char text[1200];
    static const struct {
        const char *before, *after;
    } row[] = {{"", ""},
               {"a <|endoftext|> b", ""},
               {"", "<|endoftext"},
               {"", "<|endoftext|>"},
               {"", "<|endoftext|> x"},
               {"<|endoftext|>", "<|endoftext|>"},
               {"<|endoftext|", ""}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        snprintf(text, sizeof text, "en linje\n%s%s%s", row[i].before, filling, row[i].after);
        const char *at = strstr(text, "<|endoftext|>");
        set(f, text);
        struct snapshot *p = look(f);
        assert_int_equal(p->special_end - p->special_start, at ? 13 : 0);
        assert_int_equal(p->special_start, at ? at - text : 0);
        int32_t n = p->n_tokens;
        snapshot_unref(p);
        f->w.special = true;
        set(f, text);
        p = look(f);
        assert_int_equal(p->special_end, 0);
        assert_true(at ? p->n_tokens < n : p->n_tokens == n);
        snapshot_unref(p);
        f->w.special = false;
    }
}

static void test_slider_runs_its_lane(void **state)
{
    struct fixture *f = *state;
    set(f, "Hun læser en bog.\nToget kører klokken otte.");
    int32_t n = tokens_of(f);
    f->w.unit[0].value = 2.0f;
    set(f, f->text);
    assert_int_equal(count.front, 0);
    assert_int_equal(count.back, n);
    assert_int_equal(count.unembedded, n - 2);
    f->w.unit[0].fixed = false; /* the base lane is known */
    set(f, f->text);
    assert_int_equal(count.front + count.back + count.unembedded, 0);
    f->w.insert = insertion_of(INSERT_ERROR); /* so is the plain one */
    set(f, f->text);
    assert_int_equal(count.front + count.back + count.unembedded, 0);
}

static void test_watch_and_cursor(void **state)
{
    struct fixture *f = *state;
    set(f, "Hun læser en bog.\nToget kører klokken otte.");
    f->w.watch = UNIT(33);
    f->w.cursor = 3;
    set(f, f->text);
    assert_int_equal(count.front + count.back + count.unembedded, 0);
    struct snapshot *p = look(f);
    assert_unit(p->line[0].latents->watch[2], 33);
    assert_true(isfinite(p->line[1].latents->pre[2]));
    snapshot_unref(p);
}

static void test_predictions_from_kept_rows(void **state)
{
    struct fixture *f = *state;
    f->w.n_next = 5;
    f->w.cursor = 4;
    set(f, "Hun læser en bog.\nToget kører klokken otte.");
    f->w.cursor = 12;
    set(f, f->text);
    assert_int_equal(count.front + count.back + count.unembedded, 0);
    struct snapshot *p = look(f);
    assert_true(p->next.valid && p->next_plain.n == 5 && p->next_at >= 12);
    double sum = 0;
    for (int i = 0; i < 5; i++)
        sum += (double)p->next_fixed.p[i];
    assert_true(sum > 0 && sum <= 1.0001);
    snapshot_unref(p);
    f->w.cursor = 0; /* nothing comes before the first token */
    set(f, f->text);
    p = look(f);
    assert_true(p->next.valid && p->next_token == -1);
    snapshot_unref(p);
}

static void test_reference_lanes_are_cached(void **state)
{
    struct fixture *f = *state;
    f->w.refsets = true;
    set(f, "Ja.");
    f->w.unit[0].value = 3.0f;
    set(f, f->text);
    int measured = count.back;
    assert_true(measured > 100);
    struct snapshot *p = look(f);
    double mean = p->refset[0].fixed.mean;
    assert_true(p->refsets.valid && p->refset[0].n == p->refset[0].n_total);
    snapshot_unref(p);
    f->w.unit[0].value = 1.0f; /* dragged back */
    set(f, f->text);
    assert_int_equal(count.front, 0);
    assert_true(count.back < 10);
    f->w.unit[0].value = 3.0f;
    set(f, f->text);
    assert_true(count.back < 10);
    p = look(f);
    assert_true(fabs(p->refset[0].fixed.mean - mean) == 0);
    snapshot_unref(p);
}

/* Half of the sentences: the estimate says so, is paired, and its interval is not that of the end.
 */
static void test_looks_while_streaming(void **state)
{
    struct fixture *f = *state;
    f->w.refsets = true;
    f->w.unit[0].fixed = false;
    set(f, "Ja.");
    snapshot_unref(look(f));
    f->w.unit[0].fixed = true;
    f->w.unit[0].value = 4.0f;
    f->w.generation++;
    session_set(f->s, &f->w);
    bool at_16 = false;
    while (session_step(f->s, NULL) != STAGE_IDLE) {
        struct snapshot *p = session_snapshot(f->s);
        const struct refset_view *v = &p->refset[0];
        assert_true(v->base_valid && v->n_total == 19); /* one is a single token without a loss */
        if (v->key == p->lane_key[LANE_FIXED]) {
            assert_true(v->n == 19 || (v->n >= 15 && v->n <= 16));
            at_16 |= v->n < 19;
            assert_true(v->diff.half > 0);
            assert_true(fabs(v->fixed.mean - v->base.mean - v->diff.mean) < 1e-12);
            assert_true(p->refset[1].n >= v->n - 2); /* pairs: only what has no loss is missing */
        } else {
            assert_true(v->key ==
                        p->lane_key[LANE_BASE]); /* the numbers before, under their own key */
        }
        snapshot_unref(p);
    }
    assert_true(at_16);
}

static void test_budget_is_kept(void **state)
{
    struct fixture *f = *state;
    char text[12000] = "";
    for (int i = 0; i < (quick() ? 30 : 150); i++)
        snprintf(text + strlen(text), 80, "Linje nummer %d er hverken lang eller kort.\n", i);
    set(f, text);
    int32_t n = tokens_of(f);
    assert_int_equal(count.front, n);
    f->w.unit[0].value = -3.0f;
    set(f, text);
    assert_int_equal(count.front, 0); /* all of it fits */
    session_budget(f->s, 100000, 0);
    f->w.unit[0].value = -2.0f;
    set(f, text);
    assert_true(count.front > n / 2 &&
                count.front < n + 100); /* what was dropped was computed again, once */
}

static size_t host_bytes(const struct line *l)
{
    size_t n = (size_t)l->tokens->n, w = (size_t)l->latents->n_watch;
    return l->latents->n_active * sizeof(struct active_latent) +
           n * (sizeof(struct latent_list) + 2 * w * sizeof(float)) + n * N_TRACKS * sizeof(float);
}

/* Of a text that is larger than the budget rows are kept around the cursor alone; the rest passes
 * through, and nothing of it is computed twice on the way. */
static void test_far_lines_pass_through(void **state)
{
    struct fixture *f = *state;
    int lines = quick() ? 60 : 300;
    size_t budget = 893 * rows_token_bytes(f->s, false), at = 0, listed = 0, host = 0;
    char *text = xcalloc((size_t)lines, 80);
    for (int i = 0; i < lines; i++)
        at += (size_t)snprintf(text + at, 80, "Linje nummer %d er hverken lang eller kort.\n", i);
    session_budget(f->s, budget, 0);
    f->w.text = text, f->w.n_text = at, f->w.cursor = at / 2;
    count.front = count.back = 0;
    session_set(f->s, &f->w);
    session_run_to_idle(f->s);
    int32_t n = tokens_of(f);
    assert_true((size_t)n * rows_token_bytes(f->s, false) > 2 * budget || lines < 300);
    assert_int_equal(count.front, n);
    assert_int_equal(count.back, 3 * n);
    assert_true(f->s->row_bytes <= budget);
    for (const struct rows *r = f->s->text_rows; r; r = r->next)
        listed++;
    assert_true(listed * 20 * rows_token_bytes(f->s, false) < 4 * budget); /* those of kept lines */
    for (int32_t i = 0; i < f->s->n_lines; i++) {
        const struct line *l = f->s->line[i];
        host += l->tokens->n > 0 ? host_bytes(l) : 0;
        for (int32_t w = 0; w < l->n_windows && abs(i - f->s->cursor_line) > 40; w++)
            if (lines == 300)
                assert_null(l->window[w].rows);
    }
    assert_true(host / (size_t)n < 1024); /* a token's results */
    const struct line *here = f->s->line[f->s->cursor_line];
    assert_true(here->window[0].rows && here->window[0].rows->front_rows == here->tokens->n);
    f->w.unit[0].value = 2.0f; /* a slider: the kept ones are there, the others come again, once */
    f->w.generation++;
    count.front = count.back = 0;
    session_set(f->s, &f->w);
    session_run_to_idle(f->s);
    assert_true(count.front > 0 && count.front < n);
    assert_int_equal(count.back, n);
    free(text);
}

static void test_large_paste_is_progressive(void **state)
{
    struct fixture *f = *state;
    char *text = xcalloc(1, 110000);
    size_t n = 0;
    while (n < (quick() ? 20000 : 100000)) /* valgrind is slow */
        n += (size_t)snprintf(
            text + n, 100, "Linje %zu: Rådet skal nu formelt godkende Parlamentets holdning.\n", n);
    f->w.text = text, f->w.n_text = n, f->w.cursor = n / 2;
    session_set(f->s, &f->w);
    int published = 0;
    for (int i = 0; i < 60; i++) {
        enum stage stage = session_step(f->s, NULL);
        assert_true(stage != STAGE_IDLE);
        if (!session_should_publish(f->s))
            continue;
        struct snapshot *p = session_snapshot(f->s);
        if (p->tokens.valid && published++ > 1) { /* what is near the cursor comes first */
            int32_t here = p->n_lines / 2;
            while (p->line[here].end < n / 2)
                here++;
            while (p->line[here].start > n / 2)
                here--;
            assert_true(p->line[here].latents && p->line[here].latents->complete);
            assert_null(p->line[0].latents);
        }
        snapshot_unref(p);
    }
    assert_true(published > 3);
    free(text);
}

/* Once warm, neither a key at the end nor a slider makes a buffer; a slider's values go up and its
 * losses come down, and nothing of the text's size does. */
static void test_warm_steps_allocate_nothing(void **state)
{
    struct fixture *f = *state;
    struct counted slider[2];
    counting_install(f->t.backend);
    for (int round = 0; round < 2; round++) {
        char text[400] = "Rådet skal godkende det, og vi taler om det";
        for (int i = 0; i < 20; i++) {
            if (i == 10)
                counting_take(); /* the first ones warm up */
            strcat(text, i % 4 == 3 ? " " : "e");
            set(f, text);
            assert_true(i < 10 || counting_take().allocs == 0);
        }
        for (int i = 0; i < 8; i++) {
            f->w.unit[0].value = (float)(i + 8 * round) / 2;
            counting_take();
            set(f, text);
            slider[round] = counting_take();
            assert_true(i < 2 || slider[round].allocs == 0);
        }
        assert_true(slider[round].put > 0 && slider[round].got > 0);
        struct snapshot *p = look(f);
        /* less than one row of the residual (32 floats) a token */
        assert_true(slider[round].got < (int64_t)p->n_tokens * 32 * (int64_t)sizeof(float));
        snapshot_unref(p);
    }
    assert_int_equal(slider[0].put, slider[1].put);
    assert_int_equal(slider[0].got, slider[1].got);
}

/* ---- somebody at work */
struct page {
    char line[12][160];
    int n, cursor;
};

static void show(struct fixture *f, const struct page *p)
{
    char text[sizeof p->line];
    size_t at = 0;
    for (int i = 0; i < p->n; i++) {
        if (i == p->cursor)
            f->w.cursor = at + strlen(p->line[i]);
        at += (size_t)snprintf(text + at, sizeof text - at, "%s%s", i ? "\n" : "", p->line[i]);
        f->w.cursor += i == p->cursor && i > 0;
    }
    set(f, text);
}

static void insert_line(struct page *p, int at)
{
    for (int i = p->n++; i > at; i--)
        strcpy(p->line[i], p->line[i - 1]);
    p->line[at][0] = '\0', p->cursor = at;
}

static void delete_line(struct page *p, int at)
{
    p->n--;
    for (int i = at; i < p->n; i++)
        strcpy(p->line[i], p->line[i + 1]);
    p->cursor = at < p->n ? at : p->n - 1;
}

/* Lines are typed, edited at their ends and in the middle, deleted and made again; sliders are
 * dragged, units fixed and freed. */
static void work(struct fixture *f, int words, int salt)
{
    static const char *const word[] = {"en ", "hest ", "løber ", "over ", "the ", "garden ", "og "};
    struct page p = {.n = 0};
    for (int i = 0; i < 9; i++) {
        insert_line(&p, i % 3 ? p.n : 0);
        for (int w = 0; w < words; w++) {
            strcat(p.line[p.cursor], word[(i * 5 + w * 3 + salt) % 7]);
            show(f, &p);
        }
    }
    for (int i = 0; i < 24; i++) {
        p.cursor = (i * 7 + salt) % p.n;
        char *line = p.line[p.cursor], *middle = line + 10;
        if (i % 4 == 0) {
            delete_line(&p, p.cursor);
        } else if (i % 4 == 1) {
            insert_line(&p, p.cursor);
            strcat(p.line[p.cursor], "ja og nej");
        } else if (i % 4 == 2) {
            line[strlen(line) - 1] = '\0';
        } else {
            memmove(middle + 2, middle, strlen(middle) + 1);
            memcpy(middle, "e ", 2);
        }
        show(f, &p);
        f->w.unit[i % 2].fixed = i % 8 != 3;
        f->w.unit[i % 2].value = (float)((i + salt) % 11) / 2;
        show(f, &p);
    }
    f->w.unit[0].fixed = true, f->w.unit[1].fixed = false;
}

static void test_work_allocates_nothing(void **state)
{
    struct fixture *f = *state;
    counting_install(f->t.backend);
    f->w.refsets = true, f->w.n_next = 5;
    for (int salt = 0; salt < 7; salt++)
        work(f, 9, salt); /* until as many removed lines are kept as ever are */
    assert_true(counting_take().allocs > 0);
    for (int salt = 0; salt < 4; salt++) {
        work(f, 7, salt);
        assert_int_equal(counting_take().allocs, 0);
    }
    snapshot_unref(look(f));
}

/* ---- memory comes back */
static void same_bits(const struct line_losses *a, const struct line_losses *b)
{
    assert_int_equal(a->n, b->n);
    assert_memory_equal(a->loss, b->loss, (size_t)a->n * sizeof *a->loss);
}

/* The last lines of a snapshot are those of another. */
static void same_tail(const struct snapshot *a, const struct snapshot *b)
{
    for (int32_t i = 1; i <= a->n_lines && i <= b->n_lines; i++) {
        const struct line_view *x = &a->line[a->n_lines - i], *y = &b->line[b->n_lines - i];
        for (int lane = 0; lane < N_LANES; lane++)
            same_bits(x->loss[lane], y->loss[lane]);
    }
}

/* Of lines of a long text the last stay: their rows have moved then, and every lane, a slider and
 * an edit go on from them as they did. */
static void test_memory_comes_back(void **state)
{
    static const char last[] = "Rådet skal godkende det.\nThe train leaves at eight.";
    struct fixture *f = *state;
    char *text = xcalloc(1, 110000);
    size_t n = 0;
    counting_install(f->t.backend);
    f->w.n_next = 5;
    set(f, last);
    const int64_t before = counting_held();
    while (n < (quick() ? 10000 : 40000))
        n += (size_t)snprintf(text + n, 100, "Linje %zu: Rådet skal nu formelt godkende det.\n", n);
    strcpy(text + n, last);
    f->w.text = text, f->w.n_text = strlen(text), f->w.cursor = f->w.n_text;
    session_set(f->s, &f->w);
    session_run_to_idle(f->s);
    struct snapshot *with = look(f);
    const int64_t full = counting_held();
    const int32_t cap = f->s->of_text.cap;
    assert_true(full > 3 * before);
    set(f, last); /* all before it is gone */
    struct snapshot *without = look(f);
    same_tail(with, without);
    assert_true(f->s->of_text.cap < cap / 2 && counting_held() < (before + full) / 2);
    f->w.unit[0].value = 2.5f; /* from rows that have moved */
    set(f, last);
    snapshot_unref(with);
    with = look(f);
    char edited[sizeof last + 8];
    snprintf(edited, sizeof edited, "%s Og nu", last);
    set(f, edited);
    struct snapshot *after = look(f);
    counting_take();
    set(f, last);
    set(f, edited); /* nothing comes and goes */
    assert_int_equal(counting_take().allocs, 0);
    struct fixture *fresh;
    assert_int_equal(setup((void **)&fresh), 0);
    fresh->w.unit[0].value = 2.5f, fresh->w.n_next = 5;
    set(fresh, last);
    struct snapshot *expected = look(fresh);
    same_tail(with, expected);
    assert_true(memcmp(&with->fvu, &expected->fvu, sizeof with->fvu) == 0);
    snapshot_unref(expected);
    set(fresh, edited);
    expected = look(fresh);
    same_tail(after, expected);
    snapshot_unref(expected);
    snapshot_unref(with);
    snapshot_unref(without);
    snapshot_unref(after);
    teardown((void **)&fresh);
    free(text);
}

/* Sentences that nobody asks for any more, and a text that is gone. */
static void test_references_give_back(void **state)
{
    struct fixture *f = *state;
    f->w.refsets = true;
    set(f, "Hun læser en bog.");
    struct snapshot *before = look(f);
    const int32_t cap = f->s->of_references.cap;
    f->w.refsets = false, f->w.bos = !f->w.bos; /* tokenised anew, and not measured */
    set(f, "");
    assert_true(f->s->of_references.cap <= 128 && cap > 128);
    f->w.refsets = true, f->w.bos = !f->w.bos;
    set(f, "Hun læser en bog.");
    struct snapshot *after = look(f);
    for (int32_t c = 0; c < after->n_refsets; c++) {
        assert_true(memcmp(&before->refset[c].fixed, &after->refset[c].fixed,
                           sizeof after->refset[c].fixed) == 0);
        assert_int_equal(before->refset[c].n, after->refset[c].n);
    }
    snapshot_unref(before);
    snapshot_unref(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_edit_touches_one_line, setup, teardown),
        cmocka_unit_test_setup_teardown(test_typing_goes_on, setup, teardown),
        cmocka_unit_test_setup_teardown(test_special_tokens_are_told, setup, teardown),
        cmocka_unit_test_setup_teardown(test_slider_runs_its_lane, setup, teardown),
        cmocka_unit_test_setup_teardown(test_watch_and_cursor, setup, teardown),
        cmocka_unit_test_setup_teardown(test_predictions_from_kept_rows, setup, teardown),
        cmocka_unit_test_setup_teardown(test_reference_lanes_are_cached, setup, teardown),
        cmocka_unit_test_setup_teardown(test_looks_while_streaming, setup, teardown),
        cmocka_unit_test_setup_teardown(test_budget_is_kept, setup, teardown),
        cmocka_unit_test_setup_teardown(test_far_lines_pass_through, setup, teardown),
        cmocka_unit_test_setup_teardown(test_large_paste_is_progressive, setup, teardown),
        cmocka_unit_test_setup_teardown(test_warm_steps_allocate_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_work_allocates_nothing, setup, teardown),
        cmocka_unit_test_setup_teardown(test_memory_comes_back, setup, teardown),
        cmocka_unit_test_setup_teardown(test_references_give_back, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
