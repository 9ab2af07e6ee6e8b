#include "tui/lab/request.h"
#include "engine/base/memory.h"
#include "tui/workbench.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- corpora */
static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

void corpus_choice_copy(struct corpus_choice *to, const struct corpus_choice *from)
{
    *to = *from;
    to->path = copy(from->path);
    to->encoding = copy(from->encoding);
    for (int i = 0; i < from->n_files; i++) {
        to->file[i].cls = copy(from->file[i].cls);
        to->file[i].path = copy(from->file[i].path);
    }
}

void corpus_choice_release(struct corpus_choice *c)
{
    free(c->path);
    free(c->encoding);
    for (int i = 0; i < c->n_files; i++) {
        free(c->file[i].cls);
        free(c->file[i].path);
    }
    *c = (struct corpus_choice){0};
}

void corpus_choice_words(struct corpus_choice *c, const char *given)
{
    char *name = xasprintf("demo/words/%s", given);
    char *own = !strchr(given, '/') && access(given, F_OK) != 0 ? program_data(name) : NULL;
    free(c->path);
    c->path = own ? own : xstrdup(given);
    c->words = true;
    free(name);
}

bool corpus_choice_has_files(const struct corpus_choice *c)
{
    return c->path || c->n_files > 0;
}

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash && slash[1] ? slash + 1 : path;
}

void corpus_choice_name(const struct corpus_choice *c, char *out, size_t n)
{
    if (c->path && c->n_files > 0)
        snprintf(out, n, "%s + %d", last_part(c->path), (int)c->n_files);
    else if (c->path)
        snprintf(out, n, "%s", last_part(c->path));
    else if (c->n_files > 1)
        snprintf(out, n, "%s + %d", last_part(c->file[0].path), (int)c->n_files - 1);
    else if (c->n_files == 1)
        snprintf(out, n, "%s", last_part(c->file[0].path));
    else
        snprintf(out, n, "references");
}

static bool same(const char *a, const char *b)
{
    return a == b || (a && b && strcmp(a, b) == 0);
}

bool corpus_choice_equal(const struct corpus_choice *a, const struct corpus_choice *b)
{
    if (!same(a->path, b->path) || a->n_files != b->n_files || a->limit != b->limit ||
        !same(a->encoding, b->encoding) || a->header != b->header || a->special != b->special ||
        a->words != b->words)
        return false;
    for (int i = 0; i < a->n_files; i++)
        if (!same(a->file[i].cls, b->file[i].cls) || !same(a->file[i].path, b->file[i].path))
            return false;
    return true;
}

/* ---- requests */
void request_init(struct request *r, const struct query *query)
{
    *r = (struct request){.query = query};
    query_params(query, &r->params);
}

void request_copy(struct request *to, const struct request *from)
{
    *to = *from;
    corpus_choice_copy(&to->corpus, &from->corpus);
    params_copy(&to->params, &from->params);
}

void request_release(struct request *r)
{
    corpus_choice_release(&r->corpus);
    params_release(&r->params);
}

bool request_equal(const struct request *a, const struct request *b)
{
    return a->query == b->query && corpus_choice_equal(&a->corpus, &b->corpus) &&
           params_equal(&a->params, &b->params) && a->only_kept == b->only_kept &&
           a->passing == b->passing;
}

int32_t request_units(const struct request *r, const struct unit_id **unit)
{
    *unit = NULL;
    return params_know(&r->params, "units") ? params_units(&r->params, "units", unit) : 0;
}

void request_set_units(struct request *r, const struct unit_id *unit, int32_t n)
{
    params_set_units(&r->params, "units", unit, n);
}

void request_set_dict(struct request *r, const struct dict_set *dicts, int32_t place)
{
    char name[UNIT_NAME_MAX];
    if (!dicts || dicts->n < 2)
        return;
    unit_place_name(dicts, place, name);
    params_set_text(&r->params, "dict", name);
}

bool request_settle_insert(struct request *r, const struct dict_set *dicts, struct error *e)
{
    const char *places = NULL;
    struct insertion in;
    struct strbuf text;
    if (params_know(&r->params, "insert"))
        params_insert(&r->params, "insert", &places);
    if (!places)
        return true;
    if (!insertion_parse(dicts, places, &in, e))
        return error_prefix(e, "--insert");
    strbuf_init(&text);
    insertion_print(dicts, in, &text);
    const bool ok = params_parse(&r->params, "insert", text.s, e) || error_prefix(e, "--insert");
    strbuf_release(&text);
    return ok;
}

bool request_rule(const struct request *r, struct rule *rule)
{
    bool min = params_has(&r->params, "min-share"), max = params_has(&r->params, "max-other");
    rule->min_share = min ? params_real(&r->params, "min-share") : .5;
    rule->max_other = max ? params_real(&r->params, "max-other") : .01;
    return min || max;
}

bool request_reads_corpus(const struct request *r)
{
    const struct params *p = &r->params;
    return r->query->corpus &&
           !(r->query->text && params_has(p, "on-at") && params_has(p, "off-at") &&
             !params_has(p, "off") && (!params_has(p, "later") || params_has(p, "shift")));
}

