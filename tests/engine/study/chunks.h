/* Studies taken chunk by chunk: what the tests of engine/study share. */
#ifndef GLIMT_TEST_STUDY_CHUNKS_H
#define GLIMT_TEST_STUDY_CHUNKS_H
#include "engine/base/memory.h"
#include "engine/cpu/cpu.h"
#include "engine/study/pass.h"
#include "tests/support/effort.h"
#include "tests/support/testdata.h"
#include "tests/support/tiny_model.h"
#include <jansson.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h wants the headers above it. */
#include <cmocka.h>

static inline void near(double a, double b, double tol, const char *what, long i, long j)
{
    if (isnan(a) && isnan(b))
        return;
    if (!(fabs(a - b) <= tol * (fabs(b) > 1 ? fabs(b) : 1)))
        fail_msg("%s %ld, %ld: %.9g, expected %.9g", what, i, j, a, b);
}

static inline void skip_when_quick(void)
{
    if (!quick())
        return;
    print_message("GLIMT_QUICK: not on the whole demo\n");
    skip();
}

/* ---- corpora of two reference sets */
static inline struct corpus *corpus_of(const char *const *da, int64_t n_da, const char *const *en,
                                       int64_t n_en, bool paired, enum corpus_split split)
{
    struct error e = {0};
    struct corpus *c = NULL;
    struct corpus_list list[2] = {{"da", da, n_da}, {"en", en, n_en}};
    if (!corpus_from_lists("sentences", list, 2, paired, 0, split, &c, &e))
        fail_msg("corpus: %s", e.text);
    return c;
}

static inline struct corpus *tiny_corpus(int32_t n, bool paired)
{
    return corpus_of(tiny_sets[0].sentence, n, tiny_sets[1].sentence, n, paired, CORPUS_ALL);
}

static inline struct study_in tiny_in(const struct tiny_model *t, const struct corpus *c)
{
    return (struct study_in){.queue = t->queue,
                             .model = t->model,
                             .tokenizer = t->tokenizer,
                             .dict = t->dict,
                             .at = t->at,
                             .corpus = c};
}

/* The document that a row of a table names: a place in a file is one document's of a class. */
static inline int64_t doc_of_row(const struct corpus *c, const struct table *x, int64_t row)
{
    const char *cls = table_str(x, row, table_find(x, "class"));
    const int64_t number = table_i64(x, row, table_find(x, "doc"));
    int64_t doc = 0;
    while (corpus_doc_number(&c->doc[doc]) != number ||
           strcmp(c->cls[c->doc[doc].cls].name, cls) != 0)
        assert_true(++doc < c->n_docs);
    return doc;
}

/* ---- the demo bundle */
#define DEMO_CHOSEN "418,390,92,527,559,348"
struct demo {
    struct backend *backend;
    struct queue *queue;
    struct model *model;
    struct tokenizer *tokenizer;
    struct dict *dict;
    char *text[2];
    const char *line[2][64];
};

static inline void demo_open(struct demo *d)
{
    static const char *const reference[2] = {"store/demo/reference-da.txt",
                                             "store/demo/reference-en.txt"};
    struct error e = {0};
    *d = (struct demo){.backend = cpu_backend_new(1, &e)};
    d->queue = d->backend ? d->backend->queue_new(d->backend, QUEUE_JOB, &e) : NULL;
    if (!d->queue || !model_open(d->backend, "store/demo/model", NULL, &d->model, &e) ||
        !tokenizer_open("store/demo/model", &d->tokenizer, &e) ||
        !dict_open(d->backend, "store/demo/sae.safetensors", NULL, &d->dict, &e))
        fail_msg("demo: %s", e.text);
    for (int c = 0; c < 2; c++) {
        FILE *f = fopen(reference[c], "rb");
        assert_non_null(f);
        d->text[c] = xcalloc(1, 1 << 16);
        assert_true(fread(d->text[c], 1, (1 << 16) - 1, f) > 0);
        fclose(f);
        char *at = d->text[c];
        for (int i = 0; i < 64; i++) {
            char *end = strchr(at, '\n');
            assert_non_null(end);
            *end = '\0';
            d->line[c][i] = at;
            at = end + 1;
        }
    }
}

