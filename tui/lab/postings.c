/* Every activation of a harvest (--keep-activations): written by latent, read back as a table.
 *
 * A list is, for each token on which the latent is active in corpus order, two varints: documents
 * since the one before, then the token in its document, or tokens since the one before in the same
 * document; and beside it the activations as f32. */
#include "engine/base/memory.h"
#include "tui/lab/lab_private.h"
#include <stdlib.h>
#include <string.h>

struct posting_list {
    struct strbuf position, value;
    int32_t doc, pos; /* of the last one */
};
struct posting_lists {
    int32_t m;
    struct posting_list *list; /* [m] */
    int64_t n;                 /* tokens taken */
    const struct lab_loop *loop;
};

static void add_varint(struct strbuf *b, uint32_t v)
{
    for (; v >= 0x80; v >>= 7)
        strbuf_addc(b, (char)(v | 0x80));
    strbuf_addc(b, (char)v);
}

static bool take_varint(const struct strbuf *b, size_t *at, uint32_t *v)
{
    *v = 0;
    for (unsigned shift = 0; shift < 32 && *at < b->len; shift += 7) {
        uint32_t byte = (unsigned char)b->s[(*at)++];
        *v |= (byte & 0x7f) << shift;
        if (byte < 0x80)
            return true;
    }
    return false;
}

static void take_posting(void *arg, int32_t doc, int32_t pos, int32_t n, const int32_t *id,
                         const float *value)
{
    enum { TAKEN_AT_ONCE = 4096 }; /* a few milliseconds */
    struct posting_lists *lists = arg;
    if (++lists->n % TAKEN_AT_ONCE == 0 && lists->loop && lists->loop->poll)
        lists->loop->poll(lists->loop->poll_arg);
    for (int32_t i = 0; i < n; i++) {
        struct posting_list *l = &lists->list[id[i]];
        add_varint(&l->position, (uint32_t)(doc - l->doc));
        add_varint(&l->position, (uint32_t)(l->doc == doc ? pos - l->pos : pos));
        strbuf_add(&l->value, (const char *)&value[i], sizeof value[i]);
        l->doc = doc;
        l->pos = pos;
    }
}

static void collect(struct posting_lists *lists, struct study *study, const struct lab_loop *loop)
{
    lists->loop = loop;
    lists->m = harvest_n_latents(study);
    lists->list = xcalloc((size_t)lists->m, sizeof *lists->list);
    for (int32_t j = 0; j < lists->m; j++) {
        strbuf_init(&lists->list[j].position);
        strbuf_init(&lists->list[j].value);
    }
    harvest_postings(study, take_posting, lists);
}

static void release(struct posting_lists *lists)
{
    for (int32_t j = 0; j < lists->m; j++) {
        strbuf_release(&lists->list[j].position);
        strbuf_release(&lists->list[j].value);
    }
    free(lists->list);
}

bool lab_keep_postings(struct lab *lab, int64_t run, struct study *study,
                       const struct lab_loop *loop, struct error *e)
{
    enum { WRITTEN_AT_ONCE = 64 };
    struct posting_lists lists = {0};
    bool ok = true;
    lab->writing = true;
    collect(&lists, study, loop);
    lab->writing = false;
    for (int32_t j = 0; ok && j < lists.m; j++) {
        const struct posting_list *l = &lists.list[j];
        if (l->value.len > 0)
            ok = store_put_posting(lab->store, run, j, 0, l->position.s, l->position.len,
                                   l->value.s, l->value.len, e);
        ok = ok && (j % WRITTEN_AT_ONCE != 0 || lab_breathe(lab, loop, e));
    }
    release(&lists);
    return ok;
}

/* ---- reading */
static bool add_rows(struct table *t, const struct corpus *corpus, int32_t latent,
                     const struct strbuf *position, const struct strbuf *value)
{
    size_t at = 0, n = value->len / sizeof(float);
    int64_t doc = 0, pos = 0;
    for (size_t i = 0; i < n; i++) {
        uint32_t docs, tokens;
        float v;
        if (!take_varint(position, &at, &docs) || !take_varint(position, &at, &tokens))
            return false;
        doc += docs;
        pos = docs == 0 ? pos + tokens : tokens;
        if (doc >= corpus->n_docs)
            return false;
        memcpy(&v, value->s + i * sizeof v, sizeof v);
        int64_t row = table_row(t);
        table_set_i64(t, row, 0, latent);
        table_set_str(t, row, 1, corpus->cls[corpus->doc[doc].cls].name);
        table_set_i64(t, row, 2, corpus_doc_number(&corpus->doc[doc]));
        table_set_i64(t, row, 3, pos);
        table_set_f64(t, row, 4, (double)v);
    }
    return at == position->len;
}

static bool add_stored(struct lab *lab, int64_t run, const struct corpus *corpus, int32_t latent,
                       struct table *t, struct error *e)
{
    struct strbuf position, value;
    strbuf_init(&position);
    strbuf_init(&value);
    int there = store_get_posting(lab->store, run, latent, 0, &position, &value, e);
    bool ok = there >= 0 && (there == 0 || add_rows(t, corpus, latent, &position, &value));
    if (!ok)
        store_distrust(lab->store, run);
    if (!ok)
        error_set(e, ERROR_SYSTEM, "%s: the activations of latent %d can't be read",
                  store_path(lab->store), (int)latent);
    strbuf_release(&position);
    strbuf_release(&value);
    return ok;
}

struct table *lab_activations(struct lab *lab, const struct harvest_source *s,
                              const struct corpus *corpus, const int32_t *unit, int32_t n,
                              struct error *e)
{
    struct table *t = table_new("activations", "Every activation", MARK_LIST);
    struct posting_lists lists = {0};
    bool ok = true;
    table_column(t, "latent", "", "index", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "of the document", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "doc", "", "place of the document in its file, from 0", COLUMN_I64,
                 COLUMN_TEXT);
    table_column(t, "pos", "", "token of the document", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "value", "", "activation", COLUMN_F64, COLUMN_Y);
    if (!s->run)
        collect(&lists, s->study, s->loop);
    for (int32_t i = 0; ok && i < n; i++)
        ok = s->run ? add_stored(lab, s->run, corpus, unit[i], t, e)
                    : add_rows(t, corpus, unit[i], &lists.list[unit[i]].position,
                               &lists.list[unit[i]].value);
    release(&lists);
    if (ok)
        return t;
    table_free(t);
    return NULL;
}
