#include "tui/view/job_line.h"
#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- pieces */
void count_text(double v, char *out, size_t n)
{
    char digits[32];
    size_t w = 0;
    if (n == 0)
        return;
    out[0] = 0;
    if (!isfinite(v) || fabs(v) > 1e15)
        return;
    int len = snprintf(digits, sizeof digits, "%.0f", v);
    for (int i = 0; i < len && w + 2 < n; i++) {
        out[w++] = digits[i];
        int behind = len - 1 - i;
        if (behind > 0 && behind % 3 == 0 && digits[i] != '-')
            out[w++] = ',';
    }
    out[w] = 0;
}

void duration_text(double s, char *out, size_t n)
{
    if (!isfinite(s) || s < 0 || s > 1e9)
        snprintf(out, n, "%s", "");
    else if (s < 9.95)
        snprintf(out, n, "%.1f s", s);
    else if (s < 120)
        snprintf(out, n, "%.0f s", s);
    else if (s < 3600)
        snprintf(out, n, "%.0f min", s / 60);
    else
        snprintf(out, n, "%.0f h %02d min", floor(s / 3600), (int)fmod(s, 3600) / 60);
}

void bar_text(double share, int w, bool ascii, char *out, size_t n)
{
    static const char *const eighth[] = {"", "▏", "▎", "▍", "▌", "▋", "▊", "▉", "█"};
    share = !(share > 0) ? 0 : share > 1 ? 1 : share;
    int k = (int)lround(share * w * 8);
    size_t at = 0;
    out[0] = 0;
    for (int i = 0; i < w; i++, k -= 8) {
        int part = k < 0 ? 0 : k > 8 ? 8 : k;
        const char *glyph = part == 0 ? " " : ascii ? (part < 4 ? "-" : "#") : eighth[part];
        if (at + strlen(glyph) >= n)
            break;
        at += (size_t)snprintf(out + at, n - at, "%s", glyph);
    }
}

double job_share(const struct job *j)
{
    double v = j->progress.share;
    return !(v > 0) ? 0 : v > 1 ? 1 : v;
}

/* Three digits that count: a rate jitters in the others. */
static double rounded(double v)
{
    if (!(v >= 1000))
        return v;
    double unit = pow(10, floor(log10(v)) - 2);
    return round(v / unit) * unit;
}

/* ---- what is asked */
static const char *word_of(const struct job *j)
{
    return j->request.query ? j->request.query->name : "";
}

void job_line_what(const struct job *j, char *out, size_t n)
{
    const struct unit_id *unit;
    char name[UNIT_NAME_MAX];
    int32_t n_units = request_units(&j->request, &unit);
    if (n_units == 1) {
        unit_name(j->dicts, unit[0], name);
        snprintf(out, n, "%s %s", word_of(j), name);
    } else if (n_units > 1)
        snprintf(out, n, "%s of %d latents", word_of(j), (int)n_units);
    else
        snprintf(out, n, "%s", word_of(j));
}

/* ---- the line */
static int columns_of(const struct job_line *l)
{
    int w = 0;
    for (int i = 0; i < l->n; i++)
        w += text_columns(l->segment[i].text, strlen(l->segment[i].text));
    return w;
}

static void add(struct job_line *l, enum theme_role role, const char *before, const char *text)
{
    struct job_segment *s = &l->segment[l->n++];
    s->role = role;
    snprintf(s->text, sizeof s->text, "%s%s", before, text);
}

/* Adds what still fits. */
static bool try_add(struct job_line *l, int columns, enum theme_role role, const char *before,
                    const char *text)
{
    if (!*text ||
        columns_of(l) + text_columns(before, strlen(before)) + text_columns(text, strlen(text)) >
            columns)
        return false;
    add(l, role, before, text);
    return true;
}

static void add_name(const struct job *j, struct job_line *l)
{
    char corpus[128];
    bool running = j->status == JOB_RUNNING && j->what[0];
    add(l, ROLE_TEXT, "", running ? j->what : word_of(j));
    corpus_choice_name(&j->request.corpus, corpus, sizeof corpus);
    if (j->request.query && j->request.query->corpus)
        add(l, ROLE_TEXT, " ", corpus);
}

static void add_running(const struct job *j, bool ascii, int columns, struct job_line *l)
{
    char share[16], bar[96], rate[48], number[32], left[48], time[32];
    if (j->progress.total <= 0) {
        add(l, ROLE_DIM, "", ascii ? "..." : "…");
        return;
    }
    snprintf(share, sizeof share, "%.0f %%", floor(100 * job_share(j)));
    add(l, ROLE_HEADING, "", share);
    int room = columns - columns_of(l) - 3, w = room < 4 ? 0 : room < 40 ? 6 : 16;
    if (w > 0 && w <= room) {
        bar_text(job_share(j), w, ascii, bar, sizeof bar);
        add(l, ROLE_DIM, " ", ascii ? "[" : "▕");
        add(l, ROLE_BAR, "", bar);
        add(l, ROLE_DIM, "", ascii ? "]" : "▏");
    }
    count_text(rounded(j->progress.tokens_per_s), number, sizeof number);
    const bool bytes = j->progress.bytes_per_s > 0;
    if (bytes)
        snprintf(rate, sizeof rate, "%.0f MB/s", j->progress.bytes_per_s / 1e6);
    else
        snprintf(rate, sizeof rate, "%s tokens/s", number);
    duration_text(j->progress.left, time, sizeof time);
    snprintf(left, sizeof left, "%s left", time);
    bool with_rate =
        (bytes || j->progress.tokens_per_s > 0) && try_add(l, columns, ROLE_DIM, " ", rate);
    if (*time)
        try_add(l, columns, ROLE_DIM, with_rate ? ", " : " ", left);
}

