#include "tui/cli/study.h"
#include "engine/base/memory.h"
#include "engine/formats/mapping.h"
#include "engine/text/utf8.h"
#include "tui/lab/param_json.h"
#include "tui/plot/plot.h"
#include "tui/unit_list.h"
#include "tui/unit_words.h"
#include "tui/view/label.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- progress */
static void show(void *arg, const struct study_progress *p, const char *what)
{
    progress_study(arg, p, what);
}

struct lab_loop cli_loop(struct cli *cli)
{
    return (struct lab_loop){
        .cancel = interrupt_flag(), .progress = show, .progress_arg = &cli->progress};
}

/* ---- the request */
/* An operand that is names of units, commas between them, and no file: "418", "L3N669,L4N482",
 * "mlp_3/418", "@LIST". */
static bool is_units(const char *s)
{
    struct unit_word w = {.layer = -1};
    const char *end = s;
    bool may_be_file = strchr(s, ',') != NULL;
    do {
        if (*end == '@')
            end += strcspn(end, ",");
        else if (!unit_word_read(&end, &w, NULL))
            return false;
        may_be_file |= w.place[0] != '\0';
    } while (*end == ',' && *++end);
    return !*end && (!may_be_file || access(s, F_OK) != 0);
}

static bool is_number(const char *s)
{
    return *s && s[strspn(s, "0123456789")] == '\0';
}

static bool take_words(struct inquiry *q, const char *names, struct error *e)
{
    for (const char *s = names; *s; s += *s == ',') {
        if (q->n_words == UNITS_MAX)
            return error_set(e, ERROR_INPUT, "found one more latent, %s, expected at most %d", s,
                             UNITS_MAX);
        if (!unit_word_read(&s, &q->word[q->n_words++], e))
            return false;
    }
    return true;
}

static bool take_units(struct inquiry *q, const char *operand, struct error *e)
{
    struct strbuf names;
    strbuf_init(&names);
    const bool ok =
        (is_units(operand) ||
         error_set(e, ERROR_INPUT, "found %s, expected the number of a latent", operand)) &&
        unit_lists_expand(operand, &names, e) && take_words(q, names.s, e);
    strbuf_release(&names);
    return ok || error_prefix(e, "%s", q->cli->command->name);
}

static bool is_given(const struct inquiry *q, const char *param)
{
    const struct params *p = &q->request.params;
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->value[i].of->name, param) == 0)
            return q->values->given[i] != NULL;
    return false;
}

static bool take_operands(struct inquiry *q, int n, char **operand, struct error *e)
{
    struct request *r = &q->request;
    const bool ids = strstr(q->cli->command->operands, "ID") != NULL;
    const bool text = r->query->text && n > 0 && !is_given(q, "text");
    int i = 0;
    n -= text; /* whatever it looks like */
    for (; ids && i < n && (is_units(operand[i]) || is_number(operand[i])); i++)
        if (!take_units(q, operand[i], e))
            return false;
    if (text)
        params_set_text(&r->params, "text", operand[n]);
    if (r->query->words && i < n)
        corpus_choice_words(&r->corpus, operand[i++]);
    else if (r->query->corpus && i < n)
        r->corpus.path = xstrdup(operand[i++]);
    if (i < n)
        return error_set(e, ERROR_INPUT, "%s: found one more argument, %s, expected %s",
                         q->cli->command->name, operand[i], q->cli->command->operands);
    return true;
}

/* The operands' units, once it is known what there is; without an SAE that is said elsewhere. */
static bool find_units(struct inquiry *q, struct error *e)
{
    const struct dict_set *dicts = &q->wb->dicts;
    struct unit_id unit[UNITS_MAX];
    for (int32_t i = 0; i < q->n_words && dicts->n > 0; i++)
        if (!unit_find(dicts, &q->word[i], &unit[i], e))
            return error_prefix(e, "%s", q->cli->command->name);
    if (q->n_words > 0 && dicts->n > 0)
        request_set_units(&q->request, unit, q->n_words);
    return true;
}

