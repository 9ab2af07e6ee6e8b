/* What all views share: the text, the sliders, what colours the text, what the worker and the
 * studies have found about them, the corpus in use, messages; and what a view may do to it.
 *
 * Plain state on the UI thread. Changing it sends nothing: what the worker must compute
 * (wish_changed), what is to be drawn (redraw) and kept (state_changed) is noted, and so is what
 * only the shell can do (go, then): it acts on it after the event. */
#ifndef GLIMT_VIEW_SHARED_H
#define GLIMT_VIEW_SHARED_H
#include "tui/action.h"
#include "tui/history.h"
#include "tui/service.h"
#include "tui/view/findings.h"
#include "tui/view/messages.h"
#include "tui/view/token_paint.h"
#include "tui/widget/editor.h"
#include "tui/widget/list.h"

struct lane_name { /* which sliders a lane key stood for */
    uint64_t key;
    struct sliders of;
};
#define LANES_KEPT 32

struct loss_shown { /* the last complete means of this text */
    bool valid;
    double mean[N_LANES];
    struct sliders of;
    uint64_t version; /* of the text */
};
struct refset_shown {
    bool valid;
    struct refset_view view; /* the last with a measured fixed lane */
    struct sliders of;
};
struct lift {          /* a look without the fixed values */
    bool off;          /* they are lifted */
    struct sliders of; /* those lifted: when the sliders are others it is over */
};
struct last_change {       /* of a slider, for `.` */
    enum action_id action; /* ACTION_VALUE: to value; ACTION_NONE: none yet */
    double value;
};

struct colour_kept { /* what coloured the text while this dictionary was listed */
    bool kept;
    struct unit_id unit;
};

struct shared {
    const struct options *options;     /* borrowed: what command lines of requests say */
    const struct workbench *workbench; /* NULL while loading */
    const struct theme *theme;         /* NULL: none yet */
    struct job_host host;              /* ask NULL: there is nobody to ask */
    struct corpus_choice corpus;       /* the one in use */
    struct service_status status;

    struct history history;
    struct editor editor;
    void (*edited)(void *arg, size_t at, size_t n_removed, size_t n_inserted); /* hears of each
                                                           edit of the text; NULL: nobody */
    void *edited_arg;
    struct sliders sliders;
    struct list rows; /* 0 all, then the sliders: the selected one */
    struct last_change last;
    struct lift lift;
    enum colouring colouring;
    struct unit_id colour_unit; /* UNIT_ALL or a unit */
    struct colour_kept colour_of[DICT_SET_MAX];
    size_t token_at; /* byte whose token is looked at: the cursor's, or inside its character */
    bool bos, refsets_paused;
    struct pair pair; /* a unit on and off that the shown view looks at */
    bool still;       /* a picture: says nothing of the moment */
    bool hint;        /* nothing was typed, ever: the empty text says what can be done */

    struct snapshot *snapshot; /* the newest; NULL: none yet */
    struct text_map map;       /* snapshot's text → the shown one */
    uint64_t generation;       /* of the last wish */
    struct lane_name lane[LANES_KEPT];
    int n_lanes;
    struct loss_shown loss;
    struct refset_shown refset[CORPUS_MAX_CLASSES];
    struct findings findings;

    char message[MESSAGE_MAX]; /* in the status line; "": none */
    bool message_is_error;
    struct messages messages;

    uint64_t n_events;                        /* of the user's, so far */
    bool redraw, wish_changed, state_changed; /* state_changed: what a session keeps */
    bool follow;                              /* the cursor's row comes into sight */
    bool recolour;                            /* what is coloured, or by what, changed */
    bool to_text;                             /* the text gets the focus when it is shown */
    int go;                                   /* view to be shown: enum view_id; −1: none */
    enum action_id then;                      /* to be done, by whoever can; ACTION_NONE: nothing */
};

void shared_init(struct shared *, const struct options *);
void shared_release(struct shared *);

