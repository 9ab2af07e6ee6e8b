/* The terminal layer on a real pseudo-terminal, judged by libvterm: colours, modes, signals, bytes,
 * odd terminals. */
#include "engine/base/error.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/terminal.h"
#include "tui/term/screen.h"
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

static char data_folder[] = "/tmp/glimt-screen-XXXXXX";

/* Program data as installed: the themes, and the terminal type compiled by tic. */
static int set_up(void **state)
{
    (void)state;
    if (!mkdtemp(data_folder))
        return -1;
    char *here = realpath("themes", NULL);
    char *link = xasprintf("%s/themes", data_folder);
    char *tic =
        xasprintf("mkdir %s/terminfo && tic -x -o %s/terminfo store/terminfo/glimt-direct.ti",
                  data_folder, data_folder);
    int failed = !here || symlink(here, link) != 0 || system(tic) != 0;
    setenv("GLIMT_DATA", data_folder, 1);
    free(here);
    free(link);
    free(tic);
    return failed;
}

static int tear_down(void **state)
{
    (void)state;
    char *rm = xasprintf("rm -rf %s", data_folder);
    int status = system(rm);
    free(rm);
    return status;
}

/* --- the program on the terminal --- */

struct program {
    struct screen_options options;
    const char *theme;
    int report;   /* a descriptor that hears when a flood is over */
    bool replies; /* show late answers too; under load the probe's may be */
};

struct show {
    struct grid g;
    struct theme *theme;
    int knob, rainbow;
    long bytes;
    bool refused, cursor;
    struct strbuf said;
};

static const struct style plain = {COLOR_DEFAULT, COLOR_DEFAULT, 0};

static void draw(struct show *s)
{
    struct grid *g = &s->g;
    struct rect all = {0, 0, g->w, g->h};
    const struct screen_info *info = screen_info();
    grid_fill(g, all, plain);
    grid_printf(g, all, 0, 0, plain, "%s%s %s utf8 %d ascii %d bg %d %dx%d", info->term,
                info->term_unknown ? " for an unknown type" : "", info->depth_reason, info->utf8,
                info->ascii, info->background, g->w, g->h);
    grid_text(g, all, 0, 1, plain, s->said.s, s->said.len);
    int n = theme_levels(s->theme), x = 0;
    for (int level = -n; level <= n; level++)
        x = grid_printf(g, all, x, 2, theme_diverging(s->theme, level), "%+d", level);
    grid_text(g, all, 0, 3, plain, "漢é🙂å‹›│", strlen("漢é🙂å‹›│"));
    grid_text(g, all, 0, 4, theme_style(s->theme, ROLE_SELECTION), "selected", 8);
    grid_text(g, all, 10, 4, theme_style(s->theme, ROLE_CURSOR_TOKEN), "token", 5);
    grid_text(g, all, 20, 4, (struct style){1, 12, ATTR_ITALIC}, "palette", 7);
    grid_text(g, all, 30, 4, (struct style){0x1000000, 0x1ffffff, 0}, "black", 5);
    grid_text(g, all, 40, 4, (struct style){0x1000040, 0x1ff8800, 0}, "blue", 4);
    grid_text(g, all, s->knob, 5, plain, "●", strlen("●"));
    for (int i = 0; s->rainbow && i < g->w * (g->h - 8); i++)
        grid_put(g, all, i % g->w, 7 + i / g->w,
                 (struct style){i * 7 % 216 + 16, (i * 13 + s->rainbow) % 216 + 16, 0}, "x", 1);
    grid_text(g, all, g->w - 1, g->h - 1, plain, "#", 1);
    g->cursor_x = s->cursor ? 3 : -1;
    g->cursor_y = s->cursor ? 5 : -1;
}

static void say_event(struct show *s, const struct event *ev)
{
    static const char *const mouse[] = {"press", "release", "move", "up", "down"};
    char name[40];
    event_name(ev, name, sizeof name);
    strbuf_addc(&s->said, ' ');
    if (ev->kind == EVENT_MOUSE)
        strbuf_addf(&s->said, "%s%d@%d,%d", mouse[ev->mouse], ev->button, ev->x, ev->y);
    else if (ev->kind == EVENT_PASTE)
        strbuf_addf(&s->said, "paste:%s", ev->paste);
    else if (ev->kind == EVENT_FOCUS_IN || ev->kind == EVENT_FOCUS_OUT)
        strbuf_adds(&s->said, ev->kind == EVENT_FOCUS_IN ? "in" : "out");
    else if (ev->kind == EVENT_REPLY)
        strbuf_addf(&s->said, "reply:%d", (int)ev->reply);
    else
        strbuf_adds(&s->said, name);
}

