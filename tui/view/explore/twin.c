/* Lines in pairs, 1–2, 3–4 …: the losses of the cursor's line and its twin. */
#include "engine/base/strbuf.h"
#include "tui/view/explore/explore_private.h"
#include <math.h>
#include <string.h>

static bool is_blank(const struct textbuf *t, size_t line)
{
    size_t from = t->line[line], to = textbuf_line_end(t, line);
    while (from < to && (t->s[from] == ' ' || t->s[from] == '\t'))
        from++;
    return from == to;
}

int twin_lines(const struct explore *ex, size_t line[2])
{
    const struct textbuf *t = &ex->sh->editor.text;
    size_t at = textbuf_line_of(t, ex->sh->editor.cursor), other = at ^ 1;
    line[0] = line[1] = at;
    if (other >= t->n_lines || is_blank(t, at) || is_blank(t, other))
        return 1;
    line[0] = at < other ? at : other;
    line[1] = line[0] + 1;
    return 2;
}

/* ---- numbers */
struct range { /* bytes of the snapshot's text */
    size_t from, to;
};

static struct range range_of(const struct explore *ex, size_t line, bool *same)
{
    const struct textbuf *t = &ex->sh->editor.text;
    const struct snapshot *s = ex->sh->snapshot;
    size_t from = t->line[line], to = textbuf_line_end(t, line);
    bool from_exact, to_exact;
    struct range r = {map_to_old(&ex->sh->map, from, &from_exact),
                      map_to_old(&ex->sh->map, to, &to_exact)};
    *same = from_exact && to_exact && r.to >= r.from && r.to - r.from == to - from &&
            r.to <= s->n_text && memcmp(s->text + r.from, t->s + from, to - from) == 0;
    return r;
}

static bool lane_is_there(const struct snapshot *s, const struct line_view *l, int lane)
{
    const struct line_losses *p = l->loss[lane];
    return l->tokens && p && p->complete && p->n == l->tokens->n && p->key == s->lane_key[lane];
}

/* Means over the tokens of a range that have a loss; false: not all of them are there yet. */
static bool mean_of(const struct snapshot *s, struct range r, double mean[N_LANES])
{
    double sum[N_LANES] = {0};
    int64_t n[N_LANES] = {0};
    for (int32_t k = 0; k < s->n_lines && s->line[k].start <= r.to; k++) {
        const struct line_view *l = &s->line[k];
        if (l->end < r.from || l->start == l->end)
            continue;
        for (int lane = 0; lane < N_LANES; lane++) {
            if (lane == LANE_FIXED && !s->any_fixed)
                continue;
            if (!lane_is_there(s, l, lane))
                return false;
            for (int32_t i = 0; i < l->tokens->n; i++) {
                size_t at = l->start + (size_t)l->tokens->token[i].start;
                double loss = (double)l->loss[lane]->loss[i];
                if (at < r.from || at >= r.to || !isfinite(loss))
                    continue;
                sum[lane] += loss;
                n[lane]++;
            }
        }
    }
    for (int lane = 0; lane < N_LANES; lane++)
        mean[lane] = n[lane] > 0 ? sum[lane] / (double)n[lane] : (double)NAN;
    return true;
}

void twin_update(struct explore *ex)
{
    struct pair_shown p = {.valid = true}, *old = &ex->pair;
    const struct snapshot *s = ex->sh->snapshot;
    if (!ex->twin || !s)
        return;
    p.n = twin_lines(ex, p.line);
    bool complete = true,
         as_before = old->valid && old->n == p.n && memcmp(old->line, p.line, sizeof p.line) == 0;
    for (int i = 0; i < p.n; i++) {
        bool same;
        struct range r = range_of(ex, p.line[i], &same);
        if (!same)
            p.other_text = true;
        else
            complete = mean_of(s, r, p.mean[i]) && complete;
    }
    if (ex->sh->sliders.join && ex->sh->loss.version != ex->sh->editor.version)
        p.other_text = true; /* one sequence: a line's losses hang on those before it */
    p.of = (struct sliders){.n = s->n_units, .insert = s->insert};
    memcpy(p.of.unit, s->unit, sizeof p.of.unit);
    if (complete && !p.other_text)
        *old = p;
    else if (as_before) /* with the values they belong to, or as another text's */
        old->other_text = old->other_text || p.other_text;
    else
        *old = (struct pair_shown){.n = p.n, .line = {p.line[0], p.line[1]}};
}

/* ---- commands */
void twin_switch(struct explore *ex, bool on)
{
    size_t line[2];
    ex->twin = on;
    ex->pair = (struct pair_shown){0};
    twin_update(ex);
    if (on && twin_lines(ex, line) == 1)
        shared_message(ex->sh, false,
                       "line %zu has no twin: lines stand in pairs, 1 and 2, 3 and 4 and so on",
                       line[0] + 1);
    else
        shared_message(ex->sh, false,
                       on ? "losses of lines in pairs: a line and its twin"
                          : "losses of all lines");
    ex->sh->redraw = true;
}

/* A sentence on one line. */
static void add_line(struct strbuf *out, const char *sentence)
{
    for (const char *p = sentence; *p; p++)
        strbuf_addc(out, *p == '\n' || *p == '\r' ? ' ' : *p);
}

bool twin_reference(struct explore *ex, long n)
{
    const struct workbench *wb = ex->sh->workbench;
    if (!wb) {
        shared_message(ex->sh, false, "still loading");
        return true;
    }
    if (wb->n_live > 1 && wb->set[0].n != wb->set[1].n) {
        shared_message(ex->sh, true,
                       "the references are no pairs: %s has %d sentences, %s %d, expected as many",
                       wb->set[0].label, wb->set[0].n, wb->set[1].label, wb->set[1].n);
        return true;
    }
    long most = wb->n_live < 2 ? 0 : wb->set[0].n;
    if (most == 0 || n < 1 || n > most) {
        shared_message(ex->sh, true,
                       most == 0 ? wb->n_live == 0
                                       ? "there are no reference sentences: --bundle FILE has them"
                                       : "the reference texts are no pairs"
                                 : "pair %ld: expected 1 … %ld",
                       n, most);
        return most == 0;
    }
    struct strbuf text;
    strbuf_init(&text);
    add_line(&text, wb->set[0].sentence[n - 1]);
    strbuf_addc(&text, '\n');
    add_line(&text, wb->set[1].sentence[n - 1]);
    shared_go(ex->sh, VIEW_EXPLORE);
    shared_replace_text(ex->sh, text.s, text.len);
    strbuf_release(&text);
    twin_switch(ex, true);
    shared_message(ex->sh, false, "reference pair %ld of %ld: %s, %s", n, most, wb->set[0].label,
                   wb->set[1].label);
    return true;
}
