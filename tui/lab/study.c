/* One study through the cache: looked up by its key, resumed, or run and kept. */
#include "engine/base/memory.h"
#include "tui/lab/lab_private.h"
#include "tui/lab/param_json.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define FORMAT_OF_KEYS 2

const struct dict_set *lab_dicts(struct lab *lab, dict_places places)
{
    if (places == dict_set_all(&lab->wb->dicts))
        return &lab->wb->dicts;
    struct some_dicts *d = lab->some;
    while (d && d->places != places)
        d = d->next;
    if (!d) {
        d = xcalloc(1, sizeof *d);
        *d = (struct some_dicts){.next = lab->some, .places = places};
        dict_set_some(&lab->dicts, places, &d->set);
        lab->some = d;
    }
    return &d->set;
}

void lab_call_init(struct lab *lab, struct study_call *call, const struct study_ops *ops,
                   const struct open_corpus *corpus, const char *what, const struct params *params,
                   dict_places places)
{
    const struct workbench *wb = lab->wb;
    const struct unit_id *unit;
    *call = (struct study_call){
        .ops = ops, .lab = lab, .corpus = corpus, .what = what, .places = places};
    call->in = (struct study_in){.queue = lab->depth > 1 ? wb->quick : wb->jobs,
                                 .model = wb->model,
                                 .tokenizer = wb->tokenizer,
                                 .at = wb->at,
                                 .corpus = corpus ? corpus->corpus : NULL,
                                 .bos = wb->bos,
                                 .special = corpus && corpus->choice.special};
    if (places) {
        call->in.dicts = lab_dicts(lab, places);
        call->in.dict = call->in.dicts->place[0].dict;
        call->in.at = call->in.dicts->place[0].at;
    }
    params_init(&call->params, ops->params);
    if (params)
        params_take(&call->params, params);
    if (params && params_know(&call->params, "units"))
        lab_call_units(call, unit, params_units(&call->params, "units", &unit));
    if (params_know(&call->params, "seed"))
        params_set_seed(&call->params, "seed", lab->options->seed);
    if (params_know(&call->params, "no-tl-weights"))
        params_set_flag(&call->params, "no-tl-weights", lab->options->tl_weights == SAID_NO);
}

void lab_call_units(struct study_call *call, const struct unit_id *unit, int32_t n)
{
    struct unit_id *own = xcalloc((size_t)n + 1, sizeof *own);
    int32_t n_own = 0;
    for (int32_t i = 0; i < n; i++) {
        const int32_t dict = dict_set_within(&call->lab->dicts, call->places, unit[i].dict);
        if (dict >= 0)
            own[n_own++] = (struct unit_id){dict, unit[i].index};
    }
    params_set_units(&call->params, "units", own, n_own);
    free(own);
}

void lab_call_release(struct study_call *call)
{
    params_release(&call->params);
}

/* ---- keys */
/* The point of one, a list of those of several. */
static json_t *points_json(const struct study_in *in)
{
    char point[POINT_NAME_MAX];
    json_t *list = json_array();
    for (int32_t i = 0; in->dicts && i < in->dicts->n; i++) {
        point_name(in->dicts->place[i].at, point);
        json_array_append_new(list, json_string(point));
    }
    if (json_array_size(list) > 1)
        return list;
    json_decref(list);
    point_name(in->at, point);
    return json_string(point);
}

