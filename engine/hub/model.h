/* What can be told of a model folder without opening the model: for lists. */
#ifndef GLIMT_HUB_MODEL_H
#define GLIMT_HUB_MODEL_H
#include "engine/base/error.h"
#include <stdint.h>

struct hub_model {
    char architecture[64];     /* config.json's model_type, supported or not; "": not said */
    int32_t n_layers, d_model; /* under any of the names that architectures have for them; 0: not
                                  said */
    int64_t bytes;             /* of all its files, links followed */
    bool opens;                /* configuration, tokenizer and the heads of its weights are read */
    struct error why;          /* the first that stands against it; paths within the folder */
};

/* Reads config.json, the tokenizer and the heads of the weights of DIR; never the weights
 * themselves. */
void hub_model_look(const char *dir, struct hub_model *out);
#endif
