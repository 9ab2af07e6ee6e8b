/* A plot with its heading and panels, on either canvas. */
#ifndef GLIMT_PLOT_PANELS_H
#define GLIMT_PLOT_PANELS_H
#include "tui/plot/draw.h"

#define PANEL_MIN_W 14 /* below these cells panels are left out rather than squeezed */
#define PANEL_MIN_H 5

bool mark_is_text(enum mark); /* written as text, not drawn */
/* Of a line of such text: title, headings, rows. */
struct pen text_line_pen(int line, int n_titles);
void panels_draw(const struct plot *, struct rect);
#endif
