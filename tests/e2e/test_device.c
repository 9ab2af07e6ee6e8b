/* A GPU that computes, is lost, or can't be used: the real binary with the real plugin, whose card
 * is the shim (gpu/shim), installed in a folder of its own. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/explorer.h"
#include "tests/support/journey.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

#define SENTENCE "Hun køber brød hver morgen"
#define MORE " og mælk"

static char *lost, *losing; /* once this file is there the card is gone; SHIM_LOSE=… */

static bool command_done(const char *const *argv)
{
    struct run_result r;
    run_program(&r, NULL, argv);
    const bool ok = r.status == 0;
    run_release(&r);
    return ok;
}

static void copy_to(const char *from, const char *folder_there)
{
    const char *const make[] = {"mkdir", "-p", folder_there, NULL};
    const char *const copy[] = {"cp", "-L", from, folder_there, NULL};
    assert_true(command_done(make) && command_done(copy));
}

/* bin/glimt, lib/glimt/glimt-cuda.so, share/glimt/themes. */
static int install(void **state)
{
    if (set_up(state) != 0)
        return -1;
    free(testdata_write(folder, "reference-da.txt", "Hun sover.\n", 11));
    free(testdata_write(folder, "reference-en.txt", "She sleeps.\n", 12));
    const char *binary = glimt_binary(), *slash = strrchr(binary, '/');
    char *plugin = xasprintf("%.*s/tests/shim/glimt-cuda.so", slash ? (int)(slash - binary) : 1,
                             slash ? binary : "."),
         *bin = xasprintf("%s/bin", folder), *lib = xasprintf("%s/lib/glimt", folder),
         *share = xasprintf("%s/share/glimt", folder), *themes = realpath("themes", NULL),
         *there = xasprintf("%s/themes", share), *glimt = xasprintf("%s/glimt", bin);
    copy_to(binary, bin);
    if (access(plugin, R_OK) == 0)
        copy_to(plugin, lib);
    const char *const make[] = {"mkdir", "-p", share, NULL};
    assert_true(command_done(make));
    assert_int_equal(symlink(themes, there), 0);
    setenv("GLIMT_BIN", glimt, 1);
    lost = xasprintf("%s/lost", folder);
    losing = xasprintf("SHIM_LOSE=%s:700", lost);
    free(plugin);
    free(bin);
    free(lib);
    free(share);
    free(themes);
    free(there);
    free(glimt);
    return 0;
}

static int uninstall(void **state)
{
    free(lost);
    free(losing);
    return tear_down(state);
}

static void need_shim(void)
{
    char *plugin = xasprintf("%s/lib/glimt/glimt-cuda.so", folder);
    const bool there = access(plugin, R_OK) == 0;
    free(plugin);
    if (there)
        return;
    print_message("the shim is not built for this machine\n");
    skip();
}

static void lose_card(void)
{
    FILE *f = fopen(lost, "w");
    assert_non_null(f);
    fclose(f);
}

/* ---- on the screen */
static struct term *explore(const char *device, const char *dtype, const char *home)
{
    unlink(lost);
    const char *const env[] = {losing, NULL};
    const char *const more[] = {"--device", device, dtype ? "--dtype" : NULL, dtype, NULL};
    return start(&(struct how){.env = env, .more = more, .home = home, .w = 160});
}

/* A text, a slider moved, more text; between them the card may go. */
static void work(struct term *t, bool loses)
{
    escape(t);
    term_type(t, ":clear");
    term_key(t, "Enter");
    settle(t);
    term_type(t, "i");
    term_type(t, SENTENCE);
    assert_shows(t, SENTENCE);
    escape(t);
    term_type(t, "]");
    settle(t);
    if (loses)
        lose_card();
    term_type(t, "i");
    term_type(t, MORE);
}

/* All but title, status and keys, where times and notes stand, and but the histogram, which was
 * counted when there was a card. */
