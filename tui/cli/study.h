/* What the commands that run studies share: their options, a lab with progress on standard error,
 * and printing a set of tables. Private to tui/cli. */
#ifndef GLIMT_TUI_CLI_STUDY_H
#define GLIMT_TUI_CLI_STUDY_H
#include "tui/cli/command.h"
#include "tui/lab/lab.h"

struct study_values { /* of all study commands: words of their options, NULL: not given */
    const char *given[PARAMS_MAX]; /* in the order of query_params */
    int limit;
    bool header, tokens;
    int32_t n_files;
    const char *file[CORPUS_MAX_CLASSES]; /* NAME=FILE */
};

struct inquiry { /* a command's request, its answer, and where it comes from */
    struct cli *cli;
    const struct study_values *values;
    struct workbench *wb;
    struct lab *lab;
    struct request request;
    struct unit_word word[UNITS_MAX]; /* operands, before it is known what there is */
    int32_t n_words;
    struct table_set *set;
    struct lab_facts facts;
    struct pass_cut cut; /* of a corpus: documents longer than the context */
};
/* What is asked, as far as the words say it; nothing is opened. operand: IDs first where the
 * command has them, then a corpus where the query reads one. Release in either case. */
bool inquiry_take(struct inquiry *, struct cli *, const struct study_values *, const struct query *,
                  int n_operands, char **operand, struct error *e);
/* Opens what the options name and answers. */
bool inquiry_answer(struct inquiry *, struct error *e);
/* Both. */
bool inquiry_run(struct inquiry *, struct cli *, const struct study_values *, const struct query *,
                 int n_operands, char **operand, struct error *e);
void inquiry_release(struct inquiry *);
/* The lab's loop for the command line: SIGINT cancels, progress is shown. */
struct lab_loop cli_loop(struct cli *);
const struct table *inquiry_table(const struct inquiry *, const char *name);
/* How many rows of the first table are printed; 0: all. */
int64_t inquiry_rows(const struct inquiry *);
/* {"NAME": [...], …} of the tables named (NULL-terminated) that are there; the first has at most
 * --rows rows. */
json_t *inquiry_json(const struct inquiry *, const char *const *names);
/* All as --json (root, taken over, with "parameters": what was asked), --csv (the first table
 * named) or text; and --svg. instead (NULL: none): printed in text and CSV for the first table. */
bool inquiry_print(struct inquiry *, json_t *root, const char *const *names,
                   const struct table *instead, struct error *e);
/* Asks, prints the tables named in every form, and releases. */
bool inquiry_plain(struct cli *, const struct study_values *, const struct query *, int n,
                   char **operand, const char *const *names, struct error *e);
/* Examples for people: the tokens below each other, each with what stands around it. New. */
struct table *examples_text(const struct inquiry *);
/* Lists of the logit lens and neighbours as one table, for CSV. New. */
struct table *lens_csv(const struct inquiry *);
#endif
