/* What is likely at one position in two runs, a and b, and what changes most between them: four
 * lists of tokens. */
#ifndef GLIMT_LANE_LIKELY_H
#define GLIMT_LANE_LIKELY_H
#include <stdint.h>

enum likely_list { LIKELY_A, LIKELY_B, LIKELY_BOOSTED /* by a − b */, LIKELY_REDUCED, N_LIKELY };
extern const char *const likely_names[N_LIKELY]; /* "a", "b", "boosted", "reduced" */

struct likely_in {
    int32_t n;                  /* tokens; rows of the unembedding beyond stand for none */
    int32_t top;                /* of a list */
    double least;               /* tokens of no more log-probability in both runs are left out, */
    double max_norm, min_embed; /* and those beyond (0: no such bound) by */
    const double *norms;        /* [2n] of unembeddings, then embeddings; NULL: no bounds */
};
struct likely_token {
    int32_t id;
    float a, b; /* log-probabilities */
};
/* Logits [n] to natural log-probabilities, in place. */
void likely_logp(float *z, int32_t n);
/* Each list best first, list l at out + l·top, n[l] of them; how many tokens no list has. */
int32_t likely_lists(const struct likely_in *, const float *logp_a, const float *logp_b,
                     struct likely_token *out, int32_t n[N_LIKELY]);
#endif
