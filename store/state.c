/* What a study has so far, in pieces: checkpoints, and the last state of a finished run.
 *
 * A checkpoint is a generation: a list of pieces. A piece is written in a transaction of its
 * own, so that gigabytes neither lie in the journal nor lock others out; until the run's row names
 * the new generation, in the last small transaction, the one before is whole and counts. A piece
 * that is as it was is named again and not written. What neither generation needs any more goes in
 * small steps afterwards; what a killed process left of that goes with the next ones. */
#include "store/store_private.h"
#include <string.h>

enum { SWEPT_AT_ONCE = 4 }; /* pieces */

int store_drop_state(struct store *s, int64_t run)
{
    const int rc = store_do(s, SQL_STATE_DROP, VALUES(INT(run)));
    return rc == SQLITE_OK ? store_do(s, SQL_PIECE_DROP, VALUES(INT(run))) : rc;
}

static bool not_ours(struct store *s, int64_t run, struct error *e)
{
    return error_set(e, ERROR_SYSTEM,
                     "cache %s: run %lld is not this process's any more: another one took it over, "
                     "finished or removed it",
                     s->path, (long long)run);
}

/* SQLITE_ROW: read. */
static int generations(struct store *s, int64_t run, int64_t *now, int64_t *last)
{
    const int rc = store_first(s, SQL_RUN_GENERATION, VALUES(INT(run)));
    if (rc != SQLITE_ROW)
        return rc;
    *now = sqlite3_column_int64(store_row(s, SQL_RUN_GENERATION), 0);
    *last = sqlite3_column_int64(store_row(s, SQL_RUN_GENERATION), 1);
    store_reset(s, SQL_RUN_GENERATION);
    return SQLITE_ROW;
}

int store_next_generation(struct store *s, int64_t run, int64_t *out)
{
    int64_t now = 0, last = 0;
    const int rc = generations(s, run, &now, &last);
    *out = last + 1;
    return rc == SQLITE_ROW ? SQLITE_OK : rc;
}

/* ---- writing */

/* Within a transaction: the run is ours and says that somebody is at it. */
static bool beat(struct store *s, int64_t run, struct error *e)
{
    const int rc = store_do(s, SQL_RUN_BEAT, VALUES(INT(run), TEXT(s->owner), INT(store_now())));
    if (rc != SQLITE_OK)
        return store_fail(s, rc, e, "looking for run %lld", (long long)run);
    return sqlite3_changes(s->db) == 1 || not_ours(s, run, e);
}

bool store_save_begin(struct store *s, int64_t run, struct store_save *save, struct error *e)
{
    *save = (struct store_save){.store = s, .run = run};
    if (!store_begin(s, e))
        return false;
    bool ok = beat(s, run, e);
    int64_t last = 0;
    if (ok) {
        const int rc = generations(s, run, &save->before, &last);
        ok = rc == SQLITE_ROW ||
             store_fail(s, rc, e, "looking for the state of run %lld", (long long)run);
    }
    save->generation = last + 1;
    return store_commit(s, ok, e);
}

/* Where the piece lies: where it lay before if it is as it was. */
static int put_piece(const struct store_save *w, const struct value *sum, const void *p, size_t n,
                     int64_t *piece)
{
    struct store *s = w->store;
    int rc = store_first(s, SQL_PIECE_SAME,
                         VALUES(INT(w->run), INT(w->before), INT(w->ord), *sum, INT((int64_t)n)));
    if (rc == SQLITE_ROW) {
        *piece = sqlite3_column_int64(store_row(s, SQL_PIECE_SAME), 0);
        store_reset(s, SQL_PIECE_SAME);
        return SQLITE_OK;
    }
    if (rc != SQLITE_DONE)
        return rc;
    *piece = w->generation << 32 | (int64_t)w->ord;
    return store_do(s, SQL_PIECE_PUT, VALUES(INT(w->run), INT(*piece), BLOB(p, n)));
}

bool store_save_piece(struct store_save *w, const void *p, size_t n, struct error *e)
{
    struct store *s = w->store;
    const struct sha256 hash = sha256_bytes(p, n);
    const struct value sum = BLOB(hash.byte, sizeof hash.byte);
    int64_t piece = 0, loose = s->loose;
    if (loose == 0 && !store_begin(s, e))
        return false;
    bool ok = loose > 0 || beat(s, w->run, e);
    if (ok) {
        int rc = put_piece(w, &sum, p, n, &piece);
        if (rc == SQLITE_OK)
            rc = store_do(s, SQL_STATE_PUT,
                          VALUES(INT(w->run), INT(w->generation), INT(w->ord), sum, INT((int64_t)n),
                                 INT(piece)));
        ok = rc == SQLITE_OK ||
             store_fail(s, rc, e, "saving piece %d of run %lld", w->ord, (long long)w->run);
    }
    w->ord += ok;
    loose += (int64_t)n + 1;
    if (!ok || !s->network || loose >= STORE_NETWORK_BYTES)
        return store_commit(s, ok, e);
    s->loose = loose;
    return true;
}

/* All pieces are there: a transaction with some may have failed where nobody waited for it. */
bool store_save_is_whole(const struct store_save *w, struct error *e)
{
    struct store *s = w->store;
    const int rc = store_first(s, SQL_STATE_PIECES, VALUES(INT(w->run), INT(w->generation)));
    const int64_t n =
        rc == SQLITE_ROW ? sqlite3_column_int64(store_row(s, SQL_STATE_PIECES), 0) : 0;
    if (rc == SQLITE_ROW)
        store_reset(s, SQL_STATE_PIECES);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, e, "counting the pieces of run %lld", (long long)w->run);
    return n == w->ord ||
           error_set(e, ERROR_SYSTEM, "cache %s: run %lld: %lld of %d pieces were saved", s->path,
                     (long long)w->run, (long long)n, w->ord);
}

