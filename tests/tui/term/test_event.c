/* Bytes to events: every sequence, split anywhere, and nothing typed that nobody typed. */
#include "engine/base/strbuf.h"
#include "tui/term/event.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* One line a event, as a person would tell it. */
static void tell(const struct event *ev, struct strbuf *out)
{
    char name[40];
    event_name(ev, name, sizeof name);
    static const char *const mouse[] = {"press", "release", "move", "wheel up", "wheel down"};
    static const char *const reply[] = {"DA1",        "background", "sync",       "ok",
                                        "dark/light", "direct",     "mouse drag", "mouse sgr"};
    switch (ev->kind) {
    case EVENT_KEY: strbuf_addf(out, "<%s>", name); break;
    case EVENT_TEXT: strbuf_addf(out, "%s", name); break;
    case EVENT_PASTE:
        assert_int_equal(strlen(ev->paste), ev->n_paste);
        strbuf_addf(out, "[paste %s]", ev->paste);
        break;
    case EVENT_MOUSE:
        strbuf_addf(out, "[%s %d at %d,%d mods %u clicks %d]", mouse[ev->mouse], ev->button, ev->x,
                    ev->y, ev->mods, ev->clicks);
        break;
    case EVENT_FOCUS_IN: strbuf_adds(out, "[focus]"); break;
    case EVENT_FOCUS_OUT: strbuf_adds(out, "[blur]"); break;
    case EVENT_REPLY: strbuf_addf(out, "[reply %s %x]", reply[ev->reply], ev->value); break;
    default: strbuf_adds(out, "[?]");
    }
}

static void drain(struct decoder *d, struct strbuf *out)
{
    for (struct event ev; decoder_next(d, &ev);)
        tell(&ev, out);
}

