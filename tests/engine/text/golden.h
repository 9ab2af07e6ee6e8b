/* What the tests of engine/text share: reading tests/golden/text/, written by
 * tests/reference/text.py and unicode_tables.py. */
#ifndef GLIMT_TESTS_TEXT_GOLDEN_H
#define GLIMT_TESTS_TEXT_GOLDEN_H
#include "engine/text/tokenizer.h"
#include "tests/support/testdata.h"
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The tokens of one encode; free with free(). */
struct tokens {
    struct token *token;
    size_t n, cap;
};

static inline struct tokens encode(const struct tokenizer *t, const char *s, size_t n,
                                   bool added_tokens)
{
    struct tokens r = {0};
    tokenizer_encode(t, s, n, added_tokens, &r.token, &r.n, &r.cap);
    return r;
}

/* tests/golden/text/ITS "of" with some keys replaced, those of its model one by one; decref. */
static inline json_t *changed_file(const json_t *changes)
{
    char name[128];
    const char *of = json_string_value(json_object_get(changes, "of")), *key;
    snprintf(name, sizeof name, "tests/golden/text/%s", of != NULL ? of : "tokenizer.json");
    json_t *root = json_load_file(name, 0, NULL), *value;
    json_t *model = json_object_get(root, "model"), *vocab = json_object_get(model, "vocab");
    json_object_foreach((json_t *)(uintptr_t)changes, key, value)
    {
        if (strcmp(key, "model") != 0) {
            json_object_set(root, key, value);
            continue;
        }
        json_incref(vocab);
        json_object_update(vocab, json_object_get(value, "vocab"));
        json_object_update(model, value);
        json_object_set_new(model, "vocab", vocab);
    }
    return root;
}

/* The next line of *rest, without its end; *rest goes on behind it. NULL: no more. */
static inline char *next_line(char **rest)
{
    char *line = *rest, *end = strchr(line, '\n');
    if (end == NULL)
        return NULL;
    *end = '\0';
    *rest = end + 1;
    return line;
}

/* Decodes a line of hex in place; the number of bytes. */
static inline size_t unhex(char *line)
{
    size_t n = 0;
    for (; line[2 * n] != '\0'; n++) {
        const char two[3] = {line[2 * n], line[2 * n + 1], '\0'};
        line[n] = (char)strtoul(two, NULL, 16);
    }
    return n;
}
#endif
