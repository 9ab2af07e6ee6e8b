#include "tests/support/show.h"
#include "engine/base/error.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
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
int show_begin(void **state)
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

int show_end(void **state)
{
    (void)state;
    char *rm = xasprintf("rm -rf %s", data_folder);
    int status = system(rm);
    free(rm);
    return status;
}

/* --- the program on the terminal --- */

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
static void flood(struct show *s, const struct show_how *p)
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

static bool handle(struct show *s, const struct event *ev, const struct show_how *p)
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
    case 'Z': raise(SIGSTOP); break;
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

static void loop(struct show *s, const struct show_how *p)
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

void show_run(void *arg)
{
    const struct show_how *p = arg;
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

const struct show_how show_standard = {{DEPTH_256, true, true}, "dark", -1, false};

struct term *show_start(const struct show_how *p, const char *const *env)
{
    static struct show_how copy;
    copy = *p;
    return term_start(&(struct term_options){.child = show_run, .arg = &copy, .env = env});
}

struct term *show_start_idle(const struct show_how *p, const char *const *env)
{
    struct term *t = show_start(p, env);
    assert_true(term_wait_idle(t, TERM_DEADLINE_MS));
    return t;
}

void assert_row(struct term *t, int y, const char *expected)
{
    char *row = term_row_text(t, y);
    if (strcmp(row, expected)) {
        term_dump(t, expected);
        fail_msg("row %d is “%s”, expected “%s”", y, row, expected);
    }
    free(row);
}

void assert_style(struct term *t, int x, int y, int32_t fg, int32_t bg, int attr)
{
    struct style s = term_cell(t, x, y).style;
    if (s.fg != fg || s.bg != bg || s.attr != attr)
        fail_msg("cell %d,%d: fg %x bg %x attr %d, expected %x %x %d", x, y, (unsigned)s.fg,
                 (unsigned)s.bg, s.attr, (unsigned)fg, (unsigned)bg, attr);
}

bool output_has(struct term *t, const char *bytes)
{
    size_t n;
    const char *out = term_output(t, &n);
    return memmem(out, n, bytes, strlen(bytes)) != NULL;
}

/* Nothing that we switched on is on any more, and the line is as we found it. */
void assert_restored(struct term *t, const struct termios *before)
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
struct termios fresh_modes(void)
{
    static const char *const argv[] = {"/bin/true", NULL};
    struct term *t = term_start(&(struct term_options){.argv = argv});
    struct termios modes = term_modes(t);
    term_wait_exit(t, TERM_DEADLINE_MS);
    term_free(t);
    return modes;
}

void show_quit(struct term *t)
{
    struct termios before = fresh_modes();
    term_type(t, "q");
    assert_int_equal(term_wait_exit(t, TERM_DEADLINE_MS), 0);
    assert_restored(t, &before);
    term_free(t);
}
