/* The store as its users see it: objects, claims, checkpoints, results. */
#include "tests/support/store_fixture.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- files and objects */

static void remembered_hashes(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct store_file f = {UINT64_MAX, UINT64_MAX - 1, 1234, INT64_MAX, INT64_MAX - 2}, g = f;
    const struct sha256 h = store_hash_of("weights"), i = store_hash_of("changed");
    struct sha256 out;
    assert_false(store_file_hash(s, &f, &out));
    assert_ok(store_file_remember(s, &f, &h, &e), &e);
    s = store_reopen(s, *state);
    assert_true(store_file_hash(s, &f, &out));
    assert_memory_equal(&out, &h, sizeof h);
    g.mtime_ns--;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.ctime_ns--; /* written anew, its mtime set back */
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.size++;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.inode++;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.device--;
    assert_false(store_file_hash(s, &g, &out));
    g = f, g.mtime_ns = 7;
    assert_ok(store_file_remember(s, &g, &i, &e), &e);
    assert_false(store_file_hash(s, &f, &out));
    assert_true(store_file_hash(s, &g, &out));
    assert_memory_equal(&out, &i, sizeof i);
    assert_int_equal(store_sql_integer(*state, "SELECT count(*) FROM file"), 1);
    store_close(s);
}

static void objects(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    const struct sha256 h = store_hash_of("h");
    int64_t a = 0, b = 0, c = 0;
    assert_ok(store_object(s, "model", &h, "A", "{}", &a, &e), &e);
    assert_ok(store_object(s, "dict", &h, "A", "{}", &b, &e), &e);
    assert_int_not_equal(a, b);
    store_sql(*state, "UPDATE object SET last_used = 5");
    assert_ok(store_object(s, "model", &h, "A", "{}", &c, &e), &e);
    assert_int_equal(a, c);
    assert_true(store_sql_integer(*state, "SELECT last_used FROM object WHERE kind = 'model'") >
                1000);
    assert_int_equal(store_sql_integer(*state, "SELECT last_used FROM object WHERE kind = 'dict'"),
                     5);
    assert_ok(store_object(s, "model", &h, "moved", "{}", &c, &e), &e);
    assert_int_equal(a, c);
    assert_int_equal(store_sql_integer(*state, "SELECT count(*) FROM object WHERE name = 'moved'"),
                     1);
    store_close(s);
}

/* ---- runs */

static void a_run_from_claim_to_result(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    struct store_run run;
    const struct sha256 key = store_hash_of("x");
    assert_int_equal(store_look(s, &key, &run, &e), CLAIM_OURS);
    assert_int_equal(run.id, 0);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    EXPECT_ERROR(read_state(s, id, &b, &why), "no saved state");
    save_checkpoint(s, id, 4, "four");
    save_checkpoint(s, id, 7, "seven");
    assert_sound(s);
    s = store_reopen(s, *state);
    assert_int_equal(store_look(s, &key, &run, &e), CLAIM_OURS);
    assert_int_equal(run.id, id);
    assert_int_equal(run.next_chunk, 7);
    assert_true(run.has_state);
    assert_int_equal(assert_claim(s, "x", 10, CLAIM_OURS, 7), id);
    assert_ok(read_state(s, id, &b, &e), &e);
    assert_strbuf(1, &b, "seven", 5);
    finish_run(s, id, 20);
    assert_int_equal(assert_claim(s, "x", 10, CLAIM_DONE, 10), id);
    assert_int_equal(store_look(s, &key, &run, &e), CLAIM_DONE);
    assert_false(run.has_state);
    assert_int_equal(store_get_result(s, id, 0, &b, &e), 1);
    assert_int_equal(b.len, 20);
    assert_int_equal(store_get_result(s, id, 1, &b, &e), 0);
    assert_int_equal(b.len, 20);
    EXPECT_ERROR(store_finish_begin(s, id, &why), "finished already");
    struct strbuf none;
    strbuf_init(&none);
    EXPECT_ERROR(save_state(s, id, 3, &none, 3, &why), "finished");
    assert_sound(s);
    strbuf_release(&b);
    store_close(s);
}

