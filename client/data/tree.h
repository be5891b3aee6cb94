/* tree.h - which files stand below some paths
 *
 * Regular files only, sorted by their path in the dataset: links are not followed but for
 * those named themselves, and counted; what is no file is left out.  Files of one folder
 * are named by their paths in it; of several paths by the last part of each and what is
 * below. Blocks.
 */
#ifndef CLIENT_DATA_TREE_H
#define CLIENT_DATA_TREE_H

#include "client/data/source.h"

#include <stdatomic.h>

#define TREE_FILES_MAX 262144u

struct tree {
    struct source *files; /* owned */
    size_t n, cap;
    uint64_t links; /* symbolic ones that were left out */
};

/* Sizes are those of now.  `stop` (may be NULL) ends it with WEFT_ECANCELLED when it
 * becomes nonzero. WEFT_ENOENT, WEFT_EIO, WEFT_EINVAL (a name that no dataset can hold;
 * two files of one path), WEFT_ETOOBIG (too many), WEFT_ENOMEM.  The tree is to be freed
 * in any case. */
int tree_walk(struct tree *t, const char *const *paths, size_t npaths,
              const atomic_int *stop, struct wf_err *err);

/* Room for one more source, which is zero. */
struct source *tree_add(struct tree *t);
void tree_fini(struct tree *t);

#endif
