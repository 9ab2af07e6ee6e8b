/* The options common to the explorer and every subcommand (glimt.1, OPTIONS), parsed from the
 * command line, the configuration file and the defaults. Plain data; strings are borrowed from argv
 * or owned by the struct (options_release). */
#ifndef GLIMT_TUI_OPTIONS_H
#define GLIMT_TUI_OPTIONS_H
#include "engine/base/error.h"
#include "engine/dict/unit.h"
#include "engine/session/session.h"

enum color_mode { COLOR_AUTO, COLOR_NEVER, COLOR_ALWAYS, COLOR_16, COLOR_256, COLOR_DIRECT };
enum output_mode { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_CSV };

struct fix_word { /* UNIT=V */
    struct unit_word unit;
    float value;
};

struct sae_option { /* --sae, with the --hook behind it */
    const char *path, *hook;
};

enum said { UNSAID, SAID_YES, SAID_NO };

struct options {
    const char *model, *sae, *hook, *bundle; /* NULL: default */
    int32_t n_more;                          /* SAEs beside the first */
    struct sae_option more[DICT_SET_MAX];
    int32_t n_units; /* --latents, then --neurons; 0: the bundle's */
    int32_t n_latents;
    struct unit_word unit[UNITS_MAX];
    bool neurons;           /* --neurons; with --sae too: beside the SAEs, else in place of one */
    const char *file_theme; /* the theme that the configuration file names; NULL: none */
    bool file_sae, file_units; /* of the configuration file: the command line's replace them */
    int32_t n_fix;
    struct fix_word fix[UNITS_MAX];
    int32_t n_insert; /* 0: not given */
    struct insert_word insert[DICT_SET_MAX];
    enum said bos; /* UNSAID: as SAE or model need it (workbench.h) */
    bool join, special;
    /* TransformerLens' weights. Yes: the model has them (engine/model/model.h), and with them what
     * is read at its hook points. UNSAID: what is read of the unembedding, and of what is written
     * to the stream, is as of them: those are the same numbers. No: that, too, as the files have
     * it. */
    enum said tl_weights;
    int32_t n_places; /* points whose neurons are opened beside what else is named */
    struct point place[DICT_SET_MAX];
    const char *encoding;       /* of text and corpora that are not UTF-8; NULL: they are refused */
    const char *device, *dtype; /* "auto" */
    int threads;                /* 0: all */
    enum output_mode output;
    bool output_said; /* by the command line */
    const char *svg, *output_file, *cache, *theme;
    uint64_t seed;
    bool quiet, progress;
    enum color_mode color;
    struct option_store
        *store; /* owned: what the strings of the configuration file point into; may be NULL */
};

/* Defaults, nothing read. */
void options_init(struct options *);
/* Frees what options_parse allocated; safe on a struct that only options_init saw. */
void options_release(struct options *);
/* Initialises *o, reads the configuration file ($XDG_CONFIG_HOME/glimt/config), then the common
 * options of argv (with and without '='; "--" ends them), which it takes out: what stays in argv[1
 * … *argc − 1] are operands. Strings point into argv or into *o. 0, or the exit status 2 and *e
 * naming the option and, for a misspelt one, the nearest. The caller calls options_release in
 * either case. Options of a program's own: tui/cli/option_table.h. */
int options_parse(struct options *o, int *argc, char **argv, struct error *e);
/* What --insert says of the set, or its default: none without fixed values, sae with them. False
 * and *e: it names a place that is not there, or leaves out one where a latent is fixed. */
bool options_insert(const struct options *, const struct dict_set *, const struct unit *fix,
                    int32_t n_fix, struct insertion *out, struct error *e);
/* Something is inserted somewhere, whatever the set. */
bool options_inserts(const struct options *);
/* The last value of a key of the configuration file that is no common option ("plot", "bind.quit");
 * NULL: not set. */
const char *options_config(const struct options *, const char *key);
#endif
