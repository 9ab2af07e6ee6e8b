#include "engine/base/error.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void first_error_stays(void **state)
{
    (void)state;
    struct error e = {0};
    assert_false(error_is_set(&e));
    assert_false(error_set(&e, ERROR_INPUT, "%s: %d", "a", 1));
    assert_false(error_set(&e, ERROR_SYSTEM, "later"));
    assert_true(error_is_set(&e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_string_equal(e.text, "a: 1");
}

static void nobody_listens(void **state)
{
    (void)state;
    assert_false(error_set(NULL, ERROR_INPUT, "x"));
    assert_false(error_prefix(NULL, "x"));
}

static void text_is_one_clean_line(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"two\nlines\ttab\r", "two?lines?tab?"},
        {"\x1b[31mred\x7f", "?[31mred?"},
        {"R\xc3\xa5"
         "det \xe2\x80\xa6",
         "R\xc3\xa5"
         "det \xe2\x80\xa6"},
        {"c1 \xc2\x9b"
         "31m",
         "c1 ?31m"},
        {"bidi \xe2\x80\xae"
         "x",
         "bidi ?x"},
        {"line \xe2\x80\xa8"
         "x",
         "line ?x"},
        {"latin1 \xe5 end", "latin1 ? end"},
        {"overlong \xc0\xaf \xe0\x80\xaf", "overlong ?? ???"},
        {"surrogate \xed\xa0\x80", "surrogate ???"},
        {"beyond \xf4\x90\x80\x80", "beyond ????"},
        {"four \xf0\x9f\x98\x80", "four \xf0\x9f\x98\x80"},
        {"cut \xe2\x80", "cut ??"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        error_set(&e, ERROR_INPUT, "%s", cases[i].in);
        assert_string_equal(e.text, cases[i].out);
    }
}

static void long_text_is_cut_between_characters(void **state)
{
    (void)state;
    for (size_t lead = 0; lead < 4; lead++) {
        char in[1000];
        size_t n = lead;
        memset(in, 'x', lead);
        for (; n + 3 < sizeof in; n += 3)
            memcpy(in + n, "\xe2\x82\xac", 3);
        in[n] = '\0';
        struct error e = {0};
        error_set(&e, ERROR_INPUT, "%s", in);
        const size_t len = strlen(e.text);
        assert_true(len >= sizeof e.text - 4 && len < sizeof e.text);
        assert_int_equal((len - lead) % 3, 0);
        assert_memory_equal(e.text, in, len);
    }
}

static void prefix_goes_before(void **state)
{
    (void)state;
    struct error e = {0};
    error_prefix(&e, "nothing is wrong");
    assert_string_equal(e.text, "");
    error_set(&e, ERROR_SYSTEM, "disk full");
    assert_false(error_prefix(&e, "writing %s", "a\nb"));
    assert_string_equal(e.text, "writing a?b: disk full");
    char big[2000];
    memset(big, 'p', sizeof big - 1);
    big[sizeof big - 1] = '\0';
    error_prefix(&e, "%s", big);
    assert_non_null(strstr(e.text, ": writing a?b: disk full"));
}

static void prefix_names_a_file_once(void **state)
{
    (void)state;
    static const struct {
        const char *text, *prefix, *says;
    } cases[] = {
        {"a.pt: no tensor", "opening SAE a.pt", "opening SAE a.pt: no tensor"},
        {"my a.pt: no tensor", "opening SAE my a.pt", "opening SAE my a.pt: no tensor"},
        {"m/config.json: cut off", "opening model m", "opening model m: config.json: cut off"},
        {"writing x: full", "writing x", "writing x: full"},
        {"xy: full", "writing x", "writing x: xy: full"},
        {"x", "writing x", "writing x: x"},
        {"a.pt: no tensor", "opening ", "opening : a.pt: no tensor"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct error e = {0};
        error_set(&e, ERROR_INPUT, "%s", cases[i].text);
        error_prefix(&e, "%s", cases[i].prefix);
        assert_string_equal(e.text, cases[i].says);
    }
}

static void exit_status_by_kind(void **state)
{
    (void)state;
    static const int status[] = {
        [ERROR_NONE] = 0, [ERROR_INPUT] = 2, [ERROR_SYSTEM] = 1, [ERROR_CANCELLED] = 1};
    for (int kind = ERROR_NONE; kind <= ERROR_CANCELLED; kind++)
        assert_int_equal(error_exit_status(&(struct error){.kind = (enum error_kind)kind}),
                         status[kind]);
}

static void restore(void)
{
    assert_int_equal(write(STDERR_FILENO, "restored\n", 9), 9);
}

static void restore_badly(void)
{
    panic("again");
}

/* What a child that panics writes to stderr; its exit status must be 1. */
static void panic_in_child(void (*handler)(void), char *out, size_t n)
{
    int fd[2];
    assert_int_equal(pipe(fd), 0);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        dup2(fd[1], STDERR_FILENO);
        panic_set_handler(handler);
        panic("no %s", "memory\n");
    }
    close(fd[1]);
    size_t len = 0;
    for (ssize_t k; (k = read(fd[0], out + len, n - 1 - len)) > 0;)
        len += (size_t)k;
    out[len] = '\0';
    close(fd[0]);
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 1);
}

static void panic_restores_and_ends(void **state)
{
    (void)state;
    char out[256];
    panic_in_child(NULL, out, sizeof out);
    assert_string_equal(out, "glimt: no memory?\n");
    panic_in_child(restore, out, sizeof out);
    assert_string_equal(out, "restored\nglimt: no memory?\n");
    panic_in_child(restore_badly, out, sizeof out);
    assert_string_equal(out, "glimt: again\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(first_error_stays),
        cmocka_unit_test(nobody_listens),
        cmocka_unit_test(text_is_one_clean_line),
        cmocka_unit_test(long_text_is_cut_between_characters),
        cmocka_unit_test(prefix_goes_before),
        cmocka_unit_test(prefix_names_a_file_once),
        cmocka_unit_test(exit_status_by_kind),
        cmocka_unit_test(panic_restores_and_ends),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
