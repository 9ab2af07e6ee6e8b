/* The Hugging Face cache as huggingface_hub lays it out, found and listed. */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/hub/cache.h"
#include "engine/hub/model.h"
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

static void resolves(const char *spec, const char *want)
{
    char *found = NULL;
    struct error e = {0};
    if (!hub_resolve(spec, &found, &e))
        fail_msg("%s", e.text);
    assert_string_equal(found, want);
    free(found);
}

static void names_file(const char *spec, const char *want)
{
    char *found = NULL;
    struct error e = {0};
    assert_int_equal(hub_resolve_file(spec, &found, &e), want != NULL);
    if (want)
        assert_string_equal(found, want);
    free(found);
}

/* A file by the name of its repository, and back; what leads out of it is no name. */
static void files_have_names(const char *hub)
{
    char want[512];
    snprintf(want, sizeof want, "%s/models--EleutherAI--pythia-70m/snapshots/" COMMIT "/a/b.pt",
             hub);
    names_file("EleutherAI/pythia-70m@main:a/b.pt", want);
    names_file("EleutherAI/pythia-70m@main:../b.pt", NULL);
    names_file("EleutherAI/pythia-70m@main:a/./b", NULL);
    names_file("EleutherAI/pythia-70m@main:/b", NULL);
    names_file("EleutherAI/pythia-70m@main:", NULL);
    names_file("EleutherAI/pythia-70m@gone:b.pt", NULL);
    names_file("plain/path", "plain/path");
    names_file("plain@path/x", "plain@path/x");
    *strrchr(want, '/') = '\0';
    *strrchr(want, '/') = '\0'; /* the snapshot */
    char *name = hub_name_of(want);
    assert_string_equal(name, "EleutherAI/pythia-70m@" COMMIT);
    free(name);
    strcat(want, "/config.json");
    name = hub_name_of(want);
    assert_string_equal(name, "EleutherAI/pythia-70m@" COMMIT ":config.json");
    free(name);
    assert_null(hub_name_of(hub));
    assert_null(hub_name_of("/etc/passwd"));
}

static void unresolved(const char *spec, const char *word)
{
    char *found = NULL;
    struct error e = {0};
    if (hub_resolve(spec, &found, &e))
        fail_msg("%s was found as %s", spec, found);
    assert_null(found);
    assert_int_equal(e.kind, ERROR_INPUT);
    if (strstr(e.text, word) == NULL)
        fail_msg("'%s' does not say '%s'", e.text, word);
}

static void make_cached(const char *hub, const char *repo, const char *ref, const char *commit)
{
    char name[256];
    snprintf(name, sizeof name, "%s/%s/snapshots/%s/config.json", hub, repo, commit);
    free(testdata_write(test_folder, name, "{}", 2));
    if (ref == NULL)
        return;
    snprintf(name, sizeof name, "%s/%s/refs/%s", hub, repo, ref);
    free(testdata_write(test_folder, name, commit, strlen(commit)));
}

static void cache_is_searched_in_order(void **state)
{
    (void)state;
    make_cached("hub1", "models--EleutherAI--pythia-70m", "main", COMMIT);
    make_cached("home/hub", "models--EleutherAI--pythia-70m", "main", "aaaa");
    make_cached("home/hub", "models--EleutherAI--pythia-160m", "step1000", "bbbb");
    make_cached("user/.cache/huggingface/hub", "models--o.w-n_er--n", "refs/pr/1", "cccc");
    make_cached("user/.cache/huggingface/hub", "models--bad--ref", "main", "dddd");
    free(testdata_write(test_folder, "user/.cache/huggingface/hub/models--bad--ref/refs/main",
                        "../../x\n", 8));
    free(testdata_write(test_folder, "user/.cache/huggingface/hub/models--lost--snapshot/refs/main",
                        "eeee\n", 5));
    char path[4][256];
    static const char *const parts[] = {"hub1", "home", "user", "user/.cache/huggingface/hub"};
    for (size_t i = 0; i < 4; i++)
        snprintf(path[i], sizeof path[i], "%s/%s", test_folder, parts[i]);
    unsetenv("HUGGINGFACE_HUB_CACHE");
    unsetenv("XDG_CACHE_HOME");
    setenv("HF_HUB_CACHE", path[0], 1);
    setenv("HF_HOME", path[1], 1);
    setenv("HOME", path[2], 1);
    char want[512];
    snprintf(want, sizeof want, "%s/models--EleutherAI--pythia-70m/snapshots/" COMMIT, path[0]);
    resolves("EleutherAI/pythia-70m", want);
    resolves("EleutherAI/pythia-70m@main", want);
    resolves("EleutherAI/pythia-70m@" COMMIT, want);
    snprintf(want, sizeof want, "%s/hub/models--EleutherAI--pythia-70m/snapshots/aaaa", path[1]);
    resolves("EleutherAI/pythia-70m@aaaa", want);
    files_have_names(path[0]);
    unsetenv("HF_HUB_CACHE");
    resolves("EleutherAI/pythia-70m", want);
    setenv("HF_HUB_CACHE", "", 1);
    resolves("EleutherAI/pythia-70m", want);
    snprintf(want, sizeof want, "%s/hub/models--EleutherAI--pythia-160m/snapshots/bbbb", path[1]);
    resolves("EleutherAI/pythia-160m@step1000", want);
    snprintf(want, sizeof want, "%s/models--o.w-n_er--n/snapshots/cccc", path[3]);
    resolves("o.w-n_er/n@refs/pr/1", want);
    resolves(path[0], path[0]);
    setenv("HF_HUB_CACHE", path[0], 1);
    /* Every place that was looked at is named. */
    unresolved("EleutherAI/pythia-160m", "hub1/models--EleutherAI--pythia-160m, ");
    unresolved("EleutherAI/pythia-160m",
               "home/hub/models--EleutherAI--pythia-160m/snapshots/main, ");
    unresolved("EleutherAI/pythia-160m",
               "user/.cache/huggingface/hub/models--EleutherAI--pythia-160m)");
    unresolved("gpt2", "hub1/models--gpt2, ");
    unresolved("bad/ref", "models--bad--ref");
    unresolved("lost/snapshot", "snapshots/eeee");
    unsetenv("HF_HUB_CACHE");
    unsetenv("HF_HOME");
    unsetenv("HOME");
    unresolved("a/b", "nothing: HF_HUB_CACHE");
}

