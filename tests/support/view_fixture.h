/* A view beside Explore with a host that answers what the test says: jobs are kept by hand, tables
 * built by hand. Sliders, theme and workbench are those of explore_fixture. */
#ifndef GLIMT_TESTS_VIEW_FIXTURE_H
#define GLIMT_TESTS_VIEW_FIXTURE_H
#include "tests/support/explore_fixture.h"
#include "tui/view/view.h"

#define VIEW_FIXTURE_JOBS 300

struct view_fixture {
    struct explore_fixture around;
    const struct view_ops *ops;
    void *view;
    struct view_in in;
    struct rect r; /* of the view; a column and a row of the grid around it stay untouched */
    struct grid grid;
    struct job_host host;
    struct job job[VIEW_FIXTURE_JOBS]; /* id i + 1 */
    int n_jobs, n_asked;
    uint64_t cancelled;
};

/* The view is w × h, opened (init, resize), not yet entered. */
void view_fixture_init(struct view_fixture *, const struct view_ops *, enum depth, bool ascii,
                       int w, int h);
void view_fixture_release(struct view_fixture *);
void view_fixture_resize(struct view_fixture *, int w, int h);
/* Entered, and told the news, as the program does. */
void view_fixture_enter(struct view_fixture *);
/* The newest job gets a status and tables (taken over; NULL: stays as it is); the view hears of
 * it. True: it wants to be drawn. */
bool view_fixture_answer(struct view_fixture *, enum job_status, struct table_set *);
/* Job `id` of which there is news; for tests that write into `job`. */
bool view_fixture_news(struct view_fixture *);
struct job *view_fixture_job(struct view_fixture *, const struct request *); /* a new one, queued */
/* Keys by name separated by blanks; false when the last was not the view's. */
bool view_fixture_keys(struct view_fixture *, const char *names);
void view_fixture_type(struct view_fixture *, const char *utf8);
bool view_fixture_mouse(struct view_fixture *, enum mouse_kind, int x, int y, int clicks);

/* Draws and checks that nothing is drawn beyond r and that the cursor is inside. */
void view_fixture_draw(struct view_fixture *);
/* The cell where `s` begins on the screen; false: nowhere. */
bool view_fixture_find(struct view_fixture *, const char *s, int *x, int *y);
/* Fails when it is not there. */
void view_fixture_expect(struct view_fixture *, const char *s);
/* Against tests/golden/view/NAME.txt; GLIMT_GOLDEN_UPDATE=1 writes it. */
void view_fixture_compare(struct view_fixture *, const char *name);
/* The same at each size: NAME-WxH. `open` opens the view in f and brings it where it is to be; the
 * last one stays open. */
struct screen_size {
    int w, h;
};
void view_fixture_screens(struct view_fixture *f, const char *name, void (*open)(int w, int h),
                          const struct screen_size *, size_t n);
/* Sizes from 1×1 to 500×200. */
void view_fixture_every_size(struct view_fixture *);

/* Tables as the studies make them, with numbers by rule. */
struct table_set *histogram_tables(const struct unit_id *unit, int32_t n);
/* Curves of classes da and en; of the lanes only the first `share` have numbers. */
struct table_set *fixture_sweep_tables(const struct unit_id *unit, int32_t n, double share,
                                       bool pairs);
/* Tokens: each word with the blank before it; n texts, the classes in turn. */
struct table_set *token_tables(const struct unit_id *unit, int32_t n_units, const char *const *text,
                               int64_t n);
struct table *token_table_new(const struct unit_id *unit, int32_t n_units);
void token_table_add(struct table *, int64_t doc, const char *cls, int64_t start, int64_t end,
                     const char *text, double pre, double act); /* pre and act of every unit */
struct table_set *set_of(struct table *);
#endif
