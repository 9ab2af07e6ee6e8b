/* What the files of the Latents view share: its state, where its panes stand, how they are drawn.
 * Private to it. */
#ifndef GLIMT_VIEW_LATENTS_PRIVATE_H
#define GLIMT_VIEW_LATENTS_PRIVATE_H
#include "tui/plot/plot.h"
#include "tui/view/latents/filter.h"
#include "tui/view/pane.h"
#include "tui/widget/list.h"
#include "tui/widget/prompt.h"

enum latents_part { PART_TABLE, PART_HISTOGRAM, PART_EXAMPLES, PART_LENS, N_PARTS };

/* ---- where things stand: a pure function */
struct latents_layout {
    struct rect part[N_PARTS]; /* w or h 0: not drawn */
    bool folded[N_PARTS];      /* one line, the title */
    bool frame;                /* the open ones have a frame */
};
/* In r, from 0×0 up: inside it, never overlapping, the focused part always open. `last`: the detail
 * part that had the focus last (PART_TABLE: none yet); natural: columns the whole table would take;
 * zoom: the focused part alone. */
void latents_layout(struct rect r, enum latents_part focus, enum latents_part last, bool zoom,
                    int natural, struct latents_layout *out);
bool latents_open(const struct latents_layout *, enum latents_part);
struct rect latents_inner(const struct latents_layout *, enum latents_part); /* inside its frame */

/* ---- state */
enum { DETAIL_BINS, DETAIL_EXAMPLES, DETAIL_LENS, N_DETAILS };

struct latents_asked { /* the jobs that answer about one latent; 0: not asked */
    int32_t unit;      /* −1: a free place */
    uint64_t used;     /* when, in selections */
    uint64_t job[N_DETAILS];
};
#define LATENTS_KEPT 64

struct latents_made { /* the table in the order shown, made when it is asked for */
    struct table *table;
    const struct table *of;
    uint64_t arrangement;
};

struct latents {
    struct rect area;
    enum latents_part focus, last;
    bool zoom, log, overlaid;

    char *target;          /* class asked about; NULL: the first */
    struct watch watch;    /* the table's job */
    struct table_set *set; /* shown; another job's (stale) until this one has rows */
    const struct table *rows;
    struct corpus_choice of; /* rows: of which corpus, */
    int32_t place;           /* of which dictionary, */
    int32_t asked_place;     /* and of which `watch` is */
    bool stale;
    uint64_t arrangement; /* counts changes of rows, order and filter */
    struct latents_made *made;

    int32_t n_classes, share_col[CORPUS_MAX_CLASSES]; /* columns of rows */
    int32_t latent_col, name_col;   /* name_col: repeats it with the place; −1: not there */
    int32_t sort_col, column, left; /* column chosen; the first shown after the frozen one */
    char *sort_name;                /* NULL: not chosen by hand */
    bool descending;
    int64_t *order, *shown; /* [rows->n_rows]; row numbers, sorted; those that the filter leaves */
    int n_shown;

    bool typing;
    struct prompt prompt;
    struct filter filter;

    struct list list;
    bool moved;   /* the selection was moved by hand: it follows its latent */
    int32_t unit; /* selected; −1: none */

    struct latents_asked asked[LATENTS_KEPT];
    uint64_t selections;
    int32_t pending_unit; /* whose jobs are under way; −1: none */
    uint64_t pending[N_DETAILS];
    struct job detail[N_DETAILS]; /* of the selected one; id 0: not asked */
    struct list examples, lens;
    int lens_column; /* promoted, suppressed, neighbours */
};

/* The unit of a latent of the table; −1: UNIT_NONE. */
static inline struct unit_id latents_unit(const struct latents *v, int32_t latent)
{
    return latent < 0 ? UNIT_NONE : (struct unit_id){v->place, latent};
}
/* Which dictionary is asked about. */
static inline int32_t latents_wanted(const struct view_in *in)
{
    return in->shared ? shared_dict(in->shared) : 0;
}

