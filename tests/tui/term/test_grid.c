/* Cells, clusters and escapes, and the writers. */
#include "engine/base/strbuf.h"
#include "tui/term/glyph.h"
#include "tui/term/grid.h"
#include <limits.h>
#include <locale.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wchar.h>

#include <cmocka.h>

static const struct style plain = {COLOR_DEFAULT, COLOR_DEFAULT, 0};
static const struct rect all = {0, 0, 1000, 1000};

static char *text_of(const struct grid *g)
{
    struct strbuf b;
    strbuf_init(&b);
    grid_write_text(g, &b);
    return strbuf_detach(&b);
}

static void assert_text(const struct grid *g, const char *expected)
{
    char *text = text_of(g);
    assert_string_equal(text, expected);
    free(text);
}

static void test_clusters(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        size_t n; /* bytes of the first cluster */
        int columns;
        const char *out;
    } row[] = {
        {"a", 1, 1, "a"},
        {"ab", 1, 1, "a"},
        {"\t", 1, 1, " "},
        {"\n", 1, 4, "‹0A›"},
        {"\r\n", 1, 4, "‹0D›"},
        {"\033[31m", 1, 4, "‹1B›"},
        {"\177", 1, 4, "‹7F›"},
        {"å", 2, 1, "å"},
        {"a\xCC\x8A", 3, 1, "a\xCC\x8A"},   /* a and U+030A */
        {"\xC3", 1, 4, "‹C3›"},             /* a token that ends inside å */
        {"\xA5", 1, 4, "‹A5›"},             /* … and the one that goes on */
        {"\xE2\x82z", 1, 4, "‹E2›"},        /* a cut euro sign: byte for byte */
        {"\xED\xA0\x80", 1, 4, "‹ED›"},     /* a surrogate */
        {"\xC2\x9B", 2, 8, "‹U+009B›"},     /* CSI as one C1 control */
        {"\xE2\x80\xAE", 3, 8, "‹U+202E›"}, /* right-to-left override */
        {"\xE2\x80\x8B", 3, 8, "‹U+200B›"}, /* zero width space */
        {"\xEF\xBB\xBF", 3, 8, "‹U+FEFF›"}, /* byte order mark */
        {"\xE2\x80\xA8", 3, 8, "‹U+2028›"}, /* line separator */
        {"\xEE\x80\x80", 3, 8, "‹U+E000›"}, /* private use */
        {"\xF4\x8F\xBF\xBF", 4, 10, "‹U+10FFFF›"},
        {"\xCC\x81"
         "a",
         2, 8, "‹U+0301›"}, /* a mark with nothing to stand on */
        {"漢字", 3, 2, "漢"},
        {"🙂", 4, 2, "🙂"},
        {"🇩🇰x", 8, 10, "‹U+1F1E9…›"},
        {"❤\xEF\xB8\x8F", 6, 9, "‹U+2764…›"}, /* with VS16: terminals disagree */
        {"👍🏽", 8, 10, "‹U+1F44D…›"},    /* skin tone */
        {"👨\xE2\x80\x8D👩\xE2\x80\x8D👧", 18, 10, "‹U+1F468…›"},
        {"नि", 6, 2, "नि"}, /* a spacing mark has its own column */
        {"e\xCC\x81\xCC\x81\xCC\x81\xCC\x81\xCC\x81", 11, 9, "‹U+0065…›"}, /* five marks */
        {"e\xCC\x81\xCC\x81\xCC\x81\xCC\x81", 9, 1, "e\xCC\x81\xCC\x81\xCC\x81\xCC\x81"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int columns;
        char out[GRID_GLYPH_MAX];
        size_t n = text_cluster(row[i].in, strlen(row[i].in), &columns, out);
        assert_string_equal(out, row[i].out);
        assert_int_equal(n, row[i].n);
        assert_int_equal(columns, row[i].columns);
    }
}

/* Every byte string comes to an end, is drawn with as many columns as it is said to take, and
 * leaves only cells that a terminal may see. */
