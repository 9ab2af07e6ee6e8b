/* An SAE written anew in another format. */
#ifndef GLIMT_DICT_CONVERT_H
#define GLIMT_DICT_CONVERT_H
#include "engine/dict/dict.h"

enum convert_target { CONVERT_GLIMT, CONVERT_SAELENS, CONVERT_SPARSIFY };

/* Reads the SAE `path` (a file or folder of any format) and writes it into the folder, which is
 * made: sae.safetensors (glimt), sae_weights.safetensors and cfg.json (SAELens), sae.safetensors
 * and cfg.json (sparsify, whose readers take the hook from the folder's name). Numbers are float32;
 * each file is written beside and renamed, the configuration last. False and *e: not readable, or
 * the format has no way to say what the SAE does. *spec (may be NULL): what was read. */
bool dict_convert(const char *path, const struct dict_hint *, enum convert_target, const char *dir,
                  struct dict_spec *, struct error *e);
#endif
