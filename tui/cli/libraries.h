/* The libraries that this program runs with, at run time; libcurl, which is loaded for this, may be
 * missing ("-"). Private to tui/cli. */
#ifndef GLIMT_TUI_LIBRARIES_H
#define GLIMT_TUI_LIBRARIES_H

struct library {
    const char *name;
    char version[48];
};
enum { N_LIBRARIES = 10 };
void libraries_list(struct library out[N_LIBRARIES]);
#endif
