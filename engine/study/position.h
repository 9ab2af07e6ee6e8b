/* One text in two runs (engine/study/runs.h): the log-probability of each of its tokens in both,
 * and what is likely at one position in either, or changes most. */
#ifndef GLIMT_STUDY_POSITION_H
#define GLIMT_STUDY_POSITION_H
#include "engine/lane/likely.h"
#include "engine/study/vocabulary.h"

/* at_: what the position is called: "at" is in the study what units are held at. */
#define POSITION_ROWS(at_)                                                                          \
    {"text", "TEXT", "what is read; the last operand", PARAM_TEXT, .in_key = true},                 \
        {(at_),                                                                                     \
         "N",                                                                                       \
         "the position; the BOS is 0, negative from the end",                                       \
         PARAM_INT,                                                                                 \
         "-1",                                                                                      \
         .min = -INT32_MAX,                                                                         \
         .max = INT32_MAX,                                                                          \
         .in_key = true},                                                                           \
        {"top", "N", "tokens of a list", PARAM_INT, "20", .min = 1, .max = 100000, .in_key = true}, \
    {                                                                                               \
        "min-logp", "X", "leave out tokens of no more log-probability in both runs", PARAM_REAL,    \
            "-7", .min = -1e9, .max = 0, .in_key = true                                             \
    }
/* study_ops: position_study. One sequence, the first window of the text; reads no corpus. tables
 * "rows": list (SERIES: a, b: most likely in the first, the second run; boosted, reduced: those
 * with the greatest and least difference), id, text, bytes, difference (Y; logp_a − logp_b),
 * logp_a, logp_b (natural logarithms), "tokens", of the text: position (KEY), id, text, bytes,
 * start, end (bytes of the text), loss_a, loss_b (nats; missing for the first), difference (Y;
 * loss_b − loss_a: what the second run loses). Tokens with an unembedding beyond max-norm or an
 * embedding below min-embed (0: no such bound) are in no list. */
extern const struct study_ops position_study;
/* The same tables of numbers that are there: "rows" of likely_lists, "tokens" of n tokens, the
 * first of which is at position `first`; a token without a loss has NaN. */
struct table *position_rows(const struct tokenizer *, const struct likely_token *, int32_t top,
                            const int32_t n[N_LIKELY]);
struct table *position_tokens(const struct tokenizer *, const struct token *, int32_t n,
                              int32_t first, const float *loss_a, const float *loss_b);
#endif
