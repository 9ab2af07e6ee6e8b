/* The bar of keys, the help, the messages, and keys that do nothing. */
#include "tests/support/effort.h"
#include "tests/support/explore_fixture.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void begin(const char *text, int w, int h)
{
    fixture_init(&f, text, DEPTH_256, false, w, h);
    fixture_host(&f);
    fixture_settle(&f);
}

static int end(void **state)
{
    (void)state;
    fixture_release(&f);
    return 0;
}

/* A click on what stands in the bar, `right` columns behind its beginning. */
static void click(const char *label, int right)
{
    int x, y;
    if (!fixture_find(&f, label, &x, &y))
        fail_msg("not in the bar: %s", label);
    assert_int_equal(y, f.ex->layout.keys.y);
    fixture_mouse(&f, MOUSE_PRESS, 1, x + right, y, 0, 1);
    fixture_mouse(&f, MOUSE_RELEASE, 1, x + right, y, 0, 0);
}

/* ---- the bar */
static void test_labels_act(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    click("Esc commands", 5);
    assert_false(f.ex->typing);
    click("i type", 0);
    assert_true(f.ex->typing);
    click("F1 help", 3);
    assert_int_equal(f.shell.overlay, OVERLAY_HELP);
    fixture_keys(&f, "Esc Esc");
    click("Tab pane", 0);
    assert_int_equal(f.ex->focus, PANE_LATENTS);
    double v = sliders_value(&f.shell.sh.sliders, SLIDER_ALL, NULL);
    click("[] value", 0);
    assert_true(sliders_value(&f.shell.sh.sliders, SLIDER_ALL, NULL) == v - .5);
    click("[] value", 1);
    assert_true(sliders_value(&f.shell.sh.sliders, SLIDER_ALL, NULL) == v);
    click(": command", 0);
    assert_int_equal(f.shell.overlay, OVERLAY_PALETTE);
    fixture_keys(&f, "Esc");
    assert_false(f.shell.wants & WANT_QUIT);
    click("q quit", 2);
    assert_true(f.shell.wants & WANT_QUIT);
}

/* In every context each label does exactly what its key does: the overlay, focus, view and wish are
 * the same. */
static void test_every_label_is_its_key(void **state)
{
    (void)state;
    static const char *const contexts[] = {
        "Esc",   "Esc Tab", "Esc Tab Tab", "Esc Tab Tab Tab", "Esc Tab Tab Tab Tab",
        "Esc 2", "Esc 3",   "Esc 4",       "Esc 5",           "Esc 6"};
    for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c += quick() ? 4 : 1)
        for (int i = 0;; i++) {
            int seen[2][6] = {0};
            bool more = true;
            for (int by_mouse = 0; by_mouse < 2; by_mouse++) {
                begin("en to", 200, 40);
                fixture_keys(&f, contexts[c]);
                fixture_draw(&f);
                char *bar = fixture_row(&f, 39), *at = bar + 1;
                for (int k = 0; k < i && at; k++)
                    at = strstr(at, "  ") ? strstr(at, "  ") + 2 : NULL;
                more = at != NULL;
                if (more && by_mouse)
                    fixture_mouse(&f, MOUSE_PRESS, 1, (int)(at - bar), 39, 0, 1);
                else if (more) {
                    char key[32];
                    snprintf(key, sizeof key, "%.*s", at[0] == '[' ? 1 : (int)strcspn(at, " "), at);
                    fixture_keys(&f, key);
                }
                int now[6] = {(int)f.shell.overlay,      (int)f.ex->focus,
                              (int)f.shell.views.now,    f.ex->typing,
                              (int)f.shell.sh.colouring, (int)f.shell.wants};
                memcpy(seen[by_mouse], now, sizeof now);
                free(bar);
                fixture_release(&f);
            }
            if (!more)
                break;
            assert_memory_equal(seen[0], seen[1], sizeof seen[0]);
        }
    begin("x", 80, 24);
}

static void test_a_label_ends_the_filter(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc 5 / e");
    assert_true(views_typing(&f.shell));
    click("q quit", 0);
    assert_false(views_typing(&f.shell));
    assert_true(f.shell.wants & WANT_QUIT);
}

