#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/corpus.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

#include <cmocka.h>

/* ---- opening what a test writes */
static struct corpus *must_open(const struct corpus_spec *spec)
{
    struct corpus *c = NULL;
    struct error e = {0};
    if (!corpus_open(spec, &c, &e))
        fail_msg("%s", e.text);
    assert_false(error_is_set(&e));
    return c;
}

/* The file `name` with n bytes, opened with the rest of the spec (path is set here). */
static struct corpus *open_bytes(const char *name, const void *p, size_t n, struct corpus_spec spec)
{
    char *path = testdata_write(test_folder, name, p, n);
    spec.path = path;
    struct corpus *c = must_open(&spec);
    free(path);
    return c;
}
static struct corpus *open_text(const char *name, const char *text, struct corpus_spec spec)
{
    return open_bytes(name, text, strlen(text), spec);
}

static void refused(struct corpus_spec spec, const char *const says[3])
{
    struct corpus *c = NULL;
    struct error e = {0};
    assert_false(corpus_open(&spec, &c, &e));
    assert_null(c);
    assert_int_equal(e.kind, ERROR_INPUT);
    for (int i = 0; i < 3 && says[i] != NULL; i++)
        if (strstr(e.text, says[i]) == NULL)
            fail_msg("\"%s\" does not say \"%s\"", e.text, says[i]);
}
static void refused_bytes(const char *name, const void *p, size_t n, struct corpus_spec spec,
                          const char *const says[3])
{
    char *path = testdata_write(test_folder, name, p, n);
    spec.path = path;
    refused(spec, says);
    free(path);
}
#define REFUSED(name, text, spec, ...)                                                             \
    refused_bytes(name, text, sizeof(text) - 1, spec, (const char *const[3]){__VA_ARGS__})

/* All documents as "class:pair:line:text|…". */
static void expect_docs(const struct corpus *c, const char *want)
{
    char *got = NULL;
    size_t n = 0;
    int64_t bytes = 0, docs = 0;
    FILE *f = open_memstream(&got, &n);
    for (int64_t i = 0; i < c->n_docs; i++) {
        const struct corpus_doc *d = &c->doc[i];
        fprintf(f, "%s:%d:%d:", c->cls[d->cls].name, d->pair, d->line);
        fwrite(d->text, 1, d->n, f);
        fputc('|', f);
        bytes += (int64_t)d->n;
    }
    fclose(f);
    assert_string_equal(got, want);
    free(got);
    for (int32_t i = 0; i < c->n_classes; i++) {
        bytes -= c->cls[i].n_bytes;
        docs += c->cls[i].n_docs;
        assert_int_equal(corpus_class_find(c, c->cls[i].name), i);
    }
    assert_int_equal(bytes, 0);
    assert_int_equal(docs, c->n_docs);
}

static void expect_text(const char *name, const char *text, struct corpus_spec spec,
                        const char *want, bool paired)
{
    struct corpus *c = open_text(name, text, spec);
    assert_string_equal(c->name, name);
    expect_docs(c, want);
    assert_int_equal(c->paired, paired);
    corpus_free(c);
}

#define ANY                                                                                        \
    (struct corpus_spec)                                                                           \
    {                                                                                              \
        0                                                                                          \
    }
#define DEMO                                                                                       \
    (struct corpus_spec)                                                                           \
    {                                                                                              \
        .n_names = 2, .name = {"da", "en"}, .min_classes = 2                                       \
    }

/* ---- text<TAB>label */
static void labelled_lines(void **state)
{
    (void)state;
    expect_text("a.tsv", "Ja \t0\nYes\t1\n", DEMO, "da:-1:1:Ja |en:-1:2:Yes|", false);
    /* the first class met is the first; \r\n; no end of the last line; an empty last one */
    expect_text("b.tsv", "Yes\t1\r\n\xef\xbb\xbfJa\t0", DEMO, "en:-1:1:Yes|da:-1:2:\xef\xbb\xbfJa|",
                false);
    expect_text("c.tsv", "\xef\xbb\xbfYes\t1\r\nJa\t0\r\n\r\n", DEMO, "en:-1:1:Yes|da:-1:2:Ja|",
                false);
    expect_text("d.tsv", "Yes\t1\n\n", ANY, "1:-1:1:Yes|", false);
    /* the last tab parts; a carriage return inside stays; trailing blanks stay */
    expect_text("e.tsv", "a\tb\r\tc\tx\n b  \tx\n", ANY, "x:-1:1:a\tb\r\tc|x:-1:2: b  |", false);
    /* labels beyond the names, and what is no number 0 … n−1, name themselves */
    expect_text("f.tsv", "a\t0\nb\t1\nc\t2\nd\t00\ne\tda\nf\t-1\ng\t+1\nh\t10\n", DEMO,
                "da:-1:1:a|en:-1:2:b|2:-1:3:c|00:-1:4:d|da:-1:5:e|-1:-1:6:f|+1:-1:7:g|10:-1:8:h|",
                false);
    /* a sentence without text is none; one of blanks is one */
    expect_text("g.tsv", "\t0\n \t0\n\t1\nb\t1\n", DEMO, "da:-1:2: |en:-1:4:b|", false);
}

