/* The tensors of a dictionary on the way from a file to the device: read, and where a format means
 * other numbers than it stores, made anew. */
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/dict/dict_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define GRAIN_ELEMENTS (1 << 18) /* of a range of rows: a quarter of a millisecond */
#define BLOCK 32                 /* rows and columns that are turned together */

bool has_tensor(const struct dict_file *f, const char *name)
{
    return tensors_find(f->tensors, name) != NULL;
}

bool read_matrix(const struct dict_file *f, const char *name, int64_t rows, int64_t cols,
                 enum order order, struct dict_matrix *out, struct error *e)
{
    const struct named_tensor *t =
        tensors_need(f->tensors, name, 2, (const int64_t[]){rows, cols}, e);
    if (t)
        *out = (struct dict_matrix){.t = *t, .order = order};
    return t != NULL;
}

bool read_decoder(const struct dict_file *f, const char *name, enum order order,
                  struct dict_spec *s, struct dict_parts *p, struct error *e)
{
    const bool turned = order == ORDER_IN_OUT;
    const int64_t width = s->transcodes ? -1 : s->n;
    if (!read_matrix(f, name, turned ? width : s->m, turned ? s->m : width, order, &p->decoder, e))
        return false;
    const int64_t n_out = p->decoder.t.dim[!turned];
    if (n_out < 1 || n_out > INT32_MAX)
        return error_set(e, ERROR_INPUT, "%s: %s gives a width of %lld, expected 1 to %d", f->path,
                         name, (long long)n_out, INT32_MAX);
    s->n_out = (int32_t)n_out;
    return true;
}

bool read_vector(const struct dict_file *f, const char *name, int32_t n, struct dict_vector *out,
                 struct error *e)
{
    const struct named_tensor *t = tensors_need(f->tensors, name, 1, (const int64_t[]){n}, e);
    if (!t || !tensor_check_finite(t, e))
        return false;
    *out =
        (struct dict_vector){.name = t->name, .v = xreallocarray(NULL, (size_t)n, sizeof(float))};
    tensor_to_f32(out->v, t->data, (enum dtype)t->type, (size_t)n);
    return true;
}

bool read_scalar(const struct dict_file *f, const char *name, struct dict_vector *out,
                 struct error *e)
{
    const struct named_tensor *t = tensors_find(f->tensors, name);
    if (!t)
        return error_set(e, ERROR_INPUT, "%s: found no tensor '%s' []", f->path, name);
    double v = NAN;
    float single;
    const bool is_double = strcmp(t->type_name, "F64") == 0,
               is_float = t->type == DTYPE_F32 || t->type == DTYPE_F16 || t->type == DTYPE_BF16;
    if (t->n_dims > 1 || (t->n_dims == 1 && t->dim[0] != 1) || (!is_double && !is_float))
        return error_set(e, ERROR_INPUT,
                         "%s: tensor '%s' is %s with %d dimensions, expected one number", t->file,
                         name, t->type_name, t->n_dims);
    if (is_double)
        memcpy(&v, t->data, sizeof v);
    else {
        tensor_to_f32(&single, t->data, (enum dtype)t->type, 1);
        v = (double)single;
    }
    single = (float)v;
    if (!isfinite(single))
        return error_set(e, ERROR_INPUT, "%s: %s is no finite number", t->file, name);
    *out = (struct dict_vector){.name = t->name, .v = xmemdup(&single, sizeof single)};
    return true;
}

bool read_whole(const struct dict_file *f, const char *name, int64_t *out, struct error *e)
{
    const struct named_tensor *t = tensors_find(f->tensors, name);
    int32_t small;
    if (!t)
        return error_set(e, ERROR_INPUT, "%s: found no tensor '%s' []", f->path, name);
    const bool is_long = strcmp(t->type_name, "I64") == 0;
    if (t->n_dims > 1 || (t->n_dims == 1 && t->dim[0] != 1) || (!is_long && t->type != DTYPE_I32))
        return error_set(e, ERROR_INPUT,
                         "%s: tensor '%s' is %s with %d dimensions, expected one whole number",
                         t->file, name, t->type_name, t->n_dims);
    if (is_long) {
        memcpy(out, t->data, sizeof *out);
    } else {
        memcpy(&small, t->data, sizeof small);
        *out = small;
    }
    return true;
}

