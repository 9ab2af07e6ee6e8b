#include "tui/script.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define DRAG_STEPS_A_SECOND 30
#define SCRIPT_MAX_BYTES (1u << 20)

enum step_kind { STEP_KEY, STEP_TYPE, STEP_DRAG, STEP_WAIT, STEP_SAY, STEP_MARK, STEP_COMMAND };
struct step {
    enum step_kind kind;
    int line;
    struct event event;    /* KEY */
    char *text;            /* TYPE, SAY, MARK, COMMAND */
    struct unit_word unit; /* DRAG, unless all */
    bool all;
    double value, seconds;
};

enum phase { PHASE_START, PHASE_MOVE, PHASE_EXACT };
struct script {
    char *name;
    struct step *step;
    size_t n, cap, at;
    size_t typed;     /* bytes of STEP_TYPE already played */
    enum phase phase; /* of a drag */
    int done, n_moves, from_x, to_x, y;
    int64_t start_ms;
};

/* ---- reading */
static struct step *add(struct script *s, enum step_kind kind, int line)
{
    s->step = grow(s->step, &s->cap, s->n + 1, sizeof *s->step);
    s->step[s->n] = (struct step){.kind = kind, .line = line};
    return &s->step[s->n++];
}

static bool add_keys(struct script *s, char *names, int line, struct error *e)
{
    char *save = NULL;
    int n = 0;
    for (char *k = strtok_r(names, " ", &save); k; k = strtok_r(NULL, " ", &save), n++) {
        struct event ev;
        if (!event_parse(k, &ev))
            return error_set(e, ERROR_INPUT, "%s line %d: unknown key %s", s->name, line, k);
        add(s, STEP_KEY, line)->event = ev;
    }
    return n > 0 || error_set(e, ERROR_INPUT, "%s line %d: key: found nothing, expected NAME…",
                              s->name, line);
}

static bool add_drag(struct script *s, const char *arg, int line, struct error *e)
{
    char id[UNIT_NAME_MAX], unit[16] = "";
    double v, seconds = 0;
    int n = sscanf(arg, "%63s to %lf in %15s", id, &v, unit);
    char *end = unit;
    struct unit_word word = {.layer = -1};
    if (n == 3)
        seconds = strtod(unit, &end);
    bool ok = n >= 2 && isfinite(v) && (*end == 0 || strcmp(end, "s") == 0) && seconds >= 0 &&
              seconds <= 3600;
    const char *name = id;
    bool all = ok && strcmp(id, "all") == 0;
    if (ok && !all)
        ok = unit_word_read(&name, &word, NULL) && !*name && word.index >= 0;
    if (!ok)
        return error_set(e, ERROR_INPUT,
                         "%s line %d: drag: found %s, expected ID to VALUE [in SECONDS]", s->name,
                         line, arg);
    struct step *p = add(s, STEP_DRAG, line);
    p->unit = word;
    p->all = all;
    p->value = slider_snap(v);
    p->seconds = seconds;
    return true;
}

static bool add_line(struct script *s, char *line, int number, struct error *e)
{
    static const struct {
        const char *word;
        enum step_kind kind;
    } with_text[] = {{"type", STEP_TYPE}, {"say", STEP_SAY}, {"mark", STEP_MARK}};
    line += strspn(line, " \t");
    if (*line == 0 || *line == '#')
        return true;
    if (*line == ':') {
        add(s, STEP_COMMAND, number)->text = xstrdup(line + 1);
        return true;
    }
    size_t n = strcspn(line, " ");
    char *arg = line + n + (line[n] == ' ');
    for (size_t i = 0; i < sizeof with_text / sizeof *with_text; i++)
        if (strlen(with_text[i].word) == n && strncmp(line, with_text[i].word, n) == 0) {
            add(s, with_text[i].kind, number)->text = xstrdup(arg);
            return true;
        }
    if (n == 3 && strncmp(line, "key", n) == 0)
        return add_keys(s, arg, number, e);
    if (n == 4 && strncmp(line, "drag", n) == 0)
        return add_drag(s, arg, number, e);
    if (strcmp(line, "wait idle") == 0) {
        add(s, STEP_WAIT, number);
        return true;
    }
    return error_set(
        e, ERROR_INPUT,
        "%s line %d: found %s, expected key, type, drag, wait idle, say, mark or :command", s->name,
        number, line);
}

