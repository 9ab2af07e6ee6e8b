#include "tui/term/glyph.h"
#include "engine/text/utf8.h"
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>

#define MAX_MARKS 4 /* curses keeps five code points a cell and drops the rest in silence */

static bool is_regional(uint32_t c)
{
    return c >= 0x1F1E6 && c <= 0x1F1FF;
}

static bool is_variation_selector(uint32_t c)
{
    return (c >= 0xFE00 && c <= 0xFE0F) || (c >= 0xE0100 && c <= 0xE01EF) ||
           (c >= 0x180B && c <= 0x180F);
}

/* Old Hangul's joining letters, circled numbers and hexagrams: utf8proc and the C library count
 * them differently. */
static bool is_disputed(uint32_t c)
{
    return (c >= 0x1160 && c <= 0x11FF) || (c >= 0xD7B0 && c <= 0xD7FB) ||
           (c >= 0x3248 && c <= 0x324F) || (c >= 0x4DC0 && c <= 0x4DFF);
}

int glyph_code_width(uint32_t code)
{
    if (code < 0x7F)
        return code >= 0x20 ? 1 : -1;
    if (is_regional(code) || is_variation_selector(code) || is_disputed(code))
        return -1;
    int width = utf8proc_charwidth((utf8proc_int32_t)code);
    switch (utf8proc_category((utf8proc_int32_t)code)) {
    case UTF8PROC_CATEGORY_CN:
    case UTF8PROC_CATEGORY_CC:
    case UTF8PROC_CATEGORY_CF:
    case UTF8PROC_CATEGORY_CS:
    case UTF8PROC_CATEGORY_CO:
    case UTF8PROC_CATEGORY_ZL:
    case UTF8PROC_CATEGORY_ZP: return -1;
    case UTF8PROC_CATEGORY_MN:
    case UTF8PROC_CATEGORY_ME: return width == 0 ? 0 : -1;
    case UTF8PROC_CATEGORY_MC:
        return width == 0 ? 1 : -1; /* as the C library and terminals have it */
    default: return width == 1 || width == 2 ? width : -1;
    }
}

static bool is_spacing_mark(uint32_t c)
{
    return utf8proc_category((utf8proc_int32_t)c) == UTF8PROC_CATEGORY_MC;
}

struct cluster {
    size_t n;    /* bytes */
    int columns; /* of the parts drawn raw */
    int marks;
    bool plain; /* a base and marks, nothing that terminals disagree about */
};

static struct cluster find_cluster(const char *s, size_t n, uint32_t first, size_t first_len)
{
    struct cluster c = {first_len, glyph_code_width(first), 0, true};
    utf8proc_int32_t state = 0;
    uint32_t last = first;
    while (c.n < n) {
        size_t len;
        bool valid;
        uint32_t code = utf8_decode(s + c.n, n - c.n, &len, &valid);
        if (!valid || utf8proc_grapheme_break_stateful((utf8proc_int32_t)last,
                                                       (utf8proc_int32_t)code, &state))
            break;
        int width = glyph_code_width(code);
        if (width == 0)
            c.marks++;
        else if (width == 1 && is_spacing_mark(code))
            c.columns++;
        else
            c.plain = false;
        c.n += len;
        last = code;
    }
    if (c.marks > MAX_MARKS || c.n >= GRID_GLYPH_MAX)
        c.plain = false;
    return c;
}

static int escape_code(uint32_t code, bool more, char out[GRID_GLYPH_MAX])
{
    snprintf(out, GRID_GLYPH_MAX, "‹U+%04X%s›", (unsigned)code, more ? "…" : "");
    int digits = code > 0xFFFFF ? 6 : code > 0xFFFF ? 5 : 4;
    return digits + 4 + (more ? 1 : 0);
}

static int escape_byte(unsigned char byte, char out[GRID_GLYPH_MAX])
{
    snprintf(out, GRID_GLYPH_MAX, "‹%02X›", byte);
    return 4;
}

