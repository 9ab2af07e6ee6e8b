/* glimt verify: ids and losses of fixed sentences, to compare with another implementation; the
 * SAE's proof panel. */
#include "engine/base/memory.h"
#include "tui/cli/analysis.h"
#include "tui/cli/proof.h"
#include "tui/cli/study.h"
#include "tui/unit_json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* Never change these: numbers noted elsewhere belong to them. They have letters beyond ASCII,
 * digits, quotes, a contraction and repeated blanks, each a way in which tokenizers differ. */
static const char *const sentences[] = {
    "Rådet skal nu formelt godkende Parlamentets holdning.",
    "På øen boede der 12 ældre æbleavlere, som \"aldrig\" havde set sne.",
    "Klik på knappen for at gemme ændringerne,  og luk så vinduet.",
    "The Council now has to formally approve Parliament's position.",
    "On the island lived 12 elderly apple growers who \"never\" had seen snow.",
    "Click the button to save the changes,  and then close the window; it doesn't take long.",
};
enum { N_SENTENCES = sizeof sentences / sizeof *sentences };

struct verification {
    struct workbench *wb;
    struct snapshot *snap;
    char hash[65];
    double loss[N_SENTENCES]; /* mean of the line; NaN: no loss */
    bool bundle_checked;
    /* by place, owned; NULL: there is nothing to prove, or to prove it on */
    struct table_set *proof[DICT_SET_MAX];
};

static bool sentences_run(struct verification *v, struct cli *cli, struct error *e)
{
    struct strbuf text;
    strbuf_init(&text);
    for (int i = 0; i < N_SENTENCES; i++)
        strbuf_addf(&text, "%s%s", i ? "\n" : "", sentences[i]);
    struct wish wish = {
        .text = text.s, .n_text = text.len, .bos = v->wb->bos, .watch = UNIT_NONE, .losses = true};
    bool ok = cli_session(cli, v->wb, &wish, NULL, NULL, &v->snap, e);
    strbuf_release(&text);
    if (ok)
        note_windows(cli, v->wb, v->snap);
    for (int i = 0; ok && i < N_SENTENCES; i++) {
        const struct line_losses *l = v->snap->line[i].loss[LANE_PLAIN];
        double sum = 0;
        int32_t n = 0;
        for (int32_t t = 0; t < l->n; t++)
            if (isfinite(l->loss[t])) {
                sum += (double)l->loss[t];
                n++;
            }
        v->loss[i] = n ? sum / n : NAN;
    }
    return ok;
}

/* The SAE of a place, on the reference sentences. */
static bool prove(struct verification *v, struct cli *cli, const struct options *o, int32_t place,
                  struct error *e)
{
    struct request r;
    struct lab *lab = lab_new(v->wb, o);
    struct lab_loop loop = cli_loop(cli);
    request_init(&r, &proof_query);
    request_set_dict(&r, &v->wb->dicts, place);
    bool ok = lab_run(lab, &r, &loop, &v->proof[place], NULL, e);
    progress_clear(&cli->progress);
    if (lab_said(lab)[0] && !cli->opt.quiet)
        fprintf(stderr, "glimt: %s\n", lab_said(lab));
    request_release(&r);
    lab_free(lab);
    return ok;
}

static bool prove_all(struct verification *v, struct cli *cli, const struct options *o,
                      struct error *e)
{
    for (int32_t i = 0; v->wb->n_sets > 0 && i < v->wb->dicts.n; i++)
        if (!v->wb->dicts.place[i].neurons && !prove(v, cli, o, i, e))
            return false;
    return true;
}

static void print_proof(struct strbuf *out, const struct verification *v, int32_t place)
{
    const struct dict_place *p = &v->wb->dicts.place[place];
    char hook[POINT_NAME_MAX];
    char *name = workbench_dict_name(v->wb->dicts.place[place].dict);
    strbuf_adds(out, "\nSAE ");
    text_add(out, name, strlen(name), 0);
    point_name(p->at, hook);
    strbuf_addf(out, " at %s, %s\n", hook, dict_spec(p->dict)->format);
    proof_text(v->proof[place], out);
    free(name);
}

