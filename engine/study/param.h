/* Parameters of a study, as a table: the options of its command with their help and completions,
 * the cache's key, equality of two questions and the command line that asks again are all derived
 * from the rows. A new parameter is a row, and the place that reads it by its name.
 *
 * struct params holds the values for some tables' rows. It owns what it points to. Reading or
 * setting a name that no row has, or as another type, panics: a slip of the program's. */
#ifndef GLIMT_STUDY_PARAM_H
#define GLIMT_STUDY_PARAM_H
#include "engine/base/error.h"
#include "engine/base/strbuf.h"
#include "engine/lane/insertion.h"
#include <stddef.h>
#include <stdint.h>

#define STUDY_MAX_VALUES 64

enum param_type {
    PARAM_INT,    /* within min … max */
    PARAM_REAL,   /* likewise */
    PARAM_TEXT,   /* not empty */
    PARAM_FLAG,   /* off unless given */
    PARAM_SET,    /* some of the choices, commas between them */
    PARAM_CHOICE, /* one of the choices */
    PARAM_VALUES, /* FROM:TO:STEP or a list, at most STUDY_MAX_VALUES */
    PARAM_UNITS,  /* at most UNITS_MAX; on a command line the session's: operands, --latents,
                     --neurons */
    PARAM_CLASS,  /* the name of a class of the corpus */
    PARAM_INSERT, /* insertions, one after the other: some of sae and error; none; or one by its
                     places (engine/lane/insertion.h) */
    PARAM_SEED,   /* on a command line the session's: --seed */
};
struct param {
    const char *name;       /* NULL ends a table. The long option without dashes */
    const char *value_name; /* what stands for the value in help; NULL: a flag */
    const char *doc;        /* one line, without the preset */
    enum param_type type;
    const char *preset; /* the value when nothing is given, as it is written; NULL: absent */
    double min, max;
    const char *const
        *choices; /* PARAM_SET, PARAM_CHOICE; of TEXT and INSERT what completion offers */
    /* Changes what is computed and kept. At its preset it is no part of the key, so that keys of
     * before stay when a study gets a new parameter: who changes a preset counts STUDY_VERSION up.
     */
    bool in_key;
    bool prints;      /* only how much of the answer is printed */
    bool names_units; /* TEXT: names of units, commas between them */
};

struct param_value {
    const struct param *of;
    bool there;
    int64_t i; /* INT, SEED; FLAG: 0, 1; SET: 1 << index of a choice; CHOICE: its index;
                     INSERT: 1 << enum insert */
    double r;
    char *text; /* TEXT, CLASS; INSERT by places */
    int32_t n;  /* VALUES, UNITS */
    double *value;
    struct unit_id *unit;
};
#define PARAMS_MAX 24
struct params {
    int n;
    struct param_value value[PARAMS_MAX];
};

/* Rows of a table (NULL: none) with their presets. */
void params_init(struct params *, const struct param *table);
/* More rows; a name that is there already stays as it is. */
void params_add(struct params *, const struct param *table);
void params_copy(struct params *to, const struct params *from);
/* Values of the names that both have. */
void params_take(struct params *to, const struct params *from);
void params_release(struct params *);
bool params_equal(const struct params *, const struct params *);
bool param_value_equal(const struct param_value *, const struct param_value *);
/* The value is what the row presets, or absent where it presets none. */
bool param_is_preset(const struct param_value *);

/* ---- by name */
bool params_know(const struct params *, const char *name);
bool params_has(const struct params *, const char *name); /* a value is there */
int64_t params_int(const struct params *, const char *name);
double params_real(const struct params *, const char *name);
bool params_flag(const struct params *, const char *name);
unsigned params_set(const struct params *, const char *name);
int params_choice(const struct params *, const char *name); /* its index */
uint64_t params_seed(const struct params *, const char *name);
const char *params_text(const struct params *, const char *name); /* TEXT, CLASS; NULL: absent */
/* 1 << enum insert of each; 0: *places says it (borrowed), else NULL. */
unsigned params_insert(const struct params *, const char *name, const char **places);
/* How many; borrowed. */
int32_t params_values(const struct params *, const char *name, const double **value);
int32_t params_units(const struct params *, const char *name, const struct unit_id **unit);

void params_set_int(struct params *, const char *name, int64_t);
void params_set_flag(struct params *, const char *name, bool);
void params_set_seed(struct params *, const char *name, uint64_t);
void params_set_text(struct params *, const char *name, const char *); /* NULL: absent */
void params_set_values(struct params *, const char *name, const double *, int32_t n);
void params_set_units(struct params *, const char *name, const struct unit_id *, int32_t n);

/* ---- as written. NULL: absent, or of a flag off; a flag takes "true" and "false". False and *e:
 * found and expected, the value stays. */
bool param_value_parse(struct param_value *, const char *, struct error *);
bool param_check(const struct param *, const char *, struct error *);
bool params_parse(struct params *, const char *name, const char *, struct error *);
/* So that parsing gives the same value again; nothing for an absent one. */
void param_value_print(const struct param_value *, struct strbuf *);
#endif
