/* Classes of words, contrasted: words as points on two units, t-tests, the p of all units, what
 * few units keep, neurons against latents. */
#include "engine/base/memory.h"
#include "engine/study/words.h"
#include "tui/view/contrast/contrast_private.h"
#include "tui/view/job_line.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void init(void *view, const struct view_in *in)
{
    (void)in;
    struct contrast *v = view;
    v->focus = PART_UNITS;
    v->x = v->y = -1;
    v->space = true;
    prompt_set(&v->prompt, "");
    contrast_forget_points(v);
    corpus_choice_words(&v->words, "language.tsv");
    if (access(v->words.path, R_OK) != 0)
        corpus_choice_release(&v->words);
}

static void release(void *view)
{
    struct contrast *v = view;
    contrast_forget_points(v);
    watch_release(&v->test);
    watch_release(&v->points);
    watch_release(&v->kept);
    watch_release(&v->compare);
    table_set_unref(v->test_set);
    corpus_choice_release(&v->words);
    free(v->order);
    free(v->target);
    free(v->against);
    *v = (struct contrast){0};
}

/* ---- asking */
int32_t contrast_dict(const struct view_in *in)
{
    return in->shared ? shared_dict(in->shared) : 0;
}

static bool may_ask(const struct contrast *v, const struct view_in *in)
{
    return in->workbench && in->workbench->dict && v->words.path;
}

bool contrast_request(const struct contrast *v, const struct view_in *in, enum contrast_part p,
                      struct request *r)
{
    static const struct query *const query[N_PARTS] = {&points_query, &ttest_query, &ttest_query,
                                                       &kept_query, &compare_query};
    if (!may_ask(v, in))
        return false;
    request_init(r, query[p]);
    corpus_choice_copy(&r->corpus, &v->words);
    r->corpus.special = in->corpus && in->corpus->special;
    if (p != PART_COMPARE || !v->across)
        request_set_dict(r, &in->workbench->dicts, contrast_dict(in));
    params_parse(&r->params, "word-vector", word_vector_choices[v->vector], NULL);
    params_set_flag(&r->params, "space", v->space);
    /* Probes part all classes at once, unless one is held against another. */
    if (params_know(&r->params, "target") && (p == PART_UNITS || p == PART_P || v->against))
        params_set_text(&r->params, "target", v->target);
    if (params_know(&r->params, "against"))
        params_set_text(&r->params, "against", v->against);
    if (p == PART_POINTS) {
        params_set_int(&r->params, "x", v->x);
        params_set_int(&r->params, "y", v->y);
        params_set_flag(&r->params, "hooked", v->hooked);
        params_set_text(&r->params, "word", v->prompt.n > 0 ? v->prompt.s : NULL);
        r->passing = true;
    }
    return true;
}

static void ask(struct contrast *v, const struct view_in *in, enum contrast_part p,
                struct watch *watch)
{
    struct request r;
    if (!contrast_request(v, in, p, &r))
        return;
    if (watch->job.id && job_is_pending(&watch->job) && !request_equal(&watch->request, &r))
        in->host->cancel(in->host->arg, watch->job.id); /* nobody waits for it any more */
    watch_ask(watch, in->host, &r);
}

void contrast_ask_points(struct contrast *v, const struct view_in *in)
{
    if (v->x >= 0 && v->y >= 0 && in->host && in->host->ask)
        ask(v, in, PART_POINTS, &v->points);
    contrast_take_points(v);
}

/* What the t-tests have shown, and what comes after them. */
static void go_on(struct contrast *v, const struct view_in *in)
{
    contrast_take_test(v);
    if (!v->rows || v->test.job.status != JOB_DONE)
        return;
    contrast_ask_points(v, in);
    ask(v, in, PART_KEPT, &v->kept);
    ask(v, in, PART_COMPARE, &v->compare);
}

void contrast_ask(struct contrast *v, const struct view_in *in)
{
    if (!in->host || !in->host->ask)
        return;
    ask(v, in, PART_UNITS, &v->test);
    go_on(v, in);
}

static void enter(void *view, const struct view_in *in)
{
    contrast_ask(view, in);
}

static bool update(void *view, const struct view_in *in)
{
    struct contrast *v = view;
    const bool test = watch_update(&v->test, in->host);
    if (test)
        go_on(v, in);
    const bool points = watch_update(&v->points, in->host);
    if (points)
        contrast_take_points(v);
    const bool kept = watch_update(&v->kept, in->host),
               compare = watch_update(&v->compare, in->host);
    contrast_bounds(v);
    return test || points || kept || compare;
}

