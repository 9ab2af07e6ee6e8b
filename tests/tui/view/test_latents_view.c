/* The Latents view against jobs whose tables are made here: what it asks, what it shows.
 * GLIMT_GOLDEN_UPDATE=1 writes the screens. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/explore_fixture.h"
#include "tui/view/latents_parts.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- tables */
static const char *const class_name[] = {"da", "en", "sv", "de", "fr", "n\x1b[31mo"};
enum { N_UNITS = 60 };

static int32_t unit_at(int i)
{
    static const int32_t first[] = {1482, 77, 2310, 904, 11, 2047};
    return i < 6 ? first[i] : (i * 389 + 17) % 3072;
}

static double share_of(int i, int c)
{
    if (i < 6)
        return c == 0 ? .97 - .06 * i : .0004 * i;
    return (double)((i * 37 + c * 11) % 90) / 900;
}

static struct table *latents_rows(int n, int classes, int target)
{
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    char name[64];
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    for (int c = 0; c < classes; c++) {
        snprintf(name, sizeof name, "fire_share.%s", class_name[c]);
        table_column(t, name, "share", "", COLUMN_F64, COLUMN_Y);
    }
    for (int c = 0; c < classes; c++) {
        snprintf(name, sizeof name, "mean_pre.%s", class_name[c]);
        table_column(t, name, "", "", COLUMN_F64, COLUMN_Y);
    }
    int32_t rest = table_column(t, "difference", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "overlap", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "higher", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "density", "share", "", COLUMN_F64, COLUMN_Y);
    for (int i = n - 1; i >= 0; i--) {
        int64_t r = table_row(t);
        double others = 0;
        table_set_i64(t, r, 0, unit_at(i));
        for (int c = 0; c < classes; c++) {
            table_set_f64(t, r, 1 + c, share_of(i, c));
            table_set_f64(t, r, 1 + classes + c, 3 * share_of(i, c) - .7);
            others += c == target ? 0 : share_of(i, c) / (classes - 1);
        }
        table_set_f64(t, r, rest, share_of(i, target) - others);
        if (i % 13 != 7) /* some are missing */
            table_set_f64(t, r, rest + 1, (double)(i % 50) / 51);
        table_set_str(t, r, rest + 2, class_name[share_of(i, 0) > share_of(i, 1) ? 0 : 1]);
        table_set_f64(t, r, rest + 3, (share_of(i, 0) + share_of(i, 1)) / 2);
    }
    return t;
}

static struct table *bins_of(int32_t unit)
{
    struct table *t = table_new("rows", "Pre-activations", MARK_HIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_FACET);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "lo", "", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "hi", "", "", COLUMN_F64, COLUMN_HI);
    table_column(t, "density", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "count", "", "", COLUMN_I64, COLUMN_TEXT);
    for (int c = 0; c < 2; c++)
        for (int b = -32; b < 32; b++) {
            int64_t r = table_row(t);
            double x = b / 8., at = c == 0 ? 2 : 0, d = exp(-2 * (x - at) * (x - at));
            table_set_i64(t, r, 0, unit);
            table_set_str(t, r, 1, class_name[c]);
            table_set_f64(t, r, 2, x);
            table_set_f64(t, r, 3, x + .125);
            table_set_f64(t, r, 4, d);
            table_set_i64(t, r, 5, (int64_t)(1000 * d));
        }
    return t;
}

static struct table *examples_of(int32_t unit)
{
    static const struct {
        const char *cls, *before, *token, *after;
    } row[] = {
        {"da", "Rådet skal nu formelt godkende Parlamentets", " holdning",
         ", før fristen udløber."},
        {"da", "Mange unge mennesker flytter til de store", " byer", ", fordi der er arbejde."},
        {"da", "Det er ikke", " nødvendigt", ".\nDen næste linje\tmed en tabulator"},
        {"da", "", "Kommissionen", " har lovet at svare på spørgsmålet inden for en uge."},
        {"en", "The Council must now formally approve the", " position", " of Parliament."},
        {"en", "A bell \x07 and an escape \x1b[31m before", " the", " end, and 漢字 too"},
    };
    struct table *t = table_new("rows", "Examples", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, "quantile", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "doc", "", "", COLUMN_I64, COLUMN_X);
    table_column(t, "pos", "", "", COLUMN_I64, COLUMN_X);
    table_column(t, "text", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "start", "", "", COLUMN_I64, COLUMN_X);
    table_column(t, "end", "", "", COLUMN_I64, COLUMN_X);
    for (int i = 0; i < 12; i++) {
        int64_t r = table_row(t);
        size_t k = (size_t)i % (sizeof row / sizeof *row), a = strlen(row[k].before);
        char *text = xasprintf("%s%s%s", row[k].before, row[k].token, row[k].after);
        table_set_i64(t, r, 0, unit);
        table_set_str(t, r, 1, row[k].cls);
        table_set_f64(t, r, 2, 1 - i * i / 150.);
        table_set_f64(t, r, 3, 6.25 - i / 2.);
        table_set_str(t, r, 6, text);
        table_set_i64(t, r, 7, (int64_t)a);
        table_set_i64(t, r, 8, (int64_t)(a + strlen(row[k].token)));
        free(text);
    }
    return t;
}

