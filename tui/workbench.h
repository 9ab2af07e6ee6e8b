/* What a run of glimt works with: device, model, tokenizer, dictionary, bundle; opened once,
 * read-only afterwards. */
#ifndef GLIMT_TUI_WORKBENCH_H
#define GLIMT_TUI_WORKBENCH_H
#include "engine/dict/unit.h"
#include "engine/formats/bundle.h"
#include "engine/session/session.h"
#include "tui/options.h"

struct workbench { /* owned by workbench_free; members may be NULL where noted */
    struct backend *backend;
    char said[512];      /* why it is not the device that would have been chosen; "" */
    struct queue *jobs;  /* of studies, and of what a command computes itself */
    struct queue *quick; /* of jobs that overtake those, between two of their operations */
    struct packs *packs; /* packed weights that are kept; NULL: none */
    struct model *model;
    struct tokenizer *tokenizer;
    struct dict_set dicts; /* what units are of; empty: a model without an SAE, no --neurons */
    struct dict *dict;     /* the first of them, at `at`; NULL: none */
    struct bundle
        *bundle; /* of the reference texts, always there unless program data are missing; may be
                    another model's: then chosen, statistics and SAE are not used */
    bool bundle_is_ours; /* model and dictionaries are the bundle's: its statistics apply */
    bool bundle_checked; /* every file of it is what it lists; not looked at of the program's own */
    /* Of the units of a place, the bundle's; NULL: it has none. */
    const struct bundle_statistics *statistics[DICT_SET_MAX];
    struct point at;
    bool bos; /* the BOS token stands before each sequence: as the options say, else an SAE's file,
                 else what the architecture needs */
    char *model_name, *sae_name; /* for people: "demo", "pythia-1.4b"; sae_name: of the first SAE
                                    that was named */
    int32_t n_chosen;
    struct unit_id chosen[UNITS_MAX];
    int32_t n_fix; /* what --fix holds */
    struct unit fix[UNITS_MAX];
    struct insertion insert; /* what --insert says */
    int32_t n_sets, n_live;  /* n_live: those beside the live text: none where they are the demo's
                                and the model is another */
    struct reference_set set[CORPUS_MAX_CLASSES];
};

/* Opens everything the options name and refuses what they ask of it in vain (units that are not
 * there, an insertion or fixed values without a dictionary); progress hears 0 … 1 and what is being
 * done. The caller owns *out. */
bool workbench_open(const struct options *, void (*progress)(void *, double, const char *what),
                    void *arg, struct workbench **out, struct error *e);
/* The same; gives up with ERROR_CANCELLED between two parts once `cancel` (NULL: never) is raised.
 */
bool workbench_open_cancellable(const struct options *,
                                void (*progress)(void *, double, const char *what), void *arg,
                                const atomic_bool *cancel, struct workbench **out, struct error *e);
void workbench_free(struct workbench *);
/* What the bundle says of the unit's dictionary; NULL: nothing, or nothing of this unit (UNIT_NONE:
 * nothing). Workbench NULL: nothing. */
const struct bundle_statistics *workbench_statistics(const struct workbench *, struct unit_id);
/* What a dictionary is called, for people: the name of its file, or "neurons"; the caller frees. */
char *workbench_dict_name(const struct dict *);
/* The folder of program data (glimt.1, ENVIRONMENT): $GLIMT_DATA, DIR/../share/glimt, or the
 * build tree's; a file under it by name ("demo/demo.glimt", "themes/dark.theme"), NULL when it is
 * nowhere. Caller frees. */
char *program_data(const char *name);
#endif
