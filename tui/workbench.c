#include "tui/workbench.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/base/parallel.h"
#include "engine/device.h"
#include "engine/devices.h"
#include "engine/hub/cache.h"
#include "tui/lab/content.h"
#include "tui/packing.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* ---- program data */
static char *if_there(char *path)
{
    if (path && access(path, R_OK) == 0)
        return path;
    free(path);
    return NULL;
}

char *program_data(const char *name)
{
    const char *root = getenv("GLIMT_DATA");
    if (root && *root)
        return if_there(xasprintf("%s/%s", root, name));
    char *dir = file_program_folder();
    if (!dir)
        return NULL;
    char *path = if_there(xasprintf("%s/../share/glimt/%s", dir, name));
    /* the build tree has what it made beside the binary, the demo under store/, themes/ at its root
     */
    if (!path)
        path = if_there(xasprintf("%s/%s", dir, name));
    if (!path)
        path = if_there(xasprintf("%s/../store/%s", dir, name));
    if (!path)
        path = if_there(xasprintf("%s/../%s", dir, name));
    free(dir);
    return path;
}

/* ---- opening */
struct opening {
    const struct options *o;
    const char *device;  /* as in the options, or the CPU that stands in */
    struct error passed; /* why it does, for a card: then in a precision of its own */
    struct workbench *wb;
    void (*progress)(void *, double, const char *);
    void *arg;
    const atomic_bool *cancel;
    struct packing packing;
    char *model_dir;
    char *sae[DICT_SET_MAX]; /* files of the SAEs, in the order that they are named in */
    struct dict
        *dict[DICT_SET_MAX]; /* the same, as far as their heads tell, until each is placed */
    int32_t n_saes;
    bool hooked[DICT_SET_MAX]; /* --hook, of the same: was said, */
    struct point hook[DICT_SET_MAX];
    struct point bundle_at[BUNDLE_MAX_DICTS]; /* where the bundle's dictionaries came to be */
    double from, to;                          /* shares of the whole that the current part takes */
    const char *what;
    struct error *e;
};

static bool say(struct opening *op, double from, double to, const char *what)
{
    op->from = from, op->to = to, op->what = what;
    if (op->progress)
        op->progress(op->arg, from, what);
    if (op->cancel && atomic_load(op->cancel))
        return error_set(op->e, ERROR_CANCELLED, "loading was cancelled");
    return true;
}

/* Where there is much, bytes say more than a share. */
#define MANY_BYTES 200000000

static void loading(void *arg, uint64_t done, uint64_t total)
{
    struct opening *op = arg;
    char what[64];
    if (!op->progress || total == 0)
        return;
    if (total >= MANY_BYTES)
        snprintf(what, sizeof what, "%s, %.1f of %.1f GB,", op->what, (double)done / 1e9,
                 (double)total / 1e9);
    else
        snprintf(what, sizeof what, "%s", op->what);
    op->progress(op->arg, op->from + (op->to - op->from) * (double)done / (double)total, what);
}

static enum precision precision_of(const char *dtype)
{
    return strcmp(dtype, "f32") == 0    ? PRECISION_F32
           : strcmp(dtype, "f16") == 0  ? PRECISION_F16
           : strcmp(dtype, "bf16") == 0 ? PRECISION_BF16
                                        : PRECISION_FILE;
}

static bool is_auto(const char *dtype)
{
    return !dtype || strcmp(dtype, "auto") == 0;
}

static bool open_device(struct opening *op)
{
    const struct options *o = op->o;
    const char *dtype = o->dtype ? o->dtype : "auto";
    parallel_limit(o->threads);
    op->wb->backend = device_open(op->device, precision_of(dtype), o->threads, &op->passed, op->e);
    if (op->wb->backend)
        op->wb->jobs = device_queue(op->wb->backend, QUEUE_JOB, op->e);
    if (op->wb->jobs)
        op->wb->quick = device_queue(op->wb->backend, QUEUE_JOB, op->e);
    if (!op->wb->quick)
        return error_prefix(op->e, "--device");
    if (!is_auto(dtype) && !error_is_set(&op->passed) &&
        strcmp(dtype, op->wb->backend->caps.precision) != 0)
        return error_set(op->e, ERROR_INPUT, "--dtype: found %s on the device %s, expected f32",
                         dtype, op->wb->backend->name);
    return true;
}

