#include "tui/proof_words.h"
#include <math.h>
#include <stdio.h>

static const char *cell(const struct table *t, int64_t row, const char *column)
{
    int32_t c = table_find(t, column);
    const char *s = c < 0 ? NULL : table_str(t, row, c);
    return s ? s : "";
}

static double number(const struct table *t, int64_t row, const char *column)
{
    int32_t c = table_find(t, column);
    return c < 0 ? (double)NAN : table_f64(t, row, c);
}

enum { TEXT, FVU, L0, LOSS, RECOVERED, N_NUMBERS };

static void number_line(const struct table *t, int i, struct proof_line *out)
{
    static const char *const name[] = {"", "FVU", "L0", "loss", "recovered"};
    size_t n = sizeof out->says;
    out->name = name[i];
    switch (i) {
    case TEXT:
        snprintf(out->says, n,
                 "on %.0f reference sentences, %.0f tokens:", number(t, 0, "sentences"),
                 number(t, 0, "tokens"));
        break;
    case FVU: snprintf(out->says, n, "%.4f", number(t, 0, "fvu")); break;
    case L0: snprintf(out->says, n, "%.2f", number(t, 0, "l0")); break;
    case LOSS:
        snprintf(out->says, n, "plain %.4f, reconstruction %.4f, zeros %.4f nats a token",
                 number(t, 0, "loss_plain"), number(t, 0, "loss_sae"), number(t, 0, "loss_zero"));
        break;
    default: {
        const double percent = round(1000 * number(t, 0, "loss_recovered")) / 10;
        snprintf(out->says, n, "%s%.1f %% of the loss", percent < 0 ? "−" : "", fabs(percent));
    }
    }
}

/* Of the readings that mean something, the i-th but the first, which is the SAE as it is read. */
static bool reading_line(const struct table *t, int i, struct proof_line *out)
{
    for (int64_t row = 1; row < t->n_rows; row++)
        if (isfinite(number(t, row, "fvu")) && i-- == 0) {
            out->name = "FVU";
            snprintf(out->says, sizeof out->says, "%.4f %s", number(t, row, "fvu"),
                     cell(t, row, "says"));
            return true;
        }
    return false;
}

bool proof_words(const struct table_set *set, int i, struct proof_line *out)
{
    const struct table *facts = table_set_find(set, "facts"),
                       *readings = table_set_find(set, "readings"),
                       *numbers = table_set_find(set, "numbers");
    struct proof_line other;
    *out = (struct proof_line){.name = ""};
    if (!facts || !readings || !numbers)
        return false;
    if (i < facts->n_rows) {
        out->name = cell(facts, i, "fact");
        snprintf(out->says, sizeof out->says, "%s", cell(facts, i, "value"));
        out->source = cell(facts, i, "source");
        return true;
    }
    i -= (int)facts->n_rows;
    if (i < N_NUMBERS) {
        number_line(numbers, i, out);
        return true;
    }
    i -= N_NUMBERS;
    if (!reading_line(readings, 0, &other)) {
        out->name = "readings";
        snprintf(out->says, sizeof out->says,
                 "no other was tried: less than a quarter of the variance is missed");
        return i == 0;
    }
    if (reading_line(readings, i, out))
        return true;
    /* the warning is the last */
    if (!*numbers->note || (i > 0 && !reading_line(readings, i - 1, &other)))
        return false;
    out->warning = true;
    snprintf(out->says, sizeof out->says, "%s", numbers->note);
    return true;
}
