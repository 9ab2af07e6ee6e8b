/* Neurons against latents, one row each. */
#include "engine/study/contrast.h"
#include <string.h>

enum {
    C_UNITS,
    C_COUNT,
    C_SIGNIFICANT,
    C_BH,
    C_ACCURACY,
    C_SELECTIVITY,
    C_DELTA,
    C_LOCALISATION,
    C_LOSS,
    C_MSE,
    C_L0,
    C_L1
};

static int64_t row_of(const struct table *t, const char *units)
{
    int64_t row = 0;
    while (row < t->n_rows && strcmp(table_str(t, row, table_find(t, "units")), units) != 0)
        row++;
    return row;
}

/* A cell of the row of the same units; missing ones stay so. */
static void take(struct table *to, int64_t row, int32_t col, const struct table *from,
                 const char *name)
{
    const int64_t at = row_of(from, table_str(to, row, C_UNITS));
    const int32_t c = table_find(from, name);
    if (!table_has(from, at, c))
        return;
    if (to->cols[col].type == COLUMN_I64)
        table_set_i64(to, row, col, table_i64(from, at, c));
    else
        table_set_f64(to, row, col, table_f64(from, at, c));
}

/* Both rows are of the same control tasks. */
static void set_delta(struct table *to, int64_t row, const struct table *probed)
{
    const int32_t col = table_find(probed, "selectivity");
    table_set_f64(to, row, C_DELTA,
                  table_f64(probed, row_of(probed, word_units_name[WORD_NEURONS]), col) -
                      table_f64(probed, row_of(probed, word_units_name[WORD_LATENTS]), col));
}

struct table *contrast_compare(const struct study *words, const struct table_set *tested,
                               const struct table_set *probed, const struct table_set *kept)
{
    const struct table *t = table_set_find(tested, "sets"), *p = table_set_find(probed, "sets"),
                       *k = table_set_find(kept, "sets");
    struct table *to = table_new("rows", "Neurons against latents", MARK_LIST);
    table_column(to, "units", "", "neurons or latents", COLUMN_STR, COLUMN_SERIES);
    table_column(to, "count", "", "units", COLUMN_I64, COLUMN_TEXT);
    table_column(to, "significant", "", "p < alpha", COLUMN_I64, COLUMN_TEXT);
    table_column(to, "bh", "", "by Benjamini and Hochberg", COLUMN_I64, COLUMN_TEXT);
    table_column(to, "accuracy", "share", "test words right, by all units", COLUMN_F64, COLUMN_Y);
    table_column(to, "selectivity", "", "mean over the control tasks", COLUMN_F64, COLUMN_TEXT);
    table_column(to, "delta_selectivity", "", "the neurons' less that of these", COLUMN_F64,
                 COLUMN_TEXT);
    table_column(to, "localisation", "", "the least s with kept ≥ 0.9", COLUMN_I64, COLUMN_TEXT);
    table_column(to, "information_loss", "", "1 − kept of all", COLUMN_F64, COLUMN_TEXT);
    table_column(to, "mse", "", "of the reconstruction, a dimension", COLUMN_F64, COLUMN_TEXT);
    table_column(to, "l0", "", "active latents a token", COLUMN_F64, COLUMN_TEXT);
    table_column(to, "l1", "", "their activations' absolute values added up", COLUMN_F64,
                 COLUMN_TEXT);
    for (int64_t i = 0; i < t->n_rows; i++) {
        const char *units = table_str(t, i, table_find(t, "units"));
        const int64_t row = table_row(to);
        table_set_str(to, row, C_UNITS, units);
        take(to, row, C_COUNT, t, "count");
        take(to, row, C_SIGNIFICANT, t, "significant");
        take(to, row, C_BH, t, "bh");
        take(to, row, C_ACCURACY, p, "accuracy");
        take(to, row, C_SELECTIVITY, p, "selectivity");
        take(to, row, C_LOCALISATION, k, "localisation");
        take(to, row, C_LOSS, k, "information_loss");
        if (strcmp(units, word_units_name[WORD_LATENTS]) == 0) {
            table_set_f64(to, row, C_MSE, words_mse(words));
            table_set_f64(to, row, C_L0, words_l0(words));
            table_set_f64(to, row, C_L1, words_l1(words));
            set_delta(to, row, p);
        }
    }
    if (k->note[0])
        table_note(to, "%s%s%s", k->note, *t->note ? "; significant: " : "", t->note);
    return to;
}
