/* Hugging Face's cache: HUB/models--OWNER--NAME/refs/REV holds a commit, …/snapshots/COMMIT the
 * files. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/hf.h"
#include "engine/formats/mapping.h"
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

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

struct name {
    const char *owner, *name, *rev; /* rev points behind '@', or to "main" */
    size_t n_owner, n_name;
};

static bool parse_name(const char *spec, struct name *out)
{
    const char *slash = strchr(spec, '/');
    if (slash == NULL)
        return false;
    const char *at = strchr(slash, '@');
    *out = (struct name){.owner = spec, .n_owner = (size_t)(slash - spec), .name = slash + 1};
    out->n_name = at != NULL ? (size_t)(at - slash - 1) : strlen(slash + 1);
    out->rev = at != NULL ? at + 1 : "main";
    if (!is_component(out->owner, out->n_owner) || !is_component(out->name, out->n_name))
        return false;
    /* A revision may have parts, as in refs/pr/1. */
    for (const char *s = out->rev;;) {
        const size_t n = strcspn(s, "/");
        if (!is_component(s, n))
            return false;
        if (s[n] == '\0')
            return true;
        s += n + 1;
    }
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
static char *look(const char *hub, const struct name *n, struct strbuf *looked)
{
    char *repo =
        xasprintf("%s/models--%.*s--%.*s", hub, (int)n->n_owner, n->owner, (int)n->n_name, n->name);
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

char *hf_hub(void)
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

static char *look_everywhere(const struct name *n, struct strbuf *looked)
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

bool hf_resolve(const char *spec, char **dir, struct error *e)
{
    *dir = NULL;
    if (is_folder(spec)) {
        *dir = xstrdup(spec);
        return true;
    }
    struct name n;
    if (!parse_name(spec, &n))
        return error_set(
            e, ERROR_INPUT,
            "model '%s': no such folder, and not of the form OWNER/NAME or OWNER/NAME@REV", spec);
    struct strbuf looked;
    strbuf_init(&looked);
    *dir = look_everywhere(&n, &looked);
    if (*dir == NULL)
        error_set(
            e, ERROR_INPUT,
            "model '%s': no such folder, and not in the Hugging Face cache (looked for %s)", spec,
            looked.len > 0 ? looked.s : "nothing: HF_HUB_CACHE, HF_HOME and HOME are not set");
    strbuf_release(&looked);
    return *dir != NULL;
}
