#include "tui/kept.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "tui/journal.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define NAME_MAX_BYTES 40
#define MAX_JOURNAL_BYTES ((size_t)128 << 20)
#define MAX_ADDED ((size_t)512 << 10) /* behind the beginning; then it begins anew */
#define MAX_SESSIONS 1000

struct kept {
    char *folder; /* NULL: nothing says where */
    char *name;
    int lock, journal;         /* descriptors; −1: none */
    struct strbuf pending;     /* lines for the journal */
    size_t n_begin, n_written; /* bytes of the journal: its beginning, all of it */
    bool stale;                /* the journal must begin anew before anything can go behind it */
    bool beside;               /* others: new, and in no file until something is done */
    bool touched, unsaved;
    struct saved_state look; /* what the journal says of it */
    struct sha256 file;      /* content of the state file */
};

/* ---- names and places */
static char *state_folder(void)
{
    char *path = state_path(), *slash = path ? strrchr(path, '/') : NULL;
    if (slash)
        *slash = 0;
    return path;
}

static char *place(const struct kept *k, const char *name, const char *ending)
{
    return xasprintf("%s/%s%s", k->folder, name, ending);
}

static bool is_name(const char *s, size_t n)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_";
    return n > 0 && n <= NAME_MAX_BYTES && strspn(s, letters) >= n && s[0] != '-';
}

/* ---- what there is */
struct session {
    char name[NAME_MAX_BYTES + 1];
    struct timespec used;
};
struct sessions {
    struct session *of;
    size_t n, cap;
};

static struct timespec last_use(const struct kept *k, const char *name)
{
    static const char *const endings[] = {".json", ".journal", ".lock"};
    struct timespec last = {0};
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        char *path = place(k, name, endings[i]);
        struct stat st;
        if (stat(path, &st) == 0 &&
            (st.st_mtim.tv_sec > last.tv_sec ||
             (st.st_mtim.tv_sec == last.tv_sec && st.st_mtim.tv_nsec > last.tv_nsec)))
            last = st.st_mtim;
        free(path);
    }
    return last;
}

static bool is_listed(const struct sessions *s, const char *name)
{
    for (size_t i = 0; i < s->n; i++)
        if (strcmp(s->of[i].name, name) == 0)
            return true;
    return false;
}

static void list_file(const struct kept *k, struct sessions *s, const char *file)
{
    const char *dot = strchr(file, '.');
    struct session one;
    if (!dot || (strcmp(dot, ".json") != 0 && strcmp(dot, ".journal") != 0) ||
        !is_name(file, (size_t)(dot - file)) || s->n == MAX_SESSIONS)
        return;
    snprintf(one.name, sizeof one.name, "%.*s", (int)(dot - file), file);
    if (is_listed(s, one.name))
        return;
    one.used = last_use(k, one.name);
    s->of = grow(s->of, &s->cap, s->n + 1, sizeof *s->of);
    s->of[s->n++] = one;
}

static int by_last_use(const void *a, const void *b)
{
    const struct session *p = a, *q = b;
    if (p->used.tv_sec != q->used.tv_sec)
        return p->used.tv_sec < q->used.tv_sec ? 1 : -1;
    if (p->used.tv_nsec != q->used.tv_nsec)
        return p->used.tv_nsec < q->used.tv_nsec ? 1 : -1;
    return strcmp(p->name, q->name);
}

static struct sessions list(const struct kept *k)
{
    struct sessions s = {0};
    DIR *d = k->folder ? opendir(k->folder) : NULL;
    for (struct dirent *entry; d && (entry = readdir(d));)
        list_file(k, &s, entry->d_name);
    if (d)
        closedir(d);
    if (s.n > 0)
        qsort(s.of, s.n, sizeof *s.of, by_last_use);
    return s;
}

/* ---- holding one */
enum hold { HOLD_MINE, HOLD_OTHERS, HOLD_UNKNOWN };

/* *fd: the lock, to be closed by whom it belongs to; −1 unless mine. */
static enum hold hold(const struct kept *k, const char *name, int *fd)
{
    char *path = place(k, name, ".lock");
    *fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
    if (*fd < 0) /* a folder that can't be written in */
        *fd = open(path, O_RDONLY | O_CLOEXEC);
    free(path);
    if (*fd < 0)
        return HOLD_UNKNOWN;
    if (flock(*fd, LOCK_EX | LOCK_NB) == 0)
        return HOLD_MINE;
    enum hold is = errno == EWOULDBLOCK ? HOLD_OTHERS : HOLD_UNKNOWN;
    close(*fd);
    *fd = -1;
    return is;
}

