/* What the terminal says about itself when asked, before the first frame. */
#ifndef GLIMT_TERM_PROBE_H
#define GLIMT_TERM_PROBE_H
#include "tui/term/event.h"

#define PROBE_EARLY_MAX 64

struct probe {
    bool answered;             /* the fence came back in time */
    int rtt_ms;                /* −1: it did not */
    int sync;                  /* mode 2026: DECRPM's value, −1 unknown */
    int mouse_drag, mouse_sgr; /* modes 1002 and 1006, where they were asked for; −1 unknown */
    int background;            /* 1 dark, 2 light, 0 unknown */
    int32_t background_rgb;    /* −1 unknown */
    bool direct_color;
    int n_early; /* keys typed meanwhile */
    struct event early[PROBE_EARLY_MAX];
};

enum probe_ask {
    PROBE_COLOR =
        1, /* whether direct colour is understood: a DCS, not swallowed by every terminal */
    PROBE_MOUSE = 2
};
/* Asks and waits at most timeout_ms; what comes later is the decoder's to swallow. ask: what more
 * is asked, or-ed. n_input counts the bytes read. */
void probe_terminal(struct decoder *, unsigned ask, int timeout_ms, struct probe *out,
                    uint64_t *n_input);
/* An answer, late or not, into the facts. */
void probe_reply(struct probe *, const struct event *);
#endif
