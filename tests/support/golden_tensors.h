/* The tensors that a group of tests compares with: one safetensors file below tests/golden, open
 * from the group's set-up to its tear-down. */
#ifndef GLIMT_TESTS_GOLDEN_TENSORS_H
#define GLIMT_TESTS_GOLDEN_TENSORS_H
#include "engine/formats/tensors.h"

/* Its name ("model/small.safetensors"): set before the group runs. */
extern const char *golden_tensors;
/* For cmocka_run_group_tests. */
int golden_open(void **state);
int golden_close(void **state);
/* The tensor of that name; fails the test when absent. Valid until golden_close. */
const struct named_tensor *golden_tensor(const char *format, ...)
    __attribute__((format(printf, 1, 2)));
#endif
