#include "tui/term/depth.h"
#include <stdlib.h>
#include <string.h>

static bool env_is(const char *name, const char *value)
{
    const char *s = getenv(name);
    return s && !strcmp(s, value);
}

static bool env_set(const char *name)
{
    return getenv(name) && *getenv(name);
}

bool term_is_gnu_screen(const char *term)
{
    return !strncmp(term, "screen", 6) && !env_set("TMUX");
}

bool term_is_console(const char *term)
{
    return !strcmp(term, "linux") || !strncmp(term, "vt", 2);
}

enum depth depth_choose(const enum depth *wished, const struct depth_facts *f, const char **reason)
{
    if (wished) {
        *reason = "--color";
        return *wished;
    }
    if (env_set("NO_COLOR")) {
        *reason = "NO_COLOR";
        return DEPTH_MONO;
    }
    if (f->colors < 8 && !f->term_unknown) {
        *reason = "terminal type";
        return DEPTH_MONO;
    }
    if (f->rgb) {
        *reason = "terminfo RGB";
        return DEPTH_DIRECT;
    }
    if (!term_is_gnu_screen(f->term) && !term_is_console(f->term) &&
        (env_is("COLORTERM", "truecolor") || env_is("COLORTERM", "24bit"))) {
        *reason = "COLORTERM";
        return DEPTH_DIRECT;
    }
    if (f->direct_answer && f->colors != 16) { /* who names a type of 16 colours wants them */
        *reason = "terminal's answer";
        return DEPTH_DIRECT;
    }
    *reason = "terminal type";
    return f->colors >= 256 ? DEPTH_256 : DEPTH_16;
}

int depth_background_from_env(void)
{
    const char *pair = getenv("COLORFGBG"), *last = pair ? strrchr(pair, ';') : NULL;
    if (!last || last[1] < '0' || last[1] > '9')
        return 0;
    long bg = strtol(last + 1, NULL, 10);
    return bg == 7 || (bg >= 9 && bg <= 15) ? 2 : 1;
}
