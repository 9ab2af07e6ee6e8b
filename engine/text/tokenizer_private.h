/* The inside of a tokenizer, shared by its reader (tokenizer_file.c), its encoder (tokenizer.c) and
 * the fuzzers. */
#ifndef GLIMT_TEXT_TOKENIZER_PRIVATE_H
#define GLIMT_TEXT_TOKENIZER_PRIVATE_H
#include "engine/base/strbuf.h"
#include "engine/text/added.h"
#include "engine/text/bpe.h"
#include "engine/text/tokenizer.h"

enum {
    TOKENIZER_MAX_ID = (1 << 22) - 1,       /* bounds what a hostile file can make us allocate */
    TOKENIZER_MAX_FILE = 256 * 1024 * 1024, /* bytes */
};

struct tokenizer {
    uint8_t bmp[0x10000]; /* unicode_fill_bmp */
    struct bpe bpe;
    struct added_set raw, normalized; /* matched before and after NFC */
    bool nfc, prefix_space, words;    /* words: cut by GPT-2's expression */
    struct token_bytes {
        size_t at, n; /* bytes in the pool; n 0: no such id */
    } * by_id;
    int32_t n_vocab, eot;
    struct strbuf pool;
};

/* From the text of a tokenizer.json; `name` is what errors call it. */
bool tokenizer_from_json(const char *name, const char *json, size_t n, struct tokenizer **out,
                         struct error *e);
/* From the texts of GPT-2's vocab.json and merges.txt, called so in errors. */
bool tokenizer_from_gpt2(const char *vocab_name, const char *vocab, size_t n_vocab,
                         const char *merges_name, const char *merges, size_t n_merges,
                         struct tokenizer **out, struct error *e);
#endif
