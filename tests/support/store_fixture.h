/* What the tests of the store share. All of it fails the cmocka test when it can't be done. */
#ifndef GLIMT_TESTS_STORE_FIXTURE_H
#define GLIMT_TESTS_STORE_FIXTURE_H
#include "store/store_private.h"
#include <setjmp.h>
#include <stdarg.h>
#include <string.h>

#include <cmocka.h>

struct store *store_open_or_fail(const char *dir, char *said, size_t n);
struct store *store_reopen(struct store *, const char *dir); /* closes it first */
void assert_ok(bool done, const struct error *);
void assert_sound(struct store *); /* store_check */
/* A second connection plays the tamperer and the clock. */
void store_sql(const char *dir, const char *text);
int64_t store_sql_integer(const char *dir, const char *text);
struct sha256 store_hash_of(const char *name);
/* A run `name` of a model, a dict and a corpus of its own name. */
struct store_run_key store_key_of(struct store *, const char *name, int64_t n_chunks);
/* Claims it and compares; its id. */
int64_t assert_claim(struct store *, const char *name, int64_t n_chunks, enum store_claim expected,
                     int64_t next_chunk);
/* A checkpoint as bytes, in pieces of at most `piece`; and what was saved, appended. */
bool save_state(struct store *, int64_t run, int64_t next, const struct strbuf *, size_t piece,
                struct error *);
bool read_state(struct store *, int64_t run, struct strbuf *out, struct error *);
void save_checkpoint(struct store *, int64_t run, int64_t next, const char *state);
void finish_run(struct store *, int64_t run, size_t bytes);            /* with one result */
void finished_run(struct store *, const char *name, size_t bytes);     /* claim and finish */
void assert_strbuf(int got, struct strbuf *, const void *p, size_t n); /* got is 1; clears it */

#define EXPECT_ERROR(call, part)                                                                   \
    do {                                                                                           \
        struct error why = {0};                                                                    \
        assert_false(call);                                                                        \
        if (strstr(why.text, part) == NULL)                                                        \
            fail_msg("expected \"%s\" in: %s", part, why.text);                                    \
    } while (0)

/* The state is a folder. */
int store_set_up(void **state);
int store_tear_down(void **state);
#define TEST(f) cmocka_unit_test_setup_teardown(f, store_set_up, store_tear_down)
#endif
