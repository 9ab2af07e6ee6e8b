/* A plugin as far as linking goes: engine/backend.h is all it includes, and the Makefile links it
 * with no undefined symbol allowed. */
#include "engine/backend.h"

uint32_t glimt_backend_abi(void)
{
#ifdef ANOTHER_ABI
    return BACKEND_ABI + 1;
#else
    return BACKEND_ABI;
#endif
}

int glimt_backend_score(int ordinal, char *why, size_t n)
{
    snprintf(why, n, "cuda: GPU %d is 7.5, needs 8.0", ordinal);
    return ordinal < 2 ? 0 : -1;
}

struct backend *glimt_backend_new(const struct backend_want *want, struct error *e)
{
    error_set(e, ERROR_SYSTEM, "GPU %d\nis 7.5, needs 8.0", want->ordinal);
    error_prefix(e, "opening %s", "cuda");
    return NULL;
}