/* ---- messages */
void shared_message(struct shared *, bool error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, not worth keeping among the messages. */
void shared_hint(struct shared *, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* ---- views */
void shared_go(struct shared *, enum view_id);
/* Puts a text into the editor (as one step of undo) and goes to it. */
void shared_show_text(struct shared *, const char *utf8, size_t n, size_t cursor);

/* ---- dictionaries */
/* The place of the set whose latents are listed: in Explore, the Latents view, their shares; a unit
 * that is a number alone is of it. 0 where there is one. */
int32_t shared_dict(const struct shared *);
const struct dict *shared_listed(const struct shared *); /* NULL: there is none, or not yet */
/* Lists those of another: a step of undo. The colour follows where it was of the one before. */
void shared_show_dict(struct shared *, int32_t place);
/* The unit that a word means, which may be a number alone; false and *e: none. Before it is loaded
 * numbers are believed. */
bool shared_find_unit(const struct shared *, const struct unit_word *, struct unit_id *,
                      struct error *e);

/* ---- sliders and colours */
/* False, and says so, when the model has no SAE and no neurons were asked for; true before it is
 * known. */
bool shared_dict_known(struct shared *);
/* False, and says so, when no slider goes as far. */
bool shared_value_fits(struct shared *, struct unit_id, double v);
/* The chosen units in slider order; how many. */
int32_t shared_units(const struct shared *, struct unit_id out[UNITS_MAX]);
/* `f`: takes the unit as a slider (at `value`), fixes it, or frees it. */
void shared_take(struct shared *, struct unit_id, double value);
/* Colours the text by the unit. */
void shared_colour_by(struct shared *, struct unit_id);
/* Sets the value of a unit's slider (taking it first). */
void shared_set_value(struct shared *, struct unit_id, double value);
/* The value a unit's slider is at; NaN: free or no slider. */
double shared_fixed_value(const struct shared *, struct unit_id);
/* The sliders were changed from `before`: a step of undo, which the next may join if both may. */
void shared_changed_sliders(struct shared *, const struct sliders *before, bool more_may_join);
int shared_slider(const struct shared *); /* the selected row: SLIDER_ALL or a slider */
/* What `.` does again. */
void shared_repeatable(struct shared *, enum action_id, double value);
/* The selected slider to v, if it goes as far. */
void shared_set_selected(struct shared *, double v);
/* False, and says so: there is none. */
bool shared_sliders_known(struct shared *);
/* The fixed values are lifted for a look without them. */
bool shared_lifted(const struct shared *);
/* The sliders as they take effect: while lifted nothing is fixed, the insertion stays. */
struct sliders shared_in_force(const struct shared *);

/* ---- the text */
/* After the editor's cursor moved. */
void shared_moved(struct shared *);
void shared_edit(struct shared *, enum editor_op, bool select);
/* What an action does in the text; false: it is none of editing. */
bool shared_edit_action(struct shared *, enum action_id, bool select);
void shared_insert(struct shared *, const char *utf8, size_t n, bool typed);
/* Puts another text in place of all of it, as one step. */
void shared_replace_text(struct shared *, const char *s, size_t n);
void shared_undo(struct shared *);
void shared_redo(struct shared *);

/* ---- the token looked at */
struct here {
    bool valid,
        stale; /* stale: the text has changed there since the snapshot; the nearest before it */
    const struct line_view *line;
    int32_t i, token;  /* in its line; in the text */
    size_t start, end; /* bytes of the snapshot's text */
};
struct here shared_here(const struct shared *, const struct snapshot *);
/* Where the worker is told that the cursor is: behind a byte of the token looked at, so that
 * predictions follow it, whether its bounds are known yet or not. */
size_t shared_cursor(const struct shared *);
/* Pre-activation of a unit at the token that is looked at; NaN: not known. */
double shared_value_here(const struct shared *, struct unit_id);
/* The active latents of a token: how many, and one of them. */
int32_t here_n_active(const struct here *);
bool here_active(const struct here *, int32_t rank, struct unit_id *, float *value);
/* The value of a unit at the token; false: not known. */
bool here_unit(const struct here *, struct unit_id, float *pre, float *act);

/* ---- what has come */
/* Some line is longer than the model's context. */
bool snapshot_is_cut(const struct snapshot *);
/* Takes a reference of its own, and the numbers that stay on the screen with the values that they
 * belong to. */
void shared_snapshot(struct shared *, struct snapshot *);
/* Asks for the corpus to be harvested, unless it was; says so. */
void shared_harvest(struct shared *);
#endif
