#include "tui/shell/shell.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore.h"
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char example_text[] =
    "Rådet skal nu formelt godkende Parlamentets holdning.\n"
    "The Council must now formally approve the position of Parliament.\n"
    "Børnene cyklede hjem, og the children cycled home.";

__attribute__((format(printf, 3, 0))) static void say(struct explore *ex, bool error,
                                                      const char *format, va_list args)
{
    vsnprintf(ex->message, sizeof ex->message, format, args);
    ex->message_is_error = error;
    ex->redraw = true;
}

void explore_message(struct explore *ex, bool error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(ex, error, format, args);
    va_end(args);
    messages_add(&ex->messages, error, ex->message, time(NULL));
}

void explore_hint(struct explore *ex, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    say(ex, false, format, args);
    va_end(args);
}

bool explore_dict_known(struct explore *ex)
{
    if (!ex->workbench || ex->workbench->dict)
        return true;
    explore_message(ex, true, "no SAE: start with --sae, or with --neurons");
    return false;
}

bool explore_value_fits(struct explore *ex, int32_t unit, double v)
{
    if (slider_holds(v))
        return true;
    explore_message(ex, true, "%d = %g: a slider goes from −%.0f to %.0f", unit, v, SLIDER_LIMIT,
                    SLIDER_LIMIT);
    return false;
}

/* ---- beginning and end */
static void text_changed(void *arg, size_t at, size_t n_removed, size_t n_inserted)
{
    struct explore *ex = arg;
    paint_edit(&ex->paint, &ex->editor.text, at, n_removed, n_inserted, ex->sliders.join);
    if (ex->snapshot)
        ex->map = text_map(ex->snapshot->text, ex->snapshot->n_text, ex->editor.text.s,
                           ex->editor.text.n);
    ex->wish_changed = ex->state_changed = ex->redraw = true;
}

static void restore(struct explore *ex, const struct saved_state *s)
{
    static const char *const names[N_COLOURINGS] = {"pre", "act", "loss", "delta"};
    for (int c = 0; c < N_COLOURINGS; c++)
        if (strcmp(s->colour, names[c]) == 0)
            ex->colouring = (enum colouring)c;
    if (s->has_unit)
        ex->colour_unit = s->unit;
    ex->sliders = s->sliders;
}

static void apply_options(struct explore *ex, const struct options *o)
{
    if (o->n_units > 0)
        ex->sliders.n = 0;
    for (int i = 0; i < o->n_units; i++)
        ex->sliders.unit[ex->sliders.n++] = (struct chosen_unit){.index = o->unit[i]};
    for (int i = 0; i < o->n_fix; i++) {
        int row = sliders_find(&ex->sliders, o->fix[i].index);
        if (row < 0 && ex->sliders.n < SESSION_MAX_UNITS)
            ex->sliders.unit[row = ex->sliders.n++] =
                (struct chosen_unit){.index = o->fix[i].index};
        if (row >= 0)
            sliders_set(&ex->sliders, row, (double)o->fix[i].value);
    }
    if (o->insert_given)
        ex->sliders.insert = o->insert;
    ex->sliders.join = ex->sliders.join || o->join;
    ex->sliders.special = ex->sliders.special || o->special;
    if (o->encoding)
        snprintf(ex->encoding, sizeof ex->encoding, "%s", o->encoding);
    ex->bos = o->bos;
}

#define UNIT_UNSET (-2) /* until the chosen latents are known */

void explore_init(struct explore *ex, const struct options *o, const struct saved_state *s)
{
    *ex = (struct explore){
        .typing = true, .mouse = true, .follow = true, .redraw = true, .wish_changed = true};
    ex->colour_unit = UNIT_UNSET;
    ex->options = o;
    ex->last.action = ACTION_NONE;
    ex->status.loading = true;
    history_init(&ex->history);
    editor_init(&ex->editor, &ex->history);
    ex->editor.changed = text_changed;
    ex->editor.changed_arg = ex;
    if (s)
        restore(ex, s);
    if (s && s->text)
        editor_set(&ex->editor, s->text, s->n_text, s->cursor);
    else
        editor_set(&ex->editor, example_text, sizeof example_text - 1, sizeof example_text - 1);
    if (!s)
        ex->colour_unit =
            UNIT_ALL; /* the first look: the chosen latents together part the languages */
    apply_options(ex, o);
    ex->token_at = ex->editor.cursor;
    ex->state_changed = false;
    layout_compute(&ex->layout, 80, 24, ex->focus, false, (struct layout_rows){0});
    for (int i = VIEW_EXPLORE + 1; s && i < N_VIEWS; i++) /* a name of tomorrow's: Explore */
        if (strcmp(s->view, view_table[i]->name) == 0)
            views_go(ex, (enum view_id)i);
    ex->state_changed = false;
}

