/* The Latents view with the largest dictionary there is: what a person waits for between a key and
 * the frame. A table made here, no model. Prints medians; asserts no time. */
#include "engine/base/memory.h"
#include "tui/view/latents/latents_private.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { ROWS = 65536, FRAMES = 60, TRIES = 9, W = 200, H = 57 };

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, const char *which, double *v, size_t n)
{
    char line[80];
    qsort(v, n, sizeof *v, by_value);
    snprintf(line, sizeof line, "%s%s", what, which);
    printf("%-48s %9.2f ms  p95 %9.2f\n", line, v[n / 2], v[n * 95 / 100]);
}

static double noise(uint64_t i)
{
    i = (i + 1) * 0x9E3779B97F4A7C15u;
    i = (i ^ (i >> 31)) * 0xBF58476D1CE4E5B9u;
    return (double)((i ^ (i >> 29)) >> 11) / 9007199254740992.0;
}

static struct table_set *dictionary(void)
{
    static const char *const shares[] = {"fire_share.da", "fire_share.en"}, *const means[] = {
                                                                                "mean_pre.da",
                                                                                "mean_pre.en"};
    struct table *t = table_new("rows", "Latents", MARK_LIST);
    struct table_set *set = table_set_new();
    table_column(t, "latent", "", "", COLUMN_I64, COLUMN_KEY);
    for (int c = 0; c < 2; c++)
        table_column(t, shares[c], "share", "", COLUMN_F64, COLUMN_Y);
    for (int c = 0; c < 2; c++)
        table_column(t, means[c], "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "difference", "share", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "overlap", "", "", COLUMN_F64, COLUMN_Y);
    table_column(t, "higher", "", "", COLUMN_STR, COLUMN_TEXT);
    table_column(t, "density", "share", "", COLUMN_F64, COLUMN_Y);
    table_reserve(t, ROWS);
    for (uint64_t i = 0; i < ROWS; i++) {
        int64_t r = table_row(t);
        double da = pow(noise(3 * i), 8), en = pow(noise(3 * i + 1), 8);
        table_set_i64(t, r, 0, (int64_t)i);
        table_set_f64(t, r, 1, da);
        table_set_f64(t, r, 2, en);
        table_set_f64(t, r, 3, 3 * da - .5);
        table_set_f64(t, r, 4, 3 * en - .5);
        table_set_f64(t, r, 5, da - en);
        table_set_f64(t, r, 6, noise(3 * i + 2));
        table_set_str(t, r, 7, da > en ? "da" : "en");
        table_set_f64(t, r, 8, (da + en) / 2);
    }
    table_set_add(set, t);
    return set;
}

/* ---- who answers: the table at once, about single latents nothing */
static uint64_t ask(void *arg, const struct request *r)
{
    (void)arg;
    return r->query == &latents_query ? 1 : 2;
}

static bool job(void *arg, uint64_t id, struct job *out)
{
    *out = (struct job){.id = id, .version = 1, .status = id == 1 ? JOB_DONE : JOB_QUEUED};
    out->tables = id == 1 ? table_set_ref(arg) : NULL;
    return true;
}

struct scene {
    struct latents v;
    struct view_in in;
    struct grid grid;
};

static void draw(struct scene *s)
{
    latents_view.draw(&s->v, &s->in, &s->grid, (struct rect){0, 0, W, H});
}

static void press(struct scene *s, const char *name)
{
    struct event e;
    if (!event_parse(name, &e))
        exit(1);
    enum action_id a = ACTION_NONE;
    if (!latents_view.typing(&s->v))
        a = action_for(&e, (enum where)latents_view.where);
    if (a == ACTION_NONE)
        latents_view.event(&s->v, &s->in, &e);
    else
        latents_view.act(&s->v, &s->in, a, false);
    draw(s);
}

static void open_view(struct scene *s)
{
    latents_view.init(&s->v, &s->in);
    latents_view.arrange(&s->v, &s->in, (struct rect){0, 0, W, H});
    latents_view.enter(&s->v, &s->in);
    latents_view.update(&s->v, &s->in);
    draw(s);
}

static void measure_opening(struct scene *s)
{
    double ms[TRIES];
    for (int i = 0; i < TRIES; i++) {
        if (i > 0)
            latents_view.release(&s->v);
        double begin = now_ms();
        open_view(s);
        ms[i] = now_ms() - begin;
    }
    report("from the table's coming to its first frame", "", ms, TRIES);
}

static void measure_sorting(struct scene *s)
{
    double ms[TRIES];
    for (int32_t c = 0; c < s->v.rows->n_cols; c++) {
        s->v.column = c;
        for (int i = 0; i < TRIES; i++) {
            double begin = now_ms();
            press(s, "o");
            ms[i] = now_ms() - begin;
        }
        report("sort and frame, by ", s->v.rows->cols[c].name, ms, TRIES);
    }
}

static void measure_filter(struct scene *s, const char *line)
{
    double ms[TRIES];
    for (int i = 0; i < TRIES; i++) {
        press(s, "/");
        prompt_set(&s->v.prompt, line);
        double begin = now_ms();
        press(s, "Backspace"); /* a key in the line: filters anew */
        ms[i] = now_ms() - begin;
        press(s, "Esc");
    }
    report("filter and frame, ", line, ms, TRIES);
}

static void measure_key(struct scene *s, const char *name)
{
    double ms[FRAMES];
    for (int i = 0; i < FRAMES; i++) {
        double begin = now_ms();
        press(s, name);
        ms[i] = now_ms() - begin;
    }
    report("a frame after ", name, ms, FRAMES);
}

int main(void)
{
    setenv("GLIMT_DATA", ".", 0); /* themes of the tree */
    struct error e = {0};
    struct table_set *set = dictionary();
    struct job_host host = {.ask = ask, .job = job, .arg = set};
    struct theme *theme;
    struct dict *dict = dict_neurons((struct point){3, SITE_MLP_ACT}, ROWS);
    struct workbench wb = {.dict = dict};
    static struct scene s;
    if (!theme_open("dark", DEPTH_256, false, &theme, &e)) {
        fprintf(stderr, "%s\n", e.text);
        return 1;
    }
    s.in = (struct view_in){.workbench = &wb, .theme = theme, .host = &host};
    grid_init(&s.grid, W, H, theme_style(theme, ROLE_TEXT));
    printf("%d latents, %d x %d cells\n", ROWS, W, H);
    measure_opening(&s);
    measure_sorting(&s);
    measure_filter(&s, "41x");
    measure_filter(&s, "da>0.2 en<0.055");
    measure_key(&s, "Down");
    measure_key(&s, "PageDown");
    measure_key(&s, "Right");
    measure_key(&s, "End");
    latents_view.release(&s.v);
    grid_release(&s.grid);
    theme_free(theme);
    dict_free(dict);
    table_set_unref(set);
    return 0;
}
