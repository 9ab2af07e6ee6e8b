#include "tests/support/tiny_model.h"
#include "engine/base/memory.h"
#include "engine/cpu/cpu.h"
#include "engine/hook.h"
#include "tests/support/hash_archs.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { D = 32, D_MLP = 48, LAYERS = 3, HEADS = 4, VOCAB = 704, LATENTS = 80, K = 6, WIDE = 10 };

static const char *const danish[] = {"Rådet skal nu formelt godkende Parlamentets holdning.",
                                     "Hun køber brød hver morgen.",
                                     "Ja.",
                                     "å",
                                     "Vejret bliver koldt og blæsende i morgen.",
                                     "De børn leger i haven.",
                                     "Hvad hedder du?",
                                     "Det er en god idé at læse bogen først.",
                                     "Toget kører klokken otte.",
                                     "Han sover.",
                                     "Vi skal spise middag sammen.",
                                     "Kan du hjælpe mig?",
                                     "Sproget er rigt.",
                                     "Ø",
                                     "Min søster bor i Aarhus.",
                                     "Der er mange mennesker på torvet i dag.",
                                     "Solen skinner.",
                                     "Bilen er rød.",
                                     "Jeg kan ikke finde min nøgle.",
                                     "Filmen var lang, men den var god."};
static const char *const english[] = {"The Council has to formally approve Parliament's position.",
                                      "She buys bread every morning.",
                                      "Yes.",
                                      "a",
                                      "The weather will be cold and windy tomorrow.",
                                      "The children are playing in the garden.",
                                      "What is your name?",
                                      "It is a good idea to read the book first.",
                                      "The train leaves at eight o'clock.",
                                      "He is asleep.",
                                      "We are going to have dinner together.",
                                      "Can you help me?",
                                      "The language is rich.",
                                      "O",
                                      "My sister lives there.",
                                      "There are many people in the square today.",
                                      "The sun is shining.",
                                      "The car is red.",
                                      "I can't find my key.",
                                      "The film was long, but it was good."};
const struct reference_set tiny_sets[2] = {{"da", "Danish", danish, 20},
                                           {"en", "English", english, 20}};

static void die(const char *what, const struct error *e)
{
    fprintf(stderr, "tiny model: %s: %s\n", what, e ? e->text : "");
    abort();
}

static void copy_tokenizer(const char *to)
{
    char path[160], buffer[4096];
    snprintf(path, sizeof path, "%s/tokenizer.json", to);
    FILE *in = fopen("tests/golden/text/tokenizer.json", "rb"), *out = fopen(path, "wb");
    if (!in || !out)
        die("copying tests/golden/text/tokenizer.json", NULL);
    for (size_t n; (n = fread(buffer, 1, sizeof buffer, in)) > 0;)
        if (fwrite(buffer, 1, n, out) != n)
            die(path, NULL);
    fclose(in);
    fclose(out);
}

/* Of three layers; windows shorter than a sentence, heads that share keys, wider than d_model. */
static const struct hash_arch archs[] = {
    {"gpt2", FAMILY_GPT2, LAYERS, D, D_MLP, HEADS, HEADS, D / HEADS, VOCAB, 96, .attn_bias = true,
     .proj_bias = true, .mlp_bias = true, .type = DTYPE_F32, .exponent = 2, .no_prefix = true,
     .config = "{\"model_type\":\"gpt2\",\"activation_function\":\"gelu_new\",\"n_layer\":3,\"n_"
               "embd\":32,\"n_head\":4,\"n_inner\":48,\"vocab_size\":704,\"n_positions\":96,"
               "\"layer_norm_epsilon\":1e-05,\"bos_token_id\":0}"},
    {"llama", FAMILY_LLAMA, LAYERS, D, D_MLP, HEADS, 2, WIDE, VOCAB, 96, .untied = true,
     .type = DTYPE_F32, .exponent = 2,
     .config = "{\"model_type\":\"mistral\",\"hidden_act\":\"silu\",\"num_hidden_layers\":3,"
               "\"hidden_size\":32,\"num_attention_heads\":4,\"num_key_value_heads\":2,\"head_"
               "dim\":10,\"intermediate_size\":48,\"vocab_size\":704,\"max_position_"
               "embeddings\":96,\"rms_norm_eps\":1e-06,\"rope_theta\":10000.0,\"sliding_window\":"
               "7,\"tie_word_embeddings\":false,\"bos_token_id\":0}"},
    {"gemma2", FAMILY_LLAMA, LAYERS, D, D_MLP, HEADS, 2, WIDE, VOCAB, 96, .post_norms = true,
     .gain_plus_1 = true, .type = DTYPE_F32, .exponent = 2,
     .config =
         "{\"model_type\":\"gemma2\",\"hidden_activation\":\"gelu_pytorch_tanh\",\"num_hidden_"
         "layers\":3,\"hidden_size\":32,\"num_attention_heads\":4,\"num_key_value_heads\":2,"
         "\"head_dim\":10,\"intermediate_size\":48,\"vocab_size\":704,\"max_position_"
         "embeddings\":96,\"rms_norm_eps\":1e-06,\"sliding_window\":7,\"query_pre_attn_scalar\":"
         "12,\"attn_logit_softcapping\":2.0,\"final_logit_softcapping\":5.0,\"attention_bias\":"
         "false,\"rope_theta\":10000.0,\"bos_token_id\":0}"},
    {"gemma3", FAMILY_LLAMA, LAYERS, D, D_MLP, HEADS, 2, WIDE, VOCAB, 96, .post_norms = true,
     .head_norms = true, .gain_plus_1 = true, .type = DTYPE_F32, .exponent = 2,
     .config =
         "{\"model_type\":\"gemma3_text\",\"hidden_activation\":\"gelu_pytorch_tanh\",\"num_"
         "hidden_layers\":3,\"hidden_size\":32,\"num_attention_heads\":4,\"num_key_value_"
         "heads\":2,\"head_dim\":10,\"intermediate_size\":48,\"vocab_size\":704,\"max_position_"
         "embeddings\":96,\"rms_norm_eps\":1e-06,\"sliding_window\":7,\"query_pre_attn_scalar\":"
         "12,\"sliding_window_pattern\":2,\"rope_theta\":10000.0,\"rope_local_base_freq\":100.0,"
         "\"bos_token_id\":0}"},
    {"gptj", FAMILY_GPTJ, LAYERS, D, D_MLP, HEADS, HEADS, D / HEADS, VOCAB, 96, .untied = true,
     .mlp_bias = true, .type = DTYPE_F32, .exponent = 2,
     .config = "{\"model_type\":\"gptj\",\"activation_function\":\"gelu_new\",\"n_layer\":3,\"n_"
               "embd\":32,\"n_head\":4,\"n_inner\":48,\"rotary_dim\":4,\"vocab_size\":704,\"n_"
               "positions\":96,\"layer_norm_epsilon\":1e-05,\"tie_word_embeddings\":false,"
               "\"bos_token_id\":0}"},
};

