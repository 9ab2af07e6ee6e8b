#include "tests/support/journey.h"
#include "tests/support/testdata.h"
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

static char scratch[64];

const char *scratch_path(const char *name)
{
    static char path[4][128];
    static int turn;
    turn = (turn + 1) % 4;
    snprintf(path[turn], sizeof path[turn], "%s/%s", scratch, name);
    return path[turn];
}

void need_demo(void)
{
    if (access("store/demo/demo.glimt", R_OK) == 0)
        return;
    print_message("store/demo/demo.glimt is not there\n");
    skip();
}

void expect_done(const struct run_result *r)
{
    if (r->status != 0)
        fail_msg("status %d: %s", r->status, r->err);
    assert_string_equal(r->err, "");
}

void expect_error(const struct run_result *r, int status, const char *says)
{
    if (r->status != status || !strstr(r->err, says))
        fail_msg("status %d, expected %d with '%s': %s", r->status, status, says, r->err);
    assert_int_equal(strncmp(r->err, "glimt: ", 7), 0);
    assert_ptr_equal(strchr(r->err, '\n'), r->err + r->n_err - 1); /* one line */
    assert_string_equal(r->out, "");
}

json_t *json_result(const struct run_result *r)
{
    json_error_t e;
    expect_done(r);
    json_t *root = json_loadb(r->out, r->n_out, 0, &e);
    if (!root)
        fail_msg("no JSON: %s in %.200s", e.text, r->out);
    return root;
}

json_t *json_of(const struct run_how *how, const char *a, ...)
{
    enum { MOST = 30 };
    const char *arg[MOST + 1] = {a};
    size_t n = 1;
    va_list ap;
    va_start(ap, a);
    while (n < MOST && (arg[n] = va_arg(ap, const char *)) != NULL)
        n++;
    va_end(ap);
    assert_null(arg[n]); /* else there are more */
    struct run_result r;
    run_glimt(&r, how, arg[0], arg[1], arg[2], arg[3], arg[4], arg[5], arg[6], arg[7], arg[8],
              arg[9], arg[10], arg[11], arg[12], arg[13], arg[14], arg[15], arg[16], arg[17],
              arg[18], arg[19], arg[20], arg[21], arg[22], arg[23], arg[24], arg[25], arg[26],
              arg[27], arg[28], arg[29], NULL);
    json_t *root = json_result(&r);
    run_release(&r);
    return root;
}

json_t *golden_json(const char *name)
{
    size_t n;
    char *text = golden_read(name, &n);
    json_t *root = json_loadb(text, n, 0, NULL);
    free(text);
    assert_non_null(root);
    return root;
}

double get_number(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!v)
        fail_msg("no %s", key);
    return json_is_number(v) ? json_number_value(v) : NAN;
}

int get_whole(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_integer(v))
        fail_msg("%s is no integer", key);
    return (int)json_integer_value(v);
}

const char *get_string(const json_t *object, const char *key)
{
    const json_t *v = json_object_get(object, key);
    if (!json_is_string(v))
        fail_msg("%s is no string", key);
    return json_string_value(v);
}

json_t *get_list(const json_t *object, const char *key)
{
    json_t *v = json_object_get(object, key);
    if (!json_is_array(v))
        fail_msg("%s is no array", key);
    return v;
}

void expect_close(double a, double b, double within)
{
    if (!(fabs(a - b) <= within))
        fail_msg("%.9g, expected %.9g within %g", a, b, within);
}

int journey_begin(void **state)
{
    (void)state;
    const char *base = getenv("TMPDIR");
    const bool fits = base && base[0] == '/' && strlen(base) < 40;
    snprintf(scratch, sizeof scratch, "%s/glimt-cli-XXXXXX", fits ? base : "/tmp");
    return mkdtemp(scratch) ? 0 : -1;
}

static char cache[160];
static const char *const cache_env[] = {cache, NULL};
const struct run_how with_cache = {.env = cache_env};

int journey_begin_with_cache(void **state)
{
    if (journey_begin(state) != 0)
        return -1;
    snprintf(cache, sizeof cache, "GLIMT_CACHE=%s", scratch_path("cache"));
    return 0;
}

int journey_end(void **state)
{
    (void)state;
    struct run_result r;
    const char *const argv[] = {"rm", "-rf", scratch, NULL};
    run_program(&r, NULL, argv);
    run_release(&r);
    return 0;
}
