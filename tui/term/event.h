/* What the user did: keys, mouse, paste, focus; decoded from bytes by a pure state machine.
 *
 * Owns no terminal. Feed it bytes as they come, split anywhere; answers of the terminal (DA1,
 * OSC 11, DECRPM, DECRQSS, CPR, DSR) are never typed, however late and in however many pieces. */
#ifndef GLIMT_TERM_EVENT_H
#define GLIMT_TERM_EVENT_H
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_kind {
    EVENT_NONE,
    EVENT_KEY,
    EVENT_TEXT /* a typed code point */,
    EVENT_PASTE,
    EVENT_MOUSE,
    EVENT_FOCUS_IN,
    EVENT_FOCUS_OUT,
    EVENT_RESIZE,
    EVENT_REPLY /* an answer of the terminal to a probe */
};
enum key {
    KEY_NONE_ = 0,
    KEYS_UP = 1,
    KEYS_DOWN,
    KEYS_LEFT,
    KEYS_RIGHT,
    KEYS_HOME,
    KEYS_END,
    KEYS_PAGE_UP,
    KEYS_PAGE_DOWN,
    KEYS_INSERT,
    KEYS_DELETE,
    KEYS_BACKSPACE,
    KEYS_TAB,
    KEYS_BACKTAB,
    KEYS_ENTER,
    KEYS_ESC,
    KEYS_F1 /* … F12 = F1+11 */,
    KEYS_F12 = KEYS_F1 + 11,
    KEYS_CHAR /* code in `code`, with CTRL or ALT */
};
enum mods { MOD_SHIFT = 1, MOD_ALT = 2, MOD_CTRL = 4 };
enum mouse_kind {
    MOUSE_PRESS,
    MOUSE_RELEASE,
    MOUSE_MOVE /* with the button held, or none: button 0 */,
    MOUSE_WHEEL_UP,
    MOUSE_WHEEL_DOWN
};
enum reply_kind {
    REPLY_DA1,
    REPLY_BACKGROUND /* rgb */,
    REPLY_SYNC /* 2026: value */,
    REPLY_STATUS_OK /* CSI 0 n */,
    REPLY_DARK_LIGHT /* 997: 1 dark, 2 light */,
    REPLY_DIRECT_COLOR /* DECRQSS told our RGB back */,
    REPLY_MOUSE_DRAG /* 1002: value */,
    REPLY_MOUSE_SGR /* 1006: value */
};

struct event {
    enum event_kind kind;
    unsigned mods;
    enum key key;  /* KEY */
    uint32_t code; /* TEXT, KEYS_CHAR: code point (lower case with CTRL) */
    enum mouse_kind mouse;
    int button; /* 1 left, 2 middle, 3 right */
    int x, y;   /* MOUSE: cells from 0 */
    int clicks; /* PRESS: 1, 2, 3 by `time_ms` */
    enum reply_kind reply;
    uint32_t value;    /* REPLY */
    const char *paste; /* PASTE: valid UTF-8 (repaired), C0/C1 but \n and \t removed, CR and CRLF as
                          \n; borrowed until the next call */
    size_t n_paste;
};

struct decoder;
struct decoder *decoder_new(void);
void decoder_free(struct decoder *);
/* Takes n bytes; then call decoder_next until false. time_ms: monotonic, for double clicks. */
void decoder_feed(struct decoder *, const char *bytes, size_t n, int64_t time_ms);
bool decoder_next(struct decoder *, struct event *);
/* Whether answers of the terminal are still to come (so it begins). An ESC followed by silence is
 * the key at once; what then looks like the rest of an answer is swallowed when it is whole. Keys
 * that look like its beginning ([ ] P) wait for what follows: while answers are expected until the
 * next byte, else as long as an ESC. */
void decoder_expect(struct decoder *, bool answers);
/* A lone ESC waits: how many ms until it counts as the key (25 at most), −1: nothing waits.
 * decoder_timeout says that the time is over. */
int decoder_wait_ms(const struct decoder *);
void decoder_timeout(struct decoder *);
/* Name of a key event as `?` shows it and as scripts spell it ("Ctrl-Left", "a", "F2",
 * "Shift-Tab"); and back: false for an unknown name. */
void event_name(const struct event *, char *out, size_t n);
bool event_parse(const char *name, struct event *out);
#endif
