/* notify.h - tell the service manager how we are (sd_notify(3), without libsystemd)
 *
 * Does nothing where NOTIFY_SOCKET is not set.
 */
#ifndef COMMON_IO_NOTIFY_H
#define COMMON_IO_NOTIFY_H

#include "common/defs.h"

void notify_ready(void);
void notify_stopping(void);
void notify_watchdog(void);
void notify_status(const char *fmt, ...) WF_PRINTF(1, 2);

/* How often notify_watchdog() is wanted, in microseconds (half of WATCHDOG_USEC); 0:
 * never. */
uint64_t notify_watchdog_us(void);

#endif
