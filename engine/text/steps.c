/* Reader of a tokenizer.json's normalizer and pre-tokenizer: the few combinations that are known,
 * every other one refused by its name. */
#include "engine/text/tokenizer_private.h"
#include <string.h>

static const char mark[] = "\xE2\x96\x81"; /* NORMAL_MARK */

/* Expressions are told by their very text: they are matched by hand (split.h). */
static const struct {
    const char *expression;
    enum split split;
} splits[] = {
    {"'s|'t|'re|'ve|'m|'ll|'d| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+",
     SPLIT_GPT2},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     SPLIT_LLAMA3},
    {"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}| "
     "?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+",
     SPLIT_QWEN2},
};

struct reader {
    const char *name;
    struct steps *s;
    bool prepend, replace;             /* normalizers that were met */
    bool split, byte_level, metaspace; /* pre-tokenizers */
    struct error *e;
};

const char *tokenizer_part(const json_t *part)
{
    const char *type = json_string_value(json_object_get(part, "type"));
    return type != NULL ? type : json_is_null(part) || part == NULL ? "null" : "unnamed";
}

static bool is_text(const json_t *part, const char *key, const char *want)
{
    const char *s = json_string_value(json_object_get(part, key));
    return s != NULL && strcmp(s, want) == 0;
}

/* ---- normalizer */
static bool is_replace(const json_t *part)
{
    return is_text(json_object_get(part, "pattern"), "String", " ") &&
           is_text(part, "content", mark);
}

static bool read_normalizer(struct reader *r, const json_t *part)
{
    const char *type = tokenizer_part(part);
    if (part == NULL || json_is_null(part))
        return true;
    if (strcmp(type, "NFC") == 0)
        return r->s->normal.nfc = true;
    if (strcmp(type, "Prepend") == 0 && is_text(part, "prepend", mark) && !r->prepend)
        return r->prepend = true;
    if (strcmp(type, "Replace") == 0 && is_replace(part))
        return r->replace = true;
    const json_t *parts = json_object_get(part, "normalizers");
    if (strcmp(type, "Sequence") != 0 || !json_is_array(parts))
        return error_set(r->e, ERROR_INPUT,
                         "%s: the normalizer is %.60s, supported: none, NFC, Prepend of \"%s\", "
                         "Replace of \" \" by \"%s\"",
                         r->name, type, mark, mark);
    for (size_t i = 0; i < json_array_size(parts); i++)
        if (!read_normalizer(r, json_array_get(parts, i)))
            return false;
    return true;
}

/* ---- pre-tokenizer */
static bool unsupported(const struct reader *r, const json_t *part)
{
    return error_set(r->e, ERROR_INPUT,
                     "%s: the pre-tokenizer %s%.60s is not supported; supported: one ByteLevel, "
                     "also after a Split by the expression of GPT-2, Llama 3 or Qwen 2, and "
                     "Metaspace",
                     r->name,
                     r->byte_level  ? "behind ByteLevel, "
                     : r->metaspace ? "behind Metaspace, "
                                    : "",
                     tokenizer_part(part));
}

/* What a Split cuts off: all that its expression matches, which is everything. Gemma's Split at
 * spaces, of which its normalizer leaves none, cuts nothing. */
static bool read_split(struct reader *r, const json_t *part)
{
    const json_t *pattern = json_object_get(part, "pattern");
    const char *expression = json_string_value(json_object_get(pattern, "Regex"));
    const bool isolated =
        is_text(part, "behavior", "Isolated") && !json_is_true(json_object_get(part, "invert"));
    if (r->replace && is_text(pattern, "String", " "))
        return true;
    for (size_t i = 0; i < sizeof splits / sizeof *splits; i++)
        if (isolated && expression != NULL && strcmp(expression, splits[i].expression) == 0 &&
            !r->split) {
            r->s->split = splits[i].split;
            return r->split = true;
        }
    return unsupported(r, part);
}

