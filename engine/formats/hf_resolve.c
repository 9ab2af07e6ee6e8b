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

/* In the order in which Hugging Face's library gives them precedence. */
static char *look_everywhere(const struct name *n, struct strbuf *looked)
{
    const char *cache = environment("HF_HUB_CACHE"), *home = environment("HF_HOME"),
               *user = environment("HOME");
    char *hubs[3] = {cache != NULL ? xstrdup(cache) : NULL,
                     home != NULL ? xasprintf("%s/hub", home) : NULL,
                     user != NULL ? xasprintf("%s/.cache/huggingface/hub", user) : NULL};
    char *dir = NULL;
    for (size_t i = 0; i < 3; i++) {
        if (dir == NULL && hubs[i] != NULL)
            dir = look(hubs[i], n, looked);
        free(hubs[i]);
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
