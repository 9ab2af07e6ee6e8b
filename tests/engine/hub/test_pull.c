/* Fetching from a server of our own: what lies in the cache then, and what it was asked for. */
#include "engine/base/hash.h"
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/hub/cache.h"
#include "engine/hub/pull.h"
#include "tests/support/http_server.h"
#include "tests/support/testdata.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#define COMMIT "0123456789abcdef0123456789abcdef01234567"
#define OF_COMMIT "X-Repo-Commit: " COMMIT "\r\n"
/* printf 'hello\n' | git hash-object --stdin; … | sha256sum */
#define HELLO_GIT "ce013625030ba8dba906f756967f9e9ca394464a"
#define HELLO_SHA256 "5891b5b522d5df086d0ff0b110fbd9d21bb4fc7163af34d08286a2e846f6be03"
#define API "/api/models/E/m/revision/main"
#define FILES "/E/m/resolve/" COMMIT "/"

enum { N_BIG = 300000, PAGES = 12 };
static char big[N_BIG], big_sha[65];
static char *hub;
static struct http_server *server, *other;

static void make_big(void)
{
    struct sha256 sum;
    for (size_t i = 0; i < N_BIG; i++)
        big[i] = (char)(i * 2654435761u >> 13);
    sum = sha256_bytes(big, N_BIG);
    sha256_hex(&sum, big_sha);
}

/* A repository of these files; each its page. */
struct repo {
    struct http_page page[PAGES];
    size_t n;
    struct strbuf list;
    char *owned[PAGES];
};

static void repo_begin(struct repo *r)
{
    *r = (struct repo){.n = 1};
    strbuf_init(&r->list);
}

static struct http_page *repo_add(struct repo *r, const char *name, const char *body, size_t n,
                                  const char *headers)
{
    assert_true(r->n < PAGES);
    strbuf_addf(&r->list, "%s{\"rfilename\":\"%s\",\"size\":%zu}", r->n > 1 ? "," : "", name, n);
    r->owned[r->n] = xasprintf(FILES "%s", name);
    r->page[r->n] =
        (struct http_page){.path = r->owned[r->n], .headers = headers, .body = body, .n = n};
    return &r->page[r->n++];
}

static struct http_page *add_hello(struct repo *r, const char *name)
{
    return repo_add(r, name, "hello\n", 6, OF_COMMIT "ETag: \"" HELLO_GIT "\"\r\n");
}

/* An LFS file, which lies on the other server; its pages there. */
static struct http_page *add_big(struct repo *r, struct http_page *there)
{
    static char headers[512];
    *there = (struct http_page){.path = "/cdn/big", .body = big, .n = N_BIG};
    struct http_page *p = repo_add(r, "model.safetensors", "", 0, headers);
    p->status = 302;
    return p;
}

static void fill_big(struct http_page *p)
{
    snprintf((char *)(uintptr_t)p->headers, 512,
             OF_COMMIT "X-Linked-Etag: \"%s\"\r\nX-Linked-Size: %d\r\nETag: \"other\"\r\n"
                       "Location: %s/cdn/big\r\n",
             big_sha, N_BIG, http_server_url(other));
}

static void serve(struct repo *r)
{
    char *list = xasprintf("{\"sha\":\"" COMMIT "\",\"siblings\":[%s]}", r->list.s);
    r->owned[0] = list;
    r->page[0] = (struct http_page){.path = API, .body = list, .n = strlen(list)};
    server = http_server_start(r->page, r->n);
}

static void serve_end(struct repo *r)
{
    http_server_stop(server);
    http_server_stop(other);
    server = other = NULL;
    for (size_t i = 0; i < r->n; i++)
        free(r->owned[i]);
    strbuf_release(&r->list);
}

static bool pull(struct hub_pull how, struct hub_pulled *got, struct error *e)
{
    *e = (struct error){0};
    how.hub = hub;
    how.endpoint = http_server_url(server);
    how.spec = how.spec != NULL ? how.spec : "E/m";
    return hub_pull(&how, got, e);
}

