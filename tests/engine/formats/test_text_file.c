#include "engine/base/memory.h"
#include "engine/formats/text_file.h"
#include "engine/formats/unpack.h"
#include "tests/support/effort.h"
#include "tests/support/testdata.h"
#include <iconv.h>
#include <lzma.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

#define DANISH "På Ærø bor børn.\nÅse så €5.\n"

struct bytes {
    char *p;
    size_t n;
};

static struct bytes of(const char *s, size_t n)
{
    return (struct bytes){xmemdup(s, n + 1), n};
}

/* As another program would have written it; marked: with a byte order mark. */
static struct bytes in_encoding(const char *text, const char *encoding, const char *mark, size_t n)
{
    char out[512], *in = (char *)(uintptr_t)text, *to = out + n;
    size_t left = strlen(text), room = sizeof out - n;
    iconv_t c = iconv_open(encoding, "UTF-8");
    assert_true(c != (iconv_t)-1);
    memcpy(out, mark, n);
    assert_true(iconv(c, &in, &left, &to, &room) == 0);
    iconv_close(c);
    return of(out, sizeof out - room);
}

static struct bytes gzip(const char *p, size_t n)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 9, Z_DEFAULT_STRATEGY), Z_OK);
    size_t most = deflateBound(&z, n) + 64;
    struct bytes b = {xmalloc(most), 0};
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = (Bytef *)b.p;
    z.avail_out = (uInt)most;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    b.n = most - z.avail_out;
    deflateEnd(&z);
    return b;
}

static struct bytes xz(const char *p, size_t n)
{
    size_t most = lzma_stream_buffer_bound(n);
    struct bytes b = {xmalloc(most), 0};
    assert_int_equal(lzma_easy_buffer_encode(6, LZMA_CHECK_CRC64, NULL, (const uint8_t *)p, n,
                                             (uint8_t *)b.p, &b.n, most),
                     LZMA_OK);
    return b;
}

static struct bytes two(struct bytes a, struct bytes b)
{
    struct bytes c = {xmalloc(a.n + b.n), a.n + b.n};
    memcpy(c.p, a.p, a.n);
    memcpy(c.p + a.n, b.p, b.n);
    free(a.p);
    free(b.p);
    return c;
}

/* Takes b. The bytes lie in a block of exactly their size. */
static void reads(struct bytes b, const char *encoding, const char *want, size_t n_want)
{
    const struct text_spec how = {.encoding = encoding};
    struct text_file t;
    struct error e = {0};
    char *exact = xmemdup(b.p, b.n ? b.n : 1);
    if (!text_of_bytes(&t, "a.txt", exact, b.n, &how, &e))
        fail_msg("%s: %s", encoding ? encoding : "-", e.text);
    if (t.n != n_want || memcmp(t.p, want, n_want) != 0)
        fail_msg("%s: found %zu bytes, %.*s", encoding ? encoding : "-", t.n, (int)t.n, t.p);
    text_close(&t);
    free(exact);
    free(b.p);
}
#define READS(bytes, encoding, want) reads(bytes, encoding, want, sizeof(want) - 1)

static void refuses(struct bytes b, const struct text_spec *how, const char *says)
{
    struct text_file t;
    struct error e = {0};
    if (text_of_bytes(&t, "a.txt", b.p, b.n, how, &e))
        fail_msg("read, expected: %s", says);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, says))
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
    text_close(&t);
    free(b.p);
}
#define REFUSES(bytes, name, says) refuses(bytes, &(struct text_spec){.encoding = name}, says)
#define BYTES(s) of(s, sizeof(s) - 1)

/* ---- encodings */
static void marked_and_plain(void **state)
{
    (void)state;
    READS(BYTES(""), NULL, "");
    READS(BYTES("a"), NULL, "a");
    READS(BYTES(DANISH), NULL, DANISH);
    READS(BYTES("\xef\xbb\xbf" DANISH), NULL, DANISH);
    READS(BYTES("\xef\xbb\xbf"), NULL, "");
    READS(BYTES("\xef\xbb\xbf\xef\xbb\xbfx"), NULL, "\xef\xbb\xbfx"); /* the second is text */
    READS(in_encoding(DANISH, "UTF-16LE", "\xff\xfe", 2), NULL, DANISH);
    READS(in_encoding(DANISH, "UTF-16BE", "\xfe\xff", 2), NULL, DANISH);
    READS(in_encoding(DANISH, "UTF-32LE", "\xff\xfe\0\0", 4), NULL, DANISH);
    READS(in_encoding(DANISH, "UTF-32BE", "\0\0\xfe\xff", 4), NULL, DANISH);
    READS(of("\xff\xfe", 2), NULL, "");
    READS(of("a\0b", 3), NULL, "a\0b");
    READS(in_encoding("😀 x\n", "UTF-16LE", "\xff\xfe", 2), NULL, "😀 x\n");
}

