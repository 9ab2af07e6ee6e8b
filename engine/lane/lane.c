/* From the hook to the losses. */
#include "engine/lane/lane.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdlib.h>
#include <string.h>

struct lane_place lane_place(const struct model *m, const struct dict *d, struct point at)
{
    struct lane_place p = {.model = m, .dict = d, .at = at, .landing = model_landing(m, at)};
    enum site site = p.landing.site;
    p.width = model_width(m, p.landing);
    p.has_base = site >= SITE_ATTN_OUT && site <= SITE_MLP_OUT;
    p.layer = site == SITE_EMBED       ? 0
              : site == SITE_RESID_PRE ? p.landing.layer
                                       : p.landing.layer + 1;
    return p;
}

/* ---- what the lanes share */
void lane_land(struct run *run, const struct lane_place *p, const struct batch *batch,
               const struct state *hook, struct tensor value, struct state *out)
{
    struct state from = *hook;
    from.value = value;
    model_forward(run, p->model, batch, &from, p->landing, NULL, 0, out);
}

void lane_front(struct run *run, const struct lane_place *p, const struct batch *batch,
                const struct state *hook, unsigned want, struct landed *out)
{
    *out = (struct landed){0};
    if (hook)
        out->hook = *hook;
    else
        model_forward(run, p->model, batch, NULL, p->at, NULL, 0, &out->hook);
    lane_land(run, p, batch, &out->hook, out->hook.value, &out->plain);
    if (want)
        dict_encode(run, p->dict, out->hook.value, &out->codes, want & LAND_PRE ? &out->pre : NULL);
    if (want & LAND_INSERTED) {
        out->xhat = dict_decode(run, p->dict, &out->codes);
        lane_land(run, p, batch, &out->hook, out->xhat, &out->inserted);
    }
}

/* ---- u_j */
bool directions_set(struct run *run, const struct lane_place *p, struct directions *d,
                    const int32_t *unit, int32_t n)
{
    if (d->n == n && (n == 0 || memcmp(d->unit, unit, (size_t)n * sizeof *unit) == 0))
        return true;
    d->n = 0;
    if ((size_t)n > d->cap) {
        directions_free(run->queue, d);
        d->u = tensor_new(run->queue, n, p->width, run->queue->backend->caps.real, &run->err);
        if (!d->u.buf)
            return error_prefix(&run->err, "keeping the directions of %d units", n);
        d->unit = xreallocarray(d->unit, (size_t)n, sizeof *d->unit);
        d->cap = (size_t)n;
    }
    struct arena_mark mark = arena_mark(run->arena);
    d->u = tensor_rows(d->u, 0, n);
    op_copy_to(run, d->u, dict_push(run, p->dict, model_linear_behind(p->model, p->at), unit, n));
    arena_reset(run->arena, mark);
    if (!run_ok(run))
        return false;
    memcpy(d->unit, unit, (size_t)n * sizeof *unit);
    d->n = n;
    return true;
}

void directions_free(struct queue *q, struct directions *d)
{
    if (d->u.buf)
        device_buf_free(q, d->u.buf);
    free(d->unit);
    *d = (struct directions){0};
}

/* ---- lanes */
struct state lane_pack(struct run *run, const struct lane_place *p, const struct lane_rows *rows,
                       int32_t n)
{
    int32_t total = 0, at = 0;
    for (int32_t i = 0; i < n; i++)
        total += rows[i].plain.rows;
    struct state st = {.at = p->landing, .value = run_tensor(run, total, p->width)};
    if (p->has_base)
        st.base = run_tensor(run, total, model_config(p->model)->d_model);
    for (int32_t i = 0; i < n; i++) {
        const struct lane_rows *r = &rows[i];
        int32_t T = r->plain.rows;
        op_copy_to(run, tensor_rows(st.value, at, T),
                   r->lane->insert == INSERT_SAE ? r->inserted : r->plain);
        if (p->has_base)
            op_copy_to(run, tensor_rows(st.base, at, T), r->base);
        at += T;
    }
    return st;
}

void lane_change(struct run *run, const struct lane *lane, struct tensor value, struct tensor f,
                 struct tensor u)
{
    if (lane->n_units > 0 && value.rows > 0)
        op_add_outer(run, value, units_change(run, f, lane->units, lane->n_units), u);
}

void lane_losses(struct run *run, const struct model *m, const struct sequences *seq,
                 const struct state *from, float *loss)
{
    struct batch batch = sequences_batch(seq);
    struct state end = {0};
    size_t n = (size_t)seq->n_rows;
    int32_t *row = xcalloc(2 * n + 1, sizeof *row), *target = row + n, count = 0;
    for (int32_t i = 0; i < seq->n_rows; i++)
        if (seq->target[i] >= 0) {
            row[count] = i;
            target[count++] = seq->target[i];
        }
    model_forward(run, m, &batch, from, model_end(m), NULL, 0, &end);
    if (count > 0)
        model_loss(run, m, op_rows_get(run, end.value, run_put_ids(run, count, 1, row)), target,
                   loss);
    free(row);
}
