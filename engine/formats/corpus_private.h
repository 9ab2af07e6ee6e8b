/* A corpus while it is read: what corpus.c gives the readers of single formats. */
#ifndef GLIMT_FORMATS_CORPUS_PRIVATE_H
#define GLIMT_FORMATS_CORPUS_PRIVATE_H
#include "engine/formats/corpus.h"
#include "engine/formats/text_file.h"

/* Texts lie in `bytes` one after the other in the order of the documents, so that an offset need
 * not be kept while the memory still moves. */
struct corpus_builder {
    struct corpus *c;
    int64_t limit;
    enum corpus_split split;
    size_t n_bytes, cap_bytes; /* n_bytes ≥ end: what comes after it is a text not yet closed */
    size_t end;                /* of the last document's text */
    size_t cap_docs;
    int64_t seen[CORPUS_MAX_CLASSES]; /* documents met of each class, taken or not */
    const char *path;                 /* what is read now, for messages */
    int64_t line;                     /* likewise; 0: none */
    bool labelled;                    /* a file of lines text<TAB>label was read */
    struct corpus_watch *watch;       /* NULL: nobody waits */
    int64_t before, size;             /* bytes of the files before this one; of this one */
    double opened; /* share of this file's work that unpacking and decoding it was; 0: it was
                      neither */
    bool stopped;  /* cancelled: e says so */
    struct error *e;
};

/* "reading PATH:LINE: …"; always false. */
bool corpus_refuse(struct corpus_builder *, const char *format, ...)
    __attribute__((format(printf, 2, 3), cold));
/* The class of this name, made where there is none yet; −1 and an error for a name that is empty,
 * too long, no UTF-8 or has control characters, or for one class too many. */
int32_t corpus_class_of(struct corpus_builder *, const char *name, size_t n);
/* Tells how much of the file is read (`at` of n bytes of its text); false: stop. Called every few
 * thousand documents. */
bool corpus_step(struct corpus_builder *, size_t at, size_t n);
/* Room for n more bytes of text: what a reader that knows its file's size asks for first. */
bool corpus_reserve(struct corpus_builder *, size_t n);
/* Text of a document piece by piece, and its end. Limit and split don't apply: units are chosen
 * when all are known. */
bool corpus_add_bytes(struct corpus_builder *, const char *p, size_t n);
bool corpus_end_doc(struct corpus_builder *, int32_t cls, int32_t pair, int64_t line);
/* Forgets the documents from the n-th on, and a text not closed. */
void corpus_forget_docs(struct corpus_builder *, int64_t n);
/* A document at once; an empty one, and one that limit or split leave out, is dropped. */
bool corpus_add_doc(struct corpus_builder *, int32_t cls, int64_t line, const char *p, size_t n);
/* Keeps of the documents from `first` on, whose pair is the number of their unit, the units with a
 * text of every class, of these those that limit and split take, and numbers them. `classes`: bits
 * of the classes that make a unit whole. */
bool corpus_end_units(struct corpus_builder *, int64_t first, uint32_t classes);

/* One file of a format. */
bool corpus_read_tsv(struct corpus_builder *, const struct text_file *, const struct corpus_spec *);
bool corpus_read_words(struct corpus_builder *, const struct text_file *,
                       const struct corpus_spec *);
bool corpus_read_tmx(struct corpus_builder *, const struct text_file *);
bool corpus_read_lines(struct corpus_builder *, const struct text_file *, int32_t cls);
bool corpus_read_conllu(struct corpus_builder *, const struct text_file *, int32_t cls);
bool corpus_read_json(struct corpus_builder *, const struct text_file *, int32_t cls);
bool corpus_read_jsonl(struct corpus_builder *, const struct text_file *, int32_t cls);
#endif
