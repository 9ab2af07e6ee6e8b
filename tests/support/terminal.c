#include "tests/support/terminal.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/text/utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <limits.h>
#include <poll.h>
#include <pty.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <vterm.h>

#include <cmocka.h>

struct term {
    int master, mark;
    pid_t pid;
    bool ended, own_home, mute, sending;
    int status;
    int w, h;
    char *home;
    VTerm *vt;
    VTermScreen *screen;
    bool cursor_visible, alternate;
    int mouse_mode;
    struct strbuf output, marks, answer;
    unsigned long long n_sent, n_received;
    bool idle;
    unsigned long long idle_input, idle_output;
};

static int64_t now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

/* --- starting --- */

static int on_property(VTermProp prop, VTermValue *value, void *arg)
{
    struct term *t = arg;
    if (prop == VTERM_PROP_CURSORVISIBLE)
        t->cursor_visible = value->boolean;
    else if (prop == VTERM_PROP_ALTSCREEN)
        t->alternate = value->boolean;
    else if (prop == VTERM_PROP_MOUSE)
        t->mouse_mode = value->number;
    return 1;
}

static void on_answer(const char *bytes, size_t n, void *arg)
{
    struct term *t = arg;
    if (!t->mute)
        strbuf_add(&t->answer, bytes, n);
}

static void set_home(const char *name, const char *home, const char *below)
{
    char *path = xasprintf("%s%s", home, below);
    setenv(name, path, 1);
    free(path);
}

static void set_environment(const struct term *t, const struct term_options *o, int mark)
{
    static const char *const gone[] = {"COLORTERM", "NO_COLOR", "TMUX",         "STY",
                                       "COLORFGBG", "LANG",     "LC_CTYPE",     "LINES",
                                       "COLUMNS",   "TERMINFO", "TERMINFO_DIRS"};
    for (size_t i = 0; i < sizeof gone / sizeof *gone; i++)
        unsetenv(gone[i]);
    setenv("LC_ALL", "C.UTF-8", 1);
    setenv("CUDA_VISIBLE_DEVICES", "", 1); /* what is compared was computed on the CPU */
    setenv("TZ", "UTC", 1);
    setenv("TERM", "xterm-256color", 1);
    set_home("HOME", t->home, "");
    set_home("XDG_CONFIG_HOME", t->home, "/config");
    set_home("XDG_STATE_HOME", t->home, "/state");
    set_home("XDG_CACHE_HOME", t->home, "/cache");
    char fd[16];
    snprintf(fd, sizeof fd, "%d", mark);
    setenv("GLIMT_TEST_FD", fd, 1);
    for (const char *const *e = o->env; e && *e; e++) {
        const char *equals = strchr(*e, '=');
        char *name = xstrndup(*e, equals ? (size_t)(equals - *e) : strlen(*e));
        if (equals)
            setenv(name, equals + 1, 1);
        else
            unsetenv(name);
        free(name);
    }
}

static void run_child(const struct term *t, const struct term_options *o, int mark)
{
    set_environment(t, o, mark);
    if (o->child) {
        o->child(o->arg);
        _exit(0);
    }
    execv(o->argv[0], (char *const *)o->argv);
    fprintf(stderr, "can't run %s: %s\n", o->argv[0], strerror(errno));
    _exit(127);
}

static void open_screen(struct term *t)
{
    static const VTermScreenCallbacks callbacks = {.settermprop = on_property};
    t->vt = vterm_new(t->h, t->w);
    vterm_set_utf8(t->vt, 1);
    vterm_output_set_callback(t->vt, on_answer, t);
    t->screen = vterm_obtain_screen(t->vt);
    vterm_screen_enable_altscreen(t->screen, 1);
    vterm_screen_set_callbacks(t->screen, &callbacks, t);
    vterm_screen_reset(t->screen, 1);
}

