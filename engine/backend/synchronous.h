/* Queues of a device whose operations are done when they return: pointers for its struct backend.
 * Only the error is a queue's own; there is never anything to wait for. Their memory is the
 * machine's. */
#ifndef GLIMT_BACKEND_SYNCHRONOUS_H
#define GLIMT_BACKEND_SYNCHRONOUS_H
#include "engine/backend.h"

struct queue *synchronous_queue_new(struct backend *, enum queue_kind, struct error *);
void synchronous_queue_free(struct queue *);
bool synchronous_queue_status(struct queue *, struct error *);
void synchronous_queue_sync(struct queue *);
uint64_t synchronous_queue_mark(struct queue *);
bool synchronous_queue_pending(struct queue *, uint64_t mark);
void synchronous_queue_wait(struct queue *, struct queue *other, uint64_t mark);
/* The kernel's own estimate, which counts what it would give back of files that were read, with
 * swap; no more than the control groups leave that this process is in. */
struct device_memory machine_memory(const struct backend *);
struct device_memory
machine_memory_under(const char *root); /* of the files under it; "": the machine */
#endif