static void test_any_bytes(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 400, 1, plain);
    unsigned seed = 1;
    for (int round = 0; round < 3000; round++) {
        char bytes[40];
        size_t n = 1 + (seed >> 16) % sizeof bytes;
        for (size_t i = 0; i < n; i++) {
            seed = seed * 1103515245u + 12345u;
            static const char pieces[] = "a\xCC\x81\xF0\x9F\x87\xA9\xB0\xE2\x80\x8D\xEF\xB8\x8F\033"
                                         "\n\xE6\xBC\xA2\xE0\xA4\xBF";
            bytes[i] = seed >> 30 ? pieces[(seed >> 16) % (sizeof pieces - 1)] : (char)(seed >> 20);
        }
        grid_fill(&g, all, plain);
        int end = grid_text(&g, all, 0, 0, plain, bytes, n);
        assert_int_equal(end, text_columns(bytes, n) < 400 ? text_columns(bytes, n) : 400);
        for (int x = 0; x < g.w; x++) {
            const char *glyph = g.cell[x].glyph;
            assert_true((unsigned char)glyph[0] >= ' ' ||
                        (!glyph[0] && x && g.cell[x - 1].glyph[0]));
            assert_true(strlen(glyph) < GRID_GLYPH_MAX);
            assert_null(strpbrk(glyph, "\033\n\r\177"));
        }
    }
    grid_release(&g);
}

/* The C library, which curses asks, counts as we do; what it does not know at all the screen
 * replaces. */
static void test_width_as_libc(void **state)
{
    (void)state;
    if (!setlocale(LC_CTYPE, "C.UTF-8")) {
        print_message("no locale C.UTF-8\n");
        skip();
    }
    int known = 0;
    for (uint32_t c = ' '; c < 0x110000; c++) {
        int ours = glyph_code_width(c), libc = wcwidth((wchar_t)c);
        if (ours < 0 || libc < 0)
            continue;
        known++;
        if (ours != libc)
            fail_msg("U+%04X: %d columns, the C library says %d", (unsigned)c, ours, libc);
    }
    setlocale(LC_CTYPE, "C");
    assert_true(known > 100000);
}

static void test_clipping(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 10, 3, plain);
    assert_int_equal(grid_text(&g, all, 8, 0, plain, "abcd", 4), 10);
    assert_int_equal(grid_text(&g, all, -2, 1, plain, "abcd", 4), 2);
    assert_int_equal(grid_text(&g, (struct rect){2, 2, 3, 1}, 0, 2, plain, "abcdefgh", 8), 5);
    assert_text(&g, "        ab\ncd\n  cde");
    assert_int_equal(grid_text(&g, all, 0, 7, plain, "below", 5), 5);
    assert_int_equal(grid_text(&g, all, 0, INT_MAX, plain, "below", 5), 5);
    assert_int_equal(grid_text(&g, all, INT_MAX, 0, plain, "right", 5), INT_MAX);
    grid_fill(&g, (struct rect){INT_MAX, INT_MAX, INT_MAX, INT_MAX}, plain);
    grid_fill(&g, (struct rect){-5, -5, -1, 9}, plain);
    grid_style(&g, (struct rect){5, -1, 100, 100}, (struct style){1, 2, ATTR_BOLD});
    assert_text(&g, "        ab\ncd\n  cde");
    assert_int_equal(g.cell[5].style.fg, 1);
    assert_int_equal(g.cell[4].style.fg, COLOR_DEFAULT);
    grid_resize(&g, 0, 0, plain);
    grid_text(&g, all, 0, 0, plain, "nothing", 7);
    assert_text(&g, "");
    grid_release(&g);
}

static void test_wide(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 6, 1, plain);
    grid_text(&g, all, 0, 0, plain, "漢字漢", 9);
    assert_text(&g, "漢字漢");
    assert_string_equal(g.cell[1].glyph, "");
    grid_text(&g, all, 1, 0, plain, "x", 1); /* over the right half: the left goes too */
    assert_text(&g, " x字漢");
    grid_text(&g, all, 2, 0, plain, "y", 1);
    assert_text(&g, " xy 漢");
    grid_fill(&g, (struct rect){0, 0, 5, 1}, plain); /* half of the last one */
    assert_text(&g, "");
    grid_text(&g, all, 0, 0, plain, "漢字漢", 9);
    grid_text(&g, all, 1, 0, plain, "語", 3); /* across two */
    assert_text(&g, " 語 漢");
    grid_fill(&g, all, plain);
    grid_text(&g, all, 5, 0, plain, "漢", 3); /* half outside: a blank, not half a glyph */
    assert_text(&g, "");
    assert_string_equal(g.cell[5].glyph, " ");
    grid_text(&g, (struct rect){1, 0, 3, 1}, 0, 0, plain, "漢字", 6);
    assert_text(&g, "  字");
    grid_release(&g);
}

