/* glimt models, glimt saes: what lies in the Hugging Face cache, and whether it opens. */
#include "engine/base/memory.h"
#include "engine/formats/hf.h"
#include "engine/hub/cache.h"
#include "engine/hub/model.h"
#include "engine/hub/saes.h"
#include "engine/text/utf8.h"
#include "tui/cli/command.h"
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum {
    COL_MODEL,
    COL_ARCHITECTURE,
    COL_LAYERS,
    COL_D_MODEL,
    COL_BYTES,
    COL_OPENS,
    COL_WHY,
    COL_REVISION,
    COL_COMMIT
};

/* Names of folders may be no UTF-8. */
static void set_text(struct table *t, int64_t row, int32_t col, const char *s)
{
    char *text = utf8_repair(s, strlen(s), NULL, NULL);
    if (text[0] != '\0')
        table_set_str(t, row, col, text);
    free(text);
}

/* People read the revision in the name. */
static struct table *models_table(bool whole)
{
    struct table *t = table_new("rows", "Models in the Hugging Face cache", MARK_LIST);
    table_column(t, "model", "", "as --model takes it", COLUMN_STR, COLUMN_KEY);
    table_column(t, "architecture", "", "model_type of its config.json", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "layers", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "d_model", "", "width of the residual stream", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "bytes", "", "of its files", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "opens", "", "configuration, tokenizer and heads of the weights are read",
                 COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "why", "", "what stands against it", COLUMN_STR, COLUMN_TEXT);
    if (!whole)
        return t;
    table_column(t, "revision", "", "branch, tag or commit", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "commit", "", "", COLUMN_STR, COLUMN_TEXT);
    return t;
}

static void add_row(struct table *t, const struct hub_snapshot *s, const struct hub_model *m)
{
    const int64_t row = table_row(t);
    set_text(t, row, COL_MODEL, s->spec);
    set_text(t, row, COL_ARCHITECTURE, m->architecture);
    if (m->n_layers > 0)
        table_set_i64(t, row, COL_LAYERS, m->n_layers);
    if (m->d_model > 0)
        table_set_i64(t, row, COL_D_MODEL, m->d_model);
    table_set_i64(t, row, COL_BYTES, m->bytes);
    table_set_bool(t, row, COL_OPENS, m->opens);
    set_text(t, row, COL_WHY, m->why.text);
    if (t->n_cols > COL_REVISION) {
        set_text(t, row, COL_REVISION, s->rev);
        set_text(t, row, COL_COMMIT, s->commit);
    }
}

static bool models(struct cli *cli, const void *values, int n_operands, char **operand,
                   struct error *e)
{
    /* The name has the revision; a commit is for programs. */
    static const char *const least[] = {"commit", "revision",     "bytes", "d_model",
                                        "layers", "architecture", NULL};
    (void)values, (void)n_operands, (void)operand;
    struct hub_snapshot *snapshot = NULL;
    size_t n = 0;
    hub_list(&snapshot, &n);
    struct table *t = models_table(cli->opt.output != OUTPUT_TEXT);
    bool ok = true;
    for (size_t i = 0; i < n && ok; i++) {
        struct hub_model m;
        hub_model_look(snapshot[i].dir, &m);
        add_row(t, &snapshot[i], &m);
        ok = interrupt_check(e);
        progress_show(&cli->progress, (double)(i + 1) / (double)n, "looking");
    }
    progress_clear(&cli->progress);
    struct table_text how = output_table(cli);
    char *hub = hub_folder();
    how.least = least;
    if (!ok)
        ;
    else if (cli->opt.output == OUTPUT_JSON)
        output_json(cli, json_pack("{s:o, s:o}", "path", json_text(hub), "rows", table_json(t)));
    else if (cli->opt.output == OUTPUT_CSV)
        table_write_csv(t, &cli->out);
    else if (n > 0)
        table_write_text(t, &how, &cli->out);
    else
        strbuf_addf(&cli->out, "no models in the Hugging Face cache (%s)\n",
                    hub ? hub : "HOME is not set");
    free(hub);
    table_free(t);
    hub_list_free(snapshot, n);
    return ok;
}

const struct command models_command = {
    .name = "models",
    .operands = "",
    .summary = "models in the Hugging Face cache, and which open",
    .csv = true,
    .run = models,
};

