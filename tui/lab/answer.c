/* Requests answered: which studies they need, and the tables that come out. */
#include "engine/base/memory.h"
#include "engine/study/contrast.h"
#include "engine/study/lens.h"
#include "engine/study/pass.h"
#include "engine/study/sweep.h"
#include "engine/study/values.h"
#include "tui/lab/lab_private.h"
#include <stdlib.h>
#include <string.h>
#include <time.h>

struct answer { /* one request under way */
    struct lab *lab;
    const struct request *request;
    const struct lab_loop *loop;
    const struct open_corpus *corpus;
    int32_t target;
    int32_t n_units;
    const struct unit_id *unit; /* the request's, else the workbench's chosen ones */
    struct unit_id found[UNITS_MAX];
    int32_t index[UNITS_MAX]; /* of `unit`, in their dictionary */
    struct table_set *set;
    struct lab_facts facts;
    struct error *e;
};

/* ---- what a request means */
static bool find_target(struct answer *a)
{
    const struct corpus *c = a->corpus->corpus;
    const struct params *p = &a->request->params;
    const char *name = params_know(p, "target") ? params_text(p, "target") : NULL;
    a->target = name ? corpus_class_find(c, name) : 0;
    if (a->target >= 0)
        return true;
    struct strbuf names;
    strbuf_init(&names);
    for (int32_t i = 0; i < c->n_classes; i++)
        strbuf_addf(&names, "%s%s", i ? ", " : "", c->cls[i].name);
    error_set(a->e, ERROR_INPUT, "--target: found %s, expected a class of %s: %s", name, c->name,
              names.s);
    strbuf_release(&names);
    return false;
}

static bool open_corpus(struct answer *a, enum corpus_split split)
{
    a->corpus = lab_open_corpus(a->lab, &a->request->corpus, split, a->loop, a->e);
    return a->corpus && find_target(a);
}

static bool need_classes(struct answer *a, int32_t n)
{
    const struct corpus *c = a->corpus->corpus;
    if (c->n_classes >= n)
        return true;
    return error_set(a->e, ERROR_INPUT,
                     "%s: found one class (%s), expected two or more to compare; name others by "
                     "--class NAME=FILE",
                     c->name, c->cls[0].name);
}

static bool need_dict(struct answer *a)
{
    const struct dict_set *dicts = &a->lab->wb->dicts;
    char name[2][UNIT_NAME_MAX];
    if (dicts->n == 1)
        return true;
    if (dicts->n > 1) {
        unit_place_name(dicts, 0, name[0]);
        unit_place_name(dicts, 1, name[1]);
        return error_set(a->e, ERROR_INPUT,
                         "%s: found %d dictionaries (%s, %s%s), expected one: --sae or --neurons "
                         "of one point",
                         a->request->query->command, (int)dicts->n, name[0], name[1],
                         dicts->n > 2 ? " …" : "");
    }
    return error_set(a->e, ERROR_INPUT,
                     "%s: the model %s has no SAE here, expected --sae PATH or --neurons A,B,…",
                     a->request->query->command, a->lab->wb->model_name);
}

static bool check_unit(const struct answer *a, struct unit_id u)
{
    const struct workbench *wb = a->lab->wb;
    int32_t m = dict_spec(wb->dict)->m;
    char name[UNIT_NAME_MAX];
    if (u.dict == 0 && u.index >= 0 && u.index < m)
        return true;
    unit_name(&wb->dicts, u, name);
    return error_set(a->e, ERROR_INPUT, "latent %s: expected 0 … %d (%s)", name, (int)m - 1,
                     wb->sae_name ? wb->sae_name : "neurons");
}

