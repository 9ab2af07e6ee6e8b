#include "tui/view/label.h"
#include "engine/text/utf8.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const char *visible(char c, bool first, bool ascii)
{
    switch (c) {
    case ' ': return first ? (ascii ? "_" : "·") : " ";
    case '\n': return ascii ? "^J" : "⏎";
    case '\t': return ascii ? "^I" : "⇥";
    case '\r': return ascii ? "^M" : "␍";
    default: return NULL;
    }
}

void token_label(const char *bytes, size_t n, bool ascii, char out[LABEL_MAX])
{
    size_t w = 0;
    for (size_t i = 0; i < n;) {
        size_t k;
        utf8_decode(bytes + i, n - i, &k, NULL);
        const char *s = visible(bytes[i], i == 0 || n == 1 || i + 1 == n, ascii),
                   *from = s ? s : bytes + i;
        size_t m = s ? strlen(s) : k;
        const size_t more = strlen("…"); /* kept free until the end is in sight */
        if (w + m + 1 + (i + k < n ? more : 0) > LABEL_MAX) {
            w += (size_t)snprintf(out + w, LABEL_MAX - w, "%s", ascii ? ".." : "…");
            break;
        }
        memcpy(out + w, from, m);
        w += m;
        i += k;
    }
    out[w] = 0;
}

void padding_label(int64_t id, char out[LABEL_MAX])
{
    snprintf(out, LABEL_MAX, "padding id %lld", (long long)id);
}

static void number(double v, int decimals, bool ascii, const char *plus, char *out, size_t n)
{
    if (!isfinite(v)) {
        snprintf(out, n, "%s", ascii ? "-" : "–");
        return;
    }
    char digits[64];
    snprintf(digits, sizeof digits, "%.*f", decimals, fabs(v));
    bool zero = strspn(digits, "0.") == strlen(digits); /* no sign before what shows as zero */
    snprintf(out, n, "%s%s", zero ? "" : v < 0 ? (ascii ? "-" : "−") : plus, digits);
}

void signed_number(double v, int decimals, bool ascii, char *out, size_t n)
{
    number(v, decimals, ascii, "+", out, n);
}

void plain_number(double v, int decimals, bool ascii, char *out, size_t n)
{
    number(v, decimals, ascii, "", out, n);
}

void half_width(double half, int decimals, char *out, size_t n)
{
    char digits[64];
    snprintf(digits, sizeof digits, "%.*f", decimals, half);
    if (strspn(digits, "0.") != strlen(digits)) {
        snprintf(out, n, "%s", digits);
        return;
    }
    snprintf(digits, sizeof digits, "%.*f", decimals, pow(10, -decimals));
    snprintf(out, n, "<%s", digits + 1); /* "<.01": as wide as the number would be */
}

void interval_label(double lo, double hi, int decimals, bool sign, bool ascii, char *out, size_t n)
{
    char from[64], to[64];
    (sign ? signed_number : plain_number)(lo, decimals, ascii, from, sizeof from);
    (sign ? signed_number : plain_number)(hi, decimals, ascii, to, sizeof to);
    if (!isfinite(lo) || !isfinite(hi)) {
        snprintf(out, n, "%s", "");
    } else if (strcmp(from, to) == 0) {
        half_width(0, decimals, from, sizeof from);
        snprintf(out, n, "%s%s", ascii ? "+-" : "±", from);
    } else {
        snprintf(out, n, "%s%s%s", from, ascii ? ".." : "…", to);
    }
}
