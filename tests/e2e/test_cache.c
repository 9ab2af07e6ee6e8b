/* The cache under the command line: what is kept is used again and changes no number, work that was
 * interrupted or killed goes on to the same result, two programs share a file, and a file that is
 * no good is set aside. */
#include "store/store_private.h"
#include "tests/support/effort.h"
#include "tests/support/hash_weights.h"
#include "tests/support/journey.h"
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

/* A cache folder of its own for each test. */
struct place {
    char dir[128], cache[160];
    const char *env[4];
    struct run_how how;
};

static void place_init(struct place *p, const char *name)
{
    snprintf(p->dir, sizeof p->dir, "%s", scratch_path(name));
    snprintf(p->cache, sizeof p->cache, "GLIMT_CACHE=%s", p->dir);
    p->env[0] = p->cache;
    p->env[1] = "GLIMT_CHECKPOINT=0.02"; /* many, to be killed between */
    p->env[2] = NULL;
    p->how = (struct run_how){.env = p->env};
}

static char *read_file(const char *path)
{
    FILE *f = fopen(path, "r");
    if (!f)
        fail_msg("no %s", path);
    char *text = calloc(1, 1 << 20);
    assert_true(fread(text, 1, (1 << 20) - 1, f) > 0);
    fclose(f);
    return text;
}

/* The reference sentences of both classes `times` over, as lines text<TAB>label. */
static const char *long_corpus(const char *name, int times)
{
    const char *path = scratch_path(name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    for (int c = 0; c < 2; c++) {
        char *text = read_file(c ? "store/demo/reference-en.txt" : "store/demo/reference-da.txt");
        for (int i = 0; i < times; i++) {
            char *copy = strdup(text);
            for (char *line = strtok(copy, "\n"); line; line = strtok(NULL, "\n"))
                fprintf(f, "%s %d\t%d\n", line, i, c);
            free(copy);
        }
        free(text);
    }
    fclose(f);
    return path;
}

static int how_long(void)
{
    return quick() ? 4 : 20;
}

static void expect_sound(const struct place *p)
{
    struct run_result r;
    run_glimt(&r, &p->how, "cache", "verify", "--sample=4", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "the file is sound"));
    run_release(&r);
}

/* What `latents --json` prints for a corpus; the caller frees. */
static char *latents_of(const struct run_how *how, const char *corpus, const char *cache)
{
    struct run_result r;
    run_glimt(&r, how, "latents", corpus, "--json", cache, NULL);
    expect_done(&r);
    assert_true(r.n_out > 1000);
    char *out = strdup(r.out);
    run_release(&r);
    return out;
}

/* ---- kept, and the same */
static void test_the_second_time_is_read(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    place_init(&p, "twice");
    json_t *first = JSON_OF(&p.how, "harvest", "--limit=16");
    json_t *second = JSON_OF(&p.how, "harvest", "--limit=16");
    json_t *other = JSON_OF(&p.how, "harvest", "--limit=15");
    assert_true(json_is_false(json_object_get(first, "cached")));
    assert_true(json_is_true(json_object_get(second, "cached")));
    assert_true(json_is_false(json_object_get(other, "cached")));
    assert_true(json_equal(json_object_get(first, "tokens"), json_object_get(second, "tokens")));
    json_decref(first);
    json_decref(second);
    json_decref(other);
    expect_sound(&p);
}

static void test_no_number_depends_on_the_cache(void **state)
{
    (void)state;
    need_demo();
    static const char *const commands[][4] = {
        {"latents", "--json"},          {"find", "--json", "--min-share=.2", "--max-other=.1"},
        {"histogram", "--json", "418"}, {"examples", "--json", "390"},
        {"coactive", "--json", "92"},   {"sweep", "--json", "--values=-2,2", "--each"},
    };
    struct place p;
    place_init(&p, "same");
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        const char *const *c = commands[i];
        struct run_result r[3];
        for (int k = 0; k < 3; k++) {
            run_glimt(&r[k], &p.how, c[0], k == 0 ? "--cache=none" : "--quiet", "--limit=16", c[1],
                      c[2], c[3], NULL);
            expect_done(&r[k]);
            if (strcmp(r[0].out, r[k].out) != 0)
                fail_msg("%s: run %d differs from --cache none", c[0], k);
        }
        for (int k = 0; k < 3; k++)
            run_release(&r[k]);
    }
    expect_sound(&p);
}

