/* What the files of engine/session share.
 *
 * A *track* is one computation behind the hook: the plain model, the reconstruction inserted, units
 * fixed. The three lanes that a snapshot shows are views of tracks: with nothing inserted the base
 * lane is the plain track, with nothing fixed the fixed lane is the base lane; so no number is
 * computed twice.
 *
 * What a line knows lies in two places. Results (tokens, latents, losses) are on the host and stay.
 * Activations, keys and values are in its windows' `rows` on the device, which may be dropped
 * under a budget; they are computed again when an edit or a slider needs them. Every count of rows
 * says how long a prefix is right, is lowered before anything is overwritten and raised after all
 * of it succeeded: so a cancel at any operation leaves a shorter prefix, never a wrong one. */
#ifndef GLIMT_SESSION_PRIVATE_H
#define GLIMT_SESSION_PRIVATE_H
#include "engine/session/session.h"
#include "engine/session/slab.h"

enum track {
    TRACK_PLAIN,
    TRACK_SAE,
    TRACK_FIXED,
    TRACK_ON, /* of the wish's pair, of the cursor's line alone */
    TRACK_OFF,
    N_TRACKS
};

enum {
    WATCH_MAX = UNITS_MAX + 2,
    TOP_MAX_DENSE = 32, /* of a dictionary that selects nothing (neurons) so many are listed */
    NEAR_TOKENS = 512,  /* the text around the cursor that goes before the reference sets */
    AHEAD_JOBS = 8,     /* of far text that passes through: colours so many jobs before losses */
    HOLD_STEPS = 8,     /* rows just made are wanted within so many steps */
    MAX_PIECES = 256,   /* of one microbatch */
    RETIRED_MAX = 64,   /* removed lines that are kept for an undo, */
    RETIRED_BYTES = 128 << 10, /* with so much text */
    KV_WINDOWS = 16,           /* windows whose keys and values are kept once they are computed */
    PUBLISH_CHUNKS = 4,        /* while a long text is under way, publish so often */
};

/* ---- device rows of a window: numbers of rows of the session's slabs */
enum row_part {               /* of the slabs of the text and of the references */
                ROW_X,        /* [n] as the line's dictionary reads it (line_place) */
                ROW_Y,        /* [n_out] what it reconstructs; absent where that is x */
                ROW_VALUE,    /* at the landing, plain */
                ROW_RESID,    /* absent where the state at the landing has none */
                ROW_INSERTED, /* the value at the landing with ŷ at the hook; absent without an SAE
                               */
                ROW_F,        /* activations of the watched units where lanes part; absent without a
                                 dictionary */
                ROW_SCALE,    /* [1] of their codes; absent where that is */
};
struct row_numbers {
    int32_t n, *at;
    size_t room;
};
struct kept_kv {
    struct kv *kv;      /* NULL: none */
    int32_t first, cap; /* layer; positions */
    size_t bytes;
};
struct rows {
    struct rows *prev, *next; /* of the session's list; those of every text window are in it,
                                  those of references are not */
    struct slab *slab;
    struct row_numbers row;         /* in `slab`, one for each of the window's first tokens */
    struct row_numbers h[N_TRACKS]; /* in the session's finals; none until first used */
    size_t bytes, kv_bytes;
    uint64_t used;               /* the step that touched it last */
    struct kept_kv kv[N_TRACKS]; /* TRACK_PLAIN: of all layers; the others: of those behind the
                                    landing */
    int32_t front_rows,
        front_kv; /* rows up to the landing; rows whose front keys and values are there */
    int32_t back_rows[N_TRACKS], back_kv[N_TRACKS]; /* the same behind it: rows of h */
};

struct window {                  /* tokens that are one sequence of the model */
    int32_t first, n;            /* in the line's tokens */
    int32_t front_done;          /* tokens with their latents on the host */
    int32_t loss_done[N_TRACKS]; /* tokens with their loss on the host */
    struct rows *rows;           /* NULL before the first use */
    bool summed; /* row `sum` of the session's sums holds Σy of the first sum_rows tokens, BOS left
                    out; false before the first and without a dictionary */
    int32_t sum, sum_rows;
};

struct further {                  /* what a line has of a place beside the one that is shown */
    struct line_latents *latents; /* NULL: nothing is wanted of it */
    double (*stats)[2];           /* [tokens->n] ‖y‖², ‖y − ŷ‖² */
    struct tensor sums;           /* [n_windows, n_out] F64: Σy as struct window has it */
};

struct line {
    char *text;
    size_t n_text;
    uint64_t hash;
    bool reference; /* of a reference set: rows stay, keys and values and watched columns are not
                       kept */

