/* How much memory there is for us, by files in the places of the kernel's. */
#include "engine/backend/synchronous.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void write_file(const char *name, const char *text)
{
    free(testdata_write(test_folder, name, text, strlen(text)));
}

static void assert_memory(uint64_t total, uint64_t left)
{
    const struct device_memory m = machine_memory_under(test_folder);
    assert_int_equal(m.total, total);
    assert_int_equal(m.free, left);
}

static void test_of_the_machine(void **state)
{
    (void)state;
    assert_memory(0, 0); /* not known */
    write_file("proc/meminfo", "MemTotal:       1000 kB\nMemFree:  10 kB\nMemAvailable:    400 kB\n"
                               "SwapTotal:  90 kB\nSwapFree:        50 kB\n");
    assert_memory(1000 << 10, 450 << 10);
}

/* Groups lie in each other: the narrowest counts; files that were read are given back. */
static void test_of_a_group(void **state)
{
    (void)state;
    write_file("proc/self/cgroup", "0::/a/b\n");
    write_file("sys/fs/cgroup/a/b/memory.max", "max\n");
    write_file("sys/fs/cgroup/a/b/memory.current", "1000\n");
    assert_memory(1000 << 10, 450 << 10);
    write_file("sys/fs/cgroup/a/memory.max", "102400\n");
    write_file("sys/fs/cgroup/a/memory.current", "92400\n");
    assert_memory(102400, 10000);
    write_file("sys/fs/cgroup/a/memory.stat", "anon 90000\ninactive_file 2000\nactive_file 300\n");
    assert_memory(102400, 12300);
    write_file("sys/fs/cgroup/a/b/memory.max", "2000\n");
    assert_memory(2000, 1000);
}

static void test_of_a_group_of_the_first_generation(void **state)
{
    (void)state;
    write_file("proc/self/cgroup", "3:cpu:/x\n2:memory:/job\n0::/\n");
    write_file("sys/fs/cgroup/memory/job/memory.limit_in_bytes", "204800\n");
    write_file("sys/fs/cgroup/memory/job/memory.usage_in_bytes", "250000\n");
    assert_memory(204800, 0);
    write_file("sys/fs/cgroup/memory/job/memory.stat",
               "inactive_file 1\ntotal_inactive_file 500\ntotal_active_file 100\n");
    assert_memory(204800, 600);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_of_the_machine),
        cmocka_unit_test(test_of_a_group),
        cmocka_unit_test(test_of_a_group_of_the_first_generation),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
