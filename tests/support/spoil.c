#include "tests/support/spoil.h"
#include <jansson.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void die(const char *path, const char *name)
{
    fprintf(stderr, "spoil: %s: %s is not there, or too short, or no F32\n", path, name);
    abort();
}

/* Where the tensor's data begin in the file; *n ← its bytes. */
static long tensor_at(FILE *f, const char *path, const char *name, size_t *n)
{
    uint64_t length = 0;
    if (fread(&length, sizeof length, 1, f) != 1 || length > 1 << 24)
        die(path, name);
    char *header = malloc((size_t)length);
    if (!header || fread(header, 1, (size_t)length, f) != length)
        die(path, name);
    json_t *root = json_loadb(header, (size_t)length, 0, NULL), *t = json_object_get(root, name),
           *offsets = json_object_get(t, "data_offsets");
    const char *type = json_string_value(json_object_get(t, "dtype"));
    if (!type || strcmp(type, "F32") != 0)
        die(path, name);
    long first = (long)json_integer_value(json_array_get(offsets, 0));
    *n = (size_t)(json_integer_value(json_array_get(offsets, 1)) - first);
    json_decref(root);
    free(header);
    return 8 + (long)length + first;
}

float spoil(const char *path, const char *name, size_t i, float value)
{
    FILE *f = fopen(path, "r+b");
    if (!f)
        die(path, name);
    size_t n;
    float was = 0;
    long at = tensor_at(f, path, name, &n) + (long)(i * sizeof value);
    if ((i + 1) * sizeof value > n || fseek(f, at, SEEK_SET) != 0 ||
        fread(&was, sizeof was, 1, f) != 1 || fseek(f, at, SEEK_SET) != 0 ||
        fwrite(&value, sizeof value, 1, f) != 1 || fclose(f) != 0)
        die(path, name);
    return was;
}
