/* Names of files in the palette: what Tab makes of them. */
#include "tui/shell/shell_private.h"
#include <stdio.h>
#include <string.h>

void file_prompt_end(struct shell *shell)
{
    file_names_release(&shell->files);
    shell->file_at = -1;
}

static bool put(struct shell *shell, const char *command, const char *name, size_t n)
{
    char line[PROMPT_MAX];
    int k = snprintf(line, sizeof line, "%s %.*s", command, (int)n, name);
    if (k < 0 || (size_t)k >= sizeof line) {
        shared_hint(&shell->sh, "this name is too long for the line");
        return false;
    }
    prompt_set(&shell->prompt, line);
    return true;
}

static void go_on(struct shell *shell, const char *command, int by)
{
    int n = (int)shell->files.n;
    shell->file_at = shell->file_at < 0 ? (by < 0 ? n - 1 : 0) : (shell->file_at + by + n) % n;
    const char *name = shell->files.name[shell->file_at];
    put(shell, command, name, strlen(name));
}

void file_prompt_complete(struct shell *shell, const char *command, const char *typed,
                          const char *endings, const char *const *words, int by)
{
    if (shell->files.n > 0) {
        go_on(shell, command, by);
        return;
    }
    char begun[PROMPT_MAX];
    snprintf(begun, sizeof begun, "%s", typed);
    file_names_find(&shell->files, begun, endings, words);
    shell->file_at = -1;
    size_t n = shell->files.n_fitting > 0 ? shell->files.n_fitting : shell->files.n;
    size_t common = file_names_common(&shell->files, n);
    if (n == 0)
        shared_hint(&shell->sh, "no file begins with %s",
                    *begun ? begun : "that: the folder is empty");
    else if (common > strlen(begun))
        put(shell, command, shell->files.name[0], common);
    if (n == 1 || shell->files.n == 0) /* settled; of a folder the next Tab reads what is in it */
        file_prompt_end(shell);
}

void draw_files(const struct painting *d, struct rect above)
{
    const struct file_names *f = &d->shell->files;
    int shown = d->shell->bars.h > 16 ? 10 : d->shell->bars.h / 2;
    shown = (int)f->n < shown ? (int)f->n : shown;
    int bottom = above.y + above.h, at = d->shell->file_at, top = at >= shown ? at - shown + 1 : 0;
    struct rect box = {0, bottom - shown - 2, above.w, shown + 2};
    if (box.y < 0 || shown < 1)
        return;
    grid_fill(d->grid, box, theme_style(d->theme, ROLE_TEXT));
    struct rect r = grid_box(d->grid, box, "Files: Tab goes on", true, d->theme);
    for (int i = 0; i < shown; i++) {
        const char *name = f->name[top + i], *last = name + strlen(name) - 1;
        while (last > name && last[-1] != '/')
            last--;
        bool fits = top + i < (int)f->n_fitting;
        struct style s = theme_style(d->theme, top + i == at ? ROLE_SELECTION
                                               : fits        ? ROLE_TEXT
                                                             : ROLE_DIM);
        grid_fill(d->grid, (struct rect){r.x, r.y + i, r.w, 1}, s);
        grid_text(d->grid, r, r.x + (r.w >= 30), r.y + i, s, last, strlen(last));
    }
    if ((int)f->n > shown)
        grid_printf(d->grid, (struct rect){box.x + 1, box.y, box.w - 2, box.h}, box.x + 2,
                    box.y + box.h - 1, theme_style(d->theme, ROLE_DIM), " %d of %zu ",
                    at < 0 ? shown : top + shown, f->n);
}
