#include "engine/base/table_private.h"
#include <stdio.h>
#include <utf8proc.h>

void number_write(struct strbuf *out, enum number_form form, int precision, double v)
{
    char number[400] = ""; /* DBL_MAX has 309 digits before the point */
    switch (form) {
    case NUMBER_FIXED: snprintf(number, sizeof number, "%.*f", precision, v); break;
    case NUMBER_SCIENTIFIC: snprintf(number, sizeof number, "%.*e", precision, v); break;
    case NUMBER_SHORTEST: snprintf(number, sizeof number, "%.*g", precision, v); break;
    }
    /* The locale's point is all that is neither sign, digit nor letter. */
    size_t n = 0;
    for (const char *c = number; *c != '\0'; c++) {
        if ((*c >= '0' && *c <= '9') || (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '+')
            number[n++] = *c;
        else if (n == 0 || number[n - 1] != '.')
            number[n++] = '.';
    }
    strbuf_add(out, number, n);
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
