/* Content hashes of what a workbench is made of: what cache keys and --json name. Files are hashed
 * side by side, once, and remembered by (device, inode, size, mtime, ctime) where there is a cache.
 */
#ifndef GLIMT_LAB_CONTENT_H
#define GLIMT_LAB_CONTENT_H
#include "store/store.h"
#include "tui/lab/loop.h"
#include "tui/options.h"

/* Where hashes are remembered: a store that somebody has open, or the folder of one, which is
 * opened where so much would be read that it is worth it. */
struct hash_memory {
    struct store *store;
    char *dir;      /* NULL: none; owned */
    bool ours;      /* store was opened here */
    char said[480]; /* a line to say once; "": none */
};
#define HASH_WORTH ((int64_t)32 << 20) /* bytes that take longer to hash than a store to open */
void hash_memory_close(struct hash_memory *);

/* SHA-256 of n files. One in a Hugging Face cache is named by its hash, which is taken at its word.
 * memory may be NULL. Weights are gigabytes: they are read by as many threads as there are cores
 * while loop (NULL: none) is polled, hears progress and can cancel. */
bool files_hash(const char *const *path, size_t n, struct hash_memory *, const struct lab_loop *,
                struct sha256 *out, struct error *e);
/* The same of paths and names in the Hugging Face cache (hub_resolve_file). */
bool named_files_hash(const char *const *name, size_t n, struct hash_memory *,
                      const struct lab_loop *, struct sha256 *out, struct error *e);
/* Of the weights at each path (a file or folder; NULL: left out): of the file; of several shards,
 * of the lines "HASH  NAME\n" in name order. */
bool weights_hash(const char *const *path, size_t n, struct hash_memory *, const struct lab_loop *,
                  struct sha256 *out, struct error *e);
/* Of those of the named files that are there in a folder, one after the other; names end with NULL.
 */
bool folder_hash(const char *dir, const char *const *name, struct sha256 *out, struct error *e);
/* The folder of the cache: --cache, $GLIMT_CACHE, $XDG_CACHE_HOME/glimt, ~/.cache/glimt; NULL:
 * none. Caller frees. */
char *cache_folder(const struct options *);
#endif
