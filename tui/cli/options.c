/* Options: the common table, the configuration file, and the parsing of argv. */
#include "engine/base/memory.h"
#include "engine/formats/mapping.h"
#include "engine/formats/text_file.h"
#include "tui/cli/command.h"
#include "tui/cli/option_table.h"
#include "tui/unit_list.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const context_names[] = {"line", "join", NULL};
static const char *const dtype_names[] = {"auto", "f32", "bf16", "f16", NULL};
static const char *const encoding_names[] = {"latin1",   "windows-1252", "utf-16le",
                                             "utf-16be", "utf-8",        NULL};
static const char *const color_names[] = {"auto", "never", "always", "16", "256", "direct", NULL};

static bool pick(const char *value, const char *const *names, int *out, struct error *e)
{
    for (int i = 0; names[i]; i++)
        if (strcmp(value, names[i]) == 0) {
            *out = i;
            return true;
        }
    char list[200] = "";
    for (int i = 0; names[i]; i++) {
        strncat(list, i ? ", " : "", sizeof list - strlen(list) - 1);
        strncat(list, names[i], sizeof list - strlen(list) - 1);
    }
    return error_set(e, ERROR_INPUT, "found %s, expected one of %s", value, list);
}

static bool too_many(const char *value, struct error *e)
{
    int n = 1;
    for (; *value; value++)
        n += *value == ',';
    return error_set(e, ERROR_INPUT, "found %d units, expected at most %d", n, UNITS_MAX);
}

static bool twice(const struct unit_word *w, struct error *e)
{
    char name[UNIT_NAME_MAX];
    unit_word_name(w, name);
    return error_set(e, ERROR_INPUT, "found unit %s twice, expected each once", name);
}

static bool names_parse(const char *value, struct unit_word unit[UNITS_MAX], int32_t *n,
                        struct error *e)
{
    *n = 0;
    for (const char *s = value;; s++) {
        if (*n == UNITS_MAX)
            return too_many(value, e);
        if (!unit_word_read(&s, &unit[*n], e))
            return false;
        for (int32_t i = 0; i < *n; i++)
            if (unit_word_same(&unit[i], &unit[*n]))
                return twice(&unit[*n], e);
        ++*n;
        if (*s == '\0')
            return true;
        if (*s != ',')
            return error_set(e, ERROR_INPUT, "found %s, expected units with commas between them",
                             value);
    }
}

static bool words_parse(const char *value, struct unit_word unit[UNITS_MAX], int32_t *n,
                        struct error *e)
{
    struct strbuf names;
    strbuf_init(&names);
    const bool ok = unit_lists_expand(value, &names, e) && names_parse(names.s, unit, n, e);
    strbuf_release(&names);
    return ok;
}

/* Latents stand before neurons, in whatever order they were given. */
static bool units_parse(struct options *o, const char *value, bool neurons, struct error *e)
{
    struct unit_word unit[UNITS_MAX], other[UNITS_MAX];
    int32_t n = 0, n_other;
    const bool all = neurons && strcmp(value, "all") == 0; /* and none is chosen */
    if (!all && !words_parse(value, unit, &n, e))
        return false;
    if (o->file_units)
        o->n_units = o->n_latents = 0;
    o->file_units = false;
    o->neurons = neurons;
    n_other = neurons ? o->n_latents : o->n_units - o->n_latents;
    memcpy(other, o->unit + (neurons ? 0 : o->n_latents), (size_t)n_other * sizeof *other);
    if (n + n_other > UNITS_MAX)
        return error_set(e, ERROR_INPUT, "found %d latents and neurons, expected at most %d",
                         n + n_other, UNITS_MAX);
    memcpy(o->unit + (neurons ? n_other : 0), unit, (size_t)n * sizeof *unit);
    memcpy(o->unit + (neurons ? 0 : n), other, (size_t)n_other * sizeof *other);
    o->n_units = n + n_other;
    o->n_latents = neurons ? n_other : n;
    return true;
}

