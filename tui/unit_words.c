#include "tui/unit_words.h"
#include <stdio.h>
#include <string.h>

static const struct unit_words latents = {"latent",
                                          "latents",
                                          "Latents",
                                          {"plain model", "SAE inserted", "SAE + error inserted"},
                                          {"SAE", "SAE + error"},
                                          "SAE alone"};
static const struct unit_words neurons = {
    "neuron",
    "neurons",
    "Neurons",
    {"plain model", "neurons inserted", "neurons + error inserted"},
    {"neurons", "neurons + error"},
    "neurons alone"};

static const struct unit_words *words_of(const struct dict *d)
{
    return dict_spec(d)->identity ? &neurons : &latents;
}

const struct unit_words *unit_words(const struct workbench *wb)
{
    return wb && wb->dict && dict_set_saes(&wb->dicts) == 0 ? &neurons : &latents;
}

const struct unit_words *unit_words_of(const struct workbench *wb, int32_t dict)
{
    const bool there = wb && dict >= 0 && dict < wb->dicts.n && wb->dicts.place[dict].dict;
    return there ? words_of(wb->dicts.place[dict].dict) : unit_words(wb);
}

void insertion_words(const struct workbench *wb, struct insertion in, char *out, size_t n)
{
    enum insert how;
    struct strbuf names;
    strbuf_init(&names);
    if (!insertion_everywhere(in, &how))
        insertion_print(wb ? &wb->dicts : NULL, in, &names);
    snprintf(out, n, "%s", names.len > 0 ? names.s : unit_words(wb)->inserted[how]);
    strbuf_release(&names);
}

void unit_words_in(const struct workbench *wb, char *text)
{
    const char *one = unit_words(wb)->one; /* both words have six letters */
    for (char *at = strstr(text, "atent"); at; at = strstr(at + 5, "atent"))
        if (at > text && (at[-1] == 'l' || at[-1] == 'L')) {
            memcpy(at, one + 1, 5);
            at[-1] = (char)(at[-1] == 'l' ? one[0] : one[0] - 'a' + 'A');
        }
}

const char *unit_label(const struct workbench *wb, struct unit_id u, char out[UNIT_NAME_MAX])
{
    unit_name(wb ? &wb->dicts : NULL, u, out);
    return out;
}
