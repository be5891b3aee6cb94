/* root.h - integer square root, for code that may not use floats */
#ifndef COMMON_ROOT_H
#define COMMON_ROOT_H

#include "common/defs.h"

/* The largest integer whose square is at most `v`. */
uint32_t wf_root(uint64_t v);

#endif
