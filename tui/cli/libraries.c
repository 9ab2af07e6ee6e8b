#include "tui/cli/libraries.h"
#include <curses.h>
#include <expat.h>
#include <gnu/libc-version.h>
#include <jansson.h>
#include <lzma.h>
#include <nettle/version.h>
#include <sqlite3.h>
#include <stdio.h>
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
}
