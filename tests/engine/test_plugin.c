/* A shared object that knows engine/backend.h alone fills a host's error. */
#include "engine/backend.h"
#include <dlfcn.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static void *plugin_open(void)
{
    char path[4096];
    const ssize_t n = readlink("/proc/self/exe", path, sizeof path - 1);
    assert_true(n > 0);
    path[n] = '\0';
    char *name = strrchr(path, '/') + 1;
    snprintf(name, (size_t)(path + sizeof path - name), "plugin.so");
    void *plugin = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!plugin)
        fail_msg("%s", dlerror());
    return plugin;
}

static void fills_the_error_of_its_host(void **state)
{
    (void)state;
    void *plugin = plugin_open();
    uint32_t (*abi)(void);
    struct backend *(*new)(const struct backend_want *, struct error *);
    *(void **)&abi = dlsym(plugin, "glimt_backend_abi");
    *(void **)&new = dlsym(plugin, "glimt_backend_new");
    assert_true(abi && new);
    assert_int_equal(abi(), BACKEND_ABI);
    struct error e = {0};
    assert_null(new (&(struct backend_want){0}, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_string_equal(e.text, "opening cuda: GPU 0?is 7.5, needs 8.0");
    assert_null(new (&(struct backend_want){1, PRECISION_F32}, &e));
    assert_string_equal(e.text, "opening cuda: GPU 0?is 7.5, needs 8.0");
    dlclose(plugin);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(fills_the_error_of_its_host)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
