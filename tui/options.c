/* What options are before any is read, and what they come to. */
#include "tui/options.h"

void options_init(struct options *o)
{
    *o = (struct options){.device = "auto", .dtype = "auto"};
}

bool options_inserts(const struct options *o)
{
    bool any = o->n_insert == 0 && o->n_fix > 0;
    for (int32_t i = 0; i < o->n_insert; i++)
        any = any || o->insert[i].how != INSERT_NONE;
    return any;
}

bool options_insert(const struct options *o, const struct dict_set *set, const struct unit *fix,
                    int32_t n_fix, struct insertion *out, struct error *e)
{
    *out = insertion_of(o->n_fix > 0 ? INSERT_SAE : INSERT_NONE);
    if (o->n_insert > 0 && !insertion_find(set, o->insert, o->n_insert, out, e))
        return error_prefix(e, "--insert");
    for (int32_t i = 0; i < n_fix; i++)
        if (!insertion_holds(set, *out, fix[i].id, e))
            return error_prefix(e, "--fix");
    return true;
}
