/* A dictionary from its file to the device. */
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/dict/dict_private.h"
#include "engine/dict/fold.h"
#include "engine/dict/pack.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- the encoder's bias, b_p folded in */
static bool put_vector(struct dict *d, const float *v, int32_t n, struct tensor *out,
                       struct error *e)
{
    *out = tensor_new(d->queue, 1, n, d->queue->backend->caps.real, e);
    if (!out->buf)
        return false;
    device_put(d->queue, *out, v);
    d->bytes += (size_t)n * sizeof *v;
    return true;
}

/* The bias with W_e·b_p folded in, from what is kept (which saves reading W_e) or by computing it.
 * Of numbers that are not the file's nothing is kept. */
static void fold(struct dict *d, const struct dict_parts *p)
{
    const struct named_tensor *w = &p->encoder.t;
    const float *bp = p->decoder_bias.v;
    const size_t n = (size_t)d->spec.m * sizeof *d->bias;
    size_t found = 0;
    if (!d->packs || p->encoder.own || p->encoder_bias.changed || p->decoder_bias.changed) {
        fold_bias(w, p->encoder.order, bp, d->bias);
        tensors_done(d->tensors, w);
        return;
    }
    char *what = xasprintf("bias %s less %s times %s, order %d", p->encoder_bias.name, w->name,
                           p->decoder_bias.name, (int)p->encoder.order);
    const void *kept = packs_find(d->packs, w->file, what, &found);
    if (kept && found == n) {
        memcpy(d->bias, kept, n);
    } else {
        if (kept)
            packs_distrust(d->packs, w->file, what);
        fold_bias(w, p->encoder.order, bp, d->bias);
        tensors_done(d->tensors, w); /* it is packed next, from its start on */
        packs_put(d->packs, w->file, what, d->bias, n);
    }
    free(what);
}

static bool open_biases(struct dict *d, const struct dict_parts *p, struct error *e)
{
    const struct dict_spec *s = &d->spec;
    d->bias = xmemdup(p->encoder_bias.v, (size_t)s->m * sizeof *d->bias);
    if (p->decoder_bias.v) {
        if (!put_vector(d, p->decoder_bias.v, s->n_out, &d->decoder_bias, e))
            return false;
        for (int32_t i = 0; i < s->n_out; i++)
            d->shifts = d->shifts || fabsf(p->decoder_bias.v[i]) > 0;
        if (s->centre)
            fold(d, p);
    }
    return put_vector(d, d->bias, s->m, &d->encode.bias, e);
}

static void told(void *arg, uint64_t n)
{
    struct dict *d = arg;
    d->loaded += n;
    if (d->progress && d->loaded <= d->to_load)
        d->progress(d->progress_arg, d->loaded, d->to_load);
}

/* Takes over what is not the file's; what is, is packed once and kept. */
static struct weight *open_weight(struct dict *d, struct dict_matrix *a, unsigned uses, void **own,
                                  struct error *e)
{
    struct backend *b = d->queue->backend;
    if (a->own)
        a->t.file = d->path;
    const uint64_t before = d->loaded;
    device_hear(b, told, d);
    struct weight *w =
        pack_weight(b, d->tensors, &a->t, a->order, NULL, uses, a->own ? NULL : d->packs, e);
    device_hear(b, NULL, NULL);
    d->loaded = before;
    told(d, a->t.n_bytes); /* of what was packed before, or is only looked into, no device tells */
    *own = a->own;
    a->own = NULL;
    d->bytes += w ? device_weight_bytes(b, w) : 0;
    return w;
}

static struct select selection_of(const struct dict_spec *s)
{
    /* of values that are all at least 0 the largest are those of largest size */
    const bool plain = s->select == SELECT_ABSTOPK && s->relu == RELU_BEFORE;
    return (struct select){.kind = plain ? SELECT_TOPK : s->select,
                           .relu = s->relu != RELU_NEVER,
                           .k = s->k,
                           .what = "latent"};
}

