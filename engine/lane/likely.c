#include "engine/lane/likely.h"
#include "engine/base/best.h"
#include <math.h>
#include <stdbool.h>

const char *const likely_names[N_LIKELY] = {"a", "b", "boosted", "reduced"};

void likely_logp(float *z, int32_t n)
{
    double most = -(double)INFINITY, sum = 0;
    for (int32_t i = 0; i < n; i++)
        most = fmax(most, (double)z[i]);
    for (int32_t i = 0; i < n; i++)
        sum += exp((double)z[i] - most);
    const double log_sum = log(sum);
    for (int32_t i = 0; i < n; i++)
        z[i] = (float)((double)z[i] - most - log_sum);
}

static bool is_kept(const struct likely_in *in, double a, double b, int32_t id)
{
    const double *norms = in->norms;
    return !(a <= in->least && b <= in->least) &&
           !(norms && in->max_norm > 0 && norms[id] > in->max_norm) &&
           !(norms && in->min_embed > 0 && norms[in->n + id] < in->min_embed);
}

int32_t likely_lists(const struct likely_in *in, const float *logp_a, const float *logp_b,
                     struct likely_token *out, int32_t n[N_LIKELY])
{
    struct best best[N_LIKELY];
    int32_t left_out = 0;
    for (int l = 0; l < N_LIKELY; l++)
        best_init(&best[l], in->top < in->n ? in->top : in->n);
    for (int32_t id = 0; id < in->n; id++) {
        const double a = (double)logp_a[id], b = (double)logp_b[id];
        if (!is_kept(in, a, b, id)) {
            left_out++;
            continue;
        }
        best_offer(&best[LIKELY_A], a, id);
        best_offer(&best[LIKELY_B], b, id);
        best_offer(&best[LIKELY_BOOSTED], a - b, id);
        best_offer(&best[LIKELY_REDUCED], b - a, id);
    }
    for (int l = 0; l < N_LIKELY; l++) {
        best_sort(&best[l]);
        n[l] = best[l].n;
        for (int32_t i = 0; i < n[l]; i++) {
            const int32_t id = best[l].item[i].id;
            out[(int64_t)l * in->top + i] = (struct likely_token){id, logp_a[id], logp_b[id]};
        }
        best_release(&best[l]);
    }
    return left_out;
}
