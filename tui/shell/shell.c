#include "engine/base/memory.h"
#include "tui/shell/shell_private.h"
#include "tui/unit_words.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The demo's: its model knows these languages. */
static const char demo_text[] =
    "Rådet skal nu formelt godkende Parlamentets holdning.\n"
    "The Council must now formally approve the position of Parliament.\n"
    "Børnene cyklede hjem, og the children cycled home.";

/* ---- beginning and end */
static void restore(struct shell *shell, const struct saved_state *s)
{
    static const char *const names[N_COLOURINGS] = {"pre", "act", "loss", "delta"};
    for (int c = 0; c < N_COLOURINGS; c++)
        if (strcmp(s->colour, names[c]) == 0)
            shell->sh.colouring = (enum colouring)c;
    if (s->has_unit)
        shell->sh.colour_unit = s->unit;
    shell->sh.sliders = s->sliders;
    dict_set_copy_plan(&s->dicts, &shell->dicts);
}

static void fix_unit(struct shell *shell, struct unit_id id, float value)
{
    struct sliders *s = &shell->sh.sliders;
    int row = sliders_find(s, id);
    if (row < 0 && s->n < UNITS_MAX)
        s->unit[row = s->n++] = (struct chosen_unit){.id = id};
    if (row >= 0)
        sliders_set(s, row, (double)value);
}

/* Units and insertions whose name says where they are wait until it is known what there is
 * (shell_loaded). */
static void apply_options(struct shell *shell, const struct options *o)
{
    struct sliders *s = &shell->sh.sliders;
    struct unit_id id;
    if (o->n_units > 0)
        s->n = 0;
    for (int i = 0; i < o->n_units; i++)
        if (unit_find(NULL, &o->unit[i], &id, NULL))
            s->unit[s->n++] = (struct chosen_unit){.id = id};
    for (int i = 0; i < o->n_fix; i++)
        if (unit_find(NULL, &o->fix[i].unit, &id, NULL))
            fix_unit(shell, id, o->fix[i].value);
    if (o->n_insert == 1 && !o->insert[0].place[0])
        shell->sh.sliders.insert = insertion_of(o->insert[0].how);
    shell->sh.sliders.join = shell->sh.sliders.join || o->join;
    shell->sh.sliders.special = shell->sh.sliders.special || o->special;
    if (o->encoding)
        snprintf(shell->encoding, sizeof shell->encoding, "%s", o->encoding);
    shell->sh.bos = o->bos == SAID_YES;
}

bool shell_is_demo(const struct options *o)
{
    return !o->model && !o->bundle;
}

void shell_init_views(struct shell *shell, const struct options *o, const struct saved_state *s,
                      const struct view_ops *const *table, int n)
{
    struct shared *sh = &shell->sh;
    *shell = (struct shell){.mouse = true};
    shared_init(sh, o);
    sh->colour_unit = UNIT_UNSET;
    bars_compute(&shell->bars, 80, 24);
    views_init(shell, table, n);
    if (s)
        restore(shell, s);
    if (s && s->text)
        editor_set(&sh->editor, s->text, s->n_text, s->cursor);
    else if (shell_is_demo(o))
        editor_set(&sh->editor, demo_text, sizeof demo_text - 1, sizeof demo_text - 1);
    else
        sh->hint = true;
    if (!s)
        sh->colour_unit = UNIT_ALL; /* the first look: the chosen latents together part the
                                       languages */
    apply_options(shell, o);
    sh->token_at = sh->editor.cursor;
    int view = s ? view_named(table, n, s->view) : HOME; /* a name of tomorrow's: home */
    if (view > HOME)
        views_go(shell, view);
    sh->state_changed = false;
}

void shell_init(struct shell *shell, const struct options *o, const struct saved_state *s)
{
    shell_init_views(shell, o, s, view_table, N_VIEWS);
}

void shell_release(struct shell *shell)
{
    views_release(&shell->views);
    file_prompt_end(shell);
    recall_release(&shell->recall);
    watch_release(&shell->proof);
    shared_release(&shell->sh);
    dict_set_release(&shell->dicts);
}

void shell_take_history(struct shell *shell, struct history *h)
{
    history_release(&shell->sh.history);
    shell->sh.history = *h;
    history_init(h);
}

/* ---- what came from the worker */
/* Once; a message that is an error goes first. */
static void tell_cut(struct shell *shell, const struct snapshot *s)
{
    if (shell->told_cut || (shell->sh.message[0] && shell->sh.message_is_error) ||
        !snapshot_is_cut(s))
        return;
    shell->told_cut = true;
    shared_message(&shell->sh, false,
                   "longer than the model's context: cut where the mark is, each part its own "
                   "sequence");
}

/* Once: a special token that was typed is text. */
static void tell_special(struct shell *shell, const struct snapshot *s)
{
    size_t n = s->special_end - s->special_start;
    if (shell->told_special || n == 0 || (shell->sh.message[0] && shell->sh.message_is_error))
        return;
    shell->told_special = true;
    shared_message(&shell->sh, false,
                   "%.*s is read as plain text; :special on reads it as its token",
                   n < 80 ? (int)n : 80, s->text + s->special_start);
}

