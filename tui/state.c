#include "tui/state.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "tui/unit_json.h"
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <limits.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define STATE_VERSION 1

void state_init(struct saved_state *s)
{
    *s = (struct saved_state){.unit = UNIT_NONE, .cursor = SIZE_MAX};
}

void state_release(struct saved_state *s)
{
    free(s->bundle);
    free(s->model);
    free(s->sae);
    free(s->hook);
    for (int32_t i = 0; i < s->n_more; i++) {
        free(s->more[i].path);
        free(s->more[i].hook);
    }
    free(s->theme);
    free(s->text);
    dict_set_release(&s->dicts);
    state_init(s);
}

static char *copy(const char *s)
{
    return s ? xstrdup(s) : NULL;
}

void state_copy_look(const struct saved_state *from, struct saved_state *out)
{
    *out = *from;
    out->bundle = copy(from->bundle);
    out->model = copy(from->model);
    out->sae = copy(from->sae);
    out->hook = copy(from->hook);
    for (int32_t i = 0; i < from->n_more; i++)
        out->more[i] = (struct saved_sae){copy(from->more[i].path), copy(from->more[i].hook)};
    out->theme = copy(from->theme);
    dict_set_copy_plan(&from->dicts, &out->dicts);
    out->text = NULL;
    out->n_text = 0;
    out->cursor = SIZE_MAX;
}

static bool same(const char *a, const char *b)
{
    return a && b ? strcmp(a, b) == 0 : a == b;
}

static bool same_more(const struct saved_state *a, const struct saved_state *b)
{
    if (a->n_more != b->n_more)
        return false;
    for (int32_t i = 0; i < a->n_more; i++)
        if (!same(a->more[i].path, b->more[i].path) || !same(a->more[i].hook, b->more[i].hook))
            return false;
    return true;
}

bool state_same_look(const struct saved_state *a, const struct saved_state *b)
{
    return same(a->bundle, b->bundle) && same(a->model, b->model) && same(a->sae, b->sae) &&
           same(a->hook, b->hook) && a->tl_weights == b->tl_weights && same_more(a, b) &&
           same(a->theme, b->theme) && strcmp(a->view, b->view) == 0 &&
           strcmp(a->colour, b->colour) == 0 && a->has_unit == b->has_unit &&
           unit_same(a->unit, b->unit) && dict_set_same(&a->dicts, &b->dicts) &&
           a->neurons == b->neurons && a->has_units == b->has_units &&
           a->has_insert == b->has_insert && sliders_equal(&a->sliders, &b->sliders);
}

/* ---- reading */
struct reader {
    const json_t *root;
    struct error *e;
};

static bool wrong(struct reader *r, const char *key, const char *expected)
{
    return error_set(r->e, ERROR_INPUT, "state: \"%s\" is not %s", key, expected);
}

static bool read_string(struct reader *r, const char *key, char **out, size_t *n)
{
    const json_t *v = json_object_get(r->root, key);
    if (!v || json_is_null(v))
        return true;
    if (!json_is_string(v))
        return wrong(r, key, "a string");
    *out = xstrndup(json_string_value(v), json_string_length(v));
    if (n)
        *n = strlen(*out);
    return true;
}

/* A path, or {"path": …, "hook": …}. */
static bool read_sae(const json_t *v, struct saved_sae *out)
{
    const json_t *hook = json_object_get(v, "hook");
    const char *path = json_string_value(json_is_object(v) ? json_object_get(v, "path") : v);
    if (!path || (hook && !json_is_string(hook)))
        return false;
    *out = (struct saved_sae){xstrdup(path), hook ? xstrdup(json_string_value(hook)) : NULL};
    return true;
}

