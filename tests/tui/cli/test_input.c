/* Repairing input and finding the way back to its bytes. */
#include "engine/text/utf8.h"
#include "tui/cli/command.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void test_valid_text_is_itself(void **state)
{
    (void)state;
    static const char text[] = "R\xc3\xa5"
                               "det\0\xf0\x9f\x8e\x89";
    struct input in;
    input_repair(&in, text, sizeof text - 1);
    assert_int_equal(in.n, sizeof text - 1);
    assert_memory_equal(in.text, text, in.n);
    assert_int_equal(in.n_bad, 0);
    for (size_t i = 0; i <= in.n; i++)
        assert_int_equal(input_offset(&in, i), i);
    input_release(&in);
}

/* What a mark takes up is counted, the text is without it. */
static void test_a_mark_is_no_text(void **state)
{
    (void)state;
    struct input in;
    input_repair(&in,
                 "\xef\xbb\xbf"
                 "a\xff"
                 "b",
                 6);
    assert_string_equal(in.text, "a\xef\xbf\xbd"
                                 "b");
    assert_int_equal(input_offset(&in, 0), 3);
    assert_int_equal(input_offset(&in, 1), 4);
    assert_int_equal(input_offset(&in, 4), 5);
    assert_int_equal(input_offset(&in, 5), 6);
    input_release(&in);
}

static void test_repaired_offsets(void **state)
{
    (void)state;
    /* a lone continuation byte, a cut three-byte character (one maximal subpart of 2 bytes), an
     * overlong beginning */
    static const char text[] = "a\x80z\xe2\x82"
                               "b\xc0";
    struct input in;
    input_repair(&in, text, sizeof text - 1);
    assert_int_equal(in.n_bad, 3);
    assert_string_equal(in.text, "a\xef\xbf\xbdz\xef\xbf\xbd"
                                 "b\xef\xbf\xbd");
    static const struct {
        size_t repaired, given;
    } cases[] = {{0, 0}, {1, 1}, {2, 2}, {3, 2},  {4, 2},  {5, 3}, {6, 4},
                 {7, 5}, {8, 5}, {9, 6}, {10, 7}, {11, 7}, {12, 7}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        assert_int_equal(input_offset(&in, cases[i].repaired), cases[i].given);
    input_release(&in);
}

static void test_offsets_never_decrease_nor_leave_the_input(void **state)
{
    (void)state;
    unsigned seed = 1;
    for (int round = 0; round < 500; round++) {
        char text[64];
        size_t n = 0;
        for (; n < (size_t)(round % 64); n++) {
            seed = seed * 1103515245u + 12345u;
            text[n] = (char)(seed >> 16);
        }
        struct input in;
        input_repair(&in, text, n);
        size_t last = 0;
        for (size_t i = 0; i <= in.n; i++) {
            size_t at = input_offset(&in, i);
            assert_true(at >= last && at <= n);
            last = at;
        }
        assert_int_equal(input_offset(&in, in.n), n);
        input_release(&in);
    }
}

static void shown(const char *text, int columns, const char *expected)
{
    struct strbuf out;
    strbuf_init(&out);
    text_add(&out, text, strlen(text), columns);
    assert_string_equal(out.s, expected);
    strbuf_release(&out);
}

static void test_text_add(void **state)
{
    (void)state;
    shown("abc", 0, "abc");
    shown("abc", 5, "abc  ");
    shown("abcdef", 4, "abc…");
    shown("日本語", 5, "日本…");
    shown("日本語", 4, "日… "); /* a wide character that does not fit leaves a blank */
    struct strbuf out;
    strbuf_init(&out);
    text_add(&out, "\033[31m\x80\xe2\x80\xae\r", 9, 0);
    assert_true(utf8_is_valid(out.s, out.len));
    for (size_t i = 0; i < out.len; i++)
        assert_true((unsigned char)out.s[i] >= ' ');
    assert_null(strstr(out.s, "\xe2\x80\xae"));
    strbuf_release(&out);
}

static void test_color_depth(void **state)
{
    (void)state;
    struct options o;
    options_init(&o);
    unsetenv("NO_COLOR");
    unsetenv("COLORTERM");
    setenv("TERM", "xterm-256color", 1);
    assert_int_equal(color_depth(&o, true), DEPTH_256);
    assert_int_equal(color_depth(&o, false), DEPTH_MONO);
    setenv("COLORTERM", "truecolor", 1);
    assert_int_equal(color_depth(&o, true), DEPTH_DIRECT);
    setenv("NO_COLOR", "1", 1);
    assert_int_equal(color_depth(&o, true), DEPTH_MONO);
    o.color = COLOR_ALWAYS;
    assert_int_equal(color_depth(&o, false), DEPTH_256);
    assert_int_equal(color_depth(&o, true), DEPTH_DIRECT);
    o.color = COLOR_16;
    assert_int_equal(color_depth(&o, false), DEPTH_16);
    o.color = COLOR_AUTO;
    setenv("NO_COLOR", "", 1);
    unsetenv("COLORTERM");
    setenv("TERM", "dumb", 1);
    assert_int_equal(color_depth(&o, true), DEPTH_MONO);
    setenv("TERM", "linux", 1);
    assert_int_equal(color_depth(&o, true), DEPTH_16);
}

static void test_help_fits_one_screen(void **state)
{
    (void)state;
    struct strbuf out;
    strbuf_init(&out);
    help_add(&out, NULL);
    int lines = 0;
    for (const char *c = out.s, *next; *c; c = next, lines++) {
        next = strchr(c, '\n') + 1;
        int columns = 0; /* every character here is one column wide */
        for (const char *p = c; p < next - 1; p++)
            columns += ((unsigned char)*p & 0xc0) != 0x80;
        assert_true(columns <= 80);
    }
    assert_true(lines <= 24);
    strbuf_release(&out);
}

/* What --help promises is parsed, and every command has what its help needs. */
static void test_every_command_is_whole(void **state)
{
    (void)state;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        assert_true(*c->name && *c->summary);
        assert_non_null(c->operands);
        assert_non_null(c->run);
        assert_ptr_equal(command_find(c->name), c);
        /* a name of two words is a part of a group that is there; the parts stand together */
        const struct command_group *g = command_group(c);
        char *first = command_first_word(c);
        assert_true((strchr(c->name, ' ') != NULL) == (g != NULL));
        assert_ptr_equal(command_group_find(first), g);
        assert_true(command_begins(c) == (!g || i == 0 || command_group(cli_commands[i - 1]) != g));
        assert_true(!g || !command_find(first));
        assert_string_equal(command_last_word(c), g ? strchr(c->name, ' ') + 1 : first);
        free(first);
        for (const struct option_row *r = command_options(c); r && r->name; r++) {
            assert_true(*r->help);
            /* sweep takes several insertions, a study of neurons one for every run of it */
            if (strcmp(r->name, "insert") != 0)
                assert_null(option_find(common_options, r->name, strlen(r->name)));
        }
    }
    assert_null(command_find("harvests"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_valid_text_is_itself),
        cmocka_unit_test(test_a_mark_is_no_text),
        cmocka_unit_test(test_repaired_offsets),
        cmocka_unit_test(test_offsets_never_decrease_nor_leave_the_input),
        cmocka_unit_test(test_text_add),
        cmocka_unit_test(test_color_depth),
        cmocka_unit_test(test_help_fits_one_screen),
        cmocka_unit_test(test_every_command_is_whole),
    };
    return cmocka_run_group_tests_name("cli input and output", tests, NULL, NULL);
}
