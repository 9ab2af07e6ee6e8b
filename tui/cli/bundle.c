/* glimt bundle new: what the options name, as a bundle. */
#include "engine/formats/bundle.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/formats/tensors.h"
#include "engine/hub/cache.h"
#include "tui/cli/study.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct bundle_values {
    const char *title;
    int32_t n_files, n_labels;
    const char *file[CORPUS_MAX_CLASSES], *label[CORPUS_MAX_CLASSES]; /* NAME=FILE, NAME=TEXT */
    int limit;
    bool header, statistics, force;
};

static bool add(const char **list, int32_t *n, const char *value, struct error *e)
{
    if (*n == CORPUS_MAX_CLASSES)
        return error_set(e, ERROR_INPUT, "found one more class, %s, expected at most %d", value,
                         CORPUS_MAX_CLASSES);
    const char *equals = strchr(value, '=');
    if (!equals || equals == value || !equals[1])
        return error_set(e, ERROR_INPUT, "found %s, expected NAME=…", value);
    list[(*n)++] = value;
    return true;
}

static bool class_call(void *values, const char *value, struct error *e)
{
    struct bundle_values *v = values;
    return add(v->file, &v->n_files, value, e);
}

static bool label_call(void *values, const char *value, struct error *e)
{
    struct bundle_values *v = values;
    return add(v->label, &v->n_labels, value, e);
}

#define AT(member) .offset = offsetof(struct bundle_values, member)
static const struct option_row bundle_options[] = {
    {"title", "TEXT", "what people read", OPTION_TEXT, AT(title)},
    {"class", "NAME=FILE", "a class with its reference sentences; as often as needed", OPTION_CALL,
     .call = class_call},
    {"label", "NAME=TEXT", "what a class is called: da=Danish", OPTION_CALL, .call = label_call},
    {"limit", "N", "the first N sentences of each class", OPTION_INT, AT(limit), .min = 1,
     .max = INT32_MAX},
    {"statistics", NULL, "of all units: a harvest of CORPUS, else of the references", OPTION_FLAG,
     AT(statistics)},
    {"header", NULL, "the first of CORPUS' lines text<TAB>label is a header: skip it", OPTION_FLAG,
     AT(header)},
    {"force", NULL, "replace what is there", OPTION_FLAG, AT(force)},
    {.name = NULL},
};
#undef AT
static const struct bundle_values bundle_defaults = {.title = NULL};

struct making {
    struct cli *cli;
    const struct bundle_values *v;
    const char *corpus; /* NULL: none */
    struct workbench *wb;
    struct bundle *b;
    size_t cap_files;
    struct error *e;
};

/* ---- what it names */

/* A name in the cache for what lies there, else the path. New. */
static char *name_of(const char *path)
{
    char *name = hub_name_of(path);
    return name ? name : xstrdup(path);
}

static void add_file(struct making *k, const char *path)
{
    struct bundle *b = k->b;
    b->file = grow(b->file, &k->cap_files, b->n_files + 1, sizeof *b->file);
    b->file[b->n_files++] = (struct bundle_file){.path = name_of(path)};
}

static void add_those_there(struct making *k, const char *dir, const char *const *names)
{
    for (; *names; names++) {
        char *path = xasprintf("%s/%s", dir, *names);
        if (access(path, F_OK) == 0)
            add_file(k, path);
        free(path);
    }
}

static bool add_weights(struct making *k, const char *path)
{
    struct tensors *t = NULL;
    if (!tensors_open(path, &t, k->e))
        return false;
    for (size_t i = 0; i < tensors_files(t); i++)
        add_file(k, tensors_file(t, i));
    tensors_close(t);
    return true;
}

static bool take_model(struct making *k)
{
    static const char *const beside[] = {"config.json",
                                         "tokenizer.json",
                                         "tokenizer_config.json",
                                         "vocab.json",
                                         "merges.txt",
                                         "model.safetensors.index.json",
                                         "pytorch_model.bin.index.json",
                                         NULL};
    const char *dir = model_dir(k->wb->model);
    k->b->model = name_of(dir);
    add_those_there(k, dir, beside);
    return add_weights(k, dir);
}