static void test_essential_keys_have_room(void **state)
{
    (void)state;
    static const int widths[] = {40, 60, 80, 100, 120};
    for (size_t i = 0; i < sizeof widths / sizeof *widths; i++)
        for (int view = 1; view <= 6; view += quick() ? 5 : 1) {
            char key[8];
            begin("x", widths[i], 24);
            snprintf(key, sizeof key, "%d", view);
            fixture_keys(&f, "Esc");
            fixture_keys(&f, key);
            fixture_shows(&f, ": command");
            fixture_shows(&f, "? help");
            fixture_shows(&f, "q quit");
            fixture_release(&f);
        }
    begin("x", 40, 24);
    fixture_shows(&f, "Esc commands");
    fixture_shows(&f, "F1 help");
}

static void test_a_drag_over_the_bar_stays_one(void **state)
{
    (void)state;
    begin("en to", 120, 36);
    fixture_keys(&f, "Esc Tab Tab Tab Tab");
    struct slider_track t;
    int x, y, bar = f.ex->layout.keys.y;
    assert_true(shell_track(&f.shell, 0, &t, &x, &y));
    fixture_mouse(&f, MOUSE_PRESS, 1, x + 4, y, 0, 1);
    double before = sliders_value(&f.shell.sh.sliders, 0, NULL);
    fixture_mouse(&f, MOUSE_MOVE, 1, x + 9, bar, 0, 0);
    assert_true(f.ex->drag.active);
    fixture_mouse(&f, MOUSE_PRESS, 3, 2, bar, 0, 1); /* takes the drag back */
    assert_false(f.ex->drag.active);
    assert_true(sliders_value(&f.shell.sh.sliders, 0, NULL) != before || !f.ex->typing);
    assert_int_equal(f.ex->focus, PANE_SLIDERS);
}

/* ---- the help */
static void test_help_is_searched_and_closed(void **state)
{
    (void)state;
    begin("en to", 80, 24);
    fixture_keys(&f, "Esc ? /");
    fixture_type(&f, "SLIDER");
    assert_int_equal(f.shell.overlay, OVERLAY_HELP);
    fixture_shows(&f, "/SLIDER");
    int first = f.shell.page.match;
    assert_true(first >= 0);
    fixture_keys(&f, "Enter n");
    assert_true(f.shell.page.match > first);
    fixture_keys(&f, "N");
    assert_int_equal(f.shell.page.match, first);
    fixture_keys(&f, "N"); /* round the end */
    assert_true(f.shell.page.match > first);
    fixture_keys(&f, "/");
    fixture_type(&f, "q no such");
    assert_int_equal(f.shell.page.match, -1);
    fixture_keys(&f, "Enter");
    fixture_shows(&f, "no q no such here");
    fixture_keys(&f, "/ Esc");
    assert_int_equal(f.shell.overlay, OVERLAY_HELP);
    static const char *const closing[] = {"q", "Esc", "?", "F1"};
    for (size_t i = 0; i < sizeof closing / sizeof *closing; i++) {
        f.shell.overlay = OVERLAY_NONE;
        fixture_keys(&f, "?");
        assert_int_equal(f.shell.overlay, OVERLAY_HELP);
        fixture_keys(&f, closing[i]);
        assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    }
    fixture_keys(&f, "? f x 0"); /* other keys neither close it nor act below it */
    assert_int_equal(f.shell.overlay, OVERLAY_HELP);
    assert_false(sliders_any_fixed(&f.shell.sh.sliders));
    assert_false(f.shell.wants & WANT_QUIT);
}

/* Every word of every help line comes by at some place of the scrolling. */
static void all_help_comes_by(int w, int h)
{
    static char seen[1 << 19];
    size_t n = 0;
    begin("en to", w, h);
    fixture_keys(&f, "Esc ?");
    for (int i = 0; i < 400; i++) {
        fixture_draw(&f);
        for (int y = 0; y < h; y++) {
            char *row = fixture_row(&f, y);
            n += (size_t)snprintf(seen + n, sizeof seen - n, "%s ", row);
            free(row);
            assert_true(n < sizeof seen);
        }
        int top = f.shell.page.list.top;
        fixture_keys(&f, "PageDown");
        if (f.shell.page.list.top == top)
            break;
    }
    for (int a = 0; a < N_ACTIONS; a++) {
        char word[100];
        if (!(actions[a].where & IN_TEXT))
            continue;
        for (const char *s = actions[a].help; *s; s += strspn(s, " ")) {
            size_t k = strcspn(s, " ");
            snprintf(word, sizeof word, "%.*s", (int)k, s);
            if (text_columns(s, k) < w - 4 && !strstr(seen, word))
                fail_msg("%d×%d: the help of %s never shows %s", w, h, actions[a].name, word);
            s += k;
        }
    }
    fixture_release(&f);
}

