/* A damaged cache heals in the request that meets it. Every page of the file, and of the WAL that a
 * killed process leaves, is zeroed and changed in a bit; rows are removed and made senseless. The
 * answers are those of an undisturbed cache each time, and what was damaged is set aside. */
#include "tests/support/effort.h"
#include "tests/support/lab_fixture.h"
#include "tests/support/testdata.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "engine/base/memory.h"
#include "tests/support/requests.h"

static const struct query *const kinds[] = {&harvest_query,  &latents_query,   &examples_query,
                                            &bins_query,     &histogram_query, &find_query,
                                            &coactive_query, &sweep_query,     &examples_query};
#define N_KINDS (sizeof kinds / sizeof *kinds)
#define LAST_KEEPS (N_KINDS - 1) /* with every activation */

struct answers {
    char *blob[N_KINDS];
    size_t n[N_KINDS];
};

static bool ask(struct lab *lab, size_t i, struct strbuf *out, struct lab_facts *facts,
                struct error *e)
{
    struct request r;
    struct table_set *set = NULL;
    request_init(&r, kinds[i]);
    request_say(&r, "units=3,17 min-share=.05 max-other=.5 values=2");
    if (i == LAST_KEEPS)
        params_set_flag(&r.params, "all", true);
    bool ok = lab_run(lab, &r, NULL, &set, facts, e);
    for (int32_t k = 0; ok && k < set->n; k++)
        table_write_blob(set->table[k], out);
    if (ok)
        table_set_unref(set);
    request_release(&r);
    return ok;
}

static void take_answers(struct lab_place *p, struct answers *a)
{
    struct lab *lab = lab_new(p->wb, &p->options);
    for (size_t i = 0; i < N_KINDS; i++) {
        struct strbuf b;
        struct error e = {0};
        strbuf_init(&b);
        if (!ask(lab, i, &b, NULL, &e))
            fail_msg("%s: %s", kinds[i]->name, e.text);
        a->n[i] = b.len;
        a->blob[i] = strbuf_detach(&b);
    }
    lab_free(lab);
}

static void release_answers(struct answers *a)
{
    for (size_t i = 0; i < N_KINDS; i++)
        free(a->blob[i]);
}

/* One request by a lab of its own, as a command does it; was anything set aside? */
static bool expect_answer(struct lab_place *p, const struct answers *a, size_t i, const char *what)
{
    struct lab *lab = lab_new(p->wb, &p->options);
    struct strbuf b;
    struct error e = {0};
    strbuf_init(&b);
    if (!ask(lab, i, &b, NULL, &e))
        fail_msg("%s: %s: %s", what, kinds[i]->name, e.text);
    if (b.len != a->n[i] || memcmp(b.s, a->blob[i], b.len) != 0)
        fail_msg("%s: %s: another answer", what, kinds[i]->name);
    strbuf_release(&b);
    const char *said = lab_said(lab);
    bool aside = said[0] != '\0';
    if (aside && (!strstr(said, "glimt.db.damaged-1, a new one begun") || strchr(said, '\n')))
        fail_msg("%s: %s: says %s", what, kinds[i]->name, said);
    lab_free(lab);
    char *damaged = xasprintf("%s/glimt.db.damaged-1", p->cache);
    if (aside != (access(damaged, F_OK) == 0))
        fail_msg("%s: %s: said \"%s\", and the file is %s", what, kinds[i]->name, said,
                 aside ? "not there" : "there");
    free(damaged);
    return aside;
}

/* ---- files */
static char *slurp(const char *path, size_t *n)
{
    struct stat st;
    FILE *f = fopen(path, "r");
    if (!f || fstat(fileno(f), &st) != 0)
        fail_msg("no %s", path);
    char *p = xmalloc((size_t)st.st_size + 1);
    *n = fread(p, 1, (size_t)st.st_size, f);
    fclose(f);
    return p;
}

/* The cache's folder with nothing but these two files. */
/* How many pages on the next to be damaged lies. */
static int every(void)
{
    return lengthy() ? 1 : quick() ? 7 : 3;
}

