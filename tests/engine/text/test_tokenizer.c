/* Ids, offsets and bytes against what the tokenizers library gave (tests/reference/text.py). */
#include "engine/base/error.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/engine/text/golden.h"
#include "tests/support/effort.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <unistd.h>

#include <cmocka.h>

/* The ids of a golden column against tokens. */
static void check_ids(const char *name, size_t line, const char *ids, const struct tokens *r)
{
    size_t i = 0;
    if (strcmp(ids, ".") != 0)
        for (char *s = (char *)(uintptr_t)ids; *s != '\0'; i++) {
            const long id = strtol(s, &s, 10);
            if (i >= r->n || r->token[i].id != id)
                fail_msg("%s, input %zu: token %zu is %d, expected %ld", name, line, i,
                         i < r->n ? (int)r->token[i].id : -1, id);
        }
    if (i != r->n)
        fail_msg("%s, input %zu: %zu tokens, expected %zu", name, line, r->n, i);
}

static bool is_inside(const char *s, size_t n, size_t at)
{
    return at < n && ((unsigned char)s[at] & 0xC0) == 0x80;
}

/* The library counts in characters: a token inside one has the whole of it. */
static void check_spans(const char *name, size_t line, char *spans, const struct tokens *r,
                        const char *in, size_t n)
{
    if (strcmp(spans, ".") == 0)
        return;
    size_t i = 0;
    for (char *s = spans; *s != '\0'; i++) {
        const long start = strtol(s, &s, 10);
        const long end = strtol(s + 1, &s, 10);
        size_t a = (size_t)r->token[i].start, b = (size_t)r->token[i].end;
        while (is_inside(in, n, a))
            a--;
        while (is_inside(in, n, b))
            b++;
        if (a != (size_t)start || b != (size_t)end)
            fail_msg("%s, input %zu: token %zu is %zu … %zu, expected %ld … %ld", name, line, i, a,
                     b, start, end);
    }
}

/* Tokens stand in order, cover all of the input, and their bytes are the input's where nothing was
 * changed. */
static void check_cover(const struct tokenizer *t, const char *name, size_t line,
                        const struct tokens *r, const char *in, size_t n, bool same)
{
    size_t at = 0;
    for (size_t i = 0; i < r->n; i++) {
        const size_t start = (size_t)r->token[i].start, end = (size_t)r->token[i].end;
        if (start > at || end < at || end > n)
            fail_msg("%s, input %zu: token %zu is %zu … %zu, the ones before end at %zu", name,
                     line, i, start, end, at);
        size_t len;
        const char *bytes = tokenizer_bytes(t, r->token[i].id, &len);
        if (same && (len != end - start || memcmp(bytes, in + start, len) != 0))
            fail_msg("%s, input %zu: the bytes of token %zu are not those of the input", name, line,
                     i);
        at = end;
    }
    if (at != n)
        fail_msg("%s, input %zu: the tokens end at %zu of %zu", name, line, at, n);
}

/* `exact`: no option changes what the bytes of a token are or makes tokens overlap. */
static size_t check_inputs(const struct tokenizer *t, const char *name, const char *from,
                           const char *golden, bool exact)
{
    char *inputs = golden_read(from, NULL), *want = golden_read(golden, NULL);
    char *rest = inputs, *rest_want = want;
    size_t line = 0;
    for (char *in; (in = next_line(&rest)) != NULL; line++) {
        const size_t n = unhex(in);
        /* an own block of exactly this size, so that reading beyond it is found out */
        char *copy = xmemdup(in, n);
        char *ids = next_line(&rest_want);
        assert_non_null(ids);
        char *special = strchr(ids, '|'), *spans = strrchr(ids, '|');
        *special++ = *spans++ = '\0';
        struct tokens r = encode(t, copy, n, false);
        check_ids(name, line, ids, &r);
        const bool same = strcmp(spans, "-") != 0;
        if (same)
            check_spans(name, line, spans, &r, in, n);
        if (exact)
            check_cover(t, name, line, &r, in, n, same);
        free(r.token);
        r = encode(t, copy, n, true);
        check_ids(name, line, *special == '=' ? ids : special, &r);
        free(r.token);
        free(copy);
    }
    assert_null(next_line(&rest_want));
    free(inputs);
    free(want);
    return line;
}

static void check_all(const struct tokenizer *t, const char *name, const char *golden, bool exact)
{
    assert_true(check_inputs(t, name, "text/inputs.txt", golden, exact) > 300);
}