struct sha256 lab_key(const struct lab *lab, const struct study_call *call)
{
    char model[65], dict[65], tokenizer[65], corpus[65] = "none";
    const struct sha256 dicts = lab_dict_hash(lab, call->places);
    json_t *o = json_object();
    sha256_hex(&lab->model, model);
    sha256_hex(&dicts, dict);
    sha256_hex(&lab->tokenizer, tokenizer);
    if (call->in.corpus)
        sha256_hex(&call->in.corpus->hash, corpus);
    json_object_set_new(o, "params", params_json(&call->params, PARAMS_KEY, call->in.dicts));
    json_object_set_new(o, "format", json_integer(FORMAT_OF_KEYS));
    json_object_set_new(o, "engine", json_integer(STUDY_VERSION));
    json_object_set_new(o, "study", json_string(call->ops->name));
    if (call->ops->version > 0) /* keys of before stay what they were */
        json_object_set_new(o, "version", json_integer(call->ops->version));
    if (call->ops->needs) /* and of what it goes on from */
        json_object_set_new(o, "needs", json_integer(call->ops->needs->version));
    json_object_set_new(o, "model", json_string(model));
    json_object_set_new(o, "dict", json_string(dict));
    json_object_set_new(o, "tokenizer", json_string(tokenizer));
    json_object_set_new(o, "corpus", json_string(corpus));
    json_object_set_new(o, "hook", points_json(&call->in));
    json_object_set_new(o, "bos", json_boolean(call->in.bos));
    if (call->in.special) /* likewise */
        json_object_set_new(o, "special", json_true());
    const struct backend *b = call->in.queue->backend;
    json_object_set_new(o, "precision", json_string(b->caps.precision));
    json_object_set_new(o, "device", json_string(b->caps.kind));
    if (b->caps.chunk_docs != 16) /* likewise */
        json_object_set_new(o, "chunk_docs", json_integer(b->caps.chunk_docs));
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (!text)
        panic("writing JSON: out of memory");
    struct sha256 key = sha256_bytes(text, strlen(text));
    free(text);
    json_decref(o);
    return key;
}

static json_t *string_or_null(const char *s)
{
    json_t *v = s ? json_string(s) : NULL;
    return v ? v : json_null();
}

/* Whoever verifies it later may stand in another folder. */
static json_t *path_or_null(const char *path)
{
    char *real = path ? realpath(path, NULL) : NULL;
    json_t *v = string_or_null(real ? real : path);
    free(real);
    return v;
}

char *lab_call_print(const struct study_call *call)
{
    json_t *o = json_object(), *files = json_array();
    const struct corpus_choice *c = call->corpus ? &call->corpus->choice : NULL;
    for (int32_t i = 0; c && i < c->n_files; i++)
        json_array_append_new(files, json_pack("[o, o]", string_or_null(c->file[i].cls),
                                               path_or_null(c->file[i].path)));
    json_object_set_new(o, "params", params_json(&call->params, PARAMS_KEY, call->in.dicts));
    if (call->in.dicts)
        json_object_set_new(o, "hooks", points_json(&call->in));
    json_object_set_new(o, "path", path_or_null(c ? c->path : NULL));
    json_object_set_new(o, "files", files);
    json_object_set_new(o, "limit", json_integer(c ? c->limit : 0));
    json_object_set_new(o, "split", json_integer(call->corpus ? (int)call->corpus->split : 0));
    json_object_set_new(o, "encoding", string_or_null(c ? c->encoding : NULL));
    json_object_set_new(o, "header", json_boolean(c && c->header));
    json_object_set_new(o, "special", json_boolean(call->in.special));
    json_object_set_new(o, "words", json_boolean(c && c->words));
    json_object_set_new(o, "bos", json_boolean(call->in.bos));
    if (!call->corpus)
        json_object_set_new(o, "corpus", json_false());
    char *text = json_dumps(o, JSON_COMPACT | JSON_SORT_KEYS | JSON_REAL_PRECISION(17));
    if (!text)
        panic("writing JSON: out of memory");
    json_decref(o);
    return text;
}

/* Without its arguments and what objects it is of. */
static struct store_run_key run_key(const struct lab *lab, const struct study_call *call,
                                    const struct sha256 *key, int64_t n_chunks)
{
    return (struct store_run_key){.key = *key,
                                  .study = call->ops->name,
                                  .precision = lab->wb->backend->caps.precision,
                                  .engine = lab->wb->backend->caps.kind,
                                  .model = lab->model_id,
                                  .n_chunks = n_chunks};
}

/* ---- running */
struct running {
    struct lab *lab;
    const struct study_call *call;
    const struct lab_loop *loop;
    struct study *study;
    int64_t run; /* in the store; 0: not kept */
    struct sha256 key;
    int64_t n_chunks;
    bool must_keep;
    double partial_at; /* elapsed seconds of the last tables handed on */
};