static bool open_bundle(struct opening *op)
{
    const struct options *o = op->o;
    char *demo = o->bundle ? NULL : program_data("demo/demo.glimt");
    const char *path = o->bundle ? o->bundle : demo;
    bool ok = path ? bundle_open(path, &op->wb->bundle, op->e) : o->model != NULL;
    if (!path && !ok)
        error_set(op->e, ERROR_INPUT,
                  "no model: the bundled demo (demo/demo.glimt of the program data) was not found; "
                  "name one by --model "
                  "or --bundle");
    free(demo);
    op->wb->bundle_is_ours = ok && op->wb->bundle && !o->model && !o->sae && !o->neurons;
    return ok;
}

/* "pythia-1.4b" of a path or OWNER/NAME@REV; without its extension for a file. */
static char *short_name(const char *path, bool file)
{
    size_t n = strlen(path);
    while (n > 1 && path[n - 1] == '/')
        n--;
    size_t start = n;
    while (start > 0 && path[start - 1] != '/')
        start--;
    char *name = xstrndup(path + start, n - start);
    char *end = file ? strrchr(name, '.') : access(path, F_OK) != 0 ? strchr(name, '@') : NULL;
    if (end && end != name)
        *end = '\0';
    return name;
}

/* The dictionaries are the bundle's. */
static bool takes_bundle_dicts(const struct opening *op)
{
    const struct options *o = op->o;
    return op->wb->bundle && !o->sae && !o->model && !o->neurons;
}

/* NULL: none. */
static const char *sae_path(const struct opening *op)
{
    return op->n_saes > 0 ? op->sae[0] : NULL;
}

static bool add_sae(struct opening *op, const char *spec)
{
    return hub_resolve_file(spec, &op->sae[op->n_saes], op->e) && ++op->n_saes;
}

static bool list_saes(struct opening *op)
{
    const struct options *o = op->o;
    const struct bundle *b = takes_bundle_dicts(op) ? op->wb->bundle : NULL;
    bool ok = !o->sae || add_sae(op, o->sae);
    for (int32_t i = 0; ok && i < o->n_more && op->n_saes < DICT_SET_MAX; i++)
        ok = add_sae(op, o->more[i].path);
    for (int32_t i = 0; ok && b && i < b->n_dicts; i++)
        ok = !b->dict[i].sae || add_sae(op, b->dict[i].sae) || error_prefix(op->e, "%s", b->path);
    return ok;
}

/* ---- the bundle's files are what they were */
struct checking {
    struct opening *op;
    struct hash_memory memory;
};

static void hashing(void *arg, const struct study_progress *p, const char *what)
{
    const struct opening *op = arg;
    if (op->progress)
        op->progress(op->arg, op->from + (op->to - op->from) * p->share, what);
}

static bool hash_named(void *arg, const char *const *name, size_t n, struct sha256 *out,
                       struct error *e)
{
    struct checking *c = arg;
    const struct lab_loop loop = {
        .cancel = c->op->cancel, .progress = hashing, .progress_arg = c->op};
    return named_files_hash(name, n, &c->memory, &loop, out, e);
}

/* Hashes are remembered, so that this is slow once. The program's own bundle came with it; glimt
 * verify looks at that, too. */
static bool check_bundle(struct opening *op)
{
    struct workbench *wb = op->wb;
    if (!wb->bundle_is_ours || !op->o->bundle)
        return true;
    struct checking c = {.op = op, .memory = {.dir = cache_folder(op->o)}};
    wb->bundle_checked = bundle_verify(wb->bundle, hash_named, &c, op->e);
    hash_memory_close(&c.memory);
    return wb->bundle_checked;
}

