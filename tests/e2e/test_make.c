/* What people type first: how many cores the Makefile takes, and that each target asks for the
 * packages that it needs before it compiles. Nothing is built. */
#include "tests/support/journey.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const typed[] = {"MAKELEVEL", "MAKEFLAGS", "MFLAGS", NULL};

static void run_make(struct run_result *r, const char *const *env, const char *a, const char *b,
                     const char *c)
{
    const char *const argv[] = {"make", "--no-print-directory", a, b, c, NULL};
    run_program(r, &(struct run_how){.env = env}, argv);
    assert_int_equal(r->status, 0);
}

static void test_all_cores_unless_told(void **state)
{
    (void)state;
    static const char *const one_by_environment[] = {"MAKELEVEL", "MAKEFLAGS=-j1", "MFLAGS", NULL};
    struct run_result r;
    char all[32], show[200];
    const char *const nproc[] = {"nproc", NULL};
    run_program(&r, NULL, nproc);
    snprintf(all, sizeof all, " -j%d ", atoi(r.out));
    run_release(&r);
    FILE *f = fopen(scratch_path("show.mk"), "w");
    fputs("include Makefile\nshow: ; @echo '[' $(MAKEFLAGS) ']'\n", f);
    fclose(f);
    snprintf(show, sizeof show, "-f%s", scratch_path("show.mk"));
    run_make(&r, typed, show, "show", NULL);
    assert_non_null(strstr(r.out, all));
    run_release(&r);
    run_make(&r, typed, show, "show", "-j7");
    assert_non_null(strstr(r.out, " -j7 "));
    run_release(&r);
    run_make(&r, one_by_environment, show, "show", NULL);
    assert_non_null(strstr(r.out, " -j1 "));
    run_release(&r);
}

static const char *position(const struct run_result *r, const char *what)
{
    const char *at = strstr(r->out, what);
    if (!at)
        fail_msg("no %s in what make would do", what);
    return at;
}

static void test_packages_are_asked_for_first(void **state)
{
    (void)state;
    char build[200], object[260];
    struct run_result r;
    snprintf(build, sizeof build, "B=%s", scratch_path("build"));
    run_make(&r, typed, "-n", build, "run");
    assert_true(position(&r, "need.sh gcc") < position(&r, "-c -o"));
    assert_null(strstr(r.out, "cmocka")); /* who only runs it needs no tests */
    run_release(&r);
    static const char *const with_tests[] = {"bench", "tests"};
    static const char *const sample[] = {"bench/bench_ops", "e2e/test_make"};
    for (size_t i = 0; i < 2; i++) {
        run_make(&r, typed, "-n", build, with_tests[i]);
        snprintf(object, sizeof object, "-c -o %s/tests/%s.o", build + 2, sample[i]);
        assert_true(position(&r, "need.sh libcmocka-dev libvterm-dev") < position(&r, object));
        run_release(&r);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_all_cores_unless_told),
        cmocka_unit_test(test_packages_are_asked_for_first),
    };
    return cmocka_run_group_tests_name("make", tests, journey_begin, journey_end);
}
