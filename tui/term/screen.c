#include "tui/term/screen.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tui/term/clipboard.h"
#include "tui/term/depth.h"
#include "tui/term/locale.h"
#include "tui/term/paint.h"
#include "tui/term/probe.h"
#include "tui/term/tty.h"
#include "tui/term/wipe.h"
#include "tui/workbench.h"
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define PROBE_MS 100
#define FLIGHT_MS 200  /* a frame that is not acknowledged by then counts as lost */
#define EXPECT_MS 1000 /* an answer that has not come by then is not waited for */
#define SYNC_BYTES 256
#define MAX_READ ((size_t)128 << 10)
#define MAX_UNANSWERED 2 /* after that the terminal is taken for one that does not answer */

#define MOUSE_ON "\033[?1002h\033[?1006h"
#define MOUSE_OFF "\033[?1002l\033[?1006l"
#define MODES_ON "\033[?2004h\033[?1004h"
#define MODES_OFF "\033[?1003l\033[?1000l" MOUSE_OFF "\033[?2004l\033[?1004l"
#define SYNC_ON "\033[?2026h"
#define SYNC_OFF "\033[?2026l"
#define ASK_STATUS "\033[5n"

static struct {
    bool open, mouse, resized;
    struct screen_info info;
    struct decoder *decoder;
    struct probe probe;
    int next_early;
    int w, h;
    bool in_flight;
    int64_t sent_ms, esc_ms;
    int unanswered;
    int n_expected; /* answers that are still to come */
    int64_t asked_ms;
    uint64_t n_frames, n_input;
    int test_fd;
    char test_mark[120];
} screen;

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

static void say(const char *bytes)
{
    tty_write(bytes, strlen(bytes));
}

/* --- answers --- */

static void ask(void)
{
    screen.n_expected++;
    screen.asked_ms = now_ms();
}

static void answered(void)
{
    screen.n_expected -= screen.n_expected > 0;
}

/* Until an answer that is still to come may be given up; −1: none is. */
static int expect_left_ms(void)
{
    int64_t left = screen.n_expected > 0 ? screen.asked_ms + EXPECT_MS - now_ms() : 0;
    if (left <= 0)
        screen.n_expected = 0;
    return left > 0 ? (int)left : -1;
}

/* --- what the terminal is --- */

/* Makes our own terminal types findable; the caller frees and hands back the old value. */
static char *enter_terminfo(void)
{
    char *ours = program_data("terminfo"),
         *old = getenv("TERMINFO_DIRS") ? xstrdup(getenv("TERMINFO_DIRS")) : NULL;
    if (ours) {
        char *dirs =
            xasprintf("%s:%s", ours, old ? old : ""); /* an empty name is the system's folder */
        setenv("TERMINFO_DIRS", dirs, 1);
        free(dirs);
    }
    free(ours);
    return old;
}

static void leave_terminfo(char *old)
{
    if (old)
        setenv("TERMINFO_DIRS", old, 1);
    else
        unsetenv("TERMINFO_DIRS");
    free(old);
}

static void set_term(const char *term)
{
    snprintf(screen.info.term, sizeof screen.info.term, "%s", term);
}

static bool open_type(const char *term, struct error *e)
{
    return paint_open(term, screen.w, screen.h, e);
}

/* Opens $TERM, or xterm-256color where the database lacks it. */
static bool open_term(struct error *e)
{
    const char *term = getenv("TERM");
    set_term(term && *term ? term : "unknown");
    if (!strcmp(screen.info.term, "dumb"))
        return error_set(e, ERROR_SYSTEM,
                         "opening the screen: terminal type “dumb” can't place the cursor");
    if (term && *term && open_type(term, e))
        return true;
    if (e && error_is_set(e))
        return false;
    screen.info.term_unknown = true;
    set_term("xterm-256color");
    if (open_type(screen.info.term, e))
        return true;
    return error_set(
        e, ERROR_SYSTEM,
        "opening the screen: the terminal database knows neither “%s” nor xterm-256color",
        term && *term ? term : "");
}

static enum depth choose_depth(const struct screen_options *o, const char **reason)
{
    struct depth_facts facts = {.term = screen.info.term,
                                .term_unknown = screen.info.term_unknown,
                                .colors = paint_colors(),
                                .rgb = paint_has_rgb(),
                                .direct_answer = screen.probe.direct_color};
    return depth_choose(o->depth_auto ? NULL : &o->depth, &facts, reason);
}

