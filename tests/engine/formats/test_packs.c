/* Packed weights on disk: found as they were put, by what they are made of; nothing else is taken
 * for them, and nothing of somebody else's is removed. */
#include "engine/base/memory.h"
#include "engine/formats/mapping.h"
#include "engine/formats/packs.h"
#include "tests/support/hash_weights.h"
#include "tests/support/testdata.h"
#include <dirent.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

struct place {
    char *dir, *weights, *kept;
    struct tensors *ts;
    struct sha256 content; /* what the hash says of the file */
    int asked;
    enum error_kind refuses;
};

static bool hash(void *arg, const char *const *path, size_t n, struct sha256 *out, struct error *e)
{
    struct place *p = arg;
    assert_int_equal(n, 1);
    assert_string_equal(path[0], p->weights);
    p->asked++;
    *out = p->content;
    return p->refuses == ERROR_NONE || error_set(e, p->refuses, "asked in vain");
}

static int set_up(void **state)
{
    struct place *p = xcalloc(1, sizeof *p);
    struct error e = {0};
    p->dir = testdata_folder();
    p->weights = xasprintf("%s/w.safetensors", p->dir);
    p->kept = xasprintf("%s/cache/glimt/packed", p->dir);
    p->content = sha256_bytes("one", 3);
    const struct hash_tensor t = {
        .name = "W", .n_dims = 2, .dim = {64, 64}, .type = DTYPE_F32, .exponent = 1};
    hash_file_write(p->weights, &t, 1, NULL);
    if (!tensors_open(p->weights, &p->ts, &e))
        fail_msg("%s", e.text);
    *state = p;
    return 0;
}

static int tear_down(void **state)
{
    struct place *p = *state;
    tensors_close(p->ts);
    testdata_remove(p->dir);
    free(p->kept);
    free(p->weights);
    free(p);
    return 0;
}

static struct packs *begin(struct place *p)
{
    struct packs *packs = packs_new(p->kept, 1000, hash, p);
    assert_true(packs_add(packs, p->ts, NULL));
    return packs;
}

static void keep(struct place *p, const char *what, const void *bytes, size_t n)
{
    struct packs *packs = begin(p);
    packs_put(packs, p->weights, what, bytes, n);
    packs_write(packs);
    assert_true(packs_wait(packs));
    packs_free(packs);
}

static void assert_found(struct place *p, const char *what, const void *bytes, size_t n)
{
    struct packs *packs = begin(p);
    size_t found_n = 0;
    const void *found = packs_find(packs, p->weights, what, &found_n);
    if (!bytes) {
        assert_null(found);
    } else {
        assert_non_null(found);
        assert_int_equal((uintptr_t)found % 4096, 0);
        assert_int_equal(found_n, n);
        assert_memory_equal(found, bytes, n);
    }
    packs_free(packs);
}

/* The only one of its kind in the folder; the caller frees. */
static char *the_file(const struct place *p, const char *end)
{
    DIR *d = opendir(p->kept);
    char *found = NULL;
    assert_non_null(d);
    for (struct dirent *f; (f = readdir(d));)
        if (strlen(f->d_name) == 40 + strlen(end) && strcmp(f->d_name + 40, end) == 0) {
            assert_null(found);
            found = xasprintf("%s/%s", p->kept, f->d_name);
        }
    closedir(d);
    return found;
}

static void found_by_content_and_what(void **state)
{
    struct place *p = *state;
    size_t n = 100000;
    char *bytes = xmalloc(n);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * i >> 3);
    assert_found(p, "panels", NULL, 0);
    keep(p, "panels", bytes, n);
    keep(p, "one byte", "x", 1);
    assert_found(p, "panels", bytes, n);
    assert_found(p, "one byte", "x", 1);
    assert_found(p, "panels 2", NULL, 0);
    p->content = sha256_bytes("two", 3);
    assert_found(p, "panels", NULL, 0);
    struct packs_size size = packs_count(p->kept);
    assert_int_equal(size.files, 2);
    assert_int_equal(size.bytes, n + 1 + 2 * 4096);
    free(bytes);
}

