/* The order of work: what the next step does, and what a new wish leaves standing. */
#include "engine/session/session.h"
#include "engine/base/memory.h"
#include "engine/device.h"
#include "engine/session/session_private.h"
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TEXT_MAX ((size_t)1 << 30) /* token offsets are 32 bits */

enum {
    CODE_BYTES = 32 << 10,  /* text tokenised in one step */
    LARGE_CHANGE = 4 << 10, /* bytes; beyond it the tokens are worth a snapshot of their own */
    SCAN_LINES = 256        /* lines looked at for one microbatch */
};

/* ---- small things the other files need */
bool step_ok(struct session *s)
{
    return run_well(&s->run);
}

float *scratch_f32(struct session *s, int which, size_t n)
{
    s->scratch[which] = grow(s->scratch[which], &s->scratch_cap[which], n + 1, sizeof(float));
    return s->scratch[which];
}

int32_t *scratch_i32(struct session *s, size_t n)
{
    s->scratch_ids = grow(s->scratch_ids, &s->scratch_ids_cap, n + 1, sizeof(int32_t));
    return s->scratch_ids;
}

bool line_is_coded(const struct session *s, const struct line *l)
{
    return l->coded_valid && l->coded_bos == s->wish.bos && l->coded_special == s->wish.special;
}

int32_t cursor_token(const struct session *s)
{
    if (s->n_lines == 0 || !line_is_coded(s, s->line[s->cursor_line]))
        return -1;
    const struct line *l = s->line[s->cursor_line];
    size_t at = s->wish.cursor - s->span[s->cursor_line].start;
    at = at < l->n_text ? at : l->n_text;
    for (int32_t i = l->tokens->n - 1; i >= 0; i--)
        if ((size_t)l->tokens->token[i].start < at || (at == 0 && i == 0 && token_is_bos(l, 0)))
            return i;
    return -1;
}

/* ---- new, free */
static bool check_parts(const struct session *s, struct error *e)
{
    const struct model_config *c = model_config(s->model);
    bool ok = true;
    if (s->set->n == 0 && !model_check_point(s->model, s->at, e))
        return false;
    if (tokenizer_n_vocab(s->tokenizer) > c->n_vocab)
        return error_set(e, ERROR_INPUT,
                         "the tokenizer has ids up to %d, the model %s a vocabulary of %d",
                         tokenizer_n_vocab(s->tokenizer) - 1, model_dir(s->model), c->n_vocab);
    for (int32_t i = 0; ok && i < s->set->n; i++)
        ok = model_check_dict(s->model, s->set->place[i].dict, s->set->place[i].at, e);
    return ok;
}

struct session *session_new(struct backend *b, const struct model *model,
                            const struct tokenizer *tokenizer, const struct dict_set *set,
                            struct point at, const struct reference_set *refs, int32_t n_refs,
                            struct error *e)
{
    struct session *s = xcalloc(1, sizeof *s);
    const struct model_config *c = model_config(model);
    s->model = model, s->tokenizer = tokenizer, s->set = set, s->at = at;
    s->d_model = c->d_model;
    s->cut = model_cut(model, tokenizer, false);
    s->rows_per_job = b->caps.rows_per_job > 0 ? b->caps.rows_per_job : 64;
    s->near_lines = s->kept_lines = -1;
    s->row_budget = SESSION_ROWS, s->kv_budget = SESSION_KEYS;
    s->run.queue = device_queue(b, QUEUE_LIVE, e);
    s->run.arena = arena_new(s->run.queue);
    if (!s->run.queue || !check_parts(s, e) || !refsets_init(s, refs, n_refs, e)) {
        session_free(s);
        return NULL;
    }
    lanes_part(s);
    rows_shape(s);
    return s;
}

void session_free(struct session *s)
{
    if (!s)
        return;
    text_clear(s);
    refsets_release(s);
    directions_free(s->run.queue, &s->directions);
    arena_free(s->run.arena);
    for (int i = 0; i < 4; i++)
        free(s->scratch[i]);
    free(s->scratch_ids);
    csr_host_release(&s->codes);
    free(s->stats);
    rows_release(s);
    device_queue_free(s->run.queue);
    free(s->active);
    free(s);
}

