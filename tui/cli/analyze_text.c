/* An analysed text for people: the running text in colour, then a row a token. */
#include "engine/base/memory.h"
#include "tui/cli/analysis.h"
#include "tui/term/grid.h"
#include "tui/view/label.h"
#include <limits.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    TOKEN_COLUMNS = 16,
    NUMBER_COLUMNS = 8,
    PAIR_COLUMNS = 14,
    NEXT_COLUMNS = 18,
    ROW_COLUMNS = 7 + TOKEN_COLUMNS + NUMBER_COLUMNS /* number, token, loss */
};

/* |pre| that takes the strongest colour: the bundle's 99th percentile, so that it does not depend
 * on this text; else the largest in this text. */
static double unit_scale(const struct analysis *a, struct unit_id unit)
{
    const struct workbench *wb = a->wb;
    const struct bundle_statistics *is = workbench_statistics(wb, unit);
    if (is && is->abs_pre_p99[unit.index] > 0)
        return (double)is->abs_pre_p99[unit.index];
    double scale = 0;
    struct analysis_iterator i = {0};
    struct analysis_token t;
    while (analysis_next(a, &i, &t)) {
        float pre, act;
        analysis_unit(a, &t, unit, &pre, &act);
        scale = fmax(scale, fabs((double)pre));
    }
    return scale;
}

static struct style value_style(const struct theme *theme, double v)
{
    if (!theme || !isfinite(v))
        return (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0};
    return theme_diverging(theme, theme_level(theme, fmax(-1, fmin(1, v)), INT_MIN));
}

static struct style role_style(const struct theme *theme, enum theme_role role)
{
    return theme ? theme_style(theme, role) : (struct style){COLOR_DEFAULT, COLOR_DEFAULT, 0};
}

static void head_dict(const struct dict_place *p, struct strbuf *line)
{
    char hook[POINT_NAME_MAX];
    const struct dict_spec *s = dict_spec(p->dict);
    point_name(p->at, hook);
    strbuf_addf(line, " · %s · %d %s", hook, s->m, p->neurons ? "neurons" : "latents");
    if (!p->neurons && s->k > 0)
        strbuf_addf(line, ", k %d", s->k);
}

static void head(const struct analysis *a, const struct theme *theme)
{
    const struct workbench *wb = a->wb;
    struct strbuf line;
    strbuf_init(&line);
    strbuf_adds(&line, "glimt  ");
    text_add(&line, wb->model_name, strlen(wb->model_name), 0);
    for (int32_t i = 0; i < wb->dicts.n; i++)
        head_dict(&wb->dicts.place[i], &line);
    if (wb->dicts.n == 0)
        strbuf_adds(&line, " · no SAE");
    strbuf_addf(&line, " · %s", wb->backend->name);
    if (wb->backend->caps.capability)
        strbuf_addf(&line, " %s", model_precision(wb->model));
    if (insertion_any(wb->insert)) {
        strbuf_adds(&line, " · insert ");
        insertion_print(&wb->dicts, wb->insert, &line);
    }
    for (int32_t i = 0; i < wb->n_fix; i++) {
        char name[UNIT_NAME_MAX];
        unit_name(&wb->dicts, wb->fix[i].id, name);
        strbuf_addf(&line, "%s%s = %g", i ? ", " : " · fixed ", name, (double)wb->fix[i].value);
    }
    color_add(&a->cli->out, theme, role_style(theme, ROLE_TITLE), line.s);
    strbuf_adds(&a->cli->out, "\n\n");
    strbuf_release(&line);
}

/* Mean of v/scale over the chosen units: what the explorer colours by when all are watched. */
static double token_value(const struct analysis *a, const struct analysis_token *t,
                          const double *scale)
{
    double sum = 0;
    for (int32_t i = 0; i < a->n_chosen; i++) {
        float pre, act;
        analysis_unit(a, t, a->chosen[i], &pre, &act);
        sum += scale[i] > 0 ? (double)pre / scale[i] : 0;
    }
    return a->n_chosen ? sum / a->n_chosen : NAN;
}

