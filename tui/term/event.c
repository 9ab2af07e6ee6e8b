#include "tui/term/event.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/text/utf8.h"
#include "tui/term/answer.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define ESC 0x1B
#define ESC_WAIT_MS 25
#define DOUBLE_CLICK_MS 400
#define MAX_PASTE ((size_t)16 << 20)
#define MAX_STRING ((size_t)4096) /* an OSC or DCS longer than this is no answer to us */
#define MAX_PARAMS 8

enum state {
    GROUND,
    AFTER_ESC,
    IN_CSI,
    IN_SS3,
    IN_STRING,     /* OSC, DCS, SOS, PM, APC */
    IN_STRING_ESC, /* … and an ESC, which may begin ST */
    IN_UTF8,
    IN_PASTE,
    IN_OLD_MOUSE, /* CSI M and three bytes: never asked for, never typed */
    IN_LINUX_F,   /* CSI [ A … E: F1 … F5 of the Linux console */
    LATE,         /* an ESC was given as the key: what comes may be the rest of an answer */
};

struct late { /* what came behind such an ESC */
    char s[64];
    size_t n, n_given; /* bytes; of these given as keys */
    bool apart, typed; /* those held came one by one, as keys do; some were given so */
    int64_t ms;        /* when the last came */
};

struct decoder {
    struct strbuf in;
    size_t at; /* of the next byte in `in` */
    int64_t now_ms;
    enum state state;
    bool expects; /* an answer is still to come */
    struct late late;
    size_t n_plain; /* the next bytes of `in`: typed, whatever they look like */
    bool alt;       /* an ESC before what is being read */
    char csi[64];   /* what stands between CSI and its final byte */
    size_t n_csi;   /* may exceed the room: then the sequence is swallowed */
    char string[256];
    size_t n_string; /* likewise */
    char string_kind;
    char utf8[4];
    size_t n_utf8, utf8_length;
    size_t old_mouse;
    struct strbuf paste;
    size_t paste_match;
    char *paste_out;
    struct event ready[3]; /* decided by a timeout */
    size_t n_ready;
    struct {
        int button, x, y, clicks;
        int64_t time_ms;
    } click;
};

struct decoder *decoder_new(void)
{
    struct decoder *d = xcalloc(1, sizeof *d);
    d->expects = true;
    strbuf_init(&d->in);
    strbuf_init(&d->paste);
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    strbuf_release(&d->in);
    strbuf_release(&d->paste);
    free(d->paste_out);
    free(d);
}

void decoder_feed(struct decoder *d, const char *bytes, size_t n, int64_t time_ms)
{
    if (d->at) {
        memmove(d->in.s, d->in.s + d->at, d->in.len - d->at + 1);
        d->in.len -= d->at;
        d->at = 0;
    }
    strbuf_add(&d->in, bytes, n);
    d->now_ms = time_ms;
}

static struct event key_event(enum key key, unsigned mods)
{
    return (struct event){.kind = EVENT_KEY, .key = key, .mods = mods};
}

static struct event char_event(uint32_t code, unsigned mods)
{
    return (struct event){.kind = EVENT_KEY, .key = KEYS_CHAR, .code = code, .mods = mods};
}

static bool is_control(uint32_t code)
{
    return code < 0x20 || (code >= 0x7F && code < 0xA0);
}

/* A control byte, ESC aside. */
static struct event control_event(unsigned char byte, unsigned mods)
{
    switch (byte) {
    case '\t': return key_event(KEYS_TAB, mods);
    case '\r':
    case '\n': return key_event(KEYS_ENTER, mods);
    case 0x08: /* what some terminals send for Backspace, others for Ctrl-Backspace */
    case 0x7F: return key_event(KEYS_BACKSPACE, mods);
    case 0: return char_event(' ', mods | MOD_CTRL);
    default:
        return char_event((uint32_t)(byte <= 26 ? byte + 'a' - 1 : byte + '@'), mods | MOD_CTRL);
    }
}

