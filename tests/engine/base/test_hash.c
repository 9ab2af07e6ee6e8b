#include "engine/base/hash.h"
#include "engine/base/rng.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* FIPS 180-4's examples and the empty string. */
static const struct {
    const char *in, *hex;
} sha_cases[] = {
    {"", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"},
    {"abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    {"abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
     "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"},
};

static void sha256_of_bytes_and_files(void **state)
{
    (void)state;
    char *dir = testdata_folder();
    for (size_t i = 0; i < sizeof sha_cases / sizeof *sha_cases; i++) {
        const size_t n = strlen(sha_cases[i].in);
        char hex[65];
        struct sha256 h = sha256_bytes(sha_cases[i].in, n), f, back;
        sha256_hex(&h, hex);
        assert_string_equal(hex, sha_cases[i].hex);
        assert_true(sha256_from_hex(hex, &back));
        assert_memory_equal(&h, &back, sizeof h);
        char *path = testdata_write(dir, "f", sha_cases[i].in, n);
        struct error e = {0};
        assert_true(sha256_file(path, &f, &e));
        assert_memory_equal(&h, &f, sizeof h);
        free(path);
    }
    testdata_remove(dir);
}

/* More than one read; FIPS 180-4's million letters a. */
static void sha256_of_a_long_file(void **state)
{
    (void)state;
    char *dir = testdata_folder(), *a = malloc(1000000), hex[65];
    assert_non_null(a);
    memset(a, 'a', 1000000);
    char *path = testdata_write(dir, "f", a, 1000000);
    struct sha256 h;
    struct error e = {0};
    assert_true(sha256_file(path, &h, &e));
    sha256_hex(&h, hex);
    assert_string_equal(hex, "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
    free(a), free(path);
    testdata_remove(dir);
}

static void sha256_refusals(void **state)
{
    (void)state;
    struct sha256 h;
    struct error e = {0};
    assert_false(sha256_file("/nowhere/at all", &h, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_non_null(strstr(e.text, "/nowhere/at all"));
    e = (struct error){0};
    assert_false(sha256_file("/", &h, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    char hex[66];
    memset(hex, 'A', 64), hex[64] = '\0';
    assert_true(sha256_from_hex(hex, &h));
    assert_int_equal(h.byte[31], 0xaa);
    hex[63] = 'g';
    assert_false(sha256_from_hex(hex, &h));
    hex[63] = '\0';
    assert_false(sha256_from_hex(hex, &h));
    memset(hex, '0', 65), hex[65] = '\0';
    assert_false(sha256_from_hex(hex, &h));
    assert_false(sha256_from_hex("", &h));
}

/* The FNV authors' test vectors. */
static void fnv1a(void **state)
{
    (void)state;
    assert_true(hash_bytes(HASH_SEED, "", 0) == UINT64_C(0xcbf29ce484222325));
    assert_true(hash_bytes(HASH_SEED, "a", 1) == UINT64_C(0xaf63dc4c8601ec8c));
    assert_true(hash_bytes(HASH_SEED, "foobar", 6) == UINT64_C(0x85944171f73967e8));
    assert_true(hash_bytes(hash_bytes(HASH_SEED, "foo", 3), "bar", 3) ==
                UINT64_C(0x85944171f73967e8));
}

/* splitmix64's published outputs for the seed 1234567. */
static void splitmix64(void **state)
{
    (void)state;
    static const uint64_t want[] = {UINT64_C(6457827717110365317), UINT64_C(3203168211198807973),
                                    UINT64_C(9817491932198370423), UINT64_C(4593380528125082431)};
    struct rng r;
    rng_seed(&r, 1234567);
    for (uint64_t i = 0; i < 4; i++) {
        assert_true(rng_at(1234567, i + 1) == want[i]);
        assert_true(r.s[i] == want[i]);
    }
}

/* The reference implementation's first outputs from the state 1, 2, 3, 4. */
static void xoshiro256starstar(void **state)
{
    (void)state;
    static const uint64_t want[] = {UINT64_C(11520),
                                    UINT64_C(0),
                                    UINT64_C(1509978240),
                                    UINT64_C(1215971899390074240),
                                    UINT64_C(1216172134540287360),
                                    UINT64_C(607988272756665600),
                                    UINT64_C(16172922978634559625),
                                    UINT64_C(8476171486693032832),
                                    UINT64_C(10595114339597558777),
                                    UINT64_C(2904607092377533576)};
    struct rng r = {.s = {1, 2, 3, 4}};
    for (size_t i = 0; i < sizeof want / sizeof *want; i++)
        assert_true(rng_u64(&r) == want[i]);
}

static void below_is_even(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 1);
    int count[6] = {0};
    for (int i = 0; i < 60000; i++) {
        const uint64_t x = rng_below(&r, 6);
        assert_true(x < 6);
        count[x]++;
    }
    /* The seed is fixed, so this holds always or never: six standard deviations of a fair die. */
    for (int i = 0; i < 6; i++)
        assert_in_range(count[i], 10000 - 550, 10000 + 550);
    for (int i = 0; i < 100; i++)
        assert_true(rng_below(&r, 1) == 0);
    /* A range that rejects almost half of all draws. */
    const uint64_t big = (UINT64_C(1) << 63) + 1;
    int high = 0;
    for (int i = 0; i < 10000; i++) {
        const uint64_t x = rng_below(&r, big);
        assert_true(x < big);
        high += x >= UINT64_C(1) << 62;
    }
    assert_in_range(high, 4700, 5300);
}

static void unit_and_shuffle(void **state)
{
    (void)state;
    struct rng r;
    rng_seed(&r, 7);
    double sum = 0;
    for (int i = 0; i < 10000; i++) {
        const double x = rng_unit(&r);
        assert_true(x >= 0 && x < 1);
        sum += x;
    }
    assert_true(sum > 4800 && sum < 5200);
    int32_t a[100], moved = 0;
    int seen[100] = {0};
    for (int i = 0; i < 100; i++)
        a[i] = i;
    rng_shuffle(&r, a, 100);
    for (int i = 0; i < 100; i++) {
        assert_in_range(a[i], 0, 99);
        seen[a[i]]++;
        moved += a[i] != i;
    }
    for (int i = 0; i < 100; i++)
        assert_int_equal(seen[i], 1);
    assert_true(moved > 80);
    rng_shuffle(&r, a, 0);
    /* All six orders of three occur. */
    int orders[27] = {0}, kinds = 0;
    for (int i = 0; i < 600; i++) {
        int32_t t[3] = {0, 1, 2};
        rng_shuffle(&r, t, 3);
        orders[t[0] * 9 + t[1] * 3 + t[2]]++;
    }
    for (int i = 0; i < 27; i++) {
        kinds += orders[i] > 0;
        assert_true(orders[i] == 0 || orders[i] > 50);
    }
    assert_int_equal(kinds, 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(sha256_of_bytes_and_files),
        cmocka_unit_test(sha256_of_a_long_file),
        cmocka_unit_test(sha256_refusals),
        cmocka_unit_test(fnv1a),
        cmocka_unit_test(splitmix64),
        cmocka_unit_test(xoshiro256starstar),
        cmocka_unit_test(below_is_even),
        cmocka_unit_test(unit_and_shuffle),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
