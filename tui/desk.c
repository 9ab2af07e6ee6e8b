#include "tui/desk.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/mapping.h"
#include "tui/view/export.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_ASKS_BYTES 10000000

bool desk_start(struct desk *d, const struct options *o, struct error *e)
{
    for (int32_t i = 0; i < o->n_fix; i++)
        if (!slider_holds((double)o->fix[i].value))
            return error_set(
                e, ERROR_INPUT,
                "--fix: found %d = %g, expected −%.0f to %.0f, as far as a slider goes",
                o->fix[i].index, (double)o->fix[i].value, SLIDER_LIMIT, SLIDER_LIMIT);
    d->service = service_new(o, e);
    if (!d->service)
        return false;
    struct job_host host = service_jobs(d->service);
    explore_host(&d->explore, &host);
    return true;
}

void desk_release(struct desk *d)
{
    explore_release(&d->explore); /* its snapshot borrows from the service's reference sets */
    service_free(d->service);
    theme_free(d->theme);
    grid_release(&d->grid);
}

void desk_news(struct desk *d, const struct service_status *status)
{
    const struct workbench *wb = service_workbench(d->service);
    if (wb && !d->explore.workbench)
        explore_loaded(&d->explore, wb);
    explore_news(&d->explore);
    explore_status(&d->explore, status);
    struct snapshot *s = service_latest(d->service);
    if (s && s != d->explore.snapshot)
        explore_snapshot(&d->explore, s);
    snapshot_unref(s);
}

void desk_post(struct desk *d)
{
    struct wish w;
    if (!d->explore.wish_changed)
        return;
    explore_wish(&d->explore, &w);
    service_post(d->service, &w);
}

bool desk_idle(const struct desk *d)
{
    struct service_status status;
    service_status(d->service, &status);
    const struct service_status *known = &d->explore.status;
    bool still = (known->idle && status.idle) || (known->failed && status.failed);
    return !d->explore.redraw && !d->explore.wish_changed && still && status.n_jobs == 0;
}

void desk_draw(struct desk *d)
{
    explore_draw(&d->explore, d->explore.snapshot, d->explore.workbench, d->theme, &d->grid);
}

bool desk_theme(struct desk *d, const char *name, enum depth depth, bool ascii, struct error *e)
{
    struct theme *theme;
    if (!theme_open(name, depth, ascii, &theme, e))
        return false;
    explore_theme(&d->explore, theme);
    theme_free(d->theme);
    d->theme = theme;
    return true;
}

/* ---- files */

/* A file in the way is asked about where somebody can answer. True: it was. */
static bool asked_to_replace(struct desk *d, enum want want, const char *path)
{
    struct stat st;
    if (!d->explore.want_asks || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    struct question q = {.wants = (unsigned)want,
                         .text = "exists: overwrite?",
                         .narrow = "overwrite?",
                         .refused = "is left as it is"};
    snprintf(q.name, sizeof q.name, "%s", path);
    explore_ask(&d->explore, &q);
    return true;
}

static void write_shot(struct desk *d, const char *path)
{
    struct strbuf out;
    struct error e = {0};
    strbuf_init(&out);
    desk_draw(d); /* the screen as it will be, without the palette that asked for the picture */
    const char *dot = strrchr(path, '.');
    if (strcmp(dot, ".svg") == 0)
        grid_write_svg(&d->grid, d->theme, "glimt", &out);
    else if (strcmp(dot, ".ans") == 0)
        grid_write_ansi(&d->grid, &out);
    else
        grid_write_text(&d->grid, &out);
    bool ok = file_write(path, out.s, out.len, &e);
    explore_message(&d->explore, !ok, ok ? "wrote %s" : "%s", ok ? path : e.text);
    strbuf_release(&out);
}

static void write_table(struct desk *d, const char *path)
{
    struct error e = {0};
    bool ok = export_write(&d->explore, path, &e);
    explore_message(&d->explore, !ok, ok ? "wrote %s" : "%s", ok ? path : e.text);
}

/* Bytes that no text has, near its beginning. */
static bool is_binary(int fd)
{
    char begin[8192];
    ssize_t n = pread(fd, begin, sizeof begin, 0);
    return n > 0 && memchr(begin, '\0', (size_t)n);
}

static bool asked_to_open(struct desk *d, const char *path, int fd, const struct stat *st)
{
    bool binary = is_binary(fd), big = st->st_size > OPEN_ASKS_BYTES;
    if (!d->explore.want_asks || !(binary || big))
        return false;
    struct question q = {.wants = WANT_OPEN,
                         .text = binary ? "is no text: open it?"
                                        : "has more than 10 MB: open the first 2 MiB?",
                         .narrow = binary ? "no text: open?" : "big: open?",
                         .refused = "is not opened"};
    snprintf(q.name, sizeof q.name, "%s", path);
    explore_ask(&d->explore, &q);
    return true;
}

static bool read_text(int fd, char *text, size_t max, size_t *n)
{
    for (*n = 0; *n < max;) {
        ssize_t k = read(fd, text + *n, max - *n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k == 0;
        *n += (size_t)k;
    }
    return true;
}

static void open_text(struct desk *d, const char *path)
{
    /* a pipe must not be waited for */
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
    struct stat st;
    if (fd < 0 || fstat(fd, &st) < 0) {
        explore_message(&d->explore, true, "opening %s: %s", path, strerror(errno));
    } else if (!S_ISREG(st.st_mode)) {
        explore_message(&d->explore, true, "opening %s: found a %s, expected a file", path,
                        S_ISDIR(st.st_mode) ? "folder" : "device or pipe");
    } else if (!asked_to_open(d, path, fd, &st)) {
        char *text = xmalloc(EDITOR_MAX_BYTES + 1);
        size_t n;
        if (!read_text(fd, text, EDITOR_MAX_BYTES + 1, &n))
            explore_message(&d->explore, true, "opening %s: %s", path, strerror(errno));
        else
            explore_replace_text(&d->explore, text, n);
        if (st.st_size > EDITOR_MAX_BYTES)
            explore_message(&d->explore, true,
                            "%s has %lld bytes, the text ends at 2 MiB: the rest was left out",
                            path, (long long)st.st_size);
        free(text);
    }
    if (fd >= 0)
        close(fd);
}

void desk_files(struct desk *d, unsigned wants)
{
    char path[WANT_ARG_MAX];
    snprintf(path, sizeof path, "%s", d->explore.want_arg);
    if (wants & WANT_OPEN)
        open_text(d, path);
    if (wants & WANT_SHOT && !asked_to_replace(d, WANT_SHOT, path))
        write_shot(d, path);
    if (wants & WANT_WRITE && !asked_to_replace(d, WANT_WRITE, path))
        write_table(d, path);
}