static void progressed(void *arg, const struct study_progress *p)
{
    struct running *r = arg;
    if (r->loop->progress)
        r->loop->progress(r->loop->progress_arg, p, r->call->what);
    if (!r->loop->partial || !r->call->partial || p->part > 0 ||
        p->elapsed - r->partial_at < r->loop->partial_every || p->done == p->total)
        return;
    r->partial_at = p->elapsed;
    struct table_set *set = r->call->partial(r->call->partial_arg, r->study);
    if (set)
        r->loop->partial(r->loop->partial_arg, set);
    table_set_unref(set);
}

static bool is_cancelled(const struct lab_loop *loop)
{
    return loop->cancel && atomic_load(loop->cancel);
}

/* "sae", of several that are open also where: "sae (mlp_3) + sae (resid_5)". */
static void name_dicts(struct lab *lab, dict_places places, struct strbuf *out)
{
    const struct dict_set *set = places ? lab_dicts(lab, places) : NULL;
    char place[UNIT_NAME_MAX];
    for (int32_t i = 0; set && i < set->n; i++) {
        char *one = workbench_dict_name(set->place[i].dict);
        strbuf_addf(out, "%s%s", out->len > 0 ? " + " : "", one);
        unit_place_name(set, i, place);
        if (set->n > 1 || lab->wb->dicts.n > 1)
            strbuf_addf(out, " (%s)", place);
        free(one);
    }
}

/* The dictionaries and the corpus as objects of the store. */
static bool put_objects(struct lab *lab, const struct study_call *call, struct store_run_key *key,
                        struct error *e)
{
    const struct corpus *c = call->in.corpus;
    const struct sha256 hash = lab_dict_hash(lab, call->places);
    struct strbuf name;
    strbuf_init(&name);
    name_dicts(lab, call->places, &name);
    bool ok = store_object(lab->store, "dict", &hash, name.len > 0 ? name.s : "none", "{}",
                           &key->dict, e) &&
              (!c || store_object(lab->store, "corpus", &c->hash, c->name, "{}", &key->corpus, e));
    strbuf_release(&name);
    return ok;
}

/* What is computed goes on in the new cache that came for a damaged one. */
static int64_t claim_again(struct lab *lab, const struct study_call *call, const struct sha256 *key,
                           int64_t n_chunks)
{
    struct store_run run;
    struct store_run_key k = run_key(lab, call, key, n_chunks);
    char *args = lab_call_print(call);
    k.args_json = args;
    bool ok = lab->store && put_objects(lab, call, &k, NULL) &&
              store_claim(lab->store, &k, &run, NULL) == CLAIM_OURS;
    free(args);
    return ok ? run.id : 0;
}

/* The answer does not need the cache: on a full disk it is computed to the end all the same. */
static bool checkpoint(void *arg, const struct study *study, int64_t next_chunk, struct error *e)
{
    struct running *r = arg;
    const struct study_ops *ops = r->call->ops;
    struct error lost = {0};
    if (!r->run || lab_checkpoint(r->lab, r->run, ops, study, next_chunk, r->loop, &lost))
        return true;
    if (lab_heal(r->lab)) {
        r->run = claim_again(r->lab, r->call, &r->key, r->n_chunks);
        if (r->run && lab_checkpoint(r->lab, r->run, ops, study, next_chunk, r->loop, &lost))
            return true;
    }
    if (r->must_keep || is_cancelled(r->loop)) {
        *e = lost;
        return false;
    }
    lab_say(r->lab, lost.text);
    if (r->run)
        store_release(r->lab->store, r->run);
    r->run = 0;
    return true;
}

/* $GLIMT_CHECKPOINT: seconds between checkpoints; 0: the driver's default. */
static double checkpoint_seconds(void)
{
    const char *given = getenv("GLIMT_CHECKPOINT");
    double s = given ? strtod(given, NULL) : 0;
    return s > 0 && s < 1e6 ? s : 0;
}

static const struct lab_loop no_loop;

