/* The pickle of a PyTorch state dict, as data. Private to engine/formats.
 *
 * Protocols 2 to 5 as torch.save writes them (Python's pickletools names the opcodes): dicts,
 * lists, tuples, strings, numbers, storages by persistent id, and calls of four names alone
 * (OrderedDict, _rebuild_tensor_v2, _rebuild_parameter, torch.Size), which become plain values.
 * Every other opcode or name is refused; nothing is ever executed. Memory is linear in the pickle's
 * size. Values may be shared, and may contain each other: a walker must bound itself.
 */
#ifndef GLIMT_FORMATS_PICKLE_H
#define GLIMT_FORMATS_PICKLE_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

#define PICKLE_MAX ((size_t)4 << 20) /* some 30,000 tensors */

enum pickle_kind {
    PICKLE_NONE,
    PICKLE_BOOL,
    PICKLE_INT,
    PICKLE_FLOAT,
    PICKLE_STRING,
    PICKLE_TUPLE, /* items */
    PICKLE_LIST,  /* items */
    PICKLE_DICT,  /* items: key, value, key, value … in the order they were set */
    PICKLE_GLOBAL,
    PICKLE_STORAGE,
    PICKLE_TENSOR,
};

struct storage_type {
    const char *name;    /* "FloatStorage" */
    const char *element; /* as safetensors spells it */
};

struct pickle_value {
    enum pickle_kind kind;
    union {
        bool truth;
        int64_t integer;
        double number;
        struct {
            const char *s; /* NUL-terminated, no NUL inside */
        } string;
        struct {
            struct pickle_value **v;
            size_t n, cap;
        } items;
        int global; /* index in the table of names, private */
        struct {
            const struct storage_type *type;
            const char *key; /* entry data/KEY of the archive */
            int64_t n;       /* elements */
        } storage;
        struct {
            const struct pickle_value *storage, *size,
                *stride;    /* tuples of integers, checked to be */
            int64_t offset; /* elements */
        } tensor;
    };
};

struct pickle; /* owns the values */

/* `path` is for messages. NULL and *e. */
struct pickle *pickle_read(const uint8_t *p, size_t n, const char *path, struct error *e);
void pickle_free(struct pickle *);
/* What the pickle holds. */
const struct pickle_value *pickle_root(const struct pickle *);
#endif