size_t text_cluster(const char *utf8, size_t n, int *columns, char out[GRID_GLYPH_MAX])
{
    unsigned char byte = n ? (unsigned char)utf8[0] : 0;
    *columns = 0;
    out[0] = 0;
    if (!n)
        return 0;
    bool next_joins = n > 1 && (unsigned char)utf8[1] >= 0x80;
    if (byte == '\t' || (byte >= 0x20 && byte < 0x7F && !next_joins)) {
        out[0] = byte == '\t' ? ' ' : (char)byte;
        out[1] = 0;
        *columns = 1;
        return 1;
    }
    size_t len;
    bool valid;
    uint32_t code = utf8_decode(utf8, n, &len, &valid);
    if (!valid || code < 0x20 || code == 0x7F) {
        *columns = escape_byte(byte, out);
        return 1;
    }
    struct cluster c = find_cluster(utf8, n, code, len);
    if (glyph_code_width(code) <= 0 || is_spacing_mark(code)) {
        bool whole = is_regional(code) && c.n > len;
        *columns = escape_code(code, whole, out);
        return whole ? c.n : len;
    }
    if (!c.plain) {
        *columns = escape_code(code, true, out);
        return c.n;
    }
    memcpy(out, utf8, c.n);
    out[c.n] = 0;
    *columns = c.columns;
    return c.n;
}

int text_columns(const char *utf8, size_t n)
{
    int total = 0;
    while (n) {
        int columns;
        char glyph[GRID_GLYPH_MAX];
        size_t len = text_cluster(utf8, n, &columns, glyph);
        total += columns;
        utf8 += len;
        n -= len;
    }
    return total;
}

/* Pictures that the views draw, and punctuation that texts are full of. */
static const struct {
    uint32_t first, last;
    const char *ascii; /* one for each code point, or one for all */
} stand_in[] = {
    {0x00A0, 0x00A0, " "},
    {0x00AB, 0x00AB, "<"},
    {0x00B1, 0x00B1, "~"},
    {0x00B7, 0x00B7, "."},
    {0x00BB, 0x00BB, ">"},
    {0x00C0, 0x00FF, "AAAAAAACEEEEIIIIDNOOOOOxOUUUUYTsaaaaaaaceeeeiiiidnooooo/ouuuuyty"},
    {0x0394, 0x0394, "D"},
    {0x2010, 0x2015, "-"},
    {0x2018, 0x201B, "'"},
    {0x201C, 0x201F, "\""},
    {0x2020, 0x2022, "+#*"},
    {0x2026, 0x2026, "."},
    {0x2039, 0x203A, "<>"},
    {0x20AC, 0x20AC, "E"},
    {0x2190, 0x2193, "<^>v"},
    {0x2194, 0x2195, "-|"},
    {0x2212, 0x2212, "-"},
    {0x2248, 0x2248, "~"},
    {0x2264, 0x2265, "<>"},
    {0x2500, 0x250B, "-=|!-=|!-=|!"},
    {0x250C, 0x254B, "+"},
    {0x254C, 0x254F, "-=|!"},
    {0x2550, 0x2551, "=!"},
    {0x2552, 0x2570, "+"},
    {0x2571, 0x2573, "/\\X"},
    {0x2574, 0x257F, "-|-|=!=!-|=!"},
    {0x2580, 0x2580, "^"},
    {0x2581, 0x2588, "__--==##"},
    {0x2589, 0x258F, "###==||"},
    {0x2590, 0x2590, "|"},
    {0x2591, 0x2593, ".:%"},
    {0x2594, 0x2595, "-|"},
    {0x2596, 0x259F, "#"},
    {0x25A0, 0x25A1, "#o"},
    {0x25B2, 0x25C1, "^^^^>>>>>>vvvv<<"},
    {0x25C6, 0x25C7, "*o"},
    {0x25CB, 0x25CB, "o"},
    {0x25CF, 0x25CF, "O"},
    {0x2713, 0x2714, "v"},
    {0x2717, 0x2718, "x"},
    {0x2801, 0x28FF, ":"},
    {0x2800, 0x2800, " "},
};

char glyph_ascii(const char *glyph)
{
    size_t len;
    uint32_t code = utf8_decode(glyph, strlen(glyph), &len, NULL);
    if (code >= 0x20 && code < 0x7F)
        return (char)code;
    for (size_t i = 0; i < sizeof stand_in / sizeof *stand_in; i++) {
        if (code < stand_in[i].first || code > stand_in[i].last)
            continue;
        size_t at = code - stand_in[i].first;
        return stand_in[i].ascii[1] ? stand_in[i].ascii[at] : stand_in[i].ascii[0];
    }
    return '?';
}
