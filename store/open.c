/* Opening: which file this is, its version, and how SQLite is to treat it. */
#include "engine/base/memory.h"
#include "store/internal.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* A detail is about 1.1 kB: three a page of 4 kB would waste a fifth of it. */
#define PAGE_SIZE "8192"
#define JOURNAL_LIMIT "4194304"

enum opened {
    OPENED,
    OPEN_FAILED, /* *e says why */
    OPEN_ASIDE   /* not a file of ours, or not any more: why says what it is */
};
struct opening {
    const struct store_how *how;
    char why[200];
    struct error *e;
};

/* What a result at opening says about the file: damaged or not ours, or trouble around it. Before
 * any statement of ours can be wrong, SQLITE_ERROR means tables that are not those of the version.
 */
static enum opened judge(struct store *s, struct opening *o, int rc, const char *doing)
{
    switch (rc & 0xff) {
    case SQLITE_NOTADB: snprintf(o->why, sizeof o->why, "is no database"); return OPEN_ASIDE;
    case SQLITE_CORRUPT:
    case SQLITE_ERROR:
    case SQLITE_FORMAT:
        snprintf(o->why, sizeof o->why, "is damaged (%s)", sqlite3_errmsg(s->db));
        return OPEN_ASIDE;
    default: store_fail(s, rc, o->e, "%s", doing); return OPEN_FAILED;
    }
}

/* The settings that come before the first look at the file. */
static int configure(struct store *s)
{
    static const struct {
        int option, value;
    } option[] = {
        {SQLITE_DBCONFIG_DEFENSIVE, 1},        {SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0},
        {SQLITE_DBCONFIG_ENABLE_FKEY, 1},      {SQLITE_DBCONFIG_ENABLE_TRIGGER, 0},
        {SQLITE_DBCONFIG_ENABLE_VIEW, 0},      {SQLITE_DBCONFIG_ENABLE_LOAD_EXTENSION, 0},
        {SQLITE_DBCONFIG_DQS_DML, 0},          {SQLITE_DBCONFIG_DQS_DDL, 0},
        {SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1},
    };
    sqlite3_extended_result_codes(s->db, 1);
    int rc = sqlite3_busy_timeout(s->db, s->busy_ms);
    for (size_t i = 0; i < sizeof option / sizeof *option && rc == SQLITE_OK; i++)
        rc = sqlite3_db_config(s->db, option[i].option, option[i].value, NULL);
    /* In WAL mode, exclusive locking from the start needs no shared memory. */
    static const char *const pragma[] = {
        "PRAGMA mmap_size = 0",       "PRAGMA cell_size_check = ON",
        "PRAGMA temp_store = MEMORY", "PRAGMA secure_delete = FAST",
        "PRAGMA synchronous = FULL",  ("PRAGMA journal_size_limit = " JOURNAL_LIMIT)};
    for (size_t i = 0; i < sizeof pragma / sizeof *pragma && rc == SQLITE_OK; i++)
        rc = store_pragma(s, pragma[i], NULL, 0);
    if (rc == SQLITE_OK && s->network)
        rc = store_pragma(s, "PRAGMA locking_mode = EXCLUSIVE", NULL, 0);
    return rc;
}

struct identity {
    int64_t application, version, n_tables;
};

static int identify(struct store *s, struct identity *id)
{
    int rc = store_pragma_integer(s, "PRAGMA application_id", &id->application);
    if (rc == SQLITE_OK)
        rc = store_pragma_integer(s, "PRAGMA user_version", &id->version);
    if (rc == SQLITE_OK)
        rc = store_pragma_integer(s, "SELECT count(*) FROM sqlite_schema", &id->n_tables);
    return rc;
}

static bool is_new(const struct identity *id)
{
    return id->application == 0 && id->version == 0 && id->n_tables == 0;
}

