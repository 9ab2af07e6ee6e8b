#include "tui/cli/explorer_options.h"
#include <stddef.h>

const struct option_row explorer_options[] = {
    {.name = "state",
     .arg = "JSON",
     .help = "begin with a state (one line, as in the session file)",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct explorer_values, state)},
    {.name = "play",
     .arg = "FILE",
     .help = "play a script, then go on",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct explorer_values, play)},
    {.name = "session",
     .arg = "NAME",
     .help = "a session of this name (:sessions lists them)",
     .kind = OPTION_TEXT,
     .offset = offsetof(struct explorer_values, session)},
    {.name = NULL},
};
