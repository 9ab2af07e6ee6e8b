/* A harvest through the cache: in memory, or read latent by latent. */
#include "engine/base/memory.h"
#include "tui/lab/lab_private.h"
#include <stdlib.h>
#include <string.h>

static const struct latent_detail *stored_detail(void *arg, int32_t latent)
{
    enum { READ_AT_ONCE = 256 }; /* about a millisecond */
    struct harvest_source *s = arg;
    struct strbuf blob;
    strbuf_init(&blob);
    if (++s->n_read % READ_AT_ONCE == 0 && s->loop->poll)
        s->loop->poll(s->loop->poll_arg);
    free(s->last);
    s->last = NULL;
    if (store_get_latent(s->lab->store, s->run, latent, &blob, &s->error) == 1)
        s->last = latent_detail_parse(blob.s, blob.len, &s->error);
    else
        error_set(&s->error, ERROR_SYSTEM, "%s: latent %d is not there", store_path(s->lab->store),
                  (int)latent);
    if (!s->last)
        store_distrust(s->lab->store, s->run);
    strbuf_release(&blob);
    return s->last;
}

static bool read_classes(struct lab *lab, struct harvest_source *s, int32_t n_classes,
                         struct error *e)
{
    struct strbuf blob;
    struct table *t = NULL;
    strbuf_init(&blob);
    if (store_get_result(lab->store, s->run, RESULT_CLASSES, &blob, e) == 1)
        t = table_read_blob(blob.s, blob.len, e);
    strbuf_release(&blob);
    if (!t || t->n_rows != n_classes) {
        table_free(t);
        store_distrust(lab->store, s->run);
        return error_set(e, ERROR_SYSTEM, "%s: the harvest's classes are not there",
                         store_path(lab->store));
    }
    for (int32_t c = 0; c < n_classes; c++) {
        s->counts[c].sentences = table_i64(t, c, table_find(t, "sentences"));
        s->counts[c].tokens = table_i64(t, c, table_find(t, "tokens"));
        s->counts[c].words = table_i64(t, c, table_find(t, "words"));
    }
    s->classes = t;
    return true;
}

static bool of_memory(struct lab *lab, const struct open_corpus *c, struct harvest_source *s)
{
    s->study = lab->harvest.study;
    s->run = lab->harvest.run;
    harvest_view_of(s->study, c->cls, &s->view);
    struct table_set *set = harvest_study.tables(s->study);
    s->classes = table_copy(table_set_find(set, "classes"));
    table_set_unref(set);
    for (int32_t i = 0; i < c->corpus->n_classes; i++)
        s->counts[i] = *harvest_class(s->study, i);
    return true;
}

static bool harvest_of(struct lab *lab, const struct study_call *call,
                       const struct harvest_call *how, const struct lab_loop *loop,
                       struct harvest_source *s, struct lab_facts *facts, struct error *e)
{
    struct finished f;
    const struct open_corpus *corpus = call->corpus;
    if (!lab_identify(lab, call->places, loop, e))
        return false;
    struct sha256 key = lab_key(lab, call);
    if (!how->must_keep && lab->harvest.study && memcmp(&key, &lab->harvest.key, sizeof key) == 0) {
        if (facts)
            facts->cached = true;
        return of_memory(lab, corpus, s);
    }
    if (!lab_study(lab, call, loop, how->must_keep, &f, e))
        return false;
    if (facts) {
        facts->cached = f.cached;
        facts->resumed = f.resumed;
    }
    s->run = f.run;
    if (f.study) {
        finished_release(&lab->harvest);
        lab->harvest = f;
        lab->harvest.key = key;
        return of_memory(lab, corpus, s);
    }
    if (!read_classes(lab, s, corpus->corpus->n_classes, e))
        return false;
    s->view = (struct harvest_view){.cls = corpus->cls,
                                    .n_classes = corpus->corpus->n_classes,
                                    .n_latents = dict_spec(call->in.dict)->m,
                                    .counts = s->counts,
                                    .detail = stored_detail,
                                    .arg = s};
    return true;
}

bool lab_harvest(struct lab *lab, const struct open_corpus *corpus, int32_t place,
                 const struct harvest_call *how, const struct lab_loop *loop,
                 struct harvest_source *s, struct lab_facts *facts, struct error *e)
{
    struct study_call call;
    *s = (struct harvest_source){.lab = lab, .loop = loop};
    lab_call_init(lab, &call, &harvest_study, corpus, "harvest", NULL, dict_bit(place));
    params_set_flag(&call.params, "keep-activations", how->postings);
    call.only_kept = how->only_kept;
    call.partial = how->partial;
    call.partial_arg = how->partial_arg;
    bool ok = harvest_of(lab, &call, how, loop, s, facts, e);
    lab_call_release(&call);
    return ok;
}

void harvest_source_release(struct harvest_source *s)
{
    if (s->study)
        harvest_view_release(&s->view);
    table_free(s->classes);
    free(s->last);
    *s = (struct harvest_source){0};
}