bool read_sizes(const struct dict_matrix *encoder, struct dict_spec *s, struct error *e)
{
    const struct named_tensor *t = &encoder->t;
    int64_t m = t->dim[encoder->order == ORDER_IN_OUT], n = t->dim[encoder->order == ORDER_OUT_IN];
    if (m < 1 || n < 1 || m > INT32_MAX || n > INT32_MAX)
        return error_set(e, ERROR_INPUT,
                         "%s: %s has shape [%lld, %lld], each must be between 1 and %d", t->file,
                         t->name, (long long)t->dim[0], (long long)t->dim[1], INT32_MAX);
    s->m = (int32_t)m, s->n = s->n_out = (int32_t)n;
    return true;
}

/* ---- matrices of our own */
static int64_t rows_of(const struct dict_matrix *a)
{
    return a->t.dim[a->order == ORDER_IN_OUT];
}

static int64_t cols_of(const struct dict_matrix *a)
{
    return a->t.dim[a->order == ORDER_OUT_IN];
}

/* Room for as many elements of that type; NULL and *e. */
static void *room_for(const struct dict_matrix *a, enum dtype type, struct error *e)
{
    size_t n = 0;
    void *room =
        size_mul((size_t)rows_of(a), (size_t)cols_of(a), &n) && size_mul(n, dtype_size(type), &n)
            ? malloc(n)
            : NULL;
    if (!room)
        error_set(e, ERROR_MEMORY, "%s: no memory to change %s, %zu bytes", a->t.file, a->t.name,
                  n);
    return room;
}

static void put_own(struct dict_matrix *a, void *data, enum dtype type)
{
    const int64_t rows = rows_of(a), cols = cols_of(a);
    free(a->own);
    a->own = data;
    a->order = ORDER_OUT_IN;
    a->t.data = data;
    a->t.type = (int)type;
    a->t.dim[0] = rows, a->t.dim[1] = cols;
    a->t.n_bytes = (size_t)rows * (size_t)cols * dtype_size(type);
}

struct turn {
    const char *from;
    char *to;
    size_t rows, cols, size; /* of what it becomes; of an element */
};

static void turn_rows(void *arg, int64_t first, int64_t end)
{
    const struct turn *t = arg;
    for (size_t r0 = (size_t)first; r0 < (size_t)end; r0 += BLOCK)
        for (size_t c0 = 0; c0 < t->cols; c0 += BLOCK)
            for (size_t c = c0; c < t->cols && c < c0 + BLOCK; c++)
                for (size_t r = r0; r < (size_t)end && r < r0 + BLOCK; r++)
                    memcpy(t->to + (r * t->cols + c) * t->size,
                           t->from + (c * t->rows + r) * t->size, t->size);
}

bool matrix_turn(struct dict_matrix *a, struct error *e)
{
    if (a->order == ORDER_OUT_IN)
        return true;
    const enum dtype type = (enum dtype)a->t.type;
    struct turn t = {.from = a->t.data,
                     .to = room_for(a, type, e),
                     .rows = (size_t)rows_of(a),
                     .cols = (size_t)cols_of(a),
                     .size = dtype_size(type)};
    if (!t.to)
        return false;
    parallel_for((int64_t)t.rows, GRAIN_ELEMENTS / (int64_t)t.cols + 1, turn_rows, &t);
    put_own(a, t.to, type);
    return true;
}

struct scale {
    const struct dict_matrix *a;
    float *to;
    const double *by;
    double *norm;
    int64_t cols;
};

