#include "tui/term/theme.h"
#include "engine/base/memory.h"
#include "tui/term/palette.h"
#include "tui/workbench.h"
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LEVELS 32
#define MAX_FILE (64 * 1024)
#define ATTRIBUTE_LEVELS 4 /* underline, bold, both, reverse */

struct ramp {
    int n;
    int32_t color[MAX_LEVELS];
};

enum ramp_name { RAMP_POSITIVE, RAMP_NEGATIVE, RAMP_SEQUENTIAL, N_RAMPS };

#define ANY_DEPTH 4 /* the value without a depth in its name */

/* A file as read: what each depth was given. */
struct source {
    struct style role[N_ROLES][5];
    bool given[N_ROLES][5];
    struct ramp ramp[N_RAMPS][4];
    uint32_t foreground, background;
};

struct theme {
    char *name;
    enum depth depth;
    bool ascii;
    int levels;
    bool has_ramps; /* else attributes carry the level */
    struct style role[N_ROLES];
    struct ramp ramp[N_RAMPS];
    uint32_t foreground, background;
};

static const char *const role_name[N_ROLES] = {
#define X(id, name) [ROLE_##id] = name,
    THEME_ROLES(X)
#undef X
};
static const char *const depth_name[4] = {
    [DEPTH_MONO] = "mono", [DEPTH_16] = "16", [DEPTH_256] = "256", [DEPTH_DIRECT] = "direct"};
static const char *const ramp_key[N_RAMPS] = {"diverging.positive.", "diverging.negative.",
                                              "sequential."};

static const struct {
    const char *word;
    uint8_t attr;
} attr_word[] = {{"bold", ATTR_BOLD},
                 {"underline", ATTR_UNDERLINE},
                 {"reverse", ATTR_REVERSE},
                 {"dim", ATTR_DIM},
                 {"italic", ATTR_ITALIC}};

/* #rrggbb, a palette index or "default". */
static bool parse_color(const char *word, int32_t *out)
{
    if (!strcmp(word, "default")) {
        *out = COLOR_DEFAULT;
        return true;
    }
    bool rgb = word[0] == '#';
    const char *digits = rgb ? word + 1 : word;
    size_t n = strspn(digits, rgb ? "0123456789abcdefABCDEF" : "0123456789");
    if (digits[n] || (rgb ? n != 6 : n < 1 || n > 3))
        return false;
    long value = strtol(digits, NULL, rgb ? 16 : 10);
    if (!rgb && value > 255)
        return false;
    *out = (int32_t)(rgb ? 0x1000000 | value : value);
    return true;
}

static bool parse_attr(const char *word, uint8_t *attr)
{
    for (size_t i = 0; i < sizeof attr_word / sizeof *attr_word; i++) {
        if (!strcmp(word, attr_word[i].word)) {
            *attr |= attr_word[i].attr;
            return true;
        }
    }
    return false;
}

