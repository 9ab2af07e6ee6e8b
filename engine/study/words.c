#include "engine/study/words.h"
#include "engine/base/memory.h"
#include "engine/study/pass.h"
#include "engine/study/units.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const word_units_name[WORD_N_UNITS] = {"neurons", "latents"};
const char *const word_vector_choices[] = {"last", "mean", "first", NULL};
enum { VECTOR_LAST, VECTOR_MEAN, VECTOR_FIRST };

struct study {
    struct study_in in; /* with the blank, where asked */
    int vector;
    bool pre;
    const struct dict_spec *spec;
    struct word_columns of[WORD_N_UNITS]; /* latents: n_cols 0 where there are none */
    int64_t cap_words, cap[WORD_N_UNITS];
    int32_t *n_tokens; /* [n_words] */
    double error, l1;  /* Σ‖x − x̂‖² and Σ|f| of all tokens */
    int64_t tokens, active;
};

struct partial { /* vectors of one chunk's words */
    int32_t n;
    int32_t *n_tokens;       /* [n] */
    float *of[WORD_N_UNITS]; /* [n, n_cols]; NULL: none */
    double error, l1;
    int64_t tokens, active;
};

/* ---- opening */
static void columns_release(struct word_columns *c)
{
    free(c->start);
    free(c->id);
    free(c->value);
}

static void words_free(struct study *s)
{
    if (!s)
        return;
    for (int u = 0; u < WORD_N_UNITS; u++)
        columns_release(&s->of[u]);
    free(s->n_tokens);
    free(s);
}

static bool words_open(const struct study_in *in, const struct params *params, struct study **out,
                       struct error *e)
{
    if (!units_check_in("words", in, e))
        return false;
    if (in->corpus->n_classes < 2)
        return error_set(e, ERROR_INPUT, "%s: found one class of words (%s), expected two or more",
                         in->corpus->name, in->corpus->cls[0].name);
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->in.space = params_flag(params, "space");
    s->vector = params_choice(params, "word-vector");
    s->pre = params_flag(params, "pre");
    s->spec = dict_spec(in->dict);
    s->of[WORD_NEURONS].n_cols = s->spec->n;
    s->of[WORD_LATENTS].n_cols = s->spec->identity ? 0 : s->spec->m;
    for (int u = 0; u < WORD_N_UNITS; u++)
        s->of[u].start = xcalloc((size_t)in->corpus->n_docs + 1, sizeof *s->of[u].start);
    s->n_tokens = xcalloc((size_t)in->corpus->n_docs + 1, sizeof *s->n_tokens);
    *out = s;
    return true;
}

static int64_t words_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a chunk */
static void partial_free(struct partial *p)
{
    if (!p)
        return;
    free(p->n_tokens);
    for (int u = 0; u < WORD_N_UNITS; u++)
        free(p->of[u]);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->tokens;
}

struct work {
    const struct study *s;
    struct partial *p;
    int64_t first; /* document of the chunk */
};

/* What a token's value counts in its word's vector. */
static float weight_of(const struct work *w, const struct pass_row *row)
{
    const int32_t n = w->p->n_tokens[row->doc - w->first];
    switch (w->s->vector) {
    case VECTOR_MEAN: return row->pos < 0 ? 0.0f : 1.0f / (float)n;
    case VECTOR_FIRST: return row->pos == 0 ? 1.0f : 0.0f;
    default: return row->pos == n - 1 ? 1.0f : 0.0f;
    }
}

static float *vector_of(const struct work *w, enum word_units u, int64_t doc)
{
    return w->p->of[u] + (size_t)(doc - w->first) * (size_t)w->s->of[u].n_cols;
}

static void add_dense(const struct work *w, struct run *run, const struct pass_batch *b,
                      enum word_units u, struct tensor values)
{
    const size_t n = (size_t)values.cols;
    float *x = xcalloc((size_t)b->n_rows * n + 1, sizeof *x);
    run_get(run, x, values);
    if (u == WORD_LATENTS || w->s->spec->identity)
        dict_check_values(run, w->s->in.dict, x, b->n_rows, NULL, values.cols);
    for (int32_t t = 0; t < b->n_rows && run_ok(run); t++) {
        const float a = weight_of(w, &b->row[t]);
        float *to = vector_of(w, u, b->row[t].doc);
        for (size_t i = 0; i < n && a != 0; i++)
            to[i] += a * x[(size_t)t * n + i];
    }
    free(x);
}

