#include "engine/text/split.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include <string.h>

static unsigned class_at(const uint8_t *bmp, const char *s, size_t n, size_t at, size_t *len)
{
    const unsigned char b = (unsigned char)s[at];
    if (b < 0x80) {
        *len = 1;
        return bmp[b] & UNICODE_CLASS;
    }
    return unicode_flags(bmp, utf8_decode(s + at, n - at, len, NULL)) & UNICODE_CLASS;
}

/* Length of an English contraction behind an apostrophe, 0: none. */
static size_t contraction(const char *s, size_t n)
{
    if (n >= 1 && s[0] != '\0' && strchr("stmd", s[0]) != NULL)
        return 1;
    if (n >= 2 && (memcmp(s, "re", 2) == 0 || memcmp(s, "ve", 2) == 0 || memcmp(s, "ll", 2) == 0))
        return 2;
    return 0;
}

/* \s+(?!\S)|\s+: all of it at the end of the text, else all but the last, else the only one. */
static size_t end_of_space(const uint8_t *bmp, const char *s, size_t n, size_t at)
{
    size_t end = at, last = at, len;
    while (end < n && class_at(bmp, s, n, end, &len) == UNICODE_SPACE) {
        last = end;
        end += len;
    }
    return end < n && last > at ? last : end;
}

size_t split_next(const uint8_t *bmp, const char *s, size_t n, size_t at)
{
    if (s[at] == '\'') {
        const size_t more = contraction(s + at + 1, n - at - 1);
        if (more > 0)
            return at + 1 + more;
    }
    size_t end = at, len;
    unsigned class = class_at(bmp, s, n, at, &len);
    if (s[at] == ' ' && at + 1 < n) {
        size_t ahead;
        const unsigned next = class_at(bmp, s, n, at + 1, &ahead);
        if (next != UNICODE_SPACE) {
            class = next;
            len = 1 + ahead;
        }
    }
    if (class == UNICODE_SPACE)
        return end_of_space(bmp, s, n, at);
    do
        end += len;
    while (end < n && class_at(bmp, s, n, end, &len) == class);
    return end;
}
