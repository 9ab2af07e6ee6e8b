/* The lab on a tiny bundle: the same answers computed, kept, resumed and in memory alone; what
 * can't be answered; a stored result that is verified, and one that was tampered with. */
#include "tests/support/lab_fixture.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

#include "engine/base/memory.h"
#include "tests/support/requests.h"
#include "tests/support/unit.h"

/* All tables of a set, byte for byte. */
static char *blob_of(const struct table_set *set, size_t *n)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int32_t i = 0; i < set->n; i++)
        table_write_blob(set->table[i], &b);
    *n = b.len;
    return strbuf_detach(&b);
}

static void same_tables(const struct table_set *a, const struct table_set *b)
{
    size_t na, nb;
    char *pa = blob_of(a, &na), *pb = blob_of(b, &nb);
    assert_int_equal(na, nb);
    assert_memory_equal(pa, pb, na);
    free(pa);
    free(pb);
}

static struct table_set *answers(struct lab *lab, const struct request *r,
                                 const struct lab_loop *loop, struct lab_facts *facts)
{
    struct table_set *set = NULL;
    struct error e = {0};
    if (!lab_run(lab, r, loop, &set, facts, &e))
        fail_msg("%s: %s", r->query->name, e.text);
    assert_non_null(set);
    return set;
}

static void ask(struct request *r, const struct query *query)
{
    request_init(r, query);
    request_say(r, "units=3,17,40 min-share=.05 max-other=.5 values=-1,2 each=true "
                   "text=Hej later=5 losses=true");
    request_say(r, query == &sweep_query ? "insert=sae,error" : "insert=mlp_1=sae");
    if (query == &chains_query) /* of a layer that is not open, as what downstream looks at */
        request_say(r, "later=L2N3");
}

static void test_kept_and_not_kept_agree(void **state)
{
    struct lab_place *p = *state;
    struct options none = p->options;
    none.cache = "none";
    struct lab *kept = lab_new(p->wb, &p->options), *again = lab_new(p->wb, &p->options),
               *plain = lab_new(p->wb, &none);
    for (int k = 0; k < N_QUERIES; k++) {
        struct request r;
        struct lab_facts first, second;
        ask(&r, queries[k]);
        struct table_set *a = answers(kept, &r, NULL, &first),
                         *b = answers(again, &r, NULL, &second),
                         *c = answers(plain, &r, NULL, NULL);
        same_tables(a, b);
        same_tables(a, c);
        if (queries[k] != &similar_query && queries[k] != &groups_query) /* of weights alone */
            assert_true(second.cached);
        table_set_unref(a);
        table_set_unref(b);
        table_set_unref(c);
        request_release(&r);
    }
    assert_string_equal(lab_said(kept), "");
    lab_free(kept);
    lab_free(again);
    lab_free(plain);
}

/* A cache of many, on a mount for reading: what it has is used, the rest computed, which is said.
 */
static void test_a_cache_that_can_only_be_read(void **state)
{
    struct lab_place *p = *state;
    struct options none = p->options;
    char *db = xasprintf("%s/glimt.db", p->cache);
    struct request kept, other, harvest;
    struct lab_facts facts;
    none.cache = "none";
    ask(&kept, &latents_query);
    ask(&other, &sweep_query);
    ask(&harvest, &harvest_query);
    params_set_flag(&harvest.params, "keep-activations", true);
    struct lab *lab = lab_new(p->wb, &p->options), *plain = lab_new(p->wb, &none);
    struct table_set *a = answers(lab, &kept, NULL, NULL), *b = answers(plain, &other, NULL, NULL);
    lab_free(lab);
    lab_free(plain);
    assert_int_equal(chmod(p->dir, 0755), 0);
    assert_int_equal(chmod(p->cache, 0555), 0);
    assert_int_equal(chmod(db, 0444), 0);
    testdata_as_nobody(true);
    lab = lab_new(p->wb, &p->options);
    struct table_set *found = answers(lab, &kept, NULL, &facts);
    assert_true(facts.cached);
    same_tables(a, found);
    assert_non_null(strstr(lab_said(lab), "can't be written (Permission denied): what it has"));
    struct table_set *computed = answers(lab, &other, NULL, &facts);
    assert_false(facts.cached);
    same_tables(b, computed);
    struct table_set *none_kept = NULL;
    struct error e = {0};
    assert_false(lab_run(lab, &harvest, NULL, &none_kept, &facts, &e));
    assert_non_null(strstr(e.text, "it is not in the cache "));
    lab_free(lab);
    testdata_as_nobody(false);
    assert_int_equal(chmod(p->cache, 0700), 0);
    table_set_unref(a);
    table_set_unref(b);
    table_set_unref(found);
    table_set_unref(computed);
    request_release(&kept);
    request_release(&other);
    request_release(&harvest);
    free(db);
}

