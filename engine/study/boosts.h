/* What is made of boosts, what something adds to each token's logit: lists of the tokens most
 * boosted and inhibited, their histogram, and how the frequent tokens of a corpus fare. */
#ifndef GLIMT_STUDY_BOOSTS_H
#define GLIMT_STUDY_BOOSTS_H
#include "engine/study/vocabulary.h"

struct boosts_in { /* what boosts: units whose activation changes, or a vector */
    int32_t n;
    const struct unit_id *unit; /* in study_in.dicts */
    const double *change;       /* [n] of their activation */
    const double *hidden;       /* n 0: [d_model] behind the final norm */
    bool centred;               /* the mean over the vocabulary is taken off */
    double max_norm, min_embed; /* tokens beyond are not kept; 0: no such bound */
    int32_t top;
};
/* Adds "boosted" and "inhibited" (kept and shown tokens, `top` each), "rows" (all tokens, most
 * boosted first: id, text, bytes, boost (Y), norm_unembed, norm_embed, kept) and "histogram" (lo,
 * hi, tokens). A unit's boost is what it writes through the unembedding, without the final norm's
 * scale. False and *e: what it writes depends on the text, or what the run says. */
bool boosts_run(const struct study_in *, const struct boosts_in *, const struct study_loop *,
                struct table_set *, struct error *e);

/* "rows": class (SERIES), id, text, bytes, texts (that have it), tokens, boost (Y): of each class
 * its `top` most frequent tokens, by the texts that have them or (by_tokens) how often they occur;
 * "classes": class, boost (mean over these). */
bool unigrams_run(const struct study_in *, const struct boosts_in *, bool by_tokens,
                  const struct study_loop *, struct table_set *, struct error *e);
#endif
