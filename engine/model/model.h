/* A language model from a Hugging Face folder, of any architecture of engine/arch.h. Immutable
 * after opening; owns its weights.
 *
 * The forward is resumable: from token ids or from a state at any hook point, to any hook point,
 * with interventions on the way. Everything runs through engine/run.h, so one code serves analysis,
 * lanes and (with a tape) gradients. */
#ifndef GLIMT_ENGINE_MODEL_H
#define GLIMT_ENGINE_MODEL_H
#include "engine/arch.h"
#include "engine/dict/dict.h"
#include "engine/hook.h"
#include "engine/run.h"

struct model;
struct packs; /* engine/formats/packs.h */

struct model_how { /* zero: nothing */
    /* Hears how many bytes of the device's memory are filled, and of how many; may be NULL. */
    void (*progress)(void *, uint64_t done, uint64_t total);
    void *progress_arg;
    /* Asked once the configuration is known, before anything is loaded: adds to *need what else is
     * going to be loaded on the device, in bytes, for which there must be room, too; its error is
     * model_open's. May be NULL. */
    bool (*beside)(void *, const struct model_config *, uint64_t *need, struct error *e);
    void *beside_arg;
    struct packs
        *packs; /* where packed weights are kept, which outlives the model; NULL: nowhere */
    /* TransformerLens' weights, in float32 and packed each time: norms folded into what reads from
     * them, what is written to the stream centred (LayerNorm), the unembedding centred over so many
     * tokens, the values' biases in the attention's. Losses are the same; values at hook points are
     * TransformerLens'. 0: the file's. */
    int32_t tl_tokens;
};
/* Reads config.json and the weights of `dir` (safetensors, else pytorch_model.bin; one file or
 * shards), packs tensor by tensor. how may be NULL. The caller owns *out. */
bool model_open(struct backend *, const char *dir, const struct model_how *how, struct model **out,
                struct error *e);
void model_free(struct model *);
const struct model_config *model_config(const struct model *);
const char *model_dir(const struct model *);
size_t model_bytes(const struct model *); /* packed */
/* Over how many tokens the unembedding was centred (model_how); 0: the file's weights. */
int32_t model_tl_tokens(const struct model *);
enum dtype model_file_dtype(const struct model *);
/* What its layers' products are of: "f32", "f16", "bf16". */
const char *model_precision(const struct model *);

/* Width of the value at a point. */
int32_t model_width(const struct model *, struct point);
/* False and an error naming the point when the model has no such point. */
bool model_check_point(const struct model *, struct point, struct error *e);

/* False and an error where a dictionary can't be hooked at that point: there is none, it reads or
 * gives another width, or it is a transcoder that reads no earlier point of the layer. */
bool model_check_dict(const struct model *, const struct dict *, struct point at, struct error *e);
/* The same of a model of the folder that is not loaded yet. */
bool model_could_hook(const struct model_config *, const char *dir, const struct dict *,
                      struct point at, struct error *e);

/* Width of what a state at a point has beside its value: the residual stream that it will be added
 * to; 0: nothing. At mlp.pre of a gated MLP also what the gate will be multiplied with, behind it:
 * d_model + d_mlp. */
int32_t model_base_width(const struct model *, struct point);

/* Where a linear change of the value at `at` lands: the first point from which the rest is not
 * linear in it. mlp.act, mlp.out → resid.post; attn.z, attn.out → resid.mid, in parallel blocks
 * resid.post; but mlp.act and attn.z only as far as a post-norm. Others: themselves. */
struct point model_landing(const struct model *, struct point at);
/* What the products read whose x is the value at `at` (F16, BF16): it has been rounded to that.
 * F32: others read it, too, or it has not. */
enum dtype model_reads(const struct model *, struct point at);
/* What lies between `at` and its landing: W₂ for mlp.act, W_O for attn.z, NULL where nothing does.
 */
