/* Hashes of weights: remembered where there is a cache, and not for contents that were written anew
 * under the old size and date. */
#include "tests/support/hash_weights.h"
#include "tests/support/store_fixture.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include "tui/lab/content.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "engine/base/memory.h"

static struct sha256 hash_of(const char *path, struct store *store)
{
    struct sha256 h;
    struct error e = {0};
    if (!weights_hash(path, store, NULL, &h, &e))
        fail_msg("%s", e.text);
    return h;
}

/* Until what changed before would have another ctime if it changed now. */
static void let_the_clock_tick(void)
{
    const struct timespec t = {2, 200000000};
    nanosleep(&t, NULL);
}

static void test_remembered_until_written(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *cache = xasprintf("%s/cache", dir),
         *path = xasprintf("%s/sae.safetensors", dir);
    tiny_write(dir, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct store *store = store_open_or_fail(cache, NULL, 0);
    struct sha256 first = hash_of(path, store);
    assert_int_equal(store_sql_integer(cache, "SELECT count(*) FROM file"), 0); /* too fresh */
    let_the_clock_tick();
    hash_of(path, store);
    assert_int_equal(store_sql_integer(cache, "SELECT count(*) FROM file"), 1);
    store_sql(cache, "UPDATE file SET hash = zeroblob(32)"); /* the second time it is not read */
    struct sha256 known = hash_of(path, store);
    assert_memory_equal(&known, &(struct sha256){0}, sizeof known);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    const int fd = open(path, O_RDWR);
    char last;
    assert_int_equal(pread(fd, &last, 1, st.st_size - 1), 1);
    last = (char)(last ^ 1);
    assert_int_equal(pwrite(fd, &last, 1, st.st_size - 1), 1);
    const struct timespec times[2] = {st.st_atim, st.st_mtim};
    assert_int_equal(futimens(fd, times), 0);
    close(fd);
    struct sha256 written = hash_of(path, store), plain = hash_of(path, NULL);
    assert_memory_equal(&written, &plain, sizeof plain);
    assert_memory_not_equal(&written, &first, sizeof first);
    store_close(store);
    free(path);
    free(cache);
    testdata_remove(dir);
}

struct watcher {
    atomic_bool cancel;
    int polls, told;
};

static void poll_stop(void *arg)
{
    struct watcher *w = arg;
    if (++w->polls == 3)
        atomic_store(&w->cancel, true);
}

static void tell(void *arg, const struct study_progress *p, const char *what)
{
    struct watcher *w = arg;
    assert_string_equal(what, "hashing weights");
    assert_true(p->done > 0 && p->share > 0 && p->share <= 1);
    w->told++;
}

static void test_pieces_are_polled_and_cancelled(void **state)
{
    (void)state;
    char *dir = testdata_folder();
    struct hash_tensor t[] = {
        {.name = "W", .exponent = 1, .n_dims = 2, .dim = {1024, 2048}, .type = DTYPE_F32}};
    char *path = xasprintf("%s/w.safetensors", dir);
    hash_file_write(path, t, 1, (const char *const[]){"format", "pt", NULL});
    struct watcher w = {0};
    struct lab_loop loop = {.cancel = &w.cancel,
                            .poll = poll_stop,
                            .poll_arg = &w,
                            .progress = tell,
                            .progress_arg = &w};
    struct sha256 h;
    struct error e = {0};
    assert_false(weights_hash(path, NULL, &loop, &h, &e));
    assert_int_equal(e.kind, ERROR_CANCELLED);
    assert_int_equal(w.polls, 3);
    assert_int_equal(w.told, 3);
    w = (struct watcher){.polls = 10};
    assert_true(weights_hash(path, NULL, &loop, &h, NULL));
    assert_int_equal(w.polls, 18); /* of 8 MiB */
    free(path);
    testdata_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembered_until_written),
        cmocka_unit_test(test_pieces_are_polled_and_cancelled),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
