#include "tui/view/latents/filter.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct word { /* of the line, borrowed */
    const char *s;
    size_t n;
};

static bool blank(char c)
{
    return c == ' ' || c == '\t';
}

static void bad(struct filter_term *t, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

static void bad(struct filter_term *t, const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    t->kind = FILTER_BAD;
    vsnprintf(t->why, sizeof t->why, format, ap);
    va_end(ap);
}

/* For messages: cut short, at a character. */
static const char *shown(struct word w, char out[28])
{
    size_t n = w.n < 24 ? w.n : 24;
    while (n > 0 && n < w.n && ((unsigned char)w.s[n] & 0xC0) == 0x80)
        n--;
    snprintf(out, 28, "%.*s%s", (int)n, w.s, n < w.n ? "..." : "");
    return out;
}

/* ---- columns */
static bool same_word(struct word w, const char *name)
{
    return strlen(name) == w.n && strncasecmp(w.s, name, w.n) == 0;
}

static bool begins(const char *name, struct word w)
{
    return strlen(name) >= w.n && strncasecmp(w.s, name, w.n) == 0;
}

/* Column "PREFIX.NAME"; −1: none. */
static int32_t dotted(const struct table *t, const char *prefix, struct word name)
{
    size_t n = strlen(prefix);
    for (int32_t c = 0; c < t->n_cols; c++) {
        const char *s = t->cols[c].name;
        if (strncmp(s, prefix, n) == 0 && s[n] == '.' && same_word(name, s + n + 1))
            return c;
    }
    return -1;
}

static int32_t abbreviated(const struct table *t, struct word w)
{
    static const struct {
        const char *typed, *column;
    } prefix[] = {{"pre.", "mean_pre"},
                  {"mean.", "mean_pre"},
                  {"fire.", "fire_share"},
                  {"share.", "fire_share"}};
    for (size_t i = 0; i < sizeof prefix / sizeof *prefix; i++) {
        size_t n = strlen(prefix[i].typed);
        if (w.n > n && strncasecmp(w.s, prefix[i].typed, n) == 0)
            return dotted(t, prefix[i].column, (struct word){w.s + n, w.n - n});
    }
    return same_word(w, "id") ? table_find(t, "latent") : -1;
}

static int32_t find_column(const struct table *t, struct word w, struct filter_term *out)
{
    int32_t found = -1, n = 0;
    char word[28];
    for (int32_t c = 0; c < t->n_cols; c++)
        if (same_word(w, t->cols[c].name))
            return c;
    if ((found = dotted(t, "fire_share", w)) >= 0 || (found = abbreviated(t, w)) >= 0)
        return found;
    for (int32_t c = 0; c < t->n_cols; c++)
        if (begins(t->cols[c].name, w)) {
            found = found < 0 ? c : found;
            n++;
        }
    if (n == 1)
        return found;
    if (n > 1)
        bad(out, "%s: %d columns begin so (%.30s ...)", shown(w, word), (int)n,
            t->cols[found].name);
    else
        bad(out, "%s: no such column or class", shown(w, word));
    return -1;
}

/* ---- values */
/* Digits, sign, point, exponent and nothing else: neither "inf" nor "0x10" nor a decimal comma.
 * Also half of the last digit typed, the second decimal at least; 0 is exact. */
static bool number(struct word w, double *v, double *half)
{
    char s[FILTER_WORD], *end;
    if (w.n == 0 || w.n >= sizeof s)
        return false;
    memcpy(s, w.s, w.n);
    s[w.n] = 0;
    if (strspn(s, "0123456789.eE+-") != w.n)
        return false;
    *v = strtod(s, &end);
    const char *point = strchr(s, '.'), *e = strpbrk(s, "eE");
    size_t decimals = point ? (size_t)((e && e > point ? e : s + w.n) - point) - 1 : 0;
    double last = pow(10, -(double)(decimals > 2 ? decimals : 2));
    *half = fabs(*v) > 0 ? 0.5 * last * (e ? pow(10, strtod(e + 1, NULL)) : 1) : 0;
    return *end == 0 && isfinite(*v) && isfinite(*half);
}

static void number_term(struct filter_term *t, const struct column *c, struct word w)
{
    char word[28];
    double half;
    struct word digits = w;
    bool percent = w.n > 0 && w.s[w.n - 1] == '%';
    digits.n -= percent;
    if (w.n == 0) {
        bad(t, "%.40s: a number is missing", c->name);
        return;
    }
    if (!number(digits, &t->value, &half)) {
        bad(t, "%s: not a number", shown(w, word));
        return;
    }
    bool share = strcmp(c->unit, "share") == 0;
    double by = percent || (share && fabs(t->value) > 1) ? 0.01 : 1;
    bool whole = c->type == COLUMN_I64 || c->type == COLUMN_BOOL;
    t->kind = FILTER_NUMBER;
    t->lo = whole ? t->value * by : (t->value - half) * by;
    t->hi = whole ? t->value * by : (t->value + half) * by;
    t->value *= by;
}

static void string_term(struct filter_term *t, const struct column *c, struct word w)
{
    if (t->op != FILTER_EQ && t->op != FILTER_NE)
        bad(t, "%.40s: words take = or !=", c->name);
    else if (w.n == 0 || w.n >= FILTER_WORD)
        bad(t, "%.40s: a word is missing", c->name);
    else {
        t->kind = FILTER_STRING;
        memcpy(t->word, w.s, w.n);
        t->word[w.n] = 0;
    }
}

/* ---- terms */
/* Bytes of the operator at s; 0: none. */
static size_t operator_at(const char *s, size_t n, enum filter_op *op)
{
    static const struct {
        const char *s;
        enum filter_op op;
    } all[] = {{"<=", FILTER_LE}, {">=", FILTER_GE}, {"!=", FILTER_NE}, {"==", FILTER_EQ},
               {"≤", FILTER_LE},  {"≥", FILTER_GE},  {"≠", FILTER_NE},  {"<", FILTER_LT},
               {">", FILTER_GT},  {"=", FILTER_EQ}};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        size_t k = strlen(all[i].s);
        if (n >= k && memcmp(s, all[i].s, k) == 0) {
            *op = all[i].op;
            return k;
        }
    }
    return 0;
}

