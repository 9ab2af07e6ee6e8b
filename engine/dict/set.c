#include "engine/dict/set.h"
#include "engine/base/memory.h"
#include <stdlib.h>
#include <string.h>

static bool put(struct dict_set *s, struct dict_place p)
{
    int32_t at = 0;
    while (at < s->n && point_compare(s->place[at].at, p.at) < 0)
        at++;
    if (s->n == DICT_SET_MAX || (at < s->n && point_compare(s->place[at].at, p.at) == 0))
        return false;
    s->place = grow(s->place, &s->cap, (size_t)s->n + 1, sizeof *s->place);
    memmove(s->place + at + 1, s->place + at, (size_t)(s->n - at) * sizeof *s->place);
    s->place[at] = p;
    s->n++;
    return true;
}

/* `at` lies behind what a dictionary reads and before what it gives. */
static bool within(const struct dict *d, struct point hook, struct point at)
{
    return point_compare(dict_reads(d, hook), at) < 0 && point_compare(at, hook) < 0;
}

/* Lanes go on from a hook, which must not be behind what somebody has still to read. */
static bool check_between(const struct dict_set *s, const struct dict *d, struct point at,
                          struct error *e)
{
    char name[POINT_NAME_MAX], other[POINT_NAME_MAX];
    for (int32_t i = 0; i < s->n; i++) {
        const struct dict_place *p = &s->place[i];
        point_name(p->at, other);
        point_name(at, name);
        if (within(d, at, p->at) || within(p->dict, p->at, at))
            return error_set(e, ERROR_INPUT,
                             "found dictionaries at %s and at %s, one of them a transcoder that "
                             "reads before the other and writes behind it, which is not supported",
                             other, name);
    }
    return true;
}

bool dict_set_add(struct dict_set *s, struct dict *d, struct point at, struct error *e)
{
    const struct dict_spec *spec = dict_spec(d);
    char name[POINT_NAME_MAX];
    if (!check_between(s, d, at, e)) {
        dict_free(d);
        return false;
    }
    if (put(s, (struct dict_place){d, at, spec->identity, spec->m}))
        return true;
    point_name(at, name);
    if (s->n == DICT_SET_MAX)
        error_set(e, ERROR_INPUT, "found a dictionary more at %s, expected at most %d", name,
                  DICT_SET_MAX);
    else
        error_set(e, ERROR_INPUT, "found two dictionaries at %s, expected one a hook point", name);
    dict_free(d);
    return false;
}

bool dict_set_plan(struct dict_set *s, struct point at, bool neurons)
{
    return put(s, (struct dict_place){.at = at, .neurons = neurons});
}

bool dict_set_same(const struct dict_set *a, const struct dict_set *b)
{
    bool same = a->n == b->n;
    for (int32_t i = 0; same && i < a->n; i++)
        same = point_compare(a->place[i].at, b->place[i].at) == 0 &&
               a->place[i].neurons == b->place[i].neurons;
    return same;
}

void dict_set_some(const struct dict_set *s, dict_places places, struct dict_set *out)
{
    *out = (struct dict_set){0};
    for (int32_t i = 0; i < s->n; i++)
        if (places & dict_bit(i))
            put(out, s->place[i]);
}

void dict_set_forget(struct dict_set *s)
{
    free(s->place);
    *s = (struct dict_set){0};
}

dict_places dict_set_all(const struct dict_set *s)
{
    return s->n < DICT_SET_MAX ? dict_bit(s->n) - 1 : ~(dict_places)0;
}

int32_t dict_set_saes(const struct dict_set *s)
{
    int32_t n = 0;
    for (int32_t i = 0; i < s->n; i++)
        n += !s->place[i].neurons;
    return n;
}

int32_t dict_set_within(const struct dict_set *s, dict_places places, int32_t dict)
{
    int32_t n = 0;
    if (dict < 0 || dict >= s->n || !(places & dict_bit(dict)))
        return -1;
    for (int32_t i = 0; i < s->n; i++)
        n += places & dict_bit(i) && point_compare(s->place[i].at, s->place[dict].at) < 0;
    return n;
}

int32_t dict_set_outside(const struct dict_set *s, dict_places places, int32_t dict)
{
    for (int32_t i = 0; i < s->n && dict >= 0; i++)
        if (dict_set_within(s, places, i) == dict)
            return i;
    return -1;
}

void dict_set_copy_plan(const struct dict_set *from, struct dict_set *out)
{
    *out = (struct dict_set){0};
    for (int32_t i = 0; i < from->n; i++)
        dict_set_plan(out, from->place[i].at, from->place[i].neurons);
}

void dict_set_release(struct dict_set *s)
{
    for (int32_t i = 0; i < s->n; i++)
        dict_free(s->place[i].dict);
    free(s->place);
    *s = (struct dict_set){0};
}
