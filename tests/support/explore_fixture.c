#include "tests/support/explore_fixture.h"
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/session/session_private.h"
#include "engine/text/utf8.h"
#include "tests/support/held_jobs.h"
#include "tests/support/requests.h"
#include "tests/support/testdata.h"
#include "tests/support/unit.h"
#include "tests/support/view_fixture.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define N_LATENTS 3072
static int32_t chosen[] = {1482, 77, 2310, 904, 11, 2047};
static const char *const sentences[] = {"En sætning.", "To."};

/* Eight words as a byte-level vocabulary spells them (Ġ a blank), then the 256 bytes. */
static const char *const words[] = {"Ġholdning", "Ġposition", "ĠParlament", "ets",
                                    "Ġog",       "Ġthe",      "Ġen",        "Ġof"};
enum { N_WORDS = sizeof words / sizeof *words };

/* The character that stands for a byte: itself where it prints, else the next from U+0100 (GPT-2's
 * table). */
static void spell_bytes(struct strbuf *out)
{
    uint32_t next = 256;
    for (uint32_t b = 0; b < 256; b++) {
        bool prints = (b > 32 && b < 127) || (b > 160 && b != 173);
        char s[4];
        size_t n = utf8_encode(prints ? b : next++, s);
        strbuf_addf(out, ",\"%s%.*s\":%d", b == '"' || b == '\\' ? "\\" : "", (int)n, s,
                    N_WORDS + (int)b);
    }
}

static void write_vocabulary(const char *folder)
{
    struct strbuf v;
    strbuf_init(&v);
    for (int i = 0; i < N_WORDS; i++)
        strbuf_addf(&v, "%s\"%s\":%d", i ? "," : "{", words[i], i);
    spell_bytes(&v);
    strbuf_addc(&v, '}');
    free(testdata_write(folder, "vocab.json", v.s, v.len));
    free(testdata_write(folder, "merges.txt", "#version: 0.2\n", 14));
    strbuf_release(&v);
}

/* ---- the world */
static void statistics(struct explore_fixture *f)
{
    struct bundle_statistics *b = &f->statistics;
    b->n_units = N_LATENTS;
    b->fire_share = xcalloc(2 * N_LATENTS, sizeof(float));
    b->pre_median = xcalloc(N_LATENTS, sizeof(float));
    b->abs_pre_p99 = xcalloc(N_LATENTS, sizeof(float));
    for (int i = 0; i < N_LATENTS; i++) {
        bool six = false;
        for (size_t c = 0; c < sizeof chosen / sizeof *chosen; c++)
            six = six || chosen[c] == i;
        b->fire_share[i] = six ? .97f - (float)(i % 7) / 20 : (float)(i % 40) / 100;
        b->fire_share[N_LATENTS + i] = six ? .002f : (float)(i % 23) / 100;
        b->pre_median[i] = six ? 1.5f : -.25f;
        b->abs_pre_p99[i] = 4;
    }
}

/* Nothing is computed here: a dictionary of latents differs by what it says of itself. */
void fixture_neurons(struct explore_fixture *f, bool neurons)
{
    ((struct dict_spec *)(uintptr_t)dict_spec(f->wb.dict))->identity = neurons;
    f->wb.dicts.place[0].neurons = neurons;
}

static void world(struct explore_fixture *f)
{
    struct error e = {0};
    f->folder = testdata_folder();
    write_vocabulary(f->folder);
    if (!tokenizer_open(f->folder, &f->wb.tokenizer, &e))
        fail_msg("%s", e.text);
    f->cls[0] = (struct bundle_class){.name = (char *)"da", .label = (char *)"Danish"};
    f->cls[1] = (struct bundle_class){.name = (char *)"en", .label = (char *)"English"};
    f->bundle = (struct bundle){.n_classes = 2, .cls = f->cls};
    statistics(f);
    f->wb.bundle = &f->bundle;
    f->wb.bundle_is_ours = true;
    f->wb.statistics[0] = &f->statistics;
    f->wb.at = (struct point){3, SITE_MLP_ACT};
    f->wb.dict = dict_neurons(f->wb.at, N_LATENTS);
    dict_set_add(&f->wb.dicts, f->wb.dict, f->wb.at, NULL);
    fixture_neurons(f, false);
    f->wb.model_name = (char *)"demo";
    f->wb.n_chosen = 6;
    for (int i = 0; i < 6; i++)
        f->wb.chosen[i] = UNIT(chosen[i]);
    f->wb.n_sets = f->wb.n_live = 2;
    for (int i = 0; i < 2; i++)
        f->wb.set[i] = (struct reference_set){f->cls[i].name, f->cls[i].label, sentences, 2};
}

