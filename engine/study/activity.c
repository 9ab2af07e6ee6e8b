/* Activity of units: moments by class, and values of the first tokens. */
#include "engine/study/activity.h"
#include "engine/base/memory.h"
#include "engine/lane/lane.h"
#include "engine/study/pass.h"
#include "engine/study/runs.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CELLS (INT64_C(1) << 28) /* values kept: 1 GiB */

struct place { /* whose units are asked about */
    int32_t dict, n, *index, *column;
    struct point at;
    bool decoded;    /* its code is what the model goes on with: an SAE's that is inserted, a
                        transcoder's; it is of what arrives, and holds what is held */
    struct tensor x; /* of the sub-batch at hand */
};

struct holding { /* of units at fixed values, all the while */
    struct unit held[STUDY_MAX_VALUES];
    struct lane_hooks hooks; /* those of what is held, and what takes the values out, in order */
};

struct moments { /* of classes and units, [n_classes, J] */
    int64_t tokens[CORPUS_MAX_CLASSES], texts[CORPUS_MAX_CLASSES];
    double *mean, *m2; /* m2: Σ (x − mean)² */
};

struct kept { /* the first values of each class */
    int64_t n[CORPUS_MAX_CLASSES];
    size_t cap[CORPUS_MAX_CLASSES];
    float *value[CORPUS_MAX_CLASSES]; /* [n, J] */
};

struct study {
    struct study_in in;
    struct dict_place one; /* where there is no set */
    struct dict_set set;   /* borrowed: what takes part */
    int32_t J, n_classes;
    struct unit_id *unit; /* [J] */
    int32_t n_places;
    struct place *place;
    dict_places inserted; /* places, a bit each */
    int32_t n_held;
    struct holding by, minus; /* minus: what values are the difference to, where `paired` */
    bool paired, pre;
    struct point to;
    int32_t bos, from, last, keep; /* bos: 1 with one; keep: values of each class */
    struct moments done, open;     /* of segments that are whole, and of the one at hand */
    struct kept kept;
};

struct partial {
    int64_t n_tokens;
    int32_t n_classes;
    struct moments sum;
    struct kept kept;
};

/* ---- memory */
static void moments_init(struct moments *m, int32_t n_classes, int32_t J)
{
    const size_t cells = (size_t)n_classes * (size_t)J;
    *m = (struct moments){.mean = xcalloc(cells, sizeof *m->mean),
                          .m2 = xcalloc(cells, sizeof *m->m2)};
}

static void moments_release(struct moments *m)
{
    free(m->mean);
    free(m->m2);
}

static void kept_release(struct kept *k)
{
    for (int32_t c = 0; c < CORPUS_MAX_CLASSES; c++)
        free(k->value[c]);
}

static void kept_add(struct kept *k, int32_t cls, const float *value, int64_t rows, int32_t J)
{
    const size_t row = (size_t)J, n = (size_t)k->n[cls], more = (size_t)rows;
    if (rows <= 0)
        return;
    k->value[cls] = grow(k->value[cls], &k->cap[cls], (n + more) * row, sizeof(float));
    memcpy(k->value[cls] + n * row, value, more * row * sizeof(float));
    k->n[cls] += rows;
}

static void activity_free(struct study *s)
{
    if (!s)
        return;
    for (int32_t i = 0; i < s->n_places; i++) {
        free(s->place[i].index);
        free(s->place[i].column);
    }
    free(s->place);
    free(s->unit);
    lane_hooks_release(&s->by.hooks);
    lane_hooks_release(&s->minus.hooks);
    moments_release(&s->done);
    moments_release(&s->open);
    kept_release(&s->kept);
    free(s);
}

/* ---- opening */
/* All units of the dictionaries that some are of, each once. */
static bool take_whole(struct study *s, const struct unit_id *unit, int32_t n, struct error *e)
{
    dict_places places = 0;
    for (int32_t i = 0; i < n; i++) {
        if (places & dict_bit(unit[i].dict))
            return error_set(e, ERROR_INPUT,
                             "activity: %d units are given, expected one of each dictionary that "
                             "is meant",
                             (int)n);
        places |= dict_bit(unit[i].dict);
        s->J += s->set.place[unit[i].dict].m;
    }
    s->unit = xcalloc((size_t)s->J, sizeof *s->unit);
    for (int32_t i = 0, j = 0; i < n; i++)
        for (int32_t k = 0; k < s->set.place[unit[i].dict].m; k++)
            s->unit[j++] = (struct unit_id){unit[i].dict, k};
    return true;
}

