/* Tables: building, order, and every writer against what it must print. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/base/table.h"
#include "tests/support/testdata.h"
#include <locale.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

/* Every type, a share, a pair of bounds, nesting, missing cells and odd strings. */
static struct table *latents(void)
{
    struct table *t = table_new("rows", "Latents of layers.1.attn.out", MARK_LIST);
    table_note(t, "Rule: share ≥ %.1f in da", 0.5);
    const int32_t latent = table_column(t, "latent", "", "index", COLUMN_I64, COLUMN_KEY);
    const int32_t da = table_column(t, "fire_share.da", "share", "", COLUMN_F64, COLUMN_Y);
    const int32_t en = table_column(t, "fire_share.en", "share", "", COLUMN_F64, COLUMN_Y);
    const int32_t loss = table_column(t, "loss", "nats", "", COLUMN_F64, COLUMN_Y);
    const int32_t lo = table_column(t, "ci95.lo", "nats", "", COLUMN_F64, COLUMN_LO);
    const int32_t hi = table_column(t, "ci95.hi", "nats", "", COLUMN_F64, COLUMN_HI);
    const int32_t p = table_column(t, "p", "", "", COLUMN_F64, COLUMN_Y);
    const int32_t ok = table_column(t, "verified", "", "", COLUMN_BOOL, COLUMN_KEY);
    const int32_t text = table_column(t, "text", "", "", COLUMN_STR, COLUMN_TEXT);
    const struct {
        int64_t latent;
        double da, en, loss, lo, hi, p;
        bool ok;
        const char *text;
    } row[] = {
        {418, 0.64449, 0.00123, 3.21449, 3.1, 3.2999, 1.2345e-20, true, " på \"dansk\", ja"},
        {9, 1, NAN, 12.5, INFINITY, 14, 0.03125, false, "line\nbreak\x1b[31m\u202e"},
        {1024, 0.0004, 0.5, 0.25, 0.2, 0.3, 1, true, NULL},
        {92, -0.0001, 0, 0, -0.5, 0.5, 0, false, "bad \xff byte"},
        {527, 0, 0, 7, 6, 8, 0.5, true, ""},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        const int64_t r = table_row(t);
        table_set_i64(t, r, latent, row[i].latent);
        table_set_f64(t, r, da, row[i].da);
        table_set_f64(t, r, en, row[i].en);
        table_set_f64(t, r, loss, row[i].loss);
        table_set_f64(t, r, lo, row[i].lo);
        table_set_f64(t, r, hi, row[i].hi);
        table_set_f64(t, r, p, row[i].p);
        table_set_bool(t, r, ok, row[i].ok);
        table_set_str(t, r, text, row[i].text);
    }
    table_row(t); /* nothing is known of it */
    return t;
}

static void expect_text(const struct table *t, struct table_text how, const char *expected)
{
    struct strbuf b;
    strbuf_init(&b);
    table_write_text(t, &how, &b);
    if (strcmp(b.s, expected) != 0)
        fail_msg("printed\n%sexpected\n%s", b.s, expected);
    strbuf_release(&b);
}

static void test_text(void **state)
{
    (void)state;
    struct table *t = latents();
    expect_text(
        t, (struct table_text){0},
        "Latents of layers.1.attn.out\n"
        "latent  fire_share da %  fire_share en %  loss nats  ci95 lo nats  ci95 hi nats         p"
        "  verified  text\n"
        "   418             64.4              0.1      3.214           3.1           3.3  1.23e-20"
        "  yes        på \"dansk\", ja\n"
        "     9            100.0                –     12.50            inf          14.0    0.0312"
        "  no        line‹0A›break‹1B›[31m‹U+202E›\n"
        "  1024              0.0             50.0      0.250           0.2           0.3      1.00"
        "  yes       –\n"
        "    92              0.0              0.0      0              -0.5           0.5         0"
        "  no        bad ‹FF› byte\n"
        "   527              0.0              0.0      7.000           6.0           8.0     0.500"
        "  yes\n"
        "     –                –                –          –             –             –         –"
        "  –         –\n"
        "Rule: share ≥ 0.5 in da\n");
    table_free(t);
}

