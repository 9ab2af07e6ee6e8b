/* The filter language of the table of latents. */
#include "tui/view/latents/filter.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Five latents; the last has nothing but its number. */
static struct table *small(void)
{
    static const struct {
        int64_t latent;
        double da, en, pre_da, pre_en, overlap, density;
        const char *higher;
    } row[] = {{41, .97, .002, 1.8, -.4, .03, .4, "da"},
               {141, .30, .30, .2, .25, .81, .30, "en"},
               {418, .55, .04, 2.1, -1, .12, .2, "da"},
               {7, .0, .5, -2, 3, .2, .01, "en"}};
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "fire_share.da", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "fire_share.en", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "mean_pre.da", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "mean_pre.en", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "difference", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "overlap", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "higher", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "density", "share", "", COLUMN_F64, COLUMN_Y);
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        int64_t at = table_row(t);
        table_set_i64(t, at, 0, row[i].latent);
        table_set_f64(t, at, 1, row[i].da);
        table_set_f64(t, at, 2, row[i].en);
        table_set_f64(t, at, 3, row[i].pre_da);
        table_set_f64(t, at, 4, row[i].pre_en);
        table_set_f64(t, at, 5, row[i].da - row[i].en);
        table_set_f64(t, at, 6, row[i].overlap);
        table_set_str(t, at, 7, row[i].higher);
        table_set_f64(t, at, 8, row[i].density);
    }
    table_set_i64(t, table_row(t), 0, 9000);
    return t;
}

/* "41 418": the latents that are left. */
static void left(const struct table *t, const char *line, char *out, size_t n)
{
    struct filter f;
    size_t w = 0;
    filter_parse(line, strlen(line), t, &f);
    out[0] = 0;
    for (int64_t r = 0; r < t->n_rows; r++)
        if (filter_holds(&f, t, r))
            w += (size_t)snprintf(out + w, n - w, "%s%lld", w ? " " : "",
                                  (long long)table_i64(t, r, 0));
}

static void test_what_is_left(void **state)
{
    (void)state;
    static const struct {
        const char *line, *left;
    } cases[] = {
        {"", "41 141 418 7 9000"},
        {"   ", "41 141 418 7 9000"},
        {"41", "41 141 418"},
        {"0", "9000"},
        {"latent=418", "418"},
        {"id=418", "418"},
        {"latent!=418", "41 141 7 9000"},
        {"7..141", "41 141 7"},
        {"da>0.2", "41 141 418"},
        {"da>0.2 en<0.05", "41 418"},
        {"da > 0.2 en <.05", "41 418"},
        {"da>\t0.2", "41 141 418"},
        {"DA>=.55", "41 418"},
        {"da>20%", "41 141 418"},
        {"da>20", "41 141 418"}, /* no share is above 1: per cent */
        {"da=0.3", "141"},
        {"da=.55", "418"},
        {"da=0", "7"},
        {"da≥.55", "41 418"},
        {"diff>.3", "41 418"},
        {"difference>.3", "41 418"},
        {"overlap<.2", "41 418"},
        {"overlap≤.2", "41 418 7"},
        {"density<.1", "7"},
        {"pre.da>1", "41 418"},
        {"mean.en>1", "7"},
        {"mean_pre.en>1e0", "7"},
        {"fire.da>.9", "41"},
        {"fire_share.da>.9", "41"},
        {"da", "41 418"},
        {"higher=en", "141 7"},
        {"higher!=en", "41 418"},
        {"da 8", "418"},
        {"pre.da=1.8", "41"},
        {"en!=.3", "41 418 7"},
    };
    struct table *t = small();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char out[80];
        left(t, cases[i].line, out, sizeof out);
        if (strcmp(out, cases[i].left) != 0)
            fail_msg("\"%s\" leaves %s, not %s", cases[i].line, out, cases[i].left);
    }
    table_free(t);
}

