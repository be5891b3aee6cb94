#include "cli/tool/tree.h"

#include <string.h>

/* 1 when another row at `depth` follows below the same parent as row `i`. */
static int continues(const unsigned *depths, size_t n, size_t i, unsigned depth)
{
    for (size_t j = i + 1; j < n && depths[j] >= depth; j++) {
        if (depths[j] == depth) {
            return 1;
        }
    }
    return 0;
}

void tree_prefix(const unsigned *depths, size_t n, size_t i, int utf8,
                 char text[TREE_TEXT])
{
    unsigned depth = depths[i] < TREE_DEPTH ? depths[i] : TREE_DEPTH;

    text[0] = '\0';
    for (unsigned d = 1; d < depth; d++) {
        int more = continues(depths, n, i, d);

        strcat(text, !more ? "   " : utf8 ? "│  " : "|  ");
    }
    if (depth > 0) {
        int more = continues(depths, n, i, depth);

        strcat(text, utf8 ? (more ? "├─ " : "└─ ") : (more ? "|- " : "`- "));
    }
}
