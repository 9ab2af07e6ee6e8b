/* Several dictionaries in the explorer, as a user has them: listed one after the other, sliders of
 * all of them at once, and there again at the next start, which names none. */
#include "engine/base/memory.h"
#include "tests/support/explorer.h"
#include "tests/support/run.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

static char *other, *mlp, *stream; /* SAEs of the widths of an MLP and of the stream */

static int write_saes(void **state)
{
    set_up(state);
    other = testdata_folder();
    tiny_write(other, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    mlp = xasprintf("%s/sae.safetensors", folder);
    stream = xasprintf("%s/sae.safetensors", other);
    return 0;
}

static int remove_saes(void **state)
{
    testdata_remove(other);
    free(mlp);
    free(stream);
    return tear_down(state);
}

static void command(struct term *t, const char *line)
{
    escape(t);
    term_type(t, ":");
    term_type(t, line);
    term_key(t, "Enter");
    settle(t);
}

static struct term *start_with(const char *home, const char *const *more)
{
    return start(&(struct how){.home = home, .more = more, .w = 120, .h = 32});
}

static void hides(struct term *t, const char *text)
{
    if (term_has(t, text))
        fail_msg("on the screen: %s", text);
}

static void test_listed_one_after_the_other(void **state)
{
    (void)state;
    const char *more[] = {"--sae",     mlp,     "--sae", stream, "--hook", "layers.0.attn.out",
                          "--neurons", "L2N37", NULL};
    char *home = testdata_folder();
    struct term *t = start_with(home, more);
    assert_shows(t, "attn_0 (1 of 3)");
    assert_shows(t, "L2N37");
    term_type(t, "Hun gik hjem, æøå");
    settle(t);
    escape(t);
    assert_shows(t, "Latents of attn_0 at");
    term_type(t, "D");
    assert_shows(t, "mlp_1 (2 of 3)");
    assert_shows(t, "Latents of mlp_1 at");
    term_type(t, "\tf"); /* the first of them becomes a slider */
    assert_shows(t, "is a slider now");
    assert_shows(t, "latent mlp_1/");
    command(t, "fix 5=2,attn_0/3=-1");
    assert_shows(t, "mlp_1/5");
    assert_shows(t, "attn_0/3");
    command(t, "dict mlp_2");
    assert_shows(t, "Neurons of mlp_2 at");
    term_type(t, "u"); /* taken back: the one before */
    assert_shows(t, "Latents of mlp_1 at");
    term_type(t, "2");
    assert_shows(t, "Latents of mlp_1 ·");
    hides(t, " unit ");
    term_type(t, "D");
    assert_shows(t, "Neurons of mlp_2 ·");
    term_type(t, "1");
    assert_shows(t, "Neurons of mlp_2 at");
    settle(t);
    quit(t);

    t = start_with(home, NULL); /* names none: all are there */
    assert_shows(t, "mlp_2 (3 of 3)");
    assert_shows(t, "Neurons of mlp_2 at");
    assert_shows(t, "L2N37");
    assert_shows(t, "mlp_1/5");
    assert_shows(t, "attn_0/3");
    hides(t, "left out");
    escape(t);
    term_type(t, "uuuu"); /* the two values, then the slider */
    settle(t);
    quit(t);

    t = start_with(home, (const char *[]){"--sae", mlp, NULL}); /* one of them: what is of it */
    assert_shows(t, "layers.1.mlp.act");
    quit(t);
    testdata_remove(home);
}

/* Neurons of one layer are numbers; the session says of which. */
static void test_neurons_of_one_layer_come_back(void **state)
{
    (void)state;
    char *home = testdata_folder();
    struct term *t = start_with(home, (const char *[]){"--neurons", "L2N7,L2N9", NULL});
    assert_shows(t, "layers.2.mlp.act");
    escape(t);
    settle(t);
    term_type(t, "D");
    assert_shows(t, "is the only dictionary");
    quit(t);
    t = start_with(home, NULL);
    assert_shows(t, "layers.2.mlp.act");
    quit(t);
    t = start_with(home, (const char *[]){"--neurons", "L1N4,L2N5", NULL});
    assert_shows(t, "mlp_1 (1 of 2)");
    assert_shows(t, "L1N4");
    assert_shows(t, "L2N5");
    hides(t, "L2N7");
    escape(t);
    term_type(t, "]"); /* something to be kept */
    settle(t);
    term_signal(t, SIGKILL);
    assert_int_equal(term_wait_exit(t, WAIT), -SIGKILL);
    term_free(t);
    t = start_with(home, NULL);
    assert_shows(t, "mlp_1 (1 of 2)");
    assert_shows(t, "L2N5");
    hides(t, "left out");
    quit(t);
    testdata_remove(home);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_listed_one_after_the_other),
        cmocka_unit_test(test_neurons_of_one_layer_come_back),
    };
    return cmocka_run_group_tests(tests, write_saes, remove_saes);
}
