/* What the subcommands share: their table, input, output, progress, interruption, colours. Private
 * to tui/cli. */
#ifndef GLIMT_TUI_COMMAND_H
#define GLIMT_TUI_COMMAND_H
#include "engine/base/strbuf.h"
#include "engine/study/study.h"
#include "tui/cli/option_table.h"
#include "tui/lab/query.h"
#include "tui/term/theme.h"
#include "tui/workbench.h"
#include <jansson.h>
#include <stdio.h>

struct cli;

struct command {
    const char *name;     /* of a part after its group's: "contrast ttest" */
    const char *operands; /* "[TEXT|-]"; "" */
    const char *summary;  /* one line */
    int min_operands, max_operands;
    bool text;     /* an operand is a text, which may be empty */
    bool csv, svg; /* knows --csv, --svg */
    bool no_json;  /* does not know --json */
    bool tolerant; /* goes on with what it can where configuration or theme are wrong */
    const struct option_row *options; /* its own; NULL: none. All of them: command_options */
    const struct query *query; /* what it asks: its parameters are options too; NULL: nothing */
    const void *defaults; /* of the struct that the options' offsets mean; copied before parsing */
    size_t values_size;
    /* operand: n_operands strings. False and *e when it could not; what was put into cli->out is
     * then dropped. */
    bool (*run)(struct cli *, const void *values, int n_operands, char **operand, struct error *e);
};
/* All that can be run, NULL-terminated. The parts of a group stand one after the other. */
extern const struct command *const cli_commands[];
const struct command *command_find(const char *name); /* "contrast ttest" of a part */

/* A command with parts, of which one is always said: `glimt contrast ttest`. The parts are rows of
 * cli_commands as other commands are, and whole: what belongs to a group is told by its name. */
struct command_group {
    const char *name, *summary; /* name NULL ends the table */
};
extern const struct command_group command_groups[];
const struct command_group *command_group_find(const char *name);
/* What a command is a part of; NULL: of nothing. */
const struct command_group *command_group(const struct command *);
/* The first part of its group, or of none: where lists name what `glimt` is followed by. */
bool command_begins(const struct command *);
/* The word that follows `glimt`: the group's name, or its own. The caller frees. */
char *command_first_word(const struct command *);
/* A part's name without its group's; else the name. */
const char *command_last_word(const struct command *);
/* NULL: none. */
const struct option_row *command_options(const struct command *);
/* "latents, find and sweep": the commands that have an option of this name which not all have;
 * nothing where there are none. */
void commands_with_option(struct strbuf *out, const char *option);
void *command_values(const struct command *); /* its defaults, to be parsed into; free() */

struct progress { /* on standard error; overwritten in place on a terminal, else lines of every
                     tenth */
    bool on, terminal, shown;
    int percent;
    double at; /* when it was written last, on a clock of seconds */
};

struct cli {
    struct options opt;
    const struct command *command;
    struct strbuf out; /* the result; written as a whole when the command has succeeded */
    struct progress progress;
};

/* ---- interruption: SIGINT raises the flag; a second one ends the program at once */
void interrupt_install(void);
const atomic_bool *interrupt_flag(void);
/* False and *e ("interrupted") once the flag is raised. */
bool interrupt_check(struct error *e);
/* While `on`, SIGINT ends the program with its line at once: for work that nothing can stop in the
 * middle and that leaves nothing behind (loading). */
void interrupt_at_once(bool on);

void progress_show(struct progress *, double share, const char *what);
/* "harvest 43 % · 12300 tokens/s · 4 s left". */
void progress_study(struct progress *, const struct study_progress *, const char *what);
void progress_clear(struct progress *);

/* ---- standard output */
bool output_write(const struct cli *,
                  struct error *e); /* cli->out to standard output or --output */
/* Flushes standard output; false and *e when something could not be written. */
bool output_flush(struct error *e);
/* The picture to --svg FILE; "-": standard output, in place of the table for people. */
bool output_svg(struct cli *, const struct strbuf *svg, struct error *e);
/* Width of the terminal that the result goes to, $COLUMNS without one; 0: no limit. */
int output_columns(const struct cli *);
/* How a table is printed there. */
struct table_text output_table(const struct cli *);
/* Dumps and releases `root` into cli->out with enough digits to read back any float32. */
void output_json(struct cli *, json_t *root);
json_t *json_number(double v); /* NaN and infinities: null */
/* Of a path, a name, an error: what is no UTF-8 becomes U+FFFD. NULL: null. */
json_t *json_text(const char *s);
/* {"id", "text" (null unless valid UTF-8), "bytes" (hex)} of a token, then whatever the caller
 * adds. */
