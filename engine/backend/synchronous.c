#include "engine/backend/synchronous.h"
#include <stdlib.h>

struct queue *synchronous_queue_new(struct backend *b, enum queue_kind kind, struct error *e)
{
    struct queue *q = malloc(sizeof *q);
    if (q)
        *q = (struct queue){.backend = b, .kind = kind};
    else
        error_set(e, ERROR_MEMORY, "no memory for a queue");
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