/* Once: numbers are not the model's own any more. */
static void tell_saturated(struct shell *shell, const struct snapshot *s)
{
    if (shell->told_saturated || s->saturated == 0 ||
        (shell->sh.message[0] && shell->sh.message_is_error))
        return;
    shell->told_saturated = true;
    shared_message(
        &shell->sh, false,
        "values too large for 16 bits became its largest; --dtype bf16 or f32 holds them");
}

void shell_snapshot(struct shell *shell, struct snapshot *s)
{
    if (!s)
        return;
    shared_snapshot(&shell->sh, s);
    shell_arrange(shell);
    views_heard(shell, NEWS_SNAPSHOT);
    tell_cut(shell, s);
    tell_special(shell, s);
    tell_saturated(shell, s);
}

void shell_theme(struct shell *shell, const struct theme *theme)
{
    shell->sh.theme = theme;
    views_heard(shell, NEWS_THEME);
    shell->sh.redraw = true;
}

/* The chosen ones unless a state named others; those of the options whose names had to wait. */
static void choose_units(struct shell *shell, const struct workbench *wb)
{
    const struct options *o = shell->sh.options;
    struct sliders *s = &shell->sh.sliders;
    bool none = s->n == 0, waited = false;
    for (int i = 0; i < o->n_units; i++)
        waited |= !unit_word_alone(&o->unit[i]);
    if (waited)
        s->n = 0;
    for (int i = 0; (none || waited) && i < wb->n_chosen && i < UNITS_MAX; i++)
        s->unit[s->n++] = (struct chosen_unit){.id = wb->chosen[i]};
    for (int i = 0; i < wb->n_fix; i++)
        if (waited || !unit_word_alone(&o->fix[i].unit))
            fix_unit(shell, wb->fix[i].id, wb->fix[i].value);
    if (o->n_insert > 0 && o->insert[0].place[0])
        s->insert = wb->insert;
}

/* "mlp_3 (1 of 2)", of one the point. */
void shell_dict_name(const struct shell *shell, char *out, size_t n)
{
    const struct workbench *wb = shell->sh.workbench;
    const int32_t place = shared_dict(&shell->sh);
    char hook[POINT_NAME_MAX];
    if (wb->dicts.n > 1) {
        snprintf(out, n, "%s (%d of %d)", shell->places.of[place], place + 1, wb->dicts.n);
    } else {
        point_name(wb->at, hook);
        snprintf(out, n, "%s", hook);
    }
}

void shell_entitle(struct shell *shell)
{
    const struct workbench *wb = shell->sh.workbench;
    const struct dict *listed = shared_listed(&shell->sh);
    const struct dict_spec *spec = listed ? dict_spec(listed) : NULL;
    const struct service_status *now = &shell->sh.status;
    const char *model = wb->model_name ? wb->model_name : "model";
    char device[48];
    snprintf(device, sizeof device, "%s%s%s",
             now->device[0] ? now->device
             : wb->backend  ? wb->backend->name
                            : "",
             now->memory.total > 0 ? " " : "", now->memory.total > 0 ? now->precision : "");
    char dict[UNIT_NAME_MAX + 24], named[96];
    if (wb->model && model_tl_tokens(wb->model) > 0) {
        snprintf(named, sizeof named, "%.80s, TL weights", model);
        model = named;
    }
    shell->titled = shared_dict(&shell->sh);
    shell_dict_name(shell, dict, sizeof dict);
    if (spec && spec->k > 0 && !spec->identity)
        snprintf(shell->title, sizeof shell->title, "%s · %s · %d latents, k %d · %s", model, dict,
                 spec->m, spec->k, device);
    else if (spec)
        snprintf(shell->title, sizeof shell->title, "%s · %s · %d %s · %s", model, dict, spec->m,
                 unit_words_of(wb, shell->titled)->many, device);
    else
        snprintf(shell->title, sizeof shell->title, "%s · no SAE · %s", model, device);
}

static void name_places(struct shell *shell, const struct dict_set *set)
{
    struct place_names *p = &shell->places;
    for (int32_t i = 0; set->n > 1 && i < set->n; i++) {
        unit_place_name(set, i, p->of[i]);
        p->name[i] = p->of[i];
    }
}

void shell_loaded(struct shell *shell, const struct workbench *wb)
{
    shell->sh.workbench = wb;
    shell->sh.wish_changed = shell->sh.wish_changed || shell->sh.bos != wb->bos;
    shell->sh.bos = wb->bos;
    shell->sh.findings.dicts = &wb->dicts;
    name_places(shell, &wb->dicts);
    earlier_move(shell, &wb->dicts);
    choose_units(shell, wb);
    earlier_drop(shell, &wb->dicts);
    findings_of_dict(&shell->sh.findings, shared_dict(&shell->sh));
    shell_entitle(shell);
    if (!wb->dict)
        shell->sh.colouring = COLOUR_LOSS;
    shell->sh.wish_changed = shell->sh.redraw = true;
    shell_arrange(shell);
    shell_sync(shell);
}

