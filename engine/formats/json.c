#include "engine/formats/json.h"
#include "engine/formats/mapping.h"
#include <stdlib.h>

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

json_t *json_parse_object(const char *text, size_t n, const char *what, struct error *e)
{
    json_error_t why;
    json_t *j = json_loadb(text, n, JSON_REJECT_DUPLICATES, &why);
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
