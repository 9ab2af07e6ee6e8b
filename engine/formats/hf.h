/* Hugging Face folders and cache: where a model lies, and what its config.json says. */
#ifndef GLIMT_FORMATS_HF_H
#define GLIMT_FORMATS_HF_H
#include "engine/formats/model_config.h"

/* DIR as it is when it is a folder; OWNER/NAME[@REV] looked up in the Hugging Face cache
 * ($HF_HUB_CACHE, $HUGGINGFACE_HUB_CACHE, $HF_HOME/hub, $XDG_CACHE_HOME/huggingface/hub,
 * ~/.cache/huggingface/hub, with ~ and $NAME in them; refs/ then snapshots/). ERROR_INPUT names
 * every place that was looked at. Caller frees. */
bool hf_resolve(const char *spec, char **dir, struct error *e);
/* The first of these folders, whether it is there or not; NULL: none is set. Caller frees. */
char *hf_hub(void);
/* Reads DIR/config.json. Refuses by name: another architecture, a missing or impossible value;
 * never a silent default. */
bool hf_config_read(const char *dir, struct model_config *out, struct error *e);
#endif