static bool all_digits(struct word w)
{
    for (size_t i = 0; i < w.n; i++)
        if (w.s[i] < '0' || w.s[i] > '9')
            return false;
    return w.n > 0;
}

static bool range(struct word w, struct filter_term *t)
{
    for (size_t i = 1; i + 2 < w.n; i++) {
        struct word a = {w.s, i}, b = {w.s + i + 2, w.n - i - 2};
        double half;
        if (w.s[i] == '.' && w.s[i + 1] == '.' && all_digits(a) && all_digits(b))
            return number(a, &t->lo, &half) && number(b, &t->hi, &half);
    }
    return false;
}

static bool class_begins(const struct table *t, struct word w)
{
    static const char prefix[] = "fire_share.";
    for (int32_t c = 0; c < t->n_cols; c++)
        if (strncmp(t->cols[c].name, prefix, strlen(prefix)) == 0 &&
            begins(t->cols[c].name + strlen(prefix), w))
            return true;
    return false;
}

static void bare(const struct table *table, struct word w, struct filter_term *t)
{
    char word[28];
    int32_t higher = table_find(table, "higher");
    if (w.n >= FILTER_WORD) {
        bad(t, "%s: too long", shown(w, word));
    } else if (all_digits(w)) {
        t->kind = FILTER_DIGITS;
        memcpy(t->word, w.s, w.n);
        t->word[w.n] = 0;
    } else if (range(w, t)) {
        t->kind = FILTER_RANGE;
    } else if (higher >= 0 && table->cols[higher].type == COLUMN_STR && class_begins(table, w)) {
        t->col = higher;
        t->op = FILTER_EQ;
        string_term(t, &table->cols[higher], w);
    } else {
        bad(t, "%s: no number, class or condition", shown(w, word));
    }
}