static bool text_event(uint32_t code, unsigned mods, struct event *out)
{
    if (is_control(code))
        return false;
    *out = mods & (MOD_ALT | MOD_CTRL)
               ? char_event(code, mods)
               : (struct event){.kind = EVENT_TEXT, .code = code, .mods = mods};
    return true;
}

/* --- CSI and SS3 --- */

struct csi {
    char prefix; /* one of <=>? or 0 */
    bool intermediate;
    int n;
    unsigned param[MAX_PARAMS]; /* absent: 0 */
};

static struct csi parse_csi(const char *s, size_t n)
{
    struct csi c = {0};
    size_t i = 0;
    if (n && s[0] >= '<' && s[0] <= '?')
        c.prefix = s[i++];
    if (i < n)
        c.n = 1;
    for (; i < n; i++) {
        unsigned *p = &c.param[c.n - 1];
        if (s[i] >= '0' && s[i] <= '9')
            *p = *p < 0x1000000 ? *p * 10 + (unsigned)(s[i] - '0') : *p;
        else if (s[i] != ';' && s[i] != ':')
            c.intermediate = true;
        else if (c.n == MAX_PARAMS)
            break;
        else
            c.n++;
    }
    return c;
}

static unsigned mods_of(unsigned param)
{
    unsigned bits = param > 1 ? param - 1 : 0;
    return (bits & 1 ? (unsigned)MOD_SHIFT : 0u) | (bits & (2 | 8) ? (unsigned)MOD_ALT : 0u) |
           (bits & 4 ? (unsigned)MOD_CTRL : 0u);
}

/* The keys whose sequences end in a letter, after CSI or SS3. */
static enum key letter_key(char final)
{
    switch (final) {
    case 'A': return KEYS_UP;
    case 'B': return KEYS_DOWN;
    case 'C': return KEYS_RIGHT;
    case 'D': return KEYS_LEFT;
    case 'H': return KEYS_HOME;
    case 'F': return KEYS_END;
    case 'P':
    case 'Q':
    case 'R':
    case 'S': return (enum key)(KEYS_F1 + (final - 'P'));
    case 'M': return KEYS_ENTER;
    case 'Z': return KEYS_BACKTAB;
    default: return KEY_NONE_;
    }
}

/* The keys numbered before a tilde (DEC, xterm; rxvt ends them in ^ $ @). */
static enum key number_key(unsigned n)
{
    static const unsigned char f_number[] = {11, 12, 13, 14, 15, 17, 18, 19, 20, 21, 23, 24};
    static const unsigned char key[] = {
        [1] = KEYS_HOME,    [2] = KEYS_INSERT,    [3] = KEYS_DELETE, [4] = KEYS_END,
        [5] = KEYS_PAGE_UP, [6] = KEYS_PAGE_DOWN, [7] = KEYS_HOME,   [8] = KEYS_END};
    for (unsigned i = 0; i < sizeof f_number; i++)
        if (f_number[i] == n)
            return (enum key)(KEYS_F1 + i);
    return n < sizeof key ? (enum key)key[n] : KEY_NONE_;
}

/* A key told by its code point (CSI u, modifyOtherKeys). */
static bool code_key(uint32_t code, unsigned mods, struct event *out)
{
    if (code == ESC)
        *out = key_event(KEYS_ESC, mods);
    else if (code == '\t' && mods & MOD_SHIFT)
        *out = key_event(KEYS_BACKTAB, mods & ~(unsigned)MOD_SHIFT);
    else if (code == '\t' || code == '\r' || code == 0x7F || code == 0x08)
        *out = control_event((unsigned char)code, mods);
    else if (code > 0x10FFFF || (code >= 0xD800 && code < 0xE000) ||
             (code >= 0xE000 && code < 0xF900))
        return false; /* kitty numbers its other keys in the private use area */
    else
        return text_event(code, mods, out);
    return true;
}

static int click_count(struct decoder *d, int button, int x, int y)
{
    bool again = d->click.clicks && d->click.button == button && d->click.x == x &&
                 d->click.y == y && d->now_ms - d->click.time_ms <= DOUBLE_CLICK_MS;
    d->click.clicks = again ? d->click.clicks % 3 + 1 : 1;
    d->click.button = button;
    d->click.x = x;
    d->click.y = y;
    d->click.time_ms = d->now_ms;
    return d->click.clicks;
}

