#include "tests/support/view_fixture.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/effort.h"
#include "tests/support/held_jobs.h"
#include "tests/support/testdata.h"
#include "tests/support/unit.h"
#include "tui/shell/shell_private.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- the host */
static uint64_t ask(void *arg, const struct request *r)
{
    struct view_fixture *f = arg;
    f->n_asked++;
    for (int i = 0; i < f->n_jobs; i++)
        if (request_equal(&f->job[i].request, r))
            return f->job[i].id;
    return view_fixture_job(f, r)->id;
}

static void cancel(void *arg, uint64_t id)
{
    struct view_fixture *f = arg;
    f->cancelled = id;
}

static bool copy_job(void *arg, uint64_t id, struct job *out)
{
    const struct view_fixture *f = arg;
    return held_job(f->job, f->n_jobs, id, out);
}

static int list_jobs(void *arg, uint64_t *id, int max)
{
    return held_jobs(((const struct view_fixture *)arg)->n_jobs, id, max);
}

struct job *view_fixture_job(struct view_fixture *f, const struct request *r)
{
    assert_true(f->n_jobs < VIEW_FIXTURE_JOBS);
    struct job *j = &f->job[f->n_jobs++];
    *j = (struct job){.id = (uint64_t)f->n_jobs, .status = JOB_QUEUED, .version = 1};
    j->progress.left = NAN;
    request_copy(&j->request, r);
    return j;
}

/* ---- the view */
void view_fixture_init(struct view_fixture *f, const struct view_ops *ops, enum depth depth,
                       bool ascii, int w, int h)
{
    *f = (struct view_fixture){.ops = ops};
    fixture_init(&f->around, NULL, depth, ascii, 80, 24);
    fixture_settle(&f->around);
    f->host = (struct job_host){ask, cancel, copy_job, list_jobs, f};
    f->in = (struct view_in){.workbench = &f->around.wb,
                             .theme = f->around.theme,
                             .host = &f->host,
                             .shared = &f->around.shell.sh,
                             .shown = true,
                             .ascii = ascii};
    grid_init(&f->grid, w + 2, h + 2, theme_style(f->in.theme, ROLE_TEXT));
    f->view = xcalloc(1, ops->size);
    ops->init(f->view, &f->in);
    view_fixture_resize(f, w, h);
}

void view_fixture_release(struct view_fixture *f)
{
    f->ops->release(f->view);
    free(f->view);
    for (int i = 0; i < f->n_jobs; i++)
        job_release(&f->job[i]);
    grid_release(&f->grid);
    fixture_release(&f->around);
}

void view_fixture_resize(struct view_fixture *f, int w, int h)
{
    grid_resize(&f->grid, w + 2, h + 2, theme_style(f->in.theme, ROLE_TEXT));
    f->r = (struct rect){1, 1, w, h};
    f->ops->arrange(f->view, &f->in, f->r);
}

void view_fixture_enter(struct view_fixture *f)
{
    f->ops->enter(f->view, &f->in);
    f->ops->update(f->view, &f->in);
    f->ops->arrange(f->view, &f->in, f->r);
}

bool view_fixture_news(struct view_fixture *f)
{
    bool draw = f->ops->update(f->view, &f->in);
    f->ops->arrange(f->view, &f->in, f->r);
    return draw;
}

bool view_fixture_answer(struct view_fixture *f, enum job_status status, struct table_set *tables)
{
    assert_true(f->n_jobs > 0);
    struct job *j = &f->job[f->n_jobs - 1];
    j->status = status;
    j->version++;
    if (tables) {
        table_set_unref(j->tables);
        j->tables = tables;
    }
    return view_fixture_news(f);
}

static bool send(struct view_fixture *f, const struct event *e)
{
    bool typing = f->ops->typing && f->ops->typing(f->view);
    enum action_id a =
        typing || e->kind == EVENT_MOUSE ? ACTION_NONE : action_for(e, (enum where)f->ops->where);
    bool mine = a == ACTION_NONE ? f->ops->event(f->view, &f->in, e)
                                 : f->ops->act(f->view, &f->in, a, false);
    shell_sync(&f->around.shell); /* where it wants to go */
    f->ops->arrange(f->view, &f->in, f->r);
    return mine;
}

bool view_fixture_keys(struct view_fixture *f, const char *names)
{
    char *all = xstrdup(names), *save = NULL;
    bool mine = false;
    for (char *k = strtok_r(all, " ", &save); k; k = strtok_r(NULL, " ", &save)) {
        struct event e;
        if (!event_parse(k, &e))
            fail_msg("unknown key %s", k);
        mine = send(f, &e);
    }
    free(all);
    return mine;
}

void view_fixture_type(struct view_fixture *f, const char *utf8)
{
    struct event e = {.kind = EVENT_PASTE, .paste = utf8, .n_paste = strlen(utf8)};
    assert_true(send(f, &e));
}

