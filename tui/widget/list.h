/* Which rows of a list are shown and which is chosen. Plain data. */
#ifndef GLIMT_WIDGET_LIST_H
#define GLIMT_WIDGET_LIST_H
#include <stdbool.h>

struct list {
    int n, height; /* rows there are, rows shown */
    int selected, top;
};

/* Says how many rows there are and how many are shown; keeps the selection inside and visible. */
void list_resize(struct list *, int n, int height);
bool list_select(struct list *, int row); /* clamped; true when the selection moved */
void list_scroll(struct list *,
                 int rows); /* moves what is shown; the selection follows at the edges */
#endif
