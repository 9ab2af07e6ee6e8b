#include "tui/cli/proof.h"
#include "tui/proof_words.h"
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
    struct proof_line line;
    for (int i = 0; proof_words(set, i, &line); i++) {
        if (line.warning)
            strbuf_addf(out, "  warning: %s\n", line.says);
        else if (!line.source)
            strbuf_addf(out, *line.name ? "  %-14s%s\n" : "  %s%s\n", line.name, line.says);
        else {
            strbuf_addf(out, "  %-14s%-18s (", line.name, line.says);
            text_add(out, line.source, strlen(line.source), 0);
            strbuf_adds(out, ")\n");
        }
    }
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
