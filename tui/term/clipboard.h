/* Text onto the clipboard of the terminal, wherever that runs. */
#ifndef GLIMT_TERM_CLIPBOARD_H
#define GLIMT_TERM_CLIPBOARD_H
#include "engine/base/strbuf.h"

/* Inside tmux hands the text to tmux (which drops OSC 52 from programs by default); else appends
 * the sequence to send. Returns what was done, never that it arrived: terminals don't tell. The
 * text is good until the next call. */
const char *clipboard_copy(const char *text, size_t n, struct strbuf *out);
#endif