static bool need_units(struct answer *a)
{
    const struct workbench *wb = a->lab->wb;
    a->n_units = request_units(a->request, &a->unit);
    if (a->n_units == 0) {
        a->n_units = wb->n_chosen;
        a->unit = wb->chosen;
    }
    if (!need_dict(a))
        return false;
    if (a->n_units == 0)
        return error_set(a->e, ERROR_INPUT, "%s: found no latents, expected numbers or --latents",
                         a->request->query->command);
    for (int32_t i = 0; i < a->n_units; i++)
        if (!check_unit(a, a->unit[i]))
            return false;
    for (int32_t i = 0; i < a->n_units; i++)
        a->index[i] = a->unit[i].index;
    return true;
}

/* A study with what the request says of its parameters. */
static void call_init(const struct answer *a, struct study_call *call, const struct study_ops *ops,
                      const struct open_corpus *corpus, const char *what)
{
    lab_call_init(a->lab, call, ops, corpus, what, &a->request->params);
    if (params_know(&call->params, "units"))
        params_set_units(&call->params, "units", a->unit, a->n_units);
}

/* Releases the call. */
static bool run(struct answer *a, struct study_call *call, struct finished *f)
{
    bool ok = lab_study(a->lab, call, a->loop, false, f, a->e);
    lab_call_release(call);
    if (!ok)
        return false;
    a->facts.cached = f->cached;
    a->facts.resumed = a->facts.resumed || f->resumed;
    return true;
}

typedef struct table_set *growing(void *, struct study *);

static struct table_set *growing_classes(void *arg, struct study *study)
{
    (void)arg;
    return harvest_study.tables(study);
}

static struct table_set *growing_latents(void *arg, struct study *study)
{
    const struct answer *a = arg;
    struct table_set *set = harvest_study.tables(study);
    struct harvest_view view;
    harvest_view_of(study, a->corpus->cls, &view);
    struct table *rows = latents_table(&view, a->target, false);
    table_rename(rows, "rows");
    table_set_add(set, rows);
    harvest_view_release(&view);
    return set;
}

static bool keeps_activations(const struct params *p)
{
    return (params_know(p, "keep-activations") && params_flag(p, "keep-activations")) ||
           (params_know(p, "all") && params_flag(p, "all"));
}

static bool harvest(struct answer *a, bool must_keep, growing *partial, struct harvest_source *s)
{
    const struct request *r = a->request;
    struct harvest_call how = {.postings = keeps_activations(&r->params),
                               .must_keep = must_keep,
                               .only_kept = r->only_kept,
                               .partial = partial,
                               .partial_arg = a};
    return need_dict(a) && lab_harvest(a->lab, a->corpus, &how, a->loop, s, &a->facts, a->e);
}

/* ---- one function a kind */
static void add_rows(struct answer *a, struct table *t)
{
    table_rename(t, "rows");
    table_set_add(a->set, t);
}

bool answer_harvest(struct answer *a)
{
    struct harvest_source s = {0};
    const bool must_keep = lab_wants_store(a->lab);
    if (!open_corpus(a, CORPUS_ALL) || !lab_identify(a->lab, a->loop, a->e) ||
        (must_keep && !lab_need_store(a->lab, a->e)) || !harvest(a, must_keep, growing_classes, &s))
        return false;
    table_set_add(a->set, table_copy(s.classes));
    harvest_source_release(&s);
    return true;
}

static bool no_error(const struct harvest_source *s, struct error *e)
{
    if (!error_is_set(&s->error))
        return true;
    *e = s->error;
    return false;
}

bool answer_latents(struct answer *a)
{
    struct harvest_source s = {0};
    if (!open_corpus(a, CORPUS_ALL) || !harvest(a, false, growing_latents, &s))
        return false;
    add_rows(a, latents_table(&s.view, a->target, false));
    table_set_add(a->set, table_copy(s.classes));
    bool ok = no_error(&s, a->e);
    harvest_source_release(&s);
    return ok;
}

