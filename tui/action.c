#include "tui/action.h"
#include <stdio.h>
#include <string.h>

const struct action actions[N_ACTIONS] = {
#define X(id, name, keys, where, bar, help) [ACTION_##id] = {name, keys, where, bar, help},
    ACTIONS(X)
#undef X
};

enum where action_where(enum pane pane, bool typing)
{
    static const enum where of[N_PANES] = {
        [PANE_TEXT] = IN_TEXT,           [PANE_LATENTS] = IN_LATENTS, [PANE_NEXT] = IN_NEXT,
        [PANE_HISTOGRAM] = IN_HISTOGRAM, [PANE_SLIDERS] = IN_SLIDERS, [PANE_LOSS] = IN_LOSS};
    return typing ? IN_TYPING : of[pane];
}

bool action_key_at(enum action_id id, int i, char *out, size_t n)
{
    const char *k = actions[id].keys;
    for (; i > 0; i--) {
        k = strchr(k, ' ');
        if (!k)
            return false;
        k++;
    }
    snprintf(out, n, "%.*s", (int)strcspn(k, " "), k);
    return true;
}

void action_key(enum action_id id, char *out, size_t n)
{
    action_key_at(id, 0, out, n);
}

static enum action_id find(const char *name, enum where where, bool types)
{
    char key[32];
    for (int a = 0; a < N_ACTIONS; a++) {
        if (!(actions[a].where & (unsigned)where) || (types && where == IN_TYPING))
            continue;
        for (int i = 0; action_key_at((enum action_id)a, i, key, sizeof key); i++)
            if (strcmp(key, name) == 0)
                return (enum action_id)a;
    }
    return ACTION_NONE;
}

enum action_id action_for(const struct event *e, enum where where)
{
    if (e->kind != EVENT_KEY && e->kind != EVENT_TEXT)
        return ACTION_NONE;
    char name[32];
    event_name(e, name, sizeof name);
    enum action_id id = find(name, where, e->kind == EVENT_TEXT);
    if (id == ACTION_NONE && where == IN_TYPING && e->kind == EVENT_KEY && (e->mods & MOD_SHIFT)) {
        struct event plain = *e;
        plain.mods &= ~(unsigned)MOD_SHIFT;
        event_name(&plain, name, sizeof name);
        id = find(name, where, false);
        if (id != ACTION_NONE && (id < ACTION_EDIT_LEFT || id > ACTION_EDIT_PAGE_DOWN))
            id = ACTION_NONE;
    }
    return id;
}

enum action_id action_named(const char *name)
{
    for (int a = 0; a < N_ACTIONS; a++)
        if (strcmp(actions[a].name, name) == 0)
            return (enum action_id)a;
    return ACTION_NONE;
}