static void pulled(struct hub_pull how, size_t n_files, size_t n_fetched)
{
    struct hub_pulled got;
    struct error e;
    if (!pull(how, &got, &e))
        fail_msg("%s", e.text);
    size_t fetched = 0;
    for (size_t i = 0; i < got.n_files; i++)
        fetched += got.file[i].fetched;
    assert_int_equal(got.n_files, n_files);
    assert_int_equal(fetched, n_fetched);
    hub_pulled_release(&got);
}

static void refused(struct hub_pull how, enum error_kind kind, const char *says)
{
    struct hub_pulled got;
    struct error e;
    if (pull(how, &got, &e))
        fail_msg("fetched, expected \"%s\"", says);
    if (strstr(e.text, says) == NULL || e.kind != kind)
        fail_msg("\"%s\" does not say \"%s\"", e.text, says);
    hub_pulled_release(&got);
}

static char *in_repo(const char *name)
{
    return xasprintf("%s/models--E--m/%s", hub, name);
}

static void expect_file(const char *name, const char *body, size_t n)
{
    char *path = in_repo(name), *text = calloc(1, n + 2);
    FILE *f = fopen(path, "r");
    if (f == NULL)
        fail_msg("%s is not there", path);
    assert_int_equal(fread(text, 1, n + 1, f), n);
    assert_memory_equal(text, body, n);
    fclose(f);
    free(text);
    free(path);
}

static void expect_link(const char *name, const char *to)
{
    char *path = in_repo(name), found[256];
    const ssize_t n = readlink(path, found, sizeof found - 1);
    assert_true(n > 0);
    found[n] = '\0';
    assert_string_equal(found, to);
    free(path);
}

static bool is_there(const char *name)
{
    struct stat st;
    char *path = in_repo(name);
    const bool there = lstat(path, &st) == 0;
    free(path);
    return there;
}

static int hub_begin(void **state)
{
    (void)state;
    hub = xasprintf("%s/hub%d", test_folder, rand());
    return 0;
}

static int hub_end(void **state)
{
    (void)state;
    free(hub);
    return 0;
}

#define MODEL_FILES "snapshots/" COMMIT "/"

/* The layout of huggingface_hub; the token goes to the endpoint and not to where it leads. */
static void whole_model(void **state)
{
    (void)state;
    struct repo r;
    struct http_page there;
    repo_begin(&r);
    add_hello(&r, "config.json");
    add_hello(&r, "tokenizer.json"); /* the same content: one blob */
    add_hello(&r, "README.md");
    add_hello(&r, "pytorch_model.bin");
    add_hello(&r, "onnx/model.safetensors");
    struct http_page *big_page = add_big(&r, &there);
    other = http_server_start(&there, 1);
    fill_big(big_page);
    serve(&r);
    pulled((struct hub_pull){.token = "s3cret"}, 3, 2);
    expect_link(MODEL_FILES "config.json", "../../blobs/" HELLO_GIT);
    expect_link(MODEL_FILES "tokenizer.json", "../../blobs/" HELLO_GIT);
    expect_file(MODEL_FILES "config.json", "hello\n", 6);
    expect_file(MODEL_FILES "model.safetensors", big, N_BIG);
    expect_file("refs/main", COMMIT, 40);
    char *blob = xasprintf("../../blobs/%s", big_sha);
    expect_link(MODEL_FILES "model.safetensors", blob);
    free(blob);
    assert_false(is_there(MODEL_FILES "README.md"));
    assert_non_null(strstr(http_server_log(server), "GET " API " from -1 token Bearer s3cret\n"));
    assert_non_null(
        strstr(http_server_log(server), "GET " FILES "model.safetensors from -1 token Bearer"));
    assert_string_equal(http_server_log(other), "GET /cdn/big from -1 token -\n");
    /* again: the list is asked for and no more */
    http_server_forget(server);
    pulled((struct hub_pull){0}, 3, 0);
    assert_string_equal(http_server_log(server), "GET " API " from -1 token -\n");
    char *dir = NULL;
    struct error e = {0};
    setenv("HF_HUB_CACHE", hub, 1);
    assert_true(hub_resolve("E/m", &dir, &e));
    free(dir);
    unsetenv("HF_HUB_CACHE");
    serve_end(&r);
}

