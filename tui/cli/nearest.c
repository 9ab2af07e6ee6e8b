/* The nearest known name of a misspelt one. */
#include "engine/base/memory.h"
#include "tui/cli/option_table.h"
#include <stdlib.h>
#include <string.h>

enum { LONGEST = 64 };

static int least(int a, int b)
{
    return a < b ? a : b;
}

/* Optimal string alignment: Levenshtein's distance with swaps of neighbours, the commonest slip of
 * the fingers. */
int edit_distance(const char *a, const char *b)
{
    int na = (int)strnlen(a, LONGEST), nb = (int)strnlen(b, LONGEST);
    int d[3][LONGEST + 1];
    for (int j = 0; j <= nb; j++)
        d[0][j] = j;
    for (int i = 1; i <= na; i++) {
        int *row = d[i % 3], *above = d[(i + 2) % 3], *above2 = d[(i + 1) % 3];
        row[0] = i;
        for (int j = 1; j <= nb; j++) {
            int change = above[j - 1] + (a[i - 1] != b[j - 1]);
            row[j] = least(change, least(above[j], row[j - 1]) + 1);
            if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
                row[j] = least(row[j], above2[j - 2] + 1);
        }
    }
    return d[na % 3][nb];
}

const char *nearest_name(const char *word, const char *const *names, size_t n)
{
    const char *best = NULL;
    size_t length = strlen(word);
    int limit = length < 4 ? 1 : length < 7 ? 2 : 3, found = limit + 1;
    for (size_t i = 0; i < n; i++) {
        int d = edit_distance(word, names[i]);
        if (length >= 3 && strncmp(word, names[i], length) == 0)
            d = least(d, 1); /* the beginning of a longer name */
        if (d < found)
            best = names[i], found = d;
    }
    return best;
}