static void test_help_lists_everything(void **state)
{
    (void)state;
    all_help_comes_by(80, 24);
    all_help_comes_by(40, 12);
    all_help_comes_by(20, 5);
    begin("x", 80, 24);
}

/* ---- keys without a meaning */
static void test_unbound_keys_say_so(void **state)
{
    (void)state;
    begin("en to", 80, 24);
    fixture_keys(&f, "Esc K");
    fixture_shows(&f, "K is not bound here; ? shows the keys");
    fixture_keys(&f, "j");
    fixture_hides(&f, "not bound");
    fixture_keys(&f, "2 K");
    fixture_shows(&f, "K is not bound here");
    fixture_keys(&f, "1 i Ctrl-X");
    fixture_shows(&f, "Ctrl-X is not bound here; F1 shows the keys");
    fixture_keys(&f, "Esc Esc");
    fixture_hides(&f, "not bound");
    fixture_mouse(&f, MOUSE_PRESS, 2, 0, 0, 0, 1);
    struct event noise = {.kind = EVENT_REPLY, .reply = REPLY_DA1};
    shell_event(&f.shell, &noise);
    fixture_hides(&f, "not bound");
}

/* ---- messages */
static void test_messages_are_kept(void **state)
{
    (void)state;
    begin("en to", 80, 24);
    for (int i = 0; i < 300; i++)
        shared_message(&f.shell.sh, i % 2, "message %d", i);
    shared_message(&f.shell.sh, false, "said twice");
    shared_message(&f.shell.sh, false, "said twice");
    fixture_keys(&f, "Esc K : m e s s a g e s Enter");
    assert_int_equal(f.shell.overlay, OVERLAY_MESSAGES);
    fixture_shows(&f, "said twice (2 times)");
    fixture_shows(&f, "message 299");
    fixture_hides(&f, "not bound"); /* a hint is no message */
    fixture_hides(&f, "message 101");
    fixture_keys(&f, "Home");
    fixture_shows(&f, "message 101");
    fixture_keys(&f, "/ 2 0 0 Enter");
    fixture_shows(&f, "message 200");
    fixture_keys(&f, "q");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    assert_false(f.shell.wants & WANT_QUIT);
    struct service_status failed = {.failed = true};
    snprintf(failed.error.text, sizeof failed.error.text, "no such model");
    shell_status(&f.shell, &failed);
    fixture_keys(&f, "!");
    fixture_shows(&f, "no such model");
}

/* ---- the proof */
static double recovered = .9;

