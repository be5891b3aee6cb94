/* check.h - assertions about our own mistakes
 *
 * Kept in release builds.  Peer bytes, configuration and users never reach one:
 * those get an error.  A failed check ends the process, which is built to be
 * restarted at any instant.
 */
#ifndef COMMON_CHECK_H
#define COMMON_CHECK_H

#include <stdlib.h>

#define WF_CHECK(cond)                                                                   \
    do {                                                                                 \
        if (!(cond)) {                                                                   \
            abort();                                                                     \
        }                                                                                \
    } while (0)

#endif
