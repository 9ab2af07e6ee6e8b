/* Options of the explorer itself, besides the common ones. */
#ifndef GLIMT_TUI_EXPLORER_OPTIONS_H
#define GLIMT_TUI_EXPLORER_OPTIONS_H
#include "tui/cli/option_table.h"

struct explorer_values {
    const char *state, *play, *session;
};
extern const struct option_row explorer_options[];
#endif
