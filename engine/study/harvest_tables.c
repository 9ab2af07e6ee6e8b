/* What is read off a harvest: the list of latents, the rule's picks, a histogram, examples. */
#include "engine/base/memory.h"
#include "engine/base/statistics.h"
#include "engine/study/harvest_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- shares */
static double ratio(double a, double b)
{
    return b > 0 ? a / b : (double)NAN;
}

void detail_shares(const struct latent_detail *d, const struct harvest_class *count, int32_t target,
                   double *share, double *other)
{
    double fired = 0, tokens = 0;
    for (int32_t c = 0; c < d->n_classes; c++) {
        if (c == target)
            continue;
        fired += (double)d->cls[c].fired;
        tokens += (double)count[c].tokens;
    }
    *share = ratio((double)d->cls[target].fired, (double)count[target].tokens);
    *other = ratio(fired, tokens);
}

/* ≈: of the bins, the target's against those of all others together. */
static double overlap(const struct latent_detail *d, int32_t target)
{
    double a[HARVEST_BINS], b[HARVEST_BINS] = {0};
    for (int32_t i = 0; i < HARVEST_BINS; i++) {
        a[i] = (double)d->cls[target].bin[i];
        for (int32_t c = 0; c < d->n_classes; c++)
            b[i] += c == target ? 0 : (double)d->cls[c].bin[i];
    }
    return histogram_overlap(a, b, HARVEST_BINS);
}

static double mean_pre(const struct latent_class *c)
{
    return ratio(c->sum, (double)c->n);
}

/* ---- the list */
struct latent_columns {
    int32_t latent, difference, overlap, higher, density;
    int32_t share[CORPUS_MAX_CLASSES], mean[CORPUS_MAX_CLASSES];
};

static int32_t class_column(struct table *t, const char *what, const char *cls, const char *unit,
                            const char *doc)
{
    char *name = xasprintf("%s.%s", what, cls);
    int32_t col = table_column(t, name, unit, doc, COLUMN_F64, COLUMN_TEXT);
    free(name);
    return col;
}

static void add_columns(struct table *t, const struct harvest_view *h, struct latent_columns *k)
{
    k->latent = table_column(t, "latent", "", "index in the dictionary", COLUMN_I64, COLUMN_KEY);
    for (int32_t c = 0; c < h->n_classes; c++)
        k->share[c] = class_column(t, "fire_share", h->cls[c], "share",
                                   "tokens of the class on which the latent is active");
    for (int32_t c = 0; c < h->n_classes; c++)
        k->mean[c] = class_column(t, "mean_pre", h->cls[c], "", "mean pre-activation");
    k->difference = table_column(t, "difference", "share", "of the target, less that of the others",
                                 COLUMN_F64, COLUMN_TEXT);
    k->overlap = table_column(t, "overlap", "share",
                              "≈ of the histograms of pre-activations, target against the others",
                              COLUMN_F64, COLUMN_TEXT);
    k->higher = table_column(t, "higher", "", "class with the highest mean pre-activation",
                             COLUMN_STR, COLUMN_TEXT);
    k->density = table_column(t, "density", "share", "of all tokens on which the latent is active",
                              COLUMN_F64, COLUMN_TEXT);
}

static void add_latent(struct table *t, const struct harvest_view *h,
                       const struct latent_columns *k, const struct latent_detail *d,
                       int32_t target)
{
    int64_t row = table_row(t);
    double fired = 0, tokens = 0, share, other, best = -INFINITY;
    table_set_i64(t, row, k->latent, d->latent);
    for (int32_t c = 0; c < h->n_classes; c++) {
        double mean = mean_pre(&d->cls[c]);
        fired += (double)d->cls[c].fired;
        tokens += (double)h->counts[c].tokens;
        table_set_f64(t, row, k->share[c],
                      ratio((double)d->cls[c].fired, (double)h->counts[c].tokens));
        table_set_f64(t, row, k->mean[c], mean);
        if (mean > best) {
            best = mean;
            table_set_str(t, row, k->higher, h->cls[c]);
        }
    }
    detail_shares(d, h->counts, target, &share, &other);
    table_set_f64(t, row, k->difference, share - other);
    table_set_f64(t, row, k->overlap, overlap(d, target));
    table_set_f64(t, row, k->density, ratio(fired, tokens));
}

static bool ever_fired(const struct latent_detail *d)
{
    for (int32_t c = 0; c < d->n_classes; c++)
        if (d->cls[c].fired > 0)
            return true;
    return false;
}

struct table *latents_table(const struct harvest_view *h, int32_t target, bool all)
{
    struct table *t = table_new("latents", "Latents", MARK_LIST);
    struct latent_columns k;
    add_columns(t, h, &k);
    for (int32_t j = 0; j < h->n_latents; j++) {
        const struct latent_detail *d = h->detail(h->arg, j);
        if (d && d->n_classes == h->n_classes && (all || ever_fired(d)))
            add_latent(t, h, &k, d, target);
    }
    return t;
}

