#include "tui/lab/param_json.h"
#include "engine/base/strbuf.h"
#include "tui/unit_json.h"
#include <stdlib.h>
#include <string.h>

static json_t *text_json(const struct param_value *v)
{
    struct strbuf b;
    strbuf_init(&b);
    param_value_print(v, &b);
    json_t *s = json_stringn(b.s, b.len);
    strbuf_release(&b);
    return s ? s : json_null();
}

static json_t *value_json(const struct param_value *v, const struct dict_set *dicts)
{
    json_t *list;
    switch (v->of->type) {
    case PARAM_INT:
    case PARAM_SEED: return json_integer((json_int_t)v->i);
    case PARAM_REAL: return json_real(v->r);
    case PARAM_FLAG: return json_boolean(v->i);
    case PARAM_VALUES:
        list = json_array();
        for (int32_t i = 0; i < v->n; i++)
            json_array_append_new(list, json_real(v->value[i]));
        return list;
    case PARAM_UNITS:
        list = json_array();
        for (int32_t i = 0; i < v->n; i++)
            json_array_append_new(list, unit_json(dicts, v->unit[i]));
        return list;
    case PARAM_TEXT:
    case PARAM_CLASS:
    case PARAM_CHOICE:
    case PARAM_INSERT:
    case PARAM_SET: return text_json(v);
    }
    return json_null();
}

json_t *params_json(const struct params *p, enum params_which which, const struct dict_set *dicts)
{
    json_t *o = json_object();
    for (int i = 0; i < p->n; i++) {
        const struct param_value *v = &p->value[i];
        bool wanted = which == PARAMS_KEY ? v->of->in_key && !param_is_preset(v) : v->there;
        if (wanted)
            json_object_set_new(o, v->of->name, value_json(v, dicts));
    }
    return o;
}

static void take_list(struct params *p, const struct param *of, const json_t *list,
                      const struct dict_set *dicts)
{
    double value[STUDY_MAX_VALUES];
    struct unit_id unit[UNITS_MAX];
    int32_t n = 0;
    size_t i;
    json_t *v;
    bool units = of->type == PARAM_UNITS;
    json_array_foreach(list, i, v)
    {
        if (n < UNITS_MAX && units)
            n += unit_from_json(dicts, v, &unit[n]);
        else if (n < STUDY_MAX_VALUES && !units)
            value[n++] = json_number_value(v);
    }
    if (units)
        params_set_units(p, of->name, unit, n);
    else
        params_set_values(p, of->name, value, n);
}

void params_take_json(struct params *p, const json_t *o, const struct dict_set *dicts)
{
    for (int i = 0; i < p->n; i++) {
        const struct param *of = p->value[i].of;
        const json_t *v = json_object_get(o, of->name);
        if (!v)
            continue;
        if (json_is_array(v) && (of->type == PARAM_UNITS || of->type == PARAM_VALUES))
            take_list(p, of, v, dicts);
        else if (json_is_string(v))
            params_parse(p, of->name, json_string_value(v), NULL);
        else if (of->type == PARAM_FLAG)
            params_set_flag(p, of->name, json_is_true(v));
        else if (of->type == PARAM_SEED)
            params_set_seed(p, of->name, (uint64_t)json_integer_value(v));
        else if (json_is_number(v)) {
            char *text = json_dumps(v, JSON_ENCODE_ANY | JSON_REAL_PRECISION(17));
            params_parse(p, of->name, text, NULL);
            free(text);
        }
    }
}