static struct table_set *lens_of(int32_t unit)
{
    static const char *const up[] = {" og", " er", " ikke", NULL, "ets", "\n", " på", " holdning"};
    static const char *const down[] = {" the", " of", " and", " is", "ing", " not", " a", " to"};
    struct table_set *set = table_set_new();
    for (int side = 0; side < 2; side++) {
        struct table *t = table_new(side ? "suppressed" : "promoted", "Tokens", MARK_LIST);
        table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
        table_column(t, "id", "", "", COLUMN_I64, COLUMN_KEY);
        table_column(t, "text", "", "", COLUMN_STR, COLUMN_TEXT);
        table_column(t, "bytes", "", "", COLUMN_STR, COLUMN_TEXT);
        table_column(t, "logit", "nats", "", COLUMN_F64, COLUMN_Y);
        for (int i = 0; i < 8; i++) {
            int64_t r = table_row(t);
            const char *s = side ? down[i] : up[i];
            table_set_i64(t, r, 0, unit);
            table_set_i64(t, r, 1, i);
            if (s)
                table_set_str(t, r, 2, s);
            table_set_str(t, r, 3, s ? "20" : "c3");
            table_set_f64(t, r, 4, (side ? -1 : 1) * (3.21 - .3 * i));
        }
        table_set_add(set, t);
    }
    struct table *t = table_new("neighbours", "Neighbours", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "other", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "cosine", "", "", COLUMN_F64, COLUMN_Y);
    for (int i = 0; i < 6; i++) {
        int64_t r = table_row(t);
        table_set_i64(t, r, 0, unit);
        table_set_i64(t, r, 1, unit_at(i + 3));
        table_set_f64(t, r, 2, .71 - .1 * i);
    }
    table_set_add(set, t);
    return set;
}

/* ---- who answers: at once, or when told to */
#define JOBS 600
struct answers {
    int n, asks, classes, rows;
    bool hold; /* new jobs wait */
    struct job job[JOBS];
    bool strange; /* tables with nothing in its place */
};

static struct table_set *one(struct table *t)
{
    struct table_set *set = table_set_new();
    table_set_add(set, t);
    return set;
}

static struct table *strange_table(void)
{
    struct table *t = table_new("rows", "?", MARK_LIST);
    table_column(t, "latent", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "text", "", "", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "fire_share.", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "class", "", "", COLUMN_BOOL, COLUMN_SERIES);
    for (int i = 0; i < 5; i++)
        table_set_f64(t, table_row(t), 1, i ? NAN : 1e300);
    return t;
}

static struct table_set *answer(const struct answers *a, const struct request *r)
{
    int target = 0;
    if (a->strange)
        return one(strange_table());
    for (int c = 0; r->target && c < a->classes; c++)
        target = strcmp(r->target, class_name[c]) == 0 ? c : target;
    switch (r->kind) {
    case REQUEST_LATENTS: return one(latents_rows(a->rows, a->classes, target));
    case REQUEST_BINS: return one(bins_of(r->unit[0]));
    case REQUEST_EXAMPLES: return one(examples_of(r->unit[0]));
    case REQUEST_LENS: return lens_of(r->unit[0]);
    default: fail_msg("asks for %s", request_name[r->kind]); return NULL;
    }
}

static void finish(struct answers *a, struct job *j)
{
    j->status = JOB_DONE;
    table_set_unref(j->tables);
    j->tables = answer(a, &j->request);
    j->version++;
}

static void finish_all(struct answers *a)
{
    for (int i = 0; i < a->n; i++)
        if (a->job[i].status == JOB_RUNNING || a->job[i].status == JOB_QUEUED)
            finish(a, &a->job[i]);
}

static uint64_t ask(void *arg, const struct request *r)
{
    struct answers *a = arg;
    a->asks++;
    for (int i = 0; i < a->n; i++)
        if (request_equal(&a->job[i].request, r))
            return a->job[i].id;
    assert_true(a->n < JOBS);
    struct job *j = &a->job[a->n++];
    *j = (struct job){.id = (uint64_t)a->n, .status = JOB_QUEUED, .version = 1};
    request_copy(&j->request, r);
    if (!a->hold)
        finish(a, j);
    return j->id;
}

