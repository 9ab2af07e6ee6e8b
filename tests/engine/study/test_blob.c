/* States as bytes, in pieces. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/study/blob.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct taken {
    struct strbuf all;
    int64_t n, refuse; /* pieces; the one that is refused, −1: none */
    size_t last;
};

static bool take(void *arg, const void *p, size_t n, struct error *e)
{
    struct taken *t = arg;
    assert_true(n > 0 && n <= BLOB_PIECE);
    assert_true(t->n == 0 || t->last == BLOB_PIECE); /* only the last one may be smaller */
    t->last = n;
    if (t->n++ == t->refuse)
        return error_set(e, ERROR_SYSTEM, "the disk is full");
    strbuf_add(&t->all, p, n);
    return true;
}

static void write_numbers(struct blob_writer *w)
{
    static const double f[] = {0, -0.0, 1.5, -1e300, (double)INFINITY};
    blob_add_u32(w, 0x01020304);
    blob_add_i64(w, INT64_MIN);
    for (size_t i = 0; i < 5; i++)
        blob_add_f64(w, f[i]);
    blob_add(w, "abc", 3);
}

static void read_numbers(struct blob_reader *r)
{
    static const double f[] = {0, -0.0, 1.5, -1e300, (double)INFINITY};
    uint8_t three[3];
    assert_int_equal(blob_u32(r), 0x01020304);
    assert_true(blob_i64(r) == INT64_MIN);
    for (size_t i = 0; i < 5; i++) {
        double v = blob_f64(r);
        assert_memory_equal(&v, &f[i], sizeof v);
    }
    assert_false(blob_end(r));
    blob_bytes(r, three, 3);
    assert_true(blob_end(r) && memcmp(three, "abc", 3) == 0);
    assert_int_equal(blob_u32(r), 0);
    assert_true(r->bad && !blob_end(r));
}

struct source { /* pieces of a memory, each of `size` bytes */
    const char *p;
    size_t n, size;
};

static const void *next(void *arg, size_t *n)
{
    struct source *s = arg;
    const char *p = s->p;
    *n = s->size < s->n ? s->size : s->n;
    s->p += *n;
    s->n -= *n;
    return *n > 0 ? p : NULL;
}

static void numbers_read_back(void **unused)
{
    (void)unused;
    struct taken t = {.refuse = -1};
    struct blob_writer w;
    struct error e = {0};
    strbuf_init(&t.all);
    blob_writer_init(&w, take, &t);
    write_numbers(&w);
    assert_int_equal(t.n, 0); /* not before a piece is full, or the end */
    assert_true(blob_writer_end(&w, &e));
    assert_int_equal(t.n, 1);
    assert_int_equal(t.all.len, 4 + 8 + 40 + 3);
    assert_memory_equal(t.all.s, "\4\3\2\1", 4); /* little-endian everywhere */
    struct blob_reader r = blob_in_memory(t.all.s, t.all.len);
    read_numbers(&r);
    for (size_t size = 1; size <= t.all.len; size++) { /* numbers lie across pieces */
        struct source s = {t.all.s, t.all.len, size};
        blob_reader_init(&r, next, &s, t.all.len);
        read_numbers(&r);
    }
    struct blob_reader cut = blob_in_memory(t.all.s, 7);
    blob_u32(&cut);
    assert_int_equal(blob_i64(&cut), 0); /* five bytes are missing, and nothing is taken */
    assert_true(cut.bad && cut.left == 3);
    assert_int_equal(blob_u32(&cut), 0); /* sticky */
    strbuf_release(&t.all);
}

/* A piece that is not there, or one more than was said. */
static void pieces_that_do_not_fit(void **unused)
{
    (void)unused;
    static const char text[20] = "0123456789012345678";
    char out[20];
    struct blob_reader r;
    struct source few = {text, 12, 4}, many = {text, 20, 6};
    blob_reader_init(&r, next, &few, 16);
    blob_bytes(&r, out, 10);
    assert_memory_equal(out, text, 10);
    memset(out, 'x', sizeof out);
    blob_bytes(&r, out, 6);
    assert_true(r.bad);
    assert_memory_equal(out, "01\0\0\0\0", 6);
    blob_reader_init(&r, next, &many, 16); /* the third one is too long */
    blob_bytes(&r, out, 13);
    assert_true(r.bad);
    blob_reader_init(&r, NULL, NULL, 3);
    blob_bytes(&r, out, 1);
    assert_true(r.bad);
    blob_reader_init(&r, next, &few, 0);
    assert_true(blob_end(&r));
}

static void fill(struct blob_writer *w, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const uint8_t byte = (uint8_t)(i * 7 + i / 1000);
        blob_add(w, &byte, 1);
    }
}

static void pieces_are_full_but_the_last(void **unused)
{
    (void)unused;
    static const size_t sizes[] = {
        0, 1, BLOB_PIECE - 1, BLOB_PIECE, BLOB_PIECE + 1, 3 * BLOB_PIECE};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        const size_t n = sizes[i];
        struct taken t = {.refuse = -1};
        struct blob_writer w;
        strbuf_init(&t.all);
        blob_writer_init(&w, take, &t);
        fill(&w, n);
        assert_true(blob_writer_end(&w, NULL));
        assert_int_equal(t.n, (n + BLOB_PIECE - 1) / BLOB_PIECE);
        assert_int_equal(t.all.len, n);
        for (size_t k = 0; k < n; k++)
            assert_true((uint8_t)t.all.s[k] == (uint8_t)(k * 7 + k / 1000));
        /* at once: the same */
        struct taken again = {.refuse = -1};
        strbuf_init(&again.all);
        blob_writer_init(&w, take, &again);
        blob_add(&w, t.all.s, n);
        assert_true(blob_writer_end(&w, NULL));
        assert_int_equal(again.n, t.n);
        assert_int_equal(again.all.len, n);
        assert_memory_equal(again.all.s, t.all.s, n);
        strbuf_release(&t.all);
        strbuf_release(&again.all);
    }
}

static void nothing_is_handed_on_after_an_error(void **unused)
{
    (void)unused;
    for (int64_t refuse = 0; refuse < 3; refuse++) {
        struct taken t = {.refuse = refuse};
        struct error e = {0};
        struct blob_writer w;
        strbuf_init(&t.all);
        blob_writer_init(&w, take, &t);
        fill(&w, 2 * BLOB_PIECE + 5);
        assert_false(blob_writer_end(&w, &e));
        assert_string_equal(e.text, "the disk is full");
        assert_int_equal(t.n, refuse + 1);
        strbuf_release(&t.all);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(pieces_that_do_not_fit),
        cmocka_unit_test(pieces_are_full_but_the_last),
        cmocka_unit_test(nothing_is_handed_on_after_an_error),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
