#include "engine/text/tokenizer.h"
#include "engine/base/memory.h"
#include "engine/text/normalize.h"
#include "engine/text/split.h"
#include "engine/text/tokenizer_private.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include <stdlib.h>
#include <string.h>

void tokenizer_free(struct tokenizer *t)
{
    if (t == NULL)
        return;
    bpe_release(&t->bpe);
    words_release(&t->words);
    added_release(&t->raw);
    added_release(&t->normalized);
    strbuf_release(&t->pool);
    free(t->by_id);
    free(t);
}

int32_t tokenizer_n_vocab(const struct tokenizer *t)
{
    return t->n_vocab;
}

int32_t tokenizer_eot(const struct tokenizer *t)
{
    return t->eot;
}

const char *tokenizer_bytes(const struct tokenizer *t, int32_t id, size_t *n)
{
    *n = id >= 0 && id < t->n_vocab ? t->by_id[id].n : 0;
    return *n > 0 ? t->pool.s + t->by_id[id].at : "";
}

void tokenizer_decode(const struct tokenizer *t, const int32_t *ids, size_t n, char **out,
                      size_t *n_out)
{
    struct strbuf b;
    strbuf_init(&b);
    for (size_t i = 0; i < n; i++) {
        size_t len;
        const char *s = tokenizer_bytes(t, ids[i], &len);
        strbuf_add(&b, s, len);
    }
    *n_out = b.len;
    *out = strbuf_detach(&b);
}

/* One call of tokenizer_encode. */
struct encoder {
    const struct tokenizer *t;
    bool special;
    struct token **out;
    size_t *n_out, *cap;
    struct normal text;     /* of the stretch between two added tokens of the raw text … */
    size_t offset;          /* … which begins here in the input */
    struct strbuf prefixed; /* a stretch with the space that add_prefix_space puts before it */
    struct bpe_scratch scratch;
};

static void emit(struct encoder *c, int32_t id, size_t start, size_t end)
{
    *c->out = grow(*c->out, c->cap, *c->n_out + 1, sizeof **c->out);
    (*c->out)[(*c->n_out)++] = (struct token){id, (int32_t)start, (int32_t)end};
}

/* A token that stands for [a, b) of the normalised stretch. */
static void emit_normal(struct encoder *c, int32_t id, size_t a, size_t b)
{
    size_t start, end;
    normal_range(&c->text, a, b, &start, &end);
    emit(c, id, c->offset + start, c->offset + end);
}

/* Pieces of a word that are characters; of one that is no token its bytes. */
static size_t begin_characters(struct encoder *c, const char *word, size_t n)
{
    const struct tokenizer *t = c->t;
    size_t k = 0, len;
    bpe_reserve(&c->scratch, n);
    for (size_t i = 0; i < n; i += len) {
        const unsigned char first = (unsigned char)word[i];
        if (first >= 0x80)
            utf8_decode(word + i, n - i, &len, NULL);
        else
            len = 1;
        const int32_t id =
            first < 0x80 ? t->ascii_id[first] : words_find(&t->words, t->pool.s, word + i, len);
        if (id >= 0)
            c->scratch.piece[k++] =
                (struct bpe_piece){.id = id, .at = (uint32_t)i, .len = (uint32_t)len};
        for (size_t b = 0; id < 0 && b < len; b++)
            c->scratch.piece[k++] =
                (struct bpe_piece){.id = t->bpe.byte_id[(unsigned char)word[i + b]],
                                   .at = (uint32_t)(i + b),
                                   .len = 1};
    }
    return k;
}

/* The pieces of a word, in the scratch; their number. */
static size_t encode_word(struct encoder *c, const char *word, size_t n)
{
    const struct tokenizer *t = c->t;
    if (t->whole_words) {
        const int32_t id = words_find(&t->words, t->pool.s, word, n);
        if (id >= 0) {
            bpe_reserve(&c->scratch, 1);
            c->scratch.piece[0] = (struct bpe_piece){.id = id, .at = 0, .len = (uint32_t)n};
            return 1;
        }
    }
    if (!t->steps.characters)
        return bpe_encode(&t->bpe, word, n, &c->scratch);
    return bpe_merge(&t->bpe, &c->scratch, begin_characters(c, word, n));
}