static void add_codes(const struct work *w, struct run *run, const struct pass_batch *b,
                      const struct csr *codes, bool values)
{
    struct csr_host f = {0};
    const bool ok = run_get_csr(run, &f, codes);
    for (int32_t t = 0; ok && t < f.n_rows; t++) {
        const float a = weight_of(w, &b->row[t]);
        float *to = vector_of(w, WORD_LATENTS, b->row[t].doc);
        if (b->row[t].pos >= 0)
            w->p->active += f.start[t + 1] - f.start[t];
        for (int32_t i = f.start[t]; b->row[t].pos >= 0 && i < f.start[t + 1]; i++)
            w->p->l1 += fabs((double)f.vals[i]);
        for (int32_t i = f.start[t]; values && i < f.start[t + 1] && a != 0; i++)
            to[f.ids[i]] += a * f.vals[i];
    }
    csr_host_release(&f);
}

static void add_error(const struct work *w, struct run *run, const struct pass_batch *b,
                      const struct code *f)
{
    const struct study_in *in = &w->s->in;
    double *stats = xcalloc(2 * (size_t)b->n_rows + 1, sizeof *stats);
    struct tensor y = b->state.value;
    if (w->s->spec->transcodes) {
        struct batch batch = sequences_batch(b->seq);
        struct state out;
        model_forward(run, in->model, &batch, &b->state, in->at, NULL, 0, &out);
        y = out.value;
    }
    run_get_f64(run, stats, op_row_stats(run, y, dict_decode(run, in->dict, f)));
    for (int32_t t = 0; t < b->n_rows && run_ok(run); t++)
        w->p->error += b->row[t].pos >= 0 ? stats[2 * t + 1] : 0;
    free(stats);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    const struct work *w = arg;
    struct tensor pre;
    struct code f;
    add_dense(w, run, b, WORD_NEURONS, b->state.value);
    if (w->s->spec->identity)
        return;
    dict_encode(run, w->s->in.dict, b->state.value, &f, w->s->pre ? &pre : NULL);
    add_codes(w, run, b, &f.sparse, !w->s->pre);
    if (w->s->pre)
        add_dense(w, run, b, WORD_LATENTS, pre);
    add_error(w, run, b, &f);
}

static struct partial *words_chunk(struct study *s, int64_t i, struct run *run)
{
    const struct pass_range of = pass_range(&s->in, i);
    struct partial *p = xcalloc(1, sizeof *p);
    struct work w = {.s = s, .p = p, .first = of.first};
    p->n = of.n;
    p->n_tokens = xcalloc((size_t)of.n + 1, sizeof *p->n_tokens);
    struct pass_doc *docs = pass_docs(&s->in, of.first, of.n);
    for (int32_t d = 0; d < of.n; d++)
        p->tokens += p->n_tokens[d] = docs[d].n;
    pass_docs_free(docs, of.n);
    for (int u = 0; u < WORD_N_UNITS; u++)
        if (s->of[u].n_cols > 0)
            p->of[u] = xcalloc((size_t)of.n * (size_t)s->of[u].n_cols + 1, sizeof *p->of[u]);
    pass_chunk(run, &s->in, i, take_batch, &w);
    if (run_ok(run))
        return p;
    partial_free(p);
    return NULL;
}

/* ---- folding */
static void add_value(struct study *s, int u, int32_t id, float value)
{
    struct word_columns *c = &s->of[u];
    int64_t *n = &c->start[c->n_words + 1];
    if (*n == s->cap[u]) {
        s->cap[u] = *n * 2 > 1024 ? *n * 2 : 1024;
        c->id = xreallocarray(c->id, (size_t)s->cap[u], sizeof *c->id);
        c->value = xreallocarray(c->value, (size_t)s->cap[u], sizeof *c->value);
    }
    c->id[*n] = id;
    c->value[(*n)++] = value;
}

static void begin_word(struct word_columns *c)
{
    c->start[c->n_words + 1] = c->start[c->n_words];
}

static void words_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    memcpy(s->n_tokens + s->of[0].n_words, p->n_tokens, (size_t)p->n * sizeof *p->n_tokens);
    for (int u = 0; u < WORD_N_UNITS; u++) {
        struct word_columns *c = &s->of[u];
        for (int32_t w = 0; w < p->n; w++, c->n_words++) {
            begin_word(c);
            const float *x = p->of[u] ? p->of[u] + (size_t)w * (size_t)c->n_cols : NULL;
            for (int32_t j = 0; x && j < c->n_cols; j++)
                if (x[j] != 0)
                    add_value(s, u, j, x[j]);
        }
    }
    s->error += p->error;
    s->l1 += p->l1;
    s->tokens += p->tokens;
    s->active += p->active;
}

