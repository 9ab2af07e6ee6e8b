/* Words: one vector a word at a hook point, of neurons and of latents, for classes of words.
 *
 * Each word alone, without context, through the model (with BOS and a leading blank where asked);
 * its vector is that of its last token, of its first, or the mean over all of them (as the
 * gender study of neurons and latents has it; BOS is never part of it). The neurons are the hooked
 * activation itself; a latent's value is its activation, 0 where it is not selected, or its
 * pre-activation.
 *
 * study_ops: words_study; corpus: a list of words (engine/formats/corpus.h) of two classes or more.
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
/* ‖x − x̂‖² a dimension, active latents, and Σ|f|, of all tokens of the words; NaN without an SAE.
 */
double words_mse(const struct study *), words_l0(const struct study *),
    words_l1(const struct study *);

/* What is asked of the classes. Of two classes all three are the same question. */
struct word_question {
    int32_t target;  /* one class against others; −1: each against all */
    int32_t against; /* the class that the target is held against; −1: all others as one */
};

/* The words that count: each once. Of one that stands twice the first counts; one that stands in
 * two classes has no label, and counts nowhere. */
struct word_list {
    int32_t n;
    int32_t *doc;                     /* [n] rising */
    uint8_t *label;                   /* [n] */
    int32_t n_labels;                 /* 2: label 1 is the target; else as the classes */
    int32_t cls[CORPUS_MAX_CLASSES];  /* [n_labels] class of a label; −1: several as one */
    int32_t n_of[CORPUS_MAX_CLASSES]; /* [n_labels] */
    int32_t again, both; /* documents left out because they stand again, and in two classes */
};
void word_list_init(struct word_list *, const struct corpus *, struct word_question);
void word_list_release(struct word_list *);
/* Each label has as many words as `least`; false and *e. */
bool word_list_check(const struct word_list *, const struct corpus *, int32_t least,
                     struct error *e);
/* "da against en", "da against the others", "each of 3 classes against all". */
void word_list_name(const struct word_list *, const struct corpus *, struct strbuf *out);

/* The rows of studies that put such a question. */
#define STUDY_QUESTION_ROWS                                                                        \
    {"target", "NAME", "one class against the others; default: each against all", PARAM_CLASS,     \
     .in_key = true},                                                                              \
    {                                                                                              \
        "against", "NAME", "of the others this one alone", PARAM_CLASS, .in_key = true             \
    }
/* Their values; false and *e: no class of that name, or one against itself. */
bool word_question_read(struct word_question *, const struct corpus *, const struct params *,
                        struct error *e);
#endif