/* ---- the command line */
void request_quote(struct strbuf *out, const char *s)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
                                "-_./,:=@%+";
    if (*s && s[strspn(s, plain)] == '\0') {
        strbuf_adds(out, s);
        return;
    }
    strbuf_addc(out, '\'');
    for (; *s; s++)
        strbuf_adds(out, *s == '\'' ? "'\\''" : (char[]){*s, '\0'});
    strbuf_addc(out, '\'');
}

static void add_word(struct strbuf *out, const char *s)
{
    if (out->len > 0)
        strbuf_addc(out, ' ');
    request_quote(out, s);
}

static void add_option(struct strbuf *out, const char *name, const char *value)
{
    if (!value)
        return;
    add_word(out, name);
    add_word(out, value);
}

/* Some commands ask about the units of a session, others take them as operands too: all take
 * --latents. */
static void add_units(const struct param_value *v, const struct options *o,
                      const struct dict_set *dicts, struct strbuf *out)
{
    struct strbuf latents, neurons;
    strbuf_init(&latents);
    strbuf_init(&neurons);
    for (int32_t i = 0; v && i < v->n; i++) {
        char name[UNIT_NAME_MAX];
        const int32_t dict = v->unit[i].dict;
        const bool several = dicts && dicts->n > 1 && dict >= 0 && dict < dicts->n;
        const bool of_neurons = several ? dicts->place[dict].neurons : o->neurons;
        struct strbuf *list = of_neurons ? &neurons : &latents;
        unit_name(dicts, v->unit[i], name);
        strbuf_addf(list, "%s%s", list->len > 0 ? "," : "", name);
    }
    if (latents.len > 0)
        add_option(out, "--latents", latents.s);
    if (neurons.len > 0)
        add_option(out, "--neurons", neurons.s);
    else if (o->neurons && latents.len == 0)
        add_option(out, "--neurons", "all");
    strbuf_release(&latents);
    strbuf_release(&neurons);
}

static void add_param(const struct param_value *v, struct strbuf *out)
{
    struct strbuf value;
    if (v->of->type == PARAM_UNITS || v->of->type == PARAM_SEED || param_is_preset(v))
        return;
    strbuf_init(&value);
    param_value_print(v, &value);
    bool dash = value.s[0] == '-'; /* not to be taken for an option */
    char *option = xasprintf("--%s%s%s", v->of->name, dash ? "=" : "", dash ? value.s : "");
    if (dash || !v->of->value_name)
        add_word(out, option);
    else
        add_option(out, option, value.s);
    free(option);
    strbuf_release(&value);
}

static void add_corpus(const struct corpus_choice *c, struct strbuf *out)
{
    char number[32];
    if (c->path)
        add_word(out, c->path);
    for (int i = 0; i < c->n_files; i++) {
        char *file = xasprintf("%s=%s", c->file[i].cls, c->file[i].path);
        add_option(out, "--class", file);
        free(file);
    }
    if (c->limit > 0) {
        snprintf(number, sizeof number, "%lld", (long long)c->limit);
        add_option(out, "--limit", number);
    }
    if (corpus_choice_has_files(c))
        add_option(out, "--encoding", c->encoding);
    if (c->header)
        add_word(out, "--header");
    if (c->special)
        add_word(out, "--special");
}

static void add_session(const struct options *o, struct strbuf *out)
{
    char number[32];
    add_option(out, "--bundle", o->bundle);
    add_option(out, "--model", o->model);
    add_option(out, "--sae", o->sae);
    add_option(out, "--hook", o->hook);
    for (int32_t i = 0; i < o->n_more; i++) {
        add_option(out, "--sae", o->more[i].path);
        add_option(out, "--hook", o->more[i].hook);
    }
    if (o->bos != UNSAID)
        add_word(out, o->bos == SAID_YES ? "--bos" : "--no-bos");
    if (o->tl_weights != UNSAID)
        add_word(out, o->tl_weights == SAID_YES ? "--tl-weights" : "--no-tl-weights");
    if (o->cache && *o->cache)
        add_option(out, "--cache", o->cache);
    if (o->seed) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)o->seed);
        add_option(out, "--seed", number);
    }
}

void request_options(const struct request *r, const struct options *o, const struct workbench *wb,
                     struct options *out)
{
    *out = *o;
    if (wb && o->bos == UNSAID && strncmp(r->query->command, "neuron ", 7) == 0)
        out->bos = wb->bos ? SAID_YES : SAID_NO;
}

void request_command(const struct request *r, const struct options *o, const struct dict_set *dicts,
                     struct strbuf *out)
{
    struct strbuf line;
    const struct param_value *units = NULL;
    strbuf_init(&line);
    add_word(&line, "glimt");
    strbuf_addf(&line, " %s", r->query->command); /* of a part two words */
    if (r->query->corpus)
        add_corpus(&r->corpus, &line);
    for (int i = 0; i < r->params.n; i++)
        if (r->params.value[i].of->type == PARAM_UNITS)
            units = &r->params.value[i];
    add_units(units, o, dicts, &line);
    for (int i = 0; i < r->params.n; i++)
        add_param(&r->params.value[i], &line);
    if (r->query->also)
        add_word(&line, r->query->also);
    add_session(o, &line);
    strbuf_add(out, line.s, line.len);
    strbuf_release(&line);
}
