/* The answers, one a query (query.c). */
#include "engine/base/memory.h"
#include "engine/study/sweep.h"
#include "engine/study/values.h"
#include "tui/lab/answer_private.h"
#include <stdlib.h>
#include <string.h>

/* ---- of a harvest */
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
    return answer_so_far(a, set, dict_bit(a->place));
}

static bool harvest(struct answer *a, bool must_keep, answer_growing *partial,
                    struct harvest_source *s)
{
    const struct request *r = a->request;
    struct lab_facts facts = {0};
    struct harvest_call how = {.postings = answer_keeps_activations(&r->params),
                               .must_keep = must_keep,
                               .only_kept = r->only_kept,
                               .partial = partial,
                               .partial_arg = a};
    if (!lab_harvest(a->lab, a->corpus, a->place, &how, a->loop, s, &facts, a->e))
        return false;
    answer_facts(a, &facts);
    return true;
}

static void add_rows(struct answer *a, struct table *t, int32_t place)
{
    table_rename(t, "rows");
    answer_add_table(a, t, dict_bit(place));
}

bool answer_harvest(struct answer *a)
{
    struct harvest_source s = {0};
    const bool must_keep = lab_wants_store(a->lab);
    if (!answer_open_corpus(a, CORPUS_ALL) || !answer_need_dict(a, &a->place) ||
        !lab_identify(a->lab, dict_bit(a->place), a->loop, a->e) ||
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

bool answer_usual(struct answer *a)
{
    struct harvest_source s = {0};
    if (!answer_open_corpus(a, CORPUS_ALL) || !answer_need_dict(a, &a->place) ||
        !harvest(a, false, NULL, &s))
        return false;
    table_set_add(a->set, statistics_table(&s.view));
    table_set_add(a->set, table_copy(s.classes));
    bool ok = no_error(&s, a->e);
    harvest_source_release(&s);
    return ok;
}

bool answer_latents(struct answer *a)
{
    struct harvest_source s = {0};
    if (!answer_open_corpus(a, CORPUS_ALL) || !answer_need_dict(a, &a->place) ||
        !harvest(a, false, growing_latents, &s))
        return false;
    add_rows(a, latents_table(&s.view, a->target, false), a->place);
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
    answer_call(a, &call, &values_study, half, "verifying", dict_bit(a->place));
    if (!answer_run(a, &call, &f))
        return false;
    struct rule rule;
    request_rule(a->request, &rule);
    struct verify_in in = {.found_on = &s->view,
                           .rule = &rule,
                           .target = a->target,
                           .m = a->lab->wb->dicts.place[a->place].m,
                           .seed = a->lab->options->seed};
    struct table *rows = values_verify(f.study, &in);
    if (n_found > a->n_units)
        table_note(rows,
                   "the rule holds for %d latents; the %d with the largest difference of "
                   "shares are verified",
                   (int)n_found, (int)a->n_units);
    answer_add_table(a, rows, dict_bit(a->place));
    answer_add_table(a, values_overlap(f.study, a->target), dict_bit(a->place));
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

static void nothing_found(struct answer *a, const struct harvest_view *view)
{
    struct table *t = values_verified_none(a->corpus->corpus);
    note_nearest(a, view, t);
    answer_add_table(a, t, dict_bit(a->place));
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
    lab_call_init(a->lab, &call, &values_study, half, "", NULL, 0);
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
    if (!answer_open_corpus(a, CORPUS_EVEN) || !answer_need_dict(a, &a->place) ||
        !answer_need_classes(a, 2) || !harvest(a, false, NULL, &s))
        return false;
    int32_t n = 0;
    struct rule rule;
    request_rule(a->request, &rule);
    int32_t *found = rule_pick(&s.view, a->target, &rule, &n);
    a->n_units = n < UNITS_MAX ? n : UNITS_MAX;
    for (int32_t i = 0; i < a->n_units; i++)
        a->found[i] = (struct unit_id){a->place, found[i]};
    a->unit = a->found;
    bool ok = true;
    if (n > 0)
        ok = verify_found(a, &s, n);
    else
        nothing_found(a, &s.view);
    struct table *classes = table_copy(s.classes);
    table_note(classes, "found on the sentences 1, 3, 5, … of each class, verified on the others");
    ok = ok && add_other_half(a, classes) && no_error(&s, a->e);
    table_set_add(a->set, classes);
    harvest_source_release(&s);
    free(found);
    return ok;
}

/* ---- of values */
static struct table_set *histogram_set(const struct answer *a, struct study *study)
{
    struct table_set *set = table_set_new();
    table_set_add(set, values_histogram(study, params_flag(&a->request->params, "as-published")));
    table_set_add(set, values_overlap(study, a->target));
    return set;
}

static struct table_set *growing_histogram(void *arg, struct study *study)
{
    const struct answer *a = arg;
    return answer_so_far(a, histogram_set(a, study), a->places);
}

static bool values(struct answer *a, int32_t place, answer_growing *partial, struct finished *f)
{
    struct study_call call;
    a->places = dict_bit(place);
    answer_call(a, &call, &values_study, a->corpus, a->request->query->command, a->places);
    call.partial = partial;
    call.partial_arg = a;
    return answer_run(a, &call, f);
}

static bool histogram_of(struct answer *a, int32_t place)
{
    struct finished f;
    if (!values(a, place, growing_histogram, &f))
        return false;
    answer_add(a, histogram_set(a, f.study), dict_bit(place));
    finished_release(&f);
    return true;
}

bool answer_histogram(struct answer *a)
{
    return answer_need_units(a) && answer_open_corpus(a, CORPUS_ALL) &&
           answer_each_place(a, histogram_of);
}

/* "pre.418" to "pre.mlp_3/418", where there are several dictionaries. */
static void name_columns(const struct answer *a, struct table *t, int32_t first, int32_t place)
{
    int32_t index[UNITS_MAX], n = answer_units_of(a, place, index);
    for (int32_t i = 0; i < 2 * n && a->lab->wb->dicts.n > 1; i++) {
        char name[UNIT_NAME_MAX];
        unit_name(&a->lab->wb->dicts, (struct unit_id){place, index[i / 2]}, name);
        free(t->cols[first + i].name);
        t->cols[first + i].name = xasprintf("%s.%s", i % 2 ? "act" : "pre", name);
    }
}

/* The rows are the same tokens. */
static void add_columns(struct table *to, const struct table *from, int32_t first)
{
    for (int32_t c = first; c < from->n_cols; c++) {
        const struct column *col = &from->cols[c];
        const int32_t at =
            table_column(to, col->name, col->unit, col->doc, COLUMN_F64, COLUMN_TEXT);
        for (int64_t i = 0; i < from->n_rows; i++)
            table_set_f64(to, i, at, col->u.f[i]);
    }
}

static bool tokens_of(struct answer *a, int32_t place)
{
    struct finished f;
    if (!values(a, place, NULL, &f))
        return false;
    int32_t index[UNITS_MAX];
    struct table *t = values_tokens(f.study), *first = NULL;
    const int32_t units = t->n_cols - 2 * answer_units_of(a, place, index);
    name_columns(a, t, units, place);
    for (int32_t i = 0; i < a->set->n; i++)
        if (strcmp(a->set->table[i]->name, t->name) == 0)
            first = a->set->table[i];
    if (first) {
        add_columns(first, t, units);
        table_free(t);
    } else {
        table_set_add(a->set, t);
    }
    answer_add_table(a, values_overlap(f.study, a->target), dict_bit(place));
    finished_release(&f);
    return true;
}

bool answer_tokens(struct answer *a)
{
    return answer_need_units(a) && answer_open_corpus(a, CORPUS_ALL) &&
           answer_each_place(a, tokens_of);
}

/* ---- of single latents */
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

typedef struct table *of_detail(const struct answer *, const struct latent_detail *,
                                const struct harvest_source *, const struct study_in *);

static bool details(struct answer *a, int32_t place, of_detail *of)
{
    struct harvest_source s = {0};
    struct study_call call;
    int32_t index[UNITS_MAX];
    const int32_t n = answer_units_of(a, place, index);
    a->place = place;
    if (!harvest(a, false, NULL, &s))
        return false;
    lab_call_init(a->lab, &call, &harvest_study, a->corpus, "", NULL, dict_bit(place));
    for (int32_t i = 0; i < n; i++) {
        const struct latent_detail *d = s.view.detail(s.view.arg, index[i]);
        if (!d)
            break;
        add_rows(a, of(a, d, &s, &call.in), place);
    }
    lab_call_release(&call);
    bool ok = no_error(&s, a->e);
    if (ok && answer_keeps_activations(&a->request->params)) {
        struct table *t = lab_activations(a->lab, &s, a->corpus->corpus, index, n, a->e);
        if (t)
            answer_add_table(a, t, dict_bit(place));
        ok = t != NULL;
    }
    harvest_source_release(&s);
    return ok;
}

static bool bins_at(struct answer *a, int32_t place)
{
    return details(a, place, bins_of);
}

static bool examples_at(struct answer *a, int32_t place)
{
    return details(a, place, examples_of);
}

bool answer_bins(struct answer *a)
{
    return answer_need_units(a) && answer_open_corpus(a, CORPUS_ALL) &&
           answer_each_place(a, bins_at);
}

bool answer_examples(struct answer *a)
{
    return answer_need_units(a) && answer_open_corpus(a, CORPUS_ALL) &&
           answer_each_place(a, examples_at);
}

bool answer_lens(struct answer *a)
{
    return answer_need_units(a) && answer_by(a, &lens_study, "logit lens", NULL);
}

bool answer_coactive(struct answer *a)
{
    return answer_need_units(a) && answer_open_corpus(a, CORPUS_ALL) &&
           answer_by(a, &coactive_study, "co-activation", answer_growing_tables);
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

bool answer_sweep(struct answer *a)
{
    return answer_need_units(a) && answer_open_corpus(a, CORPUS_ALL) &&
           answer_by(a, &sweep_study, "sweep", answer_growing_tables) && has_losses(a);
}

bool answer_proof(struct answer *a)
{
    if (!answer_open_corpus(a, CORPUS_ALL) || !answer_need_dict(a, &a->place))
        return false;
    a->n_units = 1, a->unit = a->found; /* of the SAE, and of none of its latents */
    a->found[0] = (struct unit_id){a->place, 0};
    return answer_by(a, &proof_study, "proving the SAE", NULL);
}