static bool mouse_event(struct decoder *d, const struct csi *c, bool release, struct event *out)
{
    unsigned b = c->param[0], x = c->param[1], y = c->param[2];
    if (c->n < 3 || !x || !y || x > 0xFFFF || y > 0xFFFF || b >= 128)
        return false;
    *out = (struct event){.kind = EVENT_MOUSE, .x = (int)x - 1, .y = (int)y - 1};
    out->mods = (b & 4 ? (unsigned)MOD_SHIFT : 0u) | (b & 8 ? (unsigned)MOD_ALT : 0u) |
                (b & 16 ? (unsigned)MOD_CTRL : 0u);
    if (b & 64) {
        out->mouse = b & 1 ? MOUSE_WHEEL_DOWN : MOUSE_WHEEL_UP;
        return !(b & 2) && !release; /* sideways wheels mean nothing here */
    }
    out->button = (b & 3) == 3 ? 0 : (int)(b & 3) + 1;
    out->mouse = b & 32 ? MOUSE_MOVE : release ? MOUSE_RELEASE : MOUSE_PRESS;
    if (out->mouse == MOUSE_PRESS)
        out->clicks = click_count(d, out->button, out->x, out->y);
    return out->mouse == MOUSE_MOVE || out->button > 0;
}

static bool reply_event(enum reply_kind reply, uint32_t value, struct event *out)
{
    *out = (struct event){.kind = EVENT_REPLY, .reply = reply, .value = value};
    return true;
}

static bool private_csi(const struct csi *c, char final, struct event *out)
{
    if (c->prefix != '?')
        return false;
    if (final == 'c')
        return reply_event(REPLY_DA1, c->param[0], out);
    if (final == 'y' && c->param[0] == 2026)
        return reply_event(REPLY_SYNC, c->param[1], out);
    if (final == 'y' && (c->param[0] == 1002 || c->param[0] == 1006))
        return reply_event(c->param[0] == 1002 ? REPLY_MOUSE_DRAG : REPLY_MOUSE_SGR, c->param[1],
                           out);
    if (final == 'n' && c->param[0] == 997)
        return reply_event(REPLY_DARK_LIGHT, c->param[1], out);
    return false;
}

static bool tilde_csi(struct decoder *d, const struct csi *c, struct event *out)
{
    if (c->param[0] == 200) {
        d->state = IN_PASTE;
        strbuf_clear(&d->paste);
        d->paste_match = 0;
        return false;
    }
    if (c->param[0] == 27 && c->n >= 3)
        return code_key(c->param[2], mods_of(c->param[1]), out);
    enum key key = number_key(c->param[0]);
    *out = key_event(key, mods_of(c->param[1]));
    return key != KEY_NONE_;
}

static bool final_csi(struct decoder *d, char final, struct event *out)
{
    d->state = GROUND;
    if (d->n_csi > sizeof d->csi)
        return false;
    struct csi c = parse_csi(d->csi, d->n_csi);
    if (c.prefix == '<')
        return (final == 'M' || final == 'm') && mouse_event(d, &c, final == 'm', out);
    if (c.prefix)
        return private_csi(&c, final, out);
    if (c.intermediate)
        return false;
    switch (final) {
    case '~': return tilde_csi(d, &c, out);
    case 'u': return code_key(c.param[0], mods_of(c.param[1]), out);
    case 'n': return c.n == 1 && c.param[0] == 0 && reply_event(REPLY_STATUS_OK, 0, out);
    case 'I':
    case 'O':
        *out = (struct event){.kind = final == 'I' ? EVENT_FOCUS_IN : EVENT_FOCUS_OUT};
        return true;
    case 'M': /* the old mouse report, or a soft key with parameters: nothing either way */
        if (!c.n) {
            d->state = IN_OLD_MOUSE;
            d->old_mouse = 3;
        }
        return false;
    case '[': d->state = c.n ? GROUND : IN_LINUX_F; return false;
    case '^':
    case '$':
    case '@':
        *out = key_event(number_key(c.param[0]), final == '$'   ? MOD_SHIFT
                                                 : final == '^' ? MOD_CTRL
                                                                : MOD_SHIFT | MOD_CTRL);
        return out->key != KEY_NONE_;
    case 'a':
    case 'b':
    case 'c':
    case 'd': *out = key_event(letter_key((char)(final - 'a' + 'A')), MOD_SHIFT); return c.n == 0;
    default: break;
    }
    /* A cursor position report looks like F3 with modifiers only on row 1; anything else in R is
     * such a report. */
    bool position = final == 'R' && c.n > 1 && c.param[1] < 2;
    if (final >= 'P' && final <= 'S' && c.n && (c.param[0] > 1 || c.param[1] > 16 || position))
        return false;
    *out = key_event(letter_key(final), mods_of(c.param[1]));
    return out->key != KEY_NONE_;
}

