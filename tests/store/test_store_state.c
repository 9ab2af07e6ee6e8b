/* States in pieces: which of them counts, what is written, what is left behind. */
#include "engine/base/memory.h"
#include "tests/support/store_fixture.h"
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static int64_t count(const char *dir, const char *table)
{
    char text[60];
    snprintf(text, sizeof text, "SELECT count(*) FROM %s", table);
    return store_sql_integer(dir, text);
}

static void save(struct store *s, int64_t run, int64_t next, const char *text, size_t piece)
{
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    strbuf_adds(&b, text);
    assert_ok(save_state(s, run, next, &b, piece, &e), &e);
    strbuf_release(&b);
}

static void assert_state(struct store *s, int64_t run, const char *expected)
{
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    assert_ok(read_state(s, run, &b, &e), &e);
    assert_string_equal(b.s, expected);
    strbuf_release(&b);
}

/* What has not changed at its place lies where it lay. */
static void only_changed_pieces_are_written(void **state)
{
    const char *dir = *state;
    struct store *s = store_open_or_fail(dir, NULL, 0);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    save(s, id, 1, "aaaabbbbcc", 4);
    assert_int_equal(count(dir, "piece"), 3);
    const int64_t largest = store_sql_integer(dir, "SELECT max(id) FROM piece");
    save(s, id, 2, "aaaabbbbccccdd", 4); /* two are as they were */
    assert_int_equal(count(dir, "piece"), 4);
    assert_int_equal(count(dir, "state"), 4);
    char text[90];
    snprintf(text, sizeof text, "SELECT count(*) FROM piece WHERE id > %lld", (long long)largest);
    assert_int_equal(store_sql_integer(dir, text), 2);
    assert_state(s, id, "aaaabbbbccccdd");
    save(s, id, 3, "aaaaXbbbccccdd", 4);
    assert_state(s, id, "aaaaXbbbccccdd");
    save(s, id, 4, "bbbb", 4); /* elsewhere it is another piece */
    assert_state(s, id, "bbbb");
    assert_int_equal(count(dir, "piece"), 1);
    assert_int_equal(count(dir, "state"), 1);
    assert_sound(s);
    store_close(s);
}

static void half_a_state_does_not_count(void **state)
{
    const char *dir = *state;
    struct error e = {0};
    struct store *s = store_open_or_fail(dir, NULL, 0);
    int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    struct store_save half;
    assert_ok(store_save_begin(s, id, &half, &e), &e);
    assert_ok(store_save_piece(&half, "half", 4, &e), &e);
    struct strbuf b;
    strbuf_init(&b);
    EXPECT_ERROR(read_state(s, id, &b, &why), "no saved state");
    s = store_reopen(s, dir);
    assert_claim(s, "x", 10, CLAIM_OURS, 0);
    save(s, id, 4, "four", 3);
    for (int i = 0; i < 3; i++) { /* once more, twice more: nothing gathers */
        assert_ok(store_save_begin(s, id, &half, &e), &e);
        assert_ok(store_save_piece(&half, "fou", 3, &e), &e);
        assert_ok(store_save_piece(&half, "teen", 4, &e), &e);
        assert_state(s, id, "four");
        s = store_reopen(s, dir);
        assert_claim(s, "x", 10, CLAIM_OURS, 4);
        assert_state(s, id, "four");
        assert_sound(s);
    }
    save(s, id, 5, "five", 3);
    assert_state(s, id, "five");
    assert_int_equal(count(dir, "piece"), 2);
    assert_int_equal(count(dir, "state"), 2);
    assert_sound(s);
    strbuf_release(&b);
    store_close(s);
}

/* A process that was thought dead goes on: what it writes is refused, and what it sweeps is not the
 * other's. */
static void whoever_lost_a_run_writes_nothing(void **state)
{
    const char *dir = *state;
    struct error e = {0};
    struct store *a = store_open_or_fail(dir, NULL, 0), *b = store_open_or_fail(dir, NULL, 0);
    const int64_t id = assert_claim(a, "x", 10, CLAIM_OURS, 0);
    save(a, id, 1, "one", 2);
    struct store_save slow, fast;
    assert_ok(store_save_begin(a, id, &slow, &e), &e);
    assert_ok(store_save_piece(&slow, "tw", 2, &e), &e);
    store_sql(dir, "UPDATE run SET heartbeat = heartbeat - 100");
    assert_claim(b, "x", 10, CLAIM_OURS, 1);
    assert_ok(store_save_begin(b, id, &fast, &e), &e);
    assert_ok(store_save_piece(&fast, "thr", 3, &e), &e);
    EXPECT_ERROR(store_save_piece(&slow, "o", 1, &why), "not this process's");
    EXPECT_ERROR(store_save_end(&slow, 2, &why), "not this process's");
    while (store_sweep(a, id))
        ;
    assert_ok(store_save_piece(&fast, "ee", 2, &e), &e);
    assert_ok(store_save_end(&fast, 3, &e), &e);
    assert_state(a, id, "three");
    while (store_sweep(b, id))
        ;
    assert_int_equal(count(dir, "piece"), 2);
    assert_sound(b);
    store_close(a);
    store_close(b);
}

