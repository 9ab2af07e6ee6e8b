#include "engine/text/utf8.h"
#include "tui/term/event.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

static const struct {
    enum key key;
    const char *name;
} key_name[] = {
    {KEYS_UP, "Up"},           {KEYS_DOWN, "Down"},           {KEYS_LEFT, "Left"},
    {KEYS_RIGHT, "Right"},     {KEYS_HOME, "Home"},           {KEYS_END, "End"},
    {KEYS_PAGE_UP, "PageUp"},  {KEYS_PAGE_DOWN, "PageDown"},  {KEYS_INSERT, "Insert"},
    {KEYS_DELETE, "Delete"},   {KEYS_BACKSPACE, "Backspace"}, {KEYS_TAB, "Tab"},
    {KEYS_BACKTAB, "BackTab"}, {KEYS_ENTER, "Enter"},         {KEYS_ESC, "Esc"},
};
static const struct {
    unsigned mod;
    const char *name;
} mod_name[] = {{MOD_CTRL, "Ctrl-"}, {MOD_ALT, "Alt-"}, {MOD_SHIFT, "Shift-"}};

static void code_name(uint32_t code, unsigned mods, char out[8])
{
    if (code == ' ') {
        strcpy(out, "Space");
        return;
    }
    /* Ctrl-Z is how everybody writes it; with Alt alone the case tells two keys apart. */
    if (mods & MOD_CTRL && code < 0x80)
        code = (uint32_t)toupper((int)code);
    out[utf8_encode(code, out)] = 0;
}

void event_name(const struct event *ev, char *out, size_t n)
{
    char name[8] = "";
    unsigned mods = ev->mods;
    const char *key = name;
    if (ev->kind == EVENT_TEXT) {
        mods = 0;
        code_name(ev->code, 0, name);
    } else if (ev->kind == EVENT_KEY && ev->key == KEYS_CHAR) {
        code_name(ev->code, mods, name);
    } else if (ev->kind == EVENT_KEY && ev->key == KEYS_BACKTAB) {
        mods |= MOD_SHIFT;
        key = "Tab";
    } else if (ev->kind == EVENT_KEY && ev->key >= KEYS_F1 && ev->key <= KEYS_F12) {
        snprintf(name, sizeof name, "F%d", (int)(ev->key - KEYS_F1) + 1);
    } else if (ev->kind == EVENT_KEY) {
        for (size_t i = 0; i < sizeof key_name / sizeof *key_name; i++)
            if (key_name[i].key == ev->key)
                key = key_name[i].name;
    } else {
        mods = 0;
    }
    char all[40] = "";
    for (size_t i = 0; i < sizeof mod_name / sizeof *mod_name; i++)
        if (mods & mod_name[i].mod)
            strcat(all, mod_name[i].name);
    snprintf(out, n, "%s%s", all, key);
}

static unsigned parse_mods(const char **name)
{
    unsigned mods = 0;
    for (size_t i = 0; i < sizeof mod_name / sizeof *mod_name; i++) {
        size_t n = strlen(mod_name[i].name);
        if (strncasecmp(*name, mod_name[i].name, n) == 0 && (*name)[n]) {
            mods |= mod_name[i].mod;
            *name += n;
            i = (size_t)-1; /* in any order */
        }
    }
    return mods;
}

static bool parse_char(const char *name, unsigned mods, struct event *out)
{
    size_t n = strlen(name), len = 0;
    bool valid = false;
    uint32_t code = strcasecmp(name, "Space") == 0 ? ' '
                    : n                            ? utf8_decode(name, n, &len, &valid)
                                                   : 0;
    if (code != ' ' && (!valid || len != n || code < 0x20 || (code >= 0x7F && code < 0xA0)))
        return false;
    if (mods & MOD_CTRL && code < 0x80)
        code = (uint32_t)tolower((int)code);
    bool text = !(mods & (MOD_CTRL | MOD_ALT));
    *out = (struct event){
        .kind = text ? EVENT_TEXT : EVENT_KEY, .key = text ? KEY_NONE_ : KEYS_CHAR, .code = code};
    out->mods = text ? 0 : mods;
    return true;
}

bool event_parse(const char *name, struct event *out)
{
    unsigned mods = parse_mods(&name);
    *out = (struct event){.kind = EVENT_KEY, .mods = mods};
    for (size_t i = 0; i < sizeof key_name / sizeof *key_name; i++)
        if (strcasecmp(name, key_name[i].name) == 0)
            out->key = key_name[i].key;
    if ((name[0] == 'F' || name[0] == 'f') && isdigit((unsigned char)name[1])) {
        char *end;
        long f = strtol(name + 1, &end, 10);
        if (!*end && f >= 1 && f <= 12)
            out->key = (enum key)(KEYS_F1 + f - 1);
    }
    if (out->key == KEYS_TAB && mods & MOD_SHIFT) {
        out->key = KEYS_BACKTAB;
        out->mods &= ~(unsigned)MOD_SHIFT;
    }
    return out->key != KEY_NONE_ || parse_char(name, mods, out);
}
