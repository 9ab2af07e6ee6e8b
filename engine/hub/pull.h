/* Fetching a repository from the Hugging Face hub into its cache, laid out as huggingface_hub does
 * (cache.h), which reads it back. Nothing else in glimt reaches a network.
 *
 * The hub's API: GET {endpoint}/api/models/{repo}/revision/{rev} (sha, siblings); files at
 * {endpoint}/{repo}/resolve/{commit}/{file}. */
#ifndef GLIMT_HUB_PULL_H
#define GLIMT_HUB_PULL_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

struct hub_progress {
    const char *file;
    bool checking;       /* its bytes have come */
    int64_t done, total; /* bytes of all that is to be fetched; total 0: not told */
    double bytes_per_s;  /* of this call */
    double left;         /* seconds; NaN: not known */
};

struct hub_pull {
    const char *spec; /* OWNER/NAME[@REV] */
    /* Files, folders or patterns (fnmatch) of the repository; none: of a model what it needs to be
     * opened (config.json, the tokenizer, safetensors, or pytorch_model.bin where there are none),
     * of a repository of SAEs their files. */
    const char *const *path;
    int n_paths;
    bool all;
    const char *hub, *endpoint, *token; /* NULL: hub_folder(), $HF_ENDPOINT or huggingface.co,
                                           $HF_TOKEN or none */
    void (*progress)(void *, const struct hub_progress *); /* several times a second; may be NULL */
    bool (*go_on)(void *); /* false: ends it, ERROR_CANCELLED; may be NULL */
    void *arg;
};

struct hub_pulled {
    char *dir, *commit; /* the snapshot */
    struct hub_file {
        char *name;
        int64_t bytes;
        bool fetched; /* false: it was there */
    } * file;
    size_t n_files;
    int64_t fetched; /* bytes */
};

/* What has come stays when it ends early, and the next call goes on; refs/REV is written at the
 * end, so that a name never leads to half a model. ERROR_INPUT: no such repository, revision or
 * file, or no permission. hub_pulled_release frees, also after a failure. */
bool hub_pull(const struct hub_pull *, struct hub_pulled *out, struct error *e);
void hub_pulled_release(struct hub_pulled *);
/* "libcurl/7.88.1 …" as it would be used; NULL and *e: it is not here. */
const char *hub_library(struct error *e);
#endif
