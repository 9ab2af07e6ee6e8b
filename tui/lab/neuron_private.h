/* What the answers about context neurons share: units by name, the values that units are held at,
 * and what is measured with them held. */
#ifndef GLIMT_LAB_NEURON_PRIVATE_H
#define GLIMT_LAB_NEURON_PRIVATE_H
#include "engine/study/activity.h"
#include "tui/lab/answer_private.h"

enum { NEURON_LAST = INT32_MAX - 2 }; /* the last position there may be */

/* answer_need_units, and what --insert says. */
bool neuron_need_units(struct answer *);
bool neuron_need_inserted(struct answer *);
/* Units that a text parameter names, commas between them; how many, −1 and the answer's error. */
int32_t neuron_named(struct answer *, const char *param, struct unit_id unit[UNITS_MAX]);
dict_places neuron_places(const struct unit_id *, int32_t n);
/* Units of the workbench in the dictionaries of a call. */
void neuron_own(const struct study_call *, const struct unit_id *, int32_t n, struct unit_id *own);

/* "insert" of a call, one over the places of the answer's insertion. */
void neuron_call_inserted(const struct answer *, const struct study_call *, struct params *);

struct wanted { /* of a study of activity; units in the workbench's set */
    int32_t n, n_held;
    const struct unit_id *unit;
    bool whole, pre;
    bool everywhere; /* all positions count */
    struct unit_id held[UNITS_MAX];
    double value[UNITS_MAX];
    const double *minus; /* [n_held]; NULL: not a difference */
    int64_t tokens;      /* whose values are kept */
    dict_places places;
};
/* "insert", "held" and "held-at" of a call. */
void neuron_call_held(const struct answer *, struct study_call *, const struct wanted *);
bool neuron_activity(struct answer *, const struct open_corpus *, const struct wanted *,
                     struct finished *);
/* What --off names is held at its mean over the other classes, and the places are filled in. */
bool neuron_hold(struct answer *, const struct open_corpus *, struct wanted *);
/* What is inserted and held (NULL: nothing) below a table. */
void neuron_note_held(const struct answer *, const struct wanted *, struct table *);

/* The texts that means are of: the first --texts of each class. */
const struct open_corpus *neuron_mean_corpus(struct answer *);
struct on_off {                      /* of the answer's units */
    const struct open_corpus *means; /* NULL: both were given */
    double on[UNITS_MAX], off[UNITS_MAX];
};
/* On: --on-at, else the mean over the target; off: --off-at, else that over the other classes. */
bool neuron_on_and_off(struct answer *, struct on_off *);
struct study_loop neuron_loop(const struct answer *);
/* --layers or --dict, which name neurons of layers or a dictionary: their places. 0 and the
 * answer's error: there are none, or both are said. */
bool neuron_names_places(const struct request *);
dict_places neuron_named_places(struct answer *);
/* The places of later units: those that are named, which must lie behind the first of the answer's
 * units, else all neurons behind it. 0 and the answer's error: there are none. */
dict_places neuron_later_places(struct answer *);

/* ---- two runs (engine/study/runs.h), units in the workbench's set */
struct runs_asked {
    struct on_off v;
    struct wanted held; /* its n_held, held and value: of --off */
    bool plain;         /* in the first run the units are as they are */
    bool chained;       /* off in the second run, whatever later units there are */
    int32_t n_later;    /* 0: the units are on in the first run and off in the second */
    struct unit_id later[UNITS_MAX];
    double shift[UNITS_MAX];
    int32_t n_later_at;
    const double *later_at; /* borrowed of the request */
    dict_places places;     /* of all these */
};
/* What the request says, with what it leaves to be measured (--shift) on the answer's corpus; or
 * (plain) how the units are off. */
bool neuron_runs(struct answer *, struct runs_asked *, bool plain);
/* Into the parameters of a call over `places` of it, whose study has STUDY_RUNS_ROWS. */
void neuron_runs_say(const struct answer *, const struct runs_asked *, const struct study_call *,
                     struct params *);
/* A line of what the runs are, below a table. */
void neuron_runs_note(const struct answer *, const struct runs_asked *, struct table *);
#endif
