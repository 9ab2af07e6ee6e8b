/* What is shown, taken home: `:write` and `y c`. */
#ifndef GLIMT_VIEW_EXPORT_H
#define GLIMT_VIEW_EXPORT_H
#include "tui/shell/shell.h"

/* Writes the table or plot of the focused pane to a file, by its extension: .svg, .json ({"rows":
 * […]} under the table's name) or .csv; beside it and renamed. False and *e: nothing to write yet,
 * another extension, the disk. */
bool export_write(const struct explore *, const char *path, struct error *e);
/* The command line that reproduces what is shown. */
void export_command(const struct explore *, const struct options *, struct strbuf *out);
/* Explore's focused pane as a table; NULL: nothing yet. The caller frees it. */
struct table *explore_table(const struct explore *);
/* "glimt analyze …" for the text and sliders of Explore. */
void explore_command_line(const struct explore *, const struct options *, struct strbuf *out);
#endif
