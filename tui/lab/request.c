#include "tui/lab/request.h"
#include "engine/base/memory.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

const char *const request_name[N_REQUESTS] = {
    [REQUEST_HARVEST] = "harvest", [REQUEST_LATENTS] = "latents",
    [REQUEST_FIND] = "find",       [REQUEST_HISTOGRAM] = "histogram",
    [REQUEST_BINS] = "histogram",  [REQUEST_EXAMPLES] = "examples",
    [REQUEST_LENS] = "logit-lens", [REQUEST_COACTIVE] = "coactive",
    [REQUEST_SWEEP] = "sweep",     [REQUEST_TOKENS] = "histogram",
    [REQUEST_PROOF] = "verify",
};

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

static bool corpus_choice_equal(const struct corpus_choice *a, const struct corpus_choice *b)
{
    if (!same(a->path, b->path) || a->n_files != b->n_files || a->limit != b->limit ||
        !same(a->encoding, b->encoding) || a->header != b->header || a->special != b->special)
        return false;
    for (int i = 0; i < a->n_files; i++)
        if (!same(a->file[i].cls, b->file[i].cls) || !same(a->file[i].path, b->file[i].path))
            return false;
    return true;
}

/* ---- requests */
void request_init(struct request *r, enum request_kind kind)
{
    *r = (struct request){.kind = kind, .rule = {.min_share = 0.5, .max_other = 0.01}};
}

void request_copy(struct request *to, const struct request *from)
{
    *to = *from;
    corpus_choice_copy(&to->corpus, &from->corpus);
    to->target = copy(from->target);
}

void request_release(struct request *r)
{
    corpus_choice_release(&r->corpus);
    free(r->target);
    r->target = NULL;
}

static bool values_equal(const struct request *a, const struct request *b)
{
    if (a->n_values != b->n_values)
        return false;
    for (int i = 0; i < a->n_values; i++)
        if (a->value[i] < b->value[i] || a->value[i] > b->value[i])
            return false;
    return true;
}

bool request_equal(const struct request *a, const struct request *b)
{
    return a->kind == b->kind && corpus_choice_equal(&a->corpus, &b->corpus) &&
           same(a->target, b->target) && a->n_units == b->n_units &&
           memcmp(a->unit, b->unit, (size_t)a->n_units * sizeof *a->unit) == 0 &&
           values_equal(a, b) && a->inserts == b->inserts && a->each == b->each &&
           !(fabs(a->rule.min_share - b->rule.min_share) > 0) &&
           !(fabs(a->rule.max_other - b->rule.max_other) > 0) && a->rows == b->rows &&
           a->own_range == b->own_range && a->keep_activations == b->keep_activations &&
           a->only_kept == b->only_kept;
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

static void add_units(const struct request *r, const struct options *o, struct strbuf *out)
{
    struct strbuf list;
    strbuf_init(&list);
    for (int i = 0; i < r->n_units; i++)
        strbuf_addf(&list, "%s%d", i ? "," : "", (int)r->unit[i]);
    if (r->n_units > 0)
        add_option(out, o->neurons ? "--neurons" : "--latents", list.s);
    else if (o->neurons)
        add_option(out, "--neurons", "0");
    strbuf_release(&list);
}

static void add_sweep(const struct request *r, struct strbuf *out)
{
    struct strbuf list;
    strbuf_init(&list);
    for (int i = 0; i < r->n_values; i++)
        strbuf_addf(&list, "%s%.9g", i ? "," : "", r->value[i]);
    if (r->n_values > 0) {
        char *option = xasprintf("--values=%s", list.s); /* may begin with '-' */
        add_word(out, option);
        free(option);
    }
    if (r->inserts == (1u << INSERT_SAE | 1u << INSERT_ERROR))
        add_option(out, "--insert", "sae,error");
    else if (r->inserts == 1u << INSERT_ERROR)
        add_option(out, "--insert", "error");
    if (r->each)
        add_word(out, "--each");
    strbuf_release(&list);
}

static void add_rule(const struct request *r, struct strbuf *out)
{
    char number[32];
    snprintf(number, sizeof number, "%.9g", r->rule.min_share);
    add_option(out, "--min-share", number);
    snprintf(number, sizeof number, "%.9g", r->rule.max_other);
    add_option(out, "--max-other", number);
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
    if (o->bos)
        add_word(out, "--bos");
    if (o->cache && *o->cache)
        add_option(out, "--cache", o->cache);
    if (o->seed) {
        snprintf(number, sizeof number, "%llu", (unsigned long long)o->seed);
        add_option(out, "--seed", number);
    }
}

void request_command(const struct request *r, const struct options *o, struct strbuf *out)
{
    struct strbuf line;
    char number[32];
    strbuf_init(&line);
    add_word(&line, "glimt");
    add_word(&line, request_name[r->kind]);
    if (r->kind != REQUEST_LENS)
        add_corpus(&r->corpus, &line);
    add_units(r, o, &line);
    add_option(&line, "--target", r->target);
    if (r->kind == REQUEST_SWEEP)
        add_sweep(r, &line);
    if (r->kind == REQUEST_FIND)
        add_rule(r, &line);
    if (r->rows > 0) {
        snprintf(number, sizeof number, "%d", (int)r->rows);
        add_option(&line, "--rows", number);
    }
    if (r->kind == REQUEST_TOKENS)
        add_word(&line, "--tokens");
    if (r->own_range)
        add_word(&line, "--as-published");
    if (r->keep_activations)
        add_word(&line, "--keep-activations");
    add_session(o, &line);
    strbuf_add(out, line.s, line.len);
    strbuf_release(&line);
}

/* ---- values */
static bool add_value(double v, double *out, int32_t *n, struct error *e)
{
    if (*n == STUDY_MAX_VALUES)
        return error_set(e, ERROR_INPUT, "found more than %d values, expected at most so many",
                         STUDY_MAX_VALUES);
    out[(*n)++] = v;
    return true;
}

#define VALUE_LIMIT 1e6

static bool parse_number(const char **s, double *v)
{
    char *end;
    errno = 0;
    *v = strtod(*s, &end);
    bool ok = end != *s && isfinite(*v) && fabs(*v) < VALUE_LIMIT;
    *s = end;
    return ok;
}

bool request_parse_values(const char *s, double out[STUDY_MAX_VALUES], int32_t *n, struct error *e)
{
    static const char expected[] =
        "expected FROM:TO:STEP (-8:8:2) or a list (-2,0,2.5), values nearer to 0 than 1000000";
    const char *p = s;
    double v[3] = {0};
    int parts = 0;
    *n = 0;
    if (strchr(s, ':')) {
        while (parts < 3 && parse_number(&p, &v[parts]) && parts++ < 2 && *p == ':')
            p++;
        if (parts != 3 || *p || !(v[2] > 0) || v[1] < v[0])
            return error_set(e, ERROR_INPUT, "found %s, %s", s, expected);
        for (int i = 0; v[0] + i * v[2] <= v[1] + v[2] * 1e-9; i++)
            if (!add_value(v[0] + i * v[2], out, n, e))
                return false;
        return true;
    }
    for (;; p++) {
        if (!parse_number(&p, &v[0]) || (*p && *p != ','))
            return error_set(e, ERROR_INPUT, "found %s, %s", s, expected);
        if (!add_value(v[0], out, n, e))
            return false;
        if (!*p)
            return true;
    }
}
