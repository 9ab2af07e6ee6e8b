/* The text to work on: an operand or standard input, repaired where it is no UTF-8, with the way
 * back to its bytes. */
#include "engine/base/memory.h"
#include "engine/formats/text_file.h"
#include "engine/text/utf8.h"
#include "tui/cli/cli.h"
#include "tui/cli/command.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { INPUT_MAX = 64 << 20 }; /* token offsets are 32 bits; a text for people is far below */

void input_repair(struct input *in, const char *s, size_t n)
{
    struct strbuf b;
    strbuf_init(&b);
    *in = (struct input){0};
    if (n >= 3 && memcmp(s, "\xef\xbb\xbf", 3) == 0) {
        in->mark = 3;
        s += 3;
        n -= 3;
    }
    for (size_t at = 0, len; at < n; at += len) {
        bool valid;
        utf8_decode(s + at, n - at, &len, &valid);
        if (valid) {
            strbuf_add(&b, s + at, len);
            continue;
        }
        in->gap = grow(in->gap, &in->cap, in->n_bad + 1, sizeof *in->gap);
        in->gap[in->n_bad++] = (struct input_gap){b.len, at, len};
        strbuf_adds(&b, "\xef\xbf\xbd");
    }
    in->n = b.len;
    in->text = strbuf_detach(&b);
}

static size_t given_offset(const struct input *in, size_t repaired)
{
    size_t low = 0, high = in->n_bad; /* the last gap that begins at or before the offset */
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (in->gap[middle].repaired <= repaired)
            low = middle + 1;
        else
            high = middle;
    }
    if (low == 0)
        return repaired;
    const struct input_gap *g = &in->gap[low - 1];
    size_t beyond = repaired - g->repaired;
    if (beyond >= 3)
        return g->given + g->n_given + beyond - 3;
    return g->given + (beyond < g->n_given ? beyond : g->n_given);
}

size_t input_offset(const struct input *in, size_t repaired)
{
    return in->mark + given_offset(in, repaired);
}

void input_note_special(const struct input *in, const struct cli *cli, const struct tokenizer *t)
{
    size_t start, end;
    if (cli->opt.special || cli->opt.quiet ||
        !tokenizer_find_special(t, in->text, in->n, 0, &start, &end))
        return;
    fprintf(stderr, "glimt: note: %.*s is read as plain text; --special reads it as its token\n",
            (int)(end - start), in->text + start);
}

void input_release(struct input *in)
{
    free(in->text);
    free(in->gap);
    *in = (struct input){0};
}

static bool read_stdin(struct strbuf *b, struct error *e)
{
    char part[1 << 14];
    for (;;) {
        ssize_t got = read(STDIN_FILENO, part, sizeof part);
        if (!interrupt_check(e))
            return false;
        if (got == 0)
            return true;
        if (got < 0 && errno != EINTR)
            return error_set(e, ERROR_SYSTEM, "reading standard input: %s", strerror(errno));
        if (got > 0)
            strbuf_add(b, part, (size_t)got);
        if (b->len > INPUT_MAX)
            return error_set(
                e, ERROR_INPUT,
                "reading standard input: found more than %d MiB of text, expected less",
                INPUT_MAX >> 20);
    }
}

void input_note(const struct input *in, const struct options *o)
{
    if (in->n_bad > 0 && !o->quiet)
        fprintf(stderr,
                "glimt: note: %zu invalid UTF-8 sequence%s read as U+FFFD, the first at byte %zu\n",
                in->n_bad, in->n_bad == 1 ? "" : "s", in->mark + in->gap[0].given);
}

/* Standard input as UTF-8; a text of the caller's. */
static bool read_text(const char *encoding, struct input *in, struct error *e)
{
    const struct text_spec how = {.encoding = encoding, .limit = INPUT_MAX};
    struct strbuf b;
    struct text_file t = {.p = ""};
    strbuf_init(&b);
    bool ok = read_stdin(&b, e) && text_of_bytes(&t, "standard input", b.s, b.len, &how, e);
    if (ok) {
        in->text = xmalloc(t.n + 1);
        memcpy(in->text, t.p, t.n);
        in->text[t.n] = '\0';
        in->n = t.n;
        in->mark = t.mark;
    }
    text_close(&t);
    strbuf_release(&b);
    return ok;
}

bool cli_piped_text(const struct options *o, char **text, size_t *n, struct error *e)
{
    struct input in = {0};
    *text = NULL;
    *n = 0;
    if (fcntl(STDIN_FILENO, F_GETFD) < 0) /* closed: nobody pipes anything */
        return true;
    if (!read_text(o->encoding, &in, e))
        return false;
    if (in.n > 0) {
        *text = in.text;
        *n = in.n;
        in.text = NULL;
    }
    input_release(&in);
    return true;
}

bool input_read(struct input *in, const struct cli *cli, const char *operand, struct error *e)
{
    *in = (struct input){0};
    if (operand && strcmp(operand, "-") != 0) {
        input_repair(in, operand, strlen(operand));
        input_note(in, &cli->opt);
        return true;
    }
    if (isatty(STDIN_FILENO))
        return error_set(e, ERROR_INPUT,
                         "%s: found no text and a terminal as standard input, expected %s",
                         cli->command->name, cli->command->operands);
    return read_text(cli->opt.encoding, in, e);
}