/* 200 frames that all differ, as fast as the terminal takes them. */
static void flood(struct show *s, const struct program *p)
{
    struct screen_news news;
    int sent = 0;
    for (int i = 0; i < 200; i++) {
        s->rainbow++;
        draw(s);
        sent += screen_flush(&s->g) > 0;
        screen_wait(-1, 0, &news);
    }
    strbuf_clear(&s->said);
    strbuf_addf(&s->said, " flooded %d", sent);
    if (p->report >= 0)
        dprintf(p->report, "%d\n", sent);
}

/* A real fault, from a page that nothing may touch. */
static void crash(void)
{
    volatile char *page = mmap(NULL, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    *page = 1;
}

static bool handle(struct show *s, const struct event *ev, const struct program *p)
{
    if (ev->kind != EVENT_TEXT) {
        if (ev->kind != EVENT_REPLY || p->replies)
            say_event(s, ev);
        return true;
    }
    switch (ev->code) {
    case 'q': return false;
    case '+': s->knob++; break;
    case 'r': s->rainbow++; break;
    case 'f': flood(s, p); break;
    case 'C': s->cursor = !s->cursor; break;
    case 'z': screen_suspend(); break;
    case 'L': screen_invalidate(); break;
    case 'm': screen_mouse(false); break;
    case 'M': screen_mouse(true); break;
    case 'y': strbuf_addf(&s->said, " %s", screen_copy("copied", 6)); break;
    case 'S': crash(); break;
    case 'A': abort();
    case 'P': panic("at the disco");
    case 'X': strbuf_clear(&s->said); break;
    default: say_event(s, ev);
    }
    return true;
}

static void fit(struct show *s)
{
    int w, h;
    screen_size(&w, &h);
    if (w != s->g.w || h != s->g.h)
        grid_resize(&s->g, w, h, plain);
}

static void loop(struct show *s, const struct program *p)
{
    for (bool on = true; on;) {
        fit(s);
        draw(s);
        long n = screen_flush(&s->g);
        s->bytes = n > 0 ? n : s->bytes;
        screen_test_mark(n >= 0);
        struct screen_news news;
        if (!screen_wait(-1, -1, &news))
            return;
        for (struct event ev; on && screen_event(&ev);)
            on = handle(s, &ev, p);
    }
}

static void program(void *arg)
{
    const struct program *p = arg;
    struct error e = {0};
    struct show s = {0};
    if (!screen_open(&p->options, &e)) {
        printf("refused: %s\n", e.text);
        fflush(stdout);
        _exit(3);
    }
    if (!theme_open(p->theme, screen_info()->depth, screen_info()->ascii, &s.theme, &e)) {
        screen_close();
        printf("%s\n", e.text);
        fflush(stdout);
        _exit(4);
    }
    strbuf_init(&s.said);
    grid_init(&s.g, 0, 0, plain);
    loop(&s, p);
    screen_close();
    theme_free(s.theme);
    grid_release(&s.g);
    strbuf_release(&s.said);
}

static const struct program standard = {{DEPTH_256, true, true}, "dark", -1, false};

static struct term *start(const struct program *p, const char *const *env)
{
    static struct program copy;
    copy = *p;
    return term_start(&(struct term_options){.child = program, .arg = &copy, .env = env});
}

static struct term *start_idle(const struct program *p, const char *const *env)
{
    struct term *t = start(p, env);
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    return t;
}

static void assert_row(struct term *t, int y, const char *expected)
{
    char *row = term_row_text(t, y);
    if (strcmp(row, expected)) {
        term_dump(t, expected);
        fail_msg("row %d is “%s”, expected “%s”", y, row, expected);
    }
    free(row);
}

static void assert_style(struct term *t, int x, int y, int32_t fg, int32_t bg, int attr)
{
    struct style s = term_cell(t, x, y).style;
    if (s.fg != fg || s.bg != bg || s.attr != attr)
        fail_msg("cell %d,%d: fg %x bg %x attr %d, expected %x %x %d", x, y, (unsigned)s.fg,
                 (unsigned)s.bg, s.attr, (unsigned)fg, (unsigned)bg, attr);
}

static bool output_has(struct term *t, const char *bytes)
{
    size_t n;
    const char *out = term_output(t, &n);
    return memmem(out, n, bytes, strlen(bytes)) != NULL;
}

/* Nothing that we switched on is on any more, and the line is as we found it. */
static void assert_restored(struct term *t, const struct termios *before)
{
    static const char *const off[] = {"\033[?1002l", "\033[?1006l", "\033[?2004l", "\033[?1004l"};
    static const char *const on[] = {"\033[?1002h", "\033[?1006h", "\033[?2004h", "\033[?1004h"};
    size_t n;
    term_output(t, &n);
    struct termios after = term_modes(t);
    for (size_t i = 0; i < 4; i++) {
        const char *out = term_output(t, &n), *last_on = NULL, *last_off = NULL;
        for (const char *at = out; (at = memmem(at, n - (size_t)(at - out), on[i], strlen(on[i])));
             at++)
            last_on = at;
        for (const char *at = out;
             (at = memmem(at, n - (size_t)(at - out), off[i], strlen(off[i]))); at++)
            last_off = at;
        if (!last_off || last_off < last_on)
            fail_msg("the terminal is left with ESC%s", on[i] + 1);
    }
    bool visible;
    int x, y;
    term_cursor(t, &x, &y, &visible);
    assert_true(visible);
    assert_false(term_alternate(t));
    assert_int_equal(term_mouse_mode(t), 0);
    assert_int_equal(after.c_iflag, before->c_iflag);
    assert_int_equal(after.c_oflag, before->c_oflag);
    assert_int_equal(after.c_lflag, before->c_lflag);
    assert_int_equal(after.c_cflag, before->c_cflag);
}

/* A pty's modes before anything touched them. */
static struct termios fresh_modes(void)
{
    static const char *const argv[] = {"/bin/true", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv});
    struct termios modes = term_modes(t);
    term_wait_exit(t, TERM_DEADLINE_MS);
    term_free(t);
    return modes;
}

