/* MARK_TEXT: tables of tokens as running text, for plots and the command line. */
#ifndef GLIMT_PLOT_TOKENS_H
#define GLIMT_PLOT_TOKENS_H
#include "tui/plot/canvas.h"

/* From the first row of r on, wrapped at its right edge; title "": none. c NULL: nothing is drawn.
 * The rows that it takes. */
int tokens_draw(const struct table *, const char *title, struct canvas *c, struct rect r);
/* What a row's token is shown as: its text, or its bytes where they are none; set, not added. */
void tokens_shown(const struct table *, int64_t row, struct strbuf *out);
/* Where a text's tokens begin: "da 12, score 3.21"; false: in the middle of one. */
bool tokens_head(const struct table *, int64_t row, bool ascii, struct strbuf *out);
#define TOKENS_FULL 1.0 /* the value that takes the strongest colour */
#endif
