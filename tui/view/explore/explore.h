/* What the files of the Explore view share: where things stand, what is looked at, the panes.
 * Private to it. */
#ifndef GLIMT_VIEW_EXPLORE_EXPLORE_H
#define GLIMT_VIEW_EXPLORE_EXPLORE_H
#include "tui/shell/shell.h"

/* ---- the token looked at */
struct here {
    bool valid,
        stale; /* stale: the text has changed there since the snapshot; the nearest before it */
    const struct line_view *line;
    int32_t i, token;  /* in its line; in the text */
    size_t start, end; /* bytes of the snapshot's text */
};
/* Some line is longer than the model's context. */
bool explore_is_cut(const struct snapshot *);
struct here explore_here(const struct explore *, const struct snapshot *);

/* ---- geometry, for drawing and for the mouse */
#define TABS_FROM 110 /* columns from which the title has the views' names */
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
float explore_scale(const struct explore *, const struct workbench *, int32_t unit,
                    bool *from_bundle);
struct paint_rule explore_rule(const struct explore *, const struct workbench *);
/* The fixed values are lifted for a look without them. */
bool explore_lifted(const struct explore *);
/* The sliders as they take effect: while lifted nothing is fixed, the insertion stays. */
struct sliders explore_in_force(const struct explore *);
/* Alike as far as losses go: the same insertion, the same fixed units at the same values. */
bool same_effect(const struct sliders *, const struct sliders *);
/* "at 1.8": which value `of` had where `now` has another. */
void at_label(const struct sliders *of, const struct sliders *now, bool ascii, char *out, size_t n);
/* The active latents of a token: how many, and one of them. */
int32_t here_n_active(const struct here *);
bool here_active(const struct here *, int32_t rank, int32_t *id, float *value);
/* A row of the latents pane: of the brushed phrase, else of the token. */
int32_t explore_n_latents(const struct explore *, const struct here *);
bool explore_latent(const struct explore *, const struct here *, int32_t row, int32_t *id,
                    float *value);
/* The value of a unit at the token: its activation, else its pre-activation; false: not known. */
bool here_unit(const struct here *, int32_t unit, float *pre, float *act);

/* Loss of a class with the sliders as they are, from the sweep of the chosen latents; NaN: not
 * known. */
double explore_sweep_now(const struct explore *, const char *cls);

/* ---- changes */
void explore_harvest(struct explore *);  /* the corpus in use; says so */
void explore_arrange(struct explore *);  /* after anything that may move rows: bounds, scrolling */
void explore_moved(struct explore *);    /* the editor's cursor moved */
void explore_recolour(struct explore *); /* what is coloured, or by what, changed */
void explore_changed_sliders(struct explore *, const struct sliders *before, bool more_may_join);
void explore_focus(struct explore *, enum pane, bool typing);
void explore_mouse(struct explore *, const struct event *);
void explore_end_drag(struct explore *);
void explore_repeatable(struct explore *, enum action_id, double value); /* what `.` does again */
void explore_prompt(struct explore *, enum overlay, const char *text);
bool explore_next_item(const struct explore *, int row, int32_t *id);

/* ---- the bar of keys */
struct key_label {
    enum action_id action;
    char key[32];
    int x, w; /* columns of the screen, on the row layout.keys */
};
#define KEY_LABELS_MAX 40
/* What has room, from the left: the essential ones before all others. How many. */
int key_bar(const struct explore *, struct key_label out[KEY_LABELS_MAX]);
/* A press on the bar does what its key does; false: not on the bar. */
bool key_bar_press(struct explore *, const struct event *);

/* ---- pages: the help and the messages */
void page_open(struct explore *, enum overlay);
void page_arrange(struct explore *); /* after anything that may change its lines */
void page_event(struct explore *, const struct event *);

/* ---- the palette */
struct palette_item {
    const char *name, *args, *help;
    enum action_id action; /* ACTION_NONE: a command with arguments only */
    int score;
};
#define PALETTE_MAX 128
/* Commands, and actions of the contexts, best first. */
int palette_find(const char *typed, unsigned where, struct palette_item out[PALETTE_MAX]);
unsigned palette_where(const struct explore *);
void palette_complete(struct explore *, int by); /* Tab: by 1; Shift-Tab: −1 */
void palette_run(struct explore *);              /* Enter */

/* The name behind a command, as far as it is clear; again: one after the other. endings:
 * file_names_find. */
void file_prompt_complete(struct explore *, const char *command, const char *typed,
                          const char *endings, const char *const *words, int by);
void file_prompt_end(struct explore *); /* the name is another now */

/* ---- questions */
/* In less than w columns, so that "y/n" is seen. */
void question_label(const struct explore *, int w, bool ascii, char *out, size_t n);
void question_event(struct explore *, const struct event *);

/* ---- the histogram pane */
int32_t histogram_unit(const struct explore *); /* whose it is; −1: none */
void histogram_plot(const struct explore *, struct plot_options *);
const struct table *histogram_table(const struct explore *); /* NULL: not there yet */

/* The value of the plot's column at a cell; false: none there. */
bool histogram_value_at(const struct explore *, int x, int y, double *v);

/* ---- with and without the fixed values */
void blink_flip(struct explore *);
void blink_wished(struct explore *, uint64_t generation);
void blink_compare(struct explore *); /* after a snapshot: marks what changed, once all is there */
void blink_forget(struct explore *);  /* marks, and waiting for them */

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
    struct here here;
    struct sliders in_force;
    bool lifted;
};
void draw_text_pane(const struct drawing *);
void draw_latents_pane(const struct drawing *);
void draw_sliders_pane(const struct drawing *);
void draw_histogram_pane(const struct drawing *);
void draw_loss_pane(const struct drawing *);
void draw_next_pane(const struct drawing *);
void draw_bars(const struct drawing *); /* title, status, keys */
void draw_keys(const struct drawing *);
void draw_overlay(const struct drawing *);
void draw_page(const struct drawing *);
void draw_files(const struct drawing *, struct rect above); /* in place of the commands */
void draw_changes(const struct drawing *);                  /* marks cells, after the panes */
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
