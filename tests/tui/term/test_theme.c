/* The shipped themes can be read by everybody, and broken ones are refused with their line. */
#include "tui/term/palette.h"
#include "tui/term/theme.h"
#include <limits.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

static const char *const shipped[] = {"dark", "light", "paper", "terminal"};
#define N_SHIPPED (sizeof shipped / sizeof *shipped)

static struct theme *open_theme(const char *name, enum depth depth)
{
    struct error e = {0};
    struct theme *t = NULL;
    if (!theme_open(name, depth, false, &t, &e))
        fail_msg("%s", e.text);
    return t;
}

static char config_folder[] = "/tmp/glimt-theme-XXXXXX";

static int set_up(void **state)
{
    (void)state;
    char path[200];
    setenv("GLIMT_DATA", ".", 1);
    if (!mkdtemp(config_folder))
        return -1;
    setenv("XDG_CONFIG_HOME", config_folder, 1);
    snprintf(path, sizeof path, "%s/glimt", config_folder);
    mkdir(path, 0700);
    snprintf(path, sizeof path, "%s/glimt/themes", config_folder);
    return mkdir(path, 0700);
}

static void user_path(char *path, size_t n, const char *name)
{
    snprintf(path, n, "%s/glimt/themes/%s.theme", config_folder, name);
}

static void write_user_theme(const char *name, const char *text)
{
    char path[200];
    user_path(path, sizeof path, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs(text, f);
    fclose(f);
}

static int tear_down(void **state)
{
    (void)state;
    char path[200];
    snprintf(path, sizeof path, "rm -rf '%s'", config_folder);
    return system(path);
}

/* --- reading --- */

static void test_ramp_contrast(void **state)
{
    (void)state;
    int n = 0;
    for (size_t i = 0; i < N_SHIPPED; i++) {
        for (int d = DEPTH_16; d <= DEPTH_DIRECT; d++) {
            struct theme *t = open_theme(shipped[i], (enum depth)d);
            for (int level = -theme_levels(t); level <= 2 * theme_levels(t); level++) {
                struct style s = level <= theme_levels(t)
                                     ? theme_diverging(t, level)
                                     : theme_sequential(t, level - theme_levels(t));
                if (s.bg == COLOR_DEFAULT)
                    continue;
                n++;
                double ratio =
                    palette_contrast(theme_rgb(t, s.fg, false), theme_rgb(t, s.bg, true));
                if (ratio < 4.5)
                    fail_msg("%s, depth %d, level %d: contrast %.2f", shipped[i], d, level, ratio);
            }
            theme_free(t);
        }
    }
    assert_true(n > 100);
}

/* Text roles 4.5:1 on the theme's own background, lines and bars 3:1 (WCAG 1.4.3, 1.4.11). */
static void test_role_contrast(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < N_SHIPPED; i++) {
        for (int d = DEPTH_256; d <= DEPTH_DIRECT; d++) {
            struct theme *t = open_theme(shipped[i], (enum depth)d);
            for (int r = 0; r < N_ROLES; r++) {
                struct style s = theme_style(t, (enum theme_role)r);
                bool graphic =
                    r == ROLE_FRAME || r == ROLE_TRACK || r == ROLE_BAR || r >= ROLE_CLASS_1;
                double ratio =
                    palette_contrast(theme_rgb(t, s.fg, false), theme_rgb(t, s.bg, true));
                if (ratio < (graphic ? 3 : 4.5))
                    fail_msg("%s, depth %d, role %d: contrast %.2f", shipped[i], d, r, ratio);
            }
            theme_free(t);
        }
    }
}

/* Machado, Oliveira and Fernandes 2009, severity 1, on linear RGB. */
static const double vision[4][3][3] = {
    {{1, 0, 0}, {0, 1, 0}, {0, 0, 1}},
    {{0.152286, 1.052583, -0.204868},
     {0.114503, 0.786281, 0.099216},
     {-0.003882, -0.048116, 1.051998}},
    {{0.367322, 0.860646, -0.227968},
     {0.280085, 0.672501, 0.047413},
     {-0.011820, 0.042940, 0.968881}},
    {{1.255528, -0.076749, -0.178779},
     {-0.078411, 0.930809, 0.147602},
     {0.004733, 0.691367, 0.303900}},
};
static const char *const vision_name[4] = {"normal", "protanopia", "deuteranopia", "tritanopia"};