static void condition(const struct table *table, struct word name, struct word value,
                      struct filter_term *t)
{
    if (name.n == 0) {
        bad(t, "a column is missing before the operator");
        return;
    }
    t->col = find_column(table, name, t);
    if (t->col < 0)
        return;
    const struct column *c = &table->cols[t->col];
    if (c->type == COLUMN_STR)
        string_term(t, c, value);
    else
        number_term(t, c, value);
}

/* One term from *at on; false: nothing but blanks. */
static bool next_term(const char *line, size_t n, size_t *at, const struct table *table,
                      struct filter_term *t)
{
    size_t i = *at, op = 0, end;
    enum filter_op found;
    *t = (struct filter_term){.kind = FILTER_BAD, .col = -1};
    while (i < n && blank(line[i]))
        i++;
    if (i == n)
        return false;
    t->start = i;
    while (i < n && !blank(line[i]) && !(op = operator_at(line + i, n - i, &found)))
        i++;
    struct word name = {line + t->start, i - t->start}, value = {NULL, 0};
    end = i;
    while (!op && i < n && blank(line[i]))
        i++;
    if (i < n)
        op = operator_at(line + i, n - i, &found);
    if (op) {
        t->op = found;
        end = i += op;
        while (i < n && blank(line[i]))
            i++;
        value.s = line + i;
        while (i < n && !blank(line[i]))
            i++;
        value.n = (size_t)(line + i - value.s);
        end = value.n > 0 ? i : end;
    }
    t->end = *at = end;
    if (op)
        condition(table, name, value, t);
    else
        bare(table, name, t);
    return true;
}

void filter_parse(const char *line, size_t n, const struct table *table, struct filter *out)
{
    size_t at = 0;
    out->n = 0;
    if (!table)
        return;
    while (out->n < FILTER_MAX && next_term(line, n, &at, table, &out->term[out->n]))
        out->n++;
    while (at < n && blank(line[at]))
        at++;
    if (at < n) {
        struct filter_term *t = &out->term[FILTER_MAX - 1];
        t->end = n;
        bad(t, "more than %d conditions", FILTER_MAX - 1);
    }
}

/* ---- rows */
static bool has_digits(int64_t id, const char *word)
{
    char s[24];
    int i = (int)sizeof s - 1;
    s[i] = 0;
    do {
        s[--i] = (char)('0' + id % 10);
        id /= 10;
    } while (id > 0 && i > 0);
    return strstr(s + i, word) != NULL;
}

static bool compare(const struct filter_term *t, double v)
{
    switch (t->op) {
    case FILTER_LT: return v < t->value;
    case FILTER_LE: return v <= t->value;
    case FILTER_GT: return v > t->value;
    case FILTER_GE: return v >= t->value;
    case FILTER_EQ: return v >= t->lo && v <= t->hi;
    case FILTER_NE: return !(v >= t->lo && v <= t->hi);
    }
    return false;
}

static bool holds(const struct filter_term *t, const struct table *table, int32_t id_col,
                  int64_t row)
{
    const char *s;
    int64_t id = id_col >= 0 ? table_i64(table, row, id_col) : row;
    switch (t->kind) {
    case FILTER_BAD: return true;
    case FILTER_DIGITS: return id >= 0 && has_digits(id, t->word);
    case FILTER_RANGE: return (double)id >= t->lo && (double)id <= t->hi;
    case FILTER_NUMBER:
        return table_has(table, row, t->col) && compare(t, table_f64(table, row, t->col));
    case FILTER_STRING:
        s = table_str(table, row, t->col);
        return s && (strncasecmp(s, t->word, strlen(t->word)) == 0) == (t->op == FILTER_EQ);
    }
    return true;
}

bool filter_holds(const struct filter *f, const struct table *table, int64_t row)
{
    int32_t id_col = -1;
    if (f->n > 0)
        id_col = table_find(table, "latent");
    for (int i = 0; i < f->n; i++)
        if (!holds(&f->term[i], table, id_col, row))
            return false;
    return true;
}

const struct filter_term *filter_bad(const struct filter *f)
{
    for (int i = 0; i < f->n; i++)
        if (f->term[i].kind == FILTER_BAD)
            return &f->term[i];
    return NULL;
}
