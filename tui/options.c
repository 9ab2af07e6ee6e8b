/* What options are before any is read, and what they come to. */
#include "tui/options.h"

void options_init(struct options *o)
{
    *o = (struct options){.device = "auto", .dtype = "auto"};
}

enum insert options_insert(const struct options *o)
{
    return o->insert_given ? o->insert : o->n_fix > 0 ? INSERT_SAE : INSERT_NONE;
}
