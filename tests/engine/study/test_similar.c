/* Units that write alike, against an independent script. */
#include "engine/study/similar.h"
#include "tests/engine/study/runs_golden.h"

static struct table_set *compared(const struct places *x, const struct similar_in *of)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    if (!similar_run(&x->in, of, NULL, set, &e))
        fail_msg("%s", e.text);
    return set;
}

static void check_rows(const struct table *t, int64_t row, const json_t *g, const char *unit)
{
    const json_t *list = json_object_get(g, unit), *v;
    for (size_t i = 0; i < json_array_size(list); i++, row++) {
        v = json_array_get(list, i);
        assert_string_equal(table_str(t, row, 0), unit);
        assert_string_equal(table_str(t, row, 1), json_string_value(json_array_get(v, 0)));
        near(cell(t, row, "cosine"), item_of(v, 1), 1e-6, unit, (long)i, 0);
    }
}

static void test_golden(void **state)
{
    struct places x;
    (void)state;
    skip_when_quick();
    runs_golden_open(&x, 1);
    const json_t *g = json_object_get(x.golden, "similar");
    const struct unit_id unit[2] = {unit_of(&x, "L2N442"), unit_of(&x, "attn_1/418")};
    struct similar_in of = {.n = 2,
                            .unit = unit,
                            .among = dict_bit(unit[0].dict) | dict_bit(unit_of(&x, "L3N0").dict),
                            .centred = true,
                            .top = 6};
    struct table_set *set = compared(&x, &of);
    const struct table *rows = table_set_find(set, "rows"), *pairs = table_set_find(set, "pairs");
    assert_int_equal(rows->n_rows, 12);
    check_rows(rows, 0, g, "L2N442");
    assert_int_equal(pairs->n_rows, 1);
    near(cell(pairs, 0, "cosine"), real_of(g, "across"), 1e-6, "across", 0, 0);
    table_set_unref(set);
    of.unit = unit + 1, of.n = 1, of.among = dict_bit(unit[1].dict);
    set = compared(&x, &of);
    check_rows(table_set_find(set, "rows"), 0, g, "attn_1/418");
    table_set_unref(set);
    places_close(&x);
}

static void test_refused(void **state)
{
    struct tiny_model t;
    struct error e = {0};
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.mlp.pre"});
    struct study_in in = tiny_in(&t, NULL);
    const struct unit_id unit = {0, 3};
    const struct similar_in of = {.n = 1, .unit = &unit, .among = 1, .top = 3};
    struct table_set *set = table_set_new();
    in.dicts = &t.set;
    assert_false(similar_run(&in, &of, NULL, set, &e));
    assert_non_null(strstr(e.text, "depends on the text"));
    table_set_unref(set);
    tiny_close(&t);
}

/* ---- groups, as plain loops over the cosines of all pairs have them */
enum { M = 80, ALL = 2 * M };
struct plain {
    struct unit_id unit[ALL];
    double cosine[ALL][ALL]; /* of a unit with itself 0 */
    bool there[ALL];         /* takes part */
    int group[ALL];          /* the least number of its units */
};

static int number_of(const struct study_in *in, const char *name)
{
    struct unit_id u;
    assert_true(unit_parse(in->dicts, name, &u, NULL));
    return u.dict * M + u.index;
}

static void plain_cosines(const struct study_in *in, struct plain *q)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    for (int i = 0; i < ALL; i++)
        q->unit[i] = (struct unit_id){i / M, i % M};
    const struct similar_in of = {.n = ALL, .unit = q->unit, .among = 3, .top = ALL};
    assert_true(similar_run(in, &of, NULL, set, &e));
    const struct table *t = table_set_find(set, "rows");
    assert_int_equal(t->n_rows, ALL * (ALL - 1));
    for (int64_t row = 0; row < t->n_rows; row++)
        q->cosine[number_of(in, table_str(t, row, 0))][number_of(in, table_str(t, row, 1))] =
            cell(t, row, "cosine");
    table_set_unref(set);
}

static void plain_groups(struct plain *q, double least)
{
    for (int i = 0; i < ALL; i++)
        q->group[i] = i;
    for (bool again = true; again;) {
        again = false;
        for (int i = 0; i < ALL; i++)
            for (int k = 0; k < ALL; k++)
                if (q->there[i] && q->there[k] && q->cosine[i][k] >= least &&
                    q->group[k] > q->group[i])
                    q->group[k] = q->group[i], again = true;
    }
}

