#include "engine/backend/synchronous.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct queue *synchronous_queue_new(struct backend *b, enum queue_kind kind, struct error *e)
{
    struct queue *q = malloc(sizeof *q);
    if (q)
        *q = (struct queue){.backend = b, .kind = kind};
    else
        error_set(e, ERROR_SYSTEM, "no memory for a queue");
    return q;
}

void synchronous_queue_free(struct queue *q)
{
    free(q);
}

bool synchronous_queue_status(struct queue *q, struct error *e)
{
    if (!error_is_set(&q->err))
        return true;
    error_set(e, q->err.kind, "%s", q->err.text);
    q->err = (struct error){0};
    q->failed = q->number;
    return false;
}

void synchronous_queue_sync(struct queue *q)
{
    (void)q;
}

uint64_t synchronous_queue_mark(struct queue *q)
{
    (void)q;
    return 0;
}

bool synchronous_queue_pending(struct queue *q, uint64_t mark)
{
    (void)q, (void)mark;
    return false;
}

void synchronous_queue_wait(struct queue *q, struct queue *other, uint64_t mark)
{
    (void)q, (void)other, (void)mark;
}

/* The kernel's own estimate, which counts what it would give back of files it has read. */
struct device_memory machine_memory(const struct backend *b)
{
    (void)b;
    const long pages = sysconf(_SC_PHYS_PAGES), page = sysconf(_SC_PAGESIZE);
    struct device_memory m = {0};
    if (pages > 0 && page > 0)
        m.total = (uint64_t)pages * (uint64_t)page;
    FILE *f = fopen("/proc/meminfo", "re");
    char line[128];
    uint64_t kb;
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "MemAvailable: %" SCNu64, &kb) == 1 ||
            sscanf(line, "SwapFree: %" SCNu64, &kb) == 1)
            m.free += kb << 10;
    if (f)
        fclose(f);
    return m;
}
