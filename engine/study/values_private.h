/* What the files of the values study share. */
#ifndef GLIMT_VALUES_PRIVATE_H
#define GLIMT_VALUES_PRIVATE_H
#include "engine/study/units.h"
#include "engine/study/values.h"

struct study {
    struct study_in in;
    struct units units;
    int64_t n; /* tokens so far */
    size_t cap;
    int32_t *doc, *pos, *start, *end; /* [n] */
    float *pre[UNITS_MAX], *act[UNITS_MAX];
};
#endif
