/* Packed weights beside the cache (folder packed/): of which weight files they are worth keeping,
 * and what these files contain. */
#ifndef GLIMT_TUI_PACKING_H
#define GLIMT_TUI_PACKING_H
#include "engine/formats/packs.h"
#include "tui/options.h"
#include <stdatomic.h>
#include <stddef.h>

#define PACKING_WORTH ((int64_t)128 << 20) /* bytes of a file that takes long to pack */

struct packing { /* while a workbench is opened */
    const struct options *options;
    const char *sae; /* the first file that will be opened after the model; NULL: not known */
    void (*progress)(void *, double, const char *what); /* may be NULL */
    void *progress_arg;
    const atomic_bool *cancel; /* may be NULL */
    bool sae_hashed;           /* beside the model's files */
    struct sha256 sae_hash;
};
/* Of the options' cache, which need not be there; NULL: none is wanted, or it lies on a network
 * filesystem, whose files can vanish under a mapping. `packing` is borrowed until all is open. */
struct packs *packing_begin(struct packing *);
/* CACHE/packed; the caller frees. */
char *packing_folder(const char *cache);
#endif