/* ---- the table (latents_table.c) */
void latents_take(struct latents *, struct table_set *); /* another set: a reference of its own */
void latents_arrange(struct latents *);                  /* sorts and filters anew */
void latents_refilter(struct latents *);                 /* filters anew */
void latents_sort_by(struct latents *, int32_t col);     /* again: the other way round */
void latents_bounds(struct latents *); /* lists and columns stay within the area */
const char *latents_class(const struct latents *, int32_t c);       /* its name */
int32_t latents_class_of(const struct latents *, const char *name); /* −1: none */
int32_t latents_target(const struct latents *);                     /* class asked about; 0 */
int64_t latents_row(const struct latents *, int at);                /* row of rows; −1: none */
int latents_find(const struct latents *, int32_t unit);             /* where shown; −1: not */
double latents_value(const struct latents *, int32_t unit);         /* what `f` fixes it at */
const struct table *latents_made_table(const struct latents *);

/* ---- asking (latents_detail.c) */
void latents_ask_table(struct latents *, const struct view_in *);
bool latents_hear_table(struct latents *, const struct view_in *); /* true: something new */
/* Another row is selected, or parts opened: shows what is there, asks for what is not. True:
 * something new. */
bool latents_look(struct latents *, const struct view_in *);
void latents_forget(struct latents *); /* what was asked about latents: another corpus */
bool latents_request(const struct latents *, const struct view_in *, int detail,
                     struct request *); /* detail −1: the table */
const struct table *latents_detail_table(const struct latents *, int detail, const char *name);
extern const char *const lens_table[3]; /* names of the tables, by lens_column */

/* ---- geometry of the parts, for drawing and for the mouse */
void latents_layout_of(const struct latents *, struct rect r, struct latents_layout *);
struct table_area {
    struct rect heads, rows, prompt; /* h 0: not drawn */
};
struct table_area latents_table_area(const struct latents *, struct rect inner);
enum cell_kind { CELL_LATENT, CELL_SHARE, CELL_PERCENT, CELL_SIGNED, CELL_PLAIN, CELL_TEXT };
struct shown_column {
    int32_t col, cls; /* cls: of a SHARE or a mean, −1: none */
    enum cell_kind kind;
    int x, w, bar; /* x from the left of the rows; w with its bar (cells of it) */
    char head[48];
};
#define LATENTS_COLUMNS (2 * CORPUS_MAX_CLASSES + 16)
/* The columns that stand in w cells; how many. */
int latents_columns(const struct latents *, int w, struct shown_column out[LATENTS_COLUMNS]);
int latents_natural_width(const struct latents *);
int32_t latents_n_columns(const struct latents *); /* that there are to be shown */
struct rect latents_examples_rows(const struct latents *, struct rect inner);
struct lens_area {
    int n;               /* columns of lists side by side */
    struct rect list[3]; /* rows of each; w 0: not drawn */
    struct rect head;
};
struct lens_area latents_lens_area(struct rect inner);
/* Keeps what a plot shows; the panel's place in *layout (may be NULL). */
void latents_draw_histogram(const struct latents *, const struct view_in *, struct grid *,
                            struct rect inner, struct plot_layout *layout);
void latents_plot_options(const struct latents *, struct plot_options *);

/* ---- drawing */
struct latents_drawing {
    const struct latents *v;
    const struct view_in *in;
    struct grid *grid;
    struct latents_layout layout;
};
struct style latents_style(const struct latents_drawing *, enum theme_role);
struct style latents_class_style(const struct latents_drawing *, int32_t cls);
/* A line, or several, of text within r; the rows it took. */
int latents_say(const struct latents_drawing *, struct rect r, enum theme_role, const char *text);
/* What a detail's job says while it has no table; "" when it has. */
void latents_detail_says(const struct latents_drawing *, int detail, char *out, size_t n,
                         enum theme_role *);
void latents_draw_table(const struct latents_drawing *, struct rect inner);
void latents_draw_examples(const struct latents_drawing *, struct rect inner);
void latents_draw_lens(const struct latents_drawing *, struct rect inner);
/* The note on a part's lower edge. */
void latents_table_note(const struct latents_drawing *, char *out, size_t n);

/* ---- events (latents_event.c) */
bool latents_act(void *view, const struct view_in *, enum action_id, bool extend);
bool latents_event(void *view, const struct view_in *, const struct event *);
void latents_end_typing(void *view, const struct view_in *);
#endif
