/* Lists of units in files: names with blanks, commas or line ends between them, # to the end of a
 * line a comment. Where names of units are given one may be @LIST: it stands for those of the file
 * LIST, or where there is none of that name of the list LIST.txt that comes with the program
 * (store/demo/neurons). */
#ifndef GLIMT_TUI_UNIT_LIST_H
#define GLIMT_TUI_UNIT_LIST_H
#include "engine/base/error.h"
#include "engine/base/strbuf.h"

/* Names with commas between them, appended with each @LIST replaced by its own; the others are as
 * they were, whatever they name. False and *e: no such list, nothing in it, or a word in it that
 * names no unit. */
bool unit_lists_expand(const char *names, struct strbuf *out, struct error *e);
#endif
