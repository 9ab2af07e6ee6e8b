/* The shell around the views: which one is shown, title and status, the palette, help and other
 * overlays; it owns what the views share.
 *
 * UI state only. Events change it at once; what the worker must compute is a wish (shell_wish);
 * what it found comes as snapshots (shell_snapshot). shell_draw is a pure function of the shell,
 * the same for terminal, tests and pictures. One thread. */
#ifndef GLIMT_SHELL_SHELL_H
#define GLIMT_SHELL_SHELL_H
#include "tui/file_names.h"
#include "tui/layout.h"
#include "tui/shell/views.h"
#include "tui/state.h"
#include "tui/view/shared.h"
#include "tui/widget/prompt.h"
#include "tui/widget/recall.h"

enum overlay {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_MESSAGES,
    OVERLAY_PROOF,
    OVERLAY_PALETTE,
    OVERLAY_VALUE,
    OVERLAY_ASK,
    OVERLAY_COPY /* y: what is copied */
};

/* What only the program around the shell can do. */
enum want {
    WANT_QUIT = 1,
    WANT_SUSPEND = 2,
    WANT_REPAINT = 4,
    WANT_MOUSE = 8,
    WANT_THEME = 16, /* argument: its name */
    WANT_COPY = 32,
    WANT_SHOT = 64,      /* path */
    WANT_OPEN = 128,     /* path */
    WANT_WRITE = 256,    /* path: the table shown */
    WANT_COMMAND = 512,  /* copy the command line that reproduces it */
    WANT_STATE = 1024,   /* copy the one-line state */
    WANT_SESSIONS = 2048 /* say which are kept */
};

#define WANT_ARG_MAX 4096
struct question { /* answered with y: what is then wanted; with anything else: nothing */
    unsigned wants;
    char name[WANT_ARG_MAX];   /* of the file asked about, the argument of what is wanted; "" */
    const char *text, *narrow; /* behind the name; where there is less room */
    const char *refused;       /* said behind the name when it is not wanted; NULL: nothing */
};

struct page {         /* the help, the messages, the proof of the SAE */
    struct list list; /* its lines */
    bool searching;   /* what is searched is being typed */
    struct prompt search;
    int search_from, match; /* entries; match −1: none */
};

struct shell {
    struct shared sh;
    struct views views;
    struct bars bars;
    enum overlay overlay;
    struct prompt prompt;
    struct list choices; /* of the palette */
    struct recall recall;
    struct file_names files; /* what the name in the palette could become; n 0: not asked yet */
    int file_at;             /* the one in the prompt; −1: none of them */
    struct question question;
    struct page page;
    struct watch proof; /* of the SAE, on the reference texts */

    struct dict_set
        dicts;           /* that units are of: an earlier session's until it is loaded; none open */
    struct place_names { /* of the dictionaries, where there are several */
        char of[DICT_SET_MAX][UNIT_NAME_MAX];
        const char *name[DICT_SET_MAX + 1]; /* NULL at the end */
    } places;
    char title[280];   /* model · hook · latents · device; of the dictionary listed */
    int32_t titled;    /* its place */
    char link[64];     /* "256 colours · rtt 3 ms" */
    bool told_cut;     /* that the text is longer than the model's context */
    bool told_special; /* that a special token was read as text */
    bool told_saturated;
    char encoding[64]; /* of files that are not UTF-8; "": they are refused */
    bool header;       /* corpora begin with a header */
    bool mouse;        /* is glimt's, not the terminal's */

    unsigned wants; /* enum want, or-ed; the program clears what it did */
    char want_arg[WANT_ARG_MAX];
    bool want_asks; /* before a file is replaced, or one opened that is no text */
};

/* Neither a model nor a bundle is named. */
bool shell_is_demo(const struct options *);
/* state (may be NULL: the demo's text, of another model none and a hint): copied; options must
 * outlive the shell. The views are those of tui/view_table.h. */
void shell_init(struct shell *, const struct options *, const struct saved_state *);
/* With a table of views of one's own, borrowed. */
void shell_init_views(struct shell *, const struct options *, const struct saved_state *,
                      const struct view_ops *const *, int n);
void shell_release(struct shell *);
/* What can be taken back and done again, from an earlier session with this text; emptied. */
void shell_take_history(struct shell *, struct history *);
/* The terminal's size, or something that changes where things stand; also keeps lists and scrolling
 * in bounds. */
void shell_resize(struct shell *, int w, int h);
void shell_theme(struct shell *, const struct theme *); /* borrowed until the next */
/* Who answers the views' questions. */
void shell_host(struct shell *, const struct job_host *);
/* Some job has news. */
void shell_news(struct shell *);
/* Loaded: chosen latents become sliders unless a state named others. Borrowed; stays for ever. */
void shell_loaded(struct shell *, const struct workbench *);
void shell_snapshot(struct shell *, struct snapshot *); /* takes a reference of its own */
void shell_status(struct shell *, const struct service_status *);
void shell_event(struct shell *, const struct event *);
/* One line of a script without ':'; false and a message when it makes no sense. Nobody is there to
 * be asked: files are replaced. */
bool shell_command(struct shell *, const char *line);
/* A question at the bottom of the screen; copied. */
void shell_ask(struct shell *, const struct question *);
/* Does an action, as its key would where it has one: the view shown, the shell, or the first view.
 */
void shell_do(struct shell *, enum action_id);
/* Shows a view at once. */
void shell_go(struct shell *, int view);
/* What the worker should do now; text is borrowed until the next change. Clears wish_changed. */
void shell_wish(struct shell *, struct wish *);
void shell_save(const struct shell *, struct saved_state *); /* the caller releases it */
void shell_look(const struct shell *, struct saved_state *); /* the same without the text */
/* Another corpus: path ("" the references). Views are entered anew. */
bool shell_use_corpus(struct shell *, const char *path);
/* The context of keys: of the view shown. */
enum where shell_where(const struct shell *);
/* A slider row's track on the screen, for scripts: false when it is not drawn. */
bool shell_track(const struct shell *, int row, struct slider_track *, int *x, int *y);

void shell_draw(const struct shell *, struct grid *);
#endif
