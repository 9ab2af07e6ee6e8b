/* Housekeeping: what is there, what goes, and whether it hangs together. */
#include "engine/base/memory.h"
#include "store/store_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DAY_S 86400.0

int64_t store_bytes(const struct store *s)
{
    return store_file_size(s->path, "") + store_file_size(s->path, "-wal") +
           store_file_size(s->path, "-journal");
}

/* ---- list */

/* Cut between characters. */
static void copy_text(sqlite3_stmt *row, int column, char *out, size_t size)
{
    const char *text = (const char *)sqlite3_column_text(row, column);
    static const char more[] = "…";
    size_t n = text != NULL ? strlen(text) : 0;
    const bool cut = n >= size;
    if (cut)
        for (n = size - sizeof more; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80;)
            n--;
    if (n > 0)
        memcpy(out, text, n);
    memcpy(out + n, cut ? more : "", cut ? sizeof more : 1);
}

static void read_entry(sqlite3_stmt *row, struct store_entry *x)
{
    *x = (struct store_entry){.id = sqlite3_column_int64(row, 0),
                              .bytes = sqlite3_column_int64(row, 1),
                              .last_used = sqlite3_column_int64(row, 2),
                              .n_chunks = sqlite3_column_int64(row, 3),
                              .next_chunk = sqlite3_column_int64(row, 4),
                              .done = sqlite3_column_int(row, 5) != 0};
    copy_text(row, 6, x->study, sizeof x->study);
    copy_text(row, 7, x->model, sizeof x->model);
    copy_text(row, 8, x->dict, sizeof x->dict);
    copy_text(row, 9, x->corpus, sizeof x->corpus);
    copy_text(row, 10, x->precision, sizeof x->precision);
    copy_text(row, 11, x->engine, sizeof x->engine);
    const void *key = sqlite3_column_blob(row, 12);
    if (key != NULL && sqlite3_column_bytes(row, 12) == (int)sizeof x->key.byte)
        memcpy(x->key.byte, key, sizeof x->key.byte);
}

bool store_list(struct store *s, struct store_entry **out, int64_t *n, struct error *e)
{
    size_t cap = 0, count = 0;
    *out = NULL;
    *n = 0;
    int rc = store_first(s, SQL_RUN_LIST, NO_VALUES);
    for (; rc == SQLITE_ROW; rc = store_next(s, SQL_RUN_LIST)) {
        *out = grow(*out, &cap, count + 1, sizeof **out);
        read_entry(store_row(s, SQL_RUN_LIST), &(*out)[count++]);
    }
    if (rc == SQLITE_DONE) {
        *n = (int64_t)count;
        return true;
    }
    free(*out);
    *out = NULL;
    return store_fail(s, rc, e, "listing the runs");
}

bool store_args(struct store *s, int64_t run, struct strbuf *args_json, struct error *e)
{
    const int rc = store_first(s, SQL_RUN_ARGS, VALUES(INT(run)));
    if (rc == SQLITE_DONE)
        return error_set(e, ERROR_INPUT, "cache %s: there is no run %lld", s->path, (long long)run);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, e, "reading the arguments of run %lld", (long long)run);
    const bool ok = store_column(store_row(s, SQL_RUN_ARGS), 0, args_json);
    store_reset(s, SQL_RUN_ARGS);
    return ok ||
           store_fail(s, SQLITE_NOMEM, e, "reading the arguments of run %lld", (long long)run);
}

/* ---- removing */

/* With its results. */
static bool drop_run(struct store *s, int64_t run, struct error *e)
{
    if (!store_drop_results(s, run, e))
        return false;
    const int rc = store_do(s, SQL_RUN_DROP, VALUES(INT(run)));
    return rc == SQLITE_OK || store_fail(s, rc, e, "removing run %lld", (long long)run);
}

static bool may_remove(struct store *s, int64_t run, struct error *e)
{
    const int rc = store_first(s, SQL_RUN_BY_ID, VALUES(INT(run)));
    if (rc == SQLITE_DONE)
        return error_set(e, ERROR_INPUT, "cache %s: there is no run %lld", s->path, (long long)run);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, e, "looking for run %lld", (long long)run);
    sqlite3_stmt *row = store_row(s, SQL_RUN_BY_ID);
    const char *owner = (const char *)sqlite3_column_text(row, 0);
    const bool busy = sqlite3_column_int(row, 2) == 0 && owner != NULL &&
                      strcmp(owner, s->owner) != 0 &&
                      store_owner_lives(owner, sqlite3_column_int64(row, 1));
    store_reset(s, SQL_RUN_BY_ID);
    return !busy || error_set(e, ERROR_SYSTEM, "cache %s: another process is at run %lld", s->path,
                              (long long)run);
}

