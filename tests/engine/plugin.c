/* A plugin as far as linking goes: engine/backend.h is all it includes, and the Makefile links it
 * with no undefined symbol allowed. */
#include "engine/backend.h"

#define EXPORT __attribute__((visibility("default")))
EXPORT uint32_t plugin_abi(void);
EXPORT struct backend *plugin_new(int ordinal, struct error *e);

EXPORT uint32_t plugin_abi(void)
{
    return BACKEND_ABI;
}

EXPORT struct backend *plugin_new(int ordinal, struct error *e)
{
    error_set(e, ERROR_SYSTEM, "GPU %d\nis 7.5, needs 8.0", ordinal);
    error_prefix(e, "opening %s", "cuda");
    return NULL;
}
