/* Tables of the study of chains: links, what goes along chains of them, losses. */
#include "engine/base/best.h"
#include "engine/base/memory.h"
#include "engine/study/chains_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- what was measured */
/* Of the documents that count, a class of them or (−1) all: Σ over tokens. */
static double total(const struct study *s, int32_t column, int32_t cls)
{
    const struct doc_means *d = &s->docs;
    double sum = 0;
    for (int64_t i = d->from; i < d->done; i++)
        if (d->count[i] > 0 && (cls < 0 || d->corpus->doc[i].cls == cls))
            sum += doc_mean(d, column, i) * d->count[i];
    return sum;
}

/* Mean over the positions that count. */
static double mean_at(const struct study *s, int32_t column)
{
    return total(s, column, -1) / total(s, chains_counted(s), -1);
}

struct losses { /* of a class: what a loss grows by, [1 + n]: the units off, a later one moved */
    struct sample difference[N_BASES];
};

static void losses_init(struct losses *l, const struct study *s, int32_t cls)
{
    const struct doc_means *d = &s->docs;
    for (int base = 0; base < N_BASES; base++) {
        struct sample *q = &l->difference[base];
        const double sign = base == CHAINS_ON ? 1 : -1;
        sample_init(q, d->done - d->from, 1 + s->n);
        for (int64_t doc = d->from; doc < d->done; doc++) {
            double *x = q->x + q->n * q->L;
            if (!doc_counts(d, doc, cls))
                continue;
            const double plain = doc_mean(d, chains_loss(base), doc);
            x[0] = doc_mean(d, chains_loss(CHAINS_OFF), doc) -
                   doc_mean(d, chains_loss(CHAINS_ON), doc);
            for (int32_t i = 0; i < s->n; i++)
                x[1 + i] = sign * (doc_mean(d, chains_moved_loss(i, base), doc) - plain);
            q->n++;
        }
        sample_intervals(q, s->seed);
    }
}

static void losses_release(struct losses *l)
{
    for (int base = 0; base < N_BASES; base++)
        sample_release(&l->difference[base]);
}

static double loss_of(const struct losses *l, int32_t what, int base)
{
    return sample_mean(&l->difference[base], what);
}

/* ---- along chains: node 0 is the units, 1 … n the later ones, n + 1 … the losses */
struct graph {
    int32_t n, n_classes;
    double whole[1 + CHAINS_MOST + CORPUS_MAX_CLASSES]; /* what a node changes by, the units off */
    double direct[1 + CHAINS_MOST][1 + CHAINS_MOST + CORPUS_MAX_CLASSES];
};

static bool is_behind(const struct study *s, int32_t i, int32_t k)
{
    return s->step_of[k] > s->step_of[i];
}

static void graph_init(struct graph *g, const struct study *s, const struct losses *l, int base)
{
    const int32_t n = s->n, n_classes = s->in.corpus->n_classes, last = 1 + n + n_classes;
    double per_unit[1 + CHAINS_MOST][1 + CHAINS_MOST + CORPUS_MAX_CLASSES] = {{0}};
    *g = (struct graph){.n = n, .n_classes = n_classes};
    for (int32_t k = 0; k < n; k++)
        per_unit[0][1 + k] = mean_at(s, chains_whole(s, k));
    for (int32_t c = 0; c < n_classes; c++)
        per_unit[0][1 + n + c] = loss_of(&l[c], 0, base);
    for (int32_t i = 0; i < n; i++) {
        const double step = s->shift[i];
        const bool moves = step < 0 || step > 0;
        for (int32_t k = 0; k < n && moves; k++)
            if (is_behind(s, i, k))
                per_unit[1 + i][1 + k] = mean_at(s, chains_link(s, i, k, base)) / step;
        for (int32_t c = 0; c < n_classes && moves; c++)
            per_unit[1 + i][1 + n + c] = loss_of(&l[c], 1 + i, base) / step;
    }
    memcpy(g->whole, per_unit[0], sizeof g->whole);
    for (int32_t i = 0; i <= n; i++)
        for (int32_t k = i + 1; k < last; k++) {
            g->direct[i][k] = per_unit[i][k];
            for (int32_t m = i + 1; m < k && m <= n; m++)
                g->direct[i][k] -= g->direct[i][m] * per_unit[m][k];
        }
}

