/* Means with their uncertainty, from sentences measured in random order.
 *
 * Paired differences d_i = ℓ_i(fixed) − ℓ_i(base). While n of N sentences are measured the mean
 * over all N is uncertain by ± t·s_d/√n·√(1 − n/N) (finite population); looks are taken at n = 16,
 * 64, 256, N only and share the level by Bonferroni, so that the whole stream of intervals holds at
 * once with 95 %. At N what is left is sampling: would other sentences say the same, ± t·s_d/√N. */
#ifndef GLIMT_SESSION_ESTIMATE_H
#define GLIMT_SESSION_ESTIMATE_H
#include "engine/base/statistics.h"
#include "engine/session/session.h"

/* The largest look that n of N sentences reach: 16, 64, 256 below N, or N; 0: none yet. */
int32_t look_reached(int32_t n, int32_t N);
/* How many looks there are on the way to N. */
int32_t looks_of(int32_t N);
/* Half width of the 95 % sampling interval of a mean of n values; NaN for fewer than two,
 * and for equal ones, which say nothing of how far others may lie. */
double sampling_half(double sd, int32_t n);
/* Half width at a look n < N; NaN likewise. */
double partial_half(double sd, int32_t n, int32_t N);
#endif