static double to_linear(uint32_t byte)
{
    double c = (byte & 255) / 255.0;
    return c <= 0.04045 ? c / 12.92 : pow((c + 0.055) / 1.055, 2.4);
}

static uint32_t seen_as(uint32_t rgb, int v)
{
    double in[3] = {to_linear(rgb >> 16), to_linear(rgb >> 8), to_linear(rgb)};
    uint32_t out = 0;
    for (int i = 0; i < 3; i++) {
        double c = vision[v][i][0] * in[0] + vision[v][i][1] * in[1] + vision[v][i][2] * in[2];
        c = c < 0 ? 0 : c > 1 ? 1 : c;
        c = c <= 0.0031308 ? 12.92 * c : 1.055 * pow(c, 1 / 2.4) - 0.055;
        out = out << 8 | (uint32_t)lround(c * 255);
    }
    return out;
}

static double distance(uint32_t a, uint32_t b, int v)
{
    struct oklab p = oklab_of(seen_as(a, v)), q = oklab_of(seen_as(b, v));
    return sqrt(pow(p.L - q.L, 2) + pow(p.a - q.a, 2) + pow(p.b - q.b, 2));
}

/* The sign is seen by everybody: clearly (.15) from half of the scale on, at all (.04) from the
 * weakest level, where the rail beside the text carries it too. */
static void test_signs_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < N_SHIPPED; i++) {
        for (int d = DEPTH_16; d <= DEPTH_DIRECT; d++) {
            struct theme *t = open_theme(shipped[i], (enum depth)d);
            int n = theme_levels(t);
            assert_int_equal(n, d == DEPTH_DIRECT ? 10 : d == DEPTH_256 ? 5 : 3);
            for (int level = 1; level <= n; level++) {
                for (int v = 0; v < 4; v++) {
                    double apart = distance(theme_rgb(t, theme_diverging(t, level).bg, true),
                                            theme_rgb(t, theme_diverging(t, -level).bg, true), v);
                    if (apart < (2 * level > n ? 0.15 : 0.04))
                        fail_msg("%s, depth %d, ±%d, %s: %.3f", shipped[i], d, level,
                                 vision_name[v], apart);
                }
            }
            theme_free(t);
        }
    }
    /* With 256 colours on dark the levels are few, and every sign is clear. */
    struct theme *t = open_theme("dark", DEPTH_256);
    for (int level = 1; level <= 5; level++)
        for (int v = 0; v < 4; v++)
            assert_true(distance(theme_rgb(t, theme_diverging(t, level).bg, true),
                                 theme_rgb(t, theme_diverging(t, -level).bg, true), v) > 0.15);
    theme_free(t);
}

/* Lightness runs one way along each ramp, away from the background. */
static void test_lightness_is_monotone(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < N_SHIPPED; i++) {
        for (int d = DEPTH_256; d <= DEPTH_DIRECT; d++) {
            struct theme *t = open_theme(shipped[i], (enum depth)d);
            double page = oklab_of(theme_rgb(t, COLOR_DEFAULT, true)).L;
            for (int sign = -1; sign <= 1; sign += 2) {
                double before = 0;
                for (int level = 1; level <= theme_levels(t); level++) {
                    double L = oklab_of(theme_rgb(t, theme_diverging(t, sign * level).bg, true)).L;
                    assert_true(fabs(L - page) > before);
                    before = fabs(L - page);
                }
            }
            theme_free(t);
        }
    }
}