static void quit(struct term *t)
{
    struct termios before = fresh_modes();
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_restored(t, &before);
    term_free(t);
}

/* --- colours --- */

static const char *const no_reply_color[] = {"NO_COLOR=", NULL};

static void test_256(void **state)
{
    (void)state;
    struct program p = standard;
    p.options = (struct screen_options){DEPTH_256, false, true};
    struct term *t = start_idle(&p, no_reply_color);
    assert_true(term_alternate(t));
    assert_int_equal(term_mouse_mode(t), 2); /* drag */
    assert_row(t, 0, "xterm-256color --color utf8 1 ascii 0 bg 0 80x24");
    assert_row(t, 2, "-5-4-3-2-1+0+1+2+3+4+5");
    static const int negative[] = {81, 38, 31, 24, 17}, positive[] = {52, 94, 130, 172, 214};
    for (int i = 0; i < 5; i++) {
        assert_int_equal(term_cell(t, 2 * i, 2).style.bg, negative[i]);
        assert_int_equal(term_cell(t, 12 + 2 * i, 2).style.bg, positive[i]);
    }
    assert_style(t, 10, 2, COLOR_DEFAULT, COLOR_DEFAULT, 0);
    assert_style(t, 0, 2, 16, 81, 0);
    assert_style(t, 12, 2, 231, 52, 0);
    assert_row(t, 3, "漢é🙂å‹›│");
    assert_style(t, 10, 4, COLOR_DEFAULT, COLOR_DEFAULT, ATTR_BOLD | ATTR_UNDERLINE);
    assert_style(t, 20, 4, 1, 12, ATTR_ITALIC);
    assert_string_equal(term_cell(t, 79, 23).glyph, "#");
    quit(t);
}

