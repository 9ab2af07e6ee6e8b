/* The pane of studies on the screen. */
#include "tui/unit_words.h"
#include "tui/view/job_line.h"
#include "tui/view/neurons/neurons_private.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

static const struct table *table_of(const struct neurons_drawing *d, const char *name)
{
    return watch_table(&d->v->study[d->v->shown], name);
}

void neurons_study_title(const struct neurons_drawing *d, const char *unit, char *out, size_t n)
{
    const char *s = neurons_shown[d->v->shown].title, *at = strstr(s, "%s");
    snprintf(out, n, "%.*s%s%s", (int)(at - s), s, unit, at + 2);
}

/* Which keys lead to the others. */
void neurons_study_note(const struct neurons_drawing *d, char *out, size_t n)
{
    size_t at = 0;
    const struct watch *w = &d->v->study[d->v->shown];
    if (w->job.id && job_is_pending(&w->job) && d->v->shown != SHOWS_BOOSTS) {
        job_working_text(&w->job, d->in->ascii, 30, out, n);
        return;
    }
    for (int k = 0; k < N_SHOWN && at < n; k++) {
        char key[16];
        action_key(neurons_shown[k].key, key, sizeof key);
        at += (size_t)snprintf(out + at, n - at, "%s%s", k ? " " : "", key);
    }
}

/* ---- tables as rows of names and numbers */
struct number_column {
    const char *name;
    int decimals;
    bool is_signed;
};

/* Without the unit that all chains begin with and the loss that they end at. */
static const char *way_of(const char *chain, bool ascii, char out[160])
{
    static const char arrow[] = " → ";
    const size_t n = strlen(arrow);
    const char *from = strstr(chain, arrow), *to = from ? strstr(from + n, arrow) : NULL;
    struct strbuf way;
    strbuf_init(&way);
    if (!to) /* past all of them */
        strbuf_adds(&way, "direct");
    for (const char *s = from; to; s = to, to = strstr(to + n, arrow))
        strbuf_addf(&way, "%s%.*s",
                    s == from ? ""
                    : ascii   ? " > "
                              : arrow,
                    (int)(to - s - (long)n), s + n);
    snprintf(out, 160, "%s", way.s);
    strbuf_release(&way);
    return out;
}

static void draw_numbers(const struct neurons_drawing *d, struct rect r, const struct table *t,
                         const char *const *label, const struct number_column *column, int n)
{
    enum { COLUMN = 8 };
    const int names = r.w - n * COLUMN > 10 ? r.w - n * COLUMN : 10;
    for (int i = 0; i < r.h && d->v->rows.top + i < t->n_rows; i++) {
        const int64_t row = d->v->rows.top + i;
        const bool chosen = d->v->focus == PART_STUDY && row == d->v->rows.selected;
        const struct style s = neurons_style(d, chosen ? ROLE_SELECTION : ROLE_TEXT);
        struct rect at = {r.x, r.y + i, names - 1, 1};
        if (chosen)
            grid_fill(d->g, (struct rect){r.x, r.y + i, r.w, 1}, s);
        at = rect_clip(at, r);
        for (int l = 0; label[l]; l++) {
            const char *text = column_str(t, row, column_text(t, label[l]));
            char name[UNIT_NAME_MAX], way[160];
            const struct unit_id unit =
                l == 0 && strcmp(label[0], "unit") == 0
                    ? unit_in(&d->in->workbench->dicts, t, row, column_unit(t))
                    : UNIT_NONE;
            if (unit.dict >= 0)
                text = unit_label(d->in->workbench, unit, name);
            else if (strcmp(label[l], "chain") == 0)
                text = way_of(text, d->in->ascii, way);
            const int x = grid_text_cut(d->g, at, at.x, at.y, s, text, strlen(text), d->in->ascii);
            at.w -= x + 1 - at.x;
            at.x = x + 1;
        }
        for (int c = 0; c < n; c++) {
            const double x = column_f64(t, row, column_number(t, column[c].name));
            char number[32];
            (column[c].is_signed ? signed_number : plain_number)(
                x, column[c].decimals, d->in->ascii, number, sizeof number);
            neurons_right(d, r, r.x + names + (c + 1) * COLUMN - 1, r.y + i, s, number);
        }
    }
}

