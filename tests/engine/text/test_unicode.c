/* Every code point against what the tokenizers library thinks of it
 * (tests/reference/unicode_tables.py). */
#include "engine/base/hash.h"
#include "engine/base/strbuf.h"
#include "engine/text/normalize.h"
#include "engine/text/split.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include "tests/engine/text/golden.h"
#include "tests/support/effort.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static uint8_t bmp[0x10000];

enum { BLOCK = 4096, COLUMNS = 4 };

static void add(struct strbuf *b, uint32_t c)
{
    char bytes[4];
    strbuf_add(b, bytes, utf8_encode(c, bytes));
}

static void add_nfc(struct strbuf *out, struct normal *t, const struct strbuf *in)
{
    normal_set(t, in->s, in->len, (struct normal_how){.nfc = true}, bmp);
    strbuf_add(out, t->s, t->n);
}

static size_t count_words(const struct strbuf *s)
{
    size_t n = 0;
    for (size_t at = 0; at < s->len; at = split_next(SPLIT_GPT2, bmp, s->s, s->len, at))
        n++;
    return n;
}

/* What the reference script hashes for one code point, appended to the four columns. */
static void add_columns(struct strbuf column[COLUMNS], struct normal *t, struct strbuf *probe,
                        uint32_t c)
{
    strbuf_addc(&column[0], "OLNS"[unicode_flags(bmp, c) & UNICODE_CLASS]);
    strbuf_clear(probe);
    const uint32_t among_words[] = {'a', c, ' ', c, '1', c, '!', c, '\n'};
    for (size_t i = 0; i < sizeof among_words / sizeof among_words[0]; i++)
        add(probe, among_words[i]);
    strbuf_addf(&column[1], "%zu", count_words(probe));
    strbuf_clear(probe);
    add(probe, c);
    add_nfc(&column[2], t, probe);
    strbuf_clear(probe);
    const uint32_t among_marks[] = {'e', 0x323, 0x315, c, 0x301, 0x334, c, 0x327};
    for (size_t i = 0; i < sizeof among_marks / sizeof among_marks[0]; i++)
        add(probe, among_marks[i]);
    add_nfc(&column[3], t, probe);
}

static void every_code_point(void **state)
{
    (void)state;
    struct strbuf column[COLUMNS], probe;
    char *golden = golden_read("text/unicode.txt", NULL), *rest = golden;
    const size_t all = 0x110000 / BLOCK, few = 0x12000 / BLOCK;
    struct normal t;
    normal_init(&t);
    strbuf_init(&probe);
    for (int i = 0; i < COLUMNS; i++)
        strbuf_init(&column[i]);
    size_t n_blocks = 0;
    next_line(&rest); /* the heading */
    for (char *line; (line = next_line(&rest)) != NULL; n_blocks++) {
        if (n_blocks == few && quick())
            break;
        const uint32_t first = (uint32_t)strtoul(line, &line, 16);
        for (int i = 0; i < COLUMNS; i++)
            strbuf_clear(&column[i]);
        for (uint32_t c = first; c < first + BLOCK; c++) {
            if (c >= 0xD800 && c < 0xE000)
                continue;
            for (int i = 1; i < COLUMNS && column[i].len > 0; i++)
                strbuf_addc(&column[i], '\n');
            add_columns(column, &t, &probe, c);
        }
        for (int i = 0; i < COLUMNS; i++) {
            char hex[65];
            const struct sha256 h = sha256_bytes(column[i].s, column[i].len);
            sha256_hex(&h, hex);
            if (memcmp(line + 1 + 17 * i, hex, 16) != 0)
                fail_msg("block U+%04X, column %d", (unsigned)first, i + 1);
        }
    }
    assert_int_equal(n_blocks, quick() ? few : all);
    for (int i = 0; i < COLUMNS; i++)
        strbuf_release(&column[i]);
    strbuf_release(&probe);
    normal_release(&t);
    free(golden);
}

/* The table for quick look-up says the same as the search. */
static void bmp_is_search(void **state)
{
    (void)state;
    for (uint32_t c = 0; c < 0x10000; c++)
        assert_int_equal(bmp[c], unicode_search(c));
}

static void check_nfc(const char *in, const char *want)
{
    struct normal t;
    normal_init(&t);
    normal_set(&t, in, strlen(in), (struct normal_how){.nfc = true}, bmp);
    if (t.n != strlen(want) || memcmp(t.s, want, t.n) != 0)
        fail_msg("NFC of \"%s\" is \"%.*s\", expected \"%s\"", in, (int)t.n, t.s, want);
    normal_release(&t);
}

static void composition(void **state)
{
    (void)state;
    check_nfc("", "");
    check_nfc("blåbær", "blåbær");
    check_nfc("A\u030A", "Å");
    check_nfc("\u212B", "Å");
    check_nfc("e\u0301\u0323", "\u1EB9\u0301");
    check_nfc("e\u0323\u0302", "\u1EC7");
    check_nfc("\u1100\u1161\u11A8", "\uAC01");
    check_nfc("\uAC00\u11A8", "\uAC01");
    check_nfc("\uAC00\u11A7", "\uAC00\u11A7"); /* no final consonant: utf8proc swallows it */
    check_nfc("\u0958", "\u0915\u093C");       /* excluded from composition */
    check_nfc("a\xFF\u0301", "a\uFFFD\u0301");
    check_nfc("\u0301\u0323", "\u0323\u0301");
    check_nfc("\U00011935\U00011930", "\U00011935\U00011930"); /* newer than the library's data */
}

static void range(struct normal *t, size_t a, size_t b, size_t start, size_t end)
{
    size_t s, e;
    normal_range(t, a, b, &s, &e);
    if (s != start || e != end)
        fail_msg("%zu … %zu stands for %zu … %zu, expected %zu … %zu", a, b, s, e, start, end);
}

static void ranges(void **state)
{
    (void)state;
    struct normal t;
    normal_init(&t);
    /*                0 1 2     3       6   7 8    10 */
    static const char in[] = "a"
                             "\xFF"
                             "\xE2\x82"
                             "e\xCC\x81"
                             "xy";
    normal_set(&t, in, sizeof in - 1, (struct normal_how){.nfc = true}, bmp);
    assert_int_equal(t.n, 1 + 3 + 3 + 2 + 2); /* a, two U+FFFD, é, x y */
    range(&t, 0, 1, 0, 1);
    range(&t, 1, 4, 1, 2);
    range(&t, 2, 3, 1, 2);
    range(&t, 4, 7, 2, 4);
    range(&t, 7, 9, 4, 7);
    range(&t, 8, 9, 4, 7);
    range(&t, 8, 10, 4, 8);
    range(&t, 9, 11, 7, 9);
    range(&t, 0, 11, 0, 9);
    range(&t, 11, 11, 9, 9);
    range(&t, 0, 1, 0, 1); /* and back again */
    normal_set(&t, in, sizeof in - 1, (struct normal_how){0}, bmp);
    assert_int_equal(t.n, 1 + 3 + 3 + 3 + 2);
    range(&t, 7, 8, 4, 5);
    range(&t, 8, 10, 5, 7);
    normal_release(&t);
}

static int fill(void **state)
{
    (void)state;
    unicode_fill_bmp(bmp);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_code_point),
        cmocka_unit_test(bmp_is_search),
        cmocka_unit_test(composition),
        cmocka_unit_test(ranges),
    };
    return cmocka_run_group_tests(tests, fill, NULL);
}
