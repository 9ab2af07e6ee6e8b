#include "engine/formats/text_file.h"
#include "engine/base/memory.h"
#include "engine/formats/unpack.h"
#include <errno.h>
#include <iconv.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <utf8proc.h>

#define NO_CONVERTER ((iconv_t)(intptr_t)-1)

enum { NAME_MAX_BYTES = 64 };
#define UNPACKED 0.7 /* share of opening that unpacking is taken for, decoding is the rest */

/* ---- encodings */
static iconv_t converter(const char *name)
{
    static const struct {
        const char *written, *known;
    } other[] = {{"utf16le", "UTF-16LE"}, {"utf16be", "UTF-16BE"}, {"utf32le", "UTF-32LE"},
                 {"utf32be", "UTF-32BE"}, {"utf16", "UTF-16"},     {"utf32", "UTF-32"}};
    char plain[NAME_MAX_BYTES];
    size_t n = 0;
    if (!*name || strlen(name) >= sizeof plain || strchr(name, '/')) /* "//TRANSLIT" guesses */
        return NO_CONVERTER;
    iconv_t c = iconv_open("UTF-8", name);
    for (const char *s = name; *s; s++)
        if (*s != '-' && *s != '_')
            plain[n++] = *s;
    plain[n] = '\0';
    for (size_t i = 0; c == NO_CONVERTER && i < sizeof other / sizeof *other; i++)
        if (strcasecmp(plain, other[i].written) == 0)
            c = iconv_open("UTF-8", other[i].known);
    return c == NO_CONVERTER && n > 0 ? iconv_open("UTF-8", plain) : c;
}

bool text_encoding_known(const char *name)
{
    iconv_t c = converter(name);
    if (c != NO_CONVERTER)
        iconv_close(c);
    return c != NO_CONVERTER;
}

/* ASCII bytes stand for themselves, at least until a shift: not so in UTF-16. */
static bool extends_ascii(const char *encoding)
{
    char a[] = "A", out[8], *in = a, *to = out;
    size_t n = 1, left = sizeof out;
    iconv_t c = converter(encoding);
    if (c == NO_CONVERTER)
        return false;
    const bool same = iconv(c, &in, &n, &to, &left) != (size_t)-1 && to == out + 1 && out[0] == 'A';
    iconv_close(c);
    return same;
}

/* ---- what bytes look like */
struct looks {
    size_t valid;      /* bytes up to the first that is no UTF-8 */
    bool ascii;        /* no byte beyond 127 before that */
    const char *utf16; /* NULL: not like UTF-16 without a mark */
};

static size_t ascii_run(const char *p, size_t n)
{
    size_t i = 0;
    for (uint64_t eight; i + 8 <= n; i += 8) {
        memcpy(&eight, p + i, 8);
        if (eight & UINT64_C(0x8080808080808080))
            break;
    }
    while (i < n && (unsigned char)p[i] < 0x80)
        i++;
    return i;
}

/* Every other byte of western text in UTF-16 is 0. */
static const char *utf16_of(const char *p, size_t n)
{
    size_t zero[2] = {0, 0}, most = n < 1024 ? n / 2 : 512;
    for (size_t i = 0; i < 2 * most; i++)
        zero[i % 2] += p[i] == 0;
    if (most < 2)
        return NULL;
    return zero[1] * 2 > most && zero[0] * 8 < most   ? "utf-16le"
           : zero[0] * 2 > most && zero[1] * 8 < most ? "utf-16be"
                                                      : NULL;
}

static struct looks look(const char *p, size_t n)
{
    struct looks l = {.utf16 = utf16_of(p, n)};
    l.valid = ascii_run(p, n);
    l.ascii = l.valid == n;
    while (l.valid < n) {
        utf8proc_int32_t c;
        const utf8proc_ssize_t k = utf8proc_iterate((const utf8proc_uint8_t *)p + l.valid,
                                                    (utf8proc_ssize_t)(n - l.valid), &c);
        if (k < 1)
            break;
        l.valid += (size_t)k;
        l.valid += ascii_run(p + l.valid, n - l.valid);
    }
    return l;
}

