/* The proof panel of an SAE: what was assumed and from where, and how well it rebuilds its model's
 * reference text. Private to tui/cli. */
#ifndef GLIMT_TUI_PROOF_H
#define GLIMT_TUI_PROOF_H
#include "tui/cli/command.h"

enum reading {
    READ_AS_IS,
    READ_CENTRE,
    READ_RELU,
    READ_BOTH,
    N_READINGS
}; /* which facts are read the other way */

struct fact {
    const char *name, *value, *source;
    char number[16]; /* value's memory where it is a number */
};

struct proof {
    struct fact fact[DICT_N_FACTS];
    int32_t n_sentences;
    int64_t n_tokens;
    double fvu[N_READINGS]; /* Σ‖x − x̂‖² / Σ‖x − x̄‖²; NaN: this reading means nothing here */
    double l0;              /* mean number of latents that are not 0 */
    double loss_plain, loss_sae,
        loss_zero;     /* nats, mean over tokens; zero: the activation replaced by zeros */
    double recovered;  /* (zero − sae)/(zero − plain) */
    enum reading best; /* the one that fits better by more than 1 %, READ_AS_IS: none */
};

/* On the workbench's reference sentences; the dictionary is an SAE. */
bool proof_run(struct cli *, const struct workbench *, struct proof *, struct error *e);
void proof_text(const struct proof *, struct strbuf *out);
json_t *proof_json(const struct proof *);
#endif
