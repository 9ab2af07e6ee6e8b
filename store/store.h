/* The cache: results, checkpoints and statistics of studies in one SQLite file (glimt.5,
 * CACHE). Knows bytes and keys, nothing of models or tables.
 *
 * WAL on local disks; on network filesystems (NFS, SMB, Lustre, GPFS, BeeGFS, 9p, FUSE by statfs)
 * TRUNCATE journal with exclusive locking. Two processes may use one file: every call is one
 * transaction that waits (busy timeout) for the other; an unfinished run belongs to one process at
 * a time (owner and heartbeat). Every page has a sum. A damaged file is set aside as
 * NAME.damaged-N, a foreign or newer one as NAME.aside-N, with a message, and a new one begun, when
 * it is opened or by store_heal; deleting the file loses only time. A store belongs to one thread.
 *
 * A file that can't be written, or lies where nothing can be, is read as it is (one cache for many,
 * on a mount for reading): what is there is found, what writes is an error, and nothing is set
 * aside.
 */
#ifndef GLIMT_STORE_STORE_H
#define GLIMT_STORE_STORE_H
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include "engine/base/strbuf.h"
#include <stdint.h>

struct store;

/* dir is made when it is missing (mode 700). `said` gets a line when a file was set aside, or can
 * only be read ("": nothing to say). */
bool store_open(const char *dir, struct store **out, char *said, size_t n_said, struct error *e);
void store_close(struct store *);
const char *store_path(const struct store *);
bool store_is_network(const struct store *);
bool store_is_read_only(const struct store *);
/* Does a folder lie on a network filesystem? */
bool store_on_network(const char *dir);

/* Damage is met anywhere: a call fails, or a row that has to be there isn't. */
bool store_is_damaged(const struct store *);
/* A result that was read makes no sense, or is not there: damage, unless the run was removed
 * meanwhile. */
void store_distrust(struct store *, int64_t run);
/* Is the file still the one at its path (nobody deleted it or set it aside; one that is read
 * without locks: nor wrote it)? */
bool store_is_in_place(const struct store *);
/* Closes *s, sets a damaged file aside and opens anew; said as in store_open. false (a damaged file
 * that can only be read, too): *s is NULL, and *e. What *s knew (ids of objects and runs) is of the
 * old file. */
bool store_heal(struct store **s, char *said, size_t n_said, struct error *e);

/* Small facts about files: content hashes remembered by all of this, so that contents which were
 * written anew under an old date are hashed again. */
struct store_file {
    uint64_t device, inode;
    int64_t size, mtime_ns, ctime_ns;
};
bool store_file_hash(struct store *, const struct store_file *, struct sha256 *out); /* false: no */
bool store_file_remember(struct store *, const struct store_file *, const struct sha256 *,
                         struct error *e);

/* What runs are made of: model, dict, tokenizer, corpus. Touches last_used. *id 0: the store can
 * only be read, and does not have it. */
bool store_object(struct store *, const char *kind, const struct sha256 *hash, const char *name,
                  const char *spec_json, int64_t *id, struct error *e);

/* ---- runs */
struct store_run_key {
    struct sha256 key; /* of everything that changes the result */
    const char *study, *args_json, *precision, *engine;
    int64_t model, dict, corpus; /* object ids; 0: none */
    int64_t n_chunks;
};
enum store_claim {
    CLAIM_FAILED, /* *e says why */
    CLAIM_DONE,   /* finished: results are there */
    CLAIM_OURS,   /* new, or unfinished with nobody at it: go on from next_chunk */
    CLAIM_BUSY,   /* another process is at it (heartbeat younger than 60 s and alive) */
    CLAIM_UNKEPT  /* not there, or unfinished, in a store that can only be read: out->id 0 */
};
struct store_run {
    int64_t id, next_chunk, n_chunks;
    bool has_state;
};
enum store_claim store_claim(struct store *, const struct store_run_key *, struct store_run *out,
                             struct error *e);
/* Read-only: CLAIM_DONE or CLAIM_OURS (not there, or unfinished; out->id 0: not there). */
enum store_claim store_look(struct store *, const struct sha256 *key, struct store_run *out,
                            struct error *e);