void session_budget(struct session *s, size_t rows, size_t keys_and_values)
{
    s->row_budget = rows;
    s->kv_budget = keys_and_values;
    s->kept_lines = -1;
    rows_make_room(s, 0);
}

void session_norms(struct session *s, const double *norms)
{
    s->norms = norms;
    s->made[LISTS_PAIR].line = NULL;
}

void session_listen(struct session *s, session_hear *hear, void *arg)
{
    s->hear = hear;
    s->hear_arg = arg;
}

const struct error *session_error(const struct session *s)
{
    return &s->error;
}

/* ---- a new wish */
static void find_cursor(struct session *s)
{
    int32_t lo = 0, hi = s->n_lines;
    while (hi - lo > 1) {
        int32_t mid = lo + (hi - lo) / 2;
        *(s->span[mid].start <= s->wish.cursor ? &lo : &hi) = mid;
    }
    s->cursor_line = lo;
}

void session_set(struct session *s, const struct wish *w)
{
    const char *text = w->text ? w->text : "";
    size_t n = !w->text ? 0 : w->n_text < TEXT_MAX ? w->n_text : TEXT_MAX;
    bool same =
        s->text && n == s->wish.n_text && w->join == s->wish.join && memcmp(text, s->text, n) == 0;
    size_t before = s->text ? s->wish.n_text : 0;
    if (w->bos != s->wish.bos || w->special != s->wish.special)
        s->fvu_valid = false;
    s->wish = *w;
    s->cut = model_cut(s->model, s->tokenizer, w->bos);
    s->wish.text = s->text, s->wish.n_text = n;
    if (!same) {
        text_set(s, text, n, w->join);
        s->fvu_valid = false;
        if (n > before + LARGE_CHANGE)
            s->announce_tokens = true;
    }
    s->wish.n_units = w->n_units < 0 ? 0 : w->n_units > UNITS_MAX ? UNITS_MAX : w->n_units;
    s->wish.n_next = w->n_next < 0                  ? 0
                     : w->n_next > SESSION_MAX_NEXT ? SESSION_MAX_NEXT
                                                    : w->n_next;
    s->wish.cursor = w->cursor < n ? w->cursor : n;
    lanes_set(s);
    find_cursor(s);
    for (int t = TRACK_SAE; t < N_TRACKS; t++)
        for (int32_t i = 0; s->want[t] && i < s->n_lines; i++)
            line_sync(s, s->line[i], (enum track)t);
    refsets_set(s);
    s->near_lines = s->kept_lines = -1;
    s->hint_tokens = s->hint_front = s->hint_back = 0;
    s->marks = 0;
    memset(s->ms_new, 0, sizeof s->ms_new);
    s->error = (struct error){0};
}

/* ---- how far the text is */
static struct line *line_at(const struct session *s, int32_t rank)
{
    return s->line[text_line_at(s, rank)];
}

static bool front_is_done(const struct session *s, const struct line *l)
{
    return line_front_done(l) && line_watch_is(s, l);
}

bool track_wanted(const struct session *s, const struct line *l, enum track t)
{
    return s->want[t] && (t < TRACK_ON || l == s->line[s->cursor_line]);
}

static bool back_is_done(const struct session *s, const struct line *l)
{
    for (int t = 0; t < N_TRACKS; t++)
        if (track_wanted(s, l, (enum track)t) && !line_track_done(s, l, (enum track)t))
            return false;
    return true;
}

static void advance(struct session *s)
{
    while (s->hint_tokens < s->n_lines && line_is_coded(s, line_at(s, s->hint_tokens)))
        s->hint_tokens++;
    if (s->hint_tokens < s->n_lines)
        return;
    while (s->hint_front < s->n_lines && front_is_done(s, line_at(s, s->hint_front)))
        s->hint_front++;
    while (s->hint_back < s->n_lines && back_is_done(s, line_at(s, s->hint_back)))
        s->hint_back++;
}

