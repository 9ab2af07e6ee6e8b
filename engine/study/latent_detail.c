/* A latent's detail as text for the store.
 *
 *     latent 418 exponent -4 classes 2
 *     class fired 12 n 345 sum 4059…  sum_sq 40a2… min be80… max 4049…
 *     bins 20 1 0 4            (counts from the first bin in use to the last)
 *     top 1 0 7 40490fdb       (how many; document, token, activation)
 *     sample 1 0 7 40490fdb
 *     levels 1032 63 1         (of the largest; counts as in bins; only where fired > 20)
 *
 * Floating-point numbers are IEEE 754 bits in hex: exact, and the same in every locale. There is
 * one text for a detail: what parses prints as the same bytes. */
#include "engine/base/memory.h"
#include "engine/study/harvest_private.h"
#include <float.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- writing */
static void add_hex(struct strbuf *b, uint64_t v, int digits)
{
    char p[16];
    for (int i = 0; i < digits; i++)
        p[i] = "0123456789abcdef"[v >> (4 * (digits - 1 - i)) & 15];
    strbuf_add(b, p, (size_t)digits);
}

static void add_float(struct strbuf *b, const char *before, float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    strbuf_adds(b, before);
    add_hex(b, isnan(v) ? 0x7fc00000 : u, 8);
}

static void add_double(struct strbuf *b, const char *before, double v)
{
    uint64_t u;
    memcpy(&u, &v, sizeof u);
    strbuf_adds(b, before);
    add_hex(b, u, 16);
}

static void add_int(struct strbuf *b, const char *before, int64_t v)
{
    char p[24], *q = p + sizeof p;
    uint64_t u = v < 0 ? 0 - (uint64_t)v : (uint64_t)v;
    do
        *--q = (char)('0' + u % 10);
    while (u /= 10);
    if (v < 0)
        *--q = '-';
    strbuf_adds(b, before);
    strbuf_add(b, q, (size_t)(p + sizeof p - q));
}

static void print_examples(struct strbuf *b, const char *name, const struct example *x, int32_t n)
{
    strbuf_adds(b, name);
    add_int(b, " ", n);
    for (int32_t i = 0; i < n; i++) {
        add_int(b, " ", x[i].doc);
        add_int(b, " ", x[i].pos);
        add_float(b, " ", x[i].value);
    }
    strbuf_addc(b, '\n');
}

_Static_assert(HARVEST_LEVELS == HARVEST_BINS, "both are written by print_counts");
static void print_counts(struct strbuf *b, const char *before, const uint32_t *n)
{
    int32_t lo = 0, hi = HARVEST_BINS;
    while (lo < hi && n[lo] == 0)
        lo++;
    while (hi > lo && n[hi - 1] == 0)
        hi--;
    add_int(b, before, lo);
    for (int32_t i = lo; i < hi; i++)
        add_int(b, " ", n[i]);
    strbuf_addc(b, '\n');
}

static void print_class(struct strbuf *b, const struct latent_class *c)
{
    add_int(b, "class fired ", c->fired);
    add_int(b, " n ", c->n);
    add_double(b, " sum ", c->sum);
    add_double(b, " sum_sq ", c->sum_sq);
    add_float(b, " min ", c->min);
    add_float(b, " max ", c->max);
    print_counts(b, "\nbins ", c->bin);
    print_examples(b, "top", c->top, c->n_top);
    print_examples(b, "sample", c->sample, c->n_sample);
    if (c->fired > HARVEST_TOP) {
        add_int(b, "levels ", c->levels.largest);
        print_counts(b, " ", c->levels.n);
    }
}

void latent_detail_print(const struct latent_detail *d, struct strbuf *b)
{
    add_int(b, "latent ", d->latent);
    add_int(b, " exponent ", d->exponent);
    add_int(b, " classes ", d->n_classes);
    strbuf_addc(b, '\n');
    for (int32_t c = 0; c < d->n_classes; c++)
        print_class(b, &d->cls[c]);
}

/* ---- reading */
struct scan {
    const char *p, *end;
    bool bad; /* sticky */
};

static void scan_word(struct scan *s, const char *word)
{
    size_t n = strlen(word);
    if (s->bad || (size_t)(s->end - s->p) < n || memcmp(s->p, word, n) != 0)
        s->bad = true;
    else
        s->p += n;
}

/* As add_int writes it: no leading zero, no "-0". */
static int64_t scan_int(struct scan *s, const char *before, int64_t lo, int64_t hi)
{
    scan_word(s, before);
    bool minus = !s->bad && s->p < s->end && *s->p == '-';
    const char *first = s->p += minus;
    int64_t v = 0;
    for (; !s->bad && s->p < s->end && *s->p >= '0' && *s->p <= '9'; s->p++) {
        s->bad = s->p - first >= 18; /* more would not fit 64 bits */
        v = s->bad ? 0 : 10 * v + (*s->p - '0');
    }
    if (s->p == first || (*first == '0' && (s->p - first > 1 || minus)))
        s->bad = true;
    v = minus ? -v : v;
    if (s->bad || v < lo || v > hi)
        s->bad = true;
    return s->bad ? lo : v;
}