/* The demo's words, each of one language. */
static inline struct corpus *demo_words(void)
{
    struct error e = {0};
    struct corpus *c = NULL;
    if (!corpus_open(&(struct corpus_spec){.path = "store/demo/words/language.tsv", .words = true},
                     &c, &e))
        fail_msg("words: %s", e.text);
    return c;
}

static inline struct study_in demo_in(const struct demo *d, const struct corpus *c)
{
    return (struct study_in){.queue = d->queue,
                             .model = d->model,
                             .tokenizer = d->tokenizer,
                             .dict = d->dict,
                             .at = dict_spec(d->dict)->at,
                             .corpus = c};
}

static inline void demo_close(struct demo *d)
{
    dict_free(d->dict);
    model_free(d->model);
    tokenizer_free(d->tokenizer);
    d->backend->queue_free(d->queue);
    d->backend->free(d->backend);
    free(d->text[0]);
    free(d->text[1]);
}

static inline json_t *golden_json(const char *name)
{
    json_error_t je;
    char *path = golden_path(name);
    json_t *j = json_load_file(path, 0, &je);
    if (!j)
        fail_msg("%s: %s", path, je.text);
    free(path);
    return j;
}

/* ---- parameters */
/* Of a study, as "units=3,17,40 values=-2,0 each=true" ("values": none); the same until 32
 * more were made. */
static inline const struct params *given(const struct study_ops *ops, const char *text)
{
    static struct params made[32];
    static unsigned next;
    struct params *p = &made[next++ % 32];
    char *words = xstrdup(text), *rest = words;
    params_release(p);
    params_init(p, ops->params);
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        char *value = word + strcspn(word, "=");
        struct error e = {0};
        if (*value)
            *value++ = '\0';
        if (*word && !params_parse(p, word, *value ? value : NULL, &e))
            fail_msg("%s: %s", word, e.text);
    }
    free(words);
    return p;
}

/* The same with other units. */
static inline const struct params *given_units(const struct study_ops *ops,
                                               const struct params *others,
                                               const struct unit_id *unit, int32_t n)
{
    struct params *p = (struct params *)given(ops, "");
    params_take(p, others);
    params_set_units(p, "units", unit, n);
    return p;
}

/* ---- running */
static inline struct study *study_new(const struct study_ops *ops, const struct study_in *in,
                                      const struct params *args)
{
    struct error e = {0};
    struct study *s = NULL;
    if (!ops->open(in, args, &s, &e))
        fail_msg("%s: %s", ops->name, e.text);
    return s;
}

static inline void study_finish(const struct study_ops *ops, struct study *s, struct queue *q)
{
    struct error e = {0};
    if (!study_run(ops, s, q, 0, NULL, &e))
        fail_msg("%s: %s", ops->name, e.text);
}

static inline struct study *study_done(const struct study_ops *ops, const struct study_in *in,
                                       const struct params *args)
{
    struct study *s = study_new(ops, in, args);
    study_finish(ops, s, in->queue);
    return s;
}

/* Of the demo's 64 + 64 reference sentences. */
struct on_demo {
    struct demo demo;
    struct corpus *corpus;
    struct study_in in;
    const struct study_ops *ops;
    struct study *study;
};
static inline void on_demo_open(struct on_demo *x, const struct study_ops *ops,
                                const struct params *args, enum corpus_split split)
{
    demo_open(&x->demo);
    x->corpus = corpus_of(x->demo.line[0], 64, x->demo.line[1], 64, true, split);
    x->in = demo_in(&x->demo, x->corpus);
    x->ops = ops;
    x->study = study_done(ops, &x->in, args);
}
static inline void on_demo_close(struct on_demo *x)
{
    x->ops->free(x->study);
    corpus_free(x->corpus);
    demo_close(&x->demo);
}

