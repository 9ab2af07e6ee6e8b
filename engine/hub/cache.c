#include "engine/hub/cache.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/mapping.h"
#include <dirent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static bool is_folder(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISDIR(st.st_mode);
}

static const char *environment(const char *name)
{
    const char *s = getenv(name);
    return s != NULL && s[0] != '\0' ? s : NULL;
}

/* One component of a repository's name or a revision: nothing that leads out of the cache. */
static bool is_component(const char *s, size_t n)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    return n > 0 && n <= 128 && strspn(s, allowed) >= n && s[0] != '.';
}

/* A revision may have parts, as in refs/pr/1. */
static bool is_revision(const char *s)
{
    for (;;) {
        const size_t n = strcspn(s, "/");
        if (!is_component(s, n))
            return false;
        if (s[n] == '\0')
            return true;
        s += n + 1;
    }
}

/* Hugging Face has no names with "--" in them: it stands for the slash. */
static bool is_repo(const char *s, size_t n)
{
    const char *slash = memchr(s, '/', n);
    const size_t n_owner = slash != NULL ? (size_t)(slash - s) : 0;
    return memmem(s, n, "--", 2) == NULL && (slash == NULL || is_component(s, n_owner)) &&
           (slash == NULL ? is_component(s, n) : is_component(slash + 1, n - n_owner - 1));
}

bool hub_name_parse(const char *spec, struct hub_name *out, struct error *e)
{
    const size_t n = strcspn(spec, "@");
    const char *rev = spec[n] == '@' ? spec + n + 1 : "main";
    *out = (struct hub_name){0};
    if (!is_repo(spec, n) || !is_revision(rev))
        return error_set(e, ERROR_INPUT, "'%s' is not of the form OWNER/NAME or OWNER/NAME@REV",
                         spec);
    *out = (struct hub_name){.repo = xstrndup(spec, n), .rev = xstrdup(rev)};
    return true;
}

void hub_name_release(struct hub_name *n)
{
    free(n->repo);
    free(n->rev);
    *n = (struct hub_name){0};
}

char *hub_repo_folder(const char *hub, const char *repo)
{
    const size_t owner = strcspn(repo, "/");
    return repo[owner] == '\0'
               ? xasprintf("%s/models--%s", hub, repo)
               : xasprintf("%s/models--%.*s--%s", hub, (int)owner, repo, repo + owner + 1);
}

/* The commit that refs/REV names, or REV itself where it is none (then it may be a commit). */
static char *read_commit(const char *repo, const char *rev)
{
    char *path = xasprintf("%s/refs/%s", repo, rev), *text = NULL;
    if (file_read(path, 256, &text, NULL, NULL)) {
        text[strcspn(text, " \t\r\n")] = '\0';
        if (!is_component(text, strlen(text)))
            text[0] = '\0';
    } else {
        text = strchr(rev, '/') == NULL ? xstrdup(rev) : xstrdup("");
    }
    free(path);
    return text;
}

/* Looks in one cache folder; NULL: not there, what was looked at is added to `looked`. */
static char *look(const char *hub, const struct hub_name *n, struct strbuf *looked)
{
    char *repo = hub_repo_folder(hub, n->repo);
    char *commit = read_commit(repo, n->rev), *dir = xasprintf("%s/snapshots/%s", repo, commit);
    if (commit[0] == '\0' || !is_folder(dir)) {
        strbuf_addf(looked, "%s%s", looked->len > 0 ? ", " : "", is_folder(repo) ? dir : repo);
        free(dir);
        dir = NULL;
    }
    free(commit);
    free(repo);
    return dir;
}