static void test_direct(void **state)
{
    (void)state;
    static const char *const env[] = {"COLORTERM=truecolor", NULL};
    struct term *t = start_idle(&standard, env);
    assert_row(t, 0, "xterm-256color COLORTERM utf8 1 ascii 0 bg 0 80x24");
    assert_row(t, 2, "-10-9-8-7-6-5-4-3-2-1+0+1+2+3+4+5+6+7+8+9+10");
    assert_style(t, 0, 2, 16, 0x16fb6fe, 0); /* black is the palette's, below 256 */
    assert_style(t, 23, 2, 0x1ffffff, 0x13e2c20, 0);
    assert_style(t, 20, 4, 1, 12, ATTR_ITALIC);
    assert_style(t, 30, 4, 16, 0x1ffffff, 0);
    assert_style(t, 40, 4, 0x1010040, 0x1ff8800, 0);
    quit(t);
}

/* Without COLORTERM the terminal's own answer decides. */
static void test_direct_by_answer(void **state)
{
    (void)state;
    struct term *t = start_idle(&standard, NULL);
    char *row = term_row_text(t, 0);
    bool answered = strstr(row, "terminal's answer") != NULL;
    print_message("%s\n", row);
    assert_int_equal(term_cell(t, 0, 2).style.bg, answered ? 0x16fb6fe : 81);
    free(row);
    quit(t);
}

static void test_16(void **state)
{
    (void)state;
    struct program p = standard;
    p.options = (struct screen_options){DEPTH_16, false, true};
    struct term *t = start_idle(&p, NULL);
    assert_row(t, 2, "-3-2-1+0+1+2+3");
    static const int bg[] = {14, 12, 4, COLOR_DEFAULT, 1, 3, 11};
    for (int i = 0; i < 7; i++)
        assert_int_equal(term_cell(t, 2 * i, 2).style.bg, bg[i]);
    assert_style(t, 4, 2, 15, 4, 0);
    assert_style(t, 20, 4, 1, 12, ATTR_ITALIC);
    quit(t);
}

/* Eight colours: the brighter half becomes bold, nothing above is sent. */
static void test_8(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=xterm", NULL};
    struct program p = standard;
    p.options = (struct screen_options){DEPTH_16, false, true};
    struct term *t = start_idle(&p, env);
    assert_int_equal(term_cell(t, 0, 2).style.bg, 6);
    assert_style(t, 4, 2, 7, 4, ATTR_BOLD);
    assert_false(output_has(t, "38;5") || output_has(t, "48;5") || output_has(t, "[9") ||
                 output_has(t, "[10"));
    quit(t);
}

static void assert_no_color(struct term *t)
{
    int w, h;
    term_size(t, &w, &h);
    for (int y = 0; y < h; y++)
        for (int x = 0; x < w; x++) {
            struct style s = term_cell(t, x, y).style;
            assert_true(s.fg == COLOR_DEFAULT && s.bg == COLOR_DEFAULT);
        }
}

static void test_mono(void **state)
{
    (void)state;
    static const char *const env[] = {"NO_COLOR=1", "COLORTERM=truecolor", NULL};
    struct term *t = start_idle(&standard, env);
    assert_row(t, 0, "xterm-256color NO_COLOR utf8 1 ascii 0 bg 0 80x24");
    assert_row(t, 2, "-4-3-2-1+0+1+2+3+4");
    assert_no_color(t);
    static const int attr[] = {ATTR_REVERSE, ATTR_BOLD | ATTR_UNDERLINE, ATTR_BOLD, ATTR_UNDERLINE,
                               0};
    for (int i = 0; i < 5; i++)
        assert_int_equal(term_cell(t, 2 * i, 2).style.attr, attr[i]);
    quit(t);
    struct program p = standard; /* --color=256 is stronger than NO_COLOR */
    p.options.depth_auto = false;
    t = start_idle(&p, env);
    assert_int_equal(term_cell(t, 0, 2).style.bg, 81);
    quit(t);
}

/* --- odd terminals --- */

