#include "tui/view/token_paint.h"
#include "engine/base/memory.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

void paint_release(struct paint *p)
{
    free(p->token);
    *p = (struct paint){0};
}

/* ---- mapping */
struct text_map text_map(const char *old, size_t n_old, const char *now, size_t n_new)
{
    size_t n = n_old < n_new ? n_old : n_new, p = 0, s = 0;
    while (n - p >= 256 && memcmp(old + p, now + p, 256) == 0)
        p += 256;
    while (p < n && old[p] == now[p])
        p++;
    while (s + 256 <= n - p && memcmp(old + n_old - s - 256, now + n_new - s - 256, 256) == 0)
        s += 256;
    while (s < n - p && old[n_old - s - 1] == now[n_new - s - 1])
        s++;
    return (struct text_map){p, s, n_old, n_new};
}

bool map_to_new(const struct text_map *m, size_t from, size_t to, size_t *new_from, size_t *new_to)
{
    size_t moved = m->n_new - m->n_old;
    if (to <= m->prefix) {
        *new_from = from;
        *new_to = to;
    } else if (from >= m->n_old - m->suffix) {
        *new_from = from + moved;
        *new_to = to + moved;
    } else {
        return false;
    }
    return true;
}

size_t map_to_old(const struct text_map *m, size_t at, bool *exact)
{
    *exact = true;
    if (at < m->prefix || m->n_old == m->n_new)
        return at;
    if (at >= m->n_new - m->suffix)
        return at + m->n_old - m->n_new;
    *exact = false;
    return m->prefix;
}

/* ---- values */
bool rule_equal(const struct paint_rule *a, const struct paint_rule *b)
{
    if (a->colouring != b->colouring || a->n_units != b->n_units)
        return false;
    for (int i = 0; i < a->n_units; i++)
        if (!unit_same(a->unit[i], b->unit[i]))
            return false;
    return true;
}

enum lane_kind paint_lane(const struct snapshot *s)
{
    return s->any_fixed ? LANE_FIXED : insertion_any(s->insert) ? LANE_BASE : LANE_PLAIN;
}

static bool losses_fit(const struct line_view *l, enum lane_kind lane)
{
    return l->loss[lane] && l->tokens && l->loss[lane]->n == l->tokens->n;
}

/* No active latent is 0, as soon as it is known that there is none. */
static bool strongest_value(const struct line_latents *a, float scale, int32_t i, float *v)
{
    const struct active_latent *active;
    const int32_t n = latents_of_token(a, i, &active);
    if (n > 0 || a->complete)
        *v = n > 0 ? active[0].value / scale : 0;
    return n > 0 || a->complete;
}

static bool latent_value(const struct line_view *l, const struct paint_rule *r, int32_t i, float *v)
{
    const struct line_latents *a = l->latents;
    if (!a || a->n != l->tokens->n)
        return false;
    if (r->n_units == 0)
        return strongest_value(a, r->strongest, i, v);
    float sum = 0;
    int32_t found = 0;
    for (int32_t u = 0; u < r->n_units; u++)
        for (int32_t w = 0; w < a->n_watch; w++)
            if (unit_same(a->watch[w], r->unit[u])) {
                const float *values = r->colouring == COLOUR_ACT ? a->act : a->pre;
                sum += values[(size_t)i * (size_t)a->n_watch + (size_t)w] / r->scale[u];
                found++;
                break;
            }
    *v = found > 0 ? sum / (float)found : NAN;
    return found == r->n_units && found > 0;
}

bool paint_value(const struct snapshot *s, const struct line_view *l, const struct paint_rule *r,
                 int32_t i, float *v)
{
    *v = NAN;
    if (!l->tokens)
        return false;
    if (r->colouring == COLOUR_LOSS) {
        enum lane_kind lane = paint_lane(s);
        if (!losses_fit(l, lane))
            return false;
        *v = l->loss[lane]->loss[i] / PAINT_LOSS_SCALE;
        return true;
    }
    if (r->colouring == COLOUR_DELTA) {
        if (!losses_fit(l, LANE_FIXED) || !losses_fit(l, LANE_BASE))
            return false;
        *v = (l->loss[LANE_FIXED]->loss[i] - l->loss[LANE_BASE]->loss[i]) / PAINT_DELTA_SCALE;
        return true;
    }
    return latent_value(l, r, i, v);
}

/* ---- edits */
void paint_edit(struct paint *p, const struct textbuf *after, size_t at, size_t n_removed,
                size_t n_inserted, bool join)
{
    size_t end = at + n_removed,
           stale_to =
               join ? after->n : textbuf_line_end(after, textbuf_line_of(after, at + n_inserted));
    size_t w = 0;
    for (size_t i = 0; i < p->n; i++) {
        struct paint_token t = p->token[i];
        if (t.end > at && t.start < end) { /* touched: the edit took a part of it */
            if (t.start < at)
                t.end = at;
            else if (t.end > end)
                t.start = end;
            else
                continue;
            t.stale = true;
        }
        if (t.start >= end && t.end > at) {
            t.start += n_inserted - n_removed;
            t.end += n_inserted - n_removed;
            t.stale = t.stale || t.start < stale_to;
        }
        p->token[w++] = t;
    }
    p->n = w;
}