/* Then whole columns go: those named first, then from the right, bounds together. */
static void test_text_without_columns(void **state)
{
    (void)state;
    static const char *const least[] = {"p", "fire_share.*", NULL}, *const none[] = {NULL};
    struct table *t = latents();
    const int64_t order[6] = {0};
    expect_text(
        t,
        (struct table_text){
            .columns = 52, .rows = 1, .order = order, .least = least, .elsewhere = " (elsewhere)"},
        "Latents of layers.1.attn.out\n"
        "                      ci95     ci95\n"
        "latent  loss nats  lo nats  hi nats  verified\n"
        "   418      3.214      3.1      3.3  yes\n"
        "… 5 more\n"
        "not shown: fire_share.da, fire_share.en, p, text (elsewhere)\n"
        "Rule: share ≥ 0.5 in da\n");
    expect_text(t, (struct table_text){.columns = 36, .rows = 1, .order = order, .least = none},
                "Latents of layers.1.attn.out\n"
                "        fire_  fire_\n"
                "        share  share\n"
                "latent   da %   en %  verified\n"
                "   418   64.4    0.1  yes\n"
                "… 5 more\n"
                "not shown: loss, ci95.lo, ci95.hi, p, text\n"
                "Rule: share ≥ 0.5 in da\n");
    table_free(t);
}

/* First the headings are broken, then the last text is cut; numbers never. */
static void test_text_on_a_narrow_screen(void **state)
{
    (void)state;
    struct table *t = latents();
    const int64_t order[6] = {4, 1, 0, 2, 3, 5};
    expect_text(
        t, (struct table_text){.columns = 80, .rows = 3, .order = order},
        "Latents of layers.1.attn.out\n"
        "        fire_share  fire_share                ci95     ci95\n"
        "latent        da %        en %  loss nats  lo nats  hi nats         p  verified  text\n"
        "   527         0.0         0.0      7.000      6.0      8.0     0.500  yes\n"
        "     9       100.0           –     12.50       inf     14.0    0.0312  no        "
        "line‹0A›bre…\n"
        "   418        64.4         0.1      3.214      3.1      3.3  1.23e-20  yes       "
        " på \"dansk\"…\n"
        "… 3 more\n"
        "Rule: share ≥ 0.5 in da\n");
    table_free(t);

    t = table_new("rows", "", MARK_LIST);
    table_note(t, "two\nlines");
    table_column(t, "word", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "text", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "n", "", "", COLUMN_I64, COLUMN_TEXT);
    static const char *const text[] = {"日本語のとても長い文です", "e\u0301e\u0301 plain", "x",
                                       "exactly sixteen!"};
    for (int i = 0; i < 4; i++) {
        table_row(t);
        table_set_str(t, i, 0, "key");
        table_set_str(t, i, 1, text[i]);
        table_set_i64(t, i, 2, i - 1);
    }
    expect_text(t, (struct table_text){.columns = 26},
                "word  text               n\n"
                "key   日本語のとても…   -1\n"
                "key   e\u0301e\u0301 plain           0\n"
                "key   x                  1\n"
                "key   exactly sixteen!   2\n"
                "two\nlines\n");
    expect_text(t, (struct table_text){.columns = 10, .rows = 1, .ascii = true},
                "word  text           n\n"
                "key   日本語の...   -1\n"
                "... 3 more\n"
                "two\nlines\n");
    table_free(t);
}

/* One column of numbers as it prints. */
static void expect_numbers(const char *unit, const double *v, int n, const char *expected)
{
    struct table *t = table_new("rows", "", MARK_LINE);
    table_column(t, "v", unit, "", COLUMN_F64, COLUMN_X);
    for (int i = 0; i < n; i++)
        table_set_f64(t, table_row(t), 0, v[i]);
    expect_text(t, (struct table_text){.ascii = true}, expected);
    table_free(t);
}