/* ---- checkpoints */
static void words_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->of[0].n_words);
    blob_add_i64(b, s->of[WORD_NEURONS].start[s->of[0].n_words]);
    blob_add_i64(b, s->of[WORD_LATENTS].start[s->of[0].n_words]);
    blob_add_i64(b, s->tokens);
    blob_add_i64(b, s->active);
    blob_add_f64(b, s->error);
    blob_add_f64(b, s->l1);
    for (int32_t w = 0; w < s->of[0].n_words; w++) {
        blob_add_u32(b, (uint32_t)s->n_tokens[w]);
        for (int u = 0; u < WORD_N_UNITS; u++)
            blob_add_u32(b, (uint32_t)(s->of[u].start[w + 1] - s->of[u].start[w]));
    }
    for (int u = 0; u < WORD_N_UNITS; u++)
        for (int64_t i = 0; i < s->of[u].start[s->of[u].n_words]; i++) {
            uint32_t bits;
            memcpy(&bits, &s->of[u].value[i], sizeof bits);
            blob_add_u32(b, (uint32_t)s->of[u].id[i]);
            blob_add_u32(b, bits);
        }
}

static bool read_lengths(struct study *s, struct blob_reader *r, int64_t n_words, const int64_t *n)
{
    for (int64_t w = 0; w < n_words; w++) {
        const uint32_t tokens = blob_u32(r);
        s->n_tokens[w] = (int32_t)tokens;
        bool fits = tokens > 0 && tokens <= INT32_MAX;
        for (int u = 0; u < WORD_N_UNITS; u++) {
            const uint32_t len = blob_u32(r);
            s->of[u].start[w + 1] = s->of[u].start[w] + len;
            fits = fits && (int64_t)len <= s->of[u].n_cols;
        }
        if (r->bad || !fits)
            return false;
    }
    return s->of[WORD_NEURONS].start[n_words] == n[WORD_NEURONS] &&
           s->of[WORD_LATENTS].start[n_words] == n[WORD_LATENTS];
}

static bool read_values(struct word_columns *c, struct blob_reader *r, int64_t n_words, int64_t n)
{
    c->id = xreallocarray(c->id, (size_t)n + 1, sizeof *c->id);
    c->value = xreallocarray(c->value, (size_t)n + 1, sizeof *c->value);
    for (int64_t w = 0; w < n_words; w++)
        for (int64_t i = c->start[w]; i < c->start[w + 1]; i++) {
            const uint32_t id = blob_u32(r), bits = blob_u32(r);
            if (r->bad || id >= (uint32_t)c->n_cols ||
                (i > c->start[w] && (int32_t)id <= c->id[i - 1]))
                return false;
            c->id[i] = (int32_t)id;
            memcpy(&c->value[i], &bits, sizeof bits);
        }
    return true;
}

static bool words_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long size = r->left;
    int64_t n[WORD_N_UNITS];
    const int64_t n_words = blob_i64(r);
    for (int u = 0; u < WORD_N_UNITS; u++)
        n[u] = blob_i64(r);
    s->tokens = blob_i64(r);
    s->active = blob_i64(r);
    s->error = blob_f64(r);
    s->l1 = blob_f64(r);
    bool ok = !r->bad && n_words >= 0 && n_words <= s->in.corpus->n_docs;
    for (int u = 0; u < WORD_N_UNITS; u++)
        ok = ok && n[u] >= 0 && n[u] <= INT64_MAX / 64;
    ok = ok && r->left == (uint64_t)n_words * 12 + (uint64_t)(n[0] + n[1]) * 8 &&
         read_lengths(s, r, n_words, n);
    for (int u = 0; ok && u < WORD_N_UNITS; u++) {
        s->cap[u] = n[u] + 1;
        ok = read_values(&s->of[u], r, n_words, n[u]);
    }
    for (int u = 0; u < WORD_N_UNITS; u++)
        s->of[u].n_words = ok ? (int32_t)n_words : 0;
    return (ok && blob_end(r)) ||
           error_set(e, ERROR_INPUT,
                     "words: a checkpoint of %llu bytes does not hold vectors of %lld words", size,
                     (long long)s->in.corpus->n_docs);
}

/* ---- which words count */
struct met {
    const struct corpus_doc *doc;
    int32_t index;
};