/* Changes the open type for one that has the colours wanted; falls back to what there is. */
static bool reopen_for_depth(struct error *e)
{
    int colors = paint_colors();
    enum depth depth = screen.info.depth;
    const char *want = NULL;
    if (depth == DEPTH_DIRECT)
        want = "glimt-direct";
    else if (depth == DEPTH_256 && colors != 256)
        want = "xterm-256color";
    else if (depth != DEPTH_MONO && (colors < 8 || colors > 256))
        want = "xterm-256color"; /* asked for against what the type says */
    if (!want)
        return true;
    paint_close();
    if (open_type(want, NULL))
        return true;
    if (!open_type(screen.info.term, e))
        return error_set(e, ERROR_SYSTEM, "opening the screen: terminal type “%s” is gone",
                         screen.info.term);
    if (depth == DEPTH_DIRECT) {
        screen.info.depth = paint_has_rgb() ? DEPTH_DIRECT : colors >= 256 ? DEPTH_256 : DEPTH_16;
        screen.info.depth_reason = "no terminfo entry for direct colour";
    }
    return true;
}

static void read_probe(void)
{
    screen.info.rtt_ms = screen.probe.rtt_ms;
    screen.info.sync = screen.probe.sync == 1 || screen.probe.sync == 2;
    screen.info.background = screen.probe.background;
    if (!screen.info.background)
        screen.info.background = depth_background_from_env();
}

/* What a shell must find again, as one string that a signal handler can write. */
static void prepare_reset(void)
{
    struct strbuf reset;
    strbuf_init(&reset);
    strbuf_adds(&reset, SYNC_OFF MODES_OFF);
    wipe(&reset);
    if (paint_has_other_screen()) /* leaving it puts the cursor back */
        strbuf_adds(&reset, "\033[?1049l");
    strbuf_adds(&reset, "\033[?25h\033[?1l\033>\r\n");
    tty_set_reset(reset.s, reset.len);
    strbuf_release(&reset);
}

static void modes_on(void)
{
    say(MODES_ON);
    if (screen.mouse)
        say(MOUSE_ON);
}

/* A multiplexer may have closed it on the way here, and the number may mean another file by now. */
static void read_test_fd(void)
{
    const char *name = getenv("GLIMT_TEST_FD");
    int fd = name && *name ? (int)strtol(name, NULL, 10) : -1;
    struct stat st;
    screen.test_fd = fd > STDERR_FILENO && fstat(fd, &st) == 0 && S_ISFIFO(st.st_mode) ? fd : -1;
}

static void ask_what_it_is(const struct screen_options *o)
{
    const char *term = getenv("TERM") ? getenv("TERM") : "";
    screen.probe = (struct probe){.rtt_ms = -1, .sync = -1};
    if (term_is_console(term) || strcmp(term, "dumb") == 0)
        return;
    ask();
    probe_terminal(screen.decoder, o->depth_auto && !term_is_gnu_screen(term) ? PROBE_COLOR : 0,
                   PROBE_MS, &screen.probe, &screen.n_input);
    if (screen.probe.answered)
        answered();
}

bool screen_open(const struct screen_options *o, struct error *e)
{
    locale_open();
    memset(&screen, 0, sizeof screen);
    read_test_fd();
    struct screen_info *info = &screen.info;
    info->utf8 = locale_is_utf8();
    if (!tty_open(e))
        return false;
    tty_size(&screen.w, &screen.h);
    screen.decoder = decoder_new();
    ask_what_it_is(o);
    char *old_dirs = enter_terminfo();
    bool ok = open_term(e);
    if (ok) {
        info->depth = choose_depth(o, &info->depth_reason);
        ok = reopen_for_depth(e);
    }
    leave_terminfo(old_dirs);
    if (!ok) {
        decoder_free(screen.decoder);
        tty_close(true);
        return false;
    }
    read_probe();
    info->ascii = !info->utf8 || !strcmp(info->term, "linux");
    screen.unanswered = screen.probe.answered ? 0 : MAX_UNANSWERED - 1;
    screen.mouse = o->mouse;
    screen.esc_ms = -1;
    paint_begin(info->depth, info->utf8, screen.w, screen.h);
    prepare_reset();
    panic_set_handler(tty_reset);
    modes_on();
    screen.open = true;
    return true;
}