/* ---- lists of likely tokens */
/* What they are to be of; of no line: none are wanted. */
static struct lists_of lists_wanted(const struct session *s, enum lists which)
{
    const struct pair *p = &s->wish.pair;
    struct lists_of w = {.token = cursor_token(s), .n = s->wish.n_next};
    if (w.n == 0 || w.token < 0 || (which == LISTS_PAIR && !s->paired))
        return w;
    w.line = s->line[s->cursor_line];
    w.version = w.line->version;
    for (int i = 0; i < (which == LISTS_PAIR ? 2 : N_LANES); i++)
        w.key[i] = s->key[which == LISTS_PAIR ? TRACK_ON + i : (int)s->lane_track[i]];
    if (which == LISTS_PAIR)
        w.bound[0] = p->least, w.bound[1] = p->max_norm, w.bound[2] = p->min_embed;
    return w;
}

static bool lists_made(const struct session *s, enum lists which, const struct lists_of *w)
{
    const struct lists_of *is = &s->made[which];
    return is->line == w->line && is->version == w->version && is->token == w->token &&
           is->n == w->n && memcmp(is->key, w->key, sizeof is->key) == 0 &&
           memcmp(is->bound, w->bound, sizeof is->bound) == 0;
}

struct progress_of_parts session_parts(struct session *s)
{
    advance(s);
    const bool tokens = s->hint_tokens == s->n_lines, losses = tokens && s->wish.losses;
    const struct lists_of next = lists_wanted(s, LISTS_NEXT), pair = lists_wanted(s, LISTS_PAIR);
    return (struct progress_of_parts){
        .tokens = tokens,
        .latents = tokens && s->hint_front == s->n_lines,
        .loss = losses && s->hint_back == s->n_lines,
        .next = losses && next.n > 0 && (!next.line || lists_made(s, LISTS_NEXT, &next)),
        .pair = losses && pair.line && lists_made(s, LISTS_PAIR, &pair),
    };
}

/* ---- steps: each does one piece, or says false when there is nothing of its kind */
static bool step_tokens(struct session *s)
{
    size_t bytes = 0;
    if (s->hint_tokens == s->n_lines)
        return false;
    for (int32_t rank = s->hint_tokens; rank < s->n_lines && bytes < CODE_BYTES; rank++) {
        struct line *l = line_at(s, rank);
        bytes += line_is_coded(s, l) ? 0 : l->n_text + 16;
        line_code(s, l);
    }
    s->fvu_valid = false;
    return true;
}

static int32_t near_lines(struct session *s)
{
    int64_t tokens = 0;
    int32_t rank = 0;
    if (s->near_lines >= 0)
        return s->near_lines;
    while (rank < s->n_lines && tokens < NEAR_TOKENS)
        tokens += line_at(s, rank++)->tokens->n;
    return s->near_lines = rank;
}

/* Lines in order of distance, from one on, whose rows take no more than so many bytes; those that
 * are near with their final rows. */
static int32_t lines_within(struct session *s, int32_t rank, size_t most)
{
    size_t row = rows_token_bytes(s, false), bytes = 0,
           final = N_LANES * (size_t)s->d_model * sizeof(float);
    for (; rank < s->n_lines; rank++) {
        bytes += (size_t)line_at(s, rank)->tokens->n * (row + (rank < near_lines(s) ? final : 0));
        if (bytes > most)
            break;
    }
    return rank;
}

/* Of lines beyond these no rows are kept: colours and losses are made of them together, a few lines
 * at a time. A quarter of the budget is for those, the rest is room for lines that grow. */
static int32_t kept_lines(struct session *s)
{
    if (s->kept_lines < 0)
        s->kept_lines = lines_within(s, 0, s->row_budget / 8 * 5);
    return s->kept_lines;
}

/* So far the colours of lines that are not kept go before their losses. */
static int32_t ahead_lines(struct session *s)
{
    size_t job = (size_t)s->rows_per_job * rows_token_bytes(s, false), most = s->row_budget / 4;
    most = most < job ? job : most > AHEAD_JOBS * job ? AHEAD_JOBS * job : most;
    int32_t end = lines_within(s, s->hint_back, most);
    return end == s->hint_back && end < s->n_lines ? end + 1 : end; /* a long line goes alone */
}

static void add_piece(struct session *s, struct microbatch *micro, struct piece p)
{
    if (p.window->rows)
        p.window->rows->used = s->tick;
    micro->rows += p.n;
    micro->piece[micro->n++] = p;
}

/* How many of n rows go into the microbatch: all, or as many as fit when there is nothing else in
 * it; 0: it is full. */