static struct table_set *proof_set(const char *better)
{
    struct table *facts = table_new("facts", "", MARK_LIST),
                 *readings = table_new("readings", "", MARK_LIST),
                 *numbers = table_new("numbers", "", MARK_LIST);
    struct table_set *set = table_set_new();
    const char *const name[] = {"fact", "value", "source"}, *const fact[] = {"k", "32", "metadata"};
    table_row(facts);
    for (int c = 0; c < 3; c++)
        table_set_str(facts, 0, table_column(facts, name[c], "", "", COLUMN_STR, COLUMN_TEXT),
                      fact[c]);
    const char *const reading[] = {"as_read", "centre"}, *const says[] = {"as it is",
                                                                          "another way"};
    table_column(readings, "reading", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(readings, "says", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(readings, "fvu", "", "", COLUMN_F64, COLUMN_Y);
    for (int r = 0; r < 2; r++) {
        table_row(readings);
        table_set_str(readings, r, 0, reading[r]);
        table_set_str(readings, r, 1, says[r]);
        table_set_f64(readings, r, 2, .125 + r / 8.0);
    }
    const struct {
        const char *name;
        double value;
    } cell[] = {
        {"sentences", 128},  {"tokens", 1599},  {"fvu", .125},      {"l0", 31.5},
        {"loss_plain", 3.5}, {"loss_sae", 3.6}, {"loss_zero", 4.5}, {"loss_recovered", recovered}};
    table_row(numbers);
    for (size_t c = 0; c < sizeof cell / sizeof *cell; c++)
        table_set_f64(numbers, 0, table_column(numbers, cell[c].name, "", "", COLUMN_F64, COLUMN_Y),
                      cell[c].value);
    if (better)
        table_note(numbers, "%s", better);
    table_set_add(set, facts);
    table_set_add(set, readings);
    table_set_add(set, numbers);
    return set;
}

static void test_proof_of_the_sae(void **state)
{
    (void)state;
    begin("en to", 100, 30);
    f.hold = true;
    fixture_keys(&f, "Esc P");
    assert_int_equal(f.shell.overlay, OVERLAY_PROOF);
    struct job *j = fixture_job(&f, &proof_query);
    assert_non_null(j);
    assert_false(corpus_choice_has_files(&j->request.corpus));
    fixture_shows(&f, "Proof of the SAE");
    fixture_hides(&f, "FVU");
    fixture_answer(&f, j, JOB_DONE, proof_set(NULL));
    fixture_shows(&f, "32 (metadata)");
    fixture_shows(&f, "on 128 reference sentences, 1599 tokens:");
    fixture_shows(&f, "0.1250");
    fixture_shows(&f, "31.50");
    fixture_shows(&f, "plain 3.5000, reconstruction 3.6000, zeros 4.5000 nats a token");
    fixture_shows(&f, "90.0 % of the loss");
    fixture_shows(&f, "0.2500 another way");
    fixture_hides(&f, "fits better");
    fixture_keys(&f, "P");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    recovered = -.1234;
    fixture_answer(&f, j, JOB_DONE, proof_set("the file fits better another way"));
    fixture_keys(&f, ": p r o o f Enter");
    fixture_shows(&f, "the file fits better another way");
    fixture_shows(&f, "−12.3 % of the loss");
    fixture_keys(&f, "q");
    recovered = -.0004;
    fixture_answer(&f, j, JOB_DONE, proof_set(NULL));
    fixture_keys(&f, "P");
    fixture_shows(&f, "recovered  0.0 % of the loss"); /* less than nothing is none */
    fixture_keys(&f, "q");
    fixture_answer(&f, j, JOB_FAILED, NULL);
    snprintf(j->error.text, sizeof j->error.text, "no memory for it");
    fixture_answer(&f, j, JOB_FAILED, NULL);
    fixture_keys(&f, "P");
    fixture_shows(&f, "no memory for it");
    fixture_keys(&f, "q");
    fixture_neurons(&f, true);
    fixture_keys(&f, "P");
    assert_int_equal(f.shell.overlay, OVERLAY_NONE);
    fixture_shows(&f, "there is no SAE to prove");
    fixture_neurons(&f, false);
}

/* ---- ends of the text */
static void test_ends_of_line_and_text(void **state)
{
    (void)state;
    begin("\nen to\ntre fire fem\n\n", 80, 24);
    fixture_keys(&f, "Esc <");
    assert_int_equal(f.shell.sh.editor.cursor, 1);
    fixture_keys(&f, ">");
    assert_int_equal(f.shell.sh.editor.cursor, strlen("\nen to\ntre fire fem"));
    fixture_keys(&f, "Ctrl-A");
    assert_int_equal(f.shell.sh.editor.cursor, strlen("\nen to\n"));
    fixture_keys(&f, "Ctrl-Home Ctrl-E");
    assert_int_equal(f.shell.sh.editor.cursor, strlen("\nen to"));
    fixture_keys(&f, "Ctrl-End");
    assert_int_equal(f.shell.sh.editor.cursor, strlen("\nen to\ntre fire fem"));
    assert_false(f.ex->typing);
    fixture_keys(&f, "Tab >");
    assert_int_equal(f.ex->latents.selected, f.ex->latents.n - 1);
    fixture_keys(&f, "<");
    assert_int_equal(f.ex->latents.selected, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_teardown(test_labels_act, end),
        cmocka_unit_test_teardown(test_every_label_is_its_key, end),
        cmocka_unit_test_teardown(test_a_label_ends_the_filter, end),
        cmocka_unit_test_teardown(test_essential_keys_have_room, end),
        cmocka_unit_test_teardown(test_a_drag_over_the_bar_stays_one, end),
        cmocka_unit_test_teardown(test_help_is_searched_and_closed, end),
        cmocka_unit_test_teardown(test_help_lists_everything, end),
        cmocka_unit_test_teardown(test_unbound_keys_say_so, end),
        cmocka_unit_test_teardown(test_messages_are_kept, end),
        cmocka_unit_test_teardown(test_proof_of_the_sae, end),
        cmocka_unit_test_teardown(test_ends_of_line_and_text, end),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
