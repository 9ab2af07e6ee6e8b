#include "tests/support/golden_tensors.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
/* cmocka.h wants some of the headers above it. */
#include <cmocka.h>

const char *golden_tensors;
static struct tensors *file;

int golden_open(void **state)
{
    (void)state;
    struct error e = {0};
    char *path = golden_path(golden_tensors);
    bool ok = tensors_open(path, &file, &e);
    if (!ok)
        print_error("%s\n", e.text);
    free(path);
    return ok ? 0 : -1;
}

int golden_close(void **state)
{
    (void)state;
    tensors_close(file);
    file = NULL;
    return 0;
}

const struct named_tensor *golden_tensor(const char *format, ...)
{
    char name[160];
    va_list args;
    va_start(args, format);
    vsnprintf(name, sizeof name, format, args);
    va_end(args);
    const struct named_tensor *t = tensors_find(file, name);
    if (!t)
        fail_msg("%s has no tensor %s", golden_tensors, name);
    return t;
}