static int32_t take(const struct session *s, const struct microbatch *micro, int32_t n)
{
    int32_t space = s->rows_per_job - micro->rows;
    if (micro->n == MAX_PIECES || space <= 0)
        return 0;
    if (n <= space)
        return n;
    return micro->n > 0 && n <= s->rows_per_job ? 0 : space;
}

static bool add_front(struct session *s, struct microbatch *micro, struct line *l, struct window *w,
                      bool passes)
{
    int32_t start = rows_front_start(w), row = start < w->front_done ? start : w->front_done;
    int32_t n = take(s, micro, w->n - row);
    if (n > 0)
        add_piece(s, micro,
                  (struct piece){.line = l, .window = w, .row = row, .n = n, .passes = passes});
    return n == w->n - row;
}

/* Rows of lines that only pass through, once all that is wanted of them is there. */
static void let_go(struct session *s, const struct microbatch *micro)
{
    for (int32_t i = 0; i < micro->n; i++) {
        struct line *l = micro->piece[i].line;
        if (!micro->piece[i].passes || !front_is_done(s, l) ||
            (s->wish.losses && !back_is_done(s, l)))
            continue;
        for (int32_t w = 0; w < l->n_windows; w++) {
            rows_free(s, l->window[w].rows);
            l->window[w].rows = NULL;
        }
    }
}

/* From the kept rows only where they are of the place that all watched units are of. */
static bool rows_for_watch(const struct session *s, const struct line *l)
{
    for (int32_t i = 0; i < s->n_watch; i++)
        if (watch_place(s, i, s->shown) != s->shown || s->shown != s->place.first)
            return false;
    for (int32_t i = 0; i < l->n_windows; i++) {
        const struct window *w = &l->window[i];
        if (w->front_done > 0 && (!rows_hold_x(w) || w->rows->front_rows < w->front_done))
            return false;
    }
    return true;
}

/* Other units are watched than the line's columns are of: computed from the kept rows, or with all
 * the rest. */
static bool watch_again(struct session *s, struct line *l)
{
    if (rows_for_watch(s, l))
        return front_watch_run(s, l);
    line_latents_unref(l->latents);
    l->latents = NULL;
    for (int32_t i = 0; i < l->n_windows; i++)
        l->window[i].front_done = 0;
    return true;
}

static bool watch_pass(struct session *s, int32_t end)
{
    int32_t rows = 0;
    for (int32_t rank = s->hint_front; rank < end && rows < 4 * s->rows_per_job; rank++) {
        struct line *l = line_at(s, rank);
        if (line_watch_is(s, l))
            continue;
        rows += l->tokens->n + 1;
        if (!watch_again(s, l))
            break;
    }
    return rows > 0;
}

static bool step_front(struct session *s, int32_t end)
{
    struct microbatch micro = {.n = 0};
    advance(s);
    if (s->hint_front >= end)
        return false;
    if (watch_pass(s, end)) {
        advance(s);
    } else {
        int32_t last = s->hint_front + SCAN_LINES < end ? s->hint_front + SCAN_LINES : end,
                kept = kept_lines(s);
        bool room = true;
        for (int32_t rank = s->hint_front; rank < last && room; rank++) {
            struct line *l = line_at(s, rank);
            for (int32_t i = 0; i < l->n_windows && room; i++)
                if (l->window[i].front_done < l->window[i].n)
                    room = add_front(s, &micro, l, &l->window[i], rank >= kept);
        }
        if (front_run(s, &micro, false))
            let_go(s, &micro);
        advance(s);
    }
    s->fvu_valid = false;
    if (s->hint_front == s->n_lines || (end == 1 && s->hint_front >= 1))
        s->marks |= MARK_LATENTS;
    return true;
}

/* ---- behind the landing */
static bool has_rows(const struct window *w)
{
    return w->rows && w->rows->front_rows >= w->n;
}

static bool lacks_losses(const struct session *s, const struct line *l, const struct window *w)
{
    for (int t = 0; t < N_TRACKS; t++)
        if (track_wanted(s, l, (enum track)t) && w->loss_done[t] < w->n)
            return true;
    return false;
}

/* Rows up to the landing that were dropped for want of memory, again: of one window; of the lines
 * in [rank, last) that need them for their losses, as many as one microbatch takes. */
