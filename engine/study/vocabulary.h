/* The unembedding row by row: what a vector adds to each token's logit, and the tokens' norms, as
 * of TransformerLens' weights (model_tl_vocabulary). Rows that stand for no token of the tokenizer
 * are left out, also of the mean. Products in double. */
#ifndef GLIMT_STUDY_VOCABULARY_H
#define GLIMT_STUDY_VOCABULARY_H
#include "engine/study/study.h"

struct vocabulary {
    int32_t n, d;  /* tokens, width */
    double *mean;  /* [d] of the unembedding's rows */
    double *norms; /* [2n] of the folded and centred unembedding, then of the embedding, centred
                      over its width; NULL: not asked for */
};
/* False with the run's error set; nothing to release then. */
bool vocabulary_init(struct vocabulary *, struct run *, const struct study_in *, bool norms);
void vocabulary_release(struct vocabulary *);
/* out [n] ← w·U_v, minus the mean over the vocabulary when centred. w [d]: as it reaches the
 * unembedding, behind the final norm's weight. */
bool vocabulary_logits(const struct vocabulary *, struct run *, const struct study_in *,
                       const double *w, bool centred, double *out);
/* u [T, d] of the residual stream as it reaches the unembedding directly, but for the final norm's
 * scale; to host memory [T, d]. */
void vocabulary_direct(struct run *, const struct study_in *, struct tensor u, float *out);

/* Rows of studies of tokens that leave some out by the norms. */
#define NORM_BOUNDS_ROWS                                                                           \
    {"max-norm", "X",           "leave out tokens with an unembedding beyond; 0: none",            \
     PARAM_REAL, "15",          .min = 0,                                                          \
     .max = 1e9, .in_key = true},                                                                  \
    {                                                                                              \
        "min-embed", "X", "leave out tokens with an embedding below; 0: none", PARAM_REAL, "0.4",  \
            .min = 0, .max = 1e9, .in_key = true                                                   \
    }

/* ---- tokens of a table: columns id, text (missing: no UTF-8), bytes (hex) */
int32_t token_columns(struct table *);
void token_cells(struct table *, int64_t row, int32_t first, const struct tokenizer *, int32_t id);
/* What a list for people leaves out: nothing but blanks, or nothing that can be shown. */
bool token_is_garbled(const struct tokenizer *, int32_t id);
#endif