static void names_that_lead_elsewhere(void **state)
{
    (void)state;
    static const char *const specs[] = {"",         "/nowhere/at", "a/b/c", "../x",       "a/..",
                                        "./x",      "a--b/c",      "a/",    "/b",         "a/b@",
                                        "a/@x",     "a/b@../x",    "a b/c", "a/b@x/../y", "a/b@x/",
                                        "a/b@x//y", "a/b\n",       "a/b@.", "a/b@main@x", "a/.b"};
    for (size_t i = 0; i < sizeof specs / sizeof *specs; i++)
        unresolved(specs[i], "not of the form OWNER/NAME");
}

/* As huggingface_hub's constants.py has it. */
static void first_of_the_places(void **state)
{
    (void)state;
    static const struct {
        const char *name, *value, *hub; /* each is set beside those above it */
    } cases[] = {
        {"HOME", "/u", "/u/.cache/huggingface/hub"},
        {"XDG_CACHE_HOME", "/x", "/x/huggingface/hub"},
        {"HF_HOME", "/h", "/h/hub"},
        {"HF_HOME", "~", "/u/hub"},
        {"HF_HOME", "~/in/$PART", "/u/in/one/hub"},
        {"HF_HOME", "/a/${PART}x/$UNSET_HERE", "/a/onex/$UNSET_HERE/hub"},
        {"HF_HOME", "~other", "~other/hub"},
        {"HUGGINGFACE_HUB_CACHE", "~/old", "/u/old"},
        {"HF_HUB_CACHE", "$HOME/new", "/u/new"},
    };
    static const char *const all[] = {"HOME", "XDG_CACHE_HOME", "HF_HOME", "HUGGINGFACE_HUB_CACHE",
                                      "HF_HUB_CACHE"};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        unsetenv(all[i]);
    unsetenv("UNSET_HERE");
    setenv("PART", "one", 1);
    assert_null(hub_folder());
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        setenv(cases[i].name, cases[i].value, 1);
        char *hub = hub_folder();
        assert_string_equal(hub, cases[i].hub);
        free(hub);
    }
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        unsetenv(all[i]);
}

/* ---- listing */

static const char *const places[] = {"HOME", "XDG_CACHE_HOME", "HF_HOME", "HUGGINGFACE_HUB_CACHE",
                                     "HF_HUB_CACHE"};

static void only_hub(const char *hub)
{
    for (size_t i = 0; i < sizeof places / sizeof *places; i++)
        unsetenv(places[i]);
    setenv("HF_HUB_CACHE", hub, 1);
}

static void expect_list(const char *want)
{
    struct hub_snapshot *s;
    struct strbuf text;
    size_t n;
    hub_list(&s, &n);
    strbuf_init(&text);
    for (size_t i = 0; i < n; i++)
        strbuf_addf(&text, "%s %s %s\n", s[i].spec, s[i].rev, s[i].commit);
    assert_string_equal(text.s, want);
    /* What the list says is what --model takes. */
    for (size_t i = 0; i < n; i++) {
        struct stat st;
        if (stat(s[i].dir, &st) == 0)
            resolves(s[i].spec, s[i].dir);
        else
            unresolved(s[i].spec, "not in the Hugging Face cache");
    }
    strbuf_release(&text);
    hub_list_free(s, n);
}

