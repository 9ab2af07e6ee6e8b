/* Texts and corpora as other programs write them: in other encodings, packed, with a header, with
 * empty lines and special tokens; on the command line and in the explorer. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/journey.h"
#include "tests/support/testdata.h"
#include <iconv.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

#define CORPUS "Børn på Ærø\tda\nThe end\ten\nÅse så en ål\tda\nHello there\ten\n"

static char *written(const char *name, const char *text, const char *encoding, bool pack)
{
    char out[1024], *in = (char *)(uintptr_t)text, *to = out;
    size_t left = strlen(text), room = sizeof out;
    iconv_t c = iconv_open(encoding, "UTF-8");
    assert_true(c != (iconv_t)-1 && iconv(c, &in, &left, &to, &room) == 0);
    iconv_close(c);
    char *path = testdata_write(folder, name, out, sizeof out - room);
    if (!pack)
        return path;
    gzFile z = gzopen(path, "wb");
    assert_int_equal(gzwrite(z, out, (unsigned)(sizeof out - room)), sizeof out - room);
    gzclose(z);
    return path;
}

/* The output of a command with the tiny bundle, which must be done without a word. */
static char *output(const char *command, const char *a, const char *b, const char *c)
{
    struct run_result r;
    run_glimt(&r, NULL, command, "--bundle", bundle, "--csv", a, b, c, (char *)NULL);
    expect_done(&r);
    char *out = xstrdup(r.out);
    run_release(&r);
    return out;
}

static void test_the_same_corpus(void **state)
{
    (void)state;
    static const struct {
        const char *name, *encoding, *option;
        bool pack;
    } row[] = {{"a.tsv", "UTF-8", NULL, false},
               {"wide.tsv", "UTF-16", NULL, false}, /* iconv writes a mark */
               {"latin.tsv", "ISO-8859-1", "--encoding=latin-1", false},
               {"little.tsv", "UTF-16LE", "--encoding=utf-16le", false},
               {"a.tsv.gz", "UTF-8", NULL, true},
               {"latin.tsv.gz", "WINDOWS-1252", "--encoding=windows-1252", true}};
    char *first = NULL;
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *path = written(row[i].name, CORPUS, row[i].encoding, row[i].pack);
        char *now = output("latents", path, row[i].option, NULL);
        if (first)
            assert_string_equal(now, first);
        else
            first = xstrdup(now);
        free(now);
        free(path);
    }
    free(first);
}

static void refuses(const char *path, const char *says)
{
    struct run_result r;
    run_glimt(&r, NULL, "harvest", "--bundle", bundle, path, (char *)NULL);
    expect_error(&r, 2, says);
    run_release(&r);
}

static void test_what_can_not_be_read(void **state)
{
    (void)state;
    char *latin = written("x.tsv", CORPUS, "ISO-8859-1", false),
         *header = written("h.tsv", "text\tlabel\n" CORPUS, "UTF-8", false),
         *cut = testdata_write(folder, "cut.tsv.gz", "\x1f\x8b\x08\0\0\0\0\0\0\3\x4b", 11);
    refuses(latin, "x.tsv:1: found 0xF8 at byte 2 of the line");
    refuses(header, "h.tsv:1: found \"text<TAB>label\", which looks like a header");
    refuses(cut, "its gzip data end too early");
    char *whole = output("harvest", header, "--header", NULL), *plain = NULL, *path;
    path = written("p.tsv", CORPUS, "UTF-8", false);
    plain = output("harvest", path, NULL, NULL);
    assert_string_equal(whole, plain);
    free(whole);
    free(plain);
    free(path);
    free(latin);
    free(header);
    free(cut);
}

/* An empty text and a header shift no number: a document is found at its line. */
static void test_documents_are_found_at_their_lines(void **state)
{
    (void)state;
    char *path =
        written("d.tsv", "text\tlabel\n\tda\nÅse\tda\n\ten\nThe end\ten\n", "UTF-8", false);
    char *out = output("histogram", path, "--header", "--tokens");
    assert_null(strstr(out, "\n0,") ? strstr(out, "\n0,") : strstr(out, "\n1,"));
    assert_non_null(strstr(out, "\n2,da,0,"));
    assert_null(strstr(out, "\n3,"));
    assert_non_null(strstr(out, "\n4,en,0,"));
    free(out);
    free(path);
}

static void test_special_tokens_of_a_corpus(void **state)
{
    (void)state;
    char *path = written("s.tsv", "Slut<|endoftext|>\tda\nEnd\ten\n", "UTF-8", false);
    struct run_result r;
    run_glimt(&r, NULL, "histogram", "--bundle", bundle, path, "--tokens", "--csv", (char *)NULL);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.err, "glimt: note: <|endoftext|> is read as plain text in 1 text; "
                               "--special reads it as its token\n");
    assert_null(strstr(r.out, "<|endoftext|>"));
    run_release(&r);
    char *out = output("histogram", path, "--tokens", "--special");
    assert_non_null(strstr(out, "<|endoftext|>"));
    free(out);
    free(path);
}

/* ---- the explorer */
static void command(struct term *t, const char *line, const char *argument)
{
    term_type(t, ":");
    settle(t);
    term_type(t, line);
    term_type(t, argument);
    term_key(t, "Enter");
    settle(t);
}

static void test_open(void **state)
{
    (void)state;
    char *latin = written("o.txt", "Blåbærgrød", "ISO-8859-1", false),
         *wide = written("w.txt.gz", "Køer på Ærø", "UTF-16", true);
    struct term *t =
        start(&(struct how){.state = "{\"glimt_state\":1,\"text\":\"før\"}", .w = 200});
    escape(t);
    command(t, "open ", latin);
    assert_shows(t, "found 0xE5 at byte 3 of the line");
    assert_shows(t, "før"); /* it is still there */
    command(t, "encoding ", "latin1");
    command(t, "open ", latin);
    assert_shows(t, "Blåbærgrød");
    command(t, "open ", wide);
    assert_shows(t, "Køer på Ærø");
    quit(t);
    free(latin);
    free(wide);
}

static void test_special_in_the_explorer(void **state)
{
    (void)state;
    struct term *t =
        start(&(struct how){.state = "{\"glimt_state\":1,\"text\":\"a<|endoftext|>b\"}", .w = 140});
    assert_shows(t, "<|endoftext|> is read as plain text; :special on reads it as its token");
    escape(t);
    assert_false(term_has(t, " 3 tokens"));
    command(t, "special ", "on");
    assert_shows(t, " 3 tokens");
    assert_shows(t, "special tokens spelled out are their tokens");
    term_type(t, "u");
    settle(t);
    assert_false(term_has(t, " 3 tokens"));
    assert_false(term_has(t, "is read as plain text")); /* said once */
    quit(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_corpus),
        cmocka_unit_test(test_what_can_not_be_read),
        cmocka_unit_test(test_documents_are_found_at_their_lines),
        cmocka_unit_test(test_special_tokens_of_a_corpus),
        cmocka_unit_test(test_open),
        cmocka_unit_test(test_special_in_the_explorer),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
