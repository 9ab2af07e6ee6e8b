#include "tui/term/wipe.h"
#include <curses.h>
/* term.h makes macros of many common words. */
#include <term.h>

static struct strbuf *into; /* of put: tputs hands nothing on */

static int put(int c)
{
    strbuf_addc(into, (char)c);
    return c;
}

static void add(struct strbuf *out, const char *sequence)
{
    into = out;
    if (sequence && sequence != (char *)-1)
        tputs(sequence, 1, put);
}

void wipe(struct strbuf *out)
{
    add(out, tigetstr("sgr0"));
    add(out, tigetstr("clear"));
    add(out, tparm(tigetstr("cup"), LINES - 1, 0));
}