static void small_files_are_not_asked_about(void **state)
{
    struct place *p = *state;
    struct packs *packs = packs_new(p->kept, 1 << 20, hash, p);
    assert_true(packs_add(packs, p->ts, NULL));
    assert_int_equal(p->asked, 0);
    packs_put(packs, p->weights, "panels", "x", 1);
    packs_write(packs);
    assert_true(packs_wait(packs)); /* of nothing */
    packs_free(packs);
    assert_int_equal(access(p->kept, F_OK), -1);
    packs = packs_new(p->kept, 1000, hash, p);
    assert_true(packs_add(packs, p->ts, NULL));
    assert_true(packs_add(packs, p->ts, NULL));
    assert_int_equal(p->asked, 1);
    packs_free(packs);
}

static void without_a_hash_nothing_is_kept(void **state)
{
    struct place *p = *state;
    struct packs *packs = packs_new(p->kept, 1000, hash, p);
    struct error e = {0};
    p->refuses = ERROR_SYSTEM;
    assert_true(packs_add(packs, p->ts, &e));
    assert_false(error_is_set(&e));
    packs_put(packs, p->weights, "panels", "x", 1);
    packs_write(packs);
    packs_stop(packs);
    assert_int_equal(packs_count(p->kept).files, 0);
    p->refuses = ERROR_CANCELLED;
    assert_false(packs_add(packs, p->ts, &e));
    assert_int_equal(e.kind, ERROR_CANCELLED);
    packs_free(packs);
}

/* Each byte that says what the file is, and either end. */
static void what_does_not_fit_is_set_aside_and_made_anew(void **state)
{
    struct place *p = *state;
    enum { N = 20000, HEAD = 4096 };
    static const struct {
        off_t at, cut_to; /* changes a byte, or with at −1 cuts or lengthens */
    } spoil[] = {{0, 0},         {8, 0},
                 {12, 0},        {16, 0},
                 {24, 0},        {56, 0},
                 {HEAD, 0},      {HEAD + N - 1, 0},
                 {-1, 0},        {-1, HEAD},
                 {-1, HEAD - 1}, {-1, HEAD + N - 1},
                 {-1, 1},        {-1, HEAD + N + 1}};
    char bytes[N];
    for (int i = 0; i < N; i++)
        bytes[i] = (char)(i * 7);
    for (size_t i = 0; i < sizeof spoil / sizeof *spoil; i++) {
        keep(p, "panels", bytes, N);
        char *name = the_file(p, "");
        assert_non_null(name);
        if (spoil[i].at < 0) {
            assert_int_equal(truncate(name, spoil[i].cut_to), 0);
        } else {
            const int fd = open(name, O_RDWR);
            char c;
            assert_int_equal(pread(fd, &c, 1, spoil[i].at), 1);
            c = (char)(c ^ 4);
            assert_int_equal(pwrite(fd, &c, 1, spoil[i].at), 1);
            close(fd);
        }
        free(name);
        assert_found(p, "panels", NULL, 0);
        assert_null(name = the_file(p, ""));
        assert_non_null(name = the_file(p, ".damaged"));
        free(name);
    }
    keep(p, "panels", bytes, N);
    assert_found(p, "panels", bytes, N);
    struct packs *packs = begin(p);
    assert_string_equal(packs_said(packs), "");
    packs_distrust(packs, p->weights, "panels");
    assert_non_null(strstr(packs_said(packs), "are damaged: set aside as NAME.damaged, packed"));
    packs_free(packs);
    assert_string_equal(packs_said(NULL), "");
    assert_found(p, "panels", NULL, 0);
}

