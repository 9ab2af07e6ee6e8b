/* What is measured of the unit in the background: one study at a time is shown. */
#include "tui/view/neurons/neurons_private.h"
#include <string.h>

const struct neurons_shown neurons_shown[N_SHOWN] = {
    [SHOWS_BOOSTS] = {&boosts_query, ACTION_NEURONS_BOOSTS, "boosted",
                      "What %s boosts, and inhibits"},
    [SHOWS_ATTRIBUTION] = {&attribution_query, ACTION_NEURONS_ATTRIBUTION, "rows",
                           "What %s gives the next token's logit"},
    [SHOWS_PATCH] = {&patch_query, ACTION_NEURONS_PATCH, "rows",
                     "Loss with one component as without %s"},
    [SHOWS_EFFECTS] = {&effects_query, ACTION_NEURONS_EFFECTS, "rows",
                       "Effects of %s off on the loss"},
    [SHOWS_DOWNSTREAM] = {&downstream_query, ACTION_NEURONS_DOWNSTREAM, "rows",
                          "Later units with %s on, less off"},
    [SHOWS_SHIFT] = {&shift_query, ACTION_NEURONS_SHIFT, "rows", "Shift of later units, %s off"},
    [SHOWS_EXAMPLES] = {&neuron_examples_query, ACTION_NEURONS_EXAMPLES, "examples",
                        "Texts that %s helps most"},
    [SHOWS_CHAINS] = {&chains_query, ACTION_NEURONS_CHAINS, "rows", "Ways of %s off to the loss"},
    [SHOWS_SIMILAR] = {&similar_query, ACTION_NEURONS_SIMILAR, "rows", "Units that write as %s"},
};

bool neurons_study_fits(const struct neurons *v, enum neurons_study k)
{
    const struct watch *w = &v->study[k];
    const struct unit_id *unit;
    const double *at;
    if (!w->asked || request_units(&w->request, &unit) != 1 || !unit_same(*unit, v->unit))
        return false;
    if (params_know(&w->request.params, "off-at") &&
        (params_values(&w->request.params, "off-at", &at) > 0) != v->by_hand)
        return false;
    return !v->by_hand || !params_know(&w->request.params, "off-at") ||
           !(at[0] < v->at[AT_OFF] || at[0] > v->at[AT_OFF]);
}

int neurons_study_rows(const struct neurons *v)
{
    const struct table *t = watch_table(&v->study[v->shown], neurons_shown[v->shown].table);
    return t && neurons_study_fits(v, v->shown) ? (int)t->n_rows : 0;
}
