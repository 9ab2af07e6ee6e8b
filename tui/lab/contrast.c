/* The answers about classes of words. */
#include "engine/study/contrast.h"
#include "engine/base/memory.h"
#include "tui/lab/answer_private.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct asked {
    struct answer *a;
    dict_places places; /* of the dictionaries */
    struct word_question of;
    int32_t place; /* of the one at hand */
    bool bare;     /* the answer has no table of the words */
};

/* The list of words, and what is asked of it. */
static bool open_list(struct asked *q, struct answer *a)
{
    *q = (struct asked){.a = a};
    if (!answer_need_dicts(a, &q->places) || !answer_open_corpus(a, CORPUS_ALL))
        return false;
    return word_question_read(&q->of, a->corpus->corpus, &a->request->params, a->e);
}

/* And it has two words of each side. */
static bool begin(struct asked *q, struct answer *a)
{
    struct word_list l;
    if (!open_list(q, a))
        return false;
    const struct corpus *c = a->corpus->corpus;
    if (c->n_classes < 2) /* the study says so */
        return true;
    word_list_init(&l, c, q->of);
    const bool ok = word_list_check(&l, c, 2, a->e);
    word_list_release(&l);
    return ok;
}

static bool is_one(const struct asked *q)
{
    return (q->places & (q->places - 1)) == 0;
}

/* A study of the words at hand; of several dictionaries it says whose. */
static bool run(struct asked *q, const struct study_ops *ops, const char *what, struct finished *f)
{
    struct study_call call;
    char name[UNIT_NAME_MAX], label[UNIT_NAME_MAX + 32];
    unit_place_name(&q->a->lab->wb->dicts, q->place, name);
    snprintf(label, sizeof label, "%s %s", what, name);
    answer_call(q->a, &call, ops, q->a->corpus, is_one(q) ? what : label, dict_bit(q->place));
    return answer_run(q->a, &call, f);
}

/* ---- tables */
/* Whose units they are, in front; where several were asked about it tells rows apart. */
static void name_dict(const struct asked *q, struct table *t)
{
    char name[UNIT_NAME_MAX];
    const int32_t col = table_column(t, "dict", "", "dictionary", COLUMN_STR,
                                     is_one(q) ? COLUMN_TEXT : COLUMN_SERIES);
    unit_place_name(&q->a->lab->wb->dicts, q->place, name);
    for (int64_t i = 0; i < t->n_rows; i++)
        table_set_str(t, i, col, name);
    table_move_column(t, col, 0);
}

/* Notes of several dictionaries stand side by side, each once. */
static void keep_note(const struct asked *q, const char *table, const char *note)
{
    for (int32_t i = 0; i < q->a->set->n; i++) {
        struct table *t = q->a->set->table[i];
        if (strcmp(t->name, table) == 0 && !strstr(t->note, note))
            table_note(t, "%s%s%s", t->note, *t->note ? "; " : "", note);
    }
}

static void add_table(const struct asked *q, struct table *t)
{
    char *name = xstrdup(t->name), *note = xstrdup(t->note);
    if (q->a->lab->wb->dicts.n > 1 && table_find(t, "units") >= 0 && table_find(t, "unit") < 0)
        name_dict(q, t);
    answer_add_table(q->a, t, dict_bit(q->place));
    keep_note(q, name, note);
    free(name);
    free(note);
}

static void add(const struct asked *q, struct table_set *set)
{
    for (int32_t i = 0; i < set->n; i++)
        add_table(q, table_copy(set->table[i]));
    table_set_unref(set);
}

/* Of any dictionary: words and tokens are the same. */
static void add_words(const struct asked *q, struct study *s)
{
    struct table_set *set = words_study.tables(s);
    if (!table_set_find(q->a->set, "words"))
        answer_add_table(q->a, table_copy(table_set_find(set, "words")), dict_bit(q->place));
    table_set_unref(set);
}

/* Calls `of` with the vectors of the words for each dictionary. */
static bool each_place(struct asked *q, bool (*of)(struct asked *, struct study *words))
{
    for (q->place = 0; q->place < DICT_SET_MAX; q->place++) {
        struct finished f;
        if (!(q->places >> q->place & 1))
            continue;
        if (!run(q, &words_study, "words", &f))
            return false;
        const bool ok = of(q, f.study);
        if (ok && !q->bare)
            add_words(q, f.study);
        finished_release(&f);
        if (!ok)
            return false;
    }
    return true;
}

/* ---- words, t-tests */
static bool nothing_else(struct asked *q, struct study *words)
{
    (void)q, (void)words;
    return true;
}

bool answer_words(struct answer *a)
{
    struct asked q;
    if (!open_list(&q, a))
        return false;
    q.places &= ~(q.places - 1); /* any: its words are asked about, not its units */
    return each_place(&q, nothing_else);
}

static void test(const struct asked *q, const struct study *words, struct table_set *out)
{
    const struct params *p = &q->a->request->params;
    const struct ttest_in in = {
        .of = q->of, .alpha = params_real(p, "alpha"), .welch = params_flag(p, "welch")};
    contrast_ttest(words, &in, out);
}

static bool test_place(struct asked *q, struct study *words)
{
    struct table_set *set = table_set_new();
    test(q, words, set);
    add(q, set);
    return true;
}