/* ---- saes */
enum {
    SAE_PATH,
    SAE_FORMAT,
    SAE_HOOK,
    SAE_SELECT,
    SAE_K,
    SAE_D_IN,
    SAE_D_SAE,
    SAE_OPENS,
    SAE_WHY,
    SAE_REPOSITORY,
};

static struct table *saes_table(bool whole)
{
    struct table *t = table_new("rows", "SAEs", MARK_LIST);
    table_column(t, "sae", "", "as --sae takes it", COLUMN_STR, COLUMN_KEY);
    table_column(t, "format", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "hook", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "select", "", "how the active ones are chosen", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "k", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "d_in", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "d_sae", "", "latents", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "opens", "", "", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "why", "", "what stands against it", COLUMN_STR, COLUMN_TEXT);
    if (whole)
        table_column(t, "repository", "", "in the cache", COLUMN_STR, COLUMN_TEXT);
    return t;
}

static void add_sae(struct table *t, const struct hub_sae *s)
{
    const int64_t row = table_row(t);
    char hook[POINT_NAME_MAX];
    set_text(t, row, SAE_PATH, s->path);
    table_set_bool(t, row, SAE_OPENS, s->opens);
    set_text(t, row, SAE_WHY, s->why.text);
    if (t->n_cols > SAE_REPOSITORY)
        set_text(t, row, SAE_REPOSITORY, s->spec ? s->spec : "");
    if (!s->opens)
        return;
    set_text(t, row, SAE_FORMAT, s->is.format);
    set_text(t, row, SAE_SELECT, select_name(s->is.select));
    table_set_i64(t, row, SAE_D_IN, s->is.n);
    table_set_i64(t, row, SAE_D_SAE, s->is.m);
    if (s->is.k > 0)
        table_set_i64(t, row, SAE_K, s->is.k);
    if (s->is.at.layer > -2) {
        point_name(s->is.at, hook);
        set_text(t, row, SAE_HOOK, hook);
    }
}

static bool go_on(void *arg)
{
    (void)arg;
    return interrupt_check(NULL);
}

/* False: the model is not here, or none that opens. */
static bool config_of(const char *model, struct model_config *config)
{
    char *dir = NULL;
    const bool ok = hub_resolve(model, &dir, NULL) && hf_config_read(dir, config, NULL);
    free(dir);
    return ok;
}

static bool saes(struct cli *cli, const void *values, int n_operands, char **operand,
                 struct error *e)
{
    static const char *const least[] = {"d_in", "k", "d_sae", "select", "format", NULL};
    (void)values;
    struct hub_sae *sae = NULL;
    size_t n = 0;
    for (int i = 1; i < n_operands; i++)
        if (access(operand[i], R_OK) != 0)
            return error_set(e, ERROR_INPUT, "reading the folder %s: %s", operand[i],
                             strerror(errno));
    struct model_config config = {0};
    const bool known = config_of(operand[0], &config);
    hub_saes(operand[0], known ? &config : NULL, (const char *const *)operand + 1, n_operands - 1,
             go_on, NULL, &sae, &n);
    struct table *t = saes_table(cli->opt.output != OUTPUT_TEXT);
    for (size_t i = 0; i < n; i++)
        add_sae(t, &sae[i]);
    struct table_text how = output_table(cli);
    how.least = least;
    const bool ok = interrupt_check(e);
    if (!ok)
        ;
    else if (cli->opt.output == OUTPUT_JSON)
        output_json(cli,
                    json_pack("{s:o, s:o}", "model", json_text(operand[0]), "rows", table_json(t)));
    else if (cli->opt.output == OUTPUT_CSV)
        table_write_csv(t, &cli->out);
    else if (n > 0)
        table_write_text(t, &how, &cli->out);
    else
        strbuf_addf(&cli->out, "no SAEs whose configuration or repository names %s%s\n", operand[0],
                    n_operands > 1 ? ", and none in the folder" : "");
    table_free(t);
    hub_saes_free(sae, n);
    return ok;
}

const struct command saes_command = {
    .name = "saes",
    .operands = "MODEL [DIR…]",
    .summary = "SAEs for a model in the cache, and in folders",
    .min_operands = 1,
    .max_operands = 64,
    .csv = true,
    .run = saes,
};
