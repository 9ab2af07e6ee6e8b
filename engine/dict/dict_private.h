/* What the files of engine/dict share. */
#ifndef GLIMT_DICT_PRIVATE_H
#define GLIMT_DICT_PRIVATE_H
#include "engine/base/hash.h"
#include "engine/dict/dict.h"
#include "engine/formats/json.h"
#include "engine/formats/tensors.h"
#include <stdatomic.h>

/* ---- what a reader is given, and what it says */
struct dict_file {
    const char *path; /* of the weights */
    const struct tensors *tensors;
    const json_t *config; /* the object in the configuration beside them; NULL: there is none */
    const char *config_path;
    const struct dict_hint *hint;
};

struct dict_matrix {
    struct named_tensor t; /* data NULL: there is none */
    enum order order;
    void *own; /* the data, where they are not the file's; owned */
};
struct dict_vector {
    const char *name;
    float *v;     /* owned; NULL: there is none */
    bool changed; /* other values than the file's */
};
/* What a format has learnt about a file before its weights are packed. */
struct dict_parts {
    struct dict_matrix encoder;      /* [m, n] */
    struct dict_matrix decoder;      /* [m, n_out]; none: tied to the encoder */
    struct dict_matrix skip;         /* [n_out, n], where spec.skip */
    struct dict_vector encoder_bias; /* [m]; GATED: the gate's */
    struct dict_vector decoder_bias; /* [n_out] or none */
    struct dict_vector threshold;    /* THRESHOLD: [spec.n_thresholds] */
    struct dict_vector log_scale;    /* GATED: r_mag [m] */
    struct dict_vector value_bias;   /* GATED: mag_bias [m] */
};
void dict_parts_release(struct dict_parts *);
/* Makes of the matrix one of its own with its rows [m, n] one after the other, in its dtype. */
bool matrix_turn(struct dict_matrix *, struct error *e);
/* Makes of the matrix one of its own, in f32: row i times by[i], of row i the length. */
bool matrix_scale_rows(struct dict_matrix *, const double *by, struct error *e);
bool scale_matrix(struct dict_matrix *, double by, struct error *e);
/* Decoder rows of length 1, their lengths in encoder and its bias, which are read; nothing changes
 * where no length is farther from 1 than the tolerance. */
bool unit_decoder(struct dict_parts *, double tolerance, struct error *e);

/* A tied decoder becomes one of its own. */
void part_decoder(struct dict_parts *);

/* ---- input.c. Weights that read `in` times the activations, and give `out` times the
 * reconstruction (of an SAE as many), become such of the activations themselves. */
bool fold_scale(struct dict_spec *, struct dict_parts *, double in, double out, struct error *e);
struct whitening { /* z = (x − mean)·matrix, x = z·inverse + mean; owned */
    double *mean, *matrix, *inverse;
    struct sha256 hash; /* of its file */
};
bool whitening_open(const char *path, int32_t n, struct whitening *, struct error *e);
void whitening_release(struct whitening *);
/* The same of whitened activations. */
bool fold_whitening(struct dict_spec *, struct dict_parts *, const struct whitening *,
                    struct error *e);

/* A format: whether a file is one of its, by its tensors and its configuration; and what spec and
 * parts are then, or why it is refused. spec comes with every source "default". */
struct dict_reader {
    bool (*knows)(const struct dict_file *);
    bool (*read)(const struct dict_file *, struct dict_spec *, struct dict_parts *,
                 struct error *e);
};
extern const struct dict_reader dict_reader_glimt, dict_reader_saelens, dict_reader_sparsify,
    dict_reader_gemma_scope, dict_reader_openai, dict_reader_dictionary_learning, dict_reader_w_enc,
    dict_reader_sibbesen, dict_reader_llama_scope, dict_reader_goodfire;

/* The weights in a folder; NULL and *e: there are none, or several. The caller frees. */
char *dict_file_in(const char *dir, struct error *e);
/* Finds the reader of the open file, and asks it. */
bool dict_read(const char *path, const struct tensors *, const struct dict_hint *,
               struct dict_spec *, struct dict_parts *, struct error *e);

/* ---- for readers. All false with *e: a tensor or an entry that is not what it must be. */
bool read_matrix(const struct dict_file *, const char *name, int64_t rows, int64_t cols, enum order,
                 struct dict_matrix *out, struct error *e);
/* The decoder [m, n_out] (or, with ORDER_IN_OUT, turned), of a transcoder of any width: n_out. */
bool read_decoder(const struct dict_file *, const char *name, enum order, struct dict_spec *,
                  struct dict_parts *, struct error *e);
/* Every value finite. */
bool read_vector(const struct dict_file *, const char *name, int32_t n, struct dict_vector *out,
                 struct error *e);
