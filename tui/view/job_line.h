/* How a job is getting on, printed one way everywhere: "harvest references 43 % ▕████▏ 12,300
 * tokens/s, 4 s left", or what went wrong. */
#ifndef GLIMT_VIEW_JOB_LINE_H
#define GLIMT_VIEW_JOB_LINE_H
#include "tui/lab/job.h"
#include "tui/term/grid.h"

struct job_segment {
    enum theme_role role;
    char text[sizeof((struct error *)0)->text + 24];
};
struct job_line { /* drawn one after the other, each with what stands before it */
    int n;
    struct job_segment segment[12];
};

/* "sweep", "examples 418": what is asked. */
void job_line_what(const struct job *, char *out, size_t n);
/* The line in at most `columns`: what does not fit is left out from the end, then the bar. An error
 * is not shortened. */
void job_line_make(const struct job *, bool ascii, int columns, struct job_line *out);
/* The same without what is asked: "43 % ▕████▏ 12,300 tokens/s, 4 s left", "done in 3.2 s". */
void job_line_state(const struct job *, bool ascii, int columns, struct job_line *out);
/* Draws segments as they are; the column after them. */
int job_segments_draw(const struct job_line *, const struct theme *, struct grid *,
                      struct rect clip, int x, int y);
/* Draws it up to the clip's right edge; the column after it. */
int job_line_draw(const struct job *, const struct theme *, struct grid *, struct rect clip, int x,
                  int y);
/* As text alone (a status bar, a terminal that shows no pictures). */
void job_line_text(const struct job *, bool ascii, int columns, char *out, size_t n);

/* A job that waits or runs, in words: "harvesting big.tsv … 42 % · 12,300 tokens/s · 4 s left"; in
 * `columns`, or shorter: the rate goes first. */
void job_working_text(const struct job *, bool ascii, int columns, char *out, size_t n);

/* Pieces for tables: "12,300", "4 s" / "2 min" / "1 h 20 min", a bar w cells wide with eighths at
 * its end and blanks behind it (3·w + 1 bytes). */
void count_text(double v, char *out, size_t n);
void duration_text(double seconds, char *out, size_t n);
void bar_text(double share, int w, bool ascii, char *out, size_t n);
/* The part done, 0 … 1. */
double job_share(const struct job *);
#endif
