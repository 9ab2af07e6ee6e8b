/* The views beside Explore and which of them is shown: the part of the Explore state that hosts
 * them. Private to tui/view. */
#ifndef GLIMT_VIEW_VIEWS_H
#define GLIMT_VIEW_VIEWS_H
#include "tui/view/view.h"

struct views {
    enum view_id now;
    void *state[N_VIEWS]; /* NULL: not opened yet */
    struct job_host host; /* ask NULL: there is nobody to ask */
    struct corpus_choice corpus;
    struct rect area;                         /* of the view, from the last layout */
    bool entered;                             /* the view shown has asked for what it needs */
    int32_t n_units, unit[SESSION_MAX_UNITS]; /* the chosen ones it was entered with */
};

struct explore;
void views_release(struct views *);
/* Shows a view. */
void views_go(struct explore *, enum view_id);
/* After anything that may concern the view: enters it anew when the model has come, or the chosen
 * latents or the corpus changed; gives it its area. */
void views_sync(struct explore *);
/* Jobs have news. */
void views_news(struct explore *);
void views_draw(const struct explore *, const struct workbench *, const struct theme *,
                struct grid *);
/* False: not the view's. */
bool views_event(struct explore *, const struct event *);
/* An action by its name, as its key would do it; false: not the view's. */
bool views_do(struct explore *, enum action_id);
bool views_typing(const struct explore *);
void views_end_typing(struct explore *); /* what is typed holds, as by Enter */
/* The context of actions: of the view shown, or of the focused pane. */
enum where explore_where(const struct explore *);
/* The tabs of the title, right-aligned in r; the view at a cell, −1: none. */
int views_tabs(struct rect r, int x[N_VIEWS], int w[N_VIEWS]);
/* What a view is called on the screen: the one of latents is that of neurons where units are. */
const char *view_title(enum view_id, const struct workbench *);
/* Table, plot and request of what is shown (of Explore: the text's latents and losses). */
const struct table *views_table(const struct explore *, struct plot_options *);
bool views_request(const struct explore *, struct request *);
#endif
