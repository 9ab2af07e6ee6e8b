/* How much memory there is for us: of the machine, and of the group that we were put into. */
#include "engine/backend/synchronous.h"
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { PATH_BYTES = 4096 };

/* False: too long to be there. */
static bool join(char out[PATH_BYTES], const char *folder, const char *name, const char *under)
{
    const int n = snprintf(out, PATH_BYTES, "%s/%s%s", folder, name, under);
    return n > 0 && n < PATH_BYTES;
}

/* The number on the line that begins with `word` of a file of `word number` lines; word "": the
 * whole file is one. False: there is none ("max"). */
static bool number_in(const char *path, const char *word, uint64_t *out)
{
    FILE *f = fopen(path, "re");
    char line[256];
    bool found = false;
    const size_t n = strlen(word);
    while (f && !found && fgets(line, sizeof line, f))
        found = strncmp(line, word, n) == 0 && sscanf(line + n, " %" SCNu64, out) == 1;
    if (f)
        fclose(f);
    return found;
}

static bool number_at(const char *folder, const char *name, const char *word, uint64_t *out)
{
    char path[PATH_BYTES];
    return join(path, folder, name, "") && number_in(path, word, out);
}

static const struct group_files { /* of the two generations of control groups */
    const char *under, *most, *used, *file[2];
} generation[] = {
    {"sys/fs/cgroup", "memory.max", "memory.current", {"inactive_file ", "active_file "}},
    {"sys/fs/cgroup/memory",
     "memory.limit_in_bytes",
     "memory.usage_in_bytes",
     {"total_inactive_file ", "total_active_file "}},
};

/* Lowers *m to what a group leaves; files that it has read are given back when asked for. */
static void limit(const struct group_files *g, const char *folder, struct device_memory *m)
{
    uint64_t most, used, part;
    if (!number_at(folder, g->most, "", &most) || !number_at(folder, g->used, "", &used) ||
        most >= m->total)
        return;
    uint64_t left = most > used ? most - used : 0;
    for (int i = 0; i < 2; i++)
        if (number_at(folder, "memory.stat", g->file[i], &part))
            left += part;
    m->total = most;
    left = left < most ? left : most;
    m->free = left < m->free ? left : m->free;
}

/* Of the group and of all that it lies in. */
static void limit_by_groups(const char *root, struct device_memory *m)
{
    char path[PATH_BYTES], line[1024];
    FILE *f = join(path, root, "proc/self/cgroup", "") ? fopen(path, "re") : NULL;
    while (f && fgets(line, sizeof line, f)) {
        char *group = strchr(line, ':') ? strchr(strchr(line, ':') + 1, ':') : NULL;
        if (!group)
            continue;
        const bool first = strstr(line, ":memory:") != NULL;
        if (!first && strncmp(line, "0::", 3) != 0)
            continue;
        const struct group_files *g = &generation[first];
        group++;
        group[strcspn(group, "\n")] = '\0';
        for (char *end = group + strlen(group); end; end = strrchr(group, '/')) {
            *end = '\0';
            if (join(path, root, g->under, group))
                limit(g, path, m);
        }
    }
    if (f)
        fclose(f);
}

struct device_memory machine_memory_under(const char *root)
{
    struct device_memory m = {0};
    char path[PATH_BYTES];
    uint64_t total, available, swap = 0;
    const bool known = join(path, root, "proc/meminfo", "") &&
                       number_in(path, "MemTotal:", &total) &&
                       number_in(path, "MemAvailable:", &available);
    if (known)
        number_in(path, "SwapFree:", &swap);
    if (!known)
        return m;
    m = (struct device_memory){.total = total << 10, .free = (available + swap) << 10};
    limit_by_groups(root, &m);
    return m;
}

struct device_memory machine_memory(const struct backend *b)
{
    (void)b;
    return machine_memory_under("");
}