static bool verify_found(struct answer *a, struct harvest_source *s, int32_t n_found)
{
    struct study_call call;
    struct finished f;
    const struct open_corpus *half =
        lab_open_corpus(a->lab, &a->request->corpus, CORPUS_ODD, a->loop, a->e);
    if (!half)
        return false;
    call_init(a, &call, &values_study, half, "verifying");
    if (!run(a, &call, &f))
        return false;
    struct rule rule;
    request_rule(a->request, &rule);
    struct verify_in in = {.found_on = &s->view,
                           .rule = &rule,
                           .target = a->target,
                           .m = dict_spec(a->lab->wb->dict)->m,
                           .seed = a->lab->options->seed};
    struct table *rows = values_verify(f.study, &in);
    if (n_found > a->n_units)
        table_note(rows,
                   "the rule holds for %d latents; the %d with the largest difference of "
                   "shares are verified",
                   (int)n_found, (int)a->n_units);
    table_set_add(a->set, rows);
    struct table *overlap = values_overlap(f.study, a->target);
    table_set_add(a->set, overlap);
    finished_release(&f);
    return no_error(s, a->e);
}

/* The rule's near misses tell what to ask instead. */
static void note_nearest(const struct answer *a, const struct harvest_view *view, struct table *t)
{
    struct table *all = latents_table(view, a->target, false);
    char *name = xasprintf("fire_share.%s", a->corpus->cls[a->target]);
    int32_t share = table_find(all, name), difference = table_find(all, "difference");
    int64_t *order = xcalloc((size_t)all->n_rows + 1, sizeof *order);
    table_sort(all, difference, true, order);
    double s = table_f64(all, order[0], share), d = table_f64(all, order[0], difference);
    struct rule rule;
    request_rule(a->request, &rule);
    char *line = xasprintf("no latent is active on more than %.3g %% of %s and less than %.3g %% "
                           "of the other tokens",
                           rule.min_share * 100, a->corpus->cls[a->target], rule.max_other * 100);
    if (all->n_rows > 0)
        table_note(t, "%s; the largest difference has %lld: %.3g %% and %.3g %%", line,
                   (long long)table_i64(all, order[0], table_find(all, "latent")), s * 100,
                   (s - d) * 100);
    else
        table_note(t, "%s", line);
    free(line);
    free(order);
    free(name);
    table_free(all);
}

static struct table *nothing_found(const struct answer *a, const struct harvest_view *view)
{
    struct table *t = table_new("rows", "Found latents", MARK_LIST);
    table_column(t, "latent", "", "index", COLUMN_I64, COLUMN_KEY);
    note_nearest(a, view, t);
    return t;
}

/* Adds the half that was verified on: the tokenizer is what it is on every sentence. */
static bool add_other_half(struct answer *a, struct table *classes)
{
    struct study_call call;
    const struct open_corpus *half =
        lab_open_corpus(a->lab, &a->request->corpus, CORPUS_ODD, a->loop, a->e);
    if (!half)
        return false;
    const struct corpus *c = half->corpus;
    double tokens[CORPUS_MAX_CLASSES] = {0}, words[CORPUS_MAX_CLASSES] = {0};
    lab_call_init(a->lab, &call, &values_study, half, "", NULL);
    for (int64_t i = 0; i < c->n_docs; i++) {
        struct pass_doc *d = pass_docs(&call.in, i, 1);
        tokens[c->doc[i].cls] += d->n;
        words[c->doc[i].cls] += (double)corpus_words(&c->doc[i]);
        pass_docs_free(d, 1);
        if (a->loop->poll)
            a->loop->poll(a->loop->poll_arg);
        if (a->loop->cancel && atomic_load(a->loop->cancel)) {
            lab_call_release(&call);
            return error_set(a->e, ERROR_CANCELLED, "interrupted");
        }
    }
    lab_call_release(&call);
    const int32_t name = table_find(classes, "class"), n = table_find(classes, "sentences"),
                  t = table_find(classes, "tokens"), w = table_find(classes, "words");
    for (int64_t row = 0; row < classes->n_rows; row++) {
        int32_t cls = corpus_class_find(c, table_str(classes, row, name));
        if (cls < 0)
            continue;
        double all_tokens = (double)table_i64(classes, row, t) + tokens[cls],
               all_words = (double)table_i64(classes, row, w) + words[cls];
        table_set_i64(classes, row, n, table_i64(classes, row, n) + c->cls[cls].n_docs);
        table_set_i64(classes, row, t, (int64_t)all_tokens);
        table_set_i64(classes, row, w, (int64_t)all_words);
        if (all_words > 0)
            table_set_f64(classes, row, table_find(classes, "tokens_per_word"),
                          all_tokens / all_words);
    }
    return true;
}

