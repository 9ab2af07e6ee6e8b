/* A corpus in memory: how it is put together, and which reader a file gets. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/corpus_private.h"
#include <nettle/sha2.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <utf8proc.h>

enum { NAME_MAX_BYTES = 64 };

/* ---- errors */
bool corpus_refuse(struct corpus_builder *b, const char *format, ...)
{
    char why[400];
    va_list args;
    va_start(args, format);
    vsnprintf(why, sizeof why, format, args);
    va_end(args);
    if (b->line > 0)
        return error_set(b->e, ERROR_INPUT, "reading %s:%lld: %s", b->path, (long long)b->line,
                         why);
    return error_set(b->e, ERROR_INPUT, "reading %s: %s", b->path, why);
}

static bool no_memory(struct corpus_builder *b, size_t n)
{
    return error_set(b->e, ERROR_SYSTEM, "reading %s: no memory for %zu bytes", b->path, n);
}

/* ---- classes */
/* What is wrong with a class name; NULL: nothing. Names become JSON keys and go to the screen. */
static const char *name_fault(const char *name, size_t n)
{
    if (n == 0)
        return "an empty label";
    if (n > NAME_MAX_BYTES)
        return "a label that is too long";
    for (size_t i = 0; i < n;) {
        utf8proc_int32_t c = -1;
        const utf8proc_ssize_t k =
            utf8proc_iterate((const utf8proc_uint8_t *)name + i, (utf8proc_ssize_t)(n - i), &c);
        if (k < 1)
            return "a label that is no UTF-8";
        if (utf8proc_category(c) == UTF8PROC_CATEGORY_CC)
            return "a label with a control character";
        i += (size_t)k;
    }
    return NULL;
}

static int32_t find_class(const struct corpus *c, const char *name, size_t n)
{
    for (int32_t i = 0; i < c->n_classes; i++)
        if (strncmp(c->cls[i].name, name, n) == 0 && c->cls[i].name[n] == '\0')
            return i;
    return -1;
}

int32_t corpus_class_of(struct corpus_builder *b, const char *name, size_t n)
{
    struct corpus *c = b->c;
    const char *fault = name_fault(name, n);
    if (fault != NULL) {
        corpus_refuse(b, "found %s, expected a class name of 1 to %d bytes", fault, NAME_MAX_BYTES);
        return -1;
    }
    const int32_t known = find_class(c, name, n);
    if (known >= 0)
        return known;
    if (c->n_classes == CORPUS_MAX_CLASSES) {
        corpus_refuse(b, "found \"%.*s\" as one class more, expected at most %d classes", (int)n,
                      name, CORPUS_MAX_CLASSES);
        return -1;
    }
    c->cls[c->n_classes].name = xstrndup(name, n);
    return c->n_classes++;
}

int32_t corpus_class_find(const struct corpus *c, const char *name)
{
    return find_class(c, name, strlen(name));
}

int32_t corpus_class_need(const struct corpus *c, const char *option, const char *name,
                          struct error *e)
{
    const int32_t cls = corpus_class_find(c, name);
    struct strbuf names;
    if (cls >= 0)
        return cls;
    strbuf_init(&names);
    for (int32_t i = 0; i < c->n_classes; i++)
        strbuf_addf(&names, "%s%s", i ? ", " : "", c->cls[i].name);
    error_set(e, ERROR_INPUT, "--%s: found %s, expected a class of %s: %s", option, name, c->name,
              names.s);
    strbuf_release(&names);
    return -1;
}

/* ---- who waits */
/* Reading is taken for most of the work, the hash for the rest: of 10 bytes so many are read. */
enum { READ = 8, OF = 10 };

static bool step(struct corpus_builder *b, int64_t done)
{
    struct corpus_watch *w = b->watch;
    if (w == NULL || b->stopped)
        return !b->stopped;
    atomic_store(&w->done, done);
    if (w->cancel != NULL && atomic_load(w->cancel)) {
        b->stopped = true;
        error_set(b->e, ERROR_CANCELLED, "interrupted");
    }
    return !b->stopped;
}

static bool step_in_file(struct corpus_builder *b, double share)
{
    return step(b, (b->before + (int64_t)(share * (double)b->size)) * READ / OF);
}

bool corpus_step(struct corpus_builder *b, size_t at, size_t n)
{
    return step_in_file(b, b->opened + (1 - b->opened) * (n > 0 ? (double)at / (double)n : 1));
}

/* While the file is unpacked or decoded, before its text is read. */
static bool opening_step(void *arg, double share)
{
    struct corpus_builder *b = arg;
    b->opened = .6;
    return step_in_file(b, share * b->opened);
}