static void a_run_needs_its_objects(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct store_run run;
    for (int i = 0; i < 3; i++) {
        struct store_run_key k = store_key_of(s, "x", 3);
        *(i == 0 ? &k.model : i == 1 ? &k.dict : &k.corpus) = 12345;
        EXPECT_ERROR(store_claim(s, &k, &run, &why), "claiming a run of harvest: FOREIGN KEY");
        assert_int_equal(store_sql_integer(*state, "SELECT count(*) FROM run"), 0);
    }
    assert_claim(s, "x", 3, CLAIM_OURS, 0);
    assert_sound(s);
    store_close(s);
}

static void checkpoints_out_of_range(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct strbuf b;
    strbuf_init(&b);
    const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    EXPECT_ERROR(save_state(s, id, 11, &b, 3, &why), "CHECK constraint");
    EXPECT_ERROR(save_state(s, id, -1, &b, 3, &why), "CHECK constraint");
    EXPECT_ERROR(save_state(s, id + 1, 1, &b, 3, &why), "not this process's");
    struct error e = {0};
    assert_ok(save_state(s, id, 10, &b, 3, &e), &e); /* an empty state is a state */
    s = store_reopen(s, *state);
    assert_claim(s, "x", 10, CLAIM_OURS, 10);
    assert_ok(read_state(s, id, &b, &e), &e);
    assert_int_equal(b.len, 0);
    assert_sound(s);
    strbuf_release(&b);
    store_close(s);
}

static void two_openings_of_one_process(void **state)
{
    struct store *a = store_open_or_fail(*state, NULL, 0), *b = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    const int64_t id = assert_claim(a, "x", 10, CLAIM_OURS, 0);
    assert_claim(a, "x", 10, CLAIM_OURS, 0);
    save_checkpoint(a, id, 2, "two");
    assert_claim(b, "x", 10, CLAIM_BUSY, 2);
    EXPECT_ERROR(store_finish_begin(b, id, &why), "took it over");
    EXPECT_ERROR(store_restart(b, id, &why), "not this process's");
    EXPECT_ERROR(store_remove(b, id, &why), "another process is at run");
    store_release(b, id); /* not its own: nothing */
    assert_claim(b, "x", 10, CLAIM_BUSY, 2);
    store_release(a, id);
    assert_claim(b, "x", 10, CLAIM_OURS, 2);
    assert_claim(a, "x", 10, CLAIM_BUSY, 2);
    struct strbuf none;
    strbuf_init(&none);
    EXPECT_ERROR(save_state(a, id, 3, &none, 3, &why), "not this process's");
    assert_ok(store_restart(b, id, &e), &e);
    assert_sound(b);
    store_close(b); /* gives back what it holds */
    assert_claim(a, "x", 10, CLAIM_OURS, 0);
    store_close(a);
}

static void owners_dead_and_alive(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    char me[320], host[320], text[600];
    store_owner(me, sizeof me);
    assert_int_equal(sscanf(me, "%319s", host), 1);
    const long long now = (long long)store_now();
    const struct {
        const char *host, *rest; /* rest NULL: what this process is */
        long long heartbeat;
        enum store_claim expected;
    } cases[] = {
        {"elsewhere:1", " 1 1 0", now - 30, CLAIM_BUSY},
        {"elsewhere:1", " 1 1 0", now - 61, CLAIM_OURS},
        {"elsewhere:1", " 1 1 0", now + 30, CLAIM_BUSY},
        {"elsewhere:1", " 1 1 0", now + 3600, CLAIM_OURS},
        {"elsewhere:1", " 1 1 0", INT64_MIN, CLAIM_OURS},
        {"elsewhere:1", " 1 1 0", INT64_MAX, CLAIM_OURS},
        {host, NULL, now, CLAIM_BUSY},
        {host, NULL, now - 61, CLAIM_OURS},
        {host, " 1 1 0", now, CLAIM_OURS},       /* process 1 started at another time */
        {host, " 4194305 1 0", now, CLAIM_OURS}, /* above the largest process id */
        {host, " what 1 0", now, CLAIM_BUSY},
        {"", "", now, CLAIM_BUSY},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        const int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
        snprintf(text, sizeof text,
                 "UPDATE run SET owner = '%s%s', heartbeat = CAST('%lld' AS INTEGER)"
                 " WHERE id = %lld",
                 cases[i].host, cases[i].rest != NULL ? cases[i].rest : me + strlen(host),
                 cases[i].heartbeat, (long long)id);
        store_sql(*state, text);
        const struct store_run_key k = store_key_of(s, "x", 10);
        struct store_run run;
        const enum store_claim got = store_claim(s, &k, &run, NULL);
        if (got != cases[i].expected)
            fail_msg("case %zu: %d", i, got);
        store_sql(*state, "UPDATE run SET owner = NULL");
    }
    store_close(s);
}