static void headers(void **state)
{
    (void)state;
    static const char *const header[] = {
        "text\tlabel",         "Sentence\tClass", "id\ttext\tlabel", "tekst\tsprog",
        "text\tlanguage_code", "x\tlabel",        "sætning\tmærke",  "TEXT\tLABEL\r",
    };
    struct corpus_spec skip = DEMO;
    skip.header = true;
    for (size_t i = 0; i < sizeof header / sizeof *header; i++) {
        char text[100];
        snprintf(text, sizeof text, "%s\nJa\t0\nYes\t1\n", header[i]);
        char *path = testdata_write(test_folder, "a.tsv", text, strlen(text));
        struct corpus_spec spec = DEMO;
        spec.path = path;
        refused(spec,
                (const char *const[3]){"a.tsv:1: found \"", "looks like a header", "--header"});
        free(path);
        expect_text("a.tsv", text, skip, "da:-1:2:Ja|en:-1:3:Yes|", false);
    }
    REFUSED("a.tsv", "text\tlabel", ANY, "looks like a header");
    REFUSED("a.tsv", "text\tlabel\nJa\tda\ntext\tlabel\n", ANY, "\"text<TAB>label\"");
    /* texts and labels that are none of a header */
    expect_text("b.tsv", "Text\t0\nYes\t1\n", DEMO, "da:-1:1:Text|en:-1:2:Yes|", false);
    expect_text("b.tsv", "Ja\tclass\nNej\tclass\n", ANY, "class:-1:1:Ja|class:-1:2:Nej|", false);
    expect_text("b.tsv", "Ja tak\tlabel\nYes\ten\n", ANY, "label:-1:1:Ja tak|en:-1:2:Yes|", false);
    expect_text("b.tsv", "Ja\tda\nYes\ten\n", ANY, "da:-1:1:Ja|en:-1:2:Yes|", false);
    expect_text("b.tsv", "text\tda\nJa\tda\n", ANY, "da:-1:1:text|da:-1:2:Ja|", false);
    /* asked for, the first line goes whatever it is */
    expect_text("b.tsv", "\xef\xbb\xbfJa\t0\nYes\t1\nNej\t0\n", skip, "en:-1:2:Yes|da:-1:3:Nej|",
                false);
    REFUSED("c.tmx",
            "<tmx><body><tu><tuv lang=\"da\"><seg>a</seg></tuv><tuv lang=\"en\"><seg>A</seg></tuv>"
            "</tu></body></tmx>",
            skip, "--header: found no lines text<TAB>label");
}

/* The same documents, whatever the file was written in. */
static void encodings(void **state)
{
    (void)state;
    static const char want[] = "da:-1:1:Ærø |en:-1:2:Yes|";
    static const char wide[] = "\xff\xfe\xc6\0r\0\xf8\0 \0\t\0"
                               "0\0\n\0Y\0e\0s\0\t\0"
                               "1\0";
    struct corpus_spec latin1 = DEMO;
    latin1.encoding = "latin1";
    struct corpus *c[3] = {open_bytes("a.tsv", wide, sizeof wide - 1, DEMO),
                           open_text("a.tsv", "\xef\xbb\xbfÆrø \t0\nYes\t1\n", DEMO),
                           open_text("a.tsv", "\xc6r\xf8 \t0\nYes\t1\n", latin1)};
    for (int i = 0; i < 3; i++) {
        expect_docs(c[i], want);
        assert_memory_equal(&c[i]->hash, &c[0]->hash, sizeof c[0]->hash);
    }
    for (int i = 0; i < 3; i++)
        corpus_free(c[i]);
    /* read as something else it is another corpus */
    latin1.encoding = "iso-8859-5";
    c[0] = open_text("a.tsv", "\xc6r\xf8 \t0\nYes\t1\n", latin1);
    c[1] = open_text("a.tsv", "Ærø \t0\nYes\t1\n", DEMO);
    assert_memory_not_equal(&c[0]->hash, &c[1]->hash, sizeof c[0]->hash);
    corpus_free(c[0]);
    corpus_free(c[1]);
}

/* A packed file counts as what it unpacks to; its name, too. */
static void packed_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } row[] = {{"a.jsonl.GZ", "{\"text\":\"Ja\"}\n"},
               {"a.json.gz", "[\"Ja\"]"},
               {"a.txt.gz", "Ja"},
               {"a.gz", "Ja\r\n"},
               {"a.conllu.gz", "# text = Ja\n"}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        char *path = testdata_write(test_folder, row[i].name, "", 0);
        gzFile z = gzopen(path, "wb");
        assert_true(gzputs(z, row[i].text) > 0);
        gzclose(z);
        struct corpus *c = must_open(&(struct corpus_spec){.n_files = 1, .file = {{"da", path}}});
        expect_docs(c, "da:-1:1:Ja|");
        corpus_free(c);
        free(path);
    }
    refused_bytes("a.tsv.gz", "\x1f\x8b\x08\0", 4, ANY,
                  (const char *const[3]){"a.tsv.gz", "gzip data end too early"});
}