static bool take_units(struct study *s, const struct params *p, struct error *e)
{
    struct unit_id unit[UNITS_MAX];
    const int32_t n = units_take("activity", &s->in, p, unit, e);
    if (n < 0)
        return false;
    if (n == 0)
        return error_set(e, ERROR_INPUT, "activity: no unit is given, expected 1 to %d", UNITS_MAX);
    if (params_flag(p, "whole"))
        return take_whole(s, unit, n, e);
    s->J = n;
    s->unit = xmemdup(unit, (size_t)n * sizeof *s->unit);
    return true;
}

static bool take_held(struct study *s, const struct params *p, struct error *e)
{
    const double *value;
    const struct unit_id *unit;
    const int32_t n = params_values(p, "minus-at", &value);
    if (!units_take_inserted(&s->set, p, &s->inserted, e))
        return error_prefix(e, "activity");
    s->n_held = units_take_held("activity", &s->set, p, s->by.held, e);
    s->paired = n > 0;
    if (s->n_held < 0 || !s->paired)
        return s->n_held >= 0;
    if (n != s->n_held)
        return error_set(e, ERROR_INPUT,
                         "activity: %d units are held, expected as many values in place of theirs",
                         (int)s->n_held);
    params_units(p, "held", &unit);
    for (int32_t i = 0; i < n; i++) {
        s->minus.held[i] = s->by.held[i]; /* by place, unlike the values */
        for (int32_t k = 0; k < n; k++)
            if (unit_same(unit[k], s->minus.held[i].id))
                s->minus.held[i].value = (float)value[k];
    }
    return true;
}

static dict_places activity_places(const struct dict_set *set, const struct params *p)
{
    return units_places(set, p) | units_places_held(set, p);
}

static void make_places(struct study *s)
{
    s->place = xcalloc((size_t)s->set.n + 1, sizeof *s->place);
    for (int32_t d = 0; d < s->set.n; d++) {
        const struct dict_place *of = &s->set.place[d];
        struct place p = {.dict = d,
                          .at = s->pre ? pre_activation_read(of) : dict_reads(of->dict, of->at),
                          .decoded = s->inserted & dict_bit(d) || dict_spec(of->dict)->transcodes,
                          .index = xcalloc((size_t)s->J + 1, sizeof(int32_t)),
                          .column = xcalloc((size_t)s->J + 1, sizeof(int32_t))};
        for (int32_t j = 0; j < s->J; j++)
            if (s->unit[j].dict == d)
                p.index[p.n] = s->unit[j].index, p.column[p.n++] = j;
        if (p.n > 0) {
            s->place[s->n_places++] = p;
            continue;
        }
        free(p.index);
        free(p.column);
    }
    s->to = s->place[0].at;
    for (int32_t i = 1; i < s->n_places; i++)
        if (point_compare(s->place[i].at, s->to) > 0)
            s->to = s->place[i].at;
}

static void read_places(struct study *s, struct lane_hooks *h, bool decoded)
{
    for (int32_t i = 0; i < s->n_places; i++) {
        if (s->place[i].decoded != decoded)
            continue;
        h->hook = grow(h->hook, &h->cap, (size_t)h->n + 1, sizeof *h->hook);
        h->hook[h->n++] = (struct hook){.at = s->place[i].at, .op = HOOK_GET, .io = &s->place[i].x};
    }
}

/* A value is read behind what is held at its point, or as what is decoded there reads it. */
static void make_hooks(struct study *s, struct holding *by)
{
    const struct lane lane = {.inserted = s->inserted, .n_units = s->n_held, .units = by->held};
    const struct lane_place from_the_start = {.model = s->in.model, .set = &s->set, .first = -1};
    read_places(s, &by->hooks, true);
    lane_hooks_add(&by->hooks, &from_the_start, &lane, NULL, 0);
    read_places(s, &by->hooks, false);
}