static void killed_process_frees_its_run_at_once(void **state)
{
    int pipe_fd[2];
    assert_int_equal(pipe(pipe_fd), 0);
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0) {
        struct store *s = store_open_or_fail(*state, NULL, 0);
        save_checkpoint(s, assert_claim(s, "x", 10, CLAIM_OURS, 0), 3, "three");
        if (write(pipe_fd[1], "x", 1) == 1)
            pause();
        _exit(1);
    }
    char c;
    assert_int_equal(read(pipe_fd[0], &c, 1), 1);
    struct store *s = store_open_or_fail(*state, NULL, 0);
    assert_claim(s, "x", 10, CLAIM_BUSY, 3);
    int64_t removed = 0;
    struct error e = {0};
    assert_ok(store_prune(s, 0, 0, &removed, &e), &e);
    assert_int_equal(removed, 0);
    kill(child, SIGKILL);
    siginfo_t info; /* dead, but still a zombie */
    assert_int_equal(waitid(P_PID, (id_t)child, &info, WEXITED | WNOWAIT), 0);
    assert_claim(s, "x", 10, CLAIM_OURS, 3);
    waitpid(child, NULL, 0);
    assert_sound(s);
    store_close(s);
    close(pipe_fd[0]);
    close(pipe_fd[1]);
}

static void runs_that_contradict_themselves_begin_again(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    int64_t id = assert_claim(s, "x", 10, CLAIM_OURS, 0);
    save_checkpoint(s, id, 5, "five");
    assert_claim(s, "x", 12, CLAIM_OURS, 0); /* counted otherwise */
    save_checkpoint(s, id, 5, "five");
    store_sql(*state, "DELETE FROM state");
    EXPECT_ERROR(store_check(s, &why), "run 1 is under way and has no state");
    assert_claim(s, "x", 12, CLAIM_OURS, 0);
    assert_sound(s);
    store_close(s);
}