void fixture_init(struct explore_fixture *f, const char *text, enum depth depth, bool ascii, int w,
                  int h)
{
    fixture_init_views(f, text, depth, ascii, w, h, view_table, N_VIEWS);
}

void fixture_init_views(struct explore_fixture *f, const char *text, enum depth depth, bool ascii,
                        int w, int h, const struct view_ops *const *views, int n)
{
    struct error e = {0};
    struct saved_state s;
    *f = (struct explore_fixture){0};
    setenv("GLIMT_DATA", ".", 1); /* themes of the tree */
    unsetenv("XDG_CONFIG_HOME");
    unsetenv("HOME");
    if (!theme_open("dark", depth, ascii, &f->theme, &e))
        fail_msg("%s", e.text);
    world(f);
    state_init(&s);
    s.text = text ? xstrdup(text) : NULL;
    s.n_text = s.cursor = text ? strlen(text) : 0;
    shell_init_views(&f->shell, &f->options, &s, views, n);
    f->ex = f->shell.views.state[VIEW_EXPLORE];
    state_release(&s);
    grid_init(&f->grid, w, h, theme_style(f->theme, ROLE_TEXT));
    shell_theme(&f->shell, f->theme);
    shell_resize(&f->shell, w, h);
    shell_loaded(&f->shell, &f->wb);
    strcpy(f->shell.title, "demo · layers.3.mlp.act · 3072 latents, k 32 · cpu");
    strcpy(f->shell.link, "256 colours");
    f->shell.sh.status = (struct service_status){.idle = true};
}

void fixture_theme(struct explore_fixture *f, const char *name)
{
    struct error e = {0};
    struct theme *theme;
    if (!theme_open(name, theme_depth(f->theme), theme_ascii(f->theme), &theme, &e))
        fail_msg("%s", e.text);
    shell_theme(&f->shell, theme);
    theme_free(f->theme);
    f->theme = theme;
}

void fixture_release(struct explore_fixture *f)
{
    shell_release(&f->shell);
    for (int i = 0; i < f->n_jobs; i++) {
        request_release(&f->job[i].request);
        table_set_unref(f->job[i].tables);
    }
    theme_free(f->theme);
    grid_release(&f->grid);
    tokenizer_free(f->wb.tokenizer);
    dict_set_release(&f->wb.dicts);
    free(f->statistics.fire_share);
    free(f->statistics.pre_median);
    free(f->statistics.abs_pre_p99);
    testdata_remove(f->folder);
}

/* ---- whoever answers questions */
static struct table_set *answer_to(const struct request *r)
{
    if (r->query == &bins_query)
        return histogram_tables(units_asked(r), n_units_asked(r));
    return r->query == &sweep_query
               ? fixture_sweep_tables(units_asked(r), n_units_asked(r), 1, false)
               : NULL;
}

static uint64_t ask(void *arg, const struct request *r)
{
    struct explore_fixture *f = arg;
    for (int i = 0; i < f->n_jobs; i++)
        if (f->job[i].status != JOB_CANCELLED && request_equal(&f->job[i].request, r))
            return f->job[i].id;
    if (f->n_jobs == FIXTURE_JOBS)
        fail_msg("more than %d questions", FIXTURE_JOBS);
    struct job *j = &f->job[f->n_jobs++];
    *j = (struct job){.id = (uint64_t)f->n_jobs, .status = JOB_QUEUED, .version = 1};
    request_copy(&j->request, r);
    if (r->only_kept && !f->kept) {
        j->status = JOB_CANCELLED;
        return j->id;
    }
    struct table_set *set = f->hold ? NULL : answer_to(r);
    if (set) {
        j->tables = set;
        j->status = JOB_DONE;
    }
    return j->id;
}

static void cancel(void *arg, uint64_t id)
{
    struct explore_fixture *f = arg;
    f->job[id - 1].status = JOB_CANCELLED;
    f->job[id - 1].version++;
}

static bool get(void *arg, uint64_t id, struct job *out)
{
    const struct explore_fixture *f = arg;
    return held_job(f->job, f->n_jobs, id, out);
}

static int list(void *arg, uint64_t *id, int max)
{
    return held_jobs(((const struct explore_fixture *)arg)->n_jobs, id, max);
}

void fixture_host(struct explore_fixture *f)
{
    const struct job_host host = {.ask = ask, .cancel = cancel, .job = get, .jobs = list, .arg = f};
    shell_host(&f->shell, &host);
    shell_resize(&f->shell, f->shell.bars.w, f->shell.bars.h);
    shell_news(&f->shell);
}

