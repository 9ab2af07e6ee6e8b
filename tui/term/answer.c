#include "tui/term/answer.h"
#include <stdbool.h>
#include <string.h>

#define ESC 0x1B
#define BEL 0x07
#define MAX_ANSWER ((size_t)256)

static bool is_digit(char c)
{
    return c >= '0' && c <= '9';
}

/* s: what stands between the prefix and the final byte; its numbers. */
static size_t count_numbers(const char *s, size_t n)
{
    size_t count = n > 0;
    for (size_t i = 0; i < n; i++)
        count += s[i] == ';';
    return count;
}

static bool are_numbers(const char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (!is_digit(s[i]) && s[i] != ';')
            return false;
    return true;
}

static bool ends_private(const char *numbers, size_t n, char final)
{
    if (final == 'y')
        return n > 0 && numbers[n - 1] == '$' && are_numbers(numbers, n - 1);
    return (final == 'c' || final == 'n' || final == 'R') && are_numbers(numbers, n);
}

static enum answer private_csi(const char *s, size_t n)
{
    if (are_numbers(s, n) || (s[n - 1] == '$' && are_numbers(s, n - 1)))
        return ANSWER_PART;
    return ends_private(s, n - 1, s[n - 1]) ? ANSWER_WHOLE : ANSWER_NO;
}

static enum answer mouse_csi(const char *s, size_t n)
{
    if (are_numbers(s, n))
        return ANSWER_PART;
    bool ends = s[n - 1] == 'M' || s[n - 1] == 'm';
    return ends && are_numbers(s, n - 1) && count_numbers(s, n - 1) == 3 ? ANSWER_WHOLE : ANSWER_NO;
}

/* The status (0 or 3 and n), the cursor's position (two numbers and R), the focus. */
static enum answer plain_csi(const char *s, size_t n)
{
    size_t count = count_numbers(s, n - 1);
    char final = s[n - 1];
    if (n == 1 && (final == 'I' || final == 'O'))
        return ANSWER_WHOLE;
    if (are_numbers(s, n))
        return s[0] != ';' && count_numbers(s, n) <= 2 ? ANSWER_PART : ANSWER_NO;
    if (!are_numbers(s, n - 1))
        return ANSWER_NO;
    bool status = final == 'n' && n == 2 && (s[0] == '0' || s[0] == '3');
    return status || (final == 'R' && count == 2) ? ANSWER_WHOLE : ANSWER_NO;
}

static enum answer csi(const char *s, size_t n)
{
    if (n == 0)
        return ANSWER_PART;
    if (s[0] == '?')
        return n == 1 ? ANSWER_PART : private_csi(s + 1, n - 1);
    if (s[0] == '<')
        return n == 1 ? ANSWER_PART : mouse_csi(s + 1, n - 1);
    if (s[0] == '>' || s[0] == '=') {
        if (are_numbers(s + 1, n - 1))
            return ANSWER_PART;
        return s[n - 1] == 'c' && are_numbers(s + 1, n - 2) ? ANSWER_WHOLE : ANSWER_NO;
    }
    return plain_csi(s, n);
}

static enum answer osc(const char *s, size_t n)
{
    if (n > 1 && s[n - 1] == ';')
        return are_numbers(s, n - 1) ? ANSWER_STRING : ANSWER_NO;
    return are_numbers(s, n) && (n == 0 || s[0] != ';') ? ANSWER_PART : ANSWER_NO;
}

static enum answer dcs(const char *s, size_t n)
{
    static const char *const begins[] = {"0$r", "1$r"};
    for (size_t i = 0; i < sizeof begins / sizeof *begins; i++)
        if (n <= 3 && strncmp(begins[i], s, n) == 0)
            return n == 3 ? ANSWER_STRING : ANSWER_PART;
    return ANSWER_NO;
}

enum answer answer_of(const char *s, size_t n)
{
    switch (s[0]) {
    case '[': return csi(s + 1, n - 1);
    case ']': return osc(s + 1, n - 1);
    case 'P': return dcs(s + 1, n - 1);
    default: return ANSWER_NO;
    }
}

static size_t string_length(const char *s, size_t n, size_t at)
{
    for (; at < n && at < MAX_ANSWER; at++) {
        if (s[at] == BEL)
            return at + 1;
        if (s[at] == ESC)
            return at + 1 < n && s[at + 1] == '\\' ? at + 2 : 0;
    }
    return 0;
}

size_t answer_length(const char *s, size_t n)
{
    if (n == 0 || s[0] != ESC)
        return 0;
    for (size_t k = 1; k < n && k < MAX_ANSWER; k++)
        switch (answer_of(s + 1, k)) {
        case ANSWER_NO: return 0;
        case ANSWER_PART: break;
        case ANSWER_STRING: return string_length(s, n, k + 1);
        case ANSWER_WHOLE: return k + 1;
        }
    return 0;
}