static void broken_connections(void **state)
{
    (void)state;
    struct repo r;
    struct http_page there;
    repo_begin(&r);
    struct http_page *big_page = add_big(&r, &there);
    add_hello(&r, "config.json");
    there.cut = 100000;
    other = http_server_start(&there, 1);
    fill_big(big_page);
    serve(&r);
    pulled((struct hub_pull){0}, 2, 2);
    expect_file(MODEL_FILES "model.safetensors", big, N_BIG);
    assert_string_equal(http_server_log(other),
                        "GET /cdn/big from -1 token -\nGET /cdn/big from 100000 token -\n");
    serve_end(&r);
}

/* ---- a part of before */
static void resumed(size_t n_part, bool spoilt, bool no_ranges, const char *log)
{
    struct repo r;
    struct http_page there;
    repo_begin(&r);
    struct http_page *big_page = add_big(&r, &there);
    add_hello(&r, "config.json");
    there.no_ranges = no_ranges;
    other = http_server_start(&there, 1);
    fill_big(big_page);
    serve(&r);
    char *name = xasprintf("models--E--m/blobs/%s.incomplete", big_sha), *part = xmalloc(N_BIG + 9);
    memcpy(part, big, N_BIG);
    memset(part + N_BIG, 'x', 9);
    if (spoilt)
        part[n_part / 2] ^= 1;
    mkdir(hub, 0700);
    free(testdata_write(hub, name, part, n_part));
    if (spoilt) {
        refused((struct hub_pull){0}, ERROR_SYSTEM, "its SHA-256 is ");
        assert_false(is_there(name + strlen("models--E--m/")));
        assert_false(is_there("refs/main"));
    } else {
        pulled((struct hub_pull){0}, 2, 2);
        expect_file(MODEL_FILES "model.safetensors", big, N_BIG);
    }
    assert_string_equal(http_server_log(other), log);
    pulled((struct hub_pull){0}, 2, spoilt ? 2 : 0);
    free(part);
    free(name);
    serve_end(&r);
    char *folder = xstrdup(hub);
    testdata_remove(folder);
}

static void parts_of_before(void **state)
{
    (void)state;
    resumed(1000, false, false, "GET /cdn/big from 1000 token -\n");
    resumed(1000, false, true, "GET /cdn/big from 1000 token -\n"); /* all of it comes */
    resumed(N_BIG, false, false, "");
    resumed(N_BIG + 9, false, false, "GET /cdn/big from -1 token -\n");
    resumed(1000, true, false, "GET /cdn/big from 1000 token -\n");
}

static void wrong_bytes(void **state)
{
    (void)state;
    struct repo r;
    repo_begin(&r);
    repo_add(&r, "config.json", "hullo\n", 6, "ETag: \"" HELLO_GIT "\"\r\n");
    add_hello(&r, "model.safetensors");
    serve(&r);
    refused((struct hub_pull){0}, ERROR_SYSTEM, "config.json: its SHA-1 (of git) is ");
    assert_false(is_there("blobs/" HELLO_GIT));
    assert_false(is_there("blobs/" HELLO_GIT ".incomplete"));
    serve_end(&r);
    repo_begin(&r);
    repo_add(&r, "config.json", "hullo\n", 6, "ETag: \"" HELLO_SHA256 "\"\r\n");
    add_hello(&r, "model.safetensors");
    serve(&r);
    refused((struct hub_pull){0}, ERROR_SYSTEM, "expected " HELLO_SHA256);
    serve_end(&r);
    repo_begin(&r);
    repo_add(&r, "config.json", "hello\n", 6, "ETag: \"" HELLO_SHA256 "\"\r\n");
    repo_add(&r, "model.safetensors", "hello\n", 6, "ETag: \"../../x\"\r\n");
    serve(&r);
    refused((struct hub_pull){0}, ERROR_SYSTEM, "no ETag");
    assert_true(is_there("blobs/" HELLO_SHA256));
    serve_end(&r);
}