static bool read_byte_level(struct reader *r, const json_t *part)
{
    r->byte_level = true;
    if (json_is_true(json_object_get(part, "add_prefix_space"))) {
        r->s->prefix = PREFIX_EVERY;
        if (r->split)
            return error_set(r->e, ERROR_INPUT,
                             "%s: ByteLevel with add_prefix_space behind a Split is not supported",
                             r->name);
    }
    const bool cuts = !json_is_false(json_object_get(part, "use_regex"));
    if (cuts && r->split && r->s->split != SPLIT_GPT2)
        return error_set(r->e, ERROR_INPUT,
                         "%s: ByteLevel with use_regex behind another Split is not supported",
                         r->name);
    if (cuts)
        r->s->split = SPLIT_GPT2;
    return true;
}

static bool read_metaspace(struct reader *r, const json_t *part)
{
    const json_t *scheme = json_object_get(part, "prepend_scheme");
    r->metaspace = true;
    if (!is_text(part, "replacement", mark))
        return error_set(r->e, ERROR_INPUT,
                         "%s: Metaspace with another replacement than \"%s\" is not supported",
                         r->name, mark);
    if (scheme == NULL) /* as files of before spell it */
        r->s->prefix =
            json_is_false(json_object_get(part, "add_prefix_space")) ? PREFIX_NONE : PREFIX_EVERY;
    else if (is_text(part, "prepend_scheme", "always"))
        r->s->prefix = PREFIX_EVERY;
    else if (is_text(part, "prepend_scheme", "first"))
        r->s->prefix = PREFIX_FIRST;
    else if (!is_text(part, "prepend_scheme", "never"))
        return error_set(r->e, ERROR_INPUT,
                         "%s: Metaspace's prepend_scheme is %.60s, supported: "
                         "always, first, never",
                         r->name, json_is_string(scheme) ? json_string_value(scheme) : "no text");
    r->s->split = json_is_false(json_object_get(part, "split")) ? SPLIT_NONE : SPLIT_SPACES;
    return true;
}

static bool read_pre_tokenizer(struct reader *r, const json_t *part)
{
    const char *type = tokenizer_part(part);
    if (strcmp(type, "Sequence") == 0) {
        const json_t *parts = json_object_get(part, "pretokenizers");
        for (size_t i = 0; i < json_array_size(parts); i++)
            if (!read_pre_tokenizer(r, json_array_get(parts, i)))
                return false;
        return true;
    }
    if (r->byte_level || r->metaspace)
        return unsupported(r, part);
    if (strcmp(type, "Split") == 0)
        return read_split(r, part);
    if (strcmp(type, "ByteLevel") == 0 && !r->replace && !r->prepend)
        return read_byte_level(r, part);
    if (strcmp(type, "Metaspace") == 0 && !r->split && !r->prepend)
        return read_metaspace(r, part);
    /* none: of a file that has told of spaces in the normalizer */
    return (r->replace && (part == NULL || json_is_null(part))) || unsupported(r, part);
}

bool steps_read(const char *name, const json_t *root, struct steps *out, struct error *e)
{
    *out = (struct steps){0};
    struct reader r = {.name = name, .s = out, .e = e};
    if (!read_normalizer(&r, json_object_get(root, "normalizer")) ||
        !read_pre_tokenizer(&r, json_object_get(root, "pre_tokenizer")))
        return false;
    if (!r.byte_level && !r.metaspace && !r.replace)
        return error_set(e, ERROR_INPUT,
                         "%s: no ByteLevel or Metaspace pre-tokenizer, without which none is "
                         "supported",
                         name);
    if (r.prepend && !r.replace)
        return error_set(e, ERROR_INPUT,
                         "%s: the normalizer prepends \"%s\" and leaves spaces, which is not "
                         "supported",
                         name, mark);
    out->characters = !r.byte_level;
    out->normal.marks = out->characters;
    out->normal.prepend = r.prepend;
    return true;
}
