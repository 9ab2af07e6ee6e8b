/* What the terminal says when asked, and what glimt would choose for it: for doctor. Nothing is
 * opened; nothing that was asked for stays on the line. */
#ifndef GLIMT_TERM_REPORT_H
#define GLIMT_TERM_REPORT_H
#include "tui/term/probe.h"
#include "tui/term/screen.h"

enum { REPORT_WIDTHS = 3, REPORT_FIXES = 2 };
struct terminal_report {
    bool asked; /* false: fds 0 and 1 are no terminal, or one that prints what it is asked */
    struct probe probe;
    enum depth depth;
    const char *depth_reason;
    const char *background, *background_reason; /* the theme chosen unasked, and why */
    int width[REPORT_WIDTHS];                   /* columns each sample took; −1: not told */
    const char *copy;                           /* by what text is copied */
    struct {
        const char *line, *gain; /* for tmux.conf, and what it makes possible; NULL: none */
    } fix[REPORT_FIXES];
};
extern const char *const report_sample[REPORT_WIDTHS], *const report_sample_name[REPORT_WIDTHS];

/* Asks for at most 2 s, and as long again for widths. */
void terminal_report(const struct screen_options *, struct terminal_report *out);
#endif
