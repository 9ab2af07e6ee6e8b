/* Results of a run: tables, details of latents, postings. They are written in one transaction or
 * several, the last of which marks the run done: a run is there wholly or not at all. */
#include "store/store_private.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* Run ids stay below 2^31: AUTOINCREMENT counts runs, and there is no time for so many. */
static int64_t latent_id(int64_t run, int32_t latent)
{
    return run << 32 | (uint32_t)latent;
}

bool store_drop_results(struct store *s, int64_t run, struct error *e)
{
    int rc = store_do(s, SQL_RESULT_DROP, VALUES(INT(run)));
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_POSTING_DROP, VALUES(INT(run)));
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_LATENT_DROP,
                      VALUES(INT(latent_id(run, 0)), INT(latent_id(run, INT32_MAX))));
    return rc == SQLITE_OK ||
           store_fail(s, rc, e, "removing the results of run %lld", (long long)run);
}

/* ---- writing */

static bool is_ours(struct store *s, int64_t run, struct error *e)
{
    const int rc = store_first(s, SQL_RUN_BY_ID, VALUES(INT(run)));
    if (rc == SQLITE_DONE)
        return error_set(e, ERROR_SYSTEM, "cache %s: run %lld was removed meanwhile", s->path,
                         (long long)run);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, e, "looking for run %lld", (long long)run);
    sqlite3_stmt *row = store_row(s, SQL_RUN_BY_ID);
    const char *owner = (const char *)sqlite3_column_text(row, 0);
    const bool done = sqlite3_column_int(row, 2) != 0,
               ours = owner != NULL && strcmp(owner, s->owner) == 0;
    store_reset(s, SQL_RUN_BY_ID);
    return (ours && !done) ||
           error_set(e, ERROR_SYSTEM, "cache %s: run %lld %s", s->path, (long long)run,
                     done ? "is finished already"
                          : "is not this process's any more: another one took it over");
}

bool store_finish_begin(struct store *s, int64_t run, struct error *e)
{
    if (run <= 0 || run > INT32_MAX)
        return error_set(e, ERROR_SYSTEM, "cache %s: there is no run %lld", s->path,
                         (long long)run);
    if (s->finish.open)
        return error_set(e, ERROR_SYSTEM, "cache %s: run %lld is being written", s->path,
                         (long long)s->finish.run);
    if (!store_begin(s, e))
        return false;
    if (!is_ours(s, run, e) || !store_drop_results(s, run, e)) {
        store_rollback(s);
        return false;
    }
    memset(&s->finish, 0, sizeof s->finish);
    s->finish.open = s->finish.begun = true;
    s->finish.run = run;
    return true;
}

bool store_finish_pause(struct store *s, struct error *e)
{
    struct error *sticky = &s->finish.error;
    if (!s->finish.begun)
        return !error_is_set(sticky) || error_set(e, sticky->kind, "%s", sticky->text);
    const int64_t most = s->network ? STORE_NETWORK_BYTES : STORE_LOCAL_BYTES;
    if (!error_is_set(sticky) && s->finish.bytes - s->finish.committed < most)
        return true;
    s->finish.begun = false;
    s->finish.committed = s->finish.bytes;
    if (store_commit(s, !error_is_set(sticky), sticky))
        return true;
    return error_set(e, sticky->kind, "%s", sticky->text);
}

/* After a pause somebody else may have taken the run. */
static bool go_on(struct store *s)
{
    struct error *e = &s->finish.error;
    if (!s->finish.begun && !error_is_set(e)) {
        s->finish.begun = store_begin(s, e);
        if (s->finish.begun)
            is_ours(s, s->finish.run, e);
    }
    return !error_is_set(e);
}

/* May anything be put now? The first error stays until the end: what was rolled back with it must
 * not come back in part. */
static bool may_put(struct store *s, int64_t run, struct error *e)
{
    if (!s->finish.open || run != s->finish.run)
        return error_set(e, ERROR_SYSTEM, "cache %s: run %lld is not being written", s->path,
                         (long long)run);
    struct error *sticky = &s->finish.error;
    return go_on(s) || error_set(e, sticky->kind, "%s", sticky->text);
}

static bool fail_put(struct store *s, int rc, struct error *e, const char *what, int32_t i,
                     int64_t run)
{
    store_fail(s, rc, &s->finish.error, "writing %s %d of run %lld", what, i, (long long)run);
    return error_set(e, s->finish.error.kind, "%s", s->finish.error.text);
}

bool store_put_result(struct store *s, int64_t run, int32_t ord, const void *p, size_t n,
                      struct error *e)
{
    if (!may_put(s, run, e))
        return false;
    const int rc = store_do(s, SQL_RESULT_PUT, VALUES(INT(run), INT(ord), BLOB(p, n)));
    if (rc != SQLITE_OK)
        return fail_put(s, rc, e, "result", ord, run);
    s->finish.bytes += (int64_t)n;
    s->finish.n_results++;
    return true;
}

