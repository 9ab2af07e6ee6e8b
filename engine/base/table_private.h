/* What the writers of tables share. */
#ifndef GLIMT_BASE_TABLE_PRIVATE_H
#define GLIMT_BASE_TABLE_PRIVATE_H
#include "engine/base/strbuf.h"
#include <stdint.h>

enum number_form { NUMBER_FIXED = 'f', NUMBER_SCIENTIFIC = 'e', NUMBER_SHORTEST = 'g' };
/* As printf's %.*f, %.*e, %.*g, with a point whatever the locale. */
void number_write(struct strbuf *, enum number_form, int precision, double v);

/* The code point at s (n > 0 bytes left) and its length; −1 and 1 where there is none. */
int32_t code_at(const char *s, size_t n, size_t *len);
/* The bytes, with U+FFFD for each that is no UTF-8. */
void utf8_write(struct strbuf *, const char *s, size_t n);
#endif
