/* How much a test tries. GLIMT_QUICK: it runs under valgrind or the sanitizers, up to thirty times
 * slower; GLIMT_LONG: everything, however long it takes. */
#ifndef GLIMT_SUPPORT_EFFORT_H
#define GLIMT_SUPPORT_EFFORT_H
#include <stdbool.h>
#include <stdlib.h>

static inline bool quick(void)
{
    return getenv("GLIMT_QUICK") != NULL;
}
static inline bool lengthy(void)
{
    return getenv("GLIMT_LONG") != NULL;
}
#endif