static void labels_of_two_digits(void **state)
{
    (void)state;
    struct corpus_spec spec = {.n_names = 12};
    static const char *const name[] = {"a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l"};
    for (int i = 0; i < 12; i++)
        spec.name[i] = name[i];
    expect_text("a.tsv", "x\t11\ny\t12\nz\t9\n", spec, "l:-1:1:x|12:-1:2:y|j:-1:3:z|", false);
}

static void text_with_nul(void **state)
{
    (void)state;
    struct corpus *c = open_bytes("a.tsv", "a\0b\t0\n", 6, ANY);
    assert_int_equal(c->n_docs, 1);
    assert_int_equal(c->doc[0].n, 3);
    assert_memory_equal(c->doc[0].text, "a\0b", 3);
    corpus_free(c);
}

static void bad_lines(void **state)
{
    (void)state;
    REFUSED("a.tsv", "Ja\t0\nYes 1\n", ANY, "a.tsv:2: found a line without a tab",
            "expected text<TAB>label", "--class NAME=FILE");
    REFUSED("a.tsv", "Ja\t0\n\nYes\t1\n", ANY, "a.tsv:2: found an empty line");
    REFUSED("a.tsv", "Ja\t0\nYes\t\r\n", ANY, "a.tsv:2: found an empty label");
    REFUSED("a.tsv", "Yes\ta\x01\n", ANY, "a.tsv:1: found a label with a control character");
    REFUSED("a.tsv", "Yes\ta\xc2\x85\n", ANY, "found a label with a control character");
    REFUSED("a.tsv", "Yes\ta\0b\n", ANY, "found a label with a control character");
    REFUSED("a.tsv", "Ja\tx\nYes\t\xff\n", ANY, "a.tsv:2: found 0xFF at byte 5 of the line");
    REFUSED("a.tsv", "Yes\t\xe2\x82\n", ANY, "a.tsv:1: found 0xE2 at byte 5", "--encoding NAME");
    char line[80] = "Yes\t";
    memset(line + 4, 'x', 65);
    refused_bytes("a.tsv", line, 4 + 65, ANY,
                  (const char *const[3]){"found a label that is too long", "1 to 64 bytes"});
    struct corpus *c = open_bytes("a.tsv", line, 4 + 64, ANY);
    assert_int_equal(strlen(c->cls[0].name), 64);
    corpus_free(c);
}

static void too_few(void **state)
{
    (void)state;
    REFUSED("a.tsv", "", ANY, "a.tsv: found no text");
    REFUSED("a.tsv", "\n", ANY, "a.tsv: found no text");
    REFUSED("a.tsv", "a\t0\nb\t0\n", DEMO, "a.tsv: found 1 class (da 2), expected at least 2");
    REFUSED("a.tsv", "a\t0\n\t1\n", ANY, "a.tsv: found no text of class 1 (found: 0 1, 1 0)");
    struct corpus_spec odd = DEMO;
    odd.split = CORPUS_ODD;
    REFUSED("a.tsv", "a\t0\nb\t1\nc\t0\n", odd, "no text of odd index of class en (found: da 1");
    char many[CORPUS_MAX_CLASSES * 8 + 64];
    size_t n = 0;
    for (int i = 0; i <= CORPUS_MAX_CLASSES; i++)
        n += (size_t)snprintf(many + n, sizeof many - n, "t\t%d\n", i);
    refused_bytes("a.tsv", many, n, ANY,
                  (const char *const[3]){"a.tsv:65: found \"64\"", "at most 64 classes"});
    refused((struct corpus_spec){0}, (const char *const[3]){"found no file"});
    refused((struct corpus_spec){.path = "/nowhere/a.tsv"}, (const char *const[3]){"/nowhere/a"});
    refused((struct corpus_spec){.n_files = CORPUS_MAX_CLASSES + 1},
            (const char *const[3]){"65 class files"});
}

static void limit_and_split(void **state)
{
    (void)state;
    static const char text[] = "a\t0\nb\t0\nA\t1\nc\t0\n\t1\nB\t1\nd\t0\nC\t1\n";
    struct corpus_spec s = ANY;
    s.limit = 2;
    expect_text("a.tsv", text, s, "0:-1:1:a|0:-1:2:b|1:-1:3:A|1:-1:6:B|", false);
    s.split = CORPUS_ODD;
    expect_text("a.tsv", text, s, "0:-1:2:b|1:-1:6:B|", false);
    s.limit = 3;
    s.split = CORPUS_EVEN;
    expect_text("a.tsv", text, s, "0:-1:1:a|1:-1:3:A|0:-1:4:c|1:-1:8:C|", false);
    s.limit = 0;
    s.split = CORPUS_ODD;
    expect_text("a.tsv", text, s, "0:-1:2:b|1:-1:6:B|0:-1:7:d|", false);
    s.limit = 100;
    s.split = CORPUS_ALL;
    expect_text("a.tsv", text, s, "0:-1:1:a|0:-1:2:b|1:-1:3:A|0:-1:4:c|1:-1:6:B|0:-1:7:d|1:-1:8:C|",
                false);
}

