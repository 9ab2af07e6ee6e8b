/* Housekeeping: list, prune, check. */
#include "engine/base/memory.h"
#include "tests/support/store_fixture.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

static void list(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct store_entry *x = NULL;
    int64_t n = 1;
    assert_ok(store_list(s, &x, &n, &e), &e);
    assert_int_equal(n, 0);
    free(x);
    finished_run(s, "a", 1000);
    const struct sha256 h = store_hash_of("long");
    /* 70 bytes of two-byte letters: cut between letters */
    int64_t model = 0;
    assert_ok(
        store_object(s, "model", &h,
                     "x\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6"
                     "\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3"
                     "\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6"
                     "\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6\xc3\xa6",
                     "{}", &model, &e),
        &e);
    const struct store_run_key k = {.key = h,
                                    .study = "a study with a rather long name",
                                    .args_json = "{}",
                                    .precision = "bf16",
                                    .engine = "0.1.0",
                                    .model = model,
                                    .n_chunks = 8};
    struct store_run run;
    assert_int_equal(store_claim(s, &k, &run, &e), CLAIM_OURS);
    save_checkpoint(s, run.id, 5, "state");
    store_sql(*state, "UPDATE run SET last_used = 100 WHERE id = 1; UPDATE run SET last_used = 200"
                      " WHERE id = 2");
    assert_ok(store_list(s, &x, &n, &e), &e);
    assert_int_equal(n, 2);
    assert_int_equal(x[0].id, run.id);
    assert_int_equal(x[0].last_used, 200);
    assert_string_equal(x[0].study, "a study with a rathe…");
    assert_int_equal(strlen(x[0].model), 62); /* no half of a character */
    assert_string_equal(x[0].model + 57, "æ…");
    assert_string_equal(x[0].dict, "");
    assert_string_equal(x[0].precision, "bf16");
    assert_string_equal(x[0].engine, "0.1.0");
    assert_int_equal(x[0].bytes, 5);
    assert_int_equal(x[0].next_chunk, 5);
    assert_int_equal(x[0].n_chunks, 8);
    assert_false(x[0].done);
    assert_memory_equal(&x[0].key, &h, sizeof h);
    assert_string_equal(x[1].model, "a model");
    assert_string_equal(x[1].dict, "a dict");
    assert_string_equal(x[1].corpus, "a");
    assert_int_equal(x[1].bytes, 1000);
    assert_true(x[1].done);
    free(x);
    store_close(s);
}

static int64_t runs(const char *dir)
{
    return store_sql_integer(dir, "SELECT count(*) FROM run");
}

static void age(const char *dir, const char *corpus, int64_t days)
{
    char text[300];
    snprintf(text, sizeof text,
             "UPDATE run SET last_used = %lld WHERE corpus = (SELECT id FROM object WHERE name ="
             " '%s' AND kind = 'corpus')",
             (long long)(store_now() - days * 86400), corpus);
    store_sql(dir, text);
}

static void prune(void **state)
{
    const char *dir = *state;
    struct store *s = store_open_or_fail(dir, NULL, 0);
    struct error e = {0};
    static const char *const name[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 4; i++) {
        finished_run(s, name[i], 1000000);
        age(dir, name[i], 40 - 10 * i);
    }
    const int64_t held = assert_claim(s, "held", 3, CLAIM_OURS, 0);
    age(dir, "held", 50);
    const int64_t full = store_bytes(s);
    assert_true(full > 4000000);
    int64_t removed = -1;
    assert_ok(store_prune(s, -1, -1, &removed, &e), &e);
    assert_int_equal(removed, 0);
    assert_ok(store_prune(s, 35, -1, &removed, &e), &e);
    assert_int_equal(removed, 1);
    assert_int_equal(runs(dir), 4);
    assert_true(store_bytes(s) < full - 900000);
    const int64_t three = store_bytes(s);
    assert_ok(store_prune(s, -1, three - 1, &removed, &e), &e); /* b is the longest unused */
    assert_int_equal(removed, 1);
    assert_true(store_bytes(s) <= three - 1);
    assert_claim(s, "c", 3, CLAIM_DONE, 3);
    assert_claim(s, "d", 3, CLAIM_DONE, 3);
    assert_ok(store_prune(s, (double)NAN, 0, &removed, &e), &e);
    assert_int_equal(removed, 2);
    assert_int_equal(runs(dir), 1); /* ours, at work */
    assert_true(store_bytes(s) < 400000);
    save_checkpoint(s, held, 1, "one");
    store_release(s, held);
    age(dir, "held", 50);
    assert_ok(store_prune(s, 1, -1, &removed, &e), &e);
    assert_int_equal(removed, 1);
    assert_sound(s);
    store_close(s);
}