static const struct param params[] = {
    STUDY_UNITS_ROW,
    {"whole", NULL, "all units of the dictionary that the unit is of", PARAM_FLAG, .in_key = true},
    STUDY_HELD_ROWS,
    {"minus-at", "LIST", "how much more than with the held ones at these", PARAM_VALUES,
     .in_key = true},
    {"pre", NULL, "of neurons of mlp.act the pre-activation", PARAM_FLAG, .in_key = true},
    ACTIVITY_FROM_ROW,
    ACTIVITY_TO_ROW,
    {"tokens", "N", "tokens of each class whose values are kept", PARAM_INT, "0", .min = 0,
     .max = INT32_MAX, .in_key = true},
    {.name = NULL},
};

static bool take_positions(struct study *s, const struct params *p, struct error *e)
{
    const struct cut cut = model_cut(s->in.model, s->in.tokenizer, s->in.bos);
    s->bos = cut.bos >= 0;
    s->from = (int32_t)params_int(p, "from");
    s->last = (int32_t)params_int(p, "to");
    s->keep = (int32_t)params_int(p, "tokens");
    if (s->from > s->last)
        return error_set(e, ERROR_INPUT,
                         "activity: positions %d to %d, expected the first before the last",
                         s->from, s->last);
    if ((int64_t)s->keep * s->n_classes * s->J > MAX_CELLS)
        return error_set(e, ERROR_INPUT,
                         "activity: %d tokens of %d classes and %d units are %lld values, expected "
                         "at most %lld",
                         s->keep, s->n_classes, s->J, (long long)s->keep * s->n_classes * s->J,
                         (long long)MAX_CELLS);
    return true;
}

static bool activity_open(const struct study_in *in, const struct params *p, struct study **out,
                          struct error *e)
{
    if (!units_check_in("activity", in, e))
        return false;
    struct study *s = xcalloc(1, sizeof *s);
    s->in = *in;
    s->set = units_set(in, &s->one);
    s->n_classes = in->corpus->n_classes;
    s->pre = params_flag(p, "pre");
    if (!take_units(s, p, e) || !take_held(s, p, e) || !take_positions(s, p, e)) {
        activity_free(s);
        return false;
    }
    make_places(s);
    make_hooks(s, &s->by);
    if (s->paired)
        make_hooks(s, &s->minus);
    moments_init(&s->done, s->n_classes, s->J);
    moments_init(&s->open, s->n_classes, s->J);
    *out = s;
    return true;
}

static int64_t activity_chunks(const struct study *s)
{
    return pass_chunks(&s->in);
}

/* ---- a chunk */
struct work {
    struct study *s;
    struct partial *p;
    int32_t n, *row, *cls; /* rows of the sub-batch that count, and their classes */
    float *value;          /* [n, J] */
    int64_t last_doc;
};

static void put_held(const struct study *s, const struct place *place, bool less, float *value,
                     size_t n)
{
    const struct unit *held = less ? s->minus.held : s->by.held;
    for (int32_t i = 0; place->decoded && i < place->n; i++)
        for (int32_t k = 0; k < s->n_held; k++) {
            const struct unit_id own = {place->dict, place->index[i]};
            for (size_t t = 0; unit_same(held[k].id, own) && t < n; t++)
                value[t * (size_t)place->n + (size_t)i] = held[k].value;
        }
}

/* Values of a place's units on the rows that count, into their columns; `less`: off what is there.
 */
static void read_place(struct work *w, struct run *run, const struct place *place, bool less)
{
    const struct study *s = w->s;
    const struct dict *dict = s->set.place[place->dict].dict;
    const size_t n = (size_t)w->n, m = (size_t)place->n;
    struct arena_mark mark = arena_mark(run->arena);
    float *part = xcalloc(n * m, sizeof *part);
    struct code f = {0};
    dict_encode(run, dict, op_rows_get(run, place->x, run_put_ids(run, w->n, 1, w->row)), &f, NULL);
    run_get(run, part, dict_values(run, dict, &f, place->index, place->n));
    dict_check_values(run, dict, part, w->n, place->index, place->n);
    put_held(s, place, less, part, n);
    for (size_t t = 0; t < n; t++)
        for (size_t i = 0; i < m; i++) {
            float *v = &w->value[t * (size_t)s->J + (size_t)place->column[i]];
            *v = less ? *v - part[t * m + i] : part[t * m + i];
        }
    free(part);
    arena_reset(run->arena, mark);
}