    bool coded_valid; /* tokens belong to text */
    char *coded;      /* the text that raw, ids … belong to; may lag behind text */
    size_t n_coded;
    bool coded_bos, coded_special;
    size_t special_start, special_end; /* of the first special token read as text; equal: none */
    struct token *raw;                 /* without BOS */
    size_t n_raw, cap_raw;
    struct sequences seq; /* its windows: tokens->n rows, BOS among them */
    double *sq, *sse;     /* [tokens->n] ‖y‖², ‖y − ŷ‖² */
    uint64_t version;     /* counts changes of the ids */

    struct line_tokens *tokens;
    struct line_latents *latents;
    struct further *further; /* [places of the set]; NULL: nothing yet, or nothing is wanted */
    struct line_losses *loss[N_TRACKS];
    uint64_t key[N_TRACKS]; /* the lanes that the windows' counts of tracks belong to; the plain
                               track is always the same */

    struct window *window;
    int32_t n_windows;
};

struct span {
    size_t start, end;
};

/* ---- microbatches: what one forward takes */
struct piece {
    struct line *line;
    struct window *window;
    int32_t at; /* place of the line in the text; behind the landing only, as is: */
    enum track track;
    int32_t row, n;       /* rows of the window */
    int32_t eval, n_eval; /* losses of tokens eval … eval + n_eval − 1 of the window come out */
    bool near;            /* the line is near the cursor: its final rows are kept for predictions */
    bool passes;          /* it is too far for its rows to be kept: they go when it is done */
};
struct microbatch {
    struct piece piece[MAX_PIECES];
    int32_t n, rows;
};

/* ---- reference sets */
struct ref_lane { /* sentence means of one lane, in streaming order */
    uint64_t key, used;
    int32_t done; /* sentences of the order that are measured */
    float *mean;  /* [n_sentences] in streaming order; NaN: no loss (one token) */
};
struct refsets {
    const struct reference_set *set;
    int32_t n_sets, n_max; /* sets; sentences of the longest */
    int32_t *order; /* [n_max] sentence numbers in random order, the same for every set: pairs stay
                       pairs */
    struct line **line; /* [n] in streaming order: sentence by sentence, in it set by set */
    int32_t *of_set;    /* [n] which set */
    int32_t *unit_end;  /* [n_max] how many of `line` the first i + 1 sentence numbers make */
    int32_t n;
    bool bos, special;
    int32_t coded, front; /* how many of `line` are tokenised; have their rows at the landing */
    struct ref_lane *lane;
    size_t n_lanes, cap_lanes;
    uint64_t clock;
    struct refset_view shown[CORPUS_MAX_CLASSES]; /* the last numbers of a fixed lane, until the
                                                      next lane has some */
};

/* ---- lists of likely tokens */
enum lists { LISTS_NEXT /* of the three lanes */, LISTS_PAIR, N_LISTS };
struct lists_of {
    struct line *line; /* NULL: of nothing */
    uint64_t version, key[N_LANES];
    int32_t token, n;
    double bound[3]; /* of the pair's: least, max_norm, min_embed */
};

enum { MARK_TOKENS = 1, MARK_LATENTS = 2, MARK_LOSS = 4, MARK_NEXT = 8, MARK_REFSETS = 16 };

struct session {
    const struct model *model;
    const struct tokenizer *tokenizer;
    const struct dict_set *set;
    struct point at;         /* of an empty set */
    int32_t shown;           /* the place whose codes are shown; */
    const struct dict *dict; /* its dictionary; NULL: there is none */
    dict_places further;     /* more places whose codes are wanted; never the one shown */
    struct lane_place place; /* where lanes part */
    bool sae;                /* they part at a dictionary that reconstructs */
    int32_t d_model;         /* width of the residual */
    int32_t rows_per_job;
    int32_t near_lines; /* of the text, in order of distance: so many are near; −1: not known yet */
    int32_t kept_lines; /* the same: the rows of so many fit into the budget */

    struct run run;
    struct error error;
    uint64_t tick; /* counts steps */

    struct wish wish; /* its text is ours: */
    struct cut cut;   /* of its lines, and of the reference sentences */
    char *text;
    struct line **line; /* of the text, in order */
    struct span *span;
    int32_t n_lines, cursor_line;
    struct line *retired[RETIRED_MAX];
    size_t retired_bytes; /* of their text */
    int32_t n_retired;
    int32_t hint_tokens, hint_front, hint_back; /* so many lines in order of distance are done */
    uint64_t versions;

    int32_t n_watch;
    struct unit_id watch[WATCH_MAX]; /* UNIT_NONE for a unit that doesn't exist */
    int32_t n_fixed, fixed_column[UNITS_MAX];
    struct unit fixed[UNITS_MAX];
    struct unit pair[2]; /* of the wish's pair, where there is such a unit: */
    bool paired;
    int32_t pair_column; /* among the watched */
    const double *norms;
    struct lane lane[N_TRACKS]; /* what its rows are made of */
    uint64_t key[N_TRACKS];
    enum track lane_track[N_LANES];
    bool want[N_TRACKS];
    bool fvu_valid;
    bool announce_tokens;         /* a large change: its tokens alone are worth a snapshot */
    struct directions directions; /* of the chosen units */

