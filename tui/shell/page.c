/* Pages over the screen, the help, the messages and the proof of the SAE: rows in two columns,
 * wrapped, scrolled, searched. */
#include "engine/base/memory.h"
#include "tui/proof_words.h"
#include "tui/shell/shell_private.h"
#include "tui/unit_words.h"
#include "tui/view/job_line.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <utf8proc.h>

#define PAGE_COLUMNS 84 /* at most, with the frame */
#define TWO_COLUMNS 34  /* inside; narrower, what is meant stands below its key */
#define ONE_LINE 60     /* inside; from there all keys of an action stand on one line */

struct line {
    int entry;
    bool error;
    char left[100], right[4 * PAGE_COLUMNS + 4];
};
struct lines {
    struct line *line;
    int n;
    size_t cap;
};
struct geometry {
    struct rect box, inner;
    bool frame;
    int pad, column; /* column 0: one below the other */
};

/* ---- entries */
static const struct {
    enum where where;
    const char *name;
} contexts[] = {{IN_TYPING, "typing"},       {IN_TEXT, "the text, not typing"},
                {IN_LATENTS, "latents"},     {IN_NEXT, "predictions"},
                {IN_HISTOGRAM, "histogram"}, {IN_SLIDERS, "sliders"},
                {IN_LOSS, "losses"}};

/* First what only this context has, then what others share. */
static int entry_action(enum where where, int entry)
{
    for (int pass = 0; pass < 2; pass++)
        for (int a = 0; a < N_ACTIONS; a++) {
            unsigned in = actions[a].where;
            bool own = (in & ~(unsigned)where) == 0;
            if (!(in & (unsigned)where) || own != (pass == 0))
                continue;
            if (entry-- == 0)
                return a;
        }
    return ACTION_NONE;
}

static void all_keys(enum action_id a, bool typing, char *out, size_t n)
{
    char key[32];
    size_t w = 0;
    out[0] = 0;
    for (int i = 0; action_key_at(a, i, key, sizeof key) && w < n; i++)
        if (!typing || strlen(key) > 1)
            w += (size_t)snprintf(out + w, n - w, "%s%s", w > 0 ? ", " : "", key);
}

struct entry {
    bool error;
    char left[100], right[sizeof((struct error *)0)->text + 40]; /* no message is longer */
};

static bool help_entry(const struct shell *shell, int i, struct entry *out)
{
    int a = entry_action(shell_where(shell), i);
    if (a == ACTION_NONE)
        return false;
    all_keys((enum action_id)a, shell_where(shell) == IN_TYPING, out->left, sizeof out->left);
    snprintf(out->right, sizeof out->right, "%s", actions[a].help);
    unit_words_in(shell->sh.workbench, out->right);
    return true;
}

static bool message_entry(const struct shell *shell, int i, struct entry *out)
{
    if (i >= shell->sh.messages.n)
        return false;
    const struct message *m = messages_at(&shell->sh.messages, i);
    struct tm t;
    out->error = m->error;
    if (localtime_r(&m->at, &t))
        strftime(out->left, sizeof out->left, "%H:%M:%S", &t);
    if (m->times > 1)
        snprintf(out->right, sizeof out->right, "%s (%d times)", m->text, m->times);
    else
        snprintf(out->right, sizeof out->right, "%s", m->text);
    return true;
}

/* Until it is there, how far it is. */
static bool proof_entry(const struct shell *shell, int i, struct entry *out)
{
    const struct job *j = &shell->proof.job;
    struct proof_line line;
    if (!j->id || j->status != JOB_DONE) {
        if (j->id && job_is_pending(j))
            job_working_text(j, theme_ascii(shell->sh.theme), PAGE_COLUMNS - 4, out->right,
                             sizeof out->right);
        else
            snprintf(out->right, sizeof out->right, "%s", j->error.text);
        out->error = j->status == JOB_FAILED;
        return i == 0;
    }
    if (!proof_words(j->tables, i, &line))
        return false;
    out->error = line.warning;
    snprintf(out->left, sizeof out->left, "%s", line.name);
    if (line.source)
        snprintf(out->right, sizeof out->right, "%s (%s)", line.says, line.source);
    else
        snprintf(out->right, sizeof out->right, "%s", line.says);
    return true;
}

static bool page_entry(const struct shell *shell, int i, struct entry *out)
{
    *out = (struct entry){0};
    switch (shell->overlay) {
    case OVERLAY_HELP: return help_entry(shell, i, out);
    case OVERLAY_PROOF: return proof_entry(shell, i, out);
    default: return message_entry(shell, i, out);
    }
}

/* ---- lines */

