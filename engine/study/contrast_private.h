/* What the studies of words share. */
#ifndef GLIMT_CONTRAST_PRIVATE_H
#define GLIMT_CONTRAST_PRIVATE_H
#include "engine/base/logistic.h"
#include "engine/study/contrast.h"
#include "engine/study/word_matrix.h"

/* Words, labels and split of a study that fits probes. */
struct probe_words {
    const struct study *words; /* borrowed */
    const struct corpus *corpus;
    struct word_list l;
    struct word_split split;
    double C;
    int n_units;
    enum word_units units[WORD_N_UNITS]; /* those of the dictionary first */
    struct rng rng;                      /* seeded; the split was drawn from it */
};
/* False and *e: no words were handed over, none of the class asked about, or they can't be split.
 */
bool probe_words_init(struct probe_words *, const char *name, const struct study_in *,
                      const struct params *, int32_t folds, struct error *e);
void probe_words_release(struct probe_words *);
/* How many words a fold tests. */
int32_t probe_words_tested(const struct probe_words *, int32_t fold);
/* The share of the largest class among the words that are tested: what no probe is needed for. */
double probe_words_chance(const struct probe_words *);
/* What is asked, as the table's note, where there are more than two classes. */
void probe_words_note(const struct probe_words *, struct table *);

/* Whether a run goes on; lets live requests through. arg: the run. */
bool probe_go_on(void *run);
/* The same while words are turned, of which it tells; a probe is fitted then. */
bool probe_turning(void *run, double share);

/* Probes of one matrix with one training set. */
struct prober {
    struct run *run;
    double C;
    const struct word_matrix *x;
    const uint8_t *train;
    int32_t n_train, n_test;
    double *x_train, *x_test;
    uint8_t *y_train, *y_test;
    struct logistic model;
};
void prober_init(struct prober *, struct run *, const struct word_matrix *, const uint8_t *train,
                 int32_t n_labels, double C);
/* Fits to the labels of the training words (an L2 penalty); how many others it gets right. */
int32_t prober_hits(struct prober *, const uint8_t *label);
void prober_release(struct prober *);

/* Calls `each` with the values of every column: those of label 0 first, within a label by class,
 * within a class in the list's order. */
void each_column(const struct word_columns *, const struct corpus *, const struct word_list *,
                 void (*each)(void *arg, int32_t column, const double *x), void *arg);

/* The columns by how far they part the training words, by |t| (pooled) of two labels and by F of
 * more, largest first (of equal ones the lower); dead ones are left out. order [n_cols]; how many.
 */
int32_t rank_columns(const struct word_columns *, const struct corpus *, const struct word_list *,
                     const uint8_t *train, int32_t *order);

/* Test words that probes get right: of each set of units by what a study varies, control tasks or
 * numbers of units. */
enum { TALLY_MAX = 101 };
struct tally {
    int32_t n[WORD_N_UNITS]; /* how many a study varies */
    int64_t tested[WORD_N_UNITS], hits[WORD_N_UNITS][TALLY_MAX];
};
/* What begins a study that fits a probe a chunk: units by units, fold by fold, then what varies. */
struct tallied {
    struct probe_words words;
    struct tally tally;
    const char *name,
        *what; /* the study; what its checkpoints say how many there are of: "folds" */
    int64_t varied;
};
struct probe_at { /* a chunk */
    int unit;
    int32_t fold, at; /* at: which of what varies; words are counted once, at 0 */
};
struct probe_at tallied_at(const struct tallied *, int64_t chunk);
/* A chunk's partial. */
struct partial *tallied_part(const struct probe_at *, int32_t tested, int32_t hits);
/* NaN: nothing was tested. */
double tally_accuracy(const struct tally *, int unit, int32_t i);
/* ---- of its study_ops */
int64_t tallied_chunks(const struct study *);
void tallied_partial_free(struct partial *);
int64_t tallied_partial_tokens(const struct partial *);
void tallied_fold(struct study *, int64_t chunk, const struct partial *);
void tallied_save(const struct study *, struct blob_writer *);
bool tallied_load(struct study *, struct blob_reader *, struct error *e);
#define TALLIED_OPS                                                                                \
    .n_chunks = tallied_chunks, .partial_free = tallied_partial_free,                              \
    .partial_tokens = tallied_partial_tokens, .fold = tallied_fold, .save = tallied_save,          \
    .load = tallied_load

#define STUDY_PROBE_ROWS                                                                           \
    STUDY_WORDS_ROWS, STUDY_QUESTION_ROWS,                                                         \
        {"C",        "C",           "weight of the loss against the penalty",                      \
         PARAM_REAL, "1",           .min = 1e-6,                                                   \
         .max = 1e6, .in_key = true},                                                              \
    {                                                                                              \
        "seed", "N", "of what is drawn", PARAM_SEED, "0", .in_key = true                           \
    }
#endif
