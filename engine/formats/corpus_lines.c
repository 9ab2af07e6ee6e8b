/* Corpora that are lines: labelled text, one text a line, the `# text` lines of CoNLL-U, JSON
 * objects; and a JSON list of strings. */
#include "engine/base/memory.h"
#include "engine/formats/corpus_private.h"
#include "engine/formats/json.h"
#include <stdio.h>
#include <string.h>
#include <strings.h>

struct cursor {
    const char *p, *end, *begin;
};

static struct cursor begin(const struct text_file *t)
{
    return (struct cursor){t->p, t->p + t->n, t->p};
}

/* The next line without its end (\n or \r\n). */
static bool next_line(struct corpus_builder *b, struct cursor *c, const char **line, size_t *n)
{
    enum { LINES_A_STEP = 4096 };
    if (c->p == c->end || (b->line % LINES_A_STEP == 0 &&
                           !corpus_step(b, (size_t)(c->p - c->begin), (size_t)(c->end - c->begin))))
        return false;
    const char *end = memchr(c->p, '\n', (size_t)(c->end - c->p));
    *line = c->p;
    *n = (size_t)((end != NULL ? end : c->end) - c->p);
    c->p = end != NULL ? end + 1 : c->end;
    if (*n > 0 && (*line)[*n - 1] == '\r')
        --*n;
    b->line++;
    return true;
}

/* ---- text<TAB>label */
/* A label 0 … n−1 stands for one of the names. */
static bool name_of(const struct corpus_spec *spec, const char **label, size_t *n)
{
    int32_t number = 0;
    if (*n < 1 || *n > 2 || ((*label)[0] == '0' && *n > 1))
        return false;
    for (size_t i = 0; i < *n; i++) {
        if ((*label)[i] < '0' || (*label)[i] > '9')
            return false;
        number = number * 10 + ((*label)[i] - '0');
    }
    if (number >= spec->n_names)
        return false;
    *label = spec->name[number];
    *n = strlen(*label);
    return true;
}

static bool add_labelled(struct corpus_builder *b, const struct corpus_spec *spec, const char *line,
                         size_t n)
{
    const char *tab = n > 0 ? memrchr(line, '\t', n) : NULL;
    if (tab == NULL)
        return corpus_refuse(b,
                             "found %s, expected text<TAB>label (a file of one class: "
                             "--class NAME=FILE)",
                             n > 0 ? "a line without a tab" : "an empty line");
    const char *label = tab + 1;
    size_t n_label = n - (size_t)(label - line);
    name_of(spec, &label, &n_label);
    const int32_t cls = corpus_class_of(b, label, n_label);
    return cls >= 0 && corpus_add_doc(b, cls, b->line, line, (size_t)(tab - line));
}

/* ---- a first line that names columns */
static bool is_one_of(const char *p, size_t n, const char *const *word)
{
    for (; *word != NULL; word++)
        if (strlen(*word) == n && strncasecmp(p, *word, n) == 0)
            return true;
    return false;
}

/* "text", "id<TAB>sentence": names, each a single word; *is_text: one of them is usual for text. */
static bool names_columns(const char *p, size_t n, bool *is_text)
{
    static const char *const usual[] = {
        "text",    "texts",     "sentence", "sentences", "document", "doc",       "content", "line",
        "segment", "utterance", "tekst",    "tekster",   "sætning",  "sætninger", "linje",   NULL};
    *is_text = false;
    for (size_t at = 0, len; at <= n; at += len + 1) {
        const char *tab = memchr(p + at, '\t', n - at);
        len = tab != NULL ? (size_t)(tab - p) - at : n - at;
        if (len == 0 || memchr(p + at, ' ', len) != NULL)
            return false;
        *is_text = *is_text || is_one_of(p + at, len, usual);
    }
    return true;
}

/* Does some line of the rest give the label to another text? Then it is a class. */
static bool labels_more(struct cursor rest, const char *text, size_t n_text, const char *label,
                        size_t n_label)
{
    while (rest.p < rest.end) {
        const char *line = rest.p, *end = memchr(line, '\n', (size_t)(rest.end - line));
        rest.p = end != NULL ? end + 1 : rest.end;
        size_t n = (size_t)((end != NULL ? end : rest.end) - line);
        n -= n > 0 && line[n - 1] == '\r';
        if (n <= n_label || line[n - n_label - 1] != '\t' ||
            memcmp(line + n - n_label, label, n_label) != 0)
            continue;
        if (n - n_label - 1 != n_text || memcmp(line, text, n_text) != 0)
            return true;
    }
    return false;
}