/* Without an SAE that is named, the last of --latents and --neurons says what units are. */
static void units_settle(struct options *o)
{
    if (o->sae) {
        o->neurons = o->neurons || o->n_units > o->n_latents;
    } else if (o->neurons) {
        memmove(o->unit, o->unit + o->n_latents,
                (size_t)(o->n_units - o->n_latents) * sizeof *o->unit);
        o->n_units -= o->n_latents;
        o->n_latents = 0;
    } else {
        o->n_units = o->n_latents;
    }
}

static bool given(const char *value, const char *what, struct error *e)
{
    return *value || error_set(e, ERROR_INPUT, "found nothing, expected %s", what);
}

static bool sae_call(void *values, const char *value, struct error *e)
{
    struct options *o = values;
    if (!given(value, "PATH", e))
        return false;
    if (!o->sae || o->file_sae) {
        o->sae = value;
        o->n_more = 0;
        o->file_sae = false;
        return true;
    }
    if (o->n_more + 1 == DICT_SET_MAX)
        return error_set(e, ERROR_INPUT, "found %d SAEs and one more, expected at most %d",
                         DICT_SET_MAX, DICT_SET_MAX);
    o->more[o->n_more++] = (struct sae_option){.path = value};
    return true;
}

/* Of the SAE before it; before any, of the first. */
static bool hook_call(void *values, const char *value, struct error *e)
{
    struct options *o = values;
    if (!given(value, "NAME", e))
        return false;
    *(o->n_more > 0 && !o->file_sae ? &o->more[o->n_more - 1].hook : &o->hook) = value;
    return true;
}

static bool latents_call(void *values, const char *value, struct error *e)
{
    return units_parse(values, value, false, e);
}

static bool neurons_call(void *values, const char *value, struct error *e)
{
    return units_parse(values, value, true, e);
}

static bool fix_call(void *values, const char *value, struct error *e)
{
    struct options *o = values;
    o->n_fix = 0;
    for (const char *s = value;; s++) {
        if (o->n_fix == UNITS_MAX)
            return too_many(value, e);
        struct fix_word f = {.value = 0};
        if (!unit_word_read(&s, &f.unit, e))
            return false;
        char *end = NULL;
        if (*s == '=')
            f.value = strtof(s + 1, &end);
        if (!end || end == s + 1 || !isfinite(f.value) || (*end != '\0' && *end != ','))
            return error_set(e, ERROR_INPUT, "found %s, expected UNIT=VALUE[,UNIT=VALUE…]", value);
        for (int32_t i = 0; i < o->n_fix; i++)
            if (unit_word_same(&o->fix[i].unit, &f.unit))
                return twice(&f.unit, e);
        o->fix[o->n_fix++] = f;
        if (*end == '\0')
            return true;
        s = end;
    }
}

static bool insert_call(void *values, const char *value, struct error *e)
{
    struct options *o = values;
    const int32_t n = insert_words_read(value, o->insert, e);
    o->n_insert = n < 0 ? 0 : n;
    return n >= 0;
}

static bool context_call(void *values, const char *value, struct error *e)
{
    int i;
    if (!pick(value, context_names, &i, e))
        return false;
    ((struct options *)values)->join = i == 1;
    return true;
}

static bool encoding_call(void *values, const char *value, struct error *e)
{
    if (!text_encoding_known(value))
        return error_set(e, ERROR_INPUT,
                         "found %s, expected an encoding that iconv knows: latin1, windows-1252, "
                         "utf-16le …",
                         value);
    ((struct options *)values)->encoding = value;
    return true;
}

static bool dtype_call(void *values, const char *value, struct error *e)
{
    int i;
    if (!pick(value, dtype_names, &i, e))
        return false;
    ((struct options *)values)->dtype = dtype_names[i];
    return true;
}

static bool color_call(void *values, const char *value, struct error *e)
{
    int i;
    if (!pick(value, color_names, &i, e))
        return false;
    ((struct options *)values)->color = (enum color_mode)i;
    return true;
}

/* Of the last one said; two at once are a slip. */
static bool output_take(struct options *o, enum output_mode mode, struct error *e)
{
    if (o->output_said && o->output != mode)
        return error_set(e, ERROR_INPUT, "found beside --%s, expected one of the two",
                         o->output == OUTPUT_JSON ? "json" : "csv");
    o->output = mode;
    o->output_said = true;
    return true;
}