bool answer_find(struct answer *a)
{
    struct harvest_source s = {0};
    if (!open_corpus(a, CORPUS_EVEN) || !need_classes(a, 2) || !harvest(a, false, NULL, &s))
        return false;
    int32_t n = 0;
    struct rule rule;
    request_rule(a->request, &rule);
    int32_t *found = rule_pick(&s.view, a->target, &rule, &n);
    a->n_units = n < UNITS_MAX ? n : UNITS_MAX;
    for (int32_t i = 0; i < a->n_units; i++)
        a->found[i] = (struct unit_id){0, found[i]};
    a->unit = a->found;
    bool ok = true;
    if (n > 0)
        ok = verify_found(a, &s, n);
    else
        table_set_add(a->set, nothing_found(a, &s.view));
    struct table *classes = table_copy(s.classes);
    table_note(classes, "found on the sentences 1, 3, 5, … of each class, verified on the others");
    ok = ok && add_other_half(a, classes) && no_error(&s, a->e);
    table_set_add(a->set, classes);
    harvest_source_release(&s);
    free(found);
    return ok;
}

static bool values(struct answer *a, growing *partial, struct finished *f)
{
    struct study_call call;
    if (!need_units(a) || !open_corpus(a, CORPUS_ALL))
        return false;
    call_init(a, &call, &values_study, a->corpus, a->request->query->command);
    call.partial = partial;
    call.partial_arg = a;
    return run(a, &call, f);
}

static void add_histogram(const struct answer *a, struct study *study, struct table_set *set)
{
    table_set_add(set, values_histogram(study, params_flag(&a->request->params, "as-published")));
    table_set_add(set, values_overlap(study, a->target));
}

static struct table_set *growing_histogram(void *arg, struct study *study)
{
    struct table_set *set = table_set_new();
    add_histogram(arg, study, set);
    return set;
}

bool answer_histogram(struct answer *a)
{
    struct finished f;
    if (!values(a, growing_histogram, &f))
        return false;
    add_histogram(a, f.study, a->set);
    finished_release(&f);
    return true;
}

bool answer_tokens(struct answer *a)
{
    struct finished f;
    if (!values(a, NULL, &f))
        return false;
    table_set_add(a->set, values_tokens(f.study));
    table_set_add(a->set, values_overlap(f.study, a->target));
    finished_release(&f);
    return true;
}

/* The rows of each unit's table one below the other. */
static void append(struct table **all, struct table *t)
{
    if (*all) {
        table_append(*all, t);
        table_free(t);
    } else {
        *all = t;
    }
}

static struct table *bins_of(const struct answer *a, const struct latent_detail *d,
                             const struct harvest_source *s, const struct study_in *in)
{
    (void)a, (void)in;
    return detail_histogram(d, s->view.cls);
}

static struct table *examples_of(const struct answer *a, const struct latent_detail *d,
                                 const struct harvest_source *s, const struct study_in *in)
{
    (void)s;
    return detail_examples(d, in, (int32_t)params_int(&a->request->params, "rows"));
}