static void cancel(void *arg, uint64_t id)
{
    (void)arg;
    fail_msg("cancels %d", (int)id);
}

static bool job(void *arg, uint64_t id, struct job *out)
{
    struct answers *a = arg;
    if (id < 1 || id > (uint64_t)a->n)
        return false;
    *out = a->job[id - 1];
    request_copy(&out->request, &a->job[id - 1].request);
    out->tables = out->tables ? table_set_ref(out->tables) : NULL;
    return true;
}

static int jobs(void *arg, uint64_t *id, int max)
{
    (void)id;
    (void)max;
    return ((struct answers *)arg)->n;
}

/* ---- the view in its surroundings */
struct scene {
    struct explore_fixture f;
    struct answers a;
    struct job_host host;
    struct corpus_choice corpus;
    struct view_in in;
    struct latents v;
    struct rect r;
};

static void place(struct scene *s, int w, int h)
{
    s->r = (struct rect){0, 0, w, h};
    grid_resize(&s->f.grid, w, h, theme_style(s->f.theme, ROLE_TEXT));
    latents_view.resize(&s->v, &s->in, s->r);
}

static void open_scene(struct scene *s, bool hold, bool ascii, int w, int h)
{
    *s = (struct scene){.a = {.classes = 2, .rows = N_UNITS, .hold = hold}};
    fixture_init(&s->f, NULL, ascii ? DEPTH_MONO : DEPTH_256, ascii, 80, 24);
    fixture_settle(&s->f);
    s->host = (struct job_host){ask, cancel, job, jobs, &s->a};
    s->in = (struct view_in){.workbench = &s->f.wb,
                             .theme = s->f.theme,
                             .host = &s->host,
                             .corpus = &s->corpus,
                             .explore = &s->f.ex,
                             .ascii = ascii};
    latents_view.init(&s->v);
    place(s, w, h);
    latents_view.enter(&s->v, &s->in);
    latents_view.update(&s->v, &s->in);
}

static void close_scene(struct scene *s)
{
    latents_view.release(&s->v);
    for (int i = 0; i < s->a.n; i++)
        job_release(&s->a.job[i]);
    fixture_release(&s->f);
}

static void draw(struct scene *s)
{
    latents_view.draw(&s->v, &s->in, &s->f.grid, s->r);
}

static void event(struct scene *s, const struct event *e)
{
    enum action_id a = ACTION_NONE;
    if (e->kind != EVENT_MOUSE && !latents_view.typing(&s->v))
        a = action_for(e, latents_view.where);
    latents_view.event(&s->v, &s->in, e, a);
    latents_view.update(&s->v, &s->in);
}

/* Keys by name, parted by blanks; while a line is typed, its characters. */
static void keys(struct scene *s, const char *names)
{
    char word[32];
    int n;
    for (; sscanf(names, "%31s%n", word, &n) == 1; names += n) {
        struct event e;
        if (!event_parse(word, &e))
            fail_msg("no key %s", word);
        event(s, &e);
    }
}

static void type(struct scene *s, const char *text)
{
    for (; *text; text++) {
        struct event e = {.kind = EVENT_TEXT, .code = (uint32_t)*text};
        event(s, &e);
    }
}

static void click(struct scene *s, int button, int x, int y, int clicks)
{
    struct event e = {.kind = EVENT_MOUSE,
                      .mouse = MOUSE_PRESS,
                      .button = button,
                      .x = x,
                      .y = y,
                      .clicks = clicks};
    event(s, &e);
}

static void turn(struct scene *s, bool up, int x, int y)
{
    struct event e = {
        .kind = EVENT_MOUSE, .mouse = up ? MOUSE_WHEEL_UP : MOUSE_WHEEL_DOWN, .x = x, .y = y};
    event(s, &e);
}

static char *screen(struct scene *s)
{
    struct strbuf out;
    strbuf_init(&out);
    draw(s);
    grid_write_text(&s->f.grid, &out);
    return strbuf_detach(&out);
}

static bool shows(struct scene *s, const char *text)
{
    char *all = screen(s);
    bool found = strstr(all, text) != NULL;
    free(all);
    return found;
}

static void assert_shows(struct scene *s, const char *text)
{
    if (!shows(s, text)) {
        char *all = screen(s);
        fail_msg("\"%s\" is not in\n%s", text, all);
    }
}

static int32_t selected(const struct scene *s)
{
    return s->v.unit;
}