static void lay_out(const struct lab_place *p, const char *db, size_t n_db, const char *wal,
                    size_t n_wal)
{
    testdata_remove(xstrdup(p->cache));
    assert_int_equal(mkdir(p->cache, 0700), 0);
    free(testdata_write(p->cache, "glimt.db", db, n_db));
    if (n_wal > 0)
        free(testdata_write(p->cache, "glimt.db-wal", wal, n_wal));
}

/* Damages `bytes` page by page in each way and asks one request after the other, each of a copy of
 * its own; how often something was set aside. */
static int damage_each(struct lab_place *p, const struct answers *a, char *bytes, size_t n,
                       const char *name, const char *db, size_t n_db)
{
    int aside = 0;
    size_t turn = 0;
    const size_t step = (size_t)every() * STORE_PAGE_SIZE;
    char *page = xmalloc(STORE_PAGE_SIZE);
    for (size_t at = 0; at < n; at += step) {
        size_t size = n - at < STORE_PAGE_SIZE ? n - at : STORE_PAGE_SIZE;
        memcpy(page, bytes + at, size);
        for (int way = 0; way < 3; way++) {
            char what[80];
            size_t bit = way == 1 ? at % 97 : size / 2 + at % 1001;
            snprintf(what, sizeof what, "%s, page %zu, way %d", name, at / STORE_PAGE_SIZE, way);
            if (way == 0)
                memset(bytes + at, 0, size);
            else
                bytes[at + bit % size] ^= (char)(1 << (at / STORE_PAGE_SIZE % 8));
            /* every request for the first pages, which have the tables; then each in its turn */
            for (size_t i = 0; i < (at < 8 * STORE_PAGE_SIZE ? N_KINDS : 2); i++) {
                lay_out(p, db, n_db, bytes == db ? NULL : bytes, bytes == db ? 0 : n);
                aside += expect_answer(p, a, turn++ % N_KINDS, what);
            }
            memcpy(bytes + at, page, size);
        }
    }
    free(page);
    return aside;
}

static void test_every_page(void **state)
{
    struct lab_place *p = *state;
    struct answers a;
    size_t n;
    take_answers(p, &a);
    char *path = xasprintf("%s/glimt.db", p->cache), *db = slurp(path, &n);
    assert_true(n > 16 * STORE_PAGE_SIZE);
    for (size_t i = 0; i < N_KINDS; i++) {
        lay_out(p, db, n, NULL, 0);
        assert_false(expect_answer(p, &a, i, "undisturbed"));
    }
    int aside = damage_each(p, &a, db, n, "the file", db, n);
    assert_true(aside > (int)(n / STORE_PAGE_SIZE) / every());
    free(db);
    free(path);
    release_answers(&a);
}

/* All that was kept is in the WAL alone: a reader that stays keeps it from being emptied, and the
 * process is gone before it could. */
static void test_every_page_of_the_journal(void **state)
{
    struct lab_place *p = *state;
    struct answers a;
    size_t n_db, n_wal;
    store_close(store_open_or_fail(p->cache, NULL, 0));
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *reader = store_open_or_fail(p->cache, NULL, 0);
        store_pragma(reader, "BEGIN", NULL, 0);
        store_first(reader, SQL_RUN_OLDEST, NO_VALUES);
        int64_t n = 0;
        store_pragma_integer(reader, "SELECT count(*) FROM run", &n);
        struct lab *lab = lab_new(p->wb, &p->options);
        for (size_t i = 0; i < N_KINDS; i++) {
            struct strbuf b;
            strbuf_init(&b);
            ask(lab, i, &b, NULL, NULL);
        }
        _exit(0);
    }
    assert_int_equal(waitpid(child, NULL, 0), child);
    char *path = xasprintf("%s/glimt.db", p->cache), *wal = xasprintf("%s-wal", path);
    char *db = slurp(path, &n_db), *journal = slurp(wal, &n_wal);
    assert_true(n_wal > 16 * STORE_PAGE_SIZE);
    testdata_remove(xstrdup(p->cache));
    take_answers(p, &a);
    lay_out(p, db, n_db, journal, n_wal);
    assert_int_equal(store_sql_integer(p->cache, "SELECT sum(done) >= 5 FROM run"), 1);
    damage_each(p, &a, journal, n_wal, "the WAL", db, n_db);
    free(db);
    free(journal);
    free(path);
    free(wal);
    release_answers(&a);
}