/* Each --hook, once, before a file is read with it: a slip there is none of the file's. */
static bool read_hooks(struct opening *op, const struct model_config *c, struct error *e)
{
    const struct options *o = op->o;
    bool ok = true;
    for (int32_t i = 0; ok && i <= o->n_more; i++) {
        const char *hook = i == 0 ? o->hook : o->more[i - 1].hook;
        op->hooked[i] = hook != NULL;
        ok = !hook || point_parse(hook, c, &op->hook[i], e) || error_prefix(e, "--hook");
    }
    if (o->hook)
        op->wb->at = op->hook[0];
    return ok;
}

/* What --hook says of an SAE; NULL: nothing. */
static const struct point *hook_of(const struct opening *op, int32_t i)
{
    const int32_t which = takes_bundle_dicts(op) ? 0 : i;
    return op->hooked[which] ? &op->hook[which] : NULL;
}

/* Whose the units are that an error speaks of. */
static void say_of(struct error *e, const char *name)
{
    const size_t n = strlen(e->text);
    snprintf(e->text + n, sizeof e->text - n, " (%s)", name);
}

/* Units of the only SAE that the options name. */
static bool check_numbers(const struct opening *op, const struct dict *d, struct error *e)
{
    const struct options *o = op->o;
    struct dict_place place = {.at = dict_spec(d)->at, .m = dict_spec(d)->m};
    const struct dict_set one = {.n = 1, .place = &place};
    for (int32_t i = 0; i < o->n_latents; i++) {
        const struct unit_word *w = &o->unit[i];
        if (!unit_word_alone(w) || w->index < 0 ||
            unit_check(&one, (struct unit_id){0, w->index}, e))
            continue;
        char *name = short_name(sae_path(op), true);
        say_of(e, name);
        free(name);
        return error_prefix(e, "--latents");
    }
    return true;
}

/* What heads tell of an SAE is refused before seconds go by with loading the model. */
static bool check_head(const struct opening *op, const struct model_config *c, const struct dict *d,
                       struct error *e)
{
    const struct point at = dict_spec(d)->at;
    return (at.layer == -2 || model_could_hook(c, op->model_dir, d, at, e)) &&
           (op->n_saes > 1 || check_numbers(op, d, e));
}

/* Heads of the SAEs, and what these will take, before the model is loaded. */
static bool prepare_saes(void *arg, const struct model_config *c, uint64_t *need, struct error *e)
{
    struct opening *op = arg;
    if (!read_hooks(op, c, e))
        return false;
    for (int32_t i = 0; i < op->n_saes; i++) {
        struct dict_hint hint = {.hook = hook_of(op, i),
                                 .model = c,
                                 .packs = op->wb->packs,
                                 .progress = loading,
                                 .progress_arg = op};
        if (!dict_prepare(op->wb->backend, op->sae[i], &hint, &op->dict[i], e) ||
            !check_head(op, c, op->dict[i], e))
            return false;
        *need += dict_need(op->dict[i]);
    }
    return true;
}

static bool open_model(struct opening *op)
{
    struct workbench *wb = op->wb;
    const char *spec = op->o->model ? op->o->model : wb->bundle->model;
    wb->model_name = op->o->model ? short_name(spec, false) : short_name(wb->bundle->path, true);
    if (!hub_resolve(spec, &op->model_dir, op->e) ||
        (op->o->tl_weights == SAID_YES && !tokenizer_open(op->model_dir, &wb->tokenizer, op->e)))
        return false;
    op->packing = (struct packing){.options = op->o,
                                   .sae = sae_path(op),
                                   .progress = op->progress,
                                   .progress_arg = op->arg,
                                   .cancel = op->cancel};
    wb->packs = packing_begin(&op->packing);
    return model_open(
        wb->backend, op->model_dir,
        &(struct model_how){.progress = loading,
                            .progress_arg = op,
                            .beside = prepare_saes,
                            .beside_arg = op,
                            .packs = wb->packs,
                            .tl_tokens = wb->tokenizer ? tokenizer_n_vocab(wb->tokenizer) : 0},
        &wb->model, op->e);
}

