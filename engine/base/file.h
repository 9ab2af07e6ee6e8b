/* Files as they are named: what can't be opened, told in one way. */
#ifndef GLIMT_BASE_FILE_H
#define GLIMT_BASE_FILE_H
#include "engine/base/error.h"

/* Is there anything of this name, be it a link to nothing? */
bool file_is_named(const char *path);
/* "DOING PATH: why" of errno; of a link to nothing, what it links to. Always false. */
bool file_fail(struct error *e, enum error_kind kind, const char *doing, const char *path);
#endif