struct job *fixture_job(struct explore_fixture *f, const struct query *query)
{
    for (int i = f->n_jobs - 1; i >= 0; i--)
        if (f->job[i].request.query == query)
            return &f->job[i];
    return NULL;
}

void fixture_answer(struct explore_fixture *f, struct job *j, enum job_status status,
                    struct table_set *set)
{
    if (set) {
        table_set_unref(j->tables);
        j->tables = set;
    }
    j->status = status;
    j->version++;
    shell_news(&f->shell);
}

/* ---- snapshots by rule */
static float value_of(const char *bytes, int32_t n, int32_t unit)
{
    uint64_t h = hash_bytes(HASH_SEED, bytes, (size_t)n);
    h = hash_bytes(h, &unit, sizeof unit);
    return (float)((double)(h % 9001) / 1000 - 4); /* −4 … 5 */
}

static int32_t n_ctx;

void fixture_context(int32_t n)
{
    n_ctx = n;
}

static const struct line_tokens *tokens_of(const char *s, int32_t n)
{
    int32_t count = 0;
    for (int pass = 0;; pass++) {
        int32_t n_windows = n_ctx > 0 && count > n_ctx ? (count - 1) / n_ctx + 1 : 1;
        struct line_tokens *t = pass ? line_tokens_new(count, n_windows) : NULL;
        int32_t start = 0, k = 0;
        for (int32_t i = 1; i <= n; i++)
            if (i == n || s[i] == ' ') {
                if (t)
                    t->token[k] = (struct token){.id = 100 + k, .start = start, .end = i};
                k++;
                start = i;
            }
        count = n > 0 ? k : 0;
        if (t) {
            for (int32_t w = 0; w < n_windows; w++)
                t->window_start[w] = w * n_ctx;
            t->window_start[n_windows] = count;
            return t;
        }
    }
}

static const struct line_latents *latents_of(const struct wish *w, const char *s,
                                             const struct line_tokens *t)
{
    int32_t k = 12, n_watch = w->n_units + (w->watch.dict >= 0);
    struct line_latents *l = line_latents_new(t->n, n_watch);
    l->complete = true;
    for (int32_t u = 0; u < n_watch; u++)
        l->watch[u] = u < w->n_units ? w->unit[u].id : w->watch;
    for (int32_t i = 0; i < t->n; i++) {
        const char *bytes = s + t->token[i].start;
        int32_t n = t->token[i].end - t->token[i].start;
        struct active_latent active[12];
        for (int32_t r = 0; r < k; r++)
            active[r] =
                (struct active_latent){r < w->n_units ? w->unit[r].id.index : 17 * r + 40 + i,
                                       4.5f / (float)(r + 1) * (r == 5 ? -1 : 1)};
        line_latents_set(l, i, active, k);
        for (int32_t u = 0; u < n_watch; u++) {
            float v = value_of(bytes, n, l->watch[u].index);
            l->pre[i * n_watch + u] = v;
            l->act[i * n_watch + u] = v > 1 ? v : 0;
        }
    }
    return l;
}

static double effect(const struct wish *w)
{
    double sum = 0;
    for (int32_t u = 0; u < w->n_units; u++)
        if (w->unit[u].fixed)
            sum += .1 * (double)w->unit[u].value;
    return sum;
}

static uint64_t key_of(const struct wish *w)
{
    uint64_t h = hash_bytes(HASH_SEED, &w->insert, sizeof w->insert);
    for (int32_t u = 0; u < w->n_units; u++)
        if (w->unit[u].fixed) {
            h = hash_bytes(h, &w->unit[u].id.index, sizeof w->unit[u].id.index);
            h = hash_bytes(h, &w->unit[u].value, sizeof w->unit[u].value);
        }
    return h;
}

static const struct line_losses *losses_of(const char *s, const struct line_tokens *t, uint64_t key,
                                           double more)
{
    struct line_losses *l = line_losses_new(t->n, key);
    l->complete = true;
    for (int32_t i = 1; i < t->n; i++)
        l->loss[i] = 4 +
                     value_of(s + t->token[i].start, t->token[i].end - t->token[i].start, -7) / 2 +
                     (float)(more * (i % 3));
    return l;
}

static struct next_list next_of(int shift)
{
    static const int32_t ids[] = {
        0, N_WORDS + '.', 1, N_WORDS + '\n', 2, N_WORDS + 0xC3, 3, 4, 5, 6,
        7, 5000 /* beyond the vocabulary */};
    enum { N = sizeof ids / sizeof *ids };
    struct next_list l = {.n = N};
    float p = .5f;
    for (int i = 0; i < l.n; i++, p /= 2) {
        l.id[i] = ids[(i + shift) % N];
        l.p[i] = p;
    }
    return l;
}