bool store_put_latent(struct store *s, int64_t run, int32_t latent, const void *p, size_t n,
                      struct error *e)
{
    if (!may_put(s, run, e))
        return false;
    if (latent < 0) {
        error_set(&s->finish.error, ERROR_SYSTEM, "cache %s: there is no latent %d", s->path,
                  latent);
        return error_set(e, ERROR_SYSTEM, "%s", s->finish.error.text);
    }
    const int rc = store_do(s, SQL_LATENT_PUT, VALUES(INT(latent_id(run, latent)), BLOB(p, n)));
    if (rc != SQLITE_OK)
        return fail_put(s, rc, e, "latent", latent, run);
    s->finish.bytes += (int64_t)n;
    return true;
}

bool store_put_posting(struct store *s, int64_t run, int32_t latent, int32_t segment,
                       const void *positions, size_t n_positions, const void *values,
                       size_t n_values, struct error *e)
{
    if (!may_put(s, run, e))
        return false;
    const int rc = store_do(s, SQL_POSTING_PUT,
                            VALUES(INT(run), INT(latent), INT(segment),
                                   BLOB(positions, n_positions), BLOB(values, n_values)));
    if (rc != SQLITE_OK)
        return fail_put(s, rc, e, "activations of latent", latent, run);
    s->finish.bytes += (int64_t)n_positions + (int64_t)n_values;
    return true;
}

static bool mark_done(struct store *s, int64_t run, const struct store_save *state, struct error *e)
{
    const bool has_state = state != NULL && state->ord > 0;
    if (s->finish.n_results == 0 && !has_state)
        return error_set(e, ERROR_SYSTEM, "cache %s: run %lld has no result to finish with",
                         s->path, (long long)run);
    if (has_state && !store_save_is_whole(state, e))
        return false;
    int64_t generation = has_state ? state->generation : 0;
    int rc = has_state ? SQLITE_OK : store_next_generation(s, run, &generation);
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_RUN_FINISH,
                      VALUES(INT(run), TEXT(s->owner), INT(s->finish.bytes), INT(store_now()),
                             INT(generation)));
    if (rc == SQLITE_OK && sqlite3_changes(s->db) != 1)
        return error_set(e, ERROR_SYSTEM, "cache %s: run %lld was lost while it was written",
                         s->path, (long long)run);
    return rc == SQLITE_OK || store_fail(s, rc, e, "finishing run %lld", (long long)run);
}

bool store_finish(struct store *s, int64_t run, const struct store_save *state, struct error *e)
{
    bool ok = may_put(s, run, e);
    if (!s->finish.open)
        return ok;
    ok = ok && mark_done(s, run, state, e);
    s->finish.begun = s->finish.open = false;
    ok = store_commit(s, ok, e);
    if (ok) /* the journal of a large result would stay on the disk beside it */
        store_flush(s, false);
    return ok;
}

/* What earlier transactions wrote goes too; where that fails, the next begin removes it. */
void store_finish_abort(struct store *s, int64_t run)
{
    if (!s->finish.open || run != s->finish.run)
        return;
    s->finish.begun = s->finish.open = false;
    store_rollback(s);
    if (store_begin(s, NULL))
        store_commit(s, is_ours(s, run, NULL) && store_drop_results(s, run, NULL), NULL);
}

/* ---- reading */

void store_distrust(struct store *s, int64_t run)
{
    if (store_first(s, SQL_RUN_BY_ID, VALUES(INT(run))) != SQLITE_ROW)
        return;
    s->damaged |= sqlite3_column_int(store_row(s, SQL_RUN_BY_ID), 2) != 0;
    store_reset(s, SQL_RUN_BY_ID);
}

/* Columns a (and b, if wanted) of the row that `which` finds. */
static int get(struct store *s, enum statement which, const struct value *v, int n,
               struct strbuf *a, struct strbuf *b)
{
    const int rc = store_first(s, which, v, n);
    if (rc != SQLITE_ROW)
        return rc;
    sqlite3_stmt *row = store_row(s, which);
    const bool ok = store_column(row, 0, a) && (b == NULL || store_column(row, 1, b));
    store_reset(s, which);
    return ok ? SQLITE_ROW : SQLITE_NOMEM;
}

static int got(struct store *s, int rc, struct error *e, const char *what, int32_t i, int64_t run)
{
    if (rc == SQLITE_ROW || rc == SQLITE_DONE)
        return rc == SQLITE_ROW;
    store_fail(s, rc, e, "reading %s %d of run %lld", what, i, (long long)run);
    return -1;
}

int store_get_result(struct store *s, int64_t run, int32_t ord, struct strbuf *out, struct error *e)
{
    return got(s, get(s, SQL_RESULT_GET, VALUES(INT(run), INT(ord)), out, NULL), e, "result", ord,
               run);
}

int store_get_latent(struct store *s, int64_t run, int32_t latent, struct strbuf *out,
                     struct error *e)
{
    if (run <= 0 || run > INT32_MAX || latent < 0)
        return 0;
    return got(s, get(s, SQL_LATENT_GET, VALUES(INT(latent_id(run, latent))), out, NULL), e,
               "latent", latent, run);
}

int store_get_posting(struct store *s, int64_t run, int32_t latent, int32_t segment,
                      struct strbuf *positions, struct strbuf *values, struct error *e)
{
    return got(
        s, get(s, SQL_POSTING_GET, VALUES(INT(run), INT(latent), INT(segment)), positions, values),
        e, "activations of latent", latent, run);
}
