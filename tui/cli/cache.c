/* glimt cache: what is kept, whether it is right, and making room. */
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include "tui/cli/study.h"
#include "tui/lab/content.h"
#include "tui/packing.h"
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct cache_values {
    int sample;
    double days, bytes;
};

#define AT(member) .offset = offsetof(struct cache_values, member)
static const struct option_row cache_options[] = {
    {"sample", "N", "verify: so many results, the last used first; default: 3", OPTION_INT,
     AT(sample), .min = 1, .max = INT32_MAX},
    {"days", "N", "prune: what was not used for N days", OPTION_REAL, AT(days), .min = 0,
     .max = 100000},
    {"bytes", "N", "prune: packed weights, then the longest unused, until at most N bytes are left",
     OPTION_REAL, AT(bytes), .min = 0, .max = INT64_C(1) << 60},
    {.name = NULL},
};
#undef AT
static const struct cache_values cache_defaults = {.sample = 3, .days = -1, .bytes = -1};

/* What lies in packed/, beside the file of the store. */
static char *packed_folder(const struct cli *cli)
{
    char *cache = cache_folder(&cli->opt), *dir = cache ? packing_folder(cache) : NULL;
    free(cache);
    return dir;
}

static struct packs_size packed_size(const struct cli *cli)
{
    char *dir = packed_folder(cli);
    struct packs_size size = packs_count(dir);
    free(dir);
    return size;
}

static json_t *packed_json(struct packs_size s)
{
    return json_pack("{s:I, s:I}", "files", (json_int_t)s.files, "bytes", (json_int_t)s.bytes);
}

static bool open_cache(struct cli *cli, struct store **store, struct error *e)
{
    char *dir = cache_folder(&cli->opt), said[480] = "";
    bool ok = dir ? store_open(dir, store, said, sizeof said, e)
                  : error_set(e, ERROR_INPUT, "cache: found --cache none, expected a folder");
    if (said[0])
        fprintf(stderr, "glimt: %s\n", said);
    free(dir);
    return ok;
}

static void iso_time(int64_t seconds, char out[32])
{
    time_t t = (time_t)seconds;
    struct tm tm;
    localtime_r(&t, &tm);
    strftime(out, 32, "%Y-%m-%d %H:%M", &tm);
}

/* Names of files may be no UTF-8. */
static void set_text(struct table *t, int64_t row, int32_t col, const char *s)
{
    char *text = utf8_repair(s, strlen(s), NULL, NULL);
    table_set_str(t, row, col, text);
    free(text);
}

static struct table *entries_table(const struct store_entry *entry, int64_t n)
{
    struct table *t = table_new("rows", "Kept results", MARK_LIST);
    char when[32];
    table_column(t, "id", "", "number of the result", COLUMN_I64, COLUMN_KEY);
    table_column(t, "study", "", "what was computed", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "model", "", "name of the model", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "dict", "", "name of the SAE", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "bytes", "", "in the file", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "done", "share", "1: finished", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "last_used", "", "local time", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "corpus", "", "name of the corpus", COLUMN_STR, COLUMN_TEXT);
    for (int64_t i = 0; i < n; i++) {
        const struct store_entry *s = &entry[i];
        int64_t row = table_row(t);
        iso_time(s->last_used, when);
        table_set_i64(t, row, 0, s->id);
        table_set_str(t, row, 1, s->study);
        set_text(t, row, 2, s->model);
        set_text(t, row, 3, s->dict);
        table_set_i64(t, row, 4, s->bytes);
        table_set_f64(t, row, 5,
                      s->done           ? 1
                      : s->n_chunks > 0 ? (double)s->next_chunk / (double)s->n_chunks
                                        : 0);
        table_set_str(t, row, 6, when);
        set_text(t, row, 7, s->corpus);
    }
    return t;
}

