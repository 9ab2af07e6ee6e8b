/* Objects, runs and who is at them. */
#include "store/store_private.h"
#include <string.h>

/* ---- files and objects */

bool store_file_hash(struct store *s, const struct store_file *f, struct sha256 *out)
{
    const struct value at[] = {INT((int64_t)f->device), INT((int64_t)f->inode), INT(f->size),
                               INT(f->mtime_ns), INT(f->ctime_ns)};
    if (store_first(s, SQL_FILE_GET, at, 5) != SQLITE_ROW)
        return false;
    sqlite3_stmt *row = store_row(s, SQL_FILE_GET);
    const void *hash = sqlite3_column_blob(row, 0);
    const bool ok = hash != NULL && sqlite3_column_bytes(row, 0) == (int)sizeof out->byte;
    if (ok)
        memcpy(out->byte, hash, sizeof out->byte);
    const int64_t now = store_now(), used = sqlite3_column_int64(row, 1);
    store_reset(s, SQL_FILE_GET);
    if (ok && (used < now - STORE_TOUCH_S || used > now))
        store_touch(s, SQL_FILE_TOUCH,
                    VALUES(INT((int64_t)f->device), INT((int64_t)f->inode), INT(now)));
    return ok;
}

bool store_file_remember(struct store *s, const struct store_file *f, const struct sha256 *hash,
                         struct error *e)
{
    if (!store_begin(s, e))
        return false;
    const int rc = store_do(s, SQL_FILE_PUT,
                            VALUES(INT((int64_t)f->device), INT((int64_t)f->inode), INT(f->size),
                                   INT(f->mtime_ns), INT(f->ctime_ns),
                                   BLOB(hash->byte, sizeof hash->byte), INT(store_now())));
    if (rc != SQLITE_OK)
        store_fail(s, rc, e, "remembering a file's hash");
    return store_commit(s, rc == SQLITE_OK, e);
}

/* SQLITE_ROW: as asked and lately used; SQLITE_DONE: has to be written. */
static int object_fresh(struct store *s, const struct value v[4], int64_t *id)
{
    const int rc = store_first(s, SQL_OBJECT_GET, v, 4);
    if (rc != SQLITE_ROW)
        return rc;
    sqlite3_stmt *row = store_row(s, SQL_OBJECT_GET);
    const int64_t now = store_now(), used = sqlite3_column_int64(row, 2);
    *id = sqlite3_column_int64(row, 0);
    const bool fresh =
        sqlite3_column_int(row, 1) == 1 && used >= now - STORE_TOUCH_S && used <= now;
    store_reset(s, SQL_OBJECT_GET);
    return fresh ? SQLITE_ROW : SQLITE_DONE;
}

bool store_object(struct store *s, const char *kind, const struct sha256 *hash, const char *name,
                  const char *spec_json, int64_t *id, struct error *e)
{
    const struct value v[] = {TEXT(kind), BLOB(hash->byte, sizeof hash->byte), TEXT(name),
                              TEXT(spec_json), INT(store_now())};
    *id = 0;
    int rc = object_fresh(s, v, id);
    if (rc == SQLITE_ROW)
        return true;
    if (rc != SQLITE_DONE)
        return store_fail(s, rc, e, "looking for the %s %s", kind, name);
    if (s->read_only)
        return true;
    if (!store_begin(s, e))
        return false;
    rc = store_do(s, SQL_OBJECT_PUT, v, 5);
    if (rc == SQLITE_OK)
        rc = object_fresh(s, v, id);
    if (rc != SQLITE_ROW)
        store_fail(s, rc, e, "keeping the %s %s", kind, name);
    return store_commit(s, rc == SQLITE_ROW, e);
}

/* ---- claims */

struct found { /* a row of run */
    struct store_run run;
    bool done, ours, busy;
    int64_t last_used;
};