static const struct {
    const char *in, *out;
} table[] = {
    {"abc", "abc"},
    {"å漢🙂", "å漢🙂"},
    {" ", "Space"},
    {"\r\n\t\177\b", "<Enter><Enter><Tab><Backspace><Backspace>"},
    {"\001\032\037\034", "<Ctrl-A><Ctrl-Z><Ctrl-_><Ctrl-\\>"},
    {"\033[A\033[B\033[C\033[D\033[H\033[F", "<Up><Down><Right><Left><Home><End>"},
    {"\033OA\033OH\033OP\033OS\033OM", "<Up><Home><F1><F4><Enter>"},
    {"\033[1~\033[2~\033[3~\033[4~\033[5~\033[6~\033[7~\033[8~",
     "<Home><Insert><Delete><End><PageUp><PageDown><Home><End>"},
    {"\033[11~\033[15~\033[17~\033[21~\033[23~\033[24~", "<F1><F5><F6><F10><F11><F12>"},
    {"\033[[A\033[[E", "<F1><F5>"},
    {"\033[1;5D\033[1;2A\033[1;3C\033[1;6H\033[3;5~\033[24;2~\033[1;5P",
     "<Ctrl-Left><Shift-Up><Alt-Right><Ctrl-Shift-Home><Ctrl-Delete><Shift-F12><Ctrl-F1>"},
    {"\033O5C\033Oa\033[a\033[7^\033[7$\033[3@",
     "<Ctrl-Right><Ctrl-Up><Shift-Up><Ctrl-Home><Shift-Home><Ctrl-Shift-Delete>"},
    {"\033[Z", "<Shift-Tab>"},
    {"\033b\033\177\033\r\033å\0331", "<Alt-b><Alt-Backspace><Alt-Enter><Alt-å><Alt-1>"},
    {"\033\033[A", "<Alt-Up>"},
    {"\033\033\033[A", "<Esc><Alt-Up>"},
    {"\033[27;5;9~\033[13;2u\033[97;5u\033[97;1u\033[27u\033[9;2u\033[57399u",
     "<Ctrl-Tab><Shift-Enter><Ctrl-A>a<Esc><Shift-Tab>"},
    {"\033\033[0nx", "<Esc>[reply ok 0]x"}, /* Esc as the terminal answers, or the mouse moves */
    {"\033\033[<0;1;1Mx", "<Esc>[press 1 at 0,0 mods 0 clicks 1]x"},
    {"\033\033[24;80Rx", "<Esc>x"},
    {"\033\033]11;rgb:f/0/8\007x", "<Esc>[reply background ff0088]x"},
    {"\033\033P1$r48:2:1:2:3m\033\\x", "<Esc>[reply direct 1]x"},
    {"\033[I\033[O", "[focus][blur]"},
    {"\033[<0;1;1M\033[<0;1;1m",
     "[press 1 at 0,0 mods 0 clicks 1][release 1 at 0,0 mods 0 clicks 0]"},
    {"\033[<2;300;200M\033[<34;301;200M\033[<35;1;2M",
     "[press 3 at 299,199 mods 0 clicks 1][move 3 at 300,199 mods 0 clicks 0][move 0 at 0,1 mods 0 "
     "clicks 0]"},
    {"\033[<64;3;4M\033[<65;3;4M\033[<81;3;4M\033[<66;3;4M",
     "[wheel up 0 at 2,3 mods 0 clicks 0][wheel down 0 at 2,3 mods 0 clicks 0][wheel down 0 at 2,3 "
     "mods 4 clicks 0]"},
    {"\033[<0;0;5M\033[<0;5M\033[<128;1;1M\033[<0;99999;1Mx", "x"},
    {"\033[M !!x", "x"}, /* the old report: never asked for, never typed */
    {"\033[200~a\tb\r\nc\rd\ne\033[201~f", "[paste a\tb\nc\nd\ne]f"},
    {"\033[200~\033[200~\033[31mx\007\302\233y\177\303\033[201~", "[paste [31mxy\357\277\275]"},
    {"\033[200~a\033[20\033[201~", "[paste a[20]"},
    {"\033[200~\033[0na\033[0nb\033[201~", "[paste ab]"},
    {"\033[200~a\033[?62;22cb\033]11;rgb:1/2/3\033\\c\033P1$r0m\033\\d\033[201~", "[paste abcd]"},
    {"\033[200~\033[201~", "[paste ]"},
    {"\033[?62;22c\033[?6c", "[reply DA1 3e][reply DA1 6]"},
    {"\033[?2026;2$y\033[?2026;0$y\033[?1;2$yx", "[reply sync 2][reply sync 0]x"},
    {"\033[?1002;2$y\033[?1006;0$yx", "[reply mouse drag 2][reply mouse sgr 0]x"},
    {"\033[0n\033[3nx", "[reply ok 0]x"},
    {"\033[?997;1n\033[?997;2n", "[reply dark/light 1][reply dark/light 2]"},
    {"\033[24;80Rx\033[1;80R\033[R", "x<F3>"}, /* cursor positions are swallowed */
    {"\033[1;2R", "<Shift-F3>"},
    {"\033[>0;276;0cx\033[=1cy", "xy"},
    {"\033]11;rgb:1e1e/2020/ffff\033\\x", "[reply background 1e20ff]x"},
    {"\033]11;rgb:f/0/8\007", "[reply background ff0088]"},
    {"\033]11;rgba:12/34/56/ff\007", "[reply background 123456]"},
    {"\033]11;red\007\033]10;rgb:1/2/3\033\\\033]52;c;Zm9v\007x", "x"},
    {"\033P1$r48:2:1:2:3m\033\\", "[reply direct 1]"},
    {"\033P1$r0;48;2;1;2;3m\033\\\033P1$r48:2::1:2:3m\033\\", "[reply direct 1][reply direct 1]"},
    {"\033P1$r48:5:16m\033\\\033P0$r\033\\\033P>|xterm(370)\033\\x", "x"},
    {"\033_Gi=1;OK\033\\\033^pm\033\\\033Xsos\033\\x", "x"},
    {"\033]0;title\033[Ax", "<Up>x"},       /* a string broken off by another sequence */
    {"\033]typed after Alt-]\rx", "x"},     /* Enter brings the user back */
    {"\033[12\030x\033[12\033[A", "x<Up>"}, /* CAN, and a sequence within one */
    {"\033[1;2;3;4;5;6;7;8;9;10;11;12Ax", "<Shift-Up>x"},
    {"\033[99999999999999999999~x", "x"},
    {"\377\376x\303x\342\202x\355\240\200y\360\237\231", "xxxy"},
    {"\302\205x", "x"}, /* a C1 control as UTF-8 */
    {"\033\302\205x", "x"},
};

static void test_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct decoder *d = decoder_new();
        struct strbuf out;
        strbuf_init(&out);
        decoder_feed(d, table[i].in, strlen(table[i].in), 0);
        drain(d, &out);
        if (strcmp(out.s, table[i].out))
            fail_msg("row %zu: found “%s”, expected “%s”", i, out.s, table[i].out);
        strbuf_release(&out);
        decoder_free(d);
    }
}

