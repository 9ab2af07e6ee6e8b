/* Any bytes as a corpus. The first byte says of which format, the second which part is taken, in
 * which encoding, and whether the rest is packed first; the file lies in memory: a disk is too
 * slow. */
#include "engine/base/memory.h"
#include "engine/formats/corpus.h"
#include "engine/text/utf8.h"
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include <zlib.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const name[] = {"c.tsv", "c.tmx", "c.txt", "c.conllu", "c.json", "c.jsonl"};
enum { N_NAMES = sizeof name / sizeof *name };

static char folder[] = "/tmp/glimt-fuzz-corpus-XXXXXX";
static char *path[N_NAMES];
static int file;

static void clear(void)
{
    for (int i = 0; i < N_NAMES; i++) {
        unlink(path[i]);
        free(path[i]);
    }
    rmdir(folder);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc, (void)argv;
    char target[64];
    file = memfd_create("fuzz", 0);
    snprintf(target, sizeof target, "/proc/self/fd/%d", file);
    if (file < 0 || mkdtemp(folder) == NULL)
        abort();
    for (int i = 0; i < N_NAMES; i++) {
        path[i] = xasprintf("%s/%s", folder, name[i]);
        if (symlink(target, path[i]) != 0)
            abort();
    }
    return atexit(clear);
}

static void use(const struct corpus *c, const struct corpus_spec *spec)
{
    int64_t docs[CORPUS_MAX_CLASSES] = {0}, bytes[CORPUS_MAX_CLASSES] = {0};
    const char *text = c->bytes;
    uint64_t hash = HASH_SEED;
    for (int64_t i = 0; i < c->n_docs; i++) {
        const struct corpus_doc *d = &c->doc[i];
        if (d->cls < 0 || d->cls >= c->n_classes || d->n == 0 || d->text != text || d->line < 1 ||
            !utf8_is_valid(d->text, d->n) || d->pair < -1 ||
            (c->paired && d->pair != i / c->n_classes))
            abort();
        if (corpus_words(d) > (int64_t)d->n)
            abort();
        hash = hash_bytes(hash, d->text, d->n);
        docs[d->cls]++;
        bytes[d->cls] += (int64_t)d->n;
        text += d->n;
    }
    if (hash == 0) /* reads every byte */
        puts("zero");
    for (int32_t i = 0; i < c->n_classes; i++)
        if (docs[i] < 1 || docs[i] != c->cls[i].n_docs || bytes[i] != c->cls[i].n_bytes ||
            corpus_class_find(c, c->cls[i].name) != i ||
            (spec->limit > 0 && (c->paired || c->doc[0].pair < 0) && docs[i] > spec->limit))
            abort();
    if (c->n_classes < spec->min_classes)
        abort();
}

enum mode { PLAIN, LATIN1, UTF16, HEADER, GZIP, XZ, N_MODES };

static void put(const void *p, size_t n)
{
    if (ftruncate(file, 0) != 0 || (n > 0 && pwrite(file, p, n, 0) != (ssize_t)n))
        abort();
}

static void put_gzip(const uint8_t *p, size_t n)
{
    z_stream z = {0};
    if (deflateInit2(&z, 1, Z_DEFLATED, 15 + 16, 1, Z_DEFAULT_STRATEGY) != Z_OK)
        abort();
    size_t most = deflateBound(&z, n) + 64;
    uint8_t *out = xmalloc(most);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)most;
    if (deflate(&z, Z_FINISH) != Z_STREAM_END)
        abort();
    put(out, most - z.avail_out);
    deflateEnd(&z);
    free(out);
}

static void put_xz(const uint8_t *p, size_t n)
{
    size_t most = lzma_stream_buffer_bound(n), size = 0;
    uint8_t *out = xmalloc(most);
    if (lzma_easy_buffer_encode(0, LZMA_CHECK_CRC32, NULL, p, n, out, &size, most) != LZMA_OK)
        abort();
    put(out, size);
    free(out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const char *const encoding[N_MODES] = {
        [LATIN1] = "latin1", [UTF16] = "utf-16le", [XZ] = "iso-2022-jp"};
    if (size < 2)
        return 0;
    const enum mode mode = (enum mode)(data[1] / 45);
    if (mode == GZIP)
        put_gzip(data + 2, size - 2);
    else if (mode == XZ)
        put_xz(data + 2, size - 2);
    else
        put(data + 2, size - 2);
    const int format = data[0] % N_NAMES;
    struct corpus_spec spec = {.split = (enum corpus_split)(data[1] % 3),
                               .limit = data[1] / 3 % 5,
                               .min_classes = data[1] / 15 % 3,
                               .n_names = 2,
                               .name = {"da", "en"},
                               .encoding = encoding[mode],
                               .header = mode == HEADER};
    if (format < 2) {
        spec.path = path[format];
    } else {
        spec.n_files = 1;
        spec.file[0].cls = "da";
        spec.file[0].path = path[format];
    }
    struct corpus *c = NULL;
    struct error e = {0};
    const bool ok = corpus_open(&spec, &c, &e);
    if (ok == error_is_set(&e) || ok != (c != NULL))
        abort();
    if (ok)
        use(c, &spec);
    corpus_free(c);
    return 0;
}