    session_hear *hear; /* NULL: nobody */
    void *hear_arg;

    struct slab of_text, of_references; /* enum row_part */
    struct slab finals;                 /* [d_model] at final_norm */
    struct slab sums;                   /* [n_out] F64 */
    struct rows *text_rows;
    size_t row_bytes, kv_bytes, row_budget, kv_budget;
    struct kept_kv *spare; /* of windows that let go of them */
    size_t n_spare, cap_spare, spare_bytes;

    struct lists_of made[N_LISTS]; /* what these are of: */
    struct next_list next[N_LANES];
    int32_t n_listed[N_LIKELY], listed_top;
    struct likely_token listed[N_LIKELY * SESSION_MAX_NEXT];

    double fvu, further_fvu[DICT_SET_MAX];
    float ms[5], ms_new[5]; /* of tokens, latents, loss, next, refsets: shown, adding up */
    uint64_t done_generation[5];
    unsigned marks; /* stages that became complete since the last snapshot */
    int32_t chunks; /* steps since the last snapshot */
    struct refsets refs;

    /* host scratch of a step, grown as needed */
    float *scratch[4];
    size_t scratch_cap[4];
    int32_t *scratch_ids;
    size_t scratch_ids_cap;
    struct csr_host codes;
    double *stats; /* of the rows of a batch: ‖y‖², ‖y − ŷ‖² */
    size_t cap_stats;
    struct active_latent *active; /* of one token */
    size_t cap_active;
};

/* ---- parts.c: immutable arrays shared with snapshots; *_own gives one that nobody else sees */
struct line_tokens *line_tokens_new(int32_t n, int32_t n_windows);
struct line_latents *line_latents_new(int32_t n, int32_t n_watch);
/* The active latents of a token, copied in this order, in place of those it had. */
void line_latents_set(struct line_latents *, int32_t token, const struct active_latent *,
                      int32_t n);
struct line_losses *line_losses_new(int32_t n, uint64_t key);
void line_tokens_unref(struct line_tokens *);
void line_latents_unref(struct line_latents *);
void line_losses_unref(struct line_losses *);
void line_latents_own(struct line_latents **);
void line_losses_own(struct line_losses **);

