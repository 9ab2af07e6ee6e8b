/* What a terminal says by itself: answers to questions (DA1, DECRPM, DECRQSS, OSC 11, DSR, CPR) and
 * reports of mouse and focus. */
#ifndef GLIMT_TERM_ANSWER_H
#define GLIMT_TERM_ANSWER_H
#include <stddef.h>

enum answer {
    ANSWER_NO,
    ANSWER_PART,   /* it may become one */
    ANSWER_STRING, /* the beginning of one that goes on until its terminator */
    ANSWER_WHOLE
};

/* What the n ≥ 1 bytes behind an ESC are. */
enum answer answer_of(const char *s, size_t n);
/* The length of the whole answer that s begins with, its ESC and terminator included; 0: it begins
 * with none. */
size_t answer_length(const char *s, size_t n);
#endif
