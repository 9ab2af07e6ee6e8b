/* Words: one vector a word at a hook point, of neurons and of latents, for two classes of words.
 *
 * Each word alone, without context, through the model (with BOS and a leading blank where asked);
 * its vector is that of its last token, of its first, or the mean over all of them (as the
 * gender study of neurons and latents has it; BOS is never part of it). The neurons are the hooked
 * activation itself; a latent's value is its activation, 0 where it is not selected, or its
 * pre-activation.
 *
 * study_ops: words_study; corpus: a list of words (engine/formats/corpus.h) of two classes.
 * tables: "words": class (SERIES), kind (missing: none said), words, tokens_mean, several_tokens;
 * the note tells of words that stand more than once. */
#ifndef GLIMT_STUDY_WORDS_H
#define GLIMT_STUDY_WORDS_H
#include "engine/study/study.h"

enum word_units { WORD_NEURONS, WORD_LATENTS, WORD_N_UNITS };
extern const char *const word_units_name[WORD_N_UNITS]; /* "neurons", "latents" */

/* Rows of every study of words. */
extern const char *const word_vector_choices[];
#define STUDY_WORDS_ROWS                                                                           \
    {"word-vector",                                                                                \
     "last|mean|first",                                                                            \
     "which of a word's tokens is its vector",                                                     \
     PARAM_CHOICE,                                                                                 \
     "last",                                                                                       \
     .choices = word_vector_choices,                                                               \
     .in_key = true},                                                                              \
        {"space", NULL, "a leading space before each word", PARAM_FLAG, .in_key = true},           \
    {                                                                                              \
        "pre", NULL, "latents by pre-activation; default: activation, 0 where not selected",       \
            PARAM_FLAG, .in_key = true                                                             \
    }

/* Vectors as rows of the values that are not 0, ids rising. */
struct word_columns {
    int32_t n_words, n_cols; /* documents of the corpus; units */
    int64_t *start;          /* [n_words + 1] */
    int32_t *id;
    float *value;
};
/* NULL: there are none (a dictionary of neurons has no latents). Borrowed; of all documents. */
const struct word_columns *words_columns(const struct study *, enum word_units);
/* The units of the dictionary itself: latents, or the neurons that stand in for them. */
enum word_units words_main(const struct study *);
const struct corpus *words_corpus(const struct study *);
/* ‖x − x̂‖² a dimension, and active latents, of all tokens of the words; NaN without an SAE. */
double words_mse(const struct study *), words_l0(const struct study *);

/* The words that count: each once. Of one that stands twice the first counts; one that stands in
 * both classes has no label, and counts nowhere. */
struct word_list {
    int32_t n, n_of[2];  /* n_of[1]: of the target */
    int32_t *doc;        /* [n] rising */
    uint8_t *target;     /* [n] 1: of the target class */
    int32_t again, both; /* documents left out because they stand again, and in both classes */
};
/* target: index of the class asked about. */
void word_list_init(struct word_list *, const struct corpus *, int32_t target);
void word_list_release(struct word_list *);
#endif
