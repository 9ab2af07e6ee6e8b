/* One analysed text, for the three ways of printing it. Private to tui/cli. */
#ifndef GLIMT_TUI_ANALYSIS_H
#define GLIMT_TUI_ANALYSIS_H
#include "tui/cli/command.h"

struct analysis {
    struct cli *cli;
    struct workbench *wb;  /* owned */
    struct snapshot *snap; /* owned; complete; its codes are those of the first place, of the others
                              those that are further */
    const struct input *in;
    int32_t n_chosen;
    const struct unit_id *chosen;
    enum lane_kind lane; /* whose losses are shown */
    int32_t n_next;      /* predictions a token */
    int32_t *next_id;    /* [n_tokens, n_next] */
    float *next_logp;
};

/* Opens what the options name and runs the text; logits_file (NULL: none) gets the logits [T,
 * vocab], of the rows that the losses come from, like the predictions. Release in either case. */
bool analysis_run(struct analysis *, struct cli *, const struct options *, const struct input *,
                  int32_t n_next, const char *logits_file, struct error *e);
void analysis_release(struct analysis *);

struct analysis_token { /* one token with everything known of it */
    int32_t index;      /* in the text */
    int32_t in_line;
    const struct line_view *line;
    int32_t id;
    size_t start, end;  /* bytes of the input */
    float loss;         /* NaN: none */
    bool begins_window; /* the first of a window of the context that is not the line's first */
};
/* The tokens one after the other: zeroed at first, false after the last. */
struct analysis_iterator {
    int32_t line, in_line, index;
};
bool analysis_next(const struct analysis *, struct analysis_iterator *, struct analysis_token *);
/* Pre-activation and activation of a unit that was wished for; NaN where it is not known. */
void analysis_unit(const struct analysis *, const struct analysis_token *, struct unit_id,
                   float *pre, float *act);
/* Active latents of a token at a place, largest first: how many there are, at most `limit`
 * (negative: all); the i-th in *id, *value. Zeros left by a ReLU are not active. */
int32_t analysis_n_top(const struct analysis *, const struct analysis_token *, int32_t place,
                       int32_t limit);
void analysis_top(const struct analysis *, const struct analysis_token *, int32_t place, int32_t i,
                  struct unit_id *id, float *value);
/* A line on standard error where lines are longer than the context, unless --quiet. */
void note_windows(const struct cli *, const struct workbench *, const struct snapshot *);
/* Of a place with an SAE; NaN where it can't be told. */
double analysis_fvu(const struct analysis *, int32_t place);
/* The first place with an SAE (no neurons); −1: there is none. */
int32_t analysis_sae(const struct analysis *);

/* For people, into cli->out; top: latents a token. */
void analysis_text(const struct analysis *, const struct theme *, int32_t top);
#endif
