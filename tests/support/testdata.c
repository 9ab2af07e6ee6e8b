#include "tests/support/testdata.h"
#include <ftw.h>
#include <grp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants the five headers above it. */
#include <cmocka.h>

static char *join(const char *a, const char *b)
{
    char *s = NULL;
    if (asprintf(&s, "%s/%s", a, b) < 0)
        fail_msg("out of memory");
    return s;
}

char *testdata_path(const char *name)
{
    const char *dir = getenv("GLIMT_TEST_DATA");
    if (dir == NULL || dir[0] == '\0')
        dir = "../shared/data";
    char *path = join(dir, name);
    if (access(path, R_OK) == 0)
        return path;
    print_message("skipped: %s is not there (GLIMT_TEST_DATA names the folder of the test data)\n",
                  path);
    free(path);
    return NULL;
}

char *golden_path(const char *name)
{
    return join("tests/golden", name);
}

char *golden_read(const char *name, size_t *n)
{
    char *path = golden_path(name), *text = NULL;
    FILE *f = fopen(path, "rb");
    size_t len = 0;
    if (f == NULL)
        fail_msg("%s is not there; GLIMT_GOLDEN_UPDATE=1 writes those that have no script", path);
    for (size_t cap = 4096;; cap *= 2) {
        text = realloc(text, cap + 1);
        assert_non_null(text);
        len += fread(text + len, 1, cap - len, f);
        if (len < cap)
            break;
    }
    assert_int_equal(ferror(f), 0);
    fclose(f);
    text[len] = '\0';
    if (n != NULL)
        *n = len;
    free(path);
    return text;
}

char *golden_of(const char *name, const char *text)
{
    const char *update = getenv("GLIMT_GOLDEN_UPDATE");
    if (update != NULL && update[0] != '\0')
        free(testdata_write("tests/golden", name, text, strlen(text)));
    return golden_read(name, NULL);
}

void golden_expect(const char *name, const char *text)
{
    char *golden = golden_of(name, text);
    if (strcmp(golden, text) != 0)
        fail_msg("tests/golden/%s differs from what is written:\n%s", name, text);
    free(golden);
}

char *testdata_folder(void)
{
    const char *base = getenv("TMPDIR");
    char *dir = join(base != NULL && base[0] != '\0' ? base : "/tmp", "glimt-test-XXXXXX");
    if (mkdtemp(dir) == NULL)
        fail_msg("can't make a folder like %s", dir);
    return dir;
}

static int remove_one(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)st, (void)type, (void)at;
    return remove(path);
}

void testdata_remove(char *folder)
{
    if (nftw(folder, remove_one, 16, FTW_DEPTH | FTW_PHYS) != 0)
        print_message("%s could not be removed\n", folder);
    free(folder);
}

char *test_folder;

int test_folder_make(void **state)
{
    (void)state;
    test_folder = testdata_folder();
    return 0;
}

int test_folder_drop(void **state)
{
    (void)state;
    testdata_remove(test_folder);
    return 0;
}

char *testdata_write(const char *dir, const char *name, const void *p, size_t n)
{
    char *path = join(dir, name);
    for (char *s = path + strlen(dir) + 1; (s = strchr(s, '/')) != NULL; s++) {
        *s = '\0';
        mkdir(path, 0777);
        *s = '/';
    }
    FILE *f = fopen(path, "wb");
    if (f == NULL)
        fail_msg("can't write %s", path);
    assert_int_equal(n > 0 ? fwrite(p, 1, n, f) : 0, n);
    assert_int_equal(fclose(f), 0);
    return path;
}

void testdata_as_nobody(bool on)
{
    enum { NOBODY = 65534 };
    static bool was_root;
    if (on && geteuid() != 0)
        return;
    if (on) {
        was_root = true;
        assert_int_equal(setgroups(0, NULL), 0);
        assert_int_equal(setresgid(NOBODY, NOBODY, 0), 0);
        assert_int_equal(setresuid(NOBODY, NOBODY, 0), 0);
    } else if (was_root) {
        assert_int_equal(setresuid(0, 0, 0), 0);
        assert_int_equal(setresgid(0, 0, 0), 0);
        prctl(PR_SET_DUMPABLE, 1); /* for the sanitizer that looks for leaks */
    }
}
