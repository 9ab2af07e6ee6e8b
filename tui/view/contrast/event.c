/* Keys, mouse and commands of the Contrast view. */
#include "engine/base/memory.h"
#include "engine/study/words.h"
#include "tui/view/contrast/contrast_private.h"
#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { WHEEL_ROWS = 3 };

/* ---- other words, other vectors */
static const char *const switch_names[] = {"on", "off", NULL};
static const char *const lists[] = {"language.tsv", "gender-da.tsv", "gender-en.tsv", NULL};

/* What is there is of other words, and nobody waits for what is not. */
static void drop(struct watch *w, const struct view_in *in)
{
    if (w->job.id && job_is_pending(&w->job) && in->host && in->host->cancel)
        in->host->cancel(in->host->arg, w->job.id);
    watch_release(w);
}

static void begin_anew(struct contrast *v, const struct view_in *in)
{
    contrast_forget_points(v);
    drop(&v->kept, in);
    drop(&v->compare, in);
    table_set_unref(v->test_set);
    v->test_set = NULL;
    v->rows = NULL;
    v->moved = false;
    contrast_ask(v, in);
    contrast_bounds(v);
}

static bool use_words(struct contrast *v, const struct view_in *in, const char *name)
{
    struct corpus_choice c = {0};
    if (!*name)
        return false;
    corpus_choice_words(&c, name);
    if (access(c.path, R_OK) != 0) {
        if (in->shared)
            shared_message(in->shared, true, "words %s: %s", name, strerror(errno));
        corpus_choice_release(&c);
        return true;
    }
    corpus_choice_release(&v->words);
    v->words = c;
    free(v->target);
    free(v->against);
    v->target = v->against = NULL;
    begin_anew(v, in);
    return true;
}

static void next_list(struct contrast *v, const struct view_in *in)
{
    const char *slash = v->words.path ? strrchr(v->words.path, '/') : NULL;
    int next = 0;
    for (int i = 0; slash && lists[i]; i++)
        if (strcmp(slash + 1, lists[i]) == 0)
            next = lists[i + 1] ? i + 1 : 0;
    use_words(v, in, lists[next]);
}

static bool run_words(void *view, const struct view_in *in, const char *arg)
{
    return use_words(view, in, arg);
}

static bool run_vector(void *view, const struct view_in *in, const char *arg)
{
    struct contrast *v = view;
    for (int i = 0; word_vector_choices[i]; i++)
        if (strcmp(word_vector_choices[i], arg) == 0) {
            v->vector = i;
            begin_anew(v, in);
            return true;
        }
    return false;
}

static bool run_space(void *view, const struct view_in *in, const char *arg)
{
    struct contrast *v = view;
    const bool on = strcmp(arg, "on") == 0;
    if (!on && strcmp(arg, "off") != 0)
        return false;
    v->space = on;
    begin_anew(v, in);
    return true;
}

static bool run_against(void *view, const struct view_in *in, const char *arg);

static void next_vector(struct contrast *v, const struct view_in *in)
{
    v->vector = word_vector_choices[v->vector + 1] ? v->vector + 1 : 0;
    begin_anew(v, in);
}

const struct view_command contrast_commands[] = {
    {"words", "FILE", "classes of words, a line word<TAB>class each", ACTION_CONTRAST_LIST, lists,
     run_words, ".tsv .txt .gz .xz"},
    {"vector", "last|mean|first", "which of a word's tokens is its vector", ACTION_CONTRAST_VECTOR,
     word_vector_choices, run_vector, NULL},
    {"space", "on|off", "a blank before each word, as inside a text", ACTION_NONE, switch_names,
     run_space, NULL},
    {"against", "CLASS|others", "the class asked about against this one alone",
     ACTION_CONTRAST_AGAINST, NULL, run_against, NULL},
    {.name = NULL},
};

/* ---- which classes */
static void set_name(char **to, const char *name)
{
    char *copy = name ? xstrdup(name) : NULL; /* it may be what is freed */
    free(*to);
    *to = copy;
}

