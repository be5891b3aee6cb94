#include "cli/tool/tree.h"
#include "tests/lib/tap.h"

int main(void)
{
    static const unsigned depths[] = {0, 1, 2, 2, 1, 2};
    static const char *const want[] = {"", "├─ ", "│  ├─ ", "│  └─ ", "└─ ", "   └─ "};
    unsigned deep[2 * TREE_DEPTH];
    char text[TREE_TEXT];

    for (size_t i = 0; i < 6; i++) {
        tree_prefix(depths, 6, i, 1, text);
        is_str(text, want[i], "a row of the tree");
    }
    tree_prefix(depths, 6, 2, 0, text);
    is_str(text, "|  |- ", "without UTF-8");
    tree_prefix(depths, 6, 5, 0, text);
    is_str(text, "   `- ", "the last without UTF-8");
    for (unsigned i = 0; i < 2 * TREE_DEPTH; i++) {
        deep[i] = i;
    }
    tree_prefix(deep, 2 * TREE_DEPTH, 2 * TREE_DEPTH - 1, 1, text);
    ok(strlen(text) < TREE_TEXT, "a deep tree stays in its bounds");
    return done();
}
