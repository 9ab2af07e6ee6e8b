/* glimt convert: an SAE in another format. */
#include "engine/dict/convert.h"
#include "engine/formats/hf.h"
#include "engine/hub/cache.h"
#include "tui/cli/command.h"
#include <stdlib.h>
#include <string.h>

struct convert_values {
    const char *to;
};

static const struct option_row convert_options[] = {
    {"to", "FORMAT", "glimt, saelens or sparsify", OPTION_TEXT,
     .offset = offsetof(struct convert_values, to)},
    {.name = NULL},
};
static const struct convert_values convert_defaults = {.to = NULL};

static bool target_of(const char *to, enum convert_target *target, struct error *e)
{
    static const char *const name[] = {
        [CONVERT_GLIMT] = "glimt", [CONVERT_SAELENS] = "saelens", [CONVERT_SPARSIFY] = "sparsify"};
    for (int i = 0; to && i < 3; i++)
        if (strcmp(name[i], to) == 0) {
            *target = (enum convert_target)i;
            return true;
        }
    return error_set(e, ERROR_INPUT, "--to: found %s, expected glimt, saelens or sparsify",
                     to ? to : "nothing");
}

static void add_result(struct cli *cli, const struct convert_values *v, const char *from,
                       const char *dir, const struct dict_spec *s)
{
    if (cli->opt.output == OUTPUT_JSON)
        output_json(cli, json_pack("{s:o, s:s, s:s, s:o, s:i, s:i}", "sae", json_text(from),
                                   "format", s->format, "to", v->to, "path", json_text(dir), "d_in",
                                   s->n, "d_sae", s->m));
    else
        strbuf_addf(&cli->out, "%s: %d latents of width %d, from %s to %s\n", dir, s->m, s->n,
                    s->format, v->to);
}

/* What some hook points mean depends on the model; one need not be said. */
static bool read_model(const char *spec, struct model_config *config, struct error *e)
{
    char *dir = NULL;
    const bool ok = hub_resolve(spec, &dir, e) && hf_config_read(dir, config, e);
    free(dir);
    return ok;
}

static bool convert(struct cli *cli, const void *given, int n_operands, char **operand,
                    struct error *e)
{
    (void)n_operands;
    const struct convert_values *values = given;
    struct model_config config;
    struct dict_hint hint = {.model = cli->opt.model ? &config : NULL};
    struct point hook;
    const char *dir = cli->opt.output_file;
    char *path = NULL;
    enum convert_target target = CONVERT_GLIMT;
    struct dict_spec spec;
    cli->opt.output_file = NULL; /* the folder is the result; what is said of it goes to stdout */
    if (!target_of(values->to, &target, e) ||
        (cli->opt.model && !read_model(cli->opt.model, &config, e)))
        return false;
    if (cli->opt.hook && !point_parse(cli->opt.hook, hint.model, &hook, e))
        return error_prefix(e, "--hook");
    if (cli->opt.hook)
        hint.hook = &hook;
    if (!dir || strcmp(dir, "-") == 0)
        return error_set(e, ERROR_INPUT,
                         "convert: found no --output, expected the folder to write");
    const bool ok =
        hub_resolve_file(operand[0], &path, e) && dict_convert(path, &hint, target, dir, &spec, e);
    if (ok)
        add_result(cli, values, operand[0], dir, &spec);
    free(path);
    return ok;
}

const struct command convert_command = {
    .name = "convert",
    .operands = "SAE",
    .summary = "an SAE in another format",
    .min_operands = 1,
    .max_operands = 1,
    .options = convert_options,
    .defaults = &convert_defaults,
    .values_size = sizeof convert_defaults,
    .run = convert,
};