/* What the bundle says of the point; *there: whether it says anything that counts. */
static bool bundle_point(struct opening *op, struct point *at, bool *there)
{
    const struct workbench *wb = op->wb;
    *there = wb->bundle && wb->bundle->hook && (op->o->bundle || !op->o->model);
    return !*there || point_parse(wb->bundle->hook, model_config(wb->model), at, op->e) ||
           error_prefix(op->e, "%s: hook", wb->bundle->path);
}

/* Puts the dictionary into its place in the set, and takes it over. */
static bool place_dict(struct opening *op, struct dict *d, struct point at)
{
    if (!model_check_dict(op->wb->model, d, at, op->e)) {
        dict_free(d);
        return false;
    }
    dict_read_as(d, model_reads(op->wb->model, dict_reads(d, at)));
    return dict_set_add(&op->wb->dicts, d, at, op->e);
}

/* Shares of the whole that the SAEs take. */
static const double saes_from = 0.85, saes_take = 0.15;

/* Where an SAE is hooked: --hook, what its file says, what the bundle says. */
static bool open_one_sae(struct opening *op, int32_t i, const char *bundle_says, struct point *at)
{
    struct workbench *wb = op->wb;
    struct dict *d = op->dict[i];
    op->dict[i] = NULL;
    if (!say(op, saes_from + saes_take * i / op->n_saes,
             saes_from + saes_take * (i + 1) / op->n_saes, "SAE")) {
        dict_free(d);
        return false;
    }
    if (!dict_load(d, op->e))
        goto fail;
    *at = dict_spec(d)->at; /* what --hook says, else the file */
    if (at->layer == -2 && bundle_says) {
        if (!point_parse(bundle_says, model_config(wb->model), at, op->e)) {
            error_prefix(op->e, "%s: hook", wb->bundle->path);
            goto fail;
        }
    } else if (at->layer == -2) {
        error_set(op->e, ERROR_INPUT,
                  "the SAE %s does not say where it is hooked, expected --hook NAME", op->sae[i]);
        goto fail;
    }
    return place_dict(op, d, *at);
fail:
    dict_free(d);
    return false;
}

static bool open_bundle_dict(struct opening *op, const struct bundle_dict *d, int32_t *sae,
                             struct point *at)
{
    struct workbench *wb = op->wb;
    if (d->sae)
        return open_one_sae(op, (*sae)++, d->hook, at);
    return (point_parse(d->hook, model_config(wb->model), at, op->e) &&
            model_check_point(wb->model, *at, op->e) &&
            place_dict(op, dict_neurons(*at, model_width(wb->model, *at)), *at)) ||
           error_prefix(op->e, "%s: neurons", wb->bundle->path);
}

static bool open_bundle_dicts(struct opening *op)
{
    const struct bundle *b = op->wb->bundle;
    int32_t sae = 0;
    if (op->o->hook && b->n_dicts > 1)
        return error_set(op->e, ERROR_INPUT,
                         "--hook: the bundle %s names %d dictionaries, expected --sae too", b->path,
                         b->n_dicts);
    for (int32_t i = 0; i < b->n_dicts; i++)
        if (!open_bundle_dict(op, &b->dict[i], &sae, &op->bundle_at[i]))
            return false;
    return true;
}

