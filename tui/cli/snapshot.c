/* glimt snapshot: a view drawn without a terminal, exactly as the terminal would get it. */
#include "engine/base/memory.h"
#include "engine/formats/mapping.h"
#include "tui/cli/command.h"
#include "tui/desk.h"
#include "tui/script.h"
#include "tui/state.h"
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

struct snapshot_values {
    int w, h;
    const char *play, *state, *dict;
    bool text, ansi;
};

static bool size_call(void *values, const char *value, struct error *e)
{
    struct snapshot_values *v = values;
    char end;
    if (sscanf(value, "%dx%d%c", &v->w, &v->h, &end) == 2 && v->w > 0 && v->h > 0 && v->w <= 1000 &&
        v->h <= 1000)
        return true;
    return error_set(e, ERROR_INPUT, "found %s, expected COLSxROWS up to 1000x1000", value);
}

#define AT(member) .offset = offsetof(struct snapshot_values, member)
static const struct option_row snapshot_options[] = {
    {"size", "COLSxROWS", "of the screen; default: 120x36", OPTION_CALL, .call = size_call},
    {"play", "FILE", "a script that is played first", OPTION_TEXT, AT(play)},
    {"state", "JSON", "begin with a state (one line, as y l copies it)", OPTION_TEXT, AT(state)},
    {"dict", "NAME", "of several dictionaries the one whose latents are listed", OPTION_TEXT,
     AT(dict)},
    {"text", NULL, "characters alone (default)", OPTION_FLAG, AT(text)},
    {"ansi", NULL, "with colours, for a terminal", OPTION_FLAG, AT(ansi)},
    {.name = NULL},
};
#undef AT
static const struct snapshot_values snapshot_defaults = {.w = 120, .h = 36};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* Waits for the worker's next news, or until a timed step of the script is due. */
static void wait_for_news(struct desk *d, int wait)
{
    struct pollfd p = {.fd = service_fd(d->service), .events = POLLIN};
    uint64_t n;
    if (poll(&p, 1, wait) > 0 && read(p.fd, &n, sizeof n) < 0 && errno != EAGAIN && errno != EINTR)
        panic("the worker's signal: %s", strerror(errno));
}

/* Lists another dictionary as soon as it is known which there are; *name becomes NULL then. */
static bool show_dict(struct desk *d, const char **name, struct error *e)
{
    const struct workbench *wb = d->shell.sh.workbench;
    if (!*name || !wb)
        return true;
    if (unit_place_find(&wb->dicts, *name, e) < 0)
        return error_prefix(e, "--dict");
    char *command = xasprintf("dict %s", *name);
    shell_command(&d->shell, command);
    free(command);
    *name = NULL;
    return true;
}

static bool settle(struct desk *d, const char *dict, struct script *script, struct error *e)
{
    bool ended = !script;
    for (;;) {
        struct service_status status;
        service_status(d->service, &status);
        if (status.failed) {
            *e = status.error;
            return false;
        }
        desk_news(d, &status);
        if (!show_dict(d, &dict, e))
            return false;
        d->shell.sh.redraw = false; /* drawn once, at the end */
        bool idle = status.idle && status.n_jobs == 0 && !status.loading && desk_idle(d);
        if (!ended && !dict)
            ended = script_step(script, &d->shell, idle, now_ms()) == SCRIPT_ENDED;
        desk_files(d, d->shell.wants);
        if (d->shell.wants & WANT_QUIT)
            return true;
        d->shell.wants = 0;
        desk_post(d);
        d->shell.sh.redraw = false;
        /* idle before the news was taken, and after: what came last is on the screen */
        if (ended && idle && desk_idle(d)) {
            *e = status.error;
            return !error_is_set(e);
        }
        if (!interrupt_check(e))
            return false;
        int due = ended ? -1 : script_wait_ms(script, now_ms());
        wait_for_news(d, ended || !idle ? 100 : due > 0 ? due : 0);
    }
}

static bool find_view(const char *name, int *out, struct error *e)
{
    *out = view_named(view_table, N_VIEWS, name);
    if (*out >= 0)
        return true;
    struct strbuf names;
    strbuf_init(&names);
    for (int i = 0; i < N_VIEWS; i++)
        strbuf_addf(&names, "%s%s",
                    i == 0             ? ""
                    : i == N_VIEWS - 1 ? " or "
                                       : ", ",
                    view_table[i]->name);
    error_set(e, ERROR_INPUT, "snapshot: found %s, expected %s", name, names.s);
    strbuf_release(&names);
    return false;
}

static bool write_picture(struct cli *cli, struct desk *d, const struct snapshot_values *v,
                          struct error *e)
{
    struct strbuf svg;
    desk_draw(d);
    if (v->ansi)
        grid_write_ansi(&d->grid, &cli->out);
    else if (v->text || !cli->opt.svg)
        grid_write_text(&d->grid, &cli->out);
    if (cli->out.len > 0 && cli->out.s[cli->out.len - 1] != '\n')
        strbuf_addc(&cli->out, '\n');
    if (!cli->opt.svg)
        return true;
    strbuf_init(&svg);
    grid_write_svg(&d->grid, d->theme, "glimt", &svg);
    bool ok = output_svg(cli, &svg, e);
    strbuf_release(&svg);
    return ok;
}

static bool draw(struct cli *cli, const struct snapshot_values *v, int view,
                 const struct saved_state *state, struct script *script, struct error *e)
{
    struct desk d = {.theme_unsaid = !cli->opt.theme};
    enum depth depth = cli->opt.color == COLOR_AUTO ? DEPTH_DIRECT : color_depth(&cli->opt, true);
    shell_init(&d.shell, &cli->opt, state);
    bool ok = desk_theme(&d, cli->opt.theme, depth, false, e) && desk_start(&d, &cli->opt, e);
    if (ok) {
        desk_still(&d);
        shell_do(&d.shell, ACTION_LEAVE);
        grid_init(&d.grid, v->w, v->h, theme_style(d.theme, ROLE_TEXT));
        shell_resize(&d.shell, v->w, v->h);
        shell_go(&d.shell, view);
        ok = settle(&d, v->dict, script, e) && write_picture(cli, &d, v, e);
        if (d.shell.sh.status.said[0] && !cli->opt.quiet)
            fprintf(stderr, "glimt: %s\n", d.shell.sh.status.said);
    }
    desk_release(&d);
    return ok;
}

static bool snapshot(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    const struct snapshot_values *v = values;
    struct saved_state state;
    struct script *script = NULL;
    int view = HOME;
    state_init(&state);
    bool ok = (n == 0 || find_view(operand[0], &view, e)) &&
              (!v->play || script_open(v->play, &script, e)) &&
              (!v->state || state_parse(v->state, strlen(v->state), &state, e)) &&
              draw(cli, v, view, v->state ? &state : NULL, script, e);
    script_free(script);
    state_release(&state);
    return ok;
}

const struct command snapshot_command = {
    .name = "snapshot",
    .operands = "[VIEW]",
    .summary = "a view as a picture, without a terminal",
    .max_operands = 1,
    .svg = true,
    .no_json = true,
    .options = snapshot_options,
    .defaults = &snapshot_defaults,
    .values_size = sizeof snapshot_defaults,
    .run = snapshot,
};
