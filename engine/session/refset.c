/* Reference sets: losses of known sentences under the current lane, streamed in a fixed random
 * order. */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "engine/session/estimate.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    CODE_CHUNK = 32,           /* sentences tokenised in one step */
    LANE_CACHE_BYTES = 1 << 20 /* of measured lanes */
};
#define ORDER_SEED 20240229

static void lay_out(struct refsets *r)
{
    size_t at = 0;
    for (int32_t u = 0; u < r->n_max; u++) {
        for (int32_t c = 0; c < r->n_sets; c++) {
            if (r->order[u] >= r->set[c].n)
                continue;
            const char *text = r->set[c].sentence[r->order[u]];
            r->of_set[at] = c;
            r->line[at] = line_new(text, strlen(text));
            r->line[at++]->reference = true;
        }
        r->unit_end[u] = (int32_t)at;
    }
}

bool refsets_init(struct session *s, const struct reference_set *set, int32_t n_sets,
                  struct error *e)
{
    struct refsets *r = &s->refs;
    if (n_sets > CORPUS_MAX_CLASSES)
        return error_set(e, ERROR_INPUT, "reference sets: %d classes, expected at most %d", n_sets,
                         CORPUS_MAX_CLASSES);
    *r = (struct refsets){.set = set, .n_sets = n_sets};
    int64_t n = 0;
    for (int32_t i = 0; i < n_sets; i++) {
        r->n_max = set[i].n > r->n_max ? set[i].n : r->n_max;
        n += set[i].n;
    }
    if (n > INT32_MAX / 4)
        return error_set(e, ERROR_INPUT, "reference sets: %lld sentences are too many",
                         (long long)n);
    r->n = (int32_t)n;
    r->order = xcalloc((size_t)r->n_max + 1, sizeof *r->order);
    r->unit_end = xcalloc((size_t)r->n_max + 1, sizeof *r->unit_end);
    r->line = xcalloc((size_t)n + 1, sizeof(void *));
    r->of_set = xcalloc((size_t)n + 1, sizeof *r->of_set);
    for (int32_t i = 0; i < r->n_max; i++)
        r->order[i] = i;
    struct rng rng;
    rng_seed(&rng, ORDER_SEED);
    rng_shuffle(&rng, r->order, (size_t)r->n_max);
    lay_out(r);
    return true;
}

static void forget_lanes(struct refsets *r)
{
    for (size_t i = 0; i < r->n_lanes; i++)
        free(r->lane[i].mean);
    r->n_lanes = 0;
    memset(r->shown, 0, sizeof r->shown);
}

void refsets_release(struct session *s)
{
    struct refsets *r = &s->refs;
    forget_lanes(r);
    for (int32_t i = 0; i < r->n; i++)
        line_free(s, r->line[i]);
    free(r->lane);
    free(r->line);
    free(r->of_set);
    free(r->unit_end);
    free(r->order);
    *r = (struct refsets){0};
}

void refsets_set(struct session *s)
{
    struct refsets *r = &s->refs;
    if (r->bos == s->wish.bos && r->special == s->wish.special)
        return;
    r->bos = s->wish.bos;
    r->special = s->wish.special;
    r->coded = r->front = 0;
    forget_lanes(r);
    for (int32_t i = 0; i < r->n; i++)
        line_free(s, r->line[i]);
    lay_out(r);
}

void refsets_forget(struct session *s)
{
    s->refs.front = 0;
    for (int32_t i = 0; i < s->refs.n; i++)
        line_forget(s, s->refs.line[i], true);
}

/* ---- measured lanes */
static struct ref_lane *find_lane(struct refsets *r, uint64_t key)
{
    for (size_t i = 0; i < r->n_lanes; i++)
        if (r->lane[i].key == key)
            return &r->lane[i];
    return NULL;
}

static int32_t lane_done(struct refsets *r, uint64_t key)
{
    const struct ref_lane *lane = find_lane(r, key);
    return lane ? lane->done : 0;
}

static struct ref_lane *need_lane(struct refsets *r, uint64_t key)
{
    struct ref_lane *lane = find_lane(r, key);
    size_t most = LANE_CACHE_BYTES / ((size_t)r->n * sizeof(float) + 1);
    if (!lane && r->n_lanes >= (most < 16 ? 16 : most)) {
        lane = r->lane;
        for (size_t i = 1; i < r->n_lanes; i++)
            if (r->lane[i].used < lane->used)
                lane = &r->lane[i];
        lane->key = key, lane->done = 0;
    }
    if (!lane) {
        r->lane = grow(r->lane, &r->cap_lanes, r->n_lanes + 1, sizeof *r->lane);
        lane = &r->lane[r->n_lanes++];
        *lane = (struct ref_lane){.key = key, .mean = xcalloc((size_t)r->n + 1, sizeof(float))};
    }
    lane->used = ++r->clock;
    return lane;
}