/* ---- one class a file */
static void expect_files(const char *const files[][3], int32_t n, struct corpus_spec spec,
                         const char *want)
{
    char *path[4];
    spec.n_files = n;
    for (int32_t i = 0; i < n; i++) {
        path[i] = testdata_write(test_folder, files[i][1], files[i][2], strlen(files[i][2]));
        spec.file[i].cls = files[i][0];
        spec.file[i].path = path[i];
    }
    struct corpus *c = must_open(&spec);
    expect_docs(c, want);
    assert_false(c->paired);
    corpus_free(c);
    for (int32_t i = 0; i < n; i++)
        free(path[i]);
}

static void class_files(void **state)
{
    (void)state;
    expect_files((const char *const[][3]){{"da", "d.txt", "\xef\xbb\xbfJa\t1\r\n\r\n Nej \nx"},
                                          {"en", "e.JSON", "[\"Yes\\n\", \"\", \"N\\u00f8\"]"}},
                 2, ANY, "da:-1:1:Ja\t1|da:-1:3: Nej |da:-1:4:x|en:-1:1:Yes\n|en:-1:3:N\xc3\xb8|");
    expect_files((const char *const[][3]){{"da", "d.conllu",
                                           "# sent_id = 1\n# text = Hej du \r\n1\tHej\t_\n\n"
                                           "#text=x\n# text_en = no\n# texts = no\n# text\n"
                                           "# text = \n#\ttext  =  y\n text = no\n#"}},
                 1, ANY, "da:-1:2:Hej du |da:-1:5:x|da:-1:10: y|");
    expect_files(
        (const char *const[][3]){{"da", "d.jsonl",
                                  "{\"text\":\"Hej \", \"id\":1}\r\n\n  \n"
                                  "{\"text\":\"\"}\n{\"label\":\"en\",\"text\":\"\\u00e6\"}"}},
        1, ANY, "da:-1:1:Hej |da:-1:5:æ|");
    /* two files of one class, in order; limit and split count through */
    struct corpus_spec s = ANY;
    s.limit = 3;
    s.split = CORPUS_EVEN;
    expect_files((const char *const[][3]){{"da", "d.txt", "a\nb"},
                                          {"en", "e.txt", "A\n"},
                                          {"da", "f.txt", "c\nd"}},
                 3, s, "da:-1:1:a|en:-1:1:A|da:-1:1:c|");
}

static void bad_class_file(const char *cls, const char *name, const char *text, const char *says)
{
    char *path = testdata_write(test_folder, name, text, strlen(text));
    refused((struct corpus_spec){.n_files = 1, .file = {{cls, path}}},
            (const char *const[3]){name, says});
    free(path);
}

static void bad_class_files(void **state)
{
    (void)state;
    bad_class_file("da", "a.json", "[\"a\", 7]", "element 1 of the list is an integer");
    bad_class_file("da", "a.json", "[\"a\", null]", "expected a string");
    bad_class_file("da", "a.json", "{\"a\":\"b\"}", "found an object, expected a list of strings");
    bad_class_file("da", "a.json", "\"a\"", "found a string, expected a list of strings");
    bad_class_file("da", "a.json", "[\"a\"", "not valid JSON (line 1");
    bad_class_file("da", "a.json", "[\"a\xff\"]", "a.json:1: found 0xFF");
    bad_class_file("da", "a.txt", "a\nb\xe5\n", "a.txt:2: found 0xE5");
    bad_class_file("da", "a.conllu", "# text = \xe5\n", "a.conllu:1: found 0xE5");
    bad_class_file("da", "a.jsonl", "{\"text\":\"\xe5\"}\n", "a.jsonl:1: found 0xE5");
    bad_class_file("da", "a.jsonl", "{\"text\":\"a\"}\n{\"text\":7}\n",
                   "a.jsonl:2: \"text\" is an integer");
    bad_class_file("da", "a.jsonl", "\n{\"words\":\"a\"}\n",
                   "a.jsonl:2: found an object without \"text\"");
    bad_class_file("da", "a.jsonl", "\"a\"\n", "a.jsonl:1: found a string, expected an object");
    bad_class_file("da", "a.jsonl", "{\"text\":\"a\"\n", "a.jsonl:1: not valid JSON");
    bad_class_file("da", "a.json", "", "found an empty file");
    bad_class_file("da", "a.json", "[]", "found no text of class da");
    bad_class_file("da", "a.txt", "\n\r\n", "found no text of class da");
    bad_class_file("da", "a.conllu", "1\tHej\n", "found no text of class da");
    bad_class_file("", "a.txt", "a", "found an empty label");
    bad_class_file("a\nb", "a.txt", "a", "control character");
}

static void labelled_and_class_file(void **state)
{
    (void)state;
    char *a = testdata_write(test_folder, "a.tsv", "Ja\t0\nYes\t1\n", 11),
         *b = testdata_write(test_folder, "b.txt", "Nein\n", 5);
    struct corpus_spec spec = DEMO;
    spec.path = a;
    spec.n_files = 1;
    spec.file[0].cls = "de";
    spec.file[0].path = b;
    struct corpus *c = must_open(&spec);
    assert_string_equal(c->name, "a.tsv, b.txt");
    expect_docs(c, "da:-1:1:Ja|en:-1:2:Yes|de:-1:1:Nein|");
    corpus_free(c);
    free(a);
    free(b);
}

