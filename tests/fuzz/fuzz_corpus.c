/* Any bytes as a corpus. The first byte says of which format, the second which part is taken; the
 * file lies in memory: a disk is too slow. */
#include "engine/base/memory.h"
#include "engine/formats/corpus.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *const name[] = {"c.tsv", "c.tmx", "c.txt", "c.conllu", "c.json"};
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
            d->pair < -1 || (c->paired && d->pair != i / c->n_classes))
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

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size < 2)
        return 0;
    if (ftruncate(file, 0) != 0 ||
        (size > 2 && pwrite(file, data + 2, size - 2, 0) != (ssize_t)size - 2))
        abort();
    const int format = data[0] % N_NAMES;
    struct corpus_spec spec = {.split = (enum corpus_split)(data[1] % 3),
                               .limit = data[1] / 3 % 5,
                               .min_classes = data[1] / 15 % 3,
                               .n_names = 2,
                               .name = {"da", "en"}};
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