static bool open_saes(struct opening *op)
{
    const struct options *o = op->o;
    const struct bundle *b = op->wb->bundle;
    const char *bundle_says = b && (o->bundle || !o->model) ? b->hook : NULL;
    struct point at;
    if (sae_path(op))
        op->wb->sae_name = short_name(sae_path(op), true);
    if (takes_bundle_dicts(op))
        return open_bundle_dicts(op);
    bool ok = !o->sae || open_one_sae(op, 0, bundle_says, &at);
    for (int32_t i = 1; ok && i < op->n_saes; i++)
        ok = open_one_sae(op, i, bundle_says, &at);
    return ok;
}

/* The statistics are of as many units as the dictionaries have. */
static bool take_statistics(struct opening *op)
{
    struct workbench *wb = op->wb;
    const struct bundle *b = wb->bundle_is_ours ? wb->bundle : NULL;
    for (int32_t i = 0; b && i < b->n_dicts; i++)
        for (int32_t p = 0; p < wb->dicts.n && b->dict[i].is.n_units > 0; p++) {
            if (point_compare(wb->dicts.place[p].at, op->bundle_at[i]) != 0)
                continue;
            if (b->dict[i].is.n_units != wb->dicts.place[p].m)
                return error_set(op->e, ERROR_INPUT,
                                 "%s: statistics of %d units, expected %d, as many as there are",
                                 b->path, b->dict[i].is.n_units, wb->dicts.place[p].m);
            wb->statistics[p] = &b->dict[i].is;
        }
    return true;
}

const struct bundle_statistics *workbench_statistics(const struct workbench *wb, struct unit_id id)
{
    const struct bundle_statistics *is =
        wb && id.dict >= 0 && id.dict < wb->dicts.n ? wb->statistics[id.dict] : NULL;
    return is && id.index >= 0 && id.index < is->n_units ? is : NULL;
}

static bool has_neurons_at(const struct workbench *wb, struct point at)
{
    for (int32_t i = 0; i < wb->dicts.n; i++)
        if (wb->dicts.place[i].neurons && point_compare(wb->dicts.place[i].at, at) == 0)
            return true;
    return false;
}

static bool neurons_at(struct opening *op, struct point at)
{
    const struct workbench *wb = op->wb;
    return model_check_point(wb->model, at, op->e) &&
           (has_neurons_at(wb, at) ||
            place_dict(op, dict_neurons(at, model_width(wb->model, at)), at));
}

/* The neurons of the points that their names say; of one without a point those of --hook, else of
 * the bundle's, else of the middle layer. Beside an SAE all must say it: --hook is the SAE's. */
static bool open_neurons(struct opening *op)
{
    const struct options *o = op->o;
    struct workbench *wb = op->wb;
    bool named = false;
    for (int32_t i = o->n_latents; o->neurons && i < o->n_units; i++) {
        const struct unit_word *w = &o->unit[i];
        struct point at;
        char name[UNIT_NAME_MAX];
        unit_word_name(w, name);
        if (unit_word_alone(w) && o->sae)
            return error_set(op->e, ERROR_INPUT,
                             "--neurons: found %s beside --sae, expected its layer too: L3N669",
                             name);
        if (unit_word_alone(w) || (o->hook && !o->sae))
            continue;
        if (!unit_word_point(w, model_config(wb->model), &at, op->e))
            return error_prefix(op->e, "--neurons");
        named = true;
        if (!neurons_at(op, at))
            return error_prefix(op->e, "--neurons");
    }
    for (int32_t i = 0; i < o->n_places; i++)
        if (!neurons_at(op, o->place[i]))
            return false;
    if (!o->neurons || named || o->sae || o->n_places > 0)
        return true;
    return place_dict(op, dict_neurons(wb->at, model_width(wb->model, wb->at)), wb->at);
}

/* The point of what has none of its own: neurons without a layer, the text without an SAE. */
static bool default_point(struct opening *op)
{
    struct workbench *wb = op->wb;
    bool there;
    if (op->o->hook)
        return model_check_point(wb->model, wb->at, op->e);
    if (!bundle_point(op, &wb->at, &there))
        return false;
    if (!there)
        wb->at = (struct point){(int16_t)(model_config(wb->model)->n_layers / 2), SITE_MLP_ACT};
    return model_check_point(wb->model, wb->at, op->e);
}