static void next_target(struct contrast *v, const struct view_in *in)
{
    const struct names *of = &v->shown.classes;
    const int at = names_find(of, contrast_class(v, 0));
    if (at < 0)
        return;
    const int next = (at + 1) % of->n;
    if (v->against && strcmp(v->against, of->name[next]) == 0)
        set_name(&v->against, NULL);
    set_name(&v->target, next > 0 ? of->name[next] : NULL);
    contrast_ask(v, in);
}

/* All others, then each of them alone. */
static void next_against(struct contrast *v, const struct view_in *in)
{
    const struct names *of = &v->shown.classes;
    const int target = names_find(of, contrast_class(v, 0));
    int next = v->against ? names_find(of, v->against) + 1 : 0;
    if (of->n < 3) {
        if (in->shared && of->n > 0)
            shared_message(in->shared, false, "there are two classes, and each is the other's");
        return;
    }
    next += next == target;
    set_name(&v->against, next < of->n ? of->name[next] : NULL);
    contrast_ask(v, in);
}

static bool run_against(void *view, const struct view_in *in, const char *arg)
{
    struct contrast *v = view;
    const int at = names_find(&v->shown.classes, arg);
    if (strcmp(arg, "others") != 0 && (at < 0 || strcmp(arg, contrast_class(v, 0)) == 0))
        return false;
    set_name(&v->against, at >= 0 && v->shown.classes.n > 2 ? v->shown.classes.name[at] : NULL);
    contrast_ask(v, in);
    return true;
}

static void other_dicts(struct contrast *v, const struct view_in *in)
{
    if (!in->workbench || in->workbench->dicts.n < 2) {
        if (in->shared)
            shared_message(in->shared, false,
                           "there is one dictionary: another is opened by --sae");
        return;
    }
    v->across = !v->across;
    v->focus = PART_COMPARE;
    contrast_ask(v, in);
    contrast_bounds(v);
}

static void other_units(struct contrast *v, const struct view_in *in)
{
    if (!contrast_has_latents(v)) {
        if (in->shared && v->rows)
            shared_message(in->shared, false, "these are neurons: there are no latents");
        return;
    }
    v->hooked = !v->hooked;
    v->moved = false;
    contrast_forget_points(v);
    contrast_take_test(v);
    contrast_ask_points(v, in);
    contrast_bounds(v);
}

/* ---- the selected unit */
static void swap_axes(struct contrast *v, const struct view_in *in)
{
    const int32_t x = v->x;
    v->x = v->y;
    v->y = x;
    v->moved = true;
    list_select(&v->units, contrast_find(v, v->x));
    contrast_ask_points(v, in);
}

/* False, and says so: no slider or colour is of it. */
static bool is_unit_of_dict(const struct contrast *v, const struct view_in *in)
{
    if (!in->shared || v->x < 0 || !v->rows)
        return false;
    if (v->hooked)
        shared_message(in->shared, false,
                       "neurons of the hooked activation: start with --neurons to fix them");
    return !v->hooked;
}

static void colour(const struct contrast *v, const struct view_in *in)
{
    if (!is_unit_of_dict(v, in))
        return;
    shared_colour_by(in->shared, (struct unit_id){contrast_dict(in), v->x});
    shared_go(in->shared, VIEW_EXPLORE);
}

/* At the mean of the words that have more of it. */
static void take(const struct contrast *v, const struct view_in *in)
{
    const struct unit_row u = contrast_unit(v, contrast_find(v, v->x));
    if (is_unit_of_dict(v, in))
        shared_take(in->shared, (struct unit_id){contrast_dict(in), v->x},
                    round(10 * fmax(u.mean[0], u.mean[1])) / 10);
}

/* ---- a word that is typed */
static void end_typing(struct contrast *v, const struct view_in *in, bool keep)
{
    if (!keep)
        prompt_set(&v->prompt, "");
    v->typing = false;
    contrast_ask_points(v, in);
}

void contrast_end_typing(void *view, const struct view_in *in)
{
    end_typing(view, in, true);
}