/* ---- TMX */
#define HEAD                                                                                       \
    "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<!DOCTYPE tmx SYSTEM \"tmx14.dtd\">\n"            \
    "<tmx version=\"1.4\"><header srclang=\"da\"><note>x</note></header><body>\n"
#define TAIL "</body></tmx>\n"
#define TUV(lang, seg) "<tuv xml:lang=\"" lang "\"><seg>" seg "</seg></tuv>"
#define TU(...) "<tu>" __VA_ARGS__ "</tu>\n"
#define BOTH(a, b) TU(TUV("da", a) TUV("en", b))

static void memories(void **state)
{
    (void)state;
    expect_text("a.tmx", HEAD BOTH("Ja", "Yes") BOTH("Nej &amp; &#248;", "No") TAIL, ANY,
                "da:0:1:Ja|en:0:1:Yes|da:1:2:Nej & \xc3\xb8|en:1:2:No|", true);
    /* subtags, old attribute, order of the file; told by content */
    expect_text(
        "b.xml",
        HEAD TU("<prop type=\"x\">p</prop>" TUV("EN-gb", "Yes") TUV("da_DK", "<!-- c -->Ja<?p i?>"))
            TU("<tuv lang=\"Da\"><note>n</note><seg><![CDATA[Nej <]]></seg></tuv>" TUV("en", "No"))
                TAIL,
        ANY, "en:0:1:Yes|da:0:1:Ja|da:1:2:Nej <|en:1:2:No|", true);
    /* codes go with what is in them, marked text stays */
    expect_text("c.tmx",
                HEAD BOTH("A<ph x=\"1\">{b}<sub>c</sub></ph>d<hi>e<bpt i=\"1\">&lt;b></bpt>f</hi>"
                          "<ept i=\"1\"/><it pos=\"begin\">g</it><ut>h</ut> ",
                          "\n x") TAIL,
                ANY, "da:0:1:Adef |en:0:1:\n x|", true);
    /* an empty side, or none, and the unit goes; its number does not stay free */
    expect_text("d.tmx",
                HEAD BOTH("a", "A") BOTH("b", "") BOTH(" \n", "C") TU(TUV("da", "d"))
                    BOTH("<ph>e</ph>", "E") TU("") BOTH("f", "F") TAIL,
                ANY, "da:0:1:a|en:0:1:A|da:1:7:f|en:1:7:F|", true);
    /* three languages: the units that have all */
    expect_text("e.tmx",
                HEAD BOTH("a", "A") TU(TUV("da", "b") TUV("en", "B") TUV("sv", "c"))
                    TU(TUV("sv", "d") TUV("da", "e") TUV("en", "E")) TAIL,
                ANY, "da:0:2:b|en:0:2:B|sv:0:2:c|sv:1:3:d|da:1:3:e|en:1:3:E|", true);
    /* two texts of one language: no pair of one a class */
    expect_text("f.tmx",
                HEAD BOTH("a", "A") TU(TUV("da", "b") TUV("en-GB", "B") TUV("en-US", "C")) TAIL,
                ANY, "da:0:1:a|en:0:1:A|da:1:2:b|en:1:2:B|en:1:2:C|", false);
    expect_text("i.tmx", HEAD TU(TUV("da", "a") TUV("en", "A") TUV("en", "B") TUV("da", "b")) TAIL,
                ANY, "da:0:1:a|en:0:1:A|en:0:1:B|da:0:1:b|", false); /* two of each are no pairs */
    expect_text("g.tmx", HEAD TU(TUV("da", "a")) TU(TUV("da", "b")) TAIL, ANY, "da:0:1:a|da:1:2:b|",
                false);
}

static void halves_of_memories(void **state)
{
    (void)state;
    static const char text[] = HEAD BOTH("a", "A") BOTH("b", "") BOTH("c", "C")
        TU(TUV("en", "D") TUV("da", "d")) BOTH("e", "E") TAIL;
    struct corpus_spec s = {.split = CORPUS_EVEN, .min_classes = 2};
    expect_text("a.tmx", text, s, "da:0:1:a|en:0:1:A|en:1:4:D|da:1:4:d|", true);
    s.split = CORPUS_ODD;
    expect_text("a.tmx", text, s, "da:0:3:c|en:0:3:C|da:1:5:e|en:1:5:E|", true);
    s.limit = 3;
    expect_text("a.tmx", text, s, "da:0:3:c|en:0:3:C|", true);
    s.limit = 1;
    REFUSED("a.tmx", HEAD BOTH("a", "A") TAIL, s, "no text of odd index of class da");
}

