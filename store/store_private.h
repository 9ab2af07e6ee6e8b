/* What the parts of the store share, and the doors tests go in by. */
#ifndef GLIMT_STORE_PRIVATE_H
#define GLIMT_STORE_PRIVATE_H
#include "store/sql.h"
#include "store/store.h"
#include <sqlite3.h>
#include <sys/types.h>

#define STORE_FILE "glimt.db"
#define STORE_VFS "glimt"
#define STORE_APPLICATION_ID 0x676c6d74 /* "glmt" */
/* A detail is about 1.1 kB: three a page of 4 kB would waste a fifth of it. */
#define STORE_PAGE_SIZE 8192
#define STORE_SUM_SIZE 8
#define STORE_BUSY_MS 10000
#define STORE_ALIVE_S 60 /* a heartbeat older than this is nobody's */
/* On a network folder a transaction costs several round trips, and locks nobody out who is not
 * already: it may hold more. */
#define STORE_NETWORK_BYTES (16 * 1024 * 1024)
#define STORE_LOCAL_BYTES (256 * 1024)
#define STORE_TOUCH_S 3600 /* last_used is right to the hour: reading does not write each time */

struct store {
    sqlite3 *db;
    char *path; /* absolute */
    bool network, wal;
    bool read_only; /* nothing is written, locked or set aside */
    bool as_is; /* the file is taken not to change: its size and time are those of the opening */
    int busy_ms;
    bool damaged; /* met so far: the file is set aside at close */
    dev_t device; /* which file path was when it was opened */
    ino_t inode;
    int64_t size;
    struct timespec written;
    char owner[320];
    int64_t loose; /* bytes of pieces in an open transaction: they count for nothing yet */
    sqlite3_stmt *statement[SQL_N];
    struct { /* between store_finish_begin and store_finish or _abort */
        bool open;
        bool begun; /* a transaction is; not between store_finish_pause and what is put next */
        int64_t run, bytes, n_results;
        int64_t committed;  /* of bytes */
        struct error error; /* sticky */
    } finish;
};

/* ---- open.c, schema.c */
struct store_how {
    bool network;
    int busy_ms;
    const char *const *step; /* step[v] takes a file of version v to v + 1 */
    int n_steps;
};
extern const char *const store_steps[];
extern const int store_n_steps;
bool store_open_as(const char *dir, const struct store_how *, struct store **out, char *said,
                   size_t n_said, struct error *e);

/* ---- page_sum.c */
void store_vfs_register(void); /* once is enough; connections name it, STORE_VFS */
/* A file control: was a page met whose sum does not fit (bool)? */
#define STORE_CONTROL_DAMAGED 0x676c6d74

/* ---- place.c: the folder and the files in it */
/* Makes dir where it is missing and returns its absolute name, the caller's; NULL and *e. One that
 * can't be written must hold a store. */
char *store_folder(const char *dir, struct error *e);
/* May the file at path, its journals and what is set aside be written? 0, or why not (an errno). */
int store_unwritable(const char *path);
bool store_type_is_network(uint32_t f_type); /* of statfs */
/* Keeps other processes from opening or setting aside at the same time; −1: the filesystem has no
 * such lock. */
int store_lock_folder(const char *dir);
void store_unlock_folder(int lock);
/* Renames path and its journals to path.WHAT-N; the name without folder in aside. */
bool store_set_aside(const char *path, const char *what, char *aside, size_t n_aside,
                     struct error *e);
int64_t store_file_size(const char *path, const char *suffix); /* 0: not there */

/* ---- owner.c */
void store_owner(char *out, size_t n); /* this process and this opening of the store */
/* Is a process at a run with this owner and heartbeat? */
bool store_owner_lives(const char *owner, int64_t heartbeat);
int64_t store_now(void); /* Unix seconds */

/* ---- statement.c: every int is an SQLite result code */
struct value {
    enum { VALUE_NULL, VALUE_INT, VALUE_TEXT, VALUE_BLOB } type;
    int64_t i;
    const void *p;
    size_t n;
};
#define INT(x) ((struct value){VALUE_INT, (x), NULL, 0})
#define TEXT(s) ((struct value){VALUE_TEXT, 0, (s), 0})
#define BLOB(p, n) ((struct value){VALUE_BLOB, 0, (p), (n)})
#define ID(x) ((struct value){(x) == 0 ? VALUE_NULL : VALUE_INT, (x), NULL, 0})
#define VALUES(...)                                                                                \
    (const struct value[]){__VA_ARGS__},                                                           \
        (int)(sizeof((const struct value[]){__VA_ARGS__}) / sizeof(struct value))
#define NO_VALUES NULL, 0

/* Does a result code say that the file is damaged? */
bool store_is_damage(int rc);
int store_prepare(struct store *); /* all statements */
void store_unprepare(struct store *);
/* Runs a statement that gives no rows. */
int store_do(struct store *, enum statement, const struct value *, int n);
/* SQLITE_ROW: read the columns of store_row(s, which), then store_reset. Values are borrowed until
 * then. SQLITE_DONE: no row (reset already); anything else is an error (likewise). */
int store_first(struct store *, enum statement, const struct value *, int n);
int store_next(struct store *, enum statement);
static inline sqlite3_stmt *store_row(struct store *s, enum statement which)
{
    return s->statement[which];
}
void store_reset(struct store *, enum statement);
/* The one integer a statement gives. */
int store_integer(struct store *, enum statement, int64_t *out);
/* One of a kind, given as text: pragmas at opening. out may be NULL. */
int store_pragma(struct store *, const char *sql, char *out, size_t n_out);
int store_pragma_integer(struct store *, const char *sql, int64_t *out);
/* Appends a column's bytes; false: no memory. */
bool store_column(sqlite3_stmt *, int column, struct strbuf *out);
/* Says what was being done and why it failed. Always false. Before the rollback, while SQLite still
 * knows. */
bool store_fail(struct store *, int rc, struct error *, const char *doing, ...)
    __attribute__((format(printf, 4, 5), cold));
/* One write transaction; refused within that of a finish. */
bool store_begin(struct store *, struct error *);
/* Commits if ok, else rolls back; ok and committed. */
bool store_commit(struct store *, bool ok, struct error *);
void store_rollback(struct store *);
/* Writes what need not be written: waits for nobody, fails in silence. */
void store_touch(struct store *, enum statement, const struct value *, int n);
/* Empties the WAL into the file; what another process holds stays. wait: for its readers. */
void store_flush(struct store *, bool wait);

/* ---- state.c */
/* With its pieces, within a transaction. */
int store_drop_state(struct store *, int64_t run);
/* All pieces of it are there; false and *e. Within a transaction. */
bool store_save_is_whole(const struct store_save *, struct error *e);
/* One that has no pieces. */
int store_next_generation(struct store *, int64_t run, int64_t *out);

/* ---- latent.c */
bool store_drop_results(struct store *, int64_t run, struct error *);
#endif
