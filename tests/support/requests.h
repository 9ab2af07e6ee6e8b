/* Requests as tests make them and look at them. */
#ifndef GLIMT_TEST_REQUESTS_H
#define GLIMT_TEST_REQUESTS_H
#include "engine/base/memory.h"
#include "tui/lab/request.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static inline int32_t n_units_asked(const struct request *r)
{
    const struct unit_id *unit;
    return request_units(r, &unit);
}

static inline const struct unit_id *units_asked(const struct request *r)
{
    const struct unit_id *unit;
    request_units(r, &unit);
    return unit;
}

static inline const char *target_asked(const struct request *r)
{
    return params_text(&r->params, "target");
}

/* "units=3,17 rows=2": those that the query has. */
static inline void request_say(struct request *r, const char *text)
{
    char *words = xstrdup(text), *rest = words;
    for (char *word; (word = strsep(&rest, " ")) != NULL;) {
        char *value = strchr(word, '=');
        struct error e = {0};
        assert_non_null(value);
        *value++ = '\0';
        if (params_know(&r->params, word) && !params_parse(&r->params, word, value, &e))
            fail_msg("%s: %s", word, e.text);
    }
    free(words);
}
#endif
