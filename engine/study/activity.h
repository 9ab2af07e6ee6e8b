/* Activity: what units do on the texts of a corpus, at some positions, with SAEs inserted and
 * others held at fixed values: mean and standard deviation by class, and the values themselves of
 * the first tokens. Units may lie at several places, or be all of one.
 *
 * A text is its first window; its positions count the BOS, where there is one, as 0. A unit's value
 * is its activation (0: a latent that is not active), read behind what is held; of an SAE that is
 * inserted, and of a transcoder, it is what stands in the code that is decoded. With `pre` that of
 * a neuron of mlp.act is its pre-activation. With `minus-at` it is how much more that is than with
 * the held units at these values.
 * study_ops: activity_study. tables: "rows": unit (KEY), class (SERIES), mean (Y), sd (n − 1),
 * tokens, texts (that gave a position). */
#ifndef GLIMT_STUDY_ACTIVITY_H
#define GLIMT_STUDY_ACTIVITY_H
#include "engine/study/units.h"

/* Rows that queries about activity share with the study. */
#define ACTIVITY_FROM_ROW                                                                          \
    {                                                                                              \
        "from", "N", "first position of a text that counts; the BOS is 0", PARAM_INT, "10",        \
            .min = 0, .max = INT32_MAX - 2, .in_key = true                                         \
    }
#define ACTIVITY_TO_ROW                                                                            \
    {                                                                                              \
        "to", "N", "last position that counts", PARAM_INT, "399", .min = 0, .max = INT32_MAX - 2,  \
                                                                  .in_key = true                   \
    }

int32_t activity_n_units(const struct study *);
struct unit_id activity_unit(const struct study *, int32_t j);
void activity_name(const struct study *, int32_t j, char out[UNIT_NAME_MAX]);
int32_t activity_n_classes(const struct study *);
const char *activity_class(const struct study *, int32_t cls);

struct activity { /* of a unit on a class, or several pooled */
    int64_t tokens, texts;
    double mean, sd; /* NaN: no token; fewer than two */
};
struct activity activity_of(const struct study *, int32_t j, int32_t cls);
/* Of all classes but one. */
struct activity activity_others(const struct study *, int32_t j, int32_t cls);
/* The first values of a class in the order of the corpus, [*n, units]. Borrowed. */
const float *activity_values(const struct study *, int32_t cls, int64_t *n);
#endif
