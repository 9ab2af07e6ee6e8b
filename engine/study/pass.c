/* Documents through the model up to a hook point. */
#include "engine/study/pass.h"
#include "engine/base/memory.h"
#include "engine/study/units.h"
#include <stdio.h>
#include <stdlib.h>

int64_t pass_chunks(const struct study_in *in)
{
    const int32_t docs = in->queue->backend->caps.chunk_docs;
    return (in->corpus->n_docs + docs - 1) / docs;
}

struct pass_range pass_range(const struct study_in *in, int64_t i)
{
    const int32_t docs = in->queue->backend->caps.chunk_docs;
    if (i < 0 || i >= pass_chunks(in))
        return (struct pass_range){0};
    const int64_t left = in->corpus->n_docs - i * docs;
    return (struct pass_range){i * docs, left < docs ? (int32_t)left : docs};
}

struct pass_doc *pass_docs(const struct study_in *in, int64_t first, int32_t n)
{
    struct pass_doc *docs = xcalloc((size_t)n + 1, sizeof *docs);
    for (int32_t i = 0; i < n; i++) {
        const struct corpus_doc *d = &in->corpus->doc[first + i];
        size_t n_tokens = 0, cap = 0;
        char *spaced = in->space ? xasprintf(" %.*s", (int)d->n, d->text) : NULL;
        docs[i].doc = first + i;
        tokenizer_encode(in->tokenizer, spaced ? spaced : d->text, d->n + (spaced != NULL),
                         in->special, &docs[i].token, &n_tokens, &cap);
        free(spaced);
        docs[i].n = (int32_t)n_tokens;
    }
    return docs;
}

void pass_docs_free(struct pass_doc *docs, int32_t n)
{
    for (int32_t i = 0; docs && i < n; i++)
        free(docs[i].token);
    free(docs);
}

/* The backend's measure is meant for products of billion-parameter models; where the widest product
 * on the way is small, more rows make better use of it and still take no longer. */
static int32_t rows_at_once(const struct study_in *in)
{
    enum { MOST = 4 };
    const struct model_config *c = model_config(in->model);
    const int64_t measure = INT64_C(1) << 22; /* multiply-adds a row that a job is measured for */
    int64_t widest = (int64_t)c->d_model * (c->d_mlp > 3 * c->d_model ? c->d_mlp : 3 * c->d_model);
    struct dict_place one;
    const struct dict_set set = units_set(in, &one);
    for (int32_t i = 0; i < set.n; i++) {
        const struct dict_spec *d = dict_spec(set.place[i].dict);
        int64_t encode = d->identity ? 0 : (int64_t)d->n * d->m;
        widest = encode > widest ? encode : widest;
    }
    int64_t k = measure / (widest > 0 ? widest : 1);
    int32_t rows =
        in->queue->backend->caps.rows_per_job > 0 ? in->queue->backend->caps.rows_per_job : 64;
    return rows * (int32_t)(k < 1 ? 1 : k > MOST ? MOST : k);
}

struct packer { /* a sub-batch being filled */
    struct run *run;
    const struct study_in *in;
    const struct pass_how *how;
    void (*each)(void *, struct run *, const struct pass_batch *);
    void *arg;
    int32_t limit;
    double done, total;        /* rows, of the chunk */
    struct sequences seq, doc; /* of the sub-batch; of one document */
    struct pass_row *row;
    size_t cap;
};

static void sentences_name(const void *of, int64_t first, int64_t last, char *to, size_t n)
{
    (void)of;
    snprintf(to, n, "sentences %lld to %lld of the corpus", (long long)first + 1,
             (long long)last + 1);
}

static void flush(struct packer *p)
{
    const uint64_t from = run_at(p->run);
    if (p->seq.n_rows == 0 || !run_ok(p->run))
        return;
    struct arena_mark mark = arena_mark(p->run->arena);
    p->run->told_from = p->done / p->total, p->run->told_part = p->seq.n_rows / p->total;
    struct pass_batch b = {.n_rows = p->seq.n_rows, .row = p->row, .seq = &p->seq};
    struct batch batch = sequences_batch(&p->seq);
    model_forward(p->run, p->in->model, &batch, NULL, p->how->to, p->how->hook, p->how->n_hooks,
                  &b.state);
    if (run_ok(p->run))
        p->each(p->arg, p->run, &b);
    run_name(p->run, from, sentences_name, NULL, p->row[0].doc, p->row[b.n_rows - 1].doc);
    run_tell(p->run, 1);
    p->done += b.n_rows;
    arena_reset(p->run->arena, mark);
    sequences_clear(&p->seq);
}

