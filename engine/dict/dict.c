#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/dict/dict_private.h"
#include "engine/dict/fold.h"
#include "engine/dict/pack.h"
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static bool ends_with(const char *s, const char *end)
{
    size_t n = strlen(s), k = strlen(end);
    return n >= k && strcmp(s + n - k, end) == 0;
}

/* ---- the encoder's bias, b_p folded in */
static float *read_vector(const struct tensors *ts, const char *name, int32_t n, struct error *e)
{
    const struct named_tensor *t = tensors_need(ts, name, 1, (const int64_t[]){n}, e);
    if (!t || !tensor_check_finite(t, e))
        return NULL;
    float *v = xreallocarray(NULL, (size_t)n, sizeof *v);
    tensor_to_f32(v, t->data, (enum dtype)t->type, (size_t)n);
    return v;
}

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
 */
static void fold(struct dict *d, const struct dict_parts *p, const float *bp)
{
    const size_t n = (size_t)d->spec.m * sizeof *d->bias;
    size_t found = 0;
    if (!d->packs) {
        fold_bias(p->encoder, p->order, bp, d->bias);
        return;
    }
    char *what = xasprintf("bias %s less %s times %s, order %d", p->encoder_bias, p->encoder->name,
                           p->decoder_bias, (int)p->order);
    const void *kept = packs_find(d->packs, p->encoder->file, what, &found);
    if (kept && found == n) {
        memcpy(d->bias, kept, n);
    } else {
        if (kept)
            packs_distrust(d->packs, p->encoder->file, what);
        fold_bias(p->encoder, p->order, bp, d->bias);
        packs_put(d->packs, p->encoder->file, what, d->bias, n);
    }
    free(what);
}

static bool open_biases(struct dict *d, const struct dict_parts *p, struct error *e)
{
    const struct dict_spec *s = &d->spec;
    d->bias = read_vector(d->tensors, p->encoder_bias, s->m, e);
    if (!d->bias)
        return false;
    if (p->decoder_bias) {
        float *bp = read_vector(d->tensors, p->decoder_bias, s->n, e);
        bool ok = bp && put_vector(d, bp, s->n, &d->decoder_bias, e);
        if (ok && s->centre)
            fold(d, p, bp);
        free(bp);
        if (!ok)
            return false;
    }
    return put_vector(d, d->bias, s->m, &d->encode.bias, e);
}

static bool open_weights(struct dict *d, const struct dict_parts *p, struct error *e)
{
    struct backend *b = d->queue->backend;
    d->encoder =
        pack_weight(b, d->tensors, p->encoder, p->order, NULL, USE_PRODUCT | USE_ROWS, d->packs, e);
    if (!d->encoder)
        return false;
    d->bytes += device_weight_bytes(b, d->encoder);
    d->decoder = d->encoder;
    if (p->decoder) {
        d->decoder =
            pack_weight(b, d->tensors, p->decoder, ORDER_OUT_IN, NULL, USE_ROWS, d->packs, e);
        if (!d->decoder)
            return false;
        d->bytes += device_weight_bytes(b, d->decoder);
    }
    d->decoder_source = p->decoder ? p->decoder : p->encoder;
    d->encode.w = d->encoder;
    d->encode.out = d->spec.m;
    d->encode.in = d->spec.n;
    return true;
}

/* ---- selection */
/* The vector `name` [n] on the device. */
static bool open_vector(struct dict *d, const char *name, int32_t n, struct tensor *out,
                        struct error *e)
{
    float *v = read_vector(d->tensors, name, n, e);
    bool ok = v && put_vector(d, v, n, out, e);
    free(v);
    return ok;
}

/* max(0, e^r·e + b) in terms of what the gate looks at, p = e + gate_bias: scale = e^r, shift = b −
 * e^r·gate_bias. */
static bool open_gate(struct dict *d, const struct dict_parts *p, struct error *e)
{
    const int32_t m = d->spec.m;
    float *scale = read_vector(d->tensors, p->log_scale, m, e),
          *shift = scale ? read_vector(d->tensors, p->value_bias, m, e) : NULL,
          *gate = shift ? read_vector(d->tensors, p->encoder_bias, m, e) : NULL;
    bool ok = gate != NULL;
    for (int32_t i = 0; ok && i < m; i++) {
        double s = exp((double)scale[i]);
        shift[i] = (float)((double)shift[i] - s * (double)gate[i]);
        scale[i] = (float)s;
        if (!isfinite(scale[i]) || !isfinite(shift[i]))
            ok =
                error_set(e, ERROR_INPUT, "%s: %s: e to the value at [%d] is too large for float32",
                          d->path, p->log_scale, i);
    }
    ok = ok && put_vector(d, scale, m, &d->by.scale, e) && put_vector(d, shift, m, &d->by.shift, e);
    free(scale);
    free(shift);
    free(gate);
    return ok;
}