static bool take(struct kept *k, const char *name)
{
    if (hold(k, name, &k->lock) == HOLD_OTHERS)
        return false;
    k->name = xstrdup(name);
    if (k->lock >= 0)
        futimens(k->lock, NULL); /* used last */
    return true;
}

/* The one used last that nobody holds. */
static bool take_last(struct kept *k, const struct sessions *s)
{
    for (size_t i = 0; i < s->n; i++)
        if (take(k, s->of[i].name))
            return true;
    return false;
}

static bool take_new(struct kept *k, const struct sessions *s)
{
    char name[NAME_MAX_BYTES + 1] = "session";
    for (int i = 2; i < MAX_SESSIONS; i++) {
        if (!is_listed(s, name) && take(k, name))
            return true;
        snprintf(name, sizeof name, "session-%d", i);
    }
    return false;
}

/* ---- reading */
static void tell(struct kept_start *start, bool error, const char *text)
{
    size_t n = strlen(start->said);
    snprintf(start->said + n, sizeof start->said - n, "%s%s", n > 0 ? "; " : "", text);
    start->said_error = start->said_error || error;
}

/* The state file: false when there is none that can be read. */
static bool read_state_file(struct kept *k, struct kept_start *start)
{
    struct error e = {0};
    size_t n;
    char *path = place(k, k->name, ".json");
    char *bytes = state_read(path, STATE_MAX_BYTES, &n, &e);
    if (bytes)
        k->file = sha256_bytes(bytes, n);
    free(bytes);
    e = (struct error){0};
    bool ok = state_load(path, &start->state, &e);
    if (error_is_set(&e))
        tell(start, true, e.text);
    free(path);
    return ok;
}

static void use_journal(struct kept_start *start, struct journal *j)
{
    state_release(&start->state);
    start->state = j->state;
    state_init(&j->state);
    start->history = j->history;
    history_init(&j->history);
    start->restored = true;
}

static bool same_text(const struct saved_state *a, const struct saved_state *b)
{
    return a->text && b->text && a->n_text == b->n_text && memcmp(a->text, b->text, a->n_text) == 0;
}

/* Goes on behind what was understood; what is broken is kept beside for people. */
static void open_journal(struct kept *k, const char *path, size_t n_good, size_t n)
{
    k->journal = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
    if (k->journal >= 0 && n_good < n && ftruncate(k->journal, (off_t)n_good) != 0) {
        close(k->journal);
        k->journal = -1;
    }
    k->stale = k->journal < 0;
    k->n_begin = k->n_written = n_good;
}

static void set_aside(const char *path, const char *bytes, size_t n)
{
    char *bad = xasprintf("%s.bad", path);
    struct error ignored = {0};
    state_write(bad, bytes, n, &ignored);
    free(bad);
}

static void read_journal(struct kept *k, struct kept_start *start, bool has_state)
{
    struct error e = {0};
    struct journal j;
    size_t n = 0;
    char *path = place(k, k->name, ".journal");
    char *bytes = state_read(path, MAX_JOURNAL_BYTES, &n, &e);
    journal_read(bytes, bytes ? n : 0, &j);
    bool known = has_state && journal_knows(&j, &k->file);
    if (j.valid && (known || !has_state)) {
        use_journal(start, &j);
        if (!has_state && start->said[0])
            snprintf(
                start->said, sizeof start->said,
                "%s.json was no state and is set aside as %s.json.bad; its journal had all of it",
                k->name, k->name);
        open_journal(k, path, j.n_good, n);
        k->stale = k->stale || !known;
    } else if (j.valid && same_text(&j.state, &start->state)) {
        start->history = j.history;
        history_init(&j.history);
    }
    /* The last line may be cut where the process ended; more is damage. */
    if (bytes && j.n_good < n && (j.n_good == 0 || memchr(bytes + j.n_good, '\n', n - j.n_good))) {
        char text[200];
        set_aside(path, bytes, n);
        snprintf(text, sizeof text, "%s.journal was damaged: what it had last is lost", k->name);
        tell(start, true, text);
    }
    if (error_is_set(&e))
        tell(start, true, e.text);
    journal_release(&j);
    free(bytes);
    free(path);
}