/* A study's last state is its result. */
static void a_finished_run_keeps_its_state(void **state)
{
    const char *dir = *state;
    struct error e = {0};
    struct store *s = store_open_or_fail(dir, NULL, 0);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    struct store_save end;
    save(s, id, 4, "four", 3);
    assert_ok(store_save_begin(s, id, &end, &e), &e);
    assert_ok(store_save_piece(&end, "the ", 4, &e), &e);
    assert_ok(store_save_piece(&end, "end", 3, &e), &e);
    assert_ok(store_finish_begin(s, id, &e), &e);
    assert_ok(store_finish(s, id, &end, &e), &e);
    while (store_sweep(s, id))
        ;
    assert_claim(s, "x", 10, CLAIM_DONE, 10);
    assert_state(s, id, "the end");
    assert_int_equal(count(dir, "piece"), 2);
    struct store_entry *x = NULL;
    int64_t n = 0;
    assert_ok(store_list(s, &x, &n, &e), &e);
    assert_int_equal(x[0].bytes, 7);
    free(x);
    assert_sound(s);
    EXPECT_ERROR(store_save_begin(s, id, &end, &why), "finished");
    /* one whose pieces are not all there is none */
    const int64_t other = assert_claim(s, "y", 10, CLAIM_OURS, 0);
    assert_ok(store_save_begin(s, other, &end, &e), &e);
    assert_ok(store_save_piece(&end, "the ", 4, &e), &e);
    assert_ok(store_save_piece(&end, "end", 3, &e), &e);
    store_sql(dir, "DELETE FROM state WHERE run = 2 AND ord = 1");
    assert_ok(store_finish_begin(s, other, &e), &e);
    EXPECT_ERROR(store_finish(s, other, &end, &why), "1 of 2 pieces were saved");
    assert_claim(s, "y", 10, CLAIM_OURS, 0);
    assert_sound(s);
    store_close(s);
}

static void a_piece_that_changed_is_damage(void **state)
{
    const char *dir = *state;
    struct store *s = store_open_or_fail(dir, NULL, 0);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    struct strbuf b;
    strbuf_init(&b);
    save(s, id, 4, "four", 3);
    store_sql(dir, "UPDATE piece SET bytes = x'666f76' WHERE bytes = x'666f75'");
    EXPECT_ERROR(read_state(s, id, &b, &why), "piece 0 of run 1 does not fit its sum");
    assert_true(store_is_damaged(s));
    strbuf_release(&b);
    store_close(s);
}

/* Results in several transactions, between which others write; of what is given up nothing stays.
 */
static void results_in_several_transactions(void **state)
{
    enum { LARGE = STORE_LOCAL_BYTES };
    const char *dir = *state;
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    struct store *s = store_open_or_fail(dir, NULL, 0), *other = store_open_or_fail(dir, NULL, 0);
    char *large = xcalloc(LARGE, 1);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    for (int how = 0; how < 3; how++) {
        assert_ok(store_finish_begin(s, id, &e), &e);
        for (int i = 0; i < 3; i++) {
            assert_ok(store_put_latent(s, id, i, large, LARGE, &e), &e);
            assert_ok(store_finish_pause(s, &e), &e);
            assert_ok(store_finish_pause(s, &e), &e);
            char name[20];
            snprintf(name, sizeof name, "other %d", 3 * how + i);
            finished_run(other, name, 5);
        }
        assert_sound(other);
        assert_claim(other, "x", 10, CLAIM_BUSY, 0);
        if (how == 0) { /* taken over in a pause */
            store_sql(dir, "UPDATE run SET heartbeat = heartbeat - 100 WHERE done = 0");
            assert_claim(other, "x", 10, CLAIM_OURS, 0);
            EXPECT_ERROR(store_put_latent(s, id, 3, "x", 1, &why), "took it over");
            EXPECT_ERROR(store_finish(s, id, NULL, &why), "took it over");
            store_release(other, id);
            assert_claim(s, "x", 10, CLAIM_OURS, 0);
        } else if (how == 1) {
            store_finish_abort(s, id);
            assert_int_equal(count(dir, "latent"), 0);
        }
    }
    assert_ok(store_put_result(s, id, 1, "r", 1, &e), &e);
    assert_ok(store_finish(s, id, NULL, &e), &e);
    assert_claim(other, "x", 10, CLAIM_DONE, 10);
    assert_int_equal(count(dir, "latent"), 3);
    assert_int_equal(store_get_latent(other, id, 2, &b, &e), 1);
    assert_int_equal(b.len, LARGE);
    assert_sound(s);
    strbuf_release(&b);
    free(large);
    store_close(s);
    store_close(other);
}

