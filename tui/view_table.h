/* The views in the order of their tabs, one row each: the enum, the action that shows it and the
 * shell's table come from here. X is handed on to each row. */
#ifndef GLIMT_TUI_VIEW_TABLE_H
#define GLIMT_TUI_VIEW_TABLE_H

/* id, name (NAME_view is its struct view_ops), key, help line. The first is home: Esc leads to it,
 * and it does what no other view does. */
#define VIEWS(ROW, X)                                                                              \
    ROW(X, EXPLORE, explore, "1", "the text and its latents, sliders and losses")                  \
    ROW(X, LATENTS, latents, "2", "the table of all latents")                                      \
    ROW(X, HISTOGRAMS, histograms, "3", "histograms of the chosen latents by class")               \
    ROW(X, SWEEP, sweep, "4", "loss along the fixed value")                                        \
    ROW(X, CORPUS, corpus, "5", "the corpus as running text, coloured")                            \
    ROW(X, JOBS, jobs, "6", "what runs and has run")                                               \
    ROW(X, CONTRAST, contrast, "7", "classes of words, unit by unit")                              \
    ROW(X, NEURONS, neurons, "8", "units that tell a class: on, off, and what is lost")

#define VIEW_ID(X, id, name, key, help) VIEW_##id,
enum view_id { VIEWS(VIEW_ID, ) N_VIEWS };
#undef VIEW_ID
#endif