bool view_fixture_mouse(struct view_fixture *f, enum mouse_kind kind, int x, int y, int clicks)
{
    struct event e = {
        .kind = EVENT_MOUSE, .mouse = kind, .button = 1, .x = x, .y = y, .clicks = clicks};
    return send(f, &e);
}

/* ---- the screen */
void view_fixture_draw(struct view_fixture *f)
{
    struct grid *g = &f->grid;
    struct style outside = {1, 2, ATTR_ITALIC};
    for (int i = 0; i < g->w * g->h; i++)
        g->cell[i] = (struct cell){"@", outside};
    grid_fill(g, f->r, theme_style(f->in.theme, ROLE_TEXT));
    g->cursor_x = g->cursor_y = -1;
    f->ops->draw(f->view, &f->in, g, f->r);
    for (int y = 0; y < g->h; y++)
        for (int x = 0; x < g->w; x++) {
            const struct cell *c = &g->cell[y * g->w + x];
            if (!rect_has(f->r, x, y) &&
                (strcmp(c->glyph, "@") != 0 || !style_equal(c->style, outside)))
                fail_msg("drawn beyond %d×%d at %d, %d: %s", f->r.w, f->r.h, x, y, c->glyph);
        }
    if (!rect_has(f->r, g->cursor_x, g->cursor_y))
        fail_msg("the cursor is at %d, %d of %d×%d", g->cursor_x, g->cursor_y, f->r.w, f->r.h);
}

static char *row_text(struct view_fixture *f, int y)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int x = f->r.x; x < f->r.x + f->r.w; x++)
        strbuf_adds(&b, f->grid.cell[y * f->grid.w + x].glyph);
    while (b.len > 0 && b.s[b.len - 1] == ' ')
        b.s[--b.len] = 0;
    return strbuf_detach(&b);
}

bool view_fixture_find(struct view_fixture *f, const char *s, int *x, int *y)
{
    view_fixture_draw(f);
    for (int row = f->r.y; row < f->r.y + f->r.h; row++) {
        char *text = row_text(f, row), *at = strstr(text, s);
        if (at && x)
            *x = f->r.x + text_columns(text, (size_t)(at - text));
        if (at && y)
            *y = row;
        free(text);
        if (at)
            return true;
    }
    return false;
}

static char *screen(struct view_fixture *f)
{
    struct strbuf b;
    strbuf_init(&b);
    view_fixture_draw(f);
    for (int y = f->r.y; y < f->r.y + f->r.h; y++) {
        char *row = row_text(f, y);
        strbuf_addf(&b, "%s\n", row);
        free(row);
    }
    return strbuf_detach(&b);
}

void view_fixture_expect(struct view_fixture *f, const char *s)
{
    if (view_fixture_find(f, s, NULL, NULL))
        return;
    char *text = screen(f);
    print_message("%s", text);
    free(text);
    fail_msg("%s is not on the screen", s);
}

void view_fixture_compare(struct view_fixture *f, const char *name)
{
    char path[200], *drawn = screen(f);
    snprintf(path, sizeof path, "view/%s.txt", name);
    golden_expect(path, drawn);
    free(drawn);
}

void view_fixture_every_size(struct view_fixture *f)
{
    static const int w[] = {1,  2,  3,  4,  5,  6,  8,  10, 12, 15, 19, 20,  24,  29,
                            30, 35, 40, 46, 59, 60, 75, 76, 80, 90, 97, 120, 200, 500};
    static const int h[] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 15, 20, 24, 36, 60, 200};
    const size_t step = quick() ? 3 : 1;
    for (size_t i = 0; i < sizeof w / sizeof *w; i += step)
        for (size_t k = 0; k < sizeof h / sizeof *h; k += step) {
            if (w[i] * h[k] > 40000 && k + 1 < sizeof h / sizeof *h)
                continue;
            view_fixture_resize(f, w[i], h[k]);
            view_fixture_draw(f);
            view_fixture_mouse(f, MOUSE_PRESS, w[i] / 2, h[k] / 2, 1);
            view_fixture_keys(f, "Down Right PageDown");
            view_fixture_draw(f);
        }
}

/* ---- tables by rule */
struct table_set *set_of(struct table *t)
{
    struct table_set *s = table_set_new();
    table_set_add(s, t);
    return s;
}

static double bell(double x, double middle, double width)
{
    double z = (x - middle) / width;
    return exp(-z * z / 2) / width * .3989;
}