static unsigned encoder_uses(const struct dict *d)
{
    const struct select by = selection_of(&d->spec);
    return USE_PRODUCT | USE_ROWS | (op_encodes(d->queue->backend, &by) ? USE_ENCODE : 0u);
}

static bool open_weights(struct dict *d, struct dict_parts *p, struct error *e)
{
    void *none;
    const bool tied = !p->decoder.t.data;
    if (!tied && !matrix_turn(&p->decoder, e))
        return false;
    d->decoder_source = tied ? p->encoder.t : p->decoder.t;
    d->encode.out = d->spec.m;
    d->encode.in = d->spec.n;
    d->encode.w = d->encoder = open_weight(d, &p->encoder, encoder_uses(d), &d->own[0], e);
    if (d->encoder)
        d->decoder = tied ? d->encoder : open_weight(d, &p->decoder, USE_ROWS, &d->own[1], e);
    if (d->decoder && p->skip.t.data) {
        d->skip.out = d->spec.n_out, d->skip.in = d->spec.n;
        d->skip.w = d->skip_weight = open_weight(d, &p->skip, USE_PRODUCT, &none, e);
    }
    return d->decoder && !p->skip.t.data == !d->skip.w;
}

/* ---- selection */
/* max(0, e^r·e + b) in terms of what the gate looks at, p = e + gate_bias: scale = e^r, shift = b −
 * e^r·gate_bias. */
static bool open_gate(struct dict *d, struct dict_parts *p, struct error *e)
{
    const int32_t m = d->spec.m;
    float *scale = p->log_scale.v, *shift = p->value_bias.v;
    bool ok = true;
    for (int32_t i = 0; ok && i < m; i++) {
        double s = exp((double)scale[i]);
        shift[i] = (float)((double)shift[i] - s * (double)p->encoder_bias.v[i]);
        scale[i] = (float)s;
        if (!isfinite(scale[i]) || !isfinite(shift[i]))
            ok =
                error_set(e, ERROR_INPUT, "%s: %s: e to the value at [%d] is too large for float32",
                          d->path, p->log_scale.name, i);
    }
    return ok && put_vector(d, scale, m, &d->by.scale, e) &&
           put_vector(d, shift, m, &d->by.shift, e);
}

static bool open_selection(struct dict *d, struct dict_parts *p, struct error *e)
{
    const struct dict_spec *s = &d->spec;
    d->by = selection_of(s);
    d->per_row = xcalloc(1, sizeof *d->per_row);
    atomic_init(d->per_row, 32);
    if (s->select == SELECT_THRESHOLD)
        return put_vector(d, p->threshold.v, s->n_thresholds, &d->by.threshold, e);
    return s->select != SELECT_GATED || open_gate(d, p, e);
}

/* Last, so that a tensor that is at fault is named first. */
static bool check_bias(const struct dict *d, const struct dict_parts *p, struct error *e)
{
    for (int32_t i = 0; i < d->spec.m; i++)
        if (!isfinite(d->bias[i]))
            return error_set(e, ERROR_INPUT,
                             "%s: %s: less the encoder's product with %s the value at [%d] is too "
                             "large for float32",
                             d->path, p->encoder_bias.name,
                             p->decoder_bias.v ? p->decoder_bias.name : "what is folded in", i);
    return true;
}

static uint64_t need_of(const struct dict *d)
{
    struct backend *b = d->queue->backend;
    const struct dict_parts *p = d->parts;
    const struct dict_matrix *a[] = {&p->encoder, &p->decoder, &p->skip};
    const unsigned uses[] = {encoder_uses(d), USE_ROWS, USE_PRODUCT};
    const uint64_t vectors = 4 * (uint64_t)d->spec.m + (uint64_t)d->spec.n;
    uint64_t need = vectors * dtype_size(b->caps.real);
    for (int i = 0; i < 3; i++)
        if (a[i]->t.data)
            need += pack_need(b, &a[i]->t, a[i]->order, NULL, uses[i], a[i]->own ? NULL : d->packs);
    if (!b->caps.capability && p->decoder.t.data && p->decoder.order == ORDER_IN_OUT)
        need += p->decoder.t.n_bytes; /* it is turned in the machine's memory */
    return need;
}