static void running_text(const struct analysis *a, const struct theme *theme, const double *scale)
{
    struct strbuf *out = &a->cli->out, glyphs;
    struct analysis_iterator i = {0};
    struct analysis_token t;
    const struct line_view *line = NULL;
    size_t shown = 0; /* tokens may share bytes: each is printed once */
    strbuf_init(&glyphs);
    while (analysis_next(a, &i, &t)) {
        if (line && line != t.line)
            strbuf_addc(out, '\n');
        if (line != t.line)
            shown = t.line->start;
        line = t.line;
        size_t end = line->start + (size_t)line->tokens->token[t.in_line].end;
        if (end <= shown)
            continue;
        strbuf_clear(&glyphs);
        text_add(&glyphs, a->snap->text + shown, end - shown, 0);
        color_add(out, theme, value_style(theme, token_value(a, &t, scale)), glyphs.s);
        shown = end;
    }
    strbuf_clear(&glyphs);
    for (int32_t j = 0; j < a->n_chosen; j++) {
        char name[UNIT_NAME_MAX];
        unit_name(&a->wb->dicts, a->chosen[j], name);
        strbuf_addf(&glyphs, "%s%s",
                    j                 ? ", "
                    : a->n_chosen > 1 ? "colour: mean pre-activation of "
                                      : "colour: ",
                    name);
    }
    if (line)
        strbuf_addc(out, '\n');
    color_add(out, theme, role_style(theme, ROLE_DIM), glyphs.s);
    strbuf_adds(out, line ? "\n\n" : "");
    strbuf_release(&glyphs);
}

struct shown { /* of each token's row, what the screen has room for */
    int32_t chosen, top, next;
};

/* A chosen unit's column holds its name. */
static int unit_columns(const struct analysis *a, int32_t i)
{
    char name[UNIT_NAME_MAX];
    unit_name(&a->wb->dicts, a->chosen[i], name);
    const int n = (int)strlen(name) + 1;
    return n > NUMBER_COLUMNS ? n : NUMBER_COLUMNS;
}

static int chosen_columns(const struct analysis *a, int32_t n)
{
    int columns = 0;
    for (int32_t i = 0; i < n; i++)
        columns += unit_columns(a, i);
    return columns;
}

/* The strongest latents go first, from the weakest; then predictions, then chosen units. */
static struct shown fit(const struct analysis *a, int32_t top)
{
    const int columns = output_columns(a->cli);
    struct shown s = {a->n_chosen, a->wb->dict ? top : 0, a->n_next};
    while (columns > 0) {
        const int over = ROW_COLUMNS + chosen_columns(a, s.chosen) + PAIR_COLUMNS * s.top +
                         NEXT_COLUMNS * s.next - columns;
        if (over <= 0)
            break;
        if (s.top > 0)
            s.top--;
        else if (s.next > 1)
            s.next--;
        else if (s.chosen > 0)
            s.chosen--;
        else
            break;
    }
    return s;
}

static void left_out(const struct analysis *a, const struct theme *theme, const struct shown *s,
                     int32_t top)
{
    struct strbuf line;
    strbuf_init(&line);
    for (int32_t i = s->chosen; i < a->n_chosen; i++) {
        char name[UNIT_NAME_MAX];
        unit_name(&a->wb->dicts, a->chosen[i], name);
        strbuf_addf(&line, "%s%s", line.len > 0 ? ", " : "", name);
    }
    if (a->wb->dict && s->top < top)
        strbuf_addf(&line, "%s%sstrongest", line.len > 0 ? ", " : "",
                    s->top > 0 ? "more of the " : "");
    if (s->next < a->n_next)
        strbuf_addf(&line, "%smore predictions", line.len > 0 ? ", " : "");
    if (line.len > 0) {
        char *text = xasprintf("not shown: %s (wider terminal, --csv or --json)\n", line.s);
        color_add(&a->cli->out, theme, role_style(theme, ROLE_DIM), text);
        free(text);
    }
    strbuf_release(&line);
}

static void column_names(const struct analysis *a, const struct theme *theme, const struct shown *s)
{
    struct strbuf line;
    strbuf_init(&line);
    strbuf_addf(&line, "%5s  ", "#");
    text_add(&line, "token", 5, TOKEN_COLUMNS);
    strbuf_addf(&line, "%*s", NUMBER_COLUMNS, "loss");
    for (int32_t i = 0; i < s->chosen; i++) {
        char name[UNIT_NAME_MAX];
        unit_name(&a->wb->dicts, a->chosen[i], name);
        strbuf_addf(&line, "%*s", unit_columns(a, i), name);
    }
    if (s->top > 0) {
        strbuf_adds(&line, "  ");
        char title[UNIT_NAME_MAX + 16] = "strongest", place[UNIT_NAME_MAX];
        if (a->wb->dicts.n > 1) {
            unit_place_name(&a->wb->dicts, 0, place);
            snprintf(title, sizeof title, "strongest of %s", place);
        }
        text_add(&line, title, strlen(title), s->next ? PAIR_COLUMNS * s->top : 0);
    }
    if (s->next > 0)
        strbuf_adds(&line, "  next");
    while (line.len > 0 && line.s[line.len - 1] == ' ')
        line.s[--line.len] = '\0';
    color_add(&a->cli->out, theme, role_style(theme, ROLE_HEADING), line.s);
    strbuf_addc(&a->cli->out, '\n');
    strbuf_release(&line);
}