static bool details(struct answer *a,
                    struct table *(*of_unit)(const struct answer *, const struct latent_detail *,
                                             const struct harvest_source *,
                                             const struct study_in *))
{
    struct harvest_source s = {0};
    struct study_call call;
    struct table *all = NULL;
    if (!need_units(a) || !open_corpus(a, CORPUS_ALL) || !harvest(a, false, NULL, &s))
        return false;
    lab_call_init(a->lab, &call, &harvest_study, a->corpus, "", NULL);
    for (int32_t i = 0; i < a->n_units; i++) {
        const struct latent_detail *d = s.view.detail(s.view.arg, a->index[i]);
        if (!d)
            break;
        append(&all, of_unit(a, d, &s, &call.in));
    }
    if (all)
        add_rows(a, all);
    lab_call_release(&call);
    bool ok = no_error(&s, a->e);
    if (ok && keeps_activations(&a->request->params)) {
        struct table *t =
            lab_activations(a->lab, &s, a->corpus->corpus, a->index, a->n_units, a->e);
        if (t)
            table_set_add(a->set, t);
        ok = t != NULL;
    }
    harvest_source_release(&s);
    return ok;
}

bool answer_bins(struct answer *a)
{
    return details(a, bins_of);
}

bool answer_examples(struct answer *a)
{
    return details(a, examples_of);
}

bool answer_lens(struct answer *a)
{
    struct study_call call;
    struct table_set *set = NULL;
    if (!need_units(a))
        return false;
    lab_call_init(a->lab, &call, &values_study, NULL, "logit lens", NULL);
    struct study_loop loop = {
        .cancel = a->loop->cancel, .poll = a->loop->poll, .poll_arg = a->loop->poll_arg};
    int32_t rows = (int32_t)params_int(&a->request->params, "rows");
    bool ok = lens_run(&call.in, a->index, a->n_units, rows, &loop, &set, a->e);
    lab_call_release(&call);
    if (!ok)
        return false;
    table_set_unref(a->set);
    a->set = set;
    return true;
}

static struct table_set *growing_coactive(void *arg, struct study *study)
{
    (void)arg;
    return coactive_study.tables(study);
}

/* The study's own tables are the answer. */
static bool answer_by(struct answer *a, const struct study_ops *ops, const char *what,
                      growing *partial)
{
    struct study_call call;
    struct finished f;
    call_init(a, &call, ops, a->corpus, what);
    call.only_kept = a->request->only_kept;
    call.partial = partial;
    if (!run(a, &call, &f))
        return false;
    table_set_unref(a->set);
    a->set = ops->tables(f.study);
    finished_release(&f);
    return true;
}

bool answer_coactive(struct answer *a)
{
    return need_units(a) && open_corpus(a, CORPUS_ALL) &&
           answer_by(a, &coactive_study, "co-activation", growing_coactive);
}

/* A sentence of one token has no loss. */
static bool has_losses(const struct answer *a)
{
    const struct table *t = table_set_find(a->set, "rows");
    int32_t sentences = table_find(t, "sentences");
    for (int64_t i = 0; i < t->n_rows; i++)
        if (table_i64(t, i, sentences) > 0)
            return true;
    return error_set(a->e, ERROR_INPUT,
                     "sweep: %s: found sentences of one token alone, expected some with a loss",
                     a->corpus->corpus->name);
}

static struct table_set *growing_sweep(void *arg, struct study *study)
{
    (void)arg;
    return sweep_study.tables(study);
}

bool answer_sweep(struct answer *a)
{
    return need_units(a) && open_corpus(a, CORPUS_ALL) &&
           answer_by(a, &sweep_study, "sweep", growing_sweep) && has_losses(a);
}

bool answer_proof(struct answer *a)
{
    return need_dict(a) && open_corpus(a, CORPUS_ALL) &&
           answer_by(a, &proof_study, "proving the SAE", NULL);
}

/* ---- words */
/* The vectors of the list of words; its words each class needs two of. */
static bool words(struct answer *a, struct finished *f)
{
    struct study_call call;
    struct word_list l;
    if (!need_dict(a) || !open_corpus(a, CORPUS_ALL))
        return false;
    const struct corpus *c = a->corpus->corpus;
    word_list_init(&l, c, a->target);
    const int32_t few = l.n_of[1] < 2 ? 1 : 0, n = l.n_of[few];
    word_list_release(&l);
    call_init(a, &call, &words_study, a->corpus, "words");
    if (n >= 2 || c->n_classes != 2)
        return run(a, &call, f);
    lab_call_release(&call);
    return error_set(a->e, ERROR_INPUT, "%s: found %d word%s of class %s, expected two or more",
                     c->name, n, n == 1 ? "" : "s", c->cls[few ? a->target : 1 - a->target].name);
}

