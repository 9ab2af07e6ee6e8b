/* The commands of the palette: what ':' and scripts understand. */
#include "engine/base/memory.h"
#include "engine/formats/text_file.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore.h"
#include <ctype.h>
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const insert_names[] = {"none", "sae", "error", NULL};
static const char *const context_names[] = {"line", "join", NULL};
static const char *const colour_names[] = {"pre", "act", "loss", "delta", NULL};
static const char *const switch_names[] = {"on", "off", NULL};
static const char *const view_names[] = {"explore", "latents", "histograms", "sweep",
                                         "corpus",  "jobs",    NULL};
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

static bool unit_number(const char *s, char **end, int32_t *out)
{
    errno = 0;
    long v = strtol(s, end, 10);
    if (*end == s || v < 0 || v > INT32_MAX || errno)
        return false;
    *out = (int32_t)v;
    return true;
}

static bool unit_known(struct explore *ex, int32_t unit)
{
    if (!explore_dict_known(ex))
        return false;
    const struct dict_spec *spec =
        ex->workbench && ex->workbench->dict ? dict_spec(ex->workbench->dict) : NULL;
    if (!spec || unit < spec->m)
        return true;
    explore_message(ex, true, "unit %d: expected 0 … %d", unit, spec->m - 1);
    return false;
}

/* ---- each takes its argument, "" where none was given; false: it makes no sense (the usage is
 * then shown) */
static bool run_context(struct explore *ex, const char *arg)
{
    int c = choice(context_names, arg);
    struct sliders before = ex->sliders;
    ex->sliders.join = c == 1;
    if (c >= 0)
        explore_changed_sliders(ex, &before, false);
    else
        ex->sliders = before;
    return c >= 0;
}

static bool run_insert(struct explore *ex, const char *arg)
{
    int c = choice(insert_names, arg);
    if (c < 0)
        return false;
    if (c != INSERT_NONE && !explore_dict_known(ex))
        return true;
    struct sliders before = ex->sliders;
    ex->sliders.insert = (enum insert)c;
    explore_changed_sliders(ex, &before, false);
    if (c == INSERT_NONE && sliders_any_fixed(&ex->sliders))
        explore_message(ex, false, "values are fixed: %s until all are free",
                        unit_words(ex->workbench)->inserted[INSERT_SAE]);
    return true;
}

static bool run_colour(struct explore *ex, const char *arg)
{
    int c = choice(colour_names, arg);
    if (c < 0)
        return false;
    if (c != COLOUR_LOSS && !explore_dict_known(ex))
        return true;
    ex->colouring = (enum colouring)c;
    ex->state_changed = true;
    explore_recolour(ex);
    return true;
}

static bool run_unit(struct explore *ex, const char *arg)
{
    char *end = NULL;
    int32_t unit = UNIT_ALL;
    if (strcmp(arg, "all") != 0 && (!unit_number(arg, &end, &unit) || *end))
        return false;
    if (unit != UNIT_ALL && !unit_known(ex, unit))
        return true;
    explore_colour_by(ex, unit);
    return true;
}

static bool run_fix(struct explore *ex, const char *arg)
{
    struct sliders before = ex->sliders, made = ex->sliders;
    const char *p = arg;
    do {
        char *end;
        int32_t unit;
        if (!unit_number(p, &end, &unit) || *end != '=')
            return false;
        p = end + 1;
        double v = strtod(p, &end);
        if (end == p || !isfinite(v) || (*end && *end != ','))
            return false;
        if (!unit_known(ex, unit) || !explore_value_fits(ex, unit, v))
            return true;
        int row = sliders_take(&made, unit, v);
        if (row < 0) {
            explore_message(ex, true, "all %d sliders are fixed: free one first",
                            SESSION_MAX_UNITS);
            return true;
        }
        sliders_set(&made, row, v);
        ex->rows.selected = row + 1;
        p = *end ? end + 1 : end;
    } while (*p);
    ex->sliders = made;
    explore_changed_sliders(ex, &before, false);
    return true;
}

static bool run_free(struct explore *ex, const char *arg)
{
    struct sliders before = ex->sliders;
    char *end;
    int32_t unit;
    int row = -1;
    bool all = strcmp(arg, "all") == 0;
    if (!all && (!unit_number(arg, &end, &unit) || *end))
        return false;
    if (!all && (row = sliders_find(&ex->sliders, unit)) < 0) {
        explore_message(ex, true, "%d is no slider", unit);
        return true;
    }
    for (int i = 0; i < ex->sliders.n; i++)
        if (all || i == row)
            ex->sliders.unit[i].fixed = false;
    explore_changed_sliders(ex, &before, false);
    return true;
}

