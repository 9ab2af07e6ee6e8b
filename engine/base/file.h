/* Files as they are named: what can't be opened, told in one way. */
#ifndef GLIMT_BASE_FILE_H
#define GLIMT_BASE_FILE_H
#include "engine/base/error.h"

/* The folder of the running program, links resolved; NULL: not known. The caller frees. */
char *file_program_folder(void);
/* Is there anything of this name, be it a link to nothing? */
bool file_is_named(const char *path);
/* mkdir −p; every folder made is the user's alone. False and errno. */
bool file_make_folders(const char *path);
/* "DOING PATH: why" of errno; of a link to nothing, what it links to. Always false. */
bool file_fail(struct error *e, enum error_kind kind, const char *doing, const char *path);
#endif