static void find(struct scene *s, const char *text, int *x, int *y)
{
    draw(s);
    for (*y = 0; *y < s->f.grid.h; ++*y) {
        char *row = fixture_row(&s->f, *y), *at = strstr(row, text);
        *x = at ? text_columns(row, (size_t)(at - row)) : -1;
        free(row);
        if (*x >= 0)
            return;
    }
    fail_msg("%s is nowhere", text);
}

/* ---- screens */
static char *read_whole(const char *path)
{
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    char *s = xmalloc(1 << 20);
    size_t n = fread(s, 1, (1 << 20) - 1, f);
    s[n] = 0;
    fclose(f);
    return s;
}

static void compare(struct scene *s, const char *name)
{
    char path[200], *now = screen(s);
    snprintf(path, sizeof path, "tests/golden/view/latents-view-%s.txt", name);
    const char *update = getenv("GLIMT_GOLDEN_UPDATE");
    if (update && *update) {
        FILE *file = fopen(path, "wb");
        assert_non_null(file);
        fputs(now, file);
        fclose(file);
    }
    char *golden = read_whole(path);
    if (!golden)
        fail_msg("%s is missing: GLIMT_GOLDEN_UPDATE=1 writes it", path);
    if (strcmp(golden, now) != 0)
        fail_msg("%s differs from what is drawn:\n%s", path, now);
    free(golden);
    free(now);
}

static void test_screens(void **state)
{
    (void)state;
    static const struct {
        const char *name, *keys;
        int w, h;
    } cases[] = {
        {"20x3", "", 20, 3},
        {"40x9", "Down", 40, 9},
        {"60x40", "Down", 60, 40},
        {"80x21", "", 80, 21},
        {"80x21-lens", "Down Shift-Tab Right Right Down", 80, 21},
        {"120x33", "Tab Tab Down Down", 120, 33},
        {"200x57", "Down Down", 200, 57},
        {"120x33-zoom", "Tab Tab z", 120, 33},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct scene s;
        open_scene(&s, false, false, cases[i].w, cases[i].h);
        keys(&s, cases[i].keys);
        compare(&s, cases[i].name);
        close_scene(&s);
    }
}

static void test_without_colours(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, true, 100, 30);
    keys(&s, "f /");
    type(&s, "da>0.05 en<,1");
    compare(&s, "mono-100x30");
    close_scene(&s);
}

static void test_while_it_runs(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, true, false, 80, 21);
    struct job *j = &s.a.job[0];
    assert_shows(&s, "references waits for what runs");
    j->status = JOB_RUNNING;
    j->version++;
    strcpy(j->what, "harvest");
    j->progress = (struct study_progress){
        .done = 43, .total = 100, .share = .43, .tokens_per_s = 12345, .left = 4.2};
    assert_true(latents_view.update(&s.v, &s.in));
    assert_false(latents_view.update(&s.v, &s.in));
    compare(&s, "harvesting-80x21");
    j->tables = one(latents_rows(5, 2, 0)); /* what there is so far */
    j->version++;
    assert_true(latents_view.update(&s.v, &s.in));
    compare(&s, "growing-80x21");
    assert_int_equal(s.a.asks, 1); /* nothing about a latent while the table grows */
    finish(&s.a, j);
    assert_true(latents_view.update(&s.v, &s.in));
    assert_int_equal(s.a.n, 3); /* histogram and examples; the lens is folded */
    close_scene(&s);
}

static void test_failure(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, true, false, 80, 21);
    s.a.job[0].status = JOB_FAILED;
    s.a.job[0].version++;
    error_set(&s.a.job[0].error, ERROR_INPUT, "reading corpus.tsv: line 3 has no label");
    latents_view.update(&s.v, &s.in);
    assert_shows(&s, "corpus.tsv: line 3 has no");
    close_scene(&s);

    open_scene(&s, true, false, 80, 21);
    struct dict *dict = s.f.wb.dict;
    s.f.wb.dict = NULL;
    latents_view.release(&s.v);
    latents_view.init(&s.v);
    place(&s, 80, 21);
    latents_view.enter(&s.v, &s.in);
    assert_shows(&s, "no SAE");
    struct request r;
    assert_false(latents_view.request(&s.v, &s.in, &r));
    assert_null(latents_view.table(&s.v));
    s.in.workbench = NULL;
    latents_view.enter(&s.v, &s.in);
    assert_shows(&s, "loading");
    s.f.wb.dict = dict;
    close_scene(&s);
}

