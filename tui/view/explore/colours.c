/* What colours the text, and on which scale. */
#include "tui/view/explore/explore_private.h"
#include <math.h>
#include <stdlib.h>

float explore_scale(const struct explore *ex, const struct workbench *wb, struct unit_id unit,
                    bool *from_bundle)
{
    const struct bundle_statistics *is = workbench_statistics(wb, unit);
    if (from_bundle)
        *from_bundle = false;
    if (is && is->abs_pre_p99[unit.index] > 0) {
        if (from_bundle)
            *from_bundle = true;
        return is->abs_pre_p99[unit.index];
    }
    for (int i = 0; i < ex->n_scales; i++)
        if (unit_same(ex->scale[i].unit, unit))
            return ex->scale[i].p99;
    return 1;
}

struct paint_rule explore_rule(const struct explore *ex, const struct workbench *wb)
{
    struct paint_rule r = {.colouring = ex->sh->colouring};
    if (ex->sh->colouring == COLOUR_LOSS || ex->sh->colouring == COLOUR_DELTA)
        return r;
    if (ex->sh->colour_unit.dict >= 0)
        r.unit[r.n_units++] = ex->sh->colour_unit;
    for (int i = 0; unit_same(ex->sh->colour_unit, UNIT_ALL) && i < ex->sh->sliders.n; i++)
        r.unit[r.n_units++] = ex->sh->sliders.unit[i].id;
    for (int i = 0; i < r.n_units; i++)
        r.scale[i] = explore_scale(ex, wb, r.unit[i], NULL);
    return r;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The 99th percentile of |pre| over (at most) the first 4,096 tokens of the text; 0: nothing known.
 */
static float measured_p99(const struct snapshot *s, struct unit_id unit)
{
    static const int most = 4096;
    float *v = malloc((size_t)most * sizeof *v);
    int n = 0;
    for (int32_t l = 0; v && l < s->n_lines && n < most; l++) {
        const struct line_latents *a = s->line[l].latents;
        for (int32_t w = 0; a && w < a->n_watch; w++)
            if (unit_same(a->watch[w], unit))
                for (int32_t i = 0; i < a->n && n < most; i++) {
                    float pre = a->pre[(size_t)i * (size_t)a->n_watch + (size_t)w];
                    if (isfinite(pre))
                        v[n++] = fabsf(pre);
                }
    }
    if (n > 0)
        qsort(v, (size_t)n, sizeof *v, by_size);
    float p99 = n > 0 ? v[(n - 1) * 99 / 100] : 0;
    free(v);
    return p99;
}

/* Scales move only when they are far off, so that typing does not recolour the text. */
void explore_measure(struct explore *ex, const struct snapshot *s)
{
    struct paint_rule rule = explore_rule(ex, ex->sh->workbench);
    for (int u = 0; u < rule.n_units; u++) {
        bool from_bundle;
        float old = explore_scale(ex, ex->sh->workbench, rule.unit[u], &from_bundle);
        float p99 = from_bundle ? 0 : measured_p99(s, rule.unit[u]);
        if (!(p99 > 0) || !isfinite(p99))
            continue;
        int i = 0;
        while (i < ex->n_scales && !unit_same(ex->scale[i].unit, rule.unit[u]))
            i++;
        if (i < ex->n_scales && p99 < 1.5f * old && p99 > old / 3)
            continue;
        if (i == ex->n_scales && ex->n_scales < 2 * UNITS_MAX)
            ex->n_scales++;
        if (i < ex->n_scales)
            ex->scale[i] = (struct measured_scale){rule.unit[u], p99};
        else /* the oldest goes */
            ex->scale[(unsigned)rule.unit[u].index % (2 * UNITS_MAX)] =
                (struct measured_scale){rule.unit[u], p99};
    }
}

void explore_recolour(struct explore *ex)
{
    if (!ex->sh->snapshot || !ex->sh->theme)
        return;
    struct paint_rule rule = explore_rule(ex, ex->sh->workbench);
    paint_snapshot(&ex->paint, ex->sh->snapshot, &ex->sh->editor.text, &rule, ex->sh->theme);
}