static int by_text(const void *a, const void *b)
{
    const struct met *x = a, *y = b;
    const size_t n = x->doc->n < y->doc->n ? x->doc->n : y->doc->n;
    int c = memcmp(x->doc->text, y->doc->text, n);
    if (c == 0)
        c = (x->doc->n > y->doc->n) - (x->doc->n < y->doc->n);
    return c ? c : (x->index > y->index) - (x->index < y->index);
}

static bool same_text(const struct met *a, const struct met *b)
{
    return a->doc->n == b->doc->n && memcmp(a->doc->text, b->doc->text, a->doc->n) == 0;
}

/* Which label a word of a class has, by the question; −1: none. */
static int32_t label_of(const struct word_list *l, struct word_question q, int32_t cls)
{
    if (q.target < 0)
        return l->n_labels > 2 ? cls : cls == 0;
    return cls == q.target ? 1 : q.against < 0 || cls == q.against ? 0 : -1;
}

static void name_labels(struct word_list *l, const struct corpus *c, struct word_question q)
{
    l->n_labels = q.target < 0 ? c->n_classes : 2;
    for (int32_t i = 0; i < l->n_labels; i++)
        l->cls[i] = -1;
    for (int32_t cls = 0; cls < c->n_classes; cls++) {
        const int32_t label = label_of(l, q, cls);
        if (label >= 0)
            l->cls[label] =
                label > 0 || l->n_labels > 2 || c->n_classes == 2 || q.against >= 0 ? cls : -1;
    }
}

/* out [n_docs]: 1 for what stands again, or in two classes. */
static void leave_out(struct word_list *l, const struct corpus *c, uint8_t *out)
{
    const int32_t n = (int32_t)c->n_docs;
    struct met *met = xcalloc((size_t)n + 1, sizeof *met);
    for (int32_t i = 0; i < n; i++)
        met[i] = (struct met){&c->doc[i], i};
    qsort(met, (size_t)n, sizeof *met, by_text);
    for (int32_t i = 0, next; i < n; i = next) {
        bool both = false;
        for (next = i + 1; next < n && same_text(&met[i], &met[next]); next++)
            both = both || met[next].doc->cls != met[i].doc->cls;
        for (int32_t j = both ? i : i + 1; j < next; j++)
            out[met[j].index] = 1;
        *(both ? &l->both : &l->again) += both ? next - i : next - i - 1;
    }
    free(met);
}

void word_list_init(struct word_list *l, const struct corpus *c, struct word_question q)
{
    const int32_t n = (int32_t)c->n_docs;
    uint8_t *out = xcalloc((size_t)n + 1, 1);
    *l = (struct word_list){.doc = xcalloc((size_t)n + 1, sizeof *l->doc),
                            .label = xcalloc((size_t)n + 1, 1)};
    name_labels(l, c, q);
    leave_out(l, c, out);
    for (int32_t i = 0; i < n; i++) {
        const int32_t label = out[i] ? -1 : label_of(l, q, c->doc[i].cls);
        if (label < 0)
            continue;
        l->doc[l->n] = i;
        l->label[l->n++] = (uint8_t)label;
        l->n_of[label]++;
    }
    free(out);
}

void word_list_release(struct word_list *l)
{
    free(l->doc);
    free(l->label);
    *l = (struct word_list){0};
}

bool word_list_check(const struct word_list *l, const struct corpus *c, int32_t least,
                     struct error *e)
{
    for (int32_t k = 0; k < l->n_labels; k++) {
        const int32_t i = l->n_labels > 2 ? k : 1 - k, n = l->n_of[i];
        if (n >= least)
            continue;
        if (l->cls[i] < 0)
            return error_set(e, ERROR_INPUT,
                             "%s: found %d word%s of the other classes, expected "
                             "%d or more",
                             c->name, n, n == 1 ? "" : "s", least);
        return error_set(e, ERROR_INPUT, "%s: found %d word%s of class %s, expected %d or more",
                         c->name, n, n == 1 ? "" : "s", c->cls[l->cls[i]].name, least);
    }
    return true;
}

void word_list_name(const struct word_list *l, const struct corpus *c, struct strbuf *out)
{
    if (l->n_labels > 2)
        strbuf_addf(out, "each of %d classes against all", l->n_labels);
    else
        strbuf_addf(out, "%s against %s", c->cls[l->cls[1]].name,
                    l->cls[0] < 0 ? "the others" : c->cls[l->cls[0]].name);
}

