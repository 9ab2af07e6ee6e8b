/* A session on disk, held by one glimt at a time: NAME.json (the state; glimt.5, SESSION),
 * NAME.journal (what led there, with undo) and NAME.lock in the folder of session.json. */
#ifndef GLIMT_TUI_KEPT_H
#define GLIMT_TUI_KEPT_H
#include "engine/base/strbuf.h"
#include "tui/history.h"
#include "tui/state.h"

struct kept;

struct kept_start { /* what it begins with */
    bool restored;  /* state and history are those it was left with, or a new one's beside others */
    struct saved_state state;
    struct history history;
    char said[sizeof((struct error *)0)->text]; /* "": nothing is to be told */
    bool said_error;
};

/* Takes the session NAME, or (NULL) the one used last that nobody holds; where all are held, a new
 * one that looks like the last and has no text. The caller owns *out and what is in *start. False:
 * no such name can be, or another glimt holds it. Where the folder can't be read or locked it is
 * taken all the same; the first change then says what is wrong. */
bool kept_take(const char *name, struct kept **out, struct kept_start *start, struct error *e);
void kept_release(struct kept *);
const char *kept_name(const struct kept *);

/* What happened since the last call goes behind the journal at kept_append: what was done with the
 * history, and how things look (a state whose text doesn't count). */
void kept_note(struct kept *, const struct history_note *);
void kept_look(struct kept *, const struct saved_state *);
/* False: it can't be, or not cheaply: kept_save must do it. */
bool kept_append(struct kept *);
/* Writes the state and what the journal lacks. False and *e when something could not be written. */
bool kept_save(struct kept *, const struct saved_state *, const struct history *, struct error *e);
/* Something that happened in this run is in no file. */
bool kept_unsaved(const struct kept *);

/* Puts the state elsewhere: $XDG_RUNTIME_DIR, $TMPDIR, /tmp, /var/tmp, $HOME, whichever takes it.
 * Its path, the caller frees; NULL: nowhere. */
char *kept_rescue(const struct saved_state *);
/* "session (here), session-2 (in use), notes": by last use. */
void kept_list(const struct kept *, struct strbuf *out);
#endif
