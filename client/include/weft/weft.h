/* weft.h - the weft client SDK
 *
 *     pkg-config --cflags --libs weft
 *
 * Opaque handles, size-tagged options, futures.  The library never exits, installs no
 * signal handler and prints nothing.  After fork() only the parent may go on using it.
 */
#ifndef WEFT_WEFT_H
#define WEFT_WEFT_H

#include "admin.h"
#include "client.h"
#include "context.h"
#include "data.h"
#include "error.h"
#include "info.h"
#include "job.h"
#include "serve.h"
#include "version.h"

#endif
