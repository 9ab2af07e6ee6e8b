/* Opening what the options name, and running a session to its end: the explorer's own machinery
 * without its screen. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/formats/hf.h"
#include "engine/formats/packs.h"
#include "engine/hub/cache.h"
#include "engine/lane/sequences.h"
#include "tui/cli/study.h"
#include "tui/lab/content.h"
#include <stdlib.h>
#include <string.h>

static void loading(void *arg, double share, const char *what)
{
    progress_show(arg, share, what);
}

bool cli_open(struct cli *cli, const struct options *o, struct workbench **wb, struct error *e)
{
    *wb = NULL;
    interrupt_at_once(true);
    bool ok = workbench_open(o, loading, &cli->progress, wb, e);
    interrupt_at_once(false);
    progress_clear(&cli->progress);
    if (ok && !o->quiet && (*wb)->said[0])
        fprintf(stderr, "glimt: %s\n", (*wb)->said);
    if (ok && !o->quiet && packs_said((*wb)->packs)[0])
        fprintf(stderr, "glimt: %s\n", packs_said((*wb)->packs));
    return ok;
}

void cli_note_saturated(const struct cli *cli, uint64_t n)
{
    if (n > 0 && !cli->opt.quiet)
        fprintf(stderr,
                "glimt: note: %llu values were too large for 16 bits and became its largest; "
                "--dtype bf16 or f32 holds them\n",
                (unsigned long long)n);
}

/* As every other command has it; a folder without a config.json has the tokenizer's. */
static bool read_bos(const char *dir, const struct tokenizer *t, int32_t *bos, struct error *e)
{
    struct model_config c = {.bos_id = -1};
    char *config = xasprintf("%s/config.json", dir);
    const bool ok =
        !file_is_named(config) || (hf_config_read(dir, &c, e) && config_bos_check(&c, dir, e));
    free(config);
    *bos = config_bos(&c, t);
    return ok;
}

bool cli_tokenizer_open(struct cli *cli, struct tokenizer **out, int32_t *bos, struct error *e)
{
    const struct options *o = &cli->opt;
    struct bundle *bundle = NULL;
    char *demo = NULL, *dir = NULL;
    const char *spec = o->model;
    bool ok = false;
    *out = NULL;
    if (!spec) {
        demo = o->bundle ? NULL : program_data("demo/demo.glimt");
        if (!o->bundle && !demo) {
            error_set(e, ERROR_INPUT,
                      "opening the demo: found no demo/demo.glimt in the program data, expected it "
                      "there, or --model");
            goto cleanup;
        }
        if (!bundle_open(o->bundle ? o->bundle : demo, &bundle, e))
            goto cleanup;
        spec = bundle->model;
    }
    *bos = -1;
    ok = hub_resolve(spec, &dir, e) && tokenizer_open(dir, out, e) &&
         (o->bos != SAID_YES || read_bos(dir, *out, bos, e));
    if (!ok) {
        tokenizer_free(*out);
        *out = NULL;
    }
cleanup:
    bundle_free(bundle);
    free(demo);
    free(dir);
    return ok;
}

bool cli_session(struct cli *cli, const struct workbench *wb, struct wish *wish, session_hear *hear,
                 void *arg, struct snapshot **out, struct error *e)
{
    struct session *s = session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at,
                                    wb->set, wb->n_sets, e);
    *out = NULL;
    if (!s)
        return false;
    wish->generation = 1;
    wish->cursor = 0;
    wish->n_next = 0;
    wish->refsets = false;
    session_listen(s, hear, arg);
    session_set(s, wish);
    while (session_step(s, interrupt_flag()) != STAGE_IDLE && interrupt_check(NULL)) {
        if (!cli->progress.on || !session_should_publish(s))
            continue;
        struct snapshot *part = session_snapshot(s);
        progress_show(&cli->progress, part->progress, "computing");
        snapshot_unref(part);
    }
    progress_clear(&cli->progress);
    if (interrupt_check(e)) {
        *out = session_snapshot(s);
        if (error_is_set(session_error(s))) {
            *e = *session_error(s);
            snapshot_unref(*out);
            *out = NULL;
        }
    }
    session_free(s);
    return *out != NULL;
}

/* Hashes either way, remembered in the cache. */
static bool hash_through(struct cli *cli,
                         bool (*hash)(const char *const *path, size_t n, struct hash_memory *,
                                      const struct lab_loop *, struct sha256 *, struct error *),
                         const char *const *path, size_t n, struct sha256 *out, struct error *e)
{
    struct hash_memory memory = {.dir = cache_folder(&cli->opt)};
    struct lab_loop loop = cli_loop(cli);
    bool ok = hash(path, n, &memory, &loop, out, e);
    progress_clear(&cli->progress);
    hash_memory_close(&memory);
    if (memory.said[0])
        fprintf(stderr, "glimt: %s\n", memory.said);
    return ok;
}

bool cli_files_hash(void *cli, const char *const *path, size_t n, struct sha256 *out,
                    struct error *e)
{
    return hash_through(cli, named_files_hash, path, n, out, e);
}

bool cli_weights_hash(struct cli *cli, const char *const *path, size_t n, char hex[][65],
                      struct error *e)
{
    struct sha256 *h = xcalloc(n, sizeof *h);
    bool ok = hash_through(cli, weights_hash, path, n, h, e);
    for (size_t i = 0; ok && i < n; i++)
        sha256_hex(&h[i], hex[i]);
    free(h);
    return ok;
}