/* One chunk folded; false when it gave nothing. */
static inline bool study_chunk(const struct study_ops *ops, struct study *s, int64_t i,
                               struct run *run)
{
    struct arena_mark mark = arena_mark(run->arena);
    struct partial *p = ops->chunk(s, i, run);
    if (p && ops->on_its_way && ops->on_its_way(s, p))
        ops->land(s, run);
    arena_reset(run->arena, mark);
    if (!p)
        return false;
    assert_true(ops->partial_tokens(p) >= 0);
    ops->fold(s, i, p);
    ops->partial_free(p);
    return true;
}

static inline void same_tables(const struct table_set *a, const struct table_set *b)
{
    assert_int_equal(a->n, b->n);
    for (int32_t i = 0; i < a->n; i++)
        if (!table_equal(a->table[i], b->table[i]))
            fail_msg("table %s differs", a->table[i]->name);
}

/* ---- states as bytes in memory, handed on and read in pieces */
static inline bool state_take(void *arg, const void *p, size_t n, struct error *e)
{
    (void)e;
    strbuf_add(arg, p, n);
    return true;
}

/* Appended. */
static inline void state_save(const struct study_ops *ops, const struct study *s,
                              struct strbuf *out)
{
    struct error e = {0};
    struct blob_writer w;
    blob_writer_init(&w, state_take, out);
    ops->save(s, &w);
    if (!blob_writer_end(&w, &e))
        fail_msg("%s: saving: %s", ops->name, e.text);
}

struct state_pieces { /* of memory, every one of another size */
    const char *p;
    size_t n, size;
    char *piece;
};

static inline const void *state_next(void *arg, size_t *n)
{
    struct state_pieces *m = arg;
    m->size = m->size % 977 + 1;
    *n = m->size < m->n ? m->size : m->n;
    m->piece = xrealloc(m->piece, *n > 0 ? *n : 1); /* reading beyond it is seen */
    memcpy(m->piece, m->p, *n);
    m->p += *n;
    m->n -= *n;
    return *n > 0 ? m->piece : NULL;
}

static inline bool state_load(const struct study_ops *ops, struct study *s, const void *p, size_t n,
                              struct error *e)
{
    struct state_pieces m = {p, n, 0, NULL};
    struct blob_reader r;
    blob_reader_init(&r, state_next, &m, n);
    const bool ok = ops->load(s, &r, e);
    free(m.piece);
    return ok;
}

/* Stopped and begun again after every chunk, a study gives the tables of an undisturbed one. */
static inline void check_resume(const struct study_ops *ops, const struct study_in *in,
                                const struct params *args)
{
    struct study *whole = study_new(ops, in, args), *s = study_new(ops, in, args);
    struct run run = {.queue = in->queue, .arena = arena_new(in->queue)};
    for (int64_t i = 0; i < ops->n_chunks(whole); i++) {
        struct strbuf state;
        struct error e = {0};
        strbuf_init(&state);
        state_save(ops, s, &state);
        ops->free(s);
        s = study_new(ops, in, args);
        if (!state_load(ops, s, state.s, state.len, &e))
            fail_msg("%s: chunk %ld: %s", ops->name, (long)i, e.text);
        strbuf_release(&state);
        assert_true(study_chunk(ops, whole, i, &run) && study_chunk(ops, s, i, &run));
        struct table_set *a = ops->tables(whole), *b = ops->tables(s);
        same_tables(a, b);
        table_set_unref(a);
        table_set_unref(b);
    }
    arena_free(run.arena);
    ops->free(whole);
    ops->free(s);
}

/* A state that was cut, lengthened or changed where the counts stand is refused and breaks nothing.
 */
