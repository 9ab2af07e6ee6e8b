/* Single values of a config.json. */
#include "engine/formats/hf_private.h"

bool hf_count(const struct hf_source *s, const char *key, int32_t most, int32_t *out)
{
    const json_t *v = json_object_get(s->j, key);
    const json_int_t n = json_integer_value(v);
    if (json_is_integer(v) && n >= 1 && n <= most) {
        *out = (int32_t)n;
        return true;
    }
    if (json_is_integer(v))
        error_set(s->e, ERROR_INPUT, "%s: %s is %" JSON_INTEGER_FORMAT ", expected 1 to %d",
                  s->path, key, n, most);
    else
        error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected a count", s->path, key, json_kind(v));
    return false;
}

bool hf_count_or(const struct hf_source *s, const char *key, int32_t most, int32_t otherwise,
                 int32_t *out)
{
    const json_t *v = json_object_get(s->j, key);
    *out = otherwise;
    return v == NULL || json_is_null(v) || hf_count(s, key, most, out);
}

bool hf_number(const struct hf_source *s, const json_t *v, const char *key, double low, double high,
               double *out)
{
    if (!json_is_number(v))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected a number", s->path, key,
                         json_kind(v));
    const double x = json_number_value(v);
    if (!(x > low && x <= high))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %g, expected more than %g and at most %g",
                         s->path, key, x, low, high);
    *out = x;
    return true;
}

bool hf_flag(const struct hf_source *s, const char *key, bool otherwise, bool *out)
{
    const json_t *v = json_object_get(s->j, key);
    if (v != NULL && !json_is_null(v) && !json_is_boolean(v))
        return error_set(s->e, ERROR_INPUT, "%s: %s is %s, expected true or false", s->path, key,
                         json_kind(v));
    *out = json_is_boolean(v) ? json_is_true(v) : otherwise;
    return true;
}
