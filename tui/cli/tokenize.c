/* glimt tokenize: text to token ids and back. */
#include "engine/base/memory.h"
#include "engine/lane/sequences.h"
#include "engine/text/utf8.h"
#include "tui/cli/command.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct tokenize_values {
    bool decode, ids_only;
};

#define AT(member) .offset = offsetof(struct tokenize_values, member)
static const struct option_row tokenize_options[] = {
    {"decode", NULL, "the other way: ids with blanks or commas between them, to text", OPTION_FLAG,
     AT(decode)},
    {"ids-only", NULL, "one id a line", OPTION_FLAG, AT(ids_only)},
    {.name = NULL},
};
#undef AT
static const struct tokenize_values tokenize_defaults = {false, false};

struct tokens {
    struct token *token; /* start, end: bytes of the input */
    size_t n, cap;
};

/* One sequence of the text; its tokens' offsets become those of the input. */
static void encode_part(struct tokens *all, const struct tokenizer *t, const struct input *in,
                        size_t start, size_t end, int32_t bos, const struct options *o)
{
    size_t first = all->n;
    if (bos >= 0) {
        int32_t at = (int32_t)input_offset(in, start);
        all->token = grow(all->token, &all->cap, all->n + 1, sizeof *all->token);
        all->token[all->n++] = (struct token){bos, at, at};
        first++;
    }
    tokenizer_encode(t, in->text + start, end - start, o->special, &all->token, &all->n, &all->cap);
    for (size_t i = first; i < all->n; i++) {
        all->token[i].start = (int32_t)input_offset(in, start + (size_t)all->token[i].start);
        all->token[i].end = (int32_t)input_offset(in, start + (size_t)all->token[i].end);
    }
}

/* bos −1: none. */
static void encode(struct tokens *all, const struct tokenizer *t, const struct input *in,
                   int32_t bos, const struct options *o)
{
    size_t n = o->join ? in->n : text_without_end(in->text, in->n), at = 0, start, end;
    while (line_next(in->text, n, o->join, &at, &start, &end))
        encode_part(all, t, in, start, end, bos, o);
}

static json_t *ids_json(const struct tokens *all)
{
    json_t *ids = json_array();
    for (size_t i = 0; i < all->n; i++)
        json_array_append_new(ids, json_integer(all->token[i].id));
    return ids;
}

static void print_json(struct cli *cli, const struct tokenizer *t, const struct tokens *all)
{
    json_t *tokens = json_array();
    for (size_t i = 0; i < all->n; i++) {
        json_t *row = json_pack("{s:I}", "index", (json_int_t)i);
        json_t *token = json_token(t, all->token[i].id);
        json_object_update(row, token);
        json_decref(token);
        json_object_set_new(row, "start", json_integer(all->token[i].start));
        json_object_set_new(row, "end", json_integer(all->token[i].end));
        json_array_append_new(tokens, row);
    }
    output_json(cli, json_pack("{s:o, s:o}", "ids", ids_json(all), "tokens", tokens));
}

static void print_text(struct cli *cli, const struct tokenizer *t, const struct tokens *all)
{
    strbuf_addf(&cli->out, "%6s  %-24s bytes\n", "id", "token");
    for (size_t i = 0; i < all->n; i++) {
        size_t n;
        const char *bytes = tokenizer_bytes(t, all->token[i].id, &n);
        strbuf_addf(&cli->out, "%6d  ", all->token[i].id);
        text_add(&cli->out, bytes, n, 24);
        strbuf_addf(&cli->out, " %d-%d\n", all->token[i].start, all->token[i].end);
    }
}

static bool ids_parse(struct tokens *all, const struct tokenizer *t, const char *s, struct error *e)
{
    while (*(s += strspn(s, " \t\r\n,[]")) != '\0') {
        char *end;
        errno = 0;
        long id = strtol(s, &end, 10);
        size_t n;
        if (end == s || errno || id < 0 || id > INT32_MAX || !strchr(" \t\r\n,]", *end))
            return error_set(
                e, ERROR_INPUT,
                "tokenize --decode: found %.40s, expected ids with blanks or commas between", s);
        tokenizer_bytes(t, (int32_t)id, &n);
        if (n == 0)
            return error_set(e, ERROR_INPUT,
                             "tokenize --decode: found the id %ld, expected one of 0 to %d", id,
                             tokenizer_n_vocab(t) - 1);
        all->token = grow(all->token, &all->cap, all->n + 1, sizeof *all->token);
        all->token[all->n++] = (struct token){.id = (int32_t)id};
        s = end;
    }
    return true;
}

static void print_decoded(struct cli *cli, const struct tokenizer *t, const struct tokens *all)
{
    int32_t *ids = xmalloc((all->n + 1) * sizeof *ids);
    char *bytes;
    size_t n;
    for (size_t i = 0; i < all->n; i++)
        ids[i] = all->token[i].id;
    tokenizer_decode(t, ids, all->n, &bytes, &n);
    if (cli->opt.output == OUTPUT_JSON) {
        size_t n_text;
        char *text = utf8_repair(bytes, n, &n_text, NULL);
        output_json(
            cli, json_pack("{s:o, s:o}", "ids", ids_json(all), "text", json_stringn(text, n_text)));
        free(text);
    } else {
        strbuf_add(&cli->out, bytes, n);
        strbuf_addc(&cli->out, '\n');
    }
    free(ids);
    free(bytes);
}

static bool tokenize(struct cli *cli, const void *given, int n_operands, char **operand,
                     struct error *e)
{
    const struct tokenize_values *values = given;
    struct tokenizer *t = NULL;
    struct tokens all = {0};
    struct input in;
    int32_t bos;
    bool ok = input_read(&in, cli, n_operands > 0 ? operand[0] : NULL, e) &&
              cli_tokenizer_open(cli, &t, &bos, e);
    if (ok && values->decode)
        ok = ids_parse(&all, t, in.text, e);
    else if (ok) {
        input_note_special(&in, cli, t);
        encode(&all, t, &in, bos, &cli->opt);
    }
    if (!ok)
        ;
    else if (values->decode)
        print_decoded(cli, t, &all);
    else if (cli->opt.output == OUTPUT_JSON)
        print_json(cli, t, &all);
    else if (values->ids_only)
        for (size_t i = 0; i < all.n; i++)
            strbuf_addf(&cli->out, "%d\n", all.token[i].id);
    else
        print_text(cli, t, &all);
    free(all.token);
    tokenizer_free(t);
    input_release(&in);
    return ok;
}

const struct command tokenize_command = {
    .name = "tokenize",
    .operands = "[TEXT|-]",
    .text = true,
    .summary = "text to token ids, and back with --decode",
    .max_operands = 1,
    .options = tokenize_options,
    .defaults = &tokenize_defaults,
    .values_size = sizeof tokenize_defaults,
    .run = tokenize,
};
