/* What studies have found about the latents that Explore shows: the histogram of the one looked at
 * and the sweep of the chosen ones, over the corpus in use. Private to tui/view. */
#ifndef GLIMT_VIEW_FINDINGS_H
#define GLIMT_VIEW_FINDINGS_H
#include "tui/view/view.h"

struct findings_curve { /* of a sweep: one insertion, unit (−1: all) and class */
    enum insert insert;
    int32_t unit;
    char cls[32];
    int32_t n;
    double base; /* nothing fixed; NaN: not measured yet */
    double value[STUDY_MAX_VALUES], loss[STUDY_MAX_VALUES]; /* ascending */
};
#define FINDINGS_MAX_CURVES (2 * (SESSION_MAX_UNITS + 1) * 4)

struct findings {
    uint64_t bins_job, sweep_job, recall_job; /* 0: not asked for */
    int32_t bins_unit;                        /* of bins; −1: none */
    struct table_set *bins, *sweep; /* NULL: not there; while they run what there is so far */
    bool bins_running, sweep_running;
    uint64_t bins_version, sweep_version;
    int32_t n_units, unit[SESSION_MAX_UNITS]; /* of the sweep */
    int32_t n_recalled, recalled[SESSION_MAX_UNITS];
    int n_curves;
    struct findings_curve curve[FINDINGS_MAX_CURVES];
};
void findings_release(struct findings *);
/* Asks for the histogram of a unit, unless it is there; unit < 0: none. */
void findings_look_at(struct findings *, const struct job_host *, const struct corpus_choice *,
                      int32_t unit);
/* Asks for the sweep of the chosen units, all together and each alone. */
void findings_sweep(struct findings *, const struct job_host *, const struct corpus_choice *,
                    const int32_t *unit, int32_t n);
/* The same, but only if it was measured before: nothing is computed. */
void findings_recall(struct findings *, const struct job_host *, const struct corpus_choice *,
                     const int32_t *unit, int32_t n);
/* Takes what has come; true: something changed. */
bool findings_update(struct findings *, const struct job_host *);

/* The sweep's request, the same wherever it is asked for. */
void sweep_request(struct request *, const struct corpus_choice *, const int32_t *unit, int32_t n);
/* Loss of a class with unit (−1: all) fixed at v, between the measured values (linear); NaN: not
 * measured, or outside. insert: INSERT_SAE or INSERT_ERROR. */
double findings_loss(const struct findings *, enum insert insert, int32_t unit, const char *cls,
                     double v);
/* Of a class, nothing fixed; NaN: not measured. */
double findings_base(const struct findings *, enum insert insert, const char *cls);
/* There is a sweep of just these units. */
bool findings_apply(const struct findings *, const int32_t *unit, int32_t n);
#endif
