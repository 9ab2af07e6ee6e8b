/* From the hook to the losses: what every lane (plain, inserted, units fixed) shares is computed
 * once, and each lane is more rows of one batch.
 *
 * The rest of a layer behind the hook is linear up to its landing (model_landing). There a lane is
 * r′(t) = B(t) + Σ_j c_j(t)·u_j: B the plain value (so it is with the error kept) or the value with
 * the reconstruction at the hook, c_j what unit j's activation changes by, times the
 * row's scale where the input was normed, u_j its decoder row pushed through what lies between hook
 * and landing. So a change of units costs only
 * the layers behind the landing.
 *
 * Over a set of dictionaries lanes part at the first place where one of them does anything; what
 * they do behind it is done on the way, place by place (lane_hooks). */
#ifndef GLIMT_LANE_LANE_H
#define GLIMT_LANE_LANE_H
#include "engine/dict/set.h"
#include "engine/lane/sequences.h"

struct lane {
    dict_places inserted; /* places of the set, a bit each, where the reconstruction stands in the
                          activation's place; elsewhere what it misses is kept: nothing happens
                          there but what units change. Neurons miss nothing */
    int32_t n_units;
    const struct unit *units; /* different ones; those of a place side by side, places in order */
};
/* The lane's units of a place, and how many. */
const struct unit *lane_units(const struct lane *, int32_t place, int32_t *n);
/* The places of a set at which the lane is not the plain model, a bit each. */
dict_places lane_acts(const struct lane *, const struct dict_set *);

struct lane_place { /* where lanes part; borrowed */
    const struct model *model;
    const struct dict_set *set; /* NULL: the one dictionary is all there is */
    int32_t first;              /* its place in the set */
    const struct dict *dict;    /* NULL: plain lanes only */
    struct point reads, at;     /* where it reads (dict_reads), and where what it gives goes */
    struct point landing;
    int32_t width, base; /* of the value at the landing, and of what its state has beside it; 0:
                            nothing (model_base_width) */
    int32_t layer;       /* the first whose attention comes after the landing */
};
struct lane_place lane_place(const struct model *, const struct dict *, struct point at);
/* Of lanes over a set that do something at the places `acts`: they part at the first of these
 * (place `otherwise` where there is none). What they do at those behind it are hooks on the way
 * (lane_hooks_add); where one lies before the landing, the lanes land where they part. */
struct lane_place lane_place_of(const struct model *, const struct dict_set *, dict_places acts,
                                int32_t otherwise);

/* ---- what the lanes share. Tensors are the arena's, a row each of the batch. */
struct landed {
    struct tensor x;              /* as the dictionary reads it */
    struct state hook;            /* y, which it reconstructs: of an SAE x itself */
    struct state plain, inserted; /* at the landing; inserted: with ŷ in place of y */
    struct code codes;            /* of x */
    struct tensor yhat, pre;      /* pre: all pre-activations */
};
enum { LAND_CODES = 1, LAND_INSERTED = 2 /* and yhat */, LAND_PRE = 4 };
/* The batch from its ids (`from` NULL), or from a state where the dictionary reads, to the hook and
 * on to the landing; `want`: what else is computed (codes with either of the others). What is not
 * is zero. */
void lane_front(struct run *, const struct lane_place *, const struct batch *,
                const struct state *from, unsigned want, struct landed *);
/* Any value at the hook in place of y, taken to the landing. */
void lane_land(struct run *, const struct lane_place *, const struct batch *,
               const struct state *hook, struct tensor value, struct state *out);

/* ---- u_j [n, width], on the device until somebody asks for others. */
struct directions {
    int32_t n;
    int32_t *unit; /* [n] of the dictionary */
    struct tensor u;
    size_t cap;
};
/* Those of n units; nothing is computed where they are there. False with the run's error set. */
bool directions_set(struct run *, const struct lane_place *, struct directions *,
                    const int32_t *unit, int32_t n);
void directions_free(struct queue *, struct directions *);

/* ---- lanes */
struct lane_rows { /* so many rows of one lane: where they start, at the landing */
    const struct lane *lane;
    struct tensor plain, inserted /* read where it is inserted */, base /* where there is one */;
    const int32_t *row; /* which n of them (host); NULL: all, in their order */
    int32_t n;
};
/* The B of the pieces one after the other, as one state at the landing. */
struct state lane_pack(struct run *, const struct lane_place *, const struct lane_rows *,
                       int32_t n);
/* value [T, width], rows of one lane, += Σ_j c_j·u_j over its n units where lanes part. f [T, n]:
 * activations of these in these rows; scale [T, 1]: of the rows' codes, absent where that is; u [n,
 * width]: their directions. */
void lane_change(struct run *, const struct lane_place *, const struct lane *, struct tensor value,
                 struct tensor f, struct tensor scale, struct tensor u);

struct lane_hooks { /* what lanes do behind where they part; zeroed at first */
    int32_t n;
    struct hook *hook;
    size_t cap;
};
/* Appends those of a lane to which `rows` of the batch belong (host, borrowed; NULL: all): at every
 * place of the set that it acts on, in order, the codes are of the x that arrives there. */
void lane_hooks_add(struct lane_hooks *, const struct lane_place *, const struct lane *,
                    const int32_t *rows, int32_t n_rows);
void lane_hooks_release(struct lane_hooks *);
/* From a state at the landing to the end: losses of the rows that have a target, in their order, to
 * host memory. hooks: NULL for none. */
void lane_losses(struct run *, const struct model *, const struct sequences *,
                 const struct state *from, const struct lane_hooks *hooks, float *loss);
#endif
