/* Names of files as people type them: home folders, and what a name begun could become. */
#ifndef GLIMT_TUI_FILE_NAMES_H
#define GLIMT_TUI_FILE_NAMES_H
#include "engine/base/error.h"
#include <stddef.h>

/* `~` and `~user` at the beginning stand for home folders. NULL and *e: there is none. The caller
 * frees. */
char *path_expanded(const char *typed, struct error *e);

struct file_names {
    char **name;      /* whole, as typed: `~` stays; folders end in '/' */
    size_t n, cap;    /* sorted; the fitting ones first */
    size_t n_fitting; /* folders, words, and files with one of the endings */
};
/* What is there beginning with `typed`. endings: ".svg .txt"; "" fits all. words: what may stand in
 * place of a file, NULL-terminated; NULL: nothing. Hidden files only for
 * who types the dot; names that are no UTF-8 or have controls can't be typed and are left out.
 * Empties *names first. */
void file_names_find(struct file_names *, const char *typed, const char *endings,
                     const char *const *words);
void file_names_release(struct file_names *);
/* Bytes that the first n names begin with alike, at a character's end. */
size_t file_names_common(const struct file_names *, size_t n);
#endif
