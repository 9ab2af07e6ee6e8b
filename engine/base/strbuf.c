#include "engine/base/strbuf.h"
#include "engine/base/error.h"
#include "engine/base/memory.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* What s of an empty buffer points to, so that it is never NULL; cap 0 says that it is not ours to
 * write or free. */
static char nothing[1];

void strbuf_init(struct strbuf *b)
{
    *b = (struct strbuf){.s = nothing};
}

void strbuf_release(struct strbuf *b)
{
    if (b->cap > 0)
        free(b->s);
    strbuf_init(b);
}

void strbuf_clear(struct strbuf *b)
{
    if (b->cap > 0)
        b->s[0] = '\0';
    b->len = 0;
}

/* Room for n more bytes and the NUL. */
static void reserve(struct strbuf *b, size_t n)
{
    size_t need = 0;
    if (!size_add(b->len, n, &need) || !size_add(need, 1, &need))
        panic("out of memory: a string of %zu and %zu bytes", b->len, n);
    b->s = grow(b->cap > 0 ? b->s : NULL, &b->cap, need, 1);
}

void strbuf_add(struct strbuf *b, const char *s, size_t n)
{
    reserve(b, n);
    if (n > 0)
        memcpy(b->s + b->len, s, n);
    b->len += n;
    b->s[b->len] = '\0';
}

void strbuf_adds(struct strbuf *b, const char *s)
{
    strbuf_add(b, s, strlen(s));
}

void strbuf_addc(struct strbuf *b, char c)
{
    strbuf_add(b, &c, 1);
}

void strbuf_addf(struct strbuf *b, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    const int n = vsnprintf(NULL, 0, format, args);
    va_end(args);
    if (n < 0)
        panic("a string could not be formatted");
    reserve(b, (size_t)n);
    va_start(args, format);
    vsnprintf(b->s + b->len, (size_t)n + 1, format, args);
    va_end(args);
    b->len += (size_t)n;
}

char *strbuf_detach(struct strbuf *b)
{
    char *s = b->cap > 0 ? b->s : xstrdup("");
    strbuf_init(b);
    return s;
}