/* Split at every byte, into two and into single bytes: the same events. */
static void test_split(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        size_t n = strlen(table[i].in);
        for (size_t cut = 0; cut <= n; cut++) {
            struct decoder *d = decoder_new();
            struct strbuf out;
            strbuf_init(&out);
            for (size_t at = 0; at < n;) {
                size_t piece = cut == n ? 1 : at ? n - at : cut ? cut : n;
                decoder_feed(d, table[i].in + at, piece, 0);
                drain(d, &out);
                at += piece;
            }
            if (strcmp(out.s, table[i].out))
                fail_msg("row %zu cut at %zu: found “%s”, expected “%s”", i, cut, out.s,
                         table[i].out);
            strbuf_release(&out);
            decoder_free(d);
        }
    }
}

/* Any prefix of any sequence, then silence, then typing: what is typed then arrives. */
static void test_recovery(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        for (size_t cut = 0; cut <= strlen(table[i].in); cut++) {
            if (!strncmp(table[i].in, "\033[200~", 6) && cut >= 6)
                continue; /* a paste lasts until its end */
            struct decoder *d = decoder_new();
            struct strbuf out;
            strbuf_init(&out);
            decoder_feed(d, table[i].in, cut, 0);
            drain(d, &out);
            decoder_timeout(d);
            drain(d, &out);
            strbuf_clear(&out);
            static const char typed[] = "\r\033[A!!!Q\r\033[Bxyz";
            decoder_feed(d, typed, strlen(typed), 1);
            drain(d, &out);
            if (out.len < 3 || strcmp(out.s + out.len - 3, "xyz"))
                fail_msg("row %zu cut at %zu: found “%s”", i, cut, out.s);
            strbuf_release(&out);
            decoder_free(d);
        }
    }
}

static void assert_after_silence(const char *in, const char *before, int wait, const char *after)
{
    struct decoder *d = decoder_new();
    struct strbuf out;
    strbuf_init(&out);
    decoder_expect(d, false);
    decoder_feed(d, in, strlen(in), 0);
    drain(d, &out);
    assert_string_equal(out.s, before);
    assert_int_equal(decoder_wait_ms(d), wait);
    strbuf_clear(&out);
    decoder_timeout(d);
    drain(d, &out);
    assert_string_equal(out.s, after);
    assert_int_equal(decoder_wait_ms(d), wait == -1 ? -1 : decoder_wait_ms(d));
    decoder_timeout(d);
    drain(d, &out);
    assert_string_equal(out.s, after);
    strbuf_release(&out);
    decoder_free(d);
}

static void test_silence(void **state)
{
    (void)state;
    assert_after_silence("\033", "", 25, "<Esc>");
    assert_after_silence("x\033", "x", 25, "<Esc>");
    assert_after_silence("\033\033", "", 25, "<Esc><Esc>");
    assert_after_silence("\033[", "", 25, "<Alt-[>");
    assert_after_silence("\033O", "", 25, "<Alt-O>");
    assert_after_silence("\033]", "", 25, "<Alt-]>");
    assert_after_silence("\033P", "", 25, "<Alt-P>");
    assert_after_silence("x", "x", -1, "");
    /* the rest of an answer is underway: silence decides nothing */
    assert_after_silence("\033[?62", "", -1, "");
    assert_after_silence("\033]11;rgb:", "", -1, "");
    assert_after_silence("\033]11;rgb:1/2/3\033", "", -1, "");
    assert_after_silence("\303", "", -1, "");
    assert_after_silence("\033[200~abc", "", -1, "");
}

/* --- answers that come late, in pieces --- */

static const char *const answers[] = {"\033[?62;22c",
                                      "\033[?2026;2$y",
                                      "\033[?997;1n",
                                      "\033]11;rgb:1e1e/2020/ffff\033\\",
                                      "\033]11;rgb:f/0/8\007",
                                      "\033P1$r0;48;2;1;2;3m\033\\",
                                      "\033P0$r\033\\",
                                      "\033[24;80R",
                                      "\033[1;1R",
                                      "\033[0n",
                                      "\033[>0;276;0c",
                                      "\033[<0;12;5M",
                                      "\033[I"};
#define N_ANSWERS (sizeof answers / sizeof *answers)

