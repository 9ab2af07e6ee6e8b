/* Session files, journals and scripts are untrusted: parsing must not fail otherwise than by saying
 * so, what is printed of a state reads back as the same, and what a journal led to can be undone
 * and goes on in another. */
#include "engine/base/hash.h"
#include "engine/base/strbuf.h"
#include "tui/journal.h"
#include "tui/script.h"
#include "tui/state.h"
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* Each line of the input with the digits that make it count: else none would be read. */
static void as_journal(const char *data, size_t n, struct strbuf *out)
{
    while (n > 0) {
        const char *end = memchr(data, '\n', n);
        size_t k = end ? (size_t)(end - data) : n;
        char hex[65];
        struct sha256 h = sha256_bytes(data, k);
        sha256_hex(&h, hex);
        strbuf_add(out, hex, 16);
        strbuf_addc(out, ' ');
        strbuf_add(out, data, k);
        strbuf_addc(out, '\n');
        n -= end ? k + 1 : k;
        data += end ? k + 1 : k;
    }
}

static void check_again(const struct journal *j)
{
    struct strbuf out;
    struct journal k;
    static const struct sha256 files[2];
    strbuf_init(&out);
    journal_begin(&out, &j->state, &j->history, files);
    journal_read(out.s, out.len, &k);
    if (!k.valid || k.n_good != out.len || k.state.n_text != j->state.n_text ||
        memcmp(k.state.text, j->state.text, k.state.n_text) != 0 || k.history.n > j->history.n ||
        !sliders_equal(&k.state.sliders, &j->state.sliders))
        abort();
    journal_release(&k);
    strbuf_release(&out);
}

static void check_journal(const char *bytes, size_t n)
{
    struct journal j;
    journal_read(bytes, n, &j);
    if (j.n_good > n || j.history.done > j.history.n)
        abort();
    if (j.valid)
        check_again(&j);
    journal_release(&j);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    struct strbuf lines;
    strbuf_init(&lines);
    as_journal((const char *)data, n, &lines);
    check_journal(lines.s, lines.len);
    check_journal((const char *)data, n);
    strbuf_release(&lines);
    struct saved_state s, t;
    struct error e = {0};
    struct script *script;
    if (state_parse((const char *)data, n, &s, &e)) {
        char *once = state_print(&s);
        struct error bad = {0};
        if (!once || !state_parse(once, strlen(once), &t, &bad))
            abort();
        char *twice = state_print(&t);
        if (strcmp(once, twice) != 0)
            abort();
        free(once);
        free(twice);
        state_release(&t);
    }
    state_release(&s);
    e = (struct error){0};
    if (script_parse("fuzz", (const char *)data, n, &script, &e))
        script_free(script);
    return 0;
}
