/* Opening: the folder, the settings, files that are not what they should be, versions. */
#include "engine/base/memory.h"
#include "tests/support/store_fixture.h"
#include "tests/support/testdata.h"
#include <grp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static void folder_is_made_for_the_user_alone(void **state)
{
    char said[200] = "x", *dir = xasprintf("%s/a/b", (char *)*state);
    struct store *s = store_open_or_fail(dir, said, sizeof said);
    assert_string_equal(said, "");
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_non_null(strstr(store_path(s), "/a/b/glimt.db"));
    assert_int_equal(store_path(s)[0], '/');
    assert_sound(s);
    store_close(s);
    assert_int_equal(store_sql_integer(dir, "PRAGMA user_version"), store_n_steps);
    assert_int_equal(store_sql_integer(dir, "PRAGMA application_id"), STORE_APPLICATION_ID);
    assert_int_equal(store_sql_integer(dir, "PRAGMA auto_vacuum"), 2);
    free(dir);
}

static void pragmas(void **state)
{
    static const struct {
        const char *sql, *local, *network;
    } cases[] = {
        {"PRAGMA journal_mode", "wal", "truncate"},
        {"PRAGMA synchronous", "1", "2"},
        {"PRAGMA locking_mode", "normal", "exclusive"},
        {"PRAGMA foreign_keys", "1", "1"},
        {"PRAGMA trusted_schema", "0", "0"},
        {"PRAGMA cell_size_check", "1", "1"},
        {"PRAGMA mmap_size", "0", "0"},
        {"PRAGMA busy_timeout", "10000", "10000"},
    };
    for (int network = 0; network < 2; network++) {
        struct store *s = NULL;
        struct error e = {0};
        const struct store_how how = {network != 0, STORE_BUSY_MS, store_steps, store_n_steps};
        assert_ok(store_open_as(*state, &how, &s, NULL, 0, &e), &e);
        assert_int_equal(store_is_network(s), network);
        for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
            char text[32];
            assert_int_equal(store_pragma(s, cases[i].sql, text, sizeof text), SQLITE_OK);
            assert_string_equal(text, network ? cases[i].network : cases[i].local);
        }
        int on = 0;
        sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, -1, &on);
        assert_int_equal(on, 1);
        /* from WAL to TRUNCATE and back, with what is in it */
        assert_claim(s, "x", 5, CLAIM_OURS, 0);
        store_close(s);
    }
}

static void network_types(void **state)
{
    (void)state;
    static const uint32_t yes[] = {0x6969,     0xff534d42, 0x0bd00bd0, 0x47504653,
                                   0x19830326, 0x01021997, 0x65735546};
    static const uint32_t no[] = {0xef53 /* ext4 */,        0x58465342 /* xfs */,
                                  0x9123683e /* btrfs */,   0x01021994 /* tmpfs */,
                                  0x794c7630 /* overlay */, 0};
    for (size_t i = 0; i < sizeof yes / sizeof *yes; i++)
        assert_true(store_type_is_network(yes[i]));
    for (size_t i = 0; i < sizeof no / sizeof *no; i++)
        assert_false(store_type_is_network(no[i]));
}

static void one_at_a_time_on_a_network_folder(void **state)
{
    struct store *a = NULL, *b = NULL;
    struct error e = {0};
    const struct store_how how = {true, 1, store_steps, store_n_steps};
    assert_ok(store_open_as(*state, &how, &a, NULL, 0, &e), &e);
    EXPECT_ERROR(store_open_as(*state, &how, &b, NULL, 0, &why), "another process is using it");
    assert_null(b);
    store_close(a);
    assert_ok(store_open_as(*state, &how, &b, NULL, 0, &e), &e);
    store_close(b);
}

static void places_that_cannot_be(void **state)
{
    struct store *s = NULL;
    EXPECT_ERROR(store_open("", &s, NULL, 0, &why), "no folder given");
    EXPECT_ERROR(store_open("/proc/glimt/cache", &s, NULL, 0, &why),
                 "/proc/glimt/cache can't be made");
    char *file = testdata_write(*state, "file", "x", 1), *below = xasprintf("%s/sub", file);
    EXPECT_ERROR(store_open(file, &s, NULL, 0, &why), "expected a folder");
    EXPECT_ERROR(store_open(below, &s, NULL, 0, &why), "Not a directory");
    char *folder = xasprintf("%s/" STORE_FILE, (char *)*state);
    assert_int_equal(mkdir(folder, 0700), 0);
    EXPECT_ERROR(store_open(*state, &s, NULL, 0, &why), "is a folder, expected a file");
    assert_null(s);
    free(folder);
    free(below);
    free(file);
}