/* ---- documents */
/* A corpus can be large: what does not fit is an error, not the end of the program. */
static bool grow_array(struct corpus_builder *b, void **p, size_t *cap, size_t need, size_t size)
{
    size_t n = *cap < 64 ? 64 : *cap, bytes = 0;
    while (n < need && size_mul(n, 2, &n))
        ;
    void *more = n >= need && size_mul(n, size, &bytes) ? realloc(*p, bytes) : NULL;
    if (more == NULL)
        return no_memory(b, bytes);
    *p = more;
    *cap = n;
    return true;
}

bool corpus_reserve(struct corpus_builder *b, size_t n)
{
    size_t need = 0;
    if (!size_add(b->n_bytes, n, &need))
        return no_memory(b, n);
    if (need <= b->cap_bytes && b->c->bytes != NULL)
        return true;
    void *p = b->c->bytes;
    const bool ok = grow_array(b, &p, &b->cap_bytes, need, 1);
    b->c->bytes = p;
    return ok;
}

bool corpus_add_bytes(struct corpus_builder *b, const char *p, size_t n)
{
    if (!corpus_reserve(b, n))
        return false;
    if (n > 0)
        memcpy(b->c->bytes + b->n_bytes, p, n);
    b->n_bytes += n;
    return true;
}

bool corpus_end_doc(struct corpus_builder *b, int32_t cls, int32_t pair, int64_t line)
{
    struct corpus *c = b->c;
    const size_t n = b->n_bytes - b->end;
    if (n > INT32_MAX)
        return corpus_refuse(b, "found a text of %zu bytes, expected at most %d", n, INT32_MAX);
    if (line > INT32_MAX || c->n_docs == INT32_MAX)
        return corpus_refuse(b, "found more than %d texts", INT32_MAX);
    if ((size_t)c->n_docs >= b->cap_docs) {
        void *p = c->doc;
        const bool ok = grow_array(b, &p, &b->cap_docs, (size_t)c->n_docs + 1, sizeof *c->doc);
        c->doc = p;
        if (!ok)
            return false;
    }
    c->doc[c->n_docs++] =
        (struct corpus_doc){.n = n, .cls = cls, .pair = pair, .line = (int32_t)line, .kind = -1};
    b->end = b->n_bytes;
    return true;
}

void corpus_forget_docs(struct corpus_builder *b, int64_t n)
{
    while (b->c->n_docs > n)
        b->end -= b->c->doc[--b->c->n_docs].n;
    b->n_bytes = b->end;
}

/* Whether the i-th (of a class, or of the units) is wanted. */
static bool takes(const struct corpus_builder *b, int64_t i)
{
    if (b->limit > 0 && i >= b->limit)
        return false;
    return b->split == CORPUS_ALL || (i % 2 == 0) == (b->split == CORPUS_EVEN);
}

bool corpus_add_doc(struct corpus_builder *b, int32_t cls, int64_t line, const char *p, size_t n)
{
    if (n == 0 || !takes(b, b->seen[cls]++))
        return true;
    return corpus_add_bytes(b, p, n) && corpus_end_doc(b, cls, -1, line);
}

/* "da 5, en 7" of the classes with these bits, or their names alone. */
static void list_classes(const struct corpus *c, uint32_t classes, bool counts, char *out,
                         size_t size)
{
    size_t at = 0;
    out[0] = '\0';
    for (int32_t i = 0; i < c->n_classes; i++) {
        char count[32] = "";
        const char *comma = at > 0 ? ", " : "";
        if (!(classes >> i & 1))
            continue;
        if (counts)
            snprintf(count, sizeof count, " %lld", (long long)c->cls[i].n_docs);
        if (at + strlen(c->cls[i].name) + sizeof count + 8 > size) {
            snprintf(out + at, size - at, " …");
            return;
        }
        at += (size_t)snprintf(out + at, size - at, "%s%s%s", comma, c->cls[i].name, count);
    }
}

static bool no_whole_unit(struct corpus_builder *b, uint32_t classes)
{
    char names[240];
    list_classes(b->c, classes, false, names, sizeof names);
    b->line = 0;
    if (classes == 0)
        return corpus_refuse(b, "found no translation unit with a text");
    return corpus_refuse(b, "found no translation unit with a text in each of its languages (%s)",
                         names);
}

