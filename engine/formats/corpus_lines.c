/* Corpora that are lines: labelled text, one text a line, the `# text` lines of CoNLL-U; and a
 * JSON list of strings. */
#include "engine/formats/corpus_private.h"
#include "engine/formats/json.h"
#include <stdio.h>
#include <string.h>

struct cursor {
    const char *p, *end;
};

/* A byte order mark belongs to the file, not to its first text. */
static struct cursor begin(const struct mapping *m)
{
    const char *p = m->n > 0 ? (const char *)m->p : "";
    struct cursor c = {p, p + m->n};
    if (m->n >= 3 && memcmp(m->p, "\xef\xbb\xbf", 3) == 0)
        c.p += 3;
    return c;
}

/* The next line without its end (\n or \r\n). */
static bool next_line(struct corpus_builder *b, struct cursor *c, const char **line, size_t *n)
{
    if (c->p == c->end)
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

bool corpus_read_tsv(struct corpus_builder *b, const struct mapping *m,
                     const struct corpus_spec *spec)
{
    struct cursor c = begin(m);
    const char *line;
    size_t n;
    bool ok = b->limit > 0 || corpus_reserve(b, m->n);
    while (ok && next_line(b, &c, &line, &n)) {
        if (n == 0 && c.p == c.end)
            break; /* an empty last line */
        ok = add_labelled(b, spec, line, n);
    }
    return ok;
}

/* ---- one class a file */
bool corpus_read_lines(struct corpus_builder *b, const struct mapping *m, int32_t cls)
{
    struct cursor c = begin(m);
    const char *line;
    size_t n;
    bool ok = b->limit > 0 || corpus_reserve(b, m->n);
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

bool corpus_read_conllu(struct corpus_builder *b, const struct mapping *m, int32_t cls)
{
    struct cursor c = begin(m);
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

bool corpus_read_json(struct corpus_builder *b, const struct mapping *m, int32_t cls)
{
    struct cursor c = begin(m);
    json_error_t why = {0};
    json_t *list = c.p != c.end ? json_loadb(c.p, (size_t)(c.end - c.p),
                                             JSON_ALLOW_NUL | JSON_DECODE_ANY, &why)
                                : NULL;
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
