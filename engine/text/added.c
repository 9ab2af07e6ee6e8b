#include "engine/text/added.h"
#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include <stdlib.h>
#include <string.h>

void added_init(struct added_set *a)
{
    *a = (struct added_set){0};
}

void added_release(struct added_set *a)
{
    for (size_t i = 0; i < a->n; i++)
        free(a->token[i].s);
    free(a->token);
    free(a->begins);
    free(a->pair);
    added_init(a);
}

static int by_content(const void *p, const void *q)
{
    const struct added_token *a = p, *b = q;
    const int c = memcmp(a->s, b->s, a->n < b->n ? a->n : b->n);
    if (c != 0 || a->n != b->n)
        return c != 0 ? c : a->n < b->n ? -1 : 1;
    return a->order < b->order ? -1 : a->order > b->order;
}

static int by_pair(const void *p, const void *q)
{
    const struct added_pair *a = p, *b = q;
    if (a->left != b->left)
        return a->left < b->left ? -1 : 1;
    return a->right < b->right ? -1 : a->right > b->right;
}

static uint32_t base_of(uint32_t c)
{
    uint32_t parts[4];
    unicode_decompose(c, parts);
    return parts[0];
}

static void add_pairs(struct added_set *a, const struct added_token *t)
{
    uint32_t left = 0;
    for (size_t i = 0, len = 0; i < t->n; i += len) {
        const uint32_t c = utf8_decode(t->s + i, t->n - i, &len, NULL);
        if (i > 0) {
            a->pair = grow(a->pair, &a->cap_pair, a->n_pair + 1, sizeof *a->pair);
            a->pair[a->n_pair++] = (struct added_pair){left, base_of(c)};
        }
        left = c;
    }
}

void added_add(struct added_set *a, struct added_token token)
{
    a->token = grow(a->token, &a->cap, a->n + 1, sizeof *a->token);
    a->token[a->n++] = token;
    a->strips = a->strips || token.lstrip || token.rstrip;
    a->single = a->single || token.single_word;
    add_pairs(a, &token);
}

void added_finish(struct added_set *a)
{
    if (a->n == 0)
        return;
    qsort(a->token, a->n, sizeof *a->token, by_content);
    if (a->n_pair > 0)
        qsort(a->pair, a->n_pair, sizeof *a->pair, by_pair);
    a->begins = xcalloc(0x10000 / 8, 1);
    for (size_t i = 0; i < a->n; i++) {
        const struct added_token *t = &a->token[i];
        const size_t first = (size_t)(unsigned char)t->s[0] << 8;
        if (t->n == 1)
            memset(a->begins + first / 8, 0xFF, 256 / 8);
        else
            a->begins[(first | (unsigned char)t->s[1]) / 8] |= (uint8_t)(1u << (t->s[1] & 7));
    }
}

/* The longest token that s begins with. The tokens that agree with s in the first d bytes stand
 * side by side. */
static const struct added_token *longest(const struct added_set *a, const char *s, size_t n)
{
    const struct added_token *best = NULL;
    size_t low = 0, high = a->n;
    for (size_t d = 0; low < high; d++) {
        if (a->token[low].n == d) {
            best = &a->token[low];
            while (low < high && a->token[low].n == d)
                low++;
        }
        if (d == n)
            break;
        const unsigned char want = (unsigned char)s[d];
        size_t end = high;
        for (size_t from = low; from < end;) { /* the first that is not below */
            const size_t middle = from + (end - from) / 2;
            if ((unsigned char)a->token[middle].s[d] < want)
                from = low = middle + 1;
            else
                end = middle;
        }
        for (size_t from = low, to = high; from < to;) { /* the first that is above */
            const size_t middle = from + (to - from) / 2;
            if ((unsigned char)a->token[middle].s[d] <= want)
                from = middle + 1;
            else
                to = high = middle;
        }
    }
    return best;
}