static char *panes_of(struct term *t)
{
    int w, h, left = 0, top = 0, next = 0, same;
    term_size(t, &w, &h);
    assert_true(term_find(t, "Histogram", &left, &top));
    assert_true(term_find(t, "Fixed values", &next, &same));
    struct strbuf all;
    strbuf_init(&all);
    for (int y = 1; y < h - 2; y++) {
        for (int x = y < top ? 0 : next; x < w; x++)
            strbuf_adds(&all, term_cell(t, x, y).glyph);
        strbuf_adds(&all, "\n");
    }
    return strbuf_detach(&all);
}

static void expect_same_panes(struct term *a, const char *right)
{
    char *got = panes_of(a);
    size_t same = 0;
    while (got[same] && got[same] == right[same])
        same++;
    while (same > 0 && got[same - 1] != '\n')
        same--;
    if (strcmp(got, right) != 0)
        fail_msg("found\n%.*s\nexpected\n%.*s", (int)strcspn(got + same, "\n"), got + same,
                 (int)strcspn(right + same, "\n"), right + same);
    free(got);
}

static void expect_title(struct term *t, const char *device)
{
    char *title = term_row_text(t, 0);
    if (!strstr(title, device))
        fail_msg("'%s' has no '%s'", title, device);
    free(title);
}

static char *on_the_cpu(void)
{
    struct term *t = explore("cpu", NULL, NULL);
    work(t, false);
    settle(t);
    expect_title(t, "· cpu");
    assert_shows(t, SENTENCE MORE);
    char *right = panes_of(t);
    quit(t);
    return right;
}

static void test_a_lost_card_is_left_for_the_cpu(void **state)
{
    (void)state;
    need_shim();
    char *right = on_the_cpu();
    struct term *t = explore("auto", "f16", NULL);
    expect_title(t, "· cuda:0 f16");
    escape(t);
    term_type(t, ":device");
    term_key(t, "Enter");
    assert_shows(t, "cuda:0 shim, f16, 8.6 GB free of 8.6");
    settle(t);
    work(t, true);
    assert_shows(t, "cuda:0 lost (an illegal memory access was encountered); going on on the CPU "
                    "in f32; restart to use the GPU again");
    settle(t);
    expect_title(t, "· cpu");
    expect_same_panes(t, right);
    escape(t);
    term_type(t, "!"); /* said once, and nothing else with it */
    assert_shows(t, "going on on the");
    assert_false(term_has(t, "times)"));
    escape(t);
    quit(t);
    free(right);
}

static void test_a_card_that_was_insisted_on_is_the_end(void **state)
{
    (void)state;
    need_shim();
    char *home = xasprintf("%s/insisting", folder);
    mkdir(home, 0700);
    struct term *t = explore("cuda", NULL, home);
    work(t, true);
    assert_int_equal(term_wait_exit(t, WAIT), 1);
    size_t n;
    assert_non_null(strstr(term_output(t, &n),
                           "glimt: cuda:0 lost (an illegal memory access was encountered); text "
                           "and sliders are kept: the same command goes on"));
    term_free(t);
    t = explore("cuda", NULL, home);
    expect_title(t, "· cuda:0");
    assert_shows(t, SENTENCE); /* what was typed behind the loss may be there, too */
    assert_shows(t, "0.5");
    quit(t);
    free(home);
}

/* ---- on the command line */
static const struct failing {
    const char *env;
    const char *says; /* under auto the CPU computes all the same; NULL: nothing */
    const char *refusal;
    int status;
} failing[] = {
    {"SHIM_MEMORY=1070000000", "cuda: 1.074 GB needed, 1.070 free of 1.1; the CPU computes",
     "cuda: 1.074 GB needed, 1.070 free of 1.1", 1},
    {"SHIM_DRIVER=12040", "cuda: driver for CUDA 12.4, the plugin needs 13.0 (driver 580)",
     "--device: cuda: driver for CUDA 12.4", 2},
    {"SHIM_DRIVER=0", NULL, "--device: cuda: no NVIDIA driver", 2},
    {"SHIM_DEVICES=0", NULL, "--device: cuda: no GPU here", 2},
};