static void test_every_activation_is_kept(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    sqlite3 *db = NULL;
    sqlite3_stmt *s = NULL;
    char path[200];
    place_init(&p, "all");
    json_t *root = JSON_OF(&p.how, "harvest", "--limit=8", "--keep-activations");
    json_t *tokens = json_object_get(root, "tokens");
    int n = get_whole(tokens, "da") + get_whole(tokens, "en");
    snprintf(path, sizeof path, "%s/glimt.db", p.dir);
    assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
    assert_int_equal(
        sqlite3_prepare_v2(db, "SELECT sum(length(vals)) / 4 FROM posting", -1, &s, NULL),
        SQLITE_OK);
    assert_int_equal(sqlite3_step(s), SQLITE_ROW);
    assert_int_equal(sqlite3_column_int64(s, 0), 10 * n); /* k a token */
    sqlite3_finalize(s);
    sqlite3_close(db);
    json_decref(root);
}

/* ---- two at once */
static void test_two_harvest_the_same(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    place_init(&p, "both");
    const char *corpus = long_corpus("both.tsv", how_long() / 2);
    const char *const argv[] = {"bash",
                                "-c",
                                "\"$0\" harvest \"$1\" --json >\"$2/a\" & "
                                "\"$0\" harvest \"$1\" --json >\"$2/b\"; wait $!",
                                glimt_binary(),
                                corpus,
                                p.dir,
                                NULL};
    assert_int_equal(mkdir(p.dir, 0700), 0);
    struct run_result r;
    run_program(&r, &p.how, argv);
    expect_done(&r);
    run_release(&r);
    json_t *out[2];
    for (int i = 0; i < 2; i++) {
        char path[200];
        snprintf(path, sizeof path, "%s/%c", p.dir, "ab"[i]);
        char *text = read_file(path);
        out[i] = json_loads(text, 0, NULL);
        assert_non_null(out[i]);
        free(text);
    }
    assert_true(json_equal(json_object_get(out[0], "tokens"), json_object_get(out[1], "tokens")));
    /* the work is done once */
    assert_true(json_is_true(json_object_get(out[0], "cached")) !=
                json_is_true(json_object_get(out[1], "cached")));
    json_decref(out[0]);
    json_decref(out[1]);
    expect_sound(&p);
}

/* ---- interrupted */
static void test_interrupted_and_gone_on_with(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    place_init(&p, "interrupted");
    const char *corpus = long_corpus("interrupted.tsv", how_long());
    struct run_how how = p.how;
    how.interrupt_on = "harvest 1"; /* … per cent */
    struct run_result r;
    run_glimt(&r, &how, "harvest", corpus, "--progress", NULL);
    assert_int_equal(r.status, 1);
    assert_string_equal(r.out, "");
    const char *last = strstr(r.err, "\nglimt: ");
    assert_non_null(last);
    assert_non_null(strstr(last, "interrupted: what is done is kept, the same command goes on"));
    assert_ptr_equal(strchr(last + 1, '\n'), r.err + r.n_err - 1);
    run_release(&r);
    json_t *list = JSON_OF(&p.how, "cache", "list");
    const json_t *row = json_array_get(get_list(list, "rows"), 0);
    assert_true(get_number(row, "done") > 0 && get_number(row, "done") < 1);
    json_decref(list);
    json_t *root = JSON_OF(&p.how, "harvest", corpus);
    assert_true(json_is_true(json_object_get(root, "resumed")));
    json_decref(root);
    char *a = latents_of(&p.how, corpus, "--quiet"),
         *b = latents_of(&p.how, corpus, "--cache=none");
    assert_string_equal(a, b);
    free(a);
    free(b);
    expect_sound(&p);
}

