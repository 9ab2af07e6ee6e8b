/* What the files of the Neurons view share. Private to it. */
#ifndef GLIMT_VIEW_NEURONS_PRIVATE_H
#define GLIMT_VIEW_NEURONS_PRIVATE_H
#include "tui/plot/plot.h"
#include "tui/view/label.h"
#include "tui/view/pane.h"
#include "tui/widget/list.h"

enum neurons_part {
    PART_TEXT,
    PART_UNITS,
    PART_VALUES,
    PART_HISTOGRAM,
    PART_LISTS,
    PART_STUDY,
    N_PARTS
};

/* What the pane of studies shows of the unit. */
enum neurons_study {
    SHOWS_BOOSTS,
    SHOWS_ATTRIBUTION,
    SHOWS_PATCH,
    SHOWS_EFFECTS,
    SHOWS_DOWNSTREAM,
    SHOWS_SHIFT,
    SHOWS_EXAMPLES,
    SHOWS_CHAINS,
    SHOWS_SIMILAR,
    N_SHOWN
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
enum neurons_sort { BY_F1, BY_MEAN_ON, BY_MEAN_OFF, BY_CHANGE_ON, BY_CHANGE_OFF, BY_UNIT, N_SORTS };
struct neurons {
    struct rect area;
    enum neurons_part focus;
    bool zoom, log, overlaid;
    bool layer;   /* all neurons of the listed layer in place of the chosen units */
    char *target; /* the class that units are for; NULL: the first */
    struct watch classify, ablate, study[N_SHOWN];
    enum neurons_study shown;

    struct table_set *classified; /* what the list is of, a reference */
    int64_t *order;               /* of its rows */
    double (*change)[2];          /* [rows] of the loss, per cent; NaN: not measured */
    enum neurons_sort sort;
    bool ascending;
    struct table *histogram; /* of the unit, owned; NULL: none */
    struct list units, rows; /* rows: of the study that is shown */

    struct unit_id unit;
    double at[2]; /* what it is held at; NaN: not known yet */
    bool by_hand; /* they were moved: no longer the means */
    int slider;   /* AT_ON, AT_OFF: the one that keys move */
    bool typing, holds;
    struct pair_view listed; /* the last lists that came; no losses */
};

struct neuron_row { /* of the list */
    struct unit_id unit;
    const char *name; /* as tables have it */
    char label[UNIT_NAME_MAX];
    double f1, accuracy, mean[2];
    double change[2]; /* of the loss while it is held at the other classes' mean, per cent; NaN */
};

/* ---- the list (rows.c) */
/* False: no such row. */
bool neurons_row(const struct neurons *, const struct view_in *, int at, struct neuron_row *);
/* Its class 0 is the one that units are for; 1: the next one, "" where there is none. */
const char *neurons_class(const struct neurons *, int c);
/* Its number in the corpus, for its colour. */
int neurons_class_number(const struct neurons *, int c);
void neurons_next_class(struct neurons *);
void neurons_take_rows(struct neurons *, const struct view_in *); /* what has come */
void neurons_sort_by(struct neurons *, const struct view_in *, enum neurons_sort);
void neurons_take_histogram(struct neurons *, const char *unit); /* by the name of tables */
/* The units whose losses are measured together with those of row `at`; how many. */
int32_t neurons_beside(const struct neurons *, const struct view_in *, int at,
                       struct unit_id unit[UNITS_MAX]);

/* ---- the text (text.c) */
/* The line of the text that the cursor is in; where in it the cursor stands. */
const char *neurons_line(const struct view_in *, size_t *n, size_t *cursor);
/* What the worker has of the pair: NULL where it is of another unit. */
const struct pair_view *neurons_pair(const struct neurons *, const struct view_in *);
/* Mean losses of the line, on and off, of the tokens that have both; how many. */
int32_t neurons_losses(const struct pair_view *, double mean[2]);
/* What byte ranges of the line lose with the unit off: the first token that ends behind `at`; the
 * byte of the shown text where it ends, and its loss's difference (NaN: not known, or changed). */
size_t neurons_lost(const struct view_in *, const struct pair_view *, size_t at, int32_t *token,
                    double *lost);
struct table *neurons_text_table(const struct neurons *, const struct view_in *);
struct table *neurons_list_table(const struct neurons *, const struct view_in *);

/* ---- asking (neurons.c) */
bool neurons_request(const struct neurons *, const struct view_in *, enum neurons_part,
                     struct request *);
void neurons_wish(struct neurons *, const struct view_in *); /* what the worker is to compute */
void neurons_ask_units(struct neurons *, const struct view_in *);
void neurons_ask_study(struct neurons *, const struct view_in *, enum neurons_study);
void neurons_select(struct neurons *, const struct view_in *, int at);
void neurons_hold_at(struct neurons *, const struct view_in *, int which, double v);
void neurons_bounds(struct neurons *, const struct view_in *);

/* ---- the studies (studies.c) */
struct neurons_shown {
    const struct query *query;
    enum action_id key;
    const char *table, *title; /* %s: the unit's name */
};
extern const struct neurons_shown neurons_shown[N_SHOWN];
/* What has come of the study is of the unit and values at hand. */
bool neurons_study_fits(const struct neurons *, enum neurons_study);
int neurons_study_rows(const struct neurons *);

/* ---- drawing (draw.c, draw_study.c) */
struct neurons_drawing {
    const struct neurons *v;
    const struct view_in *in;
    struct grid *g;
};
void neurons_draw(const void *view, const struct view_in *, struct grid *, struct rect);
void neurons_draw_study(const struct neurons_drawing *, struct rect);
void neurons_study_title(const struct neurons_drawing *, const char *unit, char *out, size_t n);
void neurons_study_note(const struct neurons_drawing *, char *out, size_t n);
struct rect neurons_track(struct rect inner, int which); /* where the slider's track is */
int neurons_column_at(struct rect inner, int x);         /* of the list, by its head; −1: none */
double neurons_range(const struct neurons *);
void neurons_plot(const struct neurons *, bool ascii, struct plot_options *);
struct style neurons_style(const struct neurons_drawing *, enum theme_role);
/* Red: worse with the unit off. */
struct style neurons_shade(const struct neurons_drawing *, double difference, double full);
void neurons_right(const struct neurons_drawing *, struct rect, int at, int y, struct style,
                   const char *text);
void neurons_waiting(const struct neurons_drawing *, const struct watch *, struct rect);
/* A token and a number; label: of the token. */
void neurons_token(const struct neurons_drawing *, struct rect cell, const char *label,
                   double value, double full);

/* ---- events (event.c) */
bool neurons_act(void *view, const struct view_in *, enum action_id, bool extend);
bool neurons_event(void *view, const struct view_in *, const struct event *);
#endif
