#include "engine/formats/json.h"
#include "engine/base/strbuf.h"
#include "engine/formats/mapping.h"
#include <stdlib.h>
#include <string.h>

const char *json_kind(const json_t *j)
{
    if (j == NULL)
        return "nothing";
    switch (json_typeof(j)) {
    case JSON_OBJECT: return "an object";
    case JSON_ARRAY: return "a list";
    case JSON_STRING: return "a string";
    case JSON_INTEGER: return "an integer";
    case JSON_REAL: return "a number";
    case JSON_TRUE:
    case JSON_FALSE: return "a truth value";
    case JSON_NULL: return "null";
    }
    return "something else";
}

/* With null for the numbers that Python writes and JSON has not. */
static void add_without_nan(const char *text, size_t n, struct strbuf *out)
{
    static const char *const words[] = {"NaN", "Infinity", "-Infinity"};
    bool in_string = false;
    for (size_t i = 0; i < n;) {
        size_t skip = 0;
        for (size_t w = 0; !in_string && w < sizeof words / sizeof *words && !skip; w++)
            if (n - i >= strlen(words[w]) && memcmp(text + i, words[w], strlen(words[w])) == 0)
                skip = strlen(words[w]);
        if (skip) {
            strbuf_adds(out, "null");
            i += skip;
            continue;
        }
        const size_t escaped = in_string && text[i] == '\\' && i + 1 < n;
        in_string ^= text[i] == '"';
        strbuf_add(out, text + i, 1 + escaped);
        i += 1 + escaped;
    }
}

static json_t *load(const char *text, size_t n, json_error_t *why)
{
    json_error_t again;
    struct strbuf plain;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, why);
    if (j != NULL || (memmem(text, n, "NaN", 3) == NULL && memmem(text, n, "Infinity", 8) == NULL))
        return j;
    strbuf_init(&plain);
    add_without_nan(text, n, &plain);
    j = json_loadb(plain.s, plain.len, JSON_REJECT_DUPLICATES, &again);
    strbuf_release(&plain);
    return j; /* where it is wrong otherwise, the first complaint has the file's own columns */
}

json_t *json_parse_object(const char *text, size_t n, const char *what, struct error *e)
{
    json_error_t why;
    json_t *j = load(text, n, &why);
    if (j == NULL) {
        error_set(e, ERROR_INPUT, "%s: not valid JSON (line %d, column %d: %s)", what, why.line,
                  why.column, why.text);
        return NULL;
    }
    if (!json_is_object(j)) {
        error_set(e, ERROR_INPUT, "%s: found %s, expected a JSON object", what, json_kind(j));
        json_decref(j);
        return NULL;
    }
    return j;
}

json_t *json_read_object(const char *path, size_t limit, struct error *e)
{
    char *text = NULL;
    size_t n = 0;
    if (!file_read(path, limit, &text, &n, e))
        return NULL;
    json_t *j = json_parse_object(text, n, path, e);
    free(text);
    return j;
}
