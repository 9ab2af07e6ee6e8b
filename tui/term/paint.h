/* A grid through ncursesw into bytes: colour pairs, attributes, the cell diff, cursor movement.
 *
 * Curses writes into a file in memory, never to the terminal: the bytes of a frame are counted,
 * bracketed and sent by whoever asked. One at a time (curses is global). */
#ifndef GLIMT_TERM_PAINT_H
#define GLIMT_TERM_PAINT_H
#include "engine/base/error.h"
#include "engine/base/strbuf.h"
#include "tui/term/grid.h"

/* Opens a terminal type for a screen of w × h cells; false without *e set when the type is unknown,
 * with it when the type can't address cells or the memory file can't be made. */
bool paint_open(const char *term, int w, int h, struct error *e);
/* Colours of the open type: 0, 8, 16, 88, 256, 0x1000000; and whether it has the RGB flag. */
int paint_colors(void);
bool paint_has_rgb(void);
bool paint_has_other_screen(void); /* the shell's comes back when ours is left */
/* Which of them to use, and whether UTF-8 may be written. Once, before the first frame. */
void paint_begin(enum depth depth, bool utf8, int w, int h);
/* Appends what turns the last frame into this one. */
void paint_frame(const struct grid *, struct strbuf *out);
/* The next frame is drawn whole. */
void paint_invalidate(void);
void paint_resize(int w, int h);
/* Appends what leaves the screen (wiped, cursor, attributes, alternate screen); the next frame
 * enters it again. */
void paint_leave(struct strbuf *out);
void paint_close(void);
#endif
