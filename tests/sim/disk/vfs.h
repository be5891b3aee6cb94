/* vfs.h - lets SQLite run on simulated sectors
 *
 * One VFS for the process, "weft-sim", the default one while it is registered so that
 * also SQLite's own random numbers come from the seed.  It serves one device at a time.
 * Shared memory is plain memory that does not outlive its connection.
 */
#ifndef TESTS_SIM_DISK_VFS_H
#define TESTS_SIM_DISK_VFS_H

#include "tests/sim/disk/sectors.h"

#define VFS_NAME "weft-sim"

/* Serve this device from now on.  Randomness and time come from `c`. */
void vfs_use(struct sectors *d, struct clock *c);

/* A world begins: SQLite's random numbers begin anew too. */
void vfs_reset(void);

#endif