/* Nobody's, since root writes everywhere. */
static void folder_that_cannot_be_written(void **state)
{
    const char *dir = *state;
    assert_int_equal(chmod(dir, 0555), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        if (geteuid() == 0 && (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0))
            _exit(3);
        struct store *s = NULL;
        struct error e = {0};
        const bool opened = store_open(dir, &s, NULL, 0, &e);
        _exit(opened                                        ? 4
              : strstr(e.text, dir) == NULL                 ? 5
              : strstr(e.text, "Permission denied") == NULL ? 6
                                                            : 0);
    }
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    chmod(dir, 0700);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* ---- files that are not ours */

static void assert_set_aside(const char *dir, const char *why, const char *as, int n)
{
    char said[400], name[40];
    struct store *s = store_open_or_fail(dir, said, sizeof said);
    snprintf(name, sizeof name, "glimt.db.%s-%d,", as, n);
    if (strstr(said, why) == NULL || strstr(said, name) == NULL)
        fail_msg("expected %s and %s in: %s", why, name, said);
    assert_sound(s);
    assert_claim(s, "after", 2, CLAIM_OURS, 0);
    s = store_reopen(s, dir);
    assert_claim(s, "after", 2, CLAIM_OURS, 0);
    store_close(s);
}

static void damaged_and_foreign_files(void **state)
{
    const char *dir = *state;
    char noise[70000], path[300];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((i * 2654435761U) >> 13);
    int damaged = 0, foreign = 0;
    static const size_t length[] = {2, 17, 99, 100, 512, 4096, 70000};
    for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
        free(testdata_write(dir, STORE_FILE, noise, length[i]));
        assert_set_aside(dir, "is no database", "damaged", ++damaged);
        snprintf(path, sizeof path, "%s/glimt.db.damaged-%d", dir, damaged);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, length[i]);
    }
    free(testdata_write(dir, STORE_FILE, "dear diary\n", 11));
    assert_set_aside(dir, "is no database", "damaged", ++damaged);
    store_sql(dir, "PRAGMA application_id = 252006"); /* GeoPackage's neighbour */
    assert_set_aside(dir, "another program's (application id 0003d866)", "aside", ++foreign);
    store_sql(dir, "PRAGMA user_version = 99");
    assert_set_aside(dir, "is of a newer glimt (version 99", "aside", ++foreign);
    store_sql(dir, "PRAGMA user_version = -1");
    assert_set_aside(dir, "newer", "aside", ++foreign);
    store_sql(dir, "DROP TABLE posting");
    assert_set_aside(dir, "damaged", "damaged", ++damaged);
    store_sql(dir, "ALTER TABLE run RENAME COLUMN heartbeat TO pulse");
    assert_set_aside(dir, "damaged", "damaged", ++damaged);
    store_sql(dir, "PRAGMA user_version = 0");
    assert_set_aside(dir, "damaged", "damaged", ++damaged);
    /* a database with tables of somebody, without an id */
    snprintf(path, sizeof path, "%s/" STORE_FILE, dir);
    unlink(path);
    store_sql(dir, "CREATE TABLE address(x); INSERT INTO address VALUES('Skagen')");
    assert_set_aside(dir, "another program's", "aside", ++foreign);
}

static void newer_file_keeps_its_journal(void **state)
{
    const char *dir = *state;
    struct store *s = store_open_or_fail(dir, NULL, 0);
    store_close(s);
    /* what a newer program that was killed leaves: the version only in the WAL */
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        sqlite3 *db = NULL;
        char *path = xasprintf("%s/" STORE_FILE, dir);
        sqlite3_open(path, &db);
        free(path);
        sqlite3_exec(db, "PRAGMA user_version = 99; CREATE TABLE later(x)", NULL, NULL, NULL);
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    char path[300];
    snprintf(path, sizeof path, "%s/" STORE_FILE, dir);
    assert_true(store_file_size(path, "-wal") > 0);
    assert_set_aside(dir, "newer", "aside", 1);
    assert_true(store_file_size(path, ".aside-1-wal") > 0);
    snprintf(path, sizeof path, "%s/glimt.db.aside-1", dir);
    sqlite3 *db = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, "SELECT x FROM later", NULL, NULL, NULL), SQLITE_OK);
    sqlite3_close(db);
}

static void empty_file_is_a_new_one(void **state)
{
    char said[200];
    free(testdata_write(*state, STORE_FILE, "", 0));
    struct store *s = store_open_or_fail(*state, said, sizeof said);
    assert_string_equal(said, "");
    assert_claim(s, "x", 1, CLAIM_OURS, 0);
    store_close(s);
    assert_int_equal(store_sql_integer(*state, "PRAGMA auto_vacuum"), 2);
}

/* Pages behind the first are not looked at when a file is opened: what is wrong there is said when
 * it is met, and the next start begins anew. */
