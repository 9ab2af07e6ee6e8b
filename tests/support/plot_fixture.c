#include "tests/support/plot_fixture.h"
#include <math.h>
#include <stdio.h>

static const double da[] = {4.24, 3.68, 3.31, 3.09, 2.96, 2.90, 2.89, 2.92, 3.01};
static const double en[] = {4.15, 3.99, 3.88, 3.81, 3.77, 3.77, 3.81, 3.87, 3.96};

static void sweep_row(struct table *t, double value, const char *insert, const char *class,
                      double loss, double half)
{
    int64_t r = table_row(t);
    if (!isnan(value))
        table_set_f64(t, r, 0, value);
    table_set_str(t, r, 1, insert);
    table_set_str(t, r, 2, class);
    table_set_f64(t, r, 3, loss);
    table_set_f64(t, r, 4, loss - half);
    table_set_f64(t, r, 5, loss + half * 1.1);
}

struct table *fixture_sweep(bool inserts)
{
    struct table *t = table_new("rows", "Loss with six latents fixed at a value", MARK_LINE);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "insert", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "loss_sentence_mean", "nats", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "nats", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "nats", "", COLUMN_F64, COLUMN_HI);
    for (int kind = 0; kind < (inserts ? 2 : 1); kind++) {
        const char *insert = kind ? "error" : "sae";
        for (int i = 0; i < 9; i++) {
            double shrink = kind ? .8 : 1;
            sweep_row(t, 2 * i - 8, insert, "da", 2.9 + (da[i] - 2.9) * shrink, .07 + .01 * i);
            sweep_row(t, 2 * i - 8, insert, "en", 3.77 + (en[i] - 3.77) * shrink, .05);
        }
        sweep_row(t, NAN, insert, "da", 2.94 - .05 * kind, .07);
        sweep_row(t, NAN, insert, "en", 3.77 - .03 * kind, .05);
    }
    if (inserts) {
        sweep_row(t, NAN, "none", "da", 2.85, .07);
        sweep_row(t, NAN, "none", "en", 3.71, .05);
    }
    table_note(t, "501 sentences, 95 %% by bootstrap over sentences");
    return t;
}

static double bell(double x, double mean, double sd)
{
    return exp(-.5 * (x - mean) * (x - mean) / sd / sd) / sd / 2.5066;
}

struct table *fixture_histogram(int n_latents, bool wide)
{
    static const int latent[] = {418, 390, 92, 527, 559, 348};
    static const char *const class[] = {"da", "en"};
    int bins = wide ? 64 : 29;
    struct table *t = table_new("rows", "Pre-activations", MARK_HIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_FACET);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "density", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "count", "tokens", "", COLUMN_I64, COLUMN_Y);
    for (int l = 0; l < n_latents; l++)
        for (int c = 0; c < 2; c++)
            for (int i = 0; i < bins; i++) {
                double lo = -3 + 10. * i / bins, hi = -3 + 10. * (i + 1) / bins;
                double mid = (lo + hi) / 2;
                double y = c ? bell(mid, .1 * l, .55 + .1 * l)
                             : .55 * bell(mid, 3 - .3 * l, 1.1) + .3 * bell(mid, .4, .7);
                int64_t r = table_row(t);
                table_set_i64(t, r, 0, latent[l % 6]);
                table_set_str(t, r, 1, class[c]);
                table_set_f64(t, r, 2, lo);
                table_set_f64(t, r, 3, hi);
                table_set_f64(t, r, 4, round(y * 1e5) / 1e5);
                table_set_i64(t, r, 5, (int64_t)(y * 20000));
            }
    return t;
}

struct table *fixture_bars(int n_keys, bool series)
{
    static const char *const class[] = {"da", "en"};
    struct table *t = table_new("rows", "Share of tokens on which a latent fires", MARK_BAR);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_STR, series ? COLUMN_SERIES : COLUMN_TEXT);
    table_column(t, "fire_share", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "share", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "share", "", COLUMN_F64, COLUMN_HI);
    for (int k = 0; k < n_keys; k++)
        for (int c = 0; c < (series ? 2 : 1); c++) {
            double y = c ? .02 + .013 * (k % 4) : .97 / (1 + .35 * k);
            int64_t r = table_row(t);
            table_set_i64(t, r, 0, 1482 + 77 * k);
            table_set_str(t, r, 1, class[c]);
            table_set_f64(t, r, 2, y);
            table_set_f64(t, r, 3, y - .02);
            table_set_f64(t, r, 4, fmin(1, y + .03));
        }
    return t;
}

struct table *fixture_heat(int n_rows, int n_columns, bool diverging)
{
    struct table *t = table_new("rows", "Loss difference by latent and value", MARK_HEAT);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "difference", "nats", "", COLUMN_F64, COLUMN_Y);
    for (int i = 0; i < n_rows; i++)
        for (int k = 0; k < n_columns; k++) {
            double x = (double)(2 * k - n_columns + 1) / n_columns;
            double y = x * (i % 2 ? 1 : -1) * (i + 1) / n_rows;
            int64_t r = table_row(t);
            table_set_i64(t, r, 0, 100 + 31 * i);
            table_set_f64(t, r, 1, 2 * k - n_columns + 1);
            if ((i + k) % 11 != 10)
                table_set_f64(t, r, 2, round((diverging ? y : fabs(y)) * 1e4) / 1e4);
        }
    return t;
}