static void test_interrupted_without_a_cache(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    place_init(&p, "none");
    const char *corpus = long_corpus("none.tsv", how_long());
    struct run_how how = p.how;
    how.interrupt_on = "harvest 1";
    struct run_result r;
    run_glimt(&r, &how, "harvest", corpus, "--progress", "--cache=none", NULL);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "\nglimt: interrupted: without a cache nothing is kept\n"));
    run_release(&r);
}

/* ---- killed */
static uint32_t next_random(uint32_t *s)
{
    *s ^= *s << 13;
    *s ^= *s >> 17;
    *s ^= *s << 5;
    return *s;
}

/* True: it had ended before the blow, well. */
static bool killed_after(const struct place *p, const char *corpus, uint32_t ms)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        setenv("GLIMT_CACHE", p->dir, 1);
        setenv("GLIMT_CHECKPOINT", "0.02", 1);
        setenv("XDG_CONFIG_HOME", "/nonexistent", 1);
        execl(glimt_binary(), "glimt", "harvest", corpus, (char *)NULL);
        _exit(127);
    }
    struct timespec t = {ms / 1000, (long)(ms % 1000) * 1000000};
    while (nanosleep(&t, &t) != 0 && errno == EINTR)
        ;
    kill(pid, SIGKILL);
    while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
        ;
    if (WIFEXITED(status))
        assert_int_equal(WEXITSTATUS(status), 0);
    return WIFEXITED(status);
}

/* The moments are seeded; where they fall depends on the machine: on loading, on chunks, on
 * checkpoints, on the last transaction. */
static void test_killed_again_and_again(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    place_init(&p, "killed");
    int rounds = lengthy() ? 100 : quick() ? 3 : 12, ended = 0;
    const char *corpus = long_corpus("killed.tsv", how_long());
    uint32_t seed = 20261121;
    for (int i = 0; i < rounds; i++) {
        if (!killed_after(&p, corpus, 60 + next_random(&seed) % 500))
            continue;
        ended++; /* begin again */
        json_t *pruned = JSON_OF(&p.how, "cache", "prune", "--bytes=0");
        assert_int_equal(get_whole(pruned, "removed"), 1);
        json_decref(pruned);
    }
    print_message("%d rounds, %d ended before the blow\n", rounds, ended);
    expect_sound(&p);
    char *a = latents_of(&p.how, corpus, "--quiet"),
         *b = latents_of(&p.how, corpus, "--cache=none");
    assert_string_equal(a, b);
    free(a);
    free(b);
    expect_sound(&p);
}

/* ---- housekeeping */
static void test_list_verify_prune(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    struct run_result r;
    place_init(&p, "kept");
    json_t *root = JSON_OF(&p.how, "harvest", "--limit=8");
    json_decref(root);
    root = JSON_OF(&p.how, "histogram", "418", "--limit=8");
    json_decref(root);
    root = JSON_OF(&p.how, "cache");
    json_t *rows = get_list(root, "rows");
    assert_int_equal(json_array_size(rows), 2);
    assert_string_equal(get_string(json_array_get(rows, 0), "study"), "values"); /* used last */
    assert_string_equal(get_string(json_array_get(rows, 1), "corpus"), "references");
    assert_true(get_number(root, "bytes") > 1000);
    json_decref(root);
    root = JSON_OF(&p.how, "cache", "verify");
    assert_int_equal(get_whole(root, "compared"), 2);
    assert_true(json_is_true(json_object_get(json_array_get(get_list(root, "rows"), 0), "same")));
    json_decref(root);
    root = JSON_OF(&p.how, "cache", "prune", "--days=30");
    assert_int_equal(get_whole(root, "removed"), 0);
    json_decref(root);
    root = JSON_OF(&p.how, "cache", "prune", "--bytes=0");
    assert_int_equal(get_whole(root, "removed"), 2);
    json_decref(root);
    run_glimt(&r, &p.how, "cache", NULL);
    expect_done(&r);
    assert_non_null(strstr(r.out, "glimt.db: "));
    assert_null(strstr(r.out, "harvest"));
    run_release(&r);
}

