/* What the files of the Explore view share: its state, where things stand, the panes. Private to
 * it. */
#ifndef GLIMT_VIEW_EXPLORE_PRIVATE_H
#define GLIMT_VIEW_EXPLORE_PRIVATE_H
#include "tui/layout.h"
#include "tui/view/explore/brush.h"
#include "tui/view/pane.h"
#include "tui/view/shared.h"
#include "tui/view/view.h"

struct pair_shown {         /* the last complete means of the cursor's line and its twin */
    bool valid, other_text; /* other_text: the lines have changed since */
    int n;                  /* lines: 1 where there is no twin */
    size_t line[2];         /* of the text, from 0 */
    double mean[2][N_LANES];
    struct sliders of;
};
struct blink {           /* what changes when the fixed values are lifted or put back */
    bool waiting;        /* for the numbers of the other picture */
    uint64_t generation; /* of the wish that brings them */
    uint64_t event;      /* of the user's, with which it flipped: the next one ends it */
    struct grid before;  /* the picture when it flipped; cell NULL: none */
    uint8_t *changed;    /* [h, w] cells to mark; NULL: none */
    int w, h;
};
struct measured_scale {
    struct unit_id unit;
    float p99;
};

struct explore {
    struct shared *sh;
    struct paint paint;
    struct layout layout;
    enum pane focus;
    bool typing, zoom, rail, legend;
    struct list latents, next, losses;
    struct drag drag;
    bool selecting;                         /* the mouse drags over the text */
    struct sliders before_click;            /* a double click takes the first click's jump back */
    bool histogram_log, histogram_overlaid; /* of the histogram pane */
    struct brush brush;                     /* the selection, as latents see it */
    bool twin;                              /* losses of the cursor's line and its twin */
    struct pair_shown pair;
    struct blink blink;
    struct measured_scale scale[2 * UNITS_MAX];
    int n_scales;
    float strongest; /* the same of each token's strongest latent; 0: none was seen */
};

/* ---- geometry, for drawing and for the mouse */
struct text_area {
    struct rect rows, legend, info; /* h 0: not drawn */
    int step;                       /* screen rows a text row takes: 2 with the rail */
};
struct text_area text_area(const struct explore *);
struct slider_columns { /* absolute x; width 0: not drawn */
    int label_x, mark_x, track_x, track_w, value_x;
    struct rect rows;
};
struct slider_columns slider_columns(const struct explore *);
struct rect pane_rows(const struct explore *, enum pane); /* rows of the list in a pane */
int slider_of_row(int row); /* list row → slider row or SLIDER_ALL */

/* ---- meaning */
float explore_scale(const struct explore *, const struct workbench *, struct unit_id,
                    bool *from_bundle);
struct paint_rule explore_rule(const struct explore *, const struct workbench *);
/* A row of the latents pane: of the brushed phrase, else of the token. */
int32_t explore_n_latents(const struct explore *, const struct here *);
bool explore_latent(const struct explore *, const struct here *, int32_t row, struct unit_id *,
                    float *value);

/* ---- the view, in its parts (tui/view/view.h) */
bool explore_act(void *, const struct view_in *, enum action_id, bool extend);
bool explore_event(void *, const struct view_in *, const struct event *);
void explore_draw(const void *, const struct view_in *, struct grid *, struct rect);
struct table *explore_make_table(const void *, const struct view_in *);
void explore_command_line(const void *, const struct options *, struct strbuf *);
bool explore_track(const void *, int row, struct slider_track *, int *x, int *y);

/* ---- changes */
bool explore_do(struct explore *, enum action_id); /* false: not Explore's */
void explore_resize(struct explore *, int w, int h);
void explore_arrange(struct explore *); /* after anything that may move rows: bounds, scrolling */
/* Scales of what the bundle knows nothing about. */
void explore_measure(struct explore *, const struct snapshot *);
void explore_recolour(struct explore *); /* what is coloured, or by what, changed */
void explore_focus(struct explore *, enum pane, bool typing);
void explore_mouse(struct explore *, const struct event *);
void explore_end_drag(struct explore *);
int loss_rows(const struct explore *); /* of the loss pane */
bool explore_next_item(const struct explore *, int row, int32_t *id);

/* ---- the histogram pane */
struct unit_id histogram_unit(const struct explore *); /* whose it is; UNIT_NONE: none */
void histogram_plot(const struct explore *, struct plot_options *);
const struct table *histogram_table(const struct explore *); /* NULL: not there yet */

/* The value of the plot's column at a cell; false: none there. */
bool histogram_value_at(const struct explore *, int x, int y, double *v);

/* ---- with and without the fixed values */
void blink_flip(struct explore *);
void blink_follow(struct explore *); /* after an event: what it ends */
/* After a snapshot: marks what changed, once all is there; shown: on the screen. */
void blink_compare(struct explore *, bool shown);
void blink_forget(struct explore *); /* marks, and waiting for them */

/* ---- the twin of a line */
/* The line of the cursor and its twin, upper first; 1: it has none. */
int twin_lines(const struct explore *, size_t line[2]);
void twin_update(struct explore *); /* after anything that may change its numbers */
void twin_switch(struct explore *, bool on);
/* Puts reference pair n (from 1) into the editor; false: n is no number of one (says why). */
bool twin_reference(struct explore *, long n);

/* ---- panes */
struct drawing {
    const struct explore *ex;
    const struct snapshot *snap; /* may be NULL */
    const struct workbench *wb;  /* may be NULL */
    const struct theme *theme;
    struct grid *grid;
    bool ascii;
    bool covered; /* a page or a prompt has the keys */
    struct here here;
    struct sliders in_force;
    bool lifted;
};
struct drawing explore_drawing(const struct explore *, struct grid *, bool covered);
void draw_panes(const struct drawing *);
void draw_text_pane(const struct drawing *);
void draw_latents_pane(const struct drawing *);
void draw_sliders_pane(const struct drawing *);
void draw_histogram_pane(const struct drawing *);
void draw_loss_pane(const struct drawing *);
void draw_next_pane(const struct drawing *);
/* The frame of a pane (or its folded line), titled; what is inside. */
struct rect draw_frame(const struct drawing *, enum pane, const char *title);
/* The lower edge of a pane's frame. */
void draw_edge(const struct drawing *, enum pane, const char *text);
/* Adds a part to the text of an edge, after a dot, if there is room for all of it. */
void edge_add(const struct drawing *, enum pane, char *edge, size_t n, const char *part);
struct style draw_style(const struct drawing *, enum theme_role);
/* A bar of v/max cells with eighths at its end, w cells wide. */
void draw_bar(const struct drawing *, struct rect clip, int x, int y, int w, double share,
              struct style);
const char *waiting(const struct drawing *); /* "loading", or that it failed */
/* Why a pane about the token looked at has nothing to show: no_token: there is none to be had. */
const char *missing(const struct drawing *, bool no_token);
/* The token's text as a label. */
void here_label(const struct drawing *, char out[]);
#endif