/* ---- what is refused */
struct place {
    int64_t line; /* from 1 */
    size_t byte;  /* of the line, from 1 */
};

static struct place place_of(const char *p, size_t at)
{
    struct place w = {.line = 1};
    size_t start = 0;
    for (const char *nl; (nl = memchr(p + start, '\n', at - start)) != NULL;
         start = (size_t)(nl - p) + 1)
        w.line++;
    w.byte = at - start + 1;
    return w;
}

/* skipped: bytes of the mark before p. */
static bool refuse_bytes(const char *name, const char *p, const struct looks *l, size_t skipped,
                         struct error *e)
{
    if (l->utf16 != NULL)
        return error_set(e, ERROR_INPUT,
                         "reading %s:1: found what looks like UTF-16 without its mark, expected "
                         "UTF-8, or --encoding %s (:encoding)",
                         name, l->utf16);
    struct place w = place_of(p, l->valid);
    if (w.line == 1)
        w.byte += skipped;
    return error_set(e, ERROR_INPUT,
                     "reading %s:%lld: found 0x%02X at byte %zu of the line, expected UTF-8, or "
                     "--encoding NAME (:encoding), e.g. latin1",
                     name, (long long)w.line, (unsigned)(unsigned char)p[l->valid], w.byte);
}

/* ---- marks */
static const struct mark {
    const char *bytes;
    size_t n;
    const char *encoding;
} marks[] = {{"\xef\xbb\xbf", 3, NULL},
             {"\xff\xfe\0\0", 4, "UTF-32LE"},
             {"\0\0\xfe\xff", 4, "UTF-32BE"},
             {"\xff\xfe", 2, "UTF-16LE"},
             {"\xfe\xff", 2, "UTF-16BE"}};

/* ---- conversion */
struct conversion {
    const char *name, *encoding;
    const char *p;
    size_t n, at;
    char *out;
    size_t n_out, cap;
    bool cut; /* the end is no end: half a character may stand there */
    const struct text_spec *spec;
    double from; /* share of all that was done before */
    struct error *e;
};

static bool grow_out(struct conversion *c)
{
    size_t cap = c->cap > 0 ? 2 * c->cap : c->n + c->n / 4 + 64;
    void *more = cap > c->cap ? realloc(c->out, cap) : NULL;
    if (more == NULL)
        return error_set(c->e, ERROR_SYSTEM, "reading %s: no memory for %zu bytes", c->name, cap);
    c->out = more;
    c->cap = cap;
    return true;
}

static bool refuse_character(struct conversion *c)
{
    const int64_t line = place_of(c->out, c->n_out).line;
    const unsigned byte = (unsigned char)c->p[c->at];
    return error_set(c->e, ERROR_INPUT,
                     "reading %s:%lld: found 0x%02X at offset %zu, which is no %s; expected that "
                     "encoding, or another --encoding",
                     c->name, (long long)line, byte, c->at, c->encoding);
}

static bool step_of(const struct conversion *c)
{
    const double share = c->n > 0 ? (double)c->at / (double)c->n : 1;
    return !c->spec->step || c->spec->step(c->spec->step_arg, c->from + (1 - c->from) * share) ||
           error_set(c->e, ERROR_CANCELLED, "interrupted");
}