static bool ask_program(struct explore *ex, enum want want, const char *arg)
{
    if (!*arg)
        return false;
    if (strlen(arg) >= sizeof ex->want_arg) {
        explore_message(ex, true, "found a name of %zu bytes, expected fewer than %zu", strlen(arg),
                        sizeof ex->want_arg);
        return true;
    }
    snprintf(ex->want_arg, sizeof ex->want_arg, "%s", arg);
    ex->wants |= (unsigned)want;
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

static bool run_theme(struct explore *ex, const char *arg)
{
    return ask_program(ex, WANT_THEME, arg);
}

static bool run_shot(struct explore *ex, const char *arg)
{
    return ends_in(arg, SHOT_ENDINGS) && ask_program(ex, WANT_SHOT, arg);
}

static bool run_open(struct explore *ex, const char *arg)
{
    return ask_program(ex, WANT_OPEN, arg);
}

static bool run_sessions(struct explore *ex, const char *arg)
{
    ex->wants |= WANT_SESSIONS;
    return !*arg;
}

static bool run_write(struct explore *ex, const char *arg)
{
    return ends_in(arg, WRITE_ENDINGS) && ask_program(ex, WANT_WRITE, arg);
}

static bool run_corpus(struct explore *ex, const char *arg)
{
    struct stat st;
    if (!*arg)
        return false;
    bool own = choice(corpus_names, arg) < 0;
    if (own && (stat(arg, &st) < 0 || access(arg, R_OK) < 0))
        explore_message(ex, true, "corpus %s: %s", arg, strerror(errno));
    else if (own && S_ISDIR(st.st_mode))
        explore_message(ex, true, "corpus %s: found a folder, expected a file", arg);
    else
        explore_use_corpus(ex, arg);
    return true;
}

static bool run_twin(struct explore *ex, const char *arg)
{
    int c = choice(switch_names, arg);
    char *end;
    errno = 0;
    long n = strtol(arg, &end, 10);
    if (c >= 0 || !*arg) {
        twin_switch(ex, *arg ? c == 0 : !ex->twin);
        return true;
    }
    if (end == arg || *end || errno)
        return false;
    return twin_reference(ex, n);
}

static bool run_special(struct explore *ex, const char *arg)
{
    int c = choice(switch_names, arg);
    struct sliders before = ex->sliders;
    if (c < 0 && *arg)
        return false;
    ex->sliders.special = *arg ? c == 0 : !before.special;
    explore_changed_sliders(ex, &before, false);
    explore_message(ex, false, "special tokens spelled out are %s",
                    ex->sliders.special ? "their tokens" : "plain text");
    return true;
}

/* A corpus that is there is read anew. */
static void read_anew(struct explore *ex)
{
    if (ex->views.corpus.path)
        explore_use_corpus(ex, ex->views.corpus.path);
}

static bool run_encoding(struct explore *ex, const char *arg)
{
    if (!text_encoding_known(arg) || strlen(arg) >= sizeof ex->encoding)
        return false;
    snprintf(ex->encoding, sizeof ex->encoding, "%s", arg);
    explore_message(ex, false, "files that are not UTF-8 are read as %s", arg);
    read_anew(ex);
    return true;
}

static bool run_header(struct explore *ex, const char *arg)
{
    int c = choice(switch_names, arg);
    if (c < 0 && *arg)
        return false;
    ex->header = *arg ? c == 0 : !ex->header;
    explore_message(ex, false,
                    ex->header ? "the first line of a corpus is a header"
                               : "corpora have no header");
    read_anew(ex);
    return true;
}

static bool run_view(struct explore *ex, const char *arg)
{
    for (int i = 0; i < N_VIEWS; i++)
        if (strcmp(arg, view_table[i] ? view_table[i]->name : "explore") == 0) {
            views_go(ex, (enum view_id)i);
            return true;
        }
    return false;
}

static bool run_switch(struct explore *ex, const char *arg, bool *value, enum action_id toggle)
{
    int c = choice(switch_names, arg);
    if (c < 0 && *arg)
        return false;
    if (c < 0 || *value != (c == 0))
        explore_do(ex, toggle);
    return true;
}

static bool run_mouse(struct explore *ex, const char *arg)
{
    return run_switch(ex, arg, &ex->mouse, ACTION_MOUSE);
}

static bool run_rail(struct explore *ex, const char *arg)
{
    return run_switch(ex, arg, &ex->rail, ACTION_RAIL);
}

static bool run_clear(struct explore *ex, const char *arg)
{
    if (*arg)
        return false;
    editor_do(&ex->editor, EDIT_SELECT_ALL, false);
    history_break(&ex->history);
    editor_do(&ex->editor, EDIT_DELETE, false);
    explore_moved(ex);
    return true;
}

static const struct command_row {
    const char *name, *args, *help;
    enum action_id key; /* shown beside it */
    const char *const *values;
    bool (*run)(struct explore *, const char *arg);
    const char *endings; /* of the files it takes, "": all; NULL: it takes none */
} commands[] = {
    {"fix", "ID=V[,ID=V…]", "hold latents at fixed values", ACTION_VALUE, NULL, run_fix, NULL},
    {"free", "ID|all", "free fixed values", ACTION_FIX, all_names, run_free, NULL},
    {"colour", "pre|act|loss|delta", "what colours the text", ACTION_COLOURING, colour_names,
     run_colour, NULL},
    {"unit", "ID|all", "the latent that colours the text", ACTION_COLOUR_BY, all_names, run_unit,
     NULL},
    {"insert", "none|sae|error", "what replaces the hooked activation", ACTION_INSERT, insert_names,
     run_insert, NULL},
    {"context", "line|join", "each line its own sequence, or all one", ACTION_CONTEXT,
     context_names, run_context, NULL},
    {"theme", "NAME", "colours of the screen", ACTION_NONE, NULL, run_theme, NULL},
    {"rail", "on|off", "values as a rail below each line", ACTION_RAIL, switch_names, run_rail,
     NULL},
    {"mouse", "on|off", "the mouse for glimt, or for the terminal", ACTION_MOUSE, switch_names,
     run_mouse, NULL},
    {"twin", "on|off|N", "a line and its twin; N: reference pair N as the text", ACTION_TWIN,
     switch_names, run_twin, NULL},
    {"open", "FILE", "put the text of a file in place of the text", ACTION_NONE, NULL, run_open,
     ""},
    {"clear", "", "delete the text (undo brings it back)", ACTION_NONE, NULL, run_clear, NULL},
    {"view", "explore|latents|…", "another view", ACTION_NONE, view_names, run_view, NULL},
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

/* With a file the name stands for what a shell would make of it. */
static bool run_row(struct explore *ex, const struct command_row *c, const char *text)
{
    struct error e = {0};
    char *path = c->endings ? path_expanded(text, &e) : NULL;
    bool ok = error_is_set(&e) || c->run(ex, path ? path : text);
    if (error_is_set(&e))
        explore_message(ex, true, "%s", e.text);
    free(path);
    return ok;
}

/* `!` behind a command that takes a file: without asking. */
static bool run_line(struct explore *ex, const char *line, bool asks)
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
    const struct command_row *c = command_named(line, sure ? n - 1 : n);
    if (sure && c && !c->endings)
        c = NULL;
    enum action_id a = action_named(name);
    ex->want_asks = asks && !sure;
    bool ok = true;
    ex->message[0] = 0;
    ex->redraw = true;
    if (c) {
        ok = run_row(ex, c, text);
        if (!ok && !ex->message[0])
            explore_message(ex, true, ":%s: found %s, expected %s", c->name,
                            *text ? text : "nothing", *c->args ? c->args : "nothing");
    } else if (a != ACTION_NONE && !*text) {
        if (!views_do(ex, a))
            explore_do(ex, a);
    } else if (n > 0) {
        ok = false;
        explore_message(ex, true,
                        a != ACTION_NONE ? ":%s takes no argument" : "unknown command :%s", name);
    }
    free(text);
    explore_arrange(ex);
    views_sync(ex);
    return ok;
}

bool explore_command(struct explore *ex, const char *line)
{
    return run_line(ex, line, false);
}

/* ---- the palette */

/* How well typed letters fit a name in their order; 0: not at all. Runs and word beginnings count
 * more. */
static int fuzzy(const char *typed, const char *name)
{
    int score = 1, run = 0;
    const char *from = name;
    for (; *typed; typed++) {
        const char *p = from;
        while (*p && tolower((unsigned char)*p) != tolower((unsigned char)*typed))
            p++;
        if (!*p)
            return 0;
        run = p == from && from != name ? run + 1 : 0;
        score += 4 + 6 * run +
                 (p == name      ? 20
                  : p[-1] == '-' ? 10
                                 : 0) -
                 (int)(p - from > 3 ? 3 : p - from);
        from = p + 1;
    }
    return score + (*from ? 0 : 15);
}

static int by_score(const void *a, const void *b)
{
    const struct palette_item *x = a, *y = b;
    if (x->score != y->score)
        return y->score - x->score;
    return strcmp(x->name, y->name);
}

unsigned palette_where(const struct explore *ex)
{
    return ex->views.now == VIEW_EXPLORE ? (unsigned)IN_COMMAND : (unsigned)explore_where(ex);
}

int palette_find(const char *typed, unsigned where, struct palette_item out[PALETTE_MAX])
{
    char word[40];
    int n = 0;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(typed, " "), typed);
    for (size_t i = 0; i < N_COMMANDS; i++) {
        int score = fuzzy(word, commands[i].name);
        if (score > 0)
            out[n++] = (struct palette_item){commands[i].name, commands[i].args, commands[i].help,
                                             commands[i].key, score + 5};
    }
    for (int a = 0; a < N_ACTIONS && n < PALETTE_MAX; a++) {
        int score =
            (actions[a].where & where) && !command_named(actions[a].name, strlen(actions[a].name))
                ? fuzzy(word, actions[a].name)
                : 0;
        if (score > 0)
            out[n++] = (struct palette_item){actions[a].name, "", actions[a].help,
                                             (enum action_id)a, score};
    }
    qsort(out, (size_t)n, sizeof *out, by_score);
    return n;
}

