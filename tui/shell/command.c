/* The commands of the shell: what ':' and scripts understand. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/formats/text_file.h"
#include "tui/shell/shell_private.h"
#include "tui/unit_words.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const context_names[] = {"line", "join", NULL};
static const char *const colour_names[] = {"pre", "act", "loss", "delta", NULL};
static const char *const switch_names[] = {"on", "off", NULL};
static const char *const corpus_names[] = {"references", NULL};
static const char *const encoding_names[] = {"latin1",   "windows-1252", "utf-16le",
                                             "utf-16be", "utf-8",        NULL};
static const char *const all_names[] = {"all", NULL};

static int choice(const char *const *names, const char *s)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(names[i], s) == 0)
            return i;
    return -1;
}

/* Before it is loaded numbers are believed. False, and says so: there is no such unit. */
static bool unit_known(struct shell *shell, const struct unit_word *w, struct unit_id *out)
{
    struct error e = {0};
    if (!shared_dict_known(&shell->sh))
        return false;
    if (!shared_find_unit(&shell->sh, w, out, &e))
        shared_message(&shell->sh, true, "%s", e.text);
    else if (out->index < 0)
        shared_message(&shell->sh, true, "found an error term, expected a unit");
    else
        return true;
    return false;
}

/* One unit and nothing else. */
static bool unit_word_whole(const char *s, struct unit_word *w)
{
    return unit_word_read(&s, w, NULL) && !*s;
}

/* ---- each takes its argument, "" where none was given; false: it makes no sense (the usage is
 * then shown) */
static bool run_context(struct shell *shell, const char *arg)
{
    int c = choice(context_names, arg);
    struct sliders before = shell->sh.sliders;
    shell->sh.sliders.join = c == 1;
    if (c >= 0)
        shared_changed_sliders(&shell->sh, &before, false);
    else
        shell->sh.sliders = before;
    return c >= 0;
}

static bool run_insert(struct shell *shell, const char *arg)
{
    const struct workbench *wb = shell->sh.workbench;
    static const struct dict_set none;
    struct insert_word word[DICT_SET_MAX];
    const int32_t n = insert_words_read(arg, word, NULL);
    struct insertion in;
    struct error e = {0};
    if (n < 0)
        return false;
    if ((n > 1 || word[0].how != INSERT_NONE) && !shared_dict_known(&shell->sh))
        return true;
    if (!insertion_find(wb ? &wb->dicts : &none, word, n, &in, &e)) {
        shared_message(&shell->sh, true, "%s", e.text);
        return true;
    }
    struct sliders before = shell->sh.sliders;
    shell->sh.sliders.insert = in;
    shared_changed_sliders(&shell->sh, &before, false);
    if (!insertion_any(in) && sliders_any_fixed(&shell->sh.sliders))
        shared_message(&shell->sh, false, "values are fixed: %s until all are free",
                       unit_words(wb)->inserted[INSERT_SAE]);
    return true;
}

static bool run_colour(struct shell *shell, const char *arg)
{
    int c = choice(colour_names, arg);
    if (c < 0)
        return false;
    if (c != COLOUR_LOSS && !shared_dict_known(&shell->sh))
        return true;
    shell->sh.colouring = (enum colouring)c;
    shell->sh.state_changed = true;
    shell->sh.recolour = shell->sh.redraw = true;
    return true;
}

static bool run_unit(struct shell *shell, const char *arg)
{
    struct unit_word w;
    struct unit_id unit = UNIT_ALL;
    bool all = strcmp(arg, "all") == 0;
    if (!all && !unit_word_whole(arg, &w))
        return false;
    if (!all && !unit_known(shell, &w, &unit))
        return true;
    shared_colour_by(&shell->sh, unit);
    return true;
}

static bool run_dict(struct shell *shell, const char *arg)
{
    struct shared *sh = &shell->sh;
    struct error e = {0};
    if (!*arg)
        return false;
    if (!sh->workbench) {
        shared_message(sh, false, "still loading");
        return true;
    }
    if (!shared_dict_known(sh))
        return true;
    int32_t place = unit_place_find(&sh->workbench->dicts, arg, &e);
    if (place < 0)
        shared_message(sh, true, "%s", e.text);
    else
        shared_show_dict(sh, place);
    return true;
}

