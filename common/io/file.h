/* file.h - whole files, at once or not at all
 *
 * Error texts name the path and the system's reason.
 */
#ifndef COMMON_IO_FILE_H
#define COMMON_IO_FILE_H

#include "common/buf.h"
#include "common/err.h"

#include <sys/types.h>

/* Append the file's content to `dst`, whose `max` is the limit.  WEFT_ENOENT, WEFT_EIO,
 * WEFT_ETOOBIG, WEFT_ENOMEM. */
int file_read(const char *path, struct wf_buf *dst, struct wf_err *err);

/* Replace the file: a reader, or a start after a power cut, sees the old or the new
 * content (temporary file, fsync, rename, fsync of the folder).  WEFT_EIO. */
int file_write(const char *path, const void *bytes, size_t len, mode_t mode,
               struct wf_err *err);

/* As file_write(), but only where there is no such file: WEFT_EEXIST. */
int file_write_new(const char *path, const void *bytes, size_t len, mode_t mode,
                   struct wf_err *err);

/* Make a folder and the missing ones above it.  An existing one is left as it is. */
int file_mkdirs(const char *path, mode_t mode, struct wf_err *err);

/* Take the lock of a state folder (`dir`/lock) until file_unlock() or the process ends.
 * WEFT_EBUSY: the text says which process holds it.  WEFT_EIO. */
int file_lock(const char *dir, int *ret_fd, struct wf_err *err);
void file_unlock(int fd);

/* First thing in a program: give it the standard descriptors that it was started without.
 * Else the next file or socket gets the number, and takes in what is printed. */
void file_fill_std(void);

#endif
