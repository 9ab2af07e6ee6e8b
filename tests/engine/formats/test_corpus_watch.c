/* Whoever waits for a corpus sees how far it is, and can end it. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/corpus.h"
#include "tests/support/effort.h"
#include "tests/support/testdata.h"
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

static struct corpus *must_open(const struct corpus_spec *spec)
{
    struct corpus *c = NULL;
    struct error e = {0};
    if (!corpus_open(spec, &c, &e))
        fail_msg("%s", e.text);
    return c;
}

static void test_lines(void **state)
{
    enum { LINES = 20000 };
    struct strbuf b;
    (void)state;
    strbuf_init(&b);
    for (int i = 0; i < LINES; i++)
        strbuf_addf(&b, "Sætning %d.\t%s\n", i, i % 2 ? "da" : "en");
    char *path = testdata_write(test_folder, "watched.tsv", b.s, b.len);
    struct corpus_watch w = {.cancel = NULL};
    struct corpus_spec spec = {.path = path, .watch = &w};
    struct corpus *c = must_open(&spec), *alone;
    assert_int_equal(atomic_load(&w.total), b.len);
    assert_true(atomic_load(&w.done) > (long long)b.len / 2);
    spec.watch = NULL;
    alone = must_open(&spec);
    assert_memory_equal(&c->hash, &alone->hash, sizeof c->hash);
    corpus_free(c);
    corpus_free(alone);
    atomic_bool cancel = true;
    struct error e = {0};
    struct corpus_watch ended = {.cancel = &cancel};
    spec.watch = &ended;
    c = NULL;
    assert_false(corpus_open(&spec, &c, &e));
    assert_null(c);
    assert_int_equal(e.kind, ERROR_CANCELLED);
    free(path);
    strbuf_release(&b);
}

/* ---- packed, encoded, a list */
static char *packed_file(const char *name, const char *p, size_t n)
{
    uLongf room = compressBound(n) + 100;
    uint8_t *out = xmalloc(room);
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    char *path = testdata_write(test_folder, name, out, z.total_out);
    deflateEnd(&z);
    free(out);
    return path;
}

/* A thread looks on as the program does. The moments are the reader's: what is asserted holds
 * whenever it looks. */
struct onlooker {
    struct corpus_watch watch;
    atomic_bool cancel, over;
};

static void *look_on(void *arg)
{
    struct onlooker *o = arg;
    for (long long before = 0; !atomic_load(&o->over);) {
        const long long done = atomic_load(&o->watch.done);
        assert_true(done >= before); /* it never goes back */
        before = done;
        usleep(50);
    }
    return NULL;
}

static bool open_looked_at(const struct corpus_spec *of, struct onlooker *o, struct corpus **out,
                           struct error *e)
{
    struct corpus_spec spec = *of;
    pthread_t thread;
    spec.watch = &o->watch;
    o->watch.cancel = &o->cancel;
    assert_int_equal(pthread_create(&thread, NULL, look_on, o), 0);
    const bool ok = corpus_open(&spec, out, e);
    atomic_store(&o->over, true);
    pthread_join(thread, NULL);
    return ok;
}

/* How far it is goes by the bytes of the file as it lies there; before the text is read it can be
 * ended, too. */
static void test_while_it_is_unpacked(void **state)
{
    const int n_lines = quick() ? 20000 : 400000;
    (void)state;
    struct strbuf lines, latin, list;
    strbuf_init(&lines);
    strbuf_init(&latin);
    strbuf_init(&list);
    for (int i = 0; i < n_lines; i++) {
        strbuf_addf(&lines, "Sætning nummer %d.\n", i);
        strbuf_addf(&latin, "S\xe6tning nummer %d.\n", i);
        strbuf_addf(&list, "%s\"Sætning nummer %d.\"", i ? ",\n" : "[", i);
    }
    strbuf_addc(&list, ']');
    char *path[] = {packed_file("watched.txt.gz", lines.s, lines.len),
                    testdata_write(test_folder, "watched-latin.txt", latin.s, latin.len),
                    packed_file("watched-latin.txt.gz", latin.s, latin.len),
                    testdata_write(test_folder, "watched.json", list.s, list.len)};
    struct sha256 hash = {0};
    for (int k = 0; k < 4; k++) {
        struct corpus_spec spec = {.n_files = 1, .file = {{"da", path[k]}}};
        spec.encoding = k == 1 || k == 2 ? "latin1" : NULL;
        struct onlooker o = {.over = false}, stops = {.cancel = true};
        struct error e = {0};
        struct corpus *c = NULL;
        assert_true(open_looked_at(&spec, &o, &c, &e));
        assert_int_equal(c->n_docs, n_lines);
        if (k > 0)
            assert_memory_equal(&c->hash, &hash, sizeof hash);
        hash = c->hash;
        assert_true(o.watch.done > o.watch.total / 2 && o.watch.done <= o.watch.total);
        corpus_free(c);
        c = NULL;
        assert_false(open_looked_at(&spec, &stops, &c, &e));
        assert_int_equal(e.kind, ERROR_CANCELLED);
        assert_null(c);
        assert_true(atomic_load(&stops.watch.done) < stops.watch.total / 100);
        free(path[k]);
    }
    strbuf_release(&lines);
    strbuf_release(&latin);
    strbuf_release(&list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),
        cmocka_unit_test(test_while_it_is_unpacked),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
