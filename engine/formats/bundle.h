/* A bundle (NAME.glimt): names a model, an SAE, the hook point, classes with reference sentences,
 * chosen latents and their statistics. Paths are relative to it, never absolute, never upward; or
 * OWNER/NAME@REV for the model. */
#ifndef GLIMT_FORMATS_BUNDLE_H
#define GLIMT_FORMATS_BUNDLE_H
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include <stdint.h>

struct bundle_class {
    char *name, *label; /* "da", "Danish" */
    char **
        sentence; /* reference sentences, line i of each class parallel; NULL when there are none */
    int32_t n_sentences;
};

struct bundle { /* read-only after opening; owned by the caller, freed with bundle_free */
    char *path, *title;
    char *model; /* resolved path, or OWNER/NAME@REV */
    char *sae;   /* resolved path; NULL: none */
    char *hook;  /* NULL: what the SAE says */
    int32_t n_classes;
    struct bundle_class *cls;
    int32_t n_chosen;
    int32_t *chosen;
    int32_t n_latents;  /* 0: no statistics */
    float *fire_share;  /* [n_classes, n_latents] share of the class's tokens with the latent among
                           the k */
    float *mean_pre;    /* [n_classes, n_latents] */
    float *pre_median;  /* [n_latents] */
    float *abs_pre_p99; /* [n_latents] scale of the colours */
};

bool bundle_open(const char *path, struct bundle **out, struct error *e);
void bundle_free(struct bundle *);
/* SHA-256 of n files; false and *e. */
typedef bool bundle_hash(void *arg, const char *const *path, size_t n, struct sha256 *out,
                         struct error *e);
/* Checks the SHA-256 of every file that the bundle lists, as `hash` gives them; ERROR_INPUT names
 * the first that differs. */
bool bundle_verify(const struct bundle *, bundle_hash *hash, void *arg, struct error *e);
#endif