static bool wants_bos(const struct opening *op)
{
    const struct workbench *wb = op->wb;
    if (op->o->bos != UNSAID)
        return op->o->bos == SAID_YES;
    for (int32_t i = 0; i < wb->dicts.n; i++) {
        const enum dict_bos said = dict_spec(wb->dicts.place[i].dict)->bos;
        if (said != DICT_BOS_UNSAID)
            return said == DICT_BOS_YES;
    }
    return model_config(wb->model)->arch->needs_bos;
}

static bool open_dicts(struct opening *op)
{
    struct workbench *wb = op->wb;
    const bool some =
        sae_path(op) || (takes_bundle_dicts(op) && wb->bundle->n_dicts > 0); /* neurons, too */
    if ((!some && !default_point(op)) || !open_saes(op) || !open_neurons(op))
        return false;
    if (wb->dicts.n > 0)
        wb->dict = wb->dicts.place[0].dict, wb->at = wb->dicts.place[0].at;
    if (wb->bundle_is_ours && op->o->hook && wb->bundle->hook) {
        struct point theirs; /* at another hook the bundle's statistics say nothing */
        wb->bundle_is_ours =
            point_parse(wb->bundle->hook, model_config(wb->model), &theirs, NULL) &&
            point_compare(theirs, wb->at) == 0;
    }
    if (!take_statistics(op))
        return false;
    wb->bos = wants_bos(op);
    return !wb->bos || config_bos_check(model_config(wb->model), model_dir(wb->model), op->e);
}

/* A unit that a session can watch and fix: "--latents: found unit 9999, expected 0 to 1023 (demo)".
 */
static bool find_unit(struct opening *op, const char *whose, const struct unit_word *w,
                      struct unit_id *out)
{
    const struct workbench *wb = op->wb;
    char name[UNIT_NAME_MAX];
    if (!unit_find(&wb->dicts, w, out, op->e)) {
        say_of(op->e, wb->sae_name && wb->dicts.n == 1 ? wb->sae_name
                      : wb->dicts.n == 1               ? "neurons"
                                                       : wb->model_name);
        return error_prefix(op->e, "%s", whose);
    }
    unit_word_name(w, name);
    return out->index >= 0 ||
           error_set(op->e, ERROR_INPUT, "%s: found the error term %s, expected a unit", whose,
                     name);
}

static bool too_many(struct opening *op, const char *whose, int32_t n)
{
    return error_set(op->e, ERROR_INPUT, "%s: found %d chosen units, expected at most %d", whose, n,
                     UNITS_MAX);
}

static int by_unit(const void *a, const void *b)
{
    const struct unit_id *x = a, *y = b;
    return x->dict != y->dict     ? (x->dict > y->dict) - (x->dict < y->dict)
           : x->index != y->index ? (x->index > y->index) - (x->index < y->index)
                                  : 0;
}

/* A name of any spelling may stand for one that is there already. */
static bool check_distinct(struct opening *op, const char *whose, const struct unit_id *unit,
                           int32_t n)
{
    struct unit_id *sorted = xmemdup(unit, (size_t)n * sizeof *unit);
    const struct unit_id *twice = NULL;
    qsort(sorted, (size_t)n, sizeof *sorted, by_unit);
    for (int32_t i = 1; i < n; i++)
        if (unit_same(sorted[i], sorted[i - 1]))
            twice = &sorted[i];
    if (twice) {
        char name[UNIT_NAME_MAX];
        unit_name(&op->wb->dicts, *twice, name);
        error_set(op->e, ERROR_INPUT, "%s: chosen names %s twice", whose, name);
    }
    free(sorted);
    return !twice;
}

