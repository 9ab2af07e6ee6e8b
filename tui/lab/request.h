/* A question that a study answers: what the command line and the views ask alike. Plain data with
 * strings of its own; its command line reproduces it. */
#ifndef GLIMT_LAB_REQUEST_H
#define GLIMT_LAB_REQUEST_H
#include "engine/study/harvest.h"
#include "tui/lab/query.h"
#include "tui/options.h"

struct corpus_choice { /* all empty: the bundle's reference texts */
    char *path;
    int32_t n_files;
    struct {
        char *cls, *path;
    } file[CORPUS_MAX_CLASSES];
    int64_t limit;
    char *encoding; /* of files that are not UTF-8; NULL: refused */
    bool header;    /* engine/formats/corpus.h */
    bool special;   /* special tokens spelled out become their ids */
    bool words;     /* the file is a list of words */
};
/* Of files, or of the reference texts. */
bool corpus_choice_has_files(const struct corpus_choice *);
bool corpus_choice_equal(const struct corpus_choice *, const struct corpus_choice *);
void corpus_choice_copy(struct corpus_choice *to, const struct corpus_choice *from);
void corpus_choice_release(struct corpus_choice *);
/* A list of words: the file; or, where there is none of that name, the one that comes with the
 * program. */
void corpus_choice_words(struct corpus_choice *, const char *given);
/* For people: the file's name, "references". */
void corpus_choice_name(const struct corpus_choice *, char *out, size_t n);

struct request {
    const struct query *query;
    struct corpus_choice corpus;
    struct params params; /* of the query */
    bool only_kept;       /* answered from what is kept or not at all (ERROR_CANCELLED) */
    bool passing;         /* of the moment, as somebody types: no job that people look after */
};
void request_init(struct request *, const struct query *);
void request_copy(struct request *to, const struct request *from);
void request_release(struct request *);
bool request_equal(const struct request *, const struct request *);
/* "glimt sweep corpus.tsv --latents 418,390 --values -8:8:2", quoted for a shell; with the options
 * of the session that differ from the defaults (model, sae, hook, bundle, neurons, bos, cache,
 * seed). */
void request_command(const struct request *, const struct options *, const struct dict_set *dicts,
                     struct strbuf *out);
/* The options of a session as such a line has to say them: commands about neurons have a preset of
 * their own for the BOS. Strings stay borrowed. */
struct workbench;
void request_options(const struct request *, const struct options *, const struct workbench *,
                     struct options *out);
/* A word of a command line, in quotes where a shell needs them. */
void request_quote(struct strbuf *out, const char *s);
/* The units asked about; 0: none named, or a query without. Borrowed. */
int32_t request_units(const struct request *, const struct unit_id **unit);
void request_set_units(struct request *, const struct unit_id *unit, int32_t n);
/* Which dictionary a request without units is about; where there is one nothing is said. */
void request_set_dict(struct request *, const struct dict_set *, int32_t place);
/* What is inserted at places one by one, in the one way to say it. False and *e: no such place. */
bool request_settle_insert(struct request *, const struct dict_set *, struct error *e);
/* The answer needs what its corpus says: not one about a text of its own whose values are given. */
bool request_reads_corpus(const struct request *);
/* Of find and latents: true where a share is given or preset. */
bool request_rule(const struct request *, struct rule *);
#endif
