/* What the readers of tensor files share. Private to engine/formats.
 *
 * A reader gets a `struct tensors` with its file mapped as the last of `file`, and adds what it
 * finds; on failure the caller closes the whole. Names, metadata and copies belong to the struct.
 */
#ifndef GLIMT_FORMATS_TENSORS_PRIVATE_H
#define GLIMT_FORMATS_TENSORS_PRIVATE_H
#include "engine/formats/mapping.h"
#include "engine/formats/tensors.h"

struct tensor_file {
    char *path;
    struct mapping map;
    bool borrowed; /* map is memory of the caller's: neither unmapped nor dropped */
};
struct tensor_fact {
    char *key, *value;
};
struct tensors {
    bool pickled;           /* by torch.save, as the bytes say */
    struct named_tensor *t; /* sorted by name once open */
    size_t n, cap;
    struct tensor_file *file;
    size_t n_files, files_cap;
    struct tensor_fact *fact;
    size_t n_facts, facts_cap;
    void **owned; /* names and copies, freed at the end */
    size_t n_owned, owned_cap;
};

struct element_type {
    const char *name; /* as safetensors spells it */
    int type;         /* enum dtype or −1 */
    size_t n_bytes;   /* of one element; 0: less than a byte */
};
/* NULL: unknown. The table is const, so the name may be kept. */
const struct element_type *element_type_find(const char *name);

/* Maps path as a new last file. */
bool tensors_map(struct tensors *, const char *path, struct error *e);
/* As tensors_open of a file that holds these bytes, which must outlive the struct (for fuzzers: on
 * the heap the sanitizers see every step beyond the end). `path` is for messages. */
bool tensors_open_bytes(const char *path, const uint8_t *p, size_t n, struct tensors **out,
                        struct error *e);
/* Takes p (from malloc) and frees it at the end; returns it. */
void *tensors_own(struct tensors *, void *p);
/* Adds a tensor; name, type_name and data must live as long as the struct. */
void tensors_add(struct tensors *, const struct named_tensor *);
/* Adds a copy of key and value. */
void tensors_add_fact(struct tensors *, const char *key, const char *value);
/* "[2, 3]" into out. */
void shape_text(char *out, size_t n, int32_t n_dims, const int64_t *dim);
/* Product of the dimensions and the element size; false: negative or does not fit. */
bool shape_bytes(int32_t n_dims, const int64_t *dim, size_t element, size_t *out);

/* The readers: of the last file. */
bool safetensors_read(struct tensors *, struct error *e);
bool pt_read(struct tensors *, struct error *e);
bool npz_read(struct tensors *, struct error *e);
/* Does a zip begin with an array of NumPy's? */
bool npz_is(const uint8_t *p, size_t n);
#endif
