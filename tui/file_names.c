#include "tui/file_names.h"
#include "engine/base/memory.h"
#include "engine/text/utf8.h"
#include <dirent.h>
#include <pwd.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

char *path_expanded(const char *typed, struct error *e)
{
    if (*typed != '~')
        return xstrdup(typed);
    char *user = xstrdup(typed + 1);
    user[strcspn(user, "/")] = '\0';
    const char *rest = typed + 1 + strlen(user), *home = *user ? NULL : getenv("HOME");
    struct passwd *who = *user ? getpwnam(user) : NULL;
    if (who)
        home = who->pw_dir;
    char *path = home && *home ? xasprintf("%s%s", home, rest) : NULL;
    if (!path && *user)
        error_set(e, ERROR_INPUT, "%s: found no user %s", typed, user);
    else if (!path)
        error_set(e, ERROR_INPUT, "%s: HOME is not set", typed);
    free(user);
    return path;
}

void file_names_release(struct file_names *f)
{
    for (size_t i = 0; i < f->n; i++)
        free(f->name[i]);
    free(f->name);
    *f = (struct file_names){0};
}

static bool can_be_typed(const char *name)
{
    for (const char *p = name; *p; p++)
        if ((unsigned char)*p < ' ' || *p == 127)
            return false;
    return utf8_is_valid(name, strlen(name));
}

static bool is_folder(const char *dir, const struct dirent *entry)
{
    struct stat st;
    if (entry->d_type != DT_UNKNOWN && entry->d_type != DT_LNK)
        return entry->d_type == DT_DIR;
    char *path = xasprintf("%s/%s", dir, entry->d_name);
    bool folder = stat(path, &st) == 0 && S_ISDIR(st.st_mode);
    free(path);
    return folder;
}

static bool ends_in(const char *name, const char *endings)
{
    const char *dot = strrchr(name, '.');
    for (const char *p = endings; *p && dot; p += strspn(p, " ")) {
        size_t n = strcspn(p, " ");
        if (strlen(dot) == n && strncasecmp(dot, p, n) == 0)
            return true;
        p += n;
    }
    return !*endings;
}

static void add(struct file_names *f, char *name)
{
    f->name = grow(f->name, &f->cap, f->n + 1, sizeof *f->name);
    f->name[f->n++] = name;
}

static int by_name(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Moves the fitting ones to the front, each part sorted. */
static void arrange(struct file_names *f, size_t n_words, const char *endings)
{
    f->n_fitting = n_words;
    for (size_t i = n_words; i < f->n; i++) {
        char *name = f->name[i];
        if (name[strlen(name) - 1] != '/' && !ends_in(name, endings))
            continue;
        f->name[i] = f->name[f->n_fitting];
        f->name[f->n_fitting++] = name;
    }
    if (f->n > 0) {
        qsort(f->name, f->n_fitting, sizeof *f->name, by_name);
        qsort(f->name + f->n_fitting, f->n - f->n_fitting, sizeof *f->name, by_name);
    }
}

void file_names_find(struct file_names *f, const char *typed, const char *endings,
                     const char *const *words)
{
    struct error ignored = {0};
    const char *slash = strrchr(typed, '/'), *begun = slash ? slash + 1 : typed;
    file_names_release(f);
    for (; words && *words; words++)
        if (strncmp(*words, typed, strlen(typed)) == 0)
            add(f, xstrdup(*words));
    size_t n_words = f->n;
    if (strcmp(typed, "~") == 0)
        add(f, xstrdup("~/"));
    char *folder = slash ? xasprintf("%.*s", (int)(slash + 1 - typed), typed) : xstrdup("./"),
         *path = path_expanded(folder, &ignored);
    DIR *dir = path ? opendir(path) : NULL;
    for (struct dirent *entry; dir && (entry = readdir(dir)) != NULL;) {
        const char *name = entry->d_name;
        if (strncmp(name, begun, strlen(begun)) != 0 || (*name == '.' && *begun != '.') ||
            strcmp(name, ".") == 0 || strcmp(name, "..") == 0 || !can_be_typed(name))
            continue;
        add(f, xasprintf("%s%s%s", slash ? folder : "", name, is_folder(path, entry) ? "/" : ""));
    }
    if (dir)
        closedir(dir);
    free(path);
    free(folder);
    arrange(f, n_words, endings);
}

size_t file_names_common(const struct file_names *f, size_t n)
{
    size_t k = n > 0 ? strlen(f->name[0]) : 0;
    for (size_t i = 1; i < n; i++) {
        size_t same = 0;
        while (same < k && f->name[i][same] == f->name[0][same])
            same++;
        k = same;
    }
    while (k > 0 && ((unsigned char)f->name[0][k] & 0xC0) == 0x80)
        k--; /* inside a character */
    return k;
}
