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
    struct hash_memory memory = {.store = store};
    if (!weights_hash(&path, 1, &memory, NULL, &h, &e))
        fail_msg("%s", e.text);
    return h;
}

/* Until what changed before would have another ctime if it changed now. */
static void let_the_clock_tick(void)
{
    const struct timespec t = {2, 200000000};
    nanosleep(&t, NULL);
}

/* Seconds since it was changed. */
static double age_of(const char *path)
{
    struct stat st;
    struct timespec now;
    assert_int_equal(stat(path, &st), 0);
    clock_gettime(CLOCK_REALTIME, &now);
    return (double)(now.tv_sec - st.st_ctim.tv_sec) +
           1e-9 * (double)(now.tv_nsec - st.st_ctim.tv_nsec);
}

static void test_remembered_until_written(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *cache = xasprintf("%s/cache", dir),
         *path = xasprintf("%s/sae.safetensors", dir);
    tiny_write(dir, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct store *store = store_open_or_fail(cache, NULL, 0);
    struct sha256 first = hash_of(path, store);
    if (age_of(path) < 2) /* a slow machine has let it settle */
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

/* The third poll, or where reading is slower than that the first that something was told before. */
static void poll_stop(void *arg)
{
    struct watcher *w = arg;
    if (++w->polls >= 3 && w->told > 0)
        atomic_store(&w->cancel, true);
}

static void tell(void *arg, const struct study_progress *p, const char *what)
{
    struct watcher *w = arg;
    assert_string_equal(what, "hashing weights");
    assert_true(p->done > 0 && p->share > 0 && p->share <= 1);
    w->told++;
}

/* A file of n bytes without a block on the disk. */
static char *hollow_file(const char *dir, const char *name, off_t n)
{
    char *path = xasprintf("%s/%s", dir, name);
    const int fd = open(path, O_WRONLY | O_CREAT | O_EXCL, 0600);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, n), 0);
    close(fd);
    return path;
}

static void test_polled_and_cancelled_while_files_are_read(void **state)
{
    (void)state;
    char *dir = testdata_folder(),
         *path[2] = {hollow_file(dir, "a", (off_t)8 << 40), hollow_file(dir, "b", (off_t)4 << 40)};
    struct watcher w = {0};
    struct lab_loop loop = {.cancel = &w.cancel,
                            .poll = poll_stop,
                            .poll_arg = &w,
                            .progress = tell,
                            .progress_arg = &w};
    struct sha256 h[2];
    struct error e = {0};
    assert_false(files_hash((const char *const *)path, 2, NULL, &loop, h, &e)); /* hours */
    assert_int_equal(e.kind, ERROR_CANCELLED);
    assert_true(w.polls >= 3); /* until the last thread has seen it */
    assert_true(w.told > 0 && w.told <= w.polls);
    free(path[0]);
    free(path[1]);
    testdata_remove(dir);
}

/* Each has its own hash, whatever its size and whoever read it; the first that can't be read is
 * named. */
static void test_files_side_by_side(void **state)
{
    (void)state;
    enum { N = 9 };
    char *dir = testdata_folder(), *path[N];
    struct sha256 h[N], alone;
    struct error e = {0};
    for (int i = 0; i < N; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d", i);
        path[i] = hollow_file(dir, name, i * i * 100000);
    }
    assert_true(files_hash((const char *const *)path, N, NULL, NULL, h, &e));
    for (int i = 0; i < N; i++) {
        assert_true(sha256_file(path[i], &alone, &e));
        assert_memory_equal(&h[i], &alone, sizeof alone);
    }
    assert_int_equal(unlink(path[4]), 0);
    assert_false(files_hash((const char *const *)path, N, NULL, NULL, h, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_non_null(strstr(e.text, path[4]));
    for (int i = 0; i < N; i++)
        free(path[i]);
    testdata_remove(dir);
}

/* Of a model in shards and an SAE, asked together and alone; nothing where no path is given. */
static void test_weights_side_by_side(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *model = xasprintf("%s/shards", dir),
         *sae = xasprintf("%s/sae.safetensors", dir);
    const struct hash_model shape = {.name = "tiny",
                                     .n_layers = 2,
                                     .d_model = 8,
                                     .d_mlp = 16,
                                     .n_heads = 2,
                                     .n_vocab = 32,
                                     .n_ctx = 8,
                                     .rotary_pct = 0.5,
                                     .shards = 3};
    assert_int_equal(mkdir(model, 0700), 0);
    hash_model_write(model, &shape);
    tiny_write(dir, &(struct tiny_spec){.hook = "layers.1.mlp.act"});
    struct sha256 h[3] = {0}, nothing = {0};
    assert_true(weights_hash((const char *const[]){model, NULL, sae}, 3, NULL, NULL, h, NULL));
    struct sha256 alone[2] = {hash_of(model, NULL), hash_of(sae, NULL)}, file;
    assert_memory_equal(&h[0], &alone[0], sizeof *h);
    assert_memory_equal(&h[1], &nothing, sizeof *h);
    assert_memory_equal(&h[2], &alone[1], sizeof *h);
    assert_true(sha256_file(sae, &file, NULL));
    assert_memory_equal(&h[2], &file, sizeof *h);
    free(sae);
    free(model);
    testdata_remove(dir);
}

/* A cache is made for what takes long to read, and asked by the next one. */
static void test_a_folder_is_opened_when_it_is_worth_it(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *cache = xasprintf("%s/cache", dir),
         *small = hollow_file(dir, "small", HASH_WORTH - 1),
         *large = hollow_file(dir, "large", HASH_WORTH);
    struct sha256 h;
    let_the_clock_tick();
    for (int i = 0; i < 3; i++) {
        struct hash_memory memory = {.dir = xstrdup(cache)};
        assert_true(files_hash((const char *const *)(i == 0 ? &small : &large), 1, &memory, NULL,
                               &h, NULL));
        hash_memory_close(&memory);
        if (i == 0)
            assert_int_equal(access(cache, F_OK), -1);
        if (i == 1) /* the second time it is not read */
            store_sql(cache, "UPDATE file SET hash = zeroblob(32)");
    }
    assert_memory_equal(&h, &(struct sha256){0}, sizeof h);
    free(large);
    free(small);
    free(cache);
    testdata_remove(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_remembered_until_written),
        cmocka_unit_test(test_polled_and_cancelled_while_files_are_read),
        cmocka_unit_test(test_files_side_by_side),
        cmocka_unit_test(test_weights_side_by_side),
        cmocka_unit_test(test_a_folder_is_opened_when_it_is_worth_it),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