static bool list(struct cli *cli, struct store *store, struct error *e)
{
    struct store_entry *entry = NULL;
    int64_t n = 0;
    if (!store_list(store, &entry, &n, e))
        return false;
    struct table *t = entries_table(entry, n);
    struct table_text how = output_table(cli);
    const struct packs_size packed = packed_size(cli);
    if (cli->opt.output == OUTPUT_JSON) {
        output_json(cli, json_pack("{s:o, s:I, s:o, s:o}", "path", json_text(store_path(store)),
                                   "bytes", (json_int_t)store_bytes(store), "packed",
                                   packed_json(packed), "rows", table_json(t)));
    } else if (cli->opt.output == OUTPUT_CSV) {
        table_write_csv(t, &cli->out);
    } else {
        strbuf_addf(&cli->out, "%s: %.1f MB%s\n", store_path(store),
                    (double)store_bytes(store) * 1e-6,
                    store_is_network(store) ? ", on a network filesystem" : "");
        if (packed.files > 0)
            strbuf_addf(&cli->out, "packed weights beside it: %.1f MB in %" PRId64 " files\n",
                        (double)packed.bytes * 1e-6, packed.files);
        if (n > 0)
            table_write_text(t, &how, &cli->out);
    }
    table_free(t);
    free(entry);
    return true;
}

/* A cache that turns out to be damaged is set aside, and the new one asked. */
static bool try_again(struct cli *cli, struct store **store, struct error *e)
{
    char said[480] = "";
    if (!*store || !store_is_damaged(*store))
        return false;
    *e = (struct error){0};
    strbuf_clear(&cli->out);
    bool ok = store_heal(store, said, sizeof said, e);
    if (said[0])
        fprintf(stderr, "glimt: %s\n", said);
    return ok;
}

struct verified { /* what came of comparing */
    int compared, wrong, foreign;
    json_t *rows;
};

static void add_verified(struct cli *cli, struct verified *v, const struct store_entry *s,
                         bool comparable, bool same, const struct error *why)
{
    v->compared += comparable;
    v->foreign += !comparable;
    v->wrong += comparable && !same;
    json_array_append_new(v->rows,
                          json_pack("{s:I, s:o, s:o, s:o, s:o}", "id", (json_int_t)s->id, "study",
                                    json_text(s->study), "corpus", json_text(s->corpus), "same",
                                    comparable ? json_boolean(same) : json_null(), "why",
                                    same ? json_null() : json_text(why->text)));
    strbuf_addf(&cli->out, "%" PRId64 " %s of %s: %s%s\n", s->id, s->study,
                s->corpus[0] ? s->corpus : s->dict,
                comparable ? "" : "not compared: ", same ? "the same" : why->text);
}

/* One by one, the last used first. */
static bool compare_entries(struct cli *cli, struct lab *lab, int sample, struct verified *v,
                            struct error *e)
{
    struct store_entry *entry = NULL;
    int64_t n = 0;
    struct lab_loop loop = cli_loop(cli);
    bool ok =
        store_check(lab_store(lab, NULL), e) && store_list(lab_store(lab, NULL), &entry, &n, e);
    for (int64_t i = 0; ok && i < n && v->compared < sample; i++) {
        struct error why = {0};
        bool comparable;
        if (!entry[i].done)
            continue;
        bool same = lab_verify(lab, &entry[i], &loop, &comparable, &why);
        progress_clear(&cli->progress);
        ok = interrupt_check(e);
        if (ok)
            add_verified(cli, v, &entry[i], comparable, same, &why);
    }
    free(entry);
    return ok;
}

static bool verify_entries(struct cli *cli, struct lab *lab, int sample, struct error *e)
{
    struct verified v = {.rows = json_array()};
    bool ok = compare_entries(cli, lab, sample, &v, e);
    if (ok && v.wrong > 0) {
        if (!store_is_damaged(lab_store(lab, NULL)))
            fputs(cli->out.s, stderr);
        ok = error_set(e, ERROR_SYSTEM, "cache: %d of %d results differ from what is computed now",
                       v.wrong, v.compared);
    }
    if (ok && cli->opt.output == OUTPUT_JSON) {
        strbuf_clear(&cli->out);
        output_json(cli, json_pack("{s:O, s:i, s:i}", "rows", v.rows, "compared", v.compared,
                                   "not_compared", v.foreign));
    } else if (ok) {
        strbuf_addf(&cli->out, "%d compared, %d not; the file is sound\n", v.compared, v.foreign);
    }
    json_decref(v.rows);
    return ok;
}

