#include "engine/study/param.h"
#include "engine/base/memory.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* ---- sets of values */
static void value_release(struct param_value *v)
{
    free(v->text);
    free(v->value);
    free(v->unit);
    *v = (struct param_value){.of = v->of};
}

static void value_copy(struct param_value *to, const struct param_value *from)
{
    *to = *from;
    to->text = from->text ? xstrdup(from->text) : NULL;
    if (from->value)
        to->value = xmemdup(from->value, (size_t)from->n * sizeof *from->value);
    if (from->unit)
        to->unit = xmemdup(from->unit, (size_t)from->n * sizeof *from->unit);
}

static struct param_value *find(const struct params *p, const char *name)
{
    for (int i = 0; i < p->n; i++)
        if (strcmp(p->value[i].of->name, name) == 0)
            return (struct param_value *)&p->value[i];
    return NULL;
}

void params_init(struct params *p, const struct param *table)
{
    *p = (struct params){0};
    params_add(p, table);
}

void params_add(struct params *p, const struct param *table)
{
    for (const struct param *row = table; row && row->name; row++) {
        if (find(p, row->name))
            continue;
        if (p->n == PARAMS_MAX)
            panic("parameter %s is one more than %d", row->name, PARAMS_MAX);
        struct param_value *v = &p->value[p->n++];
        struct error e = {0};
        *v = (struct param_value){.of = row};
        if (!param_value_parse(v, row->preset, &e))
            panic("parameter %s: preset: %s", row->name, e.text);
    }
}

void params_copy(struct params *to, const struct params *from)
{
    *to = (struct params){.n = from->n};
    for (int i = 0; i < from->n; i++)
        value_copy(&to->value[i], &from->value[i]);
}

void params_take(struct params *to, const struct params *from)
{
    for (int i = 0; i < from->n; i++) {
        struct param_value *v = find(to, from->value[i].of->name);
        if (!v || v->of->type != from->value[i].of->type)
            continue;
        const struct param *of = v->of;
        value_release(v);
        value_copy(v, &from->value[i]);
        v->of = of;
    }
}

void params_release(struct params *p)
{
    for (int i = 0; i < p->n; i++)
        value_release(&p->value[i]);
    *p = (struct params){0};
}

static bool same_number(double a, double b)
{
    return !(a < b) && !(a > b);
}

bool param_value_equal(const struct param_value *a, const struct param_value *b)
{
    if (a->there != b->there || a->i != b->i || !same_number(a->r, b->r) || a->n != b->n ||
        !a->text != !b->text || (a->text && strcmp(a->text, b->text) != 0))
        return false;
    for (int32_t i = 0; a->value && i < a->n; i++)
        if (!same_number(a->value[i], b->value[i]))
            return false;
    for (int32_t i = 0; a->unit && i < a->n; i++)
        if (!unit_same(a->unit[i], b->unit[i]))
            return false;
    return true;
}

bool params_equal(const struct params *a, const struct params *b)
{
    if (a->n != b->n)
        return false;
    for (int i = 0; i < a->n; i++)
        if (a->value[i].of != b->value[i].of || !param_value_equal(&a->value[i], &b->value[i]))
            return false;
    return true;
}

bool param_is_preset(const struct param_value *v)
{
    struct param_value preset = {.of = v->of};
    param_value_parse(&preset, v->of->preset, NULL);
    bool same = param_value_equal(v, &preset);
    value_release(&preset);
    return same;
}

/* ---- by name */
static struct param_value *need(const struct params *p, const char *name, enum param_type a,
                                enum param_type b)
{
    struct param_value *v = find(p, name);
    if (!v || (v->of->type != a && v->of->type != b))
        panic("parameter %s is in no table, or of another type", name);
    return v;
}

bool params_know(const struct params *p, const char *name)
{
    return find(p, name) != NULL;
}

bool params_has(const struct params *p, const char *name)
{
    const struct param_value *v = find(p, name);
    if (!v)
        panic("parameter %s is in no table", name);
    return v->there;
}

int64_t params_int(const struct params *p, const char *name)
{
    return need(p, name, PARAM_INT, PARAM_INT)->i;
}

double params_real(const struct params *p, const char *name)
{
    return need(p, name, PARAM_REAL, PARAM_REAL)->r;
}