/* Every unit that has another in its group is there, with the right number and neighbour. */
static void check_groups(const struct study_in *in, struct plain *q, dict_places among,
                         double least, int32_t asked)
{
    struct error e = {0};
    struct table_set *set = table_set_new();
    const struct similar_in of = {
        .n = asked >= 0, .unit = &q->unit[asked < 0 ? 0 : asked], .among = among};
    for (int i = 0; i < ALL; i++)
        q->there[i] = i == asked || among & dict_bit(q->unit[i].dict);
    plain_groups(q, least);
    if (!similar_groups(in, &of, least, NULL, set, &e))
        fail_msg("%s", e.text);
    const struct table *t = table_set_find(set, "rows"), *groups = table_set_find(set, "groups");
    int64_t expected = 0;
    for (int i = 0; i < ALL; i++) {
        int units = 0;
        for (int k = 0; k < ALL; k++)
            units += q->group[k] == q->group[i];
        expected += units > 1 && (asked < 0 || q->group[i] == q->group[asked]);
    }
    assert_int_equal(t->n_rows, expected);
    int of_group[ALL + 1];
    int64_t units[ALL + 1] = {0};
    memset(of_group, -1, sizeof of_group);
    for (int64_t row = 0; row < t->n_rows; row++) {
        const int i = number_of(in, table_str(t, row, 1)), k = number_of(in, table_str(t, row, 2));
        const int64_t g = table_i64(t, row, 0);
        assert_true(of_group[g] < 0 || of_group[g] == q->group[i]);
        of_group[g] = q->group[i];
        units[g]++;
        double best = 0;
        for (int j = 0; j < ALL; j++)
            best = q->there[j] ? fmax(best, q->cosine[i][j]) : best;
        near(cell(t, row, "cosine"), q->cosine[i][k], 1e-12, "cosine", row, 0);
        near(cell(t, row, "cosine"), best, 1e-12, "nearest", row, 0);
        assert_true(cell(t, row, "with_group") <= 1 + 1e-12 && cell(t, row, "with_group") > 0);
    }
    for (int64_t g = 0; g < groups->n_rows; g++) {
        assert_int_equal(table_i64(groups, g, 0), g + 1);
        assert_int_equal(table_i64(groups, g, 1), units[g + 1]);
        assert_true(g == 0 || units[g + 1] <= units[g]);
    }
    table_set_unref(set);
}

static void test_groups(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out",
                                      .more = {{"layers.2.mlp.out", false}}});
    struct study_in in = tiny_in(&t, NULL);
    struct plain *q = xcalloc(1, sizeof *q);
    in.dicts = &t.set;
    assert_int_equal(t.set.place[0].m, M);
    assert_int_equal(t.set.place[1].m, M);
    plain_cosines(&in, q);
    check_groups(&in, q, 3, .55, -1);
    check_groups(&in, q, 3, .45, -1);
    check_groups(&in, q, 3, .45, 3);
    check_groups(&in, q, 3, .99, 3); /* in none */
    for (int asked = 0; asked < M; asked++)
        check_groups(&in, q, 2, .45, asked); /* of another place: beside all of that one */
    free(q);
    tiny_close(&t);
}

struct heard {
    struct study_progress last;
    int64_t n, stop_after;
    atomic_bool cancel;
};

static void hear(void *arg, const struct study_progress *p)
{
    struct heard *h = arg;
    assert_true(p->done == h->last.done + 1 && p->total > 0);
    h->last = *p;
    if (++h->n == h->stop_after)
        atomic_store(&h->cancel, true);
}

/* Every chunk is told of, those that read what the units write before those that compare; raised
 * behind any but the last, cancel ends it with no table. */
static void test_groups_tell(void **state)
{
    struct tiny_model t;
    (void)state;
    tiny_open(&t, &(struct tiny_spec){.hook = "layers.1.attn.out",
                                      .more = {{"layers.2.mlp.out", false}}});
    struct study_in in = tiny_in(&t, NULL);
    const struct similar_in of = {.among = 3};
    in.dicts = &t.set;
    for (int64_t n = 1; n <= 5; n++) {
        struct error e = {0};
        struct table_set *set = table_set_new();
        struct heard h = {.stop_after = n};
        const struct study_loop loop = {.cancel = &h.cancel, .progress = hear, .progress_arg = &h};
        assert_true(similar_groups(&in, &of, .5, &loop, set, &e) == (n == 5));
        assert_int_equal(h.n, n);
        assert_int_equal(h.last.total, 5); /* 2 places; 160 rows, 64 at a time */
        assert_true(n == 5 ? h.last.share >= 1 && h.last.left <= 0 : e.kind == ERROR_CANCELLED);
        assert_int_equal(set->n, n == 5 ? 2 : 0);
        table_set_unref(set);
    }
    tiny_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_groups),
        cmocka_unit_test(test_groups_tell),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
