#include "engine/formats/mapping.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static void maps_what_is_there(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *path = testdata_write(dir, "f", "hello", 5);
    struct mapping m;
    struct error e = {0};
    assert_true(mapping_open(&m, path, &e));
    assert_int_equal(m.n, 5);
    assert_memory_equal(m.p, "hello", 5);
    mapping_close(&m);
    assert_null(m.p);
    mapping_close(&m);
    free(path);
    path = testdata_write(dir, "empty", "", 0);
    assert_true(mapping_open(&m, path, &e));
    assert_null(m.p);
    assert_int_equal(m.n, 0);
    mapping_done(&m, NULL, 0);
    mapping_close(&m);
    free(path);
    testdata_remove(dir);
}

static void done_pages_come_back(void **state)
{
    (void)state;
    const size_t n = 1 << 20;
    uint8_t *p = malloc(n);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++)
        p[i] = (uint8_t)(i * 7 >> 3);
    char *dir = testdata_folder(), *path = testdata_write(dir, "f", p, n);
    struct mapping m;
    struct error e = {0};
    assert_true(mapping_open(&m, path, &e));
    assert_memory_equal(m.p, p, n);
    static const struct {
        size_t from, n;
    } parts[] = {{0, 1 << 20},       {1, 4095}, {4095, 2},   {5000, 50000},
                 {1 << 19, 1 << 19}, {0, 0},    {1 << 20, 0}};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++) {
        mapping_done(&m, m.p + parts[i].from, parts[i].n);
        assert_memory_equal(m.p, p, n);
    }
    /* What is not of the mapping (a copy on the heap) stays as it is. */
    uint8_t *heap = malloc(1 << 16);
    assert_non_null(heap);
    memset(heap, 5, 1 << 16);
    mapping_done(&m, heap, 1 << 16);
    for (size_t i = 0; i < 1 << 16; i++)
        assert_int_equal(heap[i], 5);
    mapping_done(&m, m.p + 1, n);
    free(heap);
    mapping_close(&m);
    free(path), free(p);
    testdata_remove(dir);
}

static void refuses_what_is_no_file(void **state)
{
    (void)state;
    char *dir = testdata_folder(), fifo[256];
    snprintf(fifo, sizeof fifo, "%s/pipe", dir);
    assert_int_equal(mkfifo(fifo, 0600), 0);
    const struct {
        const char *path, *word;
    } cases[] = {{"/nowhere/at/all", "No such file"},
                 {dir, "a folder"},
                 {"/dev/null", "a device"},
                 {fifo, "pipe"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct mapping m;
        struct error e = {0};
        assert_false(mapping_open(&m, cases[i].path, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
        assert_non_null(strstr(e.text, cases[i].word));
        assert_non_null(strstr(e.text, cases[i].path));
    }
    testdata_remove(dir);
}

static void reads_whole_files(void **state)
{
    (void)state;
    static char big[100000];
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = (char)('a' + i % 26);
    char *dir = testdata_folder();
    static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 8191, 99999, 100000};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        char *path = testdata_write(dir, "f", big, sizes[i]), *text = NULL;
        size_t n = 0;
        struct error e = {0};
        assert_true(file_read(path, sizes[i], &text, &n, &e));
        assert_int_equal(n, sizes[i]);
        assert_memory_equal(text, big, n);
        assert_int_equal(text[n], 0);
        free(text);
        if (sizes[i] > 0) {
            assert_false(file_read(path, sizes[i] - 1, &text, &n, &e));
            assert_int_equal(e.kind, ERROR_INPUT);
            assert_non_null(strstr(e.text, "more than"));
            assert_null(text);
        }
        free(path);
    }
    char *text = NULL;
    struct error e = {0};
    assert_false(file_read(dir, 100, &text, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    e = (struct error){0};
    assert_false(file_read("/nowhere", 100, &text, NULL, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_null(text);
    testdata_remove(dir);
}

static void assert_holds(const char *path, const char *want)
{
    char *text = NULL;
    struct error e = {0};
    if (!file_read(path, 1000, &text, NULL, &e))
        fail_msg("%s", e.text);
    assert_string_equal(text, want);
    free(text);
}

static void writes_beside_and_renames(void **state)
{
    (void)state;
    char *dir = testdata_folder(), path[256], link[256];
    snprintf(path, sizeof path, "%s/f", dir);
    snprintf(link, sizeof link, "%s/link", dir);
    struct error e = {0};
    const mode_t old = umask(027);
    assert_true(file_write(path, "one", 3, &e));
    assert_holds(path, "one");
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0640);
    umask(old);
    /* A reader of the old file keeps it. */
    FILE *reader = fopen(path, "r");
    assert_non_null(reader);
    assert_true(file_write(path, "", 0, &e));
    assert_holds(path, "");
    char text[8] = "";
    assert_non_null(fgets(text, sizeof text, reader));
    assert_string_equal(text, "one");
    fclose(reader);
    assert_int_equal(symlink(path, link), 0);
    assert_true(file_write(link, "through", 7, &e));
    assert_int_equal(lstat(link, &st), 0);
    assert_true(S_ISLNK(st.st_mode));
    assert_holds(path, "through");
    /* A device is written, not replaced. */
    assert_true(file_write("/dev/null", "gone", 4, &e));
    assert_int_equal(stat("/dev/null", &st), 0);
    assert_true(S_ISCHR(st.st_mode));
    assert_false(file_write("/nowhere/at/all", "x", 1, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_non_null(strstr(e.text, "/nowhere/at/all"));
    /* Nothing lies about: only the two names are there. */
    assert_int_equal(remove(path), 0);
    assert_int_equal(remove(link), 0);
    assert_int_equal(rmdir(dir), 0);
    free(dir);
}

/* A limit on the size of files stands for a full disk. */
static void full_disk_leaves_the_old_file(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *path = testdata_write(dir, "f", "old", 3);
    const pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        static const char big[4096];
        struct error e = {0};
        setrlimit(RLIMIT_FSIZE, &(struct rlimit){.rlim_cur = 1000, .rlim_max = 1000});
        signal(SIGXFSZ, SIG_IGN);
        const bool refused = !file_write(path, big, sizeof big, &e) && e.kind == ERROR_SYSTEM;
        free(path), free(dir); /* valgrind looks for leaks in the child too */
        _exit(refused ? 7 : 8);
    }
    int status = 0;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 7);
    assert_holds(path, "old");
    assert_int_equal(remove(path), 0);
    assert_int_equal(rmdir(dir), 0);
    free(path), free(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(maps_what_is_there),
        cmocka_unit_test(done_pages_come_back),
        cmocka_unit_test(refuses_what_is_no_file),
        cmocka_unit_test(reads_whole_files),
        cmocka_unit_test(writes_beside_and_renames),
        cmocka_unit_test(full_disk_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
