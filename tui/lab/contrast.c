/* The answers about two classes of words. */
#include "engine/study/contrast.h"
#include "engine/base/memory.h"
#include "tui/lab/answer_private.h"
#include <stdlib.h>
#include <string.h>

/* The vectors of the list of words; its words each class needs two of. */
static bool words(struct answer *a, struct finished *f)
{
    struct study_call call;
    struct word_list l;
    if (!answer_need_dict(a, &a->place) || !answer_open_corpus(a, CORPUS_ALL))
        return false;
    const struct corpus *c = a->corpus->corpus;
    word_list_init(&l, c, a->target);
    const int32_t few = l.n_of[1] < 2 ? 1 : 0, n = l.n_of[few];
    word_list_release(&l);
    answer_call(a, &call, &words_study, a->corpus, "words", 1u << a->place);
    if (n >= 2 || c->n_classes != 2)
        return answer_run(a, &call, f);
    lab_call_release(&call);
    return error_set(a->e, ERROR_INPUT, "%s: found %d word%s of class %s, expected two or more",
                     c->name, n, n == 1 ? "" : "s", c->cls[few ? a->target : 1 - a->target].name);
}

static void add_words(struct answer *a, struct study *s)
{
    struct table_set *set = words_study.tables(s);
    answer_add_table(a, table_copy(table_set_find(set, "words")), 1u << a->place);
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
    struct table_set *set = table_set_new();
    contrast_ttest(f.study, &in, set);
    answer_add(a, set, 1u << a->place);
    add_words(a, f.study);
    finished_release(&f);
    return true;
}

/* ---- points */
static bool out_of_range(struct answer *a, const char *option, int32_t unit, int32_t n)
{
    if (unit < n)
        return false;
    return !error_set(a->e, ERROR_INPUT, "contrast points: --%s: found %d, expected 0 to %d",
                      option, (int)unit, (int)n - 1);
}

/* The first of the ranked units that is not the other one. */
static int32_t best_but(const struct table *ranked, int32_t other)
{
    const int32_t unit = table_find(ranked, "unit");
    for (int64_t i = 0; i < ranked->n_rows; i++)
        if (table_i64(ranked, i, unit) != other)
            return (int32_t)table_i64(ranked, i, unit);
    return -1;
}

/* The two units asked about: those named, else the best by their t-tests. */
static bool two_units(struct answer *a, const struct study *words, enum word_units u, int32_t *x,
                      int32_t *y)
{
    const struct params *p = &a->request->params;
    const int32_t n = words_columns(words, u)->n_cols;
    *x = params_has(p, "x") ? (int32_t)params_int(p, "x") : -1;
    *y = params_has(p, "y") ? (int32_t)params_int(p, "y") : -1;
    if (out_of_range(a, "x", *x, n) || out_of_range(a, "y", *y, n))
        return false;
    if (*x < 0 || *y < 0) {
        const struct ttest_in in = {.target = a->target, .alpha = .5};
        struct table_set *tested = table_set_new();
        contrast_ttest(words, &in, tested);
        const struct table *ranked =
            table_set_find(tested, u == words_main(words) ? "rows" : "neurons");
        *x = *x < 0 ? best_but(ranked, *y) : *x;
        *y = *y < 0 ? best_but(ranked, *x) : *y;
        table_set_unref(tested);
    }
    if (*x >= 0 && *y >= 0 && *x != *y)
        return true;
    return error_set(a->e, ERROR_INPUT, "contrast points: found one unit, expected two");
}

/* The vectors of a word that is typed; nothing of it is kept. *out NULL: there is none. */
static bool typed_word(struct answer *a, struct corpus **corpus, struct study **out)
{
    const char *word = params_text(&a->request->params, "word");
    const struct corpus_list list[2] = {{"typed", &word, 1}, {"again", &word, 1}};
    struct open_corpus open = {.choice = {.special = a->request->corpus.special}};
    struct study_call call;
    *out = NULL;
    *corpus = NULL;
    if (!word)
        return true;
    if (!corpus_from_lists("the word", list, 2, false, 0, CORPUS_ALL, corpus, a->e))
        return false;
    open.corpus = *corpus;
    answer_call(a, &call, &words_study, &open, "word", 1u << a->place);
    bool ok = lab_study_fresh(a->lab, &call, a->loop, out, a->e);
    lab_call_release(&call);
    return ok;
}

bool answer_points(struct answer *a)
{
    struct finished f;
    struct study *one = NULL;
    struct corpus *typed = NULL;
    int32_t x, y;
    if (!words(a, &f))
        return false;
    const enum word_units u =
        params_flag(&a->request->params, "hooked") ? WORD_NEURONS : words_main(f.study);
    bool ok = two_units(a, f.study, u, &x, &y) && typed_word(a, &typed, &one);
    if (ok)
        answer_add_table(a, contrast_points(f.study, u, x, y, one), 1u << a->place);
    words_study.free(one);
    corpus_free(typed);
    finished_release(&f);
    return ok;
}

/* ---- probes */
/* The study's tables, of the words that are there. */
static struct table_set *of_words(struct answer *a, const struct study_ops *ops, const char *what)
{
    struct study_call call;
    struct finished f;
    answer_call(a, &call, ops, a->corpus, what, 1u << a->place);
    if (!answer_run(a, &call, &f))
        return NULL;
    struct table_set *set = ops->tables(f.study);
    finished_release(&f);
    return set;
}

static bool answer_of_words(struct answer *a, const struct study_ops *ops, const char *what)
{
    struct finished f;
    if (!words(a, &f))
        return false;
    struct table_set *set = of_words(a, ops, what);
    if (set) {
        answer_add(a, set, 1u << a->place);
        add_words(a, f.study);
    }
    finished_release(&f);
    return set != NULL;
}

bool answer_probe(struct answer *a)
{
    return answer_of_words(a, &probe_study, "probes");
}

bool answer_kept(struct answer *a)
{
    return answer_of_words(a, &kept_study, "kept");
}

bool answer_regress(struct answer *a)
{
    return answer_of_words(a, &regress_study, "regression");
}

bool answer_compare(struct answer *a)
{
    const struct params *p = &a->request->params;
    struct finished f;
    if (!words(a, &f))
        return false;
    const struct ttest_in in = {.alpha = params_real(p, "alpha"), .welch = params_flag(p, "welch")};
    struct table_set *tested = table_set_new(), *kept = NULL,
                     *probed = of_words(a, &probe_study, "probes");
    contrast_ttest(f.study, &in, tested);
    if (probed)
        kept = of_words(a, &kept_study, "kept");
    if (kept) {
        answer_add_table(a, contrast_compare(f.study, tested, probed, kept), 1u << a->place);
        add_words(a, f.study);
    }
    bool ok = kept != NULL;
    table_set_unref(tested);
    table_set_unref(probed);
    table_set_unref(kept);
    finished_release(&f);
    return ok;
}
