/* Files for tests: the data set that does not lie in the repository, golden files that do, and
 * folders that go again. All strings are the caller's to free(). Call from a cmocka test: what
 * can't be done fails it. */
#ifndef GLIMT_TESTS_TESTDATA_H
#define GLIMT_TESTS_TESTDATA_H
#include <stdbool.h>
#include <stddef.h>

/* NAME in $GLIMT_TEST_DATA, else in ../shared/data; NULL after a word on stdout when it is not
 * there: then skip(). */
char *testdata_path(const char *name);
/* The bytes of tests/golden/NAME, with a NUL behind them (not counted); n may be NULL. Fails the
 * test when absent. */
char *golden_read(const char *name, size_t *n);
char *golden_path(const char *name);
/* A text that the program wrote, against tests/golden/NAME: fails the test, showing it, where they
 * differ. GLIMT_GOLDEN_UPDATE=1 writes the golden. */
void golden_expect(const char *name, const char *text);
/* The golden that `text` is compared with, for other comparisons than golden_expect's. */
char *golden_of(const char *name, const char *text);

/* An empty folder of its own, below $TMPDIR or /tmp; testdata_remove takes it away with all that is
 * in it. */
char *testdata_folder(void);
void testdata_remove(char *folder); /* frees the string too */
/* Root may write everywhere: as nobody the process may not, until it is itself again. Nothing where
 * the tests are not run by root. */
void testdata_as_nobody(bool on);
/* The folder of a group of tests, with its set-up and tear-down for cmocka_run_group_tests. */
extern char *test_folder;
int test_folder_make(void **state);
int test_folder_drop(void **state);
/* Writes DIR/NAME, making the folders in NAME; returns the path. */
char *testdata_write(const char *dir, const char *name, const void *p, size_t n);
#endif