static void piece(struct decoder *d, const char *bytes, size_t n, bool silence, int64_t *ms,
                  struct strbuf *out)
{
    decoder_feed(d, bytes, n, *ms += silence ? 500 : 1);
    drain(d, out);
    if (silence && decoder_wait_ms(d) >= 0)
        decoder_timeout(d);
    drain(d, out);
}

/* Nothing but Esc, and what the terminal said; what is then typed arrives. */
static void assert_only_esc(struct decoder *d, struct strbuf *out, const char *answer,
                            const char *how, size_t cut)
{
    static const char *const fine[] = {"<Esc>", "[reply ", "[press ", "[focus"};
    for (const char *at = out->s; *at;) {
        size_t i = 0;
        while (i < 4 && strncmp(at, fine[i], strlen(fine[i])) != 0)
            i++;
        if (i == 4)
            fail_msg("%s%s cut at %zu: found “%s”", how, answer + 1, cut, out->s);
        at = strchr(at, i == 0 ? '>' : ']') + 1;
    }
    strbuf_clear(out);
    decoder_feed(d, "xyz", 3, INT64_MAX);
    drain(d, out);
    assert_string_equal(out->s, "xyz");
}

/* Each answer cut in two at every byte, with and without silence around the cut and before it,
 * behind an Esc or not. */
static void test_split_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ANSWERS; i++)
        for (size_t cut = 1; cut < strlen(answers[i]); cut++)
            for (unsigned how = 0; how < 16; how++) {
                struct decoder *d = decoder_new();
                struct strbuf out;
                int64_t ms = 0;
                bool asked = how & 8, begins_alt = how & 1 && cut == 2;
                strbuf_init(&out);
                decoder_expect(d, asked);
                if (how & 4)
                    piece(d, "\033", 1, how & 2, &ms, &out);
                piece(d, answers[i], cut, how & 1, &ms, &out);
                if (!asked && begins_alt) { /* then Alt-[, which does nothing, is what it was */
                    char alt[16];
                    snprintf(alt, sizeof alt, "<Alt-%c>", answers[i][1]);
                    assert_string_equal(out.s + out.len - strlen(alt), alt);
                    strbuf_clear(&out);
                }
                piece(d, answers[i] + cut, strlen(answers[i]) - cut, how & 1, &ms, &out);
                assert_only_esc(d, &out, answers[i], asked ? "asked for, " : "", cut);
                strbuf_release(&out);
                decoder_free(d);
            }
}

/* A byte at a time with silence between: while an answer is expected even this is none of keys. */
static void test_crumbled_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < N_ANSWERS; i++)
        for (int before = 0; before < 2; before++) {
            struct decoder *d = decoder_new();
            struct strbuf out;
            int64_t ms = 0;
            strbuf_init(&out);
            if (before)
                piece(d, "\033", 1, true, &ms, &out);
            for (const char *at = answers[i]; *at; at++)
                piece(d, at, 1, true, &ms, &out);
            assert_only_esc(d, &out, answers[i], "in crumbs, ", 0);
            strbuf_release(&out);
            decoder_free(d);
        }
}

/* Keys behind an Esc that look like an answer stay keys: each acts before the next is pressed. */
static void test_keys_like_answers(void **state)
{
    (void)state;
    static const char *const keys[] = {"[0n", "[?6c",   "]11;q", "P1$r",
                                       "[[[", "[24;1R", "[I",    "PPx"};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        struct decoder *d = decoder_new();
        struct strbuf out;
        int64_t ms = 0;
        strbuf_init(&out);
        decoder_expect(d, false);
        piece(d, "\033", 1, true, &ms, &out);
        for (const char *key = keys[i]; *key; key++) {
            strbuf_clear(&out);
            piece(d, key, 1, true, &ms, &out);
            char expected[2] = {*key, 0};
            if (strcmp(out.s, expected) != 0)
                fail_msg("%s: found “%s”, expected “%s”", keys[i], out.s, expected);
        }
        strbuf_release(&out);
        decoder_free(d);
    }
    struct decoder *d = decoder_new(); /* held while an answer may come, but not for ever */
    struct strbuf out;
    strbuf_init(&out);
    int64_t ms = 0;
    piece(d, "\033", 1, true, &ms, &out);
    piece(d, "[", 1, true, &ms, &out);
    assert_string_equal(out.s, "<Esc>");
    decoder_expect(d, false);
    assert_in_range(decoder_wait_ms(d), 0, 25);
    decoder_timeout(d);
    drain(d, &out);
    assert_string_equal(out.s, "<Esc>[");
    piece(d, "[", 1, false, &ms, &out);
    assert_string_equal(out.s, "<Esc>[[");
    strbuf_release(&out);
    decoder_free(d);
}