/* Does the pre-tokenizer put a space before what begins at `from` of the stretch? */
static bool takes_prefix(const struct encoder *c, size_t from)
{
    switch (c->t->steps.prefix) {
    case PREFIX_NONE: break;
    case PREFIX_EVERY: return c->text.s[from] != ' ';
    case PREFIX_FIRST: return c->offset == 0 && from == 0 && c->text.s[from] != ' ';
    }
    return false;
}

/* [from, to) of the normalised stretch, free of added tokens. */
static void encode_plain(struct encoder *c, size_t from, size_t to)
{
    const struct tokenizer *t = c->t;
    const char *s = c->text.s + from;
    size_t n = to - from, shift = 0;
    if (takes_prefix(c, from)) {
        strbuf_clear(&c->prefixed);
        strbuf_addc(&c->prefixed, ' ');
        strbuf_add(&c->prefixed, s, n);
        s = c->prefixed.s;
        n++;
        shift = 1;
    }
    for (size_t at = 0; at < n;) {
        const size_t end = split_next(t->steps.split, t->bmp, s, n, at);
        const size_t n_pieces = encode_word(c, s + at, end - at);
        for (size_t i = 0; i < n_pieces; i++) {
            const struct bpe_piece *p = &c->scratch.piece[i];
            const size_t a = at + p->at, b = a + p->len;
            emit_normal(c, p->id, from + (a > shift ? a - shift : 0), from + b - shift);
        }
        at = end;
    }
}

/* A stretch of the raw text: normalised, then the added tokens that are matched behind it, then the
 * rest.
 */
static void encode_stretch(struct encoder *c, const char *s, size_t n, size_t offset)
{
    const struct tokenizer *t = c->t;
    normal_set(&c->text, s, n, t->steps.normal, t->bmp);
    c->offset = offset;
    size_t at = 0, from = 0;
    struct added_match m;
    while (added_find(&t->normalized, t->bmp, c->text.s, c->text.n, from, at, c->special, &m)) {
        if (at < m.start)
            encode_plain(c, at, m.start);
        emit_normal(c, m.id, m.start, m.stop);
        at = m.stop;
        from = m.resume;
    }
    if (at < c->text.n)
        encode_plain(c, at, c->text.n);
}

void tokenizer_encode(const struct tokenizer *t, const char *utf8, size_t n, bool added_tokens,
                      struct token **out, size_t *n_out, size_t *cap)
{
    if (n > INT32_MAX)
        panic("a text of %zu bytes in one piece; tokens count them in 31 bits", n);
    struct encoder c = {.t = t, .special = added_tokens, .out = out, .n_out = n_out, .cap = cap};
    normal_init(&c.text);
    strbuf_init(&c.prefixed);
    size_t at = 0, from = 0;
    struct added_match m;
    while (added_find(&t->raw, t->bmp, utf8, n, from, at, added_tokens, &m)) {
        if (at < m.start)
            encode_stretch(&c, utf8 + at, m.start - at, at);
        emit(&c, m.id, m.start, m.stop);
        at = m.stop;
        from = m.resume;
    }
    if (at < n)
        encode_stretch(&c, utf8 + at, n - at, at);
    normal_release(&c.text);
    strbuf_release(&c.prefixed);
    bpe_scratch_release(&c.scratch);
}

static bool find_special(const struct added_set *set, const struct tokenizer *t, const char *s,
                         size_t n, size_t from, size_t *start, size_t *end)
{
    struct added_match m = {.resume = from, .stop = from};
    while (added_find(set, t->bmp, s, n, m.resume, m.stop, true, &m))
        if (m.special) {
            *start = m.start;
            *end = m.stop;
            return true;
        }
    return false;
}

