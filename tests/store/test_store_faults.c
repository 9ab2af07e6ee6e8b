/* The n-th thing that SQLite needs fails, for n = 1, 2, … until a whole scenario passes
 * undisturbed: reads, writes, syncs and locks (a VFS between SQLite and the real one), a full disk,
 * memory, single steps of statements, commits, and the process itself (which dies at the n-th
 * operation, a write half done). Whatever fails, the file opens again, hangs together, and holds
 * the old state or the new one; what was confirmed is there. Then several processes at once, and
 * kill −9.
 *
 * GLIMT_QUICK=1 tries few n (sanitizers, valgrind), GLIMT_LONG=1 every one. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "store/store_private.h"
#include "tests/support/effort.h"
#include "tests/support/store_fixture.h"
#include "tests/support/testdata.h"
#include <errno.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

/* ---- what fails, and when */

enum fault_kind { FAULT_NONE, FAULT_IO, FAULT_FULL, FAULT_MEMORY, FAULT_STEP, FAULT_COMMIT };

static struct {
    enum fault_kind kind;
    long at, seen;
    bool for_ever; /* and everything after it */
    bool dies;     /* the process with it */
    bool fired;
} fault;

static void arm(enum fault_kind kind, long at, bool for_ever, bool dies)
{
    memset(&fault, 0, sizeof fault);
    fault.kind = kind, fault.at = at, fault.for_ever = for_ever, fault.dies = dies;
}

static bool strikes(enum fault_kind kind)
{
    if (fault.kind != kind)
        return false;
    fault.seen++;
    const bool now = fault.seen == fault.at || (fault.for_ever && fault.seen > fault.at);
    fault.fired |= now;
    return now;
}

static bool io_strikes(void)
{
    const bool now = strikes(FAULT_IO);
    if (now && fault.dies)
        _exit(9);
    errno = now ? EIO : errno;
    return now;
}

/* ---- a VFS in front of the real one; nothing is synced, for no machine loses its power here */

struct shim {
    sqlite3_file base;
    sqlite3_file *real;
};

static sqlite3_file *real_of(sqlite3_file *f)
{
    return ((struct shim *)f)->real;
}

static int shim_close(sqlite3_file *f)
{
    return real_of(f)->pMethods->xClose(real_of(f));
}

static int shim_read(sqlite3_file *f, void *p, int n, sqlite3_int64 at)
{
    return io_strikes() ? SQLITE_IOERR_READ : real_of(f)->pMethods->xRead(real_of(f), p, n, at);
}

static int shim_write(sqlite3_file *f, const void *p, int n, sqlite3_int64 at)
{
    if (strikes(FAULT_FULL))
        return SQLITE_FULL;
    if (strikes(FAULT_IO)) {
        real_of(f)->pMethods->xWrite(real_of(f), p, n / 2, at); /* torn */
        if (fault.dies)
            _exit(9);
        errno = EIO;
        return SQLITE_IOERR_WRITE;
    }
    return real_of(f)->pMethods->xWrite(real_of(f), p, n, at);
}

static int shim_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return io_strikes() ? SQLITE_IOERR_TRUNCATE : real_of(f)->pMethods->xTruncate(real_of(f), size);
}

static int shim_sync(sqlite3_file *f, int flags)
{
    (void)f, (void)flags;
    return io_strikes() ? SQLITE_IOERR_FSYNC : SQLITE_OK;
}

static int shim_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return io_strikes() ? SQLITE_IOERR_FSTAT : real_of(f)->pMethods->xFileSize(real_of(f), size);
}

static int shim_lock(sqlite3_file *f, int level)
{
    return io_strikes() ? SQLITE_IOERR_LOCK : real_of(f)->pMethods->xLock(real_of(f), level);
}

static int shim_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int shim_reserved(sqlite3_file *f, int *out)
{
    return io_strikes() ? SQLITE_IOERR_CHECKRESERVEDLOCK
                        : real_of(f)->pMethods->xCheckReservedLock(real_of(f), out);
}

static int shim_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int shim_sector(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int shim_traits(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int shim_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return io_strikes() ? SQLITE_IOERR_SHMMAP
                        : real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, out);
}

static int shim_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    if ((flags & SQLITE_SHM_LOCK) && io_strikes())
        return SQLITE_IOERR_SHMLOCK;
    return real_of(f)->pMethods->xShmLock(real_of(f), at, n, flags);
}

