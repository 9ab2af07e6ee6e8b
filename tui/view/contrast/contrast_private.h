/* What the files of the Contrast view share: its state, where its parts stand, how they are drawn.
 * Private to it. */
#ifndef GLIMT_VIEW_CONTRAST_PRIVATE_H
#define GLIMT_VIEW_CONTRAST_PRIVATE_H
#include "tui/plot/plot.h"
#include "tui/view/pane.h"
#include "tui/widget/list.h"
#include "tui/widget/prompt.h"

enum contrast_part { PART_POINTS, PART_UNITS, PART_P, PART_KEPT, PART_COMPARE, N_PARTS };

/* ---- where things stand: a pure function */
struct contrast_layout {
    struct rect part[N_PARTS]; /* w or h 0: not drawn */
    bool folded[N_PARTS];      /* one line, the title */
    bool frame;                /* the open ones have a frame */
};
/* In r, from 0×0 up: inside it, never overlapping, the focused part always open; zoom: it alone. */
void contrast_layout(struct rect r, enum contrast_part focus, bool zoom,
                     struct contrast_layout *out);
struct rect contrast_inner(const struct contrast_layout *, enum contrast_part); /* in its frame */

/* ---- state */
enum unit_column { BY_P, BY_T, BY_TARGET, BY_OTHER, BY_UNIT, N_UNIT_COLUMNS };
enum { S_MAX = 32 }; /* numbers of units of the kept curve */

struct contrast_points {   /* what the points shown are of */
    struct table_set *set; /* a reference; NULL: none yet */
    const struct table *rows;
    int32_t x, y, word, cls, value_x, value_y; /* units; columns */
    int64_t n, typed; /* words of the list; the row of the typed one, −1: none */
    struct names classes;
};

struct contrast {
    struct rect area;
    enum contrast_part focus;
    bool zoom, log, overlaid;

    struct corpus_choice words; /* path NULL: there is none */
    char *target;               /* class asked about; NULL: the first */
    char *against;              /* of the others this one alone; NULL: all of them */
    int vector;                 /* of word_vector_choices */
    bool space;                 /* a blank before each word, as inside a text */
    bool hooked;                /* coordinates of the hooked activation in place of latents */
    bool across;                /* neurons against latents of every dictionary */

    struct watch test, points, kept, compare;
    struct table_set *test_set; /* shown until others come; a reference */
    const struct table *rows;   /* t-tests of the units looked at */
    int64_t *order;             /* [rows->n_rows] */
    enum unit_column sort;
    bool descending;
    struct list units;
    int32_t x, y; /* the axes: units, −1: none */
    bool moved;   /* chosen by hand */

    struct contrast_points shown;
    int64_t at;           /* the word looked at, a row of the points; −1: none */
    bool typing, holds;   /* a word; the mouse holds the points, or a number of units */
    struct prompt prompt; /* the word */
    int s;                /* number of units looked at, of the curve's */
};

/* ---- the t-tests (units.c) */
struct unit_row {
    int32_t unit;             /* −1: no such row */
    double t, log_p, mean[2]; /* mean: of the target, of the others */
    bool significant, bonferroni, bh;
};
/* Other tables, or another set of units: sorts, keeps the axes where they are still there. */
void contrast_take_test(struct contrast *);
void contrast_sort(struct contrast *, enum unit_column);        /* again: the other way round */
struct unit_row contrast_unit(const struct contrast *, int at); /* as sorted */
int contrast_find(const struct contrast *, int32_t unit);       /* where in the list; −1 */
/* Class c of the t-tests, 0 the one asked about, 1 the other; "others": several; "" before they are
 * there. */
const char *contrast_class(const struct contrast *, int c);
bool contrast_has_latents(const struct contrast *); /* of the tests */
/* Columns of the table of units that stand in w cells: right edges, 0: not drawn. */
struct unit_columns {
    int right[N_UNIT_COLUMNS], sign;
};
struct unit_columns contrast_columns(int w);

/* ---- the points (points.c) */
void contrast_take_points(struct contrast *); /* what has come, if it has words */
void contrast_forget_points(struct contrast *);
double contrast_value(const struct contrast_points *, int64_t row, bool y);
/* The word nearest to a cell of the plot; −1: none. */
int64_t contrast_nearest(const struct contrast *, const struct view_in *, struct rect inner, int x,
                         int y);
/* The next word along an axis: by −1 or 1. */
int64_t contrast_step(const struct contrast *, bool y, int by);
struct rect contrast_prompt_row(const struct contrast *, struct rect inner); /* h 0: none */

/* ---- the curve (curve.c) */
int contrast_sizes(const struct contrast *, double s[S_MAX]); /* ascending; how many */
int contrast_size_at(const struct contrast *, const struct view_in *, struct rect inner, int x);
void contrast_plot(const struct contrast *, enum contrast_part, bool ascii, struct plot_options *);
const struct table *contrast_table(const struct contrast *, enum contrast_part); /* NULL: none */
/* The lower bound of p under a column of the histogram; NaN: none. */
double contrast_p_at(const struct contrast *, const struct view_in *, struct rect inner, int x);

/* ---- asking (contrast.c) */
void contrast_ask(struct contrast *, const struct view_in *);        /* all of it */
void contrast_ask_points(struct contrast *, const struct view_in *); /* of the axes */
int32_t contrast_dict(const struct view_in *); /* the place of the dictionary listed */
bool contrast_request(const struct contrast *, const struct view_in *, enum contrast_part,
                      struct request *);
void contrast_select(struct contrast *, const struct view_in *, int at); /* a unit of the list */
void contrast_bounds(struct contrast *);

/* ---- drawing */
struct contrast_drawing {
    const struct contrast *v;
    const struct view_in *in;
    struct grid *g;
    struct contrast_layout layout;
};
struct style contrast_style(const struct contrast_drawing *, enum theme_role);
void contrast_right(const struct contrast_drawing *, struct rect clip, int right, int y,
                    struct style, const char *text);
/* Why a part shows nothing yet. */
void contrast_waiting(const struct contrast_drawing *, const struct watch *, struct rect);
void contrast_draw_points(const struct contrast_drawing *, struct rect inner);
void contrast_draw_units(const struct contrast_drawing *, struct rect inner);
void contrast_draw_p(const struct contrast_drawing *, struct rect inner);
void contrast_draw_kept(const struct contrast_drawing *, struct rect inner);
void contrast_draw_compare(const struct contrast_drawing *, struct rect inner);
/* Small print on a part's lower edge. */
void contrast_points_note(const struct contrast_drawing *, int w, char *out, size_t n);
void contrast_units_note(const struct contrast_drawing *, int w, char *out, size_t n);
void contrast_kept_note(const struct contrast_drawing *, int w, char *out, size_t n);
/* "3e-05", ".012": from the natural logarithm. */
void p_text(double log_p, bool ascii, char *out, size_t n);

/* ---- events (event.c) */
bool contrast_act(void *view, const struct view_in *, enum action_id, bool extend);
bool contrast_event(void *view, const struct view_in *, const struct event *);
void contrast_end_typing(void *view, const struct view_in *);
extern const struct view_command contrast_commands[];
#endif