/* Bytes of s that go on one line of w columns: broken behind a blank, else where the width ends. */
static size_t piece(const char *s, int w)
{
    size_t n = strlen(s), blank = 0;
    int used = 0, columns;
    char glyph[GRID_GLYPH_MAX];
    for (size_t i = 0, k; i < n; i += k) {
        k = text_cluster(s + i, n - i, &columns, glyph);
        if (used + columns > w && i > 0 && s[i] != ' ')
            return blank > 0 ? blank : i;
        used += columns;
        if (s[i] == ' ')
            blank = i + k;
    }
    return n;
}

static struct line *add_line(struct lines *l, int entry, bool error)
{
    l->line = grow(l->line, &l->cap, (size_t)l->n + 1, sizeof *l->line);
    l->line[l->n] = (struct line){.entry = entry, .error = error};
    return &l->line[l->n++];
}

/* Puts the pieces of s into lines from `first` on, adding those that lack. */
static void fill(struct lines *l, int first, int w, const char *s, bool left,
                 const struct line *like)
{
    for (int i = first; *s; i++) {
        size_t n = piece(s, w < 1 ? 1 : w);
        struct line *to = i < l->n ? &l->line[i] : add_line(l, like->entry, like->error);
        if (left)
            snprintf(to->left, sizeof to->left, "%.*s", (int)n, s);
        else
            snprintf(to->right, sizeof to->right, "%.*s", (int)n, s);
        s += n;
    }
}

static void add_entry(struct lines *l, int entry, const struct entry *e, const struct geometry *g)
{
    int first = l->n;
    struct line like = *add_line(l, entry, e->error);
    fill(l, first, g->column ? g->column - g->pad - 1 : g->inner.w, e->left, true, &like);
    if (g->column)
        fill(l, first, g->inner.w - g->column, e->right, false, &like);
    else
        fill(l, l->n, g->inner.w - 2, e->right, false, &like);
}

static int longest(const struct shell *shell, bool one_line)
{
    struct entry e;
    int w = 0;
    for (int i = 0; page_entry(shell, i, &e); i++)
        for (char *s = e.left; *s;) {
            size_t n = one_line ? strlen(s) : strcspn(s, " ");
            int columns = text_columns(s, n);
            w = columns > w ? columns : w;
            s += n + strspn(s + n, " ");
        }
    return w;
}

static struct geometry geometry(const struct shell *shell)
{
    struct geometry g = {0};
    int w = shell->bars.w < PAGE_COLUMNS ? shell->bars.w : PAGE_COLUMNS;
    g.frame = w >= 3 && shell->bars.h >= 3;
    g.inner.w = g.frame ? w - 2 : w;
    g.pad = g.inner.w >= 30;
    if (g.inner.w >= TWO_COLUMNS)
        g.column = longest(shell, g.inner.w >= ONE_LINE) + (g.inner.w >= ONE_LINE ? 3 : 1 + g.pad);
    if (g.column > g.inner.w / 2)
        g.column = g.inner.w / 2;
    g.box.w = w;
    return g;
}

/* The lines of the page; g: where they stand. The caller frees lines.line. */
static struct lines page_lines(const struct shell *shell, struct geometry *g)
{
    struct lines l = {0};
    struct entry e;
    *g = geometry(shell);
    for (int i = 0; page_entry(shell, i, &e); i++)
        add_entry(&l, i, &e, g);
    int edge = g->frame ? 2 : 0, h = l.n + edge;
    h = h > shell->bars.h ? shell->bars.h : h < edge + 1 ? edge + 1 : h;
    g->box = (struct rect){(shell->bars.w - g->box.w) / 2, (shell->bars.h - h) / 2, g->box.w, h};
    g->inner = g->frame ? rect_inner(g->box, 1, 1) : g->box;
    return l;
}

void page_arrange(struct shell *shell)
{
    struct geometry g;
    struct lines l = page_lines(shell, &g);
    list_resize(&shell->page.list, l.n, g.inner.h);
    free(l.line);
}

void page_open(struct shell *shell, enum overlay overlay)
{
    shell_prompt(shell, overlay, "");
    shell->page = (struct page){.match = -1};
    page_arrange(shell);
    if (overlay == OVERLAY_MESSAGES) /* the newest */
        list_select(&shell->page.list, shell->page.list.n - 1);
}

void page_prove(struct shell *shell)
{
    struct shared *sh = &shell->sh;
    struct request r;
    if (!sh->host.ask || !sh->workbench || !shared_dict_known(sh))
        return;
    if (dict_spec(shared_listed(sh))->identity) {
        shared_message(sh, false, "neurons rebuild themselves: there is no SAE to prove");
        return;
    }
    request_init(&r, &proof_query);
    request_set_dict(&r, &sh->workbench->dicts, shared_dict(sh));
    watch_ask(&shell->proof, &sh->host, &r);
    page_open(shell, OVERLAY_PROOF);
}

/* ---- searching */