/* Gives an unfinished run back, so that another process need not wait for the heartbeat. */
void store_release(struct store *, int64_t run);

/* ---- what a study has so far, in pieces of any size
 * The caller may do anything between two pieces, also read the state that counts. Until
 * store_save_end that is the older one, then the new one: a process that is killed at any moment
 * leaves one of them whole. What is given up needs no call. */
struct store_save {
    struct store *store;
    int64_t run, generation, before;
    int32_t ord; /* of the next piece */
};
bool store_save_begin(struct store *, int64_t run, struct store_save *, struct error *e);
/* A piece that the state before has at the same place is not written again. */
bool store_save_piece(struct store_save *, const void *p, size_t n, struct error *e);
/* The checkpoint counts from here on. All of these: false when the run is no longer ours. */
bool store_save_end(struct store_save *, int64_t next_chunk, struct error *e);
/* Removes a few pieces that nothing needs any more; true: there are more. */
bool store_sweep(struct store *, int64_t run);
/* Forgets an unfinished run's state (it could not be read): begins again at chunk 0. */
bool store_restart(struct store *, int64_t run, struct error *e);

struct store_state {
    int64_t run, generation, n_pieces, bytes;
};
/* The state that counts: of the last checkpoint, or of a finished run. false: there is none. */
bool store_state(struct store *, int64_t run, struct store_state *, struct error *e);
/* Appended to *out, its sum compared. */
bool store_state_piece(struct store *, const struct store_state *, int64_t ord, struct strbuf *out,
                       struct error *e);

/* Writing results: a run is there wholly or not at all. What is put between begin, pauses and
 * finish is a transaction each; abort, and the next begin, remove what lies there of an unfinished
 * run. */
bool store_finish_begin(struct store *, int64_t run, struct error *e);
/* Ends a transaction where it is large: others may write, and the journal stays small. */
bool store_finish_pause(struct store *, struct error *e);
bool store_put_result(struct store *, int64_t run, int32_t ord, const void *p, size_t n,
                      struct error *e);
bool store_put_latent(struct store *, int64_t run, int32_t latent, const void *p, size_t n,
                      struct error *e);
bool store_put_posting(struct store *, int64_t run, int32_t latent, int32_t segment,
                       const void *positions, size_t n_positions, const void *values,
                       size_t n_values, struct error *e);
/* Marks the run done. Its state: the one that was saved with all its pieces and not ended (NULL:
 * none). */
bool store_finish(struct store *, int64_t run, const struct store_save *state, struct error *e);
void store_finish_abort(struct store *, int64_t run);

/* Reading: 1 there, 0 not there, −1 and *e. Bytes are appended to *out. */
int store_get_result(struct store *, int64_t run, int32_t ord, struct strbuf *out, struct error *e);
int store_get_latent(struct store *, int64_t run, int32_t latent, struct strbuf *out,
                     struct error *e);
int store_get_posting(struct store *, int64_t run, int32_t latent, int32_t segment,
                      struct strbuf *positions, struct strbuf *values, struct error *e);

/* ---- housekeeping */
struct store_entry { /* one run */
    int64_t id, bytes, last_used /* Unix seconds */, n_chunks, next_chunk;
    bool done;
    char study[24], model[64], dict[256], corpus[64], precision[16], engine[32]; /* cut with … */
    struct sha256 key;
};
/* All runs, last used first; *out freed by free(). */
bool store_list(struct store *, struct store_entry **out, int64_t *n, struct error *e);
bool store_args(struct store *, int64_t run, struct strbuf *args_json, struct error *e);
bool store_remove(struct store *, int64_t run, struct error *e);
/* Removes runs not used for `days` days (< 0: no limit), then the longest unused until the file is
 * at most `bytes` (< 0: no limit); gives the space back. *removed: how many. Runs that a living
 * process is at stay. */
bool store_prune(struct store *, double days, int64_t bytes, int64_t *removed, struct error *e);
int64_t store_bytes(const struct store *); /* of the file and its journal */
/* PRAGMA integrity_check and the relations between rows; false and *e names the first fault, which
 * is damage unless the disk could not be read. */
bool store_check(struct store *, struct error *e);
#endif
