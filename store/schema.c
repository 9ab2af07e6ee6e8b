/* The tables. A run's large and changing state lies apart from its row, so that a heartbeat, a
 * claim or a list never moves megabytes; it lies in the same file as all else, so that whatever
 * removes, moves, checks or locks the cache takes it along. Ids are never used twice
 * (AUTOINCREMENT): who still holds the id of a removed run must not read another's results. `file`
 * has one row a file: a changed file replaces its own. */
#include "store/store_private.h"

static const char first[] =
    "CREATE TABLE file(device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, hash BLOB NOT NULL CHECK(length(hash) = 32),"
    " last_used INTEGER NOT NULL, PRIMARY KEY(device, inode)) STRICT, WITHOUT ROWID;"
    "CREATE TABLE object(id INTEGER PRIMARY KEY AUTOINCREMENT, kind TEXT NOT NULL,"
    " hash BLOB NOT NULL CHECK(length(hash) = 32), name TEXT NOT NULL, spec TEXT NOT NULL,"
    " last_used INTEGER NOT NULL, UNIQUE(kind, hash)) STRICT;"
    "CREATE TABLE run(id INTEGER PRIMARY KEY AUTOINCREMENT,"
    " key BLOB NOT NULL UNIQUE CHECK(length(key) = 32), study TEXT NOT NULL, args TEXT NOT NULL,"
    " model INTEGER REFERENCES object, dict INTEGER REFERENCES object,"
    " corpus INTEGER REFERENCES object, precision TEXT NOT NULL, engine TEXT NOT NULL,"
    " n_chunks INTEGER NOT NULL CHECK(n_chunks >= 0), next_chunk INTEGER NOT NULL DEFAULT 0"
    " CHECK(next_chunk BETWEEN 0 AND n_chunks), owner TEXT, heartbeat INTEGER NOT NULL,"
    " last_used INTEGER NOT NULL, bytes INTEGER NOT NULL DEFAULT 0,"
    " done INTEGER NOT NULL DEFAULT 0 CHECK(done IN (0, 1))) STRICT;"
    "CREATE TABLE state(run INTEGER PRIMARY KEY REFERENCES run ON DELETE CASCADE,"
    " bytes BLOB NOT NULL) STRICT;"
    "CREATE TABLE result(run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
    " ord INTEGER NOT NULL, tbl BLOB NOT NULL, PRIMARY KEY(run, ord)) STRICT;"
    /* id: run << 32 | latent, so that a latent is found without an index of its own */
    "CREATE TABLE latent(id INTEGER PRIMARY KEY, detail BLOB NOT NULL) STRICT;"
    "CREATE TABLE posting(run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
    " latent INTEGER NOT NULL, segment INTEGER NOT NULL, positions BLOB NOT NULL,"
    " vals BLOB NOT NULL, PRIMARY KEY(run, latent, segment)) STRICT;";

/* A file's contents can be written anew with its size and mtime set back; ctime tells. */
static const char second[] =
    "DROP TABLE file;"
    "CREATE TABLE file(device INTEGER NOT NULL, inode INTEGER NOT NULL, size INTEGER NOT NULL,"
    " mtime_ns INTEGER NOT NULL, ctime_ns INTEGER NOT NULL,"
    " hash BLOB NOT NULL CHECK(length(hash) = 32), last_used INTEGER NOT NULL,"
    " PRIMARY KEY(device, inode)) STRICT, WITHOUT ROWID;";

/* A state lies in pieces, and so does a result that is a study's last state (ord 0 of what is no
 * harvest's). A generation of a run is a list of pieces; the run's row says which one counts. */
static const char third[] =
    "ALTER TABLE run ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;"
    "CREATE TABLE piece(run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
    " id INTEGER NOT NULL, bytes BLOB NOT NULL, PRIMARY KEY(run, id)) STRICT;"
    "INSERT INTO piece(run, id, bytes) SELECT run, 0, bytes FROM state;"
    "INSERT INTO piece(run, id, bytes) SELECT run, 0, tbl FROM result WHERE ord = 0;"
    "UPDATE run SET bytes = bytes - (SELECT length(tbl) FROM result WHERE run = id AND ord = 0)"
    " WHERE id IN (SELECT run FROM result WHERE ord = 0);"
    "DELETE FROM result WHERE ord = 0;"
    "DROP TABLE state;"
    "CREATE TABLE state(run INTEGER NOT NULL REFERENCES run ON DELETE CASCADE,"
    " generation INTEGER NOT NULL, ord INTEGER NOT NULL,"
    " sum BLOB CHECK(length(sum) = 32)," /* NULL: of before there were sums */
    " size INTEGER NOT NULL, piece INTEGER NOT NULL,"
    " PRIMARY KEY(run, generation, ord)) STRICT, WITHOUT ROWID;"
    "INSERT INTO state(run, generation, ord, size, piece)"
    " SELECT run, 0, 0, length(bytes), id FROM piece;";

const char *const store_steps[] = {first, second, third};
const int store_n_steps = sizeof store_steps / sizeof *store_steps;
