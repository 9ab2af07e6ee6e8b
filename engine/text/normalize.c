#include "engine/text/normalize.h"
#include "engine/base/memory.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include <stdlib.h>
#include <string.h>

void normal_init(struct normal *t)
{
    *t = (struct normal){.s = ""};
    strbuf_init(&t->text);
}

void normal_release(struct normal *t)
{
    strbuf_release(&t->text);
    free(t->run);
    free(t->code);
    normal_init(t);
}

static void add_run(struct normal *t, size_t in, size_t n_in, bool same, const char *out,
                    size_t n_out)
{
    struct normal_run *last = t->n_run > 0 ? &t->run[t->n_run - 1] : NULL;
    if (n_in > 0 && same && last != NULL && last->same) {
        last->n_in += n_in;
    } else if (n_in > 0) {
        t->run = grow(t->run, &t->cap_run, t->n_run + 1, sizeof *t->run);
        t->run[t->n_run++] =
            (struct normal_run){.out = t->text.len, .in = in, .n_in = n_in, .same = same};
    }
    strbuf_add(&t->text, out, n_out);
}

/* Stable counting sort of marks by combining class: linear, as a hostile text may be one letter
 * with a million. */
static void sort_marks(uint32_t *code, size_t n, uint32_t *room)
{
    size_t place[257] = {0};
    bool sorted = true;
    for (size_t i = 0; i < n; i++) {
        place[unicode_order(code[i]) + 1]++;
        sorted = sorted && (i == 0 || unicode_order(code[i - 1]) <= unicode_order(code[i]));
    }
    if (sorted)
        return;
    for (size_t i = 1; i < 257; i++)
        place[i] += place[i - 1];
    memcpy(room, code, n * sizeof *code);
    for (size_t i = 0; i < n; i++)
        code[place[unicode_order(room[i])]++] = room[i];
}

static void sort_segment(uint32_t *code, size_t n, uint32_t *room)
{
    for (size_t i = 0; i < n;) {
        size_t end = i;
        while (end < n && unicode_order(code[end]) != 0)
            end++;
        if (end > i + 1)
            sort_marks(code + i, end - i, room);
        i = end > i ? end : i + 1;
    }
}

/* Canonical composition in place (Unicode 3.11, D117); returns the new length. */
static size_t compose_segment(uint32_t *code, size_t n)
{
    size_t k = 0, starter = n;
    unsigned last = 0;
    for (size_t i = 0; i < n; i++) {
        const unsigned order = unicode_order(code[i]);
        if (starter < k && (starter + 1 == k || last < order)) {
            const uint32_t c = unicode_compose(code[starter], code[i]);
            if (c != 0) {
                code[starter] = c;
                continue;
            }
        }
        if (order == 0)
            starter = k;
        last = order;
        code[k++] = code[i];
    }
    return k;
}

/* NFC of in[0, n): one character and all that may join it. */
static void add_segment(struct normal *t, const char *in, size_t at, size_t n)
{
    size_t n_code = 0;
    for (size_t i = 0, len = 0; i < n; i += len) {
        /* twice what is needed, then: the upper half is the room to sort */
        t->code = grow(t->code, &t->cap_code, 2 * (n_code + 4), sizeof *t->code);
        n_code += unicode_decompose(utf8_decode(in + at + i, n - i, &len, NULL), t->code + n_code);
    }
    sort_segment(t->code, n_code, t->code + n_code);
    n_code = compose_segment(t->code, n_code);
    const size_t before = t->text.len;
    const bool first = t->n_run == 0;
    add_run(t, at, n, false, NULL, 0);
    for (size_t i = 0; i < n_code; i++) {
        char bytes[4];
        strbuf_add(&t->text, bytes, utf8_encode(t->code[i], bytes));
    }
    if (t->text.len - before != n || memcmp(t->text.s + before, in + at, n) != 0)
        return;
    t->run[t->n_run - 1].same = true;
    if (!first && t->run[t->n_run - 2].same) {
        t->run[t->n_run - 2].n_in += n;
        t->n_run--;
    }
}