static void sql(const char *path, const char *text)
{
    sqlite3 *db = NULL;
    char *why = NULL;
    store_vfs_register(); /* its pages have sums that fit */
    assert_int_equal(
        sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, STORE_VFS),
        SQLITE_OK);
    if (sqlite3_exec(db, text, NULL, NULL, &why) != SQLITE_OK)
        fail_msg("%s: %s", text, why);
    sqlite3_close(db);
}

static void test_a_result_that_was_changed_is_found(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    struct run_result r;
    char path[200];
    place_init(&p, "changed");
    json_t *root = JSON_OF(&p.how, "histogram", "418", "--limit=8");
    json_decref(root);
    snprintf(path, sizeof path, "%s/glimt.db", p.dir);
    sql(path, "UPDATE piece SET bytes = zeroblob(length(bytes)); UPDATE state SET sum = NULL");
    run_glimt(&r, &p.how, "cache", "verify", NULL);
    assert_int_equal(r.status, 1);
    assert_non_null(strstr(r.err, "glimt: cache: 1 of 1 results differ"));
    run_release(&r);
    json_t *fresh = JSON_OF(&p.how, "histogram", "418", "--limit=8", "--cache=none");
    run_glimt(&r, &p.how, "histogram", "418", "--limit=8", "--json", NULL); /* computed anew */
    json_t *again = json_loads(r.out, 0, NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.err, "set aside as glimt.db.damaged-1, a new one begun\n"));
    assert_true(json_equal(again, fresh));
    run_release(&r);
    json_decref(again);
    json_decref(fresh);
    expect_sound(&p);
}

/* One line says so, the command works, and from then on there is a new cache. */
static void expect_set_aside(const struct place *p, const char *as)
{
    struct run_result r;
    char aside[200], said[80];
    snprintf(said, sizeof said, "set aside as glimt.db.%s-1, a new one begun\n", as);
    run_glimt(&r, &p->how, "harvest", "--limit=4", "--json", NULL);
    assert_int_equal(r.status, 0);
    assert_int_equal(strncmp(r.err, "glimt: ", 7), 0);
    assert_non_null(strstr(r.err, said));
    assert_ptr_equal(strchr(r.err, '\n'), r.err + r.n_err - 1);
    assert_non_null(strstr(r.out, "\"cached\":false"));
    run_release(&r);
    snprintf(aside, sizeof aside, "%s/glimt.db.%s-1", p->dir, as);
    assert_int_equal(access(aside, R_OK), 0);
    json_t *root = JSON_OF(&p->how, "harvest", "--limit=4");
    assert_true(json_is_true(json_object_get(root, "cached")));
    json_decref(root);
}

static void test_a_file_that_is_no_good_is_set_aside(void **state)
{
    (void)state;
    need_demo();
    static const char *const kinds[] = {"garbage", "foreign", "newer", "torn"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        struct place p;
        char path[200];
        place_init(&p, kinds[i]);
        assert_int_equal(mkdir(p.dir, 0700), 0);
        snprintf(path, sizeof path, "%s/glimt.db", p.dir);
        if (i == 0) {
            FILE *f = fopen(path, "w");
            for (int k = 0; k < 5000; k++)
                fputs("no database\n", f);
            fclose(f);
        } else if (i == 1) {
            sql(path, "CREATE TABLE run (a); PRAGMA application_id = 7");
        } else {
            json_t *root = JSON_OF(&p.how, "harvest", "--limit=4");
            json_decref(root);
            if (i == 2)
                sql(path, "PRAGMA user_version = 99");
            else
                assert_int_equal(truncate(path, 4096 * 3), 0);
        }
        expect_set_aside(&p, i == 1 || i == 2 ? "aside" : "damaged");
    }
}

