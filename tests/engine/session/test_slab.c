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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_come_and_go),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
