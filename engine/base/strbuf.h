/* A growing byte string. Invariant: s[len] == 0 always, also when empty (s is never NULL after
 * strbuf_init). strbuf_detach hands the memory to the caller (free()). */
#ifndef GLIMT_BASE_STRBUF_H
#define GLIMT_BASE_STRBUF_H
#include <stddef.h>

struct strbuf {
    char *s;
    size_t len, cap;
};

void strbuf_init(struct strbuf *b);
void strbuf_release(struct strbuf *b);
void strbuf_clear(struct strbuf *b); /* length 0, memory kept */
void strbuf_add(struct strbuf *b, const char *s, size_t n);
void strbuf_adds(struct strbuf *b, const char *s);
void strbuf_addc(struct strbuf *b, char c);
void strbuf_addf(struct strbuf *b, const char *format, ...) __attribute__((format(printf, 2, 3)));
char *strbuf_detach(struct strbuf *b);
#endif