/* As store_first. */
static int find(struct store *s, const struct sha256 *key, struct found *f)
{
    const int rc = store_first(s, SQL_RUN_BY_KEY, VALUES(BLOB(key->byte, sizeof key->byte)));
    if (rc != SQLITE_ROW)
        return rc;
    sqlite3_stmt *row = store_row(s, SQL_RUN_BY_KEY);
    const char *owner = (const char *)sqlite3_column_text(row, 4);
    *f = (struct found){
        .run = {.id = sqlite3_column_int64(row, 0),
                .next_chunk = sqlite3_column_int64(row, 1),
                .n_chunks = sqlite3_column_int64(row, 2),
                .has_state = sqlite3_column_int(row, 7) != 0},
        .done = sqlite3_column_int(row, 3) != 0,
        .ours = owner != NULL && strcmp(owner, s->owner) == 0,
        .last_used = sqlite3_column_int64(row, 6),
    };
    f->busy = !f->done && !f->ours && store_owner_lives(owner, sqlite3_column_int64(row, 5));
    store_reset(s, SQL_RUN_BY_KEY);
    return SQLITE_ROW;
}

static void touch_run(struct store *s, const struct found *f)
{
    const int64_t now = store_now();
    if (f->last_used < now - STORE_TOUCH_S || f->last_used > now)
        store_touch(s, SQL_RUN_TOUCH, VALUES(INT(f->run.id), INT(now)));
}

static int insert(struct store *s, const struct store_run_key *k, struct store_run *out)
{
    const int rc =
        store_do(s, SQL_RUN_NEW,
                 VALUES(BLOB(k->key.byte, sizeof k->key.byte), TEXT(k->study), TEXT(k->args_json),
                        TEXT(k->precision), TEXT(k->engine), ID(k->model), ID(k->dict),
                        ID(k->corpus), INT(k->n_chunks), TEXT(s->owner), INT(store_now())));
    *out = (struct store_run){.id = sqlite3_last_insert_rowid(s->db), .n_chunks = k->n_chunks};
    return rc;
}

/* An unfinished run that nobody is at. One whose chunks are counted otherwise, or that says it is
 * further than its state, begins again. */
static int take(struct store *s, const struct store_run_key *k, struct found *f)
{
    int rc = SQLITE_OK;
    const struct store_run *r = &f->run;
    if (r->n_chunks != k->n_chunks || (r->next_chunk > 0 && !r->has_state)) {
        rc = store_drop_state(s, r->id);
        f->run = (struct store_run){.id = r->id, .n_chunks = k->n_chunks};
    }
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_RUN_TAKE,
                      VALUES(INT(r->id), TEXT(s->owner), INT(store_now()), INT(r->next_chunk),
                             INT(r->n_chunks)));
    return rc;
}

enum store_claim store_claim(struct store *s, const struct store_run_key *k, struct store_run *out,
                             struct error *e)
{
    struct found f = {0};
    *out = (struct store_run){0};
    int rc = find(s, &k->key, &f);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        store_fail(s, rc, e, "looking for a run of %s", k->study);
        return CLAIM_FAILED;
    }
    if (rc == SQLITE_ROW && f.done) {
        *out = f.run;
        touch_run(s, &f);
        return CLAIM_DONE;
    }
    if (s->read_only)
        return CLAIM_UNKEPT;
    if (!store_begin(s, e))
        return CLAIM_FAILED;
    enum store_claim claim = CLAIM_OURS;
    rc = find(s, &k->key, &f);
    if (rc == SQLITE_DONE) {
        rc = insert(s, k, &f.run);
    } else if (rc == SQLITE_ROW) {
        claim = f.done ? CLAIM_DONE : f.busy ? CLAIM_BUSY : CLAIM_OURS;
        rc = claim == CLAIM_OURS ? take(s, k, &f) : SQLITE_OK;
    }
    if (rc != SQLITE_OK)
        store_fail(s, rc, e, "claiming a run of %s", k->study);
    if (!store_commit(s, rc == SQLITE_OK, e))
        return CLAIM_FAILED;
    *out = f.run;
    return claim;
}

enum store_claim store_look(struct store *s, const struct sha256 *key, struct store_run *out,
                            struct error *e)
{
    struct found f = {0};
    *out = (struct store_run){0};
    const int rc = find(s, key, &f);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE) {
        store_fail(s, rc, e, "looking for a run");
        return CLAIM_FAILED;
    }
    if (rc == SQLITE_DONE)
        return CLAIM_OURS;
    *out = f.run;
    if (f.done)
        touch_run(s, &f);
    return f.done ? CLAIM_DONE : CLAIM_OURS;
}

void store_release(struct store *s, int64_t run)
{
    if (!store_begin(s, NULL))
        return;
    const int rc = store_do(s, SQL_RUN_RELEASE, VALUES(INT(run), TEXT(s->owner)));
    store_commit(s, rc == SQLITE_OK, NULL);
}
