/* Readers of tokenizer.json and of vocab.json with merges.txt. What would change ids and is not
 * known is refused by name; what doesn't touch encoding (truncation, padding, post-processor,
 * decoder) is passed over. */
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/text/normalize.h"
#include "engine/text/tokenizer_private.h"
#include "engine/text/unicode.h"
#include "engine/text/utf8.h"
#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What families call the end of a text; the first that a file has counts. */
static const char *const ends_of_text[] = {"<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>"};
enum { N_ENDS = sizeof ends_of_text / sizeof *ends_of_text };
static const char mark[] = "\xE2\x96\x81"; /* NORMAL_MARK */

enum { ALPHABET_END = 0x144 };

struct reader {
    const char *name; /* of the file, for errors */
    struct tokenizer *t;
    const json_t *vocab;
    size_t cap_by_id;
    int16_t byte_of[ALPHABET_END]; /* GPT-2's alphabet: code point → byte, −1 elsewhere */
    struct strbuf key;
    int32_t last_added;
    size_t end;       /* the place in ends_of_text of what was met; N_ENDS: nothing */
    bool joins_words; /* some merge puts a mark behind another character */
    struct error *e;
};

/* GPT-2 writes bytes as visible characters: printable Latin-1 as itself, the other 68 in order from
 * U+0100 on. */
static void fill_alphabet(int16_t byte_of[ALPHABET_END])
{
    for (int i = 0; i < ALPHABET_END; i++)
        byte_of[i] = -1;
    int next = 0x100;
    for (int b = 0; b < 256; b++) {
        const bool visible = (b >= '!' && b <= '~') || (b >= 0xA1 && b != 0xAD);
        byte_of[visible ? b : next++] = (int16_t)b;
    }
}

/* "<0x0A>": the byte; −1: none of these. */
static int byte_token(const char *s, size_t n)
{
    static const char digits[] = "0123456789ABCDEF";
    const char *high = n == 6 ? strchr(digits, s[3]) : NULL,
               *low = n == 6 ? strchr(digits, s[4]) : NULL;
    if (high == NULL || low == NULL || s[3] == '\0' || s[4] == '\0' || memcmp(s, "<0x", 3) != 0 ||
        s[5] != '>')
        return -1;
    return (int)(16 * (high - digits) + (low - digits));
}

/* Of a vocabulary of characters: a byte, or text with spaces for the marks. */
static void add_characters(const char *s, size_t n, struct strbuf *out)
{
    const int byte = byte_token(s, n);
    if (byte >= 0) {
        strbuf_addc(out, (char)byte);
        return;
    }
    for (const char *end = s + n; s < end;) {
        const char *at = memmem(s, (size_t)(end - s), mark, sizeof mark - 1);
        strbuf_add(out, s, (size_t)((at != NULL ? at : end) - s));
        if (at != NULL)
            strbuf_addc(out, ' ');
        s = at != NULL ? at + sizeof mark - 1 : end;
    }
}

/* Appends the bytes that an entry of the vocabulary stands for; false: one outside GPT-2's
 * alphabet, which stands for itself, as for the library's decoder. */
static bool add_bytes(const struct reader *r, const char *s, size_t n, struct strbuf *out)
{
    const size_t before = out->len;
    for (size_t i = 0, len = 0; i < n; i += len) {
        const uint32_t c = utf8_decode(s + i, n - i, &len, NULL);
        if (c >= ALPHABET_END || r->byte_of[c] < 0) {
            out->len = before;
            strbuf_add(out, s, n);
            return false;
        }
        strbuf_addc(out, (char)r->byte_of[c]);
    }
    return true;
}

static struct token_bytes *slot_of(struct reader *r, int32_t id)
{
    struct tokenizer *t = r->t;
    const size_t used = (size_t)t->n_vocab;
    if ((size_t)id >= used) {
        t->by_id = grow(t->by_id, &r->cap_by_id, (size_t)id + 1, sizeof *t->by_id);
        memset(t->by_id + used, 0, ((size_t)id + 1 - used) * sizeof *t->by_id);
        t->n_vocab = id + 1;
    }
    return &t->by_id[id];
}

