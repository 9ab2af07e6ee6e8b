/* The editor against a naive model: random operations on both must give the same text, and the
 * invariants hold. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/text/utf8.h"
#include "tui/widget/editor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct history history;
    struct editor editor;
};

static struct fixture *begin(const char *text)
{
    struct fixture *f = xcalloc(1, sizeof *f);
    history_init(&f->history);
    editor_init(&f->editor, &f->history);
    editor_set(&f->editor, text, strlen(text), strlen(text));
    return f;
}

static void end(struct fixture *f)
{
    editor_release(&f->editor);
    history_release(&f->history);
    free(f);
}

static void undo(struct fixture *f)
{
    const struct change *c = history_undo(&f->history);
    if (c)
        editor_apply(&f->editor, &c->edit, true);
}

static void redo(struct fixture *f)
{
    const struct change *c = history_redo(&f->history);
    if (c)
        editor_apply(&f->editor, &c->edit, false);
}

static void type(struct editor *e, const char *s)
{
    for (size_t n = strlen(s), i = 0, k; i < n; i += k) {
        utf8_decode(s + i, n - i, &k, NULL);
        editor_insert(e, s + i, k, true);
    }
}

/* ---- invariants */
static void check_lines(const struct textbuf *t)
{
    size_t n = 1;
    assert_int_equal(t->line[0], 0);
    for (size_t i = 0; i < t->n; i++)
        if (t->s[i] == '\n') {
            assert_true(n < t->n_lines);
            assert_int_equal(t->line[n], i + 1);
            n++;
        }
    assert_int_equal(n, t->n_lines);
    assert_int_equal(t->s[t->n], 0);
    assert_true(utf8_is_valid(t->s, t->n));
    assert_null(memchr(t->s, '\r', t->n));
}

/* Rows of an edited text are those of a text wrapped afresh, and none is too wide. */
static void check_rows(const struct editor *e)
{
    struct wrap fresh;
    wrap_init(&fresh, &e->text, e->wrap.width);
    assert_int_equal(fresh.n_rows, e->wrap.n_rows);
    for (size_t r = 0; r < fresh.n_rows; r++) {
        assert_int_equal(fresh.row[r].start, e->wrap.row[r].start);
        assert_int_equal(fresh.row[r].line, e->wrap.row[r].line);
        size_t stop = wrap_row_end(&fresh, &e->text, r), i = fresh.row[r].start;
        int all = 0, width = 0, columns, clusters = 0;
        while (i < stop) {
            bool blank = e->text.s[i] == ' ' || e->text.s[i] == '\t';
            i += cluster_at(e->text.s, stop, i, &columns);
            all += columns;
            if (!blank) { /* blanks hang */
                width = all;
                clusters++;
            }
        }
        assert_true(width <= fresh.width || clusters == 1);
    }
    wrap_release(&fresh);
}

static void check(const struct editor *e)
{
    check_lines(&e->text);
    check_rows(e);
    assert_true(e->cursor <= e->text.n && e->anchor <= e->text.n);
    assert_int_equal(editor_snap(e, e->cursor), e->cursor);
    assert_int_equal(editor_snap(e, e->anchor), e->anchor);
    assert_true(e->top < e->wrap.n_rows);
}

/* ---- the naive model: bytes in an array, replaced by copying all */
struct model {
    char *s;
    size_t n;
};

static void model_replace(struct model *m, size_t at, size_t n_old, const char *s, size_t n)
{
    char *made = xmalloc(m->n - n_old + n + 1);
    memcpy(made, m->s, at);
    memcpy(made + at, s, n);
    memcpy(made + at + n, m->s + at + n_old, m->n - at - n_old);
    m->n = m->n - n_old + n;
    made[m->n] = 0;
    free(m->s);
    m->s = made;
}

static void follow(void *arg, size_t at, size_t n_removed, size_t n_inserted)
{
    size_t *counts = arg;
    counts[0] += n_inserted;
    counts[1] += n_removed;
    (void)at;
}

