#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/devices.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char *beside_the_program(const char *name)
{
    char *dir = file_program_folder(), *path = xasprintf("%s/%s", dir, name);
    free(dir);
    return path;
}

static void each_is_listed_with_the_reason_where_it_cannot(void **state)
{
    (void)state;
    struct device_info d[DEVICES_MAX];
    assert_int_equal(devices_list(1, d, DEVICES_MAX), 2);
    assert_string_equal(d[0].name, "cpu");
    assert_false(error_is_set(&d[0].why_not));
    assert_non_null(strstr(d[0].description, ", 1 thread"));
    assert_true(d[0].isa && d[0].library);
    assert_string_equal(d[1].name, "cuda");
    assert_string_equal(d[1].description, "");
    char *dir = file_program_folder();
    char *why =
        xasprintf("cuda: no plugin at %s/glimt-cuda.so or %s/../lib/glimt/ (make gpu)", dir, dir);
    assert_string_equal(d[1].why_not.text, why);
    free(why);
    free(dir);
}

static void no_more_than_there_is_room_for(void **state)
{
    (void)state;
    struct device_info d[2] = {[1] = {.name = "untouched"}};
    assert_int_equal(devices_list(1, d, 1), 2);
    assert_string_equal(d[1].name, "untouched");
    assert_int_equal(devices_list(1, NULL, 0), 2);
}

static void opens_by_name(void **state)
{
    (void)state;
    static const char *const specs[] = {NULL, "auto", "cpu"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++) {
        struct error e = {0};
        struct backend *b = device_open(specs[i], 1, &e);
        assert_non_null(b);
        assert_false(error_is_set(&e));
        assert_string_equal(b->name, "cpu");
        device_close(b);
    }
    device_close(NULL);
}

static void refuses(const char *spec, const char *says)
{
    struct error e = {0};
    assert_null(device_open(spec, 1, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, says))
        fail_msg("%s: %s", spec, e.text);
}

static void what_is_not_there_is_refused(void **state)
{
    (void)state;
    static const char *const unknown[] = {"",        "gpu",        "CPU",     "cpu:0",
                                          "cpux",    "cuda:",      "cuda:-1", "cuda:x",
                                          "cuda:1x", "cuda:99999", "cudax0",  "list"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++) {
        char says[64];
        snprintf(says, sizeof says, "found %s, expected auto, cpu or cuda[:N]", unknown[i]);
        refuses(unknown[i], says);
    }
    refuses("cuda", "cuda: no plugin at /");
    refuses("cuda:0", "cuda: no plugin at /");
}

static void a_plugin_that_is_there_is_seen(void **state)
{
    (void)state;
    char *path = beside_the_program("glimt-cuda.so");
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fclose(f);
    struct error e = {0};
    assert_null(device_open("cuda", 1, &e));
    unlink(path);
    char *why = xasprintf("cuda: %s is there, but this version can't load a plugin", path);
    assert_string_equal(e.text, why);
    free(why);
    free(path);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_listed_with_the_reason_where_it_cannot),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(opens_by_name),
        cmocka_unit_test(what_is_not_there_is_refused),
        cmocka_unit_test(a_plugin_that_is_there_is_seen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
