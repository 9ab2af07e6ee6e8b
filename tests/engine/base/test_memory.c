#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void sizes_never_wrap(void **state)
{
    (void)state;
    static const struct {
        size_t a, b;
        bool mul, add;
    } cases[] = {
        {0, 0, true, true},
        {0, SIZE_MAX, true, true},
        {SIZE_MAX, 0, true, true},
        {1, SIZE_MAX, true, false},
        {2, SIZE_MAX / 2, true, true},
        {2, SIZE_MAX / 2 + 1, false, true},
        {(size_t)1 << 32, (size_t)1 << 32, false, true},
        {((size_t)1 << 32) - 1, ((size_t)1 << 32) + 1, true, true},
        {SIZE_MAX, SIZE_MAX, false, false},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        size_t out = 77;
        assert_int_equal(size_mul(cases[i].a, cases[i].b, &out), cases[i].mul);
        assert_int_equal(out, cases[i].mul ? cases[i].a * cases[i].b : 77);
        out = 77;
        assert_int_equal(size_add(cases[i].a, cases[i].b, &out), cases[i].add);
        assert_int_equal(out, cases[i].add ? cases[i].a + cases[i].b : 77);
    }
}

static void grow_at_least_doubles(void **state)
{
    (void)state;
    size_t cap = 0;
    int *p = NULL;
    int grown = 0;
    for (size_t n = 0; n < 10000; n++) {
        const size_t before = cap;
        p = grow(p, &cap, n + 1, sizeof *p);
        assert_true(cap > n);
        if (cap != before) {
            assert_true(cap >= 2 * before);
            grown++;
        }
        p[n] = (int)n;
    }
    assert_true(grown < 15);
    for (size_t n = 0; n < 10000; n++)
        assert_int_equal(p[n], n);
    p = grow(p, &cap, 1000000, sizeof *p);
    assert_true(cap >= 1000000);
    free(p);
}

static void copies(void **state)
{
    (void)state;
    char *s = xstrdup("abc"), *t = xstrndup("abcdef", 3), *u = xstrndup("ab", 10),
         *v = xasprintf("%s-%d", "x", 7);
    assert_string_equal(s, "abc");
    assert_string_equal(t, "abc");
    assert_string_equal(u, "ab");
    assert_string_equal(v, "x-7");
    char *w = xmemdup("a\0b", 3), *nothing = xmemdup(NULL, 0);
    assert_memory_equal(w, "a\0b", 3);
    assert_non_null(nothing);
    int *z = xcalloc(3, sizeof *z), *none = xcalloc(0, 4);
    assert_true(z[0] == 0 && z[1] == 0 && z[2] == 0);
    free(s), free(t), free(u), free(v), free(w), free(nothing), free(z), free(none);
}

static int status_of(void (*f)(void))
{
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        const int fd = open("/dev/null", O_WRONLY);
        dup2(fd, STDERR_FILENO);
        f();
        _exit(0);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void overflowing_array(void)
{
    volatile size_t n = SIZE_MAX / 2;
    free(xreallocarray(NULL, n, 3));
}
static void overflowing_growth(void)
{
    size_t cap = 0;
    volatile size_t n = SIZE_MAX / 2;
    free(grow(NULL, &cap, n, 16));
}

static void what_cannot_be_had_panics(void **state)
{
    (void)state;
    assert_int_equal(status_of(overflowing_array), 1);
    assert_int_equal(status_of(overflowing_growth), 1);
}

static void strbuf_is_always_a_string(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b);
    assert_string_equal(b.s, "");
    strbuf_clear(&b);
    strbuf_add(&b, "", 0);
    assert_string_equal(b.s, "");
    strbuf_adds(&b, "ab");
    strbuf_addc(&b, 'c');
    strbuf_addf(&b, "-%05d-%s", 42, "long enough to make it grow beyond the first eight bytes");
    assert_string_equal(b.s, "abc-00042-long enough to make it grow beyond the first eight bytes");
    assert_int_equal(b.len, strlen(b.s));
    strbuf_clear(&b);
    assert_int_equal(b.len, 0);
    assert_string_equal(b.s, "");
    strbuf_add(&b, "x\0y", 3);
    assert_int_equal(b.len, 3);
    assert_memory_equal(b.s, "x\0y", 4);
    strbuf_release(&b);
    assert_string_equal(b.s, "");
    strbuf_adds(&b, "again");
    char *s = strbuf_detach(&b);
    assert_string_equal(s, "again");
    assert_string_equal(b.s, "");
    free(s);
    s = strbuf_detach(&b);
    assert_string_equal(s, "");
    free(s);
    strbuf_release(&b);
}

static void strbuf_grows_by_bytes(void **state)
{
    (void)state;
    struct strbuf b;
    strbuf_init(&b);
    for (size_t i = 0; i < 5000; i++) {
        strbuf_addc(&b, (char)('a' + i % 26));
        assert_int_equal(b.s[b.len], 0);
    }
    for (size_t i = 0; i < 5000; i++)
        assert_int_equal(b.s[i], 'a' + i % 26);
    strbuf_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sizes_never_wrap),
        cmocka_unit_test(grow_at_least_doubles),
        cmocka_unit_test(copies),
        cmocka_unit_test(what_cannot_be_had_panics),
        cmocka_unit_test(strbuf_is_always_a_string),
        cmocka_unit_test(strbuf_grows_by_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
