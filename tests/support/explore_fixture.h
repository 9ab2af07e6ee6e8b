/* A small world for tests of the Explore view without a model: a workbench of plain data and
 * snapshots made by rule, so that the same wish always gives the same cells. Words are tokens (with
 * the blank before them); latent u's value at a token is a fixed function of the token's bytes and
 * u. */
#ifndef GLIMT_TESTS_EXPLORE_FIXTURE_H
#define GLIMT_TESTS_EXPLORE_FIXTURE_H
#include "tui/options.h"
#include "tui/shell/shell.h"
#include "tui/view/explore/explore_private.h"

#define FIXTURE_JOBS 400
struct explore_fixture {
    struct workbench wb;
    struct bundle bundle;
    struct bundle_statistics statistics;
    struct bundle_class cls[2];
    struct theme *theme;
    struct shell shell;
    struct explore *ex; /* its view */
    struct grid grid;
    char *folder;
    struct job job[FIXTURE_JOBS]; /* id i + 1 */
    int n_jobs;
    bool hold; /* questions wait for fixture_answer */
    bool kept; /* sweeps were measured in an earlier session */
    struct options options;
};

/* theme_depth etc. as theme_open; text NULL: the example. The Explore view is loaded, w × h,
 * without a snapshot. */
void fixture_init(struct explore_fixture *, const char *text, enum depth, bool ascii, int w, int h);
/* With a table of views of its own; the first is Explore. */
void fixture_init_views(struct explore_fixture *, const char *text, enum depth, bool ascii, int w,
                        int h, const struct view_ops *const *, int n);
void fixture_release(struct explore_fixture *);
/* Another theme than "dark". */
void fixture_theme(struct explore_fixture *, const char *name);
/* The units are latents, unless they are said to be neurons. */
void fixture_neurons(struct explore_fixture *, bool neurons);
/* What an idle worker would publish for a wish. The caller's reference. */
struct snapshot *fixture_snapshot(const struct wish *);
/* Lines of more tokens are cut; 0: none is. */
void fixture_context(int32_t n_ctx);
/* Somebody who answers the views' questions: histograms and sweeps at once (unless f->hold), with
 * the tables of view_fixture.h; others stay queued. */
void fixture_host(struct explore_fixture *);
/* The newest job of a kind; NULL: none. */
struct job *fixture_job(struct explore_fixture *, const struct query *);
/* It gets a status and tables (taken over); the view hears of it. */
void fixture_answer(struct explore_fixture *, struct job *, enum job_status, struct table_set *);
/* Posts what the view wishes and hands it the snapshot. */
void fixture_settle(struct explore_fixture *);
/* Events: keys by name, separated by blanks; text typed; the mouse. */
void fixture_keys(struct explore_fixture *, const char *names);
void fixture_type(struct explore_fixture *, const char *utf8);
void fixture_mouse(struct explore_fixture *, enum mouse_kind, int button, int x, int y,
                   unsigned mods, int clicks);
/* Draws; row y as text without trailing blanks, the caller's; whether any row holds s, and where
 * (columns). */
void fixture_draw(struct explore_fixture *);
char *fixture_row(struct explore_fixture *, int y);
bool fixture_find(struct explore_fixture *, const char *s, int *x, int *y);
/* Fail unless some row holds s, or where one does; the same of the rows of a pane. */
void fixture_shows(struct explore_fixture *, const char *s);
void fixture_hides(struct explore_fixture *, const char *s);
void fixture_pane(struct explore_fixture *, enum pane, const char *s, bool there);
/* What is drawn in a pane, rows joined by newlines; the caller's. */
char *fixture_pane_text(struct explore_fixture *, enum pane);
#endif