void explore_release(struct explore *ex)
{
    editor_release(&ex->editor);
    history_release(&ex->history);
    paint_release(&ex->paint);
    snapshot_unref(ex->snapshot);
    ex->snapshot = NULL;
    blink_forget(ex);
    file_prompt_end(ex);
    recall_release(&ex->recall);
    views_release(&ex->views);
    findings_release(&ex->findings);
}

void explore_take_history(struct explore *ex, struct history *h)
{
    history_release(&ex->history);
    ex->history = *h;
    history_init(h);
}

/* ---- what is looked at */
static const struct line_view *line_at(const struct snapshot *s, size_t at)
{
    int32_t lo = 0, hi = s->n_lines;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        if (s->line[mid].start <= at)
            lo = mid;
        else
            hi = mid;
    }
    return s->n_lines > 0 ? &s->line[lo] : NULL;
}

/* A byte of the token looked at, in the present text; of a line without any: where it is. */
static size_t byte_looked_at(const struct explore *ex)
{
    const struct textbuf *t = &ex->editor.text;
    size_t at = ex->token_at;
    if (at > 0 && at == textbuf_line_end(t, textbuf_line_of(t, at)) && t->s[at - 1] != '\n')
        at--; /* behind the last token of a line: that token */
    return at;
}

struct here explore_here(const struct explore *ex, const struct snapshot *s)
{
    struct here h = {0};
    if (!s)
        return h;
    size_t at = byte_looked_at(ex);
    bool exact;
    at = map_to_old(&ex->map, at, &exact);
    if (!exact && at > 0 && s->text[at - 1] != '\n')
        at--; /* what was just typed is not known yet: the token before it */
    h.line = line_at(s, at);
    if (!h.line || !h.line->tokens || h.line->tokens->n == 0)
        return h;
    const struct line_tokens *tokens = h.line->tokens;
    size_t in_line = at - h.line->start;
    int32_t lo = 0, hi = tokens->n;
    while (lo < hi) {
        int32_t mid = lo + (hi - lo) / 2;
        if ((size_t)tokens->token[mid].end <= in_line)
            lo = mid + 1;
        else
            hi = mid;
    }
    h.i = lo < tokens->n ? lo : tokens->n - 1;
    h.token = h.line->first_token + h.i;
    h.start = h.line->start + (size_t)tokens->token[h.i].start;
    h.end = h.line->start + (size_t)tokens->token[h.i].end;
    h.stale = !exact;
    h.valid = true;
    return h;
}

static const struct line_latents *here_latents(const struct here *h)
{
    return h->valid && h->line->latents && h->i < h->line->latents->n ? h->line->latents : NULL;
}

int32_t here_n_active(const struct here *h)
{
    const struct line_latents *l = here_latents(h);
    int32_t n = 0;
    while (l && n < l->k && l->top_id[(size_t)h->i * (size_t)l->k + (size_t)n] >= 0)
        n++;
    return n;
}

bool here_active(const struct here *h, int32_t rank, int32_t *id, float *value)
{
    const struct line_latents *l = here_latents(h);
    if (!l || rank < 0 || rank >= l->k)
        return false;
    size_t at = (size_t)h->i * (size_t)l->k + (size_t)rank;
    *id = l->top_id[at];
    *value = l->top_val[at];
    return *id >= 0;
}

int32_t explore_n_latents(const struct explore *ex, const struct here *h)
{
    return ex->brush.n > 0 ? ex->brush.n : here_n_active(h);
}

bool explore_latent(const struct explore *ex, const struct here *h, int32_t row, int32_t *id,
                    float *value)
{
    if (ex->brush.n == 0)
        return here_active(h, row, id, value);
    if (row < 0 || row >= ex->brush.n)
        return false;
    *id = ex->brush.row[row].latent;
    *value = ex->brush.row[row].value;
    return true;
}