static bool json_call(void *values, const char *value, struct error *e)
{
    (void)value;
    return output_take(values, OUTPUT_JSON, e);
}

static bool csv_call(void *values, const char *value, struct error *e)
{
    (void)value;
    return output_take(values, OUTPUT_CSV, e);
}

#define AT(member) .offset = offsetof(struct options, member)
const struct option_row common_options[] = {
    {"model", "DIR|OWNER/NAME[@REV]",
     "a Hugging Face folder or a name in its cache; default: the demo", OPTION_TEXT, AT(model)},
    {"sae", "PATH", "sparse autoencoder, a file or folder; one a hook point", OPTION_CALL,
     .call = sae_call},
    {"hook", "NAME", "of the SAE before it, e.g. layers.3.mlp.act; default: what the SAE says",
     OPTION_CALL, .call = hook_call},
    {"bundle", "FILE", "model, SAE, hook, classes and chosen latents in one", OPTION_TEXT,
     AT(bundle)},
    {"latents", "A,B,…|@LIST", "the chosen latents", OPTION_CALL, .call = latents_call},
    {"neurons", "A,B,…|@LIST|all", "coordinates of the hooked activation instead of latents",
     OPTION_CALL, .call = neurons_call},
    {"fix", "UNIT=V[,UNIT=V…]", "hold these at fixed values at every position", OPTION_CALL,
     .call = fix_call},
    {"insert", "none|sae|error|NAME=MODE[,…]",
     "what replaces the activation; default: none, with --fix sae", OPTION_CALL,
     .call = insert_call, .choices = insert_name},
    {"bos", NULL, "the BOS token before each sequence; default: what the SAE or the model needs",
     OPTION_YES, AT(bos)},
    {"no-bos", NULL, "no BOS token", OPTION_NO, AT(bos)},
    {"tl-weights", NULL, "TransformerLens' weights: norms folded, written and read centred",
     OPTION_YES, AT(tl_weights)},
    {"no-tl-weights", NULL, "the file's: in neuron, the mean over the vocabulary stays, too",
     OPTION_NO, AT(tl_weights)},
    {"special", NULL, "special tokens spelled out in a text become their ids; default: text",
     OPTION_FLAG, AT(special)},
    {"encoding", "NAME", "of text and corpora that are not UTF-8, e.g. latin1", OPTION_CALL,
     .call = encoding_call, .choices = encoding_names},
    {"context", "line|join", "each line its own sequence (default), or all of the text one",
     OPTION_CALL, .call = context_call, .choices = context_names},
    {"device", "auto|cpu|cuda[:N]|list", "where to compute; list: what there is", OPTION_TEXT,
     AT(device)},
    {"dtype", "auto|f32|bf16|f16", "what to compute in; the CPU computes in f32", OPTION_CALL,
     .call = dtype_call, .choices = dtype_names},
    {"threads", "N", "threads to compute with; default: all cores", OPTION_INT, AT(threads),
     .min = 1, .max = 1024},
    {"json", NULL, "the result as JSON", OPTION_CALL, .call = json_call},
    {"csv", NULL, "the result as comma-separated values", OPTION_CALL, .call = csv_call},
    {"svg", "FILE", "a picture of the result to a file", OPTION_TEXT, AT(svg)},
    {"output", "FILE", "write the result to a file", OPTION_TEXT, AT(output_file)},
    {"cache", "DIR|none", "where results are kept", OPTION_TEXT, AT(cache)},
    {"seed", "N", "of everything drawn at random; default: 0", OPTION_SEED, AT(seed)},
    {"quiet", NULL, "no progress and no notes", OPTION_FLAG, AT(quiet)},
    {"progress", NULL, "progress also where standard error is no terminal", OPTION_FLAG,
     AT(progress)},
    {"color", "WHEN", "auto, never, always, 16, 256 or direct", OPTION_CALL, .call = color_call,
     .choices = color_names},
    {"theme", "NAME", "colours, e.g. dark", OPTION_TEXT, AT(theme)},
    {.name = NULL},
};
#undef AT