/* ---- what a bundle has */
/* Where a share q of n counted values lies, from `lo` on in steps of `width`. */
static double bins_quantile(const int64_t *n, int bins, double lo, double width, double q)
{
    int64_t all = 0;
    double before = 0;
    for (int i = 0; i < bins; i++)
        all += n[i];
    for (int i = 0; i < bins; i++) {
        if (n[i] > 0 && before + (double)n[i] >= q * (double)all)
            return lo + width * (i + (q * (double)all - before) / (double)n[i]);
        before += (double)n[i];
    }
    return 0;
}

static double within(double x, double lo, double hi)
{
    return x < lo ? lo : x > hi ? hi : x;
}

void detail_quantiles(const struct latent_detail *d, double *median, double *abs_p99)
{
    enum { HALF = HARVEST_BINS / 2 };
    int64_t n[HARVEST_BINS] = {0}, of_size[HALF] = {0};
    const double width = ldexp(1, d->exponent);
    double lo = INFINITY, hi = -INFINITY;
    *median = *abs_p99 = 0;
    for (int32_t c = 0; c < d->n_classes; c++) {
        const struct latent_class *k = &d->cls[c];
        for (int i = 0; i < HARVEST_BINS; i++) {
            n[i] += k->bin[i];
            of_size[i < HALF ? HALF - 1 - i : i - HALF] += k->bin[i];
        }
        if (k->n > 0)
            lo = fmin(lo, (double)k->min), hi = fmax(hi, (double)k->max);
    }
    if (!(lo <= hi))
        return;
    *median = within(bins_quantile(n, HARVEST_BINS, -HALF * width, width, .5), lo, hi);
    *abs_p99 = within(bins_quantile(of_size, HALF, 0, width, .99), 0, fmax(fabs(lo), fabs(hi)));
}

struct table *statistics_table(const struct harvest_view *h)
{
    struct table *t = table_new("statistics", "Statistics", MARK_LIST);
    int32_t share[CORPUS_MAX_CLASSES], mean[CORPUS_MAX_CLASSES];
    const int32_t latent = table_column(t, "latent", "", "index", COLUMN_I64, COLUMN_KEY);
    for (int32_t c = 0; c < h->n_classes; c++)
        share[c] = class_column(t, "fire_share", h->cls[c], "share", "tokens that it is active on");
    for (int32_t c = 0; c < h->n_classes; c++)
        mean[c] = class_column(t, "mean_pre", h->cls[c], "", "mean pre-activation");
    const int32_t median =
                      table_column(t, "pre_median", "", "of all classes", COLUMN_F64, COLUMN_TEXT),
                  p99 = table_column(t, "abs_pre_p99", "", "99th percentile of their sizes",
                                     COLUMN_F64, COLUMN_TEXT);
    for (int32_t j = 0; j < h->n_latents; j++) {
        const struct latent_detail *d = h->detail(h->arg, j);
        double at_half = 0, most = 0;
        if (!d || d->n_classes != h->n_classes)
            continue;
        const int64_t row = table_row(t);
        detail_quantiles(d, &at_half, &most);
        table_set_i64(t, row, latent, j);
        for (int32_t c = 0; c < h->n_classes; c++) {
            const struct latent_class *k = &d->cls[c];
            const int64_t tokens = h->counts[c].tokens;
            table_set_f64(t, row, share[c], tokens > 0 ? (double)k->fired / (double)tokens : 0);
            table_set_f64(t, row, mean[c], k->n > 0 ? k->sum / (double)k->n : 0);
        }
        table_set_f64(t, row, median, at_half);
        table_set_f64(t, row, p99, most);
    }
    return t;
}

/* ---- the rule */
bool rule_holds(const struct rule *r, double share, double other)
{
    return share > r->min_share && other < r->max_other;
}

struct pick {
    int32_t latent;
    double difference;
};

static int by_difference(const void *a, const void *b)
{
    const struct pick *x = a, *y = b;
    int order = (x->difference < y->difference) - (x->difference > y->difference);
    return order ? order : (x->latent > y->latent) - (x->latent < y->latent);
}

