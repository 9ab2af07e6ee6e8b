/* Documents longer than the context, against tokenising them all. */
#include "engine/study/pass.h"
#include "tests/engine/study/chunks.h"

static void check_cut(const struct tiny_model *t, const struct corpus *c, bool bos)
{
    struct study_in in = tiny_in(t, c);
    struct pass_cut cut, want = {.first = -1};
    const int32_t n_ctx = model_config(t->model)->n_ctx, room = bos ? n_ctx - 1 : n_ctx;
    in.bos = bos;
    for (int64_t i = 0; i < c->n_docs; i++) {
        struct pass_doc *d = pass_docs(&in, i, 1);
        if (d->n > room) {
            want.docs++;
            want.windows += (d->n + room - 1) / room;
            want.of_class[c->doc[i].cls]++;
            want.first = want.first < 0 ? i : want.first;
        }
        pass_docs_free(d, 1);
    }
    assert_true(pass_cut(&in, NULL, &cut));
    assert_memory_equal(&cut, &want, sizeof want);
    atomic_bool cancelled = true;
    assert_false(pass_cut(&in, &cancelled, &cut));
}

static void test_documents_that_are_cut(void **state)
{
    (void)state;
    static const char *const da[] = {
        "Hun bor i et lille hus.",
        "Rådet skal nu formelt godkende Parlamentets holdning, og så går børnene hjem til Åse.",
        /* more tokens than bytes: NFC parts one character in two */
        "क़क़क़क़क़क़क़क़", "\xef\xac\x9d\xef\xac\x9d\xef\xac\x9d\xef\xac\x9d\xef\xac\x9d",
        "aaaaaaaaaaaaaaaa", "zqxjkzqxjkzqxjkzqxjkzqxjk"};
    static const char *const en[] = {"A house.", "1234567890123456 1234567890123456", "x"};
    struct tiny_model t;
    for (int n_ctx = 4; n_ctx <= 64; n_ctx *= 2) {
        tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act", .n_ctx = n_ctx});
        struct corpus *c = corpus_of(da, 6, en, 3, false, CORPUS_ALL);
        check_cut(&t, c, false);
        check_cut(&t, c, true);
        corpus_free(c);
        tiny_close(&t);
    }
}

/* Whatever a device's chunks are made of, each document is in one, in order, and values come out
 * the same. */
static void test_chunks(void **state)
{
    (void)state;
    struct tiny_model t;
    struct study *whole = NULL;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct corpus *c = tiny_corpus(20, true);
    struct study_in in = tiny_in(&t, c);

    for (int32_t docs = 64; docs > 0; docs = docs * 2 / 5) {
        t.backend->caps.chunk_docs = docs;
        assert_int_equal(pass_chunks(&in), (c->n_docs + docs - 1) / docs);
        int64_t next = 0;
        for (int64_t i = 0; i < pass_chunks(&in); i++) {
            const struct pass_range of = pass_range(&in, i);
            assert_int_equal(of.first, next);
            assert_in_range(of.n, 1, docs);
            next += of.n;
        }
        assert_int_equal(next, c->n_docs);
        assert_int_equal(pass_range(&in, pass_chunks(&in)).n, 0);
        assert_int_equal(pass_range(&in, -1).n, 0);
        struct study *s = study_done(&values_study, &in, given(&values_study, "units=3,17"));
        if (!whole) {
            whole = s;
            continue;
        }
        struct table_set *a = values_study.tables(whole), *b = values_study.tables(s);
        same_tables(a, b);
        table_set_unref(a);
        table_set_unref(b);
        values_study.free(s);
    }
    values_study.free(whole);
    corpus_free(c);
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_documents_that_are_cut),
                                       cmocka_unit_test(test_chunks)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