static bool is_header(const struct corpus_spec *spec, const char *line, size_t n,
                      struct cursor rest)
{
    static const char *const usual[] = {
        "label", "labels", "class",  "classes", "category", "lang",   "language", "target",
        "tag",   "y",      "klasse", "sprog",   "kategori", "etiket", "mærke",    NULL};
    const char *tab = n > 0 ? memrchr(line, '\t', n) : NULL;
    bool is_text;
    if (tab == NULL || !names_columns(line, (size_t)(tab - line), &is_text))
        return false;
    const size_t n_label = n - (size_t)(tab + 1 - line);
    const char *label = tab + 1;
    size_t n_name = n_label;
    if (name_of(spec, &label, &n_name)) /* 0: no name of a column */
        return false;
    return (is_text || is_one_of(tab + 1, n_label, usual)) &&
           !labels_more(rest, line, (size_t)(tab - line), tab + 1, n_label);
}

/* Takes the header that is there; false: one that nobody spoke of. */
static bool pass_header(struct corpus_builder *b, struct cursor *c, const struct corpus_spec *spec)
{
    struct cursor rest = *c;
    const char *line;
    size_t n;
    if (!next_line(b, &rest, &line, &n)) {
        b->line = 0;
        return true;
    }
    if (!spec->header && is_header(spec, line, n, rest)) {
        const char *tab = memrchr(line, '\t', n);
        const int n_text = tab - line < 40 ? (int)(tab - line) : 40;
        return corpus_refuse(b,
                             "found \"%.*s<TAB>%.*s\", which looks like a header, expected "
                             "text<TAB>label (--header, :header on skip the first line)",
                             n_text, line, (int)(line + n - tab - 1), tab + 1);
    }
    if (spec->header)
        *c = rest;
    else
        b->line = 0;
    return true;
}

bool corpus_read_tsv(struct corpus_builder *b, const struct text_file *t,
                     const struct corpus_spec *spec)
{
    struct cursor c = begin(t);
    const char *line;
    size_t n;
    b->labelled = true;
    bool ok = (b->limit > 0 || corpus_reserve(b, t->n)) && pass_header(b, &c, spec);
    while (ok && next_line(b, &c, &line, &n)) {
        if (n == 0 && c.p == c.end)
            break; /* an empty last line */
        ok = add_labelled(b, spec, line, n);
    }
    return ok;
}

/* ---- word<TAB>class[<TAB>kind] */
struct field {
    const char *p;
    size_t n;
};

/* The fields of a line without blanks around them; how many there are, of which 3 are given. */
static int fields_of(const char *line, size_t n, struct field out[3])
{
    int count = 0;
    for (size_t at = 0, len; at <= n; at += len + 1, count++) {
        const char *tab = memchr(line + at, '\t', n - at);
        len = tab != NULL ? (size_t)(tab - line) - at : n - at;
        struct field f = {line + at, len};
        while (f.n > 0 && *f.p == ' ')
            f.p++, f.n--;
        while (f.n > 0 && f.p[f.n - 1] == ' ')
            f.n--;
        if (count < 3)
            out[count] = f;
    }
    return count;
}

static bool names_word_columns(const struct field f[3])
{
    static const char *const word[] = {"word", "words", "ord", NULL}, *const cls[] = {
                                                                          "class",  "label",
                                                                          "gender", "klasse",
                                                                          "køn",    NULL};
    return is_one_of(f[0].p, f[0].n, word) && is_one_of(f[1].p, f[1].n, cls);
}

static int32_t kind_of(struct corpus_builder *b, struct field f)
{
    struct corpus *c = b->c;
    for (int32_t i = 0; i < c->n_kinds; i++)
        if (strlen(c->kind[i]) == f.n && memcmp(c->kind[i], f.p, f.n) == 0)
            return i;
    if (c->n_kinds == CORPUS_MAX_KINDS) {
        corpus_refuse(b, "found \"%.*s\" as one kind more, expected at most %d kinds", (int)f.n,
                      f.p, CORPUS_MAX_KINDS);
        return -1;
    }
    c->kind[c->n_kinds] = xstrndup(f.p, f.n);
    return c->n_kinds++;
}

static bool add_word(struct corpus_builder *b, const struct field *f, int n)
{
    static const char expected[] = "expected word<TAB>class[<TAB>kind]";
    if (n < 2)
        return corpus_refuse(b, "found a line without a tab, %s", expected);
    if (n > 3)
        return corpus_refuse(b, "found %d fields, %s", n, expected);
    if (f[0].n == 0)
        return corpus_refuse(b, "found no word, %s", expected);
    const int32_t cls = corpus_class_of(b, f[1].p, f[1].n);
    const int64_t before = b->c->n_docs;
    if (cls < 0 || !corpus_add_doc(b, cls, b->line, f[0].p, f[0].n))
        return false;
    if (n == 3 && f[2].n > 0 && b->c->n_docs > before) {
        int32_t kind = kind_of(b, f[2]);
        b->c->doc[before].kind = kind;
        return kind >= 0;
    }
    return true;
}