struct table_set *histogram_tables(const struct unit_id *unit, int32_t n)
{
    struct table *t = table_new("rows", "Pre-activations", MARK_HIST);
    int32_t latent = table_column(t, "latent", "", "", COLUMN_I64, COLUMN_FACET),
            cls = table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES),
            lo = table_column(t, "lo", "", "", COLUMN_F64, COLUMN_LO),
            hi = table_column(t, "hi", "", "", COLUMN_F64, COLUMN_HI),
            density = table_column(t, "density", "", "", COLUMN_F64, COLUMN_Y),
            count = table_column(t, "count", "", "", COLUMN_I64, COLUMN_TEXT);
    struct table *o = table_new("latents", "Overlaps", MARK_LIST);
    int32_t o_latent = table_column(o, "latent", "", "", COLUMN_I64, COLUMN_KEY),
            overlap = table_column(o, "overlap", "", "", COLUMN_F64, COLUMN_Y),
            higher = table_column(o, "higher", "", "", COLUMN_STR, COLUMN_TEXT);
    for (int32_t u = 0; u < n; u++) {
        for (int c = 0; c < 2; c++)
            for (int i = 0; i < 29; i++) {
                double from = -3 + i * .3, x = from + .15;
                double d = c ? bell(x, 0, .45 + .05 * u) : bell(x, 2.6 - .3 * u, 1.1);
                if (d * 900 < .5) /* a count of tokens */
                    d = 0;
                int64_t row = table_row(t);
                table_set_i64(t, row, latent, unit[u].index);
                table_set_str(t, row, cls, c ? "en" : "da");
                table_set_f64(t, row, lo, from);
                table_set_f64(t, row, hi, from + .3);
                table_set_f64(t, row, density, d);
                table_set_i64(t, row, count, (int64_t)(d * 900 + .5));
            }
        int64_t row = table_row(o);
        table_set_i64(o, row, o_latent, unit[u].index);
        table_set_f64(o, row, overlap, .08 + .06 * u);
        table_set_str(o, row, higher, "da");
    }
    struct table_set *s = set_of(t);
    table_set_add(s, o);
    return s;
}

struct sweep_shape {
    double value; /* NaN: unmodified */
    int insert;   /* 0 none, 1 sae, 2 error */
    int32_t unit; /* −1: all */
    double strength;
};

static double lane_loss(struct sweep_shape l, int cls)
{
    double base = (cls ? 3.77 : 3.02) + (l.insert == 1 ? .06 : 0);
    if (isnan(l.value))
        return base;
    double away = l.value - (cls ? .5 : 2.5);
    return base + l.strength * (cls ? .0035 : .021) * away * away - (cls ? .001 : .05) * l.strength;
}

static void lane_key(struct table *t, int64_t row, struct sweep_shape l)
{
    static const char *const insert[] = {"none", "sae", "error"};
    if (!isnan(l.value))
        table_set_f64(t, row, 0, l.value);
    table_set_str(t, row, 1, insert[l.insert]);
    if (l.unit >= 0)
        table_set_i64(t, row, 2, l.unit);
}

static struct table *lane_table(const char *name, const char *y, bool cls)
{
    struct table *t = table_new(name, name, MARK_LINE);
    table_column(t, "value", "", "", COLUMN_F64, COLUMN_X);
    table_column(t, "insert", "", "", COLUMN_STR, COLUMN_KEY);
    table_column(t, "unit", "", "", COLUMN_I64, COLUMN_KEY);
    if (cls)
        table_column(t, "class", "", "", COLUMN_STR, COLUMN_SERIES);
    table_column(t, y, "nats", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "ci95.lo", "nats", "", COLUMN_F64, COLUMN_LO);
    table_column(t, "ci95.hi", "nats", "", COLUMN_F64, COLUMN_HI);
    table_column(t, cls ? "sentences" : "pairs", "", "", COLUMN_I64, COLUMN_TEXT);
    return t;
}

static void lane_number(struct table *t, int64_t row, int32_t col, double y, double half, int64_t n)
{
    table_set_f64(t, row, col, y);
    table_set_f64(t, row, col + 1, y - half);
    table_set_f64(t, row, col + 2, y + half);
    table_set_i64(t, row, col + 3, n);
}

static void add_lane(struct table *t[3], struct sweep_shape l, bool there)
{
    struct sweep_shape base = l;
    double change[2];
    base.value = NAN;
    for (int c = 0; c < 2; c++) {
        change[c] = lane_loss(l, c) - lane_loss(base, c);
        int64_t row = table_row(t[0]);
        lane_key(t[0], row, l);
        table_set_str(t[0], row, 3, c ? "en" : "da");
        if (there)
            lane_number(t[0], row, 4, lane_loss(l, c), .09, 250);
        if (isnan(l.value))
            continue;
        row = table_row(t[1]);
        lane_key(t[1], row, l);
        table_set_str(t[1], row, 3, c ? "en" : "da");
        if (there)
            lane_number(t[1], row, 4, change[c], .03, 250);
    }
    if (isnan(l.value) || !t[2])
        return;
    int64_t row = table_row(t[2]);
    lane_key(t[2], row, l);
    if (there)
        lane_number(t[2], row, 3, change[0] - change[1], .04, 243);
}