/* The part of the chain through the later units of a mask in the loss of a class. */
static double part_of(const struct graph *g, uint32_t mask, int32_t cls)
{
    double part = 1;
    int32_t from = 0;
    for (int32_t k = 0; k < g->n; k++)
        if (mask & 1u << k) {
            part *= g->direct[from][1 + k];
            from = 1 + k;
        }
    return part * g->direct[from][1 + g->n + cls];
}

/* Two later units of one point are no chain. */
static bool is_chain(const struct study *s, uint32_t mask)
{
    int32_t last = -1;
    for (int32_t k = 0; k < s->n; k++)
        if (mask & 1u << k) {
            if (last >= 0 && !is_behind(s, last, k))
                return false;
            last = k;
        }
    return true;
}

/* ---- names */
static void add_units(const struct study *s, struct strbuf *out)
{
    for (int32_t i = 0; i < s->whole.n_units; i++) {
        char name[UNIT_NAME_MAX];
        unit_full_name(&s->whole.set, s->whole.unit[i], name);
        strbuf_addf(out, "%s%s", i ? "," : "", name);
    }
}

static void add_later(const struct study *s, int32_t k, struct strbuf *out)
{
    char name[UNIT_NAME_MAX];
    unit_full_name(&s->whole.set, s->unit[k], name);
    strbuf_adds(out, name);
}

/* ---- tables */
static struct table *chains_table(const struct study *s, const struct graph g[N_BASES])
{
    enum { CHAIN, CLASS, ON, OFF, SHARE };
    struct table *t = table_new("rows", "Chains to the loss", MARK_BAR);
    struct strbuf name;
    struct best best;
    const int32_t n_classes = s->in.corpus->n_classes;
    int64_t all = 0;
    table_column(t, "chain", "", "units on the way", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "on", "nats", "its part in the difference of the loss, links with the units on",
                 COLUMN_F64, COLUMN_Y);
    table_column(t, "off", "nats", "the same with the units off", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "share", "share", "of the whole difference, links with the units on",
                 COLUMN_F64, COLUMN_TEXT);
    best_init(&best, s->top);
    for (uint32_t mask = 0; mask < 1u << s->n; mask++) {
        double most = -1;
        for (int32_t c = 0; c < n_classes; c++)
            most = fmax(most, fabs(part_of(&g[CHAINS_ON], mask, c)));
        if (is_chain(s, mask))
            best_offer(&best, most, (int32_t)mask), all++;
    }
    best_sort(&best);
    strbuf_init(&name);
    for (int32_t i = 0; i < best.n; i++) {
        const uint32_t mask = (uint32_t)best.item[i].id;
        strbuf_clear(&name);
        add_units(s, &name);
        for (int32_t k = 0; k < s->n; k++)
            if (mask & 1u << k) {
                strbuf_adds(&name, " → ");
                add_later(s, k, &name);
            }
        strbuf_adds(&name, " → loss");
        for (int32_t c = 0; c < n_classes; c++) {
            const int64_t row = table_row(t);
            const double part = part_of(&g[CHAINS_ON], mask, c);
            table_set_str(t, row, CHAIN, name.s);
            table_set_str(t, row, CLASS, s->in.corpus->cls[c].name);
            table_set_f64(t, row, ON, part);
            table_set_f64(t, row, OFF, part_of(&g[CHAINS_OFF], mask, c));
            table_set_f64(t, row, SHARE, part / g[CHAINS_ON].whole[1 + s->n + c]);
        }
    }
    table_note(t, "%d of %lld chains through %d later units; all together are the whole difference",
               (int)best.n, (long long)all, (int)s->n);
    strbuf_release(&name);
    best_release(&best);
    return t;
}

