/* The lab on a tiny bundle, with a cache of its own. */
#ifndef GLIMT_TESTS_LAB_FIXTURE_H
#define GLIMT_TESTS_LAB_FIXTURE_H
#include "tests/support/store_fixture.h"
#include "tui/lab/lab.h"

#define LAB_HOOK "layers.1.mlp.act"

struct lab_place {
    char *dir, *bundle, *cache;
    struct options options;
    struct workbench *wb;
};
/* The state is a struct lab_place. */
int lab_set_up(void **state);
int lab_tear_down(void **state);
#define LAB_TEST(f) cmocka_unit_test_setup_teardown(f, lab_set_up, lab_tear_down)
#endif