static void heads(const struct neurons_drawing *d, struct rect *r, const char *const *head, int n)
{
    enum { COLUMN = 8 };
    const int names = r->w - n * COLUMN > 10 ? r->w - n * COLUMN : 10;
    if (r->h < 3)
        return;
    for (int c = 0; c < n; c++)
        neurons_right(d, *r, r->x + names + (c + 1) * COLUMN - 1, r->y, neurons_style(d, ROLE_DIM),
                      head[c]);
    r->y++;
    r->h--;
}

static void draw_patch(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    static const char *const label[] = {"component", "class", NULL}, *const head[] = {"loss", "%"};
    static const struct number_column column[] = {{"loss", 2, false}, {"percent", 2, true}};
    heads(d, &r, head, 2);
    draw_numbers(d, r, t, label, column, 2);
}

static void draw_effects(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    static const char *const label[] = {"class", NULL}, *const head[] = {"total", "direct",
                                                                         "indir."};
    static const struct number_column column[] = {
        {"total", 4, true}, {"direct", 4, true}, {"indirect", 4, true}};
    heads(d, &r, head, 3);
    draw_numbers(d, r, t, label, column, 3);
}

static void draw_downstream(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    static const char *const label[] = {"unit", NULL}, *const head[] = {"mean", "sd"};
    static const struct number_column column[] = {{"mean", 2, true}, {"sd", 2, false}};
    heads(d, &r, head, 2);
    draw_numbers(d, r, t, label, column, 2);
}

static void draw_chains(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    static const char *const label[] = {"class", "chain", NULL}, *const head[] = {"on", "off"};
    static const struct number_column column[] = {{"on", 4, true}, {"off", 4, true}};
    heads(d, &r, head, 2);
    draw_numbers(d, r, t, label, column, 2);
}

static void draw_similar(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    static const char *const label[] = {"other", NULL}, *const head[] = {"cosine"};
    static const struct number_column column[] = {{"cosine", 3, true}};
    heads(d, &r, head, 1);
    draw_numbers(d, r, t, label, column, 1);
}

/* ---- plots */
static void draw_plot(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    struct plot_options o;
    plot_options_init(&o);
    o.glyphs = d->in->ascii ? PLOT_ASCII : PLOT_BRAILLE;
    o.title = "";
    o.bare = r.h < 4 || r.w < 16;
    plot_cells(t, &o, d->in->theme, d->g, r, NULL);
}

static void draw_shift(const struct neurons_drawing *d, struct rect r, const struct table *t)
{
    static const char *const label[] = {"unit", "class", NULL}, *const head[] = {"on", "off",
                                                                                 "shift"};
    static const struct number_column column[] = {
        {"on", 2, false}, {"off", 2, false}, {"shift", 2, true}};
    const struct table *h = table_of(d, "histogram");
    const int rows = (int)t->n_rows + 1;
    struct rect top = r;
    top.h = h && r.h > rows + 4 ? rows : r.h;
    heads(d, &top, head, 3);
    draw_numbers(d, top, t, label, column, 3);
    if (h && r.h > rows + 4) {
        struct plot_options o;
        plot_options_init(&o);
        neurons_plot(d->v, d->in->ascii, &o);
        o.title = "";
        plot_cells(h, &o, d->in->theme, d->g, (struct rect){r.x, r.y + rows, r.w, r.h - rows},
                   NULL);
    }
}

/* ---- tokens */
static void hex_text(const struct neurons_drawing *d, const struct table *t, int64_t row,
                     char out[LABEL_MAX])
{
    const char *hex = column_str(t, row, column_text(t, "bytes"));
    char bytes[LABEL_MAX];
    size_t n = 0;
    unsigned byte;
    for (; n < sizeof bytes && sscanf(hex + 2 * n, "%2x", &byte) == 1; n++)
        bytes[n] = (char)byte;
    if (n > 0) /* of a part of a character, too */
        token_label(bytes, n, d->in->ascii, out);
    else
        snprintf(out, LABEL_MAX, "id %.0f", column_f64(t, row, column_number(t, "id")));
}