static bool find_named(struct opening *op, const struct bundle *b, struct unit_id *unit)
{
    for (int32_t i = 0; i < b->n_chosen; i++) {
        struct unit_word w;
        const char *s = b->chosen[i];
        if (!unit_word_read(&s, &w, op->e) || *s)
            return error_set(op->e, ERROR_INPUT, "%s: chosen names '%s', expected a unit", b->path,
                             b->chosen[i]);
        if (!find_unit(op, b->path, &w, &unit[i]))
            return false;
    }
    return check_distinct(op, b->path, unit, b->n_chosen);
}

/* The bundle's, any number of them: as many as there are sliders are taken up. */
static bool choose_of_bundle(struct opening *op, const struct bundle *b)
{
    struct workbench *wb = op->wb;
    if (b->n_chosen == 0 || !wb->dict)
        return true;
    struct unit_id *unit = xcalloc((size_t)b->n_chosen, sizeof *unit);
    const bool ok = find_named(op, b, unit);
    wb->n_chosen = !ok ? 0 : b->n_chosen < UNITS_MAX ? b->n_chosen : UNITS_MAX;
    memcpy(wb->chosen, unit, (size_t)wb->n_chosen * sizeof *unit);
    free(unit);
    if (ok && b->n_chosen > UNITS_MAX && !wb->said[0])
        snprintf(wb->said, sizeof wb->said,
                 "%s names %d chosen units: the first %d have a slider, the others are left out",
                 b->path, b->n_chosen, UNITS_MAX);
    return ok;
}

static bool choose(struct opening *op)
{
    struct workbench *wb = op->wb;
    const struct options *o = op->o;
    if (o->n_units == 0)
        return !wb->bundle_is_ours || choose_of_bundle(op, wb->bundle);
    if (o->n_units > UNITS_MAX)
        return too_many(op, o->neurons ? "--neurons" : "--latents", o->n_units);
    for (int32_t i = 0; i < o->n_units && wb->dict; i++) {
        const char *whose = i < o->n_latents || !o->neurons ? "--latents" : "--neurons";
        if (!find_unit(op, whose, &o->unit[i], &wb->chosen[wb->n_chosen++]))
            return false;
    }
    return true;
}

/* Places in order, in each as they were given: a lane wants the units of a place side by side. */
static void sort_by_place(struct unit *unit, int32_t n)
{
    for (int32_t i = 1; i < n; i++) {
        const struct unit u = unit[i];
        int32_t at = i;
        for (; at > 0 && unit[at - 1].id.dict > u.id.dict; at--)
            unit[at] = unit[at - 1];
        unit[at] = u;
    }
}

static bool choose_fixed(struct opening *op)
{
    const struct options *o = op->o;
    struct workbench *wb = op->wb;
    for (int32_t i = 0; i < o->n_fix; i++) {
        wb->fix[i] = (struct unit){.value = o->fix[i].value, .mode = UNIT_FIX};
        if (!find_unit(op, "--fix", &o->fix[i].unit, &wb->fix[i].id))
            return false;
        for (int32_t j = 0; j < i; j++)
            if (unit_same(wb->fix[i].id, wb->fix[j].id)) {
                char name[UNIT_NAME_MAX];
                unit_name(&wb->dicts, wb->fix[i].id, name);
                return error_set(op->e, ERROR_INPUT,
                                 "--fix: found unit %s twice, expected each once", name);
            }
    }
    wb->n_fix = o->n_fix;
    sort_by_place(wb->fix, wb->n_fix);
    return true;
}

/* What is asked of the dictionary. */
static bool check_options(struct opening *op)
{
    const struct options *o = op->o;
    struct workbench *wb = op->wb;
    const bool inserts = options_inserts(o);
    if (!wb->dict && (inserts || o->n_fix || o->n_units))
        return error_set(op->e, ERROR_INPUT,
                         "%s: found no SAE for the model %s, expected --sae, --bundle or --neurons",
                         o->n_fix  ? "--fix"
                         : inserts ? "--insert"
                                   : "--latents",
                         wb->model_name);
    return choose_fixed(op) &&
           options_insert(o, &wb->dicts, wb->fix, wb->n_fix, &wb->insert, op->e);
}

