/* What views are made of: requests about the chosen units, columns of tables that come from
 * outside, frames. */
#ifndef GLIMT_VIEW_PANE_H
#define GLIMT_VIEW_PANE_H
#include "tui/view/view.h"
#include "tui/view/watch.h"
#include <math.h>

/* ---- units and requests */
/* The chosen units: the sliders', without them the workbench's. */
int32_t pane_units(const struct view_in *, struct unit_id out[UNITS_MAX]);
/* A request about the chosen units on the corpus in use. False: nothing to ask (nothing loaded, no
 * dictionary, no units). */
bool pane_request(const struct view_in *, const struct query *, const char *target,
                  struct request *);

/* ---- columns of a table that may come from a file: −1 unless there with this type */
int32_t column_number(const struct table *, const char *name); /* I64 or F64 */
int32_t column_text(const struct table *, const char *name);
/* The column that says which unit a row is of, by its number in a set of one or by its name; and
 * the unit: UNIT_NONE where the cell is missing, or of no unit there. */
int32_t column_unit(const struct table *);
struct unit_id unit_in(const struct dict_set *, const struct table *, int64_t row, int32_t col);
static inline double column_f64(const struct table *t, int64_t row, int32_t col)
{
    return col < 0 ? (double)NAN : table_f64(t, row, col); /* NaN: missing */
}
static inline const char *column_str(const struct table *t, int64_t row, int32_t col)
{
    const char *s = col < 0 ? NULL : table_str(t, row, col);
    return s ? s : ""; /* missing */
}

/* The names in a text column in the order they come in; how many. Borrowed from the table. */
struct names {
    int n;
    const char *name[CORPUS_MAX_CLASSES];
};
void names_of(const struct table *, const char *column, struct names *out);
int names_find(const struct names *, const char *name); /* −1 */

/* ---- keys */
struct list;
/* Which row of a list a key of lists leads to (list_select clamps it); false: it is no such key. */
bool list_key(const struct list *, enum action_id, int *row);

/* ---- drawing */
/* The name of a corpus for a title: at most `columns` wide, its end cut off with an ellipsis. */
void corpus_label(const struct corpus_choice *, bool ascii, int columns, char *out, size_t n);
enum theme_role class_role(int cls);
struct rect rect_clip(struct rect, struct rect within);
/* Within a frame (framed: if there is room for one); empty for what is folded or has no room. */
struct rect pane_inner(struct rect, bool framed, bool folded);
/* The lower edge of a frame: small print. */
void pane_edge(struct grid *, const struct theme *, struct rect frame, const char *text);
/* Why a view shows nothing yet: its job's line, or what is missing. */
void pane_waiting(const struct view_in *, const struct watch *, struct grid *, struct rect);
/* The same where something is shown already: one line, drawn when the job is not at its end. */
void pane_progress(const struct view_in *, const struct watch *, struct grid *, struct rect line);
int text_width(const char *);
/* A line, or several, of text within r, broken at blanks; the rows it took. */
int pane_say(struct grid *, struct rect r, struct style, const char *text);
/* A bar of share · w cells with eighths at its end. */
void share_bar(struct grid *, struct rect clip, int x, int y, int w, double share, struct style,
               bool ascii);
#endif