static struct tokenizer *open_ok(const char *path)
{
    struct error e = {0};
    struct tokenizer *t = NULL;
    if (!tokenizer_open(path, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

/* The bundled tokenizer, with special tokens and without. */
static void demo(void **state)
{
    (void)state;
    if (access("store/demo/model/tokenizer.json", R_OK) != 0) {
        print_message("store/demo/model is not there\n");
        skip();
    }
    struct tokenizer *t = open_ok("store/demo/model");
    check_all(t, "demo", "text/demo.txt", true);
    tokenizer_free(t);
}

static void special_as_text(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    static const struct {
        const char *text;
        size_t from, start, end; /* end 0: none */
    } row[] = {{"", 0, 0, 0},
               {"Hej du", 0, 0, 0},
               {"<|endoftext|>", 0, 0, 13},
               {"a    b <|endoftext|> <|endoftext|>", 0, 7, 20},
               {"a    b <|endoftext|> <|endoftext|>", 8, 21, 34},
               {"<|endoftext|", 0, 0, 0},
               {"<<|endoftext|>", 0, 1, 14},
               {"\xff<|endoftext|>", 0, 1, 14}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        size_t start = 0, end = 0;
        bool found =
            tokenizer_find_special(t, row[i].text, strlen(row[i].text), row[i].from, &start, &end);
        if (found != (row[i].end > 0) || start != row[i].start || end != row[i].end)
            fail_msg("%s: %zu … %zu", row[i].text, start, end);
    }
    tokenizer_free(t);
}

static void small(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    check_all(t, "small", "text/small.txt", true);
    assert_int_equal(tokenizer_eot(t), 0);
    tokenizer_free(t);
}

static struct tokenizer *open_json(const json_t *root)
{
    char *folder = testdata_folder(), *text = json_dumps(root, 0);
    char *path = testdata_write(folder, "tokenizer.json", text, strlen(text));
    struct tokenizer *t = open_ok(path);
    free(path);
    free(text);
    testdata_remove(folder);
    return t;
}

/* The small tokenizer with some keys of its file replaced. */
static void variants(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/golden/text/variants.json", 0, NULL), *changes;
    const char *name;
    assert_true(json_object_size(all) > 4);
    json_object_foreach(all, name, changes)
    {
        json_t *root = changed_file(changes);
        struct tokenizer *t = open_json(root);
        char path[200];
        snprintf(path, sizeof path, "text/%s.txt", strcmp(name, "sequence") == 0 ? "small" : name);
        check_all(t, name, path, strcmp(name, "prefix") != 0 && strcmp(name, "added") != 0);
        tokenizer_free(t);
        json_decref(root);
    }
    json_decref(all);
}

/* The steps of other families, and SentencePiece's characters. */
static void families(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/golden/text/families.json", 0, NULL), *changes;
    const char *name;
    assert_true(json_object_size(all) > 7);
    json_object_foreach(all, name, changes)
    {
        json_t *root = changed_file(changes);
        struct tokenizer *t = open_json(root);
        char path[200];
        snprintf(path, sizeof path, "text/%s.txt", name);
        /* a prefix and marks are no bytes of the input */
        const bool exact = strcmp(name, "llama3") == 0 || strcmp(name, "qwen2") == 0;
        assert_true(check_inputs(t, name, "text/families.txt", path, exact) > 200);
        tokenizer_free(t);
        json_decref(root);
    }
    json_decref(all);
}

/* A mark is a space to who reads the bytes, also where it is an added token's. */
static void marks_are_spaces(void **state)
{
    (void)state;
    json_t *all = json_load_file("tests/golden/text/families.json", 0, NULL),
           *root = changed_file(json_object_get(all, "gemma"));
    struct tokenizer *t = open_json(root);
    static const char in[] = "  der\xE2\x96\x81gik \xF0\x9F\x98\x80\n\n",
                      want[] = "  der gik \xF0\x9F\x98\x80\n\n";
    struct tokens r = encode(t, in, sizeof in - 1, false);
    int32_t ids[40];
    assert_true(r.n < 40);
    for (size_t i = 0; i < r.n; i++)
        ids[i] = r.token[i].id;
    char *out;
    size_t n;
    tokenizer_decode(t, ids, r.n, &out, &n);
    assert_int_equal(n, sizeof want - 1);
    assert_memory_equal(out, want, n);
    struct tokens pair = encode(t, "  ", 2, false);
    assert_int_equal(pair.n, 1);
    assert_memory_equal(tokenizer_bytes(t, pair.token[0].id, &n), "  ", 2);
    assert_int_equal(n, 2);
    free(pair.token);
    free(out);
    free(r.token);
    tokenizer_free(t);
    json_decref(root);
    json_decref(all);
}

/* Files from before tokenizers 0.20 have merges as "left right". */
static void merges_as_strings(void **state)
{
    (void)state;
    json_t *root = json_load_file("tests/golden/text/tokenizer.json", 0, NULL),
           *model = json_object_get(root, "model");
    json_t *lines = json_array(), *pair;
    size_t i;
    json_array_foreach(json_object_get(model, "merges"), i, pair) json_array_append_new(
        lines, json_sprintf("%s %s", json_string_value(json_array_get(pair, 0)),
                            json_string_value(json_array_get(pair, 1))));
    assert_true(i > 100);
    json_object_set_new(model, "merges", lines);
    struct tokenizer *t = open_json(root);
    check_all(t, "strings", "text/small.txt", true);
    tokenizer_free(t);
    json_decref(root);
}

static void with_data(const char *folder, const char *golden, int32_t n_vocab, int32_t eot)
{
    char name[100];
    snprintf(name, sizeof name, "tokenizers/%s", folder);
    char *path = testdata_path(name);
    if (path == NULL)
        skip();
    struct tokenizer *t = open_ok(path);
    free(path);
    assert_int_equal(tokenizer_n_vocab(t), n_vocab);
    assert_int_equal(tokenizer_eot(t), eot);
    check_all(t, folder, golden, true);
    tokenizer_free(t);
}

static void neox(void **state)
{
    (void)state;
    with_data("gpt-neox-20b", "text/gpt-neox-20b.txt", 50277, 0);
}

static void gpt2(void **state)
{
    (void)state;
    with_data("gpt2", "text/gpt2.txt", 50257, 50256);
}

/* NFC changes bytes: tokens still say where they came from. */
static void ranges_of_changed_text(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    /* "x", a and ring: one character of two bytes, "y", an invalid byte: U+FFFD, "z" */
    static const char in[] = "xa\xCC\x8Ay\xFFz";
    struct tokens r = encode(t, in, sizeof in - 1, false);
    bool ring = false, invalid = false;
    for (size_t i = 0; i < r.n; i++) {
        const int32_t a = r.token[i].start, b = r.token[i].end;
        ring = ring || (a <= 1 && b >= 4);
        invalid = invalid || (a == 5 && b == 6);
        assert_false(a > 1 && a < 4);
    }
    assert_true(ring && invalid);
    assert_int_equal(r.token[r.n - 1].end, sizeof in - 1);
    free(r.token);
    tokenizer_free(t);
}

static void decodes(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    static const char in[] = "Blåbær  <|endoftext|> 日本 \xF0\x9F\x91\x8D";
    struct tokens r = encode(t, in, sizeof in - 1, true);
    int32_t ids[100];
    assert_true(r.n < 100);
    for (size_t i = 0; i < r.n; i++)
        ids[i] = r.token[i].id;
    char *out;
    size_t n;
    tokenizer_decode(t, ids, r.n, &out, &n);
    assert_int_equal(n, sizeof in - 1);
    assert_memory_equal(out, in, n);
    free(out);
    free(r.token);
    size_t none = 7;
    tokenizer_bytes(t, -1, &none);
    assert_int_equal(none, 0);
    tokenizer_bytes(t, tokenizer_n_vocab(t), &none);
    assert_int_equal(none, 0);
    tokenizer_free(t);
}

/* Encoding appends, and an array with room is used as it is. */
static void appends(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    struct tokens r = {0};
    tokenizer_encode(t, "en", 2, false, &r.token, &r.n, &r.cap);
    const size_t n = r.n;
    const int32_t id = r.token[0].id;
    tokenizer_encode(t, "en", 2, false, &r.token, &r.n, &r.cap);
    assert_int_equal(r.n, 2 * n);
    assert_int_equal(r.token[0].id, id);
    assert_int_equal(r.token[n].id, id);
    assert_int_equal(r.token[n].start, 0);
    free(r.token);
    tokenizer_free(t);
}

/* Words, runs of marks and runs of spaces of a megabyte: quadratic work would take hours here. */
static void long_words(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    const size_t n = quick() ? 1 << 15 : 1 << 20; /* valgrind is slow */
    static const char *const unit[] = {"a",  "the", "e\xCC\x81\xCC\xA3", "\xCC\x81\xCC\xA3", " ",
                                       "\n", "!'",  "\xE1\x85\xA1"};
    for (size_t u = 0; u < sizeof unit / sizeof unit[0]; u++) {
        struct strbuf s;
        strbuf_init(&s);
        while (s.len < n)
            strbuf_adds(&s, unit[u]);
        struct tokens r = encode(t, s.s, s.len, false);
        assert_true(r.n > n / 1000 || u == 3 || u == 7);
        assert_int_equal(r.token[r.n - 1].end, s.len);
        assert_true(tokenizer_safe_boundary(t, s.s, s.len, s.len) <= s.len);
        free(r.token);
        strbuf_release(&s);
    }
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(demo),
        cmocka_unit_test(special_as_text),
        cmocka_unit_test(small),
        cmocka_unit_test(variants),
        cmocka_unit_test(families),
        cmocka_unit_test(marks_are_spaces),
        cmocka_unit_test(merges_as_strings),
        cmocka_unit_test(neox),
        cmocka_unit_test(gpt2),
        cmocka_unit_test(ranges_of_changed_text),
        cmocka_unit_test(decodes),
        cmocka_unit_test(appends),
        cmocka_unit_test(long_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