static void take_references(struct workbench *wb, const struct options *o)
{
    for (int32_t i = 0; wb->bundle && i < wb->bundle->n_classes; i++) {
        const struct bundle_class *c = &wb->bundle->cls[i];
        if (c->n_sentences > 0)
            wb->set[wb->n_sets++] =
                (struct reference_set){c->name, c->label ? c->label : c->name,
                                       (const char *const *)c->sentence, c->n_sentences};
    }
    wb->n_live = o->bundle || !o->model ? wb->n_sets : 0;
}

/* Into a workbench of its own, whole or not. */
static bool open_all(struct opening *op)
{
    struct workbench *wb = op->wb = xcalloc(1, sizeof *wb);
    bool ok = say(op, 0, 0.02, "device") && open_device(op) && say(op, 0.02, 0.05, "bundle") &&
              open_bundle(op) && list_saes(op) && check_bundle(op) && say(op, 0.05, 0.8, "model") &&
              open_model(op) && say(op, 0.8, 0.85, "tokenizer") &&
              (wb->tokenizer || tokenizer_open(op->model_dir, &wb->tokenizer, op->e)) &&
              open_dicts(op) && choose(op) && check_options(op) && say(op, 1, 1, "ready");
    free(op->model_dir);
    op->model_dir = NULL;
    for (int32_t i = 0; i < DICT_SET_MAX; i++) {
        free(op->sae[i]);
        op->sae[i] = NULL;
        dict_free(op->dict[i]);
        op->dict[i] = NULL;
    }
    op->n_saes = 0;
    return ok;
}

bool workbench_open_cancellable(const struct options *o,
                                void (*progress)(void *, double, const char *), void *arg,
                                const atomic_bool *cancel, struct workbench **out, struct error *e)
{
    struct opening op = {
        .o = o, .device = o->device, .progress = progress, .arg = arg, .cancel = cancel, .e = e};
    *out = NULL;
    if (!open_all(&op)) {
        const bool stands_in = device_is_free_choice(o->device) && op.wb->backend &&
                               strcmp(op.wb->backend->name, "cpu") != 0 &&
                               (e->kind == ERROR_MEMORY || e->kind == ERROR_LOST);
        workbench_free(op.wb);
        if (!stands_in)
            return false;
        op.passed = *e, *e = (struct error){0};
        op.device = "cpu";
        if (!open_all(&op)) {
            workbench_free(op.wb);
            return false;
        }
    }
    if (error_is_set(&op.passed))
        snprintf(op.wb->said, sizeof op.wb->said, "%s; the CPU computes%s", op.passed.text,
                 is_auto(o->dtype) ? "" : ", in f32");
    take_references(op.wb, o);
    if (op.wb->packs)
        packs_write(op.wb->packs);
    *out = op.wb;
    return true;
}

bool workbench_open(const struct options *o, void (*progress)(void *, double, const char *),
                    void *arg, struct workbench **out, struct error *e)
{
    return workbench_open_cancellable(o, progress, arg, NULL, out, e);
}

char *workbench_dict_name(const struct dict *dict)
{
    const char *path = dict_path(dict);
    return path ? short_name(path, true) : xstrdup("neurons");
}

void workbench_free(struct workbench *wb)
{
    if (!wb)
        return;
    packs_stop(
        wb->packs); /* it reads what the dictionaries and the model free, who read its maps */
    dict_set_release(&wb->dicts);
    model_free(wb->model);
    packs_free(wb->packs);
    tokenizer_free(wb->tokenizer);
    bundle_free(wb->bundle);
    device_queue_free(wb->quick);
    device_queue_free(wb->jobs);
    device_close(wb->backend);
    free(wb->model_name);
    free(wb->sae_name);
    free(wb);
}