/* ---- order and filter */
static void assert_sorted(const struct scene *s, int32_t col, bool descending)
{
    for (int i = 1; i < s->v.n_shown; i++) {
        const struct table *t = s->v.rows;
        int64_t a = latents_row(&s->v, i - 1), b = latents_row(&s->v, i);
        if (!table_has(t, b, col))
            continue;
        assert_true(table_has(t, a, col));
        int order;
        if (t->cols[col].type == COLUMN_STR)
            order = strcmp(table_str(t, a, col), table_str(t, b, col));
        else
            order = (table_f64(t, a, col) > table_f64(t, b, col)) -
                    (table_f64(t, a, col) < table_f64(t, b, col));
        assert_true(descending ? order >= 0 : order <= 0);
    }
}

static void test_every_column_sorts(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 80, 21);
    assert_sorted(&s, table_find(s.v.rows, "difference"), true);
    assert_int_equal(selected(&s), 1482);
    for (int i = 0; i < s.v.rows->n_cols; i++)
        keys(&s, "Left");
    assert_int_equal(s.v.column, 0);
    for (int32_t c = 0; c < s.v.rows->n_cols; c++, keys(&s, "Right")) {
        assert_int_equal(s.v.column, c);
        if (s.v.sort_col == c)
            keys(&s, "o");
        keys(&s, "o");
        bool descending = s.v.descending;
        assert_int_equal(s.v.sort_col, c);
        assert_sorted(&s, c, descending);
        assert_shows(&s, descending ? "▼" : "▲"); /* the column is in sight */
        keys(&s, "o");
        assert_int_equal(s.v.descending, !descending);
        assert_sorted(&s, c, !descending);
        assert_shows(&s, descending ? "▲" : "▼");
        assert_int_equal(s.v.n_shown, N_UNITS);
    }
    close_scene(&s);
}

static void test_filter(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 80, 21);
    keys(&s, "/");
    assert_true(latents_view.typing(&s.v));
    type(&s, "da>.6 en<.01 xyz");
    assert_int_equal(s.v.n_shown, 6);
    assert_shows(&s, "/ da>.6 en<.01 xyz");
    assert_shows(&s, "6 of 60");
    keys(&s, "Down Down");
    assert_int_equal(selected(&s), 2310);
    keys(&s, "Ctrl-W");
    keys(&s, "Enter");
    assert_false(latents_view.typing(&s.v));
    assert_int_equal(s.v.n_shown, 6);
    assert_int_equal(selected(&s), 2310); /* keeps the latent */
    const struct table *t = latents_view.table(&s.v);
    assert_int_equal(t->n_rows, 6);
    assert_int_equal(table_i64(t, 2, 0), 2310);
    assert_ptr_equal(t, latents_view.table(&s.v));
    keys(&s, "o o");
    assert_int_equal(table_i64(latents_view.table(&s.v), 0, 0), unit_at(5));
    keys(&s, "Esc");
    assert_int_equal(s.v.n_shown, N_UNITS);
    assert_int_equal(s.f.ex.views.now, VIEW_EXPLORE);
    keys(&s, "/");
    type(&s, "zzz");
    assert_int_equal(s.v.n_shown, N_UNITS); /* nonsense is ignored */
    keys(&s, "Ctrl-U");
    type(&s, "da>2%");
    assert_true(s.v.n_shown < N_UNITS);
    type(&s, " 99999");
    assert_int_equal(s.v.n_shown, 0);
    assert_shows(&s, "no latent is left");
    assert_int_equal(selected(&s), -1);
    assert_int_equal(latents_view.table(&s.v)->n_rows, 0);
    keys(&s, "Esc");
    assert_false(latents_view.typing(&s.v));
    assert_int_equal(s.v.n_shown, N_UNITS);
    close_scene(&s);
}

/* ---- what is asked */
static int asked_units(const struct scene *s, enum request_kind kind)
{
    int n = 0;
    for (int i = 0; i < s->a.n; i++)
        n += s->a.job[i].request.kind == kind;
    return n;
}

static void test_asks_for_the_newest(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 120, 33);
    assert_int_equal(s.a.n, 4); /* the table, and three about the first */
    s.a.hold = true;
    keys(&s, "Down Down Down Down Down");
    assert_int_equal(s.a.n, 7); /* only about the first that was passed */
    assert_int_equal(s.a.job[4].request.unit[0], 77);
    assert_int_equal(selected(&s), 2047);
    finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    assert_int_equal(s.a.n, 10);
    assert_int_equal(s.a.job[7].request.unit[0], 2047); /* where one stopped */
    finish_all(&s.a);
    assert_true(latents_view.update(&s.v, &s.in));
    assert_shows(&s, "What 2047 writes");
    assert_shows(&s, "·ikke");
    int asks = s.a.asks;
    keys(&s, "Home");
    assert_int_equal(s.a.asks, asks); /* is there already */
    assert_shows(&s, "1482 in context");
    assert_int_equal(asked_units(&s, REQUEST_LENS), 3);
    close_scene(&s);
}

