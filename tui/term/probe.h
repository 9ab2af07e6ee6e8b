/* What the terminal says about itself when asked, before the first frame. */
#ifndef GLIMT_TERM_PROBE_H
#define GLIMT_TERM_PROBE_H
#include "tui/term/event.h"

#define PROBE_EARLY_MAX 64

struct probe {
    bool answered;  /* the fence came back in time */
    int rtt_ms;     /* −1: it did not */
    int sync;       /* mode 2026: DECRPM's value, −1 unknown */
    int background; /* 1 dark, 2 light, 0 unknown */
    bool direct_color;
    int n_early; /* keys typed meanwhile */
    struct event early[PROBE_EARLY_MAX];
};

/* Asks and waits at most timeout_ms; what comes later is the decoder's to swallow. ask_color: also
 * whether direct colour is understood (by a DCS, which not every terminal swallows). n_input counts
 * the bytes read. */
void probe_terminal(struct decoder *, bool ask_color, int timeout_ms, struct probe *out,
                    uint64_t *n_input);
/* An answer, late or not, into the facts. */
void probe_reply(struct probe *, const struct event *);
#endif
