/* What the files of the Neurons view share. Private to it. */
#ifndef GLIMT_VIEW_NEURONS_PRIVATE_H
#define GLIMT_VIEW_NEURONS_PRIVATE_H
#include "tui/plot/plot.h"
#include "tui/view/pane.h"
#include "tui/widget/list.h"

enum neurons_part {
    PART_TEXT,
    PART_UNITS,
    PART_VALUES,
    PART_HISTOGRAM,
    PART_LISTS,
    PART_BOOSTS,
    N_PARTS
};

/* ---- where things stand: a pure function; inside r, never overlapping, the focused part open */
struct neurons_layout {
    struct rect part[N_PARTS]; /* w or h 0: not drawn */
    bool folded[N_PARTS];      /* one line, the title */
    bool frame;
};
void neurons_layout(struct rect r, enum neurons_part focus, bool zoom, struct neurons_layout *out);
struct rect neurons_inner(const struct neurons_layout *, enum neurons_part);

/* ---- state */
enum { AT_ON, AT_OFF };
struct neurons {
    struct rect area;
    enum neurons_part focus;
    bool zoom, log, overlaid;
    struct watch classify, ablate, boosts, position;
    struct list units; /* rows of the classification, the best first */
    struct unit_id unit;
    double at[2]; /* what it is held at; NaN: not known yet */
    bool by_hand; /* they were moved: no longer the means */
    int slider;   /* AT_ON, AT_OFF: the one that keys move */
    bool typing, holds;
    struct table_set *shown; /* of the last text that was read, a reference */
    char *shown_text;
};

struct neuron_row { /* of the list */
    struct unit_id unit;
    const char *name;
    double f1, accuracy, mean[2];
    double change[2]; /* of the loss while it is held at the other class's mean, per cent; NaN */
};
/* false: no such row */
bool neurons_row(const struct neurons *, const struct view_in *, int at, struct neuron_row *);
const char *neurons_class(const struct neurons *, int c); /* 0: the one that units are for */
/* The line of the text that the cursor is in; where in it the cursor stands. */
const char *neurons_line(const struct view_in *, size_t *n, size_t *cursor);
const struct table *neurons_table(const struct neurons *, const char *name); /* of the two runs */

/* ---- asking (neurons.c) */
bool neurons_request(const struct neurons *, const struct view_in *, enum neurons_part,
                     struct request *);
void neurons_ask_text(struct neurons *, const struct view_in *);
void neurons_select(struct neurons *, const struct view_in *, int at);
void neurons_hold_at(struct neurons *, const struct view_in *, int which, double v);
void neurons_bounds(struct neurons *, const struct view_in *);

/* ---- drawing (draw.c) */
void neurons_draw(const void *view, const struct view_in *, struct grid *, struct rect);
struct rect neurons_track(struct rect inner, int which); /* where the slider's track is */
double neurons_range(const struct neurons *);
void neurons_plot(const struct neurons *, bool ascii, struct plot_options *);

/* ---- events (event.c) */
bool neurons_act(void *view, const struct view_in *, enum action_id, bool extend);
bool neurons_event(void *view, const struct view_in *, const struct event *);
#endif
