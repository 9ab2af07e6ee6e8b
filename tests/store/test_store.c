/* The store as its users see it: objects, claims, checkpoints, results, housekeeping, and files
 * that are not what they should be. A second connection plays the tamperer and the clock. */
#include "engine/base/memory.h"
#include "store/internal.h"
#include "tests/support/testdata.h"
#include <grp.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- helpers */

static struct store *open_or_fail(const char *dir, char *said, size_t n)
{
    struct store *s = NULL;
    struct error e = {0};
    if (!store_open(dir, &s, said, n, &e))
        fail_msg("%s", e.text);
    return s;
}

static struct store *reopen(struct store *s, const char *dir)
{
    store_close(s);
    return open_or_fail(dir, NULL, 0);
}

static void ok(bool done, const struct error *e)
{
    if (!done || error_is_set(e))
        fail_msg("%s", error_is_set(e) ? e->text : "failed without an error");
}

static void check(struct store *s)
{
    struct error e = {0};
    ok(store_check(s, &e), &e);
}

static void sql(const char *dir, const char *text)
{
    sqlite3 *db = NULL;
    char *path = xasprintf("%s/" STORE_FILE, dir), *why = NULL;
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    sqlite3_close(db);
    free(path);
}

static int64_t sql_integer(const char *dir, const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char *path = xasprintf("%s/" STORE_FILE, dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const int64_t x = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    free(path);
    return x;
}

static struct sha256 hash_of(const char *s)
{
    return sha256_bytes(s, strlen(s));
}

static int64_t object(struct store *s, const char *kind, const char *name)
{
    struct error e = {0};
    const struct sha256 h = hash_of(name);
    int64_t id = 0;
    ok(store_object(s, kind, &h, name, "{}", &id, &e), &e);
    assert_true(id > 0);
    return id;
}

static struct store_run_key key_of(struct store *s, const char *name, int64_t n_chunks)
{
    return (struct store_run_key){.key = hash_of(name),
                                  .study = "harvest",
                                  .args_json = "{\"n\":1}",
                                  .precision = "f32",
                                  .engine = "1",
                                  .model = object(s, "model", "a model"),
                                  .dict = object(s, "dict", "a dict"),
                                  .corpus = object(s, "corpus", name),
                                  .n_chunks = n_chunks};
}

static int64_t claim(struct store *s, const char *name, int64_t n_chunks, enum store_claim expected,
                     int64_t next_chunk)
{
    struct error e = {0};
    const struct store_run_key k = key_of(s, name, n_chunks);
    struct store_run run;
    const enum store_claim c = store_claim(s, &k, &run, &e);
    if (c == CLAIM_FAILED)
        fail_msg("%s", e.text);
    assert_int_equal(c, expected);
    assert_int_equal(run.next_chunk, next_chunk);
    assert_int_equal(run.n_chunks, n_chunks);
    return run.id;
}

static void checkpoint(struct store *s, int64_t run, int64_t next, const char *state)
{
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    strbuf_adds(&b, state);
    ok(store_checkpoint(s, run, next, &b, &e), &e);
    strbuf_release(&b);
}

static void finish(struct store *s, int64_t run, size_t bytes)
{
    struct error e = {0};
    char *p = xcalloc(bytes + 1, 1);
    memset(p, 'r', bytes);
    ok(store_finish_begin(s, run, &e), &e);
    ok(store_put_result(s, run, 0, p, bytes, &e), &e);
    ok(store_finish(s, run, &e), &e);
    free(p);
}

static void finished(struct store *s, const char *name, size_t bytes)
{
    finish(s, claim(s, name, 3, CLAIM_OURS, 0), bytes);
}

static void assert_bytes(int got, struct strbuf *b, const void *p, size_t n)
{
    assert_int_equal(got, 1);
    assert_int_equal(b->len, n);
    assert_memory_equal(b->s, p, n);
    strbuf_clear(b);
}

#define EXPECT_ERROR(call, part)                                                                   \
    do {                                                                                           \
        struct error why = {0};                                                                    \
        assert_false(call);                                                                        \
        if (strstr(why.text, part) == NULL)                                                        \
            fail_msg("expected \"%s\" in: %s", part, why.text);                                    \
    } while (0)

static int set_up(void **state)
{
    *state = testdata_folder();
    return 0;
}

static int tear_down(void **state)
{
    testdata_remove(*state);
    return 0;
}

/* ---- opening */

static void folder_is_made_for_the_user_alone(void **state)
{
    char said[200] = "x", *dir = xasprintf("%s/a/b", (char *)*state);
    struct store *s = open_or_fail(dir, said, sizeof said);
    assert_string_equal(said, "");
    struct stat st;
    assert_int_equal(stat(dir, &st), 0);
    assert_int_equal(st.st_mode & 0777, 0700);
    assert_non_null(strstr(store_path(s), "/a/b/glimt.db"));
    assert_int_equal(store_path(s)[0], '/');
    check(s);
    store_close(s);
    assert_int_equal(sql_integer(dir, "PRAGMA user_version"), store_n_steps);
    assert_int_equal(sql_integer(dir, "PRAGMA application_id"), STORE_APPLICATION_ID);
    assert_int_equal(sql_integer(dir, "PRAGMA auto_vacuum"), 2);
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
        ok(store_open_as(*state, &how, &s, NULL, 0, &e), &e);
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
        claim(s, "x", 5, CLAIM_OURS, 0);
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
    ok(store_open_as(*state, &how, &a, NULL, 0, &e), &e);
    EXPECT_ERROR(store_open_as(*state, &how, &b, NULL, 0, &why), "another process is using it");
    assert_null(b);
    store_close(a);
    ok(store_open_as(*state, &how, &b, NULL, 0, &e), &e);
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

static void assert_set_aside(const char *dir, const char *why, int n)
{
    char said[400], name[40];
    struct store *s = open_or_fail(dir, said, sizeof said);
    snprintf(name, sizeof name, "glimt.db.aside-%d,", n);
    if (strstr(said, why) == NULL || strstr(said, name) == NULL)
        fail_msg("expected %s and %s in: %s", why, name, said);
    check(s);
    claim(s, "after", 2, CLAIM_OURS, 0);
    s = reopen(s, dir);
    claim(s, "after", 2, CLAIM_OURS, 0);
    store_close(s);
}

static void damaged_and_foreign_files(void **state)
{
    const char *dir = *state;
    char noise[70000], path[300];
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (char)((i * 2654435761U) >> 13);
    int n = 0;
    static const size_t length[] = {2, 17, 99, 100, 512, 4096, 70000};
    for (size_t i = 0; i < sizeof length / sizeof *length; i++) {
        free(testdata_write(dir, STORE_FILE, noise, length[i]));
        assert_set_aside(dir, "is no database", ++n);
        snprintf(path, sizeof path, "%s/glimt.db.aside-%d", dir, n);
        struct stat st;
        assert_int_equal(stat(path, &st), 0);
        assert_int_equal(st.st_size, length[i]);
    }
    free(testdata_write(dir, STORE_FILE, "dear diary\n", 11));
    assert_set_aside(dir, "is no database", ++n);
    sql(dir, "PRAGMA application_id = 252006"); /* GeoPackage's neighbour */
    assert_set_aside(dir, "another program's (application id 0003d866)", ++n);
    sql(dir, "PRAGMA user_version = 99");
    assert_set_aside(dir, "is of a newer glimt (version 99", ++n);
    sql(dir, "PRAGMA user_version = -1");
    assert_set_aside(dir, "newer", ++n);
    sql(dir, "DROP TABLE loss");
    assert_set_aside(dir, "damaged", ++n);
    sql(dir, "ALTER TABLE run RENAME COLUMN heartbeat TO pulse");
    assert_set_aside(dir, "damaged", ++n);
    sql(dir, "PRAGMA user_version = 0");
    assert_set_aside(dir, "damaged", ++n);
    /* a database with tables of somebody, without an id */
    snprintf(path, sizeof path, "%s/" STORE_FILE, dir);
    unlink(path);
    sql(dir, "CREATE TABLE address(x); INSERT INTO address VALUES('Skagen')");
    assert_set_aside(dir, "another program's", ++n);
}

static void newer_file_keeps_its_journal(void **state)
{
    const char *dir = *state;
    struct store *s = open_or_fail(dir, NULL, 0);
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
    assert_set_aside(dir, "newer", 1);
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
    struct store *s = open_or_fail(*state, said, sizeof said);
    assert_string_equal(said, "");
    claim(s, "x", 1, CLAIM_OURS, 0);
    store_close(s);
    assert_int_equal(sql_integer(*state, "PRAGMA auto_vacuum"), 2);
}

/* Pages behind the first are not looked at when a file is opened: what is wrong there is said when
 * it is met, and the next start begins anew. */
static void damage_met_later(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    finished(s, "a", 100000);
    finished(s, "b", 100000);
    store_close(s);
    char path[300], said[300], junk[8192];
    snprintf(path, sizeof path, "%s/" STORE_FILE, (char *)*state);
    const int64_t root =
        sql_integer(*state, "SELECT rootpage FROM sqlite_schema WHERE name = 'result'");
    memset(junk, 0xa5, sizeof junk);
    FILE *f = fopen(path, "r+b");
    assert_non_null(f);
    assert_int_equal(fseek(f, (long)(root - 1) * 8192, SEEK_SET), 0);
    assert_int_equal(fwrite(junk, 1, sizeof junk, f), sizeof junk);
    fclose(f);
    s = open_or_fail(*state, said, sizeof said);
    assert_string_equal(said, "");
    struct strbuf b;
    strbuf_init(&b);
    struct error e = {0};
    assert_int_equal(store_get_result(s, 1, 0, &b, &e), -1);
    assert_non_null(strstr(e.text, "damaged"));
    EXPECT_ERROR(store_check(s, &why), "damaged");
    strbuf_release(&b);
    s = reopen(s, *state);
    snprintf(path, sizeof path, "%s/glimt.db.aside-1", (char *)*state);
    assert_int_equal(access(path, F_OK), 0);
    claim(s, "a", 3, CLAIM_OURS, 0);
    check(s);
    store_close(s);
}

static void migrations(void **state)
{
    const char *dir = *state;
    struct store *s = open_or_fail(dir, NULL, 0);
    finished(s, "old", 10);
    store_close(s);
    const char *steps[] = {store_steps[0], "ALTER TABLE run ADD COLUMN note TEXT",
                           "CREATE TABLE extra(id INTEGER PRIMARY KEY) STRICT"};
    const char *wrong[] = {store_steps[0], "CREATE TABLE note(x); CREATE TABLE run(x)"};
    char said[300];
    struct error e = {0};
    struct store_how how = {false, STORE_BUSY_MS, steps, 3};
    assert_int_equal(sql_integer(dir, "PRAGMA user_version"), 1);
    ok(store_open_as(dir, &how, &s, said, sizeof said, &e), &e);
    assert_string_equal(said, "");
    claim(s, "old", 3, CLAIM_DONE, 3);
    check(s);
    store_close(s);
    assert_int_equal(sql_integer(dir, "PRAGMA user_version"), 3);
    assert_int_equal(sql_integer(dir, "SELECT count(note) FROM run"), 0);
    assert_int_equal(sql_integer(dir, "SELECT count(*) FROM extra"), 0);
    assert_set_aside(dir, "is of a newer glimt (version 3, this one knows 1)", 1);
    /* a step that fails in the middle leaves nothing of itself */
    how.step = wrong, how.n_steps = 2;
    assert_false(store_open_as(dir, &how, &s, said, sizeof said, &e));
    assert_non_null(strstr(said, "aside-2"));
    assert_non_null(strstr(e.text, "already exists"));
    char *from = xasprintf("%s/glimt.db.aside-2", dir), *to = xasprintf("%s/" STORE_FILE, dir);
    assert_int_equal(rename(from, to), 0);
    assert_int_equal(sql_integer(dir, "PRAGMA user_version"), 1);
    assert_int_equal(sql_integer(dir, "SELECT count(*) FROM sqlite_schema WHERE name = 'note'"), 0);
    free(from);
    free(to);
}

/* ---- files and objects */

static void remembered_hashes(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct store_file f = {UINT64_MAX, UINT64_MAX - 1, 1234, INT64_MAX}, g = f;
    const struct sha256 h = hash_of("weights"), i = hash_of("changed");
    struct sha256 out;
    assert_false(store_file_hash(s, &f, &out));
    ok(store_file_remember(s, &f, &h, &e), &e);
    s = reopen(s, *state);
    assert_true(store_file_hash(s, &f, &out));
    assert_memory_equal(&out, &h, sizeof h);
    g.mtime_ns--;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.size++;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.inode++;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.device--;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.mtime_ns = 7;
    ok(store_file_remember(s, &g, &i, &e), &e);
    assert_false(store_file_hash(s, &f, &out));
    assert_true(store_file_hash(s, &g, &out));
    assert_memory_equal(&out, &i, sizeof i);
    assert_int_equal(sql_integer(*state, "SELECT count(*) FROM file"), 1);
    store_close(s);
}

static void objects(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    const struct sha256 h = hash_of("h");
    int64_t a = 0, b = 0, c = 0;
    ok(store_object(s, "model", &h, "A", "{}", &a, &e), &e);
    ok(store_object(s, "dict", &h, "A", "{}", &b, &e), &e);
    assert_int_not_equal(a, b);
    sql(*state, "UPDATE object SET last_used = 5");
    ok(store_object(s, "model", &h, "A", "{}", &c, &e), &e);
    assert_int_equal(a, c);
    assert_true(sql_integer(*state, "SELECT last_used FROM object WHERE kind = 'model'") > 1000);
    assert_int_equal(sql_integer(*state, "SELECT last_used FROM object WHERE kind = 'dict'"), 5);
    ok(store_object(s, "model", &h, "moved", "{}", &c, &e), &e);
    assert_int_equal(a, c);
    assert_int_equal(sql_integer(*state, "SELECT count(*) FROM object WHERE name = 'moved'"), 1);
    store_close(s);
}

/* ---- runs */

static void a_run_from_claim_to_result(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    struct store_run run;
    const struct sha256 key = hash_of("x");
    assert_int_equal(store_look(s, &key, &run, &e), CLAIM_OURS);
    assert_int_equal(run.id, 0);
    const int64_t id = claim(s, "x", 10, CLAIM_OURS, 0);
    EXPECT_ERROR(store_state(s, id, &b, &why), "no saved state");
    checkpoint(s, id, 4, "four");
    checkpoint(s, id, 7, "seven");
    check(s);
    s = reopen(s, *state);
    assert_int_equal(store_look(s, &key, &run, &e), CLAIM_OURS);
    assert_int_equal(run.id, id);
    assert_int_equal(run.next_chunk, 7);
    assert_true(run.has_state);
    assert_int_equal(claim(s, "x", 10, CLAIM_OURS, 7), id);
    ok(store_state(s, id, &b, &e), &e);
    assert_bytes(1, &b, "seven", 5);
    finish(s, id, 20);
    assert_int_equal(claim(s, "x", 10, CLAIM_DONE, 10), id);
    assert_int_equal(store_look(s, &key, &run, &e), CLAIM_DONE);
    assert_false(run.has_state);
    assert_int_equal(store_get_result(s, id, 0, &b, &e), 1);
    assert_int_equal(b.len, 20);
    assert_int_equal(store_get_result(s, id, 1, &b, &e), 0);
    assert_int_equal(b.len, 20);
    EXPECT_ERROR(store_finish_begin(s, id, &why), "finished already");
    struct strbuf none;
    strbuf_init(&none);
    EXPECT_ERROR(store_checkpoint(s, id, 3, &none, &why), "finished");
    check(s);
    strbuf_release(&b);
    store_close(s);
}

static void checkpoints_out_of_range(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct strbuf b;
    strbuf_init(&b);
    const int64_t id = claim(s, "x", 10, CLAIM_OURS, 0);
    EXPECT_ERROR(store_checkpoint(s, id, 11, &b, &why), "CHECK constraint");
    EXPECT_ERROR(store_checkpoint(s, id, -1, &b, &why), "CHECK constraint");
    EXPECT_ERROR(store_checkpoint(s, id + 1, 1, &b, &why), "not this process's");
    struct error e = {0};
    ok(store_checkpoint(s, id, 10, &b, &e), &e); /* an empty state is a state */
    s = reopen(s, *state);
    claim(s, "x", 10, CLAIM_OURS, 10);
    ok(store_state(s, id, &b, &e), &e);
    assert_int_equal(b.len, 0);
    check(s);
    strbuf_release(&b);
    store_close(s);
}

static void two_openings_of_one_process(void **state)
{
    struct store *a = open_or_fail(*state, NULL, 0), *b = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    const int64_t id = claim(a, "x", 10, CLAIM_OURS, 0);
    claim(a, "x", 10, CLAIM_OURS, 0);
    checkpoint(a, id, 2, "two");
    claim(b, "x", 10, CLAIM_BUSY, 2);
    EXPECT_ERROR(store_finish_begin(b, id, &why), "took it over");
    EXPECT_ERROR(store_restart(b, id, &why), "not this process's");
    EXPECT_ERROR(store_remove(b, id, &why), "another process is at run");
    store_release(b, id); /* not its own: nothing */
    claim(b, "x", 10, CLAIM_BUSY, 2);
    store_release(a, id);
    claim(b, "x", 10, CLAIM_OURS, 2);
    claim(a, "x", 10, CLAIM_BUSY, 2);
    struct strbuf none;
    strbuf_init(&none);
    EXPECT_ERROR(store_checkpoint(a, id, 3, &none, &why), "not this process's");
    ok(store_restart(b, id, &e), &e);
    check(b);
    store_close(b); /* gives back what it holds */
    claim(a, "x", 10, CLAIM_OURS, 0);
    store_close(a);
}

static void owners_dead_and_alive(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    char me[320], host[320], text[600];
    store_owner(me, sizeof me);
    assert_int_equal(sscanf(me, "%319s", host), 1);
    const long long now = (long long)store_now();
    const struct {
        const char *host, *rest; /* rest NULL: what this process is */
        long long heartbeat;
        enum store_claim expected;
    } cases[] = {
        {"elsewhere:1", " 1 1 0", now - 30, CLAIM_BUSY},
        {"elsewhere:1", " 1 1 0", now - 61, CLAIM_OURS},
        {"elsewhere:1", " 1 1 0", now + 30, CLAIM_BUSY},
        {"elsewhere:1", " 1 1 0", now + 3600, CLAIM_OURS},
        {"elsewhere:1", " 1 1 0", INT64_MIN, CLAIM_OURS},
        {"elsewhere:1", " 1 1 0", INT64_MAX, CLAIM_OURS},
        {host, NULL, now, CLAIM_BUSY},
        {host, NULL, now - 61, CLAIM_OURS},
        {host, " 1 1 0", now, CLAIM_OURS},       /* process 1 started at another time */
        {host, " 4194305 1 0", now, CLAIM_OURS}, /* above the largest process id */
        {host, " what 1 0", now, CLAIM_BUSY},
        {"", "", now, CLAIM_BUSY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t id = claim(s, "x", 10, CLAIM_OURS, 0);
        snprintf(text, sizeof text,
                 "UPDATE run SET owner = '%s%s', heartbeat = CAST('%lld' AS INTEGER)"
                 " WHERE id = %lld",
                 cases[i].host, cases[i].rest != NULL ? cases[i].rest : me + strlen(host),
                 cases[i].heartbeat, (long long)id);
        sql(*state, text);
        const struct store_run_key k = key_of(s, "x", 10);
        struct store_run run;
        const enum store_claim got = store_claim(s, &k, &run, NULL);
        if (got != cases[i].expected)
            fail_msg("case %zu: %d", i, got);
        sql(*state, "UPDATE run SET owner = NULL");
    }
    store_close(s);
}

static void killed_process_frees_its_run_at_once(void **state)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *s = open_or_fail(*state, NULL, 0);
        checkpoint(s, claim(s, "x", 10, CLAIM_OURS, 0), 3, "three");
        if (write(pipe_fd[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    char c;
    assert_int_equal(read(pipe_fd[0], &c, 1), 1);
    struct store *s = open_or_fail(*state, NULL, 0);
    claim(s, "x", 10, CLAIM_BUSY, 3);
    int64_t removed = 0;
    struct error e = {0};
    ok(store_prune(s, 0, 0, &removed, &e), &e);
    assert_int_equal(removed, 0);
    kill(child, SIGKILL);
    siginfo_t info; /* dead, but still a zombie */
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    claim(s, "x", 10, CLAIM_OURS, 3);
    waitpid(child, NULL, 0);
    check(s);
    store_close(s);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

static void runs_that_contradict_themselves_begin_again(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    int64_t id = claim(s, "x", 10, CLAIM_OURS, 0);
    checkpoint(s, id, 5, "five");
    claim(s, "x", 12, CLAIM_OURS, 0); /* counted otherwise */
    checkpoint(s, id, 5, "five");
    sql(*state, "DELETE FROM state");
    EXPECT_ERROR(store_check(s, &why), "run 1 is under way and has no state");
    claim(s, "x", 12, CLAIM_OURS, 0);
    check(s);
    store_close(s);
}

static void last_used_is_touched_but_not_each_time(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    finished(s, "x", 10);
    const struct sha256 key = hash_of("x");
    struct store_run run;
    struct error e = {0};
    const int64_t now = store_now();
    const struct {
        int64_t was;
        bool touched;
    } cases[] = {{now - 1800, false}, {now - 7200, true}, {0, true}, {now + 9999, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int how = 0; how < 2; how++) {
            char text[100];
            snprintf(text, sizeof text, "UPDATE run SET last_used = %lld", (long long)cases[i].was);
            sql(*state, text);
            if (how == 0)
                claim(s, "x", 3, CLAIM_DONE, 3);
            else
                assert_int_equal(store_look(s, &key, &run, &e), CLAIM_DONE);
            const int64_t is = sql_integer(*state, "SELECT last_used FROM run");
            assert_int_equal(is != cases[i].was, cases[i].touched);
            assert_true(!cases[i].touched || (is >= now && is < now + 600));
        }
    store_close(s);
}

/* ---- results */

static void everything_that_can_be_kept(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    const struct store_run_key k = key_of(s, "x", 3);
    const int64_t id = claim(s, "x", 3, CLAIM_OURS, 0);
    const char zeros[3] = {0, 1, 0};
    const float loss[] = {1.5f, -0.0f, 3e38f};
    ok(store_put_loss(s, id, "lane", 4, loss, 3, &e), &e);
    ok(store_finish_begin(s, id, &e), &e);
    ok(store_put_result(s, id, 0, zeros, 3, &e), &e);
    ok(store_put_result(s, id, 5, NULL, 0, &e), &e);
    ok(store_put_latent(s, id, 0, "L0", 2, &e), &e);
    ok(store_put_latent(s, id, INT32_MAX, "Lmax", 4, &e), &e);
    ok(store_put_doc(s, k.corpus, 9, "da", 4, "Rødgrød", 9, &e), &e);
    ok(store_put_posting(s, id, 7, 2, "pos", 3, "v", 1, &e), &e);
    ok(store_put_loss(s, id, "lane2", 5, loss, 1, &e), &e);
    ok(store_finish(s, id, &e), &e);
    /* a second run of the same corpus brings its documents again */
    struct store_run_key k2 = k;
    struct store_run run;
    k2.key = hash_of("y");
    assert_int_equal(store_claim(s, &k2, &run, &e), CLAIM_OURS);
    ok(store_finish_begin(s, run.id, &e), &e);
    ok(store_put_result(s, run.id, 0, "y", 1, &e), &e);
    ok(store_put_doc(s, k.corpus, 9, "da", 4, "Rødgrød", 9, &e), &e);
    ok(store_put_doc(s, k.corpus, 10, "da", 4, "med fløde", 10, &e), &e);
    ok(store_finish(s, run.id, &e), &e);
    s = reopen(s, *state);
    check(s);
    struct strbuf a, b;
    strbuf_init(&a);
    strbuf_init(&b);
    strbuf_adds(&a, "before ");
    assert_int_equal(store_get_result(s, id, 0, &a, &e), 1);
    assert_bytes(1, &a, "before \0\1\0", 10);
    assert_bytes(store_get_result(s, id, 5, &a, &e), &a, "", 0);
    assert_bytes(store_get_latent(s, id, 0, &a, &e), &a, "L0", 2);
    assert_bytes(store_get_latent(s, id, INT32_MAX, &a, &e), &a, "Lmax", 4);
    assert_int_equal(store_get_latent(s, id, 1, &a, &e), 0);
    assert_int_equal(store_get_latent(s, id, -1, &a, &e), 0);
    assert_int_equal(store_get_latent(s, run.id, 0, &a, &e), 0);
    assert_bytes(store_get_doc(s, k.corpus, 9, &a, &e), &a, "Rødgrød", 9);
    assert_bytes(store_get_doc(s, k.corpus, 10, &a, &e), &a, "med fløde", 10);
    assert_int_equal(store_get_doc(s, k.corpus, 8, &a, &e), 0);
    assert_int_equal(store_get_posting(s, id, 7, 2, &a, &b, &e), 1);
    assert_bytes(1, &a, "pos", 3);
    assert_bytes(1, &b, "v", 1);
    assert_int_equal(store_get_posting(s, id, 7, 3, &a, &b, &e), 0);
    assert_bytes(store_get_loss(s, id, "lane", 4, &a, &e), &a, loss, sizeof loss);
    assert_bytes(store_get_loss(s, id, "lane2", 5, &a, &e), &a, loss, 4);
    assert_int_equal(store_get_loss(s, id, "lan", 3, &a, &e), 0);
    ok(store_put_loss(s, id, "lane", 4, loss + 1, 1, &e), &e);
    assert_bytes(store_get_loss(s, id, "lane", 4, &a, &e), &a, loss + 1, 4);
    ok(store_args(s, id, &a, &e), &e);
    assert_bytes(1, &a, "{\"n\":1}", 7);
    EXPECT_ERROR(store_args(s, 99, &a, &why), "there is no run 99");
    assert_false(error_is_set(&e));
    strbuf_release(&a);
    strbuf_release(&b);
    store_close(s);
}

static void nothing_stays_of_what_was_not_finished(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    const struct store_run_key k = key_of(s, "x", 3);
    const int64_t id = claim(s, "x", 3, CLAIM_OURS, 0);
    checkpoint(s, id, 2, "two");
    for (int how = 0; how < 6; how++) {
        ok(store_finish_begin(s, id, &e), &e);
        EXPECT_ERROR(store_checkpoint(s, id, 3, &b, &why), "is being written");
        EXPECT_ERROR(store_finish_begin(s, id, &why), "is being written");
        EXPECT_ERROR(store_put_result(s, id + 1, 0, "x", 1, &why), "is not being written");
        EXPECT_ERROR(store_finish(s, id + 1, &why), "is not being written");
        ok(store_finish_begin(s, id, &e), &e);
        ok(store_put_latent(s, id, 3, "three", 5, &e), &e);
        ok(store_put_doc(s, k.corpus, 1, "da", 0, "doc", 3, &e), &e);
        if (how > 0)
            ok(store_put_result(s, id, 0, "r", 1, &e), &e);
        assert_int_equal(store_get_latent(s, id, 3, &b, &e), 1);
        switch (how) {
        case 0: EXPECT_ERROR(store_finish(s, id, &why), "has no result"); break;
        case 1: store_finish_abort(s, id); break;
        case 2:
            EXPECT_ERROR(store_put_latent(s, id, 3, "again", 5, &why),
                         "writing latent 3 of run 1: UNIQUE");
            EXPECT_ERROR(store_put_latent(s, id, 4, "next", 4, &why),
                         "writing latent 3 of run 1: UNIQUE");
            EXPECT_ERROR(store_finish(s, id, &why), "writing latent 3 of run 1: UNIQUE");
            break;
        case 3:
            EXPECT_ERROR(store_put_doc(s, 12345, 1, "da", 0, "doc", 3, &why), "FOREIGN KEY");
            EXPECT_ERROR(store_put_loss(s, id, "x", 1, NULL, 0, &why), "FOREIGN KEY");
            store_finish_abort(s, id);
            break;
        case 4:
            EXPECT_ERROR(store_put_latent(s, id, -1, "x", 1, &why), "there is no latent -1");
            EXPECT_ERROR(store_finish(s, id, &why), "there is no latent -1");
            break;
        case 5: s = reopen(s, *state); break;
        }
        strbuf_clear(&b);
        EXPECT_ERROR(store_put_result(s, id, 1, "late", 4, &why), "is not being written");
        assert_int_equal(store_get_latent(s, id, 3, &b, &e), 0);
        assert_int_equal(store_get_result(s, id, 0, &b, &e), 0);
        assert_int_equal(store_get_doc(s, k.corpus, 1, &b, &e), 0);
        assert_int_equal(claim(s, "x", 3, CLAIM_OURS, 2), id);
        ok(store_state(s, id, &b, &e), &e);
        assert_bytes(1, &b, "two", 3);
        check(s);
    }
    finish(s, id, 5);
    check(s);
    strbuf_release(&b);
    store_close(s);
}

/* ---- housekeeping */

static void list(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct store_entry *x = NULL;
    int64_t n = 1;
    ok(store_list(s, &x, &n, &e), &e);
    assert_int_equal(n, 0);
    free(x);
    finished(s, "a", 1000);
    const struct sha256 h = hash_of("long");
    /* 70 bytes of two-byte letters: cut between letters */
    int64_t model = 0;
    ok(store_object(s, "model", &h,
                    "x\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6"
                    "\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3"
                    "\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6"
                    "\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6",
                    "{}", &model, &e),
       &e);
    const struct store_run_key k = {.key = h,
                                    .study = "a study with a rather long name",
                                    .args_json = "{}",
                                    .precision = "bf16",
                                    .engine = "0.1.0",
                                    .model = model,
                                    .n_chunks = 8};
    struct store_run run;
    assert_int_equal(store_claim(s, &k, &run, &e), CLAIM_OURS);
    checkpoint(s, run.id, 5, "state");
    sql(*state, "UPDATE run SET last_used = 100 WHERE id = 1; UPDATE run SET last_used = 200"
                " WHERE id = 2");
    ok(store_list(s, &x, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_int_equal(x[0].id, run.id);
    assert_int_equal(x[0].last_used, 200);
    assert_string_equal(x[0].study, "a study with a rather l");
    assert_int_equal(strlen(x[0].model), 63);
    assert_string_equal(x[0].dict, "");
    assert_string_equal(x[0].precision, "bf16");
    assert_string_equal(x[0].engine, "0.1.0");
    assert_int_equal(x[0].bytes, 5);
    assert_int_equal(x[0].next_chunk, 5);
    assert_int_equal(x[0].n_chunks, 8);
    assert_false(x[0].done);
    assert_memory_equal(&x[0].key, &h, sizeof h);
    assert_string_equal(x[1].model, "a model");
    assert_string_equal(x[1].dict, "a dict");
    assert_string_equal(x[1].corpus, "a");
    assert_int_equal(x[1].bytes, 1000);
    assert_true(x[1].done);
    free(x);
    store_close(s);
}

static int64_t runs(const char *dir)
{
    return sql_integer(dir, "SELECT count(*) FROM run");
}

static void age(const char *dir, const char *corpus, int64_t days)
{
    char text[300];
    snprintf(text, sizeof text,
             "UPDATE run SET last_used = %lld WHERE corpus = (SELECT id FROM object WHERE name ="
             " '%s' AND kind = 'corpus')",
             (long long)(store_now() - days * 86400), corpus);
    sql(dir, text);
}

static void prune(void **state)
{
    const char *dir = *state;
    struct store *s = open_or_fail(dir, NULL, 0);
    struct error e = {0};
    static const char *const name[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        finished(s, name[i], 1000000);
        age(dir, name[i], 40 - 10 * i);
    }
    const int64_t held = claim(s, "held", 3, CLAIM_OURS, 0);
    age(dir, "held", 50);
    const int64_t full = store_bytes(s);
    assert_true(full > 4000000);
    int64_t removed = -1;
    ok(store_prune(s, -1, -1, &removed, &e), &e);
    assert_int_equal(removed, 0);
    ok(store_prune(s, 35, -1, &removed, &e), &e);
    assert_int_equal(removed, 1);
    assert_int_equal(runs(dir), 4);
    assert_true(store_bytes(s) < full - 900000);
    const int64_t three = store_bytes(s);
    ok(store_prune(s, -1, three - 1, &removed, &e), &e); /* b is the longest unused */
    assert_int_equal(removed, 1);
    assert_true(store_bytes(s) <= three - 1);
    claim(s, "c", 3, CLAIM_DONE, 3);
    claim(s, "d", 3, CLAIM_DONE, 3);
    ok(store_prune(s, (double)NAN, 0, &removed, &e), &e);
    assert_int_equal(removed, 2);
    assert_int_equal(runs(dir), 1); /* ours, at work */
    assert_true(store_bytes(s) < 400000);
    checkpoint(s, held, 1, "one");
    store_release(s, held);
    age(dir, "held", 50);
    ok(store_prune(s, 1, -1, &removed, &e), &e);
    assert_int_equal(removed, 1);
    check(s);
    store_close(s);
}

static void prune_takes_what_nothing_refers_to(void **state)
{
    const char *dir = *state;
    struct store *s = open_or_fail(dir, NULL, 0);
    struct error e = {0};
    int64_t corpus[2], removed = 0;
    static const char *const name[] = {"a", "b"};
    for (int i = 0; i < 2; i++) {
        const struct store_run_key k = key_of(s, name[i], 3);
        const int64_t id = claim(s, name[i], 3, CLAIM_OURS, 0);
        corpus[i] = k.corpus;
        ok(store_finish_begin(s, id, &e), &e);
        ok(store_put_result(s, id, 0, "r", 1, &e), &e);
        ok(store_put_latent(s, id, 1, "l", 1, &e), &e);
        ok(store_put_posting(s, id, 1, 0, "p", 1, "v", 1, &e), &e);
        ok(store_put_doc(s, corpus[i], 0, "da", 0, "doc", 3, &e), &e);
        ok(store_finish(s, id, &e), &e);
        ok(store_put_loss(s, id, "lane", 4, (const float[]){1}, 1, &e), &e);
    }
    const struct store_file f = {1, 2, 3, 4};
    const struct sha256 h = hash_of("f");
    ok(store_file_remember(s, &f, &h, &e), &e);
    age(dir, "a", 10);
    ok(store_prune(s, 5, -1, &removed, &e), &e);
    assert_int_equal(removed, 1);
    static const char *const one_left[] = {"result", "latent", "posting", "doc", "loss", "file"};
    for (size_t i = 0; i < sizeof one_left / sizeof *one_left; i++) {
        char text[60];
        snprintf(text, sizeof text, "SELECT count(*) FROM %s", one_left[i]);
        assert_int_equal(sql_integer(dir, text), 1);
    }
    /* objects stay a day, for somebody may be about to use them */
    assert_int_equal(sql_integer(dir, "SELECT count(*) FROM object"), 4);
    sql(dir, "UPDATE object SET last_used = 5; UPDATE file SET last_used = 5");
    ok(store_prune(s, 5, -1, &removed, &e), &e);
    assert_int_equal(sql_integer(dir, "SELECT count(*) FROM object"), 3);
    assert_int_equal(sql_integer(dir, "SELECT count(*) FROM object WHERE name = 'a'"), 0);
    assert_int_equal(sql_integer(dir, "SELECT count(*) FROM file"), 0);
    ok(store_remove(s, 2, &e), &e);
    for (size_t i = 0; i < sizeof one_left / sizeof *one_left; i++) {
        char text[60];
        snprintf(text, sizeof text, "SELECT count(*) FROM %s", one_left[i]);
        assert_int_equal(sql_integer(dir, text), 0);
    }
    EXPECT_ERROR(store_remove(s, 2, &why), "there is no run 2");
    check(s);
    store_close(s);
}

static void prune_of_a_file_without_autovacuum(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    finished(s, "a", 1000000);
    store_close(s);
    sql(*state, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM");
    assert_int_equal(sql_integer(*state, "PRAGMA auto_vacuum"), 0);
    s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    int64_t removed = 0;
    ok(store_prune(s, -1, 0, &removed, &e), &e);
    assert_int_equal(removed, 1);
    assert_true(store_bytes(s) < 400000);
    check(s);
    store_close(s);
}

static void ids_are_never_used_again(void **state)
{
    struct store *s = open_or_fail(*state, NULL, 0);
    struct error e = {0};
    finished(s, "a", 10);
    ok(store_remove(s, 1, &e), &e);
    assert_int_equal(claim(s, "b", 3, CLAIM_OURS, 0), 2);
    store_close(s);
}

static void check_finds_what_does_not_fit(void **state)
{
    static const struct {
        const char *sql, *fault;
    } cases[] = {
        {"DELETE FROM result", "run 1 is done and has no result"},
        {"UPDATE run SET next_chunk = 2 WHERE id = 1", "run 1 is done before its last chunk"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE run SET next_chunk = 9 WHERE id = 2",
         "CHECK constraint failed"},
        {"UPDATE run SET owner = 'x' WHERE id = 1", "run 1 is done and has an owner"},
        {"INSERT INTO state VALUES(1, x'00')", "run 1 is done and has a state"},
        {"DELETE FROM state", "run 2 is under way and has no state"},
        {"INSERT INTO result VALUES(2, 0, x'00')", "run 2 has results and is not done"},
        {"INSERT INTO result VALUES(77, 0, x'00')", "a row of result refers to one that is not"},
        {"INSERT INTO posting VALUES(2, 0, 0, x'00', x'00')",
         "run 2 has activations and is not done"},
        {"INSERT INTO latent VALUES(2 << 32, x'00')", "run 2 has latents and is not done"},
        {"INSERT INTO latent VALUES(5, x'00')", "run 0 has latents and is not done"},
        {"DELETE FROM object", "a row of run refers to one that is not there"},
        {"PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = "
         "'sqlite_autoindex_loss_1'",
         "damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *dir = xasprintf("%s/%zu", (char *)*state, i);
        struct store *s = open_or_fail(dir, NULL, 0);
        finished(s, "a", 10);
        checkpoint(s, claim(s, "b", 8, CLAIM_OURS, 0), 4, "four");
        check(s);
        store_close(s);
        sql(dir, cases[i].sql);
        char said[300];
        s = open_or_fail(dir, said, sizeof said);
        if (said[0] != '\0')
            assert_non_null(strstr(said, cases[i].fault));
        else
            EXPECT_ERROR(store_check(s, &why), cases[i].fault);
        store_close(s);
        free(dir);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

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
        TEST(migrations),
        TEST(remembered_hashes),
        TEST(objects),
        TEST(a_run_from_claim_to_result),
        TEST(checkpoints_out_of_range),
        TEST(two_openings_of_one_process),
        TEST(owners_dead_and_alive),
        TEST(killed_process_frees_its_run_at_once),
        TEST(runs_that_contradict_themselves_begin_again),
        TEST(last_used_is_touched_but_not_each_time),
        TEST(everything_that_can_be_kept),
        TEST(nothing_stays_of_what_was_not_finished),
        TEST(list),
        TEST(prune),
        TEST(prune_takes_what_nothing_refers_to),
        TEST(prune_of_a_file_without_autovacuum),
        TEST(ids_are_never_used_again),
        TEST(check_finds_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