/* On a network folder several pieces are one transaction, which whatever is written next ends. */
static void pieces_on_a_network_folder(void **state)
{
    const char *dir = *state;
    const struct store_how how = {true, STORE_BUSY_MS, store_steps, store_n_steps};
    struct store *s = NULL;
    struct store_save w;
    struct error e = {0};
    assert_ok(store_open_as(dir, &how, &s, NULL, 0, &e), &e);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    assert_ok(store_save_begin(s, id, &w, &e), &e);
    assert_ok(store_save_piece(&w, "one ", 4, &e), &e);
    assert_false(sqlite3_get_autocommit(s->db));
    finished_run(s, "between", 10);
    assert_true(sqlite3_get_autocommit(s->db));
    assert_ok(store_save_piece(&w, "and two", 7, &e), &e);
    assert_ok(store_save_end(&w, 2, &e), &e);
    assert_state(s, id, "one and two");
    assert_ok(store_save_begin(s, id, &w, &e), &e);
    assert_ok(store_save_piece(&w, "lost", 4, &e), &e);
    store_close(s);
    assert_ok(store_open_as(dir, &how, &s, NULL, 0, &e), &e);
    assert_claim(s, "x", 10, CLAIM_OURS, 2);
    assert_state(s, id, "one and two");
    assert_sound(s);
    store_close(s);
}

/* ---- caches of before */
#define OLD_RUN                                                                                    \
    "INSERT INTO run(id, key, study, args, precision, engine, n_chunks, next_chunk,"               \
    " heartbeat, last_used, bytes, done) VALUES"

static void a_cache_of_before_is_gone_on_with(void **state)
{
    const char *dir = *state;
    const struct sha256 key[] = {store_hash_of("under way"), store_hash_of("sweep"),
                                 store_hash_of("harvest")};
    store_sql(dir, "PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;");
    store_sql(dir, store_steps[0]);
    store_sql(dir, store_steps[1]);
    struct strbuf sql;
    strbuf_init(&sql);
    static const char *const values[] = {"'sweep', '{}', 'f32', '1', 10, 4, 5, 5, 0, 0",
                                         "'sweep', '{}', 'f32', '1', 3, 3, 5, 5, 6, 1",
                                         "'harvest', '{}', 'f32', '1', 3, 3, 5, 5, 8, 1"};
    for (int i = 0; i < 3; i++) {
        char hex[65];
        sha256_hex(&key[i], hex);
        strbuf_addf(&sql, OLD_RUN "(%d, x'%s', %s);", i + 1, hex, values[i]);
    }
    strbuf_adds(&sql, "INSERT INTO state VALUES(1, x'666f7572');"
                      "INSERT INTO result VALUES(2, 0, x'726573756c74');"
                      "INSERT INTO result VALUES(3, 1, x'636c6173736573');"
                      "INSERT INTO latent VALUES(3 << 32, x'6c');"
                      "PRAGMA user_version = 2;");
    strbuf_addf(&sql, "PRAGMA application_id = %d", STORE_APPLICATION_ID);
    store_sql(dir, sql.s);
    strbuf_release(&sql);
    char said[300];
    struct store *s = store_open_or_fail(dir, said, sizeof said);
    assert_string_equal(said, "");
    assert_sound(s);
    assert_claim(s, "under way", 10, CLAIM_OURS, 4);
    assert_state(s, 1, "four");
    assert_claim(s, "sweep", 3, CLAIM_DONE, 3);
    assert_state(s, 2, "result");
    assert_claim(s, "harvest", 3, CLAIM_DONE, 3);
    struct strbuf b;
    struct error e = {0};
    strbuf_init(&b);
    assert_int_equal(store_get_result(s, 3, 1, &b, &e), 1);
    assert_string_equal(b.s, "classes");
    EXPECT_ERROR(read_state(s, 3, &b, &why), "no saved state");
    struct store_entry *x = NULL;
    int64_t n = 0;
    assert_ok(store_list(s, &x, &n, &e), &e);
    for (int64_t i = 0; i < n; i++)
        assert_int_equal(x[i].bytes, x[i].id == 1 ? 4 : x[i].id == 2 ? 6 : 8);
    assert_int_equal(n, 3);
    save(s, 1, 5, "fourteen", 4); /* the piece has no sum to compare with: it is written again */
    assert_state(s, 1, "fourteen");
    assert_sound(s);
    free(x);
    strbuf_release(&b);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(only_changed_pieces_are_written),   TEST(half_a_state_does_not_count),
        TEST(whoever_lost_a_run_writes_nothing), TEST(a_finished_run_keeps_its_state),
        TEST(a_piece_that_changed_is_damage),    TEST(results_in_several_transactions),
        TEST(pieces_on_a_network_folder),        TEST(a_cache_of_before_is_gone_on_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