static void test_what_a_card_is_not_used_for(void **state)
{
    (void)state;
    need_shim();
    for (size_t i = 0; i < sizeof failing / sizeof *failing; i++) {
        const struct failing *f = &failing[i];
        const char *const env[] = {f->env, NULL};
        const struct run_how how = {.env = env};
        struct run_result r;
        run_glimt(&r, &how, "analyze", SENTENCE, "--bundle", bundle, "--json", NULL);
        assert_int_equal(r.status, 0);
        assert_non_null(strstr(r.out, "\"device\":\"cpu\",\"dtype\":\"f32\""));
        if (!f->says)
            assert_string_equal(r.err, "");
        else if (strncmp(r.err, "glimt: ", 7) != 0 || !strstr(r.err, f->says) ||
                 strchr(r.err, '\n') != r.err + r.n_err - 1)
            fail_msg("%s: %s", f->env, r.err);
        run_release(&r);
        run_glimt(&r, &how, "analyze", SENTENCE, "--bundle", bundle, "--device", "cuda", NULL);
        expect_error(&r, f->status, f->refusal);
        run_release(&r);
    }
}

static void test_an_analysis_names_the_card(void **state)
{
    (void)state;
    need_shim();
    static const char *const as[][3] = {
        {"cuda", "f32", "f32"}, {"cuda:0", "bf16", "bf16"}, {"auto", "auto", "f32"}};
    for (size_t i = 0; i < sizeof as / sizeof *as; i++) {
        json_t *j = JSON_OF(NULL, "analyze", SENTENCE, "--bundle", bundle, "--device", as[i][0],
                            "--dtype", as[i][1]);
        assert_string_equal(get_string(j, "device"), "cuda:0");
        assert_string_equal(get_string(j, "dtype"), as[i][2]); /* auto: the file's */
        json_decref(j);
    }
}

/* The cache is made when the study begins: from then on there is no card. */
static void test_a_study_says_how_it_goes_on(void **state)
{
    (void)state;
    need_shim();
    static const char *const device[] = {"auto", "cuda"};
    for (int i = 0; i < 2; i++) {
        char *cache = xasprintf("%s/cache-%s", folder, device[i]),
             *here = xasprintf("GLIMT_CACHE=%s", cache),
             *lose = xasprintf("SHIM_LOSE=%s/glimt.db:710", cache),
             *says = xasprintf("glimt: study harvest: cuda:0 lost (device-side assert triggered): "
                               "its last checkpoint is kept, "
                               "the same command goes on from there (%s",
                               cache);
        const char *const env[] = {here, lose, NULL}, *const again[] = {here, NULL};
        struct run_result r;
        run_glimt(&r, &(struct run_how){.env = env}, "latents", "--bundle", bundle, "--device",
                  device[i], "--json", NULL);
        expect_error(&r, 1, says);
        run_release(&r);
        json_t *gpu = JSON_OF(&(struct run_how){.env = again}, "latents", "--bundle", bundle,
                              "--device", device[i]),
               *cpu = JSON_OF(NULL, "latents", "--bundle", bundle, "--device", "cpu");
        assert_true(json_array_size(get_list(cpu, "rows")) > 0);
        assert_int_equal(json_array_size(get_list(gpu, "rows")),
                         json_array_size(get_list(cpu, "rows")));
        json_decref(gpu);
        json_decref(cpu);
        free(cache);
        free(here);
        free(lose);
        free(says);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_lost_card_is_left_for_the_cpu),
        cmocka_unit_test(test_a_card_that_was_insisted_on_is_the_end),
        cmocka_unit_test(test_what_a_card_is_not_used_for),
        cmocka_unit_test(test_an_analysis_names_the_card),
        cmocka_unit_test(test_a_study_says_how_it_goes_on),
    };
    return cmocka_run_group_tests(tests, install, uninstall);
}
