/* Any bytes as a tokenizer.json, or, when the first byte says so, as vocab.json and merges.txt;
 * what opens must encode, decode and cut without reading where it should not. */
#include "engine/text/tokenizer_private.h"
#include <stdlib.h>
#include <string.h>

static void use(const struct tokenizer *t, const char *s, size_t n, bool added)
{
    struct token *token = NULL;
    size_t n_tokens = 0, cap = 0;
    tokenizer_encode(t, s, n, added, &token, &n_tokens, &cap);
    for (size_t i = 0; i < n_tokens; i++) {
        size_t len;
        tokenizer_bytes(t, token[i].id, &len);
        if (token[i].start < 0 || token[i].start > token[i].end || (size_t)token[i].end > n)
            abort();
    }
    if (tokenizer_safe_boundary(t, s, n, n / 2) > n / 2)
        abort();
    free(token);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char text[] = "The <|endoftext|>  bl\xC3\xA5 e\xCC\x81 \xFF x's\n\n abab ";
    const char *s = (const char *)data;
    const char *cut = size > 0 ? memchr(s, '\x01', size) : NULL;
    struct tokenizer *t = NULL;
    struct error e = {0};
    const size_t n_first = cut != NULL ? (size_t)(cut - s) : size;
    const bool ok = cut != NULL ? tokenizer_from_gpt2("vocab.json", s, n_first, "merges.txt",
                                                      cut + 1, size - n_first - 1, &t, &e)
                                : tokenizer_from_json("tokenizer.json", s, size, &t, &e);
    if (ok == error_is_set(&e))
        abort();
    if (ok) {
        use(t, text, sizeof text - 1, true);
        use(t, text, sizeof text - 1, false);
        use(t, s, size < 2048 ? size : 2048, true);
        tokenizer_free(t);
    }
    return 0;
}
