#include "tui/view/messages.h"
#include <stdio.h>
#include <string.h>

const struct message *messages_at(const struct messages *m, int i)
{
    return &m->of[(m->first + i) % MESSAGES_KEPT];
}

static struct message *last(struct messages *m)
{
    return m->n > 0 ? &m->of[(m->first + m->n - 1) % MESSAGES_KEPT] : NULL;
}

void messages_add(struct messages *m, bool error, const char *text, time_t at)
{
    struct message *old = last(m);
    if (old && old->error == error && strcmp(old->text, text) == 0) {
        old->times++;
        old->at = at;
        return;
    }
    if (m->n == MESSAGES_KEPT)
        m->first = (m->first + 1) % MESSAGES_KEPT;
    else
        m->n++;
    struct message *new = last(m);
    *new = (struct message){.at = at, .times = 1, .error = error};
    snprintf(new->text, sizeof new->text, "%s", text);
}