static void add_window(struct packer *p, int64_t doc, int32_t window)
{
    int32_t rows = p->doc.start[window + 1] - p->doc.start[window];
    if (p->seq.n_rows > 0 && rows > p->limit - p->seq.n_rows)
        flush(p);
    int32_t first = p->seq.n_rows;
    sequences_add(&p->seq, &p->doc, window);
    p->row = grow(p->row, &p->cap, (size_t)p->seq.n_rows, sizeof *p->row);
    for (int32_t i = first; i < p->seq.n_rows; i++)
        p->row[i] = (struct pass_row){doc, p->seq.pos[i]};
}

static struct cut cut_of(const struct study_in *in)
{
    return model_cut(in->model, in->tokenizer, in->bos);
}

/* A token has a byte at least, in NFC: that has at most three bytes for each of a character beyond
 * ASCII, and for an ASCII one the one. */
static bool may_be_longer(const struct corpus_doc *d, int32_t room)
{
    size_t most = d->n;
    for (size_t i = 0; i < d->n && 3 * d->n > (size_t)room; i++)
        most += (unsigned char)d->text[i] >= 0x80 ? 2 : 0;
    return most > (size_t)room;
}

bool pass_cut(const struct study_in *in, const atomic_bool *cancel, struct pass_cut *out)
{
    const int32_t room = cut_room(cut_of(in));
    *out = (struct pass_cut){.first = -1};
    for (int64_t i = 0; i < in->corpus->n_docs; i++) {
        if (cancel && atomic_load(cancel))
            return false;
        if (!may_be_longer(&in->corpus->doc[i], room))
            continue;
        struct pass_doc *d = pass_docs(in, i, 1);
        if (d->n > room) {
            out->docs++;
            out->windows += (d->n - 1) / room + 1;
            out->of_class[in->corpus->doc[i].cls]++;
            out->first = out->first < 0 ? i : out->first;
        }
        pass_docs_free(d, 1);
    }
    return true;
}

static int32_t tokens_of(const struct packer *p, const struct pass_doc *d)
{
    int32_t tokens = d->n, room = cut_room(cut_of(p->in));
    if (p->how->most > 0 && tokens > p->how->most)
        tokens = p->how->most;
    return p->how->most > 0 && tokens > room ? room : tokens;
}

static void add_doc(struct packer *p, const struct pass_doc *d)
{
    const struct cut cut = cut_of(p->in);
    const int32_t tokens = tokens_of(p, d);
    if (tokens == 0)
        return;
    sequences_clear(&p->doc);
    int32_t n = lane_sequences(&p->doc, d->token, tokens, cut);
    for (int32_t i = 0; i < n && run_ok(p->run); i++)
        add_window(p, d->doc, i);
}

void pass_chunk(struct run *run, const struct study_in *in, int64_t i,
                void (*each)(void *, struct run *, const struct pass_batch *), void *arg)
{
    pass_chunk_how(run, in, i, &(struct pass_how){.to = dict_reads(in->dict, in->at)}, each, arg);
}

void pass_chunk_how(struct run *run, const struct study_in *in, int64_t i,
                    const struct pass_how *how,
                    void (*each)(void *, struct run *, const struct pass_batch *), void *arg)
{
    const struct pass_range of = pass_range(in, i);
    if (of.n == 0 || !run_ok(run))
        return;
    struct packer p = {
        .run = run, .in = in, .how = how, .each = each, .arg = arg, .limit = rows_at_once(in)};
    struct pass_doc *docs = pass_docs(in, of.first, of.n);
    for (int32_t d = 0; d < of.n; d++)
        p.total += tokens_of(&p, &docs[d]) + 1; /* about: a BOS each */
    for (int32_t d = 0; d < of.n; d++)
        add_doc(&p, &docs[d]);
    flush(&p);
    run->told_from = run->told_part = 0;
    pass_docs_free(docs, of.n);
    sequences_release(&p.seq);
    sequences_release(&p.doc);
    free(p.row);
}
