/* Means by document: what studies measure of the tokens of each document, several columns side by
 * side, and their means over the documents of a class with intervals. A document counts where it
 * has a token that was measured. */
#ifndef GLIMT_STUDY_DOC_MEANS_H
#define GLIMT_STUDY_DOC_MEANS_H
#include "engine/base/statistics.h"
#include "engine/formats/corpus.h"
#include "engine/study/blob.h"
#include "engine/study/pass.h"
#include "engine/study/study.h"

struct doc_means {
    const char *name, *what; /* of the study; what a column is, for errors: "lanes" */
    const struct corpus *corpus;
    int32_t n;          /* columns */
    int64_t from, done; /* measured are those from … to before … */
    double *mean;       /* [n_docs, n]; NaN: nothing was measured */
    int32_t *count;     /* [n_docs] tokens measured, alike in every column */
};
/* False and *e: too much to hold. */
bool doc_means_init(struct doc_means *, const char *name, const char *what, const struct corpus *,
                    int32_t n, struct error *e);
void doc_means_release(struct doc_means *);
/* The mean of a document; NaN: not yet, or nothing was measured. */
double doc_mean(const struct doc_means *, int32_t column, int64_t doc);
/* The document is of the class and counts. */
bool doc_counts(const struct doc_means *, int64_t doc, int32_t cls);

struct doc_part { /* of one chunk */
    int64_t first, tokens;
    int32_t n_docs, n;
    int32_t *count; /* [n_docs] */
    double *sum;    /* [n_docs, n]; means once they are made */
};
void doc_part_init(struct doc_part *, struct pass_range, int32_t n);
void doc_part_release(struct doc_part *);
/* The rows of a sub-batch that have a next token, which their documents then count: their numbers
 * to eval [b->n_rows]; how many. Tokens of the text are counted too. */
int32_t doc_part_count(struct doc_part *, const struct pass_batch *, int32_t *eval);
void doc_part_means(struct doc_part *); /* sums to means */

void doc_means_fold(struct doc_means *, const struct doc_part *);
void doc_means_merge(struct doc_means *to, const struct doc_means *from);
void doc_means_save(const struct doc_means *, struct blob_writer *);
bool doc_means_load(struct doc_means *, struct blob_reader *, struct error *e);

/* ---- studies that measure nothing else
 * Their struct study begins with its doc_means, which a file says by DOC_MEANS_FIRST, and their
 * partials are a doc_part each. */
#define DOC_MEANS_FIRST(member)                                                                    \
    _Static_assert(offsetof(struct study, member) == 0, "the doc_means stand first")
struct doc_part *doc_partial_new(const struct study *, const struct study_in *, int64_t chunk);
/* With its means, where the run went well; else it is freed: NULL. */
struct partial *doc_partial_end(struct doc_part *, struct run *);
void doc_partial_free(struct partial *);
int64_t doc_partial_tokens(const struct partial *);
void doc_study_fold(struct study *, int64_t chunk, const struct partial *);
void doc_study_merge(struct study *to, const struct study *from);
void doc_study_save(const struct study *, struct blob_writer *);
bool doc_study_load(struct study *, struct blob_reader *, struct error *e);
/* Of their study_ops. */
#define DOC_MEANS_OPS                                                                              \
    .partial_free = doc_partial_free, .partial_tokens = doc_partial_tokens,                        \
    .fold = doc_study_fold, .segment = STUDY_SEGMENT, .merge = doc_study_merge,                    \
    .save = doc_study_save, .load = doc_study_load

/* ---- means over documents, with intervals */
struct sample { /* documents (or pairs) × columns */
    int64_t n;
    int32_t L;
    double *x;           /* [n, L] */
    struct interval *ci; /* [L] */
};
void sample_init(struct sample *, int64_t most, int32_t L);
void sample_release(struct sample *);
double sample_mean(const struct sample *, int32_t column); /* NaN: n is 0 */
/* Fills the intervals: percentile bootstrap, 2,000 draws. */
void sample_intervals(struct sample *, uint64_t seed);
/* The documents of a class: all columns, or (less: [n]) each minus the column that it says. */
void sample_of_class(struct sample *, const struct doc_means *, int32_t cls, const int32_t *less,
                     uint64_t seed);
/* Percentile intervals of the means of the columns of x [n, L]: out[l] is what bootstrap_ratio
 * gives for column l with the same seed, but the resamples are drawn once for many columns. */
void sample_bootstrap(const double *x, int64_t n, int32_t L, int32_t draws, uint64_t seed,
                      struct interval *out);
#endif