static int32_t id_of(const struct reader *r, const char *s, size_t n)
{
    const json_t *v = json_object_getn(r->vocab, s, n);
    return v != NULL ? (int32_t)json_integer_value(v) : -1;
}

/* An entry of a vocabulary of bytes in GPT-2's alphabet. */
static void read_byte_entry(struct reader *r, struct token_bytes *slot, const char *key, size_t n,
                            int32_t id)
{
    struct tokenizer *t = r->t;
    const bool ours = add_bytes(r, key, n, &t->pool);
    slot->n = t->pool.len - slot->at;
    size_t len = 0;
    const uint32_t c = n > 0 ? utf8_decode(key, n, &len, NULL) : ALPHABET_END;
    if (len == n && c < ALPHABET_END && r->byte_of[c] >= 0)
        t->bpe.byte_id[r->byte_of[c]] = id;
    if (ours && t->whole_words && slot->n > 0)
        words_add(&t->words, t->pool.s, slot->at, slot->n, id);
}

/* An entry of a vocabulary of characters. A space never comes to be looked for: what has one in it
 * is no word. */
static void read_character_entry(struct reader *r, struct token_bytes *slot, const char *key,
                                 size_t n, int32_t id)
{
    struct tokenizer *t = r->t;
    add_characters(key, n, &t->pool);
    slot->n = t->pool.len - slot->at;
    const int byte = byte_token(key, n);
    size_t len = 0;
    if (byte >= 0)
        t->bpe.byte_id[byte] = id;
    if (n == 0 || byte >= 0 || memchr(key, ' ', n) != NULL)
        return;
    utf8_decode(key, n, &len, NULL);
    if (len == n && slot->n == 1)
        t->ascii_id[(unsigned char)t->pool.s[slot->at]] = id;
    if (len == n || t->whole_words)
        words_add(&t->words, t->pool.s, slot->at, slot->n, id);
}

static bool read_vocab(struct reader *r)
{
    const char *key;
    size_t n;
    json_t *value;
    struct tokenizer *t = r->t;
    if (!json_is_object(r->vocab) || json_object_size(r->vocab) == 0)
        return error_set(r->e, ERROR_INPUT, "%s: the vocabulary is missing, empty or no object",
                         r->name);
    if (t->whole_words || t->steps.characters)
        words_init(&t->words, json_object_size(r->vocab));
    memset(t->ascii_id, 0xFF, sizeof t->ascii_id); /* −1 */
    json_object_keylen_foreach((json_t *)(uintptr_t)r->vocab, key, n, value)
    {
        const json_int_t id = json_integer_value(value);
        if (!json_is_integer(value) || id < 0 || id > TOKENIZER_MAX_ID)
            return error_set(r->e, ERROR_INPUT,
                             "%s: the id of token \"%.60s\" is not an integer in 0 … %d", r->name,
                             key, TOKENIZER_MAX_ID);
        struct token_bytes *slot = slot_of(r, (int32_t)id);
        if (slot->n != 0)
            return error_set(r->e, ERROR_INPUT,
                             "%s: token \"%.60s\" has id %d, which another token has too", r->name,
                             key, (int)id);
        slot->at = t->pool.len;
        if (t->steps.characters)
            read_character_entry(r, slot, key, n, (int32_t)id);
        else
            read_byte_entry(r, slot, key, n, (int32_t)id);
    }
    return true;
}

/* −1: the vocabulary has every byte. */
static int missing_byte(const struct tokenizer *t)
{
    for (int b = 0; b < 256; b++)
        if (t->bpe.byte_id[b] < 0)
            return b;
    return -1;
}

static bool begins_with_mark(const char *s, size_t n)
{
    return n >= sizeof mark - 1 && memcmp(s, mark, sizeof mark - 1) == 0;
}