static bool take_files(struct inquiry *q, struct error *e)
{
    struct corpus_choice *c = &q->request.corpus;
    for (int32_t i = 0; i < q->values->n_files; i++) {
        const char *given = q->values->file[i], *equals = strchr(given, '=');
        if (!equals || equals == given || !equals[1])
            return error_set(e, ERROR_INPUT, "--class: found %s, expected NAME=FILE", given);
        if (!utf8_is_valid(given, (size_t)(equals - given)))
            return error_set(
                e, ERROR_INPUT,
                "--class: found the name %.*s, which is no UTF-8, expected one that is",
                (int)(equals - given), given);
        c->file[c->n_files].cls = xstrndup(given, (size_t)(equals - given));
        c->file[c->n_files++].path = xstrdup(equals + 1);
    }
    c->words = q->request.query->words;
    if (c->words && !corpus_choice_has_files(c))
        return error_set(e, ERROR_INPUT,
                         "%s: found no words, expected WORDS (word<TAB>class) or --class NAME=FILE",
                         q->cli->command->name);
    return true;
}

static bool take_value(struct param_value *p, const char *given, struct error *e)
{
    struct strbuf names;
    if (!p->of->names_units)
        return param_value_parse(p, given, e);
    strbuf_init(&names);
    const bool ok = unit_lists_expand(given, &names, e) && param_value_parse(p, names.s, e);
    strbuf_release(&names);
    return ok;
}

static bool take_values(struct inquiry *q, struct error *e)
{
    const struct study_values *v = q->values;
    struct request *r = &q->request;
    const char *encoding = q->cli->opt.encoding;
    r->corpus.limit = v->limit ? v->limit : r->query->limit;
    r->corpus.header = v->header;
    r->corpus.special = q->cli->opt.special;
    if (corpus_choice_has_files(&r->corpus))
        r->corpus.encoding = encoding ? xstrdup(encoding) : NULL;
    for (int i = 0; i < r->params.n; i++) {
        struct param_value *p = &r->params.value[i];
        if (v->given[i] && !take_value(p, v->given[i], e))
            return error_prefix(e, "--%s", p->of->name);
        if (p->of->type == PARAM_SEED)
            params_set_seed(&r->params, p->of->name, q->cli->opt.seed);
    }
    return true;
}

/* A configuration may say how the explorer and analyze read text; a corpus is read one way. */
static bool join_given(const struct options *o)
{
    const char *config = options_config(o, "context");
    return o->join && !(config && strcmp(config, "join") == 0);
}

static bool check(const struct cli *cli, const struct query *query, struct error *e)
{
    if (query->corpus && join_given(&cli->opt))
        return error_set(e, ERROR_INPUT,
                         "%s: found --context join, expected none: a document is a sequence of its "
                         "own, and what is counted, paired and drawn again for an interval",
                         cli->command->name);
    if (cli->opt.n_fix > 0)
        return error_set(e, ERROR_INPUT,
                         "%s: found --fix, expected none: it reads the model as it is",
                         cli->command->name);
    if (cli->opt.n_insert > 0)
        return error_set(e, ERROR_INPUT, "%s: found --insert, expected none", cli->command->name);
    return true;
}

static const char *writable(const struct store *store)
{
    return store ? " that can be written" : "";
}

/* What was done is kept where there is a cache: say so. */
static void explain_interruption(const struct inquiry *q, struct error *e)
{
    struct store *store = lab_store(q->lab, NULL);
    const bool keeps = store && !store_is_read_only(store);
    const struct error why = *e;
    if (why.kind != ERROR_CANCELLED && why.kind != ERROR_LOST)
        return;
    *e = (struct error){0};
    if (why.kind == ERROR_LOST && keeps)
        error_set(e, ERROR_LOST,
                  "%s: its last checkpoint is kept, the same command goes on from there (%s)",
                  why.text, store_path(store));
    else if (why.kind == ERROR_LOST)
        error_set(e, ERROR_LOST, "%s: without a cache%s nothing is kept", why.text,
                  writable(store));
    else if (keeps)
        error_set(e, ERROR_CANCELLED,
                  "interrupted: what is done is kept, the same command goes on from there (%s)",
                  store_path(store));
    else
        error_set(e, ERROR_CANCELLED, "interrupted: without a cache%s nothing is kept",
                  writable(store));
}

