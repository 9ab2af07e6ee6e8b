/* The Explore view: type text and see what latents do; fix latents and see what the loss does.
 *
 * UI state only. Events change it at once; what the worker must compute is a wish (explore_wish);
 * what it found comes as snapshots (explore_snapshot). explore_draw is a pure function of its
 * arguments, the same for terminal, tests and pictures. One thread. */
#ifndef GLIMT_VIEW_EXPLORE_H
#define GLIMT_VIEW_EXPLORE_H
#include "tui/action.h"
#include "tui/file_names.h"
#include "tui/service.h"
#include "tui/shell/views.h"
#include "tui/state.h"
#include "tui/view/explore/brush.h"
#include "tui/view/findings.h"
#include "tui/view/messages.h"
#include "tui/view/token_paint.h"
#include "tui/widget/editor.h"
#include "tui/widget/list.h"
#include "tui/widget/prompt.h"
#include "tui/widget/recall.h"

enum overlay {
    OVERLAY_NONE,
    OVERLAY_HELP,
    OVERLAY_MESSAGES,
    OVERLAY_PALETTE,
    OVERLAY_VALUE,
    OVERLAY_ASK,
    OVERLAY_COPY /* y: what is copied */
};

/* What only the program around the view can do. */
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
struct pair_shown {         /* the last complete means of the cursor's line and its twin */
    bool valid, other_text; /* other_text: the lines have changed since */
    int n;                  /* lines: 1 where there is no twin */
    size_t line[2];         /* of the text, from 0 */
    double mean[2][N_LANES];
    struct sliders of;
};
struct blink {           /* with and without the fixed values */
    bool off;            /* they are lifted */
    struct sliders of;   /* those lifted: when the sliders are others it is over */
    bool waiting;        /* for the numbers of the other picture */
    uint64_t generation; /* of the wish that brings them; 0: not sent yet */
    struct grid before;  /* the picture when it flipped; cell NULL: none */
    uint8_t *changed;    /* [h, w] cells to mark; NULL: none */
    int w, h;
};
struct last_change {       /* of a slider, for `.` */
    enum action_id action; /* ACTION_VALUE: to value; ACTION_NONE: none yet */
    double value;
};
#define WANT_ARG_MAX 4096
struct question { /* answered with y: what is then wanted; with anything else: nothing */
    unsigned wants;
    char name[WANT_ARG_MAX];   /* of the file asked about, the argument of what is wanted; "" */
    const char *text, *narrow; /* behind the name; where there is less room */
    const char *refused;       /* said behind the name when it is not wanted; NULL: nothing */
};
struct page {         /* the help, or the messages */
    struct list list; /* its lines */
    bool searching;   /* what is searched is being typed */
    struct prompt search;
    int search_from, match; /* entries; match −1: none */
};
struct measured_scale {
    int32_t unit;
    float p99;
};

struct explore {
    struct history history;
    struct editor editor;
    struct sliders sliders;
    struct paint paint;
    struct layout layout;
    enum pane focus;
    bool still; /* a picture: says nothing of the moment */
    bool typing, zoom, rail, legend, mouse, bos;
    enum colouring colouring;
    int32_t colour_unit; /* UNIT_ALL or a unit */
    size_t token_at;     /* byte whose token is looked at: the cursor's, or inside its character */
    struct list latents, next, rows; /* rows: 0 all, then the sliders */
    struct drag drag;
    bool selecting;              /* the mouse drags over the text */
    bool follow;                 /* keep the cursor's row in sight */
    struct sliders before_click; /* a double click takes the first click's jump back */
    enum overlay overlay;
    struct prompt prompt;
    struct list choices; /* of the palette */
    struct recall recall;
    struct file_names files; /* what the name in the palette could become; n 0: not asked yet */
    int file_at;             /* the one in the prompt; −1: none of them */
    struct question question;
    struct page page;
    bool refsets_paused;
    const struct options *options; /* borrowed: what command lines of requests say */
    struct views views;
    struct findings findings;
    bool histogram_log, histogram_overlaid; /* of the histogram pane */
    struct brush brush;                     /* the selection, as latents see it */
    bool twin;                              /* losses of the cursor's line and its twin */
    struct pair_shown pair;
    struct blink blink;
    struct last_change last;

