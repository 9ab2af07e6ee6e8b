/* A brushed phrase: which latents part the selected tokens from the rest of the text. Private to
 * tui/view. */
#ifndef GLIMT_VIEW_BRUSH_H
#define GLIMT_VIEW_BRUSH_H
#include "engine/session/session.h"

#define BRUSH_ROWS 64
struct brush_row {
    int32_t latent;
    float inside, rest; /* shares of tokens on which it is active */
    float value;        /* mean activation inside, where active */
};
struct brush {
    const struct snapshot *of; /* what it was made from; only compared */
    size_t from, to;           /* bytes of the snapshot's text; from == to: nothing is brushed */
    int32_t dict;              /* the place of the dictionary that the latents are of */
    int32_t n_inside, n_rest;  /* tokens */
    int32_t n;
    struct brush_row row[BRUSH_ROWS]; /* largest inside − rest first; ties: larger value */
};
/* Brings it up to date with bytes [from, to) of the snapshot's text (NULL: nothing); false: it was.
 */
bool brush_update(struct brush *, const struct snapshot *, size_t from, size_t to);
#endif
