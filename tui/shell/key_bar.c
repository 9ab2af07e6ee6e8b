/* The bar of keys at the bottom: which have room, where they stand, what a click on one does. */
#include "tui/shell/shell_private.h"
#include <string.h>

/* The way out, in and on comes first where not all have room. */
static const enum action_id essential[] = {ACTION_LEAVE, ACTION_TYPE, ACTION_HELP, ACTION_PALETTE,
                                           ACTION_QUIT};
#define N_ESSENTIAL (sizeof essential / sizeof *essential)

static bool usable_key(enum action_id a, bool typing, char *key, size_t n)
{
    for (int i = 0; action_key_at(a, i, key, n); i++)
        if (!typing || strlen(key) > 1)
            return true;
    return false;
}

static bool has_label(const struct shell *shell, enum action_id a, char *key, size_t n)
{
    if (a == ACTION_DICT && !shell->places.name[0])
        return false; /* there is no other */
    return *actions[a].bar && (actions[a].where & (unsigned)shell_where(shell)) &&
           usable_key(a, shell_where(shell) == IN_TYPING, key, n);
}

static int columns(const char *s)
{
    return text_columns(s, strlen(s));
}

/* Key, blank, label. `[` and `]` stand together: the label begins with the second key. */
static int label_columns(enum action_id a, const char *key)
{
    const char *label = actions[a].bar;
    return columns(key) + (label[0] == ']' ? 0 : 1) + columns(label);
}

static bool is_essential(enum action_id a)
{
    for (size_t i = 0; i < N_ESSENTIAL; i++)
        if (essential[i] == a)
            return true;
    return false;
}

/* Marks what has room in `left` columns: of the essential ones or of the others, in their order. */
static void choose(const struct shell *shell, bool wanted, bool shown[N_ACTIONS], int *left)
{
    char key[32];
    for (int a = 0; a < N_ACTIONS; a++) {
        enum action_id id = (enum action_id)a;
        if (is_essential(id) != wanted || !has_label(shell, id, key, sizeof key))
            continue;
        int need = label_columns(id, key);
        if (need > *left)
            continue;
        shown[a] = true;
        *left -= need + 2;
    }
}

int key_bar(const struct shell *shell, struct key_label out[KEY_LABELS_MAX])
{
    struct rect r = shell->bars.keys;
    bool shown[N_ACTIONS] = {0};
    int n = 0, left = r.w - 1, x = r.x + 1;
    if (r.h <= 0)
        return 0;
    choose(shell, true, shown, &left);
    choose(shell, false, shown, &left);
    for (int a = 0; a < N_ACTIONS && n < KEY_LABELS_MAX; a++) {
        struct key_label k = {.action = (enum action_id)a, .x = x};
        if (!shown[a] || !has_label(shell, k.action, k.key, sizeof k.key))
            continue;
        k.w = label_columns(k.action, k.key);
        x += k.w + 2;
        out[n++] = k;
    }
    return n;
}

void draw_keys(const struct painting *d)
{
    struct rect r = d->shell->bars.keys;
    struct key_label label[KEY_LABELS_MAX];
    for (int i = 0, n = key_bar(d->shell, label); i < n; i++) {
        const struct key_label *k = &label[i];
        const char *text = actions[k->action].bar;
        grid_text(d->grid, r, k->x, r.y, theme_style(d->theme, ROLE_KEY), k->key, strlen(k->key));
        grid_text(d->grid, r, k->x + k->w - columns(text), r.y, theme_style(d->theme, ROLE_TEXT),
                  text, strlen(text));
    }
}

static enum action_id action_at(const struct shell *shell, int x)
{
    struct key_label label[KEY_LABELS_MAX];
    for (int i = 0, n = key_bar(shell, label); i < n; i++) {
        const struct key_label *k = &label[i];
        if (x < k->x || x >= k->x + k->w)
            continue;
        bool second = actions[k->action].bar[0] == ']' && x > k->x;
        return second ? ACTION_UP : k->action;
    }
    return ACTION_NONE;
}

bool key_bar_press(struct shell *shell, const struct event *e)
{
    struct rect r = shell->bars.keys;
    if (e->mouse != MOUSE_PRESS || !rect_has(r, e->x, e->y))
        return false;
    enum action_id a = e->button == 1 ? action_at(shell, e->x) : ACTION_NONE;
    if (a == ACTION_NONE)
        return true;
    views_let_go(shell);
    views_end_typing(shell);
    shell->sh.message[0] = 0;
    shell_do(shell, a);
    return true;
}
