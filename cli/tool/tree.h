/* tree.h - the lines in front of a tree's rows
 *
 * Rows come in depth-first order, each with its depth (the root is 0).  Pure.
 */
#ifndef CLI_TOOL_TREE_H
#define CLI_TOOL_TREE_H

#include <stddef.h>

#define TREE_DEPTH 8
#define TREE_TEXT  (TREE_DEPTH * 9 + 1)

/* The prefix of row `i` of `n`: "", "├─ ", "│  └─ "; with |- and `- unless `utf8`. */
void tree_prefix(const unsigned *depths, size_t n, size_t i, int utf8,
                 char text[TREE_TEXT]);

#endif