/* Gives free pages back to the disk. A file without AUTOVACUUM (not made by us) is written anew. */
static bool shrink(struct store *s, struct error *e)
{
    int64_t mode = 0;
    int rc = store_pragma_integer(s, "PRAGMA auto_vacuum", &mode);
    if (rc == SQLITE_OK)
        rc = store_pragma(s, mode == 2 ? "PRAGMA incremental_vacuum" : "VACUUM", NULL, 0);
    if (rc != SQLITE_OK)
        return store_fail(s, rc, e, "giving space back");
    store_flush(s, true);
    return true;
}

bool store_remove(struct store *s, int64_t run, struct error *e)
{
    if (!store_begin(s, e))
        return false;
    const bool ok = may_remove(s, run, e) && drop_run(s, run, e);
    return store_commit(s, ok, e) && shrink(s, e);
}

struct candidate {
    int64_t id, last_used;
    bool busy;
};

static bool candidates(struct store *s, struct candidate **out, size_t *n, struct error *e)
{
    size_t cap = 0;
    int rc = store_first(s, SQL_RUN_OLDEST, NO_VALUES);
    for (; rc == SQLITE_ROW; rc = store_next(s, SQL_RUN_OLDEST)) {
        sqlite3_stmt *row = store_row(s, SQL_RUN_OLDEST);
        *out = grow(*out, &cap, *n + 1, sizeof **out);
        (*out)[(*n)++] = (struct candidate){
            .id = sqlite3_column_int64(row, 0),
            .last_used = sqlite3_column_int64(row, 1),
            .busy = sqlite3_column_int(row, 4) == 0 &&
                    store_owner_lives((const char *)sqlite3_column_text(row, 2),
                                      sqlite3_column_int64(row, 3)),
        };
    }
    return rc == SQLITE_DONE || store_fail(s, rc, e, "listing the runs");
}

/* What the file would take without its free pages. */
static bool used_bytes(struct store *s, int64_t *out, struct error *e)
{
    int64_t pages = 0, unused = 0, size = 0;
    int rc = store_integer(s, SQL_PAGE_COUNT, &pages);
    if (rc == SQLITE_OK)
        rc = store_integer(s, SQL_FREE_COUNT, &unused);
    if (rc == SQLITE_OK)
        rc = store_integer(s, SQL_PAGE_SIZE, &size);
    *out = (pages - unused) * size;
    return rc == SQLITE_OK || store_fail(s, rc, e, "counting the pages");
}

static bool prune_runs(struct store *s, int64_t before, int64_t bytes, int64_t *removed,
                       struct error *e)
{
    struct candidate *c = NULL;
    size_t n = 0;
    bool ok = candidates(s, &c, &n, e);
    for (size_t i = 0; i < n && ok; i++) {
        int64_t used = 0;
        bool goes = c[i].last_used < before;
        if (!goes && bytes >= 0)
            ok = used_bytes(s, &used, e), goes = used > bytes;
        if (!ok || !goes)
            break; /* the others were used later */
        if (c[i].busy)
            continue;
        ok = drop_run(s, c[i].id, e);
        *removed += ok;
    }
    free(c);
    return ok;
}

/* Objects that nothing refers to go a day after their last use: a process may be about to claim a
 * run with them. */
static bool prune_rest(struct store *s, int64_t before, struct error *e)
{
    int rc = store_do(s, SQL_OBJECT_ORPHANS, VALUES(INT(store_now() - (int64_t)DAY_S)));
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_FILE_OLD, VALUES(INT(before)));
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_STATE_LEFT, NO_VALUES);
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_PIECE_LEFT, NO_VALUES);
    return rc == SQLITE_OK || store_fail(s, rc, e, "removing what nothing refers to");
}

