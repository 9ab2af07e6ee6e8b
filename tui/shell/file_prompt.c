/* Names of files in the palette: what Tab makes of them. */
#include "tui/view/explore/explore.h"
#include <stdio.h>
#include <string.h>

void file_prompt_end(struct explore *ex)
{
    file_names_release(&ex->files);
    ex->file_at = -1;
}

static bool put(struct explore *ex, const char *command, const char *name, size_t n)
{
    char line[PROMPT_MAX];
    int k = snprintf(line, sizeof line, "%s %.*s", command, (int)n, name);
    if (k < 0 || (size_t)k >= sizeof line) {
        explore_hint(ex, "this name is too long for the line");
        return false;
    }
    prompt_set(&ex->prompt, line);
    return true;
}

static void go_on(struct explore *ex, const char *command, int by)
{
    int n = (int)ex->files.n;
    ex->file_at = ex->file_at < 0 ? (by < 0 ? n - 1 : 0) : (ex->file_at + by + n) % n;
    const char *name = ex->files.name[ex->file_at];
    put(ex, command, name, strlen(name));
}

void file_prompt_complete(struct explore *ex, const char *command, const char *typed,
                          const char *endings, const char *const *words, int by)
{
    if (ex->files.n > 0) {
        go_on(ex, command, by);
        return;
    }
    char begun[PROMPT_MAX];
    snprintf(begun, sizeof begun, "%s", typed);
    file_names_find(&ex->files, begun, endings, words);
    ex->file_at = -1;
    size_t n = ex->files.n_fitting > 0 ? ex->files.n_fitting : ex->files.n;
    size_t common = file_names_common(&ex->files, n);
    if (n == 0)
        explore_hint(ex, "no file begins with %s", *begun ? begun : "that: the folder is empty");
    else if (common > strlen(begun))
        put(ex, command, ex->files.name[0], common);
    if (n == 1 || ex->files.n == 0) /* settled; of a folder the next Tab reads what is in it */
        file_prompt_end(ex);
}

void draw_files(const struct drawing *d, struct rect above)
{
    const struct file_names *f = &d->ex->files;
    int shown = d->ex->layout.h > 16 ? 10 : d->ex->layout.h / 2;
    shown = (int)f->n < shown ? (int)f->n : shown;
    int bottom = above.y + above.h, at = d->ex->file_at, top = at >= shown ? at - shown + 1 : 0;
    struct rect box = {0, bottom - shown - 2, above.w, shown + 2};
    if (box.y < 0 || shown < 1)
        return;
    grid_fill(d->grid, box, draw_style(d, ROLE_TEXT));
    struct rect r = grid_box(d->grid, box, "Files: Tab goes on", true, d->theme);
    for (int i = 0; i < shown; i++) {
        const char *name = f->name[top + i], *last = name + strlen(name) - 1;
        while (last > name && last[-1] != '/')
            last--;
        bool fits = top + i < (int)f->n_fitting;
        struct style s = draw_style(d, top + i == at ? ROLE_SELECTION
                                       : fits        ? ROLE_TEXT
                                                     : ROLE_DIM);
        grid_fill(d->grid, (struct rect){r.x, r.y + i, r.w, 1}, s);
        grid_text(d->grid, r, r.x + (r.w >= 30), r.y + i, s, last, strlen(last));
    }
    if ((int)f->n > shown)
        grid_printf(d->grid, (struct rect){box.x + 1, box.y, box.w - 2, box.h}, box.x + 2,
                    box.y + box.h - 1, draw_style(d, ROLE_DIM), " %d of %zu ",
                    at < 0 ? shown : top + shown, f->n);
}