static void test_terminal_types(void **state)
{
    (void)state;
    static const struct {
        const char *env[3], *row, *picture;
    } row[] = {
        {{"TERM"}, "xterm-256color for an unknown type", "漢é🙂å‹›│"},
        {{"TERM=xterm-kitty"}, "xterm-256color for an unknown type", "漢é🙂å‹›│"},
        {{"TERM=no-such-terminal", "COLORTERM=24bit"},
         "xterm-256color for an unknown type COLORTERM",
         "漢é🙂å‹›│"},
        {{"TERM=vt100"}, "vt100 terminal type utf8 1 ascii 0", "漢é🙂å‹›│"},
        {{"TERM=linux"}, "linux terminal type utf8 1 ascii 1", "漢é🙂å‹›│"},
        {{"TERM=xterm"}, "xterm ", "漢é🙂å‹›│"},
        {{"TERM=tmux-256color", "TMUX=/tmp/nowhere,1,0"}, "tmux-256color ", "漢é🙂å‹›│"},
        {{"TERM=screen-256color", "COLORTERM=truecolor"},
         "screen-256color terminal type",
         "漢é🙂å‹›│"},
        {{"TERM=screen"}, "screen terminal type", "漢é🙂å‹›│"},
        {{"LC_ALL=C"}, "xterm-256color ", "? e? a<>|"},
    };
    for (size_t i = 0; i < sizeof row / sizeof *row; i++) {
        struct term *t = start_idle(&standard, row[i].env);
        char *first = term_row_text(t, 0);
        if (strncmp(first, row[i].row, strlen(row[i].row)))
            fail_msg("%s: “%s”, expected “%s”", row[i].env[0], first, row[i].row);
        if (!strcmp(row[i].env[0], "LC_ALL=C"))
            assert_non_null(strstr(first, "utf8 0 ascii 1"));
        free(first);
        assert_row(t, 3, row[i].picture);
        if (!strcmp(row[i].env[0], "TERM=vt100"))
            assert_no_color(t);
        /* keys and the mouse do not depend on the type */
        term_key(t, "Ctrl-Left");
        term_mouse(t, MOUSE_PRESS, 1, 70, 20, 0);
        assert_true(term_wait_text(t, "Ctrl-Left press1@70,20", TERM_DEADLINE_MS));
        quit(t);
    }
}

static void test_dumb(void **state)
{
    (void)state;
    static const char *const env[] = {"TERM=dumb", NULL};
    struct termios before = fresh_modes();
    struct term *t = start(&standard, env);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 3);
    assert_row(t, 0, "refused: opening the screen: terminal type “dumb” can't place the cursor");
    assert_false(output_has(t, "\033"));
    assert_int_equal(term_modes(t).c_lflag, before.c_lflag);
    term_free(t);
}

/* A terminal that answers nothing: everything still comes, and no frame waits. */
static void test_mute(void **state)
{
    (void)state;
    struct program p = standard;
    p.replies = true;
    struct term *t = term_start(&(struct term_options){.child = program, .arg = &p, .mute = true});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    for (int i = 0; i < 20; i++) {
        term_type(t, "+");
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    }
    assert_string_equal(term_cell(t, 20, 5).glyph, "●");
    /* the answers to the probe come minutes late, in pieces, in the middle of typing */
    static const char late[] =
        "a\033[?62;22cb\033]11;rgb:ffff/ffff/ffff\033\\d\033[?2026;2$y\033[0ne";
    for (size_t i = 0; i + 1 < sizeof late; i++)
        term_send(t, &late[i], 1);
    assert_true(term_wait_text(t, "a reply:0 b reply:1 d reply:2 e", TERM_DEADLINE_MS));
    assert_true(term_has(t, "bg 2"));
    quit(t);
}

/* --- input --- */

