#include "tui/unit_json.h"
#include <stdio.h>
#include <string.h>

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

json_t *insertion_json(const struct dict_set *set, struct insertion in)
{
    json_t *o;
    if (insertion_everywhere(in, NULL) || !set || set->n == 0)
        return json_string(insert_name[insertion_at(in, 0)]);
    o = json_object();
    for (int32_t i = 0; i < set->n; i++) {
        char name[UNIT_NAME_MAX];
        if (set->place[i].neurons || insertion_at(in, i) == INSERT_NONE)
            continue;
        unit_place_name(set, i, name);
        json_object_set_new(o, name, json_string(insert_name[insertion_at(in, i)]));
    }
    return o;
}

bool insertion_from_json(const struct dict_set *set, const json_t *v, struct insertion *out)
{
    struct insert_word word[DICT_SET_MAX];
    const char *place;
    const json_t *how;
    int32_t n = 0;
    if (json_is_string(v)) /* one word: names are keys */
        return !strchr(json_string_value(v), '=') &&
               insertion_parse(set, json_string_value(v), out, NULL);
    if (!json_is_object(v) || json_object_size(v) > DICT_SET_MAX)
        return false;
    *out = insertion_of(INSERT_NONE);
    json_object_foreach((json_t *)(uintptr_t)v, place, how)
    {
        int32_t one = -1;
        if (json_is_string(how) && strlen(place) < sizeof word[n].place)
            one = insert_words_read(json_string_value(how), &word[n], NULL);
        if (one != 1 || word[n].place[0])
            return false;
        snprintf(word[n++].place, sizeof word[0].place, "%s", place);
    }
    return n == 0 || insertion_find(set, word, n, out, NULL);
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
