/* Themes: what each role looks like, resolved for a terminal's colour depth.
 *
 * A theme file is data only (glimt.5, THEMES): `role = value`. Data ramps have lists of
 * their own for each depth. Resolution never computes a data ramp of one depth from another. */
#ifndef GLIMT_TERM_THEME_H
#define GLIMT_TERM_THEME_H
#include "engine/base/error.h"
#include <stdint.h>

enum depth { DEPTH_MONO, DEPTH_16, DEPTH_256, DEPTH_DIRECT };

enum attr { ATTR_BOLD = 1, ATTR_UNDERLINE = 2, ATTR_REVERSE = 4, ATTR_DIM = 8, ATTR_ITALIC = 16 };

#define COLOR_DEFAULT (-1)
struct style { /* fg, bg: COLOR_DEFAULT; 0 … 255 a palette index; 0x1000000 | rgb direct colour */
    int32_t fg, bg;
    uint8_t attr;
};
static inline bool style_equal(struct style a, struct style b)
{
    return a.fg == b.fg && a.bg == b.bg && a.attr == b.attr;
}

#define THEME_ROLES(X)                                                                             \
    X(TEXT, "text")                                                                                \
    X(DIM, "dim")                                                                                  \
    X(STALE, "stale")                                                                              \
    X(TITLE, "title")                                                                              \
    X(FRAME, "frame")                                                                              \
    X(FOCUS, "focus")                                                                              \
    X(SELECTION, "selection")                                                                      \
    X(KEY, "key")                                                                                  \
    X(ERROR, "error")                                                                              \
    X(WARNING, "warning")                                                                          \
    X(GOOD, "good")                                                                                \
    X(STATUS, "status")                                                                            \
    X(HEADING, "heading")                                                                          \
    X(TRACK, "track")                                                                              \
    X(KNOB, "knob")                                                                                \
    X(FIXED, "fixed")                                                                              \
    X(CURSOR_TOKEN, "cursor.token")                                                                \
    X(CLASS_1, "class.1")                                                                          \
    X(CLASS_2, "class.2")                                                                          \
    X(CLASS_3, "class.3")                                                                          \
    X(CLASS_4, "class.4")                                                                          \
    X(BAR, "bar")                                                                                  \
    X(RAIL_POSITIVE, "rail.positive")                                                              \
    X(RAIL_NEGATIVE, "rail.negative")
enum theme_role {
#define X(id, name) ROLE_##id,
    THEME_ROLES(X)
#undef X
        N_ROLES
};

struct theme;

/* Opens NAME from the user's configuration folder, then the program data, for a depth. DEPTH_MONO
 * uses no colour at all. ascii: glyphs beyond ASCII are avoided. The caller frees. "" or NULL:
 * "dark". */
bool theme_open(const char *name, enum depth, bool ascii, struct theme **out, struct error *e);
void theme_free(struct theme *);
const char *theme_name(const struct theme *);
enum depth theme_depth(const struct theme *);
bool theme_ascii(const struct theme *);
struct style theme_style(const struct theme *, enum theme_role);
/* Names of all themes that can be opened, NULL-terminated, sorted; caller frees each and the array.
 */
char **theme_list(void);

/* Data ramps. level −n … n (n = theme_levels): 0 is no colour at all. The style's bg carries the
 * level and its fg is black or white, whichever contrasts more; in mono the attributes carry
 * |level|. */
int theme_levels(const struct theme *); /* 10 direct, 5 with 256 colours, 3 with 16, 4 mono */
struct style theme_diverging(const struct theme *, int level);
struct style theme_sequential(const struct theme *, int level); /* 0 … n */
/* v/scale in −1 … 1 → a level, rounded away only when at least a little; hysteresis: keeps `last`
 * while v is within 15 % of a level of it (pass INT_MIN for none). */
int theme_level(const struct theme *, double v_over_scale, int last);
/* A cell of coloured text, marked: whatever the theme says, it differs from the same cell without
 * the mark, with the other mark, and from every level, by more than colour alone. `level` is how
 * it looks without. */
enum text_mark { MARK_SELECTED = 1, MARK_TOKEN = 2 /* the token looked at */ };
struct style theme_marked(const struct theme *, struct style level, unsigned marks);
/* #rrggbb of a colour for SVG: the xterm palette for indices, the theme's fore- and background for
 * the default. */
uint32_t theme_rgb(const struct theme *, int32_t color, bool background);
#endif
