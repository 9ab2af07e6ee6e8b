/* The palette: commands and actions found by parts of their names, completed, run. */
#include "tui/shell/shell_private.h"
#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* How well typed letters fit a name in their order; 0: not at all. Runs and word beginnings count
 * more. */
static int fuzzy(const char *typed, const char *name)
{
    int score = 1, run = 0;
    const char *from = name;
    for (; *typed; typed++) {
        const char *p = from;
        while (*p && tolower((unsigned char)*p) != tolower((unsigned char)*typed))
            p++;
        if (!*p)
            return 0;
        run = p == from && from != name ? run + 1 : 0;
        score += 4 + 6 * run +
                 (p == name      ? 20
                  : p[-1] == '-' ? 10
                                 : 0) -
                 (int)(p - from > 3 ? 3 : p - from);
        from = p + 1;
    }
    return score + (*from ? 0 : 15);
}

static int by_score(const void *a, const void *b)
{
    const struct palette_item *x = a, *y = b;
    if (x->score != y->score)
        return y->score - x->score;
    return strcmp(x->name, y->name);
}

/* Commands, and actions that the view shown has. */
int palette_find(const struct shell *shell, struct palette_item out[PALETTE_MAX])
{
    unsigned where = shell->views.table[shell->views.now]->where;
    struct shell_command known;
    char word[40];
    int n = 0;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(shell->prompt.s, " "), shell->prompt.s);
    for (int i = 0; n < PALETTE_MAX && shell_command_at(shell, i, &out[n]); i++) {
        out[n].score = fuzzy(word, out[n].name);
        if (out[n].score > 0)
            out[n++].score += 5;
    }
    for (int a = 0; a < N_ACTIONS && n < PALETTE_MAX; a++) {
        const char *name = actions[a].name;
        int score =
            (actions[a].where & where) && !shell_command_named(shell, name, strlen(name), &known)
                ? fuzzy(word, name)
                : 0;
        if (score > 0)
            out[n++] = (struct palette_item){name, "", actions[a].help, (enum action_id)a, score};
    }
    qsort(out, (size_t)n, sizeof *out, by_score);
    return n;
}

/* The first value that begins with what is typed; the one after it where a value stands there
 * whole. */
static const char *next_value(const char *const *values, const char *typed)
{
    for (int i = 0; values[i]; i++)
        if (strcmp(values[i], typed) == 0)
            return values[i + 1] ? values[i + 1] : values[0];
    for (int i = 0; values[i]; i++)
        if (strncmp(values[i], typed, strlen(typed)) == 0)
            return values[i];
    return NULL;
}

static void complete_argument(struct shell *shell, const struct shell_command *c, const char *typed)
{
    char line[PROMPT_MAX];
    char **themes = strcmp(c->name, "theme") == 0 ? theme_list() : NULL;
    const char *const *values = themes ? (const char *const *)themes : c->values;
    const char *value = values ? next_value(values, typed) : NULL;
    if (value) {
        snprintf(line, sizeof line, "%s %s", c->name, value);
        prompt_set(&shell->prompt, line);
    }
    for (int i = 0; themes && themes[i]; i++)
        free(themes[i]);
    free(themes);
}

void palette_complete(struct shell *shell, int by)
{
    struct palette_item items[PALETTE_MAX];
    char command[40];
    size_t n = strcspn(shell->prompt.s, " ");
    bool sure = n > 0 && shell->prompt.s[n - 1] == '!';
    struct shell_command c;
    if (shell_command_named(shell, shell->prompt.s, sure ? n - 1 : n, &c) &&
        shell->prompt.s[n] == ' ') {
        const char *typed = shell->prompt.s + n + strspn(shell->prompt.s + n, " ");
        snprintf(command, sizeof command, "%.*s", (int)n, shell->prompt.s);
        if (c.endings)
            file_prompt_complete(shell, command, typed, c.endings, c.values, by);
        else
            complete_argument(shell, &c, typed);
        return;
    }
    int found = palette_find(shell, items);
    if (shell->choices.selected < found) {
        char line[80];
        const struct palette_item *it = &items[shell->choices.selected];
        snprintf(line, sizeof line, "%s%s", it->name, *it->args ? " " : "");
        prompt_set(&shell->prompt, line);
        shell->choices.selected = shell->choices.top = 0;
    }
}

void palette_run(struct shell *shell)
{
    struct palette_item items[PALETTE_MAX];
    size_t n = strcspn(shell->prompt.s, " ");
    char line[PROMPT_MAX];
    struct shell_command c;
    snprintf(line, sizeof line, "%s", shell->prompt.s);
    int found = palette_find(shell, items);
    bool typed_out = shell->prompt.s[n] == ' ' ||
                     (shell->choices.selected == 0 && shell_command_named(shell, line, n, &c));
    const bool nothing = shell->prompt.n == 0 && shell->choices.selected == 0;
    if (!typed_out && !nothing && shell->choices.selected < found) {
        const struct palette_item *it = &items[shell->choices.selected];
        if (*it->args) { /* more must be typed */
            palette_complete(shell, 1);
            return;
        }
        snprintf(line, sizeof line, "%s", it->name);
    }
    shell->overlay = OVERLAY_NONE;
    if (nothing) /* Enter alone is no choice: what is listed first would be run */
        return;
    recall_add(&shell->recall, line);
    shell->sh.state_changed = true;
    shell_command_line(shell, line, true);
}

/* Lines typed before: behind a command and in the empty line; else the arrows choose a command. */
static bool recalls(const struct shell *shell)
{
    const struct prompt *p = &shell->prompt;
    return shell->recall.walking || strchr(p->s, ' ') ||
           (p->n == 0 && shell->choices.selected == 0 && shell->recall.n > 0);
}

static void palette_step(struct shell *shell, int by)
{
    if (recalls(shell) && (by < 0 || shell->recall.walking)) {
        file_prompt_end(shell);
        recall_step(&shell->recall, &shell->prompt, by);
        shell->choices.selected = shell->choices.top = 0;
    } else {
        list_select(&shell->choices, shell->choices.selected + by);
    }
}

static bool is_ctrl(const struct event *e, uint32_t c)
{
    return e->kind == EVENT_KEY && e->key == KEYS_CHAR && e->mods == MOD_CTRL && e->code == c;
}

void palette_event(struct shell *shell, const struct event *e)
{
    bool key = e->kind == EVENT_KEY;
    if (key && e->key == KEYS_ENTER)
        palette_run(shell);
    else if (key && (e->key == KEYS_UP || is_ctrl(e, 'p')))
        palette_step(shell, -1);
    else if (key && (e->key == KEYS_DOWN || is_ctrl(e, 'n')))
        palette_step(shell, 1);
    else if (key && (e->key == KEYS_TAB || e->key == KEYS_BACKTAB))
        palette_complete(shell, e->key == KEYS_TAB ? 1 : -1);
    else if (prompt_event(&shell->prompt, e)) {
        file_prompt_end(shell);
        shell->recall.walking = false;
        shell->choices.selected = shell->choices.top = 0;
    }
    if (shell->overlay == OVERLAY_PALETTE) {
        struct palette_item items[PALETTE_MAX];
        list_resize(&shell->choices, palette_find(shell, items),
                    shell->bars.h > 16 ? 10 : shell->bars.h / 2);
    }
}
