/* Code of engine/base/error.h that is written through the struct alone: whoever includes it, a
 * plugin too, links nothing of glimt's. Included by error.h only. */
#ifndef GLIMT_BASE_ERROR_INLINE_H
#define GLIMT_BASE_ERROR_INLINE_H
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

/* Length of the well-formed UTF-8 sequence at s (of n bytes) and its code point; 0: malformed. */
static inline size_t error_utf8_at(const char *s, size_t n, uint32_t *cp)
{
    static const uint32_t least[5] = {0, 0, 0x80, 0x800, 0x10000};
    const unsigned char c = (unsigned char)s[0];
    const size_t len = c < 0x80                ? 1
                       : c >= 0xc2 && c < 0xe0 ? 2
                       : c >= 0xe0 && c < 0xf0 ? 3
                       : c >= 0xf0 && c < 0xf5 ? 4
                                               : 0;
    if (len == 0 || len > n)
        return 0;
    *cp = len == 1 ? c : c & (0x7fU >> len);
    for (size_t i = 1; i < len; i++) {
        if (((unsigned char)s[i] & 0xc0) != 0x80)
            return 0;
        *cp = *cp << 6 | ((unsigned char)s[i] & 0x3fU);
    }
    return *cp < least[len] || *cp > 0x10ffff || (*cp >= 0xd800 && *cp < 0xe000) ? 0 : len;
}

/* Line and paragraph separators and bidi controls count too: an error quotes names from untrusted
 * files. */
static inline bool error_is_control(uint32_t cp)
{
    return cp < 0x20 || (cp >= 0x7f && cp < 0xa0) || cp == 0x061c || cp == 0x200e || cp == 0x200f ||
           (cp >= 0x2028 && cp <= 0x202e) || (cp >= 0x2066 && cp <= 0x2069) || cp == 0xfeff;
}

/* Makes s one line of UTF-8 in place; a character that was cut off at the end goes, anything else
 * becomes '?'. */
static inline void error_clean(char *s, bool cut)
{
    const size_t n = strlen(s);
    size_t out = 0;
    for (size_t i = 0; i < n;) {
        uint32_t cp = 0;
        const size_t len = error_utf8_at(s + i, n - i, &cp);
        if (len == 0 && cut && n - i < 4 && (unsigned char)s[i] >= 0xc2)
            break;
        if (len == 0 || error_is_control(cp)) {
            s[out++] = '?';
            i += len == 0 ? 1 : len;
        } else {
            memmove(s + out, s + i, len);
            out += len, i += len;
        }
    }
    s[out] = '\0';
}

static inline bool error_set(struct error *e, enum error_kind kind, const char *format, ...)
{
    if (e == NULL || error_is_set(e))
        return false;
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(e->text, sizeof e->text, format, args);
    va_end(args);
    if (n < 0)
        e->text[0] = '\0';
    error_clean(e->text, n >= (int)sizeof e->text);
    e->kind = kind == ERROR_NONE ? ERROR_SYSTEM : kind;
    return false;
}

/* What is left to say of text behind a prefix that ends in what text begins with: of "opening SAE
 * a.pt" and "a.pt: no tensor" the second half, of "opening model m" and "m/config.json: …" what
 * lies behind the folder. */
static inline const char *error_rest(const char *prefix, const char *text)
{
    for (const char *name = prefix; name; name = strchr(name, ' ')) {
        name += name != prefix; /* the blank */
        const size_t n = strlen(name);
        if (n == 0 || strncmp(text, name, n) != 0)
            continue;
        if (text[n] == '/')
            return text + n + 1;
        if (text[n] == ':' && text[n + 1] == ' ')
            return text + n + 2;
    }
    return text;
}

static inline bool error_prefix(struct error *e, const char *format, ...)
{
    if (e == NULL || !error_is_set(e))
        return false;
    char prefix[sizeof e->text];
    va_list args;
    va_start(args, format);
    if (vsnprintf(prefix, sizeof prefix, format, args) < 0)
        prefix[0] = '\0';
    va_end(args);
    char old[sizeof e->text];
    memcpy(old, e->text, sizeof old);
    /* A long prefix must not push out what went wrong. */
    const int width = (int)sizeof e->text / 2;
    const int n =
        snprintf(e->text, sizeof e->text, "%.*s: %s", width, prefix, error_rest(prefix, old));
    error_clean(e->text, n >= (int)sizeof e->text);
    return false;
}
#endif
