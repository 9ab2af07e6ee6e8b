#include "engine/base/table_private.h"
#include <utf8proc.h>

void number_write(struct strbuf *out, enum number_form form, int precision, double v)
{
    const size_t from = out->len;
    switch (form) {
    case NUMBER_FIXED: strbuf_addf(out, "%.*f", precision, v); break;
    case NUMBER_SCIENTIFIC: strbuf_addf(out, "%.*e", precision, v); break;
    case NUMBER_SHORTEST: strbuf_addf(out, "%.*g", precision, v); break;
    }
    /* The locale's point is all that is neither sign, digit nor letter. */
    size_t to = from;
    for (size_t i = from; i < out->len; i++) {
        const char c = out->s[i];
        const bool own = (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || c == '-' || c == '+';
        if (own)
            out->s[to++] = c;
        else if (to == from || out->s[to - 1] != '.')
            out->s[to++] = '.';
    }
    out->s[to] = '\0';
    out->len = to;
}

int32_t code_at(const char *s, size_t n, size_t *len)
{
    utf8proc_int32_t code = -1;
    const utf8proc_ssize_t got =
        utf8proc_iterate((const utf8proc_uint8_t *)s, n < 4 ? (utf8proc_ssize_t)n : 4, &code);
    *len = got > 0 ? (size_t)got : 1;
    return got > 0 ? code : -1;
}

void utf8_write(struct strbuf *out, const char *s, size_t n)
{
    for (size_t i = 0, len; i < n; i += len) {
        if (code_at(s + i, n - i, &len) < 0)
            strbuf_adds(out, "\xEF\xBF\xBD");
        else
            strbuf_add(out, s + i, len);
    }
}
