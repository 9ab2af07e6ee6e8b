/* The Latents view among jobs whose tables are made here. */
#include "tests/support/latents_scene.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "tests/support/held_jobs.h"
#include "tests/support/requests.h"
#include "tui/shell/shell_private.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* ---- tables */
const char *const scene_class[SCENE_CLASSES] = {"da", "en", "sv", "de", "fr", "n\x1b[31mo"};

int32_t scene_unit(int i)
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

struct table *scene_rows(int n, int classes, int target)
{
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    char name[64];
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    for (int c = 0; c < classes; c++) {
        snprintf(name, sizeof name, "fire_share.%s", scene_class[c]);
        table_column(t, name, "share", "", COLUMN_F64, COLUMN_Y);
    }
    for (int c = 0; c < classes; c++) {
        snprintf(name, sizeof name, "mean_pre.%s", scene_class[c]);
        table_column(t, name, "", "", COLUMN_F64, COLUMN_Y);
    }
    int32_t rest = table_column(t, "difference", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "overlap", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "higher", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "density", "share", "", COLUMN_F64, COLUMN_Y);
    for (int i = n - 1; i >= 0; i--) {
        int64_t r = table_row(t);
        double others = 0;
        table_set_i64(t, r, 0, scene_unit(i));
        for (int c = 0; c < classes; c++) {
            table_set_f64(t, r, 1 + c, share_of(i, c));
            table_set_f64(t, r, 1 + classes + c, 3 * share_of(i, c) - .7);
            others += c == target ? 0 : share_of(i, c) / (classes - 1);
        }
        table_set_f64(t, r, rest, share_of(i, target) - others);
        if (i % 13 != 7) /* some are missing */
            table_set_f64(t, r, rest + 1, (double)(i % 50) / 51);
        table_set_str(t, r, rest + 2, scene_class[share_of(i, 0) > share_of(i, 1) ? 0 : 1]);
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
            table_set_str(t, r, 1, scene_class[c]);
            table_set_f64(t, r, 2, x);
            table_set_f64(t, r, 3, x + .125);
            table_set_f64(t, r, 4, d);
            table_set_i64(t, r, 5, (int64_t)(1000 * d));
        }
    return t;
}

struct table *scene_examples(int32_t unit)
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
        table_set_i64(t, r, 1, scene_unit(i + 3));
        table_set_f64(t, r, 2, .71 - .1 * i);
    }
    table_set_add(set, t);
    return set;
}

/* ---- who answers: at once, or when told to */
struct table_set *scene_set(struct table *t)
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

static struct table_set *answer(const struct scene_jobs *a, const struct request *r)
{
    int target = 0;
    if (a->strange)
        return scene_set(strange_table());
    const bool latents = r->query == &latents_query;
    for (int c = 0; latents && target_asked(r) && c < a->classes; c++)
        target = strcmp(target_asked(r), scene_class[c]) == 0 ? c : target;
    if (latents)
        return scene_set(scene_rows(a->rows, a->classes, target));
    if (r->query == &bins_query)
        return scene_set(bins_of(units_asked(r)[0].index));
    if (r->query == &examples_query)
        return scene_set(scene_examples(units_asked(r)[0].index));
    if (r->query != &lens_query)
        fail_msg("asks for %s", r->query->name);
    return lens_of(units_asked(r)[0].index);
}

void scene_finish(struct scene_jobs *a, struct job *j)
{
    j->status = JOB_DONE;
    table_set_unref(j->tables);
    j->tables = answer(a, &j->request);
    j->version++;
}

void scene_finish_all(struct scene_jobs *a)
{
    for (int i = 0; i < a->n; i++)
        if (a->job[i].status == JOB_RUNNING || a->job[i].status == JOB_QUEUED)
            scene_finish(a, &a->job[i]);
}

static uint64_t ask(void *arg, const struct request *r)
{
    struct scene_jobs *a = arg;
    a->asks++;
    for (int i = 0; i < a->n; i++)
        if (request_equal(&a->job[i].request, r))
            return a->job[i].id;
    assert_true(a->n < SCENE_JOBS);
    struct job *j = &a->job[a->n++];
    *j = (struct job){.id = (uint64_t)a->n, .status = JOB_QUEUED, .version = 1};
    request_copy(&j->request, r);
    if (!a->hold)
        scene_finish(a, j);
    return j->id;
}

static void cancel(void *arg, uint64_t id)
{
    (void)arg;
    fail_msg("cancels %d", (int)id);
}