bool script_parse(const char *name, const char *text, size_t n, struct script **out,
                  struct error *e)
{
    struct script *s = xcalloc(1, sizeof *s);
    s->name = xstrdup(name);
    bool ok = true;
    int number = 1;
    for (size_t i = 0; ok && i < n; number++) {
        size_t k = i;
        while (k < n && text[k] != '\n')
            k++;
        size_t m = k > i && text[k - 1] == '\r' ? k - 1 : k;
        char *line = utf8_repair(text + i, m - i, NULL, NULL);
        ok = add_line(s, line, number, e);
        free(line);
        i = k + 1;
    }
    if (!ok) {
        script_free(s);
        s = NULL;
    }
    *out = s;
    return ok;
}

bool script_open(const char *path, struct script **out, struct error *e)
{
    FILE *f = fopen(path, "rbe");
    *out = NULL;
    if (!f)
        return error_set(e, ERROR_INPUT, "script %s: %s", path, strerror(errno));
    char *text = xmalloc(SCRIPT_MAX_BYTES + 1);
    size_t n = fread(text, 1, SCRIPT_MAX_BYTES + 1, f);
    bool ok = !ferror(f) && n <= SCRIPT_MAX_BYTES;
    fclose(f);
    if (!ok)
        error_set(e, ERROR_INPUT, "script %s: can't be read, or larger than 1 MiB", path);
    ok = ok && script_parse(path, text, n, out, e);
    free(text);
    return ok;
}

void script_free(struct script *s)
{
    if (!s)
        return;
    for (size_t i = 0; i < s->n; i++)
        free(s->step[i].text);
    free(s->step);
    free(s->name);
    free(s);
}

/* ---- playing */
static void send_key(struct shell *shell, const char *name)
{
    struct event e;
    if (event_parse(name, &e))
        shell_event(shell, &e);
}

static void send_text(struct shell *shell, const char *s)
{
    for (size_t n = strlen(s), i = 0, k; i < n; i += k) {
        struct event e = {.kind = EVENT_TEXT, .code = utf8_decode(s + i, n - i, &k, NULL)};
        shell_event(shell, &e);
    }
}

static void send_mouse(struct script *s, struct shell *shell, enum mouse_kind kind, int x)
{
    struct event e = {
        .kind = EVENT_MOUSE, .mouse = kind, .button = 1, .x = x, .y = s->y, .clicks = 1};
    shell_event(shell, &e);
}

static bool next_step(struct script *s)
{
    s->at++;
    s->typed = 0;
    s->phase = PHASE_START;
    return true;
}

/* Types one cluster's first code point at a time, so that each is seen. */
static bool type_on(struct script *s, struct shell *shell, const char *text)
{
    size_t n = strlen(text), k;
    if (s->typed >= n)
        return next_step(s);
    struct event e = {.kind = EVENT_TEXT,
                      .code = utf8_decode(text + s->typed, n - s->typed, &k, NULL)};
    shell_event(shell, &e);
    s->typed += k;
    return true;
}

/* SLIDER_ALL also where there is none. */
static int row_of(const struct shell *shell, const struct step *p)
{
    struct unit_id unit;
    return !p->all && shared_find_unit(&shell->sh, &p->unit, &unit, NULL)
               ? sliders_find(&shell->sh.sliders, unit)
               : SLIDER_ALL;
}

