/* Scripts (--play): one step a line, played through the same events that a terminal sends.
 *
 * `key NAME…`, `type TEXT`, `drag ID|all to V [in SECONDS]`, `wait idle`, `say TEXT`, `mark NAME`,
 * `:command`, `#` comment. The whole file is checked before the first step. */
#ifndef GLIMT_TUI_SCRIPT_H
#define GLIMT_TUI_SCRIPT_H
#include "tui/shell/shell.h"

struct script;

bool script_open(const char *path, struct script **out, struct error *e);
/* The same from memory; `name` stands for the file in errors. */
bool script_parse(const char *name, const char *text, size_t n, struct script **out,
                  struct error *e);
void script_free(struct script *);

enum script_state { SCRIPT_ENDED, SCRIPT_RUNS, SCRIPT_WAITS /* for idle or for the time */ };
/* Plays what may be played now: one event, or nothing while it waits. idle: nothing is left to be
 * computed or drawn. */
enum script_state script_step(struct script *, struct shell *, bool idle, int64_t now_ms);
/* Milliseconds until the next step of a timed drag; −1: it does not wait for the time. */
int script_wait_ms(const struct script *, int64_t now_ms);
#endif
