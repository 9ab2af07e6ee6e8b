/* Completions of three shells: one function a shell, data from the tables of commands, options and
 * views. */
#include "engine/hook.h"
#include "tui/cli/command.h"
#include "tui/cli/explorer_options.h"
#include "tui/shell/views.h"
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

/* What can stand in a place: words and files; of a class a name, then '=' and a file; what lies in
 * the Hugging Face cache. */
struct completes {
    bool files, classes, themes, models;
    struct strbuf words; /* with blanks between them */
};

static void word_add(struct completes *c, const char *word, size_t n)
{
    strbuf_addf(&c->words, "%s%.*s", c->words.len ? " " : "", (int)n, word);
}

static bool is_word(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!islower((unsigned char)s[i]) && !isdigit((unsigned char)s[i]) && !strchr("-,", s[i]))
            return false;
    return n > 1;
}

static bool has(const char *s, size_t n, const char *what)
{
    return memmem(s, n, what, strlen(what)) != NULL;
}

static void views_add(struct completes *c)
{
    for (int i = 0; i < N_VIEWS; i++)
        word_add(c, view_table[i]->name, strlen(view_table[i]->name));
}

/* As the table spells it: words stand for themselves, FILE and its like for files. */
static void spelled_add(struct completes *c, const char *spelled)
{
    static const char *const files[] = {"FILE", "PATH", "DIR", "CORPUS", "MODEL", "WORDS"};
    for (const char *p = spelled; *p; p += strspn(p, "|[] ")) {
        size_t n = strcspn(p, "|[] ");
        if (is_word(p, n))
            word_add(c, p, n);
        for (size_t i = 0; i < sizeof files / sizeof *files; i++)
            c->files |= has(p, n, files[i]);
        if (has(p, n, "VIEW"))
            views_add(c);
        c->models |= has(p, n, "MODEL") || has(p, n, "OWNER/NAME");
        p += n;
    }
}

/* Of the layers that small models have, and the points that most models have; others are typed. */
static void hooks_add(struct completes *c)
{
    char name[POINT_NAME_MAX];
    for (int16_t layer = -1; layer <= 12; layer++)
        for (int site = SITE_EMBED; site <= SITE_FINAL_NORM; site++) {
            if ((site == SITE_EMBED) != (layer < 0) || (site == SITE_FINAL_NORM) != (layer == 12) ||
                site == SITE_ATTN_MODULE || site == SITE_MLP_MODULE)
                continue;
            point_name((struct point){.layer = layer, .site = (uint8_t)site}, name);
            word_add(c, name, strlen(name));
        }
}

static void completes_value(struct completes *c, const struct option_row *r)
{
    *c = (struct completes){.classes = strcmp(r->name, "class") == 0,
                            .themes = strcmp(r->name, "theme") == 0};
    strbuf_init(&c->words);
    for (size_t i = 0; r->choices && r->choices[i]; i++)
        word_add(c, r->choices[i], strlen(r->choices[i]));
    if (strcmp(r->name, "hook") == 0)
        hooks_add(c);
    char **theme = c->themes ? theme_list() : NULL;
    for (size_t i = 0; theme && theme[i]; i++) {
        word_add(c, theme[i], strlen(theme[i]));
        free(theme[i]);
    }
    free(theme);
    if (!r->choices && !c->classes)
        spelled_add(c, r->arg);
}

static void completes_operand(struct completes *c, const struct command *command)
{
    *c = (struct completes){0};
    strbuf_init(&c->words);
    spelled_add(c, command->operands);
}

static bool completes_nothing(const struct completes *c)
{
    return !c->files && !c->classes && !c->models && c->words.len == 0;
}

/* Where the Hugging Face cache lies, for bash and zsh (engine/hub/cache.h). */
#define HUB_OF_SHELL                                                                               \
    "    local dir name ref hub=${XDG_CACHE_HOME:-$HOME/.cache}/huggingface\n"                     \
    "    hub=${HF_HUB_CACHE:-${HUGGINGFACE_HUB_CACHE:-${HF_HOME:-$hub}/hub}}\n"

/* ---- bash */
static void bash_action(struct strbuf *out, const struct completes *c)
{
    if (c->words.len)
        strbuf_addf(out, "_glimt_words \"%s\"; ", c->words.s);
    if (c->themes)
        strbuf_adds(out, "_glimt_themes; ");
    if (c->models)
        strbuf_adds(out, "_glimt_models; ");
    if (c->files)
        strbuf_adds(out, "_glimt_files; ");
    if (c->classes)
        strbuf_adds(out, "_glimt_class; ");
}

