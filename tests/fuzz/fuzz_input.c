/* What a terminal sends: however it is cut, the same events come, none of them holds anything that
 * a terminal must not see, and drawing a paste stays within its cells. */
#include "engine/base/hash.h"
#include "engine/base/strbuf.h"
#include "engine/text/utf8.h"
#include "tui/term/event.h"
#include "tui/term/grid.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
    if (!holds)
        abort();
}

static bool is_printable(uint32_t c)
{
    return c >= 0x20 && (c < 0x7F || c >= 0xA0) && c <= 0x10FFFF;
}

static void check_paste(const struct event *ev)
{
    require(utf8_is_valid(ev->paste, ev->n_paste));
    for (size_t i = 0, len; i < ev->n_paste; i += len) {
        uint32_t c = utf8_decode(ev->paste + i, ev->n_paste - i, &len, NULL);
        require(is_printable(c) || c == '\n' || c == '\t');
    }
}

static void check_grid(const char *text, size_t n)
{
    struct style plain = {COLOR_DEFAULT, COLOR_DEFAULT, 0};
    struct rect all = {0, 0, 40, 2};
    struct grid g;
    struct strbuf out;
    strbuf_init(&out);
    grid_init(&g, 40, 2, plain);
    int end = grid_text(&g, all, 3, 0, plain, text, n), columns = text_columns(text, n);
    require(end == (columns > 37 ? 40 : 3 + columns));
    grid_text(&g, (struct rect){1, 1, 7, 1}, -2, 1, plain, text, n);
    grid_write_text(&g, &out);
    require(utf8_is_valid(out.s, out.len));
    for (size_t i = 0, len; i < out.len; i += len) {
        uint32_t c = utf8_decode(out.s + i, out.len - i, &len, NULL);
        require(is_printable(c) || c == '\n');
    }
    strbuf_release(&out);
    grid_release(&g);
}

static uint64_t check_event(uint64_t seen, const struct event *ev)
{
    char name[40];
    struct event again;
    event_name(ev, name, sizeof name);
    switch (ev->kind) {
    case EVENT_TEXT: require(is_printable(ev->code)); break;
    case EVENT_KEY:
        require(ev->key > KEY_NONE_ && ev->key <= KEYS_CHAR);
        require(ev->key != KEYS_CHAR || is_printable(ev->code));
        require(event_parse(name, &again));
        break;
    case EVENT_MOUSE:
        require(ev->x >= 0 && ev->y >= 0 && ev->button >= 0 && ev->button <= 3);
        require(ev->mouse != MOUSE_PRESS || (ev->clicks >= 1 && ev->clicks <= 3));
        break;
    case EVENT_PASTE:
        check_paste(ev);
        seen = hash_bytes(seen, ev->paste, ev->n_paste);
        break;
    default: break;
    }
    int facts[] = {(int)ev->kind,  (int)ev->mods,  (int)ev->key,  (int)ev->code,
                   (int)ev->mouse, ev->button,     ev->x,         ev->y,
                   ev->clicks,     (int)ev->reply, (int)ev->value};
    return hash_bytes(seen, facts, sizeof facts);
}

#define SILENCE '\xff' /* no byte of UTF-8 */

/* Bytes between two silences, in pieces. */
static uint64_t feed(struct decoder *d, uint64_t seen, const char *bytes, size_t n, size_t piece,
                     int64_t ms)
{
    struct event ev;
    for (size_t at = 0; at < n; at += piece) {
        decoder_feed(d, bytes + at, n - at < piece ? n - at : piece, ms);
        while (decoder_next(d, &ev))
            seen = check_event(seen, &ev);
    }
    return seen;
}

static uint64_t events_of(const char *bytes, size_t n, size_t piece, bool expects)
{
    struct decoder *d = decoder_new();
    struct event ev;
    uint64_t seen = HASH_SEED;
    decoder_expect(d, expects);
    for (size_t at = 0, i = 0; at < n; i++) {
        const char *end = memchr(bytes + at, SILENCE, n - at);
        size_t run = end ? (size_t)(end - bytes) - at : n - at;
        seen = feed(d, seen, bytes + at, run, piece, (int64_t)(100 * i));
        at += run + 1;
        if (end)
            decoder_timeout(d);
        while (decoder_next(d, &ev))
            seen = check_event(seen, &ev);
    }
    require(decoder_wait_ms(d) <= 25);
    decoder_timeout(d);
    while (decoder_next(d, &ev))
        seen = check_event(seen, &ev);
    require(decoder_wait_ms(d) == -1);
    decoder_free(d);
    return seen;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (!size || size > 4096)
        return 0;
    const char *bytes = (const char *)data + 1;
    size_t n = size - 1;
    bool expects = data[0] & 1;
    uint64_t whole = events_of(bytes, n, n ? n : 1, expects);
    require(whole == events_of(bytes, n, 1, expects));
    require(whole == events_of(bytes, n, 2 + data[0], expects));
    check_grid(bytes, n);
    return 0;
}
