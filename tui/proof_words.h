/* The proof of an SAE (engine/study/proof.c) in words, line by line: what the command line prints
 * and the explorer's page shows. */
#ifndef GLIMT_TUI_PROOF_WORDS_H
#define GLIMT_TUI_PROOF_WORDS_H
#include "engine/base/table.h"

struct proof_line {
    const char *name; /* "k", "FVU"; "" of a line that introduces what follows */
    char says[200];
    const char *source; /* of a fact: where it comes from, borrowed from the table; else NULL */
    bool warning;
};
/* Line i of a finished proof; false: there are fewer. */
bool proof_words(const struct table_set *, int i, struct proof_line *out);
#endif