static uint64_t lane_key(const struct session *s, enum lane_kind lane)
{
    return s->key[s->lane_track[lane]];
}

/* ---- steps */
static int32_t rows_of(const struct line *l, int32_t *pieces)
{
    *pieces = l->n_windows < MAX_PIECES ? l->n_windows : MAX_PIECES;
    return l->window[*pieces - 1].first + l->window[*pieces - 1].n;
}

/* Sentences from *at on, whole, until the microbatch is full; at least one. *end ← the first that
 * is not in it. */
static void fill(const struct session *s, int32_t at, enum track t, struct microbatch *micro,
                 int32_t *end)
{
    const struct refsets *r = &s->refs;
    micro->n = micro->rows = 0;
    for (; at < r->n; at++) {
        struct line *l = r->line[at];
        int32_t pieces, rows = rows_of(l, &pieces);
        if (micro->n > 0 &&
            (micro->rows + rows > s->rows_per_job || micro->n + pieces > MAX_PIECES))
            break;
        for (int32_t i = 0; i < pieces; i++) {
            struct window *w = &l->window[i];
            if (w->n < 1)
                continue;
            micro->piece[micro->n++] = (struct piece){
                .line = l, .window = w, .track = t, .n = w->n, .eval = 1, .n_eval = w->n - 1};
            micro->rows += w->n;
        }
    }
    *end = at;
}

static void code_step(struct session *s)
{
    struct refsets *r = &s->refs;
    for (int32_t i = 0; i < CODE_CHUNK && r->coded < r->n; i++)
        line_code(s, r->line[r->coded++]);
}

static void front_step(struct session *s)
{
    struct refsets *r = &s->refs;
    struct microbatch micro;
    int32_t end;
    fill(s, r->front, TRACK_PLAIN, &micro, &end);
    if (micro.n == 0 || front_run(s, &micro, true))
        r->front = end;
}

static void commit_means(struct refsets *r, struct ref_lane *lane, const struct microbatch *micro,
                         const float *loss, int32_t end)
{
    int32_t p = 0;
    for (int32_t i = lane->done; i < end; i++) {
        double sum = 0;
        int64_t n = 0;
        for (; p < micro->n && micro->piece[p].line == r->line[i]; p++)
            for (int32_t j = 0; j < micro->piece[p].n_eval; j++, n++)
                sum += (double)*loss++;
        lane->mean[i] = n > 0 ? (float)(sum / (double)n) : NAN;
    }
}

static int32_t units_done(const struct refsets *r, int32_t done)
{
    int32_t u = 0;
    while (u < r->n_max && r->unit_end[u] <= done)
        u++;
    return u;
}

static void lane_step(struct session *s, enum lane_kind kind)
{
    struct refsets *r = &s->refs;
    enum track t = s->lane_track[kind];
    struct microbatch micro;
    int32_t end;
    fill(s, lane_done(r, s->key[t]), t, &micro, &end);
    if (t == TRACK_FIXED) {
        for (int32_t i = 0; i < micro.n; i++)
            if (!line_watch_is(s, micro.piece[i].line) && !front_watch_run(s, micro.piece[i].line))
                return;
        if (!back_push_units(s))
            return;
    }
    float *loss = scratch_f32(s, 1, (size_t)micro.rows + 1);
    if (micro.n > 0 && !back_run(s, &micro, false, loss)) {
        if (t == TRACK_FIXED) /* the base is measured before: it is finite */
            back_blame(s, 1u << t);
        return;
    }
    struct ref_lane *lane = need_lane(r, s->key[t]);
    int32_t before = look_reached(units_done(r, lane->done), r->n_max);
    commit_means(r, lane, &micro, loss, end);
    lane->done = end;
    bool look = kind == LANE_FIXED && look_reached(units_done(r, end), r->n_max) != before;
    if (look || end == r->n)
        s->marks |= MARK_REFSETS;
}

bool refsets_done(const struct session *s)
{
    struct refsets *r = (struct refsets *)&s->refs;
    return r->n == 0 || (r->coded == r->n && lane_done(r, lane_key(s, LANE_BASE)) == r->n &&
                         lane_done(r, lane_key(s, LANE_FIXED)) == r->n);
}

