/* BPE tokenizers of Hugging Face's tokenizer.json (also vocab.json + merges.txt), with the
 * alignment of tokens to what was typed: of bytes (GPT-2, GPT-NeoX, Llama 3, Qwen 2), or of
 * characters with bytes for those that are no token (SentencePiece: Llama 2, Gemma).
 *
 * Pipeline: normalizer (NFC, marks for spaces) → pre-tokenizer (split.h) → BPE by merge rank.
 * Unicode classes come from a generated table (Unicode version as in tokenizers 0.23), NFC
 * likewise; ids are identical to Hugging Face's. What else a file asks for is refused by name.
 * Special added tokens (<|endoftext|>) count as plain text unless asked for; others (NeoX's runs of
 * spaces) are part of the vocabulary and always found. Immutable after opening; any thread. */
#ifndef GLIMT_TEXT_TOKENIZER_H
#define GLIMT_TEXT_TOKENIZER_H
#include "engine/base/error.h"
#include <stddef.h>
#include <stdint.h>

struct tokenizer;

/* dir: a folder with tokenizer.json, or with vocab.json and merges.txt; or the path of a
 * tokenizer.json. */
bool tokenizer_open(const char *dir, struct tokenizer **out, struct error *e);
void tokenizer_free(struct tokenizer *);
int32_t tokenizer_n_vocab(const struct tokenizer *); /* highest id + 1 */
int32_t tokenizer_eot(const struct tokenizer *);     /* <|endoftext|>, <|end_of_text|>, </s>, <eos>
                                                        (the first there is); −1: none */

struct token {
    int32_t id;
    int32_t start, end; /* bytes of the *input* that it came from (before NFC); a token inside a
                           character keeps the character's bytes it stands for, and several tokens
                           may share the bytes that NFC merged */
};

/* Encodes n bytes, not NUL-terminated, any bytes: an invalid UTF-8 byte is encoded as U+FFFD, as a
 * decoder with replacement would give it. n < 2³¹. Appends to *out (grown, *n_out tokens, *cap);
 * caller frees *out. */
void tokenizer_encode(const struct tokenizer *, const char *utf8, size_t n, bool added_tokens,
                      struct token **out, size_t *n_out, size_t *cap);
/* The first special token that stands in the text spelled out, from byte `from` on; false: none. */
bool tokenizer_find_special(const struct tokenizer *, const char *utf8, size_t n, size_t from,
                            size_t *start, size_t *end);
/* The last byte offset b ≤ `at` (a position of the input) that is known to be safe: encoding [0, b)
 * and [b, n) apart gives the tokens of encoding [0, n) whole, with and without special tokens. Only
 * bytes before `at` are looked at, so b holds before and after an edit at `at` alike: it is where
 * tokenising begins again, and all tokens before it stay. Usually a word back, also when at == n; 0
 * is always safe. */
size_t tokenizer_safe_boundary(const struct tokenizer *, const char *utf8, size_t n, size_t at);

/* The raw bytes of a token, with spaces for SentencePiece's marks (not NUL-terminated; may be no
 * valid UTF-8 by itself). Unknown id: *n = 0. */
const char *tokenizer_bytes(const struct tokenizer *, int32_t id, size_t *n);
/* Bytes of ids one after the other; caller frees *out. */
void tokenizer_decode(const struct tokenizer *, const int32_t *ids, size_t n, char **out,
                      size_t *n_out);
#endif