/* What makes no sense is said, where it stands, and changes nothing. */
static void test_nonsense(void **state)
{
    (void)state;
    static const struct {
        const char *line, *bad, *why;
    } cases[] = {
        {"da>0.2 xyz", "xyz", "xyz: no number, class or condition"},
        {"da>0.2 xyz>1", "xyz>1", "xyz: no such column or class"},
        {"da>0.2 en<", "en<", "fire_share.en: a number is missing"},
        {"da>0.2 en<0,05", "en<0,05", "0,05: not a number"},
        {"da>0.2 en<nan", "en<nan", "nan: not a number"},
        {"da>0.2 en<0x1", "en<0x1", "0x1: not a number"},
        {"da>0.2 en<1e999", "en<1e999", "1e999: not a number"},
        {"da>0.2 en<<1", "en<<1", "<1: not a number"},
        {"da>0.2 en<-", "en<-", "-: not a number"},
        {"da>0.2 en<1.2.3", "en<1.2.3", "1.2.3: not a number"},
        {"da>0.2 <3", "<3", "a column is missing before the operator"},
        {"da>0.2 d<3", "d<3", "d: 2 columns begin so (difference ...)"},
        {"da>0.2 higher<da", "higher<da", "higher: words take = or !="},
        {"da>0.2 higher=", "higher=", "higher: a word is missing"},
        {"da>0.2 \xff\xfe", "\xff\xfe", "\xff\xfe: no number, class or condition"},
        {"da>0.2 5..", "5..", "5..: no number, class or condition"},
    };
    struct table *t = small();
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct filter f;
        char out[80];
        filter_parse(cases[i].line, strlen(cases[i].line), t, &f);
        const struct filter_term *bad = filter_bad(&f);
        assert_non_null(bad);
        assert_int_equal(bad->end - bad->start, strlen(cases[i].bad));
        assert_memory_equal(cases[i].line + bad->start, cases[i].bad, strlen(cases[i].bad));
        assert_string_equal(bad->why, cases[i].why);
        left(t, cases[i].line, out, sizeof out);
        assert_string_equal(out, "41 141 418");
    }
    table_free(t);
}

static void test_long_lines(void **state)
{
    (void)state;
    struct table *t = small();
    struct filter f;
    char line[400] = "";
    for (int i = 0; i < 99; i++)
        strcat(line, "da ");
    filter_parse(line, strlen(line), t, &f);
    assert_int_equal(f.n, FILTER_MAX);
    assert_non_null(filter_bad(&f));
    assert_string_equal(filter_bad(&f)->why, "more than 31 conditions");
    memset(line, '4', 300);
    line[300] = 0;
    filter_parse(line, strlen(line), t, &f);
    assert_string_equal(filter_bad(&f)->why, "444444444444444444444444...: too long");
    filter_parse("da>1", 4, NULL, &f);
    assert_int_equal(f.n, 0);
    table_free(t);
}

/* Any bytes: terms lie inside the line, in order, and every row is judged. */
static void test_any_bytes(void **state)
{
    (void)state;
    static const char piece[][8] = {"da", "en", "<",    ">", "=", "!",  " ",      ".",      "9",
                                    "%",  "≥",  "\xe2", "e", "-", "..", "latent", "higher", "\x01"};
    struct table *t = small();
    uint32_t seed = 12345;
    for (int i = 0; i < 20000; i++) {
        char line[200] = "";
        struct filter f;
        for (int k = (int)(seed >> 8) % 14; k >= 0; k--) {
            seed = seed * 1664525 + 1013904223;
            strcat(line, piece[(seed >> 16) % (sizeof piece / sizeof *piece)]);
        }
        size_t n = strlen(line), at = 0;
        filter_parse(line, n, t, &f);
        for (int k = 0; k < f.n; k++) {
            assert_true(f.term[k].start >= at && f.term[k].end > f.term[k].start);
            assert_true((f.term[k].kind == FILTER_BAD) == (f.term[k].why[0] != 0));
            at = f.term[k].end;
        }
        assert_true(at <= n);
        for (int64_t r = 0; r < t->n_rows; r++)
            filter_holds(&f, t, r);
    }
    table_free(t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_what_is_left),
        cmocka_unit_test(test_nonsense),
        cmocka_unit_test(test_long_lines),
        cmocka_unit_test(test_any_bytes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
