/* A state of hundreds of megabytes through the cache, in a process that may take little more than a
 * piece for it; and live requests between the pieces. */
#include "engine/base/memory.h"
#include "tests/support/effort.h"
#include "tests/support/store_fixture.h"
#include "tui/lab/lab_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
enum { LIMITED = false }; /* its shadow is memory too */
#else
enum { LIMITED = true };
#endif

enum { MIB = 1 << 20, MOST = 8 * MIB };

/* A study whose state is a function of its seed: numbers that an optimiser could have. */
struct study {
    uint64_t n, seed, wrong;
};

static uint64_t number(uint64_t seed, uint64_t i)
{
    return (i + seed) * UINT64_C(0x9e3779b97f4a7c15);
}

static void save(const struct study *s, struct blob_writer *w)
{
    blob_add_i64(w, (int64_t)s->seed);
    for (uint64_t i = 0; i < s->n; i++)
        blob_add_i64(w, (int64_t)number(s->seed, i));
}

static bool load(struct study *s, struct blob_reader *r, struct error *e)
{
    s->seed = (uint64_t)blob_i64(r);
    for (uint64_t i = 0; i < s->n && !r->bad; i++)
        s->wrong += (uint64_t)blob_i64(r) != number(s->seed, i);
    return blob_end(r) || error_set(e, ERROR_INPUT, "a state of another size");
}

static const struct study_ops large_study = {.name = "large", .save = save, .load = load};

static void limit_memory(void)
{
    char line[200];
    unsigned long long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    while (f && fgets(line, sizeof line, f))
        if (sscanf(line, "VmData: %llu", &kib) == 1)
            break;
    if (f)
        fclose(f);
    const struct rlimit most = {kib * 1024 + MOST, kib * 1024 + MOST};
    if (LIMITED && setrlimit(RLIMIT_DATA, &most) != 0)
        panic("a limit of memory can't be set");
}

static void count_poll(void *arg)
{
    ++*(int64_t *)arg;
}

/* In a process of its own: 0, or the step that went wrong. */
static int in_little_memory(const char *dir, uint64_t n)
{
    struct error e = {0};
    int64_t polls = 0;
    const int64_t pieces = (int64_t)(8 * n / BLOB_PIECE);
    const struct lab_loop loop = {.poll = count_poll, .poll_arg = &polls};
    struct lab lab = {.store = store_open_or_fail(dir, NULL, 0)};
    const int64_t run = assert_claim(lab.store, "x", 10, CLAIM_OURS, 0);
    limit_memory();
    struct study s = {.n = n}, back = {.n = n};
    for (int64_t i = 1; i <= 2; i++) { /* the second one replaces the first */
        s.seed = (uint64_t)i;
        if (!lab_checkpoint(&lab, run, &large_study, &s, i, &loop, &e))
            return fprintf(stderr, "%s\n", e.text), 1;
    }
    if (polls < 2 * pieces)
        return 2;
    polls = 0;
    if (!lab_load(&lab, run, &large_study, &back, &loop, &e))
        return fprintf(stderr, "%s\n", e.text), 3;
    if (back.seed != 2 || back.wrong || polls < pieces)
        return 4;
    if (!lab_same_state(&lab, run, &large_study, &s, &e))
        return 5;
    s.seed = 1;
    if (lab_same_state(&lab, run, &large_study, &s, NULL))
        return 6;
    s = (struct study){.n = n - 1, .seed = 2};
    if (lab_same_state(&lab, run, &large_study, &s, NULL))
        return 7;
    back.n = n + 1;
    if (lab_load(&lab, run, &large_study, &back, NULL, NULL))
        return 8;
    store_close(lab.store);
    return 0;
}

static void a_large_state_takes_little_memory(void **state)
{
    const uint64_t bytes = (lengthy() ? 256ULL : quick() ? 16ULL : 64ULL) * MIB;
    int status = 0;
    const pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(in_little_memory(*state, bytes / 8));
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
    struct store *s = store_open_or_fail(*state, NULL, 0);
    assert_sound(s);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {TEST(a_large_state_takes_little_memory)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