/* p·‖W_dec row‖ and its undoing are folded into the weights. Files whose rows have length 1 already
 * (SAELens folds when it saves) stay as they are. */
#define RESCALE_TOLERANCE 1e-6

static void drop_parts(struct dict *d)
{
    if (d->parts)
        dict_parts_release(d->parts);
    free(d->parts);
    d->parts = NULL;
}

static bool read_file(struct dict *d, const struct dict_hint *hint, struct error *e)
{
    d->parts = xcalloc(1, sizeof *d->parts);
    d->row_norms = xcalloc(1, sizeof *d->row_norms);
    atomic_init(d->row_norms, NULL);
    if (!tensors_open(d->path, &d->tensors, e) ||
        !dict_read(d->path, d->tensors, hint, &d->spec, d->parts, e))
        return false;
    d->need = need_of(d); /* nothing of the file is found yet */
    if (d->packs && pack_may_fit(d->queue->backend, d->need, d->packs)) {
        if (!packs_add(d->packs, d->tensors, e))
            return false;
        d->need = need_of(d);
    }
    return true;
}

bool dict_prepare(struct backend *b, const char *path, const struct dict_hint *hint,
                  struct dict **out, struct error *e)
{
    static const struct dict_hint nothing = {0};
    struct dict *d = xcalloc(1, sizeof *d);
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    d->queue = device_queue(b, QUEUE_LOAD, e);
    d->path = folder ? dict_file_in(path, e) : xstrdup(path);
    d->packs = hint ? hint->packs : NULL;
    d->progress = hint ? hint->progress : NULL;
    d->progress_arg = hint ? hint->progress_arg : NULL;
    if (!d->queue || !d->path || !read_file(d, hint ? hint : &nothing, e)) {
        packs_stop(d->packs);
        dict_free(d);
        return error_prefix(e, "opening SAE %s", path);
    }
    *out = d;
    return true;
}

uint64_t dict_need(const struct dict *d)
{
    return d->need;
}

bool dict_load(struct dict *d, struct error *e)
{
    struct dict_parts *p = d->parts;
    d->loaded = 0;
    d->to_load = p->encoder.t.n_bytes + p->decoder.t.n_bytes + p->skip.t.n_bytes;
    const bool ok = device_room(d->queue->backend, d->need, e) &&
                    (!d->spec.norm_rescale || unit_decoder(p, RESCALE_TOLERANCE, e)) &&
                    open_biases(d, p, e) && open_weights(d, p, e) && open_selection(d, p, e) &&
                    check_bias(d, p, e) && device_well(d->queue, e);
    d->norm = norm_of_input(d->spec.norm);
    drop_parts(d);
    if (!ok)
        packs_stop(d->packs);
    return ok || error_prefix(e, "opening SAE %s", d->path);
}

bool dict_open(struct backend *b, const char *path, const struct dict_hint *hint, struct dict **out,
               struct error *e)
{
    struct dict *d = NULL;
    if (!dict_prepare(b, path, hint, &d, e))
        return false;
    if (!dict_load(d, e)) {
        dict_free(d);
        return false;
    }
    *out = d;
    return true;
}

struct dict *dict_neurons(struct point at, int32_t n)
{
    struct dict *d = xcalloc(1, sizeof *d);
    d->spec = (struct dict_spec){
        .identity = true, .at = at, .n = n, .n_out = n, .m = n, .format = "neurons"};
    for (int i = 0; i < DICT_N_FACTS; i++)
        d->spec.source[i] = "neurons";
    return d;
}