static bool typing_event(struct contrast *v, const struct view_in *in, const struct event *e)
{
    if (e->kind == EVENT_KEY)
        switch (e->key) {
        case KEYS_ESC: end_typing(v, in, false); return true;
        case KEYS_ENTER:
        case KEYS_TAB:
        case KEYS_BACKTAB: end_typing(v, in, true); return true;
        default: break;
        }
    if (!prompt_event(&v->prompt, e))
        return false;
    contrast_ask_points(v, in);
    return true;
}

/* ---- keys */
static void focus(struct contrast *v, enum contrast_part p)
{
    v->focus = p;
    contrast_bounds(v);
}

static void step_size(struct contrast *v, int by)
{
    double s[S_MAX];
    const int n = contrast_sizes(v, s), to = v->s + by;
    v->s = to < 0 ? 0 : to >= n ? (n > 0 ? n - 1 : 0) : to;
}

static bool moving(struct contrast *v, const struct view_in *in, enum action_id a)
{
    int row;
    switch (a) {
    case ACTION_VIEW_LEFT:
    case ACTION_VIEW_RIGHT: {
        const int by = a == ACTION_VIEW_LEFT ? -1 : 1;
        if (v->focus == PART_POINTS)
            v->at = contrast_step(v, false, by);
        else if (v->focus == PART_KEPT)
            step_size(v, by);
        return true;
    }
    case ACTION_VIEW_UP:
    case ACTION_VIEW_DOWN:
        if (v->focus != PART_POINTS)
            break;
        v->at = contrast_step(v, true, a == ACTION_VIEW_UP ? 1 : -1);
        return true;
    default: break;
    }
    if (!list_key(&v->units, a, &row))
        return false;
    contrast_select(v, in, row);
    return true;
}

static bool back(struct contrast *v, const struct view_in *in)
{
    if (v->prompt.n > 0)
        end_typing(v, in, false);
    else if (v->at >= 0)
        v->at = -1;
    else if (v->zoom)
        v->zoom = false;
    else
        return false;
    contrast_bounds(v);
    return true;
}

bool contrast_act(void *view, const struct view_in *in, enum action_id a, bool extend)
{
    struct contrast *v = view;
    (void)extend;
    switch (a) {
    case ACTION_NEXT_PANE: focus(v, (v->focus + 1) % N_PARTS); break;
    case ACTION_PREVIOUS_PANE: focus(v, (v->focus + N_PARTS - 1) % N_PARTS); break;
    case ACTION_ZOOM:
        v->zoom = !v->zoom;
        contrast_bounds(v);
        break;
    case ACTION_CONTRAST_WORD:
        v->typing = true;
        focus(v, PART_POINTS);
        break;
    case ACTION_CONTRAST_LIST: next_list(v, in); break;
    case ACTION_CONTRAST_VECTOR: next_vector(v, in); break;
    case ACTION_CONTRAST_UNITS: other_units(v, in); break;
    case ACTION_CONTRAST_SWAP: swap_axes(v, in); break;
    case ACTION_TARGET: next_target(v, in); break;
    case ACTION_CONTRAST_AGAINST: next_against(v, in); break;
    case ACTION_CONTRAST_DICTS: other_dicts(v, in); break;
    case ACTION_SORT: contrast_sort(v, (v->sort + 1) % N_UNIT_COLUMNS); break;
    case ACTION_LOG: v->log = !v->log; break;
    case ACTION_MIRROR: v->overlaid = !v->overlaid; break;
    case ACTION_VIEW_ENTER: colour(v, in); break;
    case ACTION_VIEW_TAKE: take(v, in); break;
    case ACTION_VIEW_BACK: return back(v, in);
    default: return moving(v, in, a);
    }
    return true;
}