bool corpus_end_units(struct corpus_builder *b, int64_t first, uint32_t classes)
{
    struct corpus *c = b->c;
    size_t from = b->end, to = 0;
    for (int64_t i = first; i < c->n_docs; i++)
        from -= c->doc[i].n;
    to = from;
    int64_t kept = first, whole = 0;
    int32_t taken = 0;
    for (int64_t i = first, next; i < c->n_docs; i = next) {
        uint32_t has = 0;
        size_t n = 0;
        for (next = i; next < c->n_docs && c->doc[next].pair == c->doc[i].pair; next++) {
            has |= UINT32_C(1) << c->doc[next].cls;
            n += c->doc[next].n;
        }
        if (has == classes && takes(b, whole++)) {
            memmove(c->bytes + to, c->bytes + from, n);
            to += n;
            for (int64_t j = i; j < next; j++) {
                c->doc[kept] = c->doc[j];
                c->doc[kept++].pair = taken;
            }
            taken++;
        }
        from += n;
    }
    c->n_docs = kept;
    b->end = b->n_bytes = to;
    for (int32_t i = 0; i < c->n_classes; i++)
        if (classes >> i & 1)
            b->seen[i] += whole;
    return whole > 0 || no_whole_unit(b, classes);
}

/* ---- the end */
static void hash_number(struct sha256_ctx *ctx, uint64_t v)
{
    uint8_t byte[8];
    for (int i = 0; i < 8; i++)
        byte[i] = (uint8_t)(v >> 8 * i);
    sha256_update(ctx, sizeof byte, byte);
}

static void hash_string(struct sha256_ctx *ctx, const char *p, size_t n)
{
    hash_number(ctx, n);
    sha256_update(ctx, n, (const uint8_t *)p);
}

static bool hash_corpus(struct corpus_builder *b)
{
    enum { DOCS_A_STEP = 4096 };
    struct corpus *c = b->c;
    struct sha256_ctx ctx;
    sha256_init(&ctx);
    hash_string(&ctx, "corpus 1", 8);
    hash_number(&ctx, (uint64_t)c->n_classes);
    for (int32_t i = 0; i < c->n_classes; i++)
        hash_string(&ctx, c->cls[i].name, strlen(c->cls[i].name));
    hash_number(&ctx, (uint64_t)c->n_docs);
    for (int64_t i = 0; i < c->n_docs; i++) {
        const struct corpus_doc *d = &c->doc[i];
        const double share = (double)i / (double)c->n_docs;
        if (i % DOCS_A_STEP == 0 &&
            !step(b, (int64_t)((double)b->before * (READ + share * (OF - READ)) / OF)))
            return false;
        hash_number(&ctx, (uint64_t)(uint32_t)d->cls << 32 | (uint32_t)d->pair);
        hash_string(&ctx, d->text, d->n);
    }
    sha256_digest(&ctx, sizeof c->hash.byte, c->hash.byte);
    return true;
}

/* Whether the documents are whole units of one document a class, unit after unit. */
static bool is_paired(const struct corpus *c)
{
    if (c->n_classes < 2 || c->n_docs % c->n_classes != 0)
        return false;
    for (int64_t i = 0; i < c->n_docs; i += c->n_classes) {
        uint32_t has = 0;
        if (i > 0 && c->doc[i].pair == c->doc[i - 1].pair) /* one of each, twice */
            return false;
        for (int64_t j = i; j < i + c->n_classes; j++) {
            if (c->doc[j].pair < 0 || c->doc[j].pair != c->doc[i].pair)
                return false;
            has |= UINT32_C(1) << c->doc[j].cls;
        }
        for (int32_t k = 0; k < c->n_classes; k++)
            if (!(has >> k & 1))
                return false;
    }
    return true;
}

static bool check_classes(struct corpus_builder *b, int32_t min_classes)
{
    const struct corpus *c = b->c;
    char found[240];
    const int32_t need = min_classes > 1 ? min_classes : 1;
    int32_t empty = -1;
    for (int32_t i = c->n_classes - 1; i >= 0; i--)
        if (c->cls[i].n_docs == 0)
            empty = i;
    list_classes(c, UINT32_MAX, true, found, sizeof found);
    b->line = 0;
    if (c->n_classes == 0)
        return corpus_refuse(b, "found no text");
    if (empty >= 0)
        return corpus_refuse(b, "found no text%s of class %s (found: %s)",
                             b->split == CORPUS_ALL    ? ""
                             : b->split == CORPUS_EVEN ? " of even index"
                                                       : " of odd index",
                             c->cls[empty].name, found);
    if (c->n_classes < need)
        return corpus_refuse(b, "found %d class%s (%s), expected at least %d", c->n_classes,
                             c->n_classes == 1 ? "" : "es", found, need);
    return true;
}