static bool ends_with_mark(const char *s, size_t n)
{
    return n >= sizeof mark - 1 && begins_with_mark(s + n - (sizeof mark - 1), sizeof mark - 1);
}

static bool add_merge(struct reader *r, size_t rank, const char *a, size_t n_a, const char *b,
                      size_t n_b)
{
    strbuf_clear(&r->key);
    strbuf_add(&r->key, a, n_a);
    strbuf_add(&r->key, b, n_b);
    const int32_t left = id_of(r, a, n_a), right = id_of(r, b, n_b),
                  whole = id_of(r, r->key.s, r->key.len);
    if (left < 0 || right < 0 || whole < 0)
        return error_set(r->e, ERROR_INPUT,
                         "%s: merge %zu, \"%.*s %.*s\": %s is not in the vocabulary", r->name, rank,
                         n_a < 60 ? (int)n_a : 60, a, n_b < 60 ? (int)n_b : 60, b,
                         left < 0    ? "its left part"
                         : right < 0 ? "its right part"
                                     : "its result");
    bpe_add(&r->t->bpe, left, right, (int32_t)rank, whole);
    r->joins_words = r->joins_words || (begins_with_mark(b, n_b) && !ends_with_mark(a, n_a));
    return true;
}

/* "left right" */
static bool add_merge_line(struct reader *r, size_t rank, const char *s, size_t n)
{
    const char *space = memchr(s, ' ', n);
    const size_t n_left = space != NULL ? (size_t)(space - s) : 0;
    if (space == NULL || memchr(space + 1, ' ', n - n_left - 1) != NULL)
        return error_set(r->e, ERROR_INPUT,
                         "%s: merge %zu is \"%.*s\", expected two parts with a space between",
                         r->name, rank, n < 60 ? (int)n : 60, s);
    return add_merge(r, rank, s, n_left, space + 1, n - n_left - 1);
}

static bool read_merges(struct reader *r, const json_t *merges)
{
    size_t i;
    const json_t *m;
    json_array_foreach(merges, i, m)
    {
        const json_t *a = json_array_get(m, 0), *b = json_array_get(m, 1);
        if (json_is_string(m)) {
            if (!add_merge_line(r, i, json_string_value(m), json_string_length(m)))
                return false;
        } else if (json_array_size(m) == 2 && json_is_string(a) && json_is_string(b)) {
            if (!add_merge(r, i, json_string_value(a), json_string_length(a), json_string_value(b),
                           json_string_length(b)))
                return false;
        } else {
            return error_set(r->e, ERROR_INPUT,
                             "%s: merge %zu is neither a string nor a pair of strings", r->name, i);
        }
    }
    return true;
}

/* Options of the model that change ids and are not supported must be at rest. */
static bool check_model(struct reader *r, const json_t *model)
{
    static const char *const resting[] = {"dropout", "continuing_subword_prefix",
                                          "end_of_word_suffix"};
    const json_t *type = json_object_get(model, "type");
    if (!json_is_object(model) || (type != NULL && strcmp(tokenizer_part(model), "BPE") != 0))
        return error_set(r->e, ERROR_INPUT, "%s: the model is of type %.60s, supported: BPE",
                         r->name, tokenizer_part(model));
    for (size_t i = 0; i < sizeof resting / sizeof resting[0]; i++) {
        const json_t *v = json_object_get(model, resting[i]);
        const bool empty = json_is_string(v) && json_string_length(v) == 0;
        const bool zero = json_is_number(v) && !(json_number_value(v) > 0);
        if (v != NULL && !json_is_null(v) && !json_is_false(v) && !empty && !zero)
            return error_set(r->e, ERROR_INPUT,
                             "%s: the model's option %s is set, which is not supported", r->name,
                             resting[i]);
    }
    return true;
}