static void named(void **state)
{
    (void)state;
    static const char *const latin1[] = {"latin1", "latin-1", "Latin_1", "iso-8859-1", "ISO8859-1"};
    for (size_t i = 0; i < sizeof latin1 / sizeof *latin1; i++)
        READS(BYTES("\xc6r\xf8, \xe5"), latin1[i], "Ærø, å");
    READS(in_encoding(DANISH, "WINDOWS-1252", "", 0), "windows-1252", DANISH);
    READS(in_encoding(DANISH, "UTF-16LE", "", 0), "utf-16le", DANISH);
    READS(in_encoding(DANISH, "UTF-16LE", "", 0), "UTF16LE", DANISH);
    READS(in_encoding(DANISH, "UTF-16BE", "", 0), "utf-16be", DANISH);
    READS(in_encoding("plain", "UTF-16LE", "", 0), "utf-16le",
          "plain"); /* valid UTF-8, with NULs */
    READS(in_encoding("日本語", "ISO-2022-JP", "", 0), "iso-2022-jp", "日本語"); /* all ASCII */
    READS(BYTES("\xc1\xc2"), "ibm1047", "AB");                                   /* EBCDIC */
    /* what is UTF-8 stays so: a class in each encoding is read */
    READS(BYTES(DANISH), "latin1", DANISH);
    READS(BYTES("plain"), "utf-16le", "plain");
    READS(BYTES("plain"), "latin1", "plain");
    /* a mark says more than the name */
    READS(BYTES("\xef\xbb\xbf" DANISH), "latin1", DANISH);
    READS(in_encoding(DANISH, "UTF-16BE", "\xfe\xff", 2), "latin1", DANISH);
    assert_true(text_encoding_known("latin-1") && text_encoding_known("utf16be"));
    assert_false(text_encoding_known("latin1//TRANSLIT") || text_encoding_known("") ||
                 text_encoding_known("klingon") || text_encoding_known("-"));
}

static void other_bytes(void **state)
{
    (void)state;
    REFUSES(BYTES("R\xe5"
                  "det"),
            NULL, "reading a.txt:1: found 0xE5 at byte 2 of the line, expected UTF-8");
    REFUSES(BYTES("ab\nc\n\xc3\xa5\xc3"), NULL, "a.txt:3: found 0xC3 at byte 3 of the line");
    REFUSES(BYTES("\xef\xbb\xbf"
                  "a\xff"),
            NULL, "a.txt:1: found 0xFF at byte 5 of the line");
    REFUSES(BYTES("\xed\xa0\x80"), NULL, "found 0xED"); /* a surrogate */
    REFUSES(BYTES("\xc0\xaf"), NULL, "found 0xC0");     /* too long */
    REFUSES(in_encoding(DANISH, "UTF-16LE", "", 0), NULL, "--encoding utf-16le");
    REFUSES(in_encoding("The plain one", "UTF-16BE", "", 0), NULL, "--encoding utf-16be");
    REFUSES(BYTES("a\nb \x81"), "windows-1252",
            "a.txt:2: found 0x81 at offset 4, which is no windows-1252");
    REFUSES(of("\xff\xfe"
               "a\0\n\0\x00\xd8",
               8),
            NULL, "a.txt:2: found 0x00 at offset 4, which is no UTF-16LE");
    REFUSES(of("\xff\xfe"
               "a",
               3),
            NULL, "which is no UTF-16LE"); /* half a character */
    REFUSES(BYTES("\xe5"), "klingon", "the encoding klingon");
    REFUSES(BYTES("\xe5"), "utf-8", "which is no utf-8");
}

