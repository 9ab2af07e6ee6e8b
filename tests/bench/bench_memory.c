/* What an open text costs in memory: 10,000 lines with colours and the losses of three lanes.
 *
 * bench_memory [BUNDLE] [LINES] (default store/demo/demo.glimt, 10,000). By part: what every line
 * keeps on the host, and the rows of activations and keys and values on the device, which a budget
 * bounds; the sums are those of what was allocated (malloc_usable_size). */
#include "engine/base/memory.h"
#include "engine/base/strbuf.h"
#include "engine/session/session_private.h"
#include "tui/workbench.h"
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MB (1024.0 * 1024.0)

static double resident(void)
{
    long pages = 0;
    FILE *f = fopen("/proc/self/statm", "r");
    if (!f || fscanf(f, "%*d %ld", &pages) != 1)
        pages = 0;
    if (f)
        fclose(f);
    return (double)pages * (double)sysconf(_SC_PAGESIZE);
}

/* The reference sentences one after the other, each numbered: no two lines are alike. */
static void many_lines(const struct workbench *wb, int n, struct strbuf *out)
{
    for (int i = 0; i < n; i++) {
        const struct reference_set *s = &wb->set[i % wb->n_sets];
        strbuf_addf(out, "%s%s %d.", i ? "\n" : "", s->sentence[i / wb->n_sets % s->n], i);
    }
}

struct bytes {
    double text, tokens, latents, losses, windows, rows, kv;
    long n_tokens;
};

static void add_line(struct bytes *b, const struct line *l, const struct slab *sums)
{
    b->text += (double)(malloc_usable_size((void *)(uintptr_t)l) + malloc_usable_size(l->text) +
                        malloc_usable_size(l->coded));
    b->tokens += (double)(malloc_usable_size(l->raw) + malloc_usable_size(l->seq.ids) +
                          malloc_usable_size(l->seq.target) + malloc_usable_size(l->seq.pos) +
                          malloc_usable_size(l->seq.start) + malloc_usable_size(l->sq) +
                          malloc_usable_size(l->sse) + malloc_usable_size(l->tokens));
    b->latents += (double)(malloc_usable_size(l->latents) +
                           (l->latents ? malloc_usable_size(l->latents->active) : 0));
    for (int t = 0; t < N_TRACKS; t++)
        b->losses += (double)malloc_usable_size(l->loss[t]);
    b->windows += (double)malloc_usable_size(l->window);
    for (int32_t i = 0; i < l->n_windows; i++) {
        b->windows += (double)malloc_usable_size(l->window[i].rows) +
                      (l->window[i].summed ? (double)sums->part[0].cols * sizeof(double)
                                           : 0); /* on the device */
    }
    b->n_tokens += l->tokens ? l->tokens->n : 0;
}

static struct bytes count(const struct session *s)
{
    struct bytes b = {.rows = (double)s->row_bytes, .kv = (double)s->kv_bytes};
    for (int32_t i = 0; i < s->n_lines; i++)
        add_line(&b, s->line[i], &s->sums);
    return b;
}

static void row(const char *name, double bytes, int lines)
{
    printf("%-44s %8.1f %12.1f\n", name, bytes / MB, bytes / 1024 / lines);
}

static void print(const struct bytes *b, double before, double after, int lines)
{
    printf("%d lines, %ld tokens %*s MB   KB a line\n", lines, b->n_tokens, 18, "");
    row("text", b->text, lines);
    row("tokens", b->tokens, lines);
    row("latents", b->latents, lines);
    row("losses", b->losses, lines);
    row("windows", b->windows, lines);
    row("rows of activations (within a budget)", b->rows, lines);
    row("keys and values (within a budget)", b->kv, lines);
    row("the process, more than before", after - before, lines);
}

int main(int argc, char **argv)
{
    struct options o;
    struct error e = {0};
    struct workbench *wb;
    options_init(&o);
    o.bundle = argc > 1 ? argv[1] : "store/demo/demo.glimt";
    int lines = argc > 2 ? atoi(argv[2]) : 10000;
    if (!workbench_open(&o, NULL, NULL, &wb, &e)) {
        fprintf(stderr, "bench_memory: %s\n", e.text);
        return 1;
    }
    struct strbuf text;
    strbuf_init(&text);
    many_lines(wb, lines, &text);
    struct session *s = session_new(wb->backend, wb->model, wb->tokenizer, &wb->dicts, wb->at,
                                    wb->set, wb->n_sets, &e);
    struct wish w = {.text = text.s,
                     .n_text = text.len,
                     .insert = insertion_of(INSERT_SAE),
                     .n_units = wb->n_chosen,
                     .watch = UNIT_NONE,
                     .n_next = SESSION_MAX_NEXT,
                     .losses = true};
    for (int32_t i = 0; i < wb->n_chosen; i++)
        w.unit[i] = (struct chosen_unit){.id = wb->chosen[i], .fixed = true, .value = 2};
    double before = resident();
    session_set(s, &w);
    while (session_step(s, NULL) != STAGE_IDLE)
        if (session_should_publish(s))
            snapshot_unref(session_snapshot(s));
    struct snapshot *p = session_snapshot(s);
    malloc_trim(0);
    struct bytes b = count(s);
    print(&b, before, resident(), lines);
    snapshot_unref(p);
    session_free(s);
    workbench_free(wb);
    strbuf_release(&text);
    return 0;
}
