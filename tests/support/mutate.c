#include "tests/support/mutate.h"
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

/* splitmix64 */
static uint64_t draw(uint64_t *s)
{
    uint64_t x = *s += UINT64_C(0x9e3779b97f4a7c15);
    x = (x ^ x >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    x = (x ^ x >> 27) * UINT64_C(0x94d049bb133111eb);
    return x ^ x >> 31;
}

static size_t below(uint64_t *s, size_t n)
{
    return n > 0 ? (size_t)(draw(s) % n) : 0;
}

static void *must(void *p)
{
    if (!p)
        abort();
    return p;
}

/* ---- bytes */
static size_t place(uint64_t *s, size_t n)
{
    const size_t head = n < 256 ? n : 256, tail = n < 512 ? n : 512;
    switch (below(s, 4)) {
    case 0: return below(s, head);
    case 1: return n - 1 - below(s, tail);
    default: return below(s, n);
    }
}

static void overwrite(struct mutated *m, size_t at, uint64_t *s)
{
    static const uint64_t number[] = {0,      1,         0x7f,       0x80,      0xff,      0x7fff,
                                      0xffff, INT32_MAX, UINT32_MAX, INT64_MAX, UINT64_MAX};
    const uint64_t x = number[below(s, sizeof number / sizeof *number)];
    const size_t width = (size_t)1 << below(s, 4), n = m->n - at < width ? m->n - at : width;
    memcpy(m->p + at, &x, n);
}

static void change(struct mutated *m, uint64_t *s)
{
    const size_t at = place(s, m->n), left = m->n - at, n = 1 + below(s, left < 16 ? left : 16);
    switch (below(s, 7)) {
    case 0: m->p[at] ^= (uint8_t)(1U << below(s, 8)); break;
    case 1: m->p[at] = (uint8_t)draw(s); break;
    case 2:
    case 3: overwrite(m, at, s); break;
    case 4: /* left out */
        memmove(m->p + at, m->p + at + n, left - n);
        m->n -= n;
        break;
    case 5: /* doubled; there is room for it */
        memmove(m->p + at + n, m->p + at, left);
        m->n += n;
        break;
    default: m->n = below(s, 8) ? m->n : at; break;
    }
}

static struct mutated exactly(struct mutated m)
{
    m.p = must(realloc(m.p, m.n ? m.n : 1));
    return m;
}

struct mutated mutate_bytes(const uint8_t *p, size_t n, uint64_t seed)
{
    uint64_t s = seed;
    struct mutated m = {must(malloc(n + 128)), n};
    memcpy(m.p, p, n);
    for (size_t i = 0, k = 1 + below(&s, 4); i < k && m.n > 0; i++)
        change(&m, &s);
    return exactly(m);
}

/* ---- JSON */
struct spot { /* a value within its container */
    json_t *in;
    const char *key; /* of an object */
    size_t index;    /* of an array */
};
struct spots {
    struct spot of[4096];
    size_t n;
};

static void collect(json_t *v, struct spots *all)
{
    const char *key;
    json_t *child;
    size_t i;
    json_object_foreach(v, key, child)
    {
        if (all->n < sizeof all->of / sizeof *all->of)
            all->of[all->n++] = (struct spot){v, key, 0};
        collect(child, all);
    }
    json_array_foreach(v, i, child)
    {
        if (all->n < sizeof all->of / sizeof *all->of)
            all->of[all->n++] = (struct spot){v, NULL, i};
        collect(child, all);
    }
}

static json_t *odd_value(const json_t *was, uint64_t *s)
{
    static const json_int_t ints[] = {0,         1,         2,   3,          7,
                                      -1,        -2,        64,  1000,       INT32_MAX,
                                      INT64_MAX, INT64_MIN, 255, 2147483648, 1099511627776};
    static const double reals[] = {0.5, -0.0, 1e308, -1e-308, 1e20, 0.1};
    static const char *const texts[] = {"", "x", "../x", "\n", "\u00e5", "%s%n", "layers.99.mlp"};
    char *text;
    json_t *v;
    switch (below(s, 9)) {
    case 0: return json_null();
    case 1: return json_boolean(below(s, 2));
    case 2:
    case 3: return json_integer(ints[below(s, sizeof ints / sizeof *ints)]);
    case 4: return json_real(reals[below(s, sizeof reals / sizeof *reals)]);
    case 5: return json_string(texts[below(s, sizeof texts / sizeof *texts)]);
    case 6:
        text = must(malloc(5001));
        memset(text, 'a', 5000);
        text[5000] = 0;
        v = json_string(text);
        free(text);
        return v;
    case 7: return json_is_array(was) ? json_object() : json_array();
    default: return json_is_object(was) ? json_array() : json_object();
    }
}

static void change_json(const struct spot *at, uint64_t *s)
{
    json_t *was = at->key ? json_object_get(at->in, at->key) : json_array_get(at->in, at->index);
    switch (below(s, 6)) {
    case 0:
        if (at->key)
            json_object_del(at->in, at->key);
        else
            json_array_remove(at->in, at->index);
        return;
    case 1:
        if (at->key)
            json_object_set(at->in, below(s, 2) ? "" : "other", was);
        else
            json_array_append(at->in, was);
        return;
    default:
        if (at->key)
            json_object_set_new(at->in, at->key, odd_value(was, s));
        else
            json_array_set_new(at->in, at->index, odd_value(was, s));
    }
}

struct mutated mutate_json(const uint8_t *p, size_t n, uint64_t seed)
{
    uint64_t s = seed;
    struct spots *all = must(calloc(1, sizeof *all));
    json_t *root = must(json_loadb((const char *)p, n, 0, NULL));
    collect(root, all);
    if (all->n > 0)
        change_json(&all->of[below(&s, all->n)], &s);
    char *text = must(json_dumps(root, JSON_COMPACT));
    struct mutated m = {(uint8_t *)text, strlen(text)};
    json_decref(root);
    free(all);
    return exactly(m);
}