static void number(struct strbuf *out, const struct theme *theme, struct style s, int columns,
                   float v)
{
    char cell[UNIT_NAME_MAX + 32];
    if (isfinite(v))
        snprintf(cell, sizeof cell, "%*.2f", columns, (double)v);
    else
        snprintf(cell, sizeof cell, "%*s", columns, "-");
    color_add(out, theme, s, cell);
}

static void token_row(const struct analysis *a, const struct theme *theme,
                      const struct analysis_token *t, const double *scale, const struct shown *s)
{
    static const struct style plain = {COLOR_DEFAULT, COLOR_DEFAULT, 0};
    struct strbuf *out = &a->cli->out;
    size_t n;
    const char *bytes = tokenizer_bytes(a->wb->tokenizer, t->id, &n);
    strbuf_addf(out, "%5d  ", t->index);
    text_add(out, bytes, n, TOKEN_COLUMNS);
    number(out, theme, plain, NUMBER_COLUMNS, t->loss);
    for (int32_t i = 0; i < s->chosen; i++) {
        float pre, act;
        analysis_unit(a, t, a->chosen[i], &pre, &act);
        number(out, theme, value_style(theme, scale[i] > 0 ? (double)pre / scale[i] : NAN),
               unit_columns(a, i), pre);
    }
    int32_t n_top = analysis_n_top(a, t, 0, s->top);
    for (int32_t i = 0; i < n_top || (s->next > 0 && i < s->top); i++) {
        struct unit_id id = {0};
        float value = 0;
        if (i < n_top)
            analysis_top(a, t, 0, i, &id, &value);
        if (i < n_top)
            strbuf_addf(out, "  %5d %6.2f", id.index, (double)value);
        else
            strbuf_addf(out, "%*s", PAIR_COLUMNS, "");
    }
    for (int32_t i = 0; i < s->next; i++) {
        int32_t at = t->index * a->n_next + i;
        bytes = tokenizer_bytes(a->wb->tokenizer, a->next_id[at], &n);
        strbuf_adds(out, "  ");
        char padding[LABEL_MAX];
        padding_label(a->next_id[at], padding);
        if (n > 0)
            text_add(out, bytes, n, NEXT_COLUMNS - 7);
        else
            strbuf_adds(out, padding); /* whole: half an id is another */
        strbuf_addf(out, " %.2f", (double)expf(a->next_logp[at]));
    }
    strbuf_addc(out, '\n');
}

static void foot(const struct analysis *a, const struct theme *theme)
{
    struct strbuf line;
    double shown = a->snap->loss_mean[a->lane], plain = a->snap->loss_mean[LANE_PLAIN];
    strbuf_init(&line);
    strbuf_addf(&line, "%d token%s", a->snap->n_tokens, a->snap->n_tokens == 1 ? "" : "s");
    if (isfinite(shown))
        strbuf_addf(&line, " · mean loss %.3f nats", shown);
    if (a->lane != LANE_PLAIN && isfinite(shown) && isfinite(plain))
        strbuf_addf(&line, " (plain %.3f, %+.3f)", plain, shown - plain);
    for (int32_t i = 0; i < a->wb->dicts.n; i++) {
        char place[UNIT_NAME_MAX];
        if (a->wb->dicts.place[i].neurons || !isfinite(analysis_fvu(a, i)))
            continue;
        strbuf_addf(&line, " · FVU %.3f", analysis_fvu(a, i));
        unit_place_name(&a->wb->dicts, i, place);
        if (a->wb->dicts.n > 1)
            strbuf_addf(&line, " (%s)", place);
    }
    strbuf_addc(&a->cli->out, '\n');
    color_add(&a->cli->out, theme, role_style(theme, ROLE_DIM), line.s);
    strbuf_addc(&a->cli->out, '\n');
    strbuf_release(&line);
}

void analysis_text(const struct analysis *a, const struct theme *theme, int32_t top)
{
    double *scale = xcalloc((size_t)a->n_chosen + 1, sizeof *scale);
    for (int32_t i = 0; i < a->n_chosen; i++)
        scale[i] = unit_scale(a, a->chosen[i]);
    head(a, theme);
    if (theme)
        running_text(a, theme, scale);
    const int32_t k = a->wb->dict ? dict_spec(a->wb->dict)->k : 0;
    top = k > 0 && top > k ? k : top;
    const struct shown s = fit(a, top);
    column_names(a, theme, &s);
    struct analysis_iterator i = {0};
    struct analysis_token t;
    while (analysis_next(a, &i, &t))
        token_row(a, theme, &t, scale, &s);
    left_out(a, theme, &s, top);
    foot(a, theme);
    free(scale);
}
