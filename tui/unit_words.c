#include "tui/unit_words.h"
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

const struct unit_words *unit_words(const struct workbench *wb)
{
    return wb && wb->dict && dict_spec(wb->dict)->identity ? &neurons : &latents;
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