/* ---- where things stand */
void contrast_bounds(struct contrast *v)
{
    struct contrast_layout l;
    double s[S_MAX];
    contrast_layout(v->area, v->focus, v->zoom, &l);
    const int h = contrast_inner(&l, PART_UNITS).h, n = contrast_sizes(v, s);
    list_resize(&v->units, v->rows ? (int)v->rows->n_rows : 0, h > 2 ? h - 1 : h);
    v->s = v->s < n ? v->s : n > 0 ? n - 1 : 0;
}

static void arrange(void *view, const struct view_in *in, struct rect r)
{
    struct contrast *v = view;
    (void)in;
    v->area = r;
    contrast_bounds(v);
}

void contrast_select(struct contrast *v, const struct view_in *in, int at)
{
    if (!v->rows || v->rows->n_rows == 0)
        return;
    list_select(&v->units, at);
    const int32_t unit = contrast_unit(v, v->units.selected).unit;
    if (unit == v->y)
        v->y = v->x;
    v->x = unit;
    v->moved = true;
    contrast_ask_points(v, in);
}

/* ---- drawing */
struct style contrast_style(const struct contrast_drawing *d, enum theme_role role)
{
    return theme_style(d->in->theme, role);
}

void contrast_right(const struct contrast_drawing *d, struct rect clip, int right, int y,
                    struct style s, const char *text)
{
    grid_text(d->g, clip, right - text_width(text), y, s, text, strlen(text));
}

void contrast_waiting(const struct contrast_drawing *d, const struct watch *w, struct rect r)
{
    const struct workbench *wb = d->in->workbench;
    const struct job *j = &w->job;
    const char *text = d->in->ascii ? "..." : "…";
    if (j->id && j->status == JOB_FAILED) {
        pane_say(d->g, r, contrast_style(d, ROLE_ERROR), j->error.text);
        return;
    }
    if (j->id && j->status == JOB_CANCELLED) {
        pane_say(d->g, r, contrast_style(d, ROLE_WARNING), "cancelled: 7 asks again");
        return;
    }
    if (j->id && r.h > 0) {
        job_line_draw(j, d->in->theme, d->g, r, r.x, r.y);
        return;
    }
    if (!wb)
        text = d->in->ascii ? "loading" : "loading …";
    else if (!wb->dict)
        text = "no SAE: start with --sae, or with --neurons";
    else if (!d->v->words.path)
        text = "no list of words: \":words FILE\" takes one, a line \"word<TAB>class\" each";
    pane_say(d->g, r, contrast_style(d, ROLE_DIM), text);
}

/* "language.tsv", and which token a word's vector is of. */
static void points_title(const struct contrast_drawing *d, int w, char *out, size_t n)
{
    static const char *const vector[] = {"last token", "mean of tokens", "first token"};
    const struct contrast *v = d->v;
    char words[96] = "";
    const char *dot = d->in->ascii ? " - " : " · ";
    if (v->words.path)
        corpus_label(&v->words, d->in->ascii, w / 2, words, sizeof words);
    snprintf(out, n, "Words%s%s%s%s%s", *words ? dot : "", words, dot, vector[v->vector],
             v->space ? ", with a blank" : "");
    if (text_width(out) + 4 > w)
        snprintf(out, n, "%s%s%s", *words ? words : "Words", dot, vector[v->vector]);
}

static void kept_title(const struct contrast *v, const char *dot, int w, char *out, size_t n)
{
    char classes[32] = "";
    if (v->shown.classes.n > 2 && !v->against)
        snprintf(classes, sizeof classes, "%s%d classes", dot, v->shown.classes.n);
    const char *name = "Accuracy of the best s units";
    if (text_width(name) + text_width(classes) + 6 > w)
        name = "Best s units";
    snprintf(out, n, "%s%s", name, classes);
}

/* There are latents to hold neurons against; while nothing is open there may be. */
static bool has_saes(const struct contrast_drawing *d)
{
    const struct workbench *wb = d->in->workbench;
    return !wb || dict_set_saes(&wb->dicts) > 0;
}