static void test_input(void **state)
{
    (void)state;
    struct term *t = start_idle(&standard, NULL);
    term_key(t, "Esc");
    assert_true(term_wait_text(t, "Esc", TERM_DEADLINE_MS));
    term_type(t, "X");
    static const char *const key[] = {"a",      "å",  "Ctrl-C", "Ctrl-Z", "Ctrl-S",    "Ctrl-Q",
                                      "Ctrl-V", "F1", "F12",    "PageUp", "Shift-Tab", "Enter"};
    struct strbuf expected;
    strbuf_init(&expected);
    for (size_t i = 0; i < sizeof key / sizeof *key; i++) {
        term_key(t, key[i]);
        strbuf_addf(&expected, " %s", key[i]);
    }
    assert_true(term_wait_text(t, expected.s, TERM_DEADLINE_MS));
    strbuf_release(&expected);
    term_type(t, "X");
    term_paste(t, "to\nliniér");
    term_mouse(t, MOUSE_MOVE, 1, 79, 23, 0);
    term_mouse(t, MOUSE_RELEASE, 1, 0, 0, 0);
    term_mouse(t, MOUSE_WHEEL_UP, 0, 5, 6, MOD_CTRL);
    term_send(t, "\033[I\033[O", 6);
    assert_true(term_wait_text(t, " paste:to‹0A›liniér move1@79,23 release1@0,0 up0@5,6 in out",
                               TERM_DEADLINE_MS));
    term_type(t, "X");
    char *much = xmalloc(100001); /* 100 kB at once: one event, and nothing of it is typed */
    memset(much, 'q', 100000);
    much[100000] = 0;
    term_paste(t, much);
    free(much);
    assert_true(term_wait_text(t, " paste:qqqq", TERM_DEADLINE_MS));
    term_type(t, "Xm");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_int_equal(term_mouse_mode(t), 0);
    term_type(t, "M");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_int_equal(term_mouse_mode(t), 2);
    term_type(t, "Xy");
    assert_true(term_wait_text(t, "sent to the terminal (OSC 52, 6 bytes)", TERM_DEADLINE_MS));
    assert_true(output_has(t, "\033]52;c;Y29waWVk\033\\"));
    term_type(t, "C");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    int x, y;
    bool visible;
    term_cursor(t, &x, &y, &visible);
    assert_true(visible && x == 3 && y == 5);
    term_type(t, "C");
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    term_cursor(t, &x, &y, &visible);
    assert_false(visible);
    quit(t);
}

/* --- bytes --- */

static size_t bytes_of(struct term *t, const char *key)
{
    term_forget(t);
    term_type(t, key);
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    size_t n;
    term_output(t, &n);
    return n;
}

static void test_bytes(void **state)
{
    (void)state;
    static const char *const env[] = {"COLORTERM=truecolor", NULL};
    struct term *t = start_idle(&standard, env);
    size_t n;
    term_output(t, &n);
    print_message("first screen %zu bytes", n);
    assert_true(n < 8192);
    size_t step = bytes_of(t, "+");
    assert_in_range(step, 1, 40);
    bytes_of(t, "L");
    assert_int_equal(bytes_of(t, "M"), 0); /* the mouse is on already: nothing to say */
    size_t rainbow = bytes_of(t, "r");
    print_message(", a step %zu, a rainbow %zu\n", step, rainbow);
    /* a large frame is one synchronized update, all of it, with the question behind */
    const char *out = term_output(t, &n);
    assert_true(n > 20000);
    assert_memory_equal(out, "\033[?2026h", 8);
    bool asks = !memcmp(out + n - 4, "\033[5n", 4); /* not where the answers are slow in coming */
    n -= asks ? 4 : 0;
    assert_memory_equal(out + n - 8, "\033[?2026l", 8);
    assert_null(memmem(out + 8, n - 16, "\033[?2026", 7));
    quit(t);
}

/* A terminal that takes nothing for a while: the program runs on and sends what is newest when it
 * can. */
static void test_stalled_line(void **state)
{
    (void)state;
    int report[2];
    assert_int_equal(pipe(report), 0);
    struct program p = standard;
    p.report = report[1];
    struct term *t = start_idle(&p, NULL);
    char sent[16] = "";
    /* written past the harness, which would take output in */
    term_type(t, "f");
    ssize_t n = read(report[0], sent, sizeof sent - 1);
    assert_true(n > 0);
    print_message("200 frames drawn, %d sent to a stalled terminal\n", atoi(sent));
    assert_in_range(atoi(sent), 1, 20);
    assert_true(term_wait_text(t, "flooded", TERM_DEADLINE_MS));
    close(report[0]);
    close(report[1]);
    quit(t);
}

/* --- signals, ends --- */

static void assert_end(int number, const char *key, int status)
{
    struct termios before = fresh_modes();
    struct term *t = start_idle(&standard, NULL);
    if (key)
        term_type(t, key);
    else
        term_signal(t, number);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), status);
    assert_restored(t, &before);
    term_free(t);
}

static void test_ends(void **state)
{
    (void)state;
    assert_end(SIGTERM, NULL, 0);
    assert_end(SIGHUP, NULL, 0);
    assert_end(SIGINT, NULL, 0);
}

