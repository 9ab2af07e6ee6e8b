/* Opening: which file this is, its version, and how SQLite is to treat it. */
#include "engine/base/memory.h"
#include "store/store_private.h"
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define TEXT_OF(x) #x
#define NUMBER_TEXT(x) TEXT_OF(x)
#define JOURNAL_LIMIT "4194304"

#define SAID_ASIDE "The cache %s %s: set aside as %s, a new one begun"
#define SAID_READ_ONLY                                                                             \
    "The cache %s can't be written (%s): what it has is used, nothing new is kept; --cache DIR "   \
    "takes another place"

enum opened {
    OPENED,
    OPEN_FAILED, /* *e says why */
    OPEN_ASIDE   /* not a file of ours, or not any more: why says what it is */
};
struct opening {
    const struct store_how *how;
    const char *aside; /* "damaged", or "aside" for what is none of ours */
    char why[200];
    struct error *e;
};

__attribute__((format(printf, 3, 4))) static enum opened aside(struct opening *o, const char *as,
                                                               const char *why, ...)
{
    va_list args;
    va_start(args, why);
    vsnprintf(o->why, sizeof o->why, why, args);
    va_end(args);
    o->aside = as;
    return OPEN_ASIDE;
}

/* What a result at opening says about the file: damaged or not ours, or trouble around it. Before
 * any statement of ours can be wrong, SQLITE_ERROR means tables that are not those of the version.
 */
static enum opened judge(struct store *s, struct opening *o, int rc, const char *doing)
{
    if ((rc & 0xff) == SQLITE_NOTADB)
        return aside(o, "damaged", "is no database");
    if (rc == SQLITE_IOERR_DATA)
        return aside(o, "damaged", "is damaged (a page does not fit its sum)");
    if (store_is_damage(rc) || (rc & 0xff) == SQLITE_ERROR || (rc & 0xff) == SQLITE_FORMAT)
        return aside(o, "damaged", "is damaged (%s)", sqlite3_errmsg(s->db));
    store_fail(s, rc, o->e, "%s", doing);
    return OPEN_FAILED;
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
    if (rc == SQLITE_OK && s->network && !s->read_only)
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

static enum opened check_identity(const struct identity *id, struct opening *o)
{
    if (id->application != STORE_APPLICATION_ID && !is_new(id))
        return aside(o, "aside", "is another program's (application id %08llx)",
                     (unsigned long long)id->application & 0xffffffffU);
    if (id->version > o->how->n_steps || id->version < 0)
        return aside(o, "aside", "is of a newer glimt (version %lld, this one knows %d)",
                     (long long)id->version, o->how->n_steps);
    return OPENED;
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
    enum opened result = rc == SQLITE_OK ? check_identity(&id, o) : OPENED;
    if (rc == SQLITE_OK && result == OPENED && id.version < o->how->n_steps)
        rc = migrate_steps(s, o->how, id.version);
    if (rc == SQLITE_OK)
        rc = sqlite3_exec(s->db, "COMMIT", NULL, NULL, NULL);
    if (rc != SQLITE_OK)
        result = judge(s, o, rc, "making the tables");
    if (!sqlite3_get_autocommit(s->db))
        sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
    return result;
}

/* Room for the sums at the end of each page, from the next writing of the whole file. */
static int reserve_sums(struct store *s)
{
    int n = STORE_SUM_SIZE;
    return sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &n);
}

/* Files of before the sums are written anew. A new one has another shape only after trouble with
 * the disk of which SQLite told nobody: nothing is in it yet. */