static void window_again(struct session *s, struct line *l, struct window *w)
{
    struct microbatch micro = {.n = 0};
    add_front(s, &micro, l, w, false);
    front_run(s, &micro, false);
}

static void lines_again(struct session *s, int32_t rank, int32_t last)
{
    struct microbatch micro = {.n = 0};
    bool room = true;
    for (; rank < last && room; rank++) {
        struct line *l = line_at(s, rank);
        for (int32_t i = 0; i < l->n_windows && room && front_is_done(s, l); i++)
            if (lacks_losses(s, l, &l->window[i]) && !has_rows(&l->window[i]))
                room = add_front(s, &micro, l, &l->window[i], false);
    }
    front_run(s, &micro, false);
}

static bool add_back(struct session *s, struct microbatch *micro, struct piece to)
{
    struct window *w = to.window;
    enum track t = to.track;
    int32_t start = rows_back_start(w, t), row = start < w->loss_done[t] ? start : w->loss_done[t];
    int32_t n = take(s, micro, w->n - row);
    if (n <= 0)
        return n == w->n - row;
    int32_t eval = w->loss_done[t] > row ? w->loss_done[t] : row;
    eval = eval > 1 ? eval : 1;
    int32_t n_eval = row + n > eval ? row + n - eval : 0;
    to.row = row, to.n = n, to.eval = eval, to.n_eval = n_eval;
    add_piece(s, micro, to);
    return n == w->n - row;
}

static bool back_whole(struct session *s, struct microbatch *micro, float *loss)
{
    if (!back_run(s, micro, true, loss))
        return false;
    back_commit(s, micro, loss);
    let_go(s, micro);
    return true;
}

static void run_back(struct session *s, struct microbatch *micro)
{
    float *loss = scratch_f32(s, 1, (size_t)micro->rows + 1);
    if ((s->want[TRACK_FIXED] || s->paired) && !back_push_units(s))
        return;
    if (back_whole(s, micro, loss))
        return;
    const unsigned unheld = 1u << TRACK_PLAIN | 1u << TRACK_SAE;
    struct microbatch without = back_of_tracks(micro, unheld);
    if (without.n == 0 && micro->piece[0].track != micro->piece[micro->n - 1].track)
        without = back_of_tracks(micro, 1u << micro->piece[0].track);
    if (s->run.err.kind != ERROR_INPUT || without.n == micro->n)
        return;
    if (without.n == 0) {
        back_blame(s, 1u << micro->piece[0].track);
        return;
    }
    s->run.err = (struct error){0}; /* the other lanes come again, each alone */
    if (!back_whole(s, &without, loss) && !(unheld & 1u << without.piece[0].track))
        back_blame(s, 1u << without.piece[0].track);
}

/* Adds what the lanes of the line at a rank lack. False: the microbatch is full, or rows were
 * dropped and must be computed first. */
static bool fill_back(struct session *s, struct microbatch *micro, int32_t rank)
{
    struct line *l = line_at(s, rank);
    for (int32_t i = 0; i < l->n_windows; i++)
        for (int t = 0; t < N_TRACKS; t++) {
            struct window *w = &l->window[i];
            if (!track_wanted(s, l, (enum track)t) || w->loss_done[t] >= w->n)
                continue;
            if (!has_rows(w) || !add_back(s, micro,
                                          (struct piece){.line = l,
                                                         .window = w,
                                                         .at = text_line_at(s, rank),
                                                         .track = (enum track)t,
                                                         .near = rank < near_lines(s),
                                                         .passes = rank >= kept_lines(s)}))
                return false;
        }
    return true;
}

static bool step_back(struct session *s, int32_t end)
{
    struct microbatch micro = {.n = 0};
    advance(s);
    if (s->hint_back >= end)
        return false;
    int32_t last = s->hint_back + SCAN_LINES < end ? s->hint_back + SCAN_LINES : end;
    bool room = true;
    int32_t rank = s->hint_back;
    for (; rank < last && room; rank++)
        if (front_is_done(s, line_at(s, rank)))
            room = fill_back(s, &micro, rank);
    if (micro.n == 0 && room)
        return false;
    if (micro.n == 0)
        lines_again(s, rank - 1, last);
    else
        run_back(s, &micro);
    advance(s);
    if (s->hint_back == s->n_lines || (end == 1 && s->hint_back >= 1))
        s->marks |= MARK_LOSS;
    return true;
}