static void shim_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int shim_shm_unmap(sqlite3_file *f, int delete)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), delete);
}

static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = shim_close,
    .xRead = shim_read,
    .xWrite = shim_write,
    .xTruncate = shim_truncate,
    .xSync = shim_sync,
    .xFileSize = shim_size,
    .xLock = shim_lock,
    .xUnlock = shim_unlock,
    .xCheckReservedLock = shim_reserved,
    .xFileControl = shim_control,
    .xSectorSize = shim_sector,
    .xDeviceCharacteristics = shim_traits,
    .xShmMap = shim_shm_map,
    .xShmLock = shim_shm_lock,
    .xShmBarrier = shim_shm_barrier,
    .xShmUnmap = shim_shm_unmap,
};

static sqlite3_vfs *real_vfs, shim_vfs;

static int shim_open(sqlite3_vfs *v, const char *name, sqlite3_file *f, int flags, int *out)
{
    (void)v;
    struct shim *s = (struct shim *)f;
    f->pMethods = NULL;
    if (io_strikes())
        return SQLITE_CANTOPEN;
    s->real = (sqlite3_file *)(s + 1);
    const int rc = real_vfs->xOpen(real_vfs, name, s->real, flags, out);
    if (s->real->pMethods != NULL)
        f->pMethods = &methods;
    return rc;
}

static int shim_delete(sqlite3_vfs *v, const char *name, int sync)
{
    (void)v, (void)sync;
    return io_strikes() ? SQLITE_IOERR_DELETE : real_vfs->xDelete(real_vfs, name, 0);
}

static int shim_access(sqlite3_vfs *v, const char *name, int flags, int *out)
{
    (void)v;
    return io_strikes() ? SQLITE_IOERR_ACCESS : real_vfs->xAccess(real_vfs, name, flags, out);
}

static int shim_full_path(sqlite3_vfs *v, const char *name, int n, char *out)
{
    (void)v;
    return io_strikes() ? SQLITE_CANTOPEN : real_vfs->xFullPathname(real_vfs, name, n, out);
}

/* ---- memory, steps, commits */

static sqlite3_mem_methods real_memory;

static void *shim_malloc(int n)
{
    return strikes(FAULT_MEMORY) ? NULL : real_memory.xMalloc(n);
}

static void *shim_realloc(void *p, int n)
{
    return strikes(FAULT_MEMORY) ? NULL : real_memory.xRealloc(p, n);
}

static int step_hook(void *arg)
{
    (void)arg;
    return strikes(FAULT_STEP);
}

static int commit_hook(void *arg)
{
    (void)arg;
    return strikes(FAULT_COMMIT);
}

/* SQLite calls it for every connection, the store's own too. */
static int on_open(sqlite3 *db, const char **why, const void *api)
{
    (void)why, (void)api;
    if (fault.kind == FAULT_STEP)
        sqlite3_progress_handler(db, 1, step_hook, NULL);
    if (fault.kind == FAULT_COMMIT)
        sqlite3_commit_hook(db, commit_hook, NULL);
    return SQLITE_OK;
}

static void install(void)
{
    sqlite3_config(SQLITE_CONFIG_GETMALLOC, &real_memory);
    sqlite3_mem_methods memory = real_memory;
    memory.xMalloc = shim_malloc;
    memory.xRealloc = shim_realloc;
    sqlite3_config(SQLITE_CONFIG_MALLOC, &memory);
    real_vfs = sqlite3_vfs_find(NULL);
    shim_vfs = *real_vfs;
    shim_vfs.zName = "faults";
    shim_vfs.pNext = NULL;
    shim_vfs.szOsFile = (int)sizeof(struct shim) + real_vfs->szOsFile;
    shim_vfs.xOpen = shim_open;
    shim_vfs.xDelete = shim_delete;
    shim_vfs.xAccess = shim_access;
    shim_vfs.xFullPathname = shim_full_path;
    sqlite3_vfs_register(&shim_vfs, 1);
    int (*hook)(sqlite3 *, const char **, const void *) = on_open;
    void (*erased)(void) = NULL;
    memcpy(&erased, &hook, sizeof erased);
    sqlite3_auto_extension(erased);
}

/* ---- the scenario */

#define N_CHUNKS 4
#define N_LATENTS 24
#define RESULT_BYTES 30000
#define LATENT_BYTES 1100