static void draw_boosts(const struct neurons_drawing *d, struct rect r)
{
    static const char *const name[] = {"boosted", "inhibited"};
    const int w = r.w / 2;
    int64_t n = 0;
    for (int c = 0; c < 2; c++) {
        const struct table *t = table_of(d, name[c]);
        n += t ? t->n_rows : 1;
        for (int64_t i = d->v->rows.top; t && i < t->n_rows && i - d->v->rows.top < r.h; i++) {
            char label[LABEL_MAX];
            hex_text(d, t, i, label);
            neurons_token(d, (struct rect){r.x + c * w, r.y + (int)i - d->v->rows.top, w - 1, 1},
                          label, column_f64(t, i, column_number(t, "boost")), 20);
        }
    }
    if (n == 0)
        pane_say(d->g, r, neurons_style(d, ROLE_DIM),
                 "no token has norms within the bounds: glimt neuron boosts --min-embed 0");
}

/* The texts from the selected one on, each token coloured by what it loses. */
static void draw_examples(const struct neurons_drawing *d, struct rect r, const struct table *texts)
{
    const struct table *t = table_of(d, "rows");
    int y = r.y;
    for (int64_t at = d->v->rows.selected; t && at < texts->n_rows && y < r.y + r.h; at++, y++) {
        const double doc = column_f64(texts, at, column_number(texts, "doc"));
        char score[32];
        int x = r.x;
        signed_number(column_f64(texts, at, column_number(texts, "score")), 1, d->in->ascii, score,
                      sizeof score);
        x = grid_text(d->g, r, x, y, neurons_style(d, ROLE_DIM), score, strlen(score)) + 1;
        for (int64_t i = 0; i < t->n_rows && y < r.y + r.h; i++) {
            const double of = column_f64(t, i, column_number(t, "doc"));
            const char *text = column_str(t, i, column_text(t, "text"));
            char label[LABEL_MAX];
            if (of < doc || of > doc)
                continue;
            if (!*text || *text == '\n')
                hex_text(d, t, i, label), text = label;
            const int w = text_width(text);
            if (x + w > r.x + r.w && x > r.x) {
                x = r.x;
                y++;
            }
            if (y < r.y + r.h)
                x = grid_text(d->g, r, x, y,
                              neurons_shade(d, column_f64(t, i, column_number(t, "difference")), 1),
                              text, strlen(text));
        }
    }
}

/* ---- whichever it is */
static void say_key(const struct neurons_drawing *d, struct rect r)
{
    char key[16], text[120];
    action_key(neurons_shown[d->v->shown].key, key, sizeof key);
    if (d->v->shown == SHOWS_SHIFT && !neurons_study_fits(d->v, SHOWS_DOWNSTREAM)) {
        action_key(neurons_shown[SHOWS_DOWNSTREAM].key, key, sizeof key);
        snprintf(text, sizeof text, "of which later unit? %s lists them", key);
    } else {
        snprintf(text, sizeof text, "not measured for this unit at these values: %s does", key);
    }
    pane_say(d->g, r, neurons_style(d, ROLE_DIM), text);
}

void neurons_draw_study(const struct neurons_drawing *d, struct rect r)
{
    const enum neurons_study k = d->v->shown;
    const struct watch *w = &d->v->study[k];
    const struct table *t = table_of(d, neurons_shown[k].table);
    if (k != SHOWS_BOOSTS && d->v->unit.dict >= 0 && !neurons_study_fits(d->v, k)) {
        say_key(d, r);
        return;
    }
    if (!t) {
        neurons_waiting(d, w->job.id ? w : &d->v->classify, r);
        return;
    }
    switch (k) {
    case SHOWS_BOOSTS: draw_boosts(d, r); break;
    case SHOWS_ATTRIBUTION: draw_plot(d, r, t); break;
    case SHOWS_PATCH: draw_patch(d, r, t); break;
    case SHOWS_EFFECTS: draw_effects(d, r, t); break;
    case SHOWS_DOWNSTREAM: draw_downstream(d, r, t); break;
    case SHOWS_SHIFT: draw_shift(d, r, t); break;
    case SHOWS_CHAINS: draw_chains(d, r, t); break;
    case SHOWS_SIMILAR: draw_similar(d, r, t); break;
    default: draw_examples(d, r, t); break;
    }
}