/* Another's contents under our name. */
static void a_key_is_checked(void **state)
{
    struct place *p = *state;
    keep(p, "a", "aaaa", 4);
    char *a = the_file(p, "");
    char *elsewhere = xasprintf("%s/a", p->dir);
    assert_int_equal(rename(a, elsewhere), 0);
    keep(p, "b", "bbbb", 4);
    char *b = the_file(p, "");
    assert_int_equal(rename(elsewhere, b), 0);
    assert_found(p, "b", NULL, 0);
    free(b);
    free(a);
    free(elsewhere);
}

/* Whoever stops leaves a part that nobody takes for the whole; run after run it is completed. */
static void gone_on_with_until_it_is_whole(void **state)
{
    struct place *p = *state;
    const size_t n = ((size_t)40 << 20) + 12345;
    char *bytes = malloc(n);
    assert_non_null(bytes);
    for (size_t i = 0; i < n; i++)
        bytes[i] = (char)(i * i >> 5);
    int runs = 0;
    for (; runs < 100 && packs_count(p->kept).files < 1; runs++) {
        assert_found(p, "large", NULL, 0);
        struct packs *packs = begin(p);
        packs_put(packs, p->weights, "large", bytes, n);
        packs_write(packs);
        packs_free(packs); /* stops it */
    }
    assert_true(runs < 100);
    assert_found(p, "large", bytes, n);
    assert_null(the_file(p, ".part"));
    free(bytes);
}

/* What lies where the part would be: of another, too long, cut in the middle of a piece. */
static void a_part_is_untrusted(void **state)
{
    struct place *p = *state;
    enum { PIECE = 8 << 20, HEAD = 4096 };
    const size_t n = 3 * (size_t)PIECE;
    char *bytes = malloc(n), *name, *part;
    assert_non_null(bytes);
    memset(bytes, 'x', n);
    keep(p, "large", bytes, n);
    name = the_file(p, "");
    part = xasprintf("%s.part", name);
    static const struct {
        off_t length;
        off_t spoilt; /* a byte that is not kept; −1: none */
    } cases[] = {{0, -1},
                 {HEAD - 1, -1},
                 {HEAD, -1},
                 {HEAD + PIECE + 5, HEAD + PIECE + 1},
                 {HEAD + 3 * PIECE, -1},
                 {HEAD + 3 * PIECE + 1, HEAD + 1},
                 {HEAD + 2 * PIECE, 24} /* another's key */};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        assert_int_equal(rename(name, part), 0);
        assert_int_equal(truncate(part, cases[i].length), 0);
        const int fd = open(part, O_RDWR);
        if (cases[i].spoilt >= 0)
            assert_int_equal(pwrite(fd, "y", 1, cases[i].spoilt), 1);
        close(fd);
        assert_found(p, "large", NULL, 0);
        keep(p, "large", bytes, n);
        assert_found(p, "large", bytes, n);
    }
    free(part);
    free(name);
    free(bytes);
}

static void a_folder_that_can_not_be(void **state)
{
    struct place *p = *state;
    free(p->kept);
    p->kept = xasprintf("%s/packed", p->weights); /* below a file */
    struct packs *packs = begin(p);
    packs_put(packs, p->weights, "panels", "x", 1);
    packs_write(packs);
    assert_false(packs_wait(packs));
    packs_free(packs);
    assert_found(p, "panels", NULL, 0);
}

/* Shared by many, written by one. */
static void a_folder_that_can_only_be_read(void **state)
{
    struct place *p = *state;
    keep(p, "panels", "x", 1);
    char *name = the_file(p, ""), *above = xasprintf("%s/cache", p->dir);
    char *cache = xasprintf("%s/glimt", above);
    const char *open[] = {p->dir, above, cache};
    for (int i = 0; i < 3; i++)
        assert_int_equal(chmod(open[i], 0755), 0);
    assert_int_equal(chmod(p->kept, 0555), 0);
    assert_int_equal(chmod(name, 0444), 0);
    testdata_as_nobody(true);
    assert_found(p, "panels", "x", 1);
    struct packs *packs = begin(p);
    packs_write(packs);
    assert_string_equal(packs_said(packs), "");
    packs_put(packs, p->weights, "more", "y", 1);
    packs_write(packs);
    assert_false(packs_wait(packs));
    assert_non_null(strstr(packs_said(packs), "can't be kept in "));
    assert_non_null(strstr(packs_said(packs), "Permission denied"));
    packs_distrust(packs, p->weights, "panels");
    assert_non_null(strstr(packs_said(packs), "are damaged, and can't be set aside"));
    packs_free(packs);
    testdata_as_nobody(false);
    assert_int_equal(chmod(p->kept, 0700), 0);
    assert_found(p, "panels", "x", 1);
    free(name);
    free(cache);
    free(above);
}

