/* Requests: values, equality, and the command line that reproduces them. */
#include "tui/lab/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

#include "engine/base/memory.h"

static void test_values(void **state)
{
    (void)state;
    double v[STUDY_MAX_VALUES];
    int32_t n;
    struct error e = {0};
    assert_true(request_parse_values("-8:8:2", v, &n, &e));
    assert_int_equal(n, 9);
    assert_true(v[0] < -7.99 && v[8] > 7.99);
    assert_true(request_parse_values("0:1:.1", v, &n, &e));
    assert_int_equal(n, 11);
    assert_true(request_parse_values("2.5", v, &n, &e));
    assert_int_equal(n, 1);
    assert_true(request_parse_values("-2,0,2.5", v, &n, &e));
    assert_int_equal(n, 3);
    assert_true(v[2] > 2.49 && v[2] < 2.51);
}

static void test_nonsense_values(void **state)
{
    (void)state;
    static const char *const bad[] = {"",      "x",   "1,",  "1,,2",    "1:2",        "2:1:1",
                                      "1:2:0", "nan", "1e9", "0:9:1:2", "-8:8:0.001", "1 2"};
    double v[STUDY_MAX_VALUES];
    int32_t n;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct error e = {0};
        if (request_parse_values(bad[i], v, &n, &e))
            fail_msg("'%s' was taken", bad[i]);
        assert_int_equal(e.kind, ERROR_INPUT);
    }
}

static char *command(const struct request *r, const struct options *o)
{
    struct strbuf b;
    strbuf_init(&b);
    request_command(r, o, &b);
    return strbuf_detach(&b);
}

static void says(const struct request *r, const struct options *o, const char *expected)
{
    char *s = command(r, o);
    assert_string_equal(s, expected);
    free(s);
}

static void test_commands(void **state)
{
    (void)state;
    struct options o;
    struct request r;
    options_init(&o);
    request_init(&r, REQUEST_LATENTS);
    says(&r, &o, "glimt latents");
    r.corpus.path = xstrdup("my corpus.tsv");
    r.target = xstrdup("da");
    says(&r, &o, "glimt latents 'my corpus.tsv' --target da");
    r.corpus.encoding = xstrdup("latin1");
    r.corpus.header = r.corpus.special = true;
    says(&r, &o, "glimt latents 'my corpus.tsv' --encoding latin1 --header --special --target da");
    request_release(&r);

    request_init(&r, REQUEST_SWEEP);
    r.n_units = 2;
    r.unit[0] = 418;
    r.unit[1] = 390;
    r.n_values = 2;
    r.value[0] = -2;
    r.value[1] = .5;
    r.inserts = 1u << INSERT_SAE | 1u << INSERT_ERROR;
    r.each = true;
    o.model = "EleutherAI/pythia-14m";
    o.seed = 7;
    says(&r, &o,
         "glimt sweep --latents 418,390 --values=-2,0.5 --insert sae,error --each --model "
         "EleutherAI/pythia-14m --seed 7");
    o = (struct options){.neurons = true};
    says(&r, &o, "glimt sweep --neurons 418,390 --values=-2,0.5 --insert sae,error --each");
    request_release(&r);

    options_init(&o);
    request_init(&r, REQUEST_TOKENS);
    r.n_units = 1;
    r.unit[0] = 418;
    says(&r, &o, "glimt histogram --latents 418 --tokens");
    request_release(&r);
    request_init(&r, REQUEST_FIND);
    r.corpus.n_files = 1;
    r.corpus.file[0].cls = xstrdup("sv");
    r.corpus.file[0].path = xstrdup("it's.txt");
    r.corpus.limit = 600;
    says(&r, &o,
         "glimt find --class 'sv=it'\\''s.txt' --limit 600 --min-share 0.5 --max-other 0.01");
    request_release(&r);
}

static void test_equality(void **state)
{
    (void)state;
    struct request a, b;
    request_init(&a, REQUEST_SWEEP);
    a.corpus.path = xstrdup("x.tsv");
    a.n_units = 1;
    a.unit[0] = 3;
    request_copy(&b, &a);
    assert_true(request_equal(&a, &b));
    b.unit[0] = 4;
    assert_false(request_equal(&a, &b));
    b.unit[0] = 3;
    b.corpus.path[0] = 'y';
    assert_false(request_equal(&a, &b));
    b.corpus.path[0] = 'x';
    bool *how[] = {&b.corpus.header, &b.corpus.special};
    for (int i = 0; i < 2; i++) {
        *how[i] = true;
        assert_false(request_equal(&a, &b));
        *how[i] = false;
    }
    b.corpus.encoding = xstrdup("latin1");
    assert_false(request_equal(&a, &b));
    struct request c;
    request_copy(&c, &b);
    assert_true(request_equal(&c, &b));
    request_release(&c);
    free(b.corpus.encoding);
    b.corpus.encoding = NULL;
    assert_true(request_equal(&a, &b));
    b.rule.min_share = .2;
    assert_false(request_equal(&a, &b));
    request_release(&a);
    request_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_values),
        cmocka_unit_test(test_nonsense_values),
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