/* The two classes' lines are told apart by everybody. */
static void test_classes_apart(void **state)
{
    (void)state;
    for (size_t i = 0; i + 1 < N_SHIPPED; i++) {
        for (int d = DEPTH_256; d <= DEPTH_DIRECT; d++) {
            struct theme *t = open_theme(shipped[i], (enum depth)d);
            for (int v = 0; v < 4; v++)
                assert_true(distance(theme_rgb(t, theme_style(t, ROLE_CLASS_1).fg, false),
                                     theme_rgb(t, theme_style(t, ROLE_CLASS_2).fg, false),
                                     v) > 0.15);
            theme_free(t);
        }
    }
}

/* --- depths --- */

static void test_exact_ramps(void **state)
{
    (void)state;
    struct theme *t = open_theme(NULL, DEPTH_256);
    assert_string_equal(theme_name(t), "dark");
    static const int positive[] = {52, 94, 130, 172, 214}, negative[] = {17, 24, 31, 38, 81};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(theme_diverging(t, i + 1).bg, positive[i]);
        assert_int_equal(theme_diverging(t, -i - 1).bg, negative[i]);
    }
    assert_int_equal(theme_diverging(t, 0).bg, COLOR_DEFAULT);
    assert_int_equal(theme_diverging(t, 0).fg, COLOR_DEFAULT);
    assert_int_equal(theme_diverging(t, 99).bg, 214);
    assert_int_equal(theme_diverging(t, INT_MIN).bg, 81);
    assert_int_equal(theme_diverging(t, 1).fg, 231);
    assert_int_equal(theme_diverging(t, 5).fg, 16);
    theme_free(t);
    t = open_theme("dark", DEPTH_DIRECT);
    assert_int_equal(theme_diverging(t, 1).bg, 0x13e2c20);
    assert_int_equal(theme_diverging(t, -10).bg, 0x16fb6fe);
    assert_int_equal(theme_sequential(t, 1).bg, 0x13f3220);
    assert_int_equal(theme_sequential(t, 10).bg, 0x1f2af48);
    theme_free(t);
    t = open_theme("light", DEPTH_DIRECT);
    assert_int_equal(theme_diverging(t, -1).bg, 0x1daecff);
    assert_int_equal(theme_diverging(t, 10).bg, 0x1c96805);
    theme_free(t);
}

static void test_mono(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_SHIPPED; i++) {
        struct theme *t = open_theme(shipped[i], DEPTH_MONO);
        assert_int_equal(theme_levels(t), 4);
        for (int r = 0; r < N_ROLES; r++) {
            struct style s = theme_style(t, (enum theme_role)r);
            assert_true(s.fg == COLOR_DEFAULT && s.bg == COLOR_DEFAULT);
        }
        static const int attr[] = {0, ATTR_UNDERLINE, ATTR_BOLD, ATTR_BOLD | ATTR_UNDERLINE,
                                   ATTR_REVERSE};
        for (int level = 0; level <= 4; level++) {
            assert_int_equal(theme_diverging(t, level).attr, attr[level]);
            assert_int_equal(theme_diverging(t, -level).attr, attr[level]);
            assert_int_equal(theme_diverging(t, level).bg, COLOR_DEFAULT);
        }
        /* what must stand out does so without colour */
        static const enum theme_role marked[] = {ROLE_SELECTION, ROLE_FOCUS, ROLE_ERROR,
                                                 ROLE_CURSOR_TOKEN, ROLE_STATUS};
        for (size_t k = 0; k < sizeof marked / sizeof *marked; k++)
            assert_int_not_equal(theme_style(t, marked[k]).attr, 0);
        theme_free(t);
    }
    /* the terminal's own colours, whatever they are: data alone brings its own, with the text on it
     */
    struct theme *t = open_theme("terminal", DEPTH_DIRECT);
    for (int r = 0; r < N_ROLES; r++) {
        struct style s = theme_style(t, (enum theme_role)r);
        assert_true(s.fg == COLOR_DEFAULT && s.bg == COLOR_DEFAULT);
    }
    theme_free(t);
}