static bool verify(struct cli *cli, const struct cache_values *v, struct error *e)
{
    struct workbench *wb = NULL;
    if (!cli_open(cli, &cli->opt, &wb, e))
        return false;
    struct lab *lab = lab_new(wb, &cli->opt);
    bool ok = lab_store(lab, e) != NULL;
    if (!ok && !error_is_set(e))
        error_set(e, ERROR_INPUT, "cache: found --cache none, expected a folder");
    ok = ok && verify_entries(cli, lab, v->sample, e);
    if (!ok && lab_heal(lab) && lab_store(lab, NULL)) {
        *e = (struct error){0};
        strbuf_clear(&cli->out);
        ok = verify_entries(cli, lab, v->sample, e);
    }
    if (lab_said(lab)[0])
        fprintf(stderr, "glimt: %s\n", lab_said(lab));
    lab_free(lab);
    workbench_free(wb);
    return ok;
}

/* Packed weights first: they are made anew in seconds. */
static bool prune(struct cli *cli, struct store *store, const struct cache_values *v,
                  struct error *e)
{
    int64_t removed = 0;
    if (v->days < 0 && v->bytes < 0)
        return error_set(e, ERROR_INPUT,
                         "cache prune: found neither, expected --days N or --bytes "
                         "N");
    const int64_t most = v->bytes < 0 ? -1 : (int64_t)v->bytes, results = store_bytes(store);
    char *dir = packed_folder(cli);
    const struct packs_size packed = packs_prune(dir, v->days,
                                                 most < 0         ? -1
                                                 : most > results ? most - results
                                                                  : 0);
    free(dir);
    const struct packs_size left = packed_size(cli);
    if (!store_prune(store, v->days,
                     most < 0            ? -1
                     : most > left.bytes ? most - left.bytes
                                         : 0,
                     &removed, e))
        return false;
    if (cli->opt.output == OUTPUT_JSON) {
        output_json(cli, json_pack("{s:I, s:I, s:o}", "removed", (json_int_t)removed, "bytes",
                                   (json_int_t)store_bytes(store), "packed", packed_json(left)));
        return true;
    }
    strbuf_addf(&cli->out, "%" PRId64 " removed, %.1f MB left\n", removed,
                (double)store_bytes(store) * 1e-6);
    if (packed.files > 0)
        strbuf_addf(&cli->out, "packed weights: %" PRId64 " files removed, %.1f MB left\n",
                    packed.files, (double)left.bytes * 1e-6);
    return true;
}

static bool no_csv(const struct cli *cli, const char *what, struct error *e)
{
    return cli->opt.output != OUTPUT_CSV ||
           error_set(e, ERROR_INPUT, "cache %s: found --csv, expected --json or neither", what);
}

static bool cache(struct cli *cli, const void *values, int n, char **operand, struct error *e)
{
    const char *what = n > 0 ? operand[0] : "list";
    struct store *store = NULL;
    if (strcmp(what, "verify") == 0)
        return no_csv(cli, what, e) && verify(cli, values, e);
    if (strcmp(what, "list") != 0 && strcmp(what, "prune") != 0)
        return error_set(e, ERROR_INPUT, "cache: found %s, expected list, verify or prune", what);
    if (strcmp(what, "prune") == 0 && !no_csv(cli, what, e))
        return false;
    bool ok = false, once = false;
    if (open_cache(cli, &store, e))
        do
            ok = strcmp(what, "list") == 0 ? list(cli, store, e) : prune(cli, store, values, e);
        while (!ok && !once && (once = try_again(cli, &store, e)));
    store_close(store);
    return ok;
}

const struct command cache_command = {
    .name = "cache",
    .operands = "[list|verify|prune]",
    .summary = "what is kept, whether it is right, making room",
    .max_operands = 1,
    .csv = true,
    .options = cache_options,
    .defaults = &cache_defaults,
    .values_size = sizeof cache_defaults,
    .run = cache,
};
