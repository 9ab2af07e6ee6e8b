/* A session as lines that are only ever added to a file: what it began with, then everything that
 * was done, so that a kill loses nothing and undo goes on where it was.
 *
 * A line is 16 hex digits, a blank and a JSON object; the digits begin the SHA-256 of the object's
 * bytes. What is read ends before the first line that is not as it must be. */
#ifndef GLIMT_TUI_JOURNAL_H
#define GLIMT_TUI_JOURNAL_H
#include "engine/base/hash.h"
#include "engine/base/strbuf.h"
#include "tui/history.h"
#include "tui/state.h"

#define JOURNAL_MAX_HISTORY ((size_t)16 << 20) /* bytes of text that undo can bring back */

/* Appends the beginning: the state with its text, and the history around what is in force, up to
 * JOURNAL_MAX_HISTORY. files: those that the state lies or will lie in (two). */
void journal_begin(struct strbuf *, const struct saved_state *, const struct history *,
                   const struct sha256 files[2]);
/* dicts: of the state that was written last. */
void journal_note(struct strbuf *, const struct dict_set *dicts, const struct history_note *);
/* How things look now: everything of the state but its text. */
void journal_look(struct strbuf *, const struct saved_state *);
/* The state file becomes one with this content: said before, and again when it is. */
void journal_file(struct strbuf *, const struct sha256 *);

struct journal {
    bool valid;               /* it has a beginning: state and history are what it led to */
    struct saved_state state; /* with text */
    struct history history;
    struct sha256 file[2]; /* what the state file can be */
    size_t n_good;         /* bytes understood, whole lines */
};
/* Reads n bytes of any kind. Always initialises *out; journal_release frees. */
void journal_read(const char *bytes, size_t n, struct journal *out);
void journal_release(struct journal *);
bool journal_knows(const struct journal *, const struct sha256 *file);
#endif
