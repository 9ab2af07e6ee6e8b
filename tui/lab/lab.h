/* Where requests are answered: the workbench, the cache and the corpora that are open. Belongs to
 * one thread (the worker, or the command line).
 *
 * A request is looked up in the cache by everything that changes it (hashes of model, dictionary,
 * tokenizer and corpus, options, precision, engine version), resumed where it was left, or computed
 * and kept. Without a cache (--cache none, or no disk) it is computed and kept in memory alone. */
#ifndef GLIMT_LAB_LAB_H
#define GLIMT_LAB_LAB_H
#include "engine/study/pass.h"
#include "store/store.h"
#include "tui/lab/loop.h"
#include "tui/lab/request.h"
#include "tui/workbench.h"

struct lab;

/* Both borrowed. Opening the cache waits for the first request. */
struct lab *lab_new(const struct workbench *, const struct options *);
void lab_free(struct lab *);

struct lab_facts { /* how it was answered */
    bool cached;   /* nothing was computed */
    bool resumed;  /* an unfinished run was gone on with */
    double seconds;
};
/* The caller owns a reference of *out. ERROR_CANCELLED: what was done is kept where there is a
 * cache. */
bool lab_run(struct lab *, const struct request *, const struct lab_loop *, struct table_set **out,
             struct lab_facts *facts, struct error *e);
/* Would it be answered in about a second: nothing has to be read, hashed or harvested before? */
bool lab_is_quick(struct lab *, const struct request *);
/* The corpus of a choice, opened once and kept; borrowed until lab_free. */
const struct corpus *lab_corpus(struct lab *, const struct corpus_choice *, enum corpus_split,
                                struct error *e);
/* Which documents of a choice are longer than the model's context; nothing is computed but tokens.
 */
bool lab_cut(struct lab *, const struct corpus_choice *, const struct lab_loop *, struct pass_cut *,
             struct error *e);
/* NULL: --cache none, or it could not be opened (*e says why; never said twice). */
struct store *lab_store(struct lab *, struct error *e);
/* Where the cache turned out to be damaged, or somebody deleted it: goes on with a new one (or
 * none), says so, and is true: what the cache was asked is worth asking again. Not within a request
 * that another one waits for, since that one knows runs of the old cache. */
bool lab_heal(struct lab *);
/* A line to say once: a cache file set aside, no cache; "note: …" of a corpus; "" otherwise. */
const char *lab_said(const struct lab *);
/* Norms of the tokens (struct vocabulary), computed once; borrowed until lab_free. NULL and *e:
 * what the device says. */
const double *lab_norms(struct lab *, struct error *e);
/* Computes a stored run anew and compares. false and *e: what differs, or why it can't be compared
 * (its corpus or model is not the one at hand: *comparable false). */
bool lab_verify(struct lab *, const struct store_entry *, const struct lab_loop *, bool *comparable,
                struct error *e);
#endif