static bool convert_all(struct conversion *c, iconv_t cd)
{
    enum { PIECE = 1 << 22 }; /* between two steps */
    bool ended = false;       /* all taken: what is left is a shift back */
    while (c->cap > 0 || grow_out(c)) {
        char *in = (char *)(uintptr_t)(c->p + c->at), *to = c->out + c->n_out;
        const size_t rest = c->n - c->at, given = rest < PIECE ? rest : PIECE;
        size_t left = given, room = c->cap - c->n_out;
        if (!step_of(c))
            return false;
        const size_t status =
            ended ? iconv(cd, NULL, NULL, &to, &room) : iconv(cd, &in, &left, &to, &room);
        const int why = errno;
        if (!ended)
            c->at += given - left;
        c->n_out = c->cap - room;
        if (status != (size_t)-1 && ended)
            return true;
        if (given < rest && (status != (size_t)-1 || (why == EINVAL && left < given)))
            continue; /* half a character at the end of a piece comes with the next one */
        if (status != (size_t)-1 || (why == EINVAL && c->cut))
            ended = true;
        else if (why == E2BIG) {
            if (!grow_out(c))
                return false;
        } else {
            return refuse_character(c);
        }
    }
    return false;
}

/* Takes the place of what was there. */
static bool convert(struct text_file *t, const char *name, const char *encoding,
                    const struct text_spec *spec, bool cut, struct error *e)
{
    struct conversion c = {.name = name,
                           .encoding = encoding,
                           .p = t->p,
                           .n = t->n,
                           .cut = cut,
                           .spec = spec,
                           .from = t->own != NULL ? UNPACKED : 0,
                           .e = e};
    iconv_t cd = converter(encoding);
    if (cd == NO_CONVERTER)
        return error_set(e, ERROR_INPUT,
                         "reading %s: found the encoding %.64s, expected one that iconv knows",
                         name, encoding);
    const bool ok = convert_all(&c, cd);
    iconv_close(cd);
    free(t->own);
    t->own = c.out;
    t->mark = 0;
    t->p = c.out != NULL ? c.out : "";
    t->n = ok ? c.n_out : 0;
    if (t->n >= marks[0].n && memcmp(t->p, marks[0].bytes, marks[0].n) == 0) {
        t->p += marks[0].n;
        t->n -= marks[0].n;
    }
    const struct looks l = look(t->p, t->n);
    return ok && (l.valid == t->n || refuse_bytes(name, t->p, &l, 0, e));
}

/* ---- which encoding */
static const struct mark *mark_of(const char *p, size_t n)
{
    for (size_t i = 0; i < sizeof marks / sizeof *marks; i++)
        if (n >= marks[i].n && memcmp(p, marks[i].bytes, marks[i].n) == 0)
            return &marks[i];
    return NULL;
}

/* The value of encoding="…" in an XML declaration; false: none. */
static bool declared(const char *p, size_t n, char out[NAME_MAX_BYTES])
{
    enum { LONGEST = 256 };
    char head[LONGEST + 1];
    if (n > LONGEST)
        n = LONGEST;
    memcpy(head, p, n);
    head[n] = '\0';
    char *end = strstr(head, "?>"), *at = NULL;
    if (strncmp(head, "<?xml", 5) != 0 || end == NULL)
        return false;
    *end = '\0';
    if ((at = strstr(head, "encoding")) == NULL)
        return false;
    at += strlen("encoding");
    at += strspn(at, " \t\r\n=");
    const char quote = *at == '"' || *at == '\'' ? *at++ : '\0';
    const char *close = quote ? strchr(at, quote) : NULL;
    if (close == NULL || close == at || close - at >= NAME_MAX_BYTES)
        return false;
    snprintf(out, NAME_MAX_BYTES, "%.*s", (int)(close - at), at);
    return true;
}

/* Of XML without a mark: what its declaration says, or its zeros; NULL: UTF-8, or not XML. What
 * can be read as ASCII is in no encoding like UTF-16, whatever it says. */
static const char *xml_encoding(const struct text_file *t, const struct looks *l,
                                char name[NAME_MAX_BYTES])
{
    if (l->utf16 != NULL)
        return t->p[0] == '<' || (t->n > 1 && t->p[1] == '<') ? l->utf16 : NULL;
    if (!declared(t->p, t->n, name) || strcasecmp(name, "UTF-8") == 0)
        return NULL;
    return !text_encoding_known(name) || extends_ascii(name) ? name : NULL;
}

