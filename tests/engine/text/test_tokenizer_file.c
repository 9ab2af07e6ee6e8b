/* Files that a tokenizer must not be made of: each is refused with a line that says why. */
#include "engine/text/tokenizer_private.h"
#include "tests/engine/text/golden.h"
#include <jansson.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>

#include <cmocka.h>

static void refused(const char *json, const char *why)
{
    struct error e = {0};
    struct tokenizer *t = NULL;
    if (tokenizer_from_json("file", json, strlen(json), &t, &e)) {
        tokenizer_free(t);
        fail_msg("accepted, expected \"%s\"", why);
    }
    if (e.kind != ERROR_INPUT || strstr(e.text, why) == NULL || strncmp(e.text, "file", 4) != 0)
        fail_msg("\"%s\", expected \"%s\"", e.text, why);
}

#define BYTE_LEVEL "\"pre_tokenizer\":{\"type\":\"ByteLevel\",\"add_prefix_space\":false}"
#define VOCAB "\"vocab\":{\"a\":0,\"b\":1,\"ab\":2}"

static void models(void **state)
{
    (void)state;
    refused("", "no JSON");
    refused("{\"model\":", "no JSON");
    refused("[]", "no object");
    refused("{}", "the model is of type null");
    refused("{\"model\":{\"type\":\"WordPiece\"}}", "type WordPiece");
    refused("{" BYTE_LEVEL ",\"model\":{\"type\":\"BPE\"}}", "no list of merges");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[]}}", "vocabulary is missing");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":{}}}", "vocabulary is missing");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":[1]}}", "vocabulary is missing");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":{\"a\":\"b\"}}}",
            "id of token \"a\"");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":{\"a\":-1}}}", "id of token \"a\"");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":{\"a\":4194304}}}",
            "id of token \"a\"");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":{\"a\":99999999999999}}}",
            "id of token \"a\"");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"vocab\":{\"a\":1,\"b\":1}}}",
            "another token");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"unk_token\":\"a\"," VOCAB "}}",
            "unk_token is set");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"byte_fallback\":true," VOCAB "}}",
            "byte_fallback");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"dropout\":0.1," VOCAB "}}", "dropout");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"end_of_word_suffix\":\"</w>\"," VOCAB "}}",
            "end_of_word_suffix");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[],\"continuing_subword_prefix\":\"##\"," VOCAB
            "}}",
            "continuing_subword_prefix");
}

static void merges(void **state)
{
    (void)state;
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[[\"b\",\"a\"]]," VOCAB "}}",
            "merge 0, \"b a\": its result");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[\"a b\",\"c a\"]," VOCAB "}}",
            "merge 1, \"c a\": its left part");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[\"a c\"]," VOCAB "}}", "its right part");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[\"ab\"]," VOCAB "}}", "expected two parts");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[\"a  b\"]," VOCAB "}}", "expected two parts");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[7]," VOCAB "}}", "neither a string nor a pair");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[[\"a\"]]," VOCAB "}}",
            "neither a string nor a pair");
    refused("{" BYTE_LEVEL ",\"model\":{\"merges\":[[\"a\",\"b\",\"a\"]]," VOCAB "}}",
            "neither a string nor a pair");
}

static void pipelines(void **state)
{
    (void)state;
#define MODEL "{\"model\":{\"merges\":[]," VOCAB "},"
    refused(MODEL "\"normalizer\":{\"type\":\"NFKC\"}}", "normalizer is NFKC");
    refused(MODEL "\"normalizer\":{\"type\":\"Sequence\",\"normalizers\":[{\"type\":\"NFC\"},{"
                  "\"type\":\"Lowercase\"}]}}",
            "Lowercase");
    refused(MODEL "\"pre_tokenizer\":null}", "pre-tokenizer null");
    refused(MODEL "\"pre_tokenizer\":{\"type\":\"Metaspace\"}}", "Metaspace");
    refused(MODEL "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[]}}",
            "no ByteLevel");
    refused(MODEL
            "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"Digits\"}]}}",
            "Digits");
    refused(MODEL "\"pre_tokenizer\":{\"type\":\"Split\",\"pattern\":{\"Regex\":\"\\\\s\"},"
                  "\"behavior\":\"Isolated\"}}",
            "Split");
    refused(MODEL
            "\"pre_tokenizer\":{\"type\":\"Sequence\",\"pretokenizers\":[{\"type\":\"ByteLevel\"},"
            "{\"type\":\"ByteLevel\"}]}}",
            "behind ByteLevel");
    refused(MODEL BYTE_LEVEL ",\"added_tokens\":[{\"id\":3}]}", "added token 0 has no content");
    struct strbuf s;
    strbuf_init(&s);
    strbuf_adds(&s, MODEL BYTE_LEVEL ",\"added_tokens\":[{\"content\":\"");
    for (int i = 0; i <= ADDED_MAX_BYTES; i++)
        strbuf_addc(&s, 'x');
    strbuf_adds(&s, "\"}]}");
    refused(s.s, "more than 1024 bytes");
    strbuf_release(&s);
}

/* A byte that the vocabulary lacks is left out, and its neighbours are neighbours then, as in the
 * library. */
static void missing_bytes(void **state)
{
    (void)state;
    static const char json[] = "{\"model\":{\"merges\":[\"a b\"]," VOCAB "}," BYTE_LEVEL "}";
    struct error e = {0};
    struct tokenizer *t = NULL;
    assert_true(tokenizer_from_json("file", json, sizeof json - 1, &t, &e));
    assert_int_equal(tokenizer_eot(t), -1);
    struct tokens r = encode(t, "xaxb", 4, false);
    assert_int_equal(r.n, 1);
    assert_int_equal(r.token[0].id, 2);
    assert_int_equal(r.token[0].start, 1);
    assert_int_equal(r.token[0].end, 4);
    free(r.token);
    tokenizer_free(t);
}

