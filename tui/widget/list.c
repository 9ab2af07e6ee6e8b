#include "tui/widget/list.h"

static int clamp(int v, int lo, int hi)
{
    return v > hi ? (hi < lo ? lo : hi) : v < lo ? lo : v;
}

static void show(struct list *l)
{
    if (l->selected < l->top)
        l->top = l->selected;
    if (l->height > 0 && l->selected >= l->top + l->height)
        l->top = l->selected - l->height + 1;
    l->top = clamp(l->top, 0, l->n - l->height);
}

void list_resize(struct list *l, int n, int height)
{
    l->n = n;
    l->height = height;
    l->selected = clamp(l->selected, 0, n - 1);
    show(l);
}

bool list_select(struct list *l, int row)
{
    int old = l->selected;
    l->selected = clamp(row, 0, l->n - 1);
    show(l);
    return l->selected != old;
}

void list_scroll(struct list *l, int rows)
{
    l->top = clamp(l->top + rows, 0, l->n - l->height);
    if (l->height > 0)
        l->selected = clamp(l->selected, l->top, l->top + l->height - 1);
    l->selected = clamp(l->selected, 0, l->n - 1);
}
