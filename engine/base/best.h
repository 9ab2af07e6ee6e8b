/* The n largest of many numbers, as they come by: of equal ones those of lower id. NaN is none. */
#ifndef GLIMT_BASE_BEST_H
#define GLIMT_BASE_BEST_H
#include <stdint.h>

struct best_item {
    double value;
    int32_t id;
};
struct best { /* until best_sort: a heap with the least at its root */
    int32_t n, cap;
    struct best_item *item; /* [cap], the owner's */
};

void best_init(struct best *, int32_t cap);
void best_release(struct best *);
void best_clear(struct best *);
void best_offer(struct best *, double value, int32_t id);
/* item[0 … n−1] largest first; then clear before offering again. */
void best_sort(struct best *);
#endif