/* One path, or a list where there are several; the hook of the first stands in "hook". */
static bool read_saes(struct reader *r, struct saved_state *s)
{
    const json_t *list = json_object_get(r->root, "sae"), *v;
    struct saved_sae one;
    size_t i;
    if (!json_is_array(list))
        return read_string(r, "sae", &s->sae, NULL);
    json_array_foreach(list, i, v)
    {
        if (i >= DICT_SET_MAX || !read_sae(v, &one))
            return wrong(r, "sae", "a path, or a list of them");
        if (i > 0) {
            s->more[s->n_more++] = one;
            continue;
        }
        s->sae = one.path;
        if (one.hook && !s->hook)
            s->hook = one.hook;
        else
            free(one.hook);
    }
    return true;
}

static bool read_points(struct reader *r, struct saved_state *s)
{
    const json_t *list = json_object_get(r->root, "dictionaries"), *v;
    const bool all = json_object_get(r->root, "neurons") != NULL;
    size_t i;
    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list))
        return wrong(r, "dictionaries", "a list of hook points");
    json_array_foreach(list, i, v)
    {
        struct point at;
        const json_t *neurons = json_object_get(v, "neurons");
        const char *name = json_string_value(neurons ? neurons : v);
        if (!name || !point_parse(name, NULL, &at, NULL) ||
            !dict_set_plan(&s->dicts, at, all || neurons))
            return wrong(r, "dictionaries", "a list of hook points, each once");
    }
    return true;
}

static bool read_dicts(struct reader *r, struct saved_state *s)
{
    return read_points(r, s) &&
           (dict_from_json(&s->dicts, json_object_get(r->root, "dictionary"), &s->sliders.dict) ||
            wrong(r, "dictionary", "one of \"dictionaries\""));
}

static bool read_units(struct reader *r, const char *key, struct saved_state *s)
{
    const json_t *list = json_object_get(r->root, key), *v;
    size_t i;
    if (list && strcmp(key, "neurons") == 0)
        s->neurons = true; /* also without any */
    if (!list || json_is_null(list))
        return true;
    if (!json_is_array(list) || json_array_size(list) > UNITS_MAX)
        return error_set(r->e, ERROR_INPUT,
                         "state: \"%s\" is no list, or one of more than %d units", key, UNITS_MAX);
    s->has_units = true;
    s->sliders.n = 0;
    json_array_foreach(list, i, v)
    {
        struct unit_id unit;
        if (!unit_from_json(&s->dicts, v, &unit))
            return wrong(r, key, "a list of numbers from 0, or names of units");
        if (sliders_find(&s->sliders, unit) < 0)
            s->sliders.unit[s->sliders.n++] = (struct chosen_unit){.id = unit};
    }
    return true;
}

static bool read_fixed(struct reader *r, struct saved_state *s)
{
    json_t *fixed = json_object_get(r->root, "fixed"), *v;
    const char *key;
    if (!fixed || json_is_null(fixed))
        return true;
    if (!json_is_object(fixed))
        return wrong(r, "fixed", "an object of numbers");
    json_object_foreach(fixed, key, v)
    {
        struct unit_id unit;
        json_t *name = json_string(key);
        bool known = unit_from_json(&s->dicts, name, &unit);
        json_decref(name);
        if (!known || !json_is_number(v) || !slider_holds(json_number_value(v)))
            return wrong(r, "fixed", "an object from units to numbers, −1000 to 1000");
        int row = sliders_find(&s->sliders, unit);
        if (row < 0 && s->sliders.n < UNITS_MAX)
            s->sliders.unit[row = s->sliders.n++] = (struct chosen_unit){.id = unit};
        if (row < 0)
            return error_set(r->e, ERROR_INPUT, "state: \"fixed\" makes more than %d units",
                             UNITS_MAX);
        sliders_set(&s->sliders, row, json_number_value(v));
    }
    return true;
}

static bool read_choice(struct reader *r, const char *key, const char *const *names, int *out)
{
    const json_t *v = json_object_get(r->root, key);
    if (!v || json_is_null(v))
        return true;
    for (int i = 0; json_is_string(v) && names[i]; i++)
        if (strcmp(json_string_value(v), names[i]) == 0) {
            *out = i;
            return true;
        }
    return wrong(r, key, "one of the names it can have");
}

