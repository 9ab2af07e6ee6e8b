#include "engine/text/unicode.h"
#include "engine/text/unicode_table.inc"
#include <string.h>
#include <utf8proc.h>

/* The value of the run that c lies in; runs[0] begins at U+0000. */
static unsigned run_value(const uint32_t *runs, size_t n, uint32_t c)
{
    size_t low = 0, high = n;
    while (high - low > 1) {
        const size_t middle = low + (high - low) / 2;
        if (runs[middle] >> 8 <= c)
            low = middle;
        else
            high = middle;
    }
    return runs[low] & 0xFF;
}

unsigned unicode_search(uint32_t c)
{
    return run_value(property_runs, sizeof property_runs / sizeof property_runs[0], c);
}

unsigned unicode_order(uint32_t c)
{
    return run_value(order_runs, sizeof order_runs / sizeof order_runs[0], c);
}

void unicode_fill_bmp(uint8_t bmp[0x10000])
{
    const size_t n = sizeof property_runs / sizeof property_runs[0];
    for (size_t i = 0; i < n && property_runs[i] >> 8 < 0x10000; i++) {
        const uint32_t first = property_runs[i] >> 8;
        uint32_t end = i + 1 < n ? property_runs[i + 1] >> 8 : 0x10000;
        if (end > 0x10000)
            end = 0x10000;
        memset(bmp + first, (int)(property_runs[i] & 0xFF), end - first);
    }
}

size_t unicode_decompose(uint32_t c, uint32_t out[4])
{
    out[0] = c;
    if ((unicode_search(c) & UNICODE_DECOMPOSES) == 0)
        return 1;
    utf8proc_int32_t parts[4];
    int class = UTF8PROC_BOUNDCLASS_START;
    const utf8proc_ssize_t n = utf8proc_decompose_char(
        (utf8proc_int32_t)c, parts, 4, UTF8PROC_STABLE | UTF8PROC_DECOMPOSE, &class);
    if (n < 1 || n > 4)
        return 1;
    for (utf8proc_ssize_t i = 0; i < n; i++)
        out[i] = (uint32_t)parts[i];
    return (size_t)n;
}

uint32_t unicode_compose(uint32_t a, uint32_t b)
{
    utf8proc_int32_t pair[2] = {(utf8proc_int32_t)a, (utf8proc_int32_t)b};
    if (utf8proc_normalize_utf32(pair, 2, UTF8PROC_STABLE | UTF8PROC_COMPOSE) != 1)
        return 0;
    /* Composites that are newer than the library's data, and utf8proc's U+11A7, which it swallows,
     * are none. */
    const uint32_t c = (uint32_t)pair[0];
    const unsigned flags = unicode_search(c);
    return (flags & UNICODE_DECOMPOSES) != 0 && (flags & UNICODE_CHANGES) == 0 && c != a ? c : 0;
}