bool here_unit(const struct here *h, int32_t unit, float *pre, float *act)
{
    const struct line_latents *l = here_latents(h);
    for (int32_t w = 0; l && w < l->n_watch; w++)
        if (l->watch[w] == unit) {
            size_t at = (size_t)h->i * (size_t)l->n_watch + (size_t)w;
            *pre = l->pre[at];
            *act = l->act[at];
            return true;
        }
    return false;
}

bool explore_next_item(const struct explore *ex, int row, int32_t *id)
{
    const struct snapshot *s = ex->snapshot;
    if (!s)
        return false;
    const struct next_list *l = s->any_fixed && s->next_fixed.n > 0 ? &s->next_fixed
                                : s->next_base.n > 0                ? &s->next_base
                                                                    : &s->next_plain;
    if (row < 0 || row >= l->n)
        return false;
    *id = l->id[row];
    return true;
}

/* ---- scales */
float explore_scale(const struct explore *ex, const struct workbench *wb, int32_t unit,
                    bool *from_bundle)
{
    const struct bundle *b = wb && wb->bundle_is_ours ? wb->bundle : NULL;
    if (from_bundle)
        *from_bundle = false;
    if (b && b->abs_pre_p99 && unit >= 0 && unit < b->n_latents && b->abs_pre_p99[unit] > 0) {
        if (from_bundle)
            *from_bundle = true;
        return b->abs_pre_p99[unit];
    }
    for (int i = 0; i < ex->n_scales; i++)
        if (ex->scale[i].unit == unit)
            return ex->scale[i].p99;
    return 1;
}

struct paint_rule explore_rule(const struct explore *ex, const struct workbench *wb)
{
    struct paint_rule r = {.colouring = ex->colouring};
    if (ex->colouring == COLOUR_LOSS || ex->colouring == COLOUR_DELTA)
        return r;
    if (ex->colour_unit >= 0)
        r.unit[r.n_units++] = ex->colour_unit;
    for (int i = 0; ex->colour_unit == UNIT_ALL && i < ex->sliders.n; i++)
        r.unit[r.n_units++] = ex->sliders.unit[i].index;
    for (int i = 0; i < r.n_units; i++)
        r.scale[i] = explore_scale(ex, wb, r.unit[i], NULL);
    return r;
}

static int by_size(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;
    return (x > y) - (x < y);
}

/* The 99th percentile of |pre| over (at most) the first 4,096 tokens of the text; 0: nothing known.
 */
static float measured_p99(const struct snapshot *s, int32_t unit)
{
    static const int most = 4096;
    float *v = malloc((size_t)most * sizeof *v);
    int n = 0;
    for (int32_t l = 0; v && l < s->n_lines && n < most; l++) {
        const struct line_latents *a = s->line[l].latents;
        for (int32_t w = 0; a && w < a->n_watch; w++)
            if (a->watch[w] == unit)
                for (int32_t i = 0; i < a->n && n < most; i++) {
                    float pre = a->pre[(size_t)i * (size_t)a->n_watch + (size_t)w];
                    if (isfinite(pre))
                        v[n++] = fabsf(pre);
                }
    }
    if (n > 0)
        qsort(v, (size_t)n, sizeof *v, by_size);
    float p99 = n > 0 ? v[(n - 1) * 99 / 100] : 0;
    free(v);
    return p99;
}

/* Scales move only when they are far off, so that typing does not recolour the text. */
static void measure_scales(struct explore *ex, const struct snapshot *s)
{
    struct paint_rule rule = explore_rule(ex, ex->workbench);
    for (int u = 0; u < rule.n_units; u++) {
        bool from_bundle;
        float old = explore_scale(ex, ex->workbench, rule.unit[u], &from_bundle);
        float p99 = from_bundle ? 0 : measured_p99(s, rule.unit[u]);
        if (!(p99 > 0) || !isfinite(p99))
            continue;
        int i = 0;
        while (i < ex->n_scales && ex->scale[i].unit != rule.unit[u])
            i++;
        if (i < ex->n_scales && p99 < 1.5f * old && p99 > old / 3)
            continue;
        if (i == ex->n_scales && ex->n_scales < 2 * SESSION_MAX_UNITS)
            ex->n_scales++;
        if (i < ex->n_scales)
            ex->scale[i] = (struct measured_scale){rule.unit[u], p99};
        else /* the oldest goes */
            ex->scale[(unsigned)rule.unit[u] % (2 * SESSION_MAX_UNITS)] =
                (struct measured_scale){rule.unit[u], p99};
    }
}

