#include "engine/dict/unit.h"
#include <stdio.h>
#include <string.h>

#define ERROR_TERM "ε"

/* ---- places */
/* "mlp_3" of a point in layer 3's MLP; false: the point has no short name. */
static bool short_name(struct point p, char out[UNIT_NAME_MAX])
{
    char name[POINT_NAME_MAX];
    point_name(p, name);
    if (p.site == SITE_EMBED) {
        snprintf(out, UNIT_NAME_MAX, "embed");
        return true;
    }
    const char *site = strncmp(name, "layers.", 7) == 0 ? strchr(name + 7, '.') : NULL;
    if (!site)
        return false;
    site++;
    if (p.site != SITE_RESID_POST && strncmp(site, "mlp.", 4) != 0 &&
        strncmp(site, "attn.", 5) != 0)
        return false;
    snprintf(out, UNIT_NAME_MAX, "%.*s_%d", (int)strcspn(site, "."), site, p.layer);
    return true;
}

static bool place_has_name(const struct dict_place *place, const char *name)
{
    char own[UNIT_NAME_MAX];
    struct point p;
    if (short_name(place->at, own) && strcmp(own, name) == 0)
        return true;
    if (!point_parse(name, NULL, &p, NULL))
        return false;
    return p.site == place->at.site && (p.site == SITE_FINAL_NORM || p.layer == place->at.layer);
}

void unit_place_name(const struct dict_set *set, int32_t dict, char out[UNIT_NAME_MAX])
{
    struct point at = set->place[dict].at;
    char other[UNIT_NAME_MAX], point[POINT_NAME_MAX];
    bool alone = short_name(at, out);
    for (int32_t i = 0; alone && i < set->n; i++)
        alone = i == dict || !short_name(set->place[i].at, other) || strcmp(other, out) != 0;
    if (alone)
        return;
    point_name(at, point);
    snprintf(out, UNIT_NAME_MAX, "%s", point);
}

/* "mlp_3, mlp_4 …", as many as fit. */
static void list_places(const struct dict_set *set, char out[160])
{
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < set->n; i++) {
        char name[UNIT_NAME_MAX];
        unit_place_name(set, i, name);
        if (at + strlen(name) + 10 > 160) {
            snprintf(out + at, 160 - at, " …");
            return;
        }
        at += (size_t)snprintf(out + at, 160 - at, "%s%s", i ? ", " : "", name);
    }
}

int32_t unit_place_find(const struct dict_set *set, const char *name, struct error *e)
{
    int32_t found = -1, n = 0;
    for (int32_t i = 0; i < set->n; i++)
        if (place_has_name(&set->place[i], name))
            found = i, n++;
    if (n == 1)
        return found;
    char list[160];
    list_places(set, list);
    if (set->n == 0)
        error_set(e, ERROR_INPUT, "found %.60s, but there is no SAE", name);
    else
        error_set(e, ERROR_INPUT, "found %.60s, expected %s: %s", name,
                  n > 1 ? "which of several dictionaries" : "a dictionary that there is", list);
    return -1;
}

/* ---- reading */
static bool read_index(const char *s, const char *end, int32_t *out)
{
    int64_t v = 0;
    if (s == end)
        return false;
    for (; s < end; s++) {
        if (*s < '0' || *s > '9')
            return false;
        v = v * 10 + (*s - '0');
        if (v > INT32_MAX)
            return false;
    }
    *out = (int32_t)v;
    return true;
}

static bool read_last(const char *s, const char *end, int32_t *out)
{
    size_t n = (size_t)(end - s);
    if ((n == strlen(ERROR_TERM) && memcmp(s, ERROR_TERM, n) == 0) ||
        (n == 5 && memcmp(s, "error", n) == 0)) {
        *out = -1;
        return true;
    }
    return read_index(s, end, out);
}

/* L3N669 */
static bool read_neuron(const char *s, const char *end, struct unit_word *w)
{
    const char *n = memchr(s, 'N', (size_t)(end - s));
    return *s == 'L' && n && read_index(s + 1, n, &w->layer) && w->layer < INT16_MAX &&
           read_index(n + 1, end, &w->index);
}

bool unit_word_read(const char **s, struct unit_word *w, struct error *e)
{
    size_t n = strcspn(*s, ",= \t");
    const char *from = *s, *end = from + n, *slash = end;
    while (slash > from && slash[-1] != '/')
        slash--;
    *w = (struct unit_word){.layer = -1};
    bool ok = false;
    if (slash > from) {
        size_t before = (size_t)(slash - 1 - from);
        ok = before > 0 && before <= 50 && read_last(slash, end, &w->index);
        if (ok)
            memcpy(w->place, from, before);
    } else if (n > 0) {
        ok = read_last(from, end, &w->index) || read_neuron(from, end, w);
    }
    if (!ok)
        return error_set(e, ERROR_INPUT,
                         "found %.60s, expected a unit: its number from 0, L3N669 or mlp_3/418",
                         *from ? from : "nothing");
    *s = end;
    return true;
}

bool unit_word_same(const struct unit_word *a, const struct unit_word *b)
{
    return a->layer == b->layer && a->index == b->index && strcmp(a->place, b->place) == 0;
}

bool unit_word_alone(const struct unit_word *w)
{
    return w->layer < 0 && !w->place[0];
}

/* Names of places have at most 50 bytes. */
static void print_last(char *out, size_t n, const char *before, const char *slash, int32_t index)
{
    if (index < 0)
        snprintf(out, n, "%.50s%s" ERROR_TERM, before, slash);
    else
        snprintf(out, n, "%.50s%s%d", before, slash, index);
}