bool tokenizer_find_special(const struct tokenizer *t, const char *utf8, size_t n, size_t from,
                            size_t *start, size_t *end)
{
    return find_special(&t->raw, t, utf8, n, from, start, end) ||
           find_special(&t->normalized, t, utf8, n, from, start, end);
}

/* A character that NFC leaves alone whatever stands around it, apart from marks behind it, which
 * may join it without changing its class. */
struct settled {
    uint32_t c;
    size_t start;
    unsigned class;
};

/* The character that ends at `end` > 0; false where it is none of that kind. */
static bool settled_before(const struct tokenizer *t, const char *s, size_t end,
                           struct settled *out)
{
    size_t i = end - 1, len;
    while (i > 0 && end - i < 4 && ((unsigned char)s[i] & 0xC0) == 0x80)
        i--;
    bool valid;
    const uint32_t c = utf8_decode(s + i, end - i, &len, &valid);
    const unsigned flags = unicode_flags(t->bmp, c);
    *out = (struct settled){c, i, flags & UNICODE_CLASS};
    return valid && i + len == end && (flags & (UNICODE_JOINS | UNICODE_CHANGES)) == 0;
}

/* Is the place between two settled neighbours the end of a word of GPT-2's expression, whatever the
 * rest of the text, and does the word before end there also when nothing follows? */
static bool ends_word_gpt2(const struct tokenizer *t, const char *s, const struct settled *left,
                           const struct settled *right)
{
    if (left->class == UNICODE_SPACE) {
        /* " x" is one word; the last of several spaces is its own word only because x follows */
        struct settled before;
        return right->class != UNICODE_SPACE && left->c != ' ' &&
               (left->start == 0 ||
                (settled_before(t, s, left->start, &before) && before.class != UNICODE_SPACE));
    }
    if (left->c == '\'' && right->class == UNICODE_LETTER) /* perhaps 's */
        return false;
    return left->class != right->class;
}

/* The same of Llama 3's and Qwen 2's: a space behind anything else, and what follows the end of a
 * line. */
static bool ends_word_llama3(const struct settled *left, const struct settled *right)
{
    const bool line = left->c == '\r' || left->c == '\n';
    if (right->class == UNICODE_SPACE)
        return left->class != UNICODE_SPACE && right->c != '\r' && right->c != '\n';
    return line;
}

static bool ends_word(const struct tokenizer *t, const char *s, const struct settled *left,
                      const struct settled *right)
{
    switch (t->steps.split) {
    case SPLIT_NONE: break;
    case SPLIT_GPT2: return ends_word_gpt2(t, s, left, right);
    case SPLIT_LLAMA3:
    case SPLIT_QWEN2: return ends_word_llama3(left, right);
    case SPLIT_SPACES: return right->c == ' ';
    case SPLIT_RUNS: return right->c == ' ' && left->c != ' ' && left->c != NORMAL_MARK;
    }
    return false;
}

size_t tokenizer_safe_boundary(const struct tokenizer *t, const char *utf8, size_t n, size_t at)
{
    struct settled right, left;
    size_t b = at < n ? at : n;
    if (t->steps.split == SPLIT_NONE || t->steps.normal.prepend || b == 0)
        return 0;
    bool known = settled_before(t, utf8, b, &right);
    for (b = right.start; b > 0; b = left.start) {
        const bool known_left = settled_before(t, utf8, b, &left);
        uint32_t base[4];
        if (known && known_left && ends_word(t, utf8, &left, &right) &&
            (t->steps.prefix == PREFIX_NONE || right.c == ' ')) {
            unicode_decompose(right.c, base);
            if (!added_may_span(&t->raw, t->bmp, left.c, base[0]) &&
                !added_may_span(&t->normalized, t->bmp, left.c, base[0]))
                return b;
        }
        right = left;
        known = known_left;
    }
    return 0;
}