struct stopper {
    atomic_bool cancel;
    int64_t at; /* chunk */
};

static void stop_there(void *arg, const struct study_progress *p, const char *what)
{
    struct stopper *s = arg;
    assert_true(what[0] != 0 && p->done <= p->total && p->share >= 0 && p->share <= 1);
    if (p->done == s->at)
        atomic_store(&s->cancel, true);
}

static void test_interrupted_and_resumed(void **state)
{
    struct lab_place *p = *state;
    static const struct query *const kinds[] = {&latents_query, &sweep_query, &histogram_query,
                                                &coactive_query};
    struct options none = p->options;
    none.cache = "none";
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct request r;
        struct table_set *set = NULL;
        struct lab_facts facts = {0};
        struct error e = {0};
        struct stopper s = {.at = 1};
        struct lab_loop loop = {.cancel = &s.cancel, .progress = stop_there, .progress_arg = &s};
        struct lab *first = lab_new(p->wb, &p->options), *second = lab_new(p->wb, &p->options),
                   *plain = lab_new(p->wb, &none);
        ask(&r, kinds[k]);
        assert_false(lab_run(first, &r, &loop, &set, NULL, &e));
        assert_int_equal(e.kind, ERROR_CANCELLED);
        lab_free(first);
        struct table_set *a = answers(second, &r, NULL, &facts),
                         *b = answers(plain, &r, NULL, NULL);
        assert_true(facts.resumed && !facts.cached);
        same_tables(a, b);
        table_set_unref(a);
        table_set_unref(b);
        lab_free(second);
        lab_free(plain);
        request_release(&r);
    }
}

/* A result that is being written lets others through, and can be interrupted: what is left then is
 * to write it. */
struct writing {
    atomic_bool cancel;
    bool computed;
    int polls; /* after the last chunk */
};

static void note_end(void *arg, const struct study_progress *p, const char *what)
{
    struct writing *w = arg;
    (void)what;
    w->computed = p->done == p->total;
}

static void stop_writing(void *arg)
{
    struct writing *w = arg;
    if (w->computed && ++w->polls == 2)
        atomic_store(&w->cancel, true);
}

static void test_interrupted_while_it_is_written(void **state)
{
    struct lab_place *p = *state;
    struct request r;
    struct table_set *set = NULL;
    struct lab_facts facts = {0};
    struct error e = {0};
    struct options none = p->options;
    none.cache = "none";
    struct writing w = {.polls = 0};
    struct lab_loop loop = {.cancel = &w.cancel,
                            .poll = stop_writing,
                            .poll_arg = &w,
                            .progress = note_end,
                            .progress_arg = &w};
    struct lab *first = lab_new(p->wb, &p->options), *second = lab_new(p->wb, &p->options),
               *plain = lab_new(p->wb, &none);
    ask(&r, &latents_query);
    assert_false(lab_run(first, &r, &loop, &set, NULL, &e));
    assert_int_equal(e.kind, ERROR_CANCELLED);
    assert_true(w.polls >= 2); /* the checkpoint that is made then polls too */
    lab_free(first);
    struct table_set *a = answers(second, &r, NULL, &facts), *b = answers(plain, &r, NULL, NULL);
    assert_true(facts.resumed && !facts.cached);
    same_tables(a, b);
    table_set_unref(a);
    table_set_unref(b);
    lab_free(second);
    lab_free(plain);
    request_release(&r);
}

static void partial(void *arg, struct table_set *set)
{
    int *n = arg;
    assert_true(set->n > 0);
    (*n)++;
}

static void poll_count(void *arg)
{
    int64_t *n = arg;
    (*n)++;
}

static void test_gives_way_between_operations(void **state)
{
    struct lab_place *p = *state;
    struct lab *lab = lab_new(p->wb, &p->options);
    struct request r;
    int64_t polls = 0;
    int partials = 0;
    struct lab_loop loop = {
        .poll = poll_count, .poll_arg = &polls, .partial = partial, .partial_arg = &partials};
    ask(&r, &harvest_query);
    table_set_unref(answers(lab, &r, &loop, NULL));
    assert_true(polls > 10); /* operations, not chunks */
    request_release(&r);
    lab_free(lab);
}

/* ---- what there is while it runs */
struct growing {
    const struct request *request;
    int n;
    struct table_set *last;
};

static void keep_last(void *arg, struct table_set *set)
{
    struct growing *g = arg;
    g->n++;
    table_set_unref(g->last);
    g->last = table_set_ref(set);
}