static void test_many_selections(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 120, 33);
    for (int i = 0; i < 2; i++)
        keys(&s, "End PageUp PageUp Home PageDown Down Down Up");
    keys(&s, "Home");
    for (int i = 0; i < N_UNITS + 5; i++)
        keys(&s, "Down");
    assert_int_equal(s.v.list.selected, N_UNITS - 1);
    assert_int_equal(asked_units(&s, REQUEST_BINS), N_UNITS);
    int asks = s.a.asks;
    for (int i = 0; i < N_UNITS + 5; i++)
        keys(&s, "k");
    assert_int_equal(s.a.asks, asks);
    assert_non_null(latents_detail_table(&s.v, DETAIL_BINS, "rows"));
    close_scene(&s);
}

static void test_zoomed_table_asks_nothing(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 30, 5);
    assert_int_equal(s.a.n, 1);
    place(&s, 120, 33);
    assert_int_equal(s.a.n, 4);
    keys(&s, "z Down");
    assert_int_equal(s.a.n, 4);
    keys(&s, "Tab");
    assert_int_equal(s.a.n, 5);
    assert_int_equal(s.a.job[4].request.kind, REQUEST_BINS);
    close_scene(&s);
}

static void test_growing_table(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, true, false, 80, 21);
    struct job *j = &s.a.job[0];
    j->status = JOB_RUNNING;
    for (int n = 3; n < 40; n += 9) {
        table_set_unref(j->tables);
        j->tables = one(latents_rows(n, 2, 0));
        j->version++;
        latents_view.update(&s.v, &s.in);
        assert_int_equal(s.v.n_shown, n);
        if (n == 3)
            assert_int_equal(selected(&s), 1482);
        if (n == 12)
            keys(&s, "Down Down Down Down");
        if (n >= 12)
            assert_int_equal(selected(&s), 11); /* stays with its latent */
    }
    close_scene(&s);
}

static void test_target(void **state)
{
    (void)state;
    struct scene s;
    struct request r;
    open_scene(&s, false, false, 80, 21);
    assert_shows(&s, "da against en");
    assert_int_equal(selected(&s), 1482);
    s.a.hold = true;
    keys(&s, "t");
    assert_true(latents_view.request(&s.v, &s.in, &r));
    assert_int_equal(r.kind, REQUEST_LATENTS);
    assert_string_equal(r.target, "en");
    request_release(&r);
    assert_true(s.v.stale); /* the other class's rows, and told so */
    draw(&s);
    assert_true(style_equal(s.f.grid.cell[80 * 3 + 8].style, theme_style(s.f.theme, ROLE_STALE)));
    finish_all(&s.a);
    assert_true(latents_view.update(&s.v, &s.in));
    assert_false(s.v.stale);
    assert_sorted(&s, table_find(s.v.rows, "difference"), true);
    assert_int_not_equal(selected(&s), 1482);
    int n = s.a.n;
    keys(&s, "t");
    assert_true(latents_view.request(&s.v, &s.in, &r));
    assert_null(r.target);
    request_release(&r);
    finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    assert_true(asked_units(&s, REQUEST_LATENTS) == 2 && s.a.n >= n);
    assert_int_equal(selected(&s), 1482);
    /* another corpus has classes of its own */
    keys(&s, "t");
    s.corpus.path = xstrdup("other.tsv");
    latents_view.enter(&s.v, &s.in);
    assert_true(latents_view.request(&s.v, &s.in, &r));
    assert_null(r.target);
    assert_string_equal(r.corpus.path, "other.tsv");
    request_release(&r);
    corpus_choice_release(&s.corpus);
    close_scene(&s);
}

static void test_requests_and_tables(void **state)
{
    (void)state;
    static const enum request_kind kind[] = {REQUEST_LATENTS, REQUEST_BINS, REQUEST_EXAMPLES,
                                             REQUEST_LENS};
    struct scene s;
    struct plot_options o;
    open_scene(&s, false, false, 120, 33);
    for (int i = 0; i < 4; i++, keys(&s, "Tab")) {
        struct request r;
        assert_true(latents_view.request(&s.v, &s.in, &r));
        assert_int_equal(r.kind, kind[i]);
        assert_int_equal(r.n_units, i > 0);
        assert_true(i == 0 || r.unit[0] == 1482);
        request_release(&r);
        assert_non_null(latents_view.table(&s.v));
    }
    keys(&s, "Shift-Tab Right");
    assert_string_equal(latents_view.table(&s.v)->name, "suppressed");
    latents_view.plot(&s.v, &o);
    assert_true(o.mirrored && !o.log_y);
    keys(&s, "L b");
    latents_view.plot(&s.v, &o);
    assert_true(!o.mirrored && o.log_y);
    close_scene(&s);
}