/* ---- what came from the worker */
static struct sliders sliders_of(const struct snapshot *s)
{
    struct sliders r = {.n = s->n_units < SESSION_MAX_UNITS ? s->n_units : SESSION_MAX_UNITS,
                        .insert = s->insert};
    memcpy(r.unit, s->unit, (size_t)r.n * sizeof r.unit[0]);
    return r;
}

static void name_lane(struct explore *ex, uint64_t key, const struct sliders *of)
{
    for (int i = 0; i < ex->n_lanes; i++)
        if (ex->lane[i].key == key) {
            ex->lane[i].of = *of;
            return;
        }
    if (ex->n_lanes == LANES_KEPT) {
        memmove(ex->lane, ex->lane + 1, (LANES_KEPT - 1) * sizeof ex->lane[0]);
        ex->n_lanes--;
    }
    ex->lane[ex->n_lanes++] = (struct lane_name){key, *of};
}

static void keep_numbers(struct explore *ex, const struct snapshot *s)
{
    struct sliders of = sliders_of(s);
    name_lane(ex, s->lane_key[LANE_FIXED], &of);
    bool same_text = s->n_text == ex->editor.text.n && ex->map.prefix == s->n_text;
    if (s->loss.valid) {
        ex->loss = (struct loss_shown){
            .valid = true, .of = of, .version = same_text ? ex->editor.version : 0};
        memcpy(ex->loss.mean, s->loss_mean, sizeof ex->loss.mean);
    }
    for (int i = 0; i < s->n_refsets && i < SESSION_MAX_CLASSES; i++) {
        const struct refset_view *v = &s->refset[i];
        struct refset_shown *r = &ex->refset[i];
        if (!v->base_valid && !v->fixed_valid)
            continue;
        if (s->any_fixed && !v->fixed_valid && r->valid && r->view.fixed_valid)
            continue; /* an older difference with its values beside it says more than nothing */
        *r = (struct refset_shown){.valid = true, .view = *v, .of = of};
        for (int k = 0; k < ex->n_lanes; k++)
            if (ex->lane[k].key == v->key)
                r->of = ex->lane[k].of;
    }
}

bool explore_is_cut(const struct snapshot *s)
{
    for (int32_t i = 0; s && i < s->n_lines; i++)
        if (s->line[i].tokens && s->line[i].tokens->n_windows > 1)
            return true;
    return false;
}

/* Once; a message that is an error goes first. */
static void tell_cut(struct explore *ex, const struct snapshot *s)
{
    if (ex->told_cut || (ex->message[0] && ex->message_is_error) || !explore_is_cut(s))
        return;
    ex->told_cut = true;
    explore_message(ex, false,
                    "longer than the model's context: cut where the mark is, each part its own "
                    "sequence");
}

/* Once: a special token that was typed is text. */
static void tell_special(struct explore *ex, const struct snapshot *s)
{
    size_t n = s->special_end - s->special_start;
    if (ex->told_special || n == 0 || (ex->message[0] && ex->message_is_error))
        return;
    ex->told_special = true;
    explore_message(ex, false, "%.*s is read as plain text; :special on reads it as its token",
                    n < 80 ? (int)n : 80, s->text + s->special_start);
}

void explore_recolour(struct explore *ex)
{
    if (!ex->snapshot || !ex->theme)
        return;
    struct paint_rule rule = explore_rule(ex, ex->workbench);
    paint_snapshot(&ex->paint, ex->snapshot, &ex->editor.text, &rule, ex->theme);
}

void explore_snapshot(struct explore *ex, struct snapshot *s)
{
    if (!s)
        return;
    snapshot_ref(s);
    snapshot_unref(ex->snapshot);
    ex->snapshot = s;
    ex->map = text_map(s->text, s->n_text, ex->editor.text.s, ex->editor.text.n);
    keep_numbers(ex, s);
    measure_scales(ex, s);
    explore_recolour(ex);
    explore_arrange(ex);
    blink_compare(ex);
    tell_cut(ex, s);
    tell_special(ex, s);
    ex->redraw = true;
}

void explore_theme(struct explore *ex, const struct theme *theme)
{
    ex->theme = theme;
    free(ex->paint.token); /* levels are the theme's */
    ex->paint = (struct paint){0};
    if (theme_depth(theme) == DEPTH_MONO)
        ex->rail = true;
    explore_recolour(ex);
    ex->redraw = true;
}

