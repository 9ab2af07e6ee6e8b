/* The options common to the explorer and every subcommand (CLI.md), parsed from the command line, the configuration
 * file and the defaults. Plain data; strings are borrowed from argv or owned by the struct (options_release). */
#ifndef GLIMT_TUI_OPTIONS_H
#define GLIMT_TUI_OPTIONS_H
#include "engine/base/error.h"
#include "engine/session/session.h"

enum color_mode { COLOR_AUTO, COLOR_NEVER, COLOR_ALWAYS, COLOR_16, COLOR_256, COLOR_DIRECT };
enum output_mode { OUTPUT_TEXT, OUTPUT_JSON, OUTPUT_CSV };

struct options {
    const char *model, *sae, *hook, *bundle; /* NULL: default */
    int32_t n_units; /* --latents / --neurons; 0: the bundle's */
    int32_t unit[SESSION_MAX_UNITS];
    bool neurons;
    int32_t n_fix;
    struct unit fix[SESSION_MAX_UNITS];
    bool insert_given;
    enum insert insert;
    bool bos, join;
    const char *device, *dtype; /* "auto" */
    int threads;                /* 0: all */
    enum output_mode output;
    const char *svg, *output_file, *cache, *theme;
    uint64_t seed;
    bool quiet, progress;
    enum color_mode color;
};
#endif