static bool run_fix(struct shell *shell, const char *arg)
{
    struct sliders before = shell->sh.sliders, made = shell->sh.sliders;
    const char *p = arg;
    do {
        char *end;
        struct unit_word w;
        struct unit_id unit;
        if (!unit_word_read(&p, &w, NULL) || *p != '=')
            return false;
        p++;
        double v = strtod(p, &end);
        if (end == p || !isfinite(v) || (*end && *end != ','))
            return false;
        if (!unit_known(shell, &w, &unit) || !shared_value_fits(&shell->sh, unit, v))
            return true;
        int row = sliders_take(&made, unit, v);
        if (row < 0) {
            shared_message(&shell->sh, true, "all %d sliders are taken: x removes one", UNITS_MAX);
            return true;
        }
        sliders_set(&made, row, v);
        shell->sh.rows.selected = row + 1;
        p = *end ? end + 1 : end;
    } while (*p);
    shell->sh.sliders = made;
    shared_changed_sliders(&shell->sh, &before, false);
    return true;
}

static bool run_free(struct shell *shell, const char *arg)
{
    struct sliders before = shell->sh.sliders;
    struct unit_word w;
    struct unit_id unit;
    int row = -1;
    bool all = strcmp(arg, "all") == 0;
    if (!all && !unit_word_whole(arg, &w))
        return false;
    if (!all && !unit_known(shell, &w, &unit))
        return true;
    if (!all && (row = sliders_find(&shell->sh.sliders, unit)) < 0) {
        shared_message(&shell->sh, true, "%s is no slider", arg);
        return true;
    }
    for (int i = 0; i < shell->sh.sliders.n; i++)
        if (all || i == row)
            shell->sh.sliders.unit[i].fixed = false;
    shared_changed_sliders(&shell->sh, &before, false);
    return true;
}

static bool ask_program(struct shell *shell, enum want want, const char *arg)
{
    if (!*arg)
        return false;
    if (strlen(arg) >= sizeof shell->want_arg) {
        shared_message(&shell->sh, true, "found a name of %zu bytes, expected fewer than %zu",
                       strlen(arg), sizeof shell->want_arg);
        return true;
    }
    snprintf(shell->want_arg, sizeof shell->want_arg, "%s", arg);
    shell->wants |= (unsigned)want;
    return true;
}

/* One of the endings ".a .b", which a writer knows. */
static bool ends_in(const char *path, const char *endings)
{
    const char *dot = strrchr(path, '.'), *p = dot ? strstr(endings, dot) : NULL;
    size_t n = dot ? strlen(dot) : 0;
    return p && n > 1 && (p[n] == ' ' || p[n] == 0);
}

#define SHOT_ENDINGS ".svg .txt .ans"
#define WRITE_ENDINGS ".svg .json .csv"
#define CORPUS_ENDINGS ".tsv .tmx .txt .json .jsonl .conllu .gz .xz"

static bool run_theme(struct shell *shell, const char *arg)
{
    return ask_program(shell, WANT_THEME, arg);
}

static bool run_shot(struct shell *shell, const char *arg)
{
    return ends_in(arg, SHOT_ENDINGS) && ask_program(shell, WANT_SHOT, arg);
}

static bool run_open(struct shell *shell, const char *arg)
{
    return ask_program(shell, WANT_OPEN, arg);
}

static bool run_sessions(struct shell *shell, const char *arg)
{
    shell->wants |= WANT_SESSIONS;
    return !*arg;
}

static bool run_write(struct shell *shell, const char *arg)
{
    return ends_in(arg, WRITE_ENDINGS) && ask_program(shell, WANT_WRITE, arg);
}

static bool run_corpus(struct shell *shell, const char *arg)
{
    struct stat st;
    if (!*arg)
        return false;
    bool own = choice(corpus_names, arg) < 0;
    if (own && (stat(arg, &st) < 0 || access(arg, R_OK) < 0))
        shared_message(&shell->sh, true, "corpus %s: %s", arg, strerror(errno));
    else if (own && S_ISDIR(st.st_mode))
        shared_message(&shell->sh, true, "corpus %s: found a folder, expected a file", arg);
    else
        shell_use_corpus(shell, arg);
    return true;
}

static bool run_special(struct shell *shell, const char *arg)
{
    int c = choice(switch_names, arg);
    struct sliders before = shell->sh.sliders;
    if (c < 0 && *arg)
        return false;
    shell->sh.sliders.special = *arg ? c == 0 : !before.special;
    shared_changed_sliders(&shell->sh, &before, false);
    shared_message(&shell->sh, false, "special tokens spelled out are %s",
                   shell->sh.sliders.special ? "their tokens" : "plain text");
    return true;
}

/* A corpus that is there is read anew. */
static void read_anew(struct shell *shell)
{
    if (shell->sh.corpus.path)
        shell_use_corpus(shell, shell->sh.corpus.path);
}

