/* What the answers share: what a request means, which studies it needs of which dictionaries, and
 * the tables that come out. */
#ifndef GLIMT_LAB_ANSWER_PRIVATE_H
#define GLIMT_LAB_ANSWER_PRIVATE_H
#include "tui/lab/lab_private.h"
#include "tui/lab/query_private.h"

typedef struct table_set *answer_growing(void *answer, struct study *);

struct answer { /* one request under way */
    struct lab *lab;
    const struct request *request;
    const struct lab_loop *loop;
    const struct open_corpus *corpus;
    int32_t target, place; /* class and dictionary asked about, where there is one */
    int32_t n_units;
    const struct unit_id *unit; /* the request's, else the workbench's chosen ones */
    struct unit_id found[UNITS_MAX];
    dict_places inserted;  /* of the workbench's places: their SAEs, in every run of the answer */
    struct table_set *set; /* ours alone until it is handed on */
    struct lab_facts facts;
    bool ran; /* facts are of something */
    struct error *e;
    /* of answer_by: */
    const struct study_ops *by;
    const char *what;
    answer_growing *growing;
    dict_places places; /* of the run at hand */
};

/* ---- what a request means. False and the answer's error. */
bool answer_open_corpus(struct answer *, enum corpus_split);
bool answer_need_classes(struct answer *, int32_t n);
/* The dictionary of a request without units: --dict, or the only one there is. */
bool answer_need_dict(struct answer *, int32_t *place);
/* Those of a request that may ask about all of them, a bit each: --dict's, or all. */
bool answer_need_dicts(struct answer *, dict_places *places);
/* Fills n_units and unit: there are some, and they are in the workbench's set. */
bool answer_need_units(struct answer *);
bool answer_keeps_activations(const struct params *);

/* ---- studies */
/* A study with what the request says of its parameters, over the dictionaries at these places and
 * with those of the units that lie there. */
void answer_call(struct answer *, struct study_call *, const struct study_ops *,
                 const struct open_corpus *, const char *what, dict_places places);
/* Runs it and releases the call. */
bool answer_run(struct answer *, struct study_call *, struct finished *);
/* The study's own tables are the answer: of one run where it has study_ops.places, else of one for
 * each dictionary of the units. growing: what is handed on meanwhile (answer_growing_tables); NULL:
 * nothing. */
bool answer_by(struct answer *, const struct study_ops *, const char *what, answer_growing *);
struct table_set *answer_growing_tables(void *answer, struct study *);
/* Calls `of` for each place that has units, in the order in which the units name them. */
bool answer_each_place(struct answer *, bool (*of)(struct answer *, int32_t place));
/* Those of a place, as indices; how many. */
int32_t answer_units_of(const struct answer *, int32_t place, int32_t index[UNITS_MAX]);
/* Takes in how one of several parts was answered. */
void answer_facts(struct answer *, const struct lab_facts *);

/* ---- tables */
/* Adds the tables of a run over these places to the answer, below those of the same name. Where the
 * workbench has several dictionaries units are named: in a column "unit" in front of one called
 * "latent", or in place of numbers in one that is called so; what stands in a table "neurons", or
 * in a row whose "units" are neurons, is a coordinate of what the dictionary reads. */
void answer_add(struct answer *, struct table_set *, dict_places places);   /* takes them over */
void answer_add_table(struct answer *, struct table *, dict_places places); /* likewise */
/* The answer so far with these added, while a study runs; takes them over. */
struct table_set *answer_so_far(const struct answer *, struct table_set *, dict_places places);
#endif
