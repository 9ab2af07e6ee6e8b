/* The table of actions: every key has a name, means one thing in each context, and none needs Alt
 * or a function key. */
#include "tui/action.h"
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const enum where contexts[] = {IN_TYPING,        IN_TEXT,         IN_LATENTS,
                                      IN_NEXT,          IN_HISTOGRAM,    IN_SLIDERS,
                                      IN_LOSS,          IN_LATENTS_VIEW, IN_HISTOGRAMS_VIEW,
                                      IN_SWEEP_VIEW,    IN_CORPUS_VIEW,  IN_JOBS_VIEW,
                                      IN_CONTRAST_VIEW, IN_NEURONS_VIEW, IN_VIEW};
enum { N_EXPLORE = 7 }; /* those of the Explore view */

static bool everybody_has(const char *key)
{
    return strncmp(key, "Alt-", 4) != 0 && !(key[0] == 'F' && isdigit((unsigned char)key[1]));
}

/* A key that acts in the context; while typing, characters type. */
static bool acts(const char *key, enum where where)
{
    return where != IN_TYPING || strlen(key) > 1;
}

static void test_names(void **state)
{
    (void)state;
    for (int a = 0; a < N_ACTIONS; a++) {
        assert_int_equal(action_named(actions[a].name), a);
        assert_true(strlen(actions[a].help) > 0);
        assert_true(actions[a].where != 0);
        for (const char *p = actions[a].name; *p; p++)
            assert_true(islower((unsigned char)*p) || *p == '-');
    }
    assert_int_equal(action_named("no-such"), ACTION_NONE);
}

static void test_every_key_is_known_under_its_name(void **state)
{
    (void)state;
    char key[32], name[32];
    for (int a = 0; a < N_ACTIONS; a++)
        for (int i = 0; action_key_at((enum action_id)a, i, key, sizeof key); i++) {
            struct event e;
            if (!event_parse(key, &e))
                fail_msg("%s: unknown key %s", actions[a].name, key);
            event_name(&e, name, sizeof name);
            assert_string_equal(name, key);
        }
}

static void test_nothing_needs_alt_or_a_function_key(void **state)
{
    (void)state;
    char key[32];
    for (int a = 0; a < N_ACTIONS; a++) {
        bool reachable = false;
        for (int i = 0; action_key_at((enum action_id)a, i, key, sizeof key); i++)
            reachable = reachable || everybody_has(key);
        if (!reachable)
            fail_msg("%s has only Alt or function keys", actions[a].name);
    }
}

static void test_a_key_means_one_thing(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c++)
        for (int a = 0; a < N_ACTIONS; a++) {
            char key[32];
            if (!(actions[a].where & (unsigned)contexts[c]))
                continue;
            for (int i = 0; action_key_at((enum action_id)a, i, key, sizeof key); i++) {
                struct event e;
                event_parse(key, &e);
                enum action_id found = action_for(&e, contexts[c]);
                if (found != (acts(key, contexts[c]) ? a : ACTION_NONE))
                    fail_msg("%s in context %d: %s, expected %s", key, (int)contexts[c],
                             found < 0 ? "nothing" : actions[found].name, actions[a].name);
            }
        }
}

static void test_shift_selects(void **state)
{
    (void)state;
    struct event e;
    event_parse("Shift-Left", &e);
    assert_int_equal(action_for(&e, IN_TYPING), ACTION_EDIT_LEFT);
    assert_int_equal(action_for(&e, IN_SLIDERS), ACTION_SLIDE_LEFT_FINE);
    assert_int_equal(action_for(&e, IN_TEXT), ACTION_NONE);
    event_parse("Shift-Backspace", &e);
    assert_int_equal(action_for(&e, IN_TYPING), ACTION_NONE);
}

static void test_control_keys_work_everywhere(void **state)
{
    (void)state;
    static const struct {
        const char *key;
        enum action_id action;
    } cases[] = {{"Ctrl-Z", ACTION_SUSPEND}, {"Ctrl-C", ACTION_CANCEL}, {"Ctrl-L", ACTION_REPAINT},
                 {"Tab", ACTION_NEXT_PANE},  {"Ctrl-R", ACTION_REDO},   {"F1", ACTION_HELP}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c++) {
            struct event e;
            event_parse(cases[i].key, &e);
            assert_int_equal(action_for(&e, contexts[c]), cases[i].action);
        }
    for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c++) {
        struct event e;
        event_parse("F2", &e); /* what can't be seen isn't changed */
        assert_int_equal(action_for(&e, contexts[c]),
                         c < N_EXPLORE ? ACTION_COLOURING : ACTION_NONE);
    }
}

/* At 80 columns the help has room for the keys and a line on what they do. */
static void test_help_lines_fit(void **state)
{
    (void)state;
    for (size_t c = 0; c < sizeof contexts / sizeof *contexts; c++) {
        int keys = 0, help = 0;
        for (int a = 0; a < N_ACTIONS; a++) {
            char key[32];
            int w = 0, h = text_columns(actions[a].help, strlen(actions[a].help));
            if (!(actions[a].where & (unsigned)contexts[c]))
                continue;
            for (int i = 0; action_key_at((enum action_id)a, i, key, sizeof key); i++)
                if (acts(key, contexts[c]))
                    w += text_columns(key, strlen(key)) + (w > 0 ? 2 : 0);
            keys = w > keys ? w : keys;
            help = h > help ? h : help;
        }
        if (keys + 3 + help > 78)
            fail_msg("context %d: keys take %d columns, help %d", (int)contexts[c], keys, help);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_every_key_is_known_under_its_name),
        cmocka_unit_test(test_nothing_needs_alt_or_a_function_key),
        cmocka_unit_test(test_a_key_means_one_thing),
        cmocka_unit_test(test_shift_selects),
        cmocka_unit_test(test_control_keys_work_everywhere),
        cmocka_unit_test(test_help_lines_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
