/* From the hook to the losses. */
#include "engine/lane/lane.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include <stdlib.h>
#include <string.h>

/* ---- what lanes do */
const struct unit *lane_units(const struct lane *l, int32_t place, int32_t *n)
{
    int32_t from = 0, end;
    while (from < l->n_units && l->units[from].id.dict != place)
        from++;
    for (end = from; end < l->n_units && l->units[end].id.dict == place;)
        end++;
    *n = end - from;
    return l->units + from;
}

dict_places lane_acts(const struct lane *l, const struct dict_set *set)
{
    dict_places acts = 0;
    for (int32_t i = 0; set && i < set->n; i++)
        if (!set->place[i].neurons)
            acts |= l->inserted & dict_bit(i);
    for (int32_t i = 0; i < l->n_units; i++)
        acts |= dict_bit(l->units[i].id.dict);
    return acts;
}

/* ---- where they part */
static void land_at(struct lane_place *p, struct point landing)
{
    const enum site site = landing.site;
    p->landing = landing;
    p->width = model_width(p->model, landing);
    p->base = model_base_width(p->model, landing);
    p->layer = site == SITE_EMBED ? 0 : site == SITE_RESID_PRE ? landing.layer : landing.layer + 1;
}

struct lane_place lane_place(const struct model *m, const struct dict *d, struct point at)
{
    struct lane_place p = {.model = m, .dict = d, .reads = dict_reads(d, at), .at = at};
    land_at(&p, model_landing(m, at));
    return p;
}

struct lane_place lane_place_of(const struct model *m, const struct dict_set *set, dict_places acts,
                                int32_t otherwise)
{
    int32_t first = otherwise;
    for (int32_t i = set->n - 1; i >= 0; i--)
        if (acts & dict_bit(i))
            first = i;
    struct lane_place p = lane_place(m, set->place[first].dict, set->place[first].at);
    p.set = set, p.first = first;
    for (int32_t i = first + 1; i < set->n; i++)
        if (acts & dict_bit(i) &&
            point_compare(dict_reads(set->place[i].dict, set->place[i].at), p.landing) < 0)
            land_at(&p, p.at);
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
                const struct state *from, unsigned want, struct landed *out)
{
    *out = (struct landed){0};
    if (from)
        out->hook = *from;
    else
        model_forward(run, p->model, batch, NULL, p->reads, NULL, 0, &out->hook);
    out->x = out->hook.value;
    if (point_compare(p->reads, p->at) != 0) {
        const struct state read = out->hook;
        model_forward(run, p->model, batch, &read, p->at, NULL, 0, &out->hook);
    }
    lane_land(run, p, batch, &out->hook, out->hook.value, &out->plain);
    if (want)
        dict_encode(run, p->dict, out->x, &out->codes, want & LAND_PRE ? &out->pre : NULL);
    if (want & LAND_INSERTED) {
        out->yhat = dict_decode(run, p->dict, &out->codes);
        lane_land(run, p, batch, &out->hook, out->yhat, &out->inserted);
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
        const int32_t cap = (n + 7) / 8 * 8; /* units are chosen one at a time */
        directions_free(run->queue, d);
        d->u = tensor_new(run->queue, cap, p->width, run->queue->backend->caps.real, &run->err);
        if (!d->u.buf)
            return error_prefix(&run->err, "keeping the directions of %d units", n);
        d->unit = xreallocarray(d->unit, (size_t)cap, sizeof *d->unit);
        d->cap = (size_t)cap;
    }
    struct arena_mark mark = arena_mark(run->arena);
    d->u = tensor_rows(d->u, 0, n);
    const struct linear *behind =
        point_compare(p->at, p->landing) == 0 ? NULL : model_linear_behind(p->model, p->at);
    op_copy_to(run, d->u, dict_push(run, p->dict, behind, unit, n));
    arena_reset(run->arena, mark);
    if (!run_well(run))
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
static bool inserts_where_they_part(const struct lane_place *p, const struct lane *l)
{
    return l->inserted & dict_bit(p->first) && !(p->set && p->set->place[p->first].neurons);
}

static int32_t count_rows(const struct lane_rows *r)
{
    return r->row ? r->n : r->plain.rows;
}

/* To rows `at` … of y. */
static void pack_rows(struct run *run, struct tensor y, int32_t at, const struct lane_rows *r,
                      struct tensor from)
{
    y = tensor_rows(y, at, count_rows(r));
    if (r->row)
        op_rows_get_to(run, y, from, run_put_ids(run, r->n, 1, r->row));
    else
        op_copy_to(run, y, from);
}

struct state lane_pack(struct run *run, const struct lane_place *p, const struct lane_rows *rows,
                       int32_t n)
{
    int32_t total = 0, at = 0;
    for (int32_t i = 0; i < n; i++)
        total += count_rows(&rows[i]);
    struct state st = {.at = p->landing, .value = run_tensor(run, total, p->width)};
    if (p->base)
        st.base = run_tensor(run, total, p->base);
    for (int32_t i = 0; i < n; i++) {
        const struct lane_rows *r = &rows[i];
        pack_rows(run, st.value, at, r,
                  inserts_where_they_part(p, r->lane) ? r->inserted : r->plain);
        if (p->base)
            pack_rows(run, st.base, at, r, r->base);
        at += count_rows(r);
    }
    return st;
}

void lane_change(struct run *run, const struct lane_place *p, const struct lane *lane,
                 struct tensor value, struct tensor f, struct tensor scale, struct tensor u)
{
    int32_t n = lane->n_units;
    const struct unit *units = p->set ? lane_units(lane, p->first, &n) : lane->units;
    if (n < 1 || value.rows < 1)
        return;
    struct tensor c = units_change(run, f, units, n);
    dict_scale_change(run, p->dict, c, scale);
    op_add_outer(run, value, c, u);
}

void lane_hooks_add(struct lane_hooks *h, const struct lane_place *p, const struct lane *lane,
                    const int32_t *rows, int32_t n_rows)
{
    const dict_places acts = lane_acts(lane, p->set);
    for (int32_t i = p->first + 1; p->set && i < p->set->n; i++) {
        if (!(acts & dict_bit(i)))
            continue;
        h->hook = grow(h->hook, &h->cap, (size_t)h->n + 1, sizeof *h->hook);
        struct hook *one = &h->hook[h->n++];
        *one = (struct hook){.at = p->set->place[i].at,
                             .op = HOOK_INSERT,
                             .rows = rows,
                             .n_rows = n_rows,
                             .dict = p->set->place[i].dict,
                             .keep_error = !(lane->inserted & dict_bit(i))};
        one->units = lane_units(lane, i, &one->n_units);
    }
}

void lane_hooks_release(struct lane_hooks *h)
{
    free(h->hook);
    *h = (struct lane_hooks){0};
}

void lane_losses(struct run *run, const struct model *m, const struct sequences *seq,
                 const struct state *from, const struct lane_hooks *hooks, float *loss)
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
    model_forward(run, m, &batch, from, model_end(m), hooks ? hooks->hook : NULL,
                  hooks ? hooks->n : 0, &end);
    if (count > 0)
        model_loss(run, m, op_rows_get(run, end.value, run_put_ids(run, count, 1, row)), target,
                   loss);
    free(row);
}