static void set_age(const char *path, double days)
{
    const struct timespec t = {.tv_sec = time(NULL) - (time_t)(days * 86400)};
    assert_int_equal(utimensat(AT_FDCWD, path, (const struct timespec[]){t, t}, 0), 0);
}

static char *add_file(const struct place *p, const char *name, double days)
{
    char *path = xasprintf("%s/%s", p->kept, name);
    struct error e = {0};
    if (!file_write(path, "1234567890", 10, &e))
        fail_msg("%s", e.text);
    set_age(path, days);
    return path;
}

static void pruned_by_age_and_size(void **state)
{
    struct place *p = *state;
    keep(p, "a", "a", 1);
#define DIGITS "0123456789abcdef0123456789abcdef0123456"
    static const struct {
        const char *name;
        double days;
        bool ours;
    } file[] = {
        {DIGITS "0", 10, true},        {DIGITS "1", 20, true},
        {DIGITS "2.damaged", 0, true}, {DIGITS "3.part", 2, true}, /* nobody goes on with it */
        {DIGITS "4.part", 0, true},    {DIGITS, 99, false},
        {DIGITS "5.txt", 99, false},   {"notes", 99, false},
    };
    enum { N = sizeof file / sizeof *file };
    char *path[N];
    for (int i = 0; i < N; i++)
        path[i] = add_file(p, file[i].name, file[i].days);
    assert_int_equal(packs_count(p->kept).files, 3);
    struct packs_size gone = packs_prune(p->kept, -1, -1); /* only what is of no use */
    assert_int_equal(gone.files, 2);
    assert_int_equal(gone.bytes, 20);
    gone = packs_prune(p->kept, 15, -1);
    assert_int_equal(gone.files, 1);
    assert_int_equal(access(path[1], F_OK), -1);
    gone = packs_prune(p->kept, -1, 4097 + 10); /* the longest unused goes first */
    assert_int_equal(gone.files, 1);
    assert_int_equal(access(path[0], F_OK), -1);
    assert_found(p, "a", "a", 1);
    gone = packs_prune(p->kept, -1, 0);
    assert_int_equal(gone.files, 2);
    for (int i = 0; i < N; i++) {
        if (!file[i].ours)
            assert_int_equal(access(path[i], F_OK), 0);
        free(path[i]);
    }
    assert_int_equal(packs_prune("/nowhere/at/all", 0, 0).files, 0);
}

/* Looking something up counts as use. */
static void use_is_noted(void **state)
{
    struct place *p = *state;
    keep(p, "a", "a", 1);
    char *name = the_file(p, "");
    set_age(name, 30);
    assert_found(p, "a", "a", 1);
    assert_int_equal(packs_prune(p->kept, 15, -1).files, 0);
    free(name);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(found_by_content_and_what),
        TEST(small_files_are_not_asked_about),
        TEST(without_a_hash_nothing_is_kept),
        TEST(what_does_not_fit_is_set_aside_and_made_anew),
        TEST(a_key_is_checked),
        TEST(gone_on_with_until_it_is_whole),
        TEST(a_part_is_untrusted),
        TEST(a_folder_that_can_not_be),
        TEST(a_folder_that_can_only_be_read),
        TEST(pruned_by_age_and_size),
        TEST(use_is_noted),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
