/* Units of the first dictionary, which in most tests is the only one. */
#ifndef GLIMT_TEST_UNIT_H
#define GLIMT_TEST_UNIT_H
#include "engine/dict/unit.h"

#define UNIT(i) ((struct unit_id){0, (i)})
#define UNIT_WORD(i) ((struct unit_word){.layer = -1, .index = (i)})
#define assert_unit(u, i) assert_true(unit_same((u), UNIT(i)))
#endif