static void test_text_of_numbers(void **state)
{
    (void)state;
    expect_numbers("", (const double[]){-8, 0, 8}, 3, " v\n-8\n 0\n 8\n");
    expect_numbers("", (const double[]){-1.5, 0, 12}, 3, "   v\n-1.5\n 0\n12.0\n");
    expect_numbers("", (const double[]){0.0123456, 1.23456, 12345.6}, 3,
                   "         v\n    0.0123\n    1.23\n12346\n");
    expect_numbers("", (const double[]){9.996, 99.96}, 2, "  v\n 10\n100\n"); /* rounds up */
    expect_numbers("nats", (const double[]){3.14159, 0.00271828}, 2, "  v nats\n3.142\n0.002718\n");
    expect_numbers("", (const double[]){0.0001, 0.00009}, 2, "       v\n  0.0001\n9.00e-05\n");
    expect_numbers("", (const double[]){1e9, -99999999}, 2, "        v\n 1.00e+09\n-99999999\n");
    expect_numbers("share", (const double[]){0.64449, -0.0001, INFINITY}, 3,
                   " v %\n64.4\n 0.0\n inf\n");
    expect_numbers("", NULL, 0, "v\n(no rows)\n");
}

static void test_csv(void **state)
{
    (void)state;
    struct table *t = latents();
    struct strbuf b;
    strbuf_init(&b);
    table_write_csv(t, &b);
    assert_string_equal(
        b.s, "latent,fire_share.da,fire_share.en,loss,ci95.lo,ci95.hi,p,verified,text\n"
             "418,0.64449,0.00123,3.21449,3.1,3.2999,1.2345e-20,true,\" på \"\"dansk\"\", ja\"\n"
             "9,1,,12.5,inf,14,0.03125,false,\"line\nbreak\x1b[31m\u202e\"\n"
             "1024,0.0004,0.5,0.25,0.2,0.3,1,true,\n"
             "92,-0.0001,0,0,-0.5,0.5,0,false,bad \ufffd byte\n"
             "527,0,0,7,6,8,0.5,true,\"\"\n"
             ",,,,,,,,\n");
    table_free(t);

    strbuf_clear(&b);
    t = table_new("rows", "", MARK_LIST);
    table_write_csv(t, &b);
    assert_string_equal(b.s, "");
    table_column(t, "a,b", "", "", COLUMN_F64, COLUMN_X);
    table_set_f64(t, table_row(t), 0, (double)0.1f); /* nine digits give a float32 back */
    table_set_f64(t, table_row(t), 0, 16777217);
    table_write_csv(t, &b);
    assert_string_equal(b.s, "\"a,b\"\n0.100000001\n16777217\n");
    strbuf_release(&b);
    table_free(t);
}

/* Where a locale with a comma is installed. */
static void test_numbers_in_another_locale(void **state)
{
    (void)state;
    const char *const names[] = {"da_DK.UTF-8", "de_DE.UTF-8", "fr_FR.UTF-8"};
    bool set = false;
    for (int i = 0; i < 3 && !set; i++)
        set = setlocale(LC_NUMERIC, names[i]) != NULL;
    if (!set) {
        print_message("no locale with a decimal comma is installed\n");
        skip();
    }
    struct table *t = table_new("rows", "", MARK_LIST);
    table_column(t, "v", "", "", COLUMN_F64, COLUMN_X);
    table_set_f64(t, table_row(t), 0, 0.5);
    table_set_f64(t, table_row(t), 0, 2.25e-7);
    struct strbuf b;
    strbuf_init(&b);
    table_write_csv(t, &b);
    assert_string_equal(b.s, "v\n0.5\n2.25e-07\n");
    expect_text(t, (struct table_text){0}, "       v\n     0.5\n2.25e-07\n");
    setlocale(LC_NUMERIC, "C");
    strbuf_release(&b);
    table_free(t);
}

