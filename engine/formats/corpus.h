/* Labelled text: documents (sentences) of two or more classes, in file order.
 *
 * Told by name and content (glimt.5, CORPORA): lines `text<TAB>label`, the last tab parts;
 * `.tmx` (class = language subtag in lower case, pair = translation unit); or one file a class:
 * `.json` a list of strings, `.jsonl` objects with `text`, `.conllu` its `# text` lines, else one
 * text a line; all of them packed by gzip or xz, too, and in any encoding (text_file.h). Text is
 * kept as it stands, as valid UTF-8. Files are untrusted.
 *
 * Lists of words are corpora, too: lines `word<TAB>class[<TAB>kind]`, blanks around a field are no
 * part of it; empty lines, lines that begin with # and a first line that names the columns (word,
 * class …) are skipped. */
#ifndef GLIMT_FORMATS_CORPUS_H
#define GLIMT_FORMATS_CORPUS_H
#include "engine/base/error.h"
#include "engine/base/hash.h"
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define CORPUS_MAX_CLASSES 64
#define CORPUS_MAX_KINDS 64

enum corpus_split { /* of the documents of each class, counted from 0 in file order; pairs: of units
                     */
                    CORPUS_ALL,
                    CORPUS_EVEN,
                    CORPUS_ODD
};

struct corpus_doc {
    const char *text; /* not NUL-terminated */
    size_t n;
    int32_t cls;  /* index of its class */
    int32_t pair; /* number of its translation unit (0 …); −1: none */
    int32_t line; /* where it stands in its file, from 1 (.tmx, .json: the how-manieth); what is
                     empty counts, so that a number finds its line */
    int32_t kind; /* of a word; −1: none is said */
};

struct corpus_class {
    char *name;
    int64_t n_docs, n_bytes;
};

struct corpus {         /* read-only after opening */
    char *name;         /* for people: file names, "references" */
    struct sha256 hash; /* of classes and documents as they are here (after limit and split) */
    int32_t n_classes;
    struct corpus_class cls[CORPUS_MAX_CLASSES];
    int32_t n_kinds; /* of words: "name", "noun"; no part of the hash */
    char *kind[CORPUS_MAX_KINDS];
    int64_t n_docs;
    struct corpus_doc *doc;
    bool paired; /* every document belongs to a pair of one document a class */
    char *bytes; /* what the texts point into */
};

struct corpus_watch {          /* of an opening under way; looked at from another thread */
    const atomic_bool *cancel; /* once raised it ends with ERROR_CANCELLED; NULL: never */
    atomic_llong done, total;  /* bytes of the files */
};

struct corpus_spec {  /* strings borrowed */
    const char *path; /* tsv or tmx; NULL: class files alone */
    int32_t n_files;
    struct {
        const char *cls, *path;
    } file[CORPUS_MAX_CLASSES]; /* --class NAME=FILE */
    int32_t n_names;
    const char *name[CORPUS_MAX_CLASSES]; /* of the labels 0 … n−1 (the bundle's classes) */
    int64_t limit;                        /* sentences a class, the first ones; 0: all */
    enum corpus_split split;              /* taken after the limit */
    int32_t min_classes;                  /* fewer is an error; 0: 1 */
    const char *encoding;                 /* of files that are not UTF-8; NULL: refused */
    bool words;  /* the file is a list of words; names of labels are not looked at */
    bool header; /* the first of the lines text<TAB>label is none of them; false: what looks like a
                    header is refused */
    struct corpus_watch *watch; /* NULL: nobody waits */
};

/* What people are told as number of a document: its place in its file, from 0. */
static inline int64_t corpus_doc_number(const struct corpus_doc *d)
{
    return d->line - 1;
}

/* ERROR_INPUT names file and line: no label, a label that is empty, invalid JSON or XML, a class
 * without a text, fewer classes than asked for. The caller frees *out. */
bool corpus_open(const struct corpus_spec *, struct corpus **out, struct error *e);
/* From sentences in memory, copied: n_classes lists; `paired`: item i of each list is one pair. */
struct corpus_list {
    const char *cls;
    const char *const *text;
    int64_t n;
};
bool corpus_from_lists(const char *name, const struct corpus_list *, int32_t n_classes, bool paired,
                       int64_t limit, enum corpus_split, struct corpus **out, struct error *e);
void corpus_free(struct corpus *);
int32_t corpus_class_find(const struct corpus *, const char *name); /* −1: none */
/* The class that an option names; −1 and *e, which says what classes there are. */
int32_t corpus_class_need(const struct corpus *, const char *option, const char *name,
                          struct error *e);
/* Whitespace-separated words of a document. */
int64_t corpus_words(const struct corpus_doc *);
#endif
