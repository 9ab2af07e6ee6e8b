/* The lab's belongings: the cache, open corpora, and the hashes that say what model and dictionary
 * these are. */
#include "engine/base/memory.h"
#include "engine/study/activity.h"
#include "tui/lab/content.h"
#include "tui/lab/lab_private.h"
#include <stdlib.h>
#include <string.h>

/* A layer with an SAE in the neurons' place has none beside it. */
static void take_dicts(struct lab *lab)
{
    const struct dict_set *open = &lab->wb->dicts;
    const struct model *m = lab->wb->model;
    struct dict_set all;
    dict_set_some(open, dict_set_all(open), &all);
    for (int16_t layer = 0; layer < model_config(m)->n_layers; layer++) {
        const struct point at = {layer, SITE_MLP_ACT};
        if (!model_check_point(m, at, NULL))
            continue;
        struct dict *d = dict_neurons(at, model_width(m, at));
        dict_read_as(d, model_reads(m, at));
        dict_set_add(&all, d, at, NULL); /* or frees it */
    }
    lab->dicts.place = xcalloc((size_t)all.n + 1, sizeof *all.place);
    for (int32_t i = 0; i < open->n; i++)
        lab->dicts.place[lab->dicts.n++] = open->place[i];
    for (int32_t i = 0, k = 0; i < all.n; i++)
        if (k < open->n && all.place[i].dict == open->place[k].dict)
            k++;
        else
            lab->dicts.place[lab->dicts.n++] = all.place[i];
    dict_set_forget(&all);
}

struct lab *lab_new(const struct workbench *wb, const struct options *o)
{
    struct lab *lab = xcalloc(1, sizeof *lab);
    lab->wb = wb;
    lab->options = o;
    take_dicts(lab);
    return lab;
}

void finished_release(struct finished *f)
{
    if (f->recent)
        f->recent->users--;
    else if (f->study)
        f->ops->free(f->study);
    *f = (struct finished){0};
}

void lab_recent_release(struct lab_recent *r)
{
    if (!r->study)
        return;
    activity_study.free(r->study);
    params_release(&r->params);
    *r = (struct lab_recent){0};
}

void lab_free(struct lab *lab)
{
    if (!lab)
        return;
    for (int i = 0; i < LAB_RECENT; i++)
        lab_recent_release(&lab->recent[i]);
    finished_release(&lab->harvest);
    for (size_t i = 0; i < lab->n_corpora; i++) {
        corpus_choice_release(&lab->corpus[i]->choice);
        corpus_free(lab->corpus[i]->corpus);
        free(lab->corpus[i]);
    }
    free(lab->corpus);
    for (struct some_dicts *d = lab->some, *next; d; d = next) {
        next = d->next;
        dict_set_forget(&d->set);
        free(d);
    }
    for (int32_t i = lab->wb->dicts.n; i < lab->dicts.n; i++)
        dict_free(lab->dicts.place[i].dict);
    dict_set_forget(&lab->dicts);
    vocabulary_release(&lab->vocabulary);
    store_close(lab->store);
    free(lab);
}

const double *lab_norms(struct lab *lab, struct error *e)
{
    struct study_call call;
    struct vocabulary v;
    if (lab->vocabulary.n > 0)
        return lab->vocabulary.norms;
    lab_call_init(lab, &call, &activity_study, NULL, "norms of tokens", NULL, 0);
    struct run run = {.queue = call.in.queue, .arena = arena_new(call.in.queue)};
    const bool ok = vocabulary_init(&v, &run, &call.in, true);
    arena_free(run.arena);
    lab_call_release(&call);
    if (!ok) {
        error_set(e, run.err.kind, "%s", run.err.text);
        return NULL;
    }
    lab->vocabulary = v;
    return v.norms;
}

/* ---- the cache */
void lab_say(struct lab *lab, const char *line)
{
    if (!lab->said[0])
        snprintf(lab->said, sizeof lab->said, "%s", line);
}

struct store *lab_store(struct lab *lab, struct error *e)
{
    if (lab->store_tried)
        return lab->store;
    lab->store_tried = true;
    char *dir = cache_folder(lab->options), said[480] = "";
    struct error why = {0};
    if (dir && !store_open(dir, &lab->store, said, sizeof said, &why)) {
        lab_say(lab, why.text);
        if (e)
            *e = why;
    }
    if (said[0])
        lab_say(lab, said);
    free(dir);
    return lab->store;
}

bool lab_wants_store(const struct lab *lab)
{
    char *dir = cache_folder(lab->options);
    const bool wants = dir != NULL;
    free(dir);
    return wants;
}

