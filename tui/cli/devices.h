/* The devices as people and programs read them. Private to tui/cli. */
#ifndef GLIMT_TUI_CLI_DEVICES_H
#define GLIMT_TUI_CLI_DEVICES_H
#include "engine/devices.h"
#include "tui/cli/command.h"

/* [{"name", "description", "isa", "products", "capability", "memory", "memory_free", "error"}];
 * null where it is not known or does not apply. */
json_t *devices_json(const struct device_info *, int n);
/* What it is, or why it can't compute; one line. */
void device_text(const struct device_info *, struct strbuf *out);

/* Does argv say --device list? */
bool devices_asked(int argc, char **argv);
/* What then runs: it takes the options of `instead_of` (NULL: of the explorer) and prints the
 * list. */
struct command devices_command(const struct command *instead_of);
#endif