static void test_roles_by_depth(void **state)
{
    (void)state;
    write_user_theme("mine", "# a comment\n"
                             "foreground = #ffffff # and another\n"
                             "\n"
                             "  focus=#ff8800 on #000001 bold italic\r\n"
                             "focus.16 = 9\n"
                             "key = 200\n"
                             "class.1 = default\n"
                             "class.1.mono = underline\n"
                             "a.later.version.knows = what this is\n"
                             "diverging.positive.256 = 52 94\n"
                             "diverging.negative.256 = 17 24\n");
    struct theme *t = open_theme("mine", DEPTH_DIRECT);
    struct style s = theme_style(t, ROLE_FOCUS);
    assert_int_equal(s.fg, 0x1ff8800);
    assert_int_equal(s.bg, 0x1000001);
    assert_int_equal(s.attr, ATTR_BOLD | ATTR_ITALIC);
    assert_int_equal(theme_rgb(t, COLOR_DEFAULT, false), 0xffffff);
    /* a ramp of another depth is never converted: the list for 256 colours serves as it stands */
    assert_int_equal(theme_levels(t), 2);
    assert_int_equal(theme_diverging(t, -2).bg, 24);
    theme_free(t);
    t = open_theme("mine", DEPTH_256);
    assert_int_equal(theme_style(t, ROLE_FOCUS).fg, 208); /* ff8700 */
    assert_int_equal(theme_style(t, ROLE_FOCUS).bg, 16);
    theme_free(t);
    t = open_theme("mine", DEPTH_16);
    assert_int_equal(theme_style(t, ROLE_FOCUS).fg, 9);
    assert_int_equal(theme_style(t, ROLE_FOCUS).attr, 0);
    assert_int_equal(theme_style(t, ROLE_KEY).fg, 13); /* ff00d7 */
    assert_int_equal(theme_levels(t), 4);              /* no list: attributes */
    assert_int_equal(theme_diverging(t, -4).attr, ATTR_REVERSE);
    assert_int_equal(theme_diverging(t, 4).bg, COLOR_DEFAULT);
    theme_free(t);
    t = open_theme("mine", DEPTH_MONO);
    assert_int_equal(theme_style(t, ROLE_CLASS_1).attr, ATTR_UNDERLINE);
    assert_int_equal(theme_style(t, ROLE_FOCUS).attr, ATTR_BOLD | ATTR_ITALIC);
    theme_free(t);
}