static void memory_in_utf16(void **state)
{
    (void)state;
    static const char text[] =
        "<?xml version=\"1.0\" encoding=\"UTF-16\"?><tmx><body>" BOTH("Ja", "Yes") "</body></tmx>";
    char wide[2 * sizeof text];
    wide[0] = '\xff', wide[1] = '\xfe';
    for (size_t i = 0; i + 1 < sizeof text; i++)
        wide[2 * i + 2] = text[i], wide[2 * i + 3] = 0;
    struct corpus *c = open_bytes("a.tmx", wide, 2 * sizeof text, ANY);
    expect_docs(c, "da:0:1:Ja|en:0:1:Yes|");
    corpus_free(c);
}

static void memory_in_latin1(void **state)
{
    (void)state;
    expect_text("a.tmx",
                "<?xml version=\"1.0\" encoding=\"windows-1252\"?><tmx><body>" BOTH(
                    "\xc6r\xf8 \x80", "Yes") "</body></tmx>",
                ANY, "da:0:1:Ærø €|en:0:1:Yes|", true);
    struct corpus_spec latin1 = {.encoding = "latin1"};
    expect_text("a.tmx", "<tmx><body>" BOTH("\xc6r\xf8", "Yes") "</body></tmx>", latin1,
                "da:0:1:Ærø|en:0:1:Yes|", true);
}

static void bad_memories(void **state)
{
    (void)state;
    REFUSED("a.tmx", "", ANY, "a.tmx:1: not valid XML (no element found)");
    REFUSED("a.tmx", "da\t0\n", ANY, "not valid XML");
    REFUSED("a.tmx", HEAD "\n<tu></body>", ANY, "a.tmx:5: not valid XML (mismatched tag)");
    REFUSED("a.tmx", HEAD BOTH("a\xff", "b") TAIL, ANY, "a.tmx:4: found 0xFF");
    REFUSED("a.tmx", "<?xml version=\"1.0\" encoding=\"EBCDIC\"?><tmx/>", ANY,
            "found the encoding EBCDIC");
    REFUSED("a.tmx", "<html/>", ANY, "found an XML file of type html, expected tmx");
    REFUSED("a.tmx", HEAD TU("<tuv><seg>a</seg></tuv>") TAIL, ANY,
            "a.tmx:4: found a <tuv> without a language");
    REFUSED("a.tmx", HEAD TU(TUV("", "a")) TAIL, ANY, "a.tmx:4: found an empty label");
    REFUSED("a.tmx", HEAD TU(TUV("-da", "a")) TAIL, ANY, "found an empty label");
    REFUSED("a.tmx", HEAD TAIL, ANY, "a.tmx: found no translation unit with a text");
    REFUSED("a.tmx", HEAD BOTH("a", "") TU(TUV("en", "b")) TAIL, ANY,
            "no translation unit with a text in each of its languages (da, en)");
    /* texts outside of units are none */
    REFUSED("a.tmx", HEAD TUV("da", "a") "<seg>b</seg>" TAIL, ANY, "found no translation unit");
    REFUSED("a.tmx", HEAD TU("<seg>b</seg>") TAIL, ANY, "found no translation unit");
    REFUSED("a.tmx", HEAD TU(TUV("da", "a")) TAIL, DEMO, "found 1 class (da 1), expected");
}

static void entities(void **state)
{
    (void)state;
    REFUSED("a.tmx",
            "<?xml version=\"1.0\"?>\n<!DOCTYPE tmx [<!ENTITY a \"ha\">\n"
            "<!ENTITY b \"&a;&a;&a;&a;\">]><tmx><body>" BOTH("&b;", "x") "</body></tmx>",
            ANY, "a.tmx:2: found a declaration of the entity a, expected none");
    char *secret = testdata_write(test_folder, "secret.txt", "secret", 6);
    REFUSED("a.tmx",
            "<!DOCTYPE tmx [<!ENTITY a SYSTEM \"secret.txt\">]><tmx><body>" BOTH(
                "&a;", "x") "</body></tmx>",
            ANY, "the entity a");
    REFUSED("a.tmx",
            "<!DOCTYPE tmx [<!ENTITY % p SYSTEM \"secret.txt\">%p;]><tmx><body>" BOTH(
                "x", "y") "</body></tmx>",
            ANY, "the entity p");
    /* one that only the DTD, which is not read, could know */
    REFUSED("a.tmx", HEAD BOTH("a&nbsp;b", "x") TAIL, ANY, "found the entity nbsp");
    free(secret);
}

