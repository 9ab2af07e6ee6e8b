/* What the files of the Corpus view share: its state, where things stand, the rows on the screen.
 * Private to it. */
#ifndef GLIMT_VIEW_CORPUS_PRIVATE_H
#define GLIMT_VIEW_CORPUS_PRIVATE_H
#include "tui/view/corpus/text.h"
#include "tui/widget/prompt.h"

struct corpus_at { /* a row of a shown document */
    int64_t doc;   /* among those shown */
    int32_t row;
};
struct corpus_line { /* a row of the screen */
    struct corpus_at at;
    struct text_row bytes;
    int text; /* index into page.text */
};
struct corpus_page {
    struct corpus_line *line;
    struct corpus_text *text; /* of the documents in sight */
    int n_lines, n_texts;
};

struct corpus_view {
    struct watch watch;
    struct table_set *indexed; /* a reference of its own: the index points into it */
    struct corpus_index index;
    int cls;                  /* the only class shown, −1: all */
    int64_t *shown, n_shown;  /* documents, with a class */
    struct corpus_at top, at; /* the first row in sight; the cursor's */
    int32_t token;            /* clicked, in the cursor's document; −1: none */
    int subject;              /* 0: all units, else unit + 1 */
    bool by_value;            /* colour by pre-activation; else mark where active */
    bool typing, no_match;
    struct prompt prompt;
    char words[PROMPT_MAX]; /* looked for */
    int64_t match_doc;
    size_t match_at, match_n; /* n 0: none */
    struct rect r;
    struct corpus_page page; /* what stands in r */
};

int64_t corpus_n_shown(const struct corpus_view *);
int64_t corpus_shown(const struct corpus_view *, int64_t i); /* → document of the index */
void corpus_arrange(struct corpus_view *);
int corpus_subject(
    const struct corpus_view *); /* as corpus_pre takes it: one unit is never "all" */

struct corpus_areas { /* h 0: not drawn */
    struct rect frame, tabs, rows, legend;
    int gutter; /* columns before the text */
};
struct corpus_areas corpus_areas(const struct corpus_view *, struct rect);
int corpus_text_width(const struct corpus_view *, struct rect);
void corpus_page_make(const struct corpus_view *, struct rect, struct corpus_page *);
void corpus_page_release(struct corpus_page *);
/* The subject whose name stands at column x of the tabs, −1: none. */
int corpus_tab_at(const struct corpus_view *, struct rect tabs, int x);
/* The token of the page's line at a column, −1: none. */
int32_t corpus_token_at(const struct corpus_view *, struct rect rows, int line, int x);
void corpus_draw(const void *view, const struct view_in *, struct grid *, struct rect);
#endif
