#include "tui/desk.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/text_file.h"
#include "tui/shell/export.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define OPEN_ASKS_BYTES 10000000

bool desk_start(struct desk *d, const struct options *o, struct error *e)
{
    for (int32_t i = 0; i < o->n_fix; i++)
        if (!slider_holds((double)o->fix[i].value)) {
            char name[UNIT_NAME_MAX];
            unit_word_name(&o->fix[i].unit, name);
            return error_set(
                e, ERROR_INPUT,
                "--fix: found %s = %g, expected −%.0f to %.0f, as far as a slider goes", name,
                (double)o->fix[i].value, SLIDER_LIMIT, SLIDER_LIMIT);
        }
    d->service = service_new(o, e);
    if (!d->service)
        return false;
    struct job_host host = service_jobs(d->service);
    shell_host(&d->shell, &host);
    return true;
}

/* ---- pictures that are the same each time */
static uint64_t still_ask(void *arg, const struct request *r)
{
    struct desk *d = arg;
    return r->only_kept ? 0 : d->host.ask(d->host.arg, r);
}

static void still_cancel(void *arg, uint64_t id)
{
    struct desk *d = arg;
    d->host.cancel(d->host.arg, id);
}

static bool still_job(void *arg, uint64_t id, struct job *out)
{
    struct desk *d = arg;
    if (!d->host.job(d->host.arg, id, out))
        return false;
    out->seconds = 0;
    out->cached = false;
    if (!job_is_pending(out))
        out->progress = (struct study_progress){0};
    return true;
}

static int still_jobs(void *arg, uint64_t *id, int max)
{
    struct desk *d = arg;
    return d->host.jobs(d->host.arg, id, max);
}

void desk_still(struct desk *d)
{
    struct job_host host = {still_ask, still_cancel, still_job, still_jobs, d};
    d->host = service_jobs(d->service);
    d->shell.sh.still = true;
    shell_host(&d->shell, &host);
}

void desk_release(struct desk *d)
{
    shell_release(&d->shell); /* its snapshot borrows from the service's reference sets */
    service_free(d->service);
    theme_free(d->theme);
    grid_release(&d->grid);
}

static void take_theme(struct desk *d, const struct workbench *wb)
{
    struct error e = {0};
    if (!d->theme_unsaid || !wb->bundle_is_ours || !wb->bundle->theme)
        return;
    d->theme_taken =
        desk_theme(d, wb->bundle->theme, theme_depth(d->theme), theme_ascii(d->theme), &e);
    if (!d->theme_taken)
        shared_message(&d->shell.sh, true, "%s", e.text);
}

void desk_news(struct desk *d, const struct service_status *status)
{
    const struct workbench *wb = service_workbench(d->service);
    if (wb && !d->shell.sh.workbench) {
        shell_loaded(&d->shell, wb);
        take_theme(d, wb);
    }
    shell_news(&d->shell);
    shell_status(&d->shell, status);
    struct snapshot *s = service_latest(d->service);
    if (s && s != d->shell.sh.snapshot)
        shell_snapshot(&d->shell, s);
    snapshot_unref(s);
}

void desk_post(struct desk *d)
{
    struct wish w;
    if (!d->shell.sh.wish_changed)
        return;
    shell_wish(&d->shell, &w);
    service_post(d->service, &w);
}

bool desk_idle(const struct desk *d)
{
    struct service_status status;
    service_status(d->service, &status);
    const struct service_status *known = &d->shell.sh.status;
    bool still = (known->idle && status.idle) || (known->failed && status.failed);
    return !d->shell.sh.redraw && !d->shell.sh.wish_changed && still && status.n_jobs == 0;
}

void desk_draw(struct desk *d)
{
    shell_draw(&d->shell, &d->grid);
}

bool desk_theme(struct desk *d, const char *name, enum depth depth, bool ascii, struct error *e)
{
    struct theme *theme;
    if (!theme_open(name, depth, ascii, &theme, e))
        return false;
    shell_theme(&d->shell, theme);
    theme_free(d->theme);
    d->theme = theme;
    return true;
}

/* ---- files */

/* A file in the way is asked about where somebody can answer. True: it was. */
static bool asked_to_replace(struct desk *d, enum want want, const char *path)
{
    struct stat st;
    if (!d->shell.want_asks || stat(path, &st) < 0 || !S_ISREG(st.st_mode))
        return false;
    struct question q = {.wants = (unsigned)want,
                         .text = "exists: overwrite?",
                         .narrow = "overwrite?",
                         .refused = "is left as it is"};
    snprintf(q.name, sizeof q.name, "%s", path);
    shell_ask(&d->shell, &q);
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
    shared_message(&d->shell.sh, !ok, ok ? "wrote %s" : "%s", ok ? path : e.text);
    strbuf_release(&out);
}

static void write_table(struct desk *d, const char *path)
{
    struct error e = {0};
    bool ok = export_write(&d->shell, path, &e);
    shared_message(&d->shell.sh, !ok, ok ? "wrote %s" : "%s", ok ? path : e.text);
}

/* Bytes that no text has, near its beginning. */
static bool is_binary(const struct text_file *t)
{
    return memchr(t->p, '\0', t->n < 8192 ? t->n : 8192) != NULL;
}

static bool asked_to_open(struct desk *d, const char *path, const struct text_file *t, off_t size)
{
    bool binary = is_binary(t), big = size > OPEN_ASKS_BYTES;
    if (!d->shell.want_asks || !(binary || big))
        return false;
    struct question q = {.wants = WANT_OPEN,
                         .text = binary ? "is no text: open it?"
                                        : "has more than 10 MB: open the first 2 MiB?",
                         .narrow = binary ? "no text: open?" : "big: open?",
                         .refused = "is not opened"};
    snprintf(q.name, sizeof q.name, "%s", path);
    shell_ask(&d->shell, &q);
    return true;
}

static void open_text(struct desk *d, const char *path)
{
    const char *encoding = d->shell.encoding;
    const struct text_spec how = {
        .encoding = *encoding ? encoding : NULL, .limit = 64 << 20, .first = EDITOR_MAX_BYTES + 1};
    struct text_file t;
    struct stat st = {0};
    struct error e = {0};
    if (!text_open(&t, path, &how, &e) || stat(path, &st) != 0) {
        shared_message(&d->shell.sh, true, "%s", e.text);
    } else if (!asked_to_open(d, path, &t, st.st_size)) {
        shared_replace_text(&d->shell.sh, t.p, t.n);
        if (t.n > EDITOR_MAX_BYTES)
            shared_message(&d->shell.sh, true,
                           "%s has %lld bytes, the text ends at 2 MiB: the rest was left out", path,
                           (long long)st.st_size);
    }
    text_close(&t);
}

void desk_files(struct desk *d, unsigned wants)
{
    char path[WANT_ARG_MAX];
    snprintf(path, sizeof path, "%s", d->shell.want_arg);
    if (wants & WANT_OPEN)
        open_text(d, path);
    if (wants & WANT_SHOT && !asked_to_replace(d, WANT_SHOT, path))
        write_shot(d, path);
    if (wants & WANT_WRITE && !asked_to_replace(d, WANT_WRITE, path))
        write_table(d, path);
}