static void expect_json(struct table *t, const char *expected)
{
    json_t *rows = table_json(t);
    char *text = json_dumps(rows, JSON_COMPACT | JSON_REAL_PRECISION(9));
    assert_string_equal(text, expected);
    free(text);
    json_decref(rows);
    table_free(t);
}

static void test_json(void **state)
{
    (void)state;
    expect_json(
        latents(),
        "[{\"latent\":418,\"fire_share\":{\"da\":0.64449,\"en\":0.00123},\"loss\":3.21449,"
        "\"ci95\":[3.1,3.2999],\"p\":1.2345e-20,\"verified\":true,"
        "\"text\":\" på \\\"dansk\\\", ja\"},"
        "{\"latent\":9,\"fire_share\":{\"da\":1.0,\"en\":null},\"loss\":12.5,\"ci95\":[null,14.0],"
        "\"p\":0.03125,\"verified\":false,\"text\":\"line\\nbreak\\u001B[31m\u202e\"},"
        "{\"latent\":1024,\"fire_share\":{\"da\":0.0004,\"en\":0.5},\"loss\":0.25,"
        "\"ci95\":[0.2,0.3],\"p\":1.0,\"verified\":true,\"text\":null},"
        "{\"latent\":92,\"fire_share\":{\"da\":-0.0001,\"en\":0.0},\"loss\":0.0,"
        "\"ci95\":[-0.5,0.5],\"p\":0.0,\"verified\":false,\"text\":null},"
        "{\"latent\":527,\"fire_share\":{\"da\":0.0,\"en\":0.0},\"loss\":7.0,\"ci95\":[6.0,8.0],"
        "\"p\":0.5,\"verified\":true,\"text\":\"\"},"
        "{\"latent\":null,\"fire_share\":{\"da\":null,\"en\":null},\"loss\":null,"
        "\"ci95\":[null,null],\"p\":null,\"verified\":null,\"text\":null}]");
    expect_json(table_new("rows", "", MARK_LIST), "[]");
}

/* A row of column names, all of whose cells count up. */
static struct table *named(const char *const *name, const enum column_role *role, int n)
{
    struct table *t = table_new("rows", "", MARK_LIST);
    for (int i = 0; i < n; i++)
        table_column(t, name[i], "", "", COLUMN_I64, role[i]);
    table_row(t);
    for (int i = 0; i < n; i++)
        table_set_i64(t, 0, i, i);
    return t;
}

static void test_json_names(void **state)
{
    (void)state;
    const enum column_role T = COLUMN_TEXT, L = COLUMN_LO, H = COLUMN_HI;
    const enum column_role pairs[] = {L, H, L, H, L, H, L, H};
    expect_json(named((const char *const[]){"a.b.c", "a.b.lo", "a.b.hi", "a.d"},
                      (const enum column_role[]){T, L, H, T}, 4),
                "[{\"a\":{\"b\":[1,2],\"d\":3}}]");
    expect_json(
        named((const char *const[]){"x.lo", "y.hi", ".lo", ".hi", "lo", "hi", "z.lo"}, pairs, 7),
        "[{\"x\":{\"lo\":0},\"y\":{\"hi\":1},\"\":{\"lo\":2,\"hi\":3},\"lo\":4,\"hi\":5,"
        "\"z\":{\"lo\":6}}]");
    /* Lao and Hindi */
    expect_json(
        named((const char *const[]){"share.lo", "share.hi"}, (const enum column_role[]){T, T}, 2),
        "[{\"share\":{\"lo\":0,\"hi\":1}}]");
    expect_json(named((const char *const[]){"a", "a.b.c", "bad \xc3", "q.", "q.r"},
                      (const enum column_role[]){T, T, T, T, T}, 5),
                "[{\"a\":0,\"a.b.c\":1,\"bad \ufffd\":2,\"q\":{\"\":3,\"r\":4}}]");
}

