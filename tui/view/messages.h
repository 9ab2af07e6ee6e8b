/* What was said in the status line, with the time: the newest are kept. Plain data. */
#ifndef GLIMT_VIEW_MESSAGES_H
#define GLIMT_VIEW_MESSAGES_H
#include <stdbool.h>
#include <time.h>

#define MESSAGE_MAX 240
#define MESSAGES_KEPT 200

struct message {
    time_t at; /* the last time */
    int times; /* said so often in a row */
    bool error;
    char text[MESSAGE_MAX];
};
struct messages {
    struct message of[MESSAGES_KEPT]; /* a ring */
    int first, n;
};

void messages_add(struct messages *, bool error, const char *text, time_t at);
/* The i-th from the oldest kept; borrowed until the next is added. */
const struct message *messages_at(const struct messages *, int i);
#endif
