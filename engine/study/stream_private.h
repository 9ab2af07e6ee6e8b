/* What the files of the stream study share. */
#ifndef GLIMT_STREAM_PRIVATE_H
#define GLIMT_STREAM_PRIVATE_H
#include "engine/study/doc_means.h"
#include "engine/study/runs.h"
#include "engine/study/stream.h"
#include "engine/study/vocabulary.h"

/* Columns of effects: losses (or what is said) at the end of these streams. */
enum { END_A, END_B, END_DIRECT, END_INDIRECT, N_ENDS };

struct stream_group { /* units of one component */
    struct point from, out;
    bool itself; /* their point is one of the stream */
};

struct study {
    struct doc_means docs;
    struct study_in in;
    struct two_runs runs;
    int measure, metric;
    bool frozen, centred;
    int32_t n_groups;
    struct stream_group group[DICT_SET_MAX];
    int32_t n_points; /* of attribution: streams; of patch: components */
    struct point *point;
    struct point end; /* the last stream */
    uint64_t seed;
    /* once a chunk needs it: */
    bool reads_logits, ready;
    struct vocabulary vocabulary; /* its mean */
    float *gamma;                 /* [d] of the final norm */
};
DOC_MEANS_FIRST(docs);
struct table_set *stream_tables(struct study *);
#endif