/* ---- order */

static void expect_order(const struct table *t, int32_t col, bool descending, const int64_t *order)
{
    int64_t *found = xmalloc((size_t)t->n_rows * sizeof *found);
    table_sort(t, col, descending, found);
    for (int64_t i = 0; i < t->n_rows; i++)
        if (found[i] != order[i])
            fail_msg("column %d, place %d: row %d, expected %d", (int)col, (int)i, (int)found[i],
                     (int)order[i]);
    free(found);
}

static void test_sort(void **state)
{
    (void)state;
    struct table *t = table_new("rows", "", MARK_LIST);
    table_column(t, "f", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "i", "", "", COLUMN_I64, COLUMN_X);
    table_column(t, "s", "", "", COLUMN_STR, COLUMN_X);
    table_column(t, "b", "", "", COLUMN_BOOL, COLUMN_X);
    static const double f[7] = {0, -1.5, NAN, -0.0, INFINITY, 1e-310, -INFINITY};
    static const int64_t i64[7] = {3, INT64_MIN, -1, INT64_MAX, 0, 3, -2};
    static const char *const s[7] = {"b", "", "ø", NULL, "a", "b", "B"};
    for (int i = 0; i < 7; i++) {
        table_row(t);
        table_set_f64(t, i, 0, f[i]);
        table_set_i64(t, i, 1, i64[i]);
        table_set_str(t, i, 2, s[i]);
        table_set_bool(t, i, 3, i % 3 == 0);
    }
    expect_order(t, 0, false, (const int64_t[]){6, 1, 0, 3, 5, 4, 2});
    expect_order(t, 0, true, (const int64_t[]){4, 5, 0, 3, 1, 6, 2});
    expect_order(t, 1, false, (const int64_t[]){1, 6, 2, 4, 0, 5, 3});
    expect_order(t, 1, true, (const int64_t[]){3, 0, 5, 4, 2, 6, 1});
    expect_order(t, 2, false, (const int64_t[]){1, 6, 4, 0, 5, 2, 3});
    expect_order(t, 2, true, (const int64_t[]){2, 0, 5, 4, 6, 1, 3});
    expect_order(t, 3, false, (const int64_t[]){1, 2, 4, 5, 0, 3, 6});
    expect_order(t, 3, true, (const int64_t[]){0, 3, 6, 1, 2, 4, 5});
    expect_order(t, -1, true, (const int64_t[]){0, 1, 2, 3, 4, 5, 6}); /* no such column */
    table_free(t);
}

/* Many rows: each at most the next, equal ones in row order, missing ones behind. */
static void test_sort_many(void **state)
{
    (void)state;
    enum { N = 20000 };
    struct table *t = table_new("rows", "", MARK_LIST);
    table_column(t, "f", "", "", COLUMN_F64, COLUMN_X);
    struct rng r;
    rng_seed(&r, 7);
    for (int64_t i = 0; i < N; i++) {
        table_row(t);
        if (rng_below(&r, 10) > 0)
            table_set_f64(t, i, 0,
                          i % 2 ? (double)rng_below(&r, 50) - 25 : 1e6 * (rng_unit(&r) - 0.5));
    }
    int64_t *order = xmalloc(N * sizeof *order);
    char *seen = xcalloc(N, 1);
    for (int descending = 0; descending < 2; descending++) {
        memset(seen, 0, N);
        table_sort(t, 0, descending, order);
        for (int64_t i = 0; i < N; i++) {
            assert_true(order[i] >= 0 && order[i] < N && !seen[order[i]]);
            seen[order[i]] = 1;
            if (i == 0)
                continue;
            const double a = table_f64(t, order[i - 1], 0), b = table_f64(t, order[i], 0);
            assert_true(isnan(b) || (descending ? a >= b : a <= b));
            assert_true(!(a == b || (isnan(a) && isnan(b))) || order[i - 1] < order[i]);
        }
    }
    free(order);
    free(seen);
    table_free(t);
}