static void test_crashes(void **state)
{
    (void)state;
    assert_end(0, "S", -SIGSEGV);
    assert_end(0, "A", -SIGABRT);
    assert_end(SIGBUS, NULL, -SIGBUS);
    assert_end(SIGFPE, NULL, -SIGFPE);
    struct termios before = fresh_modes();
    struct term *t = start_idle(&standard, NULL);
    term_type(t, "P");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 1);
    assert_restored(t, &before);
    assert_true(term_has(t, "at the disco")); /* on the user's screen, not the one that vanished */
    term_free(t);
}

static void test_hang_up(void **state)
{
    (void)state;
    struct term *t = start_idle(&standard, NULL);
    term_hang_up(t);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
}

static void deaf_program(void *arg)
{
    signal(SIGHUP, SIG_IGN); /* as under nohup; the loop must end by itself */
    program(arg);
}

static void test_hang_up_ignored(void **state)
{
    (void)state;
    struct program p = standard;
    struct term *t = term_start(&(struct term_options){.child = deaf_program, .arg = &p});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    term_hang_up(t);
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
}

static void test_resize(void **state)
{
    (void)state;
    struct term *t = start_idle(&standard, NULL);
    static const int size[][2] = {{200, 60}, {40, 12}, {20, 5}, {1, 1}, {100, 30}};
    for (size_t i = 0; i < sizeof size / sizeof *size; i++) {
        int w = size[i][0], h = size[i][1];
        char text[32];
        snprintf(text, sizeof text, "%dx%d", w, h);
        term_resize(t, w, h);
        if (w >= 80)
            assert_true(term_wait_text(t, text, TERM_DEADLINE_MS));
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
        assert_string_equal(term_cell(t, w - 1, h - 1).glyph, "#");
    }
    for (int i = 0; i < 200; i++)
        term_resize(t, 30 + i % 90, 8 + i % 40);
    term_resize(t, 90, 25);
    assert_true(term_wait_text(t, "90x25", TERM_DEADLINE_MS));
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    assert_row(t, 3, "漢é🙂å‹›│");
    assert_string_equal(term_cell(t, 89, 24).glyph, "#");
    quit(t);
}