struct table *fixture_scatter(int n)
{
    static const char *const kind[] = {"neurons", "latents"};
    struct table *t = table_new("rows", "Share of Danish and of English tokens", MARK_SCATTER);
    struct rng rng;
    rng_seed(&rng, 5);
    table_column(t, "share.da", "share", "", COLUMN_F64, COLUMN_X);
    table_column(t, "share.en", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "kind", "", "", COLUMN_STR, COLUMN_SERIES);
    for (int i = 0; i < n; i++) {
        double a = rng_unit(&rng), b = rng_unit(&rng);
        int64_t r = table_row(t);
        table_set_f64(t, r, 0, i % 2 ? a : .5 + .4 * (a - .5));
        table_set_f64(t, r, 1, i % 2 ? fmin(1, fmax(0, a * a + .2 * (b - .5))) : .7 + .2 * b);
        table_set_str(t, r, 2, kind[i % 2]);
    }
    return t;
}

struct table *fixture_list(int n)
{
    struct table *t = table_new("promoted", "Promoted tokens", MARK_LIST);
    table_column(t, "rank", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "token", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "logit", "", "", COLUMN_F64, COLUMN_TEXT);
    for (int i = 0; i < n; i++) {
        static const char *const word[] = {" og", " ikke", "<b>&\"", "ø\x01", "sk\xC3"};
        int64_t r = table_row(t);
        table_set_i64(t, r, 0, i + 1);
        table_set_str(t, r, 1, word[i % 5]);
        table_set_f64(t, r, 2, 5.78 - .1 * i);
    }
    return t;
}

/* ---- anything */
static double random_number(struct rng *rng, int kind)
{
    static const double special[] = {0,      -0.0,   NAN,   INFINITY, -INFINITY, 1e308,
                                     -1e308, 5e-324, 1e-20, 1e16,     3,         .1};
    switch (kind) {
    case 0: return special[rng_below(rng, sizeof special / sizeof *special)];
    case 1: return 2.5;
    case 2: return rng_unit(rng) * 10 - 5;
    case 3: return pow(10, rng_unit(rng) * 40 - 20);
    default: return (double)rng_below(rng, 5);
    }
}

static void random_cell(struct rng *rng, struct table *t, int64_t row, int32_t col, int kind)
{
    static const char *const text[] = {"da",
                                       "en",
                                       "",
                                       "<&\">",
                                       "\x1b[31m",
                                       "漢字漢字",
                                       "e\u0301",
                                       "\xFF\xC3",
                                       "👩‍👩‍👧",
                                       "long long long long long long",
                                       "\u202e",
                                       "−8"};
    switch (t->cols[col].type) {
    case COLUMN_STR:
        table_set_str(t, row, col, text[rng_below(rng, sizeof text / sizeof *text)]);
        break;
    case COLUMN_I64: table_set_i64(t, row, col, (int64_t)rng_below(rng, 6) - 2); break;
    case COLUMN_BOOL: table_set_bool(t, row, col, rng_below(rng, 2)); break;
    case COLUMN_F64: table_set_f64(t, row, col, random_number(rng, kind)); break;
    }
}

struct table *fixture_random(struct rng *rng)
{
    enum mark mark = (enum mark)rng_below(rng, N_MARKS);
    struct table *t = table_new("rows", rng_below(rng, 3) ? "A title 漢字 <&>" : "", mark);
    static const char *const names[] = {"a", "b", "c", "d", "e", "f", "g", "h"};
    int32_t n_cols = (int32_t)rng_below(rng, 8);
    int kind[8];
    for (int32_t i = 0; i < n_cols; i++) {
        enum column_type type = (enum column_type)rng_below(rng, 4);
        enum column_role role = (enum column_role)rng_below(rng, COLUMN_FACET + 1);
        bool number =
            role == COLUMN_X || role == COLUMN_Y || role == COLUMN_LO || role == COLUMN_HI;
        kind[i] = (int)rng_below(rng, 5);
        table_column(t, names[i],
                     i % 3 == 2 ? "share"
                     : i % 3    ? ""
                                : "nats",
                     "", number && rng_below(rng, 8) ? COLUMN_F64 : type, role);
    }
    static const int sizes[] = {0, 1, 2, 7, 40, 300};
    int64_t rows = sizes[rng_below(rng, 6)];
    for (int64_t r = 0; r < rows; r++) {
        table_row(t);
        for (int32_t i = 0; i < n_cols; i++)
            if (rng_below(rng, 10))
                random_cell(rng, t, r, i, kind[i]);
    }
    if (rng_below(rng, 2))
        table_note(t, "%s", "a note");
    return t;
}
