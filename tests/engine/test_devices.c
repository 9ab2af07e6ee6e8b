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
#include <sys/stat.h>
#include <sys/wait.h>
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
        struct backend *b = device_open(specs[i], PRECISION_FILE, 1, NULL, &e);
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
    assert_null(device_open(spec, PRECISION_FILE, 1, NULL, &e));
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

static void place(const char *path, const char *name, mode_t mode)
{
    char *from = name ? beside_the_program(name) : NULL;
    FILE *out = fopen(path, "w"), *in = from ? fopen(from, "r") : NULL;
    assert_non_null(out);
    assert_true(!from || in);
    for (int c; in && (c = fgetc(in)) != EOF;)
        fputc(c, out);
    fclose(out);
    if (in)
        fclose(in);
    assert_int_equal(chmod(path, mode), 0);
    free(from);
}

/* What opening cuda says with this file (NULL: an empty one) in the plugin's place. In a child: a
 * plugin stays loaded, and a new file may have the number of the one before. */
static struct error with_plugin(const char *name, mode_t mode)
{
    char *path = beside_the_program("glimt-cuda.so");
    struct error e = {0};
    int ends[2], status;
    place(path, name, mode);
    assert_int_equal(pipe(ends), 0);
    const pid_t child = fork();
    if (child == 0) {
        struct device_info d[2] = {0};
        struct backend *b = device_open("cuda:1", PRECISION_FILE, 1, NULL, &e);
        devices_list(1, d, 2);
        const bool told = !b && error_is_set(&d[1].why_not) && d[1].description[0] == '\0';
        _exit(told && write(ends[1], &e, sizeof e) == (ssize_t)sizeof e ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(read(ends[0], &e, sizeof e), sizeof e);
    close(ends[0]);
    close(ends[1]);
    unlink(path);
    free(path);
    return e;
}

static void says(struct error e, const char *text)
{
    if (!strstr(e.text, text))
        fail_msg("'%s' does not say '%s'", e.text, text);
}

/* In a child likewise. */
static void the_cpu_stands_in_for_cards_that_cannot(void **state)
{
    (void)state;
    char *path = beside_the_program("glimt-cuda.so");
    int status;
    place(path, "plugin.so", 0755);
    const pid_t child = fork();
    if (child == 0) {
        struct error e = {0};
        struct device_info d[DEVICES_MAX];
        struct backend *b = device_open("auto", PRECISION_FILE, 1, NULL, &e);
        bool ok = b && strcmp(b->name, "cpu") == 0 && !error_is_set(&e);
        device_close(b);
        ok = ok && devices_list(1, d, DEVICES_MAX) == 3;
        for (int i = 1; ok && i < 3; i++) {
            char name[16], why[64];
            snprintf(name, sizeof name, "cuda:%d", i - 1);
            snprintf(why, sizeof why, "cuda: GPU %d is 7.5, needs 8.0", i - 1);
            ok = strcmp(d[i].name, name) == 0 && strcmp(d[i].why_not.text, why) == 0;
        }
        _exit(ok ? 0 : 1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    unlink(path);
    free(path);
}

static void a_plugin_is_loaded_or_told_why_not(void **state)
{
    (void)state;
    says(with_plugin("plugin.so", 0755), "opening cuda: GPU 1?is 7.5, needs 8.0");
    says(with_plugin("plugin.so", 0777), "glimt-cuda.so may be written by others, expected a file");
    says(with_plugin("plugin_of_another_abi.so", 0755), "is of another version (ABI ");
    says(with_plugin(NULL, 0755), "glimt-cuda.so: file too short");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_is_listed_with_the_reason_where_it_cannot),
        cmocka_unit_test(no_more_than_there_is_room_for),
        cmocka_unit_test(opens_by_name),
        cmocka_unit_test(what_is_not_there_is_refused),
        cmocka_unit_test(the_cpu_stands_in_for_cards_that_cannot),
        cmocka_unit_test(a_plugin_is_loaded_or_told_why_not),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
