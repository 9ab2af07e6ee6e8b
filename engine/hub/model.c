#include "engine/hub/model.h"
#include "engine/base/file.h"
#include "engine/base/memory.h"
#include "engine/formats/hf.h"
#include "engine/formats/json.h"
#include "engine/formats/tensors.h"
#include "engine/hub/saes.h"
#include "engine/text/tokenizer.h"
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { FOLDER_DEPTH = 8 };

static int64_t bytes_in(const char *dir, int depth)
{
    DIR *d = depth > 0 ? opendir(dir) : NULL;
    int64_t sum = 0;
    for (struct dirent *entry; d != NULL && (entry = readdir(d)) != NULL;) {
        struct stat st;
        if (strcmp(entry->d_name, ".") == 0 || strcmp(entry->d_name, "..") == 0)
            continue;
        char *path = xasprintf("%s/%s", dir, entry->d_name);
        if (stat(path, &st) == 0)
            sum += S_ISDIR(st.st_mode) ? bytes_in(path, depth - 1) : (int64_t)st.st_size;
        free(path);
    }
    if (d != NULL)
        closedir(d);
    return sum;
}

/* A count under the first of these names; 0: none. Models with a part for text have it there. */
static int32_t count_of(const json_t *j, const char *const *names)
{
    for (size_t i = 0; names[i] != NULL; i++) {
        const json_int_t n = json_integer_value(json_object_get(j, names[i]));
        if (n >= 1 && n <= INT32_MAX)
            return (int32_t)n;
    }
    const json_t *text = json_object_get(j, "text_config");
    return text != NULL ? count_of(text, names) : 0;
}

static void read_facts(const char *path, struct hub_model *m)
{
    enum { CONFIG_MAX = 4 << 20 };
    static const char *const layers[] = {"num_hidden_layers", "n_layer", "num_layers", "n_layers",
                                         NULL};
    static const char *const width[] = {"hidden_size", "n_embd", "d_model", NULL};
    json_t *j = json_read_object(path, CONFIG_MAX, NULL);
    const char *type = json_string_value(json_object_get(j, "model_type"));
    snprintf(m->architecture, sizeof m->architecture, "%s", type != NULL ? type : "");
    m->n_layers = j != NULL ? count_of(j, layers) : 0;
    m->d_model = j != NULL ? count_of(j, width) : 0;
    json_decref(j);
}

/* Who reads a list knows the folder: "DIR/config.json: …" → "config.json: …", "DIR: …" → "…". */
static void shorten(struct error *e, const char *dir)
{
    const size_t n = strlen(dir);
    for (char *at = e->text; (at = strstr(at, dir)) != NULL;) {
        const size_t more = at[n] == '/' ? 1 : strncmp(at + n, ": ", 2) == 0 ? 2 : 0;
        if (more > 0)
            memmove(at, at + n + more, strlen(at + n + more) + 1);
        else
            at += n;
    }
}

static bool opens(const char *dir, struct error *e)
{
    struct model_config config;
    struct tensors *weights = NULL;
    struct tokenizer *tokenizer = NULL;
    const bool ok = hf_config_read(dir, &config, e) && tensors_open(dir, &weights, e) &&
                    tokenizer_open(dir, &tokenizer, e);
    tensors_close(weights);
    tokenizer_free(tokenizer);
    return ok;
}

void hub_model_look(const char *dir, struct hub_model *out)
{
    struct stat st;
    char *config = xasprintf("%s/config.json", dir);
    *out = (struct hub_model){.bytes = bytes_in(dir, FOLDER_DEPTH)};
    if (stat(dir, &st) != 0) {
        error_set(&out->why, ERROR_INPUT, "its folder is not there: the download was broken off");
    } else if (!file_is_named(config)) {
        error_set(&out->why, ERROR_INPUT, "no config.json");
    } else {
        read_facts(config, out);
        out->opens = opens(dir, &out->why);
        shorten(&out->why, dir);
    }
    if (!out->opens && stat(dir, &st) == 0 && hub_holds_saes(dir)) {
        out->why = (struct error){0};
        error_set(&out->why, ERROR_INPUT, "it holds SAEs: glimt saes lists them");
    }
    free(config);
}
