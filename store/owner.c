/* Who is at a run: "HOST PID STARTTIME SERIAL". HOST contains the namespace of process ids, since
 * containers may share a host name; the start time tells a process from a later one of the same
 * number, the serial two openings in one process. */
#include "engine/base/strbuf.h"
#include "store/store_private.h"
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

int64_t store_now(void)
{
    return (int64_t)time(NULL);
}

static void host_name(char *out, size_t n)
{
    char name[200];
    if (gethostname(name, sizeof name) != 0)
        name[0] = '\0';
    name[sizeof name - 1] = '\0';
    for (char *c = name; *c != '\0'; c++)
        if ((unsigned char)*c <= ' ')
            *c = '_';
    struct stat st;
    const uintmax_t space = stat("/proc/self/ns/pid", &st) == 0 ? (uintmax_t)st.st_ino : 0;
    snprintf(out, n, "%s:%ju", name, space);
}

/* Field 22 of /proc/PID/stat. 1: it runs; 0: it does not (a zombie does not); −1: /proc does not
 * say. */
static int start_time(long pid, unsigned long long *start)
{
    char path[64], text[1024];
    snprintf(path, sizeof path, "/proc/%ld/stat", pid);
    const int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return errno == ENOENT && access("/proc/self/stat", R_OK) == 0 ? 0 : -1;
    const ssize_t n = read(fd, text, sizeof text - 1);
    close(fd);
    if (n <= 0)
        return n < 0 && errno == ESRCH ? 0 : -1;
    text[n] = '\0';
    /* The name in field 2 may hold spaces and brackets. */
    const char *at = strrchr(text, ')');
    if (at == NULL || at[1] != ' ')
        return -1;
    const char state = at[2];
    at++;
    for (int field = 3; at != NULL && field < 22; field++)
        at = strchr(at + 1, ' ');
    if (at == NULL)
        return -1;
    *start = strtoull(at, NULL, 10);
    return state != 'Z' && state != 'X';
}

void store_owner(char *out, size_t n)
{
    char host[256];
    host_name(host, sizeof host);
    unsigned long long start = 0;
    if (start_time((long)getpid(), &start) < 0)
        start = 0;
    uint64_t serial = 0;
    if (getrandom(&serial, sizeof serial, GRND_NONBLOCK) != (ssize_t)sizeof serial) {
        struct timespec t;
        clock_gettime(CLOCK_MONOTONIC, &t);
        serial = (uint64_t)t.tv_nsec ^ (uint64_t)(uintptr_t)out;
    }
    snprintf(out, n, "%s %ld %llu %016" PRIx64, host, (long)getpid(), start, serial);
}

static bool process_lives(const char *pid_and_start)
{
    char *end = NULL;
    errno = 0;
    const long pid = strtol(pid_and_start, &end, 10);
    if (errno != 0 || pid <= 0 || *end != ' ')
        return true;
    const unsigned long long then = strtoull(end, NULL, 10);
    unsigned long long now = 0;
    switch (start_time(pid, &now)) {
    case 1: return then == 0 || now == then;
    case 0: return false;
    default: return kill((pid_t)pid, 0) == 0 || errno == EPERM;
    }
}

bool store_owner_lives(const char *owner, int64_t heartbeat)
{
    const int64_t now = store_now();
    /* From the future beyond a clock's error is as dead as from the past. */
    if (owner == NULL || heartbeat <= now - STORE_ALIVE_S || heartbeat >= now + STORE_ALIVE_S)
        return false;
    char host[256];
    host_name(host, sizeof host);
    const size_t n = strlen(host);
    if (strncmp(owner, host, n) != 0 || owner[n] != ' ')
        return true; /* another machine: its heartbeat is all there is */
    return process_lives(owner + n + 1);
}