static int32_t width_at(const char *hook, const struct tiny_spec *spec)
{
    const bool wide = spec->arch && strcmp(spec->arch, "gpt2") != 0;
    return strstr(hook, "mlp.act") || strstr(hook, "mlp.pre") ? D_MLP
           : strstr(hook, "attn.z") && wide                   ? HEADS * WIDE
                                                              : D;
}

static void sae_path(char *out, size_t n, const char *dir, int which)
{
    if (which > 0)
        snprintf(out, n, "%s/sae%d.safetensors", dir, which);
    else
        snprintf(out, n, "%s/sae.safetensors", dir);
}

static void write_sae(const char *dir, int which, const char *hook, const struct tiny_spec *spec)
{
    const bool transcodes =
        which == 0 ? spec->transcodes : (spec->more_transcode >> (which - 1) & 1) != 0;
    const char *norm = spec->norm && which != 1 ? spec->norm : "none";
    const char *part = which == 0 && spec->reads ? spec->reads : "mlp.in";
    char path[160], reads[40];
    int32_t n = width_at(hook, spec);
    /* each in values of its own */
    const char *names[4][5] = {
        {NULL},
        {"encoder.weight.1", "encoder.bias.1", "W_dec.1", "b_dec.1", "W_skip.1"},
        {"encoder.weight.2", "encoder.bias.2", "W_dec.2", "b_dec.2", "W_skip.2"},
        {"encoder.weight.3", "encoder.bias.3", "W_dec.3", "b_dec.3", "W_skip.3"}};
    struct hash_tensor t[] = {
        {.name = "encoder.weight",
         .exponent = 1,
         .n_dims = 2,
         .dim = {LATENTS, n},
         .type = DTYPE_F32},
        {.name = "encoder.bias", .exponent = 2, .n_dims = 1, .dim = {LATENTS}, .type = DTYPE_F32},
        {.name = "W_dec", .exponent = 2, .n_dims = 2, .dim = {LATENTS, n}, .type = DTYPE_F32},
        {.name = "b_dec", .exponent = 3, .n_dims = 1, .dim = {n}, .type = DTYPE_F32},
        {.name = "W_skip", .exponent = 3, .n_dims = 2, .dim = {n, n}, .type = DTYPE_F32},
    };
    for (int i = 0; i < 5; i++)
        t[i].key = names[which][i];
    snprintf(reads, sizeof reads, "layers.%c.%s", transcodes ? hook[7] : '0', part);
    sae_path(path, sizeof path, dir, which);
    hash_file_write(path, t, transcodes ? 5 : 4,
                    (const char *const[]){"format",
                                          "glimt-sae",
                                          "version",
                                          "1",
                                          "hook",
                                          transcodes ? reads : hook,
                                          "k",
                                          "6",
                                          "select",
                                          "topk",
                                          "relu",
                                          "never",
                                          "norm",
                                          norm,
                                          "centre",
                                          transcodes ? "false" : "true",
                                          "norm_rescale",
                                          "false",
                                          "skip",
                                          transcodes ? "true" : "false",
                                          transcodes ? "out" : NULL,
                                          hook,
                                          NULL});
}