/* Every text must have tokens, as unknown ones are not supported. */
static bool check_bytes(struct reader *r, const json_t *model)
{
    const json_t *unknown = json_object_get(model, "unk_token");
    const int missing = missing_byte(r->t);
    const bool characters = r->t->steps.characters,
               fallback = json_is_true(json_object_get(model, "byte_fallback"));
    if (characters && !fallback)
        return error_set(r->e, ERROR_INPUT,
                         "%s: byte_fallback is off, without which no vocabulary of characters is "
                         "supported",
                         r->name);
    if (missing >= 0 && (fallback || (unknown != NULL && !json_is_null(unknown))))
        return error_set(r->e, ERROR_INPUT, "%s: %s is set and the vocabulary lacks byte 0x%02X",
                         r->name, fallback ? "byte_fallback" : "unk_token", (unsigned)missing);
    return true;
}

static bool read_model(struct reader *r, const json_t *model)
{
    const json_t *merges = json_object_get(model, "merges");
    if (!json_is_array(merges))
        return error_set(r->e, ERROR_INPUT, "%s: the model has no list of merges", r->name);
    r->vocab = json_object_get(model, "vocab");
    r->t->whole_words = json_is_true(json_object_get(model, "ignore_merges"));
    bpe_init(&r->t->bpe, json_array_size(merges));
    if (!read_vocab(r) || !check_bytes(r, model) || !read_merges(r, merges))
        return false;
    struct steps *s = &r->t->steps;
    if (s->characters && s->split == SPLIT_NONE && !r->joins_words && !r->t->whole_words)
        s->split = SPLIT_RUNS; /* the same ids, sooner: words are short */
    return true;
}

/* The id that the library gives: the vocabulary's, or the next free one, whatever the file says. */
static int32_t added_id(struct reader *r, const char *s, size_t n)
{
    const int32_t known = id_of(r, s, n);
    if (known >= 0)
        return known;
    const int32_t size = (int32_t)json_object_size(r->vocab);
    return r->last_added >= size ? r->last_added + 1 : size;
}

static void note_end(struct reader *r, const char *s, size_t n, int32_t id)
{
    for (size_t i = 0; i < r->end; i++)
        if (n == strlen(ends_of_text[i]) && memcmp(s, ends_of_text[i], n) == 0) {
            r->t->eot = id;
            r->end = i;
        }
}

/* The same content twice: the first, as a special one before any other. */
static bool add_token(struct reader *r, struct added_token a, const char *s, size_t n,
                      bool normalized)
{
    struct tokenizer *t = r->t;
    a.id = added_id(r, s, n);
    if (a.id > TOKENIZER_MAX_ID)
        return error_set(r->e, ERROR_INPUT, "%s: more than %d tokens", r->name, TOKENIZER_MAX_ID);
    r->last_added = a.id > r->last_added ? a.id : r->last_added;
    struct token_bytes *slot = slot_of(r, a.id);
    slot->at = t->pool.len;
    if (t->steps.characters)
        add_characters(s, n, &t->pool);
    else
        strbuf_add(&t->pool, s, n);
    slot->n = t->pool.len - slot->at;
    note_end(r, s, n, a.id);
    struct normal text;
    normal_init(&text);
    normal_set(&text, s, n, normalized ? t->steps.normal : (struct normal_how){0}, t->bmp);
    a.s = xmemdup(text.s, text.n);
    a.n = text.n;
    normal_release(&text);
    added_add(normalized ? &t->normalized : &t->raw, a);
    return true;
}

static bool flag(const json_t *part, const char *name)
{
    return json_is_true(json_object_get(part, name));
}

/* Marks are no spaces to the library, which strips spaces of normalised text; here they are the
 * same. */
static bool check_strip(const struct reader *r, const struct added_token *a, const char *content)
{
    if (!r->t->steps.characters || !(a->lstrip || a->rstrip))
        return true;
    return error_set(r->e, ERROR_INPUT,
                     "%s: added token \"%.60s\" is normalized and strips spaces, which is not "
                     "supported beside Metaspace or Replace",
                     r->name, content);
}

