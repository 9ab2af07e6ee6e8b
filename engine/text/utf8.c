#include "engine/text/utf8.h"
#include "engine/base/strbuf.h"

enum { REPLACEMENT = 0xFFFD };

/* How many bytes a character with this first byte has and what its second byte may be (Unicode 15,
 * table 3-7): the narrower ranges keep out overlong forms, surrogates and what lies beyond
 * U+10FFFF. 0: no first byte. */
static size_t sequence(unsigned char first, unsigned char *low, unsigned char *high)
{
    *low = first == 0xE0 ? 0xA0 : first == 0xF0 ? 0x90 : 0x80;
    *high = first == 0xED ? 0x9F : first == 0xF4 ? 0x8F : 0xBF;
    return first < 0xC2 ? 0 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : first < 0xF5 ? 4 : 0;
}

uint32_t utf8_decode(const char *s, size_t n, size_t *len, bool *valid)
{
    const unsigned char first = (unsigned char)s[0];
    *len = 1;
    if (valid != NULL)
        *valid = first < 0x80;
    if (first < 0x80)
        return first;
    unsigned char low, high;
    const size_t want = sequence(first, &low, &high);
    if (want == 0)
        return REPLACEMENT;
    uint32_t c = first & (0x7Fu >> want);
    for (; *len < want; (*len)++) {
        const unsigned char b = *len < n ? (unsigned char)s[*len] : 0;
        if (b < low || b > high)
            return REPLACEMENT;
        c = c << 6 | (b & 0x3Fu);
        low = 0x80;
        high = 0xBF;
    }
    if (valid != NULL)
        *valid = true;
    return c;
}

size_t utf8_encode(uint32_t c, char out[4])
{
    if (c > 0x10FFFF || (c >= 0xD800 && c < 0xE000))
        c = REPLACEMENT;
    if (c < 0x80) {
        out[0] = (char)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (char)(0xC0 | c >> 6);
        out[1] = (char)(0x80 | (c & 0x3F));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (char)(0xE0 | c >> 12);
        out[1] = (char)(0x80 | (c >> 6 & 0x3F));
        out[2] = (char)(0x80 | (c & 0x3F));
        return 3;
    }
    out[0] = (char)(0xF0 | c >> 18);
    out[1] = (char)(0x80 | (c >> 12 & 0x3F));
    out[2] = (char)(0x80 | (c >> 6 & 0x3F));
    out[3] = (char)(0x80 | (c & 0x3F));
    return 4;
}

bool utf8_is_valid(const char *s, size_t n)
{
    for (size_t i = 0, len = 0; i < n; i += len) {
        bool valid;
        utf8_decode(s + i, n - i, &len, &valid);
        if (!valid)
            return false;
    }
    return true;
}

char *utf8_repair(const char *s, size_t n, size_t *n_out, size_t *n_bad)
{
    struct strbuf b;
    strbuf_init(&b);
    size_t bad = 0;
    for (size_t i = 0, len = 0; i < n; i += len) {
        bool valid;
        utf8_decode(s + i, n - i, &len, &valid);
        if (valid)
            strbuf_add(&b, s + i, len);
        else
            strbuf_adds(&b, "\xEF\xBF\xBD");
        bad += !valid;
    }
    if (n_out != NULL)
        *n_out = b.len;
    if (n_bad != NULL)
        *n_bad = bad;
    return strbuf_detach(&b);
}