static void damage_met_later(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    finished_run(s, "a", 100000);
    finished_run(s, "b", 100000);
    store_close(s);
    char path[300], said[300], junk[8192];
    snprintf(path, sizeof path, "%s/" STORE_FILE, (char *)*state);
    const int64_t root =
        store_sql_integer(*state, "SELECT rootpage FROM sqlite_schema WHERE name = 'result'");
    memset(junk, 0xa5, sizeof junk);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)(root - 1) * 8192, SEEK_SET), 0);
    assert_int_equal(fwrite(junk, 1, sizeof junk, f), sizeof junk);
    fclose(f);
    s = store_open_or_fail(*state, said, sizeof said);
    assert_string_equal(said, "");
    struct strbuf b;
    strbuf_init(&b);
    struct error e = {0};
    assert_int_equal(store_get_result(s, 1, 0, &b, &e), -1);
    assert_non_null(strstr(e.text, "damaged"));
    EXPECT_ERROR(store_check(s, &why), "damaged");
    strbuf_release(&b);
    s = store_reopen(s, *state);
    snprintf(path, sizeof path, "%s/glimt.db.damaged-1", (char *)*state);
    assert_int_equal(access(path, F_OK), 0);
    assert_claim(s, "a", 3, CLAIM_OURS, 0);
    assert_sound(s);
    store_close(s);
}

/* What another process began meanwhile in the place of a damaged file is not set aside with it. */
static void damage_of_a_file_that_is_gone(void **state)
{
    char path[300], away[300];
    snprintf(path, sizeof path, "%s/" STORE_FILE, (char *)*state);
    snprintf(away, sizeof away, "%s/away", (char *)*state);
    struct store *s = store_open_or_fail(*state, NULL, 0);
    s->damaged = true;
    assert_int_equal(rename(path, away), 0);
    struct store *other = store_open_or_fail(*state, NULL, 0);
    assert_claim(other, "a", 3, CLAIM_OURS, 0);
    store_close(s);
    assert_int_equal(access(path, F_OK), 0);
    assert_sound(other);
    other = store_reopen(other, *state);
    assert_int_equal(assert_claim(other, "a", 3, CLAIM_OURS, 0), 1);
    store_close(other);
}

static void migrations(void **state)
{
    const char *dir = *state;
    struct store *s = store_open_or_fail(dir, NULL, 0);
    finished_run(s, "old", 10);
    store_close(s);
    enum { NOW = 3 }; /* this glimt's version */
    const char *steps[NOW + 2], *wrong[NOW + 1];
    assert_int_equal(store_n_steps, NOW);
    for (int i = 0; i < NOW; i++)
        steps[i] = wrong[i] = store_steps[i];
    steps[NOW] = "ALTER TABLE run ADD COLUMN note TEXT";
    steps[NOW + 1] = "CREATE TABLE extra(id INTEGER PRIMARY KEY) STRICT";
    wrong[NOW] = "CREATE TABLE note(x); CREATE TABLE run(x)";
    char said[300];
    struct error e = {0};
    struct store_how how = {false, STORE_BUSY_MS, steps, NOW + 2};
    assert_int_equal(store_sql_integer(dir, "PRAGMA user_version"), NOW);
    assert_ok(store_open_as(dir, &how, &s, said, sizeof said, &e), &e);
    assert_string_equal(said, "");
    assert_claim(s, "old", 3, CLAIM_DONE, 3);
    assert_sound(s);
    store_close(s);
    assert_int_equal(store_sql_integer(dir, "PRAGMA user_version"), NOW + 2);
    assert_int_equal(store_sql_integer(dir, "SELECT count(note) FROM run"), 0);
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM extra"), 0);
    assert_set_aside(dir, "is of a newer glimt (version 5, this one knows 3)", "aside", 1);
    /* a step that fails in the middle leaves nothing of itself */
    how.step = wrong, how.n_steps = NOW + 1;
    assert_false(store_open_as(dir, &how, &s, said, sizeof said, &e));
    assert_non_null(strstr(said, "damaged-1"));
    assert_non_null(strstr(e.text, "already exists"));
    char *from = xasprintf("%s/glimt.db.damaged-1", dir), *to = xasprintf("%s/" STORE_FILE, dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(store_sql_integer(dir, "PRAGMA user_version"), NOW);
    assert_int_equal(
        store_sql_integer(dir, "SELECT count(*) FROM sqlite_schema WHERE name = 'note'"), 0);
    free(from);
    free(to);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(folder_is_made_for_the_user_alone),
        TEST(pragmas),
        TEST(network_types),
        TEST(one_at_a_time_on_a_network_folder),
        TEST(places_that_cannot_be),
        TEST(folder_that_cannot_be_written),
        TEST(damaged_and_foreign_files),
        TEST(newer_file_keeps_its_journal),
        TEST(empty_file_is_a_new_one),
        TEST(damage_met_later),
        TEST(damage_of_a_file_that_is_gone),
        TEST(migrations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