static void title_of(const struct contrast_drawing *d, enum contrast_part p, int w, char *out,
                     size_t n)
{
    const struct contrast *v = d->v;
    const bool latents = contrast_has_latents(v) && !v->hooked;
    const char *dot = d->in->ascii ? " - " : " · ";
    switch (p) {
    case PART_POINTS: points_title(d, w, out, n); break;
    case PART_UNITS:
        snprintf(out, n, "%s", !v->rows ? "Units" : latents ? "Latents" : "Neurons");
        if (v->rows)
            snprintf(out + strlen(out), n - strlen(out), "%s%s against %s", dot,
                     contrast_class(v, 0), contrast_class(v, 1));
        break;
    case PART_P: snprintf(out, n, "p of all units%s", v->log ? ", log" : ""); break;
    case PART_KEPT: kept_title(v, dot, w, out, n); break;
    default:
        snprintf(out, n, has_saes(d) && w >= 34 ? "Neurons against latents" : "Against each other");
        break;
    }
}

static void note_of(const struct contrast_drawing *d, enum contrast_part p, int w, char *out,
                    size_t n)
{
    out[0] = 0;
    if (p == PART_POINTS)
        contrast_points_note(d, w, out, n);
    else if (p == PART_UNITS)
        contrast_units_note(d, w, out, n);
    else if (p == PART_KEPT)
        contrast_kept_note(d, w, out, n);
    else if (p == PART_P && d->v->focus == p)
        snprintf(out, n, d->in->ascii ? "L log - b mirror" : "L log · b mirror");
}

static void draw_part(const struct contrast_drawing *d, enum contrast_part p)
{
    static void (*const draw_inner[N_PARTS])(const struct contrast_drawing *, struct rect) = {
        contrast_draw_points, contrast_draw_units, contrast_draw_p, contrast_draw_kept,
        contrast_draw_compare};
    const struct contrast_layout *l = &d->layout;
    const struct rect r = l->part[p];
    char title[160], note[240];
    if (r.w <= 0 || r.h <= 0)
        return;
    title_of(d, p, r.w, title, sizeof title);
    if (l->folded[p]) {
        int x = grid_text(d->g, r, r.x, r.y, contrast_style(d, ROLE_FRAME),
                          d->in->ascii ? "> " : "▸ ", d->in->ascii ? 2 : 4);
        grid_text(d->g, r, x, r.y, contrast_style(d, ROLE_DIM), title, strlen(title));
        return;
    }
    if (d->v->focus == p)
        d->g->cursor_x = r.x, d->g->cursor_y = r.y;
    if (l->frame && r.h >= 3) {
        grid_box(d->g, r, title, d->v->focus == p, d->in->theme);
        note_of(d, p, r.w, note, sizeof note);
        pane_edge(d->g, d->in->theme, r, note);
    }
    if (may_ask(d->v, d->in) || p == PART_POINTS || contrast_inner(l, PART_POINTS).w <= 0)
        draw_inner[p](d, contrast_inner(l, p)); /* what is missing is said once */
}

static void draw(const void *view, const struct view_in *in, struct grid *g, struct rect r)
{
    struct contrast_drawing d = {.v = view, .in = in, .g = g};
    grid_fill(g, r, theme_style(in->theme, ROLE_TEXT));
    contrast_layout(r, d.v->focus, d.v->zoom, &d.layout);
    for (int p = 0; p < N_PARTS; p++)
        draw_part(&d, (enum contrast_part)p);
}

/* ---- what is taken home */
static bool typing(const void *view)
{
    return ((const struct contrast *)view)->typing;
}

static bool grabs(const void *view)
{
    return ((const struct contrast *)view)->holds;
}

static void let_go(void *view, const struct view_in *in)
{
    (void)in;
    ((struct contrast *)view)->holds = false;
}

static const struct table *table(const void *view)
{
    const struct contrast *v = view;
    return contrast_table(v, v->focus);
}

static void plot(const void *view, struct plot_options *o)
{
    const struct contrast *v = view;
    contrast_plot(v, v->focus, false, o);
}

static bool request(const void *view, const struct view_in *in, struct request *out)
{
    const struct contrast *v = view;
    return contrast_request(v, in, v->focus, out);
}

const struct view_ops contrast_view = {.name = "contrast",
                                       .title = "Contrast",
                                       .where = IN_CONTRAST_VIEW,
                                       .size = sizeof(struct contrast),
                                       .commands = contrast_commands,
                                       .init = init,
                                       .release = release,
                                       .enter = enter,
                                       .update = update,
                                       .draw = draw,
                                       .arrange = arrange,
                                       .act = contrast_act,
                                       .event = contrast_event,
                                       .typing = typing,
                                       .end_typing = contrast_end_typing,
                                       .grabs = grabs,
                                       .let_go = let_go,
                                       .table = table,
                                       .plot = plot,
                                       .request = request};