/* After an option that takes a value: the value, or nothing that is known. */
static void bash_values(struct strbuf *out, const char *command, const struct option_row *table)
{
    struct completes c;
    for (const struct option_row *r = table; r && r->name; r++) {
        if (!r->arg)
            continue;
        completes_value(&c, r);
        if (*command == '*')
            strbuf_addf(out, "    *\" --%s\") ", r->name);
        else
            strbuf_addf(out, "    \"%s --%s\") ", command, r->name);
        bash_action(out, &c);
        strbuf_adds(out, "return 0 ;;\n");
        strbuf_release(&c.words);
    }
}

/* What may follow `glimt` (g NULL), or a group's name. */
static void words_add(struct strbuf *out, const struct command_group *g, const char *between)
{
    int n = 0;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        if (g ? command_group(c) != g : !command_begins(c))
            continue;
        char *first = command_first_word(c);
        strbuf_addf(out, "%s%s", n++ ? between : "", g ? command_last_word(c) : first);
        free(first);
    }
}

static void own_names_add(struct strbuf *out, const struct option_row *table)
{
    for (const struct option_row *r = table; r && r->name; r++)
        strbuf_addf(out, " --%s", r->name);
}

static const char bash_functions[] =
    "_glimt_words() { mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -W \"$1\" -- \"$cur\"); "
    "}\n"
    "_glimt_files() {\n"
    "    compopt -o filenames 2>/dev/null\n"
    "    mapfile -t -O ${#COMPREPLY[@]} COMPREPLY < <(compgen -f -- \"$cur\")\n"
    "}\n"
    "_glimt_class() {\n"
    "    [[ $cur == *=* ]] || return\n"
    "    head+=${cur%%=*}= cur=${cur#*=}\n"
    "    _glimt_files\n"
    "}\n"
    "_glimt_themes() {\n"
    "    local file\n"
    "    for file in \"${XDG_CONFIG_HOME:-$HOME/.config}\"/glimt/themes/*.theme; do\n"
    "        file=${file##*/} file=${file%.theme}\n"
    "        [[ $file != '*' && $file == \"$cur\"* ]] && COMPREPLY+=(\"$file\")\n"
    "    done\n"
    "}\n"
    "_glimt_models() {\n" HUB_OF_SHELL "    for dir in \"${hub/#\\~/$HOME}\"/models--*/refs/*; do\n"
    "        ref=${dir##*/} name=${dir%/refs/*} name=${name##*/models--} name=${name/--//}\n"
    "        [[ $ref == main ]] || name+=@$ref\n"
    "        [[ -f $dir && $name == \"$cur\"* ]] || continue\n"
    "        [[ $cur != *@* || $COMP_WORDBREAKS != *@* ]] || name=${name#*@}\n"
    "        COMPREPLY+=(\"$name\")\n"
    "    done\n"
    "}\n";

/* Bash cuts words at '=' and '@' where COMP_WORDBREAKS has them; then the answer is what stands
 * behind. */
static const char bash_begin[] =
    "_glimt() {\n"
    "    local cur prev word head= command= own= after= skip= joined=() i n\n"
    "    COMPREPLY=()\n"
    "    for ((i = 1; i <= COMP_CWORD; i++)); do\n"
    "        word=${COMP_WORDS[i]} n=${#joined[@]}\n"
    "        if ((n > 0)) && [[ $word == [=@] || ${joined[n-1]} == *[=@] ]]; then\n"
    "            joined[n-1]+=$word\n"
    "        else\n"
    "            joined+=(\"$word\")\n"
    "        fi\n"
    "    done\n"
    "    n=${#joined[@]}\n"
    "    ((n > 0)) || return 0\n"
    "    cur=${joined[n-1]} prev=\n"
    "    ((n > 1)) && prev=${joined[n-2]}\n"
    "    if [[ $cur == --*=* ]]; then\n"
    "        prev=${cur%%=*} head=$prev= cur=${cur#*=}\n"
    "    fi\n"
    "    for word in \"${joined[@]:0:n-1}\"; do\n"
    "        if [[ $skip ]]; then\n"
    "            skip=\n"
    "            continue\n"
    "        fi\n"
    "        case $word in\n"
    "        --) after=$word ;;\n";

