/* Content hashes of what a workbench is made of: what cache keys and --json name. Weights are
 * hashed once and remembered by (device, inode, size, mtime, ctime) where there is a cache. */
#ifndef GLIMT_LAB_CONTENT_H
#define GLIMT_LAB_CONTENT_H
#include "store/store.h"
#include "tui/lab/lab.h"

/* SHA-256 of the weights at path (a file or folder): of the file; of several shards, of the lines
 * "HASH  NAME\n" in name order. A link into a Hugging Face cache is named by its hash. store may be
 * NULL. Weights are gigabytes: loop (NULL: none) is polled, hears progress and can cancel. */
bool weights_hash(const char *path, struct store *store, const struct lab_loop *loop,
                  struct sha256 *out, struct error *e);
/* Of those of the named files that are there in a folder, one after the other; names end with NULL.
 */
bool folder_hash(const char *dir, const char *const *name, struct sha256 *out, struct error *e);
#endif
