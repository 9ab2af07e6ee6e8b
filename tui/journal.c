#include "tui/journal.h"
#include "engine/base/memory.h"
#include "tui/unit_json.h"
#include "tui/widget/editor.h"
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#define JOURNAL_VERSION 1
#define CHECK_DIGITS 16

/* ---- writing */
static void check_of(const char *json, size_t n, char out[CHECK_DIGITS + 1])
{
    char hex[65];
    struct sha256 h = sha256_bytes(json, n);
    sha256_hex(&h, hex);
    memcpy(out, hex, CHECK_DIGITS);
    out[CHECK_DIGITS] = 0;
}

static void add_line(struct strbuf *out, json_t *object)
{
    char check[CHECK_DIGITS + 1];
    char *json = json_dumps(object, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(object);
    if (!json)
        return; /* text that is no UTF-8: there is none */
    check_of(json, strlen(json), check);
    strbuf_adds(out, check);
    strbuf_addc(out, ' ');
    strbuf_adds(out, json);
    strbuf_addc(out, '\n');
    free(json);
}

static json_t *whole(size_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *sliders_json(const struct dict_set *dicts, const struct sliders *s)
{
    json_t *units = json_array();
    for (int i = 0; i < s->n; i++) {
        const struct chosen_unit *u = &s->unit[i];
        json_array_append_new(units, json_pack("[o,f,b]", unit_json(dicts, u->id),
                                               isfinite(u->value) ? (double)u->value : 0.0,
                                               (int)u->fixed));
    }
    enum insert how;
    json_t *insert = insertion_everywhere(s->insert, &how) ? json_integer(how)
                                                           : insertion_json(dicts, s->insert);
    json_t *o = json_pack("{s:o,s:o,s:b,s:b}", "units", units, "insert", insert, "join",
                          (int)s->join, "special", (int)s->special);
    if (s->dict > 0 && s->dict < dicts->n)
        json_object_set_new(o, "dictionary", dict_json(dicts, s->dict));
    return o;
}

static json_t *step_json(const struct dict_set *dicts, const struct change *c)
{
    if (c->kind == CHANGE_SLIDERS)
        return json_pack("{s:o,s:o,s:b}", "before", sliders_json(dicts, &c->sliders->before),
                         "after", sliders_json(dicts, &c->sliders->after), "open", (int)c->open);
    const struct edit *e = &c->edit;
    json_t *o = json_object();
    json_object_set_new(o, "at", whole(e->at));
    json_object_set_new(o, "removed", json_stringn(e->removed, e->n_removed));
    json_object_set_new(o, "inserted", json_stringn(e->inserted, e->n_inserted));
    json_object_set_new(o, "before", whole(e->cursor_before));
    json_object_set_new(o, "after", whole(e->cursor_after));
    json_object_set_new(o, "open", json_boolean(c->open));
    return o;
}

static void add_one(struct strbuf *out, const char *key, json_t *value)
{
    add_line(out, json_pack("{s:o}", key, value));
}

static void add_state(struct strbuf *out, const struct saved_state *s)
{
    add_line(out, json_pack("{s:o,s:o}", "state", state_json(s), "sliders",
                            sliders_json(&s->dicts, &s->sliders)));
}

void journal_begin(struct strbuf *out, const struct saved_state *s, const struct history *h,
                   const struct sha256 files[2])
{
    size_t from, to;
    add_one(out, "glimt_journal", json_integer(JOURNAL_VERSION));
    for (int i = 0; i < 2; i++)
        journal_file(out, &files[i]);
    add_state(out, s);
    history_window(h, JOURNAL_MAX_HISTORY, &from, &to);
    for (size_t i = from; i < to; i++)
        add_one(out, "step", step_json(&s->dicts, &h->change[i]));
    add_one(out, "done", whole(h->done - from));
}

/* A number for one dictionary, or none. */
static json_t *limits_json(const struct history_note *n)
{
    if (n->n_limits < 2)
        return json_integer(n->n_limits ? n->limit[0] : 0);
    json_t *list = json_array();
    for (int32_t i = 0; i < n->n_limits; i++)
        json_array_append_new(list, json_integer(n->limit[i]));
    return list;
}

void journal_note(struct strbuf *out, const struct dict_set *dicts, const struct history_note *n)
{
    const struct edit *e = n->edit;
    switch (n->kind) {
    case NOTE_EDIT: {
        json_t *o = json_object();
        json_object_set_new(o, "edit", whole(e->at));
        json_object_set_new(o, "removed", whole(e->n_removed));
        json_object_set_new(o, "inserted", json_stringn(e->inserted, e->n_inserted));
        json_object_set_new(o, "before", whole(e->cursor_before));
        json_object_set_new(o, "after", whole(e->cursor_after));
        json_object_set_new(o, "joins", json_boolean(n->joins));
        add_line(out, o);
        break;
    }
    case NOTE_SLIDERS:
        add_line(out, json_pack("{s:o,s:o,s:b}", "sliders", sliders_json(dicts, n->after), "before",
                                sliders_json(dicts, n->before), "joins", (int)n->joins));
        break;
    case NOTE_BREAK: add_one(out, "break", json_true()); break;
    case NOTE_UNDO: add_one(out, "undo", json_true()); break;
    case NOTE_REDO: add_one(out, "redo", json_true()); break;
    case NOTE_DROP: add_one(out, "drop", limits_json(n)); break;
    }
}

void journal_look(struct strbuf *out, const struct saved_state *s)
{
    struct saved_state look = *s;
    look.text = NULL;
    json_t *state = state_json(&look);
    if (s->cursor != SIZE_MAX) /* which state_json leaves out without a text */
        json_object_set_new(state, "cursor", whole(s->cursor));
    add_line(out, json_pack("{s:o,s:o}", "state", state, "sliders",
                            sliders_json(&s->dicts, &s->sliders)));
}

void journal_file(struct strbuf *out, const struct sha256 *file)
{
    char hex[65];
    sha256_hex(file, hex);
    add_one(out, "file", json_string(hex));
}

/* ---- reading */
struct reader {
    struct journal *j;
    struct textbuf text;
    bool begun, stepped; /* the state has come; all steps have */
};

static bool get_size(const json_t *o, const char *key, size_t *out)
{
    const json_t *v = json_object_get(o, key);
    if (!json_is_integer(v) || json_integer_value(v) < 0)
        return false;
    *out = (size_t)json_integer_value(v);
    return true;
}

static bool get_bool(const json_t *o, const char *key, bool *out)
{
    const json_t *v = json_object_get(o, key);
    *out = json_is_true(v);
    return json_is_boolean(v);
}

/* Text that the editor could hold. */
static bool get_text(const json_t *o, const char *key, const char **out, size_t *n)
{
    const json_t *v = json_object_get(o, key);
    *out = json_string_value(v);
    *n = json_string_length(v);
    return *out && *n <= EDITOR_MAX_BYTES && !memchr(*out, '\r', *n) && !memchr(*out, 0, *n);
}

static bool read_unit(const struct dict_set *dicts, const json_t *v, struct chosen_unit *u)
{
    const json_t *value = json_array_get(v, 1), *fixed = json_array_get(v, 2);
    struct unit_id id;
    if (!unit_from_json(dicts, json_array_get(v, 0), &id) || !json_is_number(value) ||
        !json_is_boolean(fixed))
        return false;
    *u = (struct chosen_unit){id, json_is_true(fixed), (float)json_number_value(value)};
    return isfinite(u->value);
}

/* A number everywhere; else by the places. */
static bool read_insert(const struct dict_set *dicts, const json_t *v, struct insertion *out)
{
    const json_int_t how = json_integer_value(v);
    if (!json_is_integer(v))
        return json_is_object(v) && insertion_from_json(dicts, v, out);
    *out = insertion_of((enum insert)how);
    return how >= INSERT_NONE && how <= INSERT_ERROR;
}

static bool read_sliders(const struct dict_set *dicts, const json_t *o, struct sliders *s)
{
    const json_t *units = json_object_get(o, "units");
    *s = (struct sliders){0};
    if (!json_is_array(units) || json_array_size(units) > UNITS_MAX ||
        !read_insert(dicts, json_object_get(o, "insert"), &s->insert) ||
        !get_bool(o, "join", &s->join))
        return false;
    s->special = json_is_true(json_object_get(o, "special")); /* absent: an older journal */
    if (!dict_from_json(dicts, json_object_get(o, "dictionary"), &s->dict))
        return false;
    for (size_t i = 0; i < json_array_size(units); i++) {
        struct chosen_unit u;
        if (!read_unit(dicts, json_array_get(units, i), &u) || sliders_find(s, u.id) >= 0)
            return false;
        s->unit[s->n++] = u;
    }
    return true;
}

static bool read_version(const json_t *o)
{
    const json_t *v = json_object_get(o, "glimt_journal");
    return json_is_integer(v) && json_integer_value(v) == JOURNAL_VERSION;
}

static bool read_file(struct reader *r, const json_t *value)
{
    struct journal *j = r->j;
    struct sha256 h;
    if (!json_is_string(value) || !sha256_from_hex(json_string_value(value), &h))
        return false;
    j->file[0] = j->file[1];
    j->file[1] = h;
    return true;
}

/* A state with text begins; one without says how things look from here on. */
static bool read_state(struct reader *r, const json_t *o)
{
    struct saved_state s;
    struct error e = {0};
    struct sliders sliders;
    bool ok = state_from_json(json_object_get(o, "state"), &s, &e) &&
              read_sliders(&s.dicts, json_object_get(o, "sliders"), &sliders) &&
              !s.text == r->begun;
    if (ok && !r->begun) {
        const char *text;
        size_t n;
        ok = get_text(json_object_get(o, "state"), "text", &text, &n);
        if (ok)
            textbuf_replace(&r->text, 0, 0, text, n);
    }
    if (!ok) {
        state_release(&s);
        return false;
    }
    if (s.cursor == SIZE_MAX)
        s.cursor = r->j->state.cursor;
    s.sliders = sliders;
    state_release(&r->j->state);
    r->j->state = s;
    r->begun = true;
    return true;
}

static bool read_step(struct reader *r, const json_t *o)
{
    struct change c = {.kind = CHANGE_SLIDERS};
    if (!get_bool(o, "open", &c.open))
        return false;
    if (!json_object_get(o, "at")) {
        struct sliders before, after;
        if (!read_sliders(&r->j->state.dicts, json_object_get(o, "before"), &before) ||
            !read_sliders(&r->j->state.dicts, json_object_get(o, "after"), &after))
            return false;
        c.sliders = xmalloc(sizeof *c.sliders);
        *c.sliders = (struct slider_change){before, after};
        history_push(&r->j->history, &c);
        return true;
    }
    const char *removed, *inserted;
    struct edit e;
    c.kind = CHANGE_TEXT;
    if (!get_size(o, "at", &e.at) || !get_text(o, "removed", &removed, &e.n_removed) ||
        !get_text(o, "inserted", &inserted, &e.n_inserted) ||
        !get_size(o, "before", &e.cursor_before) || !get_size(o, "after", &e.cursor_after))
        return false;
    e.removed = xmemdup(removed, e.n_removed + 1);
    e.inserted = xmemdup(inserted, e.n_inserted + 1);
    c.edit = e;
    history_push(&r->j->history, &c);
    return true;
}

static bool read_done(struct reader *r, const json_t *o)
{
    size_t done;
    if (!r->begun || !get_size(o, "done", &done) || done > r->j->history.n)
        return false;
    r->j->history.done = done;
    r->stepped = true;
    return true;
}

static bool read_edit(struct reader *r, const json_t *o)
{
    const char *inserted;
    bool joins;
    struct edit e;
    struct textbuf *t = &r->text;
    if (!get_size(o, "edit", &e.at) || !get_size(o, "removed", &e.n_removed) ||
        !get_text(o, "inserted", &inserted, &e.n_inserted) ||
        !get_size(o, "before", &e.cursor_before) || !get_size(o, "after", &e.cursor_after) ||
        !get_bool(o, "joins", &joins) || e.at > t->n || e.n_removed > t->n - e.at ||
        !textbuf_has(t, e.at, t->s + e.at, e.n_removed) ||
        t->n - e.n_removed + e.n_inserted > EDITOR_MAX_BYTES)
        return false;
    e.removed = xmemdup(t->s + e.at, e.n_removed + 1);
    e.inserted = xmemdup(inserted, e.n_inserted + 1);
    textbuf_replace(t, e.at, e.n_removed, e.inserted, e.n_inserted);
    history_edit(&r->j->history, &e, joins);
    r->j->state.cursor = e.cursor_after;
    free(e.removed);
    free(e.inserted);
    return true;
}

static bool read_moved(struct reader *r, const json_t *o)
{
    struct sliders before, after;
    bool joins;
    if (!read_sliders(&r->j->state.dicts, json_object_get(o, "sliders"), &after) ||
        !read_sliders(&r->j->state.dicts, json_object_get(o, "before"), &before) ||
        !get_bool(o, "joins", &joins))
        return false;
    history_sliders(&r->j->history, &before, &after, joins);
    r->j->state.sliders = after;
    r->j->state.has_units = after.n > 0;
    return true;
}

static bool apply(struct reader *r, bool undo)
{
    struct history *h = &r->j->history;
    const struct change *c = undo ? history_undo(h) : history_redo(h);
    if (!c)
        return false;
    if (c->kind == CHANGE_SLIDERS) {
        r->j->state.sliders = undo ? c->sliders->before : c->sliders->after;
        return true;
    }
    const struct edit *e = &c->edit;
    const char *old = undo ? e->inserted : e->removed, *now = undo ? e->removed : e->inserted;
    size_t n_old = undo ? e->n_inserted : e->n_removed, n_now = undo ? e->n_removed : e->n_inserted;
    if (!textbuf_has(&r->text, e->at, old, n_old) || r->text.n - n_old + n_now > EDITOR_MAX_BYTES) {
        h->done = undo ? h->done + 1 : h->done - 1;
        return false;
    }
    textbuf_replace(&r->text, e->at, n_old, now, n_now);
    r->j->state.cursor = undo ? e->cursor_before : e->cursor_after;
    return true;
}

static bool get_limit(const json_t *v, int32_t *out)
{
    json_int_t n = json_integer_value(v);
    *out = n > INT32_MAX ? INT32_MAX : (int32_t)n;
    return json_is_integer(v) && n >= 0;
}

static bool read_drop(struct reader *r, const json_t *v)
{
    size_t n = json_is_array(v) ? json_array_size(v) : 1;
    int32_t *limit = xcalloc(n + 1, sizeof *limit);
    bool ok = n <= INT32_MAX;
    for (size_t i = 0; ok && i < n; i++)
        ok = get_limit(json_is_array(v) ? json_array_get(v, i) : v, &limit[i]);
    if (ok)
        history_drop_sliders(&r->j->history, limit, (int32_t)n);
    free(limit);
    return ok;
}

static bool take_record(struct reader *r, const json_t *o, bool first)
{
    if (first)
        return read_version(o);
    if (json_object_get(o, "file"))
        return read_file(r, json_object_get(o, "file"));
    if (json_object_get(o, "state"))
        return (r->begun == r->stepped) && read_state(r, o);
    if (!r->stepped) {
        if (json_object_get(o, "step"))
            return r->begun && read_step(r, json_object_get(o, "step"));
        return read_done(r, o);
    }
    if (json_object_get(o, "edit"))
        return read_edit(r, o);
    if (json_object_get(o, "sliders"))
        return read_moved(r, o);
    if (json_object_get(o, "break")) {
        history_break(&r->j->history);
        return true;
    }
    if (json_object_get(o, "drop"))
        return read_drop(r, json_object_get(o, "drop"));
    if (json_object_get(o, "undo"))
        return apply(r, true);
    return json_object_get(o, "redo") ? apply(r, false) : true; /* of tomorrow: nothing to do */
}

static bool take_line(struct reader *r, const char *line, size_t n, bool first)
{
    char check[CHECK_DIGITS + 1];
    if (n < CHECK_DIGITS + 1 || line[CHECK_DIGITS] != ' ')
        return false;
    const char *json = line + CHECK_DIGITS + 1;
    size_t n_json = n - CHECK_DIGITS - 1;
    check_of(json, n_json, check);
    if (memcmp(check, line, CHECK_DIGITS) != 0)
        return false;
    json_t *o = json_loadb(json, n_json, JSON_REJECT_DUPLICATES, NULL);
    bool ok = json_is_object(o) && take_record(r, o, first);
    json_decref(o);
    return ok;
}

void journal_read(const char *bytes, size_t n, struct journal *out)
{
    *out = (struct journal){0};
    state_init(&out->state);
    history_init(&out->history);
    struct reader r = {.j = out};
    textbuf_init(&r.text);
    while (out->n_good < n) {
        const char *line = bytes + out->n_good, *end = memchr(line, '\n', n - out->n_good);
        if (!end || !take_line(&r, line, (size_t)(end - line), out->n_good == 0))
            break;
        out->n_good += (size_t)(end - line) + 1;
    }
    out->valid = r.begun;
    if (!r.stepped) /* the text belongs to steps that are lost */
        history_release(&out->history);
    if (r.begun) {
        free(out->state.text);
        out->state.n_text = r.text.n;
        out->state.text = xstrndup(r.text.s, r.text.n);
    }
    textbuf_release(&r.text);
}

void journal_release(struct journal *j)
{
    state_release(&j->state);
    history_release(&j->history);
    *j = (struct journal){0};
}

bool journal_knows(const struct journal *j, const struct sha256 *file)
{
    return memcmp(&j->file[0], file, sizeof *file) == 0 ||
           memcmp(&j->file[1], file, sizeof *file) == 0;
}
