/* The demo with its SAE and the neurons of three layers as one set, and its golden numbers: what
 * the tests of context neurons share. */
#ifndef GLIMT_TEST_STUDY_PLACES_H
#define GLIMT_TEST_STUDY_PLACES_H
#include "tests/engine/study/chunks.h"

struct places {
    struct demo demo;
    struct dict_set set;
    struct corpus *corpus;
    struct study_in in;
    json_t *golden;
};

/* With so many sentences of each class. */
static inline void places_open_first(struct places *x, int64_t n)
{
    struct error e = {0};
    demo_open(&x->demo);
    x->set = (struct dict_set){0};
    dict_set_add(&x->set, x->demo.dict, dict_spec(x->demo.dict)->at, &e);
    for (int16_t layer = 1; layer < 4; layer++) {
        const struct point at = {layer, SITE_MLP_ACT};
        dict_set_add(&x->set, dict_neurons(at, model_width(x->demo.model, at)), at, &e);
    }
    x->demo.dict = NULL; /* the set's now */
    if (error_is_set(&e))
        fail_msg("%s", e.text);
    x->corpus = corpus_of(x->demo.line[0], n, x->demo.line[1], n, true, CORPUS_ALL);
    x->in = (struct study_in){.queue = x->demo.queue,
                              .model = x->demo.model,
                              .tokenizer = x->demo.tokenizer,
                              .dict = x->set.place[0].dict,
                              .at = x->set.place[0].at,
                              .dicts = &x->set,
                              .corpus = x->corpus,
                              .bos = true};
    x->golden = golden_json("study/neuron.json");
}

static inline void places_open(struct places *x)
{
    places_open_first(x, 64);
}

/* With the SAE a second time, at attn.out of layer 3. */
static inline void places_open_inserted(struct places *x, int64_t n)
{
    struct dict *again = NULL;
    struct error e = {0};
    places_open_first(x, n);
    if (!dict_open(x->demo.backend, "store/demo/sae.safetensors", NULL, &again, &e) ||
        !dict_set_add(&x->set, again, (struct point){3, SITE_ATTN_OUT}, &e))
        fail_msg("%s", e.text);
}

static inline void places_close(struct places *x)
{
    json_decref(x->golden);
    corpus_free(x->corpus);
    dict_set_release(&x->set);
    demo_close(&x->demo);
}

static inline struct unit_id unit_of(const struct places *x, const char *name)
{
    struct unit_id u;
    struct error e = {0};
    if (!unit_parse(&x->set, name, &u, &e))
        fail_msg("%s", e.text);
    return u;
}

static inline int64_t number(const struct places *x, const char *name)
{
    return json_integer_value(json_object_get(x->golden, name));
}

static inline double cell(const struct table *t, int64_t row, const char *column)
{
    const int32_t col = table_find(t, column);
    if (col < 0)
        fail_msg("no column %s", column);
    return table_f64(t, row, col);
}

#endif