static void test_rows_that_make_no_sense(void **state)
{
    static const char *const sql[] = {
        "DELETE FROM latent WHERE id & 4294967295 = 17",
        "DELETE FROM latent",
        "DELETE FROM result",
        "UPDATE latent SET detail = zeroblob(length(detail))",
        "UPDATE latent SET detail = substr(detail, 1, length(detail) - 1)",
        "UPDATE result SET tbl = x'00'",
        "UPDATE result SET tbl = substr(tbl, 1, length(tbl) - 1)",
        "DELETE FROM piece",
        "DELETE FROM state WHERE ord = 0",
        "UPDATE piece SET bytes = x'00'",
        "UPDATE piece SET bytes = CAST(substr(bytes, 1, length(bytes) - 1) || x'7f' AS BLOB)",
        "UPDATE state SET sum = NULL, size = 3; UPDATE piece SET bytes = x'000000'",
        "UPDATE posting SET positions = x'ffffffffffff'",
        "UPDATE posting SET vals = substr(vals, 1, 3)",
        "PRAGMA foreign_keys = 0; DELETE FROM object; UPDATE sqlite_sequence SET seq = 99",
    };
    struct lab_place *p = *state;
    struct answers a;
    size_t n;
    take_answers(p, &a);
    char *path = xasprintf("%s/glimt.db", p->cache), *db = slurp(path, &n);
    for (size_t k = 0; k < sizeof sql / sizeof *sql; k++) {
        int aside = 0;
        for (size_t i = 0; i < N_KINDS; i++) {
            lay_out(p, db, n, NULL, 0);
            store_sql(p->cache, sql[k]);
            aside += expect_answer(p, &a, i, sql[k]);
        }
        if (k < 14)
            assert_true(aside > 0);
    }
    free(db);
    free(path);
    release_answers(&a);
}

/* The explorer's case: the lab stays, the file is damaged under it, then deleted. */
static void test_under_an_open_lab(void **state)
{
    struct lab_place *p = *state;
    struct answers a;
    take_answers(p, &a);
    struct lab *lab = lab_new(p->wb, &p->options);
    for (int round = 0; round < 2; round++) {
        char *path = xasprintf("%s/glimt.db", p->cache);
        struct strbuf b;
        struct error e = {0};
        size_t n;
        if (round == 0) {
            char *db = slurp(path, &n);
            FILE *f = fopen(path, "r+");
            memset(db + STORE_PAGE_SIZE, 0x5a, n - STORE_PAGE_SIZE);
            assert_int_equal(fwrite(db, 1, n, f), n);
            fclose(f);
            free(db);
        } else {
            assert_int_equal(unlink(path), 0);
        }
        for (size_t i = 0; i < N_KINDS; i++) {
            strbuf_init(&b);
            if (!ask(lab, i, &b, NULL, &e))
                fail_msg("round %d: %s: %s", round, kinds[i]->name, e.text);
            assert_int_equal(b.len, a.n[i]);
            assert_memory_equal(b.s, a.blob[i], b.len);
            strbuf_release(&b);
        }
        assert_int_equal(access(path, F_OK), 0);
        free(path);
    }
    assert_non_null(strstr(lab_said(lab), "glimt.db.damaged-1"));
    lab_free(lab);
    lab = lab_new(p->wb, &p->options); /* and what was computed is kept */
    for (size_t i = 0; i < N_KINDS; i++) {
        struct lab_facts facts = {0};
        struct strbuf b;
        strbuf_init(&b);
        assert_true(ask(lab, i, &b, &facts, NULL));
        assert_true(facts.cached);
        strbuf_release(&b);
    }
    assert_string_equal(lab_said(lab), "");
    lab_free(lab);
    release_answers(&a);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        LAB_TEST(test_every_page),
        LAB_TEST(test_every_page_of_the_journal),
        LAB_TEST(test_rows_that_make_no_sense),
        LAB_TEST(test_under_an_open_lab),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