static inline void check_bad_states(const struct study_ops *ops, const struct study_in *in,
                                    const struct params *args)
{
    struct study *s = study_done(ops, in, args);
    struct strbuf state;
    strbuf_init(&state);
    state_save(ops, s, &state);
    struct table_set *tables = ops->tables(s);
    for (size_t n = 0; n < state.len; n += n < 64 ? 1 : state.len / 13 + 1) {
        struct error e = {0};
        char *cut = xmemdup(state.s, n + 1); /* a copy: reading beyond it is seen */
        cut = xrealloc(cut, n > 0 ? n : 1);
        assert_false(state_load(ops, s, cut, n, &e));
        assert_true(e.kind == ERROR_INPUT);
        free(cut);
    }
    for (size_t at = 0; at < 16; at++) {
        struct error e = {0};
        state.s[at] = (char)(state.s[at] ^ 0x41);
        assert_false(state_load(ops, s, state.s, state.len, &e));
        state.s[at] = (char)(state.s[at] ^ 0x41);
    }
    struct error e = {0};
    strbuf_addc(&state, 0);
    assert_false(state_load(ops, s, state.s, state.len, &e));
    e = (struct error){0};
    assert_true(state_load(ops, s, state.s, state.len - 1, &e));
    struct table_set *again = ops->tables(s);
    same_tables(tables, again);
    table_set_unref(tables);
    table_set_unref(again);
    strbuf_release(&state);
    ops->free(s);
}

/* ---- segments */
static inline void study_segment(const struct study_ops *ops, struct study *s, struct queue *q,
                                 int64_t segment)
{
    struct error e = {0};
    const struct study_loop loop = {.end = (segment + 1) * ops->segment};
    if (!study_run(ops, s, q, segment * ops->segment, &loop, &e))
        fail_msg("%s, segment %ld: %s", ops->name, (long)segment, e.text);
}

/* Segments folded each by itself, every other one sent as bytes, and merged in order give the state
 * of one run, bit for bit. */
static inline void check_segments(const struct study_ops *of, const struct study_in *inputs,
                                  const struct params *args)
{
    enum { N = 40, KNOWN = 20 };
    struct study_ops ops = *of;
    struct study_in large = *inputs, *in = &large;
    const char *text[2][N];
    for (int i = 0; i < 2 * N; i++)
        text[i / N][i % N] = tiny_sets[i / N].sentence[i % N % KNOWN];
    struct corpus *c = corpus_of(text[0], N, text[1], N, true, CORPUS_ALL);
    large.corpus = c;
    struct strbuf one, merged, sent;
    struct error e = {0};
    assert_true(of->segment == STUDY_SEGMENT);
    ops.segment = 2; /* a small corpus has several then */
    struct study *whole = study_done(&ops, in, args), *total = study_new(&ops, in, args);
    const int64_t n = (ops.n_chunks(whole) + 1) / 2;
    assert_true(n >= 3);
    strbuf_init(&one);
    strbuf_init(&merged);
    strbuf_init(&sent);
    for (int64_t i = 0; i < n; i++) {
        struct study *part = study_new(&ops, in, args);
        study_segment(&ops, part, in->queue, i);
        if (i % 2 == 1) {
            strbuf_clear(&sent);
            state_save(&ops, part, &sent);
            ops.free(part);
            part = study_new(&ops, in, args);
            if (!state_load(&ops, part, sent.s, sent.len, &e))
                fail_msg("%s: segment %ld: %s", ops.name, (long)i, e.text);
        }
        ops.merge(total, part);
        ops.free(part);
    }
    state_save(&ops, whole, &one);
    state_save(&ops, total, &merged);
    assert_int_equal(one.len, merged.len);
    assert_memory_equal(one.s, merged.s, one.len);
    struct table_set *a = ops.tables(whole), *b = ops.tables(total);
    same_tables(a, b);
    table_set_unref(a);
    table_set_unref(b);
    strbuf_release(&one);
    strbuf_release(&merged);
    strbuf_release(&sent);
    ops.free(whole);
    ops.free(total);
    corpus_free(c);
}