static bool take_sae(struct making *k, const char *path)
{
    static const char *const beside[] = {"cfg.json", "config.json", "activation_scaler.json", NULL};
    const char *slash = strrchr(path, '/'), *dot = strrchr(path, '.');
    char *dir = access(path, X_OK) == 0 && !dot ? xstrdup(path)
                : slash                         ? xstrndup(path, (size_t)(slash - path))
                                                : xstrdup(".");
    add_those_there(k, dir, beside);
    if (dot && dot > slash) { /* the authors' .pt has a .json of its name */
        char *json = xasprintf("%.*s.json", (int)(dot - path), path);
        if (access(json, F_OK) == 0)
            add_file(k, json);
        free(json);
    }
    free(dir);
    return add_weights(k, path);
}

static bool take_dicts(struct making *k)
{
    const struct dict_set *set = &k->wb->dicts;
    struct bundle *b = k->b;
    char name[POINT_NAME_MAX];
    if (set->n == 0 && k->cli->opt.hook) {
        point_name(k->wb->at, name);
        b->hook = xstrdup(name);
    }
    b->dict = xcalloc((size_t)set->n, sizeof *b->dict);
    for (; b->n_dicts < set->n; b->n_dicts++) {
        const struct dict_place *p = &set->place[b->n_dicts];
        const char *path = dict_path(p->dict);
        struct bundle_dict *d = &b->dict[b->n_dicts];
        point_name(p->at, name);
        d->hook = xstrdup(name);
        d->sae = path ? name_of(path) : NULL;
        if (path && !take_sae(k, path))
            return false;
    }
    return true;
}

static void take_chosen(struct making *k)
{
    const struct workbench *wb = k->wb;
    struct bundle *b = k->b;
    b->chosen = xcalloc((size_t)wb->n_chosen, sizeof *b->chosen);
    for (; b->n_chosen < wb->n_chosen; b->n_chosen++) {
        char name[UNIT_NAME_MAX];
        unit_name(&wb->dicts, wb->chosen[b->n_chosen], name);
        b->chosen[b->n_chosen] = xstrdup(name);
    }
}

/* ---- its classes */
static bool class_exists(const struct bundle *b, const char *name, size_t n, int32_t *at)
{
    for (*at = 0; *at < b->n_classes; ++*at)
        if (strlen(b->cls[*at].name) == n && memcmp(b->cls[*at].name, name, n) == 0)
            return true;
    return false;
}

static void add_class(struct bundle *b, const char *name, size_t n)
{
    b->cls[b->n_classes++] =
        (struct bundle_class){.name = xstrndup(name, n), .label = xstrndup(name, n)};
}

static void take_sentences(struct bundle *b, const struct corpus *c)
{
    size_t cap[CORPUS_MAX_CLASSES] = {0};
    for (int64_t i = 0; i < c->n_docs; i++) {
        int32_t at;
        const struct corpus_doc *d = &c->doc[i];
        const char *name = c->cls[d->cls].name;
        if (!class_exists(b, name, strlen(name), &at))
            continue;
        struct bundle_class *k = &b->cls[at];
        k->sentence = grow(k->sentence, &cap[at], (size_t)k->n_sentences + 1, sizeof *k->sentence);
        k->sentence[k->n_sentences++] = xstrndup(d->text, d->n);
    }
}

/* Of files of any kind that a corpus may have. */
static bool take_references(struct making *k)
{
    const struct bundle_values *v = k->v;
    struct corpus_spec spec = {.limit = v->limit, .encoding = k->cli->opt.encoding};
    struct corpus *c = NULL;
    for (int32_t i = 0; i < v->n_files; i++) {
        const char *equals = strchr(v->file[i], '=');
        const size_t n = (size_t)(equals - v->file[i]);
        int32_t at;
        if (class_exists(k->b, v->file[i], n, &at))
            return error_set(k->e, ERROR_INPUT, "--class: found %s twice, expected each class once",
                             k->b->cls[at].name);
        add_class(k->b, v->file[i], n);
        struct bundle_class *made = &k->b->cls[k->b->n_classes - 1];
        made->reference = xstrdup(equals + 1);
        spec.file[i].cls = made->name;
        spec.file[i].path = made->reference;
        spec.n_files++;
    }
    if (spec.n_files == 0)
        return true;
    if (!corpus_open(&spec, &c, k->e))
        return false;
    take_sentences(k->b, c);
    corpus_free(c);
    return true;
}