bool refsets_step(struct session *s)
{
    struct refsets *r = &s->refs;
    if (refsets_done(s))
        return false;
    if (r->coded < r->n)
        code_step(s);
    else if (r->front < r->n)
        front_step(s);
    else if (lane_done(r, lane_key(s, LANE_BASE)) < r->n)
        lane_step(s, LANE_BASE);
    else
        lane_step(s, LANE_FIXED);
    return true;
}

/* ---- what is shown */
struct sample { /* of one set: the sentences with a loss, in streaming order */
    double *base, *fixed, *diff;
    int32_t n_base, n; /* n: those that the look covers */
};

static void collect(const struct session *s, int32_t c, int32_t upto, struct sample *out)
{
    struct refsets *r = (struct refsets *)&s->refs;
    const struct ref_lane *base = find_lane(r, lane_key(s, LANE_BASE)),
                          *fixed = find_lane(r, lane_key(s, LANE_FIXED));
    for (int32_t i = 0; i < r->n; i++) {
        if (r->of_set[i] != c || isnan(base->mean[i]))
            continue;
        out->base[out->n_base++] = (double)base->mean[i];
        if (i < upto) {
            out->fixed[out->n] = (double)fixed->mean[i];
            out->diff[out->n++] = (double)fixed->mean[i] - (double)base->mean[i];
        }
    }
}

static void estimate_fixed(struct refset_view *v, const struct sample *a)
{
    double mean, sd, fixed_mean, fixed_sd;
    mean_and_sd(a->diff, a->n, &mean, &sd);
    mean_and_sd(a->fixed, a->n, &fixed_mean, &fixed_sd);
    bool all = a->n == a->n_base;
    v->n = a->n;
    v->diff =
        (struct estimate){mean, all ? sampling_half(sd, a->n) : partial_half(sd, a->n, a->n_base)};
    v->fixed =
        (struct estimate){v->base.mean + mean, all ? sampling_half(fixed_sd, a->n) : v->diff.half};
    v->fixed_valid = a->n > 0;
}

static int32_t with_loss(const struct refsets *r, int32_t c)
{
    int32_t n = 0;
    for (int32_t i = 0; i < r->n && r->coded == r->n; i++) {
        bool has = false;
        for (int32_t w = 0; r->of_set[i] == c && w < r->line[i]->n_windows; w++)
            has |= r->line[i]->window[w].n > 1;
        n += has;
    }
    return n;
}

static void view_set(struct session *s, int32_t c, struct refset_view *v)
{
    struct refsets *r = &s->refs;
    uint64_t base_key = lane_key(s, LANE_BASE), fixed_key = lane_key(s, LANE_FIXED);
    *v = (struct refset_view){
        .name = r->set[c].name, .label = r->set[c].label, .n_total = with_loss(r, c)};
    v->base = v->fixed = v->diff = (struct estimate){NAN, NAN};
    int32_t look = look_reached(units_done(r, lane_done(r, fixed_key)), r->n_max);
    bool base_done = r->n > 0 && lane_done(r, base_key) == r->n;
    if (base_done) {
        struct sample a = {0};
        double *room = xcalloc((size_t)r->n * 3 + 1, sizeof *room), sd;
        a.base = room, a.fixed = room + r->n, a.diff = room + 2 * (size_t)r->n;
        collect(s, c, look > 0 ? r->unit_end[look - 1] : 0, &a);
        mean_and_sd(a.base, a.n_base, &v->base.mean, &sd);
        v->base.half = sampling_half(sd, a.n_base);
        v->base_valid = a.n_base > 0;
        if (look > 0)
            estimate_fixed(v, &a);
        free(room);
    }
    if (base_done && look > 0) {
        v->key = fixed_key;
        if (base_key == fixed_key) /* nothing is fixed: no difference, so no uncertainty of one */
            v->diff = (struct estimate){0, NAN};
        r->shown[c] = *v;
    } else if (r->shown[c].fixed_valid) {
        const struct refset_view *old = &r->shown[c];
        v->n = old->n, v->fixed = old->fixed, v->diff = old->diff, v->fixed_valid = true,
        v->key = old->key;
    }
}

void refsets_view(struct session *s, struct snapshot *out)
{
    struct refsets *r = &s->refs;
    out->n_refsets = r->n_sets;
    for (int32_t c = 0; c < r->n_sets; c++)
        view_set(s, c, &out->refset[c]);
    uint64_t base_key = lane_key(s, LANE_BASE), fixed_key = lane_key(s, LANE_FIXED);
    int32_t stages = base_key == fixed_key ? 2 : 3;
    double done =
        (double)r->front + lane_done(r, base_key) + (stages == 3 ? lane_done(r, fixed_key) : 0);
    out->refset_progress = refsets_done(s) ? 1.0 : done / ((double)stages * r->n);
}
