/* The record of a forward pass. */
#include "engine/tape.h"
#include "engine/base/memory.h"
#include <stdlib.h>

struct tape {
    struct op_record *op;
    size_t n, cap;
    int32_t **kept;
    size_t n_kept, cap_kept;
};

struct tape *tape_new(void)
{
    return xcalloc(1, sizeof(struct tape));
}

void tape_free(struct tape *t)
{
    if (t == NULL)
        return;
    for (size_t i = 0; i < t->n_kept; i++)
        free(t->kept[i]);
    free(t->kept);
    free(t->op);
    free(t);
}

size_t tape_length(const struct tape *t)
{
    return t->n;
}
const struct op_record *tape_at(const struct tape *t, size_t i)
{
    return &t->op[i];
}

void tape_add(struct tape *t, const struct op_record *r)
{
    t->op = grow(t->op, &t->cap, t->n + 1, sizeof *t->op);
    t->op[t->n++] = *r;
}

const int32_t *tape_keep(struct tape *t, const int32_t *src, size_t n)
{
    int32_t *copy = xmemdup(src, n * sizeof *copy);
    t->kept = grow(t->kept, &t->cap_kept, t->n_kept + 1, sizeof(int32_t *));
    t->kept[t->n_kept++] = copy;
    return copy;
}