static bool job(void *arg, uint64_t id, struct job *out)
{
    const struct scene_jobs *a = arg;
    return held_job(a->job, a->n, id, out);
}

static int jobs(void *arg, uint64_t *id, int max)
{
    return held_jobs(((const struct scene_jobs *)arg)->n, id, max);
}

/* ---- the view in its surroundings */
void scene_place(struct scene *s, int w, int h)
{
    s->r = (struct rect){0, 0, w, h};
    grid_resize(&s->f.grid, w, h, theme_style(s->f.theme, ROLE_TEXT));
    latents_view.arrange(&s->v, &s->in, s->r);
}

void scene_open(struct scene *s, bool hold, bool ascii, int w, int h)
{
    *s = (struct scene){.a = {.classes = 2, .rows = SCENE_UNITS, .hold = hold}};
    s->a.job = xcalloc(SCENE_JOBS, sizeof *s->a.job);
    fixture_init(&s->f, NULL, ascii ? DEPTH_MONO : DEPTH_256, ascii, 80, 24);
    fixture_settle(&s->f);
    s->host = (struct job_host){ask, cancel, job, jobs, &s->a};
    s->in = (struct view_in){.workbench = &s->f.wb,
                             .theme = s->f.theme,
                             .host = &s->host,
                             .corpus = &s->corpus,
                             .shared = &s->f.shell.sh,
                             .shown = true,
                             .ascii = ascii};
    latents_view.init(&s->v, &s->in);
    scene_place(s, w, h);
    latents_view.enter(&s->v, &s->in);
    latents_view.update(&s->v, &s->in);
}

void scene_close(struct scene *s)
{
    latents_view.release(&s->v);
    for (int i = 0; i < s->a.n; i++)
        job_release(&s->a.job[i]);
    free(s->a.job);
    fixture_release(&s->f);
}

void scene_draw(struct scene *s)
{
    latents_view.draw(&s->v, &s->in, &s->f.grid, s->r);
}

static void event(struct scene *s, const struct event *e)
{
    enum action_id a = ACTION_NONE;
    if (e->kind != EVENT_MOUSE && !latents_view.typing(&s->v))
        a = action_for(e, (enum where)latents_view.where);
    if (a == ACTION_NONE)
        latents_view.event(&s->v, &s->in, e);
    else
        latents_view.act(&s->v, &s->in, a, false);
    shell_sync(&s->f.shell); /* where it wants to go */
    latents_view.update(&s->v, &s->in);
}

/* Keys by name, parted by blanks; while a line is typed, its characters. */
void scene_keys(struct scene *s, const char *names)
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

void scene_type(struct scene *s, const char *text)
{
    for (; *text; text++) {
        struct event e = {.kind = EVENT_TEXT, .code = (uint32_t)*text};
        event(s, &e);
    }
}

void scene_click(struct scene *s, int button, int x, int y, int clicks)
{
    struct event e = {.kind = EVENT_MOUSE,
                      .mouse = MOUSE_PRESS,
                      .button = button,
                      .x = x,
                      .y = y,
                      .clicks = clicks};
    event(s, &e);
}

void scene_wheel(struct scene *s, bool up, int x, int y)
{
    struct event e = {
        .kind = EVENT_MOUSE, .mouse = up ? MOUSE_WHEEL_UP : MOUSE_WHEEL_DOWN, .x = x, .y = y};
    event(s, &e);
}

char *scene_screen(struct scene *s)
{
    struct strbuf out;
    strbuf_init(&out);
    scene_draw(s);
    grid_write_text(&s->f.grid, &out);
    return strbuf_detach(&out);
}

bool scene_shows(struct scene *s, const char *text)
{
    char *all = scene_screen(s);
    bool found = strstr(all, text) != NULL;
    free(all);
    return found;
}

void scene_assert_shows(struct scene *s, const char *text)
{
    if (!scene_shows(s, text)) {
        char *all = scene_screen(s);
        fail_msg("\"%s\" is not in\n%s", text, all);
    }
}

int32_t scene_selected(const struct scene *s)
{
    return s->v.unit;
}

void scene_find(struct scene *s, const char *text, int *x, int *y)
{
    scene_draw(s);
    for (*y = 0; *y < s->f.grid.h; ++*y) {
        char *row = fixture_row(&s->f, *y), *at = strstr(row, text);
        *x = at ? text_columns(row, (size_t)(at - row)) : -1;
        free(row);
        if (*x >= 0)
            return;
    }
    fail_msg("%s is nowhere", text);
}
