/* The smallest view: a line of text. What a new view begins as, and what fills a long table. */
#ifndef GLIMT_TESTS_PLAIN_VIEW_H
#define GLIMT_TESTS_PLAIN_VIEW_H
#include "tui/view/view.h"

extern const struct view_ops plain_view;
struct plain {
    int row;
};
#endif
