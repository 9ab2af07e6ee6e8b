/* From a file's tensors to the backend: what model and dictionary share when they open. Private to
 * engine/. */
#ifndef GLIMT_DICT_PACK_H
#define GLIMT_DICT_PACK_H
#include "engine/formats/packs.h"
#include "engine/formats/tensors.h"

/* Packs a two-dimensional tensor, already checked by tensors_need, as a weight: [out, in] or, with
 * ORDER_IN_OUT, [in, out]; drops the source's pages. With USE_ROWS the weight goes on reading the
 * file's mapping. A value that is not finite is refused: with USE_PRODUCT here, rows that are only
 * gathered when they are (backend.h). rows: as in struct weight_source, or NULL. What is packed is
 * taken from `packs` (which the weight then reads) or put there, which may be NULL. NULL and *e on
 * failure. */
struct weight *pack_weight(struct backend *, const struct tensors *, const struct named_tensor *,
                           enum order, const int32_t *rows, unsigned uses, struct packs *,
                           struct error *e);
/* What the same call will take of the device's memory. What is kept in `packs` is mapped, and takes
 * none that could not be given back. */
uint64_t pack_need(struct backend *, const struct named_tensor *, enum order, const int32_t *rows,
                   unsigned uses, struct packs *);
/* Could what is kept make room for as many bytes, if all of it were theirs? Hashing large files,
 * which finding it needs, takes minutes. */
bool pack_may_fit(struct backend *, uint64_t need, const struct packs *);
/* The tensor `name` of shape [n], every value finite, as an f32 vector [1, n] of the device, its
 * element i the source's element order[i] (NULL: i) + plus; the caller syncs, and frees out->buf.
 */
bool pack_vector(struct queue *, const struct tensors *, const char *name, int32_t n,
                 const int32_t *order, float plus, struct tensor *out, struct error *e);
/* Of a struct named_tensor, as run_name (engine/run.h) takes it: file and name. */
void pack_name(const void *tensor, int64_t, int64_t, char *to, size_t n);
#endif
