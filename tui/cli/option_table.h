/* Options as rows of const tables: parsing, help, completions and the test of the manual read the
 * same rows. */
#ifndef GLIMT_TUI_OPTION_TABLE_H
#define GLIMT_TUI_OPTION_TABLE_H
#include "engine/study/param.h"
#include "tui/options.h"

enum option_kind {
    OPTION_FLAG,   /* bool ← true */
    OPTION_YES,    /* enum said ← SAID_YES */
    OPTION_NO,     /* enum said ← SAID_NO */
    OPTION_TEXT,   /* const char *, not empty */
    OPTION_INT,    /* int within min … max */
    OPTION_SEED,   /* uint64_t */
    OPTION_REAL,   /* double within min … max */
    OPTION_CHOICE, /* int: the index in choices */
    OPTION_CALL,   /* whatever call does */
    OPTION_PARAM,  /* const char *, checked: a value of param; of a flag "true" */
};

struct option_row {
    const char *name; /* without the dashes; NULL ends a table */
    const char *arg;  /* what stands for the value in help; NULL: takes none */
    const char *help; /* one line */
    enum option_kind kind;
    size_t offset;              /* of the member in the struct of values */
    int64_t min, max;           /* OPTION_INT, OPTION_REAL */
    const char *const *choices; /* OPTION_CHOICE, and for completion; NULL-terminated */
    /* OPTION_CALL: value is NULL for a row without arg. False and *e: found and expected (the name
     * is put before). */
    bool (*call)(void *values, const char *value, struct error *e);
    const struct param *param; /* OPTION_PARAM */
};

/* The common options; values: struct options. */
extern const struct option_row common_options[];

/* options_parse with the options of one program besides the common ones (own may be NULL);
 * own_values is the struct that their offsets mean, with its defaults in place. */
int options_parse_with(struct options *, const struct option_row *own, void *own_values, int *argc,
                       char **argv, struct error *e);

/* The same for who reports on the configuration: what is wrong in it stands in options.store->bad
 * and the rest counts. */
int options_parse_tolerant(struct options *, const struct option_row *own, void *own_values,
                           int *argc, char **argv, struct error *e);

const struct option_row *option_find(const struct option_row *table, const char *name, size_t n);
/* Position of the first operand of argv (a subcommand), skipping common options and their values;
 * 0: there is none, or an option that is not common comes first. */
int options_first_operand(int argc, char **argv);

/* The configuration file as read: rows in file order. For doctor, which tells of keys that nothing
 * knows. */
struct config_row {
    const char *key, *value;
    int line;
};
struct option_store {
    char *path; /* where the file is or would be; NULL: neither XDG_CONFIG_HOME nor HOME is set */
    char *text; /* NULL: there is no file */
    struct config_row *row;
    size_t n, cap;
    struct error *bad; /* of options_parse_tolerant: lines that make no sense */
    size_t n_bad, cap_bad;
};

/* The name most like `word` that could be a misspelling of it; NULL: none is near. names: n of
 * them. */
const char *nearest_name(const char *word, const char *const *names, size_t n);
/* Its distance: insertions, deletions, changes and swaps of neighbours. */
int edit_distance(const char *a, const char *b);
#endif
