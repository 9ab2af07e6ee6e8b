/* How text becomes sequences of the model: lines, windows of the context, BOS, shifted targets.
 *
 * Each line of a text is a sequence of its own; one that is longer than the context is cut into
 * consecutive windows, each a sequence that sees nothing of the others. The loss of a token comes
 * from the row before it, so the first row of a sequence never has a loss of its own: with BOS
 * that row is BOS (shown, no token of the text), else the sequence's first token. */
#ifndef GLIMT_LANE_SEQUENCES_H
#define GLIMT_LANE_SEQUENCES_H
#include "engine/model/model.h"
#include "engine/text/tokenizer.h"

/* The next line of a text of n bytes, from *at on: [*start, *end) without its end (\n or \r\n), and
 * *at behind that. With `join` all of it is one line, as it stands. A text that ends in \n has an
 * empty line behind it, an empty text is one empty line; false: there are no more. *at is 0 at
 * first. */
bool line_next(const char *text, size_t n, bool join, size_t *at, size_t *start, size_t *end);

/* Its bytes without the line end that a pipe brings: that ends a line, it does not begin one. */
size_t text_without_end(const char *text, size_t n);

struct cut {         /* how the tokens of a text are cut */
    int32_t context; /* rows of a sequence at most */
    int32_t bos;     /* the id before each sequence; −1: none */
};
/* The id of the BOS token: the one that the configuration names, else the tokenizer's
 * <|endoftext|>; −1: there is none. */
int32_t config_bos(const struct model_config *, const struct tokenizer *);
/* For who wants one: false and *e where the configuration, in the folder dir, names an id that the
 * vocabulary does not have. config_bos says there is none then. */
bool config_bos_check(const struct model_config *, const char *dir, struct error *e);
/* The model's context, and with `bos` config_bos. Where a sequence has room for nothing beside it,
 * none. */
struct cut model_cut(const struct model *, const struct tokenizer *, bool bos);
/* Tokens of the text that one sequence takes. */
int32_t cut_room(struct cut);

struct sequences { /* rows of a batch; zeroed at first */
    int32_t n, n_rows;
    int32_t *start;  /* [n + 1] rows start[i] … start[i + 1] − 1 are sequence i; NULL: n = 0 */
    int32_t *ids;    /* [n_rows] */
    int32_t *target; /* [n_rows] the id after it in its sequence; −1: none */
    int32_t *pos;    /* [n_rows] which token of its text; −1: BOS */
    size_t cap_start, cap_rows;
};
/* Appends the sequences of a text of n tokens, at least one: of a text without tokens BOS alone, or
 * no row at all. Returns how many. */
int32_t lane_sequences(struct sequences *, const struct token *, int32_t n, struct cut);
/* Appends sequence i of another. */
void sequences_add(struct sequences *, const struct sequences *from, int32_t i);
/* All of them in one batch, nothing kept; borrows their arrays. */
struct batch sequences_batch(const struct sequences *);
/* How many rows have a target. */
int32_t sequences_losses(const struct sequences *);
void sequences_clear(struct sequences *); /* keeps its memory */
void sequences_release(struct sequences *);
#endif
