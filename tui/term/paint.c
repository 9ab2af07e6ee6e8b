#include "tui/term/paint.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/term/glyph.h"
#include "tui/term/palette.h"
#include "tui/term/wipe.h"
#include <curses.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <wchar.h>

#define MAX_PAIRS                                                                                  \
    4096 /* far below what curses would give: beyond its limit allocation answers nonsense */
#define PAIR_SLOTS 8192

struct pair {
    int32_t fg, bg;
    int number; /* 0: free slot */
};

static struct {
    SCREEN *screen;
    FILE *file; /* in memory; curses writes there */
    int fd;
    enum depth depth;
    bool utf8, defaults, whole;
    struct pair *pair; /* [PAIR_SLOTS], open addressing */
    int n_pairs, max_pairs;
    struct grid last;
} paint;

static bool has_string(const char *capability)
{
    const char *s = tigetstr(capability);
    return s && s != (char *)-1 && *s;
}

static bool can_address(void)
{
    return has_string("cup") && has_string("clear");
}

/* Sets a variable to a number (< 0: as `text`, NULL: not at all) and returns what it was; the
 * caller frees. */
static char *swap_env(const char *name, int number, const char *text)
{
    char *old = getenv(name) ? xstrdup(getenv(name)) : NULL;
    char digits[16];
    snprintf(digits, sizeof digits, "%d", number);
    if (number >= 0 || text)
        setenv(name, number >= 0 ? digits : text, 1);
    else
        unsetenv(name);
    return old;
}

/* A file in memory has no size, and not every terminal type tells one: curses hears it by the
 * environment. */
static SCREEN *new_screen(const char *term, FILE *file, int w, int h)
{
    char *lines = swap_env("LINES", h, NULL), *columns = swap_env("COLUMNS", w, NULL);
    SCREEN *made = newterm(term, file, stdin);
    free(swap_env("LINES", -1, lines));
    free(swap_env("COLUMNS", -1, columns));
    free(lines);
    free(columns);
    return made;
}

bool paint_open(const char *term, int w, int h, struct error *e)
{
    paint.fd = memfd_create("glimt-frame", MFD_CLOEXEC);
    paint.file = paint.fd >= 0 ? fdopen(paint.fd, "w") : NULL;
    if (!paint.file) {
        error_set(e, ERROR_SYSTEM, "making room for a frame in memory: %s", strerror(errno));
        if (paint.fd >= 0)
            close(paint.fd);
        return false;
    }
    paint.screen = new_screen(term, paint.file, w, h);
    if (!paint.screen) {
        fclose(paint.file);
        return false;
    }
    if (!can_address()) {
        paint_close();
        return error_set(e, ERROR_SYSTEM,
                         "opening the screen: terminal type “%s” can't place the cursor", term);
    }
    return true;
}

int paint_colors(void)
{
    return has_colors() ? tigetnum("colors") : 0;
}

bool paint_has_rgb(void)
{
    return tigetflag("RGB") > 0;
}

bool paint_has_other_screen(void)
{
    return has_string("rmcup");
}

void paint_begin(enum depth depth, bool utf8, int w, int h)
{
    paint.depth = has_colors() ? depth : DEPTH_MONO;
    paint.utf8 = utf8;
    typeahead(-1); /* or pending input would cut frames in two */
    nonl();
    leaveok(stdscr, TRUE);
    if (paint.depth != DEPTH_MONO) {
        start_color();
        paint.defaults = use_default_colors() == OK;
    }
    paint.max_pairs = COLOR_PAIRS - 1 < MAX_PAIRS ? COLOR_PAIRS - 1 : MAX_PAIRS;
    paint.pair = xcalloc(PAIR_SLOTS, sizeof *paint.pair);
    paint.n_pairs = 0;
    grid_init(&paint.last, 0, 0, (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0});
    paint_resize(w, h);
}

void paint_invalidate(void)
{
    paint.whole = true;
}