void shell_host(struct shell *shell, const struct job_host *host)
{
    shell->sh.host = *host;
}

void shell_news(struct shell *shell)
{
    views_news(shell);
    if (findings_update(&shell->sh.findings, &shell->sh.host))
        shell->sh.redraw = true;
    if (watch_update(&shell->proof, &shell->sh.host) && shell->overlay == OVERLAY_PROOF) {
        page_arrange(shell);
        shell->sh.redraw = true;
    }
}

void shell_status(struct shell *shell, const struct service_status *s)
{
    if (s->loading != shell->sh.status.loading || s->failed != shell->sh.status.failed ||
        s->idle != shell->sh.status.idle ||
        (int)(s->progress * 100) != (int)(shell->sh.status.progress * 100) ||
        strcmp(s->what, shell->sh.status.what) != 0 || strcmp(s->job, shell->sh.status.job) != 0 ||
        strcmp(s->error.text, shell->sh.status.error.text) != 0)
        shell->sh.redraw = true;
    if (!shell->sh.still && strcmp(s->said, shell->sh.status.said) != 0)
        shared_message(&shell->sh, strncmp(s->said, "note: ", 6) != 0, "%s", s->said);
    if (s->error.text[0] && strcmp(s->error.text, shell->sh.status.error.text) != 0)
        messages_add(&shell->sh.messages, true, s->error.text,
                     time(NULL)); /* shown from the status */
    const bool moved = strcmp(s->device, shell->sh.status.device) != 0;
    shell->sh.status = *s;
    if (moved && shell->sh.workbench)
        shell_entitle(shell);
}

/* ---- what goes to the worker */
void shell_wish(struct shell *shell, struct wish *w)
{
    *w = (struct wish){.generation = ++shell->sh.generation,
                       .text = shell->sh.editor.text.s,
                       .n_text = shell->sh.editor.text.n,
                       .join = shell->sh.sliders.join,
                       .bos = shell->sh.bos,
                       .special = shell->sh.sliders.special,
                       .insert = sliders_insert(&shell->sh.sliders),
                       .dict = shared_dict(&shell->sh),
                       .n_units = shell->sh.sliders.n,
                       .watch = UNIT_NONE,
                       .cursor = shared_cursor(&shell->sh),
                       .n_next = SESSION_MAX_NEXT,
                       .losses = true,
                       .pair = shell->sh.pair,
                       .refsets = !shell->sh.refsets_paused};
    struct sliders in_force = shared_in_force(&shell->sh);
    memcpy(w->unit, in_force.unit, sizeof w->unit);
    if (shell->sh.colour_unit.dict >= 0 &&
        sliders_find(&shell->sh.sliders, shell->sh.colour_unit) < 0)
        w->watch = shell->sh.colour_unit;
    shell->sh.wish_changed = false;
}

void shell_save(const struct shell *shell, struct saved_state *s)
{
    shell_look(shell, s);
    s->text = malloc(shell->sh.editor.text.n + 1);
    if (s->text) {
        memcpy(s->text, shell->sh.editor.text.s, shell->sh.editor.text.n + 1);
        s->n_text = shell->sh.editor.text.n;
    }
}

void shell_look(const struct shell *shell, struct saved_state *s)
{
    static const char *const names[N_COLOURINGS] = {"pre", "act", "loss", "delta"};
    state_init(s);
    s->cursor = shell->sh.editor.cursor;
    snprintf(s->colour, sizeof s->colour, "%s", names[shell->sh.colouring]);
    if (shell->views.now != HOME)
        snprintf(s->view, sizeof s->view, "%s", shell->views.table[shell->views.now]->name);
    s->has_unit = !unit_same(shell->sh.colour_unit, UNIT_UNSET);
    s->unit = shell->sh.colour_unit;
    s->has_units = shell->sh.sliders.n > 0;
    s->sliders = shell->sh.sliders;
    dict_set_copy_plan(&shell->dicts, &s->dicts);
    s->has_insert = true;
}

/* ---- size, picture */

void shell_resize(struct shell *shell, int w, int h)
{
    bars_compute(&shell->bars, w, h);
    views_let_go(shell);
    shell->sh.follow = shell->sh.redraw = true;
    shell_arrange(shell);
    shell_sync(shell);
}

void shell_go(struct shell *shell, int view)
{
    views_go(shell, view);
}

void shell_draw(const struct shell *shell, struct grid *g)
{
    const struct theme *theme = shell->sh.theme;
    struct painting d = {.shell = shell, .theme = theme, .grid = g, .ascii = theme_ascii(theme)};
    grid_fill(g, (struct rect){0, 0, g->w, g->h}, theme_style(theme, ROLE_TEXT));
    g->cursor_x = g->cursor_y = -1;
    views_draw(shell, g);
    draw_bars(&d);
    draw_overlay(&d);
}