/* Units of several dictionaries in one order. */
static void sort_by_p(const struct asked *q, const char *name)
{
    for (int32_t i = 0; i < q->a->set->n; i++) {
        struct table *t = q->a->set->table[i];
        if (strcmp(t->name, name) != 0)
            continue;
        int64_t *order = xcalloc((size_t)t->n_rows + 1, sizeof *order);
        table_sort(t, table_find(t, "log_p"), false, order);
        q->a->set->table[i] = table_select(t, order, t->n_rows);
        table_free(t);
        free(order);
    }
}

bool answer_ttest(struct answer *a)
{
    struct asked q;
    if (!begin(&q, a))
        return false;
    q.of.target = a->target; /* one class against others, always */
    if (!each_place(&q, test_place))
        return false;
    if (!is_one(&q)) {
        sort_by_p(&q, "rows");
        sort_by_p(&q, "neurons");
    }
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
        const struct ttest_in in = {.of = {a->target, -1}, .alpha = .5};
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
static bool typed_word(const struct asked *q, struct corpus **corpus, struct study **out)
{
    struct answer *a = q->a;
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
    answer_call(a, &call, &words_study, &open, "word", dict_bit(q->place));
    bool ok = lab_study_fresh(a->lab, &call, a->loop, out, a->e);
    lab_call_release(&call);
    return ok;
}

/* Of several dictionaries each has a panel of its own, with axes that every row names. */
static void name_axes(const struct asked *q, enum word_units u, int32_t x, int32_t y,
                      struct table *t)
{
    static const char *const axis[] = {"x", "y"}, *const whose[] = {"x_unit", "y_unit"};
    const struct dict_set *dicts = &q->a->lab->wb->dicts;
    const int32_t col[] = {table_with_role(t, COLUMN_X), table_with_role(t, COLUMN_Y)};
    for (int k = 0; k < 2; k++) {
        char name[UNIT_NAME_MAX];
        const struct unit_id unit = {q->place, k ? y : x};
        (u == WORD_NEURONS ? unit_coordinate_name : unit_name)(dicts, unit, name);
        const int32_t at =
            table_column(t, whose[k], "", "unit of the axis", COLUMN_STR, COLUMN_TEXT);
        for (int64_t i = 0; i < t->n_rows; i++)
            table_set_str(t, i, at, name);
        table_rename_column(t, col[k], axis[k]);
    }
    name_dict(q, t);
    t->cols[0].role = COLUMN_FACET;
}

static bool add_points(struct asked *q, struct study *words)
{
    struct answer *a = q->a;
    struct study *one = NULL;
    struct corpus *typed = NULL;
    int32_t x, y;
    const enum word_units u =
        params_flag(&a->request->params, "hooked") ? WORD_NEURONS : words_main(words);
    const bool ok = two_units(a, words, u, &x, &y) && typed_word(q, &typed, &one);
    if (ok) {
        struct table *t = contrast_points(words, u, x, y, one);
        if (!is_one(q))
            name_axes(q, u, x, y, t);
        answer_add_table(a, t, dict_bit(q->place));
    }
    words_study.free(one);
    corpus_free(typed);
    return ok;
}

bool answer_points(struct answer *a)
{
    struct asked q;
    const struct params *p = &a->request->params;
    const bool of_one = params_has(p, "x") || params_has(p, "y");
    if (!begin(&q, a) || (of_one && !answer_need_dict(a, &q.place)))
        return false;
    q.bare = true;
    return each_place(&q, add_points);
}

/* ---- probes */
/* The tables of a study of the words at hand; NULL and the answer's error. */
static struct table_set *of_words(struct asked *q, const struct study_ops *ops, const char *what)
{
    struct finished f;
    if (!run(q, ops, what, &f))
        return NULL;
    struct table_set *set = ops->tables(f.study);
    finished_release(&f);
    return set;
}

static bool add_study(struct asked *q, const struct study_ops *ops, const char *what)
{
    struct table_set *set = of_words(q, ops, what);
    if (set)
        add(q, set);
    return set != NULL;
}

static bool probe_place(struct asked *q, struct study *words)
{
    (void)words;
    return add_study(q, &probe_study, "probes");
}

static bool kept_place(struct asked *q, struct study *words)
{
    (void)words;
    return add_study(q, &kept_study, "kept");
}

static bool regress_place(struct asked *q, struct study *words)
{
    (void)words;
    return add_study(q, &regress_study, "regression");
}

static bool compare_place(struct asked *q, struct study *words)
{
    struct table_set *tested = table_set_new(), *kept = NULL,
                     *probed = of_words(q, &probe_study, "probes");
    test(q, words, tested);
    if (probed)
        kept = of_words(q, &kept_study, "kept");
    const bool ok = kept != NULL;
    if (ok)
        add_table(q, contrast_compare(words, tested, probed, kept));
    table_set_unref(tested);
    table_set_unref(probed);
    table_set_unref(kept);
    return ok;
}

static bool answer_each(struct answer *a, bool (*of)(struct asked *, struct study *words))
{
    struct asked q;
    return begin(&q, a) && each_place(&q, of);
}

bool answer_probe(struct answer *a)
{
    return answer_each(a, probe_place);
}

bool answer_kept(struct answer *a)
{
    return answer_each(a, kept_place);
}

bool answer_regress(struct answer *a)
{
    return answer_each(a, regress_place);
}

bool answer_compare(struct answer *a)
{
    return answer_each(a, compare_place);
}