/* [COLOUR] [on COLOUR] [ATTRIBUTE…] */
static bool parse_style(char *value, struct style *out, const char **bad)
{
    *out = (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0};
    bool on = false;
    char *save = NULL;
    for (char *word = strtok_r(value, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        *bad = word;
        if (on) {
            if (!parse_color(word, &out->bg))
                return false;
            on = false;
        } else if (!strcmp(word, "on")) {
            on = true;
        } else if (!parse_attr(word, &out->attr) && !parse_color(word, &out->fg)) {
            return false;
        }
    }
    return !on;
}

static bool parse_ramp(char *value, enum depth depth, struct ramp *out, const char **bad)
{
    out->n = 0;
    char *save = NULL;
    for (char *word = strtok_r(value, " \t", &save); word; word = strtok_r(NULL, " \t", &save)) {
        int32_t color;
        *bad = word;
        if (out->n == MAX_LEVELS || !parse_color(word, &color) || color < 0)
            return false;
        if ((depth == DEPTH_16 && color > 15) ||
            (depth == DEPTH_256 && (color < 16 || color > 255)))
            return false; /* with 256 colours the first 16 are the user's own, and no data */
        out->color[out->n++] = color;
    }
    return true;
}

static int find_depth(const char *name)
{
    for (int d = 0; d < 4; d++)
        if (!strcmp(name, depth_name[d]))
            return d;
    return -1;
}

static bool parse_role(struct source *s, const char *key, char *value, const char **bad,
                       bool *known)
{
    for (int r = 0; r < N_ROLES; r++) {
        size_t n = strlen(role_name[r]);
        if (strncmp(key, role_name[r], n) != 0 || (key[n] && key[n] != '.'))
            continue;
        int depth = key[n] ? find_depth(key + n + 1) : ANY_DEPTH;
        if (depth < 0)
            continue;
        *known = true;
        s->given[r][depth] = true;
        return parse_style(value, &s->role[r][depth], bad);
    }
    return true;
}

static bool parse_pair(struct source *s, const char *key, char *value, const char **bad)
{
    bool known = false;
    if (!strcmp(key, "foreground") || !strcmp(key, "background")) {
        int32_t color;
        *bad = value;
        if (!parse_color(value, &color) || color < 0)
            return false;
        uint32_t rgb = color < 256 ? palette_rgb(color) : (uint32_t)color & 0xffffff;
        *(key[0] == 'f' ? &s->foreground : &s->background) = rgb;
        return true;
    }
    if (!parse_role(s, key, value, bad, &known))
        return false;
    for (int r = 0; r < N_RAMPS && !known; r++) {
        size_t n = strlen(ramp_key[r]);
        int depth = strncmp(key, ramp_key[r], n) ? -1 : find_depth(key + n);
        if (depth > DEPTH_MONO)
            return parse_ramp(value, (enum depth)depth, &s->ramp[r][depth], bad);
    }
    return true; /* a key of a later version is ignored */
}

static char *trim(char *s)
{
    s += strspn(s, " \t\r");
    size_t n = strlen(s);
    while (n && strchr(" \t\r", s[n - 1]))
        s[--n] = 0;
    return s;
}

static bool parse_text(struct source *s, const char *path, char *text, struct error *e)
{
    char *at = text;
    for (int line = 1; at; line++) {
        char *next = strchr(at, '\n');
        if (next)
            *next++ = 0;
        char *key = trim(at);
        at = next;
        /* '#' begins a comment only where no colour can stand: at the start, or before a blank */
        if (*key == '#' || !*key)
            continue;
        for (char *comment = strchr(key, '#'); comment; comment = strchr(comment + 1, '#'))
            if (comment[1] == ' ' || comment[1] == '\t' || !comment[1])
                *comment = 0;
        char *equals = strchr(key, '=');
        if (!equals || equals == key || !*equals)
            return error_set(e, ERROR_INPUT,
                             "theme %s, line %d: found “%.60s”, expected ROLE = VALUE", path, line,
                             key);
        *equals = 0;
        const char *bad = "";
        if (!parse_pair(s, trim(key), trim(equals + 1), &bad))
            return error_set(e, ERROR_INPUT,
                             "theme %s, line %d: “%s”: found “%.40s”, expected #rrggbb, an index "
                             "of its depth, default, "
                             "on, bold, underline, reverse, dim or italic",
                             path, line, trim(key), bad);
    }
    for (int d = DEPTH_16; d <= DEPTH_DIRECT; d++)
        if (s->ramp[RAMP_POSITIVE][d].n != s->ramp[RAMP_NEGATIVE][d].n)
            return error_set(
                e, ERROR_INPUT,
                "theme %s: diverging.positive.%s has %d levels, diverging.negative.%s %d", path,
                depth_name[d], s->ramp[RAMP_POSITIVE][d].n, depth_name[d],
                s->ramp[RAMP_NEGATIVE][d].n);
    return true;
}

static bool read_source(const char *path, struct source *s, struct error *e)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return error_set(e, ERROR_SYSTEM, "theme %s: %s", path, strerror(errno));
    char *text = xmalloc(MAX_FILE + 1);
    size_t n = fread(text, 1, MAX_FILE + 1, f);
    bool ok = true;
    if (ferror(f))
        ok = error_set(e, ERROR_SYSTEM, "reading theme %s: %s", path, strerror(errno));
    else if (n > MAX_FILE)
        ok = error_set(e, ERROR_INPUT, "theme %s: larger than %d bytes", path, MAX_FILE);
    else if (memchr(text, 0, n))
        ok = error_set(e, ERROR_INPUT, "theme %s: a NUL byte, expected text", path);
    fclose(f);
    if (ok) {
        text[n] = 0;
        *s = (struct source){.foreground = 0xd0d0d0, .background = 0x121212};
        ok = parse_text(s, path, text, e);
    }
    free(text);
    return ok;
}

/* The user's folder of themes; NULL when there is no home. Caller frees. */
static char *user_folder(void)
{
    const char *config = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (config && config[0] == '/')
        return xasprintf("%s/glimt/themes", config);
    return home && home[0] == '/' ? xasprintf("%s/.config/glimt/themes", home) : NULL;
}

