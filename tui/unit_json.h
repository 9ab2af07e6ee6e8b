/* Units in JSON: a number in a set of one, else the name (engine/dict/unit.h); dictionaries. */
#ifndef GLIMT_TUI_UNIT_JSON_H
#define GLIMT_TUI_UNIT_JSON_H
#include "engine/lane/insertion.h"
#include <jansson.h>

/* New, the caller's. set NULL: a set of one. */
json_t *unit_json(const struct dict_set *, struct unit_id);
/* Number or name of a unit that is no error term; false: neither, or not in the set. */
bool unit_from_json(const struct dict_set *, const json_t *, struct unit_id *);
/* A dictionary of a set, by its hook point. */
json_t *dict_json(const struct dict_set *, int32_t place);
/* NULL or null: the first. False: none of the set. */
bool dict_from_json(const struct dict_set *, const json_t *, int32_t *place);
/* A word for all of them, or {"mlp_3": "sae", …}: those where something is inserted. New. */
json_t *insertion_json(const struct dict_set *, struct insertion);
/* False: neither, or not of the set. */
bool insertion_from_json(const struct dict_set *, const json_t *, struct insertion *);
#endif
