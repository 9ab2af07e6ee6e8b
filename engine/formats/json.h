/* JSON of small files through jansson: read with every refusal in one line. */
#ifndef GLIMT_FORMATS_JSON_H
#define GLIMT_FORMATS_JSON_H
#include "engine/base/error.h"
#include <jansson.h>
#include <stddef.h>

/* A JSON object. NaN, Infinity and -Infinity, which Python writes, are null. Duplicate keys, text
 * after it and NULs are refused. `what` names the file in errors. The caller decrefs; NULL and *e.
 */
json_t *json_parse_object(const char *text, size_t n, const char *what, struct error *e);
json_t *json_read_object(const char *path, size_t limit, struct error *e);
/* "an object", "a string", … for messages; NULL: "nothing". */
const char *json_kind(const json_t *);
#endif
