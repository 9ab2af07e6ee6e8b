/* Allocation that panics when it fails, for small things, and sizes that can't overflow, for large
 * ones. */
#ifndef GLIMT_BASE_MEMORY_H
#define GLIMT_BASE_MEMORY_H
#include <stdbool.h>
#include <stddef.h>

/* Never return NULL for n > 0; the caller frees with free(). */
void *xmalloc(size_t n) __attribute__((malloc, alloc_size(1)));
void *xcalloc(size_t n, size_t size) __attribute__((malloc, alloc_size(1, 2)));
void *xrealloc(void *p, size_t n) __attribute__((alloc_size(2)));
void *xreallocarray(void *p, size_t n, size_t size) __attribute__((alloc_size(2, 3)));
void *xmemdup(const void *p, size_t n);
char *xstrdup(const char *s) __attribute__((malloc));
char *xstrndup(const char *s, size_t n) __attribute__((malloc));
char *xasprintf(const char *format, ...) __attribute__((format(printf, 1, 2), malloc));

/* a·b and a+b into *out; false (and *out untouched) when it does not fit. */
bool size_mul(size_t a, size_t b, size_t *out);
bool size_add(size_t a, size_t b, size_t *out);

/* Grows a dynamic array to hold `need` elements, at least doubling: p = grow(p, &cap, need, sizeof
 * *p). */
void *grow(void *p, size_t *cap, size_t need, size_t size);
#endif
