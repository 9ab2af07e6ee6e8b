/* How many colours a terminal is given, and by what sign. */
#ifndef GLIMT_TERM_DEPTH_H
#define GLIMT_TERM_DEPTH_H
#include "tui/term/theme.h"

struct depth_facts {
    const char *term; /* as used */
    bool term_unknown;
    int colors; /* of the terminal type */
    bool rgb;   /* the type has RGB */
    bool direct_answer;
};
/* wished NULL: by what the terminal is. */
enum depth depth_choose(const enum depth *wished, const struct depth_facts *, const char **reason);
/* What COLORFGBG says of the background: 1 dark, 2 light, 0 nothing. */
int depth_background_from_env(void);

/* GNU screen hands DCS through to whatever terminal is outside, and COLORTERM is that one's. */
bool term_is_gnu_screen(const char *term);
/* Old consoles print what they don't understand of a query. */
bool term_is_console(const char *term);
#endif
