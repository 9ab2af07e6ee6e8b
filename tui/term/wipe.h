/* An empty screen for whoever comes next. */
#ifndef GLIMT_TERM_WIPE_H
#define GLIMT_TERM_WIPE_H
#include "engine/base/strbuf.h"

/* Appends what empties the screen in plain attributes and puts the cursor at the beginning of its
 * last line, for the open terminal type: where there is no other screen to go back to, nothing of
 * ours must stay between the shell's lines. */
void wipe(struct strbuf *out);
#endif