static bool drag_start(struct script *s, struct shell *shell, const struct step *p, int64_t now)
{
    struct slider_track t;
    int x, row = row_of(shell, p);
    for (int i = 0; i < N_PANES && shell_where(shell) != IN_SLIDERS; i++)
        send_key(shell, "Tab");
    if ((row < 0 && !p->all) || shell->sh.sliders.n == 0) {
        char name[UNIT_NAME_MAX] = "all";
        if (!p->all)
            unit_word_name(&p->unit, name);
        shared_message(&shell->sh, true, "%s line %d: %s is no slider", s->name, p->line, name);
        return next_step(s);
    }
    send_key(shell, "Home");
    for (int i = 0; i <= row; i++)
        send_key(shell, "Down");
    s->phase = PHASE_EXACT;
    if (!shell_track(shell, row, &t, &x, &s->y) || fabs(p->value) > t.range)
        return true; /* no room for a track: the value is typed */
    s->from_x = x + track_cell(t, sliders_value(&shell->sh.sliders, row, NULL));
    s->to_x = x + track_cell(t, p->value);
    s->n_moves = (int)ceil(p->seconds * DRAG_STEPS_A_SECOND);
    s->n_moves = s->n_moves < 1 ? 1 : s->n_moves;
    s->done = 0;
    s->start_ms = now;
    s->phase = PHASE_MOVE;
    send_mouse(s, shell, MOUSE_PRESS, s->from_x);
    return true;
}

static bool drag_on(struct script *s, struct shell *shell, const struct step *p, int64_t now)
{
    if (s->phase == PHASE_START)
        return drag_start(s, shell, p, now);
    if (s->phase == PHASE_MOVE) {
        if (script_wait_ms(s, now) > 0)
            return false;
        s->done++;
        int x = s->from_x + (int)lround((double)(s->to_x - s->from_x) * s->done / s->n_moves);
        send_mouse(s, shell, s->done == s->n_moves ? MOUSE_RELEASE : MOUSE_MOVE, x);
        if (s->done == s->n_moves)
            s->phase = PHASE_EXACT;
        return true;
    }
    int row = row_of(shell, p);
    bool fixed = p->all ? sliders_any_fixed(&shell->sh.sliders)
                        : row >= 0 && shell->sh.sliders.unit[row].fixed;
    if (!fixed || fabs(sliders_value(&shell->sh.sliders, row, NULL) - p->value) >
                      .01) { /* cells are coarser than values */
        char number[32];
        snprintf(number, sizeof number, "%.1f", p->value);
        send_key(shell, "=");
        send_text(shell, number);
        send_key(shell, "Enter");
    }
    return next_step(s);
}

enum script_state script_step(struct script *s, struct shell *shell, bool idle, int64_t now)
{
    if (s->at >= s->n)
        return SCRIPT_ENDED;
    const struct step *p = &s->step[s->at];
    bool went = true;
    switch (p->kind) {
    case STEP_KEY:
        shell_event(shell, &p->event);
        next_step(s);
        break;
    case STEP_TYPE: went = type_on(s, shell, p->text); break;
    case STEP_DRAG: went = drag_on(s, shell, p, now); break;
    case STEP_WAIT: went = idle && next_step(s); break;
    case STEP_SAY:
        shared_message(&shell->sh, false, "%s", p->text);
        next_step(s);
        break;
    case STEP_MARK: next_step(s); break;
    case STEP_COMMAND:
        shell_command(shell, p->text);
        next_step(s);
        break;
    }
    return went ? SCRIPT_RUNS : SCRIPT_WAITS;
}

int script_wait_ms(const struct script *s, int64_t now)
{
    if (s->at >= s->n || s->step[s->at].kind != STEP_DRAG || s->phase != PHASE_MOVE)
        return -1;
    double due = (double)s->start_ms + 1000 * s->step[s->at].seconds * (s->done + 1) / s->n_moves;
    return due > (double)now ? (int)ceil(due - (double)now) : 0;
}
