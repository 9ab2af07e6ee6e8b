#include "engine/hub/saes.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/formats/json.h"
#include "engine/hub/cache.h"
#include <ctype.h>
#include <dirent.h>
#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

enum { FOLDER_DEPTH = 8, CONFIG_MAX = 4 << 20, VALUE_DEPTH = 16 };

struct search {
    const char *model; /* the last part of its name */
    size_t n_model;
    struct dict_hint hint;
    const char *spec; /* of the repository; NULL: of a folder */
    bool by_name;     /* which alone says that it is of the model: what doesn't open is no SAE */
    bool (*go_on)(void *);
    void *arg;
    bool stopped;
    struct hub_sae *sae;
    size_t n, cap;
};

/* "EleutherAI/pythia-70m@step3" → "pythia-70m" */
static const char *last_part(const char *name, size_t *n)
{
    size_t end = strcspn(name, "@");
    while (end > 1 && name[end - 1] == '/')
        end--;
    size_t from = end;
    while (from > 0 && name[from - 1] != '/')
        from--;
    *n = end - from;
    return name + from;
}

/* What TransformerLens, and SAELens after it, calls gpt2. */
static bool is_same_model(const char *a, size_t n_a, const char *b, size_t n_b)
{
    static const char small[] = "gpt2-small";
    if (n_a == sizeof small - 1 && strncasecmp(a, small, n_a) == 0)
        n_a = 4;
    if (n_b == sizeof small - 1 && strncasecmp(b, small, n_b) == 0)
        n_b = 4;
    return n_a > 0 && n_a == n_b && strncasecmp(a, b, n_a) == 0;
}

static bool names_model(const struct search *s, const json_t *j, int depth)
{
    const json_t *item;
    const char *key;
    size_t i;
    if (json_is_string(j)) {
        size_t n;
        const char *name = last_part(json_string_value(j), &n);
        return is_same_model(name, n, s->model, s->n_model);
    }
    if (depth == 0)
        return false;
    if (json_is_array(j))
        json_array_foreach(j, i, item) if (names_model(s, item, depth - 1)) return true;
    if (json_is_object(j))
        json_object_foreach((json_t *)(uintptr_t)j, key,
                            item) if (names_model(s, item, depth - 1)) return true;
    return false;
}

/* Does a configuration of this folder name the model? */
static bool folder_names_model(const struct search *s, const char *dir)
{
    static const char *const names[] = {"cfg.json", "config.json", "hyperparams.json"};
    bool named = false;
    for (size_t i = 0; i < sizeof names / sizeof *names && !named; i++) {
        char *path = xasprintf("%s/%s", dir, names[i]);
        json_t *j = file_is_named(path) ? json_read_object(path, CONFIG_MAX, NULL) : NULL;
        named = j != NULL && names_model(s, j, VALUE_DEPTH);
        json_decref(j);
        free(path);
    }
    return named;
}

/* Does a repository say by its own name what model its SAEs are for, as those without
 * configurations do? Words are compared without their case; one behind the model's name that makes
 * another model of it must not follow. Of gemma-scope-2b-pt-res it is gemma-2-2b, of
 * gemma-scope-2-1b-pt gemma-3-1b. */
static bool repo_names_model(const char *repo, const char *model, size_t n_model)
{
    static const char *const another[] = {"base",   "it",    "instruct", "chat", "deduped",
                                          "medium", "large", "xl",       NULL},
                             *const scope[][2] = {{"gemma-scope-2-", "gemma-3-"},
                                                  {"gemma-scope-", "gemma-2-"}};
    size_t n_repo;
    const char *last = last_part(repo, &n_repo);
    char *name = xasprintf("%.*s", (int)n_repo, last);
    for (size_t i = 0; i < sizeof scope / sizeof *scope; i++)
        if (strncasecmp(last, scope[i][0], strlen(scope[i][0])) == 0) {
            free(name);
            name = xasprintf("%s%s", scope[i][1], last + strlen(scope[i][0]));
            break;
        }
    if (n_model > 3 && strncasecmp(model + n_model - 3, "-pt", 3) == 0)
        n_model -= 3;
    bool found = false;
    for (const char *at = name; n_model > 0 && !found && strlen(at) > n_model; at++) {
        const char *next = at + n_model;
        found = (at == name || !isalnum((unsigned char)at[-1])) && *next == '-' &&
                strncasecmp(at, model, n_model) == 0;
        for (int i = 0; another[i] && found; i++) {
            const size_t n = strlen(another[i]);
            found =
                strncasecmp(next + 1, another[i], n) != 0 || isalnum((unsigned char)next[1 + n]);
        }
    }
    free(name);
    return found;
}