/* Welford 1962: values that are all the same keep their mean to the bit. */
static void add_row(struct moments *sum, int32_t cls, const float *value, int32_t J)
{
    const double n = (double)++sum->tokens[cls];
    double *mean = sum->mean + (size_t)cls * (size_t)J, *m2 = sum->m2 + (size_t)cls * (size_t)J;
    for (int32_t j = 0; j < J; j++) {
        const double d = (double)value[j] - mean[j];
        mean[j] += d / n;
        m2[j] += d * ((double)value[j] - mean[j]);
    }
}

static void take_rows(struct work *w)
{
    const int32_t J = w->s->J;
    for (int32_t i = 0; i < w->n; i++) {
        const float *value = w->value + (size_t)i * (size_t)J;
        struct kept *kept = &w->p->kept;
        add_row(&w->p->sum, w->cls[i], value, J);
        if (kept->n[w->cls[i]] < w->s->keep)
            kept_add(kept, w->cls[i], value, 1, J);
    }
}

static void read_rows(struct work *w, struct run *run, const struct pass_batch *b)
{
    const struct study *s = w->s;
    w->value = xcalloc((size_t)w->n * (size_t)s->J, sizeof *w->value);
    for (int32_t i = 0; i < s->n_places; i++)
        read_place(w, run, &s->place[i], false);
    if (s->paired) {
        struct batch batch = sequences_batch(b->seq);
        model_forward(run, s->in.model, &batch, NULL, s->to, s->minus.hooks.hook, s->minus.hooks.n,
                      NULL);
        for (int32_t i = 0; i < s->n_places; i++)
            read_place(w, run, &s->place[i], true);
    }
    if (run_ok(run))
        take_rows(w);
    free(w->value);
}

static void take_batch(void *arg, struct run *run, const struct pass_batch *b)
{
    struct work *w = arg;
    const struct study *s = w->s;
    w->row = xcalloc(2 * (size_t)b->n_rows, sizeof *w->row);
    w->cls = w->row + b->n_rows;
    w->n = 0;
    for (int32_t i = 0; i < b->n_rows; i++) {
        const int32_t at = b->row[i].pos + s->bos;
        w->p->n_tokens += b->row[i].pos >= 0;
        if (at < s->from || at > s->last)
            continue;
        const int32_t cls = s->in.corpus->doc[b->row[i].doc].cls;
        if (b->row[i].doc != w->last_doc)
            w->p->sum.texts[cls]++;
        w->last_doc = b->row[i].doc;
        w->row[w->n] = i;
        w->cls[w->n++] = cls;
    }
    if (w->n > 0)
        read_rows(w, run, b);
    free(w->row);
}

static void partial_free(struct partial *p)
{
    if (!p)
        return;
    moments_release(&p->sum);
    kept_release(&p->kept);
    free(p);
}

static int64_t partial_tokens(const struct partial *p)
{
    return p->n_tokens;
}

static struct partial *activity_chunk(struct study *s, int64_t i, struct run *run)
{
    struct partial *p = xcalloc(1, sizeof *p);
    struct work w = {.s = s, .p = p, .last_doc = -1};
    const int32_t most = s->last + 1 - s->bos;
    const struct pass_how how = {.to = s->to,
                                 .hook = s->by.hooks.hook,
                                 .n_hooks = s->by.hooks.n,
                                 .most = most > 0 ? most : 1};
    p->n_classes = s->n_classes;
    moments_init(&p->sum, s->n_classes, s->J);
    pass_chunk_how(run, &s->in, i, &how, take_batch, &w);
    if (run_ok(run))
        return p;
    partial_free(p);
    return NULL;
}

/* ---- folding */
/* Chan, Golub and LeVeque 1979. */
static void moments_add(struct moments *to, const struct moments *from, int32_t n_classes,
                        int32_t J)
{
    for (int32_t c = 0; c < n_classes; c++) {
        const double a = (double)to->tokens[c], b = (double)from->tokens[c];
        for (size_t j = (size_t)c * (size_t)J; b > 0 && j < (size_t)(c + 1) * (size_t)J; j++) {
            const double d = from->mean[j] - to->mean[j];
            to->mean[j] += d * (b / (a + b));
            to->m2[j] += from->m2[j] + d * d * (a * b / (a + b));
        }
        to->tokens[c] += from->tokens[c];
        to->texts[c] += from->texts[c];
    }
}