bool params_flag(const struct params *p, const char *name)
{
    return need(p, name, PARAM_FLAG, PARAM_FLAG)->i != 0;
}

unsigned params_set(const struct params *p, const char *name)
{
    return (unsigned)need(p, name, PARAM_SET, PARAM_SET)->i;
}

int params_choice(const struct params *p, const char *name)
{
    return (int)need(p, name, PARAM_CHOICE, PARAM_CHOICE)->i;
}

uint64_t params_seed(const struct params *p, const char *name)
{
    return (uint64_t)need(p, name, PARAM_SEED, PARAM_SEED)->i;
}

const char *params_text(const struct params *p, const char *name)
{
    return need(p, name, PARAM_TEXT, PARAM_CLASS)->text;
}

unsigned params_insert(const struct params *p, const char *name, const char **places)
{
    const struct param_value *v = need(p, name, PARAM_INSERT, PARAM_INSERT);
    *places = v->text;
    return (unsigned)v->i;
}

int32_t params_values(const struct params *p, const char *name, const double **value)
{
    const struct param_value *v = need(p, name, PARAM_VALUES, PARAM_VALUES);
    *value = v->value;
    return v->n;
}

int32_t params_units(const struct params *p, const char *name, const struct unit_id **unit)
{
    const struct param_value *v = need(p, name, PARAM_UNITS, PARAM_UNITS);
    *unit = v->unit;
    return v->n;
}

void params_set_int(struct params *p, const char *name, int64_t i)
{
    struct param_value *v = need(p, name, PARAM_INT, PARAM_INT);
    v->there = true;
    v->i = i;
}

void params_set_flag(struct params *p, const char *name, bool on)
{
    struct param_value *v = need(p, name, PARAM_FLAG, PARAM_FLAG);
    v->there = on;
    v->i = on;
}

void params_set_seed(struct params *p, const char *name, uint64_t seed)
{
    struct param_value *v = need(p, name, PARAM_SEED, PARAM_SEED);
    v->there = true;
    v->i = (int64_t)seed;
}

void params_set_text(struct params *p, const char *name, const char *text)
{
    struct param_value *v = need(p, name, PARAM_TEXT, PARAM_CLASS);
    char *copy = text ? xstrdup(text) : NULL;
    value_release(v);
    v->text = copy;
    v->there = copy != NULL;
}

void params_set_values(struct params *p, const char *name, const double *value, int32_t n)
{
    struct param_value *v = need(p, name, PARAM_VALUES, PARAM_VALUES);
    double *copy = n > 0 ? xmemdup(value, (size_t)n * sizeof *copy) : NULL;
    value_release(v);
    v->value = copy;
    v->n = n;
    v->there = n > 0;
}

void params_set_units(struct params *p, const char *name, const struct unit_id *unit, int32_t n)
{
    struct param_value *v = need(p, name, PARAM_UNITS, PARAM_UNITS);
    struct unit_id *copy = n > 0 ? xmemdup(unit, (size_t)n * sizeof *copy) : NULL;
    value_release(v);
    v->unit = copy;
    v->n = n;
    v->there = n > 0;
}

/* ---- reading what is written */
static bool parse_int(struct param_value *v, const char *s, struct error *e)
{
    const struct param *row = v->of;
    char *end;
    errno = 0;
    long long i = strtoll(s, &end, 10);
    if (end == s || *end || errno || (double)i < row->min || (double)i > row->max)
        return error_set(e, ERROR_INPUT, "found %s, expected a whole number from %.0f to %.0f", s,
                         row->min, row->max);
    v->i = i;
    return true;
}

static bool parse_real(struct param_value *v, const char *s, struct error *e)
{
    const struct param *row = v->of;
    char *end;
    double r = strtod(s, &end);
    if (end == s || *end || !(r >= row->min && r <= row->max))
        return error_set(e, ERROR_INPUT, "found %s, expected a number from %g to %g", s, row->min,
                         row->max);
    v->r = r;
    return true;
}

static bool parse_seed(struct param_value *v, const char *s, struct error *e)
{
    char *end;
    errno = 0;
    unsigned long long i = strtoull(s, &end, 10);
    if (*s < '0' || *s > '9' || *end || errno)
        return error_set(e, ERROR_INPUT, "found %s, expected a whole number from 0 to 2^64 − 1", s);
    v->i = (int64_t)i;
    return true;
}