/* ---- cancelling in the middle of a chunk */
struct countdown {
    int left;
    atomic_bool cancel;
};
static inline void count_down(void *arg)
{
    struct countdown *c = arg;
    if (--c->left == 0)
        atomic_store(&c->cancel, true);
}

/* Cancelled at every n-th operation, the study goes on from there to the same tables. */
static inline void check_cancel(const struct study_ops *ops, const struct study_in *in,
                                const struct params *args, int step)
{
    struct study *whole = study_done(ops, in, args), *s = study_new(ops, in, args);
    struct run run = {.queue = in->queue, .arena = arena_new(in->queue), .poll = count_down};
    struct countdown c = {0};
    run.poll_arg = &c, run.cancel = &c.cancel;
    for (int64_t i = 0; i < ops->n_chunks(s); i++) {
        for (int n = 1;; n += step) {
            c.left = n;
            atomic_store(&c.cancel, false);
            run.err = (struct error){0};
            if (study_chunk(ops, s, i, &run))
                break;
            assert_true(run.err.kind == ERROR_CANCELLED);
        }
    }
    struct table_set *a = ops->tables(whole), *b = ops->tables(s);
    same_tables(a, b);
    table_set_unref(a);
    table_set_unref(b);
    arena_free(run.arena);
    ops->free(whole);
    ops->free(s);
}

/* The three checks on the tiny model: stopped anywhere, spoilt, cancelled anywhere. */
static inline void check_going_on(const struct study_ops *ops, const char *hook,
                                  const struct params *args)
{
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = hook});
    struct corpus *c = tiny_corpus(quick() ? 9 : 20, true);
    struct study_in in = tiny_in(&t, c);
    check_resume(ops, &in, args);
    if (ops->merge)
        check_segments(ops, &in, args);
    check_bad_states(ops, &in, args);
    check_cancel(ops, &in, args, quick() ? 7 : 1);
    corpus_free(c);
    tiny_close(&t);
}

static inline void check_refused(const struct study_ops *ops, const struct study_in *in,
                                 const struct params *args, const char *says)
{
    struct error e = {0};
    struct study *s = NULL;
    assert_false(ops->open(in, args, &s, &e));
    assert_true(e.kind == ERROR_INPUT);
    if (!strstr(e.text, says))
        fail_msg("error \"%s\", expected \"%s\" in it", e.text, says);
}

/* Units, inputs and dictionaries that no study takes. */
static inline void check_units_refused(const struct study_ops *ops, const struct params *good)
{
    struct tiny_model t;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out"});
    struct corpus *c = tiny_corpus(2, true);
    const struct study_in fine = tiny_in(&t, c), *in = &fine;
    struct study_in no = fine;
    const struct unit_id *unit;
    struct unit_id a[UNITS_MAX + 1] = {{0, 0}};
    int32_t n = params_units(good, "units", &unit);
    memcpy(a, unit, (size_t)n * sizeof *a);
    a[1].index = dict_spec(in->dict)->m;
    check_refused(ops, in, given_units(ops, good, a, n), "found unit 80, expected 0 to 79");
    a[1].index = -1;
    check_refused(ops, in, given_units(ops, good, a, n), "found unit ε, expected 0 to 79");
    a[1] = a[0];
    check_refused(ops, in, given_units(ops, good, a, n), "given twice");
    check_refused(ops, in, given_units(ops, good, a, UNITS_MAX + 1), "expected at most 256");
    check_refused(ops, in, given_units(ops, good, a, 0), "expected 1 to 256");
    no.corpus = NULL;
    check_refused(ops, &no, good, "there is no text");
    no = *in, no.dict = NULL;
    check_refused(ops, &no, good, "there is no SAE");
    no = *in, no.at = (struct point){9, SITE_RESID_POST};
    check_refused(ops, &no, good, "layers.9");
    no.at = (struct point){1, SITE_MLP_ACT};
    check_refused(ops, &no, good, "width");
    corpus_free(c);
    tiny_close(&t);
}
#endif
