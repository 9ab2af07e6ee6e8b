/* The fixed values: what the sliders hold, and the arithmetic of a track under the mouse. Plain
 * data, no drawing. */
#ifndef GLIMT_WIDGET_SLIDERS_H
#define GLIMT_WIDGET_SLIDERS_H
#include "engine/session/session.h"

#define SLIDER_RANGE 8.0    /* the track goes from −8 to 8, further when a value lies beyond */
#define SLIDER_LIMIT 1000.0 /* no value goes beyond */
#define SLIDER_ALL (-1)     /* the row that moves all of them */

struct sliders { /* restored by undo as a whole */
    int32_t n;
    struct chosen_unit unit[UNITS_MAX];
    struct insertion insert; /* wished; see sliders_insert */
    bool join, special;      /* how the text is read: all one sequence; special tokens as tokens */
    int32_t dict;            /* the place of the set whose latents are listed */
};

bool sliders_equal(const struct sliders *, const struct sliders *);
bool sliders_any_fixed(const struct sliders *);
/* What takes effect: fixing needs an insertion, so nothing becomes the SAE's reconstruction while
 * something is fixed: everywhere, or, where it is said of the places one by one, at its place. */
struct insertion sliders_insert(const struct sliders *);
int sliders_find(const struct sliders *, struct unit_id); /* its row, −1: none */
bool slider_holds(double v);                              /* finite and within the limit */
double slider_snap(double v);                             /* to 0.1, within the limit, never −0 */
/* Sets a row (or SLIDER_ALL) to a value and fixes it. */
void sliders_set(struct sliders *, int row, double v);
/* Fixes or frees a row; all: frees when all are fixed, else fixes all. */
void sliders_toggle(struct sliders *, int row);
/* Frees a row (or all) and puts the value back to 0. */
void sliders_reset(struct sliders *, int row);
/* The value a row stands for: its own; all: the mean. *same (may be NULL): all have it and are
 * alike fixed or free. */
double sliders_value(const struct sliders *, int row, bool *same);
/* Makes room for a unit: its row if it is there, else a new one, which is free and holds v; −1:
 * there are UNITS_MAX. */
int sliders_take(struct sliders *, struct unit_id, double v);
void sliders_remove(struct sliders *, int row);
/* Half the width of the track: 8, or the next whole number that holds every value. */
double sliders_range(const struct sliders *);

/* A track of w cells from −range to range; the knob is one cell wide and moves by eighths of a
 * cell. */
struct slider_track {
    int w;
    double range;
};
double
track_value(struct slider_track,
            double cell); /* of a knob whose left edge is at `cell`; not snapped, not clamped */
int track_eighths(struct slider_track,
                  double v); /* left edge of the knob, 0 … 8·(w − 1), nearest, clamped */
int track_cell(struct slider_track, double v); /* the cell that holds the knob's middle */

/* Dragging with the mouse. The knob keeps its distance to the pointer; rows away from the track
 * make it finer. */
struct drag {
    bool active;
    int row; /* of the sliders, or SLIDER_ALL */
    struct slider_track
        track; /* as it was at the press: it must not change its scale under the pointer */
    int y;     /* screen row of the track */
    int last_x;
    double raw; /* unclamped, so that the knob waits for a pointer that left the track */
    bool fine;
    struct sliders before;
};
/* Begins: x cells from the track's left end. On the knob nothing moves; elsewhere the knob jumps to
 * the pointer. */
void drag_begin(struct drag *, struct sliders *, int row, struct slider_track, int x, int y);
/* The pointer is at (x, y), x in cells from the track's left end; true when a value changed. */
bool drag_move(struct drag *, struct sliders *, int x, int y, bool ctrl);
/* Puts everything back as it was before the press. */
void drag_cancel(struct drag *, struct sliders *);
double drag_gain(int rows_away, bool ctrl);
#endif
