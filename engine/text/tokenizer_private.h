/* The inside of a tokenizer, shared by its reader (tokenizer_file.c), its encoder (tokenizer.c) and
 * the fuzzers. */
#ifndef GLIMT_TEXT_TOKENIZER_PRIVATE_H
#define GLIMT_TEXT_TOKENIZER_PRIVATE_H
#include "engine/base/strbuf.h"
#include "engine/text/added.h"
#include "engine/text/bpe.h"
#include "engine/text/normalize.h"
#include "engine/text/split.h"
#include "engine/text/tokenizer.h"
#include "engine/text/words.h"
#include <jansson.h>

enum {
    TOKENIZER_MAX_ID = (1 << 22) - 1,       /* bounds what a hostile file can make us allocate */
    TOKENIZER_MAX_FILE = 256 * 1024 * 1024, /* bytes */
};

/* What stands before the merges: normalizer and pre-tokenizer. */
struct steps {
    struct normal_how normal;
    enum split split;
    enum prefix { /* a space before a stretch between added tokens that does not begin with one */
                  PREFIX_NONE,
                  PREFIX_EVERY,
                  PREFIX_FIRST, /* the one that begins the text */
    } prefix;
    bool characters; /* words are made of characters, or of the bytes of those that are no token;
                        else of bytes */
};

struct tokenizer {
    uint8_t bmp[0x10000]; /* unicode_fill_bmp */
    struct steps steps;
    bool whole_words; /* a word that is a token is that token, whatever the merges say */
    struct bpe bpe;
    int32_t ascii_id[128];            /* of characters; −1: no token */
    struct words words;               /* the other characters, or whole words */
    struct added_set raw, normalized; /* matched before and after normalising */
    struct token_bytes {
        size_t at, n; /* bytes in the pool; n 0: no such id */
    } * by_id;
    int32_t n_vocab, eot;
    struct strbuf pool;
};

/* Reads "normalizer" and "pre_tokenizer" of a tokenizer.json; false and *e: one that is not known,
 * by its name. */
const char *tokenizer_part(const json_t *part); /* its "type", for errors and to tell it by */
bool steps_read(const char *name, const json_t *root, struct steps *out, struct error *e);

/* From the text of a tokenizer.json; `name` is what errors call it. */
bool tokenizer_from_json(const char *name, const char *json, size_t n, struct tokenizer **out,
                         struct error *e);
/* From the texts of GPT-2's vocab.json and merges.txt, called so in errors. */
bool tokenizer_from_gpt2(const char *vocab_name, const char *vocab, size_t n_vocab,
                         const char *merges_name, const char *merges, size_t n_merges,
                         struct tokenizer **out, struct error *e);
#endif
