/* The SAEs that lie in the cache for a model, and in folders. */
#ifndef GLIMT_HUB_SAES_H
#define GLIMT_HUB_SAES_H
#include "engine/dict/dict.h"
#include <stddef.h>

struct hub_sae {
    char *path; /* of the file: what --sae takes */
    char
        *spec; /* of the repository in the cache: OWNER/NAME[@REV]; NULL: of a folder that was named
                */
    bool opens; /* spec below is what it says of itself */
    struct dict_spec is;
    struct error why; /* what stands against it */
};

/* Files of SAEs (.safetensors, .pt, .pth, .npz): in the repositories of the cache those whose
 * configuration (cfg.json, config.json beside the file or above it) names the model, by any of its
 * values that ends in the model's name, and what opens of those whose own name has it
 * (SAE-Res-Qwen3-1.7B-Base-W32K-L0_50, gemma-scope-2b-pt-res: gemma-2-2b); in the folders all.
 * Weights of models are none, nor what SAELens leaves beside an SAE. config:
 * of the model, NULL: not known. Sorted by path. go_on (may be NULL): false ends it early. The
 * caller calls hub_saes_free. */
void hub_saes(const char *model, const struct model_config *config, const char *const *folder,
              int n_folders, bool (*go_on)(void *), void *arg, struct hub_sae **out, size_t *n);
/* Some file below the folder is one of an SAE that opens. */
bool hub_holds_saes(const char *dir);
void hub_saes_free(struct hub_sae *, size_t n);
#endif
