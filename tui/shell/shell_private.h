/* What the files of the shell share: bars, overlays, the palette. Private to it. */
#ifndef GLIMT_SHELL_SHELL_PRIVATE_H
#define GLIMT_SHELL_SHELL_PRIVATE_H
#include "tui/shell/shell.h"

/* After anything that may move what stands on the screen. */
void shell_arrange(struct shell *);

/* The view gets what it wishes, and hears of what has changed: views_sync. */
void shell_sync(struct shell *);
/* An action that the view shown has left. */
void shell_act(struct shell *, enum action_id);

/* What the dictionary listed is called; the title follows it. */
void shell_dict_name(const struct shell *, char *out, size_t n);
void shell_entitle(struct shell *);

#define UNIT_UNSET ((struct unit_id){-2, -1}) /* of the colour, until the chosen ones are known */
/* Sliders, colour and undo are about units of shell->dicts: they move to where those are now. */
void earlier_move(struct shell *, const struct dict_set *now);
/* What is nowhere goes, and is said once. */
void earlier_drop(struct shell *, const struct dict_set *now);

/* ---- the bar of keys */
struct key_label {
    enum action_id action;
    char key[32];
    int x, w; /* columns of the screen, on the row bars.keys */
};
#define KEY_LABELS_MAX 40
/* What has room, from the left: the essential ones before all others. How many. */
int key_bar(const struct shell *, struct key_label out[KEY_LABELS_MAX]);
/* A press on the bar does what its key does; false: not on the bar. */
bool key_bar_press(struct shell *, const struct event *);

/* ---- tabs */
struct tabs { /* views first … end − 1 have one; where not all have room, marks beside them */
    int first, end, x;
    int before,
        after; /* columns of the marks, −1: none; a press on one shows the next view there */
    int tab_x[VIEWS_MAX], tab_w[VIEWS_MAX];
};
bool tabs_place(const struct shell *, struct tabs *);  /* false: the title has none */
bool tabs_press(struct shell *, const struct event *); /* false: not on one */

/* ---- overlays */
void shell_prompt(struct shell *, enum overlay, const char *text);
bool overlay_event(struct shell *, const struct event *); /* false: there is none */

/* ---- pages: the help, the messages, the proof of the SAE */
void page_open(struct shell *, enum overlay);
void page_arrange(struct shell *); /* after anything that may change its lines */
void page_event(struct shell *, const struct event *);
void page_prove(struct shell *); /* asks for the proof, unless it is there, and opens its page */

/* ---- commands and the palette */
struct palette_item {
    const char *name, *args, *help;
    enum action_id action; /* ACTION_NONE: a command with arguments only */
    int score;
};
#define PALETTE_MAX 128
/* A line typed; asks: before a file is replaced. */
bool shell_command_line(struct shell *, const char *line, bool asks);
/* What takes arguments under a name; false: no such. */
struct shell_command {
    const char *name;
    const char *const *values; /* that Tab offers; NULL: none */
    const char *endings;       /* of the files it takes, "": all; NULL: it takes none */
};
bool shell_command_named(const struct shell *, const char *name, size_t n,
                         struct shell_command *out);
/* The i-th that can be typed; false: there are fewer. */
bool shell_command_at(const struct shell *, int i, struct palette_item *out);
/* Commands, and actions that the view shown has, best first. */
int palette_find(const struct shell *, struct palette_item out[PALETTE_MAX]);
void palette_complete(struct shell *, int by); /* Tab: by 1; Shift-Tab: −1 */
void palette_run(struct shell *);              /* Enter */
void palette_event(struct shell *, const struct event *);

/* The name behind a command, as far as it is clear; again: one after the other. endings:
 * file_names_find. */
void file_prompt_complete(struct shell *, const char *command, const char *typed,
                          const char *endings, const char *const *words, int by);
void file_prompt_end(struct shell *); /* the name is another now */

/* ---- questions */
/* In less than w columns, so that "y/n" is seen. */
void question_label(const struct shell *, int w, bool ascii, char *out, size_t n);
void question_event(struct shell *, const struct event *);

/* ---- drawing */
struct painting {
    const struct shell *shell;
    const struct theme *theme;
    struct grid *grid;
    bool ascii;
};
void draw_bars(const struct painting *); /* title, status, keys */
void draw_title(const struct painting *);
void draw_keys(const struct painting *);
void draw_overlay(const struct painting *);
void draw_page(const struct painting *);
void draw_files(const struct painting *, struct rect above); /* in place of the commands */
#endif