/* ---- from memory */
static void lists(void **state)
{
    (void)state;
    static const char *const da[] = {"a", "b", "c"}, *const en[] = {"A", "", "C"};
    const struct corpus_list l[2] = {{"da", da, 3}, {"en", en, 3}};
    struct corpus *c = NULL;
    struct error e = {0};
    assert_true(corpus_from_lists("references", l, 2, true, 0, CORPUS_ALL, &c, &e));
    assert_string_equal(c->name, "references");
    expect_docs(c, "da:0:1:a|en:0:1:A|da:1:3:c|en:1:3:C|");
    assert_true(c->paired);
    assert_ptr_not_equal(c->doc[0].text, da[0]);
    corpus_free(c);
    assert_true(corpus_from_lists("references", l, 2, true, 0, CORPUS_ODD, &c, &e));
    expect_docs(c, "da:0:3:c|en:0:3:C|");
    corpus_free(c);
    assert_true(corpus_from_lists("x", l, 2, false, 2, CORPUS_ALL, &c, &e));
    expect_docs(c, "da:-1:1:a|da:-1:2:b|en:-1:1:A|en:-1:3:C|");
    assert_false(c->paired);
    corpus_free(c);
    c = NULL;
    const struct corpus_list uneven[2] = {{"da", da, 3}, {"en", en, 2}};
    assert_false(corpus_from_lists("x", uneven, 2, true, 0, CORPUS_ALL, &c, &e));
    assert_non_null(strstr(e.text, "found 3 texts of da and 2 of en, expected pairs"));
    e = (struct error){0};
    assert_false(corpus_from_lists("x", l, 0, false, 0, CORPUS_ALL, &c, &e));
    assert_non_null(strstr(e.text, "0 classes"));
    assert_null(c);
}

/* ---- the hash: of content alone */
static void expect_hash(const char *name, const char *text, struct corpus_spec spec,
                        const char *want)
{
    char hex[65];
    struct corpus *c = open_text(name, text, spec);
    sha256_hex(&c->hash, hex);
    corpus_free(c);
    assert_string_equal(hex, want);
}

static void hashes(void **state)
{
    (void)state;
    /* python3: u = lambda v: v.to_bytes(8, "little"); s = lambda b: u(len(b)) + b
     * sha256(s(b"corpus 1") + u(2) + s(b"da") + s(b"en") + u(2) + u(0 << 32 | pair) + s(b"Ja") +
     * u(1 << 32 | pair) + s(b"Yes")), pair 0xffffffff for none */
    static const char plain[] = "ca2f5202d96461d6b68f8dcaa482c46b8715333b567ef10b16f03cc84e4f05bf",
                      paired[] = "29730fc5b856c5b6979aa3f8e77f060470cf4a2cb56e46db9e959263996e328f";
    expect_hash("a.tsv", "Ja\t0\nYes\t1\n", DEMO, plain);
    expect_hash("b.tsv", "Ja\t0\r\n\t1\r\nYes\t1", DEMO, plain);
    struct corpus_spec first = DEMO;
    first.limit = 1;
    expect_hash("c.tsv", "Ja\tda\nYes\ten\nNej\tda\n", first, plain);
    expect_hash("d.tmx", HEAD BOTH("x", "") BOTH("Ja", "Yes") TAIL, ANY, paired);
    static const char *const other[] = {"Ja\t0\nYes\t2\n", "Yes\t1\nJa\t0\n", "Ja \t0\nYes\t1\n",
                                        "JaY\t0\nes\t1\n", "Ja\t0\nYes\t1\nYes\t1\n"};
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        char hex[65];
        struct corpus *c = open_text("e.tsv", other[i], DEMO);
        sha256_hex(&c->hash, hex);
        assert_string_not_equal(hex, plain);
        corpus_free(c);
    }
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int64_t n;
    } row[] = {{" ", 0},
               {"a", 1},
               {" Det er  en\tgod id\xc3\xa9. ", 5},
               {"a\xc2\xa0"
                "b\xe2\x80\x83"
                "c\xe3\x80\x80"
                "d\ne\r\nf",
                6},
               {"\xff \xc3", 2},
               {"\xc3\xa6\xc3\xb8\xc3\xa5", 1}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const struct corpus_doc d = {.text = row[i].text, .n = strlen(row[i].text)};
        assert_int_equal(corpus_words(&d), row[i].n);
    }
    assert_int_equal(corpus_words(&(struct corpus_doc){.text = "a b", .n = 1}), 1);
}

/* ---- real files */
static void ted_talks(void **state)
{
    (void)state;
    char *path = testdata_path("tedtalks_da_en.tsv");
    if (path == NULL)
        skip();
    struct corpus_spec spec = DEMO;
    spec.path = path;
    struct corpus *c = must_open(&spec);
    assert_int_equal(c->n_docs, 14138 + 14239);
    assert_string_equal(c->cls[0].name, "da");
    assert_int_equal(c->cls[0].n_docs, 14138);
    assert_int_equal(c->cls[1].n_docs, 14239);
    assert_memory_equal(c->doc[0].text,
                        "Vi kigger efter m\xc3\xa5"
                        "der",
                        20);
    assert_int_equal(c->doc[0].text[c->doc[0].n - 1], ' ');
    assert_int_equal(c->doc[28376].line, 28377);
    corpus_free(c);
    spec.limit = 500;
    spec.split = CORPUS_ODD;
    c = must_open(&spec);
    assert_int_equal(c->cls[0].n_docs, 250);
    assert_int_equal(c->cls[1].n_docs, 250);
    corpus_free(c);
    free(path);
}

