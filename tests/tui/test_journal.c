/* The journal of a session: what was done is done again, cut or damaged anywhere. */
#include "engine/base/memory.h"
#include "tests/support/effort.h"
#include "tui/journal.h"
#include "tui/widget/editor.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct fixture {
    struct editor editor;
    struct history history;
    struct sliders sliders;
    struct strbuf journal;
};

static void on_note(void *arg, const struct history_note *n)
{
    journal_note(arg, NULL, n);
}

static struct saved_state state_of(const struct fixture *f)
{
    struct saved_state s;
    state_init(&s);
    s.text = xstrndup(f->editor.text.s, f->editor.text.n);
    s.n_text = f->editor.text.n;
    s.cursor = f->editor.cursor;
    s.sliders = f->sliders;
    s.has_units = true;
    return s;
}

static void begin(struct fixture *f, const char *text)
{
    *f = (struct fixture){.sliders = {.n = 2, .unit = {{.id = {0, 7}}, {.id = {0, 9}}}}};
    history_init(&f->history);
    editor_init(&f->editor, &f->history);
    editor_set(&f->editor, text, strlen(text), SIZE_MAX);
    strbuf_init(&f->journal);
    struct saved_state s = state_of(f);
    journal_begin(&f->journal, &s, &f->history, (const struct sha256[2]){{{1}}, {{2}}});
    state_release(&s);
    f->history.note = on_note;
    f->history.note_arg = &f->journal;
}

static void end(struct fixture *f)
{
    editor_release(&f->editor);
    history_release(&f->history);
    strbuf_release(&f->journal);
}

static void slide(struct fixture *f, int row, double v, bool more)
{
    struct sliders before = f->sliders;
    sliders_set(&f->sliders, row, v);
    history_sliders(&f->history, &before, &f->sliders, more);
}

/* How the text is read: all one sequence, special tokens as tokens. */
static void read_otherwise(struct fixture *f)
{
    struct sliders before = f->sliders;
    f->sliders.join = f->sliders.special = true;
    history_sliders(&f->history, &before, &f->sliders, false);
}

static void type(struct fixture *f, const char *s)
{
    for (size_t i = 0; s[i]; i++)
        editor_insert(&f->editor, s + i, 1, true);
}

static void undo(struct fixture *f, bool back)
{
    const struct change *c = back ? history_undo(&f->history) : history_redo(&f->history);
    if (c && c->kind == CHANGE_TEXT)
        editor_apply(&f->editor, &c->edit, back);
    else if (c)
        f->sliders = back ? c->sliders->before : c->sliders->after;
}

/* Everything that can be done, some of it twice. */
static void work(struct fixture *f)
{
    type(f, " og så");
    editor_insert(&f->editor, "blåbær\n漢", strlen("blåbær\n漢"), false);
    read_otherwise(f);
    for (int i = 1; i < 6; i++)
        slide(f, 0, i * 0.5, true);
    slide(f, 1, -2, false);
    undo(f, true);
    undo(f, true);
    undo(f, true);
    undo(f, false);
    editor_do(&f->editor, EDIT_BACKSPACE, false);
    editor_do(&f->editor, EDIT_BACKSPACE, false);
    editor_goto(&f->editor, 0, false);
    type(f, "ja ");
    editor_do(&f->editor, EDIT_SELECT_ALL, false);
    editor_insert(&f->editor, "noget helt andet", 16, false);
    undo(f, true);
}

static void assert_same(const struct fixture *f, const struct journal *j)
{
    assert_true(j->valid);
    assert_int_equal(j->state.n_text, f->editor.text.n);
    assert_memory_equal(j->state.text, f->editor.text.s, f->editor.text.n);
    assert_true(sliders_equal(&j->state.sliders, &f->sliders));
    assert_int_equal(j->history.n, f->history.n);
    assert_int_equal(j->history.done, f->history.done);
    for (size_t i = 0; i < f->history.n; i++) {
        const struct change *a = &f->history.change[i], *b = &j->history.change[i];
        assert_int_equal(a->kind, b->kind);
        assert_int_equal(a->open, b->open);
        if (a->kind == CHANGE_SLIDERS) {
            assert_true(sliders_equal(&a->sliders->before, &b->sliders->before));
            assert_true(sliders_equal(&a->sliders->after, &b->sliders->after));
            continue;
        }
        assert_int_equal(a->edit.at, b->edit.at);
        assert_int_equal(a->edit.n_removed, b->edit.n_removed);
        assert_int_equal(a->edit.n_inserted, b->edit.n_inserted);
        assert_memory_equal(a->edit.removed, b->edit.removed, a->edit.n_removed);
        assert_memory_equal(a->edit.inserted, b->edit.inserted, a->edit.n_inserted);
        assert_int_equal(a->edit.cursor_before, b->edit.cursor_before);
        assert_int_equal(a->edit.cursor_after, b->edit.cursor_after);
    }
}

static void test_everything_comes_back(void **state)
{
    (void)state;
    struct fixture f;
    struct journal j;
    begin(&f, "Rådet skal");
    work(&f);
    journal_read(f.journal.s, f.journal.len, &j);
    assert_int_equal(j.n_good, f.journal.len);
    assert_same(&f, &j);
    assert_int_equal(j.state.cursor, f.editor.cursor);
    assert_true(journal_knows(&j, &(struct sha256){{1}}) &&
                journal_knows(&j, &(struct sha256){{2}}));
    assert_false(journal_knows(&j, &(struct sha256){{3}}));
    journal_release(&j);
    /* begun anew from where it is: the same, and it goes on */
    struct saved_state s = state_of(&f);
    strbuf_clear(&f.journal);
    journal_begin(&f.journal, &s, &f.history, (const struct sha256[2]){{{1}}, {{2}}});
    state_release(&s);
    for (int i = 0; i < 3; i++)
        undo(&f, true);
    type(&f, "x");
    journal_read(f.journal.s, f.journal.len, &j);
    assert_int_equal(j.n_good, f.journal.len);
    assert_same(&f, &j);
    journal_release(&j);
    end(&f);
}

