#include "tui/unit_json.h"
#include <stdio.h>

json_t *unit_json(const struct dict_set *set, struct unit_id u)
{
    char name[UNIT_NAME_MAX];
    if (u.index >= 0 && (!set || set->n < 2))
        return json_integer(u.index);
    unit_name(set, u, name);
    return json_string(name);
}

bool unit_from_json(const struct dict_set *set, const json_t *v, struct unit_id *out)
{
    char number[32];
    const char *name = json_string_value(v);
    if (json_is_integer(v)) {
        snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v));
        name = number;
    }
    return name && unit_parse(set && set->n > 0 ? set : NULL, name, out, NULL) && out->index >= 0;
}

json_t *dict_json(const struct dict_set *set, int32_t place)
{
    char name[POINT_NAME_MAX];
    point_name(set->place[place].at, name);
    return json_string(name);
}

bool dict_from_json(const struct dict_set *set, const json_t *v, int32_t *place)
{
    *place = 0;
    if (!v || json_is_null(v))
        return true;
    *place = json_is_string(v) ? unit_place_find(set, json_string_value(v), NULL) : -1;
    return *place >= 0;
}
