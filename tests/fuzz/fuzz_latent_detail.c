/* Details of latents come from a database that others may have written: what parses prints as the
 * same bytes, and the tables made of it stay inside it. */
#include "engine/study/harvest.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct error e = {0};
    struct latent_detail *d = latent_detail_parse(data, n, &e);
    if (!d) {
        if (!error_is_set(&e))
            abort();
        return 0;
    }
    struct strbuf text;
    strbuf_init(&text);
    latent_detail_print(d, &text);
    if (text.len != n || memcmp(text.s, data, n) != 0)
        abort();
    const char *names[CORPUS_MAX_CLASSES];
    struct study_in nowhere = {0};
    for (int i = 0; i < CORPUS_MAX_CLASSES; i++)
        names[i] = "class";
    table_free(detail_histogram(d, names));
    table_free(detail_examples(d, &nowhere, 12));
    strbuf_release(&text);
    free(d);
    return 0;
}