static bool open_selection(struct dict *d, const struct dict_parts *p, struct error *e)
{
    const struct dict_spec *s = &d->spec;
    d->by = (struct select){
        .kind = s->select, .relu = s->relu != RELU_NEVER, .k = s->k, .what = "latent"};
    /* of values that are all at least 0 the largest are those of largest size */
    if (s->select == SELECT_ABSTOPK && s->relu == RELU_BEFORE)
        d->by.kind = SELECT_TOPK;
    d->per_row = xcalloc(1, sizeof *d->per_row);
    atomic_init(d->per_row, 32);
    if (s->select == SELECT_THRESHOLD)
        return open_vector(d, p->threshold, s->n_thresholds, &d->by.threshold, e);
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
                             d->path, p->encoder_bias, p->decoder_bias, i);
    return true;
}

static bool open_file(struct dict *d, const struct dict_hint *hint, struct error *e)
{
    struct dict_parts parts = {0};
    if (!tensors_open(d->path, &d->tensors, e) || (d->packs && !packs_add(d->packs, d->tensors, e)))
        return false;
    bool (*read)(const struct tensors *, const char *, const struct dict_hint *, struct dict_spec *,
                 struct dict_parts *, struct error *) =
        tensors_are_pickled(d->tensors) ? dict_read_sibbesen : dict_read_glimt;
    return read(d->tensors, d->path, hint, &d->spec, &parts, e) && open_biases(d, &parts, e) &&
           open_weights(d, &parts, e) && open_selection(d, &parts, e) && check_bias(d, &parts, e);
}

/* A folder stands for the one SAE file in it; NULL and *e when there is none or more than one. */
static char *file_in(const char *dir, struct error *e)
{
    DIR *stream = opendir(dir);
    if (!stream) {
        error_set(e, ERROR_INPUT, "%s: can't read the folder", dir);
        return NULL;
    }
    char *found = NULL;
    int n = 0;
    for (struct dirent *f; (f = readdir(stream));) {
        if (!ends_with(f->d_name, ".safetensors") && !ends_with(f->d_name, ".pt") &&
            !ends_with(f->d_name, ".pth") && !ends_with(f->d_name, ".bin"))
            continue;
        n++;
        free(found);
        found = xasprintf("%s/%s", dir, f->d_name);
    }
    closedir(stream);
    if (n == 1)
        return found;
    free(found);
    error_set(e, ERROR_INPUT,
              "%s: %d files end in .safetensors, .pt, .pth or .bin, expected one; name the file",
              dir, n);
    return NULL;
}

bool dict_open(struct backend *b, const char *path, const struct dict_hint *hint, struct dict **out,
               struct error *e)
{
    static const struct dict_hint nothing = {0};
    struct dict *d = xcalloc(1, sizeof *d);
    struct stat st;
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    d->queue = device_queue(b, QUEUE_LOAD, e);
    d->path = folder ? file_in(path, e) : xstrdup(path);
    d->packs = hint ? hint->packs : NULL;
    if (!d->queue || !d->path || !open_file(d, hint ? hint : &nothing, e) ||
        !device_well(d->queue, e)) {
        packs_stop(d->packs);
        dict_free(d);
        return error_prefix(e, "opening SAE %s", path);
    }
    *out = d;
    return true;
}

struct dict *dict_neurons(struct point at, int32_t n)
{
    struct dict *d = xcalloc(1, sizeof *d);
    d->spec = (struct dict_spec){.identity = true, .at = at, .n = n, .m = n, .format = "neurons"};
    for (int i = 0; i < DICT_N_FACTS; i++)
        d->spec.source[i] = "neurons";
    return d;
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
    if (d->encode.bias.buf)
        device_buf_free(q, d->encode.bias.buf);
    if (d->decoder_bias.buf)
        device_buf_free(q, d->decoder_bias.buf);
    const struct tensor own[] = {d->by.threshold, d->by.scale, d->by.shift};
    for (size_t i = 0; i < sizeof own / sizeof *own; i++)
        if (own[i].buf)
            device_buf_free(q, own[i].buf);
    device_queue_free(q);
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
void dict_spec_facts(const struct dict_spec *s, struct strbuf *out)
{
    strbuf_addf(out, "%s at %d.%d identity %d n %d m %d k %d thresholds %d select %s relu %d ",
                s->format, (int)s->at.layer, (int)s->at.site, s->identity, (int)s->n, (int)s->m,
                (int)s->k, (int)s->n_thresholds, select_name(s->select), (int)s->relu);
    strbuf_addf(out, "centre %d", s->centre);
}
const char *dict_path(const struct dict *d)
{
    return d->path;
}
size_t dict_bytes(const struct dict *d)
{
    return d->bytes;
}
