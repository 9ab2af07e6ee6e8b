/* Any bytes as a .pt or .npz: those that begin with "PK" as the archive, with 0x80 as the pickle of
 * a well-formed .pt with one storage of 64 bytes, others as the one array of a well-formed .npz.
 * Every byte of what opens is read. */
#include "engine/base/memory.h"
#include "engine/formats/tensors_private.h"
#include "tests/engine/formats/zip_build.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void open_all(const uint8_t *p, size_t n)
{
    uint8_t *file = xmemdup(p, n);
    struct tensors *ts = NULL;
    struct error e = {0};
    const bool ok = tensors_open_bytes("x.pt", file, n, &ts, &e);
    if (ok == error_is_set(&e) || ok != (ts != NULL))
        abort();
    for (size_t i = 0; ok && i < tensors_count(ts); i++) {
        const struct named_tensor *t = tensors_at(ts, i);
        free(xmemdup(t->data, t->n_bytes));
        if (tensors_find(ts, t->name) != t)
            abort();
    }
    tensors_close(ts);
    free(file);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint8_t storage[64] = {1, 2, 3};
    if (size >= 2 && data[0] == 'P' && data[1] == 'K') {
        open_all(data, size);
        return 0;
    }
    const bool pickle = size > 0 && data[0] == 0x80;
    const struct entry entries[] = {{pickle ? "a/data.pkl" : "a.npy", data, size, 0, 0},
                                    {"a/data/0", storage, sizeof storage, 0, 0}};
    struct bytes *zip = xcalloc(1, sizeof *zip);
    if (size < sizeof zip->p - 1024) {
        zip_build(zip, entries, pickle ? 2 : 1, &(struct options){0});
        open_all(zip->p, zip->n);
    }
    free(zip);
    return 0;
}
