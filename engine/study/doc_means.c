/* Means by document: folding and checkpoints. */
#include "engine/study/doc_means.h"
#include "engine/base/memory.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CELLS (INT64_C(1) << 27) /* means held: 1 GiB */

bool doc_means_init(struct doc_means *s, const char *name, const char *what,
                    const struct corpus *corpus, int32_t n, struct error *e)
{
    const int64_t docs = corpus->n_docs, cells = docs * n;
    *s = (struct doc_means){.name = name, .what = what, .corpus = corpus, .n = n};
    if (cells > MAX_CELLS)
        return error_set(e, ERROR_INPUT,
                         "%s: %d %s of %lld sentences are %lld means, expected at most %lld", name,
                         n, what, (long long)docs, (long long)cells, (long long)MAX_CELLS);
    s->mean = malloc((size_t)cells * sizeof *s->mean);
    s->count = malloc((size_t)docs * sizeof *s->count);
    return (s->mean && s->count) ||
           error_set(e, ERROR_SYSTEM, "%s: no memory for %lld means", name, (long long)cells);
}

void doc_means_release(struct doc_means *s)
{
    free(s->mean);
    free(s->count);
}

double doc_mean(const struct doc_means *s, int32_t column, int64_t doc)
{
    if (column < 0 || column >= s->n || doc < s->from || doc >= s->done)
        return (double)NAN;
    return s->mean[doc * s->n + column];
}

bool doc_counts(const struct doc_means *s, int64_t doc, int32_t cls)
{
    return s->count[doc] > 0 && s->corpus->doc[doc].cls == cls;
}

/* ---- a chunk */
void doc_part_init(struct doc_part *p, struct pass_range of, int32_t n)
{
    *p = (struct doc_part){.first = of.first, .n_docs = of.n, .n = n};
    p->count = xcalloc((size_t)of.n + 1, sizeof *p->count);
    p->sum = xcalloc((size_t)of.n * (size_t)n + 1, sizeof *p->sum);
}

void doc_part_release(struct doc_part *p)
{
    free(p->count);
    free(p->sum);
}

int32_t doc_part_count(struct doc_part *p, const struct pass_batch *b, int32_t *eval)
{
    int32_t n = 0;
    for (int32_t i = 0; i < b->n_rows; i++) {
        p->tokens += b->row[i].pos >= 0;
        if (b->seq->target[i] < 0)
            continue;
        p->count[b->row[i].doc - p->first]++;
        eval[n++] = i;
    }
    return n;
}

void doc_part_means(struct doc_part *p)
{
    for (int32_t d = 0; d < p->n_docs; d++) {
        double *sum = p->sum + (size_t)d * (size_t)p->n;
        for (int32_t i = 0; i < p->n; i++)
            sum[i] = p->count[d] > 0 ? sum[i] / p->count[d] : (double)NAN;
    }
}

/* ---- folding */
void doc_means_fold(struct doc_means *s, const struct doc_part *p)
{
    const size_t first = (size_t)p->first, docs = (size_t)p->n_docs, n = (size_t)s->n;
    memcpy(s->count + first, p->count, docs * sizeof *s->count);
    memcpy(s->mean + first * n, p->sum, docs * n * sizeof *s->mean);
    if (s->done == s->from)
        s->from = p->first; /* a segment begins where it begins */
    s->done = p->first + p->n_docs;
}

void doc_means_merge(struct doc_means *to, const struct doc_means *from)
{
    const size_t first = (size_t)from->from, docs = (size_t)(from->done - from->from),
                 n = (size_t)to->n;
    if (docs == 0)
        return;
    memcpy(to->count + first, from->count + first, docs * sizeof *to->count);
    memcpy(to->mean + first * n, from->mean + first * n, docs * n * sizeof *to->mean);
    if (to->done == to->from)
        to->from = from->from;
    to->done = from->done;
}

/* ---- checkpoints */
void doc_means_save(const struct doc_means *s, struct blob_writer *b)
{
    blob_add_i64(b, s->n);
    blob_add_i64(b, s->from);
    blob_add_i64(b, s->done);
    for (int64_t d = s->from; d < s->done; d++) {
        blob_add_u32(b, (uint32_t)s->count[d]);
        for (int32_t i = 0; i < s->n; i++)
            blob_add_f64(b, s->mean[d * s->n + i]);
    }
}

bool doc_means_load(struct doc_means *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long bytes = r->left;
    const int64_t n = blob_i64(r), from = blob_i64(r), done = blob_i64(r);
    const size_t doc = 4 + 8 * (size_t)s->n;
    bool ok = !r->bad && n == s->n && from >= 0 && done >= from && done <= s->corpus->n_docs &&
              r->left % doc == 0 && (uint64_t)(done - from) == r->left / doc;
    s->from = s->done = 0;
    for (int64_t d = from; ok && d < done; d++) {
        const uint32_t count = blob_u32(r);
        ok = count <= INT32_MAX;
        s->count[d] = ok ? (int32_t)count : 0;
        for (int32_t i = 0; i < s->n; i++)
            s->mean[d * s->n + i] = blob_f64(r);
    }
    if (!ok || !blob_end(r))
        return error_set(e, ERROR_INPUT,
                         "%s: a checkpoint of %llu bytes does not hold means of %d %s", s->name,
                         bytes, s->n, s->what);
    s->from = from;
    s->done = done;
    return true;
}

/* ---- studies that measure nothing else */
static struct doc_means *means_of(struct study *s)
{
    return (struct doc_means *)(void *)s;
}

static const struct doc_means *the_means_of(const struct study *s)
{
    return (const struct doc_means *)(const void *)s;
}

static const struct doc_part *part_of(const struct partial *p)
{
    return (const struct doc_part *)(const void *)p;
}

struct doc_part *doc_partial_new(const struct study *s, const struct study_in *in, int64_t chunk)
{
    struct doc_part *p = xcalloc(1, sizeof *p);
    doc_part_init(p, pass_range(in, chunk), the_means_of(s)->n);
    return p;
}

struct partial *doc_partial_end(struct doc_part *part, struct run *run)
{
    struct partial *p = (struct partial *)(void *)part;
    if (run_ok(run)) {
        doc_part_means(part);
        return p;
    }
    doc_partial_free(p);
    return NULL;
}

void doc_partial_free(struct partial *p)
{
    if (p)
        doc_part_release((struct doc_part *)(void *)p);
    free(p);
}

int64_t doc_partial_tokens(const struct partial *p)
{
    return part_of(p)->tokens;
}

void doc_study_fold(struct study *s, int64_t chunk, const struct partial *p)
{
    (void)chunk;
    doc_means_fold(means_of(s), part_of(p));
}

void doc_study_merge(struct study *to, const struct study *from)
{
    doc_means_merge(means_of(to), the_means_of(from));
}

void doc_study_save(const struct study *s, struct blob_writer *b)
{
    doc_means_save(the_means_of(s), b);
}

bool doc_study_load(struct study *s, struct blob_reader *r, struct error *e)
{
    return doc_means_load(means_of(s), r, e);
}