/* Added tokens beyond the vocabulary get the next ids, whatever the file says, as in the library.
 */
static void added_ids(void **state)
{
    (void)state;
    static const char json[] = "{\"model\":{\"merges\":[]," VOCAB "}," BYTE_LEVEL
                               ",\"added_tokens\":[{\"id\":20,\"content\":\"<x>\"},{\"id\":9,"
                               "\"content\":\"ab\"},{\"id\":4,\"content\":\"\"},"
                               "{\"id\":2,\"content\":\"<y>\"}]}";
    struct error e = {0};
    struct tokenizer *t = NULL;
    assert_true(tokenizer_from_json("file", json, sizeof json - 1, &t, &e));
    struct tokens r = encode(t, "<x>ab<y>", 8, false);
    assert_int_equal(r.n, 3);
    assert_int_equal(r.token[0].id, 3);
    assert_int_equal(r.token[1].id, 2);
    assert_int_equal(r.token[2].id, 4);
    assert_int_equal(tokenizer_n_vocab(t), 5);
    size_t n;
    assert_memory_equal(tokenizer_bytes(t, 4, &n), "<y>", 3);
    assert_int_equal(n, 3);
    free(r.token);
    tokenizer_free(t);
}

static bool open_folder(const char *const *files, struct tokenizer **t, struct error *e)
{
    char *folder = testdata_folder();
    for (; files[0] != NULL; files += 2)
        free(testdata_write(folder, files[0], files[1], strlen(files[1])));
    *e = (struct error){0};
    const bool ok = tokenizer_open(folder, t, e);
    testdata_remove(folder);
    return ok;
}

static void folders(void **state)
{
    (void)state;
    struct tokenizer *t = NULL;
    struct error e = {0};
    assert_false(tokenizer_open("/nonexistent/tokenizer", &t, &e));
    assert_int_equal(e.kind, ERROR_INPUT);
    assert_non_null(strstr(e.text, "/nonexistent/tokenizer"));
    const char *const nothing[] = {NULL};
    assert_false(open_folder(nothing, &t, &e));
    assert_non_null(strstr(e.text, "neither tokenizer.json nor"));
    const char *const no_merges[] = {"vocab.json", "{}", NULL};
    assert_false(open_folder(no_merges, &t, &e));
    assert_non_null(strstr(e.text, "neither tokenizer.json nor"));
    const char *const words[] = {"vocab.json", "{\"a</w>\":0}", "merges.txt", "", NULL};
    assert_false(open_folder(words, &t, &e));
    assert_non_null(strstr(e.text, "no byte-level vocabulary"));
    const char *const a_folder[] = {"tokenizer.json/x", "", NULL};
    assert_false(open_folder(a_folder, &t, &e));
    assert_non_null(strstr(e.text, "no regular file"));
    assert_null(t);
}

/* GPT-2's two files made of the small tokenizer give its ids, where NFC and added tokens play no
 * part. */
static void gpt2_files(void **state)
{
    (void)state;
    json_t *root = json_load_file("tests/golden/text/tokenizer.json", 0, NULL), *pair;
    const json_t *model = json_object_get(root, "model");
    char *vocab = json_dumps(json_object_get(model, "vocab"), 0);
    struct strbuf merges_txt;
    strbuf_init(&merges_txt);
    strbuf_adds(&merges_txt, "#version: 0.2\r\n");
    size_t i;
    json_array_foreach(json_object_get(model, "merges"), i, pair)
        strbuf_addf(&merges_txt, "%s %s\r\n", json_string_value(json_array_get(pair, 0)),
                    json_string_value(json_array_get(pair, 1)));
    const char *const files[] = {"vocab.json", vocab, "merges.txt", merges_txt.s, NULL};
    struct tokenizer *t = NULL, *whole = NULL;
    struct error e = {0};
    if (!open_folder(files, &t, &e) || !tokenizer_open("tests/golden/text", &whole, &e))
        fail_msg("%s", e.text);
    static const char text[] = "Der gik en mand langs åen<|endoftext|> and saw an eel.";
    for (int special = 0; special < 2; special++) {
        struct tokens a = encode(t, text, sizeof text - 1, special),
                      b = encode(whole, text, sizeof text - 1, special);
        assert_int_equal(a.n, b.n);
        for (size_t k = 0; k < a.n; k++)
            assert_int_equal(a.token[k].id, b.token[k].id);
        free(a.token);
        free(b.token);
    }
    assert_int_equal(tokenizer_eot(t), 0);
    strbuf_addf(&merges_txt, "q q\n");
    const char *const more[] = {"vocab.json", vocab, "merges.txt", merges_txt.s, NULL};
    struct tokenizer *none = NULL;
    assert_false(open_folder(more, &none, &e));
    assert_non_null(strstr(e.text, "merges.txt: merge"));
    tokenizer_free(t);
    tokenizer_free(whole);
    strbuf_release(&merges_txt);
    free(vocab);
    json_decref(root);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(models),        cmocka_unit_test(merges),    cmocka_unit_test(pipelines),
        cmocka_unit_test(missing_bytes), cmocka_unit_test(added_ids), cmocka_unit_test(folders),
        cmocka_unit_test(gpt2_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
