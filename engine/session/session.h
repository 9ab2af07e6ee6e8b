/* The live text: what is typed, line by line, with its latents and its losses under interventions.
 *
 * Belongs to one thread (the worker). `session_set` takes the whole wish (text, sliders, cursor …);
 * `session_step` does one bounded piece of the work that is missing, the most wanted first;
 * `session_snapshot` publishes what there is. Work that a new wish doesn't touch stays: tokens and
 * rows before an edit (keys and values are kept for recently edited lines), everything up to the
 * hook when a slider moves, reference losses measured before.
 *
 * The mathematics: r′(t) = B(t) + Σ_j c_j(t)·u_j at the landing point of the hook, B the base of
 * the lane (plain: the residual stream; inserted: with the reconstruction in place; error kept: the
 * plain one), c_j(t) = v_j − f_j(t), u_j the decoder row pushed through what lies behind the hook.
 * Only the layers after it run again.
 *
 * Over a set of dictionaries that holds from the first place on where the wish inserts or changes
 * anything; at the places behind it codes are of what arrives there in the lane, insertion and
 * changes are made there. Codes that are shown are always those of the plain text. */
#ifndef GLIMT_SESSION_H
#define GLIMT_SESSION_H
#include "engine/formats/corpus.h"
#include "engine/lane/insertion.h"
#include "engine/lane/lane.h"
#include "engine/lane/likely.h"

#define SESSION_MAX_NEXT 20

enum lane_kind {
    LANE_PLAIN,
    LANE_BASE /* the same insertion, nothing fixed */,
    LANE_FIXED,
    N_LANES
};

struct chosen_unit {
    struct unit_id id;
    bool fixed;
    float value; /* the slider's value; takes effect when fixed */
};

struct pair { /* the cursor's line with one unit at two values, and as it is otherwise */
    bool wanted;
    struct unit_id unit;
    float at[2];
    double least, max_norm, min_embed; /* of its lists (engine/lane/likely.h), n_next of each */
};

struct wish {            /* plain data; the session copies what it needs */
    uint64_t generation; /* counted up by the sender; comes back in the snapshot */
    const char *text; /* UTF-8, repaired by the sender; lines end at \n or \r\n, which are no part
                         of them */
    size_t n_text;
    bool join;    /* all of the text is one sequence */
    bool special; /* special tokens spelled out become their ids; else they are plain text */
    bool bos;     /* put the BOS token before each sequence (shown, without a loss) */
    struct insertion insert; /* of LANE_BASE and LANE_FIXED */
    int32_t dict;            /* the place whose codes and FVU are wanted, */
    dict_places further;     /* and more of them, a bit each: snapshot.further */
    int32_t n_units;         /* the chosen units, in slider order */
    struct chosen_unit unit[UNITS_MAX];
    struct unit_id watch; /* one more whose pre-activations are wanted; UNIT_NONE: none */
    size_t cursor;  /* byte offset in text: near it is done first; predictions are for what follows
                       it */
    int32_t n_next; /* predictions wanted, ≤ SESSION_MAX_NEXT */
    bool losses;    /* false: stage 1 only */
    struct pair pair;
    bool refsets; /* stream the reference losses */
};

/* ---- what a snapshot holds: immutable, shared by reference count between snapshots */
struct line_tokens {
    atomic_int refs;
    int32_t n;             /* with BOS where asked for */
    struct token *token;   /* start, end relative to the line's first byte (BOS: 0, 0) */
    int32_t n_windows;     /* sequences the line was cut into at the model's context: 1 unless it is
                              longer */
    int32_t *window_start; /* n_windows + 1, token indices; the first token of each has no loss */
};
struct active_latent {
    int32_t id;
    float value;
};
struct line_latents {
    atomic_int refs;
    bool complete;       /* every token is there; else those that are not yet have no active latents
                            and pre NaN */
    int32_t n, n_watch;  /* n: all tokens of the line */
    struct latent_list { /* active[at] … active[at + n − 1]: see latents_of_token */
        int32_t at, n;
    } * list;     /* [n] */
    int32_t dict; /* the place of the dictionary that `active` is of */
    struct active_latent *active;
    size_t n_active, cap_active, n_used; /* n_used: those that a list names */
    struct unit_id *watch; /* n_watch units: the chosen ones, then wish.watch; UNIT_NONE: there is
                              no such unit */
    float *pre;            /* [n, n_watch] pre-activations */
    float *act;            /* [n, n_watch] selected value or 0 */
    double sse, sum_sq; /* Σ‖y − ŷ‖², Σ‖y‖² over the line's tokens without BOS (y as in
                            dict.h: of an SAE x); when complete */
};
/* The active latents of a token, largest first (of signed ones chosen by size, largest in size
 * first; neurons: those above 0, at most 32); their number. */
static inline int32_t latents_of_token(const struct line_latents *l, int32_t token,
                                       const struct active_latent **active)
{
    *active = l->active + l->list[token].at;
    return l->list[token].n;
}
struct line_losses {
    atomic_int refs;
    bool complete; /* every token is there; else those that are not yet are NaN */
    uint64_t key;  /* which lane (insertion, units, values) they belong to */
    int32_t n;
    float *loss; /* [n] nats, of this token given those before; NaN for the first of each window */
};
struct line_view {
    size_t start, end;                  /* bytes of the line in the snapshot's text */
    int32_t first_token;                /* index in the whole text */
    const struct line_tokens *tokens;   /* NULL: not yet */
    const struct line_latents *latents; /* NULL: not yet; always of these tokens */
    const struct line_losses
        *loss[N_LANES]; /* NULL: not yet; compare ->key with snapshot.lane_key */
};

