/* The Hugging Face cache, as huggingface_hub lays it out: HUB/models--OWNER--NAME/ with refs/REV (a
 * commit), snapshots/COMMIT/FILE (relative links) and blobs/ETAG (what they point to).
 *
 * HUB is one of $HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub,
 * $XDG_CACHE_HOME/huggingface/hub, ~/.cache/huggingface/hub, with ~ and $NAME in them. Nothing here
 * writes or reaches a network. */
#ifndef GLIMT_HUB_CACHE_H
#define GLIMT_HUB_CACHE_H
#include "engine/base/error.h"
#include <stddef.h>

/* The first of these folders, whether it is there or not; NULL: none is set. Caller frees. */
char *hub_folder(void);
/* DIR as it is when it is a folder; OWNER/NAME[@REV] or NAME[@REV] (REV: a branch, a tag or a
 * commit; main when it is not said) looked up in every one of them. ERROR_INPUT names every place
 * that was looked at. Caller frees. */
bool hub_resolve(const char *spec, char **dir, struct error *e);

/* A path as it is; a file or folder of a repository, OWNER/NAME@REV[:FILE], looked up in every one
 * of them; FILE never leads out of it, and need not be there. ERROR_INPUT. Caller frees. */
bool hub_resolve_file(const char *spec, char **path, struct error *e);
/* What hub_resolve_file takes for a path that lies in one of them: OWNER/NAME@COMMIT[:FILE]. NULL:
 * it lies elsewhere. Caller frees. */
char *hub_name_of(const char *path);

struct hub_name {
    char *repo; /* "OWNER/NAME" or "NAME" */
    char *rev;  /* "main" when it was not said */
};
/* What hub_resolve takes where there is no folder; every part can stand in a path. ERROR_INPUT.
 * hub_name_release frees. */
bool hub_name_parse(const char *spec, struct hub_name *out, struct error *e);
void hub_name_release(struct hub_name *);
/* HUB/models--OWNER--NAME. Caller frees. */
char *hub_repo_folder(const char *hub, const char *repo);

struct hub_snapshot {
    char *repo;   /* "OWNER/NAME" */
    char *rev;    /* the name that refs/ has for it; its commit where none has */
    char *commit; /* "" where the ref names none */
    char *dir;    /* its folder, there or not */
    char *spec;   /* what --model takes: OWNER/NAME, or OWNER/NAME@REV */
};
/* Every revision in every one of the folders: by name, main first, numbers in names as numbers. A
 * repository that an earlier folder has hides the same revision of a later one, as hub_resolve has
 * it. The caller calls hub_list_free. */
void hub_list(struct hub_snapshot **out, size_t *n);
void hub_list_free(struct hub_snapshot *, size_t n);
#endif
