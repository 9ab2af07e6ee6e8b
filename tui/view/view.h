/* A view: a state of its own, drawn by a pure function, told of events and actions.
 *
 * A view asks for tables (job_host.ask) when it is entered or its inputs changed, and takes what
 * has come in `update`. What it may do to the text, the sliders and the other views stands in
 * tui/view/shared.h. Everything on the UI thread. */
#ifndef GLIMT_VIEW_VIEW_H
#define GLIMT_VIEW_VIEW_H
#include "tui/action.h"
#include "tui/lab/job.h"
#include "tui/term/grid.h"
#include "tui/view/shared.h"
#include "tui/workbench.h"

struct plot_options; /* tui/plot/plot.h */

struct view_in {                       /* what is around a view; borrowed for the call */
    const struct workbench *workbench; /* NULL while loading */
    const struct theme *theme;
    const struct job_host *host;
    const struct corpus_choice *corpus; /* the one in use */
    struct shared *shared;              /* may be NULL in drawing tests */
    bool ascii;
    bool shown;                    /* it is the view on the screen */
    bool covered;                  /* a page or a prompt has the keys */
    int w, h;                      /* of the screen */
    const struct options *options; /* of the session, for command lines; NULL: the defaults */
};

enum view_news { NEWS_SNAPSHOT, NEWS_THEME }; /* another one: shared->snapshot, theme */

struct view_command { /* of the palette and of scripts */
    const char *name, *args, *help;
    enum action_id key;        /* shown beside it; ACTION_NONE: none */
    const char *const *values; /* that Tab offers, NULL at the end; NULL: none */
    bool (*run)(void *view, const struct view_in *, const char *arg); /* false: it makes no sense */
    const char *endings; /* of the files it takes, "": all; NULL: it takes none */
};

struct view_ops { /* what has nothing to do may be NULL, all but name, title, where and draw */
    const char *name, *title;            /* "latents", "Latents" */
    unsigned where;                      /* contexts of its actions: enum where, or-ed */
    size_t size;                         /* of its state, zeroed before init */
    const struct view_command *commands; /* name NULL at the end */
    void (*init)(void *view, const struct view_in *);
    void (*release)(void *view);
    /* Shown now, or the corpus, the chosen latents or the model changed while it is: asks for what
     * it needs. */
    void (*enter)(void *view, const struct view_in *);
    /* Another view is shown now. */
    void (*leave)(void *view, const struct view_in *);
    /* Some job has news. True: draw again. */
    bool (*update)(void *view, const struct view_in *);
    /* News that it may have to follow while another view is shown. */
    void (*heard)(void *view, const struct view_in *, enum view_news);
    /* Pure. r is the whole area between title and status line, from 0×0 up. */
    void (*draw)(const void *view, const struct view_in *, struct grid *, struct rect r);
    /* After whatever may change where things stand, in r. */
    void (*arrange)(void *view, const struct view_in *, struct rect r);
    /* The context of keys, one of `where` or IN_TYPING; NULL: always `where`. */
    enum where (*context)(const void *view);
    /* Does what a key, a press on the bar of keys or the palette stands for; extend: with Shift,
     * where that selects. False: not mine. */
    bool (*act)(void *view, const struct view_in *, enum action_id, bool extend);
    /* The mouse, pasted text, keys that stand for no action, and all keys while `typing`. False:
     * not mine. */
    bool (*event)(void *view, const struct view_in *, const struct event *);
    /* True while a line is typed (a filter): keys go to the view as they are. */
    bool (*typing)(const void *view);
    /* What is typed holds, as by Enter. */
    void (*end_typing)(void *view, const struct view_in *);
    /* The mouse holds something: all of its events are the view's. */
    bool (*grabs)(const void *view);
    /* Something else takes keys and mouse: what is held is let go. */
    void (*let_go)(void *view, const struct view_in *);
    /* What the focused pane shows; NULL: nothing yet. */
    const struct table *(*table)(const void *view);
    /* The same where it is made for the caller, who frees it. */
    struct table *(*make_table)(const void *view, const struct view_in *);
    /* How that table is plotted (options' strings borrowed from the view). */
    void (*plot)(const void *view, struct plot_options *);
    /* The request that reproduces the focused pane. False: none yet. The caller releases it. */
    bool (*request)(const void *view, const struct view_in *, struct request *);
    /* The command line that does, where it is no request's. */
    void (*command_line)(const void *view, const struct options *, struct strbuf *);
    /* The track of a slider on the screen, for scripts: false where it is not drawn. */
    bool (*track)(const void *view, int row, struct slider_track *, int *x, int *y);
};
#define VIEW_OPS(X, id, name, key, help) extern const struct view_ops name##_view;
VIEWS(VIEW_OPS, )
#undef VIEW_OPS
#endif
