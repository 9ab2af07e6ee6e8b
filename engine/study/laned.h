/* Losses of a corpus's documents under lanes (engine/lane/lane.h): what the sweep, ablation and
 * their like share. A sub-batch goes to the place where the lanes part, and on to the landing,
 * once; from there every lane is more rows.
 *
 * The lanes part at the first place of the set that takes part. A document without a loss (one
 * token and no BOS) is left out. */
#ifndef GLIMT_STUDY_LANED_H
#define GLIMT_STUDY_LANED_H
#include "engine/lane/lane.h"
#include "engine/study/doc_means.h"
#include "engine/study/units.h"

struct laned_lane {
    struct lane lane;  /* units by place, borrowed */
    int32_t same_as;   /* an earlier lane with the same losses; −1: none */
    int32_t base;      /* what differences are against */
    int32_t n_columns; /* its units at the first place, among laned.first; owned */
    int32_t *column;
};
struct laned {
    struct doc_means docs; /* losses, a column each lane */
    struct study_in in;
    const char *name;
    struct dict_place one; /* where there is no set */
    struct dict_set set;   /* borrowed: what takes part */
    struct lane_place place;
    bool first_window; /* of a document all that counts */
    int32_t n_lanes;
    size_t cap;
    struct laned_lane *lane;
    int32_t n_first, first[UNITS_MAX]; /* units of the first place that some lane changes */
    struct directions directions;      /* theirs */
};

/* Of the study `name`. Checks the inputs; nothing to release when it is false. */
bool laned_init(struct laned *, const char *name, const struct study_in *, struct error *e);
/* Adds a lane; its index. */
int32_t laned_add(struct laned *, const struct lane *, int32_t same_as, int32_t base);
/* All lanes are there: memory for their losses. */
bool laned_ready(struct laned *, struct error *e);
void laned_release(struct laned *);

/* ---- of the study_ops of those whose struct study begins with the laned (DOC_MEANS_FIRST) */
int64_t laned_chunks(const struct study *);
struct partial *laned_chunk(struct study *, int64_t i, struct run *);
#define LANED_OPS .n_chunks = laned_chunks, .chunk = laned_chunk, DOC_MEANS_OPS

/* Mean loss of a document under a lane (nats a token); NaN: not yet, or no loss. */
double laned_loss(const struct laned *, int32_t lane, int64_t doc);
/* That minus the one of its base. */
double laned_difference(const struct laned *, int32_t lane, int64_t doc);
/* Of a class the losses of all lanes, or (difference) each minus that of its base. */
void laned_sample(struct sample *, const struct laned *, int32_t cls, bool difference,
                  uint64_t seed);
#endif