struct progress { /* what was confirmed, and what was tried last */
    int64_t chunk, tried;
    bool finished, finishing;
    bool gone_finished, removing, removed; /* of the run that is removed again */
    bool through;
};

static struct sha256 hash_of(const char *s)
{
    return sha256_bytes(s, strlen(s));
}

static void fill(char *p, size_t n, unsigned seed)
{
    for (size_t i = 0; i < n; i++)
        p[i] = (char)(seed * 31 + i * 7 + i / 251);
}

/* The state at a chunk: three pieces, of which the first stays, the second changes and the third
 * has another length each time. */
enum { STATE_PIECE = 3000 };

static void state_text(struct strbuf *b, int64_t chunk)
{
    strbuf_clear(b);
    while (b->len < STATE_PIECE)
        strbuf_addc(b, 's');
    while (b->len < 2 * STATE_PIECE + (size_t)chunk)
        strbuf_addf(b, "state %lld ", (long long)chunk);
}

static bool is_state(const struct strbuf *found, int64_t chunk)
{
    struct strbuf expected;
    strbuf_init(&expected);
    state_text(&expected, chunk);
    const bool same = found->len == expected.len && memcmp(found->s, expected.s, expected.len) == 0;
    strbuf_release(&expected);
    return same;
}

static bool holds(const struct strbuf *b, size_t n, unsigned seed)
{
    char expected[RESULT_BYTES];
    fill(expected, n, seed);
    return b->len == n && memcmp(b->s, expected, n) == 0;
}

static bool key_of(struct store *s, const char *name, struct store_run_key *k, struct error *e)
{
    const struct sha256 h = hash_of(name);
    *k = (struct store_run_key){.key = h,
                                .study = "harvest",
                                .args_json = "{}",
                                .precision = "f32",
                                .engine = "1",
                                .n_chunks = N_CHUNKS};
    return store_object(s, "model", &h, name, "{}", &k->model, e) &&
           store_object(s, "corpus", &h, name, "{}", &k->corpus, e);
}

static bool finish(struct store *s, int64_t run, struct error *e)
{
    char p[RESULT_BYTES];
    fill(p, sizeof p, 1);
    bool good = store_finish_begin(s, run, e) && store_put_result(s, run, 0, p, sizeof p, e);
    for (int i = 0; i < N_LATENTS && good; i++) {
        fill(p, LATENT_BYTES, (unsigned)i);
        good = store_put_latent(s, run, i, p, LATENT_BYTES, e);
    }
    good = good && store_put_posting(s, run, 1, 0, "pp", 2, "vv", 2, e);
    if (!good) {
        store_finish_abort(s, run);
        return false;
    }
    return store_finish(s, run, NULL, e);
}

/* Claims run `name` and takes it from where it is to its end, noting what is confirmed. */
static bool complete(struct store *s, const char *name, int64_t *chunk, int64_t *tried,
                     bool *finishing, struct error *e)
{
    struct store_run_key k;
    struct store_run run;
    if (!key_of(s, name, &k, e))
        return false;
    const enum store_claim claim = store_claim(s, &k, &run, e);
    if (claim != CLAIM_OURS)
        return claim == CLAIM_DONE;
    struct strbuf state;
    strbuf_init(&state);
    bool good = true;
    for (int64_t i = run.next_chunk + 1; i <= N_CHUNKS && good; i++) {
        state_text(&state, i);
        *tried = i;
        good = save_state(s, run.id, i, &state, STATE_PIECE, e);
        *chunk = good ? i : *chunk;
    }
    strbuf_release(&state);
    *finishing = good;
    return good && finish(s, run.id, e);
}

/* 1: all of the run is there and right; 0: it is not there or not done; −1: *e. */
static int read_back(struct store *s, const char *name, struct store_run *run, struct error *e)
{
    const struct sha256 key = hash_of(name);
    struct strbuf b, c;
    const enum store_claim claim = store_look(s, &key, run, e);
    if (claim != CLAIM_DONE)
        return claim == CLAIM_FAILED ? -1 : 0;
    strbuf_init(&b);
    strbuf_init(&c);
    int got = store_get_result(s, run->id, 0, &b, e);
    if (got == 1 && !holds(&b, RESULT_BYTES, 1))
        fail_msg("%s: a wrong result", name);
    for (int i = 0; i < N_LATENTS && got == 1; i++) {
        strbuf_clear(&b);
        got = store_get_latent(s, run->id, i, &b, e);
        if (got == 1 && !holds(&b, LATENT_BYTES, (unsigned)i))
            fail_msg("%s: a wrong latent %d", name, i);
    }
    if (got == 1)
        got = store_get_posting(s, run->id, 1, 0, &b, &c, e);
    strbuf_release(&b);
    strbuf_release(&c);
    if (got == 0)
        fail_msg("%s: is done but not all there", name);
    return got;
}