void dict_read_as(struct dict *d, enum dtype as)
{
    if (d->encoder && d->spec.norm == NORM_IN_NONE &&
        device_weight_reads(d->queue->backend, d->encoder) == as)
        d->encode.reads = as;
}

void dict_free(struct dict *d)
{
    if (!d)
        return;
    struct queue *q = d->queue;
    if (d->decoder && d->decoder != d->encoder)
        device_weight_free(q->backend, d->decoder);
    if (d->encoder)
        device_weight_free(q->backend, d->encoder);
    if (d->skip_weight)
        device_weight_free(q->backend, d->skip_weight);
    if (d->encode.bias.buf)
        device_buf_free(q, d->encode.bias.buf);
    if (d->decoder_bias.buf)
        device_buf_free(q, d->decoder_bias.buf);
    const struct tensor own[] = {d->by.threshold, d->by.scale, d->by.shift};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].buf)
            device_buf_free(q, own[i].buf);
    device_queue_free(q);
    drop_parts(d);
    free(d->own[0]);
    free(d->own[1]);
    if (d->row_norms)
        free(atomic_load(d->row_norms));
    free(d->row_norms);
    free(d->per_row);
    free(d->bias);
    tensors_close(d->tensors);
    free(d->path);
    free(d);
}

const struct dict_spec *dict_spec(const struct dict *d)
{
    return &d->spec;
}

struct point dict_reads(const struct dict *d, struct point at)
{
    if (d && d->spec.transcodes)
        at.site = d->spec.in.site;
    return at;
}

/* Numbers of sites that stay when others come between them: keys of before must. */
static int site_number(enum site site)
{
    switch (site) {
    case SITE_EMBED: return 0;
    case SITE_RESID_PRE: return 1;
    case SITE_ATTN_OUT: return 2;
    case SITE_MLP_PRE: return 3;
    case SITE_MLP_ACT: return 4;
    case SITE_MLP_OUT: return 5;
    case SITE_RESID_POST: return 6;
    case SITE_FINAL_NORM: return 7;
    case SITE_ATTN_Z: return 8;
    case SITE_RESID_MID: return 9;
    case SITE_MLP_IN: return 10;
    case SITE_ATTN_MODULE: return 11;
    case SITE_MLP_MODULE: return 12;
    case SITE_MLP_NORMALIZED: return 13;
    }
    return -1;
}

void dict_spec_facts(const struct dict_spec *s, struct strbuf *out)
{
    strbuf_addf(out, "%s at %d.%d identity %d n %d m %d k %d thresholds %d select %s relu %d ",
                s->format, (int)s->at.layer, site_number(s->at.site), s->identity, (int)s->n,
                (int)s->m, (int)s->k, (int)s->n_thresholds, select_name(s->select), (int)s->relu);
    strbuf_addf(out, "centre %d", s->centre);
    /* what came later is there where it counts, so that older keys stay */
    if (s->norm_rescale)
        strbuf_adds(out, " norm_rescale 1");
    if (s->skip)
        strbuf_adds(out, " skip 1");
    if (s->norm != NORM_IN_NONE)
        strbuf_addf(out, " norm %s", norm_in_name(s->norm));
    if (s->transcodes)
        strbuf_addf(out, " transcodes to %d", (int)s->n_out);
    if (s->transcodes && s->in.site != SITE_MLP_IN)
        strbuf_addf(out, " of %d", site_number(s->in.site));
    if (s->fold > 0)
        strbuf_addf(out, " fold %.17g", s->fold);
    if (s->fold_out > 0)
        strbuf_addf(out, " and %.17g", s->fold_out);
    if (dict_is_whitened(s)) {
        strbuf_adds(out, " whitened ");
        for (size_t i = 0; i < sizeof s->whitened; i++)
            strbuf_addf(out, "%02x", s->whitened[i]);
    }
}
const char *dict_path(const struct dict *d)
{
    return d->path;
}
size_t dict_bytes(const struct dict *d)
{
    return d->bytes;
}
