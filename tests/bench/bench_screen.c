/* What a person at the terminal waits for, and what goes over the wire: the real binary on a
 * pseudo-terminal, the demo bundle. Prints medians; asserts no time. */
#include "tests/support/run.h"
#include "tests/support/terminal.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define WAIT 30000
#define STARTS 9
#define FRAMES 40

static const char text[] =
    "Rådet skal nu formelt godkende Parlamentets holdning, og Kommissionen har lovet at svare. "
    "Mange unge mennesker flytter til de store byer, fordi der er arbejde.";

static double now_ms(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e3 + (double)t.tv_nsec * 1e-6;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void report(const char *what, const char *unit, double *v, size_t n)
{
    qsort(v, n, sizeof *v, by_value);
    printf("%-48s %9.1f %-3s p95 %9.1f\n", what, v[n / 2], unit, v[n * 95 / 100]);
}

static bool coloured(struct term *t, void *arg)
{
    (void)arg;
    int x, y;
    return term_find(t, "Council", &x, &y) && term_cell(t, x, y).style.bg != COLOR_DEFAULT;
}

static struct term *start(const char *color)
{
    const char *argv[] = {glimt_binary(), "--theme", "dark", "--color", color, NULL};
    return term_start(&(struct term_options){.argv = argv});
}

static void cold_starts(void)
{
    double ms[STARTS];
    for (int i = 0; i < STARTS; i++) {
        double begin = now_ms();
        struct term *t = start("256");
        if (!term_wait(t, coloured, NULL, WAIT))
            exit(1);
        ms[i] = now_ms() - begin;
        term_free(t);
    }
    report("cold start to the first coloured screen", "ms", ms, STARTS);
}

static double frame_bytes(struct term *t)
{
    size_t n;
    if (!term_wait_idle(t, WAIT))
        exit(1);
    const char *output = term_output(t, &n);
    size_t frames = 0;
    for (size_t i = 0; i + 4 <= n; i++)
        frames += memcmp(output + i, "\033[5n", 4) == 0; /* each ends by asking for an answer */
    return (double)n / (double)(frames ? frames : 1);
}

static void clear_and_type(struct term *t)
{
    term_wait_idle(t, WAIT);
    term_key(t, "Ctrl-Home");
    for (int i = 0; i < 8; i++)
        term_key(t, "Ctrl-K");
    term_paste(t, text);
    term_wait_idle(t, WAIT);
}

static void bytes_of(const char *color, const char *typed, const char *dragged)
{
    double key[FRAMES], drag[FRAMES];
    struct term *t = start(color);
    clear_and_type(t);
    for (int i = 0; i < FRAMES; i++) {
        term_forget(t);
        term_type(t, i % 6 == 5 ? " " : "e");
        key[i] = frame_bytes(t);
    }
    report(typed, "B", key, FRAMES);
    int x, y;
    if (!term_find(t, "▸all", &x, &y))
        exit(1);
    while (strcmp(term_cell(t, x, y).glyph, "─") != 0 && x < 79)
        x++;
    term_mouse(t, MOUSE_PRESS, 1, x + 1, y, 0);
    term_wait_idle(t, WAIT);
    for (int i = 0; i < FRAMES; i++) {
        term_forget(t);
        term_mouse(t, MOUSE_MOVE, 1, x + 1 + i % 12, y, 0);
        drag[i] = frame_bytes(t);
    }
    report(dragged, "B", drag, FRAMES);
    term_free(t);
}

int main(void)
{
    cold_starts();
    bytes_of("256", "a frame after a keypress, 256 colours", "a frame of a drag, 256 colours");
    bytes_of("direct", "a frame after a keypress, direct colour",
             "a frame of a drag, direct colour");
    return 0;
}
