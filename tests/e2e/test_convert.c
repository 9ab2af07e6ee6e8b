/* An SAE in another format says the same: demo's, through glimt convert, and what can't be said. */
#include "tests/support/journey.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* after its prerequisites */
#include <cmocka.h>

static void test_the_same_sae(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    json_t *plain = JSON_OF(NULL, "analyze", "Rådet skal godkende det.");
    run_glimt(&r, NULL, "convert", "store/demo/sae.safetensors", "--to", "glimt", "--output",
              scratch_path("own"), NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "from glimt-sae 1 to glimt"));
    run_release(&r);
    json_t *own =
               JSON_OF(NULL, "analyze", "Rådet skal godkende det.", "--sae", scratch_path("own")),
           *a = get_list(plain, "tokens"), *b = get_list(own, "tokens");
    assert_int_equal(json_array_size(a), json_array_size(b));
    for (size_t i = 0; i < json_array_size(a); i++) {
        json_t *s = get_list(json_array_get(a, i), "top"),
               *t = get_list(json_array_get(b, i), "top");
        assert_int_equal(json_array_size(s), json_array_size(t));
        for (size_t j = 0; j < json_array_size(s); j++)
            expect_close(get_number(json_array_get(s, j), "act"),
                         get_number(json_array_get(t, j), "act"), 1e-4);
    }
    json_decref(plain);
    json_decref(own);
}

static void test_refused(void **state)
{
    (void)state;
    need_demo();
    struct run_result r;
    run_glimt(&r, NULL, "convert", "store/demo/sae.safetensors", "--to", "onnx", "--output",
              scratch_path("x"), NULL);
    expect_error(&r, 2, "expected glimt, saelens or sparsify");
    run_release(&r);
    run_glimt(&r, NULL, "convert", "store/demo/sae.safetensors", "--to", "saelens", NULL);
    expect_error(&r, 2, "expected the folder to write");
    run_release(&r);
    run_glimt(&r, NULL, "convert", "tests/golden/dict/formats/saelens/gated", "--to", "sparsify",
              "--output", scratch_path("x"), NULL);
    expect_error(&r, 2, "sparsify can't express");
    run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_same_sae),
        cmocka_unit_test(test_refused),
    };
    return cmocka_run_group_tests_name("convert", tests, journey_begin, journey_end);
}