static bool take_csi(struct decoder *d, unsigned char byte, struct event *out)
{
    bool rxvt_shift = byte == '$' && d->n_csi && d->csi[0] != '?';
    if (byte >= 0x40 || rxvt_shift) {
        if (byte < 0x7F)
            return final_csi(d, (char)byte, out);
        d->state = GROUND;
        return false;
    }
    if (d->n_csi < sizeof d->csi)
        d->csi[d->n_csi] = (char)byte;
    d->n_csi += d->n_csi <= sizeof d->csi;
    return false;
}

static bool take_ss3(struct decoder *d, unsigned char byte, struct event *out)
{
    if (byte >= '0' && byte <= '9' && d->n_csi < 2) { /* ESC O 5 P: a modifier of old xterms */
        d->csi[d->n_csi++] = (char)byte;
        return false;
    }
    d->state = GROUND;
    unsigned mods = mods_of(parse_csi(d->csi, d->n_csi).param[0]);
    if (byte >= 'a' && byte <= 'd') { /* rxvt */
        mods |= MOD_CTRL;
        byte = (unsigned char)(byte - 'a' + 'A');
    }
    *out = key_event(letter_key((char)byte), mods);
    return out->key != KEY_NONE_;
}

/* --- OSC and DCS --- */

static bool hex_channel(const char **s, uint32_t *out)
{
    size_t n = strspn(*s, "0123456789abcdefABCDEF");
    if (n < 1 || n > 4)
        return false;
    char digits[5] = {0};
    memcpy(digits, *s, n);
    static const uint32_t max[] = {0xF, 0xFF, 0xFFF, 0xFFFF};
    *out = (uint32_t)strtoul(digits, NULL, 16) * 255 / max[n - 1];
    *s += n;
    return true;
}

static bool background_reply(const char *s, struct event *out)
{
    uint32_t r, g, b;
    s += strcspn(s, ":");
    if (*s++ != ':' || !hex_channel(&s, &r) || *s++ != '/' || !hex_channel(&s, &g) || *s++ != '/' ||
        !hex_channel(&s, &b))
        return false;
    return reply_event(REPLY_BACKGROUND, r << 16 | g << 8 | b, out);
}

/* DECRQSS of SGR tells the background that the probe set: 48:2:1:2:3, with either separator, with
 * or without a colour space. */
static bool direct_color_reply(const char *s, struct event *out)
{
    const char *at = strstr(s, "48");
    if (!at || !strstr(s, "$r"))
        return false;
    struct csi c = parse_csi(at, strspn(at, "0123456789:;"));
    for (int i = 2; i + 2 < c.n; i++)
        if (c.param[1] == 2 && c.param[i] == 1 && c.param[i + 1] == 2 && c.param[i + 2] == 3)
            return reply_event(REPLY_DIRECT_COLOR, 1, out);
    return false;
}

static bool end_string(struct decoder *d, struct event *out)
{
    d->state = GROUND;
    if (d->n_string >= sizeof d->string)
        return false;
    d->string[d->n_string] = 0;
    if (d->string_kind == ']' && !strncmp(d->string, "11;", 3))
        return background_reply(d->string, out);
    return d->string_kind == 'P' && direct_color_reply(d->string, out);
}

