/* Lists of units in files: names with blanks, commas or line ends between them, # to the end of a
 * line a comment. */
#ifndef GLIMT_TUI_UNIT_LIST_H
#define GLIMT_TUI_UNIT_LIST_H
#include "engine/base/error.h"
#include "engine/base/strbuf.h"

/* The names of a file, or where there is none of that name of the list NAME.txt that comes with the
 * program (store/demo/neurons), appended with commas between them. False and *e: no such list,
 * nothing in it, or a word that names no unit. */
bool unit_list_read(const char *name, struct strbuf *out, struct error *e);
#endif