static int clicks_at(struct decoder *d, const char *report, int64_t ms)
{
    struct event ev;
    decoder_feed(d, report, strlen(report), ms);
    assert_true(decoder_next(d, &ev));
    return ev.clicks;
}

static void test_clicks(void **state)
{
    (void)state;
    struct decoder *d = decoder_new();
    assert_int_equal(clicks_at(d, "\033[<0;5;5M", 1000), 1);
    assert_int_equal(clicks_at(d, "\033[<0;5;5m", 1050), 0);
    assert_int_equal(clicks_at(d, "\033[<0;5;5M", 1300), 2);
    assert_int_equal(clicks_at(d, "\033[<0;5;5M", 1600), 3);
    assert_int_equal(clicks_at(d, "\033[<0;5;5M", 1900), 1);
    assert_int_equal(clicks_at(d, "\033[<0;5;5M", 2500), 1); /* too late */
    assert_int_equal(clicks_at(d, "\033[<2;5;5M", 2600), 1); /* another button */
    assert_int_equal(clicks_at(d, "\033[<2;6;5M", 2700), 1); /* elsewhere */
    decoder_free(d);
}

static void test_long_paste(void **state)
{
    (void)state;
    struct decoder *d = decoder_new();
    struct event ev;
    size_t n = 100000;
    char *line = malloc(n);
    memset(line, 'a', n);
    decoder_feed(d, "\033[200~", 6, 0);
    for (int i = 0; i < 3; i++) {
        decoder_feed(d, line, n, 0);
        assert_false(decoder_next(d, &ev));
    }
    decoder_feed(d, "\033[201~z", 7, 0);
    assert_true(decoder_next(d, &ev));
    assert_int_equal(ev.kind, EVENT_PASTE);
    assert_int_equal(ev.n_paste, 3 * n);
    assert_true(decoder_next(d, &ev));
    assert_int_equal(ev.code, 'z');
    free(line);
    decoder_free(d);
}

static void test_names(void **state)
{
    (void)state;
    static const char *const same[] = {"a",          "Å",
                                       "Space",      "Up",
                                       "Ctrl-Left",  "Ctrl-Alt-Shift-End",
                                       "F1",         "F12",
                                       "Shift-F5",   "Shift-Tab",
                                       "Tab",        "Enter",
                                       "Esc",        "Ctrl-C",
                                       "Alt-b",      "Alt-B",
                                       "Ctrl-_",     "PageDown",
                                       "Backspace",  "Alt-Backspace",
                                       "Insert",     "Delete",
                                       "[",          "-",
                                       "Ctrl-Space", "?",
                                       "Ctrl-Alt-X"};
    for (size_t i = 0; i < sizeof same / sizeof *same; i++) {
        struct event ev;
        char name[40];
        if (!event_parse(same[i], &ev))
            fail_msg("“%s” is not read", same[i]);
        event_name(&ev, name, sizeof name);
        assert_string_equal(name, same[i]);
    }
    struct event ev;
    assert_true(event_parse("ctrl-z", &ev));
    assert_int_equal(ev.kind, EVENT_KEY);
    assert_int_equal(ev.key, KEYS_CHAR);
    assert_int_equal(ev.code, 'z');
    assert_int_equal(ev.mods, MOD_CTRL);
    assert_true(event_parse("Shift-Ctrl-left", &ev));
    assert_int_equal(ev.mods, MOD_CTRL | MOD_SHIFT);
    assert_true(event_parse("a", &ev));
    assert_int_equal(ev.kind, EVENT_TEXT);
    static const char *const bad[] = {"",   "Ctrl-", "Nowhere", "F0",  "F13",
                                      "ab", "\033",  "\303",    "F1x", "Ctrl-ab"};
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_false(event_parse(bad[i], &ev));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_split_answers),
        cmocka_unit_test(test_crumbled_answers),
        cmocka_unit_test(test_keys_like_answers),
        cmocka_unit_test(test_recovery),
        cmocka_unit_test(test_silence),
        cmocka_unit_test(test_clicks),
        cmocka_unit_test(test_long_paste),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
