/* What the files of the lab share: lab.c (cache folder, identities), corpora.c, study.c (a study
 * through the cache), harvest.c, answer.c and answers.c (requests to tables), postings.c, verify.c.
 */
#ifndef GLIMT_LAB_PRIVATE_H
#define GLIMT_LAB_PRIVATE_H
#include "engine/study/vocabulary.h"
#include "tui/lab/lab.h"

/* What the store has of a finished harvest besides its latents: the table "classes". Of any other
 * study it has the last state. */
enum { RESULT_CLASSES = 1 };

struct open_corpus {
    struct corpus_choice choice;
    enum corpus_split split;
    struct corpus *corpus;
    const char *cls[CORPUS_MAX_CLASSES]; /* names, as tables want them */
};

/* Studies of activity that were asked for last: what one answer needs twice is measured once, also
 * without a cache. */
struct lab_recent {
    struct params params;
    const struct open_corpus *corpus;
    dict_places places;
    struct study *study; /* NULL: free */
    int users;
    uint64_t used; /* when, in requests for one */
};
enum { LAB_RECENT = 8 };
void lab_recent_release(struct lab_recent *);

struct finished { /* a study at its end */
    const struct study_ops *ops;
    struct sha256 key;
    struct study *study; /* owned; of harvest_study NULL when the store has it */
    int64_t run;         /* in the store; 0: not kept */
    bool cached, resumed;
    struct lab_recent *recent; /* whose the study is; NULL: owned */
};
void finished_release(struct finished *);

struct some_dicts { /* some of the lab's places */
    struct some_dicts *next;
    dict_places places;
    struct dict_set set; /* dict_set_forget */
};

struct lab {
    const struct workbench *wb;
    const struct options *options;
    /* The workbench's dictionaries under their numbers, and behind them neurons of the layers that
     * have none there, for answers that name neurons or look at those behind units. In this order:
     * lab_dicts makes a set of some. */
    struct dict_set dicts;
    struct store *store;
    bool store_tried;
    int heals;    /* how often lab_heal had something to do */
    int depth;    /* requests under way: one may be answered while another polls */
    bool writing; /* polled in the middle of a result: no other is written meanwhile */
    char said[480];
    char note[240];    /* of a corpus; said when nothing else is */
    bool identified;   /* model and tokenizer are known */
    dict_places known; /* places whose dict is, a bit each */
    struct sha256 model, tokenizer, dict[DICT_SET_MAX];
    int64_t model_id;        /* object in the store */
    struct some_dicts *some; /* sets that studies were given, kept as long as they may read them */
    struct open_corpus **corpus;
    size_t n_corpora, cap_corpora;
    struct finished harvest;      /* the last one, while its study is in memory; study NULL: none */
    struct vocabulary vocabulary; /* with norms; n 0: nobody has asked */
    struct lab_recent recent[LAB_RECENT];
    uint64_t n_recent; /* asked for so far */
};

/* Of those that the cache keeps; NULL: none. */
const struct study_ops *lab_study_named(const char *name);

struct study_call { /* a study, ready to be looked up or run */
    const struct study_ops *ops;
    struct study_in in;
    const struct lab *lab;
    dict_places places;               /* of the lab's: what in.dicts is */
    struct params params;             /* the study's own, units in in.dicts */
    const struct open_corpus *corpus; /* NULL: none */
    const char *what;                 /* for people */
    bool only_kept;                   /* nothing is computed */
    /* Tables while it runs: what the request promises (request.h), and nothing else, for a view
     * takes them for the answer. NULL: none are handed on. */
    struct table_set *(*partial)(void *, struct study *);
    void *partial_arg;
};
/* Reading files polls, tells how far it is, and can be cancelled. */
const struct open_corpus *lab_open_corpus(struct lab *, const struct corpus_choice *,
                                          enum corpus_split, const struct lab_loop *,
                                          struct error *e);