/* ---- building */

static void test_build(void **state)
{
    (void)state;
    struct table *t = latents();
    assert_int_equal(t->n_rows, 6);
    assert_int_equal(table_find(t, "ci95.lo"), 4);
    assert_int_equal(table_find(t, "ci95"), -1);
    assert_int_equal(table_with_role(t, COLUMN_Y), 1);
    assert_int_equal(table_with_role(t, COLUMN_FACET), -1);
    assert_true(table_has(t, 0, 0) && !table_has(t, 5, 0) && !table_has(t, 1, 2));
    assert_true(!table_has(t, 0, -1) && !table_has(t, 0, 9) && !table_has(t, -1, 0) &&
                !table_has(t, 6, 0));
    assert_true(table_f64(t, 0, 0) == 418 && table_f64(t, 0, 3) == 3.21449);
    assert_true(table_f64(t, 0, 7) == 1 && isnan(table_f64(t, 0, 8)) && isnan(table_f64(t, 5, 3)));
    assert_true(table_i64(t, 0, 0) == 418 && table_i64(t, 0, 7) == 1 && table_i64(t, 5, 0) == 0);
    assert_true(table_i64(t, 0, 3) == 0 && table_i64(t, 0, -1) == 0);
    assert_string_equal(table_str(t, 4, 8), "");
    assert_true(!table_str(t, 2, 8) && !table_str(t, 0, 0) && !table_str(t, 0, 99));

    /* A late column is missing everywhere; cells can be set again, also to their own text. */
    const int32_t late = table_column(t, "late", "", "", COLUMN_STR, COLUMN_TEXT);
    assert_int_equal(late, 9);
    for (int64_t r = 0; r < t->n_rows; r++)
        assert_true(!table_has(t, r, late));
    table_set_strn(t, 0, late, "abcdef", 3);
    assert_string_equal(table_str(t, 0, late), "abc");
    table_set_str(t, 0, late, table_str(t, 0, late) + 1);
    assert_string_equal(table_str(t, 0, late), "bc");
    table_set_str(t, 0, late, NULL);
    assert_true(!table_has(t, 0, late));
    table_reserve(t, 1000);
    assert_true(t->cap_rows >= 1000 && t->n_rows == 6);
    for (int64_t r = 6; r < 3000; r++)
        assert_int_equal(table_row(t), r);
    for (int32_t c = 0; c < t->n_cols; c++)
        assert_true(!table_has(t, 2999, c));
    assert_true(table_i64(t, 2, 0) == 1024);
    table_free(t);
    table_free(NULL);
}

static void test_equal(void **state)
{
    (void)state;
    for (int change = 0; change < 9; change++) {
        struct table *a = latents(), *b = latents();
        assert_true(table_equal(a, b));
        switch (change) {
        case 0: table_set_f64(b, 3, 2, -0.0); break;
        case 1: table_set_i64(b, 5, 0, 0); break;
        case 2: table_set_str(b, 2, 8, ""); break;
        case 3: table_row(b); break;
        case 4: table_column(b, "x", "", "", COLUMN_I64, COLUMN_X); break;
        case 5: table_note(b, "other"); break;
        case 6: b->mark = MARK_BAR; break;
        case 7: b->cols[3].role = COLUMN_X; break;
        case 8: table_set_bool(b, 0, 7, false); break;
        }
        if (table_equal(a, b))
            fail_msg("change %d is not seen", change);
        table_free(a);
        table_free(b);
    }
}

static void test_rows(void **state)
{
    (void)state;
    struct table *t = latents();
    struct table *last = table_select(t, (const int64_t[]){4, 2, 5}, 3);
    struct table *first = table_select(t, (const int64_t[]){0, 1}, 2);
    assert_int_equal(last->n_rows, 3);
    assert_true(table_i64(last, 0, 0) == 527 && table_i64(last, 1, 0) == 1024 &&
                !table_has(last, 2, 0) && !table_has(last, 1, 8));
    table_append(first, last);
    struct table *same = table_select(t, (const int64_t[]){0, 1, 4, 2, 5}, 5);
    assert_true(table_equal(first, same));
    table_free(t);
    table_free(last);
    table_free(first);
    table_free(same);
}

