/* glimt doctor: what was found here, and what is missing for what. */
#include "engine/base/memory.h"
#include "engine/hub/cache.h"
#include "engine/hub/pull.h"
#include "tui/cli/cli.h"
#include "tui/cli/command.h"
#include "tui/cli/devices.h"
#include "tui/cli/libraries.h"
#include "tui/term/locale.h"
#include "tui/term/report.h"
#include <curses.h>
#include <dirent.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <term.h>
#include <unistd.h>

enum { MISSING_MAX = 16 };

struct findings {
    struct device_info device[DEVICES_MAX];
    int n_devices;
    char *data, *cache, *configuration, *state, *hub;
    uint64_t cache_bytes;
    const char *term, *depth, *charset;
    bool utf8, known_term;
    int width, height; /* 0: no terminal */
    bool on_terminal;  /* standard input and output are one: it was asked */
    struct terminal_report report;
    struct library library[N_LIBRARIES];
    struct missing {
        char *what, *wanted_for;
    } missing[MISSING_MAX];
    int n_missing;
};

static void miss(struct findings *f, char *what, const char *wanted_for)
{
    if (f->n_missing < MISSING_MAX)
        f->missing[f->n_missing++] = (struct missing){what, xstrdup(wanted_for)};
    else
        free(what);
}

static void findings_release(struct findings *f)
{
    for (int i = 0; i < f->n_missing; i++) {
        free(f->missing[i].what);
        free(f->missing[i].wanted_for);
    }
    free(f->data);
    free(f->cache);
    free(f->configuration);
    free(f->state);
    free(f->hub);
}

/* ---- places */

/* $VARIABLE/tail when it is an absolute path, else ~/fallback/tail. */
static char *place(const char *variable, const char *fallback, const char *tail)
{
    const char *set = getenv(variable), *home = getenv("HOME");
    if (set && *set == '/')
        return xasprintf("%s%s", set, tail);
    return home && *home ? xasprintf("%s/%s%s", home, fallback, tail) : NULL;
}

static bool exists(const char *path)
{
    return path && access(path, F_OK) == 0;
}

