/* Entries of a zip archive in memory, stored as they are (as torch.save writes them) or deflated;
 * also ZIP64. Private to engine/formats. After PKWARE's APPNOTE 6.3.10,
 * sections 4.3.7, 4.3.12, 4.3.14 to 4.3.16 and 4.5.3. Everything is checked to lie inside the n
 * bytes at p, which must outlive the struct. */
#ifndef GLIMT_FORMATS_ZIP_H
#define GLIMT_FORMATS_ZIP_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

struct zip_entry {
    const char *name; /* n_name bytes, no NUL */
    size_t n_name;
    const uint8_t *p;  /* its bytes in the archive */
    size_t n;          /* how many they are */
    size_t n_inflated; /* of a deflated one: how many it says they become; 0: stored */
};
struct zip {
    struct zip_entry *entry; /* sorted by name, no two alike */
    size_t n;
};

/* `path` is for messages. zip_release in any case. */
bool zip_read(struct zip *, const uint8_t *p, size_t n, const char *path, struct error *e);
void zip_release(struct zip *);
/* The bytes of a deflated entry, checked to be as many as it says; the caller frees. NULL and *e.
 */
uint8_t *zip_inflate(const struct zip_entry *, const char *path, struct error *e);
/* The entry of this name; NULL: not there. */
const struct zip_entry *zip_find(const struct zip *, const char *name, size_t n_name);
#endif