static const char *const context_name[] = {"line", "join", NULL};
static const char *const colour_name[] = {"pre", "act", "loss", "delta", NULL};

static bool read_insert(struct reader *r, struct saved_state *s)
{
    const json_t *v = json_object_get(r->root, "insert");
    s->has_insert = v && !json_is_null(v);
    return !s->has_insert || insertion_from_json(&s->dicts, v, &s->sliders.insert) ||
           wrong(r, "insert", "none, sae or error, for all or for each of \"dictionaries\"");
}

static bool read_choices(struct reader *r, struct saved_state *s)
{
    int context = 0, colour = -1;
    if (!read_insert(r, s) || !read_choice(r, "context", context_name, &context) ||
        !read_choice(r, "colour", colour_name, &colour))
        return false;
    s->sliders.join = context == 1;
    if (colour >= 0)
        snprintf(s->colour, sizeof s->colour, "%s", colour_name[colour]);
    return true;
}

static bool read_places(struct reader *r, struct saved_state *s)
{
    const json_t *unit = json_object_get(r->root, "unit"),
                 *cursor = json_object_get(r->root, "cursor"),
                 *view = json_object_get(r->root, "view"),
                 *special = json_object_get(r->root, "special"),
                 *tl = json_object_get(r->root, "tl_weights");
    if (view && !json_is_null(view)) {
        if (!json_is_string(view))
            return wrong(r, "view", "the name of a view");
        snprintf(s->view, sizeof s->view, "%s", json_string_value(view));
    }
    if (special && !json_is_null(special)) {
        if (!json_is_boolean(special))
            return wrong(r, "special", "true or false");
        s->sliders.special = json_is_true(special);
    }
    if (tl && !json_is_null(tl)) {
        if (!json_is_boolean(tl))
            return wrong(r, "tl_weights", "true or false");
        s->tl_weights = json_is_true(tl);
    }
    if (unit && !json_is_null(unit)) {
        s->has_unit = true;
        s->unit = UNIT_NONE;
        bool all = json_is_string(unit) && strcmp(json_string_value(unit), "all") == 0;
        if (!all && !unit_from_json(&s->dicts, unit, &s->unit))
            return wrong(r, "unit", "a number from 0, the name of a unit or \"all\"");
    }
    if (cursor && !json_is_null(cursor)) {
        if (!json_is_integer(cursor) || json_integer_value(cursor) < 0)
            return wrong(r, "cursor", "a number from 0");
        s->cursor = (size_t)json_integer_value(cursor);
    }
    return true;
}

bool state_from_json(const json_t *root, struct saved_state *s, struct error *e)
{
    state_init(s);
    struct reader r = {root, e};
    const json_t *version = json_object_get(root, "glimt_state");
    bool ok = json_is_object(root) && json_is_integer(version);
    if (!ok)
        error_set(e, ERROR_INPUT, "state: found no \"glimt_state\", expected its version, %d",
                  STATE_VERSION);
    else if (json_integer_value(version) > STATE_VERSION || json_integer_value(version) < 1)
        ok = error_set(e, ERROR_INPUT, "state: found version %lld, expected %d",
                       (long long)json_integer_value(version), STATE_VERSION);
    ok = ok && read_string(&r, "bundle", &s->bundle, NULL) &&
         read_string(&r, "model", &s->model, NULL) && read_string(&r, "hook", &s->hook, NULL) &&
         read_saes(&r, s) && read_string(&r, "theme", &s->theme, NULL) &&
         read_string(&r, "text", &s->text, &s->n_text) && read_dicts(&r, s) && read_places(&r, s) &&
         read_units(&r, "latents", s) && read_units(&r, "neurons", s) && read_choices(&r, s) &&
         read_fixed(&r, s);
    return ok;
}

