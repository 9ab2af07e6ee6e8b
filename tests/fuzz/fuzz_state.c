/* Session files and scripts are untrusted: parsing must not fail otherwise than by saying so, and
 * what is printed of a state reads back as the same. */
#include "tui/script.h"
#include "tui/state.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct saved_state s, t;
    struct error e = {0};
    struct script *script;
    if (state_parse((const char *)data, n, &s, &e)) {
        char *once = state_print(&s);
        struct error bad = {0};
        if (!once || !state_parse(once, strlen(once), &t, &bad))
            abort();
        char *twice = state_print(&t);
        if (strcmp(once, twice) != 0)
            abort();
        free(once);
        free(twice);
        state_release(&t);
    }
    state_release(&s);
    e = (struct error){0};
    if (script_parse("fuzz", (const char *)data, n, &script, &e))
        script_free(script);
    return 0;
}
