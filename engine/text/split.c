#include "engine/text/split.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include <limits.h>
#include <stdbool.h>
#include <string.h>

/* ---- GPT-2 */
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

static size_t next_gpt2(const uint8_t *bmp, const char *s, size_t n, size_t at)
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

/* ---- Llama 3, Qwen 2 */

/* Length of a contraction behind an apostrophe, in any case; 0: none. U+017F is an s in capitals.
 */
static size_t contraction_of_any_case(const char *s, size_t n)
{
    char two[3] = {0};
    for (size_t i = 0; i < 2 && i < n; i++)
        two[i] = (char)(s[i] >= 'A' && s[i] <= 'Z' ? s[i] + ('a' - 'A') : s[i]);
    return n >= 2 && memcmp(s, "\xC5\xBF", 2) == 0 ? 2 : contraction(two, n < 2 ? n : 2);
}

static bool is_end_of_line(char c)
{
    return c == '\r' || c == '\n';
}

/* The end of at most `most` characters of a class from `at` on. */
static size_t end_of_class(const uint8_t *bmp, const char *s, size_t n, size_t at, unsigned class,
                           int most)
{
    size_t len;
    for (; most > 0 && at < n && class_at(bmp, s, n, at, &len) == class; most--)
        at += len;
    return at;
}

/* \s*[\r\n]+ before \s+(?!\S)|\s+ */
static size_t end_of_space_or_lines(const uint8_t *bmp, const char *s, size_t n, size_t at)
{
    size_t line = at, len;
    for (size_t i = at; i < n && class_at(bmp, s, n, i, &len) == UNICODE_SPACE; i += len)
        if (is_end_of_line(s[i]))
            line = i + 1;
    return line > at ? line : end_of_space(bmp, s, n, at);
}

static size_t next_llama3(const uint8_t *bmp, const char *s, size_t n, size_t at, int digits)
{
    if (s[at] == '\'') {
        const size_t more = contraction_of_any_case(s + at + 1, n - at - 1);
        if (more > 0)
            return at + 1 + more;
    }
    size_t len, ahead = 0;
    const unsigned class = class_at(bmp, s, n, at, &len);
    if (class == UNICODE_LETTER)
        return end_of_class(bmp, s, n, at, UNICODE_LETTER, INT_MAX);
    if (class == UNICODE_NUMBER)
        return end_of_class(bmp, s, n, at, UNICODE_NUMBER, digits);
    const unsigned next = at + len < n ? class_at(bmp, s, n, at + len, &ahead) : UNICODE_SPACE;
    if (next == UNICODE_LETTER && !is_end_of_line(s[at]))
        return end_of_class(bmp, s, n, at + len, UNICODE_LETTER, INT_MAX);
    if (class == UNICODE_SPACE && (s[at] != ' ' || next != UNICODE_OTHER))
        return end_of_space_or_lines(bmp, s, n, at);
    at = end_of_class(bmp, s, n, at + (class == UNICODE_SPACE), UNICODE_OTHER, INT_MAX);
    while (at < n && is_end_of_line(s[at]))
        at++;
    return at;
}

/* ---- SentencePiece */
static size_t next_mark(const char *s, size_t n, size_t at, bool runs)
{
    for (at++; at < n && (s[at] != ' ' || (runs && s[at - 1] == ' '));)
        at++;
    return at;
}

size_t split_next(enum split how, const uint8_t *bmp, const char *s, size_t n, size_t at)
{
    switch (how) {
    case SPLIT_NONE: break;
    case SPLIT_GPT2: return next_gpt2(bmp, s, n, at);
    case SPLIT_LLAMA3: return next_llama3(bmp, s, n, at, 3);
    case SPLIT_QWEN2: return next_llama3(bmp, s, n, at, 1);
    case SPLIT_SPACES:
    case SPLIT_RUNS: return next_mark(s, n, at, how == SPLIT_RUNS);
    }
    return n;
}
