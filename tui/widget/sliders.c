#include "tui/widget/sliders.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

bool sliders_equal(const struct sliders *a, const struct sliders *b)
{
    if (a->n != b->n || !insertion_same(a->insert, b->insert) || a->join != b->join ||
        a->special != b->special || a->dict != b->dict)
        return false;
    for (int i = 0; i < a->n; i++) {
        const struct chosen_unit *p = &a->unit[i], *q = &b->unit[i];
        if (!unit_same(p->id, q->id) || p->fixed != q->fixed || fabsf(p->value - q->value) > 1e-6f)
            return false;
    }
    return true;
}

bool sliders_any_fixed(const struct sliders *s)
{
    for (int i = 0; i < s->n; i++)
        if (s->unit[i].fixed)
            return true;
    return false;
}

struct insertion sliders_insert(const struct sliders *s)
{
    struct insertion in = s->insert;
    if (!insertion_any(in))
        return insertion_of(sliders_any_fixed(s) ? INSERT_SAE : INSERT_NONE);
    for (int i = 0; i < s->n; i++) {
        const int32_t place = s->unit[i].id.dict;
        if (s->unit[i].fixed && place >= 0 && insertion_at(in, place) == INSERT_NONE)
            insertion_put(&in, place, INSERT_SAE);
    }
    return in;
}

int sliders_find(const struct sliders *s, struct unit_id unit)
{
    for (int i = 0; i < s->n; i++)
        if (unit_same(s->unit[i].id, unit))
            return i;
    return -1;
}

bool slider_holds(double v)
{
    return fabs(v) <= SLIDER_LIMIT;
}

double slider_snap(double v)
{
    if (!isfinite(v))
        return 0;
    v = v > SLIDER_LIMIT ? SLIDER_LIMIT : v < -SLIDER_LIMIT ? -SLIDER_LIMIT : v;
    return nearbyint(v * 10) / 10 + 0.0;
}

void sliders_set(struct sliders *s, int row, double v)
{
    for (int i = 0; i < s->n; i++)
        if (row == SLIDER_ALL || row == i) {
            s->unit[i].value = (float)slider_snap(v);
            s->unit[i].fixed = true;
        }
}

void sliders_toggle(struct sliders *s, int row)
{
    bool all = true;
    for (int i = 0; i < s->n; i++)
        if ((row == SLIDER_ALL || row == i) && !s->unit[i].fixed)
            all = false;
    for (int i = 0; i < s->n; i++)
        if (row == SLIDER_ALL || row == i)
            s->unit[i].fixed = !all;
}

void sliders_reset(struct sliders *s, int row)
{
    for (int i = 0; i < s->n; i++)
        if (row == SLIDER_ALL || row == i) {
            s->unit[i].value = 0;
            s->unit[i].fixed = false;
        }
}

double sliders_value(const struct sliders *s, int row, bool *same)
{
    bool alike = true;
    double sum = 0;
    if (same)
        *same = true;
    if (row >= 0)
        return row < s->n ? (double)s->unit[row].value : 0;
    for (int i = 0; i < s->n; i++) {
        sum += (double)s->unit[i].value;
        if (fabsf(s->unit[i].value - s->unit[0].value) > 1e-6f ||
            s->unit[i].fixed != s->unit[0].fixed)
            alike = false;
    }
    if (same)
        *same = alike;
    return s->n > 0 ? slider_snap(sum / s->n) : 0;
}

int sliders_take(struct sliders *s, struct unit_id unit, double v)
{
    int row = sliders_find(s, unit);
    if (row >= 0)
        return row;
    if (s->n >= UNITS_MAX)
        return -1;
    row = s->n++;
    s->unit[row] = (struct chosen_unit){.id = unit, .value = (float)slider_snap(v)};
    return row;
}

void sliders_remove(struct sliders *s, int row)
{
    if (row < 0 || row >= s->n)
        return;
    memmove(&s->unit[row], &s->unit[row + 1], (size_t)(s->n - row - 1) * sizeof s->unit[0]);
    s->n--;
}

double sliders_range(const struct sliders *s)
{
    double range = SLIDER_RANGE;
    for (int i = 0; i < s->n; i++)
        range = fmax(range, ceil(fabs((double)s->unit[i].value) - 1e-6));
    return range;
}

double track_value(struct slider_track t, double cell)
{
    return t.w > 1 ? -t.range + 2 * t.range * cell / (t.w - 1) : 0;
}

int track_eighths(struct slider_track t, double v)
{
    int max = t.w > 1 ? 8 * (t.w - 1) : 0;
    double e = (v + t.range) / (2 * t.range) * max;
    return e <= 0 ? 0 : e >= max ? max : (int)lround(e);
}

int track_cell(struct slider_track t, double v)
{
    return (track_eighths(t, v) + 4) / 8;
}

void drag_begin(struct drag *d, struct sliders *s, int row, struct slider_track track, int x, int y)
{
    double v = sliders_value(s, row, NULL);
    *d = (struct drag){
        .active = true, .row = row, .track = track, .y = y, .last_x = x, .raw = v, .before = *s};
    int eighths = track_eighths(track, v);
    if (8 * x + 8 > eighths && 8 * x < eighths + 8) /* the pressed cell shows a part of the knob */
        return;
    d->raw = fmin(fmax(track_value(track, x), -track.range), track.range);
    sliders_set(s, row, d->raw);
}

double drag_gain(int rows_away, bool ctrl)
{
    int r = abs(rows_away);
    double gain = r <= 1 ? 1 : r <= 3 ? 1.0 / 4 : 1.0 / 16;
    return ctrl && gain > 1.0 / 4 ? 1.0 / 4 : gain;
}

bool drag_move(struct drag *d, struct sliders *s, int x, int y, bool ctrl)
{
    if (!d->active)
        return false;
    double gain = drag_gain(y - d->y, ctrl);
    d->fine = gain < 1;
    if (x == d->last_x)
        return false;
    d->raw += gain * (x - d->last_x) * (track_value(d->track, 1) - track_value(d->track, 0));
    d->last_x = x;
    double v = slider_snap(fmin(fmax(d->raw, -d->track.range), d->track.range));
    struct sliders old = *s;
    sliders_set(s, d->row, v);
    return !sliders_equal(&old, s);
}

void drag_cancel(struct drag *d, struct sliders *s)
{
    if (d->active)
        *s = d->before;
    d->active = false;
}
