/* The characters of the terminal, as the environment names them. */
#ifndef GLIMT_TERM_LOCALE_H
#define GLIMT_TERM_LOCALE_H
#include <stdbool.h>

/* Sets LC_CTYPE from LC_ALL, LC_CTYPE or LANG: the first that is not empty. A locale that is not
 * installed becomes C.UTF-8 where its name says UTF-8 (da_DK.UTF-8, or UTF-8 alone), else C. May be
 * called again. */
void locale_open(void);
/* What the variable that counts says; "": none is set. Of the environment. */
const char *locale_name(void);
/* Characters come and go as UTF-8. After locale_open. */
bool locale_is_utf8(void);
/* Why they don't, in words for people: "the locale da_DK is not installed"; NULL: they do. Valid
 * until the next call. */
const char *locale_fault(void);
#endif
