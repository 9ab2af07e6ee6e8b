/* glimt --version. */
#include "engine/cpu/cpu.h"
#include "tui/cli/command.h"
#include "tui/cli/libraries.h"

void version_add(struct strbuf *out, bool verbose)
{
    strbuf_adds(out, "glimt " GLIMT_VERSION "\n");
    if (!verbose)
        return;
    strbuf_addf(out, "device cpu: %s, products by %s\n", cpu_isa(), cpu_product_library());
    struct library libraries[N_LIBRARIES];
    libraries_list(libraries);
    for (int i = 0; i < N_LIBRARIES; i++)
        strbuf_addf(out, "%s %s\n", libraries[i].name, libraries[i].version);
}