/* --- frames --- */

static void land(bool by_answer)
{
    if (!screen.in_flight && !by_answer)
        return;
    if (by_answer && screen.in_flight)
        screen.info.rtt_ms = (int)(now_ms() - screen.sent_ms);
    screen.unanswered = by_answer ? 0 : screen.unanswered + 1;
    screen.in_flight = false;
}

static int flight_left_ms(void)
{
    if (!screen.in_flight)
        return -1;
    int64_t left = screen.sent_ms + FLIGHT_MS - now_ms();
    return left > 0 ? (int)left : 0;
}

long screen_flush(const struct grid *g)
{
    if (!screen.open || tty_pending())
        return -1;
    if (screen.in_flight) {
        if (flight_left_ms() > 0)
            return -1;
        land(false);
    }
    struct strbuf frame, out;
    strbuf_init(&frame);
    strbuf_init(&out);
    paint_frame(g, &frame);
    if (frame.len) {
        bool sync = frame.len > SYNC_BYTES;
        strbuf_adds(&out, sync ? SYNC_ON : "");
        strbuf_add(&out, frame.s, frame.len);
        strbuf_adds(&out, sync ? SYNC_OFF : "");
        if (screen.unanswered < MAX_UNANSWERED) {
            strbuf_adds(&out, ASK_STATUS);
            screen.in_flight = true;
            screen.sent_ms = now_ms();
            ask();
        }
        screen.n_frames++;
        tty_write(out.s, out.len);
    }
    long n = (long)out.len;
    strbuf_release(&frame);
    strbuf_release(&out);
    return n;
}

void screen_invalidate(void)
{
    if (screen.open)
        paint_invalidate();
}

static void leave(void)
{
    struct strbuf out;
    strbuf_init(&out);
    strbuf_adds(&out, MODES_OFF);
    paint_leave(&out);
    tty_write(out.s, out.len);
    strbuf_release(&out);
    tty_drain(1000);
}

/* The answer to the last frame must not be typed into the shell. */
static bool await_landing(void)
{
    char bytes[1024];
    struct tty_news news;
    unsigned long signals = 0;
    while (screen.in_flight && flight_left_ms() > 0) {
        long n = 0;
        bool there = tty_wait(-1, flight_left_ms(), &news);
        signals |= news.signals;
        if (!there || (news.input && (n = tty_read(bytes, sizeof bytes)) < 0))
            break;
        if (n <= 0)
            continue;
        screen.n_input += (uint64_t)n;
        decoder_feed(screen.decoder, bytes, (size_t)n, now_ms());
        for (struct event ev; decoder_next(screen.decoder, &ev);)
            if (ev.kind == EVENT_REPLY && ev.reply == REPLY_STATUS_OK)
                land(true);
    }
    tty_signal_again(signals);
    return !screen.in_flight;
}

void screen_close(void)
{
    if (!screen.open)
        return;
    screen.open = false;
    panic_set_handler(NULL);
    leave();
    bool landed = await_landing();
    paint_close();
    tty_close(!landed);
    decoder_free(screen.decoder);
    screen.decoder = NULL;
}

static void check_size(void)
{
    int w, h;
    tty_size(&w, &h);
    if (w == screen.w && h == screen.h)
        return;
    screen.w = w;
    screen.h = h;
    paint_resize(w, h);
    prepare_reset(); /* it places the cursor */
    screen.resized = true;
}

/* The window may have changed meanwhile: only the job in front hears of that. */
static void reenter(void)
{
    tty_raw();
    modes_on();
    check_size();
    paint_invalidate();
    screen.in_flight = false;
    screen.resized = true;
}

void screen_suspend(void)
{
    if (!screen.open)
        return;
    leave();
    tty_cooked(!await_landing());
    tty_stop();
    reenter();
}

void screen_mouse(bool on)
{
    if (screen.open && on != screen.mouse)
        say(on ? MOUSE_ON : MOUSE_OFF);
    screen.mouse = on;
}

void screen_bell(void)
{
    if (screen.open)
        say("\a");
}

const char *screen_copy(const char *text, size_t n)
{
    struct strbuf out;
    strbuf_init(&out);
    const char *done = clipboard_copy(text, n, &out);
    if (screen.open)
        tty_write(out.s, out.len);
    strbuf_release(&out);
    return done;
}

