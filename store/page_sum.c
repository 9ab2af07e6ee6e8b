/* Every page of the file ends with a sum of the rest, so that a page that was zeroed, torn or
 * changed is met as damage and never as a number: a VFS between SQLite and the file, which adds the
 * sums where pages are written and compares them where they are read (the method of SQLite's
 * ext/misc/cksumvfs.c). Frames of the WAL have sums of their own, compared when it is recovered. */
#include "store/store_private.h"
#include <endian.h>
#include <pthread.h>
#include <string.h>

/* Since SQLite 3.48: pages may be read in part. */
#define CAN_READ_PARTS 0x00008000

struct page_file {
    sqlite3_file base; /* what SQLite sees; must come first, the real file lies behind */
    bool summed;       /* its pages have sums */
    bool damaged;      /* one did not fit */
};

static sqlite3_vfs *below; /* the system's own */

static struct page_file *page_file(sqlite3_file *f)
{
    return (struct page_file *)(void *)f;
}

static sqlite3_file *real(sqlite3_file *f)
{
    return (sqlite3_file *)(void *)(page_file(f) + 1);
}

/* Each step is a bijection of its lane, and so is the end of each lane: a change within one word
 * never goes unnoticed, any other once in 2^64. Not zero for a page of zeros. */
static uint64_t sum_of(const unsigned char *page)
{
    const uint64_t prime = UINT64_C(0x9e3779b97f4a7c15);
    uint64_t lane[4] = {1, 2, 3, 4};
    size_t at = 0;
    for (; at < STORE_PAGE_SIZE - STORE_SUM_SIZE; at += sizeof(uint64_t)) {
        uint64_t word, *l = &lane[at / sizeof word % 4];
        memcpy(&word, page + at, sizeof word);
        *l = (*l ^ le64toh(word)) * prime;
        *l ^= *l >> 32;
    }
    uint64_t sum = 0;
    for (int i = 0; i < 4; i++)
        sum = (sum ^ lane[i]) * prime;
    return sum ^ sum >> 32;
}

static bool sum_fits(const unsigned char *page)
{
    uint64_t found;
    memcpy(&found, page + STORE_PAGE_SIZE - STORE_SUM_SIZE, sizeof found);
    return le64toh(found) == sum_of(page);
}

/* The header says whether the file has room for sums. */
static void look_at_header(struct page_file *f, const void *p, int n, sqlite3_int64 at)
{
    const unsigned char *header = p;
    if (at == 0 && n >= 100 && memcmp(header, "SQLite format 3", 16) == 0)
        f->summed = header[20] == STORE_SUM_SIZE;
}

static int file_read(sqlite3_file *file, void *p, int n, sqlite3_int64 at)
{
    struct page_file *f = page_file(file);
    const int rc = real(file)->pMethods->xRead(real(file), p, n, at);
    if (rc != SQLITE_OK)
        return rc;
    look_at_header(f, p, n, at);
    if (!f->summed || n != STORE_PAGE_SIZE || sum_fits(p))
        return SQLITE_OK;
    f->damaged = true;
    return SQLITE_IOERR_DATA;
}

static int file_write(sqlite3_file *file, const void *p, int n, sqlite3_int64 at)
{
    unsigned char page[STORE_PAGE_SIZE];
    look_at_header(page_file(file), p, n, at);
    if (page_file(file)->summed && n == STORE_PAGE_SIZE) {
        memcpy(page, p, sizeof page);
        const uint64_t sum = htole64(sum_of(page));
        memcpy(page + sizeof page - sizeof sum, &sum, sizeof sum);
        p = page;
    }
    return real(file)->pMethods->xWrite(real(file), p, n, at);
}

static int file_control(sqlite3_file *file, int op, void *arg)
{
    if (op == STORE_CONTROL_DAMAGED) {
        *(bool *)arg = page_file(file)->damaged;
        return SQLITE_OK;
    }
    return real(file)->pMethods->xFileControl(real(file), op, arg);
}

static int file_characteristics(sqlite3_file *file)
{
    return real(file)->pMethods->xDeviceCharacteristics(real(file)) & ~CAN_READ_PARTS;
}

/* ---- handed on as it is */
static int file_close(sqlite3_file *f)
{
    return real(f)->pMethods->xClose(real(f));
}

static int file_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    return real(f)->pMethods->xTruncate(real(f), size);
}

static int file_sync(sqlite3_file *f, int flags)
{
    return real(f)->pMethods->xSync(real(f), flags);
}

static int file_size(sqlite3_file *f, sqlite3_int64 *size)
{
    return real(f)->pMethods->xFileSize(real(f), size);
}

static int file_lock(sqlite3_file *f, int lock)
{
    return real(f)->pMethods->xLock(real(f), lock);
}

static int file_unlock(sqlite3_file *f, int lock)
{
    return real(f)->pMethods->xUnlock(real(f), lock);
}

static int file_check_lock(sqlite3_file *f, int *out)
{
    return real(f)->pMethods->xCheckReservedLock(real(f), out);
}

static int file_sector(sqlite3_file *f)
{
    return real(f)->pMethods->xSectorSize(real(f));
}

static int file_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **out)
{
    return real(f)->pMethods->xShmMap(real(f), page, size, extend, out);
}

static int file_shm_lock(sqlite3_file *f, int at, int n, int flags)
{
    return real(f)->pMethods->xShmLock(real(f), at, n, flags);
}

static void file_shm_barrier(sqlite3_file *f)
{
    real(f)->pMethods->xShmBarrier(real(f));
}

static int file_shm_unmap(sqlite3_file *f, int remove)
{
    return real(f)->pMethods->xShmUnmap(real(f), remove);
}

/* Of version 2: without memory maps, which would go past the sums. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = file_close,
    .xRead = file_read,
    .xWrite = file_write,
    .xTruncate = file_truncate,
    .xSync = file_sync,
    .xFileSize = file_size,
    .xLock = file_lock,
    .xUnlock = file_unlock,
    .xCheckReservedLock = file_check_lock,
    .xFileControl = file_control,
    .xSectorSize = file_sector,
    .xDeviceCharacteristics = file_characteristics,
    .xShmMap = file_shm_map,
    .xShmLock = file_shm_lock,
    .xShmBarrier = file_shm_barrier,
    .xShmUnmap = file_shm_unmap,
};

static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *given)
{
    (void)vfs;
    if (!(flags & SQLITE_OPEN_MAIN_DB))
        return below->xOpen(below, name, file, flags, given);
    memset(page_file(file), 0, sizeof(struct page_file));
    real(file)->pMethods = NULL;
    const int rc = below->xOpen(below, name, real(file), flags, given);
    if (rc != SQLITE_OK && real(file)->pMethods != NULL)
        real(file)->pMethods->xClose(real(file));
    file->pMethods = rc == SQLITE_OK ? &methods : NULL;
    return rc;
}

static sqlite3_vfs summing;

static void register_vfs(void)
{
    below = sqlite3_vfs_find(NULL);
    if (below == NULL)
        return;
    summing = *below;
    summing.zName = STORE_VFS;
    summing.pNext = NULL;
    summing.szOsFile = (int)sizeof(struct page_file) + below->szOsFile;
    summing.xOpen = open_file;
    sqlite3_vfs_register(&summing, 0);
}

void store_vfs_register(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, register_vfs);
}
