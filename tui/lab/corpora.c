/* Corpora that requests name, opened once and kept. */
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "tui/lab/lab_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static bool same_choice(const struct open_corpus *c, const struct corpus_choice *choice,
                        enum corpus_split split)
{
    return c->split == split && corpus_choice_equal(&c->choice, choice);
}

/* How many documents spell out a special token that stays text. */
struct specials {
    int64_t n;
    char first[80];
};

static bool find_specials(const struct tokenizer *tokenizer, const struct corpus *c,
                          const atomic_bool *cancel, struct specials *out)
{
    enum { DOCS_A_LOOK = 4096 };
    size_t start, end;
    for (int64_t i = 0; i < c->n_docs; i++) {
        if (i % DOCS_A_LOOK == 0 && cancel && atomic_load(cancel))
            return false;
        if (tokenizer_find_special(tokenizer, c->doc[i].text, c->doc[i].n, 0, &start, &end) &&
            out->n++ == 0)
            snprintf(out->first, sizeof out->first, "%.*s",
                     end - start < sizeof out->first ? (int)(end - start)
                                                     : (int)sizeof out->first - 1,
                     c->doc[i].text + start);
    }
    return true;
}

static void tell_specials(struct lab *lab, const struct specials *s)
{
    if (s->n > 0 && !lab->note[0])
        snprintf(lab->note, sizeof lab->note,
                 "note: %s is read as plain text in %lld text%s; --special reads it as its token",
                 s->first, (long long)s->n, s->n == 1 ? "" : "s");
}

static bool open_references(struct lab *lab, const struct corpus_choice *choice,
                            enum corpus_split split, struct corpus **out, struct error *e)
{
    const struct workbench *wb = lab->wb;
    if (choice->header)
        return error_set(e, ERROR_INPUT,
                         "--header: found no CORPUS, expected lines text<TAB>label");
    struct corpus_list list[CORPUS_MAX_CLASSES];
    bool paired = wb->n_sets > 1;
    if (wb->n_sets == 0)
        return error_set(e, ERROR_INPUT,
                         "no corpus: found no reference texts, expected CORPUS or --class "
                         "NAME=FILE");
    for (int32_t i = 0; i < wb->n_sets; i++) {
        list[i] = (struct corpus_list){wb->set[i].name, wb->set[i].sentence, wb->set[i].n};
        paired = paired && wb->set[i].n == wb->set[0].n;
    }
    if (!corpus_from_lists("references", list, wb->n_sets, paired, choice->limit, split, out, e))
        return false;
    struct specials specials = {0};
    if (!choice->special && find_specials(wb->tokenizer, *out, NULL, &specials))
        tell_specials(lab, &specials);
    return true;
}

static struct corpus_spec spec_of(const struct lab *lab, const struct corpus_choice *choice,
                                  enum corpus_split split)
{
    struct corpus_spec spec = {.path = choice->path,
                               .limit = choice->limit,
                               .split = split,
                               .encoding = choice->encoding,
                               .header = choice->header,
                               .words = choice->words};
    const struct bundle *b = lab->wb->bundle;
    for (int32_t i = 0; i < choice->n_files; i++) {
        spec.file[i].cls = choice->file[i].cls;
        spec.file[i].path = choice->file[i].path;
    }
    spec.n_files = choice->n_files;
    for (int32_t i = 0; b && i < b->n_classes && i < CORPUS_MAX_CLASSES; i++)
        spec.name[spec.n_names++] = b->cls[i].name;
    return spec;
}

/* ---- files, read in a thread of their own: the worker answers live requests meanwhile */
struct opening {
    struct corpus_spec spec;
    struct corpus_watch watch;
    const struct tokenizer *tokenizer; /* NULL: special tokens are not looked for */
    struct corpus *corpus;             /* NULL: error says why */
    struct specials specials;
    struct error error;
    double since; /* seconds */
    const struct lab_loop *loop;
};

