/* A line is typed at the bottom of the screen. */
#include "tui/shell/shell_private.h"

void shell_prompt(struct shell *shell, enum overlay overlay, const char *text)
{
    views_let_go(shell);
    shell->overlay = overlay;
    prompt_set(&shell->prompt, text);
    file_prompt_end(shell);
    shell->recall.walking = false;
    shell->choices = (struct list){0};
    shell->sh.redraw = true;
}
