/* What the readers of a model's config.json share. */
#ifndef GLIMT_FORMATS_HF_PRIVATE_H
#define GLIMT_FORMATS_HF_PRIVATE_H
#include "engine/formats/hf.h"
#include "engine/formats/json.h"

/* The object being read and where it lies, for messages. */
struct hf_source {
    const json_t *j;
    const char *path;
    struct error *e;
};

/* ---- hf_value.c */
/* 1 to `most`. */
bool hf_count(const struct hf_source *, const char *key, int32_t most, int32_t *out);
/* The same of one that may be absent or null. */
bool hf_count_or(const struct hf_source *, const char *key, int32_t most, int32_t otherwise,
                 int32_t *out);
/* A number with low < it ≤ high. */
bool hf_number(const struct hf_source *, const json_t *v, const char *key, double low, double high,
               double *out);
/* Absent or null: what the architecture documents. */
bool hf_flag(const struct hf_source *, const char *key, bool otherwise, bool *out);

/* ---- hf_rotation.c */
struct hf_rotation_rules {
    const char *share, *base;   /* the older names */
    double whole, base_default; /* where the file may be silent: as the architecture documents it;
                                   0: it may not */
    bool part;                  /* a share of less than the whole is computed, too */
    bool long_only;  /* scaled as longrope or not at all, which went by other names (Phi-3) */
    int32_t context; /* trained with first, where the file is silent; 0: n_ctx */
};
/* rotary_base, rotary_pct and rope, of a configuration whose heads and n_ctx are read. n_ctx
 * becomes shorter where longer text is turned in another way. */
bool hf_rotation(const struct hf_source *, const struct hf_rotation_rules *, struct model_config *);
/* Of layers with a window another base, and no scaling (Gemma 3). */
bool hf_two_rotations(const struct hf_source *, const struct hf_rotation_rules *,
                      struct model_config *);
/* So many dimensions of a head turn; null: all (GPT-J). */
bool hf_rotary_dim(const struct hf_source *, struct model_config *);
#endif