/* NULL: out of memory or no UTF-8. */
static char *folded(const char *s)
{
    uint8_t *out = NULL;
    utf8proc_map((const uint8_t *)s, 0, &out,
                 UTF8PROC_NULLTERM | UTF8PROC_STABLE | UTF8PROC_COMPOSE | UTF8PROC_CASEFOLD);
    return (char *)out;
}

static bool matches(const struct entry *e, const char *needle)
{
    char both[sizeof e->left + sizeof e->right + 1];
    snprintf(both, sizeof both, "%s %s", e->left, e->right);
    char *in = folded(both), *what = folded(needle);
    bool found = in && what && strstr(in, what);
    free(in);
    free(what);
    return found;
}

static void show_entry(struct shell *shell, int entry)
{
    struct geometry g;
    struct lines l = page_lines(shell, &g);
    int at = 0, end;
    while (at < l.n && l.line[at].entry != entry)
        at++;
    for (end = at; end + 1 < l.n && l.line[end + 1].entry == entry;)
        end++;
    free(l.line);
    list_select(&shell->page.list, end); /* all of it, at least its first line */
    list_select(&shell->page.list, at);
}

/* From entry `from` on, round the end; false and nothing moved: it is nowhere. */
static bool search(struct shell *shell, int from, int by)
{
    struct entry e;
    int n = 0;
    while (page_entry(shell, n, &e))
        n++;
    for (int k = 0; k < n; k++) {
        int i = ((from + by * k) % n + n) % n;
        if (page_entry(shell, i, &e) && matches(&e, shell->page.search.s)) {
            shell->page.match = i;
            show_entry(shell, i);
            return true;
        }
    }
    shell->page.match = -1;
    return false;
}

static int top_entry(const struct shell *shell)
{
    struct geometry g;
    struct lines l = page_lines(shell, &g);
    int top = shell->page.list.top, entry = top < l.n ? l.line[top].entry : 0;
    free(l.line);
    return entry;
}

static void search_event(struct shell *shell, const struct event *e)
{
    struct page *p = &shell->page;
    bool esc = e->kind == EVENT_KEY && e->key == KEYS_ESC;
    bool erased = e->kind == EVENT_KEY && e->key == KEYS_BACKSPACE && p->search.n == 0;
    if (esc || erased) {
        p->searching = false;
        prompt_set(&p->search, "");
        p->match = -1;
    } else if (e->kind == EVENT_KEY && e->key == KEYS_ENTER) {
        p->searching = false;
    } else if (prompt_event(&p->search, e)) {
        p->match = -1;
        if (p->search.n > 0)
            search(shell, p->search_from, 1);
    }
}

static void next_match(struct shell *shell, int by)
{
    struct page *p = &shell->page;
    if (p->search.n > 0)
        search(shell, p->match >= 0 ? p->match + by : top_entry(shell), by);
}

/* ---- keys */
static bool scroll_key(struct list *l, const struct event *e)
{
    static const struct {
        const char *key;
        int lines, pages;
    } keys[] = {{"Down", 1, 0},     {"j", 1, 0},         {"Up", -1, 0},     {"k", -1, 0},
                {"PageDown", 0, 2}, {"Space", 0, 2},     {"PageUp", 0, -2}, {"Ctrl-D", 0, 1},
                {"Ctrl-U", 0, -1},  {"Home", -10000, 0}, {"<", -10000, 0},  {"End", 10000, 0},
                {">", 10000, 0}};
    char name[32];
    int half = l->height > 3 ? (l->height - 1) / 2 : 1;
    event_name(e, name, sizeof name);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i].key, name) == 0) {
            list_scroll(l, keys[i].lines + keys[i].pages * half);
            return true;
        }
    return false;
}

static bool closes(const struct event *e)
{
    static const char *const keys[] = {"q", "Esc", "?", "F1", "!", "P", "Ctrl-C"};
    char name[32];
    event_name(e, name, sizeof name);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++)
        if (strcmp(keys[i], name) == 0)
            return true;
    return false;
}

static void key(struct shell *shell, const struct event *e)
{
    struct page *p = &shell->page;
    if (scroll_key(&p->list, e))
        return;
    if (closes(e)) {
        shell->overlay = OVERLAY_NONE;
    } else if (e->kind == EVENT_TEXT && e->code == '/') {
        p->searching = true;
        p->search_from = top_entry(shell);
        prompt_set(&p->search, "");
    } else if (e->kind == EVENT_TEXT && (e->code == 'n' || e->code == 'N')) {
        next_match(shell, e->code == 'n' ? 1 : -1);
    }
}

