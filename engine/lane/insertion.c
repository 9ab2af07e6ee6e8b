#include "engine/lane/insertion.h"
#include <string.h>

const char *const insert_name[] = {
    [INSERT_NONE] = "none", [INSERT_SAE] = "sae", [INSERT_ERROR] = "error", NULL};

static const char expected[] = "none, sae or error, for all, or NAME=MODE[,NAME=MODE…]";

void insertion_put(struct insertion *in, int32_t place, enum insert how)
{
    const dict_places bit = dict_bit(place);
    in->sae = how == INSERT_SAE ? in->sae | bit : in->sae & ~bit;
    in->error = how == INSERT_ERROR ? in->error | bit : in->error & ~bit;
}

bool insertion_everywhere(struct insertion in, enum insert *how)
{
    for (enum insert h = INSERT_NONE; h <= INSERT_ERROR; h++)
        if (insertion_same(in, insertion_of(h))) {
            if (how)
                *how = h;
            return true;
        }
    return false;
}

bool insertion_alike(const struct dict_set *set, struct insertion a, struct insertion b)
{
    bool any = false, alike = true;
    for (int32_t i = 0; set && i < set->n; i++)
        if (!set->place[i].neurons) {
            alike = alike && insertion_at(a, i) == insertion_at(b, i);
            any = true;
        }
    return any ? alike : insertion_same(a, b);
}

struct insertion insertion_moved(struct insertion in, const int32_t *place, int32_t n)
{
    struct insertion to = {0};
    if (insertion_everywhere(in, NULL))
        return in;
    for (int32_t i = 0; i < n; i++)
        if (place[i] >= 0)
            insertion_put(&to, place[i], insertion_at(in, i));
    return to;
}

/* ---- words */
static bool mode_of(const char *s, size_t n, enum insert *how)
{
    for (int h = 0; insert_name[h]; h++)
        if (strlen(insert_name[h]) == n && memcmp(insert_name[h], s, n) == 0) {
            *how = (enum insert)h;
            return true;
        }
    return false;
}

/* NAME=MODE of n bytes. */
static bool word_read(const char *s, size_t n, struct insert_word *w)
{
    const char *equals = memchr(s, '=', n);
    const size_t name = equals ? (size_t)(equals - s) : 0;
    if (name == 0 || name >= sizeof w->place || !mode_of(equals + 1, n - name - 1, &w->how))
        return false;
    memcpy(w->place, s, name);
    w->place[name] = '\0';
    return true;
}

int32_t insert_words_read(const char *s, struct insert_word word[DICT_SET_MAX], struct error *e)
{
    const char *const whole = s;
    int32_t n = 0;
    word[0] = (struct insert_word){0};
    if (mode_of(s, strlen(s), &word[0].how))
        return 1;
    for (;; s++) {
        const size_t length = strcspn(s, ",");
        if (n == DICT_SET_MAX || !word_read(s, length, &word[n])) {
            error_set(e, ERROR_INPUT, "found %s, expected %s", whole, expected);
            return -1;
        }
        for (int32_t i = 0; i < n; i++)
            if (strcmp(word[i].place, word[n].place) == 0) {
                error_set(e, ERROR_INPUT, "found %s twice, expected each place once",
                          word[n].place);
                return -1;
            }
        n++, s += length;
        if (!*s)
            return n;
    }
}

/* ---- in a set */
/* One word stands for what is alike at all SAEs. */
static struct insertion settled(const struct dict_set *set, struct insertion in)
{
    bool any = false, alike = true;
    enum insert how = INSERT_NONE;
    for (int32_t i = 0; i < set->n; i++) {
        if (set->place[i].neurons)
            continue;
        alike = alike && (!any || insertion_at(in, i) == how);
        how = insertion_at(in, i), any = true;
    }
    return alike ? insertion_of(how) : in;
}

bool insertion_find(const struct dict_set *set, const struct insert_word *word, int32_t n,
                    struct insertion *out, struct error *e)
{
    struct insertion in = {0};
    dict_places named = 0;
    if (n == 1 && !word[0].place[0]) {
        *out = insertion_of(word[0].how);
        return true;
    }
    for (int32_t i = 0; i < n; i++) {
        const int32_t place = unit_place_find(set, word[i].place, e);
        if (place < 0)
            return false;
        if (set->place[place].neurons)
            return error_set(e, ERROR_INPUT,
                             "found %s, which are neurons, expected the place of an SAE",
                             word[i].place);
        if (named & dict_bit(place))
            return error_set(e, ERROR_INPUT, "found %s twice, expected each place once",
                             word[i].place);
        named |= dict_bit(place);
        insertion_put(&in, place, word[i].how);
    }
    *out = settled(set, in);
    return true;
}

bool insertion_parse(const struct dict_set *set, const char *s, struct insertion *out,
                     struct error *e)
{
    struct insert_word word[DICT_SET_MAX];
    const int32_t n = insert_words_read(s, word, e);
    return n >= 0 && insertion_find(set, word, n, out, e);
}

bool insertion_holds(const struct dict_set *set, struct insertion in, struct unit_id u,
                     struct error *e)
{
    char name[UNIT_NAME_MAX], place[UNIT_NAME_MAX];
    if (set->place[u.dict].neurons || insertion_at(in, u.dict) != INSERT_NONE)
        return true;
    unit_name(set, u, name);
    unit_place_name(set, u.dict, place);
    return error_set(e, ERROR_INPUT,
                     "found nothing inserted at %s, where %s is fixed, expected sae or error",
                     place, name);
}

void insertion_print(const struct dict_set *set, struct insertion in, struct strbuf *out)
{
    const char *comma = "";
    enum insert how;
    if (!insertion_everywhere(in, &how) && set && set->n > 0)
        in = settled(set, in);
    if (insertion_everywhere(in, &how) || !set || set->n == 0) {
        strbuf_adds(out, insert_name[insertion_at(in, 0)]);
        return;
    }
    for (int32_t i = 0; i < set->n; i++) {
        char name[UNIT_NAME_MAX];
        if (set->place[i].neurons || insertion_at(in, i) == INSERT_NONE)
            continue;
        unit_place_name(set, i, name);
        strbuf_addf(out, "%s%s=%s", comma, name, insert_name[insertion_at(in, i)]);
        comma = ",";
    }
}