static bool run_study(struct running *r, int64_t first, struct error *e)
{
    const struct lab_loop *l = r->loop;
    struct study_loop loop = {.cancel = l->cancel,
                              .poll = l->poll,
                              .poll_arg = l->poll_arg,
                              .progress = progressed,
                              .progress_arg = r,
                              .checkpoint = r->run ? checkpoint : NULL,
                              .checkpoint_arg = r,
                              .checkpoint_s = checkpoint_seconds()};
    const struct study_progress begun = {
        .done = first,
        .total = r->n_chunks,
        .share = r->n_chunks > 0 ? (double)first / (double)r->n_chunks : 0,
        .left = (double)NAN};
    if (l->progress) /* of a large model a chunk takes its time */
        l->progress(l->progress_arg, &begun, r->call->what);
    return study_run(r->call->ops, r->study, r->call->in.queue, first, &loop, e);
}

bool lab_study_fresh(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
                     struct study **out, struct error *e)
{
    struct running r = {.lab = lab, .call = call, .loop = loop ? loop : &no_loop};
    if (!call->ops->open(&call->in, &call->params, &r.study, e))
        return false;
    if (run_study(&r, 0, e)) {
        *out = r.study;
        return true;
    }
    call->ops->free(r.study);
    return false;
}

/* ---- what was kept */
/* What is not there or can't be read is damage (store_distrust). */
static bool load_result(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
                        struct finished *f, struct error *e)
{
    if (!call->ops->open(&call->in, &call->params, &f->study, e))
        return false;
    if (lab_load(lab, f->run, call->ops, f->study, loop, e))
        return true;
    store_distrust(lab->store, f->run);
    call->ops->free(f->study);
    f->study = NULL;
    return false;
}

/* Where an unfinished run stopped; what can't be read is begun again. */
static int64_t load_state(struct lab *lab, const struct study_call *call,
                          const struct lab_loop *loop, struct study **study,
                          const struct store_run *kept)
{
    if (kept->next_chunk == 0)
        return 0;
    if (kept->has_state && lab_load(lab, kept->id, call->ops, *study, loop, NULL))
        return kept->next_chunk;
    call->ops->free(*study); /* half loaded */
    *study = NULL;
    if (!call->ops->open(&call->in, &call->params, study, NULL))
        panic("a study that opened does not open again");
    store_restart(lab->store, kept->id, NULL);
    return 0;
}

/* Between two pieces of a result that is being written. */
bool lab_breathe(struct lab *lab, const struct lab_loop *loop, struct error *e)
{
    if (!store_finish_pause(lab->store, e))
        return false;
    lab->writing = true;
    if (loop->poll)
        loop->poll(loop->poll_arg);
    lab->writing = false;
    return !is_cancelled(loop) || error_set(e, ERROR_CANCELLED, "interrupted");
}

static bool keep_harvest(struct lab *lab, int64_t run, struct study *study,
                         const struct lab_loop *loop, struct error *e)
{
    enum { WRITTEN_AT_ONCE = 64 };
    struct strbuf blob;
    strbuf_init(&blob);
    struct table_set *set = harvest_study.tables(study);
    table_write_blob(table_set_find(set, "classes"), &blob);
    bool ok = store_put_result(lab->store, run, RESULT_CLASSES, blob.s, blob.len, e);
    for (int32_t j = 0; ok && j < harvest_n_latents(study); j++) {
        struct latent_detail *d = harvest_detail(study, j);
        strbuf_clear(&blob);
        latent_detail_print(d, &blob);
        ok = store_put_latent(lab->store, run, j, blob.s, blob.len, e) &&
             (j % WRITTEN_AT_ONCE != 0 || lab_breathe(lab, loop, e));
        free(d);
    }
    table_set_unref(set);
    strbuf_release(&blob);
    return ok;
}

static bool keep(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
                 const struct finished *f, struct error *e)
{
    const bool harvest = call->ops == &harvest_study;
    struct store_save state;
    if (!harvest && !lab_save(lab, f->run, call->ops, f->study, loop, &state, e))
        return false;
    if (!store_finish_begin(lab->store, f->run, e))
        return false;
    bool ok = !harvest || (keep_harvest(lab, f->run, f->study, loop, e) &&
                           (!params_flag(&call->params, "keep-activations") ||
                            lab_keep_postings(lab, f->run, f->study, loop, e)));
    if (!ok)
        store_finish_abort(lab->store, f->run);
    ok = ok && store_finish(lab->store, f->run, harvest ? NULL : &state, e);
    if (ok)
        lab_sweep(lab, f->run, loop);
    return ok;
}