static bool parse_text(struct param_value *v, const char *s, struct error *e)
{
    if (!*s)
        return error_set(e, ERROR_INPUT, "found nothing, expected %s", v->of->value_name);
    v->text = xstrdup(s);
    return true;
}

static bool parse_flag(struct param_value *v, const char *s, struct error *e)
{
    v->i = strcmp(s, "true") == 0;
    return v->i || strcmp(s, "false") == 0 ||
           error_set(e, ERROR_INPUT, "found %s, expected true or false", s);
}

/* The choice that the n bytes spell; −1: none. */
static int choice_of(const struct param *row, const char *p, size_t n)
{
    for (int i = 0; row->choices[i]; i++)
        if (strlen(row->choices[i]) == n && memcmp(row->choices[i], p, n) == 0)
            return i;
    return -1;
}

static bool no_choice(const struct param *row, const char *s, const char *expected, struct error *e)
{
    char list[200] = "";
    for (int i = 0; row->choices[i]; i++) {
        strncat(list, i ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, row->choices[i], sizeof list - strlen(list) - 1);
    }
    return error_set(e, ERROR_INPUT, "found %s, expected %s %s", s, expected, list);
}

static bool parse_set(struct param_value *v, const char *s, struct error *e)
{
    const char *p = s;
    do {
        size_t n = strcspn(p, ",");
        int i = choice_of(v->of, p, n);
        if (i < 0)
            return no_choice(v->of, s, "some of", e);
        v->i |= INT64_C(1) << i;
        p += n;
    } while (*p++ == ',');
    return true;
}

static bool parse_choice(struct param_value *v, const char *s, struct error *e)
{
    v->i = choice_of(v->of, s, strlen(s));
    return v->i >= 0 || no_choice(v->of, s, "one of", e);
}