static void test_set(void **state)
{
    (void)state;
    struct table_set *set = table_set_new();
    table_set_add(set, latents());
    table_set_add(set, table_new("other", "", MARK_BAR));
    assert_true(table_set_ref(set) == set);
    table_set_unref(set);
    assert_int_equal(table_set_find(set, "rows")->n_rows, 6);
    assert_true(table_set_find(set, "other") == set->table[1]);
    assert_null(table_set_find(set, "none"));
    table_set_unref(set);
    table_set_unref(NULL);
}

/* ---- blob */

static struct table *empty(void)
{
    struct table *t = table_new("", "", MARK_GRAPH);
    table_column(t, "æ", "nats", "no rows", COLUMN_STR, COLUMN_FACET);
    return t;
}

static struct table *plot(void)
{
    struct table *t = table_new("rows", "Loss", MARK_LINE);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "on", "", "", COLUMN_BOOL, COLUMN_KEY);
    for (int i = 0; i < 20; i++) {
        table_row(t);
        table_set_f64(t, i, 0, i == 3 ? NAN : 0.5 * i);
        table_set_str(t, i, 1, i % 2 ? "en" : "da");
        if (i != 9)
            table_set_bool(t, i, 2, i % 3 == 0);
    }
    return t;
}

/* The bytes in tests/fuzz/seeds are the format: a change needs a new version (and
 * GLIMT_GOLDEN_UPDATE=1, which writes them). */
static void check_blob(struct table *t, const char *name)
{
    struct strbuf b;
    strbuf_init(&b);
    table_write_blob(t, &b);
    struct error e = {0};
    struct table *back = table_read_blob(b.s, b.len, &e);
    if (!back)
        fail_msg("%s", e.text);
    assert_true(table_equal(t, back));
    char *seed = xasprintf("fuzz_table/%s", name),
         *golden_name = xasprintf("../fuzz/seeds/%s", seed);
    if (getenv("GLIMT_GOLDEN_UPDATE"))
        free(testdata_write("tests/fuzz/seeds", seed, b.s, b.len));
    size_t n;
    char *golden = golden_read(golden_name, &n);
    assert_int_equal(n, b.len);
    assert_memory_equal(golden, b.s, n);
    free(seed);
    free(golden_name);
    free(golden);
    strbuf_release(&b);
    table_free(back);
    table_free(t);
}

static void test_blob(void **state)
{
    (void)state;
    check_blob(latents(), "latents");
    check_blob(plot(), "plot");
    check_blob(empty(), "empty");
    check_blob(table_new("nothing", "", MARK_LIST), "nothing");
}

static void expect_refused(const char *p, size_t n, const char *words)
{
    char *exact = xmemdup(p, n); /* so that a sanitizer sees what is read behind it */
    struct error e = {0};
    assert_null(table_read_blob(exact, n, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, words))
        fail_msg("\"%s\" does not say \"%s\"", e.text, words);
    free(exact);
}

static void put_le(struct strbuf *b, size_t at, uint64_t v, size_t n)
{
    for (size_t i = 0; i < n; i++)
        b->s[at + i] = (char)(v >> (8 * i) & 255);
}

/* Where each field of an F64 column "value" of plot() stands. */
enum { AT_VERSION = 8, AT_MARK = 12, AT_COLS = 16, AT_ROWS = 20, AT_NAME = 28 };