static bool take_labels(struct making *k)
{
    for (int32_t i = 0; i < k->v->n_labels; i++) {
        const char *label = k->v->label[i], *equals = strchr(label, '=');
        int32_t at;
        if (!class_exists(k->b, label, (size_t)(equals - label), &at))
            return error_set(k->e, ERROR_INPUT, "--label: found %s, expected a class that there is",
                             label);
        free(k->b->cls[at].label);
        k->b->cls[at].label = xstrdup(equals + 1);
    }
    return true;
}

/* ---- statistics */
static void choose_corpus(const struct making *k, struct corpus_choice *c)
{
    const char *encoding = k->cli->opt.encoding;
    c->limit = k->v->limit;
    c->header = k->v->header;
    c->special = k->cli->opt.special;
    c->encoding = encoding ? xstrdup(encoding) : NULL;
    if (k->corpus) {
        c->path = xstrdup(k->corpus);
        return;
    }
    for (; c->n_files < k->b->n_classes; c->n_files++) {
        c->file[c->n_files].cls = xstrdup(k->b->cls[c->n_files].name);
        c->file[c->n_files].path = xstrdup(k->b->cls[c->n_files].reference);
    }
}

/* The classes of the corpus, where no references say which there are. */
static bool check_classes(struct making *k, const struct table *classes)
{
    struct bundle *b = k->b;
    const int32_t name = table_find(classes, "class");
    int32_t at;
    for (int64_t i = 0; k->v->n_files == 0 && i < classes->n_rows; i++) {
        const char *s = table_str(classes, i, name);
        if (!class_exists(b, s, strlen(s), &at))
            add_class(b, s, strlen(s));
    }
    for (int32_t i = 0; i < b->n_classes; i++) {
        bool there = false;
        for (int64_t j = 0; j < classes->n_rows; j++)
            there = there || strcmp(table_str(classes, j, name), b->cls[i].name) == 0;
        if (!there)
            return error_set(k->e, ERROR_INPUT, "%s: found no text of the class %s, expected some",
                             k->corpus, b->cls[i].name);
    }
    return true;
}

static void read_column(const struct table *t, const char *name, float *out)
{
    const int32_t c = table_find(t, name);
    for (int64_t i = 0; i < t->n_rows; i++)
        out[i] = (float)table_f64(t, i, c);
}

static bool read_statistics(struct making *k, const struct table *t, int32_t place)
{
    const struct bundle *b = k->b;
    struct bundle_statistics *is = &k->b->dict[place].is;
    const size_t m = (size_t)t->n_rows;
    if (t->n_rows != k->wb->dicts.place[place].m)
        return error_set(k->e, ERROR_SYSTEM,
                         "bundle new: found statistics of %lld units, expected "
                         "%d: the cache has others",
                         (long long)t->n_rows, k->wb->dicts.place[place].m);
    is->n_units = (int32_t)t->n_rows;
    is->fire_share = xcalloc(m * (size_t)b->n_classes, sizeof(float));
    is->mean_pre = xcalloc(m * (size_t)b->n_classes, sizeof(float));
    is->pre_median = xcalloc(m, sizeof(float));
    is->abs_pre_p99 = xcalloc(m, sizeof(float));
    for (int32_t i = 0; i < b->n_classes; i++) {
        char *share = xasprintf("fire_share.%s", b->cls[i].name),
             *mean = xasprintf("mean_pre.%s", b->cls[i].name);
        read_column(t, share, is->fire_share + (size_t)i * m);
        read_column(t, mean, is->mean_pre + (size_t)i * m);
        free(share);
        free(mean);
    }
    read_column(t, "pre_median", is->pre_median);
    read_column(t, "abs_pre_p99", is->abs_pre_p99);
    return true;
}