static void last_used_is_touched_but_not_each_time(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    finished_run(s, "x", 10);
    const struct sha256 key = store_hash_of("x");
    struct store_run run;
    struct error e = {0};
    const int64_t now = store_now();
    const struct {
        int64_t was;
        bool touched;
    } cases[] = {{now - 1800, false}, {now - 7200, true}, {0, true}, {now + 9999, true}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        for (int how = 0; how < 2; how++) {
            char text[100];
            snprintf(text, sizeof text, "UPDATE run SET last_used = %lld", (long long)cases[i].was);
            store_sql(*state, text);
            if (how == 0)
                assert_claim(s, "x", 3, CLAIM_DONE, 3);
            else
                assert_int_equal(store_look(s, &key, &run, &e), CLAIM_DONE);
            const int64_t is = store_sql_integer(*state, "SELECT last_used FROM run");
            assert_int_equal(is != cases[i].was, cases[i].touched);
            assert_true(!cases[i].touched || (is >= now && is < now + 600));
        }
    store_close(s);
}

/* ---- results */

static void everything_that_can_be_kept(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    const struct store_run_key k = store_key_of(s, "x", 3);
    const int64_t id = assert_claim(s, "x", 3, CLAIM_OURS, 0);
    const char zeros[3] = {0, 1, 0};
    assert_ok(store_finish_begin(s, id, &e), &e);
    assert_ok(store_put_result(s, id, 0, zeros, 3, &e), &e);
    assert_ok(store_put_result(s, id, 5, NULL, 0, &e), &e);
    assert_ok(store_put_latent(s, id, 0, "L0", 2, &e), &e);
    assert_ok(store_put_latent(s, id, INT32_MAX, "Lmax", 4, &e), &e);
    assert_ok(store_put_posting(s, id, 7, 2, "pos", 3, "v", 1, &e), &e);
    assert_ok(store_put_posting(s, id, 7, 0, NULL, 0, zeros, 3, &e), &e);
    assert_ok(store_finish(s, id, NULL, &e), &e);
    /* a second run of the same objects has results of its own */
    struct store_run_key k2 = k;
    struct store_run run;
    k2.key = store_hash_of("y");
    assert_int_equal(store_claim(s, &k2, &run, &e), CLAIM_OURS);
    assert_ok(store_finish_begin(s, run.id, &e), &e);
    assert_ok(store_put_result(s, run.id, 0, "y", 1, &e), &e);
    assert_ok(store_put_posting(s, run.id, 7, 2, "other", 5, "w", 1, &e), &e);
    assert_ok(store_finish(s, run.id, NULL, &e), &e);
    s = store_reopen(s, *state);
    assert_sound(s);
    struct strbuf a, b;
    strbuf_init(&a);
    strbuf_init(&b);
    strbuf_adds(&a, "before ");
    assert_int_equal(store_get_result(s, id, 0, &a, &e), 1);
    assert_strbuf(1, &a, "before \0\1\0", 10);
    assert_strbuf(store_get_result(s, id, 5, &a, &e), &a, "", 0);
    assert_strbuf(store_get_latent(s, id, 0, &a, &e), &a, "L0", 2);
    assert_strbuf(store_get_latent(s, id, INT32_MAX, &a, &e), &a, "Lmax", 4);
    assert_int_equal(store_get_latent(s, id, 1, &a, &e), 0);
    assert_int_equal(store_get_latent(s, id, -1, &a, &e), 0);
    assert_int_equal(store_get_latent(s, run.id, 0, &a, &e), 0);
    assert_strbuf(store_get_result(s, run.id, 0, &a, &e), &a, "y", 1);
    assert_int_equal(store_get_posting(s, id, 7, 2, &a, &b, &e), 1);
    assert_strbuf(1, &a, "pos", 3);
    assert_strbuf(1, &b, "v", 1);
    assert_int_equal(store_get_posting(s, id, 7, 3, &a, &b, &e), 0);
    assert_int_equal(store_get_posting(s, id, 7, 0, &a, &b, &e), 1);
    assert_strbuf(1, &a, "", 0);
    assert_strbuf(1, &b, zeros, 3);
    assert_int_equal(store_get_posting(s, run.id, 7, 2, &a, &b, &e), 1);
    assert_strbuf(1, &a, "other", 5);
    assert_strbuf(1, &b, "w", 1);
    assert_ok(store_args(s, id, &a, &e), &e);
    assert_strbuf(1, &a, "{\"n\":1}", 7);
    EXPECT_ERROR(store_args(s, 99, &a, &why), "there is no run 99");
    assert_false(error_is_set(&e));
    strbuf_release(&a);
    strbuf_release(&b);
    store_close(s);
}

static void nothing_stays_of_what_was_not_finished(void **state)
{
    struct store *s = store_open_or_fail(*state, NULL, 0);
    struct error e = {0};
    struct strbuf b;
    strbuf_init(&b);
    const int64_t id = assert_claim(s, "x", 3, CLAIM_OURS, 0);
    save_checkpoint(s, id, 2, "two");
    for (int how = 0; how < 7; how++) {
        assert_ok(store_finish_begin(s, id, &e), &e);
        EXPECT_ERROR(save_state(s, id, 3, &b, 3, &why), "is being written");
        EXPECT_ERROR(store_finish_begin(s, id, &why), "is being written");
        EXPECT_ERROR(store_put_result(s, id + 1, 0, "x", 1, &why), "is not being written");
        EXPECT_ERROR(store_finish(s, id + 1, NULL, &why), "is not being written");
        assert_ok(store_finish_begin(s, id, &e), &e);
        assert_ok(store_put_latent(s, id, 3, "three", 5, &e), &e);
        assert_ok(store_put_posting(s, id, 1, 0, "p", 1, "v", 1, &e), &e);
        if (how > 0)
            assert_ok(store_put_result(s, id, 0, "r", 1, &e), &e);
        assert_int_equal(store_get_latent(s, id, 3, &b, &e), 1);
        switch (how) {
        case 0: EXPECT_ERROR(store_finish(s, id, NULL, &why), "has no result"); break;
        case 1: store_finish_abort(s, id); break;
        case 2:
            EXPECT_ERROR(store_put_latent(s, id, 3, "again", 5, &why),
                         "writing latent 3 of run 1: UNIQUE");
            EXPECT_ERROR(store_put_latent(s, id, 4, "next", 4, &why),
                         "writing latent 3 of run 1: UNIQUE");
            EXPECT_ERROR(store_finish(s, id, NULL, &why), "writing latent 3 of run 1: UNIQUE");
            break;
        case 3:
            assert_int_equal(store_pragma(s, "DELETE FROM run", NULL, 0), SQLITE_OK);
            EXPECT_ERROR(store_put_posting(s, id, 7, 2, "p", 1, "v", 1, &why),
                         "writing activations of latent 7 of run 1: FOREIGN KEY");
            EXPECT_ERROR(store_put_result(s, id, 1, "r", 1, &why),
                         "writing activations of latent 7 of run 1: FOREIGN KEY");
            store_finish_abort(s, id);
            break;
        case 4:
            EXPECT_ERROR(store_put_latent(s, id, -1, "x", 1, &why), "there is no latent -1");
            EXPECT_ERROR(store_finish(s, id, NULL, &why), "there is no latent -1");
            break;
        case 5: s = store_reopen(s, *state); break;
        case 6:
            assert_int_equal(store_pragma(s, "DELETE FROM run", NULL, 0), SQLITE_OK);
            EXPECT_ERROR(store_put_result(s, id, 1, "r", 1, &why),
                         "writing result 1 of run 1: FOREIGN KEY");
            EXPECT_ERROR(store_finish(s, id, NULL, &why), "writing result 1 of run 1: FOREIGN KEY");
            break;
        }
        strbuf_clear(&b);
        EXPECT_ERROR(store_put_result(s, id, 1, "late", 4, &why), "is not being written");
        assert_int_equal(store_get_latent(s, id, 3, &b, &e), 0);
        assert_int_equal(store_get_result(s, id, 0, &b, &e), 0);
        assert_int_equal(store_get_posting(s, id, 1, 0, &b, &b, &e), 0);
        assert_int_equal(assert_claim(s, "x", 3, CLAIM_OURS, 2), id);
        assert_ok(read_state(s, id, &b, &e), &e);
        assert_strbuf(1, &b, "two", 3);
        assert_sound(s);
    }
    /* nor of what somebody else left under its number */
    store_sql(*state,
              "INSERT INTO result VALUES(1, 0, x'00'); INSERT INTO latent VALUES(1 << 32, x'00')");
    finish_run(s, id, 5);
    assert_int_equal(store_get_latent(s, id, 0, &b, &e), 0);
    assert_sound(s);
    strbuf_release(&b);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(remembered_hashes),
        TEST(objects),
        TEST(a_run_from_claim_to_result),
        TEST(a_run_needs_its_objects),
        TEST(checkpoints_out_of_range),
        TEST(two_openings_of_one_process),
        TEST(owners_dead_and_alive),
        TEST(killed_process_frees_its_run_at_once),
        TEST(runs_that_contradict_themselves_begin_again),
        TEST(last_used_is_touched_but_not_each_time),
        TEST(everything_that_can_be_kept),
        TEST(nothing_stays_of_what_was_not_finished),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