static void print_text(struct strbuf *out, const struct verification *v)
{
    const struct workbench *wb = v->wb;
    strbuf_addf(out, "model   ");
    text_add(out, wb->model_name, strlen(wb->model_name), 0);
    strbuf_addf(out, "\nsha256  %s\n", v->hash);
    if (model_tl_tokens(wb->model) > 0)
        strbuf_adds(out, "weights TransformerLens': norms folded, written and read centred\n");
    if (v->bundle_checked)
        strbuf_adds(out, "bundle  every file as the bundle lists it\n");
    for (int i = 0; i < N_SENTENCES; i++) {
        const struct line_tokens *t = v->snap->line[i].tokens;
        strbuf_addf(out, "\n%s\n  mean loss %.6f nats, %d tokens:", sentences[i], v->loss[i], t->n);
        for (int32_t j = 0; j < t->n; j++)
            strbuf_addf(out, " %d", t->token[j].id);
        strbuf_addc(out, '\n');
    }
    for (int32_t i = 0; i < wb->dicts.n; i++)
        if (v->proof[i])
            print_proof(out, v, i);
}

/* One proof as ever; of several each says where its SAE is. */
static void proofs_json(const struct verification *v, json_t *root)
{
    json_t *all = json_array();
    for (int32_t i = 0; i < v->wb->dicts.n; i++) {
        char hook[POINT_NAME_MAX];
        if (!v->proof[i])
            continue;
        json_t *one = proof_json(v->proof[i]);
        point_name(v->wb->dicts.place[i].at, hook);
        if (v->wb->dicts.n > 1)
            json_object_set_new(one, "hook", json_string(hook));
        json_array_append_new(all, one);
    }
    if (v->wb->dicts.n > 1)
        json_object_set(root, "proofs", all);
    else
        json_object_set(root, "proof", json_array_size(all) ? json_array_get(all, 0) : json_null());
    json_decref(all);
}

static void print_json(struct cli *cli, const struct verification *v)
{
    const struct workbench *wb = v->wb;
    json_t *chosen = json_array(), *lines = json_array();
    for (int32_t i = 0; i < wb->n_chosen; i++)
        json_array_append_new(chosen, unit_json(&wb->dicts, wb->chosen[i]));
    for (int i = 0; i < N_SENTENCES; i++) {
        const struct line_tokens *t = v->snap->line[i].tokens;
        json_t *ids = json_array();
        for (int32_t j = 0; j < t->n; j++)
            json_array_append_new(ids, json_integer(t->token[j].id));
        json_array_append_new(lines, json_pack("{s:s, s:o, s:o}", "text", sentences[i], "ids", ids,
                                               "loss_mean", json_number(v->loss[i])));
    }
    json_t *root = json_pack("{s:{s:o, s:s}, s:o, s:o}", "model", "name", json_text(wb->model_name),
                             "hash", v->hash, "chosen", chosen, "lines", lines);
    json_object_set_new(root, "bundle_verified", json_boolean(v->bundle_checked));
    json_object_set_new(root, "tl_weights", json_boolean(model_tl_tokens(wb->model) > 0));
    proofs_json(v, root);
    output_json(cli, root);
}

static bool verify(struct cli *cli, const void *given, int n_operands, char **operand,
                   struct error *e)
{
    struct verification v = {0};
    struct options o = cli->opt;
    bool ok = false;
    (void)given;
    if (n_operands > 0)
        o.model = operand[0];
    if (o.n_fix > 0 || o.n_insert > 0) {
        error_set(e, ERROR_INPUT,
                  "verify: found --fix or --insert, expected neither: it looks at the plain model");
        goto cleanup;
    }
    if (!cli_open(cli, &o, &v.wb, e) ||
        !cli_weights_hash(cli, (const char *const[]){model_dir(v.wb->model)}, 1, &v.hash, e))
        goto cleanup;
    if (v.wb->bundle_is_ours) {
        v.bundle_checked =
            v.wb->bundle_checked || bundle_verify(v.wb->bundle, cli_files_hash, cli, e);
        if (!v.bundle_checked)
            goto cleanup;
    }
    if (!sentences_run(&v, cli, e))
        goto cleanup;
    if (!prove_all(&v, cli, &o, e))
        goto cleanup;
    if (cli->opt.output == OUTPUT_JSON)
        print_json(cli, &v);
    else
        print_text(&cli->out, &v);
    ok = true;
cleanup:
    for (int i = 0; i < DICT_SET_MAX; i++)
        table_set_unref(v.proof[i]);
    snapshot_unref(v.snap);
    workbench_free(v.wb);
    return ok;
}

const struct command verify_command = {
    .name = "verify",
    .operands = "[MODEL]",
    .summary = "losses of fixed sentences, proof of the SAE",
    .max_operands = 1,
    .run = verify,
};