static const char bash_end[] = "    _glimt_complete\n"
                               "    if [[ $head && $COMP_WORDBREAKS != *=* ]]; then\n"
                               "        COMPREPLY=(\"${COMPREPLY[@]/#/\"$head\"}\")\n"
                               "    fi\n"
                               "}\n"
                               "complete -F _glimt glimt\n";

static bool is_met_before(size_t command, const char *name)
{
    size_t n = strlen(name);
    bool met = option_find(common_options, name, n) || option_find(explorer_options, name, n);
    for (size_t i = 0; i < command && !met; i++)
        met = option_find(command_options(cli_commands[i]), name, n) != NULL;
    return met;
}

static void bash_commands(struct strbuf *out)
{
    strbuf_adds(out, "        ");
    const char *bar = "";
    for (size_t i = 0; i <= 1; i++)
        for (const struct option_row *r = i ? explorer_options : common_options; r->name; r++)
            if (r->arg) {
                strbuf_addf(out, "%s--%s", bar, r->name);
                bar = "|";
            }
    for (size_t i = 0; cli_commands[i]; i++)
        for (const struct option_row *r = command_options(cli_commands[i]); r && r->name; r++)
            if (r->arg && !is_met_before(i, r->name))
                strbuf_addf(out, "|--%s", r->name);
    strbuf_adds(out,
                ") skip=1 ;;\n        -*) ;;\n        *) case ${command:+$command }$word in\n");
    for (const struct command_group *g = command_groups; g->name; g++)
        strbuf_addf(out, "            %s) command=%s own= ;;\n", g->name, g->name);
    for (size_t i = 0; cli_commands[i]; i++) {
        const char *name = cli_commands[i]->name;
        strbuf_addf(out, "            \"%s\") command=\"%s\" own=\"", name, name);
        own_names_add(out, command_options(cli_commands[i]));
        strbuf_adds(out, "\" ;;\n");
    }
    strbuf_adds(out, "            esac ;;\n        esac\n    done\n");
}

static void bash_complete(struct strbuf *out)
{
    strbuf_adds(out, "_glimt_complete() {\n    [[ $after ]] || case $command\" \"$prev in\n");
    for (size_t i = 0; cli_commands[i]; i++)
        bash_values(out, cli_commands[i]->name, command_options(cli_commands[i]));
    bash_values(out, "", explorer_options);
    bash_values(out, "*", common_options);
    strbuf_adds(out, "    esac\n    if [[ $cur == -* && ! $after ]]; then\n        "
                     "_glimt_words \"--help");
    own_names_add(out, common_options);
    strbuf_adds(out, " $own\"\n        [[ $command ]] || _glimt_words \"--version --completions");
    own_names_add(out, explorer_options);
    strbuf_adds(out, "\"\n        return 0\n    fi\n    case $command in\n    '') _glimt_words \"");
    words_add(out, NULL, " ");
    strbuf_adds(out, "\" ;;\n");
    for (const struct command_group *g = command_groups; g->name; g++) {
        strbuf_addf(out, "    %s) _glimt_words \"", g->name);
        words_add(out, g, " ");
        strbuf_adds(out, "\" ;;\n");
    }
    for (size_t i = 0; cli_commands[i]; i++) {
        struct completes c;
        completes_operand(&c, cli_commands[i]);
        if (!completes_nothing(&c)) {
            strbuf_addf(out, "    \"%s\") ", cli_commands[i]->name);
            bash_action(out, &c);
            strbuf_adds(out, ";;\n");
        }
        strbuf_release(&c.words);
    }
    strbuf_adds(out, "    esac\n}\n");
}

static void bash_add(struct strbuf *out)
{
    strbuf_adds(out, "# bash completion of glimt, made by: glimt --completions bash\n");
    strbuf_adds(out, bash_functions);
    bash_complete(out);
    strbuf_adds(out, bash_begin);
    bash_commands(out);
    strbuf_adds(out, bash_end);
}

/* ---- zsh */
static void zsh_quoted(struct strbuf *out, const char *s)
{
    for (; *s; s++) {
        if (strchr("[]:\\", *s))
            strbuf_addc(out, '\\');
        if (*s == '\'')
            strbuf_adds(out, "'\\''");
        else
            strbuf_addc(out, *s);
    }
}