static bool take_string(struct decoder *d, unsigned char byte, struct event *out)
{
    if (byte == 0x07 && d->string_kind == ']')
        return end_string(d, out);
    if (byte == ESC) {
        d->state = IN_STRING_ESC;
        return false;
    }
    if (d->n_string < sizeof d->string)
        d->string[d->n_string] = (char)byte;
    /* Enter, or more than any answer has: it was Alt-] that was typed, and the user must come back.
     */
    if (byte == '\r' || byte == 0x18 || byte == 0x1A || ++d->n_string > MAX_STRING)
        d->state = GROUND;
    return false;
}

/* --- paste --- */

static char *clean_paste(const char *s, size_t n, size_t *n_out)
{
    char *out = utf8_repair(s, n, n_out, NULL);
    size_t to = 0;
    for (size_t i = 0; i < *n_out; i++) {
        unsigned char c = (unsigned char)out[i],
                      next = i + 1 < *n_out ? (unsigned char)out[i + 1] : 0;
        if (c == ESC && *n_out - i >= 6 && !memcmp(out + i, "\033[200~", 6)) {
            i += 5;
        } else if (c == ESC && answer_length(out + i, *n_out - i)) {
            /* some terminals answer in the middle of a paste */
            i += answer_length(out + i, *n_out - i) - 1;
        } else if (c == 0xC2 && next >= 0x80 && next < 0xA0) {
            i++;
        } else if (c == '\r') {
            if (next != '\n')
                out[to++] = '\n';
        } else if (c == '\n' || c == '\t' || (c >= 0x20 && c != 0x7F)) {
            out[to++] = (char)c;
        }
    }
    out[to] = 0;
    *n_out = to;
    return out;
}

static bool take_paste(struct decoder *d, unsigned char byte, struct event *out)
{
    static const char end[] = "\033[201~";
    if (byte == (unsigned char)end[d->paste_match]) {
        if (end[++d->paste_match])
            return false;
        d->state = GROUND;
        *out = (struct event){.kind = EVENT_PASTE};
        free(d->paste_out);
        d->paste_out = clean_paste(d->paste.s, d->paste.len, &out->n_paste);
        out->paste = d->paste_out;
        strbuf_release(&d->paste);
        strbuf_init(&d->paste);
        return true;
    }
    bool room = d->paste.len < MAX_PASTE;
    if (room)
        strbuf_add(&d->paste, end, d->paste_match);
    d->paste_match = byte == ESC;
    if (room && byte != ESC)
        strbuf_addc(&d->paste, (char)byte);
    return false;
}

/* --- the machine --- */

static void begin_utf8(struct decoder *d, unsigned char byte)
{
    d->utf8_length = byte >= 0xF0 && byte < 0xF5   ? 4
                     : byte >= 0xE0 && byte < 0xF0 ? 3
                     : byte >= 0xC2                ? 2
                                                   : 0;
    if (byte >= 0xF5)
        d->utf8_length = 0;
    d->utf8[0] = (char)byte;
    d->n_utf8 = 1;
    d->state = d->utf8_length ? IN_UTF8 : GROUND;
}

/* false and `again`: the byte does not belong to what was begun and must be looked at anew. */
static bool take_utf8(struct decoder *d, unsigned char byte, struct event *out, bool *again)
{
    if (byte < 0x80 || byte >= 0xC0) {
        d->state = GROUND;
        *again = true;
        return false;
    }
    d->utf8[d->n_utf8++] = (char)byte;
    if (d->n_utf8 < d->utf8_length)
        return false;
    d->state = GROUND;
    size_t len;
    bool valid;
    uint32_t code = utf8_decode(d->utf8, d->n_utf8, &len, &valid);
    return valid && len == d->n_utf8 && text_event(code, d->alt ? MOD_ALT : 0, out);
}