/* The first value that begins with what is typed; the one after it where a value stands there
 * whole. */
static const char *next_value(const char *const *values, const char *typed)
{
    int whole = choice(values, typed);
    if (whole >= 0)
        return values[whole + 1] ? values[whole + 1] : values[0];
    for (int i = 0; values[i]; i++)
        if (strncmp(values[i], typed, strlen(typed)) == 0)
            return values[i];
    return NULL;
}

static void complete_argument(struct explore *ex, const struct command_row *c, const char *typed)
{
    char line[PROMPT_MAX];
    char **themes = strcmp(c->name, "theme") == 0 ? theme_list() : NULL;
    const char *const *values = themes ? (const char *const *)themes : c->values;
    const char *value = values ? next_value(values, typed) : NULL;
    if (value) {
        snprintf(line, sizeof line, "%s %s", c->name, value);
        prompt_set(&ex->prompt, line);
    }
    for (int i = 0; themes && themes[i]; i++)
        free(themes[i]);
    free(themes);
}

void palette_complete(struct explore *ex, int by)
{
    struct palette_item items[PALETTE_MAX];
    char command[40];
    size_t n = strcspn(ex->prompt.s, " ");
    const struct command_row *c =
        command_named(ex->prompt.s, n > 0 && ex->prompt.s[n - 1] == '!' ? n - 1 : n);
    if (c && ex->prompt.s[n] == ' ') {
        const char *typed = ex->prompt.s + n + strspn(ex->prompt.s + n, " ");
        snprintf(command, sizeof command, "%.*s", (int)n, ex->prompt.s);
        if (c->endings)
            file_prompt_complete(ex, command, typed, c->endings, c->values, by);
        else
            complete_argument(ex, c, typed);
        return;
    }
    int found = palette_find(ex->prompt.s, palette_where(ex), items);
    if (ex->choices.selected < found) {
        char line[80];
        const struct palette_item *it = &items[ex->choices.selected];
        snprintf(line, sizeof line, "%s%s", it->name, *it->args ? " " : "");
        prompt_set(&ex->prompt, line);
        ex->choices.selected = ex->choices.top = 0;
    }
}

void palette_run(struct explore *ex)
{
    struct palette_item items[PALETTE_MAX];
    size_t n = strcspn(ex->prompt.s, " ");
    char line[PROMPT_MAX];
    snprintf(line, sizeof line, "%s", ex->prompt.s);
    int found = palette_find(ex->prompt.s, palette_where(ex), items);
    bool typed_out =
        ex->prompt.s[n] == ' ' || (ex->choices.selected == 0 && command_named(line, n));
    if (!typed_out && ex->choices.selected < found) {
        const struct palette_item *it = &items[ex->choices.selected];
        if (*it->args) { /* more must be typed */
            palette_complete(ex, 1);
            return;
        }
        snprintf(line, sizeof line, "%s", it->name);
    }
    ex->overlay = OVERLAY_NONE;
    recall_add(&ex->recall, line);
    ex->state_changed = true;
    if (line[0])
        run_line(ex, line, true);
}
