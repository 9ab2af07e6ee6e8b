/* A dictionary: an SAE, a transcoder, the neurons of a hook point (the identity), later single
 * directions.
 *
 * f = select(W_e·(x − b_p) + b_e), ŷ = W_dᵀ·f + b_p (+ W_skip·x). An SAE gives back what it reads,
 * ŷ = x̂, at the point where it is hooked. A transcoder (Dunefsky et al. 2024) reads one point of a
 * layer, as the MLP's input, and gives y at a later one, as its output: it is hooked at y's point,
 * and reads at dict_reads. Where x is normed
 * before it is encoded (enum norm_in), what an SAE gives is scaled back, row by row. Selection by
 * kind (enum select_kind): TopK (Gao et al. 2024) with their ReLU or without, JumpReLU
 * (Rajamanoharan et al. 2024), gated (2024; p is what the gate looks at, W_e·(x − b_p) +
 * gate_bias), the largest of each group, all (ReLU). With norm_rescale p is times the length of the
 * latent's decoder row, which the decoder divides out again. A value of 0 is not active. Immutable
 * after opening; several threads may read it, each with its own run. The dict owns its weights and
 * mapping. */
#ifndef GLIMT_ENGINE_DICT_H
#define GLIMT_ENGINE_DICT_H
#include "engine/base/strbuf.h"
#include "engine/hook.h"
#include "engine/run.h"

enum relu_kind { RELU_NEVER, RELU_BEFORE, RELU_AFTER };
/* Of the input, and of an SAE undone behind the decoder: (x − μ)/(σ + 1e-5), σ with n − 1, and
 * ·σ + μ; or x·√n/‖x‖, and ·‖x‖/√n. */
enum norm_in { NORM_IN_NONE, NORM_IN_LAYER, NORM_IN_LENGTH };
enum {
    DICT_FACT_CENTRE,
    DICT_FACT_NORM,
    DICT_FACT_RELU,
    DICT_FACT_SELECT,
    DICT_FACT_K,
    DICT_FACT_RESCALE,
    DICT_FACT_SKIP,
    DICT_FACT_TRANSCODES,
    DICT_FACT_HOOK,
    DICT_FACT_BOS,
    DICT_N_FACTS
};
/* Whether texts begin with the model's BOS token where the dictionary was trained. */
enum dict_bos { DICT_BOS_UNSAID, DICT_BOS_NO, DICT_BOS_YES };

struct dict_spec {
    bool identity;        /* neurons: x̂ = x, f = x */
    bool transcodes;      /* reads another point than it gives, of the same layer */
    struct point at;      /* where it is hooked; layer −2: the file does not say */
    struct point in;      /* what a transcoder reads; layer as of `at` */
    int32_t n, n_out, m;  /* width of x, of ŷ (of all but transcoders n), latents */
    int32_t k;            /* TOPK, ABSTOPK: active ones; GROUPMAX: groups; else 0 */
    int32_t n_thresholds; /* THRESHOLD: 1 for all, or m; else 0 */
    enum select_kind select;
    enum relu_kind relu;
    enum norm_in norm;
    bool centre;         /* b_p is subtracted before encoding */
    bool norm_rescale;   /* p is in units of the decoder row's length */
    bool skip;           /* ŷ has W_skip·x added, of x as it was read */
    double fold;         /* the factor of x that was folded into the weights; 0: none */
    double fold_out;     /* of a transcoder: that of y */
    uint8_t whitened[8]; /* of the hash of the whitening that was; zeros: none */
    enum dict_bos bos;
    const char *format;               /* "glimt-sae 1", "sae-lens jumprelu", "neurons" */
    const char *source[DICT_N_FACTS]; /* where each fact came from: "metadata", "tensor W",
                                         "config", "file name", "option", "default" */
};

static inline bool dict_is_whitened(const struct dict_spec *s)
{
    uint8_t any = 0;
    for (size_t i = 0; i < sizeof s->whitened; i++)
        any |= s->whitened[i];
    return any != 0;
}

struct packs;
struct dict_hint {                    /* what the user or the bundle says; zero: nothing */
    const struct point *hook;         /* where it is, whatever the file says */
    int32_t k;                        /* refused of a kind that has none */
    const struct model_config *model; /* that it is for: whose names hooks have, and how many
                                         layers; NULL: not known */
    struct packs *packs; /* where packed weights are kept, which outlives the dict; NULL: nowhere */
    /* Hears how many bytes of the file's matrices are loaded, and of how many, while they are; may
     * be NULL. */
    void (*progress)(void *, uint64_t done, uint64_t total);
    void *progress_arg;
};

/* Opens an SAE file, or the folder of one, for a device: any of the formats of
 * engine/dict/formats.c, told by its tensors and the configuration beside it. Untrusted: every
 * shape and dtype is checked first. The caller owns *out. */
bool dict_open(struct backend *, const char *path, const struct dict_hint *, struct dict **out,
               struct error *e);
/* The same in two steps, for who opens several things and wants to know before what all of them
 * take: heads and small tensors are read; then weights are packed. dict_need: bytes of the device's
 * memory that dict_load is going to take. In between a dict has its spec, and can be freed. */
bool dict_prepare(struct backend *, const char *path, const struct dict_hint *, struct dict **out,
                  struct error *e);
uint64_t dict_need(const struct dict *);
bool dict_load(struct dict *, struct error *e); /* false: free it */
/* What a file (or folder) says of itself, or why dict_open would refuse it: heads and small tensors
 * are read, no weights are packed. */
