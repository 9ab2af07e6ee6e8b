/* Text from outside, made UTF-8: unpacked where it is packed (gzip, xz), its byte order mark
 * dropped, decoded. Nothing is repaired: what is neither UTF-8 nor of the encoding named is
 * refused with its line and byte. Files are untrusted. */
#ifndef GLIMT_FORMATS_TEXT_FILE_H
#define GLIMT_FORMATS_TEXT_FILE_H
#include "engine/base/error.h"
#include "engine/formats/mapping.h"

struct text_spec {        /* strings borrowed */
    const char *encoding; /* a name that iconv knows, of text that has no mark and is not UTF-8;
                             NULL: such text is refused */
    bool xml;             /* an XML declaration at its beginning names its encoding, too */
    size_t first;         /* so many bytes of text from the beginning are enough, more may come: of
                             a larger file that is not packed the end is not looked at; 0: all */
    size_t limit;         /* more bytes of text are refused; 0: none but packed data that can be no
                             text (more than 256 times their size and 64 MiB, or 4 GiB) */
    /* Told while it is unpacked and decoded what share of that is done (of text that is neither:
     * never); false ends it with ERROR_CANCELLED. NULL: nobody waits. */
    bool (*step)(void *arg, double share);
    void *step_arg;
};

struct text_file {
    const char *p; /* valid UTF-8 without a mark; not NUL-terminated; never NULL */
    size_t n;
    size_t mark;        /* bytes of the mark, where p are the bytes given, without it */
    struct mapping map; /* p points into it, or */
    char *own;          /* here, or to the bytes given */
};

/* The text of a regular file, or of n bytes that stay the caller's and must outlive it; name: of
 * where they come from. text_close in either case. */
bool text_open(struct text_file *, const char *path, const struct text_spec *, struct error *e);
bool text_of_bytes(struct text_file *, const char *name, const void *p, size_t n,
                   const struct text_spec *, struct error *e);
void text_close(struct text_file *);
/* Also "latin-1", "utf16le": as people write them. */
bool text_encoding_known(const char *name);
#endif