static bool count_place(struct making *k, struct lab *lab, int32_t place)
{
    struct request r;
    struct table_set *set = NULL;
    struct lab_facts facts;
    struct lab_loop loop = cli_loop(k->cli);
    request_init(&r, &usual_query);
    choose_corpus(k, &r.corpus);
    request_set_dict(&r, &k->wb->dicts, place);
    bool ok = lab_run(lab, &r, &loop, &set, &facts, k->e);
    ok = ok && check_classes(k, table_set_find(set, "classes")) &&
         read_statistics(k, table_set_find(set, "statistics"), place);
    table_set_unref(set);
    request_release(&r);
    return ok;
}

static bool take_statistics(struct making *k)
{
    if (!k->v->statistics)
        return !k->corpus || error_set(k->e, ERROR_INPUT,
                                       "bundle new: found CORPUS %s without --statistics, expected "
                                       "both or neither",
                                       k->corpus);
    if (!k->corpus && k->b->n_classes == 0)
        return error_set(k->e, ERROR_INPUT,
                         "--statistics: found no text, expected CORPUS or --class NAME=FILE");
    if (k->wb->dicts.n == 0)
        return error_set(k->e, ERROR_INPUT,
                         "--statistics: found no SAE and no --neurons, expected units");
    struct lab *lab = lab_new(k->wb, &k->cli->opt);
    bool ok = true;
    for (int32_t i = 0; ok && i < k->wb->dicts.n; i++)
        ok = count_place(k, lab, i);
    progress_clear(&k->cli->progress);
    if (lab_said(lab)[0] && !k->cli->opt.quiet)
        fprintf(stderr, "glimt: %s\n", lab_said(lab));
    lab_free(lab);
    return ok;
}

/* ---- what was written */
static json_t *dicts_json(const struct bundle *b)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < b->n_dicts; i++) {
        const struct bundle_dict *d = &b->dict[i];
        json_array_append_new(list, json_pack("{s:o, s:o, s:i}", "sae", json_text(d->sae), "hook",
                                              json_text(d->hook), "units", d->is.n_units));
    }
    return list;
}

/* Two classes with sentences, but not as many: their lines are then no pairs. False: there are
 * none.
 */
static bool find_unequal(const struct bundle *b, const struct bundle_class *of[2])
{
    of[0] = NULL;
    for (int32_t i = 0; i < b->n_classes; i++) {
        of[1] = &b->cls[i];
        if (of[1]->n_sentences == 0)
            continue;
        if (of[0] && of[0]->n_sentences != of[1]->n_sentences)
            return true;
        of[0] = of[0] ? of[0] : of[1];
    }
    return false;
}

static void say(struct cli *cli, const struct bundle *b)
{
    const struct bundle_class *unequal[2];
    if (cli->opt.output == OUTPUT_JSON) {
        json_t *classes = json_array();
        for (int32_t i = 0; i < b->n_classes; i++)
            json_array_append_new(
                classes, json_pack("{s:o, s:o, s:i}", "name", json_text(b->cls[i].name), "label",
                                   json_text(b->cls[i].label), "sentences", b->cls[i].n_sentences));
        output_json(cli, json_pack("{s:o, s:o, s:o, s:o, s:o, s:b, s:i, s:i}", "bundle",
                                   json_text(b->path), "title", json_text(b->title), "model",
                                   json_text(b->model), "dictionaries", dicts_json(b), "classes",
                                   classes, "pairs", !find_unequal(b, unequal), "chosen",
                                   b->n_chosen, "files", (int)b->n_files));
        return;
    }
    strbuf_addf(&cli->out, "%s: %s\n  model       %s\n", b->path, b->title, b->model);
    for (int32_t i = 0; i < b->n_dicts; i++)
        strbuf_addf(&cli->out, "  %-12s%s at %s%s\n", b->dict[i].sae ? "SAE" : "neurons",
                    b->dict[i].sae ? b->dict[i].sae : "all", b->dict[i].hook,
                    b->dict[i].is.n_units > 0 ? ", with statistics" : "");
    for (int32_t i = 0; i < b->n_classes; i++)
        strbuf_addf(&cli->out, "  class       %s (%s), %d reference sentences\n", b->cls[i].name,
                    b->cls[i].label, b->cls[i].n_sentences);
    if (find_unequal(b, unequal))
        strbuf_addf(&cli->out,
                    "  no pairs    %s has %d sentences and %s %d: line i of one is not line i of "
                    "the other\n",
                    unequal[0]->name, unequal[0]->n_sentences, unequal[1]->name,
                    unequal[1]->n_sentences);
    strbuf_addf(&cli->out, "  %d chosen units, hashes of %zu files\n", b->n_chosen, b->n_files);
}