struct term *term_start(const struct term_options *o)
{
    struct term *t = xcalloc(1, sizeof *t);
    t->w = o->w ? o->w : 80;
    t->h = o->h ? o->h : 24;
    t->mute = o->mute;
    t->cursor_visible = true;
    strbuf_init(&t->output);
    strbuf_init(&t->marks);
    strbuf_init(&t->answer);
    char folder[] = "/tmp/glimt-terminal-XXXXXX";
    t->own_home = !o->home;
    t->home = xstrdup(o->home ? o->home : mkdtemp(folder));
    open_screen(t);
    int mark[2];
    assert_int_equal(pipe(mark), 0);
    struct winsize size = {.ws_col = (unsigned short)t->w, .ws_row = (unsigned short)t->h};
    t->pid = forkpty(&t->master, NULL, NULL, &size);
    assert_true(t->pid >= 0);
    if (t->pid == 0) {
        close(mark[0]);
        run_child(t, o, mark[1]);
    }
    close(mark[1]);
    t->mark = mark[0];
    fcntl(t->mark, F_SETFL, O_NONBLOCK);
    fcntl(t->mark, F_SETFD, FD_CLOEXEC);
    fcntl(t->master, F_SETFL, O_NONBLOCK);
    fcntl(t->master, F_SETFD, FD_CLOEXEC);
    return t;
}

static int remove_entry(const char *path, const struct stat *st, int kind, struct FTW *at)
{
    (void)st;
    (void)kind;
    (void)at;
    return remove(path);
}

