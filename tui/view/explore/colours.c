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
    r.strongest = ex->strongest > 0 ? ex->strongest : 1;
    return r;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

enum { MEASURED = 4096 }; /* tokens of the text, the first ones */

/* |pre| of a unit on a line's tokens, of UNIT_NONE what is strongest on them; returns how many. */
static int sizes_of(const struct line_latents *a, struct unit_id unit, float *v, int room)
{
    const struct active_latent *active;
    int n = 0;
    for (int32_t i = 0; unit_same(unit, UNIT_NONE) && i < a->n && n < room; i++)
        if (latents_of_token(a, i, &active) > 0)
            v[n++] = fabsf(active[0].value);
    for (int32_t w = 0; w < a->n_watch; w++)
        for (int32_t i = 0; unit_same(a->watch[w], unit) && i < a->n && n < room; i++) {
            float pre = a->pre[(size_t)i * (size_t)a->n_watch + (size_t)w];
            if (isfinite(pre))
                v[n++] = fabsf(pre);
        }
    return n;
}

/* The 99th percentile of those; 0: nothing known. */
static float measured_p99(const struct snapshot *s, struct unit_id unit)
{
    float *v = malloc(MEASURED * sizeof *v);
    int n = 0;
    for (int32_t l = 0; v && l < s->n_lines && n < MEASURED; l++)
        if (s->line[l].latents)
            n += sizes_of(s->line[l].latents, unit, v + n, MEASURED - n);
    if (n > 0)
        qsort(v, (size_t)n, sizeof *v, by_size);
    float p99 = n > 0 ? v[(n - 1) * 99 / 100] : 0;
    free(v);
    return p99;
}

/* Scales move only when they are far off, so that typing does not recolour the text. */
static bool is_near(float p99, float old)
{
    return p99 < 1.5f * old && p99 > old / 3;
}

void explore_measure(struct explore *ex, const struct snapshot *s)
{
    struct paint_rule rule = explore_rule(ex, ex->sh->workbench);
    const float strongest = rule.n_units == 0 ? measured_p99(s, UNIT_NONE) : 0;
    if (strongest > 0 && isfinite(strongest) && !is_near(strongest, ex->strongest))
        ex->strongest = strongest;
    for (int u = 0; u < rule.n_units; u++) {
        bool from_bundle;
        float old = explore_scale(ex, ex->sh->workbench, rule.unit[u], &from_bundle);
        float p99 = from_bundle ? 0 : measured_p99(s, rule.unit[u]);
        if (!(p99 > 0) || !isfinite(p99))
            continue;
        int i = 0;
        while (i < ex->n_scales && !unit_same(ex->scale[i].unit, rule.unit[u]))
            i++;
        if (i < ex->n_scales && is_near(p99, old))
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