static bool check(const struct making *k, const char *path)
{
    const struct options *o = &k->cli->opt;
    const size_t n = strlen(path);
    if (n < 7 || strcmp(path + n - 6, ".glimt") != 0 || path[n - 7] == '/')
        return error_set(k->e, ERROR_INPUT, "bundle new: found %s, expected NAME.glimt", path);
    if (!o->model)
        return error_set(k->e, ERROR_INPUT, "bundle new: found no --model, expected one");
    if (o->n_fix > 0 || o->n_insert > 0)
        return error_set(
            k->e, ERROR_INPUT,
            "bundle new: found --fix or --insert, expected neither: a bundle has none");
    if (!k->v->force && file_is_named(path))
        return error_set(k->e, ERROR_INPUT,
                         "%s is already there, expected a new name, or --force, which replaces it",
                         path);
    return true;
}

static bool can_name(const struct making *k, char *path)
{
    char *name = path ? name_of(path) : NULL;
    const bool ok = name && bundle_can_name(k->b, name, k->e);
    free(name);
    free(path);
    return ok;
}

static bool can_name_sae(const struct making *k, const char *spec)
{
    char *path = NULL;
    return !spec || (hub_resolve_file(spec, &path, k->e) && can_name(k, path));
}

/* Where all lies is known before seconds go by with loading it. */
static bool check_places(const struct making *k)
{
    const struct options *o = &k->cli->opt;
    char *dir = NULL;
    bool ok = can_name_sae(k, o->sae);
    for (int32_t i = 0; ok && i < o->n_more; i++)
        ok = can_name_sae(k, o->more[i].path);
    return ok && hub_resolve(o->model, &dir, k->e) && can_name(k, dir);
}

static void take_words(struct making *k, const char *path)
{
    const struct options *o = &k->cli->opt;
    const char *slash = strrchr(path, '/'), *name = slash ? slash + 1 : path;
    k->b->path = xstrdup(path);
    k->b->title = k->v->title ? xstrdup(k->v->title) : xstrndup(name, strlen(name) - 6);
    k->b->theme = o->theme && o->theme != o->file_theme ? xstrdup(o->theme) : NULL;
    k->b->cls = xcalloc(CORPUS_MAX_CLASSES, sizeof *k->b->cls);
}

static bool bundle_new(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    struct making k = {.cli = cli, .v = values, .corpus = n > 1 ? operand[1] : NULL, .e = e};
    if (!check(&k, operand[0]))
        return false;
    cli->opt.bundle = NULL; /* of a configuration: the model's name goes before */
    k.b = xcalloc(1, sizeof *k.b);
    take_words(&k, operand[0]);
    bool ok = check_places(&k) && take_references(&k) && cli_open(cli, &cli->opt, &k.wb, e) &&
              take_model(&k) && take_dicts(&k) && take_statistics(&k) && take_labels(&k);
    if (ok)
        take_chosen(&k);
    ok = ok && bundle_write(k.b, k.v->force, cli_files_hash, cli, e);
    if (ok)
        say(cli, k.b);
    workbench_free(k.wb);
    bundle_free(k.b);
    return ok;
}

const struct command bundle_new_command = {
    .name = "bundle new",
    .operands = "NAME.glimt [CORPUS]",
    .summary = "a bundle of what the options name",
    .min_operands = 1,
    .max_operands = 2,
    .options = bundle_options,
    .defaults = &bundle_defaults,
    .values_size = sizeof bundle_defaults,
    .run = bundle_new,
};