static void reap(struct term *t, int flags)
{
    int status;
    if (t->ended || waitpid(t->pid, &status, flags) != t->pid)
        return;
    t->ended = true;
    t->status = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

void term_free(struct term *t)
{
    if (!t)
        return;
    if (!t->ended) {
        kill(t->pid, SIGKILL);
        reap(t, 0);
    }
    if (t->master >= 0)
        close(t->master);
    close(t->mark);
    vterm_free(t->vt);
    strbuf_release(&t->output);
    strbuf_release(&t->marks);
    strbuf_release(&t->answer);
    if (t->own_home)
        nftw(t->home, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    free(t->home);
    free(t);
}

const char *term_home(const struct term *t)
{
    return t->home;
}
int term_pid(const struct term *t)
{
    return t->pid;
}

/* --- the wire --- */

static void read_marks(struct term *t)
{
    char bytes[4096];
    ssize_t n;
    while ((n = read(t->mark, bytes, sizeof bytes)) > 0)
        strbuf_add(&t->marks, bytes, (size_t)n);
    for (char *end; (end = strchr(t->marks.s, '\n'));) {
        char state[8] = "";
        unsigned long long frame, input = 0, output = 0;
        int found = sscanf(t->marks.s, "frame %llu %7s input %llu output %llu", &frame, state,
                           &input, &output);
        t->idle = found == 4 && !strcmp(state, "idle");
        t->idle_input = input;
        t->idle_output = output;
        size_t used = (size_t)(end - t->marks.s) + 1;
        memmove(t->marks.s, end + 1, t->marks.len - used + 1);
        t->marks.len -= used;
    }
}

/* Takes in what is there; false: nothing was. */
static bool read_output(struct term *t)
{
    char bytes[16384];
    ssize_t n = t->master >= 0 ? read(t->master, bytes, sizeof bytes) : -1;
    if (n <= 0)
        return false;
    t->n_received += (unsigned long long)n;
    strbuf_add(&t->output, bytes, (size_t)n);
    vterm_input_write(t->vt, bytes, (size_t)n);
    return true;
}

static void send_answers(struct term *t)
{
    while (!t->sending && t->answer.len && t->master >= 0) {
        ssize_t n = write(t->master, t->answer.s, t->answer.len);
        if (n <= 0)
            break;
        t->n_sent += (unsigned long long)n;
        memmove(t->answer.s, t->answer.s + n, t->answer.len - (size_t)n + 1);
        t->answer.len -= (size_t)n;
    }
}

/* Waits at most timeout_ms for anything to happen and deals with it. */
static void turn(struct term *t, int timeout_ms)
{
    struct pollfd p[2] = {{.fd = t->master, .events = POLLIN}, {.fd = t->mark, .events = POLLIN}};
    /* After the end both hang up at once: then waiting would be spinning. */
    if (t->ended)
        p[0].fd = p[1].fd = -1;
    poll(p, 2, timeout_ms);
    while (read_output(t))
        ;
    send_answers(t);
    read_marks(t);
    reap(t, WNOHANG);
    if (!t->ended && (p[0].revents & POLLHUP) && !(p[0].revents & POLLIN))
        poll(NULL, 0, 1); /* between the hang-up and the end of the process */
}

void term_send(struct term *t, const void *bytes, size_t n)
{
    const char *at = bytes;
    int64_t end = now_ms() + TERM_DEADLINE_MS;
    t->sending =
        true; /* no answer between the bytes of a sequence that the line took only in part */
    while (n && now_ms() < end) {
        ssize_t done = write(t->master, at, n > 1024 ? 1024 : n);
        if (done > 0) {
            at += done;
            n -= (size_t)done;
            t->n_sent += (unsigned long long)done;
        } else if (errno != EAGAIN && errno != EINTR) {
            break;
        }
        turn(t, done > 0 ? 0 : 10);
    }
    t->sending = false;
    send_answers(t);
    if (n)
        term_dump(t, "the program takes no input");
}

void term_type(struct term *t, const char *utf8)
{
    term_send(t, utf8, strlen(utf8));
}

/* The byte or sequence of an unmodified special key: a letter after CSI, or a number before a
 * tilde. */
static const struct {
    enum key key;
    char letter;
    int number;
} special[] = {
    {KEYS_UP, 'A', 0},     {KEYS_DOWN, 'B', 0},    {KEYS_RIGHT, 'C', 0}, {KEYS_LEFT, 'D', 0},
    {KEYS_HOME, 'H', 0},   {KEYS_END, 'F', 0},     {KEYS_INSERT, 0, 2},  {KEYS_DELETE, 0, 3},
    {KEYS_PAGE_UP, 0, 5},  {KEYS_PAGE_DOWN, 0, 6}, {KEYS_F1, 'P', 0},    {KEYS_F1 + 1, 'Q', 0},
    {KEYS_F1 + 2, 'R', 0}, {KEYS_F1 + 3, 'S', 0},  {KEYS_F1 + 4, 0, 15}, {KEYS_F1 + 5, 0, 17},
    {KEYS_F1 + 6, 0, 18},  {KEYS_F1 + 7, 0, 19},   {KEYS_F1 + 8, 0, 20}, {KEYS_F1 + 9, 0, 21},
    {KEYS_F1 + 10, 0, 23}, {KEYS_F1 + 11, 0, 24}};

static bool special_key(struct strbuf *out, const struct event *ev)
{
    unsigned mod = 1 + (ev->mods & MOD_SHIFT ? 1u : 0u) + (ev->mods & MOD_ALT ? 2u : 0u) +
                   (ev->mods & MOD_CTRL ? 4u : 0u);
    for (size_t i = 0; i < sizeof special / sizeof *special; i++) {
        if (special[i].key != ev->key)
            continue;
        if (special[i].number && mod > 1)
            strbuf_addf(out, "\033[%d;%u~", special[i].number, mod);
        else if (special[i].number)
            strbuf_addf(out, "\033[%d~", special[i].number);
        else if (mod > 1)
            strbuf_addf(out, "\033[1;%u%c", mod, special[i].letter);
        else
            strbuf_addf(out, ev->key >= KEYS_F1 ? "\033O%c" : "\033[%c", special[i].letter);
        return true;
    }
    return false;
}

static void plain_key(struct strbuf *out, const struct event *ev)
{
    if (ev->mods & MOD_ALT)
        strbuf_addc(out, '\033');
    switch (ev->key) {
    case KEYS_TAB: strbuf_addc(out, '\t'); return;
    case KEYS_BACKTAB: strbuf_adds(out, "\033[Z"); return;
    case KEYS_ENTER: strbuf_addc(out, '\r'); return;
    case KEYS_ESC: strbuf_addc(out, '\033'); return;
    case KEYS_BACKSPACE: strbuf_addc(out, '\177'); return;
    default: break;
    }
    char utf8[4];
    if (ev->mods & MOD_CTRL)
        strbuf_addc(out, (char)(ev->code & 0x1F));
    else
        strbuf_add(out, utf8, utf8_encode(ev->code, utf8));
}

void term_key(struct term *t, const char *name)
{
    struct event ev;
    struct strbuf bytes;
    strbuf_init(&bytes);
    if (!event_parse(name, &ev))
        fail_msg("no key is called “%s”", name);
    if (!special_key(&bytes, &ev))
        plain_key(&bytes, &ev);
    term_send(t, bytes.s, bytes.len);
    strbuf_release(&bytes);
}

void term_mouse(struct term *t, enum mouse_kind kind, int button, int x, int y, unsigned mods)
{
    int code = kind == MOUSE_WHEEL_UP     ? 64
               : kind == MOUSE_WHEEL_DOWN ? 65
               : button                   ? button - 1
                                          : 3;
    code += (kind == MOUSE_MOVE ? 32 : 0) + (mods & MOD_SHIFT ? 4 : 0) + (mods & MOD_ALT ? 8 : 0) +
            (mods & MOD_CTRL ? 16 : 0);
    char bytes[64];
    int n = snprintf(bytes, sizeof bytes, "\033[<%d;%d;%d%c", code, x + 1, y + 1,
                     kind == MOUSE_RELEASE ? 'm' : 'M');
    term_send(t, bytes, (size_t)n);
}

void term_paste(struct term *t, const char *utf8)
{
    term_send(t, "\033[200~", 6);
    term_send(t, utf8, strlen(utf8));
    term_send(t, "\033[201~", 6);
}

void term_resize(struct term *t, int w, int h)
{
    struct winsize size = {.ws_col = (unsigned short)w, .ws_row = (unsigned short)h};
    t->w = w;
    t->h = h;
    vterm_set_size(t->vt, h, w);
    t->idle = false; /* an older mark says nothing of this */
    ioctl(t->master, TIOCSWINSZ, &size);
}

void term_signal(struct term *t, int number)
{
    t->idle = false;
    kill(t->pid, number);
}

void term_hang_up(struct term *t)
{
    close(t->master);
    t->master = -1;
}

void term_read_by_other(struct term *t, size_t n)
{
    t->n_sent -= n;
}

/* --- waiting --- */

bool term_wait(struct term *t, bool (*is_so)(struct term *, void *), void *arg, int deadline_ms)
{
    int64_t end = now_ms() + deadline_ms;
    for (;;) {
        turn(t, 0);
        if (is_so(t, arg))
            return true;
        int64_t left = end - now_ms();
        if (left <= 0 || t->ended)
            return false;
        turn(t, left < 50 ? (int)left : 50);
    }
}

static bool is_idle(struct term *t, void *arg)
{
    (void)arg;
    return t->idle && !t->answer.len && t->idle_input >= t->n_sent &&
           t->n_received >= t->idle_output;
}

bool term_wait_idle(struct term *t, int deadline_ms)
{
    bool ok = term_wait(t, is_idle, NULL, deadline_ms);
    if (!ok)
        term_dump(t, "the program does not come to rest");
    return ok;
}

static bool shows(struct term *t, void *text)
{
    return term_has(t, text);
}
static bool shows_not(struct term *t, void *text)
{
    return !term_has(t, text);
}

bool term_wait_text(struct term *t, const char *text, int deadline_ms)
{
    bool ok = term_wait(t, shows, (void *)(uintptr_t)text, deadline_ms);
    if (!ok)
        term_dump(t, text);
    return ok;
}

bool term_wait_no_text(struct term *t, const char *text, int deadline_ms)
{
    bool ok = term_wait(t, shows_not, (void *)(uintptr_t)text, deadline_ms);
    if (!ok)
        term_dump(t, text);
    return ok;
}

int term_wait_exit(struct term *t, int deadline_ms)
{
    int64_t end = now_ms() + deadline_ms;
    while (!t->ended && now_ms() < end)
        turn(t, 50);
    /* What the line still holds comes before its hang-up; where a child of the child keeps it open,
     * a pause ends it. */
    struct pollfd p = {.fd = t->master, .events = POLLIN};
    while (t->ended && t->master >= 0 && poll(&p, 1, 200) > 0 && (p.revents & POLLIN))
        read_output(t);
    if (!t->ended) {
        term_dump(t, "the program does not end");
        return INT_MIN;
    }
    return t->status;
}

/* --- the screen --- */

static int32_t color_of(const VTermColor *c)
{
    if (VTERM_COLOR_IS_DEFAULT_FG(c) || VTERM_COLOR_IS_DEFAULT_BG(c))
        return COLOR_DEFAULT;
    if (VTERM_COLOR_IS_INDEXED(c))
        return c->indexed.idx;
    return (int32_t)(0x1000000 | c->rgb.red << 16 | c->rgb.green << 8 | c->rgb.blue);
}

struct term_cell term_cell(struct term *t, int x, int y)
{
    struct term_cell out = {.glyph = " ", .style = {COLOR_DEFAULT, COLOR_DEFAULT, 0}};
    VTermScreenCell cell;
    if (x < 0 || y < 0 || x >= t->w || y >= t->h ||
        !vterm_screen_get_cell(t->screen, (VTermPos){.row = y, .col = x}, &cell))
        return out;
    size_t n = 0;
    for (int i = 0; i < VTERM_MAX_CHARS_PER_CELL && cell.chars[i]; i++) {
        if (cell.chars[i] == (uint32_t)-1)
            break; /* the right half of a wide glyph */
        n += utf8_encode(cell.chars[i], out.glyph + n);
    }
    if (n || cell.chars[0] == (uint32_t)-1)
        out.glyph[n] = 0;
    out.style.fg = color_of(&cell.fg);
    out.style.bg = color_of(&cell.bg);
    out.style.attr =
        (uint8_t)((cell.attrs.bold ? ATTR_BOLD : 0) | (cell.attrs.underline ? ATTR_UNDERLINE : 0) |
                  (cell.attrs.reverse ? ATTR_REVERSE : 0) | (cell.attrs.italic ? ATTR_ITALIC : 0));
    return out;
}

char *term_row_text(struct term *t, int y)
{
    struct strbuf row;
    strbuf_init(&row);
    for (int x = 0; x < t->w; x++)
        strbuf_adds(&row, term_cell(t, x, y).glyph);
    while (row.len && row.s[row.len - 1] == ' ')
        row.s[--row.len] = 0;
    return strbuf_detach(&row);
}

bool term_find(struct term *t, const char *text, int *out_x, int *out_y)
{
    bool found = false;
    for (int y = 0; y < t->h && !found; y++) {
        struct strbuf row;
        strbuf_init(&row);
        int *column =
            xcalloc((size_t)t->w * sizeof(struct term_cell) + 1, sizeof *column); /* of each byte */
        for (int x = 0; x < t->w; x++) {
            struct term_cell c = term_cell(t, x, y);
            column[row.len] = x;
            strbuf_adds(&row, c.glyph);
        }
        char *at = strstr(row.s, text);
        if (at) {
            *out_x = column[at - row.s];
            *out_y = y;
            found = true;
        }
        free(column);
        strbuf_release(&row);
    }
    return found;
}

bool term_has(struct term *t, const char *text)
{
    int x, y;
    return term_find(t, text, &x, &y);
}

void term_size(const struct term *t, int *w, int *h)
{
    *w = t->w;
    *h = t->h;
}

void term_cursor(struct term *t, int *x, int *y, bool *visible)
{
    VTermPos at;
    vterm_state_get_cursorpos(vterm_obtain_state(t->vt), &at);
    *x = at.col;
    *y = at.row;
    *visible = t->cursor_visible;
}

bool term_alternate(const struct term *t)
{
    return t->alternate;
}
int term_mouse_mode(const struct term *t)
{
    return t->mouse_mode;
}

void term_dump(struct term *t, const char *why)
{
    fprintf(
        stderr,
        "--- %s (%d×%d, %s %d, sent %llu, received %llu, last mark: %s input %llu output %llu)\n",
        why, t->w, t->h, t->ended ? "ended with" : "running as", t->ended ? t->status : (int)t->pid,
        t->n_sent, t->n_received, t->idle ? "idle" : "busy", t->idle_input, t->idle_output);
    for (int y = 0; y < t->h; y++) {
        char *row = term_row_text(t, y);
        fprintf(stderr, "|%s\n", row);
        free(row);
    }
    fprintf(stderr, "---\n");
}

const char *term_output(const struct term *t, size_t *n)
{
    *n = t->output.len;
    return t->output.s;
}

void term_forget(struct term *t)
{
    strbuf_clear(&t->output);
}

struct termios term_modes(const struct term *t)
{
    struct termios modes = {0};
    tcgetattr(t->master, &modes);
    return modes;
}
