/* glimt pull: a model, or SAEs, from the Hugging Face hub into its cache. */
#include "engine/hub/pull.h"
#include "engine/base/memory.h"
#include "tui/cli/command.h"
#include <math.h>

struct pull_values {
    bool all;
};

static const struct option_row pull_options[] = {
    {"all", NULL, "every file of the repository", OPTION_FLAG,
     .offset = offsetof(struct pull_values, all)},
    {.name = NULL},
};
static const struct pull_values pull_defaults = {.all = false};

static void show(void *arg, const struct hub_progress *p)
{
    struct cli *cli = arg;
    const struct study_progress so_far = {
        .share = p->total > 0 ? (double)p->done / (double)p->total : 0,
        .bytes_per_s = p->bytes_per_s,
        .left = p->left,
    };
    char *what = xasprintf("%s %s", p->checking ? "checking" : "fetching", p->file);
    progress_study(&cli->progress, &so_far, what);
    free(what);
}

static bool go_on(void *arg)
{
    (void)arg;
    return interrupt_check(NULL);
}

static void add_json(struct cli *cli, const char *spec, const struct hub_pulled *got)
{
    json_t *files = json_array();
    for (size_t i = 0; i < got->n_files; i++)
        json_array_append_new(
            files, json_pack("{s:o, s:I, s:b}", "file", json_text(got->file[i].name), "bytes",
                             (json_int_t)got->file[i].bytes, "fetched", got->file[i].fetched));
    output_json(cli, json_pack("{s:o, s:o, s:o, s:I, s:o}", "model", json_text(spec), "commit",
                               json_text(got->commit), "path", json_text(got->dir), "bytes_fetched",
                               (json_int_t)got->fetched, "files", files));
}

static void add_lines(struct cli *cli, const struct hub_pulled *got)
{
    size_t n = 0;
    for (size_t i = 0; i < got->n_files; i++)
        n += got->file[i].fetched;
    strbuf_addf(&cli->out, "%zu of %zu files fetched, %.1f MB; the others were there\n%s\n", n,
                got->n_files, (double)got->fetched * 1e-6, got->dir);
}

static bool pull(struct cli *cli, const void *given, int n_operands, char **operand,
                 struct error *e)
{
    const struct pull_values *values = given;
    const struct hub_pull how = {
        .spec = operand[0],
        .path = (const char *const *)operand + 1,
        .n_paths = n_operands - 1,
        .all = values->all,
        .progress = show,
        .go_on = go_on,
        .arg = cli,
    };
    struct hub_pulled got;
    const bool ok = hub_pull(&how, &got, e);
    progress_clear(&cli->progress);
    if (ok && cli->opt.output == OUTPUT_JSON)
        add_json(cli, operand[0], &got);
    else if (ok)
        add_lines(cli, &got);
    hub_pulled_release(&got);
    return ok;
}

const struct command pull_command = {
    .name = "pull",
    .operands = "OWNER/NAME[@REV] [PART…]",
    .summary = "fetch a model or SAEs into the Hugging Face cache",
    .min_operands = 1,
    .max_operands = 256,
    .options = pull_options,
    .defaults = &pull_defaults,
    .values_size = sizeof pull_defaults,
    .run = pull,
};