static void kept_take(struct study *s, const struct kept *from)
{
    for (int32_t c = 0; c < s->n_classes; c++) {
        const int64_t room = s->keep - s->kept.n[c], n = from->n[c];
        kept_add(&s->kept, c, from->value[c], n < room ? n : room, s->J);
    }
}

static void moments_clear(struct moments *m, int32_t n_classes, int32_t J)
{
    const size_t cells = (size_t)n_classes * (size_t)J;
    memset(m->mean, 0, cells * sizeof *m->mean);
    memset(m->m2, 0, cells * sizeof *m->m2);
    memset(m->tokens, 0, sizeof m->tokens);
    memset(m->texts, 0, sizeof m->texts);
}

static void activity_fold(struct study *s, int64_t i, const struct partial *p)
{
    (void)i;
    moments_add(&s->open, &p->sum, s->n_classes, s->J);
    kept_take(s, &p->kept);
}

static void activity_end_segment(struct study *s)
{
    moments_add(&s->done, &s->open, s->n_classes, s->J);
    moments_clear(&s->open, s->n_classes, s->J);
}

static void activity_merge(struct study *to, const struct study *from)
{
    activity_end_segment(to);
    moments_add(&to->open, &from->open, to->n_classes, to->J);
    kept_take(to, &from->kept);
}

/* ---- checkpoints */
static void moments_save(const struct study *s, const struct moments *m, struct blob_writer *b)
{
    for (int32_t c = 0; c < s->n_classes; c++) {
        blob_add_i64(b, m->tokens[c]);
        blob_add_i64(b, m->texts[c]);
    }
    for (size_t i = 0; i < (size_t)s->n_classes * (size_t)s->J; i++) {
        blob_add_f64(b, m->mean[i]);
        blob_add_f64(b, m->m2[i]);
    }
}

static void activity_save(const struct study *s, struct blob_writer *b)
{
    blob_add_i64(b, s->J);
    for (int32_t c = 0; c < s->n_classes; c++)
        blob_add_i64(b, s->kept.n[c]);
    moments_save(s, &s->done, b);
    moments_save(s, &s->open, b);
    for (int32_t c = 0; c < s->n_classes; c++)
        for (size_t i = 0; i < (size_t)s->kept.n[c] * (size_t)s->J; i++) {
            uint32_t u;
            memcpy(&u, &s->kept.value[c][i], sizeof u);
            blob_add_u32(b, u);
        }
}

static bool moments_load(struct study *s, struct moments *m, struct blob_reader *r)
{
    bool ok = true;
    for (int32_t c = 0; c < s->n_classes; c++) {
        m->tokens[c] = blob_i64(r);
        m->texts[c] = blob_i64(r);
        ok = ok && m->texts[c] >= 0 && m->texts[c] <= m->tokens[c];
    }
    for (size_t i = 0; i < (size_t)s->n_classes * (size_t)s->J; i++) {
        m->mean[i] = blob_f64(r);
        m->m2[i] = blob_f64(r);
    }
    return ok;
}

static bool load_all(struct study *s, struct blob_reader *r)
{
    const uint64_t J = (uint64_t)s->J, n = (uint64_t)s->n_classes;
    uint64_t kept = 0;
    bool ok = blob_i64(r) == s->J;
    for (int32_t c = 0; c < s->n_classes; c++) {
        s->kept.n[c] = blob_i64(r);
        ok = ok && s->kept.n[c] >= 0 && s->kept.n[c] <= s->keep;
        kept += ok ? (uint64_t)s->kept.n[c] : 0;
    }
    ok = ok && r->left == 2 * (16 * n + 16 * n * J) + 4 * kept * J &&
         moments_load(s, &s->done, r) && moments_load(s, &s->open, r);
    for (int32_t c = 0; ok && c < s->n_classes; c++) {
        const size_t values = (size_t)s->kept.n[c] * (size_t)s->J;
        if (values > 0)
            s->kept.value[c] = grow(s->kept.value[c], &s->kept.cap[c], values, sizeof(float));
        for (size_t i = 0; i < values; i++) {
            const uint32_t u = blob_u32(r);
            memcpy(&s->kept.value[c][i], &u, sizeof u);
        }
    }
    return ok && blob_end(r);
}