/* The text that a prefix leads to is the one that was there then. */
static void test_cut_anywhere(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "Rådet");
    size_t n_begin = f.journal.len, ends[64], n = 0;
    char *texts[64];
    for (const char *p = " skal nu godkende"; *p; p++) {
        type(&f, (const char[]){*p, 0});
        ends[n] = f.journal.len;
        texts[n++] = xstrndup(f.editor.text.s, f.editor.text.n);
    }
    for (size_t cut = 0; cut <= f.journal.len; cut += quick() ? 5 : 1) {
        struct journal j;
        journal_read(f.journal.s, cut, &j);
        size_t k = 0;
        while (k < n && ends[k] <= cut)
            k++;
        if (cut >= n_begin) {
            assert_true(j.valid);
            assert_string_equal(j.state.text, k > 0 ? texts[k - 1] : "Rådet");
            assert_true(j.n_good <= cut);
        }
        journal_release(&j);
    }
    for (size_t i = 0; i < n; i++)
        free(texts[i]);
    end(&f);
}

/* Every byte changed: what was before it is there, nothing behind it. */
static void test_damaged_anywhere(void **state)
{
    (void)state;
    struct fixture f;
    begin(&f, "Rådet skal");
    work(&f);
    char *bytes = xmemdup(f.journal.s, f.journal.len);
    for (size_t at = 0; at < f.journal.len; at += quick() ? 23 : 1)
        for (int how = 0; how < 3; how++) {
            struct journal j;
            bytes[at] = how == 0 ? '\n' : how == 1 ? (char)(bytes[at] ^ 1) : 0;
            journal_read(bytes, f.journal.len, &j);
            if (bytes[at] != f.journal.s[at]) {
                assert_true(j.n_good <= at);
                assert_true(j.n_good == 0 || bytes[j.n_good - 1] == '\n');
            }
            journal_release(&j);
            bytes[at] = f.journal.s[at];
        }
    free(bytes);
    end(&f);
}

/* Lines that are whole but can't be: of another text, out of bounds. */
static void test_impossible(void **state)
{
    (void)state;
    struct fixture f, other;
    begin(&f, "kort");
    begin(&other, "en meget længere tekst");
    size_t n = other.journal.len;
    work(&other);
    strbuf_add(&f.journal, other.journal.s + n, other.journal.len - n);
    struct journal j;
    journal_read(f.journal.s, f.journal.len, &j);
    assert_true(j.valid);
    assert_string_equal(j.state.text, "kort");
    journal_release(&j);
    journal_read(other.journal.s + n, other.journal.len - n, &j); /* without a beginning */
    assert_false(j.valid);
    assert_int_equal(j.n_good, 0);
    journal_release(&j);
    end(&f);
    end(&other);
}

/* The oldest changes go when it would be too much; those in force stay before those undone. */
static void test_bounded(void **state)
{
    (void)state;
    if (quick()) /* 60 MB through the journal */
        skip();
    struct fixture f;
    struct journal j;
    begin(&f, "");
    const size_t n = 1 << 20;
    char *much = xmalloc(n);
    memset(much, 'x', n);
    for (int i = 0; i < 30; i++) { /* each takes away the last and puts a megabyte */
        editor_do(&f.editor, EDIT_SELECT_ALL, false);
        editor_insert(&f.editor, much, n, false);
    }
    size_t from, to;
    history_window(&f.history, JOURNAL_MAX_HISTORY, &from, &to);
    assert_int_equal(to, 30);
    assert_in_range(to - from, 7, 8);
    while (f.history.done > 3)
        undo(&f, true);
    history_window(&f.history, JOURNAL_MAX_HISTORY, &from, &to);
    assert_int_equal(from, 0);
    assert_in_range(to, 8, 10);
    struct saved_state s = state_of(&f);
    strbuf_clear(&f.journal);
    journal_begin(&f.journal, &s, &f.history, (const struct sha256[2]){{{1}}, {{2}}});
    assert_true(f.journal.len < JOURNAL_MAX_HISTORY + 4 * n);
    journal_read(f.journal.s, f.journal.len, &j);
    assert_int_equal(j.history.done, 3);
    assert_int_equal(j.n_good, f.journal.len);
    journal_release(&j);
    state_release(&s);
    free(much);
    end(&f);
}

static void test_sliders_of_another_dictionary(void **state)
{
    (void)state;
    struct fixture f;
    struct journal j;
    begin(&f, "a");
    type(&f, "b");
    slide(&f, 1, 2, false);
    type(&f, "c");
    history_drop_sliders(&f.history, (const int32_t[]){9}, 1); /* units 7 and 9 */
    assert_int_equal(f.history.n, 2);
    assert_int_equal(f.history.done, 2);
    undo(&f, true);
    undo(&f, true);
    assert_string_equal(f.editor.text.s, "a");
    journal_read(f.journal.s, f.journal.len, &j);
    assert_same(&f, &j);
    journal_release(&j);
    end(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_everything_comes_back),
        cmocka_unit_test(test_cut_anywhere),
        cmocka_unit_test(test_damaged_anywhere),
        cmocka_unit_test(test_impossible),
        cmocka_unit_test(test_bounded),
        cmocka_unit_test(test_sliders_of_another_dictionary),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
