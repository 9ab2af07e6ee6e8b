/* A bundle (NAME.glimt): names a model, dictionaries (SAEs, neurons of a point) with statistics of
 * their units, classes with reference sentences, chosen units. Paths are relative to it, never
 * absolute, never upward; or names in the Hugging Face cache: OWNER/NAME@REV of a model,
 * OWNER/NAME@REV:FILE of a file, which are left as they are. Untrusted. */
#ifndef GLIMT_FORMATS_BUNDLE_H
#define GLIMT_FORMATS_BUNDLE_H
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include <stdint.h>

#define BUNDLE_MAX_DICTS 32
#define BUNDLE_MAX_CHOSEN 65536

struct bundle_class {
    char *name, *label; /* "da", "Danish" */
    char *reference;    /* the file that the sentences stand in; NULL: in none */
    char **sentence; /* reference sentences; where classes have as many, line i of each is the same
                        sentence; NULL when there are none */
    int32_t n_sentences;
};

struct bundle_statistics { /* of the units of a dictionary */
    int32_t n_units;       /* 0: there are none, and all are NULL */
    float *fire_share;  /* [n_classes, n_units] share of the class's tokens that it is active on */
    float *mean_pre;    /* [n_classes, n_units] */
    float *pre_median;  /* [n_units] */
    float *abs_pre_p99; /* [n_units] scale of the colours */
};

struct bundle_dict {
    char *sae;  /* path, or name in the cache; NULL: the neurons of `hook` */
    char *hook; /* NULL: what the SAE says */
    struct bundle_statistics is;
};

struct bundle_file { /* that the bundle has the hash of */
    char *path;      /* or name in the cache */
    struct sha256 hash;
};

struct bundle { /* read-only after opening; owned by the caller, freed with bundle_free */
    char *path, *title;
    char *model; /* path, or name in the cache */
    char *theme; /* NULL: none is said */
    char *hook;  /* where the text is looked at without a dictionary; NULL: not said */
    int32_t n_dicts;
    struct bundle_dict *dict;
    int32_t n_classes;
    struct bundle_class *cls;
    int32_t n_chosen;
    char **chosen; /* names of units (engine/dict/unit.h), as they stand */
    size_t n_files;
    struct bundle_file *file;
};

bool bundle_open(const char *path, struct bundle **out, struct error *e);
void bundle_free(struct bundle *);
/* A path, or a name in the Hugging Face cache: OWNER/NAME@REV[:FILE]. */
bool bundle_is_cache_name(const char *);
/* SHA-256 of n files, paths or names in the cache; false and *e. */
typedef bool bundle_hash(void *arg, const char *const *path, size_t n, struct sha256 *out,
                         struct error *e);
/* Checks the SHA-256 of every file that the bundle lists, as `hash` gives them; ERROR_INPUT names
 * the first that differs. */
bool bundle_verify(const struct bundle *, bundle_hash *hash, void *arg, struct error *e);
/* What bundle_write says of the folder and of one file or folder that the bundle is to name, before
 * anything is opened: ERROR_INPUT. */
bool bundle_can_name(const struct bundle *, const char *path, struct error *e);
/* Writes the bundle to its path, and beside it statistics (STEM-statistics[-N].safetensors) and the
 * references (STEM-CLASS.txt) that stand in no file of its folder. What lies in the folder is named
 * relative to it, what is no name in the cache and lies elsewhere is ERROR_INPUT. The hashes of
 * `b->file` are set here, by `hash`; what is written beside is added. What is there already is
 * ERROR_INPUT, unless it may be replaced. */
bool bundle_write(struct bundle *, bool replace, bundle_hash *hash, void *arg, struct error *e);
#endif