/* $NAME and ${NAME}, as Python's os.path.expandvars has them: what is not set stays. */
static void add_variable(struct strbuf *out, const char **s)
{
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_";
    const bool braces = (*s)[1] == '{';
    const char *from = *s + 1 + braces;
    const size_t n = braces ? strcspn(from, "}") : strspn(from, letters);
    const char *end = from + n + (braces && from[n] == '}');
    char *name = xstrndup(from, n);
    const char *value = n > 0 && (!braces || from[n] == '}') ? getenv(name) : NULL;
    if (value != NULL)
        strbuf_adds(out, value);
    else
        strbuf_add(out, *s, (size_t)(end - *s));
    free(name);
    *s = end;
}

/* ~ and variables of the environment, as Hugging Face's library reads its own. */
static char *expand(const char *s)
{
    struct strbuf out;
    const char *home = environment("HOME");
    strbuf_init(&out);
    if (s[0] == '~' && (s[1] == '\0' || s[1] == '/') && home != NULL) {
        strbuf_adds(&out, home);
        s++;
    }
    while (*s != '\0')
        if (*s == '$')
            add_variable(&out, &s);
        else
            strbuf_addc(&out, *s++);
    return strbuf_detach(&out);
}

/* NAME with /tail; NULL: not set. */
static char *place(const char *name, const char *tail)
{
    const char *value = environment(name);
    if (value == NULL)
        return NULL;
    char *folder = expand(value), *path = xasprintf("%s%s", folder, tail);
    free(folder);
    return path;
}

/* In the order in which Hugging Face's library (huggingface_hub, constants.py) gives them
 * precedence. */
#define N_HUBS 5
static void find_hubs(char *hub[N_HUBS])
{
    hub[0] = place("HF_HUB_CACHE", "");
    hub[1] = place("HUGGINGFACE_HUB_CACHE", "");
    hub[2] = place("HF_HOME", "/hub");
    hub[3] = place("XDG_CACHE_HOME", "/huggingface/hub");
    hub[4] = place("HOME", "/.cache/huggingface/hub");
}

char *hub_folder(void)
{
    char *hub[N_HUBS], *first = NULL;
    find_hubs(hub);
    for (size_t i = 0; i < N_HUBS; i++) {
        if (first == NULL)
            first = hub[i];
        else
            free(hub[i]);
    }
    return first;
}

static char *look_everywhere(const struct hub_name *n, struct strbuf *looked)
{
    char *hub[N_HUBS], *dir = NULL;
    find_hubs(hub);
    for (size_t i = 0; i < N_HUBS; i++) {
        if (dir == NULL && hub[i] != NULL)
            dir = look(hub[i], n, looked);
        free(hub[i]);
    }
    return dir;
}

bool hub_resolve(const char *spec, char **dir, struct error *e)
{
    *dir = NULL;
    if (is_folder(spec)) {
        *dir = xstrdup(spec);
        return true;
    }
    struct hub_name n;
    if (!hub_name_parse(spec, &n, NULL))
        return error_set(
            e, ERROR_INPUT,
            "model '%s': no such folder, and not of the form OWNER/NAME or OWNER/NAME@REV", spec);
    struct strbuf looked;
    strbuf_init(&looked);
    *dir = look_everywhere(&n, &looked);
    if (*dir == NULL)
        error_set(
            e, ERROR_INPUT,
            "model '%s': no such folder, and not in the Hugging Face cache, into which glimt pull "
            "fetches (looked for %s)",
            spec,
            looked.len > 0 ? looked.s : "nothing: HF_HUB_CACHE, HF_HOME and HOME are not set");
    strbuf_release(&looked);
    hub_name_release(&n);
    return *dir != NULL;
}

static bool is_file_name(const char *s)
{
    for (size_t n; (n = strcspn(s, "/")) > 0 && !(n <= 2 && strspn(s, ".") >= n); s += n + 1)
        if (s[n] == '\0')
            return true;
    return false;
}

