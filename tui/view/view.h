/* The views beside Explore: each a state of its own, drawn by a pure function, told of events.
 *
 * A view asks for tables (job_host.ask) when it is entered or its inputs changed, and takes what
 * has come in `update`. Status, keys, palette and help around it are Explore's
 * (tui/view/explore.h), as are sliders and text. Everything on the UI thread. */
#ifndef GLIMT_VIEW_VIEW_H
#define GLIMT_VIEW_VIEW_H
#include "tui/action.h"
#include "tui/lab/job.h"
#include "tui/term/grid.h"
#include "tui/workbench.h"

struct explore;
struct plot_options; /* tui/plot/plot.h */

enum view_id {
    VIEW_EXPLORE,
    VIEW_LATENTS,
    VIEW_HISTOGRAMS,
    VIEW_SWEEP,
    VIEW_CORPUS,
    VIEW_JOBS,
    N_VIEWS
};

struct view_in {                       /* what is around a view; borrowed for the call */
    const struct workbench *workbench; /* NULL while loading */
    const struct theme *theme;
    const struct job_host *host;
    const struct corpus_choice *corpus; /* the one in use */
    struct explore *explore;            /* sliders and messages: tui/view/explore.h; may be NULL in
                                           drawing tests */
    bool ascii;
    const struct options *options; /* of the session, for command lines; NULL: the defaults */
};

struct view_ops {
    const char *name, *title; /* "latents", "Latents" */
    enum where where;         /* context of its actions */
    size_t size;              /* of its state, zeroed before init */
    void (*init)(void *view);
    void (*release)(void *view);
    /* Shown now, or the corpus, the chosen latents or the model changed while it is: asks for what
     * it needs. */
    void (*enter)(void *view, const struct view_in *);
    /* Some job has news. True: draw again. */
    bool (*update)(void *view, const struct view_in *);
    /* Pure. r is the whole area between title and status line, from 0×0 up. */
    void (*draw)(const void *view, const struct view_in *, struct grid *, struct rect r);
    /* Where things stand for the mouse follows r of the last draw or resize. */
    void (*resize)(void *view, const struct view_in *, struct rect r);
    /* `action`: what the key means here, ACTION_NONE for the mouse and for keys while `typing`.
     * False: not mine. */
    bool (*event)(void *view, const struct view_in *, const struct event *, enum action_id action);
    /* True while a line is typed (a filter): keys go to the view as they are. NULL: never. */
    bool (*typing)(const void *view);
    /* What the focused pane shows; NULL: nothing yet. */
    const struct table *(*table)(const void *view);
    /* How that table is plotted (options' strings borrowed from the view). */
    void (*plot)(const void *view, struct plot_options *);
    /* The request that reproduces the focused pane. False: none yet. The caller releases it. */
    bool (*request)(const void *view, const struct view_in *, struct request *);
};
extern const struct view_ops latents_view, histograms_view, sweep_view, corpus_view, jobs_view;
extern const struct view_ops *const view_table[N_VIEWS]; /* [VIEW_EXPLORE] NULL */

/* ---- what views may do to Explore */
/* The chosen units in slider order; how many. */
int32_t explore_units(const struct explore *, int32_t out[SESSION_MAX_UNITS]);
/* `f`: takes the unit as a slider (at `value`), fixes it, or frees it. */
void explore_take(struct explore *, int32_t unit, double value);
/* Colours the text by the unit. */
void explore_colour_by(struct explore *, int32_t unit);
/* Sets the value of a unit's slider (taking it first). */
void explore_set_value(struct explore *, int32_t unit, double value);
/* Pre-activation of a unit at the token that is looked at; NaN: not known. */
double explore_value_here(const struct explore *, int32_t unit);
/* The value a unit's slider is at; NaN: free or no slider. */
double explore_fixed_value(const struct explore *, int32_t unit);
/* Puts a text into the editor (as one step of undo) and goes to Explore. */
void explore_show_text(struct explore *, const char *utf8, size_t n, size_t cursor);
void explore_go(struct explore *, enum view_id);
/* Another corpus: path ("" the references). Views are entered anew. */
bool explore_use_corpus(struct explore *, const char *path);
#endif