const struct screen_info *screen_info(void)
{
    return &screen.info;
}

void screen_size(int *w, int *h)
{
    *w = screen.w;
    *h = screen.h;
}

/* --- waiting --- */

static bool take_signals(unsigned long signals)
{
    unsigned long ends = 1ul << SIGTERM | 1ul << SIGHUP | 1ul << SIGINT;
    if (signals & ends)
        return false;
    if (signals & 1ul << SIGTSTP)
        screen_suspend();
    else if (signals & 1ul << SIGCONT)
        reenter(); /* stopped by what can't be caught: the shell had the terminal meanwhile */
    return true;
}

static int sooner(int a, int b)
{
    return a < 0 ? b : b < 0 || a < b ? a : b;
}

static int esc_left_ms(void)
{
    if (decoder_wait_ms(screen.decoder) < 0)
        return -1;
    int64_t left = screen.esc_ms + decoder_wait_ms(screen.decoder) - now_ms();
    return left > 0 ? (int)left : 0;
}

/* All that waits, so that a drag or a paste is drawn once and not piece by piece; bounded, so that
 * it is drawn. */
static bool read_input(void)
{
    char bytes[4096];
    size_t total = 0;
    do {
        long n = tty_read(bytes, sizeof bytes);
        if (n < 0)
            return total > 0; /* what came before the end is still to be heard */
        total += (size_t)n;
        screen.n_input += (uint64_t)n;
        screen.esc_ms = now_ms();
        decoder_feed(screen.decoder, bytes, (size_t)n, screen.esc_ms);
    } while (total < MAX_READ && tty_has_input());
    return true;
}

bool screen_wait(int fd, int timeout_ms, struct screen_news *news)
{
    *news = (struct screen_news){0};
    if (!screen.open)
        return false;
    if (screen.next_early < screen.probe.n_early) {
        news->input = true;
        return true;
    }
    struct tty_news what;
    int64_t begin = now_ms();
    int expect = expect_left_ms();
    decoder_expect(screen.decoder, expect >= 0);
    int esc = esc_left_ms(),
        wait = sooner(sooner(timeout_ms, expect), sooner(esc, flight_left_ms()));
    if (!tty_wait(fd, screen.resized ? 0 : wait, &what) || !take_signals(what.signals))
        return false;
    if (what.signals)
        check_size();
    if (flight_left_ms() == 0)
        land(false);
    if (what.input) {
        if (!read_input())
            return false;
        news->input = true;
    } else if (esc >= 0 && esc_left_ms() == 0) {
        decoder_timeout(screen.decoder);
        news->input = true;
    }
    news->fd_ready = what.fd_ready;
    news->resized = screen.resized;
    screen.resized = false;
    news->timeout = timeout_ms >= 0 && now_ms() - begin >= timeout_ms;
    return true;
}

bool screen_event(struct event *ev)
{
    if (!screen.decoder)
        return false;
    if (screen.next_early < screen.probe.n_early) {
        *ev = screen.probe.early[screen.next_early++];
        return true;
    }
    while (decoder_next(screen.decoder, ev)) {
        if (ev->kind != EVENT_REPLY)
            return true;
        if (ev->reply == REPLY_STATUS_OK || ev->reply == REPLY_DA1)
            answered();
        if (ev->reply == REPLY_STATUS_OK) {
            land(true);
            continue;
        }
        probe_reply(&screen.probe, ev);
        int rtt = screen.info.rtt_ms;
        read_probe();
        screen.info.rtt_ms = rtt;
        return true;
    }
    return false;
}

void screen_test_mark(bool idle)
{
    if (screen.test_fd < 0)
        return;
    char mark[sizeof screen.test_mark];
    /* A lone ESC, a frame underway or bytes in the queue are still to come to something. */
    idle = idle && !tty_pending() && !screen.in_flight &&
           (!screen.decoder || decoder_wait_ms(screen.decoder) < 0);
    snprintf(mark, sizeof mark, "frame %llu %s input %llu output %llu\n",
             (unsigned long long)screen.n_frames, idle ? "idle" : "busy",
             (unsigned long long)screen.n_input, tty_written());
    if (!strcmp(mark, screen.test_mark))
        return;
    strcpy(screen.test_mark, mark);
    dprintf(screen.test_fd, "%s", mark);
}
