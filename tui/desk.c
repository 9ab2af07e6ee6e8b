#include "tui/desk.h"
#include "engine/base/strbuf.h"
#include "engine/formats/mapping.h"
#include "tui/view/export.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

bool desk_start(struct desk *d, const struct options *o, struct error *e)
{
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

static void open_text(struct desk *d, const char *path)
{
    FILE *f = fopen(path, "rbe");
    char *text = f ? malloc(EDITOR_MAX_BYTES + 1) : NULL;
    size_t n = text ? fread(text, 1, EDITOR_MAX_BYTES + 1, f) : 0;
    if (!text || ferror(f))
        explore_message(&d->explore, true, "opening %s: %s", path, strerror(errno));
    else
        explore_replace_text(&d->explore, text, n);
    free(text);
    if (f)
        fclose(f);
}

void desk_files(struct desk *d, unsigned wants)
{
    if (wants & WANT_OPEN)
        open_text(d, d->explore.want_arg);
    if (wants & WANT_SHOT)
        write_shot(d, d->explore.want_arg);
    if (wants & WANT_WRITE)
        write_table(d, d->explore.want_arg);
}