bool corpus_read_words(struct corpus_builder *b, const struct text_file *t,
                       const struct corpus_spec *spec)
{
    struct cursor c = begin(t);
    const char *line;
    size_t n;
    bool ok = true, first = true;
    b->labelled = true;
    while (ok && next_line(b, &c, &line, &n)) {
        struct field f[3] = {{NULL, 0}};
        if (n == 0 || line[0] == '#')
            continue;
        const int count = fields_of(line, n, f);
        const bool header = first && (spec->header || (count >= 2 && names_word_columns(f)));
        first = false;
        ok = header || add_word(b, f, count);
    }
    return ok;
}

/* ---- one class a file */
bool corpus_read_lines(struct corpus_builder *b, const struct text_file *t, int32_t cls)
{
    struct cursor c = begin(t);
    const char *line;
    size_t n;
    bool ok = b->limit > 0 || corpus_reserve(b, t->n);
    while (ok && next_line(b, &c, &line, &n))
        ok = corpus_add_doc(b, cls, b->line, line, n);
    return ok;
}

static size_t skip_blanks(const char *line, size_t n, size_t i)
{
    while (i < n && (line[i] == ' ' || line[i] == '\t'))
        i++;
    return i;
}

/* Where the text begins in a line like "# text = …"; 0: in none. */
static size_t conllu_text(const char *line, size_t n)
{
    if (n == 0 || line[0] != '#')
        return 0;
    size_t i = skip_blanks(line, n, 1);
    if (n - i < 4 || memcmp(line + i, "text", 4) != 0)
        return 0;
    i = skip_blanks(line, n, i + 4);
    if (i == n || line[i] != '=')
        return 0;
    i++;
    return i < n && line[i] == ' ' ? i + 1 : i;
}

bool corpus_read_conllu(struct corpus_builder *b, const struct text_file *t, int32_t cls)
{
    struct cursor c = begin(t);
    const char *line;
    size_t n;
    bool ok = true;
    while (ok && next_line(b, &c, &line, &n)) {
        const size_t text = conllu_text(line, n);
        if (text > 0)
            ok = corpus_add_doc(b, cls, b->line, line + text, n - text);
    }
    return ok;
}

struct json_text { /* handed on piece by piece */
    struct corpus_builder *b;
    struct cursor c;
};

static size_t next_bytes(void *buffer, size_t room, void *arg)
{
    struct json_text *t = arg;
    const size_t left = (size_t)(t->c.end - t->c.p), n = left < room ? left : room;
    if (!corpus_step(t->b, (size_t)(t->c.p - t->c.begin), (size_t)(t->c.end - t->c.begin)))
        return (size_t)-1;
    memcpy(buffer, t->c.p, n);
    t->c.p += n;
    return n;
}

bool corpus_read_json(struct corpus_builder *b, const struct text_file *t, int32_t cls)
{
    const struct cursor c = begin(t);
    struct json_text text = {b, c};
    json_error_t why = {0};
    json_t *list =
        c.p != c.end ? json_load_callback(next_bytes, &text, JSON_ALLOW_NUL | JSON_DECODE_ANY, &why)
                     : NULL;
    if (b->stopped) {
        json_decref(list);
        return false;
    }
    if (list == NULL)
        return c.p == c.end ? corpus_refuse(b, "found an empty file, expected a list of strings")
                            : corpus_refuse(b, "not valid JSON (line %d, column %d: %s)", why.line,
                                            why.column, why.text);
    bool ok = json_is_array(list) ||
              corpus_refuse(b, "found %s, expected a list of strings", json_kind(list));
    for (size_t i = 0; ok && i < json_array_size(list); i++) {
        const json_t *s = json_array_get(list, i);
        ok = json_is_string(s)
                 ? corpus_add_doc(b, cls, (int64_t)i + 1, json_string_value(s),
                                  json_string_length(s))
                 : corpus_refuse(b, "element %zu of the list is %s, expected a string", i,
                                 json_kind(s));
    }
    json_decref(list);
    return ok;
}

static bool add_object(struct corpus_builder *b, int32_t cls, const char *line, size_t n)
{
    json_error_t why = {0};
    json_t *o = json_loadb(line, n, JSON_ALLOW_NUL | JSON_DECODE_ANY, &why);
    if (o == NULL)
        return corpus_refuse(b, "not valid JSON (column %d: %s)", why.column, why.text);
    const json_t *text = json_object_get(o, "text");
    const bool ok =
        json_is_string(text)
            ? corpus_add_doc(b, cls, b->line, json_string_value(text), json_string_length(text))
        : !json_is_object(o)
            ? corpus_refuse(b, "found %s, expected an object with \"text\"", json_kind(o))
        : text == NULL ? corpus_refuse(b, "found an object without \"text\", expected one with it")
                       : corpus_refuse(b, "\"text\" is %s, expected a string", json_kind(text));
    json_decref(o);
    return ok;
}

bool corpus_read_jsonl(struct corpus_builder *b, const struct text_file *t, int32_t cls)
{
    struct cursor c = begin(t);
    const char *line;
    size_t n;
    bool ok = true;
    while (ok && next_line(b, &c, &line, &n))
        if (skip_blanks(line, n, 0) < n)
            ok = add_object(b, cls, line, n);
    return ok;
}