/* ---- pages of a sound file, one by one */
static const char *const healing[][4] = {
    {"latents", "--limit=4"},
    {"examples", "390", "--limit=4"},
    {"histogram", "418", "--limit=4"},
    {"sweep", "--values=2", "--limit=4"},
    {"cache"},
    {"cache", "verify"},
};
#define N_HEALING (sizeof healing / sizeof *healing)

static void copy_file(const char *from, const char *to)
{
    const char *const argv[] = {"cp", from, to, NULL};
    struct run_result r;
    run_program(&r, NULL, argv);
    assert_int_equal(r.status, 0);
    run_release(&r);
}

static void damage_page(const char *path, long page, bool zero)
{
    static const char nothing[STORE_PAGE_SIZE];
    FILE *f = fopen(path, "r+");
    assert_non_null(f);
    if (zero) {
        assert_int_equal(fseek(f, page * STORE_PAGE_SIZE, SEEK_SET), 0);
        assert_int_equal(fwrite(nothing, 1, sizeof nothing, f), sizeof nothing);
    } else {
        long at = page * STORE_PAGE_SIZE + page * 811 % STORE_PAGE_SIZE;
        fseek(f, at, SEEK_SET);
        int c = fgetc(f);
        fseek(f, at, SEEK_SET);
        fputc(c ^ 1 << page % 8, f);
    }
    assert_int_equal(fclose(f), 0);
}

/* The undisturbed answer, status 0, one line at most; `cache` may have lost what it lists. */
static void expect_healed(const struct place *p, size_t i, const char *undisturbed, long page)
{
    const char *const *c = healing[i];
    struct run_result r;
    char *aside = NULL;
    assert_true(asprintf(&aside, "%s/glimt.db.damaged-1", p->dir) > 0);
    unlink(aside);
    run_glimt(&r, &p->how, c[0], "--json", c[1] ? c[1] : "--seed=0", c[2] ? c[2] : "--seed=0",
              NULL);
    bool set_aside = access(aside, F_OK) == 0;
    if (r.status != 0 || set_aside != (r.n_err > 0) ||
        (r.n_err > 0 && strchr(r.err, '\n') != r.err + r.n_err - 1))
        fail_msg("page %ld: %s: status %d, %s", page, c[0], r.status, r.err);
    if (!(set_aside && strcmp(c[0], "cache") == 0) && strcmp(r.out, undisturbed) != 0)
        fail_msg("page %ld: %s answers otherwise", page, c[0]);
    json_t *root = json_loads(r.out, 0, NULL);
    assert_non_null(root);
    json_decref(root);
    run_release(&r);
    free(aside);
}

/* A few pages; all of them in long runs (a few minutes). */
static void test_a_damaged_page_heals_in_the_command_that_meets_it(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    char path[200], sound[220];
    char *undisturbed[N_HEALING];
    place_init(&p, "pages");
    snprintf(path, sizeof path, "%s/glimt.db", p.dir);
    snprintf(sound, sizeof sound, "%s.sound", path);
    for (int round = 0; round < 2; round++) /* first it is computed, then read */
        for (size_t i = 0; i < N_HEALING; i++) {
            const char *const *c = healing[i];
            struct run_result r;
            run_glimt(&r, &p.how, c[0], "--json", c[1] ? c[1] : "--seed=0",
                      c[2] ? c[2] : "--seed=0", NULL);
            expect_done(&r);
            if (round == 1)
                undisturbed[i] = strdup(r.out);
            run_release(&r);
        }
    copy_file(path, sound);
    struct stat st;
    assert_int_equal(stat(path, &st), 0);
    const long n = st.st_size / STORE_PAGE_SIZE;
    const long step = lengthy() ? 1 : n / (quick() ? (long)N_HEALING : 8);
    assert_true(n > 64);
    for (long page = 0; page < n; page += step)
        for (size_t i = 0; i < N_HEALING; i++)
            for (int zero = 0; zero < 2; zero++) {
                /* each command meets one page */
                if (quick() && (i != (size_t)(page / step) || zero != (int)(i % 2)))
                    continue;
                copy_file(sound, path);
                damage_page(path, page, zero);
                expect_healed(&p, i, undisturbed[i], page);
            }
    for (size_t i = 0; i < N_HEALING; i++)
        free(undisturbed[i]);
}