static const char *const bits[] = {"a",
                                   "word ",
                                   " ",
                                   "\n",
                                   "æøå",
                                   "é",
                                   "\u0301",
                                   "漢字",
                                   "👩‍👩‍👧",
                                   "🇩🇰",
                                   "\t",
                                   "x\r\ny",
                                   "lang linje uden ende",
                                   "\xff",
                                   "",
                                   "ẞ",
                                   "-"};

static void random_insert(struct fixture *f, struct model *m, struct rng *r)
{
    const char *s = bits[rng_below(r, sizeof bits / sizeof *bits)];
    size_t from, to, n;
    char *clean = textbuf_clean(s, strlen(s), &n);
    editor_selection(&f->editor, &from, &to);
    assert_int_equal(editor_insert(&f->editor, s, strlen(s), rng_below(r, 2)), 0);
    model_replace(m, from, to - from, clean, n);
    free(clean);
}

/* Whatever is deleted: what the editor says was selected, else a range that ends or begins at the
 * cursor. */
static void random_delete(struct fixture *f, struct model *m, struct rng *r)
{
    struct editor *e = &f->editor;
    enum editor_op op = EDIT_BACKSPACE + (enum editor_op)rng_below(r, EDIT_YANK - EDIT_BACKSPACE);
    size_t from, to, n = e->text.n, cursor = e->cursor;
    bool selected = editor_selection(e, &from, &to);
    editor_do(e, op, false);
    size_t gone = n - e->text.n;
    if (gone == 0)
        return;
    if (selected)
        assert_int_equal(gone, to - from);
    bool left = op == EDIT_BACKSPACE || op == EDIT_KILL_WORD_LEFT || op == EDIT_KILL_TO_START;
    model_replace(m, selected ? from : left ? cursor - gone : cursor, gone, "", 0);
}

static void random_operations(uint64_t seed)
{
    struct rng r;
    struct fixture *f = begin("");
    struct model m = {xstrdup(""), 0};
    size_t counts[2] = {0};
    rng_seed(&r, seed);
    f->editor.changed = follow;
    f->editor.changed_arg = counts;
    for (int i = 0; i < 600; i++) {
        struct editor *e = &f->editor;
        switch (rng_below(&r, 10)) {
        case 0:
        case 1:
        case 2: random_insert(f, &m, &r); break;
        case 3: random_delete(f, &m, &r); break;
        case 4: editor_resize(e, (int)rng_below(&r, 30), (int)rng_below(&r, 8)); break;
        case 5: editor_goto(e, rng_below(&r, e->text.n + 5), rng_below(&r, 2)); break;
        case 6:
            editor_goto(e, editor_at_cell(e, (int)rng_below(&r, 30), (int)rng_below(&r, 9) - 1),
                        false);
            break;
        case 7:
            if (rng_below(&r, 2))
                undo(f);
            else
                redo(f);
            free(m.s);
            m.s = xstrndup(e->text.s, e->text.n);
            m.n = e->text.n;
            break;
        default:
            editor_do(e, (enum editor_op)rng_below(&r, EDIT_BACKSPACE), rng_below(&r, 2));
            break;
        }
        check(e);
        assert_int_equal(m.n, e->text.n);
        assert_memory_equal(m.s, e->text.s, m.n);
    }
    assert_int_equal(counts[0] - counts[1], f->editor.text.n);
    /* Everything back, then everything again. */
    for (size_t k = f->history.done; k > 0; k--)
        undo(f);
    check(&f->editor);
    assert_int_equal(f->editor.text.n, 0);
    while (f->history.done < f->history.n)
        redo(f);
    free(m.s);
    end(f);
}

static void test_random(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 40; seed++)
        random_operations(seed);
}

