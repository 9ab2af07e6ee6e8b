#include "tui/widget/recall.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/formats/mapping.h"
#include "engine/text/utf8.h"
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define FILE_MAX (1u << 20)
#define FILE_LINES 1000 /* more are thrown away at the next start */

void recall_release(struct recall *r)
{
    for (int i = 0; i < r->n; i++)
        free(r->line[i]);
    *r = (struct recall){0};
}

static void forget(struct recall *r, int i)
{
    free(r->line[i]);
    memmove(r->line + i, r->line + i + 1, (size_t)(r->n - i - 1) * sizeof *r->line);
    r->n--;
}

static void put(struct recall *r, const char *s, size_t n)
{
    for (int i = 0; i < r->n; i++)
        if (strlen(r->line[i]) == n && memcmp(r->line[i], s, n) == 0) {
            forget(r, i);
            break;
        }
    if (r->n == RECALL_KEPT)
        forget(r, 0);
    r->line[r->n++] = xasprintf("%.*s", (int)n, s);
}

void recall_add(struct recall *r, const char *line)
{
    r->walking = false;
    if (!*line)
        return;
    put(r, line, strlen(line));
    r->n_new = r->n_new < r->n ? r->n_new + 1 : r->n;
}

void recall_step(struct recall *r, struct prompt *p, int by)
{
    if (!r->walking) {
        r->walking = true;
        r->at = r->n;
        memcpy(r->typed, p->s, p->n + 1);
    }
    for (int i = r->at + by; i >= 0 && i <= r->n; i += by)
        if (i == r->n || strncmp(r->line[i], r->typed, strlen(r->typed)) == 0) {
            r->at = i;
            prompt_set(p, i == r->n ? r->typed : r->line[i]);
            return;
        }
}

static void write_anew(const struct recall *r, const char *path)
{
    struct error ignored = {0};
    struct strbuf out;
    strbuf_init(&out);
    for (int i = 0; i < r->n; i++)
        strbuf_addf(&out, "%s\n", r->line[i]);
    file_write(path, out.s, out.len, &ignored);
    strbuf_release(&out);
}

void recall_load(struct recall *r, const char *path)
{
    struct error ignored = {0};
    char *text;
    size_t n;
    int lines = 0;
    if (!file_read(path, FILE_MAX, &text, &n, &ignored))
        return;
    for (size_t i = 0, k; i < n; i = k + 1, lines++) {
        for (k = i; k < n && text[k] != '\n'; k++) {
        }
        if (k > i && k - i < PROMPT_MAX && utf8_is_valid(text + i, k - i) &&
            !memchr(text + i, '\0', k - i))
            put(r, text + i, k - i);
    }
    free(text);
    if (lines > FILE_LINES)
        write_anew(r, path);
}

bool recall_keep(struct recall *r, const char *path, struct error *e)
{
    if (r->n_new == 0)
        return true;
    struct strbuf out;
    strbuf_init(&out);
    for (int i = r->n - r->n_new; i < r->n; i++)
        strbuf_addf(&out, "%s\n", r->line[i]);
    r->n_new = 0;
    int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC | O_NOCTTY, 0600);
    bool ok = fd >= 0 && write(fd, out.s, out.len) == (ssize_t)out.len;
    int why = errno;
    if (fd >= 0)
        close(fd);
    strbuf_release(&out);
    return ok || error_set(e, ERROR_SYSTEM, "keeping the commands in %s: %s", path, strerror(why));
}
