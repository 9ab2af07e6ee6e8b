/* Any bytes as text: tokens cover it in order, decode to its repaired form where NFC leaves it
 * alone, and a safe boundary is one. Run from the root of the repository. */
#include "engine/text/normalize.h"
#include "engine/text/tokenizer_private.h"
#include "engine/text/utf8.h"
#include "tests/engine/text/golden.h"
#include <stdlib.h>
#include <string.h>

static void check_order(const struct tokens *r, size_t n)
{
    size_t at = 0;
    for (size_t i = 0; i < r->n; i++) {
        const size_t start = (size_t)r->token[i].start, end = (size_t)r->token[i].end;
        if (r->token[i].start < 0 || start > at || end < at || end > n)
            abort();
        at = end;
    }
    if (at != n)
        abort();
}

static void check_decode(const struct tokenizer *t, const struct tokens *r, const char *s, size_t n)
{
    int32_t *ids = malloc((r->n + 1) * sizeof *ids);
    for (size_t i = 0; i < r->n; i++)
        ids[i] = r->token[i].id;
    char *back;
    size_t n_back;
    tokenizer_decode(t, ids, r->n, &back, &n_back);
    struct normal text;
    normal_init(&text);
    normal_set(&text, s, n, t->steps.normal, t->bmp);
    if (n_back != text.n || memcmp(back, text.s, n_back) != 0)
        abort();
    normal_release(&text);
    free(back);
    free(ids);
}

static void check_boundary(const struct tokenizer *t, const struct tokens *whole, const char *s,
                           size_t n, size_t at, bool added)
{
    const size_t b = tokenizer_safe_boundary(t, s, n, at);
    struct tokens r = {0};
    tokenizer_encode(t, s, b, added, &r.token, &r.n, &r.cap);
    tokenizer_encode(t, s + b, n - b, added, &r.token, &r.n, &r.cap);
    if (b > at || r.n != whole->n)
        abort();
    for (size_t i = 0; i < r.n; i++)
        if (r.token[i].id != whole->token[i].id)
            abort();
    free(r.token);
}

/* One of a family of tests/golden/text/families.json. */
static struct tokenizer *open_family(const char *name)
{
    json_t *all = json_load_file("tests/golden/text/families.json", 0, NULL),
           *root = changed_file(json_object_get(all, name));
    char *text = json_dumps(root, 0);
    struct tokenizer *t = NULL;
    struct error e = {0};
    if (text == NULL || !tokenizer_from_json(name, text, strlen(text), &t, &e))
        abort();
    free(text);
    json_decref(root);
    json_decref(all);
    return t;
}

static const struct tokenizer *tokenizer_of(unsigned which)
{
    static const char *const family[] = {NULL, "llama2", "gemma", "llama3"};
    static struct tokenizer *t[4];
    struct error e = {0};
    if (t[which] == NULL && family[which] != NULL)
        t[which] = open_family(family[which]);
    if (t[which] == NULL && !tokenizer_open("tests/golden/text", &t[which], &e))
        abort();
    return t[which];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    const struct tokenizer *t = tokenizer_of(data[0] >> 1 & 3);
    const bool added = (data[0] & 1) != 0;
    const char *s = (const char *)data + 2;
    const size_t n = size - 2;
    struct tokens r = {0};
    tokenizer_encode(t, s, n, added, &r.token, &r.n, &r.cap);
    check_order(&r, n);
    if (!added)
        check_decode(t, &r, s, n);
    check_boundary(t, &r, s, n, n * data[1] / 255, added);
    free(r.token);
    return 0;
}
