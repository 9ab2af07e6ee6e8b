#include "tui/cli/proof.h"
#include <math.h>
#include <string.h>

static double number(const struct table_set *set, const char *name)
{
    const struct table *t = table_set_find(set, "numbers");
    return table_f64(t, 0, table_find(t, name));
}

static const char *cell(const struct table *t, int64_t row, const char *name)
{
    const char *s = table_str(t, row, table_find(t, name));
    return s ? s : "";
}

void proof_text(const struct table_set *set, struct strbuf *out)
{
    const struct table *facts = table_set_find(set, "facts"),
                       *readings = table_set_find(set, "readings"),
                       *numbers = table_set_find(set, "numbers");
    for (int64_t i = 0; i < facts->n_rows; i++) {
        const char *source = cell(facts, i, "source");
        strbuf_addf(out, "  %-14s%-18s(", cell(facts, i, "fact"), cell(facts, i, "value"));
        text_add(out, source, strlen(source), 0);
        strbuf_adds(out, ")\n");
    }
    strbuf_addf(out, "  on %.0f reference sentences, %.0f tokens:\n", number(set, "sentences"),
                number(set, "tokens"));
    strbuf_addf(out, "  FVU           %.4f\n  L0            %.2f\n", number(set, "fvu"),
                number(set, "l0"));
    strbuf_addf(out, "  loss          plain %.4f, reconstruction %.4f, zeros %.4f nats a token\n",
                number(set, "loss_plain"), number(set, "loss_sae"), number(set, "loss_zero"));
    strbuf_addf(out, "  recovered     %.1f %% of the loss\n", 100 * number(set, "loss_recovered"));
    for (int64_t i = 1; i < readings->n_rows; i++) {
        double fvu = table_f64(readings, i, table_find(readings, "fvu"));
        if (isfinite(fvu))
            strbuf_addf(out, "  FVU           %.4f %s\n", fvu, cell(readings, i, "says"));
    }
    if (*numbers->note)
        strbuf_addf(out, "  warning: %s\n", numbers->note);
}

json_t *proof_json(const struct table_set *set)
{
    static const char *const names[] = {"fvu",      "l0",        "loss_plain",
                                        "loss_sae", "loss_zero", "loss_recovered"};
    const struct table *facts = table_set_find(set, "facts"),
                       *readings = table_set_find(set, "readings"),
                       *numbers = table_set_find(set, "numbers");
    json_t *root = json_object(), *of_facts = json_object(), *of_readings = json_object();
    for (int64_t i = 0; i < facts->n_rows; i++)
        json_object_set_new(of_facts, cell(facts, i, "fact"),
                            json_pack("{s:o, s:o}", "value", json_text(cell(facts, i, "value")),
                                      "source", json_text(cell(facts, i, "source"))));
    for (int64_t i = 0; i < readings->n_rows; i++)
        json_object_set_new(of_readings, cell(readings, i, "reading"),
                            json_number(table_f64(readings, i, table_find(readings, "fvu"))));
    json_object_set_new(root, "facts", of_facts);
    json_object_set_new(root, "sentences", json_integer((json_int_t)number(set, "sentences")));
    json_object_set_new(root, "tokens", json_integer((json_int_t)number(set, "tokens")));
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        json_object_set_new(root, names[i], json_number(number(set, names[i])));
    json_object_set_new(root, "fvu_readings", of_readings);
    const char *better = table_str(numbers, 0, table_find(numbers, "better_reading"));
    json_object_set_new(root, "better_reading", better ? json_string(better) : json_null());
    return root;
}