static bool is_weights(const char *name)
{
    static const char *const kinds[] = {"*.safetensors", "*.pt", "*.pth", "*.npz"},
                             *const others[] = {"model.safetensors", "model-*-of-*.safetensors",
                                                "optimizer*", "scheduler*", "rng_state*",
                                                /* what SAELens leaves beside weights */
                                                "sparsity.safetensors", "trainer_state.pt",
                                                "activation_whitening.safetensors",
                                                "activations_store_state.safetensors"};
    bool is = false;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        is = is || fnmatch(kinds[i], name, FNM_PERIOD) == 0;
    for (size_t i = 0; i < sizeof others / sizeof *others; i++)
        is = is && fnmatch(others[i], name, 0) != 0;
    return is;
}

static void drop_last(struct search *s)
{
    s->n--;
    free(s->sae[s->n].path);
    free(s->sae[s->n].spec);
}

static void add(struct search *s, char *path)
{
    s->sae = grow(s->sae, &s->cap, s->n + 1, sizeof *s->sae);
    struct hub_sae *sae = &s->sae[s->n++];
    *sae = (struct hub_sae){.path = path, .spec = s->spec != NULL ? xstrdup(s->spec) : NULL};
    sae->opens = dict_look(path, &s->hint, &sae->is, &sae->why);
    if (!sae->opens && s->by_name)
        drop_last(s);
    else if (!sae->opens) { /* who reads a list sees the path */
        const size_t n = strlen(path);
        char *text = sae->why.text;
        if (strncmp(text, path, n) == 0 && strncmp(text + n, ": ", 2) == 0)
            memmove(text, text + n + 2, strlen(text + n + 2) + 1);
    }
}

/* named: a configuration above names the model, or it need not. */
static void walk(struct search *s, const char *dir, bool named, int depth)
{
    DIR *d = depth > 0 ? opendir(dir) : NULL;
    named = named || (d != NULL && folder_names_model(s, dir));
    for (struct dirent *entry; d != NULL && !s->stopped && (entry = readdir(d)) != NULL;) {
        struct stat st;
        if (entry->d_name[0] == '.')
            continue;
        char *path = xasprintf("%s/%s", dir, entry->d_name);
        const bool there = stat(path, &st) == 0;
        if (there && S_ISDIR(st.st_mode))
            walk(s, path, named, depth - 1);
        if (there && S_ISREG(st.st_mode) && named && is_weights(entry->d_name))
            add(s, path);
        else
            free(path);
        s->stopped = s->go_on != NULL && !s->go_on(s->arg);
    }
    if (d != NULL)
        closedir(d);
}

static bool none_opens(void *arg)
{
    const struct search *s = arg;
    return s->n == 0 || !s->sae[s->n - 1].opens;
}

bool hub_holds_saes(const char *dir)
{
    struct search s = {.model = "", .go_on = none_opens};
    s.arg = &s;
    walk(&s, dir, true, FOLDER_DEPTH);
    const bool found = s.stopped;
    hub_saes_free(s.sae, s.n);
    return found;
}

static int by_path(const void *a, const void *b)
{
    return strverscmp(((const struct hub_sae *)a)->path, ((const struct hub_sae *)b)->path);
}

void hub_saes(const char *model, const struct model_config *config, const char *const *folder,
              int n_folders, bool (*go_on)(void *), void *arg, struct hub_sae **out, size_t *n)
{
    struct search s = {.hint = {.model = config}, .go_on = go_on, .arg = arg};
    struct hub_snapshot *snapshot;
    size_t n_snapshots;
    s.model = last_part(model, &s.n_model);
    hub_list(&snapshot, &n_snapshots);
    for (size_t i = 0; i < n_snapshots; i++) {
        s.spec = snapshot[i].spec;
        s.by_name = repo_names_model(snapshot[i].repo, s.model, s.n_model);
        walk(&s, snapshot[i].dir, s.by_name, FOLDER_DEPTH);
    }
    s.spec = NULL;
    s.by_name = false;
    for (int i = 0; i < n_folders; i++)
        walk(&s, folder[i], true, FOLDER_DEPTH);
    hub_list_free(snapshot, n_snapshots);
    if (s.n > 0)
        qsort(s.sae, s.n, sizeof *s.sae, by_path);
    *out = s.sae;
    *n = s.n;
}

void hub_saes_free(struct hub_sae *s, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(s[i].path);
        free(s[i].spec);
    }
    free(s);
}
