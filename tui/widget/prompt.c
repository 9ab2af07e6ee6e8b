#include "tui/widget/prompt.h"
#include "engine/text/utf8.h"
#include "tui/term/grid.h"
#include <string.h>

static void insert(struct prompt *p, const char *s, size_t n)
{
    if (p->n + n + 1 > sizeof p->s)
        return;
    memmove(p->s + p->cursor + n, p->s + p->cursor, p->n - p->cursor + 1);
    memcpy(p->s + p->cursor, s, n);
    p->n += n;
    p->cursor += n;
}

static void cut(struct prompt *p, size_t from, size_t to)
{
    memmove(p->s + from, p->s + to, p->n - to + 1);
    p->n -= to - from;
    p->cursor = from;
}

void prompt_set(struct prompt *p, const char *s)
{
    p->n = p->cursor = 0;
    p->s[0] = 0;
    insert(p, s, strlen(s));
}

static size_t next(const struct prompt *p, size_t at)
{
    int columns;
    char glyph[GRID_GLYPH_MAX];
    return at < p->n ? at + text_cluster(p->s + at, p->n - at, &columns, glyph) : p->n;
}

static size_t previous(const struct prompt *p, size_t at)
{
    size_t i = 0;
    for (size_t k; i < at && (k = next(p, i)) < at; i = k) {
    }
    return i;
}

static size_t word_left(const struct prompt *p)
{
    size_t i = p->cursor;
    while (i > 0 && p->s[i - 1] == ' ')
        i--;
    while (i > 0 && p->s[i - 1] != ' ')
        i--;
    return i;
}

static void paste(struct prompt *p, const char *s, size_t n)
{
    char line[PROMPT_MAX];
    size_t m = 0;
    for (size_t i = 0; i < n && m + 1 < sizeof line; i++)
        line[m++] = s[i] == '\n' || s[i] == '\t' ? ' ' : s[i];
    while (m > 0 && !utf8_is_valid(line, m))
        m--; /* cut inside a character */
    insert(p, line, m);
}

static bool key(struct prompt *p, enum key k)
{
    switch (k) {
    case KEYS_LEFT: p->cursor = previous(p, p->cursor); return true;
    case KEYS_RIGHT: p->cursor = next(p, p->cursor); return true;
    case KEYS_HOME: p->cursor = 0; return true;
    case KEYS_END: p->cursor = p->n; return true;
    case KEYS_BACKSPACE: cut(p, previous(p, p->cursor), p->cursor); return true;
    case KEYS_DELETE: cut(p, p->cursor, next(p, p->cursor)); return true;
    default: return false;
    }
}

bool prompt_event(struct prompt *p, const struct event *e)
{
    if (e->kind == EVENT_TEXT) {
        char s[4];
        if (e->code >= ' ' && e->code != 127)
            insert(p, s, utf8_encode(e->code, s));
        return true;
    }
    if (e->kind == EVENT_PASTE) {
        paste(p, e->paste, e->n_paste);
        return true;
    }
    if (e->kind != EVENT_KEY)
        return false;
    if (e->key != KEYS_CHAR)
        return key(p, e->key);
    if (e->mods != MOD_CTRL)
        return false;
    switch (e->code) {
    case 'a': return key(p, KEYS_HOME);
    case 'e': return key(p, KEYS_END);
    case 'b': return key(p, KEYS_LEFT);
    case 'f': return key(p, KEYS_RIGHT);
    case 'd': return key(p, KEYS_DELETE);
    case 'k': p->s[p->n = p->cursor] = 0; return true;
    case 'u': cut(p, 0, p->cursor); return true;
    case 'w': cut(p, word_left(p), p->cursor); return true;
    default: return false;
    }
}
