/* A store that can't be written: what is in it is found, what writes is refused, and the folder
 * stays as it is to the byte. */
#include "engine/base/memory.h"
#include "tests/support/store_fixture.h"
#include "tests/support/testdata.h"
#include <dirent.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static char *db_of(const char *dir)
{
    return xasprintf("%s/" STORE_FILE, dir);
}

/* From here on nothing can be written; until let_write. */
static void forbid(const char *dir)
{
    char *db = db_of(dir);
    assert_int_equal(chmod(db, 0444), 0);
    assert_int_equal(chmod(dir, 0555), 0);
    free(db);
    testdata_as_nobody(true);
}

static void let_write(const char *dir)
{
    char *db = db_of(dir);
    testdata_as_nobody(false);
    assert_int_equal(chmod(dir, 0700), 0);
    assert_int_equal(chmod(db, 0644), 0);
    free(db);
}

static void keep_one(const char *dir)
{
    struct store *s = store_open_or_fail(dir, NULL, 0);
    finished_run(s, "kept", 20000);
    store_close(s);
}

static int n_files(const char *dir)
{
    int n = 0;
    DIR *d = opendir(dir);
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d));)
        n += f->d_name[0] != '.';
    closedir(d);
    return n;
}

static void assert_kept_is_found(struct store *s)
{
    struct error e = {0};
    struct strbuf b;
    char want[20000];
    memset(want, 'r', sizeof want);
    strbuf_init(&b);
    const int64_t run = assert_claim(s, "kept", 3, CLAIM_DONE, 3);
    assert_strbuf(store_get_result(s, run, 0, &b, &e), &b, want, sizeof want);
    strbuf_release(&b);
}

static void what_is_kept_is_found_and_nothing_written(void **state)
{
    char said[400];
    keep_one(*state);
    forbid(*state);
    struct store *s = store_open_or_fail(*state, said, sizeof said);
    assert_true(store_is_read_only(s));
    assert_non_null(strstr(said, (char *)*state));
    assert_non_null(strstr(said, "can't be written (Permission denied): what it has is used"));
    assert_kept_is_found(s);
    assert_sound(s);

    struct error e = {0};
    struct store_run run;
    const struct sha256 hash = store_hash_of("another");
    const struct store_run_key other = {.key = hash,
                                        .study = "harvest",
                                        .args_json = "{}",
                                        .precision = "f32",
                                        .engine = "1",
                                        .n_chunks = 3};
    int64_t id = 7;
    assert_ok(store_object(s, "model", &hash, "another", "{}", &id, &e), &e);
    assert_int_equal(id, 0);
    assert_int_equal(store_claim(s, &other, &run, &e), CLAIM_UNKEPT);
    assert_int_equal(run.id, 0);
    const struct store_file file = {1, 2, 3, 4, 5};
    int64_t removed;
    EXPECT_ERROR(store_file_remember(s, &file, &hash, &why), "can't be written: Permission denied");
    EXPECT_ERROR(store_prune(s, 0, 0, &removed, &why), "can't be written: Permission denied");
    EXPECT_ERROR(store_remove(s, 1, &why), "can't be written: Permission denied");
    store_close(s);
    assert_int_equal(n_files(*state), 1);
    let_write(*state);
    s = store_open_or_fail(*state, said, sizeof said);
    assert_string_equal(said, "");
    assert_false(store_is_read_only(s));
    assert_kept_is_found(s);
    store_close(s);
}

/* A name that means something in a URI; only the file is not ours to write. */
static void a_file_that_cannot_be_written(void **state)
{
    char said[400], *dir = xasprintf("%s/50%%25 of it? #1", (char *)*state), *db = db_of(dir);
    keep_one(dir);
    assert_int_equal(chmod(*state, 0755), 0);
    assert_int_equal(chmod(dir, 0777), 0);
    assert_int_equal(chmod(db, 0444), 0);
    testdata_as_nobody(true);
    struct store *s = store_open_or_fail(dir, said, sizeof said);
    assert_true(store_is_read_only(s));
    assert_kept_is_found(s);
    store_close(s);
    assert_int_equal(n_files(dir), 1);
    testdata_as_nobody(false);
    free(db);
    free(dir);
}

/* Another process has it open, and what it wrote lies in the WAL. */
static void beside_one_that_writes(void **state)
{
    for (int network = 0; network < 2; network++) {
        const struct store_how how = {network != 0, 50, store_steps, store_n_steps};
        struct store *writer = store_open_or_fail(*state, NULL, 0), *s = NULL;
        struct error e = {0};
        if (network == 0)
            finished_run(writer, "kept", 20000);
        assert_claim(writer, network ? "two" : "one", 5, CLAIM_OURS, 0);
        forbid(*state);
        assert_ok(store_open_as(*state, &how, &s, NULL, 0, &e), &e);
        assert_kept_is_found(s);
        store_close(s);
        let_write(*state);
        assert_claim(writer, "three", 5, CLAIM_OURS, 0);
        store_release(writer, 4);
        store_close(writer);
        store_sql(*state, "DELETE FROM run WHERE done = 0");
    }
}

/* It was taken not to change, and did: the next opening sees what is there now. */
static void one_that_was_written_meanwhile(void **state)
{
    char said[400] = "";
    keep_one(*state);
    forbid(*state);
    struct store *s = store_open_or_fail(*state, said, sizeof said);
    assert_true(store_is_in_place(s));
    let_write(*state);
    struct store *writer = store_open_or_fail(*state, NULL, 0);
    finished_run(writer, "later", 100);
    store_close(writer);
    forbid(*state);
    assert_false(store_is_in_place(s));
    struct error e = {0};
    assert_ok(store_heal(&s, said, sizeof said, &e), &e);
    assert_kept_is_found(s);
    assert_claim(s, "later", 3, CLAIM_DONE, 3);
    store_close(s);
    let_write(*state);
}

static void what_is_no_good_is_left_alone(void **state)
{
    const struct {
        const char *bytes, *says;
    } cases[] = {{"no database at all, but a text of some length", "is no database"},
                 {"", "is empty, and can't be written: Permission denied"}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct store *s = NULL;
        free(testdata_write(*state, STORE_FILE, cases[i].bytes, strlen(cases[i].bytes)));
        forbid(*state);
        EXPECT_ERROR(store_open(*state, &s, NULL, 0, &why), cases[i].says);
        assert_null(s);
        assert_int_equal(n_files(*state), 1);
        let_write(*state);
    }
    char *db = db_of(*state);
    assert_int_equal(unlink(db), 0);
    keep_one(*state);
    store_sql(*state, "DELETE FROM result");
    forbid(*state);
    struct store *s = store_open_or_fail(*state, NULL, 0);
    store_distrust(s, 1);
    assert_true(store_is_damaged(s));
    char said[400] = "";
    EXPECT_ERROR(store_heal(&s, said, sizeof said, &why), "is damaged, and can't be set aside");
    assert_null(s);
    assert_int_equal(n_files(*state), 1);
    let_write(*state);
    free(db);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(what_is_kept_is_found_and_nothing_written),
        TEST(a_file_that_cannot_be_written),
        TEST(beside_one_that_writes),
        TEST(one_that_was_written_meanwhile),
        TEST(what_is_no_good_is_left_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
