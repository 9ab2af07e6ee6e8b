/* Where units are neurons, no view speaks of latents or an SAE. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/effort.h"
#include "tests/support/explore_fixture.h"
#include "tui/unit_words.h"
#include "tui/view/label.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct explore_fixture f;

static void assert_lacks(const char *word, const char *where)
{
    struct strbuf out;
    strbuf_init(&out);
    fixture_draw(&f);
    grid_write_text(&f.grid, &out);
    if (strstr(out.s, word))
        fail_msg("%s at %d×%d says %s:\n%s", where, f.grid.w, f.grid.h, word, out.s);
    strbuf_release(&out);
}

static void check(const char *where)
{
    assert_lacks("atent", where);
    assert_lacks("SAE", where);
}

static void test_every_view(void **state)
{
    (void)state;
    static const int size[][2] = {{80, 24}, {120, 36}, {200, 60}, {300, 80}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i += quick() ? 3 : 1) {
        fixture_init(&f, NULL, DEPTH_256, false, size[i][0], size[i][1]);
        fixture_neurons(&f, true);
        f.options.neurons = true;
        shell_loaded(&f.shell, &f.wb);
        fixture_host(&f);
        shell_command(&f.shell, "fix 1482=2");
        fixture_settle(&f);
        fixture_keys(&f, "Esc");
        check("the explorer");
        assert_true(fixture_find(&f, "Neurons at", NULL, NULL));
        for (int p = 0; p < N_PANES; p++) {
            fixture_keys(&f, "?");
            for (int page = 0; page < 6; page++) { /* :insert sae is called so for both */
                assert_lacks("atent", "help");
                fixture_keys(&f, "PageDown");
            }
            fixture_keys(&f, "Esc Tab");
        }
        for (char view = '2'; view <= '8'; view++) {
            char keys[] = {view, 0};
            fixture_keys(&f, keys);
            fixture_settle(&f);
            check(keys);
        }
        fixture_release(&f);
    }
}

static void test_words(void **state)
{
    (void)state;
    char text[] = "Latents, a latent and late tents";
    fixture_init(&f, NULL, DEPTH_256, false, 80, 24);
    unit_words_in(&f.wb, text);
    assert_string_equal(text, "Latents, a latent and late tents");
    fixture_neurons(&f, true);
    unit_words_in(&f.wb, text);
    assert_string_equal(text, "Neurons, a neuron and late tents");
    assert_string_equal(unit_words(NULL)->many, "latents");
    fixture_release(&f);
}

/* An id beyond the tokenizer's is named as what it is. */
static void test_padding(void **state)
{
    (void)state;
    char label[LABEL_MAX];
    padding_label(50277, label);
    assert_string_equal(label, "padding id 50277");
    fixture_init(&f, "en", DEPTH_256, false, 200, 60);
    fixture_settle(&f);
    f.shell.sh.snapshot->next_plain.id[0] = 50277;
    fixture_draw(&f);
    assert_true(fixture_find(&f, "padding id 50277", NULL, NULL));
    fixture_release(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_view),
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_padding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