/* In the new cache that came for a damaged one. */
static bool keep_anew(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
                      struct finished *f)
{
    if (!lab_heal(lab))
        return false;
    f->run = claim_again(lab, call, &f->key, call->ops->n_chunks(f->study));
    return f->run && keep(lab, call, loop, f, NULL);
}

/* Cancelled while it was written: all its chunks are done, what is left is to write it. Always
 * false. */
static bool leave_for_later(struct lab *lab, const struct study_call *call,
                            const struct lab_loop *loop, const struct finished *f, struct error *e)
{
    struct error lost = {0};
    if (!lab_checkpoint(lab, f->run, call->ops, f->study, call->ops->n_chunks(f->study), loop,
                        &lost))
        *e = lost;
    return false;
}

/* ---- a study through the cache */
/* About a tenth of a second, in which live requests don't wait. */
static bool wait_a_little(const struct lab_loop *loop, struct error *e)
{
    struct timespec pause = {0, 4000000};
    for (int i = 0; i < 25; i++) {
        if (loop->poll)
            loop->poll(loop->poll_arg);
        if (is_cancelled(loop))
            return error_set(e, ERROR_CANCELLED, "interrupted");
        nanosleep(&pause, NULL);
    }
    return true;
}

static enum store_claim claim(struct lab *lab, const struct study_call *call,
                              const struct lab_loop *loop, const struct finished *f,
                              struct store_run *run, struct error *e)
{
    char *args = lab_call_print(call);
    struct store_run_key key = run_key(lab, call, &f->key, 0);
    key.args_json = args;
    enum store_claim c = CLAIM_FAILED;
    struct study *study = NULL;
    if (!put_objects(lab, call, &key, e))
        goto cleanup;
    if (!call->ops->open(&call->in, &call->params, &study, e))
        goto cleanup;
    key.n_chunks = call->ops->n_chunks(study);
    call->ops->free(study);
    while ((c = store_claim(lab->store, &key, run, e)) == CLAIM_BUSY) {
        struct study_progress p = {.done = run->next_chunk, .total = run->n_chunks, .left = NAN};
        p.share = p.total > 0 ? (double)p.done / (double)p.total : 0;
        if (loop->progress)
            loop->progress(loop->progress_arg, &p, "another glimt computes it");
        if (!wait_a_little(loop, e)) {
            c = CLAIM_FAILED;
            break;
        }
    }
cleanup:
    free(args);
    return c;
}

static bool compute(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
                    const struct store_run *kept, bool must_keep, struct finished *f,
                    struct error *e)
{
    struct running r = {.lab = lab,
                        .call = call,
                        .loop = loop,
                        .run = f->run,
                        .key = f->key,
                        .must_keep = must_keep};
    int64_t first = 0;
    if (!call->ops->open(&call->in, &call->params, &r.study, e))
        return false;
    r.n_chunks = call->ops->n_chunks(r.study);
    if (f->run)
        first = load_state(lab, call, loop, &r.study, kept);
    f->resumed = first > 0;
    bool ok = run_study(&r, first, e);
    f->study = r.study;
    f->run = r.run;
    return ok;
}

enum looked { LOOKED_FAILED, LOOKED_DONE, LOOKED_OURS };

/* A finished run with its result read (a harvest is read later, latent by latent). */
static enum store_claim claim_loaded(struct lab *lab, const struct study_call *call,
                                     const struct lab_loop *loop, struct finished *f,
                                     struct store_run *kept, struct error *e)
{
    enum store_claim c = claim(lab, call, loop, f, kept, e);
    f->run = kept->id;
    if (c == CLAIM_DONE && call->ops != &harvest_study && !load_result(lab, call, loop, f, e))
        c = CLAIM_FAILED;
    return c;
}