/* ---- what it does to Explore */
static void test_explore(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 120, 33);
    keys(&s, "End f");
    int32_t unit = selected(&s);
    int row = sliders_find(&s.f.ex.sliders, unit);
    assert_true(row >= 0);
    assert_true(fabs((double)s.f.ex.sliders.unit[row].value - latents_value(&s.v, unit)) < .051);
    keys(&s, "f");
    assert_true(s.f.ex.sliders.unit[row].fixed);
    assert_shows(&s, "●");
    keys(&s, "Home Enter");
    assert_int_equal(s.f.ex.colour_unit, 1482);
    assert_int_equal(s.f.ex.views.now, VIEW_EXPLORE);
    keys(&s, "Tab Tab Down Enter");
    size_t n = s.f.ex.editor.text.n;
    char *text = xstrndup(s.f.ex.editor.text.s, n);
    assert_non_null(strstr(text, "Mange unge mennesker flytter til de store byer, fordi"));
    free(text);
    /* a neighbour */
    keys(&s, "Tab Right Right Down Enter");
    assert_int_equal(selected(&s), unit_at(4));
    close_scene(&s);
}

static void test_mouse(void **state)
{
    (void)state;
    struct scene s;
    int x, y;
    open_scene(&s, false, false, 120, 33);
    find(&s, "overlap", &x, &y);
    click(&s, 1, x, y, 1);
    int32_t col = table_find(s.v.rows, "overlap");
    assert_int_equal(s.v.sort_col, col);
    assert_sorted(&s, col, false);
    click(&s, 1, x, y, 1);
    assert_sorted(&s, col, true);
    click(&s, 1, 4, 2 + 5, 1);
    assert_int_equal(s.v.list.selected, 5);
    turn(&s, false, 4, 7);
    assert_int_equal(s.v.list.top, 3);
    turn(&s, true, 4, 7);
    turn(&s, true, 4, 7);
    assert_int_equal(s.v.list.top, 0);
    find(&s, "neighbours", &x, &y);
    click(&s, 1, x + 1, y + 2, 1);
    assert_int_equal(s.v.focus, PART_LENS);
    assert_int_equal(s.v.lens_column, 2);
    assert_int_equal(s.v.lens.selected, 1);
    click(&s, 1, x + 1, y + 2, 2);
    assert_int_equal(selected(&s), unit_at(4));
    int64_t top = latents_row(&s.v, s.v.list.top);
    click(&s, 3, 4, 2, 1);
    assert_int_equal(selected(&s), table_i64(s.v.rows, top, 0));
    int n = sliders_find(&s.f.ex.sliders, selected(&s));
    assert_true(n >= 0);
    find(&s, "Pre-activations", &x, &y);
    click(&s, 1, x + 20, y + 4, 1);
    assert_int_equal(s.v.focus, PART_HISTOGRAM);
    assert_false(s.f.ex.sliders.unit[n].fixed);
    click(&s, 1, x + 20, y + 4, 1);
    assert_true(s.f.ex.sliders.unit[n].fixed); /* the value that stands below the pointer */
    close_scene(&s);
}

/* ---- robustness */
static bool inside(struct rect a, struct rect r)
{
    return a.w <= 0 || a.h <= 0 ||
           (a.x >= r.x && a.y >= r.y && a.x + a.w <= r.x + r.w && a.y + a.h <= r.y + r.h);
}

static bool apart(struct rect a, struct rect b)
{
    return a.w <= 0 || a.h <= 0 || b.w <= 0 || b.h <= 0 || a.x + a.w <= b.x || b.x + b.w <= a.x ||
           a.y + a.h <= b.y || b.y + b.h <= a.y;
}

static void test_layout(void **state)
{
    (void)state;
    for (int w = 0; w <= 500; w += w < 130 ? 1 : 23)
        for (int h = 0; h <= 200; h += h < 50 ? 1 : 17)
            for (int k = 0; k < 2 * N_PARTS * N_PARTS; k++) {
                struct latents_layout l;
                struct rect r = {3, 2, w, h};
                int focus = k / 2 % N_PARTS, cells = 0;
                latents_layout(r, (enum latents_part)focus, (enum latents_part)(k / 2 / N_PARTS),
                               k % 2, 95, &l);
                for (int p = 0; p < N_PARTS; p++) {
                    assert_true(inside(l.part[p], r));
                    cells += l.part[p].w * l.part[p].h;
                    for (int q = 0; q < p; q++)
                        assert_true(apart(l.part[p], l.part[q]));
                }
                assert_int_equal(cells, w * h);
                if (w > 0 && h > 0)
                    assert_true(latents_open(&l, (enum latents_part)focus));
            }
}