static struct table *links_table(const struct study *s)
{
    enum { LINK, FROM, TO, ON, OFF, WHOLE, SHARE };
    struct table *t = table_new("links", "What moving one unit changes a later one by", MARK_BAR);
    struct strbuf name[2];
    table_column(t, "link", "", "from the one to the other", COLUMN_STR, COLUMN_KEY);
    table_column(t, "from", "", "what is moved", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "to", "", "what changes", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "on", "", "its mean change, the units on", COLUMN_F64, COLUMN_Y);
    table_column(t, "off", "", "the same with the units off", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "whole", "", "with the units off rather than on", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "share", "share", "of the whole, the units on", COLUMN_F64, COLUMN_TEXT);
    for (int i = 0; i < 2; i++)
        strbuf_init(&name[i]);
    for (int32_t i = -1; i < s->n; i++)
        for (int32_t k = 0; k < s->n; k++) {
            if (i >= 0 && !is_behind(s, i, k))
                continue;
            const int64_t row = table_row(t);
            const double whole = mean_at(s, chains_whole(s, k));
            double change[N_BASES] = {whole, whole};
            for (int base = 0; base < N_BASES && i >= 0; base++)
                change[base] = mean_at(s, chains_link(s, i, k, base));
            strbuf_clear(&name[0]);
            strbuf_clear(&name[1]);
            if (i < 0)
                add_units(s, &name[0]);
            else
                add_later(s, i, &name[0]);
            add_later(s, k, &name[1]);
            table_set_str(t, row, FROM, name[0].s);
            table_set_str(t, row, TO, name[1].s);
            strbuf_addf(&name[0], " → %s", name[1].s);
            table_set_str(t, row, LINK, name[0].s);
            table_set_f64(t, row, ON, change[CHAINS_ON]);
            table_set_f64(t, row, OFF, change[CHAINS_OFF]);
            table_set_f64(t, row, WHOLE, whole);
            table_set_f64(t, row, SHARE, change[CHAINS_ON] / whole);
        }
    for (int i = 0; i < 2; i++)
        strbuf_release(&name[i]);
    return t;
}

static struct table *losses_table(const struct study *s, const struct losses *l)
{
    enum { UNIT, CLASS, ON, LO, HI, OFF, OFF_LO, OFF_HI, SHARE, TEXTS };
    struct table *t = table_new("losses", "What moving one unit adds to the loss", MARK_BAR);
    struct strbuf name;
    table_column(t, "unit", "", "what is moved", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "class of the texts", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "on", "nats", "difference of the loss, the other units on", COLUMN_F64,
                 COLUMN_Y);
    table_column(t, "ci95.lo", "nats", "bootstrap of the paired differences", COLUMN_F64,
                 COLUMN_LO);
    table_column(t, "ci95.hi", "nats", "its upper end", COLUMN_F64, COLUMN_HI);
    table_column(t, "off", "nats", "the same with the units off", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "off_ci95.lo", "nats", "of that", COLUMN_F64, COLUMN_LO);
    table_column(t, "off_ci95.hi", "nats", "its upper end", COLUMN_F64, COLUMN_HI);
    table_column(t, "share", "share", "of the whole difference, the units on", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(t, "texts", "", "with a loss", COLUMN_I64, COLUMN_TEXT);
    strbuf_init(&name);
    for (int32_t i = 0; i <= s->n; i++)
        for (int32_t c = 0; c < s->in.corpus->n_classes; c++) {
            const int64_t row = table_row(t);
            const struct interval on = l[c].difference[CHAINS_ON].ci[i],
                                  off = l[c].difference[CHAINS_OFF].ci[i];
            strbuf_clear(&name);
            if (i == 0)
                add_units(s, &name);
            else
                add_later(s, i - 1, &name);
            table_set_str(t, row, UNIT, name.s);
            table_set_str(t, row, CLASS, s->in.corpus->cls[c].name);
            table_set_f64(t, row, ON, loss_of(&l[c], i, CHAINS_ON));
            table_set_f64(t, row, LO, on.lo);
            table_set_f64(t, row, HI, on.hi);
            table_set_f64(t, row, OFF, loss_of(&l[c], i, CHAINS_OFF));
            table_set_f64(t, row, OFF_LO, off.lo);
            table_set_f64(t, row, OFF_HI, off.hi);
            table_set_f64(t, row, SHARE,
                          loss_of(&l[c], i, CHAINS_ON) / loss_of(&l[c], 0, CHAINS_ON));
            table_set_i64(t, row, TEXTS, l[c].difference[CHAINS_ON].n);
        }
    strbuf_release(&name);
    return t;
}

struct table_set *chains_tables(struct study *s)
{
    struct table_set *set = table_set_new();
    struct losses l[CORPUS_MAX_CLASSES];
    struct graph *g = xcalloc(N_BASES, sizeof *g);
    const int32_t n_classes = s->in.corpus->n_classes;
    for (int32_t c = 0; c < n_classes; c++)
        losses_init(&l[c], s, c);
    for (int base = 0; base < N_BASES; base++)
        graph_init(&g[base], s, l, base);
    table_set_add(set, chains_table(s, g));
    table_set_add(set, links_table(s));
    table_set_add(set, losses_table(s, l));
    for (int32_t c = 0; c < n_classes; c++)
        losses_release(&l[c]);
    free(g);
    return set;
}
