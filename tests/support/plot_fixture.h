/* Tables as the studies make them, by rule: the published sweep, two bells, shares, … The caller's
 * (table_free). */
#ifndef GLIMT_TESTS_PLOT_FIXTURE_H
#define GLIMT_TESTS_PLOT_FIXTURE_H
#include "engine/base/rng.h"
#include "engine/base/table.h"

struct table *fixture_sweep(bool inserts); /* inserts: SAE, error-preserving and plain lines */
struct table *fixture_histogram(int n_latents, bool wide);
struct table *fixture_bars(int n_keys, bool series);
struct table *fixture_heat(int n_rows, int n_columns, bool diverging);
struct table *fixture_scatter(int n);
struct table *fixture_list(int n);
/* Anything: marks, roles, types, missing, NaN, infinities, huge, tiny, hostile strings. */
struct table *fixture_random(struct rng *);
#endif
