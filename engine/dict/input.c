/* What training did to activations before the SAE saw them, folded into its weights. */
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/dict/dict_private.h"
#include "engine/formats/tensors.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN_ELEMENTS (1 << 18) /* of products: a quarter of a millisecond */

bool fold_scale(struct dict_spec *s, struct dict_parts *p, double in, double out, struct error *e)
{
    s->fold = in;
    s->fold_out = s->transcodes ? out : 0;
    for (int32_t i = 0; p->decoder_bias.v && i < s->n_out; i++)
        p->decoder_bias.v[i] = (float)((double)p->decoder_bias.v[i] / out);
    p->decoder_bias.changed = true;
    part_decoder(p);
    return scale_matrix(&p->encoder, in, e) && scale_matrix(&p->decoder, 1 / out, e);
}

/* ---- whitening */
struct turning { /* rows of a matrix times another */
    float *row;  /* [rows, n], in place */
    const double *by;
    int64_t n;
    bool turned; /* by its transpose */
};

static void turn_rows(void *arg, int64_t first, int64_t end)
{
    const struct turning *t = arg;
    const size_t n = (size_t)t->n;
    double *to = xcalloc(n, sizeof *to);
    for (int64_t r = first; r < end; r++) {
        float *row = t->row + (size_t)r * n;
        for (size_t i = 0; i < n; i++) {
            to[i] = 0;
            for (size_t j = 0; t->turned && j < n; j++)
                to[i] += t->by[i * n + j] * (double)row[j];
        }
        for (size_t j = 0; !t->turned && j < n; j++)
            for (size_t i = 0; i < n; i++)
                to[i] += (double)row[j] * t->by[j * n + i];
        for (size_t i = 0; i < n; i++)
            row[i] = (float)to[i];
    }
    free(to);
}

/* Each row of a: by·row (turned) or row·by. */
static bool times(struct dict_matrix *a, const double *by, bool turned, struct error *e)
{
    if (!scale_matrix(a, 1, e))
        return false;
    struct turning t = {.row = a->own, .by = by, .n = a->t.dim[1], .turned = turned};
    parallel_for(a->t.dim[0], GRAIN_ELEMENTS / (t.n * t.n) + 1, turn_rows, &t);
    return true;
}

/* What the mean takes off the encoder's biases: mean·W_enc, of the weights as they are now. */
static void shift_biases(const struct dict_spec *s, struct dict_parts *p, const double *mean)
{
    const float *row = p->encoder.own;
    for (int32_t i = 0; i < s->m; i++, row += s->n) {
        double shift = 0;
        for (int32_t j = 0; j < s->n; j++)
            shift += mean[j] * (double)row[j];
        p->encoder_bias.v[i] = (float)((double)p->encoder_bias.v[i] - shift);
        if (p->value_bias.v)
            p->value_bias.v[i] =
                (float)((double)p->value_bias.v[i] - shift * exp((double)p->log_scale.v[i]));
    }
    p->encoder_bias.changed = true;
}

bool fold_whitening(struct dict_spec *s, struct dict_parts *p, const struct whitening *w,
                    struct error *e)
{
    const size_t n = (size_t)s->n;
    if (s->norm_rescale && !unit_decoder(p, 0, e))
        return false;
    s->norm_rescale = false;
    if (!times(&p->encoder, w->matrix, true, e) || !times(&p->decoder, w->inverse, false, e))
        return false;
    if (!s->centre)
        shift_biases(s, p, w->mean);
    float *b = xmemdup(p->decoder_bias.v, n * sizeof *b);
    struct turning t = {.row = b, .by = w->inverse, .n = s->n};
    turn_rows(&t, 0, 1);
    for (size_t i = 0; i < n; i++)
        p->decoder_bias.v[i] = (float)((double)b[i] + w->mean[i]);
    p->decoder_bias.changed = true;
    free(b);
    memcpy(s->whitened, w->hash.byte, sizeof s->whitened);
    return true;
}

void whitening_release(struct whitening *w)
{
    free(w->mean);
    free(w->matrix);
    free(w->inverse);
    *w = (struct whitening){0};
}

static double *numbers(const struct tensors *ts, const char *name, int32_t n_dims, int64_t n,
                       struct error *e)
{
    const struct named_tensor *t = tensors_need(ts, name, n_dims, (const int64_t[]){n, n}, e);
    if (!t || !tensor_check_finite(t, e))
        return NULL;
    const size_t count = (size_t)n * (n_dims == 2 ? (size_t)n : 1);
    double *v = xreallocarray(NULL, count, sizeof *v);
    float *f = xreallocarray(NULL, count, sizeof *f);
    tensor_to_f32(f, t->data, (enum dtype)t->type, count);
    for (size_t i = 0; i < count; i++)
        v[i] = (double)f[i];
    free(f);
    return v;
}

bool whitening_open(const char *path, int32_t n, struct whitening *w, struct error *e)
{
    struct tensors *ts = NULL;
    *w = (struct whitening){0};
    bool ok = tensors_open(path, &ts, e) && sha256_file(path, &w->hash, e) &&
              (w->mean = numbers(ts, "mean", 1, n, e)) != NULL &&
              (w->matrix = numbers(ts, "matrix", 2, n, e)) != NULL &&
              (w->inverse = numbers(ts, "inverse_matrix", 2, n, e)) != NULL;
    tensors_close(ts);
    return ok;
}