/* ---- what a server may say */
static void listed(const char *list, int status, const char *headers, enum error_kind kind,
                   const char *says)
{
    const struct http_page page = {
        .path = API, .status = status, .headers = headers, .body = list, .n = strlen(list)};
    server = http_server_start(&page, 1);
    refused((struct hub_pull){0}, kind, says);
    assert_false(is_there("refs/main"));
    http_server_stop(server);
    server = NULL;
}

static void answers_that_refuse(void **state)
{
    (void)state;
    listed(
        "", 401, "X-Error-Message: Invalid credentials\r\n", ERROR_INPUT,
        "wants permission (status 401: Invalid credentials); is it private or gated, set HF_TOKEN");
    listed("", 403, "X-Error-Code: GatedRepo\r\n", ERROR_INPUT, "(status 403: GatedRepo)");
    listed("", 404, "X-Error-Code: RevisionNotFound\r\n", ERROR_INPUT,
           "not there (status 404: RevisionNotFound)");
    listed("", 410, NULL, ERROR_INPUT, "E/m@main at http://127.0.0.1:");
    listed("", 418, NULL, ERROR_SYSTEM, "answers with status 418");
    listed("", 302, "Location: " API "\r\n", ERROR_SYSTEM, "more than 8 redirects");
    listed("{", 0, NULL, ERROR_INPUT, "not valid JSON");
    listed("{}", 0, NULL, ERROR_SYSTEM, "names no commit");
    listed("{\"sha\":\"../x\",\"siblings\":[]}", 0, NULL, ERROR_SYSTEM, "names no commit");
    listed("{\"sha\":\"refs/x\",\"siblings\":[]}", 0, NULL, ERROR_SYSTEM, "names no commit");
    listed("{\"sha\":\"" COMMIT "\",\"siblings\":[]}", 0, NULL, ERROR_INPUT, "none of its 0 files");
    static const char *const names[] = {"../x", "a/../x", "/x",       "a//b",
                                        ".",    "",       "a\\u0001", "a\\\\b"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char *list =
            xasprintf("{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"%s\"}]}", names[i]);
        listed(list, 0, NULL, ERROR_SYSTEM, "the list of files has '");
        free(list);
    }
    listed("{\"sha\":\"" COMMIT
           "\",\"siblings\":[{\"rfilename\":\"a.pt\",\"size\":9000000000000000000}]}",
           0, NULL, ERROR_SYSTEM, "has room for");
    listed("{\"sha\":\"" COMMIT "\",\"siblings\":[{\"rfilename\":\"a.pt\"}]}", 0, NULL, ERROR_INPUT,
           "a.pt: not there (status 404)");
}

/* ---- which files */
static void chosen(const char *const *names, struct hub_pull how, const char *want)
{
    struct repo r;
    struct hub_pulled got;
    struct strbuf found;
    struct error e;
    repo_begin(&r);
    for (; *names != NULL; names++)
        add_hello(&r, *names);
    serve(&r);
    strbuf_init(&found);
    if (!pull(how, &got, &e))
        fail_msg("%s", e.text);
    for (size_t i = 0; i < got.n_files; i++)
        strbuf_addf(&found, "%s ", got.file[i].name);
    assert_string_equal(found.s, want);
    strbuf_release(&found);
    hub_pulled_release(&got);
    serve_end(&r);
}

