#include "tui/term/locale.h"
#include <langinfo.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static bool installed;

const char *locale_name(void)
{
    static const char *const variable[] = {"LC_ALL", "LC_CTYPE", "LANG"};
    for (size_t i = 0; i < sizeof variable / sizeof *variable; i++) {
        const char *name = getenv(variable[i]);
        if (name && *name)
            return name;
    }
    return "";
}

/* "da_DK.UTF-8", "en_GB.utf8@euro", and "UTF-8" alone, as macOS sends it over SSH. */
static bool says_utf8(const char *name)
{
    const char *dot = strchr(name, '.'), *set = dot ? dot + 1 : name;
    const size_t n = strcspn(set, "@");
    return (n == 5 && strncasecmp(set, "UTF-8", n) == 0) ||
           (n == 4 && strncasecmp(set, "UTF8", n) == 0);
}

void locale_open(void)
{
    installed = setlocale(LC_CTYPE, "") != NULL;
    if (!installed && says_utf8(locale_name()))
        setlocale(LC_CTYPE, "C.UTF-8");
}

bool locale_is_utf8(void)
{
    return strcmp(nl_langinfo(CODESET), "UTF-8") == 0;
}

const char *locale_fault(void)
{
    static char fault[120];
    const char *name = locale_name();
    if (locale_is_utf8())
        return NULL;
    if (!*name)
        snprintf(fault, sizeof fault, "LANG names no locale");
    else if (!installed)
        snprintf(fault, sizeof fault, "the locale %.40s is not installed", name);
    else
        snprintf(fault, sizeof fault, "the locale %.40s has no UTF-8", name);
    return fault;
}