static char *write_corpus(const char *dir)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int i = 0; i < 200; i++)
        strbuf_addf(&b, "Sætning %d er en af mange, %d.\tda\nSentence %d is one of many.\ten\n", i,
                    i * 7, i);
    char *path = testdata_write(dir, "many.tsv", b.s, b.len);
    strbuf_release(&b);
    return path;
}

/* Whoever sees tables of a request that runs takes them for its answer: each has the mark and the
 * columns of the one of that name at the end. */
static void same_kind(const struct table_set *part, const struct table_set *whole)
{
    for (int32_t i = 0; i < part->n; i++) {
        const struct table *a = part->table[i], *b = table_set_find(whole, a->name);
        if (!b)
            fail_msg("the answer has no table %s", a->name);
        assert_int_equal(a->mark, b->mark);
        assert_int_equal(a->n_cols, b->n_cols);
        for (int32_t c = 0; c < a->n_cols; c++)
            assert_string_equal(a->cols[c].name, b->cols[c].name);
    }
}

static void test_tables_that_grow_are_of_the_request(void **state)
{
    struct lab_place *p = *state;
    struct options none = p->options;
    none.cache = "none";
    char *corpus = write_corpus(p->dir);
    int handed_on = 0;
    for (int k = 0; k < N_QUERIES; k++) {
        struct request r;
        if (queries[k] == &chains_query)
            continue;
        struct lab *lab = lab_new(p->wb, &none);
        struct growing g = {.request = &r};
        struct lab_loop loop = {.partial = keep_last, .partial_arg = &g};
        ask(&r, queries[k]);
        r.corpus.path = xstrdup(corpus);
        struct table_set *whole = answers(lab, &r, &loop, NULL);
        if (g.last)
            same_kind(g.last, whole);
        if (r.query == &latents_query || r.query == &sweep_query || r.query == &histogram_query)
            assert_true(g.n > 0);
        handed_on += g.n;
        table_set_unref(whole);
        table_set_unref(g.last);
        request_release(&r);
        lab_free(lab);
    }
    assert_true(handed_on > 3);
    free(corpus);
}

static void refuses(struct lab *lab, const struct request *r, const char *part)
{
    struct table_set *set = NULL;
    struct error e = {0};
    assert_false(lab_run(lab, r, NULL, &set, NULL, &e));
    assert_null(set);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (!strstr(e.text, part))
        fail_msg("'%s' does not say '%s'", e.text, part);
}

static void test_refusals(void **state)
{
    struct lab_place *p = *state;
    struct lab *lab = lab_new(p->wb, &p->options);
    struct request r;
    ask(&r, &histogram_query);
    request_set_units(&r, (const struct unit_id[]){UNIT(3), UNIT(100000)}, 2);
    refuses(lab, &r, "unit 100000");
    request_release(&r);
    ask(&r, &latents_query);
    params_set_text(&r.params, "target", "fr");
    refuses(lab, &r, "fr");
    request_release(&r);
    ask(&r, &latents_query);
    r.corpus.path = xstrdup("/nowhere.tsv");
    refuses(lab, &r, "/nowhere.tsv");
    request_release(&r);
    char *one = testdata_write(p->dir, "one.txt", "kun dansk\nmere dansk\n", 21);
    ask(&r, &find_query);
    r.corpus.n_files = 1;
    r.corpus.file[0].cls = xstrdup("da");
    r.corpus.file[0].path = one;
    refuses(lab, &r, "one class");
    request_release(&r);
    lab_free(lab);
}

/* A cache that can't be had costs time, never the answer. */
static void test_no_place_for_the_cache(void **state)
{
    struct lab_place *p = *state;
    char *file = testdata_write(p->dir, "file", "x", 1), *dir = xasprintf("%s/cache", file);
    struct options o = p->options;
    o.cache = dir;
    struct lab *lab = lab_new(p->wb, &o);
    struct request r;
    ask(&r, &latents_query);
    table_set_unref(answers(lab, &r, NULL, NULL));
    assert_non_null(strstr(lab_said(lab), dir));
    request_release(&r);
    lab_free(lab);
    free(file);
    free(dir);
}

static int64_t verified(struct lab_place *p, int64_t *wrong)
{
    struct lab *lab = lab_new(p->wb, &p->options);
    struct store_entry *entry = NULL;
    struct error e = {0};
    int64_t n = 0, same = 0;
    *wrong = 0;
    assert_non_null(lab_store(lab, &e));
    assert_true(store_list(lab_store(lab, NULL), &entry, &n, &e));
    for (int64_t i = 0; i < n; i++) {
        bool comparable;
        struct error why = {0};
        bool ok = lab_verify(lab, &entry[i], NULL, &comparable, &why);
        assert_true(comparable);
        same += ok;
        *wrong += !ok;
    }
    free(entry);
    lab_free(lab);
    return same;
}