void options_release(struct options *o)
{
    if (o->store) {
        free(o->store->path);
        free(o->store->text);
        free(o->store->row);
        free(o->store->bad);
        free(o->store);
    }
    options_init(o);
}

const struct option_row *option_find(const struct option_row *table, const char *name, size_t n)
{
    for (const struct option_row *r = table; r && r->name; r++)
        if (strlen(r->name) == n && memcmp(r->name, name, n) == 0)
            return r;
    return NULL;
}

static bool real_parse(const char *value, const struct option_row *r, double *out, struct error *e)
{
    char *end;
    double v = strtod(value, &end);
    if (end == value || *end || !isfinite(v) || v < (double)r->min || v > (double)r->max)
        return error_set(e, ERROR_INPUT, "found %s, expected a number from %lld to %lld", value,
                         (long long)r->min, (long long)r->max);
    *out = v;
    return true;
}

static bool int_parse(const char *value, const struct option_row *r, int *out, struct error *e)
{
    char *end;
    errno = 0;
    long long v = strtoll(value, &end, 10);
    if (end == value || *end || errno || v < r->min || v > r->max)
        return error_set(e, ERROR_INPUT, "found %s, expected a whole number from %lld to %lld",
                         value, (long long)r->min, (long long)r->max);
    *out = (int)v;
    return true;
}

static bool seed_parse(const char *value, uint64_t *out, struct error *e)
{
    char *end;
    errno = 0;
    unsigned long long v = strtoull(value, &end, 10);
    if (*value < '0' || *value > '9' || *end || errno)
        return error_set(e, ERROR_INPUT, "found %s, expected a whole number from 0 to 2^64 − 1",
                         value);
    *out = v;
    return true;
}

/* Stores a value (NULL for a row without arg); errors say what was found and expected, the caller
 * puts the name. */
static bool row_apply(const struct option_row *r, void *values, const char *value, struct error *e)
{
    void *at = (char *)values + r->offset;
    if (value && !*value)
        return error_set(e, ERROR_INPUT, "found nothing, expected %s", r->arg);
    switch (r->kind) {
    case OPTION_FLAG: *(bool *)at = true; return true;
    case OPTION_YES: *(enum said *)at = SAID_YES; return true;
    case OPTION_NO: *(enum said *)at = SAID_NO; return true;
    case OPTION_TEXT: *(const char **)at = value; return true;
    case OPTION_INT: return int_parse(value, r, at, e);
    case OPTION_SEED: return seed_parse(value, at, e);
    case OPTION_REAL: return real_parse(value, r, at, e);
    case OPTION_CHOICE: return pick(value, r->choices, at, e);
    case OPTION_CALL: return r->call(values, value, e);
    case OPTION_PARAM:
        if (value && !param_check(r->param, value, e))
            return false;
        *(const char **)at = value ? value : "true";
        return true;
    }
    return false;
}

/* ---- the configuration file: the long options without dashes, flags as true or false */

static char *config_path(void)
{
    const char *xdg = getenv("XDG_CONFIG_HOME"), *home = getenv("HOME");
    if (xdg && *xdg == '/')
        return xasprintf("%s/glimt/config", xdg);
    return home && *home ? xasprintf("%s/.config/glimt/config", home) : NULL;
}

static char *trim(char *s)
{
    while (*s == ' ' || *s == '\t')
        s++;
    size_t n = strlen(s);
    while (n > 0 && strchr(" \t\r", s[n - 1]))
        s[--n] = '\0';
    return s;
}

/* What is wrong with the file ends the program, or is noted for who tolerates it. */
struct complaints {
    struct option_store *store;
    bool tolerant;
    struct error *e; /* the first */
};

static bool complain(struct complaints *c, const struct error *why)
{
    struct option_store *store = c->store;
    if (!c->tolerant) {
        *c->e = *why;
        return false;
    }
    store->bad = grow(store->bad, &store->cap_bad, store->n_bad + 1, sizeof *store->bad);
    store->bad[store->n_bad++] = *why;
    return true;
}