static void read_session(struct kept *k, struct kept_start *start)
{
    bool has_state = read_state_file(k, start);
    start->restored = has_state;
    read_journal(k, start, has_state);
}

/* Beside others: as the last of them looks, with an empty text. */
static void begin_beside(struct kept *k, const char *last, struct kept_start *start)
{
    struct error ignored = {0};
    struct saved_state s;
    size_t n;
    char *path = place(k, last, ".json"), *json = state_read(path, STATE_MAX_BYTES, &n, &ignored),
         text[200];
    state_init(&s);
    if (json && state_parse(json, n, &s, &ignored))
        state_copy_look(&s, &start->state);
    state_release(&s);
    start->state.text = xstrdup("");
    start->restored = true;
    snprintf(text, sizeof text, "%s: a new session; %s is open in another glimt", k->name, last);
    tell(start, false, text);
    free(json);
    free(path);
}

static bool take_named(struct kept *k, const char *name, struct error *e)
{
    if (!is_name(name, strlen(name)))
        return error_set(e, ERROR_INPUT,
                         "--session: found %s, expected at most %d letters, digits, - and _", name,
                         NAME_MAX_BYTES);
    return !k->folder || take(k, name) ||
           error_set(e, ERROR_SYSTEM, "session %s is open in another glimt", name);
}

bool kept_take(const char *name, struct kept **out, struct kept_start *start, struct error *e)
{
    struct kept *k = xcalloc(1, sizeof *k);
    k->lock = k->journal = -1;
    k->folder = state_folder();
    k->stale = true;
    strbuf_init(&k->pending);
    state_init(&k->look);
    *start = (struct kept_start){0};
    state_init(&start->state);
    history_init(&start->history);
    if (k->folder)
        file_make_folders(k->folder); /* what can't be is said by the first change */
    struct sessions s = list(k);
    bool ok = true, beside = false;
    if (name)
        ok = take_named(k, name, e);
    else if (k->folder && !take_last(k, &s))
        beside = take_new(k, &s) && s.n > 0;
    if (ok && !k->name)
        k->name = xstrdup(name ? name : "session");
    k->beside = beside;
    if (ok && beside)
        begin_beside(k, s.of[0].name, start);
    else if (ok && k->folder)
        read_session(k, start);
    free(s.of);
    if (!ok) {
        kept_release(k);
        return false;
    }
    state_copy_look(&start->state, &k->look);
    *out = k;
    return true;
}

void kept_release(struct kept *k)
{
    if (!k)
        return;
    if (k->lock >= 0) {
        futimens(k->lock, NULL);
        close(k->lock);
    }
    if (k->journal >= 0)
        close(k->journal);
    strbuf_release(&k->pending);
    state_release(&k->look);
    free(k->folder);
    free(k->name);
    free(k);
}

const char *kept_name(const struct kept *k)
{
    return k->name;
}

/* ---- writing */
void kept_note(struct kept *k, const struct history_note *n)
{
    k->touched = k->unsaved = true;
    if (n->after)
        k->look.sliders = *n->after;
    if (!k->stale)
        journal_note(&k->pending, &k->look.dicts, n);
}

void kept_look(struct kept *k, const struct saved_state *s)
{
    if (state_same_look(&k->look, s))
        return;
    k->touched = k->unsaved = true;
    if (!dict_set_same(&k->look.dicts, &s->dicts)) /* what the journal names means others now */
        k->stale = true;
    state_release(&k->look);
    state_copy_look(s, &k->look);
    if (!k->stale)
        journal_look(&k->pending, s);
}

/* Cuts off what was written in part. */
static bool add_pending(struct kept *k)
{
    if (k->pending.len == 0)
        return true;
    if (!state_write_all(k->journal, k->pending.s, k->pending.len)) {
        int why = errno;
        k->stale = true;
        if (ftruncate(k->journal, (off_t)k->n_written) != 0) {
            close(k->journal);
            k->journal = -1;
        }
        strbuf_clear(&k->pending);
        errno = why;
        return false;
    }
    k->n_written += k->pending.len;
    strbuf_clear(&k->pending);
    return true;
}

bool kept_append(struct kept *k)
{
    if (!k->unsaved)
        return true;
    if (k->stale || k->n_written + k->pending.len - k->n_begin > MAX_ADDED || !add_pending(k))
        return false;
    k->unsaved = false;
    return true;
}