/* Nobody takes a part for the whole. */
static void test_cutting(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int w;
        bool ascii;
        const char *drawn;
    } row[] = {
        {"<|endoftext|>", 13, false, "<|endoftext|>"},
        {"<|endoftext|>", 12, false, "<|endoftext…"},
        {"<|endoftext|>", 12, true, "<|endoftex.."},
        {"ab", 1, false, "…"},
        {"日本語", 5, false, "日本…"},
        {"日本語", 4, false, "日…"},
        {"æøå", 3, false, "æøå"},
        {"abc", 0, false, ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct grid g;
        grid_init(&g, 20, 1, plain);
        int x = grid_text_cut(&g, (struct rect){2, 0, row[i].w, 1}, 2, 0, plain, row[i].text,
                              strlen(row[i].text), row[i].ascii);
        char expected[80];
        snprintf(expected, sizeof expected, "%s%s", row[i].w ? "  " : "", row[i].drawn);
        assert_text(&g, expected);
        assert_true(x <= 2 + row[i].w);
        grid_release(&g);
    }
}

static void test_printf(void **state)
{
    (void)state;
    struct grid g;
    grid_init(&g, 2000, 1, plain);
    assert_int_equal(grid_printf(&g, all, 1, 0, plain, "%s %.2f", "tab", 0.5), 9);
    assert_text(&g, " tab 0.50");
    assert_int_equal(grid_printf(&g, (struct rect){0, 0, 2000, 1}, 0, 0, plain, "%01500d", 7),
                     1500);
    assert_string_equal(g.cell[1499].glyph, "7");
    grid_release(&g);
}

static void test_rects(void **state)
{
    (void)state;
    struct rect r = {2, 3, 4, 5}, inner = rect_inner(r, 1, 1);
    assert_int_equal(inner.x, 3);
    assert_int_equal(inner.w, 2);
    assert_int_equal(inner.h, 3);
    assert_int_equal(rect_inner(r, 2, 0).w, 0);
    assert_true(rect_has(r, 2, 3) && rect_has(r, 5, 7));
    assert_false(rect_has(r, 6, 7) || rect_has(r, 5, 8) || rect_has(r, 1, 3) ||
                 rect_has((struct rect){0, 0, 0, 9}, 0, 0));
}

static void test_box(void **state)
{
    (void)state;
    struct error e = {0};
    struct theme *theme, *ascii;
    setenv("GLIMT_DATA", ".", 1);
    assert_true(theme_open("dark", DEPTH_256, false, &theme, &e));
    assert_true(theme_open("dark", DEPTH_256, true, &ascii, &e));
    struct grid g;
    grid_init(&g, 12, 3, plain);
    struct rect in = grid_box(&g, (struct rect){0, 0, 12, 3}, "Text", false, theme);
    assert_text(&g, "┌ Text ────┐\n│          │\n└──────────┘");
    assert_int_equal(in.x * 1000 + in.y * 100 + in.w * 10 + in.h, 1000 + 100 + 100 + 1);
    grid_box(&g, (struct rect){0, 0, 12, 3}, "a title too long", true, theme);
    assert_text(&g, "┏ a title… ┓\n┃          ┃\n┗━━━━━━━━━━┛");
    grid_box(&g, (struct rect){0, 0, 12, 3}, "Text", false, ascii);
    assert_text(&g, "+ Text ----+\n|          |\n+----------+");
    grid_box(&g, (struct rect){0, 0, 12, 3}, NULL, true, ascii);
    assert_text(&g, "#==========#\n!          !\n#==========#");
    for (int w = -1; w < 6; w++)
        for (int h = -1; h < 4; h++)
            grid_box(&g, (struct rect){0, 0, w, h}, "x", true, theme);
    grid_release(&g);
    theme_free(theme);
    theme_free(ascii);
}

static void test_ascii(void **state)
{
    (void)state;
    static const char *const pair[][2] = {
        {"┌", "+"}, {"─", "-"},  {"━", "="}, {"│", "|"}, {"┃", "!"}, {"█", "#"}, {"▁", "_"},
        {"▏", "|"}, {"⣿", ":"},  {"å", "a"}, {"Ø", "O"}, {"ß", "s"}, {"‹", "<"}, {"›", ">"},
        {"…", "."}, {"→", ">"},  {"▲", "^"}, {"▸", ">"}, {"●", "O"}, {"○", "o"}, {"·", "."},
        {"−", "-"}, {"漢", "?"}, {"x", "x"}, {"±", "~"}, {"▍", "="}, {"ÿ", "y"}};
    for (size_t i = 0; i < sizeof pair / sizeof *pair; i++)
        assert_int_equal(glyph_ascii(pair[i][0]), pair[i][1][0]);
}