static void xml(void **state)
{
    (void)state;
    static const struct {
        const char *given, *encoding, *want;
    } row[] = {
        {"<?xml version='1.0' encoding='latin1'?>\xe5", NULL, "å"},
        {"<?xml version=\"1.0\" encoding = \"windows-1252\" ?>\x80", NULL, "€"},
        {"<?xml version='1.0' encoding='UTF-8'?>å", NULL, "å"},
        {"<?xml version='1.0' encoding='UTF-16'?>å", NULL, "å"}, /* it is not */
        {"<?xml version='1.0'?>å", NULL, "å"},
        {"<?xml version='1.0' encoding='latin1'?>å", NULL, "Ã¥"}, /* so it says */
        {"<?xml version='1.0'?>\xe5", "latin1", "å"},
        {"<?xml version='1.0' encoding='us-ascii'?>\xe5", "latin1", "å"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct text_spec how = {.encoding = row[i].encoding, .xml = true};
        struct text_file t;
        struct error e = {0};
        if (!text_of_bytes(&t, "a", row[i].given, strlen(row[i].given), &how, &e))
            fail_msg("%s: %s", row[i].given, e.text);
        size_t n = strlen(row[i].want);
        if (t.n < n || memcmp(t.p + t.n - n, row[i].want, n) != 0)
            fail_msg("%s: found %.*s", row[i].given, (int)t.n, t.p);
        text_close(&t);
    }
    const struct text_spec how = {.xml = true};
    struct bytes wide = in_encoding("<?xml version='1.0'?><å/>", "UTF-16BE", "", 0);
    struct text_file t;
    assert_true(text_of_bytes(&t, "a", wide.p, wide.n, &how, NULL));
    assert_int_equal(t.p[0], '<');
    text_close(&t);
    free(wide.p);
    refuses(BYTES("<?xml version='1.0' encoding='EBCDIC'?>"), &how, "the encoding EBCDIC");
}

/* ---- packed */
static void packed(void **state)
{
    (void)state;
    READS(gzip(DANISH, sizeof DANISH - 1), NULL, DANISH);
    READS(xz(DANISH, sizeof DANISH - 1), NULL, DANISH);
    READS(gzip("", 0), NULL, "");
    READS(xz("", 0), NULL, "");
    READS(gzip("\xe5", 1), "latin1", "å");
    READS(xz("\xff\xfe\xe5\0", 4), NULL, "å");
    READS(gzip("\xef\xbb\xbf"
               "a",
               4),
          NULL, "a");
    READS(two(gzip("a", 1), gzip("b", 1)), NULL, "ab");
    READS(two(xz("a", 1), xz("b", 1)), NULL, "ab");
    READS(two(gzip("a", 1), of("\0\0\0", 3)), NULL, "a");
    REFUSES(gzip("a\n\xe5", 3), NULL, "a.txt:2: found 0xE5");
    REFUSES(two(gzip("a", 1), BYTES("b")), NULL, "other bytes behind them");
    REFUSES(two(xz("a", 1), BYTES("bcde")), NULL, "a.txt");
    /* packed twice is no text */
    struct bytes once = gzip(DANISH, sizeof DANISH - 1);
    REFUSES(gzip(once.p, once.n), NULL, "expected UTF-8");
    free(once.p);
}

static void cut_short_and_damaged(void **state)
{
    (void)state;
    char text[4096];
    unsigned seed = 1;
    for (size_t i = 0; i < sizeof text; i++)
        text[i] = (char)('a' + (seed = seed * 1103515245u + 12345u) / 65536u % 26u);
    for (int kind = 0; kind < 2; kind++) {
        struct bytes whole = kind ? xz(text, sizeof text) : gzip(text, sizeof text);
        for (size_t n = 6; n < whole.n; n += quick() ? 197 : n < 40 || n + 40 > whole.n ? 1 : 97)
            REFUSES(of(whole.p, n), NULL, "end too early");
        for (size_t at = 12; at < whole.n;
             at += quick() ? 610 : 61) { /* never read as something else, or beyond */
            struct bytes bad = of(whole.p, whole.n);
            struct text_file t;
            bad.p[at] ^= 0x55;
            if (text_of_bytes(&t, "a", bad.p, bad.n, &(struct text_spec){0}, NULL)) {
                assert_int_equal(t.n, sizeof text);
                assert_memory_equal(t.p, text, sizeof text);
            }
            text_close(&t);
            free(bad.p);
        }
        free(whole.p);
    }
    struct bytes b = gzip(text, sizeof text);
    b.p[b.n - 6] ^= 1; /* the checksum */
    REFUSES(b, NULL, "gzip data are damaged");
}

static void bombs(void **state)
{
    (void)state;
    const size_t n = (size_t)(quick() ? 2 : 80) << 20;
    char *zeros = xcalloc(n + 1, 1);
    memset(zeros, 'a', n);
    if (!quick()) {
        REFUSES(gzip(zeros, n), NULL, "unpack to more than");
        REFUSES(xz(zeros, n), NULL, "unpack to more than 64 MiB");
    }
    refuses(gzip(zeros, 2 << 20), &(struct text_spec){.limit = 1 << 20},
            "unpack to more than 1 MiB");
    refuses(of(zeros, 2 << 20), &(struct text_spec){.limit = 1 << 20}, "more than 1 MiB of text");
    struct text_file t;
    struct bytes whole = gzip(zeros, 1 << 20);
    assert_true(
        text_of_bytes(&t, "a", whole.p, whole.n, &(struct text_spec){.limit = 1 << 20}, NULL));
    assert_int_equal(t.n, 1 << 20);
    text_close(&t);
    free(whole.p);
    free(zeros);
}

/* Of a large file only the beginning is looked at, wherever that cuts a character. */
static void the_first_bytes(void **state)
{
    (void)state;
    static const struct {
        const char *encoding, *mark;
        size_t n_mark;
    } row[] = {{"UTF-8", "", 0}, {"UTF-16LE", "\xff\xfe", 2}, {"UTF-32BE", "\0\0\xfe\xff", 4}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct bytes b = in_encoding("a😀€å😀€å😀€å😀€åb😀€å😀€å😀€å😀€åc😀€å😀€å😀€å😀€å", row[i].encoding,
                                     row[i].mark, row[i].n_mark);
        for (size_t first = 2; 4 * (first + 1) < b.n; first++) {
            const struct text_spec how = {.first = first, .limit = 4 * first};
            struct text_file t;
            struct error e = {0};
            if (!text_of_bytes(&t, "a", b.p, b.n, &how, &e))
                fail_msg("%s, %zu: %s", row[i].encoding, first, e.text);
            assert_true(t.n + row[i].n_mark >= first && t.n < b.n);
            assert_memory_equal(t.p, "a😀", t.n < 5 ? t.n : 5);
            text_close(&t);
        }
        free(b.p);
    }
}

/* ---- files */
static void files(void **state)
{
    (void)state;
    char *dir = testdata_folder();
    struct bytes b = in_encoding(DANISH, "UTF-16LE", "\xff\xfe", 2);
    char *wide = testdata_write(dir, "wide.txt", b.p, b.n),
         *plain = testdata_write(dir, "plain.txt", "\xef\xbb\xbf" DANISH, sizeof DANISH + 2),
         *empty = testdata_write(dir, "empty.txt", "", 0);
    const struct text_spec how = {0};
    struct text_file t;
    struct error e = {0};
    assert_true(text_open(&t, wide, &how, &e));
    assert_int_equal(t.n, sizeof DANISH - 1);
    assert_int_equal(t.mark, 0); /* its bytes are not those of the file */
    text_close(&t);
    assert_true(text_open(&t, plain, &how, &e));
    assert_memory_equal(t.p, DANISH, sizeof DANISH - 1);
    assert_int_equal(t.mark, 3);
    text_close(&t);
    assert_true(text_open(&t, empty, &how, &e));
    assert_int_equal(t.n, 0);
    text_close(&t);
    assert_false(text_open(&t, dir, &how, &e));
    text_close(&t);
    free(b.p);
    free(wide);
    free(plain);
    free(empty);
    testdata_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(marked_and_plain),
        cmocka_unit_test(named),
        cmocka_unit_test(other_bytes),
        cmocka_unit_test(xml),
        cmocka_unit_test(packed),
        cmocka_unit_test(cut_short_and_damaged),
        cmocka_unit_test(bombs),
        cmocka_unit_test(the_first_bytes),
        cmocka_unit_test(files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
