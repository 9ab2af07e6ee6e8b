/* Prepared statements, transactions, and what SQLite's results mean to a person. */
#include "store/store_private.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const char *const text_of[] = {
#define STORE_SQL_TEXT(name, text) text,
    STORE_SQL(STORE_SQL_TEXT)
#undef STORE_SQL_TEXT
};

bool store_is_damage(int rc)
{
    return (rc & 0xff) == SQLITE_CORRUPT || (rc & 0xff) == SQLITE_NOTADB ||
           rc == SQLITE_IOERR_DATA || rc == SQLITE_IOERR_CORRUPTFS;
}

/* Also of what fails in silence. */
static int note_damage(struct store *s, int rc)
{
    s->damaged |= store_is_damage(rc);
    return rc;
}

int store_prepare(struct store *s)
{
    int rc = SQLITE_OK;
    for (int i = 0; i < SQL_N && rc == SQLITE_OK; i++)
        rc = sqlite3_prepare_v3(s->db, text_of[i], -1, SQLITE_PREPARE_PERSISTENT, &s->statement[i],
                                NULL);
    return rc;
}

void store_unprepare(struct store *s)
{
    for (int i = 0; i < SQL_N; i++) {
        sqlite3_finalize(s->statement[i]);
        s->statement[i] = NULL;
    }
}

static int bind(sqlite3_stmt *st, int at, const struct value *v)
{
    switch (v->type) {
    case VALUE_NULL: return sqlite3_bind_null(st, at);
    case VALUE_INT: return sqlite3_bind_int64(st, at, v->i);
    case VALUE_TEXT: return sqlite3_bind_text(st, at, v->p != NULL ? v->p : "", -1, SQLITE_STATIC);
    case VALUE_BLOB:
        /* NULL and 0 would bind NULL, not an empty blob. */
        return sqlite3_bind_blob64(st, at, v->n > 0 ? v->p : "", v->n, SQLITE_STATIC);
    }
    return SQLITE_MISUSE;
}

void store_reset(struct store *s, enum statement which)
{
    sqlite3_reset(s->statement[which]);
    sqlite3_clear_bindings(s->statement[which]);
}

int store_next(struct store *s, enum statement which)
{
    const int rc = sqlite3_step(s->statement[which]);
    if (rc != SQLITE_ROW)
        store_reset(s, which);
    return note_damage(s, rc);
}

int store_first(struct store *s, enum statement which, const struct value *v, int n)
{
    for (int i = 0; i < n; i++) {
        const int rc = bind(s->statement[which], i + 1, &v[i]);
        if (rc != SQLITE_OK) {
            sqlite3_clear_bindings(s->statement[which]);
            return rc;
        }
    }
    return store_next(s, which);
}

int store_do(struct store *s, enum statement which, const struct value *v, int n)
{
    const int rc = store_first(s, which, v, n);
    if (rc == SQLITE_ROW)
        store_reset(s, which);
    return rc == SQLITE_DONE || rc == SQLITE_ROW ? SQLITE_OK : rc;
}

int store_integer(struct store *s, enum statement which, int64_t *out)
{
    const int rc = store_first(s, which, NO_VALUES);
    if (rc != SQLITE_ROW)
        return rc == SQLITE_DONE ? SQLITE_ERROR : rc;
    *out = sqlite3_column_int64(store_row(s, which), 0);
    store_reset(s, which);
    return SQLITE_OK;
}

/* Steps to the end: incremental_vacuum works one page a step. */
int store_pragma(struct store *s, const char *sql, char *out, size_t n_out)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (out != NULL && n_out > 0)
        out[0] = '\0';
    if (rc != SQLITE_OK)
        return rc;
    bool first = true;
    while ((rc = sqlite3_step(st)) == SQLITE_ROW) {
        const char *text = out != NULL && first ? (const char *)sqlite3_column_text(st, 0) : NULL;
        if (text != NULL)
            snprintf(out, n_out, "%s", text);
        first = false;
    }
    const int end = sqlite3_finalize(st);
    return note_damage(s, rc == SQLITE_DONE ? end : rc);
}

int store_pragma_integer(struct store *s, const char *sql, int64_t *out)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, sql, -1, &st, NULL);
    if (rc != SQLITE_OK)
        return rc;
    rc = sqlite3_step(st);
    if (rc == SQLITE_ROW)
        *out = sqlite3_column_int64(st, 0);
    const int end = sqlite3_finalize(st);
    return rc == SQLITE_ROW ? SQLITE_OK : rc == SQLITE_DONE ? SQLITE_ERROR : note_damage(s, end);
}