static enum opened check_pages(struct store *s, struct opening *o, const struct identity *was)
{
    int n = -1;
    int64_t size = 0;
    int rc = sqlite3_file_control(s->db, "main", SQLITE_FCNTL_RESERVE_BYTES, &n);
    if (rc == SQLITE_OK)
        rc = store_pragma_integer(s, "PRAGMA page_size", &size);
    const bool right = n == STORE_SUM_SIZE && size == STORE_PAGE_SIZE;
    const bool older = was->version < o->how->n_steps && size == STORE_PAGE_SIZE;
    if (rc == SQLITE_OK && !right && is_new(was)) {
        error_set(o->e, ERROR_SYSTEM, "cache %s: could not be made as it must be: the disk failed",
                  s->path);
        unlink(s->path);
        return OPEN_FAILED;
    }
    if (rc == SQLITE_OK && !right && older && (rc = reserve_sums(s)) == SQLITE_OK)
        rc = store_pragma(s, "VACUUM", NULL, 0);
    else if (rc == SQLITE_OK && !right)
        return aside(o, "damaged", "is damaged (its pages are of another kind)");
    return rc == SQLITE_OK ? OPENED : judge(s, o, rc, "opening");
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

static void remember_file(struct store *s)
{
    struct stat st;
    if (stat(s->path, &st) != 0)
        return;
    s->device = st.st_dev, s->inode = st.st_ino;
    s->size = st.st_size, s->written = st.st_mtim;
}

/* A file that can only be read must be of this version, and is asked for nothing more. */
static enum opened examine_read_only(struct store *s, struct opening *o, const struct identity *id)
{
    if (id->version < o->how->n_steps) {
        error_set(o->e, ERROR_SYSTEM, "cache %s: %s, and can't be written: %s", s->path,
                  is_new(id) ? "is empty" : "is of an older glimt",
                  strerror(store_unwritable(s->path)));
        return OPEN_FAILED;
    }
    const enum opened result = check_pages(s, o, id);
    const int rc = result == OPENED ? store_prepare(s) : SQLITE_OK;
    if (rc != SQLITE_OK)
        return judge(s, o, rc, "opening");
    remember_file(s);
    return result;
}

static enum opened examine(struct store *s, struct opening *o)
{
    struct identity id = {0};
    int rc = configure(s);
    if (rc == SQLITE_OK)
        rc = identify(s, &id);
    if (rc != SQLITE_OK)
        return judge(s, o, rc, "opening");
    enum opened result = check_identity(&id, o);
    if (result != OPENED)
        return result;
    if (s->read_only)
        return examine_read_only(s, o, &id);
    if (sqlite3_db_readonly(s->db, "main") == 1) {
        const char *why = access(s->path, W_OK) == 0 ? "read-only" : strerror(errno);
        error_set(o->e, ERROR_SYSTEM,
                  "cache %s: can't be written: %s; --cache DIR takes another place, --cache none "
                  "goes without",
                  s->path, why);
        return OPEN_FAILED;
    }
    if (is_new(&id)) { /* before the first page, which auto_vacuum writes */
        rc = store_pragma(s, "PRAGMA page_size = " NUMBER_TEXT(STORE_PAGE_SIZE), NULL, 0);
        if (rc == SQLITE_OK)
            rc = reserve_sums(s);
        if (rc == SQLITE_OK)
            rc = store_pragma(s, "PRAGMA auto_vacuum = INCREMENTAL", NULL, 0);
        if (rc != SQLITE_OK)
            return judge(s, o, rc, "opening");
    }
    if (s->network || id.version < o->how->n_steps)
        result = migrate(s, o);
    if (result == OPENED)
        result = check_pages(s, o, &id);
    if (result != OPENED)
        return result;
    if ((rc = set_journal(s)) != SQLITE_OK || (rc = store_prepare(s)) != SQLITE_OK)
        return judge(s, o, rc, "opening");
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    remember_file(s);
    return OPENED;
}

/* SQLite removes the journals of the last connection by their name: of a file that was set aside
 * these are another's by now. */
static void keep_journals(struct store *s)
{
    int moved = 0, keep = 1;
    sqlite3_file_control(s->db, "main", SQLITE_FCNTL_HAS_MOVED, &moved);
    if (moved)
        sqlite3_file_control(s->db, "main", SQLITE_FCNTL_PERSIST_WAL, &keep);
}

static void disconnect(struct store *s)
{
    store_unprepare(s);
    keep_journals(s);
    sqlite3_close(s->db);
    s->db = NULL;
}

/* Is it in WAL mode, with nothing in a journal? SQLite then needs files beside it that it can't
 * make here; nobody has it open, or nobody wrote yet. */
static bool is_at_rest(const char *path)
{
    unsigned char header[20] = {0};
    FILE *f = fopen(path, "rbe");
    const bool read = f != NULL && fread(header, sizeof header, 1, f) == 1;
    if (f != NULL)
        fclose(f);
    return read && header[18] == 2 && store_file_size(path, "-wal") == 0 &&
           store_file_size(path, "-journal") == 0;
}

/* As a URI, since there is no other way to say that a file does not change. */
static int open_read_only(struct store *s)
{
    struct strbuf uri;
    strbuf_init(&uri);
    strbuf_adds(&uri, "file:");
    for (const char *c = s->path; *c != '\0'; c++)
        if (strchr("%?#", *c) != NULL)
            strbuf_addf(&uri, "%%%02x", (unsigned)(unsigned char)*c);
        else
            strbuf_addc(&uri, *c);
    s->as_is = is_at_rest(s->path);
    strbuf_adds(&uri, s->as_is ? "?immutable=1" : "?immutable=0");
    const int rc = sqlite3_open_v2(uri.s, &s->db,
                                   SQLITE_OPEN_READONLY | SQLITE_OPEN_URI |
                                       SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX,
                                   STORE_VFS);
    strbuf_release(&uri);
    return rc;
}

static int open_file(struct store *s)
{
    return s->read_only ? open_read_only(s)
                        : sqlite3_open_v2(s->path, &s->db,
                                          SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE |
                                              SQLITE_OPEN_PRIVATECACHE | SQLITE_OPEN_NOMUTEX,
                                          STORE_VFS);
}

static enum opened connect_file(struct store *s, struct opening *o)
{
    struct stat st;
    if (stat(s->path, &st) == 0 && !S_ISREG(st.st_mode)) {
        error_set(o->e, ERROR_SYSTEM, "cache %s: is a %s, expected a file", s->path,
                  S_ISDIR(st.st_mode) ? "folder" : "device");
        return OPEN_FAILED;
    }
    const int rc = open_file(s);
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

/* Sets aside what is no store of this glimt's and begins a new one. */
static enum opened connect_or_begin(struct store *s, const char *folder, struct opening *o,
                                    char *said, size_t n_said)
{
    const int lock = store_lock_folder(folder);
    char name[64];
    enum opened result = connect_file(s, o);
    if (result == OPEN_ASIDE && !store_set_aside(s->path, o->aside, name, sizeof name, o->e)) {
        result = OPEN_FAILED;
    } else if (result == OPEN_ASIDE) {
        if (said != NULL)
            snprintf(said, n_said, SAID_ASIDE, s->path, o->why, name);
        result = connect_file(s, o);
    }
    store_unlock_folder(lock);
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
    store_vfs_register();
    const int why = store_unwritable(s->path);
    s->read_only = why != 0;
    struct opening o = {.how = how, .e = e};
    const enum opened result =
        s->read_only ? connect_file(s, &o) : connect_or_begin(s, folder, &o, said, n_said);
    if (result == OPEN_ASIDE) /* it can't be, or the new one is some other program's doing */
        error_set(e, ERROR_SYSTEM, "cache %s: %s", s->path, o.why);
    else if (result == OPENED && s->read_only && said != NULL)
        snprintf(said, n_said, SAID_READ_ONLY, s->path, strerror(why));
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

bool store_is_in_place(const struct store *s)
{
    struct stat st;
    return stat(s->path, &st) == 0 && st.st_dev == s->device && st.st_ino == s->inode &&
           (!s->as_is || (st.st_size == s->size && st.st_mtim.tv_sec == s->written.tv_sec &&
                          st.st_mtim.tv_nsec == s->written.tv_nsec));
}

bool store_is_damaged(const struct store *s)
{
    bool met = false;
    sqlite3_file_control(s->db, "main", STORE_CONTROL_DAMAGED, &met);
    return s->damaged || met;
}

static char *folder_of(const struct store *s)
{
    return xstrndup(s->path, (size_t)(strrchr(s->path, '/') - s->path));
}

/* Unless another process has begun a new file meanwhile: name is "" then. */
static bool retire(const struct store *s, char *name, size_t n_name, struct error *e)
{
    name[0] = '\0';
    if (s->read_only)
        return !store_is_in_place(s) ||
               error_set(e, ERROR_SYSTEM, "cache %s: is damaged, and can't be set aside: %s",
                         s->path, strerror(store_unwritable(s->path)));
    char *folder = folder_of(s);
    const int lock = store_lock_folder(folder);
    const bool ok = !store_is_in_place(s) || store_set_aside(s->path, "damaged", name, n_name, e);
    store_unlock_folder(lock);
    free(folder);
    return ok;
}

static bool close_file(struct store *s, char *name, size_t n_name, struct error *e)
{
    store_finish_abort(s, s->finish.run);
    store_rollback(s);
    store_touch(s, SQL_RUN_RELEASE_ALL, VALUES(TEXT(s->owner)));
    const bool damaged = store_is_damaged(s);
    disconnect(s);
    name[0] = '\0';
    return !damaged || retire(s, name, n_name, e);
}

static void free_store(struct store *s)
{
    free(s->path);
    free(s);
}

void store_close(struct store *s)
{
    char name[64];
    if (s == NULL)
        return;
    close_file(s, name, sizeof name, NULL);
    free_store(s);
}

bool store_heal(struct store **s, char *said, size_t n_said, struct error *e)
{
    struct store *old = *s;
    char name[64], *folder = folder_of(old);
    *s = NULL;
    bool ok = close_file(old, name, sizeof name, e) && store_open(folder, s, said, n_said, e);
    if (ok && name[0] != '\0' && said[0] == '\0')
        snprintf(said, n_said, SAID_ASIDE, old->path, "is damaged", name);
    free(folder);
    free_store(old);
    return ok;
}

const char *store_path(const struct store *s)
{
    return s->path;
}

bool store_is_network(const struct store *s)
{
    return s->network;
}

bool store_is_read_only(const struct store *s)
{
    return s->read_only;
}