/* ---- the mouse */
static void press_units(struct contrast *v, const struct view_in *in, const struct event *e,
                        struct rect r)
{
    const int head = r.h > 2 ? 1 : 0, at = v->units.top + e->y - r.y - head;
    const struct unit_columns c = contrast_columns(r.w);
    if (head && e->y == r.y) {
        static const enum unit_column shown[] = {BY_UNIT, BY_T, BY_P, BY_TARGET, BY_OTHER};
        for (int i = 0; i < N_UNIT_COLUMNS; i++)
            if (c.right[shown[i]] && e->x < r.x + c.right[shown[i]]) {
                contrast_sort(v, shown[i]);
                return;
            }
        return;
    }
    if (!v->rows || at >= v->rows->n_rows)
        return;
    if (e->button == 3) { /* upwards */
        v->y = contrast_unit(v, at).unit == v->x ? v->y : contrast_unit(v, at).unit;
        v->moved = true;
        contrast_ask_points(v, in);
        return;
    }
    contrast_select(v, in, at);
    if (e->clicks == 2)
        colour(v, in);
}

/* The first unit whose p is not below that of the bin. */
static void press_p(struct contrast *v, const struct view_in *in, const struct event *e,
                    struct rect r)
{
    const double p = contrast_p_at(v, in, r, e->x);
    if (!isfinite(p) || !v->rows)
        return;
    if (v->sort != BY_P || v->descending) {
        v->sort = BY_UNIT;
        contrast_sort(v, BY_P);
    }
    int at = 0;
    while (at + 1 < v->rows->n_rows && exp(contrast_unit(v, at).log_p) < p)
        at++;
    contrast_select(v, in, at);
}

static void press(struct contrast *v, const struct view_in *in, const struct event *e,
                  enum contrast_part p, struct rect inner)
{
    if (!rect_has(inner, e->x, e->y))
        return;
    if (p == PART_POINTS && rect_has(contrast_prompt_row(v, inner), e->x, e->y)) {
        v->typing = true;
    } else if (p == PART_POINTS) {
        v->at = contrast_nearest(v, in, inner, e->x, e->y);
        v->holds = true;
    } else if (p == PART_UNITS) {
        press_units(v, in, e, inner);
    } else if (p == PART_P) {
        press_p(v, in, e, inner);
    } else if (p == PART_KEPT) {
        v->s = contrast_size_at(v, in, inner, e->x);
        v->holds = true;
    }
}

static void drag(struct contrast *v, const struct view_in *in, const struct event *e,
                 struct rect inner)
{
    if (e->mouse == MOUSE_RELEASE || !v->holds)
        v->holds = false;
    else if (v->focus == PART_POINTS)
        v->at = contrast_nearest(v, in, inner, e->x, e->y);
    else if (v->focus == PART_KEPT)
        v->s = contrast_size_at(v, in, inner, e->x);
}

static bool mouse(struct contrast *v, const struct view_in *in, const struct event *e)
{
    struct contrast_layout l;
    contrast_layout(v->area, v->focus, v->zoom, &l);
    if (e->mouse == MOUSE_MOVE || e->mouse == MOUSE_RELEASE) {
        drag(v, in, e, contrast_inner(&l, v->focus));
        return true;
    }
    for (int p = 0; p < N_PARTS; p++) {
        if (!rect_has(l.part[p], e->x, e->y))
            continue;
        const int up = e->mouse == MOUSE_WHEEL_UP ? -1 : e->mouse == MOUSE_WHEEL_DOWN ? 1 : 0;
        if (up && p == PART_UNITS) {
            list_scroll(&v->units, up * WHEEL_ROWS);
            contrast_select(v, in, v->units.selected);
        } else if (up && p == PART_KEPT) {
            step_size(v, up);
        } else if (e->mouse == MOUSE_PRESS && (e->button == 1 || e->button == 3)) {
            if (v->typing && p != PART_POINTS)
                end_typing(v, in, true);
            const struct rect inner = contrast_inner(&l, (enum contrast_part)p);
            focus(v, (enum contrast_part)p);
            press(v, in, e, (enum contrast_part)p, inner);
        }
        break;
    }
    return rect_has(v->area, e->x, e->y);
}

bool contrast_event(void *view, const struct view_in *in, const struct event *e)
{
    struct contrast *v = view;
    if (e->kind == EVENT_MOUSE)
        return mouse(v, in, e);
    return v->typing && typing_event(v, in, e);
}