/* A corpus read otherwise is another one in the cache, read the same way it is the same; what was
 * kept says how it was read. */
static void test_how_a_corpus_is_read_counts(void **state)
{
    struct lab_place *p = *state;
    static const char latin1[] = "H\xe5r <|endoftext|>\tda\nHair here\ten\n",
                      utf8[] = "Hår <|endoftext|>\tda\nHair here\ten\n";
    char *path[2] = {testdata_write(p->dir, "l.tsv", latin1, sizeof latin1 - 1),
                     testdata_write(p->dir, "u.tsv", utf8, sizeof utf8 - 1)};
    const struct {
        int file;
        const char *encoding;
        bool special, cached;
    } row[] = {{0, "latin1", false, false}, {0, "iso-8859-5", false, false},
               {0, "latin1", true, false},  {1, NULL, false, true},
               {1, "latin1", true, true},   {0, "windows-1252", false, true}};
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct lab *lab = lab_new(p->wb, &p->options);
        struct request r;
        struct lab_facts facts;
        request_init(&r, &harvest_query);
        r.corpus.path = xstrdup(path[row[i].file]);
        r.corpus.encoding = row[i].encoding ? xstrdup(row[i].encoding) : NULL;
        r.corpus.special = row[i].special;
        table_set_unref(answers(lab, &r, NULL, &facts));
        assert_int_equal(facts.cached, row[i].cached);
        assert_int_equal(
            strncmp(lab_said(lab), "note: <|endoftext|> is read as plain text in 1", 46) == 0,
            !row[i].special);
        request_release(&r);
        lab_free(lab);
    }
    int64_t wrong;
    assert_int_equal(verified(p, &wrong), 3);
    assert_int_equal(wrong, 0);
    free(path[0]);
    free(path[1]);
}

static void test_verify_finds_what_differs(void **state)
{
    struct lab_place *p = *state;
    struct lab *lab = lab_new(p->wb, &p->options);
    int64_t wrong;
    static const struct query *const kinds[] = {&harvest_query, &sweep_query, &histogram_query};
    for (size_t k = 0; k < sizeof kinds / sizeof *kinds; k++) {
        struct request r;
        ask(&r, kinds[k]);
        table_set_unref(answers(lab, &r, NULL, NULL));
        request_release(&r);
    }
    lab_free(lab);
    assert_int_equal(verified(p, &wrong), 3);
    assert_int_equal(wrong, 0);
    store_sql(p->cache, "UPDATE latent SET detail = (SELECT detail FROM latent WHERE "
                        "(id & 4294967295) = 5) WHERE (id & 4294967295) = 6");
    assert_int_equal(verified(p, &wrong), 2);
    assert_int_equal(wrong, 1);
}

/* ---- what is measured once */
static void count_begun(void *arg, const struct study_progress *p, const char *what)
{
    *(int *)arg += p->done == 0 && !(p->part > 0) && strcmp(what, "reading activations") == 0;
}

static int activities_of(const struct lab_place *p, const struct query *query, const char *more)
{
    struct options none = p->options;
    none.cache = "none";
    struct lab *lab = lab_new(p->wb, &none);
    int n = 0;
    const struct lab_loop loop = {.progress = count_begun, .progress_arg = &n};
    struct request r;
    request_init(&r, query);
    request_say(&r, more);
    table_set_unref(answers(lab, &r, &loop, NULL));
    request_release(&r);
    lab_free(lab);
    return n;
}

/* The means of the classes, also of what is held; later units with the others on, and off. */
static void test_means_are_measured_once(void **state)
{
    const struct lab_place *p = *state;
    assert_int_equal(activities_of(p, &means_query, "units=3,17 off=17,40"), 2);
    assert_int_equal(activities_of(p, &position_query, "units=3 off=40 text=Hej"), 1);
    assert_int_equal(activities_of(p, &shift_query, "units=3 later=5 from=1"), 3);
    assert_int_equal(activities_of(p, &shift_query, "units=3 later=5 from=1 off=40"), 3);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(test_tables_that_grow_are_of_the_request),
        LAB_TEST(test_kept_and_not_kept_agree),
        LAB_TEST(test_how_a_corpus_is_read_counts),
        LAB_TEST(test_interrupted_and_resumed),
        LAB_TEST(test_interrupted_while_it_is_written),
        LAB_TEST(test_gives_way_between_operations),
        LAB_TEST(test_refusals),
        LAB_TEST(test_no_place_for_the_cache),
        LAB_TEST(test_a_cache_that_can_only_be_read),
        LAB_TEST(test_verify_finds_what_differs),
        LAB_TEST(test_means_are_measured_once),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
