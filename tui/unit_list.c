/* Lists of units in files. */
#include "tui/unit_list.h"
#include "engine/base/memory.h"
#include "engine/dict/unit.h"
#include "engine/formats/text_file.h"
#include "tui/workbench.h"
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The end of a line, or the text's. */
static size_t line_end(const char *s, size_t n, size_t at)
{
    while (at < n && s[at] != '\n')
        at++;
    return at;
}

static bool take_word(const char *path, const char *s, size_t n, struct strbuf *out,
                      struct error *e)
{
    char *word = xstrndup(s, n);
    const char *end = word;
    struct unit_word u;
    const bool ok = unit_word_read(&end, &u, NULL) && !*end;
    if (ok)
        strbuf_addf(out, "%s%s", out->len > 0 ? "," : "", word);
    else
        error_set(e, ERROR_INPUT, "%s: found %.60s, expected names of units like L3N669", path,
                  word);
    free(word);
    return ok;
}

static bool take_words(const char *path, const char *s, size_t n, struct strbuf *out,
                       struct error *e)
{
    static const char between[] = " \t\r\n,";
    for (size_t at = 0; at < n;) {
        if (s[at] == '#') {
            at = line_end(s, n, at);
        } else if (!s[at] || !strchr(between, s[at])) {
            const size_t from = at;
            while (at < n && s[at] && s[at] != '#' && !strchr(between, s[at]))
                at++;
            at += at == from;
            if (!take_word(path, s + from, at - from, out, e))
                return false;
        } else {
            at++;
        }
    }
    return true;
}

static bool add_list(const char *name, struct strbuf *out, struct error *e)
{
    enum { MOST = 1 << 20 };
    char *shipped = xasprintf("demo/neurons/%s.txt", name),
         *own = !strchr(name, '/') && access(name, F_OK) != 0 ? program_data(shipped) : NULL;
    const char *path = own ? own : name;
    struct text_file file;
    const size_t before = out->len;
    bool ok = text_open(&file, path, &(struct text_spec){.limit = MOST}, e) &&
              take_words(path, file.p, file.n, out, e);
    if (ok && out->len == before)
        ok = error_set(e, ERROR_INPUT, "%s: found no unit, expected names like L3N669", path);
    text_close(&file);
    free(own);
    free(shipped);
    return ok;
}

bool unit_lists_expand(const char *names, struct strbuf *out, struct error *e)
{
    bool ok = true;
    if (!strchr(names, '@')) {
        strbuf_adds(out, names);
        return true;
    }
    for (const char *s = names; ok && *s; s += *s == ',') {
        char *one = xstrndup(s, strcspn(s, ","));
        s += strlen(one);
        if (*one == '@')
            ok = add_list(one + 1, out, e);
        else
            strbuf_addf(out, "%s%s", out->len > 0 ? "," : "", one);
        free(one);
    }
    return ok;
}