/* No token sees what lies before its window: losses and latents there are those of a new text. */
static void note_cut(const struct inquiry *q)
{
    const struct corpus *c = lab_corpus(q->lab, &q->request.corpus, CORPUS_ALL, NULL);
    if (q->cut.docs == 0 || q->cli->opt.quiet || !c)
        return;
    const struct corpus_doc *d = &c->doc[q->cut.first];
    if (q->request.query->first_window) {
        fprintf(stderr,
                "glimt: note: %s: %lld document%s longer than the context of %d tokens: the first "
                "so many count; the first is line %d (%s)\n",
                c->name, (long long)q->cut.docs, q->cut.docs == 1 ? " is" : "s are",
                (int)model_config(q->wb->model)->n_ctx, (int)d->line, c->cls[d->cls].name);
        return;
    }
    fprintf(stderr,
            "glimt: note: %s: %lld document%s longer than the context of %d tokens, cut into %lld "
            "windows that do not see each other; the first is line %d (%s)\n",
            c->name, (long long)q->cut.docs, q->cut.docs == 1 ? " is" : "s are",
            (int)model_config(q->wb->model)->n_ctx, (long long)q->cut.windows, (int)d->line,
            c->cls[d->cls].name);
}

bool inquiry_take(struct inquiry *q, struct cli *cli, const struct study_values *v,
                  const struct query *query, int n_operands, char **operand, struct error *e)
{
    *q = (struct inquiry){.cli = cli, .values = v};
    request_init(&q->request, query);
    return check(cli, query, e) && take_operands(q, n_operands, operand, e) && take_files(q, e) &&
           take_values(q, e);
}

bool inquiry_answer(struct inquiry *q, struct error *e)
{
    struct cli *cli = q->cli;
    if (!cli_open(cli, &cli->opt, &q->wb, e) || !find_units(q, e) ||
        !request_settle_insert(&q->request, &q->wb->dicts, e))
        return false;
    struct lab_loop loop = cli_loop(cli);
    q->lab = lab_new(q->wb, &cli->opt);
    bool ok = lab_run(q->lab, &q->request, &loop, &q->set, &q->facts, e);
    const bool reads = request_reads_corpus(&q->request);
    ok = ok && (!reads || lab_cut(q->lab, &q->request.corpus, &loop, &q->cut, e));
    progress_clear(&cli->progress);
    if (ok && reads)
        note_cut(q);
    if (ok)
        cli_note_saturated(cli, q->wb->jobs->saturated);
    if (lab_said(q->lab)[0] && !cli->opt.quiet)
        fprintf(stderr, "glimt: %s\n", lab_said(q->lab));
    if (!ok)
        explain_interruption(q, e);
    return ok;
}

bool inquiry_run(struct inquiry *q, struct cli *cli, const struct study_values *v,
                 const struct query *query, int n_operands, char **operand, struct error *e)
{
    return inquiry_take(q, cli, v, query, n_operands, operand, e) && inquiry_answer(q, e);
}

void inquiry_release(struct inquiry *q)
{
    table_set_unref(q->set);
    lab_free(q->lab);
    workbench_free(q->wb);
    request_release(&q->request);
}

/* ---- printing */
const struct table *inquiry_table(const struct inquiry *q, const char *name)
{
    return table_set_find(q->set, name);
}

int64_t inquiry_rows(const struct inquiry *q)
{
    const struct params *p = &q->request.params;
    for (int i = 0; i < p->n; i++)
        if (p->value[i].of->prints && p->value[i].there)
            return p->value[i].i;
    return 0;
}

/* At most --rows rows of the first table. New. */
static struct table *first_rows(const struct inquiry *q, const struct table *t)
{
    int64_t most = inquiry_rows(q), n = most > 0 && most < t->n_rows ? most : t->n_rows;
    int64_t *row = xcalloc((size_t)n + 1, sizeof *row);
    for (int64_t i = 0; i < n; i++)
        row[i] = i;
    struct table *part = table_select(t, row, n);
    free(row);
    return part;
}