bool word_question_read(struct word_question *q, const struct corpus *c, const struct params *p,
                        struct error *e)
{
    static const char *const option[2] = {"target", "against"};
    int32_t cls[2] = {-1, -1};
    for (int i = 0; i < 2; i++) {
        const char *name = params_know(p, option[i]) ? params_text(p, option[i]) : NULL;
        cls[i] = name ? corpus_class_need(c, option[i], name, e) : -1;
        if (name && cls[i] < 0)
            return false;
    }
    *q = (struct word_question){cls[0] < 0 && cls[1] >= 0 ? 0 : cls[0], cls[1]};
    if (q->target < 0 || q->target != q->against)
        return true;
    return error_set(e, ERROR_INPUT,
                     "--against: found %s, which is the target, expected another "
                     "class",
                     c->cls[q->against].name);
}

/* ---- looking */
const struct word_columns *words_columns(const struct study *s, enum word_units u)
{
    return s->of[u].n_cols > 0 ? &s->of[u] : NULL;
}

enum word_units words_main(const struct study *s)
{
    return s->spec->identity ? WORD_NEURONS : WORD_LATENTS;
}

const struct corpus *words_corpus(const struct study *s)
{
    return s->in.corpus;
}

double words_mse(const struct study *s)
{
    return s->spec->identity || s->tokens == 0
               ? (double)NAN
               : s->error / (double)s->tokens / (double)s->spec->n_out;
}

double words_l0(const struct study *s)
{
    return s->spec->identity || s->tokens == 0 ? (double)NAN
                                               : (double)s->active / (double)s->tokens;
}

double words_l1(const struct study *s)
{
    return s->spec->identity || s->tokens == 0 ? (double)NAN : s->l1 / (double)s->tokens;
}

/* ---- the table */
enum { T_CLASS, T_KIND, T_WORDS, T_TOKENS, T_SEVERAL };

static void note_left_out(struct table *t, const struct word_list *l)
{
    const char *in = l->n_labels > 2 ? "several" : "both";
    if (l->again > 0 && l->both > 0)
        table_note(t, "left out: %d that stand again, %d that stand in %s classes", l->again,
                   l->both, in);
    else if (l->again > 0)
        table_note(t, "left out: %d that stand again", l->again);
    else if (l->both > 0)
        table_note(t, "left out: %d that stand in %s classes", l->both, in);
}

static void add_group(struct table *t, const struct study *s, const struct word_list *l,
                      int32_t cls, int32_t kind)
{
    const struct corpus *c = s->in.corpus;
    int64_t words = 0, tokens = 0, several = 0;
    for (int32_t i = 0; i < l->n; i++) {
        const struct corpus_doc *d = &c->doc[l->doc[i]];
        if (d->cls != cls || d->kind != kind || l->doc[i] >= s->of[0].n_words)
            continue;
        words++;
        tokens += s->n_tokens[l->doc[i]];
        several += s->n_tokens[l->doc[i]] > 1;
    }
    if (words == 0)
        return;
    const int64_t row = table_row(t);
    table_set_str(t, row, T_CLASS, c->cls[cls].name);
    if (kind >= 0)
        table_set_str(t, row, T_KIND, c->kind[kind]);
    table_set_i64(t, row, T_WORDS, words);
    table_set_f64(t, row, T_TOKENS, (double)tokens / (double)words);
    table_set_i64(t, row, T_SEVERAL, several);
}

static struct table_set *words_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct table *t = table_new("words", "Words", MARK_LIST);
    struct word_list l;
    table_column(t, "class", "", "class of the words", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "kind", "", "what the list says of them", COLUMN_STR, COLUMN_KEY);
    table_column(t, "words", "", "words, each once", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "tokens_mean", "", "tokens a word", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "several_tokens", "", "words of several tokens", COLUMN_I64, COLUMN_TEXT);
    word_list_init(&l, s->in.corpus, (struct word_question){-1, -1});
    for (int32_t cls = 0; cls < s->in.corpus->n_classes; cls++)
        for (int32_t kind = -1; kind < s->in.corpus->n_kinds; kind++)
            add_group(t, s, &l, cls, kind);
    note_left_out(t, &l);
    word_list_release(&l);
    table_set_add(set, t);
    return set;
}

static const struct param params[] = {STUDY_WORDS_ROWS, {.name = NULL}};

const struct study_ops words_study = {.name = "words",
                                      .version = 1,
                                      .params = params,
                                      .open = words_open,
                                      .free = words_free,
                                      .n_chunks = words_chunks,
                                      .chunk = words_chunk,
                                      .partial_free = partial_free,
                                      .partial_tokens = partial_tokens,
                                      .fold = words_fold,
                                      .save = words_save,
                                      .load = words_load,
                                      .tables = words_tables};