bool lab_corpus_is_open(const struct lab *, const struct corpus_choice *, enum corpus_split);
/* Hashes of model and tokenizer, and of the dictionaries at these places, each once. */
bool lab_identify(struct lab *, dict_places places, const struct lab_loop *, struct error *e);
/* Of all dictionaries at these places, in order: "dict" of the cache's key. */
struct sha256 lab_dict_hash(const struct lab *, dict_places places);
/* Is there a folder for the cache (no --cache none)? */
bool lab_wants_store(const struct lab *);
/* The cache is there; false and *e: why not, which is said no other way then. */
bool lab_need_store(struct lab *, struct error *e);
void lab_say(struct lab *, const char *line);
/* Some of the lab's places as a set of their own, borrowed until lab_free. */
const struct dict_set *lab_dicts(struct lab *, dict_places places);
/* A study over the dictionaries at these places of the lab's (0: none). Parameters from
 * `params` where it has them (NULL: none), else at their presets; the seed is the session's; of
 * units those that are there. */
void lab_call_init(struct lab *, struct study_call *, const struct study_ops *,
                   const struct open_corpus *, const char *what, const struct params *params,
                   dict_places places);
/* The units, in the lab's places; those of others than the call's are left out. */
void lab_call_units(struct study_call *, const struct unit_id *, int32_t n);
void lab_call_release(struct study_call *);
/* From the cache, resumed, or computed; kept where there is a cache. must_keep: not being able to
 * keep it is an error; else it is said (lab_said). */
bool lab_study(struct lab *, const struct study_call *, const struct lab_loop *, bool must_keep,
               struct finished *out, struct error *e);
/* Runs, through the cache, the study that the call's needs, and hands it to the call; *needed is
 * released after the call has run (zero where nothing is needed). */
bool lab_need(struct lab *, struct study_call *, const struct lab_loop *, struct finished *needed,
              struct error *e);
/* The same without the cache. */
bool lab_study_fresh(struct lab *, const struct study_call *, const struct lab_loop *,
                     struct study **out, struct error *e);
/* ---- states, in pieces; live requests are let through between them (loop: NULL, nobody's) */
/* All pieces, to be ended or finished with. */
bool lab_save(struct lab *, int64_t run, const struct study_ops *, const struct study *,
              const struct lab_loop *loop, struct store_save *, struct error *e);
/* Is not cancelled: cancelling is when one is wanted. */
bool lab_checkpoint(struct lab *, int64_t run, const struct study_ops *, const struct study *,
                    int64_t next_chunk, const struct lab_loop *loop, struct error *e);
/* Removes the pieces that nothing needs any more. */
void lab_sweep(struct lab *, int64_t run, const struct lab_loop *loop);
bool lab_load(struct lab *, int64_t run, const struct study_ops *, struct study *,
              const struct lab_loop *loop, struct error *e);
/* Has the run the state that the study has? false and *e. */
bool lab_same_state(struct lab *, int64_t run, const struct study_ops *, const struct study *,
                    struct error *e);
struct sha256 lab_key(const struct lab *, const struct study_call *);
/* The call as JSON, to be rebuilt by lab_call_parse; both for the store's args. A new string. */
char *lab_call_print(const struct study_call *);

/* A harvest as a view, from memory or from the store. */
struct harvest_source {
    struct harvest_view view;
    const struct lab_loop *loop; /* polled while latents are read */
    int64_t n_read;
    struct study *study; /* NULL: from the store */
    struct lab *lab;
    int64_t run; /* in the store; 0: not kept */
    struct latent_detail *last;
    struct table *classes; /* engine/study/harvest.h: of the corpus */
    struct harvest_class counts[CORPUS_MAX_CLASSES];
    struct error error; /* of reading a detail */
};
struct harvest_call {
    bool postings, must_keep, only_kept;
    struct table_set *(*partial)(void *, struct study *); /* as study_call's */
    void *partial_arg;
};
bool lab_harvest(struct lab *, const struct open_corpus *, int32_t place,
                 const struct harvest_call *, const struct lab_loop *, struct harvest_source *,
                 struct lab_facts *, struct error *e);
void harvest_source_release(struct harvest_source *);

/* Of a harvest with keep-activations: keeps them (within the transaction of its results), and reads
 * those of some latents: latent, class, doc, pos, value. NULL and *e. */
bool lab_keep_postings(struct lab *, int64_t run, struct study *, const struct lab_loop *,
                       struct error *e);
/* Lets live requests through while results are written; false: cancelled. */
bool lab_breathe(struct lab *, const struct lab_loop *, struct error *e);
struct table *lab_activations(struct lab *, const struct harvest_source *, const struct corpus *,
                              const int32_t *unit, int32_t n, struct error *e);
#endif
