/* The proof panel of an SAE (engine/study/proof.c), printed. Private to tui/cli. */
#ifndef GLIMT_TUI_PROOF_H
#define GLIMT_TUI_PROOF_H
#include "tui/cli/command.h"

void proof_text(const struct table_set *, struct strbuf *out);
json_t *proof_json(const struct table_set *);
#endif
