/* Explore's panes as tables, and its text and sliders as a command line. */
#include "engine/base/memory.h"
#include "tui/unit_words.h"
#include "tui/view/explore/explore_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { FIXED_COLUMNS = 7 };

static struct table *tokens_columns(const struct explore *ex)
{
    struct table *t = table_new("tokens", "Tokens", MARK_LIST);
    char name[UNIT_NAME_MAX + 8], unit[UNIT_NAME_MAX];
    table_column(t, "index", "", "token of the text", COLUMN_I64, COLUMN_KEY);
    table_column(t, "start", "bytes", "first byte in the text", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "end", "bytes", "byte after its last", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "loss.plain", "nats", "nothing inserted", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "loss.base", "nats", "inserted, nothing fixed", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "loss.fixed", "nats", "with the fixed values", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "text", "", "its part of the text", COLUMN_STR, COLUMN_TEXT);
    for (int i = 0; i < ex->sh->sliders.n; i++) {
        snprintf(name, sizeof name, "pre.%s",
                 unit_label(ex->sh->workbench, ex->sh->sliders.unit[i].id, unit));
        table_column(t, name, "", "pre-activation", COLUMN_F64, COLUMN_TEXT);
    }
    return t;
}

static void token_row(struct table *t, const struct explore *ex, const struct line_view *l,
                      int32_t i)
{
    const struct token *token = &l->tokens->token[i];
    size_t start = l->start + (size_t)token->start, end = l->start + (size_t)token->end;
    int64_t row = table_row(t);
    table_set_i64(t, row, 0, l->first_token + i);
    table_set_i64(t, row, 1, (int64_t)start);
    table_set_i64(t, row, 2, (int64_t)end);
    for (int lane = 0; lane < N_LANES; lane++)
        if (l->loss[lane] && i < l->loss[lane]->n)
            table_set_f64(t, row, 3 + lane, (double)l->loss[lane]->loss[i]);
    table_set_strn(t, row, 6, ex->sh->snapshot->text + start, end - start);
    struct here h = {.valid = true, .line = l, .i = i};
    for (int u = 0; u < ex->sh->sliders.n; u++) {
        float pre, act;
        if (here_unit(&h, ex->sh->sliders.unit[u].id, &pre, &act))
            table_set_f64(t, row, FIXED_COLUMNS + u, (double)pre);
    }
}

static struct table *tokens_table(const struct explore *ex)
{
    struct table *t = tokens_columns(ex);
    const struct snapshot *s = ex->sh->snapshot;
    for (int32_t n = 0; n < s->n_lines; n++)
        for (int32_t i = 0; s->line[n].tokens && i < s->line[n].tokens->n; i++)
            token_row(t, ex, &s->line[n], i);
    return t;
}

/* Which unit a row is of: its number, of several dictionaries its name. */
static void unit_column(struct table *t, const struct explore *ex)
{
    if (ex->sh->workbench->dicts.n > 1)
        table_column(t, "unit", "", "its name", COLUMN_STR, COLUMN_KEY);
    else
        table_column(t, "latent", "", "index", COLUMN_I64, COLUMN_KEY);
}

static void set_unit(struct table *t, int64_t row, const struct explore *ex, struct unit_id id)
{
    char name[UNIT_NAME_MAX];
    if (ex->sh->workbench->dicts.n > 1)
        table_set_str(t, row, 0, unit_label(ex->sh->workbench, id, name));
    else
        table_set_i64(t, row, 0, id.index);
}

static struct table *active_table(const struct explore *ex)
{
    char title[] = "Active latents at the token";
    unit_words_in(ex->sh->workbench, title);
    struct table *t = table_new("active", title, MARK_BAR);
    struct here h = shared_here(ex->sh, ex->sh->snapshot);
    struct unit_id id;
    float value;
    unit_column(t, ex);
    int32_t act = table_column(t, "act", "", "activation", COLUMN_F64, COLUMN_Y);
    for (int32_t i = 0; i < here_n_active(&h) && here_active(&h, i, &id, &value); i++) {
        int64_t row = table_row(t);
        set_unit(t, row, ex, id);
        table_set_f64(t, row, act, (double)value);
    }
    return t;
}

static struct table *next_table(const struct explore *ex)
{
    struct table *t = table_new("next", "Next tokens", MARK_LIST);
    const struct snapshot *s = ex->sh->snapshot;
    const struct next_list *list[] = {&s->next_plain, &s->next_base, &s->next_fixed};
    static const char *const lane[] = {"plain", "base", "fixed"};
    table_column(t, "lane", "", "plain, inserted, with the fixed values", COLUMN_STR, COLUMN_KEY);
    table_column(t, "id", "", "token", COLUMN_I64, COLUMN_TEXT);
    table_column(t, "p", "share", "probability", COLUMN_F64, COLUMN_Y);
    table_column(t, "text", "", "the token", COLUMN_STR, COLUMN_TEXT);
    for (int k = 0; k < 3; k++)
        for (int32_t i = 0; i < list[k]->n; i++) {
            size_t n = 0;
            int64_t row = table_row(t);
            const char *bytes = tokenizer_bytes(ex->sh->workbench->tokenizer, list[k]->id[i], &n);
            table_set_str(t, row, 0, lane[k]);
            table_set_i64(t, row, 1, list[k]->id[i]);
            table_set_f64(t, row, 2, (double)list[k]->p[i]);
            if (n > 0)
                table_set_strn(t, row, 3, bytes, n);
        }
    return t;
}