static bool take_ground(struct decoder *d, unsigned char byte, struct event *out)
{
    d->alt = false;
    if (byte == ESC) {
        d->state = AFTER_ESC;
        return false;
    }
    if (byte >= 0x80) {
        begin_utf8(d, byte);
        return false;
    }
    if (!is_control(byte))
        return text_event(byte, 0, out);
    *out = control_event(byte, 0);
    return true;
}

static bool take_after_esc(struct decoder *d, unsigned char byte, struct event *out)
{
    bool esc = d->alt; /* before a string it was the key: no Alt begins one */
    d->n_csi = d->n_string = 0;
    d->state = GROUND;
    switch (byte) {
    case '[': d->state = IN_CSI; return false;
    case 'O': d->state = IN_SS3; return false;
    case ']':
    case 'P':
    case 'X':
    case '^':
    case '_':
        d->state = IN_STRING;
        d->string_kind = (char)byte;
        d->alt = false;
        *out = key_event(KEYS_ESC, 0);
        return esc;
    case ESC:
        if (d->alt) {
            *out = key_event(KEYS_ESC, 0);
            d->state = AFTER_ESC;
            return true;
        }
        d->alt = true; /* rxvt's Alt-arrows are ESC ESC [ A */
        d->state = AFTER_ESC;
        return false;
    default: break;
    }
    d->alt = true;
    if (byte >= 0x80) {
        begin_utf8(d, byte);
        return false;
    }
    *out = is_control(byte) ? control_event(byte, MOD_ALT) : char_event(byte, MOD_ALT);
    return true;
}

/* --- what comes after a silence that made an ESC the key --- */

/* Puts bytes in front of what is still to be read. */
static void unread(struct decoder *d, const char *s, size_t n)
{
    struct strbuf in;
    strbuf_init(&in);
    strbuf_add(&in, s, n);
    strbuf_add(&in, d->in.s + d->at, d->in.len - d->at);
    strbuf_release(&d->in);
    d->in = in;
    d->at = 0;
}

/* What is held was typed after all. */
static void type_late(struct decoder *d)
{
    struct late *l = &d->late;
    unread(d, l->s + l->n_given, l->n - l->n_given);
    d->n_plain = l->n - l->n_given;
    l->n_given = l->n;
}

static bool end_late(struct decoder *d, enum answer is, struct event *out)
{
    const struct late *l = &d->late;
    d->state = GROUND;
    if (is == ANSWER_STRING) {
        d->state = IN_STRING;
        d->string_kind = l->s[0];
        d->n_string = l->n - 1;
        memcpy(d->string, l->s + 1, d->n_string);
        return false;
    }
    d->n_csi = l->n - 2;
    memcpy(d->csi, l->s + 1, d->n_csi);
    return final_csi(d, l->s[l->n - 1], out) && out->kind != EVENT_KEY;
}

static bool take_late(struct decoder *d, unsigned char byte, struct event *out, bool *again)
{
    struct late *l = &d->late;
    enum answer is = ANSWER_NO;
    if (l->n < sizeof l->s) {
        l->s[l->n] = (char)byte;
        is = answer_of(l->s, l->n + 1);
    }
    if (is != ANSWER_PART && l->typed && l->n == l->n_given)
        is = ANSWER_NO; /* one key after the other */
    if (is == ANSWER_NO) {
        type_late(d);
        d->state = GROUND;
        *again = true;
        return false;
    }
    l->apart = l->n == l->n_given || (l->apart && d->now_ms - l->ms > ESC_WAIT_MS);
    l->ms = d->now_ms;
    l->n++;
    return is != ANSWER_PART && end_late(d, is, out);
}

/* ESC, CAN, SUB and other controls end a sequence early. */
static bool breaks_sequence(struct decoder *d, unsigned char byte)
{
    return byte < 0x20 && (d->state == IN_CSI || d->state == IN_SS3 || d->state == IN_LINUX_F);
}