static bool config_split(struct option_store *store, struct complaints *bad)
{
    int line = 0;
    for (char *s = store->text, *next; s; s = next) {
        next = strchr(s, '\n');
        if (next)
            *next++ = '\0';
        line++;
        s = trim(s);
        if (*s == '\0' || *s == '#')
            continue;
        char *equals = strchr(s, '=');
        if (!equals) {
            struct error why = {0};
            error_set(&why, ERROR_INPUT, "configuration %s:%d: found %.60s, expected key = value",
                      store->path, line, s);
            if (!complain(bad, &why))
                return false;
            continue;
        }
        *equals = '\0';
        store->row = grow(store->row, &store->cap, store->n + 1, sizeof *store->row);
        store->row[store->n++] = (struct config_row){trim(s), trim(equals + 1), line};
    }
    return true;
}

static bool flag_parse(const char *value, bool *out, struct error *e)
{
    static const char *const names[] = {"false", "true", "no", "yes", "0", "1", NULL};
    int i;
    if (!pick(value, names, &i, e))
        return false;
    *out = i % 2 == 1;
    return true;
}

static bool config_apply(const struct option_row *r, void *values, const char *value,
                         struct error *e)
{
    if (r->arg)
        return row_apply(r, values, value, e);
    bool on;
    if (!flag_parse(value, &on, e))
        return false;
    if (r->kind == OPTION_CALL)
        return on ? r->call(values, NULL, e) : true;
    if (r->kind == OPTION_PARAM) {
        *(const char **)((char *)values + r->offset) = on ? "true" : NULL;
        return true;
    }
    void *at = (char *)values + r->offset;
    if (r->kind == OPTION_FLAG)
        *(bool *)at = on;
    else
        *(enum said *)at = on == (r->kind == OPTION_YES) ? SAID_YES : SAID_NO;
    return true;
}

/* A key of other commands' options: its value must be one that a command takes. */
static bool config_check(const struct config_row *c, struct error *e)
{
    bool known = false;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *command = cli_commands[i];
        const struct option_row *r = option_find(command_options(command), c->key, strlen(c->key));
        if (!r)
            continue;
        void *values = command_values(command);
        *e = (struct error){0};
        bool takes = config_apply(r, values, c->value, e);
        free(values);
        if (takes)
            return true;
        known = true;
    }
    return !known;
}

static bool config_take(struct options *o, const struct option_row *own, void *own_values,
                        const struct config_row *c, struct error *e)
{
    const struct option_row *r = option_find(common_options, c->key, strlen(c->key));
    if (r)
        return config_apply(r, o, c->value, e);
    r = option_find(own, c->key, strlen(c->key));
    return r ? config_apply(r, own_values, c->value, e) : config_check(c, e);
}

static bool config_read(struct options *o, const struct option_row *own, void *own_values,
                        bool tolerant, struct error *e)
{
    struct option_store *store = o->store = xcalloc(1, sizeof *store);
    struct complaints bad = {store, tolerant, e};
    struct error why = {0};
    store->path = config_path();
    if (!store->path || access(store->path, F_OK) != 0)
        return true;
    if (!file_read(store->path, (size_t)1 << 20, &store->text, NULL, &why))
        return complain(&bad, &why);
    if (!config_split(store, &bad))
        return false;
    for (size_t i = 0; i < store->n; i++) {
        const struct config_row *c = &store->row[i];
        why = (struct error){0};
        if (config_take(o, own, own_values, c, &why))
            continue;
        error_prefix(&why, "configuration %s:%d: %s", store->path, c->line, c->key);
        if (!complain(&bad, &why))
            return false;
    }
    return true;
}

const char *options_config(const struct options *o, const char *key)
{
    const char *value = NULL;
    for (size_t i = 0; o->store && i < o->store->n; i++)
        if (strcmp(o->store->row[i].key, key) == 0)
            value = o->store->row[i].value;
    return value;
}

/* ---- argv */