/* ---- a disk with no room: files that may not grow behave like one */
static void run_with_little_room(struct run_result *r, const struct place *p, const char *command)
{
    char script[200];
    snprintf(script, sizeof script, "trap '' XFSZ; ulimit -f 250; exec \"$0\" %s", command);
    const char *const argv[] = {"bash", "-c", script, glimt_binary(), NULL};
    run_program(r, &p->how, argv);
}

static void test_a_full_disk(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    struct run_result r, undisturbed;
    place_init(&p, "full");
    run_with_little_room(&r, &p, "harvest");
    expect_error(&r, 1, "glimt.db: writing to the disk: ");
    run_release(&r);
    run_with_little_room(&r, &p, "latents --json"); /* the answer does not need the cache */
    run_glimt(&undisturbed, &p.how, "latents", "--json", "--cache=none", NULL);
    expect_done(&undisturbed);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, undisturbed.out);
    assert_non_null(strstr(r.err, "glimt.db: writing to the disk: "));
    assert_ptr_equal(strchr(r.err, '\n'), r.err + r.n_err - 1);
    run_release(&r);
    run_release(&undisturbed);
    expect_sound(&p);
    json_t *root = JSON_OF(&p.how, "harvest"); /* room again */
    assert_true(json_is_false(json_object_get(root, "cached")));
    json_decref(root);
    expect_sound(&p);
}

/* ---- packed weights of a file that is large enough */
static void analysed(const struct run_how *how, const char *model, const char *cache,
                     struct run_result *r)
{
    run_glimt(r, how, "analyze", "Hej verden", "--json", "--neurons=1", "--model", model, cache,
              NULL);
    expect_done(r);
}

static json_t *packed_of(json_t *root)
{
    json_t *packed = json_object_get(root, "packed");
    assert_non_null(packed);
    return packed;
}

/* Loses the end of one of the files. */
static void cut_a_pack(const char *cache)
{
    char *folder = NULL, *path = NULL;
    assert_true(asprintf(&folder, "%s/packed", cache) > 0);
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *f; !path && (f = readdir(d));)
        if (f->d_name[0] != '.' && !strchr(f->d_name, '.'))
            assert_true(asprintf(&path, "%s/%s", folder, f->d_name) > 0);
    closedir(d);
    assert_non_null(path);
    assert_int_equal(truncate(path, 5000), 0);
    free(path);
    free(folder);
}