/* What the cache has of the call: all of it, or the right to compute it (f->run; 0: it is computed
 * without being kept, because the cache does not work, or can only be read). */
static enum looked look(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
                        bool must_keep, struct finished *f, struct store_run *kept, struct error *e)
{
    struct error lost = {0};
    enum store_claim c = claim_loaded(lab, call, loop, f, kept, &lost);
    if (c == CLAIM_FAILED && lab_heal(lab) && lab->store) {
        lost = (struct error){0};
        c = claim_loaded(lab, call, loop, f, kept, &lost);
    }
    f->run = c == CLAIM_FAILED ? 0 : kept->id;
    f->cached = c == CLAIM_DONE;
    if (c == CLAIM_DONE)
        return LOOKED_DONE;
    if (c == CLAIM_OURS || (c == CLAIM_UNKEPT && !must_keep))
        return LOOKED_OURS;
    if (c == CLAIM_UNKEPT)
        error_set(
            &lost, ERROR_SYSTEM,
            "%s: it is not in the cache %s, which can't be written; --cache DIR takes another "
            "place, --cache none goes without",
            call->what, store_path(lab->store));
    if (!lab->store) /* the damaged one is set aside, and no new one to be had */
        return !must_keep || lab_need_store(lab, e) ? LOOKED_OURS : LOOKED_FAILED;
    if (must_keep || lost.kind != ERROR_SYSTEM) {
        *e = lost;
        return LOOKED_FAILED;
    }
    lab_say(lab, lost.text);
    return LOOKED_OURS;
}

static bool is_kept(struct lab *lab, const struct finished *f)
{
    struct store_run run;
    return lab->store && store_look(lab->store, &f->key, &run, NULL) == CLAIM_DONE;
}

bool lab_study(struct lab *lab, const struct study_call *call, const struct lab_loop *loop,
               bool must_keep, struct finished *f, struct error *e)
{
    struct store_run kept = {0};
    if (!loop)
        loop = &no_loop;
    *f = (struct finished){.ops = call->ops};
    if (lab_study_named(call->ops->name) != call->ops)
        panic("study %s can't be verified: it is in no table", call->ops->name);
    lab_store(lab, NULL);
    if (lab->store) { /* without a cache nothing is looked up */
        if (!lab_identify(lab, call->places, loop, e))
            return false;
        f->key = lab_key(lab, call);
    }
    if (call->only_kept && !is_kept(lab, f))
        return error_set(e, ERROR_CANCELLED, "nothing is kept of it");
    enum looked found = LOOKED_OURS;
    if (lab->store)
        found = look(lab, call, loop, must_keep, f, &kept, e);
    if (found != LOOKED_OURS)
        return found == LOOKED_DONE;
    struct error lost = {0};
    bool ok = compute(lab, call, loop, &kept, must_keep, f, e);
    bool unkept = ok && f->run && !keep(lab, call, loop, f, &lost);
    if (unkept && lost.kind == ERROR_CANCELLED) {
        unkept = false;
        ok = leave_for_later(lab, call, loop, f, &lost);
        *e = lost;
    }
    if (unkept && !keep_anew(lab, call, loop, f)) {
        if (f->run)
            store_release(lab->store, f->run);
        f->run = 0;
        if (must_keep) {
            *e = lost;
            ok = false;
        } else {
            lab_say(lab, lost.text);
        }
    }
    if (!ok) {
        if (f->run)
            store_release(lab->store, f->run);
        finished_release(f);
    }
    return ok;
}

bool lab_need(struct lab *lab, struct study_call *call, const struct lab_loop *loop,
              struct finished *needed, struct error *e)
{
    struct study_call first;
    *needed = (struct finished){0};
    if (!call->ops->needs)
        return true;
    lab_call_init(lab, &first, call->ops->needs, call->corpus, call->what, &call->params,
                  call->places);
    first.in.bos = call->in.bos;
    first.only_kept = call->only_kept;
    bool ok = lab_study(lab, &first, loop, false, needed, e);
    lab_call_release(&first);
    call->in.needed = needed->study;
    return ok;
}