static inline int32_t min32(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* The place whose codes the line has: a reference sentence's are what its fixed lane starts from.
 */
static inline int32_t line_place(const struct session *s, bool reference)
{
    return reference ? s->place.first : s->shown;
}
static inline const struct dict *line_dict(const struct session *s, bool reference)
{
    return reference ? s->place.dict : s->dict;
}
/* The place that a watched unit is read at; of one that doesn't exist any will do. */
static inline int32_t watch_place(const struct session *s, int32_t i, int32_t otherwise)
{
    return s->watch[i].dict < 0 ? otherwise : s->watch[i].dict;
}

/* ---- rows.c */
/* The slabs' matrices for what the rows are of now: after all rows were given back where that
 * changed. */
void rows_shape(struct session *);
void rows_release(struct session *);
/* At a quiet moment: what is mostly empty gives memory back, and its rows get other numbers. */
void rows_settle(struct session *);
/* Makes room for the window's rows: false with the run's error set when the device has none. */
bool rows_reserve(struct session *, struct window *, bool reference);
/* Columns for what is watched now; what they held is lost where there were too few. */
bool rows_reserve_watch(struct session *, struct slab *);
/* Numbers `from` … on the device, for rows_get and rows_set. */
struct tensor rows_numbers(struct session *, const struct row_numbers *, int32_t from, int32_t n);
static inline bool rows_hold_x(const struct window *w)
{
    return w->rows && w->rows->slab->part[ROW_X].cols > 0;
}
bool rows_reserve_sum(struct session *, struct window *);
void rows_drop_sum(struct session *, struct window *);
void rows_clear_sums(struct session *, struct tensor sums);
/* [1, n_out] F64 */
struct tensor rows_sum(const struct session *, const struct window *);
/* Drops what was least recently used until so many bytes of rows more fit into the budgets. */
void rows_make_room(struct session *, size_t rows);
bool rows_reserve_h(struct session *, struct window *, enum track);
/* Keys and values are worth their memory where the line is being edited, and needed where a window
 * is computed in several pieces. */
bool rows_wants_kv(const struct session *, const struct piece *);
bool rows_reserve_kv(struct session *, struct window *, enum track);
void rows_drop(struct session *, struct rows *); /* its rows; counts become 0 */
void rows_drop_h(struct session *, struct rows *, enum track);
/* Bytes a token of the text takes up to the landing. */
size_t rows_token_bytes(const struct session *, bool reference);
void rows_free(struct session *, struct rows *);
void rows_truncate(struct rows *, int32_t n); /* those from there on belong to another text */
/* Rows can go on from here: 0 where nothing can be used. */
int32_t rows_front_start(const struct window *);
int32_t rows_back_start(const struct window *, enum track);

/* ---- line.c */
void line_forget(struct session *, struct line *, bool codes);
struct line *line_new(const char *text, size_t n);
void line_free(struct session *, struct line *);
void line_edit(struct line *, const char *text, size_t n); /* tokens come later */
void line_code(struct session *, struct line *); /* tokenises, keeps what the change leaves valid */
bool line_front_done(const struct line *);
bool line_watch_is(const struct session *, const struct line *);
bool line_track_done(const struct session *, const struct line *, enum track);
void line_sync(const struct session *, struct line *,
               enum track); /* forgets rows of another lane of the track */
bool token_is_bos(const struct line *, int32_t token);
/* Mean loss over the line's tokens with one: sum and count added. */
void line_loss_sum(const struct line *, enum track, double *sum, int64_t *count);

/* ---- further.c */
/* Makes room for what the line will have; false with the run's error set. */
bool further_begin(struct session *, struct line *);
void further_free(struct session *, struct line *);
/* Σy of a window at a place [1, n_out] F64. */
struct tensor further_sum(const struct line *, int32_t place, const struct window *);
/* What a snapshot shows, where all latents are there; false with the run's error set. */
bool further_view(struct session *, struct snapshot *);

/* ---- snapshot.c */
/* Σ‖y − ŷ‖² / Σ‖y − ȳ‖² over the text, of sums over its tokens; NaN: not to be told. */
double session_unexplained(const struct session *, double sse, double sum_sq, double square_of_sum);

/* ---- text.c */
void text_set(struct session *, const char *text, size_t n, bool join);
void text_clear(struct session *);
/* Forgets what the lines hold on the device, with `codes` also what was made of it: their latents.
 * Losses stay. */
void text_forget(struct session *, bool codes);
/* The line at a distance rank from the cursor: 0 is the cursor's. */
int32_t text_line_at(const struct session *, int32_t rank);

/* ---- lanes.c */
void lanes_set(struct session *);  /* what a new wish makes of them; rows of other places go */
void lanes_part(struct session *); /* where, as they are wanted now */

/* ---- front.c: tokens → hook → landing, and the dictionary */
bool front_run(struct session *, struct microbatch *, bool reference);
bool front_watch_run(struct session *,
                     struct line *); /* watched columns again, from the kept rows */
void front_sum_fix(struct session *, struct window *,
                   int32_t keep); /* Σy after the tokens from `keep` on changed */

/* ---- back.c: landing → losses */
/* u_j of the chosen units; false with the run's error set. */
bool back_push_units(struct session *);
/* Losses of the pieces' `eval` tokens, one after the other, into `loss`; with `keep` the final rows
 * are stored. */
bool back_run(struct session *, struct microbatch *, bool keep, float *loss);
void back_commit(struct session *, const struct microbatch *, const float *loss);
/* The pieces of tracks of a kind: whether it is the fixed values that float32 can't carry. */
struct microbatch back_of_tracks(const struct microbatch *, unsigned tracks);
/* The run's error is of the values that these tracks hold: names them. */
void back_blame(struct session *, unsigned tracks);
bool back_next_run(struct session *, struct line *, int32_t token);
bool back_pair_run(struct session *, struct line *, int32_t token); /* the pair's lists */

/* ---- refset.c */
bool refsets_init(struct session *, const struct reference_set *, int32_t n_sets, struct error *e);
void refsets_release(struct session *);
void refsets_set(struct session *);    /* a new wish */
void refsets_forget(struct session *); /* lanes part elsewhere: all but the losses goes */
bool refsets_step(struct session *);   /* false: nothing to do */
bool refsets_done(const struct session *);
void refsets_view(struct session *, struct snapshot *);

/* ---- session.c */
struct progress_of_parts { /* complete for the wish? */
    bool tokens, latents, loss, next, pair;
};
struct progress_of_parts session_parts(struct session *);
bool line_is_coded(const struct session *, const struct line *);
/* A pair's are those of the cursor's line alone. */
bool track_wanted(const struct session *, const struct line *, enum track);
bool step_ok(struct session *); /* all operations of the step succeeded and nobody cancelled */
float *scratch_f32(struct session *, int which, size_t n);
int32_t *scratch_i32(struct session *, size_t n);
/* The token that the predictions follow, of the cursor's line; −1: none. */
int32_t cursor_token(const struct session *);
#endif