bool dict_look(const char *path, const struct dict_hint *, struct dict_spec *out, struct error *e);
/* The n neurons of a point as a dictionary. */
struct dict *dict_neurons(struct point, int32_t n);
void dict_free(struct dict *);
/* What it reads has been rounded to this already (model_reads), so that the encoder's product may
 * read it so without losing anything; but where it norms that first. */
void dict_read_as(struct dict *, enum dtype);

const struct dict_spec *dict_spec(const struct dict *);
/* Where a dictionary (NULL: none) that is hooked at `at` reads: there, but for transcoders. */
struct point dict_reads(const struct dict *, struct point at);
/* "none", "layer_norm", "constant_norm_rescale": as the metadata of a file says it. */
const char *norm_in_name(enum norm_in);
/* Every fact that a number can depend on, in words: what a cache's key holds of a dictionary beside
 * its file's contents. Where a fact came from is none. */
void dict_spec_facts(const struct dict_spec *, struct strbuf *);
/* "topk", "abstopk", "threshold", "gated", "groupmax", "all": as the metadata of a file says it. */
const char *select_name(enum select_kind);
const char *dict_path(const struct dict *); /* NULL: neurons */
size_t dict_bytes(const struct dict *);     /* packed */

struct code {            /* activations of T rows */
    struct csr sparse;   /* an SAE's active latents, in the order of its kind */
    struct tensor dense; /* neurons: [T, n], the values as they are; else absent */
    struct tensor x; /* what was encoded, where the decoder needs it (skip, norm); else absent */
    struct tensor scale; /* [T, 1] of what the norm made of x, where that is undone; else absent */
};

/* x [T, n] → activations; and, where pre is not NULL, all pre-activations [T, m] (arena). A latent
 * that is no finite number is an error that names it; neurons are not looked at. */
void dict_encode(struct run *, const struct dict *, struct tensor x, struct code *f,
                 struct tensor *pre);
/* Whether codes alone take less than all pre-activations, of which few are wanted: those come from
 * dict_encode_units, to the bit the same on the CPU. */
bool dict_encodes_largest(const struct dict *);
/* Facts that may be read the other way than they were, a bit each, to see whether the file then
 * fits better: b_p subtracted or not, values cut at 0 or not, the input's norm left out or, where
 * there is none, x brought to length √n (a scale that was not folded into the weights is nearly
 * that). */
enum { READ_CENTRE = 1, READ_RELU = 2, READ_NORM = 4 };
/* Those that make a difference. */
unsigned dict_other_readings(const struct dict *);
/* The codes of x under such a reading: dict_decode gives ŷ. */
void dict_encode_as(struct run *, const struct dict *, struct tensor x, unsigned reading,
                    struct code *f);
/* The units that count as active. An SAE's: its codes. Neurons: those above 0, in rising index, or
 * with most > 0 the `most` largest of them, largest first. */
struct csr dict_active(struct run *, const struct dict *, const struct code *f, int32_t most);
/* Activations of single units, [T, n_units]; 0 where a latent is not active. */
struct tensor dict_values(struct run *, const struct dict *, const struct code *f,
                          const int32_t *unit, int32_t n_units);
/* Pre-activations of single units, [T, n_units], from encoder rows in the file's dtype (fp32
 * accumulation). */
struct tensor dict_encode_units(struct run *, const struct dict *, struct tensor x,
                                const int32_t *unit, int32_t n_units);
/* The run's error and false when one of the values [T, n_units] of the units (a negative one:
 * none; NULL: 0, 1, 2 …), brought to the host, is no finite number. */
bool dict_check_values(struct run *, const struct dict *, const float *values, int32_t rows,
                       const int32_t *unit, int32_t n_units);
/* ŷ [T, n_out]. */
struct tensor dict_decode(struct run *, const struct dict *, const struct code *f);
/* Decoder rows d_j of the units, [n_units, n_out], pushed through `behind` when it is not NULL (its
 * weights alone, without the bias: u_j = W·d_j): [n_units, behind->out]. Neurons: unit vectors. */
struct tensor dict_push(struct run *, const struct dict *, const struct linear *behind,
                        const int32_t *unit, int32_t n_units);
/* For each unit the `rows` others whose decoder rows have the greatest cosine with its own,
 * greatest first: ids and cosine [n_units, rows], the caller's; −1 and NaN where there are no more.
 * Products in double of those that may be among them by products in floats, which is one pass over
 * the decoder for 64 units. Neurons, and rows of zeros, have none. False when the run is not ok. */
bool dict_neighbours(struct run *, const struct dict *, const int32_t *unit, int32_t n_units,
                     int32_t rows, int32_t *ids, double *cosine);
/* c [T, n], for activations f [T, n] of the units: FIX v − f, SCALE (v − 1)·f, ADD v, ZERO −f. */
struct tensor units_change(struct run *, struct tensor f, const struct unit *units, int32_t n);
/* The same as multiples of the units' decoder rows: scale (of a code; absent: none) [T, 1] is what
 * the rows of ŷ are scaled back by. In place. */
void dict_scale_change(struct run *, const struct dict *, struct tensor c, struct tensor scale);
/* c [T, n_units]: what each unit adds of its decoder row to ŷ. Of a unit's id only the index
 * counts. */
struct tensor dict_unit_change(struct run *, const struct dict *, const struct code *f,
                               const struct unit *units, int32_t n_units);
/* HOOK_INSERT on `was`, where the dictionary read x (of SAEs the same): ŷ (+ was − ŷ with
 * keep_error) + Σ c_j·d_j.
 */
struct tensor dict_insert(struct run *, const struct dict *, struct tensor x, struct tensor was,
                          bool keep_error, const struct unit *units, int32_t n_units);
#endif