static void test_a_large_model_is_packed_once(void **state)
{
    (void)state;
    need_demo();
    if (quick()) {
        print_message("GLIMT_QUICK: no large files\n");
        skip();
    }
    struct place p;
    struct run_result plain, r;
    char model[160];
    place_init(&p, "packed");
    snprintf(model, sizeof model, "%s", scratch_path("large"));
    assert_int_equal(mkdir(model, 0700), 0);
    hash_model_write(model, &(struct hash_model){.name = "large",
                                                 .n_layers = 1,
                                                 .d_model = 512,
                                                 .d_mlp = 2048,
                                                 .n_heads = 8,
                                                 .n_vocab = 70000,
                                                 .n_ctx = 64,
                                                 .rotary_pct = .25,
                                                 .tied = true,
                                                 .exponent = 4,
                                                 .type = DTYPE_F32});
    char *tokenizer = NULL;
    assert_true(asprintf(&tokenizer, "%s/tokenizer.json", model) > 0);
    copy_file("store/demo/model/tokenizer.json", tokenizer);
    free(tokenizer);
    analysed(&p.how, model, "--cache=none", &plain);
    assert_int_equal(access(p.dir, F_OK), -1);
    /* each writes what it has the time for */
    int files = 0;
    for (int i = 0; i < 100 && files < 5; i++) {
        analysed(&p.how, model, "--seed=0", &r);
        assert_string_equal(r.out, plain.out);
        run_release(&r);
        json_t *root = JSON_OF(&p.how, "cache");
        const int now = get_whole(packed_of(root), "files");
        assert_true(now >= files);
        files = now;
        json_decref(root);
    }
    assert_int_equal(files, 5); /* four of the layer, the unembedding */
    analysed(&p.how, model, "--seed=0", &r);
    assert_string_equal(r.out, plain.out);
    run_release(&r);
    json_t *root = JSON_OF(&p.how, "cache", "prune", "--days=1");
    assert_int_equal(get_whole(packed_of(root), "files"), 5);
    cut_a_pack(p.dir);
    run_glimt(&r, &p.how, "analyze", "Hej verden", "--json", "--neurons=1", "--model", model, NULL);
    assert_int_equal(r.status, 0);
    assert_string_equal(r.out, plain.out);
    assert_non_null(strstr(r.err, "glimt: The packed weights "));
    assert_non_null(strstr(r.err, " are damaged: set aside as NAME.damaged, packed anew\n"));
    run_release(&r);
    json_decref(root);
    root = JSON_OF(&p.how, "cache", "prune", "--bytes=200000");
    assert_int_equal(get_whole(packed_of(root), "files"), 0);
    json_decref(root);
    run_release(&plain);
}

static void test_no_cache_to_be_had(void **state)
{
    (void)state;
    need_demo();
    struct place p;
    struct run_result r;
    place_init(&p, "file");
    FILE *f = fopen(p.dir, "w"); /* where the folder would be */
    fclose(f);
    run_glimt(&r, &p.how, "latents", "--limit=4", "--json", NULL);
    assert_int_equal(r.status, 0);
    assert_non_null(strstr(r.out, "\"rows\""));
    assert_int_equal(strncmp(r.err, "glimt: cache: ", 14), 0);
    run_release(&r);
    run_glimt(&r, &p.how, "latents", "--limit=4", "--json", "--quiet", NULL);
    expect_done(&r);
    run_release(&r);
    run_glimt(&r, &p.how, "cache", NULL);
    expect_error(&r, 2, "cache: ");
    run_release(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_second_time_is_read),
        cmocka_unit_test(test_no_number_depends_on_the_cache),
        cmocka_unit_test(test_every_activation_is_kept),
        cmocka_unit_test(test_two_harvest_the_same),
        cmocka_unit_test(test_interrupted_and_gone_on_with),
        cmocka_unit_test(test_interrupted_without_a_cache),
        cmocka_unit_test(test_killed_again_and_again),
        cmocka_unit_test(test_list_verify_prune),
        cmocka_unit_test(test_a_result_that_was_changed_is_found),
        cmocka_unit_test(test_a_file_that_is_no_good_is_set_aside),
        cmocka_unit_test(test_a_damaged_page_heals_in_the_command_that_meets_it),
        cmocka_unit_test(test_a_full_disk),
        cmocka_unit_test(test_a_large_model_is_packed_once),
        cmocka_unit_test(test_no_cache_to_be_had),
    };
    return cmocka_run_group_tests_name("the cache by the command line", tests, journey_begin,
                                       journey_end);
}
