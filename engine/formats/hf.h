/* What the config.json of a model in Hugging Face's form says. */
#ifndef GLIMT_FORMATS_HF_H
#define GLIMT_FORMATS_HF_H
#include "engine/arch.h"

/* Reads DIR/config.json. Refuses by name: another architecture, a missing or impossible value;
 * never a silent default. */
bool hf_config_read(const char *dir, struct model_config *out, struct error *e);
#endif