static struct refset_view refset_of(int i, bool fixed, double more, uint64_t key)
{
    struct refset_view v = {
        .name = i ? "en" : "da", .label = i ? "English" : "Danish", .n = 120, .n_total = 120};
    double base = i ? 3.77 : 2.96, change = fixed ? (i ? .05 : 1) * more : 0;
    v.base = (struct estimate){base, .08};
    v.fixed = (struct estimate){base + change, .08};
    v.diff = (struct estimate){change, i ? .01 : .04};
    v.base_valid = true;
    v.fixed_valid = fixed;
    v.key = key;
    if (i && fixed)
        v.n = 80;
    return v;
}

static void cut_lines(struct snapshot *s, const struct wish *w)
{
    size_t start = 0;
    s->line = xcalloc(w->n_text + 2, sizeof *s->line);
    for (size_t i = 0; i <= w->n_text; i++) {
        if (i < w->n_text && (w->text[i] != '\n' || w->join))
            continue;
        struct line_view *l = &s->line[s->n_lines++];
        *l = (struct line_view){.start = start, .end = i, .first_token = s->n_tokens};
        const char *bytes = s->text + start;
        l->tokens = tokens_of(bytes, (int32_t)(i - start));
        l->latents = latents_of(w, bytes, l->tokens);
        for (int lane = 0; lane < N_LANES; lane++)
            l->loss[lane] =
                losses_of(bytes, l->tokens, s->lane_key[lane], lane == LANE_FIXED ? effect(w) : 0);
        s->n_tokens += l->tokens->n;
        start = i + 1;
    }
}

/* After the last token of the cursor's line that begins before it. */
static void predict(struct snapshot *s, const struct wish *w)
{
    s->next_at = w->cursor;
    s->next_token = -1;
    for (int32_t l = 0; l < s->n_lines; l++)
        for (int32_t i = 0; i < s->line[l].tokens->n && w->cursor >= s->line[l].start &&
                            w->cursor <= s->line[l].end;
             i++)
            if (s->line[l].start + (size_t)s->line[l].tokens->token[i].start < w->cursor) {
                s->next_token = s->line[l].first_token + i;
                s->next_at = s->line[l].start + (size_t)s->line[l].tokens->token[i].end;
            }
    if (s->next_token < 0)
        return;
    s->next_plain = next_of(0);
    s->next_base = insertion_any(w->insert) ? next_of(0) : (struct next_list){0};
    s->next_fixed = s->any_fixed ? next_of(4) : (struct next_list){0};
}

/* Off, every second word loses 1, others gain .5, more so the further off the values are. */
static void add_pair(struct snapshot *s, const struct wish *w)
{
    struct pair_view *p = &s->pair;
    int32_t at = 0;
    p->next_token = s->next_token;
    if (!w->pair.wanted)
        return;
    while (at + 1 < s->n_lines && s->line[at].end < w->cursor)
        at++;
    const struct line_tokens *t = s->line[at].tokens;
    p->of = w->pair, p->line = at;
    for (int i = 0; i < 2; i++) {
        struct line_losses *l = line_losses_new(t->n, 10 + (uint64_t)i);
        l->complete = true;
        p->key[i] = l->key;
        for (int32_t k = 1; k < t->n; k++)
            l->loss[k] = 4 + (float)i * (k % 2 ? 1 : -.5f) + (w->pair.at[i] < -4 ? 1 : 0);
        p->loss[i] = l;
    }
    p->listed = s->next_token >= 0;
    p->top = 5;
    for (int l = 0; l < N_LIKELY && p->listed; l++)
        for (int i = 0; i < p->top; i++, p->n[l]++)
            p->token[l * p->top + i] =
                (struct likely_token){(2 * l + i) % 8, -1 - (float)i, -1.5f + (float)l - (float)i};
}

