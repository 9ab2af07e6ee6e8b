/* One text in two runs (engine/study/runs.h): the log-probability of each of its tokens in both,
 * and what is likely at one position in either, or changes most. */
#ifndef GLIMT_STUDY_POSITION_H
#define GLIMT_STUDY_POSITION_H
#include "engine/lane/likely.h"
#include "engine/study/vocabulary.h"

struct position_in {
    const char *text; /* one sequence: the first window of it counts */
    size_t n;
    int64_t at; /* position whose next token is asked about: the BOS is 0; negative: from the end */
    int32_t top;                /* tokens of a list */
    double least;               /* tokens of no more log-probability in both runs are left out */
    double max_norm, min_embed; /* and those beyond (0: no such bound) */
};
/* Adds
 * "rows": list (SERIES: a, b: most likely in the first, the second run; boosted, reduced: those
 * with the greatest and least difference), id, text, bytes, difference (Y; logp_a − logp_b),
 * logp_a, logp_b (natural logarithms), "tokens", of the text: position (KEY), id, text, bytes,
 * start, end (bytes of the text), loss_a, loss_b (nats; missing for the first), difference (Y;
 * loss_b − loss_a: what the second run loses). runs: values of the rows of STUDY_RUNS_ROWS.
 * vocabulary: with norms, NULL where there are no bounds. study_in.corpus is not read. False and
 * *e: no token, no such position, units and values that do not fit, what the run says. */
bool position_run(const struct study_in *, const struct params *runs, const struct position_in *,
                  const struct vocabulary *, const struct study_loop *, struct table_set *,
                  struct error *e);
extern const struct param position_runs[]; /* the rows */
/* The same tables of numbers that are there: "rows" of likely_lists, "tokens" of n tokens, the
 * first of which is at position `first`; a token without a loss has NaN. */
struct table *position_rows(const struct tokenizer *, const struct likely_token *, int32_t top,
                            const int32_t n[N_LIKELY]);
struct table *position_tokens(const struct tokenizer *, const struct token *, int32_t n,
                              int32_t first, const float *loss_a, const float *loss_b);
#endif