static void drop_impossible_units(struct explore *ex, int32_t m)
{
    int dropped = 0;
    for (int i = ex->sliders.n - 1; i >= 0; i--)
        if (ex->sliders.unit[i].index >= m) {
            sliders_remove(&ex->sliders, i);
            dropped++;
        }
    if (dropped)
        explore_message(
            ex, true, "%d %s beyond the %d there are: left out", dropped,
            dropped > 1 ? unit_words(ex->workbench)->many : unit_words(ex->workbench)->one, m);
}

void explore_loaded(struct explore *ex, const struct workbench *wb)
{
    ex->workbench = wb;
    char hook[POINT_NAME_MAX];
    point_name(wb->at, hook);
    const struct dict_spec *spec = wb->dict ? dict_spec(wb->dict) : NULL;
    const char *model = wb->model_name ? wb->model_name : "model",
               *device = wb->backend ? wb->backend->name : "";
    if (spec && spec->k > 0 && !spec->identity)
        snprintf(ex->title, sizeof ex->title, "%s · %s · %d latents, k %d · %s", model, hook,
                 spec->m, spec->k, device);
    else if (spec)
        snprintf(ex->title, sizeof ex->title, "%s · %s · %d %s · %s", model, hook, spec->m,
                 unit_words(wb)->many, device);
    else
        snprintf(ex->title, sizeof ex->title, "%s · no SAE · %s", model, device);
    for (int i = 0; ex->sliders.n == 0 && wb->dict && i < wb->n_chosen && i < SESSION_MAX_UNITS;
         i++)
        ex->sliders.unit[i] = (struct chosen_unit){.index = wb->chosen[i]};
    if (ex->sliders.n == 0 && wb->dict)
        ex->sliders.n = wb->n_chosen < SESSION_MAX_UNITS ? wb->n_chosen : SESSION_MAX_UNITS;
    if (!spec && ex->sliders.n > 0)
        explore_message(ex, true, "no SAE: the chosen latents are left out");
    if (spec)
        drop_impossible_units(ex, spec->m);
    else
        ex->sliders.n = 0;
    history_drop_sliders(&ex->history, spec ? spec->m : 0);
    if (ex->colour_unit == UNIT_UNSET || (spec && ex->colour_unit >= spec->m))
        ex->colour_unit = ex->sliders.n > 0 ? ex->sliders.unit[0].index : UNIT_ALL;
    if (!spec)
        ex->colouring = COLOUR_LOSS;
    ex->wish_changed = ex->redraw = true;
    explore_arrange(ex);
    views_sync(ex);
}

void explore_host(struct explore *ex, const struct job_host *host)
{
    ex->views.host = *host;
}

void explore_news(struct explore *ex)
{
    views_news(ex);
    if (findings_update(&ex->findings, &ex->views.host))
        ex->redraw = true;
}

void explore_status(struct explore *ex, const struct service_status *s)
{
    if (s->loading != ex->status.loading || s->failed != ex->status.failed ||
        s->idle != ex->status.idle ||
        (int)(s->progress * 100) != (int)(ex->status.progress * 100) ||
        strcmp(s->what, ex->status.what) != 0 || strcmp(s->job, ex->status.job) != 0 ||
        strcmp(s->error.text, ex->status.error.text) != 0)
        ex->redraw = true;
    if (!ex->still && strcmp(s->said, ex->status.said) != 0)
        explore_message(ex, strncmp(s->said, "note: ", 6) != 0, "%s", s->said);
    if (s->error.text[0] && strcmp(s->error.text, ex->status.error.text) != 0)
        messages_add(&ex->messages, true, s->error.text, time(NULL)); /* shown from the status */
    ex->status = *s;
}

/* ---- what goes to the worker */
/* Behind a byte of the token looked at, so that predictions follow it, whether its bounds are known
 * yet or not. */
static size_t cursor_wished(const struct explore *ex)
{
    const struct textbuf *t = &ex->editor.text;
    size_t at = byte_looked_at(ex),
           end = ex->sliders.join ? t->n : textbuf_line_end(t, textbuf_line_of(t, at));
    return at < end ? at + 1 : at;
}