static uint64_t bytes_in(const char *dir, int depth)
{
    DIR *d = depth > 0 ? opendir(dir) : NULL;
    uint64_t sum = 0;
    for (struct dirent *entry; d && (entry = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = xasprintf("%s/%s", dir, entry->d_name);
        if (lstat(path, &st) == 0)
            sum += S_ISDIR(st.st_mode) ? bytes_in(path, depth - 1) : (uint64_t)st.st_size;
        free(path);
    }
    if (d)
        closedir(d);
    return sum;
}

static void find_places(struct findings *f, const struct options *o)
{
    const char *cache = o->cache ? o->cache : getenv("GLIMT_CACHE");
    char *demo = program_data("demo/demo.glimt"), *theme = program_data("themes/dark.theme");
    f->cache = cache && *cache ? xstrdup(cache) : place("XDG_CACHE_HOME", ".cache", "/glimt");
    if (f->cache && strcmp(f->cache, "none") != 0)
        f->cache_bytes = bytes_in(f->cache, 4);
    f->configuration = o->store && o->store->path ? xstrdup(o->store->path) : NULL;
    f->state = place("XDG_STATE_HOME", ".local/state", "/glimt/session.json");
    f->hub = hub_folder();
    if (demo)
        f->data = xstrdup(demo);
    else
        miss(f, xstrdup("demo/demo.glimt in the program data"),
             "glimt without --model, and the reference sentences");
    if (!theme)
        miss(f, xstrdup("themes/dark.theme in the program data"), "colours");
    if (!exists(f->hub))
        miss(f, xasprintf("the Hugging Face cache %s", f->hub ? f->hub : "(HOME is not set)"),
             "--model OWNER/NAME; a folder as --model works without");
    struct error e = {0};
    if (!hub_library(&e))
        miss(f, xstrdup(e.text), "glimt pull");
    free(demo);
    free(theme);
}

/* ---- machine and terminal */

static void find_devices(struct findings *f, const struct options *o)
{
    const int n = devices_list(o->threads, f->device, DEVICES_MAX);
    f->n_devices = n < DEVICES_MAX ? n : DEVICES_MAX;
    bool computes = false;
    for (int i = 0; i < f->n_devices; i++)
        computes |= !error_is_set(&f->device[i].why_not);
    if (!computes)
        miss(f, xasprintf("a device (%s)", f->device[0].why_not.text), "everything that computes");
    libraries_list(f->library);
}

static void find_terminal(struct findings *f, const struct options *o)
{
    static const char *const depths[] = {
        [DEPTH_MONO] = "none", [DEPTH_16] = "16", [DEPTH_256] = "256", [DEPTH_DIRECT] = "direct"};
    struct winsize size;
    int status;
    f->term = getenv("TERM");
    f->depth = depths[color_depth(o, true)];
    f->charset = nl_langinfo(CODESET);
    f->utf8 = locale_is_utf8();
    f->known_term = f->term && *f->term && setupterm(f->term, STDERR_FILENO, &status) == 0;
    if (f->known_term)
        del_curterm(cur_term);
    for (int fd = 0; fd < 3 && f->width == 0; fd++)
        if (isatty(fd) && ioctl(fd, TIOCGWINSZ, &size) == 0)
            f->width = size.ws_col, f->height = size.ws_row;
    f->on_terminal = isatty(STDIN_FILENO) && isatty(STDOUT_FILENO);
    if (f->on_terminal) {
        struct screen_options so = {.depth_auto = o->color == COLOR_AUTO,
                                    .depth = color_depth(o, true)};
        terminal_report(&so, &f->report);
        f->depth = depths[f->report.depth];
    }
    if (!f->utf8)
        miss(f,
             xasprintf("a UTF-8 locale (%s, so it is %s; try LC_ALL=C.UTF-8)", locale_fault(),
                       f->charset),
             "letters beyond ASCII on screen");
    if (f->term && strcmp(f->term, "dumb") == 0)
        miss(f, xstrdup("a full-screen terminal (TERM is dumb)"),
             "the explorer; the commands work without");
}

/* Keys of the configuration file that no option is called by: most likely misspelt. */
static void find_unknown_keys(struct findings *f, const struct options *o)
{
    for (size_t i = 0; o->store && i < o->store->n; i++) {
        const char *key = o->store->row[i].key;
        size_t n = strlen(key);
        bool known = option_find(common_options, key, n) || strcmp(key, "plot") == 0 ||
                     strncmp(key, "bind.", 5) == 0;
        for (size_t c = 0; cli_commands[c] && !known; c++)
            known = option_find(command_options(cli_commands[c]), key, n) != NULL;
        if (!known)
            miss(f,
                 xasprintf("an option called %s (%s:%d)", key, o->store->path,
                           o->store->row[i].line),
                 "that line of the configuration, which does nothing");
    }
}

/* What ends every other command. */
static void find_complaints(struct findings *f, const struct options *o)
{
    struct error e = {0};
    for (size_t i = 0; o->store && i < o->store->n_bad; i++)
        miss(f, xstrdup(o->store->bad[i].text), "every other command, which refuses it");
    if (!cli_check_theme(o, &e))
        miss(f, xstrdup(e.text), "every other command, which refuses it");
}

/* ---- printing */

static const char *mode_state(int value)
{
    return value < 0 ? "not told" : value == 0 || value == 4 ? "no" : "yes";
}

static json_t *report_json(const struct findings *f)
{
    const struct terminal_report *r = &f->report;
    if (!f->on_terminal)
        return json_null();
    json_t *widths = json_object(), *fixes = json_array();
    for (int i = 0; i < REPORT_WIDTHS; i++)
        json_object_set_new(widths, report_sample_name[i],
                            r->width[i] < 0 ? json_null() : json_integer(r->width[i]));
    for (int i = 0; i < REPORT_FIXES && r->fix[i].line; i++)
        json_array_append_new(
            fixes, json_pack("{s:s, s:s}", "line", r->fix[i].line, "for", r->fix[i].gain));
    return json_pack("{s:b, s:b, s:i, s:s, s:s, s:s, s:s, s:s, s:s, s:s, s:o, s:o}", "asked",
                     r->asked, "answered", r->probe.answered, "rtt_ms", r->probe.rtt_ms, "sync",
                     mode_state(r->probe.sync), "mouse_1002", mode_state(r->probe.mouse_drag),
                     "mouse_1006", mode_state(r->probe.mouse_sgr), "colors_reason", r->depth_reason,
                     "theme", r->background, "theme_reason", r->background_reason, "copy", r->copy,
                     "widths", widths, "fix", fixes);
}

static void print_json(struct cli *cli, const struct findings *f)
{
    json_t *libraries = json_object(), *missing = json_array();
    for (int i = 0; i < N_LIBRARIES; i++)
        json_object_set_new(libraries, f->library[i].name, json_string(f->library[i].version));
    for (int i = 0; i < f->n_missing; i++)
        json_array_append_new(missing,
                              json_pack("{s:o, s:s}", "what", json_text(f->missing[i].what), "for",
                                        f->missing[i].wanted_for));
    json_t *root = json_pack("{s:s, s:o}", "version", GLIMT_VERSION, "devices",
                             devices_json(f->device, f->n_devices));
    json_object_set_new(root, "libraries", libraries);
    json_object_set_new(root, "terminal",
                        json_pack("{s:o, s:b, s:s, s:s, s:b, s:i, s:i}", "term", json_text(f->term),
                                  "known", f->known_term, "colors", f->depth, "charset", f->charset,
                                  "utf8", f->utf8, "columns", f->width, "rows", f->height));
    json_object_set_new(json_object_get(root, "terminal"), "probed", report_json(f));
    json_object_set_new(
        root, "paths",
        json_pack("{s:o, s:o, s:I, s:o, s:b, s:o, s:o}", "demo", json_text(f->data), "cache",
                  json_text(f->cache), "cache_bytes", (json_int_t)f->cache_bytes, "configuration",
                  json_text(f->configuration), "configuration_there", exists(f->configuration),
                  "session", json_text(f->state), "hugging_face", json_text(f->hub)));
    json_object_set_new(root, "missing", missing);
    output_json(cli, root);
}

static void row(struct strbuf *out, const char *name, const char *value, const char *note)
{
    strbuf_addf(out, "%-16s", name);
    if (value)
        text_add(out, value, strlen(value), 0);
    else
        strbuf_adds(out, "-");
    strbuf_addf(out, "%s\n", note);
}

static void print_modes(struct strbuf *out, const struct probe *p)
{
    char text[96];
    snprintf(text, sizeof text, "%s",
             p->sync == 1 || p->sync == 2 ? "shown whole (mode 2026)"
             : p->sync < 0                ? "mode 2026 is asked for; whether it acts is not told"
                                          : "may be seen half drawn (no mode 2026)");
    row(out, "frames", text, "");
    snprintf(text, sizeof text, "drag (1002) %s, cells beyond 223 (1006) %s",
             mode_state(p->mouse_drag), mode_state(p->mouse_sgr));
    row(out, "mouse", text, "");
}

/* What the terminal said, and what was chosen for that. */
static void print_report(struct strbuf *out, const struct findings *f)
{
    const struct terminal_report *r = &f->report;
    char text[128];
    if (!f->on_terminal) {
        row(out, "answers", "not a terminal: nothing was asked", "");
        return;
    }
    if (!r->asked)
        snprintf(text, sizeof text, "not asked: this type prints what it does not understand");
    else if (r->probe.answered)
        snprintf(text, sizeof text, "in %d ms", r->probe.rtt_ms);
    else
        snprintf(text, sizeof text, "none: taken for a terminal that tells nothing");
    row(out, "answers", text, "");
    print_modes(out, &r->probe);
    snprintf(text, sizeof text, "theme %s (%s)", r->background, r->background_reason);
    if (r->probe.background_rgb >= 0)
        snprintf(text, sizeof text, "#%06x: theme %s (%s)", (unsigned)r->probe.background_rgb,
                 r->background, r->background_reason);
    row(out, "background", text, "");
    row(out, "copying", r->copy, "");
    size_t n = 0;
    for (int i = 0; i < REPORT_WIDTHS && r->width[i] >= 0; i++)
        n += (size_t)snprintf(text + n, sizeof text - n, "%s%s %d", i ? ", " : "",
                              report_sample_name[i], r->width[i]);
    row(out, "widths", n > 0 ? text : "not told", "");
    for (int i = 0; i < REPORT_FIXES && r->fix[i].line; i++) {
        snprintf(text, sizeof text, " (%s)", r->fix[i].gain);
        row(out, "in tmux.conf", r->fix[i].line, text);
    }
}

static void print_devices(struct strbuf *out, const struct findings *f)
{
    for (int i = 0; i < f->n_devices; i++) {
        const struct device_info *d = &f->device[i];
        struct strbuf text;
        strbuf_init(&text);
        device_text(d, &text);
        row(out, "device", text.s, "");
        strbuf_release(&text);
        if (d->isa)
            row(out, "instructions", d->isa, "");
        if (d->library)
            row(out, "products", d->library, "");
    }
}

static void print_text(struct strbuf *out, const struct findings *f)
{
    char text[96];
    row(out, "glimt", GLIMT_VERSION, "");
    print_devices(out, f);
    for (int i = 0; i < N_LIBRARIES; i++)
        row(out, f->library[i].name, f->library[i].version, "");
    row(out, "terminal", f->term,
        f->known_term ? "" : " (unknown to terminfo: taken for xterm-256color)");
    if (f->width > 0)
        snprintf(text, sizeof text, "%d × %d", f->width, f->height);
    row(out, "size", f->width > 0 ? text : "no terminal", "");
    snprintf(text, sizeof text, " (%s)", f->on_terminal ? f->report.depth_reason : "");
    row(out, "colours", f->depth, f->on_terminal ? text : "");
    row(out, "charset", f->charset, "");
    print_report(out, f);
    row(out, "demo", f->data, "");
    snprintf(text, sizeof text, " (%llu bytes)", (unsigned long long)f->cache_bytes);
    row(out, "cache", f->cache, f->cache && strcmp(f->cache, "none") != 0 ? text : "");
    row(out, "configuration", f->configuration, exists(f->configuration) ? "" : " (not there)");
    row(out, "session", f->state, exists(f->state) ? "" : " (not there)");
    row(out, "Hugging Face", f->hub, exists(f->hub) ? "" : " (not there)");
    for (int i = 0; i < f->n_missing; i++) {
        strbuf_adds(out, i ? "" : "\n");
        strbuf_adds(out, "missing: ");
        text_add(out, f->missing[i].what, strlen(f->missing[i].what), 0);
        strbuf_addf(out, ", for %s\n", f->missing[i].wanted_for);
    }
}

static bool doctor(struct cli *cli, const void *given, int n_operands, char **operand,
                   struct error *e)
{
    struct findings f = {0};
    (void)given, (void)n_operands, (void)operand, (void)e;
    find_devices(&f, &cli->opt);
    find_places(&f, &cli->opt);
    find_terminal(&f, &cli->opt);
    find_unknown_keys(&f, &cli->opt);
    find_complaints(&f, &cli->opt);
    if (cli->opt.output == OUTPUT_JSON)
        print_json(cli, &f);
    else
        print_text(&cli->out, &f);
    findings_release(&f);
    return true;
}

const struct command doctor_command = {
    .name = "doctor",
    .operands = "",
    .summary = "what was found here, what is missing for what",
    .tolerant = true,
    .run = doctor,
};
