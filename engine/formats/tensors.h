/* Named tensors of a file or folder: .safetensors (one, or shards by model.safetensors.index.json),
 * NumPy's .npz, and PyTorch's .pt state dicts (zip; the pickle is read by an
 * interpreter of the few opcodes of a state dict, and nothing is ever executed). Files are
 * untrusted: every size, offset, shape and dtype is checked before memory is touched. Data stay in
 * the mapping but for deflated ones and views with gaps or turned dimensions (host byte order is
 * little-endian; static_assert in the implementation). */
#ifndef GLIMT_FORMATS_TENSORS_H
#define GLIMT_FORMATS_TENSORS_H
#include "engine/backend.h"
#include <stddef.h>
#include <stdint.h>

#define TENSOR_MAX_DIMS 4
struct named_tensor {
    const char *name;
    int type; /* enum dtype, or −1 for one that we do not compute with; its spelling in type_name */
    const char *type_name;
    int32_t n_dims;
    int64_t dim[TENSOR_MAX_DIMS];
    const void *data; /* contiguous, row-major; may be unaligned */
    size_t n_bytes;
    const char *file; /* its path */
};

struct tensors;

/* path: a .safetensors, .npz or .pt file, or a folder with model.safetensors or its index. */
bool tensors_open(const char *path, struct tensors **out, struct error *e);
void tensors_close(struct tensors *);
size_t tensors_files(const struct tensors *); /* how many, and their paths */
const char *tensors_file(const struct tensors *, size_t i);
size_t tensors_count(const struct tensors *);
const struct named_tensor *tensors_at(const struct tensors *, size_t i);
const struct named_tensor *tensors_find(const struct tensors *,
                                        const char *name); /* NULL: not there */
/* A tensor that must be there in this shape (n_dims dims; −1 matches any) and f32, f16 or bf16;
 * NULL and *e (names file, tensor, found, expected). */
const struct named_tensor *tensors_need(const struct tensors *, const char *name, int32_t n_dims,
                                        const int64_t *dim, struct error *e);
/* Was the file written by torch.save, whatever its name? */
bool tensors_are_pickled(const struct tensors *);
/* safetensors' __metadata__ string, or a .pt's non-tensor string entry; NULL: not there. */
const char *tensors_metadata(const struct tensors *, const char *key);
/* Drops a tensor's pages after it was packed. */
void tensors_done(const struct tensors *, const struct named_tensor *);
/* n elements as f32; type F32, F16, BF16; handles unaligned sources. */
void tensor_to_f32(float *dst, const void *src, enum dtype, size_t n);

/* Of a vector, as tensors_need gave it: false and *e, naming file, tensor and the first index, when
 * a value is a NaN or an infinity. (Matrices: backend.h, weight_new.) */
bool tensor_check_finite(const struct named_tensor *, struct error *e);

struct tensor_out { /* for tensors_save_safetensors */
    const char *name;
    enum dtype type;
    int32_t n_dims;
    int64_t dim[TENSOR_MAX_DIMS];
    const void *data;
};
/* Writes a .safetensors (beside and renamed); metadata: key, value, key, value, … NULL. */
bool tensors_save_safetensors(const char *path, const struct tensor_out *, size_t n,
                              const char *const *metadata, struct error *e);
#endif