static bool run_encoding(struct shell *shell, const char *arg)
{
    if (!text_encoding_known(arg) || strlen(arg) >= sizeof shell->encoding)
        return false;
    snprintf(shell->encoding, sizeof shell->encoding, "%s", arg);
    shared_message(&shell->sh, false, "files that are not UTF-8 are read as %s", arg);
    read_anew(shell);
    return true;
}

static bool run_header(struct shell *shell, const char *arg)
{
    int c = choice(switch_names, arg);
    if (c < 0 && *arg)
        return false;
    shell->header = *arg ? c == 0 : !shell->header;
    shared_message(&shell->sh, false,
                   shell->header ? "the first line of a corpus is a header"
                                 : "corpora have no header");
    read_anew(shell);
    return true;
}

static bool run_view(struct shell *shell, const char *arg)
{
    int view = view_named(shell->views.table, shell->views.n, arg);
    if (view >= 0)
        views_go(shell, view);
    return view >= 0;
}

static bool run_mouse(struct shell *shell, const char *arg)
{
    int c = choice(switch_names, arg);
    if (c < 0 && *arg)
        return false;
    if (c < 0 || shell->mouse != (c == 0))
        shell_do(shell, ACTION_MOUSE);
    return true;
}

/* "cuda:0 NVIDIA H200, f16, 130 GB free of 151" */
static bool run_device(struct shell *shell, const char *arg)
{
    const struct service_status *s = &shell->sh.status;
    char memory[64];
    if (*arg)
        return false;
    device_memory_text(&s->memory, memory, sizeof memory);
    if (s->device[0])
        shared_message(&shell->sh, false, "%s, %s%s%s", s->card, s->precision,
                       memory[0] ? ", " : "", memory);
    else
        shared_message(&shell->sh, false, "no device computes yet");
    return true;
}

static bool run_clear(struct shell *shell, const char *arg)
{
    if (*arg)
        return false;
    editor_do(&shell->sh.editor, EDIT_SELECT_ALL, false);
    history_break(&shell->sh.history);
    editor_do(&shell->sh.editor, EDIT_DELETE, false);
    shared_moved(&shell->sh);
    return true;
}

static const struct command_row {
    const char *name, *args, *help;
    enum action_id key; /* shown beside it */
    const char *const *values;
    bool (*run)(struct shell *, const char *arg);
    const char *endings; /* of the files it takes, "": all; NULL: it takes none */
} commands[] = {
    {"fix", "UNIT=V[,UNIT=V…]", "hold latents at fixed values", ACTION_VALUE, NULL, run_fix, NULL},
    {"free", "ID|all", "free fixed values", ACTION_FIX, all_names, run_free, NULL},
    {"colour", "pre|act|loss|delta", "what colours the text", ACTION_COLOURING, colour_names,
     run_colour, NULL},
    {"unit", "ID|all", "the latent that colours the text", ACTION_COLOUR_BY, all_names, run_unit,
     NULL},
    {"dict", "NAME", "the dictionary whose latents are listed", ACTION_DICT, NULL, run_dict, NULL},
    {"insert", "none|sae|error|NAME=MODE[,…]", "what replaces the hooked activation", ACTION_INSERT,
     insert_name, run_insert, NULL},
    {"context", "line|join", "each line its own sequence, or all one", ACTION_CONTEXT,
     context_names, run_context, NULL},
    {"theme", "NAME", "colours of the screen", ACTION_NONE, NULL, run_theme, NULL},
    {"mouse", "on|off", "the mouse for glimt, or for the terminal", ACTION_MOUSE, switch_names,
     run_mouse, NULL},
    {"open", "FILE", "put the text of a file in place of the text", ACTION_NONE, NULL, run_open,
     ""},
    {"clear", "", "delete the text (undo brings it back)", ACTION_NONE, NULL, run_clear, NULL},
    {"view", "explore|latents|…", "another view", ACTION_NONE, NULL, run_view, NULL},
    {"corpus", "FILE|references", "the corpus that views read", ACTION_NONE, corpus_names,
     run_corpus, CORPUS_ENDINGS},
    {"encoding", "NAME", "of files that are not UTF-8, e.g. latin1", ACTION_NONE, encoding_names,
     run_encoding, NULL},
    {"header", "on|off", "the first line of a corpus is a header", ACTION_NONE, switch_names,
     run_header, NULL},
    {"special", "on|off", "special tokens spelled out are their tokens", ACTION_NONE, switch_names,
     run_special, NULL},
    {"write", "FILE.svg|.json|.csv", "write the plot or table of the focused pane", ACTION_NONE,
     NULL, run_write, WRITE_ENDINGS},
    {"device", "", "what computes, in which precision, with how much memory", ACTION_NONE, NULL,
     run_device, NULL},
    {"sessions", "", "which sessions are kept (glimt --session NAME opens one)", ACTION_NONE, NULL,
     run_sessions, NULL},
    {"shot", "FILE.svg|.txt|.ans", "write a picture of the screen", ACTION_NONE, NULL, run_shot,
     SHOT_ENDINGS},
};
#define N_COMMANDS (sizeof commands / sizeof *commands)