bool hub_resolve_file(const char *spec, char **path, struct error *e)
{
    const char *slash = strchr(spec, '/'), *at = strchr(spec, '@');
    const char *colon = at != NULL ? strchr(at, ':') : NULL;
    *path = NULL;
    if (slash == NULL || at == NULL || at < slash || access(spec, F_OK) == 0) {
        *path = xstrdup(spec);
        return true;
    }
    if (colon != NULL && !is_file_name(colon + 1))
        return error_set(e, ERROR_INPUT, "'%s' is not of the form OWNER/NAME@REV:FILE", spec);
    char *repo = xstrndup(spec, colon != NULL ? (size_t)(colon - spec) : strlen(spec)), *dir = NULL;
    if (hub_resolve(repo, &dir, e))
        *path = colon != NULL ? xasprintf("%s/%s", dir, colon + 1) : xstrdup(dir);
    free(repo);
    free(dir);
    return *path != NULL;
}

/* HUB/models--OWNER--NAME/snapshots/COMMIT[/FILE]: its parts, where HUB has it. */
static char *name_below(const char *hub, const char *path)
{
    static const char models[] = "/models--", snapshots[] = "/snapshots/";
    const size_t n = strlen(hub);
    if (strncmp(path, hub, n) != 0 || strncmp(path + n, models, sizeof models - 1) != 0)
        return NULL;
    const char *owner = path + n + sizeof models - 1, *end = strchr(owner, '/');
    const char *name = strstr(owner, "--");
    if (end == NULL || name == NULL || name > end ||
        strncmp(end, snapshots, sizeof snapshots - 1) != 0)
        return NULL;
    const char *commit = end + sizeof snapshots - 1;
    const size_t n_commit = strcspn(commit, "/");
    const char *file = commit + n_commit + strspn(commit + n_commit, "/");
    return n_commit == 0
               ? NULL
               : xasprintf("%.*s/%.*s@%.*s%s%s", (int)(name - owner), owner, (int)(end - name - 2),
                           name + 2, (int)n_commit, commit, *file != '\0' ? ":" : "", file);
}

/* The folder that a file lies in without its links; the file itself is one, out of its snapshot. */
static char *real_path(const char *path)
{
    const char *slash = strrchr(path, '/');
    if (is_folder(path) || slash == NULL || slash == path)
        return realpath(path, NULL);
    char *dir = xstrndup(path, (size_t)(slash - path)), *real = realpath(dir, NULL);
    char *whole = real != NULL ? xasprintf("%s%s", real, slash) : NULL;
    free(real);
    free(dir);
    return whole;
}

char *hub_name_of(const char *path)
{
    char *hub[N_HUBS], *found = NULL, *real = real_path(path);
    find_hubs(hub);
    for (size_t i = 0; i < N_HUBS; i++) {
        char *real_hub = hub[i] != NULL ? realpath(hub[i], NULL) : NULL;
        if (found == NULL && real_hub != NULL && real != NULL)
            found = name_below(real_hub, real);
        free(real_hub);
        free(hub[i]);
    }
    free(real);
    return found;
}

/* ---- what is there */

struct listing {
    struct hub_snapshot *snapshot;
    size_t n, cap;
};

static void release(struct hub_snapshot *s)
{
    free(s->repo);
    free(s->rev);
    free(s->commit);
    free(s->dir);
    free(s->spec);
}

static void add(struct listing *l, const char *folder, const char *repo, const char *rev,
                const char *commit)
{
    char *dir = xasprintf("%s/snapshots/%s", folder, commit);
    size_t at = 0;
    while (at < l->n &&
           (strcmp(l->snapshot[at].repo, repo) != 0 || strcmp(l->snapshot[at].rev, rev) != 0))
        at++;
    if (at < l->n && (is_folder(l->snapshot[at].dir) || !is_folder(dir))) {
        free(dir);
        return;
    }
    if (at == l->n) {
        l->snapshot = grow(l->snapshot, &l->cap, l->n + 1, sizeof *l->snapshot);
        l->n++;
    } else {
        release(&l->snapshot[at]); /* what an earlier folder only names */
    }
    l->snapshot[at] = (struct hub_snapshot){
        .repo = xstrdup(repo),
        .rev = xstrdup(rev),
        .commit = xstrdup(commit),
        .dir = dir,
        .spec = strcmp(rev, "main") == 0 ? xstrdup(repo) : xasprintf("%s@%s", repo, rev),
    };
}