static char *find_file(const char *name)
{
    char *folder = user_folder();
    char *path = folder ? xasprintf("%s/%s.theme", folder, name) : NULL;
    free(folder);
    FILE *f = path ? fopen(path, "re") : NULL;
    if (f) {
        fclose(f);
        return path;
    }
    free(path);
    char *relative = xasprintf("themes/%s.theme", name);
    path = program_data(relative);
    free(relative);
    return path;
}

static int32_t resolve_color(int32_t color, enum depth depth)
{
    if (color < 0 || depth == DEPTH_MONO)
        return COLOR_DEFAULT;
    uint32_t rgb = color > 255 ? (uint32_t)color & 0xffffff : palette_rgb(color);
    if (depth == DEPTH_16 && color > 15)
        return palette_nearest(rgb, 0, 15);
    if (depth == DEPTH_256 && color > 255)
        return palette_nearest(rgb, 16, 255);
    return color;
}

static struct style resolve_role(const struct source *s, int role, enum depth depth)
{
    int at = s->given[role][depth] ? (int)depth : ANY_DEPTH;
    struct style style = {COLOR_DEFAULT, COLOR_DEFAULT, 0};
    if (s->given[role][at])
        style = s->role[role][at];
    style.fg = resolve_color(style.fg, depth);
    style.bg = resolve_color(style.bg, depth);
    return style;
}

static void resolve(struct theme *t, const struct source *s)
{
    t->foreground = s->foreground;
    t->background = s->background;
    for (int r = 0; r < N_ROLES; r++)
        t->role[r] = resolve_role(s, r, t->depth);
    /* A theme without lists for this depth shows the next lower one's: a list is never computed
     * from another. */
    int at = (int)t->depth;
    while (at > DEPTH_MONO && s->ramp[RAMP_POSITIVE][at].n == 0)
        at--;
    t->has_ramps = at > DEPTH_MONO;
    t->levels = t->has_ramps ? s->ramp[RAMP_POSITIVE][at].n : ATTRIBUTE_LEVELS;
    for (int r = 0; r < N_RAMPS && t->has_ramps; r++)
        t->ramp[r] = s->ramp[r][at];
    if (t->has_ramps && t->ramp[RAMP_SEQUENTIAL].n == 0)
        t->ramp[RAMP_SEQUENTIAL] = t->ramp[RAMP_POSITIVE];
}

static bool name_is_valid(const char *name)
{
    for (const char *c = name; *c; c++)
        if ((unsigned char)*c <= ' ' || *c == '/' || *c == 0x7F)
            return false;
    return name[0] && name[0] != '.' && strlen(name) < 200;
}

bool theme_open(const char *name, enum depth depth, bool ascii, struct theme **out, struct error *e)
{
    *out = NULL;
    name = name && *name ? name : "dark";
    if (!name_is_valid(name))
        return error_set(e, ERROR_INPUT,
                         "theme “%.60s”: expected the name of a theme, such as dark", name);
    char *path = find_file(name);
    if (!path) {
        char *folder = user_folder();
        error_set(e, ERROR_INPUT, "theme “%s”: no %s.theme in %s or the program's themes", name,
                  name, folder ? folder : "~/.config/glimt/themes");
        free(folder);
        return false;
    }
    struct source *s = xcalloc(1, sizeof *s);
    bool ok = read_source(path, s, e);
    if (ok) {
        struct theme *t = xcalloc(1, sizeof *t);
        t->name = xstrdup(name);
        t->depth = depth;
        t->ascii = ascii;
        resolve(t, s);
        *out = t;
    }
    free(s);
    free(path);
    return ok;
}

void theme_free(struct theme *t)
{
    if (!t)
        return;
    free(t->name);
    free(t);
}

const char *theme_name(const struct theme *t)
{
    return t->name;
}
enum depth theme_depth(const struct theme *t)
{
    return t->depth;
}
bool theme_ascii(const struct theme *t)
{
    return t->ascii;
}
struct style theme_style(const struct theme *t, enum theme_role role)
{
    return t->role[role];
}
int theme_levels(const struct theme *t)
{
    return t->levels;
}

struct names {
    char **name;
    size_t n, cap;
};