bool store_column(sqlite3_stmt *st, int column, struct strbuf *out)
{
    const void *p = sqlite3_column_blob(st, column);
    const int n = sqlite3_column_bytes(st, column);
    if (n > 0 && p == NULL)
        return false;
    strbuf_add(out, n > 0 ? p : "", (size_t)(n > 0 ? n : 0));
    return true;
}

/* ---- errors */

/* A long path must not push out what to do. */
#define SHOWN 160

static void reason_of(struct store *s, int rc, char *out, size_t n)
{
    const int os = sqlite3_system_errno(s->db);
    if (store_is_damage(rc)) {
        snprintf(out, n,
                 "the file is damaged (%s); it is set aside when closed, and the next start "
                 "begins a new one",
                 rc == SQLITE_IOERR_DATA ? "a page does not fit its sum" : sqlite3_errmsg(s->db));
        return;
    }
    switch (rc & 0xff) {
    case SQLITE_FULL:
        snprintf(out, n, "no space left; free some there, or use --cache DIR or --cache none");
        break;
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        snprintf(out, n, "another process is using it (waited %d s)%s", s->busy_ms / 1000,
                 s->network ? "; on a network folder one at a time can" : "");
        break;
    case SQLITE_NOMEM: snprintf(out, n, "out of memory"); break;
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
    case SQLITE_READONLY:
        snprintf(out, n,
                 "%s (SQLite %d, %s); --cache DIR takes another place, --cache none goes without",
                 os != 0 ? strerror(os) : "failed", rc, sqlite3_errstr(rc));
        break;
    default: snprintf(out, n, "%s", sqlite3_errmsg(s->db)); break;
    }
}

bool store_fail(struct store *s, int rc, struct error *e, const char *doing, ...)
{
    char what[128], why[256];
    va_list args;
    va_start(args, doing);
    if (vsnprintf(what, sizeof what, doing, args) < 0)
        what[0] = '\0';
    va_end(args);
    reason_of(s, rc, why, sizeof why);
    note_damage(s, rc);
    const size_t n = strlen(s->path);
    const char *end = n > SHOWN ? s->path + n - SHOWN : s->path;
    return error_set(e, ERROR_SYSTEM, "cache %s%s: %s: %s", n > SHOWN ? "…" : "", end, what, why);
}

/* ---- transactions */

void store_rollback(struct store *s)
{
    /* SQLite has often rolled back already; a rollback itself only fails when it is interrupted,
     * and then the next one succeeds. */
    for (int i = 0; i < 2 && !sqlite3_get_autocommit(s->db); i++)
        store_do(s, SQL_ROLLBACK, NO_VALUES);
}

bool store_begin(struct store *s, struct error *e)
{
    if (s->finish.begun)
        return error_set(e, ERROR_SYSTEM, "cache %s: run %lld is being written", s->path,
                         (long long)s->finish.run);
    if (s->read_only)
        return error_set(e, ERROR_SYSTEM, "cache %s: can't be written: %s", s->path,
                         strerror(store_unwritable(s->path)));
    if (s->loose > 0)
        store_commit(s, true, NULL); /* what is lost by it is missed at the end (state.c) */
    store_rollback(s);
    const int rc = store_do(s, SQL_BEGIN, NO_VALUES);
    return rc == SQLITE_OK || store_fail(s, rc, e, "beginning to write");
}

bool store_commit(struct store *s, bool ok, struct error *e)
{
    s->loose = 0;
    if (ok) {
        const int rc = store_do(s, SQL_COMMIT, NO_VALUES);
        if (rc == SQLITE_OK)
            return true;
        store_fail(s, rc, e, "writing to the disk");
    }
    store_rollback(s);
    return false;
}

void store_touch(struct store *s, enum statement which, const struct value *v, int n)
{
    if (s->finish.begun || s->read_only)
        return;
    sqlite3_busy_timeout(s->db, 0);
    store_do(s, which, v, n);
    sqlite3_busy_timeout(s->db, s->busy_ms);
}

void store_flush(struct store *s, bool wait)
{
    if (!s->wal)
        return;
    if (!wait)
        sqlite3_busy_timeout(s->db, 0);
    sqlite3_wal_checkpoint_v2(s->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL);
    sqlite3_busy_timeout(s->db, s->busy_ms);
}