static bool read_added_tokens(struct reader *r, const json_t *list)
{
    size_t i;
    const json_t *part;
    json_array_foreach(list, i, part)
    {
        const json_t *content = json_object_get(part, "content");
        const size_t n = json_string_length(content);
        if (!json_is_string(content) || n > ADDED_MAX_BYTES)
            return error_set(r->e, ERROR_INPUT,
                             "%s: added token %zu has no content or more than %d bytes of it",
                             r->name, i, ADDED_MAX_BYTES);
        if (n == 0)
            continue;
        const bool special = flag(part, "special");
        const struct added_token a = {
            .order = (uint32_t)i + (special ? 0 : UINT32_C(1) << 30),
            .special = special,
            .lstrip = flag(part, "lstrip"),
            .rstrip = flag(part, "rstrip"),
            .single_word = flag(part, "single_word"),
        };
        const bool normalized = flag(part, "normalized");
        if (normalized && !check_strip(r, &a, json_string_value(content)))
            return false;
        if (!add_token(r, a, json_string_value(content), n, normalized))
            return false;
    }
    return true;
}

static void begin(struct reader *r, const char *name, struct error *e)
{
    *r = (struct reader){
        .name = name, .last_added = -1, .end = N_ENDS, .e = e, .t = xcalloc(1, sizeof *r->t)};
    strbuf_init(&r->key);
    strbuf_init(&r->t->pool);
    r->t->eot = -1;
    fill_alphabet(r->byte_of);
    unicode_fill_bmp(r->t->bmp);
    added_init(&r->t->raw);
    added_init(&r->t->normalized);
}

static bool finish(struct reader *r, bool ok, struct tokenizer **out)
{
    strbuf_release(&r->key);
    if (!ok) {
        tokenizer_free(r->t);
        return false;
    }
    added_finish(&r->t->raw);
    added_finish(&r->t->normalized);
    if (r->t->eot < 0)
        r->t->eot = id_of(r, ends_of_text[0], strlen(ends_of_text[0]));
    *out = r->t;
    return true;
}

static json_t *parse(const char *name, const char *text, size_t n, struct error *e)
{
    json_error_t problem;
    json_t *root = json_loadb(text, n, 0, &problem);
    if (root == NULL)
        error_set(e, ERROR_INPUT, "%s is no JSON: line %d: %s", name, problem.line, problem.text);
    else if (!json_is_object(root))
        error_set(e, ERROR_INPUT, "%s is JSON, but no object", name);
    else
        return root;
    json_decref(root);
    return NULL;
}

bool tokenizer_from_json(const char *name, const char *json, size_t n, struct tokenizer **out,
                         struct error *e)
{
    json_t *root = parse(name, json, n, e);
    if (root == NULL)
        return false;
    struct reader r;
    begin(&r, name, e);
    const json_t *model = json_object_get(root, "model");
    bool ok = check_model(&r, model) && steps_read(name, root, &r.t->steps, e) &&
              read_model(&r, model) && read_added_tokens(&r, json_object_get(root, "added_tokens"));
    ok = finish(&r, ok, out);
    json_decref(root);
    return ok;
}

static bool read_merges_txt(struct reader *r, const char *text, size_t n)
{
    size_t rank = 0;
    for (const char *s = text, *end = text + n; s < end;) {
        const char *stop = memchr(s, '\n', (size_t)(end - s));
        size_t len = (size_t)((stop != NULL ? stop : end) - s);
        const char *line = s;
        s += len + (stop != NULL);
        if (len > 0 && line[len - 1] == '\r')
            len--;
        if (len == 0 || (len >= 8 && memcmp(line, "#version", 8) == 0))
            continue;
        if (!add_merge_line(r, rank++, line, len))
            return false;
    }
    return true;
}

static size_t count_lines(const char *s, size_t n)
{
    size_t lines = 1;
    for (size_t i = 0; i < n; i++)
        lines += s[i] == '\n';
    return lines;
}

