/* Any bytes as a .npz: those that begin with "PK" as the archive, others as the one array of a
 * well-formed archive. Every byte of what opens is read. */
#include "engine/base/memory.h"
#include "engine/formats/tensors_private.h"
#include "tests/engine/formats/zip_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_all(const uint8_t *p, size_t n)
{
    uint8_t *file = xmemdup(p, n);
    struct tensors *ts = NULL;
    struct error e = {0};
    const bool ok = tensors_open_bytes("x.npz", file, n, &ts, &e);
    if (ok == error_is_set(&e) || ok != (ts != NULL))
        abort();
    for (size_t i = 0; ok && i < tensors_count(ts); i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        free(xmemdup(t->data, t->n_bytes));
    }
    tensors_close(ts);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size >= 2 && data[0] == 'P' && data[1] == 'K') {
        open_all(data, size);
        return 0;
    }
    struct bytes *zip = xcalloc(1, sizeof *zip);
    if (size < sizeof zip->p - 1024) {
        const struct entry entry = {"a.npy", data, size, 0, 0};
        zip_build(zip, &entry, 1, &(struct options){0});
        open_all(zip->p, zip->n);
    }
    free(zip);
    return 0;
}
