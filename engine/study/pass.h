/* Documents through the model up to a hook point: what most studies' chunks begin with.
 *
 * A chunk is caps.chunk_docs consecutive documents of the corpus, tokenised alone; those longer
 * than the model's context are cut into consecutive windows, each a sequence of its own (with BOS
 * where asked). Sub-batches of whole windows keep each operation under about 10 ms on the CPU. */
#ifndef GLIMT_STUDY_PASS_H
#define GLIMT_STUDY_PASS_H
#include "engine/lane/sequences.h"
#include "engine/study/study.h"

struct pass_range { /* documents first … first + n − 1 */
    int64_t first;
    int32_t n;
};

struct pass_doc { /* one document, tokenised (without BOS) */
    int64_t doc;
    int32_t n;
    struct token *token; /* its bytes are those of the text with in->space's blank before it */
};
struct pass_row { /* what one row of a batch is */
    int64_t doc;
    int32_t pos; /* token of the document; −1: BOS */
};

int64_t pass_chunks(const struct study_in *);
struct pass_range pass_range(const struct study_in *, int64_t i); /* of a chunk; n 0: none */
/* Documents first … first + n − 1 tokenised; caller frees with pass_docs_free. */
struct pass_doc *pass_docs(const struct study_in *, int64_t first, int32_t n);
void pass_docs_free(struct pass_doc *, int32_t n);

struct pass_cut {                 /* documents longer than the context, which windows are made of */
    int64_t docs, windows, first; /* first: the first such document, −1: none */
    int64_t of_class[CORPUS_MAX_CLASSES]; /* documents */
};
/* Looks only at documents whose bytes could make more tokens than a window has. False: cancelled.
 */
bool pass_cut(const struct study_in *, const atomic_bool *cancel, struct pass_cut *);

struct pass_batch { /* a sub-batch with the state at the hook; no keys or values are kept */
    int32_t n_rows;
    const struct pass_row *row;
    const struct sequences *seq; /* its windows */
    struct state state; /* where study_in.dict reads (dict_reads), or where pass_how says */
};
/* Calls `each` for the sub-batches of chunk i in order; the arena is reset after each call. Stops
 * when the run is not ok; values that are no numbers are an error that names the sentences. */
void pass_chunk(struct run *, const struct study_in *, int64_t i,
                void (*each)(void *arg, struct run *, const struct pass_batch *), void *arg);

struct pass_how {            /* borrowed */
    struct point to;         /* where the state of a sub-batch is */
    const struct hook *hook; /* on the way there: of all rows of a sub-batch */
    int32_t n_hooks;
    int32_t most; /* > 0: a document is its first window, at most so many tokens of it */
};
/* The same in another way than whole documents, undisturbed, to where the dictionary reads. */
void pass_chunk_how(struct run *, const struct study_in *, int64_t i, const struct pass_how *,
                    void (*each)(void *arg, struct run *, const struct pass_batch *), void *arg);
#endif
