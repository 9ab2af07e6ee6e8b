/* The colours of the text: one value a token, kept in step with the text while it is edited.
 *
 * Tokens carry byte ranges of the *shown* text. An edit moves those behind it and marks the rest of
 * its line stale; a snapshot replaces what it knows, mapped through the common beginning and end of
 * its text and the shown one. */
#ifndef GLIMT_VIEW_TOKEN_PAINT_H
#define GLIMT_VIEW_TOKEN_PAINT_H
#include "engine/session/session.h"
#include "tui/term/theme.h"
#include "tui/widget/textbuf.h"

enum colouring { COLOUR_PRE, COLOUR_ACT, COLOUR_LOSS, COLOUR_DELTA, N_COLOURINGS };
#define UNIT_ALL UNIT_NONE /* the mean of v/scale over the chosen units */

struct paint_rule { /* what is shown */
    enum colouring colouring;
    int32_t n_units; /* PRE, ACT: 1, or all the chosen ones; 0: each token's strongest, whichever */
    struct unit_id unit[UNITS_MAX];
    float scale[UNITS_MAX]; /* that counts as full; > 0 */
    float strongest;        /* likewise */
};
#define PAINT_LOSS_SCALE                                                                           \
    8.0f /* nats a token: full colour; fixed, so that typing recolours nothing */
#define PAINT_DELTA_SCALE 2.0f /* nats */

struct paint_token {
    size_t start, end;
    float value; /* v/scale; NaN: none */
    int level;   /* of the theme's ramp */
    bool stale;
    bool cut; /* the model's context was full: a new one begins here */
};
struct paint {
    struct paint_token *token; /* by start */
    size_t n, cap;
    struct paint_rule rule;
};

void paint_release(struct paint *);
/* After an edit of the text: `after` is what it is now. join: all of the text is one sequence. */
void paint_edit(struct paint *, const struct textbuf *after, size_t at, size_t n_removed,
                size_t n_inserted, bool join);
void paint_snapshot(struct paint *, const struct snapshot *, const struct textbuf *,
                    const struct paint_rule *, const struct theme *);
/* The first token that ends after `at`; paint->n: none. */
size_t paint_find(const struct paint *, size_t at);

/* The value of token i of a line by a rule; NaN: none. False: the line has no data for the rule. */
bool paint_value(const struct snapshot *, const struct line_view *, const struct paint_rule *,
                 int32_t i, float *v);
/* The lane whose losses are shown. */
enum lane_kind paint_lane(const struct snapshot *);
bool rule_equal(const struct paint_rule *, const struct paint_rule *);

/* Where bytes of an older text are in the present one: what both begin and end with stays, the rest
 * is unknown. */
struct text_map {
    size_t prefix, suffix, n_old, n_new;
};
struct text_map text_map(const char *old, size_t n_old, const char *now, size_t n_new);
bool map_to_new(const struct text_map *, size_t from, size_t to, size_t *new_from, size_t *new_to);
/* A position of the present text in the old one; *exact: it is the same place. */
size_t map_to_old(const struct text_map *, size_t at, bool *exact);
#endif
