/* Opening a model holds little more than its packed weights: two layers of pythia-1.4b. */
#include "tests/engine/model/small.h"
#include <stdio.h>
#include <sys/wait.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__)
#define SANITIZED 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define SANITIZED 1
#endif
#endif

static size_t status_kib(const char *key)
{
    char line[256];
    unsigned long kib = 0;
    FILE *f = fopen("/proc/self/status", "r");
    assert_non_null(f);
    while (fgets(line, sizeof line, f))
        if (strncmp(line, key, strlen(key)) == 0)
            kib = strtoul(line + strlen(key), NULL, 10);
    fclose(f);
    return kib;
}

struct report {
    size_t packed, before, peak;
};

/* In a process of its own: the high-water mark is of a whole life. */
static void child(const char *dir, int fd)
{
    struct error e = {0};
    struct report r = {.before = status_kib("VmRSS:") << 10};
    struct backend *b = cpu_backend_new(2, &e);
    struct model *m = NULL;
    if (!b || !model_open(b, dir, NULL, &m, &e))
        _exit(1);
    r.packed = model_bytes(m);
    r.peak = status_kib("VmHWM:") << 10;
    bool sent = write(fd, &r, sizeof r) == sizeof r;
    model_free(m);
    b->free(b);
    _exit(sent ? 0 : 2);
}

static void check_peak(enum dtype type)
{
    struct hash_model c = {"pythia-1.4b", 2,    2048, 8192,         16,
                           50304,         2048, 0.25, .type = type, .exponent = 5};
    char dir[64];
    test_dir_new(dir);
    hash_model_write(dir, &c);
    int fd[2], status = 0;
    assert_int_equal(pipe(fd), 0);
    fflush(NULL);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0)
        child(dir, fd[1]);
    close(fd[1]);
    struct report r = {0};
    ssize_t got = read(fd[0], &r, sizeof r);
    close(fd[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    test_dir_remove(dir);
    assert_int_equal(status, 0);
    assert_int_equal(got, sizeof r);
    size_t grown = r.peak - r.before, allowed = r.packed / 100 * 115 + ((size_t)64 << 20);
    print_message("packed %zu MiB, peak %zu MiB, allowed %zu MiB\n", r.packed >> 20, grown >> 20,
                  allowed >> 20);
    assert_true(r.packed > (size_t)300 << 20);
    assert_true(grown <= allowed);
}

static void test_peak(void **state)
{
    (void)state;
    const char *preload = getenv("LD_PRELOAD");
#ifdef SANITIZED
    preload = "vgpreload";
#endif
    if (preload && strstr(preload, "vgpreload")) {
        print_message("resident memory is not the program's own under a sanitizer or valgrind\n");
        skip();
    }
    check_peak(DTYPE_F16);
    check_peak(DTYPE_F32);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(test_peak)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
