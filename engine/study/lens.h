/* What a latent writes, without any text: the tokens it promotes and suppresses, and the latents
 * whose decoder rows are nearest. */
#ifndef GLIMT_STUDY_LENS_H
#define GLIMT_STUDY_LENS_H
#include "engine/study/study.h"

/* For each unit: γ ⊙ (u − mean u) through the unembedding, u = its decoder row pushed to the
 * residual stream, no LayerNorm scale, minus the mean over the vocabulary (padding rows left out).
 * Tables: "promoted", "suppressed" (latent, id, text, bytes, logit; `rows` each, strongest first),
 * "neighbours" (latent, other, cosine; the `rows` nearest decoder rows; none for neurons). A token
 * that is no UTF-8: text missing. False and *e: a unit out of range, or what the run says. Polls
 * between operations through loop (may be NULL). */
bool lens_run(const struct study_in *, const int32_t *unit, int32_t n_units, int32_t rows,
              const struct study_loop *loop, struct table_set **out, struct error *e);
#endif