/* The flags of the character that ends at `end` and where it begins. */
static unsigned flags_before(const uint8_t *bmp, const char *s, size_t end, size_t *start)
{
    size_t i = end - 1, len;
    while (i > 0 && end - i < 4 && ((unsigned char)s[i] & 0xC0) == 0x80)
        i--;
    const uint32_t c = utf8_decode(s + i, end - i, &len, NULL);
    *start = i + len == end ? i : end - 1;
    return i + len == end ? unicode_flags(bmp, c) : 0;
}

static unsigned flags_after(const uint8_t *bmp, const char *s, size_t n, size_t at, size_t *len)
{
    return unicode_flags(bmp, utf8_decode(s + at, n - at, len, NULL));
}

static bool in_a_word(const uint8_t *bmp, const char *s, size_t n, size_t start, size_t stop)
{
    size_t unused;
    return (start > 0 && (flags_before(bmp, s, start, &unused) & UNICODE_WORD) != 0) ||
           (stop < n && (flags_after(bmp, s, n, stop, &unused) & UNICODE_WORD) != 0);
}

static void strip(const struct added_token *t, const uint8_t *bmp, const char *s, size_t n,
                  size_t covered, struct added_match *m)
{
    size_t at, len;
    if (t->lstrip) {
        while (m->start > covered &&
               (flags_before(bmp, s, m->start, &at) & UNICODE_CLASS) == UNICODE_SPACE)
            m->start = at;
        if (m->start < covered)
            m->start = covered;
    }
    if (t->rstrip &&
        m->stop < covered) /* it lies in what an earlier token stripped, all of it spaces */
        m->stop = covered;
    if (t->rstrip)
        while (m->stop < n &&
               (flags_after(bmp, s, n, m->stop, &len) & UNICODE_CLASS) == UNICODE_SPACE)
            m->stop += len;
}

bool added_find(const struct added_set *a, const uint8_t *bmp, const char *s, size_t n, size_t from,
                size_t covered, bool special, struct added_match *out)
{
    if (a->n == 0)
        return false;
    for (size_t i = from; i < n;) {
        const unsigned two =
            (unsigned)(unsigned char)s[i] << 8 | (i + 1 < n ? (unsigned char)s[i + 1] : 0);
        const struct added_token *t =
            (a->begins[two / 8] >> (two & 7) & 1) != 0 ? longest(a, s + i, n - i) : NULL;
        if (t == NULL) {
            i++;
            continue;
        }
        *out = (struct added_match){
            .start = i, .stop = i + t->n, .resume = i + t->n, .id = t->id, .special = t->special};
        i = out->resume; /* also what doesn't count is passed over, as the library does */
        if ((t->special && !special) ||
            (t->single_word && in_a_word(bmp, s, n, out->start, out->stop)))
            continue;
        strip(t, bmp, s, n, covered, out);
        if (out->start < out->stop) /* else it lies in what an earlier token stripped */
            return true;
    }
    return false;
}

bool added_may_span(const struct added_set *a, const uint8_t *bmp, uint32_t left, uint32_t right)
{
    const struct added_pair want = {left, right};
    if (a->n_pair > 0 && bsearch(&want, a->pair, a->n_pair, sizeof want, by_pair) != NULL)
        return true;
    if (!a->strips && !a->single)
        return false;
    for (size_t i = 0; i < a->n; i++) {
        const struct added_token *t = &a->token[i];
        size_t len, start;
        const bool begins = base_of(utf8_decode(t->s, t->n, &len, NULL)) == right;
        flags_before(bmp, t->s, t->n, &start);
        const bool ends = utf8_decode(t->s + start, t->n - start, &len, NULL) == left;
        if (t->single_word && (begins || ends))
            return true;
        if (t->lstrip && begins && (unicode_flags(bmp, left) & UNICODE_CLASS) == UNICODE_SPACE)
            return true;
        if (t->rstrip && ends && (unicode_flags(bmp, right) & UNICODE_CLASS) == UNICODE_SPACE)
            return true;
    }
    return false;
}
