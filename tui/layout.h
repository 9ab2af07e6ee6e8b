/* Where the panes of the explorer stand: a pure function of the terminal's size, of what has the
 * focus and of how long the lists are.
 *
 * For every size from 1×1: rects lie inside the screen, never overlap, and something is always
 * drawn. What is not drawn takes no keys. */
#ifndef GLIMT_TUI_LAYOUT_H
#define GLIMT_TUI_LAYOUT_H
#include "tui/term/grid.h"

enum pane { PANE_TEXT, PANE_LATENTS, PANE_NEXT, PANE_HISTOGRAM, PANE_SLIDERS, PANE_LOSS, N_PANES };

enum layout_mode {
    LAYOUT_FULL,      /* from 80×24: all panes but predictions, those too where there is room */
    LAYOUT_ACCORDION, /* from 40×8: the focused pane, the others as one line each */
    LAYOUT_SINGLE,    /* from 24×6: the focused pane and the status */
    LAYOUT_TINY       /* text, and one line with the loss */
};

struct bars { /* around a view, whichever it is */
    int w, h;
    enum layout_mode mode;
    struct rect title, status, keys; /* h 0: not drawn */
    struct rect inside;              /* what they leave */
};
void bars_compute(struct bars *, int w, int h);

struct layout {
    int w, h;
    enum layout_mode mode;
    struct rect title, status, keys; /* h 0: not drawn */
    struct rect pane[N_PANES];       /* h 0: not drawn */
    bool folded[N_PANES];            /* drawn as one line without content */
    bool frame;                      /* open panes have a frame */
};

struct layout_rows { /* of the lists when whole, which nothing is gained by exceeding; 0: unknown */
    int latents, next, sliders;
};

/* zoom: the focused pane alone even where all have room. */
void layout_compute(struct layout *, int w, int h, enum pane focus, bool zoom, struct layout_rows);
/* Drawn with content: takes keys. */
bool layout_open(const struct layout *, enum pane);
/* Can be given the focus: drawn or folded, or drawn once it has it (predictions without a place of
 * their own take the histogram's then); in LAYOUT_TINY the text alone. */
bool layout_reachable(const struct layout *, enum pane);
/* The pane at a cell, −1: none. */
int layout_pane_at(const struct layout *, int x, int y);
/* Where a pane's content stands: inside the frame if there is one. */
struct rect layout_inner(const struct layout *, enum pane);
#endif