bool store_prune(struct store *s, double days, int64_t bytes, int64_t *removed, struct error *e)
{
    const int64_t now = store_now();
    /* `before` stays in range for any number of days, NaN too. */
    const bool limited = days >= 0 && days * DAY_S < (double)now;
    const int64_t before = limited ? now - (int64_t)(days * DAY_S) : INT64_MIN;
    int64_t n = 0;
    *removed = 0;
    if (!store_begin(s, e))
        return false;
    const bool ok = prune_rest(s, before, e) && prune_runs(s, before, bytes, &n, e);
    if (!store_commit(s, ok, e))
        return false;
    *removed = n;
    return shrink(s, e);
}

/* ---- check */

/* A fault is a row; its first column is the id to name. */
static const struct relation {
    const char *sql, *what, *fault;
} relations[] = {
    {"SELECT id FROM run WHERE done = 1 AND NOT EXISTS"
     " (SELECT 1 FROM result WHERE result.run = run.id) AND NOT EXISTS (SELECT 1 FROM state s"
     " WHERE s.run = run.id AND s.generation = run.generation)",
     "run", "is done and has no result"},
    {"SELECT id FROM run WHERE next_chunk < 0 OR next_chunk > n_chunks", "run",
     "has more chunks behind it than it has"},
    {"SELECT id FROM run WHERE done = 1 AND next_chunk <> n_chunks", "run",
     "is done before its last chunk"},
    {"SELECT id FROM run WHERE done = 1 AND owner IS NOT NULL", "run", "is done and has an owner"},
    {"SELECT id FROM run WHERE done = 0 AND next_chunk > 0 AND NOT EXISTS (SELECT 1 FROM state s"
     " WHERE s.run = run.id AND s.generation = run.generation)",
     "run", "is under way and has no state"},
    {"SELECT s.run FROM state s JOIN run r ON r.id = s.run AND r.generation = s.generation"
     " GROUP BY s.run HAVING count(*) <> max(s.ord) + 1 OR min(s.ord) <> 0",
     "run", "has a state with a gap"},
    {"SELECT s.run FROM state s LEFT JOIN piece p ON p.run = s.run AND p.id = s.piece"
     " WHERE p.id IS NULL OR length(p.bytes) <> s.size",
     "run", "has a state without one of its pieces"},
    {"SELECT id >> 32 FROM latent WHERE id >> 32 NOT IN (SELECT id FROM run)", "run",
     "has latents and is not there"},
    {"SELECT id FROM run WHERE id >= 1 << 31", "run", "has a number out of range"},
    {"SELECT id FROM run WHERE length(key) <> 32", "run", "has a key of another length"},
    {"SELECT id FROM object WHERE length(hash) <> 32", "object", "has a hash of another length"},
};

static bool check_relation(struct store *s, const struct relation *r, struct error *e)
{
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, r->sql, -1, &st, NULL);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    const long long id = rc == SQLITE_ROW ? (long long)sqlite3_column_int64(st, 0) : 0;
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        store_fail(s, rc, e, "checking");
    sqlite3_finalize(st);
    s->damaged |= rc == SQLITE_ROW;
    if (rc == SQLITE_ROW)
        return error_set(e, ERROR_SYSTEM, "cache %s: %s %lld %s", s->path, r->what, id, r->fault);
    return rc == SQLITE_DONE;
}

bool store_check(struct store *s, struct error *e)
{
    char text[200] = "";
    int rc = store_pragma(s, "PRAGMA integrity_check(1)", text, sizeof text);
    if (rc != SQLITE_OK)
        return store_fail(s, rc, e, "checking");
    if (strcmp(text, "ok") != 0) {
        /* A read that failed is reported in the same way: a disk's fault is not the file's. */
        s->damaged |= strstr(text, "unable to get the page") == NULL;
        return error_set(e, ERROR_SYSTEM, "cache %s: the file is damaged: %s", s->path, text);
    }
    rc = store_pragma(s, "PRAGMA foreign_key_check", text, sizeof text);
    if (rc != SQLITE_OK)
        return store_fail(s, rc, e, "checking");
    if (text[0] != '\0') {
        s->damaged = true;
        return error_set(e, ERROR_SYSTEM, "cache %s: a row of %s refers to one that is not there",
                         s->path, text);
    }
    for (size_t i = 0; i < sizeof relations / sizeof *relations; i++)
        if (!check_relation(s, &relations[i], e))
            return false;
    return true;
}
