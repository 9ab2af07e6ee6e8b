/* What a harvest costs the cache at m = 65,536: size of the file, time to write all details of
 * latents (about 1.1 kB each) and a result of 5 MB in one finish, to read the result, and to read
 * the detail of a random latent (p50, p95; the file is in the page cache). Beside it what writing
 * and syncing as many bytes to a plain file takes. Usage: bench_store [folder] */
#include "engine/base/memory.h"
#include "engine/base/rng.h"
#include "store/store.h"
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define N_LATENTS 65536
#define DETAIL_BYTES 1024 /* and up to 160 more */
#define RESULT_BYTES ((size_t)5 << 20)
#define N_READS 20000

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    const double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static size_t detail_bytes(int32_t latent)
{
    return DETAIL_BYTES + (size_t)(rng_at(1, (uint64_t)latent) % 160);
}

static bool write_all(struct store *s, int64_t run, const char *bytes, struct error *e)
{
    if (!store_finish_begin(s, run, e) || !store_put_result(s, run, 0, bytes, RESULT_BYTES, e))
        return false;
    for (int32_t i = 0; i < N_LATENTS; i++)
        if (!store_put_latent(s, run, i, bytes + i, detail_bytes(i), e))
            return false;
    return store_finish(s, run, NULL, e);
}

static bool read_details(struct store *s, int64_t run, struct error *e)
{
    struct strbuf b;
    struct rng r;
    double *t = xcalloc(N_READS, sizeof *t);
    bool ok = true;
    strbuf_init(&b);
    rng_seed(&r, 1);
    for (int i = 0; i < N_READS && ok; i++) {
        const int32_t latent = (int32_t)rng_below(&r, N_LATENTS);
        const double start = now();
        strbuf_clear(&b);
        ok = store_get_latent(s, run, latent, &b, e) == 1 && b.len == detail_bytes(latent);
        t[i] = now() - start;
    }
    qsort(t, N_READS, sizeof *t, by_size);
    if (ok)
        printf("a random detail   p50 %8.1f us   p95 %8.1f us\n", t[N_READS / 2] * 1e6,
               t[N_READS * 95 / 100] * 1e6);
    strbuf_release(&b);
    free(t);
    return ok;
}

static double plain_file(const char *dir, const char *bytes, int64_t n)
{
    char *path = xasprintf("%s/plain", dir);
    const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    const double start = now();
    ssize_t written = 1;
    for (int64_t at = 0; fd >= 0 && at < n && written > 0; at += written)
        written = write(fd, bytes, RESULT_BYTES);
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    const double t = now() - start;
    unlink(path);
    free(path);
    return t;
}

static bool bench(const char *dir, const char *bytes, struct error *e)
{
    struct store *s = NULL;
    struct strbuf b;
    struct store_run run;
    strbuf_init(&b);
    const struct store_run_key key = {.key = sha256_bytes("bench", 5),
                                      .study = "harvest",
                                      .args_json = "{}",
                                      .precision = "f32",
                                      .engine = "bench",
                                      .n_chunks = 1};
    double t = now();
    bool ok = store_open(dir, &s, NULL, 0, e);
    if (ok)
        printf("open a new file   %8.1f ms\n", (now() - t) * 1e3);
    ok = ok && store_claim(s, &key, &run, e) == CLAIM_OURS;
    t = now();
    ok = ok && write_all(s, run.id, bytes, e);
    const double t_finish = now() - t;
    if (ok) {
        const int64_t size = store_bytes(s);
        printf(
            "finish            %8.1f ms   %6.1f MB on the disk   a plain file, synced: %.1f ms\n",
            t_finish * 1e3, (double)size * 1e-6, plain_file(dir, bytes, size) * 1e3);
    }
    store_close(s);
    s = NULL;
    t = now();
    ok = ok && store_open(dir, &s, NULL, 0, e);
    if (ok)
        printf("open again        %8.1f ms\n", (now() - t) * 1e3);
    t = now();
    ok = ok && store_get_result(s, run.id, 0, &b, e) == 1 && b.len == RESULT_BYTES;
    if (ok)
        printf("read the result   %8.1f ms\n", (now() - t) * 1e3);
    ok = ok && read_details(s, run.id, e);
    int64_t removed = 0;
    t = now();
    ok = ok && store_prune(s, -1, 0, &removed, e);
    if (ok)
        printf("prune             %8.1f ms   %6.1f MB left\n", (now() - t) * 1e3,
               (double)store_bytes(s) * 1e-6);
    store_close(s);
    strbuf_release(&b);
    return ok;
}

int main(int argc, char **argv)
{
    char made[] = "/tmp/glimt-bench-XXXXXX";
    const char *dir = argc > 1 ? argv[1] : mkdtemp(made);
    struct error e = {0};
    char *bytes = xmalloc(RESULT_BYTES);
    for (size_t i = 0; i < RESULT_BYTES; i++)
        bytes[i] = (char)rng_at(2, i);
    const bool ok = dir != NULL && bench(dir, bytes, &e);
    if (!ok)
        fprintf(stderr, "%s\n", e.text);
    free(bytes);
    if (argc <= 1 && dir != NULL) {
        char *path = xasprintf("%s/glimt.db", dir);
        unlink(path);
        rmdir(dir);
        free(path);
    }
    return ok ? 0 : 1;
}
