/* Writing a file piece by piece, beside its final place, and renaming it there at the end: a full
 * disk or a crash leaves the old file. Private to engine/formats. What is there and no regular file
 * (a device, a pipe) is written straight. After file_out_open returned true, exactly one of _commit
 * and _abort ends it. */
#ifndef GLIMT_FORMATS_FILE_OUT_H
#define GLIMT_FORMATS_FILE_OUT_H
#include "engine/base/error.h"
#include <stddef.h>

struct file_out {
    int fd;
    char *path, *beside; /* owned; beside NULL: written straight */
};

bool file_out_open(struct file_out *, const char *path, struct error *e);
bool file_out_write(struct file_out *, const void *p, size_t n, struct error *e);
bool file_out_commit(struct file_out *, struct error *e); /* ends it also when it fails */
void file_out_abort(struct file_out *);
#endif
