#include "tests/support/hash_weights.h"
#include <dirent.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CHECK(what)                                                                                \
    do {                                                                                           \
        if (!(what)) {                                                                             \
            perror("tests/support/hash_weights: " #what);                                          \
            abort();                                                                               \
        }                                                                                          \
    } while (0)

static uint32_t key_of(const char *name)
{
    uint32_t h = 2166136261u; /* 32-bit FNV-1a */
    for (; *name; name++)
        h = (h ^ (uint8_t)*name) * 16777619u;
    return h;
}

/* Eleven bits of the 32-bit finaliser of MurmurHash3 (Appleby). */
static inline uint32_t bits_at(uint32_t key, uint32_t i)
{
    uint32_t x = i * 0x9e3779b1u + key;
    x = (x ^ (x >> 16)) * 0x85ebca6bu;
    x = (x ^ (x >> 13)) * 0xc2b2ae35u;
    return (x ^ (x >> 16)) >> 21;
}

static uint16_t
to_f16(float v) /* exact values within the normal range or zero and subnormals of few bits */
{
    if (v == 0.0f)
        return 0;
    int e;
    float m = frexpf(fabsf(v), &e); /* 0.5 ≤ m < 1 */
    uint16_t sign = v < 0 ? 0x8000 : 0;
    e += 14;
    if (e <= 0)
        return (uint16_t)(sign | (uint16_t)ldexpf(m, 10 + e));
    return (uint16_t)(sign | (e << 10) | ((int)ldexpf(m, 11) & 0x3ff));
}

static uint16_t to_bf16(float v)
{
    uint32_t u;
    memcpy(&u, &v, sizeof u);
    return (uint16_t)(u >> 16);
}

static float value_of(uint32_t bits, enum dtype type, enum hash_kind kind, int exponent)
{
    int k = (int)bits - 1024;
    if (kind == HASH_GAMMA)
        return 1.0f + ldexpf((float)(k >> 5), -7);
    if (type == DTYPE_BF16)
        k &= ~7;
    return ldexpf((float)k, -10 - exponent);
}

void hash_fill(void *dst, enum dtype type, const char *name, enum hash_kind kind, int exponent,
               uint64_t first, size_t n)
{
    float f32[2048];
    uint16_t half[2048];
    for (uint32_t b = 0; b < 2048; b++) {
        f32[b] = value_of(b, type, kind, exponent);
        half[b] = type == DTYPE_F16 ? to_f16(f32[b]) : to_bf16(f32[b]);
    }
    uint32_t key = key_of(name), at = (uint32_t)first;
    if (type == DTYPE_F32)
        for (size_t i = 0; i < n; i++)
            ((float *)dst)[i] = f32[bits_at(key, at + (uint32_t)i)];
    else
        for (size_t i = 0; i < n; i++)
            ((uint16_t *)dst)[i] = half[bits_at(key, at + (uint32_t)i)];
}

/* ---- safetensors */
static size_t elements(const struct hash_tensor *t)
{
    size_t n = 1;
    for (int i = 0; i < t->n_dims; i++)
        n *= (size_t)t->dim[i];
    return n;
}

static const char *spelling(const struct hash_tensor *t)
{
    return t->raw ? t->raw : t->type == DTYPE_F32 ? "F32" : t->type == DTYPE_F16 ? "F16" : "BF16";
}

static size_t bytes_of(const struct hash_tensor *t)
{
    return elements(t) * (t->raw ? (strcmp(t->raw, "F32") == 0 ? 4 : 1) : dtype_size(t->type));
}

static void write_header(FILE *f, const struct hash_tensor *t, size_t n,
                         const char *const *metadata)
{
    char *text;
    size_t n_text, at = 0;
    FILE *h = open_memstream(&text, &n_text);
    CHECK(h);
    fputs("{", h);
    if (metadata && *metadata) {
        fputs("\"__metadata__\":{", h);
        for (int i = 0; metadata[i]; i += 2)
            fprintf(h, "%s\"%s\":\"%s\"", i ? "," : "", metadata[i], metadata[i + 1]);
        fputs("},", h);
    }
    for (size_t i = 0; i < n; i++) {
        fprintf(h, "%s\"%s\":{\"dtype\":\"%s\",\"shape\":[", i ? "," : "", t[i].name,
                spelling(&t[i]));
        for (int j = 0; j < t[i].n_dims; j++)
            fprintf(h, "%s%lld", j ? "," : "", (long long)t[i].dim[j]);
        fprintf(h, "],\"data_offsets\":[%zu,%zu]}", at, at + bytes_of(&t[i]));
        at += bytes_of(&t[i]);
    }
    fputs("}", h);
    fclose(h);
    /* no padding on purpose: readers may not count on alignment */
    uint64_t size = n_text;
    CHECK(fwrite(&size, 8, 1, f) == 1 && fwrite(text, 1, n_text, f) == n_text);
    free(text);
}

static void write_data(FILE *f, const struct hash_tensor *t)
{
    enum { CHUNK = 1 << 16 };
    static const char zeros[CHUNK];
    char *chunk = malloc(CHUNK * sizeof(float));
    CHECK(chunk);
    size_t n = t->raw ? bytes_of(t) : elements(t);
    for (size_t i = 0; i < n; i += CHUNK) {
        size_t k = n - i < CHUNK ? n - i : CHUNK;
        if (t->raw) {
            CHECK(fwrite(zeros, 1, k, f) == k);
            continue;
        }
        hash_fill(chunk, t->type, t->key ? t->key : t->name, t->kind, t->exponent, i, k);
        CHECK(fwrite(chunk, dtype_size(t->type), k, f) == k);
    }
    free(chunk);
}

void hash_file_write(const char *path, const struct hash_tensor *t, size_t n,
                     const char *const *metadata)
{
    FILE *f = fopen(path, "wb");
    CHECK(f);
    write_header(f, t, n, metadata);
    for (size_t i = 0; i < n; i++)
        write_data(f, &t[i]);
    CHECK(fclose(f) == 0);
}

/* ---- models */
struct list {
    const struct hash_model *m;
    struct hash_tensor *t;
    size_t n;
};

static void add(struct list *l, int32_t layer, const char *part, const char *kind, int64_t rows,
                int64_t cols)
{
    const struct hash_model *m = l->m;
    l->t = realloc(l->t, (l->n + 1) * sizeof *l->t);
    CHECK(l->t);
    struct hash_tensor *t = &l->t[l->n++];
    bool norm = strstr(part, "norm") != NULL, bias = strcmp(kind, "bias") == 0;
    *t = (struct hash_tensor){.type = m->type, .dim = {rows, cols}, .n_dims = cols ? 2 : 1};
    t->exponent = bias ? 3 : m->exponent;
    t->kind = norm && !bias ? HASH_GAMMA : HASH_UNIFORM;
    const char *prefix = m->no_prefix || strcmp(part, "embed_out") == 0 ? "" : "gpt_neox.";
    if (layer < 0)
        snprintf(t->name, sizeof t->name, "%s%s.%s", prefix, part, kind);
    else
        snprintf(t->name, sizeof t->name, "%slayers.%d.%s.%s", prefix, (int)layer, part, kind);
}

static void add_buffer(struct list *l, int32_t layer, const char *part, const char *type,
                       int64_t rows, int64_t cols)
{
    char kind[32];
    const char *dot = strrchr(part, '.');
    snprintf(kind, sizeof kind, "%s", dot + 1);
    char head[64];
    snprintf(head, sizeof head, "%.*s", (int)(dot - part), part);
    add(l, layer, head, kind, rows, cols);
    l->t[l->n - 1].raw = type;
}

static void add_layer(struct list *l, int32_t i)
{
    int64_t d = l->m->d_model, e = l->m->d_mlp;
    bool bias = !l->m->no_attention_bias;
    add(l, i, "input_layernorm", "weight", d, 0);
    add(l, i, "input_layernorm", "bias", d, 0);
    add(l, i, "post_attention_layernorm", "weight", d, 0);
    add(l, i, "post_attention_layernorm", "bias", d, 0);
    if (l->m->buffers) {
        add_buffer(l, i, "attention.bias", "BOOL", l->m->n_ctx, l->m->n_ctx);
        add_buffer(l, i, "attention.masked_bias", "F32", 1, 0);
        l->t[l->n - 1].n_dims = 0;
        add_buffer(l, i, "attention.rotary_emb.inv_freq", "F32", 4, 0);
    }
    add(l, i, "attention.query_key_value", "weight", 3 * d, d);
    if (bias)
        add(l, i, "attention.query_key_value", "bias", 3 * d, 0);
    add(l, i, "attention.dense", "weight", d, d);
    if (bias)
        add(l, i, "attention.dense", "bias", d, 0);
    add(l, i, "mlp.dense_h_to_4h", "weight", e, d);
    add(l, i, "mlp.dense_h_to_4h", "bias", e, 0);
    add(l, i, "mlp.dense_4h_to_h", "weight", d, e);
    add(l, i, "mlp.dense_4h_to_h", "bias", d, 0);
}

static void write_config(const char *dir, const struct hash_model *m)
{
    char path[512];
    snprintf(path, sizeof path, "%s/config.json", dir);
    FILE *f = fopen(path, "w");
    CHECK(f);
    fprintf(f,
            "{\"architectures\":[\"GPTNeoXForCausalLM\"],\"model_type\":\"gpt_neox\",\"hidden_"
            "act\":\"gelu\",\n"
            "\"num_hidden_layers\":%d,\"hidden_size\":%d,\"intermediate_size\":%d,\"num_attention_"
            "heads\":%d,\n"
            "\"vocab_size\":%d,\"max_position_embeddings\":%d,\"layer_norm_eps\":1e-05,\"bos_token_"
            "id\":0,\n"
            "\"eos_token_id\":0,\"use_parallel_residual\":%s,\"tie_word_embeddings\":%s,"
            "\"attention_bias\":%s,\n",
            m->n_layers, m->d_model, m->d_mlp, m->n_heads, m->n_vocab, m->n_ctx,
            m->sequential ? "false" : "true", m->tied ? "true" : "false",
            m->no_attention_bias ? "false" : "true");
    if (m->new_config)
        fprintf(f,
                "\"rope_parameters\":{\"partial_rotary_factor\":%g,\"rope_theta\":10000.0,\"rope_"
                "type\":\"default\"}}\n",
                m->rotary_pct);
    else
        fprintf(f, "\"rotary_pct\":%g,\"rotary_emb_base\":10000}\n", m->rotary_pct);
    CHECK(fclose(f) == 0);
}

static void write_shards(const char *dir, const struct hash_tensor *t, size_t n_t, size_t n)
{
    char path[512];
    for (size_t s = 0; s < n; s++) {
        size_t from = n_t * s / n, to = n_t * (s + 1) / n;
        snprintf(path, sizeof path, "%s/model-%05zu-of-%05zu.safetensors", dir, s + 1, n);
        hash_file_write(path, t + from, to - from, NULL);
    }
    snprintf(path, sizeof path, "%s/model.safetensors.index.json", dir);
    FILE *f = fopen(path, "w");
    CHECK(f);
    fputs("{\"metadata\":{\"total_size\":0},\"weight_map\":{", f);
    for (size_t i = 0, s = 0; i < n_t; i++) {
        while (i >= n_t * (s + 1) / n)
            s++;
        fprintf(f, "%s\"%s\":\"model-%05zu-of-%05zu.safetensors\"", i ? "," : "", t[i].name, s + 1,
                n);
    }
    fputs("}}\n", f);
    CHECK(fclose(f) == 0);
}

void hash_tensors_write(const char *dir, const struct hash_tensor *t, size_t n, int32_t shards)
{
    char path[512];
    snprintf(path, sizeof path, "%s/model.safetensors", dir);
    if (shards > 0)
        write_shards(dir, t, n, (size_t)shards);
    else
        hash_file_write(path, t, n, (const char *const[]){"format", "pt", NULL});
}

void hash_model_write(const char *dir, const struct hash_model *m)
{
    struct list l = {.m = m};
    add(&l, -1, "embed_in", "weight", m->n_vocab, m->d_model);
    for (int32_t i = 0; i < m->n_layers; i++)
        add_layer(&l, i);
    add(&l, -1, "final_layer_norm", "weight", m->d_model, 0);
    add(&l, -1, "final_layer_norm", "bias", m->d_model, 0);
    if (!m->tied)
        add(&l, -1, "embed_out", "weight", m->n_vocab, m->d_model);
    char(*key)[96] = calloc(l.n, sizeof *key);
    CHECK(key);
    for (size_t i = 0; i < l.n;
         i++) { /* hashed under the full name however it is spelled in the file */
        bool full =
            strncmp(l.t[i].name, "gpt_neox.", 9) == 0 || strncmp(l.t[i].name, "embed_out", 9) == 0;
        snprintf(key[i], sizeof key[i], "%s%.80s", full ? "" : "gpt_neox.", l.t[i].name);
        l.t[i].key = key[i];
    }
    write_config(dir, m);
    hash_tensors_write(dir, l.t, l.n, m->shards);
    free(key);
    free(l.t);
}

/* ---- folders */
void test_dir_new(char out[64])
{
    const char *tmp = getenv("TMPDIR");
    int n = snprintf(out, 64, "%s/glimt-test-XXXXXX", tmp && strlen(tmp) < 40 ? tmp : "/tmp");
    CHECK(n > 0 && n < 64 && mkdtemp(out));
}

void test_dir_remove(const char *dir)
{
    DIR *d = opendir(dir);
    CHECK(d);
    for (struct dirent *f; (f = readdir(d));) {
        char path[512];
        snprintf(path, sizeof path, "%s/%s", dir, f->d_name);
        if (strcmp(f->d_name, ".") != 0 && strcmp(f->d_name, "..") != 0)
            CHECK(unlink(path) == 0);
    }
    closedir(d);
    CHECK(rmdir(dir) == 0);
}
