#include "tests/support/store_fixture.h"
#include "engine/base/memory.h"
#include "tests/support/testdata.h"
#include <stdlib.h>

struct store *store_open_or_fail(const char *dir, char *said, size_t n)
{
    struct store *s = NULL;
    struct error e = {0};
    if (!store_open(dir, &s, said, n, &e))
        fail_msg("%s", e.text);
    return s;
}

struct store *store_reopen(struct store *s, const char *dir)
{
    store_close(s);
    return store_open_or_fail(dir, NULL, 0);
}

void assert_ok(bool done, const struct error *e)
{
    if (!done || error_is_set(e))
        fail_msg("%s", error_is_set(e) ? e->text : "failed without an error");
}

void assert_sound(struct store *s)
{
    struct error e = {0};
    assert_ok(store_check(s, &e), &e);
}

void store_sql(const char *dir, const char *text)
{
    sqlite3 *db = NULL;
    char *path = xasprintf("%s/" STORE_FILE, dir), *why = NULL;
    store_vfs_register();
    assert_int_equal(
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, STORE_VFS),
        SQLITE_OK);
    sqlite3_busy_timeout(db, 5000);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    sqlite3_close(db);
    free(path);
}

int64_t store_sql_integer(const char *dir, const char *text)
{
    sqlite3 *db = NULL;
    sqlite3_stmt *st = NULL;
    char *path = xasprintf("%s/" STORE_FILE, dir);
    store_vfs_register();
    assert_int_equal(
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, STORE_VFS),
        SQLITE_OK);
    assert_int_equal(sqlite3_prepare_v2(db, text, -1, &st, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_step(st), SQLITE_ROW);
    const int64_t x = sqlite3_column_int64(st, 0);
    sqlite3_finalize(st);
    sqlite3_close(db);
    free(path);
    return x;
}

struct sha256 store_hash_of(const char *s)
{
    return sha256_bytes(s, strlen(s));
}

static int64_t object(struct store *s, const char *kind, const char *name)
{
    struct error e = {0};
    const struct sha256 h = store_hash_of(name);
    int64_t id = 0;
    assert_ok(store_object(s, kind, &h, name, "{}", &id, &e), &e);
    assert_true(id > 0);
    return id;
}

struct store_run_key store_key_of(struct store *s, const char *name, int64_t n_chunks)
{
    return (struct store_run_key){.key = store_hash_of(name),
                                  .study = "harvest",
                                  .args_json = "{\"n\":1}",
                                  .precision = "f32",
                                  .engine = "1",
                                  .model = object(s, "model", "a model"),
                                  .dict = object(s, "dict", "a dict"),
                                  .corpus = object(s, "corpus", name),
                                  .n_chunks = n_chunks};
}

int64_t assert_claim(struct store *s, const char *name, int64_t n_chunks, enum store_claim expected,
                     int64_t next_chunk)
{
    struct error e = {0};
    const struct store_run_key k = store_key_of(s, name, n_chunks);
    struct store_run run;
    const enum store_claim c = store_claim(s, &k, &run, &e);
    if (c == CLAIM_FAILED)
        fail_msg("%s", e.text);
    assert_int_equal(c, expected);
    assert_int_equal(run.next_chunk, next_chunk);
    assert_int_equal(run.n_chunks, n_chunks);
    return run.id;
}

bool save_state(struct store *s, int64_t run, int64_t next, const struct strbuf *b, size_t piece,
                struct error *e)
{
    struct store_save save;
    bool ok = store_save_begin(s, run, &save, e);
    for (size_t at = 0; ok && at < b->len; at += piece)
        ok = store_save_piece(&save, b->s + at, b->len - at < piece ? b->len - at : piece, e);
    ok = ok && store_save_end(&save, next, e);
    while (ok && store_sweep(s, run))
        ;
    return ok;
}

bool read_state(struct store *s, int64_t run, struct strbuf *out, struct error *e)
{
    struct store_state state;
    bool ok = store_state(s, run, &state, e);
    for (int64_t i = 0; ok && i < state.n_pieces; i++)
        ok = store_state_piece(s, &state, i, out, e);
    return ok;
}

void save_checkpoint(struct store *s, int64_t run, int64_t next, const char *state)
{
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    strbuf_adds(&b, state);
    assert_ok(save_state(s, run, next, &b, 3, &e), &e);
    strbuf_release(&b);
}

void finish_run(struct store *s, int64_t run, size_t bytes)
{
    struct error e = {0};
    char *p = xcalloc(bytes + 1, 1);
    memset(p, 'r', bytes);
    assert_ok(store_finish_begin(s, run, &e), &e);
    assert_ok(store_put_result(s, run, 0, p, bytes, &e), &e);
    assert_ok(store_finish(s, run, NULL, &e), &e);
    free(p);
}

void finished_run(struct store *s, const char *name, size_t bytes)
{
    finish_run(s, assert_claim(s, name, 3, CLAIM_OURS, 0), bytes);
}

void assert_strbuf(int got, struct strbuf *b, const void *p, size_t n)
{
    assert_int_equal(got, 1);
    assert_int_equal(b->len, n);
    assert_memory_equal(b->s, p, n);
    strbuf_clear(b);
}

int store_set_up(void **state)
{
    *state = testdata_folder();
    return 0;
}

int store_tear_down(void **state)
{
    testdata_remove(*state);
    return 0;
}
