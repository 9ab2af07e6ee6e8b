/* Everything that can be done, one row each: help, key bar, palette, manual and tests come from
 * this table.
 *
 * Keys are spelled as event_name does. A key that types a character never acts while text is being
 * typed; each action has a key that is neither Alt nor a function key (tests hold the table to it).
 */
#ifndef GLIMT_TUI_ACTION_H
#define GLIMT_TUI_ACTION_H
#include "tui/layout.h"
#include "tui/term/event.h"
#include "tui/view_table.h"

/* Contexts: typing, or command state with one of the panes focused. */
enum where {
    IN_TYPING = 1 << 0,
    IN_TEXT = 1 << 1,
    IN_LATENTS = 1 << 2,
    IN_NEXT = 1 << 3,
    IN_SLIDERS = 1 << 4,
    IN_LOSS = 1 << 5,
    IN_LATENTS_VIEW = 1 << 6,
    IN_HISTOGRAMS_VIEW = 1 << 7,
    IN_SWEEP_VIEW = 1 << 8,
    IN_CORPUS_VIEW = 1 << 9,
    IN_JOBS_VIEW = 1 << 10,
    IN_CONTRAST_VIEW = 1 << 13,
    IN_NEURONS_VIEW = 1 << 14,
    IN_VIEW = 1 << 12, /* a view without actions of its own */
    IN_VIEWS = IN_VIEW | IN_LATENTS_VIEW | IN_HISTOGRAMS_VIEW | IN_SWEEP_VIEW | IN_CORPUS_VIEW |
               IN_JOBS_VIEW | IN_CONTRAST_VIEW | IN_NEURONS_VIEW,
    IN_HISTOGRAM = 1 << 11,
    IN_LISTS = IN_LATENTS | IN_NEXT | IN_SLIDERS | IN_LOSS | IN_HISTOGRAM,
    IN_COMMAND = IN_TEXT | IN_LISTS,
    IN_ANY = IN_COMMAND | IN_VIEWS, /* command state, whatever is shown */
    IN_ALL = IN_TYPING | IN_ANY
};

#define VIEW_ACTION(X, id, name, key, help) X(VIEW_##id, "view-" #name, key, IN_ANY, "", help)

/* id, name, keys (the first is the one shown), where, label in the key bar ("": not there), help
 * line */
