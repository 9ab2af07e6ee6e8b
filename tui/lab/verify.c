/* A stored run computed anew and compared. */
#include "engine/base/memory.h"
#include "engine/study/chains.h"
#include "engine/study/losses.h"
#include "engine/study/position.h"
#include "engine/study/stream.h"
#include "tui/lab/lab_private.h"
#include "tui/lab/param_json.h"
#include <stdlib.h>
#include <string.h>

static const struct study_ops *const all_studies[] = {
    &harvest_study, &values_study,   &sweep_study,  &coactive_study, &lens_study,    &proof_study,
    &words_study,   &activity_study, &ablate_study, &hidden_study,   &probe_study,   &kept_study,
    &regress_study, &stream_study,   &losses_study, &chains_study,   &position_study};

const struct study_ops *lab_study_named(const char *name)
{
    for (size_t i = 0; i < sizeof all_studies / sizeof *all_studies; i++)
        if (strcmp(all_studies[i]->name, name) == 0)
            return all_studies[i];
    return NULL;
}

static void parse_corpus(const json_t *o, struct corpus_choice *c)
{
    size_t i;
    json_t *v;
    const char *path = json_string_value(json_object_get(o, "path"));
    c->path = path ? xstrdup(path) : NULL;
    const char *encoding = json_string_value(json_object_get(o, "encoding"));
    c->encoding = encoding ? xstrdup(encoding) : NULL;
    c->header = json_is_true(json_object_get(o, "header"));
    c->special = json_is_true(json_object_get(o, "special"));
    c->words = json_is_true(json_object_get(o, "words"));
    c->limit = json_integer_value(json_object_get(o, "limit"));
    json_array_foreach(json_object_get(o, "files"), i, v)
    {
        const char *cls = json_string_value(json_array_get(v, 0));
        const char *file = json_string_value(json_array_get(v, 1));
        if (!cls || !file || c->n_files == CORPUS_MAX_CLASSES)
            continue;
        c->file[c->n_files].cls = xstrdup(cls);
        c->file[c->n_files++].path = xstrdup(file);
    }
}

static bool same_bytes(const struct strbuf *a, const struct strbuf *b)
{
    return a->len == b->len && memcmp(a->s, b->s, a->len) == 0;
}

static bool compare_harvest(struct lab *lab, int64_t run, struct study *fresh, struct error *e)
{
    struct strbuf kept, now;
    bool ok = true;
    strbuf_init(&kept);
    strbuf_init(&now);
    for (int32_t j = 0; ok && j < harvest_n_latents(fresh); j++) {
        struct latent_detail *d = harvest_detail(fresh, j);
        strbuf_clear(&kept);
        strbuf_clear(&now);
        latent_detail_print(d, &now);
        int there = store_get_latent(lab->store, run, j, &kept, e);
        if (there == 0 || (there > 0 && !same_bytes(&kept, &now)))
            error_set(e, ERROR_SYSTEM, "latent %d differs", (int)j);
        ok = !error_is_set(e);
        free(d);
    }
    strbuf_release(&kept);
    strbuf_release(&now);
    return ok;
}

static bool compare(struct lab *lab, const struct store_entry *entry, const struct study_call *call,
                    const struct lab_loop *loop, bool *comparable, struct error *e)
{
    struct study *fresh = NULL;
    struct sha256 key = lab_key(lab, call);
    if (memcmp(&key, &entry->key, sizeof key) != 0)
        return error_set(e, ERROR_INPUT,
                         "made from another model, dictionary or corpus than the ones at hand, or "
                         "by another version of glimt");
    *comparable = true;
    if (!lab_study_fresh(lab, call, loop, &fresh, e))
        return false;
    bool ok = call->ops == &harvest_study ? compare_harvest(lab, entry->id, fresh, e)
                                          : lab_same_state(lab, entry->id, call->ops, fresh, e);
    call->ops->free(fresh);
    return ok;
}

/* The places of the points that the run names. False and *e: one is not here. */
static bool places_of(const struct lab *lab, const json_t *hooks, dict_places *places,
                      struct error *e)
{
    const struct dict_set *dicts = &lab->dicts;
    const size_t n = json_is_array(hooks) ? json_array_size(hooks) : 1;
    *places = 0;
    for (size_t i = 0; i < n; i++) {
        const char *name =
            json_string_value(json_is_array(hooks) ? json_array_get(hooks, i) : hooks);
        const int32_t place = name ? unit_place_find(dicts, name, e) : -1;
        if (place < 0)
            return error_set(e, ERROR_SYSTEM, "its arguments can't be read");
        *places |= dict_bit(place);
    }
    return true;
}

static bool verify_at(struct lab *lab, const struct store_entry *entry, const json_t *o,
                      const struct study_ops *ops, const struct open_corpus *c, dict_places places,
                      const struct lab_loop *loop, bool *comparable, struct error *e)
{
    struct study_call call;
    if (!lab_identify(lab, places, loop, e))
        return false;
    lab_call_init(lab, &call, ops, c, "verify", NULL, places);
    params_release(&call.params); /* the run's, not this session's */
    params_init(&call.params, ops->params);
    params_take_json(&call.params, json_object_get(o, "params"), call.in.dicts);
    call.in.bos = json_is_true(json_object_get(o, "bos"));
    struct finished needed;
    bool ok =
        lab_need(lab, &call, loop, &needed, e) && compare(lab, entry, &call, loop, comparable, e);
    finished_release(&needed);
    lab_call_release(&call);
    return ok;
}

static bool verify(struct lab *lab, const struct store_entry *entry, const json_t *o,
                   const struct lab_loop *loop, bool *comparable, struct error *e)
{
    const struct study_ops *ops = lab_study_named(entry->study);
    const json_t *hooks = json_object_get(o, "hooks");
    struct corpus_choice choice = {0};
    dict_places places = 0;
    if (!ops)
        return error_set(e, ERROR_INPUT, "unknown study %s", entry->study);
    if (hooks && !places_of(lab, hooks, &places, e))
        return false;
    const bool reads = !json_is_false(json_object_get(o, "corpus"));
    parse_corpus(o, &choice);
    enum corpus_split split = (enum corpus_split)json_integer_value(json_object_get(o, "split"));
    const struct open_corpus *c = reads ? lab_open_corpus(lab, &choice, split, loop, e) : NULL;
    corpus_choice_release(&choice);
    if (reads && !c)
        return false;
    if (hooks)
        return verify_at(lab, entry, o, ops, c, places, loop, comparable, e);
    /* kept before runs said where their dictionary was: it was one */
    const int32_t n = lab->wb->dicts.n;
    bool ok = false;
    for (int32_t i = 0; !*comparable && i < (n > 0 ? n : 1); i++) {
        *e = (struct error){0};
        ok = verify_at(lab, entry, o, ops, c, n > 0 ? dict_bit(i) : 0, loop, comparable, e);
    }
    return ok;
}

bool lab_verify(struct lab *lab, const struct store_entry *entry, const struct lab_loop *loop,
                bool *comparable, struct error *e)
{
    struct strbuf args;
    *comparable = false;
    if (!lab_identify(lab, 0, loop, e))
        return false;
    strbuf_init(&args);
    bool ok = store_args(lab->store, entry->id, &args, e);
    json_t *o = ok ? json_loadb(args.s, args.len, 0, NULL) : NULL;
    if (ok && !o)
        ok = error_set(e, ERROR_SYSTEM, "its arguments can't be read");
    ok = ok && verify(lab, entry, o, loop, comparable, e);
    json_decref(o);
    strbuf_release(&args);
    return ok;
}