/* The end of the segment that begins with the character of len bytes at `at`. */
static size_t segment_end(const char *in, size_t n, size_t at, size_t len, const uint8_t *bmp)
{
    size_t end = at + len;
    while (end < n && (unsigned char)in[end] >= 0xCC) {
        bool valid;
        const uint32_t c = utf8_decode(in + end, n - end, &len, &valid);
        if (!valid || (unicode_flags(bmp, c) & UNICODE_JOINS) == 0)
            break;
        end += len;
    }
    return end;
}

/* How much of the input from `at` on stays as it is. Below U+0300, whose first byte is 0xCC, NFC
 * changes nothing. */
static size_t unchanged(const char *in, size_t n, size_t at, struct normal_how how,
                        const uint8_t *bmp)
{
    size_t i = at;
    while (i < n) {
        uint64_t eight;
        if (n - i >= sizeof eight &&
            (memcpy(&eight, in + i, sizeof eight), eight & UINT64_C(0x8080808080808080)) == 0) {
            i += sizeof eight;
            continue;
        }
        size_t len;
        bool valid;
        const uint32_t c = utf8_decode(in + i, n - i, &len, &valid);
        if (!valid)
            break;
        if (how.marks && c == NORMAL_MARK)
            break;
        if (how.nfc && c >= 0x300 &&
            (unicode_flags(bmp, c) & (UNICODE_JOINS | UNICODE_CHANGES)) != 0)
            break;
        i += len;
    }
    if (i == n || !how.nfc)
        return i - at;
    /* the character before belongs to the segment when this one joins it */
    size_t len;
    bool valid;
    const uint32_t c = utf8_decode(in + i, n - i, &len, &valid);
    if (valid && (unicode_flags(bmp, c) & UNICODE_JOINS) != 0 && i > at)
        do
            i--;
        while (i > at && ((unsigned char)in[i] & 0xC0) == 0x80);
    return i - at;
}

/* The run of the space that stands for nothing. */
static void add_prefix(struct normal *t)
{
    t->run = grow(t->run, &t->cap_run, 1, sizeof *t->run);
    t->run[t->n_run++] = (struct normal_run){0};
    strbuf_addc(&t->text, ' ');
}

void normal_set(struct normal *t, const char *in, size_t n, struct normal_how how,
                const uint8_t *bmp)
{
    t->n_run = t->cursor = 0;
    const bool prefix = how.prepend && n > 0;
    size_t at = unchanged(in, n, 0, how, bmp);
    if (at == n && !prefix) {
        t->s = in;
        t->n = n;
        return;
    }
    strbuf_clear(&t->text);
    if (prefix)
        add_prefix(t);
    add_run(t, 0, at, true, in, at);
    while (at < n) {
        size_t len;
        bool valid;
        const uint32_t c = utf8_decode(in + at, n - at, &len, &valid);
        const bool mark = how.marks && valid && c == NORMAL_MARK;
        const size_t end = how.nfc && !mark ? segment_end(in, n, at, len, bmp) : at + len;
        if (mark)
            add_run(t, at, len, false, " ", 1);
        else if (!valid && end == at + len)
            add_run(t, at, len, false, "\xEF\xBF\xBD", 3);
        else
            add_segment(t, in, at, end - at);
        const size_t keep = unchanged(in, n, end, how, bmp);
        add_run(t, end, keep, true, in + end, keep);
        at = end + keep;
    }
    t->s = t->text.s;
    t->n = t->text.len;
}

static const struct normal_run *run_at(struct normal *t, size_t at)
{
    while (t->run[t->cursor].out > at)
        t->cursor--;
    while (t->cursor + 1 < t->n_run && t->run[t->cursor + 1].out <= at)
        t->cursor++;
    return &t->run[t->cursor];
}

void normal_range(struct normal *t, size_t a, size_t b, size_t *start, size_t *end)
{
    *start = a;
    *end = b;
    if (t->n_run == 0)
        return;
    const struct normal_run *r = run_at(t, a);
    *start = r->same ? r->in + (a - r->out) : r->in + (a == t->n ? r->n_in : 0);
    if (a == b) {
        *end = *start;
        return;
    }
    r = run_at(t, b - 1);
    *end = r->same ? r->in + (b - r->out) : r->in + r->n_in;
}