static struct table *sliders_table(const struct explore *ex)
{
    struct table *t = table_new("sliders", "Fixed values", MARK_LIST);
    unit_column(t, ex);
    table_column(t, "fixed", "", "takes effect", COLUMN_BOOL, COLUMN_TEXT);
    table_column(t, "value", "", "of the slider", COLUMN_F64, COLUMN_Y);
    for (int i = 0; i < ex->sh->sliders.n; i++) {
        int64_t row = table_row(t);
        set_unit(t, row, ex, ex->sh->sliders.unit[i].id);
        table_set_bool(t, row, 1, ex->sh->sliders.unit[i].fixed);
        table_set_f64(t, row, 2, (double)ex->sh->sliders.unit[i].value);
    }
    return t;
}

static struct table *loss_table(const struct explore *ex)
{
    struct table *t = table_new("loss", "Loss", MARK_LIST);
    const struct snapshot *s = ex->sh->snapshot;
    table_column(t, "of", "", "this text, or a class of the references", COLUMN_STR, COLUMN_KEY);
    table_column(t, "base", "nats", "inserted, nothing fixed", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "fixed", "nats", "with the fixed values", COLUMN_F64, COLUMN_TEXT);
    table_column(t, "difference", "nats", "fixed − base", COLUMN_F64, COLUMN_Y);
    table_column(t, "half", "nats", "half width of the 95 % interval of the difference", COLUMN_F64,
                 COLUMN_TEXT);
    int64_t row = table_row(t);
    table_set_str(t, row, 0, "this text");
    table_set_f64(t, row, 1, s->loss_mean[LANE_BASE]);
    table_set_f64(t, row, 2, s->loss_mean[LANE_FIXED]);
    table_set_f64(t, row, 3, s->loss_mean[LANE_FIXED] - s->loss_mean[LANE_BASE]);
    for (int32_t i = 0; i < s->n_refsets; i++) {
        const struct refset_view *v = &s->refset[i];
        row = table_row(t);
        table_set_str(t, row, 0, v->label);
        table_set_f64(t, row, 1, v->base_valid ? v->base.mean : NAN);
        table_set_f64(t, row, 2, v->fixed_valid ? v->fixed.mean : NAN);
        table_set_f64(t, row, 3, v->fixed_valid ? v->diff.mean : NAN);
        table_set_f64(t, row, 4, v->fixed_valid ? v->diff.half : NAN);
    }
    return t;
}

static struct table *pane_table(const struct explore *ex)
{
    switch (ex->focus) {
    case PANE_LATENTS: return active_table(ex);
    case PANE_NEXT: return next_table(ex);
    case PANE_SLIDERS: return sliders_table(ex);
    case PANE_LOSS: return loss_table(ex);
    case PANE_HISTOGRAM: return histogram_table(ex) ? table_copy(histogram_table(ex)) : NULL;
    default: return tokens_table(ex);
    }
}

struct table *explore_make_table(const void *view, const struct view_in *in)
{
    (void)in;
    const struct explore *ex = view;
    return ex->sh->snapshot && ex->sh->workbench ? pane_table(ex) : NULL;
}

/* ---- the command line */
static void add_fixed(const struct explore *ex, struct strbuf *out)
{
    bool first = true;
    for (int i = 0; i < ex->sh->sliders.n; i++)
        if (ex->sh->sliders.unit[i].fixed) {
            char name[UNIT_NAME_MAX];
            strbuf_addf(out, "%s%s=%.9g", first ? " --fix " : ",",
                        unit_label(ex->sh->workbench, ex->sh->sliders.unit[i].id, name),
                        (double)ex->sh->sliders.unit[i].value);
            first = false;
        }
}

void explore_command_line(const void *view, const struct options *o, struct strbuf *out)
{
    const struct explore *ex = view;
    struct request r;
    struct unit_id unit[UNITS_MAX];
    struct strbuf line;
    strbuf_init(&line);
    request_init(&r, &lens_query); /* its units and the session's options */
    request_set_units(&r, unit, shared_units(ex->sh, unit));
    request_command(&r, o, ex->sh->workbench ? &ex->sh->workbench->dicts : NULL, &line);
    strbuf_adds(out, "glimt analyze ");
    request_quote(out, ex->sh->editor.text.s);
    strbuf_adds(out, line.s + strlen("glimt logit-lens"));
    strbuf_release(&line);
    add_fixed(ex, out);
    const struct insertion in = sliders_insert(&ex->sh->sliders);
    const bool fixed = sliders_any_fixed(&ex->sh->sliders);
    if (!insertion_same(in, insertion_of(fixed ? INSERT_SAE : INSERT_NONE))) {
        strbuf_adds(out, " --insert ");
        insertion_print(ex->sh->workbench ? &ex->sh->workbench->dicts : NULL, in, out);
    }
    if (ex->sh->sliders.join)
        strbuf_adds(out, " --context join");
    if (ex->sh->sliders.special)
        strbuf_adds(out, " --special");
    request_release(&r);
}