static bool take(struct decoder *d, unsigned char byte, struct event *out, bool *again)
{
    if (breaks_sequence(d, byte)) {
        d->state = GROUND;
        if (byte == 0x18 || byte == 0x1A)
            return false;
    }
    switch (d->state) {
    case GROUND: return take_ground(d, byte, out);
    case AFTER_ESC: return take_after_esc(d, byte, out);
    case IN_CSI: return take_csi(d, byte, out);
    case IN_SS3: return take_ss3(d, byte, out);
    case IN_STRING: return take_string(d, byte, out);
    case IN_STRING_ESC:
        if (byte == '\\')
            return end_string(d, out);
        d->state = AFTER_ESC;
        d->alt = false;
        *again = true;
        return false;
    case IN_UTF8: return take_utf8(d, byte, out, again);
    case IN_PASTE: return take_paste(d, byte, out);
    case IN_OLD_MOUSE: d->state = --d->old_mouse ? IN_OLD_MOUSE : GROUND; return false;
    case LATE: return take_late(d, byte, out, again);
    case IN_LINUX_F:
        d->state = GROUND;
        *out = key_event((enum key)(KEYS_F1 + (byte - 'A')), 0);
        return byte >= 'A' && byte <= 'E';
    }
    return false;
}

/* ESC before a key's sequence is Alt; before a report of mouse or terminal it was the Esc key. */
static bool end_alt(struct decoder *d, bool got, struct event *out)
{
    d->alt = false;
    if (got && out->kind == EVENT_KEY) {
        out->mods |= MOD_ALT;
        return true;
    }
    if (got)
        d->ready[d->n_ready++] = *out;
    *out = key_event(KEYS_ESC, 0);
    return true;
}

bool decoder_next(struct decoder *d, struct event *out)
{
    free(d->paste_out);
    d->paste_out = NULL;
    if (d->n_ready) {
        *out = d->ready[0];
        memmove(d->ready, d->ready + 1, --d->n_ready * sizeof *d->ready);
        return true;
    }
    while (d->at < d->in.len) {
        enum state before = d->state;
        bool again = false;
        if (d->n_plain) {
            d->n_plain--;
            if (take_ground(d, (unsigned char)d->in.s[d->at++], out))
                return true;
            continue;
        }
        bool got = take(d, (unsigned char)d->in.s[d->at], out, &again);
        d->at += !again;
        if (d->alt && (before == IN_CSI || before == IN_SS3) && d->state != before)
            got = end_alt(d, got, out);
        if (got)
            return true;
    }
    return false;
}

/* What may be an answer is held while one is expected, and while it comes faster than keys do. */
static bool holds_keys(const struct decoder *d)
{
    return d->state == LATE && d->late.n > d->late.n_given && d->late.apart && !d->expects;
}

/* Whether a timeout decides what was typed: Alt-[ and Alt-] begin like sequences. */
static bool waits_for_more(const struct decoder *d)
{
    return holds_keys(d) || d->state == AFTER_ESC || (d->state == IN_CSI && !d->n_csi) ||
           (d->state == IN_SS3 && !d->n_csi) || (d->state == IN_STRING && !d->n_string);
}

int decoder_wait_ms(const struct decoder *d)
{
    return waits_for_more(d) ? ESC_WAIT_MS : -1;
}

void decoder_timeout(struct decoder *d)
{
    if (!waits_for_more(d) || d->at < d->in.len || d->n_ready)
        return;
    if (d->state == LATE) {
        type_late(d);
        d->late.typed = true;
        return;
    }
    enum state state = d->state;
    char begun = state == IN_CSI ? '[' : state == IN_SS3 ? 'O' : d->string_kind;
    struct event esc = key_event(KEYS_ESC, 0);
    if (d->alt)
        d->ready[d->n_ready++] = esc;
    if (state == AFTER_ESC)
        d->ready[d->n_ready++] = esc;
    else if (state == IN_SS3 || !d->expects)
        d->ready[d->n_ready++] = char_event((unsigned char)begun, MOD_ALT);
    d->alt = false;
    d->state = state == IN_SS3 ? GROUND : LATE;
    d->late = (struct late){.s = {begun}};
    d->late.n = d->late.n_given = state != AFTER_ESC;
}

void decoder_expect(struct decoder *d, bool answers)
{
    d->expects = answers;
}
