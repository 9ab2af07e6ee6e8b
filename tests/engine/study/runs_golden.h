/* Golden numbers of two runs on the demo (tests/reference/neuron_runs.py), and how they are asked
 * for. */
#ifndef GLIMT_TEST_STUDY_RUNS_GOLDEN_H
#define GLIMT_TEST_STUDY_RUNS_GOLDEN_H
#include "engine/study/runs.h"
#include "tests/engine/study/places.h"

static inline void runs_golden_open(struct places *x, int64_t texts)
{
    places_open_first(x, texts);
    json_decref(x->golden);
    x->golden = golden_json("study/neuron_runs.json");
}

static inline double real_of(const json_t *g, const char *name)
{
    const json_t *v = json_object_get(g, name);
    if (!json_is_number(v))
        fail_msg("golden: no number %s", name);
    return json_number_value(v);
}

static inline double item_of(const json_t *g, size_t i)
{
    const json_t *v = json_array_get(g, i);
    if (!json_is_number(v))
        fail_msg("golden: no number at %zu", i);
    return json_number_value(v);
}

static inline const char *name_of(const json_t *g, const char *name)
{
    return json_string_value(json_object_get(g, name));
}

/* N on in the first run, off in the second; or on in both, and later units shifted. */
static inline void say_runs(const struct places *x, struct params *p, bool later)
{
    struct unit_id unit[2] = {unit_of(x, name_of(x->golden, "unit"))};
    const double on = real_of(x->golden, "on"), off = real_of(x->golden, "off");
    double shift[2];
    params_set_units(p, "units", unit, 1);
    params_set_values(p, "at", &on, 1);
    params_set_values(p, "off-at", later ? &on : &off, 1);
    for (size_t i = 0; later && i < 2; i++) {
        const char *name =
            json_string_value(json_array_get(json_object_get(x->golden, "later"), i));
        unit[i] = unit_of(x, name);
        shift[i] = (double)(float)real_of(
            json_object_get(json_object_get(x->golden, "shift"), name), "all");
    }
    if (later) {
        params_set_units(p, "shifted", unit, 2);
        params_set_values(p, "shift", shift, 2);
    }
}
#endif