bool store_save_end(struct store_save *w, int64_t next_chunk, struct error *e)
{
    struct store *s = w->store;
    if (w->ord == 0 && !store_save_piece(w, "", 0, e)) /* an empty state is a state */
        return false;
    if (!store_begin(s, e))
        return false;
    const int rc = store_do(
        s, SQL_RUN_CHECKPOINT,
        VALUES(INT(w->run), TEXT(s->owner), INT(next_chunk), INT(store_now()), INT(w->generation)));
    if (rc == SQLITE_OK && sqlite3_changes(s->db) != 1)
        return store_commit(s, not_ours(s, w->run, e), e);
    if (rc != SQLITE_OK)
        store_fail(s, rc, e, "saving run %lld at chunk %lld", (long long)w->run,
                   (long long)next_chunk);
    return store_commit(s, rc == SQLITE_OK, e);
}

/* Another process that took the run over meanwhile writes its own pieces. */
static bool may_sweep(struct store *s, int64_t run)
{
    if (store_first(s, SQL_RUN_BY_ID, VALUES(INT(run))) != SQLITE_ROW)
        return false;
    sqlite3_stmt *row = store_row(s, SQL_RUN_BY_ID);
    const char *owner = (const char *)sqlite3_column_text(row, 0);
    const bool may =
        sqlite3_column_int(row, 2) != 0 || (owner != NULL && strcmp(owner, s->owner) == 0);
    store_reset(s, SQL_RUN_BY_ID);
    return may;
}

bool store_sweep(struct store *s, int64_t run)
{
    if (!store_begin(s, NULL))
        return false;
    int rc = may_sweep(s, run) ? store_do(s, SQL_STATE_OLD, VALUES(INT(run))) : SQLITE_DONE;
    if (rc == SQLITE_OK)
        rc = store_do(s, SQL_PIECE_OLD, VALUES(INT(run), INT(SWEPT_AT_ONCE)));
    const bool more = rc == SQLITE_OK && sqlite3_changes(s->db) == SWEPT_AT_ONCE;
    return store_commit(s, rc == SQLITE_OK, NULL) && more;
}

bool store_restart(struct store *s, int64_t run, struct error *e)
{
    if (!store_begin(s, e))
        return false;
    int rc = store_do(s, SQL_RUN_CHECKPOINT,
                      VALUES(INT(run), TEXT(s->owner), INT(0), INT(store_now()), INT(0)));
    if (rc == SQLITE_OK && sqlite3_changes(s->db) != 1)
        return store_commit(s, not_ours(s, run, e), e);
    if (rc == SQLITE_OK)
        rc = store_drop_state(s, run);
    if (rc != SQLITE_OK)
        store_fail(s, rc, e, "beginning run %lld again", (long long)run);
    return store_commit(s, rc == SQLITE_OK, e);
}

/* ---- reading */

bool store_state(struct store *s, int64_t run, struct store_state *out, struct error *e)
{
    *out = (struct store_state){.run = run};
    const int rc = store_first(s, SQL_STATE_GET, VALUES(INT(run)));
    if (rc == SQLITE_ROW) {
        sqlite3_stmt *row = store_row(s, SQL_STATE_GET);
        out->generation = sqlite3_column_int64(row, 0);
        out->n_pieces = sqlite3_column_int64(row, 1);
        out->bytes = sqlite3_column_int64(row, 2);
        store_reset(s, SQL_STATE_GET);
    }
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return store_fail(s, rc, e, "looking for the state of run %lld", (long long)run);
    return out->n_pieces > 0 || error_set(e, ERROR_SYSTEM, "cache %s: run %lld has no saved state",
                                          s->path, (long long)run);
}

bool store_state_piece(struct store *s, const struct store_state *state, int64_t ord,
                       struct strbuf *out, struct error *e)
{
    const long long run = (long long)state->run;
    const int rc =
        store_first(s, SQL_PIECE_GET, VALUES(INT(state->run), INT(state->generation), INT(ord)));
    if (rc == SQLITE_DONE)
        return error_set(e, ERROR_SYSTEM, "cache %s: piece %lld of run %lld is not there", s->path,
                         (long long)ord, run);
    if (rc != SQLITE_ROW)
        return store_fail(s, rc, e, "reading piece %lld of run %lld", (long long)ord, run);
    sqlite3_stmt *row = store_row(s, SQL_PIECE_GET);
    const size_t from = out->len;
    struct sha256 sum = {0};
    const bool read = store_column(row, 0, out), summed = sqlite3_column_bytes(row, 1) > 0;
    if (read && summed && sqlite3_column_bytes(row, 1) == (int)sizeof sum.byte)
        memcpy(sum.byte, sqlite3_column_blob(row, 1), sizeof sum.byte);
    store_reset(s, SQL_PIECE_GET);
    if (!read)
        return store_fail(s, SQLITE_NOMEM, e, "reading piece %lld of run %lld", (long long)ord,
                          run);
    const struct sha256 found = sha256_bytes(out->s + from, out->len - from);
    if (!summed || memcmp(&found, &sum, sizeof sum) == 0)
        return true;
    s->damaged = true;
    return error_set(e, ERROR_SYSTEM, "cache %s: piece %lld of run %lld does not fit its sum",
                     s->path, (long long)ord, run);
}