static bool is_ours(const struct identity *id, struct opening *o)
{
    if (id->application != STORE_APPLICATION_ID && !is_new(id)) {
        snprintf(o->why, sizeof o->why, "is another program's (application id %08llx)",
                 (unsigned long long)id->application & 0xffffffffU);
        return false;
    }
    if (id->version > o->how->n_steps || id->version < 0) {
        snprintf(o->why, sizeof o->why, "is of a newer glimt (version %lld, this one knows %d)",
                 (long long)id->version, o->how->n_steps);
        return false;
    }
    return true;
}

static int migrate_steps(struct store *s, const struct store_how *how, int64_t version)
{
    char sql[80];
    int rc = SQLITE_OK;
    for (int64_t v = version; v < how->n_steps && rc == SQLITE_OK; v++)
        rc = sqlite3_exec(s->db, how->step[v], NULL, NULL, NULL);
    if (rc == SQLITE_OK) {
        snprintf(sql, sizeof sql, "PRAGMA application_id = %d", STORE_APPLICATION_ID);
        rc = store_pragma(s, sql, NULL, 0);
    }
    if (rc == SQLITE_OK) {
        snprintf(sql, sizeof sql, "PRAGMA user_version = %d", how->n_steps);
        rc = store_pragma(s, sql, NULL, 0);
    }
    return rc;
}

/* Makes a new file, or brings an older one to this version, in one transaction; two processes may
 * come here at once, so what the file is is asked again inside. On a network folder the lock taken
 * here stays until the store is closed. */
