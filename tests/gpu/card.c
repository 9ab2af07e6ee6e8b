/* In the place of gpu/shim: the device of these tests is a card, by the plugin that lies beside the
 * program. Kernels do not run in seeded order there, and nobody else counts its memory. */
#include "engine/devices.h"
#include "gpu/cuda.h"
#include <stdio.h>

struct backend *glimt_backend_new(const struct backend_want *want, struct error *e)
{
    char name[24];
    snprintf(name, sizeof name, "cuda:%d", want->ordinal);
    return device_open(name, want->precision, 0, NULL, e);
}

void shim_seed(uint64_t seed)
{
    (void)seed;
}

struct shim_machine shim_machine; /* what tests ask of it, no card does */

size_t shim_bytes(void)
{
    return 0;
}