static void scale_rows(void *arg, int64_t first, int64_t end)
{
    const struct scale *s = arg;
    const size_t cols = (size_t)s->cols, size = dtype_size((enum dtype)s->a->t.type);
    for (int64_t r = first; r < end; r++) {
        float *row = s->to + (size_t)r * cols;
        tensor_to_f32(row, (const char *)s->a->t.data + (size_t)r * cols * size,
                      (enum dtype)s->a->t.type, cols);
        for (size_t c = 0; c < cols; c++)
            row[c] = (float)((double)row[c] * s->by[r]);
    }
}

bool matrix_scale_rows(struct dict_matrix *a, const double *by, struct error *e)
{
    if (!matrix_turn(a, e))
        return false;
    struct scale s = {.a = a, .to = room_for(a, DTYPE_F32, e), .by = by, .cols = cols_of(a)};
    if (!s.to)
        return false;
    parallel_for(rows_of(a), GRAIN_ELEMENTS / s.cols + 1, scale_rows, &s);
    put_own(a, s.to, DTYPE_F32);
    return true;
}

static void norm_rows(void *arg, int64_t first, int64_t end)
{
    const struct scale *s = arg;
    const size_t cols = (size_t)s->cols, size = dtype_size((enum dtype)s->a->t.type);
    const bool turned = s->a->order == ORDER_IN_OUT;
    const size_t step = turned ? (size_t)rows_of(s->a) : 1;
    for (int64_t r = first; r < end; r++) {
        double sum = 0;
        for (size_t c = 0; c < cols; c++) {
            float v;
            tensor_to_f32(&v,
                          (const char *)s->a->t.data +
                              ((turned ? (size_t)r : (size_t)r * cols) + c * step) * size,
                          (enum dtype)s->a->t.type, 1);
            sum += (double)v * (double)v;
        }
        s->norm[r] = sqrt(sum);
    }
}

void part_decoder(struct dict_parts *p)
{
    if (!p->decoder.t.data)
        p->decoder = p->encoder, p->decoder.own = NULL;
}

bool scale_matrix(struct dict_matrix *a, double by, struct error *e)
{
    const size_t m = (size_t)rows_of(a);
    double *all = xreallocarray(NULL, m, sizeof *all);
    for (size_t i = 0; i < m; i++)
        all[i] = by;
    bool ok = matrix_scale_rows(a, all, e);
    free(all);
    return ok;
}

static void row_norms(const struct dict_matrix *a, double *norm)
{
    struct scale s = {.a = a, .norm = norm, .cols = cols_of(a)};
    parallel_for(rows_of(a), GRAIN_ELEMENTS / s.cols + 1, norm_rows, &s);
}

bool unit_decoder(struct dict_parts *p, double tolerance, struct error *e)
{
    const bool tied = !p->decoder.t.data;
    const size_t m = (size_t)rows_of(&p->encoder);
    double *norm = xreallocarray(NULL, 2 * m, sizeof *norm), *inverse = norm + m;
    bool far = false, ok = true;
    row_norms(tied ? &p->encoder : &p->decoder, norm);
    for (size_t i = 0; i < m; i++) {
        far = far || !(fabs(norm[i] - 1) <= tolerance);
        inverse[i] = norm[i] > 0 ? 1 / norm[i] : 0;
    }
    if (far) {
        part_decoder(p);
        ok = matrix_scale_rows(&p->decoder, inverse, e) && matrix_scale_rows(&p->encoder, norm, e);
        for (size_t i = 0; i < m; i++)
            p->encoder_bias.v[i] = (float)((double)p->encoder_bias.v[i] * norm[i]);
        p->encoder_bias.changed = true;
    }
    free(norm);
    return ok;
}

void dict_parts_release(struct dict_parts *p)
{
    struct dict_vector *const v[] = {&p->encoder_bias, &p->decoder_bias, &p->threshold,
                                     &p->log_scale, &p->value_bias};
    struct dict_matrix *const a[] = {&p->encoder, &p->decoder, &p->skip};
    for (size_t i = 0; i < sizeof v / sizeof *v; i++)
        free(v[i]->v);
    for (size_t i = 0; i < sizeof a / sizeof *a; i++)
        free(a[i]->own);
    *p = (struct dict_parts){0};
}