int32_t *rule_pick(const struct harvest_view *h, int32_t target, const struct rule *r, int32_t *n)
{
    struct pick *pick = NULL;
    size_t found = 0, cap = 0;
    for (int32_t j = 0; j < h->n_latents; j++) {
        const struct latent_detail *d = h->detail(h->arg, j);
        double share, other;
        if (!d || d->n_classes != h->n_classes)
            continue;
        detail_shares(d, h->counts, target, &share, &other);
        if (!rule_holds(r, share, other))
            continue;
        pick = grow(pick, &cap, found + 1, sizeof *pick);
        pick[found++] = (struct pick){j, share - other};
    }
    if (found > 1)
        qsort(pick, found, sizeof *pick, by_difference);
    int32_t *latent = xmalloc((found + 1) * sizeof *latent);
    for (size_t i = 0; i < found; i++)
        latent[i] = pick[i].latent;
    free(pick);
    *n = (int32_t)found;
    return latent;
}

/* ---- a histogram */
static void bins_in_use(const struct latent_detail *d, int32_t *lo, int32_t *hi)
{
    *lo = HARVEST_BINS;
    *hi = -1;
    for (int32_t c = 0; c < d->n_classes; c++)
        for (int32_t i = 0; i < HARVEST_BINS; i++)
            if (d->cls[c].bin[i] > 0) {
                *lo = i < *lo ? i : *lo;
                *hi = i > *hi ? i : *hi;
            }
}

struct table *detail_histogram(const struct latent_detail *d, const char *const *cls)
{
    struct table *t = table_new("histogram", "Pre-activations", MARK_HIST);
    int32_t latent = table_column(t, "latent", "", "", COLUMN_I64, COLUMN_FACET);
    int32_t class = table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    int32_t lo = table_column(t, "lo", "", "bin, from", COLUMN_F64, COLUMN_LO);
    int32_t hi = table_column(t, "hi", "", "bin, below", COLUMN_F64, COLUMN_HI);
    int32_t density = table_column(t, "density", "", "share of the class's tokens by width",
                                   COLUMN_F64, COLUMN_Y);
    int32_t count = table_column(t, "count", "", "tokens of the sample", COLUMN_I64, COLUMN_TEXT);
    int32_t first, last;
    double width = ldexp(1.0, d->exponent);
    bins_in_use(d, &first, &last);
    for (int32_t c = 0; c < d->n_classes; c++)
        for (int32_t i = first; i <= last; i++) {
            int64_t row = table_row(t);
            double n = (double)d->cls[c].bin[i];
            table_set_i64(t, row, latent, d->latent);
            table_set_str(t, row, class, cls[c]);
            table_set_f64(t, row, lo, (i - HARVEST_BINS / 2) * width);
            table_set_f64(t, row, hi, (i - HARVEST_BINS / 2 + 1) * width);
            table_set_f64(t, row, density, ratio(n, (double)d->cls[c].n * width));
            table_set_i64(t, row, count, (int64_t)n);
        }
    return t;
}

/* ---- examples */
struct shown { /* an example with the share of active tokens below it */
    struct example x;
    double quantile;
    bool exact; /* counted; else ≈ */
};

static bool is_shown(const struct shown *s, int32_t n, struct example x)
{
    for (int32_t i = 0; i < n; i++)
        if (s[i].x.doc == x.doc && s[i].x.pos == x.pos)
            return true;
    return false;
}

static struct shown top_of(const struct latent_class *c, int32_t i)
{
    return (struct shown){c->top[i], 1.0 - (double)(i + 1) / (double)c->fired, true};
}

/* How many of the sample's examples in level `at` are smaller, and how many there are. */
static double share_below(const struct latent_class *c, int32_t at, float v)
{
    double below = 0, n = 0;
    for (int32_t i = 0; i < c->n_sample; i++) {
        if (level_index(&c->levels, level_of(c->sample[i].value)) != at)
            continue;
        n++;
        below += c->sample[i].value < v;
    }
    return n > 0 ? (below + 0.5) / n : 0.5;
}

/* One that is not among the top: counted up to its level, and inside it as if the values lay
 * evenly; the smallest level has no lower end. */
static struct shown ranked(const struct latent_class *c, struct example x)
{
    const int32_t level = level_of(x.value), at = level_index(&c->levels, level);
    const double from = (double)level_from(level), to = (double)level_from(level + 1);
    double below = 0, share = at == 0 ? share_below(c, 0, x.value) : (x.value - from) / (to - from);
    for (int32_t i = 0; i < at; i++)
        below += c->levels.n[i];
    if (c->levels.n[at] > 1)
        below += share * (double)(c->levels.n[at] - 1);
    below = fmin(below, (double)(c->fired - HARVEST_TOP - 1));
    return (struct shown){x, below / (double)c->fired, c->levels.n[at] == 1};
}

static struct shown sample_of(const struct latent_class *c, int32_t i)
{
    if (c->fired <= HARVEST_TOP) /* the sample is all of them */
        return (struct shown){c->sample[i], (double)(c->n_sample - 1 - i) / (double)c->fired, true};
    for (int32_t k = 0; k < c->n_top; k++)
        if (c->top[k].doc == c->sample[i].doc && c->top[k].pos == c->sample[i].pos)
            return top_of(c, k);
    return ranked(c, c->sample[i]);
}