void tiny_write(const char *dir, const struct tiny_spec *spec)
{
    char model[128];
    snprintf(model, sizeof model, "%s/model", dir);
    if (mkdir(model, 0755) != 0)
        die(model, NULL);
    struct hash_model m = {.name = "tiny",
                           .n_layers = LAYERS,
                           .d_model = D,
                           .d_mlp = D_MLP,
                           .n_heads = HEADS,
                           .n_vocab = VOCAB,
                           .n_ctx = spec->n_ctx > 0 ? spec->n_ctx : 96,
                           .rotary_pct = 0.5,
                           .sequential = spec->sequential,
                           .type = DTYPE_F32,
                           .exponent = 2};
    const struct hash_arch *arch = NULL;
    for (size_t i = 0; spec->arch && i < sizeof archs / sizeof *archs; i++)
        if (strcmp(archs[i].name, spec->arch) == 0)
            arch = &archs[i];
    if (arch)
        hash_arch_write(model, arch);
    else
        hash_model_write(model, &m);
    copy_tokenizer(model);
    write_sae(dir, 0, spec->hook, spec);
    for (int i = 0; i < 3; i++)
        if (spec->more[i].hook && !spec->more[i].neurons)
            write_sae(dir, i + 1, spec->more[i].hook, spec);
}

void tiny_remove(const char *dir)
{
    char model[128];
    snprintf(model, sizeof model, "%s/model", dir);
    test_dir_remove(model);
    test_dir_remove(dir);
}

static void write_lines(const char *dir, const char *name, const struct reference_set *set)
{
    char path[160];
    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "wb");
    if (!f)
        die(path, NULL);
    for (int32_t i = 0; i < set->n; i++)
        fprintf(f, "%s\n", set->sentence[i]);
    fclose(f);
}

void tiny_write_bundle(const char *dir, const char *hook)
{
    char path[160];
    write_lines(dir, "reference-da.txt", &tiny_sets[0]);
    write_lines(dir, "reference-en.txt", &tiny_sets[1]);
    snprintf(path, sizeof path, "%s/tiny.glimt", dir);
    FILE *f = fopen(path, "wb");
    if (!f)
        die(path, NULL);
    fprintf(
        f,
        "{\"glimt_bundle\":1,\"title\":\"tiny\",\"model\":\"model\",\"sae\":\"sae.safetensors\","
        "\"hook\":\"%s\","
        "\"classes\":[{\"name\":\"da\",\"label\":\"Danish\",\"reference\":\"reference-da.txt\"},"
        "{\"name\":\"en\",\"label\":\"English\",\"reference\":\"reference-en.txt\"}],\"chosen\":[3,"
        "17,40]}\n",
        hook);
    fclose(f);
}

static void add_more(struct tiny_model *t, const struct tiny_spec *spec)
{
    struct error e = {0};
    char path[160];
    for (int i = 0; i < 3 && spec->more[i].hook; i++) {
        const struct tiny_more *more = &spec->more[i];
        struct dict *d = NULL;
        struct point at;
        sae_path(path, sizeof path, t->dir, i + 1);
        if (!point_parse(more->hook, &(struct model_config){.n_layers = LAYERS}, &at, &e))
            die(more->hook, &e);
        if (more->neurons)
            d = dict_neurons(at, width_at(more->hook, spec));
        else if (!dict_open(t->backend, path, NULL, &d, &e))
            die(path, &e);
        if (!dict_set_add(&t->set, d, at, &e))
            die(more->hook, &e);
    }
}

void tiny_open(struct tiny_model *t, const struct tiny_spec *spec)
{
    struct error e = {0};
    char path[160];
    *t = (struct tiny_model){0};
    test_dir_new(t->dir);
    tiny_write(t->dir, spec);
    t->backend = spec->device ? spec->device(&e)
                              : cpu_backend_new(spec->threads > 0 ? spec->threads : 1, &e);
    snprintf(path, sizeof path, "%s/model", t->dir);
    t->queue = t->backend ? t->backend->queue_new(t->backend, QUEUE_JOB, &e) : NULL;
    if (!t->queue || !model_open(t->backend, path, NULL, &t->model, &e) ||
        !tokenizer_open(path, &t->tokenizer, &e) ||
        !point_parse(spec->hook, &(struct model_config){.n_layers = LAYERS}, &t->at, &e))
        die(path, &e);
    if (spec->rows_per_job > 0)
        t->backend->caps.rows_per_job = spec->rows_per_job;
    snprintf(path, sizeof path, "%s/sae.safetensors", t->dir);
    if (spec->neurons)
        t->dict = dict_neurons(t->at, width_at(spec->hook, spec));
    else if (!spec->no_dict && !dict_open(t->backend, path, NULL, &t->dict, &e))
        die(path, &e);
    t->m = t->dict ? dict_spec(t->dict)->m : 0;
    if (t->dict && !dict_set_add(&t->set, t->dict, t->at, &e))
        die(path, &e);
    add_more(t, spec);
}

void tiny_close(struct tiny_model *t)
{
    dict_set_release(&t->set);
    model_free(t->model);
    tokenizer_free(t->tokenizer);
    t->backend->queue_free(t->queue);
    t->backend->free(t->backend);
    tiny_remove(t->dir);
}