static void zsh_place(struct strbuf *out, const char *what, const struct completes *c)
{
    strbuf_addf(out, ":%s:", what);
    if (c->classes)
        strbuf_adds(out, "_glimt_class");
    else if (c->themes)
        strbuf_adds(out, "_glimt_themes");
    else if (c->models)
        strbuf_adds(out, c->files ? "_glimt_models_or_files" : "_glimt_models");
    else if (c->files && c->words.len)
        strbuf_addf(out, " _glimt_files_or %s", c->words.s);
    else if (c->files)
        strbuf_adds(out, "_files");
    else if (c->words.len)
        strbuf_addf(out, "(%s)", c->words.s);
    else
        strbuf_addc(out, ' ');
}

/* Writes the names of the commands that have an option of this name of their own; their number. */
static int own_add(struct strbuf *out, const char *name)
{
    int n = 0;
    for (size_t i = 0; cli_commands[i]; i++)
        if (option_find(command_options(cli_commands[i]), name, strlen(name)))
            strbuf_addf(out, "%s\"%s\"", n++ ? " " : "", cli_commands[i]->name);
    return n;
}

static void zsh_options(struct strbuf *out, const struct option_row *table, const char *indent)
{
    struct completes c;
    for (const struct option_row *r = table; r && r->name; r++) {
        bool again = strcmp(r->name, "class") == 0 || strcmp(r->name, "sae") == 0 ||
                     strcmp(r->name, "hook") == 0;
        strbuf_addf(out, "%s'%s--%s%s[", indent, again ? "*" : "", r->name, r->arg ? "=" : "");
        zsh_quoted(out, r->help);
        strbuf_addc(out, ']');
        if (r->arg) {
            completes_value(&c, r);
            zsh_place(out, "value", &c);
            strbuf_release(&c.words);
        }
        strbuf_adds(out, "' \\\n");
    }
}

/* name\:"summary" of what may follow `glimt` (g NULL), or a group's name. */
static void zsh_words(struct strbuf *out, const struct command_group *g)
{
    int n = 0;
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        const struct command_group *of = command_group(c);
        if (g ? of != g : !command_begins(c))
            continue;
        strbuf_addf(out, "%s%s\\:\"", n++ ? " " : "",
                    g    ? command_last_word(c)
                    : of ? of->name
                         : c->name);
        zsh_quoted(out, !g && of ? of->summary : c->summary);
        strbuf_addc(out, '"');
    }
}

static void zsh_command(struct strbuf *out, const struct command *command)
{
    struct completes c;
    const struct command_group *g = command_group(command);
    strbuf_addf(out, "    %s%s) own=( \\\n", g ? "    " : "", command_last_word(command));
    zsh_options(out, command_options(command), "        ");
    completes_operand(&c, command);
    if (g) {
        strbuf_adds(out, "        '2:command:((");
        zsh_words(out, g);
        strbuf_adds(out, "))' \\\n");
    }
    strbuf_adds(out, "        '*");
    zsh_place(out, "operand", &c);
    strbuf_adds(out, "' \\\n        )");
    for (const struct option_row *r = common_options; r->name; r++)
        if (option_find(command_options(command), r->name, strlen(r->name)))
            strbuf_addf(out, " common=(\"${common[@]:#--%s[=\\[]*}\")", r->name);
    strbuf_adds(out, " ;;\n");
    strbuf_release(&c.words);
}

static void zsh_group(struct strbuf *out, const struct command_group *g)
{
    strbuf_addf(out, "    %s) case ${words[(r)(", g->name);
    words_add(out, g, "|");
    strbuf_adds(out, ")]} in\n");
    for (size_t i = 0; cli_commands[i]; i++)
        if (command_group(cli_commands[i]) == g)
            zsh_command(out, cli_commands[i]);
    strbuf_adds(out, "        *) own=('2:command:((");
    zsh_words(out, g);
    strbuf_adds(out, "))') ;;\n        esac ;;\n");
}

static void zsh_commands(struct strbuf *out)
{
    for (size_t i = 0; cli_commands[i]; i++)
        if (!command_group(cli_commands[i]))
            zsh_command(out, cli_commands[i]);
    for (const struct command_group *g = command_groups; g->name; g++)
        zsh_group(out, g);
    strbuf_adds(out, "    *) own=( \\\n"
                     "        '--version[version, with -v libraries]' \\\n"
                     "        '--completions[for a shell]:shell:(bash zsh fish)' \\\n");
    zsh_options(out, explorer_options, "        ");
    strbuf_adds(out, "        ) ;;\n");
}

