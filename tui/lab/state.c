/* A study's state between the study and the cache: piece by piece, and between two of them live
 * requests are let through. */
#include "tui/lab/lab_private.h"
#include <string.h>

static void breathe(const struct lab_loop *loop)
{
    if (loop && loop->poll)
        loop->poll(loop->poll_arg);
}

struct saving {
    struct store_save *save;
    const struct lab_loop *loop;
};

static bool keep_piece(void *arg, const void *p, size_t n, struct error *e)
{
    const struct saving *s = arg;
    const bool ok = store_save_piece(s->save, p, n, e);
    breathe(s->loop);
    return ok;
}

bool lab_save(struct lab *lab, int64_t run, const struct study_ops *ops, const struct study *study,
              const struct lab_loop *loop, struct store_save *save, struct error *e)
{
    struct blob_writer w;
    struct saving s = {save, loop};
    if (!store_save_begin(lab->store, run, save, e))
        return false;
    blob_writer_init(&w, keep_piece, &s);
    ops->save(study, &w);
    return blob_writer_end(&w, e);
}

void lab_sweep(struct lab *lab, int64_t run, const struct lab_loop *loop)
{
    while (store_sweep(lab->store, run))
        breathe(loop);
}

bool lab_checkpoint(struct lab *lab, int64_t run, const struct study_ops *ops,
                    const struct study *study, int64_t next_chunk, const struct lab_loop *loop,
                    struct error *e)
{
    struct store_save save;
    if (!lab_save(lab, run, ops, study, loop, &save, e) || !store_save_end(&save, next_chunk, e))
        return false;
    lab_sweep(lab, run, loop);
    return true;
}

/* ---- reading */
struct loading {
    struct lab *lab;
    const struct lab_loop *loop;
    struct store_state state;
    int64_t ord;
    struct strbuf piece;
    struct error error;
};

static const void *next_piece(void *arg, size_t *n)
{
    struct loading *l = arg;
    if (l->ord > 0)
        breathe(l->loop);
    strbuf_clear(&l->piece);
    if (l->ord >= l->state.n_pieces ||
        !store_state_piece(l->lab->store, &l->state, l->ord++, &l->piece, &l->error))
        return NULL;
    *n = l->piece.len;
    return l->piece.s;
}

static bool begin_loading(struct loading *l, int64_t run, struct blob_reader *r, struct error *e)
{
    if (!store_state(l->lab->store, run, &l->state, e))
        return false;
    strbuf_init(&l->piece);
    blob_reader_init(r, next_piece, l, (uint64_t)l->state.bytes);
    return true;
}

bool lab_load(struct lab *lab, int64_t run, const struct study_ops *ops, struct study *study,
              const struct lab_loop *loop, struct error *e)
{
    struct loading l = {.lab = lab, .loop = loop};
    struct blob_reader r;
    struct error why = {0};
    if (!begin_loading(&l, run, &r, e))
        return false;
    const bool ok = ops->load(study, &r, &why);
    strbuf_release(&l.piece);
    if (ok)
        return true;
    const struct error *of = error_is_set(&l.error) ? &l.error : &why;
    return error_set(e, of->kind, "%s", of->text);
}

/* ---- comparing */
static bool same_piece(void *arg, const void *p, size_t n, struct error *e)
{
    struct blob_reader *kept = arg;
    const char *now = p;
    char there[4096];
    while (n > 0) {
        const size_t part = n < sizeof there ? n : sizeof there;
        blob_bytes(kept, there, part);
        if (kept->bad || memcmp(there, now, part) != 0)
            return error_set(e, ERROR_SYSTEM, "the numbers differ");
        now += part;
        n -= part;
    }
    return true;
}

bool lab_same_state(struct lab *lab, int64_t run, const struct study_ops *ops,
                    const struct study *study, struct error *e)
{
    struct loading l = {.lab = lab};
    struct blob_reader r;
    struct blob_writer w;
    if (!begin_loading(&l, run, &r, e))
        return false;
    blob_writer_init(&w, same_piece, &r);
    ops->save(study, &w);
    bool ok = blob_writer_end(&w, e);
    strbuf_release(&l.piece);
    return ok && (blob_end(&r) || error_set(e, ERROR_SYSTEM, "the numbers differ"));
}
