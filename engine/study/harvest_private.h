/* The parts of a harvest: dense statistics (every latent on every sampled token) and examples
 * (tokens on which a latent was active), both for one chunk and for all of them.
 *
 * Memory at m latents and C classes: dense 280·m·C bytes (on the device one of all chunks and one
 * of the chunk at hand: a chunk of raw pre-activations would take 4·m a token; one on the host),
 * examples 768 bytes for each latent
 * and class that fired. 65,536 latents and 2 classes: 37 + 37 + at most 101 MB, and 12 MB for the
 * examples of an ordinary chunk. */
#ifndef GLIMT_STUDY_HARVEST_PRIVATE_H
#define GLIMT_STUDY_HARVEST_PRIVATE_H
#include "engine/study/harvest.h"
#include "engine/study/pass.h"

/* ---- histograms and moments */
struct dense { /* arrays by class: [C][m], bins [C][m][HARVEST_BINS] */
    int32_t m, n_classes;
    int64_t n[CORPUS_MAX_CLASSES]; /* tokens */
    int32_t *exponent;             /* [m] */
    double *sum, *sum_sq;          /* of the segment at hand */
    double *closed, *closed_sq;    /* of the segments before, in order */
    float *min, *max;              /* +∞, −∞ while there is nothing */
    uint32_t *bin;
    /* All but n and what is closed is counted on the device: */
    struct run run;    /* that nothing interrupts; its error stays */
    struct hist total; /* there: it holds what these arrays do; newer: more */
    bool there, newer;
};
struct dense *dense_new(struct queue *, int32_t m, int32_t n_classes);
void dense_free(struct dense *);
void dense_forget(struct dense *); /* nothing is counted */
/* A part to count in, empty, and one made empty again. */
struct hist dense_part(struct dense *);
void dense_clear(struct dense *, const struct hist *);
/* Moves what a part holds into the whole; n is the caller's. */
void dense_take(struct dense *, const struct hist *);
/* The arrays are right after it, until the next dense_take. An error stays in run.err. */
void dense_read(struct dense *);
void dense_leave(struct dense *); /* gives the device's memory back, that of all parts */
void dense_end_segment(struct dense *);
/* A segment that was counted elsewhere; `from` is read. */
void dense_merge(struct dense *, const struct dense *from);
/* The smallest exponent ≥ e at which v is inside. */
int32_t bins_exponent(int32_t e, float v);
static inline size_t dense_at(const struct dense *d, int32_t cls, int32_t latent)
{
    return (size_t)cls * (size_t)d->m + (size_t)latent;
}

/* ---- levels of activations */
#define LEVEL_NONE INT32_MIN /* largest, where nothing is counted */
int32_t level_of(float);
float level_from(int32_t level); /* the smallest value of a level */
void levels_clear(struct levels *);
void levels_add(struct levels *, float);
void levels_fold(struct levels *, const struct levels *from);
/* Where the values of a level are counted. */
int32_t level_index(const struct levels *, int32_t level);

/* ---- examples */
struct examples { /* of one latent and class */
    uint32_t cell;
    uint16_t n_top, n_sample;
    int64_t fired;
    uint64_t last_hash; /* of the sample's last, the largest */
    struct levels levels;
    struct example top[HARVEST_TOP];    /* best first */
    struct example sample[HARVEST_TOP]; /* smallest hash first */
};
struct example_pool { /* examples of those cells (latent·C + class) that fired */
    int32_t m, n_classes;
    uint32_t *slot; /* [m·C] 1 + index, 0: none */
    uint32_t n;
    size_t n_pages, cap_pages;
    struct examples **page;
};
void pool_init(struct example_pool *, int32_t m, int32_t n_classes);
void pool_release(struct example_pool *);
void pool_clear(struct example_pool *); /* memory kept */
static inline uint32_t pool_cell(const struct example_pool *p, int32_t latent, int32_t cls)
{
    return (uint32_t)latent * (uint32_t)p->n_classes + (uint32_t)cls;
}
/* NULL when the cell never fired. */
struct examples *pool_find(const struct example_pool *, uint32_t cell);
struct examples *pool_take(struct example_pool *, uint32_t cell); /* made when it is new */
struct examples *pool_index(const struct example_pool *, uint32_t i);
/* One token on which the cell's latent was active; does not count it. */
void examples_add(struct examples *, int32_t latent, struct example);
void pool_fold(struct example_pool *, const struct example_pool *from);
bool example_better(struct example a, struct example b);

/* ---- the study */
struct posting { /* one token */
    int32_t doc, pos, n;
};
struct postings {
    size_t n, cap, n_pairs, cap_pairs, cap_values;
    struct posting *token;
    int32_t *id;
    float *value;
};
struct tally { /* on the device, of a chunk */
    struct hist hist;
    bool filled;
};
struct partial {
    struct study *study;  /* that takes the memory back */
    struct partial *next; /* spare */
    struct tally *tally;
    struct example_pool pool;
    struct harvest_class count[CORPUS_MAX_CLASSES];
    struct postings postings;
};
struct study {
    struct study_in in;
    bool keep; /* postings */
    int32_t m, n_classes;
    bool measured;                    /* share is known */
    double share[CORPUS_MAX_CLASSES]; /* of a class's tokens in the sample */
    struct harvest_class count[CORPUS_MAX_CLASSES];
    struct dense *dense;
    struct example_pool pool;
    struct postings postings;
    struct partial *spare;  /* of earlier chunks */
    struct sub_batch {      /* codes on their way from the device, and what their rows are */
        struct partial *to; /* NULL: of none */
        uint64_t mark;      /* they are there behind it */
        struct csr_host codes;
        int32_t n_rows;
        struct pass_row *row;
        int32_t *cls; /* [n_rows] */
        size_t cap_rows, cap_cls;
    } batch[2]; /* the one at hand, and the one before, while the device has it; in turn */
    int32_t turn;
};
void harvest_save(const struct study *, struct blob_writer *);
bool harvest_load(struct study *, struct blob_reader *, struct error *);

/* Share of the target and pooled share of the others; NaN where there are no tokens. */
void detail_shares(const struct latent_detail *, const struct harvest_class *, int32_t target,
                   double *share, double *other);
#endif