static bool parse_insert(struct param_value *v, const char *s, struct error *e)
{
    struct insert_word word[DICT_SET_MAX];
    if (strchr(s, '=')) {
        v->text = xstrdup(s);
        return insert_words_read(s, word, e) >= 0;
    }
    if (strcmp(s, insert_name[INSERT_NONE]) == 0) {
        v->i = 1 << INSERT_NONE;
        return true;
    }
    for (const char *p = s;; p++) {
        const size_t n = strcspn(p, ",");
        unsigned how = INSERT_SAE;
        while (insert_name[how] &&
               (strlen(insert_name[how]) != n || memcmp(insert_name[how], p, n) != 0))
            how++;
        if (!insert_name[how])
            return error_set(e, ERROR_INPUT,
                             "found %s, expected some of sae, error, or NAME=MODE[,NAME=MODE…]", s);
        v->i |= INT64_C(1) << how;
        p += n;
        if (!*p)
            return true;
    }
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

static bool add_value(struct param_value *v, double x, struct error *e)
{
    if (v->n == STUDY_MAX_VALUES)
        return error_set(e, ERROR_INPUT, "found more than %d values, expected at most so many",
                         STUDY_MAX_VALUES);
    v->value[v->n++] = x;
    return true;
}

static bool parse_values(struct param_value *v, const char *s, struct error *e)
{
    static const char expected[] =
        "expected FROM:TO:STEP (-8:8:2) or a list (-2,0,2.5), values nearer to 0 than 1000000";
    const char *p = s;
    double x[3] = {0};
    int parts = 0;
    v->value = xcalloc(STUDY_MAX_VALUES, sizeof *v->value);
    if (strchr(s, ':')) {
        while (parts < 3 && parse_number(&p, &x[parts]) && parts++ < 2 && *p == ':')
            p++;
        if (parts != 3 || *p || !(x[2] > 0) || x[1] < x[0])
            return error_set(e, ERROR_INPUT, "found %s, %s", s, expected);
        for (int i = 0; x[0] + i * x[2] <= x[1] + x[2] * 1e-9; i++)
            if (!add_value(v, x[0] + i * x[2], e))
                return false;
        return true;
    }
    for (;; p++) {
        if (!parse_number(&p, &x[0]) || (*p && *p != ','))
            return error_set(e, ERROR_INPUT, "found %s, %s", s, expected);
        if (!add_value(v, x[0], e))
            return false;
        if (!*p)
            return true;
    }
}

static bool parse_units(struct param_value *v, const char *s, struct error *e)
{
    v->unit = xcalloc(UNITS_MAX, sizeof *v->unit);
    for (const char *p = s;; p++) {
        struct unit_word w;
        struct unit_id id;
        if (!unit_word_read(&p, &w, NULL) || !unit_find(NULL, &w, &id, NULL) || id.index < 0 ||
            (*p && *p != ','))
            return error_set(e, ERROR_INPUT,
                             "found %s, expected numbers from 0 with commas between them", s);
        if (v->n == UNITS_MAX)
            return error_set(e, ERROR_INPUT, "found more than %d units, expected at most so many",
                             UNITS_MAX);
        v->unit[v->n++] = id;
        if (!*p)
            return true;
    }
}

static bool parse(struct param_value *v, const char *s, struct error *e)
{
    switch (v->of->type) {
    case PARAM_INT: return parse_int(v, s, e);
    case PARAM_REAL: return parse_real(v, s, e);
    case PARAM_SEED: return parse_seed(v, s, e);
    case PARAM_TEXT:
    case PARAM_CLASS: return parse_text(v, s, e);
    case PARAM_FLAG: return parse_flag(v, s, e);
    case PARAM_SET: return parse_set(v, s, e);
    case PARAM_CHOICE: return parse_choice(v, s, e);
    case PARAM_INSERT: return parse_insert(v, s, e);
    case PARAM_VALUES: return parse_values(v, s, e);
    case PARAM_UNITS: return parse_units(v, s, e);
    }
    return false;
}

bool param_value_parse(struct param_value *v, const char *s, struct error *e)
{
    struct param_value fresh = {.of = v->of};
    if (s && !parse(&fresh, s, e)) {
        value_release(&fresh);
        return false;
    }
    fresh.there = s && (v->of->type != PARAM_FLAG || fresh.i);
    value_release(v);
    *v = fresh;
    return true;
}

bool param_check(const struct param *row, const char *s, struct error *e)
{
    struct param_value v = {.of = row};
    bool ok = param_value_parse(&v, s, e);
    value_release(&v);
    return ok;
}

bool params_parse(struct params *p, const char *name, const char *s, struct error *e)
{
    struct param_value *v = find(p, name);
    if (!v)
        panic("parameter %s is in no table", name);
    return param_value_parse(v, s, e);
}

/* ---- writing */
static void print_set(const struct param_value *v, struct strbuf *out)
{
    const char *comma = "";
    for (int i = 0; v->of->choices[i]; i++)
        if (v->i & INT64_C(1) << i) {
            strbuf_addf(out, "%s%s", comma, v->of->choices[i]);
            comma = ",";
        }
}

static void print_insert(const struct param_value *v, struct strbuf *out)
{
    const char *comma = "";
    if (v->text)
        strbuf_adds(out, v->text);
    for (int how = 0; insert_name[how]; how++)
        if (v->i & INT64_C(1) << how) {
            strbuf_addf(out, "%s%s", comma, insert_name[how]);
            comma = ",";
        }
}

void param_value_print(const struct param_value *v, struct strbuf *out)
{
    if (!v->there)
        return;
    switch (v->of->type) {
    case PARAM_INT: strbuf_addf(out, "%lld", (long long)v->i); break;
    case PARAM_SEED: strbuf_addf(out, "%llu", (unsigned long long)v->i); break;
    case PARAM_REAL: strbuf_addf(out, "%.9g", v->r); break;
    case PARAM_TEXT:
    case PARAM_CLASS: strbuf_adds(out, v->text); break;
    case PARAM_FLAG: strbuf_adds(out, "true"); break;
    case PARAM_SET: print_set(v, out); break;
    case PARAM_INSERT: print_insert(v, out); break;
    case PARAM_CHOICE: strbuf_adds(out, v->of->choices[v->i]); break;
    case PARAM_VALUES:
        for (int32_t i = 0; i < v->n; i++)
            strbuf_addf(out, "%s%.9g", i ? "," : "", v->value[i]);
        break;
    case PARAM_UNITS:
        for (int32_t i = 0; i < v->n; i++) {
            char name[UNIT_NAME_MAX];
            unit_name(NULL, v->unit[i], name);
            strbuf_addf(out, "%s%s", i ? "," : "", name);
        }
        break;
    }
}
