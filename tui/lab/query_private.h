/* The answers, one a query: what the table of queries names. */
#ifndef GLIMT_QUERY_PRIVATE_H
#define GLIMT_QUERY_PRIVATE_H
#include <stdbool.h>

struct answer;
bool answer_harvest(struct answer *), answer_usual(struct answer *),
    answer_latents(struct answer *), answer_find(struct answer *),
    answer_histogram(struct answer *), answer_tokens(struct answer *), answer_bins(struct answer *),
    answer_examples(struct answer *), answer_lens(struct answer *),
    answer_coactive(struct answer *), answer_sweep(struct answer *), answer_proof(struct answer *),
    answer_words(struct answer *), answer_ttest(struct answer *), answer_points(struct answer *),
    answer_probe(struct answer *), answer_kept(struct answer *), answer_regress(struct answer *),
    answer_compare(struct answer *),

    answer_means(struct answer *), answer_classify(struct answer *), answer_ablate(struct answer *),
    answer_boosts(struct answer *), answer_unigrams(struct answer *),
    answer_position(struct answer *), answer_attribution(struct answer *),
    answer_patch(struct answer *), answer_effects(struct answer *),
    answer_downstream(struct answer *), answer_shift(struct answer *),
    answer_neuron_examples(struct answer *), answer_chains(struct answer *),
    answer_similar(struct answer *), answer_groups(struct answer *);
#endif
