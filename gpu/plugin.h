/* What glimt-cuda.so exports. */
#ifndef GLIMT_GPU_PLUGIN_H
#define GLIMT_GPU_PLUGIN_H
#include "engine/backend.h"

/* Found by these names (engine/devices.c). */
#define EXPORT __attribute__((visibility("default")))
EXPORT uint32_t glimt_backend_abi(void); /* BACKEND_ABI of its build */
/* How well device `ordinal` would serve; 0: it can't, and why. */
EXPORT int glimt_backend_score(int ordinal, char *why, size_t n);
EXPORT struct backend *glimt_backend_new(int ordinal, struct error *);
#endif
