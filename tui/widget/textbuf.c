#include "tui/widget/textbuf.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include <stdlib.h>
#include <string.h>

void textbuf_init(struct textbuf *t)
{
    *t = (struct textbuf){.cap = 64, .cap_lines = 16, .n_lines = 1};
    t->s = xmalloc(t->cap);
    t->s[0] = 0;
    t->line = xreallocarray(NULL, t->cap_lines, sizeof *t->line);
    t->line[0] = 0;
}

void textbuf_release(struct textbuf *t)
{
    free(t->s);
    free(t->line);
    *t = (struct textbuf){0};
}

static size_t count_newlines(const char *s, size_t n)
{
    size_t k = 0;
    for (const char *p = s, *end = s + n; p < end && (p = memchr(p, '\n', (size_t)(end - p))); p++)
        k++;
    return k;
}

/* Line starts in (at, at + n_old] go, those of the new bytes come, later ones move. */
static void replace_lines(struct textbuf *t, size_t at, size_t n_old, const char *s, size_t n_new)
{
    size_t first = textbuf_line_of(t, at) + 1, last = first;
    while (last < t->n_lines && t->line[last] <= at + n_old)
        last++;
    size_t added = count_newlines(s, n_new), tail = t->n_lines - last;
    t->line = grow(t->line, &t->cap_lines, first + added + tail, sizeof *t->line);
    memmove(t->line + first + added, t->line + last, tail * sizeof *t->line);
    size_t k = first;
    for (const char *p = s, *end = s + n_new; p < end && (p = memchr(p, '\n', (size_t)(end - p)));
         p++)
        t->line[k++] = at + (size_t)(p - s) + 1;
    t->n_lines = first + added + tail;
    for (; k < t->n_lines; k++)
        t->line[k] += n_new - n_old; /* wraps around and back where the text shrinks */
}

void textbuf_replace(struct textbuf *t, size_t at, size_t n_old, const char *s, size_t n_new)
{
    if (at > t->n)
        at = t->n;
    if (n_old > t->n - at)
        n_old = t->n - at;
    replace_lines(t, at, n_old, s, n_new);
    t->s = grow(t->s, &t->cap, t->n - n_old + n_new + 1, 1);
    memmove(t->s + at + n_new, t->s + at + n_old, t->n - at - n_old);
    if (n_new > 0)
        memcpy(t->s + at, s, n_new);
    t->n += n_new - n_old;
    t->s[t->n] = 0;
}

static bool is_boundary(const struct textbuf *t, size_t at)
{
    return at == t->n || ((unsigned char)t->s[at] & 0xc0) != 0x80;
}

bool textbuf_has(const struct textbuf *t, size_t at, const char *s, size_t n)
{
    return at <= t->n && n <= t->n - at && (n == 0 || memcmp(t->s + at, s, n) == 0) &&
           is_boundary(t, at) && is_boundary(t, at + n);
}

size_t textbuf_line_of(const struct textbuf *t, size_t at)
{
    size_t lo = 0, hi = t->n_lines;
    while (hi - lo > 1) {
        size_t mid = lo + (hi - lo) / 2;
        if (t->line[mid] <= at)
            lo = mid;
        else
            hi = mid;
    }
    return lo;
}

size_t textbuf_line_end(const struct textbuf *t, size_t line)
{
    return line + 1 < t->n_lines ? t->line[line + 1] - 1 : t->n;
}

char *textbuf_clean(const char *s, size_t n, size_t *n_out)
{
    size_t m, w = 0;
    char *p = utf8_repair(s, n, &m, NULL);
    for (size_t i = 0; i < m; i++) {
        if (p[i] == '\r') {
            p[w++] = '\n';
            i += i + 1 < m && p[i + 1] == '\n';
        } else if (p[i] != 0) { /* a NUL would end the text for every C string reader */
            p[w++] = p[i];
        }
    }
    p[w] = 0;
    *n_out = w;
    return p;
}
