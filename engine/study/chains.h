/* Chains: how switching units off goes on through later units to the loss.
 *
 * Runs, as engine/study/runs.h has them: the units on (at `at`), off (at `off-at`); and for each
 * later unit i ("shifted") two more, in which it alone is moved: with the units on by `shift`, what
 * it changes by when they go off, and with them off by as much back. Values of a later unit are
 * those of `neuron shift` (a neuron's pre-activation), at the positions from … to.
 *
 * A link i → k, of a later unit and one behind it, is what moving i alone changes k by: of the runs
 * with the units on, and likewise (what putting i back takes off k's change) with them off. The
 * same of the loss. Links of the units themselves are whole: off minus on.
 *
 * Per unit of what moves i these links are total effects t; direct ones, past the later units in
 * between, are d(i, k) = t(i, k) − Σ_l d(i, l)·t(l, k) (path analysis, Wright 1934). A chain's part
 * in the loss is the product of the direct effects along it; the parts of all chains, with the one
 * past all later units, add up to the whole difference exactly, for each class, with the links of
 * either pair of runs.
 *
 * study_ops: chains_study. tables
 * "rows": chain (KEY; "L2N3 → L3N7 → loss"), class (SERIES), on (Y), off (nats, the part with the
 * links with the units on, off), share (of the whole difference, on), the `top` ones by the largest
 * part in any class;
 * "links": link (KEY), from, to, on (Y), off, whole (what `to` changes by when the units go off),
 * share (on / whole);
 * "losses": unit (KEY; what is moved: the units, or a later one), class (SERIES), on (Y), ci95.lo,
 * ci95.hi (paired, bootstrap over texts), off, off_ci95.lo, off_ci95.hi, share (on, of the whole),
 * texts. */
#ifndef GLIMT_STUDY_CHAINS_H
#define GLIMT_STUDY_CHAINS_H
#include "engine/study/study.h"

enum { CHAINS_MOST = 12 }; /* later units: of so many there are 4,096 chains */
#define CHAINS_TOP_ROW                                                                             \
    {                                                                                              \
        "top", "N", "chains of the list", PARAM_INT, "20", .min = 1, .max = 1 << CHAINS_MOST       \
    }
extern const struct study_ops chains_study;
#endif