static void open_now(void *arg)
{
    struct opening *o = arg;
    if (corpus_open(&o->spec, &o->corpus, &o->error) && o->tokenizer &&
        !find_specials(o->tokenizer, o->corpus, o->watch.cancel, &o->specials)) {
        corpus_free(o->corpus);
        o->corpus = NULL;
        error_set(&o->error, ERROR_CANCELLED, "interrupted");
    }
}

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void tell_progress(const struct opening *o)
{
    const struct lab_loop *loop = o->loop;
    struct study_progress p = {.done = atomic_load(&o->watch.done),
                               .total = atomic_load(&o->watch.total),
                               .elapsed = seconds_now() - o->since,
                               .left = NAN};
    if (!loop->progress || p.total <= 0 || p.done <= 0)
        return;
    p.share = p.done < p.total ? (double)p.done / (double)p.total : 1;
    p.bytes_per_s = p.elapsed > 0 ? (double)p.done / p.elapsed : 0;
    if (p.bytes_per_s > 0)
        p.left = (double)(p.total - p.done) / p.bytes_per_s;
    loop->progress(loop->progress_arg, &p, "reading");
}

static void go_on(void *arg)
{
    const struct opening *o = arg;
    tell_progress(o);
    if (o->loop->poll)
        o->loop->poll(o->loop->poll_arg);
}

static bool open_files(struct lab *lab, const struct corpus_choice *choice, enum corpus_split split,
                       const struct lab_loop *loop, struct corpus **out, struct error *e)
{
    struct opening o = {.spec = spec_of(lab, choice, split),
                        .watch = {.cancel = loop ? loop->cancel : NULL},
                        .tokenizer = choice->special ? NULL : lab->wb->tokenizer,
                        .since = seconds_now(),
                        .loop = loop};
    o.spec.watch = &o.watch;
    if (loop)
        parallel_beside(1, open_now, &o, go_on, &o);
    else
        open_now(&o);
    tell_specials(lab, &o.specials);
    *out = o.corpus;
    return o.corpus || error_set(e, o.error.kind, "%s", o.error.text);
}

static const struct open_corpus *
find_open(const struct lab *lab, const struct corpus_choice *choice, enum corpus_split split)
{
    for (size_t i = 0; i < lab->n_corpora; i++)
        if (same_choice(lab->corpus[i], choice, split))
            return lab->corpus[i];
    return NULL;
}

bool lab_corpus_is_open(const struct lab *lab, const struct corpus_choice *choice,
                        enum corpus_split split)
{
    return find_open(lab, choice, split) != NULL;
}

const struct open_corpus *lab_open_corpus(struct lab *lab, const struct corpus_choice *choice,
                                          enum corpus_split split, const struct lab_loop *loop,
                                          struct error *e)
{
    const struct open_corpus *there = find_open(lab, choice, split);
    struct corpus *corpus = NULL;
    if (there)
        return there;
    if (!(corpus_choice_has_files(choice) ? open_files(lab, choice, split, loop, &corpus, e)
                                          : open_references(lab, choice, split, &corpus, e)))
        return NULL;
    struct open_corpus *c = xcalloc(1, sizeof *c);
    corpus_choice_copy(&c->choice, choice);
    c->split = split;
    c->corpus = corpus;
    for (int32_t i = 0; i < corpus->n_classes; i++)
        c->cls[i] = corpus->cls[i].name;
    lab->corpus = grow(lab->corpus, &lab->cap_corpora, lab->n_corpora + 1, sizeof(void *));
    return lab->corpus[lab->n_corpora++] = c;
}

const struct corpus *lab_corpus(struct lab *lab, const struct corpus_choice *choice,
                                enum corpus_split split, struct error *e)
{
    const struct open_corpus *c = lab_open_corpus(lab, choice, split, NULL, e);
    return c ? c->corpus : NULL;
}