const struct linear *model_linear_behind(const struct model *, struct point at);
/* True where a direction at `at`, or what is made of it by model_linear_behind, is one of the
 * residual stream (or of final_norm), whatever the text. */
bool model_writes_stream(const struct model *, struct point at);

struct batch {
    int32_t n_rows;
    const int32_t *ids; /* host, n_rows; may be NULL when starting from a state */
    struct seqs seqs;
};
struct state { /* all that is needed to go on */
    struct point at;
    struct tensor value, base; /* base: model_base_width; absent where that is 0 */
};

/* Runs the batch from `from` (NULL: from ids) up to and including `to`; hooks with from < at ≤ to
 * take effect, in the order given within a point (those at from->at too: from is the value before
 * them). *out (may be NULL) ← the state at `to`. To lose nothing at the end use to = final_norm. */
void model_forward(struct run *, const struct model *, const struct batch *,
                   const struct state *from, struct point to, const struct hook *, int32_t n_hooks,
                   struct state *out);
struct point model_end(const struct model *); /* final_norm */

/* h: rows at final_norm. loss [T, 1] against target (host, −1: NaN); to host memory `loss` too, and
 * looked at there, unless that is NULL. */
struct tensor model_loss(struct run *, const struct model *, struct tensor h, const int32_t *target,
                         float *loss);
/* The n most likely next tokens of each row of h: host arrays [T·n]. Ids beyond the tokenizer are
 * possible. */
void model_topn(struct run *, const struct model *, struct tensor h, int32_t n, int32_t *ids,
                float *logp);
/* Logits [T, n_vocab], capped where the model caps them, to host memory. */
void model_logits(struct run *, const struct model *, struct tensor h, float *logits);
/* u: directions in the residual stream, [T, d_model]. What they add to the logits directly, but for
 * the final norm's scale and a soft cap: γ ⊙ (u − mean u) (RMS norm: γ ⊙ u) through the
 * unembedding, [T, n_vocab] to host memory (logit lens of a direction). */
void model_direct_logits(struct run *, const struct model *, struct tensor u, float *logits);
/* What such a direction is behind the final norm's weight: [T, d_model] that the unembedding reads.
 */
struct tensor model_direct_hidden(struct run *, const struct model *, struct tensor u);
const struct norm *model_final_norm(const struct model *);
/* Rows of the unembedding and of the embedding for n tokens (host), [n, d_model]. */
struct tensor model_unembed_rows(struct run *, const struct model *, const int32_t *id, int32_t n);
struct tensor model_embed_rows(struct run *, const struct model *, const int32_t *id, int32_t n);

/* Calls each for all rows of the unembedding and, where asked for, of the embedding of the first n
 * tokens, some [rows, d_model] in host memory at a time. */
struct model_rows {
    int32_t n;
    bool embedding;
    void (*each)(void *arg, int32_t first, int32_t n, const float *unembed, const float *embed);
    void *arg;
};
bool model_each_row(struct run *, const struct model *, const struct model_rows *);

/* ---- as TransformerLens' weights have it, whether or not these are (model_how), in double */
/* mean [d_model] ← of the unembedding's rows of n tokens, which is taken off them. norms [2n]
 * (NULL: not asked for) ← of those rows with the final norm's gain in them, then of the
 * embedding's. */
bool model_tl_vocabulary(struct run *, const struct model *, int32_t n, double *mean,
                         double *norms);
/* x [d_model], in place: a row of what is written to the stream, or of what is read behind a norm.
 */
void model_tl_row(const struct model *, double *x);

/* Keys and values for up to n_ctx positions of layers first … n_layers−1. */
struct kv *model_kv_new(const struct model *, struct queue *, int32_t first_layer, int32_t cap,
                        struct error *e);
size_t model_kv_bytes(const struct model *, int32_t first_layer, int32_t cap); /* of the same */
void model_kv_free(struct queue *, struct kv *);
#endif