void page_event(struct shell *shell, const struct event *e)
{
    if (e->kind == EVENT_MOUSE && (e->mouse == MOUSE_WHEEL_UP || e->mouse == MOUSE_WHEEL_DOWN))
        list_scroll(&shell->page.list, e->mouse == MOUSE_WHEEL_UP ? -3 : 3);
    else if (e->kind == EVENT_MOUSE && e->mouse == MOUSE_PRESS)
        shell->overlay = OVERLAY_NONE;
    else if (e->kind == EVENT_MOUSE)
        return;
    else if (shell->page.searching)
        search_event(shell, e);
    else if (e->kind == EVENT_KEY || e->kind == EVENT_TEXT)
        key(shell, e);
}

/* ---- drawing */
static void title(const struct shell *shell, char *out, size_t n)
{
    char name[64];
    if (shell->overlay != OVERLAY_HELP) {
        snprintf(out, n, shell->overlay == OVERLAY_PROOF ? "Proof of the SAE" : "Messages");
        return;
    }
    view_title(shell, shell->views.now, name, sizeof name);
    for (size_t i = 0; i < sizeof contexts / sizeof *contexts; i++)
        if (contexts[i].where == shell_where(shell))
            snprintf(name, sizeof name, "%s", contexts[i].name);
    snprintf(out, n, "Keys: %s", name);
    unit_words_in(shell->sh.workbench, out);
}

static void draw_line(const struct painting *d, const struct geometry *g, const struct line *l,
                      int y)
{
    struct rect r = {g->inner.x, y, g->inner.w, 1}, left = r;
    struct style key = theme_style(d->theme, ROLE_KEY),
                 text = theme_style(d->theme, l->error ? ROLE_ERROR : ROLE_TEXT);
    if (l->entry == d->shell->page.match) {
        key = text = theme_style(d->theme, ROLE_SELECTION);
        grid_fill(d->grid, r, text);
    }
    if (g->column)
        left.w = g->column - 1;
    grid_text(d->grid, left, r.x + (g->column ? g->pad : 0), y, key, l->left, strlen(l->left));
    grid_text(d->grid, r, r.x + (g->column ? g->column : 2), y, text, l->right, strlen(l->right));
}

/* What is searched, else how much there is. */
static void draw_foot(const struct painting *d, const struct geometry *g, int n)
{
    const struct page *p = &d->shell->page;
    struct rect edge = {g->box.x + 1, g->box.y + g->box.h - 1, g->box.w - 2, 1};
    struct style s = theme_style(d->theme, ROLE_DIM);
    int last = p->list.top + g->inner.h;
    if (!g->frame && p->searching) { /* without a frame the last line is lent */
        edge = (struct rect){g->box.x, g->box.y + g->box.h - 1, g->box.w, 1};
        grid_fill(d->grid, edge, theme_style(d->theme, ROLE_TEXT));
    } else if (!g->frame)
        return;
    if (p->searching) {
        int x = grid_printf(d->grid, edge, edge.x + (edge.w >= 20), edge.y,
                            theme_style(d->theme, ROLE_TEXT), "/%s", p->search.s);
        grid_text(d->grid, edge, x, edge.y, s, " ", 1);
        d->grid->cursor_x = x < edge.x + edge.w ? x : edge.x + edge.w - 1;
        d->grid->cursor_y = edge.y;
    } else if (p->search.n > 0 && p->match < 0) {
        grid_printf(d->grid, edge, edge.x + 1, edge.y, theme_style(d->theme, ROLE_ERROR),
                    " no %s here ", p->search.s);
    } else if (n > g->inner.h && edge.w >= 50) {
        grid_printf(d->grid, edge, edge.x + 1, edge.y, s,
                    " %d of %d, arrows scroll, / searches, q closes ", last, n);
    } else if (n > g->inner.h) {
        grid_printf(d->grid, edge, edge.x + 1, edge.y, s, " %d of %d, / q ", last, n);
    } else if (edge.w >= 30) {
        grid_printf(d->grid, edge, edge.x + 1, edge.y, s, " / searches, q closes ");
    }
}

void draw_page(const struct painting *d)
{
    struct geometry g;
    struct lines l = page_lines(d->shell, &g);
    char text[80];
    int top = d->shell->page.list.top;
    title(d->shell, text, sizeof text);
    grid_fill(d->grid, g.box, theme_style(d->theme, ROLE_TEXT));
    if (g.frame)
        grid_box(d->grid, g.box, text, true, d->theme);
    d->grid->cursor_x = g.inner.x;
    d->grid->cursor_y = g.inner.y;
    if (l.n == 0)
        grid_printf(d->grid, g.inner, g.inner.x + g.pad, g.inner.y, theme_style(d->theme, ROLE_DIM),
                    "nothing said yet");
    for (int i = 0; i < g.inner.h && top + i < l.n; i++) {
        draw_line(d, &g, &l.line[top + i], g.inner.y + i);
        if (l.line[top + i].entry == d->shell->page.match && d->grid->cursor_y == g.inner.y)
            d->grid->cursor_y = g.inner.y + i;
    }
    draw_foot(d, &g, l.n);
    free(l.line);
}