/* One number, of no dimension or one, of any type of float. */
bool read_scalar(const struct dict_file *, const char *name, struct dict_vector *out,
                 struct error *e);
bool read_whole(const struct dict_file *, const char *name, int64_t *out, struct error *e);
/* spec.m, spec.n and spec.n_out (as of an SAE) from the encoder. */
bool read_sizes(const struct dict_matrix *encoder, struct dict_spec *, struct error *e);
bool has_tensor(const struct dict_file *, const char *name);
/* The hook of the hint, else the one of that name (NULL: none); at.layer −2: nobody says. */
bool read_hook(const struct dict_file *, const char *name, const char *source, struct dict_spec *,
               struct error *e);
/* A path of transformers with ".output" or ".input" behind it as a hook point's name; false: none
 * that we know. */
bool hook_of_module(const char *name, char out[POINT_NAME_MAX]);
/* That it is a transcoder, from `source`; `from` (NULL: not said, then mlp.in) is the point that it
 * reads. After read_hook. */
bool read_transcodes(const struct dict_file *, const char *from, const char *source,
                     struct dict_spec *, struct error *e);
/* The same of one that reads what a module (a path of transformers') reads. */
bool read_transcoded_module(const struct dict_file *, const char *module, const char *source,
                            struct dict_spec *, struct error *e);
/* The norm of that name, of SAELens' and of our own; *known false: of another name. */
enum norm_in norm_in_named(const char *name, bool *known);
/* k of the hint, else `k` from `source`; checked against the kind of selection. */
bool read_k(const struct dict_file *, int64_t k, const char *source, struct dict_spec *,
            struct error *e);
bool check_k(const struct dict_file *, const struct dict_spec *, struct error *e);
bool wants_k(const struct dict_spec *);
/* Digits only, at most nine: −1 otherwise. */
int32_t small_number(const char *s, const char **end);

/* What entries of an object must be, where they are there and not null; others may be anything.
 * `path` is the object's file. */
enum config_kind {
    CONFIG_TRUTH,
    CONFIG_COUNT,
    CONFIG_NUMBER,
    CONFIG_TEXT,
    CONFIG_LIST,
    CONFIG_OBJECT
};
struct config_entry { /* key NULL: the end */
    const char *key;
    enum config_kind kind;
};
bool config_check(const char *path, const json_t *, const struct config_entry *, struct error *e);
/* A count that the tensors say, too: `of_what` they are. */
bool config_agrees(const char *path, const json_t *, const char *key, int32_t found,
                   const char *of_what, struct error *e);
/* 1 to `most`, where it is there. */
bool config_within(const char *path, const json_t *, const char *key, int32_t most,
                   struct error *e);

/* Entries of an object of the configuration; absent or null: *out stays. */
bool config_bool(const struct dict_file *, const json_t *, const char *key, bool *out,
                 struct error *e);
bool config_int(const struct dict_file *, const json_t *, const char *key, int64_t *out,
                struct error *e);
bool config_string(const struct dict_file *, const json_t *, const char *key, const char **out,
                   struct error *e);

/* ---- an open dictionary */
struct norm norm_of_input(enum norm_in);
struct dict {
    struct dict_spec spec;
    struct queue *queue; /* of the vectors; NULL: neurons */
    char *path;
    struct tensors *tensors; /* rows are gathered from its mapping */
    struct packs *packs;     /* the user's; NULL: none */
    void (*progress)(void *, uint64_t done, uint64_t total);
    void *progress_arg;
    uint64_t loaded, to_load; /* bytes of the file's matrices */
    struct dict_parts *parts; /* of the file, until they are loaded */
    uint64_t need;            /* of the device's memory, by loading them */
    struct named_tensor decoder_source;
    void *own[2]; /* encoder's and decoder's data where they are not the file's */
    size_t bytes;
    struct weight *encoder;     /* [m, n], products and rows */
    struct weight *decoder;     /* [m, n_out], rows; the encoder itself when tied */
    struct linear encode;       /* pre = x·W_eᵀ + bias, b_p folded into the bias when centring */
    struct weight *skip_weight; /* [n_out, n]; NULL: none */
    struct linear skip;         /* the same, without a bias */
    float *bias;                /* the same bias on the host, [m] */
    struct tensor decoder_bias; /* [1, n_out]; absent: none */
    bool shifts;                /* b_p is not 0 */
    struct norm norm;           /* of the input, where spec.norm */
    struct select by;           /* owns its tensors */
    _Atomic(double *) *row_norms; /* of the decoder's rows, once they were asked for */
    atomic_int *per_row;          /* active latents a row lately, of kinds without a bound */
};
#endif
