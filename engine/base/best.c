#include "engine/base/best.h"
#include "engine/base/memory.h"
#include <math.h>
#include <stdbool.h>
#include <stdlib.h>

void best_init(struct best *b, int32_t cap)
{
    *b = (struct best){.cap = cap > 0 ? cap : 0};
    b->item = xcalloc((size_t)b->cap + 1, sizeof *b->item);
}

void best_release(struct best *b)
{
    free(b->item);
    *b = (struct best){0};
}

void best_clear(struct best *b)
{
    b->n = 0;
}

/* Whether a ranks behind b. */
static bool behind(struct best_item a, struct best_item b)
{
    return a.value < b.value || (!(a.value > b.value) && a.id > b.id);
}

static void sift_up(struct best_item *item, int32_t i)
{
    const struct best_item x = item[i];
    for (int32_t up = (i - 1) / 2; i > 0 && behind(x, item[up]); i = up, up = (i - 1) / 2)
        item[i] = item[up], item[up] = x;
}

static void sift_down(struct best_item *item, int32_t n)
{
    const struct best_item x = item[0];
    int32_t i = 0;
    for (int32_t down; (down = 2 * i + 1) < n; i = down) {
        if (down + 1 < n && behind(item[down + 1], item[down]))
            down++;
        if (!behind(item[down], x))
            break;
        item[i] = item[down];
    }
    item[i] = x;
}

void best_offer(struct best *b, double value, int32_t id)
{
    const struct best_item x = {value, id};
    if (isnan(value))
        return;
    if (b->n < b->cap) {
        b->item[b->n] = x;
        sift_up(b->item, b->n++);
    } else if (b->n > 0 && behind(b->item[0], x)) {
        b->item[0] = x;
        sift_down(b->item, b->n);
    }
}

static int by_rank(const void *a, const void *b)
{
    const struct best_item x = *(const struct best_item *)a, y = *(const struct best_item *)b;
    return behind(x, y) ? 1 : behind(y, x) ? -1 : 0;
}

void best_sort(struct best *b)
{
    qsort(b->item, (size_t)b->n, sizeof *b->item, by_rank);
}
