/* The one const table of subcommands, and what is told by their names. */
#include "engine/base/memory.h"
#include "tui/cli/command.h"
#include <string.h>

const struct command *const cli_commands[] = {
    &analyze_command,
    &harvest_command,
    &latents_command,
    &find_command,
    &histogram_command,
    &examples_command,
    &lens_command,
    &coactive_command,
    &sweep_command,
    &contrast_words_command,
    &contrast_ttest_command,
    &contrast_points_command,
    &contrast_probe_command,
    &contrast_regress_command,
    &contrast_kept_command,
    &contrast_compare_command,
    &means_command,
    &classify_command,
    &ablate_command,
    &boosts_command,
    &unigrams_command,
    &attribution_command,
    &patch_command,
    &effects_command,
    &downstream_command,
    &shift_command,
    &neuron_examples_command,
    &chains_command,
    &position_command,
    &similar_command,
    &groups_command,
    &generate_command,
    &snapshot_command,
    &tokenize_command,
    &verify_command,
    &models_command,
    &saes_command,
    &pull_command,
    &convert_command,
    &bundle_new_command,
    &cache_command,
    &doctor_command,
    NULL,
};

const struct command_group command_groups[] = {
    {"bundle", "model, dictionaries, classes and units in one"},
    {"contrast", "neurons and latents that part classes of words"},
    {"neuron", "what a neuron that tells a class does"},
    {.name = NULL},
};

const struct command *command_find(const char *name)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (strcmp(cli_commands[i]->name, name) == 0)
            return cli_commands[i];
    return NULL;
}

static const struct command_group *group_of(const char *name, size_t n)
{
    for (const struct command_group *g = command_groups; g->name; g++)
        if (strlen(g->name) == n && memcmp(g->name, name, n) == 0)
            return g;
    return NULL;
}

const struct command_group *command_group_find(const char *name)
{
    return group_of(name, strlen(name));
}

const struct command_group *command_group(const struct command *c)
{
    const char *blank = strchr(c->name, ' ');
    return blank ? group_of(c->name, (size_t)(blank - c->name)) : NULL;
}

bool command_begins(const struct command *c)
{
    const struct command_group *g = command_group(c);
    for (size_t i = 0; g && cli_commands[i] != c; i++)
        if (command_group(cli_commands[i]) == g)
            return false;
    return true;
}

char *command_first_word(const struct command *c)
{
    return xstrndup(c->name, strcspn(c->name, " "));
}

const char *command_last_word(const struct command *c)
{
    const char *blank = strchr(c->name, ' ');
    return blank ? blank + 1 : c->name;
}

void commands_with_option(struct strbuf *out, const char *option)
{
    enum { SHOWN = 4 };
    size_t n = 0;
    const char *last = NULL;
    for (size_t i = 0; cli_commands[i]; i++)
        if (option_find(command_options(cli_commands[i]), option, strlen(option))) {
            if (last && n <= SHOWN)
                strbuf_addf(out, "%s%s", n > 1 ? ", " : "", last);
            last = cli_commands[i]->name;
            n++;
        }
    if (n > SHOWN + 1)
        strbuf_addf(out, " and %zu more", n - SHOWN);
    else if (n > 0)
        strbuf_addf(out, "%s%s", n > 1 ? " and " : "", last);
}
