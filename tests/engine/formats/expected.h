/* Compares a file of tests/golden/formats with what tests/reference/formats.py says that it holds.
 */
#ifndef GLIMT_TESTS_FORMATS_EXPECTED_H
#define GLIMT_TESTS_FORMATS_EXPECTED_H
#include "engine/formats/tensors.h"
#include "tests/support/testdata.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline json_t *expected_load(void)
{
    size_t n = 0;
    char *text = golden_read("formats/expected.json", &n);
    json_t *j = json_loadb(text, n, 0, NULL);
    assert_non_null(j);
    free(text);
    return j;
}

static inline void expected_tensor(const struct tensors *ts, const char *name, const json_t *want)
{
    const struct named_tensor *t = tensors_find(ts, name);
    if (t == NULL)
        fail_msg("no tensor %s", name);
    const json_t *shape = json_object_get(want, "shape"), *bits = json_object_get(want, "bits");
    assert_int_equal(t->n_dims, json_array_size(shape));
    for (size_t i = 0; i < json_array_size(shape); i++)
        assert_int_equal(t->dim[i], json_integer_value(json_array_get(shape, i)));
    const size_t n = json_array_size(bits);
    assert_true(t->type >= 0);
    assert_int_equal(t->n_bytes, n * dtype_size((enum dtype)t->type));
    float *x = malloc(n * sizeof *x + 1);
    assert_non_null(x);
    tensor_to_f32(x, t->data, (enum dtype)t->type, n);
    for (size_t i = 0; i < n; i++) {
        int32_t found;
        memcpy(&found, &x[i], sizeof found);
        if (found != json_integer_value(json_array_get(bits, i)))
            fail_msg("element %zu of %s is %08x", i, name, (unsigned)found);
    }
    free(x);
}

static inline void expected_check(const char *file)
{
    json_t *all = expected_load(), *want = json_object_get(all, file), *v;
    assert_non_null(want);
    const char *name;
    char golden[64];
    snprintf(golden, sizeof golden, "formats/%s", file);
    char *path = golden_path(golden);
    struct tensors *ts = NULL;
    struct error e = {0};
    if (!tensors_open(path, &ts, &e))
        fail_msg("%s", e.text);
    assert_int_equal(tensors_count(ts), json_object_size(json_object_get(want, "tensors")));
    json_object_foreach(json_object_get(want, "tensors"), name, v) expected_tensor(ts, name, v);
    json_object_foreach(json_object_get(want, "facts"), name, v)
    {
        const char *found = tensors_metadata(ts, name);
        if (found == NULL)
            fail_msg("no fact %s in %s", name, file);
        assert_string_equal(found, json_string_value(v));
    }
    assert_null(tensors_metadata(ts, "no such fact"));
    tensors_close(ts);
    free(path);
    json_decref(all);
}
#endif