static bool unknown_option(const struct option_row *own, const char *name, size_t n,
                           struct error *e)
{
    const char *names[128];
    size_t count = 0;
    for (int pass = 0; pass < 2; pass++)
        for (const struct option_row *r = pass ? common_options : own; r && r->name && count < 128;
             r++)
            names[count++] = r->name;
    char *word = xstrndup(name, n);
    struct strbuf others;
    strbuf_init(&others);
    commands_with_option(&others, word);
    const char *near = nearest_name(word, names, count);
    if (others.len > 0)
        error_set(e, ERROR_INPUT, "--%s is no option here, but of %s", word, others.s);
    else if (near)
        error_set(e, ERROR_INPUT, "unknown option --%s, the nearest is --%s", word, near);
    else
        error_set(e, ERROR_INPUT, "unknown option --%s, --help shows what there is", word);
    strbuf_release(&others);
    free(word);
    return false;
}

/* The option at argv[*i]; *i ends at its last word. */
static bool option_take(struct options *o, const struct option_row *own, void *own_values, int *i,
                        int argc, char **argv, struct error *e)
{
    const char *word = argv[*i] + 2, *value = NULL;
    size_t n = strcspn(word, "=");
    const struct option_row *r = option_find(own, word, n);
    void *values = own_values;
    if (!r) {
        r = option_find(common_options, word, n);
        values = o;
    }
    if (!r)
        return unknown_option(own, word, n, e);
    if (word[n] == '=')
        value = word + n + 1;
    if (!r->arg && value)
        return error_set(e, ERROR_INPUT, "--%s: found the value %s, expected none", r->name, value);
    if (r->arg && !value) {
        if (*i + 1 >= argc)
            return error_set(e, ERROR_INPUT, "--%s: found nothing after it, expected %s", r->name,
                             r->arg);
        value = argv[++*i];
    }
    return row_apply(r, values, value, e) || error_prefix(e, "--%s", r->name);
}

static bool argv_parse(struct options *o, const struct option_row *own, void *own_values, int *argc,
                       char **argv, struct error *e)
{
    int kept = 1;
    bool ended = false;
    for (int i = 1; i < *argc; i++) {
        if (!ended && strcmp(argv[i], "--") == 0)
            ended = true;
        else if (ended || argv[i][0] != '-' || argv[i][1] == '\0')
            argv[kept++] = argv[i];
        else if (argv[i][1] != '-')
            return error_set(
                e, ERROR_INPUT,
                "unknown option %s, expected --NAME, or -- before a text that begins with -",
                argv[i]);
        else if (!option_take(o, own, own_values, &i, *argc, argv, e))
            return false;
    }
    argv[kept] = NULL;
    *argc = kept;
    return true;
}

static int parse(struct options *o, const struct option_row *own, void *own_values, bool tolerant,
                 int *argc, char **argv, struct error *e)
{
    options_init(o);
    bool ok = config_read(o, own, own_values, tolerant, e);
    o->file_sae = o->sae != NULL, o->file_units = o->n_units > 0;
    o->file_theme = o->theme;
    o->output_said = false; /* the command line goes before the file */
    if (!ok || !argv_parse(o, own, own_values, argc, argv, e))
        return error_exit_status(e);
    units_settle(o);
    if (o->output_file && strcmp(o->output_file, "-") == 0)
        o->output_file = NULL;
    if (o->n_fix > 0 && !options_inserts(o)) {
        error_set(e, ERROR_INPUT,
                  "--fix: found --insert none, expected sae or error, for nothing would be fixed");
        return error_exit_status(e);
    }
    return 0;
}

int options_parse_with(struct options *o, const struct option_row *own, void *own_values, int *argc,
                       char **argv, struct error *e)
{
    return parse(o, own, own_values, false, argc, argv, e);
}

int options_parse_tolerant(struct options *o, const struct option_row *own, void *own_values,
                           int *argc, char **argv, struct error *e)
{
    return parse(o, own, own_values, true, argc, argv, e);
}

int options_parse(struct options *o, int *argc, char **argv, struct error *e)
{
    return options_parse_with(o, NULL, NULL, argc, argv, e);
}

int options_first_operand(int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] != '-' || argv[i][1] == '\0')
            return i;
        if (argv[i][1] != '-' || argv[i][2] == '\0')
            return 0;
        size_t n = strcspn(argv[i] + 2, "=");
        const struct option_row *r = option_find(common_options, argv[i] + 2, n);
        if (!r)
            return 0;
        if (r->arg && argv[i][2 + n] != '=')
            i++;
    }
    return 0;
}