static void test_undo_restores_every_text(void **state)
{
    (void)state;
    struct rng r;
    struct fixture *f = begin("");
    char *seen[200];
    size_t n = 0;
    rng_seed(&r, 7);
    seen[n++] = xstrdup("");
    while (n < 200) {
        const char *s = bits[rng_below(&r, sizeof bits / sizeof *bits)];
        size_t before = f->history.n;
        editor_goto(&f->editor, rng_below(&r, f->editor.text.n + 1), rng_below(&r, 2));
        editor_insert(&f->editor, s, strlen(s), false);
        if (f->history.n > before)
            seen[n++] = xstrdup(f->editor.text.s);
    }
    for (size_t i = n - 1; i-- > 0;) {
        undo(f);
        assert_string_equal(f->editor.text.s, seen[i]);
    }
    for (size_t i = 1; i < n; i++) {
        redo(f);
        assert_string_equal(f->editor.text.s, seen[i]);
    }
    for (size_t i = 0; i < n; i++)
        free(seen[i]);
    end(f);
}

/* ---- single behaviours */
static void test_typing_is_undone_by_words(void **state)
{
    (void)state;
    struct fixture *f = begin("");
    type(&f->editor, "rød grød med");
    undo(f);
    assert_string_equal(f->editor.text.s, "rød grød ");
    undo(f);
    assert_string_equal(f->editor.text.s, "rød ");
    redo(f);
    assert_string_equal(f->editor.text.s, "rød grød ");
    assert_int_equal(f->editor.cursor, f->editor.text.n);
    type(&f->editor, "x");
    redo(f); /* nothing: typing forgot what could be redone */
    assert_string_equal(f->editor.text.s, "rød grød x");
    end(f);
}

static void test_backspacing_is_one_step(void **state)
{
    (void)state;
    struct fixture *f = begin("holdning");
    for (int i = 0; i < 4; i++)
        editor_do(&f->editor, EDIT_BACKSPACE, false);
    assert_string_equal(f->editor.text.s, "hold");
    undo(f);
    assert_string_equal(f->editor.text.s, "holdning");
    end(f);
}

static void test_paste_is_one_step(void **state)
{
    (void)state;
    struct fixture *f = begin("ab");
    size_t n = 100000;
    char *big = xmalloc(n + 1);
    for (size_t i = 0; i < n; i++)
        big[i] = i % 61 == 60 ? '\n' : i % 7 == 6 ? ' ' : 'x';
    big[n] = 0;
    type(&f->editor, "c");
    editor_insert(&f->editor, big, n, false);
    type(&f->editor, "d");
    assert_int_equal(f->editor.text.n, n + 4);
    check(&f->editor);
    undo(f);
    undo(f);
    assert_string_equal(f->editor.text.s, "abc");
    free(big);
    end(f);
}

static void test_graphemes(void **state)
{
    (void)state;
    struct fixture *f = begin("e\u0301🇩🇰x");
    struct editor *e = &f->editor;
    editor_do(e, EDIT_LEFT, false);
    editor_do(e, EDIT_LEFT, false);
    assert_int_equal(e->cursor, strlen("e\u0301"));
    editor_do(e, EDIT_BACKSPACE, false);
    assert_string_equal(e->text.s, "🇩🇰x");
    editor_do(e, EDIT_DELETE, false);
    assert_string_equal(e->text.s, "x");
    end(f);
}

static void test_words(void **state)
{
    (void)state;
    struct fixture *f = begin("Rådet skal, nu");
    struct editor *e = &f->editor;
    editor_do(e, EDIT_WORD_LEFT, false);
    assert_int_equal(e->cursor, strlen("Rådet skal, "));
    editor_do(e, EDIT_WORD_LEFT, false);
    assert_int_equal(e->cursor, strlen("Rådet "));
    editor_do(e, EDIT_TEXT_START, false);
    editor_do(e, EDIT_WORD_RIGHT, false);
    assert_int_equal(e->cursor, strlen("Rådet"));
    editor_select_word(e, 2);
    size_t from, to;
    assert_true(editor_selection(e, &from, &to));
    assert_int_equal(from, 0);
    assert_int_equal(to, strlen("Rådet"));
    end(f);
}