void unit_word_name(const struct unit_word *w, char out[UNIT_NAME_MAX])
{
    if (w->layer >= 0)
        snprintf(out, UNIT_NAME_MAX, "L%dN%d", w->layer, w->index);
    else
        print_last(out, UNIT_NAME_MAX, w->place, w->place[0] ? "/" : "", w->index);
}

bool unit_word_point(const struct unit_word *w, const struct model_config *model, struct point *out,
                     struct error *e)
{
    char name[UNIT_NAME_MAX];
    if (w->layer >= 0)
        snprintf(name, sizeof name, "layers.%d.mlp.act", w->layer);
    else
        snprintf(name, sizeof name, "%s", w->place);
    return point_parse(name, model, out, e);
}

/* ---- in a set */
static bool of_neuron(const struct dict_place *p, const struct unit_word *w)
{
    return p->neurons && p->at.site == SITE_MLP_ACT && p->at.layer == w->layer;
}

static bool fits(const struct dict_place *p, const struct unit_word *w)
{
    return w->layer >= 0 ? of_neuron(p, w) : !w->place[0] || place_has_name(p, w->place);
}

bool unit_check(const struct dict_set *set, struct unit_id u, struct error *e)
{
    char name[UNIT_NAME_MAX];
    const bool there = u.dict >= 0 && u.dict < set->n;
    const int32_t m = there ? set->place[u.dict].m : 0;
    if (there && u.index >= 0 && (m == 0 || u.index < m))
        return true;
    unit_name(set, u, name);
    if (m > 0)
        return error_set(e, ERROR_INPUT, "found unit %s, expected 0 to %d", name, m - 1);
    return error_set(e, ERROR_INPUT, "found unit %s, which is of no dictionary here", name);
}

bool unit_find(const struct dict_set *set, const struct unit_word *w, struct unit_id *out,
               struct error *e)
{
    char name[UNIT_NAME_MAX], list[160];
    int32_t n = 0;
    const bool beside_sae = set && unit_word_alone(w) && dict_set_saes(set) == 1;
    unit_word_name(w, name);
    if (!set) {
        *out = (struct unit_id){0, w->index};
        return unit_word_alone(w) ||
               error_set(e, ERROR_INPUT, "found unit %s before any dictionary is there", name);
    }
    for (int32_t i = 0; i < set->n; i++)
        if (fits(&set->place[i], w) && !(beside_sae && set->place[i].neurons))
            *out = (struct unit_id){i, w->index}, n++;
    list_places(set, list);
    if (set->n == 0)
        return error_set(e, ERROR_INPUT, "found unit %s, but there is no SAE", name);
    if (n != 1)
        return error_set(e, ERROR_INPUT, "found unit %s, expected one of %s: %s", name,
                         n > 1 ? "which dictionary of several" : "a dictionary that there is",
                         list);
    return out->index < 0 || unit_check(set, *out, e);
}

bool unit_parse(const struct dict_set *set, const char *name, struct unit_id *out, struct error *e)
{
    struct unit_word w;
    const char *s = name;
    if (!unit_word_read(&s, &w, e))
        return false;
    if (*s)
        return error_set(e, ERROR_INPUT, "found %.60s, expected one unit", name);
    return unit_find(set, &w, out, e);
}

void unit_full_name(const struct dict_set *set, struct unit_id u, char out[UNIT_NAME_MAX])
{
    char place[UNIT_NAME_MAX];
    if (set->place[u.dict].neurons && set->place[u.dict].at.site == SITE_MLP_ACT && u.index >= 0) {
        snprintf(out, UNIT_NAME_MAX, "L%dN%d", set->place[u.dict].at.layer, u.index);
    } else {
        unit_place_name(set, u.dict, place);
        print_last(out, UNIT_NAME_MAX, place, "/", u.index);
    }
}

void unit_coordinate_name(const struct dict_set *set, struct unit_id u, char out[UNIT_NAME_MAX])
{
    const struct dict_place *place = &set->place[u.dict];
    const struct point at = dict_reads(place->dict, place->at);
    char name[UNIT_NAME_MAX], point[POINT_NAME_MAX];
    if (at.site == SITE_MLP_ACT) {
        snprintf(out, UNIT_NAME_MAX, "L%dN%d", at.layer, u.index);
        return;
    }
    if (point_compare(at, place->at) == 0) {
        unit_place_name(set, u.dict, name);
    } else { /* a transcoder's input, which may have a dictionary of its own */
        point_name(at, point);
        snprintf(name, sizeof name, "%s", point);
    }
    snprintf(out, UNIT_NAME_MAX, "%.50s[%d]", name, u.index);
}

int32_t unit_coordinate_parse(const char *name)
{
    struct unit_word w = {.index = -1};
    const char *end = name + strlen(name), *open = strrchr(name, '[');
    int32_t index = -1;
    if (open && end[-1] == ']')
        return read_index(open + 1, end - 1, &index) ? index : -1;
    return *name && read_neuron(name, end, &w) ? w.index : -1;
}

void unit_name(const struct dict_set *set, struct unit_id u, char out[UNIT_NAME_MAX])
{
    if (u.dict < 0)
        snprintf(out, UNIT_NAME_MAX, "all");
    else if (!set || set->n < 2 || u.dict >= set->n)
        print_last(out, UNIT_NAME_MAX, "", "", u.index);
    else
        unit_full_name(set, u, out);
}