/* The names in a folder that a revision can have. */
static struct dirent *next_entry(DIR *d)
{
    for (struct dirent *entry; (entry = readdir(d)) != NULL;)
        if (is_component(entry->d_name, strlen(entry->d_name)))
            return entry;
    return NULL;
}

static void add_refs(struct listing *l, const char *folder, const char *repo, const char *under,
                     int depth)
{
    char *dir = xasprintf("%s/refs/%s", folder, under);
    DIR *d = depth > 0 ? opendir(dir) : NULL;
    for (struct dirent *entry; d != NULL && (entry = next_entry(d)) != NULL;) {
        const char *name = entry->d_name;
        char *path = xasprintf("%s/%s", dir, name), *rev = xasprintf("%s%s", under, name);
        if (is_folder(path)) {
            char *deeper = xasprintf("%s/", rev);
            add_refs(l, folder, repo, deeper, depth - 1);
            free(deeper);
        } else {
            char *commit = read_commit(folder, rev);
            add(l, folder, repo, rev, commit);
            free(commit);
        }
        free(path);
        free(rev);
    }
    if (d != NULL)
        closedir(d);
    free(dir);
}

/* Commits that no ref names. */
static void add_commits(struct listing *l, const char *folder, const char *repo)
{
    char *dir = xasprintf("%s/snapshots", folder);
    DIR *d = opendir(dir);
    for (struct dirent *entry; d != NULL && (entry = next_entry(d)) != NULL;) {
        bool named = false;
        for (size_t i = 0; i < l->n && !named; i++)
            named = strcmp(l->snapshot[i].repo, repo) == 0 &&
                    strcmp(l->snapshot[i].commit, entry->d_name) == 0;
        if (!named)
            add(l, folder, repo, entry->d_name, entry->d_name);
    }
    if (d != NULL)
        closedir(d);
    free(dir);
}

static void add_hub(struct listing *l, const char *hub)
{
    static const char before[] = "models--";
    DIR *d = opendir(hub);
    for (struct dirent *entry; d != NULL && (entry = next_entry(d)) != NULL;) {
        if (strncmp(entry->d_name, before, sizeof before - 1) != 0)
            continue;
        char *repo = xstrdup(entry->d_name + sizeof before - 1), *between = strstr(repo, "--");
        if (between != NULL) {
            *between = '/';
            memmove(between + 1, between + 2, strlen(between + 2) + 1);
        }
        char *folder = xasprintf("%s/%s", hub, entry->d_name);
        if (is_repo(repo, strlen(repo))) {
            enum { REF_DEPTH = 8 };
            add_refs(l, folder, repo, "", REF_DEPTH);
            add_commits(l, folder, repo);
        }
        free(folder);
        free(repo);
    }
    if (d != NULL)
        closedir(d);
}

static int by_spec(const void *p, const void *q)
{
    const struct hub_snapshot *a = p, *b = q;
    const int c = strverscmp(a->repo, b->repo);
    const bool main_a = strcmp(a->rev, "main") == 0, main_b = strcmp(b->rev, "main") == 0;
    return c != 0 ? c : main_a != main_b ? (main_a ? -1 : 1) : strverscmp(a->rev, b->rev);
}

void hub_list(struct hub_snapshot **out, size_t *n)
{
    char *hub[N_HUBS];
    struct listing l = {0};
    find_hubs(hub);
    for (size_t i = 0; i < N_HUBS; i++) {
        if (hub[i] != NULL)
            add_hub(&l, hub[i]);
        free(hub[i]);
    }
    if (l.n > 0)
        qsort(l.snapshot, l.n, sizeof *l.snapshot, by_spec);
    *out = l.snapshot;
    *n = l.n;
}

void hub_list_free(struct hub_snapshot *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        release(&s[i]);
    free(s);
}
