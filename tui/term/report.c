#include "tui/term/report.h"
#include "tui/term/depth.h"
#include "tui/term/tty.h"
#include <curses.h>
#include <langinfo.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <term.h>
#include <time.h>
#include <unistd.h>

#define ASK_MS 2000 /* nobody types meanwhile: a slow line has its time */

const char *const report_sample[REPORT_WIDTHS] = {"\u6f22", "e\u0301",
                                                  "\U0001f469\u200d\U0001f469\u200d\U0001f467"};
const char *const report_sample_name[REPORT_WIDTHS] = {"Han", "combining accent", "family emoji"};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* The column of a cursor report, from 1; 0: none came by then. */
static int cursor_column(int64_t until)
{
    char got[256], byte;
    size_t n = 0;
    int row, column;
    for (int64_t left; (left = until - now_ms()) > 0;) {
        struct tty_news news;
        if (!tty_wait(-1, (int)left, &news))
            return 0;
        long k = news.input ? tty_read(&byte, 1) : 0;
        if (k < 0)
            return 0;
        if (k == 0 || n + 1 >= sizeof got)
            continue;
        n = byte == '\033' ? 0 : n;
        got[n++] = byte;
        got[n] = '\0';
        if (byte == 'R' && sscanf(got, "\033[%d;%dR", &row, &column) == 2)
            return column;
    }
    return 0;
}

/* Each sample is printed at the left edge and wiped again. */
static void measure_widths(struct terminal_report *r)
{
    int64_t until = now_ms() + ASK_MS;
    for (int i = 0; i < REPORT_WIDTHS; i++) {
        tty_write("\r", 1);
        tty_write(report_sample[i], strlen(report_sample[i]));
        tty_write("\033[6n", 4);
        r->width[i] = cursor_column(until) - 1;
        tty_write("\r\033[K", 4);
    }
}

static void choose(const struct screen_options *o, struct terminal_report *r)
{
    const char *term = getenv("TERM");
    int status;
    struct depth_facts facts = {.term = term && *term ? term : "unknown",
                                .direct_answer = r->probe.direct_color};
    facts.term_unknown = !term || !*term || setupterm(term, STDOUT_FILENO, &status) != 0;
    if (facts.term_unknown) {
        facts.term = "xterm-256color";
        facts.colors = 256;
    } else {
        facts.colors = tigetnum("colors");
        facts.rgb = tigetflag("RGB") > 0;
        del_curterm(cur_term);
    }
    r->depth = depth_choose(o->depth_auto ? NULL : &o->depth, &facts, &r->depth_reason);
}

static void choose_theme(struct terminal_report *r)
{
    int background = r->probe.background;
    r->background_reason = "the terminal's answer";
    if (!background) {
        background = depth_background_from_env();
        r->background_reason = background ? "COLORFGBG" : "not told";
    }
    r->background = background == 1 ? "dark" : background == 2 ? "light" : "terminal";
}

static bool tmux_says(const char *option, const char *value)
{
    char command[80], line[80] = "";
    snprintf(command, sizeof command, "tmux show-options -gv %s 2>/dev/null", option);
    FILE *f = popen(command, "r");
    bool read = f && fgets(line, sizeof line, f);
    if (f)
        pclose(f);
    line[strcspn(line, "\n")] = '\0';
    return read && strcmp(line, value) == 0;
}

static void look_at_copying(struct terminal_report *r)
{
    const char *tmux = getenv("TMUX"), *screen = getenv("STY");
    int n = 0;
    if (!tmux || !*tmux) {
        r->copy = screen && *screen ? "OSC 52 through screen; whether it arrives is not told"
                                    : "OSC 52; whether the terminal takes it is not told";
        return;
    }
    r->copy = "tmux load-buffer -w";
    if (tmux_says("set-clipboard", "off")) {
        r->fix[n].line = "set -g set-clipboard on";
        r->fix[n++].gain = "copies reach the terminal's clipboard";
    }
    if (r->depth == DEPTH_256) {
        r->fix[n].line = "set -as terminal-features ',*:RGB'";
        r->fix[n].gain = "true colour, where the terminal around tmux has it";
    }
}

void terminal_report(const struct screen_options *o, struct terminal_report *r)
{
    const char *term = getenv("TERM") ? getenv("TERM") : "";
    struct error ignored = {0};
    uint64_t n_input = 0;
    *r = (struct terminal_report){
        .probe = {
            .rtt_ms = -1, .sync = -1, .mouse_drag = -1, .mouse_sgr = -1, .background_rgb = -1}};
    for (int i = 0; i < REPORT_WIDTHS; i++)
        r->width[i] = -1;
    r->asked = strcmp(term, "dumb") != 0 && !term_is_console(term) && tty_open(&ignored);
    if (r->asked) {
        struct decoder *d = decoder_new();
        unsigned ask = PROBE_MOUSE | (term_is_gnu_screen(term) ? 0 : PROBE_COLOR);
        probe_terminal(d, ask, ASK_MS, &r->probe, &n_input);
        if (r->probe.answered && strcmp(nl_langinfo(CODESET), "UTF-8") == 0)
            measure_widths(r);
        decoder_free(d);
        tty_drain(1000);
        tty_close(true); /* what comes late or was not read is dropped */
    }
    choose(o, r);
    choose_theme(r);
    look_at_copying(r);
}