bool tokenizer_from_gpt2(const char *vocab_name, const char *vocab, size_t n_vocab,
                         const char *merges_name, const char *merges, size_t n_merges,
                         struct tokenizer **out, struct error *e)
{
    json_t *root = parse(vocab_name, vocab, n_vocab, e);
    if (root == NULL)
        return false;
    struct reader r;
    begin(&r, vocab_name, e);
    r.vocab = root;
    r.t->steps.split = SPLIT_GPT2;
    bpe_init(&r.t->bpe, count_lines(merges, n_merges));
    bool ok = read_vocab(&r);
    const int missing = missing_byte(r.t);
    if (ok && missing >= 0)
        ok = error_set(e, ERROR_INPUT, "%s lacks byte 0x%02x: no byte-level vocabulary", vocab_name,
                       (unsigned)missing);
    r.name = merges_name;
    ok = ok && read_merges_txt(&r, merges, n_merges);
    const char *end = ends_of_text[0];
    if (ok && id_of(&r, end, strlen(end)) >= 0)
        ok = add_token(&r, (struct added_token){.special = true}, end, strlen(end), false);
    ok = finish(&r, ok, out);
    json_decref(root);
    return ok;
}

static bool read_file(const char *path, struct strbuf *out, struct error *e)
{
    FILE *f = fopen(path, "rbe");
    struct stat st;
    if (f == NULL)
        return file_fail(e, errno == ENOENT ? ERROR_INPUT : ERROR_SYSTEM, "opening", path);
    bool ok = true;
    if (fstat(fileno(f), &st) != 0 || !S_ISREG(st.st_mode))
        ok = error_set(e, ERROR_INPUT, "%s is no regular file", path);
    else if (st.st_size > TOKENIZER_MAX_FILE)
        ok = error_set(e, ERROR_INPUT, "%s has %lld bytes, at most %d are read", path,
                       (long long)st.st_size, TOKENIZER_MAX_FILE);
    char part[16384];
    for (size_t n = 0; ok && (n = fread(part, 1, sizeof part, f)) > 0;) {
        strbuf_add(out, part, n);
        if (out->len > TOKENIZER_MAX_FILE) /* it grew meanwhile */
            ok = error_set(e, ERROR_INPUT, "%s has more than %d bytes", path, TOKENIZER_MAX_FILE);
    }
    if (ok && ferror(f))
        ok = error_set(e, ERROR_SYSTEM, "reading %s: %s", path, strerror(errno));
    fclose(f);
    return ok;
}

bool tokenizer_open(const char *dir, struct tokenizer **out, struct error *e)
{
    struct stat st;
    *out = NULL;
    if (stat(dir, &st) != 0)
        return error_set(e, ERROR_INPUT, "opening the tokenizer %s: %s", dir, strerror(errno));
    const bool folder = S_ISDIR(st.st_mode);
    char *json = folder ? xasprintf("%s/tokenizer.json", dir) : xstrdup(dir);
    char *vocab = xasprintf("%s/vocab.json", dir), *merges = xasprintf("%s/merges.txt", dir);
    struct strbuf a, b;
    strbuf_init(&a);
    strbuf_init(&b);
    bool ok = false;
    if (!folder || file_is_named(json))
        ok = read_file(json, &a, e) && tokenizer_from_json(json, a.s, a.len, out, e);
    else if (file_is_named(vocab) && file_is_named(merges))
        ok = read_file(vocab, &a, e) && read_file(merges, &b, e) &&
             tokenizer_from_gpt2(vocab, a.s, a.len, merges, b.s, b.len, out, e);
    else
        error_set(e, ERROR_INPUT, "%s has neither tokenizer.json nor vocab.json with merges.txt",
                  dir);
    strbuf_release(&a);
    strbuf_release(&b);
    free(json);
    free(vocab);
    free(merges);
    return ok;
}