void paint_resize(int w, int h)
{
    resize_term(h, w);
    paint.whole = true;
}

static int32_t index_of(int32_t color, int colors)
{
    uint32_t rgb = color > 255 ? (uint32_t)color & 0xffffff : palette_rgb(color);
    if (colors > 256) {
        if (color <= 255)
            return color;
        /* below 256 curses' number is a palette index: black has one that users don't change, the
         * darkest blues get a trace of red */
        return rgb == 0 ? 16 : rgb < 256 ? (int32_t)(rgb | 0x010000) : (int32_t)rgb;
    }
    if (paint.depth >= DEPTH_256 && colors == 256)
        return color > 255 ? palette_nearest(rgb, 16, 255) : color;
    return color > 15 ? palette_nearest(rgb, 0, 15) : color;
}

static int pair_of(int32_t fg, int32_t bg)
{
    uint32_t slot = ((uint32_t)fg * 0x9E3779B1u ^ (uint32_t)bg * 0x85EBCA77u) >> 19;
    struct pair *p = &paint.pair[slot % PAIR_SLOTS];
    while (p->number && (p->fg != fg || p->bg != bg))
        p = &paint.pair[++slot % PAIR_SLOTS];
    if (!p->number) {
        if (paint.n_pairs >= paint.max_pairs)
            return -1;
        *p = (struct pair){fg, bg, ++paint.n_pairs};
        init_extended_pair(p->number, fg, bg);
    }
    return p->number;
}

/* Attributes and colour pair; −1 for the pair: the table is full. */
static attr_t curses_style(struct style s, int *pair)
{
    static const struct {
        uint8_t ours;
        attr_t curses;
    } map[] = {{ATTR_BOLD, A_BOLD},
               {ATTR_UNDERLINE, A_UNDERLINE},
               {ATTR_REVERSE, A_REVERSE},
               {ATTR_DIM, A_DIM},
               {ATTR_ITALIC, A_ITALIC}};
    attr_t attr = 0;
    for (size_t i = 0; i < sizeof map / sizeof *map; i++)
        attr |= s.attr & map[i].ours ? map[i].curses : 0;
    *pair = 0;
    if (paint.depth == DEPTH_MONO)
        return attr;
    int colors = COLORS;
    int32_t fg = s.fg < 0 ? s.fg : index_of(s.fg, colors),
            bg = s.bg < 0 ? s.bg : index_of(s.bg, colors);
    if (colors < 16 && fg > 7) { /* the second eight are the first, bold */
        attr |= fg == 8 ? 0 : A_BOLD;
        fg = fg == 8 ? 7 : fg - 8;
    }
    bg = colors < 16 && bg > 7 ? bg - 8 : bg;
    if (!paint.defaults) {
        fg = fg < 0 ? 7 : fg;
        bg = bg < 0 ? 0 : bg;
    }
    if (fg >= 0 || bg >= 0)
        *pair = pair_of(fg, bg);
    return attr;
}

static void one_char(wchar_t c, attr_t attr, int pair, cchar_t *out)
{
    wchar_t text[2] = {c, 0};
    setcchar(out, text, attr, 0, &pair);
}

/* One cell as curses cells: 1, or 2 when a wide glyph has to be replaced by two narrow ones. */
static int curses_cell(const struct cell *c, int columns, attr_t attr, int pair, cchar_t out[2])
{
    wchar_t text[CCHARW_MAX + 1];
    size_t n = strlen(c->glyph), at = 0, len;
    int count = 0;
    bool safe = paint.utf8;
    while (at < n && safe && count < CCHARW_MAX) {
        uint32_t code = utf8_decode(c->glyph + at, n - at, &len, NULL);
        at += len;
        text[count] = (wchar_t)code;
        /* What the C library counts otherwise would push the rest of the row out of place. */
        safe = wcwidth(text[count]) == (count ? 0 : columns);
        count++;
    }
    text[count] = 0;
    if (safe && count && at == n) {
        setcchar(out, text, attr, 0, &pair);
        return 1;
    }
    one_char((wchar_t)glyph_ascii(c->glyph), attr, pair, &out[0]);
    one_char(L' ', attr, pair, &out[1]);
    return columns;
}

