/* A line of input at the bottom of the screen: commands, values, questions. Always valid UTF-8
 * without controls. */
#ifndef GLIMT_WIDGET_PROMPT_H
#define GLIMT_WIDGET_PROMPT_H
#include "tui/term/event.h"

#define PROMPT_MAX 1000

struct prompt {
    char s[PROMPT_MAX];
    size_t n, cursor;
};

void prompt_set(struct prompt *, const char *s); /* the cursor at the end */
/* Takes typing, paste and editing keys (arrows, Home, End, C-a C-e C-b C-f C-k C-u C-w C-d); false:
 * not for it. */
bool prompt_event(struct prompt *, const struct event *);
#endif
