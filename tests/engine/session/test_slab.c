/* Rows that are given out by number: no row twice, what is held stays while the matrices grow, and
 * a device without room leaves all as it was. */
#include "engine/base/memory.h"
#include "engine/session/slab.h"
#include "tests/engine/backend/lab.h"

enum { COLS = 5, WIDE = 3, MOST = 700 };

static void put_row(struct lab *l, const struct slab *s, int32_t row, float v)
{
    const float value[COLS] = {v, v + 1, v + 2, v + 3, v + 4};
    for (int i = 0; i < 2; i++)
        l->b->put(l->q, tensor_rows(s->part[2 * i], row, 1), value);
}

static void check_row(struct lab *l, const struct slab *s, int32_t row, float v)
{
    float got[COLS];
    for (int i = 0; i < 2; i++) {
        const int32_t n = s->part[2 * i].cols;
        device_get(l->q, got, tensor_rows(s->part[2 * i], row, 1));
        assert_near(got[0], v, 0);
        assert_near(got[n - 1], v + (float)n - 1, 0);
    }
}

static void come_and_go(struct lab *l)
{
    struct slab s = {0};
    struct error e = {0};
    int32_t held[MOST], n = 0;
    bool taken[MOST] = {false};
    slab_shape(&s, l->q, (const int32_t[SLAB_PARTS]){COLS, 0, WIDE}, l->b->caps.real);
    for (int round = 0; round < 60; round++) {
        const int32_t more = below(l, 40), fewer = below(l, n + more < MOST - 40 ? 20 : 60);
        int32_t *row = held + n;
        assert_true(slab_take(&s, row, more, MOST, &e));
        assert_true(s.cap <= MOST && slab_held(&s) == n + more);
        for (int32_t i = 0; i < more; i++) {
            assert_in_range(row[i], 0, s.cap - 1);
            assert_false(taken[row[i]]);
            taken[row[i]] = true;
            put_row(l, &s, row[i], (float)row[i]);
        }
        n += more;
        for (int32_t i = 0; i < fewer && n > 0; i++) {
            const int32_t at = below(l, n);
            taken[held[at]] = false;
            slab_give(&s, &held[at], 1);
            held[at] = held[--n];
        }
    }
    for (int32_t i = 0; i < n; i++)
        check_row(l, &s, held[i], (float)held[i]);
    assert_int_equal(slab_row_bytes(&s), (COLS + WIDE) * dtype_size(l->b->caps.real));
    assert_true(slab_widen(&s, 2, COLS, &e)); /* the others keep theirs */
    float got;
    device_get(l->q, &got, tensor_cols(tensor_rows(s.part[0], held[0], 1), 0, 1));
    assert_near(got, held[0], 0);
    put_row(l, &s, held[0], 7);
    check_row(l, &s, held[0], 7);
    slab_give(&s, held, n);
    slab_release(&s);
    assert_true(device_well(l->q, &e));
}
static void test_come_and_go(void **state)
{
    (void)state;
    lab_everywhere(come_and_go, 5);
}

static struct {
    struct buf *(*alloc)(struct queue *, size_t, struct error *);
    int left; /* calls that succeed */
} device;

static struct buf *few_allocs(struct queue *q, size_t n, struct error *e)
{
    if (device.left-- > 0)
        return device.alloc(q, n, e);
    error_set(e, ERROR_SYSTEM, "no memory for %zu bytes", n);
    return NULL;
}

static void no_room(struct lab *l)
{
    device.alloc = l->b->alloc, l->b->alloc = few_allocs;
    for (int allocs = 2; allocs < 4; allocs++) { /* the first growth, and a part of the second */
        struct slab s = {0};
        struct error e = {0};
        int32_t row[300] = {0};
        device.left = allocs;
        slab_shape(&s, l->q, (const int32_t[SLAB_PARTS]){COLS, 0, WIDE}, l->b->caps.real);
        assert_true(slab_take(&s, row, 8, 0, &e));
        for (int32_t i = 0; i < 8; i++)
            put_row(l, &s, row[i], (float)i);
        assert_false(slab_take(&s, row + 8, 280, 0, &e));
        assert_int_equal(e.kind, ERROR_SYSTEM);
        assert_int_equal(slab_held(&s), 8);
        device.left = 8;
        assert_true(slab_take(&s, row + 8, 280, 0, &e));
        for (int32_t i = 0; i < 8; i++)
            check_row(l, &s, row[i], (float)i);
        slab_give(&s, row, 288);
        slab_release(&s);
    }
}
static void test_no_room(void **state)
{
    (void)state;
    lab_everywhere(no_room, 6);
}

/* Rows that are left over, from anywhere, move to the front; the rest of the memory is given back.
 */
static void shrinks(struct lab *l)
{
    enum { ROWS = 600, LEFT = 70 };
    struct slab s = {0};
    struct error e = {0};
    int32_t row[ROWS], left[LEFT];
    struct run run = {.queue = l->q, .arena = arena_new(l->q)};
    device.alloc = l->b->alloc, l->b->alloc = few_allocs, device.left = 1000;
    slab_shape(&s, l->q, (const int32_t[SLAB_PARTS]){COLS, 0, WIDE}, l->b->caps.real);
    assert_true(slab_take(&s, row, ROWS, 0, &e));
    assert_false(slab_is_sparse(&s));
    for (int32_t i = 0; i < LEFT; i++) {
        left[i] = row[(i * 37 + 5) % ROWS];
        put_row(l, &s, left[i], (float)i);
    }
    for (int32_t i = 0; i < ROWS; i++) {
        bool stays = false;
        for (int32_t k = 0; k < LEFT; k++)
            stays = stays || left[k] == row[i];
        if (!stays)
            slab_give(&s, &row[i], 1);
    }
    assert_int_equal(slab_held(&s), LEFT);
    assert_true(slab_is_sparse(&s));
    run_put_ids(&run, 1, 1, row);                /* the arena has its room */
    for (int allocs = 0; allocs < 2; allocs++) { /* no room for all of both */
        device.left = allocs;
        assert_false(slab_shrink(&s, &run, left, LEFT));
        assert_true(run_ok(&run) && s.cap == ROWS && slab_held(&s) == LEFT);
        for (int32_t i = 0; i < LEFT; i++)
            check_row(l, &s, left[i], (float)i);
    }
    device.left = 1000;
    assert_true(slab_shrink(&s, &run, left, LEFT));
    assert_int_equal(s.cap, 2 * LEFT);
    assert_int_equal(s.part[0].rows, 2 * LEFT);
    assert_int_equal(slab_held(&s), LEFT);
    assert_false(slab_is_sparse(&s));
    for (int32_t i = 0; i < LEFT; i++)
        check_row(l, &s, i, (float)i);
    assert_true(slab_take(&s, row, LEFT, 0, &e)); /* the others, each once */
    assert_int_equal(s.cap, 2 * LEFT);
    for (int32_t i = 0; i < LEFT; i++)
        assert_in_range(row[i], LEFT, 2 * LEFT - 1);
    slab_give(&s, row, LEFT);
    for (int32_t i = LEFT; i-- > 0;)
        slab_give(&s, &i, 1);
    assert_false(slab_is_sparse(&s)); /* a few rows stay */
    slab_release(&s);
    arena_free(run.arena);
    assert_true(device_well(l->q, &e));
}
static void test_shrinks(void **state)
{
    (void)state;
    lab_everywhere(shrinks, 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_come_and_go),
        cmocka_unit_test(test_no_room),
        cmocka_unit_test(test_shrinks),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