/* A shell: runs the program as a job, says when it stops, and continues it at the next line. */
static void shell(void *arg)
{
    signal(SIGTTOU, SIG_IGN);
    pid_t job = fork();
    if (job == 0) {
        setpgid(0, 0);
        tcsetpgrp(STDIN_FILENO, getpid());
        signal(SIGTTOU, SIG_DFL);
        program(arg);
        _exit(0);
    }
    int status;
    while (waitpid(job, &status, WUNTRACED) == job && WIFSTOPPED(status)) {
        char line[16];
        tcsetpgrp(STDIN_FILENO, getpid());
        dprintf(STDOUT_FILENO, "[1]+ Stopped by %s\n",
                WSTOPSIG(status) == SIGTSTP ? "SIGTSTP" : "another");
        if (read(STDIN_FILENO, line, sizeof line) <= 0)
            break;
        tcsetpgrp(STDIN_FILENO, job);
        kill(-job, SIGCONT);
    }
    _exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

/* The text of an earlier stop is there before the modes are. */
static bool has_modes(struct term *t, void *arg)
{
    const struct termios *modes = arg, now = term_modes(t);
    return !term_alternate(t) && now.c_lflag == modes->c_lflag && now.c_iflag == modes->c_iflag;
}

static void test_suspend(void **state)
{
    (void)state;
    struct termios before = fresh_modes();
    struct program p = standard;
    struct term *t = term_start(&(struct term_options){.child = shell, .arg = &p});
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    for (int round = 0; round < 2; round++) {
        term_type(t, "+z");
        assert_true(term_wait_text(t, "[1]+ Stopped by SIGTSTP", TERM_DEADLINE_MS));
        assert_true(term_wait(t, has_modes, &before, TERM_DEADLINE_MS));
        assert_restored(t, &before);
        term_type(t, "fg\n");
        term_read_by_other(t, 3);
        assert_true(term_wait_text(t, "-5", TERM_DEADLINE_MS));
        assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
        assert_true(term_alternate(t));
        assert_int_equal(term_mouse_mode(t), 2);
        assert_false(term_has(t, "Stopped"));
        assert_string_equal(term_cell(t, round + 1, 5).glyph, "●");
    }
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_restored(t, &before);
    term_free(t);
}

/* Not on a terminal: said, not hidden. */
static void piped(void *arg)
{
    (void)arg;
    int fd[2];
    struct error e = {0};
    if (pipe(fd) || dup2(fd[0], STDIN_FILENO) < 0 || screen_open(&standard.options, &e))
        _exit(9);
    printf("%s\n", e.text);
    fflush(stdout);
}

static void test_no_terminal(void **state)
{
    (void)state;
    struct term *t = term_start(&(struct term_options){.child = piped});
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_row(t, 0, "opening the screen: standard input is no terminal");
    term_free(t);
}

/* Another emulator between: tmux has its own terminal type, mouse path and repertoire. */
static void test_under_tmux(void **state)
{
    (void)state;
    if (access("/usr/bin/tmux", X_OK) != 0) {
        print_message("no tmux\n");
        skip();
    }
    char *self = realpath("/proc/self/exe", NULL), *socket = xasprintf("%s/tmux", data_folder);
    char *command = xasprintf("%s --program", self);
    const char *const argv[] = {"/usr/bin/tmux",
                                "-S",
                                socket,
                                "-u",
                                "-f",
                                "/dev/null",
                                "new-session",
                                command,
                                ";",
                                "set",
                                "-g",
                                "destroy-unattached",
                                "on",
                                NULL};
    static const char *const env[] = {"GLIMT_TEST_FD", "COLORTERM=truecolor", "SHELL=/bin/sh",
                                      NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv, .env = env});
    assert_true(term_wait_text(t, "COLORTERM utf8 1 ascii 0", TERM_DEADLINE_MS));
    assert_true(
        term_wait_text(t, "-10-9-8-7-6-5-4-3-2-1+0+1+2+3+4+5+6+7+8+9+10", TERM_DEADLINE_MS));
    assert_row(t, 3, "漢é🙂å‹›│");
    assert_int_not_equal(term_cell(t, 23, 2).style.bg, COLOR_DEFAULT);
    term_key(t, "Ctrl-Left");
    assert_true(term_wait_text(t, "Ctrl-Left", TERM_DEADLINE_MS));
    term_mouse(t, MOUSE_PRESS, 1, 70, 20, 0);
    term_mouse(t, MOUSE_MOVE, 1, 71, 20, 0);
    assert_true(term_wait_text(t, "press1@70,20 move1@71,20", TERM_DEADLINE_MS));
    term_key(t, "Esc");
    assert_true(term_wait_text(t, "Esc", TERM_DEADLINE_MS));
    term_type(t, "X");
    term_paste(t, "liniér");
    assert_true(term_wait_text(t, "paste:liniér", TERM_DEADLINE_MS));
    term_resize(t, 120, 40);
    assert_true(term_wait_text(t, "120x39", TERM_DEADLINE_MS)); /* less tmux's status line */
    term_type(t, "Xy");
    assert_true(term_wait_text(t, "sent to tmux (load-buffer -w, 6 bytes)", TERM_DEADLINE_MS));
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    term_free(t);
    free(self);
    free(socket);
    free(command);
}

int main(int argc, char **argv)
{
    if (argc == 2 && !strcmp(argv[1], "--program")) {
        program((void *)(uintptr_t)&standard);
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_256),
        cmocka_unit_test(test_direct),
        cmocka_unit_test(test_direct_by_answer),
        cmocka_unit_test(test_16),
        cmocka_unit_test(test_8),
        cmocka_unit_test(test_mono),
        cmocka_unit_test(test_terminal_types),
        cmocka_unit_test(test_dumb),
        cmocka_unit_test(test_mute),
        cmocka_unit_test(test_input),
        cmocka_unit_test(test_bytes),
        cmocka_unit_test(test_stalled_line),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_crashes),
        cmocka_unit_test(test_hang_up),
        cmocka_unit_test(test_hang_up_ignored),
        cmocka_unit_test(test_resize),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_no_terminal),
        cmocka_unit_test(test_under_tmux),
    };
    return cmocka_run_group_tests(tests, set_up, tear_down);
}