static void test_bad_files(void **state)
{
    (void)state;
    static const struct {
        const char *text, *says;
    } row[] = {
        {"text = default\nfocus = #12345\n", "line 2: “focus”: found “#12345”"},
        {"focus = #1234567\n", "line 1"},
        {"\n\n\nfocus = blue\n", "line 4: “focus”: found “blue”"},
        {"focus = 256\n", "line 1"},
        {"focus = #ffffff on\n", "line 1"},
        {"focus\n", "line 1: found “focus”, expected ROLE = VALUE"},
        {"= 3\n", "line 1"},
        {"focus # = 3\n", "line 1"},
        {"diverging.positive.256 = 52 3\n", "line 1"}, /* 3 is the user's own */
        {"diverging.positive.16 = 1 16\n", "line 1"},
        {"diverging.positive.direct = default\n", "line 1"},
        {"diverging.positive.256 = 52 94\ndiverging.negative.256 = 17\n", "2 levels"},
        {"background = nothing\n", "line 1"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct error e = {0};
        struct theme *t;
        write_user_theme("bad", row[i].text);
        assert_false(theme_open("bad", DEPTH_256, false, &t, &e));
        assert_null(t);
        assert_int_equal(e.kind, ERROR_INPUT);
        if (!strstr(e.text, row[i].says))
            fail_msg("“%s” does not say “%s”", e.text, row[i].says);
    }
    char path[200];
    user_path(path, sizeof path, "bad");
    FILE *f = fopen(path, "w");
    for (int i = 0; i < 5000; i++)
        fputs("focus = #ffffff\n", f);
    fclose(f);
    struct error e = {0};
    struct theme *t;
    assert_false(theme_open("bad", DEPTH_256, false, &t, &e));
    assert_non_null(strstr(e.text, "larger than"));
    unlink(path);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const bad[] = {"nowhere", "../dark", "/etc/passwd",
                                      ".hidden", "a b",     "dark\n"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        struct theme *t;
        assert_false(theme_open(bad[i], DEPTH_256, false, &t, &e));
        assert_int_equal(e.kind, ERROR_INPUT);
    }
    write_user_theme("dark", "focus = #010203\n"); /* the user's own comes first */
    write_user_theme("zebra", "");
    struct theme *t = open_theme("dark", DEPTH_DIRECT);
    assert_int_equal(theme_style(t, ROLE_FOCUS).fg, 0x1010203);
    theme_free(t);
    char **name = theme_list();
    static const char *const expected[] = {"dark", "light", "mine", "paper", "terminal", "zebra"};
    size_t n = 0;
    for (; name[n]; n++) {
        assert_true(n < sizeof expected / sizeof *expected);
        assert_string_equal(name[n], expected[n]);
        free(name[n]);
    }
    assert_int_equal(n, sizeof expected / sizeof *expected);
    free(name);
    char path[200];
    user_path(path, sizeof path, "dark");
    unlink(path);
}

static void test_levels(void **state)
{
    (void)state;
    struct theme *t = open_theme("dark", DEPTH_256);
    assert_int_equal(theme_level(t, 0, INT_MIN), 0);
    assert_int_equal(theme_level(t, NAN, 3), 0);
    assert_int_equal(theme_level(t, INFINITY, INT_MIN), 5);
    assert_int_equal(theme_level(t, -7, INT_MIN), -5);
    assert_int_equal(theme_level(t, 0.09, INT_MIN), 0); /* under half a level */
    assert_int_equal(theme_level(t, 0.11, INT_MIN), 1);
    assert_int_equal(theme_level(t, -0.11, INT_MIN), -1);
    /* half a level and 15 % of one: what was shown stays */
    assert_int_equal(theme_level(t, 0.11, 0), 0);
    assert_int_equal(theme_level(t, 0.129, 0), 0);
    assert_int_equal(theme_level(t, 0.131, 0), 1);
    assert_int_equal(theme_level(t, 0.071, 1), 1);
    assert_int_equal(theme_level(t, 0.069, 1), 0);
    assert_int_equal(theme_level(t, 0.5, INT_MAX), 3);
    theme_free(t);
}

static void test_palette(void **state)
{
    (void)state;
    assert_int_equal(palette_rgb(16), 0);
    assert_int_equal(palette_rgb(214), 0xffaf00);
    assert_int_equal(palette_rgb(231), 0xffffff);
    assert_int_equal(palette_rgb(232), 0x080808);
    assert_int_equal(palette_rgb(255), 0xeeeeee);
    for (int i = 16; i < 256; i++)
        assert_int_equal(palette_rgb(palette_nearest(palette_rgb(i), 16, 255)), palette_rgb(i));
    assert_true(fabs(palette_contrast(0, 0xffffff) - 21) < 1e-9);
    assert_true(fabs(palette_contrast(0xffffff, 0x767676) - 4.54) < 0.01);
    struct oklab white = oklab_of(0xffffff);
    assert_true(fabs(white.L - 1) < 1e-6 && fabs(white.a) < 1e-6 && fabs(white.b) < 1e-6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ramp_contrast), cmocka_unit_test(test_role_contrast),
        cmocka_unit_test(test_signs_apart),   cmocka_unit_test(test_lightness_is_monotone),
        cmocka_unit_test(test_classes_apart), cmocka_unit_test(test_exact_ramps),
        cmocka_unit_test(test_mono),          cmocka_unit_test(test_roles_by_depth),
        cmocka_unit_test(test_bad_files),     cmocka_unit_test(test_names),
        cmocka_unit_test(test_levels),        cmocka_unit_test(test_palette),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