static bool scenario(const char *dir, bool network, struct progress *p, struct error *e)
{
    const struct store_how how = {network, STORE_BUSY_MS, store_steps, store_n_steps};
    const struct store_file file = {1, 2, 3, 4, 5};
    const struct sha256 h = hash_of("file");
    struct store *s = NULL;
    struct store_run run;
    char said[300];
    int64_t ignored = 0;
    bool ignored_too = false;
    if (!store_open_as(dir, &how, &s, said, sizeof said, e))
        goto cleanup;
    if (!complete(s, "gone", &ignored, &ignored, &ignored_too, e))
        goto cleanup;
    p->gone_finished = true;
    if (!complete(s, "stays", &p->chunk, &p->tried, &p->finishing, e))
        goto cleanup;
    p->finished = true;
    store_close(s);
    if (!store_open_as(dir, &how, &s, said, sizeof said, e))
        goto cleanup;
    if (read_back(s, "gone", &run, e) != 1 || !store_file_remember(s, &file, &h, e))
        goto cleanup;
    p->removing = true;
    if (!store_remove(s, run.id, e))
        goto cleanup;
    p->removed = true;
    if (read_back(s, "stays", &run, e) != 1 || !store_prune(s, 1, -1, &ignored, e) ||
        !store_check(s, e))
        goto cleanup;
    p->through = true;
cleanup:
    if (said[0] != '\0')
        fail_msg("set aside: %s", said);
    if (s != NULL && error_is_set(e) && fault.kind == FAULT_FULL) {
        /* a full disk is said in one clear line, and when there is room again all goes on */
        if (strstr(e->text, "no space left; free some there, or use --cache DIR") == NULL)
            fail_msg("full: %s", e->text);
        struct error later = {0};
        fault.kind = FAULT_NONE;
        if (!complete(s, "after", &ignored, &ignored, &ignored_too, &later))
            fail_msg("after a full disk: %s", later.text);
    }
    store_close(s);
    return p->through;
}

/* The file after a scenario that stopped somewhere. */
static void verify(const char *dir, const struct progress *p, const char *what)
{
    struct store *s = NULL;
    struct error e = {0};
    struct store_run run = {0};
    char said[300];
    fault.kind = FAULT_NONE;
    if (!store_open(dir, &s, said, sizeof said, &e) || !store_check(s, &e))
        fail_msg("%s: %s", what, e.text);
    if (said[0] != '\0')
        fail_msg("%s: %s", what, said);
    const int stays = read_back(s, "stays", &run, &e);
    if (stays < 0 || (stays == 0 && p->finished) || (stays == 1 && !p->finishing))
        fail_msg("%s: the run is %d (confirmed %d, tried %d) %s", what, stays, p->finished,
                 p->finishing, e.text);
    if (stays == 0 && (run.next_chunk < p->chunk || run.next_chunk > p->tried))
        fail_msg("%s: at chunk %d (confirmed %d, tried %d)", what, (int)run.next_chunk,
                 (int)p->chunk, (int)p->tried);
    if (stays == 0 && run.next_chunk > 0) {
        struct strbuf b;
        strbuf_init(&b);
        if (!read_state(s, run.id, &b, &e) || !is_state(&b, run.next_chunk))
            fail_msg("%s: no state of chunk %d: %zu bytes, %.20s %s", what, (int)run.next_chunk,
                     b.len, b.s, e.text);
        strbuf_release(&b);
    }
    const int gone = read_back(s, "gone", &run, &e);
    if (gone < 0 || (gone == 1 && p->removed) || (gone == 0 && p->gone_finished && !p->removing))
        fail_msg("%s: the removed run is %d (removed %d) %s", what, gone, p->removed, e.text);
    /* and it goes on from there */
    struct progress q = {0};
    /* What could not be given back when the store was closed looks alive: a minute passes. */
    store_pragma(s, "UPDATE run SET heartbeat = heartbeat - 100", NULL, 0);
    if (!complete(s, "stays", &q.chunk, &q.tried, &q.finishing, &e) || !store_check(s, &e))
        fail_msg("%s: going on: %s", what, e.text);
    store_close(s);
}