static bool begin_journal(struct kept *k, const struct saved_state *s, const struct history *h,
                          const struct sha256 *file, struct error *e)
{
    struct strbuf all;
    char *path = place(k, k->name, ".journal");
    strbuf_init(&all);
    journal_begin(&all, s, h, (const struct sha256[]){k->file, *file});
    bool ok = state_write(path, all.s, all.len, e);
    if (k->journal >= 0)
        close(k->journal);
    k->journal = ok ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;
    k->stale = k->journal < 0;
    k->n_begin = k->n_written = all.len;
    strbuf_clear(&k->pending);
    strbuf_release(&all);
    free(path);
    return ok;
}

static bool write_journal(struct kept *k, const struct saved_state *s, const struct history *h,
                          const struct sha256 *file, struct error *e)
{
    if (k->stale || k->n_written + k->pending.len - k->n_begin > MAX_ADDED)
        return begin_journal(k, s, h, file, e);
    if (memcmp(file, &k->file, sizeof *file) != 0)
        journal_file(&k->pending, file);
    return add_pending(k) || begin_journal(k, s, h, file, e);
}

static bool write_state(struct kept *k, const char *line, size_t n, const struct sha256 *file,
                        struct error *e)
{
    char *path = place(k, k->name, ".json");
    bool ok = memcmp(file, &k->file, sizeof *file) == 0 && access(path, F_OK) == 0;
    if (!ok && (ok = state_write(path, line, n, e))) {
        k->file = *file;
        if (!k->stale) { /* what was there before is nobody's any more */
            journal_file(&k->pending, file);
            add_pending(k);
        }
    }
    free(path);
    return ok;
}

bool kept_save(struct kept *k, const struct saved_state *s, const struct history *h,
               struct error *e)
{
    if (k->beside && !k->touched)
        return true;
    char *json = state_print(s);
    if (!k->folder || !json) {
        free(json);
        return error_set(e, ERROR_SYSTEM, "saving the session: %s",
                         k->folder ? "the text has no JSON form"
                                   : "neither XDG_STATE_HOME nor HOME says where");
    }
    struct strbuf line;
    struct error other = {0};
    strbuf_init(&line);
    strbuf_adds(&line, json);
    strbuf_addc(&line, '\n');
    free(json);
    struct sha256 file = sha256_bytes(line.s, line.len);
    bool noted = write_journal(k, s, h, &file, e);
    bool stated = write_state(k, line.s, line.len, &file, noted ? e : &other);
    if (noted || stated)
        k->unsaved = false;
    strbuf_release(&line);
    return noted && stated;
}

bool kept_unsaved(const struct kept *k)
{
    return k->unsaved;
}

/* ---- elsewhere */
static char *rescue_into(const char *folder, const char *json)
{
    if (!folder || folder[0] != '/')
        return NULL;
    char *path = xasprintf("%s/glimt-session-XXXXXX.json", folder);
    int fd = mkostemps(path, 5, O_CLOEXEC);
    bool ok = fd >= 0 && state_write_all(fd, json, strlen(json)) && state_write_all(fd, "\n", 1);
    if (fd >= 0)
        ok = close(fd) == 0 && ok;
    if (ok)
        return path;
    if (fd >= 0)
        unlink(path);
    free(path);
    return NULL;
}

char *kept_rescue(const struct saved_state *s)
{
    const char *const folders[] = {getenv("XDG_RUNTIME_DIR"), getenv("TMPDIR"), "/tmp", "/var/tmp",
                                   getenv("HOME")};
    char *json = state_print(s), *path = NULL;
    for (size_t i = 0; json && !path && i < sizeof folders / sizeof *folders; i++)
        path = rescue_into(folders[i], json);
    free(json);
    return path;
}

void kept_list(const struct kept *k, struct strbuf *out)
{
    struct sessions s = list(k);
    for (size_t i = 0; i < s.n; i++) {
        const char *name = s.of[i].name, *is = "";
        int fd = -1;
        if (strcmp(name, k->name) == 0)
            is = " (here)";
        else if (hold(k, name, &fd) == HOLD_OTHERS)
            is = " (in use)";
        if (fd >= 0)
            close(fd);
        strbuf_addf(out, "%s%s%s", i > 0 ? ", " : "", name, is);
    }
    free(s.of);
}
