/* The state of a session: what a start restores, what --state gives; JSON as in glimt.5, SESSION.
 * Plain data.
 *
 * Unknown keys are ignored, wrong types and newer versions refused by name; what is absent is
 * default. */
#ifndef GLIMT_TUI_STATE_H
#define GLIMT_TUI_STATE_H
#include "engine/base/error.h"
#include "engine/dict/set.h"
#include "tui/widget/sliders.h"
#include <stddef.h>

struct saved_state {
    char *bundle, *model, *sae, *hook, *theme; /* NULL: default; owned */
    int32_t n_more;                            /* SAEs beside the first */
    struct saved_sae {
        char *path, *hook; /* hook NULL: as its file says; owned */
    } more[DICT_SET_MAX];
    bool tl_weights;       /* the model has TransformerLens' (tui/options.h) */
    char *text;            /* NULL: absent; owned, NUL-terminated */
    size_t n_text, cursor; /* cursor absent: SIZE_MAX, the end */
    char view[16];         /* its name; "": explore */
    char colour[8];        /* "pre", "act", "loss", "delta"; "": default */
    bool has_unit;
    struct unit_id unit;   /* UNIT_NONE: all */
    bool neurons;          /* `units` are neurons */
    struct dict_set dicts; /* several: where they are; empty: one. None is open. Owned */
    bool has_units;
    struct sliders sliders; /* the units with their fixed values; insert, join, special, dict */
    bool has_insert;
};

void state_init(struct saved_state *);
void state_release(struct saved_state *);
/* Parses n bytes; *out is initialised either way. */
bool state_parse(const char *json, size_t n, struct saved_state *out, struct error *e);
char *state_print(const struct saved_state *); /* one line; caller frees */
/* The same as JSON values; the caller of state_json releases it. */
struct json_t;
struct json_t *state_json(const struct saved_state *);
bool state_from_json(const struct json_t *, struct saved_state *out, struct error *e);
/* Everything of `from` but its text; *out is released by the caller. */
void state_copy_look(const struct saved_state *from, struct saved_state *out);
/* The same but for text and cursor. */
bool state_same_look(const struct saved_state *, const struct saved_state *);
/* $XDG_STATE_HOME/glimt/session.json, else ~/.local/state/…; NULL without both. Caller frees. */
char *state_path(void);
bool state_write_all(int fd, const char *s, size_t n);
/* Writes beside the file and renames; makes the folders. */
bool state_write(const char *path, const char *s, size_t n, struct error *e);
bool state_save(const char *path, const struct saved_state *, struct error *e);
/* The bytes of a file, a NUL behind them; NULL without an error: there is none. Caller frees. */
char *state_read(const char *path, size_t max, size_t *n, struct error *e);
#define STATE_MAX_BYTES ((size_t)16 << 20)
/* False without an error: there is none. A file that can't be understood is renamed to NAME.bad and
 * said so in *e. */
bool state_load(const char *path, struct saved_state *out, struct error *e);
#endif