static void test_every_size_draws(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 80, 21);
    s.v.log = true;
    for (int w = 0; w <= 500; w += w < 45 ? 1 : w < 130 ? 9 : 123)
        for (int h = 0; h <= 200; h += h < 12 ? 1 : h < 50 ? 7 : 75)
            for (int k = 0; k < 6; k++) {
                static const char *const press[] = {"Tab", "Tab", "Tab", "Tab", "Right", "End"};
                place(&s, w, h);
                keys(&s, press[k]);
                struct latents before = s.v;
                draw(&s);
                assert_memory_equal(&before, &s.v, sizeof before); /* drawing changes nothing */
                assert_true(s.f.grid.cursor_x < w || w == 0);
                assert_true(s.f.grid.cursor_y < h || h == 0);
                assert_true(w == 0 || h == 0 || s.f.grid.cursor_x >= 0);
            }
    /* drawn into another rect than the last resize said */
    place(&s, 80, 21);
    s.r = (struct rect){-5, 3, 40, 300};
    draw(&s);
    close_scene(&s);
}

static void test_many_classes(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, true, false, 60, 14);
    s.a.classes = 6;
    finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    assert_int_equal(s.v.n_classes, 6);
    assert_shows(&s, "against the others");
    for (int i = 0; i < s.v.rows->n_cols + 2; i++) {
        keys(&s, "Right");
        free(screen(&s));
    }
    assert_shows(&s, "density");
    char *all = screen(&s);
    assert_null(strchr(all, '\x1b'));
    free(all);
    for (int i = 0; i < s.v.rows->n_cols + 2; i++)
        keys(&s, "Left");
    assert_int_equal(s.v.left, 0);
    assert_shows(&s, "da %");
    close_scene(&s);
}

static void test_strange_tables(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, true, false, 120, 40);
    s.a.strange = true;
    s.a.hold = false;
    finish_all(&s.a);
    latents_view.update(&s.v, &s.in);
    for (int i = 0; i < 5; i++) {
        static const char *const press[] = {"Down o Right o Right o Right o", "Tab", "Tab Down",
                                            "Tab Right Right", "/"};
        keys(&s, press[i]);
        free(screen(&s));
    }
    type(&s, "latent=3 text>1 fire_share.=x 4 class<2");
    free(screen(&s));
    keys(&s, "Esc t");
    free(screen(&s));
    close_scene(&s);

    open_scene(&s, false, false, 120, 40); /* texts that are not where they should be */
    struct table *t = examples_of(1);
    for (int64_t r = 0; r < t->n_rows; r++) {
        table_set_i64(t, r, 7, r % 2 ? -5 : 1 << 30);
        table_set_i64(t, r, 8, r % 3 ? INT64_MAX : INT64_MIN);
        if (r % 4 == 0)
            t->cols[6].valid[r] = 0;
    }
    struct job *examples = &s.v.detail[DETAIL_EXAMPLES];
    table_set_unref(examples->tables);
    examples->tables = one(t);
    keys(&s, "Tab Tab Down Down Down");
    free(screen(&s));
    keys(&s, "Enter");
    close_scene(&s);
}

static void test_alone(void **state)
{
    (void)state;
    struct scene s;
    open_scene(&s, false, false, 120, 33);
    s.in.explore = NULL;
    assert_shows(&s, "1482");
    keys(&s, "f Enter Down Esc Tab f Enter Tab Enter Tab Enter");
    s.in.host = NULL;
    keys(&s, "t Down");
    latents_view.enter(&s.v, &s.in);
    assert_shows(&s, "1482");
    close_scene(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_screens),
        cmocka_unit_test(test_without_colours),
        cmocka_unit_test(test_while_it_runs),
        cmocka_unit_test(test_failure),
        cmocka_unit_test(test_every_column_sorts),
        cmocka_unit_test(test_filter),
        cmocka_unit_test(test_asks_for_the_newest),
        cmocka_unit_test(test_many_selections),
        cmocka_unit_test(test_zoomed_table_asks_nothing),
        cmocka_unit_test(test_growing_table),
        cmocka_unit_test(test_target),
        cmocka_unit_test(test_requests_and_tables),
        cmocka_unit_test(test_explore),
        cmocka_unit_test(test_mouse),
        cmocka_unit_test(test_layout),
        cmocka_unit_test(test_every_size_draws),
        cmocka_unit_test(test_many_classes),
        cmocka_unit_test(test_strange_tables),
        cmocka_unit_test(test_alone),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
