/* A question that a study answers: what the command line and the views ask alike. Plain data with
 * strings of its own; its command line reproduces it. */
#ifndef GLIMT_LAB_REQUEST_H
#define GLIMT_LAB_REQUEST_H
#include "engine/study/harvest.h"
#include "tui/options.h"

enum request_kind {
    REQUEST_HARVEST,   /* tables: "classes" (class, sentences, tokens, words, tokens_per_word) */
    REQUEST_LATENTS,   /* "rows": engine/study/harvest.h, latents_table; "classes" */
    REQUEST_FIND,      /* "rows": engine/study/values.h, values_verify; "overlaps"; "classes" */
    REQUEST_HISTOGRAM, /* "rows": values_histogram; "latents": values_overlap */
    REQUEST_BINS,      /* "rows": detail_histogram of each unit, from the harvest (quick, ≈) */
    REQUEST_EXAMPLES,  /* "rows": detail_examples of each unit */
    REQUEST_LENS,      /* "promoted", "suppressed", "neighbours": engine/study/lens.h */
    REQUEST_COACTIVE,  /* "rows": engine/study/coactive.c */
    REQUEST_SWEEP,     /* "rows", "differences", "pairs": engine/study/sweep.h */
    REQUEST_TOKENS,    /* "tokens": values_tokens; "overlaps": values_overlap */
    REQUEST_PROOF,     /* "facts", "readings", "numbers": engine/study/proof.c */
    N_REQUESTS
};
extern const char *const request_name[N_REQUESTS]; /* the subcommand: "harvest", … */

struct corpus_choice { /* all empty: the bundle's reference texts */
    char *path;
    int32_t n_files;
    struct {
        char *cls, *path;
    } file[CORPUS_MAX_CLASSES];
    int64_t limit;
    char *encoding; /* of files that are not UTF-8; NULL: refused */
    bool header;    /* engine/formats/corpus.h */
    bool special;   /* special tokens spelled out become their ids */
};
/* Of files, or of the reference texts. */
bool corpus_choice_has_files(const struct corpus_choice *);
void corpus_choice_copy(struct corpus_choice *to, const struct corpus_choice *from);
void corpus_choice_release(struct corpus_choice *);
/* For people: the file's name, "references". */
void corpus_choice_name(const struct corpus_choice *, char *out, size_t n);

struct request {
    enum request_kind kind;
    struct corpus_choice corpus;
    char *target; /* class; NULL: the first */
    int32_t n_units;
    int32_t unit[STUDY_MAX_UNITS];
    int32_t n_values; /* sweep; 0: −8, −6 … 8 */
    double value[STUDY_MAX_VALUES];
    unsigned inserts; /* sweep; 0: sae */
    bool each;
    struct rule rule; /* find */
    int32_t rows;     /* a latent: examples a class, lens rows, co-active ones; 0: the default */
    bool own_range;   /* histogram: as published */
    bool keep_activations;
    bool
        only_kept; /* answered from what is kept or not at all (ERROR_CANCELLED); sweeps, latents */
};
void request_init(struct request *, enum request_kind);
void request_copy(struct request *to, const struct request *from);
void request_release(struct request *);
bool request_equal(const struct request *, const struct request *);
/* "glimt sweep corpus.tsv --latents 418,390 --values -8:8:2", quoted for a shell; with the options
 * of the session that differ from the defaults (model, sae, hook, bundle, neurons, bos, cache,
 * seed). */
void request_command(const struct request *, const struct options *, struct strbuf *out);
/* A word of a command line, in quotes where a shell needs them. */
void request_quote(struct strbuf *out, const char *s);
/* "-8:8:2" or "1,2.5,-3" → values; false and *e: found and expected. */
bool request_parse_values(const char *s, double out[STUDY_MAX_VALUES], int32_t *n, struct error *e);
#endif
