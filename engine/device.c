#include "engine/device.h"
#include <stdio.h>
#include <string.h>

/* "5.4", "16", "0.012": as many digits as people look at. */
static void gigabytes(uint64_t bytes, char out[16])
{
    const double gb = (double)bytes / 1e9;
    snprintf(out, 16, gb >= 10 ? "%.0f" : gb >= 0.1 ? "%.1f" : "%.2g", gb);
}

void device_memory_text(const struct device_memory *m, char *to, size_t n)
{
    char left[16], total[16];
    gigabytes(m->free, left);
    gigabytes(m->total, total);
    if (m->total > 0)
        snprintf(to, n, "%s GB free of %s", left, total);
    else
        to[0] = '\0';
}

bool device_room(const struct backend *b, uint64_t need, struct error *e)
{
    const struct device_memory m = b->memory(b);
    char wanted[16], left[16], total[16], most[16], fits[96] = "";
    const uint64_t all = need < UINT64_MAX - m.work ? need + m.work : UINT64_MAX,
                   room = m.free > m.work ? m.free - m.work : 0;
    if (m.total == 0 || all <= m.free)
        return true;
    gigabytes(all, wanted);
    gigabytes(m.free, left);
    gigabytes(m.total, total);
    gigabytes(room, most);
    if (strcmp(wanted, left) == 0) { /* "1.1 needed, 1.1 free" says nothing */
        snprintf(wanted, sizeof wanted, "%.3f", (double)all / 1e9);
        snprintf(left, sizeof left, "%.3f", (double)m.free / 1e9);
    }
    if (!b->caps.capability) /* the last resort: what else could be opened */
        snprintf(fits, sizeof fits, "; weights of %s GB would fit, %.1f billion numbers of 16 bits",
                 most, (double)room / 2e9);
    return error_set(e, ERROR_MEMORY, "%.*s: %s GB needed, %s free of %s%s",
                     (int)strcspn(b->name, ":"), b->name, wanted, left, total, fits);
}
