/* Later units that change when others are switched: tables of studies of activity
 * (engine/study/activity.h). */
#ifndef GLIMT_STUDY_SHIFT_H
#define GLIMT_STUDY_SHIFT_H
#include "engine/study/activity.h"

/* Of a study of differences (minus-at), all classes pooled: "rows", those that change most and most
 * consistently first, `top` of them (0: all): unit (KEY), mean (Y), range.lo, range.hi (LO, HI:
 * mean − sd, mean + sd), sd, score (|mean| − sd). mark BAR. */
struct table *downstream_rows(const struct study *, int32_t top);
/* The first `most` of these units, in the dictionaries of the study; how many. */
int32_t downstream_best(const struct study *, int32_t most, struct unit_id *out);
/* Of two studies of the same units, others on and off: "rows": unit (KEY), class (SERIES; missing:
 * of all), shift (Y; off minus on), on, off (means), tokens. mark BAR. */
struct table *shift_rows(const struct study *on, const struct study *off);
/* "histogram" of the values that they kept, all classes together: unit (FACET), run (SERIES: on,
 * off), lo, hi, share (Y), count: 30 bins over the joint range; of the first `most` units. */
struct table *shift_histogram(const struct study *on, const struct study *off, int32_t most);
#endif