bool state_parse(const char *json, size_t n, struct saved_state *s, struct error *e)
{
    state_init(s);
    json_error_t bad;
    json_t *root = json_loadb(json, n, JSON_REJECT_DUPLICATES, &bad);
    if (!root)
        return error_set(e, ERROR_INPUT, "state: no JSON, line %d: %s", bad.line, bad.text);
    bool ok = state_from_json(root, s, e);
    json_decref(root);
    return ok;
}

/* ---- writing */
static void set_string(json_t *o, const char *key, const char *s)
{
    if (s)
        json_object_set_new(o, key, json_string(s));
}

static json_t *saes_json(const struct saved_state *s)
{
    json_t *list = json_array();
    json_array_append_new(list, json_string(s->sae));
    for (int32_t i = 0; i < s->n_more; i++)
        json_array_append_new(
            list, s->more[i].hook
                      ? json_pack("{s:s,s:s}", "path", s->more[i].path, "hook", s->more[i].hook)
                      : json_string(s->more[i].path));
    return list;
}

/* Neurons beside SAEs say so. */
static json_t *points_json(const struct saved_state *s)
{
    json_t *list = json_array();
    for (int32_t i = 0; i < s->dicts.n; i++) {
        const struct dict_place *p = &s->dicts.place[i];
        char name[POINT_NAME_MAX];
        point_name(p->at, name);
        json_array_append_new(list, p->neurons && !s->neurons ? json_pack("{s:s}", "neurons", name)
                                                              : json_string(name));
    }
    return list;
}

json_t *state_json(const struct saved_state *s)
{
    json_t *o = json_object(), *units = json_array(), *fixed = json_object();
    json_object_set_new(o, "glimt_state", json_integer(STATE_VERSION));
    set_string(o, "bundle", s->bundle);
    set_string(o, "model", s->model);
    if (s->sae && s->n_more > 0)
        json_object_set_new(o, "sae", saes_json(s));
    else
        set_string(o, "sae", s->sae);
    set_string(o, "hook", s->hook);
    if (s->tl_weights)
        json_object_set_new(o, "tl_weights", json_true());
    if (s->text) {
        json_object_set_new(o, "text", json_stringn(s->text, s->n_text));
        if (s->cursor <= s->n_text)
            json_object_set_new(o, "cursor", json_integer((json_int_t)s->cursor));
    }
    set_string(o, "view", s->view[0] ? s->view : "explore");
    if (s->colour[0])
        set_string(o, "colour", s->colour);
    if (s->has_unit)
        json_object_set_new(o, "unit",
                            s->unit.dict < 0 ? json_string("all") : unit_json(&s->dicts, s->unit));
    if (s->dicts.n > 1)
        json_object_set_new(o, "dictionaries", points_json(s));
    if (s->dicts.n > 1 && s->sliders.dict < s->dicts.n)
        json_object_set_new(o, "dictionary", dict_json(&s->dicts, s->sliders.dict));
    for (int i = 0; i < s->sliders.n; i++) {
        const struct chosen_unit *u = &s->sliders.unit[i];
        char key[UNIT_NAME_MAX];
        unit_name(&s->dicts, u->id, key);
        json_array_append_new(units, unit_json(&s->dicts, u->id));
        if (u->fixed)
            json_object_set_new(fixed, key, json_real(nearbyint((double)u->value * 10) / 10));
    }
    json_object_set_new(o, s->neurons ? "neurons" : "latents", s->has_units ? units : json_null());
    if (!s->has_units)
        json_decref(units);
    json_object_set_new(o, "fixed", fixed);
    if (s->has_insert)
        json_object_set_new(o, "insert", insertion_json(&s->dicts, s->sliders.insert));
    set_string(o, "context", context_name[s->sliders.join]);
    if (s->sliders.special)
        json_object_set_new(o, "special", json_true());
    set_string(o, "theme", s->theme);
    return o;
}

