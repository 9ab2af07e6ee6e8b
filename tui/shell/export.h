/* What is shown, taken home: `:write` and `y c`. */
#ifndef GLIMT_SHELL_EXPORT_H
#define GLIMT_SHELL_EXPORT_H
#include "tui/shell/shell.h"

/* Writes the table or plot of the focused pane to a file, by its extension: .svg, .json ({"rows":
 * […]} under the table's name) or .csv; beside it and renamed. False and *e: nothing to write yet,
 * another extension, the disk. */
bool export_write(const struct shell *, const char *path, struct error *e);
/* The command line that reproduces what is shown; of a view that has asked nothing yet the home
 * view's. */
void export_command(const struct shell *, const struct options *, struct strbuf *out);
#endif