static void add_words(struct answer *a, struct study *s)
{
    struct table_set *set = words_study.tables(s);
    table_set_add(a->set, table_copy(table_set_find(set, "words")));
    table_set_unref(set);
}

bool answer_words(struct answer *a)
{
    struct finished f;
    if (!words(a, &f))
        return false;
    add_words(a, f.study);
    finished_release(&f);
    return true;
}

bool answer_ttest(struct answer *a)
{
    const struct params *p = &a->request->params;
    struct finished f;
    if (!words(a, &f))
        return false;
    const struct ttest_in in = {
        .target = a->target, .alpha = params_real(p, "alpha"), .welch = params_flag(p, "welch")};
    contrast_ttest(f.study, &in, a->set);
    add_words(a, f.study);
    finished_release(&f);
    return true;
}

bool lab_is_quick(struct lab *lab, const struct request *r)
{
    struct study_call call;
    struct store_run run;
    if (lab->writing || !(r->query->quick || r->only_kept))
        return false;
    if (!r->query->corpus)
        return true;
    if (!lab->identified || !lab_corpus_is_open(lab, &r->corpus, CORPUS_ALL))
        return false;
    if (r->only_kept) /* what is not there is not computed */
        return true;
    const struct open_corpus *c = lab_open_corpus(lab, &r->corpus, CORPUS_ALL, NULL, NULL);
    lab_call_init(lab, &call, &harvest_study, c, "", NULL);
    params_set_flag(&call.params, "keep-activations", keeps_activations(&r->params));
    const struct sha256 key = lab_key(lab, &call);
    lab_call_release(&call);
    return (lab->harvest.study && memcmp(&key, &lab->harvest.key, sizeof key) == 0) ||
           (lab->store && store_look(lab->store, &key, &run, NULL) == CLAIM_DONE);
}

bool lab_run(struct lab *lab, const struct request *r, const struct lab_loop *loop,
             struct table_set **out, struct lab_facts *facts, struct error *e)
{
    static const struct lab_loop quiet;
    struct timespec from, to;
    struct answer a = {.lab = lab, .request = r, .loop = loop ? loop : &quiet, .e = e};
    clock_gettime(CLOCK_MONOTONIC, &from);
    lab_store(lab, NULL);
    lab->depth++;
    lab_heal(lab); /* another process, or a person, may have moved it */
    bool ok = false, again = true;
    /* A second damage, in the file that was just begun, is more than chance: it is told. */
    for (int i = 0; !ok && again; i++) {
        struct error why = {0};
        int heals = lab->heals;
        a.set = table_set_new();
        a.e = &why;
        ok = r->query->answer(&a);
        lab_heal(lab);
        again = i == 0 && lab->heals != heals;
        if (!ok)
            table_set_unref(a.set);
        if (!ok && !again && e)
            *e = why;
    }
    lab->depth--;
    clock_gettime(CLOCK_MONOTONIC, &to);
    a.facts.seconds =
        (double)(to.tv_sec - from.tv_sec) + (double)(to.tv_nsec - from.tv_nsec) * 1e-9;
    if (facts)
        *facts = a.facts;
    if (ok)
        *out = a.set;
    return ok;
}

bool lab_cut(struct lab *lab, const struct corpus_choice *choice, const struct lab_loop *loop,
             struct pass_cut *out, struct error *e)
{
    struct study_call call;
    const struct open_corpus *c = lab_open_corpus(lab, choice, CORPUS_ALL, loop, e);
    if (!c)
        return false;
    lab_call_init(lab, &call, &harvest_study, c, "", NULL);
    bool ok = pass_cut(&call.in, loop ? loop->cancel : NULL, out);
    lab_call_release(&call);
    return ok || error_set(e, ERROR_CANCELLED, "interrupted");
}