/* Half the best, half spread evenly over those of the sample that are not among them. */
static int32_t choose(const struct latent_class *c, int32_t most, struct shown *out)
{
    int32_t n = 0, rest[HARVEST_TOP], n_rest = 0;
    int32_t n_top = c->fired <= most ? most : (most + 1) / 2;
    for (; n < n_top && n < c->n_top; n++)
        out[n] = top_of(c, n);
    for (int32_t i = 0; i < c->n_sample; i++)
        if (!is_shown(out, n, c->sample[i]))
            rest[n_rest++] = i;
    int32_t want = most - n < n_rest ? most - n : n_rest;
    for (int32_t k = 0; k < want; k++) {
        int32_t i = rest[(2 * k + 1) * n_rest / (2 * want)];
        out[n++] = sample_of(c, i);
    }
    return n;
}

/* The byte of a character's start at or before `at`. */
static size_t character_start(const char *s, size_t at)
{
    while (at > 0 && ((unsigned char)s[at] & 0xc0) == 0x80)
        at--;
    return at;
}

static void set_context(struct table *t, int64_t row, int32_t col, const struct corpus_doc *d,
                        const struct token *token)
{
    enum { AROUND = 60 };
    size_t start = (size_t)token->start, end = (size_t)token->end;
    size_t from = start > AROUND ? character_start(d->text, start - AROUND) : 0;
    size_t to = d->n - end > AROUND ? character_start(d->text, end + AROUND) : d->n;
    to = to < end ? end : to;
    table_set_strn(t, row, col, d->text + from, to - from);
    table_set_i64(t, row, col + 1, token->start - (int64_t)from);
    table_set_i64(t, row, col + 2, token->end - (int64_t)from);
}

/* What a kept detail says of a corpus that is not here any more has no text. */
static void set_text(struct table *t, int64_t row, int32_t col, const struct study_in *in,
                     struct example x)
{
    if (!in->corpus || x.doc >= in->corpus->n_docs)
        return;
    struct pass_doc *d = pass_docs(in, x.doc, 1);
    if (x.pos < d->n)
        set_context(t, row, col, &in->corpus->doc[x.doc], &d->token[x.pos]);
    pass_docs_free(d, 1);
}

static int64_t number_of(const struct study_in *in, int32_t doc)
{
    return in->corpus && doc < in->corpus->n_docs ? corpus_doc_number(&in->corpus->doc[doc]) : doc;
}

struct table *detail_examples(const struct latent_detail *d, const struct study_in *in,
                              int32_t per_class)
{
    struct table *t = table_new("examples", "Examples", MARK_LIST);
    struct shown shown[2 * HARVEST_TOP];
    int32_t most = per_class < 2 * HARVEST_TOP ? per_class : 2 * HARVEST_TOP;
    int32_t latent = table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    int32_t class = table_column(t, "class", "", "", COLUMN_STR, COLUMN_TEXT);
    int32_t quantile = table_column(t, "quantile", "", "share of the class's active tokens below",
                                    COLUMN_F64, COLUMN_TEXT);
    int32_t value = table_column(t, "value", "", "activation", COLUMN_F64, COLUMN_TEXT);
    int32_t doc = table_column(t, "doc", "", "place in its file, from 0", COLUMN_I64, COLUMN_TEXT);
    int32_t pos =
        table_column(t, "pos", "", "token of the document, from 0", COLUMN_I64, COLUMN_TEXT);
    int32_t text = table_column(t, "text", "", "around the token", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "start", "", "of the token, bytes of the text", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "end", "", "", COLUMN_I64, COLUMN_TEXT);
    int32_t exact = table_column(t, "exact", "", "the quantile is counted; else to about 1 %",
                                 COLUMN_BOOL, COLUMN_TEXT);
    for (int32_t c = 0; c < d->n_classes; c++) {
        int32_t n = most > 0 ? choose(&d->cls[c], most, shown) : 0;
        for (int32_t i = 0; i < n; i++) {
            int64_t row = table_row(t);
            table_set_i64(t, row, latent, d->latent);
            if (in->corpus && c < in->corpus->n_classes)
                table_set_str(t, row, class, in->corpus->cls[c].name);
            table_set_f64(t, row, quantile, shown[i].quantile);
            table_set_bool(t, row, exact, shown[i].exact);
            table_set_f64(t, row, value, (double)shown[i].x.value);
            table_set_i64(t, row, doc, number_of(in, shown[i].x.doc));
            table_set_i64(t, row, pos, shown[i].x.pos);
            set_text(t, row, text, in, shown[i].x);
        }
    }
    return t;
}
