/* What the units of a run are called in words for people: latents of an SAE, neurons where the
 * hooked activation itself is looked at. Names of columns, JSON keys, options and views stay. */
#ifndef GLIMT_TUI_UNIT_WORDS_H
#define GLIMT_TUI_UNIT_WORDS_H
#include "tui/workbench.h"

struct unit_words {
    const char *one, *many, *title; /* "latent", "latents", "Latents" */
    const char *inserted[3];        /* by enum insert: what stands in the activation's place */
    const char *lane[2], *alone; /* of a sweep: without and with the error kept; the first of two */
};
/* NULL, or nothing to look at: of latents. Of a set: neurons where all are. */
const struct unit_words *unit_words(const struct workbench *);
/* Of one of its dictionaries; where there is no such: as above. */
const struct unit_words *unit_words_of(const struct workbench *, int32_t dict);
/* What stands in the activation's place: "plain model"; by places as on a command line. */
void insertion_words(const struct workbench *, struct insertion, char *out, size_t n);
/* A text of our own that speaks of latents, changed in place. */
void unit_words_in(const struct workbench *, char *text);
/* The name of a unit; NULL: as in a set of one. UNIT_NONE: "all". */
const char *unit_label(const struct workbench *, struct unit_id, char out[UNIT_NAME_MAX]);
#endif
