/* A table of tokens (engine/study/values.h, values_tokens) as documents to read: an index over it,
 * the text of one document put together from its tokens, its rows for a width, finding in it.
 *
 * The table is borrowed and may come from a file: nothing about its order or its offsets is taken
 * for granted. Indexing goes over the table once; everything else costs what the documents at hand
 * cost. */
#ifndef GLIMT_VIEW_CORPUS_TEXT_H
#define GLIMT_VIEW_CORPUS_TEXT_H
#include "tui/view/pane.h"
#include "tui/widget/text_rows.h"

struct corpus_doc_rows { /* a document: its rows of the table */
    int64_t first, number;
    int32_t n;
    int32_t cls; /* index of its class, −1: none */
};
struct corpus_extent { /* of one unit, or of all together, in one class */
    double min, max;   /* pre-activation; 0 when there is none on that side */
    int64_t active;    /* tokens */
};

/* Subjects: 0 all units together (their largest), then the units; with one unit it alone. */
struct corpus_index {
    const struct table *tokens; /* NULL: nothing indexed */
    int32_t col_class, col_doc, col_pos, col_start, col_end, col_text;
    int32_t n_units;
    struct unit_id unit[UNITS_MAX];
    int32_t col_pre[UNITS_MAX], col_act[UNITS_MAX];
    struct names classes;
    int64_t class_tokens[CORPUS_MAX_CLASSES];
    struct corpus_extent (*extent)[UNITS_MAX + 1]; /* [classes][subject] */
    struct corpus_doc_rows *doc;
    int64_t n_docs;
    int digits; /* of the largest document number */
};
/* Units without columns in the table are left out. */
void corpus_index_make(struct corpus_index *, const struct table *tokens, const struct dict_set *,
                       const struct unit_id *unit, int32_t n_units);
void corpus_index_release(struct corpus_index *);
/* The pre-activation of a subject at a row (NaN: not known), and of how many of its units it is
 * among the active. */
double corpus_pre(const struct corpus_index *, int64_t row, int subject);
int corpus_active(const struct corpus_index *, int64_t row, int subject);

struct corpus_token { /* bytes of the document's text */
    size_t start, end;
};
struct corpus_text {
    char *s; /* as the corpus has it: any bytes, NUL-terminated */
    size_t n;
    struct corpus_token *token; /* [n_tokens] token i is row first + i */
    int32_t n_tokens;
};
void corpus_text_make(const struct corpus_index *, int64_t doc, struct corpus_text *);
void corpus_text_release(struct corpus_text *);

/* The first (or last) place of the words in [from, to) of the text, letters of either case alike.
 * False: none. */
bool corpus_find(const struct corpus_text *, const char *words, size_t from, size_t to, bool last,
                 size_t *start, size_t *end);
#endif
