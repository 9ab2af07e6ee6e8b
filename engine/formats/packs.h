/* What was made of large weight files, once for a device, kept for the next start: packed weights,
 * folded biases. A folder of files, each mapped as a whole; deleting any of them loses only time.
 *
 * A key is the content of the weight file (its hash), what was made of it, and how it lies (layout:
 * device, instructions, version). A file is written beside its place (NAME.part, with which the
 * next run goes on where one ended) and renamed; it is untrusted: magic, version, key, size and
 * both ends are checked, and one that does not fit is set aside (NAME.damaged) and made anew.
 *
 * A struct packs belongs to the thread that opens model and dictionaries; a thread of its own, as
 * nice as can be, writes. It outlives what was found in it. */
#ifndef GLIMT_FORMATS_PACKS_H
#define GLIMT_FORMATS_PACKS_H
#include "engine/base/hash.h"
#include "engine/formats/tensors.h"

struct packs;

/* SHA-256 of n files; false and *e. */
typedef bool packs_hash(void *arg, const char *const *path, size_t n, struct sha256 *out,
                        struct error *e);

/* dir need not be there. Only of files of at least `worth` bytes is anything kept; `hash` is asked
 * for their contents once. */
struct packs *packs_new(const char *dir, int64_t worth, packs_hash *hash, void *arg);
/* Frees the mappings too; after packs_stop. */
void packs_free(struct packs *); /* NULL: nothing */
/* Asks for the hashes of those files of ts that are worth it. False: it was cancelled; a file that
 * can't be hashed is one of which nothing is kept. */
bool packs_add(struct packs *, const struct tensors *ts, struct error *e);

/* Bytes of all that is kept, of whatever files. */
uint64_t packs_kept(const struct packs *);

/* What was made of a weight file and is kept: n bytes at a page's start, until packs_free. NULL:
 * nothing. what: all that it depends on beside the file's content, in words. */
const void *packs_find(struct packs *, const char *file, const char *what, size_t *n);
/* What packs_find gave makes no sense: it is set aside. Nobody uses it any more. */
void packs_distrust(struct packs *, const char *file, const char *what);
/* A line about the files that were set aside so far, or can't be kept, for people; "": none.
 * Borrowed.
 */
const char *packs_said(const struct packs *); /* NULL: "" */
/* Asks that p be kept, which stays as it is until packs_stop. */
void packs_put(struct packs *, const char *file, const char *what, const void *p, size_t n);
/* Begins to write what was put, in the background, where a quarter of what is free on the disk
 * holds it, and the folder may be written. Once. */
void packs_write(struct packs *);
/* Leaves what is not written yet to the next run; nothing that was put is read any more. NULL:
 * nothing. */
void packs_stop(struct packs *);
bool packs_wait(struct packs *); /* until all is written; false: not all of it could be */

/* ---- housekeeping: files of ours in dir (which need not be there); used: mtime, to the hour */
struct packs_size {
    int64_t files; /* whole ones */
    int64_t bytes; /* of all */
};
struct packs_size packs_count(const char *dir);
/* Removes what was not used for `days` days (< 0: no limit) and what is damaged, then the longest
 * unused until there are at most `bytes` (< 0: no limit). Who has one mapped keeps it. */
struct packs_size packs_prune(const char *dir, double days, int64_t bytes);
#endif
