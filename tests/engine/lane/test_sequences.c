/* Text into sequences: every place where a target, a BOS or a window can be off by one. */
#include "engine/base/memory.h"
#include "engine/lane/sequences.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

enum { BOS = 7, MOST = 64 };

static void make(struct sequences *s, int32_t n, int32_t context, int32_t bos)
{
    struct token token[MOST];
    for (int32_t i = 0; i < n; i++)
        token[i] = (struct token){100 + i, 2 * i, 2 * i + 2};
    *s = (struct sequences){0};
    int32_t before = s->n, made = lane_sequences(s, token, n, (struct cut){context, bos});
    assert_int_equal(s->n - before, made);
}

/* Rows of one sequence, written out: id, target, place. */
struct row {
    int32_t id, target, pos;
};
static void is(const struct sequences *s, int32_t i, const struct row *row, int32_t n)
{
    assert_int_equal(s->start[i + 1] - s->start[i], n);
    for (int32_t r = 0; r < n; r++) {
        assert_int_equal(s->ids[s->start[i] + r], row[r].id);
        assert_int_equal(s->target[s->start[i] + r], row[r].target);
        assert_int_equal(s->pos[s->start[i] + r], row[r].pos);
    }
}
#define IS(s, i, ...)                                                                              \
    is(s, i, (const struct row[]){__VA_ARGS__},                                                    \
       (int32_t)(sizeof(const struct row[]){__VA_ARGS__} / sizeof(struct row)))

static void target_is_the_token_after(void **unused)
{
    (void)unused;
    struct sequences s;
    make(&s, 3, 8, -1);
    assert_int_equal(s.n, 1);
    IS(&s, 0, {100, 101, 0}, {101, 102, 1}, {102, -1, 2});
    sequences_release(&s);
}

static void bos_is_a_row_but_no_target(void **unused)
{
    (void)unused;
    struct sequences s;
    make(&s, 2, 8, BOS);
    assert_int_equal(s.n, 1);
    IS(&s, 0, {BOS, 100, -1}, {100, 101, 0}, {101, -1, 1});
    sequences_release(&s);
}

static void one_token(void **unused)
{
    (void)unused;
    struct sequences s;
    make(&s, 1, 8, -1);
    assert_int_equal(s.n, 1);
    IS(&s, 0, {100, -1, 0}); /* nothing to lose */
    sequences_release(&s);
    make(&s, 1, 8, BOS);
    assert_int_equal(s.n, 1);
    IS(&s, 0, {BOS, 100, -1}, {100, -1, 0});
    sequences_release(&s);
}

static void no_tokens(void **unused)
{
    (void)unused;
    struct sequences s;
    make(&s, 0, 8, -1);
    assert_int_equal(s.n, 1);
    assert_int_equal(s.n_rows, 0);
    assert_int_equal(s.start[0], 0);
    assert_int_equal(s.start[1], 0);
    sequences_release(&s);
    make(&s, 0, 8, BOS);
    assert_int_equal(s.n, 1);
    IS(&s, 0, {BOS, -1, -1});
    sequences_release(&s);
}

static void as_many_as_the_context(void **unused)
{
    (void)unused;
    struct sequences s;
    make(&s, 4, 4, -1);
    assert_int_equal(s.n, 1);
    IS(&s, 0, {100, 101, 0}, {101, 102, 1}, {102, 103, 2}, {103, -1, 3});
    sequences_release(&s);
    make(&s, 3, 4, BOS); /* BOS takes a row of the context */
    assert_int_equal(s.n, 1);
    IS(&s, 0, {BOS, 100, -1}, {100, 101, 0}, {101, 102, 1}, {102, -1, 2});
    sequences_release(&s);
}

static void one_more_than_the_context(void **unused)
{
    (void)unused;
    struct sequences s;
    make(&s, 5, 4, -1);
    assert_int_equal(s.n, 2);
    /* no target reaches into the next window, whose first token has no loss */
    IS(&s, 0, {100, 101, 0}, {101, 102, 1}, {102, 103, 2}, {103, -1, 3});
    IS(&s, 1, {104, -1, 4});
    sequences_release(&s);
    make(&s, 4, 4, BOS);
    assert_int_equal(s.n, 2);
    IS(&s, 0, {BOS, 100, -1}, {100, 101, 0}, {101, 102, 1}, {102, -1, 2});
    IS(&s, 1, {BOS, 103, -1}, {103, -1, 3});
    sequences_release(&s);
}

/* Against counting: each token once and in order, rows of the context at most, as few windows as
 * that needs. */
static void every_length(void **unused)
{
    (void)unused;
    for (int32_t context = 1; context <= 9; context++)
        for (int32_t bos = -1; bos <= BOS; bos += BOS + 1)
            for (int32_t n = 0; n < MOST; n++) {
                struct sequences s;
                if (context == 1 && bos >= 0)
                    continue;
                make(&s, n, context, bos);
                int32_t room = cut_room((struct cut){context, bos}), next = 0;
                assert_int_equal(room, bos >= 0 ? context - 1 : context);
                assert_int_equal(s.n, n == 0 ? 1 : (n + room - 1) / room);
                for (int32_t i = 0; i < s.n; i++) {
                    assert_true(s.start[i + 1] - s.start[i] <= context);
                    for (int32_t r = s.start[i]; r < s.start[i + 1]; r++) {
                        bool is_bos = bos >= 0 && r == s.start[i];
                        assert_int_equal(s.pos[r], is_bos ? -1 : next);
                        assert_int_equal(s.ids[r], is_bos ? bos : 100 + next);
                        next += !is_bos;
                        assert_int_equal(s.target[r], r + 1 < s.start[i + 1] ? 100 + next : -1);
                    }
                }
                assert_int_equal(next, n);
                sequences_release(&s);
            }
}

