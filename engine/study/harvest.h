/* Harvest: one pass over a labelled corpus up to the hook; for every latent and class how often it
 * fires, its pre-activations' moments and histogram, its best examples and a sample of the others.
 *
 * Counted over all tokens: fired (among the k active; with a ReLU also > 0; neurons: > 0), at which
 * level of activation, tokens, words. Over a
 * fixed pseudo-random sample of about HARVEST_SAMPLE tokens a class at most (all, if there are
 * fewer): Σ, Σ², smallest, largest and histogram of pre-activations.
 *
 * Histogram: HARVEST_BINS bins of width 2^e around 0 (bin i covers [(i − 32)·2^e, (i − 31)·2^e));
 * when a value lies outside, the width is doubled by merging pairs: exact, independent of order.
 * All classes of a latent share e, which starts at −8 (so [−0.125, 0.125)).
 *
 * study_ops: harvest_study; tables: "classes" (class, sentences, tokens, words, tokens_per_word).
 */
#ifndef GLIMT_STUDY_HARVEST_H
#define GLIMT_STUDY_HARVEST_H
#include "engine/study/study.h"

enum { HARVEST_BINS = HIST_BINS, HARVEST_TOP = 20, HARVEST_SAMPLE = 200000, HARVEST_LEVELS = 64 };

struct example { /* one token on which a latent was active */
    int32_t doc, pos;
    float value; /* its activation */
};
struct levels { /* of activations: how many lie in each eighth of an octave below the largest */
    int32_t largest;            /* the level of n[HARVEST_LEVELS − 1] */
    uint32_t n[HARVEST_LEVELS]; /* n[0]: also all that is smaller */
};
struct latent_class { /* of one latent and class */
    int64_t fired;    /* tokens, all */
    int64_t n;        /* tokens of the sample */
    double sum, sum_sq;
    float min, max; /* of the sample; NaN when n is 0 */
    uint32_t bin[HARVEST_BINS];
    int32_t n_top, n_sample;
    struct example top[HARVEST_TOP]; /* largest activations, largest first; ties: first doc, pos */
    struct example sample[HARVEST_TOP]; /* uniform over the active tokens (smallest hashes), by
                                           value, largest first */
    struct levels levels; /* of all active tokens; all 0 when fired ≤ HARVEST_TOP: top has them */
};
struct latent_detail {
    int32_t latent, exponent, n_classes;
    struct latent_class cls[]; /* [n_classes] */
};

struct harvest_class {
    int64_t sentences, tokens, words, sampled;
};
/* Of a study of harvest_study: */
int32_t harvest_n_classes(const struct study *);
int32_t harvest_n_latents(const struct study *);
const struct harvest_class *harvest_class(const struct study *, int32_t cls);
/* A copy, free(). */
struct latent_detail *harvest_detail(const struct study *, int32_t latent);
/* Text form for the store. Parse takes untrusted bytes: NULL and *e when they make no detail. */
void latent_detail_print(const struct latent_detail *, struct strbuf *);
struct latent_detail *latent_detail_parse(const void *p, size_t n, struct error *e);
/* Postings (keep-activations): hands over every activation so far, token-major in corpus order: for
 * each token its doc, pos, and k (id, value) pairs. */
typedef void posting_sink(void *arg, int32_t doc, int32_t pos, int32_t n, const int32_t *id,
                          const float *value);
void harvest_postings(const struct study *, posting_sink *, void *arg);

/* ---- what is read off a harvest */
struct harvest_view {       /* of a running study, or of what the store kept */
    const char *const *cls; /* names */
    int32_t n_classes, n_latents;
    const struct harvest_class *counts;
    const struct latent_detail *(*detail)(void *,
                                          int32_t latent); /* borrowed until the next call */
    void *arg;
};
void harvest_view_of(struct study *, const char *const *cls, struct harvest_view *);
void harvest_view_release(struct harvest_view *); /* of what harvest_view_of made */

/* All latents that fired at least once, or all (`all`). Columns: latent (KEY), fire_share.CLASS …
 * (unit "share"), mean_pre.CLASS …, difference (share of the target − pooled share of the others),
 * overlap (≈, of the 64 bins, target against the others pooled; exact ones come from values_study),
 * higher (name of the class with the highest mean), density (share of all tokens). */
struct table *latents_table(const struct harvest_view *, int32_t target, bool all);

/* The median of the pre-activations of all classes, and the 99th percentile of their sizes: read
 * off the bins, inside which values count as evenly spread. 0 of no token. */
void detail_quantiles(const struct latent_detail *, double *median, double *abs_p99);
/* What a bundle has of every latent: columns latent (KEY), fire_share.CLASS …, mean_pre.CLASS …,
 * pre_median, abs_pre_p99. */
struct table *statistics_table(const struct harvest_view *);

struct rule { /* a latent of the target: min_share ≤ … of its tokens, max_other > … of the others'
               */
    double min_share, max_other; /* strictly more than, strictly less than */
};
bool rule_holds(const struct rule *, double share, double other);
/* Latents by the rule, largest difference first; *n of them, free(). */
int32_t *rule_pick(const struct harvest_view *, int32_t target, const struct rule *, int32_t *n);

/* Histogram of a latent from its bins: columns latent (FACET), class (SERIES), lo, hi (X bounds),
 * density (Y), count. mark HIST. */
struct table *detail_histogram(const struct latent_detail *, const char *const *cls);
/* Examples: columns latent, class, quantile, value, doc, pos, text (context around the token),
 * start, end (bytes of the token in text), exact. quantile: share of the class's active tokens with
 * a smaller value; exact where it is counted (the HARVEST_TOP largest: 1 − rank/fired), else
 * counted up to the token's level and in proportion inside it. At most `per_class` rows a class:
 * half top, half spread over the sample. Texts come from in->corpus; the context is about 60 bytes
 * on each side, cut at characters. */
struct table *detail_examples(const struct latent_detail *, const struct study_in *,
                              int32_t per_class);
#endif