static void empty(const char *dir)
{
    static const char *const name[] = {"", "-wal", "-shm", "-journal"};
    for (size_t i = 0; i < sizeof name / sizeof *name; i++) {
        char *path = xasprintf("%s/" STORE_FILE "%s", dir, name[i]);
        unlink(path);
        free(path);
    }
    static const char *const kept[] = {"aside", "damaged"};
    for (size_t i = 0; i < 2; i++) {
        char *aside = xasprintf("%s/" STORE_FILE ".%s-1", dir, kept[i]);
        assert_int_not_equal(access(aside, F_OK), 0);
        free(aside);
    }
}

/* Every step-th n, so that two fifths of `most` are tried; every one in long runs. */
static long stride(enum fault_kind kind, const char *dir, bool network, long most)
{
    struct progress p = {0};
    struct error e = {0};
    empty(dir);
    arm(kind, -1, false, false);
    if (!scenario(dir, network, &p, &e))
        fail_msg("undisturbed: %s", e.text);
    assert_true(fault.seen > 0);
    const long seen = fault.seen;
    fault.kind = FAULT_NONE;
    if (lengthy())
        return 1;
    most = quick() ? most / 20 + 4 : most * 2 / 5;
    return seen / most + 1;
}

static void all_faults(const char *dir, enum fault_kind kind, bool for_ever, bool network,
                       long most)
{
    const long step = stride(kind, dir, network, most);
    long tried = 0;
    for (long n = 1;; n += step, tried++) {
        struct progress p = {0};
        struct error e = {0};
        char what[80];
        snprintf(what, sizeof what, "fault %d at %ld", (int)kind, n);
        empty(dir);
        arm(kind, n, for_ever, false);
        const bool through = scenario(dir, network, &p, &e);
        const bool fired = fault.fired;
        if (through == error_is_set(&e))
            fail_msg("%s: %s without %s", what, through ? "through" : "failed", "its error");
        if (!through && !fired)
            fail_msg("%s: nothing failed, and yet: %s", what, e.text);
        verify(dir, &p, what);
        if (!fired)
            break;
    }
    print_message("%ld faults, every %ld\n", tried, step);
}

#define FAULTS(NAME, KIND, FOR_EVER, NETWORK, MOST)                                                \
    static void NAME(void **state)                                                                 \
    {                                                                                              \
        all_faults(*state, KIND, FOR_EVER, NETWORK, MOST);                                         \
    }
FAULTS(io_fails_once, FAULT_IO, false, false, 1000)
FAULTS(io_fails_from_then_on, FAULT_IO, true, false, 200)
FAULTS(io_fails_once_on_a_network_folder, FAULT_IO, false, true, 400)
FAULTS(io_fails_from_then_on_on_a_network_folder, FAULT_IO, true, true, 100)
FAULTS(disk_full_once, FAULT_FULL, false, false, 400)
FAULTS(disk_full_from_then_on, FAULT_FULL, true, false, 200)
FAULTS(disk_full_on_a_network_folder, FAULT_FULL, true, true, 100)
FAULTS(memory_fails_once, FAULT_MEMORY, false, false, 250)
FAULTS(memory_fails_from_then_on, FAULT_MEMORY, true, false, 150)
FAULTS(steps_fail_once, FAULT_STEP, false, false, 250)
FAULTS(steps_fail_from_then_on, FAULT_STEP, true, false, 150)
FAULTS(commits_fail_once, FAULT_COMMIT, false, false, 100)
FAULTS(commits_fail_from_then_on, FAULT_COMMIT, true, false, 100)

/* ---- processes */

