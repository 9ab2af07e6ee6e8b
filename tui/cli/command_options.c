/* The options of a command: its own rows, and those of what it asks. */
#include "engine/base/memory.h"
#include "tui/cli/study.h"
#include <string.h>

enum { ROWS_MAX = 32 };

static bool class_call(void *values, const char *value, struct error *e)
{
    struct study_values *v = values;
    if (v->n_files == CORPUS_MAX_CLASSES)
        return error_set(e, ERROR_INPUT, "found one more class, %s, expected at most %d", value,
                         CORPUS_MAX_CLASSES);
    v->file[v->n_files++] = value;
    return true;
}

#define AT(member) .offset = offsetof(struct study_values, member)
static const struct option_row corpus_rows[] = {
    {"class", "NAME=FILE", "a class of the corpus in a file of its own; as often as needed",
     OPTION_CALL, .call = class_call},
    {"limit", "N", "the first N sentences of each class", OPTION_INT, AT(limit), .min = 1,
     .max = INT32_MAX},
    {"header", NULL, "the first of the lines text<TAB>label is a header: skip it", OPTION_FLAG,
     AT(header)},
    {.name = NULL},
};
#undef AT

static int add_rows(struct option_row *rows, int n, const struct option_row *from)
{
    for (; from && from->name; from++) {
        if (n == ROWS_MAX - 1)
            panic("option --%s is one more than %d", from->name, n);
        rows[n++] = *from;
    }
    return n;
}

/* What the session says for all its commands is no option of one. */
static bool is_of_session(const struct param *p)
{
    return p->type == PARAM_UNITS || p->type == PARAM_SEED;
}

static const char *help_of(const struct param *p)
{
    return p->preset ? xasprintf("%s; default: %s", p->doc, p->preset) : p->doc;
}

static struct option_row *make_rows(const struct command *c)
{
    struct option_row *rows = xcalloc(ROWS_MAX, sizeof *rows);
    struct params p;
    int n = add_rows(rows, 0, c->options);
    query_params(c->query, &p);
    for (int i = 0; i < p.n; i++) {
        const struct param *of = p.value[i].of;
        if (is_of_session(of))
            continue;
        const struct option_row row = {.name = of->name,
                                       .arg = of->value_name,
                                       .help = help_of(of),
                                       .kind = OPTION_PARAM,
                                       .offset = offsetof(struct study_values, given) +
                                                 (size_t)i * sizeof(char *),
                                       .choices = of->type == PARAM_SET ? NULL : of->choices,
                                       .param = of};
        n = add_rows(rows, n, (const struct option_row[]){row, {.name = NULL}});
    }
    const int first = n;
    n = add_rows(rows, n, c->query->corpus ? corpus_rows : NULL);
    for (int i = first; c->query->limit > 0 && i < n; i++)
        if (strcmp(rows[i].name, "limit") == 0)
            rows[i].help = xasprintf("%s; default: %d", rows[i].help, (int)c->query->limit);
    params_release(&p);
    return rows;
}

const struct option_row *command_options(const struct command *c)
{
    static struct made { /* once for each query that a command has, to the program's end */
        const struct query *query;
        struct option_row *rows;
    } made[N_QUERIES];
    if (!c->query)
        return c->options;
    int i = 0;
    while (made[i].query && made[i].query != c->query)
        i++;
    if (!made[i].query)
        made[i] = (struct made){c->query, make_rows(c)};
    return made[i].rows;
}

void *command_values(const struct command *c)
{
    char *values = xcalloc(1, c->values_size + 1);
    if (c->values_size > 0)
        memcpy(values, c->defaults, c->values_size);
    return values;
}