static enum opened migrate(struct store *s, struct opening *o)
{
    struct identity id = {0};
    int rc =
        sqlite3_exec(s->db, s->network ? "BEGIN EXCLUSIVE" : "BEGIN IMMEDIATE", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        return judge(s, o, rc, "opening");
    rc = identify(s, &id);
    enum opened result = OPENED;
    if (rc == SQLITE_OK && !is_ours(&id, o))
        result = OPEN_ASIDE;
    else if (rc == SQLITE_OK && id.version < o->how->n_steps)
        rc = migrate_steps(s, o->how, id.version);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        result = judge(s, o, rc, "making the tables");
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

static int set_journal(struct store *s)
{
    char mode[16] = "";
    int rc = SQLITE_OK;
    if (!s->network)
        rc = store_pragma(s, "PRAGMA journal_mode = WAL", mode, sizeof mode);
    s->wal = rc == SQLITE_OK && strcmp(mode, "wal") == 0;
    if (rc == SQLITE_OK && !s->wal)
        rc = store_pragma(s, "PRAGMA journal_mode = TRUNCATE", NULL, 0);
    if (rc == SQLITE_OK && s->wal)
        rc = store_pragma(s, "PRAGMA synchronous = NORMAL", NULL, 0);
    return rc;
}

static enum opened examine(struct store *s, struct opening *o)
{
    struct identity id = {0};
    int rc = configure(s);
    if (rc == SQLITE_OK)
        rc = identify(s, &id);
    if (rc != SQLITE_OK)
        return judge(s, o, rc, "opening");
    if (!is_ours(&id, o))
        return OPEN_ASIDE;
    if (sqlite3_db_readonly(s->db, "main") == 1) {
        const char *why = access(s->path, W_OK) == 0 ? "read-only" : strerror(errno);
        error_set(o->e, ERROR_SYSTEM,
                  "cache %s: can't be written: %s; --cache DIR takes another place, --cache none "
                  "goes without",
                  s->path, why);
        return OPEN_FAILED;
    }
    if (is_new(&id)) { /* both only have an effect before the first table */
        rc = store_pragma(s, "PRAGMA page_size = " PAGE_SIZE, NULL, 0);
        if (rc == SQLITE_OK)
            rc = store_pragma(s, "PRAGMA auto_vacuum = INCREMENTAL", NULL, 0);
        if (rc != SQLITE_OK)
            return judge(s, o, rc, "opening");
    }
    enum opened result = OPENED;
    if (s->network || id.version < o->how->n_steps)
        result = migrate(s, o);
    if (result != OPENED)
        return result;
    if ((rc = set_journal(s)) != SQLITE_OK || (rc = store_prepare(s)) != SQLITE_OK)
        return judge(s, o, rc, "opening");
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    struct stat st;
    if (stat(s->path, &st) == 0)
        s->device = st.st_dev, s->inode = st.st_ino;
    return OPENED;
}

static void disconnect(struct store *s)
{
    store_unprepare(s);
    sqlite3_close(s->db);
    s->db = NULL;
}

static enum opened connect_file(struct store *s, struct opening *o)
{
    struct stat st;
    if (stat(s->path, &st) == 0 && !S_ISREG(st.st_mode)) {
        error_set(o->e, ERROR_SYSTEM, "cache %s: is a %s, expected a file", s->path,
                  S_ISDIR(st.st_mode) ? "folder" : "device");
        return OPEN_FAILED;
    }
    const int rc = sqlite3_open_v2(s->path, &s->db,
                                   SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                       SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX,
                                   NULL);
    if (s->db == NULL) {
        error_set(o->e, ERROR_SYSTEM, "cache %s: opening: out of memory", s->path);
        return OPEN_FAILED;
    }
    enum opened result = OPEN_FAILED;
    if (rc != SQLITE_OK)
        store_fail(s, rc, o->e, "opening");
    else
        result = examine(s, o);
    if (result != OPENED)
        disconnect(s);
    return result;
}

bool store_open_as(const char *dir, const struct store_how *how, struct store **out, char *said,
                   size_t n_said, struct error *e)
{
    *out = NULL;
    if (said != NULL && n_said > 0)
        said[0] = '\0';
    char *folder = store_folder(dir, e);
    if (folder == NULL)
        return false;
    struct store *s = xcalloc(1, sizeof *s);
    /* SQLite would read a name that begins with "file:" as a URI; realpath's begins with '/'. */
    s->path = xasprintf("%s/" STORE_FILE, folder);
    s->network = how->network;
    s->busy_ms = how->busy_ms;
    store_owner(s->owner, sizeof s->owner);
    const int lock = store_lock_folder(folder);
    struct opening o = {.how = how, .e = e};
    enum opened result = connect_file(s, &o);
    if (result == OPEN_ASIDE) {
        char aside[64];
        if (store_set_aside(s->path, aside, sizeof aside, e)) {
            if (said != NULL)
                snprintf(said, n_said, "The cache %s %s: set aside as %s, a new one begun", s->path,
                         o.why, aside);
            result = connect_file(s, &o);
        }
        if (result == OPEN_ASIDE) /* a new file that is not ours: some other program's doing */
            error_set(e, ERROR_SYSTEM, "cache %s: %s", s->path, o.why);
    }
    store_unlock_folder(lock);
    free(folder);
    if (result == OPENED) {
        *out = s;
        return true;
    }
    free(s->path);
    free(s);
    return false;
}

bool store_open(const char *dir, struct store **out, char *said, size_t n_said, struct error *e)
{
    char *folder = store_folder(dir, e);
    if (folder == NULL) {
        *out = NULL;
        return false;
    }
    const struct store_how how = {store_on_network(folder), STORE_BUSY_MS, store_steps,
                                  store_n_steps};
    const bool ok = store_open_as(folder, &how, out, said, n_said, e);
    free(folder);
    return ok;
}

/* Unless another process has begun a new file meanwhile. */
static void retire(const struct store *s)
{
    char aside[64];
    struct stat st;
    char *folder = xstrndup(s->path, (size_t)(strrchr(s->path, '/') - s->path));
    const int lock = store_lock_folder(folder);
    if (stat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode)
        store_set_aside(s->path, aside, sizeof aside, NULL);
    store_unlock_folder(lock);
    free(folder);
}

void store_close(struct store *s)
{
    if (s == NULL)
        return;
    store_finish_abort(s, s->finish.run);
    store_rollback(s);
    store_touch(s, SQL_RUN_RELEASE_ALL, VALUES(TEXT(s->owner)));
    const bool damaged = s->damaged;
    disconnect(s);
    if (damaged)
        retire(s);
    free(s->path);
    free(s);
}

const char *store_path(const struct store *s)
{
    return s->path;
}

bool store_is_network(const struct store *s)
{
    return s->network;
}