static void *shared(size_t n)
{
    void *p = mmap(NULL, n, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(p != MAP_FAILED);
    return p;
}

static void dies_at_every_operation(void **state)
{
    const char *dir = *state;
    struct progress *p = shared(sizeof *p);
    for (int network = 0; network < 2; network++) {
        const long step = stride(FAULT_IO, dir, network != 0, network ? 80 : 200);
        for (long n = 1;; n += step) {
            memset(p, 0, sizeof *p);
            empty(dir);
            const pid_t child = fork();
            assert_true(child >= 0);
            if (child == 0) {
                struct error e = {0};
                arm(FAULT_IO, n, false, true);
                _exit(scenario(dir, network != 0, p, &e) ? 0 : 1);
            }
            int status = 0;
            char what[80];
            snprintf(what, sizeof what, "dead at %ld", n);
            assert_int_equal(waitpid(child, &status, 0), child);
            assert_true(WIFEXITED(status));
            verify(dir, p, what);
            if (WEXITSTATUS(status) == 0)
                break;
            assert_int_equal(WEXITSTATUS(status), 9);
        }
    }
    munmap(p, sizeof *p);
}

#define N_RUNS 12
#define N_PROCESSES 3

/* They begin with a file that is none, which one of them sets aside. Every process wants every run,
 * each beginning elsewhere; each run is finished by one of them. */
static void works_through_all(const char *dir, int me, atomic_int *finished)
{
    struct store *s = NULL;
    struct error e = {0};
    if (!store_open(dir, &s, NULL, 0, &e))
        panic("process %d: %s", me, e.text);
    for (int left = N_RUNS; left > 0;) {
        left = 0;
        for (int i = 0; i < N_RUNS; i++) {
            const int r = (i + me * N_RUNS / N_PROCESSES) % N_RUNS;
            char name[20];
            struct store_run run = {0};
            int64_t chunk = 0, tried = 0;
            bool finishing = false;
            snprintf(name, sizeof name, "run %d", r);
            const bool done = complete(s, name, &chunk, &tried, &finishing, &e);
            if (finishing && done)
                atomic_fetch_add(&finished[r], 1);
            if (error_is_set(&e) || read_back(s, name, &run, &e) < 0)
                panic("process %d, %s: %s", me, name, e.text);
            left += !done;
        }
        sched_yield();
    }
    store_close(s);
    _exit(0);
}

static void several_processes(void **state)
{
    const char *dir = *state;
    atomic_int *finished = shared(N_RUNS * sizeof *finished);
    free(testdata_write(dir, STORE_FILE, "no database at all", 18));
    pid_t child[N_PROCESSES];
    for (int i = 0; i < N_PROCESSES; i++) {
        child[i] = fork();
        assert_true(child[i] >= 0);
        if (child[i] == 0)
            works_through_all(dir, i, finished);
    }
    for (int i = 0; i < N_PROCESSES; i++) {
        int status = 0;
        assert_int_equal(waitpid(child[i], &status, 0), child[i]);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    struct store *s = NULL;
    struct error e = {0};
    struct store_entry *list = NULL;
    int64_t n = 0;
    if (!store_open(dir, &s, NULL, 0, &e) || !store_check(s, &e) || !store_list(s, &list, &n, &e))
        fail_msg("%s", e.text);
    assert_int_equal(n, N_RUNS);
    for (int i = 0; i < N_RUNS; i++) {
        char name[20];
        struct store_run run;
        snprintf(name, sizeof name, "run %d", i);
        assert_int_equal(read_back(s, name, &run, &e), 1);
        assert_int_equal(finished[i], 1);
    }
    free(list);
    store_close(s);
    char *first = xasprintf("%s/" STORE_FILE ".damaged-1", dir),
         *second = xasprintf("%s/" STORE_FILE ".damaged-2", dir);
    assert_int_equal(access(first, F_OK), 0);
    assert_int_not_equal(access(second, F_OK), 0);
    free(first);
    free(second);
    munmap(finished, N_RUNS * sizeof *finished);
}

struct pulse { /* what the child that will be killed has confirmed */
    atomic_long beats;
    atomic_int run, chunk; /* at that run, so many chunks are saved; those before it are finished */
};

static void works_until_killed(const char *dir, struct pulse *p)
{
    struct store *s = NULL;
    struct error e = {0};
    if (!store_open(dir, &s, NULL, 0, &e))
        panic("%s", e.text);
    for (;;) {
        char name[30];
        snprintf(name, sizeof name, "run %d", atomic_load(&p->run));
        struct store_run_key k;
        struct store_run run;
        if (!key_of(s, name, &k, &e))
            panic("%s", e.text);
        const enum store_claim claim = store_claim(s, &k, &run, &e);
        if (claim == CLAIM_FAILED || claim == CLAIM_BUSY)
            panic("%s: %s", name, claim == CLAIM_BUSY ? "busy" : e.text);
        struct strbuf state;
        strbuf_init(&state);
        for (int64_t i = run.next_chunk + 1; claim == CLAIM_OURS && i <= N_CHUNKS; i++) {
            state_text(&state, i);
            if (!save_state(s, run.id, i, &state, STATE_PIECE, &e))
                panic("%s", e.text);
            atomic_store(&p->chunk, (int)i);
            atomic_fetch_add(&p->beats, 1);
        }
        strbuf_release(&state);
        if (claim == CLAIM_OURS && !finish(s, run.id, &e))
            panic("%s", e.text);
        atomic_store(&p->chunk, 0);
        atomic_fetch_add(&p->run, 1);
        atomic_fetch_add(&p->beats, 1);
    }
}

static void after_the_kill(const char *dir, struct pulse *p)
{
    struct store *s = NULL;
    struct error e = {0};
    struct store_run run = {0};
    char said[300], name[30];
    if (!store_open(dir, &s, said, sizeof said, &e) || !store_check(s, &e))
        fail_msg("%s", e.text);
    assert_string_equal(said, "");
    const int at = atomic_load(&p->run), chunk = atomic_load(&p->chunk);
    for (int i = at > 5 ? at - 5 : 0; i < at; i++) {
        snprintf(name, sizeof name, "run %d", i);
        assert_int_equal(read_back(s, name, &run, &e), 1);
    }
    snprintf(name, sizeof name, "run %d", at);
    const int there = read_back(s, name, &run, &e);
    assert_true(there >= 0);
    if (there == 0 && run.next_chunk < chunk)
        fail_msg("%s fell back from chunk %d to %d", name, chunk, (int)run.next_chunk);
    if (there == 0 && run.next_chunk > chunk + 1)
        fail_msg("%s leapt from chunk %d to %d", name, chunk, (int)run.next_chunk);
    atomic_store(&p->chunk, there == 1 ? 0 : (int)run.next_chunk);
    store_close(s);
}

static void killed_at_any_moment(void **state)
{
    const char *dir = *state;
    struct pulse *p = shared(sizeof *p);
    const int rounds = quick() ? 5 : lengthy() ? 100 : 30;
    for (int i = 0; i < rounds; i++) {
        const long start = atomic_load(&p->beats);
        const long beats = 1 + (long)(rng_at(7, (uint64_t)i * 2) % 12);
        volatile long spins = (long)(rng_at(7, (uint64_t)i * 2 + 1) % 400000);
        const pid_t child = fork();
        assert_true(child >= 0);
        if (child == 0)
            works_until_killed(dir, p);
        int status = 0;
        while (atomic_load(&p->beats) - start < beats) {
            assert_int_equal(waitpid(child, &status, WNOHANG), 0);
            sched_yield();
        }
        while (spins > 0)
            spins--;
        kill(child, SIGKILL);
        assert_int_equal(waitpid(child, &status, 0), child);
        assert_true(WIFSIGNALED(status));
        after_the_kill(dir, p);
    }
    assert_true(atomic_load(&p->run) > 0);
    munmap(p, sizeof *p);
}

static int tear_down(void **state)
{
    fault.kind = FAULT_NONE;
    return store_tear_down(state);
}

#define FAULT_TEST(f) cmocka_unit_test_setup_teardown(f, store_set_up, tear_down)

int main(void)
{
    install();
    const struct CMUnitTest tests[] = {
        FAULT_TEST(io_fails_once),
        FAULT_TEST(io_fails_from_then_on),
        FAULT_TEST(io_fails_once_on_a_network_folder),
        FAULT_TEST(io_fails_from_then_on_on_a_network_folder),
        FAULT_TEST(disk_full_once),
        FAULT_TEST(disk_full_from_then_on),
        FAULT_TEST(disk_full_on_a_network_folder),
        FAULT_TEST(memory_fails_once),
        FAULT_TEST(memory_fails_from_then_on),
        FAULT_TEST(steps_fail_once),
        FAULT_TEST(steps_fail_from_then_on),
        FAULT_TEST(commits_fail_once),
        FAULT_TEST(commits_fail_from_then_on),
        FAULT_TEST(dies_at_every_operation),
        FAULT_TEST(several_processes),
        FAULT_TEST(killed_at_any_moment),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