/* ---- snapshots */
struct painter { /* the paint being made from a snapshot and the paint there was */
    struct paint old, made;
    size_t next; /* of old: first token not yet passed */
    bool same_rule;
    const struct theme *theme;
};

static void emit(struct painter *m, struct paint_token t)
{
    m->made.token = grow(m->made.token, &m->made.cap, m->made.n + 1, sizeof *m->made.token);
    m->made.token[m->made.n++] = t;
}

/* The token that had these bytes under the same rule; NULL: none. */
static const struct paint_token *before(struct painter *m, size_t start, size_t end)
{
    while (m->next < m->old.n && m->old.token[m->next].start < start)
        m->next++;
    const struct paint_token *t = m->next < m->old.n ? &m->old.token[m->next] : NULL;
    return m->same_rule && t && t->start == start && t->end == end ? t : NULL;
}

static bool is_complete(const struct snapshot *s, const struct line_view *l,
                        const struct paint_rule *r)
{
    if (r->colouring == COLOUR_LOSS)
        return l->loss[paint_lane(s)]->complete;
    if (r->colouring == COLOUR_DELTA)
        return l->loss[LANE_FIXED]->complete && l->loss[LANE_BASE]->complete;
    return l->latents->complete;
}

/* A line without data keeps the colours it had. */
static void keep_old(struct painter *m, size_t from, size_t to)
{
    while (m->next < m->old.n && m->old.token[m->next].start < from)
        m->next++;
    for (; m->next < m->old.n && m->old.token[m->next].start < to; m->next++) {
        struct paint_token t = m->old.token[m->next];
        t.stale = true;
        if (m->same_rule)
            emit(m, t);
    }
}

static size_t mapped(const struct text_map *map, size_t at, bool up)
{
    size_t to, unused;
    if (map_to_new(map, at, at, &to, &unused))
        return to;
    return up ? map->n_new - map->suffix : map->prefix;
}

static void paint_line(struct painter *m, const struct snapshot *s, const struct line_view *l,
                       const struct text_map *map, size_t stale_to, const struct paint_rule *rule)
{
    float v;
    if (!l->tokens || (l->tokens->n > 0 && !paint_value(s, l, rule, 0, &v))) {
        keep_old(m, mapped(map, l->start, false), mapped(map, l->end, true));
        return;
    }
    bool begins = false; /* a window whose first bytes are still to come */
    for (int32_t i = 0, w = 1; i < l->tokens->n; i++) {
        const struct token *t = &l->tokens->token[i];
        size_t start, end;
        if (w < l->tokens->n_windows && i == l->tokens->window_start[w]) {
            begins = true;
            w++;
        }
        bool cut = begins && t->start < t->end;
        begins = begins && !cut; /* behind its BOS */
        if (t->start >= t->end ||
            !map_to_new(map, l->start + (size_t)t->start, l->start + (size_t)t->end, &start, &end))
            continue;
        paint_value(s, l, rule, i, &v);
        struct paint_token p = {.start = start, .end = end, .value = v};
        const struct paint_token *was = before(m, start, end);
        p.stale = end > map->prefix && start < stale_to;
        if (isfinite(v)) {
            p.level = theme_level(m->theme, (double)v, was ? was->level : INT_MIN);
        } else if (was && !is_complete(s, l, rule)) { /* not yet there: what it was */
            p = *was;
            p.stale = true;
        }
        p.cut = cut;
        emit(m, p);
    }
}

void paint_snapshot(struct paint *p, const struct snapshot *s, const struct textbuf *text,
                    const struct paint_rule *rule, const struct theme *theme)
{
    struct text_map map = text_map(s->text, s->n_text, text->s, text->n);
    struct painter m = {.old = *p, .same_rule = rule_equal(&p->rule, rule), .theme = theme};
    size_t stale_to = 0; /* behind the difference, as far as its sequence goes */
    if (map.prefix < map.n_old || map.prefix < map.n_new)
        stale_to = s->n_lines == 1
                       ? text->n /* perhaps joined */
                       : textbuf_line_end(text, textbuf_line_of(text, map.n_new - map.suffix));
    for (int32_t i = 0; i < s->n_lines; i++)
        paint_line(&m, s, &s->line[i], &map, stale_to, rule);
    m.made.rule = *rule;
    free(p->token);
    *p = m.made;
}

size_t paint_find(const struct paint *p, size_t at)
{
    size_t lo = 0, hi = p->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (p->token[mid].end <= at)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}
