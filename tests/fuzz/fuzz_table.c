/* Any bytes as a table: what is read writes back as an equal one, sorts and prints in every form.
 */
#include "engine/base/memory.h"
#include "engine/base/table.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void print_all(const struct table *t)
{
    struct strbuf out;
    strbuf_init(&out);
    int64_t *order = xmalloc((size_t)t->n_rows * sizeof *order);
    for (int32_t c = 0; c < t->n_cols && c < 8; c++)
        table_sort(t, c, c % 2 != 0, order);
    table_write_text(t, &(struct table_text){.columns = 40, .order = order, .rows = 5}, &out);
    table_write_text(t, &(struct table_text){.ascii = true}, &out);
    table_write_csv(t, &out);
    json_decref(table_json(t));
    free(order);
    strbuf_release(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t *exact = xmemdup(data, size);
    struct error e = {0};
    struct table *t = table_read_blob(exact, size, &e);
    free(exact);
    if ((t == NULL) != error_is_set(&e))
        abort();
    if (!t)
        return 0;
    struct strbuf again;
    strbuf_init(&again);
    table_write_blob(t, &again);
    struct table *same = table_read_blob(again.s, again.len, &e);
    if (!same || !table_equal(t, same))
        abort();
    if (t->n_cols > 0 || t->n_rows == 0)
        print_all(t);
    strbuf_release(&again);
    table_free(same);
    table_free(t);
    return 0;
}
