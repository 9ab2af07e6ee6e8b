/* A value of a tensor in a safetensors file, written over: what a broken checkpoint holds. */
#ifndef GLIMT_TEST_SPOIL_H
#define GLIMT_TEST_SPOIL_H
#include <stddef.h>

/* Element i of the f32 tensor `name` ← value; what was there. Aborts the test when there is no such
 * element. */
float spoil(const char *path, const char *name, size_t i, float value);
#endif