static const struct command_row *command_named(const char *name, size_t n)
{
    for (size_t i = 0; i < N_COMMANDS; i++)
        if (strlen(commands[i].name) == n && strncmp(commands[i].name, name, n) == 0)
            return &commands[i];
    return NULL;
}

bool shell_command_named(const struct shell *shell, const char *name, size_t n,
                         struct shell_command *out)
{
    const struct command_row *c = command_named(name, n);
    int view;
    const struct view_command *v = c ? NULL : views_command(shell, name, n, &view);
    if (c)
        *out = (struct shell_command){c->name,
                                      c->run == run_view   ? shell->views.name
                                      : c->run == run_dict ? shell->places.name
                                                           : c->values,
                                      c->endings};
    else if (v)
        *out = (struct shell_command){v->name, v->values, v->endings};
    return c || v;
}

bool shell_command_at(const struct shell *shell, int i, struct palette_item *out)
{
    const struct views *v = &shell->views;
    const int of[] = {HOME, v->now};
    if (i < (int)N_COMMANDS) {
        const struct command_row *c = &commands[i];
        *out = (struct palette_item){c->name, c->args, c->help, c->key, 0};
        return true;
    }
    i -= (int)N_COMMANDS;
    for (int k = 0; k < (v->now == HOME ? 1 : 2); k++)
        for (const struct view_command *c = v->table[of[k]]->commands; c && c->name; c++)
            if (i-- == 0) {
                *out = (struct palette_item){c->name, c->args, c->help, c->key, 0};
                return true;
            }
    return false;
}

/* With a file the name stands for what a shell would make of it. */
static bool run_named(struct shell *shell, const char *name, size_t n, const char *text)
{
    const struct command_row *c = command_named(name, n);
    int view;
    const struct view_command *v = c ? NULL : views_command(shell, name, n, &view);
    const char *args = c ? c->args : v->args;
    struct error e = {0};
    char *path = (c ? c->endings : v->endings) ? path_expanded(text, &e) : NULL;
    const char *arg = path ? path : text;
    bool ok = error_is_set(&e) || (c ? c->run(shell, arg) : views_run(shell, v, view, arg));
    if (error_is_set(&e))
        shared_message(&shell->sh, true, "%s", e.text);
    free(path);
    if (!ok && !shell->sh.message[0])
        shared_message(&shell->sh, true, ":%s: found %s, expected %s", c ? c->name : v->name,
                       *text ? text : "nothing", *args ? args : "nothing");
    return ok;
}

static void say_unknown(struct shell *shell, const char *name, enum action_id a)
{
    const int view = views_with_command(shell, name, strlen(name));
    if (a != ACTION_NONE)
        shared_message(&shell->sh, true, ":%s takes no argument", name);
    else if (view >= 0)
        shared_message(&shell->sh, true, ":%s is a command of the view %s (%d)", name,
                       shell->views.table[view]->title, view + 1);
    else
        shared_message(&shell->sh, true, "unknown command :%s", name);
}

/* `!` behind a command that takes a file: without asking. */
bool shell_command_line(struct shell *shell, const char *line, bool asks)
{
    while (*line == ' ' || *line == ':')
        line++;
    size_t n = strcspn(line, " ");
    const char *arg = line + n + strspn(line + n, " ");
    char *text = xstrdup(arg), name[40];
    for (size_t k = strlen(text); k > 0 && text[k - 1] == ' '; k--)
        text[k - 1] = 0;
    snprintf(name, sizeof name, "%.*s", (int)n, line);
    bool sure = n > 1 && line[n - 1] == '!';
    struct shell_command found;
    bool is_command = shell_command_named(shell, line, sure ? n - 1 : n, &found);
    if (sure && is_command && !found.endings)
        is_command = false;
    enum action_id a = action_named(name);
    shell->want_asks = asks && !sure;
    bool ok = true;
    shell->sh.message[0] = 0;
    shell->sh.redraw = true;
    if (is_command) {
        ok = run_named(shell, line, sure ? n - 1 : n, text);
    } else if (a != ACTION_NONE && !*text) {
        shell_do(shell, a);
    } else if (n > 0) {
        ok = false;
        say_unknown(shell, name, a);
    }
    free(text);
    shell_arrange(shell);
    shell_sync(shell);
    return ok;
}

bool shell_command(struct shell *shell, const char *line)
{
    return shell_command_line(shell, line, false);
}
