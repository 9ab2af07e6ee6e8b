/* What studies have found about the chosen latents: the histogram of the one looked at,
 * the sweep of the chosen ones and how often each latent fires, over the corpus in use. */
#ifndef GLIMT_VIEW_FINDINGS_H
#define GLIMT_VIEW_FINDINGS_H
#include "tui/view/watch.h"

struct findings_curve { /* of a sweep: one insertion, unit (UNIT_NONE: all) and class */
    struct insertion insert;
    struct unit_id unit;
    char *cls; /* owned */
    int32_t n;
    double base; /* nothing fixed; NaN: not measured yet */
    double value[STUDY_MAX_VALUES], loss[STUDY_MAX_VALUES]; /* ascending */
};

struct findings_shares { /* read off the harvest's table, which they are borrowed from */
    int n_classes;       /* 0: not there */
    const char *cls[CORPUS_MAX_CLASSES];
    int32_t col[CORPUS_MAX_CLASSES];
    int64_t *row; /* [n_units] of the table; −1: it never fired. Owned */
    int32_t n_units;
};

struct findings {
    const struct dict_set *dicts; /* borrowed; NULL: not loaded */
    int32_t place;                /* of the one whose shares these are */
    struct watch bins, sweep; /* of the latent looked at; of the chosen ones. While they run: what
                                 there is so far */
    struct watch recall;      /* a look whether an earlier session swept the chosen ones */
    struct watch latents;     /* the table of all latents, once the corpus is harvested */
    struct findings_shares shares;
    uint64_t sought; /* the histogram's job after which it was looked for */
    int n_curves;    /* of sweep */
    struct findings_curve *curve;
    size_t cap_curves;
};
void findings_release(struct findings *);
/* Asks for the histogram of a unit, unless it is there; UNIT_NONE: none. True: another is shown. */
bool findings_look_at(struct findings *, const struct job_host *, const struct corpus_choice *,
                      struct unit_id);
/* Asks for the sweep of the chosen units, all together and each alone. */
void findings_sweep(struct findings *, const struct job_host *, const struct corpus_choice *,
                    struct insertion, const struct unit_id *unit, int32_t n);
/* The same, but only if it was measured before: nothing is computed. True: it is there. */
bool findings_recall(struct findings *, const struct job_host *, const struct corpus_choice *,
                     struct insertion, const struct unit_id *unit, int32_t n);
/* Takes what has come; true: something changed. */
bool findings_update(struct findings *, const struct job_host *);

/* Asks for the shares of all latents if the corpus was harvested before: nothing is computed.
 * True: they are there. */
bool findings_seek_shares(struct findings *, const struct job_host *, const struct corpus_choice *);
/* Harvests the corpus, unless that is done or under way. */
void findings_harvest(struct findings *, const struct job_host *, const struct corpus_choice *);
/* Another dictionary's are wanted: what is there of the one before goes. */
void findings_of_dict(struct findings *, int32_t place);
/* Share of a class's tokens on which a unit is active; NaN: of another dictionary. c <
 * shares.n_classes. */
double findings_share(const struct findings *, int c, struct unit_id);

/* What a view's sweep measures beside its units and corpus: Explore and the Sweep view ask for the
 * same, so that it is one job. Values under sae and under error; where the insertion says it of the
 * places one by one, under that. */
void sweep_lanes(struct request *, const struct dict_set *, struct insertion);
/* Loss of a class with unit (UNIT_NONE: all) fixed at v, between the measured values (linear); NaN:
 * not measured, or outside. */
double findings_loss(const struct findings *, struct insertion, struct unit_id, const char *cls,
                     double v);
/* The curves of a unit, one a class in their order; how many. Borrowed until the next update. */
int findings_curves(const struct findings *, struct insertion, struct unit_id,
                    const struct findings_curve *out[CORPUS_MAX_CLASSES]);
/* Between the measured values of one (linear); NaN: outside. */
double findings_curve_loss(const struct findings_curve *, double v);
/* Of a class, nothing fixed; NaN: not measured. */
double findings_base(const struct findings *, struct insertion, const char *cls);
/* There is a sweep of just these units, under this insertion. */
bool findings_apply(const struct findings *, struct insertion, const struct unit_id *unit,
                    int32_t n);
#endif
