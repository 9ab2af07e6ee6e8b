/* What can be asked: one row each. The command that asks it, its parameters, what its answer looks
 * like and where it is shown stand here and nowhere else. */
#ifndef GLIMT_LAB_QUERY_H
#define GLIMT_LAB_QUERY_H
#include "engine/base/table.h"
#include "engine/study/study.h"
#include "tui/view_table.h"

struct answer; /* a request under way: answer.c */

struct query {
    const char *command;           /* the subcommand: "histogram" */
    const char *also;              /* what it needs besides: "--tokens"; NULL: nothing */
    const char *name;              /* for people: "running text" */
    const struct study_ops *study; /* whose parameters are the query's too; NULL: none of them */
    const struct param *params;    /* its own; NULL: none */
    bool corpus;                   /* reads one */
    bool words;                    /* which is a list of words and their classes */
    bool text;         /* asks about a text of its own, its parameter "text": the last operand */
    int32_t limit;     /* sentences of each class where none is said; 0: all */
    bool first_window; /* of a sentence beyond the context only that counts */
    bool quick; /* takes under about a second once the corpus is harvested: overtakes others */
    enum view_id view; /* that shows it */
    struct promise {   /* what panes draw of the answer: a table's mark and columns */
        const char *table;
        enum mark mark;
        const char *column[4];
    } promise[3];
    bool (*answer)(struct answer *);
};
extern const struct query
    harvest_query,   /* tables: "classes" (class, sentences, tokens, words, tokens_per_word) */
    latents_query,   /* "rows": engine/study/harvest.h, latents_table; "classes" */
    find_query,      /* "rows": engine/study/values.h, values_verify; "overlaps"; "classes" */
    histogram_query, /* "rows": values_histogram; "latents": values_overlap */
    tokens_query,    /* "tokens": values_tokens; "overlaps": values_overlap */
    bins_query,      /* "rows": detail_histogram of each unit, from the harvest (quick, ≈) */
    examples_query,  /* "rows": detail_examples of each unit */
    lens_query,      /* "promoted", "suppressed", "neighbours": engine/study/lens.c */
    coactive_query,  /* "rows": engine/study/coactive.c */
    sweep_query,     /* "rows", "differences", "pairs": engine/study/sweep.h */
    words_query,     /* "words": engine/study/words.h */
    ttest_query,     /* "rows", "neurons", "sets", "histogram": engine/study/contrast.h; "words" */
    points_query,    /* "rows": contrast_points */
    probe_query,     /* "rows", "sets": contrast.h; "words", here and below */
    regress_query,   /* "rows", "coefficients" */
    kept_query,      /* "rows", "sets" */
    compare_query,   /* "rows" */
    proof_query,     /* "facts", "readings", "numbers": engine/study/proof.c */
    means_query,     /* "rows": engine/study/activity.h */
    classify_query,  /* "rows", "histogram": engine/study/classify.h */
    ablate_query,    /* "rows", "backup": engine/study/ablate.h */
    boosts_query,    /* "boosted", "inhibited", "rows", "histogram": engine/study/boosts.h */
    unigrams_query,  /* "rows", "classes": engine/study/boosts.h */
    position_query,  /* "rows", "tokens": engine/study/position.h */
    attribution_query, patch_query, effects_query, /* "rows": engine/study/stream.h */
    usual_query,           /* "statistics": engine/study/harvest.h, statistics_table; "classes" */
    downstream_query,      /* "rows": engine/study/shift.h */
    shift_query,           /* "rows", "histogram": shift.h; "losses": engine/study/losses.h */
    neuron_examples_query, /* "examples", "rows": losses.h */
    chains_query,          /* "rows", "links", "losses": engine/study/chains.h */
    similar_query,         /* "rows", "pairs": engine/study/similar.h */
    groups_query;          /* "rows", "groups": similar.h */
enum { N_QUERIES = 34 };
extern const struct query *const queries[N_QUERIES];
/* Its rows with their presets. */
void query_params(const struct query *, struct params *);
#endif
