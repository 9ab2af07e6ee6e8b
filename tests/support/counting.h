/* A device that counts what crosses to it and back: the pointers of another one are wrapped, so all
 * else is that one's own. One device at a time. */
#ifndef GLIMT_TEST_COUNTING_H
#define GLIMT_TEST_COUNTING_H
#include "engine/backend.h"

struct counted {
    int64_t allocs;   /* buffers and sequences of keys and values that were made */
    int64_t put, got; /* bytes to the device, from it */
};
void counting_install(struct backend *);
struct counted counting_take(void); /* since the last take */
int64_t counting_held(void);        /* bytes of buffers made since then and not yet given back */
#endif
