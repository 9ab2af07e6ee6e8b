/* What a snapshot must say, computed the long way: every line from its ids in one forward,
 * interventions by HOOK_INSERT, sums in double, nothing kept. Shares with the session only the
 * tokenizer, the model's forward and the dictionary. */
#ifndef GLIMT_TEST_SESSION_ORACLE_H
#define GLIMT_TEST_SESSION_ORACLE_H
#include "tests/support/tiny_model.h"

/* Steps until nothing is left (at most a great number of steps); fails the test on a session error.
 */
void session_run_to_idle(struct session *);
/* A snapshot of the session, which must be idle and complete for the wish: compared with the long
 * way within `tol` (absolute below 1, else relative). Fails the test naming what differs. */
void session_check_direct(const struct tiny_model *, const struct reference_set *, int32_t n_sets,
                          const struct wish *, const struct snapshot *, double tol);
/* Two snapshots of the same wish, number by number. */
void snapshot_check_same(const struct snapshot *, const struct snapshot *, double tol);
/* A hash of everything that a snapshot holds: it must never change while somebody has a reference.
 */
uint64_t snapshot_digest(const struct snapshot *);
#endif