json_t *json_token(const struct tokenizer *, int32_t id);

/* ---- colours. NULL: none wanted. The depth follows --color, NO_COLOR, TERM, COLORTERM and whether
 * `to_terminal`. */
enum depth color_depth(const struct options *, bool to_terminal);
bool color_theme(const struct cli *, struct theme **out, struct error *e);
void color_add(struct strbuf *, const struct theme *, struct style,
               const char *text); /* text already escaped */
/* n bytes of untrusted text with what a terminal must not see as escapes; pads with blanks to
 * `columns` (0: none) and cuts with … beyond it. */
void text_add(struct strbuf *, const char *s, size_t n, int columns);

/* ---- input */
struct input {
    char *text; /* valid UTF-8: invalid parts are U+FFFD */
    size_t n;
    size_t mark; /* bytes of a byte order mark that stood before it */
    size_t n_bad;
    struct input_gap { /* where a repaired part stands, in the repaired text and in the input */
        size_t repaired, given, n_given;
    } * gap;
    size_t cap;
};
/* operand NULL or "-": standard input, which must not be a terminal; it is unpacked and decoded as
 * a file is (engine/formats/text_file.h), and refused where it can't be. An operand is repaired,
 * which a note on standard error says. Release in either case. */
bool input_read(struct input *, const struct cli *, const char *operand, struct error *e);
void input_repair(struct input *, const char *s, size_t n);
void input_note(const struct input *, const struct options *); /* says what was repaired */
/* The offset in the input of an offset in the repaired text. */
size_t input_offset(const struct input *, size_t repaired);
/* Says that so many results were too large for 16 bits, where there were any, unless --quiet. */
void cli_note_saturated(const struct cli *, uint64_t n);
/* Says on standard error that a special token of the text is read as plain text, unless --special
 * or --quiet. */
void input_note_special(const struct input *, const struct cli *, const struct tokenizer *);
void input_release(struct input *);

/* ---- what commands work with */
/* workbench_open with progress. */
bool cli_open(struct cli *, const struct options *, struct workbench **, struct error *e);
/* The tokenizer of the model that the options name, without opening the model, and with --bos the
 * id of its BOS token; −1: none. */
bool cli_tokenizer_open(struct cli *, struct tokenizer **, int32_t *bos, struct error *e);
/* Runs the wish to its end (generation, refsets and cursor are set here) and takes the snapshot;
 * who hears of the rows: session_listen. */
bool cli_session(struct cli *, const struct workbench *, struct wish *, session_hear *, void *arg,
                 struct snapshot **, struct error *e);
/* named_files_hash and, as hex, weights_hash (tui/lab/content.h): remembered in the cache, with
 * progress; SIGINT cancels. cli: struct cli. */
bool cli_files_hash(void *cli, const char *const *path, size_t n, struct sha256 *out,
                    struct error *e);
bool cli_weights_hash(struct cli *, const char *const *path, size_t n, char hex[][65],
                      struct error *e);

/* ---- --help, --version, --completions */
void help_add(struct strbuf *, const struct command *); /* NULL: of the program */
void help_add_group(struct strbuf *, const struct command_group *);
void version_add(struct strbuf *, bool verbose);
/* False: no such shell. */
bool completions_add(struct strbuf *, const char *shell);

extern const struct command analyze_command, generate_command, tokenize_command, verify_command,
    doctor_command, harvest_command, latents_command, find_command, histogram_command,
    examples_command, lens_command, coactive_command, sweep_command, cache_command,
    snapshot_command, models_command, saes_command, pull_command, convert_command,
    bundle_new_command, contrast_words_command, contrast_ttest_command, contrast_points_command,
    contrast_probe_command, contrast_regress_command, contrast_kept_command,
    contrast_compare_command, means_command, classify_command, ablate_command, boosts_command,
    unigrams_command, attribution_command, patch_command, effects_command, downstream_command,
    shift_command, neuron_examples_command, chains_command, similar_command, groups_command,
    position_command;
#endif