static void test_ansi(void **state)
{
    (void)state;
    struct grid g;
    struct strbuf b;
    strbuf_init(&b);
    grid_init(&g, 8, 2, plain);
    grid_text(&g, all, 0, 0, (struct style){3, 12, ATTR_BOLD | ATTR_UNDERLINE}, "ab", 2);
    grid_text(&g, all, 2, 0, (struct style){214, 0x1010203, 0}, "漢", 3);
    grid_text(&g, all, 4, 0, plain, "c", 1);
    grid_text(&g, all, 1, 1, (struct style){COLOR_DEFAULT, COLOR_DEFAULT, ATTR_REVERSE}, " ", 1);
    grid_write_ansi(&g, &b);
    assert_string_equal(b.s, "\033[0;1;4;33;104mab\033[0;38;5;214;48;2;1;2;3m漢\033[0mc\n"
                             " \033[0;7m \033[0m\n");
    strbuf_release(&b);
    grid_release(&g);
}

static void test_svg(void **state)
{
    (void)state;
    struct error e = {0};
    struct theme *theme;
    struct grid g;
    struct strbuf b, again;
    setenv("GLIMT_DATA", ".", 1);
    assert_true(theme_open("dark", DEPTH_DIRECT, false, &theme, &e));
    strbuf_init(&b);
    strbuf_init(&again);
    grid_init(&g, 10, 2, plain);
    grid_text(&g, all, 0, 0, plain, "<a&\"b>", 6);
    grid_text(&g, all, 0, 1, theme_diverging(theme, 10), "漢", 3);
    grid_text(&g, all, 2, 1, (struct style){COLOR_DEFAULT, COLOR_DEFAULT, ATTR_REVERSE | ATTR_BOLD},
              "r", 1);
    grid_write_svg(&g, theme, "one < two\n", &b);
    grid_write_svg(&g, theme, "one < two\n", &again);
    assert_string_equal(b.s, again.s);
    assert_non_null(strstr(b.s, "<title>one &lt; two </title>"));
    assert_non_null(strstr(b.s, "fill=\"#d0d0d0\">&lt;a&amp;&quot;b&gt;</tspan>"));
    assert_non_null(
        strstr(b.s, "<rect x=\"0\" y=\"19\" width=\"18\" height=\"19\" fill=\"#f99549\"/>"));
    assert_non_null(strstr(b.s, "<tspan x=\"0\" textLength=\"18\" fill=\"#000000\">漢</tspan>"));
    /* reversed: the page's background is the ink */
    assert_non_null(strstr(b.s, "fill=\"#121212\" font-weight=\"bold\">r</tspan>"));
    /* blocks and lines are shapes, which no font can leave gaps between; the text keeps its blanks
     */
    grid_fill(&g, (struct rect){0, 0, 10, 2}, plain);
    grid_text(&g, all, 1, 0, plain, "██▄┃x", 13);
    strbuf_clear(&b);
    grid_write_svg(&g, theme, "", &b);
    assert_non_null(
        strstr(b.s, "<rect x=\"9\" y=\"0\" width=\"18\" height=\"19\" fill=\"#d0d0d0\"/>"));
    assert_non_null(
        strstr(b.s, "<rect x=\"27\" y=\"9.5\" width=\"9\" height=\"9.5\" fill=\"#d0d0d0\"/>"));
    assert_non_null(strstr(b.s, "<rect x=\"39\" y=\"0\" width=\"3\" "));
    assert_null(strstr(b.s, "█"));
    assert_non_null(strstr(b.s, ">     x</tspan>"));
    strbuf_release(&b);
    strbuf_release(&again);
    grid_release(&g);
    theme_free(theme);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_clusters),      cmocka_unit_test(test_any_bytes),
        cmocka_unit_test(test_width_as_libc), cmocka_unit_test(test_clipping),
        cmocka_unit_test(test_wide),          cmocka_unit_test(test_printf),
        cmocka_unit_test(test_rects),         cmocka_unit_test(test_box),
        cmocka_unit_test(test_ascii),         cmocka_unit_test(test_ansi),
        cmocka_unit_test(test_svg),           cmocka_unit_test(test_cutting),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