static uint64_t scan_hex(struct scan *s, const char *before, int digits)
{
    uint64_t v = 0;
    scan_word(s, before);
    for (int i = 0; i < digits; i++) {
        char c = s->bad || s->p >= s->end ? 'x' : *s->p++;
        if (c >= '0' && c <= '9')
            v = v << 4 | (uint64_t)(c - '0');
        else if (c >= 'a' && c <= 'f')
            v = v << 4 | (uint64_t)(c - 'a' + 10);
        else
            s->bad = true;
    }
    return v;
}

static float scan_float(struct scan *s, const char *before)
{
    uint32_t u = (uint32_t)scan_hex(s, before, 8);
    float v;
    memcpy(&v, &u, sizeof v);
    return v;
}

static double scan_double(struct scan *s, const char *before)
{
    uint64_t u = scan_hex(s, before, 16);
    double v;
    memcpy(&v, &u, sizeof v);
    s->bad |= !isfinite(v);
    return v;
}

static int32_t scan_examples(struct scan *s, const char *name, struct example *x, int64_t fired)
{
    int64_t most = fired < HARVEST_TOP ? fired : HARVEST_TOP;
    scan_word(s, name);
    int32_t n = (int32_t)scan_int(s, " ", 0, most);
    for (int32_t i = 0; i < n && !s->bad; i++) {
        x[i].doc = (int32_t)scan_int(s, " ", 0, INT32_MAX);
        x[i].pos = (int32_t)scan_int(s, " ", 0, INT32_MAX);
        x[i].value = scan_float(s, " ");
        s->bad |= !isfinite(x[i].value) || (i > 0 && !example_better(x[i - 1], x[i]));
    }
    scan_word(s, "\n");
    return s->bad ? 0 : n;
}

static void scan_counts(struct scan *s, const char *before, uint32_t *n, int64_t expected)
{
    int64_t total = 0;
    int32_t first = (int32_t)scan_int(s, before, 0, HARVEST_BINS), i = first;
    for (; !s->bad && s->p < s->end && *s->p == ' '; i++) {
        int64_t v = scan_int(s, " ", 0, UINT32_MAX);
        if (i >= HARVEST_BINS)
            s->bad = true;
        else
            n[i] = (uint32_t)v;
        total += v;
    }
    scan_word(s, "\n");
    if (s->bad || total != expected || (i == first) != (first == HARVEST_BINS))
        s->bad = true;
    else if (i > first && (n[first] == 0 || n[i - 1] == 0))
        s->bad = true;
}

static void scan_class(struct scan *s, int32_t e, struct latent_class *c)
{
    c->fired = scan_int(s, "class fired ", 0, INT64_C(1) << 48);
    c->n = scan_int(s, " n ", 0, INT64_C(1) << 40);
    c->sum = scan_double(s, " sum ");
    c->sum_sq = scan_double(s, " sum_sq ");
    c->min = scan_float(s, " min ");
    c->max = scan_float(s, " max ");
    if (c->n == 0)
        s->bad |= !isnan(c->min) || !isnan(c->max);
    else
        s->bad |= !isfinite(c->min) || !isfinite(c->max) || c->min > c->max ||
                  bins_exponent(e, c->min) != e || bins_exponent(e, c->max) != e;
    scan_counts(s, "\nbins ", c->bin, c->n);
    c->n_top = scan_examples(s, "top", c->top, c->fired);
    c->n_sample = scan_examples(s, "sample", c->sample, c->fired);
    if (c->fired <= HARVEST_TOP)
        return;
    c->levels.largest = (int32_t)scan_int(s, "levels ", level_of(-FLT_MAX), level_of(FLT_MAX));
    scan_counts(s, " ", c->levels.n, c->fired);
}

/* A NaN has many bit patterns; only one is written. */
static bool same_text(const struct latent_detail *d, const void *p, size_t n)
{
    struct strbuf b;
    strbuf_init(&b);
    latent_detail_print(d, &b);
    bool same = b.len == n && memcmp(b.s, p, n) == 0;
    strbuf_release(&b);
    return same;
}

struct latent_detail *latent_detail_parse(const void *p, size_t n, struct error *e)
{
    struct scan s = {p, n > 0 ? (const char *)p + n : p, n == 0};
    struct latent_detail *d = NULL;
    int32_t latent = (int32_t)scan_int(&s, "latent ", 0, INT32_MAX);
    int32_t exponent = (int32_t)scan_int(&s, " exponent ", HIST_LEAST, HIST_MOST);
    int32_t classes = (int32_t)scan_int(&s, " classes ", 1, CORPUS_MAX_CLASSES);
    scan_word(&s, "\n");
    if (!s.bad) {
        d = xcalloc(1, sizeof *d + (size_t)classes * sizeof *d->cls);
        d->latent = latent, d->exponent = exponent, d->n_classes = classes;
        for (int32_t c = 0; c < classes && !s.bad; c++)
            scan_class(&s, exponent, &d->cls[c]);
    }
    if (!s.bad && s.p == s.end && same_text(d, p, n))
        return d;
    free(d);
    error_set(e, ERROR_INPUT, "statistics of a latent: %zu bytes are no detail, near byte %zu", n,
              n > 0 ? (size_t)(s.p - (const char *)p) : 0);
    return NULL;
}
