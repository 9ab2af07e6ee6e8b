/* What the journeys with the real binary share: results as JSON, expectations, a scratch folder. */
#ifndef GLIMT_TESTS_JOURNEY_H
#define GLIMT_TESTS_JOURNEY_H
#include "tests/support/run.h"
#include <jansson.h>

/* Group set-up and tear-down: a scratch folder. */
int journey_begin(void **state);
int journey_end(void **state);
/* … with a cache in the folder, for what is run with_cache. */
int journey_begin_with_cache(void **state);
extern const struct run_how with_cache;
/* A path in it; four of them stay valid at a time. */
const char *scratch_path(const char *name);
/* Skips the test, with a word, while the demo bundle is not there. */
void need_demo(void);

void expect_done(const struct run_result *); /* status 0 and nothing on standard error */
/* The status, one line on standard error that begins with "glimt: " and has `says`, and no output.
 */
void expect_error(const struct run_result *, int status, const char *says);
void expect_close(double a, double b, double within);

/* Output as JSON; and that of `glimt … --json` (how may be NULL). The caller decrefs. */
json_t *json_result(const struct run_result *);
#define JSON_OF(how, ...) json_of(how, __VA_ARGS__, "--json", NULL)
json_t *json_of(const struct run_how *how, const char *arg, ...) __attribute__((sentinel));
json_t *golden_json(const char *name); /* tests/golden/NAME, likewise */

/* Members that must be there and of this type; a null number is NaN. */
double get_number(const json_t *object, const char *key);
int get_whole(const json_t *object, const char *key);
const char *get_string(const json_t *object, const char *key);
json_t *get_list(const json_t *object, const char *key);
#endif
