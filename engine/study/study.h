/* What a study is, and the one driver that runs them all.
 *
 * A study gives chunks that are pure functions of (inputs, index) and folds them in order; it knows
 * neither loop nor progress nor store. The driver owns the loop, progress, cancelling and
 * checkpoints; who calls it decides where checkpoints go. A chunk's composition is fixed by the
 * study, never by the machine, so a resumed run equals an undisturbed one bit for bit.
 *
 * Chunks fold within fixed segments, and segments merge in order: several processes that fold a
 * segment each, and send it by save and load, give the bits of one process that does them all.
 *
 * Between two operations of a chunk `run.poll` is called: a live request overtakes there. */
#ifndef GLIMT_STUDY_STUDY_H
#define GLIMT_STUDY_STUDY_H
#include "engine/base/table.h"
#include "engine/dict/dict.h"
#include "engine/formats/corpus.h"
#include "engine/model/model.h"
#include "engine/session/session.h"
#include "engine/study/blob.h"
#include "engine/study/param.h"
#include "engine/text/tokenizer.h"

#define STUDY_VERSION 3 /* part of every cache key: counted up when the numbers of all change */

struct study_in {        /* all borrowed; must outlive the study */
    struct queue *queue; /* of jobs: what a study does on a device it does here */
    const struct model *model;
    const struct tokenizer *tokenizer;
    const struct dict *dict; /* an SAE or neurons: the first of `dicts` */
    struct point at;
    const struct corpus *corpus; /* NULL: a study that needs none */
    bool bos;                    /* prepended; never counted as a token of the text */
    bool special;                /* special tokens spelled out become their ids */
    bool space;                  /* a blank before each document: of single words */
    /* The dictionaries that take part, and no others: a unit's `dict` is a place in it, and all of
     * it is part of the key. NULL: `dict` is all there is. */
    const struct dict_set *dicts;
    const struct study *needed; /* what study_ops.needs gave, at its end; until the last chunk */
};

#define STUDY_SEGMENT 1024 /* chunks: most corpora are one segment */

struct study;   /* each study has its own */
struct partial; /* likewise: what one chunk gives */

struct study_ops {
    const char *name;
    int32_t version; /* counted up when its numbers change: part of its keys, unless it is 0 */
    const struct param *params; /* NULL: none */
    /* Which places of a set take part under these parameters, a bit each (units_places: those of
     * its units). NULL: a run is of one dictionary, and what is asked of units of several is run
     * for each of them. */
    dict_places (*places)(const struct dict_set *, const struct params *);
    /* The study of the same inputs, and of the same values of the parameters that it has, that this
     * one goes on from; its parameters are this one's too. NULL: none. */
    const struct study_ops *needs;
    /* False and *e: inputs or parameters make no sense (a unit out of range: found and expected).
     * params has at least the rows of the table. */
    bool (*open)(const struct study_in *, const struct params *, struct study **out,
                 struct error *e);
    void (*free)(struct study *);
    int64_t (*n_chunks)(const struct study *);
    /* Computes chunk i on `run` (its arena is reset by the driver afterwards). NULL when run is not
     * ok. */
    struct partial *(*chunk)(struct study *, int64_t i, struct run *);
    void (*partial_free)(struct partial *);
    /* Whether a part of a partial is still on its way from the device: it is whole once the next
     * chunk is there, or after `land`, unless run is not ok then. What went wrong with it may be
     * heard of as late. NULL: it is always whole. */
    bool (*on_its_way)(const struct study *, const struct partial *);
    void (*land)(struct study *, struct run *);
    int64_t (*partial_tokens)(const struct partial *); /* of the text, for the rate */
    /* Takes chunk i in; called with i = 0, 1, …; the partial stays the caller's. */
    void (*fold)(struct study *, int64_t i, const struct partial *);
    /* Chunks of a segment; 0: the study is one, and has no merge. */
    int64_t segment;
    /* What is folded next begins a segment; NULL: sums of this study do not depend on the order. */
    void (*end_segment)(struct study *);
    /* Takes in `from`, a study of the same inputs and parameters that has folded one segment, the
     * one behind those of `to`. */
    void (*merge)(struct study *to, const struct study *from);
    /* Brings what fold left on the device; false and *e: it was lost. Whoever reads a study without
     * it gets as much, but hears of no failure. NULL: nothing is left there. */
    bool (*collect)(struct study *, struct error *e);
    /* All that fold changed, to go on from later; load takes untrusted bytes, to their end, of a
     * study opened with the same inputs and parameters. Neither makes a copy of the whole. */
    void (*save)(const struct study *, struct blob_writer *);
    bool (*load)(struct study *, struct blob_reader *, struct error *e);
    /* The result so far: valid at any time. A new set, the caller's. */
    struct table_set *(*tables)(struct study *);
};

struct study_progress {
    int64_t done, total;  /* chunks */
    double share;         /* 0 … 1 */
    double part;          /* of the chunk that is at work, which share counts; 0 behind a chunk */
    double tokens;        /* so far in this run of the program */
    double tokens_per_s;  /* over about the last 5 s; 0: not known yet */
    double bytes_per_s;   /* where bytes are read instead */
    double elapsed, left; /* seconds; left NaN: not known yet */
};

struct study_loop { /* what the driver reports to; all may be NULL / 0 */
    const atomic_bool *cancel;
    void (*poll)(void *);
    void *poll_arg;
    /* After each chunk, and a few times a second in those that tell how far they are (run_tell). */
    void (*progress)(void *, const struct study_progress *);
    void *progress_arg;
    /* Every checkpoint_s seconds, and when cancelled: keeps what the study saves; false and *e ends
     * the run. */
    bool (*checkpoint)(void *, const struct study *, int64_t next_chunk, struct error *e);
    void *checkpoint_arg;
    double checkpoint_s; /* 0: 20 */
    int64_t end;         /* chunks before this one alone: of one segment; 0: all */
};

/* Runs chunks from `first` to the end (or the loop's). False: *e is ERROR_CANCELLED (a checkpoint
 * was made), or what went wrong. */
bool study_run(const struct study_ops *, struct study *, struct queue *, int64_t first,
               const struct study_loop *, struct error *e);

extern const struct study_ops harvest_study, values_study, sweep_study, coactive_study, lens_study,
    proof_study, words_study, activity_study, ablate_study, hidden_study, probe_study, kept_study,
    regress_study;
#endif
