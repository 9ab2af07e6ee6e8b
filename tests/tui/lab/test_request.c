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
#include "tests/support/requests.h"

static char *command(const struct request *r, const struct options *o)
{
    struct strbuf b;
    strbuf_init(&b);
    request_command(r, o, NULL, &b);
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
    request_init(&r, &latents_query);
    says(&r, &o, "glimt latents");
    r.corpus.path = xstrdup("my corpus.tsv");
    request_say(&r, "target=da");
    says(&r, &o, "glimt latents 'my corpus.tsv' --target da");
    r.corpus.encoding = xstrdup("latin1");
    r.corpus.header = r.corpus.special = true;
    says(&r, &o, "glimt latents 'my corpus.tsv' --encoding latin1 --header --special --target da");
    request_release(&r);

    request_init(&r, &sweep_query);
    request_say(&r, "units=418,390 values=-2,.5 insert=error,sae each=true");
    o.model = "EleutherAI/pythia-14m";
    o.seed = 7;
    says(&r, &o,
         "glimt sweep --latents 418,390 --values=-2,0.5 --insert sae,error --each --model "
         "EleutherAI/pythia-14m --seed 7");
    o = (struct options){.neurons = true};
    says(&r, &o, "glimt sweep --neurons 418,390 --values=-2,0.5 --insert sae,error --each");
    request_release(&r);

    options_init(&o);
    request_init(&r, &ablate_query);
    request_say(&r, "units=418 insert=attn_1=sae,attn_3=error");
    says(&r, &o, "glimt neuron ablate --latents 418 --insert attn_1=sae,attn_3=error");
    request_release(&r);
    request_init(&r, &tokens_query);
    request_say(&r, "units=418");
    says(&r, &o, "glimt histogram --latents 418 --tokens");
    request_release(&r);
    request_init(&r, &find_query);
    r.corpus.n_files = 1;
    r.corpus.file[0].cls = xstrdup("sv");
    r.corpus.file[0].path = xstrdup("it's.txt");
    r.corpus.limit = 600;
    says(&r, &o, "glimt find --class 'sv=it'\\''s.txt' --limit 600");
    request_say(&r, "min-share=.25 rows=3");
    says(&r, &o, "glimt find --class 'sv=it'\\''s.txt' --limit 600 --rows 3 --min-share 0.25");
    request_release(&r);
}

static void test_equality(void **state)
{
    (void)state;
    struct request a, b;
    request_init(&a, &sweep_query);
    a.corpus.path = xstrdup("x.tsv");
    request_say(&a, "units=3");
    request_copy(&b, &a);
    assert_true(request_equal(&a, &b));
    request_say(&b, "units=4");
    assert_false(request_equal(&a, &b));
    request_say(&b, "units=3");
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
    request_say(&b, "each=true");
    assert_false(request_equal(&a, &b));
    request_release(&a);
    request_release(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_commands),
        cmocka_unit_test(test_equality),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