static void real_class_files(void **state)
{
    (void)state;
    static const struct {
        const char *cls, *file;
        int64_t n;
    } row[] = {{"da", "tasks/ud_danish_ddt-dev.conllu", 564},
               {"fr", "german/french_data.json", 1000},
               {"sv", "languages/europarl-sv.txt", 200},
               {"en", "german/kde4_english.txt", 1007}};
    struct corpus_spec spec = {.n_files = 4, .min_classes = 4};
    char *path[4];
    for (int i = 0; i < 4; i++) {
        path[i] = testdata_path(row[i].file);
        if (path[i] == NULL)
            skip();
        spec.file[i].cls = row[i].cls;
        spec.file[i].path = path[i];
    }
    struct corpus *c = must_open(&spec);
    for (int i = 0; i < 4; i++) {
        assert_string_equal(c->cls[i].name, row[i].cls);
        assert_int_equal(c->cls[i].n_docs, row[i].n);
        free(path[i]);
    }
    assert_memory_equal(c->doc[0].text, "Hvor kommer julemanden fra?", 27);
    assert_int_equal(c->doc[0].n, 27);
    corpus_free(c);
}

/* ---- lists of words */
#define WORDS                                                                                      \
    (struct corpus_spec)                                                                           \
    {                                                                                              \
        .words = true, .n_names = 2, .name = { "da", "en" }                                        \
    }

static void word_lists(void **state)
{
    (void)state;
    static const char text[] = "# a comment\n"
                               "Word\tGender\tkind\n"
                               "Anna\tf\tname\r\n"
                               "\n"
                               " New York \tm \t place \n"
                               "# another\tf\n"
                               "ko\tf\n"
                               "Bo\tm\tname\n"
                               "word\tclass";
    struct corpus *c = open_text("words.tsv", text, WORDS);
    expect_docs(c, "f:-1:3:Anna|m:-1:5:New York|f:-1:7:ko|m:-1:8:Bo|class:-1:9:word|");
    static const int32_t kind[] = {0, 1, -1, 0, -1};
    assert_int_equal(c->n_kinds, 2);
    assert_string_equal(c->kind[0], "name");
    assert_string_equal(c->kind[1], "place");
    for (int i = 0; i < 5; i++)
        assert_int_equal(c->doc[i].kind, kind[i]);
    corpus_free(c);
    /* no header, and one of other names; labels that are numbers stay; a limit a class */
    expect_text("w.tsv", "a\t0\nb\t1\nc\t1\n", WORDS, "0:-1:1:a|1:-1:2:b|1:-1:3:c|", false);
    struct corpus_spec spec = WORDS;
    spec.header = true;
    expect_text("w.tsv", "token\tsex\na\t0\nb\t1\n", spec, "0:-1:2:a|1:-1:3:b|", false);
    spec = WORDS, spec.limit = 1;
    expect_text("w.tsv", "a\t0\tx\nb\t1\nc\t1\ty\n", spec, "0:-1:1:a|1:-1:2:b|", false);
    /* kinds are no part of what is computed */
    struct corpus *with = open_text("w.tsv", "a\t0\tx\n", WORDS),
                  *without = open_text("w.tsv", "a\t0\n", WORDS);
    assert_memory_equal(&with->hash, &without->hash, sizeof with->hash);
    corpus_free(with);
    corpus_free(without);
}

static void bad_word_lists(void **state)
{
    (void)state;
    REFUSED("w.tsv", "a\tm\nb\n", WORDS, "w.tsv:2", "without a tab", "word<TAB>class[<TAB>kind]");
    REFUSED("w.tsv", "a\tm\tx\ty\n", WORDS, "w.tsv:1", "found 4 fields");
    REFUSED("w.tsv", "a\tm\n \tf\n", WORDS, "w.tsv:2", "no word");
    REFUSED("w.tsv", "a\t\n", WORDS, "w.tsv:1", "class name");
    REFUSED("w.tsv", "# nothing\n", WORDS, "found no text");
    struct strbuf many;
    strbuf_init(&many);
    for (int i = 0; i <= CORPUS_MAX_KINDS; i++)
        strbuf_addf(&many, "w%d\tm\tk%d\n", i, i);
    refused_bytes("w.tsv", many.s, many.len, WORDS,
                  (const char *const[3]){"w.tsv:65", "one kind more"});
    strbuf_release(&many);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(labelled_lines),
        cmocka_unit_test(headers),
        cmocka_unit_test(encodings),
        cmocka_unit_test(packed_files),
        cmocka_unit_test(labels_of_two_digits),
        cmocka_unit_test(text_with_nul),
        cmocka_unit_test(bad_lines),
        cmocka_unit_test(too_few),
        cmocka_unit_test(limit_and_split),
        cmocka_unit_test(class_files),
        cmocka_unit_test(bad_class_files),
        cmocka_unit_test(labelled_and_class_file),
        cmocka_unit_test(memories),
        cmocka_unit_test(halves_of_memories),
        cmocka_unit_test(memory_in_utf16),
        cmocka_unit_test(memory_in_latin1),
        cmocka_unit_test(bad_memories),
        cmocka_unit_test(entities),
        cmocka_unit_test(lists),
        cmocka_unit_test(hashes),
        cmocka_unit_test(words),
        cmocka_unit_test(word_lists),
        cmocka_unit_test(bad_word_lists),
        cmocka_unit_test(ted_talks),
        cmocka_unit_test(real_class_files),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
