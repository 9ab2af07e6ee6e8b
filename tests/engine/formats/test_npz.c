/* NumPy's .npz: arrays as NumPy wrote them, stored and deflated; headers that lie; every byte of a
 * file changed, and every length of it. */
#include "engine/base/memory.h"
#include "engine/formats/tensors_private.h"
#include "tests/engine/formats/zip_build.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
/* after its prerequisites */
#include <cmocka.h>

#define STORED "dict/formats/gemma/gemma-scope-2b-pt-mlp/layer_3/width_16k/average_l0_7/params.npz"
#define DEFLATED                                                                                   \
    "dict/formats/gemma/gemma-scope-2b-pt-res/layer_2/width_16k/average_l0_9/params.npz"

static bool open_copy(const void *p, size_t n, struct tensors **ts, struct error *e)
{
    *ts = NULL;
    return tensors_open_bytes("x.npz", p, n, ts, e);
}

static void as_numpy_writes(void **state)
{
    (void)state;
    static const char *const file[] = {STORED, DEFLATED};
    for (int i = 0; i < 2; i++) {
        size_t n = 0;
        char *bytes = golden_read(file[i], &n);
        struct tensors *ts;
        struct error e = {0};
        assert_true(open_copy(bytes, n, &ts, &e));
        assert_int_equal(tensors_count(ts), 5);
        assert_false(tensors_are_pickled(ts));
        assert_non_null(tensors_need(ts, "w_enc", 2, (const int64_t[]){12, 40}, &e));
        assert_non_null(tensors_need(ts, "threshold", 1, (const int64_t[]){40}, &e));
        tensors_close(ts);
        free(bytes);
    }
}

struct array {
    const char *name, *header, *says; /* says NULL: it opens */
    size_t n_data;
    uint8_t version;
};
static const struct array arrays[] = {
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", NULL, 24, 1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3)}", NULL, 24, 2},
    {"a.npy", "{'shape': (), 'fortran_order': False, 'descr': '<f8', }", NULL, 8, 3},
    {"a.npy", "{'descr': '<i8', 'fortran_order': False, 'shape': (3,), }   \n", NULL, 24, 1},
    {"a.npy", "{'descr': '|b1', 'fortran_order': False, 'shape': (0, 7), }", NULL, 0, 1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 3), }", "version 1 to 3", 24,
     4},
    {"a.npy", "{'descr': '>f4', 'fortran_order': False, 'shape': (2, 3), }", "has dtype '>f4'", 24,
     1},
    {"a.npy", "{'descr': '|O', 'fortran_order': False, 'shape': (2, 3), }", "has dtype '|O'", 24,
     1},
    {"a.npy", "{'descr': [('x', '<f4')], 'fortran_order': False, 'shape': (6,), }", "no plain one",
     24, 1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': True, 'shape': (2, 3), }", "Fortran's order", 24,
     1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 4), }", "as many bytes", 24,
     1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2, -3), }", "no list of counts",
     24, 1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 1, 1, 2, 3), }",
     "4 dimensions", 24, 1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (999999999999999999, 99), }",
     "as many bytes", 24, 1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, 'shape': (2 3), }", "no list of counts", 24,
     1},
    {"a.npy", "{'descr': '<f4', 'fortran_order': False, }", "lacks dtype, order or shape", 24, 1},
    {"a.npy", "{'descr': '<f4', 'descr': '<f4', }", "twice", 24, 1},
    {"a.npy", "{'descr': '<f4', 'colour': 'red', }", "not known", 24, 1},
    {"a.npy", "__import__('os')", "no dict", 24, 1},
    {"a.npy", "", "no dict", 24, 1},
};

static void headers(void **state)
{
    (void)state;
    static const uint8_t zeros[64];
    for (size_t i = 0; i < sizeof arrays / sizeof *arrays; i++) {
        const struct array *a = &arrays[i];
        struct bytes *npy = xcalloc(1, sizeof *npy), *zip = xcalloc(1, sizeof *zip);
        struct tensors *ts;
        struct error e = {0};
        put(npy, "\x93NUMPY", 6);
        put(npy, &a->version, 1);
        put(npy, "\0", 1);
        put_le(npy, strlen(a->header), a->version == 1 ? 2 : 4);
        put(npy, a->header, strlen(a->header));
        put(npy, zeros, a->n_data);
        const struct entry entry = {a->name, npy->p, npy->n, 0, 0};
        zip_build(zip, &entry, 1, &(struct options){0});
        bool ok = open_copy(zip->p, zip->n, &ts, &e);
        if (ok != !a->says || (a->says && !strstr(e.text, a->says)))
            fail_msg("%s: %s", a->header, ok ? "was opened" : e.text);
        tensors_close(ts);
        free(npy);
        free(zip);
    }
}

static void entries_that_are_no_arrays(void **state)
{
    (void)state;
    const struct entry entry[] = {{"a.npy", "\x93NUMPY", 6, 0, 0}, {"b.txt", "text", 4, 0, 0}};
    struct bytes *zip = xcalloc(1, sizeof *zip);
    struct tensors *ts;
    struct error e = {0};
    zip_build(zip, entry, 1, &(struct options){0});
    assert_false(open_copy(zip->p, zip->n, &ts, &e));
    assert_non_null(strstr(e.text, "array 'a.npy': no .npy of version"));
    *zip = (struct bytes){.n = 0};
    e = (struct error){0};
    zip_build(zip, &(const struct entry){"a.npy", "no deflated data", 16, 8, 0}, 1,
              &(struct options){0});
    assert_false(open_copy(zip->p, zip->n, &ts, &e));
    assert_non_null(strstr(e.text, "entry 'a.npy': its deflated data are damaged"));
    *zip = (struct bytes){.n = 0};
    e = (struct error){0};
    zip_build(zip, &(const struct entry){"a.npy", "packed", 6, 12, 0}, 1, &(struct options){0});
    assert_false(open_copy(zip->p, zip->n, &ts, &e));
    assert_non_null(strstr(e.text, "compressed or encrypted"));
    free(zip);
}

/* Whatever a byte becomes: opened or refused in words, never read beyond. */
static void damaged(void **state)
{
    (void)state;
    size_t n = 0;
    char *bytes = golden_read(DEFLATED, &n);
    for (size_t i = 0; i < n; i += i < 200 || i > n - 400 ? 1 : 17) {
        struct tensors *ts;
        struct error e = {0};
        char *copy = xmemdup(bytes, n);
        copy[i] = (char)(copy[i] ^ 0x41);
        bool ok = open_copy(copy, n, &ts, &e);
        assert_int_equal(ok, !error_is_set(&e));
        tensors_close(ts);
        e = (struct error){0};
        free(copy);
        copy = xmemdup(bytes, i + 1);
        assert_false(i + 1 < n && open_copy(copy, i, &ts, &e));
        free(copy);
    }
    free(bytes);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_numpy_writes),
        cmocka_unit_test(headers),
        cmocka_unit_test(entries_that_are_no_arrays),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