void explore_wish(struct explore *ex, struct wish *w)
{
    *w = (struct wish){.generation = ++ex->generation,
                       .text = ex->editor.text.s,
                       .n_text = ex->editor.text.n,
                       .join = ex->sliders.join,
                       .bos = ex->bos,
                       .special = ex->sliders.special,
                       .insert = sliders_insert(&ex->sliders),
                       .n_units = ex->sliders.n,
                       .watch = -1,
                       .cursor = cursor_wished(ex),
                       .n_next = SESSION_MAX_NEXT,
                       .losses = true,
                       .refsets = !ex->refsets_paused};
    struct sliders in_force = explore_in_force(ex);
    memcpy(w->unit, in_force.unit, sizeof w->unit);
    blink_wished(ex, w->generation);
    if (ex->colour_unit >= 0 && sliders_find(&ex->sliders, ex->colour_unit) < 0)
        w->watch = ex->colour_unit;
    ex->version_sent = ex->editor.version;
    ex->wish_changed = false;
}

void explore_save(const struct explore *ex, struct saved_state *s)
{
    explore_look(ex, s);
    s->text = malloc(ex->editor.text.n + 1);
    if (s->text) {
        memcpy(s->text, ex->editor.text.s, ex->editor.text.n + 1);
        s->n_text = ex->editor.text.n;
    }
}

void explore_look(const struct explore *ex, struct saved_state *s)
{
    static const char *const names[N_COLOURINGS] = {"pre", "act", "loss", "delta"};
    state_init(s);
    s->cursor = ex->editor.cursor;
    snprintf(s->colour, sizeof s->colour, "%s", names[ex->colouring]);
    if (ex->views.now != VIEW_EXPLORE)
        snprintf(s->view, sizeof s->view, "%s", view_table[ex->views.now]->name);
    s->has_unit = ex->colour_unit >= UNIT_ALL;
    s->unit = ex->colour_unit;
    s->has_units = ex->sliders.n > 0;
    s->sliders = ex->sliders;
    s->has_insert = true;
}

/* ---- effects of sliders on losses */
bool same_effect(const struct sliders *a, const struct sliders *b)
{
    if (sliders_insert(a) != sliders_insert(b))
        return false;
    for (int side = 0; side < 2; side++) {
        const struct sliders *p = side ? b : a, *q = side ? a : b;
        for (int i = 0; i < p->n; i++) {
            int j = sliders_find(q, p->unit[i].index);
            if (p->unit[i].fixed &&
                (j < 0 || !q->unit[j].fixed || fabsf(q->unit[j].value - p->unit[i].value) > 1e-6f))
                return false;
        }
    }
    return true;
}

void at_label(const struct sliders *of, const struct sliders *now, bool ascii, char *out, size_t n)
{
    int differ = 0, fixed = 0;
    const struct chosen_unit *one = NULL;
    bool alike = true;
    float value = 0;
    for (int i = 0; i < of->n; i++) {
        const struct chosen_unit *u = &of->unit[i];
        int j = sliders_find(now, u->index);
        bool same = j >= 0 && now->unit[j].fixed == u->fixed &&
                    (!u->fixed || now->unit[j].value == u->value);
        if (!same) {
            differ++;
            one = u;
        }
        if (u->fixed) {
            alike = alike && (fixed == 0 || u->value == value);
            value = u->value;
            fixed++;
        }
    }
    if (fixed == 0)
        snprintf(out, n, "at free");
    else if (differ == 1 || alike)
        snprintf(out, n, one && differ == 1 && !one->fixed ? "at free" : "at %s%.1f",
                 (double)(differ == 1 ? one->value : value) < 0 ? (ascii ? "-" : "−") : "",
                 fabs((double)(differ == 1 ? one->value : value)));
    else
        snprintf(out, n, "at others");
}

/* ---- from the sweep */
double explore_sweep_now(const struct explore *ex, const char *cls)
{
    int32_t unit[SESSION_MAX_UNITS], n = explore_units(ex, unit);
    int32_t fixed = 0, which = -1;
    bool same, references = !ex->views.corpus.path && ex->views.corpus.n_files == 0;
    double v = sliders_value(&ex->sliders, SLIDER_ALL, &same);
    if (!references || explore_lifted(ex) || !findings_apply(&ex->findings, unit, n))
        return NAN;
    for (int i = 0; i < n; i++)
        if (ex->sliders.unit[i].fixed) {
            fixed++;
            which = i;
        }
    if (fixed == 1)
        v = (double)ex->sliders.unit[which].value;
    else if (fixed != n || !same)
        return NAN;
    return findings_loss(&ex->findings, sliders_insert(&ex->sliders),
                         fixed == 1 && n > 1 ? unit[which] : -1, cls, v);
}