static void test_blob_refused(void **state)
{
    (void)state;
    const struct {
        size_t at, n;
        uint64_t v;
        const char *words;
    } change[] = {
        {0, 1, 'G', "does not begin as one"},
        {AT_VERSION, 4, 2, "version 2, expected 1"},
        {AT_MARK, 4, N_MARKS, "mark 8 is unknown"},
        {AT_COLS, 4, UINT32_MAX, "columns of 20 rows do not fit"},
        {AT_COLS, 4, 0, "0 columns of 20 rows do not fit"},
        {AT_COLS, 4, 2, "bytes too many"},
        {AT_COLS, 4, 4, "column 3 ends early"},
        {AT_ROWS, 8, UINT64_MAX, "do not fit"},
        {AT_ROWS, 8, INT64_MAX, "do not fit"},
        {AT_ROWS, 8, UINT64_C(1) << 59, "does not fit in"},
        {AT_ROWS, 8, 1000000, "column 0 of 1000000 rows does not fit"},
        {AT_NAME, 4, UINT32_MAX, "head ends early"},
        {AT_NAME + 4, 1, 0, "head ends early or holds a NUL"},
    };
    struct table *t = plot();
    struct strbuf b;
    strbuf_init(&b);
    for (size_t i = 0; i < sizeof change / sizeof *change; i++) {
        strbuf_clear(&b);
        table_write_blob(t, &b);
        put_le(&b, change[i].at, change[i].v, change[i].n);
        expect_refused(b.s, b.len, change[i].words);
    }
    strbuf_clear(&b);
    table_write_blob(t, &b);
    for (size_t n = 0; n < b.len; n++)
        expect_refused(b.s, n, "reading a table: ");
    strbuf_addc(&b, '\0');
    expect_refused(b.s, b.len, "1 bytes too many");
    /* type, role and whole stand behind the column's three strings */
    const size_t head = AT_NAME + 4 + 4 + 4 + 4 + 4, kind = head + 4 + 5 + 4 + 4;
    for (size_t i = 0; i < 3; i++) {
        strbuf_clear(&b);
        table_write_blob(t, &b);
        put_le(&b, kind + i, i == 1 ? COLUMN_FACET + 1 : i == 0 ? COLUMN_BOOL + 1 : 2, 1);
        expect_refused(b.s, b.len, "unknown here");
    }
    strbuf_release(&b);
    table_free(t);
}

/* Each byte changed in turn: a table that writes back as the same bytes, or a refusal. */
static void test_blob_of_changed_bytes(void **state)
{
    (void)state;
    struct table *t = latents();
    struct strbuf b, again;
    strbuf_init(&b);
    strbuf_init(&again);
    table_write_blob(t, &b);
    int read = 0, refused = 0;
    for (size_t i = 0; i < b.len; i++) {
        for (int bit = 0; bit < 8; bit++) {
            b.s[i] = (char)(b.s[i] ^ 1 << bit);
            struct error e = {0};
            struct table *back = table_read_blob(b.s, b.len, &e);
            assert_true((back == NULL) == error_is_set(&e));
            refused += !back, read += back != NULL;
            if (back) {
                struct error second = {0};
                strbuf_clear(&again);
                table_write_blob(back, &again);
                struct table *twice = table_read_blob(again.s, again.len, &second);
                assert_non_null(twice);
                assert_true(table_equal(back, twice));
                table_free(twice);
            }
            table_free(back);
            b.s[i] = (char)(b.s[i] ^ 1 << bit);
        }
    }
    assert_true(read > 100 && refused > 100);
    strbuf_release(&b);
    strbuf_release(&again);
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_build),
        cmocka_unit_test(test_equal),
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_set),
        cmocka_unit_test(test_sort),
        cmocka_unit_test(test_sort_many),
        cmocka_unit_test(test_text),
        cmocka_unit_test(test_text_on_a_narrow_screen),
        cmocka_unit_test(test_text_without_columns),
        cmocka_unit_test(test_text_of_numbers),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_numbers_in_another_locale),
        cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_names),
        cmocka_unit_test(test_blob),
        cmocka_unit_test(test_blob_refused),
        cmocka_unit_test(test_blob_of_changed_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