static void what_is_needed(void **state)
{
    (void)state;
    static const char *const shards[] = {"README.md",
                                         "config.json",
                                         "merges.txt",
                                         "model-00001-of-00002.safetensors",
                                         "model.safetensors.index.json",
                                         "pytorch_model.bin",
                                         "original/consolidated.pth",
                                         NULL};
    static const char *const bin[] = {"config.json", "pytorch_model.bin", "flax_model.msgpack",
                                      "training_args.bin", NULL};
    static const char *const saes[] = {
        ".gitattributes",           "README.md",           "config.json", "layers.3/cfg.json",
        "layers.3/sae.safetensors", "layers.4/params.npz", NULL};
    chosen(shards, (struct hub_pull){0},
           "config.json merges.txt model-00001-of-00002.safetensors model.safetensors.index.json ");
    chosen(bin, (struct hub_pull){0}, "config.json pytorch_model.bin ");
    chosen(saes, (struct hub_pull){0},
           "config.json layers.3/cfg.json layers.3/sae.safetensors layers.4/params.npz ");
    static const char *const paths[] = {"layers.3/", "*.md"};
    chosen(saes, (struct hub_pull){.path = paths, .n_paths = 2},
           "README.md layers.3/cfg.json layers.3/sae.safetensors ");
    chosen(bin, (struct hub_pull){.all = true},
           "config.json pytorch_model.bin flax_model.msgpack training_args.bin ");
    expect_link(MODEL_FILES "layers.3/cfg.json", "../../../blobs/" HELLO_GIT);
}

/* ---- ends before the end */
/* Until the part has come that the server gives. */
static bool until(void *arg)
{
    struct stat st;
    return stat(arg, &st) != 0 || st.st_size < 100000;
}

static void cancelled(void **state)
{
    (void)state;
    struct repo r;
    struct http_page there;
    repo_begin(&r);
    struct http_page *big_page = add_big(&r, &there);
    add_hello(&r, "config.json");
    there.cut = 100000;
    there.stall = 1;
    other = http_server_start(&there, 1);
    fill_big(big_page);
    serve(&r);
    char *part = xasprintf("blobs/%s.incomplete", big_sha), *path = in_repo(part);
    refused((struct hub_pull){.go_on = until, .arg = path}, ERROR_CANCELLED,
            "interrupted; what came is kept, and glimt pull E/m goes on");
    free(path);
    expect_file(part, big, 100000);
    assert_false(is_there("refs/main"));
    pulled((struct hub_pull){0}, 2, 2);
    assert_non_null(strstr(http_server_log(other), "GET /cdn/big from 100000 token -\n"));
    expect_file(MODEL_FILES "model.safetensors", big, N_BIG);
    assert_false(is_there(part));
    free(part);
    serve_end(&r);
}

static void full_disk(void **state)
{
    (void)state;
    struct repo r;
    repo_begin(&r);
    add_hello(&r, "config.json");
    add_hello(&r, "model.safetensors");
    serve(&r);
    mkdir(hub, 0700);
    free(testdata_write(hub, "models--E--m/blobs/x", "", 0));
    char *part = in_repo("blobs/" HELLO_GIT ".incomplete");
    assert_int_equal(symlink("/dev/full", part), 0);
    refused((struct hub_pull){0}, ERROR_SYSTEM, "incomplete: No space left on device");
    free(part);
    serve_end(&r);
}

static void nobody_there(void **state)
{
    (void)state;
    struct hub_pulled got;
    struct error e = {0};
    struct hub_pull how = {.spec = "E/m", .hub = hub, .endpoint = "http://127.0.0.1:1"};
    assert_false(hub_pull(&how, &got, &e));
    assert_int_equal(e.kind, ERROR_SYSTEM);
    assert_non_null(strstr(e.text, "http://127.0.0.1:1/api/models/E/m/revision/main: "));
    hub_pulled_release(&got);
    e = (struct error){0};
    how.endpoint = "ftp://127.0.0.1";
    assert_false(hub_pull(&how, &got, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    hub_pulled_release(&got);
    e = (struct error){0};
    how.spec = "../x";
    assert_false(hub_pull(&how, &got, &e));
    assert_non_null(strstr(e.text, "not of the form OWNER/NAME"));
    hub_pulled_release(&got);
}

int main(void)
{
    struct error e = {0};
    make_big();
    if (hub_library(&e) == NULL) {
        print_message("%s\n", e.text);
        return 1;
    }
    unsetenv("HF_TOKEN");
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(whole_model, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(broken_connections, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(parts_of_before, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(wrong_bytes, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(answers_that_refuse, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(what_is_needed, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(cancelled, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(full_disk, hub_begin, hub_end),
        cmocka_unit_test_setup_teardown(nobody_there, hub_begin, hub_end),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
