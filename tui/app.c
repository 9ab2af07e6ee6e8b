#include "tui/app.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tui/desk.h"
#include "tui/kept.h"
#include "tui/script.h"
#include "tui/shell/export.h"
#include "tui/term/locale.h"
#include "tui/term/screen.h"
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define FRAME_MS 16   /* at most 60 frames a second */
#define SAVE_MS 1000  /* a change is in the state file by then; in the journal it is at once */
#define RETRY_MS 3000 /* where it can't be saved */

struct app {
    struct desk desk;
    struct script *script;
    const struct options *given; /* on the command line */
    struct options options;      /* with what the session filled in */
    struct kept_start start;
    struct kept *kept;          /* the session on disk; NULL: none is kept */
    char *bundle, *model, *sae; /* as the session will name them */
    char *more[DICT_SET_MAX];   /* SAEs beside the first */
    char *commands_path;        /* of the lines typed into the palette; NULL: not kept */
    bool theme_auto, needs_save, save_failed, idle, drawn, mouse;
    int64_t save_at, frame_at;
    char theme_name[64];
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* ---- theme */
static bool use_theme(struct app *a, const char *name, struct error *e)
{
    const struct screen_info *info = screen_info();
    if (!desk_theme(&a->desk, name, info->depth, info->ascii, e))
        return false;
    snprintf(a->theme_name, sizeof a->theme_name, "%s", theme_name(a->desk.theme));
    return true;
}

static const char *background_theme(void)
{
    int background = screen_info()->background;
    return background == 1 ? "dark" : background == 2 ? "light" : "terminal";
}

static void first_theme(struct app *a)
{
    struct error e = {0};
    const char *name = a->options.theme ? a->options.theme : a->start.state.theme;
    a->theme_auto = a->desk.theme_unsaid = !name;
    if (use_theme(a, name ? name : background_theme(), &e))
        return;
    shared_message(&a->desk.shell.sh, true, "%s", e.text);
    e = (struct error){0};
    if (!use_theme(a, "dark", &e))
        panic("%s", e.text);
}

static void describe_link(struct app *a)
{
    static const char *const depth[] = {"mono", "16 colours", "256 colours", "true colour"};
    const struct screen_info *info = screen_info();
    char text[sizeof a->desk.shell.link];
    if (info->rtt_ms >= 5) /* nearer is nobody's concern, and would redraw for nothing */
        snprintf(text, sizeof text, "%s · rtt %d ms", depth[info->depth],
                 info->rtt_ms < 20 ? info->rtt_ms : info->rtt_ms / 10 * 10);
    else
        snprintf(text, sizeof text, "%s", depth[info->depth]);
    memcpy(a->desk.shell.link, text, sizeof text); /* shown with the next frame */
}

/* ---- session file */
static const char *either(const char *option, const char *restored)
{
    return option ? option : restored;
}

static bool same_name(const char *a, const char *b)
{
    return !a || (b && strcmp(a, b) == 0);
}

/* Folders and files named from where glimt was started; names of models stay. */
static char *lasting(const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    return real || !path ? real : xstrdup(path);
}

/* A file by another of its names, too. */
static bool same_file(const char *option, const char *saved)
{
    if (same_name(option, saved))
        return true;
    char *real = lasting(option);
    const bool same = same_name(real, saved);
    free(real);
    return same;
}

static bool has_sae(const struct saved_state *s, const char *path)
{
    bool has = s->sae && same_file(path, s->sae);
    for (int32_t i = 0; !has && i < s->n_more; i++)
        has = same_file(path, s->more[i].path);
    return has;
}

/* All that are named: others of the session may stay away. */
static bool same_saes(const struct options *o, const struct saved_state *s)
{
    bool same = !o->sae || has_sae(s, o->sae);
    for (int32_t i = 0; same && i < o->n_more; i++)
        same = has_sae(s, o->more[i].path);
    return same;
}

static bool names_layer(const struct options *o, struct point *at)
{
    for (int32_t i = o->n_latents; o->neurons && i < o->n_units; i++)
        if (!unit_word_alone(&o->unit[i]) && unit_word_point(&o->unit[i], NULL, at, NULL))
            return true;
    return false;
}

/* Of several layers the session says where its units are; of one it is that layer's. */
static bool same_neurons(const struct options *o, const struct saved_state *s)
{
    struct point named, then;
    bool has = s->neurons;
    for (int32_t i = 0; i < s->dicts.n; i++)
        has = has || s->dicts.place[i].neurons;
    if (!o->neurons)
        return true;
    return has && (s->dicts.n > 0 || !s->hook || !names_layer(o, &named) ||
                   (point_parse(s->hook, NULL, &then, NULL) && point_compare(named, then) == 0));
}

/* SAEs and layers as the session had them, where the command line names none. */
static void fill_dicts(struct options *o, const struct saved_state *s)
{
    if (o->sae || o->neurons)
        return;
    o->sae = s->sae;
    o->neurons = s->neurons && !s->sae;
    for (int32_t i = 0; i < s->n_more; i++)
        o->more[o->n_more++] = (struct sae_option){s->more[i].path, s->more[i].hook};
    for (int32_t i = 0; i < s->dicts.n; i++)
        if (s->dicts.place[i].neurons)
            o->place[o->n_places++] = s->dicts.place[i].at;
}

/* A session of another model or SAE lends its text, not its latents. False: it is of another. */
static bool fill_options(struct app *a)
{
    struct options *o = &a->options;
    struct saved_state *s = &a->start.state;
    struct point layer;
    bool same = same_file(o->bundle, s->bundle) && same_file(o->model, s->model) &&
                same_saes(o, s) && same_name(o->hook, s->hook) && same_neurons(o, s);
    if (!same) {
        s->sliders = (struct sliders){.join = s->sliders.join, .special = s->sliders.special};
        s->has_unit = s->has_insert = false;
        dict_set_release(&s->dicts);
        return false;
    }
    o->bundle = either(o->bundle, s->bundle);
    o->model = either(o->model, s->model);
    if (o->sae ? same_file(o->sae, s->sae) : !names_layer(o, &layer))
        o->hook = either(o->hook, s->hook);
    fill_dicts(o, s);
    if (o->tl_weights == UNSAID && s->tl_weights)
        o->tl_weights = SAID_YES;
    return true;
}

static bool take_session(struct app *a, const struct app_options *o, struct error *e)
{
    state_init(&a->start.state);
    if (!o->fresh)
        return kept_take(o->session, &a->kept, &a->start, e);
    if (!o->state)
        return true;
    char *json = state_print(o->state);
    a->start.restored = json && state_parse(json, strlen(json), &a->start.state, e);
    free(json);
    return !error_is_set(e);
}

static void on_note(void *arg, const struct history_note *n)
{
    const struct app *a = arg;
    kept_note(a->kept, n);
}

static void begin_view(struct app *a)
{
    struct shell *shell = &a->desk.shell;
    bool same = !a->start.restored || fill_options(a);
    shell_init(shell, &a->options, a->start.restored ? &a->start.state : NULL);
    shell_take_history(shell, &a->start.history);
    if (a->kept) {
        shell->sh.history.note = on_note;
        shell->sh.history.note_arg = a;
    }
    if (!same)
        history_drop_sliders(&shell->sh.history, NULL, 0);
    if (a->start.said[0])
        shared_message(&shell->sh, a->start.said_error, "%s", a->start.said);
}

static void forget_files(struct app *a)
{
    free(a->bundle);
    free(a->model);
    free(a->sae);
    for (int32_t i = 0; i < DICT_SET_MAX; i++)
        free(a->more[i]);
    a->bundle = a->model = a->sae = NULL;
    memset(a->more, 0, sizeof a->more);
}

static void name_files(struct app *a)
{
    forget_files(a);
    a->bundle = lasting(a->options.bundle);
    a->model = lasting(a->options.model);
    a->sae = lasting(a->options.sae);
    for (int32_t i = 0; i < a->options.n_more; i++)
        a->more[i] = lasting(a->options.more[i].path);
}

static char *copy_name(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

/* Neurons of one layer are numbers: where that was is said here. */
static char *hook_name(const struct app *a)
{
    const struct workbench *wb = a->desk.shell.sh.workbench;
    char name[POINT_NAME_MAX];
    if (a->options.hook || !wb || wb->dicts.n != 1 || !wb->dicts.place[0].neurons)
        return copy_name(a->options.hook);
    point_name(wb->at, name);
    return xstrdup(name);
}

/* What the view doesn't know of the state. */
static void add_names(const struct app *a, struct saved_state *s)
{
    s->bundle = copy_name(a->bundle);
    s->model = copy_name(a->model);
    s->sae = copy_name(a->sae);
    s->hook = hook_name(a);
    for (int32_t i = 0; i < a->options.n_more; i++)
        s->more[s->n_more++] =
            (struct saved_sae){copy_name(a->more[i]), copy_name(a->options.more[i].hook)};
    s->theme = a->theme_auto ? NULL : xstrdup(a->theme_name);
    s->neurons = a->options.neurons && !a->options.sae;
    s->tl_weights = a->options.tl_weights == SAID_YES;
}

static void state_now(const struct app *a, struct saved_state *s)
{
    shell_save(&a->desk.shell, s);
    add_names(a, s);
}

static void note_look(struct app *a)
{
    struct saved_state s;
    shell_look(&a->desk.shell, &s);
    add_names(a, &s);
    kept_look(a->kept, &s);
    state_release(&s);
}

static void recall_commands(struct app *a)
{
    char *path = a->kept ? state_path() : NULL, *slash = path ? strrchr(path, '/') : NULL;
    if (slash) {
        a->commands_path = xasprintf("%.*scommands", (int)(slash + 1 - path), path);
        recall_load(&a->desk.shell.recall, a->commands_path);
    }
    free(path);
}

static void keep_commands(struct app *a)
{
    struct error ignored = {0}; /* the folder is the session's: what is wrong with it is said */
    if (a->commands_path)
        recall_keep(&a->desk.shell.recall, a->commands_path, &ignored);
}

static void save(struct app *a)
{
    struct error e = {0};
    struct saved_state s;
    if (!a->kept)
        return;
    state_now(a, &s);
    bool ok = kept_save(a->kept, &s, &a->desk.shell.sh.history, &e);
    if (!ok && !a->save_failed)
        shared_message(&a->desk.shell.sh, true, "%s", e.text);
    else if (ok && a->save_failed)
        shared_message(&a->desk.shell.sh, false, "the session is saved again");
    a->save_failed = a->needs_save = !ok;
    a->save_at = now_ms() + RETRY_MS;
    state_release(&s);
    keep_commands(a);
}

/* Says where the text is when it could not be saved; the exit status. */
static int rescue(const struct saved_state *s, const char *why)
{
    char *path = kept_rescue(s);
    if (path)
        fprintf(
            stderr,
            "glimt: %s; the text was put into %s instead: glimt --state \"$(cat %s)\" opens it\n",
            why, path, path);
    else
        fprintf(stderr,
                "glimt: %s, and nothing could be written elsewhere; this is the text:\n%s\n", why,
                s->text ? s->text : "");
    free(path);
    return 1;
}

/* The exit status. A device that nothing may stand in for is gone: how to go on is said. */
static int save_at_end(struct app *a)
{
    struct error e = {0};
    struct saved_state s;
    const struct service_status *now = &a->desk.shell.sh.status;
    int status = now->lost;
    if (!a->kept && !now->lost)
        return 0;
    state_now(a, &s);
    bool ok = a->kept && kept_save(a->kept, &s, &a->desk.shell.sh.history, &e);
    keep_commands(a);
    screen_close();
    if (!ok && (!a->kept || kept_unsaved(a->kept)))
        status = rescue(&s, a->kept ? e.text : now->error.text);
    else if (now->lost)
        fprintf(stderr, "glimt: %s; text and sliders are kept: the same command goes on\n",
                now->error.text);
    state_release(&s);
    return status;
}

static void say_sessions(struct app *a)
{
    struct strbuf names;
    strbuf_init(&names);
    if (a->kept)
        kept_list(a->kept, &names);
    shared_message(&a->desk.shell.sh, false, "%s",
                   names.len > 0 ? names.s : "no session is kept yet");
    strbuf_release(&names);
}

/* ---- what the view asks for */
static void copy(struct app *a)
{
    const struct editor *e = &a->desk.shell.sh.editor;
    size_t from, to;
    if (!editor_selection(e, &from, &to)) {
        from = 0;
        to = e->text.n;
    }
    shared_message(&a->desk.shell.sh, false, "%s", screen_copy(e->text.s + from, to - from));
}

/* `glimt --state '…'` reopens this screen. */
static void copy_state(struct app *a)
{
    struct saved_state s;
    struct strbuf line;
    strbuf_init(&line);
    state_now(a, &s);
    char *json = state_print(&s);
    strbuf_adds(&line, "glimt --state ");
    request_quote(&line, json);
    shared_message(&a->desk.shell.sh, false, "%s", screen_copy(line.s, line.len));
    free(json);
    state_release(&s);
    strbuf_release(&line);
}

static void copy_command(struct app *a)
{
    struct strbuf line;
    strbuf_init(&line);
    export_command(&a->desk.shell, &a->options, &line);
    shared_message(&a->desk.shell.sh, false, "%s: %s", screen_copy(line.s, line.len), line.s);
    strbuf_release(&line);
}

static void change_theme(struct app *a)
{
    struct error e = {0};
    if (use_theme(a, a->desk.shell.want_arg, &e)) {
        a->theme_auto = a->desk.theme_unsaid = false;
        a->desk.shell.sh.state_changed = true;
    } else {
        shared_message(&a->desk.shell.sh, true, "%s", e.text);
    }
}

/* False: quit. */
static bool fulfil(struct app *a)
{
    unsigned wants = a->desk.shell.wants;
    a->desk.shell.wants = 0;
    if (wants & WANT_MOUSE)
        screen_mouse(a->desk.shell.mouse);
    if (wants & WANT_THEME)
        change_theme(a);
    if (wants & WANT_COPY)
        copy(a);
    desk_files(&a->desk, wants);
    if (wants & WANT_COMMAND)
        copy_command(a);
    if (wants & WANT_STATE)
        copy_state(a);
    if (wants & WANT_SESSIONS)
        say_sessions(a);
    if (wants & WANT_REPAINT)
        screen_invalidate();
    if (wants & WANT_SUSPEND) {
        save(a);
        screen_suspend();
        screen_invalidate();
    }
    if (wants)
        a->desk.shell.sh.redraw = true;
    return !(wants & WANT_QUIT);
}

/* ---- the loop */

/* What a session was saved with may be gone: then begin with what was asked for now. */
static void start_again(struct app *a, const char *why)
{
    struct error e = {0};
    service_free(a->desk.service);
    a->options = *a->given;
    name_files(a);
    if (!desk_start(&a->desk, &a->options, &e))
        panic("%s", e.text);
    shared_message(&a->desk.shell.sh, true, "not as last time: %s", why);
    a->desk.shell.sh.wish_changed = true;
}

static bool is_restored(const struct app *a)
{
    const struct options *o = &a->options, *g = a->given;
    return o->bundle != g->bundle || o->model != g->model || o->sae != g->sae ||
           o->hook != g->hook || o->neurons != g->neurons || o->n_places != g->n_places;
}

static void take_news(struct app *a)
{
    struct service_status status;
    service_status(
        a->desk.service,
        &status); /* before the snapshot, so that `idle` never runs ahead of what is shown */
    if (status.failed && !status.lost && is_restored(a)) {
        start_again(a, status.error.text);
        return;
    }
    desk_news(&a->desk, &status);
}

static void draw(struct app *a)
{
    int w, h;
    screen_size(&w, &h);
    if (w != a->desk.grid.w || h != a->desk.grid.h) {
        grid_resize(&a->desk.grid, w, h, theme_style(a->desk.theme, ROLE_TEXT));
        shell_resize(&a->desk.shell, w, h);
    }
    describe_link(a);
    desk_draw(&a->desk);
    a->drawn = screen_flush(&a->desk.grid) >= 0;
    a->desk.shell.sh.redraw = !a->drawn;
    if (a->drawn)
        a->frame_at = now_ms();
}

static int sooner(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int left(int64_t at)
{
    int64_t ms = at - now_ms();
    return ms < 0 ? 0 : (int)ms;
}

static void end_script(struct app *a)
{
    script_free(a->script);
    a->script = NULL;
}

static void play(struct app *a)
{
    if (a->script && script_step(a->script, &a->desk.shell, a->idle, now_ms()) == SCRIPT_ENDED)
        end_script(a);
}

static void drain(struct app *a, const struct screen_news *news)
{
    struct event e;
    uint64_t n;
    if (news->fd_ready && read(service_fd(a->desk.service), &n, sizeof n) < 0 && errno != EAGAIN &&
        errno != EINTR)
        shared_message(&a->desk.shell.sh, true, "the worker's signal: %s", strerror(errno));
    if (news->resized) {
        screen_invalidate();
        a->desk.shell.sh.redraw = true;
    }
    while (screen_event(&e)) {
        if (e.kind == EVENT_REPLY) { /* late: the background may be known only now */
            struct error ignored = {0};
            if (a->theme_auto && !a->desk.theme_taken &&
                strcmp(background_theme(), a->theme_name) != 0)
                use_theme(a, background_theme(), &ignored);
        } else {
            if (a->script && (e.kind == EVENT_KEY || e.kind == EVENT_TEXT))
                end_script(a);
            shell_event(&a->desk.shell, &e);
        }
    }
}

/* What has changed is in the journal before it is on the screen, and soon in the state file. */
static void keep(struct app *a)
{
    struct shell *shell = &a->desk.shell;
    if (!a->kept)
        return;
    if (shell->sh.state_changed || views_grabs(shell))
        note_look(a);
    shell->sh.state_changed = false;
    bool unsaved = kept_unsaved(a->kept);
    if (unsaved && !a->needs_save) {
        a->needs_save = true;
        a->save_at = now_ms() + SAVE_MS;
    }
    bool appended = kept_append(a->kept);
    if ((!appended && !a->save_failed) || (a->needs_save && left(a->save_at) == 0))
        save(a);
}

static void loop(struct app *a)
{
    struct screen_news news;
    for (;;) {
        take_news(a);
        play(a);
        if (!fulfil(a) || a->desk.shell.sh.status.lost)
            return;
        desk_post(&a->desk);
        keep(a);
        bool paced = a->desk.shell.sh.redraw && left(a->frame_at + FRAME_MS) > 0;
        if (a->desk.shell.sh.redraw && !paced)
            draw(a);
        a->idle = desk_idle(&a->desk);
        bool played = !a->script;
        int wait = a->needs_save ? left(a->save_at) : -1;
        if (paced)
            wait = sooner(wait, left(a->frame_at + FRAME_MS));
        if (a->script) {
            int ms = script_wait_ms(a->script, now_ms());
            wait = sooner(wait, ms >= 0 ? ms : a->idle || !a->desk.shell.sh.redraw ? 0 : -1);
        }
        screen_test_mark(a->idle && played);
        if (!screen_wait(service_fd(a->desk.service), wait, &news))
            return;
        drain(a, &news);
    }
}

static bool begin(struct app *a, const struct app_options *o, bool *no_terminal, struct error *e)
{
    struct screen_options so = {.mouse = true, .depth_auto = true};
    static const enum depth depth_of[] = {[COLOR_NEVER] = DEPTH_MONO,
                                          [COLOR_ALWAYS] = DEPTH_256,
                                          [COLOR_16] = DEPTH_16,
                                          [COLOR_256] = DEPTH_256,
                                          [COLOR_DIRECT] = DEPTH_DIRECT};
    if (a->options.color != COLOR_AUTO && a->options.color != COLOR_ALWAYS) {
        so.depth_auto = false;
        so.depth = depth_of[a->options.color];
    }
    if (o->play && !script_open(o->play, &a->script, e))
        return false;
    if (!take_session(a, o, e))
        return false;
    begin_view(a);
    name_files(a);
    recall_commands(a);
    if (!screen_open(&so, e)) {
        *no_terminal = true;
        return false;
    }
    first_theme(a);
    if (screen_info()->term_unknown && !a->desk.shell.sh.message[0])
        shared_message(&a->desk.shell.sh, false, "this terminal is unknown here: taken for %s",
                       screen_info()->term);
    if (locale_fault() && !a->desk.shell.sh.message[0])
        shared_message(&a->desk.shell.sh, false,
                       "%s: what is not ASCII is drawn as ASCII; LC_ALL=C.UTF-8 shows it",
                       locale_fault());
    if (!a->start.restored && shell_is_demo(&a->options) && !a->desk.shell.sh.message[0])
        shared_message(&a->desk.shell.sh, false,
                       "type Danish or English; Tab to the sliders, drag them too");
    int w, h;
    screen_size(&w, &h);
    grid_init(&a->desk.grid, w, h, theme_style(a->desk.theme, ROLE_TEXT));
    shell_resize(&a->desk.shell, w, h);
    if (o->text)
        shared_replace_text(&a->desk.shell.sh, o->text, o->n_text);
    return desk_start(&a->desk, &a->options, e);
}

int app_run(const struct app_options *o, bool *no_terminal)
{
    struct error e = {0};
    struct app *a = xcalloc(1, sizeof *a);
    a->given = o->options;
    a->options = *o->options;
    *no_terminal = false;
    panic_set_handler(screen_close);
    bool ok = begin(a, o, no_terminal, &e);
    int status = 0;
    if (ok) {
        loop(a);
        status = save_at_end(a);
    }
    screen_close();
    panic_set_handler(NULL);
    desk_release(&a->desk);
    script_free(a->script);
    free(a->commands_path);
    kept_release(a->kept);
    state_release(&a->start.state);
    history_release(&a->start.history);
    forget_files(a);
    free(a);
    if (!ok && !*no_terminal)
        fprintf(stderr, "glimt: %s\n", e.text);
    return ok ? status : error_exit_status(&e);
}