struct part {
    uint64_t generation; /* of the wish it was computed for */
    bool valid;          /* complete for that wish */
    float ms;            /* how long the last computation took */
};

struct estimate { /* nats a token, mean over sentences of the sentence's mean */
    double mean;
    double half; /* half width of the 95 % interval; NaN: unknown */
};
struct refset_view {
    const char *name,
        *label; /* borrowed from the session's reference sets, which outlive every snapshot */
    int32_t n, n_total;    /* sentences measured for the fixed lane, all with a loss */
    struct estimate base;  /* LANE_BASE, all sentences; half: sampling, t·s/√N */
    struct estimate fixed; /* estimate of LANE_FIXED: mean_N(base) + mean of differences */
    struct estimate diff; /* fixed − base; half: partial, t·s_d/√n·√(1 − n/N), while n < N, else
                             sampling t·s_d/√N */
    bool base_valid, fixed_valid; /* false: nothing measured yet */
    uint64_t key;                 /* lane the fixed numbers belong to */
};

struct next_list {
    int32_t n;
    int32_t id[SESSION_MAX_NEXT];
    float p[SESSION_MAX_NEXT];
};

struct pair_view {
    struct pair of;                    /* wanted false: nothing else is told */
    int32_t line;                      /* the cursor's */
    const struct line_losses *loss[2]; /* of its tokens; NULL: not yet; compare ->key */
    uint64_t key[2];
    bool listed;        /* the lists are there, */
    int32_t next_token; /* of what follows this token of the whole text */
    int32_t n[N_LIKELY], top;
    struct likely_token token[N_LIKELY * SESSION_MAX_NEXT]; /* list l at l·top */
};

struct snapshot {
    atomic_int refs;
    struct part tokens, latents, loss, refsets, next;
    uint64_t generation; /* of the wish whose text this is */
    char *text;
    size_t n_text;
    int32_t n_lines, n_tokens;
    struct line_view *line;
    struct insertion insert; /* as wished */
    int32_t n_units;
    struct chosen_unit unit[UNITS_MAX];
    bool any_fixed;
    uint64_t lane_key[N_LANES];
    double loss_mean[N_LANES];            /* over tokens with a loss; NaN: none or incomplete */
    int32_t dict;                         /* the place whose codes and FVU these are */
    double fvu;                           /* NaN without a dictionary or a second token */
    struct further_view {                 /* by place of the set: those of wish.further */
        double fvu;                       /* NaN where it is not known */
        const struct line_latents **line; /* [n_lines]; NULL: not yet, or not wished for */
    } further[DICT_SET_MAX];
    int32_t n_refsets;
    struct refset_view refset[CORPUS_MAX_CLASSES];
    double refset_progress; /* 0 … 1 of what the reference sets still need */
    size_t next_at;         /* byte offset that the predictions follow */
    int32_t next_token;     /* token index in the whole text that they follow, −1: none */
    struct next_list next_plain, next_base, next_fixed;
    struct pair_view pair;
    size_t special_start, special_end; /* bytes of the first special token that is read as plain
                                          text; equal: none */
    double progress;                   /* share of the text's tokens whose wanted stages are done */
    uint64_t saturated; /* results so far that were too large for 16 bits (engine/backend.h) */
};
void snapshot_ref(struct snapshot *);
void snapshot_unref(struct snapshot *); /* frees the last; NULL is fine */
/* The line and the token in it for a token index; NULL where there is none. */
const struct line_view *snapshot_line_of(const struct snapshot *, int32_t token, int32_t *in_line);

struct reference_set { /* sentences of one class; borrowed, must outlive the session and its
                          snapshots */
    const char *name, *label;
    const char *const *sentence;
    int32_t n;
};

struct session;

/* model, tokenizer and the set are borrowed. at: where lanes would part, of an empty set. */
struct session *session_new(struct backend *, const struct model *, const struct tokenizer *,
                            const struct dict_set *, struct point at, const struct reference_set *,
                            int32_t n_sets, struct error *e);
void session_free(struct session *);
void session_set(struct session *, const struct wish *);

enum stage {
    STAGE_IDLE /* nothing left */,
    STAGE_TOKENS,
    STAGE_LATENTS,
    STAGE_LOSS,
    STAGE_NEXT,
    STAGE_REFSETS
};
/* Does the next piece (at most about 10 ms of one core's work where the shapes allow) and says what
 * it was. `cancel` raised: returns soon, nothing lost. STAGE_IDLE also after an error: see
 * session_error. */
enum stage session_step(struct session *, const atomic_bool *cancel);
/* True when the session should publish now: a stage became complete for what is visible near the
 * cursor. */
bool session_should_publish(const struct session *);
/* Norms of tokens (likely_in.norms) by which a pair's lists leave some out; borrowed, NULL: none.
 */
void session_norms(struct session *, const double *norms);
struct snapshot *session_snapshot(struct session *); /* a new reference, the caller's */
const struct error *session_error(const struct session *);
/* Hears of the rows at final_norm of the text under LANE_FIXED as they are computed: those of
 * tokens first … first + h.rows − 1 of the whole text, which has n_tokens. Every token's comes,
 * some may come again. `run` is the step's: its error is the session's. */
typedef void session_hear(void *arg, struct run *run, int32_t first, int32_t n_tokens,
                          struct tensor h);
void session_listen(struct session *, session_hear *, void *arg);
/* Bytes of device memory for rows of activations and for keys and values of lines that are not
 * being worked on; what is beyond is computed again when it is needed. */
#define SESSION_ROWS ((size_t)128 << 20)
#define SESSION_KEYS ((size_t)64 << 20)
void session_budget(struct session *, size_t rows, size_t keys_and_values);
#endif
