/* tokenizer_safe_boundary against whole encodes. */
#include "engine/base/error.h"
#include "engine/base/rng.h"
#include "engine/base/strbuf.h"
#include "engine/text/utf8.h"
#include "tests/engine/text/golden.h"
#include "tests/support/effort.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

/* Pieces that random texts are made of: what can merge, be moved or be matched over a cut. */
static const char *const pieces[] = {
    "a",
    "e",
    "en",
    "og",
    "the",
    "æ",
    "ø",
    "å",
    "s",
    "d",
    "re",
    "ll",
    "'",
    "'s",
    "'ll",
    " ",
    " ",
    "  ",
    "   ",
    "\n",
    "\n\n",
    "\t",
    "\r\n",
    "\u00A0",
    "\u0301",
    "\u030A",
    "\u0323",
    "0",
    "19",
    "٣",
    ".",
    "!",
    "=",
    "\u0338",
    "-",
    "<",
    "|",
    ">",
    "<|",
    "👍",
    "🏽",
    "\u200D",
    "日",
    "か",
    "\u3099",
    "\u1100",
    "\u1161",
    "\u11A8",
    "\uAC00",
    "\u212B",
    "\u037E",
    "\xFF",
    "\xC3",
    "\xE2\x82",
    "\x9F",
    "\xA5",
    "<|endoftext|>",
    "|>",
    " x ",
    "abab",
    "s' ",
    " rød",
    "\u0F71\u0F72",
    "1qz.",
    "a\u00A0the",
    ".qz1 ",
    "\u2581",
    "\u2581\u2581",
    "'S",
    "'\u017f",
    "\r",
    "1234",
};
enum { N_PIECES = sizeof pieces / sizeof pieces[0] };

static void fill(struct rng *r, struct strbuf *s, uint64_t most)
{
    /* few kinds at a time, so that long runs of one kind come up too */
    const uint64_t first = rng_below(r, N_PIECES), kinds = 1 + rng_below(r, N_PIECES);
    for (uint64_t n = rng_below(r, most); n > 0; n--)
        strbuf_adds(s, pieces[(first + rng_below(r, kinds) * 7) % N_PIECES]);
}

static void check_split(const struct tokenizer *t, const struct strbuf *s, size_t b, bool added,
                        const char *name)
{
    struct tokens whole = encode(t, s->s, s->len, added);
    struct tokens parts = encode(t, s->s, b, added);
    const size_t n_left = parts.n;
    tokenizer_encode(t, s->s + b, s->len - b, added, &parts.token, &parts.n, &parts.cap);
    bool same = parts.n == whole.n;
    for (size_t i = 0; same && i < whole.n; i++) {
        const int32_t shift = i < n_left ? 0 : (int32_t)b;
        same = parts.token[i].id == whole.token[i].id &&
               parts.token[i].start + shift == whole.token[i].start &&
               parts.token[i].end + shift == whole.token[i].end;
    }
    if (!same)
        fail_msg("%s: cut at %zu of %zu, added %d: \"%s\"", name, b, s->len, added, s->s);
    free(whole.token);
    free(parts.token);
}

/* The boundary cuts the text as it is and with anything else from `at` on. */
static void check_text(const struct tokenizer *t, struct rng *r, const char *name)
{
    struct strbuf s;
    strbuf_init(&s);
    fill(r, &s, 24);
    const size_t at = (size_t)rng_below(r, s.len + 1);
    const size_t b = tokenizer_safe_boundary(t, s.s, s.len, at);
    assert_true(b <= at);
    for (int tail = 0; tail < 4; tail++) {
        check_split(t, &s, b, false, name);
        check_split(t, &s, b, true, name);
        s.len = at;
        s.s[at] = '\0';
        fill(r, &s, 10);
        assert_int_equal(tokenizer_safe_boundary(t, s.s, s.len, at), b);
    }
    strbuf_release(&s);
}

static void check_tokenizer(const struct tokenizer *t, const char *name, int n_texts)
{
    struct rng r;
    rng_seed(&r, 71);
    for (int i = 0; i < n_texts; i++)
        check_text(t, &r, name);
}

static struct tokenizer *open_ok(const char *path)
{
    struct error e = {0};
    struct tokenizer *t = NULL;
    if (!tokenizer_open(path, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

static int n_texts(void)
{
    return quick() ? 80 : 8000;
}

static void small(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    check_tokenizer(t, "small", n_texts());
    tokenizer_free(t);
}

static void check_changes(const char *path, size_t n, int texts)
{
    json_t *all = json_load_file(path, 0, NULL), *changes;
    const char *name;
    assert_true(json_object_size(all) > n);
    json_object_foreach(all, name, changes)
    {
        json_t *root = changed_file(changes);
        char *folder = testdata_folder(), *text = json_dumps(root, 0);
        free(testdata_write(folder, "tokenizer.json", text, strlen(text)));
        struct tokenizer *t = open_ok(folder);
        check_tokenizer(t, name, texts);
        tokenizer_free(t);
        free(text);
        testdata_remove(folder);
        json_decref(root);
    }
    json_decref(all);
}

static void variants(void **state)
{
    (void)state;
    check_changes("tests/golden/text/variants.json", 4, n_texts());
}

static void families(void **state)
{
    (void)state;
    check_changes("tests/golden/text/families.json", 7, n_texts() / 8);
}

static void neox(void **state)
{
    (void)state;
    char *path = testdata_path("tokenizers/gpt-neox-20b");
    if (path == NULL)
        skip();
    struct tokenizer *t = open_ok(path);
    check_tokenizer(t, path, n_texts());
    tokenizer_free(t);
    free(path);
}

/* Typing costs a word or two, not the line: where the boundary is for some edits. */
static void is_close(void **state)
{
    (void)state;
    struct tokenizer *t = open_ok("tests/golden/text");
    static const struct {
        const char *text;
        size_t at, want;
    } cases[] = {
        {"Rådet skal nu godkende", 23, 14}, /* " godkende" may go on */
        {"Rådet skal nu godkende", 15, 14},
        {"Rådet skal nu godkende", 14, 11},
        {"Rådet skal nu", 0, 0},
        {"it's here", 9, 4},
        {"it's here", 4, 2},
        {"end. New", 8, 4},
        {"end. New", 4, 3},
        {"a\nb", 3, 2},
        {"a\n\nb", 4, 1},
        {"x  y", 4, 1},               /* two spaces are an added token */
        {"en blåbær\u0301 x", 15, 2}, /* a mark may have moved: the cut before it */
        {"en å", 4, 2},               /* inside a character */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        const size_t n = strlen(cases[i].text);
        const size_t b = tokenizer_safe_boundary(t, cases[i].text, n, cases[i].at);
        if (b != cases[i].want)
            fail_msg("\"%s\" at %zu: %zu, expected %zu", cases[i].text, cases[i].at, b,
                     cases[i].want);
    }
    tokenizer_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(small), cmocka_unit_test(variants), cmocka_unit_test(families),
        cmocka_unit_test(neox),  cmocka_unit_test(is_close),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
