/* Views and worker together, without a terminal: what the explorer and `glimt snapshot` share. */
#ifndef GLIMT_TUI_DESK_H
#define GLIMT_TUI_DESK_H
#include "tui/shell/shell.h"

struct desk {
    struct shell shell;
    struct service *service;
    struct theme *theme; /* owned */
    bool theme_unsaid;   /* nobody named one: a bundle that says one gets it */
    bool theme_taken;    /* and has got it */
    struct grid grid;
    struct job_host host; /* the service's, where the views see another */
};

/* Starts the worker on what `options` names (copied shallowly; strings must outlive the desk) and
 * makes it the views' host. */
bool desk_start(struct desk *, const struct options *, struct error *e);
/* After desk_start: the same inputs give the same picture, whatever the cache holds and however
 * fast the machine is: no times are shown, nothing that an earlier run kept is brought up unasked.
 */
void desk_still(struct desk *);
/* Stops the worker and releases everything. */
void desk_release(struct desk *);
/* Takes what the worker has done. */
void desk_news(struct desk *, const struct service_status *);
/* Posts the wish, if there is a new one. */
void desk_post(struct desk *);
/* Nothing is left to compute or to draw. */
bool desk_idle(const struct desk *);
/* Draws into the grid, whose size the views have been given. */
void desk_draw(struct desk *);
/* Another theme; the views are told. */
bool desk_theme(struct desk *, const char *name, enum depth, bool ascii, struct error *e);
/* What views want of files (WANT_OPEN, WANT_SHOT, WANT_WRITE); says how it went. */
void desk_files(struct desk *, unsigned wants);
#endif