static void zsh_add(struct strbuf *out)
{
    strbuf_adds(
        out, "#compdef glimt\n"
             "# zsh completion of glimt, made by: glimt --completions zsh\n"
             "_glimt_class() { if compset -P '*='; then _files; else _message 'NAME=FILE'; fi }\n"
             "_glimt_files_or() { _alternative \"words:word:($*)\" 'files:file:_files' }\n"
             "_glimt_themes() {\n"
             "    local -a themes=(");
    char **theme = theme_list();
    for (size_t i = 0; theme[i]; i++) {
        strbuf_addf(out, "%s%s", i ? " " : "", theme[i]);
        free(theme[i]);
    }
    free(theme);
    strbuf_adds(out, " ${XDG_CONFIG_HOME:-$HOME/.config}/glimt/themes/*.theme(N:t:r))\n"
                     "    compadd -a themes\n"
                     "}\n"
                     "_glimt_models() {\n"
                     "    local -a models\n" HUB_OF_SHELL
                     "    for dir in ${hub/#\\~/$HOME}/models--*/refs/*(N.); do\n"
                     "        ref=${dir:t} name=${dir:h:h:t}\n"
                     "        name=${${name#models--}/--//}\n"
                     "        [[ $ref == main ]] || name+=@$ref\n"
                     "        models+=($name)\n"
                     "    done\n"
                     "    compadd -a models\n"
                     "}\n"
                     "_glimt_models_or_files() {\n"
                     "    _alternative 'models:model:_glimt_models' 'files:folder:_files'\n"
                     "}\n"
                     "_glimt() {\n"
                     "    local -a own common=( \\\n");
    zsh_options(out, common_options, "        ");
    strbuf_adds(out, "        )\n    case ${words[(r)(");
    words_add(out, NULL, "|");
    strbuf_adds(out, ")]} in\n");
    zsh_commands(out);
    strbuf_adds(out, "    esac\n    _arguments $own $common \\\n"
                     "        '--help[what there is]' \\\n"
                     "        '1:command:((");
    zsh_words(out, NULL);
    strbuf_adds(out, "))'\n}\n_glimt \"$@\"\n");
}

/* ---- fish */
static const char fish_none[] = " -n '__glimt_is \"\"'";

static void fish_quoted(struct strbuf *out, const char *s)
{
    strbuf_addc(out, '\'');
    for (; *s; s++) {
        if (*s == '\'' || *s == '\\')
            strbuf_addc(out, '\\');
        strbuf_addc(out, *s);
    }
    strbuf_addc(out, '\'');
}

static void fish_place(struct strbuf *out, const struct completes *c)
{
    if (c->classes)
        strbuf_adds(out, " -a '(__glimt_class)'");
    else if (c->themes)
        strbuf_addf(out, " -a '%s (__glimt_themes)'", c->words.s);
    else if (c->models)
        strbuf_adds(out, " -a '(__glimt_models)'");
    else if (c->words.len)
        strbuf_addf(out, " -a '%s'", c->words.s);
    if (c->files)
        strbuf_adds(out, " -F");
}

/* The condition of an option that all have: not where a command has one of that name of its own. */
static void fish_common(struct strbuf *out, const char *name)
{
    struct strbuf own;
    strbuf_init(&own);
    if (own_add(&own, name))
        strbuf_addf(out, " -n 'not __glimt_is %s'", own.s);
    strbuf_release(&own);
}

/* condition NULL: of all commands. */
static void fish_options(struct strbuf *out, const char *condition, const struct option_row *table)
{
    struct completes c;
    for (const struct option_row *r = table; r && r->name; r++) {
        strbuf_addf(out, "complete -c glimt%s", condition ? condition : "");
        if (!condition)
            fish_common(out, r->name);
        strbuf_addf(out, " -l %s", r->name);
        if (r->arg) {
            completes_value(&c, r);
            strbuf_adds(out, c.files ? " -r" : " -x");
            fish_place(out, &c);
            strbuf_release(&c.words);
        }
        strbuf_adds(out, " -d ");
        fish_quoted(out, r->help);
        strbuf_addc(out, '\n');
    }
}

/* The command so far, and a word that goes on with it. */
static void fish_known(struct strbuf *out)
{
    for (const struct command_group *g = command_groups; g->name; g++)
        strbuf_addf(out, " ' %s'", g->name);
    for (size_t i = 0; cli_commands[i]; i++)
        strbuf_addf(out, " '%s%s'", command_group(cli_commands[i]) ? "" : " ",
                    cli_commands[i]->name);
}