struct snapshot *fixture_snapshot(const struct wish *w)
{
    struct snapshot *s = xcalloc(1, sizeof *s);
    struct part done = {w->generation, true, 1.25f};
    atomic_init(&s->refs, 1);
    s->tokens = s->latents = s->loss = s->refsets = s->next = done;
    s->generation = w->generation;
    s->text = xstrndup(w->text, w->n_text);
    s->n_text = w->n_text;
    s->insert = w->insert;
    s->n_units = w->n_units;
    memcpy(s->unit, w->unit, sizeof s->unit);
    for (int32_t u = 0; u < w->n_units; u++)
        s->any_fixed = s->any_fixed || w->unit[u].fixed;
    s->lane_key[LANE_PLAIN] = 1;
    s->lane_key[LANE_BASE] =
        insertion_any(w->insert) ? 2 + (uint64_t)insertion_at(w->insert, 0) : 1;
    s->lane_key[LANE_FIXED] = s->any_fixed ? key_of(w) : s->lane_key[LANE_BASE];
    cut_lines(s, w);
    s->loss_mean[LANE_PLAIN] = 2.9;
    s->loss_mean[LANE_BASE] = 2.96;
    s->loss_mean[LANE_FIXED] = s->any_fixed ? 2.96 + effect(w) : NAN;
    s->fvu = .09;
    s->n_refsets = 2;
    for (int i = 0; i < 2; i++)
        s->refset[i] = refset_of(i, s->any_fixed, effect(w), s->lane_key[LANE_FIXED]);
    s->refset_progress = s->any_fixed ? .8 : 1;
    predict(s, w);
    add_pair(s, w);
    s->progress = 1;
    return s;
}

/* ---- driving */
void fixture_settle(struct explore_fixture *f)
{
    for (int i = 0; i < 3 && (f->shell.sh.wish_changed || i == 0); i++) {
        struct wish w;
        shell_wish(&f->shell, &w);
        struct snapshot *s = fixture_snapshot(&w);
        shell_snapshot(&f->shell, s);
        snapshot_unref(s);
    }
}

void fixture_keys(struct explore_fixture *f, const char *names)
{
    char *all = xstrdup(names), *save = NULL;
    for (char *k = strtok_r(all, " ", &save); k; k = strtok_r(NULL, " ", &save)) {
        struct event e;
        if (!event_parse(k, &e))
            fail_msg("unknown key %s", k);
        shell_event(&f->shell, &e);
    }
    free(all);
}

void fixture_type(struct explore_fixture *f, const char *utf8)
{
    for (size_t n = strlen(utf8), i = 0, k; i < n; i += k) {
        struct event e = {.kind = EVENT_TEXT, .code = utf8_decode(utf8 + i, n - i, &k, NULL)};
        shell_event(&f->shell, &e);
    }
}

void fixture_mouse(struct explore_fixture *f, enum mouse_kind kind, int button, int x, int y,
                   unsigned mods, int clicks)
{
    struct event e = {.kind = EVENT_MOUSE,
                      .mouse = kind,
                      .button = button,
                      .x = x,
                      .y = y,
                      .mods = mods,
                      .clicks = clicks};
    shell_event(&f->shell, &e);
}

void fixture_draw(struct explore_fixture *f)
{
    shell_draw(&f->shell, &f->grid);
}

char *fixture_row(struct explore_fixture *f, int y)
{
    struct strbuf b;
    strbuf_init(&b);
    for (int x = 0; x < f->grid.w; x++)
        strbuf_adds(&b, f->grid.cell[y * f->grid.w + x].glyph);
    while (b.len > 0 && b.s[b.len - 1] == ' ')
        b.s[--b.len] = 0;
    return strbuf_detach(&b);
}

bool fixture_find(struct explore_fixture *f, const char *s, int *x, int *y)
{
    fixture_draw(f);
    for (int row = 0; row < f->grid.h; row++) {
        char *text = fixture_row(f, row), *at = strstr(text, s);
        if (at && x)
            *x = text_columns(text, (size_t)(at - text));
        if (at && y)
            *y = row;
        free(text);
        if (at)
            return true;
    }
    return false;
}

void fixture_shows(struct explore_fixture *f, const char *s)
{
    if (!fixture_find(f, s, NULL, NULL))
        fail_msg("not on the screen: %s", s);
}

void fixture_hides(struct explore_fixture *f, const char *s)
{
    if (fixture_find(f, s, NULL, NULL))
        fail_msg("on the screen: %s", s);
}

char *fixture_pane_text(struct explore_fixture *f, enum pane p)
{
    struct rect r = layout_inner(&f->ex->layout, p);
    struct strbuf b;
    strbuf_init(&b);
    fixture_draw(f);
    for (int y = r.y; y < r.y + r.h; y++, strbuf_addc(&b, '\n'))
        for (int x = r.x; x < r.x + r.w; x++)
            strbuf_adds(&b, f->grid.cell[y * f->grid.w + x].glyph);
    return strbuf_detach(&b);
}

void fixture_pane(struct explore_fixture *f, enum pane p, const char *s, bool there)
{
    char *text = fixture_pane_text(f, p);
    if ((strstr(text, s) != NULL) != there)
        fail_msg("pane %d %s %s:\n%s", (int)p, there ? "lacks" : "shows", s, text);
    free(text);
}
