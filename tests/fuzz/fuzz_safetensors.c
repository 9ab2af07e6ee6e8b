/* Any bytes as a .safetensors file; those that begin with '{' get the length before them, so that
 * the fuzzer need not keep it right, and what follows \1 are the data. Every byte of what opens is
 * read. */
#include "engine/base/memory.h"
#include "engine/formats/tensors_private.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void use(const struct tensors *ts)
{
    for (size_t i = 0; i < tensors_count(ts); i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        if (tensors_find(ts, t->name) != t)
            abort();
        uint8_t *copy = xmemdup(t->data, t->n_bytes);
        if (t->type >= 0) {
            const size_t n = t->n_bytes / dtype_size((enum dtype)t->type);
            float *x = xcalloc(n, sizeof *x);
            tensor_to_f32(x, t->data, (enum dtype)t->type, n);
            free(x);
        }
        free(copy);
        struct error e = {0};
        if (tensors_need(ts, t->name, t->n_dims, t->dim, &e) == NULL && !error_is_set(&e))
            abort();
        tensors_done(ts, t);
    }
    tensors_metadata(ts, "format");
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const bool header = size > 0 && data[0] == '{';
    const uint8_t *cut = header ? memchr(data, 1, size) : NULL;
    const size_t n_header = cut != NULL ? (size_t)(cut - data) : size,
                 n_data = cut != NULL ? size - n_header - 1 : 0;
    const size_t n = header ? 8 + n_header + n_data : size;
    uint8_t *file = xcalloc(n, 1);
    if (header) {
        for (int i = 0; i < 8; i++)
            file[i] = (uint8_t)((uint64_t)n_header >> 8 * i);
        memcpy(file + 8, data, n_header);
        if (n_data > 0)
            memcpy(file + 8 + n_header, cut + 1, n_data);
    } else if (size > 0) {
        memcpy(file, data, size);
    }
    struct tensors *ts = NULL;
    struct error e = {0};
    const bool ok = tensors_open_bytes("x.safetensors", file, n, &ts, &e);
    if (ok == error_is_set(&e) || ok != (ts != NULL))
        abort();
    if (ok) {
        use(ts);
        tensors_close(ts);
    }
    free(file);
    return 0;
}