char *state_print(const struct saved_state *s)
{
    json_t *o = state_json(s);
    char *text = json_dumps(o, JSON_COMPACT | JSON_REAL_PRECISION(9));
    json_decref(o);
    char *out = text ? xstrdup(text) : NULL;
    free(text);
    return out;
}

/* ---- the file */
char *state_path(void)
{
    const char *xdg = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
    if (xdg && xdg[0] == '/')
        return xasprintf("%s/glimt/session.json", xdg);
    if (home && home[0] == '/')
        return xasprintf("%s/.local/state/glimt/session.json", home);
    return NULL;
}

bool state_write_all(int fd, const char *s, size_t n)
{
    while (n > 0) {
        ssize_t k = write(fd, s, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return false;
        s += k;
        n -= (size_t)k;
    }
    return true;
}

/* The folder is named where it is the fault. */
static bool make_folder_of(const char *path, struct error *e)
{
    char *dir = xstrndup(path, (size_t)(strrchr(path, '/') - path));
    const bool made = file_make_folders(dir), ok = made && access(dir, W_OK | X_OK) == 0;
    if (!ok)
        error_set(e, ERROR_SYSTEM, "saving the session: the folder %s can't be %s: %s", dir,
                  made ? "written" : "made", strerror(errno));
    free(dir);
    return ok;
}

bool state_write(const char *path, const char *s, size_t n, struct error *e)
{
    if (!make_folder_of(path, e))
        return false;
    char *beside = xasprintf("%s.new", path);
    int fd = open(beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool ok = fd >= 0 && state_write_all(fd, s, n);
    int why = errno;
    ok = (fd < 0 || close(fd) == 0) && ok;
    if (ok) {
        ok = rename(beside, path) == 0;
        why = errno;
    }
    if (!ok) {
        error_set(e, ERROR_SYSTEM, "saving the session to %s: %s", path, strerror(why));
        if (fd >= 0)
            unlink(beside);
    }
    free(beside);
    return ok;
}

bool state_save(const char *path, const struct saved_state *s, struct error *e)
{
    char *json = state_print(s);
    if (!json)
        return error_set(e, ERROR_SYSTEM, "saving the session: the text has no JSON form");
    char *line = xasprintf("%s\n", json);
    bool ok = state_write(path, line, strlen(line), e);
    free(json);
    free(line);
    return ok;
}

char *state_read(const char *path, size_t max, size_t *n, struct error *e)
{
    FILE *f = fopen(path, "rbe");
    if (!f) {
        if (errno != ENOENT && errno != ENOTDIR)
            error_set(e, ERROR_SYSTEM, "reading the session %s: %s", path, strerror(errno));
        return NULL;
    }
    size_t cap = 0;
    char *s = NULL;
    *n = 0;
    do {
        s = grow(s, &cap, *n + 4096, 1);
        *n += fread(s + *n, 1, cap - *n - 1, f);
    } while (!feof(f) && !ferror(f) && *n <= max);
    s[*n] = 0;
    if (ferror(f) || *n > max) {
        error_set(e, ERROR_INPUT, "reading the session %s: %s", path,
                  ferror(f) ? "read error" : "larger than can be");
        free(s);
        s = NULL;
    }
    fclose(f);
    return s;
}

bool state_load(const char *path, struct saved_state *out, struct error *e)
{
    size_t n;
    state_init(out);
    char *s = state_read(path, STATE_MAX_BYTES, &n, e);
    if (!s && !error_is_set(e))
        return false;
    bool ok = s && state_parse(s, n, out, e);
    free(s);
    if (ok)
        return true;
    state_release(out);
    char *bad = xasprintf("%s.bad", path);
    struct error why = *e;
    *e = (struct error){0};
    if (rename(path, bad) == 0)
        error_set(e, why.kind, "%s; set aside as %s", why.text, bad);
    else
        error_set(e, why.kind, "%s; it can't be set aside: %s", why.text, strerror(errno));
    free(bad);
    return false;
}