#define ACTIONS(X)                                                                                 \
    X(LEAVE, "leave", "Esc", IN_TYPING, "commands", "stop typing: keys are commands")              \
    X(TYPE, "type", "i", IN_COMMAND, "type", "type text at the cursor")                            \
    X(TYPE_HERE, "type-here", "Enter", IN_TEXT, "", "type text at the cursor")                     \
    X(NEXT_PANE, "next-pane", "Tab", IN_ALL, "pane", "focus the next pane")                        \
    X(PREVIOUS_PANE, "previous-pane", "Shift-Tab", IN_ALL, "", "focus the previous pane")          \
    X(TOKEN_LEFT, "token-left", "Left h", IN_TEXT, "token", "the token before")                    \
    X(TOKEN_RIGHT, "token-right", "Right l", IN_TEXT, "", "the token after")                       \
    X(ROW_UP, "row-up", "Up k", IN_TEXT, "", "a row up")                                           \
    X(ROW_DOWN, "row-down", "Down j", IN_TEXT, "", "a row down")                                   \
    X(ROW_HOME, "row-home", "Home", IN_TEXT, "", "the start of the row")                           \
    X(ROW_END, "row-end", "End", IN_TEXT, "", "the end of the row")                                \
    X(LINE_FIRST, "first-of-line", "Ctrl-A", IN_TEXT, "", "the first token of the line")           \
    X(LINE_LAST, "last-of-line", "Ctrl-E", IN_TEXT, "", "the last token of the line")              \
    X(TEXT_FIRST, "first-token", "< Ctrl-Home", IN_TEXT, "", "the first token of the text")        \
    X(TEXT_LAST, "last-token", "> Ctrl-End", IN_TEXT, "", "the last token of the text")            \
    X(LIST_UP, "up", "Up k", IN_LISTS, "", "the row above")                                        \
    X(LIST_DOWN, "down", "Down j", IN_LISTS, "", "the row below")                                  \
    X(LIST_HOME, "first", "Home <", IN_LISTS, "", "the first row")                                 \
    X(LIST_END, "last", "End >", IN_LISTS, "", "the last row")                                     \
    X(HALF_DOWN, "half-page-down", "Ctrl-D PageDown", IN_COMMAND, "", "half a page down")          \
    X(HALF_UP, "half-page-up", "Ctrl-U PageUp", IN_COMMAND, "", "half a page up")                  \
    X(COLOUR_BY, "colour-by", "Enter", IN_LATENTS | IN_SLIDERS, "colour by it",                    \
      "colour the text by this latent")                                                            \
    X(TAKE, "take", "f", IN_LATENTS, "slider", "take the latent as a slider; then fix or free it") \
    X(FIX, "fix", "f", IN_COMMAND & ~IN_LATENTS, "fix/free",                                       \
      "fix the selected slider's value, or free it")                                               \
    X(ACCEPT, "accept", "Enter", IN_NEXT, "append", "put the predicted token into the text")       \
    X(UP, "value-up", "]", IN_COMMAND, "", "selected slider + 0.5")                                \
    X(DOWN, "value-down", "[", IN_COMMAND, "] value", "selected slider − 0.5")                     \
    X(UP_FINE, "value-up-fine", "}", IN_COMMAND, "", "selected slider + 0.1")                      \
    X(DOWN_FINE, "value-down-fine", "{", IN_COMMAND, "", "selected slider − 0.1")                  \
    X(SLIDE_RIGHT, "slide-right", "Right l", IN_SLIDERS, "", "this slider + 0.5")                  \
    X(SLIDE_LEFT, "slide-left", "Left h", IN_SLIDERS, "", "this slider − 0.5")                     \
    X(SLIDE_RIGHT_FINE, "slide-right-fine", "Shift-Right", IN_SLIDERS, "", "this slider + 0.1")    \
    X(SLIDE_LEFT_FINE, "slide-left-fine", "Shift-Left", IN_SLIDERS, "", "this slider − 0.1")       \
    X(SWEEP, "sweep", "s", IN_COMMAND, "sweep",                                                    \
      "measure the loss along the value: curves as tracks")                                        \
    X(HARVEST, "harvest", "H", IN_ANY, "",                                                         \
      "harvest the corpus in use: shares, histograms, all latents")                                \
    X(BLINK, "blink", "Space", IN_COMMAND, "blink",                                                \
      "without the fixed values, and back; changes are marked")                                    \
    X(TWIN, "twin", "T", IN_COMMAND, "", "losses of this line and its twin (lines in pairs)")      \
    X(VALUE, "value", "=", IN_COMMAND, "", "type a value for the selected slider")                 \
    X(MEDIAN, "median", "M", IN_COMMAND, "", "selected slider to its latent's median")             \
    X(RESET, "reset", "0", IN_COMMAND, "", "free the selected slider and put it back to 0")        \
    X(REPEAT, "repeat", ".", IN_COMMAND, "", "the last change again, on the selected slider")      \
    X(REMOVE, "remove", "x Delete", IN_SLIDERS, "", "take the latent off the sliders")             \
    X(COLOURING, "colouring", "c F2", IN_TYPING | IN_COMMAND, "colouring",                         \
      "next colouring: pre, activation, loss, difference")                                         \
    X(COLOUR_ALL, "colour-all", "a", IN_COMMAND, "", "colour by all sliders' latents together")    \
    X(LEGEND, "legend", "C", IN_COMMAND, "", "show the scale of the colours")                      \
    X(RAIL, "rail", "v", IN_COMMAND, "", "show values as a rail below each line")                  \
    X(DICT, "dictionary-next", "D", IN_ANY, "dictionary",                                          \
      "list the latents of the next dictionary")                                                   \
    X(INSERT, "insert-next", "I", IN_COMMAND, "",                                                  \
      "what is inserted: nothing, the SAE, the SAE + error")                                       \
    X(CONTEXT, "context-next", "J", IN_COMMAND, "",                                                \
      "each line its own sequence, or all of the text one")                                        \
    VIEWS(VIEW_ACTION, X)                                                                          \
    X(NEURONS_TYPE, "type-here-too", "i", IN_NEURONS_VIEW, "type", "type text at the cursor")      \
    X(NEURONS_OFF, "other-slider", "e", IN_NEURONS_VIEW, "on/off",                                 \
      "the slider that is moved: on, or off")                                                      \
    X(NEURONS_MEANS, "to-means", "0", IN_NEURONS_VIEW, "means",                                    \
      "on and off at the means of the classes again")                                              \
    X(NEURONS_LAYER, "whole-layer", "n", IN_NEURONS_VIEW, "layer",                                 \
      "all neurons of the layer, or the chosen units")                                             \
    X(NEURONS_BOOSTS, "boosts", "B", IN_NEURONS_VIEW, "", "tokens that the unit boosts")           \
    X(NEURONS_ATTRIBUTION, "attribution", "a", IN_NEURONS_VIEW, "logit",                           \
      "what the unit gives the next token's logit, layer by layer")                                \
    X(NEURONS_PATCH, "patch", "p", IN_NEURONS_VIEW, "",                                            \
      "the loss with one component as with the unit off")                                          \
    X(NEURONS_EFFECTS, "effects", "E", IN_NEURONS_VIEW, "",                                        \
      "direct and indirect effects of switching it off")                                           \
    X(NEURONS_DOWNSTREAM, "downstream", "d", IN_NEURONS_VIEW, "later",                             \
      "later units that change with it")                                                           \
    X(NEURONS_SHIFT, "shift", "S", IN_NEURONS_VIEW, "",                                            \
      "by how much the later unit that is selected is shifted")                                    \
    X(NEURONS_EXAMPLES, "examples", "x", IN_NEURONS_VIEW, "texts",                                 \
      "texts whose tokens it helps most")                                                          \
    X(NEURONS_CHAINS, "chains", "c", IN_NEURONS_VIEW, "",                                          \
      "through which later units it reaches the loss")                                             \
    X(NEURONS_SIMILAR, "similar", "g", IN_NEURONS_VIEW, "", "units that write as it does")         \
    X(CONTRAST_WORD, "place-word", "i", IN_CONTRAST_VIEW, "word",                                  \
      "type a word: it is placed among the others")                                                \
    X(CONTRAST_SWAP, "swap-axes", "x", IN_CONTRAST_VIEW, "x/y",                                    \
      "swap the axes: the selected unit is the one across")                                        \
    X(CONTRAST_UNITS, "contrast-units", "n", IN_CONTRAST_VIEW, "neurons",                          \
      "neurons of the hooked activation, or latents")                                              \
    X(CONTRAST_VECTOR, "word-vector", "e", IN_CONTRAST_VIEW, "token",                              \
      "a word's vector: its last token, the mean, the first")                                      \
    X(CONTRAST_LIST, "next-words", "w", IN_CONTRAST_VIEW, "words",                                 \
      "the next list of words that comes with glimt")                                              \
    X(CONTRAST_AGAINST, "against", "g", IN_CONTRAST_VIEW, "",                                      \
      "against the next class alone, or against all others")                                       \
    X(CONTRAST_DICTS, "all-dicts", "a", IN_CONTRAST_VIEW, "",                                      \
      "neurons against latents of every dictionary, or of one")                                    \
    X(VIEW_UP, "view-up", "Up k", IN_VIEWS, "", "the row above")                                   \
    X(VIEW_DOWN, "view-down", "Down j", IN_VIEWS, "", "the row below")                             \
    X(VIEW_LEFT, "view-left", "Left h", IN_VIEWS, "", "to the left: column, panel, value")         \
    X(VIEW_RIGHT, "view-right", "Right l", IN_VIEWS, "", "to the right: column, panel, value")     \
    X(VIEW_HOME, "view-first", "Home <", IN_VIEWS, "", "the first row")                            \
    X(VIEW_END, "view-last", "End >", IN_VIEWS, "", "the last row")                                \
    X(VIEW_PAGE_DOWN, "view-page-down", "PageDown Ctrl-D", IN_VIEWS, "", "a page down")            \
    X(VIEW_PAGE_UP, "view-page-up", "PageUp Ctrl-U", IN_VIEWS, "", "a page up")                    \
    X(VIEW_ENTER, "view-enter", "Enter", IN_VIEWS, "open",                                         \
      "colour the text by this latent; a job: its view")                                           \
    X(VIEW_BACK, "view-back", "Esc", IN_VIEWS, "", "clear the filter; else back to the text")      \
    X(VIEW_TAKE, "view-take", "f", IN_VIEWS & ~IN_JOBS_VIEW, "fix/free",                           \
      "take the latent as a slider; then fix or free it")                                          \
    X(SORT, "sort", "o", IN_LATENTS_VIEW | IN_CONTRAST_VIEW | IN_NEURONS_VIEW, "sort",             \
      "sort by the column (again: the other way)")                                                 \
    X(FILTER, "filter", "/", IN_LATENTS_VIEW | IN_CORPUS_VIEW, "filter",                           \
      "filter latents (words, da>0.2 en<0.05); find a text")                                       \
    X(NEXT_MATCH, "next-match", "n", IN_CORPUS_VIEW, "", "the next place that matches")            \
    X(PREVIOUS_MATCH, "previous-match", "N", IN_CORPUS_VIEW, "", "the place before that matches")  \
    X(TARGET, "target", "t",                                                                       \
      IN_LATENTS_VIEW | IN_HISTOGRAMS_VIEW | IN_CORPUS_VIEW | IN_CONTRAST_VIEW | IN_NEURONS_VIEW,  \
      "class", "the next class is the one asked about")                                            \
    X(LOG, "log", "L",                                                                             \
      IN_LATENTS_VIEW | IN_HISTOGRAMS_VIEW | IN_SWEEP_VIEW | IN_HISTOGRAM | IN_CONTRAST_VIEW |     \
          IN_NEURONS_VIEW,                                                                         \
      "log", "logarithmic scale, or linear")                                                       \
    X(MIRROR, "mirror", "b",                                                                       \
      IN_LATENTS_VIEW | IN_HISTOGRAMS_VIEW | IN_HISTOGRAM | IN_CONTRAST_VIEW | IN_NEURONS_VIEW,    \
      "mirror", "classes back to back, or over each other")                                        \
    X(SWEEP_KIND, "sweep-kind", "e", IN_SWEEP_VIEW, "error kept",                                  \
      "with the reconstruction error left out, or kept")                                           \
    X(SWEEP_CHANGE, "sweep-change", "d", IN_SWEEP_VIEW, "change",                                  \
      "the loss, its change, or the paired difference")                                            \
    X(COLOUR_KIND, "colour-kind", "c", IN_CORPUS_VIEW, "colour",                                   \
      "colour by pre-activation, or mark active tokens")                                           \
    X(JOB_CANCEL, "job-cancel", "x", IN_JOBS_VIEW, "cancel",                                       \
      "cancel the job; what is done is kept")                                                      \
    X(UNDO, "undo", "u Ctrl-_ Alt-u", IN_ALL, "undo",                                              \
      "take back the last change of text or sliders")                                              \
    X(REDO, "redo", "Ctrl-R Alt-r", IN_ALL, "", "do again what was taken back")                    \
    X(COPY, "copy", "y", IN_ANY, "", "copy the text, a command line or the state")                 \
    X(ZOOM, "zoom", "z", IN_ANY, "", "this pane alone, or all again")                              \
    X(MOUSE, "mouse-toggle", "m", IN_ANY, "", "leave the mouse to the terminal, or take it back")  \
    X(PALETTE, "palette", ":", IN_ANY, "command", "all commands, found by typing parts of them")   \
    X(HELP, "help", "? F1", IN_ALL, "help", "the keys of this pane")                               \
    X(MESSAGES, "messages", "!", IN_ANY, "", "what the status line has said, with the times")      \
    X(PROOF, "proof", "P", IN_ANY, "", "what was assumed of the SAE, and how well it rebuilds")    \
    X(QUIT, "quit", "q", IN_ANY, "quit", "quit; text and sliders are there next time")             \
    X(SUSPEND, "suspend", "Ctrl-Z", IN_ALL, "", "suspend to the shell")                            \
    X(CANCEL, "cancel", "Ctrl-C", IN_ALL, "", "stop what runs; again: ask whether to quit")        \
    X(REPAINT, "repaint", "Ctrl-L", IN_ALL, "", "draw the screen anew")                            \
    X(EDIT_LEFT, "left", "Left Ctrl-B", IN_TYPING, "",                                             \
      "a character back (Shift selects, here and below)")                                          \
    X(EDIT_RIGHT, "right", "Right Ctrl-F", IN_TYPING, "", "a character on")                        \
    X(EDIT_UP, "line-up", "Up Ctrl-P", IN_TYPING, "", "a row up")                                  \
    X(EDIT_DOWN, "line-down", "Down Ctrl-N", IN_TYPING, "", "a row down")                          \
    X(EDIT_WORD_LEFT, "word-left", "Ctrl-Left Alt-b", IN_TYPING, "", "a word back")                \
    X(EDIT_WORD_RIGHT, "word-right", "Ctrl-Right Alt-f", IN_TYPING, "", "a word on")               \
    X(EDIT_ROW_START, "start-of-row", "Home", IN_TYPING, "", "start of the row")                   \
    X(EDIT_ROW_END, "end-of-row", "End", IN_TYPING, "", "end of the row")                          \
    X(EDIT_LINE_START, "start-of-line", "Ctrl-A", IN_TYPING, "", "start of the line")              \
    X(EDIT_LINE_END, "end-of-line", "Ctrl-E", IN_TYPING, "", "end of the line")                    \
    X(EDIT_TEXT_START, "start-of-text", "Ctrl-Home", IN_TYPING, "", "start of the text")           \
    X(EDIT_TEXT_END, "end-of-text", "Ctrl-End", IN_TYPING, "", "end of the text")                  \
    X(EDIT_PAGE_UP, "page-up", "PageUp", IN_TYPING, "", "a page up")                               \
    X(EDIT_PAGE_DOWN, "page-down", "PageDown", IN_TYPING, "", "a page down")                       \
    X(EDIT_BACKSPACE, "backspace", "Backspace Ctrl-H", IN_TYPING, "",                              \
      "delete the character before")                                                               \
    X(EDIT_DELETE, "delete", "Delete Ctrl-D", IN_TYPING, "",                                       \
      "delete the character under the cursor")                                                     \
    X(EDIT_KILL_WORD_LEFT, "kill-word-back", "Ctrl-W Alt-Backspace", IN_TYPING, "",                \
      "cut the selection or word before")                                                          \
    X(EDIT_KILL_WORD_RIGHT, "kill-word", "Ctrl-Delete Alt-d", IN_TYPING, "", "cut the word after") \
    X(EDIT_KILL_TO_START, "kill-to-start", "Ctrl-U", IN_TYPING, "",                                \
      "cut to the start of the line")                                                              \
    X(EDIT_KILL_TO_END, "kill-to-end", "Ctrl-K", IN_TYPING, "", "cut to the end of the line")      \
    X(EDIT_YANK, "yank", "Ctrl-Y", IN_TYPING, "", "put back what was cut")                         \
    X(EDIT_NEWLINE, "newline", "Enter", IN_TYPING, "", "a new line")

enum action_id {
    ACTION_NONE = -1,
#define X(id, name, keys, where, bar, help) ACTION_##id,
    ACTIONS(X)
#undef X
        N_ACTIONS
};

struct action {
    const char *name, *keys;
    unsigned where; /* enum where, or-ed */
    const char *bar, *help;
};
extern const struct action actions[N_ACTIONS];

/* The context of command state in a pane. */
enum where action_where(enum pane, bool typing);
/* What an event does in a context. Shift is looked through for motions of the editor (it selects).
 */
enum action_id action_for(const struct event *, enum where);
enum action_id action_named(const char *name); /* ACTION_NONE: no such */
/* The first key, as shown. */
void action_key(enum action_id, char *out, size_t n);
/* The i-th key spelled out; false when there are fewer. */
bool action_key_at(enum action_id, int i, char *out, size_t n);
#endif