static bool cell_equal(const struct cell *a, const struct cell *b)
{
    return style_equal(a->style, b->style) && !strcmp(a->glyph, b->glyph);
}

/* false: no pair was left. */
static bool draw_row(const struct grid *g, int y)
{
    const struct cell *row = g->cell + (size_t)y * (size_t)g->w;
    struct cell *last = paint.last.cell + (size_t)y * (size_t)g->w;
    for (int x = 0; x < g->w; x++) {
        bool wide = x + 1 < g->w && !row[x + 1].glyph[0];
        if (!paint.whole && cell_equal(&row[x], &last[x]) &&
            (!wide || cell_equal(&row[x + 1], &last[x + 1])))
            continue;
        if (!row[x].glyph[0])
            continue; /* drawn with its left half */
        cchar_t cell[2];
        int pair;
        attr_t attr = curses_style(row[x].style, &pair);
        if (pair < 0)
            return false;
        mvadd_wchnstr(y, x, cell, curses_cell(&row[x], wide ? 2 : 1, attr, pair, cell));
    }
    memcpy(last, row, (size_t)g->w * sizeof *row);
    return true;
}

static void take_bytes(struct strbuf *out)
{
    struct stat st;
    char chunk[4096];
    off_t at = 0;
    fflush(paint.file);
    if (fstat(paint.fd, &st) < 0)
        return;
    while (at < st.st_size) {
        ssize_t n = pread(paint.fd, chunk, sizeof chunk, at);
        if (n <= 0)
            break;
        strbuf_add(out, chunk, (size_t)n);
        at += n;
    }
    if (at && ftruncate(paint.fd, 0) == 0)
        lseek(paint.fd, 0, SEEK_SET);
}

static void place_cursor(const struct grid *g)
{
    bool shown = g->cursor_x >= 0 && g->cursor_y >= 0 && g->cursor_x < g->w && g->cursor_y < g->h;
    leaveok(stdscr, !shown);
    if (shown)
        move(g->cursor_y, g->cursor_x);
    curs_set(shown);
}

static bool draw_rows(const struct grid *g)
{
    for (int y = 0; y < g->h; y++)
        if (!draw_row(g, y))
            return false;
    return true;
}

void paint_frame(const struct grid *g, struct strbuf *out)
{
    if (g->w != paint.last.w || g->h != paint.last.h) {
        grid_resize(&paint.last, g->w, g->h, (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0});
        paint.whole = true;
    }
    if (paint.whole) {
        erase();
        clearok(curscr, TRUE);
    }
    if (!draw_rows(g)) { /* every pair is taken: begin anew with those of this frame */
        memset(paint.pair, 0, PAIR_SLOTS * sizeof *paint.pair);
        paint.n_pairs = 0;
        paint.whole = true;
        clearok(curscr, TRUE);
        draw_rows(g);
    }
    paint.whole = false;
    place_cursor(g);
    wnoutrefresh(stdscr);
    doupdate();
    take_bytes(out);
}

void paint_leave(struct strbuf *out)
{
    wipe(out);
    curs_set(1);
    endwin();
    take_bytes(out);
    /* Some terminals restore the cursor's visibility with the other screen: say it once more, last.
     */
    if (has_string("cnorm"))
        strbuf_adds(out, tigetstr("cnorm"));
    paint.whole = true;
}

void paint_close(void)
{
    if (paint.screen) {
        if (!isendwin())
            endwin();
        delscreen(paint.screen);
        fclose(paint.file);
    }
    grid_release(&paint.last);
    free(paint.pair);
    paint.pair = NULL;
    paint.screen = NULL;
}