static void names_add_folder(struct names *all, const char *folder)
{
    DIR *d = folder ? opendir(folder) : NULL;
    if (!d)
        return;
    for (struct dirent *f; (f = readdir(d));) {
        size_t n = strlen(f->d_name);
        if (n <= 6 || strcmp(f->d_name + n - 6, ".theme") != 0)
            continue;
        char *name = xstrndup(f->d_name, n - 6);
        bool take = name_is_valid(name);
        for (size_t i = 0; i < all->n && take; i++)
            take = strcmp(all->name[i], name) != 0;
        if (!take) {
            free(name);
            continue;
        }
        all->name = grow(all->name, &all->cap, all->n + 2, sizeof *all->name);
        all->name[all->n++] = name;
    }
    closedir(d);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

char **theme_list(void)
{
    struct names all = {NULL, 0, 0};
    all.name = grow(NULL, &all.cap, 1, sizeof *all.name);
    char *user = user_folder(), *shipped = program_data("themes");
    names_add_folder(&all, user);
    names_add_folder(&all, shipped);
    free(user);
    free(shipped);
    qsort(all.name, all.n, sizeof *all.name, compare_names);
    all.name[all.n] = NULL;
    return all.name;
}

/* Black or white, whichever is read better; over all of sRGB the worse case is 4.58:1. */
static int32_t contrasting(int32_t bg, enum depth depth)
{
    uint32_t rgb = bg > 255 ? (uint32_t)bg & 0xffffff : palette_rgb(bg);
    bool white = palette_contrast(0xffffff, rgb) > palette_contrast(0, rgb);
    if (depth == DEPTH_16)
        return white ? 15 : 0;
    if (depth == DEPTH_256)
        return white ? 231 : 16;
    return white ? 0x1ffffff : 0x1000000;
}

static struct style attribute_level(int level)
{
    static const uint8_t attr[ATTRIBUTE_LEVELS + 1] = {0, ATTR_UNDERLINE, ATTR_BOLD,
                                                       ATTR_BOLD | ATTR_UNDERLINE, ATTR_REVERSE};
    return (struct style){COLOR_DEFAULT, COLOR_DEFAULT,
                          attr[level > ATTRIBUTE_LEVELS ? ATTRIBUTE_LEVELS : level]};
}

static struct style ramp_style(const struct theme *t, enum ramp_name name, int level)
{
    if (level <= 0)
        return (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0};
    level = level > t->levels ? t->levels : level;
    if (!t->has_ramps)
        return attribute_level(level);
    const struct ramp *r = &t->ramp[name];
    int32_t bg = r->color[(level * r->n + t->levels - 1) / t->levels - 1];
    return (struct style){contrasting(bg, t->depth), bg, 0};
}

struct style theme_diverging(const struct theme *t, int level)
{
    return level < 0 ? ramp_style(t, RAMP_NEGATIVE, level < -t->levels ? t->levels : -level)
                     : ramp_style(t, RAMP_POSITIVE, level);
}

struct style theme_sequential(const struct theme *t, int level)
{
    return ramp_style(t, RAMP_SEQUENTIAL, level);
}

struct style theme_marked(const struct theme *t, struct style level, unsigned marks)
{
    const uint8_t lines = ATTR_BOLD | ATTR_UNDERLINE;
    struct style s = marks & MARK_SELECTED ? t->role[ROLE_SELECTION] : level;
    if (marks & MARK_SELECTED) { /* underlined, but for the token in it: bold */
        s.attr |= s.bg == COLOR_DEFAULT ? ATTR_REVERSE : 0;
        s.attr = (uint8_t)(marks & MARK_TOKEN ? (s.attr | ATTR_BOLD) & ~ATTR_UNDERLINE
                                              : s.attr | ATTR_UNDERLINE);
    } else if (marks & MARK_TOKEN) {
        uint8_t own = t->role[ROLE_CURSOR_TOKEN].attr;
        s.attr |= own ? own : lines;
        if (!t->has_ramps) /* a level may be underlined and bold already */
            s.attr |= lines | ATTR_REVERSE;
    }
    return s;
}

int theme_level(const struct theme *t, double v_over_scale, int last)
{
    if (isnan(v_over_scale))
        return 0;
    double v = v_over_scale < -1 ? -1 : v_over_scale > 1 ? 1 : v_over_scale;
    v *= t->levels;
    if (last >= -t->levels && last <= t->levels && fabs(v - last) <= 0.65)
        return last;
    return (int)round(v);
}

uint32_t theme_rgb(const struct theme *t, int32_t color, bool background)
{
    if (color < 0)
        return background ? t->background : t->foreground;
    return color > 255 ? (uint32_t)color & 0xffffff : palette_rgb(color);
}