static void fish_words(struct strbuf *out)
{
    for (size_t i = 0; cli_commands[i]; i++) {
        const struct command *c = cli_commands[i];
        const struct command_group *g = command_group(c);
        if (command_begins(c)) {
            strbuf_addf(out, "complete -c glimt%s -a %s -d ", fish_none, g ? g->name : c->name);
            fish_quoted(out, g ? g->summary : c->summary);
            strbuf_addc(out, '\n');
        }
        if (g) {
            strbuf_addf(out, "complete -c glimt -n '__glimt_is %s' -a %s -d ", g->name,
                        command_last_word(c));
            fish_quoted(out, c->summary);
            strbuf_addc(out, '\n');
        }
    }
}

static void fish_add(struct strbuf *out)
{
    strbuf_adds(out,
                "# fish completion of glimt, made by: glimt --completions fish\n"
                "function __glimt_class\n"
                "    set -l word (commandline -ct)\n"
                "    set word (string replace -r '^--class=' '' -- $word)\n"
                "    string match -q '*=*' -- $word; or return\n"
                "    set -l name (string replace -r '=.*' '=' -- $word)\n"
                "    for file in (__fish_complete_path (string replace -r '^[^=]*=' '' -- $word))\n"
                "        echo $name$file\n"
                "    end\n"
                "end\n"
                "function __glimt_themes\n"
                "    set -l config $XDG_CONFIG_HOME\n"
                "    test -n \"$config\"; or set config $HOME/.config\n"
                "    for file in $config/glimt/themes/*.theme\n"
                "        basename $file .theme\n"
                "    end\n"
                "end\n"
                "function __glimt_models\n"
                "    set -l hub $XDG_CACHE_HOME\n"
                "    test -n \"$hub\"; or set hub $HOME/.cache\n"
                "    set hub $hub/huggingface/hub\n"
                "    test -n \"$HF_HOME\"; and set hub $HF_HOME/hub\n"
                "    test -n \"$HUGGINGFACE_HUB_CACHE\"; and set hub $HUGGINGFACE_HUB_CACHE\n"
                "    test -n \"$HF_HUB_CACHE\"; and set hub $HF_HUB_CACHE\n"
                "    for file in (string replace -r '^~' $HOME -- $hub)/models--*/refs/*\n"
                "        test -f $file; or continue\n"
                "        set -l name (string replace -r '^.*/models--([^/]*)/refs/' '$1@' $file)\n"
                "        string replace -r '@main$' '' (string replace -- -- / $name)\n"
                "    end\n"
                "end\n"
                "function __glimt_is # the line's command, with its part, is one of these\n"
                "    set -l words (commandline -opc)\n"
                "    set -l found ''\n"
                "    for word in $words[2..]\n"
                "        switch \"$found $word\"\n"
                "            case");
    fish_known(out);
    strbuf_adds(out, "\n"
                     "                set found (string trim \"$found $word\")\n"
                     "        end\n"
                     "    end\n"
                     "    contains -- $found $argv\n"
                     "end\n"
                     "complete -c glimt -f\n");
    fish_words(out);
    strbuf_addf(out, "complete -c glimt%s -l version -d 'version, with -v libraries'\n", fish_none);
    strbuf_addf(out, "complete -c glimt%s -l completions -x -a 'bash zsh fish' -d 'for a shell'\n",
                fish_none);
    fish_options(out, fish_none, explorer_options);
    strbuf_adds(out, "complete -c glimt -l help -d 'what there is'\n");
    fish_options(out, NULL, common_options);
    for (size_t i = 0; cli_commands[i]; i++) {
        char condition[80];
        struct completes c;
        snprintf(condition, sizeof condition, " -n '__glimt_is \"%s\"'", cli_commands[i]->name);
        completes_operand(&c, cli_commands[i]);
        if (!completes_nothing(&c)) {
            strbuf_addf(out, "complete -c glimt%s", condition);
            fish_place(out, &c);
            strbuf_addc(out, '\n');
        }
        strbuf_release(&c.words);
        fish_options(out, condition, command_options(cli_commands[i]));
    }
}

bool completions_add(struct strbuf *out, const char *shell)
{
    if (strcmp(shell, "bash") == 0)
        bash_add(out);
    else if (strcmp(shell, "zsh") == 0)
        zsh_add(out);
    else if (strcmp(shell, "fish") == 0)
        fish_add(out);
    else
        return false;
    return true;
}