void job_line_state(const struct job *j, bool ascii, int columns, struct job_line *l)
{
    char time[32];
    l->n = 0;
    switch (j->status) {
    case JOB_QUEUED: add(l, ROLE_DIM, "", "waits"); break;
    case JOB_RUNNING: add_running(j, ascii, columns, l); break;
    case JOB_DONE:
        duration_text(j->seconds, time, sizeof time);
        add(l, ROLE_DIM,
            j->cached        ? "from the cache"
            : j->seconds > 0 ? "done in "
                             : "done",
            j->cached || j->seconds <= 0 ? "" : time);
        break;
    case JOB_FAILED: add(l, ROLE_ERROR, "", j->error.text); break;
    case JOB_CANCELLED: add(l, ROLE_WARNING, "", "cancelled"); break;
    }
}

void job_line_make(const struct job *j, bool ascii, int columns, struct job_line *out)
{
    struct job_line state;
    out->n = 0;
    add_name(j, out);
    add(out, ROLE_TEXT, j->status == JOB_FAILED ? ": " : " ", "");
    job_line_state(j, ascii, columns - columns_of(out), &state);
    for (int i = 0; i < state.n; i++)
        add(out, state.segment[i].role, "", state.segment[i].text);
}

int job_segments_draw(const struct job_line *l, const struct theme *theme, struct grid *g,
                      struct rect clip, int x, int y)
{
    for (int i = 0; i < l->n; i++)
        x = grid_text(g, clip, x, y, theme_style(theme, l->segment[i].role), l->segment[i].text,
                      strlen(l->segment[i].text));
    return x;
}

int job_line_draw(const struct job *j, const struct theme *theme, struct grid *g, struct rect clip,
                  int x, int y)
{
    struct job_line l;
    job_line_make(j, theme_ascii(theme), clip.x + clip.w - x, &l);
    return job_segments_draw(&l, theme, g, clip, x, y);
}

void job_line_text(const struct job *j, bool ascii, int columns, char *out, size_t n)
{
    struct job_line l;
    size_t at = 0;
    job_line_make(j, ascii, columns, &l);
    if (n > 0)
        out[0] = 0;
    for (int i = 0; i < l.n && at + 1 < n; i++) {
        int k = snprintf(out + at, n - at, "%s", l.segment[i].text);
        at = k < 0 || (size_t)k >= n - at ? n - 1 : at + (size_t)k;
    }
}

/* ---- in words, where there is nothing else yet */
static int columns_in(const char *s)
{
    return text_columns(s, strlen(s));
}

static size_t append(char *out, size_t n, size_t w, const char *what)
{
    int k = w < n ? snprintf(out + w, n - w, "%s", what) : 0;
    return w + (k < 0 ? 0 : (size_t)k);
}

void job_working_text(const struct job *j, bool ascii, int columns, char *out, size_t n)
{
    const char *dot = ascii ? " - " : " · ";
    char corpus[96], start[192], share[24] = "", number[32], rate[64] = "", time[32], left[64] = "";
    corpus_choice_name(&j->request.corpus, corpus, sizeof corpus);
    if (j->status == JOB_QUEUED) {
        snprintf(out, n, "%s waits for what runs", corpus);
        return;
    }
    bool harvest = !j->what[0] || strcmp(j->what, "harvest") == 0;
    snprintf(start, sizeof start, "%s %s %s", harvest ? "harvesting" : j->what, corpus,
             ascii ? "..." : "…");
    if (j->progress.total > 0)
        snprintf(share, sizeof share, " %.0f %%", floor(100 * job_share(j)));
    count_text(round(j->progress.tokens_per_s / 100) * 100, number, sizeof number);
    if (j->progress.tokens_per_s >= 100)
        snprintf(rate, sizeof rate, "%s%s tokens/s", dot, number);
    duration_text(j->progress.left, time, sizeof time);
    if (*time)
        snprintf(left, sizeof left, "%s%s left", dot, time);
    int w = columns_in(start) + columns_in(share);
    size_t at = append(out, n, append(out, n, 0, start), share);
    bool with_left = w + columns_in(left) <= columns;
    if (with_left && w + columns_in(rate) + columns_in(left) <= columns)
        at = append(out, n, at, rate);
    if (with_left)
        append(out, n, at, left);
}