struct table_set *fixture_sweep_tables(const struct unit_id *unit, int32_t n, double share,
                                       bool pairs)
{
    struct table *t[3] = {lane_table("rows", "loss_sentence_mean", true),
                          lane_table("differences", "difference", true),
                          pairs ? lane_table("pairs", "difference", false) : NULL};
    int n_lanes = 1 + 2 * (1 + 9 * (n + 1)), at = 0;
    add_lane(t, (struct sweep_shape){NAN, 0, -1, 0}, at++ < share * n_lanes);
    for (int insert = 1; insert <= 2; insert++) {
        add_lane(t, (struct sweep_shape){NAN, insert, -1, 0}, at++ < share * n_lanes);
        for (int32_t u = -1; u < n; u++)
            for (int v = -8; v <= 8; v += 2)
                add_lane(t,
                         (struct sweep_shape){v, insert, u < 0 ? -1 : unit[u].index,
                                              u < 0 ? 1 : .3 - .04 * u},
                         at++ < share * n_lanes);
    }
    struct table_set *s = set_of(t[0]);
    table_set_add(s, t[1]);
    if (pairs)
        table_set_add(s, t[2]);
    return s;
}

enum { T_DOC, T_CLASS, T_POS, T_START, T_END, T_TEXT, T_UNITS };

struct table *token_table_new(const struct unit_id *unit, int32_t n)
{
    struct table *t = table_new("tokens", "Tokens", MARK_LIST);
    table_column(t, "doc", "", "", COLUMN_I64, COLUMN_KEY);
    table_column(t, "class", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "pos", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "start", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "end", "", "", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "text", "", "", COLUMN_STR, COLUMN_TEXT);
    for (int32_t u = 0; u < n; u++) {
        char name[32];
        snprintf(name, sizeof name, "pre.%d", (int)unit[u].index);
        table_column(t, name, "", "", COLUMN_F64, COLUMN_TEXT);
        snprintf(name, sizeof name, "act.%d", (int)unit[u].index);
        table_column(t, name, "", "", COLUMN_F64, COLUMN_TEXT);
    }
    return t;
}

static int64_t add_token(struct table *t, int64_t doc, const char *cls, int64_t start, int64_t end,
                         const char *text, size_t n)
{
    int64_t row = table_row(t);
    bool next = row > 0 && table_i64(t, row - 1, T_DOC) == doc;
    table_set_i64(t, row, T_DOC, doc);
    table_set_str(t, row, T_CLASS, cls);
    table_set_i64(t, row, T_POS, next ? table_i64(t, row - 1, T_POS) + 1 : 0);
    table_set_i64(t, row, T_START, start);
    table_set_i64(t, row, T_END, end);
    table_set_strn(t, row, T_TEXT, text, n);
    return row;
}

void token_table_add(struct table *t, int64_t doc, const char *cls, int64_t start, int64_t end,
                     const char *text, double pre, double act)
{
    int64_t row = add_token(t, doc, cls, start, end, text, strlen(text));
    for (int32_t c = T_UNITS; c + 1 < t->n_cols; c += 2) {
        table_set_f64(t, row, c, pre);
        table_set_f64(t, row, c + 1, act);
    }
}

struct table_set *token_tables(const struct unit_id *unit, int32_t n_units, const char *const *text,
                               int64_t n)
{
    struct table *t = token_table_new(unit, n_units);
    for (int64_t d = 0; d < n; d++) {
        const char *s = text[d];
        size_t len = strlen(s), start = 0;
        for (size_t i = 1; i <= len; i++) {
            if (i < len && s[i] != ' ')
                continue;
            int64_t row = add_token(t, d, d % 2 ? "en" : "da", (int64_t)start, (int64_t)i,
                                    s + start, i - start);
            for (int32_t u = 0; u < n_units; u++) {
                uint64_t h = hash_bytes(HASH_SEED, s + start, i - start);
                h = hash_bytes(h, &unit[u].index, sizeof unit[u].index);
                double pre = (double)(h % 5000) / 1000 - (d % 2 ? 3.5 : 1);
                table_set_f64(t, row, T_UNITS + 2 * u, pre);
                table_set_f64(t, row, T_UNITS + 2 * u + 1, pre > 1 ? pre : 0);
            }
            start = i;
        }
    }
    return set_of(t);
}

void view_fixture_screens(struct view_fixture *f, const char *name, void (*open)(int w, int h),
                          const struct screen_size *size, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        char full[80];
        open(size[i].w, size[i].h);
        snprintf(full, sizeof full, "%s-%dx%d", name, size[i].w, size[i].h);
        view_fixture_compare(f, full);
        if (i + 1 < n)
            view_fixture_release(f);
    }
}