    struct snapshot *snapshot;         /* the newest; NULL: none yet */
    const struct workbench *workbench; /* NULL while loading */
    const struct theme *theme;         /* for levels of the paint */
    struct text_map map;               /* snapshot's text → the shown one */
    uint64_t generation, version_sent; /* of the last wish */
    struct lane_name lane[LANES_KEPT];
    int n_lanes;
    struct loss_shown loss;
    struct refset_shown refset[SESSION_MAX_CLASSES];
    struct measured_scale scale[2 * SESSION_MAX_UNITS];
    int n_scales;

    char title[200]; /* model · hook · latents · device */
    struct service_status status;
    char link[64]; /* "256 colours · rtt 3 ms" */
    char message[MESSAGE_MAX];
    bool message_is_error;
    struct messages messages;
    bool told_cut;     /* that the text is longer than the model's context */
    bool told_special; /* that a special token was read as text */
    char encoding[64]; /* of files that are not UTF-8; "": they are refused */
    bool header;       /* corpora begin with a header */

    bool redraw, wish_changed, state_changed;
    unsigned wants; /* enum want, or-ed; the program clears what it did */
    char want_arg[WANT_ARG_MAX];
    bool want_asks; /* before a file is replaced, or one opened that is no text */
};

/* state (may be NULL: the example text): copied; options must outlive the view. */
void explore_init(struct explore *, const struct options *, const struct saved_state *);
void explore_release(struct explore *);
/* What can be taken back and done again, from an earlier session with this text; emptied. */
void explore_take_history(struct explore *, struct history *);
/* The terminal's size, or something that changes where things stand; also keeps lists and scrolling
 * in bounds. */
void explore_resize(struct explore *, int w, int h);
void explore_theme(struct explore *, const struct theme *); /* borrowed until the next */
/* Who answers the views' questions. */
void explore_host(struct explore *, const struct job_host *);
/* Some job has news. */
void explore_news(struct explore *);
/* Loaded: chosen latents become sliders unless a state named others. Borrowed; stays for ever. */
void explore_loaded(struct explore *, const struct workbench *);
void explore_snapshot(struct explore *, struct snapshot *); /* takes a reference of its own */
void explore_status(struct explore *, const struct service_status *);
void explore_event(struct explore *, const struct event *);
/* One line of a script without ':'; false and a message when it makes no sense. Nobody is there to
 * be asked: files are replaced. */
bool explore_command(struct explore *, const char *line);
/* A question at the bottom of the screen; copied. */
void explore_ask(struct explore *, const struct question *);
void explore_do(struct explore *, enum action_id);
/* What the worker should do now; text is borrowed until the next change. Clears wish_changed. */
void explore_wish(struct explore *, struct wish *);
void explore_save(const struct explore *, struct saved_state *); /* the caller releases it */
void explore_look(const struct explore *, struct saved_state *); /* the same without the text */
/* False, and says so, when the model has no SAE and no neurons were asked for; true before it is
 * known. */
bool explore_dict_known(struct explore *);
/* False, and says so, when no slider goes as far. */
bool explore_value_fits(struct explore *, int32_t unit, double v);
void explore_message(struct explore *, bool error, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* The same, not worth keeping among the messages. */
void explore_hint(struct explore *, const char *format, ...) __attribute__((format(printf, 2, 3)));
/* Puts another text in place of all of it, as one step. */
void explore_replace_text(struct explore *, const char *s, size_t n);
/* A slider row's track on the screen, for scripts: false when it is not drawn. */
bool explore_track(const struct explore *, int row, struct slider_track *, int *x, int *y);

void explore_draw(const struct explore *, const struct snapshot *, const struct workbench *,
                  const struct theme *, struct grid *);
#endif
