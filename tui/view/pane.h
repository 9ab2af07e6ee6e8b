/* What views are made of: requests about the chosen units, frames. */
#ifndef GLIMT_VIEW_PANE_H
#define GLIMT_VIEW_PANE_H
#include "tui/view/columns.h"
#include "tui/view/view.h"
#include "tui/view/watch.h"

/* ---- units and requests */
/* The chosen units: the sliders', without them the workbench's. */
int32_t pane_units(const struct view_in *, struct unit_id out[UNITS_MAX]);
/* A request about the chosen units on the corpus in use. False: nothing to ask (nothing loaded, no
 * dictionary, no units). */
bool pane_request(const struct view_in *, const struct query *, const char *target,
                  struct request *);

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