static void prune_takes_what_nothing_refers_to(void **state)
{
    const char *dir = *state;
    struct store *s = store_open_or_fail(dir, NULL, 0);
    struct error e = {0};
    int64_t removed = 0;
    static const char *const name[] = {"a", "b", "c", "d"};
    for (int i = 0; i < 2; i++) {
        const int64_t id = assert_claim(s, name[i], 3, CLAIM_OURS, 0);
        assert_ok(store_finish_begin(s, id, &e), &e);
        assert_ok(store_put_result(s, id, 0, "r", 1, &e), &e);
        assert_ok(store_put_latent(s, id, 1, "l", 1, &e), &e);
        assert_ok(store_put_posting(s, id, 1, 0, "p", 1, "v", 1, &e), &e);
        assert_ok(store_finish(s, id, NULL, &e), &e);
    }
    for (int i = 2; i < 4; i++) { /* under way, with a state */
        const int64_t id = assert_claim(s, name[i], 3, CLAIM_OURS, 0);
        save_checkpoint(s, id, 1, "state");
        store_release(s, id);
    }
    /* two pieces each, and what a process that was killed left of a finished run's state */
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM state"), 4);
    store_sql(dir, "INSERT INTO piece VALUES(2, 7, x'00'); INSERT INTO state VALUES(2, 9, 0, NULL,"
                   " 1, 7)");
    assert_sound(s);
    const struct store_file f = {1, 2, 3, 4, 0};
    const struct sha256 h = store_hash_of("f");
    assert_ok(store_file_remember(s, &f, &h, &e), &e);
    age(dir, "a", 10);
    age(dir, "c", 10);
    assert_ok(store_prune(s, 5, -1, &removed, &e), &e);
    assert_int_equal(removed, 2);
    static const char *const one_left[] = {"result", "latent", "posting", "file"};
    for (size_t i = 0; i < sizeof one_left / sizeof *one_left; i++) {
        char text[60];
        snprintf(text, sizeof text, "SELECT count(*) FROM %s", one_left[i]);
        assert_int_equal(store_sql_integer(dir, text), 1);
    }
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM state"), 2);
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM piece"), 2);
    /* objects stay a day, for somebody may be about to use them */
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM object"), 6);
    store_sql(dir, "UPDATE object SET last_used = 5; UPDATE file SET last_used = 5");
    assert_ok(store_prune(s, 5, -1, &removed, &e), &e);
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM object"), 4);
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM object WHERE name IN ('a', 'c')"),
                     0);
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM file"), 0);
    assert_ok(store_remove(s, 2, &e), &e);
    assert_ok(store_remove(s, 4, &e), &e);
    for (size_t i = 0; i < sizeof one_left / sizeof *one_left; i++) {
        char text[60];
        snprintf(text, sizeof text, "SELECT count(*) FROM %s", one_left[i]);
        assert_int_equal(store_sql_integer(dir, text), 0);
    }
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM state"), 0);
    assert_int_equal(store_sql_integer(dir, "SELECT count(*) FROM piece"), 0);
    EXPECT_ERROR(store_remove(s, 2, &why), "there is no run 2");
    assert_sound(s);
    store_close(s);
}

static void prune_of_a_file_without_autovacuum(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    finished_run(s, "a", 1000000);
    store_close(s);
    store_sql(*state, "PRAGMA journal_mode = DELETE; PRAGMA auto_vacuum = NONE; VACUUM");
    assert_int_equal(store_sql_integer(*state, "PRAGMA auto_vacuum"), 0);
    s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    int64_t removed = 0;
    assert_ok(store_prune(s, -1, 0, &removed, &e), &e);
    assert_int_equal(removed, 1);
    assert_true(store_bytes(s) < 400000);
    assert_sound(s);
    store_close(s);
}

static void ids_are_never_used_again(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    finished_run(s, "a", 10);
    assert_ok(store_remove(s, 1, &e), &e);
    assert_int_equal(assert_claim(s, "b", 3, CLAIM_OURS, 0), 2);
    store_close(s);
}

static void check_finds_what_does_not_fit(void **state)
{
    static const struct {
        const char *sql, *fault;
    } cases[] = {
        {"DELETE FROM result", "run 1 is done and has no result"},
        {"UPDATE run SET next_chunk = 2 WHERE id = 1", "run 1 is done before its last chunk"},
        {"PRAGMA ignore_check_constraints = 1; UPDATE run SET next_chunk = 9 WHERE id = 2",
         "CHECK constraint failed"},
        {"UPDATE run SET owner = 'x' WHERE id = 1", "run 1 is done and has an owner"},
        {"DELETE FROM piece WHERE id % 2 = 1", "run 2 has a state without one of its pieces"},
        {"UPDATE piece SET bytes = x'00'", "run 2 has a state without one of its pieces"},
        {"DELETE FROM state WHERE ord = 0", "run 2 has a state with a gap"},
        {"DELETE FROM state", "run 2 is under way and has no state"},
        {"INSERT INTO result VALUES(77, 0, x'00')", "a row of result refers to one that is not"},
        {"INSERT INTO latent VALUES(5, x'00')", "run 0 has latents and is not there"},
        {"DELETE FROM object", "a row of run refers to one that is not there"},
        {"PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = "
         "'sqlite_autoindex_object_1'",
         "damaged"},
        {"PRAGMA writable_schema = 1; DELETE FROM sqlite_schema WHERE name = "
         "'sqlite_autoindex_posting_1'",
         "damaged"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        char *dir = xasprintf("%s/%zu", (char *)*state, i);
        struct store *s = store_open_or_fail(dir, NULL, 0);
        finished_run(s, "a", 10);
        save_checkpoint(s, assert_claim(s, "b", 8, CLAIM_OURS, 0), 4, "four");
        assert_sound(s);
        store_close(s);
        store_sql(dir, cases[i].sql);
        char said[300];
        s = store_open_or_fail(dir, said, sizeof said);
        if (said[0] != '\0')
            assert_non_null(strstr(said, cases[i].fault));
        else
            EXPECT_ERROR(store_check(s, &why), cases[i].fault);
        store_close(s);
        free(dir);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(list),
        TEST(prune),
        TEST(prune_takes_what_nothing_refers_to),
        TEST(prune_of_a_file_without_autovacuum),
        TEST(ids_are_never_used_again),
        TEST(check_finds_what_does_not_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
