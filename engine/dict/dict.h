/* A dictionary: an SAE, the neurons of a hook point (the identity), later single directions.
 *
 * f = select(W_e·(x − b_p) + b_e), x̂ = W_dᵀ·f + b_p (TopK of Gao et al. 2024, without their
 * ReLU unless the file says so). Immutable after opening; several threads may read it, each with
 * its own run. The dict owns its weights and mapping. */
#ifndef GLIMT_ENGINE_DICT_H
#define GLIMT_ENGINE_DICT_H
#include "engine/hook.h"
#include "engine/run.h"

enum select_kind { SELECT_ALL, SELECT_TOPK };
enum relu_kind { RELU_NEVER, RELU_BEFORE, RELU_AFTER };
enum {
    DICT_FACT_CENTRE,
    DICT_FACT_NORM,
    DICT_FACT_RELU,
    DICT_FACT_SELECT,
    DICT_FACT_K,
    DICT_FACT_RESCALE,
    DICT_FACT_SKIP,
    DICT_N_FACTS
};

struct dict_spec {
    bool identity;   /* neurons: x̂ = x, f = x */
    struct point at; /* layer −2: the file does not say */
    int32_t n, m, k; /* input width, latents, active ones (0: all) */
    enum select_kind select;
    enum relu_kind relu;
    bool centre;                      /* b_p is subtracted before encoding */
    const char *format;               /* "glimt-sae 1", "sibbesen .pt", "neurons" */
    const char *source[DICT_N_FACTS]; /* where each fact came from: "metadata", "tensor W",
                                         "config", "default" */
};

struct dict_hint { /* what the user or the bundle says; zero: nothing */
    const char *hook;
    int32_t k;
    int32_t n_layers; /* of the model that it is for: bounds the hook's layer, places final_norm */
};

/* Opens an SAE file (or folder) for a device: glimt's .safetensors or the authors' .pt (SAE with a
 * .json beside it). Untrusted: every shape and dtype is checked first. The caller owns *out. */
bool dict_open(struct backend *, const char *path, const struct dict_hint *, struct dict **out,
               struct error *e);
/* The n neurons of a point as a dictionary. */
struct dict *dict_neurons(struct point, int32_t n);
void dict_free(struct dict *);

const struct dict_spec *dict_spec(const struct dict *);
const char *dict_path(const struct dict *); /* NULL: neurons */
size_t dict_bytes(const struct dict *);     /* packed */

struct sparse { /* k values a row; neurons: ids absent, vals [T, n] dense */
    struct tensor ids, vals;
};

/* x [T, n] → the active latents, largest first; and, where pre is not NULL, all pre-activations [T,
 * m] (arena). */
void dict_encode(struct run *, const struct dict *, struct tensor x, struct sparse *f,
                 struct tensor *pre);
/* Pre-activations of single units, [T, n_units], from encoder rows in the file's dtype (fp32
 * accumulation). */
struct tensor dict_encode_units(struct run *, const struct dict *, struct tensor x,
                                const int32_t *unit, int32_t n_units);
/* x̂ [T, n]. */
struct tensor dict_decode(struct run *, const struct dict *, const struct sparse *f);
/* Decoder rows d_j of the units, [n_units, n], pushed through `behind` when it is not NULL (its
 * weights alone, without the bias: u_j = W·d_j): [n_units, behind->out]. Neurons: unit vectors. */
struct tensor dict_push(struct run *, const struct dict *, const struct linear *behind,
                        const int32_t *unit, int32_t n_units);
/* For each unit the `rows` others whose decoder rows have the greatest cosine with its own,
 * greatest first: ids and cosine [n_units, rows], the caller's; −1 and NaN where there are no more.
 * Products in double, one pass over the decoder for 64 units. Neurons, and rows of zeros, have
 * none. False when the run is not ok. */
bool dict_neighbours(struct run *, const struct dict *, const int32_t *unit, int32_t n_units,
                     int32_t rows, int32_t *ids, double *cosine);
/* c [T, n_units]: what each unit adds to its activation: FIX v − f, SCALE (v − 1)·f, ADD v, ZERO
 * −f, where f is the unit's selected value in `f` or 0. */
struct tensor dict_unit_change(struct run *, const struct dict *, const struct sparse *f,
                               const struct unit *units, int32_t n_units);
/* HOOK_INSERT on x: x̂ (+ x − x̂ with keep_error) + Σ c_j·d_j. */
struct tensor dict_insert(struct run *, const struct dict *, struct tensor x, bool keep_error,
                          const struct unit *units, int32_t n_units);
#endif
