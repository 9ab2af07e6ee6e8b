/* Which view is shown, and how the shell speaks to the views. */
#ifndef GLIMT_SHELL_VIEWS_H
#define GLIMT_SHELL_VIEWS_H
#include "tui/view/view.h"

#define VIEWS_MAX 32
enum { HOME = 0 }; /* the first view of a table: tui/view_table.h */

extern const struct view_ops *const view_table[N_VIEWS];
/* Its place in the table; −1: no such. */
int view_named(const struct view_ops *const *, int n, const char *name);

struct views {
    const struct view_ops *const *table; /* [n] */
    int n, now;
    const char *name[VIEWS_MAX + 1]; /* NULL at the end */
    void *state[VIEWS_MAX];          /* NULL: not opened yet */
    struct rect area;                /* of the view, from the last layout */
    bool entered;                    /* the view shown has asked for what it needs */
    int32_t n_units;                 /* the chosen ones it was entered with, */
    struct unit_id unit[UNITS_MAX];
    int32_t dict;            /* and the dictionary listed then */
    struct insertion insert; /* by places; everywhere alike: nothing */
};

struct shell;
/* Opens the home view. */
void views_init(struct shell *, const struct view_ops *const *, int n);
void views_release(struct views *);
/* Shows a view. */
void views_go(struct shell *, int view);
/* After anything that may concern the view: enters it anew when the model has come, or the chosen
 * latents or the corpus changed; gives it its area. */
void views_sync(struct shell *);
/* Jobs have news. */
void views_news(struct shell *);
/* For all that are open, shown or not. */
void views_heard(struct shell *, enum view_news);
/* What was asked of another corpus, or of this one read otherwise, is nobody's any longer. */
void views_ask_anew(struct shell *);
void views_draw(const struct shell *, struct grid *);
bool views_event(struct shell *, const struct event *); /* false: not the view's */
/* False: neither the view's nor the home view's. */
bool views_act(struct shell *, enum action_id, bool extend);
bool views_home_act(struct shell *, enum action_id);
bool views_typing(const struct shell *);
void views_end_typing(struct shell *);
bool views_grabs(const struct shell *);
void views_let_go(struct shell *);
/* A command of the view shown or of the home view; NULL: none. *view: whose it is. */
const struct view_command *views_command(const struct shell *, const char *name, size_t n,
                                         int *view);
bool views_run(struct shell *, const struct view_command *, int view, const char *arg);
/* The first other view with such a command; −1: none has it. */
int views_with_command(const struct shell *, const char *name, size_t n);
/* What a view is called on the screen, where units may be neurons. */
void view_title(const struct shell *, int view, char *out, size_t n);
/* Table, plot and request of what is shown. *own: the table, where the caller frees it. */
const struct table *views_table(const struct shell *, struct plot_options *, struct table **own);
bool views_request(const struct shell *, struct request *);
#endif
