/* Sparse codes in the machine's memory. Private to engine/cpu. */
#ifndef GLIMT_ENGINE_CPU_CODES_H
#define GLIMT_ENGINE_CPU_CODES_H
#include "engine/cpu/device.h"

struct codes {
    int32_t *start, *ids;
    float *vals;
    int32_t n_rows, capacity;
};

/* Each false, and the queue's error set, when they are not what they should be: */
bool codes_view(struct queue *, const char *op, const struct csr *, struct codes *);
/* rows first … first + rows − 1 are among theirs (then start[first] is there: of the first row 0);
 */
bool codes_have_rows(struct queue *, const char *op, const struct codes *, int32_t first,
                     int32_t rows);
/* and there is room for k of m values of each. */
bool codes_bounded(struct queue *, const char *op, const struct codes *, int32_t first,
                   int32_t rows, int32_t k, int32_t m);

/* Writes a value that is active behind the n that a row has; returns how many it has then. */
int32_t codes_keep(const struct select *, int32_t id, float v, int32_t *ids, float *vals,
                   int32_t n);
#endif
