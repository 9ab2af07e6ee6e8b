#include "engine/base/memory.h"
#include "engine/base/error.h"
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

bool size_mul(size_t a, size_t b, size_t *out)
{
    if (b != 0 && a > SIZE_MAX / b)
        return false;
    *out = a * b;
    return true;
}

bool size_add(size_t a, size_t b, size_t *out)
{
    if (a > SIZE_MAX - b)
        return false;
    *out = a + b;
    return true;
}

void *xmalloc(size_t n)
{
    void *p = malloc(n > 0 ? n : 1);
    if (p == NULL)
        panic("out of memory: %zu bytes wanted", n);
    return p;
}

void *xcalloc(size_t n, size_t size)
{
    void *p = n > 0 && size > 0 ? calloc(n, size) : calloc(1, 1);
    if (p == NULL)
        panic("out of memory: %zu times %zu bytes wanted", n, size);
    return p;
}

void *xrealloc(void *p, size_t n)
{
    void *q = realloc(p, n > 0 ? n : 1);
    if (q == NULL)
        panic("out of memory: %zu bytes wanted", n);
    return q;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
    size_t bytes = 0;
    if (!size_mul(n, size, &bytes))
        panic("out of memory: %zu times %zu bytes wanted", n, size);
    return xrealloc(p, bytes);
}

void *xmemdup(const void *p, size_t n)
{
    void *q = xmalloc(n);
    if (n > 0)
        memcpy(q, p, n);
    return q;
}

char *xstrdup(const char *s)
{
    return xmemdup(s, strlen(s) + 1);
}

char *xstrndup(const char *s, size_t n)
{
    const size_t len = strnlen(s, n);
    char *t = xmalloc(len + 1);
    memcpy(t, s, len);
    t[len] = '\0';
    return t;
}

char *xasprintf(const char *format, ...)
{
    char *s = NULL;
    va_list args;
    va_start(args, format);
    const int n = vasprintf(&s, format, args);
    va_end(args);
    if (n < 0)
        panic("out of memory: a string could not be formatted");
    return s;
}

void *grow(void *p, size_t *cap, size_t need, size_t size)
{
    if (need <= *cap)
        return p;
    size_t n = *cap <= SIZE_MAX / 2 ? 2 * *cap : need;
    if (n < 8)
        n = 8;
    if (n < need)
        n = need;
    p = xreallocarray(p, n, size);
    *cap = n;
    return p;
}
