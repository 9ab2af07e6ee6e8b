/* Pre-tokenisers: they cut text into words, between which BPE never merges.
 *
 * SPLIT_GPT2 (Radford et al. 2019, encoder.py): 's|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+|
 * ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+
 * SPLIT_LLAMA3 (Meta 2024; OpenAI's cl100k): (?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|
 * \p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+
 * SPLIT_QWEN2 (Qwen 2023): the same with \p{N} for \p{N}{1,3}.
 * SPLIT_SPACES: every space begins a word (Metaspace). SPLIT_RUNS: every run of spaces does. */
#ifndef GLIMT_TEXT_SPLIT_H
#define GLIMT_TEXT_SPLIT_H
#include <stddef.h>
#include <stdint.h>

enum split {
    SPLIT_NONE, /* all of it is one word */
    SPLIT_GPT2,
    SPLIT_LLAMA3,
    SPLIT_QWEN2,
    SPLIT_SPACES,
    SPLIT_RUNS,
};

/* The end of the word that begins at `at` < n. s: valid UTF-8; bmp: of unicode_fill_bmp. */
size_t split_next(enum split, const uint8_t *bmp, const char *s, size_t n, size_t at);
#endif
