/* Parameters as JSON, {"NAME": value, …}: what the cache is asked by, what it keeps beside a run,
 * and what --json says was asked. */
#ifndef GLIMT_LAB_PARAM_JSON_H
#define GLIMT_LAB_PARAM_JSON_H
#include "engine/study/param.h"
#include <jansson.h>

enum params_which {
    PARAMS_KEY,   /* those of the key that are not at their preset */
    PARAMS_THERE, /* all that have a value */
};
/* New. Units are numbers, or of a set of several names (unit_json). */
json_t *params_json(const struct params *, enum params_which, const struct dict_set *);
/* Takes untrusted values of names that are known; others stay at their presets. */
void params_take_json(struct params *, const json_t *, const struct dict_set *);
#endif