static void texts_come_one_after_the_other(void **unused)
{
    (void)unused;
    struct sequences s, both = {0};
    make(&s, 5, 4, BOS);
    for (int32_t i = s.n - 1; i >= 0; i--)
        sequences_add(&both, &s, i);
    struct token token = {55, 0, 1};
    assert_int_equal(lane_sequences(&both, &token, 1, (struct cut){4, -1}), 1);
    assert_int_equal(both.n, 3);
    IS(&both, 0, {BOS, 103, -1}, {103, 104, 3}, {104, -1, 4});
    IS(&both, 1, {BOS, 100, -1}, {100, 101, 0}, {101, 102, 1}, {102, -1, 2});
    IS(&both, 2, {55, -1, 0}); /* the text before it ends where it ends */
    sequences_clear(&both);
    assert_int_equal(lane_sequences(&both, &token, 1, (struct cut){4, BOS}), 1);
    assert_int_equal(both.n, 1);
    IS(&both, 0, {BOS, 55, -1}, {55, -1, 0});
    sequences_release(&s);
    sequences_release(&both);
}

/* ---- lines */
static void lines_are(const char *text, bool join, const char *expected)
{
    size_t n = strlen(text), at = 0, start, end, used = 0;
    char seen[128] = "";
    while (line_next(text, n, join, &at, &start, &end)) {
        assert_true(start <= end && end <= n);
        used += (size_t)snprintf(seen + used, sizeof seen - used, "[%.*s]", (int)(end - start),
                                 text + start);
    }
    assert_string_equal(seen, expected);
}

static void lines_end_at_either_end(void **unused)
{
    (void)unused;
    lines_are("", false, "[]");
    lines_are("a", false, "[a]");
    lines_are("a\n", false, "[a][]");
    lines_are("a\nb", false, "[a][b]");
    lines_are("a\r\nb\r\n", false, "[a][b][]");
    lines_are("\n\n", false, "[][][]");
    lines_are("\r\n", false, "[][]");
    lines_are("a\rb\r", false, "[a\rb\r]"); /* alone it is a character */
    lines_are("a\r\r\nb", false, "[a\r][b]");
    lines_are("", true, "[]");
    lines_are("a\nb\r\n", true, "[a\nb\r\n]");
}

static void a_last_line_end_goes(void **unused)
{
    (void)unused;
    assert_int_equal(text_without_end("", 0), 0);
    assert_int_equal(text_without_end("\n", 1), 0);
    assert_int_equal(text_without_end("\r\n", 2), 0);
    assert_int_equal(text_without_end("a\r\n", 3), 1);
    assert_int_equal(text_without_end("a\n\n", 3), 2);
    assert_int_equal(text_without_end("a\r", 2), 2);
}

/* ---- which BOS, which context */
static void cut_is_of(const char *config_bos, int32_t n_ctx, bool wished, int32_t bos)
{
    struct tiny_model t;
    struct error e = {0};
    char dir[128], path[160], text[2048];
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = n_ctx});
    snprintf(dir, sizeof dir, "%s/model", t.dir);
    snprintf(path, sizeof path, "%s/config.json", dir);
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    text[fread(text, 1, sizeof text - 1, f)] = '\0';
    char *at = strstr(text, "\"bos_token_id\":0,");
    assert_non_null(at);
    rewind(f);
    fprintf(f, "%.*s%s%s", (int)(at - text), text, config_bos, at + strlen("\"bos_token_id\":0,"));
    assert_int_equal(fclose(f), 0);
    struct model *m = NULL;
    if (!model_open(t.backend, dir, NULL, &m, &e))
        fail_msg("%s", e.text);
    struct cut cut = model_cut(m, t.tokenizer, wished);
    assert_int_equal(cut.context, n_ctx);
    assert_int_equal(cut.bos, bos == -2 ? tokenizer_eot(t.tokenizer) : bos);
    model_free(m);
    tiny_close(&t);
}

static void bos_comes_from_the_configuration(void **unused)
{
    (void)unused;
    cut_is_of("\"bos_token_id\":  5,", 8, true, 5);
    cut_is_of("\"bos_token_id\":  5,", 8, false, -1);
    cut_is_of("                 ", 8, true, -2);
    cut_is_of("\"bos_token_id\":  5,", 1, true, -1); /* no room beside it */
    cut_is_of("\"bos_token_id\":  5,", 2, true, 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(target_is_the_token_after),
        cmocka_unit_test(bos_is_a_row_but_no_target),
        cmocka_unit_test(one_token),
        cmocka_unit_test(no_tokens),
        cmocka_unit_test(as_many_as_the_context),
        cmocka_unit_test(one_more_than_the_context),
        cmocka_unit_test(every_length),
        cmocka_unit_test(texts_come_one_after_the_other),
        cmocka_unit_test(lines_end_at_either_end),
        cmocka_unit_test(a_last_line_end_goes),
        cmocka_unit_test(bos_comes_from_the_configuration),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