static bool finish(struct corpus_builder *b, int32_t min_classes, struct corpus **out)
{
    struct corpus *c = b->c;
    const char *text = c->bytes;
    for (int64_t i = 0; i < c->n_docs; i++) {
        struct corpus_doc *d = &c->doc[i];
        c->cls[d->cls].n_docs++;
        c->cls[d->cls].n_bytes += (int64_t)d->n;
    }
    if (!check_classes(b, min_classes))
        return false;
    void *less = realloc(c->bytes, b->end);
    text = c->bytes = less != NULL ? less : c->bytes;
    less = realloc(c->doc, (size_t)c->n_docs * sizeof *c->doc);
    c->doc = less != NULL ? less : c->doc;
    for (int64_t i = 0; i < c->n_docs; text += c->doc[i++].n)
        c->doc[i].text = text;
    c->paired = is_paired(c);
    if (!hash_corpus(b))
        return false;
    *out = c;
    return true;
}

void corpus_free(struct corpus *c)
{
    if (c == NULL)
        return;
    for (int32_t i = 0; i < c->n_classes; i++)
        free(c->cls[i].name);
    for (int32_t i = 0; i < c->n_kinds; i++)
        free(c->kind[i]);
    free(c->name);
    free(c->doc);
    free(c->bytes);
    free(c);
}

/* ---- from files */
static bool has_ending(const char *s, size_t n, const char *end)
{
    const size_t k = strlen(end);
    return n >= k && strncasecmp(s + n - k, end, k) == 0;
}

/* Of a packed file the name that it has unpacked counts. */
static bool ends_with(const char *path, const char *end)
{
    size_t n = strlen(path);
    if (has_ending(path, n, ".gz") || has_ending(path, n, ".xz"))
        n -= 3;
    return has_ending(path, n, end);
}

static bool starts_with(const struct text_file *t, const char *start)
{
    return t->n >= strlen(start) && memcmp(t->p, start, strlen(start)) == 0;
}

/* By content too: exports of translation memories often end in .xml. */
static bool is_tmx(const struct text_file *t, const char *path)
{
    return ends_with(path, ".tmx") || starts_with(t, "<?xml") || starts_with(t, "<tmx");
}

static bool read_class(struct corpus_builder *b, const struct text_file *t, const char *cls)
{
    const int32_t id = corpus_class_of(b, cls, strlen(cls));
    if (id < 0)
        return false;
    return ends_with(b->path, ".json")     ? corpus_read_json(b, t, id)
           : ends_with(b->path, ".jsonl")  ? corpus_read_jsonl(b, t, id)
           : ends_with(b->path, ".conllu") ? corpus_read_conllu(b, t, id)
                                           : corpus_read_lines(b, t, id);
}

static int64_t file_size(const char *path)
{
    struct stat s;
    return stat(path, &s) == 0 ? s.st_size : 0;
}

/* cls NULL: a file that names its classes. */
static bool read_file(struct corpus_builder *b, const struct corpus_spec *spec, const char *path,
                      const char *cls)
{
    const struct text_spec how = {.encoding = spec->encoding,
                                  .xml = cls == NULL,
                                  .step = spec->watch != NULL ? opening_step : NULL,
                                  .step_arg = b};
    struct text_file t;
    b->path = path;
    b->line = 0;
    b->size = file_size(path);
    b->opened = 0;
    bool ok =
        text_open(&t, path, &how, b->e) && (cls != NULL        ? read_class(b, &t, cls)
                                            : spec->words      ? corpus_read_words(b, &t, spec)
                                            : is_tmx(&t, path) ? corpus_read_tmx(b, &t)
                                                               : corpus_read_tsv(b, &t, spec));
    text_close(&t);
    b->before += b->size;
    return ok && !b->stopped;
}

static void add_file_name(char **name, const char *path)
{
    const char *slash = strrchr(path, '/'), *base = slash != NULL ? slash + 1 : path;
    char *more = *name != NULL ? xasprintf("%s, %s", *name, base) : xstrdup(base);
    free(*name);
    *name = more;
}

