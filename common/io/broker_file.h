/* broker_file.h - the brokers that a peer learned of or may be awaited at, beside its
 * identity
 *
 * A ZPL file with a section for each.  It spares a peer whose first broker is gone at its
 * start; what the next session tells replaces it.  Written whole or not at all.
 */
#ifndef COMMON_IO_BROKER_FILE_H
#define COMMON_IO_BROKER_FILE_H

#include "proto/brokers.h"

/* Add what is in the file.  A file that is not there holds nothing: 0.  WEFT_ECONF,
 * WEFT_EIO; the table is as it was then. */
int broker_file_load(const char *path, struct wf_broker_table *t, struct wf_err *err);

/* Those that are learned or awaited.  WEFT_EIO, WEFT_ENOMEM. */
int broker_file_save(const char *path, const struct wf_broker_table *t,
                     struct wf_err *err);

#endif
