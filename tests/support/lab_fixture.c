#include "tests/support/lab_fixture.h"
#include "engine/base/memory.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <stdlib.h>

int lab_set_up(void **state)
{
    struct lab_place *p = xcalloc(1, sizeof *p);
    struct error e = {0};
    p->dir = testdata_folder();
    tiny_write(p->dir, &(struct tiny_spec){.hook = LAB_HOOK});
    tiny_write_bundle(p->dir, LAB_HOOK);
    p->bundle = xasprintf("%s/tiny.glimt", p->dir);
    p->cache = xasprintf("%s/cache", p->dir);
    options_init(&p->options);
    p->options.bundle = p->bundle;
    p->options.cache = p->cache;
    p->options.threads = 1;
    if (!workbench_open(&p->options, NULL, NULL, &p->wb, &e))
        fail_msg("workbench_open: %s", e.text);
    *state = p;
    return 0;
}

int lab_tear_down(void **state)
{
    struct lab_place *p = *state;
    workbench_free(p->wb);
    free(p->bundle);
    free(p->cache);
    testdata_remove(p->dir);
    free(p);
    return 0;
}
