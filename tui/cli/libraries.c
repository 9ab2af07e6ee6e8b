#include "tui/cli/libraries.h"
#include "engine/hub/pull.h"
#include <curses.h>
#include <expat.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <lzma.h>
#include <nettle/version.h>
#include <sqlite3.h>
#include <stdio.h>
#include <string.h>
#include <utf8proc.h>
#include <zlib.h>

void libraries_list(struct library out[N_LIBRARIES])
{
    int i = 0;
    out[i].name = "glibc";
    snprintf(out[i++].version, sizeof out->version, "%s", gnu_get_libc_version());
    out[i].name = "ncurses";
    snprintf(out[i++].version, sizeof out->version, "%s", curses_version());
    out[i].name = "utf8proc";
    snprintf(out[i++].version, sizeof out->version, "%s", utf8proc_version());
    out[i].name = "jansson";
    snprintf(out[i++].version, sizeof out->version, "%s", jansson_version_str());
    out[i].name = "nettle";
    snprintf(out[i++].version, sizeof out->version, "%d.%d", nettle_version_major(),
             nettle_version_minor());
    out[i].name = "sqlite3";
    snprintf(out[i++].version, sizeof out->version, "%s", sqlite3_libversion());
    out[i].name = "expat";
    snprintf(out[i++].version, sizeof out->version, "%s", XML_ExpatVersion());
    out[i].name = "zlib";
    snprintf(out[i++].version, sizeof out->version, "%s", zlibVersion());
    out[i].name = "liblzma";
    snprintf(out[i++].version, sizeof out->version, "%s", lzma_version_string());
    static const char before[] = "libcurl/"; /* "libcurl/7.88.1 OpenSSL/3.0.9 …" */
    const char *curl = hub_library(NULL);
    const char *from =
        curl && strncmp(curl, before, sizeof before - 1) == 0 ? curl + sizeof before - 1 : curl;
    out[i].name = "libcurl";
    snprintf(out[i++].version, sizeof out->version, "%.*s", from ? (int)strcspn(from, " ") : 1,
             from ? from : "-");
}