static void test_kill_and_yank(void **state)
{
    (void)state;
    struct fixture *f = begin("en to tre\nfire");
    struct editor *e = &f->editor;
    editor_goto(e, 3, false);
    editor_do(e, EDIT_KILL_TO_END, false);
    editor_do(e, EDIT_KILL_TO_END, false); /* the newline, added to the same kill */
    assert_string_equal(e->text.s, "en fire");
    editor_do(e, EDIT_TEXT_END, false);
    editor_do(e, EDIT_YANK, false);
    assert_string_equal(e->text.s, "en fireto tre\n");
    editor_goto(e, 7, false);
    editor_do(e, EDIT_KILL_WORD_LEFT, false);
    editor_do(e, EDIT_KILL_WORD_LEFT, false);
    editor_do(e, EDIT_YANK, false);
    assert_string_equal(e->text.s, "en fireto tre\n");
    end(f);
}

static void test_up_and_down_keep_the_column(void **state)
{
    (void)state;
    struct fixture *f = begin("tolv tegn..\nto\ntolv tegn..");
    struct editor *e = &f->editor;
    editor_goto(e, 9, false);
    editor_do(e, EDIT_DOWN, false);
    assert_int_equal(e->cursor, strlen("tolv tegn..\nto"));
    editor_do(e, EDIT_DOWN, false);
    assert_int_equal(e->cursor, strlen("tolv tegn..\nto\n") + 9);
    end(f);
}

static void test_wraps_at_words(void **state)
{
    (void)state;
    struct fixture *f = begin("en to tre fire");
    struct editor *e = &f->editor;
    editor_resize(e, 6, 10);
    assert_int_equal(e->wrap.n_rows, 3);
    assert_int_equal(e->wrap.row[1].start, strlen("en to "));
    assert_int_equal(e->wrap.row[2].start, strlen("en to tre "));
    editor_resize(e, 2, 10);
    check(e);
    editor_set(e, "漢字漢字", strlen("漢字漢字"), 0);
    editor_resize(e, 3, 10);
    assert_int_equal(e->wrap.n_rows, 4); /* two columns each: one fits into three */
    end(f);
}

static void test_too_much_text_is_cut_at_a_character(void **state)
{
    (void)state;
    struct fixture *f = begin("");
    size_t n = EDITOR_MAX_BYTES;
    char *big = xmalloc(n + 2);
    for (size_t i = 0; i < n; i += 2)
        memcpy(big + i, "å", 2);
    editor_insert(&f->editor, "x", 1, true);
    assert_int_equal(editor_insert(&f->editor, big, n, false), 2);
    assert_int_equal(f->editor.text.n, EDITOR_MAX_BYTES - 1);
    assert_true(utf8_is_valid(f->editor.text.s, f->editor.text.n));
    free(big);
    end(f);
}

static void test_scrolling(void **state)
{
    (void)state;
    struct fixture *f = begin("1\n2\n3\n4\n5\n6");
    struct editor *e = &f->editor;
    int column, row;
    editor_resize(e, 10, 3);
    editor_show_cursor(e);
    assert_int_equal(e->top, 3);
    editor_do(e, EDIT_TEXT_START, false);
    editor_show_cursor(e);
    assert_int_equal(e->top, 0);
    editor_scroll(e, 2);
    editor_cursor_cell(e, &column, &row);
    assert_int_equal(row, -2);
    assert_int_equal(editor_at_cell(e, 0, 0), 4);
    editor_scroll(e, 100);
    assert_int_equal(e->top, 3);
    end(f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_random),
        cmocka_unit_test(test_undo_restores_every_text),
        cmocka_unit_test(test_typing_is_undone_by_words),
        cmocka_unit_test(test_backspacing_is_one_step),
        cmocka_unit_test(test_paste_is_one_step),
        cmocka_unit_test(test_graphemes),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_kill_and_yank),
        cmocka_unit_test(test_up_and_down_keep_the_column),
        cmocka_unit_test(test_wraps_at_words),
        cmocka_unit_test(test_too_much_text_is_cut_at_a_character),
        cmocka_unit_test(test_scrolling),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