/* Whether text without a mark is UTF-8 although `encoding` (NULL: none) is named for what is not.
 * UTF-8 beyond ASCII doesn't come about by chance. */
static bool is_utf8(const struct text_file *t, const struct looks *l, const char *encoding)
{
    if (l->valid < t->n)
        return false;
    if (encoding == NULL)
        return l->utf16 == NULL;
    if (extends_ascii(encoding))
        return !l->ascii;
    return memchr(t->p, 0, t->n) == NULL;
}

static bool decode(struct text_file *t, const char *name, const struct text_spec *spec, bool cut,
                   struct error *e)
{
    char xml_name[NAME_MAX_BYTES];
    const struct mark *mark = mark_of(t->p, t->n);
    if (mark != NULL) {
        t->p += mark->n;
        t->n -= mark->n;
        t->mark = t->own == NULL ? mark->n : 0;
    }
    if (mark != NULL && mark->encoding != NULL)
        return convert(t, name, mark->encoding, spec, cut, e);
    const struct looks l = look(t->p, t->n);
    if (cut && t->n - l.valid < 4)
        t->n = l.valid;
    const char *xml = mark == NULL && spec->xml ? xml_encoding(t, &l, xml_name) : NULL;
    if (xml != NULL)
        return convert(t, name, spec->encoding != NULL && l.utf16 == NULL ? spec->encoding : xml,
                       spec, cut, e);
    if (mark != NULL ? l.valid == t->n : is_utf8(t, &l, spec->encoding))
        return true;
    if (mark != NULL || spec->encoding == NULL)
        return refuse_bytes(name, t->p, &l, mark != NULL ? mark->n : 0, e);
    return convert(t, name, spec->encoding, spec, cut, e);
}

/* ---- the way in */
static size_t unpacked_limit(const struct text_spec *spec, size_t n)
{
    const size_t least = (size_t)64 << 20, most = (size_t)4 << 30, times = 256;
    if (spec->limit > 0)
        return spec->limit;
    if (n <= least / times)
        return least;
    return n < most / times ? n * times : most;
}

static bool unpack_step(void *arg, double share)
{
    const struct text_spec *spec = arg;
    return spec->step(spec->step_arg, share * UNPACKED);
}

bool text_of_bytes(struct text_file *t, const char *name, const void *p, size_t n,
                   const struct text_spec *spec, struct error *e)
{
    const enum packing packing = packing_of(p, n);
    const bool cut = packing == PACKING_NONE && spec->first > 0 && n / 4 > spec->first;
    if (cut)
        n = 4 * spec->first; /* UTF-32 has the most bytes */
    *t = (struct text_file){.p = n > 0 ? p : "", .n = n};
    if (packing != PACKING_NONE) {
        size_t n_out;
        const struct unpack_watch watch = {unpack_step, (void *)(uintptr_t)spec};
        if (!unpack(name, packing, p, n, unpacked_limit(spec, n), spec->step ? &watch : NULL,
                    &t->own, &n_out, e))
            return false;
        t->p = t->own != NULL ? t->own : "";
        t->n = n_out;
    } else if (spec->limit > 0 && n > spec->limit) {
        return error_set(e, ERROR_INPUT,
                         "reading %s: found more than %zu MiB of text, expected less", name,
                         spec->limit >> 20);
    }
    return decode(t, name, spec, cut, e);
}

bool text_open(struct text_file *t, const char *path, const struct text_spec *spec, struct error *e)
{
    struct mapping map;
    *t = (struct text_file){.p = ""};
    if (!mapping_open(&map, path, e))
        return false;
    const bool ok = text_of_bytes(t, path, map.p, map.n, spec, e);
    if (t->own != NULL) /* nothing points into it any longer */
        mapping_close(&map);
    t->map = map;
    return ok;
}

void text_close(struct text_file *t)
{
    mapping_close(&t->map);
    free(t->own);
    *t = (struct text_file){.p = ""};
}