bool lab_need_store(struct lab *lab, struct error *e)
{
    if (lab->store)
        return true;
    error_set(e, ERROR_SYSTEM, "%s", lab->said);
    lab->said[0] = '\0';
    return false;
}

const char *lab_said(const struct lab *lab)
{
    return lab->said[0] ? lab->said : lab->note;
}

/* ---- what this is */
/* Of TransformerLens' weights another: what numbers are of is not the file alone. */
static struct sha256 model_hash(const struct sha256 *weights, const struct sha256 *config,
                                int32_t tl_tokens)
{
    const struct sha256 part[2] = {*weights, *config};
    char hex[65], text[128];
    struct sha256 hash = sha256_bytes(part, sizeof part);
    if (tl_tokens == 0)
        return hash;
    sha256_hex(&hash, hex);
    snprintf(text, sizeof text, "%s tl-weights %d", hex, tl_tokens);
    return sha256_bytes(text, strlen(text));
}

static struct sha256 dict_hash(const struct dict_place *p, const struct sha256 *weights)
{
    char point[POINT_NAME_MAX], hex[65];
    struct strbuf facts;
    strbuf_init(&facts);
    point_name(p->at, point);
    sha256_hex(weights, hex);
    strbuf_addf(&facts, "%s %s ", hex, point);
    dict_spec_facts(dict_spec(p->dict), &facts);
    struct sha256 hash = sha256_bytes(facts.s, facts.len);
    strbuf_release(&facts);
    return hash;
}

struct sha256 lab_dict_hash(const struct lab *lab, dict_places places)
{
    struct sha256 part[DICT_SET_MAX];
    size_t n = 0;
    for (int32_t i; (i = dict_set_outside(&lab->dicts, places, (int32_t)n)) >= 0;)
        part[n++] = lab->dict[i];
    return n == 0   ? sha256_bytes("none", 4)
           : n == 1 ? part[0]
                    : sha256_bytes(part, n * sizeof *part);
}

static bool hash_some(struct lab *lab, dict_places places, const struct lab_loop *loop,
                      struct error *e)
{
    static const char *const config[] = {"config.json", NULL};
    static const char *const words[] = {"tokenizer.json", "vocab.json", "merges.txt", NULL};
    const struct dict_set *dicts = &lab->dicts;
    const char *dir = model_dir(lab->wb->model), *path[1 + DICT_SET_MAX] = {NULL};
    struct hash_memory memory = {.store = lab->store};
    struct sha256 weights[1 + DICT_SET_MAX] = {0}, facts;
    path[0] = lab->identified ? NULL : dir;
    for (int32_t i = 0; i < dicts->n; i++)
        path[1 + i] = places & dict_bit(i) ? dict_path(dicts->place[i].dict) : NULL;
    if (!weights_hash(path, 1 + (size_t)dicts->n, &memory, loop, weights, e))
        return false;
    if (!lab->identified) {
        if (!folder_hash(dir, config, &facts, e) || !folder_hash(dir, words, &lab->tokenizer, e))
            return false;
        lab->model = model_hash(&weights[0], &facts, model_tl_tokens(lab->wb->model));
    }
    for (int32_t i = 0; i < dicts->n; i++)
        if (places & dict_bit(i))
            lab->dict[i] = dict_hash(&dicts->place[i], &weights[1 + i]);
    lab->known |= places;
    return true;
}

static void register_model(struct lab *lab)
{
    struct error lost = {0};
    if (!lab->store ||
        store_object(lab->store, "model", &lab->model, lab->wb->model_name, "{}", &lab->model_id,
                     &lost) ||
        lab_heal(lab))
        return;
    lab_say(lab, lost.text);
    store_close(lab->store); /* go on without it */
    lab->store = NULL;
}

bool lab_identify(struct lab *lab, dict_places places, const struct lab_loop *loop, struct error *e)
{
    if (lab->identified && (places & ~lab->known) == 0)
        return true;
    lab_store(lab, NULL);
    if (!hash_some(lab, places & ~lab->known, loop, e))
        return false;
    if (!lab->identified) {
        lab->identified = true;
        register_model(lab);
    }
    return true;
}

/* ---- a cache that is damaged, or gone */
bool lab_heal(struct lab *lab)
{
    if (lab->depth > 1 || !lab->store ||
        (!store_is_damaged(lab->store) && store_is_in_place(lab->store)))
        return false;
    char said[480] = "";
    struct error why = {0};
    lab->heals++;
    store_heal(&lab->store, said, sizeof said, &why);
    lab->harvest.run = 0;
    if (said[0] || !lab->store)
        lab_say(lab, lab->store ? said : why.text);
    if (lab->identified)
        register_model(lab);
    return true;
}