bool corpus_open(const struct corpus_spec *spec, struct corpus **out, struct error *e)
{
    if (spec->n_files < 0 || spec->n_files > CORPUS_MAX_CLASSES || spec->n_names < 0 ||
        spec->n_names > CORPUS_MAX_CLASSES)
        return error_set(e, ERROR_INPUT, "corpus: %d class files and %d names, expected at most %d",
                         spec->n_files, spec->n_names, CORPUS_MAX_CLASSES);
    struct corpus *c = xcalloc(1, sizeof *c);
    struct corpus_builder b = {
        .c = c, .limit = spec->limit, .split = spec->split, .watch = spec->watch, .e = e};
    bool ok = true;
    if (spec->watch != NULL) {
        int64_t total = spec->path != NULL ? file_size(spec->path) : 0;
        for (int32_t i = 0; i < spec->n_files; i++)
            total += file_size(spec->file[i].path);
        atomic_store(&spec->watch->total, total);
    }
    if (spec->path != NULL) {
        add_file_name(&c->name, spec->path);
        ok = read_file(&b, spec, spec->path, NULL);
    }
    for (int32_t i = 0; ok && i < spec->n_files; i++) {
        add_file_name(&c->name, spec->file[i].path);
        ok = read_file(&b, spec, spec->file[i].path, spec->file[i].cls);
    }
    if (c->name == NULL)
        ok = error_set(e, ERROR_INPUT, "corpus: found no file, expected one at least");
    if (ok && spec->header && !b.labelled)
        ok = error_set(e, ERROR_INPUT,
                       "--header: found no lines text<TAB>label in %s, expected some: other forms "
                       "have no header",
                       c->name);
    b.path = c->name;
    ok = ok && finish(&b, spec->min_classes, out);
    if (!ok)
        corpus_free(c);
    return ok;
}

/* ---- from memory */
static bool add_list(struct corpus_builder *b, const struct corpus_list *l)
{
    const int32_t cls = corpus_class_of(b, l->cls, strlen(l->cls));
    bool ok = cls >= 0;
    for (int64_t i = 0; ok && i < l->n; i++)
        ok = corpus_add_doc(b, cls, i + 1, l->text[i], strlen(l->text[i]));
    return ok;
}

static bool add_pairs(struct corpus_builder *b, const struct corpus_list *list, int32_t n)
{
    uint32_t classes = 0;
    int32_t cls[CORPUS_MAX_CLASSES];
    for (int32_t k = 0; k < n; k++) {
        cls[k] = corpus_class_of(b, list[k].cls, strlen(list[k].cls));
        if (cls[k] < 0)
            return false;
        if (list[k].n != list[0].n)
            return corpus_refuse(b, "found %lld texts of %s and %lld of %s, expected pairs",
                                 (long long)list[0].n, list[0].cls, (long long)list[k].n,
                                 list[k].cls);
        classes |= UINT32_C(1) << cls[k];
    }
    for (int64_t i = 0; i < list[0].n; i++)
        for (int32_t k = 0; k < n; k++) {
            const char *text = list[k].text[i];
            if (text[0] != '\0' && !(corpus_add_bytes(b, text, strlen(text)) &&
                                     corpus_end_doc(b, cls[k], (int32_t)i, i + 1)))
                return false;
        }
    return corpus_end_units(b, 0, classes);
}

bool corpus_from_lists(const char *name, const struct corpus_list *list, int32_t n_classes,
                       bool paired, int64_t limit, enum corpus_split split, struct corpus **out,
                       struct error *e)
{
    if (n_classes < 1 || n_classes > CORPUS_MAX_CLASSES)
        return error_set(e, ERROR_INPUT, "%s: %d classes, expected 1 to %d", name, n_classes,
                         CORPUS_MAX_CLASSES);
    struct corpus *c = xcalloc(1, sizeof *c);
    struct corpus_builder b = {.c = c, .limit = limit, .split = split, .path = name, .e = e};
    c->name = xstrdup(name);
    bool ok = true;
    if (paired)
        ok = add_pairs(&b, list, n_classes);
    for (int32_t k = 0; !paired && ok && k < n_classes; k++)
        ok = add_list(&b, &list[k]);
    ok = ok && finish(&b, 1, out);
    if (!ok)
        corpus_free(c);
    return ok;
}

/* ---- words */
static bool is_space(utf8proc_int32_t c)
{
    if (c < 0x80)
        return c == ' ' || (c >= '\t' && c <= '\r');
    const utf8proc_category_t kind = utf8proc_category(c);
    return c == 0x85 || kind == UTF8PROC_CATEGORY_ZS || kind == UTF8PROC_CATEGORY_ZL ||
           kind == UTF8PROC_CATEGORY_ZP;
}

int64_t corpus_words(const struct corpus_doc *d)
{
    int64_t n = 0;
    bool inside = false;
    for (size_t i = 0; i < d->n;) {
        utf8proc_int32_t c = (uint8_t)d->text[i];
        utf8proc_ssize_t k = 1;
        if (c >= 0x80)
            k = utf8proc_iterate((const utf8proc_uint8_t *)d->text + i,
                                 (utf8proc_ssize_t)(d->n - i), &c);
        const bool space = k > 0 && is_space(c);
        n += !space && !inside;
        inside = !space;
        i += k > 0 ? (size_t)k : 1;
    }
    return n;
}