json_t *inquiry_json(const struct inquiry *q, const char *const *names)
{
    json_t *root = json_object();
    for (int i = 0; names[i]; i++) {
        const struct table *t = inquiry_table(q, names[i]);
        struct table *part = t && i == 0 ? first_rows(q, t) : NULL;
        if (t)
            json_object_set_new(root, names[i], table_json(part ? part : t));
        table_free(part);
    }
    return root;
}

/* A table in words for people: units by what they are called, ids without a token by what they are.
 * New. */
static struct table *for_people(const struct inquiry *q, const struct table *from)
{
    struct table *t = table_copy(from);
    const int32_t unit = table_find(t, "latent");
    int32_t id, text, bytes;
    const bool named = table_find(t, "unit") >= 0;
    if (unit >= 0 && named) /* the name says it */
        table_drop_column(t, unit);
    else if (unit >= 0)
        unit_words_in(q->wb, t->cols[unit].name);
    id = table_find(t, "id"), text = table_find(t, "text"), bytes = table_find(t, "bytes");
    unit_words_in(q->wb, t->title);
    unit_words_in(q->wb, t->note);
    for (int64_t i = 0; id >= 0 && text >= 0 && bytes >= 0 && i < t->n_rows; i++) {
        char label[LABEL_MAX];
        const char *hex = table_str(t, i, bytes);
        if (table_has(t, i, text) || (hex && *hex))
            continue;
        padding_label(table_i64(t, i, id), label);
        table_set_str(t, i, text, label);
    }
    return t;
}

static void print_text(struct inquiry *q, const char *const *names, const struct table *instead)
{
    struct strbuf *out = &q->cli->out;
    for (int i = 0; names[i]; i++) {
        const struct table *t = i == 0 && instead ? instead : inquiry_table(q, names[i]);
        struct table_text how = output_table(q->cli);
        if (!t)
            continue;
        if (i == 0)
            how.rows = inquiry_rows(q);
        if (out->len > 0)
            strbuf_addc(out, '\n');
        struct table *said = for_people(q, t);
        if (said->n_rows == 0 && *said->note)
            strbuf_addf(out, "%s\n", said->note);
        else
            table_write_text(said, &how, out);
        table_free(said);
    }
}

static void print_csv(struct inquiry *q, const struct table *t)
{
    struct table *part = first_rows(q, t);
    table_write_csv(part, &q->cli->out);
    table_free(part);
}

static bool write_svg(struct inquiry *q, struct error *e)
{
    struct strbuf svg;
    struct plot_options plot;
    plot_options_init(&plot);
    strbuf_init(&svg);
    plot_svg_set(q->set, &plot, &svg);
    bool ok = output_svg(q->cli, &svg, e);
    strbuf_release(&svg);
    return ok;
}

/* What was asked, with the units that were meant. */
static json_t *parameters(const struct inquiry *q)
{
    struct params p;
    const struct unit_id *unit;
    params_copy(&p, &q->request.params);
    if (params_know(&p, "units") && params_units(&p, "units", &unit) == 0)
        params_set_units(&p, "units", q->wb->chosen, q->wb->n_chosen);
    json_t *o = params_json(&p, PARAMS_THERE, &q->wb->dicts);
    params_release(&p);
    return o;
}

bool inquiry_print(struct inquiry *q, json_t *root, const char *const *names,
                   const struct table *instead, struct error *e)
{
    const struct table *first = instead ? instead : inquiry_table(q, names[0]);
    if (q->cli->opt.output == OUTPUT_JSON) {
        json_object_set_new(root, "parameters", parameters(q));
        output_json(q->cli, root);
    } else {
        json_decref(root);
    }
    if (q->cli->opt.output == OUTPUT_CSV && first)
        print_csv(q, first);
    if (q->cli->opt.output == OUTPUT_TEXT)
        print_text(q, names, instead);
    return !q->cli->opt.svg || write_svg(q, e);
}

bool inquiry_plain(struct cli *cli, const struct study_values *v, const struct query *query, int n,
                   char **operand, const char *const *names, struct error *e)
{
    struct inquiry q;
    bool ok = inquiry_run(&q, cli, v, query, n, operand, e) &&
              inquiry_print(&q, inquiry_json(&q, names), names, NULL, e);
    inquiry_release(&q);
    return ok;
}