static void every_revision_is_listed(void **state)
{
    (void)state;
    char hub[300], other[300];
    snprintf(hub, sizeof hub, "%s/list", test_folder);
    snprintf(other, sizeof other, "%s/list2/hub", test_folder);
    only_hub(hub);
    expect_list("");
    make_cached("list", "models--E--pythia-70m", "step3000", "aa30");
    make_cached("list", "models--E--pythia-70m", "step100", "aa10");
    make_cached("list", "models--E--pythia-70m", "refs/pr/1", "aa99");
    make_cached("list", "models--E--pythia-70m", "main", "aa00");
    make_cached("list", "models--E--pythia-70m", "v1", "aa00"); /* a tag of the same commit */
    make_cached("list", "models--E--pythia-70m", NULL, "aa77"); /* its branch went on */
    make_cached("list", "models--gpt2", "main", "bb00");
    make_cached("list", "models--E--pythia-160m", NULL, "cc00");
    make_cached("list", "datasets--E--pile", "main", "dd00");
    make_cached("list", "models--a--b--c", "main", "ee00"); /* no name of Hugging Face's */
    free(testdata_write(hub, "models--lost--one/refs/main", "ff00", 4));
    free(testdata_write(hub, "models--bad--ref/refs/main", "../../x", 7));
    free(testdata_write(hub, "version.txt", "1", 1));
    free(testdata_write(hub, ".locks/models--E--pythia-70m/x.lock", "", 0));
    expect_list("E/pythia-70m main aa00\nE/pythia-70m@aa77 aa77 aa77\n"
                "E/pythia-70m@refs/pr/1 refs/pr/1 aa99\nE/pythia-70m@step100 step100 aa10\n"
                "E/pythia-70m@step3000 step3000 aa30\nE/pythia-70m@v1 v1 aa00\n"
                "E/pythia-160m@cc00 cc00 cc00\nbad/ref main \ngpt2 main bb00\n"
                "lost/one main ff00\n");
    /* a second place: what the first has hides it, what the first only names does not */
    snprintf(other, sizeof other, "%s/list2", test_folder);
    setenv("HF_HOME", other, 1);
    make_cached("list2/hub", "models--gpt2", "main", "bb11");
    make_cached("list2/hub", "models--lost--one", "main", "ff11");
    make_cached("list2/hub", "models--z--y", "main", "0011");
    testdata_remove(xasprintf("%s/models--E--pythia-70m", hub));
    testdata_remove(xasprintf("%s/models--bad--ref", hub));
    expect_list("E/pythia-160m@cc00 cc00 cc00\ngpt2 main bb00\ngpt2@bb11 bb11 bb11\n"
                "lost/one main ff11\n"
                "z/y main 0011\n");
}

/* ---- what can be told of a model */

static void expect_why(const char *name, const char *config, const char *why)
{
    char dir[300];
    struct hub_model m;
    snprintf(dir, sizeof dir, "%s/%s", test_folder, name);
    if (config != NULL)
        free(testdata_write(test_folder, "facts/config.json", config, strlen(config)));
    hub_model_look(dir, &m);
    assert_false(m.opens);
    if (strncmp(m.why.text, why, strlen(why)) != 0)
        fail_msg("'%s' does not begin with '%s'", m.why.text, why);
}

static void facts(const char *config, const char *architecture, int32_t n_layers, int32_t d_model)
{
    char dir[300];
    struct hub_model m;
    snprintf(dir, sizeof dir, "%s/facts", test_folder);
    free(testdata_write(test_folder, "facts/config.json", config, strlen(config)));
    hub_model_look(dir, &m);
    assert_string_equal(m.architecture, architecture);
    assert_int_equal(m.n_layers, n_layers);
    assert_int_equal(m.d_model, d_model);
    assert_int_equal(m.bytes, strlen(config));
}

static void models_are_told_apart(void **state)
{
    (void)state;
    facts("{\"model_type\":\"gpt2\",\"n_layer\":12,\"n_embd\":768}", "gpt2", 12, 768);
    facts("{\"model_type\":\"gemma3\",\"text_config\":{\"num_hidden_layers\":26,"
          "\"hidden_size\":1152}}",
          "gemma3", 26, 1152);
    facts("{\"model_type\":\"t5\",\"num_layers\":6,\"d_model\":512}", "t5", 6, 512);
    facts("{\"hidden_size\":-1,\"num_hidden_layers\":1e9,\"model_type\":7}", "", 0, 0);
    facts("[]", "", 0, 0);
    expect_why("nowhere", NULL, "its folder is not there");
    expect_why("list", NULL, "no config.json");
    expect_why("facts", "{", "config.json: not valid JSON");
    expect_why("facts", "{\"model_type\":\"mamba\"}", "config.json: architecture 'mamba'");
    struct hub_model m;
    hub_model_look("tests/golden/dict/formats/sparsify", &m);
    assert_false(m.opens);
    assert_string_equal(m.why.text, "it holds SAEs: glimt saes lists them");
    hub_model_look("store/demo/model", &m);
    if (!m.opens)
        fail_msg("%s", m.why.text);
    assert_string_equal(m.architecture, "gpt_neox");
    assert_int_equal(m.n_layers, 4);
    assert_int_equal(m.d_model, 256);
    assert_true(m.bytes > 12000000);
    assert_string_equal(m.why.text, "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(cache_is_searched_in_order), cmocka_unit_test(names_that_lead_elsewhere),
        cmocka_unit_test(first_of_the_places),        cmocka_unit_test(every_revision_is_listed),
        cmocka_unit_test(models_are_told_apart),
    };
    return cmocka_run_group_tests(tests, test_folder_make, test_folder_drop);
}