/* Final rows of the cursor's window that its lanes lack: they may have been dropped though the
 * losses are known. */
static bool rows_for_next(struct session *s, struct line *l, int32_t token)
{
    struct window *w = l->window;
    while (token >= w->first + w->n)
        w++;
    struct microbatch micro = {.n = 0};
    for (int t = 0; t < N_TRACKS; t++) {
        if (!s->want[t] || (w->rows && w->rows->back_rows[t] > token - w->first))
            continue;
        if (!has_rows(w)) {
            window_again(s, l, w);
            return false;
        }
        if (!add_back(s, &micro,
                      (struct piece){.line = l,
                                     .window = w,
                                     .at = s->cursor_line,
                                     .track = (enum track)t,
                                     .near = true}))
            break;
    }
    if (micro.n > 0)
        run_back(s, &micro);
    return micro.n == 0;
}

static bool step_lists(struct session *s, enum lists which)
{
    static bool (*const run[])(struct session *, struct line *, int32_t token) = {
        [LISTS_NEXT] = back_next_run, [LISTS_PAIR] = back_pair_run};
    const struct lists_of wanted = lists_wanted(s, which);
    if (!wanted.line || lists_made(s, which, &wanted))
        return false;
    if (!rows_for_next(s, wanted.line, wanted.token))
        return true;
    s->made[which].line = NULL;
    if (!run[which](s, wanted.line, wanted.token))
        return true;
    s->made[which] = wanted;
    s->marks |= MARK_NEXT;
    return true;
}

static enum stage do_step(struct session *s)
{
    advance(s);
    if (step_tokens(s)) {
        advance(s);
        if (s->announce_tokens && s->hint_tokens == s->n_lines) {
            s->announce_tokens = false;
            s->marks |= MARK_TOKENS;
        }
        return STAGE_TOKENS;
    }
    bool losses = s->wish.losses;
    if (step_front(s, 1) || step_front(s, near_lines(s)))
        return STAGE_LATENTS;
    if (losses && step_back(s, 1))
        return STAGE_LOSS;
    if (losses && (step_lists(s, LISTS_NEXT) || step_lists(s, LISTS_PAIR)))
        return STAGE_NEXT;
    if (losses && step_back(s, near_lines(s)))
        return STAGE_LOSS;
    if (step_front(s, kept_lines(s)))
        return STAGE_LATENTS;
    if (s->wish.refsets && refsets_step(s))
        return STAGE_REFSETS;
    if (losses && step_back(s, kept_lines(s)))
        return STAGE_LOSS;
    if (step_front(s, losses ? ahead_lines(s) : s->n_lines))
        return STAGE_LATENTS;
    if (losses && step_back(s, s->n_lines))
        return STAGE_LOSS;
    return STAGE_IDLE;
}

static float ms_since(const struct timespec *t)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (float)((double)(now.tv_sec - t->tv_sec) * 1e3 +
                   (double)(now.tv_nsec - t->tv_nsec) * 1e-6);
}

enum stage session_step(struct session *s, const atomic_bool *cancel)
{
    static const int part_of_stage[] = {-1, 0, 1, 2, 3, 4};
    struct timespec t;
    if (error_is_set(&s->error))
        return STAGE_IDLE;
    clock_gettime(CLOCK_MONOTONIC, &t);
    s->tick++;
    s->run.cancel = cancel;
    s->run.err = (struct error){0};
    arena_reset(s->run.arena, (struct arena_mark){0, 0});
    enum stage stage = s->n_lines > 0 ? do_step(s) : STAGE_IDLE;
    if (stage == STAGE_IDLE)
        rows_settle(s);
    if (s->run.err.kind != ERROR_NONE && s->run.err.kind != ERROR_CANCELLED) {
        s->error = s->run.err;
        return STAGE_IDLE;
    }
    if (stage != STAGE_IDLE) {
        s->chunks++;
        s->ms_new[part_of_stage[stage]] += ms_since(&t);
    }
    return stage;
}

bool session_should_publish(const struct session *s)
{
    return s->marks != 0 || s->chunks >= PUBLISH_CHUNKS;
}