static bool activity_load(struct study *s, struct blob_reader *r, struct error *e)
{
    const unsigned long long n = r->left;
    if (load_all(s, r))
        return true;
    memset(s->kept.n, 0, sizeof s->kept.n);
    return error_set(e, ERROR_INPUT,
                     "activity: a checkpoint of %llu bytes does not hold %d units of %d classes", n,
                     s->J, s->n_classes);
}

/* ---- looking */
int32_t activity_n_units(const struct study *s)
{
    return s->J;
}

struct unit_id activity_unit(const struct study *s, int32_t j)
{
    return s->unit[j];
}

void activity_name(const struct study *s, int32_t j, char out[UNIT_NAME_MAX])
{
    unit_full_name(&s->set, s->unit[j], out);
}

int32_t activity_n_classes(const struct study *s)
{
    return s->n_classes;
}

const char *activity_class(const struct study *s, int32_t cls)
{
    return s->in.corpus->cls[cls].name;
}

/* Of one class, or of all others. */
static struct activity pooled(const struct study *s, int32_t j, int32_t cls, bool others)
{
    double mean = 0, m2 = 0;
    struct moments all = {.mean = &mean, .m2 = &m2};
    const struct moments *const part[] = {&s->done, &s->open};
    for (int32_t c = 0; c < s->n_classes; c++)
        for (int i = 0; i < 2 && (c == cls) != others; i++) {
            const size_t at = (size_t)c * (size_t)s->J + (size_t)j;
            const struct moments one = {.tokens = {part[i]->tokens[c]},
                                        .texts = {part[i]->texts[c]},
                                        .mean = part[i]->mean + at,
                                        .m2 = part[i]->m2 + at};
            moments_add(&all, &one, 1, 1);
        }
    const int64_t n = all.tokens[0];
    return (struct activity){.tokens = n,
                             .texts = all.texts[0],
                             .mean = n > 0 ? mean : (double)NAN,
                             .sd = n > 1 ? sqrt(m2 / (double)(n - 1)) : (double)NAN};
}

struct activity activity_of(const struct study *s, int32_t j, int32_t cls)
{
    return pooled(s, j, cls, false);
}

struct activity activity_others(const struct study *s, int32_t j, int32_t cls)
{
    return pooled(s, j, cls, true);
}

const float *activity_values(const struct study *s, int32_t cls, int64_t *n)
{
    *n = s->kept.n[cls];
    return s->kept.value[cls];
}

static struct table_set *activity_tables(struct study *s)
{
    struct table *t = table_new("rows", "Activations by class", MARK_LIST);
    table_column(t, "unit", "", "neuron or latent", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "class of the text", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "mean", "", "mean activation", COLUMN_F64, COLUMN_Y);
    table_column(t, "sd", "", "standard deviation over tokens (n − 1)", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "tokens", "", "positions that count", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "texts", "", "that gave such a position", COLUMN_I64, COLUMN_TEXT);
    for (int32_t j = 0; j < s->J; j++) {
        char name[UNIT_NAME_MAX];
        activity_name(s, j, name);
        for (int32_t c = 0; c < s->n_classes; c++) {
            const struct activity a = activity_of(s, j, c);
            const int64_t row = table_row(t);
            table_set_str(t, row, 0, name);
            table_set_str(t, row, 1, s->in.corpus->cls[c].name);
            table_set_f64(t, row, 2, a.mean);
            table_set_f64(t, row, 3, a.sd);
            table_set_i64(t, row, 4, a.tokens);
            table_set_i64(t, row, 5, a.texts);
        }
    }
    table_note(t, "%spositions %d to %d of a text's first window%s",
               s->pre ? "of neurons the pre-activation; " : "", s->from, s->last,
               s->bos ? "; the BOS is 0" : "");
    struct table_set *set = table_set_new();
    table_set_add(set, t);
    return set;
}

const struct study_ops activity_study = {.name = "activity",
                                         .version = 1,
                                         .params = params,
                                         .places = activity_places,
                                         .open = activity_open,
                                         .free = activity_free,
                                         .n_chunks = activity_chunks,
                                         .chunk = activity_chunk,
                                         .partial_free = partial_free,
                                         .partial_tokens = partial_tokens,
                                         .fold = activity_fold,
                                         .segment = STUDY_SEGMENT,
                                         .end_segment = activity_end_segment,
                                         .merge = activity_merge,
                                         .save = activity_save,
                                         .load = activity_load,
                                         .tables = activity_tables};
